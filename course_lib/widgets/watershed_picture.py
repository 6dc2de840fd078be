"""The still picture of the watershed explorer: terrain, water and cross-section on the left, regions and true cells on the right."""

import base64

import numpy as np

from course_lib.widgets import watershed
from course_lib.widgets.base import BLUE, INK
from course_lib.widgets.drawing import sheet, write
from course_lib.widgets.label_maps import borders, centers, lines, pixels, tag

LEGEND = "Dashed: M merged, its region holds most of another cell, too; C cut, a second holds over a fifth of it; L lost, none holds most."


def figure(explorer):
    """A matplotlib Figure of the state of a WatershedExplorer."""
    height, width = explorer.size
    unit = 4.2 / max(height, width)
    tall = height * unit
    picture, ax = sheet(9.6, 2.85 + tall)
    for index, line in enumerate(filter(None, explorer.verdict())):
        write(ax, 0.2, 0.2 + 0.2 * index, line, 9)
    distance, marker = explorer.distance(), explorer.markers()
    label, level = watershed.flood(distance, marker)
    wet = np.where(level <= explorer.level, label, 0)
    color = _colors(distance, marker)
    gray = np.where(distance > 0, 226 - 126 * distance / distance.max(), 255)[..., None]  # of dry land: deep is dark
    land, result = (0.2, 0.95), (4.9, 0.95)
    for (left, top), caption in ((land, "terrain (dark is deep) and markers"), (result, "regions")):
        words = f"{caption} and the true cells" if explorer.cells and left > 1 else caption
        write(ax, left, top - 0.14, words, 9, weight="bold")
    pixels(ax, np.where(wet[..., None] > 0, color[wet] * (gray + 60) / 286, gray), land, unit)
    lines(ax, borders(wet), land, unit, (INK, 0.8, "-"))
    for r, c in _spots(marker):
        ax.plot(land[0] + c * unit, land[1] + r * unit, "o", color=INK, mec="white", markersize=4, mew=0.8)
    across = np.array([[(0, explorer.row + 0.5), (width, explorer.row + 0.5)]])
    lines(ax, across, land, unit, ("white", 1.6, "-"), (INK, 0.8, (0, (4, 3))))
    _section(ax, explorer, (land[0], land[1] + tall + 0.4), distance, marker, wet, color, unit)

    ground = gray
    if explorer.picture:
        ground = np.frombuffer(base64.b64decode(explorer.picture), np.uint8).reshape(height, width, 1).astype(float)
    pixels(ax, np.where(label[..., None] > 0, color[label], ground), result, unit)
    lines(ax, borders(label), result, unit, (INK, 0.8, "-"))
    if explorer.cells:
        _truth(ax, explorer.true_cells(), label, result, unit)
        write(ax, 0.2, 2.68 + tall, LEGEND, 8.5)
    return picture


def _colors(distance, marker) -> np.ndarray:
    """The color (n + 1, 3) of each region, entry 0 unused: that of its maximum at h = 0."""
    from course_lib.plots.palettes import PETROFF10

    maxima = watershed.markers(distance, 0)
    colors = np.zeros((int(marker.max()) + 1, 3))
    colors[marker[marker > 0]] = np.array(PETROFF10, float)[watershed.basin_colors(maxima)[maxima[marker > 0]]]
    return colors


def _spots(marker) -> np.ndarray:
    """Mean (row, column) of each marker, at pixel centers."""
    rows, columns = np.nonzero(marker)
    of = marker[rows, columns]
    sums = np.stack([np.bincount(of, along)[1:] for along in (rows + 0.5, columns + 0.5)], 1)
    return sums / np.bincount(of)[1:, None]


def _section(ax, explorer, corner, distance, marker, wet, color, unit) -> None:
    """Terrain and water along the chosen row, one bar per pixel, the markers that lie on it, and the surface of the water."""
    (left, top), scale = corner, 1 / distance.max()  # inches per pixel of depth
    write(ax, left, top - 0.12, f"cross-section, row {explorer.row}; ruler = h", 9, weight="bold")
    top += 0.05
    row = slice(explorer.row, explorer.row + 1)
    depth, here, wet = distance[row].ravel() * scale, marker[row].ravel() > 0, wet[row].ravel()
    x, surface = left + np.arange(len(depth)) * unit, -explorer.level * scale
    ax.bar(x, 1.06 - depth, unit, top + depth, align="edge", color="#96969a")
    under = wet > 0
    ax.bar(x[under], depth[under] - surface, unit, top + surface, align="edge", color=color[wet[under]] / 255)
    ax.step(x, top + depth, where="post", color=INK, linewidth=0.9)
    ax.plot([left, left + len(depth) * unit], [top + surface] * 2, color=BLUE, linewidth=1.6)
    ax.plot(x[here] + unit / 2, top + depth[here], "o", color=INK, mec="white", markersize=4, mew=0.8)
    for color, linewidth in (("white", 3), (INK, 1.4)):
        ends = [top, top + explorer.h * scale]
        ax.plot([x[-1] - 2 * unit] * 2, ends, "_-", color=color, linewidth=linewidth, markersize=5, mew=linewidth)


def _truth(ax, cells, label, corner, unit) -> None:
    """Outlines of the true cells: of those that are not right, with the letters M, C, L."""
    fates = watershed.fates(cells, label)
    owner = np.where(cells.any(0), cells.argmax(0) + 1, 0)
    wrong = np.concatenate([[False], ~fates["right"]])[owner]
    lines(
        ax, borders(np.where(wrong, owner, 0), outside=0), corner, unit, (INK, 2, "-"), ("white", 1.2, (0, (1.6, 1.6)))
    )
    for k, (r, c, _) in centers(owner).items():
        tag(
            ax, "".join(name[0].upper() for name in ("merged", "cut", "lost") if fates[name][k - 1]), r, c, corner, unit
        )
