"""A picture of what was returned, what was wanted, and their difference, as an HTML image."""

import base64
import io

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from course_lib.checks.compare import agree, first_index
from course_lib.grading.words import as_array, number

WINDOW = 128  # larger arrays are cut around the first difference
NUMBERS = 8  # up to this many rows and columns, every cell shows its number
FRAMES = 24  # up to this many, every wrong cell has a frame
WRONG = "#D55E00"  # vermillion of Okabe and Ito
_DPI = 160  # drawn finer than the 96 dots per inch at which it is shown


def difference_picture(got, want, tol: float = 1e-6) -> str | None:
    """Return an <img> with its alt text for the first pair of arrays that differ; None where there is no such pair.

    got, want: plain values; tol: as in `compare.difference`. Arrays of three and more dimensions show the plane with the first
    difference.
    """
    pair = _first_pair(got, want, tol)
    if pair is None or not pair[0].size or not pair[1].size:
        return None
    shapes = [str(array.shape) for array in pair]
    left, right, place = _plane(*pair, tol)
    wrong = ~agree(left, right, tol) if pair[0].shape == pair[1].shape else None
    panels = _panels(left, right, wrong, shapes)
    draw = _strips if pair[0].ndim == pair[1].ndim == 1 else _side_by_side
    figure = draw(panels, max(left.shape[0], right.shape[0]), max(left.shape[1], right.shape[1]))
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    alt = f"Picture of the array returned, of shape {shapes[0]}, and the one wanted, of shape {shapes[1]}"
    if wrong is not None:
        alt = f"Picture of the array returned, the one wanted and their difference{place}: {wrong.sum()} of {wrong.size} cells differ"
    style = f"width:{round(figure.get_figwidth() * 96)}px;max-width:100%;height:auto;background:#fff;border-radius:6px"
    data = base64.b64encode(stream.getvalue()).decode()
    caption = f'<div style="opacity:.8;font-size:12.5px">the plane{place}</div>' if place else ""
    return f'{caption}<img style="{style}" alt="{alt}" src="data:image/png;base64,{data}">'


def _first_pair(got, want, tol: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The first two arrays, at one place of two plain values, that differ in shape or number."""
    if isinstance(want, list | tuple) and isinstance(got, list | tuple):
        pairs = [_first_pair(left, right, tol) for left, right in zip(got, want, strict=False)]
    elif isinstance(want, dict) and isinstance(got, dict):
        pairs = [_first_pair(got[key], want[key], tol) for key in want if key in got]
    else:
        left, right = as_array(got), as_array(want)
        if left is None or right is None or not left.ndim or not right.ndim:
            return None
        pairs = [None if left.shape == right.shape and agree(left, right, tol).all() else (left, right)]
    return next((pair for pair in pairs if pair is not None), None)


def _plane(left: np.ndarray, right: np.ndarray, tol: float) -> tuple[np.ndarray, np.ndarray, str]:
    """Cut both to two dimensions and `WINDOW` cells a side, around the first difference; say where that is."""
    same = left.shape == right.shape
    first = first_index(~agree(left, right, tol)) if same else (0,) * 99
    place = f" at [{', '.join([*map(str, first[: left.ndim - 2]), ':', ':'])}]" if same and left.ndim > 2 else ""
    planes = []
    for array in (left, right):
        corner = [max(0, i - WINDOW // 2) for i in first[: array.ndim]]
        array = array[tuple(first[: max(0, array.ndim - 2)])]
        window = tuple(slice(i, i + WINDOW) for i in corner[-array.ndim :])
        planes.append(np.atleast_2d(array[window]))
    if max(*left.shape[-2:], *right.shape[-2:]) > WINDOW and same:
        place += f" from row and column {', '.join(map(str, corner[-2:]))}" if left.ndim > 1 else f" from {corner[0]}"
    return *planes, place


def _panels(left, right, wrong, shapes) -> list[tuple]:
    """(title, array, colour map, lowest, highest, wrong cells) of each panel."""
    values = np.concatenate([left.ravel(), right.ravel()]).astype(np.float64)
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    panels = [(f"returned {shapes[0]}", left, "cividis", low, high, wrong)]
    panels.append((f"wanted {shapes[1]}", right, "cividis", low, high, None))
    if wrong is not None:
        with np.errstate(all="ignore"):
            gap = left.astype(np.float64) - right.astype(np.float64)
        reach = np.abs(gap[np.isfinite(gap)]).max(initial=0.0) or 1.0
        panels.append(("returned − wanted", gap, "PuOr", -reach, reach, wrong))
    return panels


def _strips(panels: list[tuple], _rows: int, columns: int) -> Figure:
    """1-D arrays below each other, so that equal places line up."""
    label, height = 1.45, 0.36
    width = label + min(6.0, max(1.2, 0.44 * columns))
    total = (height + 0.08) * len(panels) + 0.08
    figure = Figure(figsize=(width, total), dpi=_DPI)
    for i, (title, *panel) in enumerate(panels):
        bottom = total - (i + 1) * (height + 0.08)
        axis = figure.add_axes((label / width, bottom / total, (width - label - 0.08) / width, height / total))
        _cells(axis, *panel)
        axis.set(aspect="auto", xlim=(-0.5, columns - 0.5))
        axis.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
    return figure


def _side_by_side(panels: list[tuple], rows: int, columns: int) -> Figure:
    """2-D arrays in panels of one scale."""
    size = min(0.5, max(2.3 / max(rows, columns), min(0.34, 2.6 / columns)))  # inches of a cell
    height, width = min(4.0, max(0.3, size * rows)), max(1.3, size * columns)
    total = (width + 0.12) * len(panels) + 0.12, height + 0.42
    figure = Figure(figsize=total, dpi=_DPI)
    for i, (title, *panel) in enumerate(panels):
        left = 0.12 + i * (width + 0.12)
        axis = figure.add_axes((left / total[0], 0.1 / total[1], width / total[0], height / total[1]))
        _cells(axis, *panel)
        axis.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), anchor="NW")
        figure.text(left / total[0], 1 - 0.08 / total[1], title, fontsize=8, va="top")
    return figure


def _cells(axis, array, cmap: str, low: float, high: float, wrong) -> None:
    """Draw a 2-D array as coloured cells, with their numbers and a frame around wrong ones where they are few."""
    values = array.astype(np.float64)
    colors = matplotlib.colormaps[cmap].with_extremes(bad="#BBBBBB")
    axis.imshow(
        np.where(np.isfinite(values), values, np.nan), cmap=colors, vmin=low, vmax=high, interpolation="nearest"
    )
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    if max(array.shape) > FRAMES:
        return
    if wrong is not None:
        corners = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * 0.45
        squares = np.argwhere(wrong)[:, None, ::-1] + corners  # (x, y) of each corner
        axis.add_collection(PolyCollection(squares, facecolors="none", edgecolors=WRONG, linewidths=1.8))
    if max(array.shape) > NUMBERS:
        return
    for row, column in np.ndindex(array.shape):
        shade = colors((values[row, column] - low) / (high - low))
        color = "white" if np.dot(shade[:3], (0.299, 0.587, 0.114)) < 0.5 else "black"
        axis.text(column, row, _short(values[row, column]), ha="center", va="center", fontsize=8, color=color)


def _short(value: float) -> str:
    text = number(round(value, 2) + 0.0).removesuffix(".0")
    return text if len(text) <= 5 else f"{value:.0e}"
