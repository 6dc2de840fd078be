"""Prediction and evaluation: from images in [0, 1] to logits, labels and the metrics of a whole set."""

import contextlib

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset

from course_lib.datasets import collate
from course_lib.metrics import BoundaryF1, ConfusionMatrix, bootstrap_interval
from course_lib.training.processes import join


def predict(model: nn.Module, image: torch.Tensor, *, device=None) -> torch.Tensor:
    """Labels of an image: float (3, H, W) in [0, 1] -> int64 (H, W); of a batch (N, 3, H, W) -> (N, H, W). On the CPU.

    The model is put in evaluation mode for the call and normalizes by its own `mean` and `std`. device: where to run (the
    model stays there); by default where the model is. Raises TypeError or ValueError for what is no image in [0, 1].
    """
    return _logits(model, image, device, "predict").argmax(-3).cpu()


def predict_logits(model: nn.Module, image: torch.Tensor, *, device=None) -> torch.Tensor:
    """Logits float (C, H, W) or (N, C, H, W) of an image or batch as for `predict`, on the CPU, without gradients."""
    return _logits(model, image, device, "predict_logits").cpu()


def evaluate(
    model: nn.Module,
    dataset,
    *,
    batch_size: int = 16,
    num_classes: int | None = None,
    device=None,
    boundary: float | None = None,
    interval: bool = False,
) -> dict:
    """Metrics of a semantic model over a whole data set, from one confusion matrix; void pixels count nowhere.

    Returns accuracy, miou (floats in 0..1), iou (a list, one float per class, NaN for a class neither true nor predicted),
    base_rate (the accuracy of always answering the most frequent class) and pixels (how many were counted). num_classes: by default the
    channels of the logits. boundary: a tolerance in pixels; adds boundary_f1, the mean over the classes (`metrics.BoundaryF1`).
    interval: adds miou_interval, (low, high), the 95 % bootstrap interval over the images.
    Under several processes each takes its share, every image counts once, all get the same result.
    Raises ValueError for an empty set, targets without "semantic", or labels that are no class.
    """
    if len(dataset) == 0:
        raise ValueError("evaluate: dataset is empty; it must have at least one sample")
    if interval and len(dataset) == 1:
        raise ValueError("evaluate: interval needs at least two samples, dataset has one")
    place = join(device or model_device(model))
    model.to(place.device)
    mine = range(place.rank, len(dataset), place.count)
    matrix = ConfusionMatrix(num_classes) if num_classes else None
    outlines, matrices = None, []
    loader = DataLoader(Subset(dataset, mine), batch_size, collate_fn=collate, generator=torch.Generator())
    for images, targets in loader:
        if "semantic" not in targets:
            raise ValueError(f'evaluate: targets must have "semantic", these have {", ".join(targets)}')
        logits = _logits(model, images, None, "evaluate")
        matrix = matrix or ConfusionMatrix(logits.shape[1])
        labels, truth = logits.argmax(1), targets["semantic"].to(logits.device)
        if interval:
            for one, true in zip(labels, truth, strict=True):
                alone = ConfusionMatrix(matrix.num_classes).update(one, true)
                matrices.append(alone.counts)
                matrix.merge(alone)
        else:
            matrix.update(labels, truth)
        if boundary is not None:
            outlines = (outlines or BoundaryF1(matrix.num_classes, boundary)).update(labels, truth)
    classes = place.largest(matrix.num_classes if matrix else 0)
    matrix = matrix or ConfusionMatrix(classes)  # a process without a share of a very small set
    matrix.counts = place.sum(matrix.counts.to(place.device))
    pixels = int(matrix.counts.sum())
    scores = {
        "accuracy": matrix.accuracy(),
        "miou": matrix.miou(),
        "iou": matrix.iou().tolist(),
        "base_rate": int(matrix.counts.sum(1).max()) / pixels if pixels else float("nan"),
        "pixels": pixels,
    }
    if boundary is not None:
        outlines = outlines or BoundaryF1(classes, boundary)
        outlines.counts = place.sum(outlines.counts.to(place.device))
        scores["boundary_f1"] = outlines.mean()
    if interval:
        per_image = torch.zeros(len(dataset), classes, classes, dtype=torch.int64, device=place.device)
        if matrices:
            per_image[list(mine)] = torch.stack(matrices)
        scores["miou_interval"] = bootstrap_interval(
            place.sum(per_image), _miou
        )  # in the order of the set on all processes
    return scores


def _miou(counts: torch.Tensor) -> float:
    """mIoU of a matrix of counts, (C, C) float."""
    matrix = ConfusionMatrix(len(counts))
    matrix.counts = counts
    return matrix.miou()


def normalized(model: nn.Module, images: torch.Tensor, device: torch.device, name: str) -> torch.Tensor:
    """Images in [0, 1] on `device`, normalized by the model's `mean` and `std` if it has them."""
    if not isinstance(images, torch.Tensor) or not images.is_floating_point():
        kind = getattr(images, "dtype", type(images).__name__)
        raise TypeError(f"{name}: image must be a float tensor in [0, 1], not {kind}; divide bytes by 255")
    low, high = (float(x) for x in images.as_subclass(torch.Tensor).aminmax())
    if not (low >= -0.5 and high <= 1.5):  # interpolation may overshoot a little; NaN fails too
        raise ValueError(
            f"{name}: image must lie in [0, 1], its values go from {low:.3g} to {high:.3g}; the model normalizes by itself"
        )
    images = images.as_subclass(torch.Tensor).to(device, non_blocking=True)
    if device.type == "cuda":
        images = images.contiguous(memory_format=torch.channels_last)
    if hasattr(model, "mean"):
        images = (images - model.mean.view(-1, 1, 1)) / model.std.view(-1, 1, 1)
    return images


def model_device(model: nn.Module) -> torch.device:
    """The device of the model's parameters."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


@contextlib.contextmanager
def evaluating(model: nn.Module):
    """Evaluation mode inside the block; afterwards every module has the mode it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for module, mode in modes:
            module.training = mode


@torch.no_grad()
def _logits(model: nn.Module, image: torch.Tensor, device, name: str) -> torch.Tensor:
    """Logits of one image or a batch, on the device that computed them."""
    if device is not None:
        model.to(device)
    images = image
    if isinstance(image, torch.Tensor) and image.ndim not in (3, 4):
        raise ValueError(f"{name}: image must be (C, H, W) or (N, C, H, W), not {tuple(image.shape)}")
    if isinstance(image, torch.Tensor) and image.ndim == 3:
        images = image[None]
    with evaluating(model):
        logits = model(normalized(model, images, model_device(model), name))
    if not isinstance(logits, torch.Tensor) or logits.ndim != 4 or logits.shape[-2:] != images.shape[-2:]:
        kind = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(
            f"{name}: the model must return logits (N, C, H, W) at the size of {tuple(images.shape)}, not {kind}"
        )
    return logits if image.ndim == 4 else logits[0]
