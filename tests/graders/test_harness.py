"""The harness itself: it must fail where an exercise is at fault."""

import json

import harness
import pytest

from course_lib.checks import Failed, Property, Question


def question(reference=lambda x: 2 * x, **options) -> Question:
    prop = Property("it doubles", cases=[{"x": 1.5}], reference=reference, **options)
    return Question("double", "Double", 2, lambda student, rng: [prop])


def doubles(x):
    return 2 * x


def squares(x):
    return x * x


def test_a_wrong_solution_is_noticed():
    harness.assert_full(question(), doubles)
    with pytest.raises(AssertionError, match="a right answer fails"):
        harness.assert_full(question(), squares)


def test_a_mutant_needs_its_message():
    taught = question(mistakes={"this is the square": squares})
    harness.assert_caught(taught, squares, "the square")
    with pytest.raises(AssertionError, match="'the square' is not among"):
        harness.assert_caught(question(), squares, "the square")
    with pytest.raises(AssertionError, match="gets all points"):
        harness.assert_caught(taught, doubles, "the square")
    with pytest.raises(AssertionError, match="not attempted"):
        harness.assert_caught(taught, lambda x: ..., "the square")


def test_a_question_that_depends_on_identity_is_noticed():
    seen = []

    def remembers(x):
        seen.append(x)
        return 2 * x if len(seen) == 1 else x

    with pytest.raises(AssertionError, match="the wire changes the result"):
        harness.run_both_ways(question(), remembers)


def test_a_check_that_takes_anything_is_noticed():
    def takes_anything(student, rng):
        def test():
            if student(x=1.0) is None:
                raise Failed("a value is wanted")

        yield Property("it returns something", test=test)

    with pytest.raises(AssertionError, match=r"a number gets 1\.0 points"):
        harness.assert_robust(Question("q", "Q", 1, takes_anything))


def test_a_free_test_that_stumbles_is_noticed():
    def adds(student, rng):
        def test():
            if student(x=1.0) + 1.0 != 2.5:
                raise Failed("x times 1.5 is wanted")

        yield Property("it returns a number", test=test)

    with pytest.raises(AssertionError, match=r"a function without return makes the test of .* stumble"):
        harness.assert_robust(Question("q", "Q", 1, adds))


def test_too_few_mutants_are_noticed():
    with pytest.raises(AssertionError, match="double needs 4 mutants"):
        harness.assert_enough([question()], {"double": [(squares, "")]}, {"double": [doubles]})
    with pytest.raises(AssertionError):
        harness.assert_enough([question()], {"other": []}, {})


def test_solutions_are_read_from_their_cells(tmp_path, monkeypatch):
    cells = [
        (
            "code",
            {},
            "%matplotlib inline\nimport math\nlimit = print('not run')\ndef helper(x):\n    return math.floor(x)",
        ),
        ("markdown", {}, "# not code"),
        ("code", {"nbgrader": {"grade_id": "02-q1"}}, "def answer(x):\n    return helper(x)"),
        ("code", {"nbgrader": {"grade_id": "02-q1-check"}}, "raise RuntimeError"),
    ]
    notebook = {"cells": [{"cell_type": kind, "metadata": meta, "source": [source]} for kind, meta, source in cells]}
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "02_things.ipynb").write_text(json.dumps(notebook))
    monkeypatch.setattr(harness, "ROOT", tmp_path)
    assert harness.load_solutions("02_things")["answer"](2.5) == 2
