# %% [markdown] tags=["title"]
# # 05 · Losses
# **What does a good mask mean to the optimizer?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | Lesson 04 said what a good mask means to you. The optimizer never sees it: it sees a loss. What does each loss ask for, and what do you get? |
# | **Time** | 85 minutes of reading, 1 minute of running |
# | **Prerequisites** | lessons 00 to 04 |
# | **You will be able to** | write cross-entropy, weighted cross-entropy, Dice, Tversky, focal loss and OHEM, safe for void and for absent classes; say which pixels pull in each; predict which threshold a metric wants; tell a better network from a moved threshold; read a reliability curve |

# %%
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch.testing import assert_close

from course_lib import evidence, losses, plots, widgets
from course_lib.experiments import imbalance

torch.manual_seed(0);

# %% [markdown]
# ## 1 · One pixel in fifty-five
# These scans are drawn by a program: grainy tissue (class 0) and up to four faint lesions (class 1), outlined in the lower row. Some scans have none.

# %%
train, val, test = imbalance.scans()
truths = torch.stack([truth["semantic"] for _, truth in test]).as_subclass(torch.Tensor)


def marked(image, mask, width=220):
    """The scan with the pixels of a mask tinted and outlined."""
    return plots.overlay_rgb(image, torch.where(mask, 1, 255), test.colors, 0.4, width)


scans = [test[i][0] for i in (1, 4, 8, 9)]
outlined = [marked(test[i][0], truths[i] == 1) for i in (1, 4, 8, 9)]
plots.show(
    plots.contact_sheet([*scans, *outlined]),
    alt="Four noisy gray scans, and the same with their small faint lesions outlined; "
    f"over all test scans {truths.float().mean():.1%} of the pixels are lesion.",
)
print(f"always saying tissue: right at {1 - truths.float().mean():.1%} of the pixels")
assert 50 < 1 / truths.float().mean() < 60

# %% [markdown] tags=["predict"]
# Always saying *tissue* has a fine pixel accuracy and an IoU of lesion of 0 (lesson 04). So you want the IoU of lesion. Can you give it to the optimizer? Move one logit a little:

# %%
logits = torch.tensor([1.2, 0.4, -0.3, -2.0])           # of lesion, at four pixels
truth = torch.tensor([1, 1, 1, 0])
for nudge in (0.0, 0.01, 0.29, 0.31):
    moved = logits + nudge * torch.tensor([0, 0, 1, 0])
    iou = ((moved > 0) & (truth == 1)).sum() / ((moved > 0) | (truth == 1)).sum()
    ce = F.binary_cross_entropy_with_logits(moved, truth.float())
    print(f"third logit {moved[2]:5.2f}: IoU {iou:.3f}, cross-entropy {ce:.4f}")
assert iou == 1 and (logits > 0).sum() == 2

# %% [markdown]
# The IoU stands still, then jumps: almost everywhere its gradient is 0. A **loss** is what we follow instead. It must fall smoothly while the mask gets better. There are many such functions, and each has its own idea of *better*.
#
# **Predict.** Section 8 trains one network twice: same weights at the start, same batches. Once with plain cross-entropy, once with lesion pixels weighing 55 times as much as tissue. Which has the better IoU of lesion, and by how much? Write it down with a reason.

# %% [markdown] tags=["build"]
# ## 2 · Cross-entropy: who pulls, and until when
# One pixel, three classes, with numbers you can check on paper. Softmax turns the logits log 2, 0, 0 into the probabilities 1/2, 1/4, 1/4. If class 1 is true, the pixel pays −log 1/4 = log 4. The gradient with respect to the logits, the pixel's **pull**, is $p - t$, where $t$ is 1 for the true class and 0 for the others: 1/2, −3/4, 1/4. A training step goes the opposite way, so class 1 gains.

# %%
z = torch.tensor([2.0, 1.0, 1.0]).log().requires_grad_()
pays = -z.softmax(0)[1].log()
pays.backward()
print("pays", pays.item(), "pulls", z.grad.tolist())
assert_close(pays, torch.tensor(4.0).log())
assert_close(z.grad, torch.tensor([0.5, -0.75, 0.25]))

# %% [markdown] tags=["prove"]
# A picture's loss is the mean over its pixels, without the void ones (label 255). They are not counted and get exactly no gradient. `losses.cross_entropy` is PyTorch's, except where PyTorch says NaN (sections 3 and 4).

# %%
x, y = torch.randn(2, 3, 4, 5, requires_grad=True), torch.randint(0, 3, (2, 4, 5))
y[0, :2] = 255
loss = losses.cross_entropy(x, y)                       # x (N, C, H, W), y (N, H, W)
assert_close(loss, F.cross_entropy(x, y, ignore_index=255))
loss.backward()
assert (x.grad[0, :, :2] == 0).all() and (x.grad[1] != 0).any()

# %% [markdown] tags=["predict"]
# Now the imbalance. A network knows nothing yet and answers the same probability $p$ of lesion at all 100 pixels of a picture; 2 of them are lesion. With two classes and the one logit of $p$, a lesion pixel pulls with $1 - p$, a tissue pixel with $p$, in opposite directions. **Predict:** which $p$ has the least cross-entropy: 0, 0.02 or 0.5?

# %%
p = torch.arange(1, 1000) / 1000
ce = -(2 * p.log() + 98 * (1 - p).log()) / 100
best = p[ce.argmin()].item()
print(f"least cross-entropy {ce.min():.3f} at p = {best:.2f}")
for q in (0.5, best):
    print(f"p = {q:.2f}: lesion pulls with {2 * (1 - q):.2f}, tissue with {98 * q:.2f}")
assert abs(best - 0.02) < 1e-6

# %% [markdown]
# The share of lesion. At $p$ = 0.5 tissue pulls 49 times as hard; the network's first lesson is that lesions are rare, and at 0.02 both pulls are equal.
#
# The same holds for every group of pixels that the network cannot tell apart: the best answer for them is the share of lesion among them. Cross-entropy asks for *true frequencies*. A network that gives them is **calibrated**: of all pixels to which it says 0.3, three in ten are lesion.
#
# %% [markdown] tags=["see"]
# **Push it.** This picture has 10,000 pixels. All lesion pixels (*foreground*) have one probability of their true class, all tissue pixels (*background*) another: drag the two. The bars show who has the pixels and who gets the gradient. With 2 % lesion, one answer for all means that the two probabilities add up to 1. Find such an answer at which lesion gets half of the gradient. Then make the tissue nearly right, as trained networks have it, and leave the lesions wrong: who gets the gradient now?

# %%
widgets.loss_curves(loss="cross-entropy", foreground=0.02)

# %% [markdown] tags=["predict"]
# Half of the gradient: at 0.02 for lesion, 0.98 for tissue. And where tissue is nearly right, the lesions get most of it: cross-entropy is not deaf to a rare class. Once the tissue is settled, lesions that are still wrong are most of what it hears.
#
# ## 3 · A weight for each class
# To make a rare class heard, weigh its pixels: $\sum w\,\ell \,/\, \sum w$, where $\ell$ is what a pixel pays and $w$ the weight of its class. **Predict:** lesion weighs 49, so that both classes weigh the same. Which constant answer is best now?

# %%
odds = {}
for w in (1, 7, 49):
    weighted = -(2 * w * p.log() + 98 * (1 - p).log()) / (2 * w + 98)
    q = p[weighted.argmin()]
    odds[w] = q / (1 - q)
    assert_close(q.logit(), odds[w].log())              # the logit, sigmoid undone
    print(f"weight {w:2}: best p {q:.3f}, odds {odds[w]:.4f}")
assert abs(odds[49] - 1) < 0.03 and abs(odds[7] / odds[1] - 7) < 0.3

# %% [markdown] tags=["build"]
# The **odds** $p/(1-p)$ of the best answer are multiplied by the weight: 1/49, 7/49, 49/49. A weighted network is asked to exaggerate, by a known factor. The logit is the logarithm of the odds (the cell asserts it), so the factor is a constant added to every logit. Keep that in mind for section 8.
#
# Which weights? **Inverse frequency** gives all classes the same total weight. **Median frequency** [@Eigen2015] divides the median of the classes' frequencies by the class's own, where a frequency counts only the pictures that *contain* the class: a class is rare if it is small where it occurs. Two label maps, four classes; class 2 is absent:

# %%
maps = [
    torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1]]),         # class 1 fills 2 of 8 pixels
    torch.tensor([[0, 0, 0, 0], [0, 0, 0, 3]]),         # class 3 fills 1 of 8
]
counts = losses.count_classes(maps, num_classes=4)
print(counts)
inverse, median = losses.inverse_frequency(counts), losses.median_frequency(counts)
print("inverse", inverse.tolist(), "\nmedian ", median.tolist())
assert_close(inverse, torch.tensor([16 / 39, 16 / 6, 0, 16 / 3]))
assert_close(median, torch.tensor([0.25 / (13 / 16), 0.25 / 0.25, 0, 0.25 / 0.125]))

# %% [markdown] tags=["break"]
# ### Absent classes, done wrong
# An absent class has no frequency, and 1/0 is no weight. Ours is 0. Three traps lie here; the next cell shows them.
#
# - Code that counts an absent class as 1 pixel, to avoid 1/0, gives it the largest weight of all. If the weights are then scaled to sum to 1, it takes most of the sum.
# - That scale is of no use anyway: the sum of weights below the fraction cancels it.
# - With weight 0, a batch that holds *only* that class has the loss 0/0. PyTorch says NaN, and one NaN ruins all weights of a network. `losses.cross_entropy` says 0.

# %%
naive = 1 / torch.tensor([6_000_000, 1_000_000, 0, 3_000]).clamp(min=1)     # pixels
print("naive weights, summing to 1:", [f"{w:.1e}" for w in naive / naive.sum()])
assert naive.argmax() == 2 and naive[2] / naive.sum() > 0.99
x, y = torch.randn(1, 4, 8, 8), torch.randint(0, 2, (1, 8, 8))
once, thousandfold = (F.cross_entropy(x, y, weight=s * inverse) for s in (1, 1000))
assert_close(once, thousandfold)
assert F.cross_entropy(x, torch.full_like(y, 2), weight=inverse).isnan()
assert losses.cross_entropy(x, torch.full_like(y, 2), weight=inverse) == 0

# %% [markdown] tags=["build"]
# ## 4 · Dice: one fraction for the whole region
# Cross-entropy asks each pixel on its own. The Dice coefficient of lesson 04, 2 TP / (2 TP + FP + FN), asks about the *set*. Put probabilities in the place of the mask, and it has a gradient: TP = Σ $p\,t$, FP = Σ $p\,(1-t)$, FN = Σ $(1-p)\,t$. The **Dice loss** is 1 minus that [@VNet]. Four pixels on paper: $p$ = 0.75, 0.5, 0.5, 0.25, and the first two are true. TP = 1.25, FP = 0.75, FN = 0.75.

# %%
p, t = torch.tensor([0.75, 0.5, 0.5, 0.25]), torch.tensor([1, 1, 0, 0])
tp, fp, fn = (p * t).sum(), (p * (1 - t)).sum(), ((1 - p) * t).sum()
by_hand = 1 - 2 * tp / (2 * tp + fp + fn)
print(f"TP {tp}, FP {fp}, FN {fn}: loss {by_hand:.4f}")
one_channel = p.logit().view(1, 1, 1, 4)                # C = 1: a sigmoid, lesion only
assert_close(losses.dice_loss(one_channel, t.view(1, 1, 4)), by_hand)
assert_close(by_hand, torch.tensor(1 - 2.5 / 4))

# %% [markdown] tags=["predict"]
# With more channels, it is the mean over the classes. Above and below the line stand *sums*, so no pixel has a Dice loss of its own: a pixel's gradient depends on all others.
#
# **Predict.** 10,000 pixels, all at $p$ = 0.5, of which 100 are lesion. In cross-entropy, the lesion pixels together pull with 100/9900 of the strength of tissue. And in the Dice loss of the lesion? In the mean of both classes' Dice losses?

# %%
def pulls(loss, lesion, at_lesion=0.5, at_tissue=0.5):
    """Summed gradient of the lesion pixels over that of the tissue, of 10,000."""
    y = (torch.arange(10_000) < lesion).long().view(1, 100, 100)
    z = torch.where(y == 1, at_lesion, at_tissue)[None].logit().requires_grad_()
    loss(z, y).backward()
    g = z.grad.flatten().abs()
    return (g[:lesion].sum() / g[lesion:].sum()).item()


def both(z, y):
    """The mean of the two classes' Dice losses; softmax gives lesion sigmoid(z)."""
    return losses.dice_loss(torch.cat([-z / 2, z / 2], 1), y)


for lesion in (1000, 100, 1):
    ce, dice = pulls(losses.cross_entropy, lesion), pulls(losses.dice_loss, lesion)
    mean = pulls(both, lesion)
    print(f"{lesion:4} lesion pixels: cross-entropy {ce:.4f},", end=" ")
    print(f"Dice of lesion {dice:.3f}, of both {mean:.4f}")
    assert ce < 0.12 and 1 <= dice < 1.25 and mean < 0.4

# %% [markdown] tags=["break"]
# About 1 for the Dice of the lesion, however small it is: without any weight, the two classes balance, as long as all pixels say the same. On paper: if all say $p$, and $n$ are lesion, the ratio is 1 + n/((10,000 − n) $p$). In the mean over both classes that is lost at first: in the tissue's own fraction the tissue pulls far harder. Section 5 looks again, once the tissue is nearly right.
#
# ### Void, done wrong
# Dice code is often combined with `ignore_index=255` for the cross-entropy, and the void pixels are forgotten in the Dice sums. They have no $t$, but their $p$ stays in FP. **Predict** the loss of a *perfect* answer if half of the lesion's pixels are void: 0, 1/4 or 1/3?

# %%
def careless_dice(p, y):
    t = (y == 1).float()                                # void has t = 0 ...
    return 1 - 2 * (p * t).sum() / (p.sum() + t.sum())  # ... but its p counts


y = torch.ones(1, 10, 10, dtype=torch.int64)
y[:, 5:] = 255                                          # half of the lesion is void
z = torch.full((1, 1, 10, 10), 3.0, requires_grad=True)   # lesion everywhere
careless = careless_dice(z.sigmoid()[:, 0], y)
print(f"careless {careless.item():.3f}, ours {losses.dice_loss(z, y).item():.3f}")
careless.backward()
assert (z.grad[0, 0, 5:] > 0).all()                     # a step down lowers their p

z = torch.full((1, 1, 10, 10), 30.0)                    # now quite sure
sure = careless_dice(z.sigmoid()[:, 0], y)
print(f"quite sure: careless {sure:.3f}, ours {losses.dice_loss(z, y):.3f}")
assert_close(sure, torch.tensor(1 / 3))
assert losses.dice_loss(z, y) == 0

# %% [markdown]
# With $n$ lesion pixels and as many void ones: 1 − 2n / (2n + n) = 1/3. Worse, the void pixels get gradient, and it pulls them *toward tissue*: the assert with `z.grad` says so.
#
# And where *all* is void? There is nothing to learn, so every loss must be 0, with gradient 0. PyTorch's mean over no pixels is NaN.

# %%
x, void = torch.randn(2, 4, 6, 6, requires_grad=True), torch.full((2, 6, 6), 255)
assert F.cross_entropy(x, void, ignore_index=255).isnan()
for name in ("cross_entropy", "dice_loss", "focal_loss", "ohem_loss", "tversky_loss"):
    assert getattr(losses, name)(x, void) == 0
losses.ce_dice_loss(x, void).backward()
assert (x.grad == 0).all()

# %% [markdown] tags=["break"]
# ### Absent classes again
# A class that is not in the truth has TP = FN = 0. Its Dice loss would be 1 for the smallest false claim. Some code adds 1 above and below the fraction ("smooth"). Does that help? Four classes, of which two occur, and a network that is 98 % sure everywhere:

# %%
def smooth_dice(p, t):
    return 1 - ((2 * (p * t).sum((0, 2, 3)) + 1) / ((p + t).sum((0, 2, 3)) + 1)).mean()


y = torch.randint(0, 2, (1, 64, 64))
t = F.one_hot(y, 4).movedim(-1, 1).float()              # (1, 4, 64, 64)
z = 5 * t
p, ours = z.softmax(1), losses.dice_loss(z, y)
print(f"sure to {p[t == 1].min():.2f}; cross-entropy {losses.cross_entropy(z, y):.3f}")
print(f"Dice with smooth {smooth_dice(p, t):.2f}, without absent classes {ours:.3f}")
assert smooth_dice(p, t) > 0.4 and ours < 0.03

# %% [markdown] tags=["build"]
# Two classes that are nowhere make nearly all of that loss. `losses.dice_loss` averages over the classes that occur in the truth of the batch (`per_sample=True`: of each picture). The price: a batch without lesions teaches the one-channel form nothing; with two channels tissue still pays for false alarms.
#
# So many losses add the two: **CE + Dice**, the fixed choice of nnU-Net [@nnUNet]. One asks every pixel, the other the region.
#
# ## 5 · Easy and hard pixels
# Most tissue is easy. Three more losses turn down what is easy, or what you care less about.
#
# - **Focal loss** [@Focal]: $-(1-p)^\gamma \log p$, $p$ being the probability of the true class. With γ = 2 a pixel at 0.9 counts 0.01 of its cross-entropy, one at 0.5 a quarter.
# - **OHEM**, online hard example mining [@OHEM]: only pixels with $p$ below a threshold count, and at least some share of them, the hardest.
# - **Tversky loss** [@Tversky]: 1 − TP / (TP + α FP + β FN). α = β = 0.5 is Dice; β > α fears misses more. (Some code swaps the letters.)

# %%
p = torch.tensor([0.95, 0.9, 0.8, 0.6, 0.3])            # of the true class
z, y = p.logit().view(1, 1, 1, 5), torch.ones(1, 1, 5, dtype=torch.int64)
focal = (-((1 - p) ** 2) * p.log()).mean()
assert_close(losses.focal_loss(z, y, gamma=2), focal)
assert_close(losses.focal_loss(z, y, gamma=0), losses.cross_entropy(z, y))
assert_close(losses.ohem_loss(z, y, threshold=0.7), -p[3:].log().mean())
hardest = losses.ohem_loss(z, y, threshold=0.1, min_kept=0.4)      # 2 of 5
assert_close(hardest, -p[3:].log().mean())
half = losses.tversky_loss(z, y, alpha=0.5, beta=0.5)
assert_close(half, losses.dice_loss(z, y))

# %% [markdown] tags=["see"]
# **Push it.** The same widget with the focal loss. Is the focal loss always gentler than cross-entropy? Compare the *gradients* of the two, and find the $p$ where they cross. Then choose Dice (here that of the foreground alone) and make the lesions rarer: what happens to their share of the gradient, and what with cross-entropy? At last put lesions at 0.5, tissue at 0.99, and change from Dice to Tversky. Who gains?

# %%
widgets.loss_curves(loss="focal", gamma=2, foreground=0.02)

# %%
for p in (0.1, 0.2, 0.3, 0.5, 0.9):                     # counted, to check what you saw
    z = torch.tensor(p).logit().view(1, 1, 1, 1).requires_grad_()
    losses.focal_loss(z, y[..., :1], gamma=2).backward()
    ratio = (z.grad.abs() / (1 - p)).item()             # cross-entropy pulls with 1 - p
    print(f"p = {p}: focal pulls {ratio:.3f} times as hard as cross-entropy")
    assert (ratio > 1.1) == (p < 0.25) and (ratio < 0.9) == (p > 0.4)

late = dict(lesion=200, at_lesion=0.5, at_tissue=0.01)     # probability of lesion
dice, tversky = pulls(losses.dice_loss, **late), pulls(losses.tversky_loss, **late)
mean = pulls(both, **late)
print(f"lesion against tissue: {dice:.2f} in Dice, {tversky:.2f} in Tversky,", end=" ")
print(f"{mean:.2f} in the Dice of both classes")
assert tversky > 1.4 * dice and mean > 0.9 * dice

q = torch.arange(1, 100) / 100                          # section 2's constant answers
focal = -(2 * (1 - q) ** 2 * q.log() + 98 * q**2 * (1 - q).log())
print(f"2 lesion pixels of 100: the focal loss wants p = {q[focal.argmin()]:.2f}")
assert q[focal.argmin()] > 0.05

# %% [markdown] tags=["build"]
# So the focal loss is *harder* on pixels that are clearly wrong and much softer on the rest; the gradients cross near $p$ = 0.3. While all pixels say the same, the Dice of a rare lesion leaves it about half of the gradient; cross-entropy's share shrinks with the lesion. Once the tissue is nearly right, its own fraction hardly matters any more, and Tversky with β > α gives the lesions more than Dice. And like weighted cross-entropy, the focal loss asks for other numbers than frequencies.
#
# ## 6 · More than one map
# **Deep supervision** [@DSN] puts the loss at several depths of the network, each against the truth at its own size. `losses.deep_supervision_loss` shrinks the truth by nearest neighbor and averages with weights, say 1, 1/2, 1/4. What does shrinking do to small lesions?

# %%
outputs = [torch.randn(200, 2, 64 // s, 64 // s) for s in (1, 4, 8)]
small = {s: truths[:, s // 2 :: s, s // 2 :: s] for s in (1, 4, 8)}   # middle pixels
parts = [losses.dice_loss(x, t) for x, t in zip(outputs, small.values(), strict=True)]
total = losses.deep_supervision_loss(losses.dice_loss, outputs, truths, [1, 0.5, 0.25])
assert_close(total, (parts[0] + 0.5 * parts[1] + 0.25 * parts[2]) / 1.75)
ids = [test[i][1]["panoptic"] % 1000 for i in range(200)]
left = [sum(len(m[s // 2 :: s, s // 2 :: s].unique()) - 1 for m in ids) for s in small]
print("lesions in the truth at full size, a quarter, an eighth:", left)
assert left[2] < 0.7 * left[0]

# %% [markdown]
# At an eighth of the size half of the lesions are gone: the deepest output is told that nothing is there. That is a reason for its small weight.
#
# **Border weights** are U-Net's own loss [@UNet]: a cross-entropy in which each *pixel* has a weight: that of its class, and on the background $w_0 \exp(-(d_1+d_2)^2 / 2\sigma^2)$ more, where $d_1$ and $d_2$ are the distances to the two nearest objects, $w_0$ = 10 and σ = 5 pixels. This term is large only in narrow gaps. A gap of one pixel has $d_1 = d_2 = 1$; lesson 08 measures what it is good for.

# %%
for gap in (1, 3, 9):
    row = torch.tensor([[1] * 3 + [0] * gap + [2] * 3])             # two objects
    weight = losses.border_weights(row)[0, 3 + gap // 2]            # middle of the gap
    d = (gap + 1) / 2
    print(f"gap of {gap} pixels: weight {weight:.2f}")
    assert_close(weight, 10 * torch.tensor(-((2 * d) ** 2) / 50).exp())

# %% [markdown] tags=["predict"]
# ## 7 · Which threshold does a metric want?
# A network answers with probabilities, and a mask needs a cut. With two classes, `argmax` cuts at 0.5. Is that right for IoU?
#
# Suppose the probabilities are calibrated, and your mask has the Dice $F$ = 2 TP / (claimed + true). Claim one more pixel, of probability $p$: above the line you gain $2p$ in expectation, below it 1. A fraction grows if what you add has a larger ratio than it has: $2p/1 > F$. So claim every pixel with $p > F/2$, where $F$ is the best Dice that you can reach. IoU orders masks as Dice does here (lesson 04), so it wants the same cut.
#
# **Predict:** a calibrated network whose best Dice is 0.66. Where does IoU want the cut? And where if it was trained with lesion weighing 55 times?

# %%
p, cuts = torch.rand(400_000) ** 8, torch.arange(1, 100) / 100
t = torch.rand_like(p) < p                              # calibrated by construction
dice = torch.stack([2 * t[p > c].sum() / ((p > c).sum() + t.sum()) for c in cuts])
cut = cuts[dice.argmax()].item()
print(f"best Dice {dice.max():.3f} at {cut:.2f}; at 0.50 it is {dice[49]:.3f}")
assert abs(cut - dice.max() / 2) < 0.03
odds = 55 * 0.33 / (1 - 0.33)                           # those of 0.33, times 55
print(f"a calibrated 0.33, exaggerated 55 times: {odds / (1 + odds):.2f}")

# %% [markdown] tags=["measure"]
# Half of the best Dice: *below* 0.5 for every calibrated network that is not perfect. The cut at 0.5 is for another metric, the *number of wrong pixels*. And the exaggerating network should be cut at 0.96.
#
# So a comparison of losses at 0.5 compares two things at once: what the network learned, and where 0.5 happens to lie. We separate them.
#
# ## 8 · The loss, or the threshold?
# A small U-Net (8 channels at full size) learns from 300 scans for 160 steps. The arms differ in the loss alone: same weights at the start, same batches, same learning rate. (Dice and Tversky are the means over both classes.) Each is judged on 200 other scans, twice: at 0.5, and at the threshold with the best IoU on 100 **validation** scans, which are neither trained nor judged on. (Choosing it on the judged scans would flatter every arm.)
#
# Now your prediction of section 1: plain cross-entropy against lesion weighing 55 times.

# %%
arms, answers, live = imbalance.arms(train), {}, {}
for arm in ("cross-entropy", "inverse-frequency CE"):
    model = imbalance.trained(arms[arm], 0, train)
    cut = imbalance.best_cut(*imbalance.margins(model, val))    # also a logit
    answers[arm], truth = imbalance.margins(model, test)    # logit(p) of lesion
    live[arm] = imbalance.figures(answers[arm], truth, cut)
    tuned = live[arm]["iou_tuned"]
    print(evidence.agrees("05_imbalance", arm, "iou_tuned", tuned))
    print(f"   IoU {live[arm]['iou']:.3f} at 0.5, {tuned:.3f} at", end=" ")
    print(f"{live[arm]['threshold']:.2f}")
plain, weighted = live.values()
assert weighted["iou_tuned"] > weighted["iou"] + 0.2
assert abs(plain["iou_tuned"] - weighted["iou_tuned"]) < 0.06

# %% [markdown]
# At 0.5 the weighted network seems to be ruined: it claims four or five times as many pixels as are lesion. At its own threshold it is as good as the other. The validation scans chose these thresholds; section 7 predicted them on paper:

# %%
best_dice = 2 * plain["iou_tuned"] / (1 + plain["iou_tuned"])
odds = 55 * (best_dice / 2) / (1 - best_dice / 2)
print(f"cross-entropy: F / 2 = {best_dice / 2:.2f}, chosen {plain['threshold']:.2f}")
print(f"weighted: {odds / (1 + odds):.3f}, chosen {weighted['threshold']:.3f}")
assert abs(best_dice / 2 - plain["threshold"]) < 0.15
assert abs(odds / (1 + odds) - weighted["threshold"]) < 0.03

# %%
image, masks = test[1][0], {"truth": truths[1] == 1}
for arm, margin in answers.items():
    cut = torch.tensor(live[arm]["threshold"]).logit()
    masks |= {f"{arm}, 0.5": margin[1] > 0, f"{arm}, tuned": margin[1] > cut}
tiles = [marked(image, mask, 293) for mask in masks.values()]
plots.show(
    plots.contact_sheet([image, *tiles], ["scan", *masks], columns=3),
    alt="One scan with the true lesions and four masks. Pixels claimed: "
    + "; ".join(f"{name} {int(mask.sum())}" for name, mask in masks.items()),
)

# %% [markdown]
# Now all arms, with three seeds each. **ECE**, the expected calibration error, sorts all pixels into ten bins by their probability, takes the gap between mean probability and share of lesion in each bin, and averages the gaps over the *pixels*. Look at its base rate: the first row, which says 0.018 everywhere, has next to none. ECE sees whether numbers are honest, not whether they know anything; and tissue, 98 % of the pixels, decides it. The **log loss** (the plain cross-entropy on the test scans) sees both; here the first row has 0.092. A **reliability curve** shows the bins: the share of lesion over the mean probability. Calibrated is the diagonal.
#
# Two names: *square-root CE* weighs with the square roots of the inverse frequencies, and *the same, odds corrected* is the row above it with its odds divided by the ratio of its weights.

# %%
columns = {"iou": "IoU at 0.5", "precision": "precision at 0.5"}
columns |= {"recall": "recall at 0.5"}
columns |= {"iou_tuned": "IoU, validated threshold", "threshold": "threshold"}
columns |= {"ece": "ECE", "log_loss": "log loss"}
evidence.table("05_imbalance", columns)

# %%
fig = Figure(figsize=(7.2, 4.2), dpi=100, layout="constrained")
ax, ends = fig.subplots(), []
looks = {"cross-entropy": "o-", "inverse-frequency CE": "s--"}
looks |= {imbalance.CORRECTED: "^:", "Dice": "D-."}
colors = ("#000000", "#D55E00", "#0072B2", "#009E73")
for color, (arm, look) in zip(colors, looks.items(), strict=True):
    said, true = imbalance.curve(arm)
    ax.plot(said, true, look, color=color, label=arm)
    ends.append(f"{arm}: says {said[6]:.2f}, true {true[6]:.2f}")
ax.plot([0, 1], [0, 1], color="#888888", linewidth=0.8)
ax.set(xlabel="probability that the network says", ylabel="share of lesion")
ax.legend(frameon=False)
assert said[7] > 0.7 and true[7] < 0.5                  # the last one, Dice
plots.show(fig, alt=f"Reliability curves; gray is the diagonal. {'; '.join(ends)}.")

# %% [markdown]
# What the table and the curves say, and what they do not:
#
# - **Most of the difference is the threshold.** At 0.5 the losses seem worlds apart: from 0.164 to 0.513. At validated thresholds seven of the eight lie between 0.482 and 0.519, and focal loss has 0.452.
# - **0.5 is not even a stable judge.** In one seed of three the networks of cross-entropy, CE + Dice and OHEM never say more than 0.5, in two those of focal loss. There the IoU is 0, hence 0.324 ± 0.282 for cross-entropy. (Precision has no value then; the table counts 0.) At validated thresholds it has 0.495 ± 0.018: the pixels were in the right order all the time.
# - **Paper was right.** Half of cross-entropy's best Dice is 0.33; validation chose 0.337 on average. Dice networks hardly care: most of their answers are near 0 or 1, so many cuts give the same mask, and the chosen one is a matter of luck (sd 0.209).
# - **The weights' exaggeration can be taken back.** Dividing the odds by the ratio of the weights is one subtraction from the logit, without training. The IoU at 0.5 goes from 0.196 to 0.478, the ECE from 0.099 to 0.002. Weights moved the answers, and taught nothing else that we can see.
# - **Calibration is what Dice costs.** Where it says 0.75, fewer than half of the pixels are lesion. Its log loss is 0.080, that of cross-entropy 0.040. It is not alone: with class weights, OHEM and focal loss it is 0.173, 0.136 and 0.126, worse than the first row, which knows nothing. Whoever reads the probabilities should look there, not at the IoU. (The bump in cross-entropy's curve is the seed that stays below 0.5.)
# - **What is left is small.** Seed by seed at the validated thresholds, CE + Dice is ahead of cross-entropy in all three, by one to four hundredths: a hint, not more. Focal loss is behind; it throws most of the gradient away, so it may only be slower.
#
# What else could explain it? Two controls stand at the end of the table.
#
# - **The learning rate?** Not alone. Halved, the same seed stays below 0.5 again (0.296 ± 0.265), and the validated IoU is 0.480 ± 0.041.
# - **The end of training?** Yes, for much of it. With three times the steps no network stays below 0.5. Plain cross-entropy then has 0.537 ± 0.022 *at 0.5*: "it cannot learn a rare class" was an early stop. Focal loss has 0.535 ± 0.010 at its validated threshold, beside 0.542 ± 0.012: it was slower, not worse. Dice keeps a lead of one to three hundredths in each seed, 0.562 ± 0.003, and its probabilities stay bad: log loss 0.091 against 0.034.
#
# What is due to the tiny scale: one kind of lesion, 160 or 480 steps, a network of 30 thousand parameters, three seeds. On other data losses may differ in more than the threshold. Then the validated column will show it, and the 0.5 column would have shown *something* anyway.

# %% [markdown] tags=["real"]
# ## 9 · The real thing
# What the papers of this course train with:
#
# | network | loss |
# |---|---|
# | FCN [@FCN] | cross-entropy, *summed* over the pixels: a learning rate that fits one picture size |
# | U-Net [@UNet] | cross-entropy with border and class weights; no Dice |
# | SegNet [@SegNet] | cross-entropy with median-frequency weights |
# | V-Net [@VNet] | Dice, with squares in the denominator |
# | nnU-Net [@nnUNet] | cross-entropy + Dice, deep supervision 1, 1/2, 1/4, ... |
# | PSPNet [@PSPNet] | cross-entropy + 0.4 times that of an auxiliary head, which is dropped after training |
#
# For the last one there is a published comparison, everything else being equal:

# %%
evidence.published("pspnet-r50-ade-aug", "pspnet-r50-ade-aux")

# %% [markdown] tags=["misconceptions"]
# ## 10 · What people get wrong
# - **"`ignore_index=255` in the cross-entropy takes care of void."** Section 4: a perfect answer beside half void had the Dice loss 1/3, and void pixels got gradient.
# - **"A smoothing constant takes care of absent classes."** Section 4: two classes that were nowhere made nearly all of the loss.
# - **"An absent class needs a large weight, it is so rare."** Section 3: it needs none, and the largest weight of all is what counting it as one pixel gives it.
# - **"A class weight of 1000 instead of 1 makes the network learn faster."** Section 3: if all weights grow alike, nothing changes.
# - **"Dice loss balances the classes by itself."** Section 4: that of the lesion alone does, while all pixels say the same; the mean over both classes does not, at the start.
# - **"Dice loss optimizes the Dice score."** Section 4 builds it: sums of probabilities, batch by batch. The score counts thresholded pixels over the whole set.
# - **"Weighted cross-entropy finds what plain cross-entropy misses."** Section 8: at 0.5 it finds more because it claims more; at their own thresholds the two are within a few hundredths of each other.
# - **"0.5 is the neutral threshold."** Section 7: it minimizes wrong pixels. IoU and Dice want half the best Dice.
# - **"The U-Net paper used a Dice loss."** Section 6 builds what it used.

# %% [markdown] tags=["quiz"]
# ## 11 · Quiz
# Five questions. Every choice is explained when you select it.

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "A colleague's network with class weights has the IoU 0.20, yours without has 0.46, both at 0.5. What do you ask for first?",
            "choices": [
                {"text": "Both IoUs at thresholds chosen on validation pictures", "correct": True, "why": "Weights multiply the odds, so 0.5 means something else in each network. Only then do you compare what they learned."},
                {"text": "More training for the weighted one", "correct": False, "why": "It may have learned as much as yours. Its 0.5 is a very low bar, so it claims too much."},
                {"text": "Nothing: yours is better", "correct": False, "why": "At 0.5. In section 8 such a gap vanished with the threshold."},
            ],
        },
        {
            "question": "A calibrated network reaches the best Dice 0.8. Which pixels should the mask for the best IoU claim?",
            "choices": [
                {"text": "those with p > 0.5", "correct": False, "why": "That minimizes the number of wrong pixels. A pixel with p = 0.45 still raises this Dice: 2 · 0.45 > 0.8."},
                {"text": "those with p > 0.4", "correct": True, "why": "Half of the best Dice: one more pixel adds 2p above the line and 1 below it."},
                {"text": "those with p > 0.8", "correct": False, "why": "A pixel pays off from 2p > 0.8 on."},
            ],
        },
        {
            "question": "Your training set has three pictures that are wholly void, and you train with batches of one. The loss is NaN after some steps. Why?",
            "choices": [
                {"text": "Void pixels have infinite loss", "correct": False, "why": "They have none. They are left out, and then nothing is left."},
                {"text": "The mean over no pixels is 0/0", "correct": True, "why": "A batch that is all void divides by a count of zero. A loss that returns 0 there is safe."},
                {"text": "The learning rate is too high", "correct": False, "why": "It may make a loss grow, but the cause here is a division 0/0, at any rate."},
            ],
        },
        {
            "question": "Lesions are 1 pixel in 1000. At the start the network says 0.5 everywhere. In the Dice loss of the lesion alone (one channel), how strongly do all lesion pixels together pull, against all tissue?",
            "choices": [
                {"text": "1 to 999", "correct": False, "why": "That is cross-entropy, where every pixel pulls alike."},
                {"text": "about 1 to 1", "correct": True, "why": "1 + n / ((N - n) p) = 1.002. The fraction's sums balance the two. (The mean of both classes' Dice losses does not, at the start.)"},
                {"text": "999 to 1", "correct": False, "why": "The balance makes the sums equal. A single lesion pixel pulls about 999 times as hard as one of tissue."},
            ],
        },
        {
            "question": "Doctors will read the network's probabilities, not masks. Which training do you choose, if nothing else is known?",
            "choices": [
                {"text": "Dice loss", "correct": False, "why": "It asks for the best region, and says little in between. In the reliability curves it is far from the diagonal."},
                {"text": "inverse-frequency weights, as they are", "correct": False, "why": "They multiply the odds by the weights' ratio. One would have to divide it out again."},
                {"text": "plain cross-entropy", "correct": True, "why": "Its best answer is the true frequency. Check on validation pictures all the same."},
            ],
        },
    ]
)

# %% [markdown] tags=["summary"]
# ## 12 · Summary
# - IoU has no gradient; a loss is a stand-in with one, and each has its own idea of a good answer.
# - Cross-entropy asks every pixel for its true frequency. A class weight multiplies the odds of the answer.
# - Dice and Tversky ask about the region. While all pixels say the same, the Dice of a rare class alone pulls for it about as hard as against it. Focal loss and OHEM turn down what is easy.
# - Void must be out of *every* sum; absent classes out of weights and means; all void is 0, not NaN.
# - A calibrated network's best cut for IoU is half of its best Dice. Choose cuts on validation pictures, then compare losses.
#
# **Glossary:** **loss**, **odds**, **calibrated**, **inverse frequency**, **median frequency**, **Dice loss**, **focal loss**, **Tversky loss**, **OHEM**, **deep supervision**, **border weights**, **ECE**, **reliability curve**
#
# **Your turn:** [exercise 05](../exercises/05_losses.ipynb). **Next:** lesson 06 turns a classifier into a segmenter.

# %% [markdown] tags=["references"]
# ## References
# - [@VNet] the Dice loss
# - [@nnUNet] cross-entropy + Dice, deep supervision
# - [@Focal] focal loss
# - [@Tversky] Tversky loss
# - [@OHEM] hard examples, mined online
# - [@DSN] deep supervision
# - [@Eigen2015] median frequency
# - [@UNet] border weights
# - [@FCN], [@SegNet], [@PSPNet] the table of section 9
