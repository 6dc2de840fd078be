"""Mean shift: every point walks uphill to a peak of the density of all points; points of one peak are a cluster.

Comaniciu and Meer (2002). The kernel is a Gaussian of standard deviation 1, so the bandwidths are the units of the features: divide by
them first, as `color_position` does. A step goes to the weighted mean of the points, which is the gradient of the log of the density.
The number of clusters is not given; the bandwidth decides it.
"""

import torch
from torch import Tensor


def mean_shift(points: Tensor, starts: Tensor | None = None, steps: int = 50, tolerance: float = 1e-3) -> Tensor:
    """Where each start walks to: points (N, D) float, in units of the bandwidth; starts (M, D), default the points.

    -> the path (steps made + 1, M, D): the starts first, the ends last. Stops when no start moves more than `tolerance`, or after `steps`.
    Raises ValueError if points is not (N, D) or empty.
    """
    if points.ndim != 2 or len(points) == 0:
        raise ValueError(f"mean_shift: points is {tuple(points.shape)} and must be (N, D) with N > 0")
    path = [points if starts is None else starts]
    for _ in range(steps):
        weights = torch.exp(-torch.cdist(path[-1], points).square() / 2)
        path.append(weights @ points / weights.sum(1, keepdim=True))
        if (path[-1] - path[-2]).norm(dim=1).max() <= tolerance:
            break
    return torch.stack(path)


def group_ends(ends: Tensor, distance: float = 0.5) -> tuple[Tensor, Tensor]:
    """Ends (N, D) that lie within `distance` of one another's first member become one cluster.

    -> (labels (N,) int64 from 0, modes (K, D): the first end of each cluster).
    """
    labels, modes = torch.full((len(ends),), -1), []
    while (left := (labels < 0).nonzero()).numel():
        first = ends[left[0, 0]]
        near = (labels < 0) & ((ends - first).norm(dim=1) <= distance)
        near[left[0, 0]] = True
        labels[near] = len(modes)
        modes.append(first)
    return labels, torch.stack(modes)


def color_position(image: Tensor, spatial: float, color: float) -> Tensor:
    """Every pixel as a point of a joint space: (row / spatial, column / spatial, channels / color): (H W, 2 + C).

    image (C, H, W) float; spatial: bandwidth in pixels; color: bandwidth in units of the channels (CIELAB: 1 is about the smallest
    difference one sees). Raises ValueError for a bandwidth that is not positive.
    """
    if not (spatial > 0 and color > 0):
        raise ValueError(f"color_position: spatial is {spatial} and color is {color}; both must be greater than 0")
    _, h, w = image.shape
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    places = torch.stack([rows, columns]).to(image) / spatial
    return torch.cat([places, image / color]).flatten(1).T
