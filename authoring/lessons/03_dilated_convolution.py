# %% [markdown] tags=["title"]
# # 03 · Dilated convolution
# **How does a network see farther without making the picture smaller?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | Whether this is a car or a boat is decided far away in the picture. How does a network get to see that far and still answer at every pixel? |
# | **Time** | 85 minutes of reading, 1 minute of running |
# | **Prerequisites** | lessons 00 to 02 |
# | **You will be able to** | dilate a kernel and say what it costs; compute the receptive field of any chain of layers and confirm it with a gradient; tell the field on paper from what the network uses; make a strided network dense with the same weights; choose rates that leave no holes |

# %%
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn
from torch.testing import assert_close

from course_lib import evidence, models, ops, plots, training, widgets
from course_lib.experiments import cue_distance, output_stride

torch.manual_seed(0);

# %% [markdown]
# ## 1 · Car or boat?
# In this world one vehicle serves as car and as boat. Among houses it is a car, in a harbor a boat. The two pictures below are **twins**: the program drew the same sky, ground and
# vehicles twice, and changed only what stands on the horizon. To the right you see what reaches a network that looks at the 39×39 pixels in the white frame.

# %%
twins = cue_distance.Twins(150, seed=1)
(houses, cars), (harbor, boats) = twins[6], twins[7]
left, top = 22, 43
near = [image[:, top : top + 39, left : left + 39] for image in (houses, harbor)]
assert torch.equal(near[0], near[1]) and not torch.equal(houses, harbor)
framed = torch.stack([houses, harbor])
framed[..., [top, top + 38], left : left + 39] = 1
framed[..., top : top + 39, [left, left + 38]] = 1
plots.show(
    plots.contact_sheet(
        [*framed, *near],
        ["cars", "boats", "39×39 of the first", "39×39 of the second"],
    ),
    alt="Two pictures with the same vehicles on the same wet ground, below houses and "
    "below a harbor, and the same small window of both, in which nothing differs.",
)

# %% [markdown] tags=["predict"]
# The two windows are equal to the last bit. Whatever a network computes from them, it gives one answer for both. The pixels that can influence an answer are its **receptive field**
# (lesson 01), and here the field must reach the horizon.
#
# You know ways to a larger field: larger kernels, at a price that grows with their area; more layers; strides, which leave a small map that must be enlarged again (lesson 02).
# This lesson adds one that keeps the map: spread the kernel.
#
# ## 2 · A kernel full of zeros
# A **dilated** convolution, also called *atrous*, from the French for "with holes", moves the *taps* of its kernel (its weights) `rate` pixels apart. PyTorch's argument is `dilation`.
#
# **Predict.** A 3×3 kernel at rate 2 on a 9×9 map, no padding, stride 1. How large is the output: 7×7, 5×5 or 3×3? And how many weights has the kernel?

# %%
x, kernel = torch.randn(1, 1, 9, 9), torch.randn(1, 1, 3, 3)
out = F.conv2d(x, kernel, dilation=2)
print("output", tuple(out.shape[-2:]), "from", kernel.numel(), "weights")

# %% [markdown] tags=["build"]
# Five by five, from nine weights. In one dimension you can do it on paper. The taps 1 2 3 at rate 2 lie on every second number of the input 1 2 3 4 5 6 7. The first output is
# 1·1 + 2·3 + 3·5 = 22. An ordinary convolution with the kernel 1 0 2 0 3 does the same sums:

# %%
row = torch.arange(1.0, 8.0).view(1, 1, 7)
taps = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 3)
with_zeros = torch.tensor([1.0, 0.0, 2.0, 0.0, 3.0]).view(1, 1, 5)
by_hand = torch.tensor([22.0, 28.0, 34.0])
assert_close(F.conv1d(row, taps, dilation=2)[0, 0], by_hand)
assert_close(F.conv1d(row, with_zeros)[0, 0], by_hand)

# %% [markdown] tags=["prove"]
# You have met the function that puts zeros between numbers: lesson 02 spread the *input* of a transposed convolution with `ops.insert_zeros`. Now spread the *kernel* with it. The taps cover
# $d\,(k-1)+1$ pixels, the kernel's **extent**; in the size formula of an ordinary convolution the extent takes the place of $k$:
#
# $$\text{out} = \lfloor (n + 2p - d\,(k-1) - 1)\,/\,s \rfloor + 1$$

# %%
for k in (1, 2, 3, 5):
    for rate, s, p in [(1, 1, 0), (2, 1, 0), (2, 1, 2), (3, 2, 1), (4, 1, 4)]:
        maps, w = torch.randn(2, 3, 21, 18), torch.randn(4, 3, k, k)
        out = F.conv2d(maps, w, stride=s, padding=p, dilation=rate)
        full = F.conv2d(maps, ops.insert_zeros(w, rate), stride=s, padding=p)
        assert_close(out, full)
        assert out.shape[-1] == ops.conv_output_size(18, k, s, p, rate)
print("extent of a 3×3 kernel:", {rate: 2 * rate + 1 for rate in (1, 2, 4, 6, 12, 18)})

# %% [markdown] tags=["see"]
# PyTorch skips the zeros, so a 3×3 kernel costs nine multiply-adds per pair of channels and output cell, at any rate. With stride 1 the map keeps its size if the padding is half of what the kernel reaches beyond one cell, $d\,(k-1)/2$: for a
# 3×3 kernel the padding is the rate. A rate-2 kernel spans 5×5 cells but reads 9 of the 25, so it is no 5×5 kernel.
#
# **Push it.** The explorer lays the kernel on a map; what lies outside the map is padding, all zeros. Raise the rate on the 9×9 map. From which rate on is there *no* position with all nine taps inside? And from which rate on does every
# position read one cell only?

# %%
widgets.dilation_explorer(kernel=3, dilation=2, size=9)

# %% [markdown] tags=["break"]
# ### A rate larger than the map
# Count it: a kernel of ones on a map of ones shows the number of taps inside. The first rows answer the questions above; the rest is a map of 65×65 cells, as in a network on pictures of about
# 500 pixels at stride 8.

# %%
share = {}
for size, rate in [(9, 5), (9, 8), (9, 9), *((65, r) for r in (6, 12, 18, 24, 65))]:
    ones, w = torch.ones(1, 1, size, size), torch.ones(1, 1, 3, 3)
    inside = F.conv2d(ones, w, padding=rate, dilation=rate)
    nine, one = ((inside == n).float().mean() for n in (9, 1))
    share[size, rate] = nine, one
    print(f"{size}×{size}, rate {rate:2}: all nine {nine:.3f}, only one {one:.3f}")
assert share[9, 5][0] == 0 and share[9, 8][1] < 1 and share[9, 9][1] == 1
assert abs(share[65, 18][0] - 0.199) < 1e-3

# %% [markdown] tags=["build"]
# On 9×9 the answers are 5 and 9. On 65×65, rate 18 leaves all nine taps inside at 0.199 of the positions, and at rate 65 the 3×3 kernel *is* a 1×1 kernel. A large rate on a small map buys zeros.
#
# ## 3 · How far does an answer see?
# Follow one output cell down to the input. Two numbers suffice. The **size** of the field begins at 1 pixel. The **jump** is the distance, in pixels of the *input*, between neighboring cells of the current map; it begins at 1.
#
# A layer's $k$ taps lie $d$ cells apart, which is $d$ · jump pixels. So the field grows by $(k-1)\,d$ times the jump *before* the layer. Then the stride multiplies the jump. The jump after the last layer is the **output stride**. Three 3×3 layers, the second with stride 2:
#
# | layer | jump before | adds | field | jump after |
# |---|---|---|---|---|
# | input | | | 1 | 1 |
# | 3×3 | 1 | 2 · 1 | 3 | 1 |
# | 3×3, stride 2 | 1 | 2 · 1 | 5 | 2 |
# | 3×3 | 2 | 2 · 2 | 9 | 2 |

# %%
layers = [(3, 1, 1), (3, 2, 1), (3, 1, 1)]                     # kernel, stride, padding
fields = [ops.receptive_field(layers[:n]) for n in range(4)]
for field in fields:
    print(field)
assert [field.size for field in fields] == [1, 3, 5, 9]

# %% [markdown] tags=["predict"]
# A stride does not widen its own layer's field: it doubles what every *later* layer adds. `start` is the third number: output cell $i$ sees `size` pixels from pixel `start` + $i$ · `jump` on. Each
# layer's padding moves it to the left by padding · jump, again the jump *before* the layer, so it is negative: the first windows begin outside the picture.
#
# The gradient can check the arithmetic. If a pixel has a path to an output cell, the cell's derivative with respect to that pixel is not zero. Take the three layers as a network, with every weight 1/9, and
# differentiate output cell (8, 8): `ops.input_gradient` returns the derivative's absolute value for each pixel, averaged over pictures and colors, and `ops.field_box` the box of what is not zero. **Predict** the rows it sees, from `size` 9, `jump` 2 and `start` -4.

# %%
def plain(layers):
    """A chain of 3×3 convolutions of one channel, without bias, every weight 1/9."""
    convs = [nn.Conv2d(1, 1, k, s, p, d, bias=False) for k, s, p, d in layers]
    for conv in convs:
        nn.init.constant_(conv.weight, 1 / 9)
    return nn.Sequential(*convs)


field, net = fields[-1], plain(ops.Layer(*layer) for layer in layers)
gradient = ops.input_gradient(net, torch.rand(1, 1, 33, 33), cell=(8, 8))
top, _, bottom, _ = ops.field_box(gradient)            # bottom is one past the last
print(f"rows {top} to {bottom - 1}")
first = field.start + 8 * field.jump
assert (top, bottom) == (first, first + field.size)

# %% [markdown]
# Rows 12 to 20. The weights were chosen well: all positive, no ReLU. In a real network three things can hide a pixel that *has* a path. Weights of both signs may cancel, rarely exactly. A ReLU that is off passes nothing. A
# max-pooling passes its winner only. So one picture shows a part of the field, and many random pictures together show it all:

# %%
conv = [nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 2), (2, 4))]
real = nn.Sequential(conv[0], nn.ReLU(), nn.MaxPool2d(4), conv[1])
size, shown = ops.receptive_field(ops.layers_of(real)).size, {}
for n in (1, 64):
    gradient = ops.input_gradient(real, torch.randn(n, 3, 32, 32))
    shown[n] = int((gradient > 0).sum())
    print(f"{n:2} pictures show {shown[n]} of the {size**2} pixels of the field")
assert shown[1] < 0.9 * size**2 and shown[64] == size**2

# %% [markdown] tags=["see"]
# **Push it.** The painter draws every path of one output cell; move the cell with the arrow keys. Set the second layer's stride to 1. What does the field lose, what does the
# map gain? Then give the third layer the rate 2: what comes back? Now keep all strides at 1 and reach a field of 15 or more with three layers. Which rates leave cells untouched, which do not?

# %%
widgets.receptive_field_painter(layers=[(3, 1), (3, 2), (3, 1)])

# %% [markdown] tags=["predict"]
# ## 4 · The field on paper and the field in use
# The classifiers that segmentation networks are built on have large fields. VGG-16 [@VGG] has 13 convolutions and five poolings; its first fully connected layer reads all 7×7 cells of the last map. `ops.layers_of` reads the layers
# off a network. **Predict** for pictures of 224 pixels: does one cell of VGG's last map, pool5, see all of it? Does one of ResNet-50's [@ResNet]?

# %%
vgg = [layer for n in (2, 2, 3, 3, 3) for layer in [(3, 1, 1)] * n + [(2, 2)]]
sees = {"VGG-16 conv5_3": vgg[:-1], "VGG-16 pool5": vgg, "VGG-16 fc6": [*vgg, (7,)]}
for name in ("resnet50", "resnet101"):
    sees[name] = ops.layers_of(models.ResNet(name, width=4, num_classes=None))
sizes = {name: ops.receptive_field(layers).size for name, layers in sees.items()}
print(sizes)
assert list(sizes.values()) == [196, 212, 404, 427, 971]

# %% [markdown] tags=["build"]
# VGG's 212 pixels almost reach, ResNet-50's 427 are nearly twice the picture. How much do the *edges* of a field weigh? Here are two ways to the same field, 31 cells wide: four layers with the rates 1, 2, 4, 8, or
# fifteen with rate 1.
#
# With every weight 1/9 the gradient at a cell is the share of all paths that end there. A path is a random walk: in each layer it steps $-d$, 0 or $d$ cells, so each layer adds $\tfrac{2}{3}d^2$ to the variance. Many small steps make a narrow bell, as many coins do; few large ones
# go far. **Predict:** four layers with variance $\tfrac{2}{3}(1+4+16+64)$, fifteen with $\tfrac{2}{3}\cdot 15$: which is wider, and by how much?

# %%
for rates in ((1, 2, 4, 8), (1,) * 15):
    chain = plain(ops.Layer(3, 1, rate, rate) for rate in rates)
    paths = ops.input_gradient(chain, torch.rand(1, 1, 49, 49)).sum(0)  # along one axis
    offset = torch.arange(49) - 24
    sd, far = (paths * offset**2).sum().sqrt(), paths[offset.abs() > 7].sum()
    print(f"{len(rates):2} layers: sd {sd:.2f} cells; beyond 7 {far:.1%} of the paths")
    assert abs(sd - (2 / 3 * sum(rate**2 for rate in rates)) ** 0.5) < 1e-3

# %% [markdown]
# The part of the field that carries most of the weight is the **effective receptive field** [@Luo2016]. In deep undilated networks it looks like a Gaussian, and its share of the field on paper shrinks as layers are added: the field grows like their number, the bell like its
# square root. Now the same two as real networks, with random weights and ReLU, behind a stem (two strided convolutions, field 7, stride 4). Their field in pixels is 7 + 4 · 30 = 127: `ops.effective_size` is the side of the square that holds 95 % of the gradient.

# %%
noise, held, maps = torch.randn(8, 3, 160, 160), {}, []
for arm in ("field 127: rates 1,2,4,8", "field 127: 15 layers of rate 1"):
    net = cue_distance.build(arm, seed=0).eval()
    gradient = ops.input_gradient(net.scores, noise)               # before upsampling
    top, _, bottom, _ = ops.field_box(gradient)
    held[arm] = ops.effective_size(gradient)
    maps.append((gradient / gradient.max()).sqrt())     # the root shows weak parts too
    print(f"{arm:31} {bottom - top} pixels by gradient; 95 % in {held[arm]}")
    assert bottom - top == 127
assert held["field 127: rates 1,2,4,8"] > 1.3 * held["field 127: 15 layers of rate 1"]
plots.show(
    plots.side_by_side(maps, list(held)),
    alt="How strongly each pixel moves one answer: with rates 1, 2, 4, 8 a wide "
    "plateau, with 15 layers a narrow bell. The squares that hold 95 % have sides of "
    f"{' and '.join(map(str, held.values()))} pixels.",
)

# %% [markdown] tags=["break"]
# Both have the field 127, arithmetic and gradient agree on that. The weights are random here. Training may move the weight about; section 7 looks again, and asks which of the two learns to tell a car from a boat.
#
# ## 5 · Holes
# **Predict.** Three 3×3 layers, all with rate 2. The field is 13×13 = 169 cells. How many of them have any path to the output cell?

# %%
touched = {}
for rates in ((1, 1, 1), (2, 2, 2), (1, 2, 4), (1, 2, 5), (4, 4), (1, 4)):
    chain = plain(ops.Layer(3, 1, 0, rate) for rate in rates)
    side = 1 + 2 * sum(rates)
    touched[rates] = ops.input_gradient(chain, torch.rand(1, 1, side, side)) > 0
    print(f"rates {rates}: {int(touched[rates].sum())} of {side**2} cells")
grid = touched[2, 2, 2]
assert grid.sum() == 49 and touched[1, 2, 5].all() and touched[4, 4].sum() == 25
assert not (grid[:, 1:] & grid[:, :-1]).any()           # it and its neighbor's
pictures = [0.9 - 0.7 * seen.float() for seen in touched.values()]
plots.show(
    plots.contact_sheet(pictures, list(map(str, touched)), columns=6),
    alt="Which cells of the field are touched, dark: all of them for 1,1,1, for "
    f"1,2,4 and 1,2,5; {int(grid.sum())} single cells for 2,2,2; gaps for 4,4 and 1,4.",
)

# %% [markdown]
# Steps of -2, 0 or 2 never leave the even cells. So the output's even cells are computed from even cells alone, odd ones from odd: four networks in each other's gaps, which never exchange a number. Neighboring answers share *no* input; the cell above asserts it. This is **gridding** [@Wang2018].
#
# Two ways to think of a cure. In steps: can you reach every offset with one step of $-d$, 0 or $d$ per layer? With 1, 2, 4 you can; a common factor rules it out. In blocks: a layer of rate $d$ lays three copies of what is touched so far side by side, $d$ cells apart. Copies
# farther apart than the block is wide leave a gap; so 1, 4 fails although it has no common factor. Rates that grow within a group of layers and leave no gap are called *hybrid*. You will choose such rates in the exercise.

# %% [markdown] tags=["predict"]
# ## 6 · A strided network made dense, with the same weights
# A classifier with stride 32 gives 96×96 pixels 3×3 answers. Must one train another network to get more? No. Take away the last strides, so that those layers answer at every cell. But now the next layer's neighbors are the wrong ones: what was
# one cell away is now two cells away.
#
# **Predict.** Two 3×3 layers, the first with stride 2. Stride becomes 1, the weights stay. Which rate does the first layer need now, which the second?

# %%
first, second = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 4, 3, padding=1)
image = torch.randn(1, 3, 20, 20)
with torch.no_grad():
    old = second(first(image).relu())                              # 10×10
    fine = F.conv2d(image, first.weight, first.bias, stride=1, padding=1).relu()
    new = F.conv2d(fine, second.weight, second.bias, padding=2, dilation=2)
    forgot = F.conv2d(fine, second.weight, second.bias, padding=1)
print("old", tuple(old.shape[-2:]), "new", tuple(new.shape[-2:]))
assert_close(new[..., ::2, ::2], old)                 # every second cell is the old map
assert not torch.allclose(forgot[..., ::2, ::2], old, atol=0.1)

# %% [markdown] tags=["prove"]
# The layer that loses its stride keeps its rate. The layers *behind* it get the rate 2, and padding to match, so they meet the cells they met before. Every second cell of the new map is the old map; the cells between are what the same network says about the
# picture moved by one pixel (the border apart). A second stride taken away doubles the rate again: 4. `ops.dilated` walks through a whole network; a ResNet's shortcuts lose their strides too. (A pooling is a kernel like any other: it can lose its stride, and behind a lost stride its taps spread.)

# %%
net = models.ResNet("resnet18", width=8, num_classes=None).eval()
dense = ops.dilated(net, output_stride=8)
picture = torch.randn(2, 3, 96, 128)
with torch.no_grad():
    old, new = net(picture), dense(picture)
print("stride 32:", tuple(old.shape[-2:]), " stride 8:", tuple(new.shape[-2:]))
assert_close(new[..., ::4, ::4], old, atol=1e-4, rtol=1e-4)
fields = [ops.receptive_field(ops.layers_of(n)).size for n in (net, dense)]
assert fields[0] == fields[1]
same = models.ResNet("resnet18", width=8, num_classes=None, output_stride=8).eval()
same.load_state_dict(net.state_dict())                # the library's option is the same
assert_close(same(picture), new)

# %% [markdown]
# So dilation *keeps* the field that the strides had, on a map 4 times finer on each side. (`eval()` matters: in training, batch normalization averages over more cells and the maps differ.) What it costs is work: behind one stride taken away a layer runs on 4 times as many cells, behind two on 16 times as many.
# **Predict** the factor for a whole ResNet-101, from stride 16 to 8 and from 32 to 8, on 512×512 pixels.

# %%
work = {}
with torch.device("meta"):                              # shapes only, no arithmetic
    for stride in (32, 16, 8):
        resnet = models.ResNet("resnet101", output_stride=stride, num_classes=None)
        work[stride] = evidence.macs(resnet, torch.zeros(1, 3, 512, 512)) / 1e9
        print(f"stride {stride:2}: {work[stride]:5.1f} G multiply-adds")
print(f"8 against 16: {work[8] / work[16]:.1f}; against 32: {work[8] / work[32]:.1f}")
assert round(work[8] / work[16], 1) == 3.4 and round(work[8] / work[32], 1) == 4.3

# %% [markdown] tags=["measure"]
# 3.4 and 4.3, not 4 and 16: the first stages do not change, and 23 of the 33 blocks stand in stage 3, which lies behind one of the two strides only.
#
# ## 7 · Accuracy against the distance of the cue
# The experiment of section 1. The arms share a stem with stride 4 and field 7, and four 3×3 convolutions of 32 channels; their rates alone differ. Equal parameters, equal multiply-adds. They learn from 320 ordinary *context* scenes, for 250 steps. Vehicles are about 5 % of the
# pixels, so their pixels weigh ten times as much in the loss, in all arms but one. Further arms are strided, or deeper.
#
# **Judged** are 150 pairs of twins. A vehicle's answer is *car* or *boat*, whichever of these two logits is larger at most of its pixels. An answer that does not depend on the skyline is right in exactly one of two twins, so the base rate is 0.5: the table's first row answers without looking. Nothing below the
# horizon can raise it: not the colors, not the position, not the zero padding that tells a network where the border is. They are the same in both twins.
#
# **Distance** is the least one between the vehicle's pixels and the skyline. What it does not see: other pixels of the vehicle are up to a vehicle's height farther away, and how much of the skyline one must see to know it.
#
# **Predict.** Half of the vehicles are 41 or more pixels from the skyline. From what distance on do the rates 1, 1, 1, 1 (field 39) answer at random? And 1, 2, 4, 4 (field 95)? The first answer comes at once, the second with the table.

# %%
bins = dict(zip(cue_distance.BINS, twins.counts(), strict=True))
print("vehicles by distance (d24: from 24 pixels on):", bins)
train, live, nets = cue_distance.scenes(), {}, {}
for arm in ("field 39: rates 1,1,1,1", "field 127: rates 1,2,4,8"):
    nets[arm], live[arm] = cue_distance.run(arm, 0, train, twins)
    print(evidence.agrees("03_cue_distance", arm, "vehicles", live[arm]["vehicles"]))
    print("   vehicles right, by distance", [f"{live[arm][name]:.2f}" for name in bins])
short, wide = live.values()
assert wide["d40"] > short["d40"] + 0.3 and wide["d48"] > short["d48"] + 0.3
assert wide["flip"] > 0.8 and short["flip"] < 0.05

# %% [markdown]
# The narrow network is at 0.5 in every bin. It reaches 19 pixels; the nearest vehicle is 18 away with its *nearest* pixel, and with most of its pixels more. Now the counterfactual, without any training: the same ground under the other skyline. Does the answer flip? (Orange is *car*, blue is *boat*.)

# %%
shown, titles = [], []
for arm, model in nets.items():
    for name, image in (("houses", houses), ("harbor", harbor)):
        labels = training.predict(model, image)
        shown.append(plots.overlay_rgb(image, labels, twins.colors, 0.7, 220))
        titles.append(f"{arm[:9].strip(':')}, {name}")
plots.show(
    plots.contact_sheet(shown, titles),
    alt="Predicted classes of the twins. The narrow network colors the vehicles alike "
    "below houses and harbor, the wide one does not. Over all twins, right in both: "
    f"{short['flip']:.0%} and {wide['flip']:.0%}.",
)
for arm, figures in live.items():
    print(f"{arm}: {figures['flip']:.0%} of the vehicles right in both twins;", end=" ")
    print(f"at {figures['unmoved']:.0%} of their pixels the logits did not move")
assert short["unmoved"] > 0.9 > 0.2 > wide["unmoved"]

# %% [markdown]
# Logits that do not move need no statistics: those pixels *cannot* tell.
#
# Section 4 promised a second look: does training widen the effective field, as [@Luo2016] found for their networks? `cue_distance.effective` asks on larger scenes, so that the field fits in.

# %%
for arm, model in nets.items():
    before = cue_distance.effective(cue_distance.build(arm, 0))
    after = cue_distance.effective(model)
    pixel = ops.field_box(ops.input_gradient(model, noise, cell=(80, 80)))
    print(f"{arm}: 95 % in {before} pixels before training, {after} after;", end=" ")
    print(f"an enlarged pixel sees {pixel[2] - pixel[0]}")
assert after > 2.5 * 39                                 # the last one: the wide network

# %% [markdown]
# Hardly, in these two: the weight stays where the rates put it. (A pixel of the enlarged answer sees 4 more pixels than a cell, since bilinear interpolation mixes two neighboring cells.)
#
# Now all fields, five seeds each, from the committed table. A dotted line marks each field's reach, (field − 1)/2.

# %%
runs = {arm["name"]: arm["runs"] for arm in evidence.load("03_cue_distance")["arms"]}
fig = Figure(figsize=(9, 3.6), dpi=100, layout="constrained")
ax, ends = fig.subplots(), []
colors = ["#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7"]
looks, five = ["o-", "s--", "^-", "D-", "v--"], list(cue_distance.ARMS)[:5]
for color, look, arm in zip(colors, looks, five, strict=True):
    right = torch.tensor([[run["metrics"][name] for name in bins] for run in runs[arm]])
    middles = (20, 28, 36, 44, 52, 60)
    mean, sd = right.mean(0), right.std(0)
    ax.errorbar(middles, mean, sd, fmt=look, color=color, capsize=3, label=arm)
    size = ops.receptive_field(ops.layers_of(cue_distance.build(arm, 0))).size
    ax.axvline((size - 1) // 2, color=color, linestyle=":", linewidth=1.2)
    ends.append(f"{arm}: {mean[0]:.2f} and {mean[-1]:.2f}")
ax.axhline(0.5, color="#888888", linewidth=0.8)
ax.set(xlabel="distance to the skyline, middle of the bin", ylabel="vehicles right")
ax.set(xlim=(15, 70), ylim=(0.4, 1.02))
ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plots.show(fig, alt=f"Vehicles right in the nearest and last bin. {'; '.join(ends)}.")

columns = {"d24": "24 to 32 px", "d40": "40 to 48 px", "d56": "56 px and more"}
columns |= {"flip": "right in both twins", "miou": "mIoU"}
evidence.table("03_cue_distance", columns)

# %% [markdown]
# What the figure and the table say, and what they do not:
#
# - **There is a cliff at the reach.** Field 95 (reach 47) falls from 0.982 to 0.798 in the bin of its reach, and to 0.502 behind it. Field 63 is at 0.500 from 32 pixels on (see the figure); before that its seeds differ much. The reach of field 127, 63, lies within the last bin: 0.819. The edge is not sharp:
#   interpolation adds a few pixels, and a vehicle's lower pixels need more than its nearest.
# - **Holes cost a little.** 4, 4, 4, 4 has the widest field and is best in the last bin, 0.918 to 0.819. Nearer it stays below 1, 2, 4, 8, and so does its mIoU, 0.803 to 0.835. Gridding is a likely reason; we did not isolate it.
# - **A field on paper is not enough.** 15 layers of rate 1 have the field 127, more parameters and more work. After 250 steps they stand at 0.5 everywhere, with shortcuts too. Depth alone is not to blame: 15 layers, 11 of them 1×1 and four dilated, learn it. With four
#   times the steps, on 4000 scenes, one of four seeds found the skyline after all (hence the spread). So it is not impossible for small steps, only hard. Section 4 offers a reason, the faint edge of their field; we did not prove that it is the only one.
# - **Dilation is one route of several.** Strides 2, 2, 1, 1 have the field 95 and a quarter of the work. Why do they still have 0.955 between 48 and 56 pixels, where the rates 1, 2, 4, 4 have 0.504? Their coarse grid: a cell speaks for 16 pixels and is mixed with the next one, so an enlarged pixel sees up to 95 + 16 = 111. They name the vehicles well. But their mIoU of 0.637 is that of the network that guesses: what they gain in names, they lose in outlines.
# - **Seeing is not yet knowing.** With the plain loss, the network with field 127 has 0.578 at 40 to 48 pixels after 250 steps. It could know, and has not learned to.
#
# What is due to the tiny scale: one kind of cue, along the whole horizon, above a ground without any hint. In photographs hints are everywhere; do not expect such a cliff there.
#
# ### And on ordinary scenes?
# **Predict.** A ResNet-18, an eighth as wide as usual, labels the street scenes of lesson 00: at stride 32; at stride 16 and 8 by dilation; and at stride 8 with all rates set back to 1 (same weights, same cost). Which difference is large, which small?

# %%
for arm in output_stride.ARMS:
    field = ops.receptive_field(ops.layers_of(output_stride.build(arm, seed=0)))
    print(f"{arm:34} jump {field.jump:2}, reach {(field.size - 1) // 2}, picture 96")
    assert (field.size - 1) // 2 > 96
columns = {"accuracy": "pixel accuracy", "miou": "mIoU", "things": "mean IoU of things"}
evidence.table("03_output_stride", columns)

# %% [markdown]
# The large difference is resolution: 0.336 at stride 32, 0.424 at 16, 0.518 at 8. Dilation itself adds nothing here. Without it, stride 8 reaches 0.535, if anything a little more. The undilated network already reaches 113 pixels in every direction, farther than the picture goes, so there
# is nothing left for a wider field to see. Dilation is a way to a field; where the field is large enough already, it has nothing to give. (So this experiment cannot show what a wider field is good for. The twins can.) Whoever goes from stride 32 to a dilated stride 8 and gains should ask which of the two it was.

# %% [markdown] tags=["real"]
# ## 8 · The real thing
# DeepLab [@DeepLabV1] took this road: of a classifier's five halvings it keeps three or four and dilates behind the rest. ResNet has *one* pooling, in its stem; what DeepLab removes there are strides of the last stages. The same network was tested at stride 16 and 8, and one may read off the price:

# %%
evidence.published(
    "deeplabv3-r101-voc-val-os16",
    "deeplabv3-r101-voc-val-os8",
    "deeplabv3-r101-madds-os16",
    "deeplabv3-r101-madds-os8",
)

# %% [markdown]
# The work grows by the same factor as in section 6. DeepLab's last module looks at the map with several rates at once, 6, 12 and 18 at stride 16 (lesson 10 builds it). Rates count *cells*: at stride 8, where cells are half as large, they are doubled to span the same pixels. A kernel of rate 18 spans 37 cells, at stride 16 that is 592 pixels.
#
# Two conventions exist for dilating a ResNet. Torchvision dilates *behind* the layer that lost its stride, as section 6 does, and the field stays 427. Others dilate that layer too: same weights, other outputs, another field.
# Official ImageNet weights load into either: `models.ResNet("resnet50", output_stride=8).load(state_dict)`.

# %%
backbone = models.ResNet("resnet50", width=4, num_classes=None, output_stride=8)
poolings = [m for m in backbone.modules() if isinstance(m, nn.MaxPool2d)]
exact = ops.receptive_field(ops.layers_of(backbone)).size
for stage, rate in ((backbone.layer3, 2), (backbone.layer4, 4)):
    stage[0].conv2.dilation = stage[0].conv2.padding = (rate, rate)
other = ops.receptive_field(ops.layers_of(backbone)).size
print(f"fields {exact} and {other}; {len(poolings)} pooling; 37 cells: {37 * 16} px")
assert (exact, other, len(poolings)) == (427, 475, 1)

# %% [markdown] tags=["misconceptions"]
# ## 9 · What people get wrong
# - **"Dilated and transposed convolution are the same."** The next cell: one spreads the kernel and keeps the size, the other spreads the input and enlarges it; as matrices they are not even of one shape.
# - **"Dilation is free context."** Sections 2, 5 and 6: it adds no parameters, but a large rate on a small map reads padding, equal rates leave holes, and the finer map costs several times the work.
# - **"A 3×3 kernel of rate 2 is a 5×5 kernel."** Section 2: the extent of one, nine weights, 16 cells unread.
# - **"A strided layer doubles the receptive field."** Section 3: it doubles the jump, and so what later layers add.
# - **"A field as large as the picture sees the whole picture."** Section 4: the edges can weigh next to nothing. Section 7: after 250 steps, 15 small steps with the field 127 name vehicles no better than chance.
# - **"DeepLab does without downsampling."** Section 8: stride 16 or 8 remains.

# %%
def jacobian(layer, n=7):
    """The layer as a matrix, (output cells, n * n); column j answers a 1 at cell j."""
    units = torch.eye(n * n).view(n * n, 1, n, n)
    return layer(units).flatten(1).T


w = torch.rand(1, 1, 3, 3) + 0.1                                   # no weight is 0
spread_kernel = jacobian(lambda x: F.conv2d(x, w, padding=2, dilation=2))
spread_input = jacobian(lambda x: F.conv_transpose2d(x, w, stride=2))
for name, matrix in (("dilated", spread_kernel), ("transposed", spread_input)):
    reads = (matrix != 0).sum(1)
    print(f"{name}: {tuple(matrix.shape)}; reads {reads.min()} to {reads.max()} inputs")
assert spread_kernel.shape == (49, 49) and spread_input.shape == (225, 49)
assert (spread_kernel != 0).sum(1).max() == 9 and (spread_input != 0).sum(1).max() == 4

# %% [markdown] tags=["quiz"]
# ## 10 · Quiz
# Five questions. Every choice is explained when you select it.

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "A 3×3 convolution with rate 4 keeps a 24×24 map's size. What is its padding?",
            "choices": [
                {"text": "1", "correct": False, "why": "That keeps the size at rate 1. Here the extent is 9, so the map would lose six cells."},
                {"text": "4", "correct": True, "why": "The extent is 4 · 2 + 1 = 9, which reaches 4 cells beyond its middle on each side."},
                {"text": "9", "correct": False, "why": "That is the whole extent. Half of what exceeds one cell is enough on each side."},
            ],
        },
        {
            "question": "A chain: 3×3 with stride 2, 3×3 with stride 2, 3×3 with rate 2. Its receptive field is",
            "choices": [
                {"text": "15", "correct": False, "why": "You forgot the rate: the last layer's taps lie two cells apart, so it adds 2 · 2 · 4 = 16."},
                {"text": "23", "correct": True, "why": "1 + 2 · 1 + 2 · 2 + 2 · 2 · 4 = 23. The jump before the last layer is 4."},
                {"text": "29", "correct": False, "why": "You multiplied by the jump after each layer. A stride acts on later layers only."},
                {"text": "9", "correct": False, "why": "You added as if there were no strides. Each layer adds in units of the jump before it."},
            ],
        },
        {
            "question": "Which rates for three 3×3 layers of stride 1 touch every cell of their field?",
            "choices": [
                {"text": "2, 4, 8", "correct": False, "why": "All are even, so no odd offset can be reached."},
                {"text": "1, 3, 9", "correct": True, "why": "Blocks of 3, then 9, then 27 cells: each copy begins where the last one ends. Every cell has exactly one path."},
                {"text": "1, 2, 8", "correct": False, "why": "The first two touch a block of 7. Three copies of it, 8 apart, leave a cell between them."},
            ],
        },
        {
            "question": "You set the stride of one layer in a trained network from 2 to 1. What must change so that every second cell of the final map is as before?",
            "choices": [
                {"text": "the rate and padding of that layer", "correct": False, "why": "That layer reads the same input as before. Its taps must stay where they were."},
                {"text": "the rate and padding of all later layers", "correct": True, "why": "Their inputs now lie twice as dense, so the cells they used to read are two apart."},
                {"text": "the weights, by some more training", "correct": False, "why": "With rates set right the old answers are all there, to rounding."},
            ],
        },
        {
            "question": "Two networks have the field 127 by arithmetic. After the same training one ignores a cue 50 pixels away. What do you look at first?",
            "choices": [
                {"text": "the gradient of an answer with respect to the picture", "correct": True, "why": "It shows how much of the field carries weight. On paper two fields can be equal and in use very different."},
                {"text": "the arithmetic, which must be wrong", "correct": False, "why": "It says what can influence the answer, not how strongly. Both may be right."},
                {"text": "the number of parameters", "correct": False, "why": "In section 7 the network with more parameters was the one that did not learn it."},
            ],
        },
    ]
)

# %% [markdown] tags=["summary"]
# ## 11 · Summary
# - A dilated convolution is a convolution with a kernel full of zeros: extent d (k - 1) + 1, weights and work of the small kernel.
# - The receptive field grows by (k - 1) · d · jump per layer; a stride multiplies the jump. A gradient confirms it, if nothing hides a path.
# - What counts is the effective field. Few large steps spread wider than many small ones.
# - Take away a stride, give the later layers the rate, and the same weights answer densely; the work grows with the number of cells.
# - Rates larger than the touched block, or with a common factor, leave holes.
# - A cue out of reach cannot be learned. One within reach may be.
#
# **Glossary:** **dilated convolution**, **rate**, **extent**, **receptive field**, **jump**, **output stride**, **effective receptive field**, **gridding**
#
# **Your turn:** [exercise 03](../exercises/03_dilated_convolution.ipynb). **Next:** lesson 04 asks what makes one mask better than another.

# %% [markdown] tags=["references"]
# ## References
# - [@YuKoltun2016] dilated convolutions for context, and networks without their last strides
# - [@Luo2016] the effective receptive field
# - [@Wang2018] gridding and hybrid rates
# - [@DeepLabV1] a classifier made dense for segmentation
# - [@DeepLabV3] rates and strides, taps at the border
# - [@DeepLabV3+] work at stride 16 and 8
# - [@VGG], [@ResNet] the classifiers
