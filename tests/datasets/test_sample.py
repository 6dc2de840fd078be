import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from course_lib.datasets import FILL, VOID, collate, sample

THINGS = frozenset({2, 3})


def arrays():
    """A 20 x 30 picture: class 0 above, 1 below; object 1 (class 2) left, object 2 (class 3) right, in front of object 3 (class 2)."""
    image = np.arange(20 * 30 * 3, dtype=np.uint32).astype(np.uint8).reshape(20, 30, 3)
    semantic = np.zeros((20, 30), np.uint8)
    semantic[10:] = 1
    ids = np.zeros((20, 30), np.uint8)
    for k, c, rows, columns in (
        (1, 2, slice(4, 9), slice(1, 6)),
        (3, 2, slice(8, 16), slice(18, 26)),
        (2, 3, slice(10, 14), slice(20, 29)),
    ):
        ids[rows, columns], semantic[rows, columns] = k, c
    return {"image": image, "semantic": semantic, "ids": ids, "id_classes": (2, 3, 2), "parts": (ids > 0) * np.uint8(4)}


def draw(transform=None, **changes):
    return sample(**arrays() | changes, transform=transform)


class Crop(v2.Transform):
    """Columns 16 to 30."""

    def transform(self, inpt, params):
        return v2.functional.crop(inpt, 0, 16, 20, 14)


def test_truths_agree(assert_consistent):
    image, target = draw()
    assert_consistent(image, target, THINGS)
    assert target["labels"].tolist() == [2, 3, 2]
    assert target["boxes"].tolist() == [[1, 4, 6, 9], [20, 10, 29, 14], [18, 8, 26, 16]]  # x2, y2 exclusive
    assert target["panoptic"].unique().tolist() == [0, 1000, 2001, 2003, 3002]
    assert target["parts"].dtype == torch.int64


def test_image_is_the_array_in_0_1():
    image, _ = draw()
    assert torch.equal((image * 255).round().to(torch.uint8), torch.from_numpy(arrays()["image"]).permute(2, 0, 1))


def test_void_wins(assert_consistent):
    semantic = arrays()["semantic"]
    semantic[:6] = VOID
    image, target = draw(semantic=semantic)
    assert_consistent(image, target, THINGS)
    assert target["boxes"][0].tolist() == [1, 6, 6, 9]


def test_a_set_without_objects_has_only_semantic():
    _, target = sample(arrays()["image"], arrays()["semantic"])
    assert set(target) == {"semantic"}


def test_no_objects_at_all(assert_consistent):
    image, target = draw(semantic=np.zeros((20, 30), np.uint8), ids=np.zeros((20, 30), np.uint8), id_classes=())
    assert_consistent(image, target, THINGS)
    assert target["masks"].shape == (0, 20, 30)


def test_flip_flips_everything(assert_consistent):
    image, target = draw(v2.RandomHorizontalFlip(1.0))
    assert_consistent(image, target, THINGS)
    plain, before = draw()
    assert torch.equal(image, plain.flip(-1))
    for name in ("semantic", "panoptic", "masks", "parts"):
        assert torch.equal(target[name], before[name].flip(-1)), name


def test_crop_drops_what_left_and_numbers_the_rest(assert_consistent):
    image, target = draw(Crop())
    assert_consistent(image, target, THINGS)
    assert target["labels"].tolist() == [3, 2]
    assert target["panoptic"].unique().tolist() == [0, 1000, 2002, 3001]


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomRotation((40, 40), fill=FILL),
        v2.RandomAffine(0, translate=(0.4, 0.4), scale=(0.5, 0.6), fill=FILL),
        v2.RandomCrop((40, 50), pad_if_needed=True, fill=FILL),
        v2.RandomPerspective(0.7, p=1, fill=FILL),
        v2.ElasticTransform(alpha=40.0, sigma=2.0, fill=FILL),
        v2.Compose([v2.RandomZoomOut(fill=FILL, p=1), v2.Resize((33, 47)), v2.RandomCrop(25)]),
    ],
    ids=lambda t: type(t).__name__,
)
def test_warps_never_invent_objects(transform, assert_consistent):
    """torchvision fills bool masks with True and panoptic maps with 255; both must end as void."""
    torch.manual_seed(3)
    for _ in range(4):
        image, target = draw(transform)
        assert_consistent(image, target, THINGS)
        assert len(target["labels"]) <= 3
        assert (target["parts"][target["semantic"] == VOID] == VOID).all()
        assert (target["masks"].sum((1, 2)) <= 20 * 30 // 2).all()


def test_rotation_really_uncovers_void():
    _, target = draw(v2.RandomRotation((40, 40), fill=FILL))
    assert (target["semantic"] == VOID).float().mean() > 0.1
    assert not target["masks"][:, 0, 0].any()


def test_fill_survives_its_use():
    v2.RandomRotation(10, fill=FILL)
    assert {tv_tensors.Image: 0, tv_tensors.Mask: 255} == FILL


def test_a_transform_may_add_keys():
    def add(image, target):
        return image, target | {"weights": target["masks"].sum(0).float()}

    _, target = draw(add)
    assert target["weights"].shape == (20, 30)


def test_collate_stacks_maps_and_lists_objects():
    batch = [
        draw(),
        draw(),
        draw(semantic=np.zeros((20, 30), np.uint8), ids=np.zeros((20, 30), np.uint8), id_classes=()),
    ]
    images, targets = collate(batch)
    assert images.shape == (3, 3, 20, 30)
    for name in ("semantic", "panoptic", "parts"):
        assert type(targets[name]) is torch.Tensor
        assert targets[name].shape == (3, 20, 30)
    assert [len(x) for x in targets["labels"]] == [3, 3, 0]
    assert [tuple(x.shape) for x in targets["boxes"]] == [(3, 4), (3, 4), (0, 4)]
    assert torch.equal(targets["masks"][1], draw()[1]["masks"])


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match=r"^sample: image is float32 of shape"):
        draw(image=np.zeros((20, 30, 3), np.float32))
    with pytest.raises(ValueError, match=r"^sample: semantic has shape \(20, 29\), the image has .*must match$"):
        draw(semantic=np.zeros((20, 29), np.uint8))
    with pytest.raises(ValueError, match=r"^collate: the pictures have shapes \[\(3, 10, 10\), \(3, 20, 30\)\]"):
        collate([draw(), draw(v2.RandomCrop(10))])
