"""The question of exercise 08 that asks for a network: U-Net's double convolution, as in the paper and as it is today."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Property
from course_lib.grading.words import kind

KINDS = {
    "paper": [nn.Conv2d, nn.ReLU] * 2,
    "today": [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 2,
}
NAMES = ("the first convolution", "the second convolution")


def _layers(student, case: dict) -> tuple[nn.Sequential, list[nn.Module]]:
    """The answer's network and its layers; Failed where it has not two convolutions."""
    network = student(**case)
    if not isinstance(network, nn.Sequential):
        raise Failed(f"return an nn.Sequential, not {kind(network)}", case, network)
    layers = [layer for layer in network.modules() if not list(layer.children())]
    if (count := sum(isinstance(layer, nn.Conv2d) for layer in layers)) != 2:
        raise Failed(f"{count} Conv2d where two are wanted", case, network)
    return network, layers


def _convs(layers) -> list[nn.Conv2d]:
    return [layer for layer in layers if isinstance(layer, nn.Conv2d)]


def _conv_fault(layers, inputs: int, outputs: int, variant: str) -> str | None:
    """What is wrong with the two convolutions by themselves, in one sentence."""
    first, second = _convs(layers)
    if first.in_channels != inputs:
        return f"the first convolution takes {first.in_channels} channels where inputs={inputs}"
    if first.out_channels == inputs != outputs and second.out_channels == outputs:
        return f"the first convolution makes inputs={inputs} channels: it goes to outputs={outputs} at once, the second keeps them"
    if first.out_channels != outputs:
        return f"the first convolution makes {first.out_channels} channels where outputs={outputs}"
    if second.in_channels == inputs != outputs:
        return f"the second convolution takes inputs={inputs} channels: it reads what the first one made, outputs={outputs}"
    for conv, name in zip((first, second), NAMES, strict=True):
        if conv.out_channels != outputs:
            return f"{name} makes {conv.out_channels} channels where outputs={outputs}"
        if tuple(conv.kernel_size) != (3, 3):
            return f"{name} has the kernel {tuple(conv.kernel_size)} where (3, 3) is wanted"
        for setting in ("stride", "dilation", "groups"):
            if (value := getattr(conv, setting)) not in (1, (1, 1)):
                return f"{name} has {setting} {value}: it is 1"
        padding = 0 if variant == "paper" else 1
        if _pads(conv) != (padding, padding) and padding == 0:
            return f'{name} pads {_pads(conv)[0]}: the paper\'s are unpadded ("valid"), and each takes a pixel from every side'
        if _pads(conv) != (padding, padding):
            return f"{name} pads {_pads(conv)[0]}: today's variant pads 1, or the map would shrink"
        if padding and conv.padding_mode != "zeros":
            return f"{name} pads by {conv.padding_mode}: asked are zeros"
        if variant == "paper" and conv.bias is None:
            return f"{name} has no bias: the paper has no normalization, so its convolutions need theirs"
        if variant == "today" and conv.bias is not None:
            return f"{name} has a bias: BatchNorm2d behind it takes off the mean and the bias with it, so it learns nothing"
    return None


def _pads(conv: nn.Conv2d) -> tuple[int, int]:
    if isinstance(conv.padding, str):  # "same" or "valid"
        return tuple((side - 1) // 2 if conv.padding == "same" else 0 for side in conv.kernel_size)
    return tuple(conv.padding)


def _norm_fault(layers, outputs: int) -> str | None:
    """What is wrong with the normalizations by themselves, in one sentence."""
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    for norm, name in zip(norms, ("the first BatchNorm2d", "the second BatchNorm2d"), strict=False):
        if norm.num_features != outputs:
            return f"{name} has num_features={norm.num_features}: the convolution in front of it makes outputs={outputs} channels"
        if norm.weight is None:
            return f"{name} learns nothing (`affine=False`): today's learns two numbers for each channel"
        if norm.running_mean is None:
            return f"{name} keeps no running mean and variance (`track_running_stats=False`), which evaluation needs"
    return None


def _order_fault(layers, variant: str) -> str | None:
    """What is wrong with the layers around the convolutions, in one sentence."""
    kinds = [type(layer) for layer in layers]
    if kinds == KINDS[variant]:
        return None
    norms, relus = kinds.count(nn.BatchNorm2d), kinds.count(nn.ReLU)
    if variant == "paper" and norms:
        return "BatchNorm2d is in the paper's variant: the original U-Net has no normalization"
    if others := [kind.__name__ for kind in kinds if kind not in KINDS[variant]]:
        return f"{others[0]} is in it, which neither column of the table has"
    last = len(kinds) - 1 - kinds[::-1].index(nn.Conv2d)
    if relus < 2 and nn.ReLU not in kinds[last:]:
        return "no ReLU behind the second convolution: the up-convolution or the pooling comes next, and the paper has a ReLU behind each"
    if relus < 2:
        return "no ReLU behind the first convolution: without one, the two convolutions act as a single linear layer"
    if variant == "today" and norms < 2:
        return f"{norms} BatchNorm2d where two are wanted, one behind each convolution"
    if variant == "today" and kinds == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d] * 2:
        return "BatchNorm2d stands behind the ReLU: it comes between the convolution and the ReLU"
    if kinds[0] is not nn.Conv2d:
        return f"it begins with {kinds[0].__name__}: first the convolution, then what stands behind it"
    return f"the order is {', '.join(kind.__name__ for kind in kinds)}"


def _wanted(variant: str) -> str:
    return ", ".join(kind.__name__ for kind in KINDS[variant])


def _right_convolutions(claim: str, student, variant: str, *cases: tuple[int, int]) -> Property:
    cases = [{"inputs": a, "outputs": b, "variant": variant} for a, b in cases]

    def test():
        for case in cases:
            network, layers = _layers(student, case)
            if fault := _conv_fault(layers, **case):
                raise Failed(fault, case, network)

    return Property(claim, test=test)


def _draw(layers, rng) -> None:
    """Give all layers of a network random numbers, also the statistics of a normalization."""
    for layer in layers:
        for name, value in layer.state_dict().items():
            if value.is_floating_point():
                drawn = rng.uniform(0.5, 1.5, value.shape) if name == "running_var" else rng.normal(size=value.shape)
                value.copy_(torch.from_numpy(drawn / max(1, value[:1].numel()) ** 0.5))


def _reference(layers, maps: Tensor, training: bool, normalized: bool, padding: int) -> Tensor:
    """What the two convolutions, and the two normalizations, make of the maps in the order of the table."""
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    for i, conv in enumerate(_convs(layers)):
        maps = F.conv2d(maps, conv.weight, conv.bias, padding=padding)
        if normalized:
            norm = norms[i]
            mean, var = (None, None) if training else (norm.running_mean, norm.running_var)
            maps = F.batch_norm(maps, mean, var, norm.weight, norm.bias, training=training, eps=norm.eps)
        maps = F.relu(maps)
    return maps


def _computes(claim: str, student, rng, variant: str, modes: tuple[bool, ...], *cases) -> Property:
    """Maps of a size come out as the table says. modes: in training (True), in evaluation (False), or both."""
    normalized = variant == "today"
    cases = [
        ({"inputs": a, "outputs": b, "variant": variant}, rng.normal(size=(n, a, h, w))) for a, b, n, h, w in cases
    ]
    seed = int(rng.integers(1 << 32))

    def test():
        draws = type(rng)(type(rng.bit_generator)(seed))  # the same weights in every run
        for case, maps in cases:
            network, layers = _layers(student, case)
            fault = _conv_fault(layers, **case)
            if not fault and (fault := _order_fault(layers, variant)):
                fault += f"; wanted: {_wanted(variant)}"
            norms = sum(isinstance(layer, nn.BatchNorm2d) for layer in layers)
            if fault and normalized and norms != 2:
                raise Failed(fault, case, network)
            if normalized and (broken := _norm_fault(layers, case["outputs"])):
                raise Failed(fault or broken, case, network)
            maps, network = torch.from_numpy(maps), network.double()
            _draw(layers, draws)
            for training in modes:
                network.train(training)
                with torch.no_grad():
                    try:
                        want = _reference(layers, maps, training, normalized, int(normalized))
                        got = network(maps)
                    except Exception as error:
                        why = fault or f"the network stops with {type(error).__name__}: {str(error)[:200]}"
                        raise Failed(why, case, network) from None
                if why := difference(got, want, 1e-9):
                    why = fault or f"another map than wanted: {why}"
                    raise Failed(why, case, got[0], want[0])

    return Property(claim, test=test)


def double_conv_properties(student, rng):
    yield _right_convolutions(
        "paper: two 3x3 convolutions, unpadded, with a bias, of the right channels",
        student,
        "paper",
        (1, 2),
        (3, 5),
        (6, 4),
    )
    yield _computes(
        "paper: a ReLU behind each convolution, and nothing else",
        student,
        rng,
        "paper",
        (True, False),
        (1, 2, 1, 6, 6),
        (3, 5, 2, 7, 9),
        (6, 4, 3, 5, 8),
    )
    yield _right_convolutions(
        "today: two 3x3 convolutions, padded by 1, without a bias", student, "today", (1, 2), (3, 5), (6, 4)
    )
    today = ((1, 2, 2, 6, 6), (3, 5, 2, 7, 9), (6, 4, 3, 5, 8))
    yield _computes(
        "today, in training: each convolution, its batch normalization, then the ReLU",
        student,
        rng,
        "today",
        (True,),
        *today,
    )
    yield _computes(
        "today, in evaluation: the same with the running mean and variance", student, rng, "today", (False,), *today
    )
