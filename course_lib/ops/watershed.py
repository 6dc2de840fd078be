"""Watershed: flood a height map from markers; where two floods meet, there is a border.

Vincent and Soille (1991) flood the whole map level by level, one basin for each local minimum. Here, as in scikit-image, the flood starts
from given markers and a priority queue holds its shore, lowest pixel first, of equals the one that came first; every pixel is labeled,
no line is drawn between regions. Neighbors are the four that share an edge.
"""

import heapq
import math

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

FOUR = ((-1, 0), (0, -1), (0, 1), (1, 0))


def watershed(height: Tensor, markers: Tensor, mask: Tensor | None = None) -> Tensor:
    """Flood `height` from the markers, lowest first.

    height (H, W) of numbers; markers (H, W) integers, 0 = no marker; mask (H, W) bool, where the flood may go (default: everywhere).
    -> labels (H, W) int64: each pixel has the number of the marker whose flood came first; 0 outside the mask and where none came.
    Raises ValueError if the shapes differ.
    """
    mask = torch.ones_like(markers, dtype=torch.bool) if mask is None else mask
    _same_shape("watershed", height=height, markers=markers, mask=mask)
    levels, inside = height.tolist(), mask.tolist()
    labels = torch.where(mask, markers.long(), 0).tolist()
    marked = torch.nonzero((markers != 0) & mask).tolist()
    queue = [(levels[i][j], age, i, j) for age, (i, j) in enumerate(marked)]
    heapq.heapify(queue)
    age = len(queue)
    while queue:
        water, _, i, j = heapq.heappop(queue)
        for y, x in _neighbors(i, j, inside):
            if labels[y][x] == 0:
                labels[y][x] = labels[i][j]
                heapq.heappush(queue, (max(water, levels[y][x]), age, y, x))  # water does not sink again
                age += 1
    return torch.tensor(labels, dtype=torch.int64, device=height.device)


def peaks(height: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """All local maxima inside the mask, and how deep one must descend from each before one can climb higher.

    height (H, W) of numbers, mask (H, W) bool (default: everywhere) -> (positions (K, 2) int64 as (row, column), depth (K,) float64),
    deepest first; the highest of each connected part has infinite depth. Those with `depth > h` are the h-maxima of the part.
    One pass from high to low: a pixel with no neighbor so far starts a peak, and where two peaks' surroundings meet, the lower one ends.
    Raises ValueError if the shapes differ.
    """
    mask = torch.ones_like(height, dtype=torch.bool) if mask is None else mask
    _same_shape("peaks", height=height, mask=mask)
    levels, inside = height.tolist(), mask.tolist()
    order = sorted(torch.nonzero(mask).tolist(), key=lambda p: -levels[p[0]][p[1]])
    parent: dict[tuple, tuple] = {}  # union-find: the root of a part is its highest pixel
    depth: dict[tuple, float] = {}

    def root(pixel):
        while parent[pixel] != pixel:
            parent[pixel] = pixel = parent[parent[pixel]]
        return pixel

    for i, j in order:
        level = levels[i][j]
        tops = {root(p) for p in _neighbors(i, j, inside) if p in parent}
        top = max(tops, key=lambda p: levels[p[0]][p[1]], default=(i, j))
        parent[i, j] = top
        if not tops:
            depth[i, j] = math.inf
        for lower in tops - {top}:
            depth[lower] = levels[lower[0]][lower[1]] - level
            parent[lower] = top
    found = sorted(((-d, p) for p, d in depth.items() if d > 0), key=lambda item: item[0])
    positions = torch.tensor([p for _, p in found], dtype=torch.int64).view(-1, 2)
    return positions, torch.tensor([-d for d, _ in found], dtype=torch.float64)


def split_touching(mask: Tensor, h: float) -> Tensor:
    """Cut a foreground into roundish objects at its necks: watershed on minus the distance to the background.

    mask (H, W) bool; h > 0, pixels: a top of the distance map becomes an object if one must descend more than h from it before climbing
    higher, and so does the highest top of each connected part. -> labels (H, W) int64: 0 background, objects 1 ... M in reading order
    of their tops. Raises ValueError for an h that is not positive.
    """
    if not h > 0:
        raise ValueError(f"split_touching: h is {h} and must be greater than 0")
    distance = torch.from_numpy(ndimage.distance_transform_edt(mask.cpu().numpy()))
    positions, depth = peaks(distance, mask.cpu())
    rows, columns = positions[depth > h].T
    markers = np.zeros(mask.shape, np.int64)
    first = np.lexsort((columns.numpy(), rows.numpy()))
    markers[rows[first], columns[first]] = np.arange(1, len(first) + 1)
    return watershed(-distance, torch.from_numpy(markers), mask.cpu()).to(mask.device)


def _neighbors(i: int, j: int, inside: list) -> list[tuple[int, int]]:
    """The pixels inside that share an edge with (i, j)."""
    near = [(i + di, j + dj) for di, dj in FOUR]
    return [(y, x) for y, x in near if 0 <= y < len(inside) and 0 <= x < len(inside[0]) and inside[y][x]]


def _same_shape(who: str, **tensors: Tensor) -> None:
    (first, wanted), *others = tensors.items()
    for name, tensor in others:
        if tensor.shape != wanted.shape or tensor.ndim != 2:
            raise ValueError(f"{who}: {name} is {tuple(tensor.shape)} and must be {tuple(wanted.shape)} like {first}")
