"""Lesson 01: is it better to see much, coarsely, or to see little, sharply?

Street scenes, semantic truth. One network sees far, but answers with a 3 x 3 map (output stride 32), which is enlarged. The other
answers for every pixel, but sees only the 9 x 9 pixels around it. Both cost the same multiply-adds; another arm has the same
parameters. What else could explain a difference has an arm of its own: the color of the pixel alone; its position, which a network
that sees far can tell from the picture's edges; the width of the view at the same weights and cost (`tiles alone`); what a 3 x 3 map
can express at all (the two oracles, which know the truth). The last arm adds the scores of both networks; since that doubles the
cost, each of the two also runs at twice its cost.
"""

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import datasets, evidence
from course_lib.metrics import ConfusionMatrix
from course_lib.models.common import add_statistics
from course_lib.training import fit, predict

NAME = "01_context_or_resolution"
COMMAND = "python -m course_lib.experiments.context_or_resolution"
CLASSES = 9
BATCH = 4
BORDER = 2  # pixels
CELL = 32  # the output stride of the coarse arms


def layer(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Convolution, batch normalization, ReLU; the size stays."""
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


class Pixelwise(nn.Module):
    """A classifier of one small patch, slid over every pixel: images (N, 3, H, W) -> logits (N, 9, H, W).

    patch: side of what each answer sees, odd; the layers after the first are 1x1. position: give it the pixel's row and column
    too, each from -1 to 1.
    """

    def __init__(self, patch: int, width: int, position: bool = False):
        super().__init__()
        self.position = position
        self.body = nn.Sequential(
            *layer(5 if position else 3, width, patch), *layer(width, width, 1), nn.Conv2d(width, CLASSES, 1)
        )
        add_statistics(self, 3)

    def forward(self, images: Tensor) -> Tensor:
        if self.position:
            n, _, height, width = images.shape
            rows = torch.linspace(-1, 1, height, device=images.device).view(1, 1, height, 1).expand(n, 1, height, width)
            columns = torch.linspace(-1, 1, width, device=images.device).expand(n, 1, height, width)
            images = torch.cat([images, rows, columns], 1)
        return self.body(images)


class Coarse(nn.Module):
    """A small classification network whose last map, at stride 32, is enlarged: images (N, 3, H, W) -> logits (N, 9, H, W).

    widths: channels of the five stages, each of a 3x3 convolution and a max-pooling. alone: every 32 x 32 tile goes through the
    network by itself, so that an answer sees nothing beyond its tile; 32 must then divide H and W.
    """

    def __init__(self, widths: tuple[int, ...], alone: bool = False):
        super().__init__()
        self.alone = alone
        layers, inputs = [], 3
        for width in widths:
            layers += [*layer(inputs, width, 3), nn.MaxPool2d(2)]
            inputs = width
        self.body = nn.Sequential(*layers, nn.Conv2d(inputs, CLASSES, 1))
        add_statistics(self, 3)

    def coarse(self, images: Tensor) -> Tensor:
        """The map before it is enlarged: (N, 9, H / 32, W / 32)."""
        if not self.alone:
            return self.body(images)
        n, c, height, width = images.shape
        rows, columns = height // CELL, width // CELL
        tiles = images.view(n, c, rows, CELL, columns, CELL).permute(0, 2, 4, 1, 3, 5).reshape(-1, c, CELL, CELL)
        return self.body(tiles).view(n, rows, columns, CLASSES).permute(0, 3, 1, 2)

    def forward(self, images: Tensor) -> Tensor:
        return enlarge(self.coarse(images), images.shape[-2:])


def enlarge(logits: Tensor, size) -> Tensor:
    """Bilinear interpolation to `size`, as a segmentation network does it."""
    return F.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)


class Both(nn.Module):
    """The scores of the two decisive networks, added: images (N, 3, H, W) -> logits (N, 9, H, W)."""

    def __init__(self):
        super().__init__()
        self.sharp, self.wide = Pixelwise(9, 24), Coarse(WIDTHS)
        add_statistics(self, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.sharp(images) + self.wide(images)


WIDTHS = (20, 40, 80, 144, 176)  # so that the multiply-adds are those of the 9 x 9 patch network
SHORT, LONG = 200, 600  # steps of BATCH pictures
# Each arm: its network, learning rate, steps. The rate is the best of 0.004, 0.01 and 0.025 after 200 steps, by mIoU on 100 other
# scenes (seed 2), for both decisive arms, their sum and the narrow network; other variants take the rate of the arm they vary.
ARMS: dict[str, tuple[Callable[[], nn.Module], float, int]] = {
    "color alone": (lambda: Pixelwise(1, 32), 0.025, SHORT),
    "9×9 patch": (lambda: Pixelwise(9, 24), 0.025, SHORT),
    "9×9 patch and position": (lambda: Pixelwise(9, 24, position=True), 0.025, SHORT),
    "9×9 patch, twice the cost": (lambda: Pixelwise(9, 45), 0.025, SHORT),
    "stride 32": (lambda: Coarse(WIDTHS), 0.004, SHORT),
    "stride 32, tiles alone": (lambda: Coarse(WIDTHS, alone=True), 0.004, SHORT),
    "stride 32, few parameters": (lambda: Coarse((4, 8, 12, 16, 20)), 0.025, SHORT),
    "stride 32, twice the cost": (lambda: Coarse((29, 57, 114, 205, 250)), 0.004, SHORT),
    "both, scores added": (Both, 0.01, SHORT),
    "9×9 patch, 600 steps": (lambda: Pixelwise(9, 24), 0.025, LONG),
    "stride 32, 600 steps": (lambda: Coarse(WIDTHS), 0.004, LONG),
    "both, 600 steps": (Both, 0.01, LONG),
}
DECISIVE = ("9×9 patch", "stride 32")  # a GPU trains those that end in ", 600 steps"


def scenes() -> tuple[datasets.Scenes, datasets.Scenes]:
    """Training and validation scenes of 96 x 96 pixels: 320, and the 100 of lesson 00."""
    return datasets.Scenes(320, 96, seed=0), datasets.Scenes(100, 96, seed=1)


def truths(dataset) -> Tensor:
    """All semantic maps of a data set, (N, H, W) int64."""
    return torch.stack([torch.as_tensor(dataset[i][1]["semantic"]) for i in range(len(dataset))])


def predictions(model: nn.Module, dataset, batch_size: int = 25) -> Tensor:
    """The model's label maps for a whole data set, (N, H, W) int64."""
    images = torch.stack([torch.as_tensor(dataset[i][0]) for i in range(len(dataset))])
    return torch.cat([predict(model, batch) for batch in images.split(batch_size)])


def near_border(labels: Tensor, radius: int = BORDER) -> Tensor:
    """(N, H, W) int64 -> bool: pixels with another class at most `radius` rows and columns away."""
    side = 2 * radius + 1
    maps = labels[:, None].float()
    highest, lowest = (sign * F.max_pool2d(sign * maps, side, 1, radius) for sign in (1, -1))
    return (highest != lowest)[:, 0]


def measure(predicted: Tensor, truth: Tensor, things) -> dict[str, float]:
    """Figures of label maps (N, H, W): mIoU; accuracy on all pixels, near class borders, elsewhere, on things and on stuff."""
    right, border = predicted == truth, near_border(truth)
    thing = torch.isin(truth, torch.tensor(sorted(things)))
    matrix = ConfusionMatrix(CLASSES).update(predicted, truth)
    parts = {
        "accuracy": torch.ones_like(right),
        "border": border,
        "interior": ~border,
        "things": thing,
        "stuff": ~thing,
    }
    return {"miou": matrix.miou()} | {name: right[part].float().mean().item() for name, part in parts.items()}


# ------------------------------------------------------------------------------------------ answers without a network
def most_frequent(train: Tensor, truth: Tensor) -> Tensor:
    """Every pixel gets the most frequent class of the training maps."""
    return torch.full_like(truth, int(train.flatten().bincount().argmax()))


def frequent_in_row(train: Tensor, truth: Tensor) -> Tensor:
    """Every pixel gets the most frequent class of its row in the training maps: all that vertical position tells."""
    counts = F.one_hot(train, CLASSES).sum((0, 2))  # (H, 9)
    return counts.argmax(1)[None, :, None].expand_as(truth)


def reduced_truth(truth: Tensor) -> Tensor:
    """The truth's own class shares in each 32 x 32 cell, enlarged: what seems the best that a 3 x 3 map can say."""
    shares = F.avg_pool2d(F.one_hot(truth, CLASSES).permute(0, 3, 1, 2).float(), CELL)
    return enlarge(shares, truth.shape[-2:]).argmax(1)


def best_coarse_map(truth: Tensor, steps: int = 200) -> Tensor:
    """The 3 x 3 map of logits fitted to each truth by gradient descent, enlarged: about the best it can say."""
    n, height, width = truth.shape
    logits = torch.zeros(n, CLASSES, height // CELL, width // CELL, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(enlarge(logits, truth.shape[-2:]), truth, reduction="sum").backward()
        optimizer.step()
    return enlarge(logits.detach(), truth.shape[-2:]).argmax(1)


# -------------------------------------------------------------------------------------------------------- the arms
def build(arm: str, seed: int) -> nn.Module:
    """The untrained network of an arm."""
    torch.manual_seed(seed)
    return ARMS[arm][0]()


def run(arm: str, seed: int, train, val) -> tuple[nn.Module, dict[str, float]]:
    """Train one arm on the best device. Returns the model, on the CPU, and `measure`'s figures on `val`."""
    _, rate, steps = ARMS[arm]
    model = build(arm, seed)
    fit(model, train, steps=steps, batch_size=BATCH, lr=rate, seed=seed, progress=False)
    model.cpu()
    return model, measure(predictions(model, val), truths(val), val.things)


def main() -> None:
    train, val = scenes()
    maps, truth = truths(train), truths(val)
    fixed = {
        "most frequent class": most_frequent(maps, truth),
        "most frequent class of the row": frequent_in_row(maps, truth),
        "truth, averaged to 3×3": reduced_truth(truth),
        "truth, best 3×3 map": best_coarse_map(truth),
    }
    arms = []
    for name, answer in fixed.items():
        figures = rounded(measure(answer, truth, val.things))
        arms.append({"name": name, "params": 0, "macs": 0, "runs": [{"seed": 0, "seconds": 0.0, "metrics": figures}]})
    for name in ARMS:
        model, runs = build(name, 0), []
        for seed in range(3):
            start = time.process_time()
            figures = rounded(run(name, seed, train, val)[1])
            runs.append({"seed": seed, "seconds": round(time.process_time() - start, 1), "metrics": figures})
            print(name, runs[-1], flush=True)
        cost = evidence.macs(model, torch.zeros(1, 3, 96, 96))
        arms.append({"name": name, "params": sum(p.numel() for p in model.parameters()), "macs": cost, "runs": runs})
    evidence.save(NAME, command=COMMAND, arms=arms)


def rounded(figures: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in figures.items()}


if __name__ == "__main__":
    main()
