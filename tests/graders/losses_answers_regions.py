"""Exercise 05, right and wrong answers to the questions about soft Dice and Tversky."""

import torch

from course_lib import losses

# 3 · soft Dice


def in_float(logits):
    return logits.float() if logits.dtype == torch.float16 else logits


def hot(target, classes):
    return torch.stack([target == c for c in range(classes)], 1).double()


def dice_of(logits, target, per_sample, *, p=None, t=None, loss=None, keep=None, mean=None):
    """Soft Dice with parts exchanged. loss(TP, sum p, sum t), keep(sum t) -> the classes, mean(losses, kept) of (N or 1, C)."""
    valid = (target != 255)[:, None]
    p = in_float(logits).double().softmax(1) * valid if p is None else p
    t = hot(target, logits.shape[1]) if t is None else t
    over = (2, 3) if per_sample else (0, 2, 3)
    sums = [x.sum(over).reshape(-1, logits.shape[1]) for x in (p * t, p, t)]
    values = (loss or (lambda hits, claimed, true: 1 - 2 * hits / (claimed + true)))(*sums)
    kept = (keep or (lambda true: true > 0))(sums[2])
    if mean:
        return mean(values, kept)
    rows = [row[where].mean() for row, where in zip(values, kept, strict=True) if where.any()]
    return torch.stack(rows).mean() if rows else 0.0


def dice_by_loops(logits, target, per_sample):
    p = in_float(logits).softmax(1)
    pictures = [[i] for i in range(len(p))] if per_sample else [list(range(len(p)))]
    means = []
    for members in pictures:
        valid = target[members] != 255
        here = []
        for c in target[members][valid].unique().tolist():
            true, claims = target[members][valid] == c, p[members][:, c][valid]
            tp, fp, fn = claims[true].sum(), claims[~true].sum(), (1 - claims[true]).sum()
            here.append(float(1 - 2 * tp / (2 * tp + fp + fn)))
        if here:
            means.append(sum(here) / len(here))
    return sum(means) / len(means) if means else 0.0


def dice_by_einsum(logits, target, per_sample):
    return dice_of(logits, target, per_sample)


def dice_from_the_library(logits, target, per_sample):
    return losses.dice_loss(logits, target, per_sample=per_sample)


def dice_with_void_claims(logits, target, per_sample):
    return dice_of(logits, target, per_sample, p=in_float(logits).softmax(1))


def dice_zeroes_the_logits(logits, target, per_sample):
    masked = in_float(logits) * (target != 255)[:, None]
    return dice_of(logits, target, per_sample, p=masked.softmax(1))


def dice_void_is_background(logits, target, per_sample):
    return dice_of(logits, target.masked_fill(target == 255, 0), per_sample)


def dice_absent_cost_1(logits, target, per_sample):
    def loss(hits, claimed, true):
        return 1 - (2 * hits + 1e-7) / (claimed + true + 1e-7)

    def keep(true):
        return (true.sum(-1, keepdim=True) > 0).expand_as(true)

    return dice_of(logits, target, per_sample, loss=loss, keep=keep)


def dice_absent_cost_0(logits, target, per_sample):
    """As segmentation_models_pytorch does: absent classes masked, but still in the mean."""
    return dice_of(
        logits,
        target,
        per_sample,
        loss=lambda hits, claimed, true: (1 - 2 * hits / (claimed + true)) * (true > 0),
        keep=lambda true: (true.sum(-1, keepdim=True) > 0).expand_as(true),
    )


def dice_of_claimed_classes(logits, target, per_sample):
    """Classes of the truth or of the mask, as in a mean IoU."""
    p, valid = in_float(logits).double().softmax(1).movedim(1, -1), target != 255
    rows = []
    for one in [slice(i, i + 1) for i in range(len(p))] if per_sample else [slice(None)]:
        claims, labels = p[one][valid[one]], target[one][valid[one]]
        if len(labels):
            t = torch.nn.functional.one_hot(labels, p.shape[-1])
            losses_ = 1 - 2 * (claims * t).sum(0) / (claims + t).sum(0)
            rows.append(losses_[torch.cat([labels, claims.argmax(1)]).unique()].mean())
    return torch.stack(rows).mean() if rows else 0.0


def dice_smooth_everywhere(logits, target, per_sample):
    return dice_of(
        logits,
        target,
        per_sample,
        loss=lambda hits, claimed, true: 1 - (2 * hits + 1) / (claimed + true + 1),
        keep=lambda true: (true.sum(-1, keepdim=True) > 0).expand_as(true),
    )


def dice_smooth(logits, target, per_sample):
    return dice_of(
        logits, target, per_sample, loss=lambda hits, claimed, true: 1 - (2 * hits + 1) / (claimed + true + 1)
    )


def dice_coefficient(logits, target, per_sample):
    return dice_of(logits, target, per_sample, loss=lambda hits, claimed, true: 2 * hits / (claimed + true))


def dice_is_iou(logits, target, per_sample):
    return dice_of(logits, target, per_sample, loss=lambda hits, claimed, true: 1 - hits / (claimed + true - hits))


def dice_without_the_2(logits, target, per_sample):
    """The sum of the sizes taken for the union."""
    return dice_of(logits, target, per_sample, loss=lambda hits, claimed, true: 1 - hits / (claimed + true))


def dice_of_v_net(logits, target, per_sample):
    valid = (target != 255)[:, None]
    p, t = in_float(logits).double().softmax(1) * valid, hot(target, logits.shape[1])
    sets = [slice(i, i + 1) for i in range(len(p))] if per_sample else [slice(None)]
    rows = []
    for one in sets:
        a, b = p[one], t[one]
        loss = 1 - 2 * (a * b).sum((0, 2, 3)) / (a**2 + b**2).sum((0, 2, 3))
        occurs = b.sum((0, 2, 3)) > 0
        if occurs.any():
            rows.append(loss[occurs].mean())
    return torch.stack(rows).mean() if rows else 0.0


def dice_of_argmax(logits, target, per_sample):
    p = hot(logits.argmax(1), logits.shape[1]) * (target != 255)[:, None]
    return dice_of(logits, target, per_sample, p=p)


def dice_of_sigmoids(logits, target, per_sample):
    return dice_of(logits, target, per_sample, p=in_float(logits).sigmoid() * (target != 255)[:, None])


def dice_over_columns(logits, target, per_sample):
    return dice_of(logits, target, per_sample, p=in_float(logits).softmax(-1) * (target != 255)[:, None])


def dice_without_background(logits, target, per_sample):
    def keep(true):
        kept = true > 0
        kept[:, 0] = False
        return kept

    return dice_of(logits, target, per_sample, keep=keep)


def dice_pooled(logits, target, per_sample):
    def loss(hits, claimed, true):
        whole = 1 - 2 * hits.sum(1, keepdim=True) / (claimed.sum(1, keepdim=True) + true.sum(1, keepdim=True))
        return whole.expand_as(hits)

    return dice_of(logits, target, per_sample, loss=loss)


def dice_always_batch(logits, target, per_sample):
    return dice_of(logits, target, False)


def dice_always_pictures(logits, target, per_sample):
    return dice_of(logits, target, True)


def dice_classes_first(logits, target, per_sample):
    def mean(values, kept):
        return values.where(kept, torch.nan).nanmean(0).nanmean().nan_to_num(0)

    return dice_of(logits, target, per_sample, mean=mean)


def dice_of_all_cells(logits, target, per_sample):
    def mean(values, kept):
        return values[kept].mean() if kept.any() else 0.0

    return dice_of(logits, target, per_sample, mean=mean)


def dice_of_the_batch_classes(logits, target, per_sample):
    def keep(true):
        return (true.sum(0, keepdim=True) > 0) & (true.sum(1, keepdim=True) > 0)

    return dice_of(logits, target, per_sample, keep=keep)


def dice_void_pictures_cost_0(logits, target, per_sample):
    def mean(values, kept):
        return (values * kept).nan_to_num(0).sum(1).div(kept.sum(1).clamp(min=1)).mean()

    return dice_of(logits, target, per_sample, mean=mean)


def dice_void_pictures_cost_1(logits, target, per_sample):
    if not per_sample:
        return dice_by_loops(logits, target, False)
    each = [
        dice_by_loops(logits[i : i + 1], target[i : i + 1], True) if (target[i] != 255).any() else 1.0
        for i in range(len(target))
    ]
    return sum(each) / len(each)


def dice_nan_at_a_void_picture(logits, target, per_sample):
    def mean(values, kept):
        return torch.stack([row[where].mean() for row, where in zip(values, kept, strict=True)]).mean()

    return dice_of(logits, target, per_sample, mean=mean)


def dice_pooled_over_occurring(logits, target, per_sample):
    def mean(values, kept):
        return values[kept.any(1)].mean() if kept.any() else 0.0

    def loss(hits, claimed, true):
        here = true > 0
        below = ((claimed + true) * here).sum(1, keepdim=True)
        return (1 - 2 * (hits * here).sum(1, keepdim=True) / below).expand_as(hits)

    return dice_of(logits, target, per_sample, loss=loss, mean=mean)


def dice_nan_at_all_void(logits, target, per_sample):
    def mean(values, kept):
        return torch.stack([row[where].mean() for row, where in zip(values, kept, strict=True)]).nanmean()

    return dice_of(logits, target, per_sample, mean=mean)


def dice_in_half(logits, target, per_sample):
    p = logits.softmax(1) * (target != 255)[:, None]
    return dice_of(logits, target, per_sample, p=p, t=hot(target, logits.shape[1]).to(logits))


def dice_of_exponentials(logits, target, per_sample):
    e = in_float(logits).exp()
    return dice_of(logits, target, per_sample, p=e / e.sum(1, keepdim=True) * (target != 255)[:, None])


DICE_MUTANTS = [
    (dice_from_the_library, "of course_lib, which this question does not allow"),
    (dice_with_void_claims, "the probabilities of void pixels are still below the line"),
    (dice_zeroes_the_logits, "their p is then 1 / C"),
    (dice_void_is_background, "taken for class 0"),
    (dice_absent_cost_1, "has the loss 1 here, for the smallest false claim"),
    (dice_absent_cost_0, "has the loss 0 here, and is in the mean"),
    (dice_of_claimed_classes, "only the truth decides which classes count"),
    (dice_void_pictures_cost_1, "counts with the loss 1"),
    (dice_nan_at_a_void_picture, "one picture is all void"),
    (dice_pooled_over_occurring, "the sums over the classes that occur"),
    (dice_smooth_everywhere, "classes that do not occur are in the mean, with a smoothing constant"),
    (dice_smooth, "there is a smoothing constant of 1"),
    (dice_coefficient, "this is the Dice coefficient"),
    (dice_is_iou, "this is the soft IoU"),
    (dice_without_the_2, "the 2 above the line is missing"),
    (dice_of_v_net, "squared below the line"),
    (dice_of_argmax, "these are counts of `argmax`"),
    (dice_of_sigmoids, "these are sigmoids"),
    (dice_over_columns, "the softmax runs over the wrong dimension"),
    (dice_without_background, "background is a class like any other"),
    (dice_pooled, "one fraction of the sums over all classes"),
    (dice_always_batch, "`per_sample` is not used"),
    (dice_always_pictures, "whatever `per_sample` says"),
    (dice_classes_first, "the mean over the classes of their means over the pictures"),
    (dice_of_all_cells, "the mean of all pictures' classes at once"),
    (dice_of_the_batch_classes, "each picture has its own classes"),
    (dice_void_pictures_cost_0, "counts with the loss 0 in the mean"),
    (dice_nan_at_all_void, "every pixel is void, so 0 is divided by 0"),
    (dice_in_half, "this input is float16"),
    (dice_of_exponentials, "`exp` overflows"),
]
DICE_ALTERNATES = [dice_by_loops, dice_by_einsum]

# 4 · Tversky


def tversky_of(logits, target, alpha, beta, *, index=None, p=torch.sigmoid, void=None, share=None):
    """The pair with parts exchanged. index(TP, FP, FN), share(gradient (N, H, W), lesion, tissue)."""
    z = logits.detach().clone().double().requires_grad_()
    target = target if void is None else target.masked_fill(target == 255, void)
    lesion, tissue = target == 1, target == 0
    if not lesion.any():
        return 0.0, 0.0
    prob = p(z)[:, 0]
    tp, fp, fn = prob[lesion].sum(), prob[tissue].sum(), (1 - prob[lesion]).sum()
    loss = 1 - (index(tp, fp, fn) if index else tp / (tp + alpha * fp + beta * fn))
    if not loss.requires_grad:
        return loss.item(), 0.0
    loss.backward()
    gradient = z.grad[:, 0]
    if share:
        return loss.item(), float(share(gradient, lesion, tissue))
    pull = gradient.abs()
    return loss.item(), float(pull[lesion].sum() / pull.sum()) if pull.sum() > 0 else 0.0


def tversky_by_formula(logits, target, alpha, beta):
    """Without autograd: the slopes of the index."""
    p = logits.double().sigmoid()[:, 0]
    lesion, tissue = target == 1, target == 0
    if not lesion.any():
        return 0.0, 0.0
    tp, fp, fn = p[lesion].sum(), p[tissue].sum(), (1 - p[lesion]).sum()
    below = tp + alpha * fp + beta * fn
    slope = p * (1 - p)
    up, down = (below - tp * (1 - beta)) * slope[lesion].sum(), alpha * tp * slope[tissue].sum()
    return 1 - tp / below, up / (up + down) if up + down > 0 else torch.tensor(0.0)


def tversky_of_sums(logits, target, alpha, beta):
    """FP and FN from sum p and sum t."""
    z = in_float(logits).detach().clone().requires_grad_()
    valid, t = target != 255, (target == 1).to(z)
    p = z.sigmoid()[:, 0] * valid
    tp = (p * t).sum()
    below = tp + alpha * (p.sum() - tp) + beta * (t.sum() - tp)
    if not t.any():
        return 0.0, 0.0
    (1 - tp / below).backward()
    pull = z.grad[:, 0].abs()
    return (1 - tp / below).item(), ((pull * t).sum() / pull.sum()).nan_to_num(0).item()


def tversky_in_float32(logits, target, alpha, beta):
    return tversky_of_sums(logits.float(), target, alpha, beta)


def tversky_from_the_library(logits, target, alpha, beta):
    z = logits.double().requires_grad_()
    loss = losses.tversky_loss(z, target, alpha=alpha, beta=beta)
    loss.backward()
    pull = z.grad[:, 0].abs()
    return loss.item(), (pull[target == 1].sum() / pull.sum()).nan_to_num(0).item()


def tversky_exchanged(logits, target, alpha, beta):
    return tversky_of(logits, target, beta, alpha)


def tversky_index(logits, target, alpha, beta):
    loss, share = tversky_of(logits, target, alpha, beta)
    return 1 - loss, share


def tversky_is_dice(logits, target, alpha, beta):
    return tversky_of(logits, target, 0.5, 0.5)


def tversky_of_all_claims(logits, target, alpha, beta):
    return tversky_of(logits, target, alpha, beta, index=lambda tp, fp, fn: tp / (tp + alpha * (tp + fp) + beta * fn))


def tversky_with_a_2(logits, target, alpha, beta):
    return tversky_of(logits, target, alpha, beta, index=lambda tp, fp, fn: 2 * tp / (2 * tp + alpha * fp + beta * fn))


def tversky_smooth(logits, target, alpha, beta):
    return tversky_of(
        logits, target, alpha, beta, index=lambda tp, fp, fn: (tp + 1) / (tp + alpha * fp + beta * fn + 1)
    )


def tversky_void_is_tissue(logits, target, alpha, beta):
    return tversky_of(logits, target, alpha, beta, void=0)


def tversky_softmax(logits, target, alpha, beta):
    return tversky_of(logits, target, alpha, beta, p=lambda z: z.softmax(1))


def tversky_of_counts(logits, target, alpha, beta):
    return tversky_of(logits, target, alpha, beta, p=lambda z: (z > 0).double())


def tversky_of_pictures(logits, target, alpha, beta):
    pairs = [tversky_of(logits[i : i + 1], target[i : i + 1], alpha, beta) for i in range(len(target))]
    return tuple(sum(values) / len(values) for values in zip(*pairs, strict=True))


def tversky_of_pictures_by_formula(logits, target, alpha, beta):
    """Where a picture holds no lesion, 1 - 0 / FP, or 0 / 0."""
    z = in_float(logits).detach().clone().requires_grad_()
    p, lesion, tissue = z.sigmoid()[:, 0], (target == 1).to(z), (target == 0).to(z)
    if not lesion.any():
        return 0.0, 0.0
    tp, fp, fn = ((x).sum((1, 2)) for x in (p * lesion, p * tissue, (1 - p) * lesion))
    loss = (1 - tp / (tp + alpha * fp + beta * fn)).mean()
    loss.backward()
    pull = z.grad[:, 0].abs()
    return loss.item(), ((pull * lesion).sum() / pull.sum()).item()


def tversky_of_both(logits, target, alpha, beta):
    one = tversky_of(logits, target, alpha, beta)
    other = tversky_of(-logits, torch.where(target == 255, target, 1 - target), alpha, beta)
    return (one[0] + other[0]) / 2, one[1]


def tversky_1_without_lesion(logits, target, alpha, beta):
    return tversky_of(logits, target, alpha, beta) if (target == 1).any() else (1.0, 0.0)


def tversky_nan_without_lesion(logits, target, alpha, beta):
    z = logits.double().requires_grad_()
    p, lesion, tissue = z.sigmoid()[:, 0], target == 1, target == 0
    tp, fp, fn = p[lesion].sum(), p[tissue].sum(), (1 - p[lesion]).sum()
    loss = 1 - tp / (tp + alpha * fp + beta * fn)
    loss.backward()
    pull = z.grad[:, 0].abs()
    return loss.item(), (pull[lesion].sum() / pull.sum()).item()


def tversky_in_half(logits, target, alpha, beta):
    lesion, tissue = target == 1, target == 0
    if not lesion.any():
        return 0.0, 0.0
    p = logits.sigmoid()[:, 0]
    tp, fp, fn = p[lesion].sum(), p[tissue].sum(), (1 - p[lesion]).sum()
    return 1 - tp / (tp + alpha * fp + beta * fn), tversky_of(logits, target, alpha, beta)[1]


def tversky_broadcasts(logits, target, alpha, beta):
    z = logits.detach().clone().double().requires_grad_()
    p, t, valid = z.sigmoid(), (target == 1).double(), (target != 255).double()
    tp, fp, fn = (p * t).sum(), (p * (1 - t) * valid).sum(), ((1 - p) * t).sum()
    if not t.any():
        return 0.0, 0.0
    loss = 1 - tp / (tp + alpha * fp + beta * fn)
    loss.backward()
    pull = z.grad[:, 0].abs()
    return loss.item(), ((pull * t).sum() / pull.sum()).nan_to_num(0).item()


def tversky_grad_of_a_copy(logits, target, alpha, beta):
    """`.double()` or `.float()` after `requires_grad_()` makes a copy, which has no `.grad`."""
    z = logits.clone().requires_grad_().to(torch.float32 if logits.dtype == torch.float64 else torch.float64)
    p, lesion, tissue = z.sigmoid()[:, 0], target == 1, target == 0
    tp, fp, fn = p[lesion].sum(), p[tissue].sum(), (1 - p[lesion]).sum()
    loss = 1 - tp / (tp + alpha * fp + beta * fn)
    loss.backward()
    return loss.item(), float(z.grad[lesion[:, None]].abs().sum() / z.grad.abs().sum())


def with_share(share):
    def answer(logits, target, alpha, beta):
        return tversky_of(logits, target, alpha, beta, share=share)

    return answer


share_ratio = with_share(lambda g, lesion, tissue: g[lesion].abs().sum() / g[tissue].abs().sum())
share_of_tissue = with_share(lambda g, lesion, tissue: g[tissue].abs().sum() / g.abs().sum().clamp(min=1e-300))
share_with_signs = with_share(lambda g, lesion, tissue: g[lesion].sum() / g.sum())
share_of_means = with_share(
    lambda g, lesion, tissue: g[lesion].abs().mean() / (g[lesion].abs().mean() + g[tissue].abs().mean())
)
share_of_pixels = with_share(lambda g, lesion, tissue: lesion.sum() / (lesion | tissue).sum())
share_of_squares = with_share(lambda g, lesion, tissue: (g[lesion] ** 2).sum() / (g**2).sum().clamp(min=1e-300))
share_of_norms = with_share(lambda g, lesion, tissue: g[lesion].norm() / g.norm().clamp(min=1e-300))
share_in_percent = with_share(lambda g, lesion, tissue: 100 * g[lesion].abs().sum() / g.abs().sum().clamp(min=1e-300))


def share_of_the_probabilities(logits, target, alpha, beta):
    p = logits.double().sigmoid().requires_grad_()
    pair = tversky_of(logits, target, alpha, beta)
    if (target != 1).all():
        return pair
    lesion, tissue = target == 1, target == 0
    tp, fp, fn = p[:, 0][lesion].sum(), p[:, 0][tissue].sum(), (1 - p[:, 0][lesion]).sum()
    (1 - tp / (tp + alpha * fp + beta * fn)).backward()
    pull = p.grad[:, 0].abs()
    return pair[0], (pull[lesion].sum() / pull.sum()).item()


for _name, _value in list(globals().items()):
    if _name.startswith("share_"):
        _value.__name__ = _name

TVERSKY_MUTANTS = [
    (tversky_from_the_library, "of course_lib, which this question does not allow"),
    (tversky_exchanged, "alpha and beta are exchanged"),
    (tversky_index, "this is the index"),
    (tversky_is_dice, "this is the Dice loss"),
    (tversky_of_all_claims, "FP leaves out the lesion pixels"),
    (tversky_with_a_2, "there is a 2 before TP"),
    (tversky_smooth, "there is a smoothing constant of 1"),
    (tversky_void_is_tissue, "void pixels are in FP"),
    (tversky_softmax, "one channel needs a sigmoid"),
    (tversky_of_counts, "add up the probabilities"),
    (tversky_of_pictures, "the mean over the pictures of their own losses"),
    (tversky_of_pictures_by_formula, "1 or 0 / 0 where no pixel is lesion"),
    (tversky_of_both, "asked is lesion's alone"),
    (tversky_1_without_lesion, "has the loss 1 here"),
    (tversky_nan_without_lesion, "where no pixel is lesion, nothing can be missed"),
    (tversky_in_half, "this input is float16"),
    (tversky_broadcasts, "broadcasts to (N, N, H, W)"),
    (tversky_grad_of_a_copy, "on the very tensor that you computed from"),
    (share_ratio, "asked is their part of the whole"),
    (share_of_tissue, "this is the part of the tissue"),
    (share_with_signs, "are added up with their signs"),
    (share_of_means, "asked are the *sums*"),
    (share_of_pixels, "the share of the *pixels*"),
    (share_of_squares, "the gradients are squared"),
    (share_of_norms, "the roots of sums of squares"),
    (share_in_percent, "this is in percent"),
    (share_of_the_probabilities, "the gradient with respect to p"),
]
TVERSKY_ALTERNATES = [tversky_by_formula, tversky_of_sums, tversky_in_float32]
