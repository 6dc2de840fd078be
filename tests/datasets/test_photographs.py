import pytest
import torch
from PIL import Image

from course_lib.datasets.photographs import Photographs


def test_ten_ship_with_scikit_image(monkeypatch):
    monkeypatch.delenv("COURSE_PHOTOS", raising=False)
    photos = Photographs()
    assert len(photos) == len(set(photos.names)) == 10
    for i in range(10):
        image, target = photos[i]
        assert target == {}
        assert image.dtype == torch.float32
        assert image.shape[0] == 3
        assert 256 <= max(image.shape[1:]) <= 512
        assert image.min() >= 0
        assert image.max() <= 1
        assert image.std() > 0.02


def test_a_folder_of_ones_own(tmp_path, monkeypatch):
    turned = Image.new("RGB", (40, 20), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    turned.save(tmp_path / "a.jpg", exif=exif)
    Image.new("L", (900, 300), 128).save(tmp_path / "b.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    monkeypatch.setenv("COURSE_PHOTOS", str(tmp_path))
    photos = Photographs()
    assert photos.names == ("a", "b")
    assert photos[0][0].shape == (3, 40, 20)
    assert photos[1][0].shape == (3, 171, 512)


def test_bad_folders_and_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no png or jpg"):
        Photographs(tmp_path)
    with pytest.raises(FileNotFoundError, match="is missing"):
        Photographs(tmp_path / "nowhere")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff not really")
    with pytest.raises(ValueError, match=r"broken.jpg is damaged"):
        Photographs(tmp_path)[0]
    with pytest.raises(IndexError, match="index 1"):
        Photographs(tmp_path)[1]
