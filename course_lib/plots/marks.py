"""Names and numbers written into the regions of a picture, where color alone would not tell them apart."""

import numpy as np
from matplotlib.patheffects import withStroke
from scipy import ndimage

from .palettes import PETROFF10, VOID

SMALLEST = 1200  # pixels on the page of a region that gets a name
STROKE = [withStroke(linewidth=2.2, foreground="#111111")]


def name_regions(ax, labels: np.ndarray, classes) -> None:
    """With more than ten classes, write the class name into each connected region of `labels` (h, w) that has room for it."""
    if len(classes) <= len(PETROFF10):
        return
    for value in np.unique(labels):
        if value == VOID:
            continue
        components, count = ndimage.label(labels == value)
        sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
        for i in np.flatnonzero(sizes > SMALLEST) + 1:
            _write(ax, components == i, classes[value])


def number_regions(ax, labels: np.ndarray) -> None:
    """Write its number into each object of `labels` (h, w), where 0 is no object."""
    for value in np.unique(labels):
        if value:
            _write(ax, labels == value, str(value))


def number_masks(masks, size) -> np.ndarray:
    """(M, H, W) bool -> (H, W) int: 0 = no object, i + 1 = mask i; a later mask lies on top."""
    labels = np.zeros(size, np.int64)
    for i, mask in enumerate(masks):
        labels[np.asarray(mask.cpu() if hasattr(mask, "cpu") else mask)] = i + 1
    return labels


def _write(ax, region: np.ndarray, text: str) -> None:
    """Text at the point of the region (h, w) bool that is farthest from its border."""
    depth = ndimage.distance_transform_cdt(np.pad(region, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    half = min(3 * len(text), depth.shape[1] // 2)  # of the width of the text, to keep it inside the picture
    x = np.clip(x, half, depth.shape[1] - half)
    ax.text(x, y, text, ha="center", va="center", fontsize=8, color="white", path_effects=STROKE, clip_on=True)
