"""Lesson 90: the microscope changes. Do the numbers chosen before still hold, and what does it take to repair them?

Noise, uneven light, nuclei twice as large. Each arm once with the numbers it had chosen on the usual pictures, once with numbers chosen on
validation pictures of the new kind, and the U-Net also trained anew on training pictures of the new kind.
"""

import time

import torch

from course_lib import evidence
from course_lib.experiments.classical_cells import KINDS, apply, choose, pictures, score, train

ARMS = ("Otsu, distance watershed", "local threshold, distance watershed", "U-Net, distance watershed")
ANEW = f"{ARMS[2]}, trained anew"


def run(arm: str, seed: int, models: dict) -> dict:
    """F1 on the usual test pictures and on those of each other kind, numbers kept and chosen again. models: {kind: its U-Net}."""
    start = time.perf_counter()
    numbers, test = choose(arm, pictures("val", seed), models["usual"]), pictures("test", seed)
    metrics = {"usual": score(apply(arm, numbers, test, models["usual"]), test.ids)["f1"]}
    for kind in KINDS[1:]:
        again, changed = choose(arm, pictures("val", seed, kind), models[kind]), pictures("test", seed, kind)
        for name, used in (("kept", numbers), ("again", again)):
            metrics[f"{kind}_{name}"] = score(apply(arm, used, changed, models[kind]), changed.ids)["f1"]
    seconds = round(time.perf_counter() - start, 1)
    return {
        "seed": seed,
        "seconds": seconds,
        "chosen": numbers,
        "metrics": {k: round(v, 4) for k, v in metrics.items()},
    }


def main(seeds: int = 5) -> None:
    runs: dict[str, list] = {arm: [] for arm in (*ARMS, ANEW)}
    for seed in range(seeds):
        own = {kind: train(pictures("train", seed, kind), seed) for kind in KINDS}
        for arm in ARMS:
            runs[arm].append(run(arm, seed, dict.fromkeys(KINDS, own["usual"])))
        runs[ANEW].append(run(ARMS[2], seed, own))
        print({name: done[-1]["metrics"] for name, done in runs.items()}, flush=True)
    size, macs = (
        sum(p.numel() for p in own["usual"].parameters()),
        evidence.macs(own["usual"], torch.zeros(1, 3, 96, 96)),
    )
    cost = {arm: (size, macs) if arm.startswith("U-Net") else (0, 0) for arm in runs}
    arms = [{"name": arm, "params": cost[arm][0], "macs": cost[arm][1], "runs": done} for arm, done in runs.items()]
    evidence.save("90_classical_shift", command="python -m course_lib.experiments.classical_shift", arms=arms)


if __name__ == "__main__":
    main()
