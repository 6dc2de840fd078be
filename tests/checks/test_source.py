"""Reading an answer's source for names it should do without."""

import linecache
import math

import pytest
import torch
import torch.nn.functional as F
from torch.nn.functional import fold as gather

import course_lib.plots.palettes
from course_lib.checks import Property, Question, judge
from course_lib.checks.source import names_against_the_rules
from course_lib.grading.wire import Through


def plain_answer(x):
    return math.sqrt(x)


def direct(x):
    return F.fold(x, 3, 3)


def renamed(x):
    return gather(x, 3, 3)


def by_text(x):
    return getattr(F, "fold")(x, 3, 3)  # noqa: B009


def imported_inside(x):
    from torch.nn.functional import fold as f

    return f(x, 3, 3)


def helper(x):
    return torch.nn.Fold(3, 3)(x)


def through_a_helper(x):
    return helper(x)


class InAClass:
    def forward(self, x):
        return F.fold(x, 3, 3)


def fold_of_my_own(x):
    def fold(y):
        return y

    return fold(x)


def own_parameter(x, fold):
    return fold


@pytest.mark.parametrize(
    "answer", [direct, renamed, by_text, imported_inside, through_a_helper, InAClass, Through(direct)]
)
def test_forbidden_names_are_found(answer):
    assert "gives the answer away" in names_against_the_rules(answer, ("fold", "Fold"), ())


@pytest.mark.parametrize(
    "answer", [plain_answer, fold_of_my_own, own_parameter, math.sqrt, len, None, 3, eval("lambda x: fold(x)")]
)
def test_others_are_left_alone(answer):
    assert names_against_the_rules(answer, ("fold", "Fold"), ()) is None


def uses_the_course(x):
    return course_lib.plots.palettes.overlay_nothing if x else course_lib.checks.judge(x, x)


def uses_it_inside(x):
    from course_lib.checks import judge as j

    return j(x)


def test_names_of_the_course_need_to_be_allowed():
    assert "`course_lib.checks.judge` of course_lib" in names_against_the_rules(uses_the_course, (), ())
    assert names_against_the_rules(uses_the_course, (), ("judge",)) is None
    assert "of course_lib" in names_against_the_rules(uses_it_inside, (), ())


def test_a_notebook_cell_is_read():
    source = "import torch.nn.functional as F\nlimit = 3\n\ndef answer(x):\n    return F.fold(x, limit, 3)\n"
    linecache.cache["<cell 1>"] = (len(source), None, source.splitlines(True), "<cell 1>")
    names = {"__name__": "__main__"}
    exec(compile(source, "<cell 1>", "exec"), names)
    assert "`F.fold`" in names_against_the_rules(names["answer"], ("fold",), ())


def test_it_shows_as_one_more_property():
    question = Question(
        "q", "Q", 2, lambda s, r: [Property("p", cases=[{"x": 4.0}], reference=plain_answer)], forbid=("fold",)
    )
    report = judge(question, plain_answer)
    assert [o.passed for o in report.outcomes] == [True, True]

    def cheats(x):
        F.fold  # noqa: B018
        return math.sqrt(x)

    report = judge(question, cheats)
    assert [o.passed for o in report.outcomes] == [True, False]
    assert report.outcomes[1].claim == "it is built by hand, without `fold`"
    assert report.points == 1.0
