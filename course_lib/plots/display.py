"""Displaying a figure once, with its alternative text."""

import base64
import html
import sys

from .png import to_png


def show(fig, alt: str) -> None:
    """Display a figure as a PNG with alternative text, then close it.

    fig: matplotlib Figure. alt: what the figure shows, for a reader who does not see it; at least one word.
    In a notebook one bundle is published: text/html (an <img> with that alt), image/png, and text/plain
    "Figure: <alt>". Elsewhere that last line is printed. Raises TypeError for another object, ValueError without alt.
    """
    if not hasattr(fig, "savefig"):
        raise TypeError(f"show: fig is a {type(fig).__name__}; give a matplotlib Figure")
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"show: alt is {alt!r}; say in words what the figure shows")
    alt = " ".join(alt.split())
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        print(f"Figure: {alt}")
    else:
        png, width, height = to_png(fig)
        source = base64.b64encode(png).decode()
        bundle = {
            "text/html": f'<img alt="{html.escape(alt)}" width="{width}" height="{height}" '
            f'style="max-width: 100%; height: auto" src="data:image/png;base64,{source}">',
            "image/png": source,
            "text/plain": f"Figure: {alt}",
        }
        from IPython.display import display

        display(bundle, raw=True, metadata={"image/png": {"alt": alt, "width": width, "height": height}})
    if "matplotlib.pyplot" in sys.modules:  # a figure of pyplot would be shown again at the end of the cell
        sys.modules["matplotlib.pyplot"].close(fig)
