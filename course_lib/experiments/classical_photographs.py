"""Lesson 90's photographs, which ship with scikit-image: reading them, the brush strokes of a user, and regions as pictures.

Pictures are float tensors (3, H, W) in [0, 1]; regions and labels are integers (H, W).
"""

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from scipy import ndimage
from skimage import color, data, filters
from torch import Tensor

COLORS = ("#E69F00", "#009E73", "#0072B2", "#CC79A7")
# Boxes top, left, bottom, right of a user's strokes, in pixels of the pictures at 160 pixels width: object, then background
STROKES = {
    "cat": ([(15, 25, 95, 95)], [(32, 136, 95, 160), (0, 0, 53, 5)]),
    "coffee": (
        [(80, 64, 96, 96), (58, 112, 64, 122), (42, 30, 62, 40), (10, 62, 13, 88)],  # the saucer and the cup's rim
        [(0, 0, 12, 60), (86, 0, 107, 14), (0, 140, 107, 160)],
    ),
}


def photo(name: str, width: int) -> Tensor:
    """A photograph of `skimage.data`, shrunk to so many pixels in width."""
    picture = Image.fromarray(getattr(data, name)()).convert("RGB")
    size = width, round(width * picture.height / picture.width)
    return torch.from_numpy(np.array(picture.resize(size, Image.Resampling.BOX))).permute(2, 0, 1) / 255


def strokes(name: str, image: Tensor) -> Tensor:
    """The strokes in STROKES as seeds (H, W) int64: 1 object, 0 background, -1 neither."""
    seeds = torch.full(image.shape[1:], -1)
    for value, boxes in zip((1, 0), STROKES[name], strict=True):
        for top, left, bottom, right in boxes:
            seeds[top:bottom, left:right] = value
    return seeds


def brushed(image: Tensor, seeds: Tensor) -> Tensor:
    """The picture under its strokes: object green, background orange."""
    inks = {1: (0.0, 0.62, 0.45), 0: (0.9, 0.62, 0.0)}
    for value, ink in inks.items():
        image = torch.where(seeds == value, 0.5 * image + 0.5 * torch.tensor(ink)[:, None, None], image)
    return image


def cut_out(image: Tensor, mask: Tensor) -> Tensor:
    """The picture, pale where the mask (H, W) bool is False."""
    return torch.where(mask, image, 0.8 + 0.2 * image)


def painted(image: Tensor, regions) -> Tensor:
    """Every region in its mean color."""
    return _tensor(color.label2rgb(np.asarray(regions), _array(image), kind="avg", bg_label=-1))


def numbered(image: Tensor, labels) -> Tensor:
    """Every object (1, 2, ...) tinted in some color; 0 stays as it is."""
    return _tensor(color.label2rgb(np.asarray(labels), _array(image), bg_label=0))


def scaled(values: Tensor) -> Tensor:
    """A map (H, W) stretched to [0, 1]."""
    return (values - values.min()) / (values.max() - values.min()).clamp_min(1e-12)


def coin_mask(image: Tensor, way: str) -> Tensor:
    """Foreground (H, W) bool of the coins, small specks removed and holes filled. way: "Otsu" or "local"."""
    gray = image.mean(0).numpy()
    if way == "Otsu":
        mask, steps = gray > filters.threshold_otsu(gray), 1
    else:
        gray = ndimage.gaussian_filter(gray, 1)
        mask, steps = gray > filters.threshold_local(gray, 71, offset=-0.02), 2
    return torch.from_numpy(ndimage.binary_fill_holes(ndimage.binary_opening(mask, iterations=steps)))


def walks(points: Tensor, colors: Tensor, path: Tensor) -> Figure:
    """Points (N, 2) in their colors (N, 3), and over them the walks (steps, M, 2), whose ends are crosses."""
    fig = Figure(figsize=(5.6, 3.6), dpi=100, layout="constrained")
    ax = fig.subplots()
    ax.scatter(*points.T.numpy(), c=colors.numpy(), s=14)
    ax.plot(*path.permute(2, 0, 1).numpy(), color="#222222", linewidth=0.8)
    ax.scatter(*path[-1].T.numpy(), marker="x", color=COLORS[2], s=60, zorder=3, label="ends")
    ax.set(xlabel="green to red (CIELAB a)", ylabel="blue to yellow (CIELAB b)")
    ax.legend(frameon=False)
    return fig


def lines(x, curves: dict[tuple[str, str], list], xlabel: str, ylabel: str) -> Figure:
    """curves: {(what decides the color, what decides the dashes): values at x}."""
    fig = Figure(figsize=(6.4, 3.4), dpi=100, layout="constrained")
    ax = fig.subplots()
    shades, dashes = (list(dict.fromkeys(names)) for names in zip(*curves, strict=True))
    for (shade, dash), values in curves.items():
        style = ("-", ":", "--")[dashes.index(dash)]
        ax.plot(x, values, style, marker="o", color=COLORS[shades.index(shade)], label=f"{shade}, {dash}")
    ax.set(xlabel=xlabel, ylabel=ylabel, ylim=(0, 1))
    ax.legend(frameon=False, fontsize=8, ncols=len(shades))
    return fig


def _array(image: Tensor) -> np.ndarray:
    return image.as_subclass(torch.Tensor).permute(1, 2, 0).numpy()


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1).float()
