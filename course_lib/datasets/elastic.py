"""Elastic deformation, the augmentation that the U-Net paper credits (Ronneberger et al. 2015, section 3.1).

Random displacements on a coarse grid, 3x3 vectors with a standard deviation of 10 pixels there, are interpolated to every
pixel by bicubic splines, and picture and label map are pulled through the same field. torchvision's `ElasticTransform` draws
white noise at every pixel and blurs it instead. The grid must stay coarse against the displacements: where neighboring
vectors differ by more than their distance the field folds, and a piece of the picture appears twice, once mirrored.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from .sample import FILL


def displacement_field(height: int, width: int, grid: int = 3, sd: float = 10.0) -> Tensor:
    """One random field (2, height, width) float32, in pixels: where to read, relative to the pixel itself, as (down, right).

    grid x grid independent normal vectors of standard deviation sd, the outer ones on the picture's corners; between them
    bicubic interpolation. Drawn from torch's generator. Raises ValueError for a grid below 2 or a negative sd.
    """
    if grid < 2 or not sd >= 0:
        raise ValueError(
            f"displacement_field: grid is {grid} and sd is {sd}; grid must be at least 2 and sd at least 0 pixels"
        )
    coarse = sd * torch.randn(1, 2, grid, grid)
    return F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0]


def folded(field: Tensor) -> float:
    """Share of the places where a field (2, H, W) turns the picture over: the Jacobian of p + field(p) has a determinant <= 0."""
    down = field[:, 1:, :-1] - field[:, :-1, :-1]
    right = field[:, :-1, 1:] - field[:, :-1, :-1]
    determinant = (1 + down[0]) * (1 + right[1]) - down[1] * right[0]
    return float((determinant <= 0).float().mean())


class Elastic(v2.Transform):
    """Transform (image, target) -> (image, target) for `transform=` of every data set, alone or in a `v2.Compose`.

    grid, sd: as for `displacement_field`, sd in pixels of the picture. Images are read bilinearly, masks by the nearest
    pixel; what comes from outside is black in images and void (255) in masks, as everywhere in the course. Boxes stay as
    they are: the data sets make them anew from the masks.
    """

    def __init__(self, grid: int = 3, sd: float = 10.0):
        super().__init__()
        displacement_field(1, 1, grid, sd)  # raises for numbers that cannot be meant
        self.grid, self.sd = grid, sd

    def make_params(self, flat_inputs: list) -> dict:
        height, width = v2.query_size(flat_inputs)
        down, right = displacement_field(height, width, self.grid, self.sd)
        # torchvision measures in half pictures, right first
        return {"displacement": torch.stack([right * 2 / width, down * 2 / height], -1)[None]}

    def transform(self, inpt, params: dict):
        if isinstance(inpt, tv_tensors.BoundingBoxes):  # torchvision 0.23 fails on those that touch the frame
            return inpt
        fill = next((value for kind, value in FILL.items() if isinstance(inpt, kind)), 0)
        return self._call_kernel(functional.elastic, inpt, **params, fill=fill)
