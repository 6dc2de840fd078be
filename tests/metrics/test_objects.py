"""match_objects and object_f1, on cases counted by hand and against a plain loop over all pairs."""

import numpy as np
import pytest
import torch

from course_lib.metrics import Matches, match_objects, object_f1


def squares():
    """Four 4x4 squares in a row, one pixel apart."""
    ids = np.zeros((6, 21), np.int64)
    for k in range(4):
        ids[1:5, 1 + 5 * k : 5 + 5 * k] = k + 1
    return ids


def by_pairs(found, truth, threshold):
    """The definition, one pair of objects at a time."""
    a = [found == k for k in np.unique(found[found > 0])]
    b = [truth == k for k in np.unique(truth[truth > 0])]
    tp = sum((x & y).sum() / (x | y).sum() > threshold for x in a for y in b)
    inside = [[(x & y).sum() > 0.5 * y.sum() for y in b] for x in a]
    pieces = [[(x & y).sum() > 0.5 * x.sum() for x in a] for y in b]
    merged = sum(sum(row) for row in inside if sum(row) > 1)
    return Matches(int(tp), len(a) - int(tp), len(b) - int(tp), merged, sum(sum(row) > 1 for row in pieces))


def test_numbers_do_not_matter_and_may_have_gaps():
    truth = squares()
    assert match_objects(np.array([0, 90, 7, 1000, 3])[truth], truth) == Matches(tp=4)
    assert match_objects(np.array([0, 9, 10**12, 1, 3])[truth], truth) == Matches(tp=4)
    assert match_objects(np.array([10**12, 5])[1 - (truth[1:5, 1:9] == 1)], truth[1:5, 1:9]).tp == 2
    assert match_objects(torch.from_numpy(truth), torch.from_numpy(truth).to(torch.uint8)) == Matches(tp=4)
    assert match_objects(truth[1:5, 1:5], truth[1:5, 1:5]) == Matches(tp=1)  # no background at all


def test_one_merge_one_split_one_miss():
    truth = squares()
    found = np.zeros_like(truth)
    found[1:5, 1:10] = 1  # the first two and the line between them: IoU 16/36 with either
    found[1:5, 11:13], found[1:5, 13:15] = 2, 3  # halves of the third: IoU 8/16, not more than one half
    assert match_objects(found, truth) == Matches(tp=0, fp=3, fn=4, merged=2, split=1)


def test_the_threshold_must_be_exceeded():
    truth, found = np.zeros((10, 10), int), np.zeros((10, 10), int)
    truth[:, :8], found[:, :6] = 1, 1  # IoU 3/4
    assert match_objects(found, truth, 0.74).tp == 1
    assert match_objects(found, truth, 0.75).tp == 0


@pytest.mark.parametrize("threshold", [0.5, 0.7])
def test_equals_the_loop_over_all_pairs(threshold):
    rng = np.random.default_rng(0)
    seen = Matches()
    for _ in range(60):
        truth = np.kron(rng.integers(0, 5, rng.integers(1, 5, 2)), np.ones((3, 5), int))
        found = np.roll(truth, rng.integers(0, 2, 2), (0, 1)) * (rng.random(truth.shape) < 0.97)
        found[found == 2] = rng.integers(1, 3)
        found[: len(found) // 2][found[: len(found) // 2] == 4] = 5  # one true object in two parts
        expected = by_pairs(found, truth, threshold)
        assert match_objects(found, truth, threshold) == expected
        seen += expected
    assert min(seen.tp, seen.fp, seen.fn, seen.merged, seen.split) > 0


def test_sets_add_counts_before_they_divide():
    truth = squares()
    nothing, three = 0 * truth, np.where(truth == 4, 0, truth)
    total = match_objects(three, truth) + match_objects(nothing, truth)
    assert total == Matches(tp=3, fn=5)
    assert total.objects == 8
    assert object_f1([three, nothing], [truth, truth]) == total.f1 == 6 / 11
    assert object_f1([], []) == match_objects(nothing, nothing).f1 == 0


def test_one_merged_pair_costs_much_of_f1_and_little_of_the_pixels():
    truth = squares()
    found = truth.copy()
    found[1:5, 5] = 1
    found[found == 2] = 1
    both, either = ((found > 0) & (truth > 0)).sum(), ((found > 0) | (truth > 0)).sum()
    assert both / either == 64 / 68
    assert object_f1([found], [truth]) == 4 / 7


@pytest.mark.parametrize(
    ("found", "truth", "threshold", "error", "message"),
    [
        (squares(), squares()[:-1], 0.5, ValueError, r"match_objects: found is \(6, 21\) and truth is \(5, 21\)"),
        (squares()[0], squares(), 0.5, ValueError, r"match_objects: found has shape \(21,\)"),
        (squares(), squares() / 2, 0.5, TypeError, "match_objects: truth has values of type float64"),
        (squares(), squares() - 1, 0.5, ValueError, "match_objects: truth has the id -1"),
        (squares(), squares(), 0.4, ValueError, "match_objects: threshold is 0.4"),
        (squares(), squares(), 1, ValueError, "match_objects: threshold is 1"),
    ],
)
def test_mistakes_get_one_sentence(found, truth, threshold, error, message):
    with pytest.raises(error, match=f"^{message}"):
        match_objects(found, truth, threshold)


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        object_f1([squares()], [])
