"""What does each score map add? The three maps of an FCN-8s on one picture, added one after the other by a slider.

FCN-8s (Long, Shelhamer and Darrell 2015, figure 3) adds class scores at stride 32, 16 and 8: it doubles score_fr, adds score_pool4,
doubles, adds score_pool3 and enlarges eight times. With upsampling fixed to bilinear, as in the released nets, all of this is linear, so a
map counts as much as its weight says. At weight 0 of both skips this is the 8s net without its skips, not a trained FCN-32s.

The browser computes and draws this in score_ladder.js; this file repeats it for the still picture.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from course_lib.widgets.base import INK, CourseWidget, format_number
from course_lib.widgets.drawing import sheet, write
from course_lib.widgets.label_maps import LARGEST, borders, es_module_with_maps, lines, pack, pixels, unpack

NAMES = ("score_fr", "score_pool4", "score_pool3")
STRIDES = (32, 16, 8)
POSITIVE, NEGATIVE = (0, 114, 178), (213, 94, 0)  # blue, vermillion
MOST_CLASSES = 32


class ScoreLadder(CourseWidget):
    """Use `score_ladder`. The traits are the state; set amount and shown to move the widget."""

    _esm = es_module_with_maps("score_ladder.js")

    amount = traitlets.Float(0.0, min=0.0, max=2.0, help="0: score_fr alone, 1: and score_pool4, 2: all").tag(sync=True)
    shown = traitlets.Unicode(help="the class whose scores are drawn").tag(sync=True)
    size = traitlets.List(help="[H, W]").tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    colors = traitlets.List(help="[r, g, b] of each class, 0 ... 255").tag(sync=True)
    picture = traitlets.Unicode(help="base64 of H * W * 3 bytes").tag(sync=True)
    truth = traitlets.Unicode("", help="packed (label_maps.pack); void is 255").tag(sync=True)
    scores = traitlets.List(help="three flat lists, each of C * H / stride * W / stride numbers").tag(sync=True)

    @traitlets.validate("shown")
    def _is_a_class(self, proposal):
        if self.classes and proposal.value not in self.classes:
            raise traitlets.TraitError(f"shown must be one of {', '.join(self.classes)}, got {proposal.value!r}")
        return proposal.value

    def maps(self) -> dict[str, np.ndarray]:
        """The score maps by name, (C, H / stride, W / stride) float64."""
        count, (height, width) = len(self.classes), self.size
        return {
            name: np.array(flat, float).reshape(count, height // stride, width // stride)
            for name, stride, flat in zip(NAMES, STRIDES, self.scores, strict=True)
        }

    def weights(self) -> tuple[float, float, float]:
        """What each map is multiplied by at the present amount."""
        return 1.0, min(self.amount, 1.0), max(self.amount - 1.0, 0.0)

    def logits(self, weights: Sequence[float] | None = None) -> np.ndarray:
        """The weighted sum (C, H, W) float64, at the present weights unless told."""
        parts = zip(self.maps().values(), weights or self.weights(), strict=True)
        return sum(enlarge(scores, self.size) * weight for scores, weight in parts)

    def labels(self) -> np.ndarray:
        """The answer (H, W) int64 at the present amount."""
        return self.logits().argmax(0)

    def verdict(self) -> list[str]:
        """What is added and what it changes; then how the shown class fares."""
        answer = self.labels()
        moved = format_number(100 * float((answer != self.logits((1, 0, 0)).argmax(0)).mean()), 1)
        changed = [f"{moved} % of the pixels have another class than with score_fr alone"] if self.amount else []
        k = self.classes.index(self.shown)
        found = answer == k
        if not self.truth:
            return [f"{': '.join([self._sum(), *changed])}.", f"{self.shown}: {int(found.sum())} pixels."]
        truth = unpack(self.truth, self.size)
        valid, true = truth != 255, truth == k
        right = format_number(100 * float((answer == truth)[valid].mean()) if valid.any() else 0.0, 1)
        union = int(((found | true) & valid).sum())
        iou = f"IoU {format_number(float((found & true).sum() / union))}" if union else "no IoU"
        return [
            f"{self._sum()}: {'; '.join([f'{right} % of the pixels are right', *changed])}.",
            f"{self.shown}: {int((found & valid).sum())} pixels predicted, {int(true.sum())} true, {iou}.",
        ]

    def describe(self) -> str:
        return "Score ladder, picture of {}×{} pixels. ".format(*self.size) + " ".join(self.verdict())

    def figure(self):
        height, width = self.size
        unit = 3.0 / max(height, width)
        tall = height * unit
        figure, ax = sheet(9.6, 1.35 + 2 * tall)
        for index, text in enumerate(self.verdict()):
            write(ax, 0.2, 0.2 + 0.2 * index, text, 9)
        top, lower = 0.8, 1.15 + tall
        places = [(0.15 + 3.15 * index, top) for index in range(3)]
        rgb = np.frombuffer(base64.b64decode(self.picture), np.uint8).reshape(height, width, 3)
        answer, k = self.labels(), self.classes.index(self.shown)
        maps = {name: scores[k] for name, scores in self.maps().items()}
        total = self.logits()[k]
        most = self._most(k)
        captions = (
            "picture",
            "answer and true outlines" if self.truth else "answer",
            f"sum of the scores for {self.shown}",
        )
        shown = (rgb, np.array(self.colors, float)[answer], tint(total, most))
        for corner, caption, each in zip(places, captions, shown, strict=True):
            write(ax, corner[0], corner[1] - 0.12, caption, 9, weight="bold")
            pixels(ax, each, corner, unit)
        if self.truth:
            lines(ax, borders(unpack(self.truth, self.size)), places[1], unit, (INK, 1.0, "-"))
        for (left, _), (name, scores), stride, weight in zip(
            places, maps.items(), STRIDES, self.weights(), strict=True
        ):
            write(ax, left, lower - 0.12, caption_of(name, stride, weight, self.shown), 9, weight="bold")
            pixels(ax, tint(scores, most), (left, lower), unit * stride)
        return figure

    def _sum(self) -> str:
        parts = [
            name if w == 1 else f"{format_number(w)} · {name}"
            for name, w in zip(NAMES, self.weights(), strict=True)
            if w
        ]
        return " + ".join(parts)

    def _most(self, k: int) -> float:
        """The largest |score| of one class in any map and in the full sum, at least a tiny number."""
        full = self.logits((1, 1, 1))[k]
        return max(1e-9, *(float(np.abs(each).max()) for each in (*(s[k] for s in self.maps().values()), full)))


def enlarge(scores: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """A score map (C, h, w) at `size` (H, W): doubled bilinearly until its stride is 8, then enlarged eight times; zero outside."""
    rows, columns = (upsampling(n, whole) for n, whole in zip(scores.shape[1:], size, strict=True))
    return rows @ scores @ columns.T


def upsampling(cells: int, size: int) -> np.ndarray:
    """The matrix (size, cells) of that chain along one axis."""
    matrix = np.eye(cells)
    while 8 * len(matrix) < size:
        matrix = stamps(len(matrix), 2) @ matrix
    return stamps(len(matrix), 8) @ matrix


def stamps(cells: int, factor: int) -> np.ndarray:
    """Bilinear transposed convolution along one axis, (factor * cells, cells): cell i draws a triangle around its middle."""
    pixel = (np.arange(factor * cells) + 0.5) / factor
    return np.maximum(0, 1 - np.abs(pixel[:, None] - np.arange(cells) - 0.5))


def tint(scores: np.ndarray, most: float) -> np.ndarray:
    """Scores (h, w) as colors (h, w, 3): white is 0, blue positive, vermillion negative, full at +-most."""
    share = np.minimum(np.abs(scores) / most, 1)[..., None]
    return 255 - share * (255 - np.where(scores[..., None] > 0, POSITIVE, NEGATIVE))


def caption_of(name: str, stride: int, weight: float, shown: str) -> str:
    return f"{name} (stride {stride}) × {format_number(weight)}"


def score_ladder(
    scores: Mapping[str, Any],
    image: Any,
    truth: Any = None,
    *,
    classes: Sequence[str],
    colors: Any,
    shown: str = "",
    amount: float = 0.0,
) -> ScoreLadder:
    """A slider that adds the score maps of an FCN-8s on one picture.

    scores: "score_fr", "score_pool4", "score_pool3" -> (C, H / 32, W / 32), (C, H / 16, W / 16), (C, H / 8, W / 8), as `FCN.scores` of a
    net with padding=1 gives them for one image, with or without a batch axis of 1. They are rounded to three decimals. image (3, H, W)
    float in [0, 1]; H and W are multiples of 32 up to 256. truth (H, W) labels, void 255. classes: C names; colors: C times (r, g, b),
    0 ... 255. shown: the class whose scores are drawn first, by default the first class. amount 0 ... 2: where the slider starts, 0 is
    score_fr alone, 1 adds score_pool4, 2 all. ValueError for anything else.
    """
    from course_lib.plots.pictures import as_rgb

    rgb = as_rgb(image)
    height, width = rgb.shape[:2]
    if height % 32 or width % 32 or not 32 <= max(height, width) <= LARGEST:
        raise ValueError(
            f"score_ladder: image is {height}×{width}; its sides must be multiples of 32 of at most {LARGEST} pixels"
        )
    classes = [str(name) for name in classes]
    if not 2 <= len(classes) <= MOST_CLASSES or len(set(classes)) < len(classes):
        raise ValueError(f"score_ladder: classes must be 2 to {MOST_CLASSES} different names, got {classes}")
    palette = np.asarray(colors)
    if palette.shape != (len(classes), 3):
        raise ValueError(f"score_ladder: colors have shape {palette.shape}; they must be {(len(classes), 3)}")
    if sorted(scores) != sorted(NAMES):
        raise ValueError(f"score_ladder: scores must have the keys {', '.join(NAMES)}, got {', '.join(scores)}")
    flat = []
    for name, stride in zip(NAMES, STRIDES, strict=True):
        each, expected = _array(scores[name]), (len(classes), height // stride, width // stride)
        each = each[0] if each.ndim == 4 and len(each) == 1 else each
        if each.shape != expected or not np.isfinite(each).all():
            raise ValueError(f"score_ladder: {name} has shape {each.shape}; it must be {expected} finite numbers")
        flat.append([round(float(value), 3) for value in each.ravel()])
    labels = "" if truth is None else _labels(_array(truth), (height, width), len(classes))
    if shown and shown not in classes:
        raise ValueError(f"score_ladder: shown must be one of {', '.join(classes)}, got {shown!r}")
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount <= 2:
        raise ValueError(f"score_ladder: amount must be a number from 0 to 2, got {amount!r}")
    return ScoreLadder(
        amount=float(amount),
        classes=classes,
        shown=shown or classes[0],
        size=[height, width],
        colors=[[int(value) for value in color] for color in palette],
        picture=base64.b64encode(rgb.tobytes()).decode("ascii"),
        truth=labels,
        scores=flat,
    )


def _array(values: Any) -> np.ndarray:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _labels(truth: np.ndarray, size: tuple[int, int], count: int) -> str:
    """The packed truth; ValueError unless it has that size and labels below `count` or 255."""
    if truth.shape != size:
        raise ValueError(f"score_ladder: truth has shape {truth.shape}; it must be {size}, as the image")
    if truth.dtype.kind not in "iu" or (((truth < 0) | (truth >= count)) & (truth != 255)).any():
        raise ValueError(f"score_ladder: truth must be integer labels 0 to {count - 1}, or 255 for void")
    return pack(truth)
