"""How long does "Run all" take? Each notebook from a fresh kernel, kernel start included: median of the rounds, and the first picture.

python benchmarks/lessons.py [rounds] [notebook ...]        # two threads on two cores, nothing else running
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]


def run(path: Path) -> tuple[float, float | None]:
    """(seconds of the whole notebook, seconds until the first picture)."""
    notebook = nbformat.read(path, as_version=4)
    start, first = time.perf_counter(), []

    def after(cell, cell_index, execute_reply):
        pictures = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        if pictures and not first:
            first.append(time.perf_counter() - start)

    NotebookClient(notebook, timeout=600, kernel_name="python3", on_cell_executed=after).execute(cwd=str(path.parent))
    return time.perf_counter() - start, first[0] if first else None


def main(rounds: int, paths: list[Path]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["COURSE_PROGRESS"] = str(Path(scratch, "progress.json"))
        totals = []
        for path in paths:
            results = [run(path) for _ in range(rounds)]
            total = statistics.median(seconds for seconds, _ in results)
            pictures = [first for _, first in results if first is not None]
            first = f"{statistics.median(pictures):5.1f} s" if pictures else "none"
            totals.append(total)
            print(f"{path.relative_to(ROOT)!s:50} {total:6.1f} s   first picture {first}", flush=True)
        print(f"median over notebooks {statistics.median(totals):.1f} s")


if __name__ == "__main__":
    names = [Path(name).resolve() for name in sys.argv[2:]]
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 3,
        names or sorted(ROOT.glob("lessons/*.ipynb")) + sorted(ROOT.glob("solutions/*.ipynb")),
    )
