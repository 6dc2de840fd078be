"""U-Net as its authors drew it (Ronneberger, Fischer and Brox 2015, figure 1): every convolution unpadded, no normalization.

Each 3x3 convolution takes two pixels from height and width, so a 572x572 tile gives 388x388 logits, which belong to the
middle of the tile, 92 pixels from its border; each skip is cropped to the size of the upsampled map. With 1 channel in and 2
classes out there are 23 convolutional layers and 31,030,658 parameters. Weights are drawn as in section 3, from a normal
distribution with a standard deviation of sqrt(2 / N), N = the values that one output adds up (He et al. 2015). Dropout stands
at the end of the contracting path (section 3.1); the paper gives no rate, 0.5 is the usual one. `ops.overlap_tile` runs the
net over pictures of any size.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models.common import add_statistics, check_images


class Sizes(NamedTuple):
    """One side of the maps of a valid U-Net: after each encoder block, after each decoder block, and each skip's crop a side."""

    encoder: list[int]
    decoder: list[int]
    crops: list[int]


class ValidUNet(nn.Module):
    """Images (N, in_channels, H, W) float, normalized -> logits (N, num_classes, H - 2 margin, W - 2 margin).

    width: channels of the uppermost level, doubled by each of the `depth` poolings. `margin`: pixels lost on each side, 92 for
    depth 4. With depth 4, H and W must be 12 mod 16 and at least 188; ValueError names the nearest sizes that fit.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 2, width: int = 64, depth: int = 4):
        super().__init__()
        for name, value in dict(in_channels=in_channels, num_classes=num_classes, width=width, depth=depth).items():
            if value < 1:
                raise ValueError(f"ValidUNet: {name} must be at least 1, not {value}")
        self.in_channels, self.num_classes, self.depth = in_channels, num_classes, depth
        smallest = smallest_size(depth)
        self.margin = (smallest - sizes(smallest, depth).decoder[-1]) // 2
        channels = [width * 2**level for level in range(depth + 1)]
        self.encoder = nn.ModuleList(map(double_conv, [in_channels, *channels], channels))
        self.dropout = nn.Dropout(0.5)
        self.ups, self.decoder = nn.ModuleList(), nn.ModuleList()
        for skip in reversed(channels[:-1]):
            self.ups.append(nn.ConvTranspose2d(2 * skip, skip, kernel_size=2, stride=2))
            self.decoder.append(double_conv(2 * skip, skip))
        self.classifier = nn.Conv2d(width, num_classes, kernel_size=1)
        self.apply(initialize)
        add_statistics(self, in_channels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        check_images(self, images, self.in_channels)
        for name, side in zip(("height", "width"), images.shape[-2:], strict=True):
            check_size("ValidUNet", name, side, self.depth)
        skips, x = [], images
        for block in self.encoder[:-1]:
            skips.append(block(x))
            x = F.max_pool2d(skips[-1], 2)
        x = self.dropout(self.encoder[-1](x))
        for up, block in zip(self.ups, self.decoder, strict=True):
            x = up(x)
            x = block(torch.cat([center_crop(skips.pop(), x.shape[-2:]), x], dim=1))
        return self.classifier(x)


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Twice (3x3 convolution without padding, ReLU): four pixels less in height and width."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, kernel_size=3),
        nn.ReLU(inplace=True),
    )


def center_crop(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """The middle (h, w) of maps (N, C, H, W). In this net what goes is even, as both sizes are."""
    top, left = (x.shape[-2] - size[0]) // 2, (x.shape[-1] - size[1]) // 2
    return x[..., top : top + size[0], left : left + size[1]]


def initialize(module: nn.Module) -> None:
    """Weights normal with standard deviation sqrt(2 / N), biases zero. N = kernel area times input channels.

    A 2x2 transposed convolution of stride 2 writes each output from one tap, so there N is the number of input channels.
    """
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        taps = 1 if isinstance(module, nn.ConvTranspose2d) else module.kernel_size[0] * module.kernel_size[1]
        nn.init.normal_(module.weight, std=(2 / (taps * module.in_channels)) ** 0.5)
        nn.init.zeros_(module.bias)


def sizes(n: int, depth: int = 4) -> Sizes:
    """The sides of all maps for an input of side n. ValueError, naming the nearest sizes that fit, where n is none."""
    check_size("sizes", "n", n, depth)
    encoder = [n - 4]
    for _ in range(depth):
        encoder.append(encoder[-1] // 2 - 4)
    decoder, crops = [], []
    for skip in reversed(encoder[:-1]):
        upsampled = 2 * (decoder[-1] if decoder else encoder[-1])
        crops.append((skip - upsampled) // 2)
        decoder.append(upsampled - 4)
    return Sizes(encoder, decoder, crops)


def smallest_size(depth: int = 4) -> int:
    """The smallest input side; the others are larger by multiples of 2**depth. 188 for depth 4."""
    side = 1  # at least, after the last convolution
    for _ in range(depth):
        side = -(-(side + 4) // 2)  # before each up-convolution
    side += 4
    for _ in range(depth):
        side = 2 * side + 4
    return side


def check_size(who: str, name: str, n: int, depth: int) -> None:
    """One sentence unless an input side n leaves whole pixels at every pooling and at least one at the end."""
    step, smallest = 2**depth, smallest_size(depth)
    if n >= smallest and (n - smallest) % step == 0:
        return
    below = smallest + (n - smallest) // step * step
    nearest = f"{below} and {below + step}" if below >= smallest else f"{smallest}, the smallest"
    raise ValueError(
        f"{who}: {name} {n} does not fit {depth} levels of unpadded convolutions, which need n = {smallest % step} mod {step}, "
        f"n >= {smallest}; the nearest that fit: {nearest}"
    )
