"""Lesson 08: what keeps touching nuclei apart, the loss, the threshold or what comes after the network?

Four networks a seed differ in one thing: which pixels count more in the loss (`unet_cells.pixel_weights`). "gaps" are the paper's
border weights; "edges" and "background" spend the same total weight elsewhere and ask whether gaps have to be known for that. Each
network is read in three ways: threshold 0.5, the threshold chosen on validation, and threshold and watershed chosen on validation.
The row without a network shows what foreground IoU hides: the truth itself, with the lines between nuclei closed.
"""

import time

import numpy as np
import torch

from course_lib import evidence
from course_lib.experiments import classical_cells, unet_cells
from course_lib.experiments.classical_cells import Pictures

READINGS = ("at 0.5", "validated threshold", "watershed")
CLOSED = "truth, gaps closed"


def numbers(reading: str, maps: list, ids: list) -> tuple[float, float | None]:
    """(threshold, depth) of a way to read probabilities, chosen on these (validation) pictures unless it is fixed."""
    if reading not in READINGS:
        raise ValueError(f"numbers: reading must be one of {', '.join(READINGS)}, not {reading!r}")
    return (0.5, None) if reading == "at 0.5" else unet_cells.choose(maps, ids, watershed=reading == "watershed")


def train(weights: str, data: Pictures, seed: int, steps: int = unet_cells.STEPS):
    """The network of one kind of weights; one seed gives all kinds the same start and the same batches."""
    return unet_cells.train(unet_cells.build(seed), data, seed, weights=weights, steps=steps)


def measure_all(model, val: Pictures, test: Pictures) -> dict[str, tuple]:
    """For each reading (numbers chosen on val, metrics on test)."""
    on_val, on_test = (unet_cells.probabilities(model, data) for data in (val, test))
    chosen = {reading: numbers(reading, on_val, val.ids) for reading in READINGS}
    return {reading: (pair, unet_cells.measure(on_test, test.ids, *pair)) for reading, pair in chosen.items()}


def closed(test: Pictures) -> dict[str, float]:
    """Scores of the true foreground after the lines between touching nuclei were closed: nearly every pixel is right."""
    masks = [classical_cells.foreground("true foreground", ids, None).astype(np.float32) for ids in test.ids]
    return unet_cells.measure(masks, test.ids, 0.5)


def main() -> None:
    runs: dict[str, list] = {}
    for seed in range(unet_cells.SEEDS):
        data, val, test = (unet_cells.pictures(split, seed) for split in unet_cells.COUNTS)
        scores = unet_cells.rounded(closed(test))
        runs.setdefault(CLOSED, []).append({"seed": seed, "seconds": 0.0, "metrics": scores})
        for weights in unet_cells.WEIGHTS:
            start = time.process_time()
            model = train(weights, data, seed)
            seconds = round(time.process_time() - start, 1)
            for reading, (pair, scores) in measure_all(model, val, test).items():
                record = {"seed": seed, "seconds": seconds, "chosen": pair, "metrics": unet_cells.rounded(scores)}
                runs.setdefault(f"{weights}, {reading}", []).append(record)
                print(weights, reading, record, flush=True)
    params = sum(p.numel() for p in model.parameters())
    macs = evidence.macs(model, torch.zeros(1, 3, 96, 96))
    arms = [
        {
            "name": name,
            "params": 0 if name == CLOSED else params,
            "macs": 0 if name == CLOSED else macs,
            "runs": done,
        }
        for name, done in runs.items()
    ]
    evidence.save("08_unet_separation", command="python -m course_lib.experiments.unet_separation", arms=arms)


if __name__ == "__main__":
    main()
