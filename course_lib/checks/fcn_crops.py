"""The question of exercise 06 about how much each sum of score maps crops."""

import functools
import math

from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.mistakes import explained
from course_lib.grading.words import kind


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
    whole=round,
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
    return tuple(whole(crop) for crop in [*crops, end(x, jump, stamp)])


def _crops(**steps):
    return functools.partial(_offsets, **steps)


def _right_end(x, jump, stamp) -> float:
    """The last crop as it should be, whatever the stamps of the sums are."""
    return jump - 0.5 - x


def _first_in_cells(layers) -> tuple[float, int]:
    """As if every layer's cells were one pixel apart."""
    x, jump = 0.0, 1
    for kernel, stride, padding in layers:
        x += (kernel - 1) / 2 - padding
        jump *= stride
    return x, jump


def _padding_in_pixels(layers) -> tuple[float, int]:
    x, jump = 0.0, 1
    for kernel, stride, padding in layers:
        x += (kernel - 1) / 2 * jump - padding
        jump *= stride
    return x, jump


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
    "the middle of a kernel of k cells lies (k - 1) / 2 behind its first cell; in the layers this is k / 2": _crops(
        find=functools.partial(_first_middle, middle=lambda k, p: k / 2 - p)
    ),
    "the middle of a kernel of k cells lies (k - 1) / 2 behind its first cell; in the layers this is k // 2": _crops(
        find=functools.partial(_first_middle, middle=lambda k, p: k // 2 - p)
    ),
    "this compares the first pixels of the windows: compare their middles": _crops(
        find=functools.partial(_first_middle, middle=lambda k, p: -p)
    ),
    "this compares the last pixels of the windows: compare their middles": _crops(
        find=functools.partial(_first_middle, middle=lambda k, p: k - 1 - p)
    ),
    "a window's middle is counted in cells of the map before, and these are `jump` pixels apart: multiply": _crops(
        find=_first_in_cells
    ),
    "a layer pads cells of the map before it, and these are `jump` pixels apart: multiply the padding too": _crops(
        find=_padding_in_pixels
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
    "in the sums, the middle of a stamp of 2f cells lies f - 0.5 behind its first; this is f": _crops(
        stamp=lambda f: f, end=_right_end
    ),
    "in the sums, the middle of a stamp of 2f cells lies f - 0.5 behind its first; this is f - 1": _crops(
        stamp=lambda f: f - 1, end=_right_end
    ),
    "in the sums, the middle of a stamp of 2f cells lies f - 0.5 behind its first; this is (f - 1) / 2": _crops(
        stamp=lambda f: (f - 1) / 2, end=_right_end
    ),
    "the stamps of the sums are missing: the middle of a stamp of 2f cells lies f - 0.5 cells behind its first": _crops(
        stamp=lambda f: 0, end=_right_end
    ),
    "a stamp is made of cells of the *new* map: (f - 0.5) * new_jump; this is (f - 0.5) * jump": _crops(
        stamp=lambda f: (f - 0.5) * f, end=_right_end
    ),
    "a stamp is made of cells of the *new* map: (f - 0.5) * new_jump; this is (f - 0.5) * jump, in the last crop too": _crops(
        stamp=lambda f: (f - 0.5) * f
    ),
    "upsampling moves the first cell to the *front*, by f - 0.5 new cells: take them off": _crops(
        stamp=lambda f: 0.5 - f
    ),
    "in the sums, upsampling moves the first cell to the *front*, by f - 0.5 new cells: take them off": _crops(
        stamp=lambda f: 0.5 - f, end=_right_end
    ),
    "the map is doubled again and again here: upsampling by f is one step, with stamps of 2f cells": _crops(
        stamp=lambda f: 1.5 * (f - 1)
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
    "the sum begins with the later of the two first cells; this goes on with the earlier": _crops(both=min),
    "the skips come coarsest first; this takes them from the end": lambda layers, skips: _offsets(layers, skips[::-1]),
    "behind a sum the cells are as far apart as the skip's: this goes on with the coarse distance": _crops(
        go=lambda fine, coarse: coarse
    ),
    "the last stamp too has 2f cells, so its middle lies f - 0.5 behind its first; the last crop takes (f - 1) / 2": _crops(
        end=lambda x, jump, stamp: (jump - 1) / 2 - x
    ),
    "a skip of n comes behind the first n layers; this is one layer too few": _crops(behind=1),
    "a skip of n comes behind the first n layers; this is one layer too many": _crops(behind=-1),
    "the last crop is one too many: it counts the cells in front of pixel 0, and not pixel 0's": _crops(
        end=lambda x, jump, stamp: jump + 0.5 - x
    ),
    "the last crop is one too few: it counts all cells in front of pixel 0": _crops(
        end=lambda x, jump, stamp: jump - 1.5 - x
    ),
    "the last crop is counted in coarse cells: behind the upsampling the cells are one pixel apart": _crops(
        end=lambda x, jump, stamp: (jump - 0.5 - x) / jump
    ),
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
ROUNDINGS = {int: "cut off", math.floor: "rounded down", math.ceil: "rounded up"}
CROP_MISTAKES |= {
    f"{message} (a crop is no whole number then, and is {how})": functools.partial(steps, whole=whole)
    for whole, how in ROUNDINGS.items()
    for message, steps in CROP_MISTAKES.items()
    if isinstance(steps, functools.partial)
}


def _vgg(padding: int, window: int = 7, fc6: int = 0) -> list[tuple[int, int, int]]:
    """Kernel, stride and padding of VGG-16 with FC6."""
    layers = []
    for count in (2, 2, 3, 3, 3):
        layers += [(3, 1, 1)] * count + [(2, 2, 0)]
    return [(3, 1, padding), *layers[1:], (window, 1, fc6)]


POOL2, POOL3, POOL4 = 6, 10, 14  # how many layers of VGG come before these maps, the pooling included


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
        first = "the sums are right, but " if len(want) > 1 else ""
        return f"{first}the picture is cropped by {got[-1]} instead of {want[-1]}: {failed.why}"
    if wrong and wrong[0]:
        right = "the first crop is right" if wrong[0] == 1 else f"the first {wrong[0]} crops are right"
        return f"{right}; then: {failed.why}"
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
        "a skip that leaves out a level: the map is upsampled by 4 or 8 at once",
        (_vgg(100), POOL3),
        (wide, 3),
        (deep, 3),
        (_vgg(100), POOL2),
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
