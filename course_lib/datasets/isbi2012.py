"""ISBI 2012: neuronal membranes in electron microscopy, 30 sections of one stack, 512x512 pixels of 4x4 nm, 50 nm apart.

Drosophila first instar larva ventral nerve cord, serial section transmission electron microscopy (Cardona et al. 2010), from the
ISBI 2012 challenge on the segmentation of neuronal structures. The labels are binary: 255 inside a cell, 0 elsewhere, which is
mostly membrane. Neighboring sections show the same cells: a random split of the 30 leaks from training into validation.
"""

import operator
from pathlib import Path

import numpy as np
from PIL import Image

from .files import pairs, pick, read, size
from .sample import sample

STACKS = ("train-volume.tif", "train-labels.tif")


class ISBI2012:
    """The sections and their semantic maps, in the order of the stack.

    root: folder with image/ and label/ (one png per section, equal names), or with the challenge's two multi-page stacks
    train-volume.tif and train-labels.tif. indices: which sections, as integers 0 ... n - 1; None = all of them.
    ds[i] -> (image, target): image float32 (3, H, W) in [0, 1], three equal channels; target has `semantic` int64 (H, W),
    0 = membrane, 1 = cell. transform(image, target) -> (image, target).
    Raises FileNotFoundError at construction for a missing file or partner, ValueError for stacks of unequal length or an index
    out of range; ValueError on access for a file that is damaged, of the wrong mode or size, or has another label than 0 and 255.
    """

    classes = ("membrane", "cell")
    colors = ((0, 114, 178), (230, 159, 0))
    things = frozenset({1})

    def __init__(self, root, indices=None, transform=None):
        self.root, self.transform = Path(root), transform
        if (self.root / "image").is_dir():
            self.pages = [(*pair, 0) for pair in pairs(self.root / "image", self.root / "label", "ISBI2012")]
        else:
            self.pages = self._stack_pages()
        total = len(self.pages)
        self.indices = list(map(operator.index, range(total) if indices is None else indices))
        outside = [i for i in self.indices if not 0 <= i < total]
        if outside or not self.indices:
            raise ValueError(f"ISBI2012: indices are {self.indices}; give at least one, each from 0 to {total - 1}")

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int):
        image_file, label_file, page = self.pages[pick(self.indices, index, "ISBI2012")]
        image = read(image_file, "ISBI2012", ("L",), "images must be 8-bit gray", page)
        labels = read(label_file, "ISBI2012", ("L",), "labels must be 8-bit gray, 0 or 255", page)
        where = f"{label_file}, page {page}," if label_file.suffix == ".tif" else f"{label_file}"
        if labels.shape != image.shape:
            raise ValueError(
                f"ISBI2012: {where} is {size(labels)} but its image is {size(image)}; a label has the size of its image"
            )
        unknown = labels[(labels != 0) & (labels != 255)]
        if unknown.size:
            raise ValueError(f"ISBI2012: {where} has label {unknown[0]}; labels are 0 (membrane) and 255 (cell)")
        return sample(np.repeat(image[..., None], 3, -1), (labels == 255).astype(np.uint8), transform=self.transform)

    def _stack_pages(self) -> list[tuple[Path, Path, int]]:
        files = [self.root / name for name in STACKS]
        if not all(file.is_file() for file in files):
            absent = next((file.name for file in files if not file.is_file() and any(f.is_file() for f in files)), None)
            found = (
                f"{self.root} has no {absent}"
                if absent
                else f"{self.root} has neither image/ and label/ nor {STACKS[0]}"
            )
            raise FileNotFoundError(f"ISBI2012: {found}; it must hold image/ and label/, or {' and '.join(STACKS)}")
        lengths = [_length(file) for file in files]
        if lengths[0] != lengths[1]:
            raise ValueError(
                f"ISBI2012: {files[0]} has {lengths[0]} pages but {STACKS[1]} has {lengths[1]}; each image needs its label"
            )
        return [(*files, page) for page in range(lengths[0])]


def _length(stack: Path) -> int:
    try:
        with Image.open(stack) as picture:
            return picture.n_frames
    except Exception as error:  # as in files.read
        raise ValueError(f"ISBI2012: {stack} is damaged or truncated; replace the file") from error
