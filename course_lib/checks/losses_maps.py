"""Exercise 05, what its checks share: logits and targets to ask about, the parts of a loss, and words about a wrong number."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.answer import Failed
from course_lib.checks.mistakes import item_of
from course_lib.grading.words import kind, number

VOID = 255
LEAST = [10.0**-i for i in range(3, 21)]  # what is added to a probability, or taken for the smallest one
LARGE = 50.0  # logits beyond it make a probability that rounds to 0 or 1
PAIR = "(loss, gradient)"
NEARLY = 0.01  # relative error up to which float16, or a little something added, may be the whole mistake
ONE_STEP = "take the log in one step, `log_softmax`, and never the log of a probability"
STABLE = "use torch's own `softmax` or `sigmoid`"


def batch(rng, classes: int, *shape: int, void=0.0, truth=None, size=2.0, dtype=torch.float64) -> dict:
    """A case: random logits (N, C, H, W) and target (N, H, W), shape = (N, H, W).

    classes: the channels; 1 for two classes and a sigmoid. void: the share of void pixels, at least one if it is not 0. truth: the
    classes that occur, one collection for all pictures or a list of one for each. size: about how large the logits are.
    """
    logits = torch.from_numpy(rng.normal(size=(shape[0], classes, *shape[1:])) * size).to(dtype)
    several = truth if isinstance(truth, list) else [truth] * shape[0]
    maps = []
    for allowed in several:
        allowed = list(range(max(classes, 2)) if allowed is None else allowed)
        labels = rng.choice(allowed, shape[1:])
        labels.flat[: len(allowed)] = allowed  # each of them occurs, where there is room
        maps.append(torch.from_numpy(labels))
    target = torch.stack(maps).long()
    if void:
        unlabeled = torch.from_numpy(rng.random(shape) < void)
        unlabeled.view(-1)[-1] = True
        target[unlabeled] = VOID
    return {"logits": logits, "target": target}


def all_void(case: dict, *pictures: int) -> dict:
    """The case with these pictures wholly void; all of them unless told which."""
    target = case["target"].clone()
    target[list(pictures) if pictures else slice(None)] = VOID
    return case | {"target": target}


def parts(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Valid (N, H, W) bool, the target with class 0 at void pixels, and log p (N, C, H, W) float64."""
    valid = target != VOID
    return valid, target.masked_fill(~valid, 0), logits.double().log_softmax(1)


def pixel_losses(log_p: Tensor, labels: Tensor) -> Tensor:
    """-log p of the class of each pixel, (N, H, W)."""
    return -log_p.gather(1, labels[:, None])[:, 0]


def not_below(losses: Tensor, least: float) -> Tensor:
    """The losses of pixels if no probability were smaller than `least`."""
    return losses.clamp(max=-math.log(least))


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """(N, H, W) -> (N, C, H, W) float64; a label that is no class has only zeros."""
    return (labels[:, None] == torch.arange(classes).view(1, -1, 1, 1)).double()


def divided(total: Tensor, count) -> float:
    """total / count as a float, 0 where count is 0."""
    return float(total) / float(count) if float(count) else 0.0


def void_as(wrong: Callable, label: Callable[[int], int]) -> Callable:
    """A mistake: void pixels are taken for a class, label(number of channels)."""

    def mistake(logits, target, *others, **settings):
        target = target.masked_fill(target == VOID, label(logits.shape[1]))
        return wrong(logits, target, *others, **settings)

    return mistake


def loss_of(student, named: str = "") -> Callable:
    """The answer's loss as a float: all it returns, or the first item of the pair `named`."""
    item = item_of(student, 0, named) if named else student

    def loss(**case):
        return as_number(item(**case))

    return loss


def as_number(value):
    """A tensor of one element as a float; anything else as it is."""
    if isinstance(value, Tensor) and value.numel() == 1 and value.is_floating_point():
        return float(value)
    return value


def gradient_of(student) -> Callable:
    """The second item of (loss, gradient); Failed where that is no tensor."""
    item = item_of(student, 1, PAIR)

    def gradient(**case):
        result = item(**case)
        if not isinstance(result, Tensor):
            raise Failed(
                f"the gradient is {kind(result)}, not a tensor: autograd fills `.grad` only of a tensor on which "
                "`requires_grad_()` was called before the loss was computed from it",
                case,
            )
        return result

    return gradient


def crash_words(failed: Failed) -> str:
    """What may be behind an exception, as far as its words tell."""
    target = (failed.given or {}).get("target")
    has_void = isinstance(target, Tensor) and bool((target == VOID).any())
    asides = {
        ("selected index k",): "there are fewer pixels than you ask for: count the valid ones",
        ("out of bounds", "smaller than num_classes", "out of range"): (
            "void is 255 and no class: give void pixels some class, and the weight 0, before you pick or index"
            if has_void
            else ""
        ),
        ("must match the size of tensor",): (
            "to combine (N, C, H, W) with (N, H, W), give the second a dimension for the channels: `w[:, None]`"
        ),
        ("shape of the mask",): "the target is (N, H, W), without a dimension for the channels: index `logits[:, 0]`",
        ("NoneType",): (
            "`.grad` is None unless `requires_grad_()` was called on the very tensor that you computed from, and `backward()` on the loss"
        ),
        ("does not require grad",): (
            "the logits arrive without a gradient: begin with `logits.detach().clone().requires_grad_()`"
        ),
        ("in-place operation",): "clone the tensor before you change it in place",
        ("Expected reduction dim", "non-empty", "non-zero size", "empty"): (
            "there can be nothing left here: treat that case before"
        ),
        ("'Half'",): "these logits are float16: begin with `logits.float()`",
    }
    fitting = [aside for words, aside in asides.items() if aside and any(word in failed.why for word in words)]
    return f"{failed.why} ({fitting[0]})" if fitting else failed.why


def loss_words(failed: Failed, stable: str = ONE_STEP, loss_with: Callable | None = None) -> str:
    """Why a loss is not the wanted one, where no mistake fits: what is special about the input, and what that does.

    stable: how to survive large logits. loss_with(least, **given): the loss if no probability were smaller than `least`.
    """
    given, got, want = failed.given or {}, failed.got, failed.want
    if want is None:
        return crash_words(failed)
    if not (isinstance(got, float) and isinstance(want, float) and "logits" in given):
        return failed.why
    logits, target = given["logits"], given["target"]
    if not math.isfinite(got):
        if not (target != VOID).any():
            return f"{failed.why}: every pixel is void, so 0 is divided by 0; there the loss is 0"
        if logits.abs().max() > LARGE:
            return (
                f"{failed.why}: at logits as large as {float(logits.abs().max()):.0f} a probability rounds to 0 or 1 "
                f"(or `exp` overflows); {stable}"
            )
        if (target == VOID).flatten(1).all(1).any():
            return f"{failed.why}: one picture is all void; where a picture has sums of its own, those of this one are 0 / 0"
        return f"{failed.why}: something is divided by 0, or the log of 0 is taken; what can be 0 in this input?"
    if logits.dtype == torch.float16 and math.isclose(got, want, rel_tol=NEARLY):
        return f"{failed.why}: this input is float16, which keeps three digits; begin with `logits.float()`"
    if loss_with and any(math.isclose(got, loss_with(least, **given), rel_tol=1e-3) for least in LEAST):
        return (
            f"{failed.why}: a pixel that is wrong for sure pays too little, as if something were clamped or added inside "
            "the log; `log_softmax` needs no such help"
        )
    if want == 0:
        return f"{failed.why}: nothing in this input can be learned from, so the loss is 0"
    return failed.why


def gradient_words(failed: Failed) -> str:
    """Why a gradient is not the wanted one, where no mistake fits: where it is wrong."""
    given, got, want = failed.given or {}, failed.got, failed.want
    if want is None:
        return crash_words(failed)
    if not (isinstance(got, Tensor) and got.shape == want.shape and got.is_floating_point()):
        return failed.why
    got, target = got.double(), given["target"]
    void = (target == VOID)[:, None].expand_as(got)
    if not got.isfinite().all():
        return f"{failed.why}: {_where_not_finite(got, want, given, void)}"
    close = (got - want).abs().max() <= NEARLY * want.abs().max()
    if given["logits"].dtype == torch.float16 and close:
        return f"{failed.why}: this input is float16, which keeps three digits; begin with `logits.float()`"
    if (got[void] != 0).any():
        return f"{failed.why}: void pixels get a gradient; theirs is 0"
    if close:
        return (
            f"{failed.why}: nearly right; is something small added to a probability, or clamped, that moves the ordinary "
            "pixels too, or is a difference taken of large numbers?"
        )
    factors = (got / want)[want.abs() > 1e-4]
    if len(factors) and (factors - factors[0]).abs().max() < 1e-4 * factors[0].abs():
        return f"every value is {number(float(factors[0]))} times the wanted one: is it the gradient of the same sum or mean as the loss?"
    return failed.why


def _where_not_finite(got: Tensor, want: Tensor, given: dict, void: Tensor) -> str:
    if void.all():
        return "every pixel is void; there the gradient is 0, and NaN stays NaN whatever is multiplied with it"
    if not want.any():
        return "nothing in this input counts; there the gradient is 0, and NaN stays NaN whatever is multiplied with it"
    bad = ~got.isfinite() & ~void
    if not bad.any():
        return "these are void pixels: NaN stays NaN even if it is multiplied with 0, so it must never arise"
    _, labels, log_p = parts(given["logits"], given["target"])
    losses = pixel_losses(log_p, labels)[:, None].expand_as(got)[bad]
    if losses.max() < 1e-6:
        return "these pixels are so sure that p rounds to 1, where a slope is infinite, and infinity times 0 is NaN"
    if losses.min() > LARGE / 2:
        return "these pixels are so wrong that p rounds to 0; a log of it has no slope, so take `log_softmax`"
    return "something is divided by 0, or the log of 0 is taken"
