"""The still picture of the receptive-field painter: the table, the two views and the words of the browser."""

import torch

from course_lib.widgets.base import BLUE, GREY, INK, ORANGE, VERMILLION, format_number
from course_lib.widgets.drawing import sheet, write

WIDTH, LEFT, ROW, PITCH, CELL, BARS = 9.6, 0.95, 0.27, 0.52, 0.17, 0.5  # inches
CROWD = 300  # more lines than that between two rows merge: then only the outermost of each cell are drawn
COLUMNS = {"kernel": 0.95, "stride": 1.5, "rate": 2.05, "map": 2.75, "jump": 3.3, "field": 3.85, "start": 4.4}


def figure(painter):
    """A matplotlib Figure of the state of a ReceptiveFieldPainter."""
    levels = len(painter.layers)
    words = [painter.problem(), *painter.verdict().values()]
    plane = max(2.6, 0.75 + ROW * levels + 0.24 * len(words))
    top = 0.36 + plane + 0.4  # of the stack
    below = 0.2 if painter.problem() else 0.65 + BARS
    picture, ax = sheet(WIDTH, top + PITCH * (len(painter.map_sizes()) - 1) + CELL + below)
    _table(ax, painter)
    for index, line in enumerate(filter(None, words)):
        write(ax, 0.2, 0.95 + ROW * levels + 0.24 * index, line, 9)
    _plane(ax, painter, WIDTH - 0.25 - plane, 0.36, plane)
    write(ax, 0.2, top - 0.16, "No output." if painter.problem() else painter.where(), 9, weight="bold")
    _stack(ax, painter, top)
    return picture


def _table(ax, painter) -> None:
    sizes, fields = painter.map_sizes(), painter.fields()
    for name, x in COLUMNS.items():
        write(ax, x, 0.25, name, 8.5, ha="right", color="#4a4a4a")
    for level in range(len(fields)):
        y = 0.25 + ROW * (len(fields) - level)
        write(ax, 0.2, y, f"layer {level}" if level else "input", 8.5, color="#4a4a4a")
        shown = dict(zip(("field", "jump", "start"), fields[level], strict=True))
        shown["map"] = sizes[level] if level < len(sizes) else "–"
        if level:
            shown |= dict(zip(("kernel", "stride", "rate"), painter.layers[level - 1], strict=True))
        for name, value in shown.items():
            text = value if isinstance(value, str) else format_number(value)
            write(ax, COLUMNS[name], y, text, 9, ha="right", weight="bold" if name == "field" else "normal")


def _plane(ax, painter, left: float, top: float, side: float) -> None:
    """The input in two dimensions: blue cells by paths, hatched holes, the field and the field before as frames."""
    from matplotlib.patches import Rectangle

    n, bad = painter.size, painter.problem()
    unit = side / n
    caption = "" if bad else f", field of cell ({painter.shown_cell()}, {painter.shown_cell()})"
    write(ax, left, top - 0.14, f"input {n}×{n}{caption}", 9, weight="bold")
    box = Rectangle((left, top), side, side, facecolor="white", edgecolor=GREY, linewidth=0.8)
    ax.add_patch(box)
    if bad:
        return
    line = painter.paths()[0]
    counts = torch.outer(line, line)
    shade = 0.2 + 0.8 * counts / counts.max().clamp(min=1) if painter.view == "paths" else torch.tensor(0.75)
    colors = torch.zeros(n, n, 4)
    colors[..., 1:] = torch.tensor([114 / 255, 178 / 255, 0.0])
    colors[..., 3] = torch.where(counts > 0, shade, 0.0)
    limits = ax.get_xlim(), ax.get_ylim()
    extent = (left, left + side, top + side, top)
    ax.imshow(colors.numpy(), extent=extent, interpolation="nearest", aspect="auto", zorder=1)
    ax.set(xlim=limits[0], ylim=limits[1])
    size, jump, start = painter.fields()[-1]
    first = start + painter.shown_cell() * jump
    low, high = max(0, first), min(n, first + size)
    holes = [i for i in range(low, high) if not line[i]]
    for i in holes:
        for x, y, width, height in ((i, low, 1, high - low), (low, i, high - low, 1)):
            at = (left + x * unit, top + y * unit)
            look = dict(facecolor="none", edgecolor=VERMILLION, linewidth=0, hatch="//////", alpha=0.6)
            ax.add_patch(Rectangle(at, width * unit, height * unit, **look))
    for wide, style in ((size, "-"), (painter.before(), (0, (3, 2)))):
        if wide:
            corner = first + (size - wide) / 2
            look = dict(fill=False, edgecolor=INK, linewidth=1.6, linestyle=style)
            frame = Rectangle((left + corner * unit, top + corner * unit), wide * unit, wide * unit, **look)
            ax.add_patch(frame).set_clip_path(box)


def _stack(ax, painter, top: float) -> None:
    """Rows of cells, the input lowest; lines to the cells that are read; below, the field and the paths of each input cell."""
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.patches import Rectangle

    sizes, fields, bad = painter.map_sizes(), painter.fields(), painter.problem()
    margin = max(1, round(painter.size * 0.08))
    unit = (WIDTH - LEFT - 0.2) / (painter.size + 2 * margin)
    frame = Rectangle((LEFT, 0), WIDTH - LEFT - 0.2, 99, transform=ax.transData)
    counts = None if bad else painter.paths()
    levels = len(sizes) - 1
    y = [top + PITCH * (levels - level) for level in range(levels + 1)]
    sides = [0.86 * unit * min(field.jump, (painter.size + 2 * margin) / 36) for field in fields]
    looks = {name: [] for name in ("idle", "hit", "chosen", "pad", "line", "dead", "hole", "bar")}

    def center(level: int, cell: int) -> float:
        size, jump, start = fields[level]
        return LEFT + unit * (margin + start + cell * jump + size / 2)

    def box(level: int, cell: int) -> list[tuple[float, float]]:
        x, half = center(level, cell), sides[level] / 2
        return [(x - half, y[level]), (x + half, y[level]), (x + half, y[level] + CELL), (x - half, y[level] + CELL)]

    for level, cells in enumerate(sizes):
        write(ax, 0.2, y[level] + CELL / 2, f"layer {level}" if level else "input", 8.5, color="#4a4a4a")
        for cell in range(cells):
            hit = not bad and counts[level][cell] > 0
            looks["idle" if not hit else "chosen" if level == levels else "hit"].append(box(level, cell))
            taps = painter.reads(level, cell) if hit and level else []
            if len(taps) * len(counts[level].nonzero() if taps else ()) > CROWD:
                taps = [taps[0], taps[-1]]
            for at in taps:
                inside = 0 <= at < sizes[level - 1]
                ends = [(center(level, cell), y[level] + CELL), (center(level - 1, at), y[level - 1])]
                looks["line" if inside else "dead"].append(ends)
                if not inside:
                    looks["pad"].append(box(level - 1, at))
    if not bad:
        size, jump, start = fields[-1]
        first = start + painter.shown_cell() * jump
        for cell in range(max(0, first), min(painter.size, first + size)):
            if not counts[0][cell]:
                corners = box(0, cell)
                looks["hole"].append([corners[3], corners[1]])
        ruler, base = y[0] + CELL, y[0] + CELL + 0.4 + BARS
        for name, wide, at, style in (
            ("field", size, ruler + 0.12, "-"),
            ("before", painter.before(), ruler + 0.27, (0, (3, 2))),
        ):
            if wide:
                write(ax, 0.2, at, name, 8.5, color="#4a4a4a")
                x = LEFT + unit * (margin + first + (size - wide) / 2)
                ends = [x, x, x, x + wide * unit, x + wide * unit, x + wide * unit]
                rise = [at - 0.05, at + 0.05, at, at, at - 0.05, at + 0.05]
                (bracket,) = ax.plot(ends, rise, color=INK, linewidth=1.4, linestyle=style)
                bracket.set_clip_path(frame)
        write(ax, 0.2, base - BARS / 2, "paths", 8.5, color="#4a4a4a")
        for cell, count in enumerate(counts[0].tolist()):
            x, tall = LEFT + unit * (margin + cell + 0.1), BARS * count / max(counts[0].max().item(), 1)
            looks["bar"].append([(x, base), (x, base - tall), (x + 0.8 * unit, base - tall), (x + 0.8 * unit, base)])
        ax.plot([LEFT + unit * margin, LEFT + unit * (margin + painter.size)], [base, base], color=GREY, linewidth=0.8)
    many = len(looks["line"])
    faint = 0.3 if many > 600 else 0.5 if many > 150 else 0.85
    dashed = {"colors": GREY, "linewidths": 0.7, "linestyles": [(0, (3, 3))]}
    lines = {
        "line": {"colors": BLUE, "linewidths": 0.8, "alpha": faint},
        "dead": dashed,
        "hole": {"colors": VERMILLION, "linewidths": 1.6},
    }
    fills = {"idle": ("white", GREY, 0.6), "hit": (BLUE, INK, 0.6), "chosen": (ORANGE, INK, 1.6)}
    fills |= {"pad": ("#f3f3f3", GREY, 0.5), "bar": (BLUE, "none", 0)}
    for name, (fill, edge, wide) in fills.items():
        part = PolyCollection(looks[name], facecolors=fill, edgecolors=edge, linewidths=wide, zorder=2)
        ax.add_collection(part)
        part.set_clip_path(frame)
    for name, look in lines.items():
        part = LineCollection(looks[name], zorder=3 if name == "hole" else 1, **look)
        ax.add_collection(part)
        part.set_clip_path(frame)
