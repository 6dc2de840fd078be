"""The Python side of lesson 03's widgets: what they say, what they refuse, that the picture follows, and the operators they agree with."""

import functools
import re

import pytest
import torch
import traitlets
from torch import nn

from course_lib.ops import effective_size, input_gradient
from course_lib.widgets import dilation_explorer, receptive_field_painter


def test_describe_painter():
    assert receptive_field_painter([(3, 1), (3, 2, 2)], size=17).describe() == (
        "Receptive-field painter: input 17×17, padding same, layers kernel 3, stride 1, rate 1; kernel 3, stride 2, rate 2. "
        "Output cell 4 sees input cells 5 to 11. Field: 7×7 input cells. No holes: "
        "all 49 cells of the field are touched, the padding among them counted. "
        "Half of the paths end in its middle 5×5 cells, 95 % in 7×7."
    )
    painter = receptive_field_painter([(3, 1, 2)] * 3, size=9, padding="none")
    painter.previous = [[3, 1, 2]] * 2
    assert painter.describe().endswith(
        "Layer 3 spans 5 cells, but the map below it has 1: without padding it fits nowhere. "
        "Field: 13×13 input cells; before the last change 9×9, so 1.44 times as wide. "
        "Holes: 49 of the 169 cells of the field are touched (29.0 %), the padding among them counted. "
        "Half of the paths end in its middle 9×9 cells, 95 % in 13×13."
    )


def test_describe_explorer():
    explorer = dilation_explorer(3, 6, 65)
    explorer.position = [0, 64]
    assert explorer.describe() == (
        "Dilation explorer: kernel 3×3, rate 6, map 65×65. Extent: 6·(3 − 1) + 1 = 13; 9 taps, 160 zeros. "
        "At row 0, column 64: 4 of 9 taps inside the map. All 9 taps inside: 2809 of 4225 positions (66.5 %). "
        "Only 1 tap inside: 0 of 4225 positions (0 %)."
    )


@pytest.mark.parametrize("layers", [[(3,)] * 6, [(3, 1, 1), (3, 1, 2), (3, 1, 5)], [(3, 2), (5, 1), (3, 2)]])
def test_the_painter_agrees_with_the_gradient(layers):
    painter = receptive_field_painter(layers, size=65)
    net = nn.Sequential(
        *(nn.Conv2d(1, 1, x.kernel, x.stride, x.padding, x.dilation, bias=False) for x in painter.chain())
    )
    for layer in net:
        nn.init.ones_(layer.weight)
    gradient = input_gradient(net.double(), torch.zeros(1, 1, 65, 65, dtype=torch.float64), (painter.shown_cell(),) * 2)
    paths = painter.paths()[0]
    assert torch.equal(gradient, torch.outer(paths, paths))
    assert painter.middle(0.95) == effective_size(gradient, 0.95)
    assert painter.middle(0.5) == effective_size(gradient, 0.5)


def test_gridding():
    """Facts that lesson 03 quotes: three equal rates against 1, 2, 5."""
    assert "49 of the 169 cells" in receptive_field_painter([(3, 1, 2)] * 3).verdict()["holes"]
    assert "all 289 cells" in receptive_field_painter([(3, 1, 1), (3, 1, 2), (3, 1, 5)]).verdict()["holes"]


@pytest.mark.parametrize(
    ("rate", "all_nine", "only_one"),
    [(6, 0.665, 0), (12, 0.398, 0), (18, 0.199, 0), (24, 0.068, 0), (36, 0, 0.012), (60, 0, 0.716), (65, 0, 1)],
)
def test_a_large_rate_leaves_one_tap(rate, all_nine, only_one):
    """Shares of the positions of a 3×3 kernel on a 65×65 map that lesson 03 quotes."""
    count = dilation_explorer(3, rate, 65).positions()
    assert (round(count["all"] / 65**2, 3), round(count["one"] / 65**2, 3)) == (all_nine, only_one)


def test_zeros_kernel_is_the_dilated_convolution():
    explorer = dilation_explorer(3, 4, 11)
    x = torch.randn(1, 1, 11, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    same = nn.functional.conv2d(x, explorer.zeros_kernel()[None, None], padding=4)
    assert torch.allclose(same, nn.functional.conv2d(x, x.new_ones(1, 1, 3, 3), padding=4, dilation=4))


@functools.cache
def first_picture(make):
    return make().png()


@pytest.mark.parametrize("make", [receptive_field_painter, dilation_explorer])
def test_equal_states_give_equal_bytes(make):
    assert make().png() == first_picture(make)
    assert make().html() == make().html()


@pytest.mark.parametrize(
    ("make", "trait", "value"),
    [
        (receptive_field_painter, "layers", [[3, 1, 1], [3, 2, 1], [3, 1, 3]]),
        (receptive_field_painter, "size", 32),
        (receptive_field_painter, "padding", "none"),
        (receptive_field_painter, "cell", 0),
        (receptive_field_painter, "view", "touched"),
        (receptive_field_painter, "previous", [[3, 1, 1]]),
        (dilation_explorer, "kernel", 4),
        (dilation_explorer, "dilation", 40),
        (dilation_explorer, "size", 65),
        (dilation_explorer, "position", [0, 8]),
    ],
)
def test_the_picture_shows_the_state(make, trait, value):
    widget = make()
    setattr(widget, trait, value)
    assert widget.png() != first_picture(make)
    assert set(widget.state()) >= {trait, "size"}


@pytest.mark.parametrize(
    "widget",
    [
        receptive_field_painter([(7, 4, 8)] * 6, size=129),
        receptive_field_painter([(7, 1, 8)] * 6, size=5),
        receptive_field_painter([(7, 1, 8)], size=5, padding="none"),
        dilation_explorer(5, 65, 65),
        dilation_explorer(2, 65, 5),
        dilation_explorer(1, 1, 5),
    ],
    ids=lambda widget: widget.describe()[:50],
)
def test_extreme_states_have_a_picture(widget):
    assert widget.png().startswith(b"\x89PNG")


RULE = "receptive_field_painter: layers must be 1 to 6 of (kernel, stride, rate), got"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: receptive_field_painter(3), f"{RULE} 3"),
        (lambda: receptive_field_painter([3, 3]), f"{RULE} [3, 3]"),
        (lambda: receptive_field_painter([]), f"{RULE} 0 layers"),
        (lambda: receptive_field_painter([(3,)] * 7), f"{RULE} 7 layers"),
        (lambda: receptive_field_painter([(3,), (3, 1, 1, 1)]), f"{RULE} (3, 1, 1, 1) for layer 2"),
        (
            lambda: receptive_field_painter([(3,), (8, 1)]),
            "receptive_field_painter: kernel of layer 2 must be a whole number from 1 to 7, got 8",
        ),
        (
            lambda: receptive_field_painter([(3, 1, 0)]),
            "receptive_field_painter: rate of layer 1 must be a whole number from 1 to 8, got 0",
        ),
        (
            lambda: receptive_field_painter(size=130),
            "receptive_field_painter: size must be a whole number from 5 to 129, got 130",
        ),
        (
            lambda: receptive_field_painter(padding=1),
            'receptive_field_painter: padding must be "same" or "none", got 1',
        ),
        (lambda: dilation_explorer(6), "dilation_explorer: kernel must be a whole number from 1 to 5, got 6"),
        (lambda: dilation_explorer(3, 66), "dilation_explorer: dilation must be a whole number from 1 to 65, got 66"),
        (lambda: dilation_explorer(3, 2, 4), "dilation_explorer: size must be a whole number from 5 to 65, got 4"),
    ],
)
def test_refused_arguments(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_refused_traits():
    painter = receptive_field_painter()
    with pytest.raises(traitlets.TraitError, match="got 7 layers"):
        painter.layers = [[3, 1, 1]] * 7
    with pytest.raises(traitlets.TraitError, match="kernel of layer 1"):
        painter.previous = [[9, 1, 1]]
    assert painter.layers == [[3, 1, 1], [3, 2, 1], [3, 1, 1]]
    with pytest.raises(traitlets.TraitError):
        dilation_explorer().position = [-1, 0]
