"""Overlap of boxes: x1 y1 x2 y2 in pixels, x2 and y2 exclusive, so that a box of one pixel has area 1."""

import torch
from torch import Tensor


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every pair of boxes: a (M, 4), b (N, 4) float -> (M, N).

    Boxes that only touch share nothing, and a pair without any area has IoU 0. Raises ValueError for other shapes.
    """
    for name, boxes in (("a", a), ("b", b)):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"box_iou: {name} has shape {tuple(boxes.shape)} and must be (boxes, 4)")
    corner = torch.maximum(a[:, None, :2], b[None, :, :2])
    opposite = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection = (opposite - corner).clamp(min=0).prod(-1)
    union = _area(a)[:, None] + _area(b)[None] - intersection
    return torch.where(union > 0, intersection / union, torch.zeros_like(union))


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1)
