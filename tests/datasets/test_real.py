"""Which data a lesson gets: the real set where $COURSE_DATA holds it, the generated one elsewhere."""

import numpy as np
import pytest
from PIL import Image

from course_lib import datasets


@pytest.fixture
def camvid(tmp_path):
    for folder in ("val", "valannot"):
        (tmp_path / "camvid" / folder).mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(tmp_path / "camvid/val/a.jpg")
    Image.fromarray(np.zeros((6, 8), np.uint8)).save(tmp_path / "camvid/valannot/a.png")
    return tmp_path


def test_the_root_is_the_environments_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert datasets.data_root() is None
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    assert datasets.data_root() is None
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert datasets.data_root() == tmp_path
    assert not datasets.available("camvid")


def test_the_real_set_where_it_is(camvid, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(camvid))
    assert datasets.available("camvid")
    real = datasets.real_or_generated("camvid", "generated", split="val")
    assert isinstance(real, datasets.CamVid)
    assert real.split == "val"
    assert capsys.readouterr().out == f"camvid: the real set, 1 pictures from {camvid / 'camvid'}\n"


def test_generated_data_elsewhere(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert datasets.real_or_generated("camvid", "generated", split="val") == "generated"
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert 'datasets.fetch.describe("camvid")' in line


def test_a_broken_set_does_not_stop_a_lesson(camvid, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(camvid))
    (camvid / "camvid/valannot/a.png").rename(camvid / "camvid/valannot/b.png")
    assert datasets.real_or_generated("camvid", "generated", split="val") == "generated"
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert "a.jpg has no partner" in line


def test_an_unknown_name_is_a_mistake():
    with pytest.raises(ValueError, match=r"^available: name is 'voc'; it must be one of camvid, isbi2012$"):
        datasets.real_or_generated("voc", None)
