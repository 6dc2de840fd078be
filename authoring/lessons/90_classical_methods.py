# %% [markdown] tags=["title"]
# # 90 · Classical methods
# **What could one do without training, and what of it is still in use?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | Before networks, pictures were cut with water, graphs and densities. What do these methods do well, where must they fail, and where do they still work beside a network? |
# | **Time** | 75 minutes of reading, 1 minute of running |
# | **Prerequisites** | lessons 00 and 01 (connected components, oracle). A side lesson: nothing later needs it, and it has no exercise |
# | **You will be able to** | flood a height map and find the cheapest cut of a small graph on paper; say why a plain cut takes single pixels; follow a mean-shift walk; choose the number that each method needs; say what a network adds to them, and they to a network |

# %%
import heapq
import itertools
from collections import deque

import numpy as np
import torch
from scipy import linalg, ndimage, sparse
from scipy.sparse.csgraph import maximum_flow
from skimage import color, morphology, segmentation
from torch.testing import assert_close

from course_lib import datasets, evidence, ops, plots, widgets
from course_lib.experiments import classical_cells, classical_regions
from course_lib.experiments import classical_photographs as photographs

torch.manual_seed(0);

# %% [markdown]
# ## 1 · Four ideas, no training
# A classical method gets a picture and a few numbers. Nobody labels anything, nothing is learned. Here are four ideas, on photographs that ship with scikit-image: let **water** rise; find the **cheapest cut**; find a **balanced cut**; let every pixel **walk** uphill to where pixels are dense.

# %%
coins, cat = photographs.photo("coins", 192), photographs.photo("cat", 160)
coffee, tiny = photographs.photo("coffee", 160), photographs.photo("astronaut", 24)
water = ops.split_touching(photographs.coin_mask(coins, "local"), h=1.0, blur=1.0)
seeds, weights = photographs.strokes("cat", cat), ops.contrast_weights(cat)
cheapest = ops.graph_cut(ops.color_costs(cat, seeds), *(16 * w for w in weights))
ties = ops.affinity(tiny, color=0.12)
part = ops.best_split(ties, ops.normalized_cut(ties)[1][:, 1]).view(24, 24)
pixels = coffee.permute(1, 2, 0).numpy()
walked = segmentation.quickshift(pixels, ratio=0.5, kernel_size=3, max_dist=12, rng=0)

# %%
tiles = {
    f"water: {water.max()} regions, 24 coins": photographs.numbered(coins, water),
    "cheapest cut": photographs.cut_out(cat, cheapest),
    "balanced cut, 24×24 pixels": photographs.cut_out(tiny, part ^ (part.sum() > 288)),
    f"walk uphill: {walked.max() + 1} regions": photographs.painted(coffee, walked),
}
plots.show(plots.contact_sheet(tiles.values(), tiles), alt="Colored coins; a cat and a "
           f"helmet, cut out; a cup in flat patches. The titles: {'; '.join(tiles)}.")

# %% [markdown] tags=["predict"]
# **Predict.** Which of the four could tell you that there is a *cat* in the second picture? Keep your answer until section 3.
#
# ## 2 · Watershed: borders where waters meet
# Read a gray picture as a landscape: its values are heights. Pierce some places, the **markers**, and let water rise through them. Each marker's water has a number, and a pixel belongs to the water that reaches it first. That is the watershed with markers; [@Watershed] made flooding fast.
#
# On paper: the heights 2 1 3 5 2 0 1, markers at the two minima (1 and 0). The water rises from both.
#
# **Predict.** Who gets the summit of 5: the left water or the right?

# %% tags=["build"]
def flood(height, markers):
    """Watershed. height (H, W), markers (H, W) int, 0 = none -> labels (H, W) int64."""
    labels, (rows, columns) = markers.clone(), height.shape
    marked = [tuple(p) for p in markers.nonzero().tolist()]
    shore = [(height[p].item(), n, p) for n, p in enumerate(marked)]
    heapq.heapify(shore)                               # a queue: smallest entry first
    order = itertools.count(len(shore))
    while shore:
        level, _, (i, j) = heapq.heappop(shore)        # lowest; of equals, the first
        for p in ((i - 1, j), (i, j - 1), (i, j + 1), (i + 1, j)):
            inside = 0 <= p[0] < rows and 0 <= p[1] < columns
            if inside and labels[p] == 0:
                labels[p] = labels[i, j]
                higher = max(level, height[p].item())  # water does not sink again
                heapq.heappush(shore, (higher, next(order), p))
    return labels


profile = torch.tensor([[2, 1, 3, 5, 2, 0, 1]])
flood(profile, torch.tensor([[0, 1, 0, 0, 0, 2, 0]]))

# %% [markdown]
# The right one. Its shore beside the summit is at height 2, the left one's at 3, and the lower shore is under water first.
#
# Now two dimensions. The map below has three pits: 0, 1 and 2.
#
# **Predict.** One marker in each minimum: how many regions? Then count only pits that are *deep*. The **drop** of a pit is how far you must climb from it before you can descend lower. On paper: from the pit of 2 you climb to 3 and then walk down to 0, a drop of 1.

# %% tags=["prove"]
height = torch.tensor([[9, 9, 9, 9, 9, 9, 9, 9],
                       [9, 3, 4, 7, 2, 4, 5, 9],
                       [9, 1, 3, 6, 4, 3, 3, 9],
                       [9, 2, 4, 8, 5, 2, 0, 9],
                       [9, 9, 9, 9, 9, 9, 9, 9]])
pits, drop = ops.peaks(-height)                        # a pit is a peak of the negative
assert drop.tolist() == [9, 5, 1]                      # 0 is the lowest: up to the rim
for h, count in {1: 3, 2: 2}.items():
    markers = torch.zeros_like(height)
    for number, (i, j) in enumerate(pits[drop >= h], 1):
        markers[i, j] = number
    ours = flood(height, markers)
    theirs = segmentation.watershed(height.numpy(), markers.numpy())
    assert_close(ours, torch.from_numpy(theirs))
    assert_close(ours, ops.watershed(height, markers))
    assert ours.max() == count == morphology.h_minima(height.numpy(), h).sum()
    print(f"drop of at least {h}: {count} regions")

# %% [markdown]
# One shallow dent was enough for a region of its own. Real pictures have hundreds: the watershed of all minima **over-segments**. Keeping only minima with a drop of at least $h$ (*h-minima*; of a map turned upside down, *h-maxima*) is the usual cure. It has a price: you must choose $h$.
#
# The best known use is **touching objects**. Lesson 01 closed the lines between drawn nuclei, and components could no longer count them. Take the distance of every foreground pixel to the background. Each roundish nucleus is a hill, each neck between two a pass. Turn the map over, and flood.

# %%
image, target = datasets.Cells(32, 96, seed=0)[19]
image, masks = (x.as_subclass(torch.Tensor) for x in (image, target["masks"]))
closed = ndimage.binary_closing(masks.any(0).numpy(), np.ones((3, 3)))
distance = torch.from_numpy(ndimage.distance_transform_edt(closed))
clump = torch.from_numpy(closed)
tiles = {f"{len(masks)} nuclei": image, "distance map": photographs.scaled(distance)}
for h in (0.1, 1.0):
    pieces = ops.split_touching(clump, h)
    tiles[f"h = {h}: {pieces.max()} regions"] = photographs.numbered(image, pieces)
plots.show(plots.contact_sheet(tiles.values(), tiles), alt="A micrograph, its distance "
           f"map with a hill for most nuclei, two watersheds: {'; '.join(tiles)}.")

# %% [markdown] tags=["see"]
# **Push it.** Move $h$, and let the water rise. *Merged* nuclei share a region, *cut* ones lost a fifth or more to a second one. Is there one $h$ that is right for every nucleus? Find the best you can and note how many are right. Which nuclei are wrong there, and what do they look like in the distance map?

# %%
widgets.watershed_explorer(clump, truth=masks)

# %%
truth, best = [target["panoptic"].numpy() % 1000], {}
for blur, h in itertools.product((0.0, 1.0), (*classical_cells.DEPTHS, 3.0)):
    found = ops.split_touching(clump, h, blur).numpy()
    f1 = classical_cells.score([found], truth)["f1"]
    best[blur] = max(best.get(blur, (0, 0, 0)), (f1, h, int(found.max())))
for blur, (f1, h, count) in best.items():
    print(f"distance blurred by {blur} px: best h = {h}, {count} regions, F1 {f1:.2f}")
assert max(best.values())[0] < 0.95

# %% [markdown]
# No. (**F1** is the score of section 6: 1 is every nucleus found and nothing else.) A small $h$ cuts long and ragged nuclei, a large one merges those whose neck is wide; here the two overlap, so no $h$ separates them. A second cure helps: a distance map of pixels has many tiny and *equal* tops, and a blur of one pixel removes them.
#
# ### Where the neck is gone
# The method knows one thing about nuclei: they are round and have necks. **Predict.** Two disks of radius 8 and 7 move together. At which distance of their centers have they become one object, with $h = 1$: 12, 8 or 4 pixels?

# %% tags=["break"]
y, x = torch.meshgrid(torch.arange(24), torch.arange(48), indexing="ij")
disk = lambda column, radius: (y - 12) ** 2 + (x - column) ** 2 <= radius**2
pairs = {d: disk(12, 8) | disk(12 + d, 7) for d in range(16, 2, -2)}
objects = {d: int(ops.split_touching(pair, h=1.0).max()) for d, pair in pairs.items()}
print(objects)
assert objects[12] == 2 and objects[8] == 1

# %% [markdown] tags=["predict"]
# At 8, when the center of each is still near the other's edge. The brightness may show a border between them; the mask does not have it any more. What the foreground loses, the water cannot find.
#
# ## 3 · Graph cut: the cheapest labeling
# Now each pixel must be *object* or *background*. Write down what that costs. Every pixel pays for its own label. Every two neighbors with different labels pay a fine. The sum is the **energy**. A small example: nine brightnesses from 0 to 10. A pixel of brightness $v$ pays $10 - v$ as object and $v$ as background; the fine is 3.
#
# **Predict.** The middle pixel has brightness 3: alone it would be background. Its neighbors above, below and on the left are 9. What is it in the cheapest labeling?

# %%
bright = torch.tensor([[8, 9, 1], [9, 3, 1], [8, 9, 2]])
costs = torch.stack([bright, 10 - bright]).double()    # as background, as object
fine = torch.full((3, 2), 3.0), torch.full((2, 3), 3.0)    # to the right, downward
every = [torch.tensor(b).view(3, 3) for b in itertools.product((False, True), repeat=9)]
cheapest = min(every, key=lambda labels: ops.cut_energy(labels, costs, *fine))
lowest = ops.cut_energy(cheapest, costs, *fine)
print(f"{len(every)} labelings, the cheapest costs {lowest:.0f}\n{cheapest.int()}")
assert cheapest[1, 1] and not cheapest[:, 2].any()

# %% [markdown]
# Object. On paper: as object it pays 7 and one fine (to the right), 10; as background 3 and three fines, 12.
#
# Trying all labelings works for 9 pixels. For more, build a **graph**. Nodes: the pixels, a *source* (object) and a *sink* (background). An edge from the source to each pixel with its cost as *background*, one from each pixel to the sink with its cost as *object*, and edges of 3 both ways between neighbors. A **cut** parts source from sink. The pixels left with the source are object, and the edges cut are exactly the bill: the cheapest cut *is* the cheapest labeling.
#
# Its cost can be found by pumping: the edges are pipes, and the largest **flow** from source to sink equals the cheapest cut (Ford and Fulkerson), since the cut is the bottleneck. To find the flow: take any path with room left, fill it to its narrowest pipe, note that what flows may be sent back, repeat.

# %% tags=["build"]
def pump(room, source, sink):
    """room (n, n): what each pipe carries -> (flow, nodes source still reaches)."""
    room, flow, paths = room.clone(), 0.0, 0
    while True:
        came_from, queue = {source: None}, deque([source])
        while queue:                                   # the shortest path with room
            node = queue.popleft()
            for other in (room[node] > 0).nonzero().flatten().tolist():
                if other not in came_from:
                    came_from[other] = node
                    queue.append(other)
        if sink not in came_from:
            print(f"{paths} paths")
            return flow, set(came_from)
        path = [sink]
        while path[-1] != source:
            path.append(came_from[path[-1]])
        pipes = list(zip(path[1:], path))
        push = min(room[pipe].item() for pipe in pipes)
        for a, b in pipes:
            room[a, b] -= push
            room[b, a] += push                         # the way back
        flow, paths = flow + push, paths + 1

# %% tags=["prove"]
pipes = torch.zeros(11, 11)                            # pixels, source 9, sink 10
pipes[9, :9], pipes[:9, 10] = costs[0].flatten(), costs[1].flatten()
for i, j in itertools.product(range(3), range(3)):
    for a, b in ((i, j + 1), (i + 1, j)):
        if a < 3 and b < 3:
            pipes[3 * i + j, 3 * a + b] = pipes[3 * a + b, 3 * i + j] = 3.0
flow, reached = pump(pipes, 9, 10)
object_side = torch.tensor([p in reached for p in range(9)]).view(3, 3)
print(f"flow {flow:.0f}, cheapest labeling {lowest:.0f}")
scipys = maximum_flow(sparse.csr_array(pipes.int().numpy()), 9, 10).flow_value
assert flow == lowest == scipys
assert torch.equal(object_side, cheapest)
assert torch.equal(ops.graph_cut(costs, *fine), cheapest)

# %% [markdown]
# From here on `ops.graph_cut`, which leaves the pumping to SciPy. On a photograph [@GraphCut] take the costs from a user's brush strokes, the **seeds**: a pixel pays minus the log of how frequent its color is among the seeds of that label. The fine between neighbors is $\lambda$ times a weight that falls where the picture changes, so that cuts prefer edges.
#
# **Predict.** What do $\lambda = 0$ and a very large $\lambda$ do?

# %%
own, weights = ops.color_costs(cat, seeds), ops.contrast_weights(cat)
tiles, parts = {"seeds: cat green": photographs.brushed(cat, seeds)}, {}
for strength in (0, 4, 16):
    labels = ops.graph_cut(own, *(strength * w for w in weights))
    parts[strength] = ops.connected_components(labels)[1]
    name = f"λ = {strength}, {parts[strength]} pieces"
    tiles[name] = photographs.cut_out(cat, labels)
plots.show(plots.contact_sheet(tiles.values(), tiles), alt="A cat with strokes in two "
           f"colors, then cut out three times: {'; '.join(tiles)}.")
assert parts[0] > 20 * parts[16]

# %% [markdown] tags=["break"]
# Without a fine each pixel decides alone, in hundreds of pieces. With a large one only the cheapest borders remain. For two labels the cut is *exact*: no other labeling costs less. But cheapest is not right. Here is a cup; the strokes mark saucer and rim.
#
# **Predict.** For which $\lambda$ is the coffee part of the cup, and the shadow under the saucer not?

# %%
own = ops.color_costs(coffee, photographs.strokes("coffee", coffee))
weights, tiles, shares = ops.contrast_weights(coffee), {"the cup": coffee}, []
drink, shadow = (slice(32, 42), slice(66, 84)), (slice(101, 107), slice(45, 85))
for strength in (1, 4, 16, 64, 256):
    labels = ops.graph_cut(own, *(strength * w for w in weights))
    tiles[f"λ = {strength}"] = photographs.cut_out(coffee, labels)
    shares.append([labels[place].float().mean().item() for place in (drink, shadow)])
    print("λ {:3}: coffee {:4.0%}, shadow {:4.0%}".format(strength, *shares[-1]))
plots.show(plots.contact_sheet(tiles.values(), tiles, columns=3),
           alt="A cup cut out with five fines; of coffee and shadow are in it: "
           + "; ".join(f"{a:.0%} and {b:.0%}" for a, b in shares) + ".")
assert not any(in_it > 0.9 and under_it < 0.1 for in_it, under_it in shares)

# %% [markdown] tags=["predict"]
# The coffee has the color of the table, the shadow that of the cup's dark side. No $\lambda$ takes the one and leaves the other. Nor could it tell you that this is a cup, or, in section 1, a cat: none of the four methods has names. It knew the object's colors because you painted the seeds.
#
# ## 4 · Normalized cut: a cut that is fair to both sides
# Without seeds, could the cheapest cut find two parts on its own? Give every pair of near pixels a weight, large if their colors are alike, and look for the cheapest way to split the graph in two. The picture below has a dark and a bright half, with noise.
#
# **Predict.** What does the cheapest cut separate?

# %%
noise = torch.randn(8, 12, generator=torch.Generator().manual_seed(0))
noisy = 0.35 + 0.3 * (torch.arange(12) >= 6) + 0.08 * noise
ties = ops.affinity(noisy[None], radius=2.0, color=0.15, position=2.0)  # (96, 96)
pipes = sparse.csr_array((1e6 * ties).int().numpy())
flows = [maximum_flow(pipes, 0, p).flow_value / 1e6 for p in range(1, 96)]
alone, half = torch.arange(96) == ties.sum(1).argmin(), torch.arange(96) % 12 >= 6
one, border = (ops.cut_values(ties, side)[0] for side in (alone, half))
print(f"cheapest of all {min(flows):.2f}; one pixel {one:.2f}; the halves {border:.2f}")
assert abs(min(flows) - one) < 1e-3 and one < 0.5 * border

# %% [markdown] tags=["build"]
# A single pixel. It has few ties, so parting it is cheap; a long border is dear, however clear it is. [@NCut] divide by what each side holds. The **association** of a side is the sum of all weights of its pixels:
#
# $$\text{Ncut}(A, B) = \frac{\text{cut}}{\text{assoc}(A)} + \frac{\text{cut}}{\text{assoc}(B)}$$
#
# For a single pixel, *all* its weights are cut: the first term is 1. Two halves cut a small share of what each holds. Finding the smallest Ncut is NP-hard. But let every pixel have any number in place of one of two, and the best numbers are an eigenvector: of $(D - W)\,y = \lambda D\,y$, with $W$ the weights and $D$ their row sums on the diagonal, the second. (The first is constant and says nothing.) Then cut it at the threshold with the smallest Ncut.

# %% tags=["prove"]
values, vectors = ops.normalized_cut(ties, 2)
D, y = torch.diag(ties.sum(1)), vectors[:, 1]
assert_close((D - ties) @ y, values[1] * D @ y)
exact = linalg.eigh((D - ties).numpy(), D.numpy(), eigvals_only=True)[:2]
assert_close(values, torch.from_numpy(exact), atol=1e-8, rtol=0)
split = ops.best_split(ties, y)
for name, side in {"one pixel": alone, "halves": half, "eigenvector": split}.items():
    print("{:11}  cut {:5.2f}   Ncut {:.3f}".format(name, *ops.cut_values(ties, side)))
agree = (split == half).float().mean().item()
assert max(agree, 1 - agree) > 0.95                    # which side is True is arbitrary

# %%
maps = {"picture": noisy, "cheapest cut": alone, "eigenvector": y, "best split": split}
tiles = [0.1 + 0.7 * photographs.scaled(m.view(8, 12).float()) for m in maps.values()]
plots.show(plots.contact_sheet(tiles, maps), alt="A picture of two noisy halves; one "
           "pixel; an eigenvector that changes in the middle; a split that agrees with the "
           f"halves on {max(agree, 1 - agree):.0%} of the pixels.")

# %% [markdown] tags=["break"]
# On photographs the weights decide, and so does the wish for balance. **Predict.** The astronaut gave up her helmet (section 1). The next picture is a rocket in a smooth evening sky. Where will the cut run?

# %%
rocket = photographs.photo("rocket", 30)
ties = ops.affinity(rocket, color=0.12)
y = ops.normalized_cut(ties)[1][:, 1]
side = ops.best_split(ties, y).view(rocket.shape[1:])
tiles = [rocket, photographs.scaled(y.view_as(side)), photographs.cut_out(rocket, side)]
plots.show(plots.side_by_side(tiles, ["a rocket", "eigenvector", "its best split"]),
           alt=f"A coarse rocket; a split, {side.float().mean():.0%} on one side.")
assert 0.2 < side[:5].float().mean() < 0.8             # it runs through the empty sky

# %% [markdown] tags=["predict"]
# Through the sky. In a smooth region nothing says where to cut, and halves are what the measure likes. A full picture is a further problem: all pairs of 100 000 pixels cannot be stored, so real systems use sparse weights or small pictures.
#
# ## 5 · Mean shift: walk uphill
# Now forget borders and look at the colors as a cloud of points. Where it is dense, there is a **mode**. Put a window on a point, move it to the mean of the points inside, repeat. On paper, with the points 1, 2, 3, 10, 12 and a window of ±3: from 1 you see 1, 2, 3, whose mean is 2; from 2 you see the same three. You have arrived.
#
# **Predict.** Where do 3, 10 and 12 arrive? How many modes, and did anyone say how many there should be?

# %% tags=["build"]
def shift(points, x, width):                           # one step with a flat window
    return points[(points - x).abs() <= width].mean()

ends = points = torch.tensor([1.0, 2.0, 3.0, 10.0, 12.0])
for _ in range(5):
    ends = torch.stack([shift(points, x, 3.0) for x in ends])
print(ends.tolist())
assert_close(ends, torch.tensor([2.0, 2.0, 2.0, 11.0, 11.0]))

# %% [markdown]
# Two modes, 2 and 11, and nobody asked for two: the width of the window did. [@MeanShift] let the window fade out, here as a Gaussian of a certain **bandwidth**. Why does walking to a mean climb? Because the step *is* the gradient of the log of the density, if the bandwidth is the unit. Autograd agrees:

# %% tags=["prove"]
small = photographs.photo("coffee", 48)
lab = torch.from_numpy(color.rgb2lab(small.numpy(), channel_axis=0)).float()
points = lab.flatten(1).T[::3, 1:] / 5                 # (512, 2), in bandwidths of 5
density = lambda x: torch.exp(-torch.cdist(x, points).square() / 2).sum(1)
some = torch.randperm(512, generator=torch.Generator().manual_seed(0))[:40]
start = points[some].requires_grad_()
(uphill,) = torch.autograd.grad(density(start).log().sum(), start)
path = ops.mean_shift(points, start.detach(), steps=60)    # (steps + 1, 40, 2)
assert_close(path[1] - path[0], uphill, atol=1e-4, rtol=1e-4)
climb = torch.stack([density(x) for x in path])
assert (climb[1:] > climb[:-1] - 1e-2).all()           # nobody ever walks down
modes = len(ops.group_ends(path[-1])[1])
plots.show(photographs.walks(5 * points, small.flatten(1).T[::3], 5 * path),
           alt=f"Colors of a picture as points; 40 walks that climb to {modes} places.")

# %% [markdown]
# For a segmentation, position joins color: a point is (row, column, three color values), each divided by a bandwidth. (The colors are CIELAB, in which distances are roughly the differences that people see.) Pixels that end at one mode are a region.
#
# **Predict.** Which bandwidths give the cup one region: small or large ones?

# %%
tiles, regions = {"48×32 pixels": small}, []
for spatial, width in ((4, 5), (4, 10), (8, 20)):
    features = ops.color_position(lab, spatial, width) # (1536, 5)
    ends = ops.mean_shift(features, steps=40)[-1]
    regions.append(len(ops.group_ends(ends)[1]))
    modes = (ends[:, 2:] * width).T.view_as(lab).numpy()
    name = f"{spatial} px, color {width}: {regions[-1]} regions"
    tiles[name] = torch.from_numpy(color.lab2rgb(modes, channel_axis=0))
plots.show(plots.contact_sheet(tiles.values(), tiles),
           alt=f"A cup, and three mean shifts of it with {regions} regions.")
assert regions[0] > 2 * regions[1] and regions[1] > 1.5 * regions[2]

# %% [markdown] tags=["measure"]
# None does. A small bandwidth leaves pieces of one thing, a large one melts the cup into the table. The middle one has the cup's dark side, its rim and its coffee in three regions. **Quickshift**, used in sections 1 and 7, is a fast relative: each pixel steps once, to the nearest pixel in a denser place, if there is one within reach.
#
# ## 6 · Nuclei: with, without, and beside a network
# Lesson 01's question again: every nucleus its own mask. The score is **object F1**:
#
# - A prediction *hits* a nucleus if their IoU is above 0.5. It can hit only one, and a nucleus can be hit only once.
# - Predictions without a nucleus are false positives (FP), nuclei without a prediction false negatives (FN).
# - F1 = 2 · hits / (2 · hits + FP + FN).
#
# It does not see how exact a border is, nor which error happened; so the table also has the *count error* (nuclei per picture), the share of nuclei *merged* with another and *split* in several, and the IoU of the whole foreground.
#
# An arm finds the foreground, then splits it. **Otsu** takes the one threshold that best parts the picture's histogram in two groups. A **local threshold** compares each pixel with the mean around it. A small U-Net (lesson 08 builds it) learns *nucleus or not*, never objects, from 40 labeled pictures in 100 steps. Every number, the network's threshold too, is chosen by F1 on 30 validation pictures. So the classical arms need labels as well: enough for two or three numbers.
#
# First the network is trained, then $h$ is varied on 12 validation pictures, then all arms run on 60 test pictures, with the numbers that the committed experiment chose for the same draw.
#
# **Predict.** Which matters more: the foreground or the split?

# %%
parts = ("train", "val", "test")
train, val, test = (classical_cells.pictures(part, seed=0) for part in parts)
model = classical_cells.train(train, seed=0)
nuclei, before = ([ids.max() for ids in pictures.ids] for pictures in (test, val))
blind = np.abs(np.array(nuclei) - np.mean(before)).mean()
print(f"{sum(nuclei)} nuclei in {len(nuclei)} test pictures")
print(f"always answering the mean count misses by {blind:.1f} nuclei a picture")

# %%
few, curves = classical_cells.Pictures(val.gray[:12], val.ids[:12]), {}
ways = {"Otsu": 0.5, "local threshold": 31, "U-Net": 0.5}
depths = classical_cells.DEPTHS
for (way, number), blur in itertools.product(ways.items(), (1.0, 0.0)):
    arm, each = f"{way}, distance watershed", [(number, (blur, h)) for h in depths]
    found = [classical_cells.apply(arm, numbers, few, model) for numbers in each]
    f1 = [classical_cells.score(objects, few.ids)["f1"] for objects in found]
    curves[way, f"blur {blur:.0f} px"] = f1
    assert blur == 0 or (min(f1[:3]) > max(f1) - 0.08 and f1[-1] < max(f1) - 0.1)
plots.show(photographs.lines(depths, curves, "h, pixels", "object F1, validation"),
           alt="Object F1 against h. The highest: "
           + "; ".join(f"{' '.join(key)} {max(f1):.2f}" for key, f1 in curves.items()))

# %%
arms = evidence.load("90_classical_cells")["arms"]
record = {arm["name"]: arm["runs"][0]["chosen"] for arm in arms}
cuts = "components", "distance watershed"
shown = [f"{way}, {cut}" for way, cut in itertools.product(ways, cuts)]
objects = {arm: classical_cells.apply(arm, record[arm], test, model) for arm in shown}
f1 = {arm: classical_cells.score(objects[arm], test.ids)["f1"] for arm in shown}
for arm, value in f1.items():
    print(evidence.agrees("90_classical_cells", arm, "f1", value))
masks = [p > record[arm][0] for p in classical_cells.probabilities(model, test)]
gapless = [ndimage.binary_closing(mask, np.ones((3, 3))) for mask in masks]
last = [classical_cells.split(cuts[1], m, record[arm][1], None) for m in gapless]
closed = classical_cells.score(last, test.ids)["f1"]
print(f"the last arm with small gaps in the network's masks closed: {closed:.4f}")
otsu, local, unet = (f1[f"{way}, distance watershed"] for way in ways)
assert f1["Otsu, components"] + 0.2 < otsu < local - 0.03 and local < unet - 0.04
assert f1["U-Net, components"] < unet and closed < unet - 0.03

# %%
gray = torch.from_numpy(test.gray[3]).expand(3, -1, -1)
labels = {"truth": test.ids[3]} | {arm: objects[arm][3] for arm in shown}
tiles = {f"{k}: {x.max()}": photographs.numbered(gray, x) for k, x in labels.items()}
plots.show(plots.contact_sheet([gray, *tiles.values()], ["a test picture", *tiles]),
           alt=f"A test picture, truth, objects of six arms: {'; '.join(tiles)}.")

# %%
columns = {"f1": "object F1", "count": "count error", "merged": "merged"}
columns |= {"split": "split", "foreground": "foreground IoU"}
evidence.table("90_classical_cells", columns, digits={"count": 1}, otherwise=2)

# %% [markdown]
# - **The nulls.** One object for everything has F1 0; squares that know nothing but the foreground have 0.30. The count error of always answering the mean count stands above.
# - **The split helps every foreground.** Otsu 0.34 to 0.71, local threshold 0.58 to 0.82, the network 0.74 to 0.93. Water on brightness helps less than water on distance (0.64).
# - **$h$ is easy here.** With blurred distances any $h$ up to half a pixel does about as well; a large one merges. The foregrounds differ by more.
# - **The foreground matters as much.** One number per picture loses faint nuclei; a local threshold alone brings 0.71 to 0.82, the network 0.93.
# - **The best arm is both.** After 400 steps the network draws most lines itself: 0.91 without water, 0.97 with it. Whether one should rather train the lines into the network is lesson 08's question; it measures both.
# - **What else could explain it?** Perhaps a perfect foreground is all one needs? No: the *true* foreground with its lines closed gets 0.74, less than the network's. The network leaves gaps between nuclei, and they guide the water: with small gaps closed its F1 falls too (the last line above the pictures).
#
# Scale: drawn nuclei, small pictures, five draws.
#
# ### Another microscope
# The numbers were chosen for these pictures. **Predict.** Which arm suffers most if nuclei are twice as large? And if the lamp lights one side only?

# %%
names = classical_cells.KINDS
kinds = {kind: classical_cells.pictures("test", 0, kind, n=8) for kind in names}
grays = [torch.from_numpy(pictures.gray[3][:96, :96]) for pictures in kinds.values()]
plots.show(plots.contact_sheet(grays, names),
           alt="Nuclei: as usual, dim with noise, lit from the left, twice as large.")
arm, large = "local threshold, distance watershed", kinds["size"]
for name, numbers in {"old": record[arm], "new": (71, (1.0, 1.0))}.items():
    found = classical_cells.apply(arm, numbers, large)
    f1[name] = classical_cells.score(found, large.ids)["f1"]
    print(f"twice as large, {name} numbers {numbers}: F1 {f1[name]:.2f}")
assert f1["new"] > f1["old"] + 0.2

# %%
columns = {"usual": "usual"}
for kind, used in itertools.product(("noise", "light", "size"), ("kept", "again")):
    columns[f"{kind}_{used}"] = f"{kind}, {used}"
evidence.table("90_classical_shift", columns, otherwise=2)

# %% [markdown]
# *Kept*: the old numbers. *Again*: chosen anew on validation pictures of that kind. *Trained anew*: the network also learned from 40 labeled pictures of that kind.
#
# - **Which number breaks depends on what it measures.** The local threshold looks at windows of a fixed width. One-sided light leaves it at 0.82; nuclei of twice the size throw it to 0.43, and a new width brings it back to 0.84. Otsu's one threshold per picture cannot follow the light: 0.54, and no new number repairs that.
# - **New numbers need labeled pictures too,** if fewer. And the network's own two numbers cannot repair what its foreground got wrong: with noise it goes from 0.70 to 0.74.
# - **Training anew repairs most**: 0.87, 0.92 and 0.93. The price is 40 labeled pictures of the new kind.
# - **Unchanged, no arm is best everywhere.** On noise the network and the local threshold are within their spread (0.70 and 0.69), on light the threshold is about as good (0.82 and 0.81), on size the network leads by far (0.86 to 0.43).
#
# ## 7 · Street scenes: regions without names
# On scenes the methods make regions, and no region has a class. How good *could* they be? Let an **oracle** name each region by its most frequent true class. Its mIoU is about the best that any namer of regions can reach.
#
# The trap: with one region per pixel the oracle is perfect. So the base rate is a **blind grid** with as many rectangles as the method has regions.
#
# The methods: the watershed of the *gradient*, a map of how fast colors change; quickshift; and *graph merging* (`felzenszwalb` in scikit-image), which joins neighbors as long as they differ little compared with the differences inside them.
#
# **Predict.** Watershed of the gradient from 49 markers on a lattice: by how much does it beat 49 rectangles?

# %%
images, truth = classical_regions.scenes(seed=0)
network, live = classical_regions.network_labels(images), {}
for arm in ("watershed, 49 markers on a lattice", "quickshift, kernel 3, reach 10"):
    live[arm] = classical_regions.run(arm, images, truth, network)
    print(evidence.agrees("90_classical_regions", arm, "named", live[arm]["named"]))
    print("   {regions:.0f} regions; as many in a grid {grid:.4f}".format(**live[arm]))
lattice_gain, quick_gain = (a["named"] - a["grid"] for a in live.values())
assert abs(lattice_gain) < 0.06 and quick_gain > 0.15

# %%
scene = torch.from_numpy(images[4]).permute(2, 0, 1)
cuts = {arm: classical_regions.ARMS[arm](images[4]) for arm in live}
cuts["a blind grid"] = classical_regions.grid_regions((96, 96), 49)
tiles = {f"{k}: {x.max() + 1}": photographs.painted(scene, x) for k, x in cuts.items()}
plots.show(plots.contact_sheet([scene, *tiles.values()], ["a scene", *tiles]),
           alt=f"A scene, and its regions in their mean colors: {'; '.join(tiles)}.")

# %%
columns = {"regions": "regions", "named": "named by the truth", "grid": "a blind grid"}
columns["network"] = "named by the U-Net"
evidence.table("90_classical_regions", columns, digits={"regions": 0}, otherwise=2)

# %% [markdown] tags=["real"]
# By almost nothing: 0.51 against 0.50. A lattice puts markers into the sky and misses the cars. The *gradient* is not to blame: from its own minima the same watershed has 0.83 with about 150 regions, where a grid has 0.64. Quickshift and graph merging, which let the picture decide how many regions there are, do better still (0.87 and 0.89 with about 150).
#
# The last column takes the oracle away: the shipped U-Net of lesson 00 names the regions. It reaches at most 0.82, its own map 0.83. Snapping a good network's map to regions bought nothing here. On a network with worse borders it might; lesson 10 tries a better way to snap.
#
# The settings were fixed to give about 15, 50 and 150 regions, not chosen on validation.
#
# ## 8 · The real thing: proposals
# For some years, the answer to "where are the objects?" was: let a classical method propose, and classify each **proposal**. Two ways matter.
#
# - **CPMC**, constrained parametric min-cuts [@CPMC]: put an object seed on each place of a grid, call the picture's border background, run graph cuts with a bias toward object from weak to strong. Keep the regions that look like objects to a *learned* score, which knows no classes.
# - **Selective search** [@SelectiveSearch]: start from the regions of graph merging (section 7), merge the most similar neighbors until one is left, and propose the box of every region on the way.
#
# R-CNN [@RCNN] classified proposals with a network. Its *detection* used selective search. CPMC regions appear only in its segmentation experiments, taken over from O2P, whose features were designed by hand:

# %%
keys = "rcnn-voc10-test-detection o2p-voc11-test rcnn-cpmc-voc11-test fcn8s-voc11-test"
proposals = evidence.published(*keys.split())
extras = [row[proposals.header.index("extras")] for row in proposals.rows]
assert "selective search" in extras[0] and "CPMC" in extras[1] and "CPMC" in extras[2]
proposals

# %% [markdown] tags=["misconceptions"]
# Three rows share data set, split and metric (the first is box detection; do not compare). On the same regions, learned features were worth little more than designed ones; R-CNN's authors call it a likely tie. Without regions, FCN labeled each pixel and gained far more. The systems differ in more than the regions, so this is history, not an experiment. Proposals live on, learned by a network: lesson 12.
#
# Where classical parts still work: behind a network, as in section 6; before there are labels; where pictures are so regular that two numbers do, like the coins.
#
# ## 9 · What people get wrong
# - **"R-CNN made its proposals with CPMC."** Section 8: detection used selective search; CPMC regions served its segmentation experiments.
# - **"The watershed finds the objects."** It finds one region per marker. Section 2: one dent, one region more; section 7: markers on a lattice are no better than a grid.
# - **"A min cut without seeds finds the object."** Section 4: it takes a single pixel.
# - **"The count is right, so the objects are."** The next cell: Otsu finds exactly as many coins as there are, and one of them is not a coin.
# - **"Mean shift needs no parameter, since it finds the number of clusters."** Section 5: the bandwidth decides it.
# - **"Classical methods need no labels."** Section 6: their numbers were chosen on labels, and fail on other pictures until chosen again.

# %%
pieces, count = ops.connected_components(photographs.coin_mask(coins, "Otsu"))
sizes = pieces.flatten().bincount()[1:]
print(f"{count} components; in the median {sizes.median()} pixels, at most {sizes.max()}")
tiles = {"24 coins": coins, f"Otsu: {count}": photographs.numbered(coins, pieces)}
plots.show(plots.side_by_side(tiles.values(), tiles), alt="Coins on a ground bright at "
           f"the top left; of {count} components one is that ground with a coin in it.")
assert sizes.max() > 3 * sizes.median()

# %% [markdown] tags=["quiz"]
# ## 10 · Quiz

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "The heights 4 1 5 2 3 0 6 are flooded from every minimum with a drop of at least 2. How many regions?",
            "choices": [
                {"text": "3", "correct": False, "why": "There are three minima (1, 2, 0), but from 2 you climb only to 3 before it goes down to 0: a drop of 1."},
                {"text": "2", "correct": True, "why": "The minimum 1 must climb to 5, the minimum 0 is the lowest; 2 has a drop of 1 and gets no marker."},
                {"text": "1", "correct": False, "why": "That would need a larger threshold: from 1 you climb 4 before you can go down to 0."},
            ],
        },
        {
            "question": "A pixel would pay 2 as object and 5 as background. All four neighbors are background, and a fine is 1. What is it in the cheapest labeling, if the neighbors stay?",
            "choices": [
                {"text": "background", "correct": True, "why": "As object 2 + 4 · 1 = 6, as background 5. Four fines outweigh its own opinion."},
                {"text": "object", "correct": False, "why": "You left out the fines: as object it disagrees with four neighbors and pays 2 + 4 = 6."},
                {"text": "it depends on its brightness", "correct": False, "why": "The brightness has already been turned into the two costs."},
            ],
        },
        {
            "question": "A corner pixel has ties of 0.5 in all. All other pixels have ties of 1000. What is the Ncut of cutting it off?",
            "choices": [
                {"text": "about 0.0005", "correct": False, "why": "That is the second term, 0.5 / 1000. The first one is missing."},
                {"text": "about 1", "correct": True, "why": "0.5 / 0.5 + 0.5 / 1000. All its ties are cut, so its own term is 1: expensive, although the cut is cheap."},
                {"text": "0.5", "correct": False, "why": "That is the plain cut. Ncut divides it by the association of each side."},
            ],
        },
        {
            "question": "You double both bandwidths of a mean shift. The number of regions will most likely",
            "choices": [
                {"text": "fall", "correct": True, "why": "A wider window smooths the density, so modes merge. Section 5: from 4 px and 10 to 8 px and 20."},
                {"text": "double", "correct": False, "why": "A wider window sees more points, and nearby modes become one."},
                {"text": "stay, since mean shift finds the true number", "correct": False, "why": "There is no true number; the bandwidth says at which scale you look."},
            ],
        },
        {
            "question": "A paper reports that its 400 regions per picture, named by an oracle, reach an mIoU of 0.75. What do you ask first?",
            "choices": [
                {"text": "what a blind grid of 400 regions reaches", "correct": True, "why": "In section 7 a grid of about 160 rectangles already has 0.65, and more regions only help the oracle."},
                {"text": "how the regions were named", "correct": False, "why": "By the truth: that is what the oracle is. It is an upper bound, not a result."},
                {"text": "whether a network would be faster", "correct": False, "why": "Perhaps. But first find out whether the number means anything at all."},
            ],
        },
    ]
)

# %% [markdown] tags=["summary"]
# ## 11 · Summary
# - **Watershed**: one region for each marker. Markers with a drop of at least $h$ keep it from over-segmenting; the distance map splits roundish objects at their necks.
# - **Graph cut**: for two labels, own costs and fines between neighbors, the cheapest labeling is a smallest cut, found by a largest flow. Exact, and only as right as the costs.
# - **Normalized cut** divides a cut by what each side holds; a second eigenvector approximates it. It likes halves.
# - **Mean shift** climbs to modes of a density in color and position; the bandwidth decides how many there are.
# - None has names. Each has a number that must be chosen for each kind of picture. Behind a network's foreground, the watershed still pays.
#
# **Glossary:** **marker**, **over-segmentation**, **h-maxima**, **energy**, **graph cut**, **seed pixels**, **normalized cut**, **mode**, **bandwidth**, **object F1**, **proposal**
#
# Back to the core path: lesson 04 takes the scores apart, lesson 08 sets border weights against the watershed.

# %% [markdown] tags=["references"]
# ## References
# - [@Watershed] flooding, made fast
# - [@GraphCut] seeds, color costs, contrast weights
# - [@NCut] normalized cut and its eigenvector
# - [@MeanShift] mean shift in color and position
# - [@CPMC], [@SelectiveSearch] proposals; [@RCNN] what a network made of them
