"""Losses that are a sum over pixels: cross-entropy, focal, online hard example mining.

Each pixel pays minus the log of the probability that it gave to its true class. The losses differ in how much a pixel counts: by its
class, by its place, by how wrong it is.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.losses.common import VOID, check_number, checked, checked_weight, ratio


def cross_entropy(logits: Tensor, target: Tensor, *, weight=None, pixel_weight: Tensor | None = None) -> Tensor:
    """sum(w * l) / sum(w) over the valid pixels, where l is a pixel's -log p(true class). A scalar.

    logits: (N, C, H, W); target: (N, H, W) int64, void 255. weight: (C,) class weights, (2,) for C = 1. pixel_weight: (N, H, W). A
    pixel's w is the product of the two, 1 without them, so the scale of the weights cancels, as in PyTorch's `F.cross_entropy`. If all
    w are 0 (there PyTorch gives NaN), the loss is 0. Raises ValueError or TypeError for input that does not fit.
    """
    logits, target, valid = checked("cross_entropy", logits, target)
    if weight is None and pixel_weight is None and logits.shape[1] > 1:  # one fused pass
        return F.cross_entropy(logits, target, ignore_index=VOID, reduction="sum") / valid.sum().clamp(min=1)
    w = _weights("cross_entropy", weight, logits, target, valid)
    if pixel_weight is not None:
        w = w * _checked_pixels(pixel_weight, target, valid).to(w)
    return ratio((w * pixel_losses(logits, target, valid)).sum(), w.sum())


def focal_loss(logits: Tensor, target: Tensor, *, gamma: float = 2.0, weight=None) -> Tensor:
    """Cross-entropy in which a pixel counts (1 - p)**gamma, p being its probability of the true class. A scalar.

    Lin et al. 2017, section 3; with a softmax over the classes for C >= 2, a sigmoid for C = 1. sum(w * (1 - p)**gamma * l) / sum(w)
    over the valid pixels, w the weight of the class: gamma 0 is `cross_entropy`. The paper's alpha is weight = (1 - alpha, alpha);
    there the sum is divided by the number of objects instead. Shapes and errors as in `cross_entropy`; gamma: at least 0.
    """
    check_number("focal_loss", "gamma", gamma, 0)
    logits, target, valid = checked("focal_loss", logits, target)
    w = _weights("focal_loss", weight, logits, target, valid)
    losses = pixel_losses(logits, target, valid)
    wrong = (-torch.expm1(-losses)).clamp(min=torch.finfo(losses.dtype).tiny)  # 1 - p; its root has a slope at 0
    return ratio((w * wrong**gamma * losses).sum(), w.sum())


def ohem_loss(logits: Tensor, target: Tensor, *, threshold: float = 0.7, min_kept: float = 1 / 16) -> Tensor:
    """Mean cross-entropy of the hard pixels of the batch: those whose probability of the true class is below `threshold`. A scalar.

    If they are fewer than the share `min_kept` of the valid pixels, the hardest ones up to that share (rounded up) are kept. Online
    hard example mining, Shrivastava et al. 2016, in the form that segmentation code uses. Shapes and errors as in `cross_entropy`;
    threshold and min_kept: 0..1.
    """
    check_number("ohem_loss", "threshold", threshold, 0, 1)
    check_number("ohem_loss", "min_kept", min_kept, 0, 1)
    logits, target, valid = checked("ohem_loss", logits, target)
    losses = pixel_losses(logits, target, valid)[valid]
    least = math.ceil(min_kept * len(losses))
    hard = losses[torch.exp(-losses.detach()) < threshold]
    kept = hard if len(hard) >= least else losses.topk(least).values
    return kept.sum() / max(len(kept), 1)


def pixel_losses(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """-log p(true class) of every pixel, (N, H, W), 0 where void; logits and target as `checked` returns them."""
    if logits.shape[1] > 1:
        return F.cross_entropy(logits, target, ignore_index=VOID, reduction="none")
    toward = torch.where(target == 1, logits[:, 0], -logits[:, 0])
    return torch.where(valid, -F.logsigmoid(toward), 0)


def _weights(name: str, weight, logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """How much each pixel counts by its class, (N, H, W); 0 where void."""
    counted = valid.to(logits)
    if weight is None:
        return counted
    return counted * checked_weight(name, weight, logits)[target.masked_fill(~valid, 0)]


def _checked_pixels(pixel_weight: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    if not isinstance(pixel_weight, Tensor) or not pixel_weight.is_floating_point():
        kind = getattr(pixel_weight, "dtype", type(pixel_weight).__name__)
        raise TypeError(f"cross_entropy: pixel_weight must be a float tensor, not {kind}")
    if pixel_weight.shape != target.shape:
        shapes = tuple(target.shape), tuple(pixel_weight.shape)
        raise ValueError("cross_entropy: pixel_weight must be {} as the target, not {}".format(*shapes))
    pixel_weight = torch.where(valid, pixel_weight.as_subclass(Tensor).to(target.device), 0)
    if not (torch.isfinite(pixel_weight).all() and (pixel_weight >= 0).all()):
        raise ValueError(
            f"cross_entropy: pixel_weight must be finite and not negative, its least is {float(pixel_weight.min()):g}"
        )
    return pixel_weight
