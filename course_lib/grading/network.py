"""A network as a description: layer class, settings and state, so that it can be rebuilt elsewhere without pickle.

Only the layers of `LAYERS` and `nn.Sequential` of them are known. A network is rebuilt on torch's meta device and then takes
the tensors of its state, so a description asks for no more memory than the tensors it brings along.
"""

import warnings
from collections import OrderedDict

import torch
from torch import nn

_CONV = (
    "in_channels",
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "bias",
    "padding_mode",
)
_POOL = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")
_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")

# layer class -> its settings: arguments of the constructor that the layer keeps as attributes of the same name
LAYERS = {
    "Conv1d": _CONV,
    "Conv2d": _CONV,
    "ConvTranspose1d": (*_CONV, "output_padding"),
    "ConvTranspose2d": (*_CONV, "output_padding"),
    "Linear": ("in_features", "out_features", "bias"),
    "BatchNorm1d": _NORM,
    "BatchNorm2d": _NORM,
    "GroupNorm": ("num_groups", "num_channels", "eps", "affine"),
    "LayerNorm": ("normalized_shape", "eps", "elementwise_affine"),
    "MaxPool1d": _POOL,
    "MaxPool2d": _POOL,
    "AvgPool2d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    "AdaptiveAvgPool2d": ("output_size",),
    "AdaptiveMaxPool2d": ("output_size",),
    "Upsample": ("size", "scale_factor", "mode", "align_corners"),
    "PixelShuffle": ("upscale_factor",),
    "PixelUnshuffle": ("downscale_factor",),
    "ZeroPad2d": ("padding",),
    "ReflectionPad2d": ("padding",),
    "ReplicationPad2d": ("padding",),
    "Flatten": ("start_dim", "end_dim"),
    "Dropout": ("p",),
    "Dropout2d": ("p",),
    "ReLU": (),
    "ReLU6": (),
    "LeakyReLU": ("negative_slope",),
    "GELU": ("approximate",),
    "SiLU": (),
    "Sigmoid": (),
    "Tanh": (),
    "Softmax": ("dim",),
    "Softmax2d": (),
    "Identity": (),
}


def describe(module: nn.Module) -> dict:
    """Describe a network as a dict of plain values: class, settings, training, and its state or its layers.

    Raises ValueError for a layer that is not in `LAYERS`, a subclass of one, or a layer that stands in the network twice.
    """
    return _describe(module, set())


def _describe(module: nn.Module, seen: set[int]) -> dict:
    kind = type(module).__name__
    if id(module) in seen:
        raise ValueError(f"the layer {kind} stands in the network twice; use two layers")
    seen.add(id(module))
    if type(module) is nn.Sequential:
        layers = [(name, _describe(layer, seen)) for name, layer in module._modules.items()]
        return {"class": kind, "training": module.training, "layers": layers}
    if kind not in LAYERS or type(module) is not getattr(nn, kind):
        raise ValueError(
            f"a network of {kind} cannot be handed over; use layers of torch.nn in nn.Sequential: convolutions, Linear, BatchNorm, "
            "GroupNorm, LayerNorm, pooling, upsampling, padding, dropout, activations"
        )
    settings = {name: getattr(module, name) for name in LAYERS[kind]}
    if "bias" in settings:
        settings["bias"] = module.bias is not None
    return {"class": kind, "training": module.training, "settings": settings, "state": dict(module.state_dict())}


def build(description: dict) -> nn.Module:
    """Build the network of a description. Raises ValueError where `describe` could not have written it."""
    try:
        with warnings.catch_warnings(), torch.device("meta"):
            warnings.simplefilter("ignore")
            return _build(description)
    except Exception as error:  # torch checks settings and state itself, in many ways
        raise ValueError(f"the network cannot be built ({type(error).__name__}: {str(error)[:200]})") from None


def _build(description: dict) -> nn.Module:
    kind = description["class"]
    if kind == "Sequential":
        if set(description) != {"class", "training", "layers"}:
            raise ValueError(f"a Sequential with {sorted(description)}")
        names = [name for name, _ in description["layers"]]
        if len(set(names)) != len(names):
            raise ValueError("two layers of one name")
        module = nn.Sequential(OrderedDict((name, _build(layer)) for name, layer in description["layers"]))
    else:
        settings, state = description["settings"], description["state"]
        if set(description) != {"class", "training", "settings", "state"} or set(settings) != set(LAYERS[kind]):
            raise ValueError(f"{kind} with {sorted(description)} and {sorted(settings)}")
        module = getattr(nn, kind)(**settings)
        module.load_state_dict(state, strict=True, assign=True)
    if type(description["training"]) is not bool:
        raise ValueError("training is neither true nor false")
    return (
        module.train(description["training"])
        if kind != "Sequential"
        else _set_training(module, description["training"])
    )


def _set_training(module: nn.Module, training: bool) -> nn.Module:
    module.training = training  # of the container alone: each layer keeps its own mode (a frozen BatchNorm)
    return module
