"""The two questions of exercise 07 about single steps: pooling that remembers where, and the way back."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.mistakes import explained, item_of

# 1 · pool, and remember where

BOTH = "(pooled, indices)"


def _whole(x: Tensor, fill: float = float("-inf"), mode: str = "constant") -> Tensor:
    """Padded below and to the right to an even height and width."""
    height, width = x.shape[-2:]
    pad = (0, width % 2, 0, height % 2)
    return F.pad(x, pad, value=fill) if mode == "constant" else F.pad(x, pad, mode=mode)


def _cut(x: Tensor) -> Tensor:
    """Cut to an even height and width: incomplete windows are lost."""
    return x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]


def _windows(x: Tensor, whole=_whole) -> Tensor:
    """The four cells of each window in reading order, (N, C, h, w, 4)."""
    x = whole(x)
    rows, columns = (size // 2 for size in x.shape[-2:])
    return x.reshape(*x.shape[:2], rows, 2, columns, 2).transpose(3, 4).flatten(-2)


def _row_windows(x: Tensor) -> Tensor:
    """Four cells of a row, taken for the four cells of a window."""
    return _whole(x).reshape(_windows(x).shape)


def _first(windows: Tensor) -> Tensor:
    return windows.argmax(-1)


def _last(windows: Tensor) -> Tensor:
    return 3 - windows.flip(-1).argmax(-1)


def _values(x: Tensor, whole=_whole, read=lambda windows: windows.amax(-1)) -> Tensor:
    return read(_windows(x, whole))


def _reading_order(row, column, k, height: int, width: int) -> Tensor:
    return row * width + column


def _places(x: Tensor, whole=_whole, pick=_first, place=_reading_order) -> Tensor:
    """The indices; place(row, column, k, height, width) says how they are counted, k is the cell in its window."""
    k = pick(_windows(x, whole))
    row = 2 * torch.arange(k.shape[2])[:, None] + k // 2
    column = 2 * torch.arange(k.shape[3]) + k % 2
    return place(row, column, k, *x.shape[-2:])


def _offset(x: Tensor, samples: bool) -> Tensor:
    """As if all maps of a picture, or of the batch, were one."""
    n, c, height, width = x.shape
    first = torch.arange(n * c).view(n, c, 1, 1) * height * width
    return _places(x) + (first if samples else first % (c * height * width))


def _search(x: Tensor) -> Tensor:
    """Where in the whole map each maximum is found first."""
    pooled = _values(x)
    equal = x.flatten(2)[:, :, None, :] == pooled.flatten(2)[..., None]
    return equal.int().argmax(-1).view(pooled.shape)


def _pooled_width(row, column, k, height, width):
    return row * ((width + 1) // 2) + column


def _inward(x: Tensor) -> Tensor:
    """The last window moved inward until it is complete."""
    for dim in (2, 3):
        size = x.shape[dim]
        if size % 2:
            x = x.index_select(dim, torch.tensor([*range(size - 1), max(size - 2, 0), size - 1]))
    return x


def _carried(x: Tensor, whole) -> Tensor:
    """The places, where `whole` repeats cells of the map."""
    height, width = x.shape[-2:]
    places = torch.arange(height * width).view(1, 1, height, width).expand(x.shape)
    return _windows(places, whole).gather(-1, _first(_windows(x, whole))[..., None])[..., 0]


def _padded_before(x: Tensor) -> Tensor:
    """Padded above and to the left to an even height and width."""
    height, width = x.shape[-2:]
    return F.pad(x, (width % 2, 0, height % 2, 0), value=float("-inf"))


def _minus_padding(row, column, k, height, width):
    return (row - height % 2) * width + column - width % 2


def _in_window(k: Tensor, x: Tensor) -> Tensor:
    """The places of the cells number k of their windows."""
    return _places(x, pick=lambda windows: k)


_zeros = functools.partial(_whole, fill=0.0)

VALUE_MISTAKES = {
    "these are the places: return the pair in the order (pooled, indices)": lambda x: _places(x),
    "an odd height or width loses its last row or column here: incomplete windows count too, so h and w are rounded up": (
        functools.partial(_values, whole=_cut)
    ),
    "incomplete windows are filled with 0 here, and 0 wins where all values are negative: fill with −∞": functools.partial(
        _values, whole=functools.partial(_whole, fill=0.0)
    ),
    "incomplete windows are moved inward here, and see cells of their neighbors: they hold one or two cells only": (
        functools.partial(_values, whole=_inward)
    ),
    "incomplete windows are filled with mirrored cells here, and those belong to their neighbors: fill with −∞": (
        functools.partial(_values, whole=functools.partial(_whole, mode="reflect"))
    ),
    "the windows are padded above and to the left here, and so they begin elsewhere: pad below and to the right": (
        functools.partial(_values, whole=_padded_before)
    ),
    "this is the mean of each window: asked is its maximum": lambda x: F.avg_pool2d(x, 2, ceil_mode=True),
    "the maximum so far begins with 0 here, and 0 wins where all values are negative: begin with −∞": (
        lambda x: _values(x).clamp(min=0)
    ),
    "this is the minimum of each window: asked is its maximum": functools.partial(
        _values, read=lambda windows: windows.amin(-1)
    ),
    "this is the largest *absolute* value of each window: −3 is smaller than 1": functools.partial(
        _values, whole=_zeros, read=lambda windows: windows.abs().amax(-1)
    ),
    "this is the value with the largest absolute value: −3 is smaller than 1": functools.partial(
        _values, whole=_zeros, read=lambda windows: windows.gather(-1, windows.abs().argmax(-1, keepdim=True))[..., 0]
    ),
    "this is the first cell of each window, which a stride alone would take: asked is its maximum": functools.partial(
        _values, read=lambda windows: windows[..., 0]
    ),
    "the windows are four cells of one row here: `view` reads along the rows, a window has two cells in each of two rows": (
        lambda x: _row_windows(x).amax(-1)
    ),
    "the windows move by one cell here: the stride is 2": lambda x: F.max_pool2d(x, 2, 1),
    "each maximum is taken over the channels too: every channel is pooled by itself": lambda x: _values(
        x.amax(1, keepdim=True).expand(x.shape)
    ),
}  # fmt: skip
PLACE_MISTAKES = {
    "these are the maxima: return the pair in the order (pooled, indices)": lambda x: _values(x),
    "this is 0 to 3, the place in the window: asked is the place in the whole map, row * W + column": functools.partial(
        _places, place=lambda row, column, k, height, width: k
    ),
    "these are the numbers of the windows: asked is the cell of the map that held the maximum": functools.partial(
        _places, place=lambda row, column, k, height, width: row // 2 * ((width + 1) // 2) + column // 2
    ),
    "this is the upper left cell of each window: asked is the cell that held the maximum": functools.partial(
        _places, place=lambda row, column, k, height, width: row // 2 * 2 * width + column // 2 * 2
    ),
    "these places count the columns first: in reading order it is row * W + column": functools.partial(
        _places, place=lambda row, column, k, height, width: column * height + row
    ),
    "this is row * H + column: a row has W cells, so it is row * W + column": functools.partial(
        _places, place=lambda row, column, k, height, width: row * height + column
    ),
    "a row has W cells, those of the map; these places count rows of the *pooled* map": functools.partial(
        _places, place=_pooled_width
    ),
    "a row has W cells, those of the map as it came; these places count rows of the padded map, which is wider": (
        functools.partial(_places, place=lambda row, column, k, height, width: row * (width + width % 2) + column)
    ),
    "a row has W cells, the last included; these places count rows of a map that was cut": functools.partial(
        _places, place=lambda row, column, k, height, width: row * (width - width % 2) + column
    ),
    "rows and columns are exchanged inside the windows: of the cells 0 1 above and 2 3 below, k // 2 is the row and k % 2 the column": (
        functools.partial(
            _places,
            place=lambda row, column, k, height, width: (row // 2 * 2 + k % 2) * width + column // 2 * 2 + k // 2,
        )
    ),
    "the places run on from channel to channel: each map counts from 0": functools.partial(_offset, samples=False),
    "the places run on through the whole batch: each map counts from 0": functools.partial(_offset, samples=True),
    "of equal values this takes the last: asked is the first in reading order": functools.partial(_places, pick=_last),
    "of equal values this takes the upper one in the left column first: asked is the first in reading order": (
        functools.partial(
            _places, pick=lambda windows: torch.tensor([0, 2, 1, 3])[windows[..., [0, 2, 1, 3]].argmax(-1)]
        )
    ),
    "this looks for the value in the whole map, and finds it in another window: look in its own": _search,
    "incomplete windows are filled with 0 here, and 0 wins where all values are negative: fill with −∞": functools.partial(
        _places, whole=functools.partial(_whole, fill=0.0)
    ),
    "an odd height or width loses its last row or column here: incomplete windows count too, so h and w are rounded up": (
        functools.partial(_places, whole=_cut)
    ),
    "incomplete windows are moved inward here, and see cells of their neighbors: they hold one or two cells only": (
        lambda x: _carried(x, _inward)
    ),
    "the maximum so far begins with 0 here, and where all values are negative, no place is found: begin with −∞": (
        lambda x: torch.where(_values(x) > 0, _places(x), 0)
    ),
    "the windows are padded above and to the left here, and so they begin elsewhere: pad below and to the right": (
        functools.partial(_places, whole=_padded_before, place=_minus_padding)
    ),
    "the windows are four cells of one row here: `view` reads along the rows, a window has two cells in each of two rows": (
        lambda x: _in_window(_row_windows(x).argmax(-1), x)
    ),
    "a window of nothing but −∞ gets the place 0 here, since no value is larger than −∞: it is its first cell": (
        lambda x: torch.where(_values(x).isneginf(), 0, _places(x))
    ),
    "this is the place of the largest *absolute* value: −3 is smaller than 1": functools.partial(
        _places, whole=_zeros, pick=lambda windows: windows.abs().argmax(-1)
    ),
    "this is the place of the smallest value: asked is that of the maximum": lambda x: _places(-x),
    "the windows move by one cell here: the stride is 2": lambda x: F.max_pool2d(x, 2, 1, return_indices=True)[1],
}  # fmt: skip


def _in_words(place: int, width: int) -> str:
    return f"row {place // width}, column {place % width}"


def _place_words(failed: Failed) -> str:
    """Which cell of its map a wrong place is, and what that cell holds."""
    got, want = failed.got, failed.want
    if not (isinstance(got, Tensor) and isinstance(want, Tensor)):
        return failed.why
    if got.is_floating_point():
        return f"the indices are {str(got.dtype).removeprefix('torch.')}: places are whole numbers, int64"
    if got.shape == (*want.shape, 2) or got.shape == (2, *want.shape):
        return f"these are pairs, {tuple(got.shape)}: a place is one number, row * W + column"
    if got.shape != want.shape or got.dtype == torch.bool:
        return failed.why
    x = failed.given["x"]
    height, width = x.shape[-2:]
    at = tuple(int(i) for i in (got != want).nonzero()[0])
    mine, right = int(got[at]), int(want[at])
    where = f"window ({at[2]}, {at[3]}) of the {height} x {width} map"
    if not 0 <= mine < height * width:
        return f"in {where}, the place {mine} lies outside: places run from 0 to {height * width - 1}"
    value, best = (float(x[at[0], at[1]].flatten()[place]) for place in (mine, right))
    window = [(place // width // 2, place % width // 2) for place in (mine, right)]
    if value == best and window[0] == window[1]:
        return f"in {where}, {mine} and {right} hold the same, {best:.4g}: asked is the first in reading order, {right}"
    return (
        f"{failed.why}: in {where}, {mine} is {_in_words(mine, width)}, which holds {value:.4g}; the maximum, {best:.4g}, "
        f"is in {_in_words(right, width)}"
    )


def _crash_words(failed: Failed) -> str:
    """What may be behind an exception at an odd height or width."""
    x = (failed.given or {}).get("x")
    odd = isinstance(x, Tensor) and (x.shape[-2] % 2 or x.shape[-1] % 2)
    if odd and any(word in failed.why for word in ("invalid for input of size", "must match", "shape mismatch")):
        height, width = x.shape[-2:]
        return f"{failed.why} (the map has {height} x {width} cells: pad it to an even size first)"
    return failed.why


def _pair_words(failed: Failed) -> str:
    if failed.want is None:
        return _crash_words(failed)
    got, want = failed.got, failed.want
    if isinstance(got, Tensor) and isinstance(want, Tensor) and got.ndim == 4 and got.shape[1] == 1 != want.shape[1]:
        return f"{failed.why}: one map is left of each picture; every channel is pooled by itself"
    if isinstance(got, Tensor) and isinstance(want, Tensor) and want.is_floating_point():
        if got.shape == want.shape and got.dtype == torch.float32 != want.dtype:
            return "pooled is float32 where x is float64: the maxima are numbers of x, unchanged"
        if got.shape == want.shape and (got[want.isneginf()] > float("-inf")).any():
            return f"{failed.why}: this window holds nothing but −∞, so that is its maximum; a finite number, however low, can win"
        return failed.why
    return _place_words(failed)


def pool_properties(student, rng):
    values, places = item_of(student, 0, BOTH), item_of(student, 1, BOTH)

    def case(*shape, shift=0.0, dtype=torch.float64):
        return {"x": torch.from_numpy(rng.normal(size=shape).round(2) + shift).to(dtype)}

    def ties(*shape):
        """Few different values, so that most windows hold some of them twice; about half are 0, as behind a ReLU."""
        return {"x": torch.from_numpy(rng.integers(-2, 3, shape).clip(0).astype(float))}

    def masked(*shape):
        """Negative numbers, about half of them −∞."""
        x = torch.from_numpy(rng.normal(size=shape).round(2) - 9)
        x[torch.from_numpy(rng.random(shape) < 0.5)] = float("-inf")
        return {"x": x}

    def claim(text, part, *cases):
        reference, mistakes = (_values, VALUE_MISTAKES) if part is values else (_places, PLACE_MISTAKES)
        return explained(text, part, list(cases), reference, mistakes, _pair_words, tol=1e-12)

    even = [case(1, 1, 2, 4), case(2, 3, 6, 4), case(3, 2, 4, 10, dtype=torch.float32)]
    odd = [case(1, 1, 3, 3), case(2, 3, 5, 4), case(3, 2, 4, 7), case(2, 2, 1, 9), case(1, 2, 7, 11)]
    yield claim("even sizes: the maximum of each window", values, *even)
    yield claim("even sizes: the place of each maximum in its own map", places, *even)
    yield claim("odd sizes: incomplete windows have a maximum too", values, *odd)
    yield claim("odd sizes: the places count rows of the map as it came", places, *odd)
    low = [case(1, 1, 3, 3, shift=-5), case(2, 2, 5, 7, shift=-1), masked(1, 2, 3, 5), masked(2, 3, 5, 6)]
    yield claim("negative values, and −∞: the maxima", values, *low)
    yield claim("negative values, and −∞: the places", places, *low)
    yield claim(
        "of equal values, the first in reading order", places, ties(1, 1, 4, 4), ties(2, 3, 5, 6), ties(2, 2, 7, 3)
    )


# 2 · unpool


def _scattered(x: Tensor, indices: Tensor, size) -> Tensor:
    """Each value at its place in its own map of zeros."""
    height, width = (int(side) for side in size)
    maps = x.new_zeros(*x.shape[:2], height * width)
    maps.scatter_(2, indices.flatten(2), x.flatten(2))
    return maps.view(*x.shape[:2], height, width)


def _in_one_map(x, indices, size, per_picture: bool):
    """One flat tensor for several maps, without an offset for each: all of them write into the first."""
    n, c = x.shape[:2]
    rows = n if per_picture else 1
    out = x.new_zeros(rows, n * c // rows * size[0] * size[1])
    out.scatter_(1, indices.reshape(rows, -1), x.reshape(rows, -1))
    return out.view(n, c, *size)


def _rows_of(width_of):
    """Places taken apart with another width, and put together with the right one."""

    def mistake(x, indices, size):
        width = width_of(x, size)
        row, column = indices // width, indices % width
        return _scattered(x, row * size[1] + column, size)

    return mistake


def _doubled(x, size):
    return 2 * x.shape[2], 2 * x.shape[3]


def _doubled_and_cut(x, indices, size):
    """Laid out twice as large as x; what does not fit into the wanted size is cut off, what is missing is 0."""
    out = x.new_zeros(*x.shape[:2], *size)
    part = _scattered(x, indices, _doubled(x, size))[..., : size[0], : size[1]]
    out[..., : part.shape[-2], : part.shape[-1]] = part
    return out


def _corner(x, indices, size):
    out = x.new_zeros(*x.shape[:2], *size)
    rows, columns = -(-size[0] // x.shape[2]), -(-size[1] // x.shape[3])
    out[..., ::rows, ::columns] = x
    return out


def _window(x, indices, size):
    rows, columns = -(-size[0] // x.shape[2]), -(-size[1] // x.shape[3])
    return x.repeat_interleave(rows, 2).repeat_interleave(columns, 3)[..., : size[0], : size[1]]


def _turned(x, indices, size):
    return _scattered(x, indices % size[0] * size[1] + indices // size[0], size)


def _first_map_only(x, indices, size):
    """Every map uses the indices of the first."""
    return _scattered(x, indices[:1, :1].expand(x.shape), size)


def _first_picture_only(x, indices, size):
    return _scattered(x, indices[:1].expand(x.shape), size)


def _first_channel_only(x, indices, size):
    return _scattered(x, indices[:, :1].expand(x.shape), size)


UNPOOL_MISTAKES = {
    "all maps write into the first one here: a place counts in the map of its own picture and channel": (
        functools.partial(_in_one_map, per_picture=False)
    ),
    "all channels of a picture write into the first one here: a place counts in the map of its own channel": (
        functools.partial(_in_one_map, per_picture=True)
    ),
    "every map takes its places from the first one: each channel of each picture has places of its own": _first_map_only,
    "all channels take their places from the first one: each channel has places of its own": _first_channel_only,
    "all pictures take their places from the first one: each picture has places of its own": _first_picture_only,
    "each value fills its whole window here: it goes to its place, and the rest is 0": _window,
    "each value goes to the upper left cell of its window here: the index says where it goes": _corner,
    "the map is twice as large as x here, whatever `size` says: it has `size` cells": (
        lambda x, indices, size: _scattered(x, indices, _doubled(x, size))
    ),
    "the map is made twice as large as x here, and then cut: its rows are longer, so the places point elsewhere": _doubled_and_cut,
    "the rows are taken to be twice as wide as x here: a row has W = size[1] cells, and with other rows the places point elsewhere": (
        _rows_of(lambda x, size: 2 * x.shape[3])
    ),
    "a place is taken apart with the height of the map: a row has W = size[1] cells": _rows_of(lambda x, size: size[0]),
    "the map has W rows of H cells here: `size` is (H, W)": lambda x, indices, size: _scattered(
        x, indices, tuple(size)[::-1]
    ),
    "the places are read column by column here: in reading order, place // W is the row": _turned,
    "the indices are in the map, not the values": lambda x, indices, size: _scattered(indices.to(x), indices, size),
    "there are ones in the map, not the values": lambda x, indices, size: _scattered(torch.ones_like(x), indices, size),
    "negative values are lost here: a value goes to its place as it is": lambda x, indices, size: _scattered(
        x.clamp(min=0), indices, size
    ),
    "the result is still flat: give it H rows and W columns": lambda x, indices, size: _scattered(
        x, indices, size
    ).flatten(2),
    "this enlarges x bilinearly: unpooling moves each value to its place, and leaves zeros": lambda x, indices, size: (
        F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)
    ),
}  # fmt: skip


def _unpool_words(failed: Failed) -> str:
    given, got, want = failed.given or {}, failed.got, failed.want
    if "x" not in given:
        return failed.why
    h, w = given["x"].shape[-2:]
    height, width = given["size"]
    if want is None:
        if any(word in failed.why for word in ("out of bounds", "out of range")):
            last = height * width - 1
            return (
                f"{failed.why} (the map has {height} x {width} cells, so places run to {last}; a place is row * W + column, "
                "with W = size[1])"
            )
        if "invalid for input of size" in failed.why or "must match" in failed.why:
            return f"{failed.why} (x has {h} x {w} cells, the map {height} x {width})"
        if any(word in failed.why for word in ("dtypes match", "self.dtype to be equal", "same dtype")):
            name = str(given["x"].dtype).removeprefix("torch.")
            return f"{failed.why} (x is {name} here: `x.new_zeros` makes zeros of its dtype)"
        if "Expected index" in failed.why or "same number of dimensions" in failed.why:
            return f"{failed.why} (flatten x and indices in the same way as the zeros)"
        return failed.why
    if not (isinstance(got, Tensor) and got.shape == want.shape):
        return failed.why
    if got.dtype == torch.float32 != want.dtype:
        return "the map is float32 where x is float64: `x.new_zeros` makes zeros of the dtype of x"
    zeros = want == 0
    if torch.equal(got[~zeros], want[~zeros]):
        return f"the values are right, but {int((got[zeros] != 0).sum())} cells without a value are not 0"
    empty = [index for index, one in enumerate(got.flatten(0, 1)) if not one.any()]
    if empty and len(empty) < got.shape[0] * got.shape[1]:
        return f"{failed.why}; {len(empty)} of {got.shape[0] * got.shape[1]} maps hold no value at all: did they write elsewhere?"
    return failed.why


def unpool_properties(student, rng):
    def case(*shape, window=(2, 2), shift=0.0, dtype=torch.float64):
        """Values and places as a pooling without overlap has them; window: its height and width."""
        x = torch.from_numpy(rng.normal(size=shape))
        pooled, places = F.max_pool2d(x, window, ceil_mode=True, return_indices=True)
        values = torch.from_numpy(rng.normal(size=pooled.shape).round(2) + shift).to(dtype)
        return {"x": values, "indices": places, "size": shape[2:]}

    def claim(text, *cases):
        return explained(text, student, list(cases), _scattered, UNPOOL_MISTAKES, _unpool_words, tol=1e-12)

    yield claim(
        "one map: each value at its place, zeros elsewhere",
        case(1, 1, 4, 2),
        case(1, 1, 6, 8),
        case(1, 1, 4, 10, dtype=torch.float32),
    )
    yield claim("several channels", case(1, 2, 4, 6), case(1, 5, 8, 4))
    yield claim("several pictures", case(2, 1, 4, 6), case(3, 2, 6, 4), case(2, 4, 4, 8, dtype=torch.float32))
    yield claim(
        "odd sizes: the map has `size` cells", case(1, 1, 3, 3), case(2, 2, 5, 7), case(1, 3, 6, 9), case(2, 3, 9, 4)
    )
    yield claim("negative values", case(1, 1, 4, 4, shift=-9), case(2, 3, 5, 6, shift=-2))
    yield claim(
        "another pooling: 3x3, 1x2, 4x3",
        case(1, 1, 6, 9, window=(3, 3)),
        case(2, 2, 5, 6, window=(1, 2)),
        case(2, 3, 10, 7, window=(4, 3)),
    )
