"""Comparators: what counts as equal, and what is said where it is not."""

import math

import numpy as np
import pytest
import torch

from course_lib.checks import difference

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (1.0, 1.0 + 5e-7),
        (1e9, 1e9 + 100),  # relative above 1
        (NAN, NAN),
        (INF, INF),
        (2, 2.0),  # a whole number where a float is wanted
        (np.array(2.0), 2.0),
        (torch.tensor(True), True),
        (np.float32([1, 2]), np.float64([1, 2])),
        (np.array([NAN, INF, -INF]), np.array([NAN, INF, -INF])),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.uint8([1]), np.int64([1])),
        (torch.tensor([1.0]).bfloat16(), torch.tensor([1.0])),
        ([1, 2], (1, 2)),
        ({"b": 1, "a": np.ones(2)}, {"a": np.ones(2), "b": 1}),
        (None, None),
        ("same", "same"),
    ],
)
def test_equal(got, want):
    assert difference(got, want) is None


@pytest.mark.parametrize(
    ("got", "want", "says"),
    [
        (None, 1.0, "returned nothing"),
        (1.0, 1.1, "1.0 where 1.1 is wanted"),
        (NAN, 1.0, "nan where 1.0"),
        (1.0, NAN, "1.0 where nan"),
        (INF, -INF, "inf where -inf"),
        (True, 1, "truth values (bool) where whole numbers (int) are wanted"),
        (1.0, 1, "floats (float) where whole numbers"),
        (np.array([1, 2]), np.array([1.0, 2.0]), "whole numbers (int64) where floats (float64) are wanted"),
        ([1.0, 2.0], np.array([1.0, 2.0]), "a list where a NumPy array is wanted"),
        (torch.ones(2), np.ones(2), "a torch tensor where a NumPy array"),
        (np.ones((2, 1)), np.ones((1, 2)), "shape (2, 1) where (1, 2) is wanted"),
        (np.ones(1), 1.0, "a NumPy array of shape (1,) where one number is wanted"),
        (
            np.array([1.0, 5.0, 2.0, 9.0]),
            np.arange(1.0, 5.0),
            "3 of 4 values differ; the first, at [1], is 5.0 where 2.0",
        ),
        (np.array([[0.0, NAN]]), np.zeros((1, 2)), "1 of 2 values is NaN, the first at [0, 1]"),
        (np.array([0.0]), np.array([NAN]), "0.0 where nan"),
        ((1, 2), (1, 2, 3), "2 items where 3 are wanted"),
        ((1, (2, 4)), (1, (2, 3)), "item 1: item 1: 4 where 3"),
        ({"a": 1}, {"a": 1, "b": 2}, "the dict has no 'b'"),
        ({"a": 1, "b": 2}, {"a": 1}, "the dict has 'b' too"),
        ({"a": 1}, {"a": 2}, "under 'a': 1 where 2"),
        ("a", "b", "'a' where 'b' is wanted"),
        (1, "b", "1 where 'b' is wanted"),
        ("a", 1, "a text where a whole number is wanted"),
        (2**62 + 1, 2**62, "where"),  # exact, not as floats
        (np.array([False]), np.array([True]), "False where True"),
    ],
)
def test_different(got, want, says):
    assert says in difference(got, want)


def test_dtype_rules():
    single, double, whole = np.ones(2, np.float32), np.ones(2), np.ones(2, np.int64)
    assert difference(single, double, dtype="exact") == "dtype float32 where float64 is wanted"
    assert difference(torch.ones(2), torch.ones(2).double(), dtype="exact") == "dtype float32 where float64 is wanted"
    assert difference(whole, double, dtype="any") is None
    assert difference(2 * whole, double, dtype="any")


def test_tolerance_is_the_callers():
    assert difference(np.array([1.0]), np.array([1.001]), tol=0.01) is None
    assert difference(np.array([1.0]), np.array([1.0 + 1e-12]), tol=0.0)
