"""Every picture of the course: overlays, palettes, contact sheets, legends, training curves.

A function that makes a figure returns a `matplotlib.figure.Figure` and displays nothing; `show(fig, alt="...")` displays
it once, with its alternative text, and closes it. The figures are built without pyplot, so importing this package selects
no backend, and a figure that was shown is not shown again at the end of the cell. A function that ends in `_rgb` returns
an array (H, W, 3) uint8, which `contact_sheet` and `side_by_side` take.
"""

from .compare import difference
from .display import show
from .figures import contact_sheet, overlay, side_by_side, tasks
from .history import curves
from .legends import legend
from .palettes import FN, FP, OKABE_ITO, PETROFF10, TP, panoptic_rgb, semantic_rgb
from .pictures import as_rgb, overlay_rgb
from .rankings import rankings

__all__ = [
    "FN",
    "FP",
    "OKABE_ITO",
    "PETROFF10",
    "TP",
    "as_rgb",
    "contact_sheet",
    "curves",
    "difference",
    "legend",
    "overlay",
    "overlay_rgb",
    "panoptic_rgb",
    "rankings",
    "semantic_rgb",
    "show",
    "side_by_side",
    "tasks",
]
