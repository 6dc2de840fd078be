"""Generated scenes: the course's default pictures, drawn on demand, with every ground truth. The variants:

street      nine classes; town, park, river and road in changing light, season and weather, with occlusion
parts       the same world from nearer; the target also has `parts`, a map of what the things are made of
context     the same vehicle is a car or a boat; only what stands on the horizon decides
mosaic      four context worlds in one picture, each with its own cue
multiscale  balloons, kites and blimps of 5 to 60 units, told apart by outline alone

A picture of 96 x 96 has units of one pixel; larger ones show things larger, in the same world: unit = sqrt(height * width) / 96.
"""

from . import context, multiscale, street
from .drawing.stage import PART_CLASSES
from .generated import Generated

VARIANTS = {
    "street": (street, street.draw, 0),
    "parts": (street, street.draw_parts, 1),
    "context": (context, context.draw, 2),
    "mosaic": (context, context.draw_mosaic, 3),
    "multiscale": (multiscale, multiscale.draw, 4),
}


class Scenes(Generated):
    """n scenes of one variant. size: pixels, one number or (height, width), each 64 ... 512; seed: a whole number >= 0.

    transform(image, target) -> (image, target): a torchvision.transforms.v2 transform; fill masks with `datasets.FILL`.
    Has `classes`, `colors`, `things`; variant "parts" also `part_classes` (0 is "no part"), with target["parts"] int64 (H, W).
    Raises ValueError or TypeError for what does not fit.
    """

    def __init__(self, n=320, size=96, *, variant="street", seed=0, transform=None):
        if variant not in tuple(VARIANTS):
            raise ValueError(f"Scenes: variant is {variant!r}; it must be one of {', '.join(VARIANTS)}")
        world, draw, tag = VARIANTS[variant]
        super().__init__("Scenes", n, size, seed, transform, draw, tag)
        self.variant = variant
        self.classes, self.colors, self.things = world.CLASSES, world.COLORS, world.THINGS
        if variant == "parts":
            self.part_classes = PART_CLASSES

    def _paint(self, index):
        if self.variant != "context":
            return super()._paint(index)
        # Pictures 2k and 2k + 1 show different worlds, so cars and boats are about equally many in any set.
        coin = int(self._rng(index // 2, 2).integers(2))
        return context.draw(self._rng(index), *self.size, harbor=(index + coin) % 2 == 1)

    def cue_distance(self, index: int) -> tuple[float, ...]:
        """Variants "context" and "mosaic": for each object of picture `index` (before any transform), the least distance in pixels
        from its mask to what decides its class. A network must see that far from some pixel of the object."""
        distances = self.picture(index).numbers
        if distances is None:
            raise ValueError(f"Scenes.cue_distance: variant {self.variant!r} has no cue; use context or mosaic")
        return distances
