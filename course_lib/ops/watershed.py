"""Watershed: flood a height map from markers; where two floods meet, there is a border.

Vincent and Soille (1991) flood the whole map level by level, one basin for each local minimum. Here, as in scikit-image, the flood starts
from given markers and a priority queue holds its shore, lowest pixel first, of equals the one that came first; every pixel is labeled,
no line is drawn between regions. Water flows to the four neighbors that share an edge; a maximum stands above all eight.
"""

import heapq

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

FOUR = ((-1, 0), (0, -1), (0, 1), (1, 0))
EIGHT = (*FOUR, (-1, -1), (-1, 1), (1, -1), (1, 1))


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
        for y, x in _neighbors(i, j, FOUR, mask.shape):
            if inside[y][x] and labels[y][x] == 0:
                labels[y][x] = labels[i][j]
                heapq.heappush(queue, (max(water, levels[y][x]), age, y, x))  # water does not sink again
                age += 1
    return torch.tensor(labels, dtype=torch.int64, device=height.device)


def peaks(height: Tensor) -> tuple[Tensor, Tensor]:
    """All local maxima, and how far one must descend from each before one can climb higher.

    height (H, W) of numbers -> (positions (K, 2) int64 as (row, column), drop (K,) float64), largest drop first. Where nothing is
    higher, the drop is that to the lowest pixel of the map. A flat top counts once, at its first pixel in reading order. Those with
    `drop >= h` are the h-maxima, `skimage.morphology.h_maxima(height, h)`. One pass from high to low: a pixel that touches no earlier one
    is a new top, and where the surroundings of two tops meet, the lower one has found its pass. Raises ValueError if height is not (H, W).
    """
    if height.ndim != 2:
        raise ValueError(f"peaks: height has shape {tuple(height.shape)} and must be (H, W)")
    levels = height.tolist()
    order = sorted(np.ndindex(*height.shape), key=lambda p: -levels[p[0]][p[1]])
    parent: dict[tuple, tuple] = {}  # union-find: the root of a part is one of its highest pixels
    tops: dict[tuple, list] = {}  # of each root: its tops of equal height that have found no pass to anything higher
    drop: dict[tuple, float] = {}

    def root(pixel):
        while parent[pixel] != pixel:
            parent[pixel] = pixel = parent[parent[pixel]]
        return pixel

    for i, j in order:
        level = levels[i][j]
        met = {root(p) for p in _neighbors(i, j, EIGHT, height.shape) if p in parent}
        if not met:
            parent[i, j], tops[i, j] = (i, j), [(i, j)]
            continue
        high = max(met, key=lambda p: levels[p[0]][p[1]])
        parent[i, j] = high
        summit = levels[high[0]][high[1]]
        for other in met - {high}:
            parent[other] = high
            own = levels[other[0]][other[1]]
            if own < summit:
                drop |= dict.fromkeys(tops.pop(other), own - level)
            elif own == level:  # two ends of one flat top
                tops[high] = [min(tops[high] + tops.pop(other))]
            else:
                tops[high] += tops.pop(other)
    lowest = levels[order[-1][0]][order[-1][1]]
    drop |= {top: levels[top[0]][top[1]] - lowest for last in tops.values() for top in last}
    found = sorted((-fall, top) for top, fall in drop.items() if fall > 0)
    positions = torch.tensor([top for _, top in found], dtype=torch.int64).view(-1, 2)
    return positions, torch.tensor([-fall for fall, _ in found], dtype=torch.float64)


def split_touching(mask: Tensor, h: float, blur: float = 0.0) -> Tensor:
    """Cut a foreground into roundish objects at its necks: watershed on minus the distance to the background.

    mask (H, W) bool; h > 0, pixels: a top of the distance map becomes an object if one must descend at least h from it before climbing
    higher; blur >= 0: standard deviation, in pixels, of a Gaussian over the distance map, which has many small and equal tops.
    -> labels (H, W) int64: objects 1 ... M in reading order of their tops; 0 background, and parts of the mask where no top has h.
    Raises ValueError for an h that is not positive or a negative blur.
    """
    if not (h > 0 and blur >= 0):
        raise ValueError(f"split_touching: h is {h} and blur is {blur}; h must be greater than 0 and blur at least 0")
    inside = mask.cpu().numpy()
    distance = ndimage.distance_transform_edt(inside)
    if blur:
        distance = ndimage.gaussian_filter(distance, blur) * inside
    terrain = torch.from_numpy(distance)
    positions, drop = peaks(terrain)
    markers = torch.zeros(mask.shape, dtype=torch.int64)
    for number, (i, j) in enumerate(sorted(positions[drop >= h].tolist()), 1):
        markers[i, j] = number
    return watershed(-terrain, markers, mask.cpu()).to(mask.device)


def _neighbors(i: int, j: int, steps: tuple, size: tuple) -> list[tuple[int, int]]:
    """The pixels of a map of this size that are one of the steps away from (i, j)."""
    near = [(i + di, j + dj) for di, dj in steps]
    return [(y, x) for y, x in near if 0 <= y < size[0] and 0 <= x < size[1]]


def _same_shape(who: str, **tensors: Tensor) -> None:
    (first, wanted), *others = tensors.items()
    for name, tensor in others:
        if tensor.shape != wanted.shape or tensor.ndim != 2:
            raise ValueError(f"{who}: {name} is {tuple(tensor.shape)} and must be {tuple(wanted.shape)} like {first}")
