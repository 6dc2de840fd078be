import pytest
import torch
import torchvision

from course_lib import ops


def boxes(n, seed):
    corners = torch.rand(n, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 20
    return torch.cat([corners.amin(1), corners.amax(1)], 1)


def test_equals_torchvision():
    a, b = boxes(40, 0), boxes(30, 1)
    torch.testing.assert_close(ops.box_iou(a, b), torchvision.ops.box_iou(a, b), rtol=0, atol=1e-12)
    assert ops.box_iou(a, b[:0]).shape == (40, 0)


def test_the_homework():
    a, b = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 1, 3, 4]])
    torch.testing.assert_close(ops.box_iou(a, b), torch.tensor([[1 / 9]]))


def test_touching_and_empty_boxes_share_nothing():
    a = torch.tensor([[0.0, 0, 2, 2], [5, 5, 5, 5]])
    b = torch.tensor([[2.0, 0, 4, 2], [5, 5, 5, 5], [9, 9, 8, 8]])
    assert ops.box_iou(a, b).eq(0).all()


def test_bad_shapes():
    with pytest.raises(ValueError, match=r"^box_iou: b has shape \(4,\) and must be \(boxes, 4\)$"):
        ops.box_iou(torch.zeros(2, 4), torch.zeros(4))
