"""The variants "context" and "mosaic": one amphibious vehicle that is a car among houses and a boat in a harbor.

Everything below the horizon - light, wet ground, vehicles - is the same to the last bit whichever world is drawn: the two differ
only in what stands on the horizon. So a network can name a vehicle only if it sees that far. "mosaic" puts four
small worlds into one picture, each with its own horizon: there it must also look in the right direction.
"""

import numpy as np

from .drawing.boats import FERRY, SAILBOAT, YACHT
from .drawing.canvas import Canvas, clip01, f32, noise
from .drawing.sky import MOODS, paint_sky, pick, rgb
from .drawing.sprites import Sprite, mirror, oval, poly, rbox, render
from .drawing.stage import BOAT_PLAIN, PAINT
from .drawing.town import paint_buildings
from .generated import Picture

CLASSES = ("backdrop", "surface", "car", "boat")
COLORS = ((170, 200, 225), (110, 115, 125), (213, 94, 0), (0, 114, 178))
BACKDROP, SURFACE, CAR, BOAT = range(4)
THINGS = frozenset({CAR, BOAT})
LIGHTS = ("clear", "morning", "sunset", "overcast", "overcast", "rain")

_FLAT = {"top": 1.0, "bottom": 1.0}
VEHICLE = Sprite(
    poly("body", (-0.27, -0.19), (-0.17, -0.34), (0.10, -0.34), (0.25, -0.19)),
    poly("glass", (-0.225, -0.20), (-0.15, -0.315), (-0.03, -0.315), (-0.03, -0.20)),
    poly("glass", (0.0, -0.20), (0.0, -0.315), (0.09, -0.315), (0.20, -0.20)),
    poly("white", (0.02, -0.21), (0.06, -0.30), (0.085, -0.30), (0.045, -0.21), opacity=0.3, **_FLAT),
    poly(
        "body", (-0.48, -0.19), (0.44, -0.20), (0.50, -0.15), (0.36, 0.05), (-0.36, 0.05), (-0.485, -0.10), bottom=0.66
    ),
    rbox("white", -0.01, -0.135, 0.465, 0.016, 0.012, **_FLAT),
    *[oval(slot, x, 0.0, r, r, **_FLAT) for x in (-0.25, 0.24) for slot, r in (("tire", 0.095), ("rim", 0.045))],
    oval("lamp", 0.455, -0.155, 0.026, 0.026, **_FLAT),
    rbox("brake", -0.468, -0.155, 0.016, 0.028, 0.008, **_FLAT),
)
"""Origin at the ground or water line, one unit long. The rubber rings are wheels or fenders, as you like."""

CRANE = Sprite(
    poly("steel", (-0.16, 0.0), (-0.12, -0.62), (-0.09, -0.62), (-0.11, 0.0)),
    poly("steel", (0.16, 0.0), (0.12, -0.62), (0.09, -0.62), (0.11, 0.0)),
    rbox("steel", 0, -0.30, 0.13, 0.014),
    rbox("steel", 0, -0.62, 0.16, 0.025),
    poly("steel", (-0.02, -1.0), (0.02, -1.0), (0.05, -0.62), (-0.05, -0.62)),
    rbox("steel", 0.18, -0.74, 0.62, 0.022),
    poly("steel", (0.0, -1.0), (0.0, -0.98), (0.66, -0.75), (0.68, -0.76)),
    poly("steel", (0.0, -1.0), (0.0, -0.98), (-0.36, -0.75), (-0.38, -0.76)),
    rbox("dark", -0.34, -0.71, 0.08, 0.05),
    rbox("dark", 0.62, -0.60, 0.006, 0.13),
    rbox("box", 0.62, -0.44, 0.09, 0.045),
)
CONTAINERS = ("b5482f", "2f6f9a", "c9973a", "4f7f5c", "8a8f96", "7a3f5c")


def draw(rng, height, width, harbor: bool) -> Picture:
    """One world: houses or a harbor. `numbers` of the picture: the distance from each vehicle to its cue, in pixels."""
    canvas, unit = Canvas(height, width), np.sqrt(height * width) / 96
    light = MOODS[pick(rng, LIGHTS)]
    horizon = round(height * rng.uniform(0.20, 0.28))
    far = np.random.default_rng(rng.integers(2**32))

    sun_x, _ = paint_sky(canvas, rng, light, horizon, unit, BACKDROP)
    empty = canvas.image[:, :horizon].copy()
    (_harbor if harbor else _houses)(canvas, far, light, horizon, unit)
    cue = (canvas.image[:, :horizon] != empty).any(0)
    canvas.semantic[:] = BACKDROP
    _wet_ground(canvas, rng, light, horizon, unit)

    side = 2 * sun_x / width - 1
    layers = [
        _vehicle(canvas, rng, light, horizon, unit, side, BOAT if harbor else CAR) for _ in range(rng.integers(2, 6))
    ]
    objects = canvas.compose(layers, least=max(8, round(8 * unit)))
    canvas.image *= np.array(light.tint, f32)[:, None, None]
    picture = Picture(canvas.finish(rng), canvas.semantic, canvas.ids, tuple(o.class_id for o in objects))
    picture.numbers = tuple(_distance(canvas.ids == k + 1, cue) for k in range(len(objects)))
    return picture


def draw_mosaic(rng, height, width) -> Picture:
    """Four worlds, two by two, each by a fair coin."""
    rows, columns = (height // 2, height - height // 2), (width // 2, width - width // 2)
    image, semantic = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
    ids, classes, distances = np.zeros((height, width), np.uint8), (), ()
    for i, j in np.ndindex(2, 2):
        world = draw(rng, rows[i], columns[j], rng.random() < 0.5)
        place = slice(i * rows[0], i * rows[0] + rows[i]), slice(j * columns[0], j * columns[0] + columns[j])
        image[place], semantic[place] = world.image, world.semantic
        ids[place] = world.ids + np.uint8(len(classes)) * (world.ids > 0)
        classes, distances = classes + world.id_classes, distances + world.numbers
    return Picture(image, semantic, ids, classes, numbers=distances)


def _wet_ground(canvas, rng, light, horizon, unit):
    """Gray and shining, asphalt after rain or still water: the sky's color in long flat streaks."""
    rows = slice(horizon, canvas.shape[0])
    near = (canvas.y[rows] - horizon) / (canvas.shape[0] - horizon)
    fall = np.log1p(0.03 / unit * (canvas.y[rows, 0] - horizon)) / (0.03 / unit)
    fine = noise(rng, fall / (0.9 * unit), canvas.shape[1], 17 * unit)[0]
    wide = noise(rng, fall / (3.5 * unit), canvas.shape[1], 50 * unit)[0]
    tone = np.array(rgb(pick(rng, ("4d5a66", "56606a", "4a5f6c", "5c6168"))), f32)[:, None, None]
    sky = light.shining(light.middle)[:, None, None]
    sky = 0.5 * sky + 0.5 * sky.mean()
    color = tone * (0.95 + 0.05 * wide)
    color = color + (0.55 - 0.35 * near + 0.05 * wide) * (sky - color)
    color = color + clip01(0.30 * fine - 0.06) * (0.3 + near) * (sky - color)
    color = color * (1 + 0.035 * fine * near)
    mist = np.exp(-near / 0.07)
    color = color + mist * (light.shining(light.horizon)[:, None, None] - color)
    canvas.cover(np.ones((len(near), canvas.shape[1]), f32), color, SURFACE, rows)


def _vehicle(canvas, rng, light, horizon, unit, side, class_id):
    height, width = canvas.shape
    x, y = rng.uniform(0.06, 0.94) * width, rng.uniform(0.50, 0.97) * height
    near = (y - horizon) / (height - horizon)
    size, flip = (15 + 10 * near) * unit * rng.uniform(0.9, 1.15), pick(rng, (1, -1))
    palette = {
        "body": rgb(pick(rng, PAINT)),
        "glass": 0.14 + 0.25 * light.shining(light.middle),
        "white": (0.93, 0.93, 0.91),
        "tire": (0.12, 0.12, 0.13),
        "rim": (0.5, 0.5, 0.52),
        "lamp": (0.98, 0.95, 0.8),
        "brake": (0.8, 0.12, 0.1),
    }
    before = [
        lambda c: mirror(c, VEHICLE, x, y, size, palette, flip, 0.4),
        lambda c: c.shade(x, y + 0.03 * size, 0.5 * size, 0.07 * size + 0.5, 0.5),
    ]
    about = {"class_id": class_id, "thing": True, "depth": y, "before": before}
    return render(VEHICLE, canvas.shape, x, y, size, palette, flip=flip, side=0.35 * side, **about)


def _houses(canvas, far, light, horizon, unit):
    paint_buildings(canvas, far, light, horizon, unit, BACKDROP, style=pick(far, ("city", "old", "old", "suburb")))


def _harbor(canvas, far, light, horizon, unit):
    """Cranes, stacked containers and moored boats."""
    width, layers = canvas.shape[1], []
    x = far.uniform(-20, 5) * unit
    while x < width:
        for level in range(far.integers(0, 4)):
            long, tall = far.uniform(5, 8) * unit, 2.6 * unit
            for k in range(far.integers(1, 4)):
                rows = slice(max(int(horizon - (level + 1) * tall), 0), int(horizon - level * tall) + 1)
                columns = slice(max(int(x + k * long), 0), max(int(x + (k + 1) * long - 0.4 * unit), 0))
                color = np.array(rgb(pick(far, CONTAINERS)), f32) * f32(0.85 + 0.05 * level)
                canvas.image[:, rows, columns] = (0.8 * color + 0.2 * light.shining(light.horizon))[:, None, None]
        x += far.uniform(14, 34) * unit
    for _ in range(far.integers(1, 3)):
        steel = {
            "steel": rgb(pick(far, ("c2452f", "d98a2b", "2f6f9a"))),
            "dark": (0.2, 0.2, 0.23),
            "box": rgb(pick(far, CONTAINERS)),
        }
        place, size = far.uniform(0.1, 0.9) * width, far.uniform(0.7, 0.95) * horizon
        layers.append(render(CRANE, canvas.shape, place, horizon, size, steel, flip=pick(far, (1, -1)), depth=horizon))
    for _ in range(int(far.integers(3, 7) * width / (96 * unit))):
        palette = BOAT_PLAIN | {
            "hull": rgb(pick(far, PAINT)),
            "trim": (0.9, 0.9, 0.88),
            "sail": (0.96, 0.94, 0.88),
            "jib": (0.92, 0.90, 0.84),
            "glass": (0.22, 0.33, 0.42),
        }
        place, size = far.uniform(0, width), far.uniform(8, 14) * unit
        sprite = pick(far, (SAILBOAT, SAILBOAT, YACHT, FERRY))
        layers.append(
            render(
                sprite,
                canvas.shape,
                place,
                horizon - 0.5 * unit,
                size,
                palette,
                flip=pick(far, (1, -1)),
                depth=horizon + 1,
            )
        )
    canvas.compose(layers)


def _distance(vehicle, cue):
    """Least distance in pixels between pixel centers of the vehicle's mask (H, W) and of its cue, which fills rows from 0."""
    columns = np.flatnonzero(vehicle.any(0))
    top = vehicle.argmax(0)[columns]
    seen = np.flatnonzero(cue.any(0))
    low = len(cue) - 1 - cue[::-1].argmax(0)[seen]
    return float(np.hypot(columns[:, None] - seen, top[:, None] - low).min())
