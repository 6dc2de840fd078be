"""The widgets in a real JupyterLab with a real kernel: run all, push, read the state back, change the theme."""

import pytest

pytestmark = pytest.mark.needs("browser")

QUESTIONS = (
    '[{"question": "1 + 1?", "choices": ['
    '{"text": "two", "why": "Yes.", "correct": True}, {"text": "three", "why": "Count again."}]}]'
)
ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"


@pytest.fixture(scope="module")
def page(notebook):
    page = notebook(
        "from course_lib import widgets",
        "stepper = widgets.deconvolution_stepper(kernel=3, stride=2)\nstepper",
        "explorer = widgets.checkerboard_explorer(kernel=3, stride=2)\nexplorer",
        f"questions = widgets.quiz({QUESTIONS})\nquestions",
        "stepper",
    )
    page.locator(".cw-root").nth(3).wait_for()
    return page


def test_a_slider_moves_the_picture_and_the_kernel(page):
    page.get_by_role("slider", name="stride").first.fill("3")
    page.locator('.cw-root[data-output="9"]').nth(1).wait_for()  # the second display of the same widget follows
    page.until("print(stepper.stride, tuple(stepper.output().shape))", "3 (9, 9)")
    page.locator('.cw-root [data-at="4,4"]').first.click()
    page.until("print(stepper.selected)", "[4, 4]")


def test_the_kernel_moves_the_picture(page):
    page.until("explorer.kernel, explorer.values = 4, 'random'", "")
    page.locator(".cw-verdict", has_text="Random kernel: a pattern, although every pixel gets equally many.").wait_for()


def test_arrow_keys_stay_in_the_widget(page):
    slider = page.get_by_role("slider", name="padding", exact=True).first
    slider.focus()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    slider.focus()
    before = page.evaluate(ACTIVE_CELL)
    for key in ("ArrowUp", "ArrowUp", "ArrowDown", "ArrowRight", "ArrowLeft"):
        slider.press(key)
    assert slider.input_value() == "1"
    slider.press("d")  # twice, this deletes a cell
    slider.press("d")
    assert page.evaluate(ACTIVE_CELL) == before
    assert page.locator(".cw-root").count() == 4
    page.until("print(stepper.padding)", "1")


def test_answers_reach_the_kernel(page):
    page.get_by_label("three").check()
    page.locator(".cw-why", has_text="Count again.").wait_for()
    page.until("print(questions.answers, questions.correct())", "[1] 0")
    page.get_by_label("two").check()
    page.until("print(questions.answers, questions.correct())", "[0] 1")


def test_the_dark_theme_reaches_the_widgets(page):
    ground = "() => getComputedStyle(document.querySelector('.cw-root')).backgroundColor"
    light = page.evaluate(ground)
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    page.locator('body[data-jp-theme-light="false"]').wait_for(state="attached")
    page.wait_for_function(f"(before) => ({ground})() !== before", arg=light)
    red, green, blue = (int(v) for v in page.evaluate(ground)[4:-1].split(","))
    assert max(red, green, blue) < 60


def test_the_saved_notebook_keeps_the_pictures(page):
    outputs = page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells.flatMap((cell) => cell.outputs)"
    )
    shown = [
        output["data"] for output in outputs if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    assert len(shown) == 4
    for data in shown:
        assert data["image/png"].startswith("iVBOR")
        assert data["text/plain"].startswith(
            ("Deconvolution stepper: ", "Checkerboard explorer: ", "Quiz of 1 question.")
        )
