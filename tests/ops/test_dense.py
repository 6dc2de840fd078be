import pytest
import torch
from torch import nn

from course_lib import ops


@pytest.mark.parametrize(("channels", "kernel", "bias"), [(3, (2, 5), True), (4, 7, False), (6, 1, True)])
@torch.no_grad()
def test_equals_the_linear_layer_and_slides(channels, kernel, bias):
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    linear = nn.Linear(channels * height * width, 5, bias=bias).double()
    conv = ops.linear_to_conv(linear, kernel)
    maps = torch.randn(2, channels, height + 3, width + 4, dtype=torch.float64)
    out = conv(maps)
    assert out.shape == (2, 5, 4, 5)
    for row, column in ((0, 0), (1, 3), (3, 4)):
        window = maps[:, :, row : row + height, column : column + width].flatten(1)
        torch.testing.assert_close(out[:, :, row, column], linear(window), rtol=0, atol=1e-12)


def test_vgg_fc6_has_the_published_number_of_parameters():
    with torch.device("meta"):
        conv = ops.linear_to_conv(nn.Linear(512 * 7 * 7, 4096), 7)
    assert sum(p.numel() for p in conv.parameters()) == 102_764_544


def test_the_copy_is_independent_and_a_wrong_kernel_is_one_sentence():
    linear = nn.Linear(18, 2)
    conv = ops.linear_to_conv(linear, 3)
    linear.weight.data.zero_()
    assert conv.weight.abs().sum() > 0
    with pytest.raises(ValueError, match=r"^linear_to_conv: kernel_size 4 x 4 does not divide the 18 inputs"):
        ops.linear_to_conv(linear, 4)
