"""Run-length encoding of masks, as COCO's annotations store them: down the columns, and the first run counts zeros."""

import numpy as np
import torch
from torch import Tensor


def rle_encode(mask: Tensor) -> dict:
    """{"size": [H, W], "counts": [runs]} of a mask (H, W) bool: lengths of runs in column order, alternating, starting with zeros.

    The first count is 0 if the first pixel is set. This is COCO's uncompressed form, which pycocotools calls `frPyObjects` on.
    Raises ValueError for a tensor that is not (H, W) bool.
    """
    if mask.ndim != 2 or mask.dtype != torch.bool:
        raise ValueError(f"rle_encode: the mask is {mask.dtype} of shape {tuple(mask.shape)}; it must be bool (H, W)")
    column_order = mask.detach().cpu().numpy().ravel(order="F")
    padded = np.concatenate(([False], column_order))
    starts = np.flatnonzero(padded[1:] != padded[:-1])
    counts = np.diff(np.concatenate(([0], starts, [column_order.size])))
    return {"size": list(mask.shape), "counts": counts.tolist()}


def rle_decode(rle: dict) -> Tensor:
    """The mask (H, W) bool of `rle_encode`'s dictionary. Raises ValueError if a count is negative or they do not add up to H * W."""
    height, width = rle["size"]
    counts = np.asarray(rle["counts"], dtype=np.int64)
    if (counts < 0).any():
        raise ValueError(f"rle_decode: a count is {counts.min()} and must not be negative")
    if counts.sum() != height * width:
        raise ValueError(
            f"rle_decode: the counts add up to {counts.sum()}, but {height} x {width} = {height * width} pixels"
        )
    runs = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return torch.from_numpy(np.ascontiguousarray(runs.reshape((height, width), order="F")))
