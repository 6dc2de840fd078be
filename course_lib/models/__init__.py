"""Models: one architecture per file. Every semantic model is `model(images) -> logits` at the images' size."""

from course_lib.models.backbones import ResNet
from course_lib.models.fcn import FCN
from course_lib.models.segnet import SegNet
from course_lib.models.unet import UNet
from course_lib.models.unet_valid import ValidUNet
from course_lib.models.vgg import VGG

__all__ = ["FCN", "VGG", "ResNet", "SegNet", "UNet", "ValidUNet"]
