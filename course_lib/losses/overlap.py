"""Losses that compare whole regions: Dice, Tversky, and cross-entropy with Dice.

With probabilities in the place of a mask, TP = sum(p t), FP = sum(p (1 - t)), FN = sum((1 - p) t): the counts of the metric, made
differentiable. The sums run over the valid pixels, of the batch or of each picture, *before* the ratio is taken, so no pixel has a loss
of its own. The soft Dice of Milletari et al. 2016 (V-Net), without the squares that they put into the denominator.

A class that does not occur in the truth is left out: its ratio would be 0, or 1, or 0/0, depending on a smoothing constant, whatever
the network answers. So no smoothing is needed. What it costs: pixels that claim an absent class pay only through the others' FN.
"""

import torch
from torch import Tensor

from course_lib.losses.common import check_number, checked, ratio
from course_lib.losses.entropy import cross_entropy


def dice_loss(logits: Tensor, target: Tensor, *, per_sample: bool = False) -> Tensor:
    """1 - 2 TP / (2 TP + FP + FN) with probabilities, averaged over the classes that occur in the truth. A scalar in 0..1.

    logits: (N, C, H, W); target: (N, H, W) int64, void 255. C = 1: sigmoid, and class 1 alone; C >= 2: softmax, all classes.
    per_sample: sums and mean over each picture, then the mean over the pictures in which a class occurs; otherwise sums over the batch.
    0, with zero gradient, if no class occurs: all void, or C = 1 and no pixel of class 1. Raises as `cross_entropy`.
    """
    return _overlap_loss("dice_loss", logits, target, 0.5, 0.5, per_sample)


def tversky_loss(logits: Tensor, target: Tensor, *, alpha: float = 0.3, beta: float = 0.7) -> Tensor:
    """1 - TP / (TP + alpha FP + beta FN) with probabilities, over the batch; the rest as `dice_loss`. A scalar in 0..1.

    Salehi et al. 2017, equation 3: alpha weighs false positives, beta false negatives (other code swaps them); 0.5 and 0.5 are Dice.
    alpha: at least 0; beta: above 0, since without it an empty answer has 0/0.
    """
    check_number("tversky_loss", "alpha", alpha, 0)
    check_number("tversky_loss", "beta", beta, 0)
    if beta == 0:
        raise ValueError("tversky_loss: beta must be above 0, not 0: an empty answer would have the index 0/0")
    return _overlap_loss("tversky_loss", logits, target, alpha, beta, per_sample=False)


def ce_dice_loss(logits: Tensor, target: Tensor, *, dice_weight: float = 1.0) -> Tensor:
    """cross_entropy + dice_weight * dice_loss (over the batch), as in nnU-Net (Isensee et al. 2021). A scalar."""
    check_number("ce_dice_loss", "dice_weight", dice_weight, 0)
    checked("ce_dice_loss", logits, target)
    return cross_entropy(logits, target) + dice_weight * dice_loss(logits, target)


def _overlap_loss(name: str, logits: Tensor, target: Tensor, alpha: float, beta: float, per_sample: bool) -> Tensor:
    logits, target, valid = checked(name, logits, target)
    if logits.shape[1] == 1:
        p, t = logits.sigmoid(), (target == 1)[:, None]
    else:
        p, t = (
            logits.softmax(1),
            target[:, None] == torch.arange(logits.shape[1], device=target.device).view(1, -1, 1, 1),
        )
    p, t = p * valid[:, None], t.to(p)  # a void pixel has no t; without `valid` its p would stay in FP
    over = (2, 3) if per_sample else (0, 2, 3)
    hits, claimed, true = (p * t).sum(over), p.sum(over), t.sum(over)  # (C,) or (N, C)
    index = ratio(hits, hits + alpha * (claimed - hits) + beta * (true - hits))
    occurs = true > 0
    losses = ratio(((1 - index) * occurs).sum(-1), occurs.sum(-1))  # the mean over the classes that occur
    counted = occurs.any(-1)
    return ratio((losses * counted).sum(), counted.sum())
