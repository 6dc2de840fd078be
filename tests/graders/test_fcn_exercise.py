"""Exercise 06: wrong answers as learners write them, each with what the check must say, and right answers written otherwise."""

import fcn_answers_crops as crops
import fcn_answers_head as heads
import fcn_answers_sizes as sizes
import pytest
import torch
import torch.nn.functional as F
from harness import exercise_tests, load_solutions
from torch import nn

from course_lib import models, ops
from course_lib.checks import judge
from course_lib.checks.session import questions_of

# 2 · double, crop, add


def doubled(coarse, kernel, **settings):
    classes = coarse.shape[1]
    return F.conv_transpose2d(coarse, kernel.expand(classes, 1, 4, 4), stride=2, groups=classes, **settings)


def front(up, skip, offset):
    return up[..., max(-offset, 0) :, max(-offset, 0) :], skip[..., max(offset, 0) :, max(offset, 0) :]


def shared(up, skip):
    height, width = min(up.shape[-2], skip.shape[-2]), min(up.shape[-1], skip.shape[-1])
    return up[..., :height, :width], skip[..., :height, :width]


def fused(up, skip, offset):
    return sum(shared(*front(up, skip, offset)))


def fuse_by_stamps(coarse, skip, kernel, offset):
    """Stamps straight into the skip's scores, cell by cell."""
    h, w = coarse.shape[-2:]
    up = coarse.new_zeros(*coarse.shape[:2], 2 * h + 2, 2 * w + 2)
    for i in range(h):
        for j in range(w):
            up[..., 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += coarse[..., i, j, None, None] * kernel
    top = max(offset, 0)
    bottom, right = (min(a + offset, b) for a, b in zip(up.shape[-2:], skip.shape[-2:], strict=True))
    return skip[..., top:bottom, top:right] + up[..., top - offset : bottom - offset, top - offset : right - offset]


def fuse_with_a_layer(coarse, skip, kernel, offset):
    classes = coarse.shape[1]
    weight = torch.zeros(classes, classes, 4, 4, dtype=coarse.dtype)
    weight[range(classes), range(classes)] = kernel
    layer = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False).double()
    layer.weight.data = weight
    with torch.no_grad():
        up = layer(coarse)
    return fused(up, skip, offset)


def fuse_by_negative_padding(coarse, skip, kernel, offset):
    """F.pad with negative numbers crops all four sides of both maps at once."""
    classes = coarse.shape[1]
    weight = torch.einsum("ab,ij->abij", torch.eye(classes, dtype=kernel.dtype), kernel)
    up = F.conv_transpose2d(coarse, weight, stride=2)
    tall, wide = (b - offset - a for a, b in zip(up.shape[-2:], skip.shape[-2:], strict=True))
    up = F.pad(up, [min(side, 0) for side in (offset, wide, offset, tall)])
    return up + F.pad(skip, [min(-side, 0) for side in (offset, wide, offset, tall)])


def fuse_by_folding(coarse, skip, kernel, offset):
    (n, classes), (h, w) = coarse.shape[:2], coarse.shape[-2:]
    stamps = (coarse[:, :, None] * kernel.reshape(1, 1, 16, 1, 1)).reshape(n, classes * 16, h * w)
    return fused(F.fold(stamps, (2 * h + 2, 2 * w + 2), 4, stride=2), skip, offset)


def fuse_averages(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel), skip, offset) / 2


def fuse_multiplies(coarse, skip, kernel, offset):
    up, skip = shared(*front(doubled(coarse, kernel), skip, offset))
    return up * skip


def fuse_keeps_the_larger(coarse, skip, kernel, offset):
    return torch.maximum(*shared(*front(doubled(coarse, kernel), skip, offset)))


def fuse_concatenates(coarse, skip, kernel, offset):
    return torch.cat(shared(*front(doubled(coarse, kernel), skip, offset)), 1)


def fuse_without_skip(coarse, skip, kernel, offset):
    return shared(*front(doubled(coarse, kernel), skip, offset))[0]


def fuse_only_crops(coarse, skip, kernel, offset):
    return shared(*front(doubled(coarse, kernel), skip, offset))[1]


def fuse_in_the_middle(coarse, skip, kernel, offset):
    up, parts = doubled(coarse, kernel), []
    size = [min(a, b) for a, b in zip(up.shape[-2:], skip.shape[-2:], strict=True)]
    for maps in (up, skip):
        top, left = ((a - b) // 2 for a, b in zip(maps.shape[-2:], size, strict=True))
        parts.append(maps[..., top : top + size[0], left : left + size[1]])
    return sum(parts)


def fuse_in_the_corner(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel), skip, 0)


def fuse_at_the_end(coarse, skip, kernel, offset):
    up, size = doubled(coarse, kernel), []
    size = [min(a, b) for a, b in zip(up.shape[-2:], skip.shape[-2:], strict=True)]
    return up[..., -size[0] :, -size[1] :] + skip[..., -size[0] :, -size[1] :]


def fuse_wrong_way(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel), skip, -offset)


def fuse_crops_both(coarse, skip, kernel, offset):
    o = abs(offset)
    return sum(shared(doubled(coarse, kernel)[..., o:, o:], skip[..., o:, o:]))


def fuse_ignores_negative(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel), skip, max(0, offset))


def fuse_takes_the_size(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel), skip, abs(offset))


def fuse_counts_from_the_end(coarse, skip, kernel, offset):
    return sum(shared(doubled(coarse, kernel), skip[..., offset:, offset:]))


def fuse_rows_only(coarse, skip, kernel, offset):
    up = doubled(coarse, kernel)[..., max(0, -offset) :, :]
    return sum(shared(up, skip[..., max(0, offset) :, :]))


def fuse_crops_all_sides(coarse, skip, kernel, offset):
    up, o = doubled(coarse, kernel), abs(offset)
    if offset > 0:
        skip = skip[..., o:-o, o:-o]
    if offset < 0:
        up = up[..., o:-o, o:-o]
    return sum(shared(up, skip))


def fuse_keeps_the_rest(coarse, skip, kernel, offset):
    up, skip = doubled(coarse, kernel), skip.clone()
    up = up[..., max(-offset, 0) :, max(-offset, 0) :]
    o = max(offset, 0)
    part = skip[..., o : o + up.shape[-2], o : o + up.shape[-1]]
    part += up[..., : part.shape[-2], : part.shape[-1]]
    return skip


def fuse_stretches(coarse, skip, kernel, offset):
    return F.interpolate(doubled(coarse, kernel), skip.shape[-2:], mode="bilinear") + skip


def fuse_stretches_hard(coarse, skip, kernel, offset):
    return F.interpolate(doubled(coarse, kernel), skip.shape[-2:]) + skip


def fuse_resizes_the_skip(coarse, skip, kernel, offset):
    up = doubled(coarse, kernel)
    return up + F.interpolate(skip, up.shape[-2:], mode="bilinear")


def fuse_nearest(coarse, skip, kernel, offset):
    return fused(F.interpolate(coarse, scale_factor=2), skip, offset)


def fuse_interpolates(coarse, skip, kernel, offset):
    return fused(F.interpolate(coarse, scale_factor=2, mode="bilinear"), skip, offset)


def fuse_pads(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel, padding=1), skip, offset)


def fuse_mixes_classes(coarse, skip, kernel, offset):
    classes = coarse.shape[1]
    up = F.conv_transpose2d(coarse, kernel.expand(classes, classes, 4, 4), stride=2)
    return fused(up, skip, offset)


def fuse_flips(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel.flip(0, 1)), skip, offset)


def fuse_turns(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel.T), skip, offset)


def fuse_uses_its_own(coarse, skip, kernel, offset):
    line = torch.tensor([0.25, 0.75, 0.75, 0.25], dtype=coarse.dtype)
    return fused(doubled(coarse, line[:, None] * line), skip, offset)


def fuse_without_cutting_the_end(coarse, skip, kernel, offset):
    """Crops to the doubled map's size, as the paper's code does; smaller skips crash."""
    up = doubled(coarse, kernel)
    return up + skip[..., offset : offset + up.shape[-2], offset : offset + up.shape[-1]]


def fuse_crops_to_squares(coarse, skip, kernel, offset):
    up, skip = front(doubled(coarse, kernel), skip, offset)
    side = min(*up.shape[-2:], *skip.shape[-2:])
    return up[..., :side, :side] + skip[..., :side, :side]


def fuse_keeps_the_doubled_rest(coarse, skip, kernel, offset):
    up, part = front(doubled(coarse, kernel), skip, offset)
    up = up.clone()
    height, width = (min(a, b) for a, b in zip(up.shape[-2:], part.shape[-2:], strict=True))
    up[..., :height, :width] += part[..., :height, :width]
    return up


def fuse_cuts_behind(coarse, skip, kernel, offset):
    up = doubled(coarse, kernel)
    return sum(shared(up[..., :offset, :offset], skip)) if offset < 0 else fused(up, skip, offset)


def fuse_one_late(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel), skip, offset + 1)


def fuse_one_early(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel), skip, offset - 1)


def fuse_doubles_the_offset(coarse, skip, kernel, offset):
    return fused(doubled(coarse, kernel), skip, 2 * offset)


def fuse_averages_classes(coarse, skip, kernel, offset):
    classes = coarse.shape[1]
    up = F.conv_transpose2d(coarse, kernel.expand(classes, classes, 4, 4) / classes, stride=2)
    return fused(up, skip, offset)


def fuse_takes_one_class(coarse, skip, kernel, offset):
    return fused(doubled(coarse[:, :1], kernel).expand(-1, coarse.shape[1], -1, -1), skip, offset)


def fuse_takes_one_picture(coarse, skip, kernel, offset):
    return fused(doubled(coarse[:1], kernel).expand(len(coarse), -1, -1, -1), skip, offset)


def fuse_overwrites(coarse, skip, kernel, offset):
    h, w = coarse.shape[-2:]
    up = coarse.new_zeros(*coarse.shape[:2], 2 * h + 2, 2 * w + 2)
    for i in range(h):
        for j in range(w):
            up[..., 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] = coarse[..., i, j, None, None] * kernel
    return fused(up, skip, offset)


def fuse_in_float32(coarse, skip, kernel, offset):
    return fused(doubled(coarse.float(), kernel.float()), skip.float(), offset)


# 3 · the first weights


def tent_of(size, middle, reach):
    return (1 - (torch.arange(size) - middle).abs() / reach).clamp(min=0)


def diagonal(channels, line):
    weight = torch.zeros(channels, channels, len(line), len(line))
    weight[range(channels), range(channels)] = line.view(-1, 1) * line
    return weight


def right_tent(factor):
    size = 2 * factor - factor % 2
    return tent_of(size, (size - 1) / 2, factor)


def weight_by_boxes(channels, factor):
    """A tent is a box of `factor` cells smoothed by another one (for an even factor between the cells)."""
    if factor % 2:
        line = F.conv1d(torch.ones(1, 1, factor), torch.ones(1, 1, factor), padding=factor - 1)[0, 0] / factor
    else:
        line = torch.tensor([min(2 * i + 1, 4 * factor - 2 * i - 1) / (2 * factor) for i in range(2 * factor)])
    return diagonal(channels, line)


def weight_by_caffe(channels, factor):
    size = 2 * factor - factor % 2
    half = (size + 1) // 2
    center = half - 1 if size % 2 == 1 else half - 0.5
    weight = torch.zeros(channels, channels, size, size, dtype=torch.float64)
    for c in range(channels):
        for i in range(size):
            for j in range(size):
                weight[c, c, i, j] = (1 - abs(i - center) / half) * (1 - abs(j - center) / half)
    return weight


def weight_of_an_impulse(channels, factor):
    """What F.interpolate makes of a single 1."""
    size = 2 * factor - factor % 2
    one = F.pad(torch.ones(1, 1, 1, 1), [2] * 4)
    up = F.interpolate(one, scale_factor=factor, mode="bilinear")[0, 0]
    first = 2 * factor - (size - factor) // 2
    return torch.eye(channels).view(channels, channels, 1, 1) * up[first : first + size, first : first + size]


def weight_in_float64(channels, factor):
    line = right_tent(factor).double()
    return nn.Parameter(torch.einsum("ab,i,j->abij", torch.eye(channels, dtype=torch.float64), line, line))


def weight_to_class_0(channels, factor):
    weight = torch.zeros(channels, channels, *[2 * factor - factor % 2] * 2)
    weight[:, 0] = diagonal(1, right_tent(factor))[0, 0]
    return weight


def weight_from_class_0(channels, factor):
    return weight_to_class_0(channels, factor).transpose(0, 1)


def weight_at_k_halved(channels, factor):
    size = 2 * factor - factor % 2
    return diagonal(channels, tent_of(size, size // 2, factor))


def weight_ends_in_zeros(channels, factor):
    return diagonal(channels, 1 - torch.linspace(-1, 1, 2 * factor - factor % 2).abs())


def weight_reaches_half_a_cell_further(channels, factor):
    size = 2 * factor - factor % 2
    return diagonal(channels, tent_of(size, (size - 1) / 2, (size + 1) / 2))


def weight_divided_again(channels, factor):
    return diagonal(channels, right_tent(factor)) / factor


def weight_of_equal_rows(channels, factor):
    line = right_tent(factor)
    return torch.eye(channels)[:, :, None, None] * line.expand(len(line), -1)


def weight_of_equal_columns(channels, factor):
    return weight_of_equal_rows(channels, factor).transpose(2, 3)


def weight_everywhere(channels, factor):
    return diagonal(1, right_tent(factor)).repeat(channels, channels, 1, 1)


def weight_of_the_first(channels, factor):
    weight = diagonal(channels, right_tent(factor))
    weight[1:] = 0
    return weight


def weight_of_a_grouped_layer(channels, factor):
    return diagonal(1, right_tent(factor)).repeat(channels, 1, 1, 1)


def weight_one_kernel(channels, factor):
    return diagonal(1, right_tent(factor))[0, 0]


def weight_nearest(channels, factor):
    return diagonal(channels, torch.ones(factor))


def weight_all_ones(channels, factor):
    return diagonal(channels, torch.ones(2 * factor - factor % 2))


def weight_always_even(channels, factor):
    return diagonal(channels, tent_of(2 * factor, factor - 0.5, factor))


def weight_always_odd(channels, factor):
    return diagonal(channels, tent_of(2 * factor - 1, factor - 1, factor))


def weight_too_wide(channels, factor):
    return diagonal(channels, tent_of(2 * factor + factor % 2, (2 * factor + factor % 2 - 1) / 2, factor))


def weight_beside_the_middle(channels, factor):
    return diagonal(channels, tent_of(2 * factor - factor % 2, factor - 0.5, factor))


def weight_on_a_cell(channels, factor):
    return diagonal(channels, tent_of(2 * factor - factor % 2, factor - 1, factor))


def weight_at_half_k(channels, factor):
    size = 2 * factor - factor % 2
    return diagonal(channels, tent_of(size, size / 2, factor))


def weight_in_whole_steps(channels, factor):
    rise = torch.linspace(0, 1, factor + 1)[1:]
    return diagonal(channels, torch.cat([rise, rise.flip(0)[factor % 2 :]]))


def weight_too_steep(channels, factor):
    size = 2 * factor - factor % 2
    return diagonal(channels, tent_of(size, (size - 1) / 2, size / 2))


def weight_too_flat(channels, factor):
    size = 2 * factor - factor % 2
    return diagonal(channels, tent_of(size, (size - 1) / 2, factor + 1))


def weight_far_too_flat(channels, factor):
    size = 2 * factor - factor % 2
    return diagonal(channels, tent_of(size, (size - 1) / 2, size))


def weight_sums_to_one(channels, factor):
    line = right_tent(factor)
    return diagonal(channels, line / line.sum())


def weight_peaks_at_one(channels, factor):
    line = right_tent(factor)
    return diagonal(channels, line / line.max())


def weight_round(channels, factor):
    size = 2 * factor - factor % 2
    away = torch.arange(size) - (size - 1) / 2
    cone = (1 - (away[:, None] ** 2 + away**2).sqrt() / factor).clamp(min=0)
    return torch.eye(channels)[:, :, None, None] * cone


def weight_averaged(channels, factor):
    line = right_tent(factor)
    return torch.eye(channels)[:, :, None, None] * (line[:, None] + line) / 2


def weight_squared(channels, factor):
    return diagonal(channels, right_tent(factor) ** 2)


def weight_from_exercise_02(channels, factor):
    """Right for even strides, and what one gets by the same formula for odd ones."""
    tent = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    return diagonal(channels, tent)


def weight_asks_the_library(channels, factor):
    return ops.bilinear_weight(channels, channels, factor)


MUTANTS = {
    "head_to_scores": heads.MUTANTS,
    "fuse": [
        (fuse_averages, "are averaged"),
        (fuse_multiplies, "are multiplied"),
        (fuse_keeps_the_larger, "the larger score is kept"),
        (fuse_concatenates, "concatenated along the channels"),
        (fuse_without_skip, "the skip's scores are missing"),
        (fuse_only_crops, "the skip's scores alone"),
        (fuse_in_the_middle, "cropped in the middle"),
        (fuse_in_the_corner, "laid corner to corner"),
        (fuse_at_the_end, "laid together at their ends"),
        (fuse_wrong_way, "cut off the wrong map"),
        (fuse_crops_both, "cut off both maps"),
        (fuse_ignores_negative, "a negative offset is ignored"),
        (fuse_takes_the_size, "how much of the *doubled* map to cut"),
        (fuse_counts_from_the_end, "counts from the end"),
        (fuse_rows_only, "only rows are cropped"),
        (fuse_crops_all_sides, "cut off on all sides"),
        (fuse_keeps_the_rest, "the result is the part that both maps share"),
        (fuse_stretches, "stretched to the skip's size"),
        (fuse_stretches_hard, "stretched (nearest)"),
        (fuse_resizes_the_skip, "resized to the doubled map"),
        (fuse_nearest, "each cell is repeated"),
        (fuse_interpolates, "F.interpolate doubles to exactly"),
        (fuse_pads, "as with padding=1"),
        (fuse_mixes_classes, "stamps of all classes"),
        (fuse_flips, "turned around"),
        (fuse_turns, "rows and columns are exchanged"),
        (fuse_uses_its_own, "training may have changed it"),
        (fuse_keeps_the_doubled_rest, "past the skip's last row"),
        (fuse_cuts_behind, "cut off behind the doubled map"),
        (fuse_one_late, "one cell too late"),
        (fuse_one_early, "one cell too early"),
        (fuse_doubles_the_offset, "the offset is doubled"),
        (fuse_averages_classes, "the mean of all classes"),
        (fuse_takes_one_class, "every class gets the first one's scores"),
        (fuse_takes_one_picture, "every picture gets the first one's scores"),
        (fuse_overwrites, "stamps overwrite each other"),
        (fuse_in_float32, "rounded to float32"),
        (fuse_without_cutting_the_end, "the doubled map has (8, 6) cells"),
        (fuse_crops_to_squares, "cut to a square"),
    ],
    "bilinear_weight": [
        (weight_everywhere, "only [c, c] has one"),
        (weight_of_the_first, "only the first class"),
        (weight_of_a_grouped_layer, "the weight of a grouped layer"),
        (weight_one_kernel, "this is one kernel"),
        (weight_nearest, "as nearest-neighbor upsampling has them"),
        (weight_all_ones, "constant stamps of k x k"),
        (weight_always_even, "2f - 1 cells here"),
        (weight_from_exercise_02, "moved by half a cell"),
        (weight_always_odd, "for an even factor too"),
        (weight_too_wide, "the outer ones 0"),
        (weight_beside_the_middle, "half a cell beside it"),
        (weight_on_a_cell, "this tent stands on a cell"),
        (weight_at_half_k, "this tent stands at k / 2"),
        (weight_in_whole_steps, "begin at half a step"),
        (weight_too_steep, "falls off too fast"),
        (weight_too_flat, "not f + 1"),
        (weight_far_too_flat, "not k"),
        (weight_sums_to_one, "sum to 1 here"),
        (weight_peaks_at_one, "the peak is scaled to 1"),
        (weight_round, "the falloff is round"),
        (weight_averaged, "the two tents are averaged"),
        (weight_squared, "the tent is squared"),
        (weight_to_class_0, "every class goes to class 0"),
        (weight_from_class_0, "class 0 goes to every class"),
        (weight_at_k_halved, "this tent stands at k // 2"),
        (weight_ends_in_zeros, "the outermost taps are 0"),
        (weight_reaches_half_a_cell_further, "not (k + 1) / 2"),
        (weight_divided_again, "once too often"),
        (weight_of_equal_rows, "all rows are alike"),
        (weight_of_equal_columns, "all columns are alike"),
        (weight_asks_the_library, "of course_lib, which this question does not allow"),
    ],
    "fcn_sizes": sizes.MUTANTS,
    "crop_offsets": crops.MUTANTS,
}
ALTERNATES = {
    "head_to_scores": heads.ALTERNATES,
    "fuse": [fuse_by_stamps, fuse_with_a_layer, fuse_by_negative_padding, fuse_by_folding],
    "bilinear_weight": [weight_by_boxes, weight_by_caffe, weight_of_an_impulse, weight_in_float64],
    "fcn_sizes": sizes.ALTERNATES,
    "crop_offsets": crops.ALTERNATES,
}

TestExercise = exercise_tests("06_fcn", MUTANTS, ALTERNATES)


@pytest.mark.parametrize(
    ("name", "answer"), [("head_to_scores", heads.head_asks_the_library), ("bilinear_weight", weight_asks_the_library)]
)
def test_the_checks_want_what_the_library_computes(name, answer):
    question = next(q for q in questions_of("06_fcn") if q.name == name)
    failed = [o.claim for o in judge(question, answer, "06_fcn").outcomes if not o.passed]
    assert len(failed) == 1
    assert failed[0].startswith("it is built by hand")


def test_an_explanation_of_one_case_is_none_of_all():
    """An offset one too small is the crop in the middle on some sizes: only the offset may be named."""
    question = next(q for q in questions_of("06_fcn") if q.name == "fuse")
    whys = [o.why for o in judge(question, fuse_one_early, "06_fcn").outcomes]
    assert all("one cell too early" in why for why in whys)


def test_a_failing_map_is_shown_where_it_fails():
    question = next(q for q in questions_of("06_fcn") if q.name == "head_to_scores")
    failed = [o for o in judge(question, heads.head_channels_last, "06_fcn").outcomes if o.passed is False]
    assert failed
    assert not any(torch.equal(o.got, o.want) for o in failed)


@pytest.mark.parametrize(("variant", "skips"), [("32s", []), ("16s", [14]), ("8s", [14, 10])])
@pytest.mark.parametrize("padding", [100, 1])
def test_the_crops_are_those_of_the_library(variant, skips, padding):
    net = models.FCN(2, variant, width=1, head_width=2, padding=padding)
    layers = [(layer.kernel, layer.stride, layer.padding) for layer in ops.layers_of(net.vgg)]
    layers.append((7, 1, net.fc6.padding[0]))
    names = [*["score_pool4", "score_pool3"][: len(skips)], "score"]
    assert load_solutions("06_fcn")["crop_offsets"](layers, skips) == tuple(net.crops[name] for name in names)


def test_the_sizes_are_those_of_the_library():
    net = models.FCN(2, "8s", width=1, head_width=2).eval()
    sizes, names = {}, ("fc6", "upscore2", "upscore_pool4", "upscore8")
    for name in names:
        getattr(net, name).register_forward_hook(lambda *call, name=name: sizes.update({name: call[-1].shape[-2:]}))
    with torch.no_grad():
        net(torch.zeros(1, 3, 37, 90))
    traced = load_solutions("06_fcn")["fcn_sizes"](37, 90, 100)
    assert {name: tuple(size) for name, size in sizes.items()} == {name: traced[name] for name in names}


def test_the_sum_is_that_of_the_library():
    net = models.FCN(3, "16s", width=1, head_width=2).double()
    scores = {"score_fr": torch.randn(2, 3, 7, 8), "score_pool4": torch.randn(2, 3, 25, 27)}
    scores = {name: value.double() for name, value in scores.items()}
    kernel = ops.bilinear_kernel(2).double()
    mine = load_solutions("06_fcn")["fuse"](scores["score_fr"], scores["score_pool4"], kernel, net.crops["score_pool4"])
    with torch.no_grad():
        whole, ups = net.fuse(scores, (200, 210)), net.upscore16(mine)
    first = net.crops["score"]
    torch.testing.assert_close(ups[..., first : first + 200, first : first + 210], whole, rtol=0, atol=1e-12)
