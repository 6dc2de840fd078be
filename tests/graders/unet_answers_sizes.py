"""Exercise 08, right and wrong answers to the question about the lengths that fit."""

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models import unet_valid


def traced(depth, low, high, trace):
    outputs = [(n, trace(n)) for n in range(low, high + 1)]
    return [pair for pair in outputs if pair[1] is not None]


def sizes_by_layers(depth, low, high):
    """Layers on the meta device: shapes without arithmetic."""
    conv, up = nn.Conv1d(1, 1, 3, device="meta"), nn.ConvTranspose1d(1, 1, 2, stride=2, device="meta")

    def trace(n):
        x = torch.zeros(1, 1, max(n, 0), device="meta")
        try:
            for _ in range(depth):
                x = conv(conv(x))
                if x.shape[-1] % 2:
                    return None
                x = F.max_pool1d(x, 2)
            x = conv(conv(x))
            for _ in range(depth):
                x = conv(conv(up(x)))
        except RuntimeError:
            return None
        return x.shape[-1]

    return traced(depth, low, high, trace)


def sizes_from_the_bottom(depth, low, high):
    """Every length behind the bottom, traced both ways."""
    pairs, bottom = [], 0
    while True:
        bottom += 1
        n = output = bottom
        n += 4
        for _ in range(depth):
            n, output = 2 * n + 4, 2 * output - 4 if output > 0 else 0
        if n > high:
            return pairs
        if n >= low and output > 0:
            pairs.append((n, output))


def sizes_closed(depth, low, high):
    """By a formula: 2^depth (bottom + 8) - 4 come in, 2^depth (bottom - 4) + 4 come out."""
    step = 2**depth
    pairs = ((step * (bottom + 8) - 4, step * (bottom - 4) + 4) for bottom in range(1, high + 1))
    return [(n, output) for n, output in pairs if low <= n <= high and output > 0]


def sizes_from_the_library(depth, low, high):
    def trace(n):
        try:
            found = unet_valid.sizes(n, depth)
            return (found.decoder or found.encoder)[-1]
        except ValueError:
            return None

    return traced(depth, low, high, trace)


def sizes_multiples(depth, low, high):
    """The rule of the padded net, with the loss of the paper's."""
    return [(n, n - 184) for n in range(low, high + 1) if n > 0 and n % 2**depth == 0]


def sizes_12_mod_16(depth, low, high):
    return [(n, n - 184) for n in range(low, high + 1) if n % 16 == 12 and n >= 188]


def sizes_any_12(depth, low, high):
    return [(n, n - 184) for n in range(low, high + 1) if n % 16 == 12]


def less(pixels):
    return lambda n: n - pixels


def follow(
    n, depth, down=lambda n: n - 4, bottom=lambda n: n - 4, up=lambda n: 2 * n - 4, least=1, least_up=1, odd=False
):
    for _ in range(depth):
        n = down(n)
        if n < least or (n % 2 and not odd):
            return None
        n //= 2
    n = bottom(n)
    if n < least:
        return None
    for _ in range(depth):
        n = up(n)
        if n < least_up:
            return None
    return n


def sizes_down_only(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, least_up=-(10**9)))


def sizes_without_bound(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, least=-(10**9), least_up=-(10**9)))


def sizes_of_nothing(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, least=0, least_up=0))


def sizes_odd(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, odd=True))


def sizes_one_convolution(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, less(2), less(2), lambda n: 2 * n - 2))


def sizes_one_convolution_down(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, less(2), less(2)))


def sizes_short_on_the_way_down(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, less(2)))


def sizes_short_on_the_way_up(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, up=lambda n: 2 * n - 2))


def sizes_short_at_the_bottom(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, bottom=less(2)))


def sizes_of_all_at_depth_0(depth, low, high):
    return sizes_closed(depth, low, high) if depth else [(n, n) for n in range(low, high + 1)]


def sizes_none_at_all(depth, low, high):
    return []


def sizes_multiples_from_188(depth, low, high):
    return [(n, n - 184) for n in range(low, high + 1) if n > 184 and n % 2**depth == 0]


def sizes_without_bottom(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, bottom=lambda n: n))


def sizes_padded_up(depth, low, high):
    return traced(depth, low, high, lambda n: follow(n, depth, up=lambda n: 2 * n))


def sizes_one_less(depth, low, high):
    return sizes_closed(max(depth - 1, 0), low, high)


def sizes_one_more(depth, low, high):
    return sizes_closed(depth + 1, low, high)


def sizes_without_high(depth, low, high):
    return sizes_closed(depth, low, high - 1)


def sizes_lost_184(depth, low, high):
    return [(n, n - 184) for n, _ in sizes_closed(depth, low, high)]


def sizes_same(depth, low, high):
    return [(n, n) for n, _ in sizes_closed(depth, low, high)]


def sizes_what_is_lost(depth, low, high):
    return [(n, n - output) for n, output in sizes_closed(depth, low, high)]


def sizes_before_the_last(depth, low, high):
    return [(n, output + 4) for n, output in sizes_closed(depth, low, high)]


def sizes_at_the_bottom(depth, low, high):
    return [(n, (n + 4) // 2**depth - 8) for n, _ in sizes_closed(depth, low, high)]


def sizes_four_a_pair(depth, low, high):
    return [(n, n - 4 * (2 * depth + 1)) for n, _ in sizes_closed(depth, low, high)]


def sizes_in_floats(depth, low, high):
    return [(n, output / 1) for n, output in sizes_closed(depth, low, high)]


def sizes_in_a_dict(depth, low, high):
    return dict(sizes_closed(depth, low, high))


def sizes_alone(depth, low, high):
    return [n for n, _ in sizes_closed(depth, low, high)]


MUTANTS = [
    (sizes_multiples, "that is the rule of a *padded* net"),
    (sizes_12_mod_16, "other depths have others"),
    (sizes_any_12, "only from 188 on"),
    (sizes_down_only, "only the way down is looked at"),
    (sizes_without_bound, "no lower bound"),
    (sizes_of_nothing, "a map of 0 pixels passes"),
    (sizes_odd, "odd maps are pooled here"),
    (sizes_one_convolution, "two convolutions take 2 here"),
    (sizes_one_convolution_down, "take 2 up to the bottom, and 4 behind it"),
    (sizes_short_on_the_way_down, "take 2 on the way down, and 4 elsewhere"),
    (sizes_short_on_the_way_up, "take 2 on the way up, or at the bottom"),
    (sizes_short_at_the_bottom, "the bottom's two convolutions take 2"),
    (sizes_of_all_at_depth_0, "at depth 0 all from 1 to 4"),
    (sizes_none_at_all, "18 is missing: it fits depth 1 and comes out as 2"),
    (sizes_multiples_from_188, "18 is missing: it fits depth 1 and comes out as 2"),
    (sizes_without_bottom, "the two convolutions at the bottom are missing"),
    (sizes_padded_up, "the convolutions on the way up take nothing"),
    (sizes_one_less, "one pooling too few"),
    (sizes_one_more, "`depth` counts the poolings"),
    (sizes_without_high, "`high` itself is missing"),
    (sizes_lost_184, "184 is lost at depth 4"),
    (sizes_same, "as in a padded net"),
    (sizes_what_is_lost, "asked is how much is left"),
    (sizes_before_the_last, "in front of the last two convolutions"),
    (sizes_at_the_bottom, "the lengths at the bottom"),
    (sizes_four_a_pair, "a pixel is worth two of the level above"),
    (sizes_in_floats, "both are whole numbers"),
    (sizes_in_a_dict, "return a list of pairs, not a dict"),
    (sizes_alone, "it holds pairs (n, output)"),
    (sizes_from_the_library, "of course_lib, which this question does not allow"),
]
ALTERNATES = [sizes_by_layers, sizes_from_the_bottom, sizes_closed]
