import numpy as np
import pytest
import torch
from pycocotools import mask as coco

from course_lib import ops


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (17, 5), (64, 33)])
def test_equals_pycocotools_and_comes_back(size):
    for density in (0.0, 0.2, 0.8, 1.0):
        mask = torch.rand(size, generator=torch.Generator().manual_seed(2)) < density
        rle = ops.rle_encode(mask)
        theirs = coco.frPyObjects(dict(rle), *size)
        assert np.array_equal(coco.decode(theirs).astype(bool), mask.numpy())
        assert theirs["counts"] == coco.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))["counts"]
        assert torch.equal(ops.rle_decode(rle), mask)


def test_by_hand():
    mask = torch.tensor([[0, 1], [1, 1], [0, 0]], dtype=torch.bool)
    assert ops.rle_encode(mask) == {"size": [3, 2], "counts": [1, 1, 1, 2, 1]}
    assert ops.rle_encode(~mask) == {"size": [3, 2], "counts": [0, 1, 1, 1, 2, 1]}


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"^rle_encode: the mask is torch.int64 of shape \(2, 2\); it must be bool"):
        ops.rle_encode(torch.zeros(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"^rle_decode: the counts add up to 5, but 2 x 3 = 6 pixels$"):
        ops.rle_decode({"size": [2, 3], "counts": [5]})
    with pytest.raises(ValueError, match=r"^rle_decode: a count is -1 and must not be negative$"):
        ops.rle_decode({"size": [2, 3], "counts": [7, -1]})
