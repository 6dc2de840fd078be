"""Buildings on the horizon: one profile per picture column, so a whole street front is painted at once."""

import numpy as np

from .canvas import clip01, f32, grains
from .sky import pick, rgb

WALLS = {
    "city": ("b9a48f", "c9b8a2", "8f97a3", "a9785f", "d3c7b4", "77828f", "9d8f88"),
    "old": ("c8694f", "e0b060", "d98f6a", "ead9b8", "8fae9c", "b9544a", "a7b9c9", "e3c58e"),
    "suburb": ("ece4d4", "d8c8a8", "c98f70", "e8d9b0", "b5c0c4", "a86a55"),
    "towers": ("6f8fa8", "8aa6b8", "57748c", "93a3ad", "a8b8bd", "5f6f80"),
}
ROOFS = ("8a4a3c", "6e5048", "59616b", "a05a42", "4c5058")
# style: width, height (parts of the sky), gap after, share of gable roofs - each (least, most) in units, then window pitch and size
STYLES = {
    "city": ((11, 22), (0.30, 0.78), (0, 0), 0.0, (3.6, 4.8), 0.55, 0.52),
    "old": ((7, 11), (0.28, 0.52), (0, 0), 0.75, (2.8, 3.6), 0.50, 0.58),
    "suburb": ((12, 19), (0.16, 0.28), (3, 12), 1.0, (4.2, 5.6), 0.42, 0.45),
    "towers": ((9, 15), (0.42, 0.92), (0, 5), 0.0, (2.4, 3.2), 0.78, 0.66),
}


def paint_skyline(canvas, rng, mood, horizon, unit, class_id, color=None):
    """A far, hazy row of roofs."""
    width = canvas.shape[1]
    top = np.full(width, horizon + 9, f32)
    x = rng.uniform(-8, 0.3 * width)
    end = width * rng.uniform(0.6, 1.1)
    while x < end:
        w = rng.uniform(4, 11) * unit
        top[max(int(x), 0) : max(int(x + w), 0)] = horizon - rng.uniform(0.08, 0.38) * horizon
        x += w + (rng.random() < 0.3) * rng.uniform(1, 8) * unit
    rows = slice(max(int(top.min()) - 1, 0), int(horizon) + 2)
    haze = mood.shining(mood.horizon)
    wall = np.array(color if color is not None else rgb("8b95a5"), f32)
    far = 0.55 + 0.3 * min(mood.haze, 1)
    canvas.cover(clip01(canvas.y[rows] - top + 0.5), (wall * (1 - far) + haze * far)[:, None, None], class_id, rows)


def paint_buildings(canvas, rng, mood, horizon, unit, class_id, *, side=1.0, style=None, fill=True):
    """The near row of buildings, standing on `horizon`; side > 0: light falls from the right."""
    style = style or pick(rng, tuple(STYLES))
    widths, heights, gaps, gable, pitches, broad, tall = STYLES[style]
    width = canvas.shape[1]
    top, eave = np.full(width, 1e4, f32), np.full(width, 1e4, f32)
    wall, roof = np.zeros((3, width), f32), np.zeros((3, width), f32)
    across, number, part_x = np.zeros(width, f32), np.zeros(width, np.intp), np.full(width, broad, f32)
    pitch = rng.uniform(*pitches) * unit
    x = -rng.uniform(0, 10) * unit if fill or rng.random() < 0.6 else rng.uniform(0, 0.35) * width
    end = width if fill or rng.random() < 0.6 else rng.uniform(0.6, 1) * width
    k = 0
    while x < end:
        w = rng.uniform(*widths) * unit
        x0, x1 = int(x), int(x + w)
        s = slice(max(x0, 0), min(x1, width))
        x = x1 + rng.uniform(*gaps) * unit
        if s.start >= s.stop or (style == "city" and rng.random() < 0.1):
            continue
        k += 1
        columns = canvas.x[0, s]
        high = horizon - rng.uniform(*heights) * horizon
        tone = np.array(rgb(pick(rng, WALLS[style])), f32) * f32(rng.uniform(0.92, 1.08))
        wall[:, s] = tone[:, None]
        if rng.random() < gable:
            rise = min(rng.uniform(0.35, 0.6) * w, 0.6 * (horizon - high) + 2 * unit)
            eave[s] = high + 0.4 * unit
            top[s] = high - rise * (1 - np.abs(2 * (columns - x0) / (x1 - x0) - 1))
            roof[:, s] = np.array(rgb(pick(rng, ROOFS)), f32)[:, None]
        else:
            top[s], eave[s] = high, high + 1.0 * unit
            roof[:, s] = tone[:, None] * f32(pick(rng, (0.72, 1.15)))
            if rng.random() < 0.3:  # a lift house or a chimney
                a = int(x0 + rng.uniform(0.15, 0.6) * w)
                bump = slice(max(a, 0), min(max(int(a + rng.uniform(1.6, 4) * unit) + 1, 0), s.stop))
                top[bump] = high - rng.uniform(1, 2.6) * unit
        count = max(round((x1 - x0) / pitch), 1)
        across[s] = (columns - x0) / (x1 - x0) * count
        number[s] = 31 * k
        if gable == 0:
            part_x[s] = pick(rng, (broad, broad, 0.8 * broad, 1.1))  # 1.1: bands of glass
        shaded = (
            slice(max(x0, s.start), max(int(x0 + 0.2 * w), s.start))
            if side > 0
            else slice(min(int(x1 - 0.2 * w), s.stop), s.stop)
        )
        wall[:, shaded] *= 0.8
        roof[:, shaded] *= 0.85
    if k == 0:
        return
    foot = horizon + 1.5 * unit
    rows = slice(max(int(top.min()) - 1, 0), min(int(foot) + 1, canvas.shape[0]))
    y = canvas.y[rows]
    body = wall[:, None] * (1.05 - 0.22 * clip01((y - 0.4 * horizon) / (0.6 * horizon)) ** 2)
    up = (y - eave) / pitch - 0.25
    story = np.floor(up)
    cx = clip01(0.5 + (part_x / 2 - np.abs(across % 1 - 0.5)) * pitch)
    cy = clip01(0.5 + (tall / 2 - np.abs(up - story - 0.5)) * pitch)
    window = cx * cy * (up > 0) * (y < horizon - 0.4 * pitch)
    drawn = grains(rng, 64, 256)[story.astype(np.intp) & 63, (number + across.astype(np.intp)) & 255]
    sky = mood.shining(mood.middle)[:, None, None]
    glass = np.array([0.20, 0.26, 0.33], f32)[:, None, None] + 0.22 * sky * (1 + 0.3 * drawn)
    if mood.night:
        lit = drawn > 0.9 - 0.9 * mood.night
        warm = mood.shining((1.0, 0.82, 0.48))[:, None, None] * (0.85 + 0.12 * drawn)
        glass = np.where(lit, warm, glass * 0.7)
    body += window * (glass - body)
    tiled = clip01(eave - y + 0.5)
    body += tiled * (roof[:, None] - body)
    haze = mood.haze * 0.28
    body += haze * (mood.shining(mood.horizon)[:, None, None] - body)
    canvas.cover(clip01(y - top + 0.5), body, class_id, rows)
