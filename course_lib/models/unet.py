"""U-Net with padded convolutions, for images of any size.

Ronneberger, Fischer and Brox 2015, figure 1: a contracting path of double convolutions and poolings, an expansive path of
up-convolutions, and at each level the contracting path's map concatenated to the upsampled one. What differs from the paper
is what most public implementations changed: 3x3 convolutions are padded, so the logits have the image's size, and each is
followed by batch normalization and therefore has no bias. With width 64, depth 4 and transposed up-convolutions this is
that common network, 31,037,698 parameters for 2 classes (the paper's own net, without either change, is `ValidUNet`).

An image whose sides are no multiples of 2**depth is padded by reflection at its right and lower border, and the logits are
cropped. Padding the maps inside the decoder instead, another custom, writes zeros between features.
"""

import re

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models.attention_gate import AttentionGate
from course_lib.models.common import add_statistics, check_images, load_state

# Names of public implementations -> names here; the numbers [0, 1, 3, 4] count the layers of a double convolution.
KEYS = {
    "milesial": (  # milesial/Pytorch-UNet, the most used one
        (r"^inc\.double_conv\.", "encoder.0."),
        (r"^down(\d)\.maxpool_conv\.1\.double_conv\.", r"encoder.\1."),
        (r"^up(\d)\.up\.", lambda found: f"ups.{int(found[1]) - 1}."),
        (r"^up(\d)\.conv\.double_conv\.", lambda found: f"decoder.{int(found[1]) - 1}."),
        (r"^outc\.conv\.", "classifier."),
    ),
    "mmseg": (  # mmsegmentation's fcn_unet_s5-d16; its decoder counts from the finest level
        (r"^backbone\.encoder\.(\d)\.\d\.", r"encoder.\1."),
        (r"^backbone\.decoder\.(\d)\.conv_block\.", lambda found: f"decoder.{3 - int(found[1])}."),
        (
            r"^backbone\.decoder\.(\d)\.upsample\.interp_upsample\.1\.(conv|bn)\.",
            lambda found: f"ups.{3 - int(found[1])}.{1 if found[2] == 'conv' else 2}.",
        ),
        (r"convs\.(\d)\.(conv|bn)\.", lambda found: f"{3 * int(found[1]) + (found[2] == 'bn')}."),
        (r"^decode_head\.conv_seg\.", "classifier."),
        (r"^decode_head\.", "last."),
        (r"^auxiliary_head\..*", ""),  # used in training only
    ),
}


class UNet(nn.Module):
    """Padded U-Net: images (N, in_channels, H, W) float, normalized by `mean` and `std` -> logits (N, num_classes, H, W).

    width: channels of the uppermost level; each of the `depth` poolings doubles them. up: "transposed" (2x2 transposed
    convolutions of stride 2, as in the paper), "bilinear" (interpolation; the decoder's blocks then do the halving of
    channels, and the lowest level is not doubled) or "mmseg" (that toolbox's net: interpolation, then a 1x1 convolution
    halves the channels, and one more 3x3 convolution before the classifier). H and W must exceed 2**(depth - 1), or there
    is nothing to reflect.
    skips: what the decoder does with the encoder's maps: "concat" (the paper), "add" or "none". attention: each skip passes
    an `AttentionGate` first (Oktay et al. 2018). deep_supervision: in training mode the net returns the list of logits of
    all decoder levels, finest first, the k-th of size ceil(H / 2**k) x ceil(W / 2**k) (Lee et al. 2015; for
    `losses.deep_supervision_loss`); in evaluation mode the finest alone, as ever.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 2,
        width: int = 64,
        depth: int = 4,
        up: str = "transposed",
        skips: str = "concat",
        attention: bool = False,
        deep_supervision: bool = False,
    ):
        super().__init__()
        if up not in ("transposed", "bilinear", "mmseg"):
            raise ValueError(f'UNet: up must be "transposed", "bilinear" or "mmseg", not {up!r}')
        if skips not in ("concat", "add", "none"):
            raise ValueError(f'UNet: skips must be "concat", "add" or "none", not {skips!r}')
        if attention and skips == "none":
            raise ValueError('UNet: attention is True and skips is "none"; gates need skips to weigh')
        for name, value in dict(in_channels=in_channels, num_classes=num_classes, width=width, depth=depth).items():
            if value < 1:
                raise ValueError(f"UNet: {name} must be at least 1, not {value}")
        self.in_channels, self.num_classes, self.depth = in_channels, num_classes, depth
        self.up, self.skips, self.deep_supervision = up, skips, deep_supervision
        channels = [width * 2**level for level in range(depth + 1)]
        if up == "bilinear":
            channels[-1] //= 2
        self.encoder = nn.ModuleList(map(double_conv, [in_channels, *channels], channels))
        self.ups, self.decoder = nn.ModuleList(), nn.ModuleList()
        self.gates, self.heads = nn.ModuleList(), nn.ModuleList()
        below = channels[-1]
        for skip in reversed(channels[:-1]):
            inputs = 2 * skip if skips == "concat" else skip
            if attention:
                self.gates.append(AttentionGate(skip, below))
            self.ups.append(upsampling(up, skip))
            below = max(skip // 2, width) if up == "bilinear" else skip
            self.decoder.append(double_conv(inputs, below, between=skip))
            if deep_supervision and skip != width:
                self.heads.append(nn.Conv2d(below, num_classes, kernel_size=1))
        self.last = nn.Sequential(*double_conv(width, width)[:3]) if up == "mmseg" else nn.Identity()
        self.classifier = nn.Conv2d(width, num_classes, kernel_size=1)
        add_statistics(self, in_channels)

    def forward(self, images: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        check_images(self, images, self.in_channels, smallest=2 ** (self.depth - 1) + 1)
        height, width = images.shape[-2:]
        multiple = 2**self.depth
        x = F.pad(images, (0, -width % multiple, 0, -height % multiple), mode="reflect")
        skips, maps = [], []
        for block in self.encoder[:-1]:
            skips.append(block(x))
            x = F.max_pool2d(skips[-1], 2)
        if self.training and x.numel() == x.shape[1]:
            raise ValueError(
                f"UNet: a batch of one {height} x {width} image leaves one pixel at the lowest level, "
                "and batch normalization cannot train on one value; use a larger image or batch"
            )
        x = self.encoder[-1](x)
        for level, (up, block) in enumerate(zip(self.ups, self.decoder, strict=True)):
            skip = self.gates[level](skips.pop(), x) if self.gates else skips.pop()
            x = block(self.fuse(skip, up(x)))
            maps.append(x)
        logits = self.classifier(self.last(x))[..., :height, :width]
        if not (self.training and self.deep_supervision):
            return logits
        coarser = zip(reversed(self.heads), reversed(maps[:-1]), (2**k for k in range(1, self.depth)), strict=True)
        return [logits, *(head(x)[..., : -(-height // s), : -(-width // s)] for head, x, s in coarser)]

    def fuse(self, skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """What a decoder block sees of the encoder's map and the upsampled one, both (N, C, h, w)."""
        if self.skips == "concat":
            return torch.cat([skip, x], dim=1)
        return skip + x if self.skips == "add" else x

    def load(self, state_dict: dict, source: str = "milesial") -> "UNet":
        """Load a public state dict into a net of the same options and return the net; missing, extra, misshapen keys are named.

        source: "milesial", whose net interpolates with align_corners=True, so that its "bilinear" weights give slightly other
        logits here; or "mmseg", fcn_unet_s5-d16 into a net with up="mmseg".
        """
        if source not in KEYS:
            raise ValueError(f'UNet: source must be "milesial" or "mmseg", not {source!r}')
        renamed = {}
        for key, value in state_dict.items():
            for pattern, name in KEYS[source]:
                key = re.sub(pattern, name, key)
            if key:
                renamed[key] = value
        load_state(self, renamed)
        return self


def upsampling(up: str, outputs: int) -> nn.Module:
    """Twice the height and width; the transposed and the 1x1 convolution also halve the channels to `outputs`."""
    if up == "transposed":
        return nn.ConvTranspose2d(2 * outputs, outputs, kernel_size=2, stride=2)
    interpolation = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    if up == "bilinear":
        return interpolation
    halving = nn.Conv2d(2 * outputs, outputs, kernel_size=1, bias=False)
    return nn.Sequential(interpolation, halving, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def double_conv(inputs: int, outputs: int, between: int | None = None) -> nn.Sequential:
    """Twice (3x3 convolution that keeps the size, batch normalization, ReLU)."""
    between = between or outputs
    layers = []
    for a, b in ((inputs, between), (between, outputs)):
        layers += [nn.Conv2d(a, b, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
