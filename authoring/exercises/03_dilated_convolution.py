# %% [markdown] tags=["title"]
# # Exercise 03 · Dilated convolution
# Six questions, about 90 minutes, from easy to hard. Keep the names of the functions and of their arguments. Fill in a
# cell, run it, run the check below it. A check compares your function with a reference on inputs it makes up. It shows
# what failed, on which input, and often why. You can run it as often as you like; your best result counts.
#
# Answers use PyTorch, not `course_lib`: a function of `ops` costs a property. Stuck? Each question has three hints, from a
# nudge to almost the code.

# %%
import copy

import torch
from torch import nn

from course_lib import checks

check = checks.exercise("03_dilated_convolution")


def pair(value):
    """A number for both axes, or one for each -> (rows, columns)."""
    return (value, value) if isinstance(value, int) else tuple(value)


# %% [markdown] tags=["question"] difficulty=1 minutes=8
# ## 1 · A kernel full of zeros
# A convolution with dilation is an ordinary one whose kernel is full of zeros. Make that kernel. `weight` is
# `(C_out, C_in, kH, kW)`; `rate` is an integer for both axes or a pair `(rows, columns)`. Return
# `(C_out, C_in, (kH - 1) * rows + 1, (kW - 1) * columns + 1)` with the dtype of `weight`. `pair`, above, turns both
# kinds of rate into a pair.
#
# Example in one row: taps `1 2 3` at rate 2 become `1 0 2 0 3`.
# ### HINT nudge
# How many zeros lie between two taps? Are there any before the first or after the last?
# ### HINT idea
# Make a tensor of zeros of the right size. Then write all taps at once into every `rows`-th row and every `columns`-th
# column of it.
# ### HINT almost
# `out[:, :, ::rows, ::columns] = weight`. The zeros need the dtype of `weight`: `weight.new_zeros(...)` takes care of
# it.


# %% tags=["answer"]
def dilate_kernel(weight, rate):
    """weight (C_out, C_in, kH, kW), rate int or pair -> the same taps, spread."""
    ### BEGIN SOLUTION
    rows, columns = pair(rate)
    c_out, c_in, kh, kw = weight.shape
    out = weight.new_zeros(c_out, c_in, (kh - 1) * rows + 1, (kw - 1) * columns + 1)
    out[:, :, ::rows, ::columns] = weight
    return out
    ### END SOLUTION


# %% tags=["check"]
check(1, dilate_kernel)

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 2 · Size, jump, start
# `layers` is a list of tuples `(kernel, stride, padding, dilation)`, first layer first, all along one axis. Return the
# tuple of ints `(size, jump, start)`: output cell `i` sees the `size` input pixels that begin at pixel
# `start + i * jump`. With padding, `start` is negative: the first window begins outside the picture.
#
# On paper first: a 3-tap layer of stride 2 and padding 1, then a 3-tap layer of stride 1 and padding 1, gives
# `(7, 2, -3)`. No layers at all: `(1, 1, 0)`.
# ### HINT nudge
# Two neighboring cells of a layer's *input* lie `jump` pixels apart in the picture. How far apart, in pixels, are the
# first and the last tap of its kernel?
# ### HINT idea
# Walk from the first layer to the last and keep the three numbers. The kernel widens the size, the padding moves the
# start, the stride multiplies the jump. Two of them need the jump from *before* this layer.
# ### HINT almost
# `size += (kernel - 1) * dilation * jump`, then `start -= padding * jump`, and only then `jump *= stride`.


# %% tags=["answer"]
def receptive_field(layers):
    """[(kernel, stride, padding, dilation), ...] -> (size, jump, start), ints."""
    ### BEGIN SOLUTION
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        size += (kernel - 1) * dilation * jump
        start -= padding * jump
        jump *= stride
    return size, jump, start
    ### END SOLUTION


# %% tags=["check"]
check(2, receptive_field)

# %% [markdown] tags=["question"] difficulty=2 minutes=12
# ## 3 · Which cells are touched?
# A stack of 3×3 convolutions of stride 1; `rates` lists their dilations. The field of one output cell is a square of
# `size = 1 + 2 * sum(rates)` cells a side, but not all of them need count. Return a tensor of truth values
# (`torch.bool`) of shape `(size, size)`: `True` for every input cell from which a path leads to that output cell,
# through one of the nine taps of each layer. The rates come in any order; the list may be empty.
#
# Example: `[2]` gives a 5×5 map with nine times `True`: in the corners, in the middle of each side, and in the center.
# ### HINT nudge
# Begin at the output cell: one touched cell. Which cells of its own input does the last layer read for it? Which ones
# does the layer before read for each of those?
# ### HINT idea
# One layer turns a touched map into a larger one: it lays nine copies of the map over each other, shifted by the
# positions of the taps. A cell is touched if it is in any of the copies.
# ### HINT almost
# From a map `seen` of `n` cells a side, make `wider`, all `False`, of `n + 2 * rate`. Then for `dy` and `dx` each in
# `(0, rate, 2 * rate)`: `wider[dy : dy + n, dx : dx + n] |= seen`.


# %% tags=["answer"]
def touched(rates):
    """rates, a list of ints -> bool (size, size), size = 1 + 2 * sum(rates)."""
    ### BEGIN SOLUTION
    seen = torch.ones(1, 1, dtype=torch.bool)
    for rate in rates:
        n = len(seen)
        wider = torch.zeros(n + 2 * rate, n + 2 * rate, dtype=torch.bool)
        for dy in (0, rate, 2 * rate):
            for dx in (0, rate, 2 * rate):
                wider[dy : dy + n, dx : dx + n] |= seen
        seen = wider
    return seen
    ### END SOLUTION


# %% tags=["check"]
check(3, touched)

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 4 · Rates without gaps
# You want a field of exactly `field` cells a side (an odd number) from a stack of 3×3 convolutions of stride 1, in
# which **every** cell is touched. Return the rates as a list of ints, for the **fewest layers** that can do it. There
# are often several right answers; any of them counts, in any order.
#
# Example: 17 cells need three layers. `[1, 2, 5]` is an answer, `[1, 3, 4]` too. `[8]` leaves holes, and eight times
# rate 1 is far from the fewest. A field of 1 needs no layer: `[]`.
# ### HINT nudge
# Order the rates from small to large. The first must be 1. With that, a block of three cells is touched without a
# hole. How large may the second rate be?
# ### HINT idea
# A layer lays three copies of the touched block side by side (in each axis), `rate` apart. No hole: the rate is at
# most as large as the block. To need few layers, take every rate as large as possible, and the last one only as large
# as the field still needs.
# ### HINT almost
# Keep `block = 1`. While `block < field`, take `min(block, (field - block) // 2)` as the next rate, and add twice that
# rate to `block`.


# %% tags=["answer"]
def choose_rates(field):
    """An odd number -> list of ints: the fewest rates that leave no hole."""
    ### BEGIN SOLUTION
    rates, block = [], 1
    while block < field:
        rates.append(min(block, (field - block) // 2))
        block += 2 * rates[-1]
    return rates
    ### END SOLUTION


# %% tags=["check"]
check(4, choose_rates)

# %% [markdown] tags=["question"] difficulty=3 minutes=20
# ## 5 · What can this cell see?
# Your calculator of question 2 knows no layer that enlarges its map. A gradient can be asked about any network. `network` is an
# `nn.Sequential` of `nn.Conv2d`, `nn.ConvTranspose2d`, `nn.MaxPool2d`, `nn.Upsample` (nearest), `nn.BatchNorm2d` and
# `nn.ReLU`, in any order. It takes pictures of `shape = (C, H, W)`. For the output cell `cell = (row, column)`, return
# the tuple of ints `(top, left, bottom, right)`: the smallest box that holds every input pixel this cell **can** see,
# with `bottom` and `right` one past the last row and column. The box lies inside the picture, since padding is not
# part of it; every cell you are asked about sees at least one pixel.
#
# *Can* see: for some weights and some picture a change of that pixel changes the cell, with the network in evaluation
# mode (`network.eval()`). Which weights it happens to have does not matter. So think: on which grounds could the
# gradient of *this* network, on *one* picture, be zero at a pixel that it can see?
# ### HINT nudge
# Three layers can hide a pixel: a kernel whose weights are 0 or cancel, a ReLU that is shut, a maximum that another
# pixel won. One can show too many: a normalization in training mode takes its mean over all pixels. What would show
# every path, and nothing else?
# ### HINT idea
# Make a twin of the network with the same windows, in which every path carries a positive number: all weights 1, no
# ReLU, no normalization, an average in place of each maximum. Ask the twin for the gradient of the sum over the cell's
# channels. It is positive exactly where there is a path.
# ### HINT almost
# Build the twin as `copy.deepcopy(nn.Sequential(*[...]))`, with
# `nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)` for pooling and `nn.Identity()` for ReLU and
# normalization; `nn.init.ones_(parameter)` for each of its parameters. Then
# `picture = torch.ones(1, *shape, requires_grad=True)`, `twin(picture)[0, :, row, column].sum().backward()`, and
# `seen = picture.grad[0].sum(0) > 0`. The rows of the box are those of `seen.any(1).nonzero()`, the columns those of
# `seen.any(0).nonzero()`.


# %% tags=["answer"]
def seen_box(network, shape, cell):
    """nn.Sequential, (C, H, W), (row, column) -> (top, left, bottom, right), ints."""

    ### BEGIN SOLUTION
    def opened(layer):
        if isinstance(layer, nn.MaxPool2d):
            return nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
        if isinstance(layer, nn.BatchNorm2d | nn.ReLU):
            return nn.Identity()
        return layer

    twin = copy.deepcopy(nn.Sequential(*[opened(layer) for layer in network]))
    for parameter in twin.parameters():
        nn.init.ones_(parameter)
    picture = torch.ones(1, *shape, requires_grad=True)
    row, column = cell
    twin(picture)[0, :, row, column].sum().backward()
    seen = picture.grad[0].sum(0) > 0
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    ### END SOLUTION


# %% tags=["check"]
check(5, seen_box)

# %% [markdown] tags=["question"] difficulty=3 minutes=20
# ## 6 · The same network, dense
# `network` is an `nn.Sequential` of `nn.Conv2d`, `nn.BatchNorm2d`, `nn.ReLU` and `nn.MaxPool2d`. Some of its layers
# have a stride, the same along both axes. Return the pair `(network, dense)`: the network you were given, unchanged,
# and a new `nn.Sequential` with the same weights and statistics in which **every** stride is 1. Where the old network
# answers at every `s`-th pixel (`s` is the product of its strides), the new one answers at every pixel: in evaluation
# mode, `dense(x)[..., ::s, ::s]` equals `network(x)`, and the cells between are what the old network would answer at
# the pixels it skips.
#
# PyTorch keeps `stride`, `padding` and `dilation` of a convolution as pairs, but those of a pooling as they were
# given, here as numbers; `pair`, above, makes both alike. You may assign to these attributes. A pooling after another
# layer's stride has no padding (PyTorch limits a pooling's padding to half its kernel, so it
# could not grow with the rate).
# ### HINT nudge
# A layer that loses its stride of 2 now answers at every cell. What did the next layer read before, and where do those
# cells lie in the finer map?
# ### HINT idea
# Copy the whole network deeply. Walk over its convolutions and poolings, and keep a `rate`, the product of the strides
# removed *so far*. It multiplies the layer's own dilation and its padding. When does the layer's own stride join the
# product: before or after?
# ### HINT almost
# For each convolution or pooling: `layer.dilation = tuple(d * rate for d in pair(layer.dilation))`, `layer.padding`
# likewise; then `rate *= pair(layer.stride)[0]`, and last `layer.stride = (1, 1)`. Multiply each number: `(1, 1) * 2`
# is `(1, 1, 1, 1)`.


# %% tags=["answer"]
def make_dense(network):
    """nn.Sequential -> (network, dense): the given one, and one without strides."""
    ### BEGIN SOLUTION
    dense, rate = copy.deepcopy(network), 1
    for layer in dense:
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            layer.dilation = tuple(d * rate for d in pair(layer.dilation))
            layer.padding = tuple(p * rate for p in pair(layer.padding))
            rate *= pair(layer.stride)[0]
            layer.stride = (1, 1)
    return network, dense
    ### END SOLUTION


# %% tags=["check"]
check(6, make_dense)

# %% [markdown]
# ## Your sheet

# %%
checks.score()
