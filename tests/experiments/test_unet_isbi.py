"""Lesson 08's experiment on real membranes: splits that differ in distance alone, on a stack made here and on the real one."""

import numpy as np
import pytest
import torch

from course_lib import datasets, evidence
from course_lib.experiments import unet_isbi


@pytest.fixture(scope="module")
def stack():
    """30 sections of 128x128 pixels: a grid of membranes that drifts by one pixel a section, membranes dark."""
    rows, columns = np.indices((128, 128))
    samples = []
    for k in range(30):
        cell = torch.from_numpy((((rows + k) % 24 > 3) & ((columns + k) % 24 > 3)).astype(np.int64))
        samples.append(((0.2 + 0.6 * cell).float().expand(3, -1, -1), {"semantic": cell}))
    return samples


def test_splits_share_the_sections_that_are_judged_and_nothing_else():
    for learnt, chosen in unet_isbi.SPLITS.values():
        assert len(learnt) == 6
        assert len(chosen) == 2
        assert not set(learnt) & set(chosen)
        assert not set(unet_isbi.TEST) & {*learnt, *chosen}
    near, far = (min(abs(i - k) for i in learnt for k in unet_isbi.TEST) for learnt, _ in unet_isbi.SPLITS.values())
    assert near == 1
    assert far == 8
    assert all({k - 1, k + 1} <= set(unet_isbi.SPLITS["neighbors"][0]) for k in unet_isbi.TEST)


def test_a_copied_neighbor_is_right_as_far_as_the_drift_allows(stack):
    near, far = (unet_isbi.copied(stack, split) for split in unet_isbi.SPLITS)
    assert near["f1"] > 0.9
    assert far["f1"] < 0.1  # eight pixels of 20
    assert near["miou"] > 0.7 > 0.5 > far["miou"]
    everywhere = unet_isbi.base_rate(stack)
    assert everywhere["membrane"] == everywhere["f1"] == 0
    assert everywhere["cell"] == everywhere["accuracy"]


def test_small_pieces_are_no_cells():
    mask = np.zeros((40, 40), bool)
    mask[:8, :8] = mask[20:27, :9] = mask[30:, 30:] = True  # 64, 63 and 100 pixels
    assert unet_isbi.cells(mask).max() == 2
    assert unet_isbi.cells(mask)[22, 4] == 0


def test_training_sees_its_own_sections_only(stack, monkeypatch):
    seen = []
    monkeypatch.setattr(unet_isbi, "fit", lambda model, data, **_: seen.extend(data.samples))
    unet_isbi.train(stack, "held-out block", 0)
    assert [next(i for i, s in enumerate(stack) if s is x) for x in seen] == [0, 1, 2, 27, 28, 29]


def test_a_run_learns_membranes_that_are_dark(stack, monkeypatch):
    monkeypatch.setattr(unet_isbi, "train", lambda *_: Dark())
    record = unet_isbi.run(stack, "neighbors", 0)
    assert record["metrics"]["f1"] == record["metrics"]["miou"] == 1


class Dark(torch.nn.Module):
    """Knows that membranes are dark."""

    def forward(self, images):
        return torch.cat([0.5 - images[:, :1], images[:, :1] - 0.5], 1) * 20


@pytest.mark.needs("data")
def test_on_the_real_stack_neighbors_give_much_away(test_data):
    stack = datasets.ISBI2012(test_data / "isbi2012")
    near, far = (unet_isbi.copied(stack, split) for split in unet_isbi.SPLITS)
    assert near["f1"] > 0.2 > 0.06 > far["f1"]
    assert near["membrane"] > far["membrane"] + 0.03
    committed = evidence.mean_sd("08_isbi", "labels of the nearest section, neighbors", "f1")[0]
    assert near["f1"] == pytest.approx(committed, abs=1e-4)
