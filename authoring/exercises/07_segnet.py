# %% [markdown] tags=["title"]
# # Exercise 07 · SegNet
# Six questions, about 95 minutes. Keep the names of the functions and of their arguments. Fill in a cell, run it, run the
# check below it. A check compares your function with a reference on inputs it makes up. It shows what failed, on which
# input, and often why. You can run it as often as you like; your best result counts.
#
# The *place* of a cell in a map of H × W cells is a whole number, in reading order: row · W + column. Answers use
# PyTorch, not `course_lib`: a function of `models` or `losses` costs a property. Stuck? Each question has three hints,
# from a nudge to almost the code. None of the questions needs another one's answer.

# %%
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import checks

check = checks.exercise("07_segnet")

# %% [markdown] tags=["question"] difficulty=2 minutes=20
# ## 1 · Pool, and remember where
# Max pooling, 2×2 with stride 2, of every channel by itself. Return the pair `(pooled, indices)`:
#
# - `x` is a float tensor `(N, C, H, W)`. H and W can be odd. Then the last windows are **incomplete**: they hold one cell,
#   or two, and count like any other. So `pooled` is `(N, C, h, w)`, with h = H/2 and w = W/2 rounded up.
# - `indices`, int64 and of the same shape, says where each maximum was: its place in the H × W map of its own picture and
#   channel, from 0 to H·W − 1.
# - If several cells of a window share the maximum, the first of them in reading order is taken.
# - Values can be negative, also −∞.
#
# `F.max_pool2d` and its relatives are not allowed here.
#
# On paper: one map, `1 5 2` over `3 4 9`. What are pooled and indices?
# ### HINT nudge
# Which value may you add to an incomplete window, so that it never wins? And behind a ReLU, which number do many
# windows hold four times?
# ### HINT idea
# Pad below and to the right with −∞, only where H or W is odd. Collect the four cells of each window in one last
# dimension, in reading order. `argmax` takes the first of equal values and says 0, 1, 2 or 3. A cell
# number k in window (i, j) lies in row 2i + k // 2 and column 2j + k % 2 of the map. How wide is that map: as before the padding, or
# as behind it? (On paper: pooled is `5 9`, indices are `1 5`.)
# ### HINT almost
# ```python
# padded = F.pad(x, (0, W % 2, 0, H % 2), value=float("-inf"))
# windows = padded.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)      # (N, C, h, w, 4)
# k = windows.argmax(-1)
# rows = 2 * torch.arange(k.shape[2])[:, None] + k // 2
# ```
# Columns likewise, from `torch.arange(k.shape[3])` and `k % 2`. `windows.amax(-1)` is pooled.


# %% tags=["answer"]
def pool(x):
    """x (N, C, H, W) -> (pooled (N, C, h, w), indices (N, C, h, w) int64), h = H/2 and w = W/2 rounded up."""
    ### BEGIN SOLUTION
    H, W = x.shape[-2:]
    padded = F.pad(x, (0, W % 2, 0, H % 2), value=float("-inf"))
    windows = padded.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)
    k = windows.argmax(-1)
    rows = 2 * torch.arange(k.shape[2])[:, None] + k // 2
    columns = 2 * torch.arange(k.shape[3]) + k % 2
    return windows.amax(-1), rows * W + columns
    ### END SOLUTION


# %% tags=["check"]
check(1, pool)

# %% [markdown] tags=["question"] difficulty=1 minutes=12
# ## 2 · Unpool
# Put every value back. `x` `(N, C, h, w)` are values, and `indices`, int64 of the same shape, their places: each is a place in
# an H × W map of its own picture and channel. `size` is the pair `(H, W)`. Return the maps `(N, C, H, W)`, of the dtype of `x`:
# each value at its place, 0 everywhere else.
#
# The indices come from some pooling whose windows do not overlap, so no place occurs twice in one map. Which pooling it was, is not
# said, and not needed. `F.max_unpool2d` and its relatives are not allowed here.
#
# On paper: the values `5 9` with the indices `1 5`, and size (2, 3). And what would come out if you took the map for 2 × 4?
# ### HINT nudge
# A place is one number. How does a map look in which one number is enough to point at a cell?
# ### HINT idea
# Begin with zeros `(N, C, H * W)`, and flatten `x` and `indices` to `(N, C, h * w)`. `scatter_` writes along the last
# dimension, in each map by itself. Then bring the result into the shape `(N, C, H, W)`. (On paper: `0 5 0` over `0 0 9`. A
# row of four cells would move the 9 away: `0 5 0 0` over `0 9 0 0`.)
# ### HINT almost
# ```python
# maps = x.new_zeros(*x.shape[:2], size[0] * size[1])
# maps.scatter_(2, indices.flatten(2), x.flatten(2))
# ```


# %% tags=["answer"]
def unpool(x, indices, size):
    """x (N, C, h, w), indices (N, C, h, w) int64, size (H, W) -> (N, C, H, W): values at their places, 0 elsewhere."""
    ### BEGIN SOLUTION
    H, W = size
    maps = x.new_zeros(*x.shape[:2], H * W)
    maps.scatter_(2, indices.flatten(2), x.flatten(2))
    return maps.view(*x.shape[:2], H, W)
    ### END SOLUTION


# %% tags=["check"]
check(2, unpool)

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 3 · The mirror
# Stage i of an encoder has `counts[i]` convolutions, which end with `widths[i]` channels, and a pooling. (VGG-16 has
# the counts 2, 2, 3, 3, 3 and the widths 64, 128, 256, 512, 512.) Return SegNet's decoder for it, **without** the unpoolings: a list
# of `nn.Sequential`, one for each stage. The decoder runs backward, so the stage that mirrors the encoder's *last* one comes first.
#
# - The stage that mirrors stage i receives a map of `widths[i]` channels and has `counts[i]` convolutions. All of them keep
#   `widths[i]` channels, but for its last one: that leads on to the `widths[i - 1]` channels of the next stage.
# - Behind stage 0 comes no other. There, the last convolution makes `num_classes` scores.
# - Every convolution is 3×3, with or without a bias, and keeps the map's size. Behind it come `nn.BatchNorm2d` and
#   `nn.ReLU`, in this order. Behind the scores comes nothing.
#
# On paper: counts `[1, 2]`, widths `[4, 8]`, three classes. Which channels has each convolution?
# ### HINT nudge
# A stage of the encoder widens in its *first* convolution. In a mirror, where is that one?
# ### HINT idea
# Write the channels of one stage in a row, `[here] * counts[i]` and then where it leads to: neighbors in that row are the
# channels in and out of its convolutions. A stage with one convolution has a row of two. (On paper: 8 → 8 and 8 → 4, then
# the second stage, 4 → 3.)
# ### HINT almost
# ```python
# for i in reversed(range(len(counts))):
#     channels = [widths[i]] * counts[i] + [widths[i - 1] if i else num_classes]
#     layers = []
#     for n in range(counts[i]):
#         a, b = channels[n], channels[n + 1]
#         layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
# ```
# In the stage of i = 0, take off the last two layers: `layers[:-2]`.


# %% tags=["answer"]
def mirror(counts, widths, num_classes):
    """counts, widths: lists of ints, the encoder's first stage first -> list of nn.Sequential, its last stage first."""
    ### BEGIN SOLUTION
    stages = []
    for i in reversed(range(len(counts))):
        channels = [widths[i]] * counts[i] + [widths[i - 1] if i else num_classes]
        layers = []
        for n in range(counts[i]):
            a, b = channels[n], channels[n + 1]
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
        stages.append(nn.Sequential(*(layers if i else layers[:-2])))
    return stages
    ### END SOLUTION


# %% tags=["check"]
check(3, mirror)

# %% [markdown] tags=["question"] difficulty=2 minutes=12
# ## 4 · Run the decoder
# Now unpoolings and stages together. Return the scores, `(N, num_classes, *sizes[0])`.
#
# - `code` `(N, C, h, w)`, float64, is the map behind the encoder's last pooling.
# - `indices` and `sizes` are lists. They hold, of each pooling, its indices and the size (H, W) of the map that it
#   pooled: **the encoder's first pooling first**. All poolings were 2×2 with stride 2 and rounded up.
# - `stages` is a list of networks in evaluation mode, **the one that runs first comes first**, as in question 3. There are
#   as many as poolings.
# - At each stage, first unpool, with what belongs to the pooling that this stage mirrors. Then comes the network.
#
# Here `F.max_unpool2d(x, indices, 2, output_size=size)` is allowed.
#
# On paper: three poolings, sizes (9, 7), (5, 4), (3, 2). Which size has the map behind each unpooling? And which would
# it have, if each unpooling doubled the map before?
# ### HINT nudge
# The encoder puts its notes on a pile. Which note does the decoder need first, the lowest or the uppermost?
# ### HINT idea
# Read `indices` and `sizes` from the end (`reversed`, or `pop()`), and `stages` from the start. The exact size is needed:
# the places in the indices count rows of *its* width. (On paper: 3 × 2, 5 × 4, 9 × 7. The code is 2 × 1; doubled, the maps
# would be 4 × 2, 8 × 4, 16 × 8.)
# ### HINT almost
# ```python
# for stage, where, size in zip(stages, reversed(indices), reversed(sizes)):
#     x = stage(F.max_unpool2d(x, where, 2, output_size=size))
# ```


# %% tags=["answer"]
def decode(code, indices, sizes, stages):
    """code (N, C, h, w); indices, sizes: of the first pooling first; stages: in running order -> scores (N, K, H, W)."""
    ### BEGIN SOLUTION
    x = code
    with torch.no_grad():
        for stage, where, size in zip(stages, reversed(indices), reversed(sizes), strict=True):
            x = stage(F.max_unpool2d(x, where, 2, output_size=size))
    return x
    ### END SOLUTION


# %% tags=["check"]
check(4, decode)

# %% [markdown] tags=["question"] difficulty=2 minutes=14
# ## 5 · The bill
# Between encoder and decoder something has to be kept in memory. How much? An encoder has one 2×2 pooling of stride 2 per
# entry of `widths`. The first sees maps of `widths[0]` channels and `height` × `width` cells; the next sees `widths[1]` channels
# and the pooled size, and so on. Poolings round up. `batch` pictures go through at once. Return a dict with the **bytes** of all
# poolings together, as ints:
#
# - `"float32"`: the whole maps *before* the poolings are kept, 4 bytes for each number.
# - `"float16"`: the same with 2 bytes.
# - `"int64"`: only the indices are kept, as PyTorch has them: one for each window, 8 bytes each.
# - `"bits"`: for each window only 2 bits, which say which of its four cells it was. Incomplete windows take 2 bits too. The bits of
#   one pooling, with all its pictures and channels, are packed densely and then rounded **up** to whole bytes; each pooling
#   by itself.
#
# On paper: one picture, one pooling, one channel, 3 × 5 cells. What are the four numbers? And for 64 channels of
# 180 × 240 cells, how many times larger is `"float32"` than `"bits"`?
# ### HINT nudge
# Maps and windows have different sizes: which of the two counts needs rounding up? Each picture and each channel has maxima of its own.
# ### HINT idea
# Walk through the poolings with the current height and width. Of each pooling, you need two counts: the cells of its maps and
# its windows. Then every entry is a count times a number of bytes, summed over the poolings. Eight bits are a byte. (On paper: 15 cells
# and 2 · 3 windows, so 60, 30 and 48 bytes, and 12 bits, which take 2 bytes. For the large map the ratio is 64; two of
# PyTorch's indices take as much as one whole window in float32.)
# ### HINT almost
# ```python
# cells = batch * channels * height * width
# height, width = (height + 1) // 2, (width + 1) // 2
# windows = batch * channels * height * width
# bits += (2 * windows + 7) // 8
# ```


# %% tags=["answer"]
def memory_bill(widths, height, width, batch):
    """-> dict of ints: bytes kept as "float32", "float16", "int64" and "bits"."""
    ### BEGIN SOLUTION
    bill = {"float32": 0, "float16": 0, "int64": 0, "bits": 0}
    for channels in widths:
        cells = batch * channels * height * width
        height, width = (height + 1) // 2, (width + 1) // 2
        windows = batch * channels * height * width
        bill["float32"] += 4 * cells
        bill["float16"] += 2 * cells
        bill["int64"] += 8 * windows
        bill["bits"] += (2 * windows + 7) // 8
    return bill
    ### END SOLUTION


# %% tags=["check"]
check(5, memory_bill)

# %% [markdown] tags=["question"] difficulty=3 minutes=22
# ## 6 · What is a picture?
# SegNet's loss weighs the classes by median frequency, and the frequency of a class counts only the pictures that *contain* it. But
# networks are often trained on tiles. Then a tile is the picture, and the weights change. Return them, a float tensor
# `(num_classes,)`.
#
# - `targets` is a list of int64 label maps `(H, W)` of different sizes, with void 255. Each is cut into tiles of `tile` × `tile`
#   pixels, side by side from the upper left corner. Where H or W is no multiple of `tile`, the last tiles are **smaller**;
#   they count too. A map smaller than `tile` is one tile.
# - $f_c$ is the number of all pixels of class $c$, divided by the number of non-void pixels **of those tiles that
#   contain** $c$.
# - The weight is $m / f_c$. $m$ is the median of the $f_c$ of the classes that occur; of an even number of values, it is the mean of
#   the middle two.
# - A class that does not occur has the weight 0. All pixels may be void: then all weights are 0.
#
# On paper: one map, `0 0 0 1` over `0 0 0 0`. What are the two weights if `tile` is 4? If it is 2? And if it is 1?
# ### HINT nudge
# Cutting moves no pixel to another class. So which of the two numbers in $f_c$ changes, and in which direction?
# ### HINT idea
# `target.split(tile, 0)` cuts into strips, the last of them smaller; split each again along the other axis. Or slice:
# `target[i : i + tile, j : j + tile]` ends at the border by itself. Then treat every tile as a picture: add its counts to one sum, and
# its non-void pixels to another one, but only for the classes that it contains. (On paper: the f are 7/8 and 1/8, so 4/7 and 4;
# then 7/8 and 1/4, so 9/14 and 9/4; with tiles of one pixel every f is 1, and so is every weight.)
# ### HINT almost
# ```python
# for strip in target.split(tile, 0):
#     for piece in strip.split(tile, 1):
#         found = torch.bincount(piece[piece != 255], minlength=num_classes)
#         pixels += found
#         where_present += found.sum() * (found > 0)
# ```
# With `share = pixels / where_present`, the weight of a class with `pixels > 0` is `share[pixels > 0].quantile(0.5) / share`. The
# quantile of an empty tensor is an error, so look at that case first.


# %% tags=["answer"]
def tile_weights(targets, num_classes, tile):
    """targets: list of (H, W) int64 label maps, void 255 -> (num_classes,) float."""
    ### BEGIN SOLUTION
    pixels, where_present = torch.zeros(2, num_classes, dtype=torch.float64)
    for target in targets:
        for strip in target.split(tile, 0):
            for piece in strip.split(tile, 1):
                found = torch.bincount(piece[piece != 255], minlength=num_classes)
                pixels += found
                where_present += found.sum() * (found > 0)
    weights, occurs = torch.zeros(num_classes), pixels > 0
    if occurs.any():
        share = pixels[occurs] / where_present[occurs]
        weights[occurs] = (share.quantile(0.5) / share).float()
    return weights
    ### END SOLUTION


# %% tags=["check"]
check(6, tile_weights)

# %% [markdown]
# ## Your sheet

# %%
checks.score()
