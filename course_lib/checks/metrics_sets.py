"""Exercise 04, the questions about sets of pictures: three kinds of mean IoU, and a bootstrap interval."""

import contextlib
import warnings

import numpy as np
import torch

from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.metrics_maps import VOID, label_maps, matrix, random_counts
from course_lib.checks.mistakes import entry_of, explained, item_of

# 3 · a set of pictures


def _iou(counts: np.ndarray) -> np.ndarray:
    """IoU of each class of matrices (..., C, C), NaN where a class does not occur."""
    counts = counts.astype(np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore"):
        return hits / (counts.sum(-1) + counts.sum(-2) - hits)


def _mean(values, axis=None):
    """The mean of what is not NaN; NaN where there is nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(np.asarray(values, np.float64), axis=axis)


def _matrices(predictions, targets, num_classes) -> np.ndarray:
    return np.stack([matrix(p, t, num_classes) for p, t in zip(predictions, targets, strict=True)])


def _table(predictions, targets, num_classes) -> np.ndarray:
    """IoU of each picture (rows) and class (columns)."""
    return _iou(_matrices(predictions, targets, num_classes))


def _scores(predictions, targets, num_classes) -> dict[str, float]:
    matrices = _matrices(predictions, targets, num_classes)
    table = _iou(matrices)
    return {
        "set": float(_mean(_iou(matrices.sum(0)))),
        "images": float(_mean(_mean(table, 1))),
        "classes": float(_mean(_mean(table, 0))),
    }


def _other(key: str):
    return lambda predictions, targets, num_classes: _scores(predictions, targets, num_classes)[key]


def _of_table(value):
    """A number of the table of IoUs as a mistake."""
    return lambda predictions, targets, num_classes: float(value(_table(predictions, targets, num_classes)))


def _filled(number: float):
    """The mean where `number` stands for every IoU that does not exist, also in pictures that are all void."""
    return _of_table(lambda table: _mean(np.where(np.isnan(table), number, table)))


def _filled_pictures(number: float):
    """As if a class that is not in a picture had this IoU there; pictures that are all void stay out."""

    def value(table):
        kept = table[~np.isnan(table).all(1)]
        return _mean(np.where(np.isnan(kept), number, kept))

    return _of_table(value)


def _void_pictures_count_0(table):
    return np.nan_to_num(_mean(table, 1)).mean()


def _by_pixels(predictions, targets, num_classes):
    matrices = _matrices(predictions, targets, num_classes)
    mious, pixels = _mean(_iou(matrices), 1), matrices.sum((1, 2))
    return float(np.nansum(mious * pixels) / pixels.sum()) if pixels.any() else float("nan")


def _by_all_pixels(predictions, targets, num_classes):
    """As `_by_pixels`, void pixels counted as well."""
    mious, pixels = _mean(_table(predictions, targets, num_classes), 1), [t.numel() for t in targets]
    return float(mious @ pixels / np.sum(pixels))


def _truth_only(first: int | None):
    """Only classes that occur in the truth; first: the axis averaged first, None for the whole set."""

    def value(predictions, targets, num_classes):
        matrices = _matrices(predictions, targets, num_classes)
        if first is None:
            matrices = matrices.sum(0)
        ious = np.where(matrices.sum(-1) > 0, _iou(matrices), np.nan)
        return float(_mean(ious if first is None else _mean(ious, first)))

    return value


def _void_as_0(key: str):
    """Void pixels scored as class 0."""

    def value(predictions, targets, num_classes):
        return _scores(predictions, [t.masked_fill(t == VOID, 0) for t in targets], num_classes)[key]

    return value


def _running(first: int):
    """As if the matrix of a picture still held the pictures before it; first: the axis averaged first."""

    def value(predictions, targets, num_classes):
        return float(_mean(_mean(_iou(_matrices(predictions, targets, num_classes).cumsum(0)), first)))

    return value


def _pooled(predictions, targets, num_classes):
    counts = _matrices(predictions, targets, num_classes).sum(0).astype(np.float64)
    hits = counts.trace()
    return float(hits / (2 * counts.sum() - hits)) if counts.any() else float("nan")


ABSENT = "leave out the class in that picture"
COMMON = {
    "all": "these are the means of all cells of the table at once: pictures with more classes, or classes in more pictures, weigh more",
    "running": "the matrix of a picture still holds the pictures before it: each picture needs a new one",
    "picture": "an all-void picture counts with mIoU 0: nothing in it can be scored, so leave it out",
}
SCORE_MISTAKES = {
    "set": {
        "this is the mean over the pictures of their mIoU: add up the matrices first, and divide once": _other("images"),
        "this is the mean of each class over the pictures: add up the matrices first, and divide once": _other("classes"),
        "a class that occurs in no picture counts as 0: leave it out": (
            lambda predictions, targets, num_classes: float(
                np.nan_to_num(_iou(_matrices(predictions, targets, num_classes).sum(0))).mean()
            )
        ),
        "a class that is only predicted is left out: its IoU is 0": _truth_only(None),
        "this divides all true positives by all unions: take the IoU of each class, then the mean": _pooled,
        "void pixels are scored as class 0: leave them out": _void_as_0("set"),
        COMMON["all"]: _of_table(_mean),
        "this is the score of the first picture alone": _of_table(lambda table: _mean(table[0])),
        "this is the score of the last picture alone: a matrix begins anew for each picture": (
            _of_table(lambda table: _mean(table[-1]))
        ),
    },
    "images": {
        'this is the accumulated mIoU, "set": here each picture has a score of its own': _other("set"),
        'this is the mean of each class first, "classes": here each picture comes first': _other("classes"),
        COMMON["all"]: _of_table(_mean),
        f"a class that is not in a picture counts as 0 there: {ABSENT}": _filled_pictures(0.0),
        f"a class that is not in a picture counts as 0 there, and so does an all-void picture: {ABSENT}": _filled(0.0),
        f"a class that is not in a picture counts as 1 there: {ABSENT}": _filled_pictures(1.0),
        f"a class that is not in a picture counts as 1 there, and so does an all-void picture: {ABSENT}": _filled(1.0),
        COMMON["running"]: _running(1),
        COMMON["picture"]: _of_table(_void_pictures_count_0),
        "the pictures are weighted by their pixels: each picture counts the same": _by_pixels,
        "the pictures are weighted by their pixels, void ones too: each picture counts the same": _by_all_pixels,
        "a class that is only predicted is left out: its IoU is 0 in that picture": _truth_only(1),
        "this is NaN because one IoU of the table is: a mean leaves out what is not there": _of_table(np.mean),
        "this is NaN because one picture is all void: a mean leaves out what is not there": (
            _of_table(lambda table: np.mean(_mean(table, 1)))
        ),
        "void pixels are scored as class 0: leave them out": _void_as_0("images"),
    },
    "classes": {
        'this is the accumulated mIoU, "set": here each picture and class has an IoU of its own': _other("set"),
        'this is the mean of each picture first, "images": here the mean over the pictures comes first': _other("images"),
        COMMON["all"]: _of_table(_mean),
        f"a class that is not in a picture counts as 0 there: {ABSENT}": _filled_pictures(0.0),
        f"a class that is not in a picture counts as 0 there, and so does an all-void picture: {ABSENT}": _filled(0.0),
        f"a class that is not in a picture counts as 1 there: {ABSENT}": _filled_pictures(1.0),
        f"a class that is not in a picture counts as 1 there, and so does an all-void picture: {ABSENT}": _filled(1.0),
        COMMON["running"]: _running(0),
        "a class that occurs in no picture counts as 0: leave it out": (
            _of_table(lambda table: np.nan_to_num(_mean(table, 0)).mean())
        ),
        "a class that is only predicted is left out: its IoU is 0 in that picture": _truth_only(0),
        "this is NaN because one IoU of the table is: a mean leaves out what is not there": _of_table(np.mean),
        "void pixels are scored as class 0: leave them out": _void_as_0("classes"),
    },
}  # fmt: skip


def _all_three(value):
    """All three entries with the number of one mistake."""
    return lambda **case: dict.fromkeys(("set", "images", "classes"), value(**case))


ALONE_MISTAKES = {
    "a class that is not there counts as 0: a mean leaves it out": _all_three(_filled(0.0)),
    "a class that is not there counts as 1: a mean leaves it out": _all_three(_filled(1.0)),
    "a class that is only predicted is left out: its IoU is 0": _all_three(_truth_only(None)),
}


def _float(value):
    """A tensor of one number as that number."""
    return float(value) if isinstance(value, torch.Tensor) and value.numel() == 1 else value


def _score_words(failed) -> str:
    if failed.want is not None:
        numbers = failed.got.values() if isinstance(failed.got, dict) else [failed.got]
        if any(isinstance(value, float) and np.isnan(value) for value in map(_float, numbers)):
            return f"{failed.why}: a mean took a NaN in; what is not there is left out"
        return failed.why
    if "stack" in failed.why:
        return f"{failed.why} (the pictures differ in size: go through them one by one)"
    if "ConfusionMatrix: prediction label" in failed.why:
        return f"{failed.why} (`update` takes the prediction first, then the target: exchanged, void stands in the prediction)"
    if any((target == VOID).any() for target in (failed.given or {}).get("targets", ())):
        return f"{failed.why} (there are void pixels: leave them out; some pictures may have no others)"
    return failed.why


def set_scores_properties(student, rng):
    def pictures(num_classes, *several):
        """Each picture is (height, width, settings of label_maps)."""
        made = [label_maps(rng, num_classes, height, width, **settings) for height, width, settings in several]
        return {
            "predictions": [one["prediction"] for one in made],
            "targets": [one["target"] for one in made],
            "num_classes": num_classes,
        }

    def some(*classes, wrong=0.4, also=(), **settings):
        """A picture with these classes; wrong pixels may be called another class as well."""
        return dict(truth=classes, guess=(*classes, *also), wrong=wrong, **settings)

    alone = [pictures(3, (3, 4, {})), pictures(5, (7, 9, {})), pictures(4, (5, 8, some(0, 2, also=(1,))))]
    several = [
        pictures(3, (3, 4, {}), (2, 3, dict(wrong=0.8))),
        pictures(4, (9, 7, dict(wrong=0.1)), (5, 5, dict(wrong=0.9)), (4, 11, dict(wrong=0.5))),
    ]
    lacking = [
        pictures(3, (3, 4, some(0, 1)), (2, 5, some(0, 1, 2, wrong=0.8))),
        pictures(6, (7, 9, some(0, 3, wrong=0.1)), (5, 5, some(3, 4, wrong=0.8)), (4, 6, some(0, 1, 3, 4))),
        pictures(5, (6, 5, some(0, 3, also=(1,))), (3, 8, some(1, 2, wrong=0.2, also=(3, 4))), (7, 7, some(0, 1, 2))),
        pictures(5, (8, 6, some(0, 2, wrong=0.2, void=0.2)), (3, 7, some(0, 1, 2, wrong=0.7, also=(4,)))),
    ]
    unlabeled = [
        pictures(3, (4, 4, dict(void=0.4)), (3, 5, dict(void=0.3))),
        pictures(3, (4, 4, dict(void=1.0)), (3, 5, dict(void=0.3, wild=True))),
        pictures(
            4,
            (5, 7, dict(void=0.3, wild=True, wrong=0.2)),
            (3, 4, dict(void=1.0, wild=True)),
            (8, 3, some(1, 3, void=0.2, wrong=0.6)),
        ),
        pictures(21, *((n, 6, dict(void=0.1, dtypes=(torch.uint8, torch.uint8))) for n in (7, 9))),
        pictures(3, (2, 3, dict(void=1.0)), (4, 2, dict(void=1.0))),
    ]

    def claim(text, key, cases):
        def reference(**case):
            return _scores(**case)[key]

        return explained(text, entry_of(student, key), cases, reference, SCORE_MISTAKES[key], _score_words)

    yield explained("one picture alone: the three agree", student, alone, _scores, ALONE_MISTAKES, _score_words)
    yield claim('"set": one matrix of all pictures', "set", several + lacking)
    yield claim('"images": the mean over pictures, some of which lack a class', "images", several + lacking)
    yield claim('"classes": the mean over classes, each over its pictures', "classes", several + lacking)
    for key in ("set", "images", "classes"):
        yield claim(f'"{key}" with void, with a picture that is all void, with nothing at all', key, unlabeled)


# 5 · a bootstrap interval


def _resampled(counts, draws) -> np.ndarray:
    """The accumulated mIoU of each draw, (B,); draws: lists of the numbers of pictures."""
    counts = counts.numpy()
    return _mean(_iou(np.stack([sum(counts[i] for i in draw) for draw in draws])), 1)


def _quantiles(scores, low: float, high: float) -> tuple[float, float]:
    return float(np.quantile(scores, low)), float(np.quantile(scores, high))


def _between(scores, confidence) -> tuple[float, float]:
    return _quantiles(scores, (1 - confidence) / 2, (1 + confidence) / 2)


def _interval(counts, draws, confidence):
    return _between(_resampled(counts, draws.tolist()), confidence)


def _of_scores(scores):
    """The interval of other scores, a function of counts and draws, as a mistake."""
    return lambda counts, draws, confidence: _between(scores(counts, draws), confidence)


def _normal(shrink: bool, fixed: float | None = None):
    """Mean +- z standard deviations, or standard errors; fixed: z, whatever the confidence."""

    def wrong(counts, draws, confidence):
        scores = torch.from_numpy(_resampled(counts, draws.tolist()))
        z = fixed or float(torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor((1 + confidence) / 2)))
        half = z * scores.std() / (len(scores) ** 0.5 if shrink else 1)
        return float(scores.mean() - half), float(scores.mean() + half)

    return wrong


def _per_picture(counts, draws):
    return _mean(_mean(_iou(counts.numpy()), 1)[draws.numpy()], 1)


def _per_class(counts, draws):
    return _mean(_mean(_iou(counts.numpy())[draws.numpy()], 1), 1)


def _once(counts, draws):
    return _resampled(counts, [set(draw) for draw in draws.tolist()])


def _from_the_list(scores, confidence):
    """As if the share below were cut to a whole number of scores."""
    below = int(len(scores) * (1 - confidence) / 2)
    return float(np.sort(scores)[below]), float(np.sort(scores)[-1 - below])


def _absent_is_0(counts, draws):
    return np.nan_to_num(_iou(counts.numpy()[draws.numpy()].sum(1))).mean(1)


def _truth_classes(counts, draws):
    sums = counts.numpy()[draws.numpy()].sum(1)
    return _mean(np.where(sums.sum(2) > 0, _iou(sums), np.nan), 1)


def _accuracy(counts, draws):
    sums = counts.numpy()[draws.numpy()].sum(1)
    return np.trace(sums, axis1=1, axis2=2) / sums.sum((1, 2))


def _dice(counts, draws):
    iou = _iou(counts.numpy()[draws.numpy()].sum(1))
    return _mean(2 * iou / (1 + iou), 1)


INTERVAL_MISTAKES = {
    "the share outside lies on each side: only half of 1 - confidence lies below, and half above": (
        lambda counts, draws, confidence: _quantiles(_resampled(counts, draws.tolist()), 1 - confidence, confidence)
    ),
    "each *row* of draws is one set: these scores come from its columns": _of_scores(
        lambda counts, draws: _resampled(counts, draws.T.tolist())
    ),
    "this is NaN because a draw lacks a class: the mean over the classes leaves it out": _of_scores(
        lambda counts, draws: _iou(counts.numpy()[draws.numpy()].sum(1)).mean(1)
    ),
    "the order is (low, high)": lambda counts, draws, confidence: _interval(counts, draws, confidence)[::-1],
    "this averages the IoUs of single pictures: add up the matrices of each draw, and divide once": (
        _of_scores(_per_picture)
    ),
    "this averages each class's IoU over the drawn pictures: add up the matrices of each draw, and divide once": (
        _of_scores(_per_class)
    ),
    "a picture drawn several times counts only once here: it counts as often as it was drawn": _of_scores(_once),
    "a class that does not occur in a draw counts as 0: the mean of that draw leaves it out": _of_scores(_absent_is_0),
    "a class that a draw has only in the prediction is left out: its IoU is 0": _of_scores(_truth_classes),
    "these are the mean minus and plus z standard deviations: asked are two quantiles of the scores": _normal(False),
    "these are the mean minus and plus z standard errors of the B draws: more draws would shrink that; asked are two quantiles": (
        _normal(True)
    ),
    "these are the mean minus and plus 1.96 standard deviations, whatever `confidence`: asked are two quantiles of the scores": (
        _normal(False, 1.96)
    ),
    "these are the 0.025 and the 0.975 quantile, whatever `confidence`: a share of `confidence` lies inside": (
        lambda counts, draws, confidence: _quantiles(_resampled(counts, draws.tolist()), 0.025, 0.975)
    ),
    "these are the smallest and the largest score: asked are two quantiles": (
        lambda counts, draws, confidence: _quantiles(_resampled(counts, draws.tolist()), 0.0, 1.0)
    ),
    "these are scores from the sorted list: interpolate between two neighbors, as `torch.quantile` does": (
        lambda counts, draws, confidence: _from_the_list(_resampled(counts, draws.tolist()), confidence)
    ),
    "these are scores from the sorted list, the nearest ones: interpolate between two neighbors": (
        lambda counts, draws, confidence: tuple(
            float(np.quantile(_resampled(counts, draws.tolist()), share, method="nearest"))
            for share in ((1 - confidence) / 2, (1 + confidence) / 2)
        )
    ),
    "this is an interval of pixel accuracy: asked is mIoU": _of_scores(_accuracy),
    "this is an interval of mean Dice: asked is mIoU": _of_scores(_dice),
    "these are the quantiles of the single pictures' mIoU: asked is the mIoU of whole sets": (
        lambda counts, draws, confidence: _between(_mean(_iou(counts.numpy()), 1), confidence)
    ),
    "this is the interval of another confidence: a share of `confidence` lies inside": (
        lambda counts, draws, confidence: _between(_resampled(counts, draws.tolist()), 1 - confidence)
    ),
}


def miou_interval_properties(student, rng):
    def case(pictures, num_classes, sets, confidence, absent=(), hallucinated=()):
        """Matrices of pictures of very different size; `absent` classes occur in the first picture alone."""
        counts = [random_counts(rng, num_classes, hallucinated=hallucinated) for _ in range(pictures)]
        for i in range(1, pictures):
            counts[i][list(absent)] = 0
            counts[i][:, list(absent)] = 0
            counts[i] *= int(rng.integers(1, 30))
        draws = rng.integers(0, pictures, (sets, pictures))
        draws[0] = 0
        return {"counts": torch.stack(counts), "draws": torch.from_numpy(draws), "confidence": confidence}

    def claim(text, *cases):
        return explained(
            text,
            item_of(student, slice(None), "(low, high)"),
            list(cases),
            _interval,
            INTERVAL_MISTAKES,
            lambda failed: _interval_words(failed, student),
        )

    yield claim("two classes, four pictures", case(4, 2, 5, 0.5), case(4, 2, 20, 0.5))
    yield claim("intervals of several widths", *(case(6, 3, 40, share) for share in (0.9, 0.8, 0.95)))
    yield claim(
        "classes that some draws lack, or have only in the prediction",
        case(3, 3, 30, 0.8, absent=(2,)),
        case(5, 6, 50, 0.9, absent=(0, 4)),
        case(5, 4, 50, 0.9, hallucinated=(1,)),
    )
    yield claim("more sets than pictures, fewer sets than pictures", case(3, 2, 200, 0.9), case(30, 4, 9, 0.6))


def _interval_words(failed, student) -> str:
    got, want = failed.got, failed.want
    if want is None and "size of tensor" in failed.why:
        return f"{failed.why} (of a batch of matrices (B, C, C), `diagonal(dim1=1, dim2=2)` takes the diagonal of each)"
    if want is None or not all(isinstance(value, float) for value in got):
        return failed.why
    pairs = zip(("low", "high"), got, want, strict=True)
    told = ", ".join(f"{name} is {x:.6g}, wanted {y:.6g}" for name, x, y in pairs if difference(x, y))
    given = failed.given
    with contextlib.suppress(Failed):
        if difference(student(**given), got):
            return f"the same input gives another interval when it is asked again: take the sets of `draws`, draw none yourself; {told}"
        if not difference(student(**{**given, "draws": torch.zeros_like(given["draws"])}), got):
            return f"with other `draws` the interval stays the same: each row of `draws` is one set; {told}"
    return told
