# %% [markdown] tags=["title"]
# # 02 · Transposed convolution
# **How does a network make a picture larger?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | A network has shrunk your picture to a small map. How does it get back to full size, and what does each way leave behind? |
# | **Time** | 70 minutes of reading, 1 minute of running |
# | **Prerequisites** | lesson 00; you know what `F.conv2d` with a stride does |
# | **You will be able to** | compute a transposed convolution by hand in three ways; predict its size; say where checkerboards come from and which cure works; choose between transposed convolution, interpolation and PixelShuffle |

# %%
import itertools

import torch
import torch.nn.functional as F
from torch.testing import assert_close

from course_lib import datasets, evidence, ops, plots, profiles, widgets
from course_lib.experiments import checkerboard

torch.manual_seed(0);

# %% [markdown]
# ## 1 · The problem in one picture
# A segmentation network looks at a picture through strided layers. After three of them, 96×96 pixels have become a 12×12 map.
# The answer must have 96×96 pixels again. Here are three ways back for the same 12×12 map: repeat every value, interpolate between
# values, or three *transposed convolutions* with random positive weights. (Each color has a kernel of its own, so the colors shift.)

# %%
scenes = datasets.Scenes(320, 96, seed=0)
image = scenes[1][0].as_subclass(torch.Tensor)
small = F.avg_pool2d(image[None], 8)                                   # (1, 3, 12, 12): what stride 8 leaves
random = small
for _ in range(3):
    random = F.conv_transpose2d(random, torch.rand(3, 1, 4, 4) / 4, stride=2, padding=1, groups=3)  # groups: each color alone
ways = {
    "the picture, 96×96": image,
    "repeated (nearest)": F.interpolate(small, scale_factor=8, mode="nearest")[0],
    "interpolated (bilinear)": F.interpolate(small, scale_factor=8, mode="bilinear")[0],
    "random transposed convolutions": (random / random.max())[0],
}
plots.show(
    plots.contact_sheet(list(ways.values()), list(ways), columns=4),
    alt="A street scene and its 12 by 12 version enlarged three ways: in blocks, blurred, and with a fine regular grid over it.",
)

# %% [markdown] tags=["predict"]
# ## 2 · Stamps that add up
# The blocks and the blur you expected. The fine grid in the last picture is the subject of the second half of this lesson. First: what *is* that operation?
#
# **Predict.** A 2×2 input, a 3×3 kernel, stride 2, no padding. How large is the output of a transposed convolution: 4×4, 5×5 or 6×6?
# Write your guess down. The next cell answers.

# %%
x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])                             # (H, W)
kernel = torch.tensor([[1.0, 2.0, 1.0], [3.0, 1.0, 2.0], [1.0, 3.0, 2.0]])
F.conv_transpose2d(x[None, None], kernel[None, None], stride=2)[0, 0]

# %% [markdown] tags=["build"]
# Five by five. Look at the top left corner: its four pixels are those of the kernel, because the input there is 1. The bottom right
# pixel is 8 = 4 · 2, the last input times the last kernel value.
#
# **Each input value stamps a copy of the kernel, scaled by that value, `stride` pixels from the previous stamp. Where stamps overlap, they
# add.** That sentence is the whole algorithm. In one dimension you can do it on paper: the input (1, 2), the kernel (1, 2, 3), stride 2.
# The first stamp is 1 2 3 at positions 0 to 2, the second 2 4 6 at positions 2 to 4. Position 2 gets both: 3 + 2 = 5.

# %%
def stamp_1d(x, kernel, stride):
    """Transposed convolution in one dimension. x (n,), kernel (k,) -> ((n - 1) * stride + k,)."""
    out = x.new_zeros((len(x) - 1) * stride + len(kernel))
    for i, value in enumerate(x):
        out[i * stride : i * stride + len(kernel)] += value * kernel
    return out


by_hand = torch.tensor([1.0, 2.0, 5.0, 4.0, 6.0])
assert_close(stamp_1d(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0, 3.0]), 2), by_hand)

# %% tags=["prove"]
def stamp(x, kernel, stride):
    """The same in two dimensions. x (H, W), kernel (k, k) -> ((H - 1) * stride + k, (W - 1) * stride + k)."""
    k = kernel.shape[0]
    out = x.new_zeros([(n - 1) * stride + k for n in x.shape])
    for i, j in itertools.product(*map(range, x.shape)):
        out[i * stride : i * stride + k, j * stride : j * stride + k] += x[i, j] * kernel
    return out


assert_close(stamp(x, kernel, 2), F.conv_transpose2d(x[None, None], kernel[None, None], stride=2)[0, 0])

# %% [markdown]
# The size follows from the picture of stamps. The first stamp covers $k$ pixels. Each further input value moves on by $s$ pixels:
#
# $$\text{out} = (n - 1)\,s + k - 2p + \text{output\_padding}$$
#
# `padding` has an odd name here: it *removes* $p$ pixels from each side of the output. `output_padding` makes the output that much longer, at the end only. Why would one want
# that? With kernel 3, stride 2 and padding 1, a convolution takes both 7 and 8 pixels to 4, so the way back from 4 is ambiguous; `output_padding` chooses. With
# dilation $d$ the kernel values, its *taps*, lie $d$ pixels apart and the stamp is larger: replace $k$ by $d\,(k - 1) + 1$. Every such case is drawn in the guide of [@Dumoulin2016].

# %%
sizes = 0
for n, k, s, p, extra, d in itertools.product((2, 5), (1, 2, 3, 4, 5), (1, 2, 3), (0, 1), (0, 1), (1, 2)):
    # PyTorch's rule: output_padding must be smaller than stride or dilation
    if extra < max(s, d) and (n - 1) * s + d * (k - 1) + 1 + extra > 2 * p:
        out = F.conv_transpose1d(torch.ones(1, 1, n), torch.ones(1, 1, k), None, s, p, extra, 1, d).shape[-1]
        assert out == (n - 1) * s + d * (k - 1) + 1 - 2 * p + extra == ops.transposed_output_size(n, k, s, p, extra, d)
        sizes += 1
print(f"the formula holds in {sizes} cases")

# %% [markdown] tags=["see"]
# **Push it.** The stepper below lays the stamps down one by one. Select an output cell to see which products it sums.
#
# Set kernel 3, stride 2 and step through. Which output cells receive one product, which two, which four? Keep your answer, you will need it
# in section 6. Then set stride 3: what happens to the overlap?

# %%
widgets.deconvolution_stepper(kernel=3, stride=2)

# %% [markdown] tags=["predict"]
# ## 3 · Zeros between the inputs
# The same operation has a second face. Spread the input out, put `stride - 1` zeros between neighbors, add a border of `k - 1` zeros, and
# run an *ordinary* convolution over it. Hence the name **fractionally strided convolution**: seen from the original input, the
# kernel moves in steps of 1/stride.
#
# **Predict.** With the kernel as it is, or with the kernel turned by 180 degrees?

# %%
spread = F.pad(ops.insert_zeros(x[None, None], 2), [2, 2, 2, 2])       # (1, 1, 7, 7)
target = stamp(x, kernel, 2)
as_is = F.conv2d(spread, kernel[None, None])[0, 0]
turned = F.conv2d(spread, kernel.flip(0, 1)[None, None])[0, 0]
print("kernel as it is: largest error", (as_is - target).abs().max().item())
print("kernel turned:   largest error", (turned - target).abs().max().item())
assert_close(turned, target)
assert not torch.allclose(as_is, target)

# %% [markdown]
# Turned. Try it with a single 1 among zeros and the kernel (1, 2, 3). Its stamp is 1 2 3. A convolution layer slides the kernel over it: the first tap to meet the 1 is the *last* one, so it writes
# 3 2 1, the mirror image. Turn the kernel first, and the mirror image of the mirror image is the stamp. With a symmetric kernel you would never have noticed. The stepper's *zero insertion* view shows both.
#
# Multiplying by inserted zeros is wasted work, three quarters of it at stride 2, so PyTorch does not compute it this way. But the view explains the name.

# %% [markdown] tags=["build"]
# ## 4 · The transposed matrix
# The third face gives the operation its proper name. A convolution is linear, so it is a matrix: write the image as one long column, and
# each output pixel is a row of weights. To find it, remember that a matrix times the i-th unit vector is its i-th column. So convolve one picture per pixel, with a single 1 in it: each
# result is a column.

# %%
n, k, s = 5, 3, 2                                                      # a convolution from 5x5 to 2x2
units = torch.eye(n * n).view(n * n, 1, n, n)                          # 25 pictures, each with a single 1
matrix = F.conv2d(units, kernel[None, None], stride=s).flatten(1).T    # (4, 25)
assert_close(matrix, ops.convolution_matrix(kernel, (n, n), stride=s))

image5 = torch.randn(n, n)
down = matrix @ image5.flatten()
assert_close(down, F.conv2d(image5[None, None], kernel[None, None], stride=s).flatten())

# %% [markdown]
# The matrix takes 25 numbers to 4. Its **transpose** takes 4 numbers to 25. It carries the same nine weights, and it is the operation you
# have been computing:

# %%
up = (matrix.T @ x.flatten()).view(n, n)
assert_close(up, stamp(x, kernel, s))
plots.show(
    plots.side_by_side([matrix / 3, matrix.T / 3], ["convolution: 4×25", "transposed convolution: 25×4"]),
    alt="Two sparse matrices with the same nine weights; the right one, 25 by 4, is the left one, 4 by 25, transposed.",
)

# %% [markdown]
# PyTorch uses exactly this: the backward pass of `conv2d` with respect to its input multiplies by the transpose, so
# `conv_transpose2d` *is* the gradient of a convolution. It also settles a name. Older papers say "deconvolution", which elsewhere means
# undoing a convolution. A transpose is not an inverse; how could it be, if 4 numbers had to restore 25? Even where no pixel is lost (stride 1 and padding 1 below: 5×5 stays 5×5), there and back is not where you started:

# %%
leaf = image5.clone().requires_grad_()
(F.conv2d(leaf[None, None], kernel[None, None], stride=s) * x).sum().backward()
assert_close(leaf.grad, up)                                            # the gradient of a convolution

w = torch.randn(1, 1, 3, 3)
w = w / w.norm()                                                       # so that sizes do not hide the point
there_and_back = F.conv_transpose2d(F.conv2d(image5[None, None], w, padding=1), w, padding=1)[0, 0]
off = ((there_and_back - image5).norm() / image5.norm()).item()
print(f"transposed(conv(x)) differs from x by {off:.0%} of its norm")
assert off > 0.2

# %% [markdown] tags=["prove"]
# ## 5 · The real operator, and its relatives
# Real layers have channels. Every input channel stamps into every output channel, each pair with a kernel of its own, and all stamps add. So the weights have the shape `(C_in, C_out, k, k)`. (A convolution has
# `(C_out, C_in, k, k)`: it is the layout of the convolution whose transpose this is.) A bias is added once per output pixel, at the end.
#
# The library's `ops.conv_transpose2d_scatter` does the same for whole batches, padding and dilation, one tap at a time. From here on we use PyTorch's, since all three are equal:

# %%
def stamp_channels(x, weight, stride):
    """x (C_in, H, W), weight (C_in, C_out, k, k) -> (C_out, H', W')"""
    c_in, c_out = weight.shape[:2]
    return torch.stack([sum(stamp(x[i], weight[i, o], stride) for i in range(c_in)) for o in range(c_out)])


maps, weight = torch.randn(3, 5, 4), torch.randn(3, 2, 3, 3)
assert_close(stamp_channels(maps, weight, 2), F.conv_transpose2d(maps[None], weight, stride=2)[0])
checked = 0
for k, s, p, extra, d in itertools.product((1, 2, 3, 4), (1, 2, 3), (0, 1), (0, 1), (1, 2)):
    if extra < max(s, d):
        batch, weight = torch.randn(2, 3, 5, 4).double(), torch.randn(3, 2, k, k).double()  # weight: (C_in, C_out, k, k)
        want = F.conv_transpose2d(batch, weight, None, s, p, extra, 1, d)
        assert_close(ops.conv_transpose2d_scatter(batch, weight, s, p, extra, d), want)
        checked += 1
print(f"equal in {checked} settings")

# %% [markdown]
# **Interpolation** has no weights. *Nearest* repeats values. *Bilinear* mixes the nearest four. There is one trap in it, called `align_corners`: is a pixel a little square, whose value belongs to its middle
# (`False`), or a point, and are the first and last points of both grids the same points (`True`)?
#
# **Predict.** Take the ramp `0, 1, ..., 15`, average neighbors to `0.5, 2.5, ..., 14.5`, upsample by 2. Which setting gives the ramp back, away
# from the ends?

# %%
ramp = torch.arange(16.0).view(1, 1, 1, 16)
pooled = F.avg_pool2d(ramp, (1, 2))
for corners in (False, True):
    back = F.interpolate(pooled, size=(1, 16), mode="bilinear", align_corners=corners)
    print(f"align_corners={corners!s:5}", [round(v, 2) for v in back.flatten().tolist()])

# %% [markdown]
# With `False` the inside is exact and only the ends are flat, because nothing is known beyond them. With `True` the two corner
# values are pinned to the corners of the larger grid, and everything else is stretched to fit. A pooled value belongs to the *middle* of its
# two pixels, so pinning it to a corner is wrong by half a pixel. Four such levels in a row, as a U-Net has, add up. (At the very border both must
# guess and are equally wrong; look at the pixel a quarter of the way in.)

# %%
size = 256
coordinate = torch.arange(float(size)).view(1, 1, 1, size)
errors = {}
for corners in (False, True):
    z = F.avg_pool2d(coordinate, (1, 16))
    for _ in range(4):
        z = F.interpolate(z, scale_factor=(1, 2), mode="bilinear", align_corners=corners)
    errors[corners] = (z - coordinate).abs().flatten()
    print(f"align_corners={corners!s:5}  error at the border {errors[corners][0]:.1f} px, at a quarter {errors[corners][64]:.2f} px")
assert errors[True][64] > 3 and errors[False][64] < 1e-4

# %% [markdown]
# Bilinear interpolation by an integer factor *is* a transposed convolution, with a tent for a kernel. Networks have used this to *start* from
# interpolation and learn from there [@FCN]. For stride 2: a small pixel covers two large ones, so its middle lies between them, half a pixel from each. A value's influence falls in a straight line to 0 at distance 2 (the
# next value's middle). At half a pixel it is 3/4, at one and a half 1/4. So the tent is (1, 3, 3, 1)/4 in each direction.

# %%
tent = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
bilinear = tent[:, None] * tent
assert_close(bilinear, ops.bilinear_kernel(2))

up = F.conv_transpose2d(small, bilinear.expand(3, 1, 4, 4), stride=2, padding=1, groups=3)
want = F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
assert_close(up[..., 1:-1, 1:-1], want[..., 1:-1, 1:-1])               # equal inside; at the border interpolation repeats the edge

# %% [markdown]
# **PixelShuffle** [@ESPCN] moves channels into space: an ordinary convolution makes $r^2$ times as many channels, and each group of $r^2$ values
# becomes an $r×r$ block of pixels. It looks like a different idea. It is a transposed convolution in other clothes: with a 1×1
# convolution before it, each block is one stamp. (In code, write `out * r**2`: in Python `2 ^ 2` is 0, not 4.)
#
# One relative is missing: **unpooling**, which puts each value back where the maximum came from. It must remember where the maxima were, so it waits for lesson 07.

# %%
r, features, weight = 2, torch.randn(1, 5, 6, 6), torch.randn(3 * 4, 5, 1, 1)
channels = F.conv2d(features, weight)                                  # (1, 12, 6, 6)
blocks = channels.view(1, 3, r, r, 6, 6)  # channel (c, a, b) holds pixel (a, b) of every block of output channel c
blocks = blocks.permute(0, 1, 4, 2, 5, 3).reshape(1, 3, 12, 12)  # (1, 3, 6, r, 6, r): a goes next to the rows, b next to the columns
assert_close(blocks, F.pixel_shuffle(channels, r))

stamps = weight.view(3, r, r, 5).permute(3, 0, 1, 2)                   # (C_in, C_out, 2, 2): the same numbers as a k2s2 kernel
assert_close(F.conv_transpose2d(features, stamps, stride=r), blocks)

# %% [markdown] tags=["predict"]
# ## 6 · Where checkerboards come from
# **Predict.** An input of ones, a kernel of ones, kernel size 3, stride 2. The output counts the stamps on each pixel. Which numbers
# appear inside? And for kernel size 4?

# %%
for k in (2, 3, 4, 5):
    counts = F.conv_transpose2d(torch.ones(1, 1, 6, 6), torch.ones(1, 1, k, k), stride=2)[0, 0]
    inside = counts[k:-k, k:-k].unique().int().tolist()
    along = ops.coverage(6, k, 2).float()  # the counts of one dimension; rows and columns multiply
    assert_close(counts, along[:, None] * along)
    print(f"kernel {k}, stride 2: inside, a pixel gets {inside} stamps")

# %% [markdown] tags=["see"]
# With kernel 3 some pixels get four stamps, their diagonal neighbors one. That is a checkerboard, drawn before any learning. When the stride
# divides the kernel size, all counts are equal. From this comes well-known advice [@Odena2016]: choose a kernel size that the stride divides.
#
# **Push it.** First leave the kernel *uniform* and move kernel and stride: for which pairs does the pattern vanish? Then set kernel 4, stride 2, switch to *random*, and compare the two maps: what do you see in the
# counts, and what in the output? (*Ripple* is the strength of the pattern; the letters are explained below.)

# %%
widgets.checkerboard_explorer(kernel=3, stride=2)

# %% [markdown] tags=["break"]
# ### The rule breaks
# Equal counts, and still a pattern. Here is why. With stride 2, the output pixels fall into four **phases**: even or odd row, even or odd
# column. Every pixel of a phase meets the same subset of kernel values, and no other. On a constant input, a phase shows the *sum* of its
# subset. A uniform kernel of size 4 gives every phase four equal values: equal sums. A random kernel almost surely gives four different sums.

# %%
def phase_sums(kernel, stride):
    """(k, k) -> (stride, stride): what each phase of the output shows on an input of ones."""
    return torch.stack([torch.stack([kernel[a::stride, b::stride].sum() for b in range(stride)]) for a in range(stride)])


ones = torch.ones(1, 1, 10, 10)
tent3 = torch.tensor([0.5, 1.0, 0.5])
kernels = {"ones 4": torch.ones(4, 4), "random 4": torch.rand(4, 4), "tent 4": ops.bilinear_kernel(2), "tent 3": tent3[:, None] * tent3}
ripple = {}
for name, weights in kernels.items():
    out = F.conv_transpose2d(ones, weights[None, None], stride=2)[0, 0, 4:-5, 4:-5][:12, :12]
    assert_close(out[:2, :2], phase_sums(weights, 2))
    ripple[name] = (out.std(correction=0) / out.mean()).item()
    print(f"{name:9} ripple {ripple[name]:.3f}, phase sums {[round(v, 2) for v in phase_sums(weights, 2).flatten().tolist()]}")
assert ripple["random 4"] > 0.05 and max(ripple[name] for name in ("ones 4", "tent 4", "tent 3")) < 1e-6

# %% [markdown]
# So the exact rule is: **no pattern on flat regions exactly when all phase sums are equal.** Divisibility is neither enough (random 4) nor needed: the tent of size 3,
# with weights (1, 2, 1)/2, leaves no pattern at stride 2. Divisibility guarantees equal sums for uniform kernels only. (With several channels: equal for every pair of channels, if every flat input is to stay flat.)
#
# The same pattern runs backward. The gradient of a strided convolution is a transposed one (section 4), so a k3s2 layer in an encoder sends gradients with a checkerboard to the layer before it.
#
# PixelShuffle after a 3×3 convolution is a transposed convolution with kernel 6 whose start and biases differ. It makes one filter per phase, so at random initialization it has the same problem, although it is often sold as free of
# artifacts. **ICNR** [@ICNR] repairs the start: it gives the four phases one common filter, so the layer begins as nearest-neighbor upsampling.
# **Resize-convolution** goes further: enlarge by nearest neighbor, then convolve. A flat region stays flat when enlarged and flat when convolved, whatever the weights, during the whole
# training, not just at its start. (On slopes its two phases can still differ, since near a block's edge the kernel straddles two values.)

# %%
flat = torch.randn(1, 32, 1, 1).expand(1, 32, 16, 16)                  # a flat region: the same 32 features everywhere
for name in ("k4s2", "PixelShuffle", "PixelShuffle, ICNR", "resize-conv"):
    torch.manual_seed(1)
    with torch.no_grad():
        out = checkerboard.UPSAMPLERS[name](32, 3)(flat)[..., 4:-4, 4:-4]
    ripple = (out.std((-2, -1)) / out.abs().mean()).mean().item()
    print(f"{name:20} ripple on a flat region {ripple:.4f}")
    assert (ripple > 0.05) == (name in ("k4s2", "PixelShuffle"))

# %% [markdown] tags=["measure"]
# ## 7 · Does it survive training?
# A network could learn equal phase sums. **Predict:** does it, if you train long enough?
#
# The experiment: a small *autoencoder*, a network that squeezes a picture to 12×12 and must repaint it, learns *blurred* street scenes. Blurred pictures hold almost nothing that alternates from pixel to pixel, so any such
# alternation in the output comes from the decoder. All arms share the encoder's initial weights, data, steps and optimizer; only the upsampling layer differs. `k3s2` means kernel 3, stride 2. `k6s2`, `PixelShuffle` and
# `resize-conv` cost the same multiply-adds, nine taps per output pixel, so a difference among them is not a difference in cost.
#
# The measure, `ops.period_energy`, is the share of a picture's variance that alternates from pixel to pixel, along rows or columns: 1 for stripes one pixel wide. First its base rates, its floor, and what it cannot see. The floor: even
# a smooth ramp has a trace of it, because the ramp does not close on itself at the picture's edge. What it cannot see: a picture made of 2×2 blocks has none, however coarse it looks; and the grids of the two earlier upsampling layers, which
# repeat every 4 and 8 pixels. It measures the last layer's grid, not quality; for that there is the error.

# %%
train, val = checkerboard.pictures(320, seed=0), checkerboard.pictures(80, seed=1)
inner = (..., slice(8, -8), slice(8, -8))
noise = ops.period_energy(torch.randn(80, 3, 80, 80)).mean().item()
truth = ops.period_energy(val[inner]).mean().item()
stripes = ops.period_energy((torch.arange(80) % 2).float().expand(80, 80)).item()
slope = ops.period_energy(torch.arange(80.0).expand(80, 80)).item()
coarse = ops.period_energy(F.interpolate(torch.randn(1, 3, 40, 40), scale_factor=2, mode="nearest")).mean().item()
print(f"stripes {stripes:.2f}, white noise {noise:.4f}, noise in 2×2 blocks {coarse:.4f}")
print(f"the floor: a smooth ramp {slope:.5f}, the blurred pictures themselves {truth:.5f}")
assert coarse < 1e-6 and max(slope, truth) < 0.001 < noise < stripes

# %%
start = {arm: checkerboard.run(arm, 0, 0, train, val)[1]["output"] for arm in checkerboard.UPSAMPLERS}
for arm, share in start.items():
    print(f"{arm:22} {share:.4f}")
assert min(start[arm] for arm in ("k2s2", "k3s2", "k4s2", "k5s2", "k6s2", "PixelShuffle")) > 10 * start["resize-conv"]
assert start["k4s2"] > 0.1                                             # divisible by the stride, and yet

# %% [markdown]
# Before training, every transposed convolution with random weights puts a large share of its variance into the checkerboard, divisible or not.
# Now train the two arms that carry the claim, with the library's `fit`: the loop you wrote by hand in lesson 00. They have the same number of parameters, 37,971. A laptop
# trains for 60 steps, a GPU for 1000.

# %%
stage = profiles.current().pick(laptop="brief", gpu="long")
live, outputs = {}, {}
for arm in ("k3s2", "resize-conv"):
    model, live[arm] = checkerboard.run(arm, 0, checkerboard.STEPS[stage], train, val)
    with torch.no_grad():
        outputs[arm] = model(val[:1])[0]
    print(evidence.agrees("02_checkerboard", arm, f"{stage}_amplitude", live[arm]["amplitude"]))
assert live["k3s2"]["amplitude"] > 3 * live["resize-conv"]["amplitude"]

# %%
zoom = lambda z: F.interpolate(z[None, :, 40:72, 8:72].clamp(0, 1), scale_factor=4, mode="nearest")[0]
plots.show(
    plots.contact_sheet([zoom(val[0]), *(zoom(z) for z in outputs.values())], ["target", *outputs], columns=3),
    alt=f"A blurred scene and two repaintings after {checkerboard.STEPS[stage]} steps: the grid of k3s2 has an amplitude of "
    f"{live['k3s2']['amplitude']:.1f} gray levels, that of resize-conv {live['resize-conv']['amplitude']:.1f}.",
)

# %% [markdown]
# The committed table has all arms, three seeds, after 0, 60 and 1000 steps. *Share* is the period-2 share of the output. *Amplitude* is the standard deviation, in gray levels of 255, of that part of the *error* which alternates; a decoder without any
# grid has about 0.4 at the start, from the pictures themselves. *RMSE* is the whole error in gray levels.

# %%
columns = {
    "start_output": "share, start",
    "brief_output": "share, 60 steps",
    "long_output": "share, 1000",
    "start_amplitude": "amplitude, start",
    "brief_amplitude": "60 steps",
    "long_amplitude": "1000",
    "long_rmse": "RMSE, 1000",
}
evidence.table("02_checkerboard", columns, digits={"start_amplitude": 2, "brief_amplitude": 2, "long_amplitude": 2, "long_rmse": 1}, otherwise=4)

# %% [markdown]
# Read the table from left to right.
#
# - **At the start** every transposed convolution with random weights, and PixelShuffle, puts between 0.31 and 0.57 of its variance into the grid; the three cured layers less than 0.001.
# - **After 60 steps** the share is down to 0.016 to 0.089, but look at the amplitude: the grid itself has only shrunk to 2.7 to 6.6 gray levels, and that of `k2s2` hardly. A share goes with the square of its amplitude; where it fell further than that, the picture gained contrast.
# - **After 1000 steps** about one gray level remains (0.76 to 1.24), hard to see. The cured layers have 0.15 to 0.23, and their share is at the floor of the measure. Training does remove the grid, slowly, because it costs error.
# - **The rule of divisibility does not show.** `k3s2` and `k4s2` do not differ by more than their spread, and `k5s2`, which 2 does not divide, is not worse than `k4s2` or `k6s2`. Three seeds could hide a small effect; and the arms `k2s2` to `k6s2` also grow in size.
# - **Here a good start was enough.** A transposed convolution that starts as bilinear, and PixelShuffle with ICNR, are about as clean as resize-convolution at all three points, though nothing forces them to stay so.
# - **Cost is not the reason.** `k6s2`, `PixelShuffle` and `resize-conv` cost the same multiply-adds.
# - **The whole error changes little.** After 1000 steps every arm except `k2s2` lies between 7.4 and 8.4 gray levels. A smooth start helps PixelShuffle beyond its spread (8.2 to 7.5) and `k4s2` not beyond it (8.0 to 7.4).
#
# What is due to the tiny scale: the task is easy, the targets are smooth, the loss punishes every deviation, and the last stamp paints the final picture. A U-Net has two more convolutions after its 2×2 stamps, which may even them out. We measured no
# other loss and no deeper network.

# %% [markdown] tags=["real"]
# ## 8 · The real thing
# What do published networks use? FCN adds class scores upsampled by transposed convolutions that start bilinear. U-Net, the mask head of Mask
# R-CNN and the decoder of SAM use 2×2 kernels with stride 2: stamps that never overlap. The DeepLab family and SegFormer
# interpolate. What the decoder adds can matter too: DeepLabV3+ gained from a small decoder over a plain ×16 interpolation of the same network.

# %%
evidence.published("deeplabv3-r101-voc-val-os16", "deeplabv3plus-r101-voc-val-os16")

# %% [markdown]
# And the price of learned upsampling, in a widely copied modern U-Net (batch normalization, padded). The bilinear variant is far smaller. **Predict:** are the transposed convolutions the reason?

# %%
from course_lib.models import UNet

cost, stamps_hold = {}, 0
for way in ("transposed", "bilinear"):
    net = UNet(3, 2, width=64, depth=4, up=way)
    cost[way] = sum(p.numel() for p in net.parameters())
    in_layers = sum(p.numel() for m in net.modules() if isinstance(m, torch.nn.ConvTranspose2d) for p in m.parameters())
    stamps_hold = max(stamps_hold, in_layers)
    work = evidence.macs(net, torch.zeros(1, 3, 64, 64)) / 1e9
    print(f"U-Net, {way:10}: {cost[way]:,} parameters, {in_layers:,} of them in transposed convolutions; {work:.2f} G multiply-adds at 64×64")
assert cost == {"transposed": 31_037_698, "bilinear": 17_263_042}
print(f"No: they hold {stamps_hold / (cost['transposed'] - cost['bilinear']):.0%} of the gap. The rest went because that variant also halves the channels of its deepest layers.")

# %% [markdown] tags=["misconceptions"]
# ## 9 · What people get wrong
# - **"Dilated, atrous, transposed, fractionally strided: all the same."** Two pairs. *Dilated = atrous* spreads the kernel's taps and keeps
#   the resolution. *Transposed = fractionally strided* spreads the input and raises it. The next cell shows both on a 7×7 map.
# - **"It undoes a convolution."** Section 4: there and back differs from the input.
# - **"A kernel that the stride divides has no checkerboard."** Section 6, *The rule breaks*: only if the phase sums are equal.
# - **"PixelShuffle has none."** Section 6, the flat region: at random initialization it has; ICNR repairs the start.
# - **"`align_corners=True` is harmless."** Section 5: after four levels a pixel is several pixels off.

# %%
x7, w3 = torch.randn(1, 1, 7, 7), torch.randn(1, 1, 3, 3)
dilated = F.conv2d(x7, w3, dilation=2, padding=2)
fractional = F.conv_transpose2d(x7, w3, stride=2)
print("dilated:", tuple(dilated.shape[-2:]), " transposed:", tuple(fractional.shape[-2:]))
assert dilated.shape[-1] == 7 and fractional.shape[-1] == 15

# %% [markdown] tags=["quiz"]
# ## 10 · Quiz
# Five questions. Every choice is explained when you select it.

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "A transposed convolution with kernel 4, stride 2, padding 1 takes 32×32 to",
            "choices": [
                {"text": "64×64", "correct": True, "why": "(32 - 1) · 2 + 4 - 2 = 64. This is why k4s2p1 is a popular doubling layer."},
                {"text": "66×66", "correct": False, "why": "That is the size without padding; padding 1 removes one pixel on each side."},
                {"text": "68×68", "correct": False, "why": "You added the padding. In a transposed convolution padding crops the output."},
                {"text": "16×16", "correct": False, "why": "That is the ordinary convolution with these settings. The transposed one goes the other way."},
            ],
        },
        {
            "question": "The weights are random and the stride is 2. On a flat region, which layer shows no pattern?",
            "choices": [
                {"text": "kernel 4", "correct": False, "why": "The counts are equal, but the four phase sums are not."},
                {"text": "kernel 2", "correct": False, "why": "Stamps do not overlap, yet each of the four taps paints its own phase, and the taps differ."},
                {"text": "nearest neighbor, then a 3×3 convolution", "correct": True, "why": "A flat region is still flat when enlarged, and each phase then sums all nine weights: equal sums, whatever the weights are."},
                {"text": "PixelShuffle", "correct": False, "why": "Each phase has its own random filter, so it shows a pattern unless it starts with ICNR."},
            ],
        },
        {
            "question": "You insert zeros and call PyTorch's `conv2d` with a kernel that is not symmetric. Why must you turn it by 180 degrees first?",
            "choices": [
                {"text": "Because sliding it over a single 1 writes its mirror image", "correct": True, "why": "The last tap meets the 1 first. Turned beforehand, the mirror image is the stamp."},
                {"text": "Because the input was reversed", "correct": False, "why": "The input keeps its order; zeros are only put between its values."},
                {"text": "You need not, training adapts to either", "correct": False, "why": "A network could learn the mirrored weights, but with the weights given the result is wrong: section 3 measured it."},
            ],
        },
        {
            "question": "A convolution with kernel 3, stride 2, padding 1 takes 7 and 8 pixels both to 4. Its transpose has the same three settings. What else decides whether 4 becomes 7 or 8?",
            "choices": [
                {"text": "padding", "correct": False, "why": "It is given, and another padding changes the size by an even number, since it crops both sides."},
                {"text": "output_padding", "correct": True, "why": "It makes the output longer at the end only, to choose among the sizes that the convolution maps to the same output."},
                {"text": "the kernel values", "correct": False, "why": "Sizes never depend on values."},
            ],
        },
        {
            "question": "Your trained decoder draws a faint grid on smooth regions. Which change removes the cause instead of hiding it?",
            "choices": [
                {"text": "blur the output", "correct": False, "why": "It hides the grid and the fine detail with it."},
                {"text": "use kernel 4 in place of kernel 3", "correct": False, "why": "Equal counts help a uniform kernel. A trained one still has to learn equal phase sums."},
                {"text": "replace the layer by resize-convolution", "correct": True, "why": "A flat region stays flat in that layer, whatever it learns."},
            ],
        },
    ]
)

# %% [markdown] tags=["summary"]
# ## 11 · Summary
# - A transposed convolution stamps scaled copies of its kernel, `stride` apart, and adds. Equivalently: zeros between the inputs and a turned
#   kernel; or the transpose of a convolution's matrix, by which the convolution's gradient reaches its input. It is not an inverse.
# - Its size is (n - 1) s + k - 2p + output_padding.
# - A pattern on flat regions appears whenever the phase sums differ. Divisibility cures uniform kernels. A bilinear or ICNR start
#   cures the start. Resize-convolution keeps flat regions flat, whatever it learns.
# - `align_corners=False` keeps pixels where they were.
#
# **Glossary:** **transposed convolution**, **fractionally strided convolution**, **output padding**, **phase**, **checkerboard artifact**, **PixelShuffle**, **ICNR**, **resize-convolution**
#
# **Your turn:** [exercise 02](../exercises/02_transposed_convolution.ipynb). **Next:** lesson 03 keeps the resolution from the start.

# %% [markdown] tags=["references"]
# ## References
# - [@Dumoulin2016] the sizes and the pictures of convolution arithmetic
# - [@Odena2016] checkerboards, coverage, resize-convolution
# - [@FCN] bilinear-initialized transposed convolution
# - [@ESPCN] PixelShuffle; [@ICNR] its initialization
