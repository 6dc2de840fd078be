"""The questions of exercise 05: cross-entropy and its gradient here; the others in `losses_*`."""

import torch
from torch import Tensor

from course_lib.checks.compare import difference
from course_lib.checks.core import Question
from course_lib.checks.losses_dice import dice_loss_properties
from course_lib.checks.losses_focal import focal_loss_properties
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
from course_lib.checks.losses_ohem import ohem_loss_properties
from course_lib.checks.losses_tversky import tversky_properties
from course_lib.checks.losses_weights import class_weights_properties
from course_lib.checks.mistakes import explained

# 2 · cross-entropy


def _pieces(logits, target, weight):
    """Weight of each pixel (0 where void), loss of each pixel, both (N, H, W) float64; valid, labels, log p as `parts`."""
    valid, labels, log_p = parts(logits, target)
    return weight.double()[labels] * valid, pixel_losses(log_p, labels), valid, labels, log_p


def _loss(logits, target, weight) -> float:
    w, losses, *_ = _pieces(logits, target, weight)
    return divided((w * losses).sum(), w.sum())


def _of_pieces(value):
    """A mistake about the loss: value(w, losses, valid, labels, log_p) -> number."""
    return lambda logits, target, weight: float(value(*_pieces(logits, target, weight)))


def _other_losses(losses_of):
    """A mistake: each pixel pays losses_of(logits, labels) instead, float64 (N, H, W)."""

    def mistake(logits, target, weight):
        w, _, _, labels, _ = _pieces(logits, target, weight)
        return divided((w * losses_of(logits.double(), labels)).sum(), w.sum())

    return mistake


def _softmax_over(dim: int):
    return _other_losses(lambda logits, labels: pixel_losses(logits.log_softmax(dim), labels))


def _sigmoids(logits, labels):
    t = one_hot(labels, logits.shape[1])
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, t, reduction="none").sum(1)


def _sum_of_pictures(logits, target, weight):
    """The mean over the pictures of their own weighted means; all-void pictures are 0 or left out."""
    w, losses, *_ = _pieces(logits, target, weight)
    each = [divided((one * loss).sum(), one.sum()) for one, loss in zip(w, losses, strict=True)]
    return each, [float(one.sum()) > 0 for one in w]


def _mean_of_pictures(logits, target, weight):
    each, _ = _sum_of_pictures(logits, target, weight)
    return sum(each) / len(each)


def _mean_of_pictures_or_nan(logits, target, weight):
    """0 / 0 where a picture does not count; no output where none does, which is no matter of pictures."""
    each, counted = _sum_of_pictures(logits, target, weight)
    if not any(counted):
        raise ValueError
    return sum(each) / len(each) if all(counted) else float("nan")


def _mean_of_counted_pictures(logits, target, weight):
    each, counted = _sum_of_pictures(logits, target, weight)
    return sum(each) / max(sum(counted), 1)


def _mean_of_classes(logits, target, weight):
    """Each class's mean first, then the weighted mean of those."""
    _, losses, valid, labels, _ = _pieces(logits, target, weight)
    here = [(c, losses[valid & (labels == c)].mean()) for c in range(logits.shape[1]) if (valid & (labels == c)).any()]
    return divided(sum(weight[c].double() * mean for c, mean in here), sum(weight[c].double() for c, _ in here))


def _weight_of_the_guess(logits, target, weight):
    _, losses, valid, *_ = _pieces(logits, target, weight)
    w = weight.double()[logits.argmax(1)] * valid
    return divided((w * losses).sum(), w.sum())


def _weighted_logits(logits, target, weight):
    """The weights in the logits, and the plain mean."""
    losses, valid, *_ = _pieces(logits.double() * weight.double().view(1, -1, 1, 1), target, weight)[1:]
    return divided((losses * valid).sum(), valid.sum())


def _void_below(logits, target, weight):
    """Void pixels pay nothing, but their weight, that of class 0, stays below the line."""
    w, losses, _, labels, _ = _pieces(logits, target, weight)
    return divided((w * losses).sum(), weight.double()[labels].sum())


def _loss_with(least: float, logits, target, weight) -> float:
    w, losses, *_ = _pieces(logits, target, weight)
    return divided((w * not_below(losses, least)).sum(), w.sum())


LOSS_MISTAKES = {
    "the weighted sum is divided by the number of valid pixels: divide by the sum of their weights": _of_pieces(
        lambda w, losses, valid, *_: (w * losses).sum() / valid.sum()
    ),
    "void pixels are in the number below the line: divide by the sum of the weights of the others": _of_pieces(
        lambda w, losses, *_: (w * losses).sum() / losses.numel()
    ),
    "void pixels pay nothing, but their weights are still in the sum below the line": _void_below,
    "void pixels are taken for class 0: leave them out": void_as(_loss, lambda classes: 0),
    "void pixels are taken for the last class: leave them out": void_as(_loss, lambda classes: classes - 1),
    "the weights are not used: a pixel counts `weight[t]`": _of_pieces(
        lambda w, losses, valid, *_: divided((losses * valid).sum(), valid.sum())
    ),
    "this is the sum: divide it by the sum of the weights": _of_pieces(lambda w, losses, *_: (w * losses).sum()),
    "this is divided by the sum of the weight *vector*: each pixel has its weight, so add up those of the pixels": (
        lambda logits, target, weight: divided(
            (_pieces(logits, target, weight)[0] * _pieces(logits, target, weight)[1]).sum(), weight.sum()
        )
    ),
    "this is the mean over the pictures of their own losses: both sums run over the batch": _mean_of_pictures,
    "this is the mean over the pictures that count of their own losses: both sums run over the batch": _mean_of_counted_pictures,
    "this is the mean over the pictures of their own losses, one of which is 0 / 0: both sums run over the batch": (
        _mean_of_pictures_or_nan
    ),
    "this is the weighted mean of the classes' means: a class of many pixels counts more": _mean_of_classes,
    "the weights are those of the *predicted* classes: a pixel counts the weight of its true class": _weight_of_the_guess,
    "the weights are multiplied with the *logits*: a pixel's loss counts `weight[t]`": _weighted_logits,
    "the sign is wrong: a pixel pays minus the log": lambda logits, target, weight: -_loss(logits, target, weight),
    "this is 1 - p instead of -log p": _of_pieces(lambda w, losses, *_: divided((w * (1 - (-losses).exp())).sum(), w.sum())),
    "this is -p instead of -log p (`nll_loss` wants *log* probabilities)": _of_pieces(
        lambda w, losses, *_: divided((w * -(-losses).exp()).sum(), w.sum())
    ),
    "the softmax runs over the wrong dimension: the classes are dimension 1": _softmax_over(-1),
    "the softmax runs over the rows: the classes are dimension 1": _softmax_over(2),
    "the softmax runs over the batch: the classes are dimension 1": _softmax_over(0),
    "these are sigmoids, one for each class: asked is the softmax over the classes": _other_losses(_sigmoids),
    "the softmax is applied twice: `cross_entropy` and its kind want logits": _other_losses(
        lambda logits, labels: pixel_losses(logits.softmax(1).log_softmax(1), labels)
    ),
    "this is a logarithm to base 2: asked is the natural one": _of_pieces(
        lambda w, losses, *_: divided((w * losses).sum(), w.sum()) / torch.tensor(2.0).log()
    ),
}  # fmt: skip


def _gradient(logits, target, weight) -> Tensor:
    w, _, _, labels, log_p = _pieces(logits, target, weight)
    return _per_weight(w) * (log_p.exp() - one_hot(labels, logits.shape[1])) + 0.0  # no -0.0


def _per_weight(w: Tensor) -> Tensor:
    """Weights (N, H, W) over their sum, as (N, 1, H, W)."""
    return w[:, None] / (w.sum() + (w.sum() == 0))


def _scaled(factor):
    """A mistake: the gradient times factor(w, losses, valid, labels, log_p)."""
    return lambda logits, target, weight: _gradient(logits, target, weight) * factor(*_pieces(logits, target, weight))


def _pulls(pull, w_of=lambda w, valid, weight, labels: w):
    """A mistake: pull(p, t) instead of p - t; w_of: other weights of the pixels."""

    def mistake(logits, target, weight):
        w, _, valid, labels, log_p = _pieces(logits, target, weight)
        return (
            w_of(w, valid, weight.double(), labels)[:, None]
            / (w.sum() + (w.sum() == 0))
            * pull(log_p.exp(), one_hot(labels, logits.shape[1]), valid[:, None])
        )

    return mistake


def _weight_of_the_channel(logits, target, weight):
    w, _, valid, labels, log_p = _pieces(logits, target, weight)
    pull = (log_p.exp() - one_hot(labels, logits.shape[1])) * valid[:, None]
    return weight.double().view(1, -1, 1, 1) * pull / (w.sum() + (w.sum() == 0))


def _true_weight(w, valid, weight, labels):
    return weight[labels]


GRADIENT_MISTAKES = {
    "this is the gradient of the sum: the loss divides by the sum of the weights, and so does its gradient": _scaled(
        lambda w, *_: w.sum()
    ),
    "this gradient is divided by the number of valid pixels: divide by the sum of their weights": _scaled(
        lambda w, losses, valid, *_: w.sum() / valid.sum().clamp(min=1)
    ),
    "this gradient is divided by the number of all pixels: divide by the sum of the weights of those that count": _scaled(
        lambda w, losses, *_: w.sum() / w.numel()
    ),
    "the sign is wrong: this is t - p, the way a step *down* the loss goes": _scaled(lambda *_: -1),
    "a void pixel has the gradient of class 0 here: its gradient is 0": _pulls(lambda p, t, valid: p - t, _true_weight),
    "a void pixel has no t, but its p is in the gradient: it is 0 there": _pulls(
        lambda p, t, valid: p - t * valid, _true_weight
    ),
    "the weights are missing: each pixel's p - t counts `weight[t]`": (
        lambda logits, target, weight: _gradient(logits, target, torch.ones_like(weight))
    ),
    "each *channel* has the weight of its class here: a pixel has one weight, that of its true class, in all channels": (
        _weight_of_the_channel
    ),
    "this is the gradient with respect to the probabilities, -t / p: asked is that with respect to the logits": _pulls(
        lambda p, t, valid: -t / p
    ),
    "this is the gradient with respect to the log of the probabilities, -t: asked is that with respect to the logits": (
        _pulls(lambda p, t, valid: -t)
    ),
    "only the channel of the true class has a gradient here: the softmax ties all of them together": _pulls(
        lambda p, t, valid: (p - 1) * t
    ),
    "these are p alone: the true class has p - 1": _pulls(lambda p, t, valid: p),
}  # fmt: skip


def cross_entropy_properties(student, rng):
    loss, gradient = loss_of(student, PAIR), gradient_of(student)

    def weighted(case, *weight):
        """The case with these class weights; 1 for each class, if none are given."""
        weight = torch.tensor(weight or [1.0] * case["logits"].shape[1])
        return case | {"weight": weight.to(torch.float64)}

    def losses(text, *cases):
        return explained(text, loss, list(cases), _loss, LOSS_MISTAKES, why_loss, tol=1e-5)

    def why_loss(failed):
        return loss_words(failed, loss_with=_loss_with)

    def why(failed):
        """A gradient of a wrong loss is no mistake of its own."""
        if failed.want is not None and difference(loss(**failed.given), _loss(**failed.given), 1e-5):
            return f"{failed.why}: your loss of this input is not right yet, so its gradient cannot be"
        return gradient_words(failed)

    def gradients(text, *cases, tol=1e-6):
        return explained(text, gradient, list(cases), _gradient, GRADIENT_MISTAKES, why, tol=tol)

    paper = {"logits": torch.tensor([2.0, 1, 1], dtype=torch.float64).log().view(1, 3, 1, 1)}
    paper = weighted(paper | {"target": torch.ones(1, 1, 1, dtype=torch.int64)}, 1, 3, 1)
    some = weighted(batch(rng, 3, 2, 3, 4), 1, 2, 3), weighted(batch(rng, 4, 3, 5, 2), 0.5, 1, 4, 0)
    unlabeled = (
        weighted(batch(rng, 3, 1, 3, 4, void=0.4)),
        weighted(batch(rng, 4, 3, 5, 3, void=0.3), 0.5, 1.5, 4, 0.2),
        weighted(all_void(batch(rng, 5, 2, 4, 3, void=0.3), 1), 3, 1, 0, 2, 0.5),
    )
    huge = weighted(batch(rng, 3, 2, 3, 4, void=0.2, size=3000.0), 1, 2, 0.5)
    single = weighted(batch(rng, 4, 2, 5, 3, void=0.2, size=100.0, dtype=torch.float32), 1, 2, 0.5, 3)
    half = weighted(batch(rng, 3, 2, 5, 3, void=0.2, dtype=torch.float16), 1, 2, 0.5)
    nothing = (
        weighted(all_void(batch(rng, 3, 2, 2, 3)), 1, 2, 3),
        weighted(batch(rng, 3, 1, 4, 3, truth=(1,)), 2, 0, 1),
        weighted(batch(rng, 4, 2, 3, 3, void=0.4, truth=(0, 2)), 0, 1, 0, 1),
    )
    plain = [weighted(batch(rng, 3, 1, 2, 3)), weighted(batch(rng, 5, 3, 4, 3))]
    yield losses("the loss: the pixel on paper, all weights 1, several pictures", paper, *plain)
    yield losses("the loss with class weights, divided by the sum of the pixels' weights", *some)
    yield losses("the loss with void pixels, which are in neither sum", *unlabeled)
    yield losses("the loss of logits as large as 10,000", single, huge)
    yield losses("the loss of float16 logits", half)
    yield losses("nothing counts (all void, or all weights 0): the loss is 0", *nothing)
    yield gradients("the gradient, with class weights", paper, *plain, *some)
    yield gradients("the gradient with void pixels, which have none", *unlabeled)
    yield gradients("the gradient of large logits, and of float16", single, huge, half, tol=1e-4)
    yield gradients("the gradient where nothing counts: 0, not NaN", *nothing)


QUESTIONS = [
    Question("class_weights", "A weight for each class", 3, class_weights_properties),
    Question(
        "weighted_cross_entropy",
        "Cross-entropy and its gradient",
        4,
        cross_entropy_properties,
        forbid=("cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss"),
    ),
    Question("dice_loss", "Soft Dice, without what is not there", 4, dice_loss_properties),
    Question("tversky", "Tversky: who pulls?", 3, tversky_properties),
    Question("focal_loss", "Focal loss, down to the last bit", 3, focal_loss_properties),
    Question("ohem_loss", "Only the hard pixels", 3, ohem_loss_properties),
]
