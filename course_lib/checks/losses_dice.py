"""Exercise 05, the question about the soft Dice loss."""

import torch
from torch import Tensor

from course_lib.checks.losses_maps import (
    STABLE,
    VOID,
    all_void,
    batch,
    divided,
    loss_of,
    loss_words,
    one_hot,
    void_as,
)
from course_lib.checks.mistakes import explained


def _softmax(logits: Tensor) -> Tensor:
    return logits.double().softmax(1)


def _dice_of_class(hits, claimed, true):
    """1 - 2 TP / (2 TP + FP + FN) of each class."""
    return 1 - 2 * hits / (claimed + true)


def _occurs(hits, claimed, true):
    return true > 0


def _dice(
    logits,
    target,
    per_sample,
    *,
    p=_softmax,
    valid_p=True,
    power=1,
    of_class=_dice_of_class,
    kept=_occurs,
    void_picture=None,
) -> float:
    """The loss; the other arguments make mistakes.

    p: probabilities of logits. valid_p: whether p is 0 at void pixels. power: of p and t below the line. of_class(TP, sum p, sum t):
    the loss of each class. kept(TP, sum p, sum t): the classes in the mean. void_picture: the loss of a picture that is all void.
    """
    valid = (target != VOID)[:, None]
    t, p = one_hot(target, logits.shape[1]), p(logits)
    p = p * valid if valid_p else p
    sets = [slice(i, i + 1) for i in range(len(p))] if per_sample else [slice(None)]
    values = []
    for one in sets:
        over = (0, 2, 3)
        sums = (p[one] * t[one]).sum(over), (p[one] ** power).sum(over), t[one].sum(over)
        where = kept(*sums)
        if where.any() and valid[one].any():
            values.append(float(of_class(*sums)[where].mean()))
        elif void_picture is not None:
            values.append(void_picture)
    return sum(values) / len(values) if values else 0.0


def _wrong(**settings):
    return lambda logits, target, per_sample: _dice(logits, target, per_sample, **settings)


def _every_class(hits, claimed, true):
    return torch.ones_like(true, dtype=torch.bool)


def _not_background(hits, claimed, true):
    kept = true > 0
    kept[0] = False
    return kept


def _smooth(constant: float):
    return lambda hits, claimed, true: 1 - (2 * hits + constant) / (claimed + true + constant)


def _absent_is_0(hits, claimed, true):
    return torch.where(true > 0, _dice_of_class(hits, claimed, true), 0)


def _hard(logits):
    return one_hot(logits.argmax(1), logits.shape[1])


def _classes_first(logits, target, per_sample):
    """Each class's mean over the pictures that hold it, and then the mean over the classes."""
    if not per_sample:
        return _dice(logits, target, per_sample)
    table = _table(logits, target)
    return float(table.nanmean(0).nanmean().nan_to_num(0))


def _all_cells(logits, target, per_sample):
    if not per_sample:
        return _dice(logits, target, per_sample)
    return float(_table(logits, target).nanmean().nan_to_num(0))


def _table(logits, target) -> Tensor:
    """Loss of each picture and class, NaN where the class does not occur."""
    valid, t = (target != VOID)[:, None], one_hot(target, logits.shape[1])
    p = _softmax(logits) * valid
    hits, claimed, true = ((x).sum((2, 3)) for x in (p * t, p, t))
    return torch.where(true > 0, _dice_of_class(hits, claimed, true), float("nan"))


def _classes_of_the_batch(logits, target, per_sample):
    """In each picture, also classes that occur only elsewhere in the batch."""
    if not per_sample:
        return _dice(logits, target, per_sample)
    here = one_hot(target, logits.shape[1]).sum((0, 2, 3)) > 0
    return _dice(logits, target, True, kept=lambda hits, claimed, true: here)


def _claimed_as_well(logits, target, per_sample):
    """Absent classes that a pixel is given by `argmax` are in the mean, as in lesson 04's mean IoU."""
    valid, values = target != VOID, []
    for one in [slice(i, i + 1) for i in range(len(target))] if per_sample else [slice(None)]:
        claims = one_hot(logits[one].argmax(1).masked_fill(~valid[one], VOID), logits.shape[1]).sum((0, 2, 3))
        if valid[one].any():
            values.append(_dice(logits[one], target[one], False, kept=_true_or(claims)))
    return divided(sum(values), len(values))


def _true_or(claims):
    return lambda hits, claimed, true: (true > 0) | (claims > 0)


def _pooled_over_occurring(logits, target, per_sample):
    """The same as `_pooled`, without the classes that do not occur."""

    def of_class(hits, claimed, true):
        here = true > 0
        return (1 - 2 * hits[here].sum() / (claimed[here] + true[here]).sum()).expand(len(hits))

    return _dice(logits, target, per_sample, of_class=of_class)


def _pooled(logits, target, per_sample):
    """One fraction of the sums over all classes."""
    sums = _wrong(
        of_class=lambda hits, claimed, true: (1 - 2 * hits.sum() / (claimed.sum() + true.sum())).expand(len(hits))
    )
    return sums(logits, target, per_sample)


def _by_pixels(logits, target, per_sample):
    def of_class(hits, claimed, true):
        losses = torch.where(true > 0, _dice_of_class(hits, claimed, true), 0)
        return (losses * true).sum() / true.sum() * torch.ones_like(true)

    return _dice(logits, target, per_sample, of_class=of_class)


def _other_switch(value):
    return lambda logits, target, per_sample: _dice(logits, target, value)


def _zeroed_logits(logits, target, per_sample):
    """Logits set to 0 at void pixels, where p is then 1/C."""
    return _dice(logits * (target != VOID)[:, None], target, per_sample, valid_p=False)


DICE_MISTAKES = {
    "the probabilities of void pixels are still below the line (in FP): void is in no sum, so set p to 0 there": _wrong(valid_p=False),
    "the *logits* are set to 0 at void pixels: their p is then 1 / C, not 0; mask the probabilities": _zeroed_logits,
    "void pixels are taken for class 0: leave them out": void_as(_dice, lambda classes: 0),
    "void pixels are taken for the last class: leave them out": void_as(_dice, lambda classes: classes - 1),
    "a class that does not occur has the loss 1 here, for the smallest false claim: leave it out of the mean": _wrong(kept=_every_class),
    "a class that does not occur has the loss 0 here, and is in the mean: leave it out": _wrong(
        kept=_every_class, of_class=_absent_is_0
    ),
    "a class that does not occur, but is claimed by `argmax` somewhere, has the loss 1 here: only the truth decides which classes count": (
        _claimed_as_well
    ),
    "there is a smoothing constant of 1 in the fraction: here is none": _wrong(of_class=_smooth(1)),
    "classes that do not occur are in the mean, with a smoothing constant of 1: leave them out, and the constant as well": _wrong(
        kept=_every_class, of_class=_smooth(1)
    ),
    "this is the Dice coefficient: the loss is 1 minus it": _wrong(
        of_class=lambda hits, claimed, true: 2 * hits / (claimed + true)
    ),
    "this is minus the Dice coefficient: the loss is 1 minus it": _wrong(
        of_class=lambda hits, claimed, true: -2 * hits / (claimed + true)
    ),
    "this is the soft IoU, TP / (TP + FP + FN): asked is Dice, 2 TP / (2 TP + FP + FN)": _wrong(
        of_class=lambda hits, claimed, true: 1 - hits / (claimed + true - hits)
    ),
    "the 2 above the line is missing: Σ p + Σ t counts TP twice, so above stands 2 TP": _wrong(
        of_class=lambda hits, claimed, true: 1 - hits / (claimed + true)
    ),
    "TP is missing below the line, or counted once: 2 TP + FP + FN": _wrong(
        of_class=lambda hits, claimed, true: 1 - 2 * hits / (claimed + true - hits)
    ),
    "the probabilities are squared below the line, as in V-Net: here they are not": _wrong(power=2),
    "these are counts of `argmax`: soft Dice adds up the probabilities, or it would have no gradient": _wrong(p=_hard),
    "these are sigmoids: p is the softmax over the classes": _wrong(p=lambda logits: logits.double().sigmoid()),
    "the softmax runs over the wrong dimension: the classes are dimension 1": _wrong(
        p=lambda logits: logits.double().softmax(-1)
    ),
    "the softmax runs over the batch: the classes are dimension 1": _wrong(p=lambda logits: logits.double().softmax(0)),
    "these are logits: take the softmax first": _wrong(p=lambda logits: logits.double()),
    "class 0 is left out: background is a class like any other": _wrong(kept=_not_background),
    "this is one fraction of the sums over all classes: take the loss of each class, then the mean": _pooled,
    "this is one fraction of the sums over the classes that occur: take the loss of each class, then the mean": _pooled_over_occurring,
    "the classes are weighted by their pixels: their mean gives each the same weight": _by_pixels,
    "`per_sample` is not used: with True, each picture has sums of its own": _other_switch(False),
    "each picture has sums of its own here, whatever `per_sample` says: with False they run over the whole batch": _other_switch(True),
    "`per_sample` is the wrong way round": lambda logits, target, per_sample: _dice(logits, target, not per_sample),
    "with per_sample, this is the mean over the classes of their means over the pictures: each picture has its mean first": _classes_first,
    "with per_sample, this is the mean of all pictures' classes at once: each picture has its mean first": _all_cells,
    "with per_sample, a class that occurs elsewhere in the batch counts in a picture without it: each picture has its own classes": (
        _classes_of_the_batch
    ),
    "a picture that is all void counts with the loss 0 in the mean: leave it out": _wrong(void_picture=0.0),
    "a picture that is all void counts with the loss 1: there is nothing in it to be wrong about": _wrong(void_picture=1.0),
    "with per_sample, a picture that is all void counts with the loss 1: there is nothing in it to be wrong about": (
        lambda logits, target, per_sample: _dice(logits, target, per_sample, void_picture=1.0 if per_sample else None)
    ),
}  # fmt: skip


def dice_loss_properties(student, rng):
    def both(case):
        return [case | {"per_sample": switch} for switch in (False, True)]

    def claim(text, *cases):
        return explained(
            text,
            loss_of(student),
            list(cases),
            _dice,
            DICE_MISTAKES,
            lambda failed: loss_words(failed, STABLE),
            tol=1e-5,
        )

    def uneven(*shape, classes=3, **settings):
        """A batch whose pictures differ in how good their logits are."""
        one = batch(rng, classes, *shape, **settings)
        good = torch.arange(shape[0]).view(-1, 1, 1, 1) * one_hot(one["target"], classes)
        return one | {"logits": one["logits"] + 2 * good}

    paper = {"logits": torch.zeros(1, 2, 1, 2, dtype=torch.float64), "target": torch.tensor([[[0, VOID]]])}
    batches = uneven(2, 3, 4), uneven(3, 5, 2, classes=4)
    lacking = [
        batch(rng, 4, 1, 4, 5, truth=(0, 2)),
        uneven(3, 3, 5, classes=3, truth=[(0, 1), (1,), (0, 1, 2)]),
        uneven(2, 4, 3, classes=5, truth=[(0, 3, 4), (3, 1)]),
    ]
    unlabeled = [paper, batch(rng, 3, 1, 4, 5, void=0.4), uneven(2, 5, 3, classes=4, void=0.3)]
    unlabeled.append(uneven(3, 3, 7, classes=4, void=0.4, truth=[(0, 1, 3), (1,), (3, 0)]))
    yield claim(
        "one picture in which every class occurs",
        *both(batch(rng, 2, 1, 3, 4)),
        *both(batch(rng, 4, 1, 5, 7)),
    )
    yield claim("per_sample=False: one sum over the batch", *(case | {"per_sample": False} for case in batches))
    yield claim("per_sample=True: each picture by itself", *(case | {"per_sample": True} for case in batches))
    yield claim("classes that do not occur are left out", *(one for case in lacking for one in both(case)))
    yield claim("void pixels are in no sum", *(one for case in unlabeled for one in both(case)))
    yield claim(
        "a picture that is all void has no loss; nothing but void: 0",
        *both(all_void(uneven(3, 3, 4, void=0.2), 1)),
        *both(all_void(uneven(4, 3, 5, classes=4, truth=[(0, 1), (2,), (3, 1), (0,)]), 0, 2)),
        *both(all_void(batch(rng, 3, 2, 3, 4))),
    )
    yield claim(
        "logits as large as 10,000",
        *both(batch(rng, 3, 2, 3, 4, void=0.2, size=100.0, dtype=torch.float32)),
        *both(batch(rng, 4, 2, 5, 3, size=3000.0)),
    )
    yield claim("float16 logits", *both(batch(rng, 3, 2, 7, 5, void=0.2, dtype=torch.float16)))
