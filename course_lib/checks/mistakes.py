"""A property of cases that names the mistake behind a wrong answer, strictly: one that explains everything it returned.

`item_of` and `entry_of` ask for one part of what an answer returns, so that each part has properties of its own.
"""

import contextlib
from collections.abc import Callable

from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Property
from course_lib.grading.words import kind


def explained(
    claim: str,
    student: Callable,
    cases: list[dict],
    reference: Callable,
    mistakes: dict[str, Callable],
    words: Callable[[Failed], str] = lambda failed: failed.why,
    *,
    tol: float = 1e-6,
    aside: Callable[[dict], str] = lambda given: "",
) -> Property:
    """Like a Property of cases, but a mistake is named only if it explains every case.

    student: the answer, or a function that calls it and returns a part of what it returned. mistakes: message -> function; it and
    the reference must leave their arguments alone. words(failed): the sentence where no mistake fits. tol: see
    `compare.difference`. aside(given): what follows any sentence, about the failed case.
    """

    def test():
        for case in cases:
            want = reference(**case)
            try:
                got = student(**case)
                if why := difference(got, want, tol):
                    raise Failed(why, case, got, want)
            except Failed as failed:
                message = None if failed.want is None else _mistake(student, cases, failed, mistakes, tol)
                why = (message or words(failed)) + aside(failed.given or {})
                raise Failed(why, failed.given, failed.got, failed.want) from None

    return Property(claim, test=test, tol=tol)


def item_of(student, place: int | slice, named: str):
    """The answer's item `place` alone, or several; Failed where it does not return a tuple of as many items as `named` has."""
    size = named.count(",") + 1

    def item(**case):
        result = student(**case)
        if not isinstance(result, list | tuple) or len(result) != size:
            found = f"{kind(result)} of {len(result)}" if isinstance(result, list | tuple) else kind(result)
            raise Failed(f"return the pair `{named}`, not {found}", case)
        return result[place]

    return item


def entry_of(student, key: str):
    """The answer's entry under `key` alone; Failed where it returns no dict, or one without it."""

    def entry(**case):
        result = student(**case)
        if not isinstance(result, dict) or key not in result:
            found = f"the dict has no {key!r}" if isinstance(result, dict) else f"return a dict, not {kind(result)}"
            raise Failed(found, case)
        return result[key]

    return entry


def _mistake(student: Callable, cases: list[dict], failed: Failed, mistakes: dict, tol: float) -> str | None:
    """The first mistake that returns what the answer returned, on every case where that did not crash."""
    fitting = [message for message, wrong in mistakes.items() if _returns(wrong, failed.given, failed.got, tol)]
    outputs = []
    for case in cases if fitting else []:
        with contextlib.suppress(Failed):
            outputs.append((case, student(**case)))
    return next((m for m in fitting if all(_returns(mistakes[m], *output, tol) for output in outputs)), None)


def _returns(wrong: Callable, case: dict, got, tol: float) -> bool:
    try:
        return difference(got, wrong(**case), tol) is None
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):  # this mistake has no output here
        return False
