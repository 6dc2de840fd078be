"""ResNet, the backbone of most segmentation networks since 2016, with an output stride of one's choice.

He et al. 2016, table 1, in the form every library uses ("v1.5": a bottleneck's stride stands in its 3x3 convolution, not in
the first 1x1). A stage's stride can be traded for dilation (Yu and Koltun 2016; Chen et al. 2017): output stride 16 dilates
the last stage, 8 the last two. The layer that gives up its stride keeps the rate of the stage before, and the new rate begins
behind it: so the map is the dense version of the strided one, with the same weights. This is torchvision's convention; other
libraries dilate the whole stage alike, with the same weights and other outputs.

Modules carry torchvision's names, so its weights load without a key map.
"""

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models.common import add_statistics, check_images, load_state


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, rates: tuple[int, int]):
        super().__init__()
        self.conv1 = conv3x3(inputs, width, stride, rates[0])
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, 1, rates[1])
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(inputs, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.downsample(x))


class Bottleneck(nn.Module):
    """1x1 to `width` channels, 3x3 with the stride, 1x1 to 4 * `width`, and the shortcut."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, rates: tuple[int, int]):
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, stride, rates[0])
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + self.downsample(x))


LAYOUTS = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
}


class ResNet(nn.Module):
    """ResNet classifier and backbone: images (N, 3, H, W) float, normalized by `mean` and `std`.

    name: "resnet18", "resnet34", "resnet50", "resnet101". output_stride: 32, 16 or 8, of the last feature map.
    width: channels of the stem (64 in the paper); all others scale with it. num_classes: of the classifier head; None leaves
    the head off, for a backbone. `channels` lists the channels of the five maps that `features` returns.
    """

    def __init__(
        self, name: str = "resnet50", *, output_stride: int = 32, width: int = 64, num_classes: int | None = 1000
    ):
        super().__init__()
        if name not in LAYOUTS:
            raise ValueError(f"ResNet: name must be one of {', '.join(LAYOUTS)}, not {name!r}")
        if output_stride not in (32, 16, 8):
            raise ValueError(f"ResNet: output_stride must be 32, 16 or 8, not {output_stride}")
        block, depths = LAYOUTS[name]
        self.output_stride = output_stride
        self.conv1 = nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.channels = [width]
        dilation, reached = 1, 4  # the stride reached so far: stem 2, pooling 2
        inputs = width
        for stage, depth in enumerate(depths):
            previous, stride = dilation, 1 if stage == 0 else 2
            if reached * stride > output_stride:
                dilation, stride = dilation * stride, 1
            reached *= stride
            blocks = []
            for i in range(depth):
                step, before = (stride, previous) if i == 0 else (1, dilation)
                blocks.append(block(inputs, width * 2**stage, step, (before, dilation)))
                inputs = width * 2**stage * block.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
            self.channels.append(inputs)
        self.fc = nn.Linear(inputs, num_classes) if num_classes else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        add_statistics(self, 3)

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The stem's map and those of the four stages, (N, C, ceil(H / stride), ceil(W / stride)).

        Their strides are 2, 4, 8, 16, 32, none larger than `output_stride`; their channels `channels`.
        """
        check_images(self, images, 3)
        maps = [F.relu(self.bn1(self.conv1(images)))]
        x = self.maxpool(maps[0])
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class logits (N, num_classes); without a head the last feature map."""
        x = self.features(images)[-1]
        return x if self.fc is None else self.fc(x.mean((2, 3)))

    def load(self, state_dict: dict, source: str = "torchvision") -> "ResNet":
        """Load a torchvision state dict and return the net; a backbone without a head leaves `fc` out.

        Raises ValueError that names missing, extra and misshapen keys.
        """
        if source != "torchvision":
            raise ValueError(f'ResNet: source must be "torchvision", not {source!r}')
        if self.fc is None:
            state_dict = {key: value for key, value in state_dict.items() if not key.startswith("fc.")}
        load_state(self, state_dict)
        return self


def conv3x3(inputs: int, outputs: int, stride: int, dilation: int) -> nn.Conv2d:
    """3x3 convolution without bias whose output has ceil(size / stride) pixels."""
    return nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=dilation, dilation=dilation, bias=False)


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    """Identity, or a strided 1x1 projection where size or channels change."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(outputs))
