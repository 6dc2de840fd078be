"""Cars, people and boats as lists of convex shapes. The origin is where the thing touches the ground or the water line.

Cars and boats are one unit long, people one unit tall; y points down, so what stands above the ground has y < 0.
Slots name colours of the palette; parts name what the variant "parts" asks for.
"""

from .canvas import Sprite, oval, poly, rbox

PARTS = {
    "car body": "car",
    "car window": "car",
    "car wheel": "car",
    "car light": "car",
    "head": "person",
    "torso": "person",
    "legs": "person",
    "hull": "boat",
    "cabin": "boat",
    "mast": "boat",
    "sail": "boat",
}
BODY, GLASS, WHEEL, LIGHT = ({"part": p} for p in ("car body", "car window", "car wheel", "car light"))
FLAT = {"top": 1.0, "bottom": 1.0}


def _wheels(r, *centres):
    """Arch, tyre, rim and hub at each x."""
    return [
        shape
        for x in centres
        for shape in (
            rbox("dark", x, -1.25 * r, 1.22 * r, 1.1 * r, 1.0 * r, **BODY, top=0.9, bottom=0.9),
            oval("tyre", x, -r, r, r, **WHEEL, **FLAT),
            oval("rim", x, -r, 0.56 * r, 0.56 * r, **WHEEL),
            oval("tyre", x, -r, 0.16 * r, 0.16 * r, **WHEEL, **FLAT),
        )
    ]


def _glint(*points):
    return poly("white", *points, opacity=0.22, **FLAT)


def _line(cx, cy, hx, hy, opacity=0.3):
    return rbox("dark", cx, cy, hx, hy, opacity=opacity, **FLAT)


def _ends(front, back, y, r=0.03):
    return [
        oval("lamp", front, y, 0.024, r, **LIGHT, **FLAT),
        rbox("brake", back, y, 0.016, r, 0.01, **LIGHT, **FLAT),
    ]


SEDAN = Sprite(
    poly("body", (-0.34, -0.21), (-0.21, -0.365), (-0.15, -0.38), (0.06, -0.38), (0.11, -0.365), (0.28, -0.21), **BODY),
    poly("body", (-0.5, -0.14), (-0.48, -0.22), (-0.40, -0.245), (0.26, -0.24), (0.43, -0.205), (0.495, -0.15), (0.49, -0.07), (-0.49, -0.07), **BODY),
    poly("glass", (-0.285, -0.225), (-0.185, -0.345), (-0.065, -0.35), (-0.065, -0.23), **GLASS),
    poly("glass", (-0.035, -0.23), (-0.035, -0.35), (0.085, -0.345), (0.215, -0.225), **GLASS),
    _glint((-0.03, -0.235), (0.03, -0.345), (0.075, -0.345), (0.015, -0.235)),
    rbox("dark", 0, -0.075, 0.485, 0.016, 0.01, **BODY, top=1.6, bottom=1.2),
    _line(-0.05, -0.16, 0.004, 0.075),
    _line(0.155, -0.165, 0.004, 0.06),
    *_ends(0.465, -0.485, -0.175),
    *_wheels(0.092, -0.295, 0.295),
)
HATCHBACK = Sprite(
    poly("body", (-0.44, -0.22), (-0.38, -0.39), (-0.30, -0.43), (0.02, -0.43), (0.09, -0.40), (0.28, -0.23), **BODY),
    poly("body", (-0.47, -0.16), (-0.45, -0.25), (0.26, -0.26), (0.42, -0.22), (0.475, -0.15), (0.47, -0.08), (-0.46, -0.08), **BODY),
    poly("glass", (-0.375, -0.25), (-0.335, -0.375), (-0.28, -0.395), (-0.12, -0.395), (-0.12, -0.25), **GLASS),
    poly("glass", (-0.085, -0.25), (-0.085, -0.395), (0.01, -0.395), (0.06, -0.375), (0.20, -0.25), **GLASS),
    _glint((-0.08, -0.26), (-0.02, -0.39), (0.03, -0.39), (-0.03, -0.26)),
    rbox("dark", 0, -0.085, 0.465, 0.018, 0.01, **BODY, top=1.6, bottom=1.2),
    _line(-0.10, -0.18, 0.004, 0.08),
    *_ends(0.445, -0.455, -0.20),
    *_wheels(0.10, -0.285, 0.285),
)
VAN = Sprite(
    poly("body", (-0.49, -0.10), (-0.49, -0.43), (-0.46, -0.46), (0.18, -0.46), (0.25, -0.43), (0.40, -0.255), (0.49, -0.22), (0.495, -0.08), (-0.48, -0.07), **BODY),
    poly("glass", (0.13, -0.26), (0.13, -0.41), (0.21, -0.41), (0.345, -0.255), **GLASS),
    poly("glass", (-0.05, -0.26), (-0.05, -0.41), (0.10, -0.41), (0.10, -0.26), **GLASS),
    _glint((0.14, -0.27), (0.18, -0.40), (0.21, -0.40), (0.18, -0.27)),
    rbox("white", -0.20, -0.205, 0.28, 0.018, **BODY, opacity=0.6),
    rbox("dark", 0, -0.08, 0.485, 0.016, 0.01, **BODY, top=1.6, bottom=1.2),
    _line(-0.07, -0.27, 0.004, 0.165),
    _line(0.115, -0.27, 0.004, 0.165),
    *_ends(0.47, -0.478, -0.19),
    *_wheels(0.088, -0.31, 0.31),
)
BUS = Sprite(
    rbox("body", 0, -0.195, 0.495, 0.155, 0.03, **BODY),
    rbox("glass", 0.005, -0.245, 0.46, 0.055, 0.012, **GLASS),
    *[rbox("body", x, -0.245, 0.008, 0.056, **BODY) for x in (-0.30, -0.14, 0.02, 0.18, 0.33)],
    rbox("glass", 0.395, -0.19, 0.045, 0.10, 0.008, **GLASS),
    _glint((-0.28, -0.20), (-0.25, -0.295), (-0.18, -0.295), (-0.21, -0.20)),
    rbox("white", -0.08, -0.145, 0.415, 0.014, **BODY),
    rbox("dark", 0, -0.052, 0.49, 0.012, 0.006, **BODY, top=1.6, bottom=1.2),
    *_ends(0.482, -0.488, -0.10, 0.018),
    *_wheels(0.052, -0.32, 0.27),
)
PICKUP = Sprite(
    poly("body", (-0.5, -0.13), (-0.49, -0.255), (0.30, -0.25), (0.44, -0.225), (0.49, -0.17), (0.49, -0.09), (-0.49, -0.09), **BODY),
    poly("body", (-0.10, -0.24), (-0.07, -0.41), (0.10, -0.41), (0.145, -0.39), (0.26, -0.24), **BODY),
    poly("glass", (-0.06, -0.25), (-0.035, -0.38), (0.09, -0.38), (0.115, -0.365), (0.195, -0.25), **GLASS),
    _glint((0.0, -0.26), (0.03, -0.37), (0.075, -0.37), (0.045, -0.26)),
    rbox("dark", -0.30, -0.252, 0.185, 0.012, **BODY),
    rbox("dark", 0, -0.095, 0.485, 0.018, 0.01, **BODY, top=1.6, bottom=1.2),
    _line(-0.085, -0.18, 0.004, 0.07),
    *_ends(0.47, -0.485, -0.195),
    *_wheels(0.105, -0.31, 0.31),
)
TRUCK = Sprite(
    rbox("dark", 0, -0.10, 0.48, 0.025, **BODY, top=1.4, bottom=1.0),
    rbox("cargo", -0.14, -0.285, 0.355, 0.165, 0.012, **BODY),
    rbox("body", -0.14, -0.25, 0.355, 0.022, **BODY),
    poly("body", (0.24, -0.09), (0.24, -0.36), (0.40, -0.36), (0.47, -0.235), (0.495, -0.22), (0.495, -0.09), **BODY),
    poly("glass", (0.30, -0.23), (0.30, -0.33), (0.39, -0.33), (0.44, -0.23), **GLASS),
    _line(-0.14, -0.285, 0.003, 0.16, 0.2),
    *_ends(0.475, -0.49, -0.145, 0.022),
    *_wheels(0.07, -0.36, -0.20, 0.34),
)
CARS = ((SEDAN, 0.34, 1.0), (HATCHBACK, 0.22, 0.86), (VAN, 0.14, 1.12), (BUS, 0.09, 1.9), (PICKUP, 0.12, 1.08), (TRUCK, 0.09, 1.5))
"""(sprite, how often, length in car lengths)"""


def _end_view(front: bool):
    """A car seen from the front or from behind; one unit is its length, as for the others, so it is 0.44 wide."""
    lamp = "lamp" if front else "brake"
    return Sprite(
        rbox("tyre", -0.16, -0.04, 0.035, 0.045, 0.01, **WHEEL, **FLAT),
        rbox("tyre", 0.16, -0.04, 0.035, 0.045, 0.01, **WHEEL, **FLAT),
        poly("body", (-0.185, -0.20), (-0.135, -0.355), (-0.10, -0.37), (0.10, -0.37), (0.135, -0.355), (0.185, -0.20), **BODY),
        rbox("body", 0, -0.14, 0.215, 0.085, 0.035, **BODY),
        poly("glass", (-0.155, -0.215), (-0.115, -0.335), (0.115, -0.335), (0.155, -0.215), **GLASS),
        _glint((-0.06, -0.22), (-0.01, -0.33), (0.05, -0.33), (0.0, -0.22)),
        rbox("dark", 0, -0.145, 0.09, 0.02, 0.01, **BODY) if front else _line(0, -0.20, 0.16, 0.004),
        rbox("dark", 0, -0.075, 0.21, 0.018, 0.012, **BODY, top=1.6, bottom=1.2),
        rbox("white", 0, -0.095, 0.045, 0.014, **BODY),
        oval(lamp, -0.165, -0.15, 0.036, 0.026, **LIGHT, **FLAT),
        oval(lamp, 0.165, -0.15, 0.036, 0.026, **LIGHT, **FLAT),
    )


CAR_FRONT, CAR_BACK = _end_view(True), _end_view(False)


# ------------------------------------------------------------------------------------------------ people
def _person(near_foot, far_foot, hand, *, skirt=False, umbrella=False, bag=False):
    """near_foot, far_foot: x of the feet; hand: (x, y) of the near hand."""
    head, torso, legs = ({"part": p} for p in ("head", "torso", "legs"))
    hx, hy = hand

    def leg(slot, hip, foot, tone):
        return [
            poly(slot, (hip - 0.055, -0.50), (hip + 0.055, -0.50), (foot + 0.035, -0.03), (foot - 0.04, -0.03), **legs, top=tone, bottom=tone * 0.92),
            rbox("shoe", foot + 0.015, -0.022, 0.055, 0.022, 0.015, **legs, **FLAT),
        ]

    def arm(slot, x, y, tone):
        side = 0.1 if x > 0 else -0.1
        return poly(slot, (side - 0.04, -0.78), (side + 0.04, -0.78), (x + 0.03, y), (x - 0.03, y), **torso, top=tone, bottom=tone * 0.9)

    return Sprite(
        arm("top", -hx, hy, 0.75),
        *leg("bottom", -0.03, far_foot, 0.78),
        *leg("bottom", 0.035, near_foot, 1.0),
        *([poly("bottom", (-0.09, -0.55), (0.09, -0.55), (0.15, -0.25), (-0.15, -0.25), **legs)] if skirt else []),
        rbox("top", 0, -0.645, 0.118, 0.175, 0.065, **torso),
        *([rbox("shoe", -0.15, -0.64, 0.055, 0.11, 0.04, **torso, top=1.6, bottom=1.2)] if bag else []),
        arm("top", hx, hy, 0.92),
        oval("skin", hx, hy, 0.032, 0.032, **torso),
        rbox("skin", 0, -0.82, 0.035, 0.03, **head, top=0.85, bottom=0.85),
        oval("hair", -0.008, -0.915, 0.082, 0.085, **head),
        oval("skin", 0.014, -0.897, 0.068, 0.078, **head),
        poly("hair", (-0.08, -0.93), (-0.05, -0.99), (0.045, -0.99), (0.075, -0.935), **head),
        *(
            [
                rbox("shoe", hx, -0.86, 0.009, 0.24, **torso),
                poly("umbrella", (hx - 0.30, -1.05), (hx - 0.20, -1.17), (hx, -1.24), (hx + 0.20, -1.17), (hx + 0.30, -1.05), **torso),
            ]
            if umbrella
            else []
        ),
    )


PEOPLE = (
    _person(0.05, -0.05, (0.15, -0.50)),
    _person(0.13, -0.12, (0.17, -0.54)),
    _person(-0.10, 0.12, (-0.14, -0.53), bag=True),
    _person(0.05, -0.05, (0.14, -0.52), skirt=True),
    _person(0.09, -0.08, (0.20, -0.62), bag=True),
)
UMBRELLA = _person(0.10, -0.09, (0.12, -0.64), umbrella=True)

# ------------------------------------------------------------------------------------------------ boats
HULL, CABIN, MAST, SAIL = ({"part": p} for p in ("hull", "cabin", "mast", "sail"))


def _hull(stern, bow, deck, keel=0.05):
    """stern, bow, deck, keel: heights (negative: above the water line) at the back, the tip, the bow's root and the bottom."""
    return [
        poly("hull", (0.05, deck), (0.52, bow), (0.47, 0.0), (0.38, keel), (0.0, keel), **HULL, top=1.1, bottom=0.66),
        poly("hull", (-0.46, stern), (0.30, deck), (0.40, deck + 0.02), (0.40, keel), (-0.41, keel), **HULL, top=1.1, bottom=0.66),
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
