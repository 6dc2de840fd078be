"""The two questions of exercise 08 about the overlap-tile strategy: cut a picture into tiles, join the answers."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Property
from course_lib.checks.mistakes import explained

# 6 · split


def _mirrored(place: Tensor, length: int) -> Tensor:
    """Row numbers, also below 0 and beyond the end, as rows of a picture mirrored at its first and last row."""
    period = 2 * (length - 1)
    place = place % period
    return torch.minimum(place, period - place)


def _starts(length: int, step: int) -> list[int]:
    return list(range(0, length, step))


def _split(image, output_size, margin, mirror=_mirrored, starts=_starts, behind=0, order=lambda tiles: tiles) -> Tensor:
    """The tiles; each step can be exchanged. mirror(places, length) -> rows, -1 for zeros. behind: pixels more at the end."""
    _, height, width = image.shape
    padded = F.pad(image, [0, 1, 0, 1])  # row and column -1 are zeros
    rows, columns = (
        [_places(top, output_size, margin, behind, length, mirror) for top in starts(length, output_size)]
        for length in (height, width)
    )
    grid = [[padded[:, down[:, None], across] for across in columns] for down in rows]
    return torch.stack([tile for line in order(grid) for tile in line])


def _places(start: int, output_size: int, margin: int, behind: int, length: int, mirror) -> Tensor:
    return mirror(torch.arange(start - margin, start + output_size + margin + behind), length)


def _with(**steps):
    return functools.partial(_split, **steps)


def _repeated(place: Tensor, length: int) -> Tensor:
    """Mirrored, but the row at the border comes twice."""
    place = place % (2 * length)
    return torch.minimum(place, 2 * length - 1 - place)


def _once(place: Tensor, length: int) -> Tensor:
    """Mirrored once on either side; farther away, a negative number counts from the end."""
    place = place.abs()
    return torch.where(place < length, place, 2 * (length - 1) - place) % length


def _once_and_held(place: Tensor, length: int) -> Tensor:
    """Mirrored once on either side; farther away, the row where that mirror ends."""
    place = place.abs()
    return torch.where(place < length, place, 2 * (length - 1) - place).clamp(0, length - 1)


def _repeated_at_the_end(place: Tensor, length: int) -> Tensor:
    """Mirrored well in front; behind, the row at the border comes twice."""
    place = place.abs()
    return torch.where(place < length, place, 2 * length - 1 - place).clamp(0, length - 1)


def _outside(place: Tensor, length: int) -> Tensor:
    return (place < 0) | (place >= length)


def _around(place: Tensor, length: int, output_size: int, mirror=_mirrored) -> Tensor:
    """Mirrored around a picture that zeros have first filled up to a multiple of the output size."""
    whole = -(-length // output_size) * output_size
    place = mirror(place, whole)
    return torch.where(place >= length, -1, place)


def _filled_up(image, output_size, margin):
    return _split(image, output_size, margin, mirror=lambda place, length: _around(place, length, output_size))


def _mirrored_twice(image, output_size, margin):
    """Mirrored up to a multiple of the output size, and the result mirrored again for the margin."""

    def mirror(place, length):
        return _mirrored(_mirrored(place, -(-length // output_size) * output_size), length)

    return _split(image, output_size, margin, mirror)


def _zeros_farther_out(image, output_size, margin):
    """Mirrored by the margin; where the last tiles reach beyond that, zeros."""

    def mirror(place, length):
        return torch.where(place >= length + margin, -1, _mirrored(place, length))

    return _split(image, output_size, margin, mirror)


def _each_by_itself(image, output_size, margin):
    """Tiles without a margin, each mirrored at its own border."""
    place = _mirrored(torch.arange(-margin, output_size + margin), output_size)
    return _split(image, output_size, 0)[..., place[:, None], place]


def _scrambled(image, output_size, margin):
    """(C, T, t, t), viewed as (T, C, t, t): right where there is one channel."""
    tiles = _split(image, output_size, margin)
    return tiles.transpose(0, 1).reshape(tiles.shape)


def _across_the_columns(image, output_size, margin):
    """Tiles in columns, as from F.unfold, viewed as if they were rows."""
    tiles = _split(image, output_size, margin)
    return tiles.flatten(1).T.reshape(tiles.shape)


def _pulled_back(length: int, step: int) -> list[int]:
    """The last tile is shifted back until it ends with the picture."""
    return [max(0, min(start, length - step)) for start in range(0, length, step)]


def _no_margin(image, output_size, margin):
    return _split(image, output_size + 2 * margin, 0, starts=lambda length, step: _starts(length, output_size))


def _steps_of_tiles(image, output_size, margin):
    return _split(image, output_size, margin, starts=lambda length, step: _starts(length, output_size + 2 * margin))


SPLIT_MISTAKES = {
    "outside the picture there are zeros, a black frame: mirror the picture": _with(
        mirror=lambda place, length: torch.where(_outside(place, length), -1, place)
    ),
    "the row at the border is repeated here (row -1 is row 0): mirrored at it, row -1 is row 1": _with(mirror=_repeated),
    "outside the picture its last row is repeated again and again: mirror it": _with(
        mirror=lambda place, length: place.clamp(0, length - 1)
    ),
    "the picture is continued from its other end (row -1 is the last one): mirror it": _with(
        mirror=lambda place, length: place % length
    ),
    "the picture is mirrored once only, and then read from its other end: the mirror goes on, to and fro": _with(mirror=_once),
    "the picture is mirrored once only, and its last row repeated from there: the mirror goes on, to and fro": _with(
        mirror=_once_and_held
    ),
    "behind the picture the last row is repeated (row H is row H - 1): mirrored at it, row H is row H - 2": _with(
        mirror=_repeated_at_the_end
    ),
    "the mirror ends `margin` pixels behind the picture, and zeros follow: mirror as far as the last tiles reach": _zeros_farther_out,
    "each tile is mirrored at its own border: where the picture goes on, the margin holds the picture's own pixels": _each_by_itself,
    "tiles and channels are mixed up: `reshape` keeps the order in memory, so `permute` the tiles to the front before it": _scrambled,
    "a tile is read across the tiles: `F.unfold` gives each tile as a *column*, so transpose before `reshape`": _across_the_columns,
    "channels and tiles are exchanged, (C, T, t, t): wanted is (T, C, t, t)": lambda image, output_size, margin: _split(
        image, output_size, margin
    ).transpose(0, 1),
    "the picture is filled up with zeros to a multiple of `output_size`: mirror there, too": _filled_up,
    "the picture is mirrored up to a multiple of `output_size`, and what comes out is mirrored again: the mirror always "
    "stands at the picture's own last row": _mirrored_twice,
    "the last tiles are shifted back into the picture: they begin at multiples of `output_size`, and the rest is mirrored": _with(
        starts=_pulled_back
    ),
    "the last tiles are missing, those that reach beyond the picture: a rest of the picture gets no answer": _with(
        starts=lambda length, step: list(range(0, length - step + 1, step))
    ),
    "where the picture ends exactly with a tile, there is one more: the answers begin inside the picture": _with(
        starts=lambda length, step: list(range(0, length + 1, step))
    ),
    "the tiles come column by column: the first row from left to right first": _with(
        order=lambda grid: [list(line) for line in zip(*grid, strict=True)]
    ),
    "the tiles lie in the wrong place: they begin at 0, but it is the *answers* that begin there, and a tile `margin` before": (
        _no_margin
    ),
    "the tiles lie side by side: their *answers* do, so they step by `output_size` and overlap by twice the margin": _steps_of_tiles,
    "these are tiles of `output_size`: a tile has `margin` pixels more on each side": lambda image, output_size, margin: (
        _split(image, output_size, 0)
    ),
    "the margin is there on one side only: a tile has `margin` pixels more on *each* side": lambda image, output_size, margin: (
        _split(image, output_size, margin, behind=-margin)
    ),
    "rows and columns of each tile are exchanged": lambda image, output_size, margin: _split(
        image, output_size, margin
    ).transpose(-1, -2),
}  # fmt: skip


def _split_words(failed: Failed) -> str:
    given, got = failed.given or {}, getattr(failed.got, "shape", ())
    if not {"image", "output_size", "margin"} <= set(given):
        return failed.why
    _, height, width = given["image"].shape
    size, margin = given["output_size"], given["margin"]
    if failed.want is None:
        if "adding size" in failed.why.lower():
            return f"{failed.why} (`F.pad` mirrors once only, by less than the picture; turn row numbers into mirrored ones instead)"
        if "out of bounds" in failed.why or "out of range" in failed.why:
            return f"{failed.why} (the picture has {height} x {width} pixels; the mirror goes on, to and fro)"
        if "equal size" in failed.why:
            return f"{failed.why} (all tiles have {size + 2 * margin} pixels a side: what lies outside the picture is mirrored)"
        return failed.why
    want = failed.want.shape
    if len(got) == 4 and got[0] != want[0] and tuple(got[:2]) == (want[1], want[0]):
        return f"{failed.why}: channels and tiles are exchanged, wanted is (T, C, t, t)"
    if len(got) == 4 and got[0] != want[0]:
        down, across = (-(-length // size) for length in (height, width))
        return f"{got[0]} tiles where {down} x {across} are wanted: answers of {size} pixels, and {height} x {width} to cover"
    if len(got) == 4 and got[2:] != want[2:]:
        return f"tiles of {got[2]} x {got[3]} pixels where output_size + 2 * margin is {size + 2 * margin}"
    return failed.why


def _picture(rng, channels: int, height: int, width: int, output_size: int, margin: int) -> dict:
    image = torch.from_numpy(rng.integers(1, 100, (channels, height, width)).astype(float))
    return {"image": image, "output_size": output_size, "margin": margin}


def split_properties(student, rng):
    def claim(text, *cases):
        cases = [_picture(rng, *case) for case in cases]
        return explained(text, student, cases, _split, SPLIT_MISTAKES, _split_words, tol=1e-9)

    yield claim("one tile, and what lies around it", (1, 4, 4, 4, 1), (1, 5, 5, 5, 2), (2, 6, 6, 6, 3))
    yield claim("a picture that the answers fill exactly", (1, 4, 8, 4, 1), (2, 6, 9, 3, 2), (3, 8, 4, 2, 1))
    yield claim("no margin", (1, 4, 6, 2, 0), (2, 6, 9, 3, 0))
    yield claim("pictures in which the last tiles reach beyond", (1, 5, 7, 4, 1), (2, 7, 10, 3, 2), (3, 9, 7, 4, 2))
    yield claim(
        "a margin, or a tile, larger than the picture",
        (1, 3, 4, 2, 4),
        (2, 2, 3, 2, 5),
        (1, 2, 5, 7, 1),
        (2, 3, 2, 8, 9),
    )
    yield _through_a_network(student, rng, (1, 6, 8, 2, 2), (2, 7, 9, 4, 2), (1, 5, 11, 3, 2))


# 7 · join


def _weights(rng, channels: int, classes: int) -> tuple[Tensor, Tensor]:
    """Two 3x3 convolutions: a margin of 2."""
    return tuple(torch.from_numpy(rng.normal(size=(a, b, 3, 3))) for a, b in ((3, channels), (classes, 3)))


def _network(maps: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    """Two unpadded 3x3 convolutions with a ReLU between them, (N, C, H, W) -> (N, K, H - 4, W - 4)."""
    return F.conv2d(F.relu(F.conv2d(maps, weights[0])), weights[1])


def _of_the_whole(image: Tensor, weights) -> Tensor:
    """What the network says to the whole picture, mirrored by its margin of 2."""
    rows, columns = (_mirrored(torch.arange(-2, length + 2), length) for length in image.shape[-2:])
    return _network(image[None][..., rows[:, None], columns], weights)[0]


def _through_a_network(student, rng, *cases) -> Property:
    """What a small network says to the answer's tiles, joined, is what it says to the whole mirrored picture."""
    cases = [(_picture(rng, *case), _weights(rng, case[0], 2)) for case in cases]

    def test():
        for case, weights in cases:
            tiles, image, size = student(**case), case["image"], case["output_size"]
            want = _of_the_whole(image, weights)
            down, across = (-(-length // size) for length in image.shape[-2:])
            shape = (down * across, len(image), size + 4, size + 4)
            if not isinstance(tiles, Tensor) or tuple(tiles.shape) != shape or not tiles.is_floating_point():
                raise Failed(f"no network can take these tiles: wanted are floats {shape}, (T, C, t, t)", case)
            got = _join(_network(tiles.double(), weights), *image.shape[-2:])
            if why := difference(got, want, 1e-5):
                raise Failed(
                    f"the network's answers to these tiles, joined, are not that to the whole mirrored picture: {why}",
                    case,
                    got,
                    want,
                )

    return Property("a small unpadded network says to the tiles what it says to the whole mirrored picture", test=test)


def _join(answers, height, width, across=None, place=divmod, cut=None) -> Tensor:
    """The answers side by side; each step can be exchanged. place(number, across) -> (row, column) of answers. cut: rows, columns."""
    count, classes, s, _ = answers.shape
    across = across or -(-width // s)
    spots = [place(number, across) for number in range(count)]
    whole = answers.new_zeros(classes, (max(r for r, _ in spots) + 1) * s, (max(c for _, c in spots) + 1) * s)
    for answer, (row, column) in zip(answers, spots, strict=True):
        whole[:, row * s : row * s + s, column * s : column * s + s] = answer
    rows, columns = cut or (height, width)
    return whole[:, :rows, :columns]


def _rows_of(length: int, answers: Tensor) -> int:
    return -(-length // answers.shape[-1])


def _by_columns(answers, height, width) -> Tensor:
    down = _rows_of(height, answers)
    return _join(answers, height, width, place=lambda number, across: divmod(number, down)[::-1])


def _uncut(answers, height, width) -> Tensor:
    return _join(answers, height, width, cut=(None, None))


def _from_the_middle(answers, height, width) -> Tensor:
    whole = _uncut(answers, height, width)
    top, left = (whole.shape[1] - height) // 2, (whole.shape[2] - width) // 2
    return whole[:, top : top + height, left : left + width]


def _from_the_end(answers, height, width) -> Tensor:
    return _uncut(answers, height, width)[:, -height:, -width:]


def _shifted_back(answers, height, width, average=False) -> Tensor:
    """The last answers are laid so that they end with the picture, over those before, or averaged with them."""
    _, classes, s, _ = answers.shape
    total, seen = answers.new_zeros(classes, height, width), answers.new_zeros(height, width)
    for number, answer in enumerate(answers):
        row, column = divmod(number, _rows_of(width, answers))
        top, left = max(0, min(row * s, height - s)), max(0, min(column * s, width - s))
        place, part = (slice(top, top + s), slice(left, left + s)), answer[:, : height - top, : width - left]
        total[:, place[0], place[1]] = part + (total[:, place[0], place[1]] if average else 0)
        seen[place] = seen[place] + 1 if average else 1
    return total / seen


def _viewed(answers, height, width) -> Tensor:
    """The numbers in the order in which they lie in memory."""
    count, classes, s, _ = answers.shape
    across = _rows_of(width, answers)
    return answers.reshape(classes, count // across * s, across * s)[:, :height, :width]


def _half_permuted(answers, height, width) -> Tensor:
    """(down, across, K, s, s) -> K, down, across, s, s, and then viewed: rows of tiles stay inside."""
    count, classes, s, _ = answers.shape
    across = _rows_of(width, answers)
    grid = answers.transpose(0, 1).reshape(classes, count // across * s, across * s)
    return grid[:, :height, :width]


def _rounded_down(answers, height, width) -> Tensor:
    return _join(answers, height, width, across=max(1, width // answers.shape[-1]))


def _rows_for_columns(answers, height, width) -> Tensor:
    return _join(answers, height, width, across=_rows_of(height, answers))


def _with_room(answers, height, width, across) -> Tensor:
    """Another number of answers in a row, in a map of zeros of the picture's size."""
    laid = _join(answers, height, width, across=across)
    return F.pad(laid, [0, width - laid.shape[2], 0, height - laid.shape[1]])


def _resized(answers, height, width, mode: str) -> Tensor:
    corners = False if mode == "bilinear" else None
    return F.interpolate(_uncut(answers, height, width)[None], (height, width), mode=mode, align_corners=corners)[0]


JOIN_MISTAKES = {
    "the answers are laid down column by column: the first row comes first, from left to right": _by_columns,
    "as many answers are laid in a row as there are in a column: it is width / s that counts, rounded up": _rows_for_columns,
    "width / s is rounded down: the last answer of a row, which reaches beyond the picture, has a place, too": _rounded_down,
    "as many answers are laid in a row as there are in a column, and the rest is empty: it is width / s that counts, rounded up": (
        lambda answers, height, width: _with_room(answers, height, width, _rows_of(height, answers))
    ),
    "width / s is rounded down, and the end of each row is empty: the last answer of a row, which reaches beyond the picture, has a place, "
    "too": lambda answers, height, width: _with_room(answers, height, width, max(1, width // answers.shape[-1])),
    "a row has a place too many, width // s + 1: where s divides the width, width // s are enough": lambda answers, height, width: (
        _with_room(answers, height, width, width // answers.shape[-1] + 1)
    ),
    "the joined map is resized (bilinear) to the picture: cut off what is too much, resizing moves every pixel": functools.partial(
        _resized, mode="bilinear"
    ),
    "the joined map is resized (nearest) to the picture: cut off what is too much, resizing moves every pixel": functools.partial(
        _resized, mode="nearest"
    ),
    "what reaches beyond the picture is still there: cut it off": _uncut,
    "the picture is cut from the middle of the joined answers: the first answer begins at its first pixel": _from_the_middle,
    "what is too much is cut off in front: the first answer begins at the picture's first pixel": _from_the_end,
    "the last answers are shifted back until they end with the picture: they begin at multiples of s": _shifted_back,
    "the last answers are shifted back and averaged with those before: they begin at multiples of s, and nothing is averaged": (
        functools.partial(_shifted_back, average=True)
    ),
    "`view` and `reshape` keep the order in memory, and scramble the answers: a row of the map runs through several answers": _viewed,
    "the classes are in place, but `reshape` scrambles the answers: a row of the map runs through several of them": _half_permuted,
    "each answer's rows and columns are exchanged": lambda answers, height, width: _join(
        answers.transpose(-1, -2), height, width
    ),
    "height and width are exchanged: (K, height, width)": lambda answers, height, width: _join(answers, height, width, cut=(width, height)),
    "the joined map's rows and columns are exchanged": lambda answers, height, width: _uncut(
        answers, height, width
    ).transpose(1, 2)[:, :height, :width],
}  # fmt: skip


def _join_words(failed: Failed) -> str:
    given, got = failed.given or {}, getattr(failed.got, "shape", ())
    if not {"answers", "height", "width"} <= set(given):
        return failed.why
    s = given["answers"].shape[-1]
    down, across = _rows_of(given["height"], given["answers"]), _rows_of(given["width"], given["answers"])
    facts = f"{down} x {across} answers of {s} x {s} pixels, of which {given['height']} x {given['width']} stay"
    if failed.want is None or (len(got) and got != failed.want.shape):
        return f"{failed.why} ({facts})"
    return failed.why


def join_properties(student, rng):
    def case(channels, classes, height, width, size):
        image = _picture(rng, channels, height, width, size, 2)
        weights = _weights(rng, channels, classes)
        answers = _network(_split(**image), weights)
        return {"answers": answers, "height": height, "width": width}, _of_the_whole(image["image"], weights)

    def claim(text, *cases):
        pairs = [case(*numbers) for numbers in cases]

        def whole(**given):
            return next(want for one, want in pairs if one["answers"] is given["answers"])

        return explained(text, student, [one for one, _ in pairs], whole, JOIN_MISTAKES, _join_words, tol=1e-5)

    yield claim("one answer, and as many in a row as in a column", (1, 1, 3, 3, 3), (2, 2, 4, 4, 2), (1, 3, 9, 9, 3))
    yield claim(
        "any number of rows and columns, filled exactly",
        (1, 1, 4, 6, 2),
        (2, 2, 3, 9, 3),
        (2, 3, 9, 6, 3),
        (1, 2, 4, 20, 4),
    )
    yield claim("a picture that ends within the last answers", (1, 1, 5, 7, 3), (2, 2, 10, 14, 4), (3, 2, 7, 4, 3))
    yield claim(
        "a picture smaller than one answer, on one axis or on both", (1, 2, 3, 4, 6), (2, 3, 11, 3, 5), (1, 1, 2, 9, 4)
    )
