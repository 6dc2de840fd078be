"""The canvas: smooth noise, a picture with its ground truths, layers that know what they hide.

Pictures under construction are float32 (3, H, W), 1.0 = full light; x runs right, y down, both in pixels, pixel centers at + 0.5.
"""

import math
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np

f32 = np.float32


@cache
def axes(height: int, width: int):
    """Pixel centers: x (1, W) and y (H, 1), float32."""
    return np.arange(0.5, width, dtype=f32)[None], np.arange(0.5, height, dtype=f32)[:, None]


@cache
def _grains():
    return np.random.default_rng(2015).standard_normal(1 << 19).astype(f32)


def grains(rng, *shape):
    """Standard normal numbers of a shape, float32: a stretch of half a million fixed ones, from a random place."""
    count = math.prod(shape)
    start = int(rng.random() * (len(_grains()) - count))
    return _grains()[start : start + count].reshape(shape)


def _steps(positions):
    """Where increasing positions >= 0 fall on a grid: the grid line before each, and the smooth share of the next one."""
    low = positions.astype(np.intp)
    part = (positions - low).astype(f32)
    return low, part * part * (3 - 2 * part)


@lru_cache(64)
def _across(count, step):
    """Weights (grid columns, count) that interpolate grid columns at every pixel."""
    low, part = _steps(np.arange(count) / step)
    weights = np.zeros((low[-1] + 2, count), f32)
    pixel = np.arange(count)
    weights[low, pixel] = 1 - part
    weights[low + 1, pixel] = part
    return weights


def noise(rng, rows, width, step, fields=1):
    """Smooth random fields (fields, len(rows), width), mean 0, sd about 0.7: one bump per `step` pixels across and per unit of
    the row coordinates `rows` (increasing, from 0); unequal steps of `rows` give perspective."""
    across, (low, part) = _across(width, step), _steps(rows)
    lines = grains(rng, fields, int(low[-1]) + 2, across.shape[0]) @ across
    upper = lines[:, low]
    return upper + part[:, None] * (lines[:, low + 1] - upper)


def clip01(a):
    """a limited to 0 ... 1, in place."""
    np.maximum(a, 0, out=a)
    return np.minimum(a, 1, out=a)


@dataclass
class Layer:
    """A drawn sprite: where it lies, its light (3, h, w) times its cover (h, w), and what the ground truths say of it."""

    rows: slice
    columns: slice
    cover: np.ndarray
    light: np.ndarray
    class_id: int = 0
    thing: bool = False
    depth: float = 0.0
    parts: np.ndarray | None = None
    before: list = field(default_factory=list)


class Canvas:
    """A picture with its class map and object ids."""

    def __init__(self, height, width, parts=False):
        self.shape = height, width
        self.image = np.zeros((3, height, width), f32)
        self.semantic = np.zeros((height, width), np.uint8)
        self.ids = np.zeros((height, width), np.uint8)
        self.parts = np.zeros((height, width), np.uint8) if parts else None
        self.x, self.y = axes(height, width)

    def cover(self, alpha, color, class_id=None, rows=slice(None)):
        """Blend color (anything that broadcasts to (3, h, w)) over full rows with alpha (h, W); label where alpha > 1/2."""
        part = self.image[:, rows]
        part += alpha * (color - part)
        if class_id is not None:
            self.semantic[rows][alpha > 0.5] = class_id

    def shade(self, cx, cy, rx, ry, strength):
        """Darken a soft ellipse: the shadow under a thing. strength < 0 brightens; three strengths are one for each channel."""
        top, bottom = max(int(cy - ry), 0), min(int(cy + ry) + 2, self.shape[0])
        left, right = max(int(cx - rx), 0), min(int(cx + rx) + 2, self.shape[1])
        if top < bottom and left < right:
            q = ((self.x[:, left:right] - cx) / rx) ** 2 + ((self.y[top:bottom] - cy) / ry) ** 2
            self.image[:, top:bottom, left:right] *= 1 - np.reshape(f32(strength), (-1, 1, 1)) * clip01(1.5 - 1.5 * q)

    def compose(self, layers, least=8):
        """Paint layers from far to near. A thing of which fewer than `least` pixels, or less than an eighth of what lies in the
        picture, would stay visible is left out, so every thing pixel belongs to an object. -> the layers that are objects 1 ... M."""
        layers = sorted((layer for layer in layers if layer is not None), key=lambda layer: layer.depth)
        hidden, kept = np.zeros(self.shape, bool), []
        for layer in reversed(layers):
            solid, taken = layer.cover > 0.5, hidden[layer.rows, layer.columns]
            if layer.thing:
                visible = np.count_nonzero(solid & ~taken)
                if visible < max(least, np.count_nonzero(solid) / 8):
                    continue
            taken |= solid
            kept.append((layer, solid))
        objects = []
        for layer, solid in reversed(kept):
            for paint in layer.before:
                paint(self)
            window = layer.rows, layer.columns
            seen = self.image[:, *window]
            seen *= 1 - layer.cover
            seen += layer.light
            if layer.thing:
                objects.append(layer)
            np.copyto(self.semantic[window], layer.class_id, where=solid)
            np.copyto(self.ids[window], len(objects) if layer.thing else 0, where=solid)
            if self.parts is not None:
                np.copyto(self.parts[window], 0 if layer.parts is None else layer.parts, where=solid)
        return objects

    def finish(self, rng, grain=0.006):
        """The uint8 (H, W, 3) picture, with a little sensor noise."""
        self.image += f32(grain) * grains(rng, *self.shape)
        clip01(self.image)
        return np.ascontiguousarray((self.image * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
