"""Feedback on one question: as text for a terminal, as a record for JSON and CSV.

A report is what `course_lib.checks.judge` returns.
"""

import textwrap

from course_lib.grading.words import brief, call

WIDTH = 100
MARKS = {True: "✓ passed", False: "✗ failed", None: "○ open  "}


def points_text(points: float, out_of: float) -> str:
    """ "1.5 of 2 points"; whole points without decimals."""
    return f"{points:g} of {out_of:g} point{'' if out_of == 1 else 's'}"


def evidence(outcome, name: str) -> list[tuple[str, str]]:
    """What a failed property has to show, as (label, text): the input, what the answer returned and what was wanted."""
    rows = []
    if outcome.given:
        expression = call(name, outcome.given)
        rows.append(
            ("input", expression or "\n".join(f"{key} = {brief(value)}" for key, value in outcome.given.items()))
        )
    if outcome.got is not None:
        rows.append(("returned", brief(outcome.got, lines=True)))
    if outcome.want is not None:
        rows.append(("wanted", brief(outcome.want, lines=True)))
    return rows


def summary(report) -> str:
    """One sentence for the top of a report."""
    if not report.attempted:
        return "not attempted yet"
    held = sum(bool(outcome.passed) for outcome in report.outcomes)
    count = len(report.outcomes)
    return f"all {count} properties hold" if held == count else f"{held} of {count} properties hold"


def text(report, number: int | None = None, notes: tuple[str, ...] = ()) -> str:
    """The table of properties as plain text, at most `WIDTH` characters wide except for inputs to paste."""
    title = f"Question {number} · {report.title}" if number else report.title
    lines = [f"{title}: {points_text(report.points, report.out_of)}, {summary(report)}"]
    for outcome in report.outcomes:
        lines += textwrap.wrap(
            f"{MARKS[outcome.passed]}  {outcome.claim}", WIDTH, initial_indent="  ", subsequent_indent=" " * 12
        )
        if outcome.passed is False:
            lines += textwrap.wrap(outcome.why, WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 12)
            for label, value in evidence(outcome, report.name):
                lines.append(f"{'':12}{label + ':':<10}" + value.replace("\n", "\n" + " " * 22))
    if report.printed:
        lines += ["  your code printed:", *(f"    {line}" for line in report.printed.splitlines()[:20])]
    return "\n".join([*lines, *(f"  {note}" for note in notes)])


def record(report) -> dict:
    """A report as a dict of numbers and texts, ready for JSON."""
    return {
        "question": report.name,
        "title": report.title,
        "points": report.points,
        "out_of": report.out_of,
        "attempted": report.attempted,
        "seconds": round(report.seconds, 4),
        "properties": [
            {"claim": o.claim, "passed": o.passed, "why": o.why, **dict(evidence(o, report.name))}
            for o in report.outcomes
        ],
    }
