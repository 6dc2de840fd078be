"""The receptive-field painter: the browser's arithmetic is PyTorch's, the controls work by mouse and keyboard, and in JupyterLab."""

import itertools
import random

import pytest
import torch
import torch.nn.functional as F

from course_lib.widgets import ReceptiveFieldPainter, receptive_field_painter

pytestmark = pytest.mark.needs("browser")

RATES = [(3, 1, 2)] * 3
ALPHA = """canvas => {
    const { width, height } = canvas;
    const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const pixels = copy.getImageData(0, 0, width, height).data;
    return Array.from({ length: height }, (_, r) => Array.from({ length: width }, (_, c) => pixels[4 * (r * width + c) + 3]));
}"""


def states():
    """Every layer alone, on a small and a large input, with and without padding; and stacks of two to six layers drawn from all."""
    layers = [list(layer) for layer in itertools.product(range(1, 8), range(1, 5), range(1, 9))]
    for layer, size, padding in itertools.product(layers, (5, 64), ("same", "none")):
        yield {"layers": [layer], "size": size, "padding": padding}
    draw = random.Random(0)
    for count in [2, 3, 4, 5, 6] * 60:
        size, padding = draw.choice([9, 32, 129]), draw.choice(["same", "same", "none"])
        narrow = [layer for layer in layers if layer[0] <= draw.choice([3, 7]) and layer[1] <= draw.choice([1, 2, 4])]
        yield {"layers": draw.choices(narrow, k=count), "size": size, "padding": padding}


def torch_maps(state):
    """The input and each layer's map as PyTorch makes them of ones, or None where it refuses; all weights are 1."""
    x = torch.ones(1, 1, state["size"], dtype=torch.float64, requires_grad=True)
    maps = [x]
    for kernel, stride, rate in state["layers"]:
        total = (kernel - 1) * rate if state["padding"] == "same" else 0
        padded = F.pad(maps[-1], (total // 2, total - total // 2))
        if padded.shape[-1] < (kernel - 1) * rate + 1:
            return [*maps, None]
        maps.append(F.conv1d(padded, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride, dilation=rate))
    return maps


def test_the_browser_computes_as_pytorch(in_module):
    cases = list(states())
    body = """
        return data.map((P) => {
            const [sizes, problem, counts] = [m.mapSizes(P), m.problem(P), m.profile(P.layers)];
            const last = sizes.at(-1) - 1;
            const cells = problem ? [] : [...new Set([0, last, m.shownCell(null, last + 1)])];
            const all = { sizes, problem, fields: m.fields(P), verdict: m.verdict(P, [[3, 1, 1]]), middle: m.middle(counts, 0.95),
                cells: cells.map((cell) => ({ cell, paths: m.paths(P, cell)[0], where: m.where(P, cell) })) };
            return { ...all, profile: counts.length < 2000 ? counts : null };
        });"""
    answers = in_module(ReceptiveFieldPainter, cases, body)
    refused = 0
    for state, answer in zip(cases, answers, strict=True):
        mirror = ReceptiveFieldPainter(**state, previous=[[3, 1, 1]])
        maps = torch_maps(state)
        assert answer["sizes"] == [m.shape[-1] for m in maps if m is not None] == mirror.map_sizes(), state
        assert answer["problem"] == mirror.problem(), state
        assert bool(answer["problem"]) == (maps[-1] is None), state
        assert [tuple(field.values()) for field in answer["fields"]] == mirror.fields(), state
        words = mirror.verdict()
        assert {key: answer["verdict"][key] for key in words} == words, state
        assert answer["middle"] == mirror.middle(0.95), state
        refused += maps[-1] is None
        for shown in answer["cells"]:
            mirror.cell = shown["cell"]
            (truth,) = torch.autograd.grad(maps[-1][0, 0, shown["cell"]], maps[0], retain_graph=True)
            assert shown["paths"] == truth[0, 0].tolist() == mirror.paths()[0].tolist(), (state, shown["cell"])
            assert shown["where"] == mirror.where(), state
        if answer["profile"] is not None:  # an input as large as the field has one output cell
            alone = torch_maps({**state, "size": len(answer["profile"]), "padding": "none"})
            assert alone[-1].shape[-1] == 1, state
            (truth,) = torch.autograd.grad(alone[-1].sum(), alone[0])
            assert answer["profile"] == truth[0, 0].tolist() == mirror.profile().tolist(), state
    assert 100 < refused < len(cases) / 2


def said(page):
    return page.locator(".cw-verdict").inner_text()


def caption(page):
    return page.locator(".cw-rf-wide figcaption").inner_text()


def slider(page, name):
    return page.get_by_role("slider", name=name, exact=True)


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def table(page):
    """The numbers of the visible rows, the input first: [map, jump, field, start] each."""
    rows = page.locator(".cw-layers tbody tr:not([hidden])").all()
    return [row.locator("td[data-number]").all_text_contents() for row in reversed(rows)]


def test_what_changes_the_reach(bare_page):
    page = bare_page(receptive_field_painter([(3,)] * 3))
    assert table(page)[1:] == [["33", "1", "3", "−1"], ["33", "1", "5", "−2"], ["33", "1", "7", "−3"]]
    assert "Field: 7×7 input cells.\n" in said(page)
    assert button(page, "Undo").is_disabled()
    button(page, "Add layer").click()
    assert "Field: 9×9 input cells; before the last change 7×7, so 1.29 times as wide." in said(page)
    assert page.locator(".cw-rf-stack .cw-rf-before").count() == 1
    button(page, "Undo").click()
    assert "Field: 7×7 input cells.\n" in said(page)
    assert page.locator(".cw-rf-before").count() == 0
    slider(page, "stride of layer 1").press("ArrowRight")
    assert table(page)[1:] == [["17", "2", "3", "−1"], ["17", "2", "7", "−3"], ["17", "2", "11", "−5"]]
    assert "before the last change 7×7, so 1.57 times as wide" in said(page)


def test_moves_of_one_slider_are_one_change(bare_page):
    page = bare_page(receptive_field_painter([(3,)] * 2))
    rate = slider(page, "rate of layer 2")
    for reach in (7, 9, 11):
        rate.press("ArrowRight")
        assert f"Field: {reach}×{reach} input cells; before the last change 5×5" in said(page)
    slider(page, "kernel of layer 1").press("ArrowRight")
    assert "Field: 12×12 input cells; before the last change 11×11" in said(page)
    rate.press("ArrowLeft")
    assert "Field: 10×10 input cells; before the last change 12×12" in said(page)
    rate.press("ArrowRight")  # back where this slider began: nothing has changed
    assert "Field: 12×12 input cells.\n" in said(page)


def test_equal_rates_leave_holes(bare_page):
    page = bare_page(receptive_field_painter(RATES))
    assert "Holes: 49 of the 169 cells of the field are touched (29.0 %), the padding among them counted." in said(page)
    line = torch.zeros(33)
    line[10:23:2] = torch.tensor([1.0, 3, 6, 7, 6, 3, 1])
    alpha = torch.tensor(page.locator("canvas").evaluate(ALPHA))
    assert torch.equal(alpha > 0, torch.outer(line, line) > 0)
    assert alpha[16, 16] == 255 == alpha.max()
    assert alpha[10, 10] < alpha[12, 12] < alpha[14, 14] < alpha[16, 16]
    assert page.locator(".cw-rf-hole").get_attribute("d").count("M") == 6
    page.get_by_role("radio", name="touched or not").check()
    alpha = torch.tensor(page.locator("canvas").evaluate(ALPHA))
    assert alpha.unique().numel() == 2
    slider(page, "rate of layer 1").fill("1")
    slider(page, "rate of layer 3").fill("5")
    assert "No holes: all 289 cells of the field are touched, the padding among them counted." in said(page)
    assert not page.locator(".cw-rf-hole").get_attribute("d")


def test_an_output_cell_by_mouse(bare_page):
    page = bare_page(receptive_field_painter(), width=1000)
    assert caption(page) == "Output cell 8 sees input cells 12 to 20."
    picker = page.get_by_role("slider", name="output cell")
    box = picker.bounding_box()

    def over(cell):  # 33 cells and 3 of margin on each side; output cells stand over every other one
        return box["x"] + (3.5 + 2 * cell) / 39 * box["width"], box["y"] + 8

    page.mouse.click(*over(13))
    assert caption(page) == "Output cell 13 sees input cells 22 to 30."
    page.mouse.move(*over(13))
    page.mouse.down()
    page.mouse.move(*over(0))
    assert caption(page) == "Output cell 0 sees input cells −4 to 4, 4 of them outside the map."
    page.mouse.move(box["x"] + box["width"] + 50, box["y"])
    page.mouse.up()
    assert caption(page) == "Output cell 16 sees input cells 28 to 36, 4 of them outside the map."
    page.mouse.move(*over(3))  # no button is pressed
    assert caption(page).startswith("Output cell 16 ")


def test_an_output_cell_by_keyboard(bare_page):
    page = bare_page(receptive_field_painter())
    picker = page.get_by_role("slider", name="output cell")
    page.get_by_role("radio", name="paths").focus()
    page.keyboard.press("Tab")
    assert picker.evaluate("node => node === document.activeElement && getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.press("ArrowRight")
    assert picker.get_attribute("aria-valuenow") == "9"
    assert picker.get_attribute("aria-valuetext") == caption(page) == "Output cell 9 sees input cells 14 to 22."
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    assert (picker.get_attribute("aria-valuenow"), picker.get_attribute("aria-valuemax")) == ("16", "16")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert picker.get_attribute("aria-valuenow") == "0"
    assert "Dashed: padding, it leads nowhere." in page.locator(".cw-rf-wide .cw-hint").inner_text()


def test_a_chosen_cell_stays_where_it_was(bare_page):
    page = bare_page(receptive_field_painter())
    picker = page.get_by_role("slider", name="output cell")
    picker.press("End")
    slider(page, "stride of layer 2").fill("1")
    assert caption(page) == "Output cell 32 sees input cells 29 to 35, 3 of them outside the map."
    slider(page, "stride of layer 2").fill("4")
    assert caption(page).startswith("Output cell 8 sees input cells 26 to 38")


def test_layers_come_and_go(bare_page):
    page = bare_page(receptive_field_painter())
    for _ in range(3):
        button(page, "Add layer").click()
    assert button(page, "Add layer").is_disabled()
    assert [row[2] for row in table(page)] == ["1", "3", "5", "9", "13", "17", "21"]
    button(page, "remove layer 2").press("Enter")
    assert [row[2] for row in table(page)] == ["1", "3", "5", "7", "9", "11"]
    assert button(page, "Add layer").evaluate("node => node === document.activeElement")
    for _ in range(4):
        button(page, "remove layer 1").click()
    assert button(page, "remove layer 1").is_disabled()
    assert len(table(page)) == 2


def test_without_padding_maps_shrink_until_nothing_fits(bare_page):
    page = bare_page(receptive_field_painter(RATES, size=13))
    message = page.get_by_role("alert")
    assert message.is_hidden()
    page.get_by_role("radio", name="none").check()
    assert [row[0] for row in table(page)] == ["13", "9", "5", "1"]
    assert caption(page) == "Output cell 0 sees input cells 0 to 12."
    slider(page, "input size").press("ArrowLeft")
    assert message.inner_text() == "Layer 3 spans 5 cells, but the map below it has 4: without padding it fits nowhere."
    assert [row[0] for row in table(page)] == ["12", "8", "4", "–"]
    assert caption(page) == "No output."
    assert page.locator(".cw-root").get_attribute("data-output") == "invalid"
    page.get_by_role("slider", name="output cell").press("ArrowRight")
    assert "Holes: 49 of the 169 cells" in said(page)  # the field is known all the same
    page.get_by_role("radio", name="same").check()
    assert message.is_hidden()


def test_the_largest_stack_draws(bare_page):
    page = bare_page(receptive_field_painter([(7, 4, 8)] * 6, size=129))
    assert "Field: 65521×65521 input cells." in said(page)
    assert page.locator(".cw-root").get_attribute("data-output") == "1"


def test_two_on_one_page_keep_to_themselves(bare_page):
    page = bare_page(receptive_field_painter(), receptive_field_painter(RATES))
    slider(page, "kernel of layer 1").nth(1).fill("1")
    assert [text.split(".")[0] for text in page.locator(".cw-verdict").all_inner_texts()] == [
        "Field: 9×9 input cells",
        "Field: 9×9 input cells; before the last change 13×13, so 0",
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable(bare_page, weakest_text, dark):
    page = bare_page(receptive_field_painter(RATES, padding="none"), dark=dark)
    slider(page, "input size").fill("5")
    ratio, text = weakest_text(page, ".cw-layers th", ".cw-layers td", ".cw-rf-labels span")
    assert ratio >= 4.5, text


@pytest.mark.parametrize("size", [5, 129])
def test_a_narrow_page_does_not_scroll_sideways(bare_page, size):
    page = bare_page(receptive_field_painter(RATES, size), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


def test_in_jupyterlab(notebook):
    page = notebook("from course_lib import widgets\npainter = widgets.receptive_field_painter([(3, 1)] * 3)\npainter")
    rate = slider(page, "rate of layer 3")
    rate.focus()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    rate.press("ArrowUp")  # in command mode JupyterLab would move its cell selection
    page.until(
        "print(painter.layers, painter.previous)", "[[3, 1, 1], [3, 1, 1], [3, 1, 2]] [[3, 1, 1], [3, 1, 1], [3, 1, 1]]"
    )
    page.get_by_role("slider", name="output cell").press("Home")
    page.until(
        "print(painter.cell, painter.where())", "0 Output cell 0 sees input cells −4 to 4, 4 of them outside the map."
    )
    page.until("painter.layers, painter.cell, painter.previous = [[3, 1, 2]] * 3, None, []", "")
    page.locator(".cw-verdict", has_text="Holes: 49 of the 169 cells of the field are touched").wait_for()
    assert page.locator(".cw-root").bounding_box()["width"] > 600
    assert caption(page) == "Output cell 16 sees input cells 10 to 22."
