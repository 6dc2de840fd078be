"""Ten photographs to try every model on: your own, or ten that ship with scikit-image.

They have no labels. Put ten pictures into a folder and name it in COURSE_PHOTOS; they come back in many lessons.
"""

import os
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as transforms

from .files import pick, pictures

SHIPPED = (
    "astronaut",
    "camera",
    "cat",
    "clock",
    "coffee",
    "coins",
    "immunohistochemistry",
    "stereo_motorcycle",
    "retina",
    "rocket",
)


class Photographs:
    """Photographs without labels: ds[i] -> (image (3, H, W) float32 in [0, 1], {}). `names` has their names.

    folder: where jpg and png files lie; None = $COURSE_PHOTOS, and if that is not set, ten pictures that ship with scikit-image.
    longest: pixels of the longer side; larger pictures are shrunk to it. A camera's rotation mark is obeyed.
    Raises FileNotFoundError for a folder that is missing or holds no pictures, ValueError for a file that cannot be read.
    """

    def __init__(self, folder=None, longest: int = 512):
        folder = folder or os.environ.get("COURSE_PHOTOS")
        self.longest = longest
        self.files = list(pictures(Path(folder).expanduser(), "Photographs").values()) if folder else None
        self.names = tuple(file.stem for file in self.files) if self.files else SHIPPED

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, dict]:
        picture = self._open(pick(range(len(self)), index, "Photographs"))
        picture.thumbnail((self.longest, self.longest))
        return tv_tensors.Image(transforms.to_dtype(transforms.pil_to_tensor(picture), torch.float32, scale=True)), {}

    def _open(self, index: int) -> Image.Image:
        if not self.files:
            from skimage import data

            array = getattr(data, self.names[index])()
            return Image.fromarray(array[0] if isinstance(array, tuple) else array).convert("RGB")
        try:
            with Image.open(self.files[index]) as picture:
                return ImageOps.exif_transpose(picture).convert("RGB")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"Photographs: {self.files[index]} is damaged or no picture; replace the file") from error
