"""Pictures as arrays (H, W, 3) uint8: conversion, size on the page, contours, hatching, overlays.

Labels are first brought to the size on the page and only then outlined, so a contour is one pixel thin whatever the
size of the image. Enlargement is by whole factors without smoothing: a pixel of the image stays a visible square.
"""

import numpy as np
from PIL import Image, ImageFilter

from .palettes import VOID, label_map, semantic_rgb

TALLEST = 480  # pixels
TILE = 218  # width of a column when a contact sheet has four, so that an overlay is not shrunk again


def as_rgb(image) -> np.ndarray:
    """An image as (H, W, 3) uint8.

    image: tensor (3, H, W), (1, H, W) or (H, W), or array (H, W, 3) or (H, W); uint8, bool, or float in [0, 1].
    Raises ValueError for another shape or for values outside the range (an image still normalized for a model).
    """
    channels_first = hasattr(image, "detach") and image.ndim == 3
    image = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
    if image.dtype.kind == "f":
        low, high = float(image.min()), float(image.max())
        if not (low >= -0.01 and high <= 1.01):
            raise ValueError(
                f"as_rgb: image has values from {low:.3g} to {high:.3g}; give [0, 1]: undo a normalization, or rescale"
            )
        image = (image * 255).round().clip(0, 255)
    elif image.dtype == bool:
        image = image * 255
    image = np.moveaxis(image.astype(np.uint8), 0, -1) if channels_first else image.astype(np.uint8)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(
            f"as_rgb: image has shape {image.shape}; give a tensor (3, H, W), (1, H, W) or (H, W), or an array (H, W, 3)"
        )
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))


def page_size(height: int, width: int, target: int) -> tuple[int, int]:
    """Height and width on the page in pixels: at most `target` wide and half as much more, or 480, high.

    The largest whole enlargement that fits, or the picture shrunk until it fits.
    """
    room = min(target / width, min(1.5 * target, TALLEST) / height)
    scale = int(room) if room >= 1 else room
    return max(round(height * scale), 1), max(round(width * scale), 1)


def fit(rgb: np.ndarray, target: int) -> np.ndarray:
    """(H, W, 3) uint8 at its size on the page: nearest neighbor when it grows, area average when it shrinks."""
    height, width = page_size(*rgb.shape[:2], target)
    kind = Image.Resampling.NEAREST if width >= rgb.shape[1] else Image.Resampling.BOX
    return np.asarray(Image.fromarray(rgb).resize((width, height), kind))


def fit_labels(labels: np.ndarray, target: int) -> np.ndarray:
    """(H, W) labels at their size on the page, always by nearest neighbor."""
    height, width = page_size(*labels.shape, target)
    rows = (np.arange(height) + 0.5) * labels.shape[0] // height
    columns = (np.arange(width) + 0.5) * labels.shape[1] // width
    return labels[rows.astype(int)[:, None], columns.astype(int)]


def contours(labels: np.ndarray) -> np.ndarray:
    """(H, W) bool: the pixels whose right or lower neighbor has another label. Lines are one pixel thin."""
    line = np.zeros(labels.shape, bool)
    line[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    line[:-1] |= labels[:-1] != labels[1:]
    return line


def outline(rgb: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A copy of the picture with one-pixel contours of the labels: dark on light surroundings, light on dark ones."""
    line = contours(labels)
    gray = Image.fromarray(rgb).convert("L").filter(ImageFilter.BoxBlur(max(rgb.shape[1] // 10, 4)))
    tone = np.where(np.asarray(gray)[line, None] > 105, 0.0, 255.0)
    rgb = rgb.copy()
    rgb[line] = (0.2 * rgb[line] + 0.8 * tone).astype(np.uint8)
    return rgb


def hatch(height: int, width: int, *, rising: bool = True, period: int = 6) -> np.ndarray:
    """(H, W) bool: diagonal stripes one to two pixels wide, rising (/) or falling (\\)."""
    y, x = np.ogrid[:height, :width]
    return (x + y if rising else x - y) % period < 2


def overlay_rgb(image, semantic, colors, alpha: float = 0.5, width: int = TILE) -> np.ndarray:
    """The image tinted with its classes, with contours, at its size on the page (at most `width` pixels wide).

    image: as in `as_rgb`. semantic: (H, W) integers, 255 = void, which stays untinted. colors: one (r, g, b) in 0..255
    for each class. alpha: share of the class color, 0..1. Returns (h, w, 3) uint8.
    """
    rgb = as_rgb(image)
    if rgb.shape[:2] != tuple(semantic.shape):
        raise ValueError(
            f"overlay: image is {rgb.shape[:2]} but semantic is {tuple(semantic.shape)}; give the same size"
        )
    labels = fit_labels(label_map(semantic, "overlay"), width)
    rgb, tint = fit(rgb, width).astype(float), semantic_rgb(labels, colors)
    share = np.where(labels == VOID, 0.0, alpha)[..., None]
    return outline(((1 - share) * rgb + share * tint).round().astype(np.uint8), labels)
