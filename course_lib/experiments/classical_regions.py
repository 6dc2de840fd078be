"""Lesson 90: what could regions without names give, if someone named them?

Every region gets its most frequent true class, an oracle that no method has: about the best that naming whole regions can do. More regions
make that easier for any way to cut, hence the null: in each picture a blind grid with as many regions. The same regions are also named by
the most frequent class that the shipped U-Net of lesson 00 gives to their pixels.
"""

import time

import numpy as np
import torch
from scipy import ndimage
from skimage import filters, segmentation

from course_lib import datasets, evidence
from course_lib.experiments import street_unet
from course_lib.experiments.classical_cells import flood
from course_lib.metrics import ConfusionMatrix
from course_lib.training import predict

N, CLASSES = 60, 9


def gradient(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> (H, W): the strongest edge of the three colors after a blur of half a pixel."""
    return np.max([filters.sobel(ndimage.gaussian_filter(image[..., c], 0.5)) for c in range(3)], axis=0)


def lattice_watershed(image: np.ndarray, count: int) -> np.ndarray:
    """Watershed of the gradient from about `count` markers on a regular lattice."""
    return segmentation.watershed(gradient(image), count) - 1


def minima_watershed(image: np.ndarray, depth: float) -> np.ndarray:
    """Watershed of the gradient from its own minima deeper than `depth`."""
    return flood(gradient(image), np.ones(image.shape[:2], bool), depth) - 1


def quickshift_regions(image: np.ndarray, kernel: float, reach: float) -> np.ndarray:
    """Quickshift in color and position: kernel is the bandwidth in pixels, reach the longest step to a denser pixel."""
    return segmentation.quickshift(image, kernel_size=kernel, max_dist=reach, ratio=0.5, rng=0)


def merged_regions(image: np.ndarray, scale: float) -> np.ndarray:
    """Felzenszwalb and Huttenlocher's merging along a graph, from which selective search starts."""
    return segmentation.felzenszwalb(image, scale=scale, sigma=0.5, min_size=10)


def grid_regions(size: tuple[int, int], count: int) -> np.ndarray:
    """A grid of about `count` equal rectangles."""
    rows = max(1, round(count**0.5))
    columns = max(1, round(count / rows))
    y, x = np.indices(size)
    return y * rows // size[0] * columns + x * columns // size[1]


def pixels(image: np.ndarray) -> np.ndarray:
    """Every pixel its own region: the oracle becomes perfect, and means nothing."""
    return np.arange(image[..., 0].size).reshape(image.shape[:2])


ARMS = {
    "watershed, 49 markers on a lattice": lambda image: lattice_watershed(image, 49),
    "watershed, 144 markers on a lattice": lambda image: lattice_watershed(image, 144),
    "watershed, minima deeper than 0.08": lambda image: minima_watershed(image, 0.08),
    "watershed, minima deeper than 0.03": lambda image: minima_watershed(image, 0.03),
    "quickshift, kernel 4, reach 20": lambda image: quickshift_regions(image, 4, 20),
    "quickshift, kernel 3, reach 10": lambda image: quickshift_regions(image, 3, 10),
    "quickshift, kernel 2, reach 6": lambda image: quickshift_regions(image, 2, 6),
    "graph merging, scale 400": lambda image: merged_regions(image, 400),
    "graph merging, scale 50": lambda image: merged_regions(image, 50),
    "every pixel a region": pixels,
}


def named(regions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Each region, 0 ... K-1, filled with the most frequent of the labels (H, W) in it."""
    votes = np.zeros((regions.max() + 1, CLASSES), np.int64)
    np.add.at(votes, (regions.ravel(), labels.ravel()), 1)
    return votes.argmax(1)[regions]


def miou(maps: list, truth: list) -> float:
    """mIoU of label maps over all pictures together."""
    matrix = ConfusionMatrix(CLASSES)
    for labels, target in zip(maps, truth, strict=True):
        matrix.update(torch.from_numpy(labels), torch.from_numpy(target))
    return matrix.miou()


def scenes(seed: int, n: int = N) -> tuple[list, list]:
    """n street scenes as arrays: images (H, W, 3) float in [0, 1], true classes (H, W) int64. No seed of a training set."""
    drawn = datasets.Scenes(n, 96, seed=1000 + seed)
    samples = [drawn[i] for i in range(n)]
    return [np.asarray(s[0].permute(1, 2, 0)) for s in samples], [np.asarray(s[1]["semantic"]) for s in samples]


def network_labels(images: list) -> list:
    """What the shipped U-Net of lesson 00 says."""
    model = street_unet.pretrained()
    return [predict(model, torch.from_numpy(image).permute(2, 0, 1)).numpy() for image in images]


def run(arm: str, images: list, truth: list, network: list) -> dict[str, float]:
    """Regions per picture, the mIoU if named by the truth, that of a blind grid with as many, and the mIoU if named by the network."""
    cut = [ARMS[arm](image) for image in images]
    grids = [grid_regions(r.shape, int(r.max()) + 1) for r in cut]
    return {
        "regions": float(np.mean([r.max() + 1 for r in cut])),
        "named": miou([named(r, t) for r, t in zip(cut, truth, strict=True)], truth),
        "grid": miou([named(g, t) for g, t in zip(grids, truth, strict=True)], truth),
        "network": miou([named(r, labels) for r, labels in zip(cut, network, strict=True)], truth),
    }


def main(seeds: int = 5) -> None:
    runs: dict[str, list] = {arm: [] for arm in ARMS}
    for seed in range(seeds):
        images, truth = scenes(seed)
        network = network_labels(images)
        for arm, done in runs.items():
            start = time.perf_counter()
            metrics = {name: round(value, 4) for name, value in run(arm, images, truth, network).items()}
            done.append({"seed": seed, "seconds": round(time.perf_counter() - start, 1), "metrics": metrics})
        print({arm: done[-1]["metrics"] for arm, done in runs.items()}, flush=True)
    arms = [{"name": arm, "params": 0, "macs": 0, "runs": done} for arm, done in runs.items()]
    evidence.save("90_classical_regions", command="python -m course_lib.experiments.classical_regions", arms=arms)


if __name__ == "__main__":
    main()
