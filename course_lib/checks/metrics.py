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


def _matrix(prediction, target, num_classes, void):
    """The right answer: a matrix for each picture, (N, num_classes, num_classes) int64."""
    pairs = zip(prediction, target, strict=True)
    return as_tensor(np.stack([matrix(p, t, num_classes, void) for p, t in pairs]))


def _each(codes):
    """A mistake made in each picture by itself; codes(prediction, target, num_classes, void): the numbers that it counts."""

    def wrong(prediction, target, num_classes, void):
        pairs = zip(prediction, target, strict=True)
        return torch.stack([_square(codes(p, t, num_classes, void), num_classes) for p, t in pairs])

    return wrong


def _square(codes, num_classes):
    counts = torch.bincount(codes.flatten(), minlength=num_classes**2)
    return counts.view(num_classes, num_classes)


def _in_their_dtypes(prediction, target, num_classes, void):
    valid = target != void
    return target[valid] * num_classes + prediction[valid]


def _product_in_its_dtype(prediction, target, num_classes, void):
    valid = target != void
    return (target[valid] * num_classes).long() + prediction[valid].long()


def _void_row_in_their_dtypes(prediction, target, num_classes, void):
    codes = (target * num_classes + prediction).flatten()
    return codes[codes < num_classes**2]


def _void_is(label):
    """Void pixels counted as if they were truly of a class; label: a function of the number of classes."""

    def wrong(prediction, target, num_classes, void):
        return _matrix(prediction, target.masked_fill(target == void, label(num_classes)), num_classes, void)

    return wrong


def _void_is_right(prediction, target, num_classes, void):
    return _matrix(prediction, target.where(target != void, prediction.to(target.dtype)), num_classes, void)


def _void_has_a_row(prediction, target, num_classes, void):
    target = target.long().masked_fill(target == void, num_classes)
    return _matrix(prediction, target, num_classes + 1, -1)


def _void_of_the_prediction(prediction, target, num_classes, void):
    kept = prediction != void
    return target[kept].long() * num_classes + prediction[kept].long()


def _indexed_by_bytes(prediction, target, num_classes, void):
    """What `counts[t, p] += 1` adds, pixel by pixel, where a uint8 scalar is no number, but a mask."""
    counts = torch.zeros(len(target), num_classes, num_classes, dtype=torch.int64)
    rows, columns = (labels.dtype != torch.uint8 for labels in (target, prediction))
    for one, guess, truth in zip(counts, prediction, target, strict=True):
        for t, p in zip(truth[truth != void].tolist(), guess[truth != void].tolist(), strict=True):
            if rows and columns:
                one[t, p] += 1
            elif rows or columns:
                one[t if rows else p] += bool(p if rows else t)
            else:
                one += bool(t and p)
    return counts


def _without_class_0(prediction, target, num_classes, void):
    return _matrix(prediction, target.masked_fill(target == 0, void), num_classes, void)


def _shares(axis):
    """Shares of pixels; axis: of what, all dimensions that are summed over."""

    def wrong(**case):
        counts = _matrix(**case).double()
        return counts / counts.sum(axis, keepdim=True)

    return wrong


def _per_class(**case):
    """TP, FP, FN of each class."""
    counts = _matrix(**case)
    hits = counts.diagonal(dim1=1, dim2=2)
    return torch.stack([hits, counts.sum(1) - hits, counts.sum(2) - hits], 2)


def _only_what_occurs(**case):
    counts = _matrix(**case)
    total = counts.sum(0)
    kept = (total.sum(0) + total.sum(1)) > 0
    return counts[:, kept][:, :, kept]


OVERFLOW = "target * num_classes overflows: a uint8 holds no number above 255, so it wraps around"
MATRIX_MISTAKES = {
    "rows and columns are exchanged: rows are the truth, columns the prediction": lambda **case: _matrix(**case).mT,
    "this is one matrix of all pictures: each picture has a matrix of its own, (N, num_classes, num_classes)": (
        lambda **case: _matrix(**case).sum(0)
    ),
    "only the first picture is counted: each has a matrix of its own": lambda **case: _matrix(**case)[0],
    "the matrix of a picture still holds the pictures before it: begin each with zeros": (
        lambda **case: _matrix(**case).cumsum(0)
    ),
    f"{OVERFLOW}; turn the maps into int64 before you multiply": _each(_in_their_dtypes),
    f"{OVERFLOW}; turn the map into int64 before you multiply, not after": _each(_product_in_its_dtype),
    f"{OVERFLOW}, and void lands among the classes; turn the maps into int64 first": _each(_void_row_in_their_dtypes),
    "a uint8 tensor used as an index is read as a mask, so `counts[t, p] += 1` adds to all entries or to none: write int(t), int(p)": (
        _indexed_by_bytes
    ),
    "every pair of classes is counted once at most: `counts[t, p] += 1` with index tensors adds 1 only once where a pair "
    "occurs several times": lambda **case: (_matrix(**case) > 0).long(),
    "void is counted as class 0: leave those pixels out": _void_is(lambda num_classes: 0),
    "void is counted as the last class: leave those pixels out": _void_is(lambda num_classes: num_classes - 1),
    "void pixels are counted as right, whatever is predicted there: leave them out": _void_is_right,
    "void has a row and a column of its own: it is no class, so cut them off": _void_has_a_row,
    "pixels whose *prediction* is void are left out: void is where the *target* is void": _each(_void_of_the_prediction),
    "class 0 is left out of the truth: it is a class like any other": _without_class_0,
    "these are shares: asked are numbers of pixels": _shares((1, 2)),
    "these are shares of each row: asked are numbers of pixels": _shares(2),
    "these are TP, FP and FN of each class: asked is the whole matrix, (num_classes, num_classes)": _per_class,
    "classes that do not occur are cut out: a matrix has num_classes rows and columns, also where they are 0": _only_what_occurs,
}  # fmt: skip


def _matrix_words(failed) -> str:
    """Why matrices are not the wanted ones, where no mistake fits them."""
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
        if length and int(length[1]) < len(given["target"]) * given["num_classes"] ** 2:
            return f"{failed.why} (`bincount` ends at the largest code that occurs: tell it the `minlength`)"
        if (given["target"] == given["void"]).any():
            also = "; void is not always 255" if given["void"] != VOID else ""
            return f"{failed.why} (this target has void pixels, {given['void']}: leave them out before you count{also})"
        return failed.why
    is_matrix = isinstance(got, Tensor) and got.shape == want.shape and not got.is_floating_point()
    if is_matrix and (wrong := (got.sum((1, 2)) != want.sum((1, 2))).nonzero()).numel():
        n = int(wrong[0])
        sums = f"the entries of picture {n} add up to {int(got[n].sum())}, but {int(want[n].sum())} of its pixels are not void"
        return f"{sums}; {failed.why}"
    if is_matrix and (wrong := (got.sum(2) != want.sum(2)).nonzero()).numel():
        n, row = wrong[0].tolist()
        sums = f"in picture {n}, row {row} adds up to {int(got[n, row].sum())}"
        return f"{sums}, but {int(want[n, row].sum())} pixels are truly of class {row}; {failed.why}"
    return failed.why


def confusion_matrices_properties(student, rng):
    def claim(text, *cases):
        return explained(text, student, list(cases), _matrix, MATRIX_MISTAKES, _matrix_words)

    def case(num_classes, *shape, label=VOID, **settings):
        return label_maps(rng, num_classes, *shape, label=label, **settings) | {"void": label}

    by_hand = {
        "prediction": torch.tensor([[[0, 1, 1], [1, 2, 0]]]),
        "target": torch.tensor([[[0, 0, 1], [2, 2, 2]]]),
        "num_classes": 3,
        "void": VOID,
    }
    yield claim(
        "one picture: rows are the truth, columns the prediction",
        by_hand,
        case(4, 1, 5, 9),
        case(7, 1, 11, 6, truth=(1, 2, 4, 5)),
    )
    yield claim(
        "several pictures: a matrix for each", case(3, 2, 3, 4), case(5, 3, 7, 11), case(2, 4, 1, 9, truth=(0,))
    )
    yield claim(
        "void pixels of the target count nowhere",
        case(3, 1, 3, 4, void=0.3),
        case(5, 2, 7, 11, void=0.4),
        case(6, 3, 9, 5, void=0.2, truth=(1, 2, 3, 4)),
    )
    yield claim(
        "void is the number that is given",
        case(3, 1, 3, 4, void=0.3, label=3),
        case(5, 2, 7, 11, void=0.4, label=254),
        case(6, 3, 9, 5, void=0.2, label=100),
    )
    yield claim(
        "in void anything may be predicted; a picture may be all void",
        case(3, 2, 3, 4, void=0.4, wild=True),
        case(12, 2, 8, 13, void=0.4, wild=True, label=200),
        case(4, 2, 3, 5, void=1.0, wild=True),
    )
    u8, i16, i32, i64 = torch.uint8, torch.int16, torch.int32, torch.int64
    yield claim(
        "maps of any integer dtype, 19 to 200 classes",
        case(21, 1, 6, 9, dtypes=(u8, u8)),
        case(19, 2, 13, 8, dtypes=(i64, u8), void=0.1),
        case(30, 2, 9, 7, dtypes=(u8, i64), void=0.1, wild=True),
        case(150, 2, 12, 9, dtypes=(u8, u8), void=0.1, wild=True, label=150),
        case(21, 3, 5, 8, dtypes=(i16, i32), void=0.1),
        case(200, 2, 11, 13, dtypes=(i16, i16), void=0.1),
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
    '`iou` changes with `over`: it is the same for all three; with "truth", too, a class that is only predicted has IoU 0': (
        lambda counts, over: _ious(counts).where((counts.sum(1) > 0) | torch.tensor(over != "truth"), float("nan"))
    ),
    '`iou` changes with `over`: it is the same for all three; with "all", too, a class that occurs nowhere has NaN': (
        lambda counts, over: _ious(counts).nan_to_num(0) if over == "all" else _ious(counts)
    ),
    "`iou` changes with `over`: it is the same for all three, 0 for a class that is only predicted, NaN for one that occurs nowhere": (
        lambda counts, over: _changed_for_the_mean(counts, over)
    ),
    "classes without an IoU are cut out: `iou` has one entry for each class, NaN for those": (
        lambda counts, over: _ious(counts)[~_ious(counts).isnan()]
    ),
    "the IoUs are divided to whole numbers: use / and floats": lambda counts, over: _ious(counts).nan_to_num(0).long(),
    "this is in percent": lambda counts, over: 100 * _ious(counts),
}


def _changed_for_the_mean(counts, over):
    iou = _ious(counts)
    if over == "truth":
        return iou.where(counts.sum(1) > 0, float("nan"))
    return iou.nan_to_num(0) if over == "all" else iou


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
    "IoUs of 0 are left out of this mean: a class that was missed, or invented, counts, with 0": (
        lambda counts, over: _mean(_ious(counts), _ious(counts) > 0)
    ),
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
        "confusion_matrices",
        "Count every pixel once",
        3,
        confusion_matrices_properties,
        forbid=("ConfusionMatrix", "MulticlassConfusionMatrix", "multiclass_confusion_matrix"),
    ),
    Question("mean_iou", "One matrix, three mIoUs", 3, mean_iou_properties),
    Question("set_scores", "A set of pictures", 3, set_scores_properties, allow=("ConfusionMatrix",)),
    Question("boundary_f1", "Boundary F1", 4, boundary_f1_properties),
    Question("miou_interval", "How sure is this mIoU?", 3, miou_interval_properties),
    Question("rival", "The rival", 4, rival_properties),
]
