"""Questions, their properties, and the run of an answer through them.

A question lists properties: claims that any right answer fulfils. The usual one compares the answer with a reference on a list
of inputs, each a dict of argument name -> value:

    def double_properties(student, rng):
        yield Property(
            "it doubles every value",
            cases=[dict(x=np.array([1.0, 2.0])), dict(x=rng.normal(size=(2, 3)))],   # the smallest first
            reference=lambda x: 2 * x,
            mistakes={"this is the square: double means x + x": lambda x: x * x},
        )

        def keeps_the_size():
            if np.shape(student(x=np.ones(3))) != (3,):
                raise Failed("three values must stay three", given={"x": np.ones(3)})

        yield Property("it keeps the size", test=keeps_the_size)

    QUESTIONS = [Question("double", "Twice as much", 2, double_properties)]
"""

import contextlib
import random
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from course_lib.checks.answer import Answer, Failed, Log, unattempted
from course_lib.checks.compare import difference
from course_lib.checks.source import names_against_the_rules
from course_lib.grading.plain import Rejected, plain

SLOW = 2.0  # seconds
UNFIT = "what it returned does not fit the question"  # a free test stumbled over it; the harness asks for better words
RULE = "Each property that holds earns its share of the points, rounded down to halves; nothing counts until the first one holds."


@dataclass(frozen=True)
class Property:
    """One claim about an answer: either `cases` and a `reference`, or a free `test`.

    claim: what a right answer does, in words. cases: dicts of arguments, passed by name as `student(**case)`; the first that
    fails is shown, so the smallest comes first. reference: called like the answer; never sees the learner's objects.
    tol, dtype: see `compare.difference`. mistakes: message -> a function that makes this mistake; where the answer's output on
    the first failing case equals that function's, the message is shown (of several, the first that fits all cases).
    test: a function without arguments that calls the student itself and raises `Failed`.
    """

    claim: str
    cases: Iterable[dict] = ()
    reference: Callable | None = None
    tol: float = 1e-6
    dtype: str = "kind"
    mistakes: dict[str, Callable] = field(default_factory=dict)
    test: Callable[[], None] | None = None

    def __post_init__(self):
        object.__setattr__(self, "cases", tuple(self.cases))
        if (self.test is None) != bool(self.cases and self.reference):
            raise ValueError(f"Property: {self.claim!r} needs either cases and a reference, or a test")

    def run(self, student: Answer) -> None:
        """Raise Failed unless the property holds."""
        if self.test is not None:
            try:
                self.test()
            except Failed:
                raise
            except Exception as error:
                raise Failed(f"{UNFIT}: {type(error).__name__}: {error}"[:300]) from None
            return
        for case in self.cases:
            want = plain(self.reference(**plain(case)))
            got = student(**case)
            if why := difference(got, want, self.tol, self.dtype):
                raise Failed(self._mistake(student, case, got) or why, case, got, want)

    def _mistake(self, student: Answer, case: dict, got) -> str | None:
        """The message of the mistake that explains this output; of several, one that explains all cases."""
        fitting = [message for message, wrong in self.mistakes.items() if self._makes(wrong, case, got)]
        if len(fitting) < 2:
            return fitting[0] if fitting else None
        outputs = []
        for other in self.cases:
            with contextlib.suppress(Failed):
                outputs.append((other, student(**other)))
        everywhere = (m for m in fitting if all(self._makes(self.mistakes[m], *output) for output in outputs))
        return next(everywhere, fitting[0])

    def _makes(self, wrong: Callable, case: dict, got) -> bool:
        try:
            return difference(got, plain(wrong(**plain(case))), self.tol, self.dtype) is None
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):  # this mistake has no output here
            return False


@dataclass(frozen=True)
class Question:
    """One question of an exercise.

    name: the answer's own name in the notebook ("stamp_1d"), also its key in the score book. properties(student, rng) yields
    `Property`s; it calls `student` only inside tests. rng: np.random.Generator, the same for every run. forbid: names (the last
    part: "conv_transpose2d") that would give the answer away; allow: names of course_lib that an answer may use. Both are
    looked up in the answer's source and are advice: they show as one more property.
    """

    name: str
    title: str
    points: float
    properties: Callable[[Answer, np.random.Generator], Iterable[Property]]
    allow: Sequence[str] = ()
    forbid: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one property. passed is None while the question is not attempted; the rest is set where it failed."""

    claim: str
    passed: bool | None = None
    why: str = ""
    given: dict | None = None
    got: object = None
    want: object = None
    tol: float = 1e-6


@dataclass(frozen=True)
class Report:
    """What became of one question."""

    name: str
    title: str
    out_of: float
    attempted: bool
    outcomes: tuple[Outcome, ...]
    points: float = 0.0
    seconds: float = 0.0  # inside the answer
    printed: str = ""


def judge(question: Question, answer, seed: str = "") -> Report:
    """Run an answer through all properties of a question. Nothing the answer does short of an interrupt raises.

    seed: a text that, with the question's name, fixes the inputs and torch's and NumPy's own random numbers.
    """
    number = zlib.crc32(f"{seed}/{question.name}".encode())
    log = Log()
    student = Answer(answer, log)
    properties = list(question.properties(student, np.random.default_rng(number)))
    blank = Report(
        question.name, question.title, float(question.points), False, tuple(Outcome(p.claim) for p in properties)
    )
    if unattempted(answer):
        return blank
    with _random_state():
        outcomes = [_outcome(prop, student, number) for prop in properties]
    if log.calls and log.stubs == log.calls:
        return blank
    outcomes += _rules(question, answer)
    points = earned(question.points, [outcome.passed for outcome in outcomes])
    return Report(blank.name, blank.title, blank.out_of, True, tuple(outcomes), points, log.seconds, log.printed.text())


def earned(points: float, passed: list[bool]) -> float:
    """The points of a question by `RULE`: never all of them unless every property holds."""
    if not passed[0]:
        return 0.0
    return float(points) if all(passed) else int(2 * points * sum(passed) / len(passed)) / 2


def _outcome(prop: Property, student: Answer, seed: int) -> Outcome:
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002  the learner's answer may use it
    random.seed(seed)
    try:
        prop.run(student)
    except Failed as failed:
        given, got, want = (_shown(value) for value in (failed.given, failed.got, failed.want))
        return Outcome(prop.claim, False, failed.why, given, got, want, prop.tol)
    return Outcome(prop.claim, True)


def _shown(value):
    """A value of a free test as a plain one, or its text."""
    try:
        return plain(value)
    except Rejected:
        return {name: _shown(item) for name, item in value.items()} if isinstance(value, dict) else repr(value)[:200]


def _rules(question: Question, answer) -> list[Outcome]:
    """One more property where something is forbidden, or where course_lib is used beyond what is allowed."""
    why = names_against_the_rules(answer, question.forbid, question.allow)
    if not (why or question.forbid):
        return []
    named = ", ".join(f"`{name}`" for name in question.forbid[:3]) + (
        " and the like" if len(question.forbid) > 3 else ""
    )
    claim = f"it is built by hand, without {named}" if named else "it is built by hand"
    return [Outcome(claim, why is None, why or "")]


@contextlib.contextmanager
def _random_state():
    """Put the notebook's own random numbers back afterwards."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        random.setstate(states[2])
