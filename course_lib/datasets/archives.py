"""Unpacking a zip or tar archive all or nothing: into a folder beside the target, which is then renamed."""

import contextlib
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath


def unpack(archive: Path, take: dict[str, str], target: Path, check=None) -> None:
    """Unpack parts of an archive into the new folder `target`; after a failure nothing of it is left.

    take: part of the archive -> its place in the target; a folder (both end in /) or a file, found at any depth.
    check: called with the finished folder before it gets its name; what it raises counts as a failure.
    Raises ValueError for a broken archive, for one that has a path outside itself or a link where a file should be, and for one
    that lacks a part.
    """
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        folder = Path(scratch) / target.name
        missing = set(take)
        try:
            with _opened(archive) as members:
                for name, plain, stream in members:
                    part, place = _place(name, take)
                    if part is None:
                        continue
                    if not plain:
                        raise ValueError(f"the archive has a link at {name}; files only")
                    missing.discard(part)
                    (folder / place).parent.mkdir(parents=True, exist_ok=True)
                    with stream() as source, open(folder / place, "xb") as file:
                        shutil.copyfileobj(source, file)
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise ValueError(f"the archive is broken: {error}") from error
        if missing:
            raise ValueError(f"the archive has no {sorted(missing)[0]}")
        if check:
            check(folder)
        os.replace(folder, target)


def _place(name: str, take: dict[str, str]) -> tuple[str | None, str]:
    """Which part a member belongs to and where it goes, or (None, ""). Raises ValueError for a path that leaves the archive."""
    if name.startswith("/") or "\\" in name or ":" in name or ".." in PurePosixPath(name).parts:
        raise ValueError(f"the archive has a path outside itself, {name!r}; it is refused")
    for part, place in take.items():
        start = f"/{name}".find(f"/{part}")
        rest = name[start + len(part) :] if start >= 0 else None
        if rest is not None and bool(rest) == part.endswith("/"):
            return part, place + rest
    return None, ""


@contextlib.contextmanager
def _opened(archive: Path):
    """Members as (name, is a plain file, function that opens it); folders are left out."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield (
                (info.filename, not stat.S_ISLNK(info.external_attr >> 16), lambda info=info: file.open(info))
                for info in file.infolist()
                if not info.is_dir()
            )
    else:
        with tarfile.open(archive) as file:
            yield (
                (info.name, info.isfile(), lambda info=info: file.extractfile(info))
                for info in file
                if not info.isdir()
            )
