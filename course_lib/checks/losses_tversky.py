"""Exercise 05, the question about the Tversky loss and the pixels that pull in it."""

import torch
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.compare import difference
from course_lib.checks.losses_maps import (
    STABLE,
    VOID,
    all_void,
    as_number,
    batch,
    crash_words,
    divided,
    loss_of,
    loss_words,
)
from course_lib.checks.mistakes import explained, item_of
from course_lib.grading.words import brief

NAMED = "(loss, share)"


def _index(tp, fp, fn, alpha, beta):
    return tp / (tp + alpha * fp + beta * fn)


def _loss_of(z: Tensor, target, alpha, beta, *, p=torch.sigmoid, index=_index) -> Tensor:
    """The loss of logits (N, H, W); index(TP, FP, FN, alpha, beta)."""
    p = p(z)
    lesion, tissue = (target == 1).to(p), (target == 0).to(p)
    return 1 - index((p * lesion).sum(), (p * tissue).sum(), ((1 - p) * lesion).sum(), alpha, beta)


def _loss(logits, target, alpha, beta, **settings) -> float:
    if not (target == 1).any():
        return 0.0
    return float(_loss_of(logits.double()[:, 0], target, alpha, beta, **settings))


def _wrong(**settings):
    return lambda logits, target, alpha, beta: _loss(logits, target, alpha, beta, **settings)


def _indexed(index):
    return _wrong(index=index)


def _void_in_fp(logits, target, alpha, beta):
    return _loss(logits, target.masked_fill(target == VOID, 0), alpha, beta)


def _void_in_fn(logits, target, alpha, beta):
    return _loss(logits, target.masked_fill(target == VOID, 1), alpha, beta)


def _hard(logits, target, alpha, beta):
    return _loss(logits, target, alpha, beta, p=lambda z: (z > 0).double())


def _of_pictures(without):
    """The mean over the pictures; without(alpha): the loss of one that holds no lesion, None to leave it out."""

    def mistake(logits, target, alpha, beta):
        here = (target == 1).flatten(1).any(1)
        each = [
            _loss(logits[i : i + 1], target[i : i + 1], alpha, beta) if here[i] else without(alpha)
            for i in range(len(target))
        ]
        each = [loss for loss in each if loss is not None]
        return divided(sum(each), len(each))

    return mistake


def _both_classes(logits, target, alpha, beta):
    """The mean of the losses of lesion and of tissue."""
    other = torch.where(target == VOID, target, 1 - target)
    return (_loss(logits, target, alpha, beta) + _loss(-logits, other, alpha, beta)) / 2


def _of_tissue(logits, target, alpha, beta):
    return _loss(-logits, torch.where(target == VOID, target, 1 - target), alpha, beta)


def _with_means(logits, target, alpha, beta):
    lesion, tissue = (target == 1).sum(), (target == 0).sum()
    return _loss(
        logits,
        target,
        alpha,
        beta,
        index=lambda tp, fp, fn, a, b: _index(tp / lesion, fp / tissue.clamp(min=1), fn / lesion, a, b),
    )


def _every_pair(logits, target, alpha, beta):
    """(N, 1, H, W) times (N, H, W) is (N, N, H, W): each picture meets each truth."""
    count = len(target)
    pairs = logits.repeat_interleave(count, 0), target.repeat(count, 1, 1)
    return _loss(*pairs, alpha, beta)


def _without_lesion(number: float):
    def mistake(logits, target, alpha, beta):
        return _loss(logits, target, alpha, beta) if (target == 1).any() else number

    return mistake


LOSS_MISTAKES = {
    "alpha and beta are exchanged: here alpha weighs the false positives, beta the false negatives (other code swaps them)": (
        lambda logits, target, alpha, beta: _loss(logits, target, beta, alpha)
    ),
    "this is the index: the loss is 1 minus it": lambda logits, target, alpha, beta: 1 - _loss(logits, target, alpha, beta),
    "alpha and beta are not used: this is the Dice loss": lambda logits, target, alpha, beta: _loss(logits, target, 0.5, 0.5),
    "alpha and beta are not used: this is 1 minus the soft IoU": lambda logits, target, alpha, beta: _loss(logits, target, 1, 1),
    "alpha weighs *all* claims here, Σ p: FP leaves out the lesion pixels": _indexed(
        lambda tp, fp, fn, alpha, beta: tp / (tp + alpha * (tp + fp) + beta * fn)
    ),
    "beta weighs all lesion pixels here, Σ t: FN is Σ (1 - p) t": _indexed(
        lambda tp, fp, fn, alpha, beta: tp / (tp + alpha * fp + beta * (tp + fn))
    ),
    "alpha weighs Σ p and beta Σ t: take TP out of both, FP = Σ p - TP and FN = Σ t - TP": _indexed(
        lambda tp, fp, fn, alpha, beta: tp / (tp + alpha * (tp + fp) + beta * (tp + fn))
    ),
    "there is a 2 before TP: with alpha and beta there is none": _indexed(
        lambda tp, fp, fn, alpha, beta: 2 * tp / (2 * tp + alpha * fp + beta * fn)
    ),
    "there is a smoothing constant of 1 in the fraction: here is none": _indexed(
        lambda tp, fp, fn, alpha, beta: (tp + 1) / (tp + alpha * fp + beta * fn + 1)
    ),
    "void pixels are in FP: they are neither lesion nor tissue (`target != 1` is not tissue)": _void_in_fp,
    "void pixels are taken for lesion: they are neither": _void_in_fn,
    "the softmax over one channel is 1 everywhere: one channel needs a sigmoid": _wrong(p=torch.ones_like),
    "these are counts of pixels above 0.5: add up the probabilities": _hard,
    "these are logits: take the sigmoid first": _wrong(p=lambda z: z),
    "(N, 1, H, W) times (N, H, W) broadcasts to (N, N, H, W), each picture with each truth: take channel 0 of p first": _every_pair,
    "this is the mean over the pictures of their own losses: the sums run over the batch": _of_pictures(lambda alpha: 0.0),
    "this is the mean over the pictures of their own losses, 1 where no pixel is lesion: the sums run over the batch": _of_pictures(
        lambda alpha: 1.0
    ),
    "this is the mean over the pictures of their own losses, 1 or 0 / 0 where no pixel is lesion: the sums run over the batch": (
        _of_pictures(lambda alpha: 1.0 if alpha else float("nan"))
    ),
    "this is the mean over the pictures with a lesion of their own losses: the sums run over the batch": _of_pictures(lambda alpha: None),
    "this is the mean of lesion's and tissue's losses: asked is lesion's alone": _both_classes,
    "this is the loss of tissue: asked is that of lesion, class 1": _of_tissue,
    "FP, FN and TP are means here: they are sums": _with_means,
    "a batch without lesion has the loss 1 here: there it is 0": _without_lesion(1.0),
}  # fmt: skip


def _gradient(logits, target, alpha, beta, **settings) -> Tensor:
    """Of the loss, with respect to the logits, (N, H, W) float64; with p=..., with respect to what p takes."""
    z = logits.double()[:, 0].clone().requires_grad_()
    with torch.enable_grad():
        loss = _loss_of(z, target, alpha, beta, **settings)
    return torch.autograd.grad(loss, z)[0]


def _share_of(pull: Tensor, target: Tensor) -> float:
    return divided(pull[target == 1].sum(), pull.sum())


def _share(logits, target, alpha, beta) -> float:
    if not (target == 1).any():
        return 0.0
    return _share_of(_gradient(logits, target, alpha, beta).abs(), target)


def _of_gradient(value):
    """A mistake: value(gradient, target) -> number."""

    def mistake(logits, target, alpha, beta):
        if not (target == 1).any():
            return 0.0
        return float(value(_gradient(logits, target, alpha, beta), target))

    return mistake


def _sums(gradient, target):
    pull = gradient.abs()
    return pull[target == 1].sum(), pull[target == 0].sum()


def _means(gradient, target):
    pull = gradient.abs()
    return pull[target == 1].mean(), pull[target == 0].mean()


def _share_of_pictures(gradient, target):
    each = [_share_of(pull, one) for pull, one in zip(gradient.abs(), target, strict=True)]
    return sum(each) / len(each)


def _of_probabilities(logits, target, alpha, beta):
    """With respect to p, without the slope of the sigmoid."""
    p = logits.double().sigmoid()
    return _share_of(_gradient(p, target, alpha, beta, p=lambda z: z).abs(), target)


SHARE_MISTAKES = {
    "this is the lesions' pull over that of tissue: asked is their part of the whole": _of_gradient(
        lambda g, target: _sums(g, target)[0] / _sums(g, target)[1]
    ),
    "this is the part of the tissue: asked is that of the lesion pixels": _of_gradient(
        lambda g, target: divided(_sums(g, target)[1], sum(_sums(g, target)))
    ),
    "these are the pulls of the average lesion and tissue pixel: asked are the *sums* over all of them": _of_gradient(
        lambda g, target: _means(g, target)[0] / sum(_means(g, target))
    ),
    "the gradients are added up with their signs, so that lesion and tissue cancel: take the absolute value of each first": _of_gradient(
        lambda g, target: divided(g[target == 1].sum(), g.sum())
    ),
    "this is the absolute value of a sum with signs: take the absolute value of each gradient first": _of_gradient(
        lambda g, target: divided(g[target == 1].sum().abs(), g.sum().abs())
    ),
    "the gradients are squared: take the absolute values": _of_gradient(
        lambda g, target: divided((g[target == 1] ** 2).sum(), (g**2).sum())
    ),
    "these are norms, the roots of sums of squares: add up the absolute values": _of_gradient(
        lambda g, target: divided(g[target == 1].norm(), g.norm())
    ),
    "this is the share of the *pixels* that are lesion: asked is their share of the gradient": _of_gradient(
        lambda g, target: (target == 1).sum() / (target != VOID).sum()
    ),
    "this is the mean over the pictures of their own shares: the sums run over the batch": _of_gradient(_share_of_pictures),
    "this is the gradient with respect to p: asked is that with respect to the logits, which has the slope p (1 - p) as well": (
        _of_probabilities
    ),
    "this is in percent": _of_gradient(lambda g, target: 100 * _share_of(g.abs(), target)),
    "alpha and beta are exchanged: alpha weighs the false positives": (
        lambda logits, target, alpha, beta: _share(logits, target, beta, alpha)
    ),
    "void pixels have a gradient here: they are in no sum": (
        lambda logits, target, alpha, beta: (
            lambda g: divided(g[target == 1].sum(), g.sum())
        )(_gradient(logits, target.masked_fill(target == VOID, 0), alpha, beta).abs())
    ),
}  # fmt: skip


def _pair(logits, target, alpha, beta):
    return _loss(logits, target, alpha, beta), _share(logits, target, alpha, beta)


def tversky_properties(student, rng):
    loss, share = loss_of(student, NAMED), item_of(student, 1, NAMED)

    def the_share(**case):
        return as_number(share(**case))

    def the_pair(**case):
        return loss(**case), the_share(**case)

    def case(alpha, beta, *shape, **settings):
        return batch(rng, 1, *shape, **settings) | {"alpha": alpha, "beta": beta}

    def losses(text, *cases):
        return explained(
            text, loss, list(cases), _loss, LOSS_MISTAKES, lambda failed: loss_words(failed, STABLE), tol=1e-5
        )

    def why(failed):
        """A share of a wrong loss is no mistake of its own."""
        if failed.want is None:
            return crash_words(failed)
        if difference(loss(**failed.given), _loss(**failed.given), 1e-5):
            return f"{failed.why}: your loss of this input is not right yet, so its gradient cannot be"
        if failed.want == 0:
            return f"{failed.why}: no pixel has a gradient here; there the share is 0 (0 divided by 0 would be NaN)"
        return loss_words(failed, STABLE)

    def shares(text, *cases):
        return explained(text, the_share, list(cases), _share, SHARE_MISTAKES, why, tol=1e-5)

    def with_logits(case, *values):
        return case | {"logits": torch.tensor(values, dtype=torch.float64).view(case["logits"].shape)}

    paper = with_logits(case(0.5, 0.5, 1, 1, 2, truth=(1, 0)), 0, 0)
    some = case(0.3, 0.7, 1, 4, 5), case(0.7, 0.3, 2, 3, 5), case(0.0, 2.0, 3, 5, 3, truth=[(0, 1), (1,), (0,)])
    void = case(0.3, 0.7, 1, 5, 4, void=0.4), case(2.0, 0.25, 3, 3, 5, void=0.3)
    large = case(0.3, 0.7, 2, 3, 5, size=100.0, dtype=torch.float32), case(0.6, 0.4, 2, 5, 3, void=0.2, size=3000.0)
    half = case(0.3, 0.7, 2, 5, 7, void=0.2, dtype=torch.float16)
    yield losses("the loss with alpha = beta = 0.5: the pixels on paper, and others", paper, case(0.5, 0.5, 1, 3, 4))
    yield losses("the loss: alpha weighs FP, beta FN, summed over the batch", *some)
    yield losses("void pixels are neither lesion nor tissue", *void)
    yield losses("logits as large as 10,000", *large)
    yield losses("float16 logits", half)
    yield shares("the share of the lesions' pull, for several alpha and beta", paper, case(0.5, 0.5, 1, 4, 5), *some)
    wide = case(0.3, 0.7, 2, 6, 5, void=0.2, size=10.0), case(0.6, 0.4, 3, 5, 7, size=30.0, dtype=torch.float32)
    yield shares("the share with void pixels, and of large logits", *void, *wide)
    empty = case(0.3, 0.7, 2, 3, 4, truth=(0,), void=0.2), all_void(case(0.3, 0.7, 1, 3, 5))
    yield explained("no lesion, or all void: loss and share are 0", the_pair, list(empty), _pair, NOTHING, _no_lesion)
    saturated = with_logits(case(0.5, 0.5, 1, 1, 4, truth=(0, 1)), 5000, -5000, 5000, -5000)
    yield explained("no pixel has a gradient: the share is 0", the_share, [saturated], _share, {}, why)


NOTHING = {
    "a batch without lesion has the loss 1 here: there it is 0": lambda **case: (
        _without_lesion(1.0)(**case), _share(**case)
    ),
}  # fmt: skip


def _no_lesion(failed: Failed) -> str:
    if failed.want is None:
        return crash_words(failed)
    loss, share = failed.got
    if difference(loss, 0.0):
        none = "where no pixel is lesion, nothing can be missed, and there is nothing to learn"
        return f"the loss is {brief(loss)} where 0 is wanted: {none}"
    return f"the share is {brief(share)} where 0 is wanted: where no pixel is lesion, there is no gradient, and 0 divided by 0 is NaN"
