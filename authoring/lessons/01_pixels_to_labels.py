# %% [markdown] tags=["title"]
# # 01 · From pixels to labels
# **What are the three tasks, and why can't a classifier do them?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | What exactly is the answer of each segmentation task, and why can't a network that names pictures give it? |
# | **Time** | 95 minutes of reading, 1 minute of running |
# | **Prerequisites** | lesson 00 |
# | **You will be able to** | write, convert and store semantic, instance and panoptic truth; say what each conversion loses; turn a classifier into a network that slides; find out whether a network sees too little or answers too coarsely |

# %%
import itertools
from collections import Counter

import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from course_lib import datasets, evidence, metrics, ops, plots, profiles
from course_lib import training, widgets
from course_lib.experiments import context_or_resolution as experiment
from course_lib.experiments import street_unet
from course_lib.models import ResNet

torch.manual_seed(0);

# %% [markdown]
# ## 1 · One picture, three kinds of answer
# A **classifier** says one word about a picture: *street*. Which pixels are the car? How many people wait? It has no place to put such answers. Each segmentation task is a form with such places.
#
# | task | the answer is | a pixel is in |
# |---|---|---|
# | semantic | a *map*: each pixel's class | exactly one class, or void |
# | instance | a *set* of pairs (mask, class), one per object; from a network also a score | no mask, one, or several |
# | panoptic | a *map*: each pixel's class and object number | exactly one such pair, or void |

# %%
train, val = experiment.scenes()
image, target = val[5]
plots.show(
    plots.tasks(image, target, val),
    alt="A street scene and its three truths: a map of classes, "
    f"{len(target['masks'])} numbered objects on gray, and a map of shades.",
)

# %% [markdown] tags=["predict"]
# ## 2 · A map, a set, and the way between them
# Now by hand, on 4×7 pixels that you can check with a pencil: sky (class 0) above, road (4) below, and two cars (6) side by side. One pixel is void: nobody could say what it is. The set comes from a network, and it shows: its two masks overlap.
#
# **Predict.** Some texts define panoptic truth as a *sum*: the semantic map of the stuff plus the masks of the things. Object 1, a car, has the code 6001, object 2 has 6002. Which number does a pixel get that both masks claim? What would that number mean?

# %%
semantic = torch.tensor(
    [[0] * 7, [0, 6, 6, 6, 6, 0, 255], [4, 6, 6, 6, 6, 4, 4], [4] * 7]
)                                                      # (4, 7)
masks = torch.zeros(2, 4, 7, dtype=torch.bool)
masks[0, 1:3, 1:4] = True                              # the first car: columns 1, 2, 3
masks[1, 1:3, 3:5] = True                              # the second: columns 3 and 4
labels = torch.tensor([6, 6])

# %%
codes = torch.tensor([6001, 6002])
added = (masks * codes[:, None, None]).sum(0)          # the part of the things
print(added)
print("pixels in 0, 1, 2 masks:", masks.sum(0).flatten().bincount().tolist())
assert added.max() == 12003 and (masks.sum(0) == 0).sum() == 20

# %% [markdown] tags=["build"]
# 12003 would be object 3 of class 12. There is no such class and no third object. A sum is no definition. A panoptic answer is a *function*: one pair for each pixel. To get there from a set, one needs a **conflict rule**. The usual one: sort the masks by confidence; first come, first served [@Kirillov2019PS]. Ours stand in that order already; true masks have no confidence and need none, as long as they do not overlap. Void wins over every mask, and a mask that earlier ones cover wholly vanishes.
#
# The other line says why it takes a second map: 20 of the 28 pixels are in no mask at all. The set does not say whether they are sky or road. In the map, all sky is one segment, 0, and all road is one, 4000, even if a car cuts it in two: stuff is not counted.

# %%
panoptic = semantic * 1000               # stuff has number 0; void: 255000
free = semantic != 255
for n, (mask, label) in enumerate(zip(masks, labels, strict=True), start=1):
    panoptic[mask & free] = label * 1000 + n           # only what is not yet claimed
    free &= ~mask
print(panoptic)
assert panoptic[1, 3] == 6001                          # the first mask keeps the pixel
assert_close(panoptic, ops.panoptic_from_masks(semantic, masks, labels))

# %% [markdown] tags=["prove"]
# And back: `// 1000` is the class, `% 1000` the number, and each number is one mask. Does the round trip hold on whole scenes?

# %%
for i in range(100):
    truth = val[i][1]
    built = ops.panoptic_from_masks(truth["semantic"], truth["masks"], truth["labels"])
    assert torch.equal(built, truth["panoptic"])
    assert torch.equal(ops.decode_panoptic(built)[0], built // 1000)
    found, found_labels = ops.masks_from_panoptic(built, val.things)
    assert torch.equal(found, truth["masks"])
    assert torch.equal(found_labels, truth["labels"])
print("100 scenes: masks and classes -> panoptic -> masks and classes, nothing lost")

# %% [markdown]
# Nothing was lost, because *true* masks do not overlap and have no scores. In general:
#
# | from \ to | semantic | instance | panoptic |
# |---|---|---|---|
# | **semantic** | | no: which pixels are *one* car? | no |
# | **instance** | things only | | things only, and it takes a conflict rule |
# | **panoptic** | yes: `// 1000` | yes, but without overlaps and scores: a map cannot hold them | |
#
# One thing is in none of the answers: an order. Object numbers are names. Exchange 1 and 2 everywhere, and it is the same answer, though many pixels have another number. So a loss cannot compare object numbers pixel by pixel.

# %% [markdown] tags=["build"]
# ## 3 · On the disk: runs and colors
# A mask has few edges, so COCO [@COCO] stores the lengths of its runs: **run-length encoding**, RLE. The sequence 0 0 1 1 1 0 is two zeros, three ones, one zero. The values alternate, so it is enough to keep 2, 3, 1 and to agree on two things. COCO's agreement: read the mask *column by column*, from top to bottom; and the **first count is always of zeros**, even if it is 0.
#
# **Predict.** The first car's mask has 4 rows and 7 columns and is set in rows 1 and 2 of columns 1, 2, 3. Which counts? They must add up to 28.

# %%
by_hand = [5, 2, 2, 2, 2, 2, 13]                       # 4 + 1 zeros, then column 1
print(ops.rle_encode(masks[0]))
assert ops.rle_encode(masks[0]) == {"size": [4, 7], "counts": by_hand}
assert ops.rle_encode(torch.ones(4, 7, dtype=torch.bool))["counts"] == [0, 28]

noise = torch.rand(96, 96) < 0.5
for name, mask in (("object 1", target["masks"][0]), ("noise", noise)):
    rle = ops.rle_encode(mask)
    assert torch.equal(ops.rle_decode(rle), mask)
    print(f"{name}: {mask.numel()} pixels, {len(rle['counts'])} runs")

# %% [markdown]
# RLE is short for objects. Noise needs about half as many runs as it has pixels.
#
# A *panoptic map* has numbers up to 255000, but a picture file holds 0 to 255 per color. So COCO writes the number in base 256, with the colors as digits: id = R + 256 G + 65536 B. Take 6002: 256 goes into it 23 times, and 114 is left. It becomes the color (114, 23, 0). Such a picture must be
# saved without loss and never resized like a photograph: the mean of two colors is a third object.

# %%
assert 114 + 256 * 23 == 6002
rgb = ops.panoptic_to_rgb(target["panoptic"])          # (3, H, W) uint8
assert torch.equal(ops.rgb_to_panoptic(rgb), target["panoptic"])
both = [plots.panoptic_rgb(target["panoptic"], val.colors), rgb]
plots.show(
    plots.side_by_side(both, ["for people", "for programs: R + 256 G + 65536 B"]),
    alt="The panoptic map twice: in the colors of the classes, and as a file, where "
    f"colors are digits. It holds {len(target['panoptic'].unique())} different ids.",
)

# %% [markdown] tags=["see"]
# ## 4 · From classes to objects?
# The table in section 2 says *no* to semantic → instance. Still, there is a cheap try: pixels of one class that touch are one object. Such a region is a **connected component**. To find it, think of water. Pour it on a pixel without a number, let it run to neighbors of the same class, from there to theirs; all that got wet gets the next number. Neighbors are the 4 pixels that share an edge, or the 8 that share at least a corner. (Exercise 01 writes the search.)
#
# **Push it.** Hover over the scene, or walk with the arrow keys: class, object, panoptic number, color code of each pixel. Then switch to *connected components*. Which objects have become one? Which object is in pieces, and what cut it? Does it help to take 8 neighbors in place of 4?

# %%
widgets.pixel_inspector(image, target, val)

# %% [markdown] tags=["break"]
# ### Perfect classes, wrong objects
# **Predict.** Give connected components the *true* class maps of 100 scenes, better than any network's. For what share of the objects is there a component that is exactly the object: 95 %, 75 %, or 50 %?

# %%
def compare(target, things, connectivity):
    """-> objects, components, those of several objects, objects in pieces, right"""
    is_thing = torch.isin(target["semantic"], torch.tensor(sorted(things)))
    only_things = torch.where(is_thing, target["semantic"], 255)
    parts, count = ops.connected_components(only_things, connectivity, background=255)
    owns = [parts[mask].unique().tolist() for mask in target["masks"]]
    owners = Counter(itertools.chain(*owns))           # objects of each component
    right = sum(len(own) == 1 and owners[own[0]] == 1 for own in owns)
    merged = sum(n > 1 for n in owners.values())
    pieces = sum(len(own) > 1 for own in owns)
    return torch.tensor([len(owns), count, merged, pieces, right])

# %%
for neighbors in (4, 8):
    each = torch.stack([compare(val[i][1], val.things, neighbors) for i in range(100)])
    objects, count, merged, pieces, right = each.sum(0).tolist()
    print(f"{neighbors} neighbors: {objects} objects; {count} components, {merged} of "
          f"several objects; {pieces} objects in pieces; {right / objects:.0%} right")
    assert right / objects < 0.65
lucky = each[(each[:, 0] == each[:, 1]) & (each[:, 4] < each[:, 0])]
print(f"8 neighbors: in {len(lucky)} scenes the count is right and the objects are not")

# %% [markdown]
# About half. Touching objects merge, objects behind a tree fall apart, and the two errors can even cancel in the count. More neighbors mend some pieces and merge some more objects.
#
# One case works, microscopy, if whoever drew the labels left a line of background between nuclei that touch, as for the U-Net [@UNet]. Then components *are* the objects. Close the lines, and it is over. The price: a network must learn to draw that line, one pixel wide, often where the picture shows none. And it would not mend objects in pieces.

# %%
cells = datasets.Cells(32, 96, seed=0)
nuclei = torch.stack([compare(cells[i][1], cells.things, 8) for i in range(32)]).sum(0)
grow = lambda x: F.max_pool2d(x[None], 3, 1, 1)[0]     # the largest of each 3×3;
# -grow(-x) shrinks: to grow and then shrink back closes lines up to 2 pixels wide
closed = [-grow(-grow((cells[i][1]["semantic"] == 1).float())) for i in range(32)]
remaining = sum(ops.connected_components(mask > 0, 8)[1] for mask in closed)
print(f"{nuclei[0]} nuclei, {nuclei[4]} right; lines closed: {remaining} components")
assert nuclei[4] == nuclei[0] and remaining < 0.7 * nuclei[0]

# %% [markdown] tags=["build"]
# ## 5 · Boxes
# The shortest description of an object's place is a **box**: x1, y1, x2, y2, where x2 and y2 lie one past the last pixel. The IoU of two boxes is the shared area divided by the area that they cover together, in which shared pixels count once. On paper: 0 0 4 3 and 2 1 5 5 share columns 2 and 3, rows 1 and 2, so 4 pixels. Together they cover 12 + 12 - 4 = 20. IoU 1/5.
#
# A detector must put a *set* of boxes into a tensor of fixed shape. YOLO lays a grid over the picture, say 19×19 cells; an object belongs to the cell that holds its center. A cell may hold several objects, so it has 5 **anchors**, template boxes that each answer for one object. How deep is the tensor, with 20 classes?
#
# It depends on who owns the class scores. With anchors, each has its own [@YOLO9000]: 4 numbers for the box, 1 for the confidence that there is an object, 20 for its class, so 5 · (4 + 1 + 20) = 125. In the first YOLO [@YOLO] a cell has *one* class vector for all its boxes: 5 · (4 + 1) + 20 = 45. That form cannot say "a person in front of a car". (Exercise 01 reads both kinds.)

# %%
a, b = torch.tensor([[0.0, 0, 4, 3]]), torch.tensor([[2.0, 1, 5, 5]])
assert_close(ops.box_iou(a, b), torch.tensor([[1 / 5]]))
boxes = target["boxes"].as_subclass(torch.Tensor)      # (M, 4)
overlap = ops.box_iou(boxes, boxes).fill_diagonal_(0)
print(f"two objects' boxes have an IoU of up to {overlap.max():.2f}, their masks of 0")
assert overlap.max() > 0.05 and target["masks"].sum(0).max() == 1

# %%
volume = torch.zeros(19, 19, 5, 4 + 1 + 20)            # grid, anchors, numbers of each
volume[6, 9, 0, [4, 5 + 3]] = 1                        # cell (6, 9): anchor 0, class 3
volume[6, 9, 1, [4, 5 + 7]] = 1                        # same cell: anchor 1, class 7
own, shared = volume.flatten(2).shape[-1], volume[..., :5].flatten(2).shape[-1] + 20
print(f"every anchor its own class scores: {own} deep; one vector per cell: {shared}")
assert (own, shared) == (125, 45)

# %% [markdown]
# ## 6 · Two scores, three lines each
# Lesson 04 does scores properly. We need two now; both leave void out. The prediction below has the block of cars one pixel too far to the right. **Predict** the IoU of the class car.

# %%
def accuracy(prediction, truth):
    return (prediction == truth)[truth != 255].float().mean().item()


def iou(prediction, truth, c):
    p, t = ((x == c) & (truth != 255) for x in (prediction, truth))
    return ((p & t).sum() / (p | t).sum()).item()


shifted = torch.tensor([[0] * 7, [0, 0, 6, 6, 6, 6, 0], [4, 4, 6, 6, 6, 6, 4], [4] * 7])
print(f"accuracy {accuracy(shifted, semantic):.2f}")
print(f"IoU of car {iou(shifted, semantic, 6):.2f}")
matrix = metrics.ConfusionMatrix(9).update(shifted, semantic)
assert abs(accuracy(shifted, semantic) - matrix.accuracy()) < 1e-6
assert abs(iou(shifted, semantic, 6) - matrix.iou()[6]) < 1e-6

# %% [markdown] tags=["build"]
# Eight true pixels, eight predicted, six shared: 6 of 10. The accuracy is 23 of the 27 pixels that are not void. For small objects, one pixel at the border is a lot.
#
# ## 7 · A classifier that slides
# A classifier is a stack of convolutions and poolings, then *flatten*, then linear layers. Train one in seconds: it sees crops of 32×32 pixels and says for each class whether it *occurs*. Such labels are cheap, a list of words per crop. Several classes can be in one crop, so these are nine separate yes-or-no questions, and the loss is one binary cross-entropy for each; a logit above 0 means *yes*. `fit` takes any such loss as its third argument. Its convolutions have no padding; you will see why.

# %%
def crops_of(scenes, seed):
    """Eight random crops (3, 32, 32) of each scene, with the classes that occur."""
    corner = torch.Generator().manual_seed(seed)
    for picture, truth in (scenes[i] for i in range(len(scenes))):
        for y, x in torch.randint(0, 65, (8, 2), generator=corner).tolist():
            window = (..., slice(y, y + 32), slice(x, x + 32))
            there = torch.isin(torch.arange(9), truth["semantic"][window])
            yield picture[window], {"present": there.float()}

# %%
body = nn.Sequential(                                  # (3, 32, 32) -> (32, 6, 6)
    nn.Conv2d(3, 16, 6, stride=2), nn.BatchNorm2d(16), nn.ReLU(),
    nn.Conv2d(16, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
)
head = nn.Sequential(
    nn.Flatten(), nn.Linear(32 * 6 * 6, 64), nn.ReLU(), nn.Linear(64, 9)
)
classifier = nn.Sequential(body, head)


def presence_loss(model, batch):                       # for each class: yes or no
    return F.binary_cross_entropy_with_logits(model(batch[0]), batch[1]["present"])


settings = dict(steps=200, batch_size=64, lr=3e-3, device="cpu")
training.fit(classifier, list(crops_of(train, seed=0)), presence_loss, **settings)

# %%
unseen, answers = zip(*crops_of(val, seed=1), strict=True)
there = torch.stack([answer["present"] for answer in answers]).bool()
with torch.no_grad():
    right = ((classifier(torch.stack(unseen)) > 0) == there).float().mean(0)
always = torch.maximum(there.float().mean(0), 1 - there.float().mean(0))
for name, r, base in zip(val.classes, right, always, strict=True):
    print(f"{name:10} right {r:.2f}, base rate {base:.2f}")
assert right[1] > always[1] + 0.15                     # class 1, building

# %% [markdown]
# It knows sky, road and buildings. (Find the class for which it is no better than the base rate: small things are hard for it.) But *where* are the buildings? Nine numbers per crop do not say. And the whole picture does not even fit: the first linear layer has 32 · 6 · 6 = 1152 inputs, not one more.
#
# The way out takes two steps. First the easy layer, the last. A linear layer takes a vector of channels to class scores. A **1×1 convolution** does the same at *every pixel*, with the same weights:

# %%
per_pixel = nn.Conv2d(64, 9, 1)
per_pixel.weight.data = head[3].weight.data[:, :, None, None]          # (9, 64, 1, 1)
per_pixel.bias.data = head[3].bias.data
vectors = torch.randn(2, 64, 5, 7)                                     # (N, C, H, W)
assert_close(per_pixel(vectors), head[3](vectors.movedim(1, -1)).movedim(-1, 1))

# %% [markdown] tags=["predict"]
# Now the first linear layer, behind *flatten*. Each of its outputs is a weighted sum over all channels and all 6×6 places. **Predict.** Which convolution is that: 1×1 or 6×6?

# %% tags=["prove"]
first = nn.Conv2d(32, 64, 6)
first.weight.data = head[1].weight.data.view(64, 32, 6, 6)         # as flatten wrote
first.bias.data = head[1].bias.data
assert_close(first.weight, ops.linear_to_conv(head[1], 6).weight)
sliding = nn.Sequential(body, first, nn.ReLU(), per_pixel).eval()

whole = image.as_subclass(torch.Tensor)[None]                          # (1, 3, 96, 96)
corners = [(4 * i, 4 * j) for i, j in itertools.product(range(17), range(17))]
with torch.no_grad():
    scores = sliding(whole)[0]                                         # (9, 17, 17)
    one_by_one = [classifier(whole[..., y : y + 32, x : x + 32])[0] for y, x in corners]
assert_close(scores.flatten(1).T, torch.stack(one_by_one), atol=1e-4, rtol=1e-4)
once = evidence.macs(sliding, whole) / 1e6
apart = 289 * evidence.macs(classifier, whole[..., :32, :32]) / 1e6
print(f"million multiply-adds: {once:.0f} sliding, {apart:.0f} window by window")
assert apart > 5 * once

# %% [markdown]
# 6×6. A 1×1 kernel has room for one weight where the linear layer has 36. The converted network takes any size from 32×32 up. Its 17×17 answers equal the classifier's on 289 overlapping windows, for a fraction of the work. (Exactly equal only because nothing is padded: with padding, every window would have zeros around it. The price: the outermost 14 pixels get no answer, because no whole window has its middle there.)
#
# Look at its map: the probability that a building occurs in each window.

# %%
BUILDING = val.classes.index("building")
inner = (..., slice(14, 82), slice(14, 82))            # the middles of the windows
heat = F.interpolate(scores[BUILDING].sigmoid()[None, None], scale_factor=4)[0, 0]
truth = target["semantic"][inner] == BUILDING
found = {"it says yes": heat > 0.5, "true buildings": truth}
tinted = [
    plots.overlay_rgb(image[inner], torch.where(where, BUILDING, 255), val.colors, 0.8)
    for where in found.values()
]
plots.show(
    plots.contact_sheet([image[inner], heat, *tinted], ["", "probability", *found]),
    alt="The classifier's map in blocks of 4 pixels. It says yes on "
    f"{(heat > 0.5).float().mean():.0%} of the area; buildings cover "
    f"{truth.float().mean():.0%} of it.",
)

# %%
pictures = torch.stack([val[i][0].as_subclass(torch.Tensor) for i in range(100)])
building = (experiment.truths(val) == BUILDING).float()[:, None]       # (N, 1, 96, 96)
with torch.no_grad():
    yes = (sliding(pictures)[:, BUILDING] > 0).float().mean().item()
perfect = F.max_pool2d(building, 32, stride=4).mean().item()   # any in the window?
true = building[inner].mean().item()
print(f"buildings cover {true:.0%}; yes says the classifier on {yes:.0%}, "
      f"a perfect one on {perfect:.0%}")
assert min(yes, perfect) > 2 * true

# %% [markdown]
# Some of its yes is plain error, on water for instance. But a flawless classifier would paint a blob about as large. "Is there a building in these 32×32 pixels?" is truly answered yes far from the building: the coarseness is in the *question*. So ask each position another one: what is the pixel in the *middle*? That is **pixel classification**, and most semantic networks of this course do it.
#
# Two numbers limit what such a network can know, and how finely it can say it. Lesson 03 takes them apart.
#
# - The **receptive field**: how many input pixels, along one side, one answer depends on. Each layer adds (kernel − 1) times the distance between the answers before it.
# - The **output stride**: the distance between neighboring answers, in input pixels.

# %%
field, stride = 1, 1
for k, s in ((6, 2), (3, 1), (2, 2), (6, 1), (1, 1)):  # kernel and stride
    field, stride = field + (k - 1) * stride, stride * s
print(f"receptive field {field}, output stride {stride}")
assert (field, stride) == (32, 4) == ops.receptive_field(ops.layers_of(sliding))[:2]

# %% [markdown] tags=["measure"]
# ## 8 · See far, or answer finely?
# *What* something is should show best in a wide view. *Where* it ends can only show in fine steps. Is it so? Two extremes, trained alike, which cost the same multiply-adds:
#
# - **9×9 patch**: a classifier of 9×9 pixels, slid over *every* pixel. Fine, and blind to all else.
# - **stride 32**: five convolutions, a pooling after each, down to a 3×3 map of scores. Its receptive field is 94 of 96 pixels. The map is enlarged by *bilinear interpolation*, a smooth mix of the nearest four values.
#
# To see what happens, take the accuracy apart: **border** pixels have another class at most 2 pixels away, **interior** pixels have not; and things, and stuff. What such shares of *true* pixels cannot see: painting cars everywhere would find all cars. (The mIoU sees it.) The base rates of these numbers: the most frequent class, and the most frequent class *of the pixel's row*, which knows only that the sky is up.
#
# **Predict.** Which of the two wins near borders, which in the interior, which has the higher mIoU?

# %%
maps, truth = experiment.truths(train), experiment.truths(val)
print(f"border pixels: {experiment.near_border(truth).float().mean():.0%} of all")
for null in (experiment.most_frequent, experiment.frequent_in_row):
    figures = experiment.measure(null(maps, truth), truth, val.things)
    print(f"{null.__name__:16}", {key: round(x, 2) for key, x in figures.items()})
view = ops.receptive_field(ops.layers_of(experiment.build("stride 32", 0).body))
assert (view.size, view.jump) == (94, 32)

# %%
ending = profiles.current().pick(laptop="", gpu=", 600 steps")
live, drawn = [], {}
for arm in experiment.DECISIVE:
    model, figures = experiment.run(arm + ending, 0, train, val)
    live, drawn[arm] = [*live, figures], training.predict(model, image)
    print(f"{arm:10}", {key: round(value, 2) for key, value in figures.items()})
    for key in ("miou", "border", "interior"):
        print("  ", evidence.agrees(experiment.NAME, arm + ending, key, figures[key]))
patch, coarse = live
assert coarse["interior"] > patch["interior"] + 0.01
assert patch["border"] > coarse["border"] + 0.04

# %% [markdown]
# They fail in opposite places, and the accuracy on all pixels does not tell them apart. Now ask **what else would explain it**. Each suspicion has an arm in the committed table:
#
# - *color alone*: perhaps the surroundings do not matter;
# - *and position*: the patch network also gets row and column. Perhaps the far-sighted one only knows where it is;
# - *tiles alone*: the same stride-32 network, but each 32×32 tile goes through it by itself;
# - *few parameters*, as few as the patch network has; *twice the cost*; *600 steps*;
# - two **oracles** that know the truth but must say it with 3×3 cells: its class shares *averaged*, and the *best* map for each truth, found by gradient descent;
# - *both*: the two networks trained as one, their scores added.

# %%
parts = {key: key for key in ("border", "interior", "things", "stuff")}
evidence.table(experiment.NAME, {"miou": "mIoU", "accuracy": "all pixels"} | parts)

# %% [markdown]
# Read it with your prediction beside it.
#
# - **Equal on average, opposite in place.** Both get 0.70 of all pixels right. Near borders the patch network has 0.57 and the stride-32 one 0.49; inside, 0.77 and 0.83. Neither the mIoU, 0.37 and 0.35, nor the things, 0.17 and 0.14, are settled by three seeds.
# - **Color does most of the patch's work**: alone it has 0.53 near borders and 0.72 inside.
# - **Inside, position closes the gap.** With row and column the patch network gets 0.86. (It costs more, but twice the cost without position leaves it at 0.78.) So a better inside is no proof yet that surroundings were understood.
# - **The view counts, and so do the weights.** On tiles alone the same network falls from 0.83 to 0.78 inside. (Zeros at the tiles' edges may take a part.) With as few weights as the patch network, and a 25th of its cost, it falls to 0.77.
# - **Coarseness is a wall.** The best 3×3 map, fitted to the truth itself, has 0.59 near borders and 0.33 on things. The trained one does not even get there. The patch network passes it near borders after 600 steps: 0.63.
# - **Both together** reach an mIoU of 0.59. Cost does not explain it: either one at double cost has 0.39 and 0.36. Nor does the place alone: patch and position have 0.45. What we cannot part is the wide view from its many weights. After 600 steps it is 0.66.
#
# What is due to the tiny scale: of 96 pixels, stride 32 leaves 3 cells; of a photograph it leaves many more, and an object may cover several. And a program drew these scenes from a few layouts, so position tells a lot. Lesson 03 takes scenes in which it does not.
#
# Adding a wide and a fine map of scores is the idea of FCN's skip connections (lesson 06). A **U-Net** [@UNet] (lesson 08) joins views of many widths. The one of lesson 00 has learned longer, from more scenes, so it is an outlook and not an arm. The picture sums up the lesson:

# %%
unet = street_unet.pretrained()
outlook = experiment.measure(experiment.predictions(unet, val), truth, val.things)
print("shipped U-Net", {key: round(value, 2) for key, value in outlook.items()})
drawn |= {"truth: classes": target["semantic"], "U-Net": training.predict(unet, image)}
tiles = {name: plots.semantic_rgb(labels, val.colors) for name, labels in drawn.items()}
tiles |= {"truth: objects": plots.panoptic_rgb(target["panoptic"], val.colors)}
tiles |= {"picture": image}
order = ["picture", "truth: classes", "truth: objects", *experiment.DECISIVE, "U-Net"]
plots.show(
    plots.contact_sheet([tiles[name] for name in order], order, columns=3),
    alt="Scene, true classes and objects, and three answers: grainy from the 9×9 patch "
    "network, blobs from the stride-32 network, and a U-Net's. Right near borders: "
    f"{patch['border']:.0%}, {coarse['border']:.0%}, {outlook['border']:.0%}; inside: "
    f"{patch['interior']:.0%}, {coarse['interior']:.0%}, {outlook['interior']:.0%}.",
)
assert outlook["border"] > patch["border"] + 0.1
assert outlook["interior"] > coarse["interior"] + 0.03

# %% [markdown] tags=["real"]
# ## 9 · The real thing
# What do real data sets label? If you have CamVid [@CamVid], the next cell reads it, else the drawn scenes again. Which classes are things is a **convention of the data set**. A building is stuff in ours; whoever counts houses makes it a thing. And calling a class a thing does not mean that anyone has numbered its objects: CamVid's truth is semantic only.
#
# What does truth cost? First by counting: a box takes two corners, an exact outline all of its own. A corner is a place where 1 or 3 pixels of a 2×2 window are set. (Two pixels on a diagonal make two.)

# %%
street = datasets.real_or_generated("camvid", val, split="val")
for name, dataset in (("this lesson", val), ("the set above", street)):
    things = [dataset.classes[c] for c in sorted(dataset.things)]
    print(f"{name}: {len(dataset.classes)} classes, things: {', '.join(things)}")
    print(f"   each picture comes with: {', '.join(sorted(dataset[0][1]))}")

# %%
def corners_of(mask):
    """Corners of the exact outline of a mask (H, W) bool."""
    m = F.pad(mask.as_subclass(torch.Tensor), (1, 1, 1, 1)).int()
    square = m[:-1, :-1] + m[1:, :-1] + m[:-1, 1:] + m[1:, 1:]
    diagonal = (square == 2) & (m[:-1, :-1] == m[1:, 1:])
    return int((square % 2 == 1).sum() + 2 * diagonal.sum())


clicks = [corners_of(mask) for i in range(100) for mask in val[i][1]["masks"]]
print(f"corners per object: 2 for a box, {sum(clicks) / len(clicks):.0f} for an outline")
assert corners_of(masks[0]) == 4 and sum(clicks) > 10 * len(clicks)

# %% [markdown]
# Then by the clock: the first three rows below are people's time. One mask costs about as much as eleven boxes, one street picture an hour and a half. Lessons 17 and 18 ask what one can have for less.
#
# The other three rows are one architecture, Mask2Former [@Mask2Former], on all three tasks, trained for each of them separately. They are three metrics on two data sets: none of these numbers is "higher" than another.

# %%
evidence.published(
    *("cost-box", "cost-coco-mask", "cost-cityscapes-fine"),
    *("mask2former-r50-ade-val", "mask2former-r50-coco-ap", "mask2former-r50-coco-pq"),
)

# %% [markdown] tags=["misconceptions"]
# ## 10 · What people get wrong
# - **"Instance segmentation gives every pixel a class and a number."** Section 2: 20 of 28 pixels are in no mask. *Every pixel, once* is the panoptic format.
# - **"Panoptic is the sum of semantic stuff and instance things."** Section 2: the sum made up a class 12. It takes a rule for conflicts.
# - **"A perfect semantic map plus connected components gives the instances."** Section 4: about half of them, on true maps.
# - **"All fully connected layers become 1×1 convolutions."** Section 7, and the cell below: FCN [@FCN] made a sliding network of VGG-16 [@VGG], whose first linear layer sees 7×7×512. Only a 7×7 convolution can take its weights.
# - **"ResNet-50 loses the place in four max-poolings."** The cell below: it has one. The rest of its stride comes from the first convolution and three strided stages.
# - **"The same pixel accuracy, so the same quality."** Section 8: two networks that fail in opposite places.

# %%
with torch.device("meta"):                             # shapes without memory
    fc6, resnet = nn.Linear(7 * 7 * 512, 4096), ResNet("resnet50")
    convs = {k: nn.Conv2d(512, 4096, k) for k in (7, 1)}
count = lambda module: sum(p.numel() for p in module.parameters())
for k, conv in convs.items():
    print(f"{count(fc6):,} parameters before, {k}×{k} convolution: {count(conv):,}")
assert count(convs[7]) == count(fc6) == 102_764_544 and count(convs[1]) == 2_101_248
poolings = [m for m in resnet.modules() if isinstance(m, nn.MaxPool2d)]
size, jump, _ = ops.receptive_field(ops.layers_of(resnet))
print(f"ResNet-50: {len(poolings)} max-pooling, stride {jump}, receptive field {size}")
assert (len(poolings), jump, size) == (1, 32, 427)

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
# - A wide view helps inside, a fine map near borders; part of what a wide view knows may be no more than the place in the picture. At equal cost the two networks of section 8 fail in opposite places; joined they gain far more than either at twice its cost.
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
