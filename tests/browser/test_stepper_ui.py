"""The deconvolution stepper on a bare page: mouse, keyboard, invalid layers, motion, width."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.widgets import deconvolution_stepper

pytestmark = pytest.mark.needs("browser")

OUTPUT = ".cw-figure:nth-of-type(3)"


def numbers(page, figure=3):
    """The numbers of the figure's kept cells, as rows."""
    cells = page.locator(f".cw-figures figure:nth-of-type({figure}) .cw-cell:not(.cw-cut)").all_text_contents()
    side = round(len(cells) ** 0.5)
    return torch.tensor([float(text.replace("−", "-")) for text in cells]).reshape(side, side)


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def progress(page):
    return page.locator(".cw-progress").inner_text()


def state(page, size):
    page.locator(f'.cw-root[data-output="{size}"]').wait_for()


def test_sliders_by_keyboard(bare_page):
    page = bare_page(deconvolution_stepper())
    x, w = numbers(page, 1), numbers(page, 2)
    assert torch.equal(numbers(page), F.conv_transpose2d(x[None, None], w[None, None], stride=2)[0, 0])
    slider = page.get_by_role("slider", name="stride")
    slider.focus()
    slider.press("ArrowRight")
    state(page, 9)
    assert torch.equal(numbers(page), F.conv_transpose2d(x[None, None], w[None, None], stride=3)[0, 0])
    page.get_by_role("slider", name="padding", exact=True).press("ArrowRight")
    state(page, 7)
    assert torch.equal(numbers(page), F.conv_transpose2d(x[None, None], w[None, None], stride=3, padding=1)[0, 0])
    assert page.locator(".cw-formula strong").inner_text() == "= (3 − 1)·3 − 2·1 + 1·(3 − 1) + 0 + 1 = 7"
    assert page.locator(".cw-cut").count() == 9 * 9 - 7 * 7


def test_stamps_one_by_one(bare_page):
    page = bare_page(deconvolution_stepper(size=2))
    x, w = numbers(page, 1), numbers(page, 2)
    button(page, "Reset").click()
    assert progress(page) == "stamp 0 of 4"
    assert numbers(page).count_nonzero() == 0
    for stamp in range(1, 5):
        button(page, "Step").press("Enter")
        assert progress(page) == f"stamp {stamp} of 4"
        so_far = torch.where(torch.arange(4).reshape(2, 2) < stamp, x, 0)
        assert torch.equal(numbers(page), F.conv_transpose2d(so_far[None, None], w[None, None], stride=2)[0, 0])
        assert page.locator(".cw-figures figure:nth-of-type(3) .cw-now").count() == 9
    assert "input[1, 1] = 4 adds 4 × kernel, its corner at output[2, 2]." in page.locator("[aria-live]").inner_text()
    button(page, "Step").click()  # after the last stamp comes the first
    assert progress(page) == "stamp 1 of 4"
    button(page, "Back").click()
    button(page, "Back").click()
    assert progress(page) == "stamp 0 of 4"


def test_the_numbers_that_add_up(bare_page):
    page = bare_page(deconvolution_stepper(x=[[2, 3], [0, 0]], weight=[[1, 2, 1], [0, 0, 0], [0, 0, 0]]))
    page.locator('[data-at="0,2"]').click()
    assert page.locator(".cw-sum").inner_text().replace("\n", " ") == "output[0, 2] = a2·1 + b3·1 = 5"
    for figure in (1, 2):  # the two products carry the same letters in the input and in the kernel
        marked = page.locator(f".cw-figures figure:nth-of-type({figure}) .cw-part")
        letters = marked.evaluate_all("cells => cells.map((cell) => cell.dataset.tag)")
        assert sorted(letters) == ["a", "b"]
    page.locator('[data-at="0,1"]').hover()
    assert "output[0, 1] = " in page.locator(".cw-sum").inner_text()
    page.mouse.move(5, 5)
    assert "output[0, 2] = " in page.locator(".cw-sum").inner_text()
    button(page, "Reset").click()
    button(page, "Step").click()
    assert page.locator(".cw-sum").inner_text().endswith("= 2 so far")
    assert page.locator(".cw-pending").all_text_contents() == ["b3·1"]


def test_output_cells_by_keyboard(bare_page):
    page = bare_page(deconvolution_stepper())
    button(page, "Play").focus()
    page.keyboard.press("Tab")
    chosen = "() => document.activeElement.dataset.at"
    assert page.evaluate(chosen) == "2,2"  # where most stamps meet, nearest the middle
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(chosen) == "3,3"
    assert "output[3, 3] = a5·1 = 5" in page.locator(".cw-sum").inner_text()
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    assert page.evaluate(chosen) == "0,3"
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_refused_layers_are_explained(bare_page):
    page = bare_page(deconvolution_stepper(kernel=1, stride=1, size=1))
    message = page.get_by_role("alert")
    assert message.is_hidden()
    page.get_by_role("slider", name="output padding").fill("1")
    rule = "Output padding 1 is too large: it must be smaller than the stride or the dilation, so at most 0 here."
    assert message.inner_text() == f"{rule} PyTorch refuses this layer."
    state(page, "invalid")
    assert button(page, "Step").is_disabled()
    page.get_by_role("slider", name="output padding").fill("0")
    page.get_by_role("slider", name="padding", exact=True).fill("2")
    assert message.inner_text().startswith("Padding 2 cuts away everything: the output would be −3×−3.")
    page.get_by_role("slider", name="padding", exact=True).fill("0")
    state(page, 1)
    assert message.is_hidden()
    assert numbers(page).tolist() == [[1]]


def test_zero_insertion_gives_the_same_output(bare_page):
    page = bare_page(deconvolution_stepper(kernel=3, stride=2, padding=1, output_padding=1))
    before = numbers(page)
    page.get_by_role("radio", name="zero insertion").check()
    assert torch.equal(numbers(page), before)
    spread, flipped = numbers(page, 1), numbers(page, 2)
    assert torch.equal(F.conv2d(spread[None, None], flipped[None, None])[0, 0], before)
    button(page, "Reset").click()
    assert progress(page) == "window 1 of 36"
    assert page.locator(".cw-figures figure:nth-of-type(1) .cw-now").count() == 9
    button(page, "Step").click()
    assert page.locator('[data-at="0,1"][aria-selected="true"]').count() == 1
    assert page.locator("[aria-live] .cw-say").inner_text() == "The 9 kernel cells meet 2 input values and 7 zeros."


def test_playing(bare_page):
    page = bare_page(deconvolution_stepper(size=2), motion="no-preference")
    page.clock.install(time=0)
    page.clock.pause_at(1)  # from here time moves by run_for alone
    button(page, "Play").click()
    assert progress(page) == "stamp 0 of 4"
    page.clock.run_for(1500)
    assert progress(page) == "stamp 2 of 4"
    assert page.locator(".cw-say").evaluate("node => node.parentElement.ariaLive") == "off"
    button(page, "Pause").click()
    page.clock.run_for(5000)
    assert progress(page) == "stamp 2 of 4"
    button(page, "Play").click()
    page.clock.run_for(5000)
    assert progress(page) == "stamp 4 of 4"
    assert button(page, "Play").is_visible()
    assert page.locator(".cw-say").evaluate("node => node.parentElement.ariaLive") == "polite"


def test_reduced_motion_shows_the_end_at_once(bare_page):
    page = bare_page(deconvolution_stepper(), motion="reduce")
    button(page, "Reset").click()
    button(page, "Play").click()
    assert progress(page) == "stamp 9 of 9"
    assert button(page, "Play").is_visible()
    assert button(page, "Pause").count() == 0


def test_two_on_one_page_keep_to_themselves(bare_page):
    page = bare_page(deconvolution_stepper(), deconvolution_stepper(stride=1))
    page.get_by_role("slider", name="kernel").nth(1).fill("1")
    assert page.locator(".cw-root").evaluate_all("nodes => nodes.map((node) => node.dataset.output)") == ["7", "3"]
    page.get_by_role("radio", name="zero insertion").nth(1).check()
    assert page.get_by_role("radio", name="stamps").nth(0).is_checked()


@pytest.mark.parametrize("layer", [{}, {"view": "zeros"}, {"kernel": 5, "stride": 4, "dilation": 3, "size": 4}])
def test_a_narrow_page_does_not_scroll_sideways(bare_page, layer):
    page = bare_page(deconvolution_stepper(**layer), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400


def test_without_javascript_the_picture_stays(bare_page):
    widget = deconvolution_stepper()
    picture = bare_page(widget, javascript=False).get_by_role("img", name=widget.describe())
    assert picture.is_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth > image.width")
