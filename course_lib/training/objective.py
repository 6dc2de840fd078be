"""The default loss of `fit`, its schedule, and the record of a run."""

import math
from dataclasses import dataclass, field

import torch
from torch import nn

from course_lib.losses import cross_entropy
from course_lib.losses.common import checked


@dataclass(repr=False)
class History:
    """What a run measured.

    loss: one float per step; losses: the same for each part of a loss that has parts; metrics: one dict per validation, what
    `evaluate` returns and the `step`; seconds: wall time spent in `fit`, over all resumed calls.
    """

    loss: list[float] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)
    metrics: list[dict] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.loss)

    def recent(self) -> float:
        """Mean loss of the last 20 steps."""
        last = self.loss[-20:]
        return sum(last) / max(len(last), 1)

    def best_miou(self) -> float:
        """The best validation mIoU so far; -1 before there is one."""
        return max((m["miou"] for m in self.metrics if not math.isnan(m["miou"])), default=-1.0)

    def __repr__(self) -> str:
        text = f"{self.steps} steps in {self.seconds:.1f} s"
        if self.loss:
            text += f", loss {self.loss[0]:.3f} -> {self.recent():.3f}"
        if self.metrics:
            text += f", validation mIoU {self.metrics[-1]['miou']:.3f}"
        return f"History({text})"


def semantic_loss(model: nn.Module, batch) -> torch.Tensor:
    """Cross-entropy per pixel, averaged over the pixels that are not void (255); 0 for a batch that is all void.

    batch: images (N, 3, H, W), normalized, and targets with "semantic" (N, H, W) int64. Raises ValueError or TypeError where
    targets are missing, of another size than the logits, no integers or no classes.
    """
    images, targets = batch
    if "semantic" not in targets:
        raise ValueError(f'semantic_loss: targets must have "semantic", these have {", ".join(targets)}')
    target = targets["semantic"]
    if target.dtype != torch.int64:
        raise TypeError(f'semantic_loss: targets["semantic"] must be int64, not {target.dtype}')
    logits = model(images)
    checked("semantic_loss", logits, target)
    return cross_entropy(logits, target)


def one_cycle(step: int, steps: int, lr: float) -> float:
    """Learning rate of step 0..steps-1: a cosine from lr / 25 up to lr in the first quarter, then one down to lr / 250000.

    The one-cycle policy (Smith and Topin 2018) with PyTorch's constants; unlike there, the momentum stays as it is.
    """
    top = max(0.25 * steps - 1, 0)
    if step < top:
        low, high, progress = lr / 25, lr, step / top
    else:
        low, high, progress = lr, lr / 25e4, (step - top) / max(steps - 1 - top, 1)
    return low + (high - low) * (1 - math.cos(math.pi * progress)) / 2
