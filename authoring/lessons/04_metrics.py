# %% [markdown] tags=["title"]
# # 04 · Metrics
# **What does "a good mask" mean to the reader?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | Two answers to one picture, both wrong somewhere. Which is better, and who decides? |
# | **Time** | 85 minutes of reading, 1 minute of running |
# | **Prerequisites** | lessons 00 to 03 |
# | **You will be able to** | compute accuracy, IoU, Dice and boundary scores by hand and over a whole set; say for each what it cannot see; name the convention behind an mIoU; put an interval around a score; choose a metric by what an error costs |

# %%
import itertools

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from scipy import ndimage
from torch.testing import assert_close

from course_lib import evidence, metrics, plots, training, widgets
from course_lib.experiments import metric_rankings as ranks
from course_lib.experiments import street_unet

torch.manual_seed(0);

# %% [markdown]
# ## 1 · Which answer is better?
# Two answers to one picture. No network made them: we took the truth and spoiled it, each time in another way.

# %%
train, val = ranks.scenes()
truths = ranks.truth(val)                                    # (100, 96, 96)
answers = ranks.simple(train, val)                           # name -> (100, 96, 96)
a_name, b_name = "truth moved by 1 pixel", "truth without persons"
image, truth = val[5][0], truths[5]
a, b = answers[a_name][5], answers[b_name][5]
maps = [plots.overlay_rgb(image, m, val.colors, 0.7, 300) for m in (truth, a, b)]
person = val.classes.index("person")
lost = int((truth == person).sum())
plots.show(
    plots.side_by_side(maps, ["truth", "answer A", "answer B"]),
    alt="A street scene in the colors of its classes, three times: the truth; A, "
    f"which looks the same; and B, in which {lost} pixels of persons are gone.",
)

# %% [markdown] tags=["predict"]
# Answer A is the truth, one pixel lower *and* one to the right: a diagonal step (the tables say "moved by 1 pixel"). You hardly see it. In answer B every person is gone, painted over with what is next to them.
#
# **Predict.** Which of the two has the higher pixel accuracy? And about how high are they?

# %%
right = {"A": (a == truth).float().mean(), "B": (b == truth).float().mean()}
print({name: f"{share:.3f}" for name, share in right.items()})
assert right["B"] > right["A"] + 0.05

# %% [markdown] tags=["build"]
# A has 0.899, B has 0.987. By pixel accuracy, an answer without any person is far better than one that nobody can tell from the truth.
#
# Accuracy did nothing wrong. It did what it says: every wrong pixel costs the same, wherever it lies. A metric is a decision about which errors count, and how much. This lesson takes the common ones apart, so that you make that decision and not the first function you find.
#
# ## 2 · Five numbers
# Take one class, say *person*. Each pixel is in one of four heaps:
#
# | | predicted: person | predicted: not |
# |---|---|---|
# | **truly person** | true positive, **TP** | false negative, **FN** (missed) |
# | **truly not** | false positive, **FP** (invented) | true negative, **TN** |
#
# - accuracy = (TP + TN) / all pixels
# - **precision** = TP / (TP + FP): of what you found, how much is right?
# - **recall** = TP / (TP + FN): of what is there, how much did you find?
# - IoU = TP / (TP + FP + FN)
# - **Dice** = 2 TP / (2 TP + FP + FN), also called F1: the harmonic mean of precision and recall
#
# **Predict.** The mask below has 6 pixels; the prediction lies one pixel too far to the right. Which of the five change if the picture gets a margin of background, five pixels on each side, that the prediction gets right?

# %%
def heaps(prediction, truth):
    """Bool masks of one shape -> TP, FP, FN, TN"""
    pairs = ((1, 1), (1, 0), (0, 1), (0, 0))
    return [int(((prediction == p) & (truth == t)).sum()) for p, t in pairs]


mask = torch.zeros(4, 6, dtype=torch.bool)
mask[0:3, 1:3] = True                                        # 3 rows, 2 columns
found = mask.roll(1, dims=1)
for margin in (0, 5):
    tp, fp, fn, tn = heaps(F.pad(found, [margin] * 4), F.pad(mask, [margin] * 4))
    accuracy, iou = (tp + tn) / (tp + fp + fn + tn), tp / (tp + fp + fn)
    f1 = 2 * tp / (2 * tp + fp + fn)
    print(f"margin {margin}: TP {tp}, FP {fp}, FN {fn}, TN {tn}")
    print(f"   accuracy {accuracy:.3f}, precision {tp / (tp + fp):.3f},", end=" ")
    print(f"recall {tp / (tp + fn):.3f}, IoU {iou:.3f}, Dice {f1:.3f}")
assert (tp, fp, fn) == (3, 3, 3) and iou == 1 / 3 and accuracy > 0.9

# %% [markdown]
# Only the accuracy: it is the one of the five that knows TN. The rarer a class, the more TN there is to hide behind. A lesion on 1 % of the pixels, and an answer that never finds it has an accuracy of 99 %, with recall, IoU and Dice of 0. (Precision is 0/0 then: no value. Ask of every metric what it does with an empty mask.)
#
# ## 3 · The confusion matrix
# With many classes, count every pair: row = truth, column = prediction. Take 3 classes and one void pixel. (Index with `int(t)`: a tensor of dtype uint8, used as an index, is read as a mask.)

# %%
target = torch.tensor([[0, 0, 1, 1], [0, 2, 2, 255]])
answer = torch.tensor([[0, 1, 1, 1], [0, 2, 0, 2]])
matrix = torch.zeros(3, 3, dtype=torch.int64)
for t, p in zip(target.flatten(), answer.flatten(), strict=True):
    if t != 255:                                             # void counts nowhere
        matrix[int(t), int(p)] += 1
print(matrix)
assert matrix.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 1]]

# %% [markdown] tags=["prove"]
# The four heaps of each class are in it. TP stands on the diagonal, FN is the rest of the *row*, FP the rest of the *column*. Class 0: TP 2, FN 1, FP 1, so IoU 2/4. Pixel accuracy is the diagonal over everything, 5/7.
#
# A loop over pixels is slow. Give each pair (t, p) one number, t · classes + p, and count numbers:

# %%
def confusion(prediction, target, classes):
    """Integer maps of one shape -> (classes, classes); row truth, column prediction"""
    valid = target != 255
    codes = target[valid].long() * classes + prediction[valid].long()
    return codes.bincount(minlength=classes**2).view(classes, classes)


def ious(matrix):
    """(classes,) TP / (TP + FP + FN); NaN for a class that is nowhere"""
    tp = matrix.diagonal().double()
    return tp / (matrix.sum(0) + matrix.sum(1) - tp)


assert_close(confusion(answer, target, 3), matrix)
unet = answers["the U-Net of lesson 00"]
ready = metrics.ConfusionMatrix(9).update(unet, truths)
assert_close(confusion(unet, truths, 9), ready.counts)
assert_close(ious(ready.counts), ready.iou())
print(f"the U-Net of lesson 00: mIoU {ready.miou():.3f}")

# %% [markdown] tags=["build"]
# `ConfusionMatrix` is what the course uses from here on. `update` adds pictures one after the other, so a set of any size fits in memory; `merge` adds two matrices, from two halves of a set or two machines.
#
# ### The line that fails in silence
# Why `.long()`? Label maps are often stored as `uint8`, bytes from 0 to 255. **Predict.** With 21 classes, a pixel is truly 13 and predicted 13: a hit. Which code do *bytes* make of 13 · 21 + 13 = 286, and which row and column is that? (To see it in an mIoU, the cell gives our 9 classes numbers among 21.)

# %%
names = torch.tensor([0, 2, 5, 8, 11, 13, 16, 18, 20])       # class c becomes names[c]
t, p = names[truths].to(torch.uint8), names[unet].to(torch.uint8)
code = int(torch.tensor(13, dtype=torch.uint8) * 21 + 13)
print(f"13, 13 is counted as code {code}: row {code // 21}, column {code % 21}")
codes = (t * 21 + p).flatten().long()                        # too late
wraps = ious(codes.bincount(minlength=21**2).view(21, 21)).nanmean()
print(f"mIoU {wraps:.3f} with bytes, {ious(confusion(p, t, 21)).nanmean():.3f} without")
assert wraps < ready.miou() - 0.3 and code == 30

# %% [markdown] tags=["predict"]
# A byte keeps the remainder by 256: 286 becomes 30, a pixel of class 1 taken for class 9. No error, no warning, another number. With 16 classes or fewer all codes fit, so a test on a small example passes. Give a metric a perfect answer once: whatever is not 1 then is a bug.
#
# ## 4 · What accuracy hides, and what mIoU hides
# You can read: "beware of mIoU, two dominant classes can pull it up while all others fail." **Predict.** 19 classes. Two of them are perfect and cover 80 % of the pixels. The other 17 are never found. How high are pixel accuracy and mIoU?

# %%
two = metrics.ConfusionMatrix(19)
two.counts[0, 0] = two.counts[1, 1] = 680                    # two perfect classes
for c in range(2, 19):
    two.counts[c, c + 1 if c < 18 else 2] = 20               # each taken for the next
for name in ("accuracy", "frequency_weighted_iou", "mean_accuracy", "miou"):
    print(f"{name:23} {getattr(two, name)():.3f}")
assert two.accuracy() == 0.8 and abs(two.miou() - 2 / 19) < 1e-9

# %% [markdown]
# It is the other way round. Two classes of 19 can give an mIoU of 2/19 = 0.105 and no more; it is *accuracy* that they pull up, and **frequency-weighted IoU**, which weighs each class by its share of the true pixels. **Mean class accuracy** averages the recalls, and mIoU the IoUs; both let each class count once.
#
# Does mIoU then see what section 1 saw? All 100 scenes, A and B. Read the mean first, then the rows.

# %%
count = lambda name: metrics.ConfusionMatrix(9).update(answers[name], truths)
scores = {name: count(name) for name in (a_name, b_name)}
print("mIoU", {name: round(counts.miou(), 3) for name, counts in scores.items()})
print(f"{'IoU of':12}    A    B")
for c, each in enumerate(zip(*(m.iou() for m in scores.values()), strict=True)):
    print(f"   {val.classes[c]:10}", *(f"{value:.2f}" for value in each))
assert scores[b_name].miou() > scores[a_name].miou() + 0.05
assert scores[b_name].iou()[person] == 0 < scores[a_name].iou()[person]

# %% [markdown]
# No. B has 0.882, A 0.767: even mIoU prefers the answer without persons. The lost class itself can cost no more than its own row, a ninth of the mean; what is missing beyond that, the paint cost its neighbors. The mean hides it; the *row* "person 0.00" does not. So a table of IoUs per class belongs to every mIoU.
#
# ## 5 · IoU and Dice
# For one pair of masks they say the same: Dice = 2 IoU / (1 + IoU), a rising curve. Dice is the larger one, and equal at 0 and 1. A Dice of 0.90 is an IoU of 0.818; whoever compares two papers should know which one is printed.
#
# **Predict.** Since the curve rises, IoU and Dice agree on the order of two masks. Do *mean* IoU and *mean* Dice agree on the order of two networks?

# %%
first, second = torch.tensor([1.00, 0.40]), torch.tensor([0.70, 0.68])  # two classes
dice = lambda iou: 2 * iou / (1 + iou)
for each in (first, second):
    print(f"mIoU {each.mean():.3f}, mean Dice {dice(each).mean():.3f}")
assert first.mean() > second.mean() and dice(first).mean() < dice(second).mean()
assert_close(dice(ready.iou()), ready.dice())
assert abs(dice(0.818) - 0.90) < 1e-3

# %% [markdown] tags=["predict"]
# No. The curve is steep near 0 and flat near 1, so Dice gives the second network much for its better worst class, and the first little for its perfect best one. Neither is right. Choose before you look at the results.
#
# ## 6 · mIoU is not mIoU
# **Predict.** A picture of ten pixels, all of class 0. The prediction calls one of them class 1. There is a class 2 as well, which is nowhere. What is the mIoU? You may find three answers.

# %%
flat, wrong = torch.zeros(10, dtype=torch.int64), torch.tensor([0] * 9 + [1])
tiny = metrics.ConfusionMatrix(3).update(wrong, flat)
three = [round(tiny.miou(over=over), 2) for over in ("truth", "union", "all")]
print(three)
assert three == [0.9, 0.45, 0.3]

# %% [markdown]
# - **truth**, 0.90: the mean over classes that occur in the truth. An invented class costs only what it takes away from others.
# - **union**, 0.45: over classes that occur in the truth or in the prediction. Class 1 counts as 0. The evaluation script of Cityscapes [@Cityscapes] does this, and so does this course.
# - **all**, 0.30: over all three; a class that is nowhere counts as 0, so even a perfect answer cannot reach 1.
#
# On a large set, where every class occurs, the three agree. On single pictures they do not, which leads to the second convention. **Predict.** Picture 1: 10,000 pixels, half class 0, half class 1, all right. Picture 2: 10,000 pixels, 100 of class 1, all of those missed, the others right. Average the two mIoUs, or add the two matrices first. Which is higher?

# %%
one = torch.tensor([[5000, 0], [0, 5000]])                   # picture 1
other = torch.tensor([[9900, 0], [100, 0]])                  # picture 2
averaged = torch.stack([ious(one).mean(), ious(other).mean()]).mean()
accumulated = ious(one + other).mean()
print(f"mean over pictures {averaged:.4f}, from the sum of matrices {accumulated:.3f}")
each = [ious(m).nanmean() for m in ranks.matrices(unet, truths)]
by_picture = torch.stack(each).mean()
print(f"U-Net: mean over pictures {by_picture:.3f}, from the sum {ready.miou():.3f}")
assert abs(averaged - 0.7475) < 1e-4 and abs(accumulated - 0.987) < 1e-3
assert ready.miou() > by_picture + 0.02

# %% [markdown] tags=["build"]
# 0.7475 or 0.987 for the same pixels. The sum weighs every *pixel* of a class alike, so pictures where the class is large decide. The mean over pictures weighs *pictures* alike, and a stray pixel of a class that is not there costs a whole class. Benchmarks such as Cityscapes accumulate. So does the course: accumulate the matrix, divide once. Where each picture is a patient, the mean over pictures may be the question you have; then say so.
#
# ## 7 · Size and outline
# Section 2 moved a small mask by one pixel. For a square of side $s$ the shared part is $s(s-1)$, the union $s(s+1)$, so IoU = $(s-1)/(s+1)$. **Predict** it for sides of 4, 10, 50 and 200 pixels.

# %%
def square(side, size=260, grow=0):
    """A square mask, `grow` pixels larger on each side."""
    out = torch.zeros(size, size, dtype=torch.bool)
    out[30 - grow : 30 + side + grow, 30 - grow : 30 + side + grow] = True
    return out


def iou(prediction, truth):
    return ((prediction & truth).sum() / (prediction | truth).sum()).item()


for side in (4, 10, 50, 200):
    value = iou(square(side).roll(1, 1), square(side))
    print(f"side {side:3}: IoU {value:.3f}")
    assert abs(value - (side - 1) / (side + 1)) < 1e-6
large = iou(square(200, grow=2), square(200))
print(f"side 200, 2 pixels larger all around: IoU {large:.3f}")
assert abs(large - 0.961) < 1e-3

# %% [markdown]
# The same slip costs a small object 40 % and a large one 1 %. So IoU is hard on small objects and nearly blind to the outline of large ones. An outline has length, not area; to see it, look at it alone.
#
# The **boundary** of a mask: the pixels that differ from their right, lower or lower right neighbor, so some of them lie just outside the mask. Two outlines hardly ever meet exactly, so a boundary pixel counts as right if the other boundary passes within a **tolerance** of some pixels. Precision: the share of the prediction's boundary near the truth's. Recall: the other way round. Their harmonic mean is **boundary F1** [@Csurka2013]; what follows is the version of the DAVIS benchmark [@DAVIS].

# %%
def boundary(mask):
    edge = torch.zeros_like(mask)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]              # right
    edge[:-1] |= mask[:-1] != mask[1:]                       # lower
    edge[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]         # lower right
    return edge


def distances(edge, other):
    """How far each pixel of `edge` is from the nearest one of `other`, in pixels"""
    return torch.from_numpy(ndimage.distance_transform_edt(~other.numpy()))[edge]


def boundary_f1(prediction, truth, tolerance):
    p, t = boundary(prediction), boundary(truth)
    precision = (distances(p, t) <= tolerance).double().mean()
    recall = (distances(t, p) <= tolerance).double().mean()
    return (2 * precision * recall / (precision + recall).clamp(min=1e-9)).item()

# %% [markdown] tags=["prove"]
# **Predict** for the square of 200 pixels that is 2 pixels too large all around: boundary F1 with a tolerance of 1 pixel? Of 3?

# %%
one, three = (boundary_f1(square(200, grow=2), square(200), r) for r in (1, 3))
print(f"boundary F1 within 1 pixel {one:.2f}, within 3 pixels {three:.2f}")
assert (one, three) == (0, 1)
sky = [(maps[:10] == 0) for maps in (unet, truths)]
for p, t in zip(*sky, strict=True):
    assert_close(boundary(t), metrics.boundary(t))
    assert abs(boundary_f1(p, t, 2) - metrics.boundary_f1(p, t, 2)) < 1e-9

# %% [markdown]
# An IoU of 0.961, and a boundary F1 of 0 or 1: the tolerance decides. It should be the uncertainty of whoever drew the truth. A table that prints boundary F1 without its tolerance says nothing.
#
# **Boundary IoU** [@BoundaryIoU] needs no matching: keep of each mask only the band of pixels within a few pixels of its own outline, on the inner side, and take the IoU of the two bands. For the slip of one pixel it gives the same at every size:

# %%
def band(mask, width):
    """The part of the mask at most `width` rows and columns from what is outside"""
    outside = F.max_pool2d((~mask)[None].float(), 2 * width + 1, 1, width)[0] > 0
    return mask & outside


for side in (4, 10, 50, 200):
    p, t = square(side).roll(1, 1), square(side)
    value = iou(band(p, 2), band(t, 2))
    print(f"side {side:3}: IoU {iou(p, t):.3f}, boundary IoU {value:.3f}")
    assert abs(value - 0.6) < 1e-6 and abs(value - metrics.boundary_iou(p, t, 2)) < 1e-6

# %% [markdown]
# What these two scores cannot see: *where* an outline that is too far away lies, 4 pixels off or 40. Medicine asks for distances. The **Hausdorff distance** is the largest distance from a point of one boundary to the other. One stray pixel decides it, so **HD95** takes the 95th percentile instead. It is in pixels or millimeters, small is good, and it has no value when one mask is empty.

# %%
stray = square(50).roll(1, 1)
stray[200, 200] = True                                       # one pixel, far away
for name, p in (("moved", square(50).roll(1, 1)), ("and a stray pixel", stray)):
    edges = boundary(p), boundary(square(50))
    far = [distances(*edges), distances(*edges[::-1])]
    hd, hd95 = (max(d.quantile(q).item() for d in far) for q in (1.0, 0.95))
    print(f"{name:18} Hausdorff {hd:5.1f}, HD95 {hd95:.1f} pixels")
assert hd > 100 and hd95 < 2

# %% [markdown] tags=["see"]
# **Push it.** Paint over the prediction and watch all scores at once. (With the keyboard, raise *brush* first, so that Space paints more than one pixel.) (1) The widget begins with the truth moved one pixel to the right. Note its scores. Then *copy the truth* and cut a hole into it until the IoU is the same as before. Which of the two predictions do the two boundary scores prefer? (2) *Copy the truth* again and rub out the stem. Which score notices most, which least? (3) *Clear*, then paint. Can you make a prediction with a *higher* IoU but a *lower* accuracy than the empty one?

# %%
widgets.mask_playground(tolerance=1)

# %%
whole = torch.from_numpy(widgets.mask_playground().truth())  # the shape at first
hole, stemless = whole.clone(), whole.clone()
hole[8:15, 9:16], stemless[19:] = False, False
tried = {"moved": whole.roll(1, 1), "with a hole": hole, "without stem": stemless}
f1 = {name: metrics.boundary_f1(p, whole, 1) for name, p in tried.items()}
bands = {name: metrics.boundary_iou(p, whole, width=1) for name, p in tried.items()}
for name, p in tried.items():
    print(f"{name:12} accuracy {(p == whole).float().mean():.3f},", end=" ")
    print(f"IoU {iou(p, whole):.3f};", end=" ")
    print(f"boundary F1 {f1[name]:.3f}, boundary IoU {bands[name]:.3f}")
assert f1["moved"] > f1["with a hole"] + 0.05
assert bands["with a hole"] > bands["moved"] + 0.2

# %% [markdown] tags=["break"]
# (1) Even two *boundary* scores disagree. Boundary F1 forgives any outline within its tolerance, so it prefers the moved mask. Boundary IoU here has a band one pixel wide and forgives nothing, so it prefers the hole, which leaves the outer outline alone. (2) Boundary IoU notices the stem most, accuracy least. (3) A few true pixels and more false ones: IoU rises from 0, accuracy falls.
#
# ## 8 · The tolerance chooses the winner
# Whole sets again. `metrics.BoundaryF1` counts the boundary pixels of each class over all pictures, divides once as the matrix does, and averages over classes. Void belongs to no class there, in truth and prediction. **Predict.** The U-Net's outlines are fine but sometimes those of the wrong thing. The truth in blocks of 4×4 pixels has the right things with rough outlines. Which has the higher boundary F1 with a tolerance of 1 pixel, which with 3? And what does the truth of *another* scene get, an answer that never looked?

# %%
tolerances, curves = (0, 1, 2, 3, 4), {}
arms = ("the U-Net of lesson 00", "truth in 4×4 blocks", "truth of another scene")
for arm, r in itertools.product(arms, tolerances):
    outlines = metrics.BoundaryF1(9, tolerance=r).update(answers[arm][:50], truths[:50])
    curves.setdefault(arm, []).append(outlines.mean())
fig = Figure(figsize=(7, 3), dpi=100, layout="constrained")
ax = fig.subplots()
looks = zip(("#0072B2", "#D55E00", "#000000"), ("o-", "s--", "^:"), strict=True)
for (arm, values), (color, look) in zip(curves.items(), looks, strict=True):
    ax.plot(tolerances, values, look, color=color, label=arm)
ax.set(xlabel="tolerance in pixels", ylabel="boundary F1, mean", xticks=tolerances)
ax.legend(frameon=False, fontsize=8)
said = [f"{arm}: {v[1]:.2f} at 1 pixel, {v[3]:.2f} at 3" for arm, v in curves.items()]
plots.show(fig, alt=f"Boundary F1 rises with the tolerance. {'; '.join(said)}.")
fine, rough, blind = curves.values()
assert fine[1] > rough[1] + 0.05 and rough[3] > fine[3] + 0.02

# %% [markdown]
# The order turns between 1 and 2 pixels. And the base rate rises too: with 4 pixels, outlines of *another* picture are right to almost 0.3, because in a picture full of outlines one is never far. A generous tolerance is a generous base rate.
#
# ## 9 · How sure is a score?
# 100 pictures are a sample. What would 100 others have given? The **bootstrap** asks the sample itself: draw 100 pictures *with* replacement, some twice, some never; add their matrices; compute mIoU; repeat 1000 times. The middle 95 % of the values are an interval.
#
# **Predict.** How wide would the interval be with a quarter of the pictures?

# %%
each = ranks.matrices(unet, truths).double()                 # (100, 9, 9)
drawn = torch.randint(100, (1000, 100))                      # 1000 sets of 100 pictures
values = torch.stack([ious(each[chosen].sum(0)).nanmean() for chosen in drawn])
low, high = values.quantile(torch.tensor([0.025, 0.975]).double()).tolist()
print(f"mIoU {ready.miou():.3f}, interval {low:.3f} to {high:.3f}")
mean_iou = lambda counts: ious(counts).nanmean()
ready_made = metrics.bootstrap_interval(each, mean_iou)
assert_close(torch.tensor([low, high]), torch.tensor(ready_made), atol=3e-3, rtol=0)
quarters = [metrics.bootstrap_interval(part, mean_iou) for part in each.split(25)]
wider = sum(top - bottom for bottom, top in quarters) / 4 / (high - low)
print(f"with a quarter of the pictures: {wider:.1f} times as wide")
assert 1.5 < wider < 2.6

# %% [markdown]
# Four times the pictures, about half the interval: it shrinks with the square root of their number.
#
# **Predict.** There are 921,600 pixels. Should one draw pixels instead of pictures? What would the interval do? (To draw pixels, the cell draws each count of the matrix at random around its value, which amounts to the same.)

# %%
total = each.sum(0)
pixels = torch.stack([ious(torch.poisson(total)).mean() for _ in range(1000)])
thin = pixels.quantile(0.975) - pixels.quantile(0.025)
print(f"pixels: {(high - low) / thin:.0f} times narrower, and wrong")
assert high - low > 3 * thin

# %% [markdown] tags=["measure"]
# Pixels of one picture are no independent witnesses: if one pixel of a boat is wrong, so is its neighbor. What is sampled independently is drawn: pictures here; patients, if there are many slices of each; films, if there are many frames.
#
# The interval answers one question, *other pictures*. It says nothing about *another training run*; for that you train with several seeds, as the tables of this course do. And nothing about other kinds of pictures.
#
# ## 10 · One set of answers, seven rankings
# Now real networks. Two pairs, made so that they disagree:
#
# - **Equal pixels** and **rare classes weigh more**: one network (stride 8, lesson 03), trained for 100 steps from the same weights on the same batches. The second's loss weighs each pixel by one over the frequency of its class, scaled to mean 1 (lesson 05 explains such losses).
# - **Coarse**, the same network with stride 32, after 250 steps, and **fine**, the U-Net of lesson 00 after only 60. They differ in size and cost; this pair is no contest, only two kinds of error.
#
# **Predict** for the first pair: which has the higher accuracy, which the higher mean class accuracy, which the higher mIoU?

# %%
live = {}
for arm in ("equal pixels", "rare classes weigh more"):
    answers[arm] = ranks.answers(ranks.train_net(arm, 0, train), val)
    live[arm] = ranks.measure(answers[arm], truths)
    for name in ("accuracy", "mean_accuracy", "miou"):
        print(evidence.agrees("04_metric_rankings", arm, name, live[arm][name]))
equal, rare = live.values()
assert equal["accuracy"] > rare["accuracy"] + 0.03
assert rare["mean_accuracy"] > equal["mean_accuracy"] + 0.05

# %% [markdown]
# They disagree, by a wide margin. Weighting buys recall of rare classes and pays with false positives. Accuracy sees what it costs, mean class accuracy what it buys, mIoU both. And is mIoU sure? Do not compare two intervals by eye: both networks saw the same pictures, so bootstrap the *difference*, drawing each picture for both at once.

# %%
pair = torch.stack([ranks.matrices(answers[arm], truths) for arm in live], 1)
print("per picture, two matrices:", tuple(pair.shape))
gain = lambda both: (ious(both[1]).nanmean() - ious(both[0]).nanmean()).item()
low, high = metrics.bootstrap_interval(pair, gain)
print(f"mIoU gained: {gain(pair.sum(0)):.3f}, interval {low:.3f} to {high:.3f}")

# %% [markdown]
# That holds for these two trained networks. The figure (first places on top, ties drawn as ties) and the table have the mean of five seeds of each of the four, and beside them two base rates, the spoiled truths, and one run of the U-Net of lesson 00:

# %%
runs = {arm["name"]: arm["runs"] for arm in evidence.load("04_metric_rankings")["arms"]}
scores = {
    arm: [sum(r["metrics"][m] for r in some) / len(some) for m in ranks.METRICS]
    for arm, some in runs.items()
}
first = [max(scores, key=lambda arm: scores[arm][i]) for i in range(len(ranks.METRICS))]
assert len(set(first)) == 3                                  # three winners
named = list(ranks.METRICS.values())
said = "; ".join(f"{m}: {arm}" for m, arm in zip(named, first, strict=True))
plots.show(
    plots.rankings(scores, named, colored=[*ranks.NETS, *dict.fromkeys(first)]),
    alt=f"Places of {len(scores)} answers by {len(named)} metrics. First: {said}.",
)
evidence.table("04_metric_rankings", ranks.METRICS)

# %% [markdown] tags=["real"]
# What the figure and the table say, and what they do not:
#
# - **Who is first depends on the question.** Accuracy, frequency-weighted IoU and mIoU choose the answer without persons. Mean class accuracy and mean Dice choose the U-Net; so mIoU and mean Dice disagree in earnest, as in section 5: 0.882 to 0.832 in mIoU, 0.885 to 0.901 in Dice. Boundary F1 chooses the moved truth. Its step is diagonal: level and upright outlines land 1 pixel off, slanted ones up to $\sqrt{2}$. So it has 0.921 within 1 pixel and 0.998 within 3.
# - **The first pair.** Equal pixels: accuracy 0.764 to 0.685. Weighted: mean class accuracy 0.620 to 0.520, mIoU 0.433 to 0.413, and the better outlines. The seeds vary by far less (the ± of the table), so it is the loss.
# - **The second pair.** mIoU prefers coarse, 0.336 to 0.282. Boundary F1 within 1 pixel prefers fine, 0.224 to 0.149. Within 3 pixels the two are too close to tell, 0.325 ± 0.039 and 0.311.
# - **The base rates.** The truth of another scene has a boundary F1 of 0.251 at 3 pixels. The coarse network, with 0.311, is not far above an answer that never looked.
# - **Two uncertainties.** With the pictures, the U-Net's mIoU moves by about ±0.010 (section 9). With the seed, that of the weighted network varies by 0.005, that of the fine one, stopped after 60 steps, by 0.028. One does not contain the other.
#
# What is due to the tiny scale: all four networks stop early. Nothing here says which loss or stride is better. The coarse and the fine network differ in size, too.
#
# ## 11 · The real thing
# Published numbers come with a data set, a split and a protocol. **Predict.** The same network on two data sets: by how much can its mIoU differ? And by how much does one gain from a finer output stride?

# %%
evidence.published(
    "segformer-b0-ade-val",
    "segformer-b0-city-val",
    "deeplabv3-r101-voc-val-os16",
    "deeplabv3-r101-voc-val-os8",
)

# %% [markdown]
# The first two rows are one architecture: the data sets have 150 and 19 classes, and the score doubles. No two numbers compare unless data, split, classes and convention are the same. The last two do compare: same split, same script, a gain of little more than a point. Is it sure? A bootstrap needs the matrix of every picture, and papers print only the mean. Keep yours.
#
# ### Choosing by the task
# Start from the error that costs [@MetricsReloaded]:
#
# | what you need | look at | not enough |
# |---|---|---|
# | the share of ground that is grass | IoU of the class, and predicted area against true | accuracy |
# | no person missed | recall of persons, per object (lesson 13) | mIoU |
# | cut objects out for an editor | boundary F1 at the tolerance of the eye | mIoU |
# | the rim of a tumor for radiation | HD95 in millimeters, and Dice | Dice alone |
# | how many cells | object F1 and the count (lesson 08) | IoU of the foreground |
# | compare with a benchmark | its own script, to the letter | any other |
#
# Then print a second metric that sees what the first does not, the base rate, and the rows per class.
#
# `training.evaluate(model, val, boundary=1, interval=True)` adds boundary F1 and the bootstrap interval to what you know.

# %%
unet_again = training.evaluate(street_unet.pretrained(), val, boundary=1, interval=True)
low, high = unet_again["miou_interval"]
print(f"mIoU {unet_again['miou']:.3f}, interval {low:.3f} to {high:.3f}")
print(f"boundary F1 {unet_again['boundary_f1']:.3f} within 1 pixel")

# %% [markdown] tags=["misconceptions"]
# ## 12 · What people get wrong
# - **"Two dominant classes can pull mIoU up while 17 fail."** Section 4: two of 19 give at most 2/19. They pull up accuracy.
# - **"mIoU is mIoU."** Section 6: one picture has 0.90, 0.45 or 0.30; two pictures have 0.7475 or 0.987. Section 3: with bytes it is wrong without a word.
# - **"Dice and IoU rank models alike."** Section 5: for one pair of masks, yes; as means over classes, no.
# - **"Dice is kinder to small objects."** Next cell: a slip of one pixel costs a small square more in both.
# - **"A high mIoU means nothing important is missing."** Section 4: 0.882 without a single person.
# - **"Boundary F1 of 0.3 means the network saw something."** Section 8: the truth of another scene gets almost that at 4 pixels.
# - **"Nearly a million test pixels make a tight interval."** Section 9: pictures are the sample, not pixels.

# %%
for side in (4, 200):
    value = iou(square(side).roll(1, 1), square(side))
    print(f"side {side:3}: IoU {value:.3f}, Dice {dice(value):.3f}")
small, large = (dice((side - 1) / (side + 1)) for side in (4, 200))
assert small < large - 0.2

# %% [markdown] tags=["quiz"]
# ## 13 · Quiz
# Five questions. Every choice is explained when you select it.

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "A class has TP 30, FP 10, FN 20. Its IoU and Dice are",
            "choices": [
                {"text": "0.50 and 0.67", "correct": True, "why": "30 / 60, and 60 / 90, which is 2 · 0.5 / 1.5."},
                {"text": "0.75 and 0.60", "correct": False, "why": "Those are precision, 30/40, and recall, 30/50."},
                {"text": "0.67 and 0.50", "correct": False, "why": "The other way round: Dice counts TP twice, so it is never the smaller one."},
            ],
        },
        {
            "question": "In a confusion matrix with rows truth and columns prediction, where are the false positives of class c?",
            "choices": [
                {"text": "in row c, off the diagonal", "correct": False, "why": "Row c is truly c. Off the diagonal it was called something else: false negatives."},
                {"text": "in column c, off the diagonal", "correct": True, "why": "Column c was called c. Off the diagonal it is truly something else."},
                {"text": "everywhere off the diagonal", "correct": False, "why": "Those are all errors, of all classes; each is a false positive of its column and a false negative of its row."},
            ],
        },
        {
            "question": "You evaluate picture by picture and average the mIoUs; a colleague adds the matrices. You get 0.79, she gets 0.83. Who is wrong?",
            "choices": [
                {"text": "you", "correct": False, "why": "Your number answers another question: how good is a picture, on average?"},
                {"text": "she", "correct": False, "why": "Hers is the convention of most benchmarks: of all pixels of a class in the set, what share?"},
                {"text": "neither, if both say what they did", "correct": True, "why": "They are different metrics. Only comparing one with the other is wrong."},
            ],
        },
        {
            "question": "Network X has boundary F1 0.80, network Y 0.75. What must you know first?",
            "choices": [
                {"text": "the tolerance of each", "correct": True, "why": "Section 8: the tolerance alone can turn the order, and it lifts the base rate."},
                {"text": "the number of parameters", "correct": False, "why": "That matters for the price, not for what the numbers mean."},
                {"text": "the mIoU of each", "correct": False, "why": "Good to have, but it does not make two boundary scores comparable."},
            ],
        },
        {
            "question": "100 test pictures, mIoU 0.832 with a bootstrap interval from 0.822 to 0.842. What does the interval tell you?",
            "choices": [
                {"text": "how far the score would move if you trained again", "correct": False, "why": "The network is fixed in a bootstrap. Train with other seeds for that."},
                {"text": "how far the score of this network would move with other pictures like these", "correct": True, "why": "Whole pictures were drawn again; that is all that varied."},
                {"text": "how good the network is in another city", "correct": False, "why": "Every resample is made of these pictures. Nothing in it comes from elsewhere."},
            ],
        },
    ]
)

# %% [markdown] tags=["summary"]
# ## 14 · Summary
# - A metric decides which errors count. Say which errors cost, then choose.
# - Everything on pixels comes from one confusion matrix, accumulated over the set and divided once. Cast labels before you multiply.
# - Accuracy sees frequent classes; mIoU sees classes, not objects and hardly outlines; read its rows.
# - Dice is a curve of IoU. Their means can disagree.
# - mIoU has conventions: which classes count, and pictures or pixels.
# - Boundary scores see outlines. Print the tolerance and what a blind answer gets.
# - An interval over pictures and a spread over seeds are two things. Print both.
#
# **Glossary:** **confusion matrix**, **true positive**, **false negative**, **precision**, **recall**, **Dice**, **mean class accuracy**, **frequency-weighted IoU**, **boundary F1**, **tolerance**, **boundary IoU**, **Hausdorff distance**, **bootstrap interval**
#
# **Your turn:** [exercise 04](../exercises/04_metrics.ipynb). **Next:** a metric tells you what is good; lesson 05 tells the optimizer.

# %% [markdown] tags=["references"]
# ## References
# - [@Csurka2013] which measure for semantic segmentation, and boundary F1
# - [@DAVIS] the boundary measure used here
# - [@BoundaryIoU] boundary IoU
# - [@Cityscapes] the benchmark whose script leaves out a class only where TP + FP + FN = 0
# - [@MetricsReloaded] choosing metrics by the task
