"""The variant "street": town, park, river and road in changing light, season and weather, with cars, people and boats."""

import math

import numpy as np

from .drawing.canvas import Canvas, clip01, f32, noise, render
from .drawing.ground import Ground
from .drawing.plants import Plants
from .drawing.sky import rgb, paint_sky, pick, pick_mood
from .drawing.sprites import BOATS, CAR_BACK, CAR_FRONT, CARS, PARTS, PEOPLE, UMBRELLA
from .drawing.town import paint_buildings, paint_skyline
from .generated import Picture

CLASSES = ("sky", "building", "tree", "grass", "road", "water", "car", "person", "boat")
COLORS = (
    (86, 180, 233),
    (153, 112, 96),
    (0, 110, 70),
    (140, 200, 90),
    (110, 110, 118),
    (0, 90, 178),
    (213, 60, 50),
    (240, 200, 60),
    (245, 245, 250),
)
SKY, BUILDING, TREE, GRASS, ROAD, WATER, CAR, PERSON, BOAT = range(9)
THINGS = frozenset({CAR, PERSON, BOAT})
PART_CLASSES = ("no part", *PARTS)
PART_IDS = {name: k for k, name in enumerate(PART_CLASSES)}

PAINT = ("c8392f", "2f5fb3", "e8b730", "e9e9ea", "33373d", "3f8f6a", "dd7a2b", "8796a6", "6b3f86", "58a9bd", "b8bcc0", "7a2230")
CLOTH = ("c8392f", "2f6fb3", "e8b730", "f0eee8", "3a3f4a", "4a9a72", "dd7a2b", "9a5aa0", "6fb1c9", "d98aa0")
LEGS = ("2b3350", "40362f", "6d6f76", "8a724e", "23252b", "4c5d7a")
SKIN = ("f0c8a4", "d9a27a", "b07a54", "85573b", "5f3d2b", "f6d7bd")
HAIR = ("2a1d16", "5a3a22", "8f6a3c", "1b1b1f", "c9a060", "8a8a8c")
CANVAS_WHITE = ("faf6ec", "f3e6cf", "d9553f", "f2c94c", "e9eef2", "3f8f9a")


def draw(rng, height, width, *, zoom=1.0, parts=False) -> Picture:
    """One scene. zoom: size of the things (variant "parts" enlarges them); parts: also draw the part map."""
    return Street(rng, height, width, zoom, parts).picture()


class Street:
    def __init__(self, rng, height, width, zoom, parts):
        self.rng, self.parts, self.zoom = rng, parts, zoom
        self.canvas = Canvas(height, width, parts)
        self.unit = np.sqrt(height * width) / 96
        self.mood = pick_mood(rng)
        self.horizon = height * rng.uniform(0.30, 0.48)
        self.plants = Plants(rng)
        self.layers = []

    def picture(self) -> Picture:
        canvas, rng, mood, unit = self.canvas, self.rng, self.mood, self.unit
        sun_x, sun_color = paint_sky(canvas, rng, mood, self.horizon, unit)
        self.side = float(np.clip(2 * sun_x / canvas.shape[1] - 1, -1, 1)) * (1 if mood.sun else 0.3)
        self.sun = (sun_x, sun_color)
        self.backdrop()
        self.ground = Ground(canvas, rng, mood, self.horizon, unit, self.plants)
        pick(rng, (self.quay, self.quay, self.riverside, self.boulevard, self.lake, self.avenue, self.canal))()
        objects = canvas.compose(self.layers, least=max(8, round(8 * unit)))
        self.weather()
        canvas.image *= np.array(mood.tint, f32)[:, None, None]
        image = canvas.finish(rng)
        return Picture(
            image,
            canvas.semantic,
            canvas.ids,
            tuple(layer.class_id for layer in objects),
            canvas.parts,
        )

    # -------------------------------------------------------------------------------- far away
    def backdrop(self):
        """Skyline, houses and a row of trees on the horizon."""
        rng, canvas, mood, unit, horizon = self.rng, self.canvas, self.mood, self.unit, self.horizon
        width = canvas.shape[1]
        if rng.random() < 0.45:
            hill = np.array(rgb("5d7f63"), f32)
            top = noise(rng, np.zeros(1), width, 30 * unit)[0, 0] * 4 * unit + horizon - rng.uniform(3, 9) * unit
            rows = slice(max(int(top.min()) - 1, 0), int(horizon) + 2)
            far = 0.45 + 0.3 * min(mood.haze, 1)
            color = (hill * (1 - far) + mood.shining(mood.horizon) * far)[:, None, None]
            canvas.cover(clip01(canvas.y[rows] - top + 0.5), color, TREE, rows)
        if rng.random() < 0.6:
            paint_skyline(canvas, rng, mood, horizon, unit, BUILDING)
        town = rng.random()
        if town < 0.85:
            paint_buildings(canvas, rng, mood, horizon, unit, BUILDING, side=self.side, fill=town < 0.5)
        trees = []
        for _ in range(int(rng.integers(2, 9) * width / (96 * unit))):
            tall = rng.uniform(8, 17) * unit
            x, y = rng.uniform(0, width), horizon + rng.uniform(0.6, 2.4) * unit
            tree = self.plants.tree(rng, canvas.shape, x, y, tall, side=self.side, bush=rng.random() < 0.2, class_id=TREE, depth=y)
            trees.append(self.faded(tree, 0.0))
        canvas.compose(trees)

    def faded(self, layer, s):
        """The layer seen through the air at depth s (0 at the horizon, 1 in front)."""
        if layer is not None:
            f = f32(self.mood.haze * 0.5 * np.exp(-s / 0.22))
            if f > 0.02:
                layer.light += f * (layer.cover * self.mood.shining(self.mood.horizon)[:, None, None] - layer.light)
        return layer

    # -------------------------------------------------------------------------------- layouts
    def curve(self, share, slope=0.0, wave=0.0):
        """A height for each column: `share` of the way from the horizon to the lower edge, tilted and gently waving."""
        height, width = self.canvas.shape
        x = self.canvas.x[0]
        y = self.horizon + share * (height - self.horizon) + slope * (x - width / 2)
        if wave:
            y = y + wave * self.unit * noise(self.rng, np.zeros(1), width, 24 * self.unit)[0, 0]
        return np.maximum(y, self.horizon - 0.5).astype(f32)

    def quay(self):
        """Far water, a green bank, a road in front."""
        rng, g = self.rng, self.ground
        slope = rng.uniform(-0.05, 0.05)
        far, near = rng.uniform(0.0, 0.06), rng.uniform(0.28, 0.42)
        road, end = rng.uniform(0.5, 0.58), rng.uniform(0.86, 1.02)
        g.grass(self.curve(0), GRASS, self.curve(far) + 3)
        bank = self.curve(near, slope, 2)
        g.water(self.curve(far), WATER, bank, sun=self.sun)
        g.grass(bank, GRASS)
        self.street(road, end, slope)
        self.boats(far, near, 1, 3)
        self.cars(road, end, slope, 1, 4)
        self.people((near + 0.05, road), (road, road + 0.05), (end - 0.04, end + 0.02), slope=slope)
        self.greens((near + 0.02, road - 0.02), 0.4)

    def riverside(self):
        """A far road, a lawn, water in front."""
        rng, g = self.rng, self.ground
        slope = rng.uniform(-0.06, 0.06)
        road, end = rng.uniform(0.06, 0.13), rng.uniform(0.33, 0.43)
        shore, back = rng.uniform(0.52, 0.62), rng.uniform(0.9, 1.3)
        g.grass(self.curve(0), GRASS, self.curve(shore, slope) + 9 * self.unit)
        self.street(road, end, slope)
        g.water(self.curve(shore, slope, 2.2), WATER, sun=self.sun)
        if back < 1:
            g.grass(self.curve(back, 0, 2), GRASS)
        self.cars(road, end, slope, 1, 4)
        self.boats(shore + 0.1, min(back, 1) - 0.02, 1, 3)
        self.people((end - 0.02, shore - 0.04), (road, road + 0.03), slope=slope)
        self.greens((end + 0.03, shore - 0.04), 0.5)

    def boulevard(self):
        """A broad road with lawns on both sides."""
        rng, g = self.rng, self.ground
        slope = rng.uniform(-0.09, 0.09)
        road, end = rng.uniform(0.16, 0.26), rng.uniform(0.66, 0.8)
        g.grass(self.curve(0), GRASS)
        self.street(road, end, slope, lanes=int(rng.integers(2, 4)))
        self.cars(road, end, slope, 2, 6)
        self.people((road - 0.02, road + 0.04), (end - 0.05, end), (end, 1.0), slope=slope)
        self.greens((0.05, road - 0.03), 0.6)
        self.greens((end + 0.08, 1.05), 0.5)

    def lake(self):
        """Wide water with a lawn in front."""
        rng, g = self.rng, self.ground
        far, shore = rng.uniform(0.02, 0.10), rng.uniform(0.62, 0.82)
        slope = rng.uniform(-0.12, 0.12)
        g.grass(self.curve(0), GRASS, self.curve(far, 0, 2) + 3)
        g.water(self.curve(far, 0, 0.8), WATER, sun=self.sun)
        g.grass(self.curve(shore, slope, 3), GRASS)
        self.boats(far + 0.03, shore - 0.1, 2, 5)
        self.people((shore + 0.06, 0.98), (shore + 0.06, 0.98), slope=slope)
        self.greens((shore + 0.08, 1.05), 0.8)

    def avenue(self):
        """A road towards the horizon."""
        rng, g = self.rng, self.ground
        center, half = self.vanishing(rng.uniform(0.26, 0.4))
        g.grass(self.curve(0), GRASS)
        g.avenue(center, half, ROAD)
        for s in self.steps(1, 5):
            row = self.row(s)
            toward = rng.random() < 0.5
            x = float(center[row, 0] + half[row, 0] * (0.42 if toward else -0.42))
            self.car(x, s, sprite=CAR_FRONT if toward else CAR_BACK, scale=self.perspective(half, row) * 1.2)
        for s in self.steps(0, 4):
            row = self.row(s)
            self.person(float(center[row, 0] + half[row, 0] * rng.choice((-1, 1)) * rng.uniform(0.88, 1.5)), s)
        for s in np.sort(rng.uniform(0.08, 0.8, int(rng.integers(2, 7)))):
            row = self.row(s)
            self.green(float(center[row, 0] + half[row, 0] * rng.choice((-1, 1)) * rng.uniform(1.3, 2.0)), s, 26)

    def canal(self):
        """Water towards the horizon, lawns on both sides, sometimes a road in front."""
        rng, g = self.rng, self.ground
        center, half = self.vanishing(rng.uniform(0.3, 0.5))
        front = rng.uniform(0.66, 0.76) if rng.random() < 0.5 else 1.2
        g.grass(self.curve(0), GRASS)
        inside = clip01(0.5 + half - np.abs(self.canvas.x - center))
        stone = np.array((0.52, 0.49, 0.44), f32)[:, None, None]
        self.canvas.cover(clip01(0.5 + half * 1.05 + 0.8 * self.unit - np.abs(self.canvas.x - center)) * (self.canvas.y > self.horizon), stone)
        g.water(self.curve(0.012), WATER, sun=self.sun, bank=False, inside=inside)
        for s in self.steps(1, 4):
            if s < front - 0.06:
                row = self.row(s)
                self.boat(float(center[row, 0] + half[row, 0] * rng.uniform(-0.5, 0.5)), s, widest=1.3 * float(half[row, 0]))
        if front < 1:
            self.street(front, front + 0.3, 0)
            self.cars(front, front + 0.3, 0, 1, 3)
        for s in self.steps(1, 4):
            row = self.row(min(s, front))
            self.person(float(center[row, 0] + rng.choice((-1, 1)) * (half[row, 0] + rng.uniform(2, 12) * self.unit)), min(s, front))
        for s in np.sort(rng.uniform(0.06, min(front - 0.05, 0.8), int(rng.integers(2, 6)))):
            row = self.row(s)
            self.green(float(center[row, 0] + rng.choice((-1, 1)) * (half[row, 0] + rng.uniform(5, 22) * self.unit)), s, 24)

    # -------------------------------------------------------------------------------- geometry
    def vanishing(self, wide):
        """Centre and half width of each row (H, 1) of a lane towards a point on the horizon."""
        rng, (height, width) = self.rng, self.canvas.shape
        s = (self.canvas.y - self.horizon) / (height - self.horizon)
        start, bend = rng.uniform(0.35, 0.65) * width, rng.uniform(-0.18, 0.18) * width
        foot = rng.uniform(0.3, 0.7) * width
        center = start + (foot - start) * s + bend * s * (1 - s) * 1.5
        return center.astype(f32), (np.maximum(s, 0) * wide * 96 * self.unit + 0.4).astype(f32)

    def row(self, s):
        return int(np.clip(self.horizon + s * (self.canvas.shape[0] - self.horizon), 0, self.canvas.shape[0] - 1))

    def perspective(self, half, row):
        return float(half[row, 0]) / (0.33 * 96 * self.unit)

    def steps(self, least, most):
        """Some depths, from far to near."""
        return np.sort(self.rng.uniform(0.1, 1.0, self.many(least, most)))

    def many(self, least, most):
        """How many things: more where the picture is long, fewer where things are enlarged."""
        height, width = self.canvas.shape
        n = self.rng.integers(least, most + 1) * max(1.0, 0.6 * max(width / height, 1)) / self.zoom
        return max(round(n), min(least, 1))

    def scale(self, s):
        return self.unit * self.zoom * (0.42 + 0.85 * s) * self.rng.uniform(0.92, 1.12)

    def point(self, share, x, slope=0.0):
        """The row of a point `share` of the way down at column x, and its depth there."""
        height, width = self.canvas.shape
        y = self.horizon + share * (height - self.horizon) + slope * (x - width / 2)
        return y, (y - self.horizon) / (height - self.horizon)

    # -------------------------------------------------------------------------------- things
    def street(self, road, end, slope, lanes=2):
        self.ground.road(self.curve(road, slope), self.curve(end, slope), ROAD, lanes=lanes)

    def cars(self, road, end, slope, least, most):
        rng, width = self.rng, self.canvas.shape[1]
        n = self.many(least, most)
        lane_of = rng.random(n) < 0.5
        drive = 1 if rng.random() < 0.5 else -1
        for far in (True, False):
            count = int(np.sum(lane_of == far))
            for k in range(count):
                x = (k + rng.uniform(0.1, 0.9)) * width / count
                share = road + (end - road) * ((0.40 if far else 0.80) + rng.uniform(-0.04, 0.04))
                y, s = self.point(share, x, slope)
                self.car(x, s, y=y, flip=drive if far else -drive)

    def car(self, x, s, *, y=None, flip=1, sprite=None, scale=None):
        rng, mood = self.rng, self.mood
        y = self.row(s) if y is None else y
        length = 1.0
        if sprite is None:
            at = rng.random()
            for sprite, share, length in CARS:  # noqa: B007
                at -= share
                if at < 0:
                    break
        size = 26 * (self.scale(s) if scale is None else scale * self.unit * self.zoom) * length
        if size < 5 * self.unit:
            return
        dim = 1 - 0.45 * mood.night
        lamp = mood.shining((1, 0.95, 0.75)) if mood.night or mood.haze > 0.4 else np.array((0.98, 0.95, 0.8), f32)
        brake = mood.shining((0.95, 0.12, 0.08)) if mood.night else np.array((0.8, 0.12, 0.1), f32)
        palette = {
            "body": np.array(rgb(pick(rng, PAINT)), f32),
            "glass": 0.16 + 0.25 * mood.shining(mood.middle) * dim,
            "dark": (0.13, 0.13, 0.15),
            "tyre": (0.09, 0.09, 0.10),
            "rim": (0.68, 0.69, 0.71),
            "white": (0.94, 0.94, 0.93),
            "cargo": rgb(pick(rng, ("e8e6df", "c9ccd0", "d9c9a5"))),
            "lamp": lamp,
            "brake": brake,
        }
        side_view = sprite not in (CAR_FRONT, CAR_BACK)
        reach = 0.52 * size if side_view else 0.26 * size
        before = [lambda c: c.shade(x - self.side * 0.08 * size, y + 0.01 * size, reach, 0.075 * size + 0.6, 1.5 * mood.shadow)]
        if mood.night and sprite is not CAR_BACK:
            before.append(lambda c: self.beam(x, y, size, flip if side_view else 0))
        self.thing(sprite, x, y, s, size, palette, CAR, flip=flip, before=before)

    def beam(self, x, y, size, ahead):
        """Headlights on the ground: ahead = 1 or -1 to the right or left, 0 towards the viewer."""
        warm = np.array((1.0, 0.92, 0.7), f32) * f32(self.mood.night)
        for reach, light in ((0.75, 0.8), (0.4, 1.2)):
            if ahead:
                self.canvas.shade(x + ahead * (0.46 + 0.8 * reach) * size, y, reach * size, 0.10 * size + 0.5, -light * warm)
            else:
                self.canvas.shade(x, y + 0.18 * reach * size, 0.5 * reach * size, 0.28 * reach * size, -light * warm)

    def people(self, *bands, slope=0.0):
        """Groups of one to three people in some of the bands (least, most) of depth."""
        rng, width = self.rng, self.canvas.shape[1]
        for _ in range(self.many(0, 3)):
            low, high = pick(rng, bands)
            x, share = rng.uniform(0.03, 0.97) * width, rng.uniform(low, high)
            for _ in range(int(rng.choice((1, 1, 2, 3)))):
                y, s = self.point(share + rng.uniform(-0.015, 0.015), x, slope)
                self.person(x, s, y=y)
                x += rng.choice((-1, 1)) * rng.uniform(4, 8) * self.scale(share)

    def person(self, x, s, *, y=None):
        rng, mood = self.rng, self.mood
        y = self.row(s) if y is None else y
        size = 16.5 * self.scale(s) * (0.68 if rng.random() < 0.12 else 1)
        sprite = UMBRELLA if mood.rain and rng.random() < 0.65 else pick(rng, PEOPLE)
        palette = {
            "top": rgb(pick(rng, CLOTH)),
            "bottom": rgb(pick(rng, LEGS)),
            "skin": rgb(pick(rng, SKIN)),
            "hair": rgb(pick(rng, HAIR)),
            "shoe": rgb(pick(rng, ("1d1a19", "4a3527", "8c8c90"))),
            "umbrella": rgb(pick(rng, CLOTH)),
        }
        before = [lambda c: c.shade(x - self.side * 0.16 * size, y, 0.26 * size, 0.055 * size + 0.5, 1.3 * mood.shadow)]
        self.thing(sprite, x, y, s, size, palette, PERSON, flip=1 if rng.random() < 0.5 else -1, stretch=rng.uniform(0.92, 1.15), before=before)

    def boats(self, low, high, least, most):
        rng, width = self.rng, self.canvas.shape[1]
        n = self.many(least, most)
        for k in rng.permutation(n):
            x = (k + rng.uniform(0.1, 0.9)) * width / n
            self.boat(x, rng.uniform(low, high))

    def boat(self, x, s, widest=math.inf):
        rng = self.rng
        at = rng.random()
        for sprite, share, length in BOATS:  # noqa: B007
            at -= share
            if at < 0:
                break
        size, y = min(21 * self.scale(s) * length, widest), self.row(s)
        sail = np.array(rgb(pick(rng, CANVAS_WHITE)), f32)
        palette = {
            "hull": rgb(pick(rng, PAINT)),
            "trim": rgb(pick(rng, ("f2efe6", "e9e2d0", "c8392f"))),
            "white": (0.95, 0.95, 0.94),
            "sail": sail,
            "jib": sail * 0.96,
            "wood": (0.45, 0.31, 0.2),
            "glass": self.mood.shining((0.95, 0.82, 0.5)) if self.mood.night else (0.22, 0.33, 0.42),
            "dark": (0.14, 0.14, 0.16),
        }
        flip = 1 if rng.random() < 0.5 else -1
        before = [lambda c: c.mirror(sprite, x, y, size, palette, flip, 0.45)]
        self.thing(sprite, x, y, s, size, palette, BOAT, flip=flip, before=before)

    def thing(self, sprite, x, y, s, size, palette, class_id, **options):
        part_ids = PART_IDS if self.parts else None
        layer = render(sprite, self.canvas.shape, x, y, size, palette, side=0.35 * self.side, part_ids=part_ids, class_id=class_id, thing=True, depth=y, **options)
        if layer is not None:
            self.layers.append(self.faded(layer, s))

    def greens(self, band, chance):
        """Now and then a few trees or bushes in a band of depth."""
        rng, width = self.rng, self.canvas.shape[1]
        if band[0] < band[1] and rng.random() < chance:
            for _ in range(self.many(1, 3)):
                self.green(rng.uniform(0, width), rng.uniform(*band), 27)

    def green(self, x, s, tall):
        rng = self.rng
        bush = rng.random() < 0.3
        size = (9 if bush else tall) * self.unit * (0.42 + 0.85 * s) * rng.uniform(0.8, 1.15)
        y = self.row(s) if s <= 1 else self.horizon + s * (self.canvas.shape[0] - self.horizon)
        before = [lambda c: c.shade(x - self.side * 0.2 * size, y, 0.33 * size, 0.07 * size + 0.5, 1.1 * self.mood.shadow)]
        tree = self.plants.tree(rng, self.canvas.shape, x, y, size, side=self.side, bush=bush, class_id=TREE, depth=y, before=before)
        self.layers.append(self.faded(tree, s))

    # -------------------------------------------------------------------------------- in front of everything
    def weather(self):
        """Falling rain."""
        if self.mood.rain:
            canvas, unit = self.canvas, self.unit
            streaks = noise(self.rng, canvas.y[:, 0] / (6 * unit), canvas.shape[1], 0.9 * unit)[0]
            fall = np.clip(streaks - 1.05, 0, 0.6) * 0.5
            canvas.image += fall * (self.mood.shining((0.8, 0.84, 0.88))[:, None, None] - canvas.image)
