"""Exercise 07, right and wrong answers to the questions about the memory bill and the weights of tiles."""

import math

import numpy as np
import torch

from course_lib import losses

# 5 · the bill


def billed(widths, height, width, batch, **steps):
    """Pooling after pooling; some of the steps are exchanged."""
    half = steps.get("half", lambda n: (n + 1) // 2)
    maps = steps.get("maps", lambda cells, windows: cells)
    index = steps.get("index", lambda cells, windows: 8 * windows)
    bits = steps.get("bits", lambda cells, windows: math.ceil(windows / 4))
    bill = dict.fromkeys(("float32", "float16", "int64", "bits"), 0)
    for channels in widths:
        h, w = half(height), half(width)
        cells, windows = (batch * channels * n for n in (height * width, h * w))
        if "count" in steps:
            windows = steps["count"](cells)
        bill["float32"] += 4 * maps(cells, windows)
        bill["float16"] += 2 * maps(cells, windows)
        bill["int64"] += index(cells, windows)
        bill["bits"] += bits(cells, windows)
        height, width = h, w
    return bill


def bill_by_tensors(widths, height, width, batch):
    """Makes the tensors, on the meta device, and asks for their sizes."""
    bill = {"float32": 0, "float16": 0, "int64": 0, "bits": 0}
    x = torch.empty(batch, 1, height, width, device="meta")
    for channels in widths:
        x = x[:, :1].expand(-1, channels, -1, -1)
        y = x[..., ::2, ::2]
        bill["float32"] += x.numel() * torch.float32.itemsize
        bill["float16"] += x.numel() * torch.float16.itemsize
        bill["int64"] += y.numel() * torch.int64.itemsize
        bill["bits"] += -(-y.numel() // 4)
        x = y
    return bill


def bill_by_powers(widths, height, width, batch):
    """Rounding up in steps is rounding up at once."""
    bill = dict.fromkeys(("bits", "int64", "float16", "float32"), 0)
    for i, channels in enumerate(widths):
        cells = batch * channels * math.ceil(height / 2**i) * math.ceil(width / 2**i)
        windows = batch * channels * math.ceil(height / 2 ** (i + 1)) * math.ceil(width / 2 ** (i + 1))
        bill["float32"] += cells * 32 // 8
        bill["float16"] += cells * 16 // 8
        bill["int64"] += windows * 64 // 8
        bill["bits"] += math.ceil(windows * 2 / 8)
    return bill


def bill_in_numpy(widths, height, width, batch):
    """All poolings at once; NumPy's whole numbers."""
    n = 2 ** np.arange(len(widths) + 1)
    areas = -(-height // n) * -(-width // n)
    cells, windows = (batch * np.array(widths) * part for part in (areas[:-1], areas[1:]))
    whole = {"float32": 4 * cells, "float16": 2 * cells, "int64": 8 * windows, "bits": -(-windows // 4)}
    return {name: counts.sum() for name, counts in whole.items()}


def bill_floors(widths, height, width, batch):
    return billed(widths, height, width, batch, half=lambda n: n // 2)


def bill_forgets_the_batch(widths, height, width, batch):
    return billed(widths, height, width, 1)


def bill_forgets_the_channels(widths, height, width, batch):
    return billed([1 for _ in widths], height, width, batch)


def bill_shares_indices(widths, height, width, batch):
    """One index for a window, whatever the channels."""
    one = billed([1 for _ in widths], height, width, batch)
    return billed(widths, height, width, batch) | {name: one[name] for name in ("int64", "bits")}


def bill_of_one_size(widths, height, width, batch):
    bills = [billed([channels], height, width, batch) for channels in widths]
    return {name: sum(bill[name] for bill in bills) for name in bills[0]}


def bill_halves_first(widths, height, width, batch):
    return billed(widths, (height + 1) // 2, (width + 1) // 2, batch)


def bill_of_the_channels_before(widths, height, width, batch):
    return billed([3, *widths[:-1]], height, width, batch)


def bill_of_the_last(widths, height, width, batch):
    for _ in widths[1:]:
        height, width = (height + 1) // 2, (width + 1) // 2
    return billed(widths[-1:], height, width, batch)


def bill_of_pooled_maps(widths, height, width, batch):
    return billed(widths, height, width, batch, maps=lambda cells, windows: windows)


def bill_counts_numbers(widths, height, width, batch):
    bill = billed(widths, height, width, batch)
    return bill | {"float32": bill["float32"] // 4, "float16": bill["float16"] // 2, "int64": bill["int64"] // 8}


def bill_in_bits(widths, height, width, batch):
    bill = billed(widths, height, width, batch, bits=lambda cells, windows: 2 * windows)
    return {name: value if name == "bits" else 8 * value for name, value in bill.items()}


def bill_exchanges_floats(widths, height, width, batch):
    bill = billed(widths, height, width, batch)
    return bill | {"float32": bill["float16"], "float16": bill["float32"]}


def bill_indexes_cells(widths, height, width, batch):
    return billed(widths, height, width, batch, index=lambda cells, windows: 8 * cells)


def bill_in_int32(widths, height, width, batch):
    return billed(widths, height, width, batch, index=lambda cells, windows: 4 * windows)


def bill_of_pairs(widths, height, width, batch):
    return billed(widths, height, width, batch, index=lambda cells, windows: 8 * 2 * windows)


def bill_says_half(widths, height, width, batch):
    """int64 is half of float32: only at even sizes."""
    bill = billed(widths, height, width, batch)
    return bill | {"int64": bill["float32"] // 2}


def bill_by_quarters(widths, height, width, batch):
    return billed(widths, height, width, batch, count=lambda cells: -(-cells // 4))


def bill_of_two_bytes(widths, height, width, batch):
    return billed(widths, height, width, batch, bits=lambda cells, windows: 2 * windows)


def bill_of_a_byte_each(widths, height, width, batch):
    return billed(widths, height, width, batch, bits=lambda cells, windows: windows)


def bill_of_bits_for_cells(widths, height, width, batch):
    return billed(widths, height, width, batch, bits=lambda cells, windows: math.ceil(2 * cells / 8))


def bill_of_one_bit(widths, height, width, batch):
    return billed(widths, height, width, batch, bits=lambda cells, windows: math.ceil(windows / 8))


def bill_of_four_bits(widths, height, width, batch):
    return billed(widths, height, width, batch, bits=lambda cells, windows: math.ceil(windows / 2))


def bill_rounds_down(widths, height, width, batch):
    return billed(widths, height, width, batch, bits=lambda cells, windows: windows // 4)


def bill_rounds_once(widths, height, width, batch):
    bill = billed(widths, height, width, batch, bits=lambda cells, windows: 2 * windows)
    return bill | {"bits": -(-bill["bits"] // 8)}


def bill_rounds_each_map(widths, height, width, batch):
    bill = billed(widths, height, width, batch)
    bill["bits"] = 0
    for channels in widths:
        height, width = (height + 1) // 2, (width + 1) // 2
        bill["bits"] += batch * channels * math.ceil(height * width / 4)
    return bill


def bill_does_not_round(widths, height, width, batch):
    return billed(widths, height, width, batch, bits=lambda cells, windows: 2 * windows / 8)


def bill_in_floats(widths, height, width, batch):
    return {name: float(value) for name, value in billed(widths, height, width, batch).items()}


def bill_picture_by_picture(widths, height, width, batch):
    return {name: batch * value for name, value in billed(widths, height, width, 1).items()}


def bill_rounds_halves(widths, height, width, batch):
    """round(2.5) is 2."""
    return billed(widths, height, width, batch, half=lambda n: round(n / 2))


def bill_rounds_to_the_nearest(widths, height, width, batch):
    return billed(widths, height, width, batch, bits=lambda cells, windows: round(2 * windows / 8))


def bill_never_halves(widths, height, width, batch):
    return billed(widths, height, width, batch, half=lambda n: n)


def bill_of_complete_windows(widths, height, width, batch):
    bill = billed(widths, height, width, batch) | {"int64": 0, "bits": 0}
    for channels in widths:
        windows = batch * channels * (height // 2) * (width // 2)
        bill["int64"] += 8 * windows
        bill["bits"] += math.ceil(windows / 4)
        height, width = (height + 1) // 2, (width + 1) // 2
    return bill


def bill_hands_on_less(widths, height, width, batch):
    bills = []
    for channels in widths:
        bills.append(billed([channels], height, width, batch))
        height, width = height // 2, width // 2
    return {name: sum(bill[name] for bill in bills) for name in bills[0]}


def bill_in_megabytes(widths, height, width, batch):
    return {name: value / 1e6 for name, value in billed(widths, height, width, batch).items()}


def bill_as_a_tuple(widths, height, width, batch):
    return tuple(billed(widths, height, width, batch).values())


def bill_by_other_names(widths, height, width, batch):
    bill = billed(widths, height, width, batch)
    return {"fp32": bill["float32"], "fp16": bill["float16"], "int64": bill["int64"], "bits": bill["bits"]}


BILL_MUTANTS = [
    (bill_floors, "poolings round down here"),
    (bill_forgets_the_batch, "the batch is missing"),
    (bill_forgets_the_channels, "the channels are missing"),
    (bill_shares_indices, "all channels share an index"),
    (bill_of_one_size, "every pooling sees the size of the picture"),
    (bill_halves_first, "sees half the picture"),
    (bill_of_the_channels_before, "channels that come *into* each stage"),
    (bill_of_the_last, "the last pooling alone"),
    (bill_of_pooled_maps, "the maps *behind* the poolings"),
    (bill_counts_numbers, "this counts numbers, not bytes"),
    (bill_in_bits, "this counts bits"),
    (bill_exchanges_floats, "the sizes of a float are exchanged"),
    (bill_indexes_cells, "one index for each *window*"),
    (bill_in_int32, "as int32 would"),
    (bill_of_pairs, "two indices for each window"),
    (bill_says_half, "this is half of the whole maps"),
    (bill_by_quarters, "rows and columns round up each by itself"),
    (bill_of_two_bytes, "this counts bits"),
    (bill_of_a_byte_each, "a byte of its own"),
    (bill_of_bits_for_cells, "2 bits for each *window*"),
    (bill_of_one_bit, "four cells need 2"),
    (bill_of_four_bits, "2 bits tell four cells apart"),
    (bill_rounds_down, "rounded down to whole bytes"),
    (bill_rounds_once, "each pooling is rounded up by itself"),
    (bill_rounds_each_map, "every map is rounded up"),
    (bill_does_not_round, "are rounded up to whole bytes"),
    (bill_in_floats, "a number of bytes is whole"),
    (bill_picture_by_picture, "every picture is rounded up to whole bytes by itself"),
    (bill_rounds_halves, "the nearest *even* number"),
    (bill_rounds_to_the_nearest, "rounded to the nearest byte"),
    (bill_never_halves, "no pooling halves the map here"),
    (bill_of_complete_windows, "only complete windows are counted"),
    (bill_hands_on_less, "the next pooling sees a size that is rounded down"),
    (bill_in_megabytes, "these are megabytes"),
    (bill_as_a_tuple, "return a dict, not a tuple"),
    (bill_by_other_names, "the dict has no 'float32'"),
]
BILL_ALTERNATES = [bill_by_tensors, bill_by_powers, bill_in_numpy]


# 6 · the weights of tiles


def pieces(target, tile):
    return [piece for strip in target.split(tile, 0) for piece in strip.split(tile, 1)]


def table(maps, num_classes):
    """Pixels of each map and class, (maps, num_classes) float64."""
    return torch.stack([torch.bincount(t[t != 255], minlength=num_classes) for t in maps]).double()


def weighed(pixels, below, middle=lambda share: share.quantile(0.5)):
    occurs = pixels > 0
    weights = torch.zeros(len(pixels), dtype=torch.float64)
    if occurs.any():
        share = pixels[occurs] / below[occurs]
        weights[occurs] = middle(share) / share
    return weights


def of_maps(maps, num_classes, **settings):
    counts = table(maps, num_classes)
    return weighed(counts.sum(0), (counts.sum(1, keepdim=True) * (counts > 0)).sum(0), **settings)


def all_tiles(targets, tile):
    return [piece for target in targets for piece in pieces(target, tile)]


def weights_of_a_table(targets, num_classes, tile):
    return of_maps(all_tiles(targets, tile), num_classes)


def weights_by_slices(targets, num_classes, tile):
    """Class by class, with numpy and masks."""
    share = {}
    tiles = []
    for target in targets:
        for i in range(0, target.shape[0], tile):
            for j in range(0, target.shape[1], tile):
                tiles.append(target[i : i + tile, j : j + tile].numpy())
    for c in range(num_classes):
        mine = [piece for piece in tiles if (piece == c).any()]
        if mine:
            share[c] = sum((piece == c).sum() for piece in mine) / sum((piece != 255).sum() for piece in mine)
    m = np.median(list(share.values())) if share else 0
    return torch.tensor([float(m / share[c]) if c in share else 0.0 for c in range(num_classes)])


def weights_by_padding(targets, num_classes, tile):
    """Filled up with void, which counts nowhere."""
    maps = []
    for target in targets:
        H, W = target.shape
        full = torch.full((-(-H // tile) * tile, -(-W // tile) * tile), 255)
        full[:H, :W] = target
        maps += list(full.unfold(0, tile, tile).unfold(1, tile, tile).flatten(0, 1))
    return of_maps(maps, num_classes)


def weights_of_one_hot(targets, num_classes, tile):
    """One-hot maps, filled up with zeros; the median by sorting."""
    pixels = below = torch.zeros(num_classes)
    for target in targets:
        H, W = target.shape
        hot = torch.nn.functional.one_hot(target.clamp(max=num_classes), num_classes + 1)[..., :num_classes]
        hot = torch.nn.functional.pad(hot, (0, 0, 0, -W % tile, 0, -H % tile))
        counts = hot.unflatten(1, (-1, tile)).unflatten(0, (-1, tile)).sum((1, 3)).flatten(0, 1)
        pixels = pixels + counts.sum(0)
        below = below + (counts.sum(1, keepdim=True) * (counts > 0)).sum(0)
    if not pixels.any():
        return pixels
    share = (pixels / below).nan_to_num(0)
    values = share[share > 0].sort().values
    m = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    return torch.where(share > 0, m / share.clamp(min=1e-9), 0)


def weights_of_pictures(targets, num_classes, tile):
    """Exercise 05's answer, without tiles."""
    return of_maps(targets, num_classes)


def weights_of_the_library(targets, num_classes, tile):
    return losses.median_frequency(losses.count_classes(all_tiles(targets, tile), num_classes))


def weights_of_all_pixels(targets, num_classes, tile):
    pixels = table(targets, num_classes).sum(0)
    return weighed(pixels, pixels.sum().expand(num_classes))


def weights_with_void_below(targets, num_classes, tile):
    tiles = all_tiles(targets, tile)
    counts, sizes = table(tiles, num_classes), torch.tensor([[t.numel()] for t in tiles])
    return weighed(counts.sum(0), (sizes * (counts > 0)).sum(0))


def weights_of_full_tiles(targets, num_classes, tile):
    counts = table(all_tiles(targets, tile), num_classes)
    return weighed(counts.sum(0), tile * tile * (counts > 0).sum(0))


def weights_of_void_as_background(targets, num_classes, tile):
    return weights_of_a_table([t.masked_fill(t == 255, 0) for t in targets], num_classes, tile)


def weights_forget_void(targets, num_classes, tile):
    counts = torch.stack(
        [torch.bincount(t.flatten(), minlength=num_classes) for t in all_tiles(targets, tile)]
    ).double()
    return weighed(counts.sum(0), (counts.sum(1, keepdim=True) * (counts > 0)).sum(0))


def weights_drop_the_rest(targets, num_classes, tile):
    maps = []
    for target in targets:
        if min(target.shape) >= tile:
            maps += list(target.unfold(0, tile, tile).unfold(1, tile, tile).flatten(0, 1))
    return of_maps(maps, num_classes) if maps else torch.zeros(num_classes)


def weights_unfold(targets, num_classes, tile):
    """unfold refuses a map smaller than a tile."""
    maps = [piece for t in targets for piece in t.unfold(0, tile, tile).unfold(1, tile, tile).flatten(0, 1)]
    return of_maps(maps, num_classes)


def weights_view(targets, num_classes, tile):
    maps = []
    for target in targets:
        H, W = target.shape
        maps += list(target.view(H // tile, tile, W // tile, tile).transpose(1, 2).flatten(0, 1))
    return of_maps(maps, num_classes)


def weights_inward(targets, num_classes, tile):
    maps = []
    for target in targets:
        H, W = target.shape
        for i in range(0, H, tile):
            for j in range(0, W, tile):
                top, left = max(min(i, H - tile), 0), max(min(j, W - tile), 0)
                maps.append(target[top : top + tile, left : left + tile])
    return of_maps(maps, num_classes)


def weights_pad_zeros(targets, num_classes, tile):
    maps = []
    for target in targets:
        H, W = target.shape
        maps += pieces(torch.nn.functional.pad(target, (0, -W % tile, 0, -H % tile)), tile)
    return of_maps(maps, num_classes)


def weights_overlap(targets, num_classes, tile):
    maps = []
    for target in targets:
        H, W = target.shape
        for i in range(max(H - tile, 0) + 1):
            maps += [target[i : i + tile, j : j + tile] for j in range(max(W - tile, 0) + 1)]
    return of_maps(maps, num_classes)


def weights_chunk(targets, num_classes, tile):
    """`tile` pieces along each side."""
    maps = [piece for t in targets for strip in t.tensor_split(tile, 0) for piece in strip.tensor_split(tile, 1)]
    return of_maps(maps, num_classes)


def weights_of_strips(targets, num_classes, tile):
    return of_maps([strip for target in targets for strip in target.split(tile)], num_classes)


def weights_of_mean_shares(targets, num_classes, tile):
    counts = table(all_tiles(targets, tile), num_classes)
    each = counts / counts.sum(1, keepdim=True).clamp(min=1)
    return weighed(each.sum(0), (counts > 0).sum(0))


def weights_by_number_of_tiles(targets, num_classes, tile):
    counts = table(all_tiles(targets, tile), num_classes)
    return weighed(counts.sum(0), (counts > 0).sum(0))


def weights_averaged(targets, num_classes, tile):
    return torch.stack([weights_of_a_table([target], num_classes, tile) for target in targets]).mean(0)


def weights_median_of_all(targets, num_classes, tile):
    counts = table(all_tiles(targets, tile), num_classes)
    share = (counts.sum(0) / (counts.sum(1, keepdim=True) * (counts > 0)).sum(0)).nan_to_num(0)
    return torch.where(share > 0, share.quantile(0.5) / share, 0)


def weights_lower_median(targets, num_classes, tile):
    return of_maps(all_tiles(targets, tile), num_classes, middle=torch.median)


def weights_upper_median(targets, num_classes, tile):
    return of_maps(all_tiles(targets, tile), num_classes, middle=lambda share: share.sort().values[len(share) // 2])


def weights_drop_the_rest_of_large_maps(targets, num_classes, tile):
    maps = []
    for target in targets:
        maps += [piece for piece in pieces(target, tile) if piece.shape == (tile, tile)] or [target]
    return of_maps(maps, num_classes)


def weights_of_first_tiles(targets, num_classes, tile):
    return of_maps([target[:tile, :tile] for target in targets], num_classes)


def weights_without_void_tiles(targets, num_classes, tile):
    maps = [piece for piece in all_tiles(targets, tile) if not (piece == 255).any()]
    return of_maps(maps, num_classes) if maps else torch.zeros(num_classes)


def weights_of_median_shares(targets, num_classes, tile):
    counts = table(all_tiles(targets, tile), num_classes)
    each = torch.where(counts > 0, counts / counts.sum(1, keepdim=True), torch.nan)
    return weighed(each.nanquantile(0.5, 0).nan_to_num(0), torch.ones(num_classes))


def weights_inverse_of_all(targets, num_classes, tile):
    pixels = table(targets, num_classes).sum(0)
    return torch.where(pixels > 0, pixels.sum() / (pixels * (pixels > 0).sum()), 0)


def weights_in_float16(targets, num_classes, tile):
    return weights_of_a_table(targets, num_classes, tile).half()


def weights_mean(targets, num_classes, tile):
    return of_maps(all_tiles(targets, tile), num_classes, middle=torch.mean)


def weights_inverse(targets, num_classes, tile):
    return of_maps(all_tiles(targets, tile), num_classes, middle=lambda share: 1)


def weights_upside_down(targets, num_classes, tile):
    weights = weights_of_a_table(targets, num_classes, tile)
    return torch.where(weights > 0, 1 / weights, 0)


def weights_infinite(targets, num_classes, tile):
    counts = table(all_tiles(targets, tile), num_classes)
    share = counts.sum(0) / (counts.sum(1, keepdim=True) * (counts > 0)).sum(0)
    return share.nanquantile(0.5) / share


def weights_one_where_absent(targets, num_classes, tile):
    weights = weights_of_a_table(targets, num_classes, tile)
    return torch.where(weights > 0, weights, 1)


def weights_quantile_of_nothing(targets, num_classes, tile):
    counts = table(all_tiles(targets, tile), num_classes)
    pixels, below = counts.sum(0), (counts.sum(1, keepdim=True) * (counts > 0)).sum(0)
    share = pixels / below
    return torch.where(pixels > 0, share[pixels > 0].quantile(0.5) / share, 0)


WEIGHT_MUTANTS = [
    (weights_of_pictures, "the maps are not cut here"),
    (weights_of_the_library, "of course_lib, which this question does not allow"),
    (weights_of_all_pixels, "only the tiles that contain it count"),
    (weights_with_void_below, "void pixels are below the line"),
    (weights_of_full_tiles, "every tile with the class counts the same"),
    (weights_of_void_as_background, "counted as class 0"),
    (weights_forget_void, "`bincount` has made room for it"),
    (weights_drop_the_rest, "are left out here"),
    (weights_unfold, "it stopped with RuntimeError"),
    (weights_view, "need not be a multiple of `tile`"),
    (weights_inward, "moved inward here"),
    (weights_pad_zeros, "filled up with 0"),
    (weights_overlap, "the tiles overlap"),
    (weights_chunk, "tile x tile pieces"),
    (weights_of_strips, "strips of rows"),
    (weights_of_mean_shares, "add up the pixels first, and divide once"),
    (weights_by_number_of_tiles, "every tile with the class counts the same"),
    (weights_averaged, "count over the whole list first"),
    (weights_median_of_all, "the frequencies 0 of absent classes"),
    (weights_lower_median, "`torch.median` takes that one"),
    (weights_upper_median, "the upper of the middle two"),
    (weights_drop_the_rest_of_large_maps, "left out of large maps"),
    (weights_of_first_tiles, "only the first tile of each map"),
    (weights_without_void_tiles, "leave out the void pixels alone"),
    (weights_of_median_shares, "f_c is the median over the tiles"),
    (weights_inverse_of_all, "these are inverse frequencies"),
    (weights_in_float16, "keeps about three digits"),
    (weights_mean, "the mean of the frequencies over f_c"),
    (weights_inverse, "these are 1 / f_c"),
    (weights_upside_down, "this is f_c / m"),
    (weights_infinite, "a class that does not occur has the weight NaN"),
    (weights_one_where_absent, "has the weight 1 here"),
    (weights_quantile_of_nothing, "treat that case before"),
]
WEIGHT_ALTERNATES = [weights_of_a_table, weights_by_slices, weights_by_padding, weights_of_one_hot]
