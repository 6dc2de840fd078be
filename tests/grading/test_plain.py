"""Plain values: copies of base types, and what is none."""

import enum
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.grading.network import LAYERS, build, describe
from course_lib.grading.plain import Rejected, plain


class Sub(np.ndarray):
    @property
    def dtype(self):
        return np.dtype("int64")


def test_subclasses_become_their_base():
    Pair = namedtuple("Pair", "a b")
    Level = enum.IntEnum("Level", "LOW HIGH")
    values = [
        Pair(1, 2),
        OrderedDict(a=1),
        Level.HIGH,
        np.float64(1.5),
        np.bool_(True),
        np.int8(3),
        torch.Size([2, 3]),
        np.str_("a"),
    ]
    want = [(1, 2), {"a": 1}, 2, 1.5, True, 3, (2, 3), "a"]
    assert [type(plain(v)) for v in values[:-1]] == [type(w) for w in want[:-1]]
    assert plain(values[:-1]) == want[:-1]
    with pytest.raises(Rejected):
        plain(values[-1])
    array = plain(np.array([1.5]).view(Sub))
    assert (type(array), array.dtype, array.tolist()) == (np.ndarray, np.float64, [1.5])
    tensor = plain(nn.Parameter(torch.ones(2)))
    assert (type(tensor), tensor.requires_grad) == (torch.Tensor, False)
    assert type(plain(np.ma.masked_array([1, 2], [True, False]))) is np.ndarray


def test_byte_order_and_memory_order_are_made_native():
    array = plain(np.arange(6, dtype=">i4").reshape(2, 3).T)
    assert array.dtype.isnative
    assert array.flags.c_contiguous
    assert array.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_copies_share_nothing():
    array, tensor = np.zeros(2), torch.zeros(2)
    copies = plain({"a": array, "t": tensor})
    copies["a"] += 1
    copies["t"] += 1
    assert array.sum() == tensor.sum() == 0


class Twin(str):
    """A text that differs from all others, itself included."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        return False


def endless():
    items = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (range(3), "a range cannot be handed over"),
        (object(), "an object cannot be handed over"),
        (1j, "a complex cannot"),
        (b"", "a bytes cannot"),
        (2**63, "more than 64 bits"),
        (np.array([1, None]), "rows of different lengths?"),
        (np.array(["a"]), "a NumPy array of str"),
        (np.ones(2, complex), "complex128"),
        (np.zeros(2, [("a", "f8")]), "a NumPy array of void"),
        (np.datetime64("2020"), "datetime64"),
        (np.zeros((1,) * 9), "9 dimensions"),
        (np.broadcast_to(1.0, (2**14, 2**14)), "arrays of more than 256 MB"),
        (torch.ones(2, dtype=torch.complex64), "complex64"),
        (torch.ones(2, device="meta"), "on meta"),
        (torch.eye(2).to_sparse(), "sparse"),
        ({1.5: 1}, "keys other than"),
        ({True: 1}, "keys other than"),
        ({"a": 1, Twin("a"): 2}, "keys other than"),
        (endless(), "nested deeper"),
        ("\ud800", "surrogate"),
        ("a" * 200_000, "200000 characters"),
        (nn.LSTM(1, 1), "a network of LSTM"),
        (type("Mine", (nn.Conv2d,), {})(1, 1, 1), "a network of Mine"),
        (type("Conv2d", (nn.Module,), {})(), "a network of Conv2d"),
        (nn.Sequential(*[nn.ReLU()] * 2), "twice"),
    ],
)
def test_what_is_not_plain_is_named(value, says):
    with pytest.raises(Rejected, match=says.replace("?", r"\?").replace("(", r"\(")):
        plain(value)


SAMPLES = {
    "Conv1d": nn.Conv1d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2),
    "Conv2d": nn.Conv2d(2, 4, (3, 5), padding="same", padding_mode="reflect", bias=False),
    "ConvTranspose1d": nn.ConvTranspose1d(2, 4, 3, stride=2, output_padding=1),
    "ConvTranspose2d": nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=(1, 0)),
    "Linear": nn.Linear(3, 2, bias=False),
    "BatchNorm1d": nn.BatchNorm1d(3, affine=False),
    "BatchNorm2d": nn.BatchNorm2d(3, momentum=0.2, track_running_stats=False),
    "GroupNorm": nn.GroupNorm(2, 4),
    "LayerNorm": nn.LayerNorm((2, 3)),
    "MaxPool1d": nn.MaxPool1d(2),
    "MaxPool2d": nn.MaxPool2d(3, 2, 1, return_indices=True),
    "AvgPool2d": nn.AvgPool2d(2, count_include_pad=False),
    "AdaptiveAvgPool2d": nn.AdaptiveAvgPool2d((None, 3)),
    "AdaptiveMaxPool2d": nn.AdaptiveMaxPool2d(1),
    "Upsample": nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    "PixelShuffle": nn.PixelShuffle(2),
    "PixelUnshuffle": nn.PixelUnshuffle(2),
    "ZeroPad2d": nn.ZeroPad2d((1, 2, 3, 4)),
    "ReflectionPad2d": nn.ReflectionPad2d(1),
    "ReplicationPad2d": nn.ReplicationPad2d(1),
    "Flatten": nn.Flatten(2),
    "Dropout": nn.Dropout(0.1),
    "Dropout2d": nn.Dropout2d(0.1),
    "LeakyReLU": nn.LeakyReLU(0.3),
    "GELU": nn.GELU(approximate="tanh"),
    "Softmax": nn.Softmax(dim=1),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_every_layer_is_rebuilt(kind):
    layer = SAMPLES.get(kind) or getattr(nn, kind)()
    again = build(plain(describe(layer)))
    assert repr(again) == repr(layer)  # torch's own account of the settings
    assert all(torch.equal(a, b) for a, b in zip(layer.state_dict().values(), again.state_dict().values(), strict=True))
    assert list(layer.state_dict()) == list(again.state_dict())


def test_building_a_layer_makes_no_weights_of_its_own():
    description = plain(describe(nn.Conv2d(3, 8, 3)))
    before = torch.get_rng_state()
    build(description)
    assert torch.equal(torch.get_rng_state(), before)  # an initialisation would have drawn random numbers


def test_doubles_stay_doubles_and_rebuilt_layers_train():
    layer = plain(nn.Linear(2, 1).double())
    layer(torch.ones(1, 2).double()).sum().backward()
    assert layer.weight.grad.dtype == torch.float64
