"""Generated touching nuclei (placeholder drawing while the real one is written)."""

import numpy as np

from .generated import Generated, Picture


def _placeholder(rng, height, width):
    y, x = np.mgrid[:height, :width]
    ids = np.zeros((height, width), np.uint16)
    for k in range(1, 5):
        cy, cx = (k - 0.5) * height / 4, rng.uniform(12, width - 12)
        ids[(y - cy) ** 2 + (x - cx) ** 2 < 64] = k
    gray = np.where(ids > 0, 160, 40) + rng.integers(0, 40, ids.shape)
    return Picture(np.repeat(gray[..., None], 3, 2).astype(np.uint8), (ids > 0).astype(np.uint8), ids, (1,) * 4)


class Cells(Generated):
    classes, colors, things = ("background", "nucleus"), ((20, 20, 30), (230, 159, 0)), frozenset({1})

    def __init__(self, n=32, size=96, *, seed=0, transform=None):
        super().__init__("Cells", n, size, seed, transform, _placeholder, 9)
