"""Boats: one unit long, the water line at y = 0, the bow to the right."""

from .sprites import Sprite, poly, rbox

FLAT = {"top": 1.0, "bottom": 1.0}
HULL, CABIN, MAST, SAIL = ({"part": p} for p in ("hull", "cabin", "mast", "sail"))


def _hull(stern, bow, deck, keel=0.05):
    """stern, bow, deck, keel: heights (negative: above the water line) at the back, the tip, the bow's root and the bottom."""
    return [
        poly("hull", (0.05, deck), (0.52, bow), (0.47, 0.0), (0.38, keel), (0.0, keel), **HULL, top=1.1, bottom=0.66),
        poly(
            "hull",
            (-0.46, stern),
            (0.30, deck),
            (0.40, deck + 0.02),
            (0.40, keel),
            (-0.41, keel),
            **HULL,
            top=1.1,
            bottom=0.66,
        ),
        poly("trim", (-0.462, stern), (-0.455, stern + 0.03), (0.30, deck + 0.03), (0.30, deck), **HULL, **FLAT),
        poly("trim", (0.30, deck), (0.30, deck + 0.03), (0.512, bow + 0.035), (0.52, bow), **HULL, **FLAT),
    ]


SAILBOAT = Sprite(
    rbox("wood", 0.0, -0.62, 0.012, 0.50, **MAST),
    poly("sail", (0.025, -0.22), (0.025, -1.12), (0.22, -0.62), (0.42, -0.22), **SAIL, top=1.02, bottom=0.86),
    poly("jib", (-0.025, -0.24), (-0.36, -0.24), (-0.025, -0.96), **SAIL, top=0.98, bottom=0.8),
    poly("white", (0.025, -1.12), (0.09, -0.96), (0.03, -0.24), (0.025, -0.24), opacity=0.35, **FLAT),
    rbox("wood", 0.18, -0.20, 0.24, 0.012, **MAST),
    *_hull(-0.15, -0.20, -0.16),
)
YACHT = Sprite(
    rbox("wood", -0.06, -0.52, 0.010, 0.30, **MAST),
    poly("white", (-0.34, -0.12), (-0.30, -0.31), (0.06, -0.31), (0.22, -0.12), **CABIN),
    poly("glass", (-0.27, -0.19), (-0.25, -0.27), (0.04, -0.27), (0.11, -0.19), **CABIN),
    rbox("white", -0.15, -0.36, 0.16, 0.05, 0.02, **CABIN),
    *_hull(-0.14, -0.21, -0.17),
)
TUG = Sprite(
    rbox("hull", -0.22, -0.52, 0.06, 0.13, **CABIN),
    rbox("dark", -0.22, -0.635, 0.062, 0.025, **CABIN),
    rbox("white", 0.03, -0.33, 0.24, 0.17, 0.02, **CABIN),
    rbox("trim", 0.05, -0.51, 0.27, 0.02, 0.01, **CABIN),
    *[rbox("glass", x, -0.40, 0.045, 0.05, 0.01, **CABIN) for x in (-0.10, 0.04, 0.18)],
    *_hull(-0.18, -0.27, -0.2),
)
ROWBOAT = Sprite(
    poly("wood", (-0.36, -0.13), (-0.10, -0.13), (-0.22, 0.06), (-0.28, 0.06), **HULL, top=0.7, bottom=0.6),
    *_hull(-0.15, -0.17, -0.14),
    rbox("wood", 0.0, -0.165, 0.30, 0.02, 0.01, **HULL),
    poly("wood", (0.08, -0.19), (0.11, -0.19), (0.30, 0.05), (0.26, 0.06), **HULL),
)
FERRY = Sprite(
    rbox("white", -0.02, -0.195, 0.40, 0.085, 0.015, **CABIN),
    rbox("glass", -0.02, -0.20, 0.37, 0.03, 0.01, **CABIN),
    *[rbox("white", x, -0.20, 0.012, 0.032, **CABIN) for x in (-0.27, -0.15, -0.03, 0.09, 0.21)],
    rbox("white", 0.12, -0.315, 0.15, 0.05, 0.015, **CABIN),
    rbox("glass", 0.14, -0.32, 0.12, 0.02, 0.008, **CABIN),
    rbox("trim", -0.20, -0.345, 0.05, 0.075, 0.01, **CABIN),
    *_hull(-0.12, -0.17, -0.13),
)
BOATS = ((SAILBOAT, 0.36, 1.0), (YACHT, 0.2, 1.0), (TUG, 0.18, 0.95), (ROWBOAT, 0.12, 0.7), (FERRY, 0.14, 1.7))
