"""Exercise 04, right and wrong answers to the question about boundary F1."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from course_lib import metrics


def edge_of(mask):
    edge = torch.zeros_like(mask)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= mask[:-1] != mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return edge


def f1(precision, recall):
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def score(prediction, target, near, edge=edge_of, mean=f1):
    """near(a, b): which of the coordinates a have one of b close by."""
    a, b = edge(prediction).nonzero().double(), edge(target).nonzero().double()
    if not len(a) or not len(b):
        return float(len(a) == len(b))
    return mean(float(near(a, b).double().mean()), float(near(b, a).double().mean()))


def within(tolerance):
    return lambda a, b: (torch.cdist(a, b) <= tolerance).any(1)


def f1_by_distance_transform(prediction, target, tolerance):
    a, b = (edge_of(mask).numpy() for mask in (prediction, target))
    if not a.any() and not b.any():
        return 1.0
    if not a.any() or not b.any():
        return 0.0
    precision = (ndimage.distance_transform_edt(~b)[a] <= tolerance).mean()
    recall = (ndimage.distance_transform_edt(~a)[b] <= tolerance).mean()
    return f1(precision, recall)


def f1_by_disks(prediction, target, tolerance):
    """As DAVIS does it: the other boundary is widened by a disk."""
    reach = math.floor(tolerance)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = y**2 + x**2 <= tolerance**2
    padded = (np.pad(mask.numpy(), ((0, 1), (0, 1)), mode="edge") for mask in (prediction, target))
    a, b = ((p[:-1, :-1] != p[:-1, 1:]) | (p[:-1, :-1] != p[1:, :-1]) | (p[:-1, :-1] != p[1:, 1:]) for p in padded)
    if not a.any() or not b.any():
        return float(a.any() == b.any())
    right, found = a & ndimage.binary_dilation(b, disk), b & ndimage.binary_dilation(a, disk)
    return f1(right.sum() / a.sum(), found.sum() / b.sum())


def f1_by_loops(prediction, target, tolerance):
    def boundary(mask):
        rows = mask.tolist()
        height, width = len(rows), len(rows[0])
        return [
            (y, x)
            for y in range(height)
            for x in range(width)
            if any(
                y + dy < height and x + dx < width and rows[y][x] != rows[y + dy][x + dx]
                for dy, dx in ((0, 1), (1, 0), (1, 1))
            )
        ]

    def share(some, others):
        return sum(any(math.dist(p, q) <= tolerance for q in others) for p in some) / len(some)

    a, b = boundary(prediction), boundary(target)
    if not a or not b:
        return 1.0 if not a and not b else 0.0
    return f1(share(a, b), share(b, a))


def f1_strictly_closer(prediction, target, tolerance):
    return score(prediction, target, lambda a, b: (torch.cdist(a, b) < tolerance).any(1))


def f1_city_block(prediction, target, tolerance):
    return score(prediction, target, lambda a, b: (torch.cdist(a, b, p=1) <= tolerance).any(1))


def f1_by_max_pooling(prediction, target, tolerance):
    a, b = edge_of(prediction), edge_of(target)
    if not a.any() or not b.any():
        return float(a.any() == b.any())
    r = int(tolerance)
    wide_a, wide_b = (F.max_pool2d(edge.float()[None], 2 * r + 1, 1, r)[0] > 0 for edge in (a, b))
    return f1((a & wide_b).sum() / a.sum(), (b & wide_a).sum() / b.sum())


def f1_by_crosses(prediction, target, tolerance):
    """The default structuring element, iterated."""
    a, b = (edge_of(mask).numpy() for mask in (prediction, target))
    if not a.any() or not b.any():
        return float(a.any() == b.any())
    r = int(tolerance)
    wide_a, wide_b = (ndimage.binary_dilation(edge, iterations=r) if r else edge for edge in (a, b))
    return f1((a & wide_b).sum() / a.sum(), (b & wide_a).sum() / b.sum())


def f1_whole_tolerance(prediction, target, tolerance):
    return score(prediction, target, within(int(tolerance)))


def f1_squared_distance(prediction, target, tolerance):
    return score(prediction, target, lambda a, b: (((a[:, None] - b) ** 2).sum(-1) <= tolerance).any(1))


def f1_both_widened(prediction, target, tolerance):
    a, b = (edge_of(mask).numpy() for mask in (prediction, target))
    if not a.any() or not b.any():
        return float(a.any() == b.any())
    wide_a, wide_b = (ndimage.distance_transform_edt(~edge) <= tolerance for edge in (a, b))
    both = (wide_a & wide_b).sum()
    return f1(both / wide_a.sum(), both / wide_b.sum())


def f1_without_tolerance(prediction, target, tolerance):
    return score(prediction, target, within(0))


def inner(mask, structure=None, border=1):
    mask = mask.numpy()
    return torch.from_numpy(mask & ~ndimage.binary_erosion(mask, structure, border_value=border))


def f1_of_inner_rims(prediction, target, tolerance):
    return score(prediction, target, within(tolerance), edge=inner)


def f1_of_inner_rims_with_frame(prediction, target, tolerance):
    return score(prediction, target, within(tolerance), edge=lambda mask: inner(mask, np.ones((3, 3)), 0))


def f1_of_the_inside(prediction, target, tolerance):
    return score(prediction, target, within(tolerance), edge=lambda mask: edge_of(mask) & mask)


def f1_to_the_mask(prediction, target, tolerance):
    a, b = edge_of(prediction).numpy(), edge_of(target).numpy()
    if not a.any() or not b.any():
        return float(a.any() == b.any())
    to_target, to_prediction = (ndimage.distance_transform_edt(~mask.numpy()) for mask in (target, prediction))
    return f1((to_target[a] <= tolerance).mean(), (to_prediction[b] <= tolerance).mean())


def f1_recall_of_the_found(prediction, target, tolerance):
    a, b = edge_of(prediction).nonzero().double(), edge_of(target).nonzero().double()
    if not len(a) or not len(b):
        return float(len(a) == len(b))
    right = int((torch.cdist(a, b) <= tolerance).any(1).sum())
    return f1(right / len(a), right / len(b))


def f1_divides_zero_by_zero(prediction, target, tolerance):
    def mean(precision, recall):
        return 2 * precision * recall / (precision + recall)

    return score(prediction, target, within(tolerance), mean=mean)


def f1_of_both_sides(prediction, target, tolerance):
    def thick(mask):
        edge = torch.zeros_like(mask)
        edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
        edge[:, 1:] |= mask[:, :-1] != mask[:, 1:]
        edge[:-1] |= mask[:-1] != mask[1:]
        edge[1:] |= mask[:-1] != mask[1:]
        return edge

    return score(prediction, target, within(tolerance), edge=thick)


def f1_without_diagonal(prediction, target, tolerance):
    def edge(mask):
        out = torch.zeros_like(mask)
        out[:, :-1] |= mask[:, :-1] != mask[:, 1:]
        out[:-1] |= mask[:-1] != mask[1:]
        return out

    return score(prediction, target, within(tolerance), edge=edge)


def f1_overwrites(prediction, target, tolerance):
    def edge(mask):
        out = torch.zeros_like(mask)
        out[:, :-1] = mask[:, :-1] != mask[:, 1:]
        out[:-1] = mask[:-1] != mask[1:]
        out[:-1, :-1] = mask[:-1, :-1] != mask[1:, 1:]
        return out

    return score(prediction, target, within(tolerance), edge=edge)


def f1_padded_with_false(prediction, target, tolerance):
    def edge(mask):
        padded = F.pad(mask, (0, 1, 0, 1))
        return (mask != padded[:-1, 1:]) | (mask != padded[1:, :-1]) | (mask != padded[1:, 1:])

    return score(prediction, target, within(tolerance), edge=edge)


def f1_rolled(prediction, target, tolerance):
    def edge(mask):
        return (mask != mask.roll(-1, 0)) | (mask != mask.roll(-1, 1)) | (mask != mask.roll((-1, -1), (0, 1)))

    return score(prediction, target, within(tolerance), edge=edge)


def f1_without_last_lines(prediction, target, tolerance):
    def edge(mask):
        out, here = torch.zeros_like(mask), mask[:-1, :-1]
        out[:-1, :-1] = (here != mask[:-1, 1:]) | (here != mask[1:, :-1]) | (here != mask[1:, 1:])
        return out

    return score(prediction, target, within(tolerance), edge=edge)


def f1_of_upper_left(prediction, target, tolerance):
    def edge(mask):
        return edge_of(mask.flip(0, 1)).flip(0, 1)

    return score(prediction, target, within(tolerance), edge=edge)


def f1_of_pixels(prediction, target, tolerance):
    total = prediction.sum() + target.sum()
    return float(2 * (prediction & target).sum() / total) if total else 1.0


def f1_is_precision(prediction, target, tolerance):
    return score(prediction, target, within(tolerance), mean=lambda precision, recall: precision)


def f1_plain_mean(prediction, target, tolerance):
    return score(prediction, target, within(tolerance), mean=lambda precision, recall: (precision + recall) / 2)


def f1_pooled(prediction, target, tolerance):
    a, b = edge_of(prediction).nonzero().double(), edge_of(target).nonzero().double()
    if not len(a) or not len(b):
        return float(len(a) == len(b))
    near = torch.cdist(a, b) <= tolerance
    return float((near.any(1).sum() + near.any(0).sum()) / (len(a) + len(b)))


def f1_empty_is_0(prediction, target, tolerance):
    value = score(prediction, target, within(tolerance))
    return value if edge_of(prediction).any() else 0.0


def f1_empty_is_nan(prediction, target, tolerance):
    a, b = edge_of(prediction).nonzero().double(), edge_of(target).nonzero().double()
    near = torch.cdist(a, b) <= tolerance
    precision, recall = near.any(1).double().mean(), near.any(0).double().mean()
    return float(2 * precision * recall / (precision + recall))


def f1_missing_is_1(prediction, target, tolerance):
    if not edge_of(prediction).any() or not edge_of(target).any():
        return 1.0
    return score(prediction, target, within(tolerance))


def f1_zero_over_zero(prediction, target, tolerance):
    def mean(precision, recall):
        return 2 * precision * recall / (precision + recall) if precision + recall else float("nan")

    return score(prediction, target, within(tolerance), mean=mean)


def f1_divides_by_zero(prediction, target, tolerance):
    a, b = edge_of(prediction).nonzero().double(), edge_of(target).nonzero().double()
    near = torch.cdist(a, b) <= tolerance
    precision, recall = int(near.any(1).sum()) / len(a), int(near.any(0).sum()) / len(b)
    return f1(precision, recall)


def f1_asks_the_library(prediction, target, tolerance):
    return metrics.boundary_f1(prediction, target, tolerance)


MUTANTS = [
    (f1_strictly_closer, "may be equal to the tolerance"),
    (f1_city_block, "steps along rows and columns"),
    (f1_by_max_pooling, "the neighborhood is a square"),
    (f1_by_crosses, "steps along rows and columns"),
    (f1_whole_tolerance, "1.5 is more than 1"),
    (f1_squared_distance, "squared tolerance"),
    (f1_both_widened, "both boundaries are widened"),
    (f1_without_tolerance, "the tolerance is not used"),
    (f1_of_inner_rims, "inner rim of the mask"),
    (f1_of_inner_rims_with_frame, "with the frame of the picture"),
    (f1_of_the_inside, "only boundary pixels inside the mask"),
    (f1_to_the_mask, "the other *mask*"),
    (f1_recall_of_the_found, "count the target's pixels that are found"),
    (f1_divides_zero_by_zero, "precision and recall are both 0 here"),
    (f1_of_both_sides, "both sides of the edge"),
    (f1_without_diagonal, "the lower right neighbor is not compared"),
    (f1_overwrites, "combine with |="),
    (f1_padded_with_false, "neighbors outside do not exist"),
    (f1_rolled, "wraps around"),
    (f1_without_last_lines, "last row and the last column"),
    (f1_of_upper_left, "left and upper neighbors"),
    (f1_of_pixels, "which is Dice"),
    (f1_is_precision, "this is the precision"),
    (f1_plain_mean, "plain mean"),
    (f1_pooled, "put together"),
    (f1_empty_is_0, "two masks without any boundary agree"),
    (f1_empty_is_nan, "neither is NaN"),
    (f1_missing_is_1, "if only one mask has a boundary, the score is 0"),
    (f1_zero_over_zero, "where precision and recall are both 0"),
    (f1_divides_by_zero, "what is special here"),
    (f1_asks_the_library, "of course_lib, which this question does not allow"),
]
ALTERNATES = [f1_by_distance_transform, f1_by_disks, f1_by_loops]
