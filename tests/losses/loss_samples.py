"""Logits and labels with void, for the tests of the losses."""

import torch


def sample(classes=4, seed=0, void=0.2, size=(3, 7, 11), dtype=torch.float64):
    """Logits (N, C, H, W) and labels with void; one channel means two classes."""
    rng = torch.Generator().manual_seed(seed)
    n, height, width = size
    logits = 3 * torch.randn(n, classes, height, width, generator=rng, dtype=dtype)
    target = torch.randint(max(classes, 2), size, generator=rng)
    target[torch.rand(size, generator=rng) < void] = 255
    return logits, target
