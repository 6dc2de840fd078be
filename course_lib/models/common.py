"""What every model of the course shares: input statistics, the check of its input, loading weights under other names."""

import torch
from torch import nn

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def add_statistics(model: nn.Module, channels: int) -> None:
    """Give `model` the buffers `mean` and `std`, (channels,): ImageNet's, or its averages if the channels are not RGB.

    `training.fit` and `training.predict` normalize images in [0, 1] by them: (image - mean) / std. The buffers follow the
    model to its device but are not part of its state dict.
    """
    for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
        rgb = torch.tensor(values)
        value = rgb if channels == 3 else rgb.mean().repeat(channels)
        model.register_buffer(name, value, persistent=False)


def check_images(model: nn.Module, images: torch.Tensor, channels: int, smallest: int = 1) -> None:
    """Raise one sentence unless images is (N, channels, H, W) of floats with H, W >= smallest."""
    name = type(model).__name__
    if not isinstance(images, torch.Tensor) or not images.is_floating_point():
        kind = getattr(images, "dtype", type(images).__name__)
        raise TypeError(f"{name}: images must be a float tensor, not {kind}; divide bytes by 255 and normalize them")
    if images.ndim != 4 or images.shape[1] != channels:
        raise ValueError(f"{name}: images must be (N, {channels}, H, W), not {tuple(images.shape)}")
    if min(images.shape[-2:]) < smallest:
        raise ValueError(
            f"{name}: images must be at least {smallest} x {smallest} pixels, not {tuple(images.shape[-2:])}"
        )


def check_state(model: nn.Module, state: dict, name: str) -> None:
    """Raise ValueError unless the keys and shapes of `state` are the model's own; it names missing, extra, misshapen keys.

    BatchNorm's `num_batches_tracked` may be absent, as in files older than that buffer.
    """
    own = model.state_dict()
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    extra = [k for k in state if k not in own]
    misshapen = [
        f"{k} {tuple(state[k].shape)} for {tuple(own[k].shape)}"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    troubles = [
        f"{len(keys)} {kind} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for kind, keys in (("missing", missing), ("extra", extra), ("misshapen", misshapen))
        if keys
    ]
    if troubles:
        raise ValueError(f"{name}: these weights are of another model: {'; '.join(troubles)}")


def load_state(model: nn.Module, state: dict, name: str | None = None) -> None:
    """Copy `state` into `model`, which keeps its types; nothing is copied if `check_state` finds another model's keys."""
    check_state(model, state, name or type(model).__name__)
    model.load_state_dict(state, strict=False)
