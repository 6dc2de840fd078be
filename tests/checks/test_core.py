"""Questions, properties, points."""

import numpy as np
import pytest

from course_lib.checks import Failed, Property, Question, judge
from course_lib.checks.core import earned


def double_properties(student, rng):
    yield Property(
        "it doubles every value",
        cases=[{"x": np.array([1.0, 3.0])}, {"x": rng.normal(size=(2, 3))}],
        reference=lambda x: 2 * x,
        mistakes={"this is the square: double means x + x": lambda x: x * x},
    )

    def keeps_the_size():
        if len(student(x=np.ones(3))) != 3:
            raise Failed("three values must stay three", given={"x": np.ones(3)})

    yield Property("it keeps the size", test=keeps_the_size)


DOUBLE = Question("double", "Twice as much", 2, double_properties)


def test_a_right_answer_gets_all_points():
    report = judge(DOUBLE, lambda x: x + x)
    assert (report.points, report.attempted, [o.passed for o in report.outcomes]) == (2.0, True, [True, True])


def test_a_known_mistake_gets_its_message_and_the_input():
    report = judge(DOUBLE, lambda x: x**2)
    first = report.outcomes[0]
    assert first.why == "this is the square: double means x + x"
    assert first.given["x"].tolist() == [1.0, 3.0]
    assert first.got.tolist() == [1.0, 9.0]
    assert first.want.tolist() == [2.0, 6.0]
    assert report.points == 0.0
    assert report.outcomes[1].passed  # the others run all the same


def test_a_free_test_says_why():
    report = judge(DOUBLE, lambda x: 2 * x if len(x) != 3 or x.ndim > 1 else x[1:])
    assert [o.why for o in report.outcomes] == ["", "three values must stay three"]
    assert report.points == 1.0


def test_a_free_test_that_stumbles_over_an_answer_fails_it_in_words():
    report = judge(DOUBLE, lambda x: 3)
    assert (
        report.outcomes[1].why
        == "what it returned does not fit the question: TypeError: object of type 'int' has no len()"
    )


def test_an_unknown_mistake_is_described():
    report = judge(DOUBLE, lambda x: 2 * x + (x == 3))
    assert report.outcomes[0].why == "1 of 2 values differs; the first, at [1], is 7.0 where 6.0 is wanted"


def test_of_several_mistakes_the_one_that_explains_all_cases_is_named():
    prop = Property(
        "x to the power of n",
        cases=[{"x": 2.0, "n": 3}, {"x": 3.0, "n": 2}],
        reference=lambda x, n: x**n,
        mistakes={
            "always six": lambda x, n: 6.0,
            "never here": lambda x, n: {}[x],
            "times, not power": lambda x, n: x * n + 0 * x,
        },
    )
    question = Question("power", "Power", 1, lambda student, rng: [prop])
    assert (
        judge(question, lambda x, n: x * n).outcomes[0].why == "always six"
    )  # 3 * 2 is six too: both explain everything
    other = Property(
        "x", cases=[{"x": 2.0, "n": 3}, {"x": 5.0, "n": 2}], reference=lambda x, n: x**n, mistakes=dict(prop.mistakes)
    )
    question = Question("power", "Power", 1, lambda student, rng: [other])
    assert judge(question, lambda x, n: x * n).outcomes[0].why == "times, not power"


@pytest.mark.parametrize(
    ("points", "passed", "want"),
    [
        (2, [True, True], 2.0),
        (2, [True, False], 1.0),
        (2, [False, True], 0.0),
        (3, [True, True, False], 2.0),
        (3, [True, False, False, True], 1.5),
        (1, [True, True, False], 0.5),
        (1, [True, False, False], 0.0),
        (4, [True] * 9 + [False], 3.5),
    ],
)
def test_points_are_shares_rounded_down_to_halves(points, passed, want):
    assert earned(points, passed) == want
    assert type(earned(points, passed)) is float


def test_inputs_are_the_same_in_every_run_and_differ_between_questions():
    def inputs(question, seed=""):
        return judge(question, lambda x: x * 0, seed).outcomes[0].given["x"].tolist()

    def properties(student, rng):
        yield Property("p", cases=[{"x": rng.normal(size=3)}], reference=lambda x: x)

    question = Question("a", "A", 1, properties)
    assert inputs(question) == inputs(question)
    assert inputs(question) != inputs(Question("b", "B", 1, properties))
    assert inputs(question) != inputs(question, "other exercise")


def test_a_reference_that_changes_its_input_harms_nobody():
    def doubles(x):
        x *= 2
        return x

    case = {"x": np.ones(2)}
    question = Question("q", "Q", 1, lambda student, rng: [Property("p", cases=[case], reference=doubles)])
    assert judge(question, lambda x: 2 * x).points == 1
    assert case["x"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "wrong", [{}, {"cases": [{"x": 1}]}, {"reference": abs}, {"cases": [{"x": 1}], "reference": abs, "test": print}]
)
def test_a_property_is_cases_with_a_reference_or_a_test(wrong):
    with pytest.raises(ValueError, match="either cases and a reference, or a test"):
        Property("p", **wrong)


def test_a_fault_of_the_check_is_not_the_learners():
    broken = Question("q", "Q", 1, lambda student, rng: [Property("p", cases=[{"x": 1}], reference=lambda x: x / 0)])
    with pytest.raises(ZeroDivisionError):
        judge(broken, lambda x: x)
