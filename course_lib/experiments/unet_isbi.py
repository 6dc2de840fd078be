"""Lesson 08, real data: membranes in one stack of 30 sections (ISBI 2012), and what it is worth to have seen the neighbors.

Five sections are judged, 11, 13, 15, 17, 19. Six others are learnt from and two more choose the threshold, in two ways: the sections in
between, as a random split of the stack deals them, or sections from both ends, at least eight away, as a held-out block
demands. Sections are 50 nm apart, so neighbors show the same cells. How much of the answer that gives away is measured without a
network too: the label map of the nearest learnt section, copied. Needs the data set: COURSE_DATA=FOLDER, with isbi2012/ in it.
"""

import time

import numpy as np
import torch
from scipy import ndimage
from torchvision.transforms import v2

from course_lib import datasets, evidence, metrics
from course_lib.experiments import unet_cells
from course_lib.models import UNet
from course_lib.training import fit, predict_logits

SEEDS, STEPS, CROP = 3, 120, 96
TEST = (11, 13, 15, 17, 19)
SPLITS = {  # sections to learn from, sections to choose the threshold by
    "neighbors": ((10, 12, 14, 16, 18, 20), (9, 21)),
    "held-out block": ((0, 1, 2, 27, 28, 29), (3, 26)),
}
SMALLEST = 64  # pixels; smaller pieces of cells are no objects, neither true nor found
AUGMENTATION = v2.Compose([v2.RandomCrop(CROP), v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()])


class Sections(torch.utils.data.Dataset):
    """Sections of the stack in memory; with a transform, crops of them."""

    def __init__(self, stack, indices, transform=None):
        self.samples, self.transform = [stack[i] for i in indices], transform

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int):
        return self.transform(*self.samples[i]) if self.transform else self.samples[i]

    def labels(self) -> list[np.ndarray]:
        """(H, W) int, 0 membrane, 1 cell, of each section."""
        return [target["semantic"].numpy() for _, target in self.samples]


def cells(mask: np.ndarray) -> np.ndarray:
    """Cells as objects (H, W) int: 4-connected components of at least SMALLEST pixels."""
    pieces, _ = ndimage.label(mask)
    large = np.bincount(pieces.ravel()) >= SMALLEST
    large[0] = False
    return (large * large.cumsum())[pieces]


def train(stack, split: str, seed: int, steps: int = STEPS) -> UNet:
    """A small U-Net, width 8 and three levels, on crops of the split's six sections; back on the CPU."""
    model = unet_cells.build(seed)
    data = Sections(stack, SPLITS[split][0], AUGMENTATION)
    fit(model, data, steps=steps, batch_size=unet_cells.BATCH, seed=seed, progress=False)
    return model.cpu()


def probabilities(model: UNet, sections: Sections) -> list[np.ndarray]:
    """Probability of cell, (H, W) float32 each."""
    return [predict_logits(model, image).softmax(0)[1].numpy() for image, _ in sections.samples]


def choose(maps: list, truth: list) -> float:
    """The threshold with the best object F1 on these sections."""
    objects = [cells(t) for t in truth]
    return max(unet_cells.THRESHOLDS, key=lambda t: metrics.object_f1([cells(m > t) for m in maps], objects))


def measure(masks: list, truth: list) -> dict[str, float]:
    """Object F1 of the cells, IoU of membrane and cell, their mean and pixel accuracy, over all sections together."""
    matrix = metrics.ConfusionMatrix(2)
    for mask, target in zip(masks, truth, strict=True):
        matrix.update(torch.from_numpy(mask.astype(np.int64)), torch.from_numpy(target))
    membrane, cell = matrix.iou().tolist()
    f1 = metrics.object_f1([cells(m) for m in masks], [cells(t) for t in truth])
    return {"f1": f1, "membrane": membrane, "cell": cell, "miou": matrix.miou(), "accuracy": matrix.accuracy()}


def copied(stack, split: str) -> dict[str, float]:
    """Scores of a guess that never looks at the section: the labels of the nearest section that the split learns from."""
    learnt = SPLITS[split][0]
    nearest = [min(learnt, key=lambda i: abs(i - k)) for k in TEST]
    return measure(Sections(stack, nearest).labels(), Sections(stack, TEST).labels())


def base_rate(stack) -> dict[str, float]:
    """Scores of answering "cell" everywhere."""
    truth = Sections(stack, TEST).labels()
    return measure([np.ones_like(t) for t in truth], truth)


def run(stack, split: str, seed: int) -> dict:
    """One network: threshold chosen on the split's own two sections, scores on the five of TEST."""
    start = time.process_time()
    model = train(stack, split, seed)
    seconds = round(time.process_time() - start, 1)
    val, test = Sections(stack, SPLITS[split][1]), Sections(stack, TEST)
    threshold = choose(probabilities(model, val), val.labels())
    scores = measure([m > threshold for m in probabilities(model, test)], test.labels())
    return {"seed": seed, "seconds": seconds, "chosen": threshold, "metrics": unet_cells.rounded(scores)}


def main() -> None:
    if not datasets.available("isbi2012"):
        raise SystemExit(
            "unet_isbi: the data set isbi2012 is not there; set COURSE_DATA to the folder that holds isbi2012/"
        )
    stack = datasets.ISBI2012(datasets.data_root() / "isbi2012")
    fixed = {"cell everywhere": base_rate(stack)}
    fixed |= {f"labels of the nearest section, {split}": copied(stack, split) for split in SPLITS}
    arms = [
        {
            "name": name,
            "params": 0,
            "macs": 0,
            "runs": [{"seed": 0, "seconds": 0.0, "metrics": unet_cells.rounded(scores)}],
        }
        for name, scores in fixed.items()
    ]
    model = unet_cells.build(0)
    params, macs = sum(p.numel() for p in model.parameters()), evidence.macs(model, torch.zeros(1, 3, 512, 512))
    for split in SPLITS:
        runs = [run(stack, split, seed) for seed in range(SEEDS)]
        print(split, runs, flush=True)
        arms.append({"name": f"U-Net, {split}", "params": params, "macs": macs, "runs": runs})
    evidence.save("08_isbi", command="python -m course_lib.experiments.unet_isbi", arms=arms)


if __name__ == "__main__":
    main()
