"""A figure as a PNG that is small enough for a notebook, with the flat colors (classes, legends, text) exactly as drawn."""

import io

import numpy as np
from PIL import Image

SMALL = 150_000  # bytes; a larger picture, usually one of photographs, is reduced to a palette
COLORS = (192, 72)  # of that palette, besides at most
FLAT = 32  # entries for the colors that fill areas


def to_png(fig) -> tuple[bytes, int, int]:
    """PNG of a figure at its own dpi, and its width and height in pixels; what pokes out of the figure is not cut off."""
    inside, needed = fig.bbox_inches.padded(0.02), fig.get_tightbbox()
    fits = inside.contains(needed.x0, needed.y0) and inside.contains(needed.x1, needed.y1)
    drawn = io.BytesIO()
    options = {"facecolor": "white", "pil_kwargs": {"compress_level": 1}}  # encoded again below
    fig.savefig(drawn, format="png", dpi=fig.dpi, bbox_inches=None if fits else "tight", **options)
    picture = Image.open(drawn).convert("RGB")
    png = _encode(picture)
    for colors in COLORS:
        if len(png) > SMALL:
            png = _encode(_palette(picture, colors))
    return png, *picture.size


def _encode(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _palette(picture: Image.Image, count: int) -> Image.Image:
    """The picture with about `count` colors; the commonest of those that fill rows of eight pixels stay exact.

    An octree, since it keeps rare colors: median cut gives nearly all its colors to the commonest surface. Dithered, or skies
    would fall into bands.
    """
    rgb = np.asarray(picture).astype(np.int32)
    packed = (rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]
    same = packed[:, :-1] == packed[:, 1:]
    runs = np.lib.stride_tricks.sliding_window_view(same, 7, axis=1).all(-1)
    values, counts = np.unique(packed[:, : runs.shape[1]][runs], return_counts=True)
    flat = np.union1d(values[np.argsort(-counts)[:FLAT]], [0xFFFFFF])

    colors = picture.quantize(count, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    reduced = picture.quantize(palette=colors, dither=Image.Dither.FLOYDSTEINBERG)
    indices = np.asarray(reduced) + np.uint8(len(flat))
    place = np.searchsorted(flat, packed).clip(max=len(flat) - 1)
    indices = np.where(flat[place] == packed, place, indices).astype(np.uint8)
    result = Image.fromarray(indices)
    table = np.stack([flat >> 16, (flat >> 8) & 255, flat & 255], 1).ravel().tolist()
    result.putpalette(table + colors.getpalette()[: 3 * count])
    return result
