"""The browser's arithmetic is PyTorch's, at every position of the sliders: one call of the browser per widget."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from course_lib.ops import period_energy
from course_lib.widgets import CheckerboardExplorer, DeconvolutionStepper

pytestmark = pytest.mark.needs("browser")

LAYER = ("size", "kernel", "stride", "padding", "output_padding", "dilation")


def exact(values):
    return torch.tensor(values, dtype=torch.float64)


def close(values, truth):
    values, truth = exact(values), torch.as_tensor(truth, dtype=torch.float64)
    assert values.shape == truth.shape
    assert torch.allclose(values, truth, rtol=0, atol=1e-9)


def test_stepper(in_module):
    ranges = (range(1, 5), range(1, 6), range(1, 5), range(4), range(4), range(1, 4))
    layers = [dict(zip(LAYER, numbers, strict=True)) for numbers in itertools.product(*ranges)]
    draw = torch.Generator().manual_seed(0)
    xs = {n: torch.randint(-9, 10, (n, n), generator=draw) for n in range(1, 5)}
    ws = {k: torch.randint(-4, 5, (k, k), generator=draw) for k in range(1, 6)}
    data = {"layers": layers, "x": {n: x.tolist() for n, x in xs.items()}, "w": {k: w.tolist() for k, w in ws.items()}}
    body = """
        const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
        return data.layers.map((P) => {
            const [x, w, problem] = [data.x[P.size], data.w[P.kernel], m.problem(P)];
            if (problem) return { problem };
            const output = m.output(x, w, P);
            const cells = output.map((row, r) => row.map((_, c) =>
                m.contributions(P, r, c).reduce((sum, { input: [i, j], kernel: [a, b] }) => sum + x[i][j] * w[a][b], 0)));
            const half = Math.ceil(P.size ** 2 / 2);
            const at = m.busiest(P);
            return { problem, output, formula: m.formula(P), at, equation: m.equation(x, w, P, at, at),
                adds_up: same(cells, output), half: m.output(x, w, P, half),
                zeros: same(m.convolveFlipped(m.zeroInserted(x, P), w, P), output) };
        });"""
    answers = in_module(DeconvolutionStepper, data, body)
    mirror = DeconvolutionStepper()
    refused = 0
    for layer, answer in zip(layers, answers, strict=True):
        n, k, *numbers = layer.values()
        stride, padding, output_padding, dilation = numbers
        x, w = xs[n].double()[None, None], ws[k].double()[None, None]
        for name, value in layer.items():
            setattr(mirror, name, value)
        mirror.x, mirror.weight, mirror.step = data["x"][n], data["w"][k], None
        assert answer["problem"] == mirror.problem(), layer
        try:
            truth = F.conv_transpose2d(x, w, None, stride, padding, output_padding, 1, dilation)[0, 0]
        except RuntimeError:
            assert answer["problem"], layer
            refused += 1
            continue
        assert not answer["problem"], layer
        assert answer["output"] == truth.tolist() == mirror.output().tolist(), layer
        assert answer["adds_up"], layer
        assert answer["zeros"], layer
        assert answer["at"] == mirror.chosen()[0], layer
        assert (answer["formula"], answer["equation"]) == (mirror.formula(), mirror.equation(*mirror.chosen())), layer
        mirror.step = -(n * n // -2)
        assert answer["half"] == mirror.output().tolist(), layer
    assert 500 < refused < len(layers) / 2


def test_stepper_defaults(in_module):
    body = "return [1, 2, 3, 4, 5].map((n) => [m.defaultInput(n), m.defaultWeight(n)]);"
    for n, (x, w) in enumerate(in_module(DeconvolutionStepper, {}, body), 1):
        mirror = DeconvolutionStepper(size=min(n, 4), kernel=n)
        assert n == 5 or mirror.input_values().tolist() == x
        assert mirror.kernel_values().tolist() == w


def test_checkerboard(in_module):
    kinds = [("uniform", 0), ("bilinear", 0), ("random", 0), ("random", 999)]
    names = ("kernel", "stride", "padding", "values", "seed", "signal")
    positions = itertools.product(range(1, 9), range(1, 5), range(4), kinds, ("flat", "hill"))
    layers = [dict(zip(names, (k, s, p, *kind, signal), strict=True)) for k, s, p, kind, signal in positions]
    body = """
        return data.map((P) => {
            const [w, response, [first, side]] = [m.kernelValues(P), m.response(P), m.interior(P)];
            const window = response.slice(first, first + side).map((row) => row.slice(first, first + side));
            const sums = m.phaseSums(P);
            return { x: m.inputValues(P), w, response, first, side, sums, coverage: m.coverage(P), verdict: m.verdict(P),
                ripple: String(m.ripple(sums)), energy: m.periodEnergy(window, P.stride) };
        });"""
    answers = in_module(CheckerboardExplorer, layers, body)
    mirror = CheckerboardExplorer()
    for layer, answer in zip(layers, answers, strict=True):
        for name, value in layer.items():
            setattr(mirror, name, value)
        stride, padding, first, side = layer["stride"], layer["padding"], answer["first"], answer["side"]
        x, w = exact(answer["x"]), exact(answer["w"])
        close(answer["x"], mirror.input_values())
        close(answer["w"], mirror.kernel_values())
        close(
            answer["response"], F.conv_transpose2d(x[None, None], w[None, None], stride=stride, padding=padding)[0, 0]
        )
        ones = F.conv_transpose2d(
            torch.ones_like(x)[None, None], torch.ones_like(w)[None, None], stride=stride, padding=padding
        )
        counts = torch.tensor(answer["coverage"])
        assert (
            torch.outer(counts, counts).tolist()
            == ones[0, 0].tolist()
            == torch.outer(*[mirror.coverage()] * 2).tolist()
        )
        assert (first, side) == mirror.interior()
        assert side >= stride
        assert side % stride == 0
        window = exact(answer["response"])[first : first + side, first : first + side]
        close(answer["energy"], period_energy(window, stride))
        close(answer["energy"], mirror.energy())
        close(answer["sums"], mirror.phase_sums())
        close(float(answer["ripple"].replace("Infinity", "inf")), mirror.ripple())
        assert {key: answer["verdict"][key] for key in ("coverage", "pattern", "energy")} == mirror.verdict(), layer
        if layer["signal"] == "flat":  # each interior pixel is the sum of its phase
            phases = (torch.arange(first, first + side) + padding) % stride
            close(window.tolist(), mirror.phase_sums()[phases][:, phases])


def test_numbers_are_written_alike(in_module):
    from course_lib.widgets.base import format_number

    values = [0, -0.001, 3, -3, 0.625, -0.625, 1e-12, 2.5, 1 / 3, -14.0, 0.995, 123.456]
    for digits in (1, 2):
        written = in_module(DeconvolutionStepper, [values, digits], "return data[0].map((v) => m.format(v, data[1]));")
        assert written == [format_number(v, digits) for v in values]
