"""Feedback in words and as records; values in words."""

import json

import numpy as np
import pytest
import torch

from course_lib.checks import Property, Question, judge
from course_lib.grading import feedback
from course_lib.grading.plain import plain
from course_lib.grading.words import brief, call, code


def test_a_record_is_json_with_everything_an_instructor_asks_for():
    properties = [
        Property("fine", cases=[{"x": 1.0}], reference=lambda x: x),
        Property("not", cases=[{"x": np.array([1.0, np.nan])}], reference=lambda x: x + 1),
    ]
    record = feedback.record(judge(Question("q", "Q", 2, lambda s, r: properties), lambda x: x))
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["question"], record["points"], record["out_of"], record["attempted"]) == ("q", 1.0, 2.0, True)
    assert record["properties"][0] == {"claim": "fine", "passed": True, "why": ""}
    assert record["properties"][1]["input"] == "x = [ 1. nan]"
    assert record["properties"][1]["wanted"] == "[ 2. nan]"


@pytest.mark.parametrize(
    ("points", "out_of", "text"), [(1.0, 1.0, "1 of 1 point"), (1.5, 2, "1.5 of 2 points"), (0, 3, "0 of 3 points")]
)
def test_points_in_words(points, out_of, text):
    assert feedback.points_text(points, out_of) == text


@pytest.mark.parametrize(
    "value",
    [
        None, True, -3, 0.1, "it's", [], (1,), (1, [2, {"a": 3.5}]), np.arange(4), np.array([[0.1, 0.25]]), np.array([1, 2], np.uint8),
        np.array([True]), np.array(0.1, np.float32), torch.tensor([0.1, -2.0]), torch.tensor([1, 2]), torch.tensor([0.1]).double(),
        torch.tensor([True]), {"a": torch.tensor(1.5)},
    ],
)  # fmt: skip
def test_code_makes_the_value_again(value):
    again = eval(code(value), {"np": np, "torch": torch})
    assert type(again) is type(value)
    assert repr(again) == repr(value)


@pytest.mark.parametrize(
    "value", [np.array([np.nan]), float("inf"), np.zeros(100), np.zeros((0, 2)), [np.zeros(100)], torch.nn.ReLU()]
)
def test_long_or_unspeakable_values_have_no_code(value):
    assert code(value) is None
    assert call("f", {"x": value}) is None


def test_a_call_to_paste():
    assert call("f", {"x": np.array([1.0]), "n": 2}) == "f(x=np.array([1.0]), n=2)"
    assert call("f", {"x": torch.tensor([0.1])}) == "f(x=torch.tensor([0.1]))"
    assert call("f", {"argument 1": 2}) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([1.0, 2.5]), "[1.  2.5]"),
        (np.zeros((3, 40)), "float64 of shape (3, 40), from 0.0 to 0.0"),
        (torch.tensor([1.0] * 99 + [float("nan")]), "float32 of shape (100,), from 1.0 to 1.0, with NaN or infinities"),
        (np.zeros((0, 2)), "[]"),
        (np.zeros(100, bool), "bool of shape (100,), from False to False"),
        (0.1 + 0.2, "0.3"),
        (2.0, "2.0"),
        ([1, 2], "[1, 2]"),
        ((np.ones(1), 2), "a tuple of 2: [1.], 2"),
        ("x" * 300, "'" + "x" * 97 + " …"),
    ],
)
def test_values_in_a_line(value, text):
    assert brief(plain(value)) == text


def test_a_network_is_written_layer_by_layer():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.Sequential(torch.nn.ReLU())).eval()
    assert brief(network).split("\n") == [
        "a network of 2 layers, in evaluation mode:",
        "  0: Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2))",
        "  1.0: ReLU()",
    ]
    deep = torch.nn.Sequential(*(torch.nn.ReLU() for _ in range(40)))
    assert brief(deep).endswith("\n  ... 24 more layers")
