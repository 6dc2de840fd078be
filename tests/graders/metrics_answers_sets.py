"""Exercise 04, right and wrong answers to the questions about sets of pictures."""

import statistics

import numpy as np
import torch

from course_lib import metrics

# 3 · a set of pictures


def matrix_of(prediction, target, num_classes):
    valid = target != 255
    codes = target[valid].long() * num_classes + prediction[valid].long()
    return torch.bincount(codes, minlength=num_classes**2).view(num_classes, num_classes)


def iou_of(counts):
    counts = counts.double()
    hits = counts.diagonal(dim1=-2, dim2=-1)
    return hits / (counts.sum(-1) + counts.sum(-2) - hits)


def table_of(predictions, targets, num_classes):
    matrices = [matrix_of(p, t, num_classes) for p, t in zip(predictions, targets, strict=True)]
    return iou_of(torch.stack(matrices)), iou_of(sum(matrices))


def dict_of(whole, table):
    return {
        "set": float(whole.nanmean()),
        "images": float(table.nanmean(1).nanmean()),
        "classes": float(table.nanmean(0).nanmean()),
    }


def scores_by_hand(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    return dict_of(whole, table)


def scores_by_loops(predictions, targets, num_classes):
    def mean(values):
        values = [value for value in values if value == value]
        return statistics.fmean(values) if values else float("nan")

    table = []
    shared, either = [0] * num_classes, [0] * num_classes
    for prediction, target in zip(predictions, targets, strict=True):
        row = []
        for c in range(num_classes):
            truth, guess = target == c, (prediction == c) & (target != 255)
            both, any_of_them = int((truth & guess).sum()), int((truth | guess).sum())
            shared[c], either[c] = shared[c] + both, either[c] + any_of_them
            row.append(both / any_of_them if any_of_them else float("nan"))
        table.append(row)
    return {
        "set": mean([s / e if e else float("nan") for s, e in zip(shared, either, strict=True)]),
        "images": mean([mean(row) for row in table]),
        "classes": mean([mean(column) for column in zip(*table, strict=True)]),
    }


def scores_of_a_long_map(predictions, targets, num_classes):
    """All pixels in one row: the set is one long picture."""
    table, _ = table_of(predictions, targets, num_classes)
    one = matrix_of(
        torch.cat([p.flatten() for p in predictions]), torch.cat([t.flatten() for t in targets]), num_classes
    )
    return dict_of(iou_of(one), table)


def scores_all_per_image(predictions, targets, num_classes):
    table, _ = table_of(predictions, targets, num_classes)
    mean = float(table.nanmean(1).nanmean())
    return {"set": mean, "images": mean, "classes": float(table.nanmean(0).nanmean())}


def scores_all_accumulated(predictions, targets, num_classes):
    _, whole = table_of(predictions, targets, num_classes)
    return {key: float(whole.nanmean()) for key in ("set", "images", "classes")}


def scores_of_all_cells(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    return dict_of(whole, table) | {"images": float(table.nanmean())}


def scores_classes_of_all_cells(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    return dict_of(whole, table) | {"classes": float(table.nanmean())}


def scores_exchanged(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    return dict_of(whole, table.T)


def scores_absent_is_0(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    return dict_of(whole.nan_to_num(0), table.nan_to_num(0))


def scores_absent_is_1(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    return dict_of(whole, table.nan_to_num(1))


def scores_void_picture_is_0(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    return dict_of(whole, table) | {"images": float(table.nanmean(1).nan_to_num(0).mean())}


def scores_plain_means(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    return dict_of(whole, table) | {"images": float(table.mean(1).mean())}


def scores_mean_of_nan_pictures(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    return dict_of(whole, table) | {"images": float(table.nanmean(1).mean())}


def scores_by_pixels(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    pixels = torch.tensor([int((t != 255).sum()) for t in targets]).double()
    mious = table.nanmean(1)
    kept = ~mious.isnan()
    return dict_of(whole, table) | {"images": float((mious * pixels)[kept].sum() / pixels.sum())}


def scores_by_all_pixels(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    pixels = torch.tensor([t.numel() for t in targets]).double()
    return dict_of(whole, table) | {"images": float((table.nanmean(1) * pixels).sum() / pixels.sum())}


def scores_of_exchanged_maps(predictions, targets, num_classes):
    whole, rows = metrics.ConfusionMatrix(num_classes), []
    for prediction, target in zip(predictions, targets, strict=True):
        one = metrics.ConfusionMatrix(num_classes).update(target, prediction)
        rows.append(one.iou())
        whole.merge(one)
    return dict_of(whole.iou(), torch.stack(rows))


def scores_truth_only(predictions, targets, num_classes):
    matrices = torch.stack([matrix_of(p, t, num_classes) for p, t in zip(predictions, targets, strict=True)])
    table, whole = iou_of(matrices), iou_of(matrices.sum(0))
    table[matrices.sum(2) == 0], whole[matrices.sum(0).sum(1) == 0] = float("nan"), float("nan")
    return dict_of(whole, table)


def scores_with_void(predictions, targets, num_classes):
    """Void taken for class 0."""
    return scores_by_hand(predictions, [t.long().masked_fill(t == 255, 0) for t in targets], num_classes)


def scores_of_the_last(predictions, targets, num_classes):
    table, _ = table_of(predictions, targets, num_classes)
    for prediction, target in zip(predictions, targets, strict=True):
        counts = metrics.ConfusionMatrix(num_classes)
        counts.update(prediction, target)
    return dict_of(counts.iou(), table)


def scores_of_one_matrix(predictions, targets, num_classes):
    counts, rows = metrics.ConfusionMatrix(num_classes), []
    for prediction, target in zip(predictions, targets, strict=True):
        rows.append(counts.update(prediction, target).iou())
    return dict_of(counts.iou(), torch.stack(rows))


def scores_classes_plain_mean(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    return dict_of(whole, table) | {"classes": table.nanmean(0).mean()}


def scores_stacked(predictions, targets, num_classes):
    counts = metrics.ConfusionMatrix(num_classes).update(torch.stack(predictions), torch.stack(targets))
    return {"set": counts.miou(), "images": counts.miou(), "classes": counts.miou()}


def scores_in_a_tuple(predictions, targets, num_classes):
    return tuple(scores_by_hand(predictions, targets, num_classes).values())


def scores_pooled(predictions, targets, num_classes):
    table, whole = table_of(predictions, targets, num_classes)
    counts = sum(matrix_of(p, t, num_classes) for p, t in zip(predictions, targets, strict=True))
    hits = float(counts.trace())
    return dict_of(whole, table) | {"set": hits / (2 * float(counts.sum()) - hits)}


SCORE_MUTANTS = [
    (scores_all_per_image, "add up the matrices first"),
    (scores_all_accumulated, "each picture has a score of its own"),
    (scores_of_all_cells, "all cells of the table at once"),
    (scores_classes_of_all_cells, "all cells of the table at once"),
    (scores_exchanged, "here each picture comes first"),
    (scores_absent_is_0, "counts as 0 there"),
    (scores_absent_is_1, "counts as 1 there"),
    (scores_void_picture_is_0, "an all-void picture counts with mIoU 0"),
    (scores_plain_means, "because one IoU of the table is"),
    (scores_mean_of_nan_pictures, "because one picture is all void"),
    (scores_by_pixels, "weighted by their pixels"),
    (scores_by_all_pixels, "weighted by their pixels, void ones too"),
    (scores_of_exchanged_maps, "prediction first, then the target"),
    (scores_truth_only, "only predicted is left out"),
    (scores_with_void, "void pixels are scored as class 0"),
    (scores_of_the_last, "a matrix begins anew"),
    (scores_of_one_matrix, "still holds the pictures before it"),
    (scores_classes_plain_mean, "a mean took a NaN in"),
    (scores_stacked, "the pictures differ in size"),
    (scores_in_a_tuple, "return a dict, not a tuple"),
    (scores_pooled, "take the IoU of each class"),
]
SCORE_ALTERNATES = [scores_by_hand, scores_by_loops, scores_of_a_long_map]


# 5 · a bootstrap interval


def scores_of(counts, draws):
    return torch.stack([iou_of(counts[draw].sum(0)).nanmean() for draw in draws])


def between(scores, confidence):
    low, high = np.quantile(np.asarray(scores), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def interval_by_loops(counts, draws, confidence):
    scores = []
    for draw in draws.tolist():
        whole = sum(counts[i] for i in draw)
        ious = [
            int(whole[c, c]) / union
            for c in range(len(whole))
            if (union := int(whole[c].sum() + whole[:, c].sum() - whole[c, c]))
        ]
        scores.append(sum(ious) / len(ious))
    scores.sort()

    def quantile(q):
        place = q * (len(scores) - 1)
        below = min(int(place), len(scores) - 2)
        return scores[below] + (place - below) * (scores[below + 1] - scores[below])

    return quantile((1 - confidence) / 2), quantile((1 + confidence) / 2)


def interval_by_weights(counts, draws, confidence):
    """How often each picture was drawn, times its matrix."""
    times = torch.stack([draw.bincount(minlength=len(counts)) for draw in draws]).double()
    return between(iou_of(torch.einsum("bn,nij->bij", times, counts.double())).nanmean(1), confidence)


def interval_both_tails(counts, draws, confidence):
    scores = scores_of(counts, draws)
    return float(scores.quantile(1 - confidence)), float(scores.quantile(confidence))


def interval_of_picture_means(counts, draws, confidence):
    return between(iou_of(counts).nanmean(1)[draws].mean(1), confidence)


def interval_of_class_means(counts, draws, confidence):
    return between(iou_of(counts)[draws].nanmean(1).nanmean(1), confidence)


def interval_of_distinct_pictures(counts, draws, confidence):
    return between(torch.stack([iou_of(counts[draw.unique()].sum(0)).nanmean() for draw in draws]), confidence)


def interval_of_pictures(counts, draws, confidence):
    return between(iou_of(counts).nanmean(1), confidence)


def interval_normal(counts, draws, confidence):
    scores = scores_of(counts, draws)
    half = torch.distributions.Normal(0, 1).icdf(torch.tensor((1 + confidence) / 2)) * scores.std()
    return float(scores.mean() - half), float(scores.mean() + half)


def interval_of_the_mean(counts, draws, confidence):
    scores = scores_of(counts, draws)
    half = torch.distributions.Normal(0, 1).icdf(torch.tensor((1 + confidence) / 2)) * scores.std() / len(scores) ** 0.5
    return float(scores.mean() - half), float(scores.mean() + half)


def interval_always_95(counts, draws, confidence):
    return between(scores_of(counts, draws), 0.95)


def interval_normal_always_95(counts, draws, confidence):
    scores = scores_of(counts, draws)
    return float(scores.mean() - 1.96 * scores.std()), float(scores.mean() + 1.96 * scores.std())


def interval_of_own_draws(counts, draws, confidence):
    return between(scores_of(counts, torch.randint(len(counts), draws.shape)), confidence)


def interval_of_seeded_draws(counts, draws, confidence):
    own = torch.randint(len(counts), draws.shape, generator=torch.Generator().manual_seed(0))
    return between(scores_of(counts, own), confidence)


def interval_of_one_diagonal(counts, draws, confidence):
    sums = counts[draws].sum(1).double()
    hits = torch.diagonal(sums)
    return between((hits / (sums.sum(1) + sums.sum(2) - hits)).nanmean(1), confidence)


def interval_extremes(counts, draws, confidence):
    scores = scores_of(counts, draws)
    return float(scores.min()), float(scores.max())


def interval_from_the_list(counts, draws, confidence):
    scores = sorted(scores_of(counts, draws).tolist())
    below = int(len(scores) * (1 - confidence) / 2)
    return scores[below], scores[-1 - below]


def interval_absent_is_0(counts, draws, confidence):
    return between(iou_of(counts[draws].sum(1)).nan_to_num(0).mean(1), confidence)


def interval_truth_only(counts, draws, confidence):
    sums = counts[draws].sum(1)
    iou = iou_of(sums)
    iou[sums.sum(2) == 0] = float("nan")
    return between(iou.nanmean(1), confidence)


def interval_accuracy(counts, draws, confidence):
    sums = counts[draws].sum(1).double()
    return between(sums.diagonal(dim1=1, dim2=2).sum(1) / sums.sum((1, 2)), confidence)


def interval_dice(counts, draws, confidence):
    iou = iou_of(counts[draws].sum(1))
    return between((2 * iou / (1 + iou)).nanmean(1), confidence)


def interval_high_first(counts, draws, confidence):
    return between(scores_of(counts, draws), confidence)[::-1]


def interval_draws_transposed(counts, draws, confidence):
    return between(scores_of(counts, draws.T), confidence)


def interval_mean_and_width(counts, draws, confidence):
    low, high = between(scores_of(counts, draws), confidence)
    return {"low": low, "high": high}


def interval_plain_mean(counts, draws, confidence):
    scores = iou_of(counts[draws].sum(1)).mean(1)
    return float(scores.quantile((1 - confidence) / 2)), float(scores.quantile((1 + confidence) / 2))


INTERVAL_MUTANTS = [
    (interval_both_tails, "only half of 1 - confidence"),
    (interval_of_picture_means, "averages the IoUs of single pictures"),
    (interval_of_class_means, "averages each class's IoU"),
    (interval_of_distinct_pictures, "counts only once here"),
    (interval_of_pictures, "the single pictures' mIoU"),
    (interval_normal, "standard deviations"),
    (interval_of_the_mean, "more draws would shrink that"),
    (interval_always_95, "the 0.025 and the 0.975 quantile"),
    (interval_normal_always_95, "1.96 standard deviations"),
    (interval_of_own_draws, "draw none yourself"),
    (interval_of_seeded_draws, "with other `draws` the interval stays the same"),
    (interval_of_one_diagonal, "`diagonal(dim1=1, dim2=2)`"),
    (interval_extremes, "smallest and the largest"),
    (interval_from_the_list, "interpolate between two neighbors"),
    (interval_absent_is_0, "counts as 0: the mean of that draw leaves it out"),
    (interval_truth_only, "only in the prediction is left out"),
    (interval_accuracy, "pixel accuracy"),
    (interval_dice, "mean Dice"),
    (interval_high_first, "(low, high)"),
    (interval_draws_transposed, "each *row* of draws is one set"),
    (interval_mean_and_width, "return the pair"),
    (interval_plain_mean, "because a draw lacks a class"),
]
INTERVAL_ALTERNATES = [interval_by_loops, interval_by_weights]
