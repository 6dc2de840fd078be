"""Exercise 05, right and wrong answers to the question about class weights."""

import numpy as np
import torch

from course_lib import losses


def counted(targets, num_classes):
    """Pixels of each picture and class, (pictures, num_classes) float64."""
    return torch.stack([torch.bincount(t[t != 255].long(), minlength=num_classes) for t in targets]).double()


def by_rule(pixels, share, rule):
    """Weights of the classes that occur, 0 for the others."""
    occurs = pixels > 0
    weights = torch.zeros(len(pixels))
    if occurs.any():
        values = pixels.sum() / (occurs.sum() * pixels) if rule == "inverse" else share[occurs].quantile(0.5) / share
        weights[occurs] = values[occurs].float()
    return weights


def weights_by_masks(targets, num_classes, rule):
    """Class by class, with numpy."""
    weights, shares = [0.0] * num_classes, {}
    maps = [np.asarray(t)[np.asarray(t) != 255] for t in targets]
    total = sum(len(labels) for labels in maps)
    occurring = [c for c in range(num_classes) if any((labels == c).any() for labels in maps)]
    for c in occurring:
        pixels = sum(int((labels == c).sum()) for labels in maps)
        shares[c] = pixels / sum(len(labels) for labels in maps if (labels == c).any())
        weights[c] = total / (len(occurring) * pixels)
    if rule == "median":
        for c in occurring:
            weights[c] = float(np.median(list(shares.values()))) / shares[c]
    return torch.tensor(weights)


def weights_of_a_table(targets, num_classes, rule):
    counts = counted(targets, num_classes)
    present = (counts.sum(1, keepdim=True) * (counts > 0)).sum(0)
    return by_rule(counts.sum(0), counts.sum(0) / present, rule)


def weights_from_the_library(targets, num_classes, rule):
    counts = losses.count_classes(targets, num_classes)
    return losses.inverse_frequency(counts) if rule == "inverse" else losses.median_frequency(counts)


def weights_infinite(targets, num_classes, rule):
    counts = counted(targets, num_classes)
    pixels = counts.sum(0)
    share = pixels / (counts.sum(1, keepdim=True) * (counts > 0)).sum(0)
    if rule == "inverse":
        return pixels.sum() / ((pixels > 0).sum() * pixels)
    return share.nanquantile(0.5) / share


def weights_count_one_pixel(targets, num_classes, rule):
    counts = counted(targets, num_classes)
    pixels, occurs = counts.sum(0).clamp(min=1), counts.sum(0) > 0
    share = pixels / (counts.sum(1, keepdim=True) * (counts > 0)).sum(0).where(occurs, counts.sum())
    if rule == "inverse":
        return counts.sum() / (occurs.sum() * pixels)
    return share[occurs].quantile(0.5) / share if occurs.any() else torch.zeros(num_classes)


def weights_count_one_pixel_and_class(targets, num_classes, rule):
    counts = counted(targets, num_classes)
    pixels, occurs = counts.sum(0).clamp(min=1), counts.sum(0) > 0
    share = pixels / (counts.sum(1, keepdim=True) * (counts > 0)).sum(0).where(occurs, counts.sum())
    return counts.sum() / (num_classes * pixels) if rule == "inverse" else share.quantile(0.5) / share


def weights_one_where_absent(targets, num_classes, rule):
    counts = counted(targets, num_classes)
    return weights_of_a_table(targets, num_classes, rule).where(counts.sum(0) > 0, 1.0)


def weights_of_all_pictures(targets, num_classes, rule):
    pixels = counted(targets, num_classes).sum(0)
    return by_rule(pixels, pixels / pixels.sum(), rule)


def weights_count_void_in_pictures(targets, num_classes, rule):
    counts = counted(targets, num_classes)
    sizes = torch.tensor([t.numel() for t in targets]).double()[:, None]
    return by_rule(counts.sum(0), counts.sum(0) / (sizes * (counts > 0)).sum(0), rule)


def weights_count_void_in_n(targets, num_classes, rule):
    weights = weights_of_a_table(targets, num_classes, rule)
    factor = sum(t.numel() for t in targets) / sum(int((t != 255).sum()) for t in targets)
    return weights * factor if rule == "inverse" else weights


def weights_lower_median(targets, num_classes, rule):
    counts = counted(targets, num_classes)
    share, occurs = counts.sum(0) / (counts.sum(1, keepdim=True) * (counts > 0)).sum(0), counts.sum(0) > 0
    if rule == "inverse" or not occurs.any():
        return weights_of_a_table(targets, num_classes, rule)
    return (share[occurs].median() / share).nan_to_num(0)


def weights_median_of_all_classes(targets, num_classes, rule):
    counts = counted(targets, num_classes)
    share = (counts.sum(0) / (counts.sum(1, keepdim=True) * (counts > 0)).sum(0)).nan_to_num(0)
    if rule == "inverse":
        return weights_of_a_table(targets, num_classes, rule)
    weights = share.quantile(0.5) / share
    weights[share == 0] = 0
    return weights


def weights_by_num_classes(targets, num_classes, rule):
    weights = weights_of_a_table(targets, num_classes, rule)
    return weights * (weights > 0).sum() / num_classes if rule == "inverse" else weights


def weights_without_k(targets, num_classes, rule):
    weights = weights_of_a_table(targets, num_classes, rule)
    return weights * (weights > 0).sum() if rule == "inverse" else weights


def weights_sum_to_1(targets, num_classes, rule):
    weights = weights_of_a_table(targets, num_classes, rule)
    return weights / weights.sum()


def weights_mean_of_shares(targets, num_classes, rule):
    counts = counted(targets, num_classes)
    each = counts / counts.sum(1, keepdim=True)
    return by_rule(counts.sum(0), each.where(counts > 0, torch.nan).nanmean(0), rule)


def weights_of_void_as_background(targets, num_classes, rule):
    return weights_of_a_table([t.long().masked_fill(t == 255, 0) for t in targets], num_classes, rule)


def weights_forget_void(targets, num_classes, rule):
    pixels = sum(torch.bincount(t.flatten().long(), minlength=num_classes) for t in targets)
    return (pixels.sum() / ((pixels > 0).sum() * pixels)).nan_to_num(0)


def weights_divided_to_whole_numbers(targets, num_classes, rule):
    pixels = counted(targets, num_classes).sum(0).long()
    return pixels.sum() // ((pixels > 0).sum() * pixels).clamp(min=1) * (pixels > 0)


def weights_exchanged(targets, num_classes, rule):
    return weights_of_a_table(targets, num_classes, "median" if rule == "inverse" else "inverse")


def weights_always_inverse(targets, num_classes, rule):
    return weights_of_a_table(targets, num_classes, "inverse")


def weights_of_the_last(targets, num_classes, rule):
    return weights_of_a_table(targets[-1:], num_classes, rule)


def weights_averaged(targets, num_classes, rule):
    return torch.stack([weights_of_a_table([t], num_classes, rule) for t in targets]).mean(0)


def weights_inverse_upside_down(targets, num_classes, rule):
    weights = weights_of_a_table(targets, num_classes, rule)
    return (1 / weights).where(weights > 0, 0) if rule == "inverse" else weights


def weights_upper_median(targets, num_classes, rule):
    """The entry in the middle of the sorted frequencies."""
    counts = counted(targets, num_classes)
    share, occurs = counts.sum(0) / (counts.sum(1, keepdim=True) * (counts > 0)).sum(0), counts.sum(0) > 0
    if rule == "inverse" or not occurs.any():
        return weights_of_a_table(targets, num_classes, rule)
    return (share[occurs].sort().values[int(occurs.sum()) // 2] / share).nan_to_num(0)


def weights_upside_down(targets, num_classes, rule):
    weights = weights_of_a_table(targets, num_classes, rule)
    return weights if rule == "inverse" else (1 / weights).where(weights > 0, 0)


MUTANTS = [
    (weights_infinite, "has an infinite weight, or NaN"),
    (weights_count_one_pixel, "is counted as one pixel, which gives it the largest weight"),
    (weights_count_one_pixel_and_class, "and as a class that occurs"),
    (weights_one_where_absent, "has the weight 1 here"),
    (weights_of_all_pictures, "only the pictures that contain it count"),
    (weights_count_void_in_pictures, "the void pixels of a picture are below the line"),
    (weights_count_void_in_n, "void pixels are in n"),
    (weights_lower_median, "`torch.median` takes that one"),
    (weights_median_of_all_classes, "the frequencies 0 of absent classes are in the median"),
    (weights_by_num_classes, "k is the number of classes that *occur*"),
    (weights_without_k, "the k below the line is missing"),
    (weights_sum_to_1, "scaled to add up to 1"),
    (weights_mean_of_shares, "add up the pixels first, and divide once"),
    (weights_of_void_as_background, "counted as class 0"),
    (weights_forget_void, "`bincount` has made room for it"),
    (weights_divided_to_whole_numbers, "these are whole numbers"),
    (weights_exchanged, 'the weights of the rule "median"'),
    (weights_always_inverse, 'the weights of the rule "inverse"'),
    (weights_of_the_last, "the last picture alone"),
    (weights_averaged, "count over the whole list first"),
    (weights_upside_down, "this is f_c / m"),
    (weights_inverse_upside_down, "this is k n_c / n"),
    (weights_upper_median, "the upper of the middle two"),
    (weights_from_the_library, "of course_lib, which this question does not allow"),
]
ALTERNATES = [weights_by_masks, weights_of_a_table]
