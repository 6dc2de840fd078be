# %% [markdown] tags=["title"]
# # 06 · FCN
# **How does a classifier become a segmenter (32s, 16s, 8s)?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | A classifier says *street* for a whole picture. What must change in it, and what need not, for an answer at every pixel? |
# | **Time** | 80 minutes of reading, 1 minute of running |
# | **Prerequisites** | lessons 00 to 04 |
# | **You will be able to** | turn a fully connected layer into a convolution and say of which size; trace the size of every map; derive how much to crop and where; add score maps of three strides by hand; say how much a skip gains, and compared with what |

# %%
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.testing import assert_close

from course_lib import evidence, metrics, models, ops, plots, training, widgets
from course_lib.experiments import fcn_strides as strides
from course_lib.experiments.street_unet import MostFrequent

torch.manual_seed(0);

# %% [markdown]
# ## 1 · Nine answers
# VGG-16 (lesson 03) is a classifier. Five poolings halve its map, so of 96×96 pixels 3×3 cells are left. The map behind the last one is called **pool5**; behind the fourth lies pool4, at stride 16, behind the third pool3, at stride 8. Here is a street scene, its classes, and the nine cells.

# %%
train, val = strides.scenes()
image, truth = val[5][0], val[5][1]["semantic"].as_subclass(torch.Tensor)
classes = plots.overlay_rgb(image, truth, val.colors, 0.7, 384)
fig = plots.side_by_side([image, classes], ["a scene", "its classes, and nine cells"])
for third in (1, 2):
    fig.axes[1].axhline(third * len(classes) / 3, color="black", lw=2)
    fig.axes[1].axvline(third * len(classes) / 3, color="black", lw=2)
plots.show(fig, alt="A street scene; beside it its classes, cut into nine cells.")

# %% [markdown] tags=["predict"]
# Two networks learn in the next cell, both on a VGG-16 an eighth as wide as the original, both **fully convolutional networks**, or FCNs [@FCN]. **FCN-32s** answers from the nine cells at stride 32 and enlarges the answer 32 times. **FCN-8s** asks pool4 and pool3, too. They learn from 320 street scenes for 150 steps each. That takes about half a minute; read on meanwhile.
#
# **Predict.** Nine answers, each a list of nine scores, one per class, enlarged to 96×96 pixels. What of a street scene can come out of that: sky and road? Roofs? Persons? Can the answer have an edge that is not a large, soft curve?

# %%
coarse = strides.train("32s, fixed upsampling", 0, train).eval()
fine = strides.train("8s, fixed upsampling", 0, train).eval()
answers = [training.predict(net, image) for net in (coarse, fine)]
maps = [plots.overlay_rgb(image, m, val.colors, 0.7, 300) for m in (truth, *answers)]
right = [(answer == truth).float().mean() for answer in answers]
plots.show(
    plots.side_by_side(maps, ["truth", "FCN-32s", "FCN-8s"]),
    alt="A street scene in the colors of its classes: the truth; FCN-32s, broad bands "
    f"with {right[0]:.2f} of the pixels right; FCN-8s, with {right[1]:.2f}, where the "
    "skyline and the larger vehicles appear.",
)
assert right[1] > right[0] + 0.1

# %% [markdown] tags=["build"]
# FCN-32s finds the sky and a band of buildings, but no roofs, persons or vehicles, and it mixes up grass, road and water. Its edges are straight or broadly curved. FCN-8s adds the skyline and the larger vehicles; persons it has hardly any. This lesson builds both networks from a classifier: first the answer at every cell, then its place in the picture, then the finer maps.
#
# ## 2 · A fully connected layer is a convolution
# Behind its last pooling VGG-16 has three **fully connected** layers, FC6, FC7 and FC8. Each is an `nn.Linear` that reads *all* numbers of its input. FC6 reads a map of 512 channels and 7×7 cells, laid out as one row of 25,088 numbers. This row is why the classifier takes one size of picture only.
#
# Lesson 01 slid a small classifier this way. Now a smaller one still, by hand. A linear layer with the weights 1 2 3 4 reads a map of 2×2 cells. The map 1 0 / 0 1 gives 1·1 + 4·1 = 5. Read the same four weights as a 2×2 *kernel*, and it slides. **Predict** its four answers on a 3×3 map with ones on the diagonal.

# %%
linear = nn.Linear(4, 1, bias=False)
linear.weight.data = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
diagonal = torch.eye(3)
print("the linear layer on one window:", linear(diagonal[:2, :2].flatten()).item())
slid = F.conv2d(diagonal[None, None], linear.weight.data.view(1, 1, 2, 2))[0, 0]
print("the kernel on the 3×3 map:", slid.tolist())
assert slid.tolist() == [[5, 3], [2, 5]]

# %% [markdown] tags=["prove"]
# The upper left answer is the linear layer's; the other three are what it would have said about the other windows. Nothing was trained and nothing approximated: a linear layer over a map of k×k cells *is* a convolution with a k×k kernel.

# %%
def as_convolution(linear, k):
    """Linear(C·k·k, n) -> Conv2d(C, n, k) with the same weights"""
    conv = nn.Conv2d(linear.in_features // k**2, linear.out_features, k)
    conv.weight.data = linear.weight.data.view(conv.weight.shape)
    conv.bias.data = linear.bias.data
    return conv


fc = nn.Linear(6 * 7 * 7, 5)
window = torch.randn(2, 6, 7, 7)
assert_close(as_convolution(fc, 7)(window)[:, :, 0, 0], fc(window.flatten(1)))
assert_close(as_convolution(fc, 7)(window), ops.linear_to_conv(fc, 7)(window))

# %% [markdown]
# Slides and blog posts say: "replace the fully connected layers by 1×1 convolutions". That is right for FC7 and FC8, whose input is one cell. FC6 needs a 7×7 kernel. **Predict:** FC6 has 512 input channels and 4096 outputs. How many weights has it as a 7×7 convolution, how many as a 1×1 one?

# %%
count = {}
for k in (7, 1):
    with torch.device("meta"):                          # shapes only, no memory
        fc6 = nn.Conv2d(512, 4096, k)
    count[k] = sum(p.numel() for p in fc6.parameters())
print({f"FC6 as {k}×{k}": f"{n:,} parameters" for k, n in count.items()})
assert count == {7: 102_764_544, 1: 2_101_248}

# %% [markdown]
# 49 times fewer (the biases aside). A "1×1 FC6" is another, much smaller layer, and it cannot take the weights that FC6 learned on ImageNet, more than a million photographs with one class name each. Those weights were the point: an FCN takes over all that a classifier has learned, up to FC7. Training a classifier first, to begin from its weights, is called **pretraining**.
#
# Now the whole classifier. `models.VGG` is torchvision's VGG-16, with a width of your choice; the first assertion says so. Its three linear layers become three convolutions. **Predict.** On a picture of 256×320 pixels pool5 has 8×10 cells. How many answers do the three convolutions give?

# %%
vgg = models.VGG("vgg16", width=8, num_classes=10).double().eval()
channels = [8, 8, "M", 16, 16, "M", 32, 32, 32, "M", 64, 64, 64, "M", 64, 64, 64, "M"]
theirs = torchvision.models.vgg.make_layers(channels).double()
theirs.load_state_dict(vgg.features.state_dict())
picture = torch.randn(1, 3, 256, 320).double()
with torch.no_grad():
    pool5 = vgg.features(picture)
    assert_close(pool5, theirs(picture))
    fc6, fc7, fc8 = (m for m in vgg.classifier if isinstance(m, nn.Linear))
    x = ops.linear_to_conv(fc6, 7)(pool5).relu()
    x = ops.linear_to_conv(fc7, 1)(x).relu()
    found = ops.linear_to_conv(fc8, 1)(x)
    one = vgg.classifier(pool5[..., 1:8, 3:10].flatten(1))   # a window of the map
print("pool5", tuple(pool5.shape[-2:]), "answers", tuple(found.shape[-2:]))
assert_close(found[..., 1, 3], one)

# %% [markdown] tags=["build"]
# 2×4 answers, 32 pixels apart, each exactly the classifier's on its window of pool5. (Not exactly that on a *crop* of the picture: there the zero padding of thirteen convolutions would begin at the crop's border.)
#
# **Predict** the price at VGG-16's full width: eight crops of 224×224 pixels through the classifier, against one pass over the 256×320 pixels.

# %%
with torch.device("meta"):
    full = models.VGG("vgg16")
    crop = evidence.macs(full, torch.zeros(1, 3, 224, 224))
    head = evidence.macs(full.classifier, torch.zeros(1, 512 * 7 * 7))
    together = evidence.macs(full.features, torch.zeros(1, 3, 256, 320)) + 8 * head
print(f"crops {8 * crop / 1e9:.0f} G, one pass {together / 1e9:.0f} G multiply-adds")
assert 8 * crop > 4 * together

# %% [markdown] tags=["predict"]
# One pass shares the convolutions of all windows and takes about a fifth of the work. This is the first half of the idea: *efficient* answers at many places. They lie 32 pixels apart.
#
# ## 3 · Sizes
# A linear layer of 21 outputs in the place of FC8, as a 1×1 convolution, gives one map per class: a **score map**. The authors call this layer `score_fr`. It has 21 outputs because PASCAL VOC, the photographs on which FCN was judged, has 20 classes and background.
#
# You can read that a picture of 224×224 pixels gives a score map of 7×7 cells. **Predict** what it gives, without padding in FC6. And a picture of 192 pixels?

# %%
def cells(n, padding):
    """pool5's cells of n pixels, if the first convolution pads so much"""
    n = n + 2 * padding - 2                             # a 3×3 kernel
    for _ in range(5):
        n = -(-n // 2)                                  # a pooling that rounds up
    return n


for n in (192, 224):
    print(f"{n} pixels: pool5 {cells(n, 1)}, behind FC6 {cells(n, 1) - 6}")
assert cells(192, 1) - 6 == 0 and cells(224, 1) - 6 == 1

# %% [markdown] tags=["build"]
# One answer for 224 pixels, as in classification, and none for 192. The authors' remedy is crude: pad the *picture* with 100 zeros on each side, in the first convolution, and crop at the end. Then every size gets an answer. A transposed convolution with kernel 64 and stride 32 (lesson 02) enlarges the score map: (cells − 1) · 32 + 64. **Predict** three numbers for 500 pixels: the cells of pool5 (the authors' poolings round up), the cells of the score map, and the enlarged size.

# %%
net = models.FCN(21, "32s", width=1, head_width=1).eval()   # thin, the paper's layout
for n in (1, 224, 320, 500):
    score = cells(n, 100) - 6
    up = ops.transposed_output_size(score, kernel=64, stride=32)
    print(f"{n:3} pixels: pool5 {cells(n, 100)}, score map {score}, enlarged {up}")
    maps = net.scores(torch.zeros(1, 3, n, n))
    assert maps["score_fr"].shape[-1] == score and up >= n + 19
assert (cells(500, 100), score, up) == (22, 16, 544)

# %% [markdown] tags=["predict"]
# Our pictures of 96 pixels would be two thirds padding. For small pictures `models.FCN(padding=1)` leaves out the 100 and lets FC6 pad 3 cells, so the score map keeps pool5's size: 3×3. The rest is the same.
#
# ## 4 · Where does a cell lie?
# 224 pixels became 288. 64 rows must go. **Predict:** how many of them in front? 32?

# %%
def middle(layers):
    """Where in the picture the field of a map's first cell has its middle, in pixels"""
    field = ops.receptive_field(layers)                 # lesson 03
    return field.start + (field.size - 1) / 2


layers = [*ops.layers_of(net.vgg), (7,)]                # down to FC6
first = middle(layers)
print(f"{ops.receptive_field(layers)}, middle {first}; 31.5 - {first} = {31.5 - first}")
assert first == 12.5 and net.crops["score"] == 31.5 - first == 19

# %% [markdown] tags=["build"]
# 19. The first cell looks at a window whose middle lies at pixel 12.5. Enlarged, it stamps a kernel whose middle lies at 31.5. The answer belongs where the question was, so 19 rows and 19 columns go in front; at the end goes what is left.
#
# ## 5 · Adding score maps
# The second half of the idea. The stride-32 map knows *what* but is vague about *where*; earlier maps know *where* more finely. So score them, too: a 1×1 convolution from pool4's 512 channels to 21 classes gives `score_pool4` at stride 16; from pool3's 256 channels, `score_pool3` at stride 8. A route past some layers that joins again later is called a **skip**.
#
# **FCN-16s**: enlarge score_fr twice, add score_pool4, enlarge 16 times. **FCN-8s**: enlarge twice, add score_pool4, enlarge twice, add score_pool3, enlarge 8 times.
#
# *Add* means: class by class, cell by cell. Two maps can be added only if their cells lie at the same places. Enlarging twice stamps a kernel of 4 cells, so the doubled map begins 1.5 of its cells before the middle of the first stamp. **Predict:** with the padding of 100, whose first cell lies farther outside the picture, that of pool4 or that of the doubled map?

# %%
net = models.FCN(21, "8s", width=8, head_width=16).eval()
x, found = middle(layers), {}
chain = ops.layers_of(net.vgg)
pools = [i for i, layer in enumerate(chain) if layer.stride == 2]
for name, stride, pool in (("score_pool4", 16, pools[3]), ("score_pool3", 8, pools[2])):
    x = x - 1.5 * stride                                # where the doubled map begins
    y = middle(chain[: pool + 1])
    found[name] = int((x - y) / stride)
    print(f"{name}: doubled map at {x}, skip at {y}, crop {found[name]} cells")
found["score"] = int(7.5 - x)                           # a kernel of 16
print("the logits:", found["score"], "pixels")
assert found == net.crops == {"score_pool4": 5, "score_pool3": 9, "score": 31}

# %% [markdown] tags=["prove"]
# The skip's. Crop 5 cells of score_pool4, 9 of score_pool3 and 31 pixels at the end: the numbers stand in the authors' code without a word. You derived them.
#
# Now FCN-8s by hand, with the bilinear kernels of lesson 02. (Its score layers start at zero; here they get random weights, so that there is something to compare.)

# %%
def enlarged(x, factor):
    return F.conv_transpose2d(x, ops.bilinear_weight(21, 21, factor), stride=factor)


def added(x, skip, crop):
    skip = skip[..., crop:, crop:]
    return x + skip[..., : x.shape[-2], : x.shape[-1]]


for name in ("score_fr", "score_pool4", "score_pool3"):
    nn.init.normal_(getattr(net, name).weight)
picture = torch.randn(1, 3, 150, 200)
with torch.no_grad():
    scores = net.scores(picture)
    x = added(enlarged(scores["score_fr"], 2), scores["score_pool4"], 5)
    x = added(enlarged(x, 2), scores["score_pool3"], 9)
    logits = enlarged(x, 8)[..., 31 : 31 + 150, 31 : 31 + 200]
    assert_close(logits, net(picture))
print({name: tuple(maps.shape[1:]) for name, maps in scores.items()})

# %% [markdown] tags=["predict"]
# Look at the channels: 21, 21, 21. FCN adds **class scores**, like votes; it never mixes features of different depth. Behind the score maps everything is linear. So the logits are a sum of three shares, one per map:

# %%
shares = strides.shares(net, picture)                   # each map alone, the others 0
assert_close(sum(shares.values()), logits, atol=1e-4, rtol=1e-4)
print("shares:", ", ".join(shares))

# %% [markdown]
# And the full networks. **Predict.** FCN-8s has two score layers and two upsampling layers more than FCN-32s. Which of the three networks has the *fewest* parameters? (FCN-32s enlarges with one kernel of 64×64 per pair of classes, FCN-8s with two of 4×4 and one of 16×16.)

# %%
with torch.device("meta"):
    full = {variant: models.FCN(21, variant) for variant in ("32s", "16s", "8s")}
total = {name: sum(p.numel() for p in f.parameters()) for name, f in full.items()}
for name, f in full.items():
    up = sum(p.numel() for n, p in f.named_parameters() if n.startswith("upscore"))
    print(f"FCN-{name}: {total[name]:,} parameters, {up:,} of them upsampling")
assert list(total.values()) == [136_152_917, 134_815_994, 134_489_759]
assert count[7] > 0.75 * total["32s"]

# %% [markdown] tags=["see"]
# FCN-8s. 64·64 weights for each of 21·21 pairs of classes are more than all that the skips add. At the start almost all of them are zero: each class is enlarged by itself. Three quarters of every network are FC6.
#
# **Push it.** The three score maps of *our* FCN-8s on the picture of section 1; the slider adds them one after the other. A score is blue above zero, orange below. (1) At "stride 32", score_fr alone: is that the answer of FCN-32s in section 1? What share of the pixels is right? (2) Choose *sky*, then *road*. Which map says roughly where, which says where it ends? (3) Choose *person*. How many pixels get that class from score_fr alone, how many from all three? Which map found the persons?

# %%
with torch.no_grad():
    x = (image - fine.mean.view(3, 1, 1)) / fine.std.view(3, 1, 1)
    scores = fine.scores(x[None])
names = {"classes": val.classes, "colors": val.colors}
widgets.score_ladder(scores, image, truth, **names, shown="sky")

# %%
ladder = widgets.score_ladder(scores, image, truth, **names, shown="person")
for ladder.amount in (0, 2):                            # score_fr alone, then all maps
    print(*ladder.verdict())

# %% [markdown]
# (1) No: another answer, and a bad one. (2) For the sky score_fr is above zero in the upper third and far below elsewhere. (Its answer there is still another class, whose score is higher yet.) The skyline comes with score_pool3. Of the road score_fr knows that it is not in the upper third; the stripe itself is in the two finer maps. (3) None. score_fr alone calls a large part of the picture *person*, which the finer maps then take back. (At the rim all sums fade: a transposed convolution finds zeros outside its map.)
#
# Question (1) for all 100 pictures. **Predict:** how good is score_fr of FCN-8s alone, compared with FCN-32s, which has nothing else?

# %%
images = torch.stack([val[i][0] for i in range(100)])
truths = torch.stack([val[i][1]["semantic"] for i in range(100)])
truths = truths.as_subclass(torch.Tensor)
x = (images - fine.mean.view(3, 1, 1)) / fine.std.view(3, 1, 1)
shares = strides.shares(fine, x)


def accuracy(logits):
    return metrics.ConfusionMatrix(9).update(logits.argmax(1), truths).accuracy()


partial, alone = torch.zeros_like(x[:, :1]), {}
for name, share in shares.items():
    partial, alone[name] = partial + share, accuracy(share)
    print(f"up to {name:11}: {accuracy(partial):.3f}; {name} alone: {alone[name]:.3f}")
with torch.no_grad():
    separate = accuracy(coarse(x))
print(f"FCN-32s: {separate:.3f}")
assert alone["score_fr"] < separate - 0.2
assert max(alone.values()) < accuracy(partial) - 0.1

# %% [markdown] tags=["break"]
# Far worse: about a tenth of the pixels, less than the most frequent class would get (0.227), where FCN-32s has half. So the slider does *not* show three networks. The maps were trained to be added; no single one comes near their sum. Here all three began together, from scratch. The authors trained in steps: first FCN-32s; each next network began from the one before, its new score layer at zero, so that at first nothing changed.
#
# ## 6 · Three ways to break it
# **Forget the crop.** Take our trained FCN-8s and cut nothing in front, instead of 4 pixels. **Predict.** By how much does the accuracy fall?

# %%
with torch.no_grad():
    right = fine(x)
    kept, fine.crops["score"] = fine.crops["score"], 0
    wrong = fine(x)
    fine.crops["score"] = kept
assert_close(wrong[..., kept:, kept:], right[..., :-kept, :-kept])
print(f"moved by {kept} pixels: {accuracy(right):.3f} -> {accuracy(wrong):.3f}")
assert accuracy(wrong) < accuracy(right) - 0.05

# %% [markdown]
# No error message: shapes fit, the picture looks plausible, every object lies 4 pixels too far to the lower right. In the paper's layout it would be 19 pixels or more. Test it once with a bright square whose place you know.
#
# **Zero the upsampling.** Score layers start at zero, which is harmless. **Predict.** If the upsampling layers start at zero, too, which parameters have a gradient in the first step? In the second?

# %%
def learning(upsampling, steps=2):
    """How many parameter tensors have a gradient that is not zero, step by step"""
    torch.manual_seed(0)
    net = models.FCN(9, "8s", width=2, head_width=8, batch_norm=True, padding=1)
    for name, p in net.named_parameters():
        if name.startswith("upscore") and upsampling == "zeros":
            nn.init.zeros_(p)
    optimizer, counts = torch.optim.SGD(net.parameters(), lr=0.1), []
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(x[:4]), truths[:4]).backward()
        counts.append(sum(int(p.grad.abs().sum() > 0) for p in net.parameters()))
        optimizer.step()
    return counts


begun = {start: learning(start) for start in ("bilinear", "zeros")}
print(begun)
assert begun["zeros"] == [0, 0] and begun["bilinear"][1] > begun["bilinear"][0] > 0

# %% [markdown]
# The gradient of a product needs the other factor. With bilinear upsampling the score layers learn first: three kernels and three biases, the 6 tensors of the first step. As soon as they are not zero, everything else learns, too. With two zeros in a row nothing learns, ever. Random kernels would learn, but begin with a checkerboard (lesson 02), where bilinear ones begin smooth.
#
# **Make FC6 a 1×1 convolution.** It does not take the weights, and it sees one cell:

# %%
fc6 = vgg.classifier[0]
small = nn.Conv2d(64, fc6.out_features, 1)
print(f"{fc6.weight.numel():,} numbers do not fit into {small.weight.numel():,}")
assert fc6.weight.numel() == 49 * small.weight.numel()
fields = [ops.receptive_field([*ops.layers_of(vgg), (k,)]).size for k in (7, 1)]
print("receptive field of FC6, 7×7 and 1×1:", fields, "pixels")
assert fields == [404, 212]
seg = models.FCN(5, "32s", width=8, head_width=512).double()
seg.load(vgg.state_dict(), "vgg16")                     # does it right
assert_close(seg.fc6.weight.flatten(1), fc6.weight)

# %% [markdown] tags=["measure"]
# ## 7 · What the skips gain
# The two networks of section 1, on the 100 scenes that were kept out. Upsampling is *fixed* to bilinear in both, as in the authors' released networks. Seed and VGG are the same; 32s has more parameters, in kernels that do not train.
#
# Two base rates: the most frequent class everywhere, and the *truth of another scene*, which looks like a good answer and never saw the picture. Boundary F1 has a tolerance of 2 pixels.
#
# **Predict.** In the paper, going from 32s to 8s brought 3.3 points of mIoU. How much here?

# %%
paper = {"32s to 16s": 3.0, "16s to 8s": 0.3}               # points of mIoU [FCN]
print(f"the paper: 32s to 8s {sum(paper.values()):.1f} points")
live = {k: strides.measure(net, val) for k, net in (("32s", coarse), ("8s", fine))}
live["most frequent class"] = strides.measure(MostFrequent(train, 9), val)
other = truths.roll(1, 0)
matrix = metrics.ConfusionMatrix(9).update(other, truths)
outlines = metrics.BoundaryF1(9, tolerance=2).update(other, truths)
live["truth of another scene"] = {"miou": matrix.miou(), "boundary_f1": outlines.mean()}
for name, m in live.items():
    print(f"{name:22} mIoU {m['miou']:.3f}, boundary F1 {m['boundary_f1']:.3f}")
assert live["8s"]["miou"] > live["32s"]["miou"] + 0.2
assert live["8s"]["boundary_f1"] > live["32s"]["boundary_f1"] + 0.2
assert live["32s"]["boundary_f1"] < outlines.mean() + 0.05
for name, m in list(live.items())[:2]:
    arm = f"{name}, fixed upsampling, 96 px"
    print(evidence.agrees("06_fcn_strides", arm, "miou", m["miou"]))

# %% [markdown]
# Some thirty points, not three. And the outlines of FCN-32s are hardly better than those of another scene; its mIoU is a little better.
#
# (Three seeds can agree by chance. The first three of 32s lay within half a point of each other; with eight the spread is five points. So these two arms have eight seeds in the table.)
#
# Is it the skips? What else could explain it? The table has the arms that tell.

# %%
columns = {"miou": "mIoU", "boundary_f1": "boundary F1 (2 px)", "accuracy": "accuracy"}
evidence.table("06_fcn_strides", {**columns, "things": "IoU of things"})

# %% [markdown]
# - **Why so much?** At 96 pixels a stride of 32 is a 3×3 grid. The rows *truth at stride ...* are no networks: the true labels, averaged over each cell and enlarged. They keep an mIoU of 0.294 on that grid, 0.485 at stride 16, 0.700 at stride 8. (No upper bounds: nine scores per cell, enlarged, can draw more than shares can.) In the paper's pictures of 500 pixels the grid has 16×16 cells. So our thirty points cannot be set beside the paper's three.
# - **Not only finer cells.** *8s, skips at stride 32* has all layers of 8s, but the skips' scores are averaged down to stride 32 before they are added. It gets 0.326, against 0.217 for 32s: a shorter way for the gradient and a second and third opinion help, too. The rest of the gain, up to 0.519, needs the finer cells.
# - **Is upsampling learned?** It trains in the rows without "fixed". 8s has 0.519 ± 0.033 with training and 0.511 ± 0.012 without, 32s 0.217 ± 0.005 and 0.216 ± 0.017: less than one standard deviation. The authors saw no significant difference, and fixed it.
# - **Small things.** 32s has an IoU of 0.000 on things, with plain cross-entropy. You can read that this loss "ignores small regions". 8s with fixed upsampling has 0.219, with the same loss. So the loss alone is not to blame. On a 3×3 grid even the *truth* keeps 0.071 of them. FCN's authors tried to balance the classes and found it unnecessary, with about three quarters of all pixels background.
# - **Larger pictures.** At 192 pixels the grid is 6×6, and the *truth* on it keeps 0.486 in the place of 0.294. If the grid were all, the gain should shrink a lot. From 32s to 8s it goes from 0.217 → 0.519 to 0.329 → 0.596: 30 points to 27, which three seeds can hardly tell apart. So the grid is *not* all. With 6×6 cells 32s gets far less than they could say, and less than 16s with as many, at 96 pixels: 0.416.
# - **Does 8s merely learn faster?** Not merely. With four times the steps 32s has 0.375, half of the way to what 8s had after 150; by then 8s has 0.665. The gap is as wide as before.
# - **What else it does not say.** All networks are tiny and from scratch. All share one learning rate, which was chosen with 8s, on the very scenes that judge here; that favors 8s. The next table lets each network choose among three rates, on scenes that do not judge, and gives each 400 steps of twice the batch, 600 scenes, a wider VGG and trained upsampling. It is the course's own: every semantic network gets a row in it under the same protocol, and each picture is flipped at random. (SegNet is lesson 07's, the U-Net lesson 08's.)

# %%
for arm in evidence.load("06_models")["arms"][1:4]:
    print(arm["name"], "on the scenes for choosing, by rate:", arm["rates"])
evidence.table("06_models", columns)

# %% [markdown]
# The order stays, and so does the gap: with more of everything 32s has 0.356, 16s 0.566, 8s 0.695. The learning rate matters: at the one that suits 8s, 32s would have lost 13 points more (printed above the table), and about such a rate made the first table. But it does not explain the gap. And 32s is above the *truth at stride 32* of the first table, 0.294: a network is not bound to shares. The rows cost about the same work, not the same parameters. What this table cannot tell: which network is better on photographs, or with pretrained features.

# %% [markdown] tags=["real"]
# ## 8 · The real thing
# PASCAL VOC 2011, the test set. **Predict.** You can read that the best method before had "about 50, with hand-crafted features". What did it have, and with which features?

# %%
evidence.published("rcnn-voc11-test", "sds-voc11-test", "fcn8s-voc11-test")

# %% [markdown]
# SDS had 52.6, with *CNN* features. The step to 62.7 mixes at least two things: one network for all pixels, trained as a whole, in the place of one that classifies proposed regions; and VGG-16 in the place of AlexNet, an older and weaker classifier.
#
# What did pretrained features give? All three rows begin with a classifier trained on ImageNet, so the table cannot tell. It would need a row that began from scratch, as ours do.
#
# And the ladder, from the networks that the authors released later:

# %%
evidence.published(
    "fcn32s-voc11-val-released",
    "fcn16s-voc11-val-released",
    "fcn8s-voc11-val-released",
    "fcn8s-voc12-test-journal",
)

# %% [markdown]
# With this later training, 32s to 8s is about two points, and the last step half a point: 65.0 to 65.5. mIoU hardly sees outlines (lesson 04). A boundary score might say more; these rows have none. (*SBD* means extra labels for VOC's pictures; *reduced val* leaves out those that were trained on. The last row is on another split.)
#
# Public weights go into the class of this lesson, when you are online. The first line needs the file of the pytorch-fcn project, the second downloads torchvision's VGG-16:
#
# ```python
# models.FCN(21, "8s").load(torch.load("fcn8s_from_caffe.pth"), "torchfcn")
# net = models.FCN(21, "32s", batch_norm=True)
# net.load(torchvision.models.vgg16_bn(weights="DEFAULT").state_dict(), "vgg16")
# ```
#
# `net` begins with pretrained features. Train it, and the same network without the last line, and you have the row that is missing above. On the street films of CamVid (lesson 01), with a GPU: `COURSE_PROFILE=gpu python -m course_lib.experiments.model_table camvid`.
#
# A name to beware of: torchvision's `fcn_resnet50` has no skips at all. It is a ResNet with dilation at stride 8 (lesson 03).

# %% [markdown] tags=["misconceptions"]
# ## 9 · What people get wrong
# - **"All fully connected layers become 1×1 convolutions."** Section 6: FC6 is 7×7; a 1×1 layer cannot take its weights. Nor are they "1D convolutions".
# - **"224 pixels give a 7×7 score map."** Section 3: without padding 1×1, with the 100 pixels 8×8.
# - **"FCN takes any size."** Section 3: without the padding, 192 pixels give nothing. There is always a smallest size, and a crop at the end.
# - **"Addition forces features of different depth into one space."** Section 5: 21 class scores are added, no features.
# - **"FCN learns its upsampling."** Section 7: it starts bilinear, and fixing it costs a point at most; the released networks fix it.
# - **"8s is much better than 32s."** Section 7: here by thirty points, tiny and from scratch. The published rows above: about two points on VOC, with pretraining.
# - **"Cross-entropy ignores small regions."** Section 7: with the same loss, finer cells find some of them.
# - **"FCN was the first network trained end to end for pixels."** The authors claim less: the first that is fully convolutional *and* begins from supervised pretraining. The next cell shows what "fully convolutional" buys: one network, many sizes.

# %%
for size in ((40, 40), (96, 160), (131, 77)):
    assert fine(torch.zeros(1, 3, *size)).shape == (1, 9, *size)

# %% [markdown] tags=["quiz"]
# ## 10 · Quiz
# Five questions. Every choice is explained when you select it.

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "A classifier ends in Linear(256 · 6 · 6, 4096). As a convolution this layer has",
            "choices": [
                {"text": "256 input channels and a 6×6 kernel", "correct": True, "why": "The 9216 inputs are 256 channels of 6×6 cells, and each output reads all of them. This is AlexNet's FC6."},
                {"text": "256 input channels and a 1×1 kernel", "correct": False, "why": "That reads one cell only and has 36 times fewer weights; the trained ones do not fit."},
                {"text": "9216 input channels and a 6×6 kernel", "correct": False, "why": "The 6×6 cells are already counted in 9216; they would be there twice."},
            ],
        },
        {
            "question": "What exactly does FCN-16s add to the doubled score_fr?",
            "choices": [
                {"text": "pool4's 512 features", "correct": False, "why": "A map of 21 channels and one of 512 cannot be added; first a 1×1 convolution scores pool4."},
                {"text": "one score per class and cell, computed from pool4", "correct": True, "why": "A 1×1 convolution turns pool4 into 21 score maps; those are added, class by class."},
                {"text": "the argmax of pool4's prediction", "correct": False, "why": "Nothing is decided before the end. Decisions have no gradient and cannot be outvoted."},
            ],
        },
        {
            "question": "You set score_pool4 and score_pool3 of a trained FCN-8s to zero. The result is",
            "choices": [
                {"text": "the FCN-32s with the same VGG", "correct": False, "why": "An FCN-32s is trained to answer alone. Section 5 measured the difference."},
                {"text": "whatever score_fr says, a map trained to be corrected by the others", "correct": True, "why": "Each map learned only what the sum still needed; alone it can be worse than the most frequent class."},
                {"text": "zero everywhere", "correct": False, "why": "score_fr's share is still there: the logits are the sum of three shares."},
            ],
        },
        {
            "question": "Without the crop in front, the answers of a trained network are",
            "choices": [
                {"text": "blurred", "correct": False, "why": "The kernels are the same; nothing is averaged more than before."},
                {"text": "moved towards the lower right", "correct": True, "why": "The enlarged map begins outside the picture. Keep its first rows, and everything appears later than it should."},
                {"text": "too large", "correct": False, "why": "The size is cut at the end anyway, so shapes fit. That is why nobody notices."},
            ],
        },
        {
            "question": "Why does our 8s beat 32s by thirty points? Which statement does section 7 support?",
            "choices": [
                {"text": "bilinear upsampling fails on small pictures", "correct": False, "why": "8s uses it, too, and fixed or trained makes hardly a difference here."},
                {"text": "finer cells give most of it, but the grid alone does not explain it", "correct": True, "why": "With the skips at stride 32 about a third of the gain remains; the rest needs finer cells. Yet with 6×6 cells in the place of 3×3 the gain hardly shrinks."},
                {"text": "the skips only shorten the way of the gradient", "correct": False, "why": "The arm with the skips at stride 32 has that, too, and gains about a third as much."},
            ],
        },
    ]
)

# %% [markdown] tags=["summary"]
# ## 11 · Summary
# - A fully connected layer over k×k cells is a convolution with a k×k kernel, and the weights stay. Sliding it shares all work below.
# - Pad, enlarge, crop. The crop follows from where the first cell's field has its middle.
# - A skip adds class scores of a finer map. The maps are trained to be added; alone they mean little.
# - Upsampling starts bilinear and may stay so. Score layers may start at zero; both at zero never learn.
# - What a finer stride gains depends on the setting: here thirty points, on VOC about two. Finer cells give most of ours; a grid of 3×3, short training and the start from scratch are mixed in it.
#
# **Glossary:** **fully connected layer**, **fully convolutional network**, **score map**, **skip**
#
# **Your turn:** [exercise 06](../exercises/06_fcn.ipynb). **Next:** lesson 08 keeps features where FCN keeps scores. (Lesson 07, on the way, keeps only *where* the maxima were.)

# %% [markdown] tags=["references"]
# ## References
# - [@FCN] fully convolutional networks
# - [@FCNpami] the longer version, with the later training
# - [@VGG] the classifier
