"""Normalized cut: split a picture in two so that little is cut, measured against what each part holds.

Pixels are nodes, and the weight of two near pixels falls with the distance of their colors and places. The smallest plain cut of such a
graph tends to be a single pixel. Shi and Malik (2000) divide the cut by the association of each side, the sum of all weights of its
pixels. Minimizing that is NP-hard; the second eigenvector of (D - W) y = lambda D y solves it without the condition that y has two values.
"""

import torch
from torch import Tensor


def affinity(image: Tensor, radius: float = 4.0, color: float = 0.1, position: float = 3.0) -> Tensor:
    """Weights of all pairs of pixels, in reading order: (H W, H W) float64, symmetric, 0 on the diagonal.

    image (C, H, W) float; exp(-d² / (2 color²) - r² / (2 position²)) for colors at distance d and pixels at distance r <= radius, else 0.
    Needs H W squared numbers: for pictures of a few hundred pixels. Raises ValueError beyond 2500.
    """
    _, h, w = image.shape
    if h * w > 2500:
        raise ValueError(f"affinity: a picture of {h}x{w} has {h * w} pixels and must have at most 2500; shrink it")
    places = torch.cartesian_prod(torch.arange(h), torch.arange(w)).double().view(-1, 2)
    colors = image.flatten(1).T.double()
    far, different = torch.cdist(places, places), torch.cdist(colors, colors)
    weights = torch.exp(-different.square() / (2 * color**2) - far.square() / (2 * position**2))
    return weights.where(far <= radius, 0.0).fill_diagonal_(0.0)


def cut_values(weights: Tensor, side: Tensor) -> tuple[float, float]:
    """(cut, normalized cut) of a partition: weights (n, n) symmetric, side (n,) bool.

    Normalized cut = cut / association of one side + cut / association of the other, between 0 and 2; infinite if a side has none.
    """
    cut = weights[side][:, ~side].sum().item()
    inside, outside = weights[side].sum().item(), weights[~side].sum().item()
    return cut, cut / inside + cut / outside if inside and outside else float("inf")


def normalized_cut(weights: Tensor, count: int = 2) -> tuple[Tensor, Tensor]:
    """The `count` smallest eigenvalues (count,) and eigenvectors (n, count) of (D - W) y = lambda D y, float64.

    weights (n, n) symmetric, every row with a positive sum D. The first pair is 0 and a constant; the second vector is the relaxed split.
    Solved as the symmetric problem of D^-1/2 (D - W) D^-1/2. Raises ValueError for a node without any weight.
    """
    degree = weights.sum(1).double()
    if not (degree > 0).all():
        raise ValueError("normalized_cut: weights has a node without any weight; every row must have a positive sum")
    root = degree.rsqrt()
    laplacian = torch.eye(len(weights), dtype=torch.float64) - root[:, None] * weights.double() * root
    values, vectors = torch.linalg.eigh(laplacian)
    return values[:count], root[:, None] * vectors[:, :count]


def best_split(weights: Tensor, vector: Tensor) -> Tensor:
    """The cut of the order given by `vector` (n,) with the smallest normalized cut: side (n,) bool, True for the larger values.

    All n - 1 places are tried; `weights` (n, n) symmetric. Raises ValueError for fewer than two nodes.
    """
    if len(vector) < 2:
        raise ValueError(f"best_split: vector has {len(vector)} values and must have at least 2")
    order = vector.argsort()
    ordered = weights[order][:, order]
    association = ordered.sum(1).cumsum(0)  # of the first k nodes, with all
    within = ordered.cumsum(0).cumsum(1).diagonal()  # of the first k nodes, among themselves
    cut = (association - within)[:-1]
    total = cut / association[:-1] + cut / (association[-1] - association[:-1])
    side = torch.zeros(len(vector), dtype=torch.bool)
    side[order[int(total.nan_to_num(torch.inf).argmin()) + 1 :]] = True
    return side
