"""What every exercise's questions are put through: solutions and alternates pass, mutants fail with their message, the wire
changes nothing, and no answer, however strange, raises or takes too long.

A test file of an exercise holds wrong and right answers and hands them over:

    MUTANTS = {"stamp_1d": [(stamp_overwrites, "overwrite"), ...], ...}      # function or class, a piece of the message
    ALTERNATES = {"stamp_1d": [stamp_by_index_add], ...}
    TestExercise = exercise_tests("02_transposed_convolution", MUTANTS, ALTERNATES)
"""

import ast
import copy
import functools
import json
import linecache
import statistics
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.checks import Question, Report, judge
from course_lib.checks.core import UNFIT
from course_lib.checks.render import report_html
from course_lib.checks.session import questions_of
from course_lib.grading import feedback
from course_lib.grading.wire import Through

ROOT = Path(__file__).parents[2]
MUTANTS_AT_LEAST, ALTERNATES_AT_LEAST = 4, 1
SECONDS, MEDIAN_SECONDS = 2.0, 0.3  # processor time of one check, picture included


def exercise_tests(name: str, mutants: dict, alternates: dict) -> type:
    """The tests of one exercise, as a class for pytest to collect; solutions come from solutions/NAME.ipynb."""
    questions = questions_of(name)
    of = {question.name: question for question in questions}
    every_question = pytest.mark.parametrize("question", questions, ids=list(of))
    wrong = [pytest.param(of[q], *pair, id=f"{q}-{pair[0].__name__}") for q in mutants for pair in mutants[q]]
    right = [pytest.param(of[q], answer, id=f"{q}-{answer.__name__}") for q in alternates for answer in alternates[q]]

    class Tests:
        def test_there_are_enough(self):
            assert_enough(questions, mutants, alternates)

        @every_question
        def test_the_solution_gets_all_points(self, question):
            assert_full(question, load_solutions(name)[question.name], name)

        @pytest.mark.parametrize(("question", "answer"), right)
        def test_an_alternate_gets_all_points(self, question, answer):
            assert_full(question, answer, name)

        @pytest.mark.parametrize(("question", "mutant", "message"), wrong)
        def test_a_mutant_is_told_its_mistake(self, question, mutant, message):
            assert_caught(question, mutant, message, name)

        @every_question
        def test_a_stub_is_not_attempted(self, question):
            assert_unattempted(question, name)

        @every_question
        def test_strange_answers_get_nothing_and_break_nothing(self, question):
            assert_robust(question, name)

        def test_the_median_check_is_fast(self):
            assert_fast(questions, load_solutions(name), name)

    return Tests


@functools.cache
def load_solutions(name: str) -> dict:
    """Run the answer cells (grade_id "02-q1") of solutions/NAME.ipynb, and of other cells the imports and definitions.

    Returns all names they define.
    """
    notebook = json.loads((ROOT / "solutions" / f"{name}.ipynb").read_text("utf-8"))
    names = {"__name__": f"solutions_{name}"}
    for number, cell in enumerate(notebook["cells"]):
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if cell["cell_type"] != "code" or grade_id.endswith("-check"):
            continue
        source = "".join(cell["source"])
        if not grade_id:
            source = _definitions(source)
        file = f"<solutions/{name}.ipynb, cell {number}>"
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)  # so that inspection finds it
        exec(compile(source, file, "exec"), names)
    return names


def _definitions(source: str) -> str:
    """Imports, functions and classes of a cell; nothing that would run, train or plot."""
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    return "\n".join(ast.unparse(node) for node in ast.parse("\n".join(lines)).body if isinstance(node, kept))


def verdict(report: Report) -> list:
    """What of a report must not depend on the way it came about."""
    return [report.points, report.attempted, *((o.claim, o.passed, o.why) for o in report.outcomes)]


def run_both_ways(question: Question, answer, seed: str = "") -> Report:
    """Judge an answer directly and behind the wire, see that the results are equal, can be shown, and come within the time."""
    start = time.process_time()
    direct = judge(question, answer, seed)
    show(direct)
    seconds = time.process_time() - start
    one, other = verdict(direct), verdict(judge(question, Through(answer), seed))
    assert one == other, f"{question.name}: the wire changes the result from {one} to {other}"
    assert seconds <= SECONDS, f"{question.name}: a check takes {seconds:.2f} s"
    return direct


def assert_full(question: Question, answer, seed: str = "") -> None:
    """A right answer: full points both ways, also if it scribbles over its arguments."""
    report = run_both_ways(question, answer, seed)
    assert report.points == question.points, f"{question.name}: a right answer fails\n{feedback.text(report)}"
    if not isinstance(answer, type):
        scribbled = judge(question, _scribbling(answer), seed)
        assert all(o.passed for o in scribbled.outcomes), (
            f"{question.name}: an answer that changes its arguments harms the check"
        )


def assert_caught(question: Question, mutant, message: str, seed: str = "") -> None:
    """A wrong answer: not all points, and a failed property that says `message`."""
    report = run_both_ways(question, mutant, seed)
    assert report.attempted, f"{question.name}: the mutant counts as not attempted"
    assert report.points < question.points, f"{question.name}: a mutant gets all points ({message!r})"
    whys = [o.why for o in report.outcomes if o.passed is False]
    assert any(message in why for why in whys), f"{question.name}: {message!r} is not among {whys}"


def assert_enough(questions, mutants: dict, alternates: dict) -> None:
    """Every question has its mutants and alternates, and nothing is filed under a name that no question has."""
    names = {question.name for question in questions}
    assert set(mutants) <= names
    assert set(alternates) <= names
    for name in names:
        assert len(mutants.get(name, ())) >= MUTANTS_AT_LEAST, f"{name} needs {MUTANTS_AT_LEAST} mutants"
        assert len(alternates.get(name, ())) >= ALTERNATES_AT_LEAST, f"{name} needs an alternate"


def assert_unattempted(question: Question, seed: str = "") -> None:
    """A stub, a missing answer: 0 points, nothing run, nothing raised."""

    def stub(*args, **kwargs):
        """Nothing here yet."""
        ...

    for answer in (stub, None, ..., lambda **kwargs: ...):
        report = judge(question, answer, seed)
        assert (report.points, report.attempted) == (0.0, False)
        show(report)


def assert_robust(question: Question, seed: str = "") -> None:
    """Strange answers: no points, no exception, and a table that can be shown."""
    for what, answer in STRANGE.items():
        report = run_both_ways(question, answer, seed)
        assert report.points < question.points, f"{question.name}: {what} gets {report.points} points"
        stumbled = [o.claim for o in report.outcomes if o.why.startswith(UNFIT)]
        assert not stumbled, (
            f"{question.name}: {what} makes the test of {stumbled} stumble; raise Failed with a sentence"
        )


def assert_fast(questions, solutions: dict, seed: str = "") -> float:
    """The median time of a check over an exercise; returned in seconds of processor time."""
    median = statistics.median(check_seconds(question, solutions[question.name], seed) for question in questions)
    assert median <= MEDIAN_SECONDS, f"the median check takes {median:.2f} s"
    return median


def check_seconds(question: Question, answer, seed: str = "") -> float:
    """Processor time of one check with its table and picture."""
    start = time.process_time()
    show(judge(question, answer, seed))
    return time.process_time() - start


def show(report: Report) -> None:
    """Make all that a learner or an instructor sees of a report."""
    report_html(report, 1)
    feedback.text(report, 1)
    json.dumps(feedback.record(report), allow_nan=False)


def _scribbling(answer):
    def scribbles(**kwargs):
        result = copy.deepcopy(answer(**kwargs))  # it may be a view of an argument
        for value in kwargs.values():
            if hasattr(value, "shape") and value.shape:
                value[...] = 0
        return result

    return scribbles


class _Liar(np.ndarray):
    """An array that says it equals everything."""

    shape = (1,)

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __sub__(self, other):
        return 0


def _raise(error: BaseException):
    raise error


STRANGE = {
    "a function without return": lambda *a, **k: print("tried"),
    "a number": lambda *a, **k: 3,
    "a text": lambda *a, **k: "right",
    "truth": lambda *a, **k: True,
    "NaN": lambda *a, **k: np.full((2, 2), np.nan),
    "an empty array": lambda *a, **k: np.zeros((0, 3)),
    "rows of different lengths": lambda *a, **k: [[1.0], [1.0, 2.0]],
    "a generator": lambda *a, **k: (i for i in range(3)),
    "its own arguments": lambda *a, **k: k,
    "an array that lies": lambda *a, **k: np.zeros(3).view(_Liar),
    "a tensor of no elements": lambda *a, **k: torch.zeros(0),
    "an exception": lambda *a, **k: _raise(ValueError("no")),
    "an exit": lambda *a, **k: _raise(SystemExit(0)),
    "other parameters": lambda first_of_my_own, another_of_my_own: 1,
    "no function": 3.5,
}
