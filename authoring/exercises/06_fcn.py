# %% [markdown] tags=["title"]
# # Exercise 06 · Fully convolutional networks
# Five questions, about 80 minutes, from easy to hard. Keep the names of the functions and of their arguments. Fill in a
# cell, run it, run the check below it. A check compares your function with a reference on inputs it makes up. It shows
# what failed, on which input, and often why. You can run it as often as you like; your best result counts.
#
# Answers use PyTorch, not `course_lib`: a function of `ops` or `models` costs a property. Stuck? Each question has three
# hints, from a nudge to almost the code. None of the questions needs another one's answer.

# %%
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import checks

check = checks.exercise("06_fcn")

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 1 · From head to scores
# `head` is the end of a classifier like VGG-16, an `nn.Sequential` of
#
# `Flatten, Linear (FC6), ReLU, Dropout, Linear (FC7), ReLU, Dropout, Linear (FC8)`,
#
# in this order. It was trained on maps of `channels` × k × k cells. k is not passed: FC6 has `channels * k * k` inputs. All
# layers have a bias. Return what FCN makes of it, an `nn.Sequential` of seven layers:
#
# `Conv2d (FC6), ReLU, Dropout2d, Conv2d (FC7), ReLU, Dropout2d, Conv2d (score layer)`.
#
# - FC6 and FC7 keep their weights and biases. For every k × k window of a larger map they say what the head would have
#   said to that window, so without padding a map `(N, channels, H, W)` gives `(N, ..., H - k + 1, W - k + 1)`.
# - FC6 pads `padding` cells of zeros on each side, FC7 and the score layer none. No strides.
# - A Dropout drops a whole neuron. In a map, a neuron is a whole channel: so `Dropout2d`, each with the `p` of the Dropout
#   it replaces.
# - FC8 knows the wrong classes and is left out. In its place comes a 1×1 convolution with a bias to `num_classes` scores. All
#   its weights and its bias start at **0**.
#
# "Every linear layer becomes a 1×1 convolution" is a popular sentence about this step. For which layer is it wrong?
# ### HINT nudge
# How many cells of the map does one neuron of FC6 look at? And how many cells are left behind FC6, if the map has k × k?
# ### HINT idea
# FC6 becomes a convolution with a k × k kernel; the others see single cells and become 1×1. Flatten writes channel after channel, each
# row by row. So does `view`. `(in_features // channels) ** 0.5` is k.
# ### HINT almost
# ```python
# fc6 = nn.Conv2d(channels, head[1].out_features, k, padding=padding)
# fc6.weight.data = head[1].weight.data.view(fc6.weight.shape)
# fc6.bias.data = head[1].bias.data
# ```
# FC7 likewise, from `head[4]`, with kernel 1. `nn.init.zeros_(score.weight)` sets weights to 0.


# %% tags=["answer"]
def head_to_scores(head, channels, num_classes, padding):
    """Flatten, Linear, ReLU, Dropout, ... -> nn.Sequential of Conv2d, ReLU, Dropout2d, ..., Conv2d."""
    ### BEGIN SOLUTION
    k = round((head[1].in_features / channels) ** 0.5)
    fc6 = nn.Conv2d(channels, head[1].out_features, k, padding=padding)
    fc7 = nn.Conv2d(head[4].in_features, head[4].out_features, 1)
    score = nn.Conv2d(head[4].out_features, num_classes, 1)
    for conv, linear in ((fc6, head[1]), (fc7, head[4])):
        conv.weight.data = linear.weight.data.view(conv.weight.shape)
        conv.bias.data = linear.bias.data
    nn.init.zeros_(score.weight)
    nn.init.zeros_(score.bias)
    first, second = nn.Dropout2d(head[3].p), nn.Dropout2d(head[6].p)
    return nn.Sequential(fc6, nn.ReLU(), first, fc7, nn.ReLU(), second, score)
    ### END SOLUTION


# %% tags=["check"]
check(1, head_to_scores)

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 2 · Double, crop, add
# `coarse` `(N, C, h, w)` and `skip` `(N, C, H, W)` are score maps of the same pictures and classes; the cells of `skip` are
# half as large. `kernel` is `(4, 4)`. One step of FCN:
#
# 1. **Double** `coarse`: a transposed convolution of each class by itself, with `kernel`, stride 2, no padding. It has
#    `2h + 2` rows and `2w + 2` columns.
# 2. **Lay** the doubled map over `skip`: its first cell comes on row `offset`, column `offset` of `skip`. If `offset` is
#    negative, the first `-offset` rows and columns of the *doubled* map lie outside.
# 3. **Add** the two maps where both have a cell. Return only that part.
#
# H and W can be anything: poolings round up, so the skip's map can end before the doubled one, or after it. There is
# always some part that both share. `kernel` is the bilinear one at first, but training may have changed it, and then it need not
# be symmetric. All tensors are float64.
#
# On paper, in one axis: one coarse cell, seven skip cells, offset 2. Which skip cells get something? And with three skip
# cells and offset −1?
# ### HINT nudge
# What does `skip[..., 2:]` have in common with the doubled map? What does `skip[..., -1:]` keep?
# ### HINT idea
# The weight of `F.conv_transpose2d` is `(C, C, 4, 4)` with the kernel at each `[c, c]`, or `(C, 1, 4, 4)` with `groups=C`. Then cut
# in front: `offset` rows and columns of `skip`, or `-offset` of the doubled map. Then cut both to the
# smaller height and the smaller width. (On paper: cells 2 to 5. With −1 all three, from the doubled cells 1 to 3.)
# ### HINT almost
# `up = F.conv_transpose2d(coarse, kernel.expand(C, 1, 4, 4), stride=2, groups=C)`, then
# `skip = skip[..., max(offset, 0):, max(offset, 0):]` and likewise `up` with `-offset`. With `height` and `width` the smaller
# sides, add `up[..., :height, :width]` and `skip[..., :height, :width]`.


# %% tags=["answer"]
def fuse(coarse, skip, kernel, offset):
    """coarse (N, C, h, w), skip (N, C, H, W), kernel (4, 4), offset int -> the sum where both maps have a cell."""
    ### BEGIN SOLUTION
    classes = coarse.shape[1]
    up = F.conv_transpose2d(coarse, kernel.expand(classes, 1, 4, 4), stride=2, groups=classes)
    skip = skip[..., max(offset, 0) :, max(offset, 0) :]
    up = up[..., max(-offset, 0) :, max(-offset, 0) :]
    height = min(up.shape[-2], skip.shape[-2])
    width = min(up.shape[-1], skip.shape[-1])
    return up[..., :height, :width] + skip[..., :height, :width]
    ### END SOLUTION


# %% tags=["check"]
check(2, fuse)

# %% [markdown] tags=["question"] difficulty=2 minutes=12
# ## 3 · The first weights of an upsampling layer
# Before training, FCN's upsampling layers are bilinear interpolation, each class by itself. Return the weight of such an
# `nn.ConvTranspose2d(channels, channels, k, stride=factor, bias=False)`: a float tensor `(channels, channels, k, k)`,
# first axis in, second axis out. Class `c` goes to class `c` alone.
#
# - `k = 2 * factor` for an even factor and `k = 2 * factor - 1` for an odd one. `factor` is at least 1.
# - With padding `(k - factor) // 2` the layer equals `F.interpolate(scale_factor=factor, mode="bilinear",
#   align_corners=False)`, away from the border.
#
# In exercise 02 you made the kernel for even strides. What changes for odd ones? On paper: along one axis, the taps for
# factor 2 are ¼, ¾, ¾, ¼. Which five are they for factor 3?
# ### HINT nudge
# Along one axis the kernel is a tent. Where is its top if there are four cells? If there are five?
# ### HINT idea
# The top is in the middle of the k cells, at `(k - 1) / 2`, which is a cell or lies between two. From there the
# tent falls off in straight lines and would reach 0 at the distance `factor`. The kernel is the outer product of two
# tents. (On paper: ⅓, ⅔, 1, ⅔, ⅓.)
# ### HINT almost
# `tent = 1 - (torch.arange(k) - (k - 1) / 2).abs() / factor`. Begin with `torch.zeros(channels, channels, k, k)` and write
# `tent[:, None] * tent` at each `[c, c]`.


# %% tags=["answer"]
def bilinear_weight(channels, factor):
    """-> float (channels, channels, k, k): bilinear upsampling of each channel by itself."""
    ### BEGIN SOLUTION
    k = 2 * factor - factor % 2
    tent = 1 - (torch.arange(k) - (k - 1) / 2).abs() / factor
    weight = torch.zeros(channels, channels, k, k)
    for c in range(channels):
        weight[c, c] = tent[:, None] * tent
    return weight
    ### END SOLUTION


# %% tags=["check"]
check(3, bilinear_weight)

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 4 · Trace the sizes
# A picture of `height` × `width` pixels goes through FCN-8s. All steps act on rows and columns alike:
#
# | step | what it does |
# |---|---|
# | VGG-16 | 3×3 convolutions of stride 1; each pads 1, but the *very first* pads `padding` |
# | five poolings | 2×2, stride 2; an incomplete last window is kept, so they round up |
# | `fc6` | a 7×7 window, stride 1, no padding |
# | `upscore2` | upsamples the scores of fc6: a transposed convolution, kernel 4, stride 2, no padding |
# | sum with pool4 | has the size of `upscore2` |
# | `upscore_pool4` | upsamples that sum: kernel 4, stride 2, no padding |
# | sum with pool3 | has the size of `upscore_pool4` |
# | `upscore8` | upsamples that sum: kernel 16, stride 8, no padding |
# | crop | cuts off `padding - 69` rows and columns in front; then comes the picture; the rest, behind it, is cut off |
#
# Return a dict of pairs of ints `(rows, columns)`: the sizes of `"pool3"`, `"pool4"`, `"pool5"`, `"fc6"`, `"upscore2"`,
# `"upscore_pool4"`, `"upscore8"`, and under `"behind"` how many rows and columns are cut off behind the picture.
#
# If FC6's window does not fit into pool5, by its rows or by its columns, the network cannot take the picture: return
# `None`. `padding` is at least 69. In the paper it is 100. Which pictures are too small then?
#
# On paper: 224 × 224 with padding 100 has a pool5 of 14 × 14. How large is `fc6`, and how large `upscore2`?
# ### HINT nudge
# How much larger than the picture is the map behind the first convolution? `padding` rows come on *both* sides.
# ### HINT idea
# The first convolution makes `n + 2 * padding - 2`; a pooling makes n/2, rounded up; FC6 makes `n - 6`; a
# transposed convolution without padding `(n - 1) * stride + kernel`. Trace one axis in a function of its own and call
# it twice. (On paper: 8 and 18. With padding 100 no picture is too small.)
# ### HINT almost
# ```python
# n = length + 2 * padding - 2
# for stage in range(1, 6):
#     n = (n + 1) // 2
#     sizes[f"pool{stage}"] = n
# ```
# Then `fc6 = n - 6`, `up2 = 2 * fc6 + 2`, `up4 = 2 * up2 + 2`, `up8 = 8 * up4 + 8`, and behind is
# `up8 - (padding - 69) - length`. None if `fc6` is below 1 on either axis.


# %% tags=["answer"]
def fcn_sizes(height, width, padding):
    """-> dict name -> (rows, columns) of FCN-8s's maps, or None where the picture is too small."""

    ### BEGIN SOLUTION
    def trace(length):
        n, sizes = length + 2 * padding - 2, {}
        for stage in range(1, 6):
            n = (n + 1) // 2
            if stage >= 3:
                sizes[f"pool{stage}"] = n
        sizes["fc6"] = n - 6
        sizes["upscore2"] = 2 * sizes["fc6"] + 2
        sizes["upscore_pool4"] = 2 * sizes["upscore2"] + 2
        sizes["upscore8"] = 8 * sizes["upscore_pool4"] + 8
        sizes["behind"] = sizes["upscore8"] - (padding - 69) - length
        return sizes

    rows, columns = trace(height), trace(width)
    if rows["fc6"] < 1 or columns["fc6"] < 1:
        return None
    return {name: (rows[name], columns[name]) for name in rows}
    ### END SOLUTION


# %% tags=["check"]
check(4, fcn_sizes)

# %% [markdown] tags=["question"] difficulty=3 minutes=25
# ## 5 · Where does the first cell lie?
# FCN's code crops 5, 9 and 31, and question 4 had `padding - 69`. Nobody has to guess such numbers: they follow from one
# question, asked of every map. **Where in the picture does its first cell lie?** Everything here is along one axis.
#
# `layers` is a list of tuples `(kernel, stride, padding)`, first layer first: the whole chain from the picture to the
# coarsest scores. `skips` is a list of ints, coarsest first: an `n` in it means that the map behind the first `n` layers
# is a skip. These are the rules:
#
# 1. Pixel i of the picture lies at i. A cell of a map lies at the middle of its receptive field, the pixels that it
#    sees. So a cell can lie between two pixels, and, because of padding, far in front of the picture.
# 2. For each skip, the map so far is upsampled until its cells are as far apart as the skip's: by a transposed convolution of
#    stride f and kernel 2f, without padding. Cell i stamps on the cells f·i to f·i + 2f − 1 of the new map, and the middle
#    of that stamp lies where cell i lay.
# 3. The two maps are laid on each other so that their places in the picture agree. The **crop** of this sum is the number
#    of the skip's cells that lie in front of the first cell of the upsampled map. If the upsampled map begins first, the crop
#    is negative: minus the number of *its* cells in front of the skip's first. The sum begins with the *later* of the two
#    first cells, and is now the map.
# 4. Behind the last sum (or at once, if there are no skips), the map is upsampled by rule 2 until its cells are one pixel apart.
#    The last crop is the number of its cells in front of pixel 0.
#
# Return a tuple of ints: the crop of each sum, then the last one. In all the nets asked here, f is 2 or more and the places
# agree exactly, so every crop is a whole number. If one is not, do not round it: look for the reason. For FCN-8s the
# result is `(5, 9, 31)`.
#
# On paper: one pooling, `[(2, 2, 0)]`, and no skips. Its first cell sees the pixels 0 and 1, so it lies at 0.5. Where does
# the first cell of the upsampled map lie?
# ### HINT nudge
# Behind a layer, the first cell sees the cells `-padding` to `-padding + kernel - 1` of the map before. Where is the middle
# of those, counted in cells? And how many pixels apart are these cells?
# ### HINT idea
# Keep two numbers for a map: `x`, the place of its first cell, and `jump`, the pixels between two cells; at first 0 and 1. A
# layer adds `((kernel - 1) / 2 - padding) * jump` to `x`, and then multiplies `jump` by its stride. The middle of a
# stamp of 2f cells lies f − 0.5 of the *new* cells behind its first one, so upsampling takes `(f - 0.5) * new_jump` off `x`. (On paper: 1.5
# before 0.5, at −1. So the crop is 1.)
# ### HINT almost
# With `x, jump` of all layers, for each `n` of `skips`: `y, fine` of `layers[:n]`, then
# ```python
# x -= (jump / fine - 0.5) * fine
# crops.append(round((x - y) / fine))
# x, jump = max(x, y), fine
# ```
# The last crop is `round(jump - 0.5 - x)`.


# %% tags=["answer"]
def crop_offsets(layers, skips):
    """layers: list of (kernel, stride, padding), skips: list of ints -> tuple of ints, len(skips) + 1."""

    ### BEGIN SOLUTION
    def first_cell(chain):
        x, jump = 0.0, 1
        for kernel, stride, padding in chain:
            x += ((kernel - 1) / 2 - padding) * jump
            jump *= stride
        return x, jump

    x, jump = first_cell(layers)
    crops = []
    for n in skips:
        y, fine = first_cell(layers[:n])
        x -= (jump / fine - 0.5) * fine
        crops.append(round((x - y) / fine))
        x, jump = max(x, y), fine
    return (*crops, round(jump - 0.5 - x))
    ### END SOLUTION


# %% tags=["check"]
check(5, crop_offsets)

# %% [markdown]
# ## Your sheet

# %%
checks.score()
