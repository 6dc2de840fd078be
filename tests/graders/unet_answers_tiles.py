"""Exercise 08, right and wrong answers to the questions about tiles: cut them, join their answers."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import ops

# 6 · split


def cut(padded, output_size, margin, height, width):
    """Tiles of a picture that has everything around it already, `margin` in front."""
    t = output_size + 2 * margin
    return torch.stack(
        [
            padded[:, top : top + t, left : left + t]
            for top in range(0, height, output_size)
            for left in range(0, width, output_size)
        ]
    )


def pad(image, output_size, margin, mode="reflect"):
    """NumPy's padding, on all sides and up to a multiple of output_size; its mirror goes on to and fro."""
    _, height, width = image.shape
    around = [(margin, margin + -length % output_size) for length in (height, width)]
    return torch.from_numpy(np.pad(image.numpy(), [(0, 0), *around], mode=mode))


def split_by_numpy(image, output_size, margin):
    return cut(pad(image, output_size, margin), output_size, margin, *image.shape[1:])


def split_by_unfold(image, output_size, margin):
    """Rows and columns in lists that walk to and fro; all tiles at once by `unfold`."""

    def walk(length):
        place, step, places = 0, 1, []
        while len(places) < length + 4 * (margin + output_size):
            places.append(place)
            if not 0 <= place + step < length:
                step = -step
            place += step
        before = places[1 : margin + 1][::-1]
        return before + places[: math.ceil(length / output_size) * output_size + margin]

    _, height, width = image.shape
    around = image[:, walk(height)][:, :, walk(width)]
    t = output_size + 2 * margin
    tiles = around.unfold(1, t, output_size).unfold(2, t, output_size)
    return tiles.permute(1, 2, 0, 3, 4).flatten(0, 1)


def split_from_the_library(image, output_size, margin):
    tiles = []

    def keep(tile):
        tiles.append(tile[0])
        return tile[..., : tile.shape[-2] - 2 * margin, : tile.shape[-1] - 2 * margin]

    ops.overlap_tile(keep, image, output_size, margin)
    return torch.stack(tiles)


def split_with_zeros(image, output_size, margin):
    return cut(pad(image, output_size, margin, "constant"), output_size, margin, *image.shape[1:])


def split_repeats_the_edge(image, output_size, margin):
    return cut(pad(image, output_size, margin, "symmetric"), output_size, margin, *image.shape[1:])


def split_stretches_the_edge(image, output_size, margin):
    return cut(pad(image, output_size, margin, "edge"), output_size, margin, *image.shape[1:])


def split_wraps(image, output_size, margin):
    return cut(pad(image, output_size, margin, "wrap"), output_size, margin, *image.shape[1:])


def split_by_torch(image, output_size, margin):
    """F.pad mirrors once only."""
    _, height, width = image.shape
    sides = [margin, margin + -width % output_size, margin, margin + -height % output_size]
    return cut(F.pad(image[None], sides, mode="reflect")[0], output_size, margin, height, width)


def split_fills_up_with_zeros(image, output_size, margin):
    _, height, width = image.shape
    filled = F.pad(image, [0, -width % output_size, 0, -height % output_size])
    return cut(pad(filled, output_size, margin), output_size, margin, height, width)


def split_mirrors_twice(image, output_size, margin):
    filled = pad(image, output_size, 0)
    return cut(pad(filled, output_size, margin), output_size, margin, *image.shape[1:])


def split_by_rows(image, output_size, margin, mirror):
    """Tiles of rows and columns that `mirror(number, length)` says."""
    _, height, width = image.shape

    def rows(start, length):
        return [mirror(number, length) for number in range(start - margin, start + output_size + margin)]

    return torch.stack(
        [
            image[:, rows(top, height)][:, :, rows(left, width)]
            for top in range(0, height, output_size)
            for left in range(0, width, output_size)
        ]
    )


def once(number, length):
    number = abs(number)
    return number if number < length else 2 * (length - 1) - number


def split_by_walking(image, output_size, margin):
    """Turns a row number until it lies in the picture; single precision."""

    def mirror(number, length):
        while not 0 <= number < length:
            number = once(number, length)
        return number

    return split_by_rows(image.float(), output_size, margin, mirror)


def split_mirrors_once(image, output_size, margin):
    """A number below 0 that is left counts from the end."""
    return split_by_rows(image, output_size, margin, once)


def split_mirrors_once_and_holds(image, output_size, margin):
    return split_by_rows(
        image, output_size, margin, lambda number, length: max(0, min(once(number, length), length - 1))
    )


def split_repeats_the_last(image, output_size, margin):
    """Mirrors well in front only."""

    def mirror(number, length):
        number = abs(number)
        return number if number < length else max(0, 2 * length - 1 - number)

    return split_by_rows(image, output_size, margin, mirror)


def split_mirrors_the_margin_only(image, output_size, margin):
    _, height, width = image.shape
    around = torch.from_numpy(np.pad(image.numpy(), [(0, 0), *[(margin, margin)] * 2], mode="reflect"))
    filled = F.pad(around, [0, -width % output_size, 0, -height % output_size])
    return cut(filled, output_size, margin, height, width)


def split_mirrors_each_tile(image, output_size, margin):
    tiles = split_without_margin(image, output_size, margin)
    return torch.from_numpy(np.pad(tiles.numpy(), [(0, 0), (0, 0), *[(margin, margin)] * 2], mode="reflect"))


def split_views(image, output_size, margin):
    """Forgets `permute` behind `unfold`."""
    t, around = output_size + 2 * margin, pad(image, output_size, margin)
    return around.unfold(1, t, output_size).unfold(2, t, output_size).reshape(-1, len(image), t, t)


def split_views_columns(image, output_size, margin):
    """Forgets to transpose behind `F.unfold`."""
    t, around = output_size + 2 * margin, pad(image, output_size, margin)
    return F.unfold(around[None], t, stride=output_size).reshape(-1, len(image), t, t)


def split_channels_first(image, output_size, margin):
    return split_by_numpy(image, output_size, margin).transpose(0, 1)


def split_forgets_the_rest(image, output_size, margin):
    """Mirrored by the margin only: the last tiles have other sizes."""
    around = torch.from_numpy(np.pad(image.numpy(), [(0, 0), (margin, margin), (margin, margin)], mode="reflect"))
    return cut(around, output_size, margin, *image.shape[1:])


def split_shifts_back(image, output_size, margin):
    _, height, width = image.shape
    around, t = pad(image, output_size, margin), output_size + 2 * margin
    tops, lefts = (
        [max(0, min(start, length - output_size)) for start in range(0, length, output_size)]
        for length in (height, width)
    )
    return torch.stack([around[:, top : top + t, left : left + t] for top in tops for left in lefts])


def split_drops_the_rest(image, output_size, margin):
    _, height, width = image.shape
    whole = (length // output_size * output_size for length in (height, width))
    return cut(pad(image, output_size, margin), output_size, margin, *whole)


def split_one_too_many(image, output_size, margin):
    _, height, width = image.shape
    more = torch.from_numpy(np.pad(image.numpy(), [(0, 0), *[(margin, 2 * output_size + margin)] * 2], mode="reflect"))
    return cut(more, output_size, margin, *(length // output_size * output_size + 1 for length in (height, width)))


def split_by_columns(image, output_size, margin):
    turned = split_by_numpy(image.transpose(1, 2), output_size, margin)
    return turned.transpose(2, 3)


def split_turns_tiles(image, output_size, margin):
    return split_by_numpy(image, output_size, margin).transpose(2, 3)


def split_starts_at_0(image, output_size, margin):
    around = pad(image, output_size, 2 * margin)[:, 2 * margin :, 2 * margin :]
    return cut(around, output_size, margin, *image.shape[1:])


def split_side_by_side(image, output_size, margin):
    _, height, width = image.shape
    t = output_size + 2 * margin
    around = torch.from_numpy(np.pad(image.numpy(), [(0, 0), *[(margin, margin + t)] * 2], mode="reflect"))
    return torch.stack(
        [around[:, top : top + t, left : left + t] for top in range(0, height, t) for left in range(0, width, t)]
    )


def split_without_margin(image, output_size, margin):
    return cut(pad(image, output_size, 0), output_size, 0, *image.shape[1:])


def split_margin_in_front(image, output_size, margin):
    return split_by_numpy(image, output_size, margin)[..., : output_size + margin, : output_size + margin]


def split_into_a_grid(image, output_size, margin):
    tiles = split_by_numpy(image, output_size, margin)
    return tiles.unflatten(0, (-1, math.ceil(image.shape[-1] / output_size)))


def split_into_a_list(image, output_size, margin):
    return list(split_by_numpy(image, output_size, margin))


SPLIT_MUTANTS = [
    (split_with_zeros, "outside the picture there are zeros"),
    (split_repeats_the_edge, "the row at the border is repeated here"),
    (split_stretches_the_edge, "its last row is repeated again and again"),
    (split_wraps, "continued from its other end"),
    (split_by_torch, "`F.pad` mirrors once only"),
    (split_fills_up_with_zeros, "filled up with zeros to a multiple"),
    (split_mirrors_twice, "what comes out is mirrored again"),
    (split_forgets_the_rest, "what lies outside the picture is mirrored"),
    (split_shifts_back, "the last tiles are shifted back"),
    (split_drops_the_rest, "the last tiles are missing"),
    (split_one_too_many, "there is one more"),
    (split_by_columns, "the tiles come column by column"),
    (split_turns_tiles, "rows and columns of each tile are exchanged"),
    (split_starts_at_0, "it is the *answers* that begin there"),
    (split_side_by_side, "overlap by twice the margin"),
    (split_without_margin, "these are tiles of `output_size`"),
    (split_margin_in_front, "the margin is there on one side only"),
    (split_mirrors_once, "mirrored once only, and then read from its other end"),
    (split_mirrors_once_and_holds, "mirrored once only, and its last row repeated"),
    (split_repeats_the_last, "behind the picture the last row is repeated"),
    (split_mirrors_the_margin_only, "and zeros follow"),
    (split_mirrors_each_tile, "each tile is mirrored at its own border"),
    (split_views, "tiles and channels are mixed up"),
    (split_views_columns, "`F.unfold` gives each tile as a *column*"),
    (split_channels_first, "channels and tiles are exchanged"),
    (split_into_a_grid, "where (1, 1, 6, 6) is wanted"),
    (split_into_a_list, "a list where a torch tensor is wanted"),
    (split_from_the_library, "of course_lib, which this question does not allow"),
]
SPLIT_ALTERNATES = [split_by_numpy, split_by_unfold, split_by_walking]

# 7 · join


def grid(answers, width):
    """(T, K, s, s) -> (down, across, K, s, s)"""
    return answers.unflatten(0, (-1, math.ceil(width / answers.shape[-1])))


def join_by_permute(answers, height, width):
    return grid(answers, width).permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)[:, :height, :width]


def join_by_cat(answers, height, width):
    """Each row of answers, then the rows, each cut as it comes."""
    lines = [torch.cat(list(line), dim=2)[:, :, :width] for line in grid(answers, width)]
    return torch.cat(lines, dim=1)[:, :height].contiguous()


def join_by_pixels(answers, height, width):
    """Where each pixel is to be found."""
    s = answers.shape[-1]
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return answers[rows // s * -(-width // s) + columns // s, :, rows % s, columns % s].permute(2, 0, 1)


def join_by_columns(answers, height, width):
    s = answers.shape[-1]
    down, across = -(-height // s), -(-width // s)
    whole = answers.new_zeros(answers.shape[1], down * s, across * s)
    for number, answer in enumerate(answers):
        top, left = number % down * s, number // down * s
        whole[:, top : top + s, left : left + s] = answer
    return whole[:, :height, :width]


def join_turned(answers, height, width):
    """A forgotten axis in `permute`: columns of answers run down."""
    return grid(answers, width).permute(2, 1, 4, 0, 3).flatten(3, 4).flatten(1, 2)[:, :height, :width]


def join_rounds_down(answers, height, width):
    count, classes, s, _ = answers.shape
    across = max(1, width // s)
    whole = answers.new_zeros(classes, -(-count // across) * s, across * s)
    for number, answer in enumerate(answers):
        top, left = number // across * s, number % across * s
        whole[:, top : top + s, left : left + s] = answer
    return whole[:, :height, :width]


def join_counts_rows(answers, height, width):
    count, classes, s, _ = answers.shape
    across = -(-height // s)
    whole = answers.new_zeros(classes, -(-count // across) * s, across * s)
    for number, answer in enumerate(answers):
        top, left = number // across * s, number % across * s
        whole[:, top : top + s, left : left + s] = answer
    return whole[:, :height, :width]


def join_in_place(answers, height, width, across):
    """Writes what stays of each answer into a map of zeros, which is float32."""
    s, whole = answers.shape[-1], torch.zeros(answers.shape[1], height, width)
    for number, answer in enumerate(answers):
        top, left = number // across * s, number % across * s
        if top < height and left < width:
            whole[:, top : top + s, left : left + s] = answer[:, : height - top, : width - left]
    return whole


def join_in_single(answers, height, width):
    return join_in_place(answers, height, width, -(-width // answers.shape[-1]))


def join_counts_rows_in_place(answers, height, width):
    return join_in_place(answers, height, width, -(-height // answers.shape[-1]))


def join_rounds_down_in_place(answers, height, width):
    return join_in_place(answers, height, width, max(1, width // answers.shape[-1]))


def join_one_too_many(answers, height, width):
    return join_in_place(answers, height, width, width // answers.shape[-1] + 1)


def join_resizes(answers, height, width):
    return F.interpolate(join_uncut(answers, height, width)[None], (height, width), mode="bilinear")[0]


def join_resizes_coarsely(answers, height, width):
    return F.interpolate(join_uncut(answers, height, width)[None], (height, width))[0]


def join_by_fold(answers, height, width):
    s = answers.shape[-1]
    size = tuple(-(-length // s) * s for length in (height, width))
    return F.fold(answers.flatten(1).T[None], size, s, stride=s)[0, :, :height, :width]


def join_uncut(answers, height, width):
    return grid(answers, width).permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)


def join_cuts_in_the_middle(answers, height, width):
    whole = join_uncut(answers, height, width)
    top, left = (whole.shape[1] - height) // 2, (whole.shape[2] - width) // 2
    return whole[:, top : top + height, left : left + width]


def join_cuts_in_front(answers, height, width):
    return join_uncut(answers, height, width)[:, -height:, -width:]


def join_views(answers, height, width):
    count, classes, s, _ = answers.shape
    across = -(-width // s)
    return answers.reshape(classes, count // across * s, across * s)[:, :height, :width]


def join_views_classes(answers, height, width):
    count, classes, s, _ = answers.shape
    across = -(-width // s)
    return answers.transpose(0, 1).reshape(classes, count // across * s, across * s)[:, :height, :width]


def shifted(answers, height, width):
    s, across = answers.shape[-1], -(-width // answers.shape[-1])
    for number, answer in enumerate(answers):
        top = max(0, min(number // across * s, height - s))
        left = max(0, min(number % across * s, width - s))
        yield answer[:, : height - top, : width - left], (slice(None), slice(top, top + s), slice(left, left + s))


def join_shifts_back(answers, height, width):
    whole = answers.new_zeros(answers.shape[1], height, width)
    for answer, place in shifted(answers, height, width):
        whole[place] = answer
    return whole


def join_averages(answers, height, width):
    """The folklore: overlap, and average."""
    whole = answers.new_zeros(answers.shape[1], height, width)
    seen = torch.zeros_like(whole)
    for answer, place in shifted(answers, height, width):
        whole[place] += answer
        seen[place] += 1
    return whole / seen


def join_turns_answers(answers, height, width):
    return join_by_permute(answers.transpose(2, 3), height, width)


def join_exchanges_sides(answers, height, width):
    return join_uncut(answers, height, width)[:, :width, :height]


def join_without_room(answers, height, width):
    """Writes whole answers into a map of the picture's size."""
    whole, s = answers.new_zeros(answers.shape[1], height, width), answers.shape[-1]
    for number, answer in enumerate(answers):
        row, column = divmod(number, -(-width // s))
        whole[:, row * s : row * s + s, column * s : column * s + s] = answer
    return whole


def join_channels_last(answers, height, width):
    return join_by_permute(answers, height, width).permute(1, 2, 0)


def join_decides(answers, height, width):
    return join_by_permute(answers, height, width).argmax(0)


JOIN_MUTANTS = [
    (join_by_columns, "laid down column by column"),
    (join_turned, "the joined map's rows and columns"),
    (join_rounds_down, "width / s is rounded down"),
    (join_counts_rows, "as many answers are laid in a row as there are in a column"),
    (join_counts_rows_in_place, "in a column, and the rest is empty"),
    (join_rounds_down_in_place, "and the end of each row is empty"),
    (join_one_too_many, "a row has a place too many"),
    (join_resizes, "resized (bilinear)"),
    (join_resizes_coarsely, "resized (nearest)"),
    (join_uncut, "what reaches beyond the picture is still there"),
    (join_cuts_in_the_middle, "cut from the middle of the joined answers"),
    (join_cuts_in_front, "what is too much is cut off in front"),
    (join_views, "keep the order in memory"),
    (join_views_classes, "the classes are in place"),
    (join_shifts_back, "shifted back until they end with the picture"),
    (join_averages, "averaged with those before"),
    (join_turns_answers, "each answer's rows and columns are exchanged"),
    (join_exchanges_sides, "height and width are exchanged"),
    (join_without_room, "2 x 3 answers of 3 x 3 pixels, of which 5 x 7 stay"),
    (join_channels_last, "2 x 3 answers of 2 x 2 pixels, of which 4 x 6 stay"),
    (join_decides, "2 x 3 answers of 2 x 2 pixels, of which 4 x 6 stay"),
]
JOIN_ALTERNATES = [join_by_permute, join_by_cat, join_by_pixels, join_by_fold, join_in_single]
