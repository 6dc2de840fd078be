"""A strided network made dense, with the same weights: strides become 1, and every later kernel is dilated in their place.

Where a layer of stride s moved on by s cells, it now answers at every cell. A later kernel must then reach s times as far to meet the
cells that it met before: rate s. Every s-th cell of the new map equals the old map, and the cells between are new answers of the same
network (Giusti et al. 2013; Yu and Koltun 2016; Chen et al. 2017, section 3.1).
"""

import copy

from torch import nn

from .receptive_field import is_shortcut, is_spatial, layer_of


def dilated(model: nn.Module, output_stride: int) -> nn.Module:
    """A copy of the network, same weights, that reaches `output_stride` and keeps it: new[..., ::s, ::s] == old, s = old stride / new.

    model: a chain of Conv2d, MaxPool2d and AvgPool2d with anything pixel by pixel between them, or a ResNet. The layer that loses
    its stride keeps its rate; the layers after it get the rate. Raises ValueError for an output stride that the strides do not
    pass, and for a layer that cannot be dilated exactly (average pooling, padding other than zeros, ceil_mode).
    """
    model = copy.deepcopy(model)
    reached, rate, passed, emptied = 1, 1, [1], set()
    for name, module in model.named_modules():
        if not is_spatial(module):
            continue
        block = name.rpartition(".")[0]
        if is_shortcut(name):
            if name.partition(".downsample")[0] in emptied:
                module.stride = (1, 1)
            continue
        layer = layer_of(name, module)
        if rate > 1 and (layer.kernel > 1 or layer.padding):
            _spread(name, module, layer, rate)
        if layer.stride > 1 and reached >= output_stride:
            if getattr(module, "ceil_mode", False):
                raise ValueError(f"dilated: {name} pools with ceil_mode, so its map has no dense version")
            module.stride = 1 if isinstance(module, nn.MaxPool2d | nn.AvgPool2d) else (1, 1)
            rate *= layer.stride
            emptied.add(block)
        else:
            reached *= layer.stride
            passed.append(reached)
    if reached != output_stride:
        raise ValueError(
            f"dilated: output_stride is {output_stride}; the strides pass {', '.join(map(str, sorted(set(passed))))}"
        )
    if hasattr(model, "output_stride"):
        model.output_stride = output_stride
    return model


def _spread(name: str, module: nn.Module, layer, rate: int) -> None:
    if isinstance(module, nn.AvgPool2d):
        raise ValueError(
            f"dilated: {name} is an average pooling, which cannot be dilated; let the strides before it stand"
        )
    if getattr(module, "padding_mode", "zeros") != "zeros":
        raise ValueError(
            f"dilated: {name} pads with {module.padding_mode!r}; only zeros stay exact when the padding grows"
        )
    padding, dilation = layer.padding * rate, layer.dilation * rate
    if isinstance(module, nn.MaxPool2d):
        if padding:
            raise ValueError(
                f"dilated: {name} pools with padding; torch allows it only up to half a kernel without dilation"
            )
        module.dilation = dilation
    else:
        module.padding, module.dilation = (padding, padding), (dilation, dilation)
