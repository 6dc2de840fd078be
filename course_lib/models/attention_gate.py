"""The attention gate of Attention U-Net (Oktay et al. 2018, section 2.1 and figure 2): where may a skip pass?

The coarser decoder map, which has seen more of the picture, weighs each position of the skip between 0 and 1. One weight for
all channels. As in the paper the comparison is made at the coarser size and its result is interpolated up to the skip's.
"""

import torch
import torch.nn.functional as F
from torch import nn


class AttentionGate(nn.Module):
    """skip (N, skip, H, W), below (N, below, H/2, W/2) -> the skip times its weights (N, 1, H, W)."""

    def __init__(self, skip: int, below: int):
        super().__init__()
        between = max(skip // 2, 1)
        self.of_skip = nn.Conv2d(skip, between, kernel_size=2, stride=2, bias=False)
        self.of_below = nn.Conv2d(below, between, kernel_size=1)
        self.to_weight = nn.Conv2d(between, 1, kernel_size=1)

    def weights(self, skip: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
        """The weights (N, 1, H, W) in (0, 1)."""
        coarse = torch.sigmoid(self.to_weight(F.relu(self.of_skip(skip) + self.of_below(below))))
        return F.interpolate(coarse, skip.shape[-2:], mode="bilinear", align_corners=False)

    def forward(self, skip: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
        return skip * self.weights(skip, below)
