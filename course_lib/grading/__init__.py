"""Grading: the wire between a check and an answer, the score book, and feedback in words and JSON."""

from course_lib.grading import feedback, scorebook, wire

__all__ = ["feedback", "scorebook", "wire"]
