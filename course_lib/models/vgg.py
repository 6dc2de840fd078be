"""VGG-16, the classifier that FCN, SegNet and the first DeepLab were cut out of.

Simonyan and Zisserman 2015, table 1, column D: thirteen 3x3 convolutions in five stages, each stage closed by a 2x2 pooling,
then three fully connected layers. "vgg16_bn" adds batch normalization behind each convolution, as public weights do; the
paper has none. An adaptive average pooling to 7x7, which the paper lacks, lets the classifier take other sizes than 224.

Modules carry torchvision's names, so its weights load without a key map.
"""

import itertools

import torch
from torch import nn

from course_lib.models.common import add_statistics, check_images, load_state

CONVOLUTIONS = (2, 2, 3, 3, 3)  # in each stage
WIDENING = (1, 2, 4, 8, 8)  # channels of each stage, in units of `width`


class VGG(nn.Module):
    """VGG-16 classifier and backbone: images (N, 3, H, W) float, normalized by `mean` and `std`; H, W >= 32.

    name: "vgg16" or "vgg16_bn". width: channels of the first stage (64 in the paper); the classifier's hidden layers have
    64 * width. num_classes: None leaves the classifier off, for a backbone. `channels` lists the channels of the five stages.
    For FCN, padding is that of the first convolution, and ceil_mode lets poolings keep an incomplete last window (as Caffe does), so
    H, W >= 1 suffices.
    """

    def __init__(
        self,
        name: str = "vgg16",
        width: int = 64,
        num_classes: int | None = 1000,
        *,
        padding: int = 1,
        ceil_mode: bool = False,
    ):
        super().__init__()
        if name not in ("vgg16", "vgg16_bn"):
            raise ValueError(f'VGG: name must be "vgg16" or "vgg16_bn", not {name!r}')
        if width < 1:
            raise ValueError(f"VGG: width must be at least 1, not {width}")
        self.smallest = 1 if ceil_mode else 32
        self.channels = [width * times for times in WIDENING]
        layers = []
        for inputs, outputs, count in zip([3, *self.channels], self.channels, CONVOLUTIONS, strict=False):
            layers += convolutions([inputs] + [outputs] * count, batch_norm=name == "vgg16_bn")
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=ceil_mode))
        layers[0].padding = (padding, padding)
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = None if num_classes is None else classifier(self.channels[-1] * 49, 64 * width, num_classes)
        add_statistics(self, 3)

    def features_at(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The maps behind the five poolings, (N, channels[i], H / 2**(i + 1), W / 2**(i + 1)), rounded as `ceil_mode` says."""
        check_images(self, images, 3, self.smallest)
        maps, x = [], images
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
        return maps

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class logits (N, num_classes); without a classifier the last feature map."""
        check_images(self, images, 3, self.smallest)
        x = self.features(images)
        return x if self.classifier is None else self.classifier(self.avgpool(x).flatten(1))

    def load(self, state_dict: dict, source: str = "torchvision") -> "VGG":
        """Load a torchvision state dict of the same name and return the net; a backbone leaves the classifier's keys out.

        Raises ValueError that names missing, extra and misshapen keys.
        """
        if source != "torchvision":
            raise ValueError(f'VGG: source must be "torchvision", not {source!r}')
        if self.classifier is None:
            state_dict = {key: value for key, value in state_dict.items() if not key.startswith("classifier.")}
        load_state(self, state_dict)
        return self


def convolutions(channels: list[int], batch_norm: bool) -> list[nn.Module]:
    """3x3 convolutions through this sequence of channels, each with bias, padding 1, perhaps batch normalization, and ReLU."""
    layers = []
    for inputs, outputs in itertools.pairwise(channels):
        conv = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(conv.bias)
        layers += [conv, nn.BatchNorm2d(outputs)] if batch_norm else [conv]
        layers.append(nn.ReLU(inplace=True))
    return layers


def classifier(inputs: int, hidden: int, num_classes: int) -> nn.Sequential:
    """FC6, FC7 and FC8 with ReLU and dropout between them."""
    layers = []
    for outputs in (hidden, hidden):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True), nn.Dropout()]
        inputs = outputs
    layers.append(nn.Linear(hidden, num_classes))
    for layer in layers[::3]:
        nn.init.normal_(layer.weight, 0, 0.01)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def check_batch(model: nn.Module, images: torch.Tensor, side: int) -> None:
    """Raise one sentence if batch normalization would train on a single value: one image of at most side x side pixels."""
    height, width = images.shape[-2:]
    if model.training and len(images) == 1 and max(height, width) <= side:
        raise ValueError(
            f"{type(model).__name__}: a batch of one {height} x {width} image leaves one pixel in the last stage, "
            "and batch normalization cannot train on one value; use a larger image or batch"
        )
