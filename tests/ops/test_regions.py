import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.measure import label

from course_lib import ops


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (23, 37), (40, 40)])
def test_equals_scipy_and_skimage(connectivity, size):
    for density in (0.0, 0.3, 0.55, 1.0):
        mask = torch.rand(size, generator=torch.Generator().manual_seed(1)) < density
        labels, count = ops.connected_components(mask, connectivity)
        structure = np.ones((3, 3)) if connectivity == 8 else None
        expected, n = ndimage.label(mask.numpy(), structure)
        assert count == n
        assert labels.dtype == torch.int64
        assert torch.equal(labels, torch.from_numpy(expected.astype(np.int64)))
        assert count == label(mask.numpy(), connectivity=connectivity // 4).max()


def test_only_equal_values_join_and_background_is_free_to_choose():
    labels = torch.tensor([[1, 1, 2], [0, 1, 2], [7, 7, 7]])
    found, count = ops.connected_components(labels)
    assert count == 3
    assert found.tolist() == [[1, 1, 2], [0, 1, 2], [3, 3, 3]]
    found, count = ops.connected_components(labels, background=7)
    assert count == 3
    assert found[2].sum() == 0
    assert found[1, 0] == 3


def test_touching_squares_are_one_component():
    mask = torch.zeros(6, 9, dtype=torch.bool)
    mask[1:4, 1:4] = mask[1:4, 4:7] = True
    assert ops.connected_components(mask)[1] == 1
    mask[:, 3] = False
    assert ops.connected_components(mask)[1] == 2


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"^connected_components: connectivity is 6 and must be 4 or 8$"):
        ops.connected_components(torch.zeros(2, 2), 6)
    with pytest.raises(ValueError, match=r"^connected_components: the mask has shape \(1, 2, 2\)"):
        ops.connected_components(torch.zeros(1, 2, 2))
