"""The doctor: every line "ok" or a warning with its remedy, also where much is missing."""

import importlib.metadata as metadata
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from course_lib import doctor

ROOT = Path(__file__).resolve().parents[1]


def lines():
    return {line.name: line for line in doctor.examine()}


def test_this_environment_is_sound(tmp_path, capsys):
    found = lines()
    assert list(found) == ["Python", "packages", "torch", "device", "memory", "disk", "widgets", "data", "points"]
    for name in ("Python", "packages", "torch", "widgets", "points"):
        assert found[name].remedy == "", found[name]
    assert str(tmp_path) in found["points"].found  # COURSE_PROGRESS
    doctor.report()
    printed = capsys.readouterr().out
    assert all(line.startswith(("ok       ", "warning  ", "     ")) for line in printed.splitlines())


def test_it_runs_where_nothing_is_installed():
    """An interpreter without torch, psutil and course_lib: no traceback, and the remedy is named."""
    path = ROOT / "course_lib" / "doctor.py"
    done = subprocess.run([sys.executable, "-I", "-S", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "torch missing, torchvision missing" in done.stdout
    assert "-> run `python start.py`" in done.stdout


@pytest.fixture
def packaged(monkeypatch):
    """Pretend that other versions are installed: packaged(name=version), None for a missing one."""

    def pretend(**versions):
        def version(name):
            if versions.get(name, "") is None:
                raise metadata.PackageNotFoundError(name)
            return versions.get(name) or metadata.distribution(name).version

        monkeypatch.setattr(doctor.metadata, "version", version)

    return pretend


def test_torch_of_another_release(packaged):
    packaged(torch="2.1.0+cpu")
    line = doctor.torch_fit()
    assert "torch 2.1.0+cpu, torchvision" in line.found
    assert "this torchvision needs torch" in line.found
    assert "start.py" in line.remedy


def test_torchvision_whose_kernels_do_not_run(monkeypatch):
    from torchvision import ops

    def broken(*_):
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    monkeypatch.setattr(ops, "nms", broken)
    line = doctor.torch_fit()
    assert line.found.endswith("do not fit each other: RuntimeError: operator torchvision::nms does not exist")
    assert line.remedy
    monkeypatch.setattr(ops, "nms", lambda boxes, scores, threshold: scores.argsort())
    assert "keeps boxes [0, 1]" in doctor.torch_fit().found


def test_missing_and_old_packages_are_named(packaged):
    packaged(scipy="1.2.0", tqdm=None)
    line = doctor.packages()
    assert line.found == "missing: tqdm; too old: scipy"
    assert line.remedy


def test_colab_needs_no_jupyterlab(packaged, monkeypatch):
    packaged(jupyterlab=None, nbval=None)
    assert doctor.packages().found == "missing: jupyterlab, nbval"
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    assert doctor.packages().remedy == ""


def test_versions_are_ordered_as_numbers():
    assert doctor._numbers("2.15.0+cpu") > doctor._numbers("2.8")
    assert doctor._numbers("1.9") < doctor._numbers("1.14")


def test_the_browser_half_of_the_widgets(monkeypatch, tmp_path, packaged):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    line = doctor.front_end()
    assert "no anywidget" in line.found
    assert line.remedy
    packaged(jupyterlab=None)
    assert doctor.front_end().remedy == ""  # some other front end runs this notebook


def test_full_disk_and_little_memory(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=1.5e9))
    assert doctor.disk() == doctor.Line("disk", f"1.5 GB free at {ROOT}", doctor.disk().remedy)
    assert doctor.disk().remedy
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(total=4 << 30, available=1 << 30))
    assert doctor.memory().found.startswith("1.0 of ")  # a container may have less than the machine
    assert doctor.memory().remedy


def test_real_data(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert doctor.data().remedy == ""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert "neither camvid/ nor isbi2012/" in doctor.data().found
    assert doctor.data().remedy
    (tmp_path / "isbi2012").mkdir()
    assert doctor.data() == doctor.Line("data", f"isbi2012 in {tmp_path}; generated for the rest")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write: /proc")
def test_a_progress_file_that_cannot_be_written(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "/proc/nowhere/progress.json")
    line = doctor.progress()
    assert line.found.startswith(os.path.join("/proc", "nowhere", "progress.json") + " cannot be written")
    assert "COURSE_PROGRESS" in line.remedy


def test_a_check_that_fails_itself_is_a_warning(monkeypatch):
    def fails():
        raise ValueError("odd machine")

    monkeypatch.setattr(doctor, "CHECKS", (fails,))
    (line,) = doctor.examine()
    assert line.found == "could not be checked: ValueError: odd machine"
    assert line.remedy
    assert doctor.main([]) == 1
