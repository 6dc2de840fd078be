"""Which sizes fit a U-Net, and what do its skips see? Type a size and follow it down one arm of the U and up the other.

"valid" is the net of the paper (Ronneberger, Fischer and Brox 2015, figure 1; `models.ValidUNet`): convolutions without padding take two
pixels each, skips are cropped. "padded" is the common net without a repair step: its convolutions keep the size, but pooling an odd side
drops a line, and the skip then is larger than the upsampled map. (`models.UNet` pads the picture first.) The browser computes all this
in size_tracer.js; this file repeats it for the still picture.
"""

import traitlets

from course_lib.widgets.base import BLUE, GREY, INK, VERMILLION, CourseWidget, es_module, format_number, whole_number
from course_lib.widgets.drawing import sheet, write

LARGEST = 2048  # px along a side
DEEPEST = 5
NETS = {"valid": (4, 1), "padded": (0, 3)}  # pixels lost by two 3x3 convolutions, channels of the picture
WIDTH, CLASSES = 64, 2


class SizeTracer(CourseWidget):
    """Use `size_tracer`. The traits are the state; set them to move the widget."""

    _esm = es_module("size_tracer.js")

    net = traitlets.Enum(tuple(NETS), "valid").tag(sync=True)
    height = traitlets.Int(572, min=1, max=LARGEST, help="of the picture, px").tag(sync=True)
    width = traitlets.Int(572, min=1, max=LARGEST, help="of the picture, px").tag(sync=True)
    depth = traitlets.Int(4, min=1, max=DEEPEST, help="poolings").tag(sync=True)
    skips = traitlets.List(
        traitlets.Bool(),
        [True] * DEEPEST,
        DEEPEST,
        DEEPEST,
        help="on or off, the uppermost first; the first `depth` count",
    ).tag(sync=True)

    def trace(self, n: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Sides of the maps for an input side n, each (before, after) its two convolutions: the encoder's, the lowest last, and the
        decoder's, the uppermost first."""
        lost, _ = NETS[self.net]
        down, up, side = [], [], n
        for _ in range(self.depth + 1):
            down.append((side, side - lost))
            side = (side - lost) // 2
        side = down[-1][1]
        for _ in range(self.depth):
            up.insert(0, (2 * side, 2 * side - lost))
            side = 2 * side - lost
        return down, up

    def problem(self, n: int, skips=None) -> tuple[str, int, int, int] | None:
        """The first thing that goes wrong, (kind, level, side, other side), or None; with the widget's skips unless others are given."""
        down, up = self.trace(n)
        skips = self.skips if skips is None else skips
        for level, (before, after) in enumerate(down):
            if min(before, after) < 1:
                return "small", level, before, 0
            if self.net == "valid" and level < self.depth and after % 2:
                return "odd", level, after, 0
        for level in reversed(range(self.depth)):
            if up[level][1] < 1:
                return "small", level, up[level][0], 0
            if self.net == "padded" and skips[level] and down[level][1] != up[level][0]:
                return "clash", level, down[level][1], up[level][0]
        short = self.net == "padded" and up[0][1] != n
        return ("short", 0, n, up[0][1]) if short else None

    def fits(self, n: int) -> bool:
        """Does an input side fit the net with all its skips?"""
        return self.problem(n, [True] * self.depth) is None

    def nearest(self, n: int) -> tuple[int | None, int]:
        """The largest side up to n that fits, or None, and the smallest from n on."""
        below = next((side for side in range(n, 0, -1) if self.fits(side)), None)
        above = n
        while not self.fits(above):
            above += 1
        return below, above

    def parameters(self) -> int:
        """Parameters of the net with these skips; a decoder block without its skip has half the inputs."""
        lost, inputs = NETS[self.net]
        extra = 1 if lost else 2  # a channel's bias, or its batch normalization
        channels = [WIDTH * 2**level for level in range(self.depth + 1)]

        def double(inputs: int, outputs: int) -> int:
            return 9 * inputs * outputs + 9 * outputs**2 + 2 * extra * outputs

        encoder = sum(map(double, [inputs, *channels], channels))
        decoder = sum(
            8 * c * c + c + double(2 * c if on else c, c) for c, on in zip(channels[:-1], self.skips, strict=False)
        )
        return encoder + decoder + WIDTH * CLASSES + CLASSES

    def verdict(self) -> tuple[str, str, str, bool]:
        """Does the size fit, what is the rule, what do the skips do; and whether it fits."""
        sides, step = (self.height, self.width), 2**self.depth
        outputs = [self.trace(n)[1][0][1] for n in sides]
        size = "{}×{}".format(*sides)
        found = next(
            ((word, wrong) for word, n in zip(("high", "wide"), sides, strict=True) if (wrong := self.problem(n))), None
        )
        good = "every pooling halves even sides. The output has the size of the input."
        if self.net == "valid":
            less = format_number((self.height - outputs[0]) / 2)
            good = "every map that is pooled has even sides. Output {}×{}, {} pixels less on each side.".format(
                *outputs, less
            )
        first = f"{size} fits: {good}"
        if found:
            word, (kind, level, side, other) = found
            place = f"on level {level + 1}"
            first = {
                "small": f"{size} is too small: {place} a map {max(side, 0)} pixels {word} leaves nothing.",
                "odd": f"{size} does not fit: {place} the map is {side} pixels {word}, an odd number, so 2×2 pooling leaves a line out "
                "and the crop has no middle.",
                "clash": f"{size} breaks: {place} the skip is {side} pixels {word}, the upsampled map {other}, so they cannot be "
                "concatenated.",
                "short": f"{size} gives an output only {other} pixels {word}: pooling dropped lines, and no skip that is on noticed.",
            }[kind]
        least = self.nearest(1)[1]
        rule = (
            f"n = {least % step} mod {step}, n at least {least}" if self.net == "valid" else f"n a multiple of {step}"
        )
        near = ", ".join(f"{name} {self._near(n)}" for name, n in zip(("height", "width"), sides, strict=True))
        repair = ""
        if self.net == "padded" and found and min(sides) > step / 2:
            padded = "×".join(str(self.nearest(n)[1]) for n in sides)
            repair = f" The course's UNet pads the picture to {padded} and crops the logits."
        return (
            first,
            f"Rule: {rule}. Nearest that fit: {near}.{repair}",
            f"{self._skips()} {self.parameters():,} parameters.",
            not found,
        )

    def describe(self) -> str:
        kind = "unpadded" if self.net == "valid" else "padded"
        return f"Size tracer, {kind} U-Net with {self.depth} poolings. " + " ".join(self.verdict()[:3])

    def figure(self):
        figure, ax = sheet(9.6, 1.35 + 0.72 * (self.depth + 1))
        for index, text in enumerate(self.verdict()[:3]):
            write(ax, 0.2, 0.2 + 0.2 * index, text, 8.5)
        traced = [self.trace(n) for n in (self.height, self.width)]
        wrong = [found for n in (self.height, self.width) if (found := self.problem(n))]
        for level in range(self.depth + 1):
            y, left, c = 1.25 + 0.72 * level, 0.3 + 0.35 * level, WIDTH * 2**level
            lowest = level == self.depth
            inputs = NETS[self.net][1] if not level else c // 2
            bad = any(place == level and kind in ("small", "odd") for kind, place, *_ in wrong)
            wide = 9.0 - 0.7 * level if lowest else 2.7
            self._map(ax, (left, y, wide), [one[0][level] for one in traced], (inputs, c), bad)
            if lowest:
                continue
            right, on = 6.6 - 0.35 * level, self.skips[level]
            bad = any(place == level and kind in ("clash", "short") for kind, place, *_ in wrong)
            self._map(ax, (right, y, 2.7), [one[1][level] for one in traced], (2 * c if on else c, c), bad)
            style = {"color": INK if on else GREY, "linestyle": "-" if on else ":", "linewidth": 1.6}
            ax.plot([left + 2.8, right - 0.1], [y + 0.12] * 2, **style)
            crops = {format_number((one[0][level][1] - one[1][level][0]) / 2, 1): None for one in traced}
            joined = min(one[1][level][0] for one in traced) > 0
            crop = f"crop {' and '.join(crops)} px a side" if joined else "nothing to join"
            words = "off" if not on else "as it is" if self.net == "padded" else crop
            write(ax, (left + right + 2.7) / 2, y - 0.02, words, 8.5, ha="center")
            write(ax, left + 0.5, y + 0.45, "↓ 2×2 max pooling", 8, color="#4a4a4a")
            write(ax, right + 2.2, y + 0.45, "2×2 up-convolution ↑", 8, ha="right", color="#4a4a4a")
        return figure

    def _map(self, ax, place: tuple, sides: list, channels: tuple[int, int], bad: bool) -> None:
        from matplotlib.patches import Rectangle

        left, y, wide = place
        style = (
            {"edgecolor": VERMILLION, "linestyle": "--", "linewidth": 2}
            if bad
            else {"edgecolor": BLUE, "linewidth": 1.2}
        )
        ax.add_patch(Rectangle((left, y - 0.17), wide, 0.52, facecolor="#f5f5f5", **style))
        before, after = ("{}×{}".format(*at) if min(at) > 0 else "nothing" for at in zip(*sides, strict=True))
        write(
            ax, left + wide / 2, y, before if before == after else f"{before} → {after}", 9, ha="center", weight="bold"
        )
        write(
            ax, left + wide / 2, y + 0.2, f"{'✗ ' if bad else ''}{channels[0]} → {channels[1]} channels", 8, ha="center"
        )

    def _near(self, n: int) -> str:
        return str(n) if self.fits(n) else " or ".join(str(side) for side in self.nearest(n) if side)

    def _skips(self) -> str:
        skips = self.skips[: self.depth]
        off = [str(level + 1) for level, on in enumerate(skips) if not on]
        state = f"Skips off: {', '.join(off)}." if off else "All skips are on."
        if not any(skips):
            return f"{state} Everything passes the lowest map, at 1/{2**self.depth} of the resolution."
        if skips[0]:
            return f"{state} Full-resolution features reach the last block."
        return f"{state} The finest features that reach the decoder by a skip are at 1/{2 ** skips.index(True)} of the resolution."


def size_tracer(net: str = "valid", height: int = 572, width: int = 572, depth: int = 4) -> SizeTracer:
    """A U-Net's sizes on both arms of the U.

    net: "valid" (the paper's, convolutions without padding) or "padded". height, width: of the picture, 1 ... 2048 px. depth: poolings,
    1 ... 5. Parameters are those of `models.ValidUNet(1, 2, depth=depth)` and `models.UNet(3, 2, depth=depth)`. ValueError for anything
    else.
    """
    if net not in NETS:
        raise ValueError(f"size_tracer: net must be one of {', '.join(NETS)}, got {net!r}")
    whole_number("size_tracer", "height", height, 1, LARGEST)
    whole_number("size_tracer", "width", width, 1, LARGEST)
    whole_number("size_tracer", "depth", depth, 1, DEEPEST)
    return SizeTracer(net=net, height=height, width=width, depth=depth)
