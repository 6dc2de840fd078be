"""Lesson 04: the same answers, ranked by several metrics, on 100 street scenes of 96x96 pixels.

Two pairs of small networks disagree about what is good. One network is trained twice, with equal weights for all pixels and with
weights inverse to the frequency of the class. And a network that answers in cells of 32 pixels, trained for 250 steps, stands against
a U-Net that answers at every pixel, after 60. Beside them stand two nulls that do not look at the picture and four answers without any
training, made from the truth, each wrong in one way. Nothing here says which network or loss is better: all stop early.
"""

import time
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor, nn

from course_lib import datasets, evidence
from course_lib.experiments import output_stride, street_unet
from course_lib.experiments.street_unet import MostFrequent
from course_lib.metrics import BoundaryF1, ConfusionMatrix, bootstrap_interval
from course_lib.training import fit, predict

SEEDS, CLASSES = 5, 9
NETS = {  # (builder, training steps, whether rare classes weigh more)
    "equal pixels": (lambda: output_stride.Segmenter(CLASSES, 8), 100, False),
    "rare classes weigh more": (lambda: output_stride.Segmenter(CLASSES, 8), 100, True),
    "coarse, 250 steps": (lambda: output_stride.Segmenter(CLASSES, 32), 250, False),
    "fine, 60 steps": (lambda: street_unet.UNet(3, CLASSES, width=8, depth=3), 60, False),
}
METRICS = {
    "accuracy": "pixel accuracy",
    "mean_accuracy": "mean class accuracy",
    "fw_iou": "frequency-weighted IoU",
    "miou": "mIoU",
    "mean_dice": "mean Dice",
    "boundary_f1": "boundary F1, 1 px",
    "boundary_f1_3": "boundary F1, 3 px",
}


def scenes() -> tuple[datasets.Scenes, datasets.Scenes]:
    """320 street scenes to learn from, 100 to judge by, 96x96 pixels."""
    return datasets.Scenes(320, 96, seed=0), datasets.Scenes(100, 96, seed=1)


def truth(scenes: datasets.Scenes) -> Tensor:
    """The label maps of a set, (N, H, W) int64."""
    return torch.stack([torch.as_tensor(scenes[i][1]["semantic"]).as_subclass(Tensor) for i in range(len(scenes))])


def answers(net: nn.Module, scenes: datasets.Scenes) -> Tensor:
    """A network's label maps of a set, (N, H, W) int64."""
    images = torch.stack([scenes[i][0].as_subclass(Tensor) for i in range(len(scenes))])
    return torch.cat([predict(net, batch) for batch in images.split(25)])


def weights(train: datasets.Scenes) -> Tensor:
    """(CLASSES,) one over the share of each class among the training pixels, scaled to mean 1."""
    counts = torch.bincount(truth(train).flatten(), minlength=CLASSES)
    inverse = counts.sum() / counts
    return inverse / inverse.mean()


def train_net(arm: str, seed: int, train: datasets.Scenes) -> nn.Module:
    """One network of NETS, trained; a seed gives the first two the same weights and the same batches."""
    build, steps, rare = NETS[arm]
    torch.manual_seed(seed)
    net, weight = build(), weights(train) if rare else torch.ones(CLASSES)

    def loss(model, batch):
        images, targets = batch
        return F.cross_entropy(model(images), targets["semantic"], weight=weight.to(images.device))

    fit(net, train, loss, steps=steps, seed=seed, progress=False)
    return net.cpu()


def blocks(labels: Tensor, side: int) -> Tensor:
    """Each block of side x side pixels gets its most frequent class: (N, H, W) int64, H and W divisible by side -> the same shape."""
    shares = F.avg_pool2d(F.one_hot(labels, CLASSES).permute(0, 3, 1, 2).float(), side)
    return shares.argmax(1).repeat_interleave(side, 1).repeat_interleave(side, 2)


def moved(labels: Tensor) -> Tensor:
    """The maps moved by one pixel to the right and one down; the first row and column stay."""
    out = labels.clone()
    out[:, 1:, 1:] = labels[:, :-1, :-1]
    return out


def erased(labels: Tensor, name: str, classes: tuple[str, ...]) -> Tensor:
    """The maps without one class: its pixels get the class of the nearest pixel of stuff; (N, H, W) int64 -> the same shape."""
    out, things = labels.clone(), [classes.index(thing) for thing in ("car", "person", "boat")]
    for one in out:
        gone = one == classes.index(name)
        nearest = ndimage.distance_transform_edt(
            np.isin(one.numpy(), things), return_distances=False, return_indices=True
        )
        one[gone] = one[tuple(torch.from_numpy(nearest))][gone]
    return out


def simple(train: datasets.Scenes, val: datasets.Scenes) -> dict[str, Tensor]:
    """The answers that take no training of their own, (N, H, W) int64 each."""
    labels = truth(val)
    return {
        "most frequent class": torch.full_like(labels, MostFrequent(train, CLASSES).best),
        "truth of another scene": labels.roll(1, 0),
        "the U-Net of lesson 00": answers(street_unet.pretrained(), val),
        "truth in 16×16 blocks": blocks(labels, 16),
        "truth in 4×4 blocks": blocks(labels, 4),
        "truth moved by 1 pixel": moved(labels),
        "truth without persons": erased(labels, "person", val.classes),
    }


def matrices(prediction: Tensor, labels: Tensor) -> Tensor:
    """(N, CLASSES, CLASSES): the confusion matrix of each picture."""
    return torch.stack([ConfusionMatrix(CLASSES).update(p, t).counts for p, t in zip(prediction, labels, strict=True)])


def miou(counts: Tensor) -> float:
    """mIoU of a confusion matrix (CLASSES, CLASSES)."""
    matrix = ConfusionMatrix(CLASSES)
    matrix.counts = counts
    return matrix.miou()


def measure(prediction: Tensor, labels: Tensor) -> dict[str, float]:
    """METRICS over the whole set; `image_miou`, the mean of the pictures' own mIoUs; and the half width of mIoU's bootstrap interval."""
    each = matrices(prediction, labels)
    matrix = ConfusionMatrix(CLASSES).update(prediction, labels)
    outlines = [BoundaryF1(CLASSES, tolerance).update(prediction, labels).mean() for tolerance in (1, 3)]
    low, high = bootstrap_interval(each, miou)
    return {
        "accuracy": matrix.accuracy(),
        "mean_accuracy": matrix.mean_accuracy(),
        "fw_iou": matrix.frequency_weighted_iou(),
        "miou": matrix.miou(),
        "mean_dice": matrix.mean_dice(),
        "boundary_f1": outlines[0],
        "boundary_f1_3": outlines[1],
        "image_miou": sum(map(miou, each)) / len(each),
        "half_width": (high - low) / 2,
    }


def runs(arm: str, train: datasets.Scenes, val: datasets.Scenes) -> Iterator[dict]:
    """One record per seed; seconds are those of the processor."""
    for seed in range(SEEDS):
        start = time.process_time()
        net = train_net(arm, seed, train)
        seconds = round(time.process_time() - start, 1)
        yield {"seed": seed, "seconds": seconds, "metrics": rounded(measure(answers(net, val), truth(val)))}


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Four decimals, as the results file keeps them."""
    return {key: round(value, 4) for key, value in figures.items()}


def main() -> None:
    train, val = scenes()
    cost = {"the U-Net of lesson 00": street_unet.build()} | {arm: NETS[arm][0]() for arm in NETS}
    cost = {
        a: (sum(p.numel() for p in m.parameters()), evidence.macs(m, torch.zeros(1, 3, 96, 96)))
        for a, m in cost.items()
    }
    done = {
        arm: [{"seed": 0, "seconds": 0.0, "metrics": rounded(measure(prediction, truth(val)))}]
        for arm, prediction in simple(train, val).items()
    }
    for arm in NETS:
        done[arm] = list(runs(arm, train, val))
        print(arm, done[arm], flush=True)
    nulls, oracles = [*done][:2], [*done][3:7]
    order = [*nulls, *NETS, "the U-Net of lesson 00", *oracles]
    arms = [
        {"name": a, "params": cost.get(a, (0, 0))[0], "macs": cost.get(a, (0, 0))[1], "runs": done[a]} for a in order
    ]
    shipped = next(arm for arm in arms if arm["name"] == "the U-Net of lesson 00")
    shipped["checkpoint"] = str(street_unet.WEIGHTS.relative_to(evidence.ROOT))  # trained once: no seeds here
    evidence.save("04_metric_rankings", command="python -m course_lib.experiments.metric_rankings", arms=arms)


if __name__ == "__main__":
    main()
