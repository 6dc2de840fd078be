"""The still picture of the mask playground: masks and outlines on the left, counts and metrics on the right."""

import numpy as np

from course_lib.widgets.base import BLUE, GREY, INK, format_number
from course_lib.widgets.drawing import sheet, write
from course_lib.widgets.label_maps import borders, lines, pixels

LEGENDS = {
    "pixels": ("TP: in both", "FP: only predicted", "FN: only true"),
    "boundaries": ("boundary, matched", "predicted, no true one near", "true, no predicted one near"),
    "bands": ("in both bands", "in the predicted band", "in the true band"),
}
HATCHES = "", "//////", "..."


def figure(playground, names: dict[str, str]):
    """A matplotlib Figure of the state of a MaskPlayground; names: of its metrics, as they are shown."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    from course_lib.plots.palettes import FN, FP, TP

    height, width = playground.size
    unit = 3.9 / max(height, width)
    picture, ax = sheet(9.6, max(4.15, 1.0 + height * unit))
    corner = (0.2, 0.25)
    sorts = playground.sorts()
    colors = np.array([(245, 245, 245), *(np.array(to_rgb(color)) * 255 for color in (TP, FP, FN))])
    pixels(ax, colors[sorts], corner, unit)
    for sort, hatch in ((2, HATCHES[1]), (3, HATCHES[2])):
        _hatch(ax, sorts == sort, corner, unit, hatch, "#4a2f00" if sort == 2 else "white")
    lines(ax, borders(playground.truth(), outside=False), corner, unit, ("white", 3, "-"), (INK, 1.8, "-"))
    found = borders(playground.mask(), outside=False)
    lines(ax, found, corner, unit, (INK, 2, "-"), ("white", 1.3, (0, (1.6, 1.6))))

    counts = [int((sorts == sort).sum()) for sort in (1, 2, 3)]
    top = corner[1] + height * unit + 0.2
    legend = zip(LEGENDS[playground.view], counts, (TP, FP, FN), HATCHES, strict=True)
    for index, (label, count, color, hatch) in enumerate(legend):
        edge = "white" if color == FN else "#4a2f00"
        x, y = 0.2 + 2.15 * (index % 2), top + 0.2 * (index // 2)
        ax.add_patch(Rectangle((x, y - 0.07), 0.16, 0.14, facecolor=color, edgecolor=edge, hatch=hatch, lw=0))
        write(ax, x + 0.22, y, f"{label}: {count}", 8.5)
    write(ax, 2.35, top + 0.2, "outlines: truth solid, prediction dashed", 8)

    left, row = 4.6, 0.4
    values, before, moved = playground.metrics(), playground.before(), playground.changes()
    for name, label in names.items():
        write(ax, left, row, label, 9.5)
        ax.add_patch(Rectangle((left + 1.15, row - 0.08), 2, 0.16, facecolor="#f2f2f2", edgecolor=GREY, lw=0.8))
        ax.add_patch(Rectangle((left + 1.15, row - 0.08), 2 * values[name], 0.16, facecolor=BLUE, lw=0))
        write(ax, left + 3.65, row, format_number(values[name], 3), 9.5, ha="right", weight="bold")
        if before:
            ax.plot([left + 1.15 + 2 * before[name]] * 2, [row - 0.13, row + 0.13], color=INK, lw=1.4)
            change = (
                f"{'+' if moved[name] > 0 else '−'}{abs(values[name] - before[name]):.3f}" if moved[name] else "same"
            )
            write(ax, left + 3.8, row, change, 9)
        row += 0.3
    step, empty, _ = playground.verdict()
    row += 0.1
    for text in (*_wrap(step), *_wrap(empty)):
        write(ax, left, row, text, 9)
        row += 0.2
    settings = f"Boundary F1 within {playground.tolerance} px, boundary IoU in bands of {playground.band} px."
    write(ax, left, row + 0.1, settings, 8.5, color="#4a4a4a")
    return picture


def _hatch(ax, mask: np.ndarray, corner, unit: float, hatch: str, color: str) -> None:
    """A pattern over the pixels of a mask, in runs along its rows."""
    from matplotlib.collections import PolyCollection

    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    row, first = np.nonzero(np.diff(padded, axis=1) == 1)
    last = np.nonzero(np.diff(padded, axis=1) == -1)[1]
    x0, x1, y0, y1 = (values * unit + corner[axis] for values, axis in ((first, 0), (last, 0), (row, 1), (row + 1, 1)))
    boxes = np.stack([np.stack(at, 1) for at in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], 1)
    ax.add_collection(PolyCollection(boxes, facecolors="none", edgecolors=color, linewidths=0, hatch=hatch))


def _wrap(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 74)
