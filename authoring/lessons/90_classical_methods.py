# %% [markdown] tags=["title"]
# # 90 · Classical methods
# **What could one do without training, and what of it is still in use?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | Before networks, pictures were cut with water, graphs and densities. What do these methods do well, where must they fail, and where do they still work beside a network? |
# | **Time** | 60 minutes of reading, 1 minute of running |
# | **Prerequisites** | lessons 00 and 01 (connected components, oracle). A side lesson: nothing later needs it, and it has no exercise |
# | **You will be able to** | flood a height map and find the cheapest cut of a small graph on paper; say why a plain cut takes single pixels; follow a mean-shift walk; choose the number that each method needs; say what a network adds to them, and they to a network |

# %%
import heapq
import itertools
from collections import deque

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from scipy import linalg, ndimage, sparse
from scipy.sparse.csgraph import maximum_flow
from skimage import color, data, filters, morphology, segmentation
from torch.testing import assert_close

from course_lib import datasets, evidence, ops, plots, widgets
from course_lib.experiments import classical_cells, classical_regions

torch.manual_seed(0);

# %% [markdown]
# ## 1 · Four ideas, no training
# A classical method gets a picture and a few numbers. Nobody labels anything, nothing is learned. Here are four ideas, on photographs that ship with scikit-image: let **water** rise; find the **cheapest cut**; find a **balanced cut**; let every pixel **walk** uphill to where pixels are dense.

# %%
def photo(name, width):
    """A photograph of scikit-image, so many pixels wide: (3, H, W) float in [0, 1]."""
    picture = Image.fromarray(getattr(data, name)()).convert("RGB")
    size = width, round(width * picture.height / picture.width)
    pixels = np.array(picture.resize(size, Image.Resampling.BOX))
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


def painted(image, regions):
    """The picture with each region in its mean color: (3, H, W)."""
    pixels = image.permute(1, 2, 0).numpy()
    mean = color.label2rgb(regions.numpy(), pixels, kind="avg", bg_label=-1)
    return torch.from_numpy(mean).permute(2, 0, 1)


def brushed(size, thing, *background):
    """Seeds (H, W): 1 in the first box, 0 in the others, -1 elsewhere. Boxes: top, left, bottom, right."""
    seeds = torch.full(size, -1)
    for value, boxes in ((1, [thing]), (0, background)):
        for top, left, bottom, right in boxes:
            seeds[top:bottom, left:right] = value
    return seeds

# %%
coins, cat, coffee = photo("coins", 192), photo("cat", 160), photo("coffee", 160)
light = ndimage.gaussian_filter(coins.mean(0).numpy(), 1)
local = light > filters.threshold_local(light, 71, offset=-0.02)
local = ndimage.binary_fill_holes(ndimage.binary_opening(local, iterations=2))
water = ops.split_touching(torch.from_numpy(local), h=1.0, blur=1.0)

cat_seeds = brushed(cat.shape[1:], (15, 25, 95, 95), (32, 136, 95, 160), (0, 0, 53, 5))
cheapest = ops.graph_cut(
    ops.color_costs(cat, cat_seeds), *(16 * w for w in ops.contrast_weights(cat))
)
tiny = photo("astronaut", 24)
links = ops.affinity(tiny, color=0.12)
balanced = ops.best_split(links, ops.normalized_cut(links)[1][:, 1]).view(tiny.shape[1:])
balanced = balanced if balanced.float().mean() < 0.5 else ~balanced    # either side may be called True
walked = segmentation.quickshift(coffee.permute(1, 2, 0).numpy(), ratio=0.5, kernel_size=3, max_dist=12, rng=0)

# %%
sheet = {
    "water: 24 coins?": torch.from_numpy(
        color.label2rgb(water.numpy(), coins.permute(1, 2, 0).numpy(), bg_label=0)
    ).permute(2, 0, 1),
    "cheapest cut: the cat": torch.where(cheapest, cat, 0.8 + 0.2 * cat),
    "balanced cut: two parts of 24×24 pixels": torch.where(balanced, tiny, 0.75 + 0.25 * tiny),
    "walk uphill: regions of one color": painted(coffee, torch.from_numpy(walked)),
}
plots.show(
    plots.contact_sheet(list(sheet.values()), list(sheet), columns=2),
    alt=f"Coins, each in a color of its own, {water.max()} regions; a cat cut out of its background; "
    f"a coarse astronaut of whom the dark helmet is set apart; a cup in {walked.max() + 1} flat patches.",
)

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
    heapq.heapify(shore)                               # a queue that gives its smallest entry
    order = itertools.count(len(shore))
    while shore:
        level, _, (i, j) = heapq.heappop(shore)        # the lowest pixel; of equals, the first
        for p in ((i - 1, j), (i, j - 1), (i, j + 1), (i + 1, j)):
            if 0 <= p[0] < rows and 0 <= p[1] < columns and labels[p] == 0:
                labels[p] = labels[i, j]
                higher = max(level, height[p].item())  # water that has risen does not sink
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
height = torch.tensor([
    [9, 9, 9, 9, 9, 9, 9, 9],
    [9, 3, 4, 7, 2, 4, 5, 9],
    [9, 1, 3, 6, 4, 3, 3, 9],
    [9, 2, 4, 8, 5, 2, 0, 9],
    [9, 9, 9, 9, 9, 9, 9, 9],
])
pits, drop = ops.peaks(-height)                        # a pit of the map is a peak of its negative
print("pits", [height[i, j].item() for i, j in pits], "drops", drop.tolist())
assert drop.tolist() == [9, 5, 1]                      # nothing is lower than 0: down from 9
for h in (1, 2):
    markers = torch.zeros_like(height)
    for number, (i, j) in enumerate(pits[drop >= h], 1):
        markers[i, j] = number
    ours = flood(height, markers)
    assert_close(ours, torch.from_numpy(segmentation.watershed(height.numpy(), markers.numpy())))
    assert_close(ours, ops.watershed(height, markers))
    print(f"drop of at least {h}: {ours.max()} regions")
    assert ours.max() == {1: 3, 2: 2}[h] == morphology.h_minima(height.numpy(), h).sum()

# %% [markdown]
# One shallow dent was enough for a region of its own. Real pictures have hundreds: the watershed of all minima **over-segments**. Keeping only minima with a drop of at least $h$ (*h-minima*; of a map turned upside down, *h-maxima*) is the usual cure. It has a price: you must choose $h$.
#
# The best known use is **touching objects**. Lesson 01 closed the lines between drawn nuclei, and components could no longer count them. Take the distance of every foreground pixel to the background. Each roundish nucleus is a hill, each neck between two a pass. Turn the map over, and flood.

# %%
cells = datasets.Cells(32, 96, seed=0)
image, target = cells[19]
masks = target["masks"].as_subclass(torch.Tensor)
closed = ndimage.binary_closing(masks.any(0).numpy(), np.ones((3, 3)))
distance = torch.from_numpy(ndimage.distance_transform_edt(closed))
clump = torch.from_numpy(closed)
pieces = {h: ops.split_touching(clump, h) for h in (0.1, 1.0)}
number = lambda labels: color.label2rgb(labels.numpy(), image.permute(1, 2, 0).numpy(), bg_label=0)
tiles = [image, distance / distance.max(), *(torch.from_numpy(number(p)).permute(2, 0, 1) for p in pieces.values())]
titles = [f"{len(masks)} nuclei", "distance to the background", *(f"h = {h} px: {p.max()} regions" for h, p in pieces.items())]
plots.show(
    plots.contact_sheet(tiles, titles),
    alt=f"A micrograph with {len(masks)} nuclei, its distance map with a hill for each, and two "
    f"watersheds: {pieces[0.1].max()} regions at h = 0.1, {pieces[1.0].max()} at h = 1.",
)

# %% [markdown] tags=["see"]
# **Push it.** Move $h$, and let the water rise. *Merged* nuclei share a region, *cut* ones lost a fifth or more to a second one. Is there one $h$ that is right for every nucleus? Find the best you can and note how many are right. Which nuclei are wrong there, and what do they look like in the distance map?

# %%
widgets.watershed_explorer(clump, truth=masks)

# %%
truth = [target["panoptic"].numpy() % 1000]
best = {}
for blur, h in itertools.product((0.0, 1.0), (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)):
    found = ops.split_touching(clump, h, blur).numpy()
    figures = classical_cells.score([found], truth)
    best[blur] = max(best.get(blur, (0, 0, 0)), (figures["f1"], h, int(found.max())))
for blur, (f1, h, count) in best.items():
    print(f"distance blurred by {blur} px: best at h = {h}, {count} regions, F1 {f1:.2f}")
assert max(best.values())[0] < 0.95

# %% [markdown]
# No. (**F1** is the score of section 6: 1 is every nucleus found and nothing else.) A small $h$ cuts long and ragged nuclei, a large one merges those whose neck is wide; here the two overlap, so no $h$ separates them. A second cure helps a little: a distance map of pixels has many tiny and *equal* tops, and a blur of one pixel removes them.
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

# %% [markdown]
# At 8, when the center of each is still at the other's edge. The brightness may show a border between them; the mask does not have it any more. What the foreground loses, the water cannot find.

# %% [markdown] tags=["predict"]
# ## 3 · Graph cut: the cheapest labeling
# Now each pixel must be *object* or *background*. Write down what that costs. Every pixel pays for its own label. Every two neighbors with different labels pay a fine. The sum is the **energy**. A small example: nine brightnesses from 0 to 10. A pixel of brightness $v$ pays $10 - v$ as object and $v$ as background; the fine is 3.
#
# **Predict.** The middle pixel has brightness 3: alone it would be background. Its neighbors above, below and on the left are 9. What is it in the cheapest labeling?

# %%
bright = torch.tensor([[8, 9, 1], [9, 3, 1], [8, 9, 2]])
costs = torch.stack([bright, 10 - bright]).double()    # (2, 3, 3): as background, as object
fine = torch.full((3, 2), 3.0), torch.full((2, 3), 3.0)    # to the right, downward
every = [torch.tensor(bits).view(3, 3) for bits in itertools.product((False, True), repeat=9)]
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
    """room (n, n): what each pipe can carry -> (flow, nodes that the source still reaches)."""
    room, flow, paths = room.clone(), 0.0, 0
    while True:
        came_from, queue = {source: None}, deque([source])
        while queue:                                   # search the shortest path with room
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
pipes = torch.zeros(11, 11)                            # pixels 0 to 8, source 9, sink 10
pipes[9, :9], pipes[:9, 10] = costs[0].flatten(), costs[1].flatten()
for i, j in itertools.product(range(3), range(3)):
    for a, b in ((i, j + 1), (i + 1, j)):
        if a < 3 and b < 3:
            pipes[3 * i + j, 3 * a + b] = pipes[3 * a + b, 3 * i + j] = 3.0
flow, reached = pump(pipes, 9, 10)
object_side = torch.tensor([p in reached for p in range(9)]).view(3, 3)
print(f"flow {flow:.0f}, cheapest labeling {lowest:.0f}")
assert flow == lowest == maximum_flow(sparse.csr_array(pipes.int().numpy()), 9, 10).flow_value
assert torch.equal(object_side, cheapest) and torch.equal(ops.graph_cut(costs, *fine), cheapest)

# %% [markdown]
# From here on `ops.graph_cut`, which leaves the pumping to SciPy. On a photograph [@GraphCut] take the costs from a user's brush strokes, the **seeds**: a pixel pays minus the log of how frequent its color is among the seeds of that label. The fine between neighbors is $\lambda$ times a weight that falls where the picture changes, so that cuts prefer edges.
#
# **Predict.** What do $\lambda = 0$ and a very large $\lambda$ do?

# %%
own = ops.color_costs(cat, cat_seeds)
weights = ops.contrast_weights(cat)
tinted = torch.where(cat_seeds == 1, 0.5 * cat + 0.5 * torch.tensor([0.0, 0.6, 0.4]).view(3, 1, 1), cat)
tinted = torch.where(cat_seeds == 0, 0.5 * cat + 0.5 * torch.tensor([0.9, 0.6, 0.0]).view(3, 1, 1), tinted)
tiles, parts = {"seeds: green cat, orange not": tinted}, {}
for strength in (0, 4, 16):
    labels = ops.graph_cut(own, *(strength * w for w in weights))
    parts[strength] = ops.connected_components(labels)[1]
    tiles[f"λ = {strength}: {parts[strength]} pieces"] = torch.where(labels, cat, 0.8 + 0.2 * cat)
plots.show(
    plots.contact_sheet(list(tiles.values()), list(tiles)),
    alt=f"A cat with seeds, and cut out with three fines: {parts[0]} ragged pieces without a fine, "
    f"{parts[4]} with 4, {parts[16]} with 16.",
)
assert parts[0] > 20 * parts[16]

# %% [markdown]
# Without a fine each pixel decides alone, in hundreds of pieces. With a large one only the shortest borders remain. For two labels the cut is *exact*: no other labeling is cheaper. But cheapest is not the same as right. Here is a cup:

# %% tags=["break"]
cup_seeds = brushed(coffee.shape[1:], (80, 64, 96, 96), (0, 0, 12, 60), (86, 0, 107, 14), (0, 140, 107, 160))
for top, left, bottom, right in ((58, 112, 64, 122), (42, 30, 62, 40), (10, 62, 13, 88)):
    cup_seeds[top:bottom, left:right] = 1              # saucer and rim belong to the cup too
own, weights = ops.color_costs(coffee, cup_seeds), ops.contrast_weights(coffee)
drink, shadow = (slice(32, 42), slice(66, 84)), (slice(101, 107), slice(45, 85))
tiles, shares = {}, {}
for strength in (0, 4, 16, 64, 256):
    labels = ops.graph_cut(own, *(strength * w for w in weights))
    shares[strength] = [labels[place].float().mean().item() for place in (drink, shadow)]
    tiles[f"λ = {strength}"] = torch.where(labels, coffee, 0.8 + 0.2 * coffee)
    print(f"λ = {strength:3}: of the coffee {shares[strength][0]:4.0%}, of the shadow {shares[strength][1]:4.0%}")
plots.show(
    plots.contact_sheet([coffee, *list(tiles.values())[2:]], ["the cup", *list(tiles)[2:]]),
    alt="A cup of coffee on a table, cut out with three fines: as the fine grows, "
    + ", ".join(f"{shares[k][0]:.0%} of the coffee and {shares[k][1]:.0%} of the shadow" for k in (16, 64, 256))
    + " count as cup.",
)
assert not any(coffee_in > 0.9 and shadow_in < 0.1 for coffee_in, shadow_in in shares.values())
