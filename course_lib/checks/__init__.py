"""Checked exercises: questions with properties, and what a notebook shows of them.

check = checks.exercise("02_transposed_convolution")     # the questions of course_lib.checks.transposed_convolution
check(1, my_answer)                                      # a table of properties; returns the points earned
"""

from course_lib.checks.answer import Answer, Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Outcome, Property, Question, Report, judge
from course_lib.checks.session import Exercise, course_table, exercise, score

__all__ = [
    "Answer",
    "Exercise",
    "Failed",
    "Outcome",
    "Property",
    "Question",
    "Report",
    "course_table",
    "difference",
    "exercise",
    "judge",
    "score",
]
