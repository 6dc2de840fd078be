"""Panoptic maps: one number per pixel for class and instance, their RGB code, and the way from masks and back.

A panoptic result is a function from pixels to (class, instance) (Kirillov et al. 2019, section 3.1). The course writes the pair as
class * 1000 + instance, with instance 0 for stuff and 1, 2, ... for things, and void as 255000. COCO stores such numbers as
pictures: id = R + 256 G + 65536 B (panopticapi).
"""

from collections.abc import Collection

import torch
from torch import Tensor

VOID = 255
PER_CLASS = 1000  # instances that fit beside a class id


def encode_panoptic(semantic: Tensor, instance: Tensor) -> Tensor:
    """Panoptic map class * 1000 + instance, int64, from two integer maps of one shape (..., H, W); where semantic is 255: 255000.

    Raises ValueError for shapes that differ and for instance numbers outside 0 ... 999.
    """
    if semantic.shape != instance.shape:
        raise ValueError(
            f"encode_panoptic: semantic has shape {tuple(semantic.shape)}, instance {tuple(instance.shape)}; they must match"
        )
    if instance.numel() and (instance.min() < 0 or instance.max() >= PER_CLASS):
        raise ValueError(
            f"encode_panoptic: instance numbers run from {int(instance.min())} to {int(instance.max())}; they must lie in 0 ... 999"
        )
    semantic, instance = semantic.long(), instance.long()
    return torch.where(semantic == VOID, VOID * PER_CLASS, semantic * PER_CLASS + instance)


def decode_panoptic(panoptic: Tensor) -> tuple[Tensor, Tensor]:
    """(semantic, instance), both int64, of a panoptic map of any shape; void is semantic 255, instance 0."""
    panoptic = panoptic.long()
    return panoptic.div(PER_CLASS, rounding_mode="floor"), panoptic % PER_CLASS


def panoptic_to_rgb(panoptic: Tensor) -> Tensor:
    """COCO's picture of a panoptic map: (H, W) integers -> (3, H, W) uint8, id = R + 256 G + 65536 B.

    Raises ValueError for ids that 24 bits cannot hold.
    """
    ids = panoptic.long()
    if ids.numel() and (ids.min() < 0 or ids.max() >= 1 << 24):
        raise ValueError(
            f"panoptic_to_rgb: ids run from {int(ids.min())} to {int(ids.max())}; they must lie in 0 ... {(1 << 24) - 1}"
        )
    return torch.stack([ids % 256, (ids >> 8) % 256, ids >> 16]).to(torch.uint8)


def rgb_to_panoptic(rgb: Tensor) -> Tensor:
    """The ids (H, W) int64 of COCO's picture (3, H, W) uint8. Raises ValueError for another shape or dtype."""
    if rgb.ndim != 3 or rgb.shape[0] != 3 or rgb.dtype != torch.uint8:
        raise ValueError(
            f"rgb_to_panoptic: the picture is {rgb.dtype} of shape {tuple(rgb.shape)}; it must be uint8 (3, H, W)"
        )
    red, green, blue = rgb.long()
    return red + (green << 8) + (blue << 16)


def panoptic_from_masks(semantic: Tensor, masks: Tensor, labels: Tensor, things: Collection[int] = ()) -> Tensor:
    """One panoptic map (H, W) int64 from a semantic map (H, W) and instance masks (M, H, W) bool of classes `labels` (M,).

    Masks may overlap: an earlier mask keeps its pixels, so sort them by confidence. Mask k becomes instance k + 1; pixels in no mask
    keep their semantic class as stuff, except that classes in `things` become void there: nobody said which object they are.
    Void of the semantic map stays void. Raises ValueError if the sizes do not fit together.
    """
    if masks.shape[1:] != semantic.shape or len(masks) != len(labels):
        raise ValueError(
            f"panoptic_from_masks: {len(labels)} labels, masks {tuple(masks.shape)} and semantic {tuple(semantic.shape)} do not fit "
            "together"
        )
    panoptic = encode_panoptic(semantic, torch.zeros_like(semantic))
    for class_id in things:
        panoptic[panoptic == class_id * PER_CLASS] = VOID * PER_CLASS
    free = semantic != VOID
    for number, (mask, label) in enumerate(zip(masks, labels, strict=True), start=1):
        panoptic[mask & free] = int(label) * PER_CLASS + number
        free = free & ~mask
    return panoptic


def masks_from_panoptic(panoptic: Tensor, things: Collection[int]) -> tuple[Tensor, Tensor]:
    """The instance set of a panoptic map (H, W): (masks (M, H, W) bool, labels (M,) int64), in order of instance number, then class.

    Only classes in `things` have instances; stuff and void leave no mask behind.
    """
    ids = panoptic.unique().tolist()
    ids = sorted((i for i in ids if i // PER_CLASS in things and i % PER_CLASS), key=lambda i: (i % PER_CLASS, i))
    masks = torch.stack([panoptic == i for i in ids]) if ids else torch.zeros(0, *panoptic.shape, dtype=torch.bool)
    return masks.as_subclass(Tensor), torch.tensor([i // PER_CLASS for i in ids], dtype=torch.int64)
