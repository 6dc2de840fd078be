"""What the generated data sets share: sizes, seeds, the cache, indexing. Scenes and Cells only say how a picture is drawn."""

import operator
from dataclasses import dataclass

import numpy as np

from .sample import sample

SMALLEST, LARGEST = 64, 512


@dataclass
class Picture:
    """One drawn picture, as compact as it is cached.

    image (H, W, 3) uint8; semantic (H, W) uint8; ids (H, W) uint8, 0 = no object; id_classes: class of objects 1 ... M;
    parts (H, W) uint8 or None; numbers: one float per object that a variant wants to report, or None.
    """

    image: np.ndarray
    semantic: np.ndarray
    ids: np.ndarray
    id_classes: tuple[int, ...]
    parts: np.ndarray | None = None
    numbers: tuple[float, ...] | None = None


class Generated:
    """n pictures drawn on first use by `draw(rng, height, width) -> Picture`; the same (seed, index, size) gives the same bytes
    in any order and any worker process. Drawn pictures stay in memory (uint8), so a second epoch only converts them."""

    def __init__(self, name, n, size, seed, transform, draw, tag):
        self.name, self.seed, self.transform = name, _whole(name, "seed", seed, 0), transform
        self.n = _whole(name, "n", n, 1)
        self.size = _size(name, size)
        self._draw, self._tag, self._cache = draw, tag, {}

    def __len__(self) -> int:
        return self.n

    def picture(self, index: int) -> Picture:
        """Picture `index` as compact numpy arrays, before any transform. Raises IndexError beyond -n ... n - 1."""
        i = _whole(self.name, "index", index)
        if not -self.n <= i < self.n:
            raise IndexError(
                f"{self.name}: index {i} is out of range; the set has {self.n} pictures, 0 to {self.n - 1}"
            )
        i %= self.n
        if i not in self._cache:
            self._cache[i] = self._paint(i)
        return self._cache[i]

    def _paint(self, index: int) -> Picture:
        return self._draw(self._rng(index), *self.size)

    def _rng(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *numbers, self._tag])

    def __getitem__(self, index: int):
        """(image, target) of the contract in `sample`, after `transform`."""
        p = self.picture(index)
        return sample(p.image, p.semantic, p.ids, p.id_classes, parts=p.parts, transform=self.transform)


def _whole(name, argument, value, least=None) -> int:
    try:
        whole = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: {argument} is {value!r}; it must be a whole number") from None
    if least is not None and whole < least:
        raise ValueError(f"{name}: {argument} is {whole}; it must be at least {least}")
    return whole


def _size(name, size) -> tuple[int, int]:
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    rule = f"it must be a whole number or (height, width), each from {SMALLEST} to {LARGEST} pixels"
    if len(pair) != 2 or not all(hasattr(side, "__index__") for side in pair):
        raise TypeError(f"{name}: size is {size!r}; {rule}")
    height, width = (operator.index(side) for side in pair)
    if not all(SMALLEST <= side <= LARGEST for side in (height, width)):
        raise ValueError(f"{name}: size is {size!r}; {rule}")
    return height, width
