"""SegNet: a decoder that remembers of each pooling only *where* the maxima were.

Badrinarayanan, Kendall and Cipolla 2017, figures 2 and 3. The encoder is VGG-16's thirteen convolutions with batch
normalization. Each pooling hands its indices to the decoder, which puts every value back at the pixel that it came from, with zeros
around it, and convolves. The decoder mirrors the encoder; a stage's last convolution narrows to the channels of the next. The
very last one gives class scores, without normalization or ReLU.

As in the released Caffe nets, poolings round up and unpooling restores the exact size from before, so any size fits. What differs:
the input is normalized by mean and standard deviation, where the paper normalizes contrast locally.
"""

import re

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models.common import add_statistics, check_images, load_state
from course_lib.models.vgg import CONVOLUTIONS, WIDENING, check_batch, convolutions


class SegNet(nn.Module):
    """SegNet: images (N, 3, H, W) float, normalized by `mean` and `std` -> logits (N, num_classes, H, W), any H and W.

    width: channels of the first stage (64 in the paper). stages: how many of VGG's five stages are used, 1 ... 5.
    Override `unpool` to try another way up.
    """

    def __init__(self, num_classes: int = 11, width: int = 64, stages: int = 5):
        super().__init__()
        for name, value in dict(num_classes=num_classes, width=width).items():
            if value < 1:
                raise ValueError(f"SegNet: {name} must be at least 1, not {value}")
        if not 1 <= stages <= 5:
            raise ValueError(f"SegNet: stages must be 1 ... 5, not {stages}")
        self.stages = stages
        channels = [width * times for times in WIDENING[:stages]]
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for before, here, count in zip([3, *channels], channels, CONVOLUTIONS, strict=False):
            self.encoder.append(nn.Sequential(*convolutions([before] + [here] * count, batch_norm=True)))
            back = [here] * count + ([] if before == 3 else [before])  # the very last one is the classifier
            self.decoder.insert(0, nn.Sequential(*convolutions(back, batch_norm=True)))
        self.classifier = nn.Conv2d(width, num_classes, kernel_size=3, padding=1)
        add_statistics(self, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        check_images(self, images, 3)
        check_batch(self, images, 2 ** (self.stages - 1))
        x, pooled = images, []
        for stage in self.encoder:
            x = stage(x)
            size = x.shape[-2:]
            x, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
            pooled.append((indices, size))
        for stage in self.decoder:
            x = stage(self.unpool(x, *pooled.pop()))
        return self.classifier(x)

    def unpool(self, x: torch.Tensor, indices: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Maps (N, C, h, w) -> (N, C, *size), each value where its maximum was, 0 elsewhere.

        indices (N, C, h, w) int64: places in the flattened (H, W) map from before the pooling, whose size is `size`.
        """
        return F.max_unpool2d(x, indices, 2, output_size=size)

    def load(self, state_dict: dict, source: str = "vgg16_bn") -> "SegNet":
        """Load the encoder from a torchvision VGG-16-BN and return the net; the decoder stays as it is.

        The classifier's keys and those of stages that this net does not have are left out. Raises ValueError that names missing, extra
        and misshapen keys.
        """
        if source != "vgg16_bn":
            raise ValueError(f'SegNet: source must be "vgg16_bn", not {source!r}')
        state = {key: value for key, value in self.state_dict().items() if not key.startswith("encoder.")}
        for key, value in state_dict.items():
            name = re.sub(r"^features\.(\d+)\.", encoder_name, key)
            if not re.match(rf"classifier\.|encoder\.[{self.stages}-5]\.", name):
                state[name] = value
        load_state(self, state)
        return self


def encoder_name(found: re.Match) -> str:
    """features.7. -> encoder.1.0.: a stage's layers, three to a convolution, are followed by one pooling."""
    index = int(found[1])
    for stage, count in enumerate(CONVOLUTIONS):
        if index < 3 * count + 1:
            return f"encoder.{stage}.{index}."
        index -= 3 * count + 1
    return found[0]
