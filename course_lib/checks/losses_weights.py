"""Exercise 05, the question about class weights."""

import numpy as np
import torch
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.losses_maps import VOID, crash_words
from course_lib.checks.mistakes import explained


def _counts(targets, num_classes: int) -> np.ndarray:
    """Pixels of each picture and class, float64 (pictures, num_classes)."""
    maps = [np.asarray(target).astype(np.int64) for target in targets]
    return np.array([[(labels == c).sum() for c in range(num_classes)] for labels in maps], np.float64)


def _shares(counts: np.ndarray, sizes: np.ndarray | None = None) -> np.ndarray:
    """Pixels of each class over those of the pictures that hold it; sizes: of the pictures, their labeled pixels unless given."""
    sizes = counts.sum(1) if sizes is None else sizes
    with np.errstate(invalid="ignore"):
        return counts.sum(0) / (sizes[:, None] * (counts > 0)).sum(0)


def _of_counts(counts: np.ndarray, rule: str, *, absent=0.0, shares=None, middle=np.median) -> np.ndarray:
    """The weights; absent: that of a class which does not occur; shares, middle: other frequencies, another median."""
    pixels = counts.sum(0)
    occurs = pixels > 0
    weights = np.full(len(pixels), absent, np.float64)
    if not occurs.any():
        return weights
    if rule == "inverse":
        weights[occurs] = pixels.sum() / (occurs.sum() * pixels[occurs])
    else:
        shares = (_shares(counts) if shares is None else shares)[occurs]
        weights[occurs] = middle(shares) / shares
    return weights


def _weights(targets, num_classes, rule) -> Tensor:
    return torch.from_numpy(_of_counts(_counts(targets, num_classes), rule))


def _wrong(value, only: str | None = None):
    """A mistake: value(counts, rule) -> weights; only: the rule that it concerns, the other one is right."""

    def mistake(targets, num_classes, rule):
        counts = _counts(targets, num_classes)
        with np.errstate(all="ignore"):
            return torch.from_numpy(np.asarray((_of_counts if only not in (None, rule) else value)(counts, rule)))

    return mistake


def _of_maps(value, only: str | None = None):
    """A mistake that needs the maps: value(targets, counts, rule) -> weights."""

    def mistake(targets, num_classes, rule):
        counts = _counts(targets, num_classes)
        with np.errstate(all="ignore"):
            return torch.from_numpy(
                _of_counts(counts, rule) if only not in (None, rule) else value(targets, counts, rule)
            )

    return mistake


def _void_as(label):
    def mistake(targets, num_classes, rule):
        return _weights([t.long().masked_fill(t == VOID, label(num_classes)) for t in targets], num_classes, rule)

    return mistake


def _sizes(targets) -> np.ndarray:
    return np.array([target.numel() for target in targets], np.float64)


def _one_pixel(counts, rule):
    """Absent classes counted as one pixel, to avoid 1/0."""
    pixels = np.maximum(counts.sum(0), 1)
    if rule == "inverse":
        return counts.sum() / ((counts.sum(0) > 0).sum() * pixels)
    shares = np.where(counts.sum(0) > 0, _shares(counts), 1 / counts.sum())
    return np.median(shares[counts.sum(0) > 0]) / shares


def _one_pixel_everywhere(counts, rule):
    """The same, and the absent classes are among the k, or in the median."""
    pixels = np.maximum(counts.sum(0), 1)
    if rule == "inverse":
        return counts.sum() / (len(pixels) * pixels)
    shares = np.where(counts.sum(0) > 0, _shares(counts), 1 / counts.sum())
    return np.median(shares) / shares


def _all_void_in_n(targets, counts, rule):
    return _of_counts(counts, rule) * _sizes(targets).sum() / counts.sum()


def _void_in_shares(targets, counts, rule):
    return _of_counts(counts, rule, shares=_shares(counts, _sizes(targets)))


def _inverse_of(factor):
    return lambda counts, rule: np.where(counts.sum(0) > 0, _of_counts(counts, "inverse") * factor(counts), 0)


def _occurring(counts) -> int:
    return int((counts.sum(0) > 0).sum())


def _scaled(total):
    """Weights that add up to 1, or to another total."""

    def value(counts, rule):
        weights = _of_counts(counts, rule)
        return weights * total(counts) / weights.sum()

    return value


def _mean_of_pictures(counts, rule):
    """f_c as the mean of the shares of single pictures."""
    with np.errstate(invalid="ignore"):
        each = counts / counts.sum(1, keepdims=True)
    present = counts > 0
    return _of_counts(counts, rule, shares=np.where(present, each, 0).sum(0) / present.sum(0))


def _median_with_absent(counts, rule):
    shares = np.nan_to_num(_shares(counts))
    return np.where(shares > 0, np.median(shares) / shares, 0)


def _lower(values: np.ndarray) -> float:
    return float(np.sort(values)[(len(values) - 1) // 2])


def _upper(values: np.ndarray) -> float:
    return float(np.sort(values)[len(values) // 2])


def _upside_down(counts, rule):
    """1 / weight of the classes that occur."""
    occurs = counts.sum(0) > 0
    return np.where(occurs, 1 / np.where(occurs, _of_counts(counts, rule), 1), 0)


MISTAKES = {
    "a class that does not occur has an infinite weight, or NaN, here: its weight is 0": _wrong(
        lambda counts, rule: _of_counts(counts, rule, absent=np.inf if rule == "inverse" else np.nan)
    ),
    "a class that does not occur has an infinite weight here: its weight is 0": _wrong(
        lambda counts, rule: _of_counts(counts, rule, absent=np.inf)
    ),
    "a class that does not occur has the weight NaN here: its weight is 0": _wrong(
        lambda counts, rule: _of_counts(counts, rule, absent=np.nan)
    ),
    "a class that does not occur has the weight 1 here: there is nothing to weigh, so it is 0": _wrong(
        lambda counts, rule: _of_counts(counts, rule, absent=1.0)
    ),
    "a class that does not occur is counted as one pixel, which gives it the largest weight of all: it is 0": _wrong(_one_pixel),
    "a class that does not occur is counted as one pixel, and as a class that occurs: its weight is 0, and k does not count it": (
        _wrong(_one_pixel_everywhere)
    ),
    "these are divided by num_classes: k is the number of classes that *occur*": _wrong(
        _inverse_of(lambda counts: _occurring(counts) / len(counts[0])), "inverse"
    ),
    "these are n / n_c: the k below the line is missing": _wrong(_inverse_of(_occurring), "inverse"),
    "these are 1 / n_c: asked is n / (k n_c)": _wrong(
        _inverse_of(lambda counts: _occurring(counts) / counts.sum()), "inverse"
    ),
    "void pixels are in n: it is the number of pixels that are *not* void": _of_maps(_all_void_in_n, "inverse"),
    "void pixels are counted as class 0: leave them out": _void_as(lambda classes: 0),
    "void pixels are counted as the last class: leave them out": _void_as(lambda classes: classes - 1),
    "these frequencies are divided by the pixels of *all* pictures: for a class, only the pictures that contain it count": _wrong(
        lambda counts, rule: _of_counts(counts, rule, shares=counts.sum(0) / counts.sum()), "median"
    ),
    "the void pixels of a picture are below the line: f_c is divided by the *non-void* pixels of the pictures with the class": (
        _of_maps(_void_in_shares, "median")
    ),
    "this is the lower of the middle two frequencies: `torch.median` takes that one; the median is their mean (`quantile(0.5)`)": (
        _wrong(lambda counts, rule: _of_counts(counts, rule, middle=_lower), "median")
    ),
    "this is the upper of the middle two frequencies: the median is their mean (`quantile(0.5)`)": _wrong(
        lambda counts, rule: _of_counts(counts, rule, middle=_upper), "median"
    ),
    "the frequencies 0 of absent classes are in the median: it is that of the classes that occur": _wrong(
        _median_with_absent, "median"
    ),
    "this is the mean of the frequencies over f_c: asked is their median": _wrong(
        lambda counts, rule: _of_counts(counts, rule, middle=np.mean), "median"
    ),
    "f_c is the mean over the pictures of the class's share here: add up the pixels first, and divide once": _wrong(
        _mean_of_pictures, "median"
    ),
    "these are 1 / f_c: asked is the median of the frequencies divided by f_c": _wrong(
        lambda counts, rule: _of_counts(counts, rule, middle=lambda values: 1.0), "median"
    ),
    "this is k n_c / n: asked is n / (k n_c), so that rare classes weigh much": _wrong(_upside_down, "inverse"),
    "this is f_c / m: asked is m / f_c, so that rare classes weigh much": _wrong(_upside_down, "median"),
    "these are the weights of the rule \"inverse\"": _wrong(lambda counts, rule: _of_counts(counts, "inverse")),
    "these are the weights of the rule \"median\"": _wrong(lambda counts, rule: _of_counts(counts, "median")),
    "these weights are scaled to add up to 1: the rules give them as they are": _wrong(_scaled(lambda counts: 1)),
    "these weights are scaled to add up to num_classes: the rules give them as they are": _wrong(
        _scaled(lambda counts: len(counts[0]))
    ),
    "these weights are scaled to add up to the number of classes that occur: the rules give them as they are": _wrong(
        _scaled(_occurring)
    ),
    "these are the classes' shares of the pixels: a rare class has to weigh *more*": _wrong(
        lambda counts, rule: counts.sum(0) / counts.sum()
    ),
    "these are the weights of the last picture alone: count over the whole list": _wrong(
        lambda counts, rule: _of_counts(counts[-1:], rule)
    ),
    "these are the mean over the pictures of their own weights: count over the whole list first": _wrong(
        lambda counts, rule: np.mean([_of_counts(one[None], rule) for one in counts], axis=0)
    ),
}  # fmt: skip


def weight_words(failed: Failed) -> str:
    """What a vector of class weights that is wrong in no known way shows by itself; without a result, why there is none."""
    got, want = failed.got, failed.want
    if want is None:
        if "negative" in failed.why or "1-d non-negative" in failed.why:
            return f"{failed.why} (`bincount` takes one flat tensor: `target[target != 255]` is one)"
        return crash_words(failed)
    if isinstance(got, Tensor) and got.shape == (VOID + 1,):
        return f"{failed.why}: void, 255, is counted here, and `bincount` has made room for it"
    if not (isinstance(got, Tensor) and got.shape == want.shape):
        return failed.why
    if not got.is_floating_point():
        return f"these are whole numbers ({got.dtype}): `//`, or a tensor that was made of them, cuts the weights; use floats"
    if not want.any():
        return f"every pixel is void, so no class occurs: all weights are 0; {failed.why}"
    absent = want == 0
    if got[~absent].isnan().any():
        return f"{failed.why}, that of a class that occurs: has the 0/0 of an absent class got into a sum, or into the median?"
    if (got[absent] != 0).any():
        first = int(absent.nonzero()[got[absent] != 0][0])
        return f"class {first} does not occur, and its weight is {float(got[first]):.6g}: it has to be 0"
    return failed.why


def class_weights_properties(student, rng):
    def pictures(rule, num_classes, *several, void=0.0, dtype=torch.int64):
        """Each of several: (height, width, classes that occur in the picture); the later of them are rarer."""
        targets = []
        for height, width, classes in several:
            chance = 0.45 ** np.arange(len(classes))
            labels = rng.choice(classes, (height, width), p=chance / chance.sum())
            labels.flat[: len(classes)] = classes
            unlabeled = rng.random((height, width)) < void
            unlabeled.flat[-1] = void > 0
            targets.append(torch.from_numpy(np.where(unlabeled, VOID, labels)).to(dtype))
        return {"targets": targets, "num_classes": num_classes, "rule": rule}

    def claim(text, *cases, mistakes=MISTAKES):
        return explained(text, student, list(cases), _weights, mistakes, weight_words, tol=1e-5)

    def unlabeled(rule):
        return {"targets": [torch.full((3, 5), VOID), torch.full((2, 2), VOID)], "num_classes": 4, "rule": rule}

    paper = [torch.zeros(2, 2, dtype=torch.int64), torch.tensor([[0, 0], [1, 1]])]
    u8 = dict(dtype=torch.uint8)
    yield claim(
        '"inverse": the two pictures on paper, and others in which every class occurs',
        {"targets": paper, "num_classes": 2, "rule": "inverse"},
        pictures("inverse", 3, (5, 7, [0, 1, 2])),
        pictures("inverse", 5, (6, 9, [0, 1, 2]), (8, 3, [4, 3]), (11, 4, [0, 4, 1]), **u8),
    )
    yield claim(
        '"inverse": classes that do not occur',
        pictures("inverse", 4, (4, 6, [0, 2])),
        pictures("inverse", 7, (9, 5, [6, 0]), (3, 8, [0, 6, 4])),
        pictures("inverse", 21, (9, 11, [0, 15, 7]), (8, 8, [2, 15]), **u8),
    )
    yield claim(
        '"median": the pictures on paper, and three or five classes of which each is in some pictures',
        {"targets": paper, "num_classes": 2, "rule": "median"},
        pictures("median", 3, (5, 7, [0, 1]), (4, 4, [0, 2]), (3, 9, [0, 1, 2])),
        pictures("median", 5, (6, 9, [0, 1, 2]), (8, 3, [4, 3]), (11, 4, [0, 4, 1]), (3, 5, [0, 4])),
    )
    yield claim(
        '"median": classes that do not occur, and an even number that do',
        pictures("median", 4, (6, 6, [0, 2]), (5, 3, [0])),
        pictures("median", 6, (7, 9, [0, 1, 4]), (6, 4, [0, 5]), (9, 3, [1, 5])),
        pictures("median", 21, (9, 11, [0, 15, 7]), (8, 8, [2, 15]), (4, 5, [0]), **u8),
    )
    yield claim(
        '"inverse": void pixels count nowhere',
        pictures("inverse", 3, (5, 7, [0, 1]), (6, 4, [0, 2, 1]), void=0.3),
        pictures("inverse", 5, (9, 7, [0, 1, 3]), (4, 11, [0, 4, 2]), void=0.4, **u8),
    )
    yield claim(
        '"median": void pixels count nowhere',
        pictures("median", 3, (5, 7, [0, 1]), (6, 4, [0, 2, 1]), void=0.3),
        pictures("median", 5, (9, 7, [0, 1, 3]), (4, 11, [0, 4, 2]), void=0.4, **u8),
    )
    yield claim("all void: every weight is 0", *(unlabeled(rule) for rule in ("inverse", "median")), mistakes={})
