"""Write the notebooks of lessons/, exercises/ and solutions/ from the percent-format sources beside this file.

    python authoring/build.py            write what changed, say what changed
    python authoring/build.py --check    write nothing; exit 1 and show a short diff if a notebook is not what its source says

A lesson's source is authoring/lessons/NN_topic.py, an exercise's is authoring/exercises/NN_topic.py; both run as plain scripts.
An exercise becomes two notebooks: exercises/ with the text between ### BEGIN SOLUTION and ### END SOLUTION taken out, and
solutions/ with it. The same sources give the same bytes, whatever the machine.
"""

import argparse
import difflib
import hashlib
import os
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from textwrap import dedent

import nbformat

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # run as a script, only authoring/ is on the path

from authoring.questions import exercise_cells  # noqa: E402
from authoring.references import cite, read_bibliography  # noqa: E402
from authoring.source import SourceError, read_cells, tag  # noqa: E402

NOTEBOOK_METADATA = {
    "accelerator": "GPU",
    "colab": {"gpuType": "T4", "provenance": [], "toc_visible": False},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Pure-Python packages of pyproject.toml (and what they need) that Colab may lack. All else it has, and must not move.
COLAB_PACKAGES = ("accelerate", "anywidget", "platformdirs", "pooch", "psygnal", "safetensors", "tqdm")


def course_address(root: Path) -> tuple[str, str]:
    """(repository address or '', release tag)."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    init = (root / "course_lib" / "__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"', init, re.MULTILINE)[1]
    return project["tool"]["course"]["repository"].rstrip("/").removesuffix(".git"), f"v{version}"


def badge(address: str, release: str, relative: str) -> str:
    """Markdown of the Colab badge of one notebook. address is https://github.com/OWNER/NAME."""
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise SourceError(f"pyproject.toml: repository is {address!r}; write https://github.com/OWNER/NAME")
    target = address.replace("https://github.com/", "https://colab.research.google.com/github/")
    image = "https://colab.research.google.com/assets/colab-badge.svg"
    return f"[![Open this notebook in Colab]({image})]({target}/blob/{release}/{relative})"


def bootstrap(address: str, release: str) -> str:
    """The code cell that makes a fresh Colab machine ready: the course at this release, and only what Colab lacks.

    The course is cloned into the folder where the kernel started, which is /content on Colab.
    """
    return dedent(f"""\
        # @title Fetch the course ({release}): run this first on Colab; anywhere else it does nothing
        import importlib
        import importlib.util
        import os
        import subprocess
        import sys

        if "google.colab" in sys.modules and importlib.util.find_spec("course_lib") is None:
            folder = os.path.abspath("{address.rsplit("/", 1)[1]}")
            if not os.path.exists(folder):
                clone = ["git", "clone", "--quiet", "-c", "advice.detachedHead=false", "--depth", "1"]
                subprocess.run([*clone, "--branch", "{release}", "{address}", folder], check=True)
            wanted = {COLAB_PACKAGES!r}
            missing = [name for name in wanted if importlib.util.find_spec(name) is None]
            install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            subprocess.run([*install, *missing, "-e", folder], check=True)
            sys.path.insert(0, folder)  # Python reads the editable install only when it starts
            importlib.invalidate_caches()
        """).rstrip()


def points_note(relative: str) -> str:
    """What a learner on Colab must know about points: a paragraph for an exercise, "" elsewhere."""
    if not relative.startswith("exercises/"):
        return ""
    return dedent("""

        On Colab your points vanish with its machine. After your last check, `scorebook.export()` sends them to your computer as a
        file; on the next machine `scorebook.import_()` asks for that file and adds them again. Both need
        `from course_lib.grading import scorebook`.""")


def add_colab(cells: list, address: str, release: str, relative: str) -> list:
    """Badge after the title, bootstrap before the first code cell; what JupyterLab folds, Colab folds too."""
    first_code = next((i for i, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    text = badge(address, release, relative) + points_note(relative)
    button = nbformat.v4.new_markdown_cell(text, metadata={"tags": ["badge"]})
    folded = {"tags": ["colab"], "jupyter": {"source_hidden": True}}
    setup = nbformat.v4.new_code_cell(bootstrap(address, release), metadata=folded)
    cells = [*cells[:1], button, *cells[1:first_code], setup, *cells[first_code:]]
    for cell in cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["cellView"] = "form"  # Colab's word for it; other front ends ignore it
    return cells


def add_citations(cells: list, entries: dict) -> list:
    part = ""
    for cell in cells:
        part = tag(cell) or part
        if cell.cell_type == "markdown":
            cell.source = cite(cell.source, entries, full=part == "references")
    return cells


def to_text(cells: list, name: str) -> str:
    """The notebook as JSON. A cell's id comes from the name, its first line and how often that line came before."""
    seen = Counter()
    for cell in cells:
        first = cell.source.lstrip().partition("\n")[0]
        key = f"{name}|{cell.cell_type}|{first}|{seen[cell.cell_type, first]}"
        cell.id = hashlib.sha256(key.encode()).hexdigest()[:12]
        seen[cell.cell_type, first] += 1
    notebook = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": NOTEBOOK_METADATA, "cells": cells})
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def build_notebooks(root: Path = ROOT) -> tuple[dict[str, str], list[str]]:
    """({relative path: notebook text}, [what is wrong with a source])."""
    address, release = course_address(root)
    entries = read_bibliography(root / "references.bib")
    jobs = [("lessons", path) for path in sorted((root / "authoring/lessons").glob("*.py"))]
    for path in sorted((root / "authoring/exercises").glob("*.py")):
        jobs += [("exercises", path), ("solutions", path)]
    texts, problems = {}, []
    for folder, path in jobs:
        relative = f"{folder}/{path.stem}.ipynb"
        try:
            cells = read_cells(path) if folder == "lessons" else exercise_cells(path, solved=folder == "solutions")
            cells = add_citations(cells, entries)
            if address:
                cells = add_colab(cells, address, release, relative)
            texts[relative] = to_text(cells, path.stem)
        except SourceError as error:
            texts[relative] = None  # it has a source, so it is not stale
            if str(error) not in problems:
                problems.append(str(error))
    return texts, problems


def stale(root: Path, texts: dict) -> list[str]:
    """Notebooks that have no source."""
    found = [p for folder in ("lessons", "exercises", "solutions") for p in (root / folder).glob("*.ipynb")]
    return sorted({p.relative_to(root).as_posix() for p in found} - set(texts))


def write(path: Path, text: str):
    """All of the text or nothing."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)


def differences(root: Path = ROOT, lines: int = 12) -> list[str]:
    """One short report per notebook that is not what its source says, and per source that cannot be built."""
    texts, problems = build_notebooks(root)
    reports = []
    for relative, text in texts.items():
        if text is None:
            continue
        path = root / relative
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if old != text:
            diff = list(difflib.unified_diff(old.splitlines(), text.splitlines(), "notebook", "source", "", "", 1, ""))
            rest = [f"... {len(diff) - lines} more lines"] * (len(diff) > lines)
            reports.append("\n".join([f"{relative}: {'differs' if old else 'is missing'}", *diff[:lines], *rest]))
    return problems + reports + [f"{relative}: has no source in authoring/" for relative in stale(root, texts)]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description="Write the notebooks from their sources.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a notebook differs")
    if parser.parse_args(arguments).check:
        reports = differences(root)
        print("\n".join(reports) or "Every notebook is what its source says.")
        return int(bool(reports))
    texts, problems = build_notebooks(root)
    for relative, text in texts.items():
        path = root / relative
        if text is not None and (not path.exists() or path.read_text(encoding="utf-8") != text):
            print(f"{'changed' if path.exists() else 'new'}: {relative}")
            write(path, text)
    for relative in stale(root, texts):
        print(f"no source: {relative} (delete it, or restore its source in authoring/)")
    if not course_address(root)[0]:
        print("Badges and Colab cells are left out: pyproject.toml sets no [tool.course] repository.")
    print(*problems, sep="\n", end="\n" * bool(problems), file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
