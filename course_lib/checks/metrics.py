"""The questions of exercise 04: the confusion matrix and mIoU here; sets of pictures, boundaries and rankings in `metrics_*`."""

import re

import numpy as np
import torch
from torch import Tensor

from course_lib.checks.compare import difference
from course_lib.checks.core import Question
from course_lib.checks.metrics_boundary import boundary_f1_properties
from course_lib.checks.metrics_maps import VOID, as_tensor, label_maps, matrix, random_counts
from course_lib.checks.metrics_rankings import rival_properties
from course_lib.checks.metrics_sets import miou_interval_properties, set_scores_properties
from course_lib.checks.mistakes import explained, item_of

# 1 · the confusion matrix


def _matrix(prediction, target, num_classes):
    return as_tensor(matrix(prediction, target, num_classes))


def _in_their_dtypes(prediction, target, num_classes):
    valid = target != VOID
    return _square(target[valid] * num_classes + prediction[valid], num_classes)


def _product_in_its_dtype(prediction, target, num_classes):
    valid = target != VOID
    return _square((target[valid] * num_classes).long() + prediction[valid].long(), num_classes)


def _void_row_in_their_dtypes(prediction, target, num_classes):
    codes = (target * num_classes + prediction).flatten()
    return torch.bincount(codes, minlength=256 * num_classes)[: num_classes**2].view(num_classes, num_classes)


def _square(codes, num_classes):
    return torch.bincount(codes, minlength=num_classes**2).view(num_classes, num_classes)


def _void_is(label):
    """Void pixels counted as if they were truly of a class; label: a function of the number of classes."""

    def wrong(prediction, target, num_classes):
        return _matrix(prediction, target.masked_fill(target == VOID, label(num_classes)), num_classes)

    return wrong


def _void_is_right(prediction, target, num_classes):
    return _matrix(prediction, target.where(target != VOID, prediction.to(target.dtype)), num_classes)


def _void_has_a_row(prediction, target, num_classes):
    target = target.long().masked_fill(target == VOID, num_classes)
    return _matrix(prediction, target, num_classes + 1)


def _void_of_the_prediction(prediction, target, num_classes):
    kept = prediction != VOID
    return _square(target[kept].long() * num_classes + prediction[kept].long(), num_classes)


def _one_for_each_picture(prediction, target, num_classes):
    if target.ndim < 3:
        raise ValueError("this mistake needs a batch")
    return torch.stack([_matrix(p, t, num_classes) for p, t in zip(prediction, target, strict=True)])


def _first_picture(prediction, target, num_classes):
    if target.ndim < 3:
        raise ValueError("this mistake needs a batch")
    return _matrix(prediction[0], target[0], num_classes)


def _without_class_0(prediction, target, num_classes):
    return _matrix(prediction, target.masked_fill(target == 0, VOID), num_classes)


def _shares(prediction, target, num_classes):
    counts = _matrix(prediction, target, num_classes).double()
    return counts / counts.sum()


def _row_shares(prediction, target, num_classes):
    counts = _matrix(prediction, target, num_classes).double()
    return counts / counts.sum(1, keepdim=True)


def _per_class(prediction, target, num_classes):
    """TP, FP, FN of each class."""
    counts = _matrix(prediction, target, num_classes)
    hits = counts.diag()
    return torch.stack([hits, counts.sum(0) - hits, counts.sum(1) - hits], 1)


def _only_what_occurs(prediction, target, num_classes):
    counts = _matrix(prediction, target, num_classes)
    kept = (counts.sum(0) + counts.sum(1)) > 0
    return counts[kept][:, kept]


OVERFLOW = "target * num_classes overflows: a uint8 holds no number above 255, so it wraps around"
MATRIX_MISTAKES = {
    "rows and columns are exchanged: rows are the truth, columns the prediction": (
        lambda prediction, target, num_classes: _matrix(prediction, target, num_classes).T
    ),
    f"{OVERFLOW}; turn the maps into int64 before you multiply": _in_their_dtypes,
    f"{OVERFLOW}; turn the map into int64 before you multiply, not after": _product_in_its_dtype,
    f"{OVERFLOW}, and void lands among the classes; turn the maps into int64 first": _void_row_in_their_dtypes,
    "every pair of classes is counted once at most: `counts[t, p] += 1` with index tensors adds 1 only once where a pair "
    "occurs several times": (
        lambda prediction, target, num_classes: (_matrix(prediction, target, num_classes) > 0).long()
    ),
    "void is counted as class 0: leave those pixels out": _void_is(lambda num_classes: 0),
    "void is counted as the last class: leave those pixels out": _void_is(lambda num_classes: num_classes - 1),
    "void pixels are counted as right, whatever is predicted there: leave them out": _void_is_right,
    "void has a row and a column of its own: it is no class, so cut them off": _void_has_a_row,
    "pixels whose prediction is 255 are left out: void is where the *target* is 255": _void_of_the_prediction,
    "every picture has a matrix of its own: asked is one, their sum": _one_for_each_picture,
    "only the first picture of the batch is counted": _first_picture,
    "class 0 is left out of the truth: it is a class like any other, void is 255": _without_class_0,
    "these are shares: asked are numbers of pixels": _shares,
    "these are shares of each row: asked are numbers of pixels": _row_shares,
    "these are TP, FP and FN of each class: asked is the whole matrix, (num_classes, num_classes)": _per_class,
    "classes that do not occur are cut out: the matrix has num_classes rows and columns, also where they are 0": _only_what_occurs,
}  # fmt: skip


def _matrix_words(failed) -> str:
    """Why a matrix is not the wanted one, where no mistake fits it."""
    given, got, want = failed.given, failed.got, failed.want
    if want is None and "target" in (given or {}):
        if "negative" in failed.why:
            dtype = given["target"].dtype
            if dtype == torch.int64:
                return f"{failed.why} (these maps are not flat: `flatten()` them; picking pixels with a mask does so as well)"
            return f"{failed.why} (a code became negative: it did not fit into {dtype}; use int64)"
        if "shape of the mask" in failed.why:
            return f"{failed.why} (a uint8 index counts as a mask of truth values: turn labels into int64 before you index)"
        length = re.search(r"for input of size (\d+)", failed.why)
        if length and int(length[1]) < given["num_classes"] ** 2:
            return f"{failed.why} (`bincount` ends at the largest code that occurs: tell it the `minlength`)"
        if (given["target"] == VOID).any():
            return f"{failed.why} (this target has void pixels, 255: leave them out before you count)"
        return failed.why
    is_matrix = isinstance(got, Tensor) and got.shape == want.shape and not got.is_floating_point()
    if is_matrix and got.sum() != want.sum():
        return f"the entries add up to {int(got.sum())}, but {int(want.sum())} pixels are not void; {failed.why}"
    if is_matrix and (wrong := (got.sum(1) != want.sum(1)).nonzero()).numel():
        row = int(wrong[0])
        sums = f"row {row} adds up to {int(got[row].sum())}, but {int(want[row].sum())} pixels are truly of class {row}"
        return f"{sums}; {failed.why}"
    return failed.why


def confusion_matrix_properties(student, rng):
    def claim(text, *cases):
        return explained(text, student, list(cases), _matrix, MATRIX_MISTAKES, _matrix_words)

    def case(num_classes, *shape, **settings):
        return label_maps(rng, num_classes, *shape, **settings)

    by_hand = {
        "prediction": torch.tensor([[0, 1, 1], [1, 2, 0]]),
        "target": torch.tensor([[0, 0, 1], [2, 2, 2]]),
        "num_classes": 3,
    }
    yield claim(
        "one map: rows are the truth, columns the prediction",
        by_hand,
        case(4, 5, 9),
        case(7, 11, 6, truth=(1, 2, 4, 5)),
    )
    yield claim(
        "void pixels of the target count nowhere",
        case(3, 3, 4, void=0.3),
        case(5, 7, 11, void=0.4),
        case(6, 9, 5, void=0.2, truth=(1, 2, 3, 4)),
    )
    yield claim(
        "in void anything may be predicted, even 255; all may be void",
        case(3, 3, 4, void=0.4, wild=True),
        case(12, 8, 13, void=0.4, wild=True),
        case(4, 3, 5, void=1.0, wild=True),
    )
    yield claim("a batch gives one matrix", case(3, 2, 3, 4), case(5, 3, 7, 11, void=0.2), case(2, 4, 1, 9, truth=(0,)))
    u8, i16, i32, i64 = torch.uint8, torch.int16, torch.int32, torch.int64
    yield claim(
        "maps of any integer dtype, 19 to 200 classes",
        case(21, 6, 9, dtypes=(u8, u8)),
        case(19, 13, 8, dtypes=(i64, u8), void=0.1),
        case(30, 9, 7, dtypes=(u8, i64), void=0.1, wild=True),
        case(150, 2, 12, 9, dtypes=(u8, u8), void=0.1, wild=True),
        case(21, 5, 8, dtypes=(i16, i32), void=0.1),
        case(200, 11, 13, dtypes=(i16, i16), void=0.1),
    )


# 2 · three mIoUs


def _sums(counts):
    """Hits, true pixels and predicted pixels of each class, float64 arrays."""
    counts = counts.numpy().astype(np.float64)
    return counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)


def _divided(top, bottom) -> Tensor:
    with np.errstate(invalid="ignore", divide="ignore"):
        return as_tensor(np.asarray(top / bottom))


def _ious(counts) -> Tensor:
    hits, truth, guess = _sums(counts)
    return _divided(hits, truth + guess - hits)


def _mean(values, kept) -> float:
    kept = torch.as_tensor(kept)
    return float(values[kept].mean()) if kept.any() else float("nan")


def _miou(counts, over) -> float:
    _, truth, guess = _sums(counts)
    values = _ious(counts)
    if over == "all":
        return float(values.nan_to_num(0).mean()) if counts.any() else float("nan")
    return _mean(values, truth + guess > 0 if over == "union" else truth > 0)


def _formula(value):
    """A wrong formula of hits, truth and guess, as a mistake about `iou`."""
    return lambda counts, over: as_tensor(np.asarray(value(*_sums(counts))))


def _ratio(top, bottom):
    return lambda counts, over: _divided(top(*_sums(counts)), bottom(*_sums(counts)))


IOU_MISTAKES = {
    "the true positives are counted twice in the union: the sums of row and column both contain them": _ratio(
        lambda hits, truth, guess: hits, lambda hits, truth, guess: truth + guess
    ),
    "this is Dice, 2 TP / (2 TP + FP + FN): asked is IoU, TP / (TP + FP + FN)": _ratio(
        lambda hits, truth, guess: 2 * hits, lambda hits, truth, guess: truth + guess
    ),
    "this is TP / (TP + FN), the class accuracy: IoU charges the false positives, the rest of the column, as well": _ratio(
        lambda hits, truth, guess: hits, lambda hits, truth, guess: truth
    ),
    "this is TP / (TP + FP), the precision: IoU charges the false negatives, the rest of the row, as well": _ratio(
        lambda hits, truth, guess: hits, lambda hits, truth, guess: guess
    ),
    "this is TP / (FP + FN): the union contains the true positives too": _ratio(
        lambda hits, truth, guess: hits, lambda hits, truth, guess: truth + guess - 2 * hits
    ),
    "a class that occurs nowhere has IoU 0 here: there is nothing to score, so it is NaN": (
        lambda counts, over: _ious(counts).nan_to_num(0)
    ),
    "a class that occurs nowhere has IoU 1 here: there is nothing to score, so it is NaN": (
        lambda counts, over: _ious(counts).nan_to_num(1)
    ),
    "a class that is predicted but never true is NaN here: its union is not empty, so its IoU is 0": (
        lambda counts, over: _ious(counts).where(counts.sum(1) > 0, float("nan"))
    ),
    "classes without an IoU are cut out: `iou` has one entry for each class, NaN for those": (
        lambda counts, over: _ious(counts)[~_ious(counts).isnan()]
    ),
    "the IoUs are divided to whole numbers: use / and floats": lambda counts, over: _ious(counts).nan_to_num(0).long(),
    "this is in percent": lambda counts, over: 100 * _ious(counts),
}


def _truth_without_foreign_columns(counts, over):
    kept = counts.sum(1) > 0
    small = counts[kept][:, kept]
    return _miou(small, "union")


def _dice_mean(counts, over):
    iou, (_, truth, guess) = _ious(counts), _sums(counts)
    dice = 2 * iou / (1 + iou)
    if over == "all":
        return float(dice.nan_to_num(0).mean())
    return _mean(dice, truth + guess > 0 if over == "union" else truth > 0)


def _weighted(counts, over):
    _, truth, _ = _sums(counts)
    return float((_ious(counts).nan_to_num(0).numpy() * truth).sum() / truth.sum())


def _pooled(counts, over):
    hits, truth, guess = _sums(counts)
    return float(hits.sum() / (truth + guess - hits).sum())


MIOU_MISTAKES = {
    "union": {
        "this is the mean over the classes of the truth: with \"union\" a class that is predicted, but never true, counts with IoU 0": (
            lambda counts, over: _miou(counts, "truth")
        ),
        'classes that occur nowhere are in this mean: "union" leaves them out': lambda counts, over: _miou(counts, "all"),
        "this mean is NaN because one IoU is: leave out the classes that occur nowhere": (
            lambda counts, over: float(_ious(counts).mean())
        ),
    },
    "truth": {
        'a class that is never true is in this mean: "truth" leaves it out, even if it is predicted': (
            lambda counts, over: _miou(counts, "union")
        ),
        'every class is in this mean: "truth" keeps those that occur in the truth': lambda counts, over: _miou(counts, "all"),
        "this is the mean over the classes that are *predicted*: the truth stands in the rows, so ask the row sums": (
            lambda counts, over: _mean(_ious(counts), _sums(counts)[2] > 0)
        ),
        "the columns of the classes left out are gone, and with them false negatives of the others: only the mean leaves them out": (
            _truth_without_foreign_columns
        ),
        "this mean is NaN because one IoU is: leave out the classes that are never true": (
            lambda counts, over: float(_ious(counts).mean())
        ),
    },
    "all": {
        'classes that occur nowhere are left out: with "all" they count as 0, and the sum is divided by C': (
            lambda counts, over: _miou(counts, "union")
        ),
        'classes that are never true are left out: with "all" they count as 0, and the sum is divided by C': (
            lambda counts, over: _miou(counts, "truth")
        ),
        "this mean is NaN because one IoU is: a class that occurs nowhere counts as 0": (
            lambda counts, over: float(_ious(counts).mean())
        ),
        "a class that occurs nowhere counts as 1 here: with \"all\" it counts as 0": (
            lambda counts, over: float(_ious(counts).nan_to_num(1).mean())
        ),
    },
}  # fmt: skip
ANY_MIOU = {
    "this is the mean Dice: asked is the mean of the IoUs": _dice_mean,
    "the classes are weighted by their pixels: the mean gives each class the same weight": _weighted,
    "this divides all true positives by all unions: asked is the mean of the classes' IoUs": _pooled,
    "this is the pixel accuracy: asked is the mean of the classes' IoUs": (
        lambda counts, over: float(_sums(counts)[0].sum() / _sums(counts)[1].sum())
    ),
}


def mean_iou_properties(student, rng):
    ious, mious = (item_of(student, place, "(iou, miou)") for place in (0, 1))
    hallucinated = torch.tensor([[9, 1, 0], [0, 0, 0], [0, 0, 0]])

    def why(failed):
        """A mean of wrong IoUs is no mistake of its own."""
        if isinstance(failed.want, float):
            own = ious(**failed.given)
            if difference(own, _ious(failed.given["counts"])):
                return f"{failed.why}: your IoUs of this matrix are not right yet, so their mean cannot be"
        return failed.why

    def claim(text, answer, reference, mistakes, *cases):
        given = [{"counts": counts, "over": over} for counts, over in cases]
        return explained(text, answer, given, reference, mistakes, why)

    def some(over):
        kinds = [{}, dict(absent=(1,)), dict(absent=(0, 4), hallucinated=(2,)), dict(hallucinated=(1, 3), missed=(0,))]
        kinds += [dict(missed=(2,)), dict(absent=(3,), missed=(1, 2))]
        return [(hallucinated, over), *((random_counts(rng, 5 + i % 2, **kind), over) for i, kind in enumerate(kinds))]

    yield claim(
        "the IoU of every class, from counts of any size",
        ious,
        lambda counts, over: _ious(counts),
        IOU_MISTAKES,
        (torch.tensor([[6, 2], [1, 3]]), "union"),
        (random_counts(rng, 5), "truth"),
        (random_counts(rng, 7) * 10**8, "all"),
    )
    yield claim(
        "IoU 0 for a class that is only predicted, NaN for one that occurs nowhere",
        ious,
        lambda counts, over: _ious(counts),
        IOU_MISTAKES,
        (hallucinated, "truth"),
        (random_counts(rng, 6, (0, 4), (2,), (1,)), "all"),
        (random_counts(rng, 5, (1,), (3,)), "union"),
    )
    for over, words in (
        ("union", "the classes that occur in truth or prediction"),
        ("truth", "the classes that occur in the truth"),
        ("all", "all classes"),
    ):
        yield claim(f'"{over}": the mean over {words}', mious, _miou, MIOU_MISTAKES[over] | ANY_MIOU, *some(over))
    empty = torch.zeros(3, 3, dtype=torch.int64)
    yield claim(
        "a matrix of zeros: NaN",
        mious,
        _miou,
        {
            "a matrix of zeros scores 0 here: nothing was scored, so it is NaN": lambda counts, over: 0.0,
            'a matrix of zeros scores 0 under "all": nothing was scored, so there it is NaN as well': (
                lambda counts, over: 0.0 if over == "all" else float("nan")
            ),
        },
        *((empty, over) for over in ("union", "truth", "all")),
    )


QUESTIONS = [
    Question(
        "confusion_matrix",
        "Count every pixel once",
        3,
        confusion_matrix_properties,
        forbid=("ConfusionMatrix", "MulticlassConfusionMatrix", "multiclass_confusion_matrix"),
    ),
    Question("mean_iou", "One matrix, three mIoUs", 3, mean_iou_properties),
    Question("set_scores", "A set of pictures", 3, set_scores_properties, allow=("ConfusionMatrix",)),
    Question("boundary_f1", "Boundary F1", 4, boundary_f1_properties),
    Question("miou_interval", "How sure is this mIoU?", 3, miou_interval_properties),
    Question("rival", "The rival", 4, rival_properties),
]
