"""Reading the picture and label files of the real data sets; whatever is wrong is said in one sentence that names the file."""

from pathlib import Path

import numpy as np
from PIL import Image

PICTURES = (".png", ".jpg", ".jpeg")


def pictures(folder: Path, name: str) -> dict[str, Path]:
    """stem -> file of the png and jpg files of a folder, sorted. name: the data set, for messages.

    Raises FileNotFoundError for a missing folder or one without pictures, ValueError for two files of one stem.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{name}: {folder} is missing; it must be a folder of png or jpg files")
    files = {}
    for path in sorted(
        folder.iterdir(), key=lambda path: (len(path.stem), path.stem) if path.stem.isdigit() else (0, path.stem)
    ):
        if path.suffix.lower() in PICTURES and not path.name.startswith("."):
            if path.stem in files:
                raise ValueError(f"{name}: {path} and {files[path.stem].name} have one stem; keep one of them")
            files[path.stem] = path
    if not files:
        raise FileNotFoundError(f"{name}: {folder} has no png or jpg file; it must hold the pictures")
    return files


def pairs(images: Path, labels: Path, name: str) -> list[tuple[Path, Path]]:
    """(image, label) files with equal stems, in order. Raises FileNotFoundError that names the first file without a partner."""
    left, right = pictures(images, name), pictures(labels, name)
    for ours, others, folder in ((left, right, labels), (right, left, images)):
        alone = next((path for stem, path in ours.items() if stem not in others), None)
        if alone:
            raise FileNotFoundError(
                f"{name}: {alone} has no partner in {folder}; each image needs a label of the same name"
            )
    return [(path, right[stem]) for stem, path in left.items()]


def read(path: Path, name: str, modes: tuple[str, ...], rule: str, page: int = 0) -> np.ndarray:
    """Page `page` of a picture file as uint8: (H, W) for modes L and P (palette: the indices), (H, W, 3) for RGB.

    modes: Pillow modes that are accepted; rule: what they mean, for the message. Raises ValueError for another mode and for a
    file that cannot be read to its end, FileNotFoundError for one that is no longer there.
    """
    try:
        with Image.open(path) as picture:
            picture.seek(page)
            if picture.mode in modes:
                return np.array(picture)
            mode = picture.mode
    except FileNotFoundError:
        raise FileNotFoundError(f"{name}: {path} is gone; it was there when the data set was opened") from None
    except Exception as error:  # Pillow's decoders meet broken files with nearly every kind of exception
        raise ValueError(f"{name}: {path} is damaged or truncated; replace the file") from error
    raise ValueError(f"{name}: {path} has mode {mode}; {rule}")


def pick(items, index: int, name: str):
    """items[index], with an IndexError that says the range."""
    if not -len(items) <= index < len(items):
        raise IndexError(
            f"{name}: index {index} is out of range; the set has {len(items)} pictures, 0 to {len(items) - 1}"
        )
    return items[index]


def size(array: np.ndarray) -> str:
    """'480x360' of an array (360, 480) or (360, 480, 3), for messages."""
    return f"{array.shape[1]}x{array.shape[0]}"
