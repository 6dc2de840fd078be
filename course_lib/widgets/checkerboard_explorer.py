"""Where do checkerboards come from, the number of stamps or what is on them?

Odena, Dumoulin and Olah (Deconvolution and Checkerboard Artifacts, 2016) count how many stamps reach each output pixel: when the stride
does not divide the kernel, the counts alternate. That settles the case of a uniform kernel only. On a flat input an interior output pixel
is the sum of every stride-th kernel cell, one of stride × stride phase sums, and the pattern vanishes exactly when these are equal. A
random kernel of an even coverage has a pattern; the bilinear kernel of 3 at stride 2 has none, though its coverage is uneven.

Two measures. The ripple, standard deviation / |mean| of the phase sums, belongs to kernel and stride alone. The AC energy at the period
of the stride (`course_lib.ops.period_energy`) belongs to a picture: on a flat input it is 1 or 0, on a hill it says how much of the
variation is the pattern.

The browser computes all this in checkerboard_explorer.js; this file repeats it for the still picture, with PyTorch.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
import traitlets
from torch import Tensor

from course_lib.ops import coverage, period_energy
from course_lib.widgets.base import BLUE, INK, VERMILLION, CourseWidget, es_module, format_number, whole_number
from course_lib.widgets.drawing import number_grid, sheet, write

LETTERS = "abcdefghijklmnop"
KERNELS = {"uniform": "Uniform kernel", "bilinear": "Bilinear kernel", "random": "Random kernel"}
SIGNALS = ("flat", "hill")


def random_values(seed: int, count: int) -> Tensor:
    """Two-decimal numbers (count,) float64 in [-1, 1] from a Lehmer generator, the same as in the browser."""
    state, values = seed + 1, []
    for index in range(count + 3):
        state = state * 48271 % 2147483647
        if index >= 3:
            values.append((math.floor(state / 2147483647 * 201) - 100) / 100)
    return torch.tensor(values, dtype=torch.float64)


class CheckerboardExplorer(CourseWidget):
    """Use `checkerboard_explorer`. The traits are the state; set them to move the widget, read them to see where it stands."""

    _esm = es_module("checkerboard_explorer.js")

    kernel = traitlets.Int(3, min=1, max=8).tag(sync=True)
    stride = traitlets.Int(2, min=1, max=4).tag(sync=True)
    padding = traitlets.Int(0, min=0, max=3).tag(sync=True)
    values = traitlets.Enum(tuple(KERNELS), "uniform").tag(sync=True)
    seed = traitlets.Int(0, min=0, max=999, help="of the random kernel").tag(sync=True)
    signal = traitlets.Enum(SIGNALS, "flat", help="the input").tag(sync=True)

    def input_values(self) -> Tensor:
        """The input (n, n) float64; n gives two or three whole periods away from the border."""
        n = (8, 6, 5, 4)[self.stride - 1]
        hill = torch.sin(math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n) ** 2
        return torch.ones(n, n, dtype=torch.float64) if self.signal == "flat" else 0.25 + 0.75 * torch.outer(hill, hill)

    def kernel_values(self) -> Tensor:
        """The kernel (kernel, kernel) float64."""
        k = self.kernel
        if self.values == "random":
            return random_values(self.seed, k * k).reshape(k, k)
        tent = 1 - (torch.arange(k, dtype=torch.float64) - (k - 1) / 2).abs() / ((k + 1) // 2)
        return torch.ones(k, k, dtype=torch.float64) if self.values == "uniform" else torch.outer(tent, tent)

    def response(self) -> Tensor:
        """The output (o, o) float64."""
        x, weight = self.input_values()[None, None], self.kernel_values()[None, None]
        return F.conv_transpose2d(x, weight, stride=self.stride, padding=self.padding)[0, 0]

    def coverage(self) -> Tensor:
        """Stamps per output pixel along one axis, int64 (o,); the two-dimensional counts are its products."""
        return coverage(len(self.input_values()), self.kernel, self.stride, self.padding)

    def interior(self) -> tuple[int, int]:
        """First pixel and side of the square window away from the border, whole periods only."""
        first = max(self.kernel - self.stride, self.padding, 0) - self.padding
        end = min(len(self.input_values()) * self.stride - self.padding, len(self.coverage()))
        return first, (end - first) // self.stride * self.stride

    def phase_sums(self) -> Tensor:
        """What interior pixels of a flat input get, by phase: (stride, stride) float64 sums of every stride-th kernel cell."""
        w, s = self.kernel_values(), self.stride
        return torch.tensor([[w[a::s, b::s].sum().item() for b in range(s)] for a in range(s)], dtype=torch.float64)

    def ripple(self) -> float:
        """Standard deviation / |mean| of the phase sums: 0 without a pattern, infinite where the mean is 0."""
        sums = self.phase_sums()
        deviation, mean = sums.std(correction=0).item(), abs(sums.mean().item())
        return 0.0 if deviation < 1e-9 else math.inf if mean < 1e-9 else deviation / mean

    def energy(self) -> float:
        """Share of the AC energy in the interior of the output at the period of the stride (`period_energy`)."""
        first, side = self.interior()
        return period_energy(self.response()[first : first + side, first : first + side], self.stride).item()

    def marked_row(self) -> int:
        """The output row whose bars are drawn: of one period in the middle, the one that varies most."""
        first, side = self.interior()
        start = first + side // self.stride // 2 * self.stride
        rows = self.response()[start : start + self.stride, first : first + side]
        spread = (rows.amax(1) - rows.amin(1)).tolist()
        return start + next(r for r, value in enumerate(spread) if value >= max(spread) - 1e-9)

    def verdict(self) -> dict[str, str]:
        """The two findings and the measure, in words: coverage, pattern, energy."""
        k, s = self.kernel, self.stride
        along = {max(0, math.ceil((k - r) / s)) for r in range(s)}
        counts = sorted({a * b for a in along for b in along})
        even = len(counts) == 1
        some = str(counts[0]) if even else f"{', '.join(map(str, counts[:-1]))} or {counts[-1]}"
        ratio = "1" if even else format_number(counts[-1] / counts[0]) if counts[0] else "infinite: gaps"
        stamps = f"Every interior pixel gets {some} stamp{'' if counts == [1] else 's'} (max/min {ratio})"
        ripple = self.ripple()
        but = ", although every pixel gets equally many" if ripple and even else ""
        but = ", although the counts differ" if not ripple and not even else but
        shown = "infinite (the mean is 0)" if ripple == math.inf else f"{ripple:.2f}"
        why = "on a flat input all variation is pattern" if ripple else "nothing varies"
        why = "the rest is the hill" if self.signal == "hill" else why
        energy = f"AC energy at period {s} in the dashed window: {self.energy():.2f} ({why})."
        return {
            "coverage": f"{stamps}; {k} is {'not ' if k % s else ''}divisible by {s}.",
            "pattern": f"{KERNELS[self.values]}: {'a' if ripple else 'no'} pattern{but}. "
            f"Ripple {shown} (std / |mean| of the phase sums).",
            "energy": "Stride 1 has no period." if s == 1 else energy,
        }

    def describe(self) -> str:
        words = self.verdict()
        return f"Checkerboard explorer: kernel {self.kernel}, stride {self.stride}, padding {self.padding}. {' '.join(words.values())}"

    def figure(self):
        counts, out, row = self.coverage(), self.response(), self.marked_row()
        o, k, s = len(counts), self.kernel, self.stride
        cell = min(0.2, 3.2 / o)
        small = min(0.34, 2.4 / k)
        figure, ax = sheet(9.6, 1.15 + max(o * cell + 1.1, small * (k + s) + 0.75))
        for index, line in enumerate(self.verdict().values()):
            write(ax, 0.2, 0.2 + 0.2 * index, line, 9)
        top = 1.05
        for caption, values, y in (
            (f"kernel, {k}×{k}", self.kernel_values(), top),
            (f"phase sums, {s}×{s}", self.phase_sums(), top + small * k + 0.4),
        ):
            write(ax, 0.2, y - 0.14, caption, 9, weight="bold")
            number_grid(ax, 0.2, y, small, len(values), len(values), self._tinted(values))
        for left, caption, values, bars in (
            (2.9, f"stamps per pixel, {o}×{o}", torch.outer(counts, counts), counts),
            (6.3, f"output, {o}×{o}", out, out[row]),
        ):
            write(ax, left, top - 0.14, caption, 8.5, weight="bold")
            self._map(ax, left, top, cell, values, bars)
            signs = " Blue is above 0, orange below." if (values < 0).any() else ""
            note = "Bars: stamps along one axis." if bars is counts else f"Bars: the marked row.{signs}"
            write(ax, left, top + o * cell + 1.0, note, 8)
        ax.plot(6.24, top + (row + 0.5) * cell, ">", color=INK, markersize=4)
        return figure

    def _tinted(self, values: Tensor):
        peak = values.abs().max().item()

        def look(r: int, c: int) -> dict[str, Any]:
            v, s = values[r, c].item(), self.stride
            tag = LETTERS[r % s * s + c % s] if s > 1 else None
            return {
                "text": format_number(v),
                "tag": tag,
                "fill": VERMILLION if v < 0 else BLUE,
                "alpha": 0.45 * abs(v) / (peak or 1),
            }

        return look

    def _map(self, ax, left: float, top: float, cell: float, values: Tensor, bars: Tensor) -> None:
        from matplotlib.patches import Rectangle

        peak, o, (first, side) = values.abs().max().item() or 1, len(values), self.interior()
        short = all(len(format_number(v)) <= 2 for v in values.flatten().tolist())

        def look(r: int, c: int) -> dict[str, Any]:
            v = values[r, c].item()
            text = format_number(v) if short else ""
            return {"text": text, "fill": VERMILLION if v < 0 else BLUE, "alpha": 0.8 * abs(v) / peak}

        number_grid(ax, left, top, cell, o, o, look)
        corner = (left + first * cell, top + first * cell)
        ax.add_patch(
            Rectangle(corner, side * cell, side * cell, fill=False, edgecolor=INK, linewidth=1.4, linestyle=(0, (4, 2)))
        )
        high, low = max(bars.max().item(), 0), min(bars.min().item(), 0)
        unit = 0.55 / ((high - low) or 1)
        base = top + o * cell + 0.22 + high * unit
        labels = [format_number(v, 1) for v in bars.tolist()]
        for c, v in enumerate(bars.tolist()):
            bar = Rectangle(
                (left + (c + 0.1) * cell, base), 0.8 * cell, -v * unit, color=VERMILLION if v < 0 else BLUE, linewidth=0
            )
            ax.add_patch(bar)
            if max(map(len, labels)) <= 4:
                write(
                    ax,
                    left + (c + 0.5) * cell,
                    base - v * unit + (0.06 if v < 0 else -0.06),
                    labels[c],
                    4.8,
                    ha="center",
                )
        ax.plot([left, left + o * cell], [base, base], color="#8a8a8a", linewidth=0.8)


def checkerboard_explorer(
    kernel: int = 3, stride: int = 2, padding: int = 0, *, values: str = "uniform", signal: str = "flat", seed: int = 0
) -> CheckerboardExplorer:
    """An explorer of the pattern a transposed convolution leaves.

    kernel 1..8, stride 1..4 and padding 0..3 are where its sliders start; values "uniform" (all 1), "bilinear" or "random" (of
    `seed` 0..999) fill the kernel; signal "flat" (all 1) or "hill" is the input. ValueError for anything else.
    """
    limits = {"kernel": (kernel, 1, 8), "stride": (stride, 1, 4), "padding": (padding, 0, 3), "seed": (seed, 0, 999)}
    numbers = {name: whole_number("checkerboard_explorer", name, *limit) for name, limit in limits.items()}
    for name, value, allowed in (("values", values, tuple(KERNELS)), ("signal", signal, SIGNALS)):
        if value not in allowed:
            raise ValueError(f"checkerboard_explorer: {name} must be one of {', '.join(allowed)}, got {value!r}")
    return CheckerboardExplorer(**numbers, values=values, signal=signal)
