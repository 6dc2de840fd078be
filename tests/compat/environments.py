"""The three environments: their packages, the interpreter they need, whether an installation moved anything, and the tests
that can run in them."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLAB_LIST = Path(__file__).with_name("colab.txt")
PYTHONS = {"colab": "3.13", "oldest": "3.11", "newest": "3.12"}
FOR_TESTS = ("pytest", "pytest-xdist")  # of the extra [dev]; all else that the tests here use is a learner's
FOREIGN = set(  # what only tests with all of [dev] import; every ordinary run has them
    "authoring hypothesis jupytext playwright pycocotools segmentation_models_pytorch torchmetrics transformers".split()
)
SHOWN = ("torch", "torchvision", "numpy", "scipy", "scikit-image", "matplotlib", "ipywidgets", "anywidget", "ipython")


class Stop(Exception):
    """A foreseeable failure, in one sentence."""


def canonical(name: str) -> str:
    """A package's name as indexes compare it: jupyter_client -> jupyter-client."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lower_bounds(requirements: list[str]) -> dict[str, str]:
    """{name: lowest version} of requirements such as "torch>=2.8". Raises Stop for one without a lower bound."""
    found = {}
    for text in requirements:
        match = re.fullmatch(r"([\w.-]+)\s*>=\s*([\w.]+)", text.strip())
        if not match:
            raise Stop(f"pyproject.toml: {text!r} has no lower bound of the form name>=version")
        found[canonical(match[1])] = match[2]
    return found


def pinned(text: str) -> dict[str, str]:
    """{name: version} of a list of lines name==version with comments."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return {canonical(name): version for name, version in (line.split("==") for line in lines if line)}


def project(root: Path = ROOT) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def packages(name: str, root: Path = ROOT) -> list[str]:
    """The requirements of an environment, one per line of a requirements file."""
    if name == "colab":
        return [f"{package}=={version}" for package, version in pinned(COLAB_LIST.read_text("utf-8")).items()]
    learner = lower_bounds(project(root)["dependencies"])
    tests = lower_bounds(project(root)["optional-dependencies"]["dev"])
    wanted = learner | {key: tests[key] for key in FOR_TESTS}
    return [f"{key}=={low}" if name == "oldest" else key for key, low in wanted.items()]


def version_of(python: str) -> str:
    """'3.13' for an interpreter that runs, else ''."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def interpreter(version: str, given: list[str]) -> str:
    """The path of a Python of this version: among those given, this one, or on PATH. Raises Stop if there is none."""
    on_path = [shutil.which(name) for name in (f"python{version}", "python3", "python")]
    for python in [*given, sys.executable, *filter(None, on_path)]:
        if version_of(python) == version:
            return python
    raise Stop(f"no Python {version} was found: put python{version} on PATH, or give its path with --python")


def clean(**extra: str) -> dict[str, str]:
    """The variables of a child process: no path or setting of the course or of another environment."""
    unwanted = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_CONSTRAINT")
    kept = {key: value for key, value in os.environ.items() if key not in unwanted and not key.startswith("COURSE_")}
    one_thread = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
    return {**kept, **one_thread, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", **extra}


def pip(python: Path, log: Path, *arguments: str) -> None:
    """Run pip; everything goes to the log. Raises Stop with its last line."""
    with open(log, "a", encoding="utf-8") as file:
        print("\n$ pip", *arguments, file=file, flush=True)
        command = [python, "-m", "pip", *arguments]
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=clean()).returncode
    if code:
        errors = [line for line in log.read_text("utf-8", "replace").splitlines() if line.startswith("ERROR")]
        raise Stop(f"pip {arguments[0]} failed ({(errors or ['no message'])[-1]}): see {log}")


def prepare(name: str, folder: Path, python: str) -> Path:
    """The interpreter of the environment in folder/venv: kept while its set is unchanged, else made anew."""
    venv, log, stamp = folder / "venv", folder / "pip.log", folder / "set.json"
    wanted = {"python": subprocess.run([python, "-V"], capture_output=True, text=True).stdout, "set": packages(name)}
    inside = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (stamp.exists() and json.loads(stamp.read_text("utf-8")) == wanted and version_of(str(inside))):
        shutil.rmtree(venv, ignore_errors=True)
        stamp.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([python, "-m", "venv", venv], capture_output=True, text=True, env=clean())
        if done.returncode:
            raise Stop(f"{python} made no environment in {venv}: {(done.stdout + done.stderr).strip()[-200:]}")
        pip(inside, log, "install", *wanted["set"])
        stamp.write_text(json.dumps(wanted), encoding="utf-8")
    elif name == "newest":
        pip(inside, log, "install", "--upgrade", "--upgrade-strategy", "eager", *wanted["set"])
    return inside


def frozen(python: Path) -> dict[str, str]:
    """{name: version} of everything installed."""
    done = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json"], capture_output=True, text=True, env=clean()
    )
    if done.returncode:
        raise Stop(f"{python} -m pip list failed: {done.stderr.strip()[-200:]}")
    return {canonical(entry["name"]): entry["version"] for entry in json.loads(done.stdout)}


def moved(before: dict[str, str], after: dict[str, str], may_come: set[str]) -> list[str]:
    """A sentence for each package that changed its version, went, or came without being allowed to."""
    said = []
    for name in sorted(before | after):
        if name not in after:
            said.append(f"{name} {before[name]} is gone")
        elif name not in before:
            said += [f"{name} {after[name]} came uninvited"] * (name not in may_come)
        elif before[name] != after[name]:
            said.append(f"{name} moved from {before[name]} to {after[name]}")
    return said


def course_copy(folder: Path, address: str = "") -> Path:
    """A fresh copy of the working tree in folder/course: tracked files and new ones that git does not ignore.

    With an address it becomes the repository of [tool.course]; the caller builds the notebooks.
    """
    copy = folder / "course"
    shutil.rmtree(copy, ignore_errors=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        raise Stop(f"{ROOT} is no git checkout: clone the course to run this")
    for name in sorted(set(filter(None, listed.stdout.split("\0")))):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    if address:
        settings = (copy / "pyproject.toml").read_text("utf-8")
        changed, count = re.subn(r'^repository = ".*"$', f'repository = "{address}"', settings, flags=re.MULTILINE)
        if count != 1:
            raise Stop('pyproject.toml: [tool.course] has no line repository = "..."')
        (copy / "pyproject.toml").write_text(changed, encoding="utf-8")
    return copy


def imported(path: Path) -> set[str]:
    """The top-level names of the packages that a Python file imports anywhere."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


def left_out(root: Path) -> list[str]:
    """The test files and folders of a copy of the course that need more than a learner's packages and pytest."""
    files = [*root.glob("tests/**/test_*.py"), *root.glob("tests/**/conftest.py")]
    foreign = [path for path in files if imported(path) & FOREIGN]
    return sorted(
        (path.parent if path.name == "conftest.py" else path).relative_to(root).as_posix() for path in foreign
    )
