"""Initial weights that make learned upsampling start smooth: bilinear kernels and ICNR.

Sources: Long, Shelhamer and Darrell (2015), section 3.3 (upsampling filters that start as bilinear interpolation);
Aitken et al., Checkerboard artifact free sub-pixel convolution (2017), section 3.2 (ICNR).
"""

import torch
from torch import Tensor, nn


def bilinear_kernel(stride: int) -> Tensor:
    """The kernel of bilinear upsampling by an integer `stride`: float32 (k, k) with k = 2 stride - stride % 2.

    As a transposed convolution with this stride and padding (k - stride) / 2, rounded up, it equals `F.interpolate(mode="bilinear",
    align_corners=False)` away from the border. At the border it differs: interpolation repeats the edge value, the stamps have nothing
    to add there. Raises ValueError if stride < 1.
    """
    if stride < 1:
        raise ValueError(f"bilinear_kernel: stride is {stride} and must be at least 1")
    size = 2 * stride - stride % 2
    center = (size - 1) / 2
    tent = 1 - (torch.arange(size) - center).abs() / stride
    return tent[:, None] * tent[None, :]


def bilinear_weight(in_channels: int, out_channels: int, stride: int, mix: Tensor | None = None) -> Tensor:
    """A transposed-convolution weight (in_channels, out_channels, k, k) in which every channel pair has the bilinear kernel, scaled.

    `mix` (in_channels, out_channels) scales the pairs; the default is the identity, each channel upsampled by itself (FCN's setting).
    """
    mix = torch.eye(in_channels, out_channels) if mix is None else mix
    return mix[:, :, None, None] * bilinear_kernel(stride)


@torch.no_grad()
def icnr_(weight: Tensor, scale: int, init=nn.init.kaiming_uniform_) -> Tensor:
    """Fill the weight of the convolution before `PixelShuffle(scale)` in place so that it starts as nearest-neighbor upsampling.

    weight (out_channels * scale**2, in_channels, kH, kW): the scale**2 filters that feed one output channel become copies of one random
    filter drawn by `init`. Returns the weight. Raises ValueError if the first dimension does not divide by scale**2.
    """
    if weight.shape[0] % scale**2:
        raise ValueError(f"icnr_: weight has {weight.shape[0]} filters, which scale**2 = {scale**2} does not divide")
    one_per_channel = torch.empty(
        weight.shape[0] // scale**2, *weight.shape[1:], dtype=weight.dtype, device=weight.device
    )
    init(one_per_channel)
    return weight.copy_(one_per_channel.repeat_interleave(scale**2, dim=0))
