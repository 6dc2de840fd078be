"""Time of the models, ResNets beside torchvision's: `python benchmarks/models.py [rounds]`.

Forward passes on one picture and training steps (forward, backward, AdamW) on two, all of 3 x 256 x 256 pixels in float32.
Each row is timed in turn within each round; medians are printed.
"""

import sys

import torch
import torchvision
from metrics import medians  # this folder's metrics.py
from torch import nn

from course_lib.models import ResNet, UNet

SIDE = 256
MODELS = {
    "UNet, width 16": lambda: UNet(3, 11, width=16),
    "UNet, width 16, bilinear": lambda: UNet(3, 11, width=16, up="bilinear"),
    "UNet, width 64": lambda: UNet(3, 11),
    "ResNet-18": lambda: ResNet("resnet18"),
    "ResNet-18, torchvision": lambda: torchvision.models.resnet18(weights=None),
    "ResNet-50": lambda: ResNet("resnet50"),
    "ResNet-50, torchvision": lambda: torchvision.models.resnet50(weights=None),
    "ResNet-50, stride 8": lambda: ResNet("resnet50", output_stride=8),
    "ResNet-50, stride 8, torchvision": lambda: torchvision.models.resnet50(
        weights=None, replace_stride_with_dilation=(False, True, True)
    ),
}


def forward(model: nn.Module):
    """A function that predicts one picture."""
    model, images = model.eval(), torch.rand(1, 3, SIDE, SIDE)
    return torch.inference_mode()(lambda: model(images))


def step(model: nn.Module):
    """A function that makes one training step on two pictures."""
    model, images = model.train(), torch.rand(2, 3, SIDE, SIDE)
    optimizer = torch.optim.AdamW(model.parameters())

    def run():
        optimizer.zero_grad()
        model(images).square().mean().backward()
        optimizer.step()

    return run


def main(rounds: int = 5) -> None:
    forwards = medians({name: forward(build()) for name, build in MODELS.items()}, rounds)
    steps = medians({name: step(build()) for name, build in MODELS.items()}, rounds)
    print(f"{SIDE} x {SIDE} pixels, {torch.get_num_threads()} threads, median of {rounds}")
    print(f"{'':34}{'parameters':>12}{'forward ms':>12}{'step ms':>10}")
    for name, build in MODELS.items():
        with torch.device("meta"):
            size = sum(p.numel() for p in build().parameters())
        print(f"{name:34}{size:12,}{1000 * forwards[name]:12.1f}{1000 * steps[name]:10.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
