"""Exercise 05, the question about the focal loss."""

import math

import torch
from torch import Tensor

from course_lib.checks.compare import difference
from course_lib.checks.losses_maps import (
    PAIR,
    all_void,
    batch,
    divided,
    gradient_of,
    gradient_words,
    loss_of,
    loss_words,
    not_below,
    one_hot,
    parts,
    pixel_losses,
    void_as,
)
from course_lib.checks.mistakes import explained


def _focal_parts(logits, target):
    """Loss and 1 - p of each pixel, valid, labels, p of all classes."""
    valid, labels, log_p = parts(logits, target)
    losses = pixel_losses(log_p, labels)
    return losses, -torch.expm1(-losses), valid, labels, log_p.exp()


def _focal(logits, target, gamma) -> float:
    losses, wrong, valid, *_ = _focal_parts(logits, target)
    return divided((wrong**gamma * losses)[valid].sum(), valid.sum())


def _paying(value):
    """A mistake: each pixel pays value(losses, wrong, gamma) instead."""

    def mistake(logits, target, gamma):
        losses, wrong, valid, *_ = _focal_parts(logits, target)
        return divided(value(losses, wrong, gamma)[valid].sum(), valid.sum())

    return mistake


def _over(count):
    """A mistake: the sum is divided by count(factors, valid, target) instead."""

    def mistake(logits, target, gamma):
        losses, wrong, valid, *_ = _focal_parts(logits, target)
        factors = wrong**gamma * valid
        return divided((factors * losses)[valid].sum(), count(factors, valid, target))

    return mistake


def _of_the_mean(logits, target, gamma):
    """The factor of the mean cross-entropy."""
    losses, _, valid, *_ = _focal_parts(logits, target)
    mean = divided(losses[valid].sum(), valid.sum())
    return (1 - math.exp(-mean)) ** gamma * mean


def _sigmoids(logits, target, gamma, mean: bool):
    """One-vs-rest focal loss: its mean over all classes, or their sum at each pixel."""
    valid, labels, _ = parts(logits, target)
    z, t = logits.double(), one_hot(labels, logits.shape[1])
    losses = torch.nn.functional.binary_cross_entropy_with_logits(z, t, reduction="none")
    total = ((-torch.expm1(-losses)) ** gamma * losses * valid[:, None]).sum()
    return divided(total, valid.sum() * (z.shape[1] if mean else 1))


def _of_pictures(void: float | None):
    """The mean over the pictures; void: the loss of one that is all void, None to leave it out."""

    def mistake(logits, target, gamma):
        here = (target != 255).flatten(1).any(1)
        if not here.any():
            raise ValueError  # no matter of pictures
        each = [_focal(logits[i : i + 1], target[i : i + 1], gamma) if here[i] else void for i in range(len(target))]
        each = [loss for loss in each if loss is not None]
        return divided(sum(each), len(each))

    return mistake


def _of_one_sigmoid(logits, target, gamma):
    """p is the sigmoid of the true class's logit."""
    valid, labels, _ = parts(logits, target)
    losses = -torch.nn.functional.logsigmoid(logits.double().gather(1, labels[:, None])[:, 0])
    return divided(((-torch.expm1(-losses)) ** gamma * losses)[valid].sum(), valid.sum())


def _without_the_sure(logits, target, gamma):
    """Pixels whose p rounds to 1 in the precision of the logits are not in the mean."""
    losses, wrong, valid, labels, _ = _focal_parts(logits, target)
    z = logits.float() if logits.dtype == torch.float16 else logits
    unsure = valid & (torch.exp(-pixel_losses(z.log_softmax(1), labels)) < 1)
    return divided((wrong**gamma * losses)[unsure].sum(), unsure.sum())


def _loss_with(least: float, logits, target, gamma) -> float:
    losses, wrong, valid, *_ = _focal_parts(logits, target)
    return divided((wrong**gamma * not_below(losses, least))[valid].sum(), valid.sum())


def _over_the_columns(logits, target, gamma):
    """The softmax over the columns of each row."""
    valid, labels, _ = parts(logits, target)
    losses = pixel_losses(logits.double().log_softmax(-1), labels)
    return divided(((-torch.expm1(-losses)) ** gamma * losses)[valid].sum(), valid.sum())


FOCAL_MISTAKES = {
    "this is plain cross-entropy: the factor is missing": lambda logits, target, gamma: _focal(logits, target, 0),
    "gamma is 2 here, whatever is given": lambda logits, target, gamma: _focal(logits, target, 2),
    "this is the factor of the *mean* cross-entropy: every pixel has its own p and its own factor": _of_the_mean,
    "the factor is p ** gamma here: it is (1 - p) ** gamma, small for pixels that are right": _paying(
        lambda losses, wrong, gamma: (1 - wrong) ** gamma * losses
    ),
    "the factor is 1 - p ** gamma here: it is (1 - p) ** gamma": _paying(
        lambda losses, wrong, gamma: (1 - (1 - wrong) ** gamma) * losses
    ),
    "the factor is gamma * (1 - p) here: gamma is an exponent": _paying(lambda losses, wrong, gamma: gamma * wrong * losses),
    "the factor multiplies p, not its log: a pixel pays (1 - p) ** gamma * (-log p)": _paying(
        lambda losses, wrong, gamma: wrong**gamma * (1 - wrong)
    ),
    "this is (1 - p) ** gamma alone: -log p is missing": _paying(lambda losses, wrong, gamma: wrong**gamma),
    "these are sigmoids, averaged over pixels *and* classes (as in torchvision's `sigmoid_focal_loss`): p is the softmax "
    "probability of the true class": lambda logits, target, gamma: _sigmoids(logits, target, gamma, True),
    "p is the sigmoid of the true class's logit here: it is the softmax probability, which depends on all of them": _of_one_sigmoid,
    "these are sigmoids, added up over the classes: p is the softmax probability of the true class": (
        lambda logits, target, gamma: _sigmoids(logits, target, gamma, False)
    ),
    "there is a factor 0.25 in it, RetinaNet's alpha: here each pixel has the same weight": _paying(
        lambda losses, wrong, gamma: 0.25 * wrong**gamma * losses
    ),
    "this is divided by the number of all pixels: divide by those that are not void": _over(
        lambda factors, valid, target: valid.numel()
    ),
    "this is divided by the sum of the factors: divide by the number of valid pixels": _over(
        lambda factors, valid, target: factors.sum()
    ),
    "this is divided by the number of pixels that are not class 0: divide by all that are not void": _over(
        lambda factors, valid, target: (valid & (target != 0)).sum().clamp(min=1)
    ),
    "this is the sum: divide it by the number of valid pixels": _over(lambda factors, valid, target: 1),
    "this is the mean over the pictures of their own losses: average over the pixels of the batch": _of_pictures(0.0),
    "this is the mean over the pictures of their own losses, and one is all void: average over the pixels of the batch": (
        _of_pictures(math.nan)
    ),
    "this is the mean over the pictures that are not all void of their own losses: average over the pixels of the batch": (
        _of_pictures(None)
    ),
    "pixels whose p rounds to 1 are left out of the mean: they pay nothing, but they are counted": _without_the_sure,
    "gamma is made a whole number here, cut or rounded: it need not be one": (
        lambda logits, target, gamma: _focal(logits, target, int(gamma))
    ),
    "gamma is made a whole number here, rounded: it need not be one": lambda logits, target, gamma: _focal(logits, target, round(gamma)),
    "void pixels are taken for class 0: leave them out": void_as(_focal, lambda classes: 0),
    "void pixels are taken for the last class: leave them out": void_as(_focal, lambda classes: classes - 1),
    "the sign is wrong: a pixel pays minus the log": lambda logits, target, gamma: -_focal(logits, target, gamma),
    "the softmax runs over the wrong dimension: the classes are dimension 1": _over_the_columns,
}  # fmt: skip


def _focal_gradient(logits, target, gamma) -> Tensor:
    losses, wrong, valid, labels, p = _focal_parts(logits, target)
    return _pull(_slope(losses, wrong, gamma), valid, labels, p, valid.sum().clamp(min=1))


def _slope(losses, wrong, gamma) -> Tensor:
    """By how much a pixel pulls in place of the 1 of cross-entropy."""
    if gamma == 0:
        return torch.ones_like(losses)
    safe = wrong.clamp(min=1e-300)
    return safe**gamma + gamma * (1 - wrong) * safe ** (gamma - 1) * losses


def _pull(slope, valid, labels, p, count) -> Tensor:
    return (slope * valid)[:, None] * (p - one_hot(labels, p.shape[1])) / count + 0.0  # no -0.0


def _pulling(slope_of, count=lambda valid: valid.sum().clamp(min=1)):
    def mistake(logits, target, gamma):
        losses, wrong, valid, labels, p = _focal_parts(logits, target)
        return _pull(slope_of(losses, wrong, gamma), valid, labels, p, count(valid))

    return mistake


FOCAL_GRADIENT_MISTAKES = {
    "here the factor (1 - p) ** gamma is held fixed: it depends on the logits as well, so it has a gradient too (`detach`, or a product "
    "rule without its second half?)": _pulling(lambda losses, wrong, gamma: wrong**gamma),
    "this is the gradient of plain cross-entropy": _pulling(lambda losses, wrong, gamma: torch.ones_like(losses)),
    "this is the gradient of the sum: divide by the number of valid pixels": _pulling(_slope, lambda valid: 1),
    "this is divided by the number of all pixels: divide by those that are not void": _pulling(
        _slope, lambda valid: valid.numel()
    ),
    "the sign is wrong: this is the way a step *down* the loss goes": (
        lambda logits, target, gamma: -_focal_gradient(logits, target, gamma)
    ),
    "the second half of the product rule has the wrong sign: where p grows, the factor falls, and -log p as well": _pulling(
        lambda losses, wrong, gamma: 2 * wrong**gamma - _slope(losses, wrong, gamma)
    ),
}  # fmt: skip


def focal_loss_properties(student, rng):
    loss, gradient = loss_of(student, PAIR), gradient_of(student)

    def case(gamma, *shape, **settings):
        return batch(rng, *shape, **settings) | {"gamma": gamma}

    def losses(text, *cases):
        return explained(text, loss, list(cases), _focal, FOCAL_MISTAKES, why_loss, tol=1e-5)

    def why_loss(failed):
        return loss_words(failed, loss_with=_loss_with)

    def why(failed):
        """A gradient of a wrong loss is no mistake of its own."""
        if failed.want is not None and difference(loss(**failed.given), _focal(**failed.given), 1e-5):
            return f"{failed.why}: your loss of this input is not right yet, so its gradient cannot be"
        return gradient_words(failed)

    def gradients(text, *cases, tol=1e-6):
        return explained(text, gradient, list(cases), _focal_gradient, FOCAL_GRADIENT_MISTAKES, why, tol=tol)

    def extreme(gamma, *shape, dtype=torch.float64, void=0.2):
        """Some pixels are sure and right, some sure and wrong, some neither."""
        one = case(gamma, *shape, void=void)
        logits = one["logits"] * torch.from_numpy(rng.choice([1, 1, 30, 300], (shape[1], 1, *shape[2:])))
        right = one_hot(one["target"], shape[0]) * torch.from_numpy(rng.choice([0, 5000], (shape[1], 1, *shape[2:])))
        return one | {"logits": (logits + right).to(dtype)}

    def nothing(gamma):
        return all_void(case(gamma, 3, 2, 2, 3))

    quarter = torch.tensor([1.0, 3.0], dtype=torch.float64).log().view(1, 2, 1, 1)  # p = 1/4
    paper = {"logits": quarter, "target": torch.zeros(1, 1, 1, dtype=torch.int64), "gamma": 1.0}
    void = [case(gamma, 4, 3, 5, 3, void=0.4) for gamma in (2.0, 1.0, 0.5)]
    void.append(all_void(case(2.0, 3, 3, 4, 5, void=0.2), 1))
    extremes = [extreme(2.0, 3, 2, 3, 5), extreme(0.5, 4, 2, 5, 3), extreme(0.0, 3, 1, 4, 7)]
    single, half = extreme(1.5, 3, 2, 6, 3, dtype=torch.float32), case(2.0, 3, 2, 5, 3, dtype=torch.float16)
    yield losses(
        "the loss: the pixel on paper, gamma 2, 1 and 3", paper, *(case(g, 3, 2, 3, 4) for g in (2.0, 1.0, 3.0))
    )
    yield losses(
        "gamma 0 is cross-entropy, and gamma need not be whole", *(case(g, 4, 2, 5, 3) for g in (0.0, 0.5, 1.7))
    )
    yield losses("void pixels do not count", *void)
    yield losses("pixels that are right, or wrong, for sure", *extremes, single)
    yield losses("float16 logits", half)
    yield gradients("the gradient, with void", paper, case(2.0, 3, 2, 3, 4), case(0.5, 4, 2, 5, 3), *void)
    yield gradients("the gradient of sure pixels: no NaN for any gamma", *extremes, single, tol=1e-4)
    yield losses("nothing but void: the loss is 0", nothing(2.0), nothing(0.0))
    yield gradients("nothing but void: the gradient is 0", nothing(2.0), nothing(0.5))
