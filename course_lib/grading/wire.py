"""The wire: values between a check and an answer as bytes, without pickle.

What may pass are the plain values of `course_lib.grading.plain`. A frame is

    magic (4 bytes) | length of the tree, length of the data (two little-endian uint64) | tree (JSON) | data (raw bytes)

Arrays stand in the data in the order in which the tree names them, so they can neither overlap nor leave gaps. `decode` trusts
nothing: it raises `Rejected` with one sentence, or returns a value of the kinds above.
"""

import json
import math
import struct

import numpy as np
import torch
from torch import nn

from course_lib.grading import network
from course_lib.grading.plain import (
    MAX_DATA,
    MAX_DEPTH,
    MAX_DIMS,
    MAX_TEXT,
    MAX_VALUES,
    NUMPY_TYPES,
    TORCH_TYPES,
    Rejected,
    plain,
    rebuilt,
)  # fmt: skip

MAGIC = b"seg1"
MAX_TREE = 1 << 20  # bytes of JSON

_HEAD = struct.Struct("<4sQQ")
_NUMPY = {name: dtype.newbyteorder("<") for name, dtype in NUMPY_TYPES.items()}
_TORCH_NAMES = {dtype: name for name, dtype in TORCH_TYPES.items()}
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode(value) -> bytes:
    """Write a value as one frame. Raises Rejected for what cannot be sent."""
    data: list[bytes] = []
    tree = json.dumps(_tree(plain(value), data), allow_nan=False, separators=(",", ":")).encode()
    size = sum(map(len, data))
    if len(tree) > MAX_TREE:
        raise Rejected(f"{len(tree)} bytes of numbers, texts and containers; at most {MAX_TREE} can be handed over")
    return b"".join([_HEAD.pack(MAGIC, len(tree), size), tree, *data])


def _tree(value, data: list[bytes]):
    """A plain value as JSON: containers other than lists are objects of one key, arrays leave their bytes in `data`."""
    if isinstance(value, np.ndarray):
        data.append(value.astype(_NUMPY[value.dtype.name], copy=False).tobytes())
        return {"array": [value.dtype.name, *value.shape]}
    if isinstance(value, torch.Tensor):
        data.append(value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"")
        return {"tensor": [_TORCH_NAMES[value.dtype], *value.shape]}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, list):
        return [_tree(item, data) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_tree(item, data) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[key, _tree(item, data)] for key, item in value.items()]}
    if isinstance(value, nn.Module):
        return {"network": _tree(plain(network.describe(value)), data)}
    return value


def decode(frame: bytes):
    """Read one frame. Raises Rejected, and nothing else, for anything that `encode` would not have written.

    Memory stays within a small multiple of the frame's own length.
    """
    if len(frame) < _HEAD.size or len(frame) > _HEAD.size + MAX_TREE + MAX_DATA:
        raise Rejected(f"a frame of {len(frame)} bytes")
    magic, tree_size, data_size = _HEAD.unpack_from(frame)
    if (
        magic != MAGIC
        or tree_size > MAX_TREE
        or data_size > MAX_DATA
        or len(frame) != _HEAD.size + tree_size + data_size
    ):
        raise Rejected("a frame whose head does not fit its length")
    body = memoryview(frame)[_HEAD.size :]
    try:
        tree = json.loads(str(body[:tree_size], "utf-8"), object_pairs_hook=_one_key)
        reader = _Reader(body[tree_size:])
        value = reader.read(tree, MAX_DEPTH)
    except Rejected:
        raise
    except (ValueError, RecursionError) as error:
        raise Rejected(f"a frame that is not well formed ({type(error).__name__})") from None
    if reader.at != data_size:
        raise Rejected(f"{data_size - reader.at} bytes of data that belong to nothing")
    return value


def _one_key(pairs: list) -> dict:
    if len(pairs) != 1:
        raise Rejected(f"an object of {len(pairs)} keys in the tree")
    return dict(pairs)


class _Reader:
    """Builds the values of a tree and takes the arrays' bytes from the data, in order."""

    def __init__(self, data: memoryview):
        self.data = data
        self.at = 0
        self.left = MAX_VALUES

    def read(self, node, depth: int):
        self.left -= 1
        if self.left < 0 or depth < 0:
            raise Rejected("a tree with too many values or levels")
        kind = type(node)
        if node is None or kind is bool:
            return node
        if kind is int:
            if not -(1 << 63) <= node < 1 << 63:
                raise Rejected("a whole number of more than 64 bits")
            return node
        if kind is float:
            if not math.isfinite(node):
                raise Rejected("a bare NaN, or a number too large for a float")
            return node
        if kind is str:
            return self.text(node)
        if kind is list:
            return [self.read(item, depth - 1) for item in node]
        ((tag, content),) = node.items()
        if tag == "float":
            if type(content) is not str or content not in _NON_FINITE:
                raise Rejected("a float that is neither nan nor inf")
            return _NON_FINITE[content]
        if tag == "network":
            return rebuilt(self.read(content, depth - 1))
        if type(content) is not list:
            raise Rejected("a container without its list")
        if tag == "tuple":
            return tuple([self.read(item, depth - 1) for item in content])
        if tag == "dict":
            return self.dict(content, depth - 1)
        if tag == "array":
            dtype, shape, data = self.take(content, _NUMPY)
            return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))
        if tag == "tensor":
            dtype, shape, data = self.take(content, TORCH_TYPES)
            return (
                torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape)
                if data
                else torch.empty(shape, dtype=dtype)
            )
        raise Rejected("an unknown kind of value in the tree")

    def text(self, text: str) -> str:
        if len(text) > MAX_TEXT:
            raise Rejected(f"a text of {len(text)} characters")
        if not text.isascii():
            text.encode()  # half a surrogate pair raises
        return text

    def dict(self, pairs: list, depth: int) -> dict:
        result = {}
        for pair in pairs:
            if type(pair) is not list or len(pair) != 2:
                raise Rejected("a dict whose items are not pairs")
            key = self.read(pair[0], depth)
            if type(key) not in (str, int) or key in result:
                raise Rejected("a dict with keys other than distinct texts and whole numbers")
            result[key] = self.read(pair[1], depth)
        return result

    def take(self, content: list, dtypes: dict):
        """Check [dtype, *shape] and take the bytes it asks for."""
        name, *shape = content or [None]
        if type(name) is not str or name not in dtypes or len(shape) > MAX_DIMS:
            raise Rejected("an array of unknown dtype or too many dimensions")
        if any(type(length) is not int or length < 0 for length in shape):
            raise Rejected("an array whose shape is not made of whole numbers")
        if math.prod(max(length, 1) for length in shape) > MAX_DATA:
            raise Rejected("an array too large")
        size = math.prod(shape) * dtypes[name].itemsize
        data = self.data[self.at : self.at + size]
        if len(data) != size:
            raise Rejected("an array that needs more bytes than there are")
        if name == "bool" and size and max(data) > 1:
            raise Rejected("a truth value that is neither 0 nor 1")
        self.at += size
        return dtypes[name], shape, data


class Through:
    """An answer behind the wire: what goes in and what comes out is encoded and decoded, as if it ran in another process.

    A class becomes a factory of objects behind the wire; their methods pass it too.
    """

    def __init__(self, answer):
        self.__wrapped__ = answer  # the name by which inspect.unwrap finds the answer

    def __call__(self, *args, **kwargs):
        args, kwargs = decode(encode((args, kwargs)))
        result = self.__wrapped__(*args, **kwargs)
        if isinstance(self.__wrapped__, type):
            return Through(result)
        return result if result is Ellipsis else decode(encode(result))  # `...` says that nothing was attempted

    def __getattr__(self, name: str):
        return Through(getattr(self.__wrapped__, name))
