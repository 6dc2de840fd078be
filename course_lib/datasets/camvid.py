"""CamVid: street scenes filmed from a car (Brostow, Fauqueur and Cipolla 2009).

Read in the form in which the SegNet authors published it: 480x360 pixels, 32 classes merged to 11, folders `train/`,
`trainannot/`, `val/`, `valannot/` (and `test/`, `testannot/`), the labels as 8-bit png files of class ids, 11 = unlabeled.
The pictures are frames of a few video sequences: neighbors of one split show almost the same scene.
"""

from pathlib import Path

import numpy as np

from .files import pairs, pick, read, size
from .sample import VOID, sample

UNLABELED = 11


class CamVid:
    """The images and semantic maps of one split.

    root: folder that holds `split`/ and `split`annot/. split: "train" (367 images in the published form), "val" (101) or "test".
    ds[i] -> (image, target): image float32 (3, H, W) in [0, 1]; target has `semantic` int64 (H, W), ids 0 ... 10, void 255.
    There are no instances: `things` names the classes one could count. transform(image, target) -> (image, target).
    Raises FileNotFoundError at construction for a missing folder or a file without a partner; ValueError on access for a file
    that is damaged, of the wrong mode or size, or has an unknown label.
    """

    # Names, order and colors: the SegNet authors' evaluation script.
    classes = (
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    )
    colors = (
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (60, 40, 222),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    )
    things = frozenset({8, 9, 10})

    def __init__(self, root, split="train", transform=None):
        if split not in ("train", "val", "test"):
            raise ValueError(f"CamVid: split is {split!r}; it must be 'train', 'val' or 'test'")
        self.root, self.split, self.transform = Path(root), split, transform
        if not self.root.is_dir():
            raise FileNotFoundError(
                f"CamVid: root {self.root} is missing; it must be the folder that holds {split}/ and {split}annot/"
            )
        self.files = pairs(self.root / split, self.root / f"{split}annot", "CamVid")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int):
        image_file, label_file = pick(self.files, index, "CamVid")
        image = read(image_file, "CamVid", ("RGB",), "images must be 8-bit RGB")
        labels = read(label_file, "CamVid", ("L", "P"), "labels must be 8-bit class ids in one channel")
        if labels.shape != image.shape[:2]:
            raise ValueError(
                f"CamVid: {label_file} is {size(labels)} but {image_file} is {size(image)}; a label has the size of its image"
            )
        if labels.max() > UNLABELED:
            raise ValueError(f"CamVid: {label_file} has label {labels.max()}; labels run from 0 to 10, 11 is unlabeled")
        return sample(image, np.where(labels == UNLABELED, VOID, labels), transform=self.transform)
