"""Lesson 08: four training pictures. What does elastic deformation add, and is it more than any other new view would add?

All arms see the same four pictures for the same number of steps, with border weights, which are warped with the picture. "flips"
are the cheapest new views; "rotation and scale" turns by any angle and scales by 0.8 to 1.25; "elastic" is `datasets.Elastic` with 4x4
vectors of 3 pixels, so a picture of 96 pixels is bent by a few pixels over 32. Thresholds are chosen on 30 validation pictures, a
luxury that nobody has who has four to learn from; at 0.5 is therefore given too.
"""

from torchvision.transforms import v2

from course_lib import datasets
from course_lib.experiments import unet_cells
from course_lib.experiments.unet_cells import Pictures

PICTURES = 4
TURN = v2.RandomAffine(180, scale=(0.8, 1.25), interpolation=v2.InterpolationMode.BILINEAR, fill=dict(datasets.FILL))
BEND = datasets.Elastic(grid=4, sd=3.0)
ARMS = {
    "none": None,
    "flips": unet_cells.FLIPS,
    "elastic": BEND,
    "rotation and scale": TURN,
    "rotation, scale, elastic": v2.Compose([TURN, BEND]),
}


def train(arm: str, data: Pictures, seed: int, steps: int = unet_cells.STEPS):
    """The net after so many steps on these pictures, changed anew each time as the arm says."""
    return unet_cells.train(unet_cells.build(seed), data, seed, weights="gaps", transform=ARMS[arm], steps=steps)


def measure(model, val: Pictures, test: Pictures) -> tuple:
    """((threshold, None) chosen on val, metrics on test, among them f1_half, object F1 at threshold 0.5)."""
    chosen = unet_cells.choose(unet_cells.probabilities(model, val), val.ids)
    maps = unet_cells.probabilities(model, test)
    half = unet_cells.object_f1(maps, test.ids, 0.5)
    return chosen, unet_cells.measure(maps, test.ids, *chosen) | {"f1_half": half}


def main() -> None:
    unet_cells.compare("unet_augmentation", ARMS, PICTURES, train, measure)


if __name__ == "__main__":
    main()
