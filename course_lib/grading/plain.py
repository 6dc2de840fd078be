"""Plain values: what may pass between a check and an answer, as copies that nobody can lie with.

None, bool, int (64 bits), float, str, list, tuple, dict (keys str or int), NumPy arrays, torch tensors, and networks of torch.nn
layers (`course_lib.grading.network`). Whatever a subclass overrides (`==`, `shape`, `dtype`) is gone after `plain`.
"""

import math

import numpy as np
import torch
from torch import nn

from course_lib.grading import network

MAX_DATA = 1 << 28  # bytes of arrays
MAX_TEXT = 1 << 17  # characters
MAX_VALUES = 100_000  # values in one object
MAX_DEPTH = 24  # lists in lists; a network's layers count three levels each
MAX_DIMS = 8

NUMPY_TYPES = {name: np.dtype(name) for name in (
    "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64".split()
)}  # fmt: skip
TORCH_TYPES = {name: getattr(torch, name) for name in (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()
)}  # fmt: skip


class Rejected(ValueError):
    """A value that cannot be handed over or a frame that cannot be read; the message is one sentence."""


def plain(value):
    """Copy a value into plain types, the only ones that comparators see and the wire carries.

    Subclasses of arrays, tensors, numbers and containers become their base (whatever they override), NumPy scalars become
    Python numbers, gradients and devices are dropped, byte order becomes native. Raises Rejected for anything else.
    """
    return _plain(value, [MAX_VALUES, MAX_DATA], MAX_DEPTH)


def _plain(value, left: list[int], depth: int):
    """`left` counts down the values and bytes that still fit."""
    left[0] -= 1
    if left[0] < 0:
        raise Rejected(f"more than {MAX_VALUES} values in one object")
    if depth < 0:
        raise Rejected(f"containers nested deeper than {MAX_DEPTH} levels")
    kind = type(value)
    if value is None or kind is bool:
        return value
    if issubclass(kind, np.ndarray):
        return _plain_array(value, left)
    if issubclass(kind, np.generic):
        return _plain_array(np.asarray(value), left).item()
    if issubclass(kind, torch.Tensor):
        return _plain_tensor(value, left)
    if issubclass(kind, int):
        value = int.__int__(value)
        if not -(1 << 63) <= value < 1 << 63:
            raise Rejected("a whole number of more than 64 bits")
        return value
    if issubclass(kind, float):
        return float.__float__(value)
    if issubclass(kind, str):
        return _plain_text(str.__str__(value), left)
    if issubclass(kind, list):
        return [_plain(item, left, depth - 1) for item in list.__iter__(value)]
    if issubclass(kind, tuple):
        return tuple([_plain(item, left, depth - 1) for item in tuple.__iter__(value)])
    if issubclass(kind, dict):
        return _plain_dict(value, left, depth)
    if issubclass(kind, nn.Module):
        return rebuilt(_plain(_described(value), left, depth - 1))
    raise Rejected(
        f"{_article(kind.__name__)} cannot be handed over; use arrays, numbers, strings, lists, tuples or dicts"
    )


def _plain_array(value, left) -> np.ndarray:
    array = np.asarray(value).view(np.ndarray)  # neither asks the subclass
    if array.dtype.name not in NUMPY_TYPES:
        hint = " (rows of different lengths?)" if array.dtype == object else ""
        raise Rejected(f"a NumPy array of {array.dtype.name[:40]}{hint}; use bool, int or float")
    _charge(array.size * array.itemsize, array.shape, left)
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _plain_tensor(value, left) -> torch.Tensor:
    with torch._C.DisableTorchFunctionSubclass():  # a subclass answers for itself otherwise
        if value.dtype not in TORCH_TYPES.values() or value.layout != torch.strided or value.is_meta:
            raise Rejected(
                f"a tensor of {value.dtype}, {value.layout} on {value.device}; use a dense one of bool, int or float"
            )
        _charge(value.numel() * value.element_size(), value.shape, left)
        return torch.empty(tuple(value.shape), dtype=value.dtype).copy_(value.detach())


def _charge(size: int, shape, left) -> None:
    if len(shape) > MAX_DIMS:
        raise Rejected(f"an array of {len(shape)} dimensions; at most {MAX_DIMS} can be handed over")
    if math.prod(max(length, 1) for length in shape) > MAX_DATA:
        raise Rejected(f"an array of shape {tuple(shape)} is too large to hand over")
    left[1] -= size
    if left[1] < 0:
        raise Rejected(f"arrays of more than {MAX_DATA >> 20} MB; {size / 1e6:,.0f} MB in one of shape {tuple(shape)}")


def _plain_text(text: str, left) -> str:
    left[1] -= len(text)
    if left[1] < 0 or len(text) > MAX_TEXT:
        raise Rejected(f"a text of {len(text)} characters; at most {MAX_TEXT} can be handed over")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Rejected("a text with half a surrogate pair") from None
    return text


def _plain_dict(value: dict, left, depth: int) -> dict:
    result = {}
    for key, item in dict.items(value):
        key = _plain(key, left, depth - 1)
        if type(key) not in (str, int) or key in result:
            raise Rejected("a dict with keys other than distinct texts and whole numbers")
        result[key] = _plain(item, left, depth - 1)
    return result


def _described(module: nn.Module) -> dict:
    try:
        return network.describe(module)
    except ValueError as error:
        raise Rejected(str(error)) from None


def rebuilt(description) -> nn.Module:
    """The network of a description, or Rejected."""
    try:
        return network.build(description)
    except ValueError as error:
        raise Rejected(str(error)) from None


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name[:60]}"
