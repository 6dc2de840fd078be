import itertools

import pytest
import torch
from torch.testing import assert_close

from course_lib import ops


def _clusters():
    g = torch.Generator().manual_seed(0)
    centers = torch.tensor([[0.0, 0.0], [8.0, 0.0], [0.0, 9.0]])
    return (centers[:, None] + 0.4 * torch.randn(3, 20, 2, generator=g)).flatten(0, 1)


def test_one_step_by_hand():
    points = torch.tensor([[0.0], [1.0]])
    near = torch.exp(torch.tensor(-0.5))
    path = ops.mean_shift(points, torch.tensor([[0.0]]), steps=1)
    assert_close(path[:, 0, 0], torch.tensor([0.0, (near / (1 + near)).item()]))


def test_a_step_is_the_gradient_of_the_log_density():
    points = _clusters().double()
    start = torch.tensor([[1.0, 2.0], [5.0, 1.0]], dtype=torch.float64, requires_grad=True)
    density = torch.exp(-torch.cdist(start, points).square() / 2).sum(1)
    (gradient,) = torch.autograd.grad(density.log().sum(), start)
    path = ops.mean_shift(points, start.detach(), steps=1)
    assert_close(path[1] - path[0], gradient)


def test_points_climb_and_end_in_their_own_cluster():
    points = _clusters()
    path = ops.mean_shift(points)
    density = [torch.exp(-torch.cdist(step, points).square() / 2).sum(1) for step in path]
    assert all((after >= before - 1e-4).all() for before, after in itertools.pairwise(density))
    labels, modes = ops.group_ends(path[-1])
    assert labels.view(3, 20).unique(dim=1).shape == (3, 1)
    assert len(modes) == 3


def test_the_bandwidth_decides_the_number_of_clusters():
    points = _clusters()
    counts = [len(ops.group_ends(ops.mean_shift(points / b, steps=200)[-1])[1]) for b in (0.05, 1.0, 10.0)]
    assert counts[0] > 3
    assert counts[1:] == [3, 1]


def test_groups_keep_the_order_of_their_first_member():
    labels, modes = ops.group_ends(torch.tensor([[5.0], [0.0], [5.2], [0.3]]), 0.5)
    assert labels.tolist() == [0, 1, 0, 1]
    assert modes.tolist() == [[5.0], [0.0]]


def test_color_position_divides_by_the_bandwidths():
    image = torch.arange(12.0).view(2, 2, 3)
    features = ops.color_position(image, spatial=2.0, color=4.0)
    assert features.shape == (6, 4)
    assert features[5].tolist() == [0.5, 1.0, 5 / 4, 11 / 4]


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match=r"mean_shift: points is \(3,\)"):
        ops.mean_shift(torch.zeros(3))
    with pytest.raises(ValueError, match="color_position: spatial is 0"):
        ops.color_position(torch.zeros(3, 2, 2), 0, 1)
