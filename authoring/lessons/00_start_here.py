# %% [markdown] tags=["title"]
# # 00 · Start here
# **Does my machine work, do I know enough, and where does this course go?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | Does my machine work, do I know enough, and where does this course go? |
# | **Time** | 45 minutes of reading, 1 minute of running |
# | **Prerequisites** | Python, a first contact with PyTorch tensors; convolution, pooling and backpropagation as in any first course on deep learning (section 3 tests it) |
# | **You will be able to** | run every lesson; say what semantic, instance and panoptic truth are; write a training loop by hand, so that `fit` hides nothing from you; read a table with mean ± sd and ask for its base rate |
#
# Run a cell with **Shift+Enter**, or everything with *Run → Run All Cells*. Nothing here needs the network or a GPU.

# %%
import torch

from course_lib import checks, datasets, doctor, evidence, plots, training, widgets
from course_lib.experiments import street_unet

doctor.report();

# %% [markdown]
# Each line above says *ok*, or *warning* with what to do. A warning rarely stops you here; `python start.py doctor` shows the same list in a terminal.
#
# ## 1 · What it is about
# One picture, and three ways to write down what is in it. What people (or here: the program that drew the picture) say is there is called the **truth** or *annotation*.
#
# - **Semantic**: every pixel has a class. Two cars that touch are one blob. A car that asks "where can I drive?" needs no more.
# - **Instance**: a set of masks, one per object. The sky is in none of them. Whoever counts cells needs this.
# - **Panoptic**: every pixel has a class and, if it belongs to something countable, the number of the object. A robot that must not hit any of three people wants both.
#
# Countable classes are **things** (car, person, boat); the others are **stuff** (sky, building, tree, grass, road, water).
#
# Below the truth stands what a small network makes of the picture: a U-Net (lesson 08 builds it), trained for the course. Its weights ship in a file, a **checkpoint**. It learned from 600 drawn
# scenes, `train`. We judge it on 100 others, the **validation set** `val`, which it has never seen.

# %%
train, val = street_unet.scenes()
model = street_unet.pretrained()
image, target = val[3]
prediction = training.predict(model, image)
plots.show(
    plots.tasks(image, target, val),
    alt="A street scene; its classes; its objects, numbered; and both together, where objects of one class have different shades.",
)
plots.show(
    plots.difference(prediction, target["semantic"], val.classes, val.colors),
    alt="The network's prediction beside the semantic truth, and a third panel in which the pixels that differ are hatched.",
)
print(f"{len(train)} scenes to learn from, {len(val)} to judge by, {sum(p.numel() for p in model.parameters()):,} weights in the network")

# %% [markdown] tags=["predict"]
# ## 2 · Before you look at any score
# **Predict.** An answer that never looks at the picture gives every pixel the most frequent class. Which share of the pixels does it get right, with nine
# classes: about 11 %, about 25 %, or about 50 %? Write your guess down.

# %%
constant = street_unet.MostFrequent(train, 9)
scores = {f"always {val.classes[constant.best]}": training.evaluate(constant, val), "the network": training.evaluate(model, val)}
for name, score in scores.items():
    print(f"{name:20} pixel accuracy {score['accuracy']:.3f}   mIoU {score['miou']:.3f}")

# %% [markdown]
# That first line is a **base rate**. A score means nothing until you know it.
#
# **Pixel accuracy** is the share of right pixels. **IoU**, intersection over union, looks at one class at a time: of all pixels that the truth *or* the prediction calls "car", which share do
# *both* call "car"? **mIoU** is the mean over the classes, so a rare class counts as much as the sky. Check the first line by hand: an answer that is always sky has for the class sky an IoU equal to its
# accuracy (the union is the whole picture), and 0 for the eight other classes. The mean over nine is its accuracy divided by nine. Lesson 04 takes both scores apart.

# %%
for name, iou in zip(val.classes, scores["the network"]["iou"], strict=True):
    print(f"{name:10} {iou:.2f} {'#' * round(40 * iou)}")
base = list(scores.values())[0]
assert abs(base["miou"] - base["accuracy"] / 9) < 1e-6

# %% [markdown]
# ## 3 · Do I know enough?
# Five minutes. From lesson 02 on, these five things are taken for granted. If two or more surprise you, read the chapters on [convolutional networks](https://d2l.ai/chapter_convolutional-neural-networks/index.html) and
# on [backpropagation](https://d2l.ai/chapter_multilayer-perceptrons/backprop.html) of the free book *Dive into Deep Learning* first.

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "A 3×3 convolution with stride 1 and padding 1 takes a 96×96 map with 16 channels to 32 channels. How many weights does it have, not counting the bias?",
            "choices": [
                {"text": "3 · 3 · 16 · 32 = 4608", "correct": True, "why": "One 3×3 kernel for each pair of input and output channel. The map's size does not matter."},
                {"text": "3 · 3 · 32 = 288", "correct": False, "why": "Each output channel looks at all 16 input channels, so each needs 16 kernels."},
                {"text": "96 · 96 · 16 · 32", "correct": False, "why": "A convolution shares its weights over all positions. That is the point of it."},
            ],
        },
        {
            "question": "Four 2×2 max-poolings with stride 2, one after another, take 96×96 to",
            "choices": [
                {"text": "6×6", "correct": True, "why": "Each halves: 96, 48, 24, 12, 6. One value of the small map stands for 16×16 pixels."},
                {"text": "24×24", "correct": False, "why": "That is after two of them: each pooling halves height and width."},
                {"text": "12×12", "correct": False, "why": "That is after three of them: each pooling halves height and width."},
            ],
        },
        {
            "question": "What does `loss.backward()` compute?",
            "choices": [
                {"text": "new weights", "correct": False, "why": "It leaves the weights alone. The optimizer's step changes them."},
                {"text": "the gradient of the loss with respect to every weight", "correct": True, "why": "By the chain rule, from the loss back to the input; it adds to `.grad`, which is why we clear it each step."},
                {"text": "the loss on the next batch", "correct": False, "why": "It looks back, not ahead: from this loss to every weight that had a part in it."},
            ],
        },
        {
            "question": "Two boxes of 2×2 and 2×3 pixels overlap in one pixel. Their IoU is",
            "choices": [
                {"text": "1/9", "correct": True, "why": "Intersection 1, union 4 + 6 - 1 = 9."},
                {"text": "1/10", "correct": False, "why": "You counted the shared pixel twice in the union."},
                {"text": "1/4", "correct": False, "why": "That is the share of the smaller box. IoU divides by the union."},
            ],
        },
        {
            "question": "The training loss falls steadily while the validation loss rises. What is happening?",
            "choices": [
                {"text": "overfitting", "correct": True, "why": "The model learns the training pictures rather than the task. More data, augmentation or an earlier stop help."},
                {"text": "the learning rate is too high", "correct": False, "why": "Then the training loss would not fall steadily."},
                {"text": "the model is too small", "correct": False, "why": "Then the training loss would stay high too."},
            ],
        },
    ]
)

# %% [markdown] tags=["build"]
# ## 4 · A training loop by hand
# Every lesson trains with one function, `training.fit`. So that it hides nothing, here is the loop it stands for. A **batch** is a stack of images
# `(N, 3, H, W)` with values from 0 to 1 and their labels `(N, H, W)`, whole numbers. The label 255 means **void**: nobody says what is here, do not count this pixel. (The drawn scenes have no
# void; real data sets do.)

# %%
images, targets = next(iter(training.batches(train, steps=1, batch_size=16, seed=0)))
print("images", tuple(images.shape), "from", images.min().item(), "to", images.max().item())
print("labels", tuple(targets["semantic"].shape), "with the classes", targets["semantic"].unique().tolist())

# %% [markdown]
# `model.train()` switches layers that work differently in training, such as batch normalization. Then the loop does five things with each batch. It **normalizes** the images, so that the network sees values around 0; mean and spread per color are part of the model. It asks the model for **logits**
# `(N, C, H, W)`, one score per class and pixel. **Cross-entropy** turns them into one number: minus the log of the probability that softmax gives to the right class, averaged over pixels.
# `backward` computes how this number changes with every weight. The optimizer, **AdamW**, changes every weight a little against it, with a step size of its own for each weight, and lets all weights decay slightly.
# The overall step size, the **learning rate**, follows a schedule: small at first, while everything is random; then large; then ever smaller, to settle.

# %%
def train_by_hand(model, dataset, steps, lr=4e-3, seed=0):
    """Train a model for some steps; returns the loss of every step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)
    losses = []
    model.train()                                                      # e.g. batch normalization
    for step, (images, targets) in enumerate(training.batches(dataset, steps, batch_size=16, seed=seed)):
        for group in optimizer.param_groups:
            group["lr"] = training.one_cycle(step, steps, lr)          # the schedule; this is where PyTorch keeps the rate
        images = (images - model.mean.view(3, 1, 1)) / model.std.view(3, 1, 1)
        logits = model(images)                                         # (N, C, H, W)
        loss = torch.nn.functional.cross_entropy(logits, targets["semantic"], ignore_index=255)
        optimizer.zero_grad()                                          # backward adds to .grad: clear it first
        loss.backward()                                                # the gradient of the loss for every weight
        optimizer.step()                                               # a small step against it
        losses.append(loss.item())
    return losses

# %% [markdown]
# **Predict.** Before the first step the network knows nothing about the nine classes. Roughly which loss do you expect: 0.1, 2, or 9?

# %%
by_hand = street_unet.build(seed=0)
losses = train_by_hand(by_hand, train, steps=60)
last = sum(losses[-10:]) / 10                                          # one batch is noisy: the mean of ten
print(f"first loss {losses[0]:.2f}, log 9 = {torch.tensor(9.0).log():.2f}, last ten {last:.2f}")
assert last < 0.75 * losses[0]

# %% [markdown] tags=["prove"]
# Knowing nothing means nine equal probabilities, and minus the log of 1/9 is the log of 9. Random weights are not exactly undecided, they prefer some class by chance, and pay a little more.
#
# The library's `fit` is this loop, plus a progress bar, checkpoints, mixed precision and several GPUs. Same seed (the number that fixes all random
# choices), same batches, same losses. We ask for the processor, `device="cpu"`, because a GPU would compute in lower precision and agree less exactly:

# %%
by_fit = street_unet.build(seed=0)
history = training.fit(by_fit, train, steps=60, seed=0, device="cpu")
print(f"largest difference of the losses: {max(abs(a - b) for a, b in zip(losses, history.loss, strict=True)):.1e}")
torch.testing.assert_close(torch.tensor(losses), torch.tensor(history.loss), atol=1e-5, rtol=1e-5)

# %% [markdown] tags=["break"]
# ### The knob that breaks it
# **Predict.** So far the learning rate was 0.004. What happens in the first twelve steps at a hundred times that, and at ten thousand times?

# %%
for lr in (0.004, 0.4, 40.0):
    wild = train_by_hand(street_unet.build(seed=0), train, steps=12, lr=lr)
    print(f"learning rate {lr:<6}  first loss {wild[0]:.2f}  highest {max(wild):6.2f}  last {wild[-1]:6.2f}")
assert max(wild) > 2 * losses[0]                                       # at 40 the steps overshoot

# %% [markdown]
# Too large a step jumps over the valley, and the loss climbs above that of knowing nothing. The middle rate may look fine here, even better than the small one. Do not choose by twelve steps: a rate is chosen by the
# validation score after the whole training. Change the list and look for the edge yourself.

# %% [markdown] tags=["measure"]
# ## 5 · How much does training buy?
# Your network has seen 60 batches, the shipped one 1500 of the same data. Such variants of one experiment are called **arms**. Every lesson measures like this: two arms run in front of you; beside them
# stands a table made earlier with the same code, which ships with the course. It has three runs of each arm, with three seeds: other random weights, another order of the data. **mean ± sd** over them tells
# how much luck is in a number. `agrees` checks that your live value fits the table.

# %%
short = training.evaluate(by_fit, val)
print(f"60 steps:   accuracy {short['accuracy']:.3f}, mIoU {short['miou']:.3f}")
print(f"1500 steps: accuracy {scores['the network']['accuracy']:.3f}, mIoU {scores['the network']['miou']:.3f}")
print(evidence.agrees("00_street_unet", "60 steps", "miou", short["miou"]))
assert base["miou"] + 0.1 < short["miou"] < scores["the network"]["miou"] - 0.1

# %%
evidence.table("00_street_unet", {"accuracy": "pixel accuracy", "miou": "mIoU"})

# %% [markdown]
# Now use the base rate. After 60 steps 0.635 of the pixels are right, on average over the seeds; that sounds like two thirds of the way. But an answer that never looks gets 0.227, and the mIoU of 0.270 says more: the large classes were learned first,
# some of the small ones not at all. Print `short["iou"]` beside `val.classes` to see which.
#
# What this does not prove: the scenes are drawn by a program, so they are all of one kind. On photographs the same network is lost. See for yourself.

# %% [markdown] tags=["real"]
# ## 6 · The real thing, and your own ten photographs
# Put ten of your photographs into a folder; they come back in many lessons. `datasets.Photographs("path/to/folder")` reads them, and if you set the environment variable `COURSE_PHOTOS` to that path before you start
# the course, every lesson finds them. Until then ten pictures that ship with scikit-image stand in.

# %%
photos = datasets.Photographs()
shown = []
for i in range(0, len(photos), max(1, len(photos) // 4)):
    photo = photos[i][0]
    side = min(photo.shape[1:])
    photo = torch.nn.functional.interpolate(photo[None, :, :side, :side], size=(96, 96), mode="bilinear", antialias=True)[0]
    labels = training.predict(model, photo)
    most = labels.flatten().bincount(minlength=9).argsort(descending=True)[:3]
    shown += [(photo, photos.names[i]), (plots.overlay_rgb(photo, labels, val.colors), "it says: " + ", ".join(val.classes[c] for c in most))]
images, titles = zip(*shown[:8], strict=True)
plots.show(
    plots.contact_sheet(images, titles, columns=4),
    alt="Four photographs, each beside the same picture tinted with the classes the network predicts; the title names the three it predicts most.",
)

# %% [markdown]
# It labels every pixel, since it has no way to say "I do not know", and it is confidently wrong. Networks that do work on photographs have seen photographs: many thousands labeled by hand, most on top of an encoder trained
# on a million pictures. Here are four published scores. Read the columns rather than the values: data set, split, metric and extras differ from row to row, so no row may be compared with another. (*AP* judges instance
# masks, lesson 13; *PQ* panoptic maps, lesson 14.) In this course no published number stands without these columns.

# %%
evidence.published("fcn8s-voc11-test", "deeplabv3plus-r101-voc-val-os16", "maskrcnn-r50fpn-coco-minival", "panopticfpn-r50-coco-val")

# %% [markdown]
# Real data enters a lesson through one line. If you have the CamVid street pictures, the next cell shows one; otherwise it says how to get them and shows a drawn scene.

# %%
street = datasets.real_or_generated("camvid", val, split="val")
image, target = street[0]
plots.show(plots.overlay(image, target["semantic"], street.classes, street.colors), alt="A street picture tinted with its true classes.")

# %% [markdown]
# ## 7 · How the course works
# - **Lessons** ask, let you predict, build, prove, break and measure. Your copies in `work/` are yours: edit them, break them. `python start.py reset 00` gives you a fresh one and keeps yours.
# - **Exercises** have four to seven questions. `check(1, your_answer)` says what fails, on which input and often why. Your best points are kept in a progress file on your machine. Colab's machines vanish: there `from course_lib.grading import scorebook` and `scorebook.export()` download it, `scorebook.import_()` brings it back.
# - **Profiles** change sizes and steps, never the story: `laptop`, `gpu`, `full`. The course picks one; the environment variable `COURSE_PROFILE` overrules it.
# - **Notation**, the same everywhere:
#
# | name | shape | meaning |
# |---|---|---|
# | `images` | (N, 3, H, W) float, 0 to 1 | a batch of pictures |
# | `logits` | (N, C, H, W) float | class scores, before softmax |
# | `semantic` | (N, H, W) int64 | class per pixel, 255 = void |
# | `masks` | (M, H, W) bool | one mask per object |
# | `boxes` | (M, 4) float | x1 y1 x2 y2 in pixels, x2 and y2 just outside |
# | `panoptic` | (H, W) int64 | class · 1000 + number of the object: object 2, a car (class 6), is 6002; all grass (class 3) is 3000; void is 255000 |

# %% [markdown] tags=["misconceptions"]
# ## 8 · What people get wrong
# - **"90 % of the pixels are right, so it works."** The next cell builds a prediction that is right on most pixels and finds no object at all.
# - **"Instance segmentation labels every pixel."** The sky is in no mask. The next cell counts the pixels that are in none.
# - **"A larger learning rate learns faster."** Section 4, *The knob that breaks it*: up to a point; beyond it the loss climbs.

# %%
image, target = val[3]
blind = target["semantic"].clone()
is_thing = torch.isin(blind, torch.tensor(sorted(val.things)))
blind[is_thing] = val.classes.index("road")                            # every car, person and boat becomes road
print(f"accuracy without a single object: {(blind == target['semantic']).float().mean():.0%}")
print(f"pixels in no instance mask:       {1 - target['masks'].any(0).float().mean():.0%}, the same pixels: all those of stuff")
assert (blind == target["semantic"]).float().mean() > 0.8 and target["masks"].any(0).float().mean() < 0.5

# %% [markdown] tags=["quiz"]
# ## 9 · Quiz

# %% jupyter={"source_hidden": true}
widgets.quiz(
    [
        {
            "question": "Two parked cars touch. In which format can you count them?",
            "choices": [
                {"text": "semantic", "correct": False, "why": "Both are one blob of the class car."},
                {"text": "instance and panoptic", "correct": True, "why": "Both give each car its own mask or number."},
                {"text": "only instance", "correct": False, "why": "The panoptic map numbers the things too."},
            ],
        },
        {
            "question": "A model reaches 80 % pixel accuracy. What do you ask first?",
            "choices": [
                {"text": "what its mIoU is", "correct": False, "why": "A good second question. But you cannot judge that number either without the score of an answer that never looks."},
                {"text": "what an answer without looking would reach", "correct": True, "why": "If one class covers 80 % of the pixels, the model may have learned nothing."},
                {"text": "which learning rate it used", "correct": False, "why": "A score is judged against a base rate and against other models, not against its recipe."},
            ],
        },
        {
            "question": "A network for 100 classes prints a first loss of 46. What do you suspect?",
            "choices": [
                {"text": "nothing, the loss is large because there are many classes", "correct": False, "why": "Knowing nothing costs the log of 100, about 4.6."},
                {"text": "a bug, for instance weights that start far too large", "correct": True, "why": "It is ten times the loss of knowing nothing: the network is confidently wrong before it has learned anything."},
                {"text": "overfitting", "correct": False, "why": "Before the first step there is nothing to overfit with."},
            ],
        },
        {
            "question": "What does ± mean in the tables of this course?",
            "choices": [
                {"text": "how much runs with other seeds differ", "correct": True, "why": "The standard deviation over the same code with other random weights and another order of the data."},
                {"text": "the measuring error of one run", "correct": False, "why": "One hundred pictures are a sample too, but that uncertainty is another one; lesson 04 adds it."},
                {"text": "the difference between training and validation", "correct": False, "why": "The course's own tables report validation scores only."},
            ],
        },
        {
            "question": "A label of 255 at a pixel means",
            "choices": [
                {"text": "the class number 255", "correct": False, "why": "No data set here has so many classes, which is why the largest 8-bit number was free for another meaning."},
                {"text": "white", "correct": False, "why": "Labels are not colors."},
                {"text": "void: left out of the loss and of the scores", "correct": True, "why": "Nobody knows or agrees what is there, so nobody is judged on it."},
            ],
        },
    ]
)

# %% [markdown] tags=["summary"]
# ## 10 · Summary, and where to go
# - Three tasks: semantic, instance, panoptic. Things are counted, stuff is not.
# - Training is a loop of batch, loss, gradient, step. `fit` is that loop.
# - No score without its base rate, its split and its seeds.
#
# **Glossary:** **semantic segmentation**, **instance segmentation**, **panoptic segmentation**, **things**, **stuff**, **batch**, **logits**, **cross-entropy**, **base rate**, **pixel accuracy**, **IoU**, **mIoU**, **validation set**, **void**, **checkpoint**, **profile**
#
# The **core path** has ten lessons, about 20 hours with exercises: 00, 01, 02, 03, 04, 06, 08, 10, 13, 14. The rest deepens it. The README's
# table says which lessons are there already. **Next:** lesson 01, or 02 if you know the three tasks. Your progress so far:

# %%
checks.course_table()

# %% [markdown] tags=["references"]
# ## References
# - [@Kirillov2019PS] the panoptic task, things and stuff
# - [@FCN] the network that started end-to-end pixel prediction with convolutions
# - [@UNet] the architecture of the small network above
