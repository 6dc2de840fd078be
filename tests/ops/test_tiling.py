"""overlap_tile: exact for every size, and what makes it so. The valid U-Net through it is in tests/parity."""

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.ops import mirrored, overlap_tile


def box(margin):
    """A valid 'network': the mean over a window, so that any wrong or missing pixel around shows."""
    kernel = torch.rand(
        1, 1, 2 * margin + 1, 2 * margin + 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    return lambda tile: nn.functional.conv2d(tile, kernel)


def whole(predict, image, margin):
    rows, columns = (mirrored(-margin, side + margin, side) for side in image.shape[-2:])
    return predict(image[..., rows[:, None], columns])


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (17, 16), (16, 32), (64, 64), (65, 31), (40, 40)])
@pytest.mark.parametrize("output", [1, 16, 64])
def test_equals_the_whole_mirrored_picture_at_any_size(size, output):
    """Popular tiling code leaves zeros where a side is less than a tile, and crops where it is less than an overlap."""
    image = torch.rand(2, 1, *size, dtype=torch.float64)
    if size == (64, 64) and output == 1:
        image = image[..., :5, :5]  # every pixel is a tile of its own
    tiled = overlap_tile(box(4), image, output, 4)
    assert tiled.shape == image.shape
    torch.testing.assert_close(tiled, whole(box(4), image, 4), rtol=0, atol=1e-12)


def test_one_image_without_batch_and_several_channels_out():
    image = torch.rand(3, 30, 20)
    tiled = overlap_tile(lambda tile: torch.cat([tile, -tile], 1)[..., 2:-2, 2:-2], image, 8, 2)
    torch.testing.assert_close(tiled, torch.cat([image, -image]))


def test_tiles_overlap_by_two_margins_and_each_is_asked_once():
    asked = []

    def predict(tile):
        asked.append(tuple(tile.shape))
        return tile[..., 3:-3, 3:-3]

    overlap_tile(predict, torch.rand(1, 1, 33, 20), 16, 3)
    assert asked == [(1, 1, 22, 22)] * 6


def test_with_pooling_only_tiles_at_its_multiples_are_exact():
    """Average pooling by 4 and back: tiles of 10 that start at 10, 20 ... put the blocks elsewhere."""

    def predict(tile):
        blocks = nn.functional.avg_pool2d(tile[..., 4:, 4:], 4, ceil_mode=True, count_include_pad=False)
        return nn.functional.interpolate(blocks, scale_factor=4)[..., :10, :10]

    image = torch.rand(1, 1, 39, 22, dtype=torch.float64)

    def pooled(image):
        rows, columns = (mirrored(0, side + 10, side) for side in image.shape[-2:])
        blocks = nn.functional.avg_pool2d(image[..., rows[:, None], columns], 4)
        return nn.functional.interpolate(blocks, scale_factor=4)[..., : image.shape[-2], : image.shape[-1]]

    expected = pooled(image)
    aligned = overlap_tile(predict_with_margin(predict), image, 10, 4, multiple=4)
    shifted = overlap_tile(predict_with_margin(predict), image, 10, 4)
    inner = (..., slice(0, 32), slice(0, 16))  # the last blocks see what lies beyond the picture
    torch.testing.assert_close(aligned[inner], expected[inner], rtol=0, atol=1e-12)
    assert (shifted[inner] - expected[inner]).abs().max() > 0.1


def predict_with_margin(predict):
    return lambda tile: predict(tile[..., : 4 + 12, : 4 + 12])


def test_only_a_margin_as_large_as_the_field_hides_the_zeros_of_a_padded_net():
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 1, 3, padding=1),
    ]
    net = nn.Sequential(*layers).double()
    image = torch.rand(1, 1, 50, 41, dtype=torch.float64)
    with torch.no_grad():
        full = net(image)
        for margin in (0, 1, 2, 3, 4):
            cut = slice(margin, -margin or None)
            tiled = overlap_tile(lambda tile, cut=cut: net(tile)[..., cut, cut], image, 16, margin)
            inside = (
                (tiled - full)[..., 3:-3, 3:-3].abs().max()
            )  # at the picture's border mirrored and zero pixels differ
            assert (inside < 1e-12) == (margin >= 3)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_mirrored_is_numpys_reflect_however_far(size):
    expected = np.pad(np.arange(size), (20, 23), mode="reflect")
    assert mirrored(-20, size + 23, size).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("image", "settings", "message"),
    [
        (torch.zeros(5, 5), (4, 1), r"overlap_tile: image is \(5, 5\) and must be \(C, H, W\)"),
        (torch.zeros(1, 0, 5), (4, 1), r"overlap_tile: image is \(1, 0, 5\)"),
        (torch.zeros(1, 5, 5), (0, 1), "overlap_tile: output_size is 0, margin 1 and multiple 1"),
        (torch.zeros(1, 5, 5), (4, 1, 8), "overlap_tile: output_size is 4, margin 1 and multiple 8"),
        (torch.zeros(1, 5, 5), (4, -1), "overlap_tile: output_size is 4, margin -1"),
        (
            torch.zeros(1, 5, 5),
            (4, 1),
            r"overlap_tile: predict gave \(1, 1, 6, 6\) for a tile of 6 x 6 and must give \(1, K, 4, 4\)",
        ),
    ],
)
def test_mistakes_get_one_sentence(image, settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        overlap_tile(lambda tile: tile, image, *settings)
