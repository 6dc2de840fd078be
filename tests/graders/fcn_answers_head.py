"""Exercise 06, right and wrong answers to the question about the head that becomes convolutions."""

import copy
import math
from collections import OrderedDict

import torch
from torch import nn

from course_lib import ops


def conv_of(linear, c_in, kernel, padding=0, bias=True, view=None):
    conv = nn.Conv2d(c_in, linear.out_features, kernel, padding=padding, bias=bias)
    weight = linear.weight.data
    conv.weight.data = (view(weight) if view else weight.view(conv.weight.shape)).contiguous()
    if bias:
        conv.bias.data = linear.bias.data
    return conv


def zero_score(inputs, num_classes, bias=True):
    score = nn.Conv2d(inputs, num_classes, 1, bias=bias)
    for value in score.parameters():
        nn.init.zeros_(value)
    return score


def side_of(head, channels):
    return round((head[1].in_features / channels) ** 0.5)


def build(head, channels, num_classes, padding, fc6=None, fc7=None, score=None, dropout=nn.Dropout2d):
    """The right network, some of whose layers are given."""
    fc6 = fc6 or conv_of(head[1], channels, side_of(head, channels), padding)
    fc7 = fc7 or conv_of(head[4], head[4].in_features, 1)
    score = score or zero_score(head[4].out_features, num_classes)
    return nn.Sequential(fc6, nn.ReLU(), dropout(head[3].p), fc7, nn.ReLU(), dropout(head[6].p), score)


def head_by_loops(head, channels, num_classes, padding):
    """Reshapes in steps, and copies by slices."""
    k = 1
    while channels * k * k < head[1].in_features:
        k += 1
    network = nn.Sequential(
        nn.Conv2d(channels, head[1].out_features, (k, k), padding=(padding, padding)),
        nn.ReLU(inplace=True),
        nn.Dropout2d(head[3].p),
        nn.Conv2d(head[4].in_features, head[4].out_features, (1, 1)),
        nn.ReLU(inplace=True),
        nn.Dropout2d(head[6].p),
        nn.Conv2d(head[4].out_features, num_classes, (1, 1)),
    )
    with torch.no_grad():
        for n in range(head[1].out_features):
            for c in range(channels):
                network[0].weight[n, c] = head[1].weight[n, c * k * k : (c + 1) * k * k].reshape(k, k)
        network[0].bias.copy_(head[1].bias)
        network[3].weight.copy_(head[4].weight[:, :, None, None])
        network[3].bias.copy_(head[4].bias)
        network[6].weight.zero_()
        network[6].bias.zero_()
    return network


def head_in_parts(head, channels, num_classes, padding):
    """A network of networks, in float64 and in evaluation mode, with its own ReLUs."""
    whole = build(head, channels, num_classes, padding).double().eval()
    return nn.Sequential(nn.Sequential(*whole[:3]), nn.Sequential(*whole[3:6]), whole[6])


def head_with_names(head, channels, num_classes, padding):
    """Lazy convolutions with new Parameters, in a network whose layers have names."""
    _, l6, _, d6, l7, _, d7, _ = copy.deepcopy(head)
    k = math.isqrt(l6.in_features // channels)
    c6, c7 = nn.LazyConv2d(l6.out_features, k, padding=padding), nn.LazyConv2d(l7.out_features, 1)
    c7(c6(torch.zeros(1, channels, k, k)))
    c6.weight, c6.bias = nn.Parameter(l6.weight.unflatten(1, (channels, k, k))), l6.bias
    c7.weight, c7.bias = nn.Parameter(l7.weight[..., None, None]), l7.bias
    layers = {"fc6": c6, "relu6": nn.ReLU(), "drop6": nn.Dropout2d(d6.p), "fc7": c7, "relu7": nn.ReLU()}
    score = zero_score(l7.out_features, num_classes)
    return nn.Sequential(OrderedDict(**layers, drop7=nn.Dropout2d(d7.p), score=score))


def head_always_seven(head, channels, num_classes, padding):
    return build(head, channels, num_classes, padding, conv_of(head[1], channels, 7, padding))


def head_views_without_the_root(head, channels, num_classes, padding):
    k = head[1].in_features // channels
    return build(head, channels, num_classes, padding, conv_of(head[1], channels, k, padding))


def head_does_not_view(head, channels, num_classes, padding):
    fc6 = nn.Conv2d(channels, head[1].out_features, side_of(head, channels), padding=padding)
    fc6.weight.data = head[1].weight.data
    return build(head, channels, num_classes, padding, fc6)


def head_hands_on_the_first_share(head, channels, num_classes, padding):
    return build(head, channels, num_classes, padding, dropout=lambda p: nn.Dropout2d(head[3].p))


def head_of_ones(head, channels, num_classes, padding):
    """The popular sentence: every linear layer becomes a 1x1 convolution. Only some of its weights find room."""
    fc6 = conv_of(head[1], channels, 1, padding, view=lambda w: w[:, :channels, None, None])
    return build(head, channels, num_classes, padding, fc6)


def head_of_ones_summed(head, channels, num_classes, padding):
    k = side_of(head, channels)
    fc6 = conv_of(
        head[1], channels, 1, padding, view=lambda w: w.view(len(w), channels, k * k, 1).mean(2, keepdim=True)
    )
    return build(head, channels, num_classes, padding, fc6)


def head_channels_last(head, channels, num_classes, padding):
    k = side_of(head, channels)
    fc6 = conv_of(head[1], channels, k, padding, view=lambda w: w.view(len(w), k, k, channels).permute(0, 3, 1, 2))
    return build(head, channels, num_classes, padding, fc6)


def head_turned(head, channels, num_classes, padding):
    k = side_of(head, channels)
    fc6 = conv_of(head[1], channels, k, padding, view=lambda w: w.view(len(w), channels, k, k).transpose(2, 3))
    return build(head, channels, num_classes, padding, fc6)


def head_flipped(head, channels, num_classes, padding):
    k = side_of(head, channels)
    fc6 = conv_of(head[1], channels, k, padding, view=lambda w: w.view(len(w), channels, k, k).flip(2, 3))
    return build(head, channels, num_classes, padding, fc6)


def head_transposed(head, channels, num_classes, padding):
    k = side_of(head, channels)
    fc6 = conv_of(head[1], channels, k, padding, view=lambda w: w.T.reshape(len(w), channels, k, k))
    return build(head, channels, num_classes, padding, fc6)


def head_shuffled(head, channels, num_classes, padding):
    k = side_of(head, channels)
    fc6 = conv_of(head[1], channels, k, padding, view=lambda w: w.view(channels, len(w), k, k).transpose(0, 1))
    return build(head, channels, num_classes, padding, fc6)


def head_without_the_root(head, channels, num_classes, padding):
    k = head[1].in_features // channels
    return build(head, channels, num_classes, padding, nn.Conv2d(channels, head[1].out_features, k, padding=padding))


def head_new(head, channels, num_classes, padding):
    k = side_of(head, channels)
    return build(head, channels, num_classes, padding, nn.Conv2d(channels, head[1].out_features, k, padding=padding))


def head_without_biases(head, channels, num_classes, padding):
    fc6 = conv_of(head[1], channels, side_of(head, channels), padding, bias=False)
    return build(head, channels, num_classes, padding, fc6)


def head_forgets_to_copy_the_bias(head, channels, num_classes, padding):
    network = build(head, channels, num_classes, padding)
    network[3].bias.data = torch.rand(len(network[3].bias))
    return network


def head_always_same(head, channels, num_classes, padding):
    k = side_of(head, channels)
    return build(head, channels, num_classes, padding, conv_of(head[1], channels, k, k // 2))


def head_ignores_the_padding(head, channels, num_classes, padding):
    return build(head, channels, num_classes, 0)


def head_says_same(head, channels, num_classes, padding):
    network = build(head, channels, num_classes, padding)
    network[0].padding = "same"
    return network


def head_pads_everywhere(head, channels, num_classes, padding):
    fc7 = conv_of(head[4], head[4].in_features, 1, padding)
    return build(head, channels, num_classes, padding, fc7=fc7)


def head_in_strides(head, channels, num_classes, padding):
    network = build(head, channels, num_classes, padding)
    network[0].stride = (side_of(head, channels),) * 2
    return network


def head_large_fc7(head, channels, num_classes, padding):
    k = side_of(head, channels)
    fc7 = nn.Conv2d(head[4].in_features, head[4].out_features, k, padding=k // 2)
    return build(head, channels, num_classes, padding, fc7=fc7)


def head_without_relu(head, channels, num_classes, padding):
    network = build(head, channels, num_classes, padding)
    return nn.Sequential(*(layer for i, layer in enumerate(network) if i != 1))


def head_flat(head, channels, num_classes, padding):
    return nn.Sequential(nn.Flatten(), *build(head, channels, num_classes, padding))


def head_half_done(head, channels, num_classes, padding):
    fc6 = conv_of(head[1], channels, side_of(head, channels), padding)
    return nn.Sequential(fc6, *head[2:7], zero_score(head[4].out_features, num_classes))


def head_with_fc8(head, channels, num_classes, padding):
    return build(head, channels, num_classes, padding, score=conv_of(head[7], head[7].in_features, 1))


def head_with_both(head, channels, num_classes, padding):
    network = build(head, channels, num_classes, padding)
    fc8 = conv_of(head[7], head[7].in_features, 1)
    return nn.Sequential(*network[:6], fc8, zero_score(head[7].out_features, num_classes))


def head_random_score(head, channels, num_classes, padding):
    return build(head, channels, num_classes, padding, score=nn.Conv2d(head[4].out_features, num_classes, 1))


def head_random_score_bias(head, channels, num_classes, padding):
    score = nn.Conv2d(head[4].out_features, num_classes, 1)
    nn.init.zeros_(score.weight)
    nn.init.ones_(score.bias)
    return build(head, channels, num_classes, padding, score=score)


def head_score_without_bias(head, channels, num_classes, padding):
    score = zero_score(head[4].out_features, num_classes, bias=False)
    return build(head, channels, num_classes, padding, score=score)


def head_ends_in_relu(head, channels, num_classes, padding):
    return nn.Sequential(*build(head, channels, num_classes, padding), nn.ReLU())


def head_keeps_dropout(head, channels, num_classes, padding):
    return build(head, channels, num_classes, padding, dropout=nn.Dropout)


def head_without_dropout(head, channels, num_classes, padding):
    return nn.Sequential(
        *(layer for layer in build(head, channels, num_classes, padding) if not isinstance(layer, nn.Dropout2d))
    )


def head_usual_dropout(head, channels, num_classes, padding):
    return build(head, channels, num_classes, padding, dropout=lambda p: nn.Dropout2d())


def head_normalized(head, channels, num_classes, padding):
    network = build(head, channels, num_classes, padding)
    return nn.Sequential(*network[:6], nn.Identity(), network[6])


def head_returns_layers(head, channels, num_classes, padding):
    return list(build(head, channels, num_classes, padding))


def head_returns_scores(head, channels, num_classes, padding):
    return build(head, channels, num_classes, padding).state_dict()


def head_asks_the_library(head, channels, num_classes, padding):
    k = side_of(head, channels)
    fc6, fc7 = ops.linear_to_conv(head[1], k), ops.linear_to_conv(head[4], 1)
    fc6.padding = (padding, padding)
    return build(head, channels, num_classes, padding, fc6, fc7)


MUTANTS = [
    (head_of_ones, "only the layers behind it become 1x1"),
    (head_of_ones_summed, "FC6 is a 1x1 convolution here"),
    (head_channels_last, "in the order rows, columns, channels"),
    (head_turned, "with rows and columns exchanged"),
    (head_flipped, "does not turn its kernel around"),
    (head_transposed, "from its transpose"),
    (head_shuffled, "in a wrong order"),
    (head_without_the_root, "the kernel's side is k"),
    (head_new, "starts with random ones"),
    (head_without_biases, "FC6 has no bias"),
    (head_forgets_to_copy_the_bias, "FC7's bias is not the head's"),
    (head_always_same, "where padding=0 was asked for"),
    (head_ignores_the_padding, "FC6 pads 0 where padding=1"),
    (head_says_same, 'padding="same" where padding=0'),
    (head_pads_everywhere, "only FC6 gets `padding`"),
    (head_in_strides, "slides over every window"),
    (head_large_fc7, "one cell for each window"),
    (head_without_relu, "no ReLU behind FC6"),
    (head_flat, "Flatten is still there"),
    (head_half_done, "a Linear layer is still there"),
    (head_with_fc8, "FC8"),
    (head_with_both, "it has 4 convolutions"),
    (head_random_score, "weight does not start at 0"),
    (head_random_score_bias, "bias does not start at 0"),
    (head_score_without_bias, "the score layer has no bias"),
    (head_ends_in_relu, "scores can have either sign"),
    (head_keeps_dropout, "a neuron is a channel now"),
    (head_without_dropout, "the Dropouts are gone"),
    (head_usual_dropout, "hand `p` on"),
    (head_always_seven, "8 = channels * k * k with channels = 2"),
    (head_views_without_the_root, "8 = channels * k * k with channels = 2"),
    (head_does_not_view, "a convolution's weight is (out, in, rows, columns)"),
    (head_hands_on_the_first_share, "hand `p` on"),
    (head_normalized, "wanted: Conv2d, ReLU, Dropout2d"),
    (head_returns_layers, "return an nn.Sequential, not list"),
    (head_returns_scores, "return an nn.Sequential, not dict"),
    (head_asks_the_library, "of course_lib, which this question does not allow"),
]
ALTERNATES = [head_by_loops, head_in_parts, head_with_names]
