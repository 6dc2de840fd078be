"""Exercise 07, right and wrong answers to the questions about pooling with indices and the way back."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

# 1 · pool


def padded(x, value=float("-inf")):
    H, W = x.shape[-2:]
    return F.pad(x, (0, W % 2, 0, H % 2), value=value)


def windows_of(x):
    """(N, C, h, w, 4) by four strided slices."""
    return torch.stack([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)], -1)


def cells_of(k):
    """Rows and columns of the cells number k of their windows."""
    h, w = k.shape[-2:]
    return 2 * torch.arange(h).view(h, 1) + k // 2, 2 * torch.arange(w) + k % 2


def pool_by_slices(x):
    windows = windows_of(padded(x))
    k = windows.argmax(-1)
    rows, columns = cells_of(k)
    return windows.gather(-1, k[..., None]).squeeze(-1), rows * x.shape[-1] + columns


def pool_by_loops(x):
    """Window after window; slices end at the border by themselves."""
    N, C, H, W = x.shape
    h, w = -(-H // 2), -(-W // 2)
    pooled, indices = x.new_zeros(N, C, h, w), torch.zeros(N, C, h, w, dtype=torch.int64)
    for i, j in itertools.product(range(h), range(w)):
        window = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        best = window.flatten(2).max(-1).values
        where = (window.flatten(2) == best[..., None]).int().argmax(-1)
        width = window.shape[-1]
        pooled[..., i, j] = best
        indices[..., i, j] = (2 * i + where // width) * W + 2 * j + where % width
    return pooled, indices


def pool_carries_places(x):
    """A map of places is cut into the same windows."""
    N, C, H, W = x.shape
    places = padded(torch.arange(H * W).view(1, 1, H, W).double(), value=-1)
    windows, where = windows_of(padded(x)), windows_of(places).expand(N, C, -1, -1, -1)
    k = windows.argmax(-1, keepdim=True)
    return windows.gather(-1, k)[..., 0], where.gather(-1, k)[..., 0].long()


def pool_in_numpy(x):
    x = x.numpy()
    W, pads = x.shape[3], [(0, side % 2) for side in x.shape[2:]]
    x = np.pad(x, [(0, 0), (0, 0), *pads], constant_values=-np.inf)
    cells = np.stack([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)])
    k = cells.argmax(0)
    row, column = np.indices(k.shape[2:])
    return [torch.from_numpy(cells.max(0)), torch.from_numpy((2 * row + k // 2) * W + 2 * column + k % 2)]


def pool_as_pytorch(x):
    return F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)


def pool_drops_the_last(x):
    """The usual max_pool2d, which rounds down."""
    x = x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]
    return pool_by_slices(x)


def pool_drops_but_counts_right(x):
    H, W = x.shape[-2:]
    k = windows_of(x[..., : H // 2 * 2, : W // 2 * 2]).argmax(-1)
    rows, columns = cells_of(k)
    return windows_of(x[..., : H // 2 * 2, : W // 2 * 2]).amax(-1), rows * W + columns


def pool_views(x):
    """view cannot cut an odd map."""
    N, C, H, W = x.shape
    windows = x.view(N, C, H // 2, 2, W // 2, 2).transpose(3, 4).flatten(-2)
    rows, columns = cells_of(windows.argmax(-1))
    return windows.amax(-1), rows * W + columns


def pool_pads_zeros(x):
    windows = windows_of(padded(x, 0))
    rows, columns = cells_of(windows.argmax(-1))
    return windows.amax(-1), rows * x.shape[-1] + columns


def pool_unfolds(x):
    """F.unfold pads with zeros too."""
    N, C, H, W = x.shape
    blocks = F.unfold(F.pad(x, (0, W % 2, 0, H % 2)), 2, stride=2)
    windows = blocks.view(N, C, 4, -(-H // 2), -(-W // 2)).movedim(2, -1)
    rows, columns = cells_of(windows.argmax(-1))
    return windows.amax(-1), rows * W + columns


def pool_pads_a_low_number(x):
    windows = windows_of(padded(x, -1e9))
    rows, columns = cells_of(windows.argmax(-1))
    return windows.amax(-1), rows * x.shape[-1] + columns


def pool_starts_from_zero(x):
    """The maximum so far begins at 0."""
    N, C, H, W = x.shape
    pooled = x.new_zeros(N, C, -(-H // 2), -(-W // 2))
    indices = torch.zeros(pooled.shape, dtype=torch.int64)
    for i, j in itertools.product(range(H), range(W)):
        best = pooled[..., i // 2, j // 2]
        better = x[..., i, j] > best
        pooled[..., i // 2, j // 2] = torch.where(better, x[..., i, j], best)
        indices[..., i // 2, j // 2] = torch.where(better, i * W + j, indices[..., i // 2, j // 2])
    return pooled, indices


def pool_moves_inward(x):
    H, W = x.shape[-2:]
    rows = [min(2 * i, max(H - 2, 0)) for i in range(-(-H // 2))]
    columns = [min(2 * j, max(W - 2, 0)) for j in range(-(-W // 2))]
    pooled = torch.stack(
        [torch.stack([x[..., i : i + 2, j : j + 2].amax((-2, -1)) for j in columns], -1) for i in rows], -2
    )
    return pooled, pool_by_slices(x)[1]


def pool_pads_before(x):
    """Padded above and to the left."""
    H, W = x.shape[-2:]
    windows = windows_of(F.pad(x, (W % 2, 0, H % 2, 0), value=float("-inf")))
    rows, columns = cells_of(windows.argmax(-1))
    return windows.amax(-1), (rows - H % 2) * W + columns - W % 2


def pool_takes_the_larger(x):
    """> in the comparison, and −∞ at first: a window of nothing but −∞ is never entered."""
    pooled, indices = pool_by_slices(x)
    return pooled, torch.where(pooled > float("-inf"), indices, 0)


def pool_leaves_one_map(x):
    return pool_by_slices(x.amax(1, keepdim=True))


def pool_where_equal(x):
    """The largest of the places that hold the maximum."""
    pooled, (H, W) = pool_by_slices(x)[0], x.shape[-2:]
    large = pooled.repeat_interleave(2, 2).repeat_interleave(2, 3)[..., :H, :W]
    hits = (x == large) * torch.arange(H * W).view(H, W)
    return pooled, windows_of(padded(hits.double())).amax(-1).long()


def pool_rows_as_windows(x):
    """Odd maps too: padded, and then read along the rows."""
    full = padded(x)
    windows = full.reshape(windows_of(full).shape)
    rows, columns = cells_of(windows.argmax(-1))
    return windows.amax(-1), rows * x.shape[-1] + columns


def pool_averages(x):
    return F.avg_pool2d(x, 2, ceil_mode=True), pool_by_slices(x)[1]


def pool_of_absolute_values(x):
    windows = windows_of(padded(x, 0))
    k = windows.abs().argmax(-1, keepdim=True)
    rows, columns = cells_of(k[..., 0])
    return windows.gather(-1, k)[..., 0], rows * x.shape[-1] + columns


def pool_reads_along_rows(x):
    N, C, H, W = x.shape
    windows = x.reshape(N, C, H // 2, W // 2, 4)
    rows, columns = cells_of(windows.argmax(-1))
    return windows.amax(-1), rows * W + columns


def pool_strides_one(x):
    return x.unfold(2, 2, 1).unfold(3, 2, 1).amax((-2, -1)), pool_by_slices(x)[1]


def pool_over_channels(x):
    windows = windows_of(padded(x.amax(1, keepdim=True).expand(x.shape)))
    return windows.amax(-1), pool_by_slices(x)[1]


def places(x, place, windows=None):
    windows = windows_of(padded(x)) if windows is None else windows
    k = windows.argmax(-1)
    return windows.amax(-1), place(*cells_of(k), k)


def pool_within_windows(x):
    return places(x, lambda rows, columns, k: k)


def pool_numbers_windows(x):
    return places(x, lambda rows, columns, k: rows // 2 * -(-x.shape[-1] // 2) + columns // 2)


def pool_at_corners(x):
    return places(x, lambda rows, columns, k: (rows - k // 2) * x.shape[-1] + columns - k % 2)


def pool_by_columns(x):
    return places(x, lambda rows, columns, k: columns * x.shape[-2] + rows)


def pool_mixes_height_and_width(x):
    H = x.shape[-2]
    return places(x, lambda rows, columns, k: rows * H + columns)


def pool_counts_padded_rows(x):
    """The width behind the padding."""
    x = padded(x)
    return places(x, lambda rows, columns, k: rows * x.shape[-1] + columns)


def pool_counts_pooled_rows(x):
    return places(x, lambda rows, columns, k: rows * k.shape[-1] + columns)


def pool_turns_windows(x):
    return places(x, lambda rows, columns, k: (rows - k // 2 + k % 2) * x.shape[-1] + columns - k % 2 + k // 2)


def pool_through_channels(x):
    C, H, W = x.shape[1:]
    return places(x, lambda rows, columns, k: torch.arange(C).view(C, 1, 1) * H * W + rows * W + columns)


def pool_through_the_batch(x):
    N, C, H, W = x.shape
    start = torch.arange(N * C).view(N, C, 1, 1) * H * W
    return places(x, lambda rows, columns, k: start + rows * W + columns)


def pool_keeps_the_last(x):
    """>= in the comparison."""
    N, C, H, W = x.shape
    pooled = x.new_full((N, C, -(-H // 2), -(-W // 2)), float("-inf"))
    indices = torch.zeros(pooled.shape, dtype=torch.int64)
    for i, j in itertools.product(range(H), range(W)):
        best = pooled[..., i // 2, j // 2].clone()
        better = x[..., i, j] >= best
        pooled[..., i // 2, j // 2] = torch.where(better, x[..., i, j], best)
        indices[..., i // 2, j // 2] = torch.where(better, i * W + j, indices[..., i // 2, j // 2])
    return pooled, indices


def pool_first_column_first(x):
    windows = windows_of(padded(x)).unflatten(-1, (2, 2)).mT.flatten(-2)
    k = torch.tensor([0, 2, 1, 3])[windows.argmax(-1)]
    return places(x, lambda rows, columns, _: 0)[0], cells_of(k)[0] * x.shape[-1] + cells_of(k)[1]


def pool_searches_the_map(x):
    pooled = pool_by_slices(x)[0]
    indices = torch.zeros(pooled.shape, dtype=torch.int64)
    for n, c, i, j in itertools.product(*map(range, pooled.shape)):
        indices[n, c, i, j] = (x[n, c].flatten() == pooled[n, c, i, j]).nonzero()[0, 0]
    return pooled, indices


def pool_in_floats(x):
    pooled, indices = pool_by_slices(x)
    return pooled, indices.double()


def pool_in_pairs(x):
    rows, columns = cells_of(windows_of(padded(x)).argmax(-1))
    return pool_by_slices(x)[0], torch.stack([rows, columns], -1)


def pool_turned_around(x):
    return pool_by_slices(x)[::-1]


def pool_values_only(x):
    return pool_by_slices(x)[0]


def pool_in_float32(x):
    return pool_by_slices(x.float())


POOL_MUTANTS = [
    (pool_as_pytorch, "it uses `F.max_pool2d`, which gives the answer away"),
    (pool_drops_the_last, "loses its last row or column"),
    (pool_drops_but_counts_right, "loses its last row or column"),
    (pool_views, "pad it to an even size first"),
    (pool_pads_zeros, "filled with 0 here"),
    (pool_unfolds, "filled with 0 here"),
    (pool_pads_a_low_number, "a finite number, however low, can win"),
    (pool_starts_from_zero, "the maximum so far begins with 0"),
    (pool_moves_inward, "moved inward here"),
    (pool_pads_before, "padded above and to the left here"),
    (pool_takes_the_larger, "a window of nothing but −∞ gets the place 0"),
    (pool_leaves_one_map, "one map is left of each picture"),
    (pool_where_equal, "hold the same"),
    (pool_rows_as_windows, "four cells of one row"),
    (pool_averages, "this is the mean of each window"),
    (pool_of_absolute_values, "−3 is smaller than 1"),
    (pool_reads_along_rows, "four cells of one row"),
    (pool_strides_one, "the stride is 2"),
    (pool_over_channels, "over the channels too"),
    (pool_within_windows, "the place in the window"),
    (pool_numbers_windows, "the numbers of the windows"),
    (pool_at_corners, "the upper left cell of each window"),
    (pool_by_columns, "count the columns first"),
    (pool_mixes_height_and_width, "row * H + column"),
    (pool_counts_padded_rows, "rows of the padded map"),
    (pool_counts_pooled_rows, "rows of the *pooled* map"),
    (pool_turns_windows, "exchanged inside the windows"),
    (pool_through_channels, "from channel to channel"),
    (pool_through_the_batch, "through the whole batch"),
    (pool_keeps_the_last, "this takes the last"),
    (pool_first_column_first, "the upper one in the left column"),
    (pool_searches_the_map, "finds it in another window"),
    (pool_in_floats, "places are whole numbers"),
    (pool_in_pairs, "these are pairs"),
    (pool_turned_around, "in the order (pooled, indices)"),
    (pool_values_only, "return the pair"),
    (pool_in_float32, "pooled is float32 where x is float64"),
]
POOL_ALTERNATES = [pool_by_slices, pool_by_loops, pool_carries_places, pool_in_numpy]


# 2 · unpool


def unpool_by_offsets(x, indices, size):
    """One flat tensor, with an offset for each map."""
    (N, C), (H, W) = x.shape[:2], size
    out = torch.zeros(N * C * H * W, dtype=x.dtype)
    start = torch.arange(N * C).view(N, C, 1, 1) * H * W
    out[(start + indices).flatten()] = x.flatten()
    return out.view(N, C, H, W)


def unpool_by_loops(x, indices, size):
    out = x.new_zeros(*x.shape[:2], *size)
    for n, c, i, j in itertools.product(*map(range, x.shape)):
        place = int(indices[n, c, i, j])
        out[n, c, place // size[1], place % size[1]] = x[n, c, i, j]
    return out


def unpool_by_comparing(x, indices, size):
    """Every cell asks which value has its place."""
    places = torch.arange(size[0] * size[1])[:, None]
    hits = indices.flatten(2)[:, :, None] == places
    return (hits * x.flatten(2)[:, :, None]).sum(-1).unflatten(-1, tuple(size))


def unpool_adds(x, indices, size):
    maps = x.new_zeros(*x.shape[:2], size[0] * size[1])
    return maps.scatter_add(2, indices.flatten(2), x.flatten(2)).unflatten(2, tuple(size))


def unpool_as_pytorch(x, indices, size):
    return torch.nn.MaxUnpool2d(2)(x, indices, tuple(size))


def unpool_into_one_map(x, indices, size):
    N, C = x.shape[:2]
    out = torch.zeros(N * C * size[0] * size[1], dtype=x.dtype)
    out[indices.flatten()] = x.flatten()
    return out.view(N, C, *size)


def unpool_into_one_map_a_picture(x, indices, size):
    N, C = x.shape[:2]
    out = torch.zeros(N, C * size[0] * size[1], dtype=x.dtype)
    out.scatter_(1, indices.flatten(1), x.flatten(1))
    return out.view(N, C, *size)


def unpool_like_the_first(x, indices, size):
    out = x.new_zeros(*x.shape[:2], size[0] * size[1])
    out[:, :, indices[0, 0].flatten()] = x.flatten(2)
    return out.view(*x.shape[:2], *size)


def unpool_like_the_first_channel(x, indices, size):
    out = x.new_zeros(*x.shape[:2], size[0] * size[1])
    for n in range(len(x)):
        out[n][:, indices[n, 0].flatten()] = x[n].flatten(1)
    return out.view(*x.shape[:2], *size)


def unpool_like_the_first_picture(x, indices, size):
    return unpool_by_offsets(x, indices[:1].expand(x.shape), size)


def unpool_of_the_lesson(x, indices, size):
    """One map, and in float32."""
    back = torch.zeros(size)
    back.view(-1)[indices.flatten()] = x.flatten()
    return back


def unpool_fills_windows(x, indices, size):
    return F.interpolate(x, size=tuple(size), mode="nearest")


def unpool_to_corners(x, indices, size):
    out = x.new_zeros(*x.shape[:2], *size)
    a, b = -(-size[0] // x.shape[2]), -(-size[1] // x.shape[3])
    out[..., ::a, ::b] = x
    return out


def unpool_doubles(x, indices, size):
    N, C, h, w = x.shape
    out = x.new_zeros(N, C, 4 * h * w)
    return out.scatter(2, indices.flatten(2), x.flatten(2)).view(N, C, 2 * h, 2 * w)


def unpool_doubles_and_cuts(x, indices, size):
    return unpool_doubles(x, indices, size)[..., : size[0], : size[1]]


def unpool_with_double_width(x, indices, size):
    out = x.new_zeros(*x.shape[:2], *size)
    for n, c, i, j in itertools.product(*map(range, x.shape)):
        place, width = int(indices[n, c, i, j]), 2 * x.shape[3]
        out[n, c, place // width, place % width] = x[n, c, i, j]
    return out


def unpool_with_own_width(x, indices, size):
    out = x.new_zeros(*x.shape[:2], *size)
    n, c = (torch.arange(s).view(shape) for s, shape in zip(x.shape, ((-1, 1, 1, 1), (-1, 1, 1)), strict=False))
    w = x.shape[3]
    out[n, c, indices // w, indices % w] = x
    return out


def unpool_with_the_height(x, indices, size):
    out = x.new_zeros(*x.shape[:2], size[0] * size[1])
    place = indices // size[0] * size[1] + indices % size[0]
    return out.scatter(2, place.flatten(2), x.flatten(2)).view(*x.shape[:2], *size)


def unpool_turned_size(x, indices, size):
    out = x.new_zeros(*x.shape[:2], size[0] * size[1])
    return out.scatter(2, indices.flatten(2), x.flatten(2)).view(*x.shape[:2], size[1], size[0])


def unpool_reads_columns(x, indices, size):
    out = x.new_zeros(*x.shape[:2], size[0] * size[1])
    return out.scatter(2, indices.flatten(2), x.flatten(2)).view(*x.shape[:2], size[1], size[0]).transpose(2, 3)


def unpool_writes_indices(x, indices, size):
    out = x.new_zeros(*x.shape[:2], size[0] * size[1])
    return out.scatter(2, indices.flatten(2), indices.flatten(2).to(x)).view(*x.shape[:2], *size)


def unpool_marks(x, indices, size):
    out = x.new_zeros(*x.shape[:2], size[0] * size[1])
    return out.scatter(2, indices.flatten(2), 1).view(*x.shape[:2], *size)


def unpool_behind_a_relu(x, indices, size):
    return unpool_by_offsets(x, indices, size).relu()


def unpool_stays_flat(x, indices, size):
    return unpool_by_offsets(x, indices, size).flatten(2)


def unpool_bilinear(x, indices, size):
    return F.interpolate(x, size=tuple(size), mode="bilinear")


def unpool_in_float32(x, indices, size):
    return unpool_by_offsets(x.float(), indices, size)


def unpool_onto_the_mean(x, indices, size):
    out = x.mean((2, 3))[:, :, None].expand(-1, -1, size[0] * size[1]).clone()
    return out.scatter(2, indices.flatten(2), x.flatten(2)).view(*x.shape[:2], *size)


def unpool_unflattened(x, indices, size):
    return x.new_zeros(*x.shape[:2], size[0] * size[1]).scatter(2, indices, x)


UNPOOL_MUTANTS = [
    (unpool_as_pytorch, "MaxUnpool2d`, which gives the answer away"),
    (unpool_into_one_map, "all maps write into the first one"),
    (unpool_into_one_map_a_picture, "all channels of a picture write into the first one"),
    (unpool_like_the_first, "every map takes its places from the first one"),
    (unpool_like_the_first_channel, "all channels take their places from the first one"),
    (unpool_like_the_first_picture, "all pictures take their places from the first one"),
    (unpool_of_the_lesson, "makes zeros of its dtype"),
    (unpool_fills_windows, "fills its whole window"),
    (unpool_to_corners, "the upper left cell of its window"),
    (unpool_doubles, "twice as large as x here"),
    (unpool_doubles_and_cuts, "and then cut"),
    (unpool_with_double_width, "with W = size[1])"),
    (unpool_with_own_width, "with W = size[1])"),
    (unpool_with_the_height, "with the height of the map"),
    (unpool_turned_size, "W rows of H cells"),
    (unpool_reads_columns, "column by column"),
    (unpool_writes_indices, "the indices are in the map"),
    (unpool_marks, "there are ones in the map"),
    (unpool_behind_a_relu, "negative values are lost"),
    (unpool_stays_flat, "still flat"),
    (unpool_bilinear, "bilinearly"),
    (unpool_in_float32, "the map is float32 where x is float64"),
    (unpool_onto_the_mean, "cells without a value are not 0"),
    (unpool_unflattened, "in the same way as the zeros"),
]
UNPOOL_ALTERNATES = [unpool_by_offsets, unpool_by_loops, unpool_by_comparing, unpool_adds]
