"""Questions, properties and the run of an answer through them."""

import numpy as np

from course_lib.checks import Failed, Property, Question, judge


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
    assert report.points == 0.0
    assert report.outcomes[1].passed
