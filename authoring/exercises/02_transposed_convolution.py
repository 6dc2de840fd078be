# %% [markdown] tags=["title"]
# # Exercise 02 · Transposed convolution
# Seven questions, about 90 minutes. Keep the names of the functions and of their arguments. Fill in a cell, run it, run the check below it. A check compares your function with a reference
# on inputs it makes up: odd sizes, batches, non-square pictures. It shows what failed, on which input, and often why. You can run
# it as often as you like; your best result counts.
#
# Work with PyTorch tensors throughout: your functions receive tensors and return tensors. Stuck? Each question has three hints, from a nudge
# to almost the code.

# %%
import torch
import torch.nn.functional as F

from course_lib import checks

check = checks.exercise("02_transposed_convolution")

# %% [markdown] tags=["question"] difficulty=1 minutes=5
# ## 1 · Stamps in one dimension
# Write the transposed convolution of a sequence by hand. `x` has shape `(n,)`, `kernel` has shape `(k,)`, `stride` is a positive integer.
# Return a tensor of shape `((n - 1) * stride + k,)` with the dtype of `x`. Do not call PyTorch's transposed convolution, nor `fold`, nor let autograd do it.
#
# On paper first: `x = (1, 2)`, `kernel = (1, 2, 3)`, `stride = 2` gives `(1, 2, 5, 4, 6)`.
# ### HINT nudge
# How many pixels does one input value write to? Where does the stamp of the next value begin?
# ### HINT idea
# Make a tensor of zeros with the size of the output. Walk over the input. Each value adds `value * kernel` to a slice of the output.
# ### HINT almost
# The slice of the value at position `i` is `out[i * stride : i * stride + len(kernel)]`. Use `+=`, since neighboring slices may overlap.

# %% tags=["answer"]
def stamp_1d(x, kernel, stride):
    """Transposed convolution of a sequence. x (n,), kernel (k,), stride int -> ((n - 1) * stride + k,)."""
    ### BEGIN SOLUTION
    out = torch.zeros((len(x) - 1) * stride + len(kernel), dtype=x.dtype)
    for i, value in enumerate(x):
        out[i * stride : i * stride + len(kernel)] += value * kernel
    return out
    ### END SOLUTION

# %% tags=["check"]
check(1, stamp_1d)

# %% [markdown] tags=["question"] difficulty=3 minutes=30
# ## 2 · Two dimensions, channels, padding
# The real layer. `x` is `(N, C_in, H, W)`, `weight` is `(C_in, C_out, kH, kW)`, `stride` and `padding` are integers. Return
# `(N, C_out, H', W')` with `H' = (H - 1) * stride + kH - 2 * padding`. Padding *crops*: it removes that many rows and columns from each side
# of the full output. The dtype is that of `x`. Do not call PyTorch's transposed
# convolution, nor `fold`, nor let autograd do it. Loops over kernel positions are fine; loops over pixels work but are slow.
# ### HINT nudge
# Do it first without padding, into a canvas of the full size. Cropping comes last.
# ### HINT idea
# Instead of one stamp per pixel, take one kernel position `(a, b)` at a time. It sends the *whole* input to the canvas pixels
# `a, a + stride, a + 2 * stride, ...` in height and the same in width, after mixing channels with `weight[:, :, a, b]`.
# ### HINT almost
# `canvas[:, :, a : a + (H - 1) * stride + 1 : stride, b : b + (W - 1) * stride + 1 : stride] += torch.einsum("nihw,io->nohw", x, weight[:, :, a, b])`.
# Then cut `padding` pixels from each of the four sides. Careful with `padding = 0`: a slice `[0:-0]` is empty.

# %% tags=["answer"]
def transposed_conv2d(x, weight, stride, padding):
    """x (N, C_in, H, W), weight (C_in, C_out, kH, kW) -> (N, C_out, (H-1)*stride + kH - 2*padding, (W-1)*stride + kW - 2*padding)."""
    ### BEGIN SOLUTION
    n, _, h, w = x.shape
    _, c_out, kh, kw = weight.shape
    full_h, full_w = (h - 1) * stride + kh, (w - 1) * stride + kw
    canvas = torch.zeros(n, c_out, full_h, full_w, dtype=x.dtype)
    for a in range(kh):
        for b in range(kw):
            mixed = torch.einsum("nihw,io->nohw", x, weight[:, :, a, b])
            canvas[:, :, a : a + (h - 1) * stride + 1 : stride, b : b + (w - 1) * stride + 1 : stride] += mixed
    return canvas[:, :, padding : full_h - padding, padding : full_w - padding]
    ### END SOLUTION

# %% tags=["check"]
check(2, transposed_conv2d)

# %% [markdown] tags=["question"] difficulty=2 minutes=8
# ## 3 · The matrix
# A convolution of an `height x width` picture with `kernel` (one channel, no padding) is a matrix. Build it and return its **transpose**: the matrix
# that takes the small map, flattened row by row, to the large one. Its shape is `(height * width, H_out * W_out)`, where
# `H_out = (height - kH) // stride + 1` and likewise for the width. You may use `F.conv2d`, but not PyTorch's transposed convolution or autograd. Where the stride leaves out rows at the end, the matrix has rows of zeros.
# ### HINT nudge
# A matrix is known once you know what it does to each unit vector.
# ### HINT idea
# Make `height * width` pictures, each with a single 1. Convolve all of them in one call. Each result, flattened, is one column of the
# convolution's matrix.
# ### HINT almost
# `torch.eye(height * width).view(-1, 1, height, width)` are the pictures; after `F.conv2d(...)`, `.flatten(1)` has one row per picture.
# Think about whether that is the matrix or already its transpose. Match the dtype of the kernel.

# %% tags=["answer"]
def transposed_matrix(kernel, height, width, stride):
    """kernel (kH, kW), picture height x width -> (height * width, H_out * W_out): the transpose of the convolution's matrix."""
    ### BEGIN SOLUTION
    units = torch.eye(height * width, dtype=kernel.dtype).view(-1, 1, height, width)
    return F.conv2d(units, kernel[None, None], stride=stride).flatten(1)
    ### END SOLUTION

# %% tags=["check"]
check(3, transposed_matrix)

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 4 · Which padding?
# You have a map of `size` pixels and need exactly `target` pixels, with a given `kernel` and `stride` (no dilation). Which `padding` and
# `output_padding` do it? Return the pair as a tuple of ints with the **smallest padding**, or `None` if there is none. PyTorch's rules:
# both are at least 0, and `output_padding` must be smaller than `stride`. (If you search, make sure that the search ends.)
#
# Example: from 16 to 32 with kernel 3 and stride 2 needs `(1, 1)`. From 4 to 100 with kernel 3 and stride 2: `None`.
# ### HINT nudge
# Write the size formula, and bring everything you know to one side.
# ### HINT idea
# `2 * padding - output_padding` must equal `(size - 1) * stride + kernel - target`. Two unknowns, few possible values.
# ### HINT almost
# Try padding 0, 1, 2, ... in turn; each leaves one value for output_padding. Accept it if it is at least 0 and smaller than stride. Beyond which
# padding can you stop, since output_padding only grows?

# %% tags=["answer"]
def solve_padding(size, target, kernel, stride):
    """-> (padding, output_padding) with the smallest padding so that size becomes target, or None."""
    ### BEGIN SOLUTION
    surplus = (size - 1) * stride + kernel - target
    padding = max(0, (surplus + 1) // 2)
    output_padding = 2 * padding - surplus
    return (padding, output_padding) if output_padding < stride else None
    ### END SOLUTION

# %% tags=["check"]
check(4, solve_padding)

# %% [markdown] tags=["question"] difficulty=2 minutes=8
# ## 5 · Who gets how many stamps?
# For a map of `height x width`, a square kernel and a stride, return how many input values reach each output pixel: an int64 tensor of shape
# `((height - 1) * stride + kernel, (width - 1) * stride + kernel)`. Do not call PyTorch's transposed convolution, nor `fold`. Then look at `kernel=3, stride=2`: there is your
# checkerboard.
# ### HINT nudge
# Rows and columns do not know of each other. What happens in one dimension?
# ### HINT idea
# Count in one dimension for the height and for the width. A pixel at row i and column j is reached by (row count) times (column count) values.
# ### HINT almost
# `counts[i * stride : i * stride + kernel] += 1` for each i; then the outer product `rows[:, None] * columns[None, :]`.

# %% tags=["answer"]
def stamp_counts(height, width, kernel, stride):
    """-> int64 ((height-1)*stride + kernel, (width-1)*stride + kernel): the number of stamps on each output pixel."""
    ### BEGIN SOLUTION
    def along(n):
        counts = torch.zeros((n - 1) * stride + kernel, dtype=torch.int64)
        for i in range(n):
            counts[i * stride : i * stride + kernel] += 1
        return counts

    return along(height)[:, None] * along(width)[None, :]
    ### END SOLUTION

# %% tags=["check"]
check(5, stamp_counts)

# %% [markdown] tags=["question"] difficulty=2 minutes=15
# ## 6 · The kernel of bilinear interpolation
# Return the `(2 * stride, 2 * stride)` float32 kernel with which a transposed convolution of an **even** `stride` and padding `stride // 2` equals
# `F.interpolate(..., mode="bilinear", align_corners=False)` away from the border. For stride 2 it is the outer product of (1, 3, 3, 1)/4
# with itself.
# ### HINT nudge
# Along one axis it is a tent: it falls off in straight lines on both sides of the middle. Where is the middle of `2 * stride` pixels?
# ### HINT idea
# The middle lies between two pixels, at `stride - 0.5`. A pixel at distance `d` from it has weight `1 - d / stride`.
# ### HINT almost
# `tent = 1 - (torch.arange(2 * stride) - (stride - 0.5)).abs() / stride`, then the outer product of the tent with itself. Check: what do the weights of
# one phase (every `stride`-th pixel) sum to?

# %% tags=["answer"]
def bilinear_kernel(stride):
    """Even stride -> float32 (2 * stride, 2 * stride): the kernel of bilinear upsampling, align_corners=False."""
    ### BEGIN SOLUTION
    tent = 1 - (torch.arange(2 * stride) - (stride - 0.5)).abs() / stride
    return tent[:, None] * tent[None, :]
    ### END SOLUTION

# %% tags=["check"]
check(6, bilinear_kernel)

# %% [markdown] tags=["question"] difficulty=3 minutes=10
# ## 7 · PixelShuffle without checkerboards
# Before training, PixelShuffle draws checkerboards, because the `scale**2` filters that feed one output channel differ. Given `base`, a float tensor
# `(C_out, C_in, kH, kW)` with one filter per output channel, return the weight `(C_out * scale**2, C_in, kH, kW)`, with the dtype of `base`, of the convolution before
# `F.pixel_shuffle(..., scale)` so that the two together equal the convolution with `base`, enlarged by nearest neighbor. This is ICNR.
# ### HINT nudge
# Which channels of its input does PixelShuffle put into the same block of pixels?
# ### HINT idea
# Output channel 0 is fed by the input channels 0 to `scale**2 - 1`, output channel 1 by the next `scale**2`, and so on. All filters of one group must be equal.
# ### HINT almost
# Each filter must appear `scale**2` times in a row: first filter, first filter, ..., then the second. `torch.Tensor.repeat` repeats the whole list
# instead; look for its sibling with the word "interleave".

# %% tags=["answer"]
def icnr_weight(base, scale):
    """base (C_out, C_in, kH, kW) -> (C_out * scale**2, C_in, kH, kW): the weight before pixel_shuffle that starts as nearest neighbor."""
    ### BEGIN SOLUTION
    return base.repeat_interleave(scale**2, dim=0)
    ### END SOLUTION

# %% tags=["check"]
check(7, icnr_weight)

# %% [markdown]
# ## Your sheet

# %%
checks.score()
