"""Is there one marker depth that is right for every cell? Watershed of a mask of touching cells, with the markers in the learner's hand.

A marker is a maximum of the distance map that stands at least h above the pass to a higher one. A small h leaves several markers in one
cell and cuts it, a large h takes the marker from a cell and merges it with its neighbor, or loses it where it has none.

The browser computes and draws all this (watershed.js, watershed_explorer.js); watershed.py repeats it for the still picture.
"""

import base64
from typing import Any

import numpy as np
import traitlets

from course_lib.widgets import watershed, watershed_picture
from course_lib.widgets.base import CourseWidget, format_number
from course_lib.widgets.label_maps import LARGEST, es_module_with_maps, pack, unpack

DEEPEST = 5.0  # px, of the slider


class WatershedExplorer(CourseWidget):
    """Use `watershed_explorer`. The traits are the state; set h, level and row to move the widget."""

    _esm = es_module_with_maps("watershed.js", "watershed_explorer.js")

    h = traitlets.Float(1.0, min=0.0, max=DEEPEST, help="px; least depth of a marker").tag(sync=True)
    level = traitlets.Float(0.0, max=0.0, help="px; height of the water, 0 = all is flooded").tag(sync=True)
    row = traitlets.Int(0, min=0, help="of the cross-section").tag(sync=True)
    tried = traitlets.List(traitlets.Float(), help="every h so far").tag(sync=True)
    size = traitlets.List(help="[H, W]").tag(sync=True)
    mask = traitlets.Unicode(help="packed (label_maps.pack)").tag(sync=True)
    picture = traitlets.Unicode("", help="gray picture, base64 of H * W bytes; empty if a mask was given").tag(
        sync=True
    )
    truth = traitlets.Unicode("", help="packed, all true cells one after another").tag(sync=True)
    cells = traitlets.Int(0, min=0, help="number of true cells").tag(sync=True)

    @traitlets.observe("h")
    def _remember(self, change) -> None:
        if change.new not in self.tried:
            self.tried = [*self.tried, change.new]

    @traitlets.validate("row")
    def _is_inside(self, proposal):
        if self.size and proposal.value >= self.size[0]:
            raise traitlets.TraitError(f"row must be 0 to {self.size[0] - 1}, got {proposal.value}")
        return proposal.value

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
        made, became = (words.rstrip(".") for words in self.verdict())
        water = "" if self.level == 0 else f"; water at {format_number(self.level)} px"
        cells = f"; {became[0].lower()}{became[1:]}" if became else ""
        return f"Watershed explorer, mask of {height}×{width} pixels, {made}{cells}{water}."

    def figure(self):
        return watershed_picture.figure(self)


def watershed_explorer(image_or_mask: Any, truth: Any = None, *, h: float = 1.0) -> WatershedExplorer:
    """An explorer of the watershed of a mask of touching cells.

    image_or_mask: a mask (H, W), bool or integers 0 and 1; or a picture (3, H, W), (1, H, W) or (H, W) float in [0, 1], bright cells on
    dark ground, which Otsu's threshold turns into a mask. Sides of 2 to 256 pixels. truth (M, H, W) bool: the true cells; then the
    widget also says how many of them are right, merged, cut and lost. h 0 ... 5 px: where the slider of the marker depth starts. The
    cross-section starts at the row that crosses most regions. ValueError for anything else.
    """
    mask, picture = _mask(image_or_mask)
    if min(mask.shape) < 2 or max(mask.shape) > LARGEST:
        shape = "×".join(map(str, mask.shape))
        raise ValueError(f"watershed_explorer: the mask is {shape}; its sides must be 2 to {LARGEST} pixels")
    if mask.all() or not mask.any():
        value = "all" if mask.all() else "no"
        raise ValueError(f"watershed_explorer: {value} pixels are in the mask; it needs both cells and background")
    if isinstance(h, bool) or not isinstance(h, int | float) or not 0 <= h <= DEEPEST:
        raise ValueError(f"watershed_explorer: h must be a number from 0 to {DEEPEST:.0f}, got {h!r}")
    cells = np.zeros((0, *mask.shape), bool) if truth is None else np.asarray(truth).astype(bool)
    if cells.ndim != 3 or cells.shape[1:] != mask.shape:
        raise ValueError(
            f"watershed_explorer: truth has shape {cells.shape}; it must be (M, H, W) with (H, W) = {mask.shape}"
        )
    empty = np.flatnonzero(~cells.any((1, 2)))
    if empty.size:
        raise ValueError(f"watershed_explorer: cell {empty[0]} of truth has no pixel; leave it out")
    explorer = WatershedExplorer(
        h=float(h),
        tried=[float(h)],
        size=list(mask.shape),
        mask=pack(mask),
        picture=picture,
        truth=pack(cells),
        cells=len(cells),
    )
    regions = explorer.regions()
    explorer.row = int(np.argmax([len(np.unique(line[line > 0])) for line in regions]))
    return explorer


def _mask(given: Any) -> tuple[np.ndarray, str]:
    """The mask (H, W) bool, and the gray picture as base64 ("" if a mask was given)."""
    array = np.asarray(given)
    if array.dtype.kind == "f":
        from skimage.filters import threshold_otsu

        from course_lib.plots.pictures import as_rgb

        gray = as_rgb(given).mean(-1).round().astype(np.uint8)
        if gray.min() == gray.max():
            raise ValueError(
                "watershed_explorer: the image has one gray value everywhere; there is nothing to separate"
            )
        return gray > threshold_otsu(gray), base64.b64encode(gray.tobytes()).decode("ascii")
    if array.ndim != 2 or array.dtype.kind not in "biu" or array.min(initial=0) < 0 or array.max(initial=0) > 1:
        raise ValueError(
            f"watershed_explorer: the mask is {array.dtype} of shape {array.shape} with values up to {array.max(initial=0)}; "
            "give (H, W) bool, or 0 and 1"
        )
    return array.astype(bool), ""


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
