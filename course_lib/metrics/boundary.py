"""How well the outlines agree: boundary F1 and boundary IoU.

IoU counts pixels, and a large object has few of them at its outline. These two look at the outline alone. Boundary F1 is the
contour measure of the DAVIS benchmark (Perazzi et al. 2016, after Martin et al. 2004): a boundary pixel is right if the other mask
has one within a tolerance. Boundary IoU (Cheng et al. 2021) is the IoU of the bands along the inner side of both outlines.

The classes of a label map are handled together: class c is bit c of an integer, so one XOR with the neighbor finds the boundaries of
all classes, and one OR of shifted maps widens them all.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

BITS = 62  # classes in one int64


def boundary(mask) -> Tensor:
    """The boundary of a mask: (H, W) bool -> (H, W) bool, one to two pixels thin, on either side of the edge.

    A pixel belongs to it if it differs from its right, lower or lower right neighbor (DAVIS). Neighbors outside the picture do not
    count, so a mask that fills the picture has no boundary. Raises TypeError for what is not bool, ValueError for other shapes.
    """
    return _edges(_mask("boundary", "mask", mask))


def boundary_f1(prediction, target, tolerance: float = 2.0, void=None) -> float:
    """F1 of the boundary pixels of two masks, (H, W) bool each -> 0..1 (DAVIS, measure F).

    Precision is the share of the prediction's boundary pixels with a target's boundary pixel at most `tolerance` pixels away
    (Euclidean distance), recall the share of the target's with one of the prediction's; the value is their harmonic mean. Two masks
    without any boundary agree: 1. One without: 0. void: (H, W) bool, pixels that nobody labeled; they are taken out of both masks, so an
    edge that ends in void lies at its rim in both. Raises TypeError for what is not bool, ValueError for shapes or tolerance.
    """
    prediction, target = _pair("boundary_f1", prediction, target)
    _check_tolerance("boundary_f1", tolerance)
    if void is not None:
        void = _mask("boundary_f1", "void", void)
        if void.shape != target.shape:
            raise ValueError(f"boundary_f1: void {tuple(void.shape)} must have the masks' shape {tuple(target.shape)}")
        prediction, target = prediction & ~void.to(target.device), target & ~void.to(target.device)
    counts = torch.stack([x.sum() for x in _matches(prediction, target, tolerance)])
    return 1.0 if int(counts.sum()) == 0 else float(_f1(counts))


class BoundaryF1:
    """Boundary F1 of each class over a whole set of label maps.

    num_classes: 1..255. tolerance: pixels. void: the label that is not counted, num_classes..255; void pixels belong to no class in
    target and prediction, as in `boundary_f1`. Images: the boundary pixels are *counted* over the set and divided once, as the confusion
    matrix is, so an image weighs as much as it has boundary. (DAVIS and Csurka et al. 2013 average over images.) Classes: `mean` is over
    those that have a boundary pixel in the truth or in the prediction. `counts` (4, num_classes) int64: predicted boundary pixels, those of
    them near a true one, true boundary pixels, those of them near a predicted one.
    """

    def __init__(self, num_classes: int, tolerance: float = 2.0, void: int = 255):
        if not 1 <= num_classes <= 255:
            raise ValueError(f"BoundaryF1: num_classes must be 1..255, not {num_classes}")
        if not num_classes <= void <= 255:
            raise ValueError(f"BoundaryF1: void must be {num_classes}..255, outside the classes, not {void}")
        _check_tolerance("BoundaryF1", tolerance)
        self.num_classes, self.tolerance, self.void = num_classes, float(tolerance), void
        self.counts = torch.zeros(4, num_classes, dtype=torch.int64)

    def __repr__(self) -> str:
        return f"BoundaryF1({self.num_classes} classes, tolerance {self.tolerance:g}, {int(self.counts[2].sum())} true boundary pixels)"

    def update(self, prediction, target) -> "BoundaryF1":
        """Add integer label maps of one shape, (H, W) or (N, H, W). Returns self.

        Raises, and adds nothing, TypeError for floats; ValueError for other shapes, for a target that is neither a class nor void, and for
        a prediction outside void pixels that is no class.
        """
        prediction, target = self._labels("prediction", prediction), self._labels("target", target)
        if prediction.shape != target.shape or target.ndim not in (2, 3) or not target.numel():
            raise ValueError(
                f"BoundaryF1: prediction {tuple(prediction.shape)} and target {tuple(target.shape)} must be (H, W) or (N, H, W), of one "
                "shape, with at least one pixel"
            )
        prediction = prediction.to(target.device)
        valid = target != self.void
        for name, bad in (
            ("target", target[valid & ((target < 0) | (target >= self.num_classes))]),
            ("prediction", prediction[valid & ((prediction < 0) | (prediction >= self.num_classes))]),
        ):
            if bad.numel():
                rule = f"0..{self.num_classes - 1}" + (f" or void {self.void}" if name == "target" else "")
                raise ValueError(f"BoundaryF1: {name} label {int(bad[0])} is not {rule}")
        size = target.shape[-2:]
        for one in zip(
            *(x.reshape(-1, *size) for x in (prediction, target, valid)), strict=True
        ):  # a map stays in the cache
            added = [self._count(*one, first) for first in range(0, self.num_classes, BITS)]
            self.counts = self.counts.to(target.device) + torch.cat(added, 1)
        return self

    def merge(self, other: "BoundaryF1") -> "BoundaryF1":
        """Add the counts of another one with the same classes and tolerance (another process, another part of the set). Returns self."""
        mine, theirs = ((x.num_classes, x.tolerance) for x in (self, other))
        if mine != theirs:
            raise ValueError(f"BoundaryF1: cannot merge (classes, tolerance) {theirs} into {mine}")
        self.counts = self.counts + other.counts.to(self.counts.device)
        return self

    def f1(self) -> Tensor:
        """F1 of each class, (num_classes,) float64, 0..1; NaN for a class without any boundary in truth and prediction."""
        return _f1(self.counts.cpu())

    def mean(self) -> float:
        """Mean of `f1` over the classes that have a boundary in the truth or in the prediction; NaN if there are none."""
        return float(self.f1().nanmean())

    def _count(self, prediction: Tensor, target: Tensor, valid: Tensor, first: int) -> Tensor:
        """(4, n) counts of the n classes from `first` on, each a bit of the codes."""
        n = min(BITS, self.num_classes - first)

        def coded(labels):
            inside = valid & (labels >= first) & (labels < first + n)
            return torch.where(inside, torch.ones_like(labels) << (labels - first).clamp(0, n - 1), 0)

        found = [codes[codes != 0] for codes in _matches(coded(prediction), coded(target), self.tolerance)]
        return torch.stack([torch.stack([(codes >> bit & 1).sum() for bit in range(n)]) for codes in found])

    @staticmethod
    def _labels(name: str, labels) -> Tensor:
        labels = torch.as_tensor(labels).as_subclass(Tensor)
        if labels.is_floating_point() or labels.is_complex():
            raise TypeError(
                f"BoundaryF1: {name} must hold integer labels, not {labels.dtype}; take argmax(1) of logits"
            )
        return labels.long()


def boundary_iou(prediction, target, width: int | None = None) -> float:
    """IoU of the bands that lie inside the masks, at most `width` pixels from their outlines: (H, W) bool each -> 0..1.

    Cheng et al. 2021, equation 1, as their code computes it: the band is what `width` erosions by 3x3 take away, and the frame of the
    picture is outline too. width: by default max(1, round(0.02 * diagonal)). Two empty masks agree: 1. Raises TypeError for what is
    not bool, ValueError for other shapes or a width below 1.
    """
    prediction, target = _pair("boundary_iou", prediction, target)
    if width is None:
        width = max(1, round(0.02 * math.hypot(*target.shape)))
    if int(width) != width or width < 1:
        raise ValueError(f"boundary_iou: width must be a whole number of pixels, 1 or more, not {width}")
    bands = [_band(mask, int(width)) for mask in (prediction, target)]
    union = int((bands[0] | bands[1]).sum())
    return int((bands[0] & bands[1]).sum()) / union if union else 1.0


def _edges(codes: Tensor) -> Tensor:
    """Where (..., H, W) bool or bit codes differ from the right, lower or lower right neighbor; bitwise."""
    edges = torch.zeros_like(codes)
    edges[..., :, :-1] |= codes[..., :, :-1] ^ codes[..., :, 1:]
    edges[..., :-1, :] |= codes[..., :-1, :] ^ codes[..., 1:, :]
    edges[..., :-1, :-1] |= codes[..., :-1, :-1] ^ codes[..., 1:, 1:]
    return edges


def _near(edges: Tensor, tolerance: float) -> Tensor:
    """Bits set within `tolerance` pixels (Euclidean) of where they are set in (..., H, W); the work grows with the tolerance squared."""
    reach = math.floor(tolerance)
    padded, (height, width) = F.pad(edges, [reach] * 4), edges.shape[-2:]
    near = torch.zeros_like(edges)
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            if x * x + y * y <= tolerance**2:
                near |= padded[..., reach + y : reach + y + height, reach + x : reach + x + width]
    return near


def _matches(prediction: Tensor, target: Tensor, tolerance: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Predicted edges, those near a true one, true edges, those near a predicted one; (..., H, W) each."""
    found, wanted = _edges(prediction), _edges(target)
    return found, found & _near(wanted, tolerance), wanted, wanted & _near(found, tolerance)


def _f1(counts: Tensor) -> Tensor:
    """2 P R / (P + R) of counts (4, ...), float64; 0 where one side has no edge or nothing matches, NaN where both have none."""
    found, right, wanted, reached = counts.double()
    precision, recall = right / found.clamp(min=1), reached / wanted.clamp(min=1)
    total = precision + recall
    f1 = 2 * precision * recall / total.where(total > 0, torch.ones_like(total))
    return f1.where(found + wanted > 0, torch.full_like(f1, float("nan")))


def _band(mask: Tensor, width: int) -> Tensor:
    """The part of (H, W) bool within `width` pixels (the larger of rows and columns) of what is not the mask, the frame included."""
    outside = F.pad((~mask).float()[None], [width] * 4, value=1.0)
    return mask & (F.max_pool2d(outside, 2 * width + 1, stride=1)[0] > 0)


def _mask(name: str, argument: str, mask) -> Tensor:
    mask = torch.as_tensor(mask).as_subclass(Tensor)
    if mask.dtype != torch.bool:
        hint = "compare labels with a class, or probabilities with a threshold"
        raise TypeError(f"{name}: {argument} must be bool, not {str(mask.dtype).removeprefix('torch.')}; {hint}")
    if mask.ndim != 2 or not mask.numel():
        raise ValueError(f"{name}: {argument} must be (H, W) with at least one pixel, not {tuple(mask.shape)}")
    return mask


def _pair(name: str, prediction, target) -> tuple[Tensor, Tensor]:
    prediction, target = _mask(name, "prediction", prediction), _mask(name, "target", target)
    if prediction.shape != target.shape:
        raise ValueError(
            f"{name}: prediction {tuple(prediction.shape)} and target {tuple(target.shape)} must have one shape"
        )
    return prediction.to(target.device), target


def _check_tolerance(name: str, tolerance: float) -> None:
    if not 0 <= tolerance < 1000:
        raise ValueError(f"{name}: tolerance must be 0 or more pixels (below 1000), not {tolerance}")
