"""Transposed convolution, one stamp at a time: where do the numbers of the output come from?

Each input cell stamps its multiple of the kernel onto the output, `stride` cells apart; where stamps overlap they add. The second view
shows the same output as an ordinary convolution: zeros between the input cells, a border, and the flipped kernel sliding over it.
After the figures of Dumoulin and Visin, A guide to convolution arithmetic for deep learning (2016); unlike there, every number is shown.

The browser computes all this in deconvolution_stepper.js; this file repeats it with PyTorch, and deconvolution_picture.py
draws the still picture.
"""

from typing import Any

import torch
import torch.nn.functional as F
import traitlets
from torch import Tensor

from course_lib.widgets import deconvolution_picture
from course_lib.widgets.base import CourseWidget, es_module, format_number, whole_number

RANGES = {
    "size": (1, 4),
    "kernel": (1, 5),
    "stride": (1, 4),
    "padding": (0, 3),
    "output_padding": (0, 3),
    "dilation": (1, 3),
}


def _number(name: str, default: int) -> traitlets.Int:
    low, high = RANGES[name]
    return traitlets.Int(default, min=low, max=high).tag(sync=True)


class DeconvolutionStepper(CourseWidget):
    """Use `deconvolution_stepper`. The traits are the state; set them to move the widget, read them to see where it stands."""

    _esm = es_module("deconvolution_stepper.js")

    size = _number("size", 3)
    kernel = _number("kernel", 3)
    stride = _number("stride", 2)
    padding = _number("padding", 0)
    output_padding = _number("output_padding", 0)
    dilation = _number("dilation", 1)
    x = traitlets.List(help="input rows; used while there are `size` of them, else 1, 2, 3, ...").tag(sync=True)
    weight = traitlets.List(help="kernel rows; used while there are `kernel` of them, else a fixed pattern").tag(
        sync=True
    )
    step = traitlets.Int(None, allow_none=True, min=0, help="stamps so far; None is all of them").tag(sync=True)
    selected = traitlets.List(None, allow_none=True, help="[row, column] of the output cell whose sum is shown").tag(
        sync=True
    )
    view = traitlets.Enum(("stamps", "zeros"), "stamps").tag(sync=True)

    def input_values(self) -> Tensor:
        """The input (size, size) float64."""
        n = self.size
        return torch.tensor(
            self.x if len(self.x) == n else [[i * n + j + 1 for j in range(n)] for i in range(n)]
        ).double()

    def kernel_values(self) -> Tensor:
        """The kernel (kernel, kernel) float64."""
        k = self.kernel
        pattern = [[1 + (2 * a + b) % 3 for b in range(k)] for a in range(k)]
        return torch.tensor(self.weight if len(self.weight) == k else pattern).double()

    def output_size(self) -> int:
        """Cells along one side of the output; below 1 where padding cuts everything away."""
        extent = self.dilation * (self.kernel - 1) + 1
        return (self.size - 1) * self.stride - 2 * self.padding + extent + self.output_padding

    def problem(self) -> str:
        """Why PyTorch refuses these numbers, in one sentence; "" if it accepts them."""
        limit = max(self.stride, self.dilation)
        if self.output_padding >= limit:
            return (
                f"Output padding {self.output_padding} is too large: it must be smaller than the stride or the dilation, "
                f"so at most {limit - 1} here."
            )
        if self.output_size() < 1:
            o = format_number(self.output_size())
            return f"Padding {self.padding} cuts away everything: the output would be {o}×{o}."
        return ""

    def formula(self) -> str:
        numbers = f"({self.size} − 1)·{self.stride} − 2·{self.padding} + {self.dilation}·({self.kernel} − 1)"
        return f"{numbers} + {self.output_padding} + 1 = {format_number(self.output_size())}"

    def stamps(self) -> int:
        """How many input cells have stamped; the zero-insertion view always shows the finished output."""
        total = self.size**2
        return total if self.step is None or self.view == "zeros" else min(self.step, total)

    def output(self) -> Tensor:
        """The output (o, o) float64 after `stamps()` stamps."""
        return self._transposed(self.padding, self.output_padding)

    def uncropped(self) -> Tensor:
        """The output with the `padding` rows and columns that are cut from each side."""
        return F.pad(self._transposed(0, 0), [0, max(0, self.output_padding - self.padding)] * 2)

    def _transposed(self, padding: int, output_padding: int) -> Tensor:
        x = self.input_values().flatten()
        x[self.stamps() :] = 0
        x = x.reshape(1, 1, self.size, self.size)
        weight = self.kernel_values()[None, None]
        return F.conv_transpose2d(x, weight, None, self.stride, padding, output_padding, 1, self.dilation)[0, 0]

    def zero_inserted(self) -> Tensor:
        """The input with zeros between its cells and a border: a stride-1 convolution with the flipped kernel gives the output."""
        spread = torch.zeros([(self.size - 1) * self.stride + 1] * 2, dtype=torch.float64)
        spread[:: self.stride, :: self.stride] = self.input_values()
        border = self.dilation * (self.kernel - 1) - self.padding  # negative cuts
        return F.pad(spread, [border, border + self.output_padding] * 2)

    def contributions(self, row: int, column: int) -> list[tuple[int, int, int, int]]:
        """Which products make output[row, column]: (i, j, a, b) for input[i, j] · kernel[a, b], in input order."""

        def along(o: int) -> list[tuple[int, int]]:
            taps = ((i, divmod(o + self.padding - i * self.stride, self.dilation)) for i in range(self.size))
            return [(i, tap) for i, (tap, rest) in taps if rest == 0 and 0 <= tap < self.kernel]

        return [(i, j, a, b) for i, a in along(row) for j, b in along(column)]

    def chosen(self) -> tuple[int, int]:
        """The output cell whose sum is shown: the selected one, else the one near the middle where most stamps meet."""
        o = self.output_size()
        if self.selected and max(self.selected) < o:
            return self.selected[0], self.selected[1]
        best = max(range(o), key=lambda r: (len(self.contributions(r, r)), -abs(r - (o - 1) / 2), -r))
        return best, best

    def equation(self, row: int, column: int) -> str:
        """The products that add up to output[row, column] so far, as in "output[0, 1] = 2·1 + 3·2 = 8"."""
        x, w = self.input_values(), self.kernel_values()
        parts = [p for p in self.contributions(row, column) if p[0] * self.size + p[1] < self.stamps()]
        terms = [f"{_factor(x[i, j])}·{_factor(w[a, b])}" for i, j, a, b in parts]
        total = format_number(self.output()[row, column].item())
        return f"output[{row}, {column}] = {' + '.join(terms) + ' = ' if terms else ''}{total}"

    def describe(self) -> str:
        sizes = f"input {self.size}×{self.size}, kernel {self.kernel}×{self.kernel}"
        numbers = f"stride {self.stride}, padding {self.padding}, output padding {self.output_padding}, dilation {self.dilation}"
        start = f"Deconvolution stepper: {sizes}, {numbers}."
        if self.problem():
            return f"{start} {self.problem()} PyTorch refuses this layer."
        done, total = self.stamps(), self.size**2
        sofar = "" if done == total else f" after {done} of {total} stamps"
        return f"{start} Output size {self.formula()}. {self.equation(*self.chosen())}{sofar}."

    def figure(self):
        return deconvolution_picture.figure(self)


def deconvolution_stepper(
    kernel: int = 3,
    stride: int = 2,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
    *,
    size: int = 3,
    x: Any = None,
    weight: Any = None,
    view: str = "stamps",
) -> DeconvolutionStepper:
    """A stepper through the transposed convolution of one channel.

    kernel 1..5, stride 1..4, padding 0..3, output_padding 0..3, dilation 1..3 and size (the square input) 1..4 are where its sliders
    start; numbers that PyTorch refuses together are shown with the rule they break. `x` (n, n) and `weight` (k, k), tensors or nested
    lists, set the values, and with them size and kernel. view "stamps" or "zeros" (zero insertion). ValueError for anything else.
    """
    values = {}
    for name, rows in (("x", x), ("weight", weight)):
        limit = RANGES["size" if name == "x" else "kernel"][1]
        values[name] = [] if rows is None else _square(name, rows, limit)
    numbers = {
        "kernel": len(values["weight"]) or kernel,
        "size": len(values["x"]) or size,
        "stride": stride,
        "padding": padding,
    }
    numbers |= {"output_padding": output_padding, "dilation": dilation}
    for name, value in numbers.items():
        whole_number("deconvolution_stepper", name, value, *RANGES[name])
    if view not in ("stamps", "zeros"):
        raise ValueError(f'deconvolution_stepper: view must be "stamps" or "zeros", got {view!r}')
    return DeconvolutionStepper(**numbers, **values, view=view)


def _factor(value: Tensor) -> str:
    text = format_number(value.item())
    return f"({text})" if value < 0 else text


def _square(name: str, rows: Any, limit: int) -> list[list[float]]:
    try:
        values = torch.as_tensor(rows, dtype=torch.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"deconvolution_stepper: {name} must be rows of numbers, got {rows!r}") from error
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not 1 <= len(values) <= limit:
        shape = "×".join(map(str, values.shape)) or "a single number"
        raise ValueError(f"deconvolution_stepper: {name} must be square, 1×1 to {limit}×{limit}, got {shape}")
    if not values.isfinite().all():
        raise ValueError(f"deconvolution_stepper: {name} must hold finite numbers")
    return values.tolist()
