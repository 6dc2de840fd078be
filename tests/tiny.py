"""Data and nets small enough to train in milliseconds, for the tests of training."""

import torch
from torch import nn
from torchvision import tv_tensors


class Blobs:
    """n pictures of 8 x 8 noise whose brighter red means class 1, brighter green class 2, else 0; a few void pixels."""

    classes = ("none", "red", "green")

    def __init__(self, n=10, seed=0, void=0.05, transform=None):
        rng = torch.Generator().manual_seed(seed)
        self.images = torch.rand(n, 3, 8, 8, generator=rng)
        red, green = self.images[:, 0] > 0.6, self.images[:, 1] > 0.6
        self.semantic = torch.where(red, 1, torch.where(green, 2, 0))
        self.semantic[torch.rand(n, 8, 8, generator=rng) < void] = 255
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        sample = tv_tensors.Image(self.images[index]), {"semantic": tv_tensors.Mask(self.semantic[index])}
        return self.transform(*sample) if self.transform else sample


def tiny_net(seed=0, classes=3, norm=True, dropout=0.0):
    """Two convolutions, 3 x 3 and 1 x 1, with batch normalization between them."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8) if norm else nn.Identity(),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Conv2d(8, classes, 1),
    )
    net.register_buffer("mean", torch.full((3,), 0.5), persistent=False)
    net.register_buffer("std", torch.full((3,), 0.25), persistent=False)
    return net


def same_state(a, b, atol=0.0):
    """Assert that two nets have equal state dicts."""
    a, b = a.state_dict(), b.state_dict()
    assert a.keys() == b.keys()
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=0, atol=atol, msg=lambda text, key=key: f"{key}: {text}")
