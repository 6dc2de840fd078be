"""Elastic deformation: one field for picture and masks, in pixels, coarse enough not to fold, consistent targets."""

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from course_lib.datasets import Cells, Elastic, displacement_field, folded


def test_the_field_has_its_vectors_on_the_grid_and_their_spread():
    torch.manual_seed(3)
    coarse = 5 * torch.randn(1, 2, 3, 3)
    torch.manual_seed(3)
    field = displacement_field(41, 61, grid=3, sd=5)
    assert field.shape == (2, 41, 61)
    torch.testing.assert_close(field[:, ::20, ::30], coarse[0], rtol=0, atol=1e-4)
    many = torch.stack([displacement_field(9, 9, 3, 10.0)[:, ::4, ::4] for _ in range(300)])
    assert float(many.std()) == pytest.approx(10, rel=0.05)


def test_a_coarse_grid_bends_and_a_fine_one_folds():
    torch.manual_seed(0)
    assert max(folded(displacement_field(96, 96, 4, 3.0)) for _ in range(20)) == 0
    assert min(folded(displacement_field(96, 96, 13, 5.0)) for _ in range(20)) > 0.1
    assert folded(torch.zeros(2, 8, 8)) == 0
    mirror = torch.zeros(2, 8, 8)
    mirror[1] = -2 * torch.arange(8.0)  # right becomes left
    assert folded(mirror) == 1


def test_picture_and_mask_are_read_where_the_field_says(monkeypatch):
    """A field of whole pixels: down by 2, right by 3, so the picture moves up and to the left."""
    shift = torch.tensor([2.0, 3.0])[:, None, None].expand(2, 12, 17)
    monkeypatch.setattr("course_lib.datasets.elastic.displacement_field", lambda *_: shift)
    image = tv_tensors.Image(torch.rand(3, 12, 17))
    mask = tv_tensors.Mask(torch.randint(0, 200_000, (12, 17)))
    moved, labels = Elastic()(image, mask)
    torch.testing.assert_close(moved[:, :-2, :-3], image[:, 2:, 3:], rtol=0, atol=1e-5)
    assert torch.equal(labels[:-2, :-3], mask[2:, 3:])
    assert float(moved[:, -1].abs().max()) == 0
    assert (labels[-1] == 255).all()
    assert labels.dtype == torch.int64


@pytest.mark.parametrize("transform", [Elastic(4, 3.0), v2.Compose([v2.RandomHorizontalFlip(), Elastic(3, 9.0)])])
def test_targets_stay_consistent(transform, assert_consistent):
    torch.manual_seed(0)
    ds = Cells(3, (70, 96), seed=2, transform=transform)
    for i in range(3):
        assert_consistent(*ds[i], ds.things)


def test_the_labels_follow_the_picture():
    """Nuclei are brighter than their surroundings before and after; with another field for the labels they would not be."""
    torch.manual_seed(0)
    plain, bent = Cells(4, 96, seed=2), Cells(4, 96, seed=2, transform=Elastic(4, 6.0))

    def contrast(image, target):
        inside, outside = (target["semantic"] == k for k in (1, 0))
        return float(image[0][inside].mean() - image[0][outside].mean())

    for i in range(4):
        image, target = bent[i]
        assert contrast(image, target) > 0.8 * contrast(*plain[i])
        assert contrast(image, plain[i][1]) < 0.8 * contrast(image, target)


def test_torchs_generator_decides_and_zero_changes_nothing():
    image, target = Cells(1, 64, seed=1)[0]
    torch.manual_seed(5)
    first = Elastic()(image, target)
    torch.manual_seed(5)
    second = Elastic()(image, target)
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[0], Elastic()(image, target)[0])
    same, labels = Elastic(3, 0.0)(image, target)
    torch.testing.assert_close(same, image, rtol=0, atol=1e-5)
    assert torch.equal(labels["panoptic"], target["panoptic"])


@pytest.mark.parametrize(("grid", "sd"), [(1, 3.0), (3, -1.0), (3, float("nan"))])
def test_mistakes_get_one_sentence(grid, sd):
    with pytest.raises(
        ValueError, match=f"^displacement_field: grid is {grid} and sd is {sd}; grid must be at least 2"
    ):
        Elastic(grid, sd)
