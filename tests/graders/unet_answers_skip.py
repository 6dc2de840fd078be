"""Exercise 08, right and wrong answers to the questions about a step of the decoder and about sums as concatenations."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms.functional import center_crop

from course_lib.models import unet_valid

# 2 · up, crop, lay beside


def upsampled(below, weight, bias):
    return F.conv_transpose2d(below, weight, bias, stride=2)


def cut(skip, up, top, left):
    return skip[..., top : top + up.shape[-2], left : left + up.shape[-1]]


def surplus(skip, up):
    return skip.shape[-2] - up.shape[-2], skip.shape[-1] - up.shape[-1]


def joined(skip, up):
    return torch.cat([skip, up], dim=1)


def step_by_stamps(below, skip, weight, bias):
    """The up-convolution as a product of matrices, the crop by F.pad with negative numbers."""
    n, _, h, w = below.shape
    up = torch.einsum("nbhw,bcij->nchiwj", below, weight).reshape(n, -1, 2 * h, 2 * w) + bias[:, None, None]
    rows, columns = skip.shape[-2] - 2 * h, skip.shape[-1] - 2 * w
    crop = [-(columns // 2), -(columns - columns // 2), -(rows // 2), -(rows - rows // 2)]
    return joined(F.pad(skip, crop), up)


def step_with_a_layer(below, skip, weight, bias):
    layer = nn.ConvTranspose2d(*weight.shape[:2], kernel_size=2, stride=2).double()
    layer.weight.data, layer.bias.data = weight, bias
    up = layer(below)
    (top, left), (h, w) = (side // 2 for side in surplus(skip, up)), up.shape[-2:]
    return torch.concat((skip.narrow(2, top, h).narrow(3, left, w), up.detach()), 1)


def step_from_the_library(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    return joined(unet_valid.center_crop(skip, up.shape[-2:]), up)


def step_in_the_corner(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    return joined(skip[..., : up.shape[-2], : up.shape[-1]], up)


def step_at_the_end(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    return joined(skip[..., -up.shape[-2] :, -up.shape[-1] :], up)


def step_rounds_up(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    return joined(cut(skip, up, *((side + 1) // 2 for side in surplus(skip, up))), up)


def step_by_torchvision(below, skip, weight, bias):
    """`center_crop` rounds halves to the even number."""
    up = upsampled(below, weight, bias)
    return joined(center_crop(skip, up.shape[-2:]), up)


def step_of_the_lesson(below, skip, weight, bias):
    """Lesson 08's `crop`, which is made for squares."""
    up = upsampled(below, weight, bias)
    size = up.shape[-1]
    start = (skip.shape[-1] - size) // 2
    return joined(skip[..., start : start + size, start : start + size], up)


def step_from_both_ends(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    rows, columns = (side // 2 for side in surplus(skip, up))
    return joined(skip[..., rows:-rows, columns:-columns], up)


def step_starts_alike(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    start = surplus(skip, up)[0] // 2
    return joined(cut(skip, up, start, start), up)


def step_crops_rows(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    return joined(cut(skip, up, surplus(skip, up)[0] // 2, 0), up)


def step_exchanges_axes(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    rows, columns = (side // 2 for side in surplus(skip, up))
    return joined(cut(skip, up, columns, rows), up)


def step_resizes_the_skip(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    return joined(F.interpolate(skip, up.shape[-2:], mode="bilinear"), up)


def step_resizes_hard(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    return joined(F.interpolate(skip, up.shape[-2:]), up)


def step_resizes_the_map(below, skip, weight, bias):
    up = F.interpolate(upsampled(below, weight, bias), skip.shape[-2:], mode="bilinear")
    return joined(skip, up)


def step_pads(below, skip, weight, bias):
    """As the most used public code has it."""
    up = upsampled(below, weight, bias)
    rows, columns = surplus(skip, up)
    up = F.pad(up, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
    return joined(skip, up)


def right_parts(below, skip, weight, bias):
    up = upsampled(below, weight, bias)
    return cut(skip, up, *(side // 2 for side in surplus(skip, up))), up


def step_up_first(below, skip, weight, bias):
    return joined(*right_parts(below, skip, weight, bias)[::-1])


def step_adds(below, skip, weight, bias):
    middle, up = right_parts(below, skip, weight, bias)
    return middle + up


def step_averages(below, skip, weight, bias):
    middle, up = right_parts(below, skip, weight, bias)
    return (middle + up) / 2


def step_stacks(below, skip, weight, bias):
    return torch.stack(right_parts(below, skip, weight, bias), dim=1)


def step_along_rows(below, skip, weight, bias):
    return torch.cat(right_parts(below, skip, weight, bias), dim=2)


def step_along_the_batch(below, skip, weight, bias):
    return torch.cat(right_parts(below, skip, weight, bias))


def step_without_skip(below, skip, weight, bias):
    return right_parts(below, skip, weight, bias)[1]


def step_without_bias(below, skip, weight, bias):
    return joined(*right_parts(below, skip, weight, None))


def step_forgets_the_stride(below, skip, weight, bias):
    up = F.conv_transpose2d(below, weight, bias)
    rows, columns = up.shape[-2:]
    top, left = (skip.shape[-2] - rows) // 2, (skip.shape[-1] - columns) // 2
    return torch.cat([skip[..., top : top + rows, left : left + columns], up], 1)


def step_with_relu_at_last(below, skip, weight, bias):
    return F.relu(step_by_stamps(below, skip, weight, bias))


def step_forgets_the_skips_channels(below, skip, weight, bias):
    return step_by_stamps(below, skip[:, :1], weight, bias)


def step_in_single(below, skip, weight, bias):
    """Fills a map of zeros, which is float32."""
    whole = step_by_stamps(below, skip, weight, bias)
    filled = torch.zeros(whole.shape)
    filled[:] = whole
    return filled


def step_with_relu(below, skip, weight, bias):
    middle, up = right_parts(below, skip, weight, bias)
    return joined(middle, F.relu(up))


def step_flips(below, skip, weight, bias):
    return joined(*right_parts(below, skip, weight.flip(2, 3), bias))


def step_turns(below, skip, weight, bias):
    return joined(*right_parts(below, skip, weight.transpose(2, 3), bias))


def step_overlaps(below, skip, weight, bias):
    """Stride 1: the map grows by one row only."""
    up = F.conv_transpose2d(below, weight, bias)
    return joined(cut(skip, up, *(side // 2 for side in surplus(skip, up))), up)


def step_exchanges_channels(below, skip, weight, bias):
    return joined(*right_parts(below, skip, weight.transpose(0, 1), bias))


STEP_MUTANTS = [
    (step_in_the_corner, "the skip is cropped in the corner"),
    (step_at_the_end, "the last rows and columns of the skip are kept"),
    (step_rounds_up, "here it is the other way round"),
    (step_by_torchvision, "rounded to the even neighbor"),
    (step_of_the_lesson, "a square is cut here, but rows and columns differ"),
    (step_from_both_ends, "where nothing has to go, `x[0:-0]` is empty"),
    (step_from_both_ends, "it is not as many behind as in front"),
    (step_starts_alike, "as many columns go in front as rows"),
    (step_crops_rows, "only rows are cropped in the middle"),
    (step_exchanges_axes, "the upsampled map has 8 x 4 cells, the skip 10 x 12"),
    (step_resizes_the_skip, "resized (bilinear) to the upsampled map"),
    (step_resizes_hard, "resized (nearest) to the upsampled map"),
    (step_resizes_the_map, "the upsampled map is resized (bilinear)"),
    (step_pads, "zeros are laid around the upsampled map"),
    (step_up_first, "the upsampled channels stand first"),
    (step_adds, "the two maps are added"),
    (step_averages, "the two maps are averaged"),
    (step_stacks, "`torch.stack` makes a new dimension"),
    (step_along_rows, "the maps are laid below each other"),
    (step_along_the_batch, "the maps are laid along the batch"),
    (step_without_skip, "the upsampled channels alone"),
    (step_without_bias, "the bias is missing"),
    (step_with_relu, "a ReLU follows the up-convolution"),
    (step_flips, "the 2x2 kernel is turned around"),
    (step_turns, "the 2x2 kernel's rows and columns"),
    (step_overlaps, "the result has 3 x 3 cells where 4 x 4 are wanted"),
    (step_forgets_the_stride, "is the stride of 2 missing?"),
    (step_with_relu_at_last, "a ReLU follows the concatenation"),
    (step_forgets_the_skips_channels, "3 channels where 4 are wanted"),
    (step_exchanges_channels, "it stopped with"),
    (step_from_the_library, "of course_lib, which this question does not allow"),
]
STEP_ALTERNATES = [step_by_stamps, step_with_a_layer, step_in_single]

# 3 · a sum as a concatenation


def of_skip(weight, project):
    return torch.einsum("kcij,cd->kdij", weight, project[..., 0, 0])


def passed_on(weight, bias):
    return weight.sum((2, 3)) @ bias


def concat_by_convolution(weight, project, bias):
    """`project` slides over the kernels as if they were pictures; the bias passes as a constant map."""
    mine = F.conv2d(weight, project.transpose(0, 1))
    flat = bias[None, :, None, None].expand(1, -1, *weight.shape[2:])
    return torch.cat([mine, weight], 1), F.conv2d(flat, weight).flatten()


def concat_by_trying(weight, project, bias):
    """Asks the decoder that adds: one pixel of 1 at a time. (A convolution reads its kernel backwards from such a picture.)"""
    _, c, side, _ = weight.shape
    d, around = project.shape[1], 2 * side - 1

    def decoder(up, skip):
        return F.conv2d(up + F.conv2d(skip, project, bias), weight)

    nothing = torch.zeros(1, c, side, side).double(), torch.zeros(1, d, side, side).double()
    new_bias = decoder(*nothing)[0, :, 0, 0]
    parts = []
    for channel in range(d + c):
        both = torch.zeros(1, d + c, around, around).double()
        both[0, channel, side - 1, side - 1] = 1
        answer = decoder(both[:, d:], both[:, :d])[0] - new_bias[:, None, None]
        parts.append(answer.flip(1, 2))
    return torch.stack(parts, 1), new_bias


def concat_in_loops(weight, project, bias):
    """Fills two tensors of zeros, which are float32, number by number."""
    k, c, rows, columns = weight.shape
    d = project.shape[1]
    new_weight, new_bias = torch.zeros(k, d + c, rows, columns), torch.zeros(k)
    for row in range(rows):
        for column in range(columns):
            new_weight[:, :d, row, column] = weight[:, :, row, column] @ project[:, :, 0, 0]
            new_weight[:, d:, row, column] = weight[:, :, row, column]
            new_bias += (weight[:, :, row, column] @ bias).float()
    return new_weight, new_bias


def concat_projects_one_tap(weight, project, bias):
    part, middle = torch.zeros_like(of_skip(weight, project)), weight.shape[-1] // 2
    part[..., middle, middle] = weight[..., middle, middle] @ project[..., 0, 0]
    return torch.cat([part, weight], 1), passed_on(weight, bias)


def concat_adds_the_projection(weight, project, bias):
    part = weight.sum(1, keepdim=True) + project.sum(0)[None]
    return torch.cat([part, weight], 1), passed_on(weight, bias)


def concat_adds_up_first(weight, project, bias):
    part = torch.einsum("kcij,ed->kdij", weight, project[..., 0, 0])
    return torch.cat([part, weight], 1), passed_on(weight, bias)


def concat_forgets_up(weight, project, bias):
    return torch.cat([of_skip(weight, project), 0 * weight], 1), passed_on(weight, bias)


def concat_the_other_way(weight, project, bias):
    return passed_on(weight, bias), torch.cat([of_skip(weight, project), weight], 1)


def with_bias(new_bias):
    return lambda weight, project, bias: (
        torch.cat([of_skip(weight, project), weight], 1),
        new_bias(weight, project, bias),
    )


def concat_sums_apart(weight, project, bias):
    return with_bias(lambda weight, project, bias: torch.einsum("kcij,d->k", weight, bias))(weight, project, bias)


def concat_averages_the_bias(weight, project, bias):
    return with_bias(lambda weight, project, bias: weight.sum((1, 2, 3)) * bias.mean())(weight, project, bias)


def concat_multiplies_a_tap(weight, project, bias):
    return with_bias(lambda weight, project, bias: weight[..., 0, 0] @ bias * weight.shape[-1] ** 2)(
        weight, project, bias
    )


def concat_projects_the_bias(weight, project, bias):
    return with_bias(lambda weight, project, bias: of_skip(weight, project).sum((1, 2, 3)) * bias.sum())(
        weight, project, bias
    )


def concat_bias_as_a_column(weight, project, bias):
    return with_bias(lambda weight, project, bias: passed_on(weight, bias)[:, None])(weight, project, bias)


def concat_up_first(weight, project, bias):
    return torch.cat([weight, of_skip(weight, project)], 1), passed_on(weight, bias)


def concat_twice_the_weight(weight, project, bias):
    """Tied weights, as in the lesson, without the 1x1 convolution."""
    return torch.cat([weight, weight], 1), passed_on(weight, bias)


def concat_projects_both(weight, project, bias):
    return torch.cat([of_skip(weight, project)] * 2, 1), passed_on(weight, bias)


def concat_projects_alone(weight, project, bias):
    k, _, rows, columns = weight.shape
    return torch.cat([project.expand(k, -1, rows, columns), weight], 1), passed_on(weight, bias)


def concat_transposes(weight, project, bias):
    return torch.cat([torch.einsum("kcij,dc->kdij", weight, project[..., 0, 0]), weight], 1), passed_on(weight, bias)


def concat_halves(weight, project, bias):
    return torch.cat([of_skip(weight, project), weight], 1) / 2, passed_on(weight, bias)


def concat_keeps_the_bias(weight, project, bias):
    return torch.cat([of_skip(weight, project), weight], 1), bias


def concat_one_tap(weight, project, bias):
    middle = weight.shape[-1] // 2
    return torch.cat([of_skip(weight, project), weight], 1), weight[..., middle, middle] @ bias


def concat_averages_taps(weight, project, bias):
    return torch.cat([of_skip(weight, project), weight], 1), weight.mean((2, 3)) @ bias


def concat_loses_the_bias(weight, project, bias):
    return torch.cat([of_skip(weight, project), weight], 1), weight.new_zeros(len(weight))


def concat_sums_the_bias(weight, project, bias):
    return torch.cat([of_skip(weight, project), weight], 1), bias.sum().repeat(len(weight))


def concat_skip_only(weight, project, bias):
    return of_skip(weight, project), passed_on(weight, bias)


def concat_below_each_other(weight, project, bias):
    return torch.cat([of_skip(weight, project), weight]), passed_on(weight, bias)


def concat_returns_a_weight(weight, project, bias):
    return torch.cat([of_skip(weight, project), weight], 1)


CONCAT_MUTANTS = [
    (concat_up_first, "the concatenation has the skip first"),
    (concat_twice_the_weight, "the skip passes `project` first"),
    (concat_projects_both, "`up` too passes `project` here"),
    (concat_projects_alone, "the skip's part is `project` alone"),
    (concat_transposes, "it stopped with"),
    (concat_halves, "this is half of the weight"),
    (concat_keeps_the_bias, "this is the old bias"),
    (concat_one_tap, "one tap's share only"),
    (concat_averages_taps, "the mean over the taps"),
    (concat_loses_the_bias, "the bias is lost"),
    (concat_sums_the_bias, "but not weighed by it"),
    (concat_skip_only, "the skip's part alone"),
    (concat_below_each_other, "where (K, D + C, k, k), here (1, 2, 1, 1), is wanted"),
    (concat_projects_one_tap, "`project` comes before *every* tap"),
    (concat_adds_the_projection, "`project` is added to `weight`"),
    (concat_adds_up_first, "channel c of `weight` belongs to row c of `project`"),
    (concat_forgets_up, "the part of `up` is zero"),
    (concat_the_other_way, "are weight and bias exchanged in the pair?"),
    (concat_sums_apart, "entry c of `bias` belongs to channel c of `weight`"),
    (concat_averages_the_bias, "the mean of `bias` is taken"),
    (concat_multiplies_a_tap, "one tap's share is taken k x k times"),
    (concat_projects_the_bias, "the bias is multiplied with the skip's part"),
    (concat_bias_as_a_column, "one number for each channel that comes out; the taps"),
    (concat_returns_a_weight, "return the pair `new_weight, new_bias`"),
]
CONCAT_ALTERNATES = [concat_by_convolution, concat_by_trying, concat_in_loops]
