"""The question of exercise 07 about median-frequency weights of tiles."""

import numpy as np
import torch
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.losses_maps import VOID, crash_words
from course_lib.checks.losses_weights import weight_words
from course_lib.checks.mistakes import explained

Tiles = list[np.ndarray]


def _tiles(labels: np.ndarray, tile: int) -> Tiles:
    """Tiles side by side, smaller ones at the end."""
    height, width = labels.shape
    return [
        labels[i : i + tile, j : j + tile]
        for i in range(0, height, tile)
        for j in range(0, width, tile)
    ]  # fmt: skip


def _complete(labels, tile) -> Tiles:
    return [piece for piece in _tiles(labels, tile) if piece.shape == (tile, tile)]


def _complete_or_all(labels, tile) -> Tiles:
    return _complete(labels, tile) or [labels]


def _without_void(labels, tile) -> Tiles:
    return [piece for piece in _tiles(labels, tile) if (piece != VOID).all()]


def _sliding(labels, tile) -> Tiles:
    height, width = labels.shape
    rows, columns = range(max(height - tile, 0) + 1), range(max(width - tile, 0) + 1)
    return [labels[i : i + tile, j : j + tile] for i in rows for j in columns]


def _inward(labels, tile) -> Tiles:
    """The last tiles moved inward until they are complete."""
    height, width = labels.shape
    rows = [min(i, max(height - tile, 0)) for i in range(0, height, tile)]
    columns = [min(j, max(width - tile, 0)) for j in range(0, width, tile)]
    return [labels[i : i + tile, j : j + tile] for i in rows for j in columns]


def _padded_with(label: int):
    def cut(labels, tile) -> Tiles:
        height, width = labels.shape
        return _tiles(np.pad(labels, ((0, -height % tile), (0, -width % tile)), constant_values=label), tile)

    return cut


def _number_of(labels, tile) -> Tiles:
    """tile x tile pieces, not pieces of tile x tile pixels."""
    strips = np.array_split(labels, tile, 0)
    return [piece for strip in strips for piece in np.array_split(strip, tile, 1)]


def _counts(tiles: Tiles, num_classes: int) -> np.ndarray:
    """Pixels of each tile and class, float64."""
    rows = [[(piece == c).sum() for c in range(num_classes)] for piece in tiles]
    return np.array(rows, np.float64).reshape(-1, num_classes)


def _shares(counts: np.ndarray, sizes: np.ndarray | None = None) -> np.ndarray:
    """f of each class, NaN for an absent one; sizes: what counts as the pixels of a tile, unless its labeled ones."""
    sizes = counts.sum(1) if sizes is None else sizes
    with np.errstate(invalid="ignore", divide="ignore"):
        return counts.sum(0) / (sizes[:, None] * (counts > 0)).sum(0)


def _of_shares(share: np.ndarray, middle=np.median, absent=0.0) -> np.ndarray:
    occurs = share > 0
    weights = np.full(len(share), absent, np.float64)
    if occurs.any():
        weights[occurs] = middle(share[occurs]) / share[occurs]
    return weights


def _weights(targets, num_classes, tile, cut=_tiles, shares=None, weigh=_of_shares, unlabeled=VOID) -> Tensor:
    """The weights; the cut, the frequencies and the rule can be exchanged for wrong ones."""
    maps = [np.where(target.numpy() == VOID, unlabeled, target.numpy()) for target in targets]
    tiles = [piece for labels in maps for piece in cut(labels, tile)]
    counts = _counts(tiles, num_classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (
            _shares(counts) if shares is None else shares(counts, np.array([t.size for t in tiles], np.float64), tile)
        )
        return torch.from_numpy(weigh(np.nan_to_num(share)))


def _wrong(**steps):
    return lambda targets, num_classes, tile: _weights(targets, num_classes, tile, **steps)


def _whole_pictures(targets, num_classes, tile):
    return _weights(targets, num_classes, 10**6)


def _void_as(label):
    return lambda targets, num_classes, tile: _weights(targets, num_classes, tile, unlabeled=label(num_classes))


def _mean_over_pictures(targets, num_classes, tile):
    """The weights of each map by itself, averaged."""
    return torch.stack([_weights([target], num_classes, tile) for target in targets]).mean(0)


def _mean_share(counts, sizes, tile):
    present = counts > 0
    each = np.nan_to_num(counts / counts.sum(1, keepdims=True))
    return each.sum(0) / present.sum(0)


def _median_share(counts, sizes, tile):
    each = np.where(counts > 0, counts, np.nan) / counts.sum(1, keepdims=True)
    return np.array([np.median(shares[shares > 0]) if (shares > 0).any() else 0 for shares in each.T])


def _inverse(targets, num_classes, tile):
    """One over each class's share of all labeled pixels, divided by the number of classes that occur."""

    def weigh(share):
        return np.where(share > 0, 1 / np.where(share > 0, share, 1) / max((share > 0).sum(), 1), 0)

    return _weights(targets, num_classes, tile, shares=lambda counts, *_: counts.sum(0) / counts.sum(), weigh=weigh)


def _with_absent(share):
    return np.where(share > 0, np.median(share) / np.where(share > 0, share, 1), 0)


def _lower(values):
    return np.sort(values)[(len(values) - 1) // 2]


def _upper(values):
    return np.sort(values)[len(values) // 2]


def _upside_down(share):
    weights = _of_shares(share)
    return np.where(weights > 0, 1 / np.where(weights > 0, weights, 1), 0)


def _infinite(share):
    return _of_shares(share, absent=np.inf)


MISTAKES = {
    "the maps are not cut here: a tile is the picture, so only the tiles that contain a class count": _whole_pictures,
    "the frequencies are divided by *all* non-void pixels here: for a class, only the tiles that contain it count": _wrong(
        shares=lambda counts, sizes, tile: counts.sum(0) / counts.sum()
    ),
    "void pixels are below the line: f_c is divided by the *non-void* pixels of the tiles with the class": _wrong(
        shares=lambda counts, sizes, tile: _shares(counts, sizes)
    ),
    "every tile with the class counts the same here: below the line are its non-void pixels, and smaller tiles have fewer": _wrong(
        shares=lambda counts, sizes, tile: _shares(counts, np.full_like(sizes, tile * tile))
    ),
    "void pixels are counted as class 0: leave them out": _void_as(lambda classes: 0),
    "void pixels are counted as the last class: leave them out": _void_as(lambda classes: classes - 1),
    "only the first tile of each map is counted here": _wrong(cut=lambda labels, tile: _tiles(labels, tile)[:1]),
    "tiles with a void pixel are left out here: leave out the void pixels alone": _wrong(cut=_without_void),
    "tiles that are smaller than `tile` are left out here: they count too": _wrong(cut=_complete),
    "the last tiles, where they are smaller, are left out of large maps here: they count too": _wrong(cut=_complete_or_all),
    "the last tiles are moved inward here, and count pixels twice: they are smaller": _wrong(cut=_inward),
    "the last tiles are filled up with 0 here, and 0 is a class: they are smaller": _wrong(cut=_padded_with(0)),
    "the tiles overlap here, one begins at every pixel: they lie side by side": _wrong(cut=_sliding),
    "the maps are cut into tile x tile pieces here: `tile` is the side of a tile in pixels": _wrong(cut=_number_of),
    "the maps are cut into strips of rows here: a tile has `tile` columns too": _wrong(
        cut=lambda labels, tile: [labels[i : i + tile] for i in range(0, len(labels), tile)]
    ),
    "the maps are cut into strips of columns here: a tile has `tile` rows too": _wrong(
        cut=lambda labels, tile: [labels[:, j : j + tile] for j in range(0, labels.shape[1], tile)]
    ),
    "f_c is the mean over the tiles of the class's share here: add up the pixels first, and divide once": _wrong(
        shares=_mean_share
    ),
    "f_c is the median over the tiles of the class's share here: add up the pixels first, and divide once": _wrong(
        shares=_median_share
    ),
    "these are the mean of the weights of each map by itself: count over the whole list first": _mean_over_pictures,
    "the frequencies 0 of absent classes are in the median: it is that of the classes that occur": _wrong(
        weigh=_with_absent
    ),
    "this is the lower of the middle two frequencies: `torch.median` takes that one; the median is their mean (`quantile(0.5)`)": (
        _wrong(weigh=lambda share: _of_shares(share, _lower))
    ),
    "this is the upper of the middle two frequencies: of an even number of values the median is their mean": _wrong(
        weigh=lambda share: _of_shares(share, _upper)
    ),
    "these are inverse frequencies in all labeled pixels: asked is the median of the f_c, over f_c": _inverse,
    "this is the mean of the frequencies over f_c: asked is their median": _wrong(
        weigh=lambda share: _of_shares(share, np.mean)
    ),
    "these are 1 / f_c: asked is the median of the frequencies divided by f_c": _wrong(
        weigh=lambda share: _of_shares(share, lambda values: 1.0)
    ),
    "this is f_c / m: asked is m / f_c, so that rare classes weigh much": _wrong(weigh=_upside_down),
    "these are the frequencies: asked are the weights, m / f_c": _wrong(weigh=lambda share: share),
    "a class that does not occur has an infinite weight here: its weight is 0": _wrong(weigh=_infinite),
    "a class that does not occur has the weight NaN here: its weight is 0": _wrong(
        weigh=lambda share: _of_shares(share, absent=np.nan)
    ),
    "a class that does not occur has the weight 1 here: there is nothing to weigh, so it is 0": _wrong(
        weigh=lambda share: _of_shares(share, absent=1.0)
    ),
}  # fmt: skip


def _words(failed: Failed) -> str:
    got, want = failed.got, failed.want
    if want is None:
        if any(word in failed.why for word in ("quantile", "median")) and "empty" in failed.why:
            return f"{failed.why} (no class occurs in this input: treat that case before)"
        if "invalid for input of size" in failed.why or "shape" in failed.why:
            return f"{failed.why} (a height or width need not be a multiple of `tile`: the last tiles are smaller)"
        return crash_words(failed)
    if isinstance(got, Tensor) and got.dtype in (torch.float16, torch.bfloat16) and got.shape == want.shape:
        return f"{failed.why}: {str(got.dtype).removeprefix('torch.')} keeps about three digits; use float32"
    return weight_words(failed)


def tile_weights_properties(student, rng):
    def labels(height, width, classes, void=0.0):
        """Blocks of labels, so that a class is in some tiles and not in others; each of `classes` occurs."""
        block = np.repeat(np.repeat(rng.choice(classes, (9, 9)), 3, 0), 4, 1)[:height, :width].copy()
        noise = rng.random(block.shape) < 0.15
        block[noise] = rng.choice(classes, noise.sum())
        block.flat[: len(classes)] = classes
        if void:
            block[rng.random(block.shape) < void] = VOID
            block.flat[-1] = VOID
        return torch.from_numpy(block).long()

    def case(num_classes, tile, *maps):
        return {"targets": list(maps), "num_classes": num_classes, "tile": tile}

    def claim(text, *cases):
        return explained(text, student, list(cases), _weights, MISTAKES, _words, tol=1e-5)

    def spots(height, width, one, other):
        """Two small spots on class 0, so that rows, columns and tiles with a class are not the same."""
        block = torch.zeros(height, width, dtype=torch.int64)
        block[:2, :2] = one
        block[-2:, -3:-1] = other
        return block

    paper = torch.tensor([[0, 0, 0, 1], [0, 0, 0, 0]])
    yield claim(
        "tiles that fit: the map on paper, and others with three or five classes",
        case(2, 4, paper),
        case(2, 2, paper),
        case(3, 4, spots(8, 12, 1, 2)),
        case(3, 4, labels(8, 12, [0, 1, 2])),
        case(5, 3, labels(6, 9, [0, 1, 2, 3]), labels(12, 6, [0, 4]), labels(3, 3, [0])),
    )
    yield claim(
        "tiles of one pixel, and tiles larger than a map",
        case(2, 1, paper),
        case(3, 1, labels(5, 7, [0, 1, 2])),
        case(3, 20, labels(5, 9, [0, 1]), labels(7, 4, [0, 2, 1]), labels(4, 4, [0])),
    )
    yield claim(
        "smaller tiles at the end",
        case(3, 4, labels(9, 6, [0, 1, 2])),
        case(5, 5, labels(11, 13, [0, 1, 2]), labels(8, 3, [4, 3, 0]), labels(6, 16, [0, 4])),
    )
    yield claim(
        "classes that do not occur, and an even number that do",
        case(4, 3, labels(6, 9, [0, 2]), labels(3, 6, [0])),
        case(6, 4, spots(8, 12, 1, 4), labels(8, 4, [0, 5])),
        case(7, 4, labels(9, 10, [6, 0, 3]), labels(5, 8, [0, 6, 4])),
        case(21, 8, labels(17, 23, [0, 15, 7]), labels(8, 8, [2, 15])),
    )
    yield claim(
        "void pixels count nowhere",
        case(3, 3, labels(6, 9, [0, 1, 2], void=0.3)),
        case(5, 4, labels(9, 13, [0, 1, 3], void=0.4), labels(11, 6, [0, 4, 2], void=0.3)),
    )
    void = torch.full((5, 7), VOID)
    half = labels(6, 8, [0, 1], void=0.2)
    half[:, 4:] = VOID
    yield claim(
        "tiles, maps, and all pixels void",
        case(3, 4, half),
        case(5, 4, void, half, spots(8, 12, 0, 3)),
        case(4, 3, void),
    )
