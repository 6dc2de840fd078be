"""Colors of classes and instances, and label maps turned into colors.

Class colors are tuples of (r, g, b) integers, as a data set's `colors`; TP, FP and FN are hex strings for matplotlib.
Okabe-Ito (Okabe and Ito 2008, without its black, which here means void) serves up to 7 classes; Petroff's ten-color
cycle (arXiv:2107.02270) up to 10. Both stay distinguishable for red- and green-blind readers; more than ten colors do
not, so pictures with more classes also carry the class names.
"""

import numpy as np

VOID = 255  # class id of pixels without a label
VOID_COLOR = (0, 0, 0)


def _rgb(*colors: str) -> tuple[tuple[int, int, int], ...]:
    return tuple((int(c[0:2], 16), int(c[2:4], 16), int(c[4:6], 16)) for c in colors)


OKABE_ITO = _rgb("E69F00", "56B4E9", "009E73", "F0E442", "0072B2", "D55E00", "CC79A7")
PETROFF10 = _rgb(
    "3F90DA", "FFA90E", "BD1F01", "94A4A2", "832DB6", "A96B59", "E76300", "B9AC70", "717581", "92DADD"
)  # fmt: skip
TP, FP, FN = "#009E73", "#E69F00", "#0072B2"  # true positive, false positive, false negative pixels

# Shades of one class: the share of white (> 0) or black (< 0) mixed into its color, cycled over the instances.
SHADES = (0.0, 0.45, -0.4, 0.22, -0.2)


def semantic_rgb(semantic, colors) -> np.ndarray:
    """Colors of a label map.

    semantic: (H, W) integer class ids in 0..len(colors)-1, or 255 = void (drawn black); tensor or array.
    colors: sequence of (r, g, b) in 0..255. Returns (H, W, 3) uint8. Raises ValueError for another class id.
    """
    labels = label_map(semantic, "semantic_rgb")
    return _table(labels, colors, "semantic_rgb")[labels]


def panoptic_rgb(panoptic, colors) -> np.ndarray:
    """Colors of a panoptic map: the class decides the hue, the instance the shade.

    panoptic: (H, W) integers = class * 1000 + instance (stuff has instance 0, things count from 1), 255000 = void, drawn
    black. colors: sequence of (r, g, b) in 0..255, one for each class. Returns (H, W, 3) uint8. Raises ValueError for
    another class id.
    """
    ids, inverse = np.unique(label_map(panoptic, "panoptic_rgb"), return_inverse=True)
    table = _table(ids // 1000, colors, "panoptic_rgb")[ids // 1000].astype(float)
    for row, instance in zip(table, ids % 1000, strict=True):
        share = SHADES[(instance - 1) % len(SHADES)] if instance else 0.0
        row += abs(share) * ((255.0 if share > 0 else 0.0) - row)
    return table.round().astype(np.uint8)[inverse.reshape(np.shape(panoptic))]


def label_map(labels, caller: str) -> np.ndarray:
    """A label map as an integer array (H, W); ValueError, beginning with `caller`, for another shape or dtype."""
    labels = np.asarray(labels.cpu() if hasattr(labels, "cpu") else labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iub":
        raise ValueError(f"{caller}: labels have shape {labels.shape} and dtype {labels.dtype}; give (H, W) integers")
    return labels.astype(np.int64)


def _table(classes: np.ndarray, colors, caller: str) -> np.ndarray:
    """Look-up table (256, 3) uint8 of the class colors, after a check that `classes` has no other id than those and void."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colors)] = colors
    table[VOID] = VOID_COLOR
    unknown = np.setdiff1d(classes, [*range(len(colors)), VOID])
    if unknown.size:
        raise ValueError(f"{caller}: class {unknown[0]} has no color; ids run from 0 to {len(colors) - 1}, 255 is void")
    return table
