"""Generated street and river scenes (placeholder drawing while the real one is written)."""

import numpy as np

from .generated import Generated, Picture

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
VARIANTS = ("street", "context", "mosaic", "multiscale", "parts")


def _placeholder(rng, height, width):
    image = np.full((height, width, 3), 128, np.uint8)
    semantic = np.zeros((height, width), np.uint8)
    semantic[height // 2 :] = 4
    ids = np.zeros((height, width), np.uint16)
    for k, c in ((1, 6), (2, 7)):
        y, x = int(rng.integers(height // 2, height - 12)), int(rng.integers((k - 1) * width // 2, k * width // 2 - 20))
        ids[y : y + 10, x : x + 18], semantic[y : y + 10, x : x + 18] = k, c
    image[:] = np.array(COLORS, np.uint8)[semantic] // 2 + rng.integers(0, 60, (height, width, 1), dtype=np.uint8)
    return Picture(image, semantic, ids, (6, 7))


class Scenes(Generated):
    classes, colors, things = CLASSES, COLORS, frozenset({6, 7, 8})

    def __init__(self, n=320, size=96, *, variant="street", seed=0, transform=None):
        super().__init__("Scenes", n, size, seed, transform, _placeholder, 0)
        self.variant = variant
