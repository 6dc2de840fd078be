"""Legends: the names of the classes beside their colors."""

import math

import numpy as np
from matplotlib.patches import Patch

from .palettes import VOID, VOID_COLOR, label_map

ROW, MARGIN = 19, 8  # pixels at 100 dots per inch


def legend(ax, classes, colors, hatches=None, columns: int = 1, **where):
    """A legend with one patch for each class name.

    ax: Axes or Figure. colors: (r, g, b) in 0..255 or matplotlib colors. hatches: a matplotlib hatch or None for each class.
    where: what `ax.legend` takes to place it. Returns the Legend.
    """
    if len(classes) != len(colors):
        raise ValueError(f"legend: {len(classes)} classes but {len(colors)} colors; give one color for each class")
    fills = [c if isinstance(c, str) else tuple(np.asarray(c) / 255) for c in colors]
    handles = [
        Patch(facecolor=fill, edgecolor="#222222", linewidth=0.6, hatch=hatch, label=name)
        for name, fill, hatch in zip(classes, fills, hatches or [None] * len(classes), strict=True)
    ]
    style = {"fontsize": 9, "frameon": False, "handlelength": 1.4, "handleheight": 1.0, "borderpad": 0.2}
    return ax.legend(handles=handles, ncols=columns, **{**style, **where})


def key(semantic, classes, colors, width: int):
    """Height in pixels of a legend of the classes that occur, and the function that draws it at the foot of a figure."""
    ids = np.unique(label_map(semantic, "legend"))
    present = [i for i in ids if i != VOID]
    names, fills = [classes[i] for i in present], [colors[i] for i in present]
    if VOID in ids:
        names, fills = [*names, "void"], [*fills, VOID_COLOR]
    columns = max(min(width // (34 + 7 * max(map(len, names))), len(names)), 1)
    rows = math.ceil(len(names) / columns)

    def draw(fig):
        legend(fig, names, fills, columns=columns, loc="lower center", borderaxespad=0.2, columnspacing=1.2)

    return rows * ROW + MARGIN, draw
