"""The score book: one JSON file with the best points of each question a learner has checked.

It lies in the platform's data folder, or where COURSE_PROGRESS says. It is written whole or not at all, two notebooks may write
at once, and a file that cannot be read is set aside under a dated name, never overwritten. Nothing here raises for the state of
the disk: what went wrong comes back as one sentence.

    {"version": 1, "exercises": {"02_transposed_convolution": {"stamp_1d":
        {"points": 1.5, "out_of": 2.0, "attempts": 3, "last": "2026-01-31T12:00:00+00:00"}}}}
"""

import contextlib
import json
import math
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

VERSION = 1
EXPORTED = "course-points.json"  # where export writes and import_ looks if nothing else is said
_EMPTY = {"version": VERSION, "exercises": {}}
_LOCK_SECONDS = 3.0
_MAX_BYTES = 8 << 20


class Unreadable(ValueError):
    """A file that is no score book; the message is one sentence."""


def path() -> Path:
    """Where the score book lies: COURSE_PROGRESS, or the platform's folder for a user's data."""
    given = os.environ.get("COURSE_PROGRESS")
    if given:
        return Path(given).expanduser()
    return platformdirs.user_data_path("segmentation-course", appauthor=False) / "progress.json"


def read() -> tuple[dict, str]:
    """Return the points {exercise: {question: entry}} and a sentence about what was wrong, "" if nothing was."""
    book, note = _load(path())
    return book["exercises"], note


def record(exercise: str, question: str, points: float, out_of: float) -> str:
    """Enter an attempt; the best points stay. Returns "", or one sentence if it could not be saved."""
    entry = {"points": float(points), "out_of": float(out_of), "attempts": 1, "last": _now()}
    return _merge_into_file({exercise: {question: entry}}, add_attempts=True)


def export(target=EXPORTED) -> str:
    """Copy the score book to a file, to take it to another machine; on Colab the browser downloads it. Returns one sentence."""
    book, note = _load(path())
    try:
        _write(Path(target).expanduser(), book)
    except OSError as error:
        return f"Your points could not be written to {target}: {error.strerror or error}."
    if "google.colab" in sys.modules:
        from google.colab import files

        files.download(str(Path(target).expanduser()))
    return note or f"Your points are in {target}; `scorebook.import_` reads them on another machine."


def import_(source=None) -> str:
    """Add the points of an exported file to the score book; of each question the better result stays. Returns one sentence.

    Without a source it is course-points.json, which the browser asks for on Colab.
    """
    if source is None and "google.colab" in sys.modules:
        from google.colab import files

        try:
            files.upload_file(EXPORTED)
        except ValueError:
            return "Nothing was imported: choose one file, the one that `scorebook.export` downloaded."
    source = EXPORTED if source is None else source
    try:
        other = _parse(Path(source).expanduser())
    except (Unreadable, OSError) as error:
        return f"Nothing was imported: {source} {_reason(error)}."
    count = sum(map(len, other["exercises"].values()))
    return _merge_into_file(other["exercises"]) or f"The points of {count} questions were imported from {source}."


def merge(left: dict, right: dict, *, add_attempts: bool = False) -> dict:
    """Join two {exercise: {question: entry}}: the best points, the latest time; attempts are the larger number or the sum."""
    result = {exercise: dict(questions) for exercise, questions in left.items()}
    for exercise, questions in right.items():
        mine = result.setdefault(exercise, {})
        for question, new in questions.items():
            old = mine.get(question)
            if old is None:
                mine[question] = dict(new)
                continue
            best = max(old, new, key=lambda entry: entry["points"])
            attempts = old["attempts"] + new["attempts"] if add_attempts else max(old["attempts"], new["attempts"])
            mine[question] = {**best, "attempts": attempts, "last": max(old["last"], new["last"])}
    return result


def _merge_into_file(exercises: dict, *, add_attempts: bool = False) -> str:
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(file):
            book, note = _load(file)
            if note and file.exists():
                return note  # unreadable and still in its place: leave it alone
            _write(
                file, {"version": VERSION, "exercises": merge(book["exercises"], exercises, add_attempts=add_attempts)}
            )
    except OSError as error:
        return f"Your points could not be saved in {file}: {error.strerror or error}; set COURSE_PROGRESS to a file you can write."
    return note


def _load(file: Path) -> tuple[dict, str]:
    """Read the file; set it aside if it is damaged."""
    try:
        return _parse(file), ""
    except FileNotFoundError:
        return _EMPTY, ""
    except OSError as error:
        return _EMPTY, f"Your points in {file} cannot be read: {error.strerror or error}."
    except Unreadable as error:
        if "newer" in str(error):
            return _EMPTY, f"Your points in {file} were left alone: it {error}."
        aside = _aside(file)
        try:
            file.rename(aside)
        except OSError as problem:
            return _EMPTY, f"Your points in {file} {error}, and it cannot be moved: {problem.strerror or problem}."
        return _EMPTY, f"{file.name} {error}; it was set aside as {aside.name}, and a new one was begun."


def _parse(file: Path) -> dict:
    """Read and check a score book. Raises Unreadable for anything that this module would not have written."""
    if file.stat().st_size > _MAX_BYTES:
        raise Unreadable("is too large for a score book")
    try:
        book = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise Unreadable("is not readable as a score book") from None
    if (
        not isinstance(book, dict)
        or type(book.get("version")) is not int
        or not isinstance(book.get("exercises"), dict)
    ):
        raise Unreadable("is not a score book")
    if book["version"] > VERSION:
        raise Unreadable("was written by a newer version of the course")
    for questions in book["exercises"].values():
        if not isinstance(questions, dict) or not all(map(_is_entry, questions.values())):
            raise Unreadable("is a score book with damaged entries")
    return book


def _is_entry(entry) -> bool:
    if not isinstance(entry, dict) or set(entry) != {"points", "out_of", "attempts", "last"}:
        return False
    numbers = [entry["points"], entry["out_of"], entry["attempts"]]
    if any(type(number) not in (int, float) or not math.isfinite(number) or number < 0 for number in numbers):
        return False
    return entry["points"] <= entry["out_of"] and type(entry["attempts"]) is int and isinstance(entry["last"], str)


def _write(file: Path, book: dict) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(book, stream, indent=1, sort_keys=True, allow_nan=False)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


@contextlib.contextmanager
def _locked(file: Path):
    """Hold a lock beside the file. Where the file system has no locks, or one is held for too long, go on without."""
    with open(file.with_name(f".{file.name}.lock"), "w") as stream:
        end = time.monotonic() + _LOCK_SECONDS
        while not _try_lock(stream) and time.monotonic() < end:
            time.sleep(0.01)
        yield  # closing the file lets the lock go


def _try_lock(stream) -> bool:
    """False while somebody else holds the lock; True when it is ours, or when there are no locks here."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _aside(file: Path) -> Path:
    stamp = f"{datetime.now():%Y%m%d-%H%M%S}"
    names = (
        file.with_name(f"{file.stem}-damaged-{stamp}{extra}{file.suffix}")
        for extra in ("", *(f"-{i}" for i in range(1, 1000)))
    )
    return next(name for name in names if not name.exists())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _reason(error: Exception) -> str:
    return f"cannot be read ({error.strerror or error})" if isinstance(error, OSError) else str(error)
