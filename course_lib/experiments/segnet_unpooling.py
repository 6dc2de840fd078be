"""Lesson 07: what are pooling indices worth to a decoder, beside random places, corners, interpolation and full feature maps?

A SegNet an eighth as wide as usual, with four stages, labels street scenes of 96x96 pixels. The arms differ in one line, how a map is
enlarged before the decoder convolves it; all have the same parameters and, but for additions, the same multiply-adds:
- pooling indices: each value goes back to where its maximum was;
- random indices: to a place in its window drawn anew each time; as sparse, and the places say nothing;
- corner indices: always to the upper left; sparse and regular;
- bilinear: no zeros, no places;
- features added: the encoder's whole map is added to the bilinearly enlarged one (or to the unpooled one, which Badrinarayanan et al. 2017,
  table 1, call encoder addition). Addition needs no further weights, so these arms match too.
Sparse maps learn slowly, so every arm is trained for 480 steps, and three also for 120, as the lesson does.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import datasets, evidence
from course_lib.experiments.fcn_strides import measure as measure_within_2
from course_lib.experiments.fcn_strides import rounded
from course_lib.experiments.street_unet import MostFrequent
from course_lib.models import SegNet
from course_lib.training import evaluate, fit

WIDTH, STAGES, BATCH, RATE, SEEDS = 8, 4, 8, 0.01, 3
BRIEF, LONG = 120, 480


class RandomIndices(SegNet):
    """Unpooling to a random place of each 2x2 window; in evaluation the draw is always the same."""

    def unpool(self, x: Tensor, indices: Tensor, size) -> Tensor:
        generator = None if self.training else torch.Generator(x.device).manual_seed(0)
        draw = torch.randint(4, x.shape, generator=generator, device=x.device)
        return super().unpool(x, places(draw // 2, draw % 2, size), size)


class CornerIndices(SegNet):
    """Unpooling to the upper left of each 2x2 window."""

    def unpool(self, x: Tensor, indices: Tensor, size) -> Tensor:
        zero = torch.zeros_like(indices)
        return super().unpool(x, places(zero, zero, size), size)


class Bilinear(SegNet):
    """Bilinear interpolation in place of unpooling."""

    def unpool(self, x: Tensor, indices: Tensor, size) -> Tensor:
        return F.interpolate(x, size, mode="bilinear", align_corners=False)


class AddedFeatures(SegNet):
    """The encoder's map from before each pooling is added to the unpooled one."""

    def forward(self, images: Tensor) -> Tensor:
        x, pooled = images, []
        for stage in self.encoder:
            full = stage(x)
            x, indices = F.max_pool2d(full, 2, ceil_mode=True, return_indices=True)
            pooled.append((full, indices))
        for stage in self.decoder:
            full, indices = pooled.pop()
            x = stage(self.unpool(x, indices, full.shape[-2:]) + full)
        return self.classifier(x)


class AddedFeaturesBilinear(AddedFeatures, Bilinear):
    """The encoder's map is added to the bilinearly enlarged one."""


ARMS = {
    "pooling indices": SegNet,
    "random indices": RandomIndices,
    "corner indices": CornerIndices,
    "bilinear": Bilinear,
    "bilinear, features added": AddedFeaturesBilinear,
    "pooling indices, features added": AddedFeatures,
}
LIVE = ("pooling indices", "random indices", "bilinear")


def places(rows: Tensor, columns: Tensor, size) -> Tensor:
    """Indices as `max_unpool2d` wants them, from the place (0 or 1, 0 or 1) in each 2x2 window: (N, C, h, w) int64.

    An incomplete window at the border of an odd `size` has fewer places; the nearest is taken.
    """
    height, width = rows.shape[-2:]
    i = 2 * torch.arange(height, device=rows.device)[:, None] + rows
    j = 2 * torch.arange(width, device=rows.device) + columns
    return i.clamp(max=size[0] - 1) * size[1] + j.clamp(max=size[1] - 1)


def scenes() -> tuple[datasets.Scenes, datasets.Scenes]:
    """320 street scenes to learn from, 100 to judge by, 96x96 pixels."""
    return datasets.Scenes(320, 96, seed=0), datasets.Scenes(100, 96, seed=1)


def build(arm: str, seed: int) -> SegNet:
    """The untrained network of one arm; one seed gives all arms the same weights."""
    torch.manual_seed(seed)
    return ARMS[arm](9, WIDTH, STAGES)


def train(arm: str, seed: int, scenes: datasets.Scenes, steps: int = BRIEF, progress: bool = False) -> SegNet:
    """The network of one arm after `steps` steps of `fit`, each on eight scenes."""
    model = build(arm, seed)
    fit(model, scenes, steps=steps, batch_size=BATCH, lr=RATE, seed=seed, progress=progress)
    return model.cpu()


def measure(model, val: datasets.Scenes) -> dict[str, float]:
    """The figures of `fcn_strides.measure` (boundary F1 within 2 pixels), and boundary F1 within 1 pixel."""
    figures = measure_within_2(model, val)
    return figures | {"boundary_1px": evaluate(model, val, num_classes=len(val.classes), boundary=1)["boundary_f1"]}


def runs(arm: str, steps: int, train_set, val) -> Iterator[dict]:
    """One record per seed; seconds are those of the processor."""
    for seed in range(SEEDS):
        start = time.process_time()
        model = train(arm, seed, train_set, steps)
        seconds = round(time.process_time() - start, 1)
        yield {"seed": seed, "seconds": seconds, "metrics": rounded(measure(model, val))}


def main() -> None:
    train_set, val = scenes()
    base = rounded(measure(MostFrequent(train_set, 9), val))
    none = {"params": 0, "macs": 0, "runs": [{"seed": 0, "seconds": 0.0, "metrics": base}]}
    arms = [{"name": "most frequent class"} | none]
    for arm, steps in [(arm, BRIEF) for arm in LIVE] + [(arm, LONG) for arm in ARMS]:
        model = build(arm, 0)
        cost = evidence.macs(model, torch.zeros(1, 3, 96, 96))
        params = sum(p.numel() for p in model.parameters())
        found = list(runs(arm, steps, train_set, val))
        arms.append({"name": f"{arm}, {steps} steps", "params": params, "macs": cost, "runs": found})
        print(arms[-1], flush=True)
    evidence.save("07_unpooling", command="python -m course_lib.experiments.segnet_unpooling", arms=arms)


if __name__ == "__main__":
    main()
