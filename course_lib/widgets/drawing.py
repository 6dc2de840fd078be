"""The still pictures of the widgets: one blank sheet measured in inches, on which grids of numbers are drawn."""

from collections.abc import Callable
from typing import Any

from course_lib.widgets.base import INK


def sheet(width: float, height: float):
    """A figure of that size in inches and one axes whose units are inches, y downwards, nothing drawn yet."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    return figure, ax


def write(ax, x: float, y: float, text: str, size: float = 9, **style: Any) -> None:
    """Text with its left end at (x, y), vertically centered, unless `style` says otherwise."""
    ax.text(x, y, text, fontsize=size, **{"va": "center", "color": INK, **style})


def number_grid(ax, x: float, y: float, cell: float, rows: int, columns: int, look: Callable[[int, int], dict]) -> None:
    """Cells of `cell` inches from (x, y); `look(row, column)` gives each one's
    {text, fill, alpha, color, bold, edge (color of a thick inner outline), tag (small letter in the corner), hatch (bool)}.
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgba

    points, inset = cell * 72, 0.015 + cell * 0.03
    squares, fills, hatched, outlined, edges = [], [], [], [], []
    for r in range(rows):
        for c in range(columns):
            left, top, spec = x + c * cell, y + r * cell, look(r, c)
            squares.append(_square(left, top, cell))
            fills.append(to_rgba(spec.get("fill") or "white", spec.get("alpha", 1) if spec.get("fill") else 1))
            if spec.get("hatch"):
                hatched.append(squares[-1])
            if spec.get("edge"):
                outlined.append(_square(left + inset, top + inset, cell - 2 * inset))
                edges.append(spec["edge"])
            size = min(9.5, points * 0.42, points * 1.25 / max(1, len(spec["text"])))
            style = {"weight": "bold" if spec.get("bold") else "normal", "color": spec.get("color", INK)}
            if spec["text"]:
                write(ax, left + cell / 2, top + cell * 0.52, spec["text"], size, ha="center", **style)
            if spec.get("tag"):
                write(
                    ax,
                    left + cell * 0.16,
                    top + cell * 0.25,
                    spec["tag"],
                    points * 0.24,
                    color="#004f7c",
                    weight="bold",
                )
    ax.add_collection(PolyCollection(squares, facecolors=fills, edgecolors="#8a8a8a", linewidths=0.6))
    ax.add_collection(PolyCollection(hatched, facecolors="none", edgecolors="#b0b0b0", linewidths=0, hatch="////"))
    ax.add_collection(PolyCollection(outlined, facecolors="none", edgecolors=edges, linewidths=2))


def _square(left: float, top: float, side: float) -> list[tuple[float, float]]:
    return [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]
