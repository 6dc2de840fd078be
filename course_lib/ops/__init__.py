"""The operators that the lessons build by hand, each equal to PyTorch's where PyTorch has it."""

from .arithmetic import conv_output_size, transposed_output_size
from .boxes import box_iou
from .dense import linear_to_conv
from .dilation import dilated
from .graph_cut import color_costs, contrast_weights, cut_energy, graph_cut, max_flow
from .mean_shift import color_position, group_ends, mean_shift
from .normalized_cut import affinity, best_split, cut_values, normalized_cut
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
from .tiling import mirrored, overlap_tile
from .transposed import conv_transpose2d_scatter, convolution_matrix, coverage, insert_zeros
from .upsampling import bilinear_kernel, bilinear_weight, icnr_
from .watershed import peaks, split_touching, watershed

__all__ = [
    "Field",
    "Layer",
    "affinity",
    "best_split",
    "bilinear_kernel",
    "bilinear_weight",
    "box_iou",
    "color_costs",
    "color_position",
    "connected_components",
    "contrast_weights",
    "conv_output_size",
    "conv_transpose2d_scatter",
    "convolution_matrix",
    "coverage",
    "cut_energy",
    "cut_values",
    "decode_panoptic",
    "dilated",
    "effective_size",
    "encode_panoptic",
    "field_box",
    "graph_cut",
    "group_ends",
    "icnr_",
    "input_gradient",
    "insert_zeros",
    "layers_of",
    "linear_to_conv",
    "masks_from_panoptic",
    "max_flow",
    "mean_shift",
    "mirrored",
    "normalized_cut",
    "overlap_tile",
    "panoptic_from_masks",
    "panoptic_to_rgb",
    "peaks",
    "period_energy",
    "receptive_field",
    "rgb_to_panoptic",
    "rle_decode",
    "rle_encode",
    "split_touching",
    "transposed_output_size",
    "watershed",
]
