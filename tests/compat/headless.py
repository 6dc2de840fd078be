"""Run notebooks without a browser in the Python of another environment, two at a time, each in a process of its own."""

import json
import multiprocessing
import os
import re
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

VIEW = "application/vnd.jupyter.widget-view+json"
CELL_SECONDS = 900  # two workers on two busy cores


class Result(NamedTuple):
    name: str
    seconds: float
    widgets: int  # outputs with a live widget
    problems: list[str]
    warnings: list[str]


def kernel(folder: Path, python: Path, startup: str = "", **variables: str) -> dict[str, str]:
    """Write a kernel "compat" for this interpreter into a folder. Returns the variables under which a client finds it.

    startup: code that runs in the kernel before the first cell.
    """
    spec, profile = folder / "jupyter/kernels/compat", folder / "ipython/profile_default/startup"
    for path in (spec, profile):
        path.mkdir(parents=True, exist_ok=True)
    (profile / "00-compat.py").write_text(startup, encoding="utf-8")
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}", "--IPKernelApp.log_level=40"]
    environment = {"IPYTHONDIR": str(folder / "ipython"), "COURSE_PROFILE": "laptop", "HF_HUB_OFFLINE": "1"}
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # the debugger's remarks at the start of every kernel
    content = {"argv": command, "display_name": "compat", "language": "python", "env": environment | variables}
    (spec / "kernel.json").write_text(json.dumps(content), encoding="utf-8")
    return {"JUPYTER_PATH": str(folder / "jupyter"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}


def execute(path: Path, name: str, cwd: Path, kept: Path, colab: bool) -> Result:
    """Run one notebook from its first cell to its last, as a learner's "run all" does; write it with its outputs."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook, started, problems = nbformat.read(path, as_version=4), time.monotonic(), []
    where = {"metadata": {"path": str(cwd)}}
    try:
        options = dict(timeout=CELL_SECONDS, startup_timeout=300, kernel_name="compat", resources=where)
        NotebookClient(notebook, **options).execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError) as error:
        problems.append(re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip()[-1500:] or repr(error))  # without colors
    seconds = time.monotonic() - started
    kept.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, kept)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    complaints = [text for output in outputs for text in colab_complaints(output)] if colab else []
    shown = sum(VIEW in output.get("data", {}) for output in outputs)
    return Result(name, seconds, shown, problems + sorted(set(complaints)), warnings_in(outputs))


def colab_complaints(output: dict) -> list[str]:
    """What would keep Colab from showing a widget: it needs the view, where its manager comes from, and no HTML instead."""
    data, said = output.get("data", {}), []
    if VIEW not in data:
        return said
    label = str(data.get("text/plain", ""))[:60]
    if "text/html" in data:
        said.append(f"widget {label!r} also sends text/html, which Colab may show instead of it")
    if "image/png" not in data:
        said.append(f"widget {label!r} has no still picture")
    if not output.get("metadata", {}).get(VIEW, {}).get("colab", {}).get("custom_widget_manager", {}).get("url"):
        said.append(f"widget {label!r} does not say where its manager comes from, so Colab shows nothing")
    return said


def warnings_in(outputs: list[dict]) -> list[str]:
    """The different warnings that cells printed: what will break next."""
    texts = [output["text"] for output in outputs if output.get("name") == "stderr"]
    return sorted({line.strip()[:160] for text in texts for line in text.splitlines() if "Warning: " in line})


def doctor_warnings(notebook: Path) -> list[str]:
    """What the doctor warns of in an executed notebook; this machine's memory, disk and device are another matter."""
    import nbformat

    cells = nbformat.read(notebook, as_version=4).cells
    printed = [output.text for cell in cells for output in cell.get("outputs", []) if output.get("name") == "stdout"]
    lines = "".join(printed).splitlines()
    return [line for line in lines if re.match(r"warning +(Python|packages|torch|widgets|points) ", line)]


def run_all(notebooks: list[Path], root: Path, cwd: Path, variables: dict[str, str], *, colab=False, workers=2):
    """Yield the Result of each notebook as it is done; its name is its path relative to root.

    The notebooks with their outputs are written beside root, into executed/.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(variables,)) as pool:
        names, kept = [path.relative_to(root).as_posix() for path in notebooks], root.parent / "executed"
        jobs = [
            pool.submit(execute, path, name, cwd, kept / name, colab)
            for path, name in zip(notebooks, names, strict=True)
        ]
        for job in jobs:
            yield job.result()


def _start(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)
