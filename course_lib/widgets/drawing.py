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
    {text, fill, alpha, color, bold, edge (color of a thick inner outline), tag (small letter in the corner), hatch}.
    """
    from matplotlib.patches import Rectangle

    for r in range(rows):
        for c in range(columns):
            left, top, spec = x + c * cell, y + r * cell, look(r, c)
            ax.add_patch(Rectangle((left, top), cell, cell, facecolor="white", edgecolor="#8a8a8a", linewidth=0.6))
            if spec.get("fill") or spec.get("hatch"):
                ax.add_patch(
                    Rectangle(
                        (left, top), cell, cell, facecolor=spec.get("fill") or "none", alpha=spec.get("alpha", 1), linewidth=0,
                        edgecolor="#8a8a8a", hatch=spec.get("hatch"),
                    )  # fmt: skip
                )
            if spec.get("edge"):
                inset = 0.015 + cell * 0.03
                side = cell - 2 * inset
                ax.add_patch(Rectangle((left + inset, top + inset), side, side, fill=False, edgecolor=spec["edge"], linewidth=2))
            points = cell * 72
            weight = "bold" if spec.get("bold") else "normal"
            size = min(9.5, points * 0.42, points * 1.25 / max(1, len(spec["text"])))
            write(ax, left + cell / 2, top + cell * 0.52, spec["text"], size, ha="center", weight=weight, color=spec.get("color", INK))
            if spec.get("tag"):
                write(ax, left + cell * 0.16, top + cell * 0.25, spec["tag"], points * 0.24, color="#004f7c", weight="bold")
