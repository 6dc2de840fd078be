"""The stand-in for google.colab, and what a learner keeps of a machine that vanishes."""

import json
import os
import sys
from pathlib import Path

import pytest

from course_lib.grading import scorebook

STUB = str(Path(__file__).with_name("stub"))


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """google.colab as on Colab: loaded before the first cell. The kernel starts in an empty folder."""
    before = {name for name in sys.modules if name.split(".")[0] == "google"}
    monkeypatch.syspath_prepend(STUB)
    monkeypatch.chdir(tmp_path)
    import google.colab

    yield google.colab
    for name in {name for name in sys.modules if name.split(".")[0] == "google"} - before:
        del sys.modules[name]


def points() -> dict:
    return {e: {q: entry["points"] for q, entry in questions.items()} for e, questions in scorebook.read()[0].items()}


def test_points_travel_to_the_next_machine_in_two_calls(colab, monkeypatch, tmp_path):
    scorebook.record("02_a", "q", 1, 2)
    assert "course-points.json" in scorebook.export()
    ((name, content),) = colab.files.downloads.items()
    assert name == "course-points.json"
    assert json.loads(content)["exercises"]["02_a"]["q"]["points"] == 1.0

    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "next" / "progress.json"))  # another machine
    (tmp_path / "course-points.json").unlink()
    assert points() == {}
    colab.files.waiting.append(content)
    assert "1 questions were imported" in scorebook.import_()
    assert points() == {"02_a": {"q": 1.0}}


def test_a_cancelled_upload_and_a_wrong_file_change_nothing(colab):
    scorebook.record("02_a", "q", 1, 2)
    assert scorebook.import_().startswith("Nothing was imported: choose one file")
    colab.files.waiting.append(b"a photograph")
    assert scorebook.import_() == "Nothing was imported: course-points.json is not readable as a score book."
    assert points() == {"02_a": {"q": 1.0}}


def test_a_file_named_in_the_call_asks_for_no_upload(colab, tmp_path):
    scorebook.record("02_a", "q", 1, 2)
    assert "mine.json" in scorebook.export(tmp_path / "mine.json")
    assert list(colab.files.downloads) == ["mine.json"]
    assert "1 questions were imported" in scorebook.import_(tmp_path / "mine.json")


def test_points_can_lie_on_a_mounted_drive(colab, monkeypatch, tmp_path):
    from google.colab import drive

    drive.mount(tmp_path / "drive")
    kept = tmp_path / "drive" / "MyDrive" / "course" / "progress.json"
    monkeypatch.setitem(os.environ, "COURSE_PROGRESS", str(kept))
    assert scorebook.record("02_a", "q", 2, 2) == ""
    assert json.loads(kept.read_text("utf-8"))["exercises"]["02_a"]["q"]["points"] == 2.0
    with pytest.raises(ValueError, match="Mountpoint must not already contain files"):
        drive.mount(tmp_path / "drive")


def test_elsewhere_the_same_calls_use_a_file_in_the_folder(monkeypatch, tmp_path):
    assert "google.colab" not in sys.modules
    monkeypatch.chdir(tmp_path)
    scorebook.record("02_a", "q", 1, 2)
    scorebook.export()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "other.json"))
    assert "1 questions were imported from course-points.json" in scorebook.import_()
    (tmp_path / "course-points.json").unlink()
    assert scorebook.import_().startswith("Nothing was imported: course-points.json cannot be read")


def test_the_widget_manager_is_switched_on_by_the_first_widget(colab):
    from course_lib.widgets import quiz

    assert colab.output._widgets._installed_url is None
    question = {
        "question": "One?",
        "choices": [{"text": "1", "correct": True, "why": "Yes."}, {"text": "2", "correct": False, "why": "No."}],
    }
    data, metadata = quiz([question])._repr_mimebundle_()
    view = "application/vnd.jupyter.widget-view+json"
    assert {view, "image/png", "text/plain"} == set(data)
    assert colab.output._widgets._installed_url.startswith("https://")  # anywidget did it
    assert metadata[view]["colab"]["custom_widget_manager"]["url"] == colab.output._widgets._installed_url
