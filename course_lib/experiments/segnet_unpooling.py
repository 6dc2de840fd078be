"""Lesson 07: what are pooling indices worth to a decoder, beside random places, corners, interpolation and full feature maps?

A SegNet an eighth as wide as usual, with four stages, labels street scenes of 96x96 pixels. The arms differ in one line, how a map is
enlarged before the decoder convolves it; all have the same parameters and, but for additions, the same multiply-adds:
- pooling indices: each value goes back to where its maximum was;
- random indices: to a place in its window drawn anew each time; as sparse, and the places say nothing;
- corner indices: always to the upper left; sparse and regular;
- bilinear: no zeros, no places;
- features added: the encoder's whole map is added to the bilinearly enlarged one (or to the unpooled one, which Badrinarayanan et al. 2017,
  table 1, call encoder addition). Addition needs no further weights, so these arms match too.
Sparse maps learn slowly, so every arm trains for 480 steps, a minute of one processor: too long for the lesson. It loads the networks that
three arms had with seed 0, `data/segnet_*.safetensors`, and measures them anew.

A learning rate that suits one arm may spoil another: with 0.01 for all, bilinear interpolation looks worse than it is. So each arm has
the one of `RATES` with the highest mIoU on scenes of their own, with seed 0.
"""

import time

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import datasets, evidence
from course_lib.experiments.fcn_strides import measure as measure_within_2
from course_lib.experiments.fcn_strides import rounded
from course_lib.experiments.street_unet import MostFrequent
from course_lib.models import SegNet
from course_lib.training import evaluate, fit, load_weights, save_weights

WIDTH, STAGES, BATCH, STEPS, SEEDS = 8, 4, 8, 480, 3
RATES = (0.001, 0.003, 0.01, 0.03)
COMMAND = "python -m course_lib.experiments.segnet_unpooling"


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
SHIPPED = {  # seed 0, half precision, at most 2 MB each
    "pooling indices": evidence.ROOT / "data" / "segnet_indices.safetensors",
    "bilinear": evidence.ROOT / "data" / "segnet_bilinear.safetensors",
    "pooling indices, features added": evidence.ROOT / "data" / "segnet_features.safetensors",
}


def places(rows: Tensor, columns: Tensor, size) -> Tensor:
    """Indices as `max_unpool2d` wants them, from the place (0 or 1, 0 or 1) in each 2x2 window: (N, C, h, w) int64.

    An incomplete window at the border of an odd `size` has fewer places; the nearest is taken.
    """
    height, width = rows.shape[-2:]
    i = 2 * torch.arange(height, device=rows.device)[:, None] + rows
    j = 2 * torch.arange(width, device=rows.device) + columns
    return i.clamp(max=size[0] - 1) * size[1] + j.clamp(max=size[1] - 1)


def scenes() -> tuple[datasets.Scenes, datasets.Scenes, datasets.Scenes]:
    """Street scenes of 96x96 pixels: 320 to learn from, 100 to choose the learning rate by, 100 to judge by."""
    return datasets.Scenes(320, 96, seed=0), datasets.Scenes(100, 96, seed=2), datasets.Scenes(100, 96, seed=1)


def build(arm: str, seed: int) -> SegNet:
    """The untrained network of one arm; one seed gives all arms the same weights."""
    torch.manual_seed(seed)
    return ARMS[arm](9, WIDTH, STAGES)


def train(arm: str, seed: int, scenes: datasets.Scenes, lr: float) -> SegNet:
    """The network of one arm after `STEPS` steps of `fit`, each on eight scenes."""
    model = build(arm, seed)
    fit(model, scenes, steps=STEPS, batch_size=BATCH, lr=lr, seed=seed, progress=False)
    return model.cpu()


def pretrained(arm: str) -> SegNet:
    """The network of one of the arms in `SHIPPED`, trained with seed 0, in eval mode."""
    model = build(arm, 0)
    load_weights(model, SHIPPED[arm])
    return model.eval()


def measure(model, val: datasets.Scenes) -> dict[str, float]:
    """The figures of `fcn_strides.measure` (boundary F1 within 2 pixels), and boundary F1 within 1 pixel."""
    figures = measure_within_2(model, val)
    return figures | {"boundary_1px": evaluate(model, val, num_classes=len(val.classes), boundary=1)["boundary_f1"]}


def timed(arm: str, seed: int, train_set: datasets.Scenes, lr: float) -> tuple[SegNet, float]:
    """The trained network, and the seconds of the processor that took."""
    start = time.process_time()
    return train(arm, seed, train_set, lr), round(time.process_time() - start, 1)


def arm_record(arm: str) -> dict:
    """What the results file keeps of one arm: the rates tried with their mIoU, the rate chosen, and one run per seed."""
    train_set, choice, test = scenes()
    tried = {}
    for lr in RATES:
        model, seconds = timed(arm, 0, train_set, lr)
        tried[lr] = evaluate(model, choice)["miou"], model, seconds
    lr = max(tried, key=lambda rate: tried[rate][0])
    runs = []
    for seed in range(SEEDS):
        model, seconds = tried[lr][1:] if seed == 0 else timed(arm, seed, train_set, lr)
        runs.append({"seed": seed, "seconds": seconds, "metrics": rounded(measure(model, test))})
        if seed == 0 and arm in SHIPPED:
            save_weights(model, SHIPPED[arm], command=COMMAND, dtype=torch.float16)
    params = sum(p.numel() for p in model.parameters())
    cost = evidence.macs(model, torch.zeros(1, 3, 96, 96))
    rates = {str(rate): round(found[0], 4) for rate, found in tried.items()}
    return {"name": arm, "params": params, "macs": cost, "lr": lr, "rates": rates, "runs": runs}


def main() -> None:
    train_set, _, test = scenes()
    base = {"seed": 0, "seconds": 0.0, "metrics": rounded(measure(MostFrequent(train_set, 9), test))}  # no chance in it
    arms = [{"name": "most frequent class", "params": 0, "macs": 0, "runs": [base]}]
    for arm in ARMS:
        arms.append(arm_record(arm))
        print(arms[-1], flush=True)
    evidence.save("07_unpooling", command=COMMAND, arms=arms)


if __name__ == "__main__":
    main()
