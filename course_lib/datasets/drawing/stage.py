"""A stage with depth: puts single cars, people, boats and trees on a canvas, in the light of its mood."""

import math

import numpy as np

from .boats import BOATS
from .canvas import Canvas, f32
from .cars import CAR_BACK, CAR_FRONT, CARS
from .people import PEOPLE, UMBRELLA
from .plants import Plants
from .sky import pick, rgb
from .sprites import mirror, render

PART_CLASSES = (
    "no part",
    *("car body", "car window", "car wheel", "car light"),
    *("head", "torso", "legs"),
    *("hull", "cabin", "mast", "sail"),
)
"""What the variant "parts" tells apart; each part belongs to one class."""
PART_IDS = {name: k for k, name in enumerate(PART_CLASSES)} | {"": 0}

PAINT = tuple("c8392f 2f5fb3 e8b730 e9e9ea 33373d 3f8f6a dd7a2b 8796a6 6b3f86 58a9bd b8bcc0 7a2230".split())
CLOTH = tuple("c8392f 2f6fb3 e8b730 f0eee8 3a3f4a 4a9a72 dd7a2b 9a5aa0 6fb1c9 d98aa0".split())
TROUSERS = tuple("2b3350 40362f 6d6f76 8a724e 23252b 4c5d7a".split())
SHOES = ("1d1a19", "4a3527", "8c8c90")
SKIN = tuple("f0c8a4 d9a27a b07a54 85573b 5f3d2b f6d7bd".split())
HAIR = tuple("2a1d16 5a3a22 8f6a3c 1b1b1f c9a060 8a8a8c".split())
SAILS = tuple("faf6ec f3e6cf d9553f f2c94c e9eef2 3f8f9a".split())
CARGO = ("e8e6df", "c9ccd0", "d9c9a5")
CAR_PLAIN = {
    "dark": (0.13, 0.13, 0.15),
    "tire": (0.09, 0.09, 0.10),
    "rim": (0.68, 0.69, 0.71),
    "white": (0.94, 0.94, 0.93),
}
BOAT_PLAIN = {"dark": (0.14, 0.14, 0.16), "wood": (0.45, 0.31, 0.20), "white": (0.95, 0.95, 0.94)}


def by_share(rng, table):
    """One row (item, share, ...) of a table whose shares sum to 1."""
    at = rng.random()
    for row in table:
        at -= row[1]
        if at < 0:
            break
    return row


class Stage:
    """Depth s runs from 0 at the horizon to 1 at the lower edge; a thing's size grows with it.

    unit: pixels per design unit (a picture of 96 x 96 has 1); side: -1 ... 1, where the light comes from; zoom enlarges things.
    Class ids of what is placed come from the caller.
    """

    def __init__(self, rng, canvas: Canvas, mood, horizon, unit, *, zoom=1.0):
        self.rng, self.canvas, self.mood, self.horizon, self.unit, self.zoom = rng, canvas, mood, horizon, unit, zoom
        self.plants = Plants(rng)
        self.side = 0.0
        self.layers = []

    # -------------------------------------------------------------------------------- geometry
    def row(self, s):
        """The picture row of depth s, inside the picture."""
        height = self.canvas.shape[0]
        return int(min(max(self.horizon + s * (height - self.horizon), 0), height - 1))

    def point(self, share, x, slope=0.0):
        """(row, depth) at column x of a line that crosses the middle `share` of the way down and falls by `slope`."""
        height, width = self.canvas.shape
        y = self.horizon + share * (height - self.horizon) + slope * (x - width / 2)
        return y, (y - self.horizon) / (height - self.horizon)

    def many(self, least, most):
        """How many things: more where the picture is wide, fewer where things are enlarged."""
        height, width = self.canvas.shape
        n = self.rng.integers(least, most + 1) * max(1.0, 0.6 * width / height) / self.zoom
        return max(round(n), min(least, 1))

    def depths(self, least, most):
        return np.sort(self.rng.uniform(0.1, 1.0, self.many(least, most)))

    def scale(self, s):
        return self.unit * self.zoom * (0.42 + 0.85 * s) * self.rng.uniform(0.92, 1.12)

    def faded(self, layer, s):
        """The layer seen through the air at depth s."""
        if layer is not None and s < 1:
            f = f32(self.mood.haze * 0.5 * math.exp(-max(s, 0) / 0.22))
            if f > 0.02:
                layer.light += f * (layer.cover * self.mood.shining(self.mood.horizon)[:, None, None] - layer.light)
        return layer

    def thing(self, sprite, x, y, s, size, palette, class_id, **options):
        part_ids = PART_IDS if self.canvas.parts is not None else None
        options |= {"part_ids": part_ids, "class_id": class_id, "thing": True, "depth": y, "side": 0.35 * self.side}
        layer = render(sprite, self.canvas.shape, x, y, size, palette, **options)
        if layer is not None:
            self.layers.append(self.faded(layer, s))

    def shadow(self, x, y, rx, ry, lean, strength):
        """A shadow on the ground, to be painted before its thing; lean: how far it falls to the side."""
        return lambda canvas: canvas.shade(x - self.side * lean, y, rx, ry, strength * self.mood.shadow)

    # -------------------------------------------------------------------------------- things
    def car(self, class_id, x, s, *, y=None, flip=1, end_view=None, size=None):
        """A car on row y (default: of depth s). end_view: "front" or "back" instead of a side; size: pixels per car length."""
        rng, mood = self.rng, self.mood
        y = self.row(s) if y is None else y
        sprite, _, length = by_share(rng, CARS)
        if end_view:
            sprite, length = (CAR_FRONT if end_view == "front" else CAR_BACK), 1.0
        size = (26 * self.scale(s) if size is None else size) * length
        if size < 5 * self.unit:
            return
        shines = mood.night or mood.rain or mood.haze > 1
        palette = CAR_PLAIN | {
            "body": rgb(pick(rng, PAINT)),
            "glass": 0.16 + 0.25 * mood.shining(mood.middle) * (1 - 0.45 * mood.night),
            "cargo": rgb(pick(rng, CARGO)),
            "lamp": mood.shining((1.0, 0.95, 0.75)) if shines else (0.98, 0.95, 0.80),
            "brake": mood.shining((0.95, 0.12, 0.08)) if shines else (0.80, 0.12, 0.10),
        }
        before = [
            self.shadow(x, y + 0.01 * size, (0.26 if end_view else 0.52) * size, 0.075 * size + 0.6, 0.08 * size, 1.5)
        ]
        if mood.night and end_view != "back":
            before.append(lambda canvas: self.beam(x, y, size, 0 if end_view else flip))
        self.thing(sprite, x, y, s, size, palette, class_id, flip=flip, before=before)

    def beam(self, x, y, size, ahead):
        """Headlights on the ground: ahead = 1 or -1 to the right or left, 0 towards the viewer."""
        warm = np.array((1.0, 0.92, 0.7), f32) * f32(self.mood.night)
        for reach, light in ((0.75, 0.8), (0.4, 1.2)):
            if ahead:
                self.canvas.shade(
                    x + ahead * (0.46 + 0.8 * reach) * size, y, reach * size, 0.10 * size + 0.5, -light * warm
                )
            else:
                self.canvas.shade(x, y + 0.18 * reach * size, 0.5 * reach * size, 0.28 * reach * size, -light * warm)

    def person(self, class_id, x, s, *, y=None):
        rng = self.rng
        y = self.row(s) if y is None else y
        size = 16.5 * self.scale(s) * (0.68 if rng.random() < 0.12 else 1)
        sprite = UMBRELLA if self.mood.rain and rng.random() < 0.65 else pick(rng, PEOPLE)
        slots = {"top": CLOTH, "bottom": TROUSERS, "skin": SKIN, "hair": HAIR, "shoe": SHOES, "umbrella": CLOTH}
        palette = {slot: rgb(pick(rng, colors)) for slot, colors in slots.items()}
        before = [self.shadow(x, y, 0.26 * size, 0.055 * size + 0.5, 0.16 * size, 1.3)]
        flip = 1 if rng.random() < 0.5 else -1
        self.thing(sprite, x, y, s, size, palette, class_id, flip=flip, stretch=pick(rng, (0.95, 1.1)), before=before)

    def boat(self, class_id, x, s, widest=math.inf):
        rng, y = self.rng, self.row(s)
        sprite, _, length = by_share(rng, BOATS)
        size = min(21 * self.scale(s) * length, widest)
        sail = np.array(rgb(pick(rng, SAILS)), f32)
        palette = BOAT_PLAIN | {
            "hull": rgb(pick(rng, PAINT)),
            "trim": rgb(pick(rng, ("f2efe6", "e9e2d0", "c8392f"))),
            "sail": sail,
            "jib": 0.96 * sail,
            "glass": self.mood.shining((0.95, 0.82, 0.5)) if self.mood.night else (0.22, 0.33, 0.42),
        }
        flip = 1 if rng.random() < 0.5 else -1
        before = [lambda canvas: mirror(canvas, sprite, x, y, size, palette, flip, 0.45)]
        self.thing(sprite, x, y, s, size, palette, class_id, flip=flip, before=before)

    def tree(self, class_id, x, s, tall):
        """A tree, `tall` units high in front, or a bush a third as high."""
        rng = self.rng
        bush = rng.random() < 0.3
        size = (0.36 if bush else 1) * tall * self.unit * (0.42 + 0.85 * s) * rng.uniform(0.8, 1.15)
        y = self.horizon + s * (self.canvas.shape[0] - self.horizon)
        before = [self.shadow(x, y, 0.33 * size, 0.07 * size + 0.5, 0.2 * size, 1.1)]
        about = {"class_id": class_id, "depth": y, "before": before}
        self.layers.append(
            self.faded(self.plants.tree(rng, self.canvas.shape, x, y, size, side=self.side, bush=bush, **about), s)
        )
