# %% [markdown] tags=["title"]
# # Exercise 08 · U-Net
# Seven questions, about 100 minutes, from easy to hard. Keep the names of the functions and of their arguments. Fill in a
# cell, run it, run the check below it. A check compares your function with a reference on inputs it makes up. It shows
# what failed, on which input, and often why. You can run it as often as you like; your best result counts.
#
# Answers use PyTorch, NumPy and SciPy, not `course_lib`: a function of `ops`, `losses` or `models` costs a property. Stuck?
# Each question has three hints, from a nudge to almost the code. None of the questions needs another one's answer.

# %%
import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import nn

from course_lib import checks

check = checks.exercise("08_unet")

# %% [markdown] tags=["question"] difficulty=1 minutes=10
# ## 1 · The double convolution, then and now
# On each level, a U-Net has two 3×3 convolutions of stride 1: the first from `inputs` to `outputs` channels, the second from
# `outputs` to `outputs`. Return them as one `nn.Sequential`, in one of two variants:
#
# | | `variant="paper"` | `variant="today"` |
# |---|---|---|
# | padding | none | 1, with zeros, so that the size stays |
# | behind *each* convolution | `ReLU` | `BatchNorm2d`, then `ReLU` |
# | bias of the convolutions | yes | no: `BatchNorm2d` takes off each channel's mean, and a bias with it |
#
# Nothing else is in it, and no layer stands in it twice: make a new one for each place.
#
# On paper: how many numbers does either variant learn, from 1 channel to 2? (A `BatchNorm2d` learns two for each channel.)
# ### HINT nudge
# How many layers has each variant? Which of them have numbers to learn?
# ### HINT idea
# Both variants are the same thing twice: a convolution, perhaps a normalization, a ReLU. Only the number of channels that come
# in differs. (On paper: 9·2 + 2 and 9·4 + 2 make 58; today 9·2 + 4 and 9·4 + 4 make 62.)
# ### HINT almost
# ```python
# layers = []
# for channels in (inputs, outputs):
#     layers.append(nn.Conv2d(channels, outputs, 3, padding=int(today), bias=not today))
#     layers += [nn.BatchNorm2d(outputs), nn.ReLU()] if today else [nn.ReLU()]
# ```
# with `today = variant == "today"`. `nn.Sequential(*layers)` takes the list.


# %% tags=["answer"]
def double_conv(inputs, outputs, variant):
    """variant: "paper" or "today" -> nn.Sequential: maps (N, inputs, H, W) -> (N, outputs, ...)."""
    ### BEGIN SOLUTION
    today, layers = variant == "today", []
    for channels in (inputs, outputs):
        layers.append(nn.Conv2d(channels, outputs, 3, padding=int(today), bias=not today))
        layers += [nn.BatchNorm2d(outputs), nn.ReLU()] if today else [nn.ReLU()]
    return nn.Sequential(*layers)
    ### END SOLUTION


# %% tags=["check"]
check(1, double_conv)

# %% [markdown] tags=["question"] difficulty=2 minutes=12
# ## 2 · Up, crop, lay beside
# One step up in the paper's decoder. `below` `(N, B, h, w)` is the map from below, `skip` `(N, D, H, W)` the encoder's map of this
# level, with H ≥ 2h and W ≥ 2w.
#
# 1. **Up.** The up-convolution: a 2×2 transposed convolution with stride 2 and no padding, whose `weight` is `(B, C, 2, 2)` and
#    whose `bias` is `(C,)`. No ReLU. The result has 2h × 2w cells.
# 2. **Crop** the middle 2h × 2w cells of `skip`. If the number of rows to cut off is odd, one *more* goes behind than in
#    front. Columns likewise; their number may be another one.
# 3. **Lay** them side by side along the channels: the skip's first, then the upsampled ones.
#
# Return `(N, D + C, 2h, 2w)`. All tensors are float64.
#
# On paper: the skip has 7 rows, the upsampled map 4. Which rows of the skip are kept (they count from 0)? Which, if the skip has 4?
# ### HINT nudge
# How many rows go in all, and how many of them in front? Does your slice work if none goes?
# ### HINT idea
# The first row that stays is `(H - 2h) // 2`; from there, take 2h rows. Count the end from the start of the slice, not from the end of
# the map: `x[0:-0]` is empty. (On paper: 3 rows go, one in front; rows 1 to 4 stay. Then all of them.)
# ### HINT almost
# `up = F.conv_transpose2d(below, weight, bias, stride=2)`, then with `rows, columns = up.shape[-2:]` and
# `top = (skip.shape[-2] - rows) // 2`, likewise `left`: `skip[..., top : top + rows, left : left + columns]`. At last
# `torch.cat` along dimension 1.


# %% tags=["answer"]
def up_and_join(below, skip, weight, bias):
    """below (N, B, h, w), skip (N, D, H, W), weight (B, C, 2, 2), bias (C,) -> (N, D + C, 2h, 2w)."""
    ### BEGIN SOLUTION
    up = F.conv_transpose2d(below, weight, bias, stride=2)
    rows, columns = up.shape[-2:]
    top, left = (skip.shape[-2] - rows) // 2, (skip.shape[-1] - columns) // 2
    middle = skip[..., top : top + rows, left : left + columns]
    return torch.cat([middle, up], dim=1)
    ### END SOLUTION


# %% tags=["check"]
check(2, up_and_join)

# %% [markdown] tags=["question"] difficulty=2 minutes=12
# ## 3 · Every sum is a concatenation
# A decoder that *adds* must first bring the skip to the channels of the map from below. FCN does that with a 1×1 convolution:
#
# `F.conv2d(up + F.conv2d(skip, project, bias), weight)`
#
# Here `up` is `(N, C, H, W)` and `skip` `(N, D, H, W)`; `project` is `(C, D, 1, 1)`, `bias` `(C,)`, `weight` `(K, C, k, k)`.
# There is no padding. A decoder that *concatenates* can do exactly the same: find the `new_weight` and `new_bias` with which
#
# `F.conv2d(torch.cat([skip, up], dim=1), new_weight, new_bias)`
#
# gives the same numbers for all maps. Return the pair `(new_weight, new_bias)`, `(K, D + C, k, k)` and `(K,)`. The maps are
# not passed: no need for them. All tensors are float64.
#
# On paper: all of C, D, K are 1; `project` is 3, `bias` is 5, and `weight` is 1×1 and holds a 2. What are the new numbers?
# And what is the new bias, if `weight` is 3×3 and holds nothing but twos?
# ### HINT nudge
# Multiply out `2 * (up + 3 * skip + 5)`. Which factor has the skip? What becomes of the 5?
# ### HINT idea
# Lesson 08: a convolution of a concatenation is the sum of two convolutions. The one that reads `up` is `weight`. The one that reads
# the skip is `project`, then `weight`, for each tap a product of two matrices. Each tap also passes the bias on. (On paper: 6 for
# the skip, 2 for up, the bias 10; for 3×3 it is 90.)
# ### HINT almost
# `torch.einsum("kcij,cd->kdij", weight, project[:, :, 0, 0])` is the skip's part; it stands first. The new bias is
# `weight.sum((2, 3)) @ bias`.


# %% tags=["answer"]
def sum_as_concat(weight, project, bias):
    """weight (K, C, k, k), project (C, D, 1, 1), bias (C,) -> (new_weight (K, D + C, k, k), new_bias (K,))."""
    ### BEGIN SOLUTION
    of_skip = torch.einsum("kcij,cd->kdij", weight, project[:, :, 0, 0])
    return torch.cat([of_skip, weight], dim=1), weight.sum((2, 3)) @ bias
    ### END SOLUTION


# %% tags=["check"]
check(3, sum_as_concat)

# %% [markdown] tags=["question"] difficulty=2 minutes=20
# ## 4 · Weights for the gaps
# `ids` is an integer tensor `(H, W)`: 0 is background, all pixels of one other number are one **object**. Numbers can be left out
# (3, 7, 200). An object may be in several pieces, and objects may touch. Return U-Net's border weights, a float tensor `(H, W)`: on
# the background
#
# $$w_0 \exp\left(-\frac{(d_1 + d_2)^2}{2\sigma^2}\right)$$
#
# and 0 on the objects. $d_1$ is the distance to the nearest object, $d_2$ that to the second nearest *object*. The distance to an
# object is that to its nearest pixel, from center to center, in pixels, in a straight line. With fewer than two objects, all
# weights are 0. `w0` is at least 0, `sigma` above 0.
#
# On paper: one row, `1 0 0 2 2`, with $w_0$ = 10 and σ = 3. What is the weight of the pixel to the right of object 1?
# ### HINT nudge
# How many distances has a background pixel, if there are five objects? Which two of them count?
# ### HINT idea
# `ndimage.distance_transform_edt(mask)` gives each pixel of a mask the distance to the nearest pixel *outside* it. So for one
# object, the mask is everything else. Sort the objects' distance maps along the first axis. (On paper: the
# distances are 1 and 2, so it is 10·exp(−9/18), which is $10/\sqrt{e}$.)
# ### HINT almost
# ```python
# ids = ids.numpy()
# numbers = np.unique(ids[ids > 0])
# far = np.sort([ndimage.distance_transform_edt(ids != number) for number in numbers], axis=0)
# ```
# `far[0]` and `far[1]` are the two. Return zeros before that if there are fewer than two numbers.
# `torch.from_numpy(np.where(ids == 0, weights, 0))` is a tensor again.


# %% tags=["answer"]
def gap_weights(ids, w0, sigma):
    """ids (H, W) int -> float (H, W): large in narrow gaps between two objects, 0 on objects."""
    ### BEGIN SOLUTION
    ids = ids.numpy()
    numbers = np.unique(ids[ids > 0])
    if len(numbers) < 2:
        return torch.zeros(ids.shape)
    far = np.sort([ndimage.distance_transform_edt(ids != number) for number in numbers], axis=0)
    weights = w0 * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2))
    return torch.from_numpy(np.where(ids == 0, weights, 0))
    ### END SOLUTION


# %% tags=["check"]
check(4, gap_weights)

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 5 · Which sizes fit?
# The paper's network, but with `depth` poolings. Rows and columns are alike, so look at one of them: a length `n`.
#
# - **Down**, `depth` times: two 3×3 convolutions without padding, then 2×2 pooling. The pooling must not meet an odd length.
# - **At the bottom:** two 3×3 convolutions without padding.
# - **Up**, `depth` times: the up-convolution doubles the length; the skip is cropped to it; two 3×3 convolutions without padding.
#
# After every convolution at least one pixel must be left. A 1×1 convolution at the end changes no length. `depth` can be 0: then
# there is only the bottom.
#
# Return a list of pairs `(n, output)` of ints, ascending: every length from `low` to `high`, both included, that the network can
# take, and the length of its answer. For the paper's depth of 4, `(572, 388)` is one of the pairs.
#
# On paper: depth 1. Which lengths from 16 to 22 fit, and what comes out?
# ### HINT nudge
# Lesson 08 says 12 mod 16, and from 188 on. Can you get both from following a single length through the U?
# ### HINT idea
# Trust no formula: follow each length and stop where it breaks. It breaks before a pooling if it is odd, and behind two
# convolutions if it is below 1, on the way down *and* on the way up. (On paper: 18, 20 and 22 give 2, 4 and 6. 16 comes
# to 2 at the bottom, is doubled to 4, and nothing is left.)
# ### HINT almost
# ```python
# def trace(n):
#     for _ in range(depth):
#         n -= 4
#         if n < 1 or n % 2:
#             return None
#         n //= 2
# ```
# Then `n -= 4` for the bottom; then `depth` times `n = 2 * n - 4`. After each of these, return `None` if n is below 1.


# %% tags=["answer"]
def fitting_sizes(depth, low, high):
    """-> list of (n, output), for the lengths n from low to high that fit."""

    ### BEGIN SOLUTION
    def trace(n):
        for _ in range(depth):
            n -= 4
            if n < 1 or n % 2:
                return None
            n //= 2
        n -= 4
        for _ in range(depth):
            if n < 1:
                return None
            n = 2 * n - 4
        return n if n > 0 else None

    traced = [(n, trace(n)) for n in range(low, high + 1)]
    return [pair for pair in traced if pair[1] is not None]
    ### END SOLUTION


# %% tags=["check"]
check(5, fitting_sizes)

# %% [markdown] tags=["question"] difficulty=3 minutes=20
# ## 6 · Cut a picture into tiles
# A network without padding or pooling loses `margin` pixels on each side: it takes tiles of t × t pixels, with
# t = `output_size + 2 * margin`, and answers for the `output_size` × `output_size` pixels in the middle. Cut the tiles for a picture
# `image` `(C, H, W)`, so that their answers, side by side, cover it:
#
# - The answers begin at the rows 0, `output_size`, 2 · `output_size`, and so on, as long as that is a row of the picture. Columns
#   likewise. So the last ones may reach beyond the picture; they are not shifted back.
# - A tile has `margin` pixels more on each side than its answer.
# - What lies outside the picture is **mirrored**: row −1 is row 1, row −2 is row 2, row H is row H − 2. The row at the border is
#   not repeated. The mirror goes on, to and fro, however far it is: `margin` can be larger than the picture. H and W are at least
#   2, `margin` may be 0.
#
# Return `(T, C, t, t)`, the tiles of the first row from left to right, then those of the second, and so on.
#
# On paper: a picture of 3 rows, `output_size` 2, `margin` 4. Which rows of the picture are in the first tile?
# ### HINT nudge
# Which rows does a tile show? Write their numbers down, also those below 0, and then turn each into one of the picture.
# ### HINT idea
# The mirrored rows repeat every 2(H − 1): 0 1 2 1, 0 1 2 1, and so on. In Python, `%` of a negative number is not negative. A tensor can be
# indexed with a tensor of row numbers. (On paper: −4 to 5, so 0 1 2 1 0 1 2 1 0 1.)
# ### HINT almost
# ```python
# def places(start, length):
#     period = 2 * (length - 1)
#     place = torch.arange(start - margin, start + output_size + margin) % period
#     return torch.minimum(place, period - place)
# ```
# With the rows and columns of a tile, it is `image[:, rows[:, None], columns]`. `range(0, H, output_size)` gives the starts,
# `torch.stack` joins the tiles.


# %% tags=["answer"]
def split(image, output_size, margin):
    """image (C, H, W) -> tiles (T, C, t, t), t = output_size + 2 margin, row by row."""

    ### BEGIN SOLUTION
    def places(start, length):
        period = 2 * (length - 1)
        place = torch.arange(start - margin, start + output_size + margin) % period
        return torch.minimum(place, period - place)

    _, height, width = image.shape
    tiles = []
    for top in range(0, height, output_size):
        for left in range(0, width, output_size):
            rows, columns = places(top, height), places(left, width)
            tiles.append(image[:, rows[:, None], columns])
    return torch.stack(tiles)
    ### END SOLUTION


# %% tags=["check"]
check(6, split)

# %% [markdown] tags=["question"] difficulty=3 minutes=12
# ## 7 · Join the answers
# The other half. `answers` `(T, K, s, s)` are what a network said to the tiles of question 6: K score maps for each tile, and s is
# the `output_size`. They are in the order of question 6. Lay them side by side, and cut off what reaches beyond the picture
# of `height` × `width` pixels. Return `(K, height, width)`.
#
# The check cuts pictures into tiles, sends them through a small network without padding, and hands you its answers. Joined, they must be
# what the network says to the whole picture, mirrored on all sides.
#
# On paper: 12 answers of 4 × 4, and a picture of 10 × 14 pixels. How many rows of answers are there? Where does answer 5 begin (they
# count from 0)?
# ### HINT nudge
# How many answers stand in one row? What, if the width is no multiple of s?
# ### HINT idea
# In one row stand width/s answers, rounded up. Answer `number` belongs to row `number // across` and column `number % across` of
# answers. (On paper: 4 stand in one row, so there are 3 rows. Answer 5 is the second of the second row, and begins at row 4, column 4.)
# ### HINT almost
# `across = -(-width // s)` rounds up. Begin with a map of zeros that has room for all answers whole,
# `whole = answers.new_zeros(K, down * s, across * s)`, write each answer into its place, and return `whole[:, :height, :width]`.


# %% tags=["answer"]
def join(answers, height, width):
    """answers (T, K, s, s) -> (K, height, width)."""
    ### BEGIN SOLUTION
    count, classes, s, _ = answers.shape
    across = -(-width // s)
    whole = answers.new_zeros(classes, count // across * s, across * s)
    for number, answer in enumerate(answers):
        top, left = number // across * s, number % across * s
        whole[:, top : top + s, left : left + s] = answer
    return whole[:, :height, :width]
    ### END SOLUTION


# %% tags=["check"]
check(7, join)

# %% [markdown]
# ## Your sheet

# %%
checks.score()
