"""The question of exercise 06 about the sizes of FCN-8s's maps."""

import functools

from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Property
from course_lib.checks.mistakes import explained
from course_lib.grading.words import kind

POOLS, SCORES = ("pool3", "pool4", "pool5"), ("fc6",)
UPS, BEHIND = ("upscore2", "upscore_pool4", "upscore8"), ("behind",)


def _halved(size: int) -> int:
    return -(-size // 2)


def _one_axis(
    length: int,
    padding: int,
    first=lambda length, padding: length + 2 * padding - 2,
    pool=_halved,
    fc6=lambda size: size - 6,
    double=lambda size: 2 * size + 2,
    last=lambda size: 8 * size + 8,
    cut=lambda size, length, padding: size - (padding - 69) - length,
) -> dict[str, int]:
    """The sizes of all maps along one axis; each step can be exchanged for a wrong one."""
    sizes, size = {}, first(length, padding)
    for stage in range(1, 6):
        size = pool(size)
        if stage > 2:
            sizes[f"pool{stage}"] = size
    sizes["fc6"] = fc6(size)
    sizes["upscore2"] = double(sizes["fc6"])
    sizes["upscore_pool4"] = double(sizes["upscore2"])
    sizes["upscore8"] = last(sizes["upscore_pool4"])
    sizes["behind"] = cut(sizes["upscore8"], length, padding)
    return sizes


def _sizes(height: int, width: int, padding: int, **steps) -> dict[str, tuple[int, int]]:
    rows, columns = (_one_axis(length, padding, **steps) for length in (height, width))
    return {name: (rows[name], columns[name]) for name in rows}


def _with(**steps):
    return functools.partial(_sizes, **steps)


def _sums_as_large_as(*pools: str):
    """As if a sum had the size of pool4 or pool3."""

    def sizes(height, width, padding):
        found = _sizes(height, width, padding)
        if "pool4" in pools:
            found["upscore_pool4"] = tuple(2 * size + 2 for size in found["pool4"])
        sums = found["pool3" if "pool3" in pools else "upscore_pool4"]
        return {**found, "upscore8": tuple(8 * size + 8 for size in sums)}

    return sizes


POOL_MISTAKES = {
    "the poolings round down here: ceil pooling keeps an incomplete last window, so it rounds up": _with(
        pool=lambda n: n // 2
    ),
    "n // 2 + 1 makes one cell too many of an even size: only an incomplete window is one more": _with(
        pool=lambda n: n // 2 + 1
    ),
    "`round` takes halves to the nearest *even* number, 52.5 to 52: round up": _with(pool=lambda n: round(n / 2)),
    "the padding is missing: the first convolution adds `padding` on both sides": _with(first=lambda n, padding: n),
    "the padding is missing, only the 2 that the kernel takes off are there: `padding` is added on both sides": _with(
        first=lambda n, padding: n - 2
    ),
    "the padding is added on one side only: it lies on both, so the length grows by 2 * padding": _with(
        first=lambda n, padding: n + padding - 2
    ),
    "the padding is added on one side only, and the 3x3 kernel takes off 2: n + 2 * padding - 2": _with(
        first=lambda n, padding: n + padding
    ),
    "the first convolution's 3x3 kernel takes off 2: n + 2 * padding - 2": _with(
        first=lambda n, padding: n + 2 * padding
    ),
    "the first convolution's 3x3 kernel takes off 2, not 3: n + 2 * padding - 2": _with(
        first=lambda n, padding: n + 2 * padding - 3
    ),
    "the first convolution's 3x3 kernel takes off 2, not 1: n + 2 * padding - 2": _with(
        first=lambda n, padding: n + 2 * padding - 1
    ),
    "`padding` takes the place of the usual padding of 1, it is not added to it": _with(
        first=lambda n, padding: n + 2 * padding + 2
    ),
    "both convolutions of the first stage pad `padding` here: only the very first does, the others pad 1": _with(
        first=lambda n, padding: n + 4 * padding - 4
    ),
    "this is the trace with padding 100, whatever `padding` is": lambda height, width, padding: _sizes(
        height, width, 100
    ),
    "rows and columns are exchanged: each size is (rows, columns)": lambda height, width, padding: _sizes(
        width, height, padding
    ),
    "this is one pooling too few: pool3 is the map behind the third": _with(
        first=lambda n, padding: 2 * (n + 2 * padding - 2)
    ),
    "this is one pooling too many: pool3 is the map behind the third": _with(
        first=lambda n, padding: _halved(n + 2 * padding - 2)
    ),
}
FC6_MISTAKES = {
    "FC6 keeps the size of pool5 here: its kernel is 7x7 and it does not pad, so 6 rows and columns are lost": _with(
        fc6=lambda n: n
    ),
    "FC6 takes off 7 here: a window of 7 fits into 7 cells once, so n cells leave n - 6": _with(fc6=lambda n: n - 7),
    "FC6 cuts pool5 into blocks here, but it slides with stride 1: n cells leave n - 6": _with(fc6=lambda n: n // 7),
}
UP_MISTAKES = {
    "the doubled maps have exactly twice the size here, as with F.interpolate or padding 1: unpadded, a 4x4 stamp of stride 2 "
    "reaches 2 further": _with(double=lambda n: 2 * n),
    "upscore8 is exactly 8 times as large here: without padding its 16x16 stamps reach 8 further": _with(
        last=lambda n: 8 * n
    ),
    "the upsampled maps are exactly 2 and 8 times as large here: without padding a stamp of 4 (16) cells reaches 2 (8) further": (
        _with(double=lambda n: 2 * n, last=lambda n: 8 * n)
    ),
    "a transposed convolution makes (n - 1) * stride + kernel cells; this is n * stride + kernel": _with(
        double=lambda n: 2 * n + 4, last=lambda n: 8 * n + 16
    ),
    "the doubled maps are n * stride + kernel here: n cells are only (n - 1) strides apart": _with(
        double=lambda n: 2 * n + 4
    ),
    "upscore8 is n * stride + kernel here: n cells are only (n - 1) strides apart": _with(last=lambda n: 8 * n + 16),
    "this is (n - 1) * stride, where the last stamp begins: it is `kernel` cells long": _with(
        double=lambda n: 2 * n - 2, last=lambda n: 8 * n - 8
    ),
    "the doubled maps are (n - 1) * stride here, where the last stamp begins: it is `kernel` cells long": _with(
        double=lambda n: 2 * n - 2
    ),
    "these maps shrink, as behind a convolution of stride 2 and 8: a transposed one makes (n - 1) * stride + kernel": _with(
        double=lambda n: (n - 4) // 2 + 1, last=lambda n: (n - 16) // 8 + 1
    ),
    "a sum has the size of the upsampled map, which is smaller; this goes on with pool4's size": _sums_as_large_as(
        "pool4"
    ),
    "a sum has the size of the upsampled map, which is smaller; this goes on with pool3's size": _sums_as_large_as(
        "pool3"
    ),
    "a sum has the size of the upsampled map, which is smaller; this goes on with the sizes of pool4 and pool3": (
        _sums_as_large_as("pool4", "pool3")
    ),
    "the last step has stride 8 and stamps of 16 cells, it is no doubling: (n - 1) * 8 + 16": _with(
        last=lambda n: 2 * n + 2
    ),
}
CUT_MISTAKES = {
    "nothing is cut off in front here: `behind` is what is left of upscore8 after the first padding - 69 and the picture": (
        _with(cut=lambda n, length, padding: n - length)
    ),
    "the surplus is cut off in equal halves here: in front padding - 69 go, the rest is behind": _with(
        cut=lambda n, length, padding: (n - length) // 2
    ),
    "31 is cut off in front here, whatever the padding: it is padding - 69": _with(
        cut=lambda n, length, padding: n - 31 - length
    ),
    "`padding` is cut off in front here: it is padding - 69, because FC6 and the stamps have moved the map": _with(
        cut=lambda n, length, padding: n - padding - length
    ),
    "the crop in front is added here: what is cut off in front is no longer behind": _with(
        cut=lambda n, length, padding: n + (padding - 69) - length
    ),
    "the picture itself is still in it: `behind` is what is left after the crop in front *and* the picture": _with(
        cut=lambda n, length, padding: n - (padding - 69)
    ),
    "padding - 69 is taken off twice here: it is cut off in front only, `behind` is all the rest": _with(
        cut=lambda n, length, padding: n - 2 * (padding - 69) - length
    ),
    "this is where the picture ends in upscore8: `behind` is how much follows there": _with(
        cut=lambda n, length, padding: length + padding - 69
    ),
}  # fmt: skip
STEPS = {POOLS: POOL_MISTAKES, SCORES: FC6_MISTAKES, UPS: UP_MISTAKES, BEHIND: CUT_MISTAKES}


def _some(sizes: dict, names: tuple[str, ...]) -> dict:
    return {name: sizes[name] for name in names if name in sizes}


def _entries(student, names: tuple[str, ...]):
    """These entries of what the answer returns; Failed where they are wrong because earlier ones are."""

    def entries(**case):
        result = student(**case)
        if result is None:
            raise Failed("it returns nothing for a picture that the network can take", case)
        if not isinstance(result, dict):
            raise Failed(f"return a dict, not {kind(result)}", case)
        if missing := [name for name in names if name not in result]:
            raise Failed(f"the dict has no {missing[0]!r}", case)
        right, got = _sizes(**case), _some(result, names)
        if difference(got, _some(right, names)) is not None:
            for step in list(STEPS)[: list(STEPS).index(names)]:
                for name in step:
                    if why := difference(result.get(name), right[name]):
                        raise Failed(f"first mend {name!r}, which comes before: {why}", case)
        return got

    return entries


def _trace(claim: str, student, names: tuple[str, ...], *cases: tuple[int, int, int]) -> Property:
    def part(sizes):
        return lambda **case: _some(sizes(**case), names)

    cases = [dict(zip(("height", "width", "padding"), case, strict=True)) for case in cases]
    mistakes = {message: part(wrong) for message, wrong in STEPS[names].items()}
    return explained(claim, _entries(student, names), cases, part(_sizes), mistakes)


def _refused(claim: str, student, *cases: tuple[int, int, int]) -> Property:
    def test():
        for height, width, padding in cases:
            case = {"height": height, "width": width, "padding": padding}
            sides = [_one_axis(length, padding)["pool5"] for length in (height, width)]
            facts = f"pool5 has {sides[0]} x {sides[1]} cells, FC6 needs 7 x 7"
            try:
                got = student(**case)
            except Failed as failed:
                end = "; return None instead of an error" if min(sides) < 7 else ""
                raise Failed(failed.why + end, failed.given) from None
            if min(sides) < 7 and got is not None:
                if max(sides) >= 7:
                    facts += ": one side that is too short is enough"
                raise Failed(f"the network cannot take this picture, so return None: {facts}", case, got)
            if min(sides) >= 7 and not isinstance(got, dict):
                why = f"it returns {kind(got)}" if got is not None else "it returns None"
                raise Failed(f"{why}, but the network can take this picture: {facts}", case, got)

    return Property(claim, test=test)


def fcn_sizes_properties(student, rng):
    odd = [tuple(int(v) for v in (*rng.integers(60, 900, 2), rng.integers(69, 110))) for _ in range(6)]
    paper = ((224, 224, 100), (500, 375, 100), (321, 481, 100), (226, 227, 100))  # 226 + 198 is 8 * 53
    yield _trace("pool3, pool4 and pool5 round up, for any size and padding", student, POOLS, *paper, *odd)
    yield _trace("FC6's 7x7 window slides over pool5", student, SCORES, *paper, *odd)
    yield _trace("the three upsampled maps", student, UPS, *paper, *odd)
    yield _trace("what is cut off behind the picture", student, BEHIND, *paper, *odd)
    yield _refused(
        "a picture is refused if pool5 is too small for FC6, on either axis",
        student,
        *((40, 50, 70), (300, 40, 70), (40, 300, 70), (1, 1, 69), (56, 57, 69), (57, 56, 69), (16, 14, 90)),
        *((57, 57, 69), (15, 400, 90), (55, 55, 70), (2, 3, 96), (3, 3, 96)),
    )
    yield _refused(
        "with the paper's padding of 100 no picture is too small", student, (1, 1, 100), (2, 640, 100), (7, 3, 97)
    )
