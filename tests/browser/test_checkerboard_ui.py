"""The checkerboard explorer on a bare page: what it says, what it draws, both themes."""

import pytest

from course_lib.widgets import checkerboard_explorer, deconvolution_stepper, quiz

pytestmark = pytest.mark.needs("browser")


def said(page):
    return page.locator(".cw-verdict").inner_text()


def test_divisibility_settles_uniform_kernels_only(bare_page):
    page = bare_page(checkerboard_explorer(kernel=3, stride=2))
    assert "Every interior pixel gets 1, 2 or 4 stamps (max/min 4); 3 is not divisible by 2." in said(page)
    assert "Uniform kernel: a pattern. Ripple 0.48" in said(page)
    page.get_by_role("slider", name="kernel").press("ArrowRight")
    assert "Every interior pixel gets 4 stamps (max/min 1); 4 is divisible by 2." in said(page)
    assert "Uniform kernel: no pattern. Ripple 0.00" in said(page)
    page.get_by_role("radio", name="random").check()
    assert "Random kernel: a pattern, although every pixel gets equally many. Ripple 0.67" in said(page)
    page.get_by_role("slider", name="kernel").press("ArrowLeft")
    page.get_by_role("radio", name="bilinear").check()
    assert "Bilinear kernel: no pattern, although the counts differ. Ripple 0.00" in said(page)


def test_maps(bare_page):
    page = bare_page(checkerboard_explorer(kernel=3, stride=2))
    counts = page.locator('[data-map="counts"] svg')
    assert counts.get_attribute("aria-label").startswith("Every interior pixel gets 1, 2 or 4 stamps")
    side = 5 * 2 + 3
    assert counts.locator("text:not(.cw-small)").all_text_contents()[:3] == [*["1121212121211"] * 2, "2242424242422"]
    assert counts.locator("text.cw-small").all_text_contents() == ["1", "1", *["2", "1"] * 5, "1"]
    page.get_by_role("slider", name="padding").fill("3")
    assert len("".join(counts.locator("text:not(.cw-small)").all_text_contents())) == (side - 6) ** 2


def test_phase_sums(bare_page):
    page = bare_page(checkerboard_explorer(kernel=3, stride=2))
    kernel, sums = page.locator(".cw-stack figure").all()
    assert (
        kernel.locator(".cw-cell").evaluate_all("cells => cells.map((cell) => cell.dataset.tag).join('')")
        == "abacdcaba"
    )
    assert sums.locator(".cw-cell").all_text_contents() == ["4", "2", "2", "1"]
    page.get_by_role("slider", name="stride").fill("4")
    assert sums.locator(".cw-cell").all_text_contents() == [*"1110" * 3, *"0000"]
    assert "0 or 1 stamps (max/min infinite: gaps)" in said(page)


def test_another_random_kernel(bare_page):
    page = bare_page(checkerboard_explorer(kernel=2, values="random"))
    numbers = page.locator(".cw-stack figure").first.locator(".cw-cell")
    before = numbers.all_text_contents()
    page.get_by_role("button", name="Another random kernel").click()
    assert numbers.all_text_contents() != before
    page.get_by_role("radio", name="uniform").check()
    page.get_by_role("button", name="Another random kernel").click()
    assert page.get_by_role("radio", name="random").is_checked()


def test_energy_of_a_flat_input_and_of_a_hill(bare_page):
    page = bare_page(checkerboard_explorer(kernel=3, stride=2))
    assert "AC energy at period 2 in the dashed window: 1.00 (on a flat input all variation is pattern)." in said(page)
    page.get_by_role("radio", name="smooth hill").check()
    hill = page.locator(".cw-verdict p").nth(2)
    assert hill.inner_text().endswith("(the rest is the hill).")
    uneven = float(hill.inner_text().split(": ")[1][:4])
    page.get_by_role("radio", name="bilinear").check()
    assert float(hill.inner_text().split(": ")[1][:4]) < 0.05 < 0.5 < uneven < 1
    page.get_by_role("slider", name="stride").fill("1")
    assert hill.inner_text().endswith("Stride 1 has no period.")


def test_extreme_positions_draw(bare_page):
    page = bare_page(checkerboard_explorer(kernel=8, stride=4, values="random"))
    for name, value in (("kernel", "1"), ("padding", "3"), ("stride", "1")):
        page.get_by_role("slider", name=name).fill(value)
    assert page.locator(".cw-root").get_attribute("data-output") == "2"
    squares = page.locator('[data-map="response"] :is(path.cw-positive, path.cw-negative)')
    assert "".join(squares.evaluate_all("paths => paths.map((path) => path.getAttribute('d'))")).count("M") == 4


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_readable(bare_page, weakest_text, dark):
    question = {
        "question": "a `b`?",
        "choices": [{"text": "c", "why": "d", "correct": True}, {"text": "e", "why": "f"}],
    }
    wrong = quiz([question])
    wrong.answers = [1]
    shown = [
        deconvolution_stepper(padding=1),
        deconvolution_stepper(view="zeros"),
        deconvolution_stepper(output_padding=2),
    ]
    page = bare_page(*shown, checkerboard_explorer(4, 2, values="random"), wrong, dark=dark)
    ratio, text = weakest_text(page)
    assert ratio >= 4.5, text


@pytest.mark.parametrize("kernel", [3, 8])
def test_a_narrow_page_does_not_scroll_sideways(bare_page, kernel):
    page = bare_page(checkerboard_explorer(kernel=kernel), width=400)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400
