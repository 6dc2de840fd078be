"""Exercise 06, right and wrong answers to the question about sizes."""

import math

import numpy as np
import torch
from torch import nn


def traced(height, width, padding, **steps):
    """The trace in the order of the table, some of whose steps are exchanged."""
    pads = steps.get("pads", lambda n, p: n + 2 * p - 2)
    pool = steps.get("pool", lambda n: -(-n // 2))
    slide = steps.get("slide", lambda n: n - 6)
    double = steps.get("double", lambda n: (n - 1) * 2 + 4)
    last = steps.get("last", lambda n: (n - 1) * 8 + 16)
    behind = steps.get("behind", lambda n, length, p: n - (p - 69) - length)
    sides = []
    for length in (height, width):
        pools = [pads(length, padding)]
        for _ in range(5):
            pools.append(pool(pools[-1]))
        fc6 = slide(pools[5])
        two = double(fc6)
        four = double(two)
        eight = last(four)
        sides.append([*pools[3:], fc6, two, four, eight, behind(eight, length, padding)])
    names = ("pool3", "pool4", "pool5", "fc6", "upscore2", "upscore_pool4", "upscore8", "behind")
    sizes = {name: pair for name, *pair in zip(names, *sides, strict=True)}
    refuse = steps.get("refuse", lambda rows, columns: min(rows, columns) < 1)
    return None if refuse(*sizes["fc6"]) else {name: tuple(pair) for name, pair in sizes.items()}


def sizes_in_one_go(height, width, padding):
    """Rounding up in steps is rounding up at once."""
    sizes = {}
    for axis, length in enumerate((height, width)):
        n = length + 2 * padding - 2
        values = {f"pool{i}": math.ceil(n / 2**i) for i in (3, 4, 5)}
        fc6 = values["pool5"] - 6
        if fc6 < 1:
            return None
        values |= {"fc6": fc6, "upscore2": 2 * fc6 + 2, "upscore_pool4": 4 * fc6 + 6, "upscore8": 32 * fc6 + 56}
        values["behind"] = 32 * fc6 + 125 - padding - length
        for name, value in values.items():
            sizes.setdefault(name, [0, 0])[axis] = value
    return sizes


def sizes_by_running(height, width, padding):
    """Layers of one channel, asked for their shapes on torch's meta device."""
    sizes, x = {}, torch.empty(1, 1, height, width, device="meta")
    x = nn.Conv2d(1, 1, 3, padding=padding, device="meta")(x)
    for stage in range(1, 6):
        x = nn.MaxPool2d(2, ceil_mode=True)(x)
        if stage > 2:
            sizes[f"pool{stage}"] = tuple(x.shape[-2:])
    if min(x.shape[-2:]) < 7:
        return None
    layers = {"fc6": nn.Conv2d(1, 1, 7, device="meta")}
    for name, kernel, stride in (("upscore2", 4, 2), ("upscore_pool4", 4, 2), ("upscore8", 16, 8)):
        layers[name] = nn.ConvTranspose2d(1, 1, kernel, stride, device="meta")
    for name, layer in layers.items():
        x = layer(x)
        sizes[name] = tuple(x.shape[-2:])
    sizes["behind"] = (x.shape[-2] - padding + 69 - height, x.shape[-1] - padding + 69 - width)
    return sizes


def sizes_by_numpy(height, width, padding):
    """Both axes at once; NumPy's numbers, in lists."""
    length = np.array([height, width])
    n, sizes = length + 2 * padding - 2, {}
    for stage in range(1, 6):
        n = np.ceil(n / 2).astype(int)
        sizes[f"pool{stage}"] = n
    if (n < 7).any():
        return None
    sizes["fc6"] = n - 6
    sizes["upscore2"] = 2 * sizes["fc6"] + 2
    sizes["upscore_pool4"] = 2 * sizes["upscore2"] + 2
    sizes["upscore8"] = 8 * (sizes["upscore_pool4"] + 1)
    sizes["behind"] = sizes["upscore8"] - (padding - 69) - length
    return {name: list(pair) for name, pair in sizes.items()}


def sizes_always_one_more(height, width, padding):
    return traced(height, width, padding, pool=lambda n: n // 2 + 1)


def sizes_round(height, width, padding):
    return traced(height, width, padding, pool=lambda n: round(n / 2))


def sizes_minus_three(height, width, padding):
    return traced(height, width, padding, pads=lambda n, p: n + 2 * p - 3)


def sizes_minus_one(height, width, padding):
    return traced(height, width, padding, pads=lambda n, p: n + 2 * p - 1)


def sizes_double_without_minus_one(height, width, padding):
    return traced(height, width, padding, double=lambda n: 2 * n + 4)


def sizes_eight_without_minus_one(height, width, padding):
    return traced(height, width, padding, last=lambda n: 8 * n + 16)


def sizes_without_the_last_stamp(height, width, padding):
    return traced(height, width, padding, double=lambda n: (n - 1) * 2, last=lambda n: (n - 1) * 8)


def sizes_double_without_the_last_stamp(height, width, padding):
    return traced(height, width, padding, double=lambda n: (n - 1) * 2)


def sizes_of_convolutions(height, width, padding):
    return traced(height, width, padding, double=lambda n: (n - 4) // 2 + 1, last=lambda n: (n - 16) // 8 + 1)


def sizes_of_pool4(height, width, padding):
    """The first sum is taken to be as large as pool4."""
    sizes = traced(height, width, padding)
    if sizes:
        sizes["upscore_pool4"] = tuple(2 * n + 2 for n in sizes["pool4"])
        sizes["upscore8"] = tuple(8 * n + 8 for n in sizes["upscore_pool4"])
    return sizes


def sizes_of_pool3(height, width, padding):
    sizes = traced(height, width, padding)
    if sizes:
        sizes["upscore8"] = tuple(8 * n + 8 for n in sizes["pool3"])
    return sizes


def sizes_of_both_pools(height, width, padding):
    sizes = sizes_of_pool3(height, width, padding)
    if sizes:
        sizes["upscore_pool4"] = tuple(2 * n + 2 for n in sizes["pool4"])
    return sizes


def sizes_add_the_crop(height, width, padding):
    return traced(height, width, padding, behind=lambda n, length, p: n + (p - 69) - length)


def sizes_keep_the_picture(height, width, padding):
    return traced(height, width, padding, behind=lambda n, length, p: n - (p - 69))


def sizes_crop_on_both_sides(height, width, padding):
    return traced(height, width, padding, behind=lambda n, length, p: n - 2 * (p - 69) - length)


def sizes_floor(height, width, padding):
    return traced(height, width, padding, pool=lambda n: n // 2)


def sizes_forget_the_padding(height, width, padding):
    return traced(height, width, padding, pads=lambda n, p: n, refuse=lambda *sides: False)


def sizes_pad_one_side(height, width, padding):
    return traced(height, width, padding, pads=lambda n, p: n + p - 2, refuse=lambda *sides: False)


def sizes_without_the_kernel(height, width, padding):
    return traced(height, width, padding, pads=lambda n, p: n + 2 * p)


def sizes_add_to_the_padding(height, width, padding):
    return traced(height, width, padding, pads=lambda n, p: n + 2 * p + 2)


def sizes_always_100(height, width, padding):
    return traced(height, width, 100)


def sizes_turned(height, width, padding):
    return traced(width, height, padding)


def sizes_four_poolings(height, width, padding):
    return traced(height, width, padding, pads=lambda n, p: 2 * (n + 2 * p - 2))


def sizes_of_a_small_fc6(height, width, padding):
    return traced(height, width, padding, slide=lambda n: n)


def sizes_minus_seven(height, width, padding):
    return traced(height, width, padding, slide=lambda n: n - 7)


def sizes_fc6_in_blocks(height, width, padding):
    return traced(height, width, padding, slide=lambda n: n // 7)


def sizes_exactly_double(height, width, padding):
    return traced(height, width, padding, double=lambda n: 2 * n)


def sizes_exactly_eight(height, width, padding):
    return traced(height, width, padding, last=lambda n: 8 * n)


def sizes_exactly_both(height, width, padding):
    return traced(height, width, padding, double=lambda n: 2 * n, last=lambda n: 8 * n)


def sizes_without_minus_one(height, width, padding):
    return traced(height, width, padding, double=lambda n: 2 * n + 4, last=lambda n: 8 * n + 16)


def sizes_doubled_thrice(height, width, padding):
    return traced(height, width, padding, last=lambda n: 2 * n + 2)


def sizes_nothing_in_front(height, width, padding):
    return traced(height, width, padding, behind=lambda n, length, p: n - length)


def sizes_cropped_in_the_middle(height, width, padding):
    return traced(height, width, padding, behind=lambda n, length, p: (n - length) // 2)


def sizes_always_31(height, width, padding):
    return traced(height, width, padding, behind=lambda n, length, p: n - 31 - length)


def sizes_cut_the_padding(height, width, padding):
    return traced(height, width, padding, behind=lambda n, length, p: n - p - length)


def sizes_where_it_ends(height, width, padding):
    return traced(height, width, padding, behind=lambda n, length, p: length + p - 69)


def sizes_never_refuse(height, width, padding):
    return traced(height, width, padding, refuse=lambda *sides: False)


def sizes_refuse_both(height, width, padding):
    return traced(height, width, padding, refuse=lambda rows, columns: max(rows, columns) < 1)


def sizes_refuse_small_pictures(height, width, padding):
    return None if min(height, width) < 32 else traced(height, width, padding)


def sizes_refuse_one_too_many(height, width, padding):
    return traced(height, width, padding, refuse=lambda rows, columns: min(rows, columns) < 2)


def sizes_are_lists(height, width, padding):
    sizes = traced(height, width, padding)
    return sizes and list(sizes.values())


def sizes_lack_one(height, width, padding):
    sizes = traced(height, width, padding)
    return sizes and {name: pair for name, pair in sizes.items() if name != "behind"}


def sizes_raise(height, width, padding):
    sizes = traced(height, width, padding)
    if sizes is None:
        raise ValueError("too small")
    return sizes


MUTANTS = [
    (sizes_floor, "the poolings round down here"),
    (sizes_forget_the_padding, "adds `padding` on both sides"),
    (sizes_pad_one_side, "the padding is added on one side only"),
    (sizes_without_the_kernel, "3x3 kernel takes off 2"),
    (sizes_add_to_the_padding, "takes the place of the usual padding"),
    (sizes_always_100, "whatever `padding` is"),
    (sizes_turned, "rows and columns are exchanged"),
    (sizes_four_poolings, "one pooling too few"),
    (sizes_of_a_small_fc6, "FC6 keeps the size of pool5"),
    (sizes_minus_seven, "FC6 takes off 7"),
    (sizes_fc6_in_blocks, "into blocks here"),
    (sizes_exactly_double, "doubled maps have exactly twice the size"),
    (sizes_exactly_eight, "upscore8 is exactly 8 times as large"),
    (sizes_exactly_both, "exactly 2 and 8 times as large"),
    (sizes_without_minus_one, "this is n * stride + kernel"),
    (sizes_doubled_thrice, "is no doubling"),
    (sizes_nothing_in_front, "nothing is cut off in front here"),
    (sizes_cropped_in_the_middle, "in equal halves here"),
    (sizes_always_31, "31 is cut off in front here"),
    (sizes_cut_the_padding, "FC6 and the stamps have moved the map"),
    (sizes_where_it_ends, "how much follows there"),
    (sizes_always_one_more, "one cell too many of an even size"),
    (sizes_round, "nearest *even* number"),
    (sizes_minus_three, "takes off 2, not 3"),
    (sizes_minus_one, "takes off 2, not 1"),
    (sizes_double_without_minus_one, "the doubled maps are n * stride + kernel"),
    (sizes_eight_without_minus_one, "upscore8 is n * stride + kernel"),
    (sizes_without_the_last_stamp, "this is (n - 1) * stride"),
    (sizes_double_without_the_last_stamp, "the doubled maps are (n - 1) * stride"),
    (sizes_of_convolutions, "these maps shrink"),
    (sizes_of_pool4, "goes on with pool4's size"),
    (sizes_of_pool3, "goes on with pool3's size"),
    (sizes_of_both_pools, "the sizes of pool4 and pool3"),
    (sizes_add_the_crop, "the crop in front is added"),
    (sizes_keep_the_picture, "the picture itself is still in it"),
    (sizes_crop_on_both_sides, "taken off twice"),
    (sizes_never_refuse, "so return None: pool5 has"),
    (sizes_refuse_both, "one side that is too short is enough"),
    (sizes_refuse_small_pictures, "but the network can take this picture"),
    (sizes_refuse_one_too_many, "but the network can take this picture"),
    (sizes_are_lists, "return a dict, not"),
    (sizes_lack_one, "the dict has no 'behind'"),
    (sizes_raise, "return None instead of an error"),
]
ALTERNATES = [sizes_in_one_go, sizes_by_running, sizes_by_numpy]
