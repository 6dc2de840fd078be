"""Exercise 04, what its checks share: label maps and matrices to ask about, counted in the plainest way."""

import numpy as np
import torch
from torch import Tensor

VOID = 255


def as_tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array))


def matrix(prediction, target, num_classes: int, void: int = VOID) -> np.ndarray:
    """Pixels of each (true, predicted) class, int64 (num_classes, num_classes), without the void of the target."""
    truth, guess = (np.asarray(labels).astype(np.int64).ravel() for labels in (target, prediction))
    counts = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(counts, (truth[truth != void], guess[truth != void]), 1)
    return counts


def label_maps(
    rng,
    num_classes: int,
    *shape: int,
    void=0.0,
    wild=False,
    wrong=0.4,
    truth=None,
    guess=None,
    dtypes=(torch.int64,) * 2,
    label=VOID,
) -> dict:
    """A case: prediction and target, whose labels differ in at most about the share `wrong` of the pixels.

    truth, guess: the classes that occur in the target, and those that wrong pixels are called; all of them unless told
    otherwise. void: the share of void pixels, `label` their number; wild: anything is predicted there, else a class. dtypes: of
    prediction and target.
    """
    truth, guess = (range(num_classes) if classes is None else classes for classes in (truth, guess))
    target = rng.choice(truth, shape)
    target.flat[0] = truth[-1]  # the last class occurs, where it may
    prediction = np.where(rng.random(shape) < wrong, rng.choice(guess, shape), target)
    unlabeled = rng.random(shape) < void
    if void:
        unlabeled.flat[-1] = True
    if wild:
        prediction = np.where(unlabeled, rng.integers(0, 256, shape), prediction)
        prediction.flat[-1] = VOID
    return {
        "prediction": torch.from_numpy(prediction).to(dtypes[0]),
        "target": torch.from_numpy(np.where(unlabeled, label, target)).to(dtypes[1]),
        "num_classes": num_classes,
    }


def random_counts(rng, num_classes: int, absent=(), hallucinated=(), missed=()) -> Tensor:
    """A confusion matrix, int64 (num_classes, num_classes).

    absent: classes that occur nowhere; hallucinated: only in the prediction; missed: only in the truth.
    """
    counts = rng.integers(1, 40, (num_classes, num_classes)) + np.diag(rng.integers(0, 200, num_classes))
    counts[[*absent, *hallucinated]] = 0
    counts[:, [*absent, *missed]] = 0
    return as_tensor(counts)
