"""The notebooks: their metadata and ids, citations, what is written, Colab."""

import json
import subprocess
import sys
import types

import pytest

from authoring import build
from authoring.references import cite, read_bibliography


def test_notebook_metadata_is_free_of_versions_outputs_and_widgets(built):
    notebook = built("lessons/07_sample.ipynb")
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata == build.NOTEBOOK_METADATA
    assert "version" not in str(notebook.metadata)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert notebook.cells[0].metadata == {"tags": ["title"]}
    assert "# copy the kernel" in notebook.cells[2].source


def test_ids_survive_an_inserted_cell_and_are_unique(built, edit):
    before = [cell.id for cell in built("lessons/07_sample.ipynb").cells]
    edit("lessons/07_sample.py", "# %%\nimport math", "# %% [markdown]\n# Something new.\n\n# %%\nimport math")
    after = [cell.id for cell in built("lessons/07_sample.ipynb").cells]
    assert [i for i in after if i in before] == before
    assert len(set(after)) == len(after) == len(before) + 1
    edit("lessons/07_sample.py", "math.pi\n\n# %% [mark", "math.pi\nmath.e\n\n# %% [mark")
    assert [cell.id for cell in built("lessons/07_sample.ipynb").cells] == after


def test_citations_become_links_and_the_last_part_a_list(built, root):
    entries = read_bibliography(root / "references.bib")
    assert cite("As [@FCN].", entries, full=False) == "As [[FCN]](https://arxiv.org/abs/1411.4038)."
    assert cite("[@Unknown]", entries, full=True) == "[@Unknown]"
    text = built("lessons/07_sample.ipynb").cells[3].source
    entry = (
        "**[FCN]** Long and Shelhamer: *Fully Convolutional*. 2015. [arXiv:1411.4038](https://arxiv.org/abs/1411.4038)"
    )
    assert text == f"As shown {entry}<br>Here: before, and [@Unknown]."
    several = {"X": {"author": "A, B and C, D and E, F and G, H", "doi": "10.1/2", "note": "N"}}
    assert cite("[@X]", several, full=True) == "**[X]** A et al.: **. N. [online](https://doi.org/10.1/2)"


def test_writing_says_what_changed_and_check_says_what_differs(edit, root, capsys):
    assert build.main(["--check"], root) == 1
    assert "lessons/07_sample.ipynb: is missing" in capsys.readouterr().out
    assert not (root / "lessons").exists()
    assert build.main([], root) == 0
    out = capsys.readouterr().out
    assert out.count("new: ") == 3
    assert out.count("Badges and Colab cells are left out") == 1
    assert build.main([], root) == 0
    assert "07_sample" not in capsys.readouterr().out
    assert build.main(["--check"], root) == 0
    text = (root / "lessons/07_sample.ipynb").read_bytes()
    assert text.endswith(b"}\n")
    assert b"\r" not in text
    assert b'\n "cells"' in text

    edit("lessons/07_sample.py", "math.pi\n", "math.tau\n")
    capsys.readouterr()
    assert build.main(["--check"], root) == 1
    out = capsys.readouterr().out
    assert "lessons/07_sample.ipynb: differs" in out
    assert '-    "math.pi"' in out
    assert '+    "math.tau"' in out
    assert (root / "lessons/07_sample.ipynb").read_bytes() == text
    assert build.main([], root) == 0
    assert "changed: lessons/07_sample.ipynb" in capsys.readouterr().out


def test_a_notebook_without_source_is_reported_and_kept(root, capsys):
    build.main([], root)
    (root / "lessons/07_sample.ipynb").rename(root / "lessons/08_old.ipynb")
    assert build.main([], root) == 0
    assert "no source: lessons/08_old.ipynb" in capsys.readouterr().out
    assert (root / "lessons/08_old.ipynb").exists()
    assert "lessons/08_old.ipynb: has no source" in "\n".join(build.differences(root))


def test_a_failed_write_leaves_the_old_notebook(edit, root, monkeypatch):
    build.main([], root)
    old = (root / "lessons/07_sample.ipynb").read_bytes()
    edit("lessons/07_sample.py", "math.pi\n", "math.tau\n")
    monkeypatch.setattr(build.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        build.main([], root)
    assert (root / "lessons/07_sample.ipynb").read_bytes() == old


def test_badge_and_bootstrap_only_with_an_address(built, root):
    assert "colab.research" not in str(built("lessons/07_sample.ipynb"))
    (root / "pyproject.toml").write_text('[tool.course]\nrepository = "https://github.com/someone/course.git"\n')
    for name in ("lessons/07_sample.ipynb", "exercises/07_sample.ipynb", "solutions/07_sample.ipynb"):
        cells = built(name).cells
        target = f"https://colab.research.google.com/github/someone/course/blob/v1.2.3/{name}"
        assert cells[1].source.startswith("[![Open this notebook in Colab](")
        assert f"]({target})" in cells[1].source
        assert ("scorebook.export()" in cells[1].source) == name.startswith("exercises")
        first = next(cell for cell in cells if cell.cell_type == "code")
        assert first.metadata.tags == ["colab"]
        assert first.source == build.bootstrap("https://github.com/someone/course", "v1.2.3")


def test_what_jupyterlab_folds_is_folded_on_colab_too(built, edit, root):
    edit("lessons/07_sample.py", "# %%\nimport math", '# %% jupyter={"source_hidden": true}\nimport math')
    assert "cellView" not in str(built("lessons/07_sample.ipynb"))
    (root / "pyproject.toml").write_text('[tool.course]\nrepository = "https://github.com/someone/course"\n')
    code = [cell for cell in built("lessons/07_sample.ipynb").cells if cell.cell_type == "code"]
    folded = [cell for cell in code if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert [cell.source.split("\n")[0][:20] for cell in folded] == ["# @title Fetch the c", "import math"]
    assert folded == [cell for cell in code if cell.metadata.get("cellView") == "form"]
    assert len(code) > 2


def test_bootstrap_on_colab_and_elsewhere(monkeypatch, tmp_path):
    text, ran = build.bootstrap("https://github.com/someone/course", "v1.2.3"), []
    monkeypatch.setattr(subprocess, "run", lambda command, check: ran.append(command))
    exec(text, {})
    assert ran == []

    monkeypatch.chdir(tmp_path)  # /content on Colab
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    lacking = {"course_lib", "pooch", "accelerate"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in lacking else object())
    exec(text, {})
    clone, install = ran
    folder = str(tmp_path / "course")
    assert clone[:2] == ["git", "clone"]
    assert clone[-2:] == ["https://github.com/someone/course", folder]
    assert clone[clone.index("--branch") + 1] == "v1.2.3"
    assert clone[clone.index("--depth") + 1] == "1"
    assert install[-4:] == ["accelerate", "pooch", "-e", folder]
    assert "--no-deps" in install
    assert sys.path[0] == folder
    assert not {"torch", "torchvision", "numpy", "ipython", "ipywidgets"} & set(build.COLAB_PACKAGES)

    (tmp_path / "course").mkdir()  # an install that broke off is tried again without a second clone
    exec(text, {})
    assert ran[2:] == [install]
    lacking.clear()  # and a second run of a finished one finds the course
    exec(text, {})
    assert len(ran) == 3


def test_a_bad_address_is_named(root, capsys):
    (root / "pyproject.toml").write_text('[tool.course]\nrepository = "github.com/someone"\n')
    assert build.main([], root) == 1
    assert capsys.readouterr().err.count("repository is 'github.com/someone'; write https://github.com/OWNER/NAME") == 1


def test_the_text_is_json_with_sorted_keys(root):
    text = build.build_notebooks(root)[0]["lessons/07_sample.ipynb"]
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert text == build.build_notebooks(root)[0]["lessons/07_sample.ipynb"]
