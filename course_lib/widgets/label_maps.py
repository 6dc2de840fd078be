"""What the widgets that show pictures share: maps packed into short strings, borders between labels, the place of a label's number.

A map travels as base64 of its runs of equal values, so a scene of 96 x 96 pixels costs a few kB where a JSON list costs dozens.
label_maps.js is the other half: it unpacks, draws, and repeats `borders` and `centers` for the browser.
"""

import base64

import numpy as np
from scipy import ndimage

from course_lib.widgets.base import HERE, es_module
from course_lib.widgets.drawing import write

LARGEST = 256  # pixels along a side


def es_module_with_maps(*names: str) -> str:
    """Source of one ES module: host.js, label_maps.js, then the named files of this folder."""
    return "\n".join([es_module("label_maps.js"), *((HERE / name).read_text("utf-8") for name in names)])


def pack(values) -> str:
    """Whole numbers >= 0 in reading order as base64: for each run of equal values its value and its length, 7 bits a byte, low first."""
    flat = np.asarray(values).ravel().astype(np.int64)
    if not flat.size:
        return ""
    starts = np.flatnonzero(np.diff(flat, prepend=flat[0] - 1))
    lengths = np.diff(starts, append=flat.size)
    out = bytearray()
    for number in np.stack([flat[starts], lengths], 1).ravel().tolist():
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
    return base64.b64encode(bytes(out)).decode("ascii")


def unpack(text: str, shape) -> np.ndarray:
    """The int64 array of that shape which `pack` was given."""
    numbers, number, shift = [], 0, 0
    for byte in base64.b64decode(text):
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(number)
            number = shift = 0
    return np.repeat(numbers[::2], numbers[1::2]).astype(np.int64).reshape(shape)


def borders(labels: np.ndarray, outside=None, within=None) -> np.ndarray:
    """Edges between pixels of different labels (H, W): (n, 2, 2) int, from and to, each (x, y); pixel (r, c) spans c ... c + 1.

    `outside` is the label around the picture; None draws nothing along its rim. With `within` (H, W) only edges whose two pixels
    have equal values there.
    """
    padded = np.pad(labels, 1, **{"mode": "edge"} if outside is None else {"constant_values": outside})
    frame = np.zeros_like(padded) if within is None else np.pad(within, 1, mode="edge")
    y, x = np.nonzero((padded[1:, 1:-1] != padded[:-1, 1:-1]) & (frame[1:, 1:-1] == frame[:-1, 1:-1]))
    across = np.stack([np.stack([x, y], 1), np.stack([x + 1, y], 1)], 1)
    y, x = np.nonzero((padded[1:-1, 1:] != padded[1:-1, :-1]) & (frame[1:-1, 1:] == frame[1:-1, :-1]))
    return np.concatenate([across, np.stack([np.stack([x, y], 1), np.stack([x, y + 1], 1)], 1)])


def centers(labels: np.ndarray) -> dict[int, tuple[int, int, int]]:
    """Where a number fits best: {label: (row, column, depth)} of the pixel farthest from its label's border, the first of equals.

    labels (H, W), 0 = no label; depth counts steps up, down, left or right to the nearest pixel of another label or the rim, from 1.
    """
    found = {}
    for label in np.unique(labels[labels > 0]).tolist():
        depth = ndimage.distance_transform_cdt(np.pad(labels == label, 1), "taxicab")[1:-1, 1:-1]
        row, column = divmod(int(depth.argmax()), labels.shape[1])
        found[label] = (row, column, int(depth[row, column]))
    return found


def pixels(ax, rgb: np.ndarray, corner: tuple[float, float], unit: float) -> None:
    """Draw a picture (H, W, 3), 0 ... 255, on a `drawing.sheet`: its corner there, its pixels squares of `unit` inches."""
    height, width = rgb.shape[:2]
    limits = {"xlim": ax.get_xlim(), "ylim": ax.get_ylim()}
    extent = (corner[0], corner[0] + width * unit, corner[1] + height * unit, corner[1])
    ax.imshow(
        np.broadcast_to(rgb, (height, width, 3)).round().astype(np.uint8),
        extent=extent,
        interpolation="nearest",
        aspect="auto",
    )
    ax.set(**limits)


def lines(ax, edges: np.ndarray, corner: tuple[float, float], unit: float, *styles) -> None:
    """Draw lines (n, points, 2) of (x, y) in pixels over such a picture, once for each style (color, width in points, dashes)."""
    from matplotlib.collections import LineCollection

    for color, width, dashes in styles:
        places = np.asarray(edges) * unit + corner
        ax.add_collection(LineCollection(places, colors=color, linewidths=width, linestyles=dashes, capstyle="butt"))


def tag(ax, text: str, row: int, column: int, corner: tuple[float, float], unit: float) -> None:
    """Write a word on the pixel (row, column) of such a picture."""
    from matplotlib.patheffects import withStroke

    rim = [withStroke(linewidth=2, foreground="black")]
    style = {"ha": "center", "color": "white", "weight": "bold", "path_effects": rim}
    write(ax, corner[0] + (column + 0.5) * unit, corner[1] + (row + 0.5) * unit, text, 8, **style)
