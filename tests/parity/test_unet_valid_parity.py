"""ValidUNet against a functional re-implementation of the paper's figure 1, in float64, and through overlapping tiles."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib import ops
from course_lib.models import ValidUNet


def figure_1(weights, image):
    """The figure read off arrow by arrow; weights: an iterator over (weight, bias) from the upper left to the upper right."""

    def blue(x):  # conv 3x3, ReLU
        return F.conv2d(x, *next(weights)).clamp(min=0)

    def red(x):  # max pool 2x2
        return torch.stack([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(0)

    def green(x):  # up-conv 2x2: four 1x1 convolutions, one for each corner of a block
        weight, bias = next(weights)
        out = x.new_empty(x.shape[0], weight.shape[1], 2 * x.shape[2], 2 * x.shape[3])
        for i in (0, 1):
            for j in (0, 1):
                out[..., i::2, j::2] = torch.einsum("nchw,cd->ndhw", x, weight[:, :, i, j]) + bias[:, None, None]
        return out

    def gray(skip, x):  # copy and crop
        crop = [(a - b) // 2 for a, b in zip(skip.shape[2:], x.shape[2:], strict=True)]
        middle = skip[..., crop[0] : skip.shape[2] - crop[0], crop[1] : skip.shape[3] - crop[1]]
        return torch.cat((middle, x), 1)

    one = blue(blue(image))
    two = blue(blue(red(one)))
    three = blue(blue(red(two)))
    four = blue(blue(red(three)))
    x = blue(blue(red(four)))
    for skip in (four, three, two, one):
        x = blue(blue(gray(skip, green(x))))
    return F.conv2d(x, *next(weights))


def weights_in_order(net):
    """(weight, bias) as the arrows of the figure need them."""
    layers = [block[i] for block in net.encoder for i in (0, 2)]
    for up, block in zip(net.ups, net.decoder, strict=True):
        layers += [up, block[0], block[2]]
    return iter([(m.weight, m.bias) for m in [*layers, net.classifier]])


def randomized(**options):
    torch.manual_seed(0)
    net = ValidUNet(**options).double().eval()
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    return net


@pytest.mark.parametrize(("width", "size"), [(3, (188, 220)), (5, (204, 188)), (2, (236, 252))])
@torch.no_grad()
def test_equals_figure_1(width, size):
    net = randomized(in_channels=2, num_classes=3, width=width)
    images = torch.randn(2, 2, *size, dtype=torch.float64)
    expected = figure_1(weights_in_order(net), images)
    assert expected.std() > 0.1
    torch.testing.assert_close(net(images), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [(61, 37), (5, 90), (1, 1), (2, 33)])
@pytest.mark.parametrize("output", [12, 20, 28])
@torch.no_grad()
def test_overlap_tile_equals_the_net_on_the_whole_mirrored_picture(size, output):
    net = randomized(in_channels=1, width=2, depth=3)  # outputs are 4 mod 8, so no tile's step is its output's size
    image = torch.randn(2, 1, *size, dtype=torch.float64)
    padded = image
    for axis, side in enumerate(size, start=2):
        enough = -side % 8 + 4  # 4 mod 8 pixels come out
        line = np.pad(np.arange(side), (net.margin, net.margin + enough), mode="reflect")
        padded = padded.index_select(axis, torch.from_numpy(line))
    whole = net(padded)[..., : size[0], : size[1]]
    tiled = ops.overlap_tile(net, image, output, net.margin, multiple=8)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-9)
