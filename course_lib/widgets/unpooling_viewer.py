"""What do pooling's indices remember? A small map, its 2x2 max pooling, and four ways back to its size.

SegNet (Badrinarayanan, Kendall and Cipolla 2017, figure 3) puts each maximum back at the pixel it came from and leaves zeros around it.
Beside it stand indices drawn at random, the upper left corner of each window, and bilinear interpolation, which needs no indices. The
browser computes all this in unpooling_viewer.js; this file repeats it with PyTorch for the still picture.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import traitlets
from torch import Tensor

from course_lib.widgets.base import BLUE, CourseWidget, es_module, format_number, whole_number
from course_lib.widgets.drawing import number_grid, sheet, write

WAYS = {
    "true": "true indices",
    "random": "random indices",
    "corner": "upper left corner",
    "bilinear": "bilinear",
}
SAMPLES = ("edge", "line", "dots")
SIDES = 2, 8
LETTERS = "abcd"


class UnpoolingViewer(CourseWidget):
    """Use `unpooling_viewer`. The traits are the state; set values, seed and selected to move the widget."""

    _esm = es_module("unpooling_viewer.js")

    size = traitlets.List(help="[H, W], even").tag(sync=True)
    values = traitlets.List(traitlets.Int(min=0, max=9), help="of the input, in reading order").tag(sync=True)
    seed = traitlets.Int(3, min=0, max=999, help="of the random indices").tag(sync=True)
    selected = traitlets.List(traitlets.Int(min=0), [0, 0], help="[row, column]; its window is outlined").tag(sync=True)

    @traitlets.validate("values")
    def _fill_the_map(self, proposal):
        if self.size and len(proposal.value) != self.size[0] * self.size[1]:
            raise traitlets.TraitError(
                f"values must be {self.size[0]} x {self.size[1]} numbers, got {len(proposal.value)}"
            )
        return proposal.value

    def input(self) -> Tensor:
        """The input (H, W) float64."""
        return torch.tensor(self.values, dtype=torch.float64).reshape(*self.size)

    def pool(self) -> tuple[Tensor, Tensor]:
        """The pooled map (H/2, W/2) float64, and where in its window each maximum was, int64: 0 1 above, 2 3 below."""
        pooled, index = F.max_pool2d(self.input()[None], 2, return_indices=True)
        row, column = index[0] // self.size[1], index[0] % self.size[1]
        return pooled[0], 2 * (row % 2) + column % 2

    def ways(self) -> dict[str, Tensor]:
        """The map (H, W) float64 of each way back."""
        pooled, place = self.pool()
        random = torch.tensor(random_places(place.numel(), self.seed)).reshape(place.shape)
        places = {"true": place, "random": random, "corner": torch.zeros_like(place)}
        maps = {name: F.max_unpool2d(pooled[None], self._indices(at)[None], 2)[0] for name, at in places.items()}
        smooth = F.interpolate(pooled[None, None], scale_factor=2, mode="bilinear", align_corners=False)[0, 0]
        return {**maps, "bilinear": smooth}

    def score(self, way: Tensor) -> tuple[int, int, float]:
        """Of a map (H, W): how many maxima above 0 are at their pixel, of how many, and the mean absolute difference to the input."""
        pooled, place = self.pool()
        kept = (way.flatten()[self._indices(place)] == pooled) & (pooled > 0)
        return int(kept.sum()), int((pooled > 0).sum()), float((way - self.input()).abs().mean())

    def verdict(self) -> list[str]:
        """One sentence for the pooling, one for each way back."""
        count = len(self.values)
        lines = [
            f"Pooling keeps {count // 4} of {count} numbers; the letters, 2 bits each, say where in its window each was."
        ]
        for name, way in self.ways().items():
            kept, total, error = self.score(way)
            label = WAYS[name][0].upper() + WAYS[name][1:]
            difference = f"mean difference to the input {format_number(error)}"
            chance = " (by chance 1 in 4)" if name == "random" else ""
            lines.append(f"{label}: {kept} of {total} maxima have their value at their pixel{chance}; {difference}.")
        return lines

    def describe(self) -> str:
        return "Unpooling viewer, input {}×{}. ".format(*self.size) + " ".join(self.verdict())

    def figure(self):
        height, width = self.size
        cell = 2.1 / max(height, width)
        tall = height * cell
        figure, ax = sheet(9.6, 2.35 + 2 * tall)
        for index, text in enumerate(self.verdict()):
            write(ax, 0.2, 0.2 + 0.2 * index, text, 8.5)
        pooled, place = self.pool()
        maxima = torch.zeros(height * width, dtype=torch.int64)
        maxima[self._indices(place).flatten()] = 1
        maxima = maxima.reshape(height, width)
        top = 1.55
        letter = lambda r, c: LETTERS[place[r // 2, c // 2]] if maxima[r, c] else ""  # noqa: E731
        self._grid(ax, 0.2, top, cell, f"input, {height}×{width}", self.input(), 1, letter)
        caption = f"max pooling 2×2, {height // 2}×{width // 2}"
        self._grid(ax, 2.6, top, cell, caption, pooled, 2, lambda r, c: LETTERS[place[r, c]])
        for index, (name, way) in enumerate(self.ways().items()):
            self._grid(ax, 0.2 + 2.35 * index, top + tall + 0.45, cell, WAYS[name], way, 1, lambda r, c: "")
        return figure

    def _grid(self, ax, left: float, top: float, cell: float, caption: str, values: Tensor, step: int, letter) -> None:
        """Numbers, the chosen window outlined; `step`: input pixels between two neighbors."""
        window = [at // 2 for at in self.selected]

        def look(r: int, c: int) -> dict:
            value, chosen = float(values[r, c]), [r * step // 2, c * step // 2] == window
            tint = {"fill": BLUE if value else None, "alpha": 0.42 * value / 9, "edge": BLUE if chosen else None}
            return {"text": format_number(value, 1), "tag": letter(r, c), **tint}

        write(ax, left, top - 0.14, caption, 9, weight="bold")
        number_grid(ax, left, top, cell, *values.shape, look)

    def _indices(self, place: Tensor) -> Tensor:
        """Flat indices into the input (H/2, W/2) of places in the windows."""
        rows, columns = torch.meshgrid(*(torch.arange(0, n, 2) for n in self.size), indexing="ij")
        return (rows + place // 2) * self.size[1] + columns + place % 2


def unpooling_viewer(values: Any = "edge", size: int = 6, seed: int = 3) -> UnpoolingViewer:
    """A viewer of what comes back from 2x2 max pooling.

    values: a map (H, W) of whole numbers 0 ... 9, sides even, 2 ... 8; or "edge", "line", "dots" on a map of `size` x `size`. seed 0 ...
    999 of the random indices. ValueError for anything else.
    """
    whole_number("unpooling_viewer", "seed", seed, 0, 999)
    if isinstance(values, str):
        if values not in SAMPLES:
            raise ValueError(f"unpooling_viewer: values must be a map or one of {', '.join(SAMPLES)}, got {values!r}")
        whole_number("unpooling_viewer", "size", size, *SIDES)
        if size % 2:
            raise ValueError(f"unpooling_viewer: size must be even, got {size}")
        array = sample(values, (size, size))
    else:
        array = np.asarray(values)
    if array.ndim != 2 or any(n % 2 or not SIDES[0] <= n <= SIDES[1] for n in array.shape):
        raise ValueError(f"unpooling_viewer: values have shape {array.shape}; they must be (H, W), both even, 2 to 8")
    if ((array < 0) | (array > 9) | (array != array.round())).any():
        raise ValueError(
            f"unpooling_viewer: values must be whole numbers 0 to 9, got {array.min():g} to {array.max():g}"
        )
    return UnpoolingViewer(size=list(array.shape), values=[int(v) for v in array.ravel()], seed=seed)


def random_places(count: int, seed: int) -> list[int]:
    """A place 0 ... 3 for each of `count` windows, the same for the same seed (Park and Miller's generator)."""
    places, state = [], seed + 1
    for _ in range(count + 2):
        state = state * 16807 % 2147483647
        places.append(state * 4 // 2147483647)
    return places[2:]  # the first draws of small seeds are alike


def sample(name: str, shape: tuple[int, int]) -> np.ndarray:
    """One of SAMPLES (H, W) int64: a slanted edge, a thin line, single dots."""
    height, width = shape
    r, c = np.indices(shape)
    if name == "edge":
        texture = (2 * (r % 2) + c % 2 + r // 2 + 2 * (c // 2)) % 4  # no two equal numbers in a window
        return texture + np.where(2 * c + r > width + height // 2, 6, 0)
    if name == "line":
        return np.where(c == np.minimum(1 + r // 2, width - 1), 9 - r % 3, 0)
    return np.where((3 * r + 5 * c) % 11 == 4, 3 + (r + 2 * c) % 7, 0)
