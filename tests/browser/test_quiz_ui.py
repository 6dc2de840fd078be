"""The quiz on a bare page: every choice explained, by keyboard too, and no markup from the questions."""

import pytest

from course_lib.widgets import quiz

pytestmark = pytest.mark.needs("browser")

QUESTIONS = [
    {
        "question": "How large is the output of `kernel=3`, `stride=2` on 2×2?",
        "choices": [
            {"text": "4×4", "why": "That needs padding.", "correct": False},
            {"text": "5×5", "why": "`(2 - 1) * 2 + 3` is 5.", "correct": True},
            {"text": "6×6", "why": "That is kernel 4."},
        ],
    },
    {
        "question": "Which <b>tag</b> & sign?",
        "choices": [
            {"text": "<img src=x onerror=alert(1)>", "why": "an `<i>` & an open ` backtick", "correct": True},
            {"text": "none", "why": "there is one"},
        ],
    },
]


def test_every_choice_is_explained(bare_page):
    page = bare_page(quiz(QUESTIONS))
    assert page.get_by_role("status").inner_text() == "0 of 2 correct, 2 still open"
    why = page.locator(".cw-why").first
    assert why.inner_text() == ""
    page.get_by_label("4×4").check()
    assert why.inner_text() == "✗ Not quite. That needs padding."
    assert page.get_by_role("status").inner_text() == "0 of 2 correct, 1 still open"
    page.get_by_label("5×5").check()
    assert why.inner_text() == "✓ Right. (2 - 1) * 2 + 3 is 5."
    assert why.locator("code").inner_text() == "(2 - 1) * 2 + 3"
    page.get_by_label("6×6").check()
    assert why.inner_text() == "✗ Not quite. That is kernel 4."
    page.get_by_label("5×5").check()
    page.get_by_label("none").check()
    assert page.get_by_role("status").inner_text() == "1 of 2 correct"
    assert page.locator(".cw-choice.cw-right, .cw-choice.cw-false").all_text_contents() == ["5×5", "none"]


def test_by_keyboard(bare_page):
    page = bare_page(quiz(QUESTIONS))
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.get_by_label("4×4").is_checked()
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("5×5").is_checked()
    page.keyboard.press("Tab")  # one stop per question
    page.keyboard.press("Space")
    assert page.get_by_role("status").inner_text() == "2 of 2 correct"


def test_structure_for_screen_readers(bare_page):
    page = bare_page(quiz(QUESTIONS))
    group = page.get_by_role("group", name="1. How large is the output of kernel=3, stride=2 on 2×2?")
    assert group.get_by_role("radio").count() == 3
    assert page.locator(".cw-why").first.get_attribute("aria-live") == "polite"


def test_markup_in_questions_stays_text(bare_page):
    page = bare_page(quiz(QUESTIONS))
    assert page.locator("fieldset img, fieldset legend b b").count() == 0
    page.get_by_text("<img src=x onerror=alert(1)>").click()
    assert page.locator(".cw-why").nth(1).inner_text() == "✓ Right. an <i> & an open ` backtick"
    assert "Which <b>tag</b> & sign?" in page.locator("legend").nth(1).inner_text()


def test_answers_given_in_python_show(bare_page):
    answered = quiz(QUESTIONS)
    answered.answers = [2, None]
    page = bare_page(answered)
    assert page.get_by_label("6×6").is_checked()
    assert page.locator(".cw-why").first.inner_text() == "✗ Not quite. That is kernel 4."
