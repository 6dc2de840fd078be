"""Generated fluorescence micrographs: touching nuclei, each with its own brightness, chromatin and focus.

The labels follow the U-Net paper's: nuclei that touch are kept apart by a background line of at least one pixel, so the connected
components (8 neighbours) of class 1 are the instances. Some of those lines are hardly visible in the picture.
"""

import numpy as np
from scipy import ndimage

from .drawing.canvas import axes, clip01, f32, grains, noise
from .generated import Generated, Picture

BACKGROUND, NUCLEUS = range(2)
SMALLEST_AREA = 14  # square units; smaller rests of nuclei are no instances


class Cells(Generated):
    """n micrographs of 10 to 60 nuclei. size: pixels, one number or (height, width), each 64 ... 512; seed: a whole number >= 0.

    transform(image, target) -> (image, target): a torchvision.transforms.v2 transform; fill masks with `datasets.FILL`.
    The picture has three equal channels. Raises ValueError or TypeError for what does not fit.
    """

    classes = ("background", "nucleus")
    colors = ((20, 24, 34), (86, 180, 233))
    things = frozenset({NUCLEUS})

    def __init__(self, n=32, size=96, *, seed=0, transform=None):
        super().__init__("Cells", n, size, seed, transform, draw, 9)


def draw(rng, height, width) -> Picture:
    unit = np.sqrt(height * width) / 96
    centers, radius = _places(rng, height, width, unit)
    field = _shapes(rng, height, width, unit, centers, radius)
    ids = _labels(field, unit)
    image = _micrograph(rng, height, width, unit, field, len(radius))
    semantic = np.where(ids > 0, NUCLEUS, BACKGROUND).astype(np.uint8)
    return Picture(np.repeat(image[..., None], 3, 2), semantic, ids, (NUCLEUS,) * int(ids.max()))


def _places(rng, height, width, unit):
    """Centers (k, 2) as (x, y) and radii (k,) in pixels: nuclei in a few clumps and some strays, at least most of a radius apart."""
    typical = rng.uniform(6.5, 10.0)
    wanted = int(rng.uniform(0.45, 0.95) * height * width / (np.pi * (typical * unit) ** 2))
    clumps = rng.uniform(0.1, 0.9, (rng.integers(2, 5), 2)) * (width, height)
    centers, radii = np.empty((0, 2)), np.empty(0)
    for _ in range(12 * wanted):
        if len(radii) == wanted:
            break
        stray = rng.random() < 0.15
        spot = (
            rng.random(2) * (width, height)
            if stray
            else rng.normal(clumps[rng.integers(len(clumps))], 0.2 * min(height, width))
        )
        r = typical * unit * rng.uniform(0.72, 1.25)
        inside = -0.3 * r < spot[0] < width + 0.3 * r and -0.3 * r < spot[1] < height + 0.3 * r
        if inside and (np.hypot(*(centers - spot).T) > 0.78 * (radii + r)).all():
            centers, radii = np.vstack([centers, spot]), np.append(radii, r)
    return centers, radii


def _shapes(rng, height, width, unit, centers, radii):
    """For every pixel the nucleus it belongs to, how far out it lies there (0 center, 1 edge), and the lead over the next best."""
    best, second = np.full((height, width), 9, f32), np.full((height, width), 9, f32)
    owner = np.zeros((height, width), np.intp)
    x, y = axes(height, width)
    bend = 1.5 * unit * noise(rng, np.arange(height) / (11 * unit), width, 11 * unit, fields=2)
    for k, ((cx, cy), r) in enumerate(zip(centers, radii, strict=True)):
        rows = slice(max(int(cy - 2.2 * r), 0), max(min(int(cy + 2.2 * r) + 1, height), 0))
        columns = slice(max(int(cx - 2.2 * r), 0), max(min(int(cx + 2.2 * r) + 1, width), 0))
        dx, dy = x[:, columns] + bend[0, rows, columns] - f32(cx), y[rows] + bend[1, rows, columns] - f32(cy)
        turn, long = rng.uniform(0, np.pi), rng.uniform(1.0, 1.32)
        u, v = (np.cos(turn) * dx + np.sin(turn) * dy) / long, (np.cos(turn) * dy - np.sin(turn) * dx) * long
        out = np.sqrt(u * u + v * v) * f32(1 / r)
        out *= 1 + f32(rng.uniform(0, 0.10)) * np.cos(
            np.arctan2(v, u) * int(rng.integers(2, 4)) + f32(rng.uniform(0, 6))
        )
        seen, runner = best[rows, columns], second[rows, columns]
        closer = out < seen
        np.copyto(runner, np.where(closer, seen, np.minimum(runner, out)))
        np.copyto(seen, out, where=closer)
        np.copyto(owner[rows, columns], k, where=closer)
    lead = (second - best) * f32(radii.mean())
    return owner, best, lead


def _labels(field, unit):
    """Instance ids (H, W) uint8, 1 ... M: one connected piece for each nucleus, none touching another."""
    owner, out, lead = field
    ids = np.where((out < 1) & (lead > 1.3 * unit**0.7), owner + 1, 0)
    height, width = ids.shape
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = ids[: height - dy, max(-dx, 0) : width - max(dx, 0)]
        b = ids[dy:, max(dx, 0) : width - max(-dx, 0)]
        b[(a != b) & (a > 0) & (b > 0)] = 0
    pieces, count = ndimage.label(ids > 0, np.ones((3, 3)))
    area = np.bincount(pieces.ravel(), minlength=count + 1)
    of = np.zeros(count + 1, np.intp)
    of[pieces.ravel()] = ids.ravel()
    largest = np.zeros(ids.max() + 1, np.intp)
    for piece in np.argsort(area[1:], kind="stable") + 1:
        largest[of[piece]] = piece
    keep = [piece for piece in largest[1:] if piece and area[piece] >= SMALLEST_AREA * unit**2]
    number = np.zeros(count + 1, np.uint8)
    number[keep] = np.arange(1, len(keep) + 1)
    return number[pieces]


def _micrograph(rng, height, width, unit, field, count):
    """The picture (H, W) uint8: nuclei of different brightness and focus, haze between them, shot and read noise."""
    owner, out, lead = field
    rows = np.arange(height)
    coarse, grain = (noise(rng, rows / (step * unit), width, step * unit)[0] for step in (7, 2.2))
    glow = noise(rng, rows / (38 * unit), width, 38 * unit)[0]
    bright = np.clip(rng.lognormal(-0.75, 0.32, count), 0.2, 0.95)
    bright[rng.random(count) < 0.06] *= 1.6  # about to divide: dense and bright
    clotted = rng.uniform(0.02, 0.16, count)
    rim = rng.uniform(-0.25, 0.35, count)
    faint = rng.uniform(0.05, 0.9, count)
    edge = rng.uniform(0.10, 0.30, count)[owner].astype(f32)

    body = clip01((1 - out) / edge + 0.5)
    texture = (
        1 + clotted[owner] * (1.4 * grain + coarse) - 0.22 * out**2 + rim[owner] * np.exp(-(((out - 0.82) / 0.13) ** 2))
    )
    signal = bright[owner] * texture
    if rng.random() < 0.6:  # nucleoli do not take the stain
        signal = signal * (1 - 0.45 * clip01(1.6 * coarse - 0.9) * (out < 0.7))
    gap = np.exp(-((np.maximum(lead, 0) / (1.5 * unit)) ** 2)) * faint[owner]
    haze = ndimage.gaussian_filter(body * bright[owner], 6 * unit)
    image = 0.05 + 0.03 * glow + 0.22 * haze + body * (1 - 0.62 * gap) * signal * 0.85
    image = ndimage.gaussian_filter(image.astype(f32), rng.uniform(0.45, 0.95) * unit)
    image *= 1 + 0.12 * glow
    image *= f32(0.92 / max(np.percentile(image, 99.7), 0.3))
    image = np.maximum(image, 0)
    image += (0.010 + 0.045 * np.sqrt(image)) * grains(rng, height, width) * f32(rng.uniform(0.5, 1.2))
    return (clip01(image) * 255 + 0.5).astype(np.uint8)
