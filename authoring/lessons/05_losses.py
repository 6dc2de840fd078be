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
truths = torch.stack([target["semantic"] for _, target in test]).as_subclass(torch.Tensor)
share = (truths == 1).float().mean().item()
scans = [test[i][0] for i in (1, 4, 8, 9)]
marked = [
    plots.overlay_rgb(test[i][0], truths[i], test.colors, 0.35) for i in (1, 4, 8, 9)
]
plots.show(
    plots.contact_sheet([*scans, *marked]),
    alt="Four noisy gray scans, and the same with their small faint lesions outlined; "
    f"over all test scans {share:.1%} of the pixels are lesion.",
)
print(f"lesion: one pixel in {1 / share:.0f}; always saying tissue is right at {1 - share:.1%}")
assert 1 / share > 50

# %% [markdown] tags=["predict"]
# Always saying *tissue* has a fine pixel accuracy and an IoU of lesion of 0 (lesson 04). So you want the IoU of lesion. Can you give it to the optimizer? Move one logit a little:

# %%
logits, truth = torch.tensor([1.2, 0.4, -0.3, -2.0]), torch.tensor([1, 1, 1, 0])  # of lesion
for nudge in (0.0, 0.01, 0.29, 0.31):
    moved = logits + nudge * torch.tensor([0, 0, 1, 0])
    mask = moved > 0
    iou = (mask & (truth == 1)).sum() / (mask | (truth == 1)).sum()
    ce = F.binary_cross_entropy_with_logits(moved, truth.float())
    print(f"third logit {moved[2]:5.2f}: IoU {iou:.3f}, cross-entropy {ce:.4f}")
assert iou == 1 and (logits > 0).sum() == 2

# %% [markdown]
# The IoU stands still, then jumps: almost everywhere its gradient is 0. A **loss** is what we follow instead. It must fall smoothly while the mask gets better. There are many such functions, and each has its own idea of *better*.
#
# **Predict.** Section 8 trains one network twice: same weights at the start, same batches. Once with plain cross-entropy, once with lesion pixels weighing 55 times as much as tissue. Which has the better IoU of lesion, and by how much? Write it down with a reason.

# %% [markdown] tags=["build"]
# ## 2 · Cross-entropy: who pulls, and until when
# One pixel, three classes, with numbers you can check on paper. Softmax turns the logits log 2, 0, 0 into the probabilities 1/2, 1/4, 1/4. If class 1 is true, the pixel pays −log 1/4 = log 4. The gradient with respect to the logits is $p - t$, where $t$ is 1 for the true class and 0 for the others: 1/2, −3/4, 1/4.

# %%
z = torch.tensor([2.0, 1.0, 1.0]).log().requires_grad_()
pays = -z.softmax(0)[1].log()
pays.backward()
print("pays", pays.item(), "pulls", z.grad.tolist())
assert_close(pays, torch.tensor(4.0).log())
assert_close(z.grad, torch.tensor([0.5, -0.75, 0.25]))

# %% [markdown] tags=["prove"]
# A picture's loss is the mean over its pixels, without the void ones (label 255). They are not counted and get exactly no gradient. `losses.cross_entropy` is PyTorch's, with one difference that section 4 shows.

# %%
x, y = torch.randn(2, 3, 4, 5, requires_grad=True), torch.randint(0, 3, (2, 4, 5))
y[0, :2] = 255
loss = losses.cross_entropy(x, y)                       # x (N, C, H, W), y (N, H, W)
assert_close(loss, F.cross_entropy(x, y, ignore_index=255))
loss.backward()
assert (x.grad[0, :, :2] == 0).all() and (x.grad[1] != 0).any()

# %% [markdown] tags=["predict"]
# Now the imbalance. A network knows nothing yet and answers the same probability $p$ of lesion at all 100 pixels of a picture; 2 of them are lesion. **Predict:** which $p$ has the least cross-entropy: 0, 0.02 or 0.5?

# %%
p = torch.arange(1, 1000) / 1000
ce = -(2 * p.log() + 98 * (1 - p).log()) / 100
best = p[ce.argmin()].item()
print(f"least cross-entropy {ce.min():.3f} at p = {best:.2f}")
for q in (0.5, best):
    print(f"p = {q:.2f}: 2 lesion pixels pull {2 * (1 - q):.2f}, 98 of tissue {98 * q:.2f}")
assert abs(best - 0.02) < 1e-6

# %% [markdown]
# The share of lesion. At $p$ = 0.5 tissue pulls 49 times as hard; the network's first lesson is that lesions are rare, and at 0.02 both pulls are equal.
#
# The same holds for every group of pixels that the network cannot tell apart: the best answer for them is the share of lesion among them. Cross-entropy asks for *true frequencies*. A network that gives them is **calibrated**: of all pixels to which it says 0.3, three in ten are lesion.
#
# ## 3 · A weight for each class
# To make a rare class heard, weigh its pixels: $\sum w\,\ell \,/\, \sum w$, where $\ell$ is what a pixel pays and $w$ the weight of its class. **Predict:** lesion weighs 49, so that both classes weigh the same. Which constant answer is best now?

# %%
odds = {}
for w in (1, 7, 49):
    weighted = -(2 * w * p.log() + 98 * (1 - p).log()) / (2 * w + 98)
    q = p[weighted.argmin()]
    odds[w] = q / (1 - q)
    print(f"weight {w:2}: best p {q:.3f}, odds {odds[w]:.4f}")
assert abs(odds[49] - 1) < 0.03 and abs(odds[7] / odds[1] - 7) < 0.3

# %% [markdown] tags=["build"]
# The **odds** $p/(1-p)$ of the best answer are multiplied by the weight: 1/49, 7/49, 49/49. A weighted network is asked to exaggerate, by a known factor. Keep that in mind for section 8.
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
# An absent class has no frequency, and 1/0 is no weight. Ours is 0. Three traps lie here; the next cell shows them.
#
# - Code that counts an absent class as 1 pixel, to avoid 1/0, gives it the largest weight of all. If the weights are then scaled to sum to 1, it takes most of the sum.
# - That scale is of no use anyway: the sum of weights below the fraction cancels it.
# - With weight 0, a batch that holds *only* that class has the loss 0/0. PyTorch says NaN, and one NaN ruins all weights of a network. `losses.cross_entropy` says 0.

# %%
pixels = torch.tensor([6_000_000, 1_000_000, 0, 3_000])
naive = 1 / pixels.clamp(min=1)
print("naive weights, summing to 1:", [f"{w:.1e}" for w in naive / naive.sum()])
assert naive.argmax() == 2 and naive[2] / naive.sum() > 0.99

x, y = torch.randn(1, 4, 8, 8), torch.randint(0, 2, (1, 8, 8))
once, thousandfold = (F.cross_entropy(x, y, weight=s * inverse) for s in (1, 1000))
assert_close(once, thousandfold)
assert F.cross_entropy(x, torch.full_like(y, 2), weight=inverse).isnan()
assert losses.cross_entropy(x, torch.full_like(y, 2), weight=inverse) == 0

# %% [markdown] tags=["build"]
# ## 4 · Dice: one fraction for the whole region
# Cross-entropy asks each pixel on its own. The Dice coefficient of lesson 04, 2 TP / (2 TP + FP + FN), asks about the *set*. Put probabilities in the place of the mask, and it has a gradient: TP = Σ $p\,t$, FP = Σ $p\,(1-t)$, FN = Σ $(1-p)\,t$. The **Dice loss** is 1 minus that [@VNet]. Four pixels on paper: $p$ = 0.75, 0.5, 0.25, 0.25 and the first two are true. TP = 1.25, FP = 0.5, FN = 0.75.

# %%
p, t = torch.tensor([0.75, 0.5, 0.25, 0.25]), torch.tensor([1, 1, 0, 0])
tp, fp, fn = (p * t).sum(), (p * (1 - t)).sum(), ((1 - p) * t).sum()
by_hand = 1 - 2 * tp / (2 * tp + fp + fn)
print(f"TP {tp}, FP {fp}, FN {fn}: loss {by_hand:.4f}")
one_channel = p.logit().view(1, 1, 1, 4)                # C = 1: a sigmoid, lesion only
assert_close(losses.dice_loss(one_channel, t.view(1, 1, 4)), by_hand)
assert_close(by_hand, torch.tensor(1 - 2.5 / 3.75))

# %% [markdown] tags=["predict"]
# With more channels, it is the mean over the classes. Below and above the fraction stand *sums*, so no pixel has a Dice loss of its own: what a pixel's gradient is depends on all others.
#
# **Predict.** 10,000 pixels, all at $p$ = 0.5, of which 100 are lesion. In cross-entropy, the lesion pixels together pull with 100/9900 of the strength of tissue. And in the Dice loss?

# %%
def pulls(loss, lesion, p=0.5):
    """Summed gradient of the lesion pixels over that of the tissue, of 10,000."""
    z = torch.full((1, 1, 100, 100), p).logit().requires_grad_()
    y = (torch.arange(10_000) < lesion).long().view(1, 100, 100)
    loss(z, y).backward()
    g = z.grad.flatten().abs()
    return (g[:lesion].sum() / g[lesion:].sum()).item()


for lesion in (1000, 100, 1):
    ce, dice = pulls(losses.cross_entropy, lesion), pulls(losses.dice_loss, lesion)
    print(f"{lesion:4} lesion pixels: cross-entropy {ce:.4f}, Dice {dice:.3f}")
    assert ce < 0.12 and 1 <= dice < 1.25

# %% [markdown] tags=["break"]
# About 1, however small the lesion. Dice balances the classes by itself, at every moment, and needs no weights. On paper: if all pixels say $p$, the ratio is 1 + n/((10,000 − n) $p$).
#
# ### Void, done wrong
# Dice code is often combined with `ignore_index=255` for the cross-entropy, and the void pixels are forgotten in the Dice sums. They have no $t$, but their $p$ stays in FP. **Predict** the loss of a *perfect* answer if half of the lesion's pixels are void: 0, 1/4 or 1/3?

# %%
def careless_dice(p, y):
    t = (y == 1).float()                                # void has t = 0 ...
    return 1 - 2 * (p * t).sum() / (p.sum() + t.sum())  # ... but its p counts


y = torch.ones(1, 10, 10, dtype=torch.int64)
y[:, 5:] = 255                                          # half of the lesion is void
z = torch.full((1, 1, 10, 10), 30.0, requires_grad=True)  # sure of lesion everywhere
print("careless", careless_dice(z.sigmoid()[:, 0], y).item(), "ours", losses.dice_loss(z, y).item())
assert_close(careless_dice(z.sigmoid()[:, 0], y), torch.tensor(1 / 3))
assert losses.dice_loss(z, y) == 0

# %% [markdown]
# With $n$ lesion pixels and as many void ones: 1 − 2n / (2n + n) = 1/3. Worse, the void pixels now pull *toward tissue*. And where all is void? There is nothing to learn, so the loss must be 0, with gradient 0, in every loss:

# %%
z = torch.randn(1, 1, 10, 10).requires_grad_()
careless_dice(z.sigmoid()[:, 0], y).backward()
print("careless: void pixels get", f"{(z.grad[0, 0, 5:].abs().sum() / z.grad.abs().sum()):.0%} of the gradient")
assert z.grad[0, 0, 5:].min() > 0                       # a step down the gradient lowers p

x, void = torch.randn(2, 4, 6, 6, requires_grad=True), torch.full((2, 6, 6), 255)
assert F.cross_entropy(x, void, ignore_index=255).isnan()
for loss in (losses.cross_entropy, losses.dice_loss, losses.focal_loss, losses.ohem_loss):
    assert loss(x, void) == 0
losses.ce_dice_loss(x, void).backward()
assert (x.grad == 0).all()

# %% [markdown] tags=["break"]
# ### Absent classes, done wrong
# A class that is not in the truth has TP = FN = 0. Its Dice loss would be 1 for the smallest false claim. Some code adds 1 above and below the fraction ("smooth"). Does that help? Four classes, of which two occur, and a network that is 98 % sure everywhere:

# %%
def smooth_dice(p, t):
    return 1 - ((2 * (p * t).sum((0, 2, 3)) + 1) / ((p + t).sum((0, 2, 3)) + 1)).mean()


y = torch.randint(0, 2, (1, 64, 64))
t = F.one_hot(y, 4).movedim(-1, 1).float()              # (1, 4, 64, 64)
z = 5 * t
print(f"sure to {z.softmax(1)[t == 1].min():.2f}; cross-entropy {losses.cross_entropy(z, y):.3f};", end=" ")
print(f"Dice with smooth {smooth_dice(z.softmax(1), t):.2f}, without absent classes {losses.dice_loss(z, y):.3f}")
assert smooth_dice(z.softmax(1), t) > 0.4 and losses.dice_loss(z, y) < 0.03

# %% [markdown] tags=["build"]
# Two classes that are nowhere make nearly all of that loss. `losses.dice_loss` averages over the classes that occur in the truth of the batch (`per_sample=True`: of each picture). The price: a scan without lesions teaches the one-channel form nothing; with two channels tissue still pays for false alarms.
#
# So many losses add the two: **CE + Dice**, the fixed choice of nnU-Net [@nnUNet]. Cross-entropy gives every pixel a gradient, Dice the balance.
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
# **Push it.** The widget's picture has 10,000 pixels; every lesion pixel has one probability, every tissue pixel another. It shows the loss, the gradient of one pixel, and who gets the whole gradient.
#
# Is the focal loss always gentler than cross-entropy? Compare the *gradients* of the two, and find the $p$ where they cross. Then choose Dice and let $p$ of the tissue rise to 0.99, as in a network that has learned tissue well: what happens to the share of the lesions, and why does it not with cross-entropy? What does Tversky change?

# %%
widgets.loss_curves(loss="focal", gamma=2, foreground=0.02)

# %% [markdown]
# Counted, so that you can check what you saw:

# %%
for p in (0.1, 0.3, 0.5, 0.9):
    z = torch.tensor(p).logit().view(1, 1, 1, 1).requires_grad_()
    losses.focal_loss(z, y[..., :1], gamma=2).backward()
    ratio = (z.grad.abs() / (1 - p)).item()             # the pull of cross-entropy is 1 - p
    print(f"p = {p}: focal pulls {ratio:.3f} times as hard as cross-entropy")
    assert (ratio > 1) == (p < 0.4)

q = torch.arange(1, 100) / 100                          # section 2's constant answers
focal = -(2 * (1 - q) ** 2 * q.log() + 98 * q**2 * (1 - q).log())
print(f"2 lesion pixels of 100: the focal loss wants p = {q[focal.argmin()]:.2f}")
assert q[focal.argmin()] > 0.05

# %% [markdown] tags=["build"]
# So the focal loss is *harder* on pixels that are clearly wrong and much softer on the rest. And like weighted cross-entropy, it asks for other numbers than frequencies.
#
# ## 6 · More than one map
# **Deep supervision** [@DSN] puts the loss at several depths of the network, each against the truth at its own size. `losses.deep_supervision_loss` shrinks the truth by nearest neighbor and averages with weights, say 1, 1/2, 1/4. What does shrinking do to small lesions?

# %%
outputs = [torch.randn(200, 2, 64 // s, 64 // s) for s in (1, 4, 8)]
small = {s: truths[:, s // 2 :: s, s // 2 :: s] for s in (1, 4, 8)}     # pixel centers
parts = [losses.dice_loss(x, t) for x, t in zip(outputs, small.values(), strict=True)]
total = losses.deep_supervision_loss(losses.dice_loss, outputs, truths, [1, 0.5, 0.25])
assert_close(total, (parts[0] + 0.5 * parts[1] + 0.25 * parts[2]) / 1.75)
ids = [test[i][1]["panoptic"] % 1000 for i in range(200)]
for s in (4, 8):
    left = sum(len(m[s // 2 :: s, s // 2 :: s].unique()) - 1 for m in ids)
    print(f"at 1/{s} of the size {left} of {sum(len(m.unique()) - 1 for m in ids)} lesions are left")

# %% [markdown]
# **Border weights** are U-Net's own loss [@UNet]: a cross-entropy in which each *pixel* has a weight, $w_0 \exp(-(d_1+d_2)^2 / 2\sigma^2)$ on the background, where $d_1$ and $d_2$ are the distances to the two nearest objects, $w_0$ = 10 and σ = 5 pixels. It is large only in narrow gaps. A gap of one pixel has $d_1 = d_2 = 1$; lesson 08 measures what it is good for.

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
p = torch.rand(400_000) ** 8                            # calibrated by construction:
t = torch.rand_like(p) < p                              # lesion with probability p
cuts = torch.arange(1, 100) / 100
dice = torch.stack([2 * t[p > c].sum() / ((p > c).sum() + t.sum()) for c in cuts])
cut = cuts[dice.argmax()].item()
print(f"best Dice {dice.max():.3f} at {cut:.2f}; at 0.50 it is {dice[49]:.3f}")
assert abs(cut - dice.max() / 2) < 0.03
exaggerated = 55 * 0.33 / (1 - 0.33)                    # the odds of 0.33, times 55
print(f"a calibrated 0.33, exaggerated 55 times: {exaggerated / (1 + exaggerated):.2f}")

# %% [markdown]
# Half of the best Dice: *below* 0.5, whatever the network, unless it is perfect. Only the *number of wrong pixels* wants the cut at 0.5. And the exaggerating network should be cut at 0.96.
#
# So a comparison of losses at 0.5 compares two things at once: what the network learned, and where 0.5 happens to lie. We separate them.
