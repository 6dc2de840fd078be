"""Class weights, border weights, deep supervision."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch.testing import assert_close

from course_lib import losses

# --- class weights --------------------------------------------------------------------------------------------------

MAPS = [
    torch.tensor([[0, 0, 0, 1], [0, 0, 255, 255]]),  # 6 labeled: 5 of class 0, 1 of class 1
    torch.tensor([[0, 0, 0, 0], [0, 0, 0, 3]]),  # 8 labeled: 7 of class 0, 1 of class 3
]


def test_counts_leave_void_out_and_know_where_a_class_is():
    counts = losses.count_classes(iter(MAPS), 4)
    assert counts.pixels.tolist() == [12, 1, 0, 1]
    assert counts.pixels_where_present.tolist() == [14, 6, 0, 8]
    small = losses.count_classes([m.to(torch.uint8) for m in MAPS], 4)
    assert small.pixels.tolist() == counts.pixels.tolist()


def test_inverse_and_median_weights_by_hand_and_zero_for_the_absent_class():
    counts = losses.count_classes(MAPS, 4)
    assert_close(losses.inverse_frequency(counts), torch.tensor([14 / 36, 14 / 3, 0, 14 / 3]))
    shares = [12 / 14, 1 / 6, 1 / 8]
    median = sorted(shares)[1]
    expected = torch.tensor([median / shares[0], median / shares[1], 0, median / shares[2]])
    assert_close(losses.median_frequency(counts), expected)


def test_inverse_weights_let_all_classes_weigh_the_same_and_a_pixel_one():
    counts = losses.ClassCounts(torch.tensor([900, 90, 0, 10]), torch.tensor([1000, 500, 0, 100]))
    mass = losses.inverse_frequency(counts) * counts.pixels
    assert_close(mass, torch.tensor([1000 / 3, 1000 / 3, 0, 1000 / 3]))


def test_an_even_number_of_classes_takes_the_mean_of_the_middle_two():
    counts = losses.ClassCounts(torch.tensor([60, 40]), torch.tensor([100, 100]))
    assert_close(losses.median_frequency(counts), torch.tensor([0.5 / 0.6, 0.5 / 0.4]))


def test_nothing_labeled_gives_zero_weights():
    counts = losses.count_classes([torch.full((3, 3), 255)], 2)
    assert losses.inverse_frequency(counts).tolist() == losses.median_frequency(counts).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("targets", "classes", "message"),
    [
        ([], 3, "count_classes: targets are empty"),
        ([torch.zeros(2, 2)], 3, "count_classes: targets must hold integer labels, not torch.float32"),
        ([torch.zeros(1, 2, 2, dtype=torch.int64)], 3, "count_classes: each target must be (H, W), not (1, 2, 2)"),
        ([torch.tensor([[0, 3]])], 3, "count_classes: target label 3 is not 0..2 or void 255"),
        ([torch.tensor([[0, -1]])], 3, "count_classes: target label -1 is not 0..2"),
        ([], 0, "count_classes: num_classes must be 1..255, not 0"),
    ],
)
def test_bad_maps_get_one_sentence(targets, classes, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        losses.count_classes(targets, classes)


# --- border weights -------------------------------------------------------------------------------------------------


def objects(seed=0, height=33, width=41):
    """A map of several objects, some touching, numbered with gaps."""
    rng = np.random.default_rng(seed)
    ids = np.zeros((height, width), np.int64)
    for number in (3, 4, 9, 200):
        y, x, r = rng.integers(6, height - 6), rng.integers(6, width - 6), rng.integers(2, 6)
        ids[np.hypot(*np.ogrid[-y : height - y, -x : width - x]) < r] = number
    return ids


@pytest.mark.parametrize("seed", range(4))
def test_border_weights_follow_the_distance_maps(seed):
    ids = objects(seed)
    maps = np.stack([ndimage.distance_transform_edt(ids != k) for k in np.unique(ids[ids > 0])])
    d1, d2 = np.sort(maps, 0)[:2]
    expected = np.where(ids == 0, 7 * np.exp(-((d1 + d2) ** 2) / (2 * 3**2)), 0)
    found = losses.border_weights(torch.from_numpy(ids), w0=7, sigma=3)
    assert found.dtype == torch.float32
    assert_close(found, torch.from_numpy(expected).float())
    assert_close(losses.border_weights(ids.astype(np.uint8), w0=7, sigma=3), found)


def test_a_gap_of_one_pixel_by_hand():
    """Objects on both sides of one column: d1 = d2 = 1 there, so w0 exp(-4 / 50)."""
    ids = torch.tensor([[1, 1, 0, 2, 2]])
    assert_close(losses.border_weights(ids), torch.tensor([[0, 0, 10 * np.exp(-4 / 50), 0, 0]], dtype=torch.float32))


def test_fewer_than_two_objects_have_no_border():
    assert (losses.border_weights(torch.zeros(5, 6, dtype=torch.int64)) == 0).all()
    assert (losses.border_weights(torch.eye(5, dtype=torch.int64)) == 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ids: losses.border_weights(ids.float()), "instances must hold integer object numbers, not float32"),
        (
            lambda ids: losses.border_weights(ids[None]),
            "instances must be (H, W), one map of object numbers, not (1, 4, 4)",
        ),
        (lambda ids: losses.border_weights(ids - 5), "instances must not be negative, the least is -5"),
        (lambda ids: losses.border_weights(ids, w0=-1), "w0 must be at least 0, not -1"),
        (lambda ids: losses.border_weights(ids, sigma=0), "sigma must be above 0 pixels, not 0"),
    ],
)
def test_bad_instances_get_one_sentence(call, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(f"border_weights: {message}")):
        call(torch.zeros(4, 4, dtype=torch.int64))


# --- deep supervision -----------------------------------------------------------------------------------------------


def test_each_output_meets_the_target_at_its_own_size():
    target = torch.randint(0, 3, (2, 12, 18))
    target[0, :4] = 255
    outputs = [torch.randn(2, 3, *size) for size in ((12, 18), (6, 9), (3, 5))]
    smaller = [F.interpolate(target[:, None].float(), x.shape[-2:], mode="nearest-exact")[:, 0].long() for x in outputs]
    parts = [F.cross_entropy(x, t, ignore_index=255) for x, t in zip(outputs, smaller, strict=True)]
    found = losses.deep_supervision_loss(losses.cross_entropy, outputs, target, [1, 0.5, 0.25])
    assert_close(found, (parts[0] + 0.5 * parts[1] + 0.25 * parts[2]) / 1.75)
    single = losses.deep_supervision_loss(losses.dice_loss, outputs[:1], target, [0.3])
    assert_close(single, losses.dice_loss(outputs[0], target))


@pytest.mark.parametrize(
    ("outputs", "target", "weights", "message"),
    [
        ([], torch.zeros(1, 4, 4).long(), [], "0 outputs and 0 weights"),
        ([torch.zeros(1, 2, 4, 4)], torch.zeros(1, 4, 4).long(), [1, 1], "1 outputs and 2 weights"),
        (
            [torch.zeros(1, 2, 4, 4)],
            torch.zeros(1, 4, 4).long(),
            [0],
            "weights must be finite, not negative and not all 0",
        ),
        ([torch.zeros(1, 2, 4, 4)], torch.zeros(1, 4, 4).long(), [-1], "weights must be finite, not negative"),
        (
            [torch.zeros(1, 2, 4, 4)],
            torch.zeros(1, 4, 4),
            [1],
            "target must be an int64 tensor (N, H, W), not torch.float32",
        ),
        ([torch.zeros(2, 4, 4)], torch.zeros(1, 4, 4).long(), [1], "each output must be logits (N, C, h, w), not"),
    ],
)
def test_bad_outputs_get_one_sentence(outputs, target, weights, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(f"deep_supervision_loss: {message}")):
        losses.deep_supervision_loss(losses.cross_entropy, outputs, target, weights)
