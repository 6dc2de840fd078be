"""Models: one architecture per file. Every semantic model is `model(images) -> logits` at the images' size."""

from course_lib.models.backbones import ResNet
from course_lib.models.unet import UNet

__all__ = ["ResNet", "UNet"]
