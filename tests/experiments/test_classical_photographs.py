import pytest
import torch

from course_lib import ops
from course_lib.experiments import classical_photographs as photographs
from course_lib.plots.png import to_png


@pytest.mark.parametrize("name", ["astronaut", "cat", "coffee", "coins", "rocket"])
def test_photographs_ship_with_scikit_image_and_keep_their_shape(name):
    image = photographs.photo(name, 40)
    assert image.shape[0] == 3
    assert image.shape[2] == 40
    assert 0.5 < image.shape[1] / 40 < 1.1
    assert 0 <= image.min() < image.max() <= 1


@pytest.mark.parametrize("name", photographs.STROKES)
def test_strokes_lie_inside_and_mark_both_labels(name):
    image = photographs.photo(name, 160)
    seeds = photographs.strokes(name, image)
    assert seeds.unique().tolist() == [-1, 0, 1]
    drawn = sum((b - t) * (r - left) for boxes in photographs.STROKES[name] for t, left, b, r in boxes)
    assert (seeds >= 0).sum() == drawn
    changed = (photographs.brushed(image, seeds) != image).any(0)
    assert not changed[seeds < 0].any()
    assert changed[seeds >= 0].float().mean() > 0.99


def test_regions_are_painted_in_their_mean_color_and_objects_tinted():
    image = torch.rand(3, 6, 8)
    regions = (torch.arange(48).view(6, 8) >= 24).long()
    painted = photographs.painted(image, regions)
    assert torch.allclose(painted[:, 0, 0], image[:, :3].mean((1, 2)), atol=1e-5)
    assert torch.allclose(painted[:, 5, 7], image[:, 3:].mean((1, 2)), atol=1e-5)
    tinted = photographs.numbered(image, regions)
    assert tinted.shape == image.shape
    assert not torch.allclose(tinted[:, 3:], image[:, 3:], atol=0.05)


def test_cut_out_and_scaled():
    image = torch.rand(3, 2, 2)
    mask = torch.tensor([[True, False], [False, True]])
    out = photographs.cut_out(image, mask)
    assert torch.equal(out[:, mask], image[:, mask])
    assert (out[:, ~mask] >= 0.8).all()
    assert photographs.scaled(torch.tensor([[2.0, 4.0]])).tolist() == [[0.0, 1.0]]
    assert photographs.scaled(torch.ones(1, 2)).tolist() == [[0.0, 0.0]]


def test_otsu_counts_the_coins_right_with_one_that_is_no_coin_and_the_local_threshold_finds_them():
    coins = photographs.photo("coins", 192)
    sizes = {}
    for way in ("Otsu", "local"):
        labels, _ = ops.connected_components(photographs.coin_mask(coins, way))
        sizes[way] = labels.flatten().bincount()[1:]
    assert len(sizes["Otsu"]) == 24
    assert sizes["Otsu"].max() > 3 * sizes["Otsu"].median()
    assert (sizes["local"] > 100).sum() == 24
    assert sizes["local"].max() < 3 * sizes["local"].median()


def test_figures_have_every_line_and_can_be_drawn():
    curves = {(a, b): [0.1, 0.5] for a in ("x", "y") for b in ("solid", "dotted")}
    fig = photographs.lines((1, 2), curves, "h", "F1")
    lines = fig.axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 4
    walks = photographs.walks(torch.rand(9, 2), torch.rand(9, 3), torch.rand(4, 3, 2))
    assert len(walks.axes[0].lines) == 3
    assert all(len(to_png(figure)[0]) > 1000 for figure in (fig, walks))
