"""Lesson 03, the null beside its claim: what does dilation add on ordinary street scenes?

A ResNet-18, an eighth as wide as usual, labels scenes of 96x96 pixels at output stride 32, 16 or 8. Stride 8 comes twice, with dilation
and without: the same weights, the same cost, another field. Both fields, 435 and 227 pixels, exceed the picture, so no pixel of it is
out of any arm's reach.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import datasets, evidence
from course_lib.experiments.street_unet import MostFrequent
from course_lib.models import ResNet
from course_lib.training import evaluate, fit

WIDTH, STEPS, SEEDS = 8, 250, 5


class Segmenter(nn.Module):
    """ResNet-18 of width 8, a 1x1 classifier on its last map, bilinear upsampling: (N, 3, H, W) -> (N, num_classes, H, W).

    output_stride: 32, 16 or 8. dilate: whether kernels get a rate where strides were taken away; without it the map is as fine, and
    the later layers see less.
    """

    def __init__(self, num_classes: int, output_stride: int, dilate: bool = True):
        super().__init__()
        self.backbone = ResNet("resnet18", output_stride=output_stride, width=WIDTH, num_classes=None)
        self.classifier = nn.Conv2d(self.backbone.channels[-1], num_classes, kernel_size=1)
        for name, buffer in self.backbone.named_buffers(recurse=False):  # mean and std, for `fit`
            self.register_buffer(name, buffer.clone(), persistent=False)
        for conv in [] if dilate else [m for m in self.modules() if isinstance(m, nn.Conv2d)]:
            if conv.kernel_size == (3, 3):
                conv.dilation, conv.padding = (1, 1), (1, 1)

    def forward(self, images: Tensor) -> Tensor:
        scores = self.classifier(self.backbone(images))
        return F.interpolate(scores, images.shape[-2:], mode="bilinear", align_corners=False)


ARMS = {
    "stride 32 (field 435)": (32, True),
    "stride 16, dilated (field 435)": (16, True),
    "stride 8, dilated (field 435)": (8, True),
    "stride 8, not dilated (field 227)": (8, False),
}


def scenes() -> tuple[datasets.Scenes, datasets.Scenes]:
    """320 street scenes to learn from, 100 to judge by, 96x96 pixels."""
    return datasets.Scenes(320, 96, seed=0), datasets.Scenes(100, 96, seed=1)


def build(arm: str, seed: int) -> Segmenter:
    """The untrained network of one arm; one seed gives all arms the same weights."""
    torch.manual_seed(seed)
    return Segmenter(9, *ARMS[arm])


def measure(model: nn.Module, val: datasets.Scenes) -> dict[str, float]:
    """Pixel accuracy, mIoU over all classes and over the things alone (car, person, boat)."""
    scores = evaluate(model, val, num_classes=len(val.classes))
    things = [scores["iou"][k] for k in sorted(val.things)]
    return {"accuracy": scores["accuracy"], "miou": scores["miou"], "things": sum(things) / len(things)}


def runs(arm: str, train, val) -> Iterator[dict]:
    """One record per seed; seconds are those of the processor."""
    for seed in range(SEEDS):
        model, start = build(arm, seed), time.process_time()
        fit(model, train, steps=STEPS, seed=seed, progress=False)
        seconds = round(time.process_time() - start, 1)
        yield {"seed": seed, "seconds": seconds, "metrics": rounded(measure(model, val))}


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Four decimals, as the results file keeps them."""
    return {key: round(value, 4) for key, value in figures.items()}


def main() -> None:
    train, val = scenes()
    base = rounded(measure(MostFrequent(train, 9), val))
    arms = [
        {
            "name": "most frequent class",
            "params": 0,
            "macs": 0,
            "runs": [{"seed": 0, "seconds": 0.0, "metrics": base}],
        }
    ]
    for arm in ARMS:
        model = build(arm, 0)
        cost = evidence.macs(model, torch.zeros(1, 3, 96, 96))
        params = sum(p.numel() for p in model.parameters())
        arms.append({"name": arm, "params": params, "macs": cost, "runs": list(runs(arm, train, val))})
        print(arm, params, cost, arms[-1]["runs"], flush=True)
    evidence.save("03_output_stride", command="python -m course_lib.experiments.output_stride", arms=arms)


if __name__ == "__main__":
    main()
