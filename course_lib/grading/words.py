"""Plain values in words: what a value is, in one line, or as an expression to paste into a cell."""

import numpy as np
import torch


def as_array(value) -> np.ndarray | None:
    """A plain number, array or tensor as a NumPy array (bfloat16 as float32); None for anything else."""
    if isinstance(value, torch.Tensor):
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    if isinstance(value, np.ndarray):
        return value
    return np.asarray(value) if isinstance(value, bool | int | float) else None


def kind(value) -> str:
    """What a plain value is, with its article: "a list", "a NumPy array", "a torch tensor"."""
    names = {
        bool: "a truth value",
        int: "a whole number",
        float: "a float",
        str: "a text",
        type(None): "nothing (None)",
    }
    if isinstance(value, np.ndarray):
        return "a NumPy array"
    if isinstance(value, torch.Tensor):
        return "a torch tensor"
    return names.get(type(value), f"a {type(value).__name__}")


def number(value) -> str:
    """A number as a learner would write it: 0.3333, 2.0, 7, True."""
    value = value.item() if isinstance(value, np.generic) else value
    return (
        f"{value:.6g}" + (".0" if value == int(value) and abs(value) < 1e6 else "")
        if _finite_float(value)
        else str(value)
    )


def _finite_float(value) -> bool:
    return isinstance(value, float) and np.isfinite(value)


def brief(value, limit: int = 100, lines: bool = False) -> str:
    """A plain value in one line: small arrays with their numbers, large ones by dtype, shape and range.

    lines: write a matrix in one line per row. A network is written in one line per layer always.
    """
    if isinstance(value, torch.nn.Module):
        return _network(value)
    array = as_array(value) if isinstance(value, np.ndarray | torch.Tensor) else None
    if array is None:
        if isinstance(value, float):
            return number(value)
        if isinstance(value, list | tuple | dict) and any(
            isinstance(v, np.ndarray | torch.Tensor) for v in _items(value)
        ):
            inner = ", ".join(brief(item, limit // 2) for item in _items(value))
            return shorten(f"{kind(value)} of {len(value)}: {inner}", limit)
        return shorten(repr(value), limit)
    name = str(value.dtype).removeprefix("torch.")
    if array.size <= 64:
        if not array.ndim:
            return number(array[()])
        text = np.array2string(array, precision=4, suppress_small=True, max_line_width=10**6)
        if array.ndim == 2 and not lines:
            text = " ".join(text.split()).replace("[ ", "[")
        if array.ndim <= 2 and max(map(len, text.splitlines())) <= limit:
            return text
    finite = array[np.isfinite(array)]
    span = f", from {number(finite.min())} to {number(finite.max())}" if finite.size else ""
    span += ", with NaN or infinities" if finite.size < array.size else ""
    return f"{name} of shape {array.shape}{span}"


def _items(value) -> list:
    return list(value.values()) if isinstance(value, dict) else list(value)


def _network(network: torch.nn.Module, most: int = 16) -> str:
    """The layers of a network, "0: Conv2d(3, 8, kernel_size=(3, 3))", one per line."""
    layers = [(name, layer) for name, layer in network.named_modules() if not list(layer.children())]
    words = [f"{name}: {shorten(repr(layer), 100)}" if name else shorten(repr(layer), 100) for name, layer in layers]
    rest = [f"... {len(words) - most} more layers"] * (len(words) > most)
    mode = "training" if network.training else "evaluation"
    return "\n  ".join([f"a network of {len(words)} layers, in {mode} mode:", *words[:most], *rest])


def shorten(text: str, limit: int) -> str:
    """Cut a text to `limit` characters, with a mark where it was cut."""
    return text if len(text) <= limit else text[: limit - 2] + " …"


def code(value) -> str | None:
    """A Python expression that makes a plain value again; None where it would be long or has no finite numbers."""
    if isinstance(value, np.ndarray | torch.Tensor):
        return _array_code(value)
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, list | tuple | dict):
        parts = [code(item) for item in _items(value)]
        if None in parts:
            return None
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key!r}: {part}" for key, part in zip(value, parts, strict=True)) + "}"
        inner = ", ".join(parts) + ("," if isinstance(value, tuple) and len(value) == 1 else "")
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return None


def _array_code(value) -> str | None:
    array = as_array(value)
    if not 0 < array.size <= 36 or not np.isfinite(array).all():
        return None
    name = str(value.dtype).removeprefix("torch.")
    module, default = ("torch", "float32") if isinstance(value, torch.Tensor) else ("np", "float64")
    numbers = (
        np.vectorize(float)(array.astype(str)).tolist() if array.dtype.kind == "f" else array.tolist()
    )  # 0.1, not 0.10000000149
    dtype = "" if name in (default, "int64", "bool") else f", dtype={module}.{name}"
    return f"{module}.{'tensor' if module == 'torch' else 'array'}({numbers}{dtype})"


def call(name: str, given: dict, limit: int = 240) -> str | None:
    """The call `name(x=np.array([1.0]), stride=2)` as an expression to paste; None where it would be long."""
    parts = {key: code(value) for key, value in given.items()}
    if None in parts.values() or not all(key.isidentifier() for key in parts):
        return None
    text = f"{name}({', '.join(f'{key}={part}' for key, part in parts.items())})"
    return text if len(text) <= limit else None
