# %% [markdown] tags=["title"]
# # 01 · From pixels to labels
# **What are the three tasks, and why can't a classifier do them?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | What exactly is the answer of each segmentation task, and why can't a network that names pictures give it? |
# | **Time** | 75 minutes of reading, 1 minute of running |
# | **Prerequisites** | lesson 00 |
# | **You will be able to** | write, convert and store semantic, instance and panoptic truth; say what each conversion loses; turn a classifier into a network that slides; test whether a network fails because it sees too little or because it answers too coarsely |

# %%
import itertools
from collections import Counter

import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close
from torchvision.ops import box_iou

from course_lib import datasets, evidence, metrics, ops, plots, profiles, training, widgets
from course_lib.experiments import context_or_resolution as experiment
from course_lib.experiments import street_unet

torch.manual_seed(0);

# %% [markdown]
# ## 1 · One picture, three kinds of answer
# A **classifier** says one word about a picture: *street*. Which pixels are the bus? How many people wait? It has no place to put such answers. Each segmentation task is a form with
# such places.
#
# | task | the answer is | a pixel is in |
# |---|---|---|
# | semantic | a *map*: each pixel's class | exactly one class, or void |
# | instance | a *set* of (mask, class), one pair per object; from a network also a score | no mask, one, or several |
# | panoptic | a *map*: each pixel's class and object number | exactly one pair, or void |

# %%
train, val = experiment.scenes()
image, target = val[5]
plots.show(
    plots.tasks(image, target, val),
    alt=f"A street scene and its three truths: a map of classes, {len(target['masks'])} "
    "numbered objects on gray, and a map in which each object has a shade of its own.",
)

# %% [markdown] tags=["predict"]
# ## 2 · A map, a set, and the way between them
# Now by hand, on 4×7 pixels that you can check with a pencil: sky (class 0) above, road (4) below, and two cars (6) side by side. One pixel is void: nobody could say what it is.
#
# The instance set comes from a network, so it has the marks of one: its two masks overlap.
#
# **Predict.** Some texts define panoptic truth as a *sum*: the semantic map of the stuff plus the masks of the things. With the codes of lesson 00 (object 1, a car, is 6001; object 2 is 6002), which number does a pixel get that both masks claim? What would that number mean?

# %%
semantic = torch.tensor(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 6, 6, 6, 6, 0, 255],
        [4, 6, 6, 6, 6, 4, 4],
        [4, 4, 4, 4, 4, 4, 4],
    ]
)
masks = torch.zeros(2, 4, 7, dtype=torch.bool)
masks[0, 1:3, 1:4] = True                              # the first car: columns 1, 2, 3
masks[1, 1:3, 3:5] = True                              # the second: columns 3 and 4
labels = torch.tensor([6, 6])

number = torch.tensor([1, 2])
added = (masks * (labels * 1000 + number)[:, None, None]).sum(0)
print(added)
assert added.max() == 6001 + 6002

# %% [markdown] tags=["build"]
# 12003 would be object 3 of class 12. There is no such class, and no third object. A sum is no definition. A panoptic answer is a *function*: one pair for each pixel. To get there from a set, one needs a **conflict rule**. The usual one: sort the masks by confidence;
# first come, first served.
#
# A set leaves more open than that. Count in how many masks each pixel lies:

# %%
times = masks.sum(0)
for n in (0, 1, 2):
    print(f"pixels in {n} masks: {int((times == n).sum())}")
assert (times == 0).sum() == 20                        # sky, road, void: in no mask

# %%
panoptic = semantic * 1000                             # stuff has number 0; void: 255000
free = semantic != 255
for n, (mask, label) in enumerate(zip(masks, labels, strict=True), start=1):
    panoptic[mask & free] = label * 1000 + n           # only pixels nobody has claimed yet
    free &= ~mask
print(panoptic)
assert panoptic[1, 3] == 6001                          # the first mask keeps the pixel
assert_close(panoptic, ops.panoptic_from_masks(semantic, masks, labels))

# %% [markdown]
# The two maps do not always agree. Suppose the network had missed the second car. The semantic map still says *car* there, but no mask gives the pixels a number. "Car number 0" is no object, so the library makes them void, if you tell it which classes are things:

# %%
one_missing = ops.panoptic_from_masks(semantic, masks[:1], labels[:1], things={6})
print(one_missing)
assert (one_missing == 255000).sum() == 3              # two car pixels and the void one

# %% [markdown] tags=["prove"]
# And back: `// 1000` is the class, `% 1000` the number, and each number of a thing is a mask. Do the round trips hold on whole scenes?

# %%
assert_close(panoptic // 1000, semantic)
for i in range(100):
    truth = val[i][1]
    built = ops.panoptic_from_masks(truth["semantic"], truth["masks"], truth["labels"])
    assert_close(built, truth["panoptic"], check_dtype=True, rtol=0, atol=0)
    classes, numbers = ops.decode_panoptic(built)
    assert torch.equal(ops.encode_panoptic(classes, numbers), built)
    back, back_labels = ops.masks_from_panoptic(built, val.things)
    assert torch.equal(back, truth["masks"].as_subclass(torch.Tensor))
    assert torch.equal(back_labels, truth["labels"])
print("100 scenes: masks and classes -> panoptic -> masks and classes, nothing lost")

# %% [markdown]
# Nothing was lost because *true* masks do not overlap and have no score. In general:
#
# | from \ to | semantic | instance | panoptic |
# |---|---|---|---|
# | **semantic** | | no: which pixels are *one* car? | no |
# | **instance** | things only | | things only, and a conflict rule |
# | **panoptic** | yes: `// 1000` | yes, but no overlaps, no scores | |
#
# One more thing is not in the answer: the order. Object numbers are names, like the letters on a seating plan. Renumber the objects, and it is the same answer, though most numbers in the map have changed. So no loss can compare object numbers pixel by pixel; lessons 13 and 16 need a matching first.

# %%
order = torch.randperm(len(target["masks"]))
renamed = ops.panoptic_from_masks(
    target["semantic"], target["masks"][order], target["labels"][order]
)
objects = target["panoptic"] % 1000 > 0
changed = (renamed != target["panoptic"])[objects].float().mean().item()
print(f"{changed:.0%} of the objects' pixels have another number")
again, _ = ops.masks_from_panoptic(renamed, val.things)
assert torch.equal(again, target["masks"][order].as_subclass(torch.Tensor))
assert changed > 0.5

# %% [markdown] tags=["build"]
# ## 3 · On the disk: runs and colors
# A mask has few edges, so COCO [@COCO] stores the lengths of its runs: **run-length encoding**, RLE. In one dimension:

# %%
row = [0, 0, 1, 1, 1, 0]
print([(value, len(list(run))) for value, run in itertools.groupby(row)])

# %% [markdown]
# Two zeros, three ones, one zero. The values alternate, so it is enough to keep 2, 3, 1 and agree on two things. COCO's agreement: read the mask *column by column*, from top to bottom; and the **first count is always of zeros**, even if it is 0.
#
# **Predict.** The first car's mask is 4 rows high and set in rows 1 and 2 of columns 1, 2, 3. Which counts? (Check yours: they must add up to 28.)

# %%
by_hand = [5, 2, 2, 2, 2, 2, 13]                       # 4 + 1 zeros, then the first column of the car
assert ops.rle_encode(masks[0]) == {"size": [4, 7], "counts": by_hand}
assert ops.rle_encode(torch.ones(4, 7, dtype=torch.bool))["counts"] == [0, 28]
for mask in target["masks"]:
    assert torch.equal(ops.rle_decode(ops.rle_encode(mask)), mask.as_subclass(torch.Tensor))

largest = target["masks"][target["masks"].flatten(1).sum(1).argmax()]
noise = torch.rand(96, 96) < 0.5
for name, mask in (("the largest object", largest), ("noise", noise)):
    runs = len(ops.rle_encode(mask)["counts"])
    print(f"{name}: {mask.numel()} pixels, {runs} runs")
assert len(ops.rle_encode(largest)["counts"]) * 20 < len(ops.rle_encode(noise)["counts"])

# %% [markdown]
# Noise has about half as many runs as pixels: RLE is short for objects, not for everything.
#
# A *panoptic map* needs numbers up to 255000, but a picture file holds 0 to 255 per channel. COCO writes the number in base 256 with the three colors as digits: id = R + 256 G + 65536 B. Take 6002: 256 goes into it 23 times, which leaves 114. So it is the color (114, 23, 0).
# Such a picture must be saved without loss. The mean of two colors is a third object.

# %%
red, green, blue = 6002 % 256, 6002 // 256 % 256, 6002 // 65536
assert (red, green, blue) == (114, 23, 0) and red + 256 * green + 65536 * blue == 6002
rgb = ops.panoptic_to_rgb(target["panoptic"])
assert rgb.dtype == torch.uint8
assert_close(ops.rgb_to_panoptic(rgb), target["panoptic"].as_subclass(torch.Tensor))
plots.show(
    plots.side_by_side([plots.panoptic_rgb(target["panoptic"], val.colors), rgb],
                       ["for people", "for programs: id = R + 256 G + 65536 B"]),
    alt="The panoptic map twice: in the colors of the classes, and as COCO's file, where "
    "the colors are digits and neighboring classes can look alike.",
)

# %% [markdown] tags=["see"]
# ## 4 · From classes to objects?
# The table in section 2 says *no* to semantic → instance. But there is a cheap try: pixels of one class that touch are one object. Such a region is a **connected component**. To find it, think of water: pour it on a pixel without a number, let it run to neighbors of the
# same class, from there to theirs, and give all that got wet the next number. Neighbors are the 4 pixels that share an edge, or the 8 that share at least a corner. (Exercise 01 writes this search.)
#
# **Push it.** Hover over the scene, or walk with the arrow keys: class, object, panoptic number and color code of each pixel. Then switch to *connected components*. Which objects have become one? Which object is in pieces, and what cut it? Does 8 instead of 4 help?

# %%
widgets.pixel_inspector(image, target, val)

# %% [markdown] tags=["break"]
# ### Perfect classes, wrong objects
# **Predict.** Over 100 scenes, we give connected components the *true* class map, which no network will ever have. For what share of the objects is the component exactly the object: 95 %, 75 %, or 50 %?

# %%
def compare(target, things, connectivity):
    """-> objects, components, components of several objects, objects in pieces, right"""
    is_thing = torch.isin(target["semantic"], torch.tensor(sorted(things)))
    only_things = torch.where(is_thing, target["semantic"], 255)
    parts, count = ops.connected_components(only_things, connectivity, background=255)
    owns = [parts[mask].unique().tolist() for mask in target["masks"]]
    owners = Counter(itertools.chain(*owns))           # how many objects each component has
    merged = sum(n > 1 for n in owners.values())
    pieces = sum(len(own) > 1 for own in owns)
    right = sum(len(own) == 1 and owners[own[0]] == 1 for own in owns)
    return torch.tensor([len(owns), count, merged, pieces, right])


share = {}
for connectivity in (4, 8):
    each = torch.stack([compare(val[i][1], val.things, connectivity) for i in range(100)])
    objects, components, merged, pieces, right = each.sum(0).tolist()
    share[connectivity] = right / objects
    print(f"{connectivity} neighbors: {objects} objects, {components} components; {merged} of "
          f"them hold several objects, {pieces} objects are in pieces; {right / objects:.0%} are right")
    lucky = ((each[:, 0] == each[:, 1]) & (each[:, 4] < each[:, 0])).sum().item()
    print(f"   in {lucky} scenes the count is right and the objects are not")
assert max(share.values()) < 0.65

# %% [markdown]
# About half. Two errors work against each other: touching objects merge, and objects behind a tree fall apart. The more generous neighborhood mends some pieces and merges some more objects. So even the *count* can be right by accident, with wrong objects behind it.
#
# One case works: microscopy, if whoever drew the labels left a line of background between nuclei that touch, as the U-Net paper does [@UNet]. Then components *are* the objects. Close the lines, and it is over:

# %%
cells = datasets.Cells(32, 96, seed=0)
nuclei = torch.stack([compare(cells[i][1], cells.things, 8) for i in range(32)]).sum(0)
grow = lambda x: F.max_pool2d(x[None], 3, 1, 1)[0]     # each pixel: the largest of its 3×3
closed = 0
for i in range(32):
    mask = (cells[i][1]["semantic"] == 1).float()
    filled = -grow(-grow(mask))                        # one pixel larger, then one smaller
    closed += ops.connected_components(filled > 0, 8)[1]
print(f"{nuclei[0]} nuclei, {nuclei[1]} components, {nuclei[4]} right; lines closed: {closed}")
assert nuclei[4] == nuclei[0] and closed < 0.7 * nuclei[0]

# %% [markdown]
# The price: the network must draw a line one pixel wide, often where the picture shows none, and the pixels of the line are labeled wrong on purpose. (Our scenes have no such line, and adding one would not help the objects in pieces.) Lesson 08 looks at how it learns the line, lesson 13 at networks that answer with a set from the start.

# %% [markdown] tags=["build"]
# ## 5 · Boxes
# The cheapest description of an object's place is a **box**: x1, y1, x2, y2, where x2 and y2 lie one past the last pixel. The IoU of two boxes is the shared area divided by the area of both together, and the shared pixels count once. Paper first: 0 0 4 3 and 2 1 5 5 share columns 2 and 3, rows 1 and 2: 4 pixels. Together they cover 12 + 12 − 4 = 20. IoU 1/5.

# %%
a, b = torch.tensor([[0.0, 0, 4, 3]]), torch.tensor([[2.0, 1, 5, 5]])
assert_close(ops.box_iou(a, b), torch.tensor([[1 / 5]]))

boxes, objects = target["boxes"].as_subclass(torch.Tensor), target["masks"]
assert_close(ops.box_iou(boxes, boxes), box_iou(boxes, boxes))
filled = [(m.sum() / ((x2 - x1) * (y2 - y1))).item()
          for m, (x1, y1, x2, y2) in zip(objects, boxes, strict=True)]
print(f"the objects fill {min(filled):.0%} to {max(filled):.0%} of their boxes")
overlap = ops.box_iou(boxes, boxes).fill_diagonal_(0)
print(f"boxes of two objects overlap with an IoU of up to {overlap.max():.2f}, their masks never")
assert overlap.max() > 0.05 and objects.sum(0).max() == 1

# %% [markdown]
# A detector must put a *set* of boxes into a tensor of fixed shape. YOLO lays a grid over the picture, say 19×19 cells; an object belongs to the cell that holds its center. A cell may hold several objects of different shapes, so it has 5 **anchors**, template shapes that each answer for one
# object. How deep is the tensor with 20 classes? It depends on who owns the class scores [@YOLO9000]. If every anchor has its own, 4 numbers for the box, 1 for the confidence that there is an object, 20 for its class: 5 · (4 + 1 + 20) = 125. In the first YOLO [@YOLO] a cell has *one* class vector for all its boxes: 5 · (4 + 1) + 20 = 45. Only the first can say "a person in front of a car".

# %%
anchors, num_classes, grid = 5, 20, 19
volume = torch.zeros(grid, grid, anchors, 4 + 1 + num_classes)
cell_x, cell_y = 9, 6                                  # two objects with their centers in one cell
volume[cell_y, cell_x, 0, 4] = volume[cell_y, cell_x, 0, 5 + 3] = 1    # anchor 0: class 3
volume[cell_y, cell_x, 1, 4] = volume[cell_y, cell_x, 1, 5 + 7] = 1    # anchor 1: class 7
print(tuple(volume.flatten(2).shape), "or, one class vector per cell,", anchors * 5 + num_classes)
assert volume.flatten(2).shape[-1] == 125 and anchors * 5 + num_classes == 45

# %% [markdown]
# ## 6 · Two scores, three lines each
# Lesson 04 does scores properly. We need two now. Both leave void pixels out. The prediction below has the block of cars one pixel too far to the right. **Predict** the IoU of the class car.

# %%
def accuracy(prediction, truth):
    counted = truth != 255
    return (prediction == truth)[counted].float().mean().item()


def iou(prediction, truth, c):
    p, t = ((x == c) & (truth != 255) for x in (prediction, truth))
    return ((p & t).sum() / (p | t).sum()).item()


prediction = torch.tensor([[0] * 7, [0, 0, 6, 6, 6, 6, 0], [4, 4, 6, 6, 6, 6, 4], [4] * 7])
print(f"accuracy {accuracy(prediction, semantic):.2f}, IoU of car {iou(prediction, semantic, 6):.2f}")
matrix = metrics.ConfusionMatrix(9).update(prediction, semantic)
assert abs(accuracy(prediction, semantic) - matrix.accuracy()) < 1e-6
assert abs(iou(prediction, semantic, 6) - matrix.iou()[6]) < 1e-6

# %% [markdown]
# Eight true pixels, eight predicted, six shared: 6 of 10. One pixel at the border costs a small object 40 % of its IoU. Remember that for section 8.

# %% [markdown] tags=["build"]
# ## 7 · A classifier that slides
# A classifier is a stack of convolutions and poolings, then *flatten*, then linear layers. Train one in seconds: it sees crops of 32×32 pixels and says for each class whether it occurs. Such labels are cheap, a list of words per crop. Its convolutions have no padding; you will see why.

# %%
def crops_of(scenes, per_scene, seed):
    """[(crop (3, 32, 32), {"present": (9,) of 0 and 1}), ...] at random places"""
    places = torch.Generator().manual_seed(seed)
    found = []
    for i in range(len(scenes)):
        picture, truth = scenes[i]
        for y, x in torch.randint(0, 65, (per_scene, 2), generator=places).tolist():
            there = torch.isin(torch.arange(9), truth["semantic"][y : y + 32, x : x + 32])
            found.append((picture[:, y : y + 32, x : x + 32], {"present": there.float()}))
    return found


body = nn.Sequential(
    nn.Conv2d(3, 16, 5, stride=2), nn.BatchNorm2d(16), nn.ReLU(),      # 32 -> 14
    nn.Conv2d(16, 32, 3), nn.BatchNorm2d(32), nn.ReLU(),               # 14 -> 12
    nn.MaxPool2d(2),                                                   # 12 -> 6
)
head = nn.Sequential(nn.Flatten(), nn.Linear(32 * 6 * 6, 64), nn.ReLU(), nn.Linear(64, 9))
classifier = nn.Sequential(body, head)


def presence_loss(model, batch):                       # each class: yes or no
    crops, truth = batch
    return F.binary_cross_entropy_with_logits(model(crops), truth["present"])

# %%
crops, unseen = crops_of(train, 8, seed=0), crops_of(val, 8, seed=1)
training.fit(classifier, crops, presence_loss, steps=200, batch_size=64, lr=3e-3, device="cpu")
with torch.no_grad():
    says = classifier(torch.stack([crop for crop, _ in unseen])) > 0
there = torch.stack([truth["present"] for _, truth in unseen]).bool()
right = (says == there).float().mean(0)
always = torch.maximum(there.float().mean(0), 1 - there.float().mean(0))
for c in range(9):
    print(f"{val.classes[c]:10} right {right[c]:.2f}, base rate {always[c]:.2f}")
BUILDING = val.classes.index("building")
assert right[BUILDING] > always[BUILDING] + 0.15

# %% [markdown]
# It knows sky and buildings; about small things it has learned little in these seconds. But *where* are the buildings? Nine numbers per crop do not say. And on the whole picture of 96×96 it does not even run: the first linear layer has 32 · 6 · 6 = 1152 inputs, not one more.

# %%
whole = image.as_subclass(torch.Tensor)[None]
try:
    classifier(whole)
except RuntimeError as error:
    print("the classifier on the whole picture:", error)
else:
    raise AssertionError("a flattened map of another size must not fit")

# %% [markdown]
# Take two steps. First the easy layer, the last. A linear layer takes a vector of channels to class scores. A **1×1 convolution** does the same to the vector of *every pixel*, with the same weights:

# %%
per_pixel = nn.Conv2d(64, 9, 1)
per_pixel.weight.data = head[3].weight.data[:, :, None, None]          # (9, 64, 1, 1)
per_pixel.bias.data = head[3].bias.data
vectors = torch.randn(2, 64, 5, 7)                                     # (N, C, H, W)
by_linear = head[3](vectors.movedim(1, -1)).movedim(-1, 1)             # C last, and back
assert_close(per_pixel(vectors), by_linear)

# %% [markdown] tags=["predict"]
# Now the first linear layer, behind *flatten*. Each of its outputs is a weighted sum over all channels and all 6×6 places.
#
# **Predict.** Which convolution is that: 1×1 or 6×6?

# %% tags=["prove"]
first = nn.Conv2d(32, 64, 6)
first.weight.data = head[1].weight.data.view(64, 32, 6, 6)             # as flatten wrote them
first.bias.data = head[1].bias.data
assert_close(first.weight, ops.linear_to_conv(head[1], 6).weight)
assert nn.Conv2d(32, 64, 1).weight.numel() * 36 == head[1].weight.numel()

sliding = nn.Sequential(body, first, nn.ReLU(), per_pixel).eval()
with torch.no_grad():
    scores = sliding(whole)[0]                                         # (9, 17, 17)
    windows = [classifier(whole[..., 4 * i : 4 * i + 32, 4 * j : 4 * j + 32])
               for i, j in itertools.product(range(17), range(17))]
assert_close(scores.flatten(1).T, torch.cat(windows), atol=1e-4, rtol=1e-4)
print("one pass =", len(windows), "windows, each through the classifier:", tuple(scores.shape))

# %% [markdown]
# 6×6. A 1×1 kernel has room for one weight in 36. The converted network takes any size from 32×32 up, and its map of 17×17 answers equals the classifier run on 289 overlapping windows, at a fraction of the work. (Equal only because nothing is padded: with padding each window would have a border of zeros, the whole picture only at its edge.)
#
# The first network to do this end to end for segmentation, FCN [@FCN], started from VGG-16 [@VGG], whose first linear layer sees 7×7×512. It is often said that *all* linear layers became 1×1 convolutions. Count:

# %%
on_paper = {"device": "meta"}                                          # shapes only, no memory
fc6 = nn.Linear(7 * 7 * 512, 4096, **on_paper)
for kernel in (7, 1):
    conv = nn.Conv2d(512, 4096, kernel, **on_paper)
    weights = sum(p.numel() for p in conv.parameters())
    print(f"fc6 as a {kernel}×{kernel} convolution: {weights:,} parameters")
    assert (weights == sum(p.numel() for p in fc6.parameters())) == (kernel == 7)

# %% [markdown]
# Only the 7×7 convolution can take the trained weights. Now look at the classifier's map: the probability that a building occurs.

# %%
heat = scores[BUILDING].sigmoid()
full = F.interpolate(heat[None, None], scale_factor=4)[0, 0]           # 68×68, the inner part
truth = target["semantic"] == BUILDING
inner = (slice(14, 82), slice(14, 82))                                 # the windows' middles
plots.show(
    plots.contact_sheet(
        [image[:, 14:82, 14:82], full, (full > 0.5).float(), truth[inner].float()],
        ["the picture", "building in this window?", "yes", "the true buildings"],
    ),
    alt=f"The classifier's map in blocks of 4 pixels. It says yes on {(full > 0.5).float().mean():.0%} "
    f"of the area; buildings cover {truth[inner].float().mean():.0%}.",
)

# %%
yes, perfect, true = [], [], []
for i in range(100):
    picture, truth = val[i]
    building = (truth["semantic"] == BUILDING).float()[None]
    with torch.no_grad():
        yes.append((sliding(picture.as_subclass(torch.Tensor)[None])[0, BUILDING] > 0).float().mean())
    perfect.append(F.max_pool2d(building, 32, stride=4).mean())        # any building in the window?
    true.append(building[..., 14:82, 14:82].mean())
yes, perfect, true = (torch.stack(x).mean().item() for x in (yes, perfect, true))
print(f"buildings cover {true:.0%}; the classifier says yes on {yes:.0%}, a perfect one on {perfect:.0%}")
assert perfect > 2 * true and yes > 2 * true

# %% [markdown]
# A flawless classifier would paint almost the same blob. "Is there a building in these 32×32 pixels?" is answered yes far from the building. The coarseness is in the *question*. So ask each position another one: what is the pixel in the *middle*? That is **pixel classification**, and all semantic networks of this course do it.
#
# Two numbers of such a network decide what it can know, and how finely it can say it. Lesson 03 takes them apart:
#
# - the **receptive field**: how many input pixels one answer depends on, here 32. Each layer adds (kernel − 1) times the steps taken so far between neighboring answers;
# - the **output stride**: how many pixels lie between neighboring answers, here 2 · 2 = 4.

# %%
field, step = 1, 1
for kernel, stride in ((5, 2), (3, 1), (2, 2), (6, 1), (1, 1)):
    field, step = field + (kernel - 1) * step, step * stride
assert (field, step) == (32, 4) == ops.receptive_field(ops.layers_of(sliding))[:2]

from course_lib.models import ResNet

with torch.device("meta"):
    resnet = ResNet("resnet50")
poolings = sum(isinstance(m, nn.MaxPool2d) for m in resnet.modules())
size, jump, _ = ops.receptive_field(ops.layers_of(resnet))
print(f"ours: field {field}, stride {step}; ResNet-50: field {size}, stride {jump}")

# %% [markdown] tags=["measure"]
# ## 8 · See far, or answer finely?
# *What* something is shows best in a wide view. *Where* it ends shows only in fine steps. Is that so, and which matters more? Two extremes that cost the same multiply-adds:
#
# - **9×9 patch**: a classifier of 9×9 pixels, slid over *every* pixel. Sharp, and blind to all else.
# - **stride 32**: five times a convolution and a pooling, down to a 3×3 map of class scores. Its receptive field spans 94 pixels of 96. The map is enlarged by *bilinear interpolation*, a smooth mix of the nearest four values.
#
# One score is not enough to see what happens. We also take the accuracy on two kinds of pixels: **border**, with another class at most 2 pixels away, and **interior**, all others; and again on things and on stuff. What these cannot see: they are shares of *true* pixels, so painting cars everywhere would find all
# cars. And they need base rates: the most frequent class, and the most frequent class *of the pixel's row*, which knows only that the sky is up.

# %%
maps, truth = experiment.truths(train), experiment.truths(val)
print(f"border pixels: {experiment.near_border(truth).float().mean():.0%} of all")
nulls = {
    "most frequent class": experiment.most_frequent(maps, truth),
    "most frequent class of the row": experiment.frequent_in_row(maps, truth),
}
for name, answer in nulls.items():
    figures = experiment.measure(answer, truth, val.things)
    print(f"{name:31}", {key: round(value, 2) for key, value in figures.items()})
coarse = ops.receptive_field(ops.layers_of(experiment.build("stride 32, same cost", 0).body))
assert (coarse.size, coarse.jump) == (94, 32)

# %% [markdown]
# **Predict.** Which of the two wins near borders, which in the interior, and which has the higher mIoU?

# %%
stage = profiles.current().pick(laptop="brief", gpu="long")
live, labels_of = {}, {}
for arm in experiment.DECISIVE:
    model, live[arm] = experiment.run(arm, 0, experiment.STEPS[stage], train, val)
    labels_of[arm] = training.predict(model, image)
    print(f"{arm:21}", {key: round(value, 3) for key, value in live[arm].items()})
    for key in ("miou", "border", "interior"):
        evidence.agrees(experiment.NAME, arm, f"{stage}_{key}", live[arm][key])
sharp, wide = (live[arm] for arm in experiment.DECISIVE)
assert wide["interior"] > sharp["interior"] + 0.03
assert sharp["border"] > wide["border"] + 0.03

# %%
shown = {"truth": target["semantic"], **labels_of}
plots.show(
    plots.contact_sheet(
        [image, *(plots.semantic_rgb(x, val.colors) for x in shown.values())],
        ["the picture", *shown],
    ),
    alt=f"Truth and two predictions. The 9×9 network is grainy, right on {sharp['interior']:.0%} of "
    f"the interior and {sharp['border']:.0%} near borders; the stride-32 network draws soft "
    f"blobs, right on {wide['interior']:.0%} and {wide['border']:.0%}.",
)

# %% [markdown]
# They fail in opposite places. Before you believe in "context against resolution", ask **what else would explain it**. Each suspicion has an arm in the committed table: *color alone* (1×1, no surroundings at all); *position* (the patch plus its row and column: perhaps the wide network only knows where it is); *tiles alone* (the same
# stride-32 network, but each 32×32 tile goes through it by itself: as coarse, less view); the same *parameters* in place of the same cost; and two oracles that know the truth: *averaged to 3×3*, and the *best 3×3 map*, fitted to each truth.

# %%
columns = {f"brief_{key}": key for key in ("miou", "border", "interior", "things", "stuff")}
evidence.table(experiment.NAME, columns, otherwise=2)

# %% [markdown]
# READING

# %%
columns = {f"long_{key}": key for key in ("miou", "border", "interior")}
evidence.table(experiment.NAME, columns, otherwise=2)

# %% [markdown]
# ### What having both buys
# The last line of the first table costs twice as much as each of the two and gets far more than either at twice its cost. Adding two maps of scores, one wide and one fine, is already the idea of FCN's skip connections (lesson 06). A **U-Net** [@UNet] (lesson 08) joins views of all widths. The shipped one of lesson 00 has learned longer, from more scenes, so it is an outlook and no fair arm:

# %%
unet = street_unet.pretrained()
outlook = experiment.measure(experiment.predictions(unet, val), truth, val.things)
print("shipped U-Net", {key: round(value, 2) for key, value in outlook.items()})
assert outlook["border"] > sharp["border"] + 0.1 and outlook["interior"] > wide["interior"] + 0.03
shown |= {"shipped U-Net": training.predict(unet, image)}
plots.show(
    plots.contact_sheet(
        [image, *(plots.overlay_rgb(image, x, val.colors, 0.7) for x in shown.values())],
        ["the picture", *shown],
        columns=5,
    ),
    alt=f"The scene, its truth, the sharp and blind network, the far-sighted and coarse one, and a "
    f"network with both, which has an mIoU of {outlook['miou']:.2f} and looks nearly like the truth.",
)

# %% [markdown] tags=["real"]
# ## 9 · The real thing
# What do real data sets label? If you have CamVid [@CamVid], the next cell reads it, else the drawn scenes. Compare the lists: which classes are things is a **convention of the data set**, not of the world. A building is stuff here; whoever counts houses makes it a thing. And naming a class a thing does not
# mean that anyone has numbered its objects: CamVid's truth is semantic only.

# %%
street = datasets.real_or_generated("camvid", val, split="val")
for name, dataset in (("this lesson", val), ("the set above", street)):
    things = [dataset.classes[c] for c in sorted(dataset.things)]
    print(f"{name}: {len(dataset.classes)} classes, things: {', '.join(things)}")
    print(f"   each picture comes with: {', '.join(sorted(dataset[0][1]))}")
picture, truth = street[0]
void = (truth["semantic"] == 255).float().mean().item()
plots.show(
    plots.overlay(picture, truth["semantic"], street.classes, street.colors),
    alt=f"A street picture tinted with its classes; {void:.1%} of its pixels are void.",
)

# %% [markdown]
# What does truth cost? By counting: a box takes two clicks, an outline one per corner. Our objects are a few hundred pixels large at most, and even so:

# %%
def corners(mask):
    """Corners of the exact outline of a mask (H, W) bool."""
    m = F.pad(mask.as_subclass(torch.Tensor), (1, 1, 1, 1)).int()
    square = m[:-1, :-1] + m[1:, :-1] + m[:-1, 1:] + m[1:, 1:]         # 2×2 windows
    diagonal = (square == 2) & (m[:-1, :-1] == m[1:, 1:])
    return int(((square == 1) | (square == 3)).sum() + 2 * diagonal.sum())


assert corners(masks[0]) == 4                          # a rectangle
each = [corners(mask) for i in range(100) for mask in val[i][1]["masks"]]
print(f"{len(each)} objects: 2 clicks for a box, {sum(each) / len(each):.0f} corners for an outline")
assert sum(each) / len(each) > 10

# %%
evidence.published("cost-box", "cost-coco-mask", "cost-cityscapes-fine")

# %% [markdown]
# That is the measured time of people. It explains why most data sets are small, why outlines are coarse and borders often void, and why lessons 17 and 18 ask what can be had for a click.
#
# Finally the three tasks, by one network. Mask2Former has one architecture for all three, but it is trained for each task and data set separately. The three numbers are of three different metrics: no one of them is "higher".

# %%
evidence.published("mask2former-r50-ade-val", "mask2former-r50-coco-ap", "mask2former-r50-coco-pq")

# %% [markdown] tags=["misconceptions"]
# ## 10 · What people get wrong
# - **"Instance segmentation gives every pixel a class and a number."** Section 2: 20 of 28 pixels are in no mask, two are in both. *Every pixel, once* is the panoptic format.
# - **"Panoptic is the sum of semantic stuff and instance things."** Section 2: the sum made up class 12. It takes a rule for conflicts.
# - **"A perfect semantic map plus connected components gives the instances."** Section 4: half of the objects, on true maps.
# - **"Fully connected layers become 1×1 convolutions."** Section 7: the first one behind *flatten* becomes as large as the map it saw; only those behind it are 1×1.
# - **"ResNet-50 loses the place in four max-poolings."** The cell below: it has one. The stride of 32 comes from it, the first convolution and three strided stages.
# - **"The same mIoU, so the same quality."** Section 8: two networks that fail in opposite places.

# %%
print(f"ResNet-50: {poolings} max-pooling, output stride {jump}, receptive field {size}")
assert (poolings, jump, size) == (1, 32, 427)

# %% [markdown] tags=["quiz"]
# ## 11 · Quiz

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "A pixel is in no mask of an instance annotation. What do you know about it?",
            "choices": [
                {"text": "It is void", "correct": False, "why": "Void is a statement of a map: nobody says what is here. A set makes no statement about pixels outside its masks."},
                {"text": "It is background, class 0", "correct": False, "why": "A set has no background class. It could be sky, road, or an object that nobody outlined."},
                {"text": "Only that it was not counted to any listed object", "correct": True, "why": "Whether it is sky, road or a missed car, the set does not say."},
            ],
        },
        {
            "question": "An RLE in COCO's form begins with the count 0. What does that tell you?",
            "choices": [
                {"text": "The mask is empty", "correct": False, "why": "An empty mask is one run of zeros, and its only count is the number of pixels."},
                {"text": "The pixel in the top left corner is set", "correct": True, "why": "The first count is of zeros. There are none, so the first pixel of the first column is a one."},
                {"text": "The file is damaged", "correct": False, "why": "Zero is allowed, but only as the first count."},
            ],
        },
        {
            "question": "Linear(7·7·512, 4096) becomes a convolution and slides, without padding, over a map of 512×14×14. How large is its output?",
            "choices": [
                {"text": "8×8", "correct": True, "why": "A 7×7 kernel has 14 - 7 + 1 = 8 places in each direction."},
                {"text": "14×14", "correct": False, "why": "That would be a 1×1 kernel, which has no room for the weights."},
                {"text": "2×2", "correct": False, "why": "That would be a step of 7, four separate windows. A convolution with stride 1 takes all overlapping ones."},
                {"text": "1×1", "correct": False, "why": "That is the output for a 7×7 map. Sliding over a larger one gives one answer per place."},
            ],
        },
        {
            "question": "Your class maps are nearly perfect. You must count people in a crowd. What helps?",
            "choices": [
                {"text": "connected components with 8 neighbors", "correct": False, "why": "People who touch become one component, with 8 neighbors more of them than with 4."},
                {"text": "an even better class map", "correct": False, "why": "Section 4 used the true one. What is missing is not in a class map."},
                {"text": "truth that tells people apart: instance or panoptic", "correct": True, "why": "Only there is it written which pixels are one person."},
            ],
        },
        {
            "question": "A network's field is 427 pixels and its output stride is 32. Its masks of small poles are bad. What do you suspect first?",
            "choices": [
                {"text": "The receptive field is too small", "correct": False, "why": "It spans 427 pixels, far more than a pole."},
                {"text": "The answers are too coarse: a pole is thinner than 32 pixels", "correct": True, "why": "The best 3×3 map in section 8 knows the truth and still misses most small things."},
                {"text": "Its classifier has too few classes", "correct": False, "why": "The class is there. What is missing is a place fine enough to put it."},
            ],
        },
    ]
)

# %% [markdown] tags=["summary"]
# ## 12 · Summary
# - Semantic: a map of classes. Instance: a set of masks, which may overlap and leave pixels out. Panoptic: a map of pairs, every pixel once.
# - From panoptic truth one gets the other two. From a set to a map one needs a conflict rule; from classes to objects there is no way back.
# - A linear layer behind *flatten* is a convolution as large as the map it saw. Converted, a classifier slides. What it then says depends on the question it was trained for.
# - A wide view decides what, a fine map decides where. At equal cost the two networks of section 8 fail in opposite places; joined they gain far more than either at twice its cost.
#
# **Glossary:** **instance set**, **conflict rule**, **run-length encoding**, **panoptic id**, **connected component**, **anchor**, **1×1 convolution**, **receptive field**, **output stride**, **oracle**
#
# **Your turn:** [exercise 01](../exercises/01_pixels_to_labels.ipynb). **Next:** lesson 02 makes small maps large again.

# %% [markdown] tags=["references"]
# ## References
# - [@Kirillov2019PS] the panoptic task and its format
# - [@COCO] instance masks and run-length encoding; [@CamVid], [@Cityscapes] labeled street pictures
# - [@FCN] the classifier that slides, trained for every pixel; [@VGG] the classifier it came from
# - [@UNet] the border line between touching cells
# - [@YOLO], [@YOLO9000] the grid, without and with anchors
# - [@PointSup] what a mask and a box cost; [@Mask2Former] one architecture, three tasks
