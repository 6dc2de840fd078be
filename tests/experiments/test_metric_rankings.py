"""course_lib.experiments.metric_rankings: the arms are what their names say, and the measures those of the library."""

import pytest
import torch

from course_lib import evidence
from course_lib.experiments import metric_rankings
from course_lib.experiments.metric_rankings import CLASSES, METRICS, NETS


@pytest.fixture(scope="module")
def sets():
    return metric_rankings.scenes()


def test_rare_classes_get_the_inverse_of_their_share(sets):
    weight = metric_rankings.weights(sets[0])
    shares = torch.bincount(metric_rankings.truth(sets[0]).flatten(), minlength=CLASSES).double()
    assert weight.mean() == pytest.approx(1)
    torch.testing.assert_close((weight * shares).std(), torch.tensor(0.0).double(), atol=1.0, rtol=0)
    assert weight.argmax() == shares.argmin()


def test_the_first_two_arms_share_network_and_steps_and_the_others_differ_in_stride():
    (build, steps, equal), (same_build, same_steps, rare) = (NETS[a] for a in list(NETS)[:2])
    assert (steps, equal, rare) == (same_steps, False, True)
    assert sum(p.numel() for p in build().parameters()) == sum(p.numel() for p in same_build().parameters())
    assert all(build().eval()(torch.zeros(1, 3, 64, 64)).shape == (1, CLASSES, 64, 64) for build, _, _ in NETS.values())


def test_a_weighted_arm_really_trains_with_weights(sets, monkeypatch):
    monkeypatch.setitem(NETS, "equal pixels", (NETS["equal pixels"][0], 2, False))
    monkeypatch.setitem(NETS, "rare classes weigh more", (NETS["equal pixels"][0], 2, True))
    nets = [metric_rankings.train_net(arm, 0, sets[0]) for arm in list(NETS)[:2]]
    again = metric_rankings.train_net("equal pixels", 0, sets[0])
    first, second, third = (torch.cat([p.flatten() for p in net.parameters()]) for net in (*nets, again))
    assert torch.equal(first, third)
    assert not torch.equal(first, second)


def test_blocks_take_the_most_frequent_class():
    labels = torch.zeros(1, 4, 4).long()
    labels[0, :2, :2] = torch.tensor([[3, 3], [3, 1]])
    labels[0, 3, 3] = 5
    expected = torch.zeros(1, 4, 4).long()
    expected[0, :2, :2] = 3
    assert torch.equal(metric_rankings.blocks(labels, 2), expected)
    assert torch.equal(metric_rankings.blocks(labels, 1), labels)


def test_moved_by_one_pixel():
    labels = torch.arange(9).view(1, 3, 3)
    assert metric_rankings.moved(labels)[0].tolist() == [[0, 1, 2], [3, 0, 1], [6, 3, 4]]


def test_erased_objects_leave_stuff_and_nothing_else_changes(sets):
    labels = metric_rankings.truth(sets[1])[:8]
    out, person = metric_rankings.erased(labels, "person", sets[1].classes), sets[1].classes.index("person")
    assert (labels == person).any()
    assert not (out == person).any()
    assert torch.equal(out[labels != person], labels[labels != person])
    assert not torch.isin(out[labels == person], torch.tensor(sorted(sets[1].things))).any()


def test_measure_of_the_truth_and_of_one_class(sets):
    labels = metric_rankings.truth(sets[1])[:8]
    perfect = metric_rankings.measure(labels, labels)
    assert [perfect[name] for name in METRICS] == pytest.approx([1.0] * len(METRICS))
    assert perfect["half_width"] == 0
    sky = metric_rankings.measure(torch.zeros_like(labels), labels)
    assert sky["mean_accuracy"] == pytest.approx(1 / len(labels.unique()))
    assert sky["miou"] == pytest.approx(sky["accuracy"] / len(labels.unique()))
    assert sky["boundary_f1"] == 0
    assert sky["image_miou"] > sky["miou"]  # a picture has fewer classes than the set
    assert 0 < sky["half_width"] < 0.1


def test_the_committed_arms_are_these():
    arms = {arm["name"]: arm for arm in evidence.load("04_metric_rankings")["arms"]}
    assert set(NETS) < set(arms)
    assert all(len(arms[name]["runs"]) == metric_rankings.SEEDS for name in NETS)
    assert all(set(METRICS) < set(run["metrics"]) for arm in arms.values() for run in arm["runs"])
