"""What all losses share: the check of their input, and a division that survives an empty sum."""

import math

import torch
from torch import Tensor

VOID = 255


def checked(name: str, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits in float32 or float64, the target as a plain tensor, and where it is not void, (N, H, W) bool.

    Raises TypeError for logits that are no floats and targets that are not int64; ValueError for other shapes, an empty batch, more
    than 255 classes, labels that are neither a class nor void. name: the function that the sentence names.
    """
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        kind = getattr(logits, "dtype", type(logits).__name__)
        raise TypeError(f"{name}: logits must be a float tensor, not {kind}")
    if not isinstance(target, Tensor) or target.dtype != torch.int64:
        kind = getattr(target, "dtype", type(target).__name__)
        raise TypeError(f"{name}: target must be an int64 tensor of labels, not {kind}")
    target = target.as_subclass(Tensor)
    shape = tuple(logits.shape)
    if len(shape) != 4 or (shape[0], *shape[2:]) != tuple(target.shape):
        raise ValueError(f"{name}: logits must be (N, C, H, W) for targets {tuple(target.shape)}, not {shape}")
    if not logits.numel():
        raise ValueError(f"{name}: logits {shape} are empty; give at least one picture, class and pixel")
    classes = max(shape[1], 2)
    if classes > VOID:
        raise ValueError(f"{name}: logits have {classes} classes; at most {VOID}, since label {VOID} is void")
    valid = target != VOID
    low, high = (int(x) for x in target.masked_fill(~valid, 0).aminmax())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        raise ValueError(f"{name}: target label {wrong} is not 0..{classes - 1} or void {VOID}")
    return logits.as_subclass(Tensor).to(torch.promote_types(logits.dtype, torch.float32)), target, valid


def checked_weight(name: str, weight, logits: Tensor) -> Tensor:
    """Class weights as a tensor like the logits: (C,), or (2,) for C = 1; finite and not negative, else ValueError."""
    weight = torch.as_tensor(weight).to(logits)
    classes = max(logits.shape[1], 2)
    if weight.shape != (classes,):
        raise ValueError(f"{name}: weight must be ({classes},), one number for each class, not {tuple(weight.shape)}")
    if not (torch.isfinite(weight).all() and (weight >= 0).all()):
        raise ValueError(
            f"{name}: weight must be finite and not negative, not {[round(w, 4) for w in weight.tolist()]}"
        )
    return weight


def check_number(name: str, argument: str, value: float, low: float, high: float = math.inf) -> None:
    """Raise ValueError unless low <= value <= high and value is finite."""
    if not (low <= value <= high and math.isfinite(value)):
        rule = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise ValueError(f"{name}: {argument} must be {rule}, not {value}")


def ratio(total: Tensor, share: Tensor) -> Tensor:
    """total / share, and total itself (which is 0 then) where share is 0."""
    return total / (share + (share == 0))
