import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from course_lib import ops


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 8])
def test_bilinear_kernel_is_interpolation_in_the_interior(stride):
    x = torch.rand(1, 1, 7, 6)
    kernel = ops.bilinear_kernel(stride)
    pad = (kernel.shape[0] - stride + 1) // 2
    up = F.conv_transpose2d(
        x, kernel[None, None], stride=stride, padding=pad, output_padding=(2 * pad + stride - kernel.shape[0]) % 2
    )
    want = F.interpolate(x, scale_factor=stride, mode="bilinear", align_corners=False)
    cut = slice(stride, -stride)
    assert_close(up[..., cut, cut], want[..., cut, cut])


def test_bilinear_kernel_of_stride_2_by_hand():
    row = torch.tensor([0.25, 0.75, 0.75, 0.25])
    assert_close(ops.bilinear_kernel(2), row[:, None] * row)
    with pytest.raises(ValueError, match="stride is 0"):
        ops.bilinear_kernel(0)


def test_bilinear_weight_keeps_channels_apart_unless_mixed():
    x = torch.rand(1, 3, 6, 6)
    up = F.conv_transpose2d(x, ops.bilinear_weight(3, 3, 2), stride=2, padding=1)
    want = F.interpolate(x, scale_factor=2, mode="bilinear")
    assert_close(up[..., 2:-2, 2:-2], want[..., 2:-2, 2:-2])
    mix = torch.randn(3, 2)
    up = F.conv_transpose2d(x, ops.bilinear_weight(3, 2, 2, mix), stride=2, padding=1)
    assert_close(up[..., 2:-2, 2:-2], torch.einsum("nchw,cd->ndhw", want, mix)[..., 2:-2, 2:-2])


def test_icnr_starts_as_nearest_neighbor():
    conv = nn.Conv2d(5, 3 * 4, 3, padding=1, bias=False)
    x = torch.randn(2, 5, 6, 7)
    assert F.pixel_shuffle(conv(x), 2)[..., ::2, ::2].ne(F.pixel_shuffle(conv(x), 2)[..., 1::2, ::2]).any()
    assert ops.icnr_(conv.weight, 2) is conv.weight
    y = F.pixel_shuffle(conv(x), 2)
    assert_close(y, F.interpolate(y[..., ::2, ::2], scale_factor=2, mode="nearest"))
    assert y.std() > 0.1
    with pytest.raises(ValueError, match="12 filters"):
        ops.icnr_(conv.weight, 5)
