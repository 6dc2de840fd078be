"""Exercise 02: wrong answers as learners write them, each with what the check must say, and right answers written otherwise."""

import itertools

import torch
import torch.nn.functional as F
from harness import exercise_tests

# 1 · stamps in one dimension


def stamp_convolves(x, kernel, stride):
    out = torch.zeros((len(x) - 1) * stride + len(kernel))
    for i in range(len(x)):
        for j in range(len(kernel)):
            out[i * stride + j] += x[i] * kernel[len(kernel) - 1 - j]
    return out


def stamp_overwrites(x, kernel, stride):
    out = torch.zeros((len(x) - 1) * stride + len(kernel))
    for i, value in enumerate(x):
        out[i * stride : i * stride + len(kernel)] = value * kernel
    return out


def stamp_step_one(x, kernel, stride):
    out = torch.zeros(len(x) + len(kernel) - 1)
    for i, value in enumerate(x):
        out[i : i + len(kernel)] += value * kernel
    return out


def stamp_stride_forgotten(x, kernel, stride):
    out = torch.zeros((len(x) - 1) * stride + len(kernel))
    for i, value in enumerate(x):
        out[i : i + len(kernel)] += value * kernel
    return out


def stamp_spreads_taps(x, kernel, stride):
    out = torch.zeros(len(x) + (len(kernel) - 1) * stride)
    for i, value in enumerate(x):
        for j, weight in enumerate(kernel):
            out[i + j * stride] += value * weight
    return out


def stamp_too_short(x, kernel, stride):
    out = torch.zeros(len(x) * stride + len(kernel))
    for i, value in enumerate(x):
        out[i * stride : i * stride + len(kernel)] += value * kernel
    return out[: len(x) * stride]


def stamp_forgets_precision(x, kernel, stride):
    out = torch.zeros((len(x) - 1) * stride + len(kernel))
    for i, value in enumerate(x):
        out[i * stride : i * stride + len(kernel)] += value * kernel
    return out


def stamp_always_double(x, kernel, stride):
    out = torch.zeros((len(x) - 1) * stride + len(kernel), dtype=torch.float64)
    for i, value in enumerate(x):
        out[i * stride : i * stride + len(kernel)] += value * kernel
    return out


def stamp_asks_torch(x, kernel, stride):
    return F.conv_transpose1d(x[None, None], kernel[None, None], stride=stride)[0, 0]


def stamp_by_index_add(x, kernel, stride):
    where = (torch.arange(len(x))[:, None] * stride + torch.arange(len(kernel))).flatten()
    out = torch.zeros((len(x) - 1) * stride + len(kernel), dtype=x.dtype)
    return out.index_add(0, where, torch.outer(x, kernel).flatten())


# 2 · two dimensions, channels, padding


def _canvas(x, weight, stride):
    n, _, h, w = x.shape
    _, c_out, kh, kw = weight.shape
    canvas = torch.zeros(n, c_out, (h - 1) * stride + kh, (w - 1) * stride + kw, dtype=x.dtype)
    for i, j in itertools.product(range(h), range(w)):
        canvas[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw] += torch.einsum(
            "ni,iohw->nohw", x[:, :, i, j], weight
        )
    return canvas


def conv_by_pixels(x, weight, stride, padding):
    canvas = _canvas(x, weight, stride)
    return canvas[:, :, padding : canvas.shape[2] - padding, padding : canvas.shape[3] - padding]


def conv_by_zero_insertion(x, weight, stride, padding):
    n, c, h, w = x.shape
    spread = torch.zeros(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1, dtype=x.dtype)
    spread[:, :, ::stride, ::stride] = x
    kh, kw = weight.shape[2:]
    full = F.conv2d(F.pad(spread, [kw - 1, kw - 1, kh - 1, kh - 1]), weight.flip(2, 3).transpose(0, 1))
    return full[:, :, padding : full.shape[2] - padding, padding : full.shape[3] - padding]


def conv_without_flip(x, weight, stride, padding):
    return conv_by_zero_insertion(x, weight.flip(2, 3), stride, padding)


def conv_output_channels_first(x, weight, stride, padding):
    return conv_by_pixels(x, weight.transpose(0, 1), stride, padding)


def conv_minus_zero(x, weight, stride, padding):
    return _canvas(x, weight, stride)[:, :, padding:-padding, padding:-padding]


def conv_pads_output(x, weight, stride, padding):
    return F.pad(_canvas(x, weight, stride), [padding] * 4)


def conv_pads_input(x, weight, stride, padding):
    return _canvas(F.pad(x, [padding] * 4), weight, stride)


def conv_no_padding(x, weight, stride, padding):
    return _canvas(x, weight, stride)


def conv_crops_end(x, weight, stride, padding):
    canvas = _canvas(x, weight, stride)
    return canvas[:, :, : canvas.shape[2] - 2 * padding, : canvas.shape[3] - 2 * padding]


def conv_square_only(x, weight, stride, padding):
    n, _, h, _ = x.shape
    _, c_out, k, _ = weight.shape
    canvas = torch.zeros(n, c_out, (h - 1) * stride + k, (h - 1) * stride + k, dtype=x.dtype)
    for i, j in itertools.product(range(h), range(h)):
        canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += torch.einsum(
            "ni,iohw->nohw", x[:, :, i, j], weight
        )
    return canvas[:, :, padding : canvas.shape[2] - padding, padding : canvas.shape[3] - padding]


def conv_overwrites(x, weight, stride, padding):
    n, _, h, w = x.shape
    _, c_out, kh, kw = weight.shape
    out = torch.zeros(n, c_out, (h - 1) * stride + kh, (w - 1) * stride + kw)
    for i in range(h):
        for j in range(w):
            stamp = torch.einsum("ni,iohw->nohw", x[:, :, i, j].float(), weight.float())
            out[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw] = stamp
    return out[:, :, padding : out.shape[2] - padding, padding : out.shape[3] - padding]


def conv_first_picture(x, weight, stride, padding):
    return conv_by_pixels(x[0][None], weight, stride, padding)


def conv_first_channel(x, weight, stride, padding):
    return conv_by_pixels(x[:, :1], weight[:1], stride, padding)


# 3 · the matrix


def matrix_loops(kernel, height, width, stride):
    kh, kw = kernel.shape
    out_h, out_w = (height - kh) // stride + 1, (width - kw) // stride + 1
    matrix = torch.zeros(height * width, out_h * out_w, dtype=kernel.dtype)
    for i, j, a, b in itertools.product(range(out_h), range(out_w), range(kh), range(kw)):
        matrix[(i * stride + a) * width + j * stride + b, i * out_w + j] = kernel[a, b]
    return matrix


def matrix_not_transposed(kernel, height, width, stride):
    return matrix_loops(kernel, height, width, stride).T


def matrix_flipped(kernel, height, width, stride):
    return matrix_loops(kernel.flip(0, 1), height, width, stride)


def matrix_no_stride(kernel, height, width, stride):
    units = torch.eye(height * width).view(-1, 1, height, width)
    return F.conv2d(units, kernel[None, None].float()).flatten(1)


def matrix_by_columns(kernel, height, width, stride):
    units = torch.eye(height * width, dtype=kernel.dtype).view(-1, 1, width, height).transpose(2, 3)
    return F.conv2d(units, kernel[None, None], stride=stride).flatten(1)


def matrix_exchanged(kernel, height, width, stride):
    units = torch.eye(height * width, dtype=kernel.dtype).view(-1, 1, width, height)
    return F.conv2d(units, kernel[None, None], stride=stride).flatten(1)


def matrix_single_precision(kernel, height, width, stride):
    units = torch.eye(height * width).view(-1, 1, height, width)
    return F.conv2d(units, kernel[None, None].float(), stride=stride).flatten(1)


# 4 · which padding?


def padding_by_search(size, target, kernel, stride):
    for padding in range(kernel + size * stride):
        for output_padding in range(stride):
            if (size - 1) * stride - 2 * padding + kernel + output_padding == target:
                return padding, output_padding
    return None


def padding_any_output_padding(size, target, kernel, stride):
    for padding in range(200):
        for output_padding in range(200):
            if (size - 1) * stride - 2 * padding + kernel + output_padding == target:
                return padding, output_padding
    return None


def padding_habit(size, target, kernel, stride):
    padding = (kernel - 1) // 2
    output_padding = target - ((size - 1) * stride - 2 * padding + kernel)
    return (padding, output_padding) if 0 <= output_padding < stride else None


def padding_from_above(size, target, kernel, stride):
    for padding in reversed(range(kernel + size * stride)):
        for output_padding in range(stride):
            if (size - 1) * stride - 2 * padding + kernel + output_padding == target:
                return padding, output_padding
    return None


def padding_one_side(size, target, kernel, stride):
    for padding in range(kernel + size * stride):
        for output_padding in range(stride):
            if (size - 1) * stride - padding + kernel + output_padding == target:
                return padding, output_padding
    return None


def padding_only(size, target, kernel, stride):
    for padding in range(kernel + size * stride):
        if (size - 1) * stride - 2 * padding + kernel == target:
            return padding, 0
    return None


def padding_all_stamps_move(size, target, kernel, stride):
    for padding in range(kernel + size * stride):
        for output_padding in range(stride):
            if size * stride + kernel - 2 * padding + output_padding == target:
                return padding, output_padding
    return None


def padding_swapped(size, target, kernel, stride):
    for padding in range(kernel + size * stride):
        for output_padding in range(stride):
            if (size - 1) * stride - 2 * padding + kernel + output_padding == target:
                return output_padding, padding
    return None


def padding_negative(size, target, kernel, stride):
    surplus = (size - 1) * stride + kernel - target
    padding = (surplus + 1) // 2
    return padding, 2 * padding - surplus


def padding_up_to_stride(size, target, kernel, stride):
    for padding in range(kernel + size * stride):
        for output_padding in range(stride + 1):
            if (size - 1) * stride - 2 * padding + kernel + output_padding == target:
                return padding, output_padding
    return None


def padding_rounded_down(size, target, kernel, stride):
    surplus = (size - 1) * stride + kernel - target
    if surplus < 0:
        return None
    return surplus // 2, surplus % 2


def padding_within_kernel(size, target, kernel, stride):
    for padding in range(kernel):
        for output_padding in range(stride):
            if (size - 1) * stride - 2 * padding + kernel + output_padding == target:
                return padding, output_padding
    return None


# 5 · stamp counts


def counts_by_pixels(height, width, kernel, stride):
    out = torch.zeros((height - 1) * stride + kernel, (width - 1) * stride + kernel, dtype=torch.int64)
    for i, j in itertools.product(range(height), range(width)):
        out[i * stride : i * stride + kernel, j * stride : j * stride + kernel] += 1
    return out


def _along(n, kernel, stride):
    counts = torch.zeros((n - 1) * stride + kernel, dtype=torch.int64)
    for i in range(n):
        counts[i * stride : i * stride + kernel] += 1
    return counts


def counts_added(height, width, kernel, stride):
    return _along(height, kernel, stride)[:, None] + _along(width, kernel, stride)[None, :]


def counts_set(height, width, kernel, stride):
    out = torch.zeros((height - 1) * stride + kernel, (width - 1) * stride + kernel, dtype=torch.int64)
    for i, j in itertools.product(range(height), range(width)):
        out[i * stride : i * stride + kernel, j * stride : j * stride + kernel] = 1
    return out


def counts_exchanged(height, width, kernel, stride):
    return counts_by_pixels(width, height, kernel, stride)


def counts_constant(height, width, kernel, stride):
    out_h, out_w = (height - 1) * stride + kernel, (width - 1) * stride + kernel
    return torch.full((out_h, out_w), ((kernel + stride - 1) // stride) ** 2)


def counts_divided(height, width, kernel, stride):
    out_h, out_w = (height - 1) * stride + kernel, (width - 1) * stride + kernel
    return torch.full((out_h, out_w), (kernel // stride) ** 2)


def counts_inside(height, width, kernel, stride):
    rows = torch.arange((height - 1) * stride + kernel) % stride
    columns = torch.arange((width - 1) * stride + kernel) % stride
    return ((kernel - 1 - rows) // stride + 1)[:, None] * ((kernel - 1 - columns) // stride + 1)


def counts_float(height, width, kernel, stride):
    return counts_by_pixels(height, width, kernel, stride).float()


# 6 · the bilinear kernel


def bilinear_by_loops(stride):
    out = torch.zeros(2 * stride, 2 * stride)
    for i, j in itertools.product(range(2 * stride), repeat=2):
        out[i, j] = (1 - abs(i - stride + 0.5) / stride) * (1 - abs(j - stride + 0.5) / stride)
    return out


def bilinear_on_a_pixel(stride):
    tent = 1 - (torch.arange(2 * stride) - stride).abs() / stride
    return tent[:, None] * tent[None, :]


def bilinear_corners(stride):
    tent = 1 - torch.linspace(-1, 1, 2 * stride).abs()
    return tent[:, None] * tent[None, :]


def bilinear_sums_to_one(stride):
    kernel = bilinear_by_loops(stride)
    return kernel / kernel.sum()


def bilinear_box(stride):
    return torch.ones(2 * stride, 2 * stride)


def bilinear_halves(stride):
    row = torch.cat([torch.arange(1.0, stride + 1), torch.arange(float(stride), 0, -1)]) / stride
    return row[:, None] * row


def bilinear_mean(stride):
    tent = 1 - (torch.arange(2 * stride) - stride + 0.5).abs() / stride
    return 0.5 * tent[:, None] + 0.5 * tent[None, :]


# 7 · ICNR


def icnr_expand(base, scale):
    c_out, c_in, kh, kw = base.shape
    return base[:, None].expand(c_out, scale * scale, c_in, kh, kw).reshape(-1, c_in, kh, kw)


def icnr_repeat(base, scale):
    return base.repeat(scale * scale, 1, 1, 1)


def icnr_scale_once(base, scale):
    return base.repeat_interleave(scale, dim=0)


def icnr_flattened(base, scale):
    return base.repeat_interleave(scale**2)


def icnr_inputs(base, scale):
    return base.repeat_interleave(scale**2, 1)


def icnr_shared_out(base, scale):
    return base.repeat_interleave(scale**2, dim=0) / scale**2


def icnr_xor(base, scale):
    return base.repeat_interleave(scale ^ 2, dim=0)


def icnr_first_only(base, scale):
    out = torch.zeros(base.shape[0] * scale**2, *base.shape[1:], dtype=base.dtype)
    out[:: scale**2] = base
    return out


MUTANTS = {
    "stamp_1d": [
        (stamp_convolves, "mirrored"),
        (stamp_overwrites, "overwrite"),
        (stamp_step_one, "one pixel apart"),
        (stamp_stride_forgotten, "one pixel apart"),
        (stamp_spreads_taps, "dilated convolution"),
        (stamp_too_short, "cut off"),
        (stamp_forgets_precision, "float64"),
        (stamp_always_double, "it must be float32"),
        (stamp_asks_torch, "conv_transpose1d"),
    ],
    "transposed_conv2d": [
        (conv_without_flip, "turn the kernel first"),
        (conv_overwrites, "overwrite"),
        (conv_first_picture, "first picture"),
        (conv_output_channels_first, "C_in, C_out"),
        (conv_minus_zero, "[0:-0] is empty"),
        (conv_pads_output, "cropped away"),
        (conv_pads_input, "input is padded"),
        (conv_no_padding, "padding is ignored"),
        (conv_crops_end, "from the end"),
        (conv_square_only, "shape"),
        (conv_first_channel, "first input channel"),
    ],
    "transposed_matrix": [
        (matrix_not_transposed, "own matrix"),
        (matrix_flipped, "does not flip"),
        (matrix_no_stride, "stride is ignored"),
        (matrix_by_columns, "row by row"),
        (matrix_exchanged, "exchanged"),
        (matrix_single_precision, "float64"),
    ],
    "solve_padding": [
        (padding_any_output_padding, "smaller than stride"),
        (padding_habit, "a habit, not a law"),
        (padding_from_above, "a smaller padding does too"),
        (padding_one_side, "counts twice"),
        (padding_only, "an odd difference"),
        (padding_all_stamps_move, "only the others move on"),
        (padding_swapped, "wrong way round"),
        (padding_negative, "cannot be negative"),
        (padding_within_kernel, "ends too early"),
        (padding_up_to_stride, "not equal to it"),
        (padding_rounded_down, "round the padding up"),
    ],
    "stamp_counts": [
        (counts_added, "multiply"),
        (counts_set, "do not set 1"),
        (counts_exchanged, "exchanged"),
        (counts_constant, "not the same everywhere"),
        (counts_divided, "not the same everywhere"),
        (counts_inside, "at the border fewer"),
        (counts_float, "int64"),
    ],
    "bilinear_kernel": [
        (bilinear_on_a_pixel, "between two pixels"),
        (bilinear_corners, "align_corners=True"),
        (bilinear_sums_to_one, "each phase must sum to 1"),
        (bilinear_box, "a box"),
        (bilinear_mean, "product"),
        (bilinear_halves, "must sum to 1"),
    ],
    "icnr_weight": [
        (icnr_repeat, "filter by filter"),
        (icnr_scale_once, "scale**2 pixels"),
        (icnr_flattened, "flattened"),
        (icnr_inputs, "input channels are repeated"),
        (icnr_shared_out, "does not share it out"),
        (icnr_xor, "not a power"),
        (icnr_first_only, "only the first filter"),
    ],
}
ALTERNATES = {
    "stamp_1d": [stamp_by_index_add],
    "transposed_conv2d": [conv_by_pixels, conv_by_zero_insertion],
    "transposed_matrix": [matrix_loops],
    "solve_padding": [padding_by_search],
    "stamp_counts": [counts_by_pixels],
    "bilinear_kernel": [bilinear_by_loops],
    "icnr_weight": [icnr_expand],
}

TestExercise = exercise_tests("02_transposed_convolution", MUTANTS, ALTERNATES)
