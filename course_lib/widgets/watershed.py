"""Watershed of a mask's distance map, as watershed.js computes it in the browser: markers by their dynamics, then a flood.

The terrain is the negative distance to the background: each nucleus is a basin, and where two touch there is a pass between them
(Vincent and Soille 1991). Markers are scikit-image's `h_maxima`. The flood is `skimage.segmentation.watershed(-distance, markers,
mask=mask)`, except that equal heights, of which a distance map has many, are taken in an order that is stated here: scikit-image's
order among equals has changed between versions.
"""

import heapq
from itertools import count

import numpy as np
from scipy import ndimage

COLORS = 10  # of the palette
SECOND = 0.2  # share of a true cell in a second region from which the cell counts as cut
FATES = ("right", "merged", "cut", "lost")


def distance_map(mask: np.ndarray) -> np.ndarray:
    """Exact Euclidean distance (H, W) float64 of each pixel to the nearest False of a mask (H, W) bool; False is 0."""
    return ndimage.distance_transform_edt(mask)


def markers(distance: np.ndarray, h: float) -> np.ndarray:
    """Markers (H, W) int64, 1 ... n in reading order, 0 elsewhere: connected maxima (8 neighbors) that stand at least h px above the
    pass to a higher maximum, or above 0 if there is none higher. At h = 0 every maximum. Two maxima of exactly equal height are not
    higher than one another, so both keep their marker, as in `skimage.morphology.h_maxima`.
    """
    from skimage.measure import label
    from skimage.morphology import h_maxima, local_maxima

    found = h_maxima(distance, h) if h else local_maxima(distance)
    return label(found.astype(bool) & (distance > 0), connectivity=2).astype(np.int64)


def flood(distance: np.ndarray, marker: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Regions (H, W) int64 and, for each pixel, the height (H, W) float64 of the water when it reaches it: negative, 0 outside.

    A pixel waits at the shore until the water reaches its height, or the water's own if that is higher; among pixels that wait for
    the same water, the one that came to the shore first is next, markers in reading order; its neighbors come in the order up, left,
    right, down. A pixel belongs to the basin that brought it to the shore. Where no marker is, the region is 0.
    """
    label, level = marker.copy(), np.zeros(distance.shape)
    order, (height, width) = count(), distance.shape
    shore = [(-distance[at], next(order), at) for at in zip(*np.nonzero(marker), strict=True)]
    heapq.heapify(shore)
    while shore:
        water, _, (r, c) = heapq.heappop(shore)
        level[r, c] = water
        for y, x in ((r - 1, c), (r, c - 1), (r, c + 1), (r + 1, c)):
            if 0 <= y < height and 0 <= x < width and distance[y, x] and not label[y, x]:
                label[y, x] = label[r, c]
                heapq.heappush(shore, (max(water, -distance[y, x]), next(order), (y, x)))
    return label, level


def fates(cells: np.ndarray, label: np.ndarray) -> dict[str, np.ndarray]:
    """What became of each true cell (M, H, W) bool: {"right", "merged", "cut", "lost"}, each (M,) bool.

    A cell's region is the one that holds more than half of it. Merged: that region also holds more than half of another cell. Cut: a
    second region holds more than a fifth of it. Lost: it has no region and is not cut. A cell can be merged and cut; else it is right.
    """
    region, cut = np.zeros(len(cells), np.int64), np.zeros(len(cells), bool)
    for k, cell in enumerate(cells):
        counts = np.bincount(label[cell])
        counts[0] = 0
        shares = np.sort(counts)[::-1] / cell.sum()
        region[k] = counts.argmax() if shares[0] > 0.5 else 0
        cut[k] = len(shares) > 1 and shares[1] > SECOND
    merged = (region > 0) & (np.bincount(region)[region] > 1)
    lost = (region == 0) & ~cut
    return {"right": ~(merged | cut | lost), "merged": merged, "cut": cut, "lost": lost}


def basin_colors(maxima: np.ndarray) -> np.ndarray:
    """A color (n + 1,) int64, index into the ten of PETROFF10, for each maximum of `markers(distance, 0)`: the one whose nearest user so
    far lies farthest away, so that neighbors differ and a basin keeps its color at every h. Entry 0 is unused.
    """
    labels, first = np.unique(maxima, return_index=True)
    places = np.stack(np.divmod(first[labels > 0], maxima.shape[1]), 1)
    colors = np.zeros(len(places) + 1, np.int64)
    nearest = np.empty(COLORS)
    for k, place in enumerate(places):
        distances = ((places[:k] - place) ** 2).sum(1)
        nearest[:] = np.inf
        np.minimum.at(nearest, colors[1 : k + 1], distances)
        colors[k + 1] = nearest.argmax()
    return colors
