"""Lesson 08, what its experiments on touching nuclei share: pictures, weights, training, choosing, measuring.

Every seed draws 30 pictures to learn from, 30 to choose a threshold by and 60 to judge by; they are those of lesson 90. An arm
trains a U-Net of three levels, 8 channels at full size. Its probabilities become objects by a threshold and 4-connected
components, or by a threshold and a watershed on the distance to the background; numbers are chosen by object F1 on validation.
"""

import itertools
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from course_lib import evidence, losses, metrics
from course_lib.experiments import classical_cells
from course_lib.experiments.classical_cells import Pictures
from course_lib.models import UNet
from course_lib.training import fit, predict_logits

SEEDS, STEPS, BATCH = 3, 100, 4
COUNTS = {"train": 30, "val": 30, "test": 60}
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
FEW_THRESHOLDS = (0.3, 0.5, 0.7)  # beside a watershed
DEPTHS = (0.25, 0.5, 1.0)  # pixels that a top of the distance map must stand out by
BLUR = 1.0  # pixels, of the distance map
FLIPS = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()])
WEIGHTS = ("equal", "gaps", "edges", "background")


def pictures(split: str, seed: int, n: int | None = None) -> Pictures:
    """The "train", "val" or "test" pictures of a draw: gray (H, W) float32 in [0, 1] and ids (H, W), 96x96 pixels."""
    return classical_cells.pictures(split, seed, n=n or COUNTS[split])


def pixel_weights(kind: str, data: Pictures) -> list[np.ndarray]:
    """How much each pixel counts in the loss: one (H, W) float32 map a picture.

    "equal": 1. "gaps": 1 + the paper's border weights, w0 = 10, sigma = 5 pixels. The other two spend the same total elsewhere:
    "background" on all background alike, as class weights do, "edges" on the background within two pixels of a nucleus.
    """
    if kind not in WEIGHTS:
        raise ValueError(f"pixel_weights: kind must be one of {', '.join(WEIGHTS)}, not {kind!r}")
    if kind == "equal":
        return [np.ones(ids.shape, np.float32) for ids in data.ids]
    extra = [losses.border_weights(ids).numpy() for ids in data.ids]
    if kind != "gaps":
        near = [near_background(ids) if kind == "edges" else ids == 0 for ids in data.ids]
        level = sum(e.sum() for e in extra) / sum(place.sum() for place in near)
        extra = [level * place for place in near]
    return [(1 + e).astype(np.float32) for e in extra]


def near_background(ids: np.ndarray) -> np.ndarray:
    """(H, W) bool: background with a nucleus within two pixels."""
    inside = torch.from_numpy(ids > 0)[None].float()
    near = F.max_pool2d(inside, 5, stride=1, padding=2)[0] > 0
    return near.numpy() & (ids == 0)


class Nuclei(torch.utils.data.Dataset):
    """Pictures as a semantic data set: (image (3, H, W), {"semantic" (H, W) of 0 and 1, "weight" (H, W) float32})."""

    def __init__(self, data: Pictures, weights: list[np.ndarray] | None = None, transform=None):
        self.data, self.weights, self.transform = data, weights or pixel_weights("equal", data), transform

    def __len__(self) -> int:
        return len(self.data.gray)

    def __getitem__(self, i: int):
        image = tv_tensors.Image(torch.from_numpy(self.data.gray[i]).expand(3, -1, -1))
        semantic = torch.from_numpy((self.data.ids[i] > 0).astype(np.int64))
        target = {"semantic": tv_tensors.Mask(semantic), "weight": tv_tensors.Mask(torch.from_numpy(self.weights[i]))}
        return self.transform(image, target) if self.transform else (image, target)


def loss(model: nn.Module, batch) -> torch.Tensor:
    """Cross-entropy weighted pixel by pixel; a net with deep supervision adds its coarser outputs, unweighted, as 1/2 and 1/4."""
    images, targets = batch
    semantic, weight = targets["semantic"], targets["weight"]
    outputs = model(images)
    if not isinstance(outputs, list):
        return losses.cross_entropy(outputs, semantic, pixel_weight=weight)
    shares = [0.5**k for k in range(1, len(outputs))]
    coarser = losses.deep_supervision_loss(losses.cross_entropy, outputs[1:], semantic, shares)
    finest = losses.cross_entropy(outputs[0], semantic, pixel_weight=weight)
    return (finest + sum(shares) * coarser) / (1 + sum(shares))


def build(seed: int, width: int = 8, **options) -> UNet:
    """The untrained net: gray pictures as three equal channels, 2 classes, three levels."""
    torch.manual_seed(seed)
    return UNet(3, 2, width=width, depth=3, **options)


def train(
    model: UNet, data: Pictures, seed: int, *, weights: str = "equal", transform=FLIPS, steps: int = STEPS
) -> UNet:
    """Train `model` on the best device; it comes back on the CPU."""
    dataset = Nuclei(data, pixel_weights(weights, data), transform)
    fit(model, dataset, loss, steps=steps, batch_size=BATCH, seed=seed, progress=False)
    return model.cpu()


def probabilities(model: nn.Module, data: Pictures) -> list[np.ndarray]:
    """Probability of nucleus in every picture, (H, W) float32 each."""
    images = torch.stack([torch.from_numpy(gray).expand(3, -1, -1) for gray in data.gray])
    return list(predict_logits(model, images).softmax(1)[:, 1].numpy())


def objects(probability: np.ndarray, threshold: float, depth: float | None = None) -> np.ndarray:
    """Objects (H, W) int: components of what exceeds the threshold; with a depth in pixels, cut by a watershed as well."""
    mask = probability > threshold
    if depth is None:
        return classical_cells.split("components", mask, None, None)
    return classical_cells.split("distance watershed", mask, (BLUR, depth), None)


def choose(maps: list, ids: list, *, watershed: bool = False) -> tuple[float, float | None]:
    """The (threshold, depth) with the best object F1 on these pictures; depth None without the watershed."""
    pairs = itertools.product(FEW_THRESHOLDS, DEPTHS) if watershed else itertools.product(THRESHOLDS, (None,))
    return max(pairs, key=lambda pair: object_f1(maps, ids, *pair))


def object_f1(maps: list, ids: list, threshold: float, depth: float | None = None) -> float:
    """Object F1 over all pictures."""
    return metrics.object_f1([objects(m, threshold, depth) for m in maps], ids)


def measure(maps: list, ids: list, threshold: float, depth: float | None = None) -> dict[str, float]:
    """What `classical_cells.score` gives: object F1, foreground IoU, share of merged nuclei ...; boundary F1 besides.

    boundary: F1 of the foreground's contours within one pixel, mean over the pictures.
    """
    found = [objects(m, threshold, depth) for m in maps]
    contours = [
        metrics.boundary_f1(torch.from_numpy(f > 0), torch.from_numpy(i > 0), tolerance=1.0)
        for f, i in zip(found, ids, strict=True)
    ]
    return classical_cells.score(found, ids) | {"boundary": float(np.mean(contours))}


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Four decimals, as the results file keeps them."""
    return {key: round(value, 4) for key, value in figures.items()}


def compare(name: str, arms: Iterable[str], few: int | None, train: Callable, measure: Callable) -> None:
    """Train and measure every arm with every seed, each on the same pictures, and write results/08_NAME.json.

    few: learn from so many pictures only. train(arm, pictures, seed) -> net. measure(net, val, test) -> (numbers chosen on val,
    figures on test). Seconds are those of the processor, of training alone.
    """
    runs: dict[str, list] = {arm: [] for arm in arms}
    cost = {}
    for seed in range(SEEDS):
        data, val, test = pictures("train", seed, few), pictures("val", seed), pictures("test", seed)
        for arm, done in runs.items():
            start = time.process_time()
            model = train(arm, data, seed)
            seconds = round(time.process_time() - start, 1)
            chosen, figures = measure(model, val, test)
            done.append({"seed": seed, "seconds": seconds, "chosen": chosen, "metrics": rounded(figures)})
            print(arm, done[-1], flush=True)
            params = sum(p.numel() for p in model.parameters())
            cost[arm] = {"params": params, "macs": evidence.macs(model, torch.zeros(1, 3, 96, 96))}
    records = [{"name": arm} | cost[arm] | {"runs": done} for arm, done in runs.items()]
    evidence.save(f"08_{name}", command=f"python -m course_lib.experiments.{name}", arms=records)
