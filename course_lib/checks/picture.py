"""A picture of what was returned, what was wanted, and their difference, as PNG."""

import base64
import io

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.checks.compare import agree
from course_lib.grading.words import as_array, number

WINDOW = 128  # larger arrays are cut around the first difference
NUMBERS = 10  # up to this many rows and columns, every cell shows its number
WRONG = "#D55E00"  # vermillion of Okabe and Ito
_DPI = 160


def difference_picture(got, want) -> tuple[str, str] | None:
    """Return (HTML of an image, its alt text) for the first pair of arrays that differs; None where there is no such pair."""
    pair = first_pair(got, want)
    if pair is None:
        return None
    left, right, title = _slice(*pair)
    if not left.size or not right.size:
        return None
    same = left.shape == right.shape
    figure = (
        _rows(left, right, same)
        if left.ndim == right.ndim == 1
        else _panels(np.atleast_2d(left), np.atleast_2d(right), same)
    )
    if title:
        figure.suptitle(title, fontsize=8, x=0.01, ha="left")
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    alt = _alt(left, right, same)
    width = round(figure.get_figwidth() * 96)
    data = base64.b64encode(stream.getvalue()).decode()
    style = f"width:{width}px;max-width:100%;height:auto;background:#fff;border-radius:6px"
    return f'<img style="{style}" alt="{alt}" src="data:image/png;base64,{data}">', alt


def first_pair(got, want) -> tuple[np.ndarray, np.ndarray] | None:
    """The first two arrays, at one place of two plain values, that differ in shape or number."""
    if isinstance(want, list | tuple) and isinstance(got, list | tuple):
        pairs = [first_pair(left, right) for left, right in zip(got, want, strict=False)]
    elif isinstance(want, dict) and isinstance(got, dict):
        pairs = [first_pair(got[key], want[key]) for key in want if key in got]
    else:
        left, right = as_array(got), as_array(want)
        if left is None or right is None or not left.ndim or not right.ndim:
            return None
        pairs = [None if left.shape == right.shape and agree(left, right, 1e-6).all() else (left, right)]
    return next((pair for pair in pairs if pair is not None), None)


def _slice(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Cut both to at most two dimensions and `WINDOW` cells a side, around the first difference."""
    first = [0] * max(left.ndim, right.ndim)
    if left.shape == right.shape:
        first = [int(i) for i in np.argwhere(~agree(left, right, 1e-6))[0]]
    title = ""
    if left.ndim > 2 or right.ndim > 2:
        index = first[: left.ndim - 2] if left.ndim == right.ndim else []
        title = f"at [{', '.join([*map(str, index), ':', ':'])}]" if index else ""
        left = left[tuple(index) if index else (0,) * (left.ndim - 2)]
        right = right[tuple(index) if index else (0,) * (right.ndim - 2)]
    if max(*left.shape, *right.shape) > WINDOW:
        start = [max(0, i - WINDOW // 2) for i in first[-left.ndim :]]
        if left.shape == right.shape:
            window = tuple(slice(i, i + WINDOW) for i in start)
            left, right = left[window], right[window]
            title += " from " + ", ".join(map(str, start))
        else:
            left, right = (array[(slice(0, WINDOW),) * array.ndim] for array in (left, right))
    return left, right, title.strip()


def _scale(left, right):
    """One colour scale for both, over their finite values."""
    values = np.concatenate([left.ravel(), right.ravel()]).astype(np.float64)
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def _cells(axis, array, cmap, low, high, wrong=None) -> None:
    """Draw a 2-D array as coloured cells, with numbers and a frame around wrong ones where they are few."""
    values = np.where(np.isfinite(array.astype(np.float64)), array.astype(np.float64), np.nan)
    colors = matplotlib.colormaps[cmap].with_extremes(bad="#BBBBBB")
    axis.imshow(values, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    if max(array.shape) > 2 * NUMBERS:
        return
    for row, column in np.ndindex(array.shape):
        if max(array.shape) <= NUMBERS:
            shade = colors((values[row, column] - low) / (high - low))
            dark = np.dot(shade[:3], (0.299, 0.587, 0.114)) < 0.5
            text = number(
                np.round(array[row, column], 3) if array.dtype.kind == "f" else array[row, column]
            ).removesuffix(".0")
            axis.text(column, row, text[:6], ha="center", va="center", fontsize=7, color="white" if dark else "black")
        if wrong is not None and wrong[row, column]:
            box = matplotlib.patches.Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, ec=WRONG, lw=1.8)
            axis.add_patch(box)


def _parts(left, right, same) -> list[tuple]:
    """(title, array, colour map, low, high, wrong cells) of each panel."""
    low, high = _scale(left, right)
    wrong = ~agree(left, right, 1e-6) if same else None
    parts = [("returned", left, "cividis", low, high, wrong), ("wanted", right, "cividis", low, high, None)]
    if same:
        with np.errstate(all="ignore"):
            gap = left.astype(np.float64) - right.astype(np.float64)
        reach = np.nanmax(np.abs(np.where(np.isfinite(gap), gap, 0))) or 1.0
        parts.append(("returned − wanted", gap, "PuOr", -reach, reach, wrong))
    return parts


def _rows(left, right, same) -> Figure:
    """1-D arrays: strips below each other, so that equal places line up."""
    length = max(len(left), len(right))
    parts = _parts(left[None], right[None], same)
    figure = Figure(figsize=(min(7.0, max(3.2, 1.1 + 0.42 * length)), 0.46 * len(parts) + 0.1), dpi=_DPI)
    for i, (title, array, *rest) in enumerate(parts):
        label = 1.15 / figure.get_figwidth()
        axis = figure.add_axes((label, 1 - (i + 0.93) / len(parts), 0.985 - label, 0.86 / len(parts)))
        _cells(axis, array, *rest)
        axis.set_aspect("auto")
        axis.set_xlim(-0.5, length - 0.5)
        axis.set_ylabel(f"{title}\n({array.size},)", rotation=0, ha="right", va="center", fontsize=7)
        for side in axis.spines.values():
            side.set_visible(False)
    return figure


def _panels(left, right, same) -> Figure:
    """2-D arrays: panels side by side."""
    parts = _parts(left, right, same)
    ratio = max(left.shape[0], right.shape[0]) / max(left.shape[1], right.shape[1])
    size = 2.3
    figure = Figure(
        figsize=(size * len(parts), min(4.0, max(0.9, size * 0.92 * ratio)) + 0.3), dpi=_DPI, layout="constrained"
    )
    for axis, (title, array, *rest) in zip(figure.subplots(1, len(parts)), parts, strict=True):
        _cells(axis, array, *rest)
        axis.set_title(f"{title} {array.shape}".replace(",)", ")"), fontsize=8)
        for side in axis.spines.values():
            side.set_edgecolor("#999999")
    return figure


def _alt(left, right, same) -> str:
    if not same:
        return f"Picture of the array returned, shape {left.shape}, and the one wanted, shape {right.shape}"
    count = int((~agree(left, right, 1e-6)).sum())
    return f"Picture of the array returned, the one wanted and their difference: {count} of {left.size} cells differ"
