"""Downloads, against a small server on this machine that can break off, lie, continue, or be absent."""

import hashlib
import io
import os
import random
import re
import stat
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from course_lib import datasets
from course_lib.datasets import archives, fetch

NOISE = random.Random(0).randbytes(300_000)  # does not compress, so an archive has its size


class Handler(BaseHTTPRequestHandler):
    """Serves server.files[path]; server.cut[path] = break off after so many bytes, once; server.seen = (path, Range) of each request."""

    def do_GET(self):
        body = self.server.files.get(self.path)
        asked = self.headers.get("Range")
        self.server.seen.append((self.path, asked))
        if body is None:
            return self.send_error(404)
        tag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'
        start = 0
        if asked and self.server.ranges and self.headers.get("If-Range") == tag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body[start : self.server.cut.pop(self.path, len(body))])

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def running():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(running):
    running.files, running.cut, running.seen, running.ranges = {}, {}, [], True
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    return running


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "data"


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """sources(*(url, sha256)) writes a sources.toml with one set "toy" and these mirrors."""

    def write(*mirrors):
        head = '[toy]\ntitle = "A toy"\nlicense = "CC0"\nsize = "300 kB"\nhome = "https://example.org"\ncite = "Toy"\n'
        body = "".join(
            f'[[toy.mirrors]]\nurl = "{url}"\nsha256 = "{sha}"\ntake = {{ "in/a/" = "train/", "one.bin" = "one.bin" }}\n'
            for url, sha in mirrors
        )
        monkeypatch.setattr(fetch, "SOURCES", tmp_path / "sources.toml")
        fetch.SOURCES.write_text(head + body)

    return write


def zipped(members) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


GOOD = zipped(
    {"top-main/in/a/x.bin": NOISE, "top-main/in/a/sub/y.txt": b"y", "top-main/one.bin": b"1", "top-main/README": b"no"}
)
SHA = hashlib.sha256(GOOD).hexdigest()


def installed(root) -> dict:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


WHOLE = {"toy/one.bin": b"1", "toy/train/sub/y.txt": b"y", "toy/train/x.bin": NOISE}


def fails(call, *words):
    with pytest.raises(ConnectionError) as caught:
        call()
    message = str(caught.value)
    assert message.startswith("fetch.get: no mirror gave a sound toy, so nothing was installed")
    assert "\n" not in message
    assert not re.search(r"\. ", message)
    assert all(word in message for word in words), message


def test_downloads_verifies_and_unpacks_what_is_taken(server, root, sources, capsys):
    server.files["/good.zip"] = GOOD
    sources((server.url + "/good.zip", SHA))
    assert fetch.get("toy", root, yes=True) == root / "toy"
    assert installed(root) == WHOLE  # and nothing beside it
    out = capsys.readouterr().out
    assert out.index("CC0") < out.index("ready in")
    assert "300 kB" in out
    assert "verified by sha256" in out
    assert f"set COURSE_DATA={root}" in out
    assert stat.S_IMODE((root / "toy").stat().st_mode) == stat.S_IMODE((root).stat().st_mode)  # not private to one user


def test_a_set_that_is_there_is_left_alone(server, root, sources):
    sources((server.url + "/good.zip", SHA))
    (root / "toy").mkdir(parents=True)
    assert fetch.get("toy", root, yes=True) == root / "toy"
    assert server.seen == []


@pytest.mark.parametrize("answer", ["n", "", EOFError(), RuntimeError("no front end")])
def test_nobody_downloads_unasked(server, root, sources, monkeypatch, capsys, answer):
    def asked(prompt):
        assert "y/N" in prompt
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("builtins.input", asked)
    sources((server.url + "/good.zip", SHA))
    assert fetch.get("toy", root) is None
    assert server.seen == []
    assert not root.exists()
    assert "yes=True" in capsys.readouterr().out


def test_a_yes_downloads_into_course_data(server, root, sources, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    monkeypatch.setenv("COURSE_DATA", str(root))
    server.files["/good.zip"] = GOOD
    sources((server.url + "/good.zip", SHA))
    assert fetch.get("toy") == root / "toy"
    assert "set COURSE_DATA" not in capsys.readouterr().out.split("ready in")[1]


def test_an_unknown_checksum_is_said_and_shown(server, root, sources, capsys):
    server.files["/good.zip"] = GOOD
    sources((server.url + "/good.zip", ""))
    fetch.get("toy", root, yes=True)
    out = capsys.readouterr().out
    assert out.count("unverified: no checksum known") == 2
    assert SHA in out


def test_the_second_mirror_when_the_first_is_dead_or_wrong(server, root, sources):
    server.files |= {"/good.zip": GOOD, "/other.zip": GOOD + b" "}
    dead = "http://127.0.0.1:1/good.zip"
    sources(
        (dead, SHA), (server.url + "/gone.zip", SHA), (server.url + "/other.zip", SHA), (server.url + "/good.zip", SHA)
    )
    fetch.get("toy", root, yes=True)
    assert installed(root) == WHOLE
    assert [path for path, _ in server.seen] == ["/gone.zip", "/other.zip", "/good.zip"]


def test_all_mirrors_fail_in_one_sentence(server, root, sources):
    server.files["/other.zip"] = GOOD + b" "
    sources(("http://127.0.0.1:1/good.zip", SHA), (server.url + "/gone.zip", SHA), (server.url + "/other.zip", SHA))
    fails(
        lambda: fetch.get("toy", root, yes=True),
        "127.0.0.1:1/good.zip: no connection to the server",
        "404",
        "other.zip",
        "hash",
    )
    assert installed(root) == {}


def test_an_interrupted_download_continues(server, root, sources):
    server.files["/good.zip"], server.cut["/good.zip"] = GOOD, 200_000
    sources((server.url + "/good.zip", SHA))
    fails(lambda: fetch.get("toy", root, yes=True), f"broke off after 196608 of {len(GOOD)} bytes")
    assert not (root / "toy").exists()
    fetch.get("toy", root, yes=True)
    assert installed(root) == WHOLE
    assert [asked for _, asked in server.seen] == [None, "bytes=196608-"]


def test_a_download_that_was_complete_but_never_used(server, root, sources):
    server.files["/good.zip"], server.cut["/good.zip"] = GOOD, 200_000
    sources((server.url + "/good.zip", SHA))
    fails(lambda: fetch.get("toy", root, yes=True))
    next((root / ".downloads").glob("*.part")).write_bytes(GOOD)
    fails(lambda: fetch.get("toy", root, yes=True), "starts over")
    fetch.get("toy", root, yes=True)
    assert installed(root) == WHOLE


def test_it_starts_over_when_the_file_has_changed(server, root, sources):
    server.files["/good.zip"], server.cut["/good.zip"] = GOOD[::-1], 200_000
    sources((server.url + "/good.zip", SHA))
    fails(lambda: fetch.get("toy", root, yes=True))
    server.files["/good.zip"] = GOOD
    fetch.get("toy", root, yes=True)
    assert installed(root) == WHOLE


def test_it_starts_over_where_the_server_knows_no_ranges(server, root, sources):
    server.files["/good.zip"], server.cut["/good.zip"], server.ranges = GOOD, 200_000, False
    sources((server.url + "/good.zip", SHA))
    fails(lambda: fetch.get("toy", root, yes=True))
    fetch.get("toy", root, yes=True)
    assert installed(root) == WHOLE


def test_a_tar_archive(server, root, sources):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, data in {"in/a/x.bin": NOISE, "in/a/sub/y.txt": b"y", "one.bin": b"1"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    server.files["/good.tgz"] = buffer.getvalue()
    sources((server.url + "/good.tgz", ""))
    fetch.get("toy", root, yes=True)
    assert installed(root) == WHOLE


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (zipped({"../evil.txt": b"e", "in/a/x": b"x", "one.bin": b"1"}), ("path outside itself", "../evil.txt")),
        (zipped({"in/a/../../../evil.txt": b"e", "one.bin": b"1"}), ("path outside itself",)),
        (zipped({"/in/a/evil.txt": b"e", "one.bin": b"1"}), ("path outside itself",)),
        (zipped({"in/a/C:evil.txt": b"e", "one.bin": b"1"}), ("path outside itself",)),
        (zipped({"in/a/x": b"x"}), ("has no one.bin",)),
        (GOOD[:-30], ("broken",)),
        (GOOD[:1000] + b"\0" * 50 + GOOD[1050:], ("broken", "CRC")),
        (b"<html>Please log in</html>", ("broken",)),
    ],
)
def test_a_bad_archive_leaves_nothing(server, root, sources, body, words):
    server.files["/bad.zip"] = body
    sources((server.url + "/bad.zip", ""))
    fails(lambda: fetch.get("toy", root, yes=True), *words)
    assert installed(root.parent) == {"sources.toml": fetch.SOURCES.read_bytes()}


def test_a_link_in_place_of_a_file_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        info = tarfile.TarInfo("in/a/x")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(info)
    with pytest.raises(ValueError, match="the archive has a link at in/a/x"):
        archives.unpack(tmp_path / "a.tar", {"in/a/": "train/"}, tmp_path / "toy")
    assert os.listdir(tmp_path) == ["a.tar"]


def test_a_set_that_cannot_be_opened_is_not_installed(tmp_path):
    (tmp_path / "camvid.zip").write_bytes(zipped({"CamVid/train/a.png": b"x", "CamVid/trainannot/b.png": b"x"}))
    take = {"CamVid/train/": "train/", "CamVid/trainannot/": "trainannot/"}
    with pytest.raises(FileNotFoundError, match=r"a\.png has no partner"):
        archives.unpack(tmp_path / "camvid.zip", take, tmp_path / "camvid", check=datasets.CamVid)
    assert os.listdir(tmp_path) == ["camvid.zip"]


def test_without_a_folder_and_with_an_unknown_name(root):
    with pytest.raises(ValueError, match=r"^fetch.get: root is None and COURSE_DATA is not set; give"):
        fetch.get("camvid")
    with pytest.raises(ValueError, match=r"^fetch: name is 'voc'; it must be one of camvid, isbi2012$"):
        fetch.describe("voc")


@pytest.mark.parametrize("name", ["camvid", "isbi2012"])
def test_the_real_sources(name, capsys):
    fetch.describe(name)
    text = capsys.readouterr().out
    assert all(word in text for word in ("license", "size", "https://", f'fetch.get("{name}"'))
    source = fetch._source(name)
    cited = (fetch.SOURCES.parents[1] / "references.bib").read_text(encoding="utf-8")
    assert source["cite"].startswith("doi:") or f"{{{source['cite']}," in cited
    for mirror in source["mirrors"]:
        assert mirror["url"].startswith("https://")
        assert re.fullmatch(r"[0-9a-f]{64}|", mirror["sha256"])
