"""A linear layer over a flattened map is a convolution whose kernel is as large as the map (Long et al. 2015, section 3.1)."""

import torch
from torch import nn


def linear_to_conv(linear: nn.Linear, kernel_size: int | tuple[int, int]) -> nn.Conv2d:
    """The convolution that does what `linear` does to a flattened (C, kH, kW) map, and slides over larger maps.

    linear: Linear(C * kH * kW, n); kernel_size: k or (kH, kW). -> Conv2d(C, n, (kH, kW)) with copied weights, same dtype and device.
    On a map of exactly kH x kW its one output cell equals the linear layer's output. Raises ValueError if kH * kW does not divide
    the linear layer's inputs.
    """
    height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    if min(height, width) < 1 or linear.in_features % (height * width):
        raise ValueError(
            f"linear_to_conv: kernel_size {height} x {width} does not divide the {linear.in_features} inputs of the linear layer"
        )
    channels = linear.in_features // (height * width)
    weight = linear.weight.detach()
    conv = nn.Conv2d(
        channels,
        linear.out_features,
        (height, width),
        bias=linear.bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    )
    with torch.no_grad():
        conv.weight.copy_(weight.view(linear.out_features, channels, height, width))
        if linear.bias is not None:
            conv.bias.copy_(linear.bias)
    return conv
