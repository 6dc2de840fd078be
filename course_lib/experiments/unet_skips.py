"""Lesson 08: what do skips add to a U-Net on touching nuclei, and what do attention gates and deep supervision add to skips?

Without concatenation a decoder block has half the input. So the arms that add or leave out skips are 9 channels wide instead of 8,
and cost 2 % more multiply-adds than the one that concatenates. All learn with border weights, but for the last: coarse maps have
no gaps to weigh, so deep supervision is also tried with equal weights; its partner is "equal" in `unet_separation`.
"""

from course_lib.experiments import unet_cells
from course_lib.experiments.unet_cells import Pictures

ARMS = {  # width, options, weights of the pixels
    "concat": (8, {}, "gaps"),
    "add": (9, {"skips": "add"}, "gaps"),
    "none": (9, {"skips": "none"}, "gaps"),
    "concat, attention gates": (8, {"attention": True}, "gaps"),
    "concat, deep supervision": (8, {"deep_supervision": True}, "gaps"),
    "concat, deep supervision, equal weights": (8, {"deep_supervision": True}, "equal"),
}


def build(arm: str, seed: int):
    """The untrained net of an arm."""
    width, options, _ = ARMS[arm]
    return unet_cells.build(seed, width, **options)


def train(arm: str, data: Pictures, seed: int, steps: int = unet_cells.STEPS):
    """The net of an arm after so many steps with flips."""
    return unet_cells.train(build(arm, seed), data, seed, weights=ARMS[arm][2], steps=steps)


def measure(model, val: Pictures, test: Pictures) -> tuple:
    """((threshold, None) chosen on val, metrics on test)."""
    chosen = unet_cells.choose(unet_cells.probabilities(model, val), val.ids)
    return chosen, unet_cells.measure(unet_cells.probabilities(model, test), test.ids, *chosen)


def main() -> None:
    unet_cells.compare("unet_skips", ARMS, None, train, measure)


if __name__ == "__main__":
    main()
