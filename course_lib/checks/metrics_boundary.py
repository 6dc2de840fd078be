"""Exercise 04, the question about boundary F1."""

import math

import numpy as np
import torch
from torch import Tensor

from course_lib.checks.mistakes import explained

RIGHT, LOWER, LOWER_RIGHT = (0, 1), (1, 0), (1, 1)
DAVIS = (RIGHT, LOWER, LOWER_RIGHT)


def _edge(mask: np.ndarray, neighbors=DAVIS, outside: bool | None = None, wrap: bool = False) -> np.ndarray:
    """Pixels that differ from one of their neighbors. outside: the value of what lies outside the picture, None for nothing."""
    rows, columns = (np.arange(length) for length in mask.shape)
    edge = np.zeros_like(mask)
    for down, right in neighbors:
        other = np.roll(mask, (-down, -right), (0, 1))
        if not wrap:
            inside = np.logical_and.outer(*((i >= 0) & (i < len(i)) for i in (rows + down, columns + right)))
            other = np.where(inside, other, mask if outside is None else outside)
        edge |= mask != other
    return edge


AROUND = ((0, 1), (1, 0), (0, -1), (-1, 0))
ALL_AROUND = tuple((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x)


def _inner(neighbors, outside=None):
    """The boundary as pixels of the mask that touch what is not the mask."""
    return lambda mask: _edge(mask, neighbors, outside) & mask


def _without_last_lines(mask: np.ndarray) -> np.ndarray:
    """As if only pixels that have all three neighbors were compared."""
    edge = _edge(mask)
    edge[-1], edge[:, -1] = False, False
    return edge


def _overwritten(mask: np.ndarray) -> np.ndarray:
    """As if each comparison replaced the one before it."""
    edge = np.zeros_like(mask)
    edge[:, :-1] = mask[:, :-1] != mask[:, 1:]
    edge[:-1] = _edge(mask, (LOWER,))[:-1]
    edge[:-1, :-1] = mask[:-1, :-1] != mask[1:, 1:]
    return edge


def _euclid(gap: np.ndarray) -> np.ndarray:
    return np.sqrt((gap**2).sum(-1))


def _city(gap: np.ndarray) -> np.ndarray:
    return np.abs(gap).sum(-1)


def _chess(gap: np.ndarray) -> np.ndarray:
    return np.abs(gap).max(-1)


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _score(
    prediction, target, tolerance, edges=_edge, distance=_euclid, near=np.less_equal, both=1.0, one=0.0, mean=_harmonic
) -> float:
    """Boundary F1; the right one unless told otherwise.

    edges: mask -> map of boundary pixels. near(distance, tolerance). both, one: the value if both or one of the masks have no
    boundary. mean(precision, recall).
    """
    found, wanted = (np.argwhere(edges(mask.numpy())) for mask in (prediction, target))
    if not len(found) or not len(wanted):
        return both if len(found) == len(wanted) else one
    close = near(distance(found[:, None] - wanted), tolerance)
    return float(mean(close.any(1).mean(), close.any(0).mean()))


def _variant(**settings):
    return lambda prediction, target, tolerance: _score(prediction, target, tolerance, **settings)


def _of_pixels(prediction, target, tolerance):
    """F1 of the masks themselves: Dice."""
    total = int(prediction.sum() + target.sum())
    return 2 * int((prediction & target).sum()) / total if total else 1.0


def _iou_of_edges(prediction, target, tolerance):
    found, wanted = (_edge(mask.numpy()) for mask in (prediction, target))
    union = (found | wanted).sum()
    return float((found & wanted).sum() / union) if union else 1.0


def _share_of_all(precision: float, recall: float) -> float:
    return (precision + recall) / 2


def _pooled(prediction, target, tolerance):
    """Right and found pixels together over all boundary pixels."""
    found, wanted = (np.argwhere(_edge(mask.numpy())) for mask in (prediction, target))
    if not len(found) or not len(wanted):
        return float(len(found) == len(wanted))
    close = _euclid(found[:, None] - wanted) <= tolerance
    return float((close.any(1).sum() + close.any(0).sum()) / (len(found) + len(wanted)))


def _recall_of_the_found(prediction, target, tolerance):
    """The prediction's right pixels over the number of the target's, taken for the recall."""
    found, wanted = (np.argwhere(_edge(mask.numpy())) for mask in (prediction, target))
    if not len(found) or not len(wanted):
        return float(len(found) == len(wanted))
    right = (_euclid(found[:, None] - wanted) <= tolerance).any(1).sum()
    return float(_harmonic(right / len(found), right / len(wanted)))


def _to_the_mask(prediction, target, tolerance):
    """Distances to the nearest pixel of the other mask."""
    found, wanted = (np.argwhere(_edge(mask.numpy())) for mask in (prediction, target))
    if not len(found) or not len(wanted):
        return float(len(found) == len(wanted))
    masks = np.argwhere(target.numpy()), np.argwhere(prediction.numpy())
    shares = [(_euclid(a[:, None] - b) <= tolerance).any(1).mean() for a, b in zip((found, wanted), masks, strict=True)]
    return float(_harmonic(*shares))


def _both_widened(prediction, target, tolerance):
    """Dice of the boundaries, both widened by the tolerance."""
    maps = []
    for mask in (prediction, target):
        edge = np.argwhere(_edge(mask.numpy()))
        grid = np.stack(np.indices(mask.shape), -1)
        wide = _euclid(grid[:, :, None] - edge).min(-1, initial=np.inf) <= tolerance
        maps.append(wide)
    total = maps[0].sum() + maps[1].sum()
    return float(2 * (maps[0] & maps[1]).sum() / total) if total else 1.0


BOUNDARY_MISTAKES = {
    "a pixel exactly `tolerance` away still counts: the distance may be equal to the tolerance": _variant(near=np.less),
    "distances are measured in steps along rows and columns: asked is the straight line, the square root of dy² + dx²": (
        _variant(distance=_city)
    ),
    "the neighborhood is a square, as that of a max pooling: asked is the straight line, the square root of dy² + dx²": (
        _variant(distance=_chess)
    ),
    "these are squared distances: compare them with the squared tolerance": _variant(
        distance=lambda gap: (gap**2).sum(-1)
    ),
    "the tolerance is cut to a whole number: 1.5 is more than 1, since a diagonal step is shorter": (
        lambda prediction, target, tolerance: _score(prediction, target, math.floor(tolerance))
    ),
    "the tolerance is not used: a boundary pixel need not be hit exactly": (
        lambda prediction, target, tolerance: _score(prediction, target, 0)
    ),
    "the tolerance is doubled: if you widen both boundaries, two pixels may meet that lie twice as far apart; widen one at a time": (
        lambda prediction, target, tolerance: _score(prediction, target, 2 * tolerance)
    ),
    "both boundaries are widened and then compared: precision and recall count the boundary pixels themselves": _both_widened,
    "the frame of the picture counts as an edge: neighbors outside do not exist, so they differ from nothing": (
        _variant(edges=lambda mask: _edge(mask, outside=False))
    ),
    "the boundary is the inner rim of the mask: a boundary pixel of the exercise may lie on either side of the edge": (
        _variant(edges=_inner(AROUND))
    ),
    "the boundary is the inner rim of the mask, corners included: a boundary pixel of the exercise may lie on either side": (
        _variant(edges=_inner(ALL_AROUND))
    ),
    "the boundary is the inner rim of the mask, with the frame of the picture: follow the three neighbors of the definition": (
        _variant(edges=_inner(AROUND, False))
    ),
    "the boundary is the inner rim of the mask, corners included, with the frame of the picture: follow the definition": (
        _variant(edges=_inner(ALL_AROUND, False))
    ),
    "only boundary pixels inside the mask are kept: those just outside it are boundary pixels of the definition as well": (
        _variant(edges=lambda mask: _edge(mask) & mask)
    ),
    "distances go to the other *mask*: a pixel deep inside it is near the mask, but not near its boundary": _to_the_mask,
    "the recall divides the *prediction's* right pixels by the number of the target's: count the target's pixels that are found": (
        _recall_of_the_found
    ),
    "both sides of the edge are boundary: a pixel is compared with its right, lower and lower right neighbor only": (
        _variant(edges=lambda mask: _edge(mask, AROUND))
    ),
    "both sides of the edge are boundary, diagonals included: a pixel is compared with three neighbors only": (
        _variant(edges=lambda mask: _edge(mask, ALL_AROUND))
    ),
    "the left and upper neighbors are compared: the definition asks the right and lower ones": (
        _variant(edges=lambda mask: _edge(mask, ((0, -1), (-1, 0), (-1, -1))))
    ),
    "the lower right neighbor is not compared": _variant(edges=lambda mask: _edge(mask, (RIGHT, LOWER))),
    "each comparison replaces the one before it: a pixel is boundary if *any* neighbor differs, so combine with |=": (
        _variant(edges=_overwritten)
    ),
    "only the right neighbor is compared": _variant(edges=lambda mask: _edge(mask, (RIGHT,))),
    "only the lower neighbor is compared": _variant(edges=lambda mask: _edge(mask, (LOWER,))),
    "pixels at one border are compared with the opposite border: `roll` wraps around, but outside there is nothing": (
        _variant(edges=lambda mask: _edge(mask, wrap=True))
    ),
    "the last row and the last column have no boundary: their pixels still have one neighbor each": (
        _variant(edges=_without_last_lines)
    ),
    "this is F1 of the masks' pixels, which is Dice: asked are boundary pixels": _of_pixels,
    "this is the IoU of the two boundaries: asked is F1, with a tolerance": _iou_of_edges,
    "this is the precision: F1 needs the recall as well": _variant(mean=lambda precision, recall: precision),
    "this is the recall: F1 needs the precision as well": _variant(mean=lambda precision, recall: recall),
    "this is the plain mean of precision and recall: asked is 2 P R / (P + R)": _variant(mean=_share_of_all),
    "right and found pixels are put together: take precision and recall by themselves, then 2 P R / (P + R)": _pooled,
    "two masks without any boundary agree: that scores 1": _variant(both=0.0),
    "two masks without any boundary agree: that scores 1, not NaN": _variant(both=math.nan),
    "two masks without any boundary score 1, and if only one has none, it is 0: neither is NaN": (
        _variant(both=math.nan, one=math.nan)
    ),
    "if only one mask has a boundary, the score is 0": _variant(one=1.0),
    "if only one mask has a boundary, the score is 0, not NaN": _variant(one=math.nan),
    "where precision and recall are both 0, the score is 0, not NaN": _variant(
        mean=lambda precision, recall: _harmonic(precision, recall) if precision + recall else math.nan
    ),
    "precision and recall 0 give 0, not NaN, and two masks without any boundary score 1": _variant(
        mean=lambda precision, recall: _harmonic(precision, recall) if precision + recall else math.nan,
        both=math.nan,
        one=math.nan,
    ),
}  # fmt: skip


def _boundary_words(failed) -> str:
    """Where no mistake fits: what is special about the input, and how many boundary pixels there are."""
    given = failed.given or {}
    if "target" not in given:
        return failed.why
    counts = [int(_edge(given[name].numpy()).sum()) for name in ("prediction", "target")]
    if failed.want is None:
        if not all(counts):
            which = "neither mask has" if not any(counts) else "only one mask has"
            return f"{failed.why} (what is special here: {which} a boundary pixel)"
        if "ivision" in failed.why and _score(**given) == 0:
            return f"{failed.why} (precision and recall are both 0 here: the score is 0 then)"
        return failed.why
    return f"{failed.why} (here the prediction has {counts[0]} boundary pixels, the target {counts[1]})"


# how many of straight, rows and columns, square, and a whole tolerance differ in which pixels are near, by tolerance
DISTINCT = {1: 2, 1.5: 2, 2: 2, 2.5: 3, 3: 3, 3.5: 4}


def _blob(rng, height: int, width: int) -> Tensor:
    """A ragged mask: an ellipse that may leave the picture, with a tenth of the pixels turned over in places."""
    y, x = np.mgrid[:height, :width]
    middle = rng.uniform(0.2, 0.8, 2) * (height, width)
    half = rng.uniform(0.2, 0.5, 2) * (height, width)
    mask = ((y - middle[0]) / half[0]) ** 2 + ((x - middle[1]) / half[1]) ** 2 < 1
    return torch.from_numpy(mask ^ (rng.random((height, width)) < 0.03))


def _box(height: int, width: int, top: int, left: int, bottom: int, right: int) -> Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[top:bottom, left:right] = True
    return mask


def boundary_f1_properties(student, rng):
    def claim(text, *cases):
        given = [dict(prediction=prediction, target=target, tolerance=t) for prediction, target, t in cases]
        return explained(text, student, given, _score, BOUNDARY_MISTAKES, _boundary_words)

    def pair(height, width, tolerance):
        """Two masks on which another way to measure distances gives another score."""
        for _ in range(100):
            masks = _blob(rng, height, width), _blob(rng, height, width)
            whole = _score(*masks, math.floor(tolerance))
            scores = {_score(*masks, tolerance, distance=distance) for distance in (_euclid, _city, _chess)} | {whole}
            if len(scores) == DISTINCT.get(tolerance, 1):
                break
        return *masks, tolerance

    square = _box(9, 11, 2, 3, 6, 8)
    yield claim(
        "the boundary pixels: tolerance 0",
        (square, square, 0),
        (_box(9, 11, 2, 3, 6, 9), square, 0),
        pair(9, 13, 0),
        pair(16, 11, 0),
    )
    yield claim(
        "objects that touch the frame, pictures of one row",
        (_box(7, 9, 0, 0, 4, 5), _box(7, 9, 3, 4, 7, 9), 1),
        (_box(7, 9, 3, 4, 7, 9), _box(7, 9, 2, 4, 7, 9), 0),
        (_box(8, 6, 0, 2, 8, 4), _box(8, 6, 0, 1, 8, 6), 0),
        (_box(6, 9, 5, 1, 6, 8), _box(6, 9, 5, 3, 6, 9), 1),
        (_box(1, 9, 0, 2, 1, 5), _box(1, 9, 0, 4, 1, 9), 1),
        (_box(8, 1, 3, 0, 8, 1), _box(8, 1, 1, 0, 4, 1), 0),
    )
    yield claim(
        "a tolerance in pixels, along a straight line",
        (_box(12, 13, 4, 4, 8, 8), _box(12, 13, 4, 6, 8, 10), 2),
        (_box(14, 13, 2, 2, 6, 6), _box(14, 13, 5, 6, 10, 11), 3),
        pair(13, 17, 1),
        pair(18, 12, 2),
        pair(12, 15, 1.5),
        pair(19, 14, 2.5),
        pair(15, 21, 3),
        pair(16, 16, 3.5),
    )
    yield claim(
        "precision and recall differ: many boundary pixels against few",
        (square, torch.from_numpy(rng.random((9, 11)) < 0.3), 1),
        (torch.from_numpy(rng.random((12, 10)) < 0.2), _box(12, 10, 4, 4, 7, 8), 1),
        (_box(10, 24, 1, 1, 3, 3), _box(10, 24, 1, 2, 9, 23), 2.5),
        (_box(10, 24, 1, 1, 8, 20), _box(10, 24, 7, 19, 9, 22), 0.5),
        pair(11, 17, 3.5),
    )
    empty, full = torch.zeros(5, 7, dtype=torch.bool), torch.ones(5, 7, dtype=torch.bool)
    dot = _box(5, 7, 2, 3, 3, 4)
    yield claim(
        "no boundary: neither mask has one, only one of them has",
        (empty, empty, 1),
        (full, empty, 2),
        (full, full, 0),
        (dot, empty, 2),
        (full, dot, 1),
    )
    yield claim(
        "boundaries far apart",
        (_box(9, 20, 1, 1, 4, 4), _box(9, 20, 4, 14, 8, 19), 2),
        (_box(20, 8, 1, 1, 4, 4), _box(20, 8, 14, 2, 17, 6), 1.5),
    )
