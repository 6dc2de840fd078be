"""Exercise 05, right and wrong answers to the question about cross-entropy and its gradient."""

import torch
import torch.nn.functional as F

from course_lib import losses


def leaf(logits):
    return (logits.float() if logits.dtype == torch.float16 else logits).detach().clone().requires_grad_()


def pixel_parts(z, target, weight):
    """Weight, loss of each pixel, labels (void: 0), valid."""
    valid = target != 255
    labels = target.masked_fill(~valid, 0)
    return weight.to(z)[labels] * valid, -z.log_softmax(1).gather(1, labels[:, None])[:, 0], labels, valid


def with_gradient(logits, loss_of):
    """(loss, gradient) by autograd; loss_of(z) -> the loss."""
    z = leaf(logits)
    loss = loss_of(z)
    loss.backward()
    return loss.item(), z.grad


def ce_by_autograd(logits, target, weight):
    def loss_of(z):
        w, pays, *_ = pixel_parts(z, target, weight)
        return (w * pays).sum() / w.sum().clamp(min=1e-30)

    return with_gradient(logits, loss_of)


def ce_in_the_given_precision(logits, target, weight):
    """The leaf stays float16, and so does its gradient."""
    z = logits.detach().clone().requires_grad_()
    w, pays, *_ = pixel_parts(z.double(), target, weight)
    loss = (w * pays).sum() / w.sum().clamp(min=1e-30)
    return loss.item(), torch.autograd.grad(loss, z)[0]


def ce_of_the_valid_pixels(logits, target, weight):
    """Picked out first, as a list of pixels."""
    z = logits.double()
    rows, labels = z.movedim(1, -1)[target != 255], target[target != 255]
    w, gradient = weight.double()[labels], torch.zeros_like(z.movedim(1, -1))
    if w.sum() == 0:
        return 0.0, torch.zeros_like(z)
    log_p = rows - rows.logsumexp(1, keepdim=True)
    pull = log_p.exp()
    pull[torch.arange(len(labels)), labels] -= 1
    gradient[target != 255] = w[:, None] * pull / w.sum()
    pays = -log_p[torch.arange(len(labels)), labels]
    return (w * pays).sum() / w.sum(), gradient.movedim(-1, 1)


def ce_by_hand_with_max(logits, target, weight):
    z = logits.double() - logits.double().amax(1, keepdim=True)
    log_p = z - z.exp().sum(1, keepdim=True).log()
    t = torch.stack([target == c for c in range(z.shape[1])], 1).double()
    w = (t * weight.double().view(1, -1, 1, 1)).sum(1, keepdim=True)
    total = float(w.sum()) or 1.0
    return float(-(w * t * log_p).sum()) / total, w * (log_p.exp() - t) / total


def ce_from_torch(logits, target, weight):
    def loss_of(z):
        return F.cross_entropy(z, target, weight.to(z), ignore_index=255).nan_to_num(0)

    return with_gradient(logits, loss_of)


def ce_from_the_library(logits, target, weight):
    return with_gradient(logits, lambda z: losses.cross_entropy(z, target, weight=weight))


def ce_nan_where_nothing_counts(logits, target, weight):
    def loss_of(z):
        w, pays, *_ = pixel_parts(z, target, weight)
        return (w * pays).sum() / w.sum()

    return with_gradient(logits, loss_of)


def ce_hides_the_nan(logits, target, weight):
    """The value is mended, the gradient is not."""

    def loss_of(z):
        w, pays, *_ = pixel_parts(z, target, weight)
        return ((w * pays).sum() / w.sum()).nan_to_num(0)

    return with_gradient(logits, loss_of)


def ce_mends_both(logits, target, weight):
    """0 / 0 replaced after the fact, in the loss and in the gradient."""
    z = leaf(logits)
    t = torch.stack([target == c for c in range(z.shape[1])], 1) * weight.to(z).view(1, -1, 1, 1)
    loss = -(t * z.log_softmax(1)).sum() / t.sum()
    loss.backward()
    return loss.detach().nan_to_num(0).view(1), z.grad.nan_to_num(0)


def ce_over_all_pixels(logits, target, weight):
    def loss_of(z):
        w, pays, *_ = pixel_parts(z, target, weight)
        return (w * pays).mean()

    return with_gradient(logits, loss_of)


def ce_over_valid_pixels(logits, target, weight):
    def loss_of(z):
        w, pays, _, valid = pixel_parts(z, target, weight)
        return (w * pays).sum() / valid.sum().clamp(min=1)

    return with_gradient(logits, loss_of)


def ce_void_weights_below(logits, target, weight):
    def loss_of(z):
        w, pays, labels, _ = pixel_parts(z, target, weight)
        return (w * pays).sum() / weight[labels].sum().clamp(min=1e-30)

    return with_gradient(logits, loss_of)


def ce_void_is_background(logits, target, weight):
    return ce_by_autograd(logits, target.masked_fill(target == 255, 0), weight)


def ce_void_is_clamped(logits, target, weight):
    return ce_by_autograd(logits, target.clamp(max=logits.shape[1] - 1), weight)


def ce_forgets_void(logits, target, weight):
    log_p = logits.log_softmax(1)
    pays, w = -log_p.gather(1, target[:, None])[:, 0], weight[target]
    return (w * pays).sum() / w.sum(), log_p.exp()


def ce_without_weights(logits, target, weight):
    return ce_by_autograd(logits, target, torch.ones_like(weight))


def ce_over_the_vector(logits, target, weight):
    def loss_of(z):
        w, pays, *_ = pixel_parts(z, target, weight)
        return (w * pays).sum() / weight.sum()

    return with_gradient(logits, loss_of)


def ce_sum(logits, target, weight):
    def loss_of(z):
        w, pays, *_ = pixel_parts(z, target, weight)
        return (w * pays).sum()

    return with_gradient(logits, loss_of)


def ce_of_pictures(logits, target, weight):
    def loss_of(z):
        w, pays, *_ = pixel_parts(z, target, weight)
        return ((w * pays).sum((1, 2)) / w.sum((1, 2)).clamp(min=1e-30)).mean()

    return with_gradient(logits, loss_of)


def ce_of_pictures_with_nan(logits, target, weight):
    def loss_of(z):
        w, pays, *_ = pixel_parts(z, target, weight)
        return ((w * pays).sum((1, 2)) / w.sum((1, 2))).mean()

    if not (weight[target.masked_fill(target == 255, 0)] * (target != 255)).any():
        return 0.0, torch.zeros_like(logits)
    return with_gradient(logits, loss_of)


def ce_weights_the_logits(logits, target, weight):
    return ce_by_autograd(logits.double() * weight.view(1, -1, 1, 1), target, torch.ones_like(weight))


def ce_log_of_softmax(logits, target, weight):
    def loss_of(z):
        w, _, labels, _ = pixel_parts(z, target, weight)
        pays = -z.softmax(1).log().gather(1, labels[:, None])[:, 0]
        return (w * pays).sum() / w.sum().clamp(min=1e-30)

    return with_gradient(logits, loss_of)


def ce_log_with_epsilon(logits, target, weight):
    def loss_of(z):
        w, _, labels, _ = pixel_parts(z, target, weight)
        pays = -(z.softmax(1) + 1e-8).log().gather(1, labels[:, None])[:, 0]
        return (w * pays).sum() / w.sum().clamp(min=1e-30)

    return with_gradient(logits, loss_of)


def ce_of_exponentials(logits, target, weight):
    def loss_of(z):
        w, _, labels, _ = pixel_parts(z, target, weight)
        pays = z.exp().sum(1).log() - z.gather(1, labels[:, None])[:, 0]
        return (w * pays).sum() / w.sum().clamp(min=1e-30)

    return with_gradient(logits, loss_of)


def ce_over_the_columns(logits, target, weight):
    def loss_of(z):
        w, _, labels, _ = pixel_parts(z, target, weight)
        pays = -z.log_softmax(-1).gather(1, labels[:, None])[:, 0]
        return (w * pays).sum() / w.sum().clamp(min=1e-30)

    return with_gradient(logits, loss_of)


def ce_without_minus(logits, target, weight):
    loss, gradient = ce_by_autograd(logits, target, weight)
    return -loss, -gradient


def ce_in_half(logits, target, weight):
    valid = target != 255
    labels = target.masked_fill(~valid, 0)
    log_p, w = logits.log_softmax(1), weight.to(logits)[labels] * valid
    pays, total = -log_p.gather(1, labels[:, None])[:, 0], w.sum() if w.sum() > 0 else 1
    t = F.one_hot(labels, logits.shape[1]).movedim(-1, 1)
    return (w * pays).sum() / total, w[:, None] * (log_p.exp() - t) / total


def by_formula(pull):
    """An answer whose gradient is pull(p, t, w, valid, weight, total); the loss is right."""

    def answer(logits, target, weight):
        z = logits.double()
        w, _, labels, valid = pixel_parts(z, target, weight)
        t = F.one_hot(labels, z.shape[1]).movedim(-1, 1).double()
        total = w.sum() if w.sum() > 0 else torch.tensor(1.0)
        gradient = pull(z.softmax(1), t, w[:, None], valid[:, None], weight.double(), total)
        return ce_by_autograd(logits, target, weight)[0], gradient

    return answer


ce_gradient_of_the_sum = by_formula(lambda p, t, w, valid, weight, total: w * (p - t))
ce_gradient_downhill = by_formula(lambda p, t, w, valid, weight, total: w * (t - p) / total)
ce_gradient_of_valid_pixels = by_formula(lambda p, t, w, valid, weight, total: w * (p - t) / valid.sum().clamp(min=1))
ce_gradient_at_void = by_formula(
    lambda p, t, w, valid, weight, total: (t * weight.view(1, -1, 1, 1)).sum(1, keepdim=True) * (p - t) / total
)
ce_gradient_unweighted = by_formula(lambda p, t, w, valid, weight, total: valid * (p - t) / valid.sum().clamp(min=1))
ce_gradient_weighted_by_channel = by_formula(
    lambda p, t, w, valid, weight, total: weight.view(1, -1, 1, 1) * valid * (p - t) / total
)
ce_gradient_of_p = by_formula(lambda p, t, w, valid, weight, total: -w * t / p / total)
ce_gradient_of_one_channel = by_formula(lambda p, t, w, valid, weight, total: w * (p - 1) * t / total)
ce_gradient_of_probabilities_alone = by_formula(lambda p, t, w, valid, weight, total: w * p / total)
ce_gradient_doubled = by_formula(lambda p, t, w, valid, weight, total: 2 * w * (p - t) / total)


def ce_without_a_gradient(logits, target, weight):
    z = logits.double()
    w, pays, *_ = pixel_parts(z, target, weight)
    return (w * pays).sum() / w.sum().clamp(min=1e-30), z.grad


def ce_backward_without_a_leaf(logits, target, weight):
    w, pays, *_ = pixel_parts(logits, target, weight)
    loss = (w * pays).sum() / w.sum()
    loss.backward()
    return loss, logits.grad


def ce_loss_alone(logits, target, weight):
    return ce_by_autograd(logits, target, weight)[0]


for _name, _value in list(globals().items()):
    if _name.startswith("ce_gradient"):
        _value.__name__ = _name

MUTANTS = [
    (ce_from_torch, "gives the answer away"),
    (ce_from_the_library, "gives the answer away"),
    (ce_nan_where_nothing_counts, "0 is divided by 0; there the loss is 0"),
    (ce_hides_the_nan, "there the gradient is 0, and NaN stays NaN"),
    (ce_over_all_pixels, "divide by the sum of the weights of the others"),
    (ce_over_valid_pixels, "is divided by the number of valid pixels"),
    (ce_void_weights_below, "their weights are still in the sum below the line"),
    (ce_void_is_background, "taken for class 0"),
    (ce_void_is_clamped, "taken for the last class"),
    (ce_forgets_void, "give void pixels some class, and the weight 0"),
    (ce_without_weights, "the weights are not used"),
    (ce_over_the_vector, "the sum of the weight *vector*"),
    (ce_sum, "this is the sum: divide it"),
    (ce_of_pictures, "the mean over the pictures of their own losses"),
    (ce_of_pictures_with_nan, "one of which is 0 / 0"),
    (ce_weights_the_logits, "multiplied with the *logits*"),
    (ce_log_with_epsilon, "nearly right; is something small added"),
    (ce_log_of_softmax, "take the log in one step"),
    (ce_log_with_epsilon, "as if something were clamped or added inside the log"),
    (ce_of_exponentials, "(or `exp` overflows)"),
    (ce_over_the_columns, "the softmax runs over the wrong dimension"),
    (ce_without_minus, "the sign is wrong: a pixel pays minus the log"),
    (ce_in_half, "this input is float16"),
    (ce_gradient_of_the_sum, "this is the gradient of the sum"),
    (ce_gradient_downhill, "this is t - p"),
    (ce_gradient_of_valid_pixels, "this gradient is divided by the number of valid pixels"),
    (ce_gradient_at_void, "a void pixel has the gradient of class 0"),
    (ce_gradient_unweighted, "each pixel's p - t counts `weight[t]`"),
    (ce_gradient_weighted_by_channel, "each *channel* has the weight of its class"),
    (ce_gradient_of_p, "with respect to the probabilities"),
    (ce_gradient_of_one_channel, "the softmax ties all of them together"),
    (ce_gradient_of_probabilities_alone, "the true class has p - 1"),
    (ce_gradient_doubled, "every value is 2.0 times the wanted one"),
    (ce_without_a_gradient, "the gradient is nothing (None), not a tensor"),
    (ce_backward_without_a_leaf, "begin with `logits.detach().clone().requires_grad_()`"),
    (ce_loss_alone, "return the pair `(loss, gradient)`"),
]
ALTERNATES = [ce_mends_both, ce_by_autograd, ce_in_the_given_precision, ce_of_the_valid_pixels, ce_by_hand_with_max]
