"""Grading: the wire between a check and an answer, the score book, and feedback in words and JSON."""
