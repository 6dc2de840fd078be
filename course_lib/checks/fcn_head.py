"""The question of exercise 06 that turns a classifier's head into convolutions and a score layer."""

import itertools
import math
import re
import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Property

KEPT = (nn.Conv2d, nn.ReLU, nn.Dropout2d, nn.Conv2d, nn.ReLU, nn.Dropout2d, nn.Conv2d)
NAMES = ("FC6", "FC7", "the score layer")


def _head(rng, channels: int, side: int, fc6: int, fc7: int, classes: int, p: float = 0.5) -> nn.Sequential:
    """A head with random weights and biases; draws no random numbers of the notebook."""
    sizes = (channels * side**2, fc6, fc7, classes)
    lines = [skip_init(nn.Linear, a, b) for a, b in itertools.pairwise(sizes)]
    for line in lines:
        for value in line.state_dict().values():
            value.copy_(torch.from_numpy(rng.normal(size=value.shape) / math.sqrt(line.in_features)))
    first, second, last = lines
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), nn.Dropout(p), second, nn.ReLU(), nn.Dropout(p), last)


def _case(rng, channels, side, fc6, fc7, classes, num_classes, padding=0, p=0.5) -> dict:
    head = _head(rng, channels, side, fc6, fc7, classes, p)
    return {"head": head, "channels": channels, "num_classes": num_classes, "padding": padding}


def _side(head, channels: int) -> int:
    return math.isqrt(head[1].in_features // channels)


def _features(head, channels: int, maps: Tensor, padding: int) -> Tensor:
    """What the head's FC7 says to every k x k window of the padded maps, (N, fc7, H', W')."""
    side = _side(head, channels)
    maps = F.pad(maps, [padding] * 4)
    height, width = (size - side + 1 for size in maps.shape[-2:])
    windows = F.unfold(maps, side).transpose(1, 2)  # (N, places, C * k * k), in the order of Flatten
    x = F.relu(F.linear(windows, head[1].weight.double(), head[1].bias.double()))
    x = F.relu(F.linear(x, head[4].weight.double(), head[4].bias.double()))
    return x.detach().transpose(1, 2).unflatten(2, (height, width))


def _layers(student, given: dict) -> list[nn.Module]:
    """The layers of the answer's network; Failed where they are not a head made of convolutions."""
    try:
        network = student(**given)
    except Failed as failed:
        raise Failed(_crash(failed.why, given), failed.given) from None
    if not isinstance(network, nn.Sequential):
        raise Failed(f"return an nn.Sequential, not {type(network).__name__}", given, network)
    layers = [layer for layer in network.modules() if not list(layer.children())]
    if any(isinstance(layer, nn.Flatten) for layer in layers):
        raise Failed("Flatten is still there: it throws the map's shape away, and convolutions need it", given, network)
    if any(isinstance(layer, nn.Linear) for layer in layers):
        raise Failed(
            "a Linear layer is still there: it takes one size only; all three become convolutions", given, network
        )
    if (count := sum(isinstance(layer, nn.Conv2d) for layer in layers)) != 3:
        raise Failed(f"it has {count} convolutions; FC6, FC7 and the score layer make three", given, network)
    return layers


def _crash(why: str, given: dict) -> str:
    """What went wrong before there was a network; about weights of a wrong shape a little more."""
    unlike = re.search(r"size mismatch for (\w+): copying a param with shape torch.Size\(\[([\d, ]*)\]\)", why)
    if unlike:
        return (
            f"a layer's {unlike[1]} is replaced by a tensor of shape ({unlike[2]}), which is not the layer's own: a "
            "convolution's weight is (out, in, rows, columns), so view the linear layer's like that"
        )
    if "is invalid for input of size" in why:
        fc6, channels = given["head"][1], given["channels"]
        return (
            f"{why} (here FC6 has {fc6.out_features} x {fc6.in_features} weights, and {fc6.in_features} = channels * k * k "
            f"with channels = {channels})"
        )
    return why


def _convs(layers) -> list[nn.Conv2d]:
    return [layer for layer in layers if isinstance(layer, nn.Conv2d)]


def _pads(conv: nn.Conv2d) -> tuple[int, int]:
    if isinstance(conv.padding, str):  # "same" or "valid"
        return tuple((side - 1) // 2 if conv.padding == "same" else 0 for side in conv.kernel_size)
    return tuple(conv.padding)


def _shape_fault(head, channels: int, padding: int, layers) -> str | None:
    """What is wrong with the kernels, the padding and the biases, in one sentence."""
    side, convs = _side(head, channels), _convs(layers)
    kernel = tuple(convs[0].kernel_size)
    if kernel == (1, 1) != (side, side):
        return (
            f"FC6 is a 1x1 convolution here: then it sees one cell, but each of its neurons sees all {side}x{side} cells "
            f"of the head's map, so its kernel is {side}x{side}; only the layers behind it become 1x1"
        )
    if side > 1 and side**2 in kernel:
        return f"FC6 has the kernel {kernel}: in_features // channels is k * k, the cells of the map; the kernel's side is k, {side}"
    if kernel != (side, side):
        return f"FC6 has the kernel {kernel}, but it sees {side}x{side} cells"
    for conv, name in zip(convs[1:], NAMES[1:], strict=True):
        if tuple(conv.kernel_size) != (1, 1):
            return f"{name} has the kernel {tuple(conv.kernel_size)}: behind FC6 there is one cell for each window, so it is 1x1"
        if _pads(conv) != (0, 0):
            return f"{name} pads {_pads(conv)[0]}: a 1x1 kernel needs no padding, only FC6 gets `padding`"
    for conv, name in zip(convs, NAMES, strict=True):
        if tuple(conv.stride) != (1, 1):
            return f"{name} has stride {conv.stride[0]}: it slides over every window, so the stride is 1"
        if conv.bias is None:
            return f"{name} has no bias: a linear layer's bias is the convolution's, one number for each output channel"
    if convs[0].padding == "same" and side != 2 * padding + 1:
        return f'FC6 has padding="same" where padding={padding} was asked for'
    if _pads(convs[0]) != (padding, padding):
        return f"FC6 pads {_pads(convs[0])[0]} where padding={padding} was asked for"
    return None


def _weight_fault(head, channels: int, layers) -> str | None:
    """How the weights of FC6 and FC7 were copied wrongly, in one sentence."""
    side = _side(head, channels)
    for line, conv, name in zip((head[1], head[4]), _convs(layers), NAMES, strict=False):
        old, new = line.weight.detach(), conv.weight.detach()
        n = len(old)
        right = old.view(n, -1, side, side) if name == "FC6" else old.view(n, -1, 1, 1)
        if new.shape != right.shape:
            return (
                f"{name} has weights {tuple(new.shape)} where {tuple(right.shape)} is wanted: (out, in, rows, columns)"
            )
        if difference(new.float(), right) is not None:
            known = {
                "with rows and columns exchanged: Flatten writes each channel row by row": right.transpose(2, 3),
                "flipped: PyTorch's convolution does not turn its kernel around, so copy it as it is": right.flip(2, 3),
                "from its transpose: Linear keeps its weight as (out, in), as the convolution does": (
                    old.T.reshape(right.shape)
                ),
            }
            if name == "FC6":
                order = "in the order rows, columns, channels: Flatten writes channel after channel, so view them as (out, C, k, k)"
                known[order] = old.reshape(n, side, side, -1).permute(0, 3, 1, 2)
            how = next((how for how, wrong in known.items() if difference(new.float(), wrong) is None), None)
            if how:
                return f"{name}'s weights are read {how}"
            if difference(new.float().flatten().sort().values, right.flatten().sort().values) is None:
                return f"{name} has the right weights in a wrong order: view them as {tuple(right.shape)}"
            return f"{name}'s weights are not the head's: copy them, a new convolution starts with random ones"
        if difference(conv.bias.detach().float(), line.bias.detach()) is not None:
            return f"{name}'s bias is not the head's: copy it too"
    return None


def _relu_fault(layers) -> str | None:
    kinds = [type(layer) for layer in layers]
    places = [i for i, kind in enumerate(kinds) if kind is nn.Conv2d]
    for a, b, name in zip(places, places[1:], NAMES, strict=False):
        if nn.ReLU not in kinds[a:b]:
            return f"there is no ReLU behind {name}: two convolutions without one are a single linear layer"
    return None


def _first_unlike(got: Tensor, want: Tensor) -> tuple[int, int]:
    """The picture and channel where two stacks of maps first differ; the first ones if their shapes do."""
    if got.shape != want.shape:
        return 0, 0
    unlike = ~((got - want).abs() <= 1e-9 * want.abs().clamp(min=1)).flatten(2).all(2)
    return tuple(unlike.nonzero()[0].tolist())


def _reads(claim: str, student, rng, *cases: tuple[dict, tuple[int, int]]) -> Property:
    """Everything before the score layer gives the head's FC7 for every window of maps of this size."""
    maps = [torch.from_numpy(rng.normal(size=(2, case["channels"], *size))) for case, size in cases]

    def test():
        for (case, _), images in zip(cases, maps, strict=True):
            head, channels, padding = (case[name] for name in ("head", "channels", "padding"))
            layers = _layers(student, case)
            fault = _shape_fault(head, channels, padding, layers) or _weight_fault(head, channels, layers)
            want = _features(head, channels, images, padding)
            before = layers[: layers.index(_convs(layers)[-1])]
            try:
                with torch.no_grad(), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    got = nn.Sequential(*before).double().eval()(images)
            except Exception as error:
                why = fault or f"the network stops with {type(error).__name__}: {str(error)[:200]}"
                raise Failed(why, case) from None
            if why := difference(got, want, 1e-9):
                why = fault or _relu_fault(layers) or f"FC7's map is not what the head says to each window: {why}"
                n, channel = _first_unlike(got, want)
                raise Failed(why, case, got[n, channel] if got.ndim == 4 else got, want[n, channel])

    return Property(claim, test=test)


def _score_layer(student, cases: list[dict]) -> Property:
    def test():
        for case in cases:
            layers = _layers(student, case)
            conv, hidden = _convs(layers)[-1], case["head"][4].out_features
            if layers[-1] is not conv:
                name = type(layers[-1]).__name__
                raise Failed(
                    f"the last layer is {name}: scores can have either sign, so nothing follows the score layer", case
                )
            if conv.weight.shape != (case["num_classes"], hidden, *conv.kernel_size):
                got = f"{conv.in_channels} channels in, {conv.out_channels} out"
                if conv.out_channels == case["head"][-1].out_features:
                    got += " (are these FC8's classes? FC8 is left out)"
                raise Failed(
                    f"the score layer has {got}; wanted are {hidden} in and num_classes={case['num_classes']} out", case
                )
            if tuple(conv.kernel_size) != (1, 1) or _pads(conv) != (0, 0):
                raise Failed(
                    "the score layer is a 1x1 convolution without padding: it scores every cell by itself", case
                )
            if conv.bias is None:
                raise Failed("the score layer has no bias: it has one, which starts at 0", case)
            if conv.weight.shape[:2] == case["head"][-1].weight.shape and torch.equal(
                conv.weight.flatten(1), case["head"][-1].weight
            ):
                raise Failed(
                    "these are the weights of FC8, which is left out: the score layer is new and starts at 0", case
                )
            for name in ("weight", "bias"):
                if getattr(conv, name).detach().abs().max() > 0:
                    raise Failed(f"the score layer's {name} does not start at 0: nn.Conv2d draws random numbers", case)

    return Property("the score layer is new: 1x1, num_classes channels, all weights and biases 0", test=test)


def _kinds(student, cases: list[dict]) -> Property:
    def test():
        for case in cases:
            layers = _layers(student, case)
            kinds, names = [type(layer) for layer in layers], ", ".join(type(layer).__name__ for layer in layers)
            if nn.Dropout in kinds:
                raise Failed(
                    "Dropout drops single cells of a map. In the head it dropped whole neurons; a neuron is a channel now, "
                    "so it becomes Dropout2d",
                    case,
                )
            if tuple(kinds) != KEPT:
                why = _relu_fault(layers) or f"the layers are {names}"
                if nn.Dropout2d not in kinds:
                    why = "the Dropouts are gone: training still needs them, as Dropout2d"
                raise Failed(f"{why}; wanted: Conv2d, ReLU, Dropout2d, twice, then Conv2d", case)
            wanted = [case["head"][place].p for place in (3, 6)]
            got = [layer.p for layer in layers if isinstance(layer, nn.Dropout2d)]
            if got != wanted:
                raise Failed(f"Dropout2d drops the shares {got}, the head {wanted}: hand `p` on", case)

    return Property(
        "ReLUs stay, each Dropout becomes a Dropout2d of the same share, and nothing else is there", test=test
    )


def head_to_scores_properties(student, rng):
    small = _case(rng, 2, 2, 3, 4, 5, 3)
    paper = _case(rng, 6, 7, 12, 8, 10, 21)
    yield _reads(
        "on a map of k x k cells, FC6 and FC7 give the head's own numbers",
        student,
        rng,
        (small, (2, 2)),
        (paper, (7, 7)),
        (_case(rng, 4, 3, 5, 7, 2, 6), (3, 3)),
    )
    yield _reads(
        "on a larger map they give the head's numbers for every window",
        student,
        rng,
        (_case(rng, 3, 2, 4, 4, 3, 2), (4, 3)),
        (paper, (9, 12)),
        (_case(rng, 5, 4, 6, 3, 8, 4), (5, 9)),
        (_case(rng, 7, 1, 5, 6, 4, 3), (3, 2)),
    )
    yield _reads(
        "FC6 pads what it is told, and nothing else pads",
        student,
        rng,
        (_case(rng, 3, 3, 4, 5, 2, 3, padding=1), (4, 5)),
        (_case(rng, 2, 7, 6, 4, 3, 5, padding=3), (1, 6)),
        (_case(rng, 4, 3, 3, 3, 3, 3, padding=2), (2, 3)),
    )
    same = _case(rng, 3, 3, 4, 5, 6, 6, padding=1, p=0.25)
    yield _score_layer(student, [small, same, _case(rng, 4, 2, 6, 6, 6, 2)])
    other = _case(rng, 2, 3, 4, 5, 3, 2, p=0.1)
    other["head"][6].p = 0.4
    yield _kinds(student, [same, other])
