"""Packed maps, borders, places for numbers; the pixel inspector and the watershed explorer in Python: pictures, words, arguments."""

import base64
import functools
import io
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import traitlets
from PIL import Image

from course_lib.datasets import CamVid, Cells, Scenes
from course_lib.widgets import pixel_inspector, watershed_explorer
from course_lib.widgets.label_maps import borders, centers, pack, unpack

VIEW = "application/vnd.jupyter.widget-view+json"


def inspector(**start):
    scenes = Scenes(17, 64, seed=0)
    return pixel_inspector(*scenes[16], scenes, **start)


def watershed(h=1.0):
    y, x = np.indices((32, 48))
    truth = np.stack([(y - 16) ** 2 + (x - c) ** 2 < r**2 for c, r in ((15, 10), (31, 9))])
    return watershed_explorer(truth.any(0), truth, h=h)


every_widget = pytest.mark.parametrize("make", [inspector, watershed])


@pytest.mark.parametrize("values", [[], [0], [5, 5, 5], [0, 127, 128, 255, 255_000, 255_000, 16_777_215]])
def test_packing(values):
    assert unpack(pack(values), len(values)).tolist() == values


def test_packing_a_map():
    labels = np.random.default_rng(0).integers(0, 300, (7, 9))
    assert (unpack(pack(labels), (7, 9)) == labels).all()
    assert len(pack(np.zeros((96, 96)))) == 4  # one run


def test_borders():
    labels = np.array([[1, 1], [1, 2]])
    assert sorted(borders(labels).tolist()) == [[[1, 1], [1, 2]], [[1, 1], [2, 1]]]
    assert len(borders(labels, outside=0)) == 2 + 8
    assert len(borders(labels, outside=1)) == 2 + 2
    assert len(borders(labels, within=np.array([[0, 0], [0, 1]]))) == 0


def test_centers():
    labels = np.zeros((7, 9), int)
    labels[1:6, 1:6] = 3
    labels[6, 8] = 1
    assert centers(labels) == {1: (6, 8, 1), 3: (3, 3, 3)}
    assert centers(np.ones((3, 5), int)) == {1: (1, 1, 2)}  # the rim is a border, the first of equals


@every_widget
def test_equal_states_give_equal_bytes(make):
    one, two = make(), make()
    assert one.html() == two.html()
    assert "0x" not in repr(one)


@functools.cache
def first_picture(make):
    return make().png()


@pytest.mark.parametrize(
    ("make", "trait", "value"),
    [
        (inspector, "layer", "image"),
        (inspector, "layer", "semantic"),
        (inspector, "layer", "instances"),
        (inspector, "layer", "components"),
        (inspector, "row", 2),
        (inspector, "column", 2),
        (watershed, "h", 5.0),
        (watershed, "level", -4.0),
        (watershed, "row", 3),
    ],
)
def test_the_picture_shows_the_state(make, trait, value):
    widget = make()
    setattr(widget, trait, value)
    assert widget.png() != first_picture(make)


@every_widget
def test_bundle_of_a_notebook(make):
    widget = make()
    data, metadata = widget._repr_mimebundle_()
    assert set(data) == {VIEW, "image/png", "text/plain"}
    assert data["text/plain"] == widget.describe() == metadata["image/png"]["alt"]
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert abs(picture.width - 2 * metadata["image/png"]["width"]) <= 2
    page = widget.html()
    assert re.findall(r"(?:src|href)=\"(?!data:)", page) == []
    assert not re.search(r"\bimport\b\s*[({\"']", page)


@pytest.mark.parametrize(("size", "most"), [(96, 60_000), (192, 180_000)])
def test_the_state_is_small(size, most):
    scenes = Scenes(17, size, seed=0)
    assert len(json.dumps(pixel_inspector(*scenes[16], scenes).state())) < most
    cells = Cells(1, size)
    assert len(json.dumps(watershed_explorer(cells[0][0], cells[0][1]["masks"]).state())) < most


def test_describe():
    widget = inspector()
    widget.row, widget.column = 2, 3
    assert widget.describe() == (
        "Pixel inspector, layer panoptic: row 2, column 3; image red 0.69, green 0.73, blue 0.76; class sky (0), stuff; "
        "instance none: sky is stuff; panoptic id 0·1000 + 0 = 0; COCO color R 0, G 0, B 0: 0 + 256·0 + 65536·0; "
        "component none: sky is stuff."
    )
    widget.layer = "components"
    assert widget.describe().startswith("Pixel inspector, layer components, 4 neighbors: row 2, column 3; ")
    assert widget.describe().endswith(" ".join(widget.findings()))
    explorer = watershed()
    explorer.level = -4.0
    assert explorer.describe() == (
        "Watershed explorer, mask of 32×48 pixels, h = 1 px: 2 markers, so 2 regions for 2 true cells; "
        "true cells: 2 right, 0 merged, 0 cut, 0 lost; water at −4 px."
    )


def test_the_inspector_starts_where_there_is_most_to_see():
    scenes = Scenes(17, 64, seed=0)
    image, target = scenes[16]
    widget = pixel_inspector(image, target, scenes)
    assert widget.layer == "panoptic"
    largest = target["masks"].sum((1, 2)).argmax()
    assert target["masks"][largest, widget.row, widget.column]
    assert pixel_inspector(image, {"semantic": target["semantic"]}, scenes).layer == "semantic"
    masks = {name: target[name] for name in ("masks", "labels")}
    assert pixel_inspector(image, masks, scenes).layer == "instances"
    for name in ("semantic", "panoptic"):
        with pytest.raises(traitlets.TraitError, match=f"layer must be one of image, instances here, got '{name}'"):
            pixel_inspector(image, masks, scenes).layer = name


@pytest.mark.needs("data")
def test_the_inspector_takes_a_real_sample(test_data):
    street = CamVid(test_data / "camvid", "val")
    image, target = street[0]
    crop = (slice(0, 200), slice(0, 240))
    widget = pixel_inspector(image[:, *crop], {"semantic": target["semantic"][crop]}, street)
    assert widget.scene().layers() == ["image", "semantic", "components"]
    assert widget.findings()


@pytest.mark.parametrize(
    ("make", "trait", "value", "message"),
    [
        (inspector, "row", 64, "row must be 0 to 63, got 64"),
        (inspector, "column", 64, "column must be 0 to 63, got 64"),
        (watershed, "row", 32, "row must be 0 to 31, got 32"),
    ],
)
def test_a_cursor_stays_in_the_picture(make, trait, value, message):
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(make(), trait, value)


TOWN = SimpleNamespace(classes=("sky", "car"), colors=((0, 0, 0), (9, 9, 9)), things={1})
SKY = torch.zeros(3, 4, 5)
MAP = torch.zeros(4, 5, dtype=torch.int64)
MASKS = torch.ones(2, 4, 5, dtype=torch.bool)
MASK = np.eye(6, dtype=bool)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: pixel_inspector(SKY, {}, TOWN),
            "pixel_inspector: target must have at least one of semantic, masks and panoptic, it has none",
        ),
        (
            lambda: pixel_inspector(SKY, {"semantic": MAP[:3]}, TOWN),
            "pixel_inspector: semantic has shape (3, 5), the image has (H, W) = (4, 5); they must match",
        ),
        (
            lambda: pixel_inspector(SKY, {"masks": MASKS[0], "labels": [1]}, TOWN),
            "pixel_inspector: masks has shape (4, 5), the image has (H, W) = (4, 5); they must match",
        ),
        (
            lambda: pixel_inspector(SKY, {"masks": MASKS, "labels": [1]}, TOWN),
            "pixel_inspector: target has 2 masks and 1 labels; it needs one for each",
        ),
        (
            lambda: pixel_inspector(SKY, {"semantic": MAP + 2}, TOWN),
            "pixel_inspector: semantic has class 2, the data set has classes 0 to 1",
        ),
        (
            lambda: pixel_inspector(SKY, {"panoptic": MAP + 7000}, TOWN),
            "pixel_inspector: panoptic has class 7, the data set has classes 0 to 1",
        ),
        (
            lambda: pixel_inspector(SKY, {"masks": MASKS, "labels": [1, 255]}, TOWN),
            "pixel_inspector: labels has class 255, the data set has classes 0 to 1",
        ),
        (
            lambda: pixel_inspector(SKY, {"semantic": MAP}, TOWN, layer="instances"),
            "pixel_inspector: layer must be one of image, semantic, components, got 'instances'",
        ),
        (
            lambda: pixel_inspector(SKY, {"semantic": MAP}, TOWN, connectivity=6),
            "pixel_inspector: connectivity must be 4 or 8, got 6",
        ),
        (
            lambda: pixel_inspector(torch.zeros(3, 300, 5), {"semantic": MAP}, TOWN),
            "pixel_inspector: the image is 300×5; its sides must be at most 256 pixels",
        ),
        (
            lambda: watershed_explorer(np.arange(4).reshape(2, 2)),
            "watershed_explorer: the mask is int64 of shape (2, 2) with values up to 3; give (H, W) bool, or 0 and 1",
        ),
        (lambda: watershed_explorer(~MASK & MASK), "watershed_explorer: no pixels are in the mask; it needs both cells and background"),
        (lambda: watershed_explorer(~MASK | MASK), "watershed_explorer: all pixels are in the mask; it needs both cells and background"),
        (lambda: watershed_explorer(MASK[:1]), "watershed_explorer: the mask is 1×6; its sides must be 2 to 256 pixels"),
        (lambda: watershed_explorer(MASK, h=6), "watershed_explorer: h must be a number from 0 to 5, got 6"),
        (lambda: watershed_explorer(MASK, h=float("nan")), "watershed_explorer: h must be a number from 0 to 5, got nan"),
        (lambda: watershed_explorer(MASK, MASK), "watershed_explorer: truth has shape (6, 6); it must be (M, H, W) with (H, W) = (6, 6)"),
        (
            lambda: watershed_explorer(MASK, np.stack([MASK, ~MASK & MASK])),
            "watershed_explorer: cell 1 of truth has no pixel; leave it out",
        ),
        (
            lambda: watershed_explorer(torch.full((1, 6, 6), 0.5)),
            "watershed_explorer: the image has one gray value everywhere; there is nothing to separate",
        ),
    ],
)  # fmt: skip
def test_refused_arguments(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_fates_by_hand():
    from course_lib.widgets.watershed import fates

    cells = np.zeros((5, 1, 50), bool)
    for k in range(5):
        cells[k, 0, 10 * k : 10 * k + 10] = True
    label = np.zeros((1, 50), int)
    label[0, :20] = 1  # cells 0 and 1 share a region
    label[0, 20:27], label[0, 27:30] = 2, 3  # cell 2 is cut 7 : 3
    label[0, 30:38], label[0, 38:40] = 4, 5  # a fifth is not more than a fifth
    label[0, 40:45] = 6  # half of cell 4 is not more than half
    found = {name: cells.tolist() for name, cells in fates(cells, label).items()}
    assert found == {
        "right": [False, False, False, True, False],
        "merged": [True, True, False, False, False],
        "cut": [False, False, True, False, False],
        "lost": [False, False, False, False, True],
    }


def test_equal_maxima_keep_their_markers_and_lower_ones_need_depth():
    from course_lib.widgets.watershed import markers

    ridge = np.array([[0, 3, 2, 3, 2, 2.5, 0.0]])
    assert markers(ridge, 0).tolist() == [[0, 1, 0, 2, 0, 3, 0]]
    assert markers(ridge, 0.5).tolist() == [[0, 1, 0, 2, 0, 3, 0]]
    assert markers(ridge, 0.75).tolist() == [[0, 1, 0, 2, 0, 0, 0]]  # 2.5 stands only 0.5 above its pass
    assert markers(ridge, 3.0).tolist() == [[0, 1, 0, 2, 0, 0, 0]]
    assert markers(ridge, 3.25).max() == 0
