"""Run every part of the proof, one after another, and print minutes per part. `start.py test` calls this.

Two workers with one thread each, so that two cores are enough and numbers repeat; a private progress file; nothing in
work/ is read or written. A failing part does not stop the others, and fails the whole at the end.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN_PART = ("parity", "graders", "browser")  # folders of tests/ that are parts; everything else there is "unit"


def parts(quick: bool, require: str) -> list[tuple[str, list[list[str]]]]:
    """[(name, [arguments of python, ...]), ...] in the order in which they run."""
    pytest, two = ["-m", "pytest"], ["-n", "2", "--dist", "loadfile"]
    needs = ["--require", require] if require else []
    elsewhere = [f"--ignore=tests/{folder}" for folder in OWN_PART]
    # Committed notebooks hold no outputs, so nbval compares nothing: a cell passes if it runs, its asserts included.
    nbval = [*pytest, "--nbval", "--nbval-current-env", "--nbval-cell-timeout=300"]
    notebooks = ["lessons/00_start_here.ipynb"] if quick else ["lessons", "solutions", "exercises", *two]
    every = [
        ("ruff", [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."]]),
        ("drift", [["-m", "authoring.build", "--check"]]),
        ("unit", [[*pytest, "tests", *elsewhere, *two, *needs]]),
        *((folder, [[*pytest, f"tests/{folder}", *two, *needs]]) for folder in OWN_PART),
        ("notebooks", [[*nbval, *notebooks]]),
    ]
    return [part for part in every if not quick or part[0] not in ("parity", "browser")]


def environment(scratch: str) -> dict[str, str]:
    """The variables under which all parts run."""
    threads = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
    private = {"COURSE_PROGRESS": str(Path(scratch, "progress.json")), "IPYTHONDIR": str(Path(scratch, "ipython"))}
    return {**os.environ, **threads, **private, "COURSE_PROFILE": "laptop", "HF_HUB_OFFLINE": "1", "MPLBACKEND": "agg"}


def run(chosen: list[tuple[str, list[list[str]]]]) -> int:
    """Run the parts and print the table. Returns the exit code: 1 if one failed."""
    results = []
    with tempfile.TemporaryDirectory(prefix="course-test-", ignore_cleanup_errors=True) as scratch:
        env = environment(scratch)
        for name, commands in chosen:
            print(f"\n== {name}", flush=True)
            if name == "notebooks":
                env.pop("MPLBACKEND")  # a kernel chooses its own, as it does for a learner
            started = time.monotonic()
            codes = [subprocess.run([sys.executable, *command], cwd=ROOT, env=env).returncode for command in commands]
            minutes = (time.monotonic() - started) / 60
            results.append((name, minutes, "FAILED" if any(codes) else "passed"))
            print(f"== {name} {results[-1][2]} in {minutes:.1f} min", flush=True)
    print(f"\n{'part':<12}minutes  result")
    for name, minutes, result in [*results, ("all", sum(minutes for _, minutes, _ in results), "")]:
        print(f"{name:<12}{minutes:>7.1f}  {result}")
    failed = sum(result == "FAILED" for _, _, result in results)
    print(f"parts: {len(results) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--require", default="")
    given = parser.parse_args()
    try:
        sys.exit(run(parts(given.quick, given.require)))
    except KeyboardInterrupt:
        print("\nstopped")
        sys.exit(130)
