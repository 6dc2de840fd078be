"""Time of the metrics against a lower bound: `python benchmarks/metrics.py [rounds]`.

64 label maps of 512 x 512 pixels, 21 classes, in blocks of 16 pixels, 5 % void. The bound is one `torch.bincount` over codes
that already lie ready; torchmetrics stands beside, and boundary F1, which has no such bound. All rows are timed in turn within
each round, so a busy machine slows them alike; medians are printed.
"""

import statistics
import sys
import time

import torch
from torchmetrics.classification import MulticlassJaccardIndex

from course_lib.metrics import BoundaryF1, ConfusionMatrix

CLASSES, MAPS, SIDE, BLOCK = 21, 64, 512, 16


def label_maps() -> tuple[torch.Tensor, torch.Tensor]:
    """Prediction and target (64, 512, 512) int64; four pixels in five agree."""
    rng = torch.Generator().manual_seed(0)

    def blocks(values):
        return values.repeat_interleave(BLOCK, 1).repeat_interleave(BLOCK, 2)

    coarse = (MAPS, SIDE // BLOCK, SIDE // BLOCK)
    target = blocks(torch.randint(CLASSES, coarse, generator=rng))
    wrong = torch.rand(target.shape, generator=rng) < 0.2
    prediction = torch.where(wrong, torch.randint(CLASSES, target.shape, generator=rng), target)
    return prediction, target.masked_fill(blocks(torch.rand(coarse, generator=rng) < 0.05), 255)


def medians(functions: dict, rounds: int) -> dict[str, float]:
    """Median seconds of each function, timed in turn."""
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def torchmetrics_miou(prediction, target, checked: bool) -> None:
    """mIoU by torchmetrics, a map at a time; checked: with its own range checks, its default."""
    metric = MulticlassJaccardIndex(CLASSES, ignore_index=255, validate_args=checked)
    for p, t in zip(prediction, target, strict=True):
        metric.update(p[None], t[None])
    metric.compute()


def main(rounds: int = 15) -> None:
    prediction, target = label_maps()
    small_prediction, small_target = prediction.to(torch.uint8), target.to(torch.uint8)
    codes = torch.where(target == 255, CLASSES**2, target * CLASSES + prediction).flatten()
    times = medians(
        {
            "bincount of ready codes": lambda: torch.bincount(codes, minlength=CLASSES**2 + 1),
            "ConfusionMatrix, uint8": lambda: ConfusionMatrix(CLASSES).update(small_prediction, small_target),
            "ConfusionMatrix, int64": lambda: ConfusionMatrix(CLASSES).update(prediction, target),
        },
        rounds,
    )
    times |= medians(
        {
            "torchmetrics, no checks": lambda: torchmetrics_miou(prediction, target, False),
            "torchmetrics, its default": lambda: torchmetrics_miou(prediction, target, True),
            "BoundaryF1, 2 pixels": lambda: BoundaryF1(CLASSES, 2).update(prediction, target),
        },
        max(rounds // 5, 1),
    )
    bound = times["bincount of ready codes"]
    print(f"{MAPS} maps of {SIDE} x {SIDE}, {CLASSES} classes, {torch.get_num_threads()} threads, median of {rounds}")
    for name, seconds in times.items():
        print(f"{name:26}{1000 * seconds:8.1f} ms   {seconds / bound:.2f} x")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
