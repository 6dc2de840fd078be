"""Drawing primitives: smooth noise, sprites made of convex shapes, layers that know what they hide.

Pictures under construction are float32 (3, H, W), 1.0 = full light; x runs right, y down, both in pixels, pixel centres at + 0.5.
A shape is a signed distance (negative inside), so its edge is one pixel of blending at any size.
"""

import math
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np

f32 = np.float32


@cache
def axes(height: int, width: int):
    """Pixel centres: x (1, W) and y (H, 1), float32."""
    return np.arange(0.5, width, dtype=f32)[None], np.arange(0.5, height, dtype=f32)[:, None]


@cache
def tile():
    """Standard normal numbers (1024, 1024), the same for all pictures; a picture takes its noise from a random place in them."""
    return np.random.default_rng(2015).standard_normal((1024, 1024)).astype(f32)


def grains(rng, height, width):
    """A random (height, width) window of `tile`."""
    top, left = rng.integers(0, 1024 - height), rng.integers(0, 1024 - width)
    return tile()[top : top + height, left : left + width]


def _weights(positions):
    """(n, count): rows of weights that interpolate a grid of `count` values at increasing positions >= 0, in smooth steps."""
    low = positions.astype(np.intp)
    part = positions - low
    part = part * part * (3 - 2 * part)
    weights = np.zeros((len(low), low[-1] + 2), f32)
    row = np.arange(len(low))
    weights[row, low] = 1 - part
    weights[row, low + 1] = part
    return weights


@lru_cache(64)
def _even_weights(count, step):
    return np.ascontiguousarray(_weights(np.arange(count) / step).T)


def noise(rng, rows, width, step, fields=1):
    """Smooth random fields (fields, len(rows), width), mean 0, sd about 0.7: one bump per `step` pixels across and per unit of
    the row coordinates `rows` (increasing, from 0); unequal steps of `rows` give perspective."""
    across, down = _even_weights(width, step), _weights(rows)
    h, w = down.shape[1], across.shape[0]
    return down @ grains(rng, fields * h, w).reshape(fields, h, w) @ across


def clip01(a):
    """a limited to 0 ... 1, in place."""
    np.maximum(a, 0, out=a)
    return np.minimum(a, 1, out=a)


# ------------------------------------------------------------------------------------------------ sprites
@dataclass
class Shape:
    """One convex shape of a sprite in sprite units: its colour slot, its part name, brightness at its top and bottom, opacity."""

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
        self.rounds = np.array([s.numbers for s in rounds], f32).reshape(-1, 5).T.reshape(5, -1, 1, 1)
        places = [next(i for i, s in enumerate(shapes) if s is shape) for shape in (*polygons, *rounds)]
        self.order = np.argsort(places)
        self.slots = sorted({s.slot for s in shapes})
        self.of_slot = np.array([[s.slot == slot for s in shapes] for slot in self.slots], f32)
        self.parts = [s.part for s in shapes]
        self.opacity = np.array([s.opacity for s in shapes], f32)[:, None, None]
        spans = np.array([s.span() for s in shapes])
        self.span = (*spans[:, :2].min(0), *spans[:, 2:].max(0))
        slope = np.array([s.bottom - s.top for s in shapes]) / np.maximum(spans[:, 3] - spans[:, 1], 1e-6)
        self.slope = self.of_slot * slope.astype(f32)
        self.level = self.of_slot * (np.array([s.top for s in shapes]) - slope * spans[:, 1]).astype(f32)

    def inside(self, x, y, scale):
        """How many pixels inside its edge each shape has each pixel, (shapes, h, w); x (w,), y (h, 1) in sprite units, scale
        in pixels per unit."""
        a, b, c = self.planes * f32(scale)
        cx, cy, ex, ey, r = self.rounds
        flat = (a * x + (b * y + c)).min(0)
        # A box is what lies within r of its core; an oval has no core and unequal axes (r < 0 says so).
        box = r >= 0
        small = np.minimum(ex, ey)
        r = np.where(box, np.maximum(r, f32(0.6 / scale)), small)
        qx = np.maximum(np.abs(x - cx) - np.where(box, ex - r, 0), 0) * np.where(box, 1, small / ex)
        qy = np.maximum(np.abs(y - cy) - np.where(box, ey - r, 0), 0) * np.where(box, 1, small / ey)
        round_ = (r - np.sqrt(qx * qx + qy * qy)) * f32(scale)
        return np.concatenate([flat, round_])[self.order]


@dataclass
class Stencil:
    """A sprite at one size: cover (h, w), how much of each palette slot every pixel shows (slots, h, w), the shape on top."""

    left: int
    top: int
    cover: np.ndarray
    amounts: np.ndarray
    shown: np.ndarray

    @staticmethod
    def cut(sprite, scale, stretch, flip, squash):
        x0, y0, x1, y1 = (v * scale for v in sprite.span)
        x0, x1 = (x0 * stretch, x1 * stretch) if flip > 0 else (-x1 * stretch, -x0 * stretch)
        y0, y1 = (y0 * squash, y1 * squash) if squash > 0 else (0.0, y0 * squash)
        left, top = math.floor(x0 - 0.5), math.floor(y0 - 0.5)
        x = np.arange(left + 0.5, x1 + 1, dtype=f32) / f32(scale * stretch * flip)
        y = np.arange(top + 0.5, y1 + 1, dtype=f32)[:, None] / f32(scale * squash)
        cover = clip01(sprite.inside(x, y, scale) + f32(0.5))
        opaque = np.where(sprite.opacity == 1, cover, 0)
        solid = opaque > 0.5
        shown = np.where(solid.any(0), len(solid) - 1 - solid[::-1].argmax(0), opaque.argmax(0))
        cover *= sprite.opacity
        through = np.cumprod(1 - cover[::-1], 0)[::-1]  # light that passes a shape and all painted after it
        cover[:-1] *= through[1:]
        level, slope = (np.tensordot(m, cover, 1) for m in (sprite.level, sprite.slope))
        return Stencil(left, top, 1 - through[0], level + slope * y, shown)


_small_stencil = lru_cache(4096)(Stencil.cut)


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


def render(sprite, shape, x, y, scale, palette, *, flip=1, stretch=1.0, side=0.0, squash=1.0, part_ids=None, **about):
    """Draw `sprite` with its origin at pixel (x, y), one sprite unit = `scale` pixels (times `stretch` across, `squash` down).

    Position and scale are rounded, so that a picture's many sprites share few stencils. shape: (H, W) of the picture;
    palette: slot -> (r, g, b); flip: -1 mirrors; side: -1 ... 1, how much light falls from the left or right; squash < 0 stands
    the sprite on its head, as in water, and shows only what lies below y; part_ids: part name -> id, to fill `Layer.parts`.
    -> Layer, or None if it lies outside the picture.
    """
    scale, stretch = max(round(scale), 3), round(6 * stretch) / 6
    stencil = (_small_stencil if scale < 48 else Stencil.cut)(sprite, scale, stretch, flip, squash)
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


# ------------------------------------------------------------------------------------------------ canvas
class Canvas:
    """A picture with its class map and object ids."""

    def __init__(self, height, width, parts=False):
        self.shape = height, width
        self.image = np.zeros((3, height, width), f32)
        self.semantic = np.zeros((height, width), np.uint8)
        self.ids = np.zeros((height, width), np.uint16)
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

    def mirror(self, sprite, x, y, scale, palette, flip, strength):
        """Blend the upside-down image of a sprite below the water line y."""
        layer = render(sprite, self.shape, x, y, scale, palette, flip=flip, squash=-0.6)
        if layer is not None:
            part = self.image[:, layer.rows, layer.columns]
            part += f32(strength) * (layer.light - layer.cover * part)

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
