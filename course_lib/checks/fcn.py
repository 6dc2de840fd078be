"""Exercise 06: a classifier becomes a segmenter. The head, the sum of two score maps, the first kernels, the sizes, the crops."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.core import Question
from course_lib.checks.fcn_crops import crop_offsets_properties
from course_lib.checks.fcn_head import head_to_scores_properties
from course_lib.checks.fcn_sizes import fcn_sizes_properties
from course_lib.checks.mistakes import explained

# 2 · double, lay over, add


def _doubled(coarse: Tensor, kernel: Tensor) -> Tensor:
    """Each class by itself, stride 2, no padding: (N, C, 2h + 2, 2w + 2)."""
    classes = coarse.shape[1]
    return F.conv_transpose2d(coarse, kernel.expand(classes, 1, 4, 4), stride=2, groups=classes)


def _overlap(up: Tensor, skip: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """The parts of both maps that lie on each other, if the first cell of `up` lies on cell (offset, offset) of `skip`."""
    return _cut(up[..., max(-offset, 0) :, max(-offset, 0) :], skip[..., max(offset, 0) :, max(offset, 0) :])


def _cut(up: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
    height, width = (min(a, b) for a, b in zip(up.shape[-2:], skip.shape[-2:], strict=True))
    return up[..., :height, :width], skip[..., :height, :width]


def _fuse(coarse, skip, kernel, offset, double=_doubled, lay=_overlap, join=torch.add) -> Tensor:
    """The sum; each of the three steps can be exchanged for a wrong one."""
    return join(*lay(double(coarse, kernel), skip, offset))


def _into_all(coarse: Tensor, kernel: Tensor) -> Tensor:
    """As if the weight held the kernel for every pair of classes."""
    return _doubled(coarse.sum(1, keepdim=True).expand(coarse.shape), kernel)


def _resized(coarse: Tensor, mode: str) -> Tensor:
    size = [2 * side for side in coarse.shape[-2:]]
    return F.interpolate(coarse, size=size, mode=mode, align_corners=False if mode == "bilinear" else None)


def _centered(up: Tensor, skip: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """Both maps cut to the smaller size, around their middles."""
    parts = []
    sizes = [min(a, b) for a, b in zip(up.shape[-2:], skip.shape[-2:], strict=True)]
    for maps in (up, skip):
        top, left = ((side - size) // 2 for side, size in zip(maps.shape[-2:], sizes, strict=True))
        parts.append(maps[..., top : top + sizes[0], left : left + sizes[1]])
    return tuple(parts)


def _at_the_end(up: Tensor, skip: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    height, width = (min(a, b) for a, b in zip(up.shape[-2:], skip.shape[-2:], strict=True))
    return up[..., -height:, -width:], skip[..., -height:, -width:]


def _rows_only(up: Tensor, skip: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    return _cut(up[..., max(-offset, 0) :, :], skip[..., max(offset, 0) :, :])


def _both_sides(up: Tensor, skip: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """The offset cut off at all four sides."""
    o, u = max(offset, 0), max(-offset, 0)
    end = [side - o for side in skip.shape[-2:]]
    close = [side - u for side in up.shape[-2:]]
    return _cut(up[..., u : close[0], u : close[1]], skip[..., o : end[0], o : end[1]])


def _padded(up: Tensor, skip: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """The doubled map, with zeros around it, in the place that it has over the whole skip."""
    whole = torch.zeros_like(skip)
    part, _ = _overlap(up, skip, offset)
    o = max(offset, 0)
    whole[..., o : o + part.shape[-2], o : o + part.shape[-1]] = part
    return whole, skip


def _stretched(up: Tensor, skip: Tensor, offset: int, smooth: bool = True) -> tuple[Tensor, Tensor]:
    mode = {"mode": "bilinear", "align_corners": False} if smooth else {"mode": "nearest"}
    return F.interpolate(up, size=skip.shape[-2:], **mode), skip


def _shrunk(up: Tensor, skip: Tensor, offset: int, smooth: bool = True) -> tuple[Tensor, Tensor]:
    mode = {"mode": "bilinear", "align_corners": False} if smooth else {"mode": "nearest"}
    return up, F.interpolate(skip, size=up.shape[-2:], **mode)


def _square(up: Tensor, skip: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """Both maps cut to the smallest of their four sides."""
    up, skip = _overlap(up, skip, offset)
    side = min(up.shape[-2:])
    return up[..., :side, :side], skip[..., :side, :side]


def _not_cut_behind(up: Tensor, skip: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """As large as the doubled map, with zeros where the skip's has ended."""
    part = skip[..., max(offset, 0) :, max(offset, 0) :]
    up = up[..., max(-offset, 0) :, max(-offset, 0) :]
    whole = torch.zeros_like(up)
    height, width = (min(a, b) for a, b in zip(up.shape[-2:], part.shape[-2:], strict=True))
    whole[..., :height, :width] = part[..., :height, :width]
    return up, whole


def _with(**steps):
    return functools.partial(_fuse, **steps)


def _overwritten(coarse: Tensor, kernel: Tensor) -> Tensor:
    """Each stamp takes the place of what the stamps before it have left there."""
    up = coarse.new_zeros(*coarse.shape[:2], *(2 * side + 2 for side in coarse.shape[-2:]))
    for i in range(coarse.shape[-2]):
        for j in range(coarse.shape[-1]):
            up[..., 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] = coarse[..., i, j, None, None] * kernel
    return up


def _first_picture(coarse: Tensor, kernel: Tensor) -> Tensor:
    return _doubled(coarse[:1].expand(coarse.shape), kernel)


def _first_class(coarse, kernel):
    up = _doubled(coarse, kernel)
    up[:, 1:] = 0
    return up


FUSE_MISTAKES = {
    "the two maps are averaged: FCN adds the scores": _with(join=lambda up, skip: (up + skip) / 2),
    "the two maps are multiplied: FCN adds the scores": _with(join=torch.mul),
    "of each cell the larger score is kept: FCN adds the scores": _with(join=torch.maximum),
    "the skip's scores are missing: add them": _with(join=lambda up, skip: up),
    "these are the skip's scores alone: add the doubled map": _with(join=lambda up, skip: skip),
    "the maps are concatenated along the channels, as features are elsewhere: FCN adds scores, class by class": _with(
        join=lambda up, skip: torch.cat([up, skip], 1)
    ),
    "the skip's scores are cropped in the middle: the offset says where the doubled map begins": _with(lay=_centered),
    "the offset is not used: both maps are laid corner to corner here": _with(lay=lambda up, skip, o: _cut(up, skip)),
    "the maps are laid together at their ends here: the offset counts from the first row and column": _with(
        lay=_at_the_end
    ),
    "the offset is cut off the wrong map: a positive offset is the skip's surplus, a negative one the doubled map's": _with(
        lay=lambda up, skip, o: _overlap(up, skip, -o)
    ),
    "the offset is cut off both maps: that moves neither over the other": _with(
        lay=lambda up, skip, o: _cut(up[..., abs(o) :, abs(o) :], skip[..., abs(o) :, abs(o) :])
    ),
    "a negative offset is ignored: then the doubled map begins before the skip's, and its first rows and columns go": _with(
        lay=lambda up, skip, o: _overlap(up, skip, max(o, 0))
    ),
    "a negative offset is cut off the skip's scores: it says how much of the *doubled* map to cut": _with(
        lay=lambda up, skip, o: _overlap(up, skip, abs(o))
    ),
    "skip[offset:] with a negative offset counts from the end, and keeps the last cells only": _with(
        lay=lambda up, skip, o: _cut(up, skip[..., o:, o:])
    ),
    "a negative offset is cut off behind the doubled map: its first rows and columns are those that lie outside": _with(
        lay=lambda up, skip, o: _cut(up[..., :o, :o], skip) if o < 0 else _overlap(up, skip, o)
    ),
    "the doubled map begins one cell too late here: its first cell comes on row `offset`, counted from 0": _with(
        lay=lambda up, skip, o: _overlap(up, skip, o + 1)
    ),
    "the doubled map begins one cell too early here: its first cell comes on row `offset`, counted from 0": _with(
        lay=lambda up, skip, o: _overlap(up, skip, o - 1)
    ),
    "the offset is doubled: it already counts cells of the skip's map": _with(
        lay=lambda up, skip, o: _overlap(up, skip, 2 * o)
    ),
    "the sum is cut to a square: take the smaller height and the smaller width, each by itself": _with(lay=_square),
    "where only the doubled map has a cell, there is no sum: it can reach past the skip's last row or column": _with(
        lay=_not_cut_behind
    ),
    "only rows are cropped: the offset holds for columns too": _with(lay=_rows_only),
    "the offset is cut off on all sides: it counts in front only, and what is too much goes at the end": _with(
        lay=_both_sides
    ),
    "where only the skip has a cell, there is no sum: the result is the part that both maps share": _with(lay=_padded),
    "the doubled map is stretched to the skip's size: crop, because resizing would move the scores": _with(lay=_stretched),
    "the doubled map is stretched (nearest) to the skip's size: crop, because resizing would move the scores": _with(
        lay=functools.partial(_stretched, smooth=False)
    ),
    "the skip's scores are resized to the doubled map: crop, because resizing would move them": _with(lay=_shrunk),
    "the skip's scores are resized (nearest) to the doubled map: crop, because resizing would move them": _with(
        lay=functools.partial(_shrunk, smooth=False)
    ),
    "each cell is repeated (nearest): the doubling is a transposed convolution with `kernel`": _with(
        double=lambda coarse, kernel: _resized(coarse, "nearest")
    ),
    "F.interpolate doubles to exactly 2h x 2w, without `kernel`: the unpadded transposed convolution gives 2h + 2, 2w + 2": _with(
        double=lambda coarse, kernel: _resized(coarse, "bilinear")
    ),
    "the doubled map has lost a row and column on each side, as with padding=1: there is no padding here": _with(
        double=lambda coarse, kernel: _doubled(coarse, kernel)[..., 1:-1, 1:-1]
    ),
    "every class gets the stamps of all classes: the kernel belongs on the diagonal of the weight (or groups=C)": _with(
        double=_into_all
    ),
    "every class gets the mean of all classes: the kernel belongs on the diagonal of the weight (or groups=C)": _with(
        double=lambda coarse, kernel: _into_all(coarse, kernel) / coarse.shape[1]
    ),
    "only the first class is doubled: the weight holds the kernel for every class": _with(double=_first_class),
    "every class gets the first one's scores: double each class by itself": _with(
        double=lambda coarse, kernel: _doubled(coarse[:, :1].expand(coarse.shape), kernel)
    ),
    "every picture gets the first one's scores: double each picture by itself": _with(double=_first_picture),
    "stamps overwrite each other: where they overlap, a transposed convolution adds them": _with(double=_overwritten),
    "the kernel is turned around: a stamp is the kernel as it is": _with(
        double=lambda coarse, kernel: _doubled(coarse, kernel.flip(0, 1))
    ),
    "the kernel's rows and columns are exchanged": _with(double=lambda coarse, kernel: _doubled(coarse, kernel.T)),
    "this is the bilinear kernel, not the one that is given: training may have changed it": _with(
        double=lambda coarse, kernel: _doubled(coarse, _weight(1, 2)[0, 0].to(kernel))
    ),
}  # fmt: skip


def _fuse_words(failed: Failed) -> str:
    got, want = getattr(failed.got, "shape", ()), getattr(failed.want, "shape", ())
    if not failed.given or "skip" not in failed.given:
        return failed.why
    skip, coarse = failed.given["skip"].shape[-2:], failed.given["coarse"].shape[-2:]
    up = tuple(2 * side + 2 for side in coarse)
    if failed.want is None and "must match" in failed.why:
        return f"{failed.why} (the doubled map has {up} cells, the skip's {tuple(skip)}, the offset is {failed.given['offset']})"
    if len(got) == len(want) == 4 and got[:2] == want[:2] and got != want:
        return (
            f"the sum has {tuple(got[2:])} cells where {tuple(want[2:])} are wanted: with offset {failed.given['offset']}, "
            f"these are the cells that the doubled map {up} and the skip's {tuple(skip)} share"
        )
    if isinstance(failed.got, Tensor) and got == want and torch.allclose(failed.got.double(), failed.want, 1e-5, 1e-5):
        return "these are the right numbers, rounded to float32: all tensors are float64 here, so keep their dtype"
    return failed.why


def fuse_properties(student, rng):
    usual = _weight(1, 2)[0, 0].double()

    def case(coarse, skip, offset, kernel=usual):
        maps = [torch.from_numpy(rng.normal(size=size)) for size in (coarse, (*coarse[:2], *skip))]
        return {"coarse": maps[0], "skip": maps[1], "kernel": kernel, "offset": offset}

    def claim(text, *cases):
        return explained(text, student, list(cases), _fuse, FUSE_MISTAKES, _fuse_words, tol=1e-9)

    trained = torch.from_numpy(rng.normal(size=(4, 4)))
    yield claim(
        "one class: doubled, cropped by the offset, added",
        case((1, 1, 1, 1), (7, 7), 2),
        case((1, 1, 8, 8), (35, 35), 5),
    )
    yield claim(
        "several pictures and classes, maps that are not square",
        case((2, 3, 2, 3), (11, 12), 3),
        case((3, 2, 4, 1), (15, 9), 4),
        case((2, 5, 3, 6), (10, 17), 1),
    )
    yield claim(
        "the skip's map ends before the doubled one, or just with it",
        case((1, 2, 3, 2), (9, 9), 3),
        case((2, 2, 2, 4), (7, 7), 2),
        case((2, 3, 4, 3), (12, 6), 2),
    )
    yield claim(
        "a negative offset: the doubled map begins outside the skip's",
        case((1, 1, 2, 2), (5, 5), -1),
        case((2, 2, 3, 4), (6, 7), -1),
        case((2, 3, 2, 3), (9, 5), -2),
        case((1, 2, 2, 3), (9, 11), 2),
    )
    yield claim("offset 0", case((1, 2, 2, 1), (7, 8), 0), case((2, 3, 3, 4), (5, 13), 0))
    yield claim(
        "a kernel that training has changed, each class still by itself",
        case((1, 2, 1, 2), (7, 8), 1, trained),
        case((2, 3, 3, 2), (9, 11), 2, trained),
        case((2, 2, 2, 3), (6, 5), -1, trained),
    )


# 3 · the first weights of an upsampling layer


def _tent(factor: int, size=None, center=None, reach=None) -> Tensor:
    size = size or 2 * factor - factor % 2
    center = (size - 1) / 2 if center is None else center
    return (1 - (torch.arange(size) - center).abs() / (reach or factor)).clamp(min=0)


def _weight(channels: int, factor: int, tent=_tent) -> Tensor:
    """On the diagonal of the two channel axes the outer product of a tent with itself."""
    line = tent(factor)
    return torch.eye(channels)[:, :, None, None] * (line[:, None] * line[None, :])


def _kernel_with(**settings):
    """A weight with another tent; each setting is a function of the factor."""

    def weight(channels, factor):
        chosen = {name: value(factor) for name, value in settings.items()}
        return _weight(channels, factor, lambda factor: _tent(factor, **chosen))

    return weight


def _line(channels, factor, change):
    return _weight(channels, factor, lambda factor: change(_tent(factor)))


def _whole_steps(line: Tensor) -> Tensor:
    """1/f, 2/f, ... and down again."""
    size = len(line)
    rise = torch.arange(1, size + 1)
    return torch.minimum(rise, rise.flip(0)) / ((size + 1) // 2)


def _everywhere(channels, factor):
    return _weight(1, factor).expand(channels, channels, -1, -1).clone()


def _first_only(channels, factor):
    weight = _weight(channels, factor)
    weight[1:] = 0
    return weight


def _along_one_axis(channels, factor, rows: bool):
    line = _tent(factor)
    kernel = line[:, None].expand(-1, len(line)) if rows else line.expand(len(line), -1)
    return torch.eye(channels)[:, :, None, None] * kernel


def _one_for_all(channels, factor, axis: int):
    """Kernels at every [c, 0], or at every [0, c]."""
    places = torch.zeros(channels, channels)
    places.select(axis, 0)[:] = 1
    return places[:, :, None, None] * _weight(1, factor)


KERNEL_MISTAKES = {
    "every pair of channels has the kernel: then each class gets the scores of all classes; only [c, c] has one": _everywhere,
    "only the first class has its kernel: it belongs at [c, c] for every c": _first_only,
    "the kernels stand at [c, 0], so every class goes to class 0: they belong at [c, c]": functools.partial(
        _one_for_all, axis=1
    ),
    "the kernels stand at [0, c], so class 0 goes to every class: they belong at [c, c]": functools.partial(
        _one_for_all, axis=0
    ),
    "this is (C, 1, k, k), the weight of a grouped layer: return (C, C, k, k) with the kernels on the diagonal": (
        lambda channels, factor: _weight(1, factor).repeat(channels, 1, 1, 1)
    ),
    "this is one kernel, (k, k): return (C, C, k, k) with a copy at each [c, c]": (
        lambda channels, factor: _weight(1, factor)[0, 0]
    ),
    "these are constant stamps, as nearest-neighbor upsampling has them": _kernel_with(
        size=lambda f: f, reach=lambda f: 10**12
    ),
    "these are constant stamps of k x k: bilinear ones fall off from the middle": _kernel_with(reach=lambda f: 10**12),
    "an odd factor f has a kernel of 2f - 1 cells here: the tent of 2f cells lies between two cells, and would be moved by half a cell": (
        _kernel_with(size=lambda f: 2 * f)
    ),
    "this kernel has 2f - 1 cells for an even factor too: its middle lies between two cells then, so it has 2f": _kernel_with(
        size=lambda f: 2 * f - 1
    ),
    "this kernel has 2f + 1 cells for an odd factor, the outer ones 0: it has 2f - 1": _kernel_with(
        size=lambda f: 2 * f + f % 2
    ),
    "the middle of an odd kernel is its middle cell, (k - 1) / 2; this tent stands half a cell beside it": _kernel_with(
        center=lambda f: f - 0.5
    ),
    "the middle of an even kernel lies between two cells, at (k - 1) / 2; this tent stands on a cell": _kernel_with(
        center=lambda f: f - 1
    ),
    "the middle of k cells is (k - 1) / 2: cells count from 0; this tent stands at k / 2": _kernel_with(
        center=lambda f: (2 * f - f % 2) / 2
    ),
    "the middle of k cells is (k - 1) / 2: cells count from 0, and for an even k it lies between two; this tent stands at k // 2": (
        _kernel_with(center=lambda f: (2 * f - f % 2) // 2)
    ),
    "the outermost taps are 0 here: the tent reaches 0 at the distance f from its top, which is beyond the kernel": (
        _kernel_with(reach=lambda f: (2 * f - f % 2 - 1) / 2)
    ),
    "the taps rise in whole steps of 1 / f here: for an even factor the top lies between two cells, so they begin at half a step": (
        functools.partial(_line, change=_whole_steps)
    ),
    "the tent falls off too fast: it reaches 0 at the distance f, not k / 2": _kernel_with(
        reach=lambda f: (2 * f - f % 2) / 2
    ),
    "the tent falls off too slowly: it reaches 0 at the distance f, not f + 1": _kernel_with(reach=lambda f: f + 1),
    "the tent of an even factor falls off too slowly: it reaches 0 at the distance f, not (k + 1) / 2": _kernel_with(
        reach=lambda f: (2 * f - f % 2 + 1) / 2
    ),
    "the tent falls off too slowly: it reaches 0 at the distance f, not k": _kernel_with(reach=lambda f: 2 * f - f % 2),
    "the taps of a kernel sum to 1 here, as of a blur: each output cell gets only every f-th of them, so they sum to f * f": (
        functools.partial(_line, change=lambda line: line / line.sum())
    ),
    "this kernel is divided by the factor once too often: the taps along one axis sum to f, those of a kernel to f * f": (
        lambda channels, factor: _weight(channels, factor) / factor
    ),
    "the peak is scaled to 1 here; for even factors it lies between two cells, and no tap reaches it": functools.partial(
        _line, change=lambda line: line / line.max()
    ),
    "the falloff is round, by the distance from the middle: bilinear is the product of two tents": (
        lambda channels, factor: _round(channels, factor)
    ),
    "the two tents are averaged: bilinear is their product": lambda channels, factor: _averaged(channels, factor),
    "the kernel falls off along its columns only, all rows are alike: bilinear is the product of two tents": (
        functools.partial(_along_one_axis, rows=False)
    ),
    "the kernel falls off along its rows only, all columns are alike: bilinear is the product of two tents": (
        functools.partial(_along_one_axis, rows=True)
    ),
    "the tent is squared: take the product of the row's and the column's tent, each once": functools.partial(
        _line, change=lambda line: line**2
    ),
}  # fmt: skip


def _round(channels: int, factor: int) -> Tensor:
    size = 2 * factor - factor % 2
    away = torch.arange(size) - (size - 1) / 2
    cone = (1 - torch.hypot(away[:, None], away[None, :]) / factor).clamp(min=0)
    return torch.eye(channels)[:, :, None, None] * cone


def _averaged(channels: int, factor: int) -> Tensor:
    line = _tent(factor)
    return torch.eye(channels)[:, :, None, None] * (line[:, None] + line[None, :]) / 2


def _kernel_words(failed: Failed) -> str:
    got, want = getattr(failed.got, "shape", ()), getattr(failed.want, "shape", ())
    if len(got) == 4 and got != want and got[:2] == want[:2]:
        return f"the kernels are {got[2]} x {got[3]}; for the factor {failed.given['factor']} they are {want[2]} x {want[3]}"
    return failed.why


def bilinear_weight_properties(student, rng):
    def claim(text, *cases):
        cases = [dict(zip(("channels", "factor"), case, strict=True)) for case in cases]
        return explained(text, student, cases, _weight, KERNEL_MISTAKES, _kernel_words)

    yield claim("one class, factor 2: taps 1/4, 3/4, 3/4, 1/4 along each axis", (1, 2))
    yield claim("even factors", (1, 4), (1, 6), (1, 8))
    yield claim("odd factors, whose kernel has a cell in the middle", (1, 3), (1, 5), (1, 7))
    yield claim("several classes: a kernel at each [c, c], zeros elsewhere", (2, 2), (3, 4), (5, 3))
    yield claim("factor 1 changes nothing: k is 1", (1, 1), (3, 1))
    yield claim("as FCN-32s needs it: 21 classes, factor 32", (2, 32), (21, 16))


QUESTIONS = [
    Question("head_to_scores", "From head to scores", 4, head_to_scores_properties),
    Question("fuse", "Double, crop, add", 4, fuse_properties),
    Question(
        "bilinear_weight",
        "The first weights of an upsampling layer",
        3,
        bilinear_weight_properties,
        forbid=("UpsamplingBilinear2d",),
    ),
    Question("fcn_sizes", "Trace the sizes", 3, fcn_sizes_properties),
    Question("crop_offsets", "Where does the first cell lie?", 4, crop_offsets_properties),
]
