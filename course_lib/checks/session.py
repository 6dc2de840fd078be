"""Checks in a notebook: `check(1, answer)`, the sheet of points, and solutions after an attempt."""

import importlib
import json
import os
import re
from pathlib import Path

from course_lib.checks import render
from course_lib.checks.core import RULE, SLOW, Question, Report, judge
from course_lib.grading import feedback, scorebook
from course_lib.grading.plain import plain

ROOT = Path(__file__).parents[2]  # exercises/ and solutions/ lie here
_current: "Exercise | None" = None


class Exercise:
    """The checks of one exercise. `check(n, answer)` shows a table of properties and returns the points earned.

    name: as the notebook is called, "02_transposed_convolution". Raises ValueError for a name without questions.
    """

    def __init__(self, name: str):
        self.name, self.questions = name, questions_of(name)
        self.reports: dict[int, Report] = {}  # the last attempt of each question

    def __call__(self, n: int, answer) -> float:
        """Check the answer of question n (from 1): a function or class. Returns its points, 0.0 while it is not attempted."""
        question = self._question(n)
        report = judge(question, answer, self.name)
        notes = []
        if report.attempted:
            self.reports[n] = report
            saved = scorebook.record(self.name, question.name, report.points, report.out_of)
            best = scorebook.read()[0].get(self.name, {}).get(question.name, {}).get("points", 0.0)
            notes = _notes(report, n, best) + ([saved] if saved else [])
        render.publish(render.report_html(report, n, tuple(notes)), feedback.text(report, n, tuple(notes)))
        return float(report.points)

    def case(self, n: int) -> dict:
        """The first failing input of the last check of question n, to try again: `my_answer(**check.case(1))`."""
        self._question(n)
        outcomes = self.reports[n].outcomes if n in self.reports else ()
        given = next((outcome.given for outcome in outcomes if outcome.passed is False and outcome.given), None)
        if given is None:
            raise ValueError(f"case: question {n} has no failing input; run its check first")
        return plain(given)

    def score(self) -> None:
        """Show the points of this exercise: the best of all checks of each question."""
        entries, note = scorebook.read()
        mine = entries.get(self.name, {})
        rows = [_score_row(n, question, mine.get(question.name)) for n, question in enumerate(self.questions, 1)]
        reached = sum(min(mine.get(q.name, {}).get("points", 0.0), q.points) for q in self.questions)
        total = ("", "Together", feedback.points_text(reached, sum(q.points for q in self.questions)), "")
        title = f"Exercise {self.name[:2]} · {self.name[3:].replace('_', ' ')}"
        _sheet(title, ("", "Question", "Points", "State"), rows, total, (RULE, *([note] if note else [])))

    def solution(self, n: int) -> None:
        """Show the solution of question n, once an answer to it has been checked."""
        question = self._question(n)
        tried = n in self.reports or scorebook.read()[0].get(self.name, {}).get(question.name)
        if solutions_are_off():
            text = "Solutions are switched off for this class."
        elif not tried:
            text = f"First try question {n} yourself: the solution is shown after a check of an answer of yours."
        else:
            text = solution_source(self.name, n)
            if text is not None:
                render.publish_code(f"A solution of question {n}, {question.title}", text)
                return
            text = f"The solution of question {n} is not here: solutions/{self.name}.ipynb has no cell {_grade_id(self.name, n)!r}."
        render.publish(render.note_html(text), text)

    def _question(self, n: int) -> Question:
        if type(n) is not int or not 1 <= n <= len(self.questions):
            raise ValueError(
                f"check: question {n!r} does not exist; {self.name} has questions 1 to {len(self.questions)}"
            )
        return self.questions[n - 1]


def exercise(name: str) -> Exercise:
    """Open the checks of an exercise by the name of its notebook, "02_transposed_convolution"."""
    global _current
    _current = Exercise(name)
    return _current


def score() -> None:
    """Show the points of the exercise opened last."""
    if _current is None:
        text = 'No exercise is open: begin with `check = checks.exercise("02_transposed_convolution")`.'
        render.publish(render.note_html(text), text)
    else:
        _current.score()


def course_table() -> None:
    """Show the points of every exercise of the course."""
    entries, note = scorebook.read()
    rows, reached_all, available_all = [], 0.0, 0.0
    for name in exercise_names():
        questions = questions_of(name)
        mine = entries.get(name, {})
        reached = sum(min(mine.get(q.name, {}).get("points", 0.0), q.points) for q in questions)
        available = sum(q.points for q in questions)
        checked = sum(q.name in mine for q in questions)
        rows.append(
            (
                name[:2],
                name[3:].replace("_", " "),
                feedback.points_text(reached, available),
                f"{checked} of {len(questions)}",
            )
        )
        reached_all, available_all = reached_all + reached, available_all + available
    total = ("", "Together", feedback.points_text(reached_all, available_all), "")
    _sheet("Your points", ("", "Exercise", "Points", "Questions checked"), rows, total, (note,) if note else ())


def exercise_names() -> list[str]:
    """The exercises that have both a notebook in exercises/ and questions in course_lib/checks/, in order."""
    notebooks = sorted((ROOT / "exercises").glob("[0-9][0-9]_*.ipynb"))
    return [notebook.stem for notebook in notebooks if _has_questions(notebook.stem[3:])]


def questions_of(name: str) -> list[Question]:
    """The QUESTIONS of an exercise. Raises ValueError for an unknown one."""
    if re.fullmatch(r"\d\d_[a-z0-9_]+", name) and _has_questions(name[3:]):
        return list(importlib.import_module(f"course_lib.checks.{name[3:]}").QUESTIONS)
    known = ", ".join(exercise_names()) or "none yet"
    raise ValueError(f"exercise: {name!r} has no questions; known are: {known}")


def _has_questions(topic: str) -> bool:
    file = Path(__file__).with_name(f"{topic}.py")
    return file.is_file() and re.search(r"^QUESTIONS\b", file.read_text("utf-8"), re.MULTILINE) is not None


def solution_source(name: str, n: int) -> str | None:
    """The answer cell of question n in solutions/NAME.ipynb (nbgrader id "02-q1"); None where it is not there."""
    try:
        notebook = json.loads((ROOT / "solutions" / f"{name}.ipynb").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    for cell in notebook.get("cells", []):
        if cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") == _grade_id(name, n):
            return "".join(cell["source"])
    return None


def solutions_are_off() -> bool:
    """Whether a class hides the solutions: COURSE_SOLUTIONS=off, or a file solutions/OFF."""
    return os.environ.get("COURSE_SOLUTIONS", "").lower() == "off" or (ROOT / "solutions" / "OFF").exists()


def _grade_id(name: str, n: int) -> str:
    return f"{name[:2]}-q{n}"


def _notes(report: Report, n: int, best: float) -> list[str]:
    notes = []
    if not all(outcome.passed for outcome in report.outcomes):
        notes.append(RULE)
        if any(outcome.given for outcome in report.outcomes if not outcome.passed):
            notes.append(f"`check.case({n})` holds the first failing input; `check.solution({n})` shows a solution.")
    if best > report.points:
        notes.append(f"Your best so far, {feedback.points_text(best, report.out_of)}, stays in the score book.")
    if report.seconds > SLOW:
        notes.append(
            f"Your answer ran for {report.seconds:.1f} s. It counts all the same, but under {SLOW:.0f} s is within reach."
        )
    return notes


def _score_row(n: int, question: Question, entry: dict | None) -> tuple:
    if entry is None:
        return n, question.title, feedback.points_text(0, question.points), "○ open"
    state = "✓ complete" if entry["points"] >= question.points else "✗ not yet complete"
    return n, question.title, feedback.points_text(min(entry["points"], question.points), question.points), state


def _sheet(title: str, header: tuple, rows: list[tuple], total: tuple, notes: tuple[str, ...]) -> None:
    page = render.sheet_html(title, header, rows, total, notes)
    render.publish(page, render.sheet_text(title, header, rows, total, notes))
