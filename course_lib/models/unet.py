"""U-Net with padded convolutions, for images of any size.

Ronneberger, Fischer and Brox 2015, figure 1: a contracting path of double convolutions and poolings, an expansive path of
up-convolutions, and at each level the contracting path's map concatenated to the upsampled one. What differs from the paper
is what most public implementations changed: 3x3 convolutions are padded, so the logits have the image's size, and each is
followed by batch normalization and therefore has no bias. With width 64, depth 4 and transposed up-convolutions this is
that common network, 31,037,698 parameters for 2 classes (the paper's own net, without either change, has 31,030,658).

An image whose sides are no multiples of 2**depth is padded by reflection at its right and lower border, and the logits are
cropped. Padding the maps inside the decoder instead, another custom, writes zeros between features.
"""

import re

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models.common import add_statistics, check_images, load_state

# Names in the most used public implementation (milesial/Pytorch-UNet) -> names here; [0, 1, 3, 4] count layers in both.
MILESIAL = (
    (r"^inc\.double_conv\.", "encoder.0."),
    (r"^down(\d)\.maxpool_conv\.1\.double_conv\.", r"encoder.\1."),
    (r"^up(\d)\.up\.", lambda found: f"ups.{int(found[1]) - 1}."),
    (r"^up(\d)\.conv\.double_conv\.", lambda found: f"decoder.{int(found[1]) - 1}."),
    (r"^outc\.conv\.", "classifier."),
)


class UNet(nn.Module):
    """Padded U-Net: images (N, in_channels, H, W) float, normalized by `mean` and `std` -> logits (N, num_classes, H, W).

    width: channels of the uppermost level; each of the `depth` poolings doubles them. up: "transposed" (2x2 transposed
    convolutions of stride 2, as in the paper) or "bilinear" (interpolation; the decoder's blocks then do the halving of
    channels, and the lowest level is not doubled). H and W must exceed 2**(depth - 1), or there is nothing to reflect.
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 2, width: int = 64, depth: int = 4, up: str = "transposed"
    ):
        super().__init__()
        if up not in ("transposed", "bilinear"):
            raise ValueError(f'UNet: up must be "transposed" or "bilinear", not {up!r}')
        for name, value in dict(in_channels=in_channels, num_classes=num_classes, width=width, depth=depth).items():
            if value < 1:
                raise ValueError(f"UNet: {name} must be at least 1, not {value}")
        self.in_channels, self.num_classes, self.depth, self.up = in_channels, num_classes, depth, up
        channels = [width * 2**level for level in range(depth + 1)]
        if up == "bilinear":
            channels[-1] //= 2
        self.encoder = nn.ModuleList(map(double_conv, [in_channels, *channels], channels))
        self.ups, self.decoder = nn.ModuleList(), nn.ModuleList()
        for skip in reversed(channels[:-1]):
            if up == "transposed":
                self.ups.append(nn.ConvTranspose2d(2 * skip, skip, kernel_size=2, stride=2))
                self.decoder.append(double_conv(2 * skip, skip))
            else:
                self.ups.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
                self.decoder.append(double_conv(2 * skip, max(skip // 2, width), between=skip))
        self.classifier = nn.Conv2d(width, num_classes, kernel_size=1)
        add_statistics(self, in_channels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        check_images(self, images, self.in_channels, smallest=2 ** (self.depth - 1) + 1)
        height, width = images.shape[-2:]
        multiple = 2**self.depth
        x = F.pad(images, (0, -width % multiple, 0, -height % multiple), mode="reflect")
        skips = []
        for block in self.encoder[:-1]:
            skips.append(block(x))
            x = F.max_pool2d(skips[-1], 2)
        if self.training and x.numel() == x.shape[1]:
            raise ValueError(
                f"UNet: a batch of one {height} x {width} image leaves one pixel at the lowest level, "
                "and batch normalization cannot train on one value; use a larger image or batch"
            )
        x = self.encoder[-1](x)
        for up, block in zip(self.ups, self.decoder, strict=True):
            x = block(torch.cat([skips.pop(), up(x)], dim=1))
        return self.classifier(x)[..., :height, :width]

    def load(self, state_dict: dict, source: str = "milesial") -> "UNet":
        """Load a public state dict into a net of the same options and return the net; missing, extra, misshapen keys are named.

        source: "milesial". That net interpolates with align_corners=True, so its "bilinear" weights give slightly other logits here.
        """
        if source != "milesial":
            raise ValueError(f'UNet: source must be "milesial", not {source!r}')
        renamed = {}
        for key, value in state_dict.items():
            for pattern, name in MILESIAL:
                key = re.sub(pattern, name, key)
            renamed[key] = value
        load_state(self, renamed)
        return self


def double_conv(inputs: int, outputs: int, between: int | None = None) -> nn.Sequential:
    """Twice (3x3 convolution that keeps the size, batch normalization, ReLU)."""
    between = between or outputs
    layers = []
    for a, b in ((inputs, between), (between, outputs)):
        layers += [nn.Conv2d(a, b, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
