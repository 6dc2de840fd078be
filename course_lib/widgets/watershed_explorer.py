"""Is there one marker depth that is right for every cell? Watershed of a mask of touching cells, with the markers in the learner's hand.

A marker is a maximum of the distance map that stands at least h above the pass to a higher one. A small h leaves several markers in one
cell and cuts it, a large h takes the marker from a cell and merges it with its neighbor, or loses it where it has none.

The browser computes and draws all this (watershed.js, watershed_explorer.js); watershed.py repeats it for the still picture.
"""

import base64
import textwrap
from typing import Any

import numpy as np
import traitlets

from course_lib.plots.palettes import PETROFF10
from course_lib.plots.pictures import as_rgb
from course_lib.widgets import watershed
from course_lib.widgets.base import BLUE, INK, CourseWidget, format_number
from course_lib.widgets.drawing import sheet, write
from course_lib.widgets.label_maps import LARGEST, borders, centers, es_module_with_maps, pack, unpack

DEEPEST = 5.0  # px, of the slider


class WatershedExplorer(CourseWidget):
    """Use `watershed_explorer`. The traits are the state; set h, level and row to move the widget."""

    _esm = es_module_with_maps("watershed.js", "watershed_explorer.js")

    h = traitlets.Float(1.0, min=0.0, max=DEEPEST, help="px; least depth of a marker").tag(sync=True)
    level = traitlets.Float(0.0, max=0.0, help="px; height of the water, 0 = all is flooded").tag(sync=True)
    row = traitlets.Int(0, min=0, help="of the cross-section").tag(sync=True)
    tried = traitlets.List(help="every h so far").tag(sync=True)
    size = traitlets.List(help="[H, W]").tag(sync=True)
    mask = traitlets.Unicode(help="packed (label_maps.pack)").tag(sync=True)
    picture = traitlets.Unicode("", help="gray picture, base64 of H * W bytes; empty if a mask was given").tag(sync=True)
    truth = traitlets.Unicode("", help="packed, all true cells one after another").tag(sync=True)
    cells = traitlets.Int(0, min=0, help="number of true cells").tag(sync=True)

    @traitlets.observe("h")
    def _remember(self, change) -> None:
        if change.new not in self.tried:
            self.tried = [*self.tried, change.new]

    def distance(self) -> np.ndarray:
        """Distance (H, W) float64 of each pixel to the background, px."""
        return watershed.distance_map(unpack(self.mask, self.size) > 0)

    def markers(self) -> np.ndarray:
        """Markers at h (H, W) int64, 1 ... n, 0 elsewhere."""
        return watershed.markers(self.distance(), self.h)

    def regions(self) -> np.ndarray:
        """Regions at h (H, W) int64, 1 ... n; 0 is background, or a part of the mask that no marker floods."""
        return watershed.flood(self.distance(), self.markers())[0]

    def true_cells(self) -> np.ndarray:
        """The true cells (M, H, W) bool."""
        return unpack(self.truth, (self.cells, *self.size)) > 0

    def fates(self) -> dict[str, int]:
        """How many true cells are right, merged, cut and lost (`watershed.fates`); a cell can be merged and cut."""
        return {name: int(cells.sum()) for name, cells in watershed.fates(self.true_cells(), self.regions()).items()}

    def verdict(self) -> list[str]:
        """What the markers made and, with a truth, what became of the cells, in words."""
        count = int(self.markers().max())
        truth = f" for {_plural(self.cells, 'true cell')}" if self.cells else ""
        made = f"h = {format_number(self.h)} px: {_plural(count, 'marker')}, so {_plural(count, 'region')}{truth}."
        became = ", ".join(f"{number} {name}" for name, number in self.fates().items()) if self.cells else ""
        return [made, f"True cells: {became}."] if self.cells else [made, ""]

    def describe(self) -> str:
        height, width = self.size
        water = "" if self.level == 0 else f" The water stands at {format_number(self.level)} px."
        return f"Watershed explorer, mask of {height}×{width} pixels, {' '.join(filter(None, self.verdict()))}{water}"

    def figure(self):
        height, width = self.size
        unit = 4.2 / max(height, width)
        figure, ax = sheet(9.6, 1.45 + height * unit)
        for index, line in enumerate(filter(None, self.verdict())):
            write(ax, 0.2, 0.2 + 0.2 * index, line, 9)
        distance, mark = self.distance(), self.markers()
        label, level = watershed.flood(distance, mark)
        maxima = watershed.markers(distance, 0)
        colors = np.zeros((int(mark.max()) + 1, 3))
        colors[mark[mark > 0]] = np.array(PETROFF10, float)[watershed.basin_colors(maxima)[maxima[mark > 0]]]
        wet = np.where(level <= self.level, label, 0)
        gray = 226 - 126 * distance / distance.max()
        land = np.where(wet[..., None] > 0, colors[wet] * (gray[..., None] + 60) / 286, gray[..., None])
        plain = np.where(distance > 0, gray, 255.0)
        if self.picture:
            plain = np.frombuffer(base64.b64decode(self.picture), np.uint8).reshape(self.size).astype(float)
        result = np.where(label[..., None] > 0, colors[label], plain[..., None])
        left, top, gap = 0.2, 0.95, max(width * unit + 0.4, 4.6)
        write(ax, left, top - 0.14, "terrain (−distance), markers and water", 9, weight="bold")
        _pixels(ax, np.where(distance[..., None] > 0, land, 255), (left, top), unit)
        _lines(ax, borders(wet), (left, top), unit, (INK, 0.8, "-"))
        y, x = (np.bincount(mark[mark > 0], along[mark > 0])[1:] for along in np.indices(mark.shape))
        number = np.bincount(mark[mark > 0])[1:]
        spots = (np.stack([x, y], 1) / number[:, None] + 0.5) * unit + (left, top)
        ax.plot(*spots.T, "o", color=INK, markeredgecolor="white", markersize=4, markeredgewidth=0.8)
        write(ax, left + gap, top - 0.14, f"regions{' and the true cells' if self.cells else ''}", 9, weight="bold")
        _pixels(ax, result, (left + gap, top), unit)
        _lines(ax, borders(label), (left + gap, top), unit, (INK, 0.8, "-"))
        if self.cells:
            self._truth(ax, label, (left + gap, top), unit)
        return figure

    def _truth(self, ax, label, corner, unit) -> None:
        """Outlines of the true cells: thin and white if right, else dashed, with the letters M, C, L."""
        from matplotlib.patheffects import withStroke

        cells = self.true_cells()
        fates = watershed.fates(cells, label)
        owner = np.where(cells.any(0), cells.argmax(0) + 1, 0)
        wrong = np.concatenate([[False], ~fates["right"]])[owner]
        _lines(ax, borders(np.where(wrong, 0, owner)), corner, unit, ("white", 1, "-"))
        _lines(ax, borders(np.where(wrong, owner, 0), outside=0), corner, unit, (INK, 2, "-"), ("white", 1.4, (0, (2, 2))))
        for k, (r, c, _) in centers(owner).items():
            letters = "".join(name[0].upper() for name in ("merged", "cut", "lost") if fates[name][k - 1])
            style = {"ha": "center", "color": "white", "weight": "bold", "path_effects": [withStroke(linewidth=2, foreground="black")]}
            write(ax, corner[0] + (c + 0.5) * unit, corner[1] + (r + 0.5) * unit, letters, 8, **style)
        height = corner[1] + len(owner) * unit + 0.2
        write(ax, 0.2, height, "Dashed: M merged (its region holds most of another cell, too), C cut (a second region holds over a fifth), L lost.", 8.5)
