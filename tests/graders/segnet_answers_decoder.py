"""Exercise 07, right and wrong answers to the questions about the decoder's stages and their run."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import models

# 3 · the mirror


def block(a, b, kernel=3, padding=1, stride=1, bias=True):
    return [nn.Conv2d(a, b, kernel, stride, padding, bias=bias), nn.BatchNorm2d(b), nn.ReLU()]


def rows_of(counts, widths, num_classes):
    """The channels of each stage, in running order."""
    after = [num_classes, *widths]
    return [[widths[i]] * counts[i] + [after[i]] for i in range(len(counts))][::-1]


def networks(rows, make=block, ends=2):
    """A network for each row of channels; `ends` layers are taken off the last one."""
    stages = [[layer for a, b in itertools.pairwise(row) for layer in make(a, b)] for row in rows]
    stages[-1] = stages[-1][: len(stages[-1]) - ends]
    return [nn.Sequential(*layers) for layers in stages]


def mirror_in_blocks(counts, widths, num_classes):
    """Sequentials in Sequentials, convolutions without bias, "same" padding, ReLU in place."""

    def conv(a, b):
        layer = nn.Conv2d(a, b, 3, padding="same", bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(b), nn.ReLU(inplace=True))

    stages = []
    for row in rows_of(counts, widths, num_classes):
        stages.append(nn.Sequential(*[conv(a, b) for a, b in itertools.pairwise(row)]))
    last = rows_of(counts, widths, num_classes)[-1]
    stages[-1][-1] = nn.Conv2d(last[-2], last[-1], (3, 3), padding=(1, 1))
    return tuple(stages)


def mirror_from_the_encoder(counts, widths, num_classes):
    """The encoder's convolutions, turned around."""
    pairs = [
        [(widths[i - 1] if i else num_classes, widths[i])] + [(widths[i],) * 2] * (counts[i] - 1)
        for i in range(len(counts))
    ]
    stages = []
    for i in reversed(range(len(counts))):
        stage = nn.Sequential()
        for n, (out, inside) in enumerate(reversed(pairs[i])):
            stage.append(nn.Conv2d(inside, out, 3, padding=1))
            if i or n < counts[0] - 1:
                stage.append(nn.BatchNorm2d(out))
                stage.append(nn.ReLU())
        stages.append(stage)
    return stages


def mirror_with_identities(counts, widths, num_classes):
    """What does nothing is nothing."""
    stages = networks(rows_of(counts, widths, num_classes))
    return [nn.Sequential(nn.Identity(), *stage, nn.Identity()) for stage in stages]


def mirror_first_stage_first(counts, widths, num_classes):
    return mirror_in_blocks(counts, widths, num_classes)[::-1]


def mirror_in_one(counts, widths, num_classes):
    return nn.Sequential(*mirror_in_blocks(counts, widths, num_classes))


def mirror_as_layers(counts, widths, num_classes):
    return [
        [layer for a, b in itertools.pairwise(row) for layer in block(a, b)]
        for row in rows_of(counts, widths, num_classes)
    ]


def mirror_as_convolutions(counts, widths, num_classes):
    """One network for each convolution."""
    pairs = [pair for row in rows_of(counts, widths, num_classes) for pair in itertools.pairwise(row)]
    return networks(pairs)


def mirror_with_a_classifier(counts, widths, num_classes):
    """The stages lead to widths[0], and a classifier follows as a stage of its own."""
    stages = networks(rows_of(counts, widths, widths[0]), ends=0)
    return [*stages, nn.Sequential(nn.Conv2d(widths[0], num_classes, 3, padding=1))]


def mirror_one_more(counts, widths, num_classes):
    """The classifier comes on top of the convolutions of the last stage."""
    rows = rows_of(counts, widths, num_classes)
    rows[-1].insert(0, rows[-1][0])
    return networks(rows)


def mirror_narrows_extra(counts, widths, num_classes):
    """counts[i] convolutions that keep the width, and then one that narrows."""
    return networks([[row[0], *row] for row in rows_of(counts, widths, num_classes)])


def mirror_narrows_first(counts, widths, num_classes):
    return networks([[row[0]] + [row[-1]] * (len(row) - 1) for row in rows_of(counts, widths, num_classes)])


def mirror_narrows_first_but_the_scores(counts, widths, num_classes):
    """Each stage narrows in its first convolution; the scores are the last one's."""
    rows = rows_of(counts, widths, num_classes)
    return networks([[row[0]] + [row[-1]] * (len(row) - 1) for row in rows[:-1]] + [rows[-1]])


def mirror_begins_with_the_deeper(counts, widths, num_classes):
    """Each stage takes widths[i + 1] and makes widths[i]."""
    rows, before = [], widths[-1]
    for row in rows_of(counts, widths, num_classes):
        rows.append([before] + [row[0]] * (len(row) - 1))
        before = row[0]
    rows[-1][-1] = num_classes
    return networks(rows)


def mirror_always_two(counts, widths, num_classes):
    return networks(rows_of([2 for _ in counts], widths, num_classes))


def mirror_in_a_module_list(counts, widths, num_classes):
    return nn.ModuleList(networks(rows_of(counts, widths, num_classes)))


def mirror_strides(counts, widths, num_classes):
    return networks(rows_of(counts, widths, num_classes), lambda a, b: block(a, b, stride=2))


def mirror_normalizes_at_the_end(counts, widths, num_classes):
    """One BatchNorm2d a stage."""
    rows = rows_of(counts, widths, num_classes)
    stages = [list(stage) for stage in networks(rows)]
    kept = [[m for n, m in enumerate(s) if n >= len(s) - 2 or not isinstance(m, nn.BatchNorm2d)] for s in stages]
    return [nn.Sequential(*layers) for layers in kept]


def mirror_never_narrows(counts, widths, num_classes):
    rows = [[*row[:-1], row[0]] for row in rows_of(counts, widths, num_classes)]
    rows[-1][-1] = num_classes
    return networks(rows)


def mirror_without_scores(counts, widths, num_classes):
    return networks(rows_of(counts, widths, widths[0]))


def mirror_to_an_image(counts, widths, num_classes):
    return networks(rows_of(counts, widths, 3))


def mirror_is_the_encoder(counts, widths, num_classes):
    return networks([row[::-1] for row in rows_of(counts, widths, 3)])


def mirror_off_by_one(counts, widths, num_classes):
    """widths[i + 1] where the next stage is widths[i - 1]."""
    rows = rows_of(counts, widths, num_classes)
    for n, row in enumerate(rows[:-1]):
        row[-1] = rows[n - 1][0] if n else row[0]
    return networks(rows)


def mirror_pads_nothing(counts, widths, num_classes):
    return networks(rows_of(counts, widths, num_classes), lambda a, b: block(a, b, padding=0))


def mirror_scores_by_1x1(counts, widths, num_classes):
    stages = networks(rows_of(counts, widths, num_classes))
    stages[-1][-1] = nn.Conv2d(widths[0], num_classes, 1)
    return stages


def mirror_transposed(counts, widths, num_classes):
    def make(a, b):
        return [nn.ConvTranspose2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]

    return networks(rows_of(counts, widths, num_classes), make)


def mirror_upsamples(counts, widths, num_classes):
    return [
        nn.Sequential(nn.Upsample(scale_factor=2), *stage) for stage in networks(rows_of(counts, widths, num_classes))
    ]


def mirror_unpools(counts, widths, num_classes):
    return [nn.Sequential(nn.MaxUnpool2d(2), *stage) for stage in networks(rows_of(counts, widths, num_classes))]


def mirror_relu_first(counts, widths, num_classes):
    def make(a, b):
        conv, norm, relu = block(a, b)
        return [conv, relu, norm]

    return networks(rows_of(counts, widths, num_classes), make)


def mirror_before_the_convolution(counts, widths, num_classes):
    def make(a, b):
        return [nn.BatchNorm2d(a), nn.ReLU(), nn.Conv2d(a, b, 3, padding=1)]

    return networks(rows_of(counts, widths, num_classes), make, ends=0)


def mirror_without_norm(counts, widths, num_classes):
    return networks(rows_of(counts, widths, num_classes), lambda a, b: block(a, b)[::2], ends=1)


def mirror_without_relu(counts, widths, num_classes):
    return networks(rows_of(counts, widths, num_classes), lambda a, b: block(a, b)[:2], ends=1)


def mirror_ends_in_relu(counts, widths, num_classes):
    return networks(rows_of(counts, widths, num_classes), ends=0)


def mirror_ends_in_norm(counts, widths, num_classes):
    return networks(rows_of(counts, widths, num_classes), ends=1)


def mirror_ends_in_softmax(counts, widths, num_classes):
    stages = networks(rows_of(counts, widths, num_classes))
    stages[-1].append(nn.Softmax(1))
    return stages


def mirror_ends_every_stage(counts, widths, num_classes):
    """No normalization and no ReLU at the end of any stage."""
    return [stage[:-2] for stage in networks(rows_of(counts, widths, num_classes), ends=0)]


def mirror_of_the_library(counts, widths, num_classes):
    """The library's SegNet of that many stages; its counts and widths are VGG's."""
    net = models.SegNet(num_classes, widths[0], len(counts))
    stages = list(net.decoder)
    stages[-1] = nn.Sequential(*stages[-1], net.classifier)
    return stages


MIRROR_MUTANTS = [
    (mirror_first_stage_first, "the stage that mirrors the encoder's last one runs first"),
    (mirror_in_one, "one nn.Sequential for each stage"),
    (mirror_as_layers, "not list: put the layers of a stage into one nn.Sequential"),
    (mirror_as_convolutions, "not one for each convolution"),
    (mirror_with_a_classifier, "not by a stage of their own"),
    (mirror_one_more, "is the last of the `counts[0]`, not one more"),
    (mirror_narrows_extra, "is the last of the `counts[i]`, not one more"),
    (mirror_narrows_first, "in its *first* convolution, as the encoder widens there"),
    (mirror_narrows_first_but_the_scores, "in its *first* convolution: in the encoder the first one widens"),
    (mirror_begins_with_the_deeper, "a stage begins with the channels of the deeper stage here"),
    (mirror_always_two, "the stages have [2, 2] convolutions, in running order, where [2, 1] are wanted"),
    (mirror_in_a_module_list, "return a list, not an nn.ModuleList"),
    (mirror_strides, "in running order turns"),
    (mirror_normalizes_at_the_end, "the layers of stage 1 in running order are"),
    (mirror_never_narrows, "no stage narrows"),
    (mirror_without_scores, "not another map of `widths[0]` channels"),
    (mirror_to_an_image, "not the 3 channels of an image"),
    (mirror_is_the_encoder, "these are the encoder's convolutions"),
    (mirror_off_by_one, "in running order: convolution"),
    (mirror_pads_nothing, "it pads 1 on each side"),
    (mirror_scores_by_1x1, "also the one that makes the scores"),
    (mirror_transposed, "the decoder's convolutions are plain ones"),
    (mirror_upsamples, "nothing in a stage enlarges the map"),
    (mirror_unpools, "a network of MaxUnpool2d cannot be handed over"),
    (mirror_relu_first, "the ReLU stands before the BatchNorm2d"),
    (mirror_before_the_convolution, "comes before the first convolution"),
    (mirror_without_norm, "there is no BatchNorm2d"),
    (mirror_without_relu, "there is no ReLU"),
    (mirror_ends_in_relu, "behind the scores"),
    (mirror_ends_in_norm, "BatchNorm2d behind the scores"),
    (mirror_ends_in_softmax, "the softmax belongs to the loss"),
    (mirror_ends_every_stage, "only the very last one of the decoder goes without"),
    (mirror_of_the_library, "of course_lib, which this question does not allow"),
]
MIRROR_ALTERNATES = [mirror_in_blocks, mirror_from_the_encoder, mirror_with_identities]


# 4 · run the decoder


def unpooled(x, where, size):
    return F.max_unpool2d(x, where, 2, output_size=size)


@torch.no_grad()
def decode_pops(code, indices, sizes, stages):
    x = code
    for stage in stages:
        x = stage(unpooled(x, indices.pop(), sizes.pop()))
    return x


def decode_by_scatter(code, indices, sizes, stages):
    x = code
    for n in range(1, len(stages) + 1):
        (H, W), where = sizes[-n], indices[-n]
        maps = torch.zeros(*x.shape[:2], H * W, dtype=x.dtype)
        maps.scatter_(2, where.flatten(2), x.flatten(2))
        x = stages[n - 1](maps.view(*x.shape[:2], H, W))
    return x.detach()


def decode_with_a_layer(code, indices, sizes, stages):
    unpool = nn.MaxUnpool2d(2, stride=2)
    with torch.no_grad():
        for i in range(len(stages) - 1, -1, -1):
            code = stages[len(stages) - 1 - i](unpool(code, indices[i], output_size=sizes[i]))
    return code


def decode_by_itself(code, indices, sizes, stages):
    """The deepest stage, and then the rest by recursion."""
    if not stages:
        return code
    with torch.no_grad():
        x = stages[0](unpooled(code, indices[-1], sizes[-1]))
    return decode_by_itself(x, indices[:-1], sizes[:-1], stages[1:])


def decode_first_in_first_out(code, indices, sizes, stages):
    x = code
    for stage, where, size in zip(stages, indices, sizes, strict=True):
        x = stage(unpooled(x, where, size))
    return x


def decode_pops_the_front(code, indices, sizes, stages):
    """Reverses both lists, and then reads them from the end again."""
    x, indices = code, indices[::-1]
    for stage in stages:
        x = stage(unpooled(x, indices.pop(), sizes[-1 - len(indices)]))
    return x


def decode_turns_the_sizes_only(code, indices, sizes, stages):
    x = code
    for stage, where, size in zip(stages, indices[::-1], sizes, strict=True):
        x = stage(unpooled(x, where, size))
    return x


def decode_turns_the_stages(code, indices, sizes, stages):
    x = code
    for stage, where, size in zip(stages[::-1], indices[::-1], sizes[::-1], strict=True):
        x = stage(unpooled(x, where, size))
    return x


def decode_stage_first(code, indices, sizes, stages):
    x = code
    for stage, where, size in zip(stages, indices[::-1], sizes[::-1], strict=True):
        x = unpooled(stage(x), where, size)
    return x


def decode_doubles(code, indices, sizes, stages):
    x = code
    for stage, where in zip(stages, indices[::-1], strict=True):
        x = stage(F.max_unpool2d(x, where, 2))
    return x


def decode_doubles_and_cuts(code, indices, sizes, stages):
    x = code
    for stage, where, (H, W) in zip(stages, indices[::-1], sizes[::-1], strict=True):
        x = stage(F.max_unpool2d(x, where, kernel_size=2, stride=2)[:, :, :H, :W])
    return x


def decode_doubles_and_cuts_at_the_end(code, indices, sizes, stages):
    x = decode_doubles(code, indices, sizes, stages)
    return x[..., : sizes[0][0], : sizes[0][1]]


def decode_bilinear(code, indices, sizes, stages):
    x = code
    for stage, size in zip(stages, sizes[::-1], strict=True):
        x = stage(F.interpolate(x, size, mode="bilinear"))
    return x


def decode_nearest(code, indices, sizes, stages):
    x = code
    for stage, size in zip(stages, sizes[::-1], strict=True):
        x = stage(F.interpolate(x, size))
    return x


def decode_to_corners(code, indices, sizes, stages):
    x = code
    for stage, (H, W) in zip(stages, sizes[::-1], strict=True):
        out = torch.zeros(*x.shape[:2], H, W, dtype=x.dtype)
        out[:, :, ::2, ::2] = x
        x = stage(out)
    return x


def decode_unpools_once(code, indices, sizes, stages):
    return nn.Sequential(*stages)(unpooled(code, indices[-1], sizes[-1]))


def decode_unpools_first(code, indices, sizes, stages):
    return nn.Sequential(*stages)(decode_without_stages(code, indices, sizes, stages))


def decode_returns_early(code, indices, sizes, stages):
    for stage, where, size in zip(stages, indices[::-1], sizes[::-1], strict=True):
        return stage(unpooled(code, where, size))


def decode_in_float32(code, indices, sizes, stages):
    return decode_pops(code, indices, sizes, stages).float()


def decode_without_stages(code, indices, sizes, stages):
    x = code
    for where, size in zip(indices[::-1], sizes[::-1], strict=True):
        x = unpooled(x, where, size)
    return x


def decode_leaves_out_the_last(code, indices, sizes, stages):
    x = code
    for i in range(len(stages) - 1, -1, -1):
        x = unpooled(x, indices[i], sizes[i])
        if i:
            x = stages[-1 - i](x)
    return x


def decode_to_probabilities(code, indices, sizes, stages):
    return decode_pops(code, indices, sizes, stages).softmax(1)


def decode_to_labels(code, indices, sizes, stages):
    return decode_pops(code, indices, sizes, stages).argmax(1)


def decode_behind_a_relu(code, indices, sizes, stages):
    return F.relu(decode_pops(code, indices, sizes, stages))


DECODE_MUTANTS = [
    (decode_first_in_first_out, "is this map unpooled with what belongs to its own pooling, the last pooling's first?"),
    (decode_pops_the_front, "is this map unpooled with what belongs to its own pooling, the last pooling's first?"),
    (decode_turns_the_sizes_only, "The code has"),
    (decode_turns_the_stages, "the stages run in the wrong order"),
    (decode_stage_first, "the network runs before the unpooling"),
    (decode_doubles, "each unpooling doubles the map here"),
    (decode_doubles_and_cuts, "which is then cut"),
    (decode_doubles_and_cuts_at_the_end, "the scores are cut at the end"),
    (decode_bilinear, "enlarged bilinearly"),
    (decode_nearest, "by repeating cells"),
    (decode_to_corners, "the upper left cell of its window"),
    (decode_unpools_once, "only the code is unpooled"),
    (decode_unpools_first, "all unpoolings come first here"),
    (decode_returns_early, "is the `return` inside the loop?"),
    (decode_in_float32, "the scores are float32 here"),
    (decode_without_stages, "the stages are missing"),
    (decode_leaves_out_the_last, "the last stage is missing"),
    (decode_to_probabilities, "these are probabilities"),
    (decode_to_labels, "these are labels"),
    (decode_behind_a_relu, "these are scores behind a ReLU"),
]
DECODE_ALTERNATES = [decode_pops, decode_by_scatter, decode_with_a_layer, decode_by_itself]
