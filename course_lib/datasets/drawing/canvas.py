"""Drawing primitives: smooth noise, sprites made of convex shapes, layers that know what they hide.

Pictures under construction are float32 (3, H, W), 1.0 = full light; x runs right, y down, both in pixels, pixel centres at + 0.5.
A shape is a signed distance (negative inside), so its edge is one pixel of blending at any size.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

f32 = np.float32


@cache
def axes(height: int, width: int):
    """Pixel centres: x (1, W) and y (H, 1), float32."""
    return np.arange(0.5, width, dtype=f32)[None], np.arange(0.5, height, dtype=f32)[:, None]


@cache
def _tile():
    return np.random.default_rng(2015).standard_normal((512, 512)).astype(f32)


def _weights(positions, count):
    """Rows of weights (n, count) that interpolate `count` grid values at positions in [0, count - 1] with smooth steps."""
    positions = np.clip(positions.ravel(), 0, count - 1.001)
    low = positions.astype(np.intp)
    part = (positions - low).astype(f32)
    part = part * part * (3 - 2 * part)
    weights = np.zeros((len(low), count), f32)
    row = np.arange(len(low))
    weights[row, low] = 1 - part
    weights[row, low + 1] = part
    return weights


def noise(rng, rows, columns, fields=1):
    """Smooth random fields (fields, len(rows), len(columns)), mean 0, sd about 0.7, one bump per unit of the two coordinates.

    rows, columns: increasing coordinates of the pixel rows and columns, from 0; unequal steps give perspective.
    """
    h, w = int(rows[-1]) + 2, int(columns[-1]) + 2
    top, left = rng.integers(0, 512, 2)
    grid = _tile().take(range(top, top + fields * h), 0, mode="wrap").take(range(left, left + w), 1, mode="wrap")
    return _weights(rows, h) @ grid.reshape(fields, h, w) @ _weights(columns, w).T


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
    return Shape("oval", (cx, cy, rx, ry), slot, **options)


def rbox(slot, cx, cy, hx, hy, r=0.0, **options):
    """Box of half sides hx, hy with corners of radius r."""
    return Shape("rbox", (cx, cy, hx, hy, r), slot, **options)


def _planes(points, edges):
    """Half planes (edges, 3) of a convex polygon: a x + b y + c <= 0 inside, |(a, b)| = 1; the last one repeats."""
    points = np.array(points, np.float64)
    x, y = points.T
    if np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) < 0:
        points = points[::-1]
    step = np.roll(points, -1, 0) - points
    normal = np.stack([step[:, 1], -step[:, 0]], 1) / np.hypot(*step.T)[:, None]
    planes = np.concatenate([normal, -np.sum(normal * points, 1, keepdims=True)], 1)
    return np.concatenate([planes, planes[-1:].repeat(edges - len(planes), 0)])


class Sprite:
    """Shapes in paint order, compiled to arrays so that all of them are evaluated at once."""

    def __init__(self, *shapes: Shape):
        kinds = {kind: [s for s in shapes if s.kind == kind] for kind in ("poly", "oval", "rbox")}
        self.edges = max((len(s.numbers) for s in kinds["poly"]), default=0)
        self.planes = np.array([_planes(s.numbers, self.edges) for s in kinds["poly"]], f32).reshape(-1, 3)
        self.ovals = np.array([s.numbers for s in kinds["oval"]], f32).reshape(-1, 4, 1)
        self.boxes = np.array([s.numbers for s in kinds["rbox"]], f32).reshape(-1, 5, 1)
        by_kind = [*kinds["poly"], *kinds["oval"], *kinds["rbox"]]
        self.order = np.array([next(i for i, s in enumerate(by_kind) if s is shape) for shape in shapes])
        self.slots = [s.slot for s in shapes]
        self.parts = [s.part for s in shapes]
        self.opacity = np.array([s.opacity for s in shapes], f32)[:, None]
        spans = np.array([s.span() for s in shapes])
        self.span = (*spans[:, :2].min(0), *spans[:, 2:].max(0))
        slope = (np.array([s.bottom - s.top for s in shapes])) / np.maximum(spans[:, 3] - spans[:, 1], 1e-6)
        self.slope = slope.astype(f32)
        self.level = (np.array([s.top for s in shapes]) - slope * spans[:, 1]).astype(f32)

    def distances(self, x, y):
        """Signed distances (shapes, len(x)) in sprite units at the points x, y."""
        found = []
        if len(self.planes):
            corners = self.planes @ np.stack([x, y, np.ones_like(x)])
            found.append(corners.reshape(-1, self.edges, len(x)).max(1))
        if len(self.ovals):
            cx, cy, rx, ry = self.ovals.swapaxes(0, 1)
            found.append((np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2) - 1) * np.minimum(rx, ry))
        if len(self.boxes):
            cx, cy, hx, hy, r = self.boxes.swapaxes(0, 1)
            qx, qy = np.abs(x - cx) - (hx - r), np.abs(y - cy) - (hy - r)
            outside = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2)
            found.append(outside + np.minimum(np.maximum(qx, qy), 0) - r)
        return np.concatenate(found)[self.order] if len(found) > 1 else found[0][self.order]


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
    number: float = 0.0

    @property
    def window(self):
        return self.rows, self.columns


def render(sprite, shape, x, y, scale, palette, *, flip=1, stretch=1.0, side=0.0, angle=0.0, upside_down=False, part_ids=None, **about):
    """Draw `sprite` with its origin at pixel (x, y), one sprite unit = `scale` pixels (times `stretch` across).

    shape: (H, W) of the picture; palette: slot -> (r, g, b); flip: -1 mirrors; side: -1 ... 1, how much light falls from
    the left or right; part_ids: part name -> id, to fill `Layer.parts`. -> Layer, or None if it lies outside the picture.
    """
    x0, y0, x1, y1 = (v * scale for v in sprite.span)
    if upside_down:
        y0, y1 = 0.0, -0.6 * y0
    if angle:
        reach = max(np.hypot(a, b) for a in (x0, x1) for b in (y0, y1))
        x0, y0, x1, y1 = -reach, -reach, reach, reach
    elif flip < 0:
        x0, x1 = -x1, -x0
    left, right = max(int(x + x0 * stretch - 1), 0), min(int(x + x1 * stretch + 2), shape[1])
    top, bottom = max(int(y + y0 - 1), 0), min(int(y + y1 + 2), shape[0])
    if left >= right or top >= bottom:
        return None
    h, w = bottom - top, right - left
    px = (np.arange(left + 0.5 - x, right - x, dtype=f32)[:w] / (scale * stretch * flip))[None]
    py = (np.arange(top + 0.5 - y, bottom - y, dtype=f32)[:h] / (-0.6 * scale if upside_down else scale))[:, None]
    if angle:
        c, s = f32(np.cos(angle)), f32(np.sin(angle))
        px, py = c * px + s * py, c * py - s * px
    px, py = np.broadcast_to(px, (h, w)).ravel(), np.broadcast_to(py, (h, w)).ravel()

    d = sprite.distances(px, py)
    d *= -scale
    d += 0.5
    cover = np.clip(d, 0, 1, out=d)
    top_part = None
    if part_ids is not None:
        opaque = np.where(sprite.opacity == 1, cover, 0)
        solid = opaque > 0.5
        last = np.where(solid.any(0), len(solid) - 1 - solid[::-1].argmax(0), opaque.argmax(0))
        top_part = np.array([part_ids.get(p, 0) for p in sprite.parts], np.uint8)[last].reshape(h, w)
    if sprite.opacity.min() < 1:
        cover = cover * sprite.opacity
    through = np.cumprod(1 - cover[::-1], 0)[::-1]  # light that passes a shape and all painted after it
    weight = cover.copy()
    weight[:-1] *= through[1:]
    colors = np.array([palette[slot] for slot in sprite.slots], f32).T
    light = (colors * sprite.level) @ weight + py * ((colors * sprite.slope) @ weight)
    if side:
        light *= 1 + f32(side * flip) * px
    return Layer(
        slice(top, bottom),
        slice(left, right),
        (1 - through[0]).reshape(h, w),
        light.reshape(3, h, w),
        parts=top_part,
        **about,
    )


# ------------------------------------------------------------------------------------------------ canvas
class Canvas:
    """A picture with its class map and object ids."""

    def __init__(self, height, width):
        self.shape = height, width
        self.image = np.zeros((3, height, width), f32)
        self.semantic = np.zeros((height, width), np.uint8)
        self.ids = np.zeros((height, width), np.uint16)
        self.parts = np.zeros((height, width), np.uint8)
        self.x, self.y = axes(height, width)

    def cover(self, alpha, color, class_id=None, rows=slice(None)):
        """Blend color (anything that broadcasts to (3, h, w)) over full rows with alpha (h, W); label where alpha > 1/2."""
        part = self.image[:, rows]
        part += alpha * (color - part)
        if class_id is not None:
            self.semantic[rows][alpha > 0.5] = class_id

    def shade(self, cx, cy, rx, ry, strength):
        """Darken a soft ellipse: the shadow under a thing."""
        top, bottom = max(int(cy - ry), 0), min(int(cy + ry) + 2, self.shape[0])
        left, right = max(int(cx - rx), 0), min(int(cx + rx) + 2, self.shape[1])
        if top < bottom and left < right:
            q = ((self.x[:, left:right] - cx) / rx) ** 2 + ((self.y[top:bottom] - cy) / ry) ** 2
            self.image[:, top:bottom, left:right] *= 1 - f32(strength) * np.clip(1.5 - 1.5 * q, 0, 1)

    def mirror(self, sprite, x, y, scale, palette, flip, strength):
        """Blend the upside-down image of a sprite below the water line y."""
        layer = render(sprite, self.shape, x, y, scale, palette, flip=flip, upside_down=True)
        if layer is not None:
            part = self.image[:, layer.rows, layer.columns]
            part += f32(strength) * (layer.light - layer.cover * part)

    def compose(self, layers, least=8):
        """Paint layers from far to near. A thing of which fewer than `least` pixels, or less than an eighth of what lies in the
        picture, would stay visible is left out, so every thing pixel belongs to an object. -> the layers that are objects 1 ... M."""
        layers = sorted((layer for layer in layers if layer is not None), key=lambda layer: layer.depth)
        hidden, kept = np.zeros(self.shape, bool), []
        for layer in reversed(layers):
            solid, taken = layer.cover > 0.5, hidden[layer.window]
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
            part = self.image[:, layer.rows, layer.columns]
            part *= 1 - layer.cover
            part += layer.light
            self.semantic[layer.window][solid] = layer.class_id
            if layer.thing:
                objects.append(layer)
            self.ids[layer.window][solid] = len(objects) if layer.thing else 0
            self.parts[layer.window][solid] = 0 if layer.parts is None else layer.parts[solid]
        return objects

    def finish(self, rng, grain=0.006):
        """The uint8 (H, W, 3) picture, with a little sensor noise."""
        top, left = rng.integers(0, 512, 2)
        rows, columns = range(top, top + self.shape[0]), range(left, left + self.shape[1])
        self.image += f32(grain) * _tile().take(rows, 0, mode="wrap").take(columns, 1, mode="wrap")
        np.clip(self.image, 0, 1, out=self.image)
        return np.ascontiguousarray((self.image * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
