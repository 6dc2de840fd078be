"""Which single stroke raises one metric and lowers another? A prediction in the learner's hand, over a truth, and what the metrics say.

Pixel accuracy counts background too, IoU and Dice count the object alone, boundary F1 and boundary IoU only its outline. A stroke that
gains one can lose another; the widget compares each step with the one before. The browser computes all this (mask_metrics.js,
mask_playground.js); here it comes from `course_lib.metrics`, for the still picture.
"""

import math
from typing import Any

import numpy as np
import torch
import traitlets
from scipy import ndimage

from course_lib import metrics
from course_lib.widgets import mask_picture
from course_lib.widgets.base import CourseWidget, format_number, whole_number
from course_lib.widgets.label_maps import es_module_with_maps, pack, unpack

METRICS = {
    "accuracy": "pixel accuracy",
    "iou": "IoU",
    "dice": "Dice",
    "f1": "boundary F1",
    "band": "boundary IoU",
}
PRESETS = ("stem", "large", "small")  # a disk with a stem, a large square, a small square of 4×4
SIDES = 8, 96  # pixels along a side
SAME = 0.0005  # less than this a metric has not changed: three decimals are shown


class MaskPlayground(CourseWidget):
    """Use `mask_playground`. The traits are the state; `predict` shows another prediction, the others can be set."""

    _esm = es_module_with_maps("mask_metrics.js", "mask_playground.js")

    size = traitlets.List(help="[H, W]").tag(sync=True)
    target = traitlets.Unicode(help="the truth, packed (label_maps.pack)").tag(sync=True)
    prediction = traitlets.Unicode(help="packed").tag(sync=True)
    history = traitlets.List(help="[target, prediction] before each of the last steps").tag(sync=True)
    view = traitlets.Enum(("pixels", "boundaries", "bands"), "pixels", help="what is colored").tag(sync=True)
    tolerance = traitlets.Int(1, min=0, max=8, help="of boundary F1, px").tag(sync=True)
    band = traitlets.Int(1, min=1, max=8, help="width of boundary IoU's band, px").tag(sync=True)
    brush = traitlets.Int(1, min=1, max=9, help="side of the square brush, px").tag(sync=True)
    cursor = traitlets.List(traitlets.Int(min=0), [0, 0], help="[row, column] of the brush").tag(sync=True)

    def truth(self) -> np.ndarray:
        """The truth (H, W) bool."""
        return unpack(self.target, self.size) > 0

    def mask(self) -> np.ndarray:
        """The prediction (H, W) bool."""
        return unpack(self.prediction, self.size) > 0

    def predict(self, mask) -> None:
        """Show another prediction (H, W) bool; what is shown now becomes the step before, and "undo" comes back to it."""
        packed = pack(_mask("predict", "mask", mask, self.size))
        self.history = [*self.history, [self.target, self.prediction]][-20:]
        self.prediction = packed

    def counts(self) -> dict[str, int]:
        """Pixels by sort: {"TP", "FP", "FN", "TN"}."""
        truth, mask = self.truth(), self.mask()
        sorts = {"TP": truth & mask, "FP": mask & ~truth, "FN": truth & ~mask, "TN": ~(truth | mask)}
        return {name: int(pixels.sum()) for name, pixels in sorts.items()}

    def metrics(self) -> dict[str, float]:
        """{"accuracy", "iou", "dice", "f1", "band"} of the prediction, 0..1 each."""
        return self._measure(self.mask())

    def before(self) -> dict[str, float] | None:
        """The metrics before the last step; None if there was none, or if it brought another truth."""
        if not self.history or self.history[-1][0] != self.target:
            return None
        return self._measure(unpack(self.history[-1][1], self.size) > 0)

    def changes(self) -> dict[str, int]:
        """What the last step did to each metric: -1 lowered, 0 nothing that three decimals show, 1 raised; {} if there was none."""
        if (before := self.before()) is None:
            return {}
        now = self.metrics()
        change = {name: now[name] - value for name, value in before.items()}
        return {name: 0 if abs(value) < SAME else int(np.sign(value)) for name, value in change.items()}

    def verdict(self) -> tuple[str, str, bool]:
        """What the last step did, what an empty prediction would get, and whether the metrics disagree about the step."""
        empty = self._measure(np.zeros(self.size, bool))["accuracy"]
        base = f"Nothing painted at all: pixel accuracy {format_number(empty, 3)}, and 0 in the other four."
        moved = self.changes()
        up, down, still = ([METRICS[name] for name, sign in moved.items() if sign == s] for s in (1, -1, 0))
        parts = [f"{verb} {_list(names)}" for verb, names in (("raised", up), ("lowered", down)) if names]
        if not moved:
            return "Paint one stroke: this line says which metrics it raised and which it lowered.", base, False
        if not parts:
            return "The last step changed nothing that three decimals show.", base, False
        start = "The metrics disagree: the" if up and down else "The"
        rest = f" Unchanged: {_list(still)}." if still else ""
        return f"{start} last step {' and '.join(parts)}.{rest}", base, bool(up and down)

    def sorts(self) -> np.ndarray:
        """What the view colors (H, W) int64: 1 right, 2 too much, 3 missed, 0 nothing (mask_metrics.js)."""
        wanted, found = self.truth(), self.mask()
        if self.view == "bands":
            wanted, found = (_band(mask, self.band) for mask in (wanted, found))
        if self.view != "boundaries":
            return np.select([found & wanted, found, wanted], [1, 2, 3], 0)
        wanted, found = (metrics.boundary(torch.from_numpy(mask)).numpy() for mask in (wanted, found))
        reached, right = (_near(edges, self.tolerance) for edges in (found, wanted))
        return np.select([found & right, found, wanted & reached, wanted], [1, 2, 1, 3], 0)

    def describe(self) -> str:
        height, width = self.size
        counts = ", ".join(f"{name} {count}" for name, count in self.counts().items())
        values = ", ".join(f"{METRICS[name]} {format_number(value, 3)}" for name, value in self.metrics().items())
        settings = f"boundary F1 within {self.tolerance} px, band of {self.band} px"
        return f"Mask playground, {height}×{width} pixels: {counts}; {values} ({settings}). {self.verdict()[0]}"

    def figure(self):
        return mask_picture.figure(self, METRICS)

    def _measure(self, mask: np.ndarray) -> dict[str, float]:
        truth, found = torch.from_numpy(self.truth()), torch.from_numpy(mask)
        right, wrong = int((truth & found).sum()), int((truth ^ found).sum())
        return {
            "accuracy": (mask.size - wrong) / mask.size,
            "iou": right / (right + wrong),
            "dice": 2 * right / (2 * right + wrong),
            "f1": metrics.boundary_f1(found, truth, self.tolerance),
            "band": metrics.boundary_iou(found, truth, self.band),
        }


def mask_playground(target: Any = None, prediction: Any = None, tolerance: int = 1, size: int = 32) -> MaskPlayground:
    """A truth, and a prediction to paint over it.

    target: a mask (H, W) bool with both object and background, sides of 8 to 96 pixels; or "stem" (a disk with a stem, the default),
    "large", "small" (squares) on a picture of `size` x `size`. prediction (H, W) bool: by default the truth, one pixel to the right.
    tolerance 0 ... 8 px of boundary F1. The band of boundary IoU starts at 2 % of the diagonal, at least 1 px. ValueError for anything
    else.
    """
    whole_number("mask_playground", "tolerance", tolerance, 0, 8)
    if target is None or isinstance(target, str):
        name = "stem" if target is None else target
        if name not in PRESETS:
            raise ValueError(f"mask_playground: target must be a mask or one of {', '.join(PRESETS)}, got {name!r}")
        truth = preset(name, (whole_number("mask_playground", "size", size, *SIDES),) * 2)
    else:
        truth = _mask("mask_playground", "target", target)
    if truth.all() or not truth.any():
        kind = "object" if truth.all() else "background"
        raise ValueError(f"mask_playground: all pixels of target are {kind}; it needs both object and background")
    if prediction is None:
        found = np.pad(truth, ((0, 0), (1, 0)))[:, :-1]
    else:
        found = _mask("mask_playground", "prediction", prediction, truth.shape)
    return MaskPlayground(
        size=list(truth.shape),
        target=pack(truth),
        prediction=pack(found),
        tolerance=tolerance,
        band=min(8, max(1, round(0.02 * math.hypot(*truth.shape)))),
        cursor=[truth.shape[0] // 2, truth.shape[1] // 2],
    )


def preset(name: str, shape: tuple[int, int]) -> np.ndarray:
    """One of PRESETS as a mask (H, W) bool."""
    height, width = shape
    row, column = np.indices(shape)
    least = min(shape)
    if name != "stem":
        side = math.floor(0.6 * least) if name == "large" else 4
        top, left = (height - side) // 2, (width - side) // 2
        return (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
    top, middle = math.floor(0.36 * height), width // 2
    disk = (row - top) ** 2 + (column - middle) ** 2 < (0.27 * least) ** 2
    below = (row > top) & (row < math.floor(0.92 * height))
    return disk | (below & (column >= middle - 1) & (column <= middle))


def _band(mask: np.ndarray, width: int) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=width)


def _near(edges: np.ndarray, tolerance: int) -> np.ndarray:
    return ndimage.distance_transform_edt(~edges) <= tolerance if edges.any() else edges


def _mask(function: str, name: str, given: Any, shape=None) -> np.ndarray:
    array = np.asarray(given)
    if array.dtype != bool or array.ndim != 2:
        raise ValueError(f"{function}: {name} must be a mask (H, W) of bool, got {array.dtype} of shape {array.shape}")
    if shape is not None and array.shape != tuple(shape):
        raise ValueError(f"{function}: {name} has shape {array.shape}; the target's is {tuple(shape)}")
    if not SIDES[0] <= min(array.shape) <= max(array.shape) <= SIDES[1]:
        raise ValueError(f"{function}: {name} has shape {array.shape}; sides must be {SIDES[0]} to {SIDES[1]} pixels")
    return array


def _list(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
