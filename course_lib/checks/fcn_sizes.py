"""The two questions of exercise 06 about geometry: the sizes of FCN-8s's maps, and how much each sum crops."""

import functools

from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Property
from course_lib.checks.mistakes import explained
from course_lib.grading.words import kind

# 4 · the sizes of all maps

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


def _paddings_of_100(height, width, padding):
    return _sizes(height, width, 100)


def _turned(height, width, padding):
    return _sizes(width, height, padding)


POOL_MISTAKES = {
    "the poolings round down here: ceil pooling keeps an incomplete last window, so it rounds up": _with(
        pool=lambda n: n // 2
    ),
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
    paper = ((224, 224, 100), (500, 375, 100), (321, 481, 100))
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


# 5 · how much to crop


def _first_middle(layers, middle=lambda kernel, padding: (kernel - 1) / 2 - padding, late=True) -> tuple[float, int]:
    """Where the middle of a map's first cell lies in the picture, and how many pixels lie between two cells."""
    x, jump = 0.0, 1
    for kernel, stride, padding in layers:
        if not late:
            jump *= stride
        x += middle(kernel, padding) * jump
        if late:
            jump *= stride
    return x, jump


def _offsets(
    layers,
    skips,
    find=_first_middle,
    stamp=lambda factor: factor - 0.5,
    cells=lambda pixels, fine, coarse: pixels / fine,
    both=max,
    go=lambda fine, coarse: fine,
    behind=0,
    end=lambda x, jump, stamp: stamp(jump) - x,
) -> tuple[int, ...]:
    """The crops of all sums, then that of the picture; each step can be exchanged for a wrong one."""
    x, jump = find(layers)
    crops = []
    for count in skips:
        y, fine = find(layers[: count - behind])
        fine = max(fine, 1)
        x -= stamp(jump / fine) * fine
        crops.append(cells(x - y, fine, jump))
        x, jump = both(x, y), go(fine, jump)
    return tuple(round(crop) for crop in [*crops, end(x, jump, stamp)])


def _crops(**steps):
    return functools.partial(_offsets, **steps)


def _turned_signs(layers, skips):
    *crops, last = _offsets(layers, skips)
    return (*(-crop for crop in crops), last)


def _unsigned(layers, skips):
    *crops, last = _offsets(layers, skips)
    return (*(abs(crop) for crop in crops), last)


def _in_front_only(layers, skips):
    *crops, last = _offsets(layers, skips)
    return (*(max(crop, 0) for crop in crops), last)


CROP_MISTAKES = {
    "the middle of a kernel of k cells lies (k - 1) / 2 behind its first cell; this is k / 2": _crops(
        find=functools.partial(_first_middle, middle=lambda k, p: k / 2 - p), stamp=lambda f: f
    ),
    "the middle of a kernel of k cells lies (k - 1) / 2 behind its first cell, also for even k; this is (k - 1) // 2": (
        _crops(find=functools.partial(_first_middle, middle=lambda k, p: (k - 1) // 2 - p))
    ),
    "the middle of a kernel of k cells lies (k - 1) / 2 behind its first cell; in the layers this is k // 2": _crops(
        find=functools.partial(_first_middle, middle=lambda k, p: k // 2 - p)
    ),
    "this compares the first pixels of the windows: compare their middles": _crops(
        find=functools.partial(_first_middle, middle=lambda k, p: -p)
    ),
    "the padding is missing: it moves the first window to the front": _crops(
        find=functools.partial(_first_middle, middle=lambda k, p: (k - 1) / 2)
    ),
    "the padding moves the first window to the *front*, so it is taken off": _crops(
        find=functools.partial(_first_middle, middle=lambda k, p: (k - 1) / 2 + p)
    ),
    "a layer's own stride has no part in where its first window lies: multiply the jump *behind* it": _crops(
        find=functools.partial(_first_middle, late=False)
    ),
    "the stamps are missing: the middle of a stamp of 2f cells lies f - 0.5 cells behind its first": _crops(
        stamp=lambda f: 0
    ),
    "a stamp has 2f cells, so its middle lies f - 0.5 behind its first; this is (f - 1) / 2, the middle of f cells": _crops(
        stamp=lambda f: (f - 1) / 2
    ),
    "a stamp has 2f cells, so its middle lies f - 0.5 behind its first; this is f": _crops(stamp=lambda f: f),
    "a skip can be more than one doubling finer: f is the ratio of the two distances, and the stamp's middle lies f - 0.5 "
    "behind its first cell, not always 1.5": _crops(
        stamp=lambda f: 1.5, end=lambda x, jump, stamp: jump - 0.5 - x
    ),
    "the crops of the sums are in pixels: count cells of the skip's map": _crops(cells=lambda d, fine, coarse: d),
    "the crops of the sums are counted in coarse cells: count cells of the skip's map": _crops(
        cells=lambda d, fine, coarse: d / coarse
    ),
    "the signs of the sums are turned: positive if the doubled map begins behind the skip's": _turned_signs,
    "a skip's map can begin behind the doubled one: its crop is negative then, not 0": _in_front_only,
    "a crop is negative if the upsampled map begins in front of the skip's; this is its size without the sign": _unsigned,
    "these are the crops of FCN's own nets: other layers have others": lambda layers, skips: (
        (19,), (5, 27), (5, 9, 31)
    )[len(skips)],
    "after a negative crop the sum begins where the skip's map does: go on with the later of the two": _crops(
        both=lambda x, y: x
    ),
    "the sum begins with the later of the two first cells; this goes on with the skip's": _crops(both=lambda x, y: y),
    "behind a sum the cells are as far apart as the skip's: this goes on with the coarse distance": _crops(
        go=lambda fine, coarse: coarse
    ),
    "the last stamp too has 2f cells, so its middle lies f - 0.5 behind its first; the last crop takes (f - 1) / 2": _crops(
        end=lambda x, jump, stamp: (jump - 1) / 2 - x
    ),
    "a skip of n comes behind the first n layers; this is one layer too few": _crops(behind=1),
    "the last crop lacks its stamp: upsampling by f moves the first row f - 0.5 to the front": _crops(
        end=lambda x, jump, stamp: -x
    ),
    "the last crop forgets where the map begins: it is more than half a stamp": _crops(
        end=lambda x, jump, stamp: stamp(jump)
    ),
    "the last number is asked as a crop: if the map begins x pixels in front of the picture, it is x, above 0": _crops(
        end=lambda x, jump, stamp: x - stamp(jump)
    ),
    "the sums come first, from the coarsest to the finest, and the crop of the picture last": lambda layers, skips: (
        _offsets(layers, skips)[::-1]
    ),
    "the crop of the picture is missing: it comes last": lambda layers, skips: _offsets(layers, skips)[:-1],
    "only the crop of the picture is there: the sums come before it": lambda layers, skips: _offsets(layers, skips)[-1:],
}  # fmt: skip


def _vgg(padding: int, window: int = 7, fc6: int = 0) -> list[tuple[int, int, int]]:
    """Kernel, stride and padding of VGG-16 with FC6."""
    layers = []
    for count in (2, 2, 3, 3, 3):
        layers += [(3, 1, 1)] * count + [(2, 2, 0)]
    return [(3, 1, padding), *layers[1:], (window, 1, fc6)]


POOL3, POOL4 = 10, 14  # how many layers of VGG come before these maps, the pooling included


def _crop_words(failed: Failed) -> str:
    if failed.want is None:
        return failed.why
    got, want = failed.got, failed.want
    if not isinstance(got, list | tuple):
        return f"return a tuple of whole numbers, not {kind(got)}"
    if len(got) != len(want):
        return f"{len(got)} numbers for {len(want) - 1} skips: return one for each skip, and one for the picture"
    if any(isinstance(value, float) for value in got):
        return "the crops are whole numbers (int)"
    wrong = [place for place, (a, b) in enumerate(zip(got, want, strict=True)) if difference(a, b)]
    if wrong == [len(want) - 1]:
        return f"the sums are right, but the picture is cropped by {got[-1]} instead of {want[-1]}: {failed.why}"
    if wrong and wrong[0]:
        return f"the first {wrong[0]} of the crops are right; then: {failed.why}"
    return failed.why


def crop_offsets_properties(student, rng):
    def claim(text, *cases):
        cases = [{"layers": layers, "skips": list(skips)} for layers, *skips in cases]
        return explained(text, student, cases, _offsets, CROP_MISTAKES, _crop_words)

    def conv(padding=None):
        kernel = int(rng.choice([3, 5, 7]))
        return kernel, 1, kernel // 2 if padding is None else padding

    pool, last = (2, 2, 0), (3, 1, 0)
    deep = [conv(20), conv(), pool, conv(), pool, conv(), conv(), pool, last]
    wide = [conv(64), (4, 4, 0), conv(), pool, conv(), pool, conv(1), last]
    tight = [conv(), pool, conv(), pool, conv(), pool, conv()]
    yield claim(
        "without skips: where does the picture begin in the upsampled map?",
        ([pool],),
        ([conv(), (4, 4, 0), pool],),
        (_vgg(100),),
        ([conv(12), pool, conv(2), pool, last],),
    )
    yield claim(
        "one skip: which of its cells lies under the first of the doubled map?",
        ([(3, 1, 20), (4, 4, 0), pool, (5, 1, 0)], 2),
        (wide, 5),
        (_vgg(100), POOL4),
        (deep, 5),
    )
    yield claim(
        "several skips: FCN-8s and others", (_vgg(100), POOL4, POOL3), (deep, 5, 3), (wide, 5, 2), (_vgg(81), 14, 10, 6)
    )
    yield claim(
        "a skip that leaves out a level: the map is upsampled by 4 at once", (_vgg(100), POOL3), (wide, 3), (deep, 3)
    )
    yield claim(
        "maps that begin in front of the skip's: a negative crop, and what follows from it",
        ([pool, pool], 1),
        ([(4, 4, 0), conv(), pool, conv()], 2),
        (_vgg(1, 7, 3), POOL4, POOL3),
        (_vgg(87), POOL4),
        (tight, 4, 2),
        (tight, 2),
        ([conv(), pool, conv(), pool, conv(), pool, conv(), pool, conv()], 6, 4),
    )
