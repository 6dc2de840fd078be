"""Losses for semantic segmentation: functions of logits and a label map, safe for void, half precision and empty classes.

All take logits (N, C, H, W) of any floating type and compute in float32 (float64 stays), and target (N, H, W) int64, in which 255 is
void. C = 1 means two classes with a sigmoid: the logit is that of class 1. A void pixel counts nowhere and gets exactly zero gradient;
if nothing else is there, the loss is 0. Each returns a scalar and raises ValueError or TypeError, in one sentence, for input that
cannot be meant.
"""

from course_lib.losses.class_weights import ClassCounts, count_classes, inverse_frequency, median_frequency
from course_lib.losses.deep_supervision import deep_supervision_loss
from course_lib.losses.entropy import cross_entropy, focal_loss, ohem_loss
from course_lib.losses.overlap import ce_dice_loss, dice_loss, tversky_loss
from course_lib.losses.pixel_weights import border_weights

__all__ = [
    "ClassCounts",
    "border_weights",
    "ce_dice_loss",
    "count_classes",
    "cross_entropy",
    "deep_supervision_loss",
    "dice_loss",
    "focal_loss",
    "inverse_frequency",
    "median_frequency",
    "ohem_loss",
    "tversky_loss",
]
