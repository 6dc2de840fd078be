"""The two questions of exercise 07 about SegNet's decoder: the stages that mirror an encoder, and their run."""

import copy
import functools
import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks.answer import Failed
from course_lib.checks.core import Property
from course_lib.checks.mistakes import explained
from course_lib.grading.words import kind

# 3 · the mirror

OTHER = {
    "ConvTranspose2d": "the decoder's convolutions are plain ones, `nn.Conv2d`: the unpooling before them enlarges the map",
    "Upsample": "nothing in a stage enlarges the map: the unpooling comes before it, and is not part of the list",
    "MaxPool2d": "a decoder stage does not pool",
    "Softmax": "the last convolution gives scores, and nothing follows them: the softmax belongs to the loss",
    "Softmax2d": "the last convolution gives scores, and nothing follows them: the softmax belongs to the loss",
}


def _channels(counts, widths, num_classes) -> list[list[tuple[int, int]]]:
    """Channels in and out of each convolution, one list for each decoder stage in running order."""
    rows = [
        [width] * count + [after]
        for count, width, after in zip(counts, widths, [num_classes, *widths[:-1]], strict=True)
    ]
    return [list(itertools.pairwise(row)) for row in reversed(rows)]


def _remembered(student):
    """The answer, asked once for each case: several properties look at the same networks."""
    results = {}

    def ask(**case):
        if (key := str(case)) not in results:
            results[key] = student(**case)
        return copy.deepcopy(results[key])

    return ask


def _stages(student, case: dict) -> list[list[nn.Module]]:
    """The layers of each stage of the answer; Failed where they are not a decoder's."""
    try:
        stages = student(**case)
    except Failed as failed:
        if "network of ModuleList" in failed.why:
            raise Failed("return a list, not an nn.ModuleList: `list(modules)` makes one of it", case) from None
        raise
    if isinstance(stages, nn.Module):
        raise Failed("return a list with one nn.Sequential for each stage: the unpoolings come between them", case)
    if not isinstance(stages, list | tuple):
        raise Failed(f"return a list of nn.Sequential, not {kind(stages)}", case, stages)
    if wrong := [stage for stage in stages if not isinstance(stage, nn.Sequential)]:
        name = type(wrong[0]).__name__
        hint = ": put the layers of a stage into one nn.Sequential" if isinstance(wrong[0], nn.Module | list) else ""
        raise Failed(f"each item of the list is an nn.Sequential, not {name}{hint}", case)
    if len(stages) != len(case["counts"]):
        convs = sum(isinstance(layer, nn.Conv2d) for stage in stages for layer in stage.modules())
        end = ""
        if len(stages) == convs:
            end = ", one for each stage, not one for each convolution"
        elif len(stages) == len(case["counts"]) + 1:
            end = ": the scores are made by the last convolution of the last stage, not by a stage of their own"
        raise Failed(f"{len(stages)} networks for {len(case['counts'])} stages{end}", case)
    return [[layer for layer in stage.modules() if not list(layer.children())] for stage in stages]


def _convs(layers: list[nn.Module]) -> list[nn.Conv2d]:
    return [layer for layer in layers if isinstance(layer, nn.Conv2d)]


COUNT_MISTAKES = {  # what they make of the numbers of convolutions that are wanted, in running order
    "the stage that mirrors the encoder's last one runs first": lambda want: want[::-1],
    "the convolution that makes the scores is the last of the `counts[0]`, not one more": (
        lambda want: [*want[:-1], want[-1] + 1]
    ),
    "the convolution that narrows is the last of the `counts[i]`, not one more": (
        lambda want: [count + 1 for count in want]
    ),
}


def _counted(student, cases: list[dict]) -> Property:
    def test():
        answers = []
        for case in cases:
            stages = _stages(student, case)
            for layer in itertools.chain(*stages):
                if (name := type(layer).__name__) in OTHER:
                    raise Failed(OTHER[name], case)
            answers.append(([len(_convs(layers)) for layers in stages], case["counts"][::-1], case))
        for got, want, case in answers:
            if got != want:
                why = f"the stages have {got} convolutions, in running order, where {want} are wanted"
                fitting = (m for m, of in COUNT_MISTAKES.items() if all(g == of(w) for g, w, _ in answers))
                raise Failed(": ".join([why, *itertools.islice(fitting, 1)]), case)

    return Property("one network for each stage, the deepest first, and as many convolutions as it mirrors", test=test)


def _rows(row):
    """A decoder as a mistake makes it; row(here, after, count, i): the channels along the stage that mirrors stage i."""

    def mistake(counts, widths, num_classes):
        after = [num_classes, *widths]
        return [list(itertools.pairwise(row(widths[i], after[i], counts[i], i))) for i in range(len(counts))][::-1]

    return mistake


def _narrowed_at_the_start(counts, widths, num_classes):
    """Each stage begins with the channels of the deeper stage, and narrows to its own."""
    before = [*widths[1:], widths[-1]]
    rows = [[before[i]] + [widths[i]] * counts[i] for i in range(len(counts))]
    rows[0][-1] = num_classes
    return [list(itertools.pairwise(row)) for row in reversed(rows)]


CHANNEL_MISTAKES = {
    "each stage narrows in its *first* convolution, as the encoder widens there: in the mirror it is the last": _rows(
        lambda here, after, count, i: [here] + [after] * count
    ),
    "each stage narrows in its *first* convolution: in the encoder the first one widens, so in the mirror the last one narrows": _rows(
        lambda here, after, count, i: [here] + [after] * count if i else [here] * count + [after]
    ),
    "a stage begins with the channels of the deeper stage here: it begins with `widths[i]`, and its last convolution leads on": (
        _narrowed_at_the_start
    ),
    "no stage narrows: its last convolution leads on to the channels of the next stage": _rows(
        lambda here, after, count, i: [here] * count + [here if i else after]
    ),
    "the last convolution of all makes `num_classes` scores, not another map of `widths[0]` channels": _rows(
        lambda here, after, count, i: [here] * count + [after if i else here]
    ),
    "the last convolution of all makes `num_classes` scores, not the 3 channels of an image": _rows(
        lambda here, after, count, i: [here] * count + [after if i else 3]
    ),
    "these are the encoder's convolutions, from narrow to wide: a decoder stage receives `widths[i]` channels": _rows(
        lambda here, after, count, i: [after if i else 3] + [here] * count
    ),
}


def _pairs(layers: list[nn.Module]) -> list[tuple[int, int]]:
    return [(conv.in_channels, conv.out_channels) for conv in _convs(layers)]


def _channels_fault(answers: list[tuple[list, dict]]) -> tuple[str, dict] | None:
    """What is wrong with the channels, and the first case that shows it; answers: of each case, the pairs of each stage."""
    wrong = [(pairs, case) for pairs, case in answers if pairs != _channels(**case)]
    if not wrong:
        return None
    pairs, case = wrong[0]
    for message, mistake in CHANNEL_MISTAKES.items():
        if all(mistake(**given) == found for found, given in answers):
            return message, case
    want = _channels(**case)
    n, m = next((n, m) for n, stage in enumerate(want) for m, pair in enumerate(stage) if pairs[n][m] != pair)
    got, right = (f"{before} → {after}" for before, after in (pairs[n][m], want[n][m]))
    return f"stage {n + 1} in running order: convolution {m + 1} has {got} channels where {right} are wanted", case


def _narrowed(student, cases: list[dict]) -> Property:
    def test():
        answers = []
        for case in cases:
            pairs = [_pairs(layers) for layers in _stages(student, case)]
            if [len(stage) for stage in pairs] != case["counts"][::-1]:
                raise Failed("first mend the number of convolutions of each stage", case)
            answers.append((pairs, case))
        if fault := _channels_fault(answers):
            raise Failed(*fault)

    return Property(
        "the channels: each stage keeps its width, and its last convolution leads on to the next", test=test
    )


def _conv_fault(conv: nn.Conv2d) -> str | None:
    if tuple(conv.kernel_size) != (3, 3):
        return (
            f"a convolution has the kernel {tuple(conv.kernel_size)}: all are 3x3, also the one that makes the scores"
        )
    if tuple(conv.stride) != (1, 1):
        return f"a convolution has stride {conv.stride[0]}: the map keeps its size, so the stride is 1"
    if tuple(conv.dilation) != (1, 1) or conv.groups != 1:
        return "a convolution is dilated or grouped: all are plain 3x3 convolutions"
    if conv.padding != "same" and conv.padding != (1, 1):
        return (
            f"a 3x3 convolution has the padding {conv.padding}: to keep the map's size, it pads 1 on each side, or the "
            "places of the next unpooling would not fit"
        )
    return None


def _sized(student, cases: list[dict]) -> Property:
    def test():
        for case in cases:
            for layers in _stages(student, case):
                if fault := next(filter(None, map(_conv_fault, _convs(layers))), None):
                    raise Failed(fault, case)

    return Property("each convolution is 3x3 and keeps the map's size", test=test)


def _order_fault(layers: list[nn.Module], stage: str, last: bool) -> str | None:
    """What is wrong with the kinds of layers of one stage, in one sentence; in the last one, up to its last convolution."""
    names = [type(layer).__name__ for layer in layers if not isinstance(layer, nn.Identity)]
    want = ["Conv2d", "BatchNorm2d", "ReLU"] * len(_convs(layers))
    if last:
        names = names[: len(names) - names[::-1].index("Conv2d")]
        want = want[:-2]
    if names == want:
        return None
    if names == want[:-2]:
        return "the last convolution of this stage has no BatchNorm2d and no ReLU: only the very last one of the decoder goes without"
    if "BatchNorm2d" not in names and "BatchNorm2d" in want:
        return f"there is no BatchNorm2d in {stage}: one stands behind each convolution, but for the last of all"
    if "ReLU" not in names and "ReLU" in want:
        return f"there is no ReLU in {stage}: one stands behind each BatchNorm2d"
    if ("ReLU", "BatchNorm2d") in itertools.pairwise(names) and ("Conv2d", "ReLU") in itertools.pairwise(names):
        return "the ReLU stands before the BatchNorm2d here: it comes behind it"
    if names[0] != "Conv2d":
        return f"{names[0]} comes before the first convolution: BatchNorm2d and ReLU stand *behind* each convolution"
    return f"the layers of {stage} are {', '.join(names)}; wanted are {', '.join(want)}"


def _ending_fault(layers: list[nn.Module]) -> str | None:
    """What stands behind the last convolution of all."""
    names = [type(layer).__name__ for layer in layers if not isinstance(layer, nn.Identity)]
    if behind := names[len(names) - names[::-1].index("Conv2d") :]:
        return f"{', '.join(behind)} behind the scores: they can have either sign, and nothing follows them"
    return None


def _with_convs(student, case: dict) -> list[list[nn.Module]]:
    stages = _stages(student, case)
    if not all(map(_convs, stages)):
        raise Failed("a stage has no nn.Conv2d", case)
    return stages


def _ordered(student, cases: list[dict]) -> Property:
    def test():
        for case in cases:
            stages = _with_convs(student, case)
            for n, layers in enumerate(stages, 1):
                if why := _order_fault(layers, f"stage {n} in running order", n == len(stages)):
                    raise Failed(why, case)

    return Property("behind each convolution BatchNorm2d and ReLU, in this order", test=test)


def _ended(student, cases: list[dict]) -> Property:
    def test():
        for case in cases:
            if why := _ending_fault(_with_convs(student, case)[-1]):
                raise Failed(why, case)

    return Property("behind the scores, nothing", test=test)


def _runs(student, rng, cases: list[dict]) -> Property:
    """The stages, run one after the other on a map of any size, keep that size and end with the scores."""
    sizes = [tuple(int(side) for side in rng.integers(9, 14, 2)) for _ in cases]

    def test():
        for case, size in zip(cases, sizes, strict=True):
            x = torch.zeros(2, case["widths"][-1], *size, dtype=torch.float64)
            for n, layers in enumerate(_stages(student, case), 1):
                try:
                    with torch.no_grad():
                        got = nn.Sequential(*layers).double().eval()(x)
                except Exception as error:
                    channels = f"a map of {x.shape[1]} channels"
                    why = f"{type(error).__name__}: {str(error)[:160]}"
                    raise Failed(f"stage {n} in running order stops on {channels}: {why}", case) from None
                if got.shape[2:] != x.shape[2:]:
                    before, after = (" x ".join(map(str, y.shape[2:])) for y in (x, got))
                    raise Failed(f"stage {n} in running order turns {before} cells into {after}", case)
                x = got
            if x.shape[1] != case["num_classes"]:
                raise Failed(f"{x.shape[1]} channels come out where {case['num_classes']} scores are wanted", case)

    return Property("run one after the other, the stages turn a map into scores of the same size", test=test)


def mirror_properties(student, rng):
    def case(counts, widths, num_classes):
        return {"counts": counts, "widths": widths, "num_classes": num_classes}

    student, paper = _remembered(student), case([1, 2], [4, 8], 3)
    cases = [paper, case([2, 1, 3], [4, 6, 8], 5), case([1], [5], 2), case([2, 2, 3, 3, 3], [2, 4, 6, 8, 8], 11)]
    yield _counted(student, cases)
    yield _narrowed(student, cases)
    yield _sized(student, cases)
    yield _ordered(student, cases)
    yield _ended(student, cases)
    yield _runs(student, rng, cases)


# 4 · run the decoder


def _up(x: Tensor, where: Tensor, size) -> Tensor:
    return F.max_unpool2d(x, where, 2, output_size=tuple(size))


def _run(stage: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return stage(x)


def _decode(code, indices, sizes, stages, up=_up, order=tuple, pile=reversed) -> Tensor:
    """Unpool and run, stage by stage; the unpooling and both orders can be exchanged for wrong ones."""
    x = code
    for stage, where, size in zip(order(stages), pile(indices), pile(sizes), strict=True):
        x = _run(stage, up(x, where, size))
    return x


def _with(**steps):
    return functools.partial(_decode, **steps)


def _late(code, indices, sizes, stages):
    """The network before the unpooling."""
    x = code
    for stage, where, size in zip(stages, reversed(indices), reversed(sizes), strict=True):
        x = _up(_run(stage, x), where, size)
    return x


def _doubled(x: Tensor, where: Tensor, size) -> Tensor:
    return F.max_unpool2d(x, where, 2)


def _doubled_and_cut(x: Tensor, where: Tensor, size) -> Tensor:
    return F.max_unpool2d(x, where, 2)[..., : size[0], : size[1]]


def _stretched(mode: str):
    settings = {"mode": mode} | ({"align_corners": False} if mode == "bilinear" else {})
    return lambda x, where, size: F.interpolate(x, tuple(size), **settings)


def _corner(x: Tensor, where: Tensor, size) -> Tensor:
    out = x.new_zeros(*x.shape[:2], *size)
    out[..., ::2, ::2] = x
    return out


def _without_stages(code, indices, sizes, stages):
    x = code
    for where, size in zip(reversed(indices), reversed(sizes), strict=True):
        x = _up(x, where, size)
    return x


def _skipped(code, indices, sizes, stages, first: bool):
    """One stage is never run: the first, or the last."""
    x = code
    for n, (stage, where, size) in enumerate(zip(stages, reversed(indices), reversed(sizes), strict=True)):
        x = _up(x, where, size)
        if n != (0 if first else len(stages) - 1):
            x = _run(stage, x)
    return x


def _unpooled_only_once(code, indices, sizes, stages):
    x = _up(code, indices[-1], sizes[-1])
    for stage in stages:
        x = _run(stage, x)
    return x


def _unpooled_first(code, indices, sizes, stages):
    """All unpoolings, and then all stages."""
    x = _without_stages(code, indices, sizes, stages)
    for stage in stages:
        x = _run(stage, x)
    return x


def _once(code, indices, sizes, stages):
    return _decode(code, indices[-1:], sizes[-1:], stages[:1])


DECODE_MISTAKES = {
    "the network runs before the unpooling here: first unpool, so that it can fill the zeros": _late,
    "the stages run in the wrong order: the list is in running order, its first network comes first": _with(
        order=lambda stages: stages[::-1]
    ),
    "the indices and sizes of the *first* pooling come first here: the decoder begins with those of the last": _with(
        pile=tuple
    ),
    "the whole lists are read the wrong way round: stages in their order, indices and sizes from the end": _with(
        pile=tuple, order=lambda stages: stages[::-1]
    ),
    "each unpooling doubles the map here: it has the size from before its pooling, `sizes`": _with(up=_doubled),
    "each unpooling doubles the map, which is then cut: the rows were too long, and the places point elsewhere": _with(
        up=_doubled_and_cut
    ),
    "each unpooling doubles the map here, and the scores are cut at the end: each map gets its own size back": (
        lambda code, indices, sizes, stages: _decode(code, indices, sizes, stages, _doubled)[
            ..., : sizes[0][0], : sizes[0][1]
        ]
    ),
    "the maps are enlarged bilinearly here: the indices say where each value goes": _with(up=_stretched("bilinear")),
    "the maps are enlarged by repeating cells here: the indices say where each value goes": _with(up=_stretched("nearest")),
    "every value goes to the upper left cell of its window here: the indices say where it goes": _with(up=_corner),
    "only the code is unpooled: there is one unpooling before each stage": _unpooled_only_once,
    "all unpoolings come first here, and then all networks: each network runs right behind its unpooling": _unpooled_first,
    "only the first stage has run: is the `return` inside the loop?": _once,
    "the stages are missing: behind each unpooling, its network runs": _without_stages,
    "the first stage is missing: behind each unpooling, a network runs": functools.partial(_skipped, first=True),
    "the last stage is missing: it makes the scores": functools.partial(_skipped, first=False),
    "these are scores behind a ReLU: they can have either sign": lambda **case: _decode(**case).relu(),
    "these are probabilities, a softmax over the classes: asked are the scores": lambda **case: _decode(**case).softmax(1),
    "these are labels: asked are the scores": lambda **case: _decode(**case).argmax(1),
}  # fmt: skip


def _decode_words(failed: Failed) -> str:
    given = failed.given or {}
    if failed.want is not None:
        got, want = getattr(failed.got, "shape", ()), failed.want.shape
        if isinstance(failed.got, Tensor) and got == want and failed.got.dtype == torch.float32:
            return "the scores are float32 here: the code is float64, and it stays so"
        if len(got) == 4 and got[2:] != want[2:]:
            return f"the scores have {tuple(got[2:])} cells where {tuple(want[2:])} are wanted, the size before the first pooling"
        return failed.why
    if "sizes" not in given:
        return failed.why
    sizes = ", ".join(f"{height} x {width}" for height, width in reversed(given["sizes"]))
    shapes = f"the code has {' x '.join(map(str, given['code'].shape[2:]))} cells, and behind the unpoolings the maps have {sizes}"
    if "to have" in failed.why and "channels" in failed.why:
        return f"{failed.why} (unpool first, then run the network; the stages are in running order)"
    if any(word in failed.why for word in ("indices to be", "output_size", "Size does not match", "Expected index")):
        return (
            f"{failed.why} (is this map unpooled with what belongs to its own pooling, the last pooling's first? And has each "
            f"unpooling been told its size? {shapes[0].upper()}{shapes[1:]})"
        )
    if any(word in failed.why for word in ("out of bounds", "max index", "must match")):
        return f"{failed.why} ({shapes})"
    return failed.why


def decode_properties(student, rng):
    def network(before: int, here: int, after: int, last: bool) -> nn.Sequential:
        """One or two convolutions with random weights and statistics; draws no random numbers of the notebook."""
        layers = []
        for a, b in itertools.pairwise([before, here, after] if here else [before, after]):
            with torch.device("meta"):
                pair = [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b)]
            for layer in pair:
                layer.to_empty(device="cpu")
                for name, value in layer.state_dict().items():
                    if value.is_floating_point():
                        random = torch.from_numpy(rng.normal(size=value.shape))
                        value.copy_(random.abs() + 0.5 if "var" in name else random)
                    else:
                        value.zero_()
            layers += [*pair, nn.ReLU()]
        return nn.Sequential(*(layers[:-2] if last else layers)).double().eval()

    def case(samples, widths, num_classes, *size, deep=False):
        """An encoder's places and sizes; widths: of its stages. deep: two convolutions a stage."""
        indices, sizes = [], []
        for width in widths:
            sizes.append(tuple(size))
            x = torch.from_numpy(rng.normal(size=(samples, width, *size)))
            indices.append(F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)[1])
            size = indices[-1].shape[2:]
        code = torch.from_numpy(rng.normal(size=(samples, widths[-1], *size)))
        rows = zip(widths, [num_classes, *widths[:-1]], strict=True)
        stages = [network(here, here if deep else 0, after, not i) for i, (here, after) in enumerate(rows)]
        return {"code": code, "indices": indices, "sizes": sizes, "stages": stages[::-1]}

    def claim(text, *cases):
        return explained(text, student, list(cases), _decode, DECODE_MISTAKES, _decode_words, tol=1e-9)

    yield claim("one stage: unpool, then the network", case(1, [3], 3, 4, 6), case(2, [4], 4, 6, 4, deep=True))
    yield claim(
        "several stages of one width, even sizes", case(1, [3, 3], 3, 8, 4), case(2, [2, 2, 2], 2, 8, 16, deep=True)
    )
    yield claim("one stage, odd sizes", case(1, [2], 2, 3, 5), case(2, [3], 3, 7, 4, deep=True), case(1, [2], 2, 1, 5))
    yield claim(
        "several stages, odd sizes: each map gets its exact size back",
        case(1, [2, 2, 2], 2, 9, 7),
        case(2, [3, 3], 3, 5, 11, deep=True),
        case(1, [2, 2, 2, 2], 2, 13, 10),
    )
    yield claim(
        "stages of different widths, and another number of classes",
        case(2, [2, 4], 5, 6, 9),
        case(1, [2, 4, 6], 3, 11, 6, deep=True),
    )
