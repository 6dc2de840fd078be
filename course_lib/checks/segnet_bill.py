"""The question of exercise 07 about what the decoder's memories cost."""

import functools

from course_lib.checks.answer import Failed
from course_lib.checks.mistakes import explained
from course_lib.grading.words import kind

KEYS = ("float32", "float16", "int64", "bits")


def _ceil(size: int) -> int:
    return -(-size // 2)


def _poolings(widths, height, width, batch, half=_ceil) -> list[tuple[int, int]]:
    """Of each pooling, the cells of its maps and its windows, over the batch and all channels."""
    counts = []
    for channels in widths:
        cells = batch * channels * height * width
        height, width = half(height), half(width)
        counts.append((cells, batch * channels * height * width))
    return counts


def _per_map(widths, height, width, batch) -> list[tuple[int, int]]:
    """Each channel's map of each picture by itself."""
    counts = zip(widths, _poolings([1] * len(widths), height, width, 1), strict=True)
    return [count for channels, count in counts for _ in range(channels * batch)]


def _whole_bytes(bits: int) -> int:
    return -(-bits // 8)


def _bill(
    widths,
    height,
    width,
    batch,
    count=_poolings,
    whole=lambda cells, windows, size: size * cells,
    index=lambda cells, windows: 8 * windows,
    pack=lambda cells, windows: _whole_bytes(2 * windows),
    total=lambda packed: packed,
) -> dict[str, int]:
    """The bill; each of its steps can be exchanged for a wrong one."""
    counts = count(widths, height, width, batch)
    return {
        "float32": sum(whole(*pair, 4) for pair in counts),
        "float16": sum(whole(*pair, 2) for pair in counts),
        "int64": sum(index(*pair) for pair in counts),
        "bits": total(sum(pack(*pair) for pair in counts)),
    }


def _with(**steps):
    return functools.partial(_bill, **steps)


def _one_size(widths, height, width, batch):
    """Every pooling sees the map of the first."""
    return [_poolings([channels], height, width, batch)[0] for channels in widths]


def _halved_first(widths, height, width, batch):
    return _poolings(widths, _ceil(height), _ceil(width), batch)


def _shifted_widths(widths, height, width, batch):
    """Each pooling with the channels that come into its stage."""
    return _poolings([3, *widths[:-1]], height, width, batch)


def _rows_only(widths, height, width, batch):
    counts = []
    for channels in widths:
        cells = batch * channels * height * width
        height = _ceil(height)
        counts.append((cells, batch * channels * height * width))
    return counts


def _last_kept(widths, height, width, batch):
    return _poolings(widths, height, width, batch)[-1:]


def _first_kept(widths, height, width, batch):
    return _poolings(widths, height, width, batch)[:1]


def _quarters(widths, height, width, batch):
    """A window for every four cells, as if sizes were even."""
    return [(cells, cells // 4) for cells, _ in _poolings(widths, height, width, batch)]


def _rounded_quarters(widths, height, width, batch):
    return [(cells, -(-cells // 4)) for cells, _ in _poolings(widths, height, width, batch)]


def _never_halved(widths, height, width, batch):
    return _poolings(widths, height, width, batch, half=lambda size: size)


def _complete_windows(widths, height, width, batch):
    """Sizes are rounded up, but only complete windows are counted."""
    counts = []
    for channels in widths:
        maps = batch * channels
        counts.append((maps * height * width, maps * (height // 2) * (width // 2)))
        height, width = _ceil(height), _ceil(width)
    return counts


def _passed_on_cut(widths, height, width, batch):
    """Windows are rounded up, but the size for the next pooling is rounded down."""
    counts = []
    for channels in widths:
        counts += _poolings([channels], height, width, batch)
        height, width = height // 2, width // 2
    return counts


def _per_picture(widths, height, width, batch):
    """The poolings of each picture by itself."""
    return batch * _poolings(widths, height, width, 1)


COUNT_MISTAKES = {
    "the batch is missing: every picture has maps and maxima of its own": _with(
        count=lambda widths, height, width, batch: _poolings(widths, height, width, 1)
    ),
    "the channels are missing: every channel has a map, and maxima of its own": _with(
        count=lambda widths, height, width, batch: _poolings([1] * len(widths), height, width, batch)
    ),
    "poolings round down here: an incomplete window is kept, so they round up": _with(
        count=functools.partial(_poolings, half=lambda size: size // 2)
    ),
    "the next pooling sees a size that is rounded down here: the incomplete windows go on too": _with(
        count=_passed_on_cut
    ),
    "only complete windows are counted here: incomplete ones have a maximum too": _with(count=_complete_windows),
    "`round` rounds a half to the nearest *even* number, 2.5 to 2: poolings round up": _with(
        count=functools.partial(_poolings, half=lambda size: round(size / 2))
    ),
    "every pooling sees the size of the picture here: the second one sees what the first left": _with(count=_one_size),
    "no pooling halves the map here: windows are counted behind halving, and the next pooling sees what this one left": (
        _with(count=_never_halved)
    ),
    "the first pooling sees half the picture here: it sees all of it": _with(count=_halved_first),
    "these are the channels that come *into* each stage: its pooling sees `widths[i]`": _with(count=_shifted_widths),
    "only the rows are halved here: a pooling halves the columns too": _with(count=_rows_only),
    "this is the last pooling alone: asked are all poolings together": _with(count=_last_kept),
    "this is the first pooling alone: asked are all poolings together": _with(count=_first_kept),
}
WHOLE_MISTAKES = {
    "these are the maps *behind* the poolings: kept are the maps before them, which hold the detail": _with(
        whole=lambda cells, windows, size: size * windows
    ),
    "this counts numbers, not bytes: a float32 takes 4, a float16 2": _with(whole=lambda cells, windows, size: cells),
    "this counts bits: 8 of them are a byte": _with(whole=lambda cells, windows, size: 8 * size * cells),
    "the sizes of a float are exchanged: float32 has 32 bits, 4 bytes; float16 has 2": _with(
        whole=lambda cells, windows, size: (6 - size) * cells
    ),
}
INDEX_MISTAKES = {
    "there is one index for each *window*, not for each cell of the map": _with(index=lambda cells, windows: 8 * cells),
    "there is one number for each window, and it takes 8 bytes: this counts the numbers": _with(
        index=lambda cells, windows: windows
    ),
    "this counts bits: an int64 has 64 of them, which are 8 bytes": _with(index=lambda cells, windows: 64 * windows),
    "an index takes 4 bytes here, as int32 would: int64 takes 8": _with(index=lambda cells, windows: 4 * windows),
    "there are two indices for each window here, row and column: one place is one number": _with(
        index=lambda cells, windows: 16 * windows
    ),
    "a window is counted for every four cells: at an odd size there are more windows, because the poolings round up": _with(
        count=_quarters
    ),
    "a window is counted for every four cells, rounded up: rows and columns round up each by itself": _with(
        count=_rounded_quarters
    ),
    "this is half of the whole maps in float32: at an odd size there are more windows than a quarter of the cells": _with(
        index=lambda cells, windows: 2 * cells
    ),
    "all channels share an index for each window here: every channel has maxima of its own": _with(
        count=lambda widths, height, width, batch: _poolings([1] * len(widths), height, width, batch)
    ),
}
BIT_MISTAKES = {
    "this counts bits: 8 of them are a byte": _with(pack=lambda cells, windows: 2 * windows),
    "each window takes 2 *bytes* here: it takes 2 bits, a quarter of a byte": _with(
        pack=lambda cells, windows: 16 * _whole_bytes(windows)
    ),
    "each window takes 8 bits here, a byte of its own: 2 of them are enough, whatever its number of cells": _with(
        pack=lambda cells, windows: windows
    ),
    "there are 2 bits for each *window*, not for each cell of the map": _with(
        pack=lambda cells, windows: _whole_bytes(2 * cells)
    ),
    "there is 1 bit for each window here: four cells need 2": _with(pack=lambda cells, windows: _whole_bytes(windows)),
    "there are 4 bits for each window here, one for each cell: 2 bits tell four cells apart": _with(
        pack=lambda cells, windows: _whole_bytes(4 * windows)
    ),
    "the bits are rounded down to whole bytes here: a begun byte is stored too": _with(
        pack=lambda cells, windows: 2 * windows // 8
    ),
    "the bits of all poolings are packed together here: each pooling is rounded up by itself": _with(
        pack=lambda cells, windows: 2 * windows, total=_whole_bytes
    ),
    "every map is rounded up to whole bytes here: the pictures and channels of a pooling are packed together": _with(
        count=_per_map
    ),
    "the bits are rounded to the nearest byte here: a begun byte is stored too, so they round up": _with(
        pack=lambda cells, windows: round(windows / 4)
    ),
    "every picture is rounded up to whole bytes by itself here: all pictures of a pooling are packed together": _with(
        count=_per_picture
    ),
    "a window is counted for every four cells: at an odd size there are more windows, because the poolings round up": _with(
        count=_quarters
    ),
    "a window is counted for every four cells, rounded up: rows and columns round up each by itself": _with(
        count=_rounded_quarters
    ),
    "all channels share the bits of a window here: every channel has maxima of its own": _with(
        count=lambda widths, height, width, batch: _poolings([1] * len(widths), height, width, batch)
    ),
}
MISTAKES = {
    ("float32", "float16"): WHOLE_MISTAKES | COUNT_MISTAKES,
    ("int64",): INDEX_MISTAKES | COUNT_MISTAKES,
    ("bits",): BIT_MISTAKES | COUNT_MISTAKES,
}


def _part(bill, names: tuple[str, ...]):
    def part(**case):
        result = bill(**case)
        return {name: result[name] for name in names}

    return part


def _entries(student, names: tuple[str, ...]):
    """These entries of what the answer returns."""

    def entries(**case):
        result = student(**case)
        if not isinstance(result, dict):
            raise Failed(f"return a dict, not {kind(result)}", case)
        if missing := [name for name in names if name not in result]:
            raise Failed(f"the dict has no {missing[0]!r}; its entries are {', '.join(map(repr, KEYS))}", case)
        return {name: result[name] for name in names}

    return entries


def _words(failed: Failed) -> str:
    got, want = failed.got, failed.want
    if not (isinstance(got, dict) and isinstance(want, dict)):
        return failed.why
    for name, right in want.items():
        value = got.get(name)
        if isinstance(value, float) and value == right and name == "bits":
            return f"under 'bits': {value} is a float; a number of bytes is whole: each pooling's are rounded up"
        if isinstance(value, float) and value == right:
            return f"under {name!r}: {value} is a float; a number of bytes is whole: `//` divides to whole numbers"
        if isinstance(value, float) and name == "bits" and 0 < value < right < value + 4:
            return f"under 'bits': {value} bytes; each pooling's are rounded up to whole bytes"
        if isinstance(value, float) and any(abs(value * unit - right) < unit / 100 for unit in (10**6, 2**20)):
            return f"under {name!r}: these are megabytes; asked are bytes"
    return failed.why


def memory_bill_properties(student, rng):
    def case(widths, height, width, batch=1):
        return {"widths": widths, "height": height, "width": width, "batch": batch}

    def claim(text, names, *cases):
        mistakes = {message: _part(wrong, names) for message, wrong in MISTAKES[names].items()}
        return explained(text, _entries(student, names), list(cases), _part(_bill, names), mistakes, _words)

    def some(count):
        sizes = [tuple(int(v) for v in rng.integers(5, 200, 2)) for _ in range(count)]
        return [case([4, 12, 20], height, width, int(rng.integers(2, 7))) for height, width in sizes]

    whole, index, bits = MISTAKES
    one = [case([64], 180, 240), case([1], 4, 8)]
    even = [case([64, 128, 256], 96, 160, 3), case([8, 24], 12, 8, 2)]
    odd = [case([1], 3, 5), case([3, 5], 7, 10, 2), case([64, 128, 256, 512, 512], 360, 480, 4), *some(3)]
    yield claim("whole maps: one pooling", whole, *one)
    yield claim("whole maps: several poolings, odd sizes, a batch", whole, *even, *odd)
    yield claim("PyTorch's indices: even sizes", index, *one, *even)
    yield claim("PyTorch's indices: odd sizes", index, *odd)
    yield claim("2 bits for each window, even sizes", bits, *one, *even)
    yield claim(
        "2 bits for each window, odd sizes: each pooling takes whole bytes",
        bits,
        *odd,
        case([1, 1, 1], 9, 9),
        case([3, 1, 5], 5, 6, 3),
    )
