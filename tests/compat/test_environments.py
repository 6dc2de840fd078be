"""What tests/compat/run.py rests on: the sets, interpreters, comparing installations, judging outputs."""

import json
import subprocess
import sys
from types import SimpleNamespace

import environments
import headless
import pytest
from environments import ROOT, Stop
from headless import VIEW


def test_lower_bounds_are_read_and_a_missing_one_is_named():
    assert environments.lower_bounds(["torch>=2.8", "Jupyter_Client >= 7.4.9"]) == {
        "torch": "2.8",
        "jupyter-client": "7.4.9",
    }
    with pytest.raises(Stop, match=r"'numpy' has no lower bound"):
        environments.lower_bounds(["torch>=2.8", "numpy"])
    with pytest.raises(Stop, match=r"'torch>=2.8,<3' has no lower bound"):
        environments.lower_bounds(["torch>=2.8,<3"])


def test_oldest_is_every_lower_bound_of_the_project_and_newest_has_none():
    bounds = environments.lower_bounds(environments.project()["dependencies"])
    oldest, newest = environments.packages("oldest"), environments.packages("newest")
    assert set(oldest) > {f"{name}=={low}" for name, low in bounds.items()}
    assert [line.split("==")[0] for line in oldest] == newest
    assert {"pytest", "pytest-xdist"} <= set(newest)
    assert environments.project()["requires-python"] == f">={environments.PYTHONS['oldest']}"


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_colab_has_what_the_course_needs_new_enough():
    colab = environments.pinned(environments.COLAB_LIST.read_text("utf-8"))
    bounds = environments.lower_bounds(environments.project()["dependencies"])
    # no JupyterLab on Colab, and nothing to test there; pooch is what the Colab cell has to fetch
    assert set(bounds) - set(colab) == {"jupyterlab", "nbval", "pooch"}
    too_old = {name for name in set(bounds) & set(colab) if numbers(colab[name]) < numbers(bounds[name])}
    assert not too_old


def test_an_interpreter_is_found_by_its_version_and_a_missing_one_is_one_sentence(monkeypatch):
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert environments.version_of(sys.executable) == mine
    assert environments.version_of("/no/such/python") == ""
    assert environments.interpreter(mine, ["/no/such/python"]) == sys.executable
    monkeypatch.setattr(environments.shutil, "which", lambda name: None)
    with pytest.raises(
        Stop, match=r"^no Python 2\.1 was found: put python2\.1 on PATH, or give its path with --python$"
    ):
        environments.interpreter("2.1", [])


def test_what_moved_went_or_came_is_said():
    before = {"torch": "2.11.0", "numpy": "2.1.3", "six": "1.17.0"}
    assert environments.moved(before, before | {"pooch": "1.9.0"}, {"pooch"}) == []
    after = {"torch": "2.15.0", "numpy": "2.1.3", "pooch": "1.9.0", "requests": "2.0"}
    assert environments.moved(before, after, {"pooch"}) == [
        "requests 2.0 came uninvited",
        "six 1.17.0 is gone",
        "torch moved from 2.11.0 to 2.15.0",
    ]


def test_children_inherit_no_setting_of_the_course_and_no_other_environment(monkeypatch):
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "COURSE_PROFILE", "COURSE_DATA"):
        monkeypatch.setenv(name, "x")
    variables = environments.clean(COURSE_PROGRESS="mine")
    assert {name for name in variables if name.startswith("COURSE_")} == {"COURSE_PROGRESS"}
    assert not {"PYTHONPATH", "VIRTUAL_ENV"} & set(variables)
    assert variables["OMP_NUM_THREADS"] == "1"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no git checkout")
def test_the_copy_holds_the_working_tree_with_the_address(tmp_path):
    copy = environments.course_copy(tmp_path, "https://github.com/someone/course")
    assert 'repository = "https://github.com/someone/course"' in (copy / "pyproject.toml").read_text("utf-8")
    assert (copy / "start.py").read_bytes() == (ROOT / "start.py").read_bytes()
    assert not (copy / ".git").exists()
    listed = subprocess.run(["git", "ls-files", "tests"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert all((copy / name).exists() for name in listed if (ROOT / name).exists())


def test_a_kernel_is_found_by_the_variables_and_begins_with_the_startup_code(tmp_path):
    variables = headless.kernel(tmp_path, "python", "import this\n", COURSE_PROGRESS="mine")
    (spec,) = tmp_path.rglob("kernel.json")
    assert spec.is_relative_to(variables["JUPYTER_PATH"])
    content = json.loads(spec.read_text("utf-8"))
    assert content["argv"][0] == "python"
    assert content["env"]["COURSE_PROGRESS"] == "mine"
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    assert content["env"]["IPYTHONDIR"] == str(tmp_path / "ipython")
    assert [path.read_text("utf-8") for path in startup.iterdir()] == ["import this\n"]


GOOD = {
    "output_type": "execute_result",
    "data": {VIEW: {"model_id": "x"}, "image/png": "", "text/plain": "a quiz"},
    "metadata": {VIEW: {"colab": {"custom_widget_manager": {"url": "https://manager"}}}},
}


def test_a_widget_that_colab_would_not_show_is_named():
    assert headless.colab_complaints(GOOD) == []
    assert headless.colab_complaints({"output_type": "stream", "text": "hello"}) == []
    assert headless.colab_complaints({"data": {"text/html": "<table>"}}) == []
    (html,) = headless.colab_complaints(GOOD | {"data": GOOD["data"] | {"text/html": "<p>"}})
    assert "'a quiz' also sends text/html" in html
    (picture,) = headless.colab_complaints(GOOD | {"data": {VIEW: {}, "text/plain": "a quiz"}})
    assert "no still picture" in picture
    (manager,) = headless.colab_complaints(GOOD | {"metadata": {}})
    assert "manager" in manager


def test_warnings_are_collected_once():
    text = "x.py:3: DeprecationWarning: old\n  x = old()\nx.py:3: DeprecationWarning: old\n"
    outputs = [{"name": "stderr", "text": text}, {"name": "stdout", "text": "Warning: not this"}, {"data": {}}]
    assert headless.warnings_in(outputs) == ["x.py:3: DeprecationWarning: old"]


def test_tests_that_need_more_than_pytest_are_left_out(tmp_path):
    files = {
        "tests/a/test_plain.py": "import torch\nfrom course_lib import ops",
        "tests/a/test_oracle.py": "def test():\n    from torchmetrics.classification import Accuracy",
        "tests/page/conftest.py": "import playwright.sync_api as api",
        "tests/page/test_page.py": "import torch",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert environments.left_out(tmp_path) == ["tests/a/test_oracle.py", "tests/page"]


def test_no_two_files_of_tests_have_one_name():
    """They are all collected by one pytest here, which takes two files of one name for the same module."""
    names = [path.name for path in ROOT.glob("tests/**/test_*.py")]
    assert len(names) > 50
    assert sorted(names) == sorted(set(names))


def test_the_doctor_s_warnings_are_read_from_a_notebook(tmp_path):
    nbformat = pytest.importorskip("nbformat").v4
    text = "ok       Python    3.13\nwarning  packages  missing: nbval\nwarning  disk      1.0 GB free\n"
    cell = nbformat.new_code_cell("", outputs=[nbformat.new_output("stream", name="stdout", text=text)])
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(nbformat.new_notebook(cells=[cell])), encoding="utf-8")
    assert headless.doctor_warnings(path) == ["warning  packages  missing: nbval"]


def test_a_failed_pip_is_one_sentence_with_its_error(tmp_path, monkeypatch):
    def fails(command, stdout, **_):
        print("Looking ...\nERROR: No matching distribution found for torch==9\n", file=stdout, flush=True)
        return SimpleNamespace(returncode=1)

    monkeypatch.setattr(environments.subprocess, "run", fails)
    with pytest.raises(Stop, match=r"^pip install failed \(ERROR: No matching distribution found for torch==9\): see "):
        environments.pip("python", tmp_path / "log", "install", "torch==9")
