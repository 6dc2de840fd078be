"""Two label maps side by side, and where they differ."""

import numpy as np
from matplotlib.figure import Figure

from .figures import GAP, WIDTH, sheet
from .legends import MARGIN, ROW, key, legend
from .marks import name_regions
from .palettes import FN, FP, TP, VOID, label_map, semantic_rgb
from .pictures import as_rgb, fit, fit_labels, hatch, outline

PAPER, INK = (235, 235, 235), (70, 70, 70)  # where there is nothing to say; inside of a mask


def difference(left, right, classes=None, colors=None, *, titles=("prediction", "truth"), image=None) -> Figure:
    """Two label maps in one row and, third, the pixels where they differ, colored and hatched.

    left, right: (H, W) of one size. Integers: class ids; right = 255 (void) is not compared; `classes` and `colors` are needed.
    Bool: masks; the third picture then tells true positives (plain), false positives (/) and false negatives (\\\\).
    titles: names of the two. image: (3, H, W) in [0, 1], shown pale under the third. Raises ValueError for unequal sizes.
    """
    binary = all(str(labels.dtype).removeprefix("torch.") == "bool" for labels in (left, right))
    left, right = label_map(left, "difference"), label_map(right, "difference")
    if left.shape != right.shape:
        raise ValueError(f"difference: left is {left.shape} but right is {right.shape}; give the same size")
    if not binary and (classes is None or colors is None):
        raise ValueError("difference: classes and colors are missing; label maps of integers need both")
    width = (WIDTH - GAP) // 3 - GAP
    if binary:
        colors, below = (PAPER, INK), (ROW + MARGIN, _binary_key)
    else:
        below = key(np.concatenate([left, right]), classes, colors, WIDTH)
    maps = [fit_labels(labels, width) for labels in (left, right)]
    ground = np.full((*left.shape, 3), PAPER, np.uint8) if image is None else _pale(as_rgb(image))
    third = _paint(fit(ground, width), fit_labels(_kinds(left, right, binary), width))
    counted = right != VOID
    share = (left != right)[counted].mean() if counted.any() else 0.0
    tiles = [*(outline(semantic_rgb(labels, colors), labels) for labels in maps), third]
    fig, axes = sheet(tiles, [*titles, f"hatched: {share:.1%} differ; gray: equal"], 3, *below)
    for ax, labels in zip(axes, maps, strict=False):
        name_regions(ax, labels, classes or ())
    return fig


def _kinds(left, right, binary: bool) -> np.ndarray:
    """(H, W): 0 = equal or void, 1 = true positive (masks only), 2 = false positive or another class, 3 = false negative."""
    if binary:
        return left * right + 2 * (left > right) + 3 * (left < right)
    return 2 * ((left != right) & (right != VOID))


def _paint(rgb: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """The picture with true positives tinted and errors filled and hatched."""
    height, width = kinds.shape
    rising, falling = hatch(height, width), hatch(height, width, rising=False)
    rgb = rgb.copy()
    rgb[kinds == 1] = (0.5 * rgb[kinds == 1] + 0.5 * _ints(TP)).astype(np.uint8)
    for kind, color, stripes, line in ((2, FP, rising, (95, 55, 0)), (3, FN, falling, (190, 220, 245))):
        rgb[kinds == kind] = _ints(color)
        rgb[(kinds == kind) & stripes] = line
    return rgb


def _ints(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])


def _pale(rgb: np.ndarray) -> np.ndarray:
    gray = rgb.mean(-1, keepdims=True) * 0.5 + 120
    return gray.repeat(3, -1).astype(np.uint8)


def _binary_key(fig) -> None:
    names = ("true positive", "false positive", "false negative")
    legend(fig, names, (TP, FP, FN), (None, "////", "\\\\\\\\"), columns=3, loc="lower center", borderaxespad=0.2)
