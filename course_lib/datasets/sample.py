"""The sample every data set of the course returns: `image, target = ds[i]`.

Data sets keep compact numpy arrays (a uint8 picture, a uint8 class map, a map of instance ids) and `sample` turns them into
torchvision tv_tensors, so one `torchvision.transforms.v2` transform warps picture, masks and boxes together.

Two rules keep the ground truths from contradicting one another, with or without a transform:

* Void wins. Where `semantic` is 255, `panoptic` is 255000 and no instance mask is set.
* Objects are what `panoptic` shows. Instance k of `panoptic` is row k - 1 of `masks`, `labels` and `boxes`; an object that a
  transform pushed out of the picture leaves all of them, and those that remain are numbered 1 ... M again.

A transform that uncovers pixels outside the picture must fill masks with void: `v2.RandomAffine(20, fill=dict(FILL))`. torchvision
fills every Mask alike, so a bool mask would be filled with True and a panoptic map with 255; `settle` repairs both from `semantic`.
"""

import numpy as np
import torch
from torchvision import tv_tensors

VOID = 255
FILL = {tv_tensors.Image: 0, tv_tensors.Mask: VOID}
"""The `fill` of a geometric transform: black in pictures, void in masks."""


def sample(image, semantic, ids=None, id_classes=(), *, parts=None, transform=None):
    """One (image, target) pair from numpy arrays.

    image (H, W, 3) uint8; semantic (H, W) uint8, void 255; ids (H, W) integers, 0 = no object, k = object k (1 ... M, each with
    at least one pixel that is not void); id_classes: M class ids, of objects 1 ... M; parts (H, W) uint8, void 255.
    transform(image, target) -> (image, target): any v2 transform, or a function that keeps to the same contract.

    -> image float32 (3, H, W) in [0, 1]; target: semantic int64 (H, W) and, if ids is given, masks bool (M, H, W),
    labels int64 (M,), boxes XYXY float32 (M, 4) with x2, y2 exclusive, panoptic int64 (H, W); parts int64 (H, W) if given.
    Raises ValueError if the arrays do not fit together.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"sample: image is {image.dtype} of shape {image.shape}; it must be uint8 (H, W, 3)")
    for name, array in (("semantic", semantic), ("ids", ids), ("parts", parts)):
        if array is not None and array.shape != image.shape[:2]:
            raise ValueError(
                f"sample: {name} has shape {array.shape}, the image has (H, W) = {image.shape[:2]}; they must match"
            )

    picture = torch.from_numpy(image).permute(2, 0, 1).float().div_(255)
    target = {"semantic": tv_tensors.Mask(_int64(semantic))}
    if ids is not None:
        target |= _objects(target["semantic"], _int64(ids), torch.as_tensor(id_classes, dtype=torch.int64).reshape(-1))
    if parts is not None:
        target["parts"] = tv_tensors.Mask(_int64(parts))
    picture = tv_tensors.Image(picture.contiguous())
    if transform is None:
        return picture, target
    count = len(target["labels"]) if ids is not None else 0
    picture, target = transform(picture, target)
    return picture, settle(target, count)


def settle(target: dict, count: int) -> dict:
    """The target after a transform, made consistent again; count = how many objects it had before. See the module's two rules."""
    if "semantic" not in target:
        return target
    target = dict(target)
    void = target["semantic"] == VOID
    if "parts" in target:
        target["parts"] = tv_tensors.Mask(torch.where(void, VOID, target["parts"]))
    if "panoptic" in target:
        panoptic = torch.where(void, VOID * 1000, target["panoptic"]).as_subclass(torch.Tensor)
        ids = panoptic % 1000
        visible = [k for k in range(1, count + 1) if (ids == k).any()]
        classes = torch.div(panoptic, 1000, rounding_mode="floor")
        labels = torch.tensor([int(classes[ids == k][0]) for k in visible], dtype=torch.int64)
        number = torch.zeros(1000, dtype=torch.int64)
        number[visible] = torch.arange(1, len(visible) + 1)
        target |= _objects(target["semantic"], number[ids], labels)
    return target


def _objects(semantic, ids, labels) -> dict:
    """masks, labels, boxes and panoptic of an id map in which every id 1 ... len(labels) occurs."""
    semantic = semantic.as_subclass(torch.Tensor)
    ids = torch.where(semantic == VOID, 0, ids)
    masks = ids == torch.arange(1, len(labels) + 1)[:, None, None]
    boxes = tv_tensors.BoundingBoxes(_boxes(masks.numpy()), format="XYXY", canvas_size=tuple(semantic.shape))
    panoptic = semantic * 1000 + ids
    return {
        "masks": tv_tensors.Mask(masks),
        "labels": labels,
        "boxes": boxes,
        "panoptic": tv_tensors.Mask(panoptic),
    }


def _boxes(masks: np.ndarray) -> torch.Tensor:
    """Tight boxes (M, 4) float32 of non-empty masks (M, H, W); x2 and y2 lie one past the last pixel."""
    height, width = masks.shape[1:]
    columns, rows = masks.any(1), masks.any(2)
    corners = (
        columns.argmax(1),
        rows.argmax(1),
        width - columns[:, ::-1].argmax(1),
        height - rows[:, ::-1].argmax(1),
    )
    return torch.from_numpy(np.stack(corners, 1).astype(np.float32).reshape(-1, 4))


def _int64(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.int64))


def collate(samples):
    """Batch of samples -> images (N, 3, H, W) float32 and one dict: maps stacked to (N, H, W), masks, labels and boxes as lists of N.

    For `DataLoader(ds, batch_size, collate_fn=collate)`. All pictures of a batch must have one size, else ValueError.
    """
    images, targets = zip(*samples, strict=True)
    shapes = {tuple(image.shape) for image in images}
    if len(shapes) > 1:
        raise ValueError(
            f"collate: the pictures have shapes {sorted(shapes)}; resize or crop them to one size in the transform"
        )
    batch = {}
    for key in targets[0]:
        values = [target[key].as_subclass(torch.Tensor) for target in targets]
        batch[key] = values if key in ("masks", "labels", "boxes") else torch.stack(values)
    return torch.stack([image.as_subclass(torch.Tensor) for image in images]), batch
