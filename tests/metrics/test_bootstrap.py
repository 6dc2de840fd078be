"""course_lib.metrics.bootstrap against a plain loop, the normal approximation and cases without chance."""

import numpy as np
import pytest
import torch

from course_lib.metrics import ConfusionMatrix, bootstrap_interval


def ratio(total):
    return total[0] / total[1]


def miou(counts):
    matrix = ConfusionMatrix(len(counts))
    matrix.counts = counts
    return matrix.miou()


def test_equal_images_leave_no_doubt():
    low, high = bootstrap_interval(torch.tensor([[3, 4]]).repeat(20, 1), ratio)
    assert low == high == 0.75


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide_on_each_side():
    values = torch.from_numpy(np.random.default_rng(0).normal(5, 2, 400))
    low, high = bootstrap_interval(torch.stack([values, torch.ones(400)], 1), ratio, samples=4000)
    error = float(values.std()) / 20
    assert low == pytest.approx(float(values.mean()) - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(float(values.mean()) + 1.96 * error, abs=0.15 * error)


def test_it_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        values = np.stack([rng.random(60) < 0.3, np.ones(60)], 1)
        low, high = bootstrap_interval(values, ratio, samples=200, confidence=0.8, seed=trial)
        hits += low <= 0.3 <= high
    assert 0.7 < hits / 200 < 0.9


def test_images_are_resampled_whole():
    """Sums of drawn images: with two different images of weight 1 only three sums can come out."""
    seen = set()
    bootstrap_interval(
        torch.tensor([[[1, 0], [0, 0]], [[0, 0], [0, 1]]]), lambda t: seen.add(tuple(t.flatten().tolist())) or 0.0
    )
    assert seen == {(2.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 2.0)}


def test_more_confidence_is_wider_and_the_seed_decides():
    values = torch.rand(30, 2, generator=torch.Generator().manual_seed(0)) + 0.5
    wide, narrow = (bootstrap_interval(values, ratio, confidence=c) for c in (0.99, 0.5))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert bootstrap_interval(values, ratio, seed=1) == bootstrap_interval(values, ratio, seed=1)
    assert bootstrap_interval(values, ratio, seed=1) != bootstrap_interval(values, ratio, seed=2)


def test_a_class_in_one_image_only_and_images_that_are_all_void():
    matrices = torch.zeros(6, 3, 3, dtype=torch.int64)
    matrices[:4, 0, 0] = 10
    matrices[0, 1, 1] = 1  # in 0.33 of the resamples it is not there, and is left out of the mean
    matrices[0, 1, 0] = 1
    low, high = bootstrap_interval(matrices, miou)
    assert 0.7 < low < 0.8
    assert high == 1
    nothing = bootstrap_interval(torch.zeros(3, 2, 2), miou)
    assert all(np.isnan(nothing))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (torch.ones(1, 2), {}, r"per_image has shape \(1, 2\); it must be \(N, ...\) with at least 2 images"),
        (torch.tensor(1.0), {}, r"per_image has shape \(\)"),
        (torch.ones(5, 2), {"samples": 0}, "samples must be 1 or more, not 0"),
        (torch.ones(5, 2), {"confidence": 95}, "confidence must lie between 0 and 1, not 95"),
    ],
)
def test_mistakes(values, options, message):
    with pytest.raises(ValueError, match=f"^bootstrap_interval: {message}"):
        bootstrap_interval(values, ratio, **options)
