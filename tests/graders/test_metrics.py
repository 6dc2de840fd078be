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


# 1 · the confusion matrix


def matrix_by_one_hot(prediction, target, num_classes):
    classes = torch.arange(num_classes)
    truth = (target.reshape(-1, 1).long() == classes).double()  # a void pixel is a row of zeros
    guess = (prediction.reshape(-1, 1).long() == classes).double()
    return (truth.T @ guess).round().long()


def matrix_by_loops(prediction, target, num_classes):
    counts = [[0] * num_classes for _ in range(num_classes)]
    for t, p in zip(target.flatten().tolist(), prediction.flatten().tolist(), strict=True):
        if t != 255:
            counts[t][p] += 1
    return torch.tensor(counts)


def matrix_in_numpy_style(prediction, target, num_classes):
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    target, prediction = target.numpy(), prediction.numpy()
    np.add.at(counts, (target[target < 255].astype(int), prediction[target < 255].astype(int)), 1)
    return torch.from_numpy(counts)


def matrix_with_a_void_row(prediction, target, num_classes):
    codes = target.long() * 256 + prediction.long()
    return torch.bincount(codes.flatten(), minlength=256 * 256).view(256, 256)[:num_classes, :num_classes]


def counted(prediction, target, num_classes):
    return matrix_by_one_hot(prediction, target, num_classes)


def matrix_overflows(prediction, target, num_classes):
    valid = target != 255
    codes = target[valid] * num_classes + prediction[valid]
    return torch.bincount(codes, minlength=num_classes**2).reshape(num_classes, num_classes)


def matrix_casts_too_late(prediction, target, num_classes):
    valid = target != 255
    codes = (target[valid] * num_classes).long() + prediction[valid].long()
    return torch.bincount(codes, minlength=num_classes**2).reshape(num_classes, num_classes)


def matrix_casts_to_int16(prediction, target, num_classes):
    valid = target != 255
    codes = target[valid].to(torch.int16) * num_classes + prediction[valid].to(torch.int16)
    return torch.bincount(codes, minlength=num_classes**2).reshape(num_classes, num_classes)


def matrix_transposed(prediction, target, num_classes):
    valid = target != 255
    codes = prediction[valid].long() * num_classes + target[valid].long()
    return torch.bincount(codes, minlength=num_classes**2).reshape(num_classes, num_classes)


def matrix_forgets_void(prediction, target, num_classes):
    codes = target.flatten().long() * num_classes + prediction.flatten().long()
    return torch.bincount(codes, minlength=num_classes**2).reshape(num_classes, num_classes)


def matrix_void_is_background(prediction, target, num_classes):
    target = target.long()
    target[target == 255] = 0
    return matrix_forgets_void(prediction, target, num_classes)


def matrix_void_is_clamped(prediction, target, num_classes):
    return matrix_forgets_void(prediction, target.long().clamp(max=num_classes - 1), num_classes)


def matrix_void_of_the_prediction(prediction, target, num_classes):
    valid = prediction != 255
    return matrix_forgets_void(prediction[valid], target[valid], num_classes)


def matrix_void_class_kept(prediction, target, num_classes):
    codes = target.long().clamp(max=num_classes) * (num_classes + 1) + prediction.long()
    return torch.bincount(codes.flatten(), minlength=(num_classes + 1) ** 2).view(num_classes + 1, num_classes + 1)


def matrix_adds_once(prediction, target, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    valid = target != 255
    counts[target[valid].long(), prediction[valid].long()] += 1
    return counts


def matrix_not_flat(prediction, target, num_classes):
    codes = target.long() * num_classes + prediction.long()
    return torch.bincount(codes, minlength=num_classes**2)[: num_classes**2].reshape(num_classes, num_classes)


def matrix_indexed_by_bytes(prediction, target, num_classes):
    counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    valid = target != 255
    ones = torch.ones(int(valid.sum()), dtype=torch.int64)
    return counts.index_put_((target[valid], prediction[valid]), ones, accumulate=True)


def matrix_by_histogram(prediction, target, num_classes):
    """Without its range, the histogram begins at the smallest label that occurs."""
    valid = target != 255
    return torch.from_numpy(np.histogram2d(target[valid], prediction[valid], bins=num_classes)[0]).long()


def matrix_without_minlength(prediction, target, num_classes):
    valid = target != 255
    codes = target[valid].long() * num_classes + prediction[valid].long()
    return torch.bincount(codes).reshape(num_classes, num_classes)


def matrix_of_the_first(prediction, target, num_classes):
    return (
        counted(prediction[0], target[0], num_classes) if target.ndim == 3 else counted(prediction, target, num_classes)
    )


def matrix_for_each(prediction, target, num_classes):
    if target.ndim == 2:
        return counted(prediction, target, num_classes)
    return torch.stack([counted(p, t, num_classes) for p, t in zip(prediction, target, strict=True)])


def matrix_skips_background(prediction, target, num_classes):
    valid = (target > 0) & (target != 255)
    codes = target[valid].long() * num_classes + prediction[valid].long()
    return torch.bincount(codes, minlength=num_classes**2).reshape(num_classes, num_classes)


def matrix_of_shares(prediction, target, num_classes):
    counts = counted(prediction, target, num_classes).float()
    return counts / counts.sum()


def matrix_asks_the_library(prediction, target, num_classes):
    return metrics.ConfusionMatrix(num_classes).update(prediction, target).counts


def matrix_by_interleaving(prediction, target, num_classes):
    """Codes with another factor: one class too many."""
    valid = target != 255
    codes = target[valid].long() * (num_classes + 1) + prediction[valid].long()
    return torch.bincount(codes, minlength=num_classes**2)[: num_classes**2].reshape(num_classes, num_classes)


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


def iou_in_whole_numbers(counts, over):
    hits, truth, guess = counts.diag(), counts.sum(1), counts.sum(0)
    iou = hits // (truth + guess - hits).clamp(min=1)
    return iou, float(iou.double().mean())


def iou_of_recall_only_in_the_mean(counts, over):
    hits, truth, _ = split(counts)
    return iou_of(counts), float((hits / truth).nanmean())


MUTANTS = {
    "confusion_matrix": [
        (matrix_overflows, "before you multiply"),
        (matrix_casts_too_late, "not after"),
        (matrix_casts_to_int16, "did not fit into torch.int16"),
        (matrix_transposed, "rows and columns are exchanged"),
        (matrix_forgets_void, "leave them out before you count"),
        (matrix_void_is_background, "void is counted as class 0"),
        (matrix_void_is_clamped, "void is counted as the last class"),
        (matrix_void_of_the_prediction, "leave them out before you count"),
        (matrix_void_class_kept, "void has a row and a column"),
        (matrix_adds_once, "adds 1 only once"),
        (matrix_not_flat, "these maps are not flat"),
        (matrix_indexed_by_bytes, "a uint8 index counts as a mask"),
        (matrix_by_histogram, "pixels are truly of class"),
        (matrix_without_minlength, "tell it the `minlength`"),
        (matrix_of_the_first, "only the first picture"),
        (matrix_for_each, "asked is one, their sum"),
        (matrix_skips_background, "class 0 is left out"),
        (matrix_of_shares, "these are shares"),
        (matrix_asks_the_library, "gives the answer away"),
        (matrix_by_interleaving, "the entries add up to"),
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
    "confusion_matrix": [matrix_by_one_hot, matrix_by_loops, matrix_in_numpy_style, matrix_with_a_void_row],
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
        ("confusion_matrix", matrix_asks_the_library),
        ("mean_iou", iou_asks_the_library),
        ("boundary_f1", edges.f1_asks_the_library),
    ],
)
def test_the_checks_want_what_the_library_computes(name, answer):
    question = next(q for q in questions_of("04_metrics") if q.name == name)
    failed = [o.claim for o in judge(question, answer, "04_metrics").outcomes if not o.passed]
    assert len(failed) == 1
    assert failed[0].startswith("it is built by hand")
