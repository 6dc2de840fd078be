"""Graph cut: the cheapest labeling into object and background, found as the smallest cut of a graph.

Every pixel is a node; two more, source (object) and sink (background), are the terminals. Cutting a pixel from a terminal costs what the
other label costs it, cutting two neighbors apart costs their weight. The cut that separates the terminals most cheaply is the labeling of
lowest energy, and its cost is the largest flow that the graph can carry (Ford and Fulkerson).
Source: Boykov and Jolly, Interactive Graph Cuts (2001): seeds, costs from color histograms, weights that fall with contrast.
"""

from collections import deque

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from torch import Tensor

SURE = 1000.0  # cost of giving a seed the other label: more than any four neighbors can save
OBJECT, BACKGROUND = 1, 0


def max_flow(capacity: Tensor, source: int, sink: int) -> tuple[float, Tensor]:
    """Largest flow through a small graph, by shortest augmenting paths (Edmonds and Karp).

    capacity (n, n), >= 0: what the edge from row to column can carry. -> (value, side (n,) bool): the flow, and the nodes that the source
    still reaches when no path has room left. The edges that leave `side` are a smallest cut; their capacities sum to the value.
    Raises ValueError if capacity is not square or negative somewhere, or source and sink are the same.
    """
    if capacity.ndim != 2 or capacity.shape[0] != capacity.shape[1] or (capacity < 0).any():
        raise ValueError(f"max_flow: capacity is {tuple(capacity.shape)} and must be (n, n) without negative numbers")
    if source == sink:
        raise ValueError(f"max_flow: source and sink are both {source} and must differ")
    room, value = capacity.clone(), 0.0
    while True:
        came_from = _reach(room, source)
        if sink not in came_from:
            side = torch.zeros(len(room), dtype=torch.bool)
            side[list(came_from)] = True
            return value, side
        path = [sink]
        while path[-1] != source:
            path.append(came_from[path[-1]])
        steps = list(zip(path[1:], path, strict=False))
        push = min(room[a, b].item() for a, b in steps)
        for a, b in steps:
            room[a, b] -= push
            room[b, a] += push  # what flows may be sent back
        value += push


def _reach(room: Tensor, start: int) -> dict[int, int]:
    """Every node that can be reached over edges with room, and the node from which a breadth-first search came to it."""
    came_from, queue = {start: start}, deque([start])
    while queue:
        node = queue.popleft()
        for other in torch.nonzero(room[node] > 0).flatten().tolist():
            if other not in came_from:
                came_from[other] = node
                queue.append(other)
    return came_from


def contrast_weights(image: Tensor) -> tuple[Tensor, Tensor]:
    """How much it costs to part two neighbors: 1 where they are equal, less across an edge of the picture.

    image (C, H, W) float -> (to the right (H, W-1), downward (H-1, W)): exp(-d² / (2 m)) with d the distance of the two colors and m the
    mean of d² over the picture.
    """
    right = (image[:, :, 1:] - image[:, :, :-1]).square().sum(0)
    down = (image[:, 1:] - image[:, :-1]).square().sum(0)
    mean = torch.cat([right.flatten(), down.flatten()]).mean().clamp_min(1e-12)
    return torch.exp(-right / (2 * mean)), torch.exp(-down / (2 * mean))


def color_costs(image: Tensor, seeds: Tensor, bins: int = 6) -> Tensor:
    """What each label costs each pixel: minus the log of its color's share among the seeds of that label.

    image (3, H, W) in [0, 1]; seeds (H, W) integers: 1 object, 0 background, anything else unknown; bins: per color channel.
    -> (2, H, W) float64, background first; a seed pays `SURE` for the other label. Every bin counts 0.1 pixels more than it has.
    Raises ValueError if one of the labels has no seed.
    """
    index = (image * bins).long().clamp(0, bins - 1)
    color = (index[0] * bins + index[1]) * bins + index[2]
    costs = torch.empty(2, *seeds.shape, dtype=torch.float64)
    for label in (BACKGROUND, OBJECT):
        if not (seeds == label).any():
            raise ValueError(f"color_costs: seeds has no pixel with {label}; both labels need some")
        histogram = torch.bincount(color[seeds == label], minlength=bins**3) + 0.1
        costs[label] = -(histogram / histogram.sum()).log()[color]
    for label in (BACKGROUND, OBJECT):
        costs[label][seeds == label] = 0
        costs[label][seeds == 1 - label] = SURE
    return costs


def cut_energy(labels: Tensor, costs: Tensor, right: Tensor, down: Tensor) -> float:
    """What a labeling costs: labels (H, W) bool, costs (2, H, W), right (H, W-1) and down (H-1, W), paid between unequal neighbors."""
    own = torch.where(labels, costs[OBJECT], costs[BACKGROUND]).sum()
    apart = right[labels[:, 1:] != labels[:, :-1]].sum() + down[labels[1:] != labels[:-1]].sum()
    return (own + apart).item()


def graph_cut(costs: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """The labeling of lowest `cut_energy`, True = object: (H, W) bool.

    costs (2, H, W), right (H, W-1), down (H-1, W) as in `cut_energy`; the last two must be >= 0. Exact up to rounding: SciPy's maximum
    flow wants whole numbers, so costs are scaled to about 2^30 in all and rounded. Raises ValueError for other shapes or a negative weight.
    """
    h, w = costs.shape[1:]
    if right.shape != (h, w - 1) or down.shape != (h - 1, w) or (right < 0).any() or (down < 0).any():
        raise ValueError(
            f"graph_cut: right {tuple(right.shape)} and down {tuple(down.shape)} must be {(h, w - 1)} and {(h - 1, w)}, >= 0"
        )
    costs = (costs - costs.amin(0)).double().numpy().reshape(2, -1)  # a cost that both labels pay decides nothing
    n, node = h * w, np.arange(h * w).reshape(h, w)
    a = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    b = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    between = torch.cat([right.flatten(), down.flatten()]).double().numpy()
    source, sink = np.full(n, n), np.full(n, n + 1)
    tails, heads = np.concatenate([a, b, source, node.ravel()]), np.concatenate([b, a, node.ravel(), sink])
    capacity = np.concatenate([between, between, costs[BACKGROUND], costs[OBJECT]])
    scale = 2**30 / max(costs.sum(1).max(), between.max(initial=0.0), 1e-9)
    whole = np.rint(capacity * scale).clip(0, 2**30).astype(np.int32)
    ends = tails.astype(np.int32), heads.astype(np.int32)  # the only index type that SciPy 1.14's maximum_flow takes
    graph = sparse.csr_array((whole, ends), shape=(n + 2, n + 2))
    room = graph - maximum_flow(graph, n, n + 1).flow
    room.eliminate_zeros()  # a stored zero would count as an edge
    labels = np.zeros(n + 2, bool)
    labels[breadth_first_order(room, n, return_predecessors=False)] = True
    return torch.from_numpy(labels[:n].reshape(h, w))
