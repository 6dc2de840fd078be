"""The still picture of the deconvolution stepper: the three grids of the browser, with the same marks, and the same words below."""

import textwrap
from typing import Any

from course_lib.widgets.base import BLUE, GREY, ORANGE, format_number
from course_lib.widgets.drawing import number_grid, sheet, write

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def figure(stepper):
    """A matplotlib Figure of the state of a DeconvolutionStepper."""
    grids = _grids(stepper)
    bad, zeros = stepper.problem(), stepper.view == "zeros"
    cell = min(0.34, 8.2 / sum(side for _, side, _ in grids))
    height = 0.56 + cell * max(side for _, side, _ in grids)
    width = max(6.6, sum(cell * side for _, side, _ in grids) + 2.4)
    words = [
        "output = (input − 1)·stride − 2·padding + dilation·(kernel − 1) + output padding + 1",
        f"= {stepper.formula()}",
    ]
    sofar = " so far" if stepper.stamps() < stepper.size**2 else ""
    result = f"{bad} PyTorch refuses this layer." if bad else f"{stepper.equation(*stepper.chosen())}{sofar}"
    words += textwrap.wrap(result, int(width / 0.085))

    picture, ax = sheet(width, height + 0.06 + 0.24 * len(words))
    left = 0.2
    for (caption, side, look), sign in zip(grids, ["∗" if zeros else "stamps", "=", ""], strict=False):
        write(ax, left, 0.2, caption, 9, weight="bold")
        number_grid(ax, left, 0.36, cell, side, side, look)
        left += max(cell * side, 0.075 * len(caption)) + 0.12
        if sign and not bad:
            write(ax, left, 0.36 + cell * 1.5, sign, 10)
            left += 0.12 + 0.075 * len(sign)
    for index, line in enumerate(words):
        write(ax, 0.2, height + 0.24 * index, line, 9, weight="bold" if index > 1 else "normal")
    return picture


def _grids(stepper) -> list[tuple[str, int, Any]]:
    """[(caption, cells along a side, look)] of input, kernel and, unless PyTorch refuses the layer, output."""
    bad, zeros = stepper.problem(), stepper.view == "zeros" and not stepper.problem()
    n, k, d, s, p = stepper.size, stepper.kernel, stepper.dilation, stepper.stride, stepper.padding
    x, w, stamps = stepper.input_values(), stepper.kernel_values(), stepper.stamps()
    chosen = (-99, -99) if bad else stepper.chosen()
    parts = [] if bad else stepper.contributions(*chosen)
    input_tags = {(i, j): LETTERS[index] for index, (i, j, _, _) in enumerate(parts)}
    kernel_tags = {(a, b): LETTERS[index] for index, (_, _, a, b) in enumerate(parts)}
    last = divmod(stamps - 1, n) if stamps and not zeros and not bad else None  # the input cell that stamped last

    def met(r: int, c: int, corner: tuple[int, int]) -> bool:
        """Does a cell of the kernel, laid with its corner there, lie on (r, c)?"""
        taps = [divmod(r - corner[0], d), divmod(c - corner[1], d)]
        return all(rest == 0 and 0 <= tap < k for tap, rest in taps)

    def look(value, tag: str | None = None, now: bool = False, **more: Any) -> dict[str, Any]:
        spec = {
            "text": format_number(value.item()),
            "tag": tag,
            "edge": tag and BLUE,
            "fill": now and ORANGE,
            "bold": now,
        }
        return spec | more

    def input_cell(r: int, c: int) -> dict[str, Any]:
        return look(x[r, c], input_tags.get((r, c)), (r, c) == last)

    def spread_cell(r: int, c: int) -> dict[str, Any]:
        source = tuple((t - d * (k - 1) + p) / s for t in (r, c))
        real, now = all(i in range(n) for i in source), met(r, c, chosen)
        color = {} if real or now else {"color": GREY}
        return look(spread[r, c], input_tags.get(source) if now else None, now, bold=real, **color)

    def kernel_cell(a: int, b: int) -> dict[str, Any]:
        a, b = (k - 1 - a, k - 1 - b) if zeros else (a, b)
        return look(w[a, b], kernel_tags.get((a, b)))

    def output_cell(r: int, c: int) -> dict[str, Any]:
        here = (r - p, c - p) == chosen
        now = last is not None and met(r, c, (last[0] * s, last[1] * s))
        if not all(v - p in range(stepper.output_size()) for v in (r, c)):
            return look(full[r, c], None, now, hatch=True, color=GREY, alpha=0.45)
        return look(full[r, c], None, now, bold=now or here, edge=here and "#111111")

    grids = [(f"input, {n}×{n}", n, input_cell), (f"{'flipped ' if zeros else ''}kernel, {k}×{k}", k, kernel_cell)]
    if zeros:
        spread = stepper.zero_inserted()
        grids[0] = (f"input with zeros inserted, {len(spread)}×{len(spread)}", len(spread), spread_cell)
    if not bad:
        full = stepper.uncropped()
        grids.append(("output, {0}×{0}".format(stepper.output_size()), len(full), output_cell))
    return grids
