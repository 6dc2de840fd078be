import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from course_lib import datasets, evidence, ops
from course_lib.experiments import context_or_resolution as experiment

PAIR = torch.zeros(1, 3, 96, 96)


@pytest.fixture(scope="module")
def few():
    return datasets.Scenes(4, 96, seed=5)


@pytest.mark.parametrize("arm", experiment.ARMS)
def test_every_arm_answers_at_the_size_of_the_picture(arm):
    assert experiment.build(arm, 0).eval()(torch.zeros(2, 3, 64, 96)).shape == (2, 9, 64, 96)


def test_decisive_arms_cost_the_same_and_the_doubled_ones_as_much_as_both():
    cost = {arm: evidence.macs(experiment.build(arm, 0), PAIR) for arm in experiment.ARMS}
    patch, coarse = (cost[arm] for arm in experiment.DECISIVE)
    assert abs(patch - coarse) < 0.01 * patch
    assert cost["stride 32, tiles alone"] == coarse
    for arm in experiment.DECISIVE:
        assert abs(cost[f"{arm}, twice the cost"] - cost["both, scores added"]) < 0.02 * cost["both, scores added"]
    parameters = {arm: sum(p.numel() for p in experiment.build(arm, 0).parameters()) for arm in experiment.ARMS}
    assert abs(parameters["stride 32, few parameters"] - parameters["9×9 patch"]) < 0.1 * parameters["9×9 patch"]


def test_fields_and_strides_are_those_that_the_lesson_names():
    patch, coarse = (ops.receptive_field(ops.layers_of(experiment.build(a, 0).body)) for a in experiment.DECISIVE)
    assert (patch.size, patch.jump) == (9, 1)
    assert (coarse.size, coarse.jump) == (94, 32)
    assert ops.receptive_field(ops.layers_of(experiment.build("color alone", 0).body)).size == 1


def test_tiles_alone_do_not_see_beyond_their_tile_and_the_whole_network_does():
    images = torch.rand(1, 3, 96, 96)
    elsewhere = images.clone()
    elsewhere[..., 40:, 40:] = torch.rand(1, 3, 56, 56)  # leaves the first tile as it was
    whole, alone = (experiment.build(f"stride 32{kind}", 0).eval() for kind in ("", ", tiles alone"))
    with torch.no_grad():
        assert_close(alone.coarse(images)[..., 0, 0], alone.coarse(elsewhere)[..., 0, 0])
        assert not torch.allclose(whole.coarse(images)[..., 0, 0], whole.coarse(elsewhere)[..., 0, 0])
        tile = alone.body(images[..., 32:64, 64:96])[..., 0, 0]
        assert_close(alone.coarse(images)[..., 1, 2], tile)


def test_the_two_nets_start_alike_whole_or_in_tiles():
    whole, alone = (experiment.build(f"stride 32{kind}", 3) for kind in ("", ", tiles alone"))
    for left, right in zip(whole.parameters(), alone.parameters(), strict=True):
        assert torch.equal(left, right)


def test_position_reaches_the_network():
    flat = torch.full((1, 3, 33, 40), 0.5)
    knows, blind = (experiment.build(arm, 0).eval() for arm in ("9×9 patch and position", "9×9 patch"))
    with torch.no_grad():
        inside = (..., slice(8, -8), slice(8, -8))
        assert blind(flat)[inside].std((-2, -1)).max() < 1e-5
        assert knows(flat)[inside].std((-2, -1)).min() > 1e-3


def test_both_adds_the_scores(few):
    both = experiment.build("both, scores added", 0).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert_close(both(images), both.sharp(images) + both.wide(images))


def test_near_border_is_a_square_of_two_pixels_around_each_edge():
    labels = torch.zeros(1, 9, 12, dtype=torch.int64)
    labels[..., 6:] = 4
    want = torch.zeros(1, 9, 12, dtype=torch.bool)
    want[..., 4:8] = True
    assert torch.equal(experiment.near_border(labels), want)
    assert not experiment.near_border(torch.full((2, 5, 5), 7)).any()
    dot = torch.zeros(1, 9, 9, dtype=torch.int64)
    dot[0, 4, 4] = 1
    assert experiment.near_border(dot).sum() == 25
    assert experiment.near_border(dot, radius=1).sum() == 9


def test_measure_counts_each_part_of_the_pixels():
    truth = torch.zeros(1, 10, 20, dtype=torch.int64)
    truth[..., 10:] = 6  # a car as large as the sky
    predicted = truth.clone()
    predicted[..., :8] = 1  # wrong in the interior of the sky only
    figures = experiment.measure(predicted, truth, {6, 7, 8})
    assert figures["border"] == figures["things"] == 1
    assert_close(figures["interior"], 8 / 16)
    assert_close(figures["stuff"], 2 / 10)
    assert_close(figures["accuracy"], 12 / 20)
    assert_close(figures["miou"], (0.2 + 0 + 1) / 3)


def test_answers_without_a_network(few):
    train, truth = experiment.truths(few), experiment.truths(datasets.Scenes(2, 96, seed=6))
    constant = experiment.most_frequent(train, truth)
    assert constant.unique().tolist() == [train.flatten().mode().values.item()]
    rows = experiment.frequent_in_row(train, truth)
    assert rows.shape == truth.shape
    assert torch.equal(rows[0, 50], torch.full((96,), train[:, 50].flatten().mode().values.item()))


def test_oracles_know_the_truth_but_can_only_say_it_coarsely(few):
    truth = experiment.truths(few)
    cells = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]]).repeat_interleave(32, 0).repeat_interleave(32, 1)[None]
    reduced = experiment.reduced_truth(cells)
    assert (reduced == cells)[:, 16::32, 16::32].all()
    fitted = experiment.best_coarse_map(truth, steps=60)
    scores = [
        experiment.measure(answer, truth, few.things)["accuracy"]
        for answer in (experiment.reduced_truth(truth), fitted)
    ]
    assert 0.4 < scores[0] < scores[1] < 0.95
    assert_close(
        fitted[:, :16, :16], fitted[:, :1, :1].expand(-1, 16, 16)
    )  # flat beyond the middles of the corner cells


def test_enlarge_is_bilinear():
    z = torch.randn(1, 2, 3, 3)
    assert_close(experiment.enlarge(z, (96, 96)), F.interpolate(z, scale_factor=32, mode="bilinear"))


def test_a_run_repeats_and_learns(few, monkeypatch):
    monkeypatch.setitem(experiment.ARMS, "brief", (lambda: experiment.Pixelwise(1, 8), 0.02, 12))
    before = experiment.measure(
        experiment.predictions(experiment.build("brief", 0), few), experiment.truths(few), few.things
    )
    model, after = experiment.run("brief", 0, few, few)
    assert after["accuracy"] > before["accuracy"]
    assert experiment.run("brief", 0, few, few)[1] == after
    assert experiment.predictions(model, few, batch_size=3).shape == (4, 96, 96)


def test_the_table_carries_what_the_lesson_says():
    def mean(arm, key):
        return evidence.mean_sd(experiment.NAME, arm, key)[0]

    for ending in ("", ", 600 steps"):
        patch, coarse = (arm + ending for arm in experiment.DECISIVE)
        assert mean(coarse, "interior") > mean(patch, "interior")
        assert mean(patch, "border") > mean(coarse, "border") + 0.03
    names = [arm["name"] for arm in evidence.load(experiment.NAME)["arms"]]
    assert set(experiment.ARMS) < set(names)
