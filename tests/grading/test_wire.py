"""The wire: what goes through it unchanged, and what it rejects."""

import json
import math
import random
import struct

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.grading import wire
from course_lib.grading.plain import MAX_DEPTH, NUMPY_TYPES, TORCH_TYPES, Rejected


def network() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2), nn.Sequential(nn.ReLU(), nn.Dropout(0.3))
    )
    net[1].eval()
    net[2].training = False  # the container alone
    return net


VALUES = {
    "numbers": [0, -1, 2**63 - 1, -(2**63), 0.0, -0.0, 1e-300, math.pi, math.inf, -math.inf, True, False, None],
    "texts": ["", "plain", "é → 💡", 'quote " \\ \n\x00'],
    "containers": ((), [], {}, (1, (2, [3, {"a": (4,), 5: None}]))),
    "arrays": [
        np.arange(12).reshape(3, 4).T,
        np.zeros((0, 3)),
        np.array(2.5),
        np.arange(3)[::-1],
        np.array([np.nan, np.inf]),
    ],
    "numpy dtypes": [np.array([0, 1], dtype) for dtype in NUMPY_TYPES.values()],
    "torch dtypes": [torch.tensor([0, 1]).to(dtype) for dtype in TORCH_TYPES.values()],
    "tensors": [
        torch.ones(2, 3, requires_grad=True),
        torch.zeros(0, 2),
        torch.tensor(1.5),
        torch.arange(6).reshape(2, 3).T,
    ],
}


def same(left, right) -> bool:
    """Equality of plain values, dtype and type included."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        return (
            left.dtype == right.dtype
            and left.shape == right.shape
            and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
        )
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return (
        (left == right and math.copysign(1, left or 0) == math.copysign(1, right or 0))
        if isinstance(left, float)
        else left == right
    )


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back_as_they_were(name):
    frame = wire.encode(VALUES[name])
    back = wire.decode(frame)
    assert same(wire.plain(VALUES[name]), back)
    assert wire.encode(back) == frame


def test_nan_comes_back():
    assert math.isnan(wire.decode(wire.encode(math.nan)))


def test_arrays_come_back_writable_and_apart():
    first, second = wire.decode(wire.encode([np.zeros(2), torch.zeros(2)])), np.zeros(2)
    first[0] += 1
    first[1] += 1
    assert second.tolist() == [0, 0]


def test_a_network_is_rebuilt_with_its_state_and_modes():
    net = network()
    back = wire.decode(wire.encode({"net": net}))["net"]
    x = torch.rand(1, 1, 4, 5)
    assert torch.equal(back.eval()(x), net.eval()(x))
    back = wire.decode(wire.encode(network()))
    assert [m.training for m in back.modules()] == [m.training for m in network().modules()]
    assert back[2][1].p == 0.3
    with torch.no_grad():
        back[0].weight.zero_()
    assert net[0].weight.abs().sum() > 0


def frame(tree, data: bytes = b"") -> bytes:
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return struct.pack("<4sQQ", wire.MAGIC, len(text), len(data)) + text + data


def conv_tree(**changes) -> dict:
    settings = {
        "in_channels": 1,
        "out_channels": 1,
        "kernel_size": 1,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
    }
    settings |= {"bias": False, "padding_mode": "zeros"} | changes
    state = {"dict": [["weight", {"tensor": ["float32", 1, 1, 1, 1]}]]}
    pairs = [
        ["class", "Conv2d"],
        ["training", True],
        ["settings", {"dict": [[k, v] for k, v in settings.items()]}],
        ["state", state],
    ]
    return {"network": {"dict": pairs}}


def test_the_frames_below_are_well_formed_but_for_their_fault():
    assert wire.decode(frame({"array": ["uint8", 2]}, b"ab")).tolist() == [97, 98]
    assert isinstance(wire.decode(frame(conv_tree(), bytes(4))), nn.Conv2d)


@pytest.mark.parametrize(
    "bad",
    {
        "empty": b"",
        "no head": b"seg1",
        "other magic": b"seg2" + frame(1)[4:],
        "trailing bytes": frame(1) + b"x",
        "missing bytes": frame([1, 2])[:-1],
        "a tree longer than the frame": struct.pack("<4sQQ", wire.MAGIC, 2**63, 2**63) + b"1",
        "a head that promises too much": struct.pack("<4sQQ", wire.MAGIC, 1, 2**40) + b"1",
        "data nobody asks for": frame(1, b"x"),
        "data too short": frame({"array": ["uint8", 3]}, b"ab"),
        "not JSON": frame(b"{"),
        "not UTF-8": frame(b'"\xff"'),
        "two documents": frame(b"1 2"),
        "bare NaN": frame(b"NaN"),
        "bare Infinity": frame(b"[-Infinity]"),
        "a float beyond all bounds": frame(b"1e999"),
        "a whole number of 65 bits": frame(2**64),
        "a whole number of 5000 digits": frame(b"9" * 5000),
        "half a surrogate pair": frame(b'"\\ud800"'),
        "equal keys in JSON": frame(b'{"tuple":[],"tuple":[1]}'),
        "two tags": frame({"tuple": [], "dict": []}),
        "no tag": frame({}),
        "unknown tag": frame({"pickle": []}),
        "equal keys": frame({"dict": [["a", 1], ["a", 2]]}),
        "equal numbers as keys": frame({"dict": [[1, 1], [1, 2]]}),
        "a list as key": frame({"dict": [[[1], 1]]}),
        "truth as key": frame({"dict": [[True, 1]]}),
        "a dict without pairs": frame({"dict": [1]}),
        "a tuple of nothing": frame({"tuple": None}),
        "a float by another name": frame({"float": "1e5"}),
        "a float by number": frame({"float": 1.0}),
        "object dtype": frame({"array": ["object", 1]}, b"12345678"),
        "dtype by number": frame({"array": [1, 1]}, b"1"),
        "no dtype": frame({"array": []}),
        "numpy only": frame({"tensor": ["uint16", 1]}, b"12"),
        "negative length": frame({"array": ["uint8", -1]}),
        "truth as length": frame({"array": ["uint8", True]}, b"1"),
        "float as length": frame({"array": ["uint8", 1.0]}, b"1"),
        "huge": frame({"array": ["uint8", 2**40]}),
        "huge, but empty": frame({"array": ["uint8", 2**40, 0]}),
        "huge product": frame({"array": ["uint8", 2**20, 2**20, 2**20, 2**20]}),
        "nine dimensions": frame({"array": ["uint8", *[1] * 9]}, b"1"),
        "truth of 2": frame({"array": ["bool", 2]}, b"\x01\x02"),
        "tensor truth of 255": frame({"tensor": ["bool", 1]}, b"\xff"),
        "deep": frame(b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2)),
        "very deep": frame(b"[" * 200_000 + b"]" * 200_000),
        "deep tags": frame(b'{"tuple":[' * 50_000 + b"]}" * 50_000),
        "many": frame([0] * 100_001),
        "a long text": frame("a" * 200_000),
        "a network of a number": frame({"network": 1}),
        "a network in a network": frame({"network": conv_tree()}, bytes(4)),
        "an unknown layer": frame(
            {
                "network": {
                    "dict": [["class", "LSTM"], ["training", True], ["settings", {"dict": []}], ["state", {"dict": []}]]
                }
            }
        ),
        "a private class": frame({"network": {"dict": [["class", "__class__"], ["training", True], ["layers", []]]}}),
        "a layer without state": frame({"network": {"dict": [["class", "Conv2d"]]}}),
        "settings that do not fit the state": frame(conv_tree(out_channels=2), bytes(4)),
        "a layer of huge size": frame(conv_tree(out_channels=2**40, in_channels=2**40), bytes(4)),
        "an unknown setting": frame(conv_tree(device="cpu"), bytes(4)),
        "nonsense as setting": frame(conv_tree(stride="two", groups=0), bytes(4)),
    }.items(),
    ids=lambda item: item[0],
)
def test_bad_frames_are_rejected_in_a_sentence(bad):
    with pytest.raises(Rejected) as caught:
        wire.decode(bad[1])
    assert 10 < len(str(caught.value)) < 400


def json_nodes(rng: random.Random, depth: int = 3):
    """A random tree of what frames are made of, mostly ill-formed."""
    tags = ["array", "tensor", "tuple", "dict", "float", "network", "list", ""]
    leaves = [
        0,
        1,
        -1,
        2**64,
        1.5,
        1e308,
        True,
        None,
        "",
        "float32",
        "bool",
        "uint8",
        "nan",
        "class",
        "Conv2d",
        "Sequential",
        "weight",
        "state",
    ]
    if depth == 0 or rng.random() < 0.3:
        return rng.choice(leaves)
    items = [json_nodes(rng, depth - 1) for _ in range(rng.randrange(4))]
    if rng.random() < 0.4:
        return items
    tag = rng.choice(tags)
    if tag in ("array", "tensor"):
        return {
            tag: [
                rng.choice(["float32", "uint8", "bool", "int64", "x"]),
                *(rng.choice([0, 1, 2, 3, -1, 2**33]) for _ in range(rng.randrange(4))),
            ]
        }
    if tag == "dict":
        return {tag: [[rng.choice(["a", "b", "class", "layers", 1]), item] for item in items]}
    return {tag: rng.choice([items, items[0] if items else None])}


JSON_BITS = [b"", b"0", b"1", b"9", b'"', b"[", b"]", b"{}", b"null", b"true", b"-", b"e9", b","]


def damaged(rng: random.Random, old: bytes, other: bytes) -> bytes:
    """Bytes with flipped bits, a part cut out, spliced with others, or with other bits of JSON."""
    at, kind = rng.randrange(len(old) + 1), rng.randrange(4)
    if kind == 0 and old:
        new = bytearray(old)
        for _ in range(rng.choice([1, 1, 2, 8])):
            new[rng.randrange(len(new))] ^= 1 << rng.randrange(8)
        return bytes(new)
    if kind == 1:
        return old[:at] + old[at + rng.choice([1, 2, 8, len(old)]) :]
    if kind == 2:
        return old[:at] + other[rng.randrange(len(other) + 1) :]
    return old[:at] + rng.choice(JSON_BITS) + old[at + rng.randrange(4) :]


def mutate(rng: random.Random, seeds: list[bytes]) -> bytes:
    """A damaged frame: as a whole, or in its tree or data below a head that fits; or one of random JSON."""
    old, other = rng.choice(seeds), rng.choice(seeds)
    kind = rng.randrange(5)
    if kind == 0:
        return damaged(rng, old, other)
    size = 20 + struct.unpack_from("<Q", old, 4)[0]
    tree, data = old[20:size], old[size:]
    if kind == 1:
        return frame(tree, damaged(rng, data, other))
    if kind == 2:
        return frame(json_nodes(rng), rng.choice([b"", data, bytes(rng.randrange(9))]))
    return frame(damaged(rng, tree, other[20:]), data)


def valid(value) -> bool:
    """Whether a value is of the kinds that may come off the wire."""
    if isinstance(value, list | tuple):
        return all(map(valid, value))
    if isinstance(value, dict):
        return all(type(key) in (str, int) and valid(item) for key, item in value.items())
    if isinstance(value, nn.Module):
        return all(not parameter.is_meta for parameter in value.parameters())
    return value is None or type(value) in (bool, int, float, str, np.ndarray, torch.Tensor)


def test_a_hundred_thousand_mutated_frames_are_rejected_or_read():
    rng = random.Random(2)
    seeds = [wire.encode(value) for value in (*VALUES.values(), network(), {"a": np.arange(6.0), "b": [1, (2.5, "c")]})]
    seeds += [frame(conv_tree(), bytes(4)), wire.encode((torch.ones(2, 3), {"stride": 2}))]
    read = 0
    for _ in range(100_000):
        mutated = mutate(rng, seeds)
        try:
            value = wire.decode(mutated)
        except Rejected:
            continue
        assert valid(value)
        read += 1
    assert 2_000 < read < 60_000  # both ends of the road were walked


def test_through_passes_both_ways_over_the_wire():
    seen = []

    def answer(x, names):
        seen.append((x, names))
        return x

    x = np.arange(3.0)
    back = wire.Through(answer)(x, names=["a"])
    assert back is not seen[0][0]
    assert seen[0][0] is not x
    assert back.tolist() == [0, 1, 2]
    with pytest.raises(Rejected):
        wire.Through(lambda: object())()
    with pytest.raises(Rejected):
        wire.Through(lambda f: 1)(f=print)
