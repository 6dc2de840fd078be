"""Exercise 04: wrong answers as learners write them, each with what the check must say, and right answers written otherwise."""

import metrics_answers_boundary as edges
import metrics_answers_rankings as ranks
import metrics_answers_sets as sets
import numpy as np
import pytest
import torch
from harness import exercise_tests

from course_lib import metrics
from course_lib.checks import judge
from course_lib.checks.session import questions_of

pytestmark = pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")  # one mutant does it


# 1 · the confusion matrices


def by_picture(codes):
    """An answer that stacks a matrix for each picture; codes(p, t, num_classes, void): the numbers that it counts."""

    def answer(prediction, target, num_classes, void):
        pairs = zip(prediction, target, strict=True)
        return torch.stack([square(codes(p, t, num_classes, void), num_classes) for p, t in pairs])

    answer.__name__ = codes.__name__
    return answer


def square(codes, num_classes):
    return torch.bincount(codes, minlength=num_classes**2).reshape(num_classes, num_classes)


@by_picture
def matrices_picture_by_picture(p, t, num_classes, void):
    valid = t != void
    return t[valid].long() * num_classes + p[valid].long()


def matrices_by_one_hot(prediction, target, num_classes, void):
    classes = torch.arange(num_classes)
    valid = (target != void).flatten(1)[..., None]
    truth = ((target.flatten(1)[..., None].long() == classes) & valid).double()
    guess = (prediction.flatten(1)[..., None].long() == classes).double()
    return (truth.mT @ guess).round().long()


def matrices_by_loops(prediction, target, num_classes, void):
    counts = torch.zeros(len(target), num_classes, num_classes, dtype=torch.int64)
    for one, p, t in zip(counts, prediction, target, strict=True):
        for truth, guess in zip(t.flatten().tolist(), p.flatten().tolist(), strict=True):
            if truth != void:
                one[truth, guess] += 1
    return counts


def matrices_in_numpy_style(prediction, target, num_classes, void):
    counts = np.zeros((len(target), num_classes, num_classes), dtype=np.int64)
    target, prediction = target.numpy().astype(int), prediction.numpy().astype(int)
    n, y, x = np.nonzero(target != void)
    np.add.at(counts, (n, target[n, y, x], prediction[n, y, x]), 1)
    return torch.from_numpy(counts)


def matrices_with_a_void_row(prediction, target, num_classes, void):
    picture = torch.arange(len(target))[:, None, None]
    codes = (picture * 256 + target) * 256 + prediction
    counts = torch.bincount(codes.flatten(), minlength=len(target) * 256 * 256).view(-1, 256, 256)
    return counts[:, :num_classes, :num_classes]


def counted(prediction, target, num_classes, void):
    return matrices_by_one_hot(prediction, target, num_classes, void)


@by_picture
def matrices_overflow(p, t, num_classes, void):
    valid = t != void
    return t[valid] * num_classes + p[valid]


@by_picture
def matrices_cast_too_late(p, t, num_classes, void):
    valid = t != void
    return (t[valid] * num_classes).long() + p[valid].long()


@by_picture
def matrices_cast_to_int16(p, t, num_classes, void):
    valid = t != void
    return t[valid].to(torch.int16) * num_classes + p[valid].to(torch.int16)


@by_picture
def matrices_transposed(p, t, num_classes, void):
    valid = t != void
    return p[valid].long() * num_classes + t[valid].long()


@by_picture
def matrices_forget_void(p, t, num_classes, void):
    return t.flatten().long() * num_classes + p.flatten().long()


def matrices_void_is_background(prediction, target, num_classes, void):
    target = target.long()
    return matrices_forget_void(prediction, target.masked_fill(target == void, 0), num_classes, void)


def matrices_void_is_clamped(prediction, target, num_classes, void):
    return matrices_forget_void(prediction, target.long().clamp(max=num_classes - 1), num_classes, void)


@by_picture
def matrices_void_of_the_prediction(p, t, num_classes, void):
    valid = p != void
    return t[valid].long() * num_classes + p[valid].long()


@by_picture
def matrices_void_is_255(p, t, num_classes, void):
    valid = t != 255
    return t[valid].long() * num_classes + p[valid].long()


def matrices_void_row_is_kept(prediction, target, num_classes, void):
    target = target.long()
    return counted(prediction, target.masked_fill(target == void, num_classes), num_classes + 1, -1)


def matrices_add_once(prediction, target, num_classes, void):
    counts = torch.zeros(len(target), num_classes, num_classes, dtype=torch.int64)
    for one, p, t in zip(counts, prediction, target, strict=True):
        valid = t != void
        one[t[valid].long(), p[valid].long()] += 1
    return counts


def matrices_not_flat(prediction, target, num_classes, void):
    codes = target.long() * num_classes + prediction.long()
    return torch.stack([torch.bincount(one, minlength=num_classes**2) for one in codes])


def matrices_indexed_by_bytes(prediction, target, num_classes, void):
    counts = torch.zeros(len(target), num_classes, num_classes, dtype=torch.int64)
    for one, p, t in zip(counts, prediction, target, strict=True):
        valid = t != void
        ones = torch.ones(int(valid.sum()), dtype=torch.int64)
        one.index_put_((t[valid], p[valid]), ones, accumulate=True)
    return counts


def matrices_by_byte_scalars(prediction, target, num_classes, void):
    counts = torch.zeros(len(target), num_classes, num_classes, dtype=torch.int64)
    for one, guesses, truths in zip(counts, prediction, target, strict=True):
        for t, p in zip(truths.flatten(), guesses.flatten(), strict=True):
            if t != void:
                one[t, p] += 1
    return counts


def matrices_by_histogram(prediction, target, num_classes, void):
    """Without its range, the histogram begins at the smallest label that occurs."""
    counts = []
    for p, t in zip(prediction, target, strict=True):
        counts.append(np.histogram2d(t[t != void], p[t != void], bins=num_classes)[0])
    return torch.from_numpy(np.stack(counts)).long()


def matrices_without_minlength(prediction, target, num_classes, void):
    counts = []
    for p, t in zip(prediction, target, strict=True):
        codes = t[t != void].long() * num_classes + p[t != void].long()
        counts.append(torch.bincount(codes).reshape(num_classes, num_classes))
    return torch.stack(counts)


def matrices_of_the_first(prediction, target, num_classes, void):
    return counted(prediction, target, num_classes, void)[0]


def matrices_added_up(prediction, target, num_classes, void):
    return counted(prediction, target, num_classes, void).sum(0)


def matrices_accumulate(prediction, target, num_classes, void):
    return counted(prediction, target, num_classes, void).cumsum(0)


@by_picture
def matrices_skip_background(p, t, num_classes, void):
    valid = (t > 0) & (t != void)
    return t[valid].long() * num_classes + p[valid].long()


def matrices_of_shares(prediction, target, num_classes, void):
    counts = counted(prediction, target, num_classes, void).float()
    return counts / counts.sum((1, 2), keepdim=True)


def matrices_ask_the_library(prediction, target, num_classes, void):
    new = lambda: metrics.ConfusionMatrix(num_classes, void)  # noqa: E731
    return torch.stack([new().update(p, t).counts for p, t in zip(prediction, target, strict=True)])


def matrices_by_interleaving(prediction, target, num_classes, void):
    """Codes with another factor: one class too many."""
    counts = []
    for p, t in zip(prediction, target, strict=True):
        codes = t[t != void].long() * (num_classes + 1) + p[t != void].long()
        counts.append(torch.bincount(codes, minlength=num_classes**2)[: num_classes**2].reshape(num_classes, -1))
    return torch.stack(counts)


# 2 · three mIoUs


def iou_asks_the_library(counts, over):
    matrix = metrics.ConfusionMatrix(len(counts))
    matrix.counts = counts
    return matrix.iou(), matrix.miou(over)


def iou_by_loops(counts, over):
    iou, kept = [], []
    for c in range(len(counts)):
        hits = int(counts[c, c])
        missed, foreign = int(counts[c].sum()) - hits, int(counts[:, c].sum()) - hits
        union = hits + missed + foreign
        iou.append(hits / union if union else float("nan"))
        if over == "all":
            kept.append(iou[-1] if union else 0.0)
        elif hits + missed > 0 or (over == "union" and union):
            kept.append(iou[-1])
    if not counts.any():
        return torch.tensor(iou), float("nan")
    return torch.tensor(iou), sum(kept) / len(kept)


def iou_asks_for_nanmean(counts, over):
    counts = counts.numpy().astype(float)
    hits = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - hits
    iou = np.where(union > 0, hits / np.maximum(union, 1), np.nan)
    chosen = {"union": iou, "truth": np.where(counts.sum(1) > 0, iou, np.nan), "all": np.nan_to_num(iou)}[over]
    miou = float("nan") if counts.sum() == 0 else float(np.nanmean(chosen))
    return torch.from_numpy(iou), miou


def split(counts):
    return counts.diag().double(), counts.sum(1).double(), counts.sum(0).double()


def mean_over(iou, counts, over):
    _, truth, guess = split(counts)
    if over == "union" or not counts.any():
        return float(iou[truth + guess > 0].mean())
    return float(iou[truth > 0].mean()) if over == "truth" else float(iou.nan_to_num(0).mean())


def iou_counts_hits_twice(counts, over):
    hits, truth, guess = split(counts)
    iou = hits / (truth + guess)
    return iou, mean_over(iou, counts, over)


def iou_is_dice(counts, over):
    hits, truth, guess = split(counts)
    iou = 2 * hits / (truth + guess)
    return iou, mean_over(iou, counts, over)


def iou_is_recall(counts, over):
    hits, truth, _ = split(counts)
    iou = hits / truth
    return iou, mean_over(iou, counts, over)


def iou_is_precision(counts, over):
    hits, _, guess = split(counts)
    iou = hits / guess
    return iou, mean_over(iou, counts, over)


def iou_is_zero_where_absent(counts, over):
    hits, truth, guess = split(counts)
    iou = hits / (truth + guess - hits).clamp(min=1)
    return iou, mean_over(iou, counts, over)


def iou_is_one_where_absent(counts, over):
    hits, truth, guess = split(counts)
    iou = ((hits + 1e-9) / (truth + guess - hits + 1e-9)).float()
    return iou, mean_over(iou, counts, over)


def iou_of(counts):
    hits, truth, guess = split(counts)
    return hits / (truth + guess - hits)


def iou_always_truth(counts, over):
    iou = iou_of(counts)
    return iou, float(iou[counts.sum(1) > 0].mean())


def iou_always_union(counts, over):
    iou = iou_of(counts)
    return iou, float(iou.nanmean())


def iou_always_all(counts, over):
    iou = iou_of(counts)
    return iou, float(iou.nan_to_num(0).mean())


def iou_of_the_columns(counts, over):
    iou = iou_of(counts)
    if over == "truth":
        return iou, float(iou[counts.sum(0) > 0].mean())
    return iou, mean_over(iou, counts, over)


def iou_cuts_the_matrix(counts, over):
    iou = iou_of(counts)
    if over == "truth":
        kept = counts.sum(1) > 0
        return iou, float(iou_of(counts[kept][:, kept]).mean())
    return iou, mean_over(iou, counts, over)


def iou_plain_mean(counts, over):
    iou = iou_of(counts)
    return iou, float(iou.mean())


def iou_weighted(counts, over):
    iou = iou_of(counts)
    return iou, float((iou.nan_to_num(0) * counts.sum(1) / counts.sum()).sum())


def iou_pooled(counts, over):
    hits, truth, guess = (x.sum() for x in split(counts))
    return iou_of(counts), float(hits / (truth + guess - hits))


def iou_zero_for_nothing(counts, over):
    iou = iou_of(counts)
    return iou, mean_over(iou, counts, over) if counts.any() else 0.0


def iou_zero_for_nothing_in_all(counts, over):
    iou = iou_of(counts)
    return iou, float(iou.nansum() / len(iou)) if over == "all" else mean_over(iou, counts, over)


def iou_nan_where_hallucinated(counts, over):
    iou = iou_of(counts)
    iou[counts.sum(1) == 0] = float("nan")
    return iou, mean_over(iou, counts, over)


def iou_cut(counts, over):
    iou = iou_of(counts)
    return iou[~iou.isnan()], mean_over(iou, counts, over)


def iou_only(counts, over):
    return iou_of(counts)


def iou_of_what_was_hit(counts, over):
    iou = iou_of(counts)
    return iou, float(iou[iou > 0].mean())


def iou_changed_for_truth(counts, over):
    iou = iou_of(counts)
    if over == "truth":
        iou[counts.sum(1) == 0] = float("nan")
    return iou, mean_over(iou, counts, over)


def iou_changed_for_all(counts, over):
    iou = iou_of(counts)
    if over == "all" and counts.any():
        iou = iou.nan_to_num(0)
    return iou, mean_over(iou, counts, over)


def iou_changed_for_both(counts, over):
    iou = iou_changed_for_truth(counts, over)[0] if over != "all" else iou_changed_for_all(counts, over)[0]
    return iou, float(iou.nanmean())


def iou_in_whole_numbers(counts, over):
    hits, truth, guess = counts.diag(), counts.sum(1), counts.sum(0)
    iou = hits // (truth + guess - hits).clamp(min=1)
    return iou, float(iou.double().mean())


def iou_of_recall_only_in_the_mean(counts, over):
    hits, truth, _ = split(counts)
    return iou_of(counts), float((hits / truth).nanmean())


MUTANTS = {
    "confusion_matrices": [
        (matrices_overflow, "before you multiply"),
        (matrices_cast_too_late, "not after"),
        (matrices_cast_to_int16, "did not fit into torch.int16"),
        (matrices_transposed, "rows and columns are exchanged"),
        (matrices_forget_void, "leave them out before you count"),
        (matrices_void_is_background, "void is counted as class 0"),
        (matrices_void_is_clamped, "void is counted as the last class"),
        (matrices_void_of_the_prediction, "leave them out before you count"),
        (matrices_void_is_255, "void is not always 255"),
        (matrices_void_row_is_kept, "void has a row and a column"),
        (matrices_add_once, "adds 1 only once"),
        (matrices_not_flat, "these maps are not flat"),
        (matrices_indexed_by_bytes, "a uint8 index counts as a mask"),
        (matrices_by_byte_scalars, "is read as a mask"),
        (matrices_by_histogram, "pixels are truly of class"),
        (matrices_without_minlength, "tell it the `minlength`"),
        (matrices_of_the_first, "only the first picture"),
        (matrices_added_up, "one matrix of all pictures"),
        (matrices_accumulate, "still holds the pictures before it"),
        (matrices_skip_background, "class 0 is left out"),
        (matrices_of_shares, "these are shares"),
        (matrices_ask_the_library, "gives the answer away"),
        (matrices_by_interleaving, "add up to"),
    ],
    "mean_iou": [
        (iou_counts_hits_twice, "counted twice in the union"),
        (iou_is_dice, "this is Dice"),
        (iou_is_recall, "the class accuracy"),
        (iou_is_precision, "the precision"),
        (iou_is_zero_where_absent, "has IoU 0 here"),
        (iou_is_one_where_absent, "has IoU 1 here"),
        (iou_always_truth, "a class that is predicted, but never true, counts with IoU 0"),
        (iou_always_union, "even if it is predicted"),
        (iou_always_all, '"union" leaves them out'),
        (iou_of_the_columns, "ask the row sums"),
        (iou_cuts_the_matrix, "false negatives of the others"),
        (iou_plain_mean, "this mean is NaN because one IoU is"),
        (iou_weighted, "weighted by their pixels"),
        (iou_pooled, "divides all true positives by all unions"),
        (iou_zero_for_nothing, "nothing was scored"),
        (iou_zero_for_nothing_in_all, "so there it is NaN as well"),
        (iou_nan_where_hallucinated, "its union is not empty"),
        (iou_of_what_was_hit, "IoUs of 0 are left out"),
        (iou_changed_for_truth, "a class that is only predicted has IoU 0"),
        (iou_changed_for_all, "a class that occurs nowhere has NaN"),
        (iou_changed_for_both, "`iou` changes with `over`"),
        (iou_cut, "cut out"),
        (iou_asks_the_library, "of course_lib, which this question does not allow"),
        (iou_only, "return the pair"),
        (iou_in_whole_numbers, "use / and floats"),
        (iou_of_recall_only_in_the_mean, "is wanted"),
    ],
    "set_scores": sets.SCORE_MUTANTS,
    "boundary_f1": edges.MUTANTS,
    "miou_interval": sets.INTERVAL_MUTANTS,
    "rival": ranks.MUTANTS,
}
ALTERNATES = {
    "confusion_matrices": [
        matrices_picture_by_picture,
        matrices_by_one_hot,
        matrices_by_loops,
        matrices_in_numpy_style,
        matrices_with_a_void_row,
    ],
    "mean_iou": [iou_by_loops, iou_asks_for_nanmean],
    "set_scores": sets.SCORE_ALTERNATES,
    "boundary_f1": edges.ALTERNATES,
    "miou_interval": sets.INTERVAL_ALTERNATES,
    "rival": ranks.ALTERNATES,
}

TestExercise = exercise_tests("04_metrics", MUTANTS, ALTERNATES)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("confusion_matrices", matrices_ask_the_library),
        ("mean_iou", iou_asks_the_library),
        ("boundary_f1", edges.f1_asks_the_library),
    ],
)
def test_the_checks_want_what_the_library_computes(name, answer):
    question = next(q for q in questions_of("04_metrics") if q.name == name)
    failed = [o.claim for o in judge(question, answer, "04_metrics").outcomes if not o.passed]
    assert len(failed) == 1
    assert failed[0].startswith("it is built by hand")
