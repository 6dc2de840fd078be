# %% [markdown] tags=["title"]
# # Exercise 05 · Losses
# Six questions, about 105 minutes, from easy to hard. Keep the names of the functions and of their arguments. Fill in a
# cell, run it, run the check below it. A check compares your function with a reference on inputs it makes up. It shows
# what failed, on which input, and often why. You can run it as often as you like; your best result counts.
#
# Void is always 255. `logits` are a float tensor `(N, C, H, W)`, `target` an int64 tensor `(N, H, W)` of labels. Logits
# can be float64, float32 or float16; for float16, compute in float32 (`logits.float()`). They can be as large as
# ±10,000. A loss that you return is one number, a float or a tensor of one element; a gradient is a tensor of any float
# dtype. Write the losses yourself: an answer that calls `course_lib.losses` loses a property. Stuck? Each question has
# three hints, from a nudge to almost the code. None of the questions needs another one's answer.

# %%
import math

import torch
import torch.nn.functional as F

from course_lib import checks

check = checks.exercise("05_losses")

# %% [markdown] tags=["question"] difficulty=1 minutes=15
# ## 1 · A weight for each class
# `targets` is a list of label maps `(H, W)` of any integer dtype, one for each picture; the pictures differ in size. The
# labels are 0 to `num_classes` − 1, and void.
# Return a float tensor `(num_classes,)` with a weight for each class. Let $n_c$ be the number of pixels of class $c$ in the whole
# list, and $n$ the number of all pixels that are not void. $k$ classes occur.
#
# - `rule="inverse"`: the weight is $n / (k\,n_c)$.
# - `rule="median"`: $f_c$ is $n_c$ divided by the number of non-void pixels **of those pictures that contain class**
#   $c$. The weight is $m / f_c$, where $m$ is the median of the $f_c$ of the classes that occur. Of an even number of values, the
#   median is the mean of the middle two.
# - A class that does not occur has the weight 0 under both rules. All pixels may be void: then all weights are 0.
#
# On paper: two pictures of four pixels, `0 0 0 0` and `0 0 1 1`. What are the two weights under each rule?
# ### HINT nudge
# Which numbers do you need of each class? Two sums over the pictures will do.
# ### HINT idea
# For each picture, count the classes (`torch.bincount` without the void pixels). Add the counts to one sum. Add the
# number of the picture's non-void pixels to another one, but only for the classes whose count is not 0. (On paper: 2/3 and 2
# for inverse; for median the frequencies are 3/4 and 1/2, so 5/6 and 5/4.)
# ### HINT almost
# With `found = torch.bincount(labels, minlength=num_classes)` of each picture: `pixels += found` and
# `where_present += found.sum() * (found > 0)`. Then `share = pixels / where_present`, and for the classes with
# `pixels > 0` the weight is `share[pixels > 0].quantile(0.5) / share`. `torch.median` would take the lower of the middle
# two. The quantile of an empty tensor is an error, so look at that case first.


# %% tags=["answer"]
def class_weights(targets, num_classes, rule):
    """targets: list of (H, W) label maps; rule: "inverse" or "median" -> (num_classes,) float."""
    ### BEGIN SOLUTION
    pixels, where_present = torch.zeros(2, num_classes, dtype=torch.float64)
    for target in targets:
        found = torch.bincount(target[target != 255].long(), minlength=num_classes)
        pixels += found
        where_present += found.sum() * (found > 0)
    weights, occurs = torch.zeros(num_classes), pixels > 0
    if not occurs.any():
        return weights
    if rule == "inverse":
        weights[occurs] = (pixels.sum() / (occurs.sum() * pixels[occurs])).float()
    else:
        share = pixels[occurs] / where_present[occurs]
        weights[occurs] = (share.quantile(0.5) / share).float()
    return weights
    ### END SOLUTION


# %% tags=["check"]
check(1, class_weights)

# %% [markdown] tags=["question"] difficulty=2 minutes=20
# ## 2 · Cross-entropy and its gradient
# Return the pair `(loss, gradient)`. A pixel of class $t$ pays $\ell = -\log p_t$, where $p$ is the softmax of its
# logits over the $C$ classes. The pixel counts $w$ = `weight[t]`; `weight` is a float tensor `(C,)`, some of whose
# entries may be 0. The loss is
#
# $$\frac{\sum w\,\ell}{\sum w}$$
#
# with both sums over the pixels of the **batch** that are not void. `gradient` is that of the loss with respect to the
# logits, `(N, C, H, W)`. You may compute it by hand, as a formula, or let autograd do it. If all $w$ are 0, or all pixels void,
# the loss is 0 and the gradient 0 everywhere. `F.cross_entropy` and its relatives are not allowed here.
#
# On paper: one pixel has the logits log 2, 0, 0, and is of class 1, with weight 3. What are its loss and its gradient?
# ### HINT nudge
# Lesson 05 gives the gradient of one pixel: $p - t$, with $t$ = 1 for the true class, else 0. What do the weight and the sum
# below the line do to it? Which gradient has a void pixel?
# ### HINT idea
# `logits.log_softmax(1)` stays finite where `softmax(1).log()` is the log of 0. `gather` picks the entry of the true
# class, but void is no class: give void pixels some class first, and the weight 0. Then one number decides all: the sum of the
# weights. (On paper: the loss is log 4, the gradient 1/2, −3/4, 1/4. The 3 cancels.)
# ### HINT almost
# ```python
# valid = target != 255
# labels = target.masked_fill(~valid, 0)
# w = weight.to(logits)[labels] * valid                     # (N, H, W)
# total = w.sum() if w.sum() > 0 else 1
# log_p = logits.log_softmax(1)
# losses = -log_p.gather(1, labels[:, None])[:, 0]
# t = F.one_hot(labels, logits.shape[1]).movedim(-1, 1)     # (N, C, H, W)
# ```
# The loss is `(w * losses).sum() / total`, the gradient `w[:, None] * (log_p.exp() - t) / total`.


# %% tags=["answer"]
def weighted_cross_entropy(logits, target, weight):
    """logits (N, C, H, W), target (N, H, W), weight (C,) -> (loss, gradient (N, C, H, W))."""
    ### BEGIN SOLUTION
    logits = logits.float() if logits.dtype == torch.float16 else logits
    valid = target != 255
    labels = target.masked_fill(~valid, 0)
    w = weight.to(logits)[labels] * valid
    total = w.sum() if w.sum() > 0 else 1
    log_p = logits.log_softmax(1)
    losses = -log_p.gather(1, labels[:, None])[:, 0]
    t = F.one_hot(labels, logits.shape[1]).movedim(-1, 1)
    return (w * losses).sum() / total, w[:, None] * (log_p.exp() - t) / total
    ### END SOLUTION


# %% tags=["check"]
check(2, weighted_cross_entropy)

# %% [markdown] tags=["question"] difficulty=2 minutes=20
# ## 3 · Soft Dice, without what is not there
# Two or more classes; $p$ is the softmax. For each class $c$, with $t$ = 1 at the pixels of that class, else 0:
# TP = Σ $p\,t$, FP = Σ $p\,(1-t)$, FN = Σ $(1-p)\,t$, and the loss of the class is 1 − 2 TP / (2 TP + FP + FN). There is no
# smoothing constant. The loss is the mean over the classes that **occur in the truth**. Background is a class like any
# other. Void pixels are in no sum.
#
# - `per_sample=False`: the sums run over the whole batch, and a class occurs if it is somewhere in the batch.
# - `per_sample=True`: each picture has its own sums, its own classes that occur, and its own mean over them. The loss is the mean
#   of these over the pictures. A picture that is all void has no loss and is left out.
#
# If nothing but void is there, the loss is 0.
#
# On paper: one picture of two pixels, two classes, all logits 0. The first pixel is of class 0, the second void. What is the loss?
# ### HINT nudge
# A void pixel has no $t$, but it has a $p$. In which of the three sums could it sneak in?
# ### HINT idea
# Make $p$ and $t$ as tensors `(N, C, H, W)` and set both to 0 at void pixels. Then 2 TP + FP + FN is Σ $p$ + Σ $t$. The
# sums run over the dimensions 0, 2, 3, or over 2, 3. Which classes occur? Those with Σ $t$ > 0. (On paper: TP = FN = 1/2 and FP
# = 0, so 1 − 1/1.5, which is 1/3. Class 1 does not occur.)
# ### HINT almost
# ```python
# valid = (target != 255)[:, None]                                        # (N, 1, H, W)
# t = (target[:, None] == torch.arange(logits.shape[1]).view(1, -1, 1, 1)).to(logits)
# p = logits.softmax(1) * valid
# hits, size, true = (p * t).sum(over), (p + t).sum(over), t.sum(over)    # (C,) or (N, C)
# ```
# `over` is `(0, 2, 3)` for the batch, `(2, 3)` for each picture. The losses of the classes are `1 - 2 * hits / size`.
# Of one batch, or of one picture, average those with `true > 0`. A loop over the pictures is fine.


# %% tags=["answer"]
def dice_loss(logits, target, per_sample):
    """logits (N, C, H, W), target (N, H, W), per_sample: bool -> loss, 0 to 1."""

    ### BEGIN SOLUTION
    def of_the_set(p, t):
        """p, t (N, C, H, W) -> the loss of these pictures together, or None."""
        hits, size, true = ((p * t).sum((0, 2, 3)), (p + t).sum((0, 2, 3)), t.sum((0, 2, 3)))
        occurs = true > 0
        return (1 - 2 * hits[occurs] / size[occurs]).mean() if occurs.any() else None

    logits = logits.float() if logits.dtype == torch.float16 else logits
    valid = (target != 255)[:, None]
    t = (target[:, None] == torch.arange(logits.shape[1]).view(1, -1, 1, 1)).to(logits)
    p = logits.softmax(1) * valid
    sets = zip(p.split(1), t.split(1), strict=True) if per_sample else [(p, t)]
    losses = [loss for loss in (of_the_set(*one) for one in sets) if loss is not None]
    return torch.stack(losses).mean() if losses else 0.0
    ### END SOLUTION


# %% tags=["check"]
check(3, dice_loss)

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 4 · Tversky: who pulls?
# Now one channel: `logits` are `(N, 1, H, W)`, and $p$ = sigmoid(logit) is the probability of lesion. `target` holds 0
# (tissue), 1 (lesion) and 255. With TP, FP, FN as in question 3, for lesion alone, over the pixels of the batch that are not void:
#
# $$\text{loss} = 1 - \frac{\text{TP}}{\text{TP} + \alpha\,\text{FP} + \beta\,\text{FN}}$$
#
# `alpha` is at least 0, `beta` above 0. If no pixel is lesion, the loss is 0.
#
# Return the pair `(loss, share)`. `share` says who pulls. Take the absolute value of the gradient at each pixel's logit, and
# add these up over the batch: `share` is the part of that sum that comes from the lesion pixels, from 0 to 1. If no
# pixel has a gradient, it is 0.
#
# On paper: two pixels, one of each class, both with $p$ = 1/2; α = β = 1/2. What are loss and share?
# ### HINT nudge
# A lesion pixel that moves up changes TP and FN, a tissue pixel FP. You may leave the rest to autograd.
# ### HINT idea
# `logits.detach().clone().requires_grad_()`, then compute the loss from it, then `loss.backward()`: the gradient is in
# `.grad`. If no pixel is lesion, there is nothing to differentiate: return before. (On paper: TP = FP = FN = 1/2, so the
# loss is 1/2. With I = TP/D and D = 1: at lesion, TP grows and FN falls, so dI/dp = (D − TP·(1 − β))/D² = 3/4; at tissue,
# dI/dp = −α TP/D² = −1/4. The share is 3/4.)
# ### HINT almost
# ```python
# z = logits.detach().clone().requires_grad_()
# p, lesion, tissue = z.sigmoid()[:, 0], target == 1, target == 0
# tp, fp, fn = p[lesion].sum(), p[tissue].sum(), (1 - p[lesion]).sum()
# ```
# After `loss.backward()`, with `pull = z.grad[:, 0].abs()`: the share is `pull[lesion].sum() / pull.sum()`, unless that sum is 0.


# %% tags=["answer"]
def tversky(logits, target, alpha, beta):
    """logits (N, 1, H, W), target (N, H, W) of 0, 1, 255 -> (loss, share of the lesions' gradient)."""
    ### BEGIN SOLUTION
    lesion, tissue = target == 1, target == 0
    if not lesion.any():
        return 0.0, 0.0
    z = (logits.float() if logits.dtype == torch.float16 else logits).detach().clone().requires_grad_()
    p = z.sigmoid()[:, 0]
    tp, fp, fn = p[lesion].sum(), p[tissue].sum(), (1 - p[lesion]).sum()
    loss = 1 - tp / (tp + alpha * fp + beta * fn)
    loss.backward()
    pull = z.grad[:, 0].abs()
    return loss.item(), (pull[lesion].sum() / pull.sum()).item() if pull.sum() > 0 else 0.0
    ### END SOLUTION


# %% tags=["check"]
check(4, tversky)

# %% [markdown] tags=["question"] difficulty=3 minutes=20
# ## 5 · Focal loss, down to the last bit
# A pixel pays $(1-p)^\gamma\,(-\log p)$, where $p$ is the **softmax** probability of its true class. The loss is the mean
# over all pixels of the batch that are not void, each with the same weight. `gamma` is at least 0 and **need not be whole**; for 0 this
# is plain cross-entropy. Return the pair `(loss, gradient)`, the gradient with respect to the logits, `(N, C, H, W)`. If all pixels
# are void, both are 0.
#
# Here `F.cross_entropy` is allowed. But beware: there are pixels so sure that $p$ rounds to 1, and so wrong that it
# rounds to 0. Neither may give NaN or infinity. A pixel that is right for sure has the gradient 0.
#
# On paper: $p$ = 1/4 and γ = 1. How much of its cross-entropy does the pixel pay? Of two such pixels and one with $p$ = 1?
# ### HINT nudge
# First compute the cross-entropy of each pixel, then $p$ from it, and only then the mean. What is the derivative of $\sqrt{x}$ at 0?
# ### HINT idea
# With `losses` of each pixel, $p$ is `torch.exp(-losses)`. Autograd multiplies: for γ = 1/2, the slope of
# $(1-p)^\gamma$ at $p$ = 1 is infinite, the loss there is 0, and their product is NaN. Keep $1-p$ a tiny bit above 0. (On
# paper: 3/4 of log 4; for the three pixels the mean is 1/2 log 4.)
# ### HINT almost
# ```python
# z = logits.detach().clone().requires_grad_()
# losses = F.cross_entropy(z, target, ignore_index=255, reduction="none")    # 0 at void pixels
# wrong = (1 - torch.exp(-losses)).clamp(min=1e-12)
# ```
# The loss is `(wrong**gamma * losses).sum()` divided by the number of valid pixels, at least 1. After
# `loss.backward()`, the gradient is `z.grad`.


# %% tags=["answer"]
def focal_loss(logits, target, gamma):
    """logits (N, C, H, W), target (N, H, W), gamma >= 0 -> (loss, gradient (N, C, H, W))."""
    ### BEGIN SOLUTION
    z = (logits.float() if logits.dtype == torch.float16 else logits).detach().clone().requires_grad_()
    losses = F.cross_entropy(z, target, ignore_index=255, reduction="none")
    wrong = (1 - torch.exp(-losses)).clamp(min=1e-12)
    loss = (wrong**gamma * losses).sum() / (target != 255).sum().clamp(min=1)
    loss.backward()
    return loss.item(), z.grad
    ### END SOLUTION


# %% tags=["check"]
check(5, focal_loss)

# %% [markdown] tags=["question"] difficulty=3 minutes=15
# ## 6 · Only the hard pixels
# Online hard example mining, OHEM. Let $p$ be the softmax probability of a pixel's true class, and $\ell = -\log p$.
# Void pixels have neither and are never counted, in no number below.
#
# 1. A pixel is *hard* if $p$ < `threshold`.
# 2. At least $k$ pixels are kept: $k$ is the share `min_kept` of the valid pixels of the **batch**, rounded **up**.
# 3. If at least $k$ pixels are hard, all of the hard ones are kept, and no others. Otherwise the $k$ pixels with the
#    largest $\ell$ are kept.
# 4. The loss is the mean $\ell$ of the kept pixels. If none is kept, it is 0.
#
# `threshold` and `min_kept` are 0 to 1, both ends included. `F.cross_entropy` is allowed.
#
# On paper: 5 valid pixels with $p$ = 0.9, 0.8, 0.6, 0.5, 0.1 and 3 void ones. Which pixels are kept for `threshold=0.7` and
# `min_kept=0.5`? Which for `threshold=0.2`?
# ### HINT nudge
# Take the losses of the valid pixels out, as one long tensor, before anything else.
# ### HINT idea
# $p$ is `torch.exp(-losses)`. Take the hard losses out with a mask and count them. If they are too few, `losses.topk(k).values`
# has the $k$ largest. The mean of an empty tensor is NaN. (On paper: $k$ = 3. The last three are hard, and they are enough; with 0.2
# only one is hard, so the three hardest are kept: the same ones.)
# ### HINT almost
# `losses = F.cross_entropy(logits, target, ignore_index=255, reduction="none")[target != 255]`, then
# `k = math.ceil(min_kept * len(losses))`, then `hard = losses[torch.exp(-losses) < threshold]`. If `len(hard) < k`,
# take the `topk`. Treat the empty case.


# %% tags=["answer"]
def ohem_loss(logits, target, threshold, min_kept):
    """logits (N, C, H, W), target (N, H, W), threshold and min_kept 0 to 1 -> loss."""
    ### BEGIN SOLUTION
    logits = logits.float() if logits.dtype == torch.float16 else logits
    losses = F.cross_entropy(logits, target, ignore_index=255, reduction="none")[target != 255]
    k = math.ceil(min_kept * len(losses))
    kept = losses[torch.exp(-losses) < threshold]
    if len(kept) < k:
        kept = losses.topk(k).values
    return kept.mean() if len(kept) else 0.0
    ### END SOLUTION


# %% tags=["check"]
check(6, ohem_loss)

# %% [markdown]
# ## Your sheet

# %%
checks.score()
