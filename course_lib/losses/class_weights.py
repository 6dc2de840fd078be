"""Weights for the classes of a data set, from how often they occur. A class that does not occur gets weight 0.

`cross_entropy` divides by the sum of the weights, so only their ratios matter.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.losses.common import VOID


class ClassCounts(NamedTuple):
    """What `count_classes` counts: two int64 tensors (C,). Void pixels are in neither.

    pixels: the pixels of each class. pixels_where_present: all labeled pixels of the pictures that hold the class.
    """

    pixels: Tensor
    pixels_where_present: Tensor


def count_classes(targets: Iterable[Tensor], num_classes: int) -> ClassCounts:
    """Count the classes of label maps, one picture each, (H, W) of integers with void 255: `(t["semantic"] for _, t in dataset)`.

    num_classes: 1..255. Raises TypeError for maps of floats; ValueError for another shape, for no maps at all, for a label that is no
    class and not void.
    """
    if not 1 <= num_classes <= VOID:
        raise ValueError(f"count_classes: num_classes must be 1..{VOID}, not {num_classes}")
    counts = ClassCounts(*torch.zeros(2, num_classes, dtype=torch.int64))
    seen = 0
    for target in targets:
        target = torch.as_tensor(target).as_subclass(Tensor)
        if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
            raise TypeError(f"count_classes: targets must hold integer labels, not {target.dtype}")
        if target.ndim != 2:
            raise ValueError(f"count_classes: each target must be (H, W), not {tuple(target.shape)}")
        labels = target[target != VOID].long()
        if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
            wrong = int(labels[(labels < 0) | (labels >= num_classes)][0])
            raise ValueError(f"count_classes: target label {wrong} is not 0..{num_classes - 1} or void {VOID}")
        found = torch.bincount(labels, minlength=num_classes).cpu()
        counts.pixels.add_(found)
        counts.pixels_where_present.add_(found.sum() * (found > 0))
        seen += 1
    if not seen:
        raise ValueError("count_classes: targets are empty; give at least one label map")
    return counts


def inverse_frequency(counts: ClassCounts) -> Tensor:
    """One over each class's share of the labeled pixels, divided by the number of classes that occur; (C,) float32.

    All classes then weigh the same in sum, and the mean weight of a pixel is 1. Absent classes: 0.
    """
    pixels = counts.pixels.double()
    present = pixels > 0
    return torch.where(present, pixels.sum() / (present.sum() * pixels), 0).float()


def median_frequency(counts: ClassCounts) -> Tensor:
    """Median frequency balancing (Eigen and Fergus 2015): median(f) / f of each class, (C,) float32. Absent classes: 0.

    f is a class's share of the labeled pixels *of the pictures that hold it*, so a class is rare if it is small where it occurs, not if
    it occurs seldom. The median is that of the classes that occur (the mean of the middle two, if their number is even).
    """
    present = counts.pixels > 0
    if not present.any():
        return torch.zeros(len(present))
    share = counts.pixels.double() / counts.pixels_where_present
    return torch.where(present, share[present].quantile(0.5) / share, 0).float()
