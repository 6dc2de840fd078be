# %% [markdown] tags=["title"]
# # Exercise 04 · Metrics
# Six questions, about 90 minutes, from easy to hard. Keep the names of the functions and of their arguments. Fill in a
# cell, run it, run the check below it. A check compares your function with a reference on inputs it makes up. It shows
# what failed, on which input, and often why. You can run it as often as you like; your best result counts.
#
# Your functions receive and return PyTorch tensors and plain numbers. Where a question does not say that you may use
# `course_lib.metrics`, its use costs a property. Void is 255, unless a question says otherwise. Stuck? Each question has
# three hints, from a nudge to almost the code. None of the questions needs another one's answer.

# %%
import torch

from course_lib import checks, metrics

check = checks.exercise("04_metrics")

# %% [markdown] tags=["question"] difficulty=1 minutes=12
# ## 1 · Count every pixel once
# `prediction` and `target` are label maps of N pictures, `(N, H, W)`. Return **a confusion matrix for each picture**: an
# int64 tensor `(N, num_classes, num_classes)`, rows for the truth, columns for the prediction. So entry `[n, t, p]` counts
# the pixels of picture `n` that are truly of class `t` and were called `p`.
#
# - Pixels whose **target** is `void` count nowhere, whatever is predicted there; it can be any number from 0 to 255.
#   Outside void all labels are classes. `void` itself is a number from `num_classes` to 255, not always 255.
# - The maps can have **any integer dtype**, each its own: `uint8` as they come from a file, `int16`, `int32`, `int64`.
# - There are up to 200 classes. Some of them may not occur. All pixels of a picture may be void.
#
# On paper: one picture, truth `0 0 1 2`, prediction `0 1 1 1`. The first row is `1 1 0`. What are the other two?
# ### HINT nudge
# A triple (picture, true class, predicted class) is one of `N · num_classes²` cases. Give each case a number of its own, and
# count the numbers. Or do so picture by picture. How large does a number get, and does it fit into the dtype of the maps?
# ### HINT idea
# Take the pixels whose target is not void, from both maps. Turn them into int64 first. Within a picture,
# `truth * num_classes + guess` is the number of the case, and `torch.bincount` counts; to do all pictures at once, a picture
# is one more digit in front. (On paper: both rows are `0 1 0`.)
# ### HINT almost
# For each picture `p, t` of `zip(prediction, target)`: `valid = t != void`, then
# `codes = t[valid].long() * num_classes + p[valid].long()`, then `torch.bincount(codes, minlength=num_classes**2)`, in the
# shape of a matrix. `torch.stack` puts the matrices into one tensor.


# %% tags=["answer"]
def confusion_matrices(prediction, target, num_classes, void):
    """prediction, target (N, H, W) of any integer dtype -> (N, num_classes, num_classes) int64."""
    ### BEGIN SOLUTION
    picture = torch.arange(len(target)).view(-1, 1, 1).expand(target.shape)
    valid = target != void
    rows = picture[valid] * num_classes + target[valid].long()
    codes = rows * num_classes + prediction[valid].long()
    counts = torch.bincount(codes, minlength=len(target) * num_classes**2)
    return counts.reshape(-1, num_classes, num_classes)
    ### END SOLUTION


# %% tags=["check"]
check(1, confusion_matrices)

# %% [markdown] tags=["question"] difficulty=2 minutes=12
# ## 2 · One matrix, three mIoUs
# `counts` is a confusion matrix, int64 `(C, C)`, rows for the truth. Return the pair `(iou, miou)`. `iou` is a float
# tensor `(C,)`: the IoU of every class, and NaN for a class that occurs neither in the truth nor in the prediction.
# `miou` is a float: the mean of `iou` over some of the classes. `over` says over which:
#
# | `over` | the mean is over | so a class that is predicted, but never true, |
# |---|---|---|
# | `"union"` | the classes that occur in the truth **or** in the prediction | counts, with IoU 0 |
# | `"truth"` | the classes that occur in the truth | is left out |
# | `"all"` | all `C` classes; one that occurs nowhere counts as 0 | counts, with IoU 0 |
#
# `over` changes the mean alone: `iou` is the same for all three. A matrix of zeros has nothing to say: then `miou` is NaN, whatever `over`.
#
# On paper: 10 pixels, all of class 0; 9 were called 0, one was called 1. There are three classes. The mIoU is 0.9, 0.45
# or 0.3, as you like.
# ### HINT nudge
# Where in the matrix do the true positives of class 2 stand? Where its false negatives, where its false positives?
# ### HINT idea
# The diagonal has the true positives. The row of a class adds up to its true pixels, the column to its predicted ones,
# and both sums contain the true positives. 0/0 is NaN, as wanted. For each `over`, choose the classes by their row and
# column sums.
# ### HINT almost
# `hits, truth, guess = counts.diag(), counts.sum(1), counts.sum(0)`, then
# `iou = hits.double() / (truth + guess - hits)`. The mean of `iou[truth + guess > 0]` or of `iou[truth > 0]`; for
# `"all"` of `iou.nan_to_num(0)`, but look at the matrix of zeros. The mean of an empty tensor is NaN.


# %% tags=["answer"]
def mean_iou(counts, over):
    """counts (C, C) int64; over: "union", "truth" or "all" -> (iou (C,), miou)."""
    ### BEGIN SOLUTION
    hits, truth, guess = counts.diag(), counts.sum(1), counts.sum(0)
    iou = hits.double() / (truth + guess - hits)
    if over == "union" or not counts.any():
        kept = iou[truth + guess > 0]
    elif over == "truth":
        kept = iou[truth > 0]
    else:
        kept = iou.nan_to_num(0)
    return iou, float(kept.mean())
    ### END SOLUTION


# %% tags=["check"]
check(2, mean_iou)

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 3 · A set of pictures
# `predictions` and `targets` are lists of label maps, one pair for each picture. The maps of a pair have one shape
# `(H, W)`, but the pictures differ in size. Labels as in question 1, void is 255. Three numbers are all published as "mIoU". Return
# them as a dict of floats:
#
# - `"set"`: add up the confusion matrices of all pictures, and take the mIoU once.
# - `"images"`: take the mIoU of each picture, and then the mean over the pictures.
# - `"classes"`: take the IoU of each class in each picture; then for each class the mean over the pictures; then the mean over
#   the classes.
#
# One rule for all three: **what is not there has no score, and a mean leaves it out.** In a picture, a class that
# occurs neither in the truth nor in the prediction (void pixels do not count) is not there. A class that is only
# predicted *is* there, with IoU 0. A picture that is all void is not there. A class that occurs in no picture is not
# there. If nothing is there at all, the number is NaN.
#
# You may use `metrics.ConfusionMatrix` (`.update(prediction, target)`, `.iou()`, `.miou()`, `.merge(other)`), which
# follows this rule.
# ### HINT nudge
# Picture a table: one row for each picture, one column for each class, an IoU in each cell, NaN where there is none. Two of
# the numbers are means of that table. Which number is not?
# ### HINT idea
# Go through the pictures with two matrices: a new one for each picture, and one that lasts. The new one gives a row of
# the table. `"images"` takes the means of the rows first, `"classes"` the means of the columns. `tensor.nanmean(1)`
# leaves out the NaNs of each row.
# ### HINT almost
# ```python
# whole, rows = metrics.ConfusionMatrix(num_classes), []
# for prediction, target in zip(predictions, targets, strict=True):
#     one = metrics.ConfusionMatrix(num_classes).update(prediction, target)
#     rows.append(one.iou()); whole.merge(one)
# ```
# Then `table = torch.stack(rows)`, and the dict holds `whole.miou()`, `table.nanmean(1).nanmean()` and
# `table.nanmean(0).nanmean()`, each as a `float`.


# %% tags=["answer"]
def set_scores(predictions, targets, num_classes):
    """Two lists of (H, W) label maps -> {"set": float, "images": float, "classes": float}."""
    ### BEGIN SOLUTION
    whole, rows = metrics.ConfusionMatrix(num_classes), []
    for prediction, target in zip(predictions, targets, strict=True):
        one = metrics.ConfusionMatrix(num_classes).update(prediction, target)
        rows.append(one.iou())
        whole.merge(one)
    table = torch.stack(rows)
    return {
        "set": whole.miou(),
        "images": float(table.nanmean(1).nanmean()),
        "classes": float(table.nanmean(0).nanmean()),
    }
    ### END SOLUTION


# %% tags=["check"]
check(3, set_scores)

# %% [markdown] tags=["question"] difficulty=3 minutes=20
# ## 4 · Boundary F1
# `prediction` and `target` are bool masks `(H, W)` of one object; `tolerance` is a number of pixels, at least 0, and
# need not be whole. Return the boundary F1 as a float. The definition is that of the video benchmark DAVIS:
#
# 1. A pixel is a **boundary pixel** of a mask if its value differs from that of its right neighbor, of its lower
#    neighbor, or of its lower right neighbor. Neighbors outside the picture do not exist, so they differ from nothing.
# 2. A boundary pixel of the prediction is *right* if some boundary pixel of the target lies at most `tolerance` away,
#    in a straight line: $\sqrt{(y_1 - y_2)^2 + (x_1 - x_2)^2} \le$ `tolerance`. **Precision** is the share of the
#    prediction's boundary pixels that are right.
# 3. A boundary pixel of the target is *found* if some boundary pixel of the prediction lies at most `tolerance` away.
#    **Recall** is the share of the target's boundary pixels that are found.
# 4. The result is $2PR / (P + R)$, or 0 where both are 0. If *neither* mask has a boundary pixel, it is 1; if only one
#    of them has, it is 0.
#
# On paper: a mask whose only pixel is the middle one of a 3×3 picture has four boundary pixels. Which? How many has a
# mask that fills the picture?
# ### HINT nudge
# Make a map of the boundary pixels first. `mask[:, :-1] != mask[:, 1:]` compares each pixel with its right neighbor.
# What about the last column?
# ### HINT idea
# Begin with a map of `False` and set three parts of it with `|=`, one for each neighbor; the part for the lower right
# neighbor is one row and one column smaller. `edge.nonzero()` lists the coordinates, `(n, 2)`. With all distances
# between two lists, `(n, m)`, each list asks: is any of mine small enough? (On paper: the middle pixel itself, and its left,
# upper and upper left neighbors, which see it to the right, below, or both. A full mask has none.)
# ### HINT almost
# ```python
# edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
# edge[:-1] |= mask[:-1] != mask[1:]
# edge[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
# ```
# With the lists `a` and `b` of both masks: `near = torch.cdist(a.double(), b.double()) <= tolerance`. Precision is the mean of
# `near.any(1).double()`, recall that of `near.any(0).double()`. Treat empty lists before that.


# %% tags=["answer"]
def boundary_f1(prediction, target, tolerance):
    """prediction, target (H, W) bool, tolerance in pixels -> float, 0 to 1."""

    ### BEGIN SOLUTION
    def boundary(mask):
        edge = torch.zeros_like(mask)
        edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
        edge[:-1] |= mask[:-1] != mask[1:]
        edge[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
        return edge.nonzero().double()

    a, b = boundary(prediction), boundary(target)
    if len(a) == 0 or len(b) == 0:
        return float(len(a) == len(b))
    near = torch.cdist(a, b) <= tolerance
    precision = float(near.any(1).double().mean())
    recall = float(near.any(0).double().mean())
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)
    ### END SOLUTION


# %% tags=["check"]
check(4, boundary_f1)

# %% [markdown] tags=["question"] difficulty=3 minutes=12
# ## 5 · How sure is this mIoU?
# Would the model score the same on other pictures? A **bootstrap** asks the pictures that are there: it draws new sets
# from them, with replacement, and looks how much the score moves.
#
# `counts` is an int64 tensor `(N, C, C)`: a confusion matrix for each of N pictures, rows for the truth. `draws` is an
# int64 tensor `(B, N)`: each row is one new set, the numbers of N pictures, some of them several times. So the random
# part is done. The score of a set is its accumulated mIoU: the matrices of its pictures are added up, each as often as
# it was drawn, then comes the mean of the IoUs over the classes that occur in the truth or in the prediction *of this
# set*. (Each set has some.)
#
# Return the pair of floats `(low, high)` between which the share `confidence` of the B scores lies, with equal shares
# below and above. So for `confidence=0.9` these are the 0.05 and the 0.95 quantile, interpolated linearly, as
# `torch.quantile` does by default.
# ### HINT nudge
# The score of one new set is question 2 for a sum of matrices. Where in `counts` do you find the matrices of the set `draws[0]`?
# ### HINT idea
# An index tensor may hold a number twice: `counts[draws[b]]` is `(N, C, C)`, and its sum over the pictures is the
# matrix of that set. Collect the B scores in a tensor; then ask for two quantiles. Which share lies outside the interval,
# and which part of it on each side?
# ### HINT almost
# `sums = counts[draws].sum(1).double()` has all B matrices. `hits = sums.diagonal(dim1=1, dim2=2)`, and the scores are
# `(hits / (sums.sum(1) + sums.sum(2) - hits)).nanmean(1)`. With `tail = (1 - confidence) / 2`, the result is
# `torch.quantile(scores, tail)` and `torch.quantile(scores, 1 - tail)`.


# %% tags=["answer"]
def miou_interval(counts, draws, confidence):
    """counts (N, C, C), draws (B, N) int64, confidence between 0 and 1 -> (low, high)."""
    ### BEGIN SOLUTION
    sums = counts[draws].sum(1).double()
    hits = sums.diagonal(dim1=1, dim2=2)
    scores = (hits / (sums.sum(1) + sums.sum(2) - hits)).nanmean(1)
    tail = (1 - confidence) / 2
    return float(torch.quantile(scores, tail)), float(torch.quantile(scores, 1 - tail))
    ### END SOLUTION


# %% tags=["check"]
check(5, miou_interval)

# %% [markdown] tags=["question"] difficulty=3 minutes=20
# ## 6 · The rival
# Dice and IoU are two spellings of one number: for one mask, $D = 2I / (1 + I)$, so the better IoU has the better Dice.
# For *means over classes* that is not so. Here you build the counterexample to any model you are given.
#
# `iou` is a float64 tensor `(C,)`: the IoUs of a model. Its mIoU is their mean, its mean Dice the mean of their
# $2I / (1 + I)$. Make a **rival** that the two scores rank differently. With `wins="dice"` the rival's mean Dice is
# higher than the model's by **at least** `gap`, and its mIoU is lower by at least `gap`. With `wins="miou"` it is the
# other way round: higher mIoU, lower mean Dice, each by at least `gap`.
#
# Return the rival's IoUs, `(C,)`, numbers from 0 to 1: a float64 tensor; float32 or a list will do. There are many right
# answers, and any of them counts. If no rival can do it, return `None`. `gap` is above 0. You may choose the IoU of each
# class freely. Rounding is forgiven: a lead may fall short of `gap` by 1e-6. If you test it yourself, allow for that, or the
# last bit may make you miss a rival.
# ### HINT nudge
# Draw $2I / (1 + I)$ from 0 to 1. It bends. Two classes have the IoUs 0.5 ± s, so their mean is fixed. What does a larger
# s do to the mean of their Dice?
# ### HINT idea
# The curve bends down, so among all rivals of one mIoU the most *even* one has the highest mean Dice, and the most
# *uneven* one the lowest. To win by Dice: all classes equal. To win by mIoU: as many ones as possible, then one class with the
# rest, then zeros. Which mIoU is the best choice for each? If that rival fails, every other one fails too.
# ### HINT almost
# For `"dice"`, every class gets `iou.mean() - gap`. For `"miou"`, the IoUs have to add up to
# `total = C * (iou.mean() + gap)`: the rival is `(total - torch.arange(C)).clamp(0, 1)`. In both cases, compute its mean Dice and
# see whether it is far enough away (give or take 1e-9); if not, or if `iou.mean() - gap < 0` or `total > C`, return `None`.


# %% tags=["answer"]
def rival(iou, gap, wins):
    """iou (C,) float64, gap > 0, wins: "dice" or "miou" -> the rival's IoUs (C,), or None."""

    ### BEGIN SOLUTION
    def mean_dice(values):
        return (2 * values / (1 + values)).mean()

    if wins == "dice":
        total = iou.sum() - len(iou) * gap
        other = (total / len(iou)).expand(len(iou))
        far = mean_dice(other) - mean_dice(iou) >= gap - 1e-9
    else:
        total = iou.sum() + len(iou) * gap
        other = (total - torch.arange(len(iou))).clamp(0, 1)
        far = mean_dice(iou) - mean_dice(other) >= gap - 1e-9
    return other if far and 0 <= total <= len(iou) else None
    ### END SOLUTION


# %% tags=["check"]
check(6, rival)

# %% [markdown]
# ## Your sheet

# %%
checks.score()
