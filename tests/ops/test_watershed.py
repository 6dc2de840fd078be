import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import morphology, segmentation

from course_lib import ops


def _markers(rng, h, w, count=3):
    """Markers on the lowest level of all, no two near the same pixel, so that no tie has to be broken."""
    spots = np.stack(np.meshgrid(range(0, h, 3), range(0, w, 3), indexing="ij"), -1).reshape(-1, 2)
    markers = np.zeros((h, w), np.int64)
    for k, (i, j) in enumerate(spots[rng.choice(len(spots), count, replace=False)], 1):
        markers[i, j] = k
    return markers


def test_equals_scikit_image_on_odd_sizes_with_and_without_a_mask():
    rng = np.random.default_rng(0)
    for trial in range(25):
        h, w = rng.integers(7, 22, 2)
        height, markers = rng.random((h, w)), _markers(rng, h, w)
        height[markers > 0] = -1
        mask = rng.random((h, w)) < 0.8 if trial % 2 else np.ones((h, w), bool)
        found = ops.watershed(torch.from_numpy(height), torch.from_numpy(markers), torch.from_numpy(mask))
        assert found.dtype == torch.int64
        assert np.array_equal(found.numpy(), segmentation.watershed(height, markers, mask=mask))


def test_a_profile_flooded_on_paper():
    height = torch.tensor([[2, 1, 3, 5, 2, 0, 1]])
    markers = torch.tensor([[0, 1, 0, 0, 0, 2, 0]])
    assert ops.watershed(height, markers).tolist() == [[1, 1, 1, 2, 2, 2, 2]]  # 5 is reached from 2 before it is from 3


def test_water_that_has_risen_does_not_sink_again():
    # both floods come over a pass of 5 into the same pit, one after the other: they share it, the first does not take it all
    height = torch.tensor([[0, 5, 1, 1, 1, 1, 5, 0]])
    markers = torch.tensor([[1, 0, 0, 0, 0, 0, 0, 2]])
    assert ops.watershed(height, markers).tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]]
    assert segmentation.watershed(height.numpy(), markers.numpy()).tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]]


def test_the_mask_and_unreached_parts_stay_zero():
    mask = torch.tensor([[1, 1, 0, 1, 1]]).bool()
    markers = torch.tensor([[7, 0, 3, 0, 0]])
    assert ops.watershed(torch.zeros(1, 5), markers, mask).tolist() == [[7, 7, 0, 0, 0]]


def test_peaks_of_a_profile_on_paper():
    positions, drop = ops.peaks(torch.tensor([[0, 5, 3, 4, 1, 9, 8]]))
    assert positions.tolist() == [[0, 5], [0, 1], [0, 3]]
    assert drop.tolist() == [9.0, 4.0, 1.0]  # 9 is the highest: to the ground; from 5 down to 1; from 4 down to 3


def test_equal_tops_keep_the_drop_to_something_higher_and_a_flat_top_counts_once():
    positions, drop = ops.peaks(torch.tensor([[4, 3, 4, 4, 0, 9]]))
    assert positions.tolist() == [[0, 5], [0, 0], [0, 2]]
    assert drop.tolist() == [9.0, 4.0, 4.0]


def test_peaks_with_a_drop_of_h_are_scikit_images_h_maxima():
    rng = np.random.default_rng(1)
    for trial in range(20):
        height = ndimage.gaussian_filter(rng.random((19, 24)), 1.2) * 10
        if trial % 2:
            height = height.round()  # plateaus and ties
        positions, drop = ops.peaks(torch.from_numpy(height))
        for h in (0.05, 0.3, 0.75, 1.0, 2.0):
            found, count = ndimage.label(morphology.h_maxima(height, h), np.ones((3, 3)))
            rows, columns = positions[drop >= h].numpy().T
            assert sorted(found[rows, columns]) == list(range(1, count + 1))


def _two_disks(gap):
    y, x = torch.meshgrid(torch.arange(24), torch.arange(40), indexing="ij")
    return ((y - 12) ** 2 + (x - 12) ** 2 <= 64) | ((y - 12) ** 2 + (x - 12 - gap) ** 2 <= 64)


def test_touching_disks_are_split_at_the_neck_and_a_lone_speck_stays():
    mask = _two_disks(14)
    mask[0, 39] = True
    labels = ops.split_touching(mask, 1.0)
    assert labels.max() == 3
    assert ((labels > 0) == mask).all()
    assert ops.split_touching(mask, 1.5)[0, 39] == 0  # one pixel is 1 deep
    assert labels[12, 12] != labels[12, 26]
    assert abs(int((labels[:, :19] > 0).sum()) - int((labels == labels[12, 12]).sum())) < 20


def test_a_larger_h_never_gives_more_objects():
    g = torch.Generator().manual_seed(0)
    noise = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 60, 60, generator=g), 7, 1)[0, 0]
    counts = [int(ops.split_touching(noise > 0.48, h).max()) for h in (0.1, 0.5, 1.0, 2.0, 5.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_a_blur_takes_the_small_tops_away_and_leaves_the_split():
    ragged = _two_disks(14)
    ragged[4:21:2, 12] = False  # a row of holes
    assert ops.split_touching(ragged, 0.1).max() > 2
    assert ops.split_touching(ragged, 0.1, blur=2.0).max() < ops.split_touching(ragged, 0.1).max()
    assert ops.split_touching(_two_disks(14), 0.1, blur=1.0).max() == 2


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match=r"watershed: markers is \(2, 3\) and must be \(2, 2\) like height"):
        ops.watershed(torch.zeros(2, 2), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"peaks: height has shape \(1, 2, 2\)"):
        ops.peaks(torch.zeros(1, 2, 2))
    with pytest.raises(ValueError, match=r"split_touching: h is 0 and blur is 0.0; h must be greater than 0"):
        ops.split_touching(torch.ones(2, 2).bool(), 0)
