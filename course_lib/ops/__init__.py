"""The operators that the lessons build by hand, each equal to PyTorch's where PyTorch has it."""

from .arithmetic import conv_output_size, transposed_output_size
from .boxes import box_iou
from .dense import linear_to_conv
from .dilation import dilated
from .panoptic import (
    decode_panoptic,
    encode_panoptic,
    masks_from_panoptic,
    panoptic_from_masks,
    panoptic_to_rgb,
    rgb_to_panoptic,
)
from .receptive_field import Field, Layer, effective_size, field_box, input_gradient, layers_of, receptive_field
from .regions import connected_components
from .rle import rle_decode, rle_encode
from .spectrum import period_energy
from .transposed import conv_transpose2d_scatter, convolution_matrix, coverage, insert_zeros
from .upsampling import bilinear_kernel, bilinear_weight, icnr_

__all__ = [
    "Field",
    "Layer",
    "bilinear_kernel",
    "bilinear_weight",
    "box_iou",
    "connected_components",
    "conv_output_size",
    "conv_transpose2d_scatter",
    "convolution_matrix",
    "coverage",
    "decode_panoptic",
    "dilated",
    "effective_size",
    "encode_panoptic",
    "field_box",
    "icnr_",
    "input_gradient",
    "insert_zeros",
    "layers_of",
    "linear_to_conv",
    "masks_from_panoptic",
    "panoptic_from_masks",
    "panoptic_to_rgb",
    "period_energy",
    "receptive_field",
    "rgb_to_panoptic",
    "rle_decode",
    "rle_encode",
    "transposed_output_size",
]
