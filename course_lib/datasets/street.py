"""The variants "street" and "parts": town, park, river and road in changing light, season and weather; cars, people, boats.

"parts" shows the same world from nearer, with a map of the parts that things are made of.
"""

import numpy as np

from .drawing.canvas import Canvas, clip01, f32, noise
from .drawing.ground import Ground
from .drawing.sky import paint_sky, pick, pick_mood, rgb
from .drawing.stage import Stage
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
PARTS_ZOOM = 1.9


def draw(rng, height, width) -> Picture:
    """One scene of the variant "street"."""
    return Street(rng, height, width).picture()


def draw_parts(rng, height, width) -> Picture:
    """One scene with fewer and larger things and the map of their parts."""
    return Street(rng, height, width, zoom=PARTS_ZOOM, parts=True).picture()


class Street(Stage):
    def __init__(self, rng, height, width, *, zoom=1.0, parts=False):
        mood = pick_mood(rng)
        canvas, unit = Canvas(height, width, parts), np.sqrt(height * width) / 96
        super().__init__(rng, canvas, mood, height * rng.uniform(0.30, 0.48), unit, zoom=zoom)

    def picture(self) -> Picture:
        canvas, rng, mood = self.canvas, self.rng, self.mood
        sun_x, sun_color = paint_sky(canvas, rng, mood, self.horizon, self.unit, SKY)
        self.side = min(max(2 * sun_x / canvas.shape[1] - 1, -1), 1) * (1 if mood.sun else 0.3)
        self.sun = sun_x, sun_color
        self.backdrop()
        self.ground = Ground(canvas, rng, mood, self.horizon, self.unit, self.plants)
        pick(rng, (self.quay, self.quay, self.riverside, self.boulevard, self.lake, self.avenue, self.canal))()
        objects = canvas.compose(self.layers, least=max(8, round(8 * self.unit)))
        if mood.rain:
            self.rainfall()
        canvas.image *= np.array(mood.tint, f32)[:, None, None]
        return Picture(
            canvas.finish(rng), canvas.semantic, canvas.ids, tuple(o.class_id for o in objects), canvas.parts
        )

    # -------------------------------------------------------------------------------- behind and in front of everything
    def backdrop(self):
        """Hills, a far skyline, houses and a row of trees on the horizon."""
        rng, canvas, mood, unit, horizon = self.rng, self.canvas, self.mood, self.unit, self.horizon
        width = canvas.shape[1]
        if rng.random() < 0.45:
            top = horizon - rng.uniform(3, 9) * unit + 4 * unit * noise(rng, np.zeros(1), width, 30 * unit)[0, 0]
            rows = slice(max(int(top.min()) - 1, 0), int(horizon) + 2)
            far = 0.45 + 0.3 * min(mood.haze, 1)
            color = np.array(rgb("5d7f63"), f32) * (1 - far) + mood.shining(mood.horizon) * far
            canvas.cover(clip01(canvas.y[rows] - top + 0.5), color[:, None, None], TREE, rows)
        if rng.random() < 0.6:
            paint_skyline(canvas, rng, mood, horizon, unit, BUILDING)
        town = rng.random()
        if town < 0.85:
            paint_buildings(canvas, rng, mood, horizon, unit, BUILDING, side=self.side, fill=town < 0.5)
        trees = []
        for _ in range(int(rng.integers(2, 9) * width / (96 * unit))):
            x, y, tall = rng.uniform(0, width), horizon + rng.uniform(0.6, 2.4) * unit, rng.uniform(8, 17) * unit
            about = {"side": self.side, "bush": rng.random() < 0.2, "class_id": TREE, "depth": y}
            trees.append(self.faded(self.plants.tree(rng, canvas.shape, x, y, tall, **about), 0))
        canvas.compose(trees)

    def rainfall(self):
        canvas, unit = self.canvas, self.unit
        streaks = noise(self.rng, canvas.y[:, 0] / (8 * unit), canvas.shape[1], 0.6 * unit)[0]
        fall = np.clip(streaks - 1.1, 0, 0.35) * 0.8
        canvas.image += fall * (self.mood.shining((0.8, 0.84, 0.88))[:, None, None] - canvas.image)

    # -------------------------------------------------------------------------------- layouts
    def quay(self):
        """Far water, a green bank, a road in front."""
        rng, g = self.rng, self.ground
        slope = rng.uniform(-0.05, 0.05)
        far, near = rng.uniform(0.0, 0.06), rng.uniform(0.28, 0.42)
        road, end = rng.uniform(0.5, 0.58), rng.uniform(0.86, 1.02)
        shore, bank = self.curve(far), self.curve(near, slope, 2)
        g.grass(self.curve(0), GRASS, shore + 3)
        g.water(shore, WATER, bank, sun=self.sun)
        g.grass(bank, GRASS)
        self.road(road, end, slope)
        self.boats(far, near, 1, 3)
        self.cars(road, end, slope, 1, 4)
        self.people((near + 0.05, road), (road, road + 0.05), (end - 0.04, end + 0.02), slope=slope)
        self.trees((near + 0.02, road - 0.02), 0.4)

    def riverside(self):
        """A far road, a lawn, water in front."""
        rng, g = self.rng, self.ground
        slope = rng.uniform(-0.06, 0.06)
        road, end = rng.uniform(0.06, 0.13), rng.uniform(0.33, 0.43)
        shore, back = rng.uniform(0.52, 0.62), rng.uniform(0.9, 1.3)
        bank = self.curve(shore, slope, 2.2)
        g.grass(self.curve(0), GRASS, bank + 3)
        self.road(road, end, slope)
        g.water(bank, WATER, sun=self.sun)
        if back < 1:
            g.grass(self.curve(back, 0, 2), GRASS)
        self.cars(road, end, slope, 1, 4)
        self.boats(shore + 0.1, min(back, 1) - 0.02, 1, 3)
        self.people((end - 0.02, shore - 0.04), (road, road + 0.03), slope=slope)
        self.trees((end + 0.03, shore - 0.04), 0.5)

    def boulevard(self):
        """A broad road with lawns on both sides."""
        rng = self.rng
        slope = rng.uniform(-0.09, 0.09)
        road, end = rng.uniform(0.16, 0.26), rng.uniform(0.66, 0.8)
        self.ground.grass(self.curve(0), GRASS)
        self.road(road, end, slope, lanes=int(rng.integers(2, 4)))
        self.cars(road, end, slope, 2, 6)
        self.people((road - 0.02, road + 0.04), (end - 0.05, end), (end, 1.0), slope=slope)
        self.trees((0.05, road - 0.03), 0.6)
        self.trees((end + 0.08, 1.05), 0.5)

    def lake(self):
        """Wide water with a lawn in front."""
        rng, g = self.rng, self.ground
        far, shore, slope = rng.uniform(0.02, 0.10), rng.uniform(0.62, 0.82), rng.uniform(-0.12, 0.12)
        bank = self.curve(far, 0, 0.8)
        g.grass(self.curve(0), GRASS, bank + 3)
        g.water(bank, WATER, sun=self.sun)
        g.grass(self.curve(shore, slope, 3), GRASS)
        self.boats(far + 0.03, shore - 0.1, 2, 5)
        self.people((shore + 0.06, 0.98), slope=slope)
        self.trees((shore + 0.08, 1.05), 0.8)

    def avenue(self):
        """A road that runs away from the viewer."""
        rng = self.rng
        center, half = self.vanishing(rng.uniform(0.26, 0.4))
        self.ground.grass(self.curve(0), GRASS)
        self.ground.avenue(center, half, ROAD)
        for s in self.depths(1, 5):
            row, toward = self.row(s), rng.random() < 0.5
            x, size = center[row] + half[row] * (0.42 if toward else -0.42), 0.98 * self.zoom * half[row]
            self.car(CAR, float(x), s, end_view="front" if toward else "back", size=float(size))
        for s in self.depths(0, 4):
            row = self.row(s)
            self.person(PERSON, float(center[row] + half[row] * rng.choice((-1, 1)) * rng.uniform(0.88, 1.5)), s)
        for s in self.depths(2, 6):
            row = self.row(0.85 * s)
            self.tree(TREE, float(center[row] + half[row] * rng.choice((-1, 1)) * rng.uniform(1.3, 2.0)), 0.85 * s, 26)

    def canal(self):
        """Water that runs away from the viewer between lawns, sometimes with a road in front."""
        rng, canvas, unit = self.rng, self.canvas, self.unit
        center, half = self.vanishing(rng.uniform(0.3, 0.5))
        front = rng.uniform(0.66, 0.76) if rng.random() < 0.5 else 1.2
        self.ground.grass(self.curve(0), GRASS)
        aside = np.abs(canvas.x - center[:, None])
        stone = np.array((0.52, 0.49, 0.44), f32)[:, None, None]
        canvas.cover(clip01(0.5 + 1.05 * half[:, None] + 0.8 * unit - aside) * (canvas.y > self.horizon), stone)
        self.ground.water(
            self.curve(0.012), WATER, sun=self.sun, bank=False, inside=clip01(0.5 + half[:, None] - aside)
        )
        for s in self.depths(1, 4):
            row = self.row(s)
            if s < front - 0.06:
                x = center[row] + half[row] * rng.uniform(-0.5, 0.5)
                self.boat(BOAT, float(x), s, widest=1.3 * float(half[row]))
        if front < 1:
            self.road(front, front + 0.3, 0)
            self.cars(front, front + 0.3, 0, 1, 3)
        for s in np.minimum(self.depths(1, 4), front):
            row = self.row(s)
            self.person(PERSON, float(center[row] + rng.choice((-1, 1)) * (half[row] + rng.uniform(2, 12) * unit)), s)
        for s in np.minimum(0.85 * self.depths(2, 5), front - 0.05):
            row = self.row(s)
            self.tree(TREE, float(center[row] + rng.choice((-1, 1)) * (half[row] + rng.uniform(5, 22) * unit)), s, 24)

    # -------------------------------------------------------------------------------- lines and lanes
    def curve(self, share, slope=0.0, wave=0.0):
        """A height for each column: `share` of the way from the horizon to the lower edge, tilted and gently waving."""
        y, _ = self.point(share, self.canvas.x[0], slope)
        if wave:
            y = y + wave * self.unit * noise(self.rng, np.zeros(1), self.canvas.shape[1], 24 * self.unit)[0, 0]
        return np.maximum(y, self.horizon - 0.5).astype(f32)

    def vanishing(self, wide):
        """Center and half width, in pixels per picture row (H,), of a lane towards a point on the horizon."""
        rng, (height, width) = self.rng, self.canvas.shape
        s = (self.canvas.y[:, 0] - self.horizon) / (height - self.horizon)
        start, foot, bend = rng.uniform(0.35, 0.65), rng.uniform(0.3, 0.7), rng.uniform(-0.27, 0.27)
        center = width * (start + (foot - start) * s + bend * s * (1 - s))
        return center.astype(f32), (np.maximum(s, 0) * wide * 96 * self.unit + 0.4).astype(f32)

    def road(self, road, end, slope, lanes=2):
        self.ground.road(self.curve(road, slope), self.curve(end, slope), ROAD, lanes=lanes)

    def cars(self, road, end, slope, least, most):
        """Cars in the two directions of a road, spread along it."""
        rng, width = self.rng, self.canvas.shape[1]
        lane = rng.random(self.many(least, most)) < 0.5
        drive = 1 if rng.random() < 0.5 else -1
        for far in (True, False):
            count = int(np.sum(lane == far))
            for k in range(count):
                x = (k + rng.uniform(0.1, 0.9)) * width / count
                share = road + (end - road) * ((0.40 if far else 0.80) + rng.uniform(-0.04, 0.04))
                y, s = self.point(share, x, slope)
                self.car(CAR, x, s, y=y, flip=drive if far else -drive)

    def people(self, *bands, slope=0.0):
        """Groups of one to three people, each in one of the bands (least, most) of depth."""
        rng, width = self.rng, self.canvas.shape[1]
        for _ in range(self.many(0, 3)):
            low, high = pick(rng, bands)
            x, share = rng.uniform(0.03, 0.97) * width, rng.uniform(low, high)
            for _ in range(pick(rng, (1, 1, 2, 3))):
                y, s = self.point(share + rng.uniform(-0.015, 0.015), x, slope)
                self.person(PERSON, x, s, y=y)
                x += pick(rng, (-1, 1)) * rng.uniform(4, 8) * self.scale(share)

    def boats(self, low, high, least, most):
        rng, width = self.rng, self.canvas.shape[1]
        n = self.many(least, most)
        for k in range(n):
            self.boat(BOAT, (k + rng.uniform(0.1, 0.9)) * width / n, rng.uniform(low, high))

    def trees(self, band, chance):
        """Now and then a few trees or bushes in a band of depth."""
        rng, width = self.rng, self.canvas.shape[1]
        if band[0] < band[1] and rng.random() < chance:
            for _ in range(self.many(1, 3)):
                self.tree(TREE, rng.uniform(0, width), rng.uniform(*band), 27)
