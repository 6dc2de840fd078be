"""Calling a learner's answer: copies, errors in words, prints, stubs."""

import random
import statistics
import sys

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.checks import Failed, Property, Question, judge
from course_lib.checks.answer import MAX_PRINTED, Answer, Log, unattempted
from course_lib.grading.wire import Through


def one(reference, **case):
    """A question of one property with one case."""
    return Question("one", "One", 1, lambda student, rng: [Property("it is right", cases=[case], reference=reference)])


def why(answer, reference=lambda x: x, **case) -> str:
    return judge(one(reference, **(case or {"x": np.arange(3.0)})), answer).outcomes[0].why


@pytest.mark.parametrize("wrap", [lambda answer: answer, Through])
def test_an_answer_cannot_change_its_arguments(wrap):
    x, t = np.arange(3.0), torch.arange(3.0)

    def scribble(x, t):
        x[:] = 7
        t.fill_(7)
        return x

    assert Answer(wrap(scribble))(x=x, t=t).tolist() == [7, 7, 7]
    assert x.tolist() == t.tolist() == [0, 1, 2]


def test_an_exception_becomes_a_sentence_with_the_learners_line():
    def divides(x):
        y = x.tolist()
        return 1 / y[0]  # here

    text = why(divides)
    assert text.startswith("it stopped with ZeroDivisionError: ")
    assert "`return 1 / y[0]  # here`" in text


def test_the_line_is_the_learners_also_when_a_library_raises():
    def deep(x):
        return statistics.mean([])

    assert "`return statistics.mean([])`" in why(deep)


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, RecursionError, MemoryError, BaseException])
def test_no_exception_leaves_a_check(error):
    def raises(x):
        raise error("stop")

    assert why(raises).startswith(f"it stopped with {error.__name__}: stop")


def test_an_exception_whose_text_raises():
    class Rude(Exception):
        def __str__(self):
            raise SystemExit

    def raises(x):
        raise Rude

    assert why(raises).startswith("it stopped with Rude in line")


def test_endless_recursion_is_reported():
    def again(x):
        return again(x)

    assert why(again).startswith("it stopped with RecursionError")


def test_an_interrupt_passes_through_and_output_is_restored(capsys):
    def stops(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        why(stops)
    print("still heard")
    assert capsys.readouterr().out == "still heard\n"


def test_other_parameter_names_are_explained():
    assert why(lambda a: a) == "it is called with (x=...), but its parameters are (a): keep the names of the exercise"


def test_an_answer_that_is_no_function():
    assert why(3.5) == "the answer is a function or a class; this is float"


class Liar(np.ndarray):
    shape = (3,)

    def __eq__(self, other):
        return np.ones(3, bool)

    def __array_ufunc__(self, *args, **kwargs):
        return np.ones(3, bool)


class LyingTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *args, **kwargs):
        return torch.ones(3, dtype=torch.bool)


class LyingFloat(float):
    def __eq__(self, other):
        return True

    __hash__ = None

    def __sub__(self, other):
        return 0.0


@pytest.mark.parametrize(
    ("right", "lie"),
    [
        (np.arange(3.0), lambda: np.zeros(3).view(Liar)),
        (np.arange(3.0), lambda: np.zeros(1).view(Liar)),
        (torch.arange(3.0), lambda: torch.zeros(3).as_subclass(LyingTensor)),
        (2.0, lambda: LyingFloat(1.0)),
        (1.0, lambda: float("nan")),
        (np.arange(3.0), lambda: np.full(3, np.nan)),
    ],
)
def test_values_that_lie_about_being_equal_fail(right, lie):
    assert why(lambda x: lie(), reference=lambda x: right)


@pytest.mark.parametrize(
    "strange",
    [(i for i in range(3)), {1, 2}, object(), np.array([object()]), np.broadcast_to(0.0, (10**6, 10**6)), [[]] * 10**6],
)
def test_values_that_cannot_be_compared_say_so(strange):
    assert why(lambda x: strange).startswith("what it returned cannot be compared: ")


class Touchy(type):
    @property
    def __name__(cls):
        raise SystemExit


class TouchyList(list):
    """Python's own iteration is used, not this one."""

    def __iter__(self):
        raise SystemExit


def test_values_that_raise_when_looked_at():
    assert "looking at it raises SystemExit" in why(lambda x: Touchy("T", (), {})())
    assert why(lambda x: TouchyList([1.0]), reference=lambda x: [1.0]) == ""


def test_prints_and_warnings_are_kept_not_shown(capsys):
    def talks(x):
        print("a" * 10 * MAX_PRINTED)
        print("to stderr", file=sys.stderr)
        return x

    report = judge(one(lambda x: x, x=1.0), talks)
    assert report.points == 1.0
    assert len(report.printed) < MAX_PRINTED + 100
    assert "more characters" in report.printed
    assert capsys.readouterr() == ("", "")


def test_what_an_answer_sets_for_everybody_is_put_back():
    def meddles(x):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        np.seterr(all="raise")
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        return x

    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate(), np.geterr()  # noqa: NPY002
    assert why(meddles) == ""
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate(), np.geterr()) == before[1:]  # noqa: NPY002
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    "draw",
    [
        lambda n: torch.rand(n).numpy(),
        lambda n: np.random.rand(n),  # noqa: NPY002
        lambda n: np.array([random.random() for _ in range(n)]),
    ],
)
def test_random_answers_are_the_same_in_every_run(draw):
    question = one(lambda n: np.zeros(n), n=3)
    first = judge(question, draw).outcomes[0].got
    torch.rand(1), np.random.rand(1), random.random()  # noqa: NPY002
    assert judge(question, draw).outcomes[0].got.tolist() == first.tolist()


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([float(factor)]))

    def forward(self, x):
        return self.weight * x


@pytest.mark.parametrize("wrap", [lambda answer: answer, Through])
def test_a_class_makes_objects_whose_methods_are_called(wrap):
    layer = Answer(wrap(Scale))(factor=3)
    assert layer(torch.ones(2)).tolist() == [3, 3]
    assert not layer(torch.ones(2)).requires_grad
    layer.load_state_dict({"weight": torch.tensor([5.0])})
    assert layer.state_dict()["weight"].tolist() == [5]
    with pytest.raises(Failed, match="it has no method `absent`"):
        layer.absent()


def stub(x):
    """What to do."""
    ...


class StubClass(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, x): ...


class EmptyClass(nn.Module): ...


def to_do(x):
    raise NotImplementedError


@pytest.mark.parametrize(
    "answer", [None, ..., stub, lambda x: ..., lambda x: None, StubClass, EmptyClass, to_do, Through(stub)]
)
def test_stubs_are_not_attempted(answer):
    assert unattempted(answer)
    report = judge(one(lambda x: x, x=1.0), answer)
    assert (report.attempted, report.points, report.outcomes[0].passed) == (False, 0.0, None)


@pytest.mark.parametrize(
    "answer",
    [lambda x: x, lambda x: 0, lambda x: "", lambda x: print(), lambda x: [], lambda x: -x, Scale, 3, "text", len],
)
def test_attempts_are_attempts(answer):
    assert not unattempted(answer)


def test_a_template_that_returns_its_dots_is_not_attempted():
    def template(x):
        out = ...
        return out

    assert not judge(one(lambda x: x, x=1.0), template).attempted


def test_a_forgotten_return_is_explained():
    def forgets(x):
        y = 2 * x  # noqa: F841

    assert why(forgets) == "it returned nothing: is a `return` missing?"


def test_seconds_are_counted():
    log = Log()
    Answer(lambda: sum(range(10**5)), log)()
    assert log.seconds > 0
    assert log.calls == 1
