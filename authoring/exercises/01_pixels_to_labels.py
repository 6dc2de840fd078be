# %% [markdown] tags=["title"]
# # Exercise 01 · Pixels to labels
# Seven questions, about 90 minutes. Keep the names of the functions and of their arguments. Fill in a cell, run it, run the check below it. A check
# compares your function with a reference on inputs it makes up: odd sizes, batches, void, empty boxes and masks. It shows what failed, on which
# input, and often why. You can run it as often as you like; your best result counts.
#
# Your functions receive and return PyTorch tensors, unless a question says otherwise. Stuck? Each question has three hints, from a nudge to almost
# the code. None of the questions needs another one's answer.

# %%
from collections import deque

import torch
from torch import nn

from course_lib import checks

check = checks.exercise("01_pixels_to_labels")

# %% [markdown] tags=["question"] difficulty=1 minutes=8
# ## 1 · IoU of boxes
# A box is four numbers, `x1, y1, x2, y2`, in pixels. `x` counts columns, `y` counts rows. `x2` and `y2` are **exclusive**: the box from 0 to 2 covers
# the pixels 0 and 1, so its width is `x2 - x1`. Corners need not be whole numbers. A box with `x2 <= x1` or `y2 <= y1` is empty.
#
# `a` has shape `(M, 4)`, `b` has shape `(N, 4)`, both float. Return the IoU of **every** box of `a` with **every** box of `b`: a tensor of shape
# `(M, N)` with the dtype of `a`. An empty box has IoU 0 with everything, even with itself. `M` or `N` may be 0.
#
# On paper first: a box of 2×2 pixels and one of 2×3 pixels share exactly one pixel. Their IoU is not 1/10.
# ### HINT nudge
# Where does the rectangle begin and end that two boxes share? And how often does adding the two areas count the pixels in it?
# ### HINT idea
# The shared rectangle begins at the larger of the two `x1` and ends at the smaller of the two `x2`; the same holds for `y`. If it ends before it
# begins, nothing is shared. The union is the two areas together minus the intersection. `a[:, None, :2]` and `b[None, :, :2]` broadcast to all pairs.
# ### HINT almost
# `shared = (torch.minimum(a[:, None, 2:], b[None, :, 2:]) - torch.maximum(a[:, None, :2], b[None, :, :2])).clamp(min=0)`, then `shared.prod(-1)` is
# the intersection `(M, N)`. Compute the areas `(M,)` and `(N,)` with a `clamp` as well. Where the union is 0, `torch.where` puts a 0 in place of 0/0.

# %% tags=["answer"]
def pairwise_iou(a, b):
    """a (M, 4), b (N, 4) float: x1, y1, x2, y2, the last two exclusive -> (M, N): the IoU of every pair."""
    ### BEGIN SOLUTION
    shared = torch.minimum(a[:, None, 2:], b[None, :, 2:]) - torch.maximum(a[:, None, :2], b[None, :, :2])
    intersection = shared.clamp(min=0).prod(-1)
    area_a = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(-1)
    area_b = (b[:, 2:] - b[:, :2]).clamp(min=0).prod(-1)
    union = area_a[:, None] + area_b[None, :] - intersection
    return torch.where(union > 0, intersection / union, 0)
    ### END SOLUTION

# %% tags=["check"]
check(1, pairwise_iou)

# %% [markdown] tags=["question"] difficulty=2 minutes=12
# ## 2 · Which task does it answer?
# Someone hands you an annotation as a list of M **segments**: `masks`, a bool tensor `(M, H, W)`, and `labels`, an int64 tensor `(M,)` with the class
# of each segment, 255 for void. `things` is a tuple with the ids of the classes that are counted; all other classes are stuff. No mask is empty, but
# `M` may be 0.
#
# Can it serve, as it stands, as the truth of semantic, instance, panoptic segmentation? Return a dict with the keys `"semantic"`, `"instance"`,
# `"panoptic"` and a bool for each. It can be any number of the three.
#
# - **Semantic** truth says one class (or void) for every pixel.
# - **Instance** truth is a set of objects, each with its mask and its class. It speaks of objects only, and of each object by itself.
# - **Panoptic** truth gives every pixel to exactly one segment. Only things are told apart: a stuff class is one segment, even where it lies in two
#   pieces, and so is void.
#
# Before you write code, decide these with a pencil. (a) Two cars, nothing else. (b) Sky, road, and two cars; every pixel in exactly one mask. (c) As
# (b), but one car's mask covers a pixel of the other car's as well. (d) Two cars and the sky; the road is in no mask. (The second hint has the
# answers.) One limit no program can lift: whether a mask labeled "car" holds one car or two cannot be seen from the annotation, so trust it.
# ### HINT nudge
# `masks.sum(0)` says in how many masks each pixel lies. Which of the three tasks minds a 0? Which minds a 2?
# ### HINT idea
# Instance asks about the labels only. Panoptic asks whether the sums are all 1, and whether a label that is no thing occurs twice. Semantic does not
# mind two masks on one pixel, as long as they are of one class. The pencil's answers: (a) instance; (b) semantic and panoptic; (c) semantic alone;
# (d) none of them.
# ### HINT almost
# For semantic, merge the masks of each class first: `torch.stack([masks[labels == c].any(0) for c in labels.unique()])`; then every pixel must lie in
# exactly one of these. `stack` refuses an empty list, so treat `M = 0` before that.

# %% tags=["answer"]
def which_tasks(masks, labels, things):
    """masks (M, H, W) bool, labels (M,) int64, things: class ids -> {"semantic": bool, ...}."""
    ### BEGIN SOLUTION
    if len(masks) == 0:
        return {"semantic": False, "instance": True, "panoptic": False}
    by_class = torch.stack([masks[labels == c].any(0) for c in labels.unique()])
    stuff = [label for label in labels.tolist() if label not in things]
    return {
        "semantic": bool((by_class.sum(0) == 1).all()),
        "instance": not stuff,
        "panoptic": bool((masks.sum(0) == 1).all()) and len(stuff) == len(set(stuff)),
    }
    ### END SOLUTION

# %% tags=["check"]
check(2, which_tasks)

# %% [markdown] tags=["question"] difficulty=2 minutes=12
# ## 3 · The panoptic code
# A panoptic map is stored in three forms, all with the same content:
#
# | form | shape | dtype | content |
# |---|---|---|---|
# | `"pair"` | `(..., 2, H, W)` | int64 | the class, then the instance, one map each |
# | `"id"` | `(..., H, W)` | int64 | class · 1000 + instance |
# | `"rgb"` | `(..., 3, H, W)` | uint8 | a picture: id = R + 256 · G + 65536 · B |
#
# Stuff has instance 0. Void has class 255 and instance 0, so its id is 255000. Write the function that converts any form to any other. `source` and
# `target` are two different ones of the three names. The dots stand for any number of batch dimensions, also none. One trap: a pair may come straight
# from a file, as **uint8** maps; what you return has the dtypes of the table.
#
# On paper: which R, G and B has void?
# ### HINT nudge
# Six conversions, but you need not write six. Which form lies between the two others? And what is `torch.tensor([200], dtype=torch.uint8) * 2`?
# ### HINT idea
# First bring whatever comes to an id map, then bring the id map to whatever is wanted. Make everything int64 before you compute. `//` and `%` undo a
# multiplication and an addition.
# ### HINT almost
# `classes, instances = maps.long().unbind(-3)` takes the pair apart, whatever stands before it; `torch.stack([...], dim=-3)` puts it together. The
# bytes of an id are `ids % 256`, `ids // 256 % 256` and `ids // 65536`; for void they are 24, 228 and 3.

# %% tags=["answer"]
def convert_panoptic(maps, source, target):
    """maps in one form -> the same in another; source, target: "pair", "id" or "rgb"."""
    ### BEGIN SOLUTION
    if source == "pair":
        classes, instances = maps.long().unbind(-3)
        ids = classes * 1000 + instances
    elif source == "rgb":
        red, green, blue = maps.long().unbind(-3)
        ids = red + 256 * green + 65536 * blue
    else:
        ids = maps
    if target == "pair":
        return torch.stack([ids // 1000, ids % 1000], dim=-3)
    if target == "rgb":
        return torch.stack([ids % 256, ids // 256 % 256, ids // 65536], dim=-3).to(torch.uint8)
    return ids
    ### END SOLUTION

# %% tags=["check"]
check(3, convert_panoptic)

# %% [markdown] tags=["question"] difficulty=2 minutes=14
# ## 4 · Run lengths
# COCO [@COCO] stores a mask as the lengths of its runs. Walk down the first column, then down the second, and so on (**column by column**). Count how
# many zeros come first, then how many ones, then zeros again, until the mask ends. The first count is **always for zeros**: it is 0 if the first
# pixel is set. No other count is 0. The result is a dict, `{"size": [H, W], "counts": [...]}`, with lists of ints.
#
# Write both directions in one function. `convert_mask(value, "rle")` gets a bool tensor `(H, W)` and returns the dict; `convert_mask(value, "mask")`
# gets the dict and returns the bool tensor. Loops over pixels are fine. `H` and `W` are at least 1.
#
# On paper: the mask with the rows `0 1 1` and `0 0 1` has the counts 2, 1, 1, 2.
# ### HINT nudge
# `mask.T.flatten()` is the order in which the pixels are read. How would you write its runs down by hand?
# ### HINT idea
# Encoding: keep the value of the current run, which begins as *zeros*, and its length, which begins as 0. Where a pixel differs, the run is over:
# note its length and begin a run of length 1. Do not forget the run that is open at the end. Decoding: build a long list, then give it its shape;
# think about which of height and width comes first when the pixels arrive column by column.
# ### HINT almost
# ```python
# for pixel in value.T.flatten().tolist():
#     if pixel == current: length += 1
#     else: counts.append(length); current, length = pixel, 1
# ```
# And back: `flat += [i % 2 == 1] * count` for every `i, count in enumerate(value["counts"])`, then `torch.tensor(flat).view(width, height).T`.

# %% tags=["answer"]
def convert_mask(value, to):
    """Mask (H, W) bool, "rle" -> {"size": [H, W], "counts": [...]}; such a dict, "mask" -> the mask."""
    ### BEGIN SOLUTION
    if to == "rle":
        counts, current, length = [], False, 0
        for pixel in value.T.flatten().tolist():
            if pixel == current:
                length += 1
            else:
                counts.append(length)
                current, length = pixel, 1
        return {"size": list(value.shape), "counts": [*counts, length]}
    height, width = value["size"]
    flat = []
    for i, count in enumerate(value["counts"]):
        flat += [i % 2 == 1] * count
    return torch.tensor(flat).view(width, height).T
    ### END SOLUTION

# %% tags=["check"]
check(4, convert_mask)

# %% [markdown] tags=["question"] difficulty=2 minutes=12
# ## 5 · The YOLO volume
# A detector of the YOLO family lays a grid over the picture. For every cell of the grid the network puts out one vector, which describes a fixed
# number of boxes. So its output is a **volume**: `(..., rows, columns, depth)`, here with the depth last. A box is five numbers, here in this order
# (programs differ): x, y, width, height, confidence. The confidence says how sure the network is that there is an object at all. There are two
# layouts of the vector:
#
# - **Shared**: first the boxes of the cell, one after another, five numbers each; then *one* vector of class scores for the cell. The first YOLO does
#   this [@YOLO].
# - **Own**: box after box, and every box brings class scores of its own right after its five numbers. So it is with anchors, template shapes that
#   each box of a cell starts from [@YOLO9000].
#
# The homework question: a grid of 19×19 cells, 5 anchors, 20 classes. How deep is the volume? And with 5 boxes in the shared layout? Both answers
# circulate for the same question; only one is right for anchors. Work them out before you go on.
#
# Write the reader. `volume` is a float tensor. Find out its layout from its depth, and return a pair of tensors of its dtype: the boxes
# `(..., rows, columns, num_boxes, 4)`, without the confidence, and the scores `(..., rows, columns, num_boxes, num_classes)`. A score is the
# **confidence of the box times the class score**. If the depth fits neither layout, return `None`. The numbers are final: no sigmoid, no softmax.
# ### HINT nudge
# How many numbers does one box bring in each layout? What does the cell add? With one box per cell, do the two layouts differ?
# ### HINT idea
# The depth is `num_boxes * (5 + num_classes)` or `5 * num_boxes + num_classes`: 125 or 45 in the homework. Reshape the part with the boxes to
# `(..., num_boxes, numbers per box)`. In the shared layout, cut the class scores off before that, and let them broadcast over the boxes.
# ### HINT almost
# `each = volume.reshape(*volume.shape[:-1], num_boxes, -1)`, for the whole depth or for the first `5 * num_boxes` numbers. Then `each[..., :4]` are
# the boxes and `each[..., 4:5]` are the confidences. The class scores are `each[..., 5:]`, or `volume[..., None, 5 * num_boxes:]` where they are
# shared.

# %% tags=["answer"]
def read_volume(volume, num_boxes, num_classes):
    """volume (..., depth) -> (boxes (..., num_boxes, 4), scores (..., num_boxes, num_classes)) or None."""
    ### BEGIN SOLUTION
    *grid, depth = volume.shape
    if depth == num_boxes * (5 + num_classes):
        each = volume.reshape(*grid, num_boxes, 5 + num_classes)
        classes = each[..., 5:]
    elif depth == 5 * num_boxes + num_classes:
        each = volume[..., : 5 * num_boxes].reshape(*grid, num_boxes, 5)
        classes = volume[..., None, 5 * num_boxes :]
    else:
        return None
    return each[..., :4], each[..., 4:5] * classes
    ### END SOLUTION

# %% tags=["check"]
check(5, read_volume)

# %% [markdown] tags=["question"] difficulty=3 minutes=18
# ## 6 · Connected components
# The cheap way from a class map to objects. `classes` is an int64 tensor `(H, W)`; class 0 is background. Two pixels belong to one **component** if a
# path of neighbors leads from one to the other, all of the same class. With `connectivity=4`, neighbors touch along an edge; with `connectivity=8`,
# also at a corner.
#
# Return a pair: the labels, an int64 tensor `(H, W)`, and the number of components, an int. Background has label 0. Components have the labels 1, 2,
# 3, ... in the order in which their first pixels come when one reads the map row by row, from left to right, whatever their class. A component may be
# a path of 1,500 pixels. Do not call a function of a library that labels components.
#
# Two cars that touch are one component. No program could do better with this input: the class map does not say where one car ends.
# ### HINT nudge
# Walk over the map in reading order. At a pixel that has a class and no label yet, a new component begins. Give *all* of its pixels the label before
# you walk on. How do you find them?
# ### HINT idea
# Breadth-first search: put the first pixel into a queue. Take a pixel out, look at its neighbors; those of the same class without a label get the
# label and go into the queue. Go on until the queue is empty. Mark a pixel when it goes in, so that it goes in only once. A function that calls
# itself for each neighbor has the same idea, but Python stops at about 1,000 calls inside each other.
# ### HINT almost
# ```python
# queue = deque([(row, column)])
# while queue:
#     i, j = queue.popleft()
#     for di, dj in offsets:
#         r, c = i + di, j + dj
#         if 0 <= r < height and 0 <= c < width and classes[r, c] == classes[i, j] and labels[r, c] == 0: ...
# ```
# Without `0 <= r`, Python takes index -1 for the last row. `classes.tolist()` makes the loops several times faster.

# %% tags=["answer"]
def label_components(classes, connectivity):
    """classes (H, W) int64, 0 = background; connectivity 4 or 8 -> (labels (H, W) int64, count)."""
    ### BEGIN SOLUTION
    height, width = classes.shape
    grid, labels, count = classes.tolist(), torch.zeros_like(classes).tolist(), 0
    offsets = [(-1, 0), (0, -1), (0, 1), (1, 0)]
    if connectivity == 8:
        offsets += [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    for row in range(height):
        for column in range(width):
            if grid[row][column] == 0 or labels[row][column]:
                continue
            count += 1
            labels[row][column] = count
            queue = deque([(row, column)])
            while queue:
                i, j = queue.popleft()
                for di, dj in offsets:
                    r, c = i + di, j + dj
                    if 0 <= r < height and 0 <= c < width and grid[r][c] == grid[i][j] and not labels[r][c]:
                        labels[r][c] = count
                        queue.append((r, c))
    return torch.tensor(labels), count
    ### END SOLUTION

# %% tags=["check"]
check(6, label_components)

# %% [markdown] tags=["question"] difficulty=3 minutes=14
# ## 7 · A head that slides
# A classifier ends in a **head**: `nn.Sequential(nn.Flatten(), nn.Linear(...), nn.ReLU(), nn.Linear(...), ...)`, with one linear layer or more and a
# ReLU between any two. It was trained on feature maps `(N, C, height, width)` and gives `(N, classes)`; on a larger map it stops with an error.
#
# Return an `nn.Sequential` of `nn.Conv2d` and `nn.ReLU` with **the same weights**. On a map of exactly `height` × `width` it must give the head's
# answer as `(N, classes, 1, 1)`. On a map of `H` × `W` it must give `(N, classes, H - height + 1, W - width + 1)`: the head's answer to every window.
# `C` is not passed; the first linear layer has `C * height * width` inputs. A linear layer may have no bias, and the head may be float64.
#
# "Every linear layer becomes a 1×1 convolution" is a popular sentence. The fully convolutional network that made this step famous [@FCN] starts with
# a kernel of 7×7. Why?
# ### HINT nudge
# One output of the first linear layer is a weighted sum over *all* pixels and channels of the map. How large must a kernel be to see them all? And
# how large is the map behind it?
# ### HINT idea
# The first linear layer becomes a convolution with a kernel of `height` × `width`, without padding; the others see a map of vectors and become 1×1.
# Flatten writes channel after channel, each row by row: that is the order of a convolution's weight, `(out, C, height, width)`.
# ### HINT almost
# ```python
# conv = nn.Conv2d(linear.in_features // (height * width), linear.out_features, (height, width),
#                  bias=linear.bias is not None, dtype=linear.weight.dtype)
# conv.weight.data = linear.weight.data.view(conv.weight.shape)
# ```
# The bias likewise, where there is one. After the first linear layer set `height = width = 1`. ReLU stays, Flatten goes.

# %% tags=["answer"]
def head_to_conv(head, height, width):
    """nn.Sequential of Flatten, Linear, ReLU -> nn.Sequential of Conv2d, ReLU with the same weights."""
    ### BEGIN SOLUTION
    layers = []
    for layer in head:
        if isinstance(layer, nn.ReLU):
            layers.append(nn.ReLU())
        elif isinstance(layer, nn.Linear):
            channels, bias = layer.in_features // (height * width), layer.bias is not None
            conv = nn.Conv2d(channels, layer.out_features, (height, width), bias=bias, dtype=layer.weight.dtype)
            conv.weight.data = layer.weight.data.view(conv.weight.shape)
            if bias:
                conv.bias.data = layer.bias.data
            layers.append(conv)
            height = width = 1
    return nn.Sequential(*layers)
    ### END SOLUTION

# %% tags=["check"]
check(7, head_to_conv)

# %% [markdown]
# ## Your sheet

# %%
checks.score()
