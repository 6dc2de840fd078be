"""Lesson 00: a small U-Net learns the street scenes, for 60 steps (as in the lesson) and for 1500 (the checkpoint that ships).

Writes results/00_street_unet.json and data/street_unet.safetensors (seed 0, half precision, at most 2 MB).
The base rate is an answer that never looks at the picture: every pixel gets the most frequent class of the training scenes.
"""

import time

import torch
from torch import nn

from course_lib import datasets, evidence
from course_lib.models import UNet
from course_lib.training import evaluate, fit, load_weights, save_weights

STEPS = {"60 steps": 60, "1500 steps": 1500}
WEIGHTS = evidence.ROOT / "data" / "street_unet.safetensors"
COMMAND = "python -m course_lib.experiments.street_unet"


def scenes() -> tuple[datasets.Scenes, datasets.Scenes]:
    """The training and validation scenes: 600 and 100 of 96x96 pixels, from different seeds."""
    return datasets.Scenes(600, 96, seed=0), datasets.Scenes(100, 96, seed=1)


def build(seed: int = 0) -> UNet:
    """The U-Net of lesson 00, untrained: 9 classes, 8 channels at full size, three levels."""
    torch.manual_seed(seed)
    return UNet(3, 9, width=8, depth=3)


def pretrained() -> UNet:
    """The U-Net with the weights that ship with the course, in eval mode."""
    model = build()
    load_weights(model, WEIGHTS)
    return model.eval()


class MostFrequent(nn.Module):
    """The base rate as a model: logits that prefer one class everywhere. (N, 3, H, W) -> (N, num_classes, H, W)."""

    def __init__(self, train, num_classes: int):
        super().__init__()
        counts = sum(
            torch.bincount(torch.as_tensor(train[i][1]["semantic"]).flatten(), minlength=256) for i in range(len(train))
        )
        self.best, self.num_classes = int(counts[:num_classes].argmax()), num_classes

    def forward(self, images):
        logits = images.new_zeros(len(images), self.num_classes, *images.shape[-2:])
        logits[:, self.best] = 1
        return logits


def main() -> None:
    train, val = scenes()
    cost = evidence.macs(build(), torch.zeros(1, 3, 96, 96))
    arms = [{"name": "most frequent class", "params": 0, "macs": 0, "runs": []}]
    base = evaluate(MostFrequent(train, 9), val)
    arms[0]["runs"] = [{"seed": 0, "seconds": 0.0, "metrics": _round(base)}]  # no chance in it
    for arm, steps in STEPS.items():
        runs = []
        for seed in range(3):
            model, start = build(seed), time.perf_counter()
            fit(model, train, steps=steps, seed=seed, progress=False)
            runs.append(
                {
                    "seed": seed,
                    "seconds": round(time.perf_counter() - start, 1),
                    "metrics": _round(evaluate(model, val)),
                }
            )
            print(arm, runs[-1], flush=True)
            if steps == max(STEPS.values()) and seed == 0:
                save_weights(model, WEIGHTS, command=COMMAND, dtype=torch.float16)
        arms.append({"name": arm, "params": sum(p.numel() for p in model.parameters()), "macs": cost, "runs": runs})
    evidence.save("00_street_unet", command=COMMAND, arms=arms)


def _round(scores: dict) -> dict:
    return {key: round(scores[key], 4) for key in ("accuracy", "miou")}


if __name__ == "__main__":
    main()
