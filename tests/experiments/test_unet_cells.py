"""Lesson 08's experiments on touching cells: weights that spend alike, choices made on validation, arms as they are named."""

import numpy as np
import pytest
import torch

from course_lib import evidence, losses, metrics
from course_lib.experiments import classical_cells, unet_augmentation, unet_cells, unet_separation, unet_skips

PICTURE = torch.zeros(1, 3, 96, 96)


@pytest.fixture(scope="module")
def few():
    return unet_cells.pictures("val", 7, 4)


@pytest.fixture(scope="module")
def maps(few):
    """Probabilities of an imagined network: nearly sure, and too sure of the lines between nuclei."""
    closed = [classical_cells.foreground("true foreground", ids, None) for ids in few.ids]
    return [np.where(ids > 0, 0.95, np.where(c, 0.7, 0.05)) for c, ids in zip(closed, few.ids, strict=True)]


def test_the_three_kinds_of_weights_spend_the_same_on_background_alone(few):
    extra = {kind: [w - 1 for w in unet_cells.pixel_weights(kind, few)] for kind in unet_cells.WEIGHTS}
    totals = {kind: sum(float(e.sum()) for e in maps) for kind, maps in extra.items()}
    assert totals["equal"] == 0
    assert totals["edges"] == pytest.approx(totals["gaps"], rel=1e-3)
    assert totals["background"] == pytest.approx(totals["gaps"], rel=1e-3)
    for kind in ("gaps", "edges", "background"):
        for e, ids in zip(extra[kind], few.ids, strict=True):
            assert e.dtype == np.float32
            assert (e[ids > 0] == 0).all()
    assert all(np.unique(e[ids == 0]).size == 1 for e, ids in zip(extra["background"], few.ids, strict=True))
    expected = losses.border_weights(torch.from_numpy(few.ids[0])).numpy()
    np.testing.assert_allclose(extra["gaps"][0], expected, atol=1e-5)
    with pytest.raises(
        ValueError, match=r"^pixel_weights: kind must be one of equal, gaps, edges, background, not 'gap'"
    ):
        unet_cells.pixel_weights("gap", few)


def test_background_near_a_nucleus_is_what_is_within_two_pixels():
    ids = np.zeros((9, 9), np.int64)
    ids[4, 4] = 3
    near = unet_cells.near_background(ids)
    assert near.sum() == 24
    assert near[2:7, 2:7].sum() == 24
    assert not near[4, 4]


def test_weights_are_flipped_with_their_picture(few):
    dataset = unet_cells.Nuclei(few, unet_cells.pixel_weights("gaps", few), unet_cells.FLIPS)
    plain = unet_cells.Nuclei(few, unet_cells.pixel_weights("gaps", few))[0]
    changed = 0
    for seed in range(8):
        torch.manual_seed(seed)
        image, target = dataset[0]
        assert (target["weight"][target["semantic"] == 1] == 1).all()
        assert target["weight"].sum() == pytest.approx(float(plain[1]["weight"].sum()), rel=1e-5)
        changed += not torch.equal(image, plain[0])
    assert changed > 0


def test_the_loss_weighs_pixels_and_adds_the_coarser_outputs(few):
    images, targets = torch.rand(2, 3, 16, 16), torch.randint(0, 2, (2, 16, 16))
    batch = images, {"semantic": targets, "weight": 1 + torch.rand(2, 16, 16)}
    fine, coarse = torch.randn(2, 2, 16, 16), torch.randn(2, 2, 8, 8)
    first = losses.cross_entropy(fine, targets, pixel_weight=batch[1]["weight"])
    torch.testing.assert_close(unet_cells.loss(lambda _: fine, batch), first)
    second = losses.deep_supervision_loss(losses.cross_entropy, [coarse], targets, [1.0])
    torch.testing.assert_close(unet_cells.loss(lambda _: [fine, coarse], batch), (first + 0.5 * second) / 1.5)


def test_the_choice_is_the_best_of_all_and_the_watershed_has_more_to_choose_from(few, maps):
    threshold, depth = unet_cells.choose(maps, few.ids)
    assert depth is None
    assert threshold >= 0.7  # where the lines between nuclei are background
    scores = [unet_cells.object_f1(maps, few.ids, t) for t in unet_cells.THRESHOLDS]
    assert unet_cells.object_f1(maps, few.ids, threshold) == max(scores) > min(scores)
    pair = unet_cells.choose(maps, few.ids, watershed=True)
    assert pair[0] in unet_cells.FEW_THRESHOLDS
    assert pair[1] in unet_cells.DEPTHS


def test_measure_sees_in_objects_what_foreground_iou_hides(few, maps):
    low, high = unet_cells.measure(maps, few.ids, 0.5), unet_cells.measure(maps, few.ids, 0.9)
    assert high["f1"] > 0.9 > 0.5 > low["f1"]
    assert low["merged"] > 0.4 > high["merged"]
    assert low["foreground"] > 0.8
    assert high["boundary"] == pytest.approx(1)
    assert low["f1"] == metrics.object_f1([unet_cells.objects(m, 0.5) for m in maps], few.ids)


def test_the_truth_with_closed_gaps_has_good_pixels_and_bad_objects(few):
    scores = unet_separation.closed(few)
    assert scores["foreground"] > 0.8
    assert scores["f1"] < 0.5


def test_readings_are_chosen_on_validation_and_judged_on_test(few):
    model = unet_separation.train("gaps", few, 0, steps=2)
    other = unet_cells.pictures("test", 7, 3)
    results = unet_separation.measure_all(model, few, other)
    assert list(results) == list(unet_separation.READINGS)
    on_val, on_test = unet_cells.probabilities(model, few), unet_cells.probabilities(model, other)
    for reading, (pair, scores) in results.items():
        assert pair == unet_separation.numbers(reading, on_val, few.ids)
        assert scores == unet_cells.measure(on_test, other.ids, *pair)
    assert results["at 0.5"][0] == (0.5, None)
    with pytest.raises(ValueError, match=r"^numbers: reading must be one of at 0.5, "):
        unet_separation.numbers("best", on_val, few.ids)


def test_arms_of_the_skips_cost_alike_within_two_percent():
    cost = {arm: evidence.macs(unet_skips.build(arm, 0), PICTURE) for arm in unet_skips.ARMS}
    assert all(cost["concat"] <= c <= 1.02 * cost["concat"] for c in cost.values())
    for arm in ("add", "none"):
        assert unet_skips.build(arm, 0).skips == arm


def test_one_seed_gives_one_network():
    first, second, other = (unet_skips.build("concat", seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not torch.equal(first["encoder.0.0.weight"], other["encoder.0.0.weight"])


@pytest.mark.parametrize("arm", unet_augmentation.ARMS)
def test_augmentations_keep_labels_on_their_nuclei(arm):
    data = unet_cells.pictures("train", 3, unet_augmentation.PICTURES)
    assert len(data.gray) == unet_augmentation.PICTURES
    weights = unet_cells.pixel_weights("gaps", data)
    dataset = unet_cells.Nuclei(data, weights, unet_augmentation.ARMS[arm])
    plain = unet_cells.Nuclei(data, weights)
    torch.manual_seed(0)
    image, target = dataset[0]
    semantic = target["semantic"]
    assert torch.equal(image, plain[0][0]) == (arm == "none") or arm == "flips"
    contrast = [
        float(x[0][y == 1].mean() - x[0][y == 0].mean())
        for x, y in ((image, semantic), (plain[0][0], plain[0][1]["semantic"]))
    ]
    assert contrast[0] > 0.7 * contrast[1]
    assert (target["weight"][semantic == 1] == 1).all()
    assert float(target["weight"][semantic == 0].max()) > 5


@pytest.mark.parametrize(
    ("experiment", "arm"),
    [(unet_skips, "concat, deep supervision"), (unet_augmentation, "elastic"), (unet_separation, "edges")],
)
def test_training_makes_a_network_that_finds_nuclei(experiment, arm):
    data = unet_cells.pictures("train", 7, unet_augmentation.PICTURES)
    maps = unet_cells.probabilities(experiment.train(arm, data, 0, steps=25), data)
    inside = np.mean([m[ids > 0].mean() for m, ids in zip(maps, data.ids, strict=True)])
    outside = np.mean([m[ids == 0].mean() for m, ids in zip(maps, data.ids, strict=True)])
    assert inside > outside + 0.05


def test_compare_gives_every_arm_the_same_pictures_and_writes_what_they_found(monkeypatch, tmp_path):
    monkeypatch.setattr(evidence, "RESULTS", tmp_path)
    seen = []

    def train(arm, data, seed):
        seen.append((arm, len(data.gray), data.ids[0].sum(), seed))
        return unet_cells.build(seed)

    def measure(model, val, test):
        return (0.5, None), {"f1": len(val.gray) + len(test.gray) / 1e5}

    unet_cells.compare("trial", ("a", "b"), 2, train, measure)
    assert [s[0] for s in seen] == ["a", "b"] * 3
    assert [s[1] for s in seen] == [2] * 6
    assert len({s[2:] for s in seen}) == 3  # pictures differ from seed to seed, not from arm to arm
    record = evidence.load("08_trial")
    assert record["command"] == "python -m course_lib.experiments.trial"
    for arm in record["arms"]:
        assert arm["params"] > 10_000
        assert [run["metrics"] for run in arm["runs"]] == [{"f1": 30.0006}] * 3
        assert [run["seed"] for run in arm["runs"]] == [0, 1, 2]


def test_the_committed_tables_hold_the_arms_of_the_code():
    names = {
        n: [arm["name"] for arm in evidence.load(n)["arms"]]
        for n in ("08_unet_skips", "08_unet_augmentation", "08_unet_separation")
    }
    assert names["08_unet_skips"] == list(unet_skips.ARMS)
    assert names["08_unet_augmentation"] == list(unet_augmentation.ARMS)
    pairs = [f"{weights}, {reading}" for weights in unet_cells.WEIGHTS for reading in unet_separation.READINGS]
    assert names["08_unet_separation"] == [unet_separation.CLOSED, *pairs]


def test_the_net_with_border_weights_is_one_and_the_same_in_both_tables():
    first = evidence.mean_sd("08_unet_skips", "concat", "f1")
    assert first == evidence.mean_sd("08_unet_separation", "gaps, validated threshold", "f1")
