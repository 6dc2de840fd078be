"""The variant "multiscale": balloons, kites and blimps of every size, told apart by their outline alone.

Size (the side of a square of equal area) is log-uniform from 5 to 60 units; colors, stripes, tilt and size say nothing of the class.
"""

import numpy as np

from .drawing.canvas import Canvas, Layer, clip01, f32, noise
from .drawing.sky import MOODS, paint_sky, pick, rgb
from .generated import Picture

CLASSES = ("background", "balloon", "kite", "blimp")
COLORS = ((60, 66, 80), (230, 159, 0), (0, 158, 115), (204, 121, 167))
BACKGROUND, BALLOON, KITE, BLIMP = range(4)
THINGS = frozenset({BALLOON, KITE, BLIMP})
LIGHTS = ("clear", "clear", "morning", "sunset", "overcast", "dusk")
SMALLEST, LARGEST = 5.0, 60.0
CLOTH = ("c8392f", "2f5fb3", "e8b730", "f0eee8", "3f8f6a", "dd7a2b", "7b4a9a", "4fb0c6", "2b2f3a", "d97a9a")


def draw(rng, height, width) -> Picture:
    """Hills under a sky, and five to nine things in it; larger ones lie behind smaller ones, so that the small stay visible."""
    canvas, unit = Canvas(height, width), np.sqrt(height * width) / 96
    light = MOODS[pick(rng, LIGHTS)]
    horizon = height * rng.uniform(0.72, 0.86)
    sun_x, _ = paint_sky(canvas, rng, light, height + 1, unit, BACKGROUND)
    _hills(canvas, rng, light, horizon, unit)
    canvas.semantic[:] = BACKGROUND

    side = 2 * sun_x / width - 1
    largest = min(LARGEST, 0.75 * min(height, width) / unit)
    sizes = np.exp(rng.uniform(np.log(SMALLEST), np.log(largest), rng.integers(5, 10))) * unit
    layers = [_thing(canvas, rng, light, size, side) for size in sizes]
    objects = canvas.compose(layers, least=round(0.3 * SMALLEST**2 * unit**2))
    canvas.image *= np.array(light.tint, f32)[:, None, None]
    return Picture(canvas.finish(rng), canvas.semantic, canvas.ids, tuple(o.class_id for o in objects))


def _hills(canvas, rng, light, horizon, unit):
    """Three ridges, each nearer and greener."""
    height, width = canvas.shape
    haze = light.shining(light.horizon)
    for k, (tone, far) in enumerate((("7f96a3", 0.45), ("6a8f72", 0.25), ("55823f", 0.06))):
        ridge = (
            noise(rng, np.zeros(1), width, (26 - 4 * k) * unit)[0, 0]
            + 0.35 * noise(rng, np.zeros(1), width, 8 * unit)[0, 0]
        )
        top = horizon + (height - horizon) * 0.32 * k + 3.5 * unit * ridge
        rows = slice(max(int(top.min()) - 1, 0), height)
        color = (np.array(rgb(tone), f32) * (1 - far) + haze * far)[:, None, None]
        lit = 1.06 - 0.20 * clip01((canvas.y[rows] - top) / (14 * unit))
        patch = noise(rng, canvas.y[rows, 0] / (5 * unit) - rows.start / (5 * unit), width, 13 * unit)[0]
        canvas.cover(clip01(canvas.y[rows] - top + 0.5), color * (lit + 0.03 * patch), BACKGROUND, rows)


def _thing(canvas, rng, light, size, side):
    """One striped thing of `size` pixels: size**2 is about its area."""
    height, width = canvas.shape
    kind = int(rng.integers(BALLOON, BLIMP + 1))
    x, y = rng.uniform(0.02, 0.98) * width, rng.uniform(0.08, 0.88) * height
    tilt, flip = rng.uniform(-0.35, 0.35), pick(rng, (1, -1))
    colors = [np.array(rgb(c), f32)[:, None, None] for c in rng.choice(CLOTH, 2, replace=False)]
    stripes, phase, turn = rng.uniform(1.6, 3.2), rng.random(), rng.uniform(0, np.pi)
    reach = 1.25 * size
    rows = slice(max(int(y - reach), 0), min(int(y + reach) + 2, height))
    columns = slice(max(int(x - reach), 0), min(int(x + reach) + 2, width))
    px, py = (canvas.x[:, columns] - f32(x)) / f32(size), (canvas.y[rows] - f32(y)) / f32(size)
    c, s = f32(np.cos(tilt)), f32(np.sin(tilt))
    u, v = (c * px + s * py) * flip, c * py - s * px
    inside, dark = OUTLINES[kind](u, v)
    cover = clip01(inside * f32(size) + 0.5)

    across = (np.cos(turn) * u + np.sin(turn) * v) * stripes + phase
    edge = clip01((0.25 - np.abs(across - np.floor(across) - 0.5)) * f32(size / stripes) + 0.5)
    cloth = colors[0] + edge * (colors[1] - colors[0])
    shade = 1.02 - 0.30 * v + 0.22 * side * px - 0.28 * (u * u + v * v)
    cloth = cloth * np.maximum(shade, 0.4)
    cloth = cloth + 0.12 * np.exp(-((u * flip - 0.25 * side) ** 2 + (v + 0.3) ** 2) / 0.03)
    cloth = cloth * (1 - 0.55 * clip01(dark * f32(size) + 0.5))
    return Layer(rows, columns, cover, (cloth * cover).astype(f32), class_id=kind, thing=True, depth=-size)


def _balloon(u, v):
    """A ball that narrows to a basket below. -> (how far inside, how far inside the basket), in units of the size."""
    ball = 0.54 - np.sqrt(u * u + (v + 0.12) ** 2)
    cone = np.minimum(0.50 - np.abs(u) * 1.05 - np.maximum(v - 0.0, 0) * 0.85, 0.56 - v) * 0.8
    basket = np.minimum(0.10 - np.abs(u), 0.075 - np.abs(v - 0.60))
    return np.maximum(np.maximum(ball, np.where(v > 0, cone, -1)), basket), basket


def _kite(u, v):
    """A diamond with its widest line above the middle, and two spars."""
    tall = np.where(v < -0.16, (v + 0.82) / 0.66, (0.86 - v) / 1.02)
    inside = (0.60 * tall - np.abs(u)) * 0.78
    return inside, np.maximum(0.012 - np.abs(u), 0.012 - np.abs(v + 0.16))


def _blimp(u, v):
    """A long ellipse with fins at its tail and a cabin."""
    hull = (1 - np.sqrt((u / 0.86) ** 2 + (v / 0.36) ** 2)) * 0.36
    fins = np.minimum(np.minimum(-0.52 - u, u + 0.92), 0.42 - np.abs(v) - 0.35 * (u + 0.92))
    cabin = np.minimum(0.17 - np.abs(u - 0.06), 0.07 - np.abs(v - 0.38))
    return np.maximum(np.maximum(hull, fins), cabin), cabin


OUTLINES = {BALLOON: _balloon, KITE: _kite, BLIMP: _blimp}
