"""Downloading a real data set, on request only: size and license first, then verified, resumable and all or nothing.

pooch checks the sha256 and keeps a broken file from being taken for a good one. Its own downloader starts over after an
interruption, so it gets one here that continues a `.part` file by an HTTP range request. What was unpacked appears in one step.
"""

import contextlib
import functools
import hashlib
import os
import tomllib
from pathlib import Path

from . import archives
from .real import SETS

SOURCES = Path(__file__).parents[2] / "data" / "sources.toml"
TIMEOUT = (10, 60)  # seconds to connect, and between two blocks
BLOCK = 1 << 15  # bytes; at most so many of those that arrived are lost when a transfer breaks off


def describe(name: str) -> None:
    """Print what a data set is, its license, its size, where it comes from, and how to get it. Nothing is downloaded."""
    print(_description(name, _source(name)))


def get(name: str, root=None, *, yes: bool = False) -> Path | None:
    """Download a data set into root/name after showing its size and license; nothing happens unless it is wanted.

    name: a table of data/sources.toml ("camvid", "isbi2012"). root: the folder of the real data sets; None = $COURSE_DATA.
    yes: True downloads at once; else the question is asked, and no answer means no.
    Returns the folder, or None if nothing was wanted. A set that is already there is left alone. Mirrors are tried in turn.
    Raises ValueError for an unknown name or without a root, ConnectionError when no mirror gives a sound archive; a transfer that
    broke off continues at the next call.
    """
    source = _source(name)
    root = root or os.environ.get("COURSE_DATA")
    if not root:
        raise ValueError(
            "fetch.get: root is None and COURSE_DATA is not set; give the folder that is to hold the real data sets"
        )
    root = Path(root).expanduser()
    if (root / name).exists():
        print(f"{name}: already in {root / name}")
        return root / name
    print(_description(name, source))
    if not (yes or _wanted(root / name)):
        print(f'Nothing was downloaded; fetch.get("{name}", yes=True) downloads without asking.')
        return None

    faults = []
    for mirror in source["mirrors"]:
        try:
            archive = _archive(name, mirror, root)
            try:
                archives.unpack(archive, mirror["take"], root / name, check=SETS.get(name))
            finally:  # a sound archive is no longer needed, a bad one must not be taken for a good one at the next call
                archive.unlink()
        except (OSError, ValueError) as error:  # requests' errors are OSErrors
            faults.append(f"{mirror['url']}: {_reason(error)}")
            continue
        with contextlib.suppress(OSError):  # another set's unfinished download may lie there
            archive.parent.rmdir()
        known = os.environ.get("COURSE_DATA") and Path(os.environ["COURSE_DATA"]) == root
        print(f"{name}: ready in {root / name}" + ("" if known else f"; set COURSE_DATA={root} and lessons find it"))
        return root / name
    raise ConnectionError(f"fetch.get: no mirror gave a sound {name}, so nothing was installed ({'; '.join(faults)})")


def _source(name: str) -> dict:
    sources = tomllib.loads(SOURCES.read_text(encoding="utf-8"))
    if name not in sources:
        raise ValueError(f"fetch: name is {name!r}; it must be one of {', '.join(sources)}")
    return sources[name]


def _description(name: str, source: dict) -> str:
    unverified = [mirror["url"] for mirror in source["mirrors"] if not mirror["sha256"]]
    checksum = "unverified: no checksum known" if len(unverified) == len(source["mirrors"]) else "verified by sha256"
    return "\n".join(
        [
            f"{name}: {source['title']}",
            f"  license  {source['license']}",
            f"  size     {source['size']}",
            *(f"  from     {mirror['url']}" for mirror in source["mirrors"]),
            f"  checksum {checksum}",
            f"  more     {source['home']}; cite {source['cite']}",
            f'  get it   datasets.fetch.get("{name}", root=FOLDER), then set COURSE_DATA=FOLDER',
        ]
    )


def _wanted(folder: Path) -> bool:
    try:
        return input(f"Download into {folder}? [y/N] ").strip().lower() in ("y", "yes")
    except (EOFError, RuntimeError):  # nobody can answer: a script, or a notebook run from end to end
        return False


def _archive(name: str, mirror: dict, root: Path) -> Path:
    """The downloaded archive, checked against its sha256 if one is known. Raises OSError or ValueError."""
    import pooch

    pooch.get_logger().setLevel("ERROR")
    url, known = mirror["url"], mirror["sha256"]
    folder = root / ".downloads"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
    downloader = functools.partial(download, part=folder / f"{stem}.part")
    path = Path(
        pooch.retrieve(url, f"sha256:{known}" if known else None, f"{stem}.archive", folder, downloader=downloader)
    )
    if not known:
        print(f"{name}: unverified: no checksum known; this file's sha256 is {pooch.file_hash(str(path))}")
    return path


def download(url: str, output_file, pooch, *, part: Path) -> None:
    """pooch's downloader hook: fetch `url` to `output_file`, continuing the file `part` where an earlier try broke off.

    A range request with If-Range continues only if the server still has the same version; else it starts over.
    Raises requests' exceptions (OSErrors); what arrived stays in `part`.
    """
    import requests
    from tqdm.auto import tqdm

    version = part.with_suffix(".version")
    have = part.stat().st_size if part.exists() and version.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version.read_text()}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == 416:  # nothing beyond what we have, or a file that is not the one we began
            part.unlink()
            raise requests.ConnectionError("the server refused to go on, another call starts over")
        response.raise_for_status()
        if response.status_code != 206:
            have = 0
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        version.unlink(missing_ok=True) if not tag or tag.startswith("W/") else version.write_text(tag)
        rest = int(response.headers["Content-Length"]) if "Content-Length" in response.headers else None
        total = None if rest is None else have + rest
        with (
            open(part, "ab" if have else "wb") as file,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc="download") as bar,
        ):
            try:
                for block in response.iter_content(BLOCK):
                    file.write(block)
                    bar.update(len(block))
                complete = total in (None, file.tell())
            except requests.RequestException:
                complete = False
            if not complete:
                share = f"{file.tell()} of {total or 'unknown'} bytes"
                raise requests.ConnectionError(f"the transfer broke off after {share}, another call goes on")
    os.replace(part, output_file)
    version.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """The first sentence of an error; for a server that cannot be reached, without urllib3's chain of causes."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "no connection to the server" if "Max retries" in text else text.split(". ")[0].rstrip(".")
