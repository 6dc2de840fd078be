"""What every exercise's questions are put through: solutions and alternates pass, mutants fail with their message, the wire
changes nothing, and no answer, however strange, raises or takes too long.

A test file of an exercise holds MUTANTS = {question name: [(function, a piece of the message), ...]} and ALTERNATES =
{question name: [function, ...]}, and calls these functions.
"""

import ast
import json
import linecache
import statistics
import time
from pathlib import Path

import numpy as np

from course_lib.checks import Question, Report, judge
from course_lib.checks.render import report_html
from course_lib.grading import feedback
from course_lib.grading.wire import Through

ROOT = Path(__file__).parents[2]
MUTANTS_AT_LEAST, ALTERNATES_AT_LEAST = 4, 1
SECONDS, MEDIAN_SECONDS = 2.0, 0.3  # processor time of one check, picture included


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
    """Judge an answer directly and behind the wire, and see that the results are equal."""
    direct = judge(question, answer, seed)
    wired = judge(question, Through(answer), seed)
    one, other = verdict(direct), verdict(wired)
    assert one == other, f"{question.name}: the wire changes the result from {one} to {other}"
    return direct


def assert_full(question: Question, answer, seed: str = "") -> None:
    """A right answer: full points both ways, also if it scribbles over its arguments, and within the time."""
    report = run_both_ways(question, answer, seed)
    failed = [f"{o.claim}: {o.why}" for o in report.outcomes if not o.passed]
    assert not failed, f"{question.name}: a right answer fails\n" + feedback.text(report)
    assert report.points == question.points
    if not isinstance(answer, type):
        scribbled = judge(question, _scribbling(answer), seed)
        assert scribbled.points >= question.points * 0.99 or not scribbled.outcomes[-1].passed
    assert (spent := check_seconds(question, answer, seed)) <= SECONDS, f"{question.name}: a check takes {spent:.2f} s"


def assert_caught(question: Question, mutant, message: str, seed: str = "") -> None:
    """A wrong answer: not all points, and a failed property that says `message`."""
    report = run_both_ways(question, mutant, seed)
    assert report.attempted, f"{question.name}: the mutant counts as not attempted"
    assert report.points < question.points, f"{question.name}: a mutant gets all points ({message!r})"
    whys = [o.why for o in report.outcomes if o.passed is False]
    assert any(message in why for why in whys), f"{question.name}: {message!r} is not among {whys}"
    assert (spent := check_seconds(question, mutant, seed)) <= SECONDS, f"{question.name}: a check takes {spent:.2f} s"


def assert_enough(questions, mutants: dict, alternates: dict) -> None:
    """Every question has its mutants and alternates, and nothing is filed under a name that no question has."""
    names = {question.name for question in questions}
    assert set(mutants) <= names
    assert set(alternates) <= names
    for name in names:
        assert len(mutants.get(name, ())) >= MUTANTS_AT_LEAST, f"{name} needs {MUTANTS_AT_LEAST} mutants"
        assert len(alternates.get(name, ())) >= ALTERNATES_AT_LEAST, f"{name} needs an alternate"


def assert_unattempted(question: Question) -> None:
    """A stub, a missing answer: 0 points, nothing run, nothing raised."""

    def stub(*args, **kwargs):
        """Nothing here yet."""
        ...

    for answer in (stub, None, ..., lambda **kwargs: ...):
        report = judge(question, answer)
        assert (report.points, report.attempted) == (0.0, False)
        _show(report)


def assert_robust(question: Question) -> None:
    """Strange answers: no points, no exception, and a table that can be shown."""
    for answer in STRANGE:
        report = run_both_ways(question, answer)
        assert report.points < question.points, f"{question.name}: {answer.__doc__} gets {report.points} points"
        _show(report)


def assert_fast(questions, solutions: dict, seed: str = "") -> float:
    """The median time of a check over an exercise; returned in seconds of processor time."""
    median = statistics.median(check_seconds(question, solutions[question.name], seed) for question in questions)
    assert median <= MEDIAN_SECONDS, f"the median check takes {median:.2f} s"
    return median


def check_seconds(question: Question, answer, seed: str = "") -> float:
    """Processor time of one check with its table and picture."""
    start = time.process_time()
    _show(judge(question, answer, seed))
    return time.process_time() - start


def _show(report: Report) -> None:
    report_html(report, 1)
    feedback.text(report, 1)
    json.dumps(feedback.record(report), allow_nan=False)


def _scribbling(answer):
    def scribbles(**kwargs):
        result = answer(**kwargs)
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


def _strange(what: str, function):
    function.__doc__ = what
    return function


def _raise(error: BaseException):
    raise error


STRANGE = [
    _strange("a function without return", lambda *a, **k: print("tried")),
    _strange("a number", lambda *a, **k: 3),
    _strange("a text", lambda *a, **k: "right"),
    _strange("truth", lambda *a, **k: True),
    _strange("NaN", lambda *a, **k: np.full((2, 2), np.nan)),
    _strange("an empty array", lambda *a, **k: np.zeros((0, 3))),
    _strange("rows of different lengths", lambda *a, **k: [[1.0], [1.0, 2.0]]),
    _strange("a generator", lambda *a, **k: (i for i in range(3))),
    _strange("its own arguments", lambda *a, **k: k),
    _strange("an array that lies", lambda *a, **k: np.zeros(3).view(_Liar)),
    _strange("an exception", lambda *a, **k: _raise(ValueError("no"))),
    _strange("an exit", lambda *a, **k: _raise(SystemExit(0))),
    _strange("wrong parameters", lambda first_of_my_own, another_of_my_own: 1),
]
