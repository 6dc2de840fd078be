"""Pictures a second of the generated sets: `OMP_NUM_THREADS=1 python benchmarks/scenes.py [pictures] [rounds]`.

Time of one process on one core, so a busy machine slows it little. Rows are timed in turn within each round, each round with new
seeds, and medians are printed: "first" draws a picture, "again" is `ds[i]` of a drawn one (tensors, masks, boxes).
"""

import statistics
import sys
import time

from course_lib.datasets import Cells, Scenes
from course_lib.datasets.scenes import VARIANTS

SIZES = (96, 192, 512)


def seconds(function) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def main(pictures: int = 60, rounds: int = 5):
    sets = {name: lambda n, size, seed, name=name: Scenes(n, size, variant=name, seed=seed) for name in VARIANTS}
    sets["cells"] = lambda n, size, seed: Cells(n, size, seed=seed)
    rows = {(name, size): ([], []) for size in SIZES for name in sets}
    for k in range(rounds + 1):
        for (name, size), (first, again) in rows.items():
            n = pictures if size < 128 else max(pictures // 10, 2)
            ds = sets[name](n, size, 1000 + k)
            draw, convert = (
                seconds(lambda ds=ds, n=n: [ds.picture(i) for i in range(n)]),
                seconds(lambda ds=ds: list(ds)),
            )
            if k:  # round 0 fills the caches
                first.append(n / draw)
                again.append(n / max(convert, 1e-9))
    print(f"{'set':<12}{'size':>5}{'first /s':>10}{'again /s':>10}")
    for (name, size), (first, again) in rows.items():
        print(f"{name:<12}{size:>5}{statistics.median(first):>10.0f}{statistics.median(again):>10.0f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
