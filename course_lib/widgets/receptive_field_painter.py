"""What does one output cell see, and how densely?

A stack of layers along one axis: each output cell reads `kernel` cells of the map below, `rate` cells apart, and its neighbor reads
`stride` cells further on. What reaches down to the input is the receptive field. Its size follows from the recursion of
`course_lib.ops.receptive_field`. How often an input cell is used, the number of paths down to it from the output cell, is the gradient of a
linear network whose weights are all 1: a bell (Luo et al., Understanding the Effective Receptive Field, 2016), and 0 in the holes that
equal rates leave (Wang et al., Understanding Convolution for Semantic Segmentation, 2018).

The browser computes all this in receptive_field_painter.js; this file repeats it, and receptive_field_picture.py draws the still picture.
"""

from collections.abc import Iterable
from typing import Any

import torch
import traitlets
from torch import Tensor

from course_lib.ops import Field, Layer, receptive_field
from course_lib.widgets import receptive_field_picture
from course_lib.widgets.base import HERE, CourseWidget, es_module, format_number, whole_number

LIMITS = {"kernel": (1, 7), "stride": (1, 4), "rate": (1, 8)}
MOST_LAYERS = 6
SIZES = (5, 129)
DRAWING = ("receptive_field_pictures.js", "receptive_field_view.js")  # behind the arithmetic in one module


class ReceptiveFieldPainter(CourseWidget):
    """Use `receptive_field_painter`. The traits are the state; set them to move the widget, read them to see where it stands."""

    _esm = "\n".join([es_module("receptive_field_painter.js"), *((HERE / name).read_text("utf-8") for name in DRAWING)])

    layers = traitlets.List(help="[[kernel, stride, rate], ...] from the first layer to the last").tag(sync=True)
    size = traitlets.Int(33, min=SIZES[0], max=SIZES[1], help="cells along one side of the input").tag(sync=True)
    padding = traitlets.Enum(("same", "none"), "same").tag(sync=True)
    cell = traitlets.Int(None, allow_none=True, min=0, help="output cell, on both axes; None is the middle").tag(
        sync=True
    )
    view = traitlets.Enum(("paths", "touched"), "paths", help="what colors the input cells").tag(sync=True)
    previous = traitlets.List(help="layers whose field is compared with; empty for none").tag(sync=True)

    @traitlets.default("layers")
    def _default_layers(self) -> list[list[int]]:
        return [[3, 1, 1]]

    @traitlets.validate("layers", "previous")
    def _known_layers(self, proposal) -> list[list[int]]:
        empty = proposal["trait"].name == "previous" and not proposal["value"]
        try:
            return [] if empty else checked(proposal["value"])
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from error

    def chain(self, layers: list[list[int]] | None = None) -> list[Layer]:
        """The layers with their padding, that in front of the map; behind it there may be one cell more."""
        layers = self.layers if layers is None else layers
        same = self.padding == "same"
        return [Layer(k, s, (k - 1) * rate // 2 if same else 0, rate) for k, s, rate in layers]

    def map_sizes(self) -> list[int]:
        """Cells along one side of the input and of each layer's map; the list ends before a layer that does not fit."""
        sizes = [self.size]
        for kernel, stride, rate in self.layers:
            room = sizes[-1] - 1 - (0 if self.padding == "same" else (kernel - 1) * rate)
            if room < 0:
                break
            sizes.append(room // stride + 1)
        return sizes

    def problem(self) -> str:
        """Why there is no output, in one sentence; "" if there is one."""
        sizes = self.map_sizes()
        if len(sizes) > len(self.layers):
            return ""
        kernel, _, rate = self.layers[len(sizes) - 1]
        extent = (kernel - 1) * rate + 1
        spans = f"Layer {len(sizes)} spans {extent} cells, but the map below it has {sizes[-1]}"
        return f"{spans}: without padding it fits nowhere."

    def fields(self) -> list[Field]:
        """The field of a cell of the input and of each layer's map."""
        chain = self.chain()
        return [receptive_field(chain[:count]) for count in range(len(chain) + 1)]

    def shown_cell(self) -> int:
        """The output cell that is shown: the chosen one while it exists, else the middle. Only where there is an output."""
        cells = self.map_sizes()[-1]
        return self.cell if self.cell is not None and self.cell < cells else cells // 2

    def reads(self, level: int, cell: int) -> list[int]:
        """The cells of the map below that this cell of layer `level` (from 1) reads; some may lie in the padding."""
        kernel, stride, padding, rate = self.chain()[level - 1]
        return [cell * stride - padding + tap * rate for tap in range(kernel)]

    def paths(self) -> list[Tensor]:
        """Paths from the shown cell down to each cell of the input and of each map, float64 (cells,) each; padding is a dead end."""
        sizes = self.map_sizes()
        counts = [torch.zeros(cells, dtype=torch.float64) for cells in sizes]
        counts[-1][self.shown_cell()] = 1
        for level in range(len(self.layers), 0, -1):
            for cell in counts[level].nonzero()[:, 0].tolist():
                for at in self.reads(level, cell):
                    if 0 <= at < sizes[level - 1]:
                        counts[level - 1][at] += counts[level][cell]
        return counts

    def profile(self) -> Tensor:
        """Paths to each cell of the field from an output cell far from any border, float64 (field,)."""
        counts, jump = torch.ones(1, dtype=torch.float64), 1
        for kernel, stride, rate in self.layers:
            wider = counts.new_zeros(len(counts) + (kernel - 1) * rate * jump)
            for tap in range(kernel):
                wider[tap * rate * jump :][: len(counts)] += counts
            counts, jump = wider, jump * stride
        return counts

    def middle(self, share: float) -> int:
        """Side of the smallest square in the middle of the field that holds this share of the paths of both axes."""
        counts = self.profile()
        n = len(counts)
        sides = torch.arange(n % 2 or 2, n + 1, 2)
        upto = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        held = (upto[(n + sides) // 2] - upto[(n - sides) // 2]) / upto[-1]
        return int(sides[held**2 >= share][0])

    def before(self) -> int | None:
        """Size of the field of the `previous` layers, if there are any."""
        return receptive_field(self.chain(self.previous)).size if self.previous else None

    def verdict(self) -> dict[str, str]:
        """What the field is, in words: its reach against that of the previous layers, its holes, its weight."""
        counts, before = self.profile(), self.before()
        n, touched = len(counts), int((counts > 0).sum())
        ratio = "" if before is None else "; as wide as before the last change"
        if before is not None and before != n:
            times = format_number(n / before)
            ratio = f"; before the last change {before}×{before}, so {times} times as wide"
        share = format_number(100 * touched**2 / n**2, 1)
        half, most = self.middle(0.5), self.middle(0.95)
        holes = f"Holes: {touched**2} of the {n**2} cells of the field are touched ({share} %), the padding among them counted."
        whole = f"No holes: all {n**2} cells of the field are touched, the padding among them counted."
        return {
            "reach": f"Field: {n}×{n} input cells{ratio}.",
            "holes": whole if touched == n else holes,
            "weight": f"Half of the paths end in its middle {half}×{half} cells, 95 % in {most}×{most}.",
        }

    def where(self) -> str:
        """Which input cells the shown cell sees along one axis, in words."""
        size, jump, start = self.fields()[-1]
        first = start + self.shown_cell() * jump
        last = first + size - 1
        outside = min(size, max(0, -first)) + min(size, max(0, last + 1 - self.size))
        cells = (
            f"cell {format_number(first)}" if size == 1 else f"cells {format_number(first)} to {format_number(last)}"
        )
        return f"Output cell {self.shown_cell()} sees input {cells}{f', {outside} of them outside the map' * bool(outside)}."

    def describe(self) -> str:
        layers = "; ".join(f"kernel {k}, stride {s}, rate {rate}" for k, s, rate in self.layers)
        start = f"Receptive-field painter: input {self.size}×{self.size}, padding {self.padding}, layers {layers}."
        return " ".join([start, self.problem() or self.where(), *self.verdict().values()])

    def figure(self):
        return receptive_field_picture.figure(self)


def receptive_field_painter(
    layers: Iterable[Any] = ((3, 1, 1), (3, 2, 1), (3, 1, 1)), size: int = 33, *, padding: str = "same"
) -> ReceptiveFieldPainter:
    """A painter of what an output cell of a stack of layers sees.

    layers: 1 to 6 of (kernel 1..7, stride 1..4, rate 1..8), the first one nearest the input; stride and rate are 1 unless given. size
    5..129 is the side of the square input. padding "same" (ceil(cells / stride) cells stay) or "none". ValueError for anything else.
    """
    known = checked(layers)
    whole_number("receptive_field_painter", "size", size, *SIZES)
    if padding not in ("same", "none"):
        raise ValueError(f'receptive_field_painter: padding must be "same" or "none", got {padding!r}')
    return ReceptiveFieldPainter(layers=known, size=size, padding=padding)


def checked(layers: Iterable[Any]) -> list[list[int]]:
    """[[kernel, stride, rate], ...]; ValueError with one sentence for what the painter cannot show."""
    rule = "layers must be 1 to 6 of (kernel, stride, rate)"
    try:
        known = [[*layer] for layer in layers]
    except TypeError as error:
        raise ValueError(f"receptive_field_painter: {rule}, got {layers!r}") from error
    if not 1 <= len(known) <= MOST_LAYERS:
        raise ValueError(f"receptive_field_painter: {rule}, got {len(known)} layers")
    for index, layer in enumerate(known, 1):
        if not 1 <= len(layer) <= 3:
            raise ValueError(f"receptive_field_painter: {rule}, got {tuple(layer)} for layer {index}")
        layer += [1] * (3 - len(layer))
        for value, (name, limits) in zip(layer, LIMITS.items(), strict=True):
            whole_number("receptive_field_painter", f"{name} of layer {index}", value, *limits)
    return known
