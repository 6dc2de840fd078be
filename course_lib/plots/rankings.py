"""The same answers ranked by several metrics."""

import textwrap

import numpy as np
from matplotlib.figure import Figure

from .palettes import OKABE_ITO

COLORS = ("#000000", *("#{:02X}{:02X}{:02X}".format(*OKABE_ITO[i]) for i in (4, 5, 2, 6, 0, 1)))  # yellow is too pale
MARKERS = "os^DvPX"


def rankings(scores: dict, metrics, colored=()) -> Figure:
    """One line for each answer, through its place by each metric; the best one on top, its name above.

    scores: name -> one number for each of `metrics`, higher is better. metrics: their names. colored: names of at most seven
    answers whose lines have colors and marks; the others are gray. Answers that agree to three decimals tie: they share the
    mean of their places. Raises ValueError for other lengths, or a name that has no scores.
    """
    names, metrics, colored = list(scores), list(metrics), list(colored)
    if not names or any(len(scores[name]) != len(metrics) for name in names):
        raise ValueError(f"rankings: give each answer {len(metrics)} scores, one for each metric")
    if len(colored) > len(COLORS) or not set(colored) <= set(names):
        raise ValueError(f"rankings: colored has {colored}; give at most {len(COLORS)} names that have scores")
    places = np.stack([_places([scores[name][i] for name in names]) for i in range(len(metrics))], 1)
    fig = Figure(figsize=(9.1, 1.2 + 0.32 * len(names)), dpi=100, layout="constrained")
    ax = fig.subplots()
    for name, row in sorted(zip(names, places, strict=True), key=lambda pair: pair[0] in colored):
        look = {"color": "#8A8A8A", "marker": ".", "linewidth": 1}
        if name in colored:
            i = colored.index(name)
            look = {"color": COLORS[i], "marker": MARKERS[i], "linewidth": 2, "markersize": 6}
        ax.plot(row, label=name, **look)
    last = len(metrics) - 1
    for place in np.unique(places[:, -1]):
        tied = " = ".join(name for name, row in zip(names, places, strict=True) if row[-1] == place)
        ax.text(last + 0.15, place, tied, va="center", fontsize=9)
    for i, column in enumerate(places.T):
        best = " = ".join(name for name, place in zip(names, column, strict=True) if place == column.min())
        ax.text(i, 0.3, textwrap.fill(best, 13), ha="center", va="bottom", fontsize=8, weight="bold")
    ax.set(xticks=range(len(metrics)), yticks=range(1, len(names) + 1), ylabel="place", xlim=(-0.4, last + 2))
    ax.set_xticklabels([textwrap.fill(metric, 13) for metric in metrics], fontsize=8)
    ax.set_ylim(len(names) + 0.4, 0.5)
    ax.spines[["top", "right"]].set_visible(False)
    return fig


def _places(values) -> np.ndarray:
    """The place of each value, 1 for the largest; equal ones, to three decimals, share the mean of their places."""
    values = np.round(np.asarray(values, float), 3)
    larger, equal = ((op(values, values[:, None])).sum(1) for op in (np.greater, np.equal))
    return larger + (equal + 1) / 2
