"""Comparators: what a given value has other than the wanted one, in one sentence.

Both values are plain (`course_lib.grading.plain`), so no `==` of a foreign object is ever asked.
"""

import numpy as np
import torch

from course_lib.grading.words import as_array, brief, kind, number

KINDS = {"b": "truth values", "i": "whole numbers", "u": "whole numbers", "f": "floats"}


def difference(got, want, tol: float = 1e-6, dtype: str = "kind") -> str | None:
    """Say how `got` differs from `want`, or None where they agree.

    Floats agree where |got - want| <= tol * max(1, |want|); NaN agrees with NaN, an infinity with itself. Truth values and
    whole numbers agree exactly. Lists and tuples are alike; so are a number and an array of no dimensions.
    dtype: "kind" asks for truth values, whole numbers or floats as in `want`, "exact" for the same dtype, "any" for none.
    """
    if got is None and want is not None:
        return "it returned nothing: is a `return` missing?"
    if want is None or isinstance(want, str):
        return None if type(got) is type(want) and got == want else f"{brief(got)} where {brief(want)} is wanted"
    if isinstance(want, dict):
        return _dicts(got, want, tol, dtype)
    if isinstance(want, list | tuple):
        return _sequences(got, want, tol, dtype)
    return _arrays(got, want, tol, dtype)


def _dicts(got, want: dict, tol, dtype) -> str | None:
    if not isinstance(got, dict):
        return f"{kind(got)} where a dict is wanted"
    if missing := [key for key in want if key not in got]:
        return f"the dict has no {missing[0]!r}"
    if extra := [key for key in got if key not in want]:
        return f"the dict has {extra[0]!r} too, which is not wanted"
    for key in want:
        if why := difference(got[key], want[key], tol, dtype):
            return f"under {key!r}: {why}"
    return None


def _sequences(got, want, tol, dtype) -> str | None:
    if not isinstance(got, list | tuple):
        return f"{kind(got)} where {kind(want)} of {len(want)} is wanted"
    if len(got) != len(want):
        return f"{len(got)} items where {len(want)} are wanted"
    for index, (left, right) in enumerate(zip(got, want, strict=True)):
        if why := difference(left, right, tol, dtype):
            return f"item {index}: {why}"
    return None


def _arrays(got, want, tol, dtype) -> str | None:
    left, right = as_array(got), as_array(want)
    if left is None:
        return f"{kind(got)} where {kind(want)} is wanted"
    if left.ndim and isinstance(got, torch.Tensor) != isinstance(want, torch.Tensor) and right.ndim:
        return f"{kind(got)} where {kind(want)} is wanted"
    if left.shape != right.shape:
        if not right.ndim:
            return f"{kind(got)} of shape {left.shape} where one number is wanted"
        return f"shape {left.shape} where {right.shape} is wanted"
    if why := _dtypes(got, want, left, right, dtype):
        return why
    wrong = ~agree(left, right, tol)
    return _values(left, right, wrong) if wrong.any() else None


def _dtypes(got, want, left, right, dtype: str) -> str | None:
    if dtype == "any":
        return None
    names = [str(v.dtype).removeprefix("torch.") if hasattr(v, "dtype") else type(v).__name__ for v in (got, want)]
    if dtype == "exact" and names[0] != names[1]:
        return f"dtype {names[0]} where {names[1]} is wanted"
    kinds = [KINDS[array.dtype.kind] for array in (left, right)]
    whole_is_fine = not right.ndim and kinds == ["whole numbers", "floats"]  # 0 for 0.0
    if kinds[0] != kinds[1] and not whole_is_fine:
        return f"{kinds[0]} ({names[0]}) where {kinds[1]} ({names[1]}) are wanted"
    return None


def agree(left: np.ndarray, right: np.ndarray, tol: float) -> np.ndarray:
    """Where two arrays of one shape agree: bool array of that shape, by the rule of `difference`."""
    if "f" not in (left.dtype.kind, right.dtype.kind):
        return np.asarray(left == right)
    left, right = left.astype(np.float64), right.astype(np.float64)
    with np.errstate(all="ignore"):
        close = np.abs(left - right) <= tol * np.maximum(1, np.abs(right))
    both_finite = np.isfinite(left) & np.isfinite(right)
    return np.where(both_finite, close, (left == right) | (np.isnan(left) & np.isnan(right)))


def first_index(mask: np.ndarray) -> tuple[int, ...]:
    """Where a bool array is first true, row by row."""
    return tuple(int(i) for i in np.unravel_index(mask.argmax(), mask.shape))


def _values(left, right, wrong) -> str:
    index = first_index(wrong)
    if not left.ndim:
        return f"{number(left[()])} where {number(right[()])} is wanted"
    nan = np.isnan(left) & ~np.isnan(right) if left.dtype.kind == "f" and right.dtype.kind == "f" else np.zeros(1, bool)
    if nan.any():
        first = ", ".join(map(str, first_index(nan)))
        return f"{nan.sum()} of {left.size} values {'is' if nan.sum() == 1 else 'are'} NaN, the first at [{first}]"
    count = (
        f"{wrong.sum()} of {wrong.size} values differ{'s' if wrong.sum() == 1 else ''}"
        if not wrong.all()
        else f"all {wrong.size} values differ"
    )
    place = ", ".join(map(str, index))
    return f"{count}; the first, at [{place}], is {number(left[index])} where {number(right[index])} is wanted"
