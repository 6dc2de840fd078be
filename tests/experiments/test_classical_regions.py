import numpy as np
import pytest

from course_lib.experiments import classical_regions as regions


@pytest.fixture(scope="module")
def few():
    return regions.scenes(7, n=4)


@pytest.mark.parametrize("arm", regions.ARMS)
def test_every_arm_numbers_its_regions_from_zero_without_a_gap(arm, few):
    labels = regions.ARMS[arm](few[0][0])
    assert labels.shape == few[1][0].shape
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))


@pytest.mark.parametrize("count", [1, 2, 14, 49, 150])
def test_a_grid_has_about_as_many_regions_as_asked(count):
    labels = regions.grid_regions((96, 96), count)
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert abs(labels.max() + 1 - count) <= max(1, 0.15 * count)


def test_naming_takes_the_majority_of_each_region():
    cut = np.array([[0, 0, 0, 1, 1]])
    assert regions.named(cut, np.array([[4, 2, 4, 8, 8]])).tolist() == [[4, 4, 4, 8, 8]]


def test_one_region_per_pixel_makes_the_oracle_perfect_and_changes_no_network(few):
    images, truth = few
    wrong = [np.roll(t, 3, 1) for t in truth]
    figures = regions.run("every pixel a region", images, truth, wrong)
    assert figures["named"] == figures["grid"] == 1
    assert figures["network"] == regions.miou(wrong, truth) < 1


def test_regions_that_follow_colors_beat_a_grid_and_a_lattice_does_not(few):
    images, truth = few
    shift = regions.run("quickshift, kernel 3, reach 10", images, truth, truth)
    lattice = regions.run("watershed, 49 markers on a lattice", images, truth, truth)
    assert shift["named"] > shift["grid"] + 0.1
    assert abs(lattice["named"] - lattice["grid"]) < 0.1
    assert shift["network"] == shift["named"]  # here the network is the truth
