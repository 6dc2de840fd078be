"""Light and weather: the moods of a scene, and the sky they paint.

A mood's colors are what the eye sees. Everything below the sky is drawn in neutral light and multiplied by `tint` at the end, so
what shines by itself (sky, lamps, lit windows) is divided by `tint` first: see `Mood.shining`.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from .canvas import clip01, f32, noise


@dataclass(frozen=True)
class Mood:
    """Colors are (r, g, b) in 0 ... 1; cloud: (least, most) cover; haze: how fast things fade into the horizon's color."""

    zenith: tuple
    middle: tuple
    horizon: tuple
    tint: tuple
    cloud_light: tuple
    cloud_dark: tuple
    cloud: tuple = (0.0, 0.6)
    sun: tuple | None = (1.0, 0.97, 0.85)
    shadow: float = 0.42
    haze: float = 0.25
    night: float = 0.0
    rain: float = 0.0
    share: float = 0.1

    def shining(self, color):
        """The neutral-light color that appears as `color` after the tint."""
        return np.asarray(color, f32) / np.asarray(self.tint, f32)


@cache
def rgb(text):
    """(r, g, b) in 0 ... 1 of six hexadecimal digits."""
    return tuple(int(text[i : i + 2], 16) / 255 for i in (0, 2, 4))


def _mood(zenith, middle, horizon, tint, cloud_light, cloud_dark, **more):
    colors = (rgb(c) for c in (zenith, middle, horizon))
    return Mood(*colors, tint, rgb(cloud_light), rgb(cloud_dark), **more)


MOODS = {
    "clear": _mood("3f86cf", "79b4e6", "cfe6f4", (1.02, 1.01, 0.98), "ffffff", "c4d4e4", share=0.28),
    "morning": _mood("6ba3cf", "a9cbdc", "fbe8c8", (1.05, 0.98, 0.88), "fffaf0", "d8cfc8", cloud=(0, 0.5), share=0.14),
    "sunset": _mood(
        "4a5796",
        "c8788a",
        "ffc27a",
        (1.0, 0.80, 0.68),
        "ffd2a0",
        "8e6a8c",
        cloud=(0.2, 0.7),
        sun=(1.0, 0.86, 0.55),
        share=0.12,
    ),
    "dusk": _mood(
        "1d2858",
        "5b4a86",
        "d98a86",
        (0.56, 0.52, 0.68),
        "b0789a",
        "3c3868",
        cloud=(0, 0.6),
        sun=None,
        shadow=0.2,
        night=0.75,
        share=0.1,
    ),
    "night": _mood(
        "070c22",
        "111a3c",
        "2c3a64",
        (0.36, 0.40, 0.58),
        "3a4468",
        "161c38",
        cloud=(0, 0.4),
        sun=(0.93, 0.94, 0.88),
        shadow=0.2,
        night=1.0,
        share=0.1,
    ),
    "overcast": _mood(
        "98a6b2",
        "b4bec6",
        "d4d8d9",
        (0.86, 0.89, 0.91),
        "d2d8dc",
        "8f9ba6",
        cloud=(0.7, 1),
        sun=None,
        shadow=0.2,
        haze=0.35,
        share=0.12,
    ),
    "rain": _mood(
        "626d78",
        "808b95",
        "a9b1b6",
        (0.68, 0.73, 0.78),
        "8e98a1",
        "59636e",
        cloud=(0.8, 1),
        sun=None,
        shadow=0.12,
        haze=0.5,
        rain=1.0,
        share=0.09,
    ),
    "fog": _mood(
        "bcc5ca",
        "ccd2d4",
        "dcdedc",
        (0.90, 0.92, 0.92),
        "d4d8da",
        "bcc4c8",
        cloud=(0, 0.4),
        sun=None,
        shadow=0.1,
        haze=1.1,
        share=0.08,
    ),
}


def pick(rng, items):
    """One of items, each as likely."""
    return items[int(rng.random() * len(items))]


def pick_mood(rng) -> Mood:
    """A mood, by its share."""
    at = rng.random() * sum(mood.share for mood in MOODS.values())
    for mood in MOODS.values():
        at -= mood.share
        if at < 0:
            break
    return mood


def paint_sky(canvas, rng, mood: Mood, horizon: float, unit: float, class_id=0):
    """Fill the rows above `horizon` (pixels) and a few more, for what juts out of the ground.

    -> x of the sun or moon, and its color in neutral light or None if it is hidden.
    """
    height, width = canvas.shape
    rows = min(int(horizon + 3 * unit) + 2, height)
    x, y = canvas.x, canvas.y[:rows]
    t = clip01(y / horizon)
    stops = np.array([mood.zenith, mood.middle, mood.horizon], f32).T[:, :, None, None]
    sky = (
        stops[:, 0]
        + (stops[:, 1] - stops[:, 0]) * np.minimum(t / 0.6, 1)
        + (stops[:, 2] - stops[:, 1]) * clip01((t - 0.6) / 0.4)
    )
    image = canvas.image[:, :rows]
    image[:] = sky

    sun_x, sun_y = rng.uniform(-0.1, 1.1) * width, rng.uniform(0.12, 0.6) * horizon
    radius = rng.uniform(3.0, 5.0) * unit
    if mood.sun is not None:
        color = np.array(mood.sun, f32)[:, None, None]
        d = np.sqrt((x - sun_x) ** 2 + (y - sun_y) ** 2)
        image += (0.5 * np.exp(d / (-4 * radius))) * (color - image)
        disc = clip01(radius - d + 0.5)
        if mood.night:
            bite = np.sqrt((x - sun_x + 0.45 * radius) ** 2 + (y - sun_y + 0.25 * radius) ** 2)
            disc = disc * clip01(bite - 0.9 * radius)
        image += disc * (color - image)
    if mood.night:
        n = int(rng.integers(12, 40) * mood.night)
        sy, sx = (rng.random(n) * (0.8 * horizon)).astype(int), (rng.random(n) * width).astype(int)
        image[:, sy, sx] += (rng.random(n) * 0.5).astype(f32)

    amount = rng.uniform(*mood.cloud)
    if amount > 0.08:
        far = np.log1p(2.2 * clip01(1 - y[:, 0] / (1.05 * horizon))) * (horizon / (11 * unit))
        far = far[::-1] - far[-1]
        high = noise(rng, far, width, 26 * unit)[0] + 0.5 * noise(rng, 2.3 * far, width, 10 * unit)[0]
        high = (high + 0.25 * noise(rng, 5 * far, width, 4.3 * unit)[0])[::-1]
        thick = high - (1.0 - 1.5 * amount)
        cover = clip01(thick * 2.2) * (0.35 + 0.6 * amount)
        step = max(int(1.6 * unit), 1)
        under = np.concatenate([np.repeat(high[:1], step, 0), high[:-step]])
        lit = clip01(0.55 + 0.9 * (high - under))
        dark, light = np.array([mood.cloud_dark, mood.cloud_light], f32)[..., None, None]
        image += cover * (dark + lit * (light - dark) - image)
    image /= np.array(mood.tint, f32)[:, None, None]
    canvas.semantic[:rows] = class_id
    return sun_x, (mood.shining(mood.sun) if mood.sun is not None else None)
