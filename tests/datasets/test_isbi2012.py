"""ISBI 2012's reader, on tiny files in both true formats and, where present, on the real ones."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.datasets import ISBI2012


def sections(n=12):
    """n sections of 7x5: gray = 10 * index everywhere, labels 255 except for a membrane in column index % 7."""
    images = [np.full((5, 7), 10 * i, np.uint8) for i in range(n)]
    labels = [np.where(np.arange(7) == i % 7, 0, 255).astype(np.uint8)[None].repeat(5, 0) for i in range(n)]
    return images, labels


def write_stack(path, arrays):
    first, *rest = (Image.fromarray(array) for array in arrays)
    first.save(path, save_all=True, append_images=rest)


@pytest.fixture
def folders(tmp_path):
    root = tmp_path / "folders"
    for name, arrays in zip(("image", "label"), sections(), strict=True):
        (root / name).mkdir(parents=True)
        for i, array in enumerate(arrays):
            Image.fromarray(array).save(root / name / f"{i}.png")
    return root


@pytest.fixture
def stacks(tmp_path):
    root = tmp_path / "stacks"
    root.mkdir()
    for name, arrays in zip(("volume", "labels"), sections(), strict=True):
        write_stack(root / f"train-{name}.tif", arrays)
    return root


def fails(kind, call, *words):
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert message.startswith("ISBI2012: ")
    assert "\n" not in message
    assert not re.search(r"\. ", message)
    assert all(word in message for word in words), message


@pytest.mark.parametrize("form", ["folders", "stacks"])
def test_both_forms_give_the_same_samples_in_stack_order(form, request):
    ds = ISBI2012(request.getfixturevalue(form))
    assert len(ds) == 12
    for i in (0, 2, 10, 11):  # 10.png comes after 2.png
        image, target = ds[i]
        assert image.shape == (3, 5, 7)
        torch.testing.assert_close(image.as_subclass(torch.Tensor), torch.full((3, 5, 7), 10 * i / 255))
        assert target.keys() == {"semantic"}
        semantic = target["semantic"]
        assert semantic.dtype == torch.int64
        assert (semantic == 0).sum() == 5
        assert (semantic[:, i % 7] == 0).all()  # 0 in the file is membrane, class 0
        assert semantic.unique().tolist() == [0, 1]


def test_compressed_stack(stacks):
    images, _ = sections()
    first, *rest = (Image.fromarray(array) for array in images)
    first.save(stacks / "train-volume.tif", save_all=True, append_images=rest, compression="tiff_lzw")
    assert round(float(ISBI2012(stacks)[3][0].mean()) * 255) == 30


def test_indices_choose_sections(stacks):
    ds = ISBI2012(stacks, indices=range(9, 12))
    assert len(ds) == 3
    assert round(float(ds[0][0].mean()) * 255) == 90
    assert round(float(ds[-1][0].mean()) * 255) == 110
    fails(IndexError, lambda: ds[3], "index 3", "0 to 2")
    fails(ValueError, lambda: ISBI2012(stacks, indices=[0, 12]), "[0, 12]", "0 to 11")
    fails(ValueError, lambda: ISBI2012(stacks, indices=[]), "at least one")


def test_missing_files(folders, stacks, tmp_path):
    fails(FileNotFoundError, lambda: ISBI2012(tmp_path / "nowhere"), "nowhere", "neither")
    (folders / "label" / "4.png").unlink()
    fails(FileNotFoundError, lambda: ISBI2012(folders), "4.png", "no partner")
    (stacks / "train-labels.tif").unlink()
    fails(FileNotFoundError, lambda: ISBI2012(stacks), "no train-labels.tif")


def test_stacks_of_unequal_length(stacks):
    write_stack(stacks / "train-labels.tif", sections(11)[1])
    fails(ValueError, lambda: ISBI2012(stacks), "12 pages", "11")


@pytest.mark.parametrize(
    ("name", "picture", "words"),
    [
        ("label/3.png", Image.new("L", (5, 7)), ("5x7", "7x5")),
        ("label/3.png", Image.new("L", (7, 5), 1), ("label 1", "255 (cell)")),
        ("label/3.png", Image.new("RGB", (7, 5)), ("mode RGB", "8-bit gray")),
        ("image/3.png", Image.new("I;16", (7, 5)), ("mode I", "8-bit gray")),
    ],
)
def test_a_wrong_file_is_named_with_the_rule(folders, name, picture, words):
    picture.save(folders / name)
    ds = ISBI2012(folders)
    fails(ValueError, lambda: ds[3], name, *words)
    assert ds[2][0].shape == (3, 5, 7)


def test_a_wrong_page_is_named(stacks):
    _, labels = sections()
    labels[4] = np.full((5, 7), 128, np.uint8)
    write_stack(stacks / "train-labels.tif", labels)
    ds = ISBI2012(stacks)
    fails(ValueError, lambda: ds[4], "train-labels.tif", "page 4", "label 128")
    assert ds[3][1]["semantic"].shape == (5, 7)


def test_a_stack_of_sixteen_bits(stacks):
    write_stack(stacks / "train-volume.tif", [array.astype(np.uint16) for array in sections()[0]])
    fails(ValueError, lambda: ISBI2012(stacks)[0], "train-volume.tif", "mode I;16", "8-bit gray")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_stack_cut_off_anywhere(stacks):
    path = stacks / "train-volume.tif"
    whole = path.read_bytes()
    for end in range(0, len(whole) - 16, len(whole) // 60):
        path.write_bytes(whole[:end])
        fails(ValueError, lambda: [sample for sample in ISBI2012(stacks)], "train-volume.tif")  # noqa: C416


@pytest.mark.needs("data")
def test_the_real_set(test_data):
    ds = ISBI2012(test_data / "isbi2012")
    assert len(ds) == 30
    image, target = ds[0]
    assert image.shape == (3, 512, 512)
    cell = target["semantic"].as_subclass(torch.Tensor) == 1
    assert 0.7 < cell.float().mean() < 0.85
    assert image[0][cell].mean() > image[0][~cell].mean() + 0.15  # membranes are dark
