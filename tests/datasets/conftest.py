"""What the tests of the data sets share."""

import pytest
import torch
from torchvision import tv_tensors


def _assert_consistent(image, target, things):
    """All ground truths of a sample say the same, whatever happened to it."""
    semantic, panoptic = target["semantic"], target["panoptic"]
    masks, labels, boxes = target["masks"], target["labels"], target["boxes"]
    size = tuple(semantic.shape)
    assert isinstance(image, tv_tensors.Image)
    assert image.dtype == torch.float32
    assert tuple(image.shape) == (3, *size)
    assert all(isinstance(m, tv_tensors.Mask) for m in (semantic, panoptic, masks))
    assert (semantic.dtype, panoptic.dtype, labels.dtype) == (torch.int64,) * 3
    assert (masks.dtype, boxes.dtype) == (torch.bool, torch.float32)
    assert isinstance(boxes, tv_tensors.BoundingBoxes)
    assert boxes.canvas_size == size
    m = len(labels)
    assert tuple(masks.shape) == (m, *size)
    assert tuple(boxes.shape) == (m, 4)

    void = semantic == 255
    assert (panoptic[void] == 255000).all()
    assert (panoptic // 1000 == semantic).all()
    instance = panoptic % 1000
    assert torch.unique(instance[instance > 0]).tolist() == list(range(1, m + 1))
    is_thing = torch.isin(semantic, torch.tensor(sorted(things)))
    assert ((instance > 0) == is_thing).all()
    assert int(masks.sum(0).max()) <= 1 if m else not is_thing.any()
    for k in range(m):
        assert (masks[k] == (instance == k + 1)).all()
        assert (semantic[masks[k]] == labels[k]).all()
        rows, columns = torch.nonzero(masks[k].any(1)).ravel(), torch.nonzero(masks[k].any(0)).ravel()
        tight = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        assert boxes[k].tolist() == [float(v) for v in tight]


@pytest.fixture(scope="session")
def assert_consistent():
    return _assert_consistent
