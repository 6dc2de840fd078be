"""Exercise 08, the question about the lengths that an unpadded U-Net can take, and what comes out."""

import functools

from course_lib.checks.answer import Failed
from course_lib.checks.core import Property
from course_lib.checks.mistakes import explained
from course_lib.grading.words import kind

# 1 · following one length


def _trace(
    n: int,
    depth: int,
    takes: int = 4,
    even=lambda n, at_first: n % 2 == 0,
    least_down: int | None = 1,
    least_up: int | None = 1,
    bottom: int = 4,
    after_up: int | None = None,
    levels=lambda depth: depth,
) -> int | None:
    """The output for the length n, or None; each rule can be exchanged for a wrong one. least_*: None asks nothing."""
    first, takes_up = n, takes if after_up is None else after_up
    for _ in range(levels(depth)):
        n -= takes
        if (least_down is not None and n < least_down) or not even(n, first):
            return None
        n //= 2
    n -= bottom
    if least_down is not None and n < least_down:
        return None
    for _ in range(levels(depth)):
        n = 2 * n - takes_up
        if least_up is not None and n < least_up:
            return None
    return n


def _pairs(depth: int, low: int, high: int, trace=_trace, to=1) -> list[tuple[int, int]]:
    outputs = [(n, trace(n, depth)) for n in range(low, high + to)]
    return [(n, output) for n, output in outputs if output is not None]


def _lengths(depth, low, high, trace=_trace, to=1) -> list[int]:
    return [n for n, _ in _pairs(depth, low, high, trace, to)]


def _ruled(**rules):
    return functools.partial(_trace, **rules)


def _multiples(n: int, depth: int) -> int | None:
    return n if n > 0 and n % 2**depth == 0 else None


def _mod_of_16(n: int, depth: int) -> int | None:
    return n - 184 if n % 16 == 12 and n >= 188 else None


def _only_12(n: int, depth: int) -> int | None:
    return n if n % 16 == 12 else None


def _closed(step: int, smallest: int):
    return lambda n, depth: n if n >= smallest and (n - smallest) % step == 0 else None


LENGTH_MISTAKES = {
    "these are the multiples of 2 to the number of poolings: that is the rule of a *padded* net; here each level takes 4 first": (
        _multiples
    ),
    "these are the lengths that fit the paper's depth of 4: other depths have others": _mod_of_16,
    "these are the lengths that leave 12 when divided by 16: that holds for depth 4, and only from 188 on": _only_12,
    "only the way down is looked at: on the way up each level takes 4, too, and a small map vanishes": _ruled(
        least_up=None
    ),
    "no lower bound: a map that is used up cannot pass a convolution, on the way down or up": _ruled(
        least_down=None, least_up=None
    ),
    "a map of 0 pixels passes here: at least one must be left": _ruled(least_down=0, least_up=0),
    "a map of 0 pixels passes on the way up here: at least one must be left": _ruled(least_up=0),
    "lengths pass here that the bottom's two convolutions use up (at depth 0 all from 1 to 4): at least one pixel must be left": _ruled(
        least_down=None
    ),
    "odd maps are pooled here, and a line is lost: every pooling must meet an even length": _ruled(
        even=lambda n, first: True
    ),
    "only the picture's length is asked to be even: *every* pooling must meet an even one": _ruled(
        even=lambda n, first: first % 2 == 0
    ),
    "two convolutions take 2 here, at least on the way down: each takes a pixel from *both* sides, so two of them take 4": _ruled(
        takes=2, bottom=2
    ),
    "two convolutions take 2 on the way down, and 4 elsewhere: each takes a pixel from *both* sides, so two of them take 4": _ruled(
        takes=2, after_up=4
    ),
    "two convolutions take 2 up to the bottom, and 4 behind it: each takes a pixel from *both* sides, so two of them take 4": _ruled(
        takes=2, bottom=2, after_up=4
    ),
    "two convolutions take 2 on the way up, or at the bottom, and 4 elsewhere: each takes a pixel from *both* sides, so it is 4": _ruled(
        after_up=2
    ),
    "the bottom's two convolutions take 2, and all others 4: each takes a pixel from *both* sides, so two of them take 4": _ruled(
        bottom=2
    ),
    "the two convolutions at the bottom are missing": _ruled(bottom=0),
    "one pooling too few is passed": _ruled(levels=lambda depth: max(depth - 1, 0)),
    "one pooling too many is passed: `depth` counts the poolings, not the levels": _ruled(
        levels=lambda depth: depth + 1
    ),
    "the lengths that fit are all even here, as if one pooling were passed": lambda n, depth: (
        n if n % 2 == 0 and n > 4 else None
    ),
}
LENGTH_MISTAKES = {m: functools.partial(_lengths, trace=trace) for m, trace in LENGTH_MISTAKES.items()} | {
    "`high` itself is missing: both ends belong to the range": functools.partial(_lengths, to=0),
    "`low` itself is missing: both ends belong to the range": lambda depth, low, high: _lengths(depth, low + 1, high),
    "the lengths count down: ascending is asked": lambda depth, low, high: _lengths(depth, low, high)[::-1],
    "only the smallest is there: all that fit are asked": lambda depth, low, high: _lengths(depth, low, high)[:1],
}  # fmt: skip


def _of_each(output):
    """A mistake about the outputs: output(n, depth) of all lengths that fit."""
    return lambda depth, low, high: [(n, output(n, depth)) for n in _lengths(depth, low, high)]


OUTPUT_MISTAKES = {
    "184 is lost at depth 4: at another depth it is another number": _of_each(lambda n, depth: n - 184),
    "these are the lengths at the bottom": _of_each(lambda n, depth: _bottom(n, depth)),
    "these are the lengths in front of the last two convolutions": _of_each(lambda n, depth: _trace(n, depth) + 4),
    "the convolutions on the way up take nothing here: each pair takes 4": _of_each(
        lambda n, depth: _trace(n, depth, after_up=0)
    ),
    "one convolution a level on the way up: there are two, and each takes 2": _of_each(
        lambda n, depth: _trace(n, depth, after_up=2, least_up=None)
    ),
    "the bottom's two convolutions take 2 here: each takes a pixel from *both* sides, so two of them take 4": _of_each(
        lambda n, depth: _trace(n, depth, bottom=2)
    ),
    "the bottom's two convolutions are missing": _of_each(lambda n, depth: _trace(n, depth, bottom=0)),
    "the output is as large as the input, as in a padded net": _of_each(lambda n, depth: n),
    "this is how much is lost: asked is how much is left": _of_each(lambda n, depth: n - _trace(n, depth)),
    "this is lost on one side, or taken off once: the loss is on both": _of_each(
        lambda n, depth: n - (n - _trace(n, depth)) // 2
    ),
    "4 for each pair of convolutions is taken off the picture: on a level below, a pixel is worth two of the level above": _of_each(
        lambda n, depth: n - 4 * (2 * depth + 1)
    ),
}  # fmt: skip


def _bottom(n: int, depth: int) -> int:
    for _ in range(depth):
        n = (n - 4) // 2
    return n - 4


# 2 · what is asked of the answer


def _checked(student, case: dict) -> list[tuple[int, int]]:
    """What the answer returns, or Failed where it is no list of pairs of whole numbers."""
    result = student(**case)
    if not isinstance(result, list | tuple):
        raise Failed(f"return a list of pairs, not {kind(result)}", case)
    for item in result:
        if not isinstance(item, list | tuple) or len(item) != 2:
            what = f"{kind(item)} of {len(item)}" if isinstance(item, list | tuple) else kind(item)
            raise Failed(f"the list holds {what}; it holds pairs (n, output)", case)
        if not all(type(value) is int for value in item):
            raise Failed(
                f"the pair {item!r} holds {kind(next(v for v in item if type(v) is not int))}: both are whole numbers (int)",
                case,
            )
    return [tuple(item) for item in result]


def _first(student):
    return lambda **case: [n for n, _ in _checked(student, case)]


def _second(student):
    """The pairs, where the lengths are right; Failed where they are not."""

    def pairs(**case):
        got, right = _checked(student, case), _lengths(**case)
        if [n for n, _ in got] != right:
            raise Failed(f"first mend the lengths: {_lengths_words([n for n, _ in got], right, case)}", case)
        return got

    return pairs


def _lengths_words(got: list[int], want: list[int], given: dict) -> str:
    """Which length is missing or too much, and why."""
    depth = given["depth"]
    if extra := [n for n in got if n not in want]:
        n = extra[0]
        if not given["low"] <= n <= given["high"]:
            return f"{n} is not from {given['low']} to {given['high']}"
        return f"{n} does not fit depth {depth}: {_why_not(n, depth)}"
    if missing := [n for n in want if n not in got]:
        n = missing[0]
        return f"{n} is missing: it fits depth {depth} and comes out as {_trace(n, depth)}"
    return "the lengths are not in ascending order, or one comes twice"


def _why_not(n: int, depth: int) -> str:
    for level in range(depth):
        n -= 4
        if n < 1:
            return f"nothing is left after two convolutions on level {level} of the way down"
        if n % 2:
            return f"pooling {level + 1} would meet the odd length {n}"
        n //= 2
    n -= 4
    if n < 1:
        return "nothing is left at the bottom"
    for _ in range(depth):
        if 2 * n - 4 < 1:
            return f"on the way up {n} is doubled to {2 * n}, and two convolutions leave nothing"
        n = 2 * n - 4
    return "it fits"


def _words(failed: Failed) -> str:
    if not isinstance(failed.want, list) or not isinstance(failed.got, list):
        return failed.why
    if failed.want and isinstance(failed.want[0], tuple):
        n, got = next(pair for pair, right in zip(failed.got, failed.want, strict=True) if pair != right)
        return (
            f"for {n}, {got} comes out here; at depth {failed.given['depth']} it is {_trace(n, failed.given['depth'])}"
        )
    return _lengths_words(failed.got, failed.want, failed.given)


def fitting_sizes_properties(student, rng):
    def cases(*several):
        return [dict(zip(("depth", "low", "high"), case, strict=True)) for case in several]

    def lengths(text, *several) -> Property:
        return explained(text, _first(student), cases(*several), _lengths, LENGTH_MISTAKES, _words)

    def outputs(text, *several) -> Property:
        return explained(text, _second(student), cases(*several), _pairs, OUTPUT_MISTAKES, _words)

    start = int(rng.integers(250, 400))
    yield lengths("which lengths fit: one pooling, and three", (1, 16, 22), (1, 1, 60), (3, 1, 250))
    yield lengths(
        "which lengths fit: the paper's four poolings, and five", (4, 560, 580), (4, 1, 260), (5, start, start + 180)
    )
    yield lengths("which lengths fit: other depths, also none", (0, 1, 9), (2, 1, 130), (3, 1, start))
    yield lengths(
        "both ends belong to the range; it may hold no length that fits",
        (4, 188, 204),
        (4, 189, 203),
        (1, 40, 44),
        (2, 44, 44),
        (1, 18, 18),
        (3, 1, 20),
    )
    yield outputs("what comes out: the paper's four poolings", (4, 572, 572), (4, 188, 260), (4, start, start + 63))
    yield outputs("what comes out: other depths", (1, 16, 40), (0, 1, 9), (2, 40, 90), (3, 80, 160), (5, 370, 480))
