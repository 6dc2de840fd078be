"""Exercise 05, right and wrong answers to the questions about focal loss and online hard example mining."""

import math

import torch
import torch.nn.functional as F

from course_lib import losses


def in_float(logits):
    return logits.float() if logits.dtype == torch.float16 else logits


def pays_of(z, target):
    """Cross-entropy of each pixel, 0 where void."""
    return F.cross_entropy(z, target, ignore_index=255, reduction="none")


# 5 · focal loss


def focal_of(logits, target, gamma, loss_of):
    """(loss, gradient) by autograd. loss_of(losses (N, H, W), valid) -> the loss."""
    z = in_float(logits).detach().clone().requires_grad_()
    loss = loss_of(pays_of(z, target), target != 255)
    loss.backward()
    return loss.item(), z.grad


def wrongness(pays):
    return (1 - torch.exp(-pays)).clamp(min=1e-12)


def mean(values, valid):
    return (values * valid).sum() / valid.sum().clamp(min=1)


def focal_by_formula(logits, target, gamma):
    z, valid = logits.double(), target != 255
    labels = target.masked_fill(~valid, 0)
    log_p = z.log_softmax(1)
    t = F.one_hot(labels, z.shape[1]).movedim(-1, 1)
    pays = -(log_p * t).sum(1)
    p, wrong = torch.exp(-pays), -torch.expm1(-pays)
    slope = wrong**gamma
    moving = wrong > 0
    slope[moving] += gamma * p[moving] * wrong[moving] ** (gamma - 1) * pays[moving]
    count = valid.sum().clamp(min=1)
    return mean(wrong**gamma * pays, valid), (slope * valid)[:, None] * (log_p.exp() - t) / count


def focal_of_the_valid_pixels(logits, target, gamma):
    z = in_float(logits).detach().clone().requires_grad_()
    rows, labels = z.movedim(1, -1)[target != 255], target[target != 255]
    if len(labels) == 0:
        return 0.0, torch.zeros_like(z)
    log_p = rows.log_softmax(1)[torch.arange(len(labels)), labels]
    loss = ((1 - log_p.exp() + 1e-10) ** gamma * -log_p).mean()
    return loss.item(), torch.autograd.grad(loss, z)[0]


def focal_by_the_other_classes(logits, target, gamma):
    """In float32, with log(1 - p) from the logits of the other classes."""
    z, valid = logits.float().detach().clone().requires_grad_(), target != 255
    true = torch.stack([target == c for c in range(z.shape[1])], 1)
    log_p = z.log_softmax(1)
    log_wrong = log_p.masked_fill(true, -1e30).logsumexp(1)
    pays = -(log_p * true).sum(1)
    loss = mean(torch.exp(gamma * log_wrong) * pays, valid)
    return loss.item(), torch.autograd.grad(loss, z)[0]


def focal_from_the_library(logits, target, gamma):
    z = logits.double().requires_grad_()
    loss = losses.focal_loss(z, target, gamma=gamma)
    loss.backward()
    return loss.item(), z.grad


def focal_of_the_mean(logits, target, gamma):
    """As often written: p of the mean loss."""

    def loss_of(pays, valid):
        ce = mean(pays, valid)
        return (1 - torch.exp(-ce)).clamp(min=1e-12) ** gamma * ce

    return focal_of(logits, target, gamma, loss_of)


def focal_power_of_p(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: mean(torch.exp(-pays) ** gamma * pays, valid))


def focal_of_sigmoids(logits, target, gamma):
    """As torchvision.ops.sigmoid_focal_loss with alpha=-1."""
    z = in_float(logits).detach().clone().requires_grad_()
    valid = (target != 255)[:, None]
    t = F.one_hot(target.masked_fill(target == 255, 0), z.shape[1]).movedim(-1, 1).to(z)
    bce = F.binary_cross_entropy_with_logits(z, t, reduction="none")
    loss = ((1 - torch.exp(-bce)).clamp(min=1e-12) ** gamma * bce * valid).sum()
    loss = loss / (valid.sum() * z.shape[1]).clamp(min=1)
    loss.backward()
    return loss.item(), z.grad


def focal_of_one_sigmoid(logits, target, gamma):
    z, valid = in_float(logits).detach().clone().requires_grad_(), target != 255
    pays = -F.logsigmoid(z.gather(1, target.masked_fill(~valid, 0)[:, None])[:, 0])
    loss = mean(wrongness(pays) ** gamma * pays, valid)
    loss.backward()
    return loss.item(), z.grad


def focal_without_the_sure(logits, target, gamma):
    """NaN is avoided by leaving pixels out, of the count as well."""

    def loss_of(pays, valid):
        unsure = valid & (torch.exp(-pays) < 1)
        return mean(wrongness(pays) ** gamma * pays, unsure)

    return focal_of(logits, target, gamma, loss_of)


def focal_whole_gamma(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: mean(wrongness(pays) ** int(gamma) * pays, valid))


def focal_rounded_gamma(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: mean(wrongness(pays) ** round(gamma) * pays, valid))


def focal_of_pictures(logits, target, gamma):
    def loss_of(pays, valid):
        each = (wrongness(pays) ** gamma * pays * valid).sum((1, 2)) / valid.sum((1, 2)).clamp(min=1)
        return each.sum() / valid.any(2).any(1).sum().clamp(min=1)

    return focal_of(logits, target, gamma, loss_of)


def focal_over_all_pixels(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: (wrongness(pays) ** gamma * pays).mean())


def focal_over_the_factors(logits, target, gamma):
    def loss_of(pays, valid):
        factors = wrongness(pays) ** gamma * valid
        return (factors * pays).sum() / factors.sum().clamp(min=1e-30)

    return focal_of(logits, target, gamma, loss_of)


def focal_over_the_objects(logits, target, gamma):
    def loss_of(pays, valid):
        return (wrongness(pays) ** gamma * pays * valid).sum() / (valid & (target > 0)).sum().clamp(min=1)

    return focal_of(logits, target, gamma, loss_of)


def focal_sum(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: (wrongness(pays) ** gamma * pays).sum())


def focal_with_alpha(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: 0.25 * mean(wrongness(pays) ** gamma * pays, valid))


def focal_always_2(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: mean(wrongness(pays) ** 2 * pays, valid))


def focal_is_cross_entropy(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: mean(pays, valid))


def focal_times_gamma(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: mean(gamma * wrongness(pays) * pays, valid))


def focal_void_is_background(logits, target, gamma):
    return focal_by_formula(logits, target.masked_fill(target == 255, 0), gamma)


def focal_detached(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: mean(wrongness(pays).detach() ** gamma * pays, valid))


def focal_steep_at_1(logits, target, gamma):
    """(1 - p)**gamma with an infinite slope at p = 1."""
    return focal_of(logits, target, gamma, lambda pays, valid: mean((1 - torch.exp(-pays)) ** gamma * pays, valid))


def focal_log_of_softmax(logits, target, gamma):
    z = in_float(logits).detach().clone().requires_grad_()
    valid = target != 255
    p = z.softmax(1).gather(1, target.masked_fill(~valid, 0)[:, None])[:, 0]
    loss = mean((1 - p).clamp(min=1e-12) ** gamma * -p.log(), valid)
    loss.backward()
    return loss.item(), z.grad


def focal_log_with_epsilon(logits, target, gamma):
    z = in_float(logits).detach().clone().requires_grad_()
    valid = target != 255
    p = z.softmax(1).gather(1, target.masked_fill(~valid, 0)[:, None])[:, 0]
    loss = mean((1 - p).clamp(min=1e-12) ** gamma * -(p + 1e-8).log(), valid)
    loss.backward()
    return loss.item(), z.grad


def focal_nan_at_all_void(logits, target, gamma):
    return focal_of(logits, target, gamma, lambda pays, valid: (wrongness(pays) ** gamma * pays)[valid].mean())


def focal_gradient_of_the_sum(logits, target, gamma):
    loss, gradient = focal_by_formula(logits, target, gamma)
    return loss, gradient * (target != 255).sum()


def focal_gradient_downhill(logits, target, gamma):
    loss, gradient = focal_by_formula(logits, target, gamma)
    return loss, -gradient


def focal_gradient_with_the_wrong_sign(logits, target, gamma):
    z, valid = logits.double(), target != 255
    log_p = z.log_softmax(1)
    t = F.one_hot(target.masked_fill(~valid, 0), z.shape[1]).movedim(-1, 1)
    pays = -(log_p * t).sum(1)
    p, wrong = torch.exp(-pays), (-torch.expm1(-pays)).clamp(min=1e-300)
    slope = wrong**gamma - gamma * p * wrong ** (gamma - 1) * pays
    gradient = (slope * valid)[:, None] * (log_p.exp() - t) / valid.sum().clamp(min=1)
    return mean(wrong**gamma * pays, valid), gradient


def focal_without_clone(logits, target, gamma):
    pays = pays_of(logits, target)
    loss = mean(wrongness(pays) ** gamma * pays, target != 255)
    loss.backward()
    return loss.item(), logits.grad


FOCAL_MUTANTS = [
    (focal_from_the_library, "of course_lib, which this question does not allow"),
    (focal_of_the_mean, "the factor of the *mean* cross-entropy"),
    (focal_power_of_p, "the factor is p ** gamma here"),
    (focal_of_sigmoids, "as in torchvision's `sigmoid_focal_loss`"),
    (focal_of_one_sigmoid, "p is the sigmoid of the true class's logit"),
    (focal_without_the_sure, "pixels whose p rounds to 1 are left out"),
    (focal_whole_gamma, "gamma is made a whole number here, cut"),
    (focal_rounded_gamma, "gamma is made a whole number here, rounded"),
    (focal_of_pictures, "the mean over the pictures that are not all void"),
    (focal_over_all_pixels, "divided by the number of all pixels"),
    (focal_over_the_factors, "divided by the sum of the factors"),
    (focal_over_the_objects, "the number of pixels that are not class 0"),
    (focal_sum, "this is the sum"),
    (focal_with_alpha, "RetinaNet's alpha"),
    (focal_always_2, "gamma is 2 here"),
    (focal_is_cross_entropy, "the factor is missing"),
    (focal_times_gamma, "gamma is an exponent"),
    (focal_void_is_background, "taken for class 0"),
    (focal_detached, "is held fixed"),
    (focal_steep_at_1, "so sure that p rounds to 1, where a slope is infinite"),
    (focal_log_of_softmax, "take the log in one step"),
    (focal_log_with_epsilon, "as if something were clamped or added inside the log"),
    (focal_nan_at_all_void, "every pixel is void, so 0 is divided by 0"),
    (focal_gradient_of_the_sum, "this is the gradient of the sum"),
    (focal_gradient_downhill, "the way a step *down* the loss goes"),
    (focal_gradient_with_the_wrong_sign, "the second half of the product rule"),
    (focal_without_clone, "begin with `logits.detach().clone().requires_grad_()`"),
]
FOCAL_ALTERNATES = [focal_by_formula, focal_of_the_valid_pixels, focal_by_the_other_classes]

# 6 · OHEM


def valid_losses(logits, target):
    return pays_of(in_float(logits), target)[target != 255]


def ohem_of(logits, target, threshold, min_kept, *, least=None, hard=None, few=None, answer=None):
    """OHEM with parts exchanged. least(n) -> k, hard(losses) -> mask, few(losses, k, hard ones) -> kept, answer(kept, losses)."""
    pays = valid_losses(logits, target)
    k = least(len(pays)) if least else math.ceil(min_kept * len(pays))
    kept = pays[hard(pays) if hard else torch.exp(-pays) < threshold]
    if len(kept) < k:
        kept = few(pays, k, kept) if few else pays.topk(k).values
    if answer:
        return answer(kept, pays)
    return kept.mean() if len(kept) else 0.0


def ohem_by_sorting(logits, target, threshold, min_kept):
    """As in many repositories: the threshold is moved to the k-th hardest pixel."""
    pays = valid_losses(logits, target).sort(descending=True).values
    k = math.ceil(min_kept * len(pays))
    limit = -math.log(threshold) if threshold > 0 else math.inf
    count = max(int((pays > limit).sum()), k)
    return pays[:count].mean().item() if count else 0.0


def ohem_from_a_cut(logits, target, threshold, min_kept):
    """All losses from that of the k-th hardest pixel on."""
    pays = valid_losses(logits, target)
    k = math.ceil(min_kept * len(pays))
    kept = torch.exp(-pays) < threshold
    if kept.sum() < k:
        kept = pays >= pays.sort(descending=True).values[k - 1]
    return pays[kept].mean().view(1) if kept.any() else 0


def ohem_by_numpy(logits, target, threshold, min_kept):
    z = logits.double().numpy().transpose(0, 2, 3, 1)[(target != 255).numpy()]
    labels = target[target != 255].numpy()
    if len(labels) == 0:
        return 0.0
    z = z - z.max(1, keepdims=True)
    log_p = (z - torch.from_numpy(z).exp().sum(1, keepdim=True).log().numpy())[range(len(labels)), labels]
    order = sorted((-log_p).tolist(), reverse=True)
    hard = [loss for loss in order if math.exp(-loss) < threshold]
    k = math.ceil(min_kept * len(order))
    kept = hard if len(hard) >= k else order[:k]
    return sum(kept) / len(kept) if kept else 0.0


def ohem_from_the_library(logits, target, threshold, min_kept):
    return losses.ohem_loss(logits, target, threshold=threshold, min_kept=min_kept)


def ohem_with_void(logits, target, threshold, min_kept):
    pays = pays_of(in_float(logits), target).flatten()
    k = math.ceil(min_kept * len(pays))
    kept = pays[torch.exp(-pays) < threshold]
    kept = kept if len(kept) >= k else pays.topk(k).values
    return kept.mean() if len(kept) else 0.0


def ohem_share_of_all_pixels(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, least=lambda n: min(n, math.ceil(min_kept * target.numel())))


def ohem_topk_of_too_many(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, least=lambda n: math.ceil(min_kept * target.numel()))


def ohem_rounds_down(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, least=lambda n: int(min_kept * n))


def ohem_rounds_to_nearest(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, least=lambda n: round(min_kept * n))


def ohem_one_more(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, least=lambda n: min(int(min_kept * n) + 1, n))


def ohem_one_at_least(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, least=lambda n: min(max(math.ceil(min_kept * n), 1), n))


def ohem_list_of_both(logits, target, threshold, min_kept):
    pays = valid_losses(logits, target)
    kept = torch.cat([pays[torch.exp(-pays) < threshold], pays.topk(math.ceil(min_kept * len(pays))).values])
    return kept.mean() if len(kept) else 0.0


def ohem_in_both(logits, target, threshold, min_kept):
    pays = valid_losses(logits, target)
    pays = pays.topk(math.ceil(min_kept * len(pays))).values
    kept = pays[torch.exp(-pays) < threshold]
    return kept.mean() if len(kept) else 0.0


def ohem_first_few(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, few=lambda pays, k, kept: pays[:k])


def ohem_smallest_p(logits, target, threshold, min_kept):
    """Sorted by p, several of which round to 0."""
    return ohem_of(
        logits, target, threshold, min_kept, few=lambda pays, k, kept: pays[torch.exp(-pays).argsort(stable=True)[:k]]
    )


def ohem_log_of_threshold(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, hard=lambda pays: pays > -math.log(threshold))


def ohem_keeps_the_easy(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, hard=lambda pays: torch.exp(-pays) > threshold)


def ohem_threshold_of_losses(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, hard=lambda pays: pays > threshold)


def ohem_of_confidence(logits, target, threshold, min_kept):
    sure = in_float(logits).softmax(1).amax(1)[target != 255]
    return ohem_of(logits, target, threshold, min_kept, hard=lambda pays: sure < threshold)


def ohem_over_valid(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, answer=lambda kept, pays: kept.sum() / max(len(pays), 1))


def ohem_over_all(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, answer=lambda kept, pays: kept.sum() / target.numel())


def ohem_sum(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, answer=lambda kept, pays: kept.sum())


def ohem_always_topk(logits, target, threshold, min_kept):
    pays = valid_losses(logits, target)
    k = math.ceil(min_kept * len(pays))
    return pays.topk(k).values.mean() if k else 0.0


def ohem_without_min_kept(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, least=lambda n: 0)


def ohem_all_if_few(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, few=lambda pays, k, kept: pays)


def ohem_counts_twice(logits, target, threshold, min_kept):
    return ohem_of(
        logits, target, threshold, min_kept, few=lambda pays, k, kept: torch.cat([kept, pays.topk(k).values])
    )


def ohem_easiest(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, few=lambda pays, k, kept: pays.topk(k, largest=False).values)


def ohem_topk_of_probabilities(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, few=lambda pays, k, kept: torch.exp(-pays).topk(k).values)


def ohem_each_picture(logits, target, threshold, min_kept):
    each = [ohem_of(logits[i : i + 1], target[i : i + 1], threshold, min_kept) for i in range(len(target))]
    return sum(map(float, each)) / len(each)


def ohem_nan_of_nothing(logits, target, threshold, min_kept):
    return ohem_of(logits, target, threshold, min_kept, answer=lambda kept, pays: kept.mean())


def ohem_void_is_background(logits, target, threshold, min_kept):
    return ohem_of(logits, target.masked_fill(target == 255, 0), threshold, min_kept)


def ohem_log_of_softmax(logits, target, threshold, min_kept):
    valid = target != 255
    p = in_float(logits).softmax(1).gather(1, target.masked_fill(~valid, 0)[:, None])[:, 0][valid]
    k, kept = math.ceil(min_kept * len(p)), -p[p < threshold].log()
    kept = kept if len(kept) >= k else -p.topk(k, largest=False).values.log()
    return kept.mean() if len(kept) else 0.0


def ohem_in_half(logits, target, threshold, min_kept):
    pays = pays_of(logits, target)[target != 255]
    k, kept = math.ceil(min_kept * len(pays)), pays[torch.exp(-pays) < threshold]
    kept = kept if len(kept) >= k else pays.topk(k).values
    return kept.mean() if len(kept) else 0.0


def ohem_is_cross_entropy(logits, target, threshold, min_kept):
    pays = valid_losses(logits, target)
    return pays.mean() if len(pays) else 0.0


OHEM_MUTANTS = [
    (ohem_from_the_library, "of course_lib, which this question does not allow"),
    (ohem_with_void, "with the loss 0, and k counts them"),
    (ohem_share_of_all_pixels, "k is a share of *all* pixels"),
    (ohem_topk_of_too_many, "count the valid ones"),
    (ohem_rounds_down, "k is rounded down"),
    (ohem_keeps_the_easy, "the *easy* pixels are kept"),
    (ohem_threshold_of_losses, "the losses are compared with the threshold"),
    (ohem_of_confidence, "a low *largest* probability"),
    (ohem_rounds_to_nearest, "k is rounded to the nearest number"),
    (ohem_one_more, "one too many where the share is a whole number"),
    (ohem_one_at_least, "one pixel is kept at least here"),
    (ohem_list_of_both, "are put into one list"),
    (ohem_in_both, "only pixels that are hard *and* among the k hardest"),
    (ohem_first_few, "the first k of the list are kept"),
    (ohem_smallest_p, "several p round to 0 here, and are equal"),
    (ohem_log_of_threshold, "`threshold` may be 0, which has no log"),
    (ohem_over_valid, "divided by the number of all valid pixels"),
    (ohem_over_all, "divided by the number of all pixels"),
    (ohem_sum, "this is the sum of the kept losses"),
    (ohem_always_topk, "always the k hardest are kept"),
    (ohem_without_min_kept, "`min_kept` is not used"),
    (ohem_all_if_few, "all valid ones are kept"),
    (ohem_counts_twice, "they count twice"),
    (ohem_topk_of_probabilities, "the mean of the largest *probabilities*"),
    (ohem_easiest, "the k *easiest* pixels"),
    (ohem_each_picture, "this is the mean over the pictures of their own losses"),
    (ohem_nan_of_nothing, "the mean of an empty tensor is NaN"),
    (ohem_void_is_background, "taken for class 0"),
    (ohem_log_of_softmax, "take the log in one step"),
    (ohem_in_half, "this input is float16"),
    (ohem_is_cross_entropy, "this is the mean of all valid pixels"),
]
OHEM_ALTERNATES = [ohem_from_a_cut, ohem_by_sorting, ohem_by_numpy]
