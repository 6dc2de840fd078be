"""What every widget of the course shares.

A widget is one ES module that does its arithmetic and its drawing in the browser. Its public traits are the whole state; Python
mirrors the arithmetic to draw the same state as a still picture. One display therefore carries three things: the live widget, a
PNG (an executed notebook on GitHub, a print, nbconvert) and a sentence (text/plain and alt text). `html()` is a fourth: the live
widget for a page that has no kernel.

Only what ipywidgets 7.7 and 8 share is used.
"""

import base64
import decimal
import html
import io
import json
from pathlib import Path
from typing import Any

import anywidget

HERE = Path(__file__).parent
HOST = (HERE / "host.js").read_text("utf-8")
CSS = (HERE / "course.css").read_text("utf-8")
PIXEL_RATIO = 2  # the PNG has twice the pixels it is shown with, so it is sharp on a fine screen

# Okabe-Ito, readable with any colour vision; the same values stand in course.css.
BLUE, ORANGE, VERMILLION, GREEN, INK, GREY = "#0072B2", "#E69F00", "#D55E00", "#009E73", "#1a1a1a", "#8a8a8a"


def es_module(name: str) -> str:
    """Source of one ES module: the shared host.js followed by `name` from this folder."""
    return f"{HOST}\n{(HERE / name).read_text('utf-8')}"


def format_number(value: float, digits: int = 2) -> str:
    """A number as the widgets print it (host.js, `format`): 3 -> "3", -0.5 -> "−0.50", with a true minus sign."""
    whole = round(value)
    near = decimal.Decimal(value).quantize(
        decimal.Decimal(10) ** -digits, decimal.ROUND_HALF_UP
    )  # as JavaScript rounds
    text = str(whole if abs(value - whole) < 1e-9 else near)
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", "−")


def whole_number(function: str, name: str, value: Any, low: int, high: int) -> int:
    """`value` as an int; ValueError with one sentence unless it is a whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{function}: {name} must be a whole number from {low} to {high}, got {value!r}")
    return value


class CourseWidget(anywidget.AnyWidget):
    """A widget with a still picture and a stand-alone page.

    A subclass sets `_esm = es_module("its.js")`, declares its state as synced traits, and gives `describe() -> str` (a sentence a
    screen reader can say) and `figure() -> matplotlib Figure`, both computed from those traits.
    """

    _css = CSS
    _ipython_display_ = None  # ipywidgets 7 would display through this and leave the picture out

    def describe(self) -> str:
        raise NotImplementedError(f"{type(self).__name__} must say in a sentence what it shows")

    def figure(self):
        raise NotImplementedError(f"{type(self).__name__} must draw its state")

    def __repr__(self) -> str:
        return self.describe()

    def state(self) -> dict[str, Any]:
        """The public traits by name: everything the browser needs, JSON-serialisable."""
        inherited = set(anywidget.AnyWidget.class_trait_names())
        names = sorted(name for name in self.trait_names(sync=True) if name not in inherited and name[0] != "_")
        return {name: getattr(self, name) for name in names}

    def _picture(self) -> tuple[bytes, int, int]:
        """PNG bytes and the width and height, in CSS pixels, it should be shown with."""
        import matplotlib.style
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        with matplotlib.style.context("default"):  # whatever style the notebook has chosen
            figure = self.figure()
            FigureCanvasAgg(figure)
            width, height = (round(inches * 96) for inches in figure.get_size_inches())
            buffer = io.BytesIO()
            # no Software entry: equal states give equal bytes
            figure.savefig(buffer, format="png", dpi=96 * PIXEL_RATIO, facecolor="white", metadata={"Software": None})
        return buffer.getvalue(), width, height

    def png(self) -> bytes:
        """The present state as a PNG; equal states give equal bytes."""
        return self._picture()[0]

    def html(self) -> str:
        """An HTML fragment with the live widget: no kernel, no network, any number of them on one page, equal bytes for equal states.

        A reader without JavaScript sees the still picture.
        """
        picture, width, _ = self._picture()
        state = html.escape(json.dumps(self.state(), sort_keys=True))
        name = type(self).__name__
        image = base64.b64encode(picture).decode("ascii")
        return (
            f'<div class="cw-host" data-course-widget="{name}" data-state="{state}">'
            f'<img alt="{html.escape(self.describe())}" width="{width}" style="max-width:100%" src="data:image/png;base64,{image}">'
            f'</div>\n<style>{self._css}</style>\n<script type="module">\n{self._esm}\nmountAll("{name}", render);\n</script>\n'
        )

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        picture, width, height = self._picture()
        sentence = self.describe()
        data = {**data, "image/png": base64.b64encode(picture).decode("ascii"), "text/plain": sentence}
        return data, {**metadata, "image/png": {"width": width, "height": height, "alt": sentence}}
