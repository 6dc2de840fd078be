import itertools

import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from course_lib import ops


def _random(g, h, w):
    costs = torch.randint(0, 12, (2, h, w), generator=g).double()
    right = torch.randint(0, 6, (h, w - 1), generator=g).double()
    return costs, right, torch.randint(0, 6, (h - 1, w), generator=g).double()


def test_max_flow_equals_scipy_on_random_graphs():
    g = torch.Generator().manual_seed(0)
    for n in (2, 4, 7, 9):
        for _ in range(6):
            capacity = torch.randint(0, 9, (n, n), generator=g) * (torch.rand(n, n, generator=g) < 0.6)
            capacity.fill_diagonal_(0)
            value, side = ops.max_flow(capacity, 0, n - 1)
            assert value == maximum_flow(csr_array(capacity.int().numpy()), 0, n - 1).flow_value
            assert side[0]
            assert not side[-1]
            assert capacity[side][:, ~side].sum() == value  # the cut it leaves costs what flows


def test_a_path_may_take_flow_back():
    # the shortest first path 0-1-2-3 has to be undone in part; without the way back only 1 would flow
    capacity = torch.zeros(6, 6)
    for a, b in ((0, 1), (0, 2), (1, 3), (1, 4), (2, 3), (3, 5), (4, 5)):
        capacity[a, b] = 1
    assert ops.max_flow(capacity, 0, 5)[0] == 2


def test_graph_cut_is_the_cheapest_of_all_labelings():
    g = torch.Generator().manual_seed(1)
    for h, w in ((3, 3), (2, 4), (1, 5), (4, 2)):
        for _ in range(6):
            case = _random(g, h, w)
            every = itertools.product((False, True), repeat=h * w)
            best = min(ops.cut_energy(torch.tensor(labels).view(h, w), *case) for labels in every)
            assert abs(ops.cut_energy(ops.graph_cut(*case), *case) - best) < 1e-9


def test_negative_costs_and_tiny_weights_are_fine():
    costs = torch.tensor([[[-3.0, 1e-6]], [[2.0, -1e-6]]])
    assert ops.graph_cut(costs, torch.zeros(1, 1), torch.zeros(0, 2)).tolist() == [[False, True]]


def test_neighbors_outvote_a_weak_opinion_and_a_seed_does_not_give_in():
    costs = torch.zeros(2, 3, 3)
    costs[0] = 2.0  # everyone would be object
    costs[:, 1, 1] = torch.tensor([0.0, 1.0])  # but the one in the middle
    weights = torch.ones(3, 2), torch.ones(2, 3)
    assert ops.graph_cut(costs, *weights).all()
    image, seeds = torch.zeros(3, 3, 3), torch.full((3, 3), -1)
    seeds[0], seeds[1, 1] = 1, 0
    surrounded = ops.color_costs(image, seeds)
    assert not ops.graph_cut(surrounded, 50 * weights[0], 50 * weights[1])[1, 1]


def test_contrast_weights_fall_where_the_picture_changes():
    image = torch.zeros(3, 4, 6)
    image[:, :, 3:] = 0.8
    right, down = ops.contrast_weights(image)
    assert right.shape == (4, 5)
    assert down.shape == (3, 6)
    assert (down == 1).all()
    assert (right[:, 2] < 0.01).all()
    assert (right[:, [0, 1, 3, 4]] == 1).all()
    assert torch.isfinite(ops.contrast_weights(torch.zeros(1, 2, 2))[0]).all()


def test_color_costs_prefer_the_label_whose_seeds_have_the_color():
    image = torch.tensor([[[0.9, 0.1, 0.9, 0.1, 0.5]]]).expand(3, 1, 5)
    costs = ops.color_costs(image, torch.tensor([[1, 0, 9, 9, 9]]))
    assert torch.isfinite(costs).all()
    assert costs[1, 0, 2] < costs[0, 0, 2]
    assert costs[0, 0, 3] < costs[1, 0, 3]
    assert costs[0, 0, 4] == costs[1, 0, 4]  # a color nobody has seen
    assert costs[:, 0, 0].tolist() == [1000.0, 0.0]


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="max_flow: source and sink are both 1"):
        ops.max_flow(torch.zeros(2, 2), 1, 1)
    with pytest.raises(ValueError, match=r"max_flow: capacity is \(2, 3\)"):
        ops.max_flow(torch.zeros(2, 3), 0, 1)
    with pytest.raises(ValueError, match=r"graph_cut: right .* must be \(3, 2\)"):
        ops.graph_cut(torch.zeros(2, 3, 3), torch.zeros(3, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="color_costs: seeds has no pixel with 0"):
        ops.color_costs(torch.zeros(3, 2, 2), torch.ones(2, 2))
