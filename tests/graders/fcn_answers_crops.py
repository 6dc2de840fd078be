"""Exercise 06, right and wrong answers to the question about the crops of all sums."""

import math
from fractions import Fraction

import numpy as np


def first_cell(layers, half=lambda k: (k - 1) / 2, sign=1, late=True, pads=True):
    x, jump = 0.0, 1
    for kernel, stride, padding in layers:
        if not late:
            jump *= stride
        x += (half(kernel) - sign * padding * pads) * jump
        if late:
            jump *= stride
    return x, jump


def crops(
    layers,
    skips,
    find=first_cell,
    stamp=lambda f: f - 0.5,
    both=max,
    unit=lambda fine, coarse: fine,
    before=0,
    whole=round,
    end=None,
):
    x, jump = find(layers)
    found = []
    for n in skips:
        y, fine = find(layers[: n - before])
        x -= stamp(jump / fine) * fine
        found.append(whole((x - y) / unit(fine, jump)))
        x, jump = both(x, y), fine
    return (*found, whole((end or stamp)(jump) - x))


def crops_by_windows(layers, skips):
    """Follows whole windows instead of middles, in doubled coordinates that stay whole numbers."""

    def window(chain):
        first, last, jump = 0, 0, 1
        for kernel, stride, padding in chain:
            first -= padding * jump
            last += (kernel - 1 - padding) * jump
            jump *= stride
        return first + last, jump

    twice, jump = window(layers)
    found = []
    for n in skips:
        other, fine = window(layers[:n])
        twice -= 2 * jump - fine
        found.append((twice - other) // (2 * fine))
        twice, jump = max(twice, other), fine
    found.append((2 * jump - 1 - twice) // 2)
    return found


def crops_backwards(layers, skips):
    """Asks for the place of cell 0 by walking from the map back to the picture."""

    def place(n, cell):
        for kernel, stride, padding in reversed(layers[:n]):
            cell = cell * stride - padding + (kernel - 1) / 2
        return cell

    here, step = place(len(layers), 0), place(len(layers), 1) - place(len(layers), 0)
    found = []
    for n in skips:
        there = place(n, 0)
        fine = place(n, 1) - there
        here = here - step + fine / 2
        found.append(int((here - there) / fine))
        here, step = max(here, there), fine
    return (*found, int(step - 0.5 - here))


def crops_by_fractions(layers, skips):
    places, jumps = [Fraction(0)], [1]
    for kernel, stride, padding in layers:
        places.append(places[-1] + jumps[-1] * (Fraction(kernel - 1, 2) - padding))
        jumps.append(jumps[-1] * stride)
    x, jump, found = places[-1], jumps[-1], []
    for n in [*skips, 0]:
        x -= jumps[n] * (Fraction(jump, jumps[n]) - Fraction(1, 2))
        found.append(int((x - places[n]) / jumps[n]))
        x, jump = max(x, places[n]), jumps[n]
    return (*found[:-1], -found[-1])


def crops_by_numpy(layers, skips):
    """Running sums and products; NumPy's numbers."""
    kernel, stride, padding = np.array(layers).T
    jumps = np.cumprod([1, *stride])
    places = np.cumsum([0, *(jumps[:-1] * ((kernel - 1) / 2 - padding))])
    x, jump, found = places[-1], jumps[-1], []
    for n in skips:
        x = x - jump + jumps[n] / 2
        found.append(np.int64((x - places[n]) // jumps[n]))
        x, jump = max(x, places[n]), jumps[n]
    return (*found, np.int64(jump - 0.5 - x))


def crops_half_k(layers, skips):
    return crops(layers, skips, lambda layers: first_cell(layers, half=lambda k: k / 2), stamp=lambda f: f)


def crops_half_rounded_down(layers, skips):
    return crops(layers, skips, lambda layers: first_cell(layers, half=lambda k: (k - 1) // 2))


def crops_half_rounded_up(layers, skips):
    return crops(layers, skips, lambda layers: first_cell(layers, half=lambda k: k // 2))


def crops_first_pixels(layers, skips):
    return crops(layers, skips, lambda layers: first_cell(layers, half=lambda k: 0))


def crops_without_padding(layers, skips):
    return crops(layers, skips, lambda layers: first_cell(layers, pads=False))


def crops_padding_adds(layers, skips):
    return crops(layers, skips, lambda layers: first_cell(layers, sign=-1))


def crops_jump_too_early(layers, skips):
    return crops(layers, skips, lambda layers: first_cell(layers, late=False))


def crops_without_stamps(layers, skips):
    return crops(layers, skips, stamp=lambda f: 0)


def crops_small_stamps(layers, skips):
    return crops(layers, skips, stamp=lambda f: (f - 1) / 2)


def crops_large_stamps(layers, skips):
    return crops(layers, skips, stamp=lambda f: f)


def crops_in_pixels(layers, skips):
    return crops(layers, skips, unit=lambda fine, coarse: 1)


def crops_in_coarse_cells(layers, skips):
    return crops(layers, skips, unit=lambda fine, coarse: coarse)


def crops_turned(layers, skips):
    *sums, last = crops(layers, skips)
    return (*(-crop for crop in sums), last)


def crops_never_negative(layers, skips):
    *sums, last = crops(layers, skips)
    return (*(max(0, crop) for crop in sums), last)


def crops_absolute(layers, skips):
    *sums, last = crops(layers, skips)
    return (*(abs(crop) for crop in sums), last)


def crops_keep_the_doubled(layers, skips):
    return crops(layers, skips, both=lambda x, y: x)


def crops_keep_the_skip(layers, skips):
    return crops(layers, skips, both=lambda x, y: y)


def crops_one_layer_less(layers, skips):
    return crops(layers, skips, before=1)


def crops_last_without_stamp(layers, skips):
    *sums, last = crops(layers, skips)
    jump = first_cell(layers[: skips[-1]] if skips else layers)[1]
    return (*sums, round(last - (jump - 0.5)))


def crops_last_is_a_stamp(layers, skips):
    jump = first_cell(layers[: skips[-1]] if skips else layers)[1]
    return (*crops(layers, skips)[:-1], round(jump - 0.5))


def crops_last_negative(layers, skips):
    *sums, last = crops(layers, skips)
    return (*sums, -last)


def crops_small_last_stamp(layers, skips):
    *sums, last = crops(layers, skips)
    jump = first_cell(layers[: skips[-1]] if skips else layers)[1]
    return (*sums, last - jump // 2)


def crops_keep_the_coarse_jump(layers, skips):
    x, jump = first_cell(layers)
    found = []
    for n in skips:
        y, fine = first_cell(layers[:n])
        x -= (jump / fine - 0.5) * fine
        found.append(round((x - y) / fine))
        x = max(x, y)
    return (*found, round(jump - 0.5 - x))


def crops_from_the_paper(layers, skips):
    return {0: (19,), 1: (5, 27)}.get(len(skips), (5, 9, 31))


def crops_reversed(layers, skips):
    return crops(layers, skips)[::-1]


def crops_only_sums(layers, skips):
    return crops(layers, skips)[:-1]


def crops_only_last(layers, skips):
    return crops(layers, skips)[-1:]


def crops_as_floats(layers, skips):
    return tuple(float(crop) for crop in crops(layers, skips))


def right(f):
    return f - 0.5


def found_by(**how):
    return lambda layers: first_cell(layers, **how)


def crops_first_pixels_cut(layers, skips):
    return crops(layers, skips, found_by(half=lambda k: 0), whole=int)


def crops_last_pixels(layers, skips):
    return crops(layers, skips, found_by(half=lambda k: k - 1), whole=int)


def crops_half_k_in_layers(layers, skips):
    return crops(layers, skips, found_by(half=lambda k: k / 2), whole=math.floor)


def crops_half_rounded_up_and_cut(layers, skips):
    return crops(layers, skips, found_by(half=lambda k: k // 2), whole=int)


def crops_in_cells(layers, skips):
    def find(layers):
        return sum((k - 1) / 2 - p for k, _, p in layers), math.prod(s for _, s, _ in layers)

    return crops(layers, skips, find, whole=int)


def crops_pad_pixels(layers, skips):
    def find(layers):
        x, jump = first_cell(layers, pads=False)
        return x - sum(p for *_, p in layers), jump

    return crops(layers, skips, find)


def crops_sums_f(layers, skips):
    return crops(layers, skips, stamp=lambda f: f, end=right)


def crops_sums_f_minus_one(layers, skips):
    return crops(layers, skips, stamp=lambda f: f - 1, end=right, whole=int)


def crops_sums_half_f(layers, skips):
    return crops(layers, skips, stamp=lambda f: (f - 1) / 2, end=right)


def crops_sums_without_stamps(layers, skips):
    return crops(layers, skips, stamp=lambda f: 0, end=right)


def crops_sums_in_coarse_stamps(layers, skips):
    return crops(layers, skips, stamp=lambda f: (f - 0.5) * f, end=right)


def crops_all_in_coarse_stamps(layers, skips):
    return crops(layers, skips, stamp=lambda f: (f - 0.5) * f)


def crops_stamps_added(layers, skips):
    return crops(layers, skips, stamp=lambda f: 0.5 - f)


def crops_sums_stamps_added(layers, skips):
    return crops(layers, skips, stamp=lambda f: 0.5 - f, end=right)


def crops_double_again_and_again(layers, skips):
    """Doubles until the distance fits, instead of one step by f."""
    x, jump = first_cell(layers)
    found = []
    for n in skips:
        y, fine = first_cell(layers[:n])
        while jump > fine:
            jump //= 2
            x -= 1.5 * jump
        found.append(int((x - y) / fine))
        x = max(x, y)
    while jump > 1:
        jump //= 2
        x -= 1.5 * jump
    return (*found, int(-x))


def crops_earlier(layers, skips):
    return crops(layers, skips, both=min)


def crops_finest_first(layers, skips):
    return crops(layers, skips[::-1])


def crops_one_layer_more(layers, skips):
    return crops(layers, skips, before=-1, whole=int)


def crops_last_one_more(layers, skips):
    *sums, last = crops(layers, skips)
    return (*sums, last + 1)


def crops_last_one_less(layers, skips):
    *sums, last = crops(layers, skips)
    return (*sums, last - 1)


def crops_last_in_coarse_cells(layers, skips):
    *sums, last = crops(layers, skips)
    return (*sums, last // first_cell(layers[: skips[-1]] if skips else layers)[1])


def crops_always_double(layers, skips):
    """Every step to a skip is a doubling."""
    x, jump = first_cell(layers)
    found = []
    for n in skips:
        y, fine = first_cell(layers[:n])
        x -= 1.5 * fine
        found.append(round((x - y) / fine))
        x, jump = max(x, y), fine
    return (*found, round(jump - 0.5 - x))


MUTANTS = [
    (crops_half_k, "this is k / 2"),
    (crops_half_rounded_down, "this is (k - 1) // 2"),
    (crops_half_rounded_up, "in the layers this is k // 2"),
    (crops_first_pixels, "compare their middles"),
    (crops_without_padding, "the padding is missing"),
    (crops_padding_adds, "so it is taken off"),
    (crops_jump_too_early, "multiply the jump *behind* it"),
    (crops_without_stamps, "the stamps are missing"),
    (crops_small_stamps, "the middle of f cells"),
    (crops_large_stamps, "behind its first; this is f"),
    (crops_in_pixels, "the crops of the sums are in pixels"),
    (crops_in_coarse_cells, "counted in coarse cells"),
    (crops_turned, "the signs of the sums are turned"),
    (crops_never_negative, "its crop is negative then, not 0"),
    (crops_absolute, "without the sign"),
    (crops_keep_the_doubled, "go on with the later of the two"),
    (crops_keep_the_skip, "this goes on with the skip's"),
    (crops_one_layer_less, "one layer too few"),
    (crops_last_without_stamp, "the last crop lacks its stamp"),
    (crops_last_is_a_stamp, "forgets where the map begins"),
    (crops_last_negative, "it is x, above 0"),
    (crops_from_the_paper, "FCN's own nets"),
    (crops_small_last_stamp, "the last crop takes (f - 1) / 2"),
    (crops_keep_the_coarse_jump, "this goes on with the coarse distance"),
    (crops_reversed, "the crop of the picture last"),
    (crops_only_sums, "the crop of the picture is missing"),
    (crops_only_last, "the sums come before it"),
    (crops_as_floats, "whole numbers (int)"),
    (crops_always_double, "more than one doubling finer"),
    (crops_first_pixels_cut, "compare their middles (a crop is no whole number"),
    (crops_last_pixels, "the last pixels of the windows"),
    (crops_half_k_in_layers, "in the layers this is k / 2"),
    (crops_half_rounded_up_and_cut, "in the layers this is k // 2"),
    (crops_in_cells, "counted in cells of the map before"),
    (crops_pad_pixels, "multiply the padding too"),
    (crops_sums_f, "in the sums, the middle of a stamp of 2f cells lies f - 0.5 behind its first; this is f"),
    (crops_sums_f_minus_one, "this is f - 1"),
    (crops_sums_half_f, "in the sums, the middle of a stamp of 2f cells lies f - 0.5 behind its first; this is (f"),
    (crops_sums_without_stamps, "the stamps of the sums are missing"),
    (crops_sums_in_coarse_stamps, "this is (f - 0.5) * jump"),
    (crops_all_in_coarse_stamps, "in the last crop too"),
    (crops_stamps_added, "upsampling moves the first cell to the *front*"),
    (crops_sums_stamps_added, "in the sums, upsampling moves the first cell"),
    (crops_double_again_and_again, "doubled again and again"),
    (crops_earlier, "this goes on with the earlier"),
    (crops_finest_first, "this takes them from the end"),
    (crops_one_layer_more, "one layer too many"),
    (crops_last_one_more, "the last crop is one too many"),
    (crops_last_one_less, "the last crop is one too few"),
    (crops_last_in_coarse_cells, "the last crop is counted in coarse cells"),
]
ALTERNATES = [crops_by_windows, crops_backwards, crops_by_fractions, crops_by_numpy]
