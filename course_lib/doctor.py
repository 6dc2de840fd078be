"""What this machine can do for the course, line by line: "ok", or "warning" with the remedy.

    python start.py doctor              in a terminal, also before anything is installed
    python -m course_lib.doctor         in an environment of your own
    from course_lib import doctor; doctor.report()          in a notebook

This file needs the standard library only: it is also run by its path, where torch is missing or broken.
"""

import importlib.metadata as metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
REPAIR = "delete the environment (the folder .venv) and run `python start.py`; on Colab, start with a new runtime"
GIB = 1024**3


class Line(NamedTuple):
    """One result. `found` says what there is; `remedy` is empty where all is well."""

    name: str
    found: str
    remedy: str = ""


def python() -> Line:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < (3, 11) or sys.maxsize < 2**32:
        return Line("Python", found, "install a 64-bit Python 3.11, 3.12 or 3.13")
    return Line("Python", found)


def packages() -> Line:
    """Whether everything that pyproject.toml asks for is there, new enough; on Colab, which is a front end, without JupyterLab."""
    wanted = _required()
    if "google.colab" in sys.modules:
        wanted = [(name, lowest) for name, lowest in wanted if name not in ("jupyterlab", "nbval")]
    if not wanted:
        return Line("packages", "course_lib is not installed in this Python", "run `python start.py`")
    missing = [name for name, _ in wanted if _version(name) is None]
    old = [name for name, lowest in wanted if name not in missing and _numbers(_version(name)) < _numbers(lowest)]
    if missing or old:
        parts = [("missing", missing), ("too old", old)]
        found = "; ".join(f"{word}: {', '.join(names)}" for word, names in parts if names)
        return Line("packages", found, "run `python start.py`, which installs the tested set")
    return Line("packages", f"all {len(wanted)} there, numpy {_version('numpy')}, matplotlib {_version('matplotlib')}")


def torch_fit() -> Line:
    """Whether torch and torchvision are of one release: by what torchvision asks for, and by running one of its kernels."""
    versions = {name: _version(name) for name in ("torch", "torchvision")}
    found = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
    if None in versions.values():
        return Line("torch", found, "run `python start.py`")
    reason = _mismatch(versions["torch"]) or _kernel_error()
    if reason:
        windows = os.name == "nt" and "DLL" in reason
        remedy = "install Microsoft's Visual C++ Redistributable (x64)" if windows else REPAIR
        return Line("torch", f"{found} do not fit each other: {reason}", remedy)
    return Line("torch", f"{found}: they fit")


def device() -> Line:
    torch = sys.modules.get("torch")
    if torch is None:
        return Line("device", "unknown without torch", "run `python start.py`")
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        found = f"{torch.cuda.get_device_name()}, {free / GIB:.1f} of {total / GIB:.1f} GiB free"
        return Line("device", f"cuda: {found}, {'bfloat16' if native else 'float16'} for mixed precision")
    if torch.backends.mps.is_available():
        return Line("device", "mps: Apple silicon")
    found = f"cpu: {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
    if shutil.which("nvidia-smi"):
        build = "a CPU build of torch" if torch.version.cuda is None else f"CUDA {torch.version.cuda} in torch"
        remedy = "update the NVIDIA driver, or run `python start.py --torch default`; lessons also run on the CPU"
        return Line("device", f"{found}; an NVIDIA driver is there, but it does not work with {build}", remedy)
    return Line("device", found)


def memory() -> Line:
    try:
        import psutil
    except ImportError:
        return Line("memory", "unknown without psutil", "run `python start.py`")
    total, free = psutil.virtual_memory().total, psutil.virtual_memory().available
    limit = Path("/sys/fs/cgroup/memory.max")  # of a container
    if limit.is_file() and limit.read_text().strip().isdigit():
        total = min(total, int(limit.read_text()))
    free = min(free, total)
    found = f"{free / GIB:.1f} of {total / GIB:.1f} GiB free"
    return Line("memory", found, "close other programs: a lesson takes up to 2 GiB" if free < 2 * GIB else "")


def disk() -> Line:
    free = shutil.disk_usage(ROOT).free
    found = f"{free / 1e9:.1f} GB free at {ROOT}"
    return Line("disk", found, "make room: checkpoints and real data take about 2 GB" if free < 2e9 else "")


def front_end() -> Line:
    """Whether JupyterLab has the browser half of ipywidgets and anywidget."""
    names = ("jupyterlab", "ipywidgets", "anywidget")
    found = ", ".join(f"{name} {_version(name) or 'missing'}" for name in names)
    if not _version("ipywidgets") or not _version("anywidget"):
        return Line("widgets", found, "run `python start.py`")
    if "google.colab" in sys.modules or not _version("jupyterlab"):
        return Line("widgets", f"{found}; this front end brings its own browser half")
    folders = [Path(sys.prefix, "share", "jupyter", "labextensions")]
    folders += [Path(path) / "labextensions" for path in os.environ.get("JUPYTER_PATH", "").split(os.pathsep) if path]
    halves = ("@jupyter-widgets/jupyterlab-manager", "anywidget")
    absent = [half for half in halves if not any((folder / half / "package.json").is_file() for folder in folders)]
    return Line("widgets", found + "".join(f"; no {half}" for half in absent), REPAIR if absent else "")


def data() -> Line:
    given = os.environ.get("COURSE_DATA")
    if not given:
        return Line(
            "data", "generated; to use real sets, let COURSE_DATA name the folder that holds camvid/ or isbi2012/"
        )
    sets = [name for name in ("camvid", "isbi2012") if Path(given, name).is_dir()]
    if not sets:
        remedy = "lessons use generated data; let COURSE_DATA name the folder that holds camvid/ or isbi2012/"
        return Line("data", f"neither camvid/ nor isbi2012/ in COURSE_DATA={given}", remedy)
    return Line("data", f"{', '.join(sets)} in {given}; generated for the rest")


def progress() -> Line:
    try:
        from course_lib.grading import scorebook
    except (ImportError, OSError) as error:
        return Line("points", f"no score book ({error})", "run `python start.py`")
    file = scorebook.path()
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        if file.exists():
            file.open("r+b").close()
    except OSError as error:
        remedy = "set COURSE_PROGRESS to a file that you can write; until then points are not kept"
        return Line("points", f"{file} cannot be written ({error.strerror})", remedy)
    return Line("points", f"kept in {file}")


CHECKS = (python, packages, torch_fit, device, memory, disk, front_end, data, progress)


def examine() -> list[Line]:
    """Every check. One that itself fails becomes a warning: this tool is for machines where something is wrong."""
    lines = []
    for check in CHECKS:
        try:
            lines.append(check())
        except Exception as error:
            lines.append(Line(check.__name__, f"could not be checked: {type(error).__name__}: {error}", REPAIR))
    return lines


def report() -> bool:
    """Print every line. Returns whether all is well, so that a notebook can go on from there."""
    lines = examine()
    for line in lines:
        print(f"{'warning' if line.remedy else 'ok':<8} {line.name:<9} {line.found}")
        if line.remedy:
            print(f"{'':<18} -> {line.remedy}")
    return not any(line.remedy for line in lines)


def _required() -> list[tuple[str, str]]:
    """[(package, lowest version)] that course_lib asks for; [] where it is not installed."""
    try:
        wanted = metadata.requires("course_lib") or []
    except metadata.PackageNotFoundError:
        return []
    split = [re.match(r"([\w.-]+)\s*(?:>=\s*([\w.]+))?", text) for text in wanted if "extra ==" not in text]
    return [(match[1], match[2] or "0") for match in split]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> list[int]:
    """'2.15.0+cpu' -> [2, 15, 0], enough to order releases."""
    return [int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3]]


def _mismatch(torch_version: str) -> str:
    """What torchvision's own metadata say about this torch; "" if they allow it."""
    from packaging.requirements import Requirement

    for text in metadata.requires("torchvision") or []:
        wanted = Requirement(text)
        if wanted.name == "torch" and not wanted.specifier.contains(torch_version.partition("+")[0], prereleases=True):
            return f"this torchvision needs torch {wanted.specifier}"
    return ""


def _kernel_error() -> str:
    """The first line of the error when torchvision's non-maximum suppression runs on two boxes; "" if it is right."""
    try:
        import torch
        from torchvision import ops

        boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 9.0]])
        kept = ops.nms(boxes, torch.tensor([0.5, 0.9]), 0.5).tolist()
    except Exception as error:
        return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"
    return "" if kept == [1] else f"ops.nms keeps boxes {kept} instead of [1]"


def main(arguments: list[str]) -> int:
    """Print the report, or with --torch that one line only. Returns 1 if something needs attention."""
    if arguments == ["--torch"]:
        line = torch_fit()
        print(line.found + (f" -> {line.remedy}" if line.remedy else ""))
        return 1 if line.remedy else 0
    return 0 if report() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
