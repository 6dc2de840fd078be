"""CamVid's reader, on tiny files in its true formats and, where present, on the real ones."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from course_lib.datasets import FILL, CamVid, collate


@pytest.fixture
def root(tmp_path):
    """Two 8x6 pairs in train/, one as jpg and one as png; labels hold every id 0 ... 11."""
    labels = (np.arange(48).reshape(6, 8) % 12).astype(np.uint8)
    for folder in ("train", "trainannot"):
        (tmp_path / folder).mkdir()
    for stem, suffix in (("a", ".jpg"), ("b", ".png")):
        Image.fromarray(np.full((6, 8, 3), (200, 100, 50), np.uint8)).save(tmp_path / "train" / (stem + suffix))
        Image.fromarray(labels).save(tmp_path / "trainannot" / f"{stem}.png")
    return tmp_path


def fails(kind, call, *words):
    """The call raises `kind` with one sentence on one line that begins with CamVid and has all the words."""
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert message.startswith("CamVid: ")
    assert "\n" not in message
    assert not re.search(r"\. ", message)
    assert all(word in message for word in words), message


def test_reads_png_and_jpg(root):
    ds = CamVid(root)
    assert len(ds) == 2
    image, target = ds[1]
    assert image.dtype == torch.float32
    torch.testing.assert_close(image[:, 0, 0].as_subclass(torch.Tensor), torch.tensor([200, 100, 50]) / 255)
    assert target.keys() == {"semantic"}
    assert target["semantic"].dtype == torch.int64
    assert target["semantic"][0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert target["semantic"][1].tolist() == [8, 9, 10, 255, 0, 1, 2, 3]
    assert abs(float(ds[0][0][0].mean()) - 200 / 255) < 0.03  # the jpg


def test_palette_labels_are_their_indices(root):
    label = Image.open(root / "trainannot" / "b.png").convert("P")
    label.putdata(list((np.arange(48) % 12).astype(int)))
    label.putpalette([7, 7, 7] * 256)
    label.save(root / "trainannot" / "b.png")
    assert Image.open(root / "trainannot" / "b.png").mode == "P"
    assert CamVid(root)[1][1]["semantic"].unique().tolist() == [*range(11), 255]


def test_transforms_and_batches_like_the_generated_sets(root):
    ds = CamVid(root, transform=v2.RandomAffine((90, 90), fill=dict(FILL)))
    images, targets = collate([ds[0], ds[1]])
    assert images.shape == (2, 3, 6, 8)
    assert targets["semantic"].shape == (2, 6, 8)
    assert (targets["semantic"][:, :, 0] == 255).all()  # uncovered by the rotation


@pytest.mark.parametrize(("folder", "name"), [("train", "a.jpg"), ("trainannot", "b.png")])
def test_a_file_without_partner_is_named(root, folder, name):
    (root / folder / name).unlink()
    partner = {"a.jpg": "a.png", "b.png": "b.png"}[name]
    fails(FileNotFoundError, lambda: CamVid(root), partner, "no partner")


def test_missing_and_empty_folders(root, tmp_path):
    fails(FileNotFoundError, lambda: CamVid(tmp_path / "nowhere"), "nowhere", "missing")
    fails(FileNotFoundError, lambda: CamVid(root, "val"), "val", "missing")
    (root / "val").mkdir()
    (root / "valannot").mkdir()
    (root / "val" / ".DS_Store").write_bytes(b"x")
    fails(FileNotFoundError, lambda: CamVid(root, "val"), "val", "no png or jpg")
    fails(ValueError, lambda: CamVid(root, "trainval"), "'trainval'", "'train', 'val' or 'test'")


def test_two_images_of_one_name(root):
    Image.new("RGB", (8, 6)).save(root / "train" / "a.png")
    fails(ValueError, lambda: CamVid(root), "a.png", "a.jpg", "one stem")


def test_index_out_of_range(root):
    fails(IndexError, lambda: CamVid(root)[2], "index 2", "0 to 1")
    assert len(list(CamVid(root))) == 2  # so iteration ends


@pytest.mark.parametrize(
    ("name", "picture", "words"),
    [
        ("trainannot/b.png", Image.new("L", (6, 8)), ("6x8", "8x6", "size")),
        ("trainannot/b.png", Image.new("L", (8, 6), 12), ("label 12", "0 to 10")),
        ("trainannot/b.png", Image.new("RGB", (8, 6)), ("mode RGB", "one channel")),
        ("trainannot/b.png", Image.new("I;16", (8, 6)), ("mode I", "8-bit")),
        ("trainannot/b.png", Image.new("1", (8, 6)), ("mode 1", "8-bit")),
        ("train/b.png", Image.new("RGBA", (8, 6)), ("mode RGBA", "8-bit RGB")),
        ("train/b.png", Image.new("L", (8, 6)), ("mode L", "8-bit RGB")),
    ],
)
def test_a_wrong_file_is_named_with_the_rule(root, name, picture, words):
    picture.save(root / name)
    ds = CamVid(root)
    fails(ValueError, lambda: ds[1], name, *words)
    assert ds[0][0].shape == (3, 6, 8)  # the others are still readable


@pytest.mark.parametrize("name", ["train/a.jpg", "train/b.png", "trainannot/b.png"])
def test_a_file_cut_off_anywhere_is_named(root, name):
    whole = (root / name).read_bytes()
    ds = CamVid(root)
    index = 0 if "/a" in name else 1
    for end in range(0, len(whole) - 24, max(len(whole) // 40, 1)):
        (root / name).write_bytes(whole[:end])
        fails(ValueError, lambda: ds[index], name, "damaged or truncated")


def test_a_file_that_went_away(root):
    ds = CamVid(root)
    (root / "train/b.png").unlink()
    fails(FileNotFoundError, lambda: ds[1], "train/b.png", "gone")


@pytest.mark.needs("data")
def test_the_real_set(test_data):
    train, val = CamVid(test_data / "camvid"), CamVid(test_data / "camvid", "val")
    assert (len(train), len(val)) == (367, 101)
    counts, height = torch.zeros(256), torch.zeros(256)
    for i in range(0, 367, 8):
        image, target = train[i]
        assert image.shape == (3, 360, 480)
        assert target["semantic"].shape == (360, 480)
        semantic = target["semantic"].as_subclass(torch.Tensor)
        counts += semantic.flatten().bincount(minlength=256)
        rows = torch.arange(360.0).repeat_interleave(480)
        height += semantic.flatten().bincount(weights=rows, minlength=256)
    assert set(counts.nonzero().flatten().tolist()) == {*range(11), 255}
    mean = dict(zip(train.classes, (height / counts).tolist(), strict=False))
    share = dict(zip(train.classes, (counts / counts[:11].sum()).tolist(), strict=False))
    assert min(mean, key=mean.get) == "sky"  # the order of the names fits the pictures
    assert max(mean, key=mean.get) == "road"
    assert max(share, key=share.get) == "road"
    assert share["building"] > share["tree"] > share["car"] > share["pedestrian"]
    assert share["bicyclist"] < share["pole"]
