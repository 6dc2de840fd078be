"""Exercise 08, the question about border weights."""

import functools

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.mistakes import explained


def _each(ids: np.ndarray) -> list[np.ndarray]:
    """One mask for each number above 0."""
    return [ids == number for number in np.unique(ids[ids > 0])]


def _straight(mask: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_edt(~mask)


def _gauss(d1, d2, w0, sigma):
    return w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))


def _two_nearest(far: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return far[0], far[1]


def _nothing(distance: np.ndarray, w0, sigma):
    return np.zeros(distance.shape)


def _weights(
    ids,
    w0,
    sigma,
    objects=_each,
    away=_straight,
    pick=_two_nearest,
    weigh=_gauss,
    alone=_nothing,
    inside=0,
    axis=0,
    least=1,
) -> Tensor:
    """The weights; each step can be exchanged for a wrong one.

    alone(distance, w0, sigma): with a single object. inside: on objects. axis: along which the distances are sorted. least: with fewer
    objects there are no distances at all.
    """
    ids = ids.numpy()
    masks = objects(ids)
    if len(masks) < least:
        return torch.zeros(ids.shape)
    far = np.sort([away(mask) for mask in masks], axis=axis)
    weights = weigh(*pick(far), w0, sigma) if len(far) > 1 else alone(far[0], w0, sigma)
    return torch.from_numpy(weights if inside is None else np.where(ids == 0, weights, inside))


def _with(**steps):
    return functools.partial(_weights, **steps)


def _from_center(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(mask.shape)
    return np.hypot(rows - rows[mask].mean(), columns - columns[mask].mean())


def _pieces(ids: np.ndarray, eight: bool = False) -> list[np.ndarray]:
    """Connected pieces of all that is no background."""
    labels, count = ndimage.label(ids > 0, np.ones((3, 3)) if eight else None)
    return [labels == number for number in range(1, count + 1)]


def _pieces_of_each(ids: np.ndarray, eight: bool = False) -> list[np.ndarray]:
    """Connected pieces of each object."""
    return [piece for mask in _each(ids) for piece in _pieces(mask, eight)]


def _all_numbers(ids: np.ndarray) -> list[np.ndarray]:
    """Also those that are left out."""
    return [ids == number for number in range(1, int(ids.max()) + 1)]


def _counted(ids: np.ndarray) -> list[np.ndarray]:
    """As if n objects had the numbers 1 to n."""
    return [ids == number for number in range(1, len(np.unique(ids[ids > 0])) + 1)]


def _each_pixel(ids: np.ndarray) -> list[np.ndarray]:
    """As if every pixel were an object."""
    places = np.argwhere(ids > 0)
    rows, columns = np.indices(ids.shape)
    return [(rows == row) & (columns == column) for row, column in places]


def _of_the_formula(weigh, alone=None):
    return _with(weigh=weigh, alone=alone or _nothing)


def _around_all(ids, w0, sigma):
    """The distance to the nearest object alone."""
    ids = ids.numpy()
    if not ids.any():
        return torch.zeros(ids.shape)
    near = ndimage.distance_transform_edt(ids == 0)
    return torch.from_numpy(np.where(ids == 0, w0 * np.exp(-(near**2) / (2 * sigma**2)), 0))


def _second_pixel(ids, w0, sigma):
    """d2 is the distance to the second nearest pixel, whichever object's."""
    if (ids > 0).sum() > 400:
        raise ValueError("too many pixels to try")
    return _weights(ids, w0, sigma, objects=_each_pixel, away=lambda mask: _from_center(mask))


MISTAKES = {
    "the distances go to the middle of the objects: a distance goes to an object's *nearest* pixel": _with(away=_from_center),
    "only the distance to the nearest object is in these weights (is the background, 0, taken for an object, too?): then the rim of a lone "
    "object counts as much as a gap": _around_all,
    "these are weights by d2 alone: both distances are in the sum": _of_the_formula(
        lambda d1, d2, w0, sigma: _gauss(0, d2, w0, sigma)
    ),
    "d2 is the distance to the second nearest *pixel* here, mostly of the same object: take it to the second nearest object": (
        _second_pixel
    ),
    "d1 is taken twice: d2 is the distance to the second nearest object": _with(
        pick=lambda far: (far[0], far[0]), alone=lambda d, w0, sigma: _gauss(d, d, w0, sigma)
    ),
    "d2 is the distance to the *farthest* object: the second nearest is asked": _with(pick=lambda far: (far[0], far[-1])),
    "d1 and d2 go to the two *farthest* objects: asked are the two nearest": _with(
        pick=lambda far: (far[-1], far[-2])
    ),
    "the distances are sorted along the rows of the picture (`np.sort` takes the last axis): sort them along the objects, `axis=0`": (
        _with(axis=-1)
    ),
    "with two objects, too, all weights are 0 here: two are enough for a gap": _with(least=3),
    "the distances of all objects are added: d1 and d2 belong to the two nearest": _with(
        pick=lambda far: (far.sum(0), 0), alone=lambda d, w0, sigma: _gauss(d, 0, w0, sigma)
    ),
    "these are the first two objects by number: d1 and d2 belong to the two nearest at each pixel": (
        lambda ids, w0, sigma: _weights(ids, w0, sigma, objects=lambda ids: _each(ids)[:2])
    ),
    "the distances are sorted along the columns of the picture: sort them along the objects, `axis=0`": _with(axis=1),
    "each distance is squared by itself: the *sum* is squared, (d1 + d2)²": _of_the_formula(
        lambda d1, d2, w0, sigma: w0 * np.exp(-(d1**2 + d2**2) / (2 * sigma**2))
    ),
    "the difference of the distances is squared: it is their sum": _of_the_formula(
        lambda d1, d2, w0, sigma: _gauss(d1, -d2, w0, sigma)
    ),
    "the sum of the distances is not squared": _of_the_formula(
        lambda d1, d2, w0, sigma: w0 * np.exp(-(d1 + d2) / (2 * sigma**2))
    ),
    "the factor 2 below the line is missing: 2σ²": _of_the_formula(
        lambda d1, d2, w0, sigma: w0 * np.exp(-((d1 + d2) ** 2) / sigma**2)
    ),
    "2σ is squared: only σ is, 2σ²": _of_the_formula(
        lambda d1, d2, w0, sigma: w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma) ** 2)
    ),
    "σ is not squared: 2σ²": _of_the_formula(lambda d1, d2, w0, sigma: w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma))),
    "this multiplies by σ²: `a / 2 * b` is (a / 2) · b; write `a / (2 * b)`": _of_the_formula(
        lambda d1, d2, w0, sigma: w0 * np.exp(-((d1 + d2) ** 2) / 2 * sigma**2)
    ),
    "the mean of the distances is taken: it is their sum": _of_the_formula(
        lambda d1, d2, w0, sigma: _gauss(d1 / 2, d2 / 2, w0, sigma)
    ),
    "the minus in the exponent is missing: the weight grows with the gap": _of_the_formula(
        lambda d1, d2, w0, sigma: w0 * np.exp((d1 + d2) ** 2 / (2 * sigma**2))
    ),
    "`w0` is missing": _of_the_formula(lambda d1, d2, w0, sigma: _gauss(d1, d2, 1, sigma)),
    "10 stands where the argument `w0` belongs": _of_the_formula(lambda d1, d2, w0, sigma: _gauss(d1, d2, 10, sigma)),
    "5 stands where the argument `sigma` belongs": _of_the_formula(lambda d1, d2, w0, sigma: _gauss(d1, d2, w0, 5)),
    "10 and 5 stand where the arguments `w0` and `sigma` belong": _of_the_formula(
        lambda d1, d2, w0, sigma: _gauss(d1, d2, 10, 5)
    ),
    "this is the density of a normal distribution: here no √(2π)σ divides it, so at distance 0 the weight is w0": _of_the_formula(
        lambda d1, d2, w0, sigma: _gauss(d1, d2, w0, sigma) / (np.sqrt(2 * np.pi) * sigma)
    ),
    "1 is added: the border weights are the second term alone": lambda ids, w0, sigma: _weights(ids, w0, sigma) + 1,
    "1 is added on the background: the border weights are the second term alone": lambda ids, w0, sigma: (
        _weights(ids, w0, sigma) + (ids == 0)
    ),
    "objects have weights, too: theirs are 0, only the background counts": _with(inside=None),
    "objects have the weight 1: theirs is 0": _with(inside=1),
    "objects have the weight w0: theirs is 0": lambda ids, w0, sigma: _weights(ids, w0, sigma, inside=w0),
    "background and objects are exchanged: the weights lie on the background": lambda ids, w0, sigma: torch.where(
        ids == 0, 0, _weights(ids, w0, sigma, inside=None)
    ),
    "an object is taken for a connected piece of all objects here: an object is all pixels of one number": _with(objects=_pieces),
    "an object is taken for a connected piece (over corners, too) of all objects: an object is all pixels of one number": _with(
        objects=functools.partial(_pieces, eight=True)
    ),
    "two pieces of one object are taken for two objects: an object is all pixels of one number": _with(objects=_pieces_of_each),
    "two pieces (over corners) of one object are taken for two objects: an object is all pixels of one number": _with(
        objects=functools.partial(_pieces_of_each, eight=True)
    ),
    "numbers that are left out count as objects here: `np.unique` finds those that occur": _with(objects=_all_numbers),
    "n objects are taken to have the numbers 1 to n: numbers can be left out, and `np.unique` finds those that occur": _with(
        objects=_counted
    ),
    "the distances are counted in steps along rows and columns: asked is the straight line": _with(
        away=lambda mask: ndimage.distance_transform_cdt(~mask, "taxicab").astype(float)
    ),
    "the distances are counted in steps of a king in chess: asked is the straight line": _with(
        away=lambda mask: ndimage.distance_transform_cdt(~mask, "chessboard").astype(float)
    ),
    "the distances are shorter by 1, as if they ended at the pixel before the object: they go from center to center": _with(
        away=lambda mask: np.maximum(_straight(mask) - 1, 0), alone=_nothing
    ),
    "the distances end at the edge of the object, half a pixel less: they go from center to center": _with(
        away=lambda mask: np.maximum(_straight(mask) - 0.5, 0), alone=_nothing
    ),
    "all distances are 0 on the background: `distance_transform_edt` measures *inside* a mask, so the mask is all but the object": (
        _with(away=ndimage.distance_transform_edt)
    ),
}  # fmt: skip
LONE_MISTAKES = {
    "numbers that are left out count as objects here: `np.unique` finds those that occur": _with(objects=_all_numbers),
    "1 is added: the border weights are the second term alone": lambda ids, w0, sigma: _weights(ids, w0, sigma) + 1,
    "1 is added on the background: the border weights are the second term alone": lambda ids, w0, sigma: (
        _weights(ids, w0, sigma) + (ids == 0)
    ),
    "a lone object has weights around it: with fewer than two objects there is no gap, and all weights are 0": _with(
        alone=lambda d, w0, sigma: _gauss(d, 0, w0, sigma)
    ),
    "with a lone object, d1 is taken for d2, too: with fewer than two objects all weights are 0": _with(
        alone=lambda d, w0, sigma: _gauss(d, d, w0, sigma)
    ),
}  # fmt: skip


def _words(failed: Failed) -> str:
    got, want, given = failed.got, failed.want, failed.given or {}
    objects = len(np.unique(given["ids"][given["ids"] > 0])) if isinstance(given.get("ids"), Tensor) else 2
    if want is None:
        if objects < 2:
            how = "no object" if objects == 0 else "one object"
            return f"{failed.why} (this picture has {how}: then all weights are 0, so return early)"
        if "numpy" in failed.why or "Tensor" in failed.why:
            return f"{failed.why} (`ids` is a tensor; `ids.numpy()` is an array for SciPy)"
        return failed.why
    if not isinstance(got, Tensor) or got.shape != want.shape:
        return failed.why
    if not got.is_floating_point():
        return f"these are whole numbers ({got.dtype}), which cut the weights off: return floats"
    ids = given["ids"]
    if (got[ids > 0] != 0).any():
        return f"{failed.why}: objects have weights here; theirs are 0"
    if objects < 2:
        return f"{failed.why}: this picture has fewer than two objects, so all weights are 0"
    return failed.why


def _discs(rng, height: int, width: int, numbers: list[int], dtype=torch.int64) -> Tensor:
    """A picture of ellipses, one for each number, whole and apart by a pixel or more."""
    rows, columns = np.indices((height, width))
    ids = np.zeros((height, width), int)
    for number in numbers:
        free = ~ndimage.binary_dilation(ids > 0, np.ones((3, 3)))
        row, column = rng.permutation(np.argwhere(free))[0]
        down, across = rng.uniform(1, 1 + height / 5), rng.uniform(1, 1 + width / 5)
        pieces, _ = ndimage.label(free & (((rows - row) / down) ** 2 + ((columns - column) / across) ** 2 < 1))
        ids[pieces == pieces[row, column]] = number
    return torch.from_numpy(ids).to(dtype)


def gap_weights_properties(student, rng):
    def case(ids, w0, sigma):
        return {"ids": torch.as_tensor(ids), "w0": w0, "sigma": sigma}

    def claim(text, *cases, mistakes=MISTAKES):
        return explained(text, student, list(cases), _weights, mistakes, _words, tol=1e-5)

    def drawn(size, numbers, w0, sigma, dtype=torch.int64):
        return case(_discs(rng, *size, numbers, dtype), w0, sigma)

    touching = torch.zeros(7, 9, dtype=torch.int64)
    touching[1:4, 1:4], touching[1:5, 4:6], touching[6, 7:] = 1, 2, 5
    pieces = torch.zeros(9, 8, dtype=torch.int64)
    pieces[1:3, 1:3], pieces[5:7, 1:3], pieces[2:8, 6:] = 4, 4, 2
    corner = torch.zeros(8, 11, dtype=torch.int64)
    corner[1:3, 1:4], corner[3:5, 4:6], corner[1:7, 9], corner[7, 0] = 3, 3, 1, 3
    yield claim(
        "the row on paper, and other rows",
        case([[1, 0, 0, 2, 2]], 10.0, 3.0),
        case([[2, 2, 0, 0, 0, 0, 1, 0, 0]], 4.0, 2.0),
        case([[0, 0, 1, 0, 2, 0, 0, 0, 3]], 10.0, 5.0),
    )
    yield claim(
        "two objects or more, any w0 and sigma",
        case([[1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 2], [0, 0, 0, 2, 2]], 10.0, 2.5),
        drawn((11, 14), [1, 2], 3.0, 4.0),
        drawn((17, 12), [1, 2, 3, 4], 10.0, 5.0),
        drawn((15, 23), [1, 2, 3, 4, 5, 6], 7.5, 1.5),
    )
    yield claim(
        "numbers that are left out, in any order and integer dtype",
        case([[3, 0, 0, 7], [3, 0, 0, 7], [3, 0, 0, 0]], 10.0, 2.0),
        drawn((13, 19), [200, 3, 7], 10.0, 5.0, torch.uint8),
        drawn((18, 11), [40, 12, 300, 9, 2], 5.0, 3.0, torch.int32),
    )
    yield claim(
        "objects that touch, and objects in several pieces",
        case(touching, 10.0, 5.0),
        case(pieces, 10.0, 3.0),
        case(corner, 6.0, 4.0),
    )
    yield claim(
        "fewer than two objects: no gap, no weights",
        case([[0, 0, 1, 0], [0, 1, 1, 0]], 10.0, 5.0),
        case(np.zeros((3, 5), int), 10.0, 5.0),
        drawn((9, 12), [7], 10.0, 5.0),
        case([[4, 4], [4, 4]], 10.0, 5.0),
        case([[1, 2, 2], [1, 1, 2]], 10.0, 5.0),
        mistakes=LONE_MISTAKES,
    )
