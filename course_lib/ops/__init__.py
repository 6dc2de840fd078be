"""The operators that the lessons build by hand, each equal to PyTorch's where PyTorch has it."""

from .arithmetic import conv_output_size, transposed_output_size
from .spectrum import period_energy
from .transposed import conv_transpose2d_scatter, convolution_matrix, coverage, insert_zeros
from .upsampling import bilinear_kernel, bilinear_weight, icnr_

__all__ = [
    "bilinear_kernel",
    "bilinear_weight",
    "conv_output_size",
    "conv_transpose2d_scatter",
    "convolution_matrix",
    "coverage",
    "icnr_",
    "insert_zeros",
    "period_energy",
    "transposed_output_size",
]
