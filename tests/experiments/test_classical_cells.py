import numpy as np
import pytest
import torch

from course_lib import ops
from course_lib.experiments import classical_cells as cells
from course_lib.experiments import classical_shift


@pytest.fixture(scope="module")
def few():
    return cells.pictures("val", 3, n=6)


def _squares():
    """Four true 4x4 squares in a row, one pixel apart."""
    ids = np.zeros((6, 21), np.int64)
    for k in range(4):
        ids[1:5, 1 + 5 * k : 5 + 5 * k] = k + 1
    return ids


def test_perfect_objects_score_one_whatever_their_numbers():
    ids = _squares()
    figures = cells.score([(5 - ids) * (ids > 0)], [ids])
    assert figures == {"f1": 1.0, "count": 0.0, "merged": 0.0, "split": 0.0, "foreground": 1.0}


def test_score_of_one_merge_one_split_one_miss_by_hand():
    ids = _squares()
    found = np.zeros_like(ids)
    found[1:5, 1:10] = 1  # the first two and the line between them
    found[1:5, 11:13], found[1:5, 13:15] = 2, 3  # the third in halves; the fourth is missed
    figures = cells.score([found], [ids])
    assert figures["f1"] == 0  # the merge has IoU 16/36 with either, the halves 8/16, which is not more than one half
    assert figures["merged"] == 2 / 4
    assert figures["split"] == 1 / 4
    assert figures["count"] == 1
    assert figures["foreground"] == 48 / 68
    assert cells.score([np.where(ids == 4, 0, ids)], [ids])["f1"] == 2 * 3 / (2 * 3 + 1)


def test_score_takes_pictures_without_objects():
    empty = np.zeros((4, 4), np.int64)
    assert cells.score([empty], [empty])["f1"] == 0
    assert cells.score([empty + 1], [empty])["count"] == 1


def test_the_distance_watershed_is_that_of_the_lesson(few):
    for ids in few.ids[:3]:
        mask = cells.foreground("true foreground", ids, None)
        for blur, h in ((0.0, 0.5), (1.0, 0.5), (1.0, 1.5)):
            ours = ops.split_touching(torch.from_numpy(mask), h, blur).numpy()
            theirs = cells.distance_watershed(mask, blur, h)
            both = np.zeros((ours.max() + 1, theirs.max() + 1))
            np.add.at(both, (ours.ravel(), theirs.ravel()), 1)
            assert ours.max() == theirs.max()
            assert both.max(1).sum() > 0.98 * mask.size  # plateaus of the distance start from one pixel or from all


def test_seeds_and_splits_do_not_share_pictures_and_kinds_do():
    sets = [cells.pictures(split, seed, n=2) for split in cells.COUNTS for seed in (0, 1)]
    assert len({p.gray[0].tobytes() for p in sets}) == len(sets)
    usual, light = cells.pictures("val", 0, n=2), cells.pictures("val", 0, "light", n=2)
    assert np.array_equal(usual.ids[1], light.ids[1])
    assert light.gray[1][:, -10:].mean() < 0.5 * usual.gray[1][:, -10:].mean()
    noisy = cells.pictures("val", 0, "noise", n=1)
    assert np.array_equal(noisy.gray[0], cells.pictures("val", 0, "noise", n=2).gray[0])
    assert cells.pictures("val", 0, "size", n=1).gray[0].shape == (192, 192)


def test_pieces_smaller_than_a_nucleus_are_dropped_and_the_rest_is_numbered_from_one():
    mask = np.zeros((20, 20), bool)
    mask[0, 0] = mask[2:8, 2:8] = mask[10:16, 10:16] = True
    labels = cells.split("components", mask, None, None)
    assert np.unique(labels).tolist() == [0, 1, 2]
    assert cells.split("one component", mask, None, None).max() == 1
    assert cells.split("grid", mask, 10, None).max() == 2


def test_every_classical_arm_chooses_from_its_numbers(few):
    one = cells.Pictures(few.gray[:1], few.ids[:1])
    for arm, (way, cut) in cells.ARMS.items():
        if way != "U-Net":
            numbers = cells.choose(arm, one)
            assert numbers[0] in cells.THRESHOLDS[way]
            assert numbers[1] in cells.SPLITS[cut]
            assert len(cells.apply(arm, numbers, one)) == 1


def test_the_choice_is_the_best_of_all_numbers(few):
    arm = "true foreground, distance watershed"
    scores = {
        n: cells.score(cells.apply(arm, (None, n), few), few.ids)["f1"] for n in cells.SPLITS["distance watershed"]
    }
    assert scores[cells.choose(arm, few)[1]] == max(scores.values()) > min(scores.values())


def test_splitting_helps_whatever_the_threshold(few):
    for way, number in (("Otsu", 0.5), ("local threshold", 31)):
        parts = cells.score(cells.apply(f"{way}, components", (number, None), few), few.ids)
        water = cells.score(cells.apply(f"{way}, distance watershed", (number, (1.0, 0.5)), few), few.ids)
        assert water["f1"] > parts["f1"] + 0.1
        assert water["merged"] < parts["merged"]
        assert cells.score(cells.apply("everything is one nucleus", (0.5, None), few), few.ids)["f1"] == 0


def test_the_network_learns_the_foreground_and_training_repeats(few):
    first, second = (cells.train(few, 0, steps=12) for _ in range(2))
    maps = cells.probabilities(first, few)
    assert all(np.array_equal(a, b) for a, b in zip(maps, cells.probabilities(second, few), strict=True))
    inside = np.mean([m[ids > 0].mean() for m, ids in zip(maps, few.ids, strict=True)])
    outside = np.mean([m[ids == 0].mean() for m, ids in zip(maps, few.ids, strict=True)])
    assert inside > outside + 0.05


def test_the_arms_of_the_shift_are_arms_of_the_lesson():
    assert set(classical_shift.ARMS) < set(cells.ARMS)
