"""Deep supervision: a loss at several depths of a network (Lee et al. 2015)."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def deep_supervision_loss(
    loss: Callable[[Tensor, Tensor], Tensor], outputs: Sequence[Tensor], target: Tensor, weights: Sequence[float]
) -> Tensor:
    """sum(weights[i] * loss(outputs[i], target at the size of outputs[i])) / sum(weights). A scalar.

    loss(logits, target): any loss of this package. outputs: logits (N, C, h, w), each of its own size. target: (N, H, W) int64, void
    255; it is resized by nearest-exact sampling, so no new label appears, but a small object may vanish. weights: one for each output,
    not negative, for example 1, 1/2, 1/4 (nnU-Net). Raises ValueError for other numbers of weights; the rest as the loss does.
    """
    outputs, weights = list(outputs), [float(weight) for weight in weights]
    if not outputs or len(outputs) != len(weights):
        raise ValueError(
            f"deep_supervision_loss: {len(outputs)} outputs and {len(weights)} weights; give at least one, and as many"
        )
    if not all(math.isfinite(w) and w >= 0 for w in weights) or sum(weights) == 0:
        raise ValueError(f"deep_supervision_loss: weights must be finite, not negative and not all 0, not {weights}")
    for logits in outputs:
        if not isinstance(logits, Tensor) or logits.ndim != 4:
            kind = getattr(logits, "shape", type(logits).__name__)
            raise ValueError(f"deep_supervision_loss: each output must be logits (N, C, h, w), not {kind}")
    if not isinstance(target, Tensor) or target.dtype != torch.int64 or target.ndim != 3:
        kind = f"{target.dtype} {tuple(target.shape)}" if isinstance(target, Tensor) else type(target).__name__
        raise TypeError(f"deep_supervision_loss: target must be an int64 tensor (N, H, W), not {kind}")
    parts = [w * loss(logits, resized(target, logits.shape[-2:])) for logits, w in zip(outputs, weights, strict=True)]
    return sum(parts) / sum(weights)


def resized(target: Tensor, size: Sequence[int]) -> Tensor:
    """Label maps (N, H, W) int64 at another size, by the pixel nearest to each new pixel's center."""
    if target.shape[-2:] == tuple(size):
        return target
    labels = target.as_subclass(Tensor)[:, None].double()  # exact for labels
    return F.interpolate(labels, tuple(size), mode="nearest-exact")[:, 0].long()
