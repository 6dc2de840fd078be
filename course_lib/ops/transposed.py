"""Transposed convolution, three ways: stamps that add up, zeros between the inputs, the transposed matrix.

The three are one linear map. `torch.nn.functional.conv_transpose2d` computes it too; the point here is to see why.
Weights have PyTorch's layout for transposed convolutions, (C_in, C_out, kH, kW): the layout of the convolution whose transpose it is.
Sources: Dumoulin and Visin (2016), chapter 4; Odena, Dumoulin and Olah, Deconvolution and Checkerboard Artifacts (2016).
"""

import itertools

import torch
from torch import Tensor

from .arithmetic import conv_output_size, transposed_output_size


def conv_transpose2d_scatter(
    x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> Tensor:
    """Transposed convolution by scatter-add: each kernel tap adds one shifted, scaled copy of the whole input.

    x (N, C_in, H, W), weight (C_in, C_out, kH, kW) -> (N, C_out, H', W') with H' as in `transposed_output_size`. Any float dtype.
    """
    (n, _, h, w), (_, c_out, kh, kw) = x.shape, weight.shape
    out_h = transposed_output_size(h, kh, stride, padding, output_padding, dilation)
    out_w = transposed_output_size(w, kw, stride, padding, output_padding, dilation)
    canvas = x.new_zeros(n, c_out, out_h + 2 * padding, out_w + 2 * padding)
    for a, b in itertools.product(range(kh), range(kw)):
        rows = slice(a * dilation, a * dilation + (h - 1) * stride + 1, stride)
        columns = slice(b * dilation, b * dilation + (w - 1) * stride + 1, stride)
        canvas[:, :, rows, columns] += torch.einsum("nihw,io->nohw", x, weight[:, :, a, b])
    return canvas[:, :, padding : padding + out_h, padding : padding + out_w]


def insert_zeros(x: Tensor, stride: int) -> Tensor:
    """Put stride - 1 zeros between neighboring values: (..., H, W) -> (..., (H-1) stride + 1, (W-1) stride + 1).

    An ordinary convolution of this with the flipped kernel, channels swapped and padded by kernel - 1 - padding, is the transposed one.
    """
    *lead, h, w = x.shape
    spread = x.new_zeros(*lead, (h - 1) * stride + 1, (w - 1) * stride + 1)
    spread[..., ::stride, ::stride] = x
    return spread


def convolution_matrix(
    kernel: Tensor, size: tuple[int, int], stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """The matrix M of a one-channel convolution, so that `M @ image.flatten()` is the flattened output.

    kernel (kH, kW), size (H, W) of the image -> (H_out * W_out, H * W), dtype of the kernel. Its transpose is the matrix of the
    transposed convolution with the same kernel, stride and padding: it carries H_out x W_out back to H x W.
    """
    (h, w), (kh, kw) = size, kernel.shape
    out_h = conv_output_size(h, kh, stride, padding, dilation)
    out_w = conv_output_size(w, kw, stride, padding, dilation)
    matrix = kernel.new_zeros(out_h * out_w, h * w)
    for i, j, a, b in itertools.product(range(out_h), range(out_w), range(kh), range(kw)):
        row, column = i * stride + a * dilation - padding, j * stride + b * dilation - padding
        if 0 <= row < h and 0 <= column < w:
            matrix[i * out_w + j, row * w + column] += kernel[a, b]
    return matrix


def coverage(size: int, kernel: int, stride: int, padding: int = 0) -> Tensor:
    """How many input values reach each output pixel of a transposed convolution along one axis: int64 (output size,).

    Two-dimensional counts are the outer product of two of these. In the interior the counts are all equal exactly when the
    stride divides the kernel (Odena et al. 2016).
    """
    out = transposed_output_size(size, kernel, stride, padding)
    counts = torch.zeros(out + 2 * padding, dtype=torch.int64)
    for i in range(size):
        counts[i * stride : i * stride + kernel] += 1
    return counts[padding : padding + out]
