"""Lesson 03: how far must a network see, and what lets it see that far?

On the *context* scenes a vehicle is a car below houses and a boat below a harbor; nothing else tells. The arms share a stem (stride 4,
field 7) and four 3x3 convolutions; only rates or strides differ, so their parameters are equal. A second family asks whether the field
itself is enough: 15 undilated convolutions reach as far as the rates 1, 2, 4, 8; beside them, as deep, the rates 1, 2, 4, 8 among 1x1.

Judged is on *twins*: the same ground, light and vehicles under both skylines. What a network could read from position, from its zero
padding or from the ground is the same in both twins, so it is right in exactly one of them: the base rate is 0.5 and needs no luck. A
vehicle's distance is the least one between its mask and the skyline, in pixels; the vehicle's other pixels are farther away, by at most
its size, and how much of the skyline must be seen to know it is not measured.

Steps were chosen on other twins (seed 2): of 150, 250 and 400, 250 is the first at which each of five seeds of rates 1, 2, 4, 8 calls at
least 95 % of all vehicles rightly; at 150 one is at 86 %.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import datasets, evidence, ops
from course_lib.datasets import context
from course_lib.datasets.sample import sample
from course_lib.experiments.street_unet import MostFrequent
from course_lib.metrics import ConfusionMatrix
from course_lib.models.common import add_statistics
from course_lib.training import fit, predict_logits

WIDTH, LR, BATCH = 32, 4e-3, 8
EDGES = (24, 32, 40, 48, 56)  # pixels; the first bin begins at 16, the least distance there is
BINS = tuple(f"d{low}" for low in (16, *EDGES))


class Arm(NamedTuple):
    """Rate of each convolution behind the stem (0: a 1x1 convolution, else 3x3) and stride; the rest says how it is trained.

    weight: what a vehicle's pixel weighs in the loss; the others weigh 1. scenes: how many to learn from.
    """

    rates: tuple[int, ...]
    strides: tuple[int, ...] = ()
    shortcuts: bool = False
    weight: float = 10.0
    steps: int = 250
    scenes: int = 320
    seeds: int = 5


DEEP = (1,) * 15
ARMS = {
    "field 39: rates 1,1,1,1": Arm((1, 1, 1, 1)),
    "field 63: rates 1,1,2,3": Arm((1, 1, 2, 3)),
    "field 95: rates 1,2,4,4": Arm((1, 2, 4, 4)),
    "field 127: rates 1,2,4,8": Arm((1, 2, 4, 8)),
    "field 135: rates 4,4,4,4": Arm((4, 4, 4, 4)),
    "field 95: strides 2,2,1,1": Arm((1, 1, 1, 1), strides=(2, 2, 1, 1)),
    "field 127: 15 layers of rate 1": Arm(DEEP),
    "field 127: 15 layers, shortcuts": Arm(DEEP, shortcuts=True),
    "field 127: 15 layers, four dilated": Arm((1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0)),
    "field 127: 15 layers, 1000 steps, 4 seeds": Arm(DEEP, steps=1000, scenes=4000, seeds=4),
    "field 127: rates 1,2,4,8, plain loss": Arm((1, 2, 4, 8), weight=1.0),
}


class Shortcut(nn.Sequential):
    """Layers whose input is added to their output."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class ContextNet(nn.Module):
    """Images (N, 3, H, W) -> logits (N, 4, H, W): stem to stride 4, one convolution per rate, 1x1 classifier, bilinear upsampling."""

    def __init__(self, rates: tuple[int, ...], strides: tuple[int, ...] = (), shortcuts: bool = False):
        super().__init__()
        self.stem = nn.Sequential(conv(3, WIDTH // 2, stride=2), conv(WIDTH // 2, WIDTH, stride=2))
        kind = Shortcut if shortcuts else nn.Sequential
        self.body = nn.Sequential(
            *(kind(conv(WIDTH, WIDTH, s, r)) for r, s in zip(rates, strides or (1,) * len(rates), strict=True))
        )
        self.classifier = nn.Conv2d(WIDTH, len(context.CLASSES), kernel_size=1)
        add_statistics(self, 3)

    def scores(self, images: Tensor) -> Tensor:
        """Class scores before upsampling: (N, 4, ceil(H / stride), ceil(W / stride))."""
        return self.classifier(self.body(self.stem(images)))

    def forward(self, images: Tensor) -> Tensor:
        return F.interpolate(self.scores(images), images.shape[-2:], mode="bilinear", align_corners=False)


def conv(inputs: int, outputs: int, stride: int = 1, rate: int = 1) -> nn.Sequential:
    """3x3 convolution with padding = rate, or 1x1 for rate 0; batch normalization, ReLU."""
    kernel = 3 if rate else 1
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=rate, dilation=max(rate, 1), bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


class Twins(torch.utils.data.Dataset):
    """n context scenes, each drawn with both skylines: sample 2k shows houses, 2k + 1 the same ground below a harbor."""

    def __init__(self, n: int, seed: int, size: int = 96):
        pictures = [
            context.draw(np.random.default_rng([seed, k, 9]), size, size, harbor)
            for k in range(n)
            for harbor in (False, True)
        ]
        self.samples = [sample(p.image, p.semantic, p.ids, p.id_classes) for p in pictures]
        self.distances = [p.numbers for p in pictures]
        self.classes, self.colors, self.things = context.CLASSES, context.COLORS, context.THINGS

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int):
        return self.samples[i]

    def counts(self) -> list[int]:
        """How many vehicles each bin of distance holds."""
        bins = np.digitize([d for distances in self.distances for d in distances], EDGES)
        return np.bincount(bins, minlength=len(BINS)).tolist()


def scenes(n: int = 320) -> datasets.Scenes:
    """The training scenes, ordinary ones: no two of them are twins."""
    return datasets.Scenes(n, 96, variant="context", seed=0)


def build(arm: str, seed: int) -> ContextNet:
    """The untrained network of one arm."""
    torch.manual_seed(seed)
    return ContextNet(ARMS[arm].rates, ARMS[arm].strides, ARMS[arm].shortcuts)


def loss_of(arm: str):
    """Cross-entropy per pixel in which vehicles, about 5 % of the pixels, weigh `Arm.weight` times as much."""
    weight = torch.tensor([1.0, 1.0, ARMS[arm].weight, ARMS[arm].weight])

    def loss_fn(model: nn.Module, batch) -> Tensor:
        images, targets = batch
        return F.cross_entropy(model(images), targets["semantic"], weight=weight.to(images.device))

    return loss_fn


def logits_of(model: nn.Module, twins: Twins) -> Tensor:
    """Logits (2n, 4, H, W) of all twins, on the CPU."""
    images = torch.stack([torch.as_tensor(image) for image, _ in twins.samples])
    return torch.cat([predict_logits(model, part) for part in images.split(32)])


def measure(model: nn.Module, twins: Twins) -> dict[str, float]:
    """Shares in 0 ... 1. Of the two logits car and boat the larger one is the answer; a vehicle's answer is that of most of its pixels.

    d16 ... d56: vehicles called rightly, by distance; vehicles, pixels: all vehicles, all their pixels; flip: vehicles called rightly
    in both twins; unmoved: vehicle pixels whose logits are the same in both twins; miou: over the four classes, of the full answer.
    """
    logits = logits_of(model, twins)
    boat = logits[:, context.BOAT] > logits[:, context.CAR]
    still = (logits[0::2] - logits[1::2]).abs().amax(1) < 1e-4
    right, pixels, moved = [[], []], [], []
    matrix = ConfusionMatrix(len(twins.classes))
    for i, (_, target) in enumerate(twins.samples):
        matrix.update(logits[i].argmax(0), target["semantic"])
        for mask in target["masks"].as_subclass(Tensor):
            hits = boat[i][mask] == bool(i % 2)
            right[i % 2].append(hits.float().mean().item() > 0.5)
            pixels.append(hits)
            moved.append(~still[i // 2][mask])
    houses, harbor = (np.array(r) for r in right)
    distances = [np.concatenate(twins.distances[world::2]) for world in (0, 1)]
    called, bins = np.concatenate([houses, harbor]), np.digitize(np.concatenate(distances), EDGES)
    return {name: float(called[bins == k].mean()) for k, name in enumerate(BINS)} | {
        "vehicles": float(called.mean()),
        "pixels": torch.cat(pixels).float().mean().item(),
        "flip": float((houses & harbor).mean()),
        "unmoved": 1 - torch.cat(moved).float().mean().item(),
        "miou": matrix.miou(),
    }


def effective(model: ContextNet) -> int:
    """Effective receptive field of one cell before upsampling: side in pixels of the square that holds 95 % of its gradient.

    Averaged over eight scenes of 192x192 pixels, in which every arm's field fits; the cell is the middle one, on the ground.
    """
    large = datasets.Scenes(8, 192, variant="context", seed=3)
    images = torch.stack([torch.as_tensor(large[i][0]) for i in range(len(large))]).as_subclass(Tensor)
    images = (images - model.mean.view(-1, 1, 1)) / model.std.view(-1, 1, 1)
    return ops.effective_size(ops.input_gradient(model.eval().scores, images))


def run(arm: str, seed: int, train, twins: Twins, steps: int | None = None) -> tuple[ContextNet, dict[str, float]]:
    """Train one arm on the best device; the model comes back on the CPU, with `measure`'s figures on the twins."""
    model = build(arm, seed)
    steps = ARMS[arm].steps if steps is None else steps
    fit(model, train, loss_of(arm), steps=steps, batch_size=BATCH, lr=LR, seed=seed, progress=False)
    return model.cpu(), measure(model, twins)


def runs(arm: str, twins: Twins) -> Iterator[dict]:
    """One record per seed; seconds are those of the processor."""
    train = scenes(ARMS[arm].scenes)
    for seed in range(ARMS[arm].seeds):
        start = time.process_time()
        _, figures = run(arm, seed, train, twins)
        seconds = round(time.process_time() - start, 1)
        yield {"seed": seed, "seconds": seconds, "metrics": {k: round(v, 4) for k, v in figures.items()}}


def main() -> None:
    twins = Twins(150, seed=1)
    print(dict(zip(BINS, twins.counts(), strict=True)), "vehicles")
    blind = MostFrequent(scenes(), len(twins.classes))
    figures = {k: round(v, 4) for k, v in measure(blind, twins).items()}
    arms = [{"name": "always surface, else car", "params": 0, "macs": 0, "runs": [{"seed": 0, "seconds": 0.0}]}]
    arms[0]["runs"][0]["metrics"] = figures
    for arm in ARMS:
        model = build(arm, 0)
        cost = evidence.macs(model, torch.zeros(1, 3, 96, 96))
        params = sum(p.numel() for p in model.parameters())
        arms.append({"name": arm, "params": params, "macs": cost, "runs": list(runs(arm, twins))})
        print(arm, [run["metrics"] for run in arms[-1]["runs"]], flush=True)
    evidence.save("03_cue_distance", command="python -m course_lib.experiments.cue_distance", arms=arms)


if __name__ == "__main__":
    main()
