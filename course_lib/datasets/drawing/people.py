"""People: one unit tall, their feet at y = 0, facing right."""

from .sprites import Sprite, oval, poly, rbox

FLAT = {"top": 1.0, "bottom": 1.0}


def _person(near_foot, far_foot, hand, *, skirt=False, umbrella=False, bag=False):
    """near_foot, far_foot: x of the feet; hand: (x, y) of the near hand."""
    head, torso, legs = ({"part": p} for p in ("head", "torso", "legs"))
    hx, hy = hand

    def leg(slot, hip, foot, tone):
        return [
            poly(
                slot,
                (hip - 0.055, -0.50),
                (hip + 0.055, -0.50),
                (foot + 0.035, -0.03),
                (foot - 0.04, -0.03),
                **legs,
                top=tone,
                bottom=tone * 0.92,
            ),
            rbox("shoe", foot + 0.015, -0.022, 0.055, 0.022, 0.015, **legs, **FLAT),
        ]

    def arm(slot, x, y, tone):
        side = 0.1 if x > 0 else -0.1
        return poly(
            slot,
            (side - 0.04, -0.78),
            (side + 0.04, -0.78),
            (x + 0.03, y),
            (x - 0.03, y),
            **torso,
            top=tone,
            bottom=tone * 0.9,
        )

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
                poly(
                    "umbrella",
                    (hx - 0.30, -1.05),
                    (hx - 0.20, -1.17),
                    (hx, -1.24),
                    (hx + 0.20, -1.17),
                    (hx + 0.30, -1.05),
                    **torso,
                ),
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
