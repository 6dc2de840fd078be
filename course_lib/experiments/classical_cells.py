"""Lesson 90: touching nuclei, told apart without training, with a little training, and with both.

An arm is a way to find the foreground and a way to split it. Every number that an arm needs (threshold, depth, scale) is chosen by object
F1 on validation pictures; the network alone also learns from training pictures. Each seed draws all three sets anew.
"""

import itertools
import time
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from skimage import filters, morphology, segmentation

from course_lib import datasets, evidence
from course_lib.metrics import Matches, match_objects
from course_lib.models import UNet
from course_lib.training import fit, predict_logits

COUNTS = {"train": 40, "val": 30, "test": 60}
KINDS = ("usual", "noise", "light", "size")
SMALLEST = 14  # pixels; smaller pieces are dropped, as the data set drops them
DEPTHS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # pixels
THRESHOLDS = {
    "Otsu": (0.0, 0.5, 1.0),  # pixels of blur before it
    "local threshold": (21, 31, 51, 71, 101),  # pixels around, whose mean is the threshold
    "U-Net": (0.5, 0.7, 0.8, 0.9),  # probability
    "true foreground": (None,),
}
SPLITS = {
    "one component": (None,),
    "grid": (10, 12, 14, 16, 18, 20),  # pixels a square is wide
    "components": (None,),
    "distance watershed": tuple(itertools.product((0.0, 1.0), DEPTHS)),  # pixels of blur of the distances, depth
    "intensity watershed": tuple(itertools.product((1.0, 1.5, 2.0), (0.01, 0.02, 0.05, 0.1))),  # pixels of blur, depth
}
ARMS = {
    "everything is one nucleus": ("Otsu", "one component"),
    "Otsu, blind grid": ("Otsu", "grid"),
    "Otsu, components": ("Otsu", "components"),
    "Otsu, intensity watershed": ("Otsu", "intensity watershed"),
    "Otsu, distance watershed": ("Otsu", "distance watershed"),
    "local threshold, components": ("local threshold", "components"),
    "local threshold, distance watershed": ("local threshold", "distance watershed"),
    "U-Net, components": ("U-Net", "components"),
    "U-Net, distance watershed": ("U-Net", "distance watershed"),
    "true foreground, distance watershed": ("true foreground", "distance watershed"),
}
STEPS = 100
LONG = 400


class Pictures(NamedTuple):
    """gray: list of (H, W) float32 in [0, 1]; ids: list of (H, W) int, 0 background, nuclei 1 ... M."""

    gray: list
    ids: list


def pictures(split: str, seed: int, kind: str = "usual", n: int | None = None) -> Pictures:
    """The `split` (train, val, test) of draw `seed`, seen through one kind of microscope; n pictures instead of the usual number."""
    n = n or COUNTS[split] // (2 if kind == "size" else 1)  # those have four times the pixels
    own = 10 * seed + list(COUNTS).index(split)
    cells = datasets.Cells(n, 192 if kind == "size" else 96, seed=1000 + own)
    drawn = [cells.picture(i) for i in range(n)]
    gray = [p.image[..., 0].astype(np.float32) / 255 for p in drawn]
    rng = np.random.default_rng([own, 90])
    if kind == "noise":
        gray = [np.clip(0.5 * g + rng.normal(0, 0.06, g.shape), 0, 1).astype(np.float32) for g in gray]
    if kind == "light":
        gray = [g * np.linspace(1, 0.25, g.shape[1], dtype=np.float32) for g in gray]
    return Pictures(gray, [p.ids.astype(np.int64) for p in drawn])


def foreground(way: str, picture: np.ndarray, number) -> np.ndarray:
    """(H, W) bool. picture: gray values; a network's probabilities for "U-Net"; true ids for "true foreground"."""
    if way == "U-Net":
        return picture > number
    if way == "true foreground":  # with the lines between touching nuclei closed
        return ndimage.binary_closing(picture > 0, np.ones((3, 3)))
    if way == "Otsu":
        blurred = ndimage.gaussian_filter(picture, number)
        return blurred > filters.threshold_otsu(blurred)
    blurred = ndimage.gaussian_filter(picture, 1.0)
    return blurred > filters.threshold_local(blurred, number)


def flood(height: np.ndarray, mask: np.ndarray, h: float) -> np.ndarray:
    """Watershed of (H, W) from its minima of depth h, inside the mask: (H, W) int labels from 1, 0 outside and where no minimum is."""
    markers, _ = ndimage.label(morphology.h_minima(height, h) & mask, np.ones((3, 3)))
    return segmentation.watershed(height, markers, mask=mask)


def distance_watershed(mask: np.ndarray, blur: float, h: float) -> np.ndarray:
    """What `ops.split_touching` computes, by scikit-image: (H, W) bool -> (H, W) int labels."""
    distance = ndimage.distance_transform_edt(mask)
    return flood(-ndimage.gaussian_filter(distance, blur) * mask if blur else -distance, mask, h)


def intensity_watershed(gray: np.ndarray, mask: np.ndarray, blur: float, h: float) -> np.ndarray:
    """The same with the blurred brightness in place of the distance: one object for each bright top that stands out by h."""
    return flood(-ndimage.gaussian_filter(gray, blur), mask, h)


def split(way: str, mask: np.ndarray, number, gray: np.ndarray) -> np.ndarray:
    """Objects (H, W) int, 0 background, 1 ... M; pieces smaller than SMALLEST are dropped."""
    if way == "one component":
        return mask.astype(np.int64)
    if way == "grid":
        rows, columns = np.indices(mask.shape) // number
        labels = np.where(mask, 1 + rows * (columns.max() + 1) + columns, 0)
    elif way == "components":
        labels, _ = ndimage.label(mask)
    elif way == "distance watershed":
        labels = distance_watershed(mask, *number)
    else:
        labels = intensity_watershed(gray, mask, *number)
    keep = np.bincount(labels.ravel()) >= SMALLEST
    keep[0] = False
    return np.where(keep, keep.cumsum(), 0)[labels]


def score(found: list, truth: list) -> dict[str, float]:
    """Object scores over all pictures; found, truth: lists of (H, W) int maps, 0 background, objects 1 ... M.

    f1: an object is found if some prediction has IoU > 0.5 with it (there can be one at most); 2 TP / (2 TP + FP + FN).
    count: mean of |found - true| objects in a picture; merged: share of true objects that lie by more than half in a prediction in which
    another one does too; split: share of true objects that hold more than half of each of two or more predictions; foreground: IoU of
    everything found with everything true.
    """
    total, misses, common, covered = Matches(), [], 0, 0
    for prediction, ids in zip(found, truth, strict=True):
        matches = match_objects(prediction, ids)
        total += matches
        misses.append(abs(matches.fp - matches.fn))
        common += int(((prediction > 0) & (ids > 0)).sum())
        covered += int(((prediction > 0) | (ids > 0)).sum())
    objects = max(total.objects, 1)
    return {
        "f1": total.f1,
        "count": float(np.mean(misses)),
        "merged": total.merged / objects,
        "split": total.split / objects,
        "foreground": common / max(covered, 1),
    }


class Pairs(torch.utils.data.Dataset):
    """Pictures as a semantic data set: (image (3, H, W), {"semantic": (H, W) of 0 and 1})."""

    def __init__(self, data: Pictures):
        self.data = data

    def __len__(self) -> int:
        return len(self.data.gray)

    def __getitem__(self, i: int):
        gray = torch.from_numpy(self.data.gray[i]).expand(3, -1, -1)
        return gray, {"semantic": torch.from_numpy((self.data.ids[i] > 0).astype(np.int64))}


def train(data: Pictures, seed: int, steps: int = STEPS) -> UNet:
    """A small U-Net that learns nucleus or background: width 8, three levels, batches of 4 on the best device, back on the CPU."""
    torch.manual_seed(seed)
    model = UNet(3, 2, width=8, depth=3)
    fit(model, Pairs(data), steps=steps, batch_size=4, seed=seed, progress=False)
    return model.cpu()


def probabilities(model: UNet, data: Pictures) -> list:
    """The network's probability of nucleus for each picture: list of (H, W) float32."""
    images = torch.stack([Pairs(data)[i][0] for i in range(len(data.gray))])
    return list(predict_logits(model, images).softmax(1)[:, 1].numpy())


def maps(way: str, data: Pictures, model: UNet | None) -> list:
    """What `foreground` thresholds."""
    return probabilities(model, data) if way == "U-Net" else data.ids if way == "true foreground" else data.gray


def apply(arm: str, numbers: tuple, data: Pictures, model: UNet | None = None) -> list:
    """The arm's objects in every picture, with numbers (threshold, split) as `choose` returns them."""
    way, cut = ARMS[arm]
    masks = [foreground(way, m, numbers[0]) for m in maps(way, data, model)]
    return [split(cut, mask, numbers[1], gray) for mask, gray in zip(masks, data.gray, strict=True)]


def choose(arm: str, data: Pictures, model: UNet | None = None) -> tuple:
    """The arm's (threshold, split) numbers with the best object F1 on `data`."""
    way, cut = ARMS[arm]
    seen, best = maps(way, data, model), (-1.0, ())
    for threshold in THRESHOLDS[way]:
        masks = [foreground(way, m, threshold) for m in seen]
        for number in SPLITS[cut]:
            found = [split(cut, mask, number, gray) for mask, gray in zip(masks, data.gray, strict=True)]
            best = max(best, (score(found, data.ids)["f1"], (threshold, number)), key=lambda item: item[0])
    return best[1]


def run(arm: str, seed: int, model: UNet) -> dict:
    """Numbers chosen on the validation pictures of this draw, scores on its test pictures."""
    start = time.perf_counter()
    numbers, test = choose(arm, pictures("val", seed), model), pictures("test", seed)
    metrics = score(apply(arm, numbers, test, model), test.ids)
    seconds = round(time.perf_counter() - start, 1)
    return {
        "seed": seed,
        "seconds": seconds,
        "chosen": numbers,
        "metrics": {k: round(v, 4) for k, v in metrics.items()},
    }


def main(seeds: int = 5) -> None:
    runs: dict[str, list] = {}
    for seed in range(seeds):
        learner, longer = (train(pictures("train", seed), seed, steps) for steps in (STEPS, LONG))
        for arm in ARMS:
            runs.setdefault(arm, []).append(run(arm, seed, learner))
        for arm in ("U-Net, components", "U-Net, distance watershed"):
            runs.setdefault(f"{arm}, {LONG} steps", []).append(run(arm, seed, longer))
        print({name: done[-1]["metrics"]["f1"] for name, done in runs.items()}, flush=True)
    size = sum(p.numel() for p in learner.parameters())
    macs = evidence.macs(learner, torch.zeros(1, 3, 96, 96))
    cost = {name: (size, macs) if name.startswith("U-Net") else (0, 0) for name in runs}
    arms = [{"name": n, "params": cost[n][0], "macs": cost[n][1], "runs": done} for n, done in runs.items()]
    evidence.save("90_classical_cells", command="python -m course_lib.experiments.classical_cells", arms=arms)


if __name__ == "__main__":
    main()
