# %% [markdown] tags=["title"]
# # 08 · U-Net
# **What if the decoder remembers everything?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | FCN adds a few coarse score maps on the way up. What if each level of the decoder sees the whole map that the encoder had at that level? |
# | **Time** | 85 minutes of reading, 1 minute of running |
# | **Prerequisites** | lessons 00 to 04 and 06 |
# | **You will be able to** | build the paper's U-Net and say which picture sizes fit it; tell it from the padded nets that carry its name; run a net over a picture of any size without seams; bend pictures and masks together; compute border weights; judge touching cells by objects, and say what separated them |

# %%
import itertools

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import nn
from torch.testing import assert_close
from torchvision import tv_tensors

from course_lib import datasets, evidence, losses, metrics, models, ops, plots, widgets
from course_lib.experiments import unet_cells, unet_isbi, unet_separation
from course_lib.experiments.classical_photographs import numbered, scaled

torch.manual_seed(0);

# %% [markdown]
# ## 1 · A line one pixel wide
# These cell nuclei are drawn by a program. Each has its own color in the truth, and between any two that touch runs a thin line of background. To the right, the truth with those lines closed; every connected piece has a color.

# %%
data, val, test = (unet_cells.pictures(split, 0) for split in unet_cells.COUNTS)
filled = [ndimage.binary_closing(ids > 0, np.ones((3, 3))) for ids in test.ids]
pieces = [ndimage.label(mask)[0] for mask in filled]
image = torch.from_numpy(test.gray[3]).expand(3, -1, -1)
shown = {"picture": image}
for name, ids in (("truth", test.ids[3]), ("lines closed", pieces[3])):
    shown[f"{name}: {ids.max()} objects"] = numbered(image, ids)
plots.show(
    plots.side_by_side(shown.values(), shown),
    alt="Gray nuclei in clumps; the same with every nucleus in a color; and with whole "
    f"clumps in one color each. The titles: {', '.join(shown)}.",
)

# %% [markdown] tags=["predict"]
# Few pixels differ. Lesson 04's IoU of all nuclei together, the **foreground IoU**, hardly notices. A biologist who counts cells does.
#
# So count objects. A found object *hits* a true one if their IoU is above 0.5. Objects of one map do not overlap, so each has one partner at most. Hits, inventions and misses make an F1 as in lesson 04, now of objects: **object F1**, over a whole set. It does not see how good a hit is beyond 0.5.
#
# **Predict** for the right picture, over 60 such pictures: the foreground IoU? The object F1?

# %%
found, true = np.stack(filled), np.stack(test.ids) > 0
iou = (found & true).sum() / (found | true).sum()
f1 = metrics.object_f1(pieces, test.ids)
one = metrics.object_f1([np.ones_like(ids) for ids in test.ids], test.ids)
print(f"lines closed: foreground IoU {iou:.2f}, object F1 {f1:.2f}")
print(f"all pixels one object: foreground IoU {true.mean():.2f}, object F1 {one:.2f}")
assert iou > 0.85 and f1 < 0.25 and one < 0.05

# %% [markdown] tags=["build"]
# IoU 0.89, object F1 0.18. The truth itself, without lines one or two pixels wide, loses most cells. (The second row never looked: a base rate.)
#
# So this task asks for two things at once: *what* is here, which needs a wide view, and *exactly where*, to one pixel. Lesson 06's FCN fetches *where* from score maps at strides 16 and 8, and one score per class for 8×8 pixels cannot draw a line of one pixel. U-Net [@UNet] fetches it from every level, up to full resolution, and fetches all channels.
#
# ## 2 · One level by hand
# Going down, each level has two 3×3 convolutions *without padding* (also called **valid**), each followed by a ReLU; then 2×2 max pooling. Going up, a 2×2 transposed convolution with stride 2, the **up-convolution**, doubles the map. Then comes the **skip** (lesson 06): the encoder's map of that level, cropped to the same size and laid beside it as further channels. Two more convolutions read both.
#
# To see where each number comes from, let pixel (r, c) hold 100 r + c, and let each 3×3 convolution take the mean, which on such a slope is the value in the middle.
#
# **Predict.** The input is 20×20. How large are the maps: after two convolutions, pooling, two convolutions, up-convolution?

# %%
r, c = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
mean = torch.full((1, 1, 3, 3), 1 / 9)
double = lambda x: F.conv2d(F.conv2d(x, mean), mean)     # two convolutions, no padding
first = double((100 * r + c)[None, None])
low = double(pooled := F.max_pool2d(first, 2))
up = F.conv_transpose2d(low, torch.ones(1, 1, 2, 2), stride=2)
print(20, *(x.shape[-1] for x in (first, pooled, low, up)))
print(up[0, 0, :4, :4].round().int())

# %% [markdown]
# 16, 8, 4, 8. The value 707 stands four times: pooling kept the largest of a 2×2 block and forgot where it was. It *did* keep what; now fetch the where. The skip is 16×16, the upsampled map 8×8, so four pixels go on each side.

# %%
def crop(x, size):
    """The middle size × size of maps (N, C, H, W)."""
    start = (x.shape[-1] - size) // 2
    return x[..., start : start + size, start : start + size]


skip = crop(first, 8)
print(skip[0, 0, :4, :4].round().int())
together = torch.cat([skip, up], dim=1)                  # (1, 2, 8, 8)
blocks = F.max_pool2d(skip, 2)                           # largest of each 2×2 block
assert_close(F.interpolate(blocks, scale_factor=2), up)  # the crop lies right
assert together.shape == (1, 2, 8, 8) and skip[0, 0, 0, 0].round() == 606

# %% [markdown] tags=["prove"]
# Where the decoder knows 707, the skip says 606, 607, 706, 707: the four pixels of that block. The assertion holds for all blocks, so the *middle* crop is the right one: each convolution took one pixel from every side, and skips must lose as much as the deeper path lost.
#
# ### Concatenate or add?
# FCN adds, U-Net concatenates. You can read that concatenation keeps information and addition destroys it. **Predict.** A convolution reads the concatenation of a and b. Can a convolution after an *addition* give the same? The other way round?

# %%
a, b = torch.randn(2, 1, 8, 12, 12)
w_a, w_b = torch.randn(2, 6, 8, 3, 3)
lay = lambda x, y: torch.cat([x, y], dim=1)
near = {"atol": 1e-3, "rtol": 1e-4}
two = F.conv2d(a, w_a) + F.conv2d(b, w_b)
assert_close(F.conv2d(lay(a, b), lay(w_a, w_b)), two, **near)
assert_close(F.conv2d(lay(a, b), lay(w_a, w_a)), F.conv2d(a + b, w_a), **near)
print("weights:", lay(w_a, w_b).numel(), "concatenated,", w_a.numel(), "added")

# %% [markdown] tags=["build"]
# A convolution of a concatenation is the *sum* of two convolutions, one for each part. If both use the same weights, it is the convolution of the sum. So addition is the special case with tied weights; concatenation is more general and costs twice the weights. Addition destroys only what the layers before it did not arrange to survive, and they are trained with it. Section 8 measures whether it matters.
#
# ## 3 · The paper's network
# Four such levels below one another, 64 channels at the top, twice as many on each level down, a 1×1 convolution at the end. No batch normalization; every convolution has a bias.
#
# **Predict.** The paper's input is a tile of 572×572 pixels. How large is the answer? How many layers have weights?

# %%
def block(inputs, outputs):
    first, second = nn.Conv2d(inputs, outputs, 3), nn.Conv2d(outputs, outputs, 3)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


class Paper(nn.Module):
    def __init__(self, width=64, classes=2):
        super().__init__()
        c = [width * 2**level for level in range(5)]       # 64 ... 1024
        self.encoder = nn.ModuleList(map(block, [1, *c], c))
        up = lambda n: nn.ConvTranspose2d(2 * n, n, kernel_size=2, stride=2)
        self.ups = nn.ModuleList(map(up, c[3::-1]))        # 512 ... 64
        self.decoder = nn.ModuleList(block(2 * n, n) for n in c[3::-1])
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        skips = []
        for level in self.encoder[:-1]:
            skips.append(level(x))
            x = F.max_pool2d(skips[-1], 2)
        x = self.encoder[-1](x)
        for up, level in zip(self.ups, self.decoder, strict=True):
            x = up(x)
            x = level(torch.cat([crop(skips.pop(), x.shape[-1]), x], dim=1))
        return self.classifier(x)

# %% tags=["prove"]
with torch.device("meta"):                               # shapes only, no arithmetic
    full = Paper()
    print("output", tuple(full(torch.zeros(1, 1, 572, 572)).shape))
layers = [m for m in full.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
parameters = sum(p.numel() for p in full.parameters())
print(f"{len(layers)} convolutions, {parameters:,} parameters")
assert len(layers) == 23 and parameters == 31_030_658
small, ready = Paper(4).eval(), models.ValidUNet(width=4).eval()
weights = {k: v for k, v in ready.state_dict().items() if k in small.state_dict()}
small.load_state_dict(weights)
tile = torch.randn(2, 1, 204, 204)
with torch.no_grad():
    assert_close(small(tile), ready(tile))

# %% [markdown] tags=["see"]
# 388×388, from 23 convolutions. Each side lost 92 pixels: the answer belongs to the middle of the tile. From here on `models.ValidUNet`, which adds the paper's dropout at the lowest level.
#
# **Push it.** The tracer follows a size through the U. (1) Type 570, then 574: where does each break, and why? What is the smallest size that fits, and which fit at all? (2) Switch off the uppermost skip: at which resolution does the decoder now get its finest features? (3) Now choose *padded*: convolutions with padding, so that the answer has the size of the input. At which level does 513 fail? Which sizes fit?

# %%
widgets.size_tracer(net="valid", height=572, width=572)

# %%
valid, padded = widgets.size_tracer("valid"), widgets.size_tracer("padded")
fit, even = ([n for n in range(1, 700) if t.fits(n)] for t in (valid, padded))
print("valid:", fit[:3], "remainder by 16:", {n % 16 for n in fit})
for n in (570, 572, 574):
    print(n, "before each pooling:", [after for _, after in valid.trace(n)[0][:4]])
print("padded, 513: (what, level, skip, upsampled) =", padded.problem(513))
assert fit[0] == 188 and {n % 16 for n in fit} == {12} and {n % 16 for n in even} == {0}
assert padded.problem(513)[1:] == (0, 513, 512)

# %% [markdown] tags=["break"]
# 570 becomes 566, 283, 279, and 2×2 pooling of an odd map would drop a line; 574 becomes 281 there. Sizes must be 12 mod 16, from 188 on. Without the uppermost skip, the finest features come at half resolution. With padding, sizes must be multiples of 16; 513 fails at the uppermost level only, the last on the way up, where 256 was doubled to 512.
#
# ### The net that is called U-Net today
# Most public code changed it: padding, batch normalization, often bilinear upsampling. **Predict.** Three nets below, the first from 1 channel to 2 classes, the others from 3 to 19. Which has the fewest parameters, and why? Which of them is "the U-Net"?

# %%
with torch.device("meta"):
    nets = {
        "the paper's, 1 → 2": models.ValidUNet(1, 2),
        "padded, bilinear, 3 → 19": models.UNet(3, 19, up="bilinear"),
        "padded, transposed, 3 → 19": models.UNet(3, 19),
    }
counts = [sum(p.numel() for p in net.parameters()) for net in nets.values()]
for (name, net), count in zip(nets.items(), counts, strict=True):
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in net.modules())
    print(f"{name:27} {count:,} parameters, {norms:2} batch normalizations")
assert counts == [31_030_658, 17_264_147, 31_038_803]

# %% [markdown]
# The bilinear one: interpolation has no weights and cannot halve the channels, so its lowest level has 512 of them, not 1024. And only the first is the paper's. The others are good networks with other numbers: say which one you mean. (The paper's loss was a weighted cross-entropy, section 6; a Dice loss was added by later work.)
#
# ### Odd sizes
# There are two repairs for 513. Many codes add a line of zeros to the upsampled map, *inside* the network. Or pad the *picture*, by mirroring, and crop the answer.
#
# **Predict.** A picture of 5×5 that is 1 everywhere; a "network" that only goes down and up again. What is the last row after either repair?

# %%
flat = torch.ones(1, 1, 5, 5)
net = lambda x: F.interpolate(F.max_pool2d(x, 2), scale_factor=2)
inside = F.pad(net(flat), (0, 1, 0, 1))
outside = net(F.pad(flat, (0, 1, 0, 1), mode="reflect"))[..., :5, :5]
print("last row, zeros inside:", inside[0, 0, -1].tolist())
print("last row, picture padded:", outside[0, 0, -1].tolist())
assert inside[0, 0, -1].sum() == 0 and outside.min() == 1
assert models.UNet(width=4).eval()(torch.rand(1, 3, 37, 51)).shape[-2:] == (37, 51)

# %% [markdown] tags=["predict"]
# Zeros inside the network are values that no picture would give. `models.UNet` mirrors the picture, so it takes any size above 8.
#
# ## 4 · Pictures larger than the memory
# A microscope's picture may have 10,000 pixels a side. Cut it into tiles, answer each, lay the answers side by side. But a padded network sees zeros where the neighboring tile begins. A common advice: let the tiles overlap and average.
#
# **Predict.** Four padded 3×3 convolutions, so an answer sees 4 pixels far on each side, its **radius** (lesson 03: field 9). Which of these equals the answer for the whole picture: tiles side by side; tiles that overlap by half, averaged; tiles whose outer 3 pixels are thrown away; whose outer 4 are?

# %%
convs = [nn.Conv2d(i, 8, 3, padding=1) for i in (1, 8, 8, 8)]
net = nn.Sequential(*(m for conv in convs for m in (conv, nn.ReLU())))
net.requires_grad_(False)


def average(picture, tile, step):
    """Answers of all tiles, `step` pixels apart; the mean where they overlap"""
    total, seen = 0 * net(picture), 0 * picture
    for top, left in itertools.product(range(0, 97 - tile, step), repeat=2):
        place = (..., slice(top, top + tile), slice(left, left + tile))
        total[place] += net(picture[place])
        seen[place] += 1
    return total / seen


def margin(picture, m):
    """Tiles with m pixels more on each side, whose answers are thrown away"""
    inner = lambda tile: net(tile)[..., m:-m, m:-m]
    return ops.overlap_tile(inner, picture, output_size=32, margin=m)

# %%
picture = image[None, :1]
whole = net(picture)
ways = {
    "side by side": average(picture, 32, 32),
    "overlap, averaged": average(picture, 32, 16),
    "margin 3": margin(picture, 3),
    "margin 4": margin(picture, 4),
}
inner = (slice(8, -8), slice(8, -8))
errors = {k: (v - whole).abs().amax(1)[0][inner] for k, v in ways.items()}
largest = errors["side by side"].max()
titles = {f"{k}: {e.max() / largest:.2f}": e for k, e in errors.items()}
plots.show(
    plots.side_by_side([(e / largest).sqrt() for e in titles.values()], titles),
    alt="Where tiled answers are wrong: lines along the seams, more and fainter lines "
    f"when averaged, none with margin 4. Largest errors: {', '.join(titles)}.",
)
assert errors["margin 4"].max() < 1e-5 < 100 * errors["margin 3"].max()
assert errors["overlap, averaged"].max() > 0.1 * largest

# %% [markdown] tags=["build"]
# Only the margin of 4. (The brighter, the more wrong, drawn as a square root to show faint lines; the titles give the largest error, side by side = 1. The outer frame is left out: there the whole picture meets zeros, too.) Averaging mixes right answers with wrong ones, along more seams. A margin at least as wide as the radius throws all wrong answers away.
#
# This is the paper's **overlap-tile** strategy. Its network without padding needs no decision: what it cannot know, it does not answer. Around the picture the missing pixels are mirrored. One trap is left: pooling. Tiles must start where the poolings of the whole picture start, at multiples of 2 to the number of poolings; the option `multiple` does that. Now a small net with three poolings, so multiples of 8: first the whole picture with its mirrored margin, then tiles whose answers are 36 pixels wide, which 8 does not divide.

# %%
net = models.ValidUNet(width=4, depth=3).eval().requires_grad_(False)
m, square = net.margin, image[:1, :92, :92]
place = ops.mirrored(-m, 92 + m, 92)                     # the picture, mirrored around
whole = net(square[None][..., place[:, None], place])[0]
tiled = {k: ops.overlap_tile(net, square, 36, m, multiple=k) for k in (8, 1)}
error = {k: (answer - whole).abs().max().item() for k, answer in tiled.items()}
print("largest difference by multiple:", error)          # three poolings: 8
assert error[8] < 1e-5 and error[1] > 100 * error[8]

# %% [markdown]
# With `multiple=1` a tile starts every 36 pixels. That is not wrong, only another answer: the pooling grid lies differently, as it would in a picture moved by a few pixels. With the paper's 388, which is 4 mod 16, neighboring tiles differ in this way.
#
# ## 5 · Few pictures, bent
# The paper had 30 training pictures for one task, 35 and 20 partly labeled ones for two others. It says what made them enough: new pictures made of old ones, above all by **elastic deformation**. Draw random displacements on a coarse grid of 3×3 points, standard deviation 10 pixels; interpolate them bicubically to every pixel; read picture and truth there. (On our 96 pixels: 4×4 points, 3 pixels.)
#
# **Predict.** The picture is read bilinearly, between the pixels. May the map of object numbers be read so, too?

# %%
row = torch.tensor([2.0, 2.0, 8.0, 8.0])[None, None]    # nucleus 2 beside nucleus 8
for mode in ("linear", "nearest-exact"):
    larger = F.interpolate(row, scale_factor=1.5, mode=mode)[0, 0]
    print(f"{mode:13}", [round(v, 1) for v in larger.tolist()])
    assert (3 in larger.round()) == (mode == "linear")

# %% [markdown]
# No. Halfway between object 2 and object 8 lies no object 3 or 7. Labels are names, and names have no mean: read them from the nearest pixel.

# %%
def bend(image, ids, grid=4, sd=3.0):
    """image (C, H, W), ids (H, W) int -> both read at randomly displaced places"""
    h, w = ids.shape
    coarse = sd * torch.randn(1, 2, grid, grid)
    moves = F.interpolate(coarse, (h, w), mode="bicubic", align_corners=True)[0]
    axes = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    y, x = (axis + move for axis, move in zip(axes, moves, strict=True))
    place = torch.stack([2 * x / (w - 1) - 1, 2 * y / (h - 1) - 1], dim=-1)[None]
    read = lambda x, how: F.grid_sample(x[None], place, how, align_corners=True)[0]
    return read(image, "bilinear"), read(ids[None].float(), "nearest")[0].long()


ids = torch.from_numpy(test.ids[3])
torch.manual_seed(1)
bent, bent_ids = bend(image, ids)
elastic = datasets.Elastic(grid=4, sd=3.0)
torch.manual_seed(1)
theirs = elastic(tv_tensors.Image(image), tv_tensors.Mask(ids))
inner = (..., slice(12, -12), slice(12, -12))            # outside fills differ
assert (bent - theirs[0]).abs()[inner].max() < 1e-3
assert (bent_ids == theirs[1])[inner].float().mean() > 0.99

# %% [markdown] tags=["break"]
# From here on `datasets.Elastic`, a transform as in torchvision; what comes from outside is void. **Predict.** The same with a finer grid and larger moves, 13×13 vectors of 5 pixels: what happens where neighboring vectors differ by more than their distance?

# %%
lined = image.clone()
lined[:, ::8] = lined[:, :, ::8] = 0.9                   # to see the field
tiles, fold = {"picture": lined}, {}
for grid, sd in ((4, 3.0), (13, 5.0)):
    torch.manual_seed(3)
    fold[grid] = datasets.folded(datasets.displacement_field(96, 96, grid, sd))
    torch.manual_seed(3)
    name = f"{grid}×{grid}, sd {sd:.0f}: {fold[grid]:.0%} folded"
    tiles[name] = bend(lined, ids, grid, sd)[0]
plots.show(
    plots.side_by_side(tiles.values(), tiles),
    alt="Nuclei under a grid of straight lines; gently bent lines; lines in knots. "
    f"The titles: {', '.join(tiles)}.",
)
assert fold[4] == 0 and fold[13] > 0.05

# %% [markdown] tags=["build"]
# The field *folds*: a piece of the picture appears twice, once mirrored. No cell looks so. Keep the moves small against the distance of the grid points, and look at what your augmentation makes.
#
# ## 6 · Weights for the gaps
# A line of one pixel between two cells is a small part of the loss, so a network can do without it for long. The paper makes it count. For a background pixel let $d_1$ and $d_2$ be the distances to the nearest and to the second nearest *object*:
#
# $$w = w_c + w_0 \exp\left(-\frac{(d_1 + d_2)^2}{2\sigma^2}\right), \qquad w_0 = 10,\ \sigma \approx 5 \text{ pixels}$$
#
# $w_c$ balances the classes. The loss is a weighted cross-entropy: each pixel's cross-entropy times its weight, summed; the course's `losses.cross_entropy` then divides by the sum of the weights. The second term are the **border weights**.
#
# **Predict.** Does it weigh *edges* of cells? Compute it (i) for a gap of 1 pixel, $d_1 = d_2 = 1$; (ii) in the middle of a gap of 9 pixels; (iii) beside a cell that is alone, $d_1 = 1$ and $d_2 = 40$.

# %%
def gap_weights(ids, w0=10.0, sigma=5.0):
    """ids (H, W) int, 0 background -> the second term, 0 on objects"""
    objects = [ids == number for number in np.unique(ids[ids > 0])]
    far = np.sort([ndimage.distance_transform_edt(~one) for one in objects], axis=0)
    weights = w0 * np.exp(-((far[0] + far[1]) ** 2) / (2 * sigma**2))
    return np.where(ids == 0, weights, 0)


for d1, d2 in ((1, 1), (5, 5), (1, 40)):
    print(f"d1 = {d1}, d2 = {d2}: {10 * np.exp(-((d1 + d2) ** 2) / 50):.2f}")
assert abs(gap_weights(np.array([[1, 1, 0, 2, 2]]))[0, 2] - 9.23) < 0.01
weights = gap_weights(test.ids[3])
assert_close(torch.from_numpy(weights).float(), losses.border_weights(test.ids[3]))

# %%
truth = test.ids[3]
edges = ndimage.binary_dilation(truth > 0, np.ones((5, 5))) & (truth == 0)
tiles = {"truth": numbered(image, truth)}
tiles["border weights"] = scaled(torch.from_numpy(weights))
tiles["background near a nucleus"] = torch.from_numpy(0.9 * edges)
share = weights[weights > 1].size / weights.size
plots.show(
    plots.side_by_side(tiles.values(), tiles),
    alt="Colored nuclei; their border weights, bright only between neighbors; and for "
    f"comparison a rim around all. Weights above 1 on {share:.0%} of the pixels.",
)

# %% [markdown]
# 9.23, 1.35 and 0. They are weights for *gaps*: the rim of a lone cell gets nothing. (The third picture is another idea, an arm of the experiment below.)
#
# ## 7 · Other Us
# The U is a frame. What stands in a level, on a skip or at an output can be changed. Four ideas, then each in a few lines. (Nothing is trained there; section 8 measures two of them.)
#
# - **Residual and dense blocks** replace the double convolution. A residual block adds what came in to what it computed [@ResNet]. A dense block concatenates each layer's output to all that came before [@DenseNet]: skips inside a level.
# - **Attention gates** [@AttUNet] weigh a skip before it is used. The decoder's map from below has a wide view; compared with the skip, it gives each position one weight between 0 and 1, the same for all channels.
# - **Deep supervision** [@DSN] asks every level of the decoder for an answer during training, and compares each with the truth at its own size, the coarse ones with less weight.
# - **The U in diffusion models** [@LDM] segments nothing. It gets a picture with noise and the strength of the noise, and answers with the *noise*, at full size: a use for skips. Real ones give the strength to every level, have residual and attention blocks, and often work on a compressed picture.

# %%
x, conv = torch.randn(1, 8, 12, 12), lambda i, o: nn.Conv2d(i, o, 3, padding=1)
first, second = conv(8, 8), conv(8, 8)
residual, dense = F.relu(x + second(F.relu(first(x)))), x
for layer in (conv(8, 4), conv(12, 4)):
    dense = torch.cat([dense, F.relu(layer(dense))], dim=1)
print("residual", tuple(residual.shape), "dense", tuple(dense.shape))
assert dense.shape[1] == 16 and torch.equal(dense[:, :8], x)

# %%
gate = models.UNet(3, 2, width=8, depth=3, attention=True).gates[-1]
skip, below = torch.randn(1, 8, 32, 32), torch.randn(1, 16, 16, 16)
compared = F.relu(gate.of_skip(skip) + gate.of_below(below))
weight = torch.sigmoid(gate.to_weight(compared))         # (1, 1, 16, 16)
weight = F.interpolate(weight, scale_factor=2, mode="bilinear")
assert_close(gate(skip, below), skip * weight)
assert 0 < weight.min() and weight.max() < 1

# %%
deep = models.UNet(3, 2, width=8, depth=3, deep_supervision=True)
outputs = deep(torch.rand(2, 3, 96, 96))                 # in training a list
print([tuple(out.shape[-2:]) for out in outputs])
truth = torch.randint(0, 2, (2, 96, 96))
loss = losses.deep_supervision_loss(F.cross_entropy, outputs, truth, [1, 0.5, 0.25])
smaller = (truth, truth[:, 1::2, 1::2], truth[:, 2::4, 2::4])   # nearest pixel
each = [F.cross_entropy(*pair) for pair in zip(outputs, smaller, strict=True)]
assert_close(loss, (each[0] + 0.5 * each[1] + 0.25 * each[2]) / 1.75)

# %%
noise, strength = torch.randn(1, 3, 96, 96), 0.3         # share of the variance
noisy = (1 - strength) ** 0.5 * image[None] + strength**0.5 * noise
told = torch.full((1, 1, 96, 96), strength)              # a fourth channel: how strong
guess = models.UNet(4, 3, width=8, depth=3)(torch.cat([noisy, told], dim=1))
loss = F.mse_loss(guess, noise)                          # what training makes small
assert guess.shape == noise.shape

# %% [markdown] tags=["measure"]
# ## 8 · Do the skips matter?
# Touching nuclei again: 30 pictures to learn from, 30 to choose a threshold by, 60 to judge by, drawn anew for each seed. A padded U-Net with three poolings and 8 channels at the top, 100 steps, pictures flipped at random, weights 1 + border weights. A pixel is nucleus if its probability exceeds the threshold with the best object F1 on validation; connected pieces are the objects.
#
# Arms: *concat*; *add*; *none*, a decoder that sees only what comes from below. The last two have half the inputs, so they are 9 channels wide; they cost 2 % more multiply-adds.
#
# The next cell trains *concat*, which section 9 calls *gaps* after its weights, and *equal*, the same net without border weights. Then it mutes one skip of the trained *concat* at a time: the decoder gets zeros instead. It reads all answers at 0.5; the table below uses the validated threshold.
#
# *Boundary F1* is lesson 04's, of the foreground, within 1 pixel. **Predict.** Without which skip, that at 24, 48 or 96 pixels, does it fall most? And does a net *trained* without skips fall to the object F1 of the closed lines in section 1?

# %%
columns = {"f1": "object F1", "foreground": "foreground IoU", "boundary": "boundary F1"}
nets = {kind: unet_separation.train(kind, data, 0) for kind in ("equal", "gaps")}
net, muted = nets["gaps"], {}
for side in (None, 24, 48, 96):                          # pixels of the muted skip
    net.fuse = lambda skip, x: torch.cat([skip * (skip.shape[-1] != side), x], dim=1)
    maps = unet_cells.probabilities(net, test)
    muted[side] = unet_cells.measure(maps, test.ids, 0.5)
    found = {k: round(v, 3) for k, v in muted[side].items() if k in columns}
    print("muted:", side, found)
assert muted[24]["f1"] + 0.05 < muted[None]["f1"]
del net.fuse                                             # as it was
print(evidence.agrees("08_unet_separation", "gaps, at 0.5", "f1", muted[None]["f1"]))
boundary = {side: scores["boundary"] for side, scores in muted.items()}
assert boundary[96] + 0.1 < min(boundary[None], boundary[48], boundary[24])

# %%
concat, none = (evidence.mean_sd("08_unet_skips", a, "f1") for a in ("concat", "none"))
assert concat[0] > none[0] + 0.05
columns |= {"merged": "merged"}
evidence.table("08_unet_skips", columns)

# %% [markdown]
# The uppermost: without it, boundary F1 falls most by far. Muting the lowest costs much object F1, too. But a muted net is a *damaged* net: it tells what this one uses, not what another could learn without. For that, each arm was trained (*merged* is the share of nuclei that lie in one object with another):
#
# - **Skips matter**: object F1 0.845 without, 0.928 with; boundary F1 0.747 and 0.891, at a slightly lower cost. Yet *none* is far from section 1. All that it knows came through the lowest map, 12×12 cells: many channels can carry what one score cannot.
# - **Concat and add** cannot be told apart: 0.928 and 0.929 (add has 14 % more parameters). Section 2 said why that is no miracle.
# - **Gates and deep supervision** show no gain: 0.890 and 0.900, within the spreads of the plain net's 0.928. Coarse levels have no gaps to learn, so the last row has equal weights; its partner is *equal, validated threshold* below: 0.822 to 0.765, again within the spreads. Three seeds and 100 steps cannot exclude a small gain.
#
# ## 9 · What keeps the nuclei apart?
# Now the weights. *gaps* is the network of section 8, *equal* the same trained without border weights. Three ways to read its answer: threshold 0.5; the threshold chosen on validation; a threshold, then a **watershed**: every pixel's distance to the background is a hilly map, one hill for each round nucleus, and objects are cut apart at the passes (lesson 90 builds it). Its numbers are chosen on validation, too.
#
# **Predict.** Which of the two networks has the higher foreground IoU at 0.5? Which reading brings *equal* closest to *gaps*?

# %%
readings = unet_separation.measure_all(nets["equal"], val, test)
scores = {f"equal, {name}": found for name, (_, found) in readings.items()}
scores["gaps, at 0.5"] = muted[None]
for arm, found in scores.items():
    print(evidence.agrees("08_unet_separation", arm, "f1", found["f1"]))
    print(f"   foreground IoU {found['foreground']:.3f}")
plain, gaps = scores["equal, at 0.5"], scores["gaps, at 0.5"]
assert gaps["f1"] > plain["f1"] + 0.25
assert plain["foreground"] > gaps["foreground"] + 0.02
assert scores["equal, watershed"]["f1"] > plain["f1"] + 0.25
tiles = {f"truth: {test.ids[3].max()}": numbered(image, test.ids[3])}
maps = {kind: unet_cells.probabilities(net, test)[3] for kind, net in nets.items()}
chosen = {"equal, 0.5": (0.5,), "gaps, 0.5": (0.5,)}
chosen["equal, watershed"] = readings["watershed"][0]
for name, numbers in chosen.items():
    found = unet_cells.objects(maps[name.split(",")[0]], *numbers)
    tiles[f"{name}: {found.max()}"] = numbered(image, found)
plots.show(
    plots.side_by_side(tiles.values(), tiles),
    alt="Objects in color: the truth; clumps in one color; single nuclei, a little "
    f"thin; single nuclei, full size. Numbers of objects: {', '.join(tiles)}.",
)

# %%
arms = {arm["name"]: arm["runs"] for arm in evidence.load("08_unet_separation")["arms"]}
by_seed = lambda arm: [run["metrics"]["f1"] for run in arms[arm]]
pairs = zip(by_seed("gaps, at 0.5"), by_seed("edges, at 0.5"), strict=True)
assert all(gaps > edges for gaps, edges in pairs)
after = [np.mean(by_seed(f"{kind}, watershed")) for kind in unet_cells.WEIGHTS]
assert max(after) - min(after) < 0.03
evidence.table("08_unet_separation", columns)

# %% [markdown]
# The first row is section 1's, in three draws. Two more arms ask what else would explain it. They spend the same total weight elsewhere: *edges* on all background within two pixels of a nucleus, *background* on all background alike. Read the table slowly:
#
# - **Foreground IoU hides it.** At 0.5, *equal* has 0.904, more than any other network, and merges 0.792 of the nuclei: object F1 0.373. *gaps* has 0.826, and object F1 0.920. Boundary F1 hides it, too: 0.926 for *equal*, 0.920 for *gaps*.
# - **A part is the threshold.** At 0.9, chosen on validation, *equal* rises to 0.765, and pays with thin nuclei, IoU 0.673.
# - **A watershed does it, too**: 0.928, with the IoU of 0.896. It knows that nuclei are round. So border weights are not the only way: they move the separation *into* the network. After a watershed it hardly matters which pixels weighed more: 0.954 with *gaps*, 0.948 with *edges*, 0.933 with *background*.
# - **A part is not about gaps.** *edges*, which needs no objects, only a mask, reaches 0.866 at 0.5. Weight on all background, as class weights would give, 0.647. More background in the answer opens gaps. At 0.5 *gaps* beats *edges* in each of the three draws, so knowing the gaps seems to add something. The spreads overlap; three draws say no more.
#
# ## 10 · Four pictures
# Section 5's question: what does bending add? Each arm has four training pictures, border weights, 100 steps. The threshold is still chosen on 30 validation pictures, a luxury; so the second column is at 0.5.
#
# **Predict.** Order them: none; flips; elastic; rotation and scale; rotation, scale and elastic.

# %%
name = "08_unet_augmentation"
arms = {arm["name"]: arm["runs"] for arm in evidence.load(name)["arms"]}
f1 = {arm: np.array([run["metrics"]["f1"] for run in arms[arm]]) for arm in arms}
assert min(f1["flips"].mean(), f1["elastic"].mean()) > f1["none"].mean() + 0.2
assert (f1["rotation and scale"] > f1["elastic"]).all()     # in each draw
few = {"f1": "object F1", "f1_half": "object F1 at 0.5", "foreground": "foreground IoU"}
evidence.table(name, few)

# %% [markdown] tags=["real"]
# Any new view is worth far more than none: 0.509 becomes 0.809 by flips alone. Elastic gives 0.845, and the spreads of the two overlap. Rotation and scale give 0.895, more than elastic in each draw; bending on top of that adds nothing visible, 0.871. These nuclei are roundish, and a turned nucleus is a nucleus; tissue that bends in nature may say otherwise. "Elastic deformation rescues small data" holds against no augmentation. Here it was not better than ordinary geometry.
#
# All three tables are of tiny scale: 121,186 parameters, 100 steps, drawn pictures, three seeds. Longer training may close gaps.
#
# ## 11 · The real thing
# The paper's first task: **ISBI 2012** [@ISBI2012], 30 sections of one block, the nerve cord of a fly larva, in an electron microscope, 512×512 pixels, 50 nm apart; find the membranes. Neighboring sections show the same cells. If you split the sections at random, what does the test measure?
#
# Five sections are judged. Split *neighbors* learns from the sections in between, as a random split does; *held-out block* from sections at least eight away. Both learn from six sections and choose the threshold on two more. Objects are connected pieces of cell, of 64 pixels or more. Before any network: *copy* the labels of the nearest learned section, without looking at the picture.
#
# **Predict.** What object F1 of the cells does copying get in either split?

# %%
stack = datasets.real_or_generated("isbi2012", None)
if stack is not None:
    truths = [stack[i][1]["semantic"].as_subclass(torch.Tensor) for i in (11, 10)]
    same = (truths[0] == truths[1]).float().mean()
    tiles = [stack[11][0], *(0.9 * truth.float() for truth in truths)]
    plots.show(
        plots.side_by_side(tiles, ["section 11", "its truth", "truth of section 10"]),
        alt="Gray tissue with dark membranes; its truth, white cells in black lines; "
        f"and the truth of the section before, equal at {same:.0%} of the pixels.",
    )
    near, far = (unet_isbi.copied(stack, split)["f1"] for split in unet_isbi.SPLITS)
    print(f"copied labels: object F1 {near:.2f} and {far:.2f}")
    assert near > far + 0.1
else:
    print("So no picture here. The table below was made with the real set.")

# %%
shown = {"f1": "object F1", "membrane": "membrane IoU", "cell": "cell IoU"}
evidence.table("08_isbi", shown | {"accuracy": "accuracy"})

# %% [markdown]
# Copying gets 0.283 from neighbors, 0.022 from far away: the leak is in the data. (Accuracy would not show it: the copied 0.713 is below 0.782 for saying *cell* everywhere. Most pixels are cell, so look at membranes and objects.) The small U-Net does not show that it used it: 0.807 and 0.774 in object F1, within the spread of the seeds, and 0.565 and 0.567 in membrane IoU. This is a weak test: three seeds, 120 steps, and each split has its own sections to learn from. A large net trained for hours may remember sections. So split by block, by patient, by film; do not wait until it shows.
#
# The paper's published numbers, from a net trained from scratch, and the second best of the two cell challenges:

# %%
evidence.published(
    "unet-em-warping",
    "unet-phc-u373",
    "second-phc-u373",
    "unet-dic-hela",
    "second-dic-hela",
)

# %% [markdown] tags=["misconceptions"]
# The first row is an error (less is better; it counts what splits and merges objects), on a leaderboard still open in 2015; the challenge itself was held in 2012. The other rows are IoU in the ISBI cell tracking challenge of 2015, on two sets from light microscopy. Do not compare them with ours: other data, other metrics.
#
# ## 12 · What people get wrong
# - **"The U-Net has 17 million parameters."** Section 3: the paper's has 31,030,658, no batch normalization, and shrinks 572 to 388. Others are other nets.
# - **"The input must be divisible by 16."** Section 3: the paper's net needs 12 mod 16; the padded net needs multiples of 16, or a repair, and where you repair matters.
# - **"Overlapping tiles and averaging removes seams."** Section 4: only a margin as wide as the radius does.
# - **"Masks can be resized like pictures."** Section 5: object 3 appears between 2 and 8.
# - **"Addition destroys information."** Section 2: it is concatenation with tied weights. Section 8 shows no difference.
# - **"Border weights make edges count."** Section 6: the rim of a lone nucleus gets none.
# - **"Touching cells need border weights."** Section 9: a watershed after a plain network does as well.
# - **"A high IoU means that the objects are found."** Section 1: 0.89, and an object F1 of 0.18.

# %% [markdown] tags=["quiz"]
# ## 13 · Quiz
# Five questions. Every choice is explained when you select it.

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "A U-Net without padding has one pooling less than the paper's: three. At the lowest level the map has 10×10 pixels after its convolutions. How large is the output?",
            "choices": [
                {"text": "40×40", "correct": False, "why": "10 → 20 - 4 = 16 → 32 - 4 = 28 → 56 - 4 = 52: doubling is not enough, and each level takes 4."},
                {"text": "52×52", "correct": True, "why": "10 → 20 - 4 = 16 → 32 - 4 = 28 → 56 - 4 = 52."},
                {"text": "80×80", "correct": False, "why": "That would be a padded net: three doublings and nothing lost."},
            ],
        },
        {
            "question": "Why is the skip cropped in the middle and not in the corner?",
            "choices": [
                {"text": "objects are usually in the middle", "correct": False, "why": "The crop knows nothing of objects; it must match positions."},
                {"text": "convolutions without padding lose as much on every side", "correct": True, "why": "So the upsampled map belongs to the middle of the skip, as the numbers in section 2 show."},
                {"text": "any crop works, the next convolution learns the shift", "correct": False, "why": "A 3×3 kernel reaches one pixel; the shift would be 4 to 88 pixels."},
            ],
        },
        {
            "question": "A network has foreground IoU 0.95 and object F1 0.40 on touching cells. What is the cheapest thing to try first?",
            "choices": [
                {"text": "train with border weights", "correct": False, "why": "It may well help, but needs true objects and a new training run."},
                {"text": "a larger network", "correct": False, "why": "Nothing says that capacity is missing; the pixels are nearly all right."},
                {"text": "read the same answer otherwise: threshold from validation, watershed", "correct": True, "why": "No training. In section 9 this brought the plain network to where the weights brought theirs."},
            ],
        },
        {
            "question": "You tile a large picture for a padded net and want the answer for the whole. What decides the margin?",
            "choices": [
                {"text": "the radius of what an answer sees", "correct": True, "why": "Answers nearer to the tile's border than that have seen zeros instead of the picture."},
                {"text": "the number of tiles", "correct": False, "why": "It decides the time, not which answers are wrong."},
                {"text": "half a tile, then average", "correct": False, "why": "Averaging mixes wrong answers into right ones."},
            ],
        },
        {
            "question": "100 sections of one brain, split at random into 80 and 20. Test score 0.93. What do you know?",
            "choices": [
                {"text": "the score on a new brain", "correct": False, "why": "Nothing in the test came from another brain."},
                {"text": "the score on sections whose neighbors were seen in training", "correct": True, "why": "Almost every test section has a learned neighbor with the same cells."},
                {"text": "nothing: leaked scores are always far too high", "correct": False, "why": "How much too high depends on the network; ours showed no difference. You cannot know from the score."},
            ],
        },
    ]
)

# %% [markdown] tags=["summary"]
# ## 14 · Summary
# - U-Net gives each level of the decoder the encoder's whole map of that level, by concatenation. Addition is the case with tied weights.
# - Without padding, the network invents no pixels; the price is a margin and sizes of 12 mod 16. With padding, any size works if the picture is mirrored.
# - Tiles are exact with a margin as wide as the radius, started on the pooling grid.
# - Bend pictures bilinearly, labels by the nearest pixel, and do not fold.
# - Touching objects: judge by objects. Border weights, the threshold and a watershed all separate; IoU sees none of it.
# - Neighbors in a stack are no independent test.
# - The U-Net's row in the course's table (lesson 06): mIoU 0.694 ± 0.004, boundary F1 0.786 ± 0.006. FCN-8s: 0.695, 0.785.
#
# **Glossary:** **up-convolution**, **skip**, **valid convolution**, **overlap-tile**, **elastic deformation**, **border weights**, **attention gate**, **deep supervision**, **foreground IoU**, **object F1**
#
# **Your turn:** [exercise 08](../exercises/08_unet.ipynb). **Next:** lesson 09 asks what a network needs to know of the whole scene.

# %% [markdown] tags=["references"]
# ## References
# - [@UNet] U-Net
# - [@AttUNet] attention gates
# - [@DSN] deep supervision
# - [@ResNet], [@DenseNet] residual and dense blocks
# - [@LDM] the U in a diffusion model
# - [@ISBI2012] the stack of sections
