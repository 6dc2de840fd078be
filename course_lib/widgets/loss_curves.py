"""Which pixels does a loss listen to? Loss and gradient by the probability of the true class, and who gets the gradient.

The picture has 10,000 pixels, few of them foreground; every foreground pixel has one probability of its true class, every background
pixel another. Cross-entropy and focal loss (Lin et al. 2017) are means over pixels, so a pixel's gradient depends on that pixel alone.
Dice and Tversky (Salehi et al. 2017; alpha weighs false positives, beta false negatives) are ratios of sums, so it depends on all of them.
Gradients are those by the logit of a sigmoid. The browser computes all this in loss_curves.js; this file repeats it for the still
picture, and `course_lib.losses` has the losses themselves.
"""

import math

import numpy as np
import traitlets

from course_lib.widgets.base import BLUE, INK, VERMILLION, CourseWidget, es_module, format_number
from course_lib.widgets.drawing import sheet, write

PIXELS = 10_000
LOSSES = ("cross-entropy", "focal", "Dice", "Tversky")
RIGHT, WRONG = 0.99, 0.01
AXIS = np.arange(1, 100) / 100
RARE = 1 / (1 + math.exp(2))  # probability at logit -2
RANGES = {"gamma": (0, 5), "alpha": (0, 1), "beta": (0.05, 1), "foreground": (1 / PIXELS, 0.5)}


class LossCurves(CourseWidget):
    """Use `loss_curves`. The traits are the state; set them to move the widget."""

    _esm = es_module("loss_curves.js")

    loss = traitlets.Enum(LOSSES, "focal").tag(sync=True)
    gamma = traitlets.Float(2.0, min=0, max=5, help="of the focal loss").tag(sync=True)
    alpha = traitlets.Float(0.3, min=0, max=1, help="of Tversky, weighs FP").tag(sync=True)
    beta = traitlets.Float(0.7, min=0.05, max=1, help="of Tversky, weighs FN").tag(sync=True)
    smooth = traitlets.Enum((0, 1), 0, help="added above and below the fraction of Dice or Tversky").tag(sync=True)
    foreground = traitlets.Float(0.02, min=1 / PIXELS, max=0.5, help="share of the pixels").tag(sync=True)
    pf = traitlets.Float(RARE, min=0.01, max=0.99, help="p of every foreground pixel").tag(sync=True)
    pb = traitlets.Float(1 - RARE, min=0.01, max=0.99, help="p of every background pixel").tag(sync=True)

    def foreground_pixels(self) -> int:
        """How many of the 10,000 pixels are foreground."""
        return max(1, math.floor(self.foreground * PIXELS + 0.5))

    def value(self, pf=None, pb=None):
        """The loss of the picture, with p of the foreground and of the background as they are or as given (number or array)."""
        pf, pb = self.pf if pf is None else pf, self.pb if pb is None else pb
        n = self.foreground_pixels()
        if self._of_sets():
            return self._set_loss(n * pf, (PIXELS - n) * (1 - pb))
        return (n * self.pixel_loss(pf) + (PIXELS - n) * self.pixel_loss(pb)) / PIXELS

    def pixel_loss(self, p):
        """Cross-entropy or focal loss of a pixel with probability p of its true class."""
        return -((1 - p) ** self._gamma()) * np.log(p)

    def slopes(self, p) -> tuple:
        """10,000 times the magnitude of d loss / d logit of one foreground and of one background pixel at p, all others staying."""
        if not self._of_sets():
            gamma = self._gamma()
            slope = (1 - p) ** gamma * (1 - p - gamma * p * np.log(p))
            return slope, slope
        n = self.foreground_pixels()
        a, b, top, whole = self._overlap(n * self.pf, (PIXELS - n) * (1 - self.pb))
        front, back = (whole - top * (1 - b)) / whole**2, a * top / whole**2
        return PIXELS * front * p * (1 - p), PIXELS * back * p * (1 - p)

    def gradients(self) -> tuple[float, float]:
        """The gradient of all foreground and of all background pixels: sums of magnitudes, by logit."""
        n = self.foreground_pixels()
        return n * float(self.slopes(self.pf)[0]) / PIXELS, (PIXELS - n) * float(self.slopes(self.pb)[1]) / PIXELS

    def steps(self) -> tuple[float, float]:
        """Change of the loss, times 10,000, if one foreground pixel goes to p = 0.99, if one background pixel goes to p = 0.01."""
        if not self._of_sets():
            loss = self.pixel_loss
            return float(loss(RIGHT) - loss(self.pf)), float(loss(WRONG) - loss(self.pb))
        n = self.foreground_pixels()
        hits, alarms = n * self.pf, (PIXELS - n) * (1 - self.pb)
        now = self._set_loss(hits, alarms)
        hit, alarm = self._set_loss(hits + RIGHT - self.pf, alarms), self._set_loss(hits, alarms + self.pb - WRONG)
        return PIXELS * (hit - now), PIXELS * (alarm - now)

    def verdict(self) -> list[str]:
        """What the loss is, who gets the gradient, what one pixel changes."""
        n, number = self.foreground_pixels(), format_number
        plus, mean = (
            f" + {self.smooth}" if self.smooth else "",
            "p = probability of its true class; the mean over the pixels.",
        )
        top = f"({{}}{plus})" if self.smooth else "{}"
        sets = "with probabilities in the place of a mask."
        formula = {
            "cross-entropy": f"Cross-entropy: −log p of each pixel, {mean}",
            "focal": f"Focal loss: −(1 − p)^{number(self.gamma)} · log p of each pixel, {mean}",
            "Dice": f"Dice loss: 1 − {top.format('2 TP')} / (2 TP + FP + FN{plus}), {sets}",
            "Tversky": f"Tversky loss: 1 − {top.format('TP')} / (TP + {number(self.alpha)} FP + {number(self.beta)} FN{plus}), {sets}",
        }[self.loss]
        front, back = self.gradients()
        against = f"foreground : background = {number(front / back, 4)}" if back else "the background gets none"
        share = number(100 * front / (front + back), 1)
        hit, alarm = (number(abs(step), 3) for step in self.steps())
        return [
            formula,
            f"Foreground: {n} of {PIXELS} pixels ({number(100 * n / PIXELS)} %), {share} % of the gradient; {against}.",
            f"One foreground pixel put right (p = 0.99): the loss falls by {hit} / {PIXELS}. "
            f"One background pixel gone wrong (p = 0.01): it rises by {alarm} / {PIXELS}.",
        ]

    def curves(self) -> dict[str, list[tuple[str, np.ndarray]]]:
        """The curves of both charts over AXIS: {"loss", "slope"}, each a list of (name, values)."""
        others = [] if self.loss == "cross-entropy" else [("cross-entropy", -np.log(AXIS), 1 - AXIS)]
        front, back = self.slopes(AXIS)
        if self._of_sets():
            both = [("foreground", self.value(pf=AXIS)), ("background", self.value(pb=AXIS))]
            slope = [("foreground", front), ("background", back), *((name, line) for name, _, line in others)]
            return {"loss": both, "slope": slope}
        loss = [("every pixel", self.pixel_loss(AXIS)), *((name, line) for name, line, _ in others)]
        return {"loss": loss, "slope": [("every pixel", front), *((name, line) for name, _, line in others)]}

    def describe(self) -> str:
        ps = f"p is {format_number(self.pf)} on foreground, {format_number(self.pb)} on background"
        return f"Loss curves; {ps}. " + " ".join(self.verdict())

    def figure(self):
        figure, ax = sheet(9.6, 4.7)
        for index, text in enumerate(self.verdict()):
            write(ax, 0.2, 0.2 + 0.2 * index, text, 8.5)
        n, (front, back) = self.foreground_pixels(), self.gradients()
        for row, (name, part) in enumerate((("pixels", n / PIXELS), ("gradient", front / (front + back)))):
            self._bar(ax, 0.95 + 0.24 * row, name, part)
        curves = self.curves()
        where = "as p of all foreground or all background moves" if self._of_sets() else "of one pixel"
        captions = {"loss": f"loss, {where}", "slope": f"gradient of one pixel, by its logit, × {PIXELS}"}
        for left, name in ((0.06, "loss"), (0.55, "slope")):
            self._chart(
                figure.add_axes((left, 0.11, 0.42, 0.5)), name, curves[name], captions[name].replace(", of", " of")
            )
        return figure

    def _bar(self, ax, y: float, name: str, part: float) -> None:
        from matplotlib.patches import Rectangle

        write(ax, 0.2, y, name, 9)
        ax.add_patch(Rectangle((1.0, y - 0.08), 6.5, 0.16, facecolor="#7fb8d8", edgecolor=INK, lw=0.6))
        ax.add_patch(
            Rectangle((1.0, y - 0.08), 6.5 * part, 0.16, facecolor=VERMILLION, edgecolor=INK, lw=0.6, hatch="////")
        )
        write(ax, 7.7, y, f"{format_number(100 * part, 1)} % foreground", 9)

    def _chart(self, ax, name: str, curves: list, caption: str) -> None:
        styles = {
            "every pixel": (INK, "-", 2),
            "foreground": (VERMILLION, "-", 2),
            "background": (BLUE, "--", 2),
            "cross-entropy": ("#6a6a6a", ":", 1.4),
        }
        for label, values in curves:
            color, dashes, width = styles[label]
            ax.plot(AXIS, values, dashes, color=color, lw=width, label=label)
        front, back = (self.slopes(self.pf)[0], self.slopes(self.pb)[1])
        if name == "loss":
            front, back = (
                [self.value()] * 2 if self._of_sets() else (self.pixel_loss(self.pf), self.pixel_loss(self.pb))
            )
        ax.plot(self.pb, back, "o", color=BLUE, markersize=8, mec="white")
        ax.plot(self.pf, front, "s", color=VERMILLION, markersize=8, mec="white")
        ax.set(xlim=(0, 1), ylim=(0, (1 if self._of_sets() else 5) if name == "loss" else None))
        ax.set_xlabel("p, probability of the true class", fontsize=8)
        ax.set_title(caption, fontsize=9, loc="left", weight="bold")
        ax.tick_params(labelsize=8)
        ax.grid(color="#dddddd")
        ax.legend(fontsize=8, frameon=False)

    def _of_sets(self) -> bool:
        return self.loss in ("Dice", "Tversky")

    def _gamma(self) -> float:
        return self.gamma if self.loss == "focal" else 0

    def _overlap(self, hits, alarms) -> tuple:
        """Both weights, and both sides of the fraction; Dice is Tversky with halves."""
        a, b, s = (0.5, 0.5, self.smooth / 2) if self.loss == "Dice" else (self.alpha, self.beta, self.smooth)
        return a, b, hits + s, hits + a * alarms + b * (self.foreground_pixels() - hits) + s

    def _set_loss(self, hits, alarms):
        _, _, top, whole = self._overlap(hits, alarms)
        return 1 - top / whole


def loss_curves(
    loss: str = "focal", gamma: float = 2.0, alpha: float = 0.3, beta: float = 0.7, foreground: float = 0.02
) -> LossCurves:
    """Curves of a loss, and the share of its gradient that foreground and background pixels get.

    loss: "cross-entropy", "focal", "Dice" or "Tversky". gamma 0 ... 5 of the focal loss; alpha 0 ... 1 (weighs FP) and beta 0.05 ... 1
    (weighs FN) of Tversky; foreground: share of the 10,000 pixels, 0.0001 ... 0.5. The net starts as one that gives foreground the
    probability 0.12 (logit -2) everywhere. ValueError for anything else.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss_curves: loss must be one of {', '.join(LOSSES)}, got {loss!r}")
    given = {"gamma": gamma, "alpha": alpha, "beta": beta, "foreground": foreground}
    for name, value in given.items():
        low, high = RANGES[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"loss_curves: {name} must be a number from {low:g} to {high:g}, got {value!r}")
    return LossCurves(loss=loss, **{name: float(value) for name, value in given.items()})
