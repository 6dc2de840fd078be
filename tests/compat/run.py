"""Prove that the course works elsewhere: on Colab's versions, on the oldest supported ones, on the newest ones.

    python tests/compat/run.py all                      colab, oldest and newest, one after another
    python tests/compat/run.py colab --python PATH      with a Python that is not on PATH

Needs the environment of the tests (`python start.py test` makes it), Python 3.13 for colab, 3.11 for oldest, 3.12 for newest,
the package index, and 7 GB of disk for each environment that is kept. Every lesson, exercise (unattempted) and solution
runs headless, then the unit tests that need a learner's packages and pytest only. Prints one line per environment; exit code
1 if anything failed.

colab: a copy of the course is built with an address, committed and tagged in a local repository that stands in for GitHub.
A stand-in for google.colab is loaded before the first cell. The first notebook runs its Colab cell: it clones the tag and
installs what is missing. Afterwards no version may have moved, and nothing may have come but pure-Python packages that the
cell names.
oldest: the lower bounds of pyproject.toml. newest: whatever the index offers today, and not constraints.txt, which every
ordinary test run proves already.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import environments
import headless
import platformdirs
from environments import ROOT, Stop

sys.path.insert(0, str(ROOT))
from authoring.build import COLAB_PACKAGES, course_address

ADDRESS = "https://github.com/course-compat/segmentation-course"  # reached through git's insteadOf, never by network
STUB = Path(__file__).with_name("stub")
MAY_COME = {"course-lib", *map(environments.canonical, COLAB_PACKAGES)}
NOT_HERE = ["tests/browser", "tests/test_start.py"]  # another environment of its own, each


def notebooks(root: Path) -> list[Path]:
    return [path for part in ("lessons", "exercises", "solutions") for path in sorted((root / part).glob("*.ipynb"))]


def report(results) -> list[str]:
    """Print a line per notebook as it comes, and what is wrong with it. Returns the names of those that failed."""
    failed = []
    for result in results:
        state = "FAILED" if result.problems else "passed"
        print(f"  {result.name:<48}{result.seconds:>6.0f} s  {result.widgets:>2} widgets  {state}", flush=True)
        for line in [line for text in result.problems for line in text.splitlines()] + result.warnings:
            print(f"    {line}")
        failed += [result.name] * bool(result.problems)
    return failed


def unit_tests(python: Path, root: Path, scratch: Path, without: list[str]) -> tuple[int, list[str]]:
    """Run the unit tests of a copy of the course. Returns how many passed and what failed."""
    elsewhere = [f"--ignore={name}" for name in [*without, *environments.left_out(root)]]
    command = [python, "-m", "pytest", "tests", *elsewhere, "-n", "2", "--dist", "loadfile", "-r", "fE"]
    variables = environments.clean(
        COURSE_PROGRESS=str(scratch / "progress.json"), IPYTHONDIR=str(scratch / "ipython-tests"), MPLBACKEND="agg"
    )
    done = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True)
    print("  " + (done.stdout.strip().splitlines() or ["pytest printed nothing"])[-1], flush=True)
    failed = re.findall(r"^(?:FAILED|ERROR) .*", done.stdout, re.MULTILINE)
    if done.returncode and not failed:
        failed = ["pytest: " + (done.stdout + done.stderr).strip()[-1500:]]
    print(*(f"    {line}" for line in failed), sep="\n", end="\n" * bool(failed))
    passed = re.search(r"(\d+) passed", done.stdout)
    return int(passed[1]) if passed else 0, failed


def github(course: Path) -> tuple[dict[str, str], str]:
    """Make the copy a repository with the release's tag. Returns the variables that lead ADDRESS there, and the tag."""
    tag = course_address(course)[1]
    author = ["-c", "user.name=compat", "-c", "user.email=compat@localhost", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "release"], ["tag", tag]):
        subprocess.run(["git", "-c", "core.hooksPath=", *command], cwd=course, check=True, env=environments.clean())
    key = f"url.{course.as_uri()}.insteadOf"
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": ADDRESS}, tag


def fresh_colab(folder: Path, python: Path) -> dict[str, str]:
    """What is installed after a look at it: Colab's versions, without what an earlier run's Colab cell brought."""
    listed = environments.pinned(environments.COLAB_LIST.read_text("utf-8"))
    if left := set(environments.frozen(python)) & (MAY_COME - set(listed)):
        environments.pip(python, folder / "pip.log", "uninstall", "-y", *sorted(left))
    have = environments.frozen(python)
    wrong = [
        f"{name} is {have.get(name)}, not {version}" for name, version in listed.items() if have.get(name) != version
    ]
    if wrong:
        raise Stop(f"the environment is not Colab's ({'; '.join(wrong)}): delete {folder} and run this again")
    return have


def colab(folder: Path, python: Path, scratch: Path) -> tuple[int, int, list[str]]:
    """(notebooks, unit tests passed, failures) on the stand-in for Colab."""
    before = fresh_colab(folder, python)
    course = environments.course_copy(folder, ADDRESS)
    if subprocess.run([sys.executable, "-m", "authoring.build"], cwd=course, env=environments.clean()).returncode:
        raise Stop("authoring.build failed in the copy of the course")
    git, tag = github(course)
    content = scratch / "content"  # /content on Colab, where every kernel starts
    content.mkdir()
    startup = f"import sys\n\nsys.path.append({str(STUB)!r})\nimport google.colab\n"
    inline = "module://matplotlib_inline.backend_inline"  # as Colab sets it
    settings = {**git, "COURSE_PROGRESS": str(scratch / "progress.json"), "MPLBACKEND": inline}
    variables = environments.clean(**headless.kernel(scratch, python, startup, **settings))
    first, *rest = notebooks(course)
    failed = report(headless.run_all([first], course, content, variables, colab=True, workers=1))
    clone = content / ADDRESS.rsplit("/", 1)[1]
    if not (clone / "course_lib").is_dir():
        raise Stop(f"the Colab cell of {first.name} cloned nothing into {content}")
    failed += report(headless.run_all(rest, course, content, variables, colab=True))
    after = environments.frozen(python)
    came = [f"{name} {after[name]}" for name in sorted(set(after) - set(before))]
    said = environments.moved(before, after, MAY_COME)
    print(f"  the Colab cell cloned {tag}; came: {', '.join(came) or 'nothing'}; moved: {len(said)}")
    said += [f"{name} did not come" for name in ("course-lib", "pooch") if name not in after]
    said += headless.doctor_warnings(folder / "executed" / first.relative_to(course))
    print(*(f"  {line}" for line in said), sep="\n", end="\n" * bool(said))
    without = [*NOT_HERE, "tests/test_doctor.py"]  # which asks for JupyterLab
    passed, broken = unit_tests(python, clone, scratch, without)
    return 1 + len(rest), passed, failed + said + broken


def elsewhere(name: str, folder: Path, python: Path, scratch: Path) -> tuple[int, int, list[str]]:
    """(notebooks, unit tests passed, failures) after `pip install -r requirements.txt` into this environment."""
    course = environments.course_copy(folder)
    limits = scratch / "limits.txt"
    lines = environments.packages(name) if name == "oldest" else []
    limits.write_text("\n".join(lines), encoding="utf-8")
    before = environments.frozen(python)
    environments.pip(python, folder / "pip.log", "install", "-r", str(requirements(course)), "-c", str(limits))
    moves = environments.moved(before, environments.frozen(python), {"course-lib"})
    print(*(f"  {line}" for line in moves), sep="\n", end="\n" * bool(moves))
    progress = {"COURSE_PROGRESS": str(scratch / "progress.json")}
    variables = environments.clean(**headless.kernel(scratch, python, **progress))
    found = notebooks(course)
    failed = report(headless.run_all(found, course, course / "lessons", variables))
    passed, broken = unit_tests(python, course, scratch, NOT_HERE)
    return len(found), passed, moves + failed + broken


def requirements(course: Path) -> Path:
    """requirements.txt with the editable course as an absolute path, since pip reads it relative to where it runs."""
    path = course / "requirements.txt"
    path.write_text(re.sub(r"^-e \.$", f"-e {course}", path.read_text("utf-8"), flags=re.MULTILINE), encoding="utf-8")
    return path


def run(name: str, cache: Path, given: list[str]) -> bool:
    """One environment, from making it to its line. Returns whether all is well."""
    started, folder = time.monotonic(), cache / name
    print(f"\n== {name}", flush=True)
    try:
        python = environments.prepare(name, folder, environments.interpreter(environments.PYTHONS[name], given))
        print(f"  environment ready after {(time.monotonic() - started) / 60:.1f} min", flush=True)
        shutil.rmtree(folder / "executed", ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="course-compat-", ignore_cleanup_errors=True) as scratch:
            part = colab if name == "colab" else lambda *paths: elsewhere(name, *paths)
            count, passed, failed = part(folder, python, Path(scratch))
        have = environments.frozen(python)
    except Stop as stop:
        print(f"== {name}: {stop}", flush=True)
        return False
    versions = ", ".join(f"{package} {have.get(package, 'missing')}" for package in environments.SHOWN)
    counts = (
        f"{count} notebooks, {passed} unit tests, {(time.monotonic() - started) / 60:.1f} min, {len(failed)} failures"
    )
    print(f"== {name}: Python {environments.PYTHONS[name]}, {versions}; {counts}", flush=True)
    return not failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("environment", choices=[*environments.PYTHONS, "all"])
    parser.add_argument("--python", action="append", default=[], metavar="PATH", help="an interpreter; may be repeated")
    kept = platformdirs.user_cache_path("segmentation-course", appauthor=False) / "compat"
    parser.add_argument("--cache", type=Path, default=kept, help=f"where environments are kept; default {kept}")
    given = parser.parse_args()
    chosen = list(environments.PYTHONS) if given.environment == "all" else [given.environment]
    results = [run(name, given.cache.absolute(), given.python) for name in chosen]  # a failure stops none of the others
    return 0 if all(results) else 1


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # children of a shell's background job would ignore it
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nstopped")
        sys.exit(130)
