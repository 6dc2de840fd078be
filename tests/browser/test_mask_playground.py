"""The mask playground: its metrics are the library's, its masks scipy's; strokes by mouse and keyboard; a real JupyterLab."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from course_lib import metrics
from course_lib.widgets import MaskPlayground, mask_playground
from course_lib.widgets.label_maps import pack, unpack
from course_lib.widgets.mask_playground import PRESETS, preset

pytestmark = pytest.mark.needs("browser")

ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
NAMES = ("accuracy", "iou", "dice", "f1", "band")


def pairs(count, seed=0):
    """Truths with object and background, and predictions of every kind, on pictures of odd sizes."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(count):
        shape = rng.integers(8, 40, 2)
        smooth = rng.uniform(0, 3)
        one, other = (ndimage.gaussian_filter(rng.normal(size=shape), smooth) for _ in range(2))
        truth = one > np.quantile(one, rng.uniform(0.05, 0.95))
        mixed = one + rng.uniform(0, 1.5) * other
        guess = mixed > np.quantile(mixed, rng.uniform(0.05, 0.95))
        found.append(
            (truth, [guess, np.zeros(shape, bool), np.ones(shape, bool), truth][k % 10 % 4 if k % 5 == 0 else 0])
        )
    return found


def test_the_metrics_are_the_librarys(in_module):
    cases = pairs(120)
    reaches = [(reach, max(reach, 1)) for reach in range(9)]
    data = [[truth.ravel().tolist(), guess.ravel().tolist(), truth.shape] for truth, guess in cases]
    body = """
        return data[0].map(([truth, mask, shape], k) => data[1].map(([tolerance, band]) => {
            const S = m.settle(Uint8Array.from(truth), shape, tolerance, band);
            return Object.values(m.measure(S, Uint8Array.from(mask)));
        }));"""
    for (truth, guess), rows in zip(cases, in_module(MaskPlayground, [data, reaches], body), strict=True):
        matrix = metrics.ConfusionMatrix(2).update(torch.from_numpy(guess).long(), torch.from_numpy(truth).long())
        both = torch.from_numpy(guess), torch.from_numpy(truth)
        iou = float(matrix.iou()[1])
        for (tolerance, band), row in zip(reaches, rows, strict=True):
            outlines = metrics.boundary_f1(*both, tolerance), metrics.boundary_iou(*both, band)
            expected = [float(matrix.accuracy()), iou, 2 * iou / (1 + iou), *outlines]
            assert row == pytest.approx(expected, abs=1e-12), (tolerance, band)


def test_masks_are_scipys_and_words_the_mirrors(in_module):
    cases = pairs(30, seed=1)
    rng = np.random.default_rng(2)
    data = []
    for truth, guess in cases:
        widget = mask_playground(truth, guess, tolerance=int(rng.integers(0, 9)))
        widget.band = int(rng.integers(1, 9))
        by, at = rng.integers(-3, 4, 2).tolist(), [int(rng.integers(0, n)) for n in truth.shape]
        data.append([widget, by, at, int(rng.integers(1, 10))])
    body = """
        return data.map(([state, by, at, side]) => {
            const shape = state.size;
            const [truth, mask] = [state.target, state.prediction].map((text) => Uint8Array.from(m.unpack(text, shape[0] * shape[1])));
            const S = m.settle(truth, shape, state.tolerance, state.band);
            const [on, off] = [mask.slice(), mask.slice()];
            m.stamp(on, at, side, 1, shape);
            m.stamp(off, at, side, 0, shape);
            const changed = [m.erode(mask, shape), m.dilate(mask, shape), m.shift(mask, by, shape), on, off];
            const before = m.measure(S, mask);
            const said = [null, ...changed].map((next) => m.verdict(S, m.measure(S, next ?? mask), next && before));
            const sorts = ["pixels", "boundaries", "bands"].map((view) => [...m.sorts(S, mask, view)]);
            return { packed: m.pack(mask), changed: changed.map((values) => m.pack(values)), said, sorts };
        });"""
    answers = in_module(MaskPlayground, [[widget.state(), *rest] for widget, *rest in data], body)
    disagreed = 0
    for (widget, (down, right), (row, column), side), answer in zip(data, answers, strict=True):
        mask = widget.mask()
        assert answer["packed"] == widget.prediction
        moved = ndimage.shift(mask.astype(float), (down, right), order=0, cval=0) > 0.5
        top, left = row - (side - 1) // 2, column - (side - 1) // 2
        brush = np.zeros_like(mask)
        brush[max(top, 0) : top + side, max(left, 0) : left + side] = True
        around = np.ones((3, 3))
        expected = [ndimage.binary_erosion(mask, around), ndimage.binary_dilation(mask, around), moved]
        for packed, truth in zip(answer["changed"], [*expected, mask | brush, mask & ~brush], strict=True):
            assert (unpack(packed, mask.shape) == truth).all()
        for view, sorts in zip(("pixels", "boundaries", "bands"), answer["sorts"], strict=True):
            widget.view = view
            assert (np.reshape(sorts, mask.shape) == widget.sorts()).all()
        assert answer["said"][0] == list(widget.verdict())
        for packed, words in zip(answer["changed"], answer["said"][1:], strict=True):
            widget.predict(unpack(packed, mask.shape) > 0)
            assert words == list(widget.verdict())
            disagreed += words[2]
            widget.predict(mask)
    assert 15 < disagreed < 135


def test_packing_and_presets(in_module):
    rng = np.random.default_rng(3)
    maps = [rng.integers(0, high, rng.integers(1, 700)).tolist() for high in (1, 2, 200, 40_000)] + [[], [0] * 20_000]
    shapes = [(8, 8), (9, 31), (32, 32), (96, 96), (57, 20)]
    body = """return [data[0].map((values) => m.pack(values)),
        data[1].map((shape) => Object.keys(m.PRESETS).map((name) => m.pack(m.preset(name, shape))))];"""
    packed, drawn = in_module(MaskPlayground, [maps, shapes], body)
    assert packed == [pack(values) for values in maps]
    assert drawn == [[pack(preset(name, shape)) for name in PRESETS] for shape in shapes]


# --------------------------------------------------------------------------------------------------------- on a bare page
def values(page):
    return dict(zip(NAMES, page.locator(".cw-mp-value").all_inner_texts(), strict=True))


def arrows(page):
    return "".join(text[:1] or "·" for text in page.locator(".cw-mp-change").all_inner_texts())


def said(page):
    return page.locator(".cw-verdict p").first.inner_text()


def place(page):
    return page.get_by_role("application")


def press(page, *names):
    for name in names:
        page.get_by_role("button", name=name, exact=True).click()


def point(page, row, column, size=32):
    box = place(page).bounding_box()
    return box["x"] + (column + 0.5) / size * box["width"], box["y"] + (row + 0.5) / size * box["height"]


def test_a_shift_costs_a_small_object_more(bare_page):
    page = bare_page(mask_playground("small"))
    assert values(page)["iou"] == "0.600"
    press(page, "large square", "shift 1 px left")
    assert set(values(page).values()) == {"1"}
    press(page, "shift 1 px right")
    assert values(page)["iou"] == format(18 / 20, ".3f")
    assert values(page)["f1"] == "1"
    assert arrows(page) == "▼▼▼s▼"


def test_buttons_and_undo(bare_page):
    page = bare_page(mask_playground())
    undo = page.get_by_role("button", name="undo")
    assert undo.is_disabled()
    assert said(page).startswith("Paint one stroke")
    start = values(page)
    press(page, "clear")
    assert list(values(page).values()) == [page.locator(".cw-verdict p").nth(1).inner_text()[39:44], "0", "0", "0", "0"]
    press(page, "copy the truth", "dilate", "erode")
    assert set(values(page).values()) == {"1"}
    press(page, "shift 1 px up", "shift 1 px down", "small square", "undo")
    assert set(values(page).values()) == {"1"}
    for _ in range(6):
        undo.click()
    assert values(page) == start
    assert undo.is_disabled()


def test_one_stroke_and_two_opinions(bare_page):
    """Accuracy weighs a false alarm as much as a hit; IoU forgives it where much is wrong already."""
    truth = np.zeros((16, 16), bool)
    truth[4:12, 4:12] = True
    guess = np.zeros_like(truth)
    guess[4:12, 10:16] = True
    page = bare_page(mask_playground(truth, guess))
    page.get_by_role("slider", name="brush").fill("3")
    page.mouse.click(*point(page, 2, 9, 16))  # 9 wrong pixels
    assert arrows(page)[:3] == "▼▼▼"
    press(page, "undo")
    page.mouse.click(*point(page, 4, 4, 16))  # 4 right, 5 wrong: accuracy falls, IoU rises
    assert arrows(page)[:3] == "▼▲▲"
    assert said(page).startswith("The metrics disagree: the last step raised IoU, Dice")
    assert page.locator(".cw-verdict p.cw-uneven").count() == 1
    assert page.locator(".cw-root").get_attribute("data-disagree") == "true"


def test_what_three_decimals_do_not_show_is_no_change(bare_page):
    page = bare_page(mask_playground("large", size=96))
    page.mouse.click(*point(page, 1, 1, 96))  # one pixel of 9216
    assert arrows(page)[:3] == "sss"
    assert "raised" not in said(page)


def test_a_drag_is_one_stroke_without_gaps(bare_page):
    page = bare_page(mask_playground("small"))
    press(page, "clear")
    page.mouse.move(*point(page, 2, 2))
    page.mouse.down()
    page.mouse.move(*point(page, 2, 21), steps=2)
    page.mouse.move(*point(page, 12, 21), steps=1)
    page.mouse.up()
    page.mouse.move(*point(page, 30, 30))  # no button is pressed
    assert "FP: only predicted: 30" in page.locator(".cw-mp-legend").inner_text()
    page.mouse.click(*point(page, 2, 5))  # inside: erases
    assert "FP: only predicted: 29" in page.locator(".cw-mp-legend").inner_text()
    press(page, "undo", "undo")
    assert "FP: only predicted: 0" in page.locator(".cw-mp-legend").inner_text()


def test_painting_by_keyboard(bare_page):
    page = bare_page(mask_playground("small"))
    press(page, "copy the truth")
    place(page).focus()
    for key in ("Shift+ArrowUp", "ArrowUp", "ArrowLeft", "Space"):
        page.keyboard.press(key)
    assert page.get_by_text("Row 11, column 15: FP, only predicted.").is_visible()
    assert values(page)["accuracy"] == format(1 - 1 / 1024, ".3f")
    page.keyboard.press("Space")
    assert set(values(page).values()) == {"1"}
    for _ in range(20):
        page.keyboard.press("Shift+ArrowRight")
    assert page.get_by_text("Row 11, column 31: TN, background in both.").is_visible()


def test_the_views(bare_page):
    widget = mask_playground("large")
    page = bare_page(widget)
    read = """() => {
        const canvas = document.querySelector(".cw-px canvas");
        const copy = new OffscreenCanvas(32, 32).getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        return [...copy.getImageData(0, 0, 32, 32).data];
    }"""
    colors = np.array([(0, 0, 0, 0), (0, 158, 115, 255), (230, 159, 0, 255), (0, 114, 178, 255)])
    for view in ("boundaries", "bands", "pixels"):
        page.get_by_role("radio", name=view).check()
        widget.view = view
        assert (np.reshape(page.evaluate(read), (32, 32, 4)) == colors[widget.sorts()]).all()
        kinds = [
            text.rsplit(": ", 1)[1]
            for text in page.locator(".cw-mp-legend > span:has(.cw-mp-swatch)").all_inner_texts()
        ]
        assert kinds == [str((widget.sorts() == sort).sum()) for sort in (1, 2, 3)]
    page.get_by_role("radio", name="boundaries").check()
    page.get_by_role("slider", name="tolerance of F1").fill("0")
    widget.view, widget.tolerance = "boundaries", 0
    wrong = (widget.sorts() == 2).sum()
    assert f"predicted, no true one within 0 px: {wrong}" in page.locator(".cw-mp-legend").inner_text()
    assert len(page.locator(".cw-mp-fill").first.get_attribute("d")) > 100  # color is not the only sign
    stripe = page.locator(".cw-mp-stripe").evaluate(
        "node => [getComputedStyle(node).vectorEffect, node.getBBox().width]"
    )
    assert stripe[0] == "none"  # else its width would be a fraction of a screen pixel
    assert stripe[1] > 0.3


def test_the_tolerance_decides(bare_page):
    """Dilating a square by 2 px: boundary F1 is 0 within 1 px, 1 within 3 px; IoU knows no tolerance."""
    page = bare_page(mask_playground("large"))
    press(page, "copy the truth", "dilate", "dilate")
    iou = values(page)["iou"]
    assert float(values(page)["f1"]) < 0.1
    page.get_by_role("slider", name="tolerance of F1").fill("3")
    assert values(page)["f1"] == "1"
    assert values(page)["iou"] == iou


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable(bare_page, weakest_text, dark):
    page = bare_page(mask_playground(), dark=dark)
    press(page, "erode", "dilate")
    ratio, text = weakest_text(page, ".cw-mp-table th", ".cw-mp-table td", ".cw-mp-legend span")
    assert ratio >= 4.5, text


def test_a_narrow_page_does_not_scroll_sideways(bare_page):
    page = bare_page(mask_playground(size=96), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


def test_two_on_one_page_keep_to_themselves(bare_page):
    page = bare_page(mask_playground(), mask_playground())
    page.get_by_role("button", name="clear").nth(1).click()
    assert page.locator(".cw-mp-value").all_inner_texts()[1] != page.locator(".cw-mp-value").all_inner_texts()[6] == "0"


# ---------------------------------------------------------------------------------------------------- in a real JupyterLab
def test_in_jupyterlab(notebook):
    page = notebook(
        "from course_lib import widgets",
        "playground = widgets.mask_playground('small', size=16)\nplayground",
    )
    place(page).wait_for()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    place(page).focus()
    before = page.evaluate(ACTIVE_CELL)
    for key in ("ArrowUp", "ArrowDown", "Shift+ArrowUp", "Space", "d", "d"):
        place(page).press(key)
    assert page.evaluate(ACTIVE_CELL) == before
    page.until("print(playground.cursor, playground.counts()['FP'], len(playground.history))", "[4, 8] 5 1")
    page.mouse.move(*point(page, 1, 1, 16))
    page.mouse.down()
    page.mouse.move(*point(page, 1, 4, 16), steps=3)
    page.mouse.up()
    page.until("print(playground.counts()['FP'], len(playground.history))", "9 2")
    page.until("playground.predict(playground.truth())", "")
    page.locator(".cw-verdict", has_text="The last step raised pixel accuracy, IoU, Dice").wait_for()
    press(page, "undo")
    page.until("print(playground.counts()['FP'])", "9")
