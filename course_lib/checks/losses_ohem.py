"""Exercise 05, the question about online hard example mining."""

import math

import torch
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.losses_maps import (
    all_void,
    batch,
    divided,
    loss_of,
    loss_words,
    not_below,
    one_hot,
    parts,
    pixel_losses,
    void_as,
)
from course_lib.checks.mistakes import explained


def _valid_losses(logits, target) -> Tensor:
    valid, labels, log_p = parts(logits, target)
    return pixel_losses(log_p, labels)[valid]


def _least(min_kept, count: int) -> int:
    return math.ceil(min_kept * count)


def _hard(losses: Tensor, threshold) -> Tensor:
    return losses[torch.exp(-losses) < threshold]


def _kept(losses: Tensor, threshold, least: int, hard=_hard) -> Tensor:
    kept = hard(losses, threshold)
    return kept if len(kept) >= least else losses.topk(least).values


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else 0.0


def _ohem(logits, target, threshold, min_kept) -> float:
    losses = _valid_losses(logits, target)
    return _mean(_kept(losses, threshold, _least(min_kept, len(losses))))


def _loss_with(least: float, logits, target, threshold, min_kept) -> float:
    losses = not_below(_valid_losses(logits, target), least)
    return _mean(_kept(losses, threshold, _least(min_kept, len(losses))))


def _of_losses(value):
    """A mistake: value(losses of the valid pixels, threshold, least, min_kept) -> number."""

    def mistake(logits, target, threshold, min_kept):
        losses = _valid_losses(logits, target)
        return float(value(losses, threshold, _least(min_kept, len(losses)), min_kept))

    return mistake


def _void_at_0(logits, target, threshold, min_kept):
    """Void pixels stay in the list, with the loss 0, and in the count."""
    valid, labels, log_p = parts(logits, target)
    losses = (pixel_losses(log_p, labels) * valid).flatten()
    return _mean(_kept(losses, threshold, _least(min_kept, len(losses))))


def _void_in_k(logits, target, threshold, min_kept):
    """Only k counts them."""
    losses = _valid_losses(logits, target)
    return _mean(_kept(losses, threshold, min(_least(min_kept, target.numel()), len(losses))))


def _void_below(logits, target, threshold, min_kept):
    losses = _valid_losses(logits, target)
    return float(_kept(losses, threshold, _least(min_kept, len(losses))).sum() / target.numel())


def _by_confidence(logits, target, threshold, min_kept):
    """Hard is what has a low largest probability."""
    valid, labels, log_p = parts(logits, target)
    losses, sure = pixel_losses(log_p, labels)[valid], log_p.exp().amax(1)[valid]
    kept = losses[sure < threshold]
    least = _least(min_kept, len(losses))
    return _mean(kept if len(kept) >= least else losses.topk(least).values)


def _each_picture(logits, target, threshold, min_kept, left_out: bool):
    each = [_ohem(logits[i : i + 1], target[i : i + 1], threshold, min_kept) for i in range(len(target))]
    count = sum(bool((one != 255).any()) for one in target) if left_out else len(each)
    return sum(each) / max(count, 1)


def _shares_of_pictures(logits, target, threshold, min_kept):
    """Chosen in each picture, averaged over all of them."""
    chosen = []
    for i in range(len(target)):
        losses = _valid_losses(logits[i : i + 1], target[i : i + 1])
        chosen.append(_kept(losses, threshold, _least(min_kept, len(losses))))
    return _mean(torch.cat(chosen))


def _list_of_both(losses, threshold, least, min_kept):
    return _mean(torch.cat([_hard(losses, threshold), losses.topk(least).values]))


def _in_both(losses, threshold, least, min_kept):
    return _mean(_hard(losses.topk(least).values, threshold))


def _first_few(losses, threshold, least, min_kept):
    hard = _hard(losses, threshold)
    return _mean(hard if len(hard) >= least else losses[:least])


def _one_more(losses, threshold, least, min_kept):
    return _mean(_kept(losses, threshold, min(int(min_kept * len(losses)) + 1, len(losses))))


def _one_at_least(losses, threshold, least, min_kept):
    return _mean(_kept(losses, threshold, min(max(least, 1), len(losses))))


def _as_well(losses, threshold, least, min_kept):
    hard = _hard(losses, threshold)
    return _mean(hard if len(hard) >= least else torch.cat([hard, losses.topk(least).values]))


OHEM_MISTAKES = {
    "k is a share of *all* pixels here: it is one of the valid pixels": _void_in_k,
    "void pixels are in the list with the loss 0, and k counts them: take the valid pixels out first": _void_at_0,
    "void pixels are taken for class 0: leave them out": void_as(_ohem, lambda classes: 0),
    "void pixels are taken for the last class: leave them out": void_as(_ohem, lambda classes: classes - 1),
    "k is rounded down: round it up": _of_losses(
        lambda losses, threshold, least, share: _mean(_kept(losses, threshold, int(share * len(losses))))
    ),
    "k is rounded to the nearest number: round it up": _of_losses(
        lambda losses, threshold, least, share: _mean(_kept(losses, threshold, round(share * len(losses))))
    ),
    "always the k hardest are kept: where more pixels are hard, all of these are": _of_losses(
        lambda losses, threshold, least, share: _mean(losses.topk(least).values)
    ),
    "`min_kept` is not used: where too few pixels are hard, the k with the largest losses are kept": _of_losses(
        lambda losses, threshold, least, share: _mean(_kept(losses, threshold, 0))
    ),
    "one pixel is kept at least here: with `min_kept` = 0, and no hard pixel, none is": _of_losses(_one_at_least),
    "k is `int(...) + 1` here, one too many where the share is a whole number: round up with `math.ceil`": _of_losses(_one_more),
    "the *easy* pixels are kept, those above the threshold: hard means a low p": _of_losses(
        lambda losses, threshold, least, share: _mean(_kept(losses, threshold, least, lambda x, t: x[torch.exp(-x) > t]))
    ),
    "the losses are compared with the threshold: it is one for the probability of the true class": _of_losses(
        lambda losses, threshold, least, share: _mean(_kept(losses, threshold, least, lambda x, t: x[x > t]))
    ),
    "the losses are compared with the threshold, and the small ones kept: it is one for the probability of the true class": (
        _of_losses(lambda losses, threshold, least, share: _mean(_kept(losses, threshold, least, lambda x, t: x[x < t])))
    ),
    "hard is what has a low *largest* probability here: p is that of the true class": _by_confidence,
    "the kept losses are divided by the number of all valid pixels: the mean is over those kept": _of_losses(
        lambda losses, threshold, least, share: divided(_kept(losses, threshold, least).sum(), len(losses))
    ),
    "the kept losses are divided by the number of all pixels: the mean is over those kept": _void_below,
    "this is the sum of the kept losses: asked is their mean": _of_losses(
        lambda losses, threshold, least, share: _kept(losses, threshold, least).sum()
    ),
    "the share is one of the hard pixels here: it is one of the valid pixels": _of_losses(
        lambda losses, threshold, least, share: _mean(
            _hard(losses, threshold).topk(_least(share, len(_hard(losses, threshold)))).values
        )
    ),
    "where too few pixels are hard, all valid ones are kept: only k are": _of_losses(
        lambda losses, threshold, least, share: _mean(
            _hard(losses, threshold) if len(_hard(losses, threshold)) >= least else losses
        )
    ),
    "where too few pixels are hard, they count twice, as hard ones and among the k hardest": _of_losses(_as_well),
    "the hard pixels and the k hardest are put into one list, so that some count twice: keep the ones *or* the others": (
        _of_losses(_list_of_both)
    ),
    "only pixels that are hard *and* among the k hardest are kept: it is all of the hard ones, or the k hardest": (
        _of_losses(_in_both)
    ),
    "where too few pixels are hard, the first k of the list are kept: take the k with the largest losses (`topk`)": (
        _of_losses(_first_few)
    ),
    "the k *easiest* pixels fill up here: `topk` of the losses, not of the probabilities": _of_losses(
        lambda losses, threshold, least, share: _mean(
            _hard(losses, threshold) if len(_hard(losses, threshold)) >= least
            else losses.topk(least, largest=False).values
        )
    ),
    "where too few pixels are hard, this is the mean of the largest *probabilities*: `topk` of the losses": _of_losses(
        lambda losses, threshold, least, share: _mean(
            _hard(losses, threshold) if len(_hard(losses, threshold)) >= least
            else torch.exp(-losses).topk(least).values
        )
    ),
    "this is the mean of all valid pixels: keep only the hard ones": _of_losses(
        lambda losses, threshold, least, share: _mean(losses)
    ),
    "each picture chooses its own pixels: threshold and share hold for the whole batch": _shares_of_pictures,
    "this is the mean over the pictures of their own losses: threshold and share hold for the whole batch": (
        lambda logits, target, threshold, min_kept: _each_picture(logits, target, threshold, min_kept, False)
    ),
    "this is the mean over the pictures that are not void of their own losses: the pixels of the batch are one list": (
        lambda logits, target, threshold, min_kept: _each_picture(logits, target, threshold, min_kept, True)
    ),
}  # fmt: skip


def _words(failed: Failed) -> str:
    got, want = failed.got, failed.want
    if want == 0 and isinstance(got, float) and math.isnan(got):
        return "nan where 0 is wanted: no pixel is kept here, and the mean of an empty tensor is NaN"
    if want is None and any(words in failed.why for words in ("math domain", "positive input")):
        return f"{failed.why} (`threshold` may be 0, which has no log: compare p with it)"
    if isinstance(got, float) and math.isfinite(got) and failed.given["threshold"] == 0:
        return (
            f"{failed.why}: no p is below 0, so no pixel is hard, and the k with the largest *losses* are kept "
            "(several p round to 0 here, and are equal)"
        )
    return loss_words(failed, loss_with=_loss_with)


def ohem_loss_properties(student, rng):
    def case(threshold, min_kept, *shape, **settings):
        return batch(rng, *shape, **settings) | {"threshold": threshold, "min_kept": min_kept}

    def easy(case, *pictures, by=6.0):
        """The case with these pictures nearly right, so that few of their pixels are hard."""
        logits = case["logits"].clone()
        at = list(pictures) or slice(None)
        logits[at] += by * one_hot(case["target"], logits.shape[1])[at].to(logits.dtype)
        return case | {"logits": logits}

    def mixed(case):
        """Every second column with logits of an ordinary size."""
        logits = case["logits"].clone()
        logits[..., ::2] *= 0.01
        return case | {"logits": logits}

    def claim(text, *cases):
        return explained(text, student_loss, list(cases), _ohem, OHEM_MISTAKES, _words, tol=1e-5)

    def two_classes(p, void):
        """One row of pixels of class 0 with these p, and as many void ones as said."""
        z = torch.logit(torch.tensor(p + [0.5] * void, dtype=torch.float64))
        return {
            "logits": torch.stack([z, torch.zeros_like(z)])[None, :, None],
            "target": torch.tensor([[[0] * len(p) + [255] * void]]),
        }

    student_loss = loss_of(student)
    paper = two_classes([0.9, 0.8, 0.6, 0.5, 0.1], 3)
    yield claim(
        "enough pixels are hard: all of them are kept",
        case(0.7, 0.0625, 3, 1, 5, 7),
        case(0.4, 0.125, 4, 2, 5, 3),
        case(0.8, 0.25, 2, 3, 3, 5),
    )
    yield claim(
        "too few are hard: the share of the hardest, rounded up",
        easy(case(0.3, 0.5, 3, 1, 3, 5)),
        easy(case(0.1, 0.25, 4, 1, 3, 7)),
        easy(case(0.2, 0.375, 2, 1, 5, 3)),
        easy(case(0.2, 0.25, 3, 1, 4, 5)),
        case(0.5, 1.0, 3, 1, 4, 4),
    )
    yield claim(
        "void pixels are never counted",
        *(paper | {"threshold": threshold, "min_kept": 0.5} for threshold in (0.7, 0.2)),
        two_classes([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.1], 1) | {"threshold": 0.2, "min_kept": 0.375},
        case(0.7, 0.25, 3, 2, 5, 7, void=0.6),
        easy(case(0.3, 0.5, 4, 1, 7, 5, void=0.5)),
        easy(case(0.2, 0.75, 3, 1, 5, 5, void=0.3)),
    )
    yield claim(
        "the batch is one list: its pictures are not alike",
        easy(case(0.7, 0.25, 3, 2, 4, 5, size=1.0), 0),
        easy(case(0.1, 0.5, 4, 3, 5, 5), 1, 2),
        all_void(easy(case(0.5, 0.25, 3, 3, 3, 5, void=0.3), 0), 2),
    )
    yield claim(
        "no pixel is kept, or all are void: 0",
        easy(case(0.01, 0.0, 3, 1, 3, 4), by=8.0),
        all_void(case(0.7, 0.25, 3, 2, 3, 4)),
        all_void(case(0.7, 0.0, 2, 1, 3, 5)),
    )
    yield claim(
        "logits as large as 10,000",
        mixed(case(0.7, 0.0625, 3, 2, 6, 5, size=100.0, dtype=torch.float32)),
        case(0.6, 0.125, 4, 2, 5, 3, void=0.2, size=3000.0),
        case(0.0, 0.25, 3, 1, 4, 7, size=3000.0),
    )
    half = case(0.5, 0.0625, 3, 2, 5, 7, void=0.2, dtype=torch.float16)
    yield claim("float16 logits", half)
