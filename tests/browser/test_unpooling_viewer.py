"""The unpooling viewer: pooling, unpooling and interpolation are PyTorch's; numbers typed and chosen; a real JupyterLab."""

import numpy as np
import pytest

from course_lib.widgets import UnpoolingViewer, unpooling_viewer
from course_lib.widgets.unpooling_viewer import SAMPLES, WAYS, random_places, sample

pytestmark = pytest.mark.needs("browser")

ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
CORNERS = [[1, 2, 0, 0], [4, 3, 0, 7], [5, 5, 9, 0], [5, 5, 0, 0]]  # ties in one window, each corner in the others


def test_the_browser_pools_as_pytorch(in_module):
    rng = np.random.default_rng(0)
    widgets = [unpooling_viewer(CORNERS)]
    for _ in range(150):  # few different values: many ties
        shape = 2 * rng.integers(1, 5, 2)
        widgets.append(unpooling_viewer(rng.integers(0, rng.integers(1, 11), shape), seed=int(rng.integers(1000))))
    body = """return data.map((P) => ({ pool: m.pool(P), ways: m.ways(P), words: m.verdict(P),
        scores: Object.values(m.ways(P)).map((map) => m.score(P, map)) }));"""
    for widget, answer in zip(widgets, in_module(UnpoolingViewer, [w.state() for w in widgets], body), strict=True):
        pooled, place = widget.pool()
        assert [each["value"] for each in answer["pool"]] == pooled.flatten().tolist()
        assert [each["place"] for each in answer["pool"]] == place.flatten().tolist()
        ways = widget.ways()
        assert list(answer["ways"]) == list(ways) == list(WAYS)
        for name, way in ways.items():
            assert answer["ways"][name] == pytest.approx(way.flatten().tolist(), abs=1e-12), name
        assert answer["scores"] == [pytest.approx(widget.score(way), abs=1e-12) for way in ways.values()]
        assert answer["words"] == widget.verdict()


def test_samples_and_random_places(in_module):
    shapes = [(2, 2), (4, 8), (8, 2), (6, 6), (8, 8)]
    body = """return [data.map((shape) => m.SAMPLES.map((name) => m.sample(name, shape))),
        Array.from({ length: 1000 }, (_, seed) => m.randomPlaces(16, seed))];"""
    drawn, places = in_module(UnpoolingViewer, shapes, body)
    assert drawn == [[sample(name, shape).ravel().tolist() for name in SAMPLES] for shape in shapes]
    assert places == [random_places(16, seed) for seed in range(1000)]
    for window in np.transpose(places):
        assert np.bincount(window, minlength=4).min() > 180  # each of four places about 250 times


# --------------------------------------------------------------------------------------------------------- on a bare page
def said(page):
    return page.locator(".cw-verdict p").all_inner_texts()


def grid(page, index):
    return "".join(page.locator(".cw-grid").nth(index).locator(".cw-cell").all_inner_texts())


def cell(page, row, column):
    return page.locator(".cw-grid").first.locator(f'[data-at="{row},{column}"]')


def test_four_ways_back(bare_page):
    page = bare_page(unpooling_viewer(CORNERS))
    assert grid(page, 1) == "4759"
    tags = (
        page.locator(".cw-grid")
        .nth(1)
        .locator(".cw-cell")
        .evaluate_all("cells => cells.map((cell) => cell.dataset.tag).join('')")
    )
    assert tags == "cdaa"
    assert grid(page, 2) == "0000" + "4007" + "5090" + "0000"
    assert grid(page, 4) == "4070" + "0000" + "5090" + "0000"
    assert said(page)[1].startswith("True indices: 4 of 4 maxima have their value at their pixel")
    assert said(page)[3].startswith("Upper left corner: 2 of 4 maxima")
    before = grid(page, 3)
    page.get_by_role("button", name="other random indices").click()
    assert sorted(grid(page, 3)) == sorted(before)
    assert grid(page, 3) != before


def test_numbers_by_keyboard(bare_page):
    page = bare_page(unpooling_viewer("dots", size=4))
    first = cell(page, 0, 0)
    first.focus()
    for key in ("9", "ArrowRight", "ArrowRight", "ArrowDown", "8"):
        page.keyboard.press(key)
    values = sample("dots", (4, 4))
    values[0, 0], values[1, 2] = 9, 8
    assert page.locator(".cw-root").get_attribute("data-input") == "".join(map(str, values.ravel()))
    assert cell(page, 1, 2).get_attribute("aria-selected") == "true"
    assert page.locator(".cw-grid").nth(1).locator(".cw-part").count() == 1
    for _ in range(9):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("a")
    assert cell(page, 3, 2).get_attribute("aria-selected") == "true"


def test_numbers_by_mouse(bare_page):
    page = bare_page(unpooling_viewer("line"))
    cell(page, 5, 0).click()
    number = page.get_by_role("slider", name="chosen number")
    assert number.input_value() == "0"
    number.fill("7")
    assert cell(page, 5, 0).inner_text() == "7"
    assert cell(page, 5, 0).get_attribute("data-tag") == "c"
    page.get_by_role("button", name="slanted edge").click()
    assert said(page)[1].startswith("True indices: 9 of 9 maxima")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable(bare_page, weakest_text, dark):
    page = bare_page(unpooling_viewer(size=8), dark=dark)
    ratio, text = weakest_text(page)
    assert ratio >= 4.5, text


def test_a_narrow_page_does_not_scroll_sideways(bare_page):
    page = bare_page(unpooling_viewer(size=8), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


# ---------------------------------------------------------------------------------------------------- in a real JupyterLab
def test_in_jupyterlab(notebook):
    page = notebook("from course_lib import widgets\nviewer = widgets.unpooling_viewer('line', size=4)\nviewer")
    first = cell(page, 0, 0)
    first.wait_for()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    first.focus()
    before = page.evaluate(ACTIVE_CELL)
    for key in ("ArrowDown", "ArrowRight", "ArrowUp", "3", "d", "d"):
        page.keyboard.press(key)
    assert page.evaluate(ACTIVE_CELL) == before
    page.until("print(viewer.selected, viewer.values[:2])", "[0, 1] [0, 3]")
    page.until("viewer.values = [0] * 15 + [5]", "")
    page.locator(".cw-verdict", has_text="True indices: 1 of 1 maxima have their value at their pixel").wait_for()
