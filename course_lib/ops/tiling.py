"""The overlap-tile strategy: a picture of any size through a network that takes tiles (Ronneberger et al. 2015, figure 2).

A network without padding loses a margin on every side of its input. So tiles overlap by two margins, their outputs lie side
by side, and around the picture the missing pixels are mirrored. Nothing is averaged and nothing is seen twice: the result is
what the network gives for the whole mirrored picture at once, if tiles start where its poolings start. That is the condition
that is easily overlooked: with four poolings tiles must start at multiples of 16, and 388 is none.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def overlap_tile(
    predict: Callable[[Tensor], Tensor], image: Tensor, output_size: int, margin: int, multiple: int = 1
) -> Tensor:
    """Apply `predict` tile by tile to the picture, mirrored beyond its borders.

    predict: (N, C, t, t) -> (N, K, output_size, output_size), t = output_size + 2 margin; each output belongs to the middle of
    its tile. For a padded network, cut the margin off inside `predict`. image (N, C, H, W) or (C, H, W) of any height and
    width, also smaller than a tile or than the margin. multiple: tiles start at multiples of it, 2 to the number of the
    network's poolings; where it does not divide output_size, the rest of each output goes unused.
    -> (N, K, H, W) or (K, H, W). Raises ValueError for other shapes, an empty picture, or an output_size < multiple.
    """
    if image.ndim not in (3, 4) or 0 in image.shape:
        raise ValueError(
            f"overlap_tile: image is {tuple(image.shape)} and must be (C, H, W) or (N, C, H, W), not empty"
        )
    if margin < 0 or multiple < 1 or output_size < multiple:
        raise ValueError(
            f"overlap_tile: output_size is {output_size}, margin {margin} and multiple {multiple}; "
            "they must satisfy output_size >= multiple >= 1 and margin >= 0"
        )
    if image.ndim == 3:
        return overlap_tile(predict, image[None], output_size, margin, multiple)[0]
    height, width = image.shape[-2:]
    step = output_size // multiple * multiple
    result = None
    for top in range(0, height, step):
        rows = mirrored(top - margin, top + output_size + margin, height, image.device)
        for left in range(0, width, step):
            columns = mirrored(left - margin, left + output_size + margin, width, image.device)
            tile = predict(image[..., rows[:, None], columns])
            if tile.ndim != 4 or (len(tile), *tile.shape[-2:]) != (len(image), output_size, output_size):
                raise ValueError(
                    f"overlap_tile: predict gave {tuple(tile.shape)} for a tile of {len(rows)} x {len(columns)} "
                    f"and must give ({len(image)}, K, {output_size}, {output_size})"
                )
            if result is None:
                result = tile.new_empty(len(image), tile.shape[1], height, width)
            down, across = min(step, height - top), min(step, width - left)
            result[..., top : top + down, left : left + across] = tile[..., :down, :across]
    return result


def mirrored(start: int, stop: int, size: int, device=None) -> Tensor:
    """Indices (stop - start,) int64 of the pixels start ... stop - 1 of a line that is mirrored at its first and last pixel.

    The end pixels are not repeated (size 4: ... 2 1 0 1 2 3 2 1 0 ...), and the mirror images go on however far it is.
    """
    period = max(2 * (size - 1), 1)
    place = torch.arange(start, stop, device=device) % period
    return torch.minimum(place, period - place) if size > 1 else torch.zeros_like(place)
