# %% [markdown] tags=["title"]
# # 00 · Start here
# **Does my machine work, do I know enough, and where does this course go?**

# %% [markdown] tags=["card"]
# | | |
# |---|---|
# | **Question** | Does my machine work, do I know enough, and where does this course go? |
# | **Time** | 30 minutes of reading, 1 minute of running |
# | **Prerequisites** | Python, a first contact with PyTorch tensors, what a convolution layer is |
# | **You will be able to** | run every lesson; say what semantic, instance and panoptic truth are; write a training loop by hand, so that `fit` hides nothing from you; read the course's tables |
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
# One picture, three kinds of truth, and what a small network makes of it. The network was trained for the course and ships with it.
#
# - **Semantic**: every pixel has a class. Two cars that touch are one blob.
# - **Instance**: a set of masks, one per object. The sky is in none of them.
# - **Panoptic**: every pixel has a class and, if it belongs to something countable, the number of the object.
#
# Countable classes are **things** (car, person, boat); the others are **stuff** (sky, road, water).

# %%
train, val = street_unet.scenes()
model = street_unet.pretrained()
image, target = val[3]
prediction = training.predict(model, image)
plots.show(plots.tasks(image, target, val), alt="A street scene with its semantic, instance and panoptic truth, each in its own colors.")
plots.show(
    plots.difference(prediction, target["semantic"], val.classes, val.colors),
    alt="The network's prediction beside the semantic truth; the errors are thin lines along the borders and some small objects.",
)

# %% [markdown] tags=["predict"]
# ## 2 · Before you look at any score
# **Predict.** An answer that never looks at the picture gives every pixel the most frequent class. Which share of the pixels does it get right, with nine
# classes: about 11 %, about 25 %, or about 50 %? Write your guess down.

# %%
scores = {"most frequent class": training.evaluate(street_unet.MostFrequent(train, 9), val), "the network": training.evaluate(model, val)}
for name, score in scores.items():
    print(f"{name:20} pixel accuracy {score['accuracy']:.3f}   mIoU {score['miou']:.3f}")

# %% [markdown]
# That first line is a **base rate**. A score means nothing until you know it. **Pixel accuracy** is the share of right pixels. **IoU** looks at one class at a
# time: of all pixels that the truth *or* the prediction calls "car", which share do both call "car"? **mIoU** is the mean over classes, so a small class
# counts as much as the sky. Lesson 04 takes both apart.

# %%
for name, iou in zip(val.classes, scores["the network"]["iou"], strict=True):
    print(f"{name:10} {iou:.2f} {'#' * round(40 * iou)}")

# %% [markdown]
# ## 3 · Do I know enough?
# Five minutes. If an explanation surprises you, follow its pointer before lesson 02; nothing here is needed for lesson 01.

# %%
widgets.quiz(
    [
        {
            "question": "A 3×3 convolution with stride 1 and padding 1 takes a 96×96 map with 16 channels to 32 channels. How many weights has it, without bias?",
            "choices": [
                {"text": "3 · 3 · 16 · 32 = 4608", "correct": True, "why": "One 3×3 kernel for each pair of input and output channel. The map's size does not matter."},
                {"text": "3 · 3 · 32 = 288", "correct": False, "why": "Each output channel looks at all 16 input channels. Pointer: the PyTorch page of `torch.nn.Conv2d`, its groups argument."},
                {"text": "96 · 96 · 16 · 32", "correct": False, "why": "A convolution shares its weights over all positions. That is the point of it."},
            ],
        },
        {
            "question": "Four 2×2 max-poolings with stride 2, one after another, take 96×96 to",
            "choices": [
                {"text": "6×6", "correct": True, "why": "Each halves: 96, 48, 24, 12, 6. The output stride is 16."},
                {"text": "24×24", "correct": False, "why": "That is after two of them."},
                {"text": "12×12", "correct": False, "why": "That is after three of them."},
            ],
        },
        {
            "question": "What does `loss.backward()` compute?",
            "choices": [
                {"text": "new weights", "correct": False, "why": "It leaves the weights alone. The optimizer's step changes them."},
                {"text": "the gradient of the loss with respect to every weight", "correct": True, "why": "By the chain rule, from the loss back to the input; it adds to `.grad`, which is why we clear it each step."},
                {"text": "the gradient of every weight with respect to the loss", "correct": False, "why": "The other way round: how the loss changes when a weight does."},
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
            "question": "The training loss falls and the validation loss rises. What happens?",
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
# `(N, 3, H, W)` with values from 0 to 1 and their labels `(N, H, W)`, whole numbers; 255 means *void*, do not count this pixel. The model gives **logits**
# `(N, C, H, W)`: one score per class and pixel. **Cross-entropy** is minus the log of the probability that softmax gives to the right class, averaged over pixels.

# %%
images, targets = next(iter(training.batches(train, steps=1, batch_size=16, seed=0)))
print("images", tuple(images.shape), "from", images.min().item(), "to", images.max().item())
print("labels", tuple(targets["semantic"].shape), "with the classes", targets["semantic"].unique().tolist())

# %%
def train_by_hand(model, dataset, steps, lr=4e-3, seed=0):
    """Train a model for some steps; returns the loss of every step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)
    losses = []
    model.train()
    for step, (images, targets) in enumerate(training.batches(dataset, steps, batch_size=16, seed=seed)):
        for group in optimizer.param_groups:
            group["lr"] = training.one_cycle(step, steps, lr)          # warm up, then cool down
        images = (images - model.mean.view(3, 1, 1)) / model.std.view(3, 1, 1)
        logits = model(images)                                         # (N, C, H, W)
        loss = torch.nn.functional.cross_entropy(logits, targets["semantic"], ignore_index=255)
        optimizer.zero_grad()
        loss.backward()                                                # the gradient of the loss for every weight
        optimizer.step()                                               # a small step against it
        losses.append(loss.item())
    return losses

# %% [markdown]
# **Predict.** Before the first step the network knows nothing about the nine classes. Roughly which loss do you expect? (Nine equal probabilities: minus the log
# of 1/9.)

# %%
by_hand = street_unet.build(seed=0)
losses = train_by_hand(by_hand, train, steps=60)
print(f"first loss {losses[0]:.2f}, log 9 = {torch.tensor(9.0).log():.2f}, last loss {losses[-1]:.2f}")
assert losses[-1] < 0.6 * losses[0]

# %% [markdown] tags=["prove"]
# The library's `fit` is this loop, plus a progress bar, checkpoints, mixed precision and several GPUs. Same seed, same batches, same losses, to the last digit:

# %%
by_fit = street_unet.build(seed=0)
history = training.fit(by_fit, train, steps=60, seed=0, device="cpu")
print(f"largest difference of the losses: {max(abs(a - b) for a, b in zip(losses, history.loss, strict=True)):.1e}")
torch.testing.assert_close(torch.tensor(losses), torch.tensor(history.loss), atol=1e-3, rtol=1e-3)

# %% [markdown] tags=["break"]
# ### The knob that breaks it
# **Predict.** The learning rate is 0.004. What happens at 4? Change `lr` below and run the cell a few times: where is the edge?

# %%
lr = 4.0
wild = train_by_hand(street_unet.build(seed=0), train, steps=15, lr=lr)
print("losses:", [round(v, 2) for v in wild])
assert max(wild) > 2 * losses[0]

# %% [markdown] tags=["measure"]
# ## 5 · How much does training buy?
# The two networks have the same architecture and the same data. One has seen 60 batches, one 1500. Every lesson measures like this: the decisive
# arms run in front of you, and beside them stands a committed table over three seeds, made by the same code. **mean ± sd** tells how much luck is in a number.

# %%
short = training.evaluate(by_fit, val)
print(f"60 steps:   accuracy {short['accuracy']:.3f}, mIoU {short['miou']:.3f}")
print(f"1500 steps: accuracy {scores['the network']['accuracy']:.3f}, mIoU {scores['the network']['miou']:.3f}")
print(evidence.agrees("00_street_unet", "60 steps", "miou", short["miou"]))
assert scores["most frequent class"]["miou"] + 0.1 < short["miou"] < scores["the network"]["miou"] - 0.1

# %%
evidence.table("00_street_unet", {"accuracy": "pixel accuracy", "miou": "mIoU"})

# %% [markdown]
# Note what the base rate does to your reading: TO-WRITE.
#
# What this does not prove: the scenes are drawn by a program, so they are all of one kind. On photographs the same network is lost. See for yourself.

# %% [markdown] tags=["real"]
# ## 6 · The real thing, and your own ten photographs
# Put ten photographs of yours into a folder and set `COURSE_PHOTOS` to its path before you start; they come back in many lessons. Until then ten pictures that ship with scikit-image stand in.

# %%
photos = datasets.Photographs()
chosen = [torch.nn.functional.interpolate(photos[i][0][None], size=(96, 96), mode="bilinear", antialias=True)[0] for i in (0, 2, 7, 9)]
pairs = [p for photo in chosen for p in (photo, plots.overlay_rgb(photo, training.predict(model, photo), val.colors))]
plots.show(
    plots.contact_sheet(pairs, ["photograph", "what it sees"] * 4, columns=4),
    alt="Four photographs, each beside the same picture tinted with the classes the network sees: sky, trees and buildings at random.",
)

# %% [markdown]
# It labels every pixel, since it has no way to say "I do not know", and it is confidently wrong. Networks that do work on photographs have seen photographs: the published ones
# learned from thousands of hand-labeled pictures on top of a million pictures for their encoder. Their scores:

# %%
evidence.published("fcn8s-voc11-test", "deeplabv3plus-r101-voc-val-os16", "maskrcnn-r50fpn-coco-minival", "panopticfpn-r50-coco-val")

# %% [markdown]
# Do not compare the rows with one another: other data, other splits, other metrics, other extras. Each number in this course carries them. Real data in the course's own hands works the same way:
# one line of a lesson changes.

# %%
street = datasets.real_or_generated("camvid", val, split="val")
image, target = street[0]
plots.show(plots.overlay(image, target["semantic"], street.classes, street.colors), alt="A street picture tinted with its true classes.")

# %% [markdown]
# ## 7 · How the course works
# - **Lessons** ask, let you predict, build, prove, break and measure. Your copies in `work/` are yours: edit them, break them. `python start.py reset 00` gives you a fresh one and keeps yours.
# - **Exercises** have four to seven questions. `check(1, your_answer)` says what fails, on which input and often why. Your best points are kept in a progress file on your machine.
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
# | `panoptic` | (H, W) int64 | class · 1000 + number of the object; stuff 0 |

# %% [markdown] tags=["misconceptions"]
# ## 8 · What people get wrong
# - **"90 % of the pixels are right, so it works."** The next cell builds a prediction that is right on most pixels and finds no object at all.
# - **"Instance segmentation labels every pixel."** The sky is in no mask. The next cell counts the pixels that are in none.
# - **"More training can only help."** Section 4, *The knob that breaks it*: with a wild learning rate every step makes it worse.

# %%
image, target = val[3]
blind = target["semantic"].clone()
is_thing = torch.isin(blind, torch.tensor(sorted(val.things)))
blind[is_thing] = val.classes.index("road")                            # every car, person and boat becomes road
print(f"accuracy without a single object: {(blind == target['semantic']).float().mean():.2f}")
print(f"pixels in no instance mask: {1 - target['masks'].any(0).float().mean():.0%}")
assert (blind == target["semantic"]).float().mean() > 0.8 and target["masks"].any(0).float().mean() < 0.5

# %% [markdown] tags=["quiz"]
# ## 9 · Quiz

# %%
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
                {"text": "how many parameters it has", "correct": False, "why": "That says nothing about whether 80 % is good."},
                {"text": "what an answer without looking would reach", "correct": True, "why": "If one class covers 80 % of the pixels, the model may have learned nothing."},
                {"text": "which learning rate it used", "correct": False, "why": "A score is judged against a base rate and against other models, not against its recipe."},
            ],
        },
        {
            "question": "An untrained network with nine classes has a cross-entropy of about",
            "choices": [
                {"text": "0", "correct": False, "why": "Zero means the right class always had probability 1."},
                {"text": "2.2", "correct": True, "why": "Minus the log of 1/9. If a first loss is far from this, look for a bug."},
                {"text": "9", "correct": False, "why": "The loss grows with the log of the number of classes."},
            ],
        },
        {
            "question": "What does ± mean in the tables of this course?",
            "choices": [
                {"text": "the standard deviation over seeds", "correct": True, "why": "The same code with other random weights and another order of the data."},
                {"text": "the measuring error of one run", "correct": False, "why": "One run on fixed data has no error of this kind; other seeds give other results."},
                {"text": "the difference between training and validation", "correct": False, "why": "All scores here are on validation pictures."},
            ],
        },
        {
            "question": "A label of 255 at a pixel means",
            "choices": [
                {"text": "the class number 255", "correct": False, "why": "No data set here has that many classes."},
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
# **Glossary:** **semantic segmentation**, **instance segmentation**, **panoptic segmentation**, **things**, **stuff**, **batch**, **logits**, **cross-entropy**, **base rate**, **pixel accuracy**, **IoU**, **mIoU**, **void**, **checkpoint**, **profile**
#
# The **core path** has ten lessons, about 20 hours with exercises: 00, 01, 02, 03, 04, 06, 08, 10, 13, 14. The rest deepens it. **Next:** lesson 01, or 02 if you know the three tasks. Your progress so far:

# %%
checks.course_table()

# %% [markdown] tags=["references"]
# ## References
# - [@Kirillov2019PS] the panoptic task, things and stuff
# - [@FCN] the network that started end-to-end pixel prediction with convolutions
# - [@UNet] the architecture of the small network above
