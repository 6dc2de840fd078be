"""Checks in a notebook: what is shown, returned, kept and revealed."""

import json
import sys
import types

import numpy as np
import pytest

from course_lib import checks
from course_lib.checks import Property, Question, session
from course_lib.grading import scorebook

NAME = "77_sums"


def add_properties(student, rng):
    yield Property("it adds", cases=[{"a": 1, "b": 2}], reference=lambda a, b: a + b)
    yield Property(
        "it adds arrays",
        cases=[{"a": rng.normal(size=50), "b": rng.normal(size=50)}],
        reference=lambda a, b: a + b,
    )


QUESTIONS = [
    Question("add", "Add", 2, add_properties),
    Question("echo", "Echo", 1, lambda s, r: [Property("same", cases=[{"x": 1.0}], reference=lambda x: x)]),
]


@pytest.fixture
def check(monkeypatch, tmp_path):
    """An exercise of two questions with its notebook and solutions in a folder of its own."""
    monkeypatch.setattr(session, "ROOT", tmp_path)
    monkeypatch.setattr(session, "_current", None)
    module = types.ModuleType("course_lib.checks.sums")
    module.QUESTIONS = QUESTIONS
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(session, "_has_questions", lambda topic: topic == "sums")
    for folder in ("exercises", "solutions"):
        (tmp_path / folder).mkdir()
    (tmp_path / "exercises" / f"{NAME}.ipynb").write_text("{}")
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": []},
        {
            "cell_type": "code",
            "metadata": {"nbgrader": {"grade_id": "77-q1"}},
            "source": ["def add(a, b):\n", "    return a + b"],
        },
        {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": "77-q1-check"}}, "source": ["check(1, add)"]},
    ]
    (tmp_path / "solutions" / f"{NAME}.ipynb").write_text(json.dumps({"cells": cells}))
    return checks.exercise(NAME)


def right(a, b):
    return a + b


def half(a, b):
    return a + b if isinstance(a, int) else a


def stub(a, b): ...


def test_points_are_returned_as_a_plain_float_and_nothing_goes_to_stderr(check, capsys):
    points = [check(1, right), check(1, half), check(1, stub), check(1, None), check(2, right)]
    assert points == [2.0, 1.0, 0.0, 0.0, 0.0]
    assert {type(p) for p in points} == {float}
    assert repr(points[0]) == "2.0"  # what nbgrader reads
    out, err = capsys.readouterr()
    assert err == ""
    assert "all 2 properties hold" in out
    assert "not attempted yet" in out


def test_the_best_points_stay_and_stubs_leave_no_trace(check, capsys):
    check(1, stub)
    assert scorebook.read() == ({}, "")
    check(1, half)
    check(1, right)
    check(1, half)
    assert "Your best so far, 2 of 2 points, stays in the score book." in capsys.readouterr().out
    entry = scorebook.read()[0][NAME]["add"]
    assert (entry["points"], entry["attempts"]) == (2.0, 3)


def test_the_failing_input_can_be_had(check):
    with pytest.raises(ValueError, match="question 1 has no failing input"):
        check.case(1)
    check(1, half)
    case = check.case(1)
    assert not np.array_equal(half(**case), right(**case))
    case["a"][:] = 0
    assert check.case(1)["a"].any()


def test_the_solution_is_shown_after_an_attempt(check, capsys, monkeypatch):
    check.solution(1)
    check(1, stub)
    check.solution(1)
    out = capsys.readouterr().out
    assert out.count("First try question 1 yourself") == 2
    assert "return a + b" not in out
    check(1, half)
    check.solution(1)
    assert "def add(a, b):\n    return a + b" in capsys.readouterr().out
    monkeypatch.setenv("COURSE_SOLUTIONS", "off")
    check.solution(1)
    assert capsys.readouterr().out == "Solutions are switched off for this class.\n"
    monkeypatch.delenv("COURSE_SOLUTIONS")
    (session.ROOT / "solutions" / "OFF").touch()
    check.solution(1)
    assert capsys.readouterr().out == "Solutions are switched off for this class.\n"


def test_an_attempt_in_an_earlier_session_counts_for_the_solution(check, capsys):
    check(1, half)
    checks.exercise(NAME).solution(1)
    assert "return a + b" in capsys.readouterr().out


def test_a_missing_solution_is_said(check, capsys):
    check(2, right)
    check.solution(2)
    assert "solutions/77_sums.ipynb has no cell '77-q2'" in capsys.readouterr().out


def test_the_sheets(check, capsys):
    check(1, half)
    capsys.readouterr()
    checks.score()
    sheet = capsys.readouterr().out
    assert "Add       1 of 2 points  ✗ not yet complete" in sheet
    assert "Echo      0 of 1 point   ○ open" in sheet
    assert "Together  1 of 3 points" in sheet
    checks.course_table()
    table = capsys.readouterr().out
    assert "77  sums      1 of 3 points  1 of 2" in table
    assert "    Together  1 of 3 points" in table


def test_points_of_an_older_version_never_exceed_what_there_is(check, capsys):
    scorebook.record(NAME, "add", 5, 5)
    scorebook.record(NAME, "gone", 5, 5)
    check.score()
    assert "Together  2 of 3 points" in capsys.readouterr().out


def test_score_without_an_exercise(capsys, monkeypatch):
    monkeypatch.setattr(session, "_current", None)
    checks.score()
    assert "No exercise is open" in capsys.readouterr().out


@pytest.mark.parametrize("n", [0, 3, "1", 1.0, True])
def test_unknown_questions(check, n):
    with pytest.raises(ValueError, match="has questions 1 to 2"):
        check(n, right)


@pytest.mark.parametrize("name", ["78_absent", "sums", "", "77_sums/../x", "77_core"])
def test_unknown_exercises(check, name):
    with pytest.raises(ValueError, match="known are: 77_sums"):
        checks.exercise(name)


def test_slow_answers_are_told_kindly(check, capsys, monkeypatch):
    monkeypatch.setattr(session, "SLOW", 0.0)
    assert check(1, right) == 2.0
    assert "It counts all the same" in capsys.readouterr().out


def test_where_points_cannot_be_saved_the_table_is_shown_all_the_same(check, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    assert check(1, right) == 2.0
    out = capsys.readouterr().out
    assert "all 2 properties hold" in out
    assert "could not be saved" in out


def test_in_a_notebook_one_bundle_is_displayed(check, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    monkeypatch.setattr("IPython.get_ipython", object)
    check(1, half)
    assert len(shown) == 1
    assert set(shown[0]) == {"text/html", "text/plain"}
    check.solution(1)
    assert "```python\ndef add" in shown[1]["text/markdown"]
