"""Grass, roads and water below the horizon. A strip lies between two curves (one height per picture column); a lane that runs away
from the viewer lies between two edges that meet at the horizon. Texture steps shrink towards the horizon, so surfaces lie flat."""

import numpy as np

from .canvas import clip01, f32, noise
from .sky import pick, rgb

MEADOW = {"summer": ("5f9440", "7fae4c", "8fae52"), "autumn": ("8a8f42", "a39a4c", "7c8a44")}
DEEP = ("1f4f6b", "2a6a86", "28584f", "1c4a72", "39606a")


class Ground:
    """Paints surfaces on a canvas; horizon and unit in pixels, mood and plants say light and season."""

    def __init__(self, canvas, rng, mood, horizon, unit, plants):
        self.canvas, self.rng, self.mood, self.horizon, self.unit = canvas, rng, mood, horizon, unit
        height = canvas.shape[0]
        self.depth = clip01((canvas.y - horizon) / (height - horizon))  # 0 at the horizon, 1 at the lower edge
        below = np.maximum(canvas.y[:, 0] - horizon, 0)
        self.fall = np.log1p(0.03 / unit * below) / (0.03 / unit)  # row coordinate whose steps shrink with distance
        self.haze = mood.haze * np.exp(-self.depth / 0.16) * 0.55
        self.grass_tone = pick(rng, MEADOW["autumn" if plants.autumn else "summer"])
        self.deep = pick(rng, DEEP)
        self.wet = mood.rain
        self.sky = mood.shining(mood.horizon)[:, None, None]

    def rows(self, top, bottom=None):
        """The slice of rows that a strip from curve `top` to curve `bottom` touches."""
        first = max(int(np.min(top)) - 1, 0)
        last = self.canvas.shape[0] if bottom is None else min(int(np.max(bottom)) + 2, self.canvas.shape[0])
        return slice(min(first, last), last)

    def field(self, rows, down, across, fields=1):
        """Smooth noise over `rows`; one bump is about `down` units high (near the horizon) and `across` units wide."""
        v = self.fall[rows] - self.fall[rows][0]
        return noise(self.rng, v / (down * self.unit), self.canvas.shape[1], across * self.unit, fields)

    def _lay(self, alpha, color, class_id, rows):
        self.canvas.cover(alpha, color + self.haze[rows] * (self.sky - color), class_id, rows)

    def grass(self, top, class_id, bottom=None):
        rows = self.rows(top, bottom)
        if rows.start >= rows.stop:
            return
        patch = self.field(rows, 5, 22, 2)
        blades = self.field(rows, 1.3, 1.5)[0] * np.minimum(self.depth[rows] * 1.5 + 0.1, 1)
        base = np.array(rgb(self.grass_tone), f32)[:, None, None]
        dry = np.array((0.72, 0.66, 0.34), f32)[:, None, None]
        color = base * (0.86 + 0.16 * self.depth[rows] + 0.05 * patch[0] + 0.055 * blades)
        color += np.clip(0.12 * patch[1] + 0.03, 0, 0.3) * (dry - color)
        self._lay(clip01(self.canvas.y[rows] - top + 0.5), color, class_id, rows)

    def road(self, top, bottom, class_id, *, lanes=2, pavement=True):
        """A strip of road across the picture with pavements, kerbs and lane marks."""
        rows, unit = self.rows(top, bottom), self.unit
        if rows.start >= rows.stop:
            return
        y, x = self.canvas.y[rows], self.canvas.x
        wide = np.maximum(bottom - top, 1)
        v = (y - top) / wide
        color = self._asphalt(rows)
        edge = 0.11 if pavement else 0.03
        tracks = (v - edge) * (2 * lanes / (1 - 2 * edge))
        tracks = np.abs(tracks - np.floor(tracks) - 0.5)
        color = color * (1 - 0.10 * clip01(1 - 4 * tracks))
        mark = np.zeros_like(v)
        phase = self.rng.uniform(0, 30)
        for k in range(1, lanes):
            thick = clip01(0.5 + 0.55 * unit - np.abs(v - k / lanes) * wide)
            dash = (x / unit + phase) % 13
            mark = np.maximum(mark, thick * clip01(0.5 + (3.6 - np.abs(dash - 6.5)) * unit))
        color = color + mark * 0.85 * (np.array((0.93, 0.91, 0.84), f32)[:, None, None] - color)
        if pavement:
            color = self._pavement(color, np.minimum(v, 1 - v) - edge, wide, (x / unit + phase) % 5)
        inside = clip01(y - top + 0.5) * clip01(bottom - y + 0.5)
        if self.wet:
            color = self._mirror(rows, top, color, 0.32)
        self._lay(inside, color, class_id, rows)

    def avenue(self, center, half, class_id):
        """A road that runs away from the viewer: center and half width, in pixels, of each picture row (H,)."""
        center, half = center[:, None], half[:, None]
        rows = slice(max(int(self.horizon), 0), self.canvas.shape[0])
        s = (self.canvas.x - center[rows]) / np.maximum(half[rows], 0.3)
        across = np.abs(s)
        color = self._asphalt(rows)
        color = color * (1 - 0.10 * clip01(1 - 6 * np.abs(np.abs(across * 0.5 - 0.2) - 0.1)))
        far = 1 / np.maximum(self.depth[rows], 0.02)
        dash = clip01(0.5 + 6 * (0.26 - np.abs((1.6 * far + self.rng.random()) % 1 - 0.5)))
        line = clip01(0.5 + half[rows] * (0.022 - np.abs(s))) * dash
        color = color + 0.85 * line * (np.array((0.93, 0.91, 0.84), f32)[:, None, None] - color)
        color = self._pavement(color, 0.84 - across, half[rows], 8 * far % 5)
        inside = clip01(0.5 + half[rows] * (1 - across))
        if self.wet:
            color = self._mirror(rows, np.full(self.canvas.shape[1], self.horizon), color, 0.32)
        self._lay(inside, color, class_id, rows)

    def _asphalt(self, rows):
        patch = self.field(rows, 3, 30)[0]
        tone = np.array((0.40, 0.40, 0.425) if not self.wet else (0.30, 0.31, 0.34), f32)[:, None, None]
        return tone * (0.92 + 0.14 * self.depth[rows] + 0.025 * patch)

    def _pavement(self, color, inner, wide, slab):
        """Lighter slabs where `inner` (share of `wide`) is negative, and a bright kerb at 0."""
        walk = clip01(0.5 - inner * wide)
        stone = np.array((0.66, 0.63, 0.59), f32)[:, None, None] * (1 - 0.07 * (slab < 0.5))
        color = color + walk * (stone - color)
        kerb = clip01(0.5 + 0.45 * self.unit - np.abs(inner) * wide)
        return color + 0.8 * kerb * (np.array((0.80, 0.78, 0.74), f32)[:, None, None] - color)

    def water(self, top, class_id, bottom=None, *, sun=None, bank=True, inside=None):
        """Water below the curve `top`: what lies above it is mirrored and broken by ripples. sun: (x, color) of a glitter path."""
        rows, unit = self.rows(top, bottom), self.unit
        if rows.start >= rows.stop:
            return
        y = self.canvas.y[rows]
        alpha = clip01(y - top + 0.5)
        if bank:  # a line of stones or sand
            sand = np.array(rgb(pick(self.rng, ("8d8272", "b5a582", "77706a"))), f32)[:, None, None]
            edge = slice(max(rows.start - int(1.6 * unit) - 1, 0), rows.stop)
            self.canvas.cover(clip01(self.canvas.y[edge] - top + 1.3 * unit), sand, None, edge)
        ripple = self.field(rows, 0.8, 11, 2)
        swell = self.field(rows, 4, 40)[0]
        near = self.depth[rows]
        deep = np.array(rgb(self.deep), f32)[:, None, None] * (0.85 + 0.1 * swell)
        color = self._mirror(rows, top, deep, 0.78 - 0.42 * near, ripple[0])
        color = color * (1 + 0.06 * ripple[0] * (0.4 + near))
        glint = np.clip(ripple[1] - 0.75, 0, 0.5) * (0.25 + 0.5 * near)
        color = color + glint * (self.mood.shining(self.mood.middle)[:, None, None] + 0.25 - color)
        if sun is not None and sun[1] is not None:
            path = np.exp(-(((self.canvas.x - sun[0]) / ((3 + 14 * near) * unit)) ** 2)) * clip01(ripple[1] + 0.25)
            color = color + 0.8 * path * (sun[1][:, None, None] - color)
        shore = np.exp(-np.maximum(y - top, 0) / (1.2 * unit))
        color = color * (1 - 0.35 * shore)
        self._lay(alpha if inside is None else alpha * inside[rows], color, class_id, rows)

    def _mirror(self, rows, top, color, share, ripple=None):
        """color mixed with the reflection of what lies above the curve `top`."""
        height, width = self.canvas.shape
        y = self.canvas.y[rows]
        up = 2 * top - y if ripple is None else 2 * top - y + ripple * (self.unit * (0.6 + 2.4 * self.depth[rows]))
        up = np.clip(up, 0, height - 1).astype(np.intp)
        up = np.minimum(up, np.maximum(top.astype(np.intp) - 1, 0))
        seen = self.canvas.image[:, up, np.arange(width)]
        return color + share * (seen - color)
