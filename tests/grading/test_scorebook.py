"""The score book: best points, damage, two writers, export and import."""

import json
import multiprocessing
import os

import pytest

from course_lib.grading import scorebook


@pytest.fixture
def file():
    return scorebook.path()


def points() -> dict:
    return {e: {q: entry["points"] for q, entry in questions.items()} for e, questions in scorebook.read()[0].items()}


def test_the_file_lies_where_the_variable_says(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "new" / "mine.json"))
    assert scorebook.record("02_a", "q", 1, 2) == ""
    assert (tmp_path / "new" / "mine.json").is_file()
    monkeypatch.delenv("COURSE_PROGRESS")
    assert scorebook.path().name == "progress.json"
    assert "segmentation-course" in scorebook.path().parts


def test_the_best_points_stay_and_attempts_are_counted():
    assert scorebook.read() == ({}, "")
    for earned in (0.5, 2, 1):
        assert scorebook.record("02_a", "q", earned, 2) == ""
    entry = scorebook.read()[0]["02_a"]["q"]
    assert (entry["points"], entry["out_of"], entry["attempts"]) == (2.0, 2.0, 3)
    assert entry["last"].endswith("+00:00")


GOOD = {"points": 1.0, "out_of": 2.0, "attempts": 1, "last": ""}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps({"version": "1", "exercises": {}}).encode(),
        json.dumps({"version": 1, "exercises": []}).encode(),
        json.dumps({"version": 1, "exercises": {"a": 1}}).encode(),
        *(
            json.dumps({"version": 1, "exercises": {"a": {"q": GOOD | change}}}).encode()
            for change in (
                {"points": "2"},
                {"points": -1},
                {"points": 3},
                {"points": float("nan")},
                {"attempts": 1.5},
                {"last": 0},
                {"more": 1},
            )
        ),
        json.dumps({"version": 1, "exercises": {"a": {"q": {"points": 1}}}}).encode(),
    ],
)
def test_a_damaged_file_is_set_aside_never_overwritten(file, content):
    file.write_bytes(content)
    note = scorebook.record("02_a", "q", 1, 2)
    (aside,) = [f for f in file.parent.iterdir() if "damaged" in f.name]
    assert aside.read_bytes() == content
    assert aside.name in note
    assert note.count(".") >= 1
    assert points() == {"02_a": {"q": 1.0}}
    assert scorebook.record("02_a", "q", 2, 2) == ""


def test_two_damaged_files_in_one_second_are_both_kept(file):
    for content in (b"one", b"two"):
        file.write_bytes(content)
        assert scorebook.read()[0] == {}
    assert {f.read_bytes() for f in file.parent.iterdir() if "damaged" in f.name} == {b"one", b"two"}


def test_a_file_of_a_newer_version_is_left_alone(file):
    content = json.dumps({"version": 2, "exercises": {}, "new": True})
    file.write_text(content)
    assert "newer version" in scorebook.record("02_a", "q", 1, 2)
    assert file.read_text() == content


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_sentence(file):
    file.parent.chmod(0o500)
    assert "could not be saved" in scorebook.record("02_a", "q", 1, 2)
    file.parent.chmod(0o700)


def test_a_folder_that_cannot_be_made_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    note = scorebook.record("02_a", "q", 1, 2)
    assert "could not be saved" in note
    assert "COURSE_PROGRESS" in note
    assert scorebook.read()[0] == {}


def test_a_write_that_fails_leaves_the_old_file(file, monkeypatch):
    scorebook.record("02_a", "q", 1, 2)
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert "No space left on device" in scorebook.record("02_a", "q", 2, 2)
    assert file.read_bytes() == before
    assert sorted(f.name for f in file.parent.iterdir()) == sorted([file.name, f".{file.name}.lock"])


def _write(path: str, exercise: str) -> None:
    os.environ["COURSE_PROGRESS"] = path
    scorebook._LOCK_SECONDS = 60  # a learner waits 3 s at most; on a busy machine that is too short for 120 writes
    for n in range(20):
        scorebook.record(exercise, f"q{n}", 1, 1)
        scorebook.record("shared", "q", n / 20, 1)


def test_two_notebooks_write_at_once(file):
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    writers = [context.Process(target=_write, args=(str(file), name)) for name in ("01_a", "02_b", "03_c")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    book = scorebook.read()[0]
    assert [len(book[name]) for name in ("01_a", "02_b", "03_c")] == [20, 20, 20]
    assert (book["shared"]["q"]["attempts"], book["shared"]["q"]["points"]) == (60, 0.95)


def test_export_and_import_keep_the_better_of_both(tmp_path, monkeypatch):
    scorebook.record("02_a", "q", 1, 2)
    scorebook.record("02_a", "r", 2, 2)
    assert "exported.json" in scorebook.export(tmp_path / "exported.json")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "other.json"))
    scorebook.record("02_a", "q", 2, 2)
    scorebook.record("02_a", "r", 1, 2)
    assert "2 questions were imported" in scorebook.import_(tmp_path / "exported.json")
    assert points() == {"02_a": {"q": 2.0, "r": 2.0}}
    scorebook.import_(tmp_path / "exported.json")
    assert scorebook.read()[0]["02_a"]["q"]["attempts"] == 1  # twice imported is not twice tried


def test_junk_is_not_imported(tmp_path, file):
    scorebook.record("02_a", "q", 1, 2)
    before = file.read_bytes()
    junk = tmp_path / "junk.json"
    junk.write_text("{}")
    for source in (junk, tmp_path / "absent.json", tmp_path):
        assert scorebook.import_(source).startswith("Nothing was imported: ")
    assert junk.read_text() == "{}"
    assert file.read_bytes() == before


def test_export_to_a_place_that_is_not_there(tmp_path):
    assert "could not be written" in scorebook.export(tmp_path / "absent" / "file.json")
