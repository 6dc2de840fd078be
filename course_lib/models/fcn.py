"""FCN: a classifier that became a segmenter, in one step (32s), two (16s) or three (8s).

Long, Shelhamer and Darrell 2015, figure 3 and section 4. VGG-16's fully connected layers are read as convolutions: FC6 as 7x7,
FC7 as 1x1. A 1x1 convolution turns their map into class scores at stride 32. FCN-16s doubles that map and adds the scores
of pool4, FCN-8s doubles once more and adds those of pool3; what remains is upsampled at once. Scores are added, never features.

The code follows the released Caffe nets. The first convolution pads 100 pixels, so that a map is left for the unpadded FC6,
and poolings round up; the surplus is cropped. How much to crop where is no constant here but follows from where the middle
of each map's first cell lies in the picture (`ops.receptive_field`). Upsampling layers start as bilinear interpolation and have no
bias; they train (in the released nets their learning rate is 0: freeze parameters named "upscore..." for that). Score layers start at 0.
"8s-at-once" is the released net that trains its three steps together and scales pool4 by 0.01 and pool3 by 0.0001 before scoring.

For small pictures padding=1 takes the place of 100, and FC6 is padded by 3: the maps then have ceil(H / stride) cells.
"""

import re

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import ops
from course_lib.models.common import add_statistics, check_images, load_state
from course_lib.models.vgg import CONVOLUTIONS, VGG, check_batch

SKIPS = {"32s": (), "16s": ("score_pool4",), "8s": ("score_pool4", "score_pool3")}
SKIPS["8s-at-once"] = SKIPS["8s"]
DOUBLING = {"score_pool4": "upscore2", "score_pool3": "upscore_pool4"}  # the layer before each sum
LAST = {32: "upscore", 16: "upscore16", 8: "upscore8"}  # the layer behind the last sum
CAFFE_MEAN = (122.67891434, 116.66876762, 104.00698793)  # red, green, blue, of 255
FULLY_CONNECTED = {"classifier.0.": ("fc6.", 7), "classifier.3.": ("fc7.", 1)}  # torchvision's names, kernel sizes here


class FCN(nn.Module):
    """FCN on VGG-16: images (N, 3, H, W) float, normalized by `mean` and `std` -> logits (N, num_classes, H, W), any H and W.

    variant: "32s", "16s", "8s" or "8s-at-once". width: channels of VGG's first stage; head_width: of FC6 and FC7. batch_norm: VGG with
    batch normalization, to train from scratch. padding: 100, the paper's layout, or 1. dropout: share of FC6's and FC7's channels
    that are dropped in training. `crops` says how many rows and columns each sum cuts off in front: of the skip's scores, or, negative,
    of the doubled map; "score" of the logits.
    """

    def __init__(
        self,
        num_classes: int = 21,
        variant: str = "8s",
        width: int = 64,
        head_width: int = 4096,
        batch_norm: bool = False,
        padding: int = 100,
        dropout: float = 0.5,
    ):
        super().__init__()
        if variant not in SKIPS:
            raise ValueError(f"FCN: variant must be one of {', '.join(SKIPS)}, not {variant!r}")
        if padding not in (100, 1):
            raise ValueError(f"FCN: padding must be 100 (the paper's) or 1 (for small pictures), not {padding}")
        for name, value in dict(num_classes=num_classes, width=width, head_width=head_width).items():
            if value < 1:
                raise ValueError(f"FCN: {name} must be at least 1, not {value}")
        self.variant, self.num_classes, self.batch_norm, self.padding = variant, num_classes, batch_norm, padding
        name = "vgg16_bn" if batch_norm else "vgg16"
        self.vgg = VGG(name, width, num_classes=None, padding=padding, ceil_mode=True)
        self.fc6 = nn.Conv2d(self.vgg.channels[4], head_width, kernel_size=7, padding=0 if padding == 100 else 3)
        self.fc7 = nn.Conv2d(head_width, head_width, kernel_size=1)
        self.dropout = nn.Dropout2d(dropout)
        for conv in (self.fc6, self.fc7):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
        self.score_fr = score_layer(head_width, num_classes)
        for skip in SKIPS[variant]:
            channels = self.vgg.channels[3 if skip == "score_pool4" else 2]
            self.add_module(skip, score_layer(channels, num_classes))
            self.add_module(DOUBLING[skip], bilinear_layer(num_classes, 2))
        self.stride = 32 // 2 ** len(SKIPS[variant])  # of the last sum
        self.add_module(LAST[self.stride], bilinear_layer(num_classes, self.stride))
        self.crops = self._crops()
        add_statistics(self, 3)

    def scores(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """The score maps that are added: "score_fr" and, as the variant has them, "score_pool4", "score_pool3".

        Each is (N, num_classes, h, w) at stride 32, 16, 8, not yet cropped. Every layer behind them is linear, so `fuse` of one map
        alone, the others set to 0, is its share of the logits.
        """
        check_images(self, images, 3)
        if self.batch_norm and self.padding == 1:
            check_batch(self, images, 16)
        pool3, pool4, pool5 = self.vgg.features_at(images)[2:]
        x = self.dropout(F.relu(self.fc6(pool5), inplace=True))
        x = self.dropout(F.relu(self.fc7(x), inplace=True))
        maps = {"score_fr": self.score_fr(x)}
        if self.variant == "8s-at-once":
            pool3, pool4 = 0.0001 * pool3, 0.01 * pool4
        for skip, pool in zip(SKIPS[self.variant], (pool4, pool3), strict=False):
            maps[skip] = getattr(self, skip)(pool)
        return maps

    def fuse(self, scores: dict[str, torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
        """Logits (N, num_classes, *size) from the maps of `scores`: double, crop, add; then upsample and crop."""
        x = scores["score_fr"]
        for skip in SKIPS[self.variant]:
            x = getattr(self, DOUBLING[skip])(x)
            ahead = self.crops[skip]
            y = scores[skip][..., max(ahead, 0) :, max(ahead, 0) :]
            x = x[..., max(-ahead, 0) :, max(-ahead, 0) :]
            height, width = (min(a, b) for a, b in zip(x.shape[-2:], y.shape[-2:], strict=True))
            x = x[..., :height, :width] + y[..., :height, :width]
        x, first = getattr(self, LAST[self.stride])(x), self.crops["score"]
        return x[..., first : first + size[0], first : first + size[1]]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fuse(self.scores(images), images.shape[-2:])

    def load(self, state_dict: dict, source: str = "torchfcn") -> "FCN":
        """Load public weights and return the net; missing, extra and misshapen keys are named.

        source: "torchfcn", the Caffe nets' names (wkentaro/pytorch-fcn). Those want blue first and 0 ... 255 minus a mean color: the
        first kernels are turned to red first, and `mean` and `std` are set, so `predict` is right. Or "vgg16", a torchvision VGG-16 (with
        batch_norm VGG-16-BN): FC6 and FC7 become convolutions, FC8 is left out, score and upsampling layers stay as they are.
        """
        if source not in ("torchfcn", "vgg16"):
            raise ValueError(f'FCN: source must be "torchfcn" or "vgg16", not {source!r}')
        if source == "torchfcn":
            state = {re.sub(r"^conv(\d)_(\d)\.", _vgg_name, key): value for key, value in state_dict.items()}
            first = state.get("vgg.features.0.weight")
            if first is not None and first.ndim == 4:
                state["vgg.features.0.weight"] = first.flip(1)
        else:
            state = {key: value for key, value in self.state_dict().items() if "score" in key}
            for key, value in state_dict.items():
                if key.startswith("features."):
                    state[f"vgg.{key}"] = value
                elif not key.startswith("classifier.6."):
                    layer, side = FULLY_CONNECTED.get(key[:13], (key[:13], 1))
                    kernel = key.endswith(".weight") and value.ndim == 2
                    state[layer + key[13:]] = value.view(len(value), -1, side, side) if kernel else value
        load_state(self, state)
        if source == "torchfcn":
            self.mean.copy_(torch.tensor(CAFFE_MEAN) / 255)
            self.std.fill_(1 / 255)
        return self

    def _crops(self) -> dict[str, int]:
        layers = ops.layers_of(self.vgg)
        pools = [i for i, layer in enumerate(layers) if layer.stride == 2]
        fc6 = ops.Layer(self.fc6.kernel_size[0], 1, self.fc6.padding[0])
        x, stride = first_center([*layers, fc6]), 32
        crops = {}
        for skip in SKIPS[self.variant]:
            stride //= 2
            x -= 1.5 * stride  # a 4x4 kernel's middle lies 1.5 cells behind its first cell
            y = first_center(layers[: pools[3 if skip == "score_pool4" else 2] + 1])
            crops[skip] = round((x - y) / stride)
            x = max(x, y)
        crops["score"] = round(stride - 0.5 - x)
        return crops


def first_center(layers: list[ops.Layer]) -> float:
    """Where in the picture, in pixels, the receptive field of a map's first cell has its middle."""
    field = ops.receptive_field(layers)
    return field.start + (field.size - 1) / 2


def score_layer(inputs: int, num_classes: int) -> nn.Conv2d:
    """1x1 convolution to class scores that starts at 0, so a new skip changes nothing at first."""
    layer = nn.Conv2d(inputs, num_classes, kernel_size=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def bilinear_layer(channels: int, stride: int) -> nn.ConvTranspose2d:
    """Transposed convolution that starts as bilinear upsampling of each channel by itself."""
    layer = nn.ConvTranspose2d(channels, channels, kernel_size=2 * stride, stride=stride, bias=False)
    with torch.no_grad():
        layer.weight.copy_(ops.bilinear_weight(channels, channels, stride))
    return layer


def _vgg_name(found: re.Match) -> str:
    """conv3_2. -> vgg.features.12.: convolution and ReLU are two places, a pooling one."""
    stage, index = int(found[1]) - 1, int(found[2]) - 1
    return f"vgg.features.{2 * (sum(CONVOLUTIONS[:stage]) + index) + stage}."
