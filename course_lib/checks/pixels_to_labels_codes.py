"""Exercise 01, the questions about codes: panoptic ids and their pictures, run lengths."""

import torch
from torch import Tensor

from course_lib import ops
from course_lib.checks.core import Property

# 3 · the panoptic code

VOID, PER_CLASS = 255, 1000
WEIGHTS = (1, 256, 65536)  # of R, G and B


def _convert(maps, source, target, per_class=PER_CLASS, weights=WEIGHTS, byte=256):
    """The reference; per_class, weights and byte can be set wrongly to make a mistake."""
    if source == "pair":
        classes, instances = maps.long().unbind(-3)
        ids = classes * per_class + instances
    elif source == "rgb":
        ids = sum(channel * weight for channel, weight in zip(maps.long().unbind(-3), weights, strict=True))
    else:
        ids = maps.long()
    if target == "pair":
        return torch.stack([ids // per_class, ids % per_class], -3)
    if target == "rgb":
        return torch.stack([ids // max(weight, 1) % byte * (weight > 0) for weight in weights], -3).to(torch.uint8)
    return ids


def _kept_in_bytes(maps, source, target):
    """Arithmetic in the dtype of the input."""
    if source == "pair":
        classes, instances = maps.unbind(-3)
        return classes * PER_CLASS + instances
    red, green, blue = maps.unbind(-3)
    return red + 256 * green + 65536 * blue


def _back_from_bytes(maps, source, target):
    return _convert(_kept_in_bytes(maps, source, "id"), "id", target)


def _exchanged(maps, source, target):
    if source == "pair":
        return _convert(maps.flip(-3), source, target)
    pair = _convert(maps, source, target)
    return pair.flip(-3) if target == "pair" else pair


def _void_is_255(maps, source, target):
    ids = _convert(maps, source, "id")
    ids[ids == VOID * PER_CLASS] = VOID
    return _convert(ids, "id", target)


def _stacked_first(maps, source, target):
    return _convert(maps, source, target).movedim(-3, 0)


def _unpacked_first(maps, source, target):
    parts = {"pair": 2, "rgb": 3}[source]
    if len(maps) < parts:
        raise ValueError
    return _convert(maps[:parts].movedim(0, -3), source, target)


def _stacked_and_unpacked_first(maps, source, target):
    return (
        _unpacked_first(maps, source, "id")
        if target == "id"
        else _stacked_first(_unpacked_first(maps, source, "id"), "id", target)
    )


def _channels_last(maps, source, target):
    return _convert(maps, source, target).movedim(-3, -1)


def _channels_read_last(maps, source, target):
    if source != "rgb" or maps.shape[-1] != 3:
        raise ValueError
    return _convert(maps.movedim(-1, -3), source, target)


def _float_division(maps, source, target):
    ids = _convert(maps, source, "id")
    return torch.stack([ids / PER_CLASS, ids % PER_CLASS], -3)


PANOPTIC_MISTAKES = {
    "the arithmetic is done in uint8, where 256 is 0: make the maps int64 first (`.long()`)": _kept_in_bytes,
    "the arithmetic is done in uint8, where 256 is 0: make the maps int64 first, not afterwards": (
        lambda maps, source, target: _kept_in_bytes(maps, source, target).long()
    ),
    "the arithmetic is done in uint8, where 256 is 0: make the maps int64 before you compute the id": _back_from_bytes,
    "R holds the lowest byte: id = R + 256 G + 65536 B; here the bytes stand in the opposite order": (
        lambda maps, source, target: _convert(maps, source, target, weights=WEIGHTS[::-1])
    ),
    "ids above 65535 need the third byte: B is missing": (
        lambda maps, source, target: _convert(maps, source, target, weights=(1, 256, 0))
    ),
    "in Python ^ is not a power: 256 ^ 2 is 258; write 256**2 or 65536": (
        lambda maps, source, target: _convert(maps, source, target, weights=(1, 256, 258))
    ),
    "class and instance are exchanged: the id is class * 1000 + instance, and the class comes first in a pair": _exchanged,
    "the id is class * 1000 + instance: 256 belongs to the picture, not to the pair": (
        lambda maps, source, target: _convert(maps, source, target, per_class=256)
    ),
    "the id is class * 1000 + instance: with 100, instance 100 of a class would be the next class": (
        lambda maps, source, target: _convert(maps, source, target, per_class=100)
    ),
    "the instance is forgotten: the id is class * 1000 + instance": (
        lambda maps, source, target: _convert(maps, source, "id") // PER_CLASS * PER_CLASS
    ),
    "void is 255000, as for every class 1000 times the class; 255 would be instance 255 of class 0": _void_is_255,
    "`/` gives floats: whole numbers are divided by `//`": _float_division,
    "a batch may come first: stack along dim -3, counted from the end, not along dim 0": _stacked_first,
    "a batch may come first: the parts lie along dim -3, counted from the end; yours are taken along dim 0": _unpacked_first,
    "a batch may come first: the parts lie along dim -3, counted from the end, on the way in and out": _stacked_and_unpacked_first,
    "the channels come before height and width: (..., 3, H, W)": _channels_last,
    "the channels of the picture come before height and width: (..., 3, H, W); these are read from the last dimension": (
        _channels_read_last
    ),
    "a byte has 256 values, 0 to 255: the weights are 1, 256 and 256 * 256": (
        lambda maps, source, target: _convert(maps, source, target, weights=(1, 255, 255**2), byte=255)
    ),
}


def convert_panoptic_properties(student, rng):
    def pairs(*shape: int, highest: int = 254) -> Tensor:
        """(..., 2, H, W) with void in it."""
        *batch, height, width = shape
        pair = torch.from_numpy(rng.integers(0, (highest + 1, 1000), (*batch, height, width, 2))).movedim(-1, -3)
        void = torch.from_numpy(rng.random((*batch, height, width)) < 0.2)
        pair[..., 0, :, :][void], pair[..., 1, :, :][void] = VOID, 0
        return pair.contiguous()

    def property_of(claim, *cases):
        """cases: (pair, source, target); the input is the pair in the form `source`."""
        made = [
            {"maps": _convert(pair, "pair", source), "source": source, "target": target}
            for pair, source, target in cases
        ]
        return Property(claim, made, _convert, dtype="exact", mistakes=PANOPTIC_MISTAKES)

    small = torch.tensor([[[2, 2, 0]], [[1, 12, 0]]])
    void = torch.tensor([[[7, 255], [255, 13]], [[3, 0], [0, 120]]])
    high = torch.tensor([[[0, 0, 70, 254]], [[7, 300, 12, 999]]])
    yield property_of(
        "a pair of maps becomes ids",
        (small, "pair", "id"), (void, "pair", "id"), (pairs(3, 5), "pair", "id"),
    )  # fmt: skip
    yield property_of(
        "ids become a pair of maps again, void too",
        (small, "id", "pair"), (void, "id", "pair"), (pairs(5, 3), "id", "pair"),
    )  # fmt: skip
    yield property_of(
        "ids become a picture: ids above 255, above 65535, void",
        (small, "id", "rgb"), (high, "id", "rgb"), (void, "id", "rgb"), (pairs(3, 4), "id", "rgb"),
    )  # fmt: skip
    yield property_of(
        "a picture of bytes becomes ids",
        (small, "rgb", "id"), (high, "rgb", "id"), (void, "rgb", "id"), (pairs(4, 3), "rgb", "id"),
    )  # fmt: skip
    yield property_of(
        "from pair to picture and back",
        (small, "pair", "rgb"), (small, "rgb", "pair"), (pairs(5, 2), "pair", "rgb"), (pairs(1, 7), "rgb", "pair"),
    )  # fmt: skip
    batches = [(4, 2, 3), (2, 1, 5), (3, 1, 1), (2, 3, 3, 2)]
    routes = [("pair", "id"), ("id", "pair"), ("id", "rgb"), ("rgb", "id"), ("pair", "rgb"), ("rgb", "pair")]
    yield property_of(
        "batches: any number of dimensions before the last ones",
        *[(pairs(*shape), *route) for route in routes for shape in batches],
    )
    from_file = torch.tensor([[[33, 0, 255]], [[1, 0, 0]]], dtype=torch.uint8)
    large = torch.from_numpy(rng.integers(0, 255, (2, 2, 4, 3))).to(torch.uint8)
    yield Property(
        "maps that come from a file, as uint8",
        [{"maps": maps, "source": "pair", "target": target} for maps in (from_file, large) for target in ("id", "rgb")],
        _convert,
        dtype="exact",
        mistakes=PANOPTIC_MISTAKES,
    )


# 4 · run lengths


def _code(value, to):
    return ops.rle_encode(value) if to == "rle" else ops.rle_decode(value)


def _runs(flat) -> list[tuple[bool, int]]:
    """(value, length) of the runs of a sequence of truth values."""
    runs = []
    for value in flat.tolist():
        if runs and runs[-1][0] == value:
            runs[-1] = value, runs[-1][1] + 1
        else:
            runs.append((value, 1))
    return runs


def _spread(counts, first=False) -> Tensor:
    values = [v for i, count in enumerate(counts) for v in [bool(i % 2) ^ first] * count]
    return torch.tensor(values, dtype=torch.bool)


def _row_major(value, to):
    if to == "rle":
        runs = ops.rle_encode(value.flatten()[:, None])["counts"]
        return {"size": list(value.shape), "counts": runs}
    return _spread(value["counts"]).view(*value["size"])


def _first_run_first(value, to):
    if to == "rle":
        return {"size": list(value.shape), "counts": [length for _, length in _runs(value.T.flatten())]}
    height, width = value["size"]
    return _spread(value["counts"], first=True).view(width, height).T


def _size_exchanged(value, to):
    if to == "rle":
        return {**ops.rle_encode(value), "size": list(value.shape)[::-1]}
    return ops.rle_decode({**value, "size": value["size"][::-1]})


def _ones_exchanged(value, to):
    return ops.rle_encode(~value) if to == "rle" else ~ops.rle_decode(value)


def _counts(change):
    """A mistake in the list of counts: change(counts) -> counts."""

    def mistake(value, to):
        if to != "rle":
            raise ValueError
        code = ops.rle_encode(value)
        return {**code, "counts": change(code["counts"])}

    return mistake


def _starts_and_lengths(base: int):
    """The runs of ones as pairs of start, counted from base, and length."""

    def change(counts):
        starts = [base + sum(counts[:i]) for i in range(1, len(counts), 2)]
        return [number for pair in zip(starts, counts[1::2], strict=True) for number in pair]

    return _counts(change)


def _masks(change):
    """A mistake in the mask: change(flat, height, width) -> mask; flat holds its pixels column by column."""

    def mistake(value, to):
        if to != "mask":
            raise ValueError
        return change(_spread(value["counts"]), *value["size"])

    return mistake


def _dtype(dtype):
    return _masks(lambda flat, height, width: flat.view(width, height).T.to(dtype))


MASK_MISTAKES = {
    "this goes along the rows; COCO goes down the first column, then down the second": _row_major,
    "the first count is for zeros, always: where the first pixel is set, it is 0": _first_run_first,
    "zeros and ones are exchanged: the first count is for zeros": _ones_exchanged,
    "there is a 0 in front although the first pixel is not set: the first count is the number of zeros before the first one": (
        _counts(lambda counts: [0] * (counts[0] != 0) + counts)
    ),
    "the last run is missing: a run also ends where the mask ends": _counts(lambda counts: counts[:-1]),
    "these are only the runs of ones: the runs of zeros between them count too": _counts(lambda counts: counts[1::2]),
    "these are starts and lengths, as some competitions write masks: COCO writes the lengths of all runs in turn": (
        _starts_and_lengths(1)
    ),
    "these are starts and lengths: COCO writes the lengths of all runs in turn, of zeros and of ones": _starts_and_lengths(
        0
    ),
    "these are the places where the value changes: a run length is the distance from one change to the next": (
        _counts(lambda counts: [sum(counts[: i + 1]) for i in range(len(counts) - 1)])
    ),
    "these are the places where the runs end: a run length is the distance from one end to the next": (
        _counts(lambda counts: [sum(counts[: i + 1]) for i in range(len(counts))])
    ),
    "every count is one too small: a run of one pixel has length 1": _counts(lambda counts: [n - 1 for n in counts]),
    "a run that begins has the length 1 already, for the pixel with which it begins": (
        _counts(lambda counts: counts[:1] + [n - 1 for n in counts[1:]])
    ),
    "counts is a list of ints, not a tensor": _counts(torch.tensor),
    "return a dict with the keys 'size' and 'counts', not the counts alone": (
        lambda value, to: _counts(list)(value, to)["counts"]
    ),
    "size is [height, width], in this order": _size_exchanged,
    "the mask lies on its side: the pixels come column by column, so reshape to (width, height) and transpose": (
        _masks(lambda flat, height, width: flat.view(width, height))
    ),
    "a mask has the dtype bool, not uint8": _dtype(torch.uint8),
    "a mask has the dtype bool, not int64": _dtype(torch.int64),
    "a mask has the dtype bool, not float32": _dtype(torch.float32),
}


def convert_mask_properties(student, rng):
    def mask(*rows: str) -> Tensor:
        return torch.tensor([[pixel == "#" for pixel in row] for row in rows])

    def noise(height: int, width: int, share: float = 0.5) -> Tensor:
        return torch.from_numpy(rng.random((height, width)) < share)

    def blob(height: int, width: int) -> Tensor:
        rows, columns = torch.arange(height)[:, None] - height / 2, torch.arange(width)[None] - width / 3
        return (rows / height) ** 2 + (columns / width) ** 2 < 0.1

    def property_of(claim: str, to: str, *masks: Tensor) -> Property:
        cases = [{"value": m if to == "rle" else ops.rle_encode(m), "to": to} for m in masks]
        return Property(claim, cases, _code, mistakes=MASK_MISTAKES)

    on_paper, corner = mask(".##", "..#"), mask("#..", "##.")
    yield property_of(
        "a mask becomes run lengths, column by column", "rle", on_paper, mask("..", ".#", ".."), mask("...", "#.#")
    )
    yield property_of(
        "the first count is for zeros: first pixel set, full mask, empty mask",
        "rle", corner, mask("##", "##"), mask("...", "..."), mask("#"), mask("."),
    )  # fmt: skip
    yield property_of("run lengths become a mask", "mask", on_paper, mask("..", ".#", ".."), mask("...", "#.#"))
    yield property_of(
        "run lengths whose first count is 0, or that have one run only, become a mask",
        "mask", corner, mask("##", "##"), mask("...", "..."), mask("#"), mask("."),
    )  # fmt: skip
    odd = [noise(3, 5), noise(1, 6), noise(6, 1), noise(7, 2), noise(5, 5)]
    yield property_of("sizes that are odd, not square, one pixel wide", "rle", *odd, blob(31, 45), noise(29, 34, 0.1))
    yield property_of("such sizes, from run lengths to a mask", "mask", *odd, blob(31, 45), noise(29, 34, 0.1))
