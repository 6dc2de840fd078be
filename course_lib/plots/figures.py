"""Figures whose pictures lie on whole pixels of the page, so that one-pixel contours survive.

All sizes are pixels at 100 dots per inch. A row is at most 912 pixels wide, about the width of a notebook cell.
"""

import math
import textwrap

import numpy as np
from matplotlib.figure import Figure

from .legends import key
from .marks import name_regions, number_masks, number_regions
from .palettes import PETROFF10, label_map, panoptic_rgb, semantic_rgb
from .pictures import TALLEST, as_rgb, fit, fit_labels, outline, overlay_rgb

DPI = 100
WIDTH = 912
GAP = 8
LINE = 17  # height of one line of text
TEXT = {"fontsize": 9, "color": "#222222"}


def contact_sheet(images, titles=None, columns: int = 4) -> Figure:
    """Images in rows of `columns`, each below its title.

    images: sequence of tensors (3, H, W) or arrays (H, W, 3), as in `as_rgb`; a batch (N, 3, H, W) is one. Sizes may differ.
    titles: one string for each image. Raises ValueError when there are no images or another number of titles.
    """
    images = list(images)
    if not images or columns < 1:
        raise ValueError(f"contact_sheet: {len(images)} images in {columns} columns; give at least one of each")
    target = (WIDTH - GAP) // columns - GAP
    return sheet([fit(as_rgb(image), target) for image in images], titles, columns)[0]


def side_by_side(images, titles=None) -> Figure:
    """Images in one row, as large as the page allows (a single one takes half of it); else as `contact_sheet`."""
    images = list(images)
    return contact_sheet(images, titles, columns=max(len(images), 2))


def overlay(image, semantic, classes, colors, alpha: float = 0.5) -> Figure:
    """The image tinted with its classes, contours between them, and a legend of the classes that occur.

    image: (3, H, W) in [0, 1]. semantic: (H, W) integers, 255 = void (untinted). classes: names; colors: (r, g, b) in
    0..255, one for each class. alpha: share of the class color. With more than ten classes the regions carry their names.
    """
    target = TALLEST
    fig, axes = sheet(
        [overlay_rgb(image, semantic, colors, alpha, target)], None, 1, *key(semantic, classes, colors, target)
    )
    name_regions(axes[0], fit_labels(label_map(semantic, "overlay"), target), classes)
    return fig


def tasks(image, target: dict, dataset) -> Figure:
    """One image and its truth for each task: semantic, instance and panoptic segmentation, in one row with a legend.

    image: (3, H, W) in [0, 1]. target: a sample's dict; what it lacks is left out. dataset: anything with `classes`, `colors`.
    Instances are numbered; their colors say nothing about the class.
    """
    width = (WIDTH - GAP) // 4 - GAP
    tiles, titles = [fit(as_rgb(image), width)], ["image"]
    if "semantic" in target:
        labels = fit_labels(label_map(target["semantic"], "tasks"), width)
        tiles.append(outline(semantic_rgb(labels, dataset.colors), labels))
        titles.append("semantic: classes")
    if "masks" in target:
        instances = fit_labels(number_masks(target["masks"], np.shape(image)[-2:]), width)
        gray = fit(as_rgb(image), width).mean(-1, keepdims=True) * 0.5 + 110
        shades = np.array([(0, 0, 0), *PETROFF10])[np.where(instances, (instances - 1) % len(PETROFF10) + 1, 0)]
        tiles.append(outline(np.where(instances[..., None] > 0, shades, gray).astype(np.uint8), instances))
        titles.append(f"instance: {len(target['masks'])} objects")
    if "panoptic" in target:
        labels = fit_labels(label_map(target["panoptic"], "tasks"), width)
        tiles.append(outline(panoptic_rgb(labels, dataset.colors), labels))
        titles.append("panoptic: shade = object")
    shown = target.get("semantic", target["panoptic"] // 1000 if "panoptic" in target else None)
    total = len(tiles) * (tiles[0].shape[1] + GAP)
    below = key(shown, dataset.classes, dataset.colors, total) if shown is not None else (0, None)
    fig, axes = sheet(tiles, titles, len(tiles), *below)
    if "semantic" in target:
        name_regions(axes[1], fit_labels(label_map(target["semantic"], "tasks"), width), dataset.classes)
    if "masks" in target:
        number_regions(axes[2 if "semantic" in target else 1], instances)
    return fig


def sheet(tiles, titles, columns: int, below: int = 0, draw_below=None) -> tuple[Figure, list]:
    """Pictures (h, w, 3) uint8 on whole pixels of a Figure, with titles and `below` pixels at the foot, filled by `draw_below(fig)`."""
    if titles is not None and len(titles) != len(tiles):
        raise ValueError(f"contact_sheet: {len(titles)} titles for {len(tiles)} images; give one title for each image")
    rows, columns = math.ceil(len(tiles) / columns), min(columns, len(tiles))
    cell_height, cell_width = (max(tile.shape[i] for tile in tiles) for i in (0, 1))
    texts = [
        "\n".join(textwrap.wrap(title, max(cell_width // 7, 8))) for title in map(str, titles or [""] * len(tiles))
    ]
    head = max((text.count("\n") + 1 for text in texts if text), default=0) * LINE
    width = columns * (cell_width + GAP) + GAP
    height = rows * (cell_height + head + GAP) + GAP + below
    fig, axes = Figure(figsize=(width / DPI, height / DPI), dpi=DPI), []
    for i, (tile, text) in enumerate(zip(tiles, texts, strict=True)):
        h, w = tile.shape[:2]
        left = GAP + i % columns * (cell_width + GAP)
        top = height - GAP - i // columns * (cell_height + head + GAP) - head
        ax = fig.add_axes([left / width, (top - h) / height, w / width, h / height])
        ax.imshow(tile, interpolation="nearest", aspect="auto")
        ax.set_axis_off()
        fig.text(left / width, (top + 5) / height, text, va="baseline", linespacing=1.15, **TEXT)
        axes.append(ax)
    if draw_below:
        draw_below(fig)
    return fig, axes
