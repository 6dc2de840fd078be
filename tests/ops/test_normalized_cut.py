import itertools

import pytest
import torch
from scipy import linalg
from torch.testing import assert_close

from course_lib import ops


def _halves(h=6, w=8, noise=0.02):
    """Two halves of different brightness, and a corner that is unlike its neighbors."""
    g = torch.Generator().manual_seed(0)
    image = torch.full((1, h, w), 0.35)
    image[:, :, w // 2 :] = 0.65
    image[0, 0, 0] = 0.05
    return image + noise * torch.randn(1, h, w, generator=g)


def test_affinity_of_three_pixels_by_hand():
    image = torch.tensor([[[0.0, 0.1, 0.9]]])
    weights = ops.affinity(image, radius=1.0, color=0.1, position=1.0)
    near = torch.exp(torch.tensor(-0.5 - 0.5, dtype=torch.float64))
    assert_close(weights[0, 1], near)
    assert weights[0, 2] == 0  # too far apart
    assert_close(weights, weights.T)
    assert (weights.diag() == 0).all()


def test_eigenvectors_solve_the_generalized_problem_as_scipy_does():
    weights = ops.affinity(_halves(), color=0.3)
    values, vectors = ops.normalized_cut(weights, 4)
    degree = weights.sum(1)
    assert_close(degree[:, None] * vectors - weights @ vectors, degree[:, None] * vectors * values)
    want = linalg.eigh((torch.diag(degree) - weights).numpy(), torch.diag(degree).numpy(), eigvals_only=True)[:4]
    assert_close(values, torch.from_numpy(want), atol=1e-9, rtol=0)
    assert_close(vectors[:, 0], vectors[0, 0].expand(len(vectors)))  # the first one says nothing


def test_second_eigenvector_parts_the_halves_where_the_smallest_cut_takes_a_pixel():
    image = _halves()
    weights = ops.affinity(image, radius=2.0, color=0.15, position=2.0)
    side = ops.best_split(weights, ops.normalized_cut(weights)[1][:, 1]).view(6, 8)
    assert side[:, :4].unique().numel() == side[:, 4:].unique().numel() == 1
    assert side[0, 0] != side[0, 7]
    corner = torch.zeros(48, dtype=torch.bool)
    corner[0] = True
    halves = ops.cut_values(weights, side.flatten())
    alone = ops.cut_values(weights, corner)
    assert alone[0] < halves[0]
    assert alone[1] > halves[1]


def test_the_split_comes_close_to_the_best_of_all():
    weights = ops.affinity(_halves(3, 4, 0.1), radius=2.0, color=0.3)
    side = ops.best_split(weights, ops.normalized_cut(weights)[1][:, 1])
    sides = (torch.tensor(s) for s in itertools.product((False, True), repeat=12) if 0 < sum(s) < 12)
    best = min(ops.cut_values(weights, s)[1] for s in sides)
    assert best - 1e-12 <= ops.cut_values(weights, side)[1] < best + 0.05


def test_a_part_without_inner_weights_is_no_partition():
    weights = torch.ones(3, 3).fill_diagonal_(0)
    assert ops.cut_values(weights, torch.tensor([True, True, True]))[1] == float("inf")
    assert ops.cut_values(weights, torch.tensor([True, False, False])) == (2.0, 1.5)


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="affinity: a picture of 60x60 has 3600 pixels"):
        ops.affinity(torch.zeros(3, 60, 60))
    with pytest.raises(ValueError, match="best_split: vector has 1 values"):
        ops.best_split(torch.zeros(1, 1), torch.zeros(1))
    with pytest.raises(ValueError, match="normalized_cut: weights has a node without any weight"):
        ops.normalized_cut(torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]]))
