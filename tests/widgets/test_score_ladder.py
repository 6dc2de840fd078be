"""The score ladder in Python: its sum, words, picture and arguments."""

import json

import numpy as np
import pytest
import torch
import traitlets

from course_lib.widgets import score_ladder
from course_lib.widgets.score_ladder import NAMES, STRIDES, upsampling


def arguments(**changes):
    rng = np.random.default_rng(0)
    given = {
        "scores": {
            name: rng.normal(size=(3, 64 // stride, 32 // stride)) for name, stride in zip(NAMES, STRIDES, strict=True)
        },
        "image": rng.random((64, 32, 3)),
        "truth": rng.integers(0, 3, (64, 32)),
        "classes": ["sky", "road", "car"],
        "colors": [[0, 0, 255], [90, 90, 90], [255, 0, 0]],
    }
    return {**given, **changes}


def test_upsampling_is_a_bilinear_transposed_convolution_with_zeros_outside():
    ones = upsampling(4, 32).sum(1)
    assert ones[4:-4] == pytest.approx(1)  # inside, a constant stays
    assert ones[0] == ones[-1] == pytest.approx(0.5 + 1 / 16)  # at the rim half of the weight lies outside
    assert upsampling(1, 32).shape == (32, 1)  # 1 -> 2 -> 4 -> 32


def test_words_on_scores_one_can_check():
    scores = {name: np.zeros((2, 32 // stride, 32 // stride)) for name, stride in zip(NAMES, STRIDES, strict=True)}
    scores["score_fr"][0], scores["score_pool4"][1], scores["score_pool3"][1] = 1, 1, 5
    truth = np.zeros((32, 32), int)
    truth[:, 16:] = 1
    truth[:8] = 255
    given = {"classes": ["sky", "road"], "colors": [[0] * 3, [9] * 3], "shown": "road"}
    ladder = score_ladder(scores, np.zeros((32, 32, 3)), truth, **given)
    assert ladder.verdict() == ["score_fr: 50 % of the pixels are right.", "road: 0 pixels predicted, 384 true, IoU 0."]
    ladder.amount = 2
    assert ladder.verdict() == [
        "score_fr + score_pool4 + score_pool3: 50 % of the pixels are right; "
        "100 % of the pixels have another class than with score_fr alone.",
        "road: 768 pixels predicted, 384 true, IoU 0.50.",
    ]


@pytest.mark.parametrize(("trait", "value"), [("amount", 1.5), ("shown", "car")])
def test_the_picture_shows_the_state(trait, value):
    one, two = score_ladder(**arguments()), score_ladder(**arguments())
    assert one.html() == two.html()
    setattr(two, trait, value)
    assert one.png() != two.png()
    assert one.describe() != two.describe()
    with pytest.raises(traitlets.TraitError):
        setattr(two, trait, {"amount": 3.0, "shown": "boat"}[trait])


def test_the_state_is_small():
    rng = np.random.default_rng(0)
    scores = {
        name: torch.tensor(rng.normal(size=(1, 9, 96 // s, 96 // s))) for name, s in zip(NAMES, STRIDES, strict=True)
    }
    names = [str(k) for k in range(9)]
    ladder = score_ladder(scores, rng.random((96, 96, 3)), classes=names, colors=np.zeros((9, 3), int))
    assert len(json.dumps(ladder.state())) < 70_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.zeros((64, 40, 3))}, "image is 64×40"),
        ({"image": np.zeros((288, 32, 3))}, "image is 288×32"),
        ({"classes": ["sky", "sky", "car"]}, "different names"),
        ({"colors": [[0, 0, 0]]}, r"colors have shape \(1, 3\)"),
        ({"scores": {"score_fr": np.zeros((3, 2, 1))}}, "must have the keys score_fr, score_pool4, score_pool3"),
        ({"scores": {name: np.zeros((3, 2, 1)) for name in NAMES}}, r"score_pool4 has shape \(3, 2, 1\)"),
        ({"truth": np.zeros((64, 64), int)}, r"truth has shape \(64, 64\)"),
        ({"truth": np.full((64, 32), 3)}, "labels 0 to 2"),
        ({"truth": np.zeros((64, 32))}, "integer labels"),
        ({"shown": "boat"}, "shown must be one of sky, road, car"),
        ({"amount": 2.5}, "amount must be a number from 0 to 2"),
    ],
)
def test_mistakes(change, message):
    with pytest.raises(ValueError, match=f"^score_ladder: .*{message}"):
        score_ladder(**arguments(**change))


def test_infinite_scores_are_named():
    given = arguments()
    given["scores"]["score_pool3"][0, 0, 0] = np.inf
    with pytest.raises(ValueError, match=r"score_pool3.*finite"):
        score_ladder(**given)
