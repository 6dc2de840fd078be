"""What is left of a dilated kernel at the border of a map?

A kernel of rate d reads cells that lie d apart: it is a kernel of extent d·(kernel − 1) + 1 full of zeros. Its taps outside the map meet
padding. Chen et al. (Rethinking Atrous Convolution for Semantic Image Segmentation, 2017, figure 4) count the positions of a 3×3 kernel
by how many of its nine weights are still valid: at a rate near the size of the map only the center is, and the kernel has become 1×1.

The browser computes all this in dilation_explorer.js; this file repeats it for the still picture.
"""

import itertools

import torch
import traitlets
from torch import Tensor

from course_lib.widgets.base import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    VERMILLION,
    CourseWidget,
    es_module,
    format_number,
    whole_number,
)
from course_lib.widgets.drawing import number_grid, sheet, write

LIMITS = {"kernel": (1, 5), "dilation": (1, 65), "size": (5, 65)}


class DilationExplorer(CourseWidget):
    """Use `dilation_explorer`. The traits are the state; set them to move the widget, read them to see where it stands."""

    _esm = es_module("dilation_explorer.js")

    kernel = traitlets.Int(3, min=1, max=5).tag(sync=True)
    dilation = traitlets.Int(2, min=1, max=65, help="the rate").tag(sync=True)
    size = traitlets.Int(9, min=5, max=65, help="cells along one side of the map").tag(sync=True)
    position = traitlets.List(
        traitlets.Int(min=0), help="[row, column] on which the kernel stands; else the middle"
    ).tag(sync=True)

    def extent(self) -> int:
        """Cells along one side of the kernel with its zeros."""
        return (self.kernel - 1) * self.dilation + 1

    def zeros_kernel(self) -> Tensor:
        """The kernel with its zeros, (extent, extent) float64; its weights are 1."""
        full = torch.zeros(self.extent(), self.extent(), dtype=torch.float64)
        full[:: self.dilation, :: self.dilation] = 1
        return full

    def taps(self, at: int) -> list[int]:
        """Where the kernel's taps lie along one axis when it stands on cell `at`; padding "same", so the spare cell is behind."""
        return [at - (self.extent() - 1) // 2 + tap * self.dilation for tap in range(self.kernel)]

    def valid(self) -> Tensor:
        """Taps inside the map for each position along one axis, int64 (size,); in two dimensions counts multiply."""
        return torch.tensor([sum(0 <= tap < self.size for tap in self.taps(at)) for at in range(self.size)])

    def positions(self) -> dict[str, int]:
        """At how many of the size² positions all kernel² taps, exactly one tap, no tap are inside: {all, one, none}."""
        along = self.valid()
        all_, one, none = (int((along == count).sum()) for count in (self.kernel, 1, 0))
        return {"all": all_**2, "one": one**2, "none": self.size**2 - (self.size - none) ** 2}

    def shown(self) -> tuple[int, int]:
        """The position that is shown: the chosen one while it lies on the map, else the middle."""
        if len(self.position) == 2 and max(self.position) < self.size:
            return self.position[0], self.position[1]
        return self.size // 2, self.size // 2

    def verdict(self) -> dict[str, str]:
        """The extent, this position and the shares, in words."""
        along, (r, c), count = self.valid().tolist(), self.shown(), self.positions()
        k, total, extent = self.kernel**2, self.size**2, self.extent()
        taps = "1 tap" if k == 1 else f"{k} taps"

        def share(name: str) -> str:
            return f"{count[name]} of {total} positions ({format_number(100 * count[name] / total, 1)} %)"

        none = f"; no tap inside: {share('none')}" if count["none"] else ""
        words = {
            "extent": f"Extent: {self.dilation}·({self.kernel} − 1) + 1 = {extent}; {taps}, {extent**2 - k} zeros.",
            "here": f"At row {r}, column {c}: {along[r] * along[c]} of {taps} inside the map.",
        }
        if k == 1:
            still = "One tap has no neighbors to spread: the rate changes nothing."
            return words | {"all": still, "one": "The kernel is 1×1 everywhere."}
        return words | {
            "all": f"All {k} taps inside: {share('all')}.",
            "one": f"Only 1 tap inside: {share('one')}{none}.",
        }

    def describe(self) -> str:
        start = (
            f"Dilation explorer: kernel {self.kernel}×{self.kernel}, rate {self.dilation}, map {self.size}×{self.size}."
        )
        return " ".join([start, *self.verdict().values()])

    def figure(self):
        figure, ax = sheet(9.6, 5.05)
        for index, line in enumerate(self.verdict().values()):
            write(ax, 0.2, 0.2 + 0.2 * index, line, 9)
        extent, top = self.extent(), 1.4
        for left, caption in (
            (0.2, f"kernel with zeros, {extent}×{extent}"),
            (2.75, f"map, {self.size}×{self.size}: taps at one position"),
            (6.6, "taps inside, by position"),
        ):
            write(ax, left, top - 0.16, caption, 9, weight="bold")
        self._kernel(ax, 0.2, top, 2.2)
        self._map(ax, 2.75, top, 3.5)
        self._counts(ax, 6.6, top, 2.75)
        note = "The stronger the blue, the more taps; hatched: only one." if self.kernel > 1 else ""
        write(ax, 6.6, top + 2.9, note, 8)
        return figure

    def _kernel(self, ax, left: float, top: float, side: float) -> None:
        full, unit = self.zeros_kernel(), side / self.extent()
        if unit >= side / 45:

            def look(r: int, c: int) -> dict:
                tap, text = bool(full[r, c]), "" if unit < 0.14 else "w" if full[r, c] else "0"
                return {"text": text, "fill": tap and BLUE, "color": "white" if tap else "#4a4a4a", "bold": tap}

            return number_grid(ax, left, top, unit, len(full), len(full), look)
        mark = max(unit, min(0.04, self.dilation * unit))
        _squares(ax, [(left, top, side)], facecolor="white", edgecolor=GREY)
        ends = [(tap * self.dilation + 0.5) * unit - mark / 2 for tap in range(self.kernel)]
        _squares(ax, [(left + x, top + y, mark) for y in ends for x in ends], facecolor=BLUE, edgecolor=INK)

    def _map(self, ax, left: float, top: float, side: float) -> None:
        from matplotlib.patches import Circle, Rectangle

        rim = max(2, (3 * self.size + 5) // 10)
        unit, (row, column) = side / (self.size + 2 * rim), self.shown()
        mark = max(0.86 * unit, 0.06)
        frame = Rectangle(
            (left, top), side, side, facecolor="none", edgecolor="#c4c4c4", linewidth=0, hatch="////", zorder=0
        )
        ax.add_patch(frame)
        whole = (left + rim * unit, top + rim * unit, self.size * unit)
        _squares(ax, [whole], facecolor="white", edgecolor=INK, zorder=0.5)
        if unit >= 0.04:
            number_grid(ax, left + rim * unit, top + rim * unit, unit, self.size, self.size, lambda r, c: {"text": ""})
        middle = [lambda cell, start=start: start + (rim + cell + 0.5) * unit for start in (left, top)]
        center = middle[0](column), middle[1](row)
        inside, outside = [], []
        for y, x in itertools.product(self.taps(row), self.taps(column)):
            at = middle[0](x), middle[1](y)
            (ray,) = ax.plot(*zip(center, at, strict=True), color=INK, linewidth=0.5, alpha=0.45)
            ray.set_clip_path(frame)
            kept = 0 <= x < self.size and 0 <= y < self.size
            (inside if kept else outside).append((at[0] - mark / 2, at[1] - mark / 2, mark))
        seen = [(x, y, m) for x, y, m in outside if left <= x <= left + side - m and top <= y <= top + side - m]
        _squares(ax, seen, facecolor="white", edgecolor=VERMILLION)
        for x, y, m in seen:
            ax.plot([x, x + m], [y, y + m], [x, x + m], [y + m, y], color=VERMILLION, linewidth=0.8, zorder=5)
        _squares(ax, inside, facecolor=BLUE, edgecolor=INK)
        ax.add_patch(Circle(center, max(0.62 * unit, 0.06), fill=False, edgecolor=ORANGE, linewidth=2.4, zorder=5))

    def _counts(self, ax, left: float, top: float, side: float) -> None:
        from matplotlib.patches import Rectangle

        unit, k, first = side / self.size, self.kernel**2, 0
        runs = []
        for count, group in itertools.groupby(self.valid().tolist()):
            runs.append((first, len(list(group)), count))
            first += runs[-1][1]
        for (y, tall, a), (x, wide, b) in itertools.product(runs, runs):
            box = (left + x * unit, top + y * unit), wide * unit, tall * unit
            ax.add_patch(Rectangle(*box, facecolor=BLUE, alpha=a * b / k, linewidth=0))
            ax.add_patch(Rectangle(*box, fill=False, edgecolor=GREY, linewidth=0.6))
            if a * b == 1 and k > 1:
                ax.add_patch(Rectangle(*box, facecolor="none", edgecolor=VERMILLION, linewidth=0, hatch="////"))
            if min(wide, tall) * unit >= 0.15:
                at = left + (x + wide / 2) * unit, top + (y + tall / 2) * unit
                backing = {"bbox": dict(facecolor="white", edgecolor="none", pad=0.8)} if a * b == 1 and k > 1 else {}
                color = "white" if a * b == k else INK
                write(ax, *at, str(a * b), 8, ha="center", color=color, **backing)
        row, column = self.shown()
        mark = max(unit, 0.13)
        here = left + (column + 0.5) * unit - mark / 2, top + (row + 0.5) * unit - mark / 2, mark
        _squares(ax, [here], facecolor="none", edgecolor=ORANGE, linewidth=2.4)


def _squares(ax, squares: list[tuple[float, float, float]], **look) -> None:
    from matplotlib.patches import Rectangle

    for x, y, side in squares:
        ax.add_patch(Rectangle((x, y), side, side, **{"linewidth": 0.8, "zorder": 4, **look}))


def dilation_explorer(kernel: int = 3, dilation: int = 2, size: int = 9) -> DilationExplorer:
    """An explorer of a dilated kernel on a square map that is padded to keep its size.

    kernel 1..5, dilation (the rate) 1..65 and size (cells along one side of the map) 5..65 are where its sliders start. ValueError for
    anything else.
    """
    numbers = {"kernel": kernel, "dilation": dilation, "size": size}
    for name, value in numbers.items():
        whole_number("dilation_explorer", name, value, *LIMITS[name])
    return DilationExplorer(**numbers)
