"""The dilation explorer: the browser's arithmetic is PyTorch's, the controls work by mouse and keyboard, and in JupyterLab."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from course_lib.widgets import DilationExplorer, dilation_explorer

pytestmark = pytest.mark.needs("browser")


def valid_taps(kernel, dilation, size, axes=1):
    """Taps inside the map by position: a convolution of ones, zero padding that keeps the size."""
    total = (kernel - 1) * dilation
    ones = torch.ones([1, 1] + [size] * axes, dtype=torch.float64)
    padded = F.pad(ones, (total // 2, total - total // 2) * axes)
    convolve = F.conv1d if axes == 1 else F.conv2d
    return convolve(padded, torch.ones([1, 1] + [kernel] * axes, dtype=torch.float64), dilation=dilation)[0, 0].long()


def test_the_browser_computes_as_pytorch(in_module):
    cases = list(itertools.product(range(1, 6), range(1, 66), range(5, 66)))
    body = """
        return data.map(([kernel, dilation, size]) => {
            const P = { kernel, dilation, size };
            const whole = size % 12 === 5 ? m.verdict(P, [1, 2]) : null;
            return [m.valid(P), m.extent(P), m.taps(P, 3), m.positions(P), whole];
        });"""
    answers = in_module(DilationExplorer, cases, body)
    for (kernel, dilation, size), (valid, extent, taps, positions, words) in zip(cases, answers, strict=True):
        case = kernel, dilation, size
        truth = valid_taps(*case)
        assert valid == truth.tolist(), case
        counts = torch.outer(truth, truth)
        expected = [int((counts == wanted).sum()) for wanted in (kernel**2, 1, 0)]
        assert list(positions.values()) == expected, case
        if size % 12 == 5:
            mirror = DilationExplorer(kernel=kernel, dilation=dilation, size=size, position=[1, 2])
            assert torch.equal(mirror.valid(), truth), case
            assert mirror.positions() == positions, case
            assert (mirror.extent(), mirror.taps(3)) == (extent, taps), case
            assert torch.equal(valid_taps(*case, axes=2), counts), case
            assert words == mirror.verdict(), case


def said(page):
    return page.locator(".cw-verdict").inner_text().replace("\n\n", "\n").split("\n")


def slider(page, name):
    return page.get_by_role("slider", name=name, exact=True)


def squares(page, look, figure=1):
    return (page.locator("svg").nth(figure).locator(f".cw-dl-{look}").get_attribute("d") or "").count("M")


def test_the_kernel_becomes_a_single_tap(bare_page):
    page = bare_page(dilation_explorer(3, 18, 65))
    assert said(page) == [
        "Extent: 18·(3 − 1) + 1 = 37; 9 taps, 1360 zeros.",
        "At row 32, column 32: 9 of 9 taps inside the map.",
        "All 9 taps inside: 841 of 4225 positions (19.9 %).",
        "Only 1 tap inside: 0 of 4225 positions (0 %).",
    ]
    rate = slider(page, "rate")
    rate.fill("64")
    assert said(page)[3] == "Only 1 tap inside: 3969 of 4225 positions (93.9 %)."
    rate.press("ArrowRight")
    assert said(page)[3] == "Only 1 tap inside: 4225 of 4225 positions (100 %)."
    assert page.locator(".cw-dl-share:visible").all_text_contents() == ["only 1"]
    assert page.locator(".cw-root").get_attribute("data-output") == "131"


def test_the_kernel_is_full_of_zeros(bare_page):
    page = bare_page(dilation_explorer())
    texts = page.locator("svg").first.locator("text")
    assert "".join(texts.all_text_contents()) == "w0w0w" + "00000" + "w0w0w" + "00000" + "w0w0w"
    slider(page, "kernel").press("ArrowRight")
    assert page.locator("figcaption").first.inner_text() == "kernel with zeros, 7×7"
    assert squares(page, "tap", 0) == 16


def test_the_kernel_slides_by_keyboard(bare_page):
    page = bare_page(dilation_explorer())
    place = page.get_by_role("application")
    slider(page, "map size").focus()
    page.keyboard.press("Tab")
    assert place.evaluate("node => node === document.activeElement && getComputedStyle(node).outlineStyle") == "solid"
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    assert said(page)[1] == "At row 1, column 4: 6 of 9 taps inside the map."
    assert (squares(page, "tap"), squares(page, "outside")) == (6, 3)
    page.keyboard.press("Shift+ArrowLeft")
    assert said(page)[1] == "At row 1, column 0: 4 of 9 taps inside the map."
    assert place.get_attribute("aria-label").endswith("At row 1, column 0: 4 of 9 taps inside the map.")
    slider(page, "map size").fill("5")
    assert said(page)[1].startswith("At row 1, column 0: ")


def test_the_kernel_slides_by_mouse(bare_page):
    page = bare_page(dilation_explorer(), width=1000)
    box = page.locator("svg").nth(1).bounding_box()  # 9 cells and 3 on each side

    def over(row, column):
        return box["x"] + (3.5 + column) / 15 * box["width"], box["y"] + (3.5 + row) / 15 * box["height"]

    page.mouse.click(*over(2, 7))
    assert said(page)[1] == "At row 2, column 7: 6 of 9 taps inside the map."
    page.mouse.move(*over(2, 7))
    page.mouse.down()
    page.mouse.move(*over(-2, 20))
    page.mouse.up()
    assert said(page)[1] == "At row 0, column 8: 4 of 9 taps inside the map."
    page.mouse.move(*over(4, 4))  # no button is pressed
    assert said(page)[1].startswith("At row 0, column 8: ")
    counts = page.locator("svg").nth(2).bounding_box()
    page.mouse.click(counts["x"] + counts["width"] / 2, counts["y"] + counts["height"] * 0.06)
    assert said(page)[1] == "At row 0, column 4: 6 of 9 taps inside the map."


def test_counts_by_position(bare_page):
    page = bare_page(dilation_explorer())
    counts = page.locator("svg").nth(2)
    assert counts.locator("text").all_text_contents() == [*"464", *"696", *"464"]
    assert "25 of 81 positions (30.9 %)" in counts.get_attribute("aria-label")
    slider(page, "rate").fill("9")
    assert counts.locator("text").all_text_contents() == ["1"]
    slider(page, "kernel").fill("1")
    assert said(page)[2:] == [
        "One tap has no neighbors to spread: the rate changes nothing.",
        "The kernel is 1×1 everywhere.",
    ]


def test_even_kernels_can_lose_every_tap(bare_page):
    page = bare_page(dilation_explorer(2, 30, 9))
    assert said(page)[3] == "Only 1 tap inside: 0 of 81 positions (0 %); no tap inside: 81 of 81 positions (100 %)."


@pytest.mark.parametrize("state", [(5, 65, 5), (5, 65, 65), (1, 65, 65), (4, 3, 6)])
def test_a_narrow_page_does_not_scroll_sideways(bare_page, state):
    page = bare_page(dilation_explorer(*state), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable(bare_page, weakest_text, dark):
    page = bare_page(dilation_explorer(3, 3, 9), dilation_explorer(3, 60, 65), dark=dark)
    ratio, text = weakest_text(page, ".cw-dl-share")
    assert ratio >= 4.5, text


def test_in_jupyterlab(notebook):
    page = notebook("from course_lib import widgets\nexplorer = widgets.dilation_explorer(3, 24, 65)\nexplorer")
    place = page.get_by_role("application")
    place.focus()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    place.focus()
    place.press("ArrowUp")  # in command mode JupyterLab would move its cell selection
    page.until("print(explorer.position)", "[31, 32]")
    slider(page, "rate").fill("65")
    page.until("print(explorer.dilation, explorer.positions()['one'])", "65 4225")
    page.until("explorer.dilation, explorer.size, explorer.position = 2, 9, [0, 0]", "")
    page.locator(".cw-verdict", has_text="At row 0, column 0: 4 of 9 taps inside the map.").wait_for()
