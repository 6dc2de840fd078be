"""Lesson 06: what do the finer score maps of FCN-16s and FCN-8s add to FCN-32s, on pictures of 96 and of 192 pixels?

A VGG-16 an eighth as wide as usual, with batch normalization and trained from scratch, labels street scenes. What else could explain the
gain of 8s over 32s, and which arm tells:
- the skips shorten the way of the gradient and add parameters: "8s, skips at stride 32" has the layers of 8s, but its skips' scores are
  averaged down to stride 32 and enlarged again before they are added;
- 8s only trains faster: 32s and 8s also get four times the steps;
- the upsampling is learned: two arms keep it bilinear.
"Truth at stride ..." is no network: the true labels, averaged over cells and enlarged bilinearly. It shows what such a grid loses. It is
no upper bound: a network may score a cell otherwise than by shares, and learned upsampling can draw shapes within a cell.

All arms share the learning rate 0.01. It was preferred to 0.004 in one run of 8s at 96 pixels, judged by the scenes that also judge here
(mIoU 0.52 against 0.49); no other arm was tried.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import datasets, evidence
from course_lib.experiments.street_unet import MostFrequent
from course_lib.models import FCN
from course_lib.training import evaluate, fit

WIDTH, HEAD, STEPS, BATCH, RATE, SEEDS = 8, 64, 150, 8, 0.01, 3
LONG = 4 * STEPS
LIVE = ("32s, fixed upsampling", "8s, fixed upsampling")  # the lesson trains these
LIVE_SEEDS = 8  # three of 32s agree by chance
TOLERANCE = 2  # pixels, of boundary F1


class CoarseSkips(FCN):
    """FCN whose skips' scores know nothing finer than stride 32; same parameters."""

    def scores(self, images: Tensor) -> dict[str, Tensor]:
        maps = super().scores(images)
        for name, cells in (("score_pool4", 2), ("score_pool3", 4)):
            coarse = F.avg_pool2d(maps[name], cells, ceil_mode=True)
            maps[name] = F.interpolate(coarse, maps[name].shape[-2:], mode="bilinear", align_corners=False)
        return maps


# name: (variant, class, whether the upsampling layers train)
ARMS = {
    "32s": ("32s", FCN, True),
    "16s": ("16s", FCN, True),
    "8s": ("8s", FCN, True),
    "8s, skips at stride 32": ("8s", CoarseSkips, True),
    "32s, fixed upsampling": ("32s", FCN, False),
    "8s, fixed upsampling": ("8s", FCN, False),
}


def scenes(size: int = 96) -> tuple[datasets.Scenes, datasets.Scenes]:
    """320 street scenes to learn from, 100 to judge by, size x size pixels."""
    return datasets.Scenes(320, size, seed=0), datasets.Scenes(100, size, seed=1)


def build(arm: str, seed: int) -> FCN:
    """The untrained network of one arm; one seed gives all arms the same VGG and the same FC6 and FC7."""
    variant, kind, learned = ARMS[arm]
    torch.manual_seed(seed)
    model = kind(9, variant, WIDTH, HEAD, batch_norm=True, padding=1, dropout=0)
    for name, parameter in model.named_parameters():
        if name.startswith("upscore"):
            parameter.requires_grad_(learned)
    return model


def train(arm: str, seed: int, scenes: datasets.Scenes, steps: int = STEPS, progress: bool = False) -> FCN:
    """The network of one arm after `steps` steps of `fit`, each on eight scenes."""
    model = build(arm, seed)
    fit(model, scenes, steps=steps, batch_size=BATCH, lr=RATE, seed=seed, progress=progress)
    return model.cpu()


def measure(model: nn.Module, val) -> dict[str, float]:
    """Pixel accuracy, mIoU over all classes with its bootstrap interval, over the things alone, and boundary F1 within 2 pixels."""
    scores = evaluate(model, val, num_classes=len(val.classes), boundary=TOLERANCE, interval=True)
    low, high = scores["miou_interval"]
    return {
        "accuracy": scores["accuracy"],
        "miou": scores["miou"],
        "low": low,
        "high": high,
        "things": sum(scores["iou"][k] for k in val.things) / len(val.things),
        "boundary_f1": scores["boundary_f1"],
    }


class Truths(torch.utils.data.Dataset):
    """A data set whose pictures (1, H, W) are its own labels / 255, for `TruthAtStride`."""

    def __init__(self, scenes: datasets.Scenes):
        self.scenes, self.classes, self.things = scenes, scenes.classes, scenes.things

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int):
        target = self.scenes[index][1]["semantic"].as_subclass(Tensor)
        return target[None] / 255, {"semantic": target}


class TruthAtStride(nn.Module):
    """The truth at one stride: the share of each class in each cell, bilinearly enlarged. (N, 1, H, W) of `Truths` -> (N, C, H, W)."""

    def __init__(self, num_classes: int, stride: int):
        super().__init__()
        self.num_classes, self.stride = num_classes, stride

    def forward(self, images: Tensor) -> Tensor:
        labels = (255 * images[:, 0]).round().long()
        shares = F.avg_pool2d(F.one_hot(labels, self.num_classes).movedim(-1, 1).float(), self.stride)
        return F.interpolate(shares, images.shape[-2:], mode="bilinear", align_corners=False)


@torch.no_grad()
def shares(model: FCN, images: Tensor) -> dict[str, Tensor]:
    """What each score map contributes to the logits, at the images' size: name -> (N, C, H, W), in the order in which they are added.

    images are normalized. Behind the score maps everything is linear and without bias, so the shares sum to the logits exactly.
    """
    model.eval()
    maps = model.scores(images)
    return {
        name: model.fuse(
            {other: value if other == name else 0 * value for other, value in maps.items()}, images.shape[-2:]
        )
        for name in maps
    }


def runs(arm: str, steps: int, train_set, val) -> Iterator[dict]:
    """One record per seed; seconds are those of the processor."""
    for seed in range(LIVE_SEEDS if arm in LIVE else SEEDS):
        start = time.process_time()
        model = train(arm, seed, train_set, steps)
        seconds = round(time.process_time() - start, 1)
        yield {"seed": seed, "seconds": seconds, "metrics": rounded(measure(model, val))}


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Four decimals, as the results file keeps them."""
    return {key: round(value, 4) for key, value in figures.items()}


def main() -> None:
    arms = []

    def add(name: str, params: int, macs: int, records) -> None:
        arms.append({"name": name, "params": params, "macs": macs, "runs": list(records)})
        print(arms[-1], flush=True)

    for size in (96, 192):
        train_set, val = scenes(size)
        base = rounded(measure(MostFrequent(train_set, 9), val))
        add(f"most frequent class, {size} px", 0, 0, [{"seed": 0, "seconds": 0.0, "metrics": base}])
        for stride in (32, 16, 8):
            best = rounded(measure(TruthAtStride(9, stride), Truths(val)))
            add(f"truth at stride {stride}, {size} px", 0, 0, [{"seed": 0, "seconds": 0.0, "metrics": best}])
        todo = [(arm, STEPS) for arm in (ARMS if size == 96 else ("32s", "16s", "8s"))]
        todo += [(arm, LONG) for arm in ("32s", "8s") if size == 96]
        for arm, steps in todo:
            model = build(arm, 0)
            cost = evidence.macs(model, torch.zeros(1, 3, size, size))
            params = sum(p.numel() for p in model.parameters())
            name = f"{arm}, {size} px" if steps == STEPS else f"{arm}, {size} px, {steps} steps"
            add(name, params, cost, runs(arm, steps, train_set, val))
    evidence.save("06_fcn_strides", command="python -m course_lib.experiments.fcn_strides", arms=arms)


if __name__ == "__main__":
    main()
