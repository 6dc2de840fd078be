"""A U-Net on CamVid, or on generated street scenes where CamVid is not there: `python -m course_lib.experiments.camvid_unet`.

The whole way of the course in one script: data set, augmentation, `fit`, `evaluate`, a picture of image, truth and prediction.
CamVid is looked for in $COURSE_DATA, or in the folder after `--data`. Laptop profile: pictures of 96 x 128 pixels, at most two
minutes on two threads; the scores are those of the reduced pictures and of a net trained from scratch for that long.
"""

import argparse
import time
from pathlib import Path

import torch
from torchvision.transforms import v2

from course_lib import datasets, plots, profiles
from course_lib.models import UNet
from course_lib.plots.figures import sheet
from course_lib.plots.legends import key
from course_lib.plots.pictures import fit as enlarge
from course_lib.training import evaluate, fit, predict

TILE = 300  # pixels a picture may be wide


class InMemory:
    """A data set read once and kept, each picture with a random transform on top."""

    def __init__(self, dataset, transform=None):
        self.samples = [dataset[i] for i in range(len(dataset))]
        self.transform = transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        sample = self.samples[index]
        return self.transform(*sample) if self.transform else sample


def load(root: Path | None, size: tuple[int, int]):
    """Training and validation set with pictures of `size` (H, W), and what they are called."""
    resize = v2.Resize(size, antialias=True)
    if root is not None and (root / "camvid").is_dir():
        train, val = (datasets.CamVid(root / "camvid", split, transform=resize) for split in ("train", "val"))
        name = "CamVid"
    else:
        train, val = datasets.Scenes(320, size, seed=0), datasets.Scenes(80, size, seed=1)
        name = "generated street scenes (no CamVid in $COURSE_DATA or --data)"
    return InMemory(train, v2.RandomHorizontalFlip()), InMemory(val), train.classes, train.colors, name


def picture(model, val, classes, colors, count: int = 4):
    """Figure of image, truth and prediction of `count` validation pictures, spread over the set."""
    tiles, labels = [], []
    for i in range(0, len(val), -(-len(val) // count)):
        image, target = val[i]
        maps = [target["semantic"], predict(model, image)]
        tiles += [enlarge(plots.as_rgb(image), TILE), *(plots.overlay_rgb(image, m, colors, 0.75, TILE) for m in maps)]
        labels += maps
    titles = ["image", "truth", "prediction"] + [""] * (len(tiles) - 3)
    return sheet(tiles, titles, 3, *key(torch.stack(labels).flatten(0, 1), classes, colors, 3 * TILE))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.data_root(), help="folder that holds camvid/")
    parser.add_argument("--steps", type=int, help="training steps, instead of the profile's")
    parser.add_argument("--picture", type=Path, default=Path("work/camvid_unet.png"), help="where the picture goes")
    arguments = parser.parse_args()

    profile = profiles.current()
    size = profile.pick(laptop=(96, 128), gpu=(360, 480))
    width = profile.pick(laptop=16, gpu=32, full=64)
    steps = arguments.steps or profile.pick(laptop=300, gpu=3000, full=20000)
    train, val, classes, colors, name = load(arguments.data, size)
    print(
        f"{name}: {len(train)} pictures to train, {len(val)} to validate, {size[0]} x {size[1]} pixels, {profile.name} profile"
    )

    torch.manual_seed(0)
    model = UNet(3, len(classes), width=width)
    start = time.perf_counter()
    history = fit(model, train, steps=steps, batch_size=8, lr=4e-3)
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters, trained {time.perf_counter() - start:.0f} s: {history}"
    )

    scores = evaluate(model, val)
    print(
        f"accuracy {scores['accuracy']:.3f} (always the most frequent class: {scores['base_rate']:.3f}), mIoU {scores['miou']:.3f}"
    )
    for label, iou in zip(classes, scores["iou"], strict=True):
        print(f"  {label:12} IoU {iou:.3f}")
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    picture(model, val, classes, colors).savefig(arguments.picture)
    print(f"picture: {arguments.picture}")


if __name__ == "__main__":
    main()
