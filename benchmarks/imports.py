"""What importing costs: `import course_lib` against `import torch`, interleaved in fresh processes, medians.

python benchmarks/imports.py [rounds]
"""

import statistics
import subprocess
import sys
import time

STATEMENTS = [
    "import torch",
    "import course_lib",
    "from course_lib import datasets, plots, training",
    "from course_lib import widgets",
]


def seconds(statement: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    for statement in STATEMENTS:
        seconds(statement)  # fill the disk cache
    taken = {statement: [] for statement in STATEMENTS}
    for _ in range(rounds):
        for statement in STATEMENTS:
            taken[statement].append(seconds(statement))
    base = statistics.median(taken[STATEMENTS[0]])
    for statement, values in taken.items():
        median = statistics.median(values)
        print(f"{statement:50} {median:6.2f} s   {median / base:.3f} x torch")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
