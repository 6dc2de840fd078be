"""The questions of exercise 08: one step up of the decoder, and a sum as a concatenation; the others in `unet_*`."""

import functools
import re

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.core import Question
from course_lib.checks.mistakes import explained, item_of
from course_lib.checks.unet_blocks import double_conv_properties
from course_lib.checks.unet_sizes import fitting_sizes_properties
from course_lib.checks.unet_tiles import join_properties, split_properties
from course_lib.checks.unet_weights import gap_weights_properties

# 2 · up, crop, lay beside


def _doubled(below: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.conv_transpose2d(below, weight, bias, stride=2)


def _cut(skip: Tensor, up: Tensor, starts) -> Tensor:
    """As many rows and columns of the skip as the upsampled map has; starts(surplus of rows, of columns) -> (top, left)."""
    rows, columns = up.shape[-2:]
    top, left = starts(skip.shape[-2] - rows, skip.shape[-1] - columns)
    return skip[..., top : top + rows, left : left + columns]


def _half(surplus: int) -> int:
    return surplus // 2


def _middle(rows: int, columns: int) -> tuple[int, int]:
    return _half(rows), _half(columns)


def _crop(starts):
    return lambda skip, up: (_cut(skip, up, starts), up)


_in_the_middle = _crop(_middle)


def _beside(skip: Tensor, up: Tensor) -> Tensor:
    return torch.cat([skip, up], 1)


def _step(below, skip, weight, bias, double=_doubled, fit=_in_the_middle, join=_beside) -> Tensor:
    """One step of the decoder; each of its three parts can be exchanged for a wrong one."""
    return join(*fit(skip, double(below, weight, bias)))


def _with(**parts):
    return functools.partial(_step, **parts)


def _resized(maps: Tensor, like: Tensor, mode: str) -> Tensor:
    return F.interpolate(maps, like.shape[-2:], mode=mode, align_corners=False if mode == "bilinear" else None)


def _padded(skip: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """Zeros around the upsampled map, as much public code has it."""
    rows, columns = (a - b for a, b in zip(skip.shape[-2:], up.shape[-2:], strict=True))
    return skip, F.pad(up, [_half(columns), columns - _half(columns), _half(rows), rows - _half(rows)])


def _repeated(below: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As if each cell wrote its value's mean stamp to all four places."""
    return _doubled(below, weight.mean((2, 3), keepdim=True).expand_as(weight), bias)


STEP_MISTAKES = {
    "as many columns go in front as rows: their numbers can differ": _with(
        fit=_crop(lambda rows, columns: (_half(rows), _half(rows)))
    ),
    "as many rows go in front as columns: their numbers can differ": _with(
        fit=_crop(lambda rows, columns: (_half(columns), _half(columns)))
    ),
    "the skip is cropped in the corner: the convolutions took as much from every side, so its *middle* lies under the upsampled map": _with(
        fit=_crop(lambda rows, columns: (0, 0))
    ),
    "the last rows and columns of the skip are kept: its *middle* lies under the upsampled map": _with(
        fit=_crop(lambda rows, columns: (rows, columns))
    ),
    "if an odd number goes, one more goes behind than in front; here it is the other way round": _with(
        fit=_crop(lambda rows, columns: (rows - _half(rows), columns - _half(columns)))
    ),
    "an odd number is halved and then rounded to the even neighbor here (`round`): rounding down, `//`, is asked": _with(
        fit=_crop(lambda rows, columns: (round(rows / 2), round(columns / 2)))
    ),
    "only rows are cropped in the middle: columns too": _with(fit=_crop(lambda rows, columns: (_half(rows), 0))),
    "only columns are cropped in the middle: rows too": _with(fit=_crop(lambda rows, columns: (0, _half(columns)))),
    "the skip is resized (bilinear) to the upsampled map: crop it, resizing moves every cell": _with(
        fit=lambda skip, up: (_resized(skip, up, "bilinear"), up)
    ),
    "the skip is resized (nearest) to the upsampled map: crop it, resizing moves every cell": _with(
        fit=lambda skip, up: (_resized(skip, up, "nearest"), up)
    ),
    "the upsampled map is resized (bilinear) to the skip: crop the skip instead": _with(
        fit=lambda skip, up: (skip, _resized(up, skip, "bilinear"))
    ),
    "the upsampled map is resized (nearest) to the skip: crop the skip instead": _with(
        fit=lambda skip, up: (skip, _resized(up, skip, "nearest"))
    ),
    "zeros are laid around the upsampled map until it has the skip's size, as in much public code: the paper crops the skip": _with(
        fit=_padded
    ),
    "the upsampled channels stand first: the skip's come first": _with(join=lambda skip, up: torch.cat([up, skip], 1)),
    "the two maps are added: U-Net concatenates them along the channels": _with(join=lambda skip, up: skip + up),
    "the two maps are averaged: U-Net concatenates them along the channels": _with(
        join=lambda skip, up: (skip + up) / 2
    ),
    "the maps are laid below each other: channels are dimension 1": _with(
        join=lambda skip, up: torch.cat([skip, up], 2)
    ),
    "the maps are laid along the batch: channels are dimension 1": _with(join=lambda skip, up: torch.cat([skip, up], 0)),
    "`torch.stack` makes a new dimension: `torch.cat` along dimension 1": _with(
        join=lambda skip, up: torch.stack([skip, up], 1)
    ),
    "these are the skip's channels alone": _with(join=lambda skip, up: skip),
    "these are the upsampled channels alone: the skip's are missing": _with(join=lambda skip, up: up),
    "the bias is missing": _with(double=lambda below, weight, bias: _doubled(below, weight, None)),
    "a ReLU follows the up-convolution: it has none": _with(
        double=lambda below, weight, bias: F.relu(_doubled(below, weight, bias))
    ),
    "a ReLU follows the concatenation: there is none": _with(join=lambda skip, up: F.relu(_beside(skip, up))),
    "the 2x2 kernel is turned around: a stamp is the kernel as it is": _with(
        double=lambda below, weight, bias: _doubled(below, weight.flip(2, 3), bias)
    ),
    "the 2x2 kernel's rows and columns are exchanged": _with(
        double=lambda below, weight, bias: _doubled(below, weight.transpose(2, 3), bias)
    ),
    "all four cells of a stamp are alike: the 2x2 kernel has four numbers for each pair of channels": _with(
        double=_repeated
    ),
}  # fmt: skip


def _step_words(failed: Failed) -> str:
    given = failed.given or {}
    if not {"below", "skip", "weight"} <= set(given):
        return failed.why
    up = tuple(2 * side for side in given["below"].shape[-2:])
    skip = tuple(given["skip"].shape[-2:])
    facts = f"the upsampled map has {up[0]} x {up[1]} cells, the skip {skip[0]} x {skip[1]}"
    if failed.want is None:
        if "must match" not in failed.why and "Sizes of tensors" not in failed.why:
            return failed.why
        sizes = [int(size) for size in re.findall(r"size (\d+)", failed.why)[:2]]
        if 0 in sizes:
            facts += "; where nothing has to go, `x[0:-0]` is empty"
        elif up[0] != up[1] and set(sizes) == set(up):
            facts += "; a square is cut here, but rows and columns differ"
        elif any(size - 1 in up and size - 1 in sizes for size in sizes):
            facts += "; where an odd number goes, it is not as many behind as in front"
        return f"{failed.why} ({facts})"
    got, want = getattr(failed.got, "shape", ()), failed.want.shape
    if len(got) != 4 or got == want:
        return failed.why
    if got[1] != want[1]:
        depth, channels = given["skip"].shape[1], given["weight"].shape[1]
        are = "channel" if got[1] == 1 else "channels"
        return f"{got[1]} {are} where {want[1]} are wanted: {depth} of the skip and {channels} of the up-convolution"
    if tuple(got[2:]) == tuple(side + 1 for side in given["below"].shape[-2:]):
        facts += "; is the stride of 2 missing?"
    return f"the result has {got[2]} x {got[3]} cells where {want[2]} x {want[3]} are wanted: {facts}"


def up_and_join_properties(student, rng):
    def case(n, below, skip, size, cells):
        """below, skip: their channels; size: of the map from below; the up-convolution halves the channels, rounded up."""
        channels = -(-below // 2)
        sizes = {"below": (n, below, *size), "skip": (n, skip, *cells)}
        sizes |= {"weight": (below, channels, 2, 2), "bias": (channels,)}
        return {name: torch.from_numpy(rng.normal(size=shape)) for name, shape in sizes.items()}

    def claim(text, *cases):
        return explained(text, student, list(cases), _step, STEP_MISTAKES, _step_words, tol=1e-5)

    yield claim(
        "a square map, an even number of rows and columns to cut off",
        case(1, 2, 1, (2, 2), (8, 8)),
        case(1, 4, 2, (3, 3), (10, 10)),
    )
    yield claim(
        "several pictures, any channels, maps that are not square",
        case(2, 6, 3, (2, 3), (8, 10)),
        case(3, 4, 2, (4, 2), (10, 12)),
        case(2, 3, 5, (1, 3), (8, 8)),
    )
    yield claim(
        "an odd number to cut off: one more goes behind",
        case(1, 2, 1, (2, 2), (7, 7)),
        case(2, 4, 2, (2, 3), (9, 11)),
        case(2, 2, 3, (3, 1), (7, 7)),
        case(1, 4, 3, (1, 2), (5, 8)),
    )
    yield claim(
        "nothing to cut off, on one axis or on both",
        case(1, 2, 1, (2, 2), (4, 4)),
        case(2, 4, 2, (3, 2), (6, 7)),
        case(2, 6, 4, (2, 3), (9, 6)),
    )


# 3 · a sum as a concatenation

PAIR = "new_weight, new_bias"


def _of_skip(weight: Tensor, project: Tensor) -> Tensor:
    """One convolution for: 1x1 convolution, then `weight`. (K, D, k, k)."""
    return torch.einsum("kcij,cd->kdij", weight, project[:, :, 0, 0])


def _new_weight(weight, project, bias) -> Tensor:
    return torch.cat([_of_skip(weight, project), weight], 1)


def _new_bias(weight, project, bias) -> Tensor:
    return weight.sum((2, 3)) @ bias


def _in_the_middle_only(weight: Tensor, project: Tensor) -> Tensor:
    """The skip's part as if `project` belonged to one tap: zeros around it."""
    part, row, column = _of_skip(weight, project), weight.shape[2] // 2, weight.shape[3] // 2
    alone = torch.zeros_like(part)
    alone[..., row, column] = part[..., row, column]
    return alone


def _square(project: Tensor) -> Tensor:
    """The transpose of a square 1x1 kernel. RuntimeError for others, where this mistake has no output."""
    if project.shape[0] != project.shape[1]:
        raise RuntimeError("not square")
    return project.transpose(0, 1)


WEIGHT_MISTAKES = {
    "the parts are exchanged: the concatenation has the skip first, so its part of the weight stands first": lambda weight, project, bias: (
        torch.cat([weight, _of_skip(weight, project)], 1)
    ),
    "the skip passes `project` first: its part is not `weight`, but `project` followed by `weight`": lambda weight, project, bias: (
        torch.cat([weight, weight], 1)
    ),
    "`up` too passes `project` here: only the skip does": lambda weight, project, bias: torch.cat(
        [_of_skip(weight, project)] * 2, 1
    ),
    "`project` is transposed: it is (C, D), from the skip's D channels to C": lambda weight, project, bias: torch.cat(
        [_of_skip(weight, _square(project)), weight], 1
    ),
    "this is half of the weight: a sum, not a mean": lambda weight, project, bias: _new_weight(weight, project, bias) / 2,
    "the kernel is turned around: the 1x1 convolution before it moves nothing": lambda weight, project, bias: torch.cat(
        [_of_skip(weight, project).flip(2, 3), weight], 1
    ),
    "the part of `up` is zero: it is `weight`, as it is": lambda weight, project, bias: torch.cat(
        [_of_skip(weight, project), torch.zeros_like(weight)], 1
    ),
    "the skip's part is `project` alone: `weight` follows it": lambda weight, project, bias: torch.cat(
        [project.expand(-1, -1, *weight.shape[2:]), weight], 1
    ),
    "the skip's part has numbers in the middle tap alone: `project` comes before *every* tap": lambda weight, project, bias: (
        torch.cat([_in_the_middle_only(weight, project), weight], 1)
    ),
    "`project` is added to `weight` in the skip's part: one after the other, they multiply": lambda weight, project, bias: torch.cat(
        [weight.sum(1, keepdim=True) + project[:, :, 0, 0].sum(0)[:, None, None], weight], 1
    ),
    "the C channels are added up before they are multiplied: channel c of `weight` belongs to row c of `project`": (
        lambda weight, project, bias: torch.cat(
            [weight.sum(1, keepdim=True) * project[:, :, 0, 0].sum(0)[:, None, None], weight], 1
        )
    ),
    "the bias is added to the weight: it belongs into `new_bias`": lambda weight, project, bias: torch.cat(
        [torch.einsum("kcij,cd->kdij", weight, project[:, :, 0, 0] + bias[:, None]), weight], 1
    ),
    "this is the skip's part alone: that of `up` follows it": lambda weight, project, bias: _of_skip(weight, project),
}  # fmt: skip
BIAS_MISTAKES = {
    "this is the old bias: `weight` follows it, and mixes its channels": lambda weight, project, bias: bias,
    "one tap's share only: *every* tap of the kernel passes the bias on, so sum over the k x k taps": lambda weight, project, bias: (
        weight[:, :, weight.shape[2] // 2, weight.shape[3] // 2] @ bias
    ),
    "one tap's share only (the first): *every* tap of the kernel passes the bias on, so sum over the k x k taps": (
        lambda weight, project, bias: weight[:, :, 0, 0] @ bias
    ),
    "the mean over the taps is taken: each of them passes the bias on, so it is the sum": lambda weight, project, bias: (
        weight.mean((2, 3)) @ bias
    ),
    "the bias is lost: `weight` passes it on, and it comes out as a number for each of the K channels": (
        lambda weight, project, bias: torch.zeros(len(weight), dtype=weight.dtype)
    ),
    "the bias is handed to each tap, but not weighed by it": lambda weight, project, bias: bias.sum().expand(len(weight)),
    "the sign is wrong": lambda weight, project, bias: -_new_bias(weight, project, bias),
    "one tap's share is taken k x k times: the taps differ, so sum them": lambda weight, project, bias: (
        weight[:, :, 0, 0] @ bias * weight.shape[2] * weight.shape[3]
    ),
    "the C channels are added up before they are multiplied: entry c of `bias` belongs to channel c of `weight`": (
        lambda weight, project, bias: weight.sum((1, 2, 3)) * bias.sum()
    ),
    "the mean of `bias` is taken: entry c of it belongs to channel c of `weight`": lambda weight, project, bias: (
        weight.sum((1, 2, 3)) * bias.mean()
    ),
    "the bias is multiplied with the skip's part, which has `project` in it: it is added behind `project`": (
        lambda weight, project, bias: _of_skip(weight, project).sum((1, 2, 3)) * bias.sum()
    ),
    "the bias passes `project` too: it is added behind it": lambda weight, project, bias: (
        weight.sum((2, 3)) @ (project[:, :, 0, 0].sum(1) * bias)
    ),
}  # fmt: skip


def _weight_words(failed: Failed) -> str:
    got, want = getattr(failed.got, "shape", ()), getattr(failed.want, "shape", ())
    if failed.want is None or got == want:
        return failed.why
    if {len(got), len(want)} == {1, 4} and (len(got) == 1 or got[1] != 1):
        return f"{failed.why}: are weight and bias exchanged in the pair?"
    if len(want) == 1 < len(got):
        return f"{failed.why}: one number for each channel that comes out; the taps and channels are summed"
    if len(got) != len(want):
        return failed.why
    if len(want) == 1:
        return f"{got[0]} numbers where {want[0]} are wanted: one for each channel that comes out"
    return f"the shape is {tuple(got)} where (K, D + C, k, k), here {tuple(want)}, is wanted"


def sum_as_concat_properties(student, rng):
    def case(k, c, d, side):
        sizes = {"weight": (k, c, side, side), "project": (c, d, 1, 1), "bias": (c,)}
        return {name: torch.from_numpy(rng.normal(size=shape)) for name, shape in sizes.items()}

    def filled(side):
        values = {"weight": 2.0, "project": 3.0, "bias": 5.0}
        return {
            n: torch.full((1,) if n == "bias" else (1, 1, *(side if n == "weight" else (1, 1))), v).double()
            for n, v in values.items()
        }

    weight, bias = (item_of(student, place, PAIR) for place in (0, 1))
    few = filled((1, 1)), filled((3, 3))

    def weights(text, *cases):
        return explained(text, weight, list(cases), _new_weight, WEIGHT_MISTAKES, _weight_words, tol=1e-5)

    def biases(text, *cases):
        return explained(text, bias, list(cases), _new_bias, BIAS_MISTAKES, _weight_words, tol=1e-5)

    yield weights(
        "the new weight of the numbers on paper, and of other kernels of one channel",
        *few,
        case(1, 1, 1, 2),
        case(1, 1, 1, 5),
    )
    yield weights(
        "the new weight with several channels in and out", case(2, 3, 3, 1), case(3, 2, 4, 3), case(5, 4, 2, 3)
    )
    yield biases("the new bias of 1x1 kernels", few[0], case(2, 3, 2, 1), case(3, 3, 5, 1))
    yield biases("the new bias of larger kernels", few[1], case(2, 2, 2, 3), case(3, 4, 2, 2), case(4, 3, 5, 3))


QUESTIONS = [
    Question("double_conv", "The double convolution, then and now", 3, double_conv_properties),
    Question("up_and_join", "Up, crop, lay beside", 3, up_and_join_properties),
    Question("sum_as_concat", "Every sum is a concatenation", 2, sum_as_concat_properties),
    Question("gap_weights", "Weights for the gaps", 4, gap_weights_properties),
    Question("fitting_sizes", "Which sizes fit?", 3, fitting_sizes_properties),
    Question("split", "Cut a picture into tiles", 3, split_properties),
    Question("join", "Join the answers", 2, join_properties),
]
