"""U-Net's border weights: narrow gaps between objects count many times (Ronneberger, Fischer and Brox 2015, equation 2)."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from course_lib.losses.common import check_number


def border_weights(instances, *, w0: float = 10.0, sigma: float = 5.0) -> Tensor:
    """w0 exp(-(d1 + d2)**2 / (2 sigma**2)) on the background, 0 on objects; (H, W) float32.

    instances: (H, W) integers, 0 = background, every other number an object. d1, d2: distances, in pixels between centers, to the nearest
    pixel of the nearest and of the second nearest object. It is large only between two objects that are close; with fewer than two
    objects it is 0 everywhere. The paper adds class weights to it: `cross_entropy(..., pixel_weight=1 + border_weights(ids)[None])`.
    Raises ValueError or TypeError for another shape, floats, negative numbers, w0 < 0, sigma <= 0.
    """
    check_number("border_weights", "w0", w0, 0)
    if not (sigma > 0 and np.isfinite(sigma)):
        raise ValueError(f"border_weights: sigma must be above 0 pixels, not {sigma}")
    ids = np.asarray(instances.detach().cpu() if isinstance(instances, Tensor) else instances)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"border_weights: instances must hold integer object numbers, not {ids.dtype}")
    if ids.ndim != 2 or not ids.size:
        raise ValueError(f"border_weights: instances must be (H, W), one map of object numbers, not {ids.shape}")
    if ids.min() < 0:
        raise ValueError(f"border_weights: instances must not be negative, the least is {ids.min()}")
    d1 = np.full(ids.shape, np.inf)
    d2 = d1.copy()
    for number in np.unique(ids[ids > 0]):
        distance = ndimage.distance_transform_edt(ids != number)
        d2 = np.minimum(d2, np.maximum(d1, distance))
        d1 = np.minimum(d1, distance)
    weights = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    return torch.from_numpy(np.where(ids == 0, weights, 0).astype(np.float32))
