"""The two questions of exercise 03 that hand networks over: what a cell can see, and a stage without its strides."""

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.core import Property
from course_lib.checks.mistakes import explained
from course_lib.grading import network as description


def _conv(c_in: int, c_out: int, kernel, **settings) -> nn.Conv2d:
    return skip_init(nn.Conv2d, c_in, c_out, kernel, **settings)  # draws no random numbers of the notebook


def _up(c_in: int, c_out: int, kernel, **settings) -> nn.ConvTranspose2d:
    return skip_init(nn.ConvTranspose2d, c_in, c_out, kernel, **settings)


def _network(rng, *layers: nn.Module) -> nn.Sequential:
    """A network with random weights and, in batch normalization, random statistics."""
    network = nn.Sequential(*layers)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            noise = torch.from_numpy(rng.uniform(0.5, 1.5, value.shape)).to(value.dtype)
            signs = torch.from_numpy(rng.choice([-1.0, 1.0], value.shape)).to(value.dtype)
            value.copy_(noise if name.endswith("running_var") else noise * signs / max(1, value[0].numel()) ** 0.5)
    return network


def _pair(value) -> tuple:
    return tuple(value) if isinstance(value, list | tuple) else (value, value)


def _short(values: tuple) -> str:
    return str(values[0]) if values[0] == values[1] else str(values)


def _named(given: dict | None) -> str:
    """The network of a failed case, to follow a message: " (network: Conv2d 3 stride 2 → ReLU → MaxPool2d 2 stride 2)"."""
    if not given or "network" not in given:
        return ""
    words = []
    for layer in given["network"]:
        word = type(layer).__name__
        if hasattr(layer, "kernel_size"):
            word += f" {_short(_pair(layer.kernel_size))}"
            for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1)):
                value = _short(_pair(getattr(layer, name)))
                word += f" {name} {value}" if value != str(usual) else ""
        words.append(f"{word} {layer.scale_factor:g}" if isinstance(layer, nn.Upsample) else word)
    return f" (network: {' → '.join(words)})"


def _windows(layer: nn.Module, axis: int) -> tuple[int, int, int, int]:
    """Kernel, stride, padding and dilation of a layer along one axis."""
    return tuple(_pair(getattr(layer, name))[axis] for name in ("kernel_size", "stride", "padding", "dilation"))


# 5 · what can this cell see?


def _lengths(network, length: int, axis: int) -> list[int]:
    """The length of the picture and of every layer's map along one axis."""
    lengths = [length]
    for layer in network:
        if isinstance(layer, nn.Upsample):
            length *= int(layer.scale_factor)
        elif isinstance(layer, nn.ConvTranspose2d):
            kernel, stride, padding, dilation = _windows(layer, axis)
            length = (length - 1) * stride - 2 * padding + (kernel - 1) * dilation + 1
        elif hasattr(layer, "kernel_size"):
            kernel, stride, padding, dilation = _windows(layer, axis)
            length = (length + 2 * padding - (kernel - 1) * dilation - 1) // stride + 1
        lengths.append(length)
    return lengths


def _span(network, length: int, axis: int, cells, clip: str = "every") -> tuple[int, int]:
    """First and last pixel that some output cells can see along one axis; walks back from layer to layer.

    clip: "every" layer leaves out what lies outside its input, or only the "picture" does, or "none".
    """
    lengths = _lengths(network, length, axis)
    cells = set(cells)
    for place in reversed(range(len(network))):
        layer = network[place]
        if isinstance(layer, nn.Upsample):
            cells = {cell // int(layer.scale_factor) for cell in cells}
        elif hasattr(layer, "kernel_size"):
            kernel, stride, padding, dilation = _windows(layer, axis)
            taps = range(0, kernel * dilation, dilation)
            if isinstance(layer, nn.ConvTranspose2d):
                places = {cell + padding - tap for cell in cells for tap in taps}
                cells = {place // stride for place in places if place % stride == 0}
            else:
                cells = {cell * stride - padding + tap for cell in cells for tap in taps}
        if clip == "every" or (clip == "picture" and place == 0):
            cells = {cell for cell in cells if 0 <= cell < lengths[place]}
    return min(cells), max(cells)


def _box(network, shape, rows, columns, clip: str = "every") -> tuple[int, int, int, int]:
    """The box that the output cells rows x columns can see together."""
    top, bottom = _span(network, shape[1], 0, rows, clip)
    left, right = _span(network, shape[2], 1, columns, clip)
    return top, left, bottom + 1, right + 1


def _seen(network, shape, cell, clip: str = "every"):
    return _box(network, shape, [cell[0]], [cell[1]], clip)


def _map_size(network, shape) -> tuple[int, int]:
    return tuple(_lengths(network, shape[1 + axis], axis)[-1] for axis in (0, 1))


def _middle(network, shape, cell=None):
    return tuple(size // 2 for size in _map_size(network, shape))


def _around_the_step(network, shape, cell):
    """As if every field were centered on the pixel cell * jump."""
    sides = []
    for axis in (0, 1):
        first, last = _span(network, 10**6, axis, [1000], "none")
        jump = _span(network, 10**6, axis, [1001], "none")[0] - first
        half = (last - first + 1) // 2
        sides.append(
            (max(0, cell[axis] * jump - half), min(shape[1 + axis], cell[axis] * jump + half + 1 - (last - first) % 2))
        )
    return sides[0][0], sides[1][0], sides[0][1], sides[1][1]


def _union(*boxes):
    return tuple(pick(box[i] for box in boxes) for i, pick in enumerate((min, min, max, max)))


def _with_extent(network, shape, cell):
    top, left, bottom, right = _seen(network, shape, cell)
    return top, left, bottom - top, right - left


WHOLE_MAP = "this is what all output cells together can see: take the gradient of one cell, not of the whole map"
BOX_MISTAKES = {
    "bottom and right are exclusive: one past the last row and column that the cell can see": (
        lambda network, shape, cell: tuple(v - (i > 1) for i, v in enumerate(_seen(network, shape, cell)))
    ),
    "rows come first: the box is (top, left, bottom, right)": (
        lambda network, shape, cell: tuple(_seen(network, shape, cell)[i] for i in (1, 0, 3, 2))
    ),
    "the order is (top, left, bottom, right); yours is (top, bottom, left, right)": (
        lambda network, shape, cell: tuple(_seen(network, shape, cell)[i] for i in (0, 2, 1, 3))
    ),
    "the last two numbers are the height and the width of the box: asked are its bottom and its right": _with_extent,
    "the cell is (row, column): this is the box of the cell with the two exchanged": (
        lambda network, shape, cell: _seen(network, shape, cell[::-1])
    ),
    "this is the box of the cell in the middle of the map: ask for the given one": (
        lambda network, shape, cell: _seen(network, shape, _middle(network, shape))
    ),
    "this is the box of the first cell: ask for the given one": (
        lambda network, shape, cell: _seen(network, shape, (0, 0))
    ),
    WHOLE_MAP: (
        lambda network, shape, cell: _box(network, shape, *map(range, _map_size(network, shape)))
    ),
    "the box leaves the picture: pixels of the padding do not exist, so cut it at the border": (
        lambda network, shape, cell: _seen(network, shape, cell, "none")
    ),
    "cutting the window at the picture is not enough: a stride can leave out the last rows, dilated taps can step over the first": (
        lambda network, shape, cell: _seen(network, shape, cell, "picture")
    ),
    "the box lies around the pixel cell * jump: an even kernel, or less padding than half a kernel, moves the window": _around_the_step,
    "the gradients of two cells, this one and the middle one, have added up: `.grad` keeps what an earlier backward left there": (
        lambda network, shape, cell: _union(_seen(network, shape, cell), _seen(network, shape, _middle(network, shape)))
    ),
}  # fmt: skip


EMPTY = ("size 0", "numel() == 0", "zero-size", "empty")  # what errors say where no pixel has a gradient
SMALL = "some pixels that this cell can see are missing"
LARGE = "it holds rows or columns that this cell can never see (is the gradient of another cell still in `.grad`?)"


def _boxes(claim: str, student, cases: list[dict], small: str = SMALL, large: str = LARGE, aside: str = "") -> Property:
    """The answer's box is the wanted one. small, large, aside: what a box inside, around or beside it comes from here."""
    mistakes = {message: wrong for message, wrong in BOX_MISTAKES.items() if large is LARGE or message != WHOLE_MAP}
    return explained(
        claim, student, cases, _seen, mistakes, lambda failed: _box_words(failed, small, large, aside), aside=_named
    )


def _box_words(failed: Failed, small: str, large: str, aside: str) -> str:
    """Why a box is not the wanted one, as far as can be told from it."""
    got, want = failed.got, failed.want
    if want is None:  # it crashed
        special = small is not SMALL and any(words in failed.why for words in EMPTY)
        return f"{failed.why} (what is special here: {small})" if special else failed.why
    if not (isinstance(got, list | tuple) and len(got) == 4 and all(type(value) is int for value in got)):
        return failed.why
    if got[0] >= got[2] or got[1] >= got[3]:
        return f"the box is empty: {aside or small}"
    if _union(got, want) == tuple(want):
        return f"the box is too small: {small}"
    if _union(got, want) == tuple(got):
        return f"the box is too large: {large}"
    sides = zip(("top", "left", "bottom", "right"), got, want, strict=True)
    why = "the box lies elsewhere: " + ", ".join(f"{side} is {x}, wanted {y}" for side, x, y in sides if x != y)
    return f"{why} ({aside})" if aside else why


def seen_box_properties(student, rng):
    def case(layers, shape, *cells, change=None):
        network = _network(rng, *layers)
        if change:
            with torch.no_grad():
                change(network)
        return [{"network": network, "shape": shape, "cell": cell} for cell in cells]

    yield _boxes(
        "convolutions of stride 1, a cell inside",
        student,
        case([_conv(1, 2, (3, 2))], (1, 9, 12), (2, 6))
        + case([_conv(3, 4, 3, padding=1), _conv(4, 2, 3, padding=2, dilation=2)], (3, 13, 17), (5, 9)),
    )
    layers = [_conv(2, 3, (3, 2), stride=2, padding=1), _conv(3, 2, 3, padding=1), _conv(2, 1, 3, stride=2)]
    yield _boxes(
        "strides, even kernels, cells anywhere up to the border",
        student,
        case([_conv(1, 2, (4, 2), stride=2)], (1, 13, 11), (1, 3))
        + case(layers, (2, 20, 31), (0, 0), (3, 2))
        + case([_conv(1, 1, 3, stride=3), _conv(1, 2, 3, padding=1)], (1, 17, 14), (4, 1), (0, 2))
        + case([_conv(1, 2, 3, padding=1, dilation=2), _conv(2, 1, 2, stride=2)], (1, 12, 15), (0, 2), (4, 5)),
    )
    yield _boxes(
        "ReLUs that happen to be shut",
        student,
        case([_conv(1, 2, 3), nn.ReLU(), _conv(2, 1, 3, padding=1)], (1, 9, 11), (3, 4), (6, 2), change=_shut),
        "the ReLU is shut for any ordinary picture and passes no gradient; with other weights it would be open",
    )
    yield _boxes(
        "weights that happen to be 0",
        student,
        case([_conv(1, 2, 5, padding=2), _conv(2, 1, (2, 3))], (1, 12, 15), (4, 6), (0, 9), change=_blank),
        "some weights are 0 by chance, and a 0 passes no gradient; with other weights the cell sees farther",
    )
    yield _boxes(
        "weights that happen to cancel",
        student,
        case([_conv(1, 2, 3, padding=1), _conv(2, 2, (3, 2))], (1, 10, 9), (3, 4), change=_opposite)
        + case([_conv(1, 2, 3, padding=1), _conv(2, 1, 1)], (1, 10, 9), (3, 4), change=_twins),
        "with these weights the gradients of two channels are each other's negative, and their sum is 0; other weights would not cancel",
    )
    yield _boxes(
        "max pooling: any pixel of the window may win",
        student,
        case([_conv(2, 3, 3, padding=1), nn.MaxPool2d(4), _conv(3, 1, 1)], (2, 18, 23), (2, 3), (3, 0))
        + case([nn.MaxPool2d(3, 2, 1), _conv(1, 2, 3), nn.MaxPool2d(3, 3)], (1, 21, 26), (0, 0)),
        "a maximum passes the gradient only to the pixel that won; in another picture another one wins",
    )
    layers = [_conv(2, 3, 3, stride=2, padding=1), nn.BatchNorm2d(3), _conv(3, 4, 3, padding=1), nn.BatchNorm2d(4)]
    yield _boxes(
        "batch normalization, handed over in training mode",
        student,
        case([*layers, _conv(4, 1, 1)], (2, 19, 25), (4, 7), (9, 0)),
        SMALL,
        "in training mode a normalization takes its mean over all pixels, so everything depends on everything; asked is evaluation mode",
    )
    layers = [_conv(1, 2, 3, stride=2, padding=1), nn.Upsample(scale_factor=2), _conv(2, 1, 3, padding=1)]
    yield _boxes(
        "networks that grow again: even and odd cells differ",
        student,
        case([_up(2, 2, (3, 2), stride=2), _conv(2, 1, 1)], (2, 8, 9), (6, 9), (7, 4))
        + case(layers, (1, 14, 19), (5, 8), (6, 17))
        + case([_conv(1, 2, 2, stride=2), _up(2, 1, 4, stride=2, padding=1)], (1, 12, 17), (4, 4), (5, 9)),
        aside="size and jump of a chain that only shrinks do not describe a layer that makes its map larger",
    )


def _shut(network) -> None:
    network[0].bias.fill_(-1e4)


def _blank(network) -> None:
    network[0].weight[..., [0, 4]] = 0


def _opposite(network) -> None:
    network[1].weight[1] = -network[1].weight[0]


def _twins(network) -> None:
    network[0].weight[1] = network[0].weight[0]
    network[1].weight[0] = torch.tensor([0.5, -0.5]).view(2, 1, 1)  # halves are exact: the sum is 0, not nearly 0


# 6 · the same network, dense


def _is_window(layer) -> bool:
    return isinstance(layer, nn.Conv2d | nn.MaxPool2d)


def _dense(network) -> nn.Sequential:
    network, rate = copy.deepcopy(network), 1
    for layer in filter(_is_window, network):
        _, strides, padding, dilation = zip(_windows(layer, 0), _windows(layer, 1), strict=True)
        layer.stride, layer.padding, layer.dilation = 1, _times(padding, rate), _times(dilation, rate)
        rate *= strides[0]
    return network


def _times(values: tuple, factor: int) -> tuple:
    return tuple(value * factor for value in values)


def _strides(network) -> list[int]:
    return [_pair(layer.stride)[0] for layer in network if _is_window(layer)]


def _fault(network, dense) -> str | None:
    """The first setting of the new network's layers that is not right, with the reason; None where the layers do not match."""
    missing = sum(map(_is_window, network)) - sum(map(_is_window, dense))
    if missing > 0 and len(dense) < len(network):
        return "a convolution or pooling of the old network is missing: all layers stay, they only lose their strides"
    if [type(layer) for layer in network] != [type(layer) for layer in dense]:
        return None
    passed = []  # strides removed so far
    for place, (old, new) in enumerate(zip(network, dense, strict=True)):
        if _is_window(old):
            name = f"the {'convolution' if isinstance(old, nn.Conv2d) else 'pooling'} network[{place}]"
            if why := _stride_fault(old, new) or _rate_fault(old, new, passed) or _padding_fault(old, new, passed):
                return f"{name} {why}"
            passed.append(_pair(old.stride)[0])
    return None


def _stride_fault(old, new) -> str | None:
    for setting in ("stride", "padding", "dilation"):
        if len(_pair(getattr(new, setting))) != 2:
            return f"has the {setting} {getattr(new, setting)}: multiplying a tuple repeats it, so multiply its two numbers"
    if _pair(new.stride) == (1, 1):
        return None
    if isinstance(old, nn.MaxPool2d) and _pair(new.stride) == _pair(old.stride):
        return f"still has stride {_pair(old.stride)[0]}: pooling makes the map coarser too, so it loses its stride like a convolution"
    return f"has stride {_pair(new.stride)}: every stride becomes 1"


def _rate_fault(old, new, passed: list[int]) -> str | None:
    own, got, rate = _pair(old.dilation), _pair(new.dilation), math.prod(passed)
    want, stride = _times(own, rate), _pair(old.stride)[0]
    if got == want or _pair(old.kernel_size) == (1, 1):
        return None
    facts = f"has dilation {_short(got)} where {_short(want)} is needed"
    if stride > 1 and got == _times(want, stride):
        return f"{facts}: it lost a stride of {stride} itself, which spreads only the layers after it"
    if got == own:
        return f"{facts}: strides removed before it ({_listed(passed)}) have moved its neighbors {rate} cells apart"
    if own != (1, 1) and got == (rate, rate):
        return f"{facts}: its own dilation {_short(own)} is overwritten, it must be multiplied"
    if got in (_times(own, passed[-1]), _times(own, next((s for s in passed[::-1] if s > 1), 1))):
        return f"{facts}: only the last removed stride counts there; all of them multiply ({_listed(passed)})"
    if got == _times(own, sum(s for s in passed if s > 1)):
        return f"{facts}: the strides removed before it are added; they multiply ({_listed(passed)})"
    if got == tuple(value + rate - 1 for value in own) or got == tuple(value + rate for value in own):
        return f"{facts}: the rate is added to its own dilation; it multiplies"
    return f"{facts}: strides removed before it: {_listed(passed) or 'none'}"


def _padding_fault(old, new, passed: list[int]) -> str | None:
    own, got, rate = _pair(old.padding), _pair(new.padding), math.prod(passed)
    want = _times(own, rate)
    if got == want:
        return None
    facts = f"has padding {_short(got)} where {_short(want)} is needed"
    if got == own:
        return f"{facts}: its taps reach {rate} times as far now, so the padding must grow with them"
    if own == (0, 0):
        return f"{facts}: it had no padding and gets none; the old network did not see zeros there either"
    if rate == 1:
        return f"{facts}: no stride was removed before it, so its padding stays"
    return f"{facts}: its old padding times the strides removed before it, {rate}"


def _state_fault(network, dense) -> str | None:
    """What the weights and statistics of the new network have other than the old one's."""
    old, new = list(network.state_dict().items()), list(dense.state_dict().values())
    if [value.shape for _, value in old] != [value.shape for value in new]:
        return "the new network must hold the weights and statistics of the old one, of the same shapes, no more and no fewer"
    for (name, value), mine in zip(old, new, strict=True):
        if why := difference(mine, value):
            return f"the new network's {name} is not the old one's: {why}"
    return None


def _listed(strides: list[int]) -> str:
    return " and ".join(str(stride) for stride in strides if stride > 1)


def _same(one, other) -> bool:
    return difference(description.describe(one), description.describe(other)) is None


def _two_networks(student, given: dict) -> tuple[nn.Module, nn.Module]:
    got = student(**given)
    if isinstance(got, nn.Module):
        raise Failed("it returned one network: return the pair (network, dense), the given one and the new one", given)
    if not isinstance(got, list | tuple) or len(got) != 2 or not all(isinstance(item, nn.Sequential) for item in got):
        raise Failed("return the pair (network, dense), both of them nn.Sequential", given)
    if _same(got[1], given["network"]) and not _same(got[0], given["network"]):
        raise Failed("the pair is the wrong way round: the given network comes first, the new one second", given)
    return got


def _run(dense, images: Tensor, network, given: dict) -> Tensor:
    """The new network's map in evaluation mode; Failed where it cannot be run."""
    try:
        with torch.no_grad():
            out = dense.eval()(images)
    except Exception as error:
        why = _fault(network, dense) or f"the new network stops with {type(error).__name__}: {str(error)[:200]}"
        raise Failed(why, given) from None
    if not isinstance(out, Tensor) or out.dim() != 4:
        raise Failed("the new network does not return a map (N, C, H, W)", given)
    return out


def _dense_maps(claim: str, student, rng, *cases: tuple[list[nn.Module], tuple[int, int]]) -> Property:
    """The new network's map is the old one at every s-th cell, and the old network's answer in between."""
    networks = [_network(rng, *layers).double().eval() for layers, _ in cases]
    pictures = [torch.from_numpy(rng.normal(size=(2, _channels(layers), *size))) for layers, size in cases]

    def test():
        for network, images in zip(networks, pictures, strict=True):
            given = {"network": network}
            dense = _two_networks(student, given)[1]
            with torch.no_grad():
                old, want = network(images), _dense(network)(images)
            out, stride = _run(dense, images, network, given), math.prod(_strides(network))
            got = out[..., ::stride, ::stride]
            if why := difference(got, old, 1e-9, "any"):
                why = (
                    _fault(network, dense)
                    or _state_fault(network, dense)
                    or f"dense(x)[..., ::{stride}, ::{stride}] is not network(x): {why}"
                )
                below = f"below: dense(x)[0, 0, ::{stride}, ::{stride}] and network(x)[0, 0]"
                raise Failed(f"{why}{_named(given)}; {below}", given, _plane(got), _plane(old))
            if why := difference(out, want, 1e-9, "any"):
                why = f"the cells that the old map has are right, but those between are not the old network's answers there: {why}"
                raise Failed(f"{why}{_named(given)}", given, _plane(out), _plane(want))

    return Property(claim, test=test)


def _channels(layers) -> int:
    return next(layer.in_channels for layer in layers if isinstance(layer, nn.Conv2d))


def _plane(maps: Tensor) -> Tensor:
    return maps[0, 0] if maps.numel() else maps


def make_dense_properties(student, rng):
    yield _dense_maps(
        "a stride becomes 1, and the kernel after it is dilated",
        student,
        rng,
        ([_conv(1, 2, 3, stride=2), nn.ReLU(), _conv(2, 1, 3)], (15, 18)),
        ([_conv(2, 3, 2, stride=3), _conv(3, 2, (2, 3))], (17, 16)),
    )
    yield _dense_maps(
        "padding grows with the rate",
        student,
        rng,
        ([_conv(1, 2, 3, stride=2, padding=1), nn.ReLU(), _conv(2, 2, 3, padding=1)], (12, 9)),
        ([_conv(2, 3, 3, padding=1), _conv(3, 2, 3, stride=2), _conv(2, 1, (3, 5), padding=(1, 2))], (14, 17)),
    )
    yield _dense_maps(
        "several strides multiply",
        student,
        rng,
        (
            [
                *(_conv(1, 2, 3, stride=2, padding=1), nn.BatchNorm2d(2), nn.ReLU()),
                *(_conv(2, 3, 3, stride=3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), _conv(3, 2, 3, padding=1)),
            ],
            (23, 31),
        ),
        ([_conv(1, 2, 1, stride=2), _conv(2, 2, 3, stride=2, padding=1), _conv(2, 1, 2, stride=2)], (33, 26)),
    )
    yield _dense_maps(
        "pooling loses its stride too, and is dilated like a kernel",
        student,
        rng,
        ([nn.MaxPool2d(2), _conv(1, 2, 3, padding=1)], (11, 14)),
        (
            [
                *(_conv(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
                *(_conv(2, 3, 3, padding=1), nn.MaxPool2d(2), _conv(3, 1, 3, padding=1)),
            ],
            (21, 26),
        ),
        ([_conv(1, 2, 2, stride=2), nn.MaxPool2d(3, 1), _conv(2, 1, 3)], (22, 19)),
    )
    layers = [_conv(2, 4, 3, stride=2, padding=2, dilation=2), _conv(4, 4, 3, padding=3, dilation=3, groups=2)]
    yield _dense_maps(
        "layers that are dilated already, grouped layers, layers without bias",
        student,
        rng,
        (layers, (15, 20)),
        ([_conv(1, 2, 3, stride=2, bias=False), _conv(2, 3, 3, padding=1, dilation=(1, 2), bias=False)], (17, 21)),
    )
    network = _network(rng, _conv(2, 3, 3, stride=2, padding=1), nn.BatchNorm2d(3), nn.ReLU(), _conv(3, 2, 3)).eval()
    given = {"network": network}

    def keeps_its_weights():
        if why := _state_fault(network, _two_networks(student, given)[1]):
            raise Failed(why, given)

    yield Property("it has the weights and statistics of the old network, of the same shapes", test=keeps_its_weights)

    def leaves_the_old_alone():
        first, _ = _two_networks(student, given)
        if _same(first, network):
            return
        if _strides(first) != _strides(network):
            why = "the given network has lost its stride too: a new nn.Sequential holds the same layers, so make a deep copy first"
            raise Failed(why, given)
        raise Failed("the first network of the pair is not as it came in: change a deep copy instead", given)

    yield Property("the given network stays as it is", test=leaves_the_old_alone)
