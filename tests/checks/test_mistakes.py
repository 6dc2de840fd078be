"""A mistake is named only where it explains everything that an answer returned."""

import re

import pytest
import torch

from course_lib.checks import Failed, Question, judge
from course_lib.checks.mistakes import entry_of, explained, item_of

SQUARE, SAME = "this is the square: double means x + x", "this is x itself"
MISTAKES = {SAME: lambda x: x, SQUARE: lambda x: x * x}
ONE, THREE = ({"x": torch.tensor([value])} for value in (1.0, 3.0))


def why(answer, cases, *, mistakes=MISTAKES, **settings):
    def properties(student, rng):
        yield explained("it doubles", student, list(cases), lambda x: 2 * x, mistakes, **settings)

    return judge(Question("double", "Twice as much", 1, properties), answer).outcomes[0].why


def test_a_right_answer_passes():
    assert why(lambda x: x + x, (ONE, THREE)) == ""


def test_the_mistake_is_one_that_fits_all_cases():
    assert why(lambda x: x**2, (ONE, THREE)) == SQUARE  # of 1 alone it could be x itself too
    assert why(lambda x: x * 1.0, (ONE, THREE)) == SAME


def test_a_mistake_that_fits_only_the_first_case_is_not_named():
    assert "1.0 where 2.0 is wanted" in why(lambda x: x**3, (ONE, THREE))


def test_a_case_where_the_answer_crashes_is_no_evidence():
    assert why(lambda x: x**2 if x < 2 else 1 / 0, (ONE, THREE)) == SAME  # of 1 it can be either; the first is named
    assert "ZeroDivisionError" in why(lambda x: 2 * x if x < 2 else 1 / 0, (ONE, THREE))


def test_a_mistake_without_output_is_passed_over():
    assert why(lambda x: x**2, (THREE,), mistakes={"this one has no output": lambda x: 1 / 0} | MISTAKES) == SQUARE


def test_a_part_of_an_answer_is_asked_alone():
    pair, entries = (lambda x: (2 * x, x)), (lambda x: {"double": 2 * x, "same": x})
    assert torch.equal(item_of(pair, 1, "(double, same)")(x=torch.ones(2)), torch.ones(2))
    assert torch.equal(entry_of(entries, "double")(x=torch.ones(2)), 2 * torch.ones(2))
    for part, message in (
        (item_of(lambda x: x, 0, "(double, same)"), "return the pair `(double, same)`, not a torch tensor"),
        (item_of(lambda x: (x,), 0, "(double, same)"), "not a tuple of 1"),
        (entry_of(entries, "half"), "the dict has no 'half'"),
        (entry_of(pair, "double"), "return a dict, not a tuple"),
    ):
        with pytest.raises(Failed, match=re.escape(message)):
            part(x=torch.ones(2))


def test_the_tolerance_holds_for_the_answer_and_for_its_mistakes():
    assert why(lambda x: 2.0001 * x, (THREE,), tol=1e-3) == ""
    assert why(lambda x: 1.0001 * x, (THREE,), tol=1e-3) == SAME
    assert "is wanted" in why(lambda x: 1.0001 * x, (THREE,))


def test_words_speak_where_no_mistake_does_and_the_aside_follows_both():
    def words(failed: Failed):
        return f"off by {(failed.want - failed.got).item():g}"

    def aside(given):
        return f" (x is {given['x'].item():g})"

    assert why(lambda x: x**3, (ONE, THREE), words=words, aside=aside) == "off by 1 (x is 1)"
    assert why(lambda x: x**2, (ONE, THREE), words=words, aside=aside) == f"{SQUARE} (x is 1)"
