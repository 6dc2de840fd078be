"""What can one output cell see? The receptive field by arithmetic, and by asking the gradient.

The arithmetic follows a chain of layers along one axis (Dumoulin and Visin 2016; the recursion is standard). A layer widens the field
by (kernel - 1) * dilation steps of the current jump, and only then multiplies the jump by its stride. The gradient of one output cell
with respect to the picture confirms it, and shows how little of the theoretical field really counts (Luo et al. 2016).
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Layer(NamedTuple):
    """One convolution or pooling along one axis, all in cells of its own input; padding counts one side."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


class Field(NamedTuple):
    """Output cell i sees the input pixels start + i * jump ... start + i * jump + size - 1; some may lie in the padding."""

    size: int
    jump: int
    start: int


def receptive_field(layers: Iterable[Layer | tuple]) -> Field:
    """Receptive field of a chain of layers, from the first to the last, along one axis; no layers give Field(1, 1, 0).

    layers: `Layer`s or tuples (kernel, stride, padding, dilation) of which the last ones may be missing. `jump` is the output stride.
    Raises ValueError for a kernel, stride or dilation below 1 and for a negative padding.
    """
    size, jump, start = 1, 1, 0
    for index, layer in enumerate(layers):
        kernel, stride, padding, dilation = Layer(*layer)
        if min(kernel, stride, dilation) < 1 or padding < 0:
            raise ValueError(
                f"receptive_field: layer {index} is {Layer(*layer)}; kernel, stride and dilation must be at least 1, padding at least 0"
            )
        size += (kernel - 1) * dilation * jump
        start -= padding * jump
        jump *= stride
    return Field(size, jump, start)


def layers_of(model: nn.Module) -> list[Layer]:
    """The convolutions and poolings of a network along its main path, in order of definition.

    A shortcut named "downsample", as in ResNets, runs beside the main path and is left out; layers without extent (normalization,
    activations, linear and adaptive layers) too. Raises ValueError for a layer that is not square or makes its input larger.
    """
    layers = []
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.conv._ConvTransposeNd | nn.Upsample):
            raise ValueError(
                f"layers_of: {name or 'the model'} is a {type(module).__name__}; the chain must not grow its input"
            )
        if is_spatial(module) and not is_shortcut(name):
            layers.append(layer_of(name, module))
    return layers


def is_spatial(module: nn.Module) -> bool:
    """Whether the module slides a window: Conv2d, MaxPool2d or AvgPool2d."""
    return isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d)


def is_shortcut(name: str) -> bool:
    """Whether a module of this dotted name runs beside a ResNet block's main path."""
    return "downsample" in name.split(".")


def layer_of(name: str, module: nn.Module) -> Layer:
    """The settings of one Conv2d, MaxPool2d or AvgPool2d. Raises ValueError if they differ between the axes."""
    padding = module.padding
    dilation = getattr(module, "dilation", 1)
    if isinstance(padding, str):
        padding = (
            0
            if padding == "valid"
            else _one(name, "dilation", dilation) * (_one(name, "kernel", module.kernel_size) - 1) // 2
        )
    return Layer(
        _one(name, "kernel", module.kernel_size),
        _one(name, "stride", module.stride),
        _one(name, "padding", padding),
        _one(name, "dilation", dilation),
    )


def input_gradient(model: nn.Module, images: Tensor, cell: tuple[int, int] | None = None) -> Tensor:
    """How strongly each pixel moves one output cell: mean over images and channels of |d sum_c out[n, c, cell] / d images|.

    images (N, C, H, W) float; cell (row, column) of the output, its center unless told. -> (H, W), dtype of the images. The model keeps its
    mode and its parameters' gradients. A pixel outside the receptive field gets exactly 0. One inside can get 0 too: a ReLU that is off
    or a maximum that lies elsewhere passes nothing on, so give many random images, and expect the theoretical field only without
    such layers. Raises ValueError for a cell outside the output.
    """
    images = images.detach().clone().requires_grad_()
    out = model(images)
    row, column = (out.shape[-2] // 2, out.shape[-1] // 2) if cell is None else cell
    if not (0 <= row < out.shape[-2] and 0 <= column < out.shape[-1]):
        raise ValueError(
            f"input_gradient: cell {(row, column)} lies outside the output of {tuple(out.shape[-2:])} cells"
        )
    (gradient,) = torch.autograd.grad(out[..., row, column].sum(), images)
    return gradient.abs().mean((0, 1))


def field_box(gradient: Tensor, threshold: float = 0.0) -> tuple[int, int, int, int]:
    """Bounding box (top, left, bottom, right), the last two exclusive, of the pixels with gradient (H, W) above the threshold.

    Raises ValueError if there is none.
    """
    seen = gradient > threshold
    if not seen.any():
        raise ValueError(f"field_box: no pixel has a gradient above {threshold}")
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def effective_size(gradient: Tensor, share: float = 0.95) -> int:
    """Side in pixels of the smallest odd square around the gradient's center of mass that holds `share` of it; gradient (H, W) >= 0.

    A square that would leave the picture is counted with its full side. Raises ValueError for a share outside (0, 1] and for a
    gradient of zeros.
    """
    if not 0 < share <= 1:
        raise ValueError(f"effective_size: share is {share} and must lie in (0, 1]")
    total = float(gradient.sum())
    if total <= 0:
        raise ValueError("effective_size: the gradient is zero everywhere")
    rows, columns = (torch.arange(n, dtype=gradient.dtype, device=gradient.device) for n in gradient.shape)
    row = round(float((gradient.sum(1) * rows).sum()) / total)
    column = round(float((gradient.sum(0) * columns).sum()) / total)
    for half in range(max(gradient.shape)):
        inside = gradient[max(row - half, 0) : row + half + 1, max(column - half, 0) : column + half + 1]
        if float(inside.sum()) >= share * total * (1 - 1e-6):
            return 2 * half + 1
    return 2 * max(gradient.shape) + 1


def _one(name: str, what: str, value: int | tuple[int, int]) -> int:
    first, second = (value, value) if isinstance(value, int) else value
    if first != second:
        raise ValueError(f"layers_of: {name} has {what} {tuple(value)}; both axes must be alike")
    return first
