"""Objects found, missed and invented: the score that sees what pixel scores hide, such as two touching cells given as one.

A found and a true object match where their IoU is greater than a threshold of at least one half. Then each has one partner at
most, so no assignment has to be solved (Kirillov et al. 2019, section 4.1, prove it for panoptic quality). F1 is
2 TP / (2 TP + FP + FN), counted over a whole set. It sees neither how good a match is beyond the threshold nor the class.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

import numpy as np


@dataclass(frozen=True)
class Matches:
    """Counts of one picture, or of several added with +.

    tp: matched pairs; fp: found objects without a partner; fn: true objects without one; merged: true objects that lie by more
    than half in a found object which holds more than half of another one too; split: true objects that hold more than half of
    each of two or more found objects.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    merged: int = 0
    split: int = 0

    def __add__(self, other: "Matches") -> "Matches":
        return Matches(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); 0 where nothing was found and nothing was there."""
        return 2 * self.tp / max(2 * self.tp + self.fp + self.fn, 1)

    @property
    def objects(self) -> int:
        """How many true objects there are."""
        return self.tp + self.fn


def match_objects(found, truth, threshold: float = 0.5) -> Matches:
    """Match the objects of one picture.

    found, truth: (H, W) integers, arrays or tensors on the CPU; 0 = background, every other number that occurs is one object.
    threshold: IoU that a match must exceed, 0.5 <= threshold < 1. Raises ValueError or TypeError for anything else.
    """
    if not 0.5 <= threshold < 1:
        raise ValueError(
            f"match_objects: threshold is {threshold} and must be at least 0.5 and less than 1, or matches are not unique"
        )
    found, truth = _numbered(found, "found"), _numbered(truth, "truth")
    if found.shape != truth.shape:
        raise ValueError(
            f"match_objects: found is {found.shape} and truth is {truth.shape}; both must be the same (H, W)"
        )
    m, n = int(found.max()), int(truth.max())
    both = np.bincount((found * (n + 1) + truth).ravel(), minlength=(m + 1) * (n + 1)).reshape(m + 1, n + 1)
    size, true_size, shared = both.sum(1)[1:, None], both.sum(0)[1:], both[1:, 1:]
    tp = int((shared > threshold * (size + true_size - shared)).sum())
    swallowed = (2 * shared > true_size).sum(1)  # of each found object: true ones that lie mostly in it
    pieces = (2 * shared > size).sum(0)  # of each true object: found ones that lie mostly in it
    return Matches(tp, m - tp, n - tp, int(swallowed[swallowed > 1].sum()), int((pieces > 1).sum()))


def object_f1(found: Iterable, truth: Iterable, threshold: float = 0.5) -> float:
    """F1 over a set: pairs of maps as for `match_objects`, their counts added before the division. ValueError if one list is longer."""
    pairs = zip(found, truth, strict=True)
    return sum((match_objects(a, b, threshold) for a, b in pairs), start=Matches()).f1


def _numbered(ids, name: str) -> np.ndarray:
    """The map with its objects numbered 1 ... M without gaps; background stays 0."""
    ids = np.asarray(ids)
    if ids.ndim != 2 or not ids.size:
        raise ValueError(f"match_objects: {name} has shape {ids.shape} and must be (H, W) with at least one pixel")
    if ids.dtype.kind not in "iub":
        raise TypeError(
            f"match_objects: {name} has values of type {ids.dtype} and must hold whole numbers, the objects' ids"
        )
    if ids.min() < 0:
        raise ValueError(
            f"match_objects: {name} has the id {ids.min()}; ids are 0 for background and positive for objects"
        )
    if ids.max() > 4 * ids.size:  # a table of all ids would be larger than the map
        ids = np.unique(ids, return_inverse=True)[1].reshape(ids.shape) + (ids.min() != 0)
    present = np.bincount(ids.ravel()) > 0
    present[0] = False
    return (present * present.cumsum())[ids]
