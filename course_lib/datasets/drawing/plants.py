"""Trees and bushes: a trunk and a crown of overlapping balls, each lit from above and from the sun's side."""

import numpy as np

from .canvas import f32
from .sky import pick, rgb
from .sprites import Sprite, oval, poly, rbox, render

SUMMER = ("3f7a3a", "4f8a3c", "2f6b40", "5f9446", "3b7050")
AUTUMN = ("c9772b", "b8502a", "d9a23a", "8f8a3a", "a8452c")
SPRING = ("5f9a4a", "77a850", "e0a8b8", "88b05c")
FIR = ("2c5c48", "2f5540", "38664a")


def _crown(rng, n):
    """n balls around (0, -0.62), radius 0.34 in all; the outer ones first, then lighter ones nearer to the light."""
    shapes = []
    for i in range(n):
        angle, reach = 2.4 * i + rng.uniform(0, 0.6), 0.21 * np.sqrt((i + 0.5) / n) / 0.9
        cx, cy, r = reach * np.cos(angle) * 1.15, -0.62 + reach * np.sin(angle), rng.uniform(0.13, 0.18)
        shapes.append((cy, oval("leaf", cx, cy, r, r * 0.95, top=1.28 - 0.5 * (cy + 0.85), bottom=0.62)))
    balls = [s for _, s in sorted(shapes, key=lambda pair: -pair[0])]
    return [oval("leaf", 0, -0.6, 0.27, 0.26, top=0.85, bottom=0.55), *balls]


def _broadleaf(seed):
    rng = np.random.default_rng(seed)
    trunk = poly("bark", (-0.035, -0.5), (0.035, -0.5), (0.05, 0.0), (-0.05, 0.0), top=0.7, bottom=1.0)
    return Sprite(trunk, *_crown(rng, 10))


def _conifer(tiers):
    shapes = [rbox("bark", 0, -0.06, 0.03, 0.07, top=0.7, bottom=0.9)]
    for i in range(tiers):
        base, width = -0.08 - 0.8 * i / tiers, 0.27 * (1 - 0.75 * i / tiers)
        shapes.append(poly("fir", (-width, base), (0, base - 0.42 + 0.05 * i), (width, base), top=1.25, bottom=0.72))
    return Sprite(*shapes)


BROADLEAF = tuple(_broadleaf(seed) for seed in range(6))
CONIFER = (_conifer(3), _conifer(4))
POPLAR = Sprite(
    rbox("bark", 0, -0.08, 0.025, 0.09, top=0.7, bottom=0.9),
    oval("leaf", 0, -0.5, 0.14, 0.44, top=1.1, bottom=0.6),
    oval("leaf", -0.02, -0.62, 0.10, 0.33, top=1.25, bottom=0.8),
    oval("leaf", 0.05, -0.4, 0.08, 0.22, top=1.1, bottom=0.75),
)
BUSH = Sprite(
    oval("leaf", -0.26, -0.20, 0.24, 0.22, top=1.05, bottom=0.6),
    oval("leaf", 0.27, -0.18, 0.22, 0.20, top=1.0, bottom=0.6),
    oval("leaf", 0.02, -0.28, 0.30, 0.28, top=1.2, bottom=0.65),
)


class Plants:
    """The vegetation of one scene: one season, one dominant kind of tree."""

    def __init__(self, rng):
        season = rng.random()
        self.autumn = season > 0.78
        self.leaves = AUTUMN if self.autumn else SPRING if season > 0.66 else SUMMER
        kind = rng.random()
        self.sprites = CONIFER if kind < 0.2 else (POPLAR,) if kind < 0.32 else BROADLEAF
        self.mixed = rng.random() < 0.3

    def palette(self, rng):
        leaf = np.array(rgb(pick(rng, self.leaves)), f32) * f32(rng.uniform(0.9, 1.12))
        return {
            "leaf": leaf,
            "fir": np.array(rgb(pick(rng, FIR)), f32),
            "bark": np.array((0.36, 0.27, 0.2), f32),
        }

    def tree(self, rng, shape, x, y, tall, *, side=0.0, bush=False, **about):
        """A tree `tall` pixels high with its foot at (x, y)."""
        sprites = BROADLEAF if self.mixed and rng.random() < 0.5 else self.sprites
        sprite = BUSH if bush else pick(rng, sprites)
        stretch = 0.92 if rng.random() < 0.5 else 1.08
        return render(sprite, shape, x, y, tall, self.palette(rng), stretch=stretch, side=0.9 * side, **about)
