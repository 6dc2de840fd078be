"""Connected components: pixels are nodes, equal neighbors are joined, and each component gets a number."""

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as components_of_graph
from torch import Tensor


def connected_components(mask: Tensor, connectivity: int = 4, background: int = 0) -> tuple[Tensor, int]:
    """Number the connected components of a mask (H, W) bool, or of a map (H, W) of integers.

    Neighbors (4: by edges; 8: also by corners) belong together if their values are equal; pixels of value `background` belong to none.
    -> (labels (H, W) int64, count): 0 is background, components are 1 ... count by their first pixel in reading order.
    Raises ValueError for another connectivity or a tensor that is not (H, W).
    """
    if connectivity not in (4, 8):
        raise ValueError(f"connected_components: connectivity is {connectivity} and must be 4 or 8")
    if mask.ndim != 2:
        raise ValueError(f"connected_components: the mask has shape {tuple(mask.shape)} and must be (H, W)")
    values = mask.detach().cpu().numpy()
    foreground = values != background
    node = np.arange(values.size).reshape(values.shape)
    steps = [(0, 1), (1, 0)] + [(1, 1), (1, -1)] * (connectivity == 8)
    edges = [_joined(values, foreground, node, *step) for step in steps]
    heads, tails = (np.concatenate(ends) for ends in zip(*edges, strict=True))
    graph = coo_array((np.ones(len(heads), bool), (heads, tails)), shape=(values.size,) * 2)
    _, component = components_of_graph(graph, directed=False)
    labels = np.zeros(values.size, np.int64)
    inside = foreground.ravel()
    _, first, inverse = np.unique(component[inside], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[first.argsort()] = np.arange(1, len(first) + 1)
    labels[inside] = rank[inverse.ravel()]
    return torch.from_numpy(labels.reshape(values.shape)).to(mask.device), len(first)


def _joined(values, foreground, node, down: int, right: int):
    """Node numbers of the pairs (pixel, pixel moved by (down, right)) that belong together."""
    height, width = values.shape
    here = slice(0, height - down), slice(max(-right, 0), width - max(right, 0))
    there = slice(down, height), slice(max(right, 0), width + min(right, 0))
    same = (values[here] == values[there]) & foreground[here]
    return node[here][same], node[there][same]
