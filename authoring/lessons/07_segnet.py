# %% [markdown] tags=["title"]
# # 07 · SegNet
# **What if the decoder only remembers *where* the maxima were?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | Max pooling keeps the largest of four numbers and forgets at which pixel it stood. What if the way back up remembers that pixel, and nothing else? |
# | **Time** | 65 minutes of reading, 1 minute of running |
# | **Prerequisites** | lessons 00 to 04 and 06 |
# | **You will be able to** | pool and unpool by hand, at odd sizes too; say what comes back and what does not; compute what a decoder's memory costs in bytes; weigh classes by median frequency; say what places are worth, and which comparison can show it |

# %%
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.testing import assert_close

from course_lib import datasets, evidence, losses, metrics, models, plots
from course_lib import training, widgets
from course_lib.experiments import fcn_strides
from course_lib.experiments import segnet_unpooling as unpooling

torch.manual_seed(0);

# %% [markdown]
# ## 1 · Two ways up
# Lesson 06 fetched *where* from earlier maps: it scored them and added the scores. SegNet [@SegNet] keeps less. Its **encoder**, the way down, is VGG's thirteen convolutions with a 2×2 max pooling behind each stage. Its **decoder** goes back the same way: double the map, convolve, double, convolve, up to full size. Of each pooling the encoder tells the decoder one thing only: which of the four pixels held the maximum. When it doubles a map, the decoder puts each value at such a pixel, and zeros elsewhere.
#
# The next cell loads two small networks with four stages. Both learned from 320 street scenes for 480 steps. They have the same parameters and began with the same weights. One doubles its maps with the remembered places; the other by bilinear interpolation (lesson 02), and its decoder gets nothing from the encoder but the last map.

# %%
train, _, val = unpooling.scenes()
arms = "pooling indices", "bilinear"
nets = {arm: unpooling.pretrained(arm) for arm in arms}
for arm, net in nets.items():
    print(arm, f"{sum(p.numel() for p in net.parameters()):,} parameters")

# %% [markdown] tags=["predict"]
# **Predict.** Which draws the finer borders? Which has the higher mIoU? Write down both, with a reason.

# %%
image, target = val[5]
truth = target["semantic"].as_subclass(torch.Tensor)
answers = {arm: training.predict(net, image) for arm, net in nets.items()}
right = {arm: (answer == truth).float().mean() for arm, answer in answers.items()}
shown = {"truth": truth, **answers}
tiles = [plots.overlay_rgb(image, m, val.colors, 0.7, 300) for m in shown.values()]
plots.show(
    plots.side_by_side(tiles, shown),
    alt="A street in the colors of its classes. Truth: houses of several heights, "
    "four trees, vehicles, people, boats. Pooling indices: ragged outlines, houses of "
    "two heights, trees and vehicles in crumbs. Bilinear: the houses one smooth hill, "
    "one round vehicle, no trees. Right: "
    + ", ".join(f"{arm} {share:.2f}" for arm, share in right.items()),
)
assert abs(right[arms[0]] - right[arms[1]]) < 0.05

# %% [markdown] tags=["build"]
# With the indices the houses have two heights, and trees, a bus and a car are there in crumbs. The outlines are ragged. The bilinear decoder draws a smooth hill where houses stand and a round bus; trees and car are missing. Both have about the same share of pixels right. One scene decides nothing; section 8 measures a hundred. First the parts.
#
# ## 2 · Pooling that remembers
# Here is a map of 4×4 numbers, and its four windows:
#
# ```text
# 1 9 | 2 0
# 4 2 | 1 5
# ----+----
# 0 3 | 7 6
# 2 0 | 3 4
# ```
#
# PyTorch counts the pixels in reading order from 0: row · width + column. The number of the pixel that held the maximum is the **index** of its window. **Predict** the four maxima and their four indices.

# %%
def pool(x):
    """x (H, W), even sides -> the maxima (H/2, W/2) and their indices in x"""
    h, w = x.shape
    windows = x.unflatten(0, (-1, 2)).unflatten(2, (-1, 2)).movedim(1, 2)
    # windows (H/2, W/2, 2, 2): the four numbers of each window, last
    maxima, place = windows.flatten(2).max(dim=-1)      # 0 1 above, 2 3 below
    rows = 2 * torch.arange(h // 2)[:, None] + place // 2
    columns = 2 * torch.arange(w // 2) + place % 2
    return maxima, rows * w + columns


numbers = [[1.0, 9, 2, 0], [4, 2, 1, 5], [0, 3, 7, 6], [2, 0, 3, 4]]
x = torch.tensor(numbers)
maxima, indices = pool(x)
print("maxima", maxima.tolist(), "indices", indices.tolist())
assert maxima.tolist() == [[9, 5], [3, 7]] and indices.tolist() == [[1, 7], [9, 10]]

# %% [markdown]
# 9 stands in row 0, column 1, so its index is 0 · 4 + 1. The way back is called **unpooling**: a map of zeros, and each value at its index.

# %%
def unpool(values, indices, size):
    """values (h, w), their indices in a map of `size` -> that map, 0 elsewhere"""
    back = torch.zeros(size)
    back.view(-1)[indices.flatten()] = values.flatten()
    return back


unpool(maxima, indices, x.shape)

# %% [markdown] tags=["prove"]
# PyTorch has both. With a batch and channels, every channel of every picture has indices of its own; they count within that channel's H×W. **Predict:** in a window of four zeros, which pixel is the maximum?

# %%
maps = torch.randn(2, 3, 6, 10)
maps[0, 0, :2] = 0                                      # five windows of zeros
values, places = F.max_pool2d(maps, 2, return_indices=True)
back = F.max_unpool2d(values, places, 2)
mine = pool(maps[0, 0])
assert_close(mine, (values[0, 0], places[0, 0]))
assert_close(unpool(*mine, (6, 10)), back[0, 0])
print("indices of the windows of zeros:", places[0, 0, 0].tolist())

# %% [markdown]
# The first in reading order: the upper left pixel. The index of such a **tie** says nothing about the picture. Behind a ReLU, windows of zeros are no rarity; section 3 counts them.
#
# ### Odd sizes
# The paper's pictures have 360 rows. Three poolings leave 45, and a fourth would drop a row. With `ceil_mode=True` the last, incomplete window counts too: 23. **Predict** for a map of 5×7: how many windows? And what does unpooling return if nobody tells it the size: an error, a map of 6×8 with the right numbers in the upper left, or something else?

# %%
odd = torch.rand(1, 1, 5, 7) + 1
values, places = F.max_pool2d(odd, 2, ceil_mode=True, return_indices=True)
told = F.max_unpool2d(values, places, 2, output_size=(5, 7))
untold = F.max_unpool2d(values, places, 2)
print("windows", tuple(values.shape[-2:]), "not told:", tuple(untold.shape[-2:]))
right = (told > 0) & (untold[..., :5, :7] == told)
print(f"{right.sum()} of {values.numel()} values at their pixel")
assert right.sum() <= 4 and torch.equal(told[told > 0], odd[told > 0])

# %% [markdown] tags=["prove"]
# Something else: a map of 6×8, and no error. An index counts rows of 7; read in a map with rows of 8, it means another pixel. Only indices in the first row of pixels mean the same, and at most four of the twelve are there. So the decoder must remember the *size* of each map, too. (With several poolings the next indices may not fit, and an error warns you. A crop silences it, and the pixels stay wrong.)
#
# ## 3 · What comes back
# **Predict.** Pool a map and unpool it. What share of its numbers is back? And if you pool the result once more: are the maxima the same as before, always?

# %%
x = torch.rand(1, 1, 40, 60)                            # nothing negative
values, places = F.max_pool2d(x, 2, return_indices=True)
back = F.max_unpool2d(values, places, 2)
print(f"{(back == x).float().mean():.0%} of the numbers are back, the rest are 0")
assert_close(F.max_pool2d(back, 2), values)             # pooled once more
values, places = F.max_pool2d(-x, 2, return_indices=True)   # all negative
again = F.max_pool2d(F.max_unpool2d(values, places, 2), 2)
assert (back == x).float().mean() == 0.25 and (again > values).all()

# %% [markdown]
# A quarter. Unpooling is no inverse: three of four numbers are gone for good. Pooled once more, the maxima are the same, as long as none is negative: a negative maximum loses to the three zeros beside it. (In SegNet a ReLU comes before each pooling and each unpooling, so nothing is negative.)
#
# Here is a real map: the channel of our trained encoder's first stage that varies most, on a piece of the scene above, pooled and brought back in three ways. *Random indices* put each value at a pixel of its window drawn by lot. The numbers are the mean difference to the map.

# %%
net = nets["pooling indices"]
with torch.no_grad():
    x = (image - net.mean.view(3, 1, 1)) / net.std.view(3, 1, 1)
    maps = net.encoder[0](x[None])
channel = maps.std((0, 2, 3)).argmax()
full = maps[:, channel, None] / maps[:, channel].max()
values, places = F.max_pool2d(full, 2, return_indices=True)
tiles = {"map": full}
for arm in ("pooling indices", "random indices", "bilinear"):
    back_up = unpooling.build(arm, 0).eval().unpool(values, places, (96, 96))
    tiles[f"{arm} {(back_up - full).abs().mean():.3f}"] = back_up
plots.show(                                             # sqrt: dark parts brighter
    plots.side_by_side([t[0, 0, 8:56, :48].sqrt() for t in tiles.values()], tiles),
    alt="Outlines of houses, windows and a bus: the map; bright dots in the same "
    "straight rows; dots out of line; a blurred map without gaps. Mean difference "
    f"to the map: {', '.join(list(tiles)[1:])}.",
)
tied = (F.max_pool2d(maps, 2) == 0).float().mean()
print(f"{tied:.0%} of the windows in this stage's {maps.shape[1]} maps are all zeros")
assert 0.27 < tied < 0.6

# %% [markdown]
# With the true indices the lines are dotted but straight. Random places fray them; interpolation makes them wide. And more than a quarter of the windows are ties of zeros, whose index is no news.
#
# **Predict.** The unpooled map is three quarters zeros. A 3×3 convolution reads it, with padding. Of its nine numbers, how many come from the smaller map: at least, at most, and on average? (Draw four windows and slide.)

# %%
seen = F.conv2d((back > 0).float(), torch.ones(1, 1, 3, 3), padding=1)
print(f"at least {seen.min():.0f}, at most {seen.max():.0f}, mean {seen.mean():.2f}")
assert seen.min() == 1 and seen.max() == 4 and 2.1 < seen.mean() < 2.3

# %% [markdown]
# A pixel's 3×3 neighborhood always holds its whole window, and the window one value: at least one. It touches four windows: at most four. On average a quarter of nine, 9/4, and a little less because of the rim. So behind the convolution every pixel has read a value. The paper says that it *densifies* the map.
#
# Is unpooling learned? **Predict** its number of parameters. And in the backward pass each pixel of the unpooled map has a gradient: which of the four in a window goes on to the small map?

# %%
values = values.abs().requires_grad_()
pull = torch.randn(full.shape)                          # some gradient from above
F.max_unpool2d(values, places, 2).backward(pull)
assert_close(values.grad.flatten(), pull.flatten()[places.flatten()])
print("parameters:", sum(p.numel() for p in nn.MaxUnpool2d(2).parameters()))
assert not list(nn.MaxUnpool2d(2).parameters())

# %% [markdown] tags=["build"]
# None. The gradient at the index goes on; the other three are dropped.
#
# ## 4 · The network
# Encoder and decoder together, on a picture of 45×61 pixels. A stage is two or three times: 3×3 convolution, **batch normalization**, ReLU. (Batch normalization brings each channel to mean 0 and standard deviation 1, then scales and shifts it by two learned numbers.)
#
# At each pooling the encoder notes the indices and the size; the decoder takes the latest note first. **Predict** the size behind each unpooling. And: whose *values* are unpooled, the encoder's maxima or the decoder's own?

# %%
net = models.SegNet(num_classes=3, width=4, stages=3).eval().requires_grad_(False)
picture, notes = torch.randn(1, 3, 45, 61), []
x = picture
for stage in net.encoder:
    x = stage(x)
    size = x.shape[-2:]
    x, places = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    notes.append((places, size, x))                     # x only to compare
for stage in net.decoder:
    places, size, pooled = notes.pop()
    up = F.max_unpool2d(x, places, 2, output_size=size)
    same = torch.allclose(x, pooled)
    print(tuple(x.shape[1:]), "->", tuple(up.shape[1:]), "the encoder's values:", same)
    x = stage(up)
assert_close(net.classifier(x), net(picture))
assert not same and up.shape[1] == pooled.shape[1]

# %% [markdown] tags=["see"]
# At the lowest level they are the same map. From then on the values are the decoder's own, put where *other* values had their maximum: channel 5 of the decoder's map takes the indices of channel 5 of the encoder's. So both need as many channels, which is why SegNet's decoder **mirrors** the encoder: a stage keeps its channels, and its last convolution narrows to those of the next stage. The very last gives one score per class, without normalization or ReLU. (A tie of zeros in the encoder sends the decoder's value to the upper left, whatever the value.)
#
# ## 5 · Right places and wrong ones
# **Push it.** A map of 6×6, pooled, and four ways back: the true indices; indices drawn at random; always the upper left corner, lesson 02's zero insertion; bilinear. (1) *Slanted edge*, then *other random indices* several times: how many of the nine maxima does chance put right? (2) Which way back has the smallest mean difference to the input? Why does interpolation, too, put some maxima right? (3) Now *thin line*, then *dots*. Which way has the smallest difference, which the largest? Does a small difference mean that the dots are in their places?

# %%
widgets.unpooling_viewer(values="edge", size=6)

# %%
errors = {}
for values in ("edge", "line", "dots"):
    viewer = widgets.unpooling_viewer(values=values, size=6)
    for way, back in viewer.ways().items():
        kept, total, errors[values, way] = viewer.score(back)
        print(f"{values:4} {way:8} {kept} of {total}, error {errors[values, way]:.2f}")
assert errors["dots", "true"] == 0 and errors["dots", "bilinear"] > 2
assert [round(errors["edge", w], 2) for w in ("true", "bilinear")] == [2.08, 2.23]

# %%
viewer, luck = widgets.unpooling_viewer(values="edge", size=6), []
for seed in range(40):
    viewer.seed = seed                                  # other random indices
    luck.append(viewer.score(viewer.ways()["random"])[0])
print(f"right by chance: {sum(luck) / 40:.1f} of 9, from {min(luck)} to {max(luck)}")
assert 1.5 < sum(luck) / 40 < 3 and min(luck) == 0 and max(luck) > 3

# %% [markdown] tags=["break"]
# (1) One in four, so about two of nine; sometimes none. (2) The true indices, but on the edge interpolation is nearly as near, 2.23 against 2.08. It mixes a maximum with its neighbors; where they are equal, it stays. (3) The true indices have the smallest, interpolation the largest. (Only windows with a maximum above 0 count, so *of 3*, *of 4*.) A dot alone in its window comes back exactly; interpolation smears it. Random places differ less than interpolation, with one dot of four right: a small difference says little about places. Beside interpolation, then, places should matter most where a map has something thin or small.
#
# ### A trained network, misled
# Now the trained network with pooling indices. Its weights stay; only the places are wrong: drawn at random, or always the upper left corner. **Predict.** Does it lose its borders only, or its classes, too? (*Inside* counts pixels with no other class within 2 pixels, lesson 01.)

# %%
alone = {arms[0]: nets[arms[0]]}
for arm in ("random indices", "corner indices"):
    alone[arm] = unpooling.build(arm, 0).eval()
    alone[arm].load_state_dict(nets[arms[0]].state_dict())
pictures, targets = zip(*(val[i] for i in range(100)))
truths = torch.stack([t["semantic"].as_subclass(torch.Tensor) for t in targets])
t = truths[:, None].float()                             # 5×5: 2 pixels each way
inside = (F.max_pool2d(t, 5, 1, 2) == -F.max_pool2d(-t, 5, 1, 2))[:, 0]
scores = {}
for arm, net in alone.items():
    answer = torch.stack([training.predict(net, picture) for picture in pictures])
    hit = (answer == truths).float()
    edges = metrics.BoundaryF1(9, tolerance=2).update(answer, truths).mean()
    scores[arm] = torch.tensor([hit.mean(), hit[inside].mean(), edges])
    named = zip(("accuracy", "inside", "boundary F1"), scores[arm], strict=True)
    print(f"{arm:16}", ", ".join(f"{name} {score:.3f}" for name, score in named))
fall = [scores[arms[0]] - scores[arm] for arm in list(alone)[1:]]
assert 0.17 < fall[0][0] < 0.33 and fall[0][1] > 0.15 and fall[0][2] > 0.15
assert (fall[1] > fall[0] + 0.04).all()

# %%
shown = {"truth": truth} | {k: training.predict(n, image) for k, n in alone.items()}
tiles = [plots.overlay_rgb(image, m, val.colors, 0.7, 220) for m in shown.values()]
right = [f"{k} {(m == truth).float().mean():.2f}" for k, m in shown.items()][1:]
plots.show(
    plots.side_by_side(tiles, shown),
    alt="Truth; true places; random: frayed bands, red crumbs on the road; corners: "
    f"stripes of tree and boat below the sky. Right: {', '.join(right)}.",
)

# %% [markdown] tags=["build"]
# Its classes, too: with random places about a quarter of all pixels become wrong, and of those inside as well; with corners more. But this shows a *damaged* network. It learned with true places and leans on them; even its batch normalization keeps averages from them. Could it have learned to do without? Section 8 *trains* networks with wrong places.
#
# ## 6 · The bill
# What must be kept until the decoder needs it? The paper's example is one map of 64 channels with 180×240 pixels: 11 MB in 32-bit numbers, 0.17 MB if a window's place takes 2 bits. Check it. **Predict** a third number: the indices as PyTorch keeps them.

# %%
maps = torch.rand(1, 64, 180, 240)
values, indices = F.max_pool2d(maps, 2, return_indices=True)
row, column = indices // 240, indices % 240
place = (2 * (row % 2) + column % 2).to(torch.uint8)    # 0 1 above, 2 3 below
a, b, c, d = place.view(-1, 4).T
packed = a | b << 2 | c << 4 | d << 6                   # four places in a byte
unpacked = packed[:, None] >> torch.tensor([0, 2, 4, 6]) & 3
assert_close(unpacked, place.view(-1, 4).long())
kept = {"map, float32": maps, "map, float16": maps.half(), "indices": indices}
kept |= {"places, a byte each": place, "places, 2 bits each": packed}
bill = {name: t.element_size() * t.numel() for name, t in kept.items()}
for name, size in bill.items():
    print(f"{name:20} {str(kept[name].dtype):13} {size / 1e6:6.2f} MB")
assert bill["map, float32"] == 64 * bill["places, 2 bits each"]
assert bill["indices"] == bill["map, float16"] == bill["map, float32"] / 2

# %% [markdown]
# PyTorch's indices are whole numbers of 64 bits: eight bytes a window, half of the map in float32, as much as the map in float16. Packed, a window takes 2 bits where the map has four numbers of 32 bits: a factor of 64, but only for who packs.
#
# And only while *answering*. **Predict.** In training, a network keeps what the backward pass will need. What share of that are the indices?

# %%
held = {}


def note(tensor):
    """Called for every tensor that is kept for the backward pass"""
    held[tensor.data_ptr(), tensor.dtype] = tensor.element_size() * tensor.numel()
    return tensor


net, wholes = models.SegNet(9, width=8, stages=4), []
for stage in net.encoder:                               # its output: a whole map
    stage.register_forward_hook(lambda m, x, out: wholes.append(out.data_ptr()))
with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
    logits = net(torch.rand(8, 3, 96, 96))
whole = sum(held.values())
share = sum(size for (_, kind), size in held.items() if kind == torch.int64) / whole
print(f"kept for the backward pass: {whole / 1e6:.0f} MB, {share:.0%} of it indices")
among = sum(pointer in {p for p, _ in held} for pointer in wholes)
print(f"{among} of the encoder's {len(wholes)} whole maps are among it")
assert share < 0.1 and among == len(wholes) == 4

# %% [markdown] tags=["predict"]
# Little. And the encoder's whole maps are among it already: ReLU and pooling need them for their gradients. A decoder that adds them (section 8) stores nothing more for them in training. The saving is for the finished network, on a small device, and it needs code that packs.
#
# ## 7 · Small where they occur
# SegNet's loss is a weighted cross-entropy: each pixel's cross-entropy times the weight of its true class. The weights are those of **median frequency** [@Eigen2015]. Let $f_c$ be class $c$'s share of the pixels *in those pictures that contain it*, and $m$ the median of all $f_c$. Then $c$ weighs $m / f_c$.
#
# Four label maps of eight pixels. Class 1 is a lamp, one pixel in every picture. Class 2 is a bus, half of one picture. Both have four pixels. **Predict.** Which weighs more?

# %%
labels = torch.zeros(4, 2, 4, dtype=torch.int64)
labels[:, 0, 0] = 1                                     # the lamps
labels[3, 1] = 2                                        # the bus
counts = losses.count_classes(labels, num_classes=3)
share = counts.pixels / counts.pixels_where_present
overall = counts.pixels / labels.numel()
for name, f in {"where they occur": share, "over all pixels": overall}.items():
    weights = [round(w, 2) for w in (f.median() / f).tolist()]
    print(f"{name:16} shares {f.tolist()}, weights {weights}")
assert_close(losses.median_frequency(counts), share.median() / share)
assert_close(share.median() / share, torch.tensor([2 / 3, 4, 1]))

# %% [markdown]
# The lamp: its share is 1/8, that of the bus 1/2, the background's 3/4. The median is 1/2, so the lamp weighs 4 and the bus 1. Counted over all pixels, both would weigh the same, and six times as much as the background. A class is rare here if it is *small where it occurs*, not if it occurs seldom. Now for the first 100 scenes that the networks learned from. **Predict:** which of the nine classes weighs most, and about how much?

# %%
counts = losses.count_classes((train[i][1]["semantic"] for i in range(100)), 9)
weights = losses.median_frequency(counts).tolist()
weights = dict(zip(train.classes, weights, strict=True))
print({name: round(weight, 2) for name, weight in weights.items()})
assert max(weights, key=weights.get) == "person" and 6 < weights["person"] < 11
assert weights["building"] == 1

# %% [markdown] tags=["measure"]
# *person*: one pixel of it counts like about eight of *building*, the class in the middle, whose weight is 1. (Section 9 has what the paper gained. The networks of this lesson have no weights.)
#
# ## 8 · What places are worth
# SegNets with four stages, an eighth as wide as the paper's. The arms differ in one line, how a map is doubled:
#
# - *pooling indices*;
# - *random indices*: another place in its window for every value, drawn anew in each step. As many zeros, but the places say nothing;
# - *corner indices*: always the upper left. As many zeros, in a regular grid;
# - *bilinear*: no zeros, no places;
# - *features added*: the encoder's whole map from before the pooling is added to the doubled one, all channels of it: a skip (lesson 06), but of features. In two arms, doubled by indices and doubled bilinearly.
#
# All have the same parameters, multiply-adds, weights at the start and batches. A learning rate that suits one arm may spoil another, so each has the best of four rates, by its mIoU with one seed on 100 scenes that neither train nor judge.
#
# Training takes a minute for each network. So the next cell loads three of them and measures them anew, on 100 scenes. The base rate is the truth of *another* scene. Boundary F1 is within 2 pixels; mIoU hardly sees outlines; boundary F1 sees nothing but outlines, those of the right class.
#
# **Predict** once more: borders, mIoU, and what whole maps add to the indices.

# %%
live = {}
for arm in unpooling.SHIPPED:
    live[arm] = fcn_strides.measure(unpooling.pretrained(arm), val)
other = truths.roll(1, 0)
matrix = metrics.ConfusionMatrix(9).update(other, truths)
outlines = metrics.BoundaryF1(9, tolerance=2).update(other, truths)
live["truth of another scene"] = {"miou": matrix.miou(), "boundary_f1": outlines.mean()}
for name, m in live.items():
    print(f"{name:31} mIoU {m['miou']:.3f}, boundary F1 {m['boundary_f1']:.3f}")
indices, bilinear, added, _ = live.values()
assert indices["boundary_f1"] > bilinear["boundary_f1"] + 0.1 > outlines.mean() + 0.2
assert indices["miou"] > bilinear["miou"] + 0.02
assert added["boundary_f1"] > indices["boundary_f1"] + 0.1
assert added["miou"] > indices["miou"] + 0.1
tree = val.classes.index("tree")
trees = [training.evaluate(nets[arm], val)["iou"][tree] for arm in arms]
gain, by_trees = indices["miou"] - bilinear["miou"], (trees[0] - trees[1]) / 9
print(f"IoU of tree: {trees[0]:.2f} with indices, {trees[1]:.2f} bilinear;")
print(f"a ninth of that is {by_trees:.3f} of the {gain:.3f} between the two mIoUs")
assert trees[0] > trees[1] + 0.1 and by_trees > 0.5 * gain
for arm in unpooling.SHIPPED:
    for score in ("miou", "boundary_f1"):
        print(evidence.agrees("07_unpooling", arm, score, live[arm][score]))

# %%
runs = evidence.load("07_unpooling")["arms"][1:]
print("mIoU on the choosing scenes, by rate", *(f"{r:>6}" for r in runs[0]["rates"]))
for arm in runs:
    print(f"{arm['name']:36}", *(f"{score:6.3f}" for score in arm["rates"].values()))
columns = {"miou": "mIoU", "boundary_f1": "boundary F1 (2 px)"}
finer = {"boundary_1px": "boundary F1 (1 px)", "accuracy": "accuracy"}
seeds = {}                                              # arm: (3 seeds, 2 scores)
for arm in runs:
    scores = [[r["metrics"][name] for name in columns] for r in arm["runs"]]
    seeds[arm["name"]] = torch.tensor(scores)
for arm in ("bilinear", "corner indices", "random indices"):
    assert (seeds["pooling indices"].amin(0) > seeds[arm].amax(0) + 0.01).all()
whole = [seeds[f"{way}, features added"] for way in ("bilinear", "pooling indices")]
assert (whole[0].amin(0) > whole[1].amax(0)).all() and whole[1].min() > 0.6
assert (seeds["corner indices"] > seeds["bilinear"])[:, 1].all()
evidence.table("07_unpooling", columns | finer | {"things": "IoU of things"})

# %% [markdown]
# - **Borders.** The indices have a boundary F1 of 0.533 ± 0.025, bilinear interpolation 0.369 ± 0.019. Within 1 pixel it is 0.427 against 0.279. (Another scene's truth gets 0.188 within 2.)
# - **mIoU, too**: 0.490 ± 0.010 and 0.425 ± 0.020. The worst seed of the one is above the best of the other. In the two networks above more than half of the difference is one class, *tree*: small, and hardly there without places.
# - **The places, or the zeros?** The places. *Corner indices*, as many zeros without any news, do as well as interpolation: 0.430 ± 0.021 in mIoU, and 0.414 ± 0.030 in boundary F1, somewhat ahead of it in each seed. So zeros do no harm, and only about a quarter of the gain in borders is theirs. *Random indices* have 0.395 ± 0.008 and 0.356 ± 0.040: places that change at every step are worse than a fixed grid. The true places lead both by far.
# - **Whole maps give far more.** Added to the unpooled ones, mIoU rises to 0.657 ± 0.012 and boundary F1 to 0.755 ± 0.016, with no further parameter or multiply-add. (The price is section 6's memory.) So the places are only a small part of what the encoder knew.
# - **With whole maps, the indices add nothing.** Added to bilinear ones: 0.680 ± 0.002 and 0.786 ± 0.006, ahead in each seed (and at the largest rate tried, so perhaps not at its best yet). A whole map shows by itself where its maxima are.
# - **Each arm at its own rate.** At the indices' rate, 0.01, bilinear interpolation would have lost four points (printed above the table). An experiment that tunes one arm and lends its rate to the others finds what it wants.
# - **What it does not say.** These are tiny networks on drawn scenes, 480 steps from scratch, three seeds. Things are hardly found yet: an IoU of 0.130 with indices, 0.046 bilinear. Whether bilinear interpolation catches up after longer training, we did not measure.
#
# Now the course's own table (lesson 06), where every network gets the same steps and the best of three rates.

# %%
evidence.table("06_models", columns)

# %% [markdown] tags=["real"]
# There SegNet has 0.391 ± 0.060, in mIoU hardly more than FCN-32s, though its outlines are better. FCN-8s has 0.695 and the U-Net (lesson 08), which keeps whole maps, 0.694. What else could explain so low a row? Not the rate: of the three it chose the middle one. A part is the depth: the fifth pooling of 96 pixels leaves 3×3 cells, and all that the decoder says comes through them. With four stages and half of the parameters it has 0.485 ± 0.048. The two tenths to the networks with whole maps remain.
#
# ## 9 · The real thing
# SegNet at full width: VGG-16's thirteen convolutions with 64 to 512 channels down, thirteen back up. VGG-16's fully connected layers, most of FCN (lesson 06), are left out. **Predict**, against FCN-8s: how many parameters, how many multiply-adds? And the bill for all five poolings of a picture of 360×480 pixels, if the decoder got whole maps in float32?

# %%
with torch.device("meta"):                              # shapes only, no memory
    full, fcn = models.SegNet(11, width=64, stages=5), models.FCN(11, "8s")
    film = torch.zeros(1, 3, 360, 480)                  # a picture of CamVid
    work = {"SegNet": evidence.macs(full, film), "FCN-8s": evidence.macs(fcn, film)}
total = {"SegNet": full, "FCN-8s": fcn, "SegNet's encoder": full.encoder}
total = {k: sum(p.numel() for p in net.parameters()) for k, net in total.items()}
for name, count in total.items():
    print(f"{name:16} {count:11,} parameters")
print({name: f"{n / 1e9:.0f} G multiply-adds" for name, n in work.items()})
assert list(total.values()) == [29_449_355, 134_348_929, 14_723_136]
assert work["SegNet"] > 0.6 * work["FCN-8s"]
height, width, sums = 360, 480, {"maps, float32": 0, "indices": 0, "2 bits": 0}
for channels in (64, 128, 256, 512, 512):
    sums["maps, float32"] += 4 * channels * height * width
    height, width = -(-height // 2), -(-width // 2)     # poolings round up
    sums["indices"] += 8 * channels * height * width
    sums["2 bits"] += channels * height * width // 4
print({name: f"{size / 1e6:.1f} MB" for name, size in sums.items()})
assert [round(size / 1e6, 1) for size in sums.values()] == [84.4, 42.3, 1.3]

# %% [markdown]
# A fifth of FCN's parameters, half of them in the encoder: 14.7 million, where all of VGG-16 has 138. The work shrinks far less, since convolutions on large maps have few weights and use them at many pixels. The bill is 84.4 MB for whole maps, 42.3 MB for PyTorch's indices, 1.3 MB packed.
#
# The encoder begins with a VGG-16 trained on ImageNet; `load` knows which tensor goes where. A check with torchvision's layers, an eighth as wide and untrained:

# %%
widths = [8, 8, "M", 16, 16, "M", 32, 32, 32, "M", 64, 64, 64, "M", 64, 64, 64, "M"]
theirs = torchvision.models.vgg.make_layers(widths, batch_norm=True).eval()
state = {f"features.{key}": value for key, value in theirs.state_dict().items()}
net = models.SegNet(11, width=8).load(state, "vgg16_bn").eval()
convolutions = [m for m in net.encoder.modules() if isinstance(m, nn.Conv2d)]
x = picture = torch.randn(1, 3, 64, 96)
with torch.no_grad():
    for stage in net.encoder:
        x = F.max_pool2d(stage(x), 2)
    assert_close(x, theirs(picture))
assert len(convolutions) == 13

# %% [markdown]
# Online, this loads the real ones; then train:
#
# ```python
# vgg = torchvision.models.vgg16_bn(weights="DEFAULT")
# net = models.SegNet(11).load(vgg.state_dict(), "vgg16_bn")
# ```
#
# The published scores: the first two rows are the full network, trained on 3.5 thousand road pictures of several sets. The others are the paper's own comparison of decoders behind one small encoder of four stages. *SegNet-Basic* unpools. *FCN-Basic* doubles by learned transposed convolutions and adds encoder maps: scored for 11 classes as in lesson 06, or all 64 channels, or none. First all rows in mIoU, then in boundary F1. Its tolerance, 0.75 % of the diagonal, is 4.5 pixels, its mean over pictures, not over the set. So no number of this lesson may be set beside them.
#
# **Predict** what is wrong with comparing *fixed bilinear upsampling* and *SegNet-Basic*. (Look at the parameters.)

# %%
rows = "segnet-bilinear", "segnet-basic", "segnet-addition"
rows += "fcn-wide", "fcn-wide-addition", "fcn-basic"
assert 4 * 7 * 7 * 64 * 64 == 802_816                   # four decoder convolutions
keys = [f"{row}-camvid-{m}" for m in ("miou", "bf") for row in rows]
evidence.published("segnet-camvid-test", "segnet-camvid-test-bf", *keys)

# %% [markdown]
# The bilinear row has 0.8 M parameters less: the four convolutions of SegNet-Basic's decoder, 7×7 from 64 to 64 channels. Two things differ, so four points of mIoU say nothing about indices alone. A fairer pair is SegNet-Basic and *FCN-Basic with 64 channels, nothing added*. The latter has some more parameters and gets nothing from its encoder but the last map. Against it the indices are ahead by two points of mIoU and five of boundary F1.
#
# Whole maps: added where nothing was, four points of mIoU and seven of boundary F1; added to indices, one point and next to nothing. Ours gained seventeen points by the latter. We cannot tell why so much more: theirs see photographs, have 64 channels in every stage and 7×7 kernels, and add behind the convolution that densifies, ours before it. It is one run each, without a spread. The best boundary F1 belongs to FCN-Basic with 11 score maps. The authors' own summary: networks that keep the encoder's maps in full are best, and indices are for when memory is short.
#
# The same table says what the class weights gave:

# %%
rows = "segnet-basic", "segnet-basic-plain"
scores = "recall", "miou", "accuracy", "bf"
evidence.published(*(f"{row}-camvid-{score}" for score in scores for row in rows))

# %% [markdown]
# With weights, the mean class accuracy is seven points higher; mIoU gains one or two; pixel accuracy and boundary F1 lose about one. Whether that is better depends on the score (lesson 04).
#
# The authors released their weights with the code. They are in the next cell, beside those that you get by counting. **Predict** from the lamp and the bus: which classes tell whether a class's share was counted in the pictures that contain it or, as the paper's text says, in the whole training set?

# %%
names = datasets.CamVid.classes
authors = (0.2595, 0.1826, 4.564, 0.1417, 0.9051, 0.3826, 9.6446, 1.8418)
authors = dict(zip(names, (*authors, 0.6823, 6.2478, 7.3614), strict=True))
street = datasets.real_or_generated("camvid", None, split="train")
if street is not None:
    counts = losses.count_classes((sample["semantic"] for _, sample in street), 11)
    mine = losses.median_frequency(counts)
    overall = counts.pixels / counts.pixels.sum()
    for i, name in enumerate(names):
        ours, theirs = mine[i], overall.median() / overall[i]
        print(f"{name:10} {authors[name]:5.2f} {ours:5.2f}, whole set {theirs:5.2f}")
    fits = [0.8 < authors[n] / w < 1.25 for n, w in zip(names, mine, strict=True)]
    assert sum(fits) == 10 and not fits[names.index("sign")]
    share = (overall.median() / overall)[[names.index(n) for n in ("fence", "bicyclist")]]
    assert_close(share.float(), torch.tensor([3.98, 15.38]), atol=0.01, rtol=0)
    assert round(mine[names.index("sign")].item(), 2) == 3.85
else:                                                   # as the lines above found it
    print(authors)
    print("With CamVid, counting in the pictures that contain the class gives nearly")
    print("these weights, but for sign: 3.85. In the whole set, fence would get 3.98,")
    print("and bicyclist 15.38, twice as much as the authors gave.")

# %% [markdown] tags=["misconceptions"]
# Those that many pictures lack, here fence and bicyclist, each absent from about half: the authors counted in the pictures that contain the class. (*sign* weighs two and a half times what we count. We do not know why.)
#
# To train SegNet on these films beside FCN and U-Net, with a GPU: `COURSE_PROFILE=gpu python -m course_lib.experiments.model_table camvid`.
#
# ## 10 · What people get wrong
# - **"Unpooling inverts pooling."** Section 3: a quarter of the numbers is back, the rest is 0.
# - **"Unpooling learns how to upsample."** Section 3: it has no parameters. The convolutions behind it learn.
# - **"The decoder works on maps full of zeros."** Section 3: behind one 3×3 convolution every pixel has read at least one value.
# - **"The decoder gets the encoder's maxima back."** Section 4: it gets their places. The values are its own, but for the lowest level.
# - **"Doubling is enough to get the size back."** Section 2: at odd sizes all values but those of the first row land at wrong pixels, and one unpooling alone does not complain.
# - **"Indices are 64 times smaller than the maps."** Section 6: packed, yes; in PyTorch they are half of a float32 map, and in training the maps are kept anyway.
# - **"Rare classes get the large weights."** Section 7: the bus is in one picture of four and weighs 1.

# %% [markdown] tags=["quiz"]
# ## 11 · Quiz
# Five questions. Every choice is explained when you select it.

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "A map has rows of 10 pixels. The window in rows 2 and 3, columns 4 and 5 holds 3 8 above and 8 1 below. Its index?",
            "choices": [
                {"text": "25", "correct": True, "why": "The first 8 in reading order is in row 2, column 5: 2 · 10 + 5."},
                {"text": "34", "correct": False, "why": "That is the 8 below. Of equal maxima the first in reading order is taken."},
                {"text": "1", "correct": False, "why": "That is the place within the window. PyTorch counts in the whole map."},
            ],
        },
        {
            "question": "A device computes in float16. You want to keep PyTorch's indices of a 32×100×100 map in the place of the map, to save memory. What do you save?",
            "choices": [
                {"text": "31 of 32 parts", "correct": False, "why": "That would need 2 bits for a window. PyTorch's indices have 64."},
                {"text": "half", "correct": False, "why": "Half is right for a float32 map. In float16 the map is half as large."},
                {"text": "nothing", "correct": True, "why": "320,000 numbers of 2 bytes are 640 kB; 80,000 windows of 8 bytes are as much. Packed places would take 20 kB."},
            ],
        },
        {
            "question": "A network with one pooling, rounding up, reads pictures of 99×99. A colleague unpools with max_unpool2d(x, indices, 2) and crops the 100×100 map to 99×99. No error, bad labels. What happened?",
            "choices": [
                {"text": "everything lies one pixel too far to the right", "correct": False, "why": "The shift is not the same everywhere: each row is off by one pixel more than the row above."},
                {"text": "the indices count rows of 99, and were read in rows of 100", "correct": True, "why": "From the second row on they mean other pixels. Unpooling must be told the size: output_size=(99, 99)."},
                {"text": "the incomplete windows hold no maximum", "correct": False, "why": "They do: of one or two pixels one is the largest, too."},
            ],
        },
        {
            "question": "The paper's bilinear row has an mIoU of 43.3, SegNet-Basic one of 47.7. What does this pair say about pooling indices?",
            "choices": [
                {"text": "they are worth four points", "correct": False, "why": "The bilinear row also lacks the decoder's convolutions. Both differences are in the four points."},
                {"text": "nothing by itself: the decoders differ in their convolutions, too", "correct": True, "why": "One needs arms that differ in the places alone, as in section 8."},
                {"text": "they do harm, since SegNet-Basic has more parameters", "correct": False, "why": "More parameters are a reason to doubt the comparison, not to turn it around."},
            ],
        },
        {
            "question": "A class occurs in 1 of 50 pictures and fills half of that one. Most other classes fill a tenth where they occur. Its median-frequency weight is",
            "choices": [
                {"text": "the largest, since it is the rarest", "correct": False, "why": "Only pictures that contain the class count. There it is large."},
                {"text": "below 1", "correct": True, "why": "Its share is 1/2, the median about 1/10: a weight of about 1/5."},
                {"text": "1, as for every class with enough pixels", "correct": False, "why": "1 is the weight of the class in the middle, whatever its number of pixels."},
            ],
        },
    ]
)

# %% [markdown] tags=["summary"]
# ## 12 · Summary
# - Pooling indices say which pixel held each maximum. Unpooling puts a value there and zeros elsewhere. A quarter of the numbers can come back, and nothing is learned in it.
# - Behind an unpooling comes a convolution; its 3×3 neighborhoods always hold one to four values.
# - Remember the size as well: at odd sizes an index read in rows of another width means another pixel.
# - Two bits a window are enough, 64 times less than the map; PyTorch's int64 indices are half of it in float32. In training the maps are kept anyway.
# - Here places are worth much beside interpolation, in borders and in mIoU; whole maps are worth far more, and then the places add nothing. The paper's summary is the same: keep whole maps if memory allows. In the course's table, SegNet's row is 0.391 ± 0.060.
# - Median frequency gives a large weight to what is small where it occurs.
#
# **Glossary:** **encoder**, **decoder**, **pooling indices**, **unpooling**, **batch normalization**, **median frequency**
#
# **Your turn:** [exercise 07](../exercises/07_segnet.ipynb). **Next:** lesson 08 keeps whole maps at every level.

# %% [markdown] tags=["references"]
# ## References
# - [@SegNet] the network, its decoders, its bill
# - [@Eigen2015] median frequency
# - [@FCN] adding scores instead of places
# - [@VGG] the encoder
# - [@CamVid] the films
