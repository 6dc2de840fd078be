"""What all widgets share: the picture, the sentence, the stand-alone page, the notebook's bundle; and the arguments they refuse."""

import base64
import functools
import io
import re

import nbformat
import pytest
import torch
import traitlets
from PIL import Image

from course_lib.widgets import checkerboard_explorer, deconvolution_stepper, quiz
from course_lib.widgets.base import format_number

QUESTIONS = [
    {
        "question": "What does `stride=2` do?",
        "choices": [
            {"text": "It spreads the stamps.", "why": "SECRET yes", "correct": True},
            {"text": "It costs $1 or $2.", "why": "SECRET no"},
        ],
    }
]
MAKERS = [deconvolution_stepper, checkerboard_explorer, lambda: quiz(QUESTIONS)]
VIEW = "application/vnd.jupyter.widget-view+json"

every_widget = pytest.mark.parametrize("make", MAKERS, ids=["stepper", "checkerboard", "quiz"])


@every_widget
def test_equal_states_give_equal_bytes(make):
    one, two = make(), make()
    assert one.html() == two.html()  # the PNG is part of it
    assert repr(one) == repr(two)
    assert "0x" not in repr(one)


@functools.cache
def first_picture(make):
    return make().png()


@pytest.mark.parametrize(
    ("make", "trait", "value"),
    [
        (deconvolution_stepper, "stride", 3),
        (deconvolution_stepper, "step", 2),
        (deconvolution_stepper, "selected", [0, 0]),
        (deconvolution_stepper, "view", "zeros"),
        (deconvolution_stepper, "output_padding", 2),
        (checkerboard_explorer, "kernel", 4),
        (checkerboard_explorer, "values", "random"),
        (checkerboard_explorer, "signal", "hill"),
        (MAKERS[2], "answers", [1]),
    ],
)
def test_the_picture_shows_the_state(make, trait, value):
    widget = make()
    setattr(widget, trait, value)
    assert widget.png() != first_picture(make)


@every_widget
def test_bundle_of_a_notebook(make):
    widget = make()
    data, metadata = widget._repr_mimebundle_()
    assert set(data) == {VIEW, "image/png", "text/plain"}
    assert data["text/plain"] == repr(widget) == widget.describe()
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    shown = metadata["image/png"]
    assert abs(picture.width - 2 * shown["width"]) <= 2
    assert abs(picture.height - 2 * shown["height"]) <= 2
    assert shown["alt"] == widget.describe()


@every_widget
def test_page_fragment_needs_nothing_else(make):
    page = make().html()
    assert "</script" not in page[: page.rindex("</script>")]
    assert re.findall(r"(?:src|href)=\"(?!data:)", page) == []
    assert not re.search(r"\bimport\b\s*[({\"']", page)
    assert "<img alt=" in page


def test_state_is_public_traits_only():
    assert set(checkerboard_explorer().state()) == {"kernel", "stride", "padding", "values", "seed", "signal"}
    assert set(quiz(QUESTIONS).state()) == {"questions", "answers"}


def test_a_notebook_runs_without_a_browser_and_converts():
    """As nbval and a build do it: no widget state is stored; the HTML page shows the PNG, with its text where the template has one."""
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    sources = [
        "import sys\nfrom course_lib import widgets",
        "assert 'matplotlib' not in sys.modules",
        "widgets.deconvolution_stepper()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, timeout=60, kernel_name="python3", store_widget_state=False).execute()
    assert "widgets" not in notebook.metadata
    (output,) = notebook.cells[-1].outputs
    assert output.output_type == "execute_result"
    assert output.data["image/png"].strip().startswith("iVBOR")
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
    assert "Deconvolution stepper: input 3×3" in re.search(r"<img[^>]*src=\"data:image/png[^>]*>", page).group()


def test_the_style_of_the_notebook_does_not_matter():
    import matplotlib

    plain = first_picture(deconvolution_stepper)
    with matplotlib.rc_context({"text.color": "red", "font.size": 30, "hatch.color": "red"}):
        assert deconvolution_stepper().png() == plain


def test_describe_stepper():
    assert deconvolution_stepper(x=[[2, -3]] * 2, weight=[[1, 2, 1]] * 3, stride=1).describe() == (
        "Deconvolution stepper: input 2×2, kernel 3×3, stride 1, padding 0, output padding 0, dilation 1. "
        "Output size (2 − 1)·1 − 2·0 + 1·(3 − 1) + 0 + 1 = 4. output[1, 1] = 2·2 + (−3)·1 + 2·2 + (−3)·1 = 2."
    )
    assert deconvolution_stepper(output_padding=2).describe().endswith(
        "Output padding 2 is too large: it must be smaller than the stride or the dilation, so at most 1 here. "
        "PyTorch refuses this layer."
    )  # fmt: skip
    stepper = deconvolution_stepper()
    stepper.step = 2
    assert stepper.describe().endswith("output[2, 2] = 1·1 + 2·2 = 5 after 2 of 9 stamps.")


def test_describe_quiz_gives_nothing_away():
    text = quiz(QUESTIONS).describe()
    assert (
        text
        == "Quiz of 1 question.\n1. What does `stride=2` do?\n   (a) It spreads the stamps.\n   (b) It costs $1 or $2."
    )
    right = quiz(QUESTIONS)
    swapped = [
        {
            **QUESTIONS[0],
            "choices": [{**choice, "correct": not choice.get("correct")} for choice in QUESTIONS[0]["choices"]],
        }
    ]
    assert right.png() == quiz(swapped).png()


def test_stepper_takes_tensors():
    stepper = deconvolution_stepper(x=torch.eye(2), weight=torch.ones(4, 4), stride=4)
    assert (stepper.size, stepper.kernel, stepper.x) == (2, 4, [[1.0, 0.0], [0.0, 1.0]])
    assert stepper.output().sum() == 32
    stepper.kernel = 2  # values for another size are kept, and wait
    assert stepper.kernel_values().tolist() == [[1, 2], [3, 1]]
    stepper.kernel = 4
    assert stepper.kernel_values().tolist() == torch.ones(4, 4).tolist()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: deconvolution_stepper(kernel=6), "deconvolution_stepper: kernel must be a whole number from 1 to 5, got 6"),
        (lambda: deconvolution_stepper(stride=1.5), "deconvolution_stepper: stride must be a whole number from 1 to 4, got 1.5"),
        (lambda: deconvolution_stepper(view="x"), 'deconvolution_stepper: view must be "stamps" or "zeros", got \'x\''),
        (lambda: deconvolution_stepper(x=[[1, 2]]), "deconvolution_stepper: x must be square, 1×1 to 4×4, got 1×2"),
        (lambda: deconvolution_stepper(x="ab"), "deconvolution_stepper: x must be rows of numbers, got 'ab'"),
(lambda: deconvolution_stepper(weight=[[float("nan")]]), "deconvolution_stepper: weight must hold finite numbers"),
        (lambda: checkerboard_explorer(9), "checkerboard_explorer: kernel must be a whole number from 1 to 8, got 9"),
        (lambda: checkerboard_explorer(seed=-1), "checkerboard_explorer: seed must be a whole number from 0 to 999, got -1"),
        (
            lambda: checkerboard_explorer(values="ones"),
            "checkerboard_explorer: values must be one of uniform, bilinear, random, got 'ones'",
        ),
    ],
)  # fmt: skip
def test_refused_arguments(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def choice(text="a", why="b", correct=False):
    return {"text": text, "why": why, "correct": correct}


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ([], "quiz: questions is empty; give at least one"),
        ([{"choices": []}], 'quiz: question 1 must be a dict with a non-empty "question"'),
        (
            [{"question": "Q?", "choices": [choice(correct=True)]}],
            "quiz: question 1 (Q?) must have at least two choices",
        ),
        (
            [{"question": "Q?", "choices": [choice(), choice()]}],
            "quiz: question 1 (Q?) must have exactly one correct choice, got 0",
        ),
        (
            [*QUESTIONS, {"question": "Q?", "choices": [choice(correct=True)] * 2}],
            "quiz: question 2 (Q?) must have exactly one correct choice, got 2",
        ),
        (
            [{"question": "Q?", "choices": [choice(correct=True), choice(why=" ")]}],
            'quiz: question 1 (Q?): choice 2 must be a dict with a non-empty "why"',
        ),
    ],
)
def test_refused_questions(questions, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        quiz(questions)


def test_answers():
    widget = quiz(QUESTIONS * 2)
    assert (widget.answers, widget.correct()) == ([None, None], 0)
    widget.answers = [0, 1]
    assert widget.correct() == 1
    for wrong in ([0], [2, 0], [-1, 0]):
        with pytest.raises(
            traitlets.TraitError, match="answers must give one choice number or None for each of 2 questions"
        ):
            widget.answers = wrong
    assert widget.answers == [0, 1]


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (-3.0, "−3"), (0.625, "0.63"), (-0.625, "−0.63"), (-0.001, "0.00"), (1e-12, "0"), (2.5, "2.50")],
)
def test_numbers(value, text):
    assert format_number(value) == text
