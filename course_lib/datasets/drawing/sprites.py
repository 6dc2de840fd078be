"""Sprites: things made of convex shapes, drawn at any size.

A shape is a signed distance, so its edge is one pixel of blending whatever the size. All shapes of a sprite are evaluated at once,
and the result is kept as a stencil: how much of each palette color every pixel shows. Drawing is then one small matrix product.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .canvas import Layer, clip01, f32


@dataclass
class Shape:
    """One convex shape of a sprite in sprite units: its color slot, its part name, brightness at its top and bottom, opacity."""

    kind: str
    numbers: object
    slot: str
    part: str = ""
    top: float = 1.06
    bottom: float = 0.86
    opacity: float = 1.0

    def span(self):
        """(x0, y0, x1, y1)"""
        if self.kind == "poly":
            xs, ys = zip(*self.numbers, strict=True)
            return min(xs), min(ys), max(xs), max(ys)
        cx, cy, rx, ry = self.numbers[:4]
        return cx - rx, cy - ry, cx + rx, cy + ry


def poly(slot, *points, **options):
    """Convex polygon through points (x, y)."""
    return Shape("poly", points, slot, **options)


def oval(slot, cx, cy, rx, ry, **options):
    return Shape("oval", (cx, cy, rx, ry, -1.0), slot, **options)


def rbox(slot, cx, cy, hx, hy, r=0.0, **options):
    """Box of half sides hx, hy with corners of radius r."""
    return Shape("rbox", (cx, cy, hx, hy, r), slot, **options)


def _planes(points, edges):
    """Half planes (edges, 3) of a convex polygon: a x + b y + c >= 0 inside, |(a, b)| = 1; the last one repeats."""
    points = np.array(points, np.float64)
    x, y = points.T
    if np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) < 0:
        points = points[::-1]
    step = np.roll(points, -1, 0) - points
    normal = np.stack([-step[:, 1], step[:, 0]], 1) / np.hypot(*step.T)[:, None]
    planes = np.concatenate([normal, -np.sum(normal * points, 1, keepdims=True)], 1)
    return np.concatenate([planes, planes[-1:].repeat(edges - len(planes), 0)])


class Sprite:
    """Shapes in paint order, compiled to arrays so that all of them are evaluated at once."""

    def __init__(self, *shapes: Shape):
        polygons, rounds = [s for s in shapes if s.kind == "poly"], [s for s in shapes if s.kind != "poly"]
        edges = max((len(s.numbers) for s in polygons), default=3)
        planes = np.array([_planes(s.numbers, edges) for s in polygons], f32).reshape(-1, edges, 3, 1, 1)
        self.planes = np.ascontiguousarray(planes.transpose(2, 1, 0, 3, 4))
        cx, cy, ex, ey, r = np.array([s.numbers for s in rounds], f32).reshape(-1, 5).T.reshape(5, -1, 1, 1)
        self.box, small = r >= 0, np.minimum(ex, ey)
        narrow = [np.where(self.box, 1, small / e) for e in (ex, ey)]
        self.rounds = (
            cx,
            cy,
            np.where(self.box, ex, 0),
            np.where(self.box, ey, 0),
            np.where(self.box, r, small),
            *narrow,
        )
        places = [next(i for i, s in enumerate(shapes) if s is shape) for shape in (*polygons, *rounds)]
        self.order = np.argsort(places)
        self.slots = sorted({s.slot for s in shapes})
        self.parts = [s.part for s in shapes]
        self.opacity = np.array([s.opacity for s in shapes], f32)[:, None, None]
        self.solid = bool((self.opacity == 1).all())
        spans = np.array([s.span() for s in shapes])
        self.span = (*spans[:, :2].min(0), *spans[:, 2:].max(0))
        slope = np.array([s.bottom - s.top for s in shapes]) / np.maximum(spans[:, 3] - spans[:, 1], 1e-6)
        level = np.array([s.top for s in shapes]) - slope * spans[:, 1]
        of_slot = np.array([[s.slot == slot for s in shapes] for slot in self.slots])
        self.shades = np.concatenate([of_slot * level, of_slot * slope]).astype(f32)  # brightness is level + slope * y

    def inside(self, x, y, scale):
        """How many pixels inside its edge each shape has each pixel, (shapes, h, w); x (w,), y (h, 1) in sprite units, scale
        in pixels per unit."""
        a, b, c = self.planes * f32(scale)
        flat = (a * x + (b * y + c)).min(0)
        # What lies within r of its core: a box less its corners' radius, or the center of an oval, whose longer axis is narrowed.
        cx, cy, ex, ey, r, kx, ky = self.rounds
        r = np.maximum(r, self.box * f32(0.6 / scale))
        core = self.box * r
        qx = np.maximum(np.abs(x - cx) - np.maximum(ex - core, 0), 0) * kx
        qy = np.maximum(np.abs(y - cy) - np.maximum(ey - core, 0), 0) * ky
        round_ = (r - np.sqrt(qx * qx + qy * qy)) * f32(scale)
        return np.concatenate([flat, round_])[self.order]


@dataclass
class Stencil:
    """A sprite at one size: cover (h, w), how much of each palette slot every pixel shows (slots, h, w), the shape on top."""

    left: int
    top: int
    cover: np.ndarray
    amounts: np.ndarray
    shown: np.ndarray | None


def _stencil(sprite, scale, stretch, flip, squash, with_parts):
    x0, y0, x1, y1 = (v * scale for v in sprite.span)
    x0, x1 = (x0 * stretch, x1 * stretch) if flip > 0 else (-x1 * stretch, -x0 * stretch)
    y0, y1 = (y0 * squash, y1 * squash) if squash > 0 else (0.0, y0 * squash)
    left, top = math.floor(x0 - 0.5), math.floor(y0 - 0.5)
    x = np.arange(left + 0.5, x1 + 1, dtype=f32) / f32(scale * stretch * flip)
    y = np.arange(top + 0.5, y1 + 1, dtype=f32)[:, None] / f32(scale * squash)
    cover = sprite.inside(x, y, scale)
    cover += f32(0.5)
    clip01(cover)
    shown = None
    if with_parts:
        opaque = np.where(sprite.opacity == 1, cover, 0)
        solid = opaque > 0.5
        shown = np.where(solid.any(0), len(solid) - 1 - solid[::-1].argmax(0), opaque.argmax(0))
    if not sprite.solid:
        cover *= sprite.opacity
    through = np.cumprod(1 - cover[::-1], 0)[::-1]  # light that passes a shape and all painted after it
    cover[:-1] *= through[1:]
    amounts = (sprite.shades @ cover.reshape(len(cover), -1)).reshape(2, -1, *cover.shape[1:])
    return Stencil(left, top, 1 - through[0], amounts[0] + amounts[1] * y, shown)


_kept_stencil = lru_cache(2048)(_stencil)


def render(sprite, shape, x, y, scale, palette, *, flip=1, stretch=1.0, side=0.0, squash=1.0, part_ids=None, **about):
    """Draw `sprite` with its origin at pixel (x, y), one sprite unit = `scale` pixels (times `stretch` across, `squash` down).

    Position and scale are rounded, so that many sprites share few stencils. shape: (H, W) of the picture;
    palette: slot -> (r, g, b); flip: -1 mirrors; side: -1 ... 1, how much light falls from the left or right; squash < 0 stands
    the sprite on its head, as in water, and shows only what lies below y; part_ids: part name -> id, to fill `Layer.parts`.
    -> Layer, or None if it lies outside the picture.
    """
    step = 1 if scale < 20 else 2 if scale < 40 else 4
    scale = max(step * round(scale / step), 3)
    make = _kept_stencil if scale < 64 else _stencil
    stencil = make(sprite, scale, stretch, flip, squash, part_ids is not None)
    x, y = round(x) + stencil.left, round(y) + stencil.top
    h, w = stencil.cover.shape
    left, right, top, bottom = max(x, 0), min(x + w, shape[1]), max(y, 0), min(y + h, shape[0])
    if left >= right or top >= bottom:
        return None
    part = slice(top - y, bottom - y), slice(left - x, right - x)
    amounts = stencil.amounts[:, *part]
    colors = np.array([palette[slot] for slot in sprite.slots], f32).T
    light = (colors @ amounts.reshape(len(amounts), -1)).reshape(3, bottom - top, right - left)
    if side:
        light *= 1 + np.arange(left - x + stencil.left, right - x + stencil.left, dtype=f32) * f32(side / scale)
    parts = None if part_ids is None else np.array([part_ids[p] for p in sprite.parts], np.uint8)[stencil.shown[part]]
    return Layer(slice(top, bottom), slice(left, right), stencil.cover[part], light, parts=parts, **about)


def mirror(canvas, sprite, x, y, scale, palette, flip, strength):
    """Blend the upside-down image of a sprite below the water line y."""
    layer = render(sprite, canvas.shape, x, y, scale, palette, flip=flip, squash=-0.6)
    if layer is not None:
        seen = canvas.image[:, layer.rows, layer.columns]
        seen += f32(strength) * (layer.light - layer.cover * seen)
