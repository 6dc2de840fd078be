import numpy as np
import pytest
import torch

from course_lib import datasets, ops


@pytest.fixture(scope="module")
def scene():
    return datasets.Scenes(8, 96, seed=3)


def test_every_form_of_a_scene_gives_the_others(scene):
    for i in range(8):
        _, target = scene[i]
        panoptic = target["panoptic"].as_subclass(torch.Tensor)
        semantic, instance = ops.decode_panoptic(panoptic)
        assert torch.equal(semantic, target["semantic"])
        assert torch.equal(ops.encode_panoptic(semantic, instance), panoptic)
        masks, labels = ops.masks_from_panoptic(panoptic, scene.things)
        assert torch.equal(masks, target["masks"])
        assert torch.equal(labels, target["labels"])
        assert torch.equal(ops.panoptic_from_masks(semantic, masks, labels, scene.things), panoptic)


def test_rgb_code_is_cocos():
    ids = torch.tensor([[0, 255, 256], [65535, 65536, 255_000]])
    rgb = ops.panoptic_to_rgb(ids)
    assert rgb.dtype == torch.uint8
    assert rgb.shape == (3, 2, 3)
    r, g, b = rgb.numpy().astype(np.int64)  # panopticapi's rgb2id
    assert np.array_equal(r + 256 * g + 256 * 256 * b, ids.numpy())
    assert torch.equal(ops.rgb_to_panoptic(rgb), ids)
    assert torch.equal(
        ops.rgb_to_panoptic(ops.panoptic_to_rgb(torch.tensor([[(1 << 24) - 1]]))), torch.tensor([[(1 << 24) - 1]])
    )


def test_void_wins_over_everything():
    semantic = torch.tensor([[255, 1, 2]])
    assert ops.encode_panoptic(semantic, torch.tensor([[9, 9, 0]])).tolist() == [[255_000, 1009, 2000]]
    masks = torch.ones(1, 1, 3, dtype=torch.bool)
    assert ops.panoptic_from_masks(semantic, masks, torch.tensor([6])).tolist() == [[255_000, 6001, 6001]]


def test_an_earlier_mask_keeps_its_pixels_and_unclaimed_things_are_void():
    semantic = torch.tensor([[0, 6, 6, 6]])
    masks = torch.tensor([[[False, True, True, False]], [[True, False, True, False]]])
    panoptic = ops.panoptic_from_masks(semantic, masks, torch.tensor([6, 7]), {6, 7})
    assert panoptic.tolist() == [[7002, 6001, 6001, 255_000]]
    assert ops.panoptic_from_masks(semantic, masks, torch.tensor([6, 7])).tolist() == [[7002, 6001, 6001, 6000]]


def test_uint8_maps_do_not_overflow():
    semantic = torch.tensor([[200, 255]], dtype=torch.uint8)
    assert ops.encode_panoptic(semantic, torch.tensor([[3, 0]], dtype=torch.uint8)).tolist() == [[200_003, 255_000]]


def test_no_instances():
    masks, labels = ops.masks_from_panoptic(torch.tensor([[1000, 255_000]]), {6})
    assert masks.shape == (0, 1, 2)
    assert masks.dtype == torch.bool
    assert labels.shape == (0,)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"^encode_panoptic: semantic has shape \(2, 2\), instance \(2, 3\)"):
        ops.encode_panoptic(torch.zeros(2, 2), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"^encode_panoptic: instance numbers run from 0 to 1000"):
        ops.encode_panoptic(torch.zeros(1, 2), torch.tensor([[0, 1000]]))
    with pytest.raises(ValueError, match=r"^panoptic_to_rgb: ids run from -1 to 3"):
        ops.panoptic_to_rgb(torch.tensor([[-1, 3]]))
    with pytest.raises(ValueError, match=r"^rgb_to_panoptic: the picture is torch.float32 of shape \(3, 2, 2\)"):
        ops.rgb_to_panoptic(torch.zeros(3, 2, 2))
    with pytest.raises(ValueError, match=r"^panoptic_from_masks: 2 labels, masks \(1, 2, 2\) and semantic \(2, 2\)"):
        ops.panoptic_from_masks(torch.zeros(2, 2), torch.zeros(1, 2, 2, dtype=torch.bool), torch.tensor([1, 2]))
