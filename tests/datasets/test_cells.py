import numpy as np
import pytest
from scipy import ndimage
from torchvision.transforms import v2

from course_lib.datasets import FILL, Cells


@pytest.fixture(scope="module")
def cells():
    return Cells(24, seed=2)


@pytest.fixture(scope="module")
def pictures(cells):
    return [cells.picture(i) for i in range(len(cells))]


def test_truths_agree(cells, assert_consistent):
    for i in range(len(cells)):
        assert_consistent(*cells[i], cells.things)
    assert cells.classes == ("background", "nucleus")


@pytest.mark.parametrize("size", [64, (64, 200), (200, 64), 160])
def test_any_size(size, assert_consistent):
    ds = Cells(2, size, seed=1)
    for image, target in ds:
        assert_consistent(image, target, ds.things)
        assert len(target["labels"]) >= 5


def test_three_equal_channels(cells):
    image, _ = cells[0]
    assert (image[0] == image[1]).all()
    assert (image[0] == image[2]).all()


def test_components_are_the_instances(pictures):
    """No two nuclei touch in the labels, not even diagonally, and each is one piece."""
    small = Cells(12, 64, seed=4)
    for p in [*pictures, *map(small.picture, range(12))]:
        pieces, count = ndimage.label(p.semantic == 1, np.ones((3, 3)))
        assert count == len(p.id_classes)
        assert all(len(np.unique(pieces[p.ids == k + 1])) == 1 for k in range(count))


def test_nuclei_touch_in_the_picture(pictures):
    """Most nuclei have a neighbor one line away; between some of them that line is hardly darker than they are."""
    near, faint = [], []
    for p in pictures:
        other = [
            filter_(np.where(p.ids, p.ids, fill), 5)
            for filter_, fill in ((ndimage.maximum_filter, 0), (ndimage.minimum_filter, 255))
        ]
        touched = (p.ids > 0) & ((other[0] != p.ids) | (other[1] != p.ids))
        near.append(len(np.unique(p.ids[touched])) / len(p.id_classes))
        high, low = ndimage.maximum_filter(p.ids, 3), ndimage.minimum_filter(np.where(p.ids, p.ids, 255), 3)
        between = (p.ids == 0) & (high > 0) & (low != high)
        faint.append(p.image[between].mean() / p.image[p.ids > 0].mean())
    assert np.mean(near) > 0.7
    assert 0.4 < np.mean(faint) < 0.95


def test_nuclei_are_brighter_than_the_background(pictures):
    for p in pictures:
        gray = p.image[..., 0].astype(float)
        assert gray[p.ids > 0].mean() > 1.8 * gray[ndimage.maximum_filter(p.ids, 7) == 0].mean()


def test_pictures_vary(pictures):
    counts = [len(p.id_classes) for p in pictures]
    areas = np.concatenate([np.bincount(p.ids.ravel())[1:] for p in pictures])
    share = [(p.ids > 0).mean() for p in pictures]
    assert max(counts) > 1.8 * min(counts)
    assert np.quantile(areas, 0.95) > 3 * np.quantile(areas, 0.05)
    assert min(areas) >= 14
    assert 0.2 < np.mean(share) < 0.65


def test_a_picture_depends_on_seed_and_index_alone(cells):
    again = Cells(100, seed=2)
    for i in (7, 0):
        assert np.array_equal(again.picture(i).image, cells.picture(i).image)
        assert np.array_equal(again.picture(i).ids, cells.picture(i).ids)
    assert not np.array_equal(Cells(1, seed=3).picture(0).image, cells.picture(0).image)


def test_rotation_makes_void_not_nuclei(assert_consistent):
    ds = Cells(4, 64, transform=v2.RandomRotation((45, 45), fill=FILL))
    for image, target in ds:
        assert_consistent(image, target, ds.things)
        assert (target["semantic"] == 255).any()


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"^Cells: size is 1024; .* 64 to 512 pixels$"):
        Cells(size=1024)
    with pytest.raises(ValueError, match=r"^Cells: n is 0; it must be at least 1$"):
        Cells(0)
    with pytest.raises(IndexError, match=r"^Cells: index 32 is out of range; the set has 32 pictures, 0 to 31$"):
        Cells()[32]
