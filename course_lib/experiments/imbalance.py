"""Lesson 05: which loss for a class that has one pixel in sixty, and how much of the difference is the threshold?

Faint lesions on 1 to 2 % of the pixels of generated scans, a U-Net, and one loss after the other: same weights at the start, same
batches, same steps. Each answer is a probability of *lesion* for each pixel; a mask needs a threshold. Every arm is judged at 0.5 and at
the threshold that was best on the validation scans, and by what its probabilities are worth as probabilities.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from course_lib import evidence, losses
from course_lib.datasets import collate
from course_lib.datasets.drawing.canvas import axes, clip01, grains, noise
from course_lib.datasets.generated import Generated, Picture
from course_lib.models import UNet
from course_lib.training import fit, predict_logits

SIZE, STEPS, BATCH, LR, SEEDS = 64, 160, 8, 2e-2, 3
TISSUE, LESION = range(2)
CORRECTED = "the same, odds corrected"
BINS = 10  # of equal width in probability, for the reliability curve
ODDS = torch.linspace(-9, 9, 361)  # logits of the thresholds that are tried on the validation set


class Lesions(Generated):
    """n scans of grainy tissue with up to four faint bright lesions, some with none. size and seed as for `datasets.Cells`."""

    classes = ("tissue", "lesion")
    colors = ((60, 60, 60), (230, 159, 0))
    things = frozenset({LESION})

    def __init__(self, n=300, size=SIZE, *, seed=0, transform=None):
        super().__init__("Lesions", n, size, seed, transform, draw, 31)


def draw(rng: np.random.Generator, height: int, width: int) -> Picture:
    """One scan: smooth tissue, lesions of different brightness with soft edges, grain over all of it."""
    rows, (x, y) = np.arange(height), axes(height, width)
    image = 0.42 + 0.07 * noise(rng, rows / 18, width, 18)[0] + 0.045 * noise(rng, rows / 5, width, 5)[0]
    ids = np.zeros((height, width), np.uint8)
    for number in range(1, int(rng.integers(0, 5)) + 1):
        cx, cy = rng.uniform(5, width - 5), rng.uniform(5, height - 5)
        angle = np.arctan2(y - cy, x - cx) + rng.uniform(0, 2 * np.pi)
        wobble = 1 + 0.25 * np.cos(2 * angle) + 0.12 * np.cos(3 * angle + rng.uniform(0, 6))
        out = np.hypot(x - cx, y - cy) / (rng.uniform(2, 4.5) * wobble)  # 1 on the outline
        image = image + rng.uniform(0.06, 0.28) * clip01((1.35 - out) / 0.7)
        ids[(out < 1) & (ids == 0)] = number
    image = image + 0.06 * grains(rng, height, width)
    present = np.unique(ids[ids > 0])
    ids = np.searchsorted(np.r_[0, present], ids).astype(np.uint8)  # one that is covered wholly is no object
    gray = (clip01(image) * 255 + 0.5).astype(np.uint8)
    semantic = np.where(ids > 0, LESION, TISSUE).astype(np.uint8)
    return Picture(np.repeat(gray[..., None], 3, 2), semantic, ids, (LESION,) * len(present))


def scans() -> tuple[Lesions, Lesions, Lesions]:
    """300 scans to learn from, 100 on which thresholds are chosen, 200 to judge by."""
    return Lesions(300, seed=0), Lesions(100, seed=1), Lesions(200, seed=2)


class Arm(NamedTuple):
    """loss(logits, target) -> scalar, the learning rate and the number of steps to train with it."""

    loss: Callable[[Tensor, Tensor], Tensor]
    lr: float = LR
    steps: int = STEPS


def arms(train: Lesions) -> dict[str, Arm]:
    """The arms by name. The last four are controls: is it the loss, or the learning rate, or that training ended too early?"""
    balanced = weights(train)
    weighted = lambda weight: lambda x, t: losses.cross_entropy(x, t, weight=weight)  # noqa: E731
    ce = losses.cross_entropy
    return {
        "cross-entropy": Arm(ce),
        "inverse-frequency CE": Arm(weighted(balanced)),
        "square-root CE": Arm(weighted(balanced.sqrt())),
        "focal, gamma 2": Arm(losses.focal_loss),
        "OHEM": Arm(losses.ohem_loss),
        "Tversky .3 .7": Arm(losses.tversky_loss),
        "Dice": Arm(losses.dice_loss),
        "CE + Dice": Arm(losses.ce_dice_loss),
        "cross-entropy, half the rate": Arm(ce, lr=LR / 2),
        "cross-entropy, three times the steps": Arm(ce, steps=3 * STEPS),
        "focal, three times the steps": Arm(losses.focal_loss, steps=3 * STEPS),
        "Dice, three times the steps": Arm(losses.dice_loss, steps=3 * STEPS),
    }


def weights(train: Lesions) -> Tensor:
    """Inverse-frequency weights of tissue and lesion, (2,)."""
    return losses.inverse_frequency(losses.count_classes((target["semantic"] for _, target in train), 2))


def build(seed: int) -> UNet:
    """The untrained network, the same for all arms: a U-Net of width 8 with two poolings."""
    torch.manual_seed(seed)
    return UNet(num_classes=2, width=8, depth=2)


def trained(arm: Arm, seed: int, train: Lesions) -> UNet:
    """`build(seed)` after the arm's training."""
    model = build(seed)
    loss_fn = lambda model, batch: arm.loss(model(batch[0]), batch[1]["semantic"])  # noqa: E731
    fit(model, train, loss_fn, steps=arm.steps, batch_size=BATCH, lr=arm.lr, seed=seed, progress=False)
    return model


def margins(model: nn.Module, dataset: Lesions) -> tuple[Tensor, Tensor]:
    """Of every pixel of the set how much larger the logit of lesion is, float32, and whether it is one, bool; (N, H, W) both.

    sigmoid(margin) is the probability that the softmax gives to lesion.
    """
    found, truth = [], []
    for images, targets in DataLoader(dataset, 50, collate_fn=collate):
        logits = predict_logits(model, images)
        found.append(logits[:, LESION] - logits[:, TISSUE])
        truth.append(targets["semantic"] == LESION)
    return torch.cat(found), torch.cat(truth)


def iou_at(margin: Tensor, truth: Tensor, cuts: Tensor) -> Tensor:
    """IoU of lesion over the whole set if a pixel is one where its margin exceeds the cut; one value for each cut."""
    every, hits = (values.flatten().sort().values for values in (margin, margin[truth]))
    claimed, hits = (len(values) - torch.searchsorted(values, cuts, right=True) for values in (every, hits))
    return hits / (claimed + truth.sum() - hits)


def best_cut(margin: Tensor, truth: Tensor) -> float:
    """The cut (a logit) with the best IoU; to be chosen on the validation set."""
    return float(ODDS[iou_at(margin, truth, ODDS).argmax()])


def reliability(margin: Tensor, truth: Tensor) -> dict[str, list]:
    """Of each of BINS equal intervals of probability: share of the pixels, mean probability, share that is lesion (None if empty)."""
    p = margin.double().sigmoid().flatten()
    where = (p * BINS).long().clamp(max=BINS - 1)
    total = lambda values: torch.zeros(BINS, dtype=torch.float64).index_add_(0, where, values.double())  # noqa: E731
    count, said, true = total(torch.ones_like(p)), total(p), total(truth.flatten())
    mean = lambda sums: [round(float(s / n), 5) if n else None for s, n in zip(sums, count, strict=True)]  # noqa: E731
    return {"share": (count / len(p)).tolist(), "said": mean(said), "true": mean(true)}


def figures(margin: Tensor, truth: Tensor, cut: float) -> dict:
    """All that the table and the curves show. cut: the threshold that was chosen on the validation set, as a logit."""
    answer, tuned, p = margin > 0, margin > cut, margin.double().sigmoid()
    curve = reliability(margin, truth)
    gaps = [n * abs(a - b) for n, a, b in zip(*curve.values(), strict=True) if n]
    half, chosen = (float(v) for v in iou_at(margin, truth, torch.tensor([0.0, cut])))
    hits, hits_tuned, true = (int((mask & truth).sum()) for mask in (answer, tuned, truth))
    return {
        "iou": half,
        "precision": hits / max(int(answer.sum()), 1),
        "recall": hits / true,
        "threshold": float(torch.tensor(cut).sigmoid()),
        "iou_tuned": chosen,
        "precision_tuned": hits_tuned / max(int(tuned.sum()), 1),
        "recall_tuned": hits_tuned / true,
        "iou_oracle": float(iou_at(margin, truth, ODDS).max()),
        "ece": sum(gaps),
        "claimed": float(p.sum()) / true,
        "log_loss": float(F.softplus(torch.where(truth, -margin, margin).double()).mean()),
        "reliability": curve,
    }


def judged(model: nn.Module, val: Lesions, test: Lesions) -> dict:
    """`figures` on the test scans with the threshold from the validation scans."""
    return figures(*margins(model, test), best_cut(*margins(model, val)))


def corrected(model: nn.Module, balanced: Tensor, val: Lesions, test: Lesions) -> dict:
    """The same for a network trained with class weights, after its odds are divided by their ratio."""
    shift = float((balanced[TISSUE] / balanced[LESION]).log())
    (tuning, tuning_truth), (found, truth) = margins(model, val), margins(model, test)
    return figures(found + shift, truth, best_cut(tuning + shift, tuning_truth))


def curve(arm: str) -> tuple[Tensor, Tensor]:
    """The committed reliability curve: mean probability and share of lesion in each bin, over the seeds in which it is not empty."""
    runs = next(a["runs"] for a in evidence.load("05_imbalance")["arms"] if a["name"] == arm)
    curves = [run["metrics"]["reliability"] for run in runs]
    bins = lambda key: torch.tensor([[float("nan") if v is None else v for v in c[key]] for c in curves])  # noqa: E731
    return bins("said").nanmean(0), bins("true").nanmean(0)


def record(seed: int, seconds: float, values: dict) -> dict:
    """One run as the results file keeps it, with four decimals (six for the calibration error, which is small)."""
    digits = {"ece": 6, "log_loss": 6}
    metrics = {k: v if k == "reliability" else round(v, digits.get(k, 4)) for k, v in values.items()}
    return {"seed": seed, "seconds": seconds, "metrics": metrics}


def runs(train: Lesions, val: Lesions, test: Lesions) -> Iterator[tuple[str, dict]]:
    """(arm, record) of every run, arm by arm; the corrected one follows the weighted one that it is made of."""
    for name, arm in arms(train).items():
        for seed in range(SEEDS):
            start = time.process_time()
            model = trained(arm, seed, train)
            seconds = round(time.process_time() - start, 1)
            yield name, record(seed, seconds, judged(model, val, test))
            if name == "inverse-frequency CE":
                yield CORRECTED, record(seed, seconds, corrected(model, weights(train), val, test))


def constant(probability: float, test: Lesions) -> dict:
    """The figures of one probability for every pixel, the null of the calibration error."""
    truth = torch.stack([target["semantic"] for _, target in test]) == LESION
    margin = torch.tensor(probability).logit().expand(truth.shape)
    return figures(margin, truth, -9.0)


def main() -> None:
    train, val, test = scans()
    share = float(1 / (2 * weights(train)[LESION]))  # of lesion pixels in the training scans
    none = {"name": "base rate everywhere", "params": 0, "macs": 0, "runs": [record(0, 0.0, constant(share, test))]}
    model = build(0)
    size = {
        "params": sum(p.numel() for p in model.parameters()),
        "macs": evidence.macs(model, torch.zeros(1, 3, SIZE, SIZE)),
    }
    found: dict[str, list] = {}
    for arm, run in runs(train, val, test):
        found.setdefault(arm, []).append(run)
        print(arm, {k: v for k, v in run["metrics"].items() if k != "reliability"}, run["seconds"], flush=True)
    table = [none, *({"name": arm, **size, "runs": done} for arm, done in found.items())]
    evidence.save("05_imbalance", command="python -m course_lib.experiments.imbalance", arms=table)


if __name__ == "__main__":
    main()
