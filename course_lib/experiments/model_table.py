"""The course's results table: every semantic model under one protocol, so that rows compare.

    python -m course_lib.experiments.model_table street            results/06_models.json
    python -m course_lib.experiments.model_table camvid            results/06_camvid.json, needs camvid/ in $COURSE_DATA

One protocol: the same training pictures, size, steps, batch, augmentation (left-right flips), loss (cross-entropy) and schedule, from
scratch, three seeds; a model's learning rate is the one of three that has the highest mIoU on the validation pictures with seed 0.
(On the street scenes FCN-8s and the U-Net choose the largest. With four times as much, 0.064, both were worse: 0.687 and 0.683.)
Laptop profile: widths that cost about 0.1 billion multiply-adds a picture. SegNet's fifth stage leaves 3x3 cells of 96 pixels, so it
also has a row with four. Profile gpu: the papers' own widths, on CamVid at 360 x 480.

street: generated scenes; test pictures that no choice was made on. camvid: the public train and val splits; the choice of the
learning rate is made on the last fifth of the training frames, and the scores are those of *val*, so they do not compare with
published scores of *test*. Frames of one split are neighbors in a film: the interval over the images is too narrow for that.

--models NAME ... trains these alone and leaves the other rows of the file; --steps and --seeds for a trial, which is printed and not saved.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.data import Subset
from torchvision.transforms import v2

from course_lib import datasets, evidence, profiles
from course_lib.experiments.camvid_unet import InMemory
from course_lib.experiments.street_unet import MostFrequent
from course_lib.models import FCN, SegNet, UNet
from course_lib.training import evaluate, fit

RATES = (0.001, 0.004, 0.016)
TOLERANCE = 2.0  # pixels that a boundary may be off
BASE = "most frequent class"


class Protocol(NamedTuple):
    """What all rows of one table share. train, choice, test: data sets; choice is what the learning rate is chosen on."""

    train: object
    choice: object
    test: object
    steps: int
    batch_size: int


def models(num_classes: int) -> dict[str, Callable[[], nn.Module]]:
    """The rows of the table: name -> a function that builds the model, untrained, for the profile in force."""
    pick = profiles.current().pick
    fcn = dict(
        width=pick(laptop=12, gpu=64),
        head_width=pick(laptop=128, gpu=4096),
        padding=pick(laptop=1, gpu=100),
        batch_norm=True,
    )
    width = pick(laptop=8, gpu=64)
    return {
        "FCN-32s": lambda: FCN(num_classes, "32s", **fcn),
        "FCN-16s": lambda: FCN(num_classes, "16s", **fcn),
        "FCN-8s": lambda: FCN(num_classes, "8s", **fcn),
        "SegNet": lambda: SegNet(num_classes, width=width),
        "SegNet, four stages": lambda: SegNet(num_classes, width=width, stages=4),
        "U-Net": lambda: UNet(3, num_classes, width=width),
    }


def street() -> Protocol:
    """Generated street scenes: 600 to train, 100 to choose on, 200 to test, of 96 x 96 pixels (gpu: 1200 of 192 x 192)."""
    pick = profiles.current().pick
    size, count = pick(laptop=96, gpu=192), pick(laptop=600, gpu=1200)
    train, choice, test = (datasets.Scenes(n, size, seed=seed) for seed, n in enumerate((count, 100, 200)))
    return Protocol(
        InMemory(train, v2.RandomHorizontalFlip()), choice, test, pick(laptop=400, gpu=3000, full=10000), 16
    )


def camvid(size: tuple[int, int] | None = None, epochs: int | None = None) -> Protocol:
    """CamVid's public splits at `size` (H, W); by default 120 x 160, two epochs, on the laptop and 360 x 480, 160 epochs, on the gpu.

    Raises FileNotFoundError where $COURSE_DATA has no camvid/.
    """
    pick = profiles.current().pick
    size = size or pick(laptop=(120, 160), gpu=(360, 480))
    root = datasets.data_root()
    if root is None or not (root / "camvid").is_dir():
        raise FileNotFoundError("model_table: no camvid/ in $COURSE_DATA; lesson 01 says how to get it")
    train, test = (datasets.CamVid(root / "camvid", split, transform=v2.Resize(size)) for split in ("train", "val"))
    first = len(train) * 4 // 5
    choice = Subset(train, range(first, len(train)))
    batch_size = pick(laptop=8, gpu=8)
    steps = (epochs or pick(laptop=2, gpu=160, full=600)) * len(train) // batch_size
    return Protocol(InMemory(train, v2.RandomHorizontalFlip()), choice, test, steps, batch_size)


def classes_of(protocol: Protocol) -> tuple[str, ...]:
    """The class names of the table's data set."""
    return protocol.test.classes


def train(
    build: Callable[[], nn.Module], protocol: Protocol, lr: float, seed: int, *, data=None
) -> tuple[nn.Module, float]:
    """A model trained under the protocol, on the profile's device, and the seconds that took (on the CPU: processor seconds).

    data: instead of all training pictures.
    """
    clock = time.perf_counter if profiles.current().device.type == "cuda" else time.process_time
    torch.manual_seed(seed)
    model, start = build(), clock()
    fit(
        model,
        data if data is not None else protocol.train,
        steps=protocol.steps,
        batch_size=protocol.batch_size,
        lr=lr,
        seed=seed,
        device=profiles.current().device,
        progress=False,
    )
    return model, clock() - start


def measure(model: nn.Module, dataset) -> dict:
    """mIoU, its 95 % bootstrap interval over the images, boundary F1 and accuracy, rounded to four digits."""
    scores = evaluate(model, dataset, boundary=TOLERANCE, interval=True, batch_size=8)
    low, high = scores.pop("miou_interval")
    return {
        "miou": round(scores["miou"], 4),
        "miou_low": round(low, 4),
        "miou_high": round(high, 4),
        "boundary_f1": round(scores["boundary_f1"], 4),
        "accuracy": round(scores["accuracy"], 4),
    }


def row(name: str, build: Callable[[], nn.Module], protocol: Protocol, seeds: int = 3) -> dict:
    """One arm of the table: the learning rate chosen with seed 0, then `seeds` runs measured on the test pictures."""
    chosen = {}
    held_out = protocol.choice if isinstance(protocol.choice, Subset) else None
    data = Subset(protocol.train, range(held_out.indices[0])) if held_out else None
    for lr in RATES:
        model, seconds = train(build, protocol, lr, 0, data=data)
        chosen[lr] = evaluate(model, protocol.choice)["miou"], model, seconds
        print(f"{name}, learning rate {lr:g}: validation mIoU {chosen[lr][0]:.3f} in {seconds:.0f} s", flush=True)
    lr = max(chosen, key=lambda rate: chosen[rate][0])
    runs = []
    for seed in range(seeds):
        if seed == 0 and data is None:
            _, model, seconds = chosen[lr]
        else:
            model, seconds = train(build, protocol, lr, seed)
        runs.append({"seed": seed, "seconds": round(seconds, 1), "metrics": measure(model, protocol.test)})
        print(name, runs[-1], flush=True)
    example = torch.zeros(1, 3, *protocol.test[0][0].shape[-2:])
    params = sum(p.numel() for p in build().parameters())
    rates = {str(rate): round(found[0], 3) for rate, found in chosen.items()}
    cost = {"params": params, "macs": evidence.macs(build(), example)}
    return {"name": name, "lr": lr, "rates": rates, **cost, "runs": runs}


def base_row(protocol: Protocol) -> dict:
    """The answer that never looks: every pixel gets the class that is most frequent in the training pictures."""
    model = MostFrequent(protocol.train, len(classes_of(protocol)))
    runs = [{"seed": 0, "seconds": 0.0, "metrics": measure(model, protocol.test)}]  # no chance in it
    return {"name": BASE, "params": 0, "macs": 0, "runs": runs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=("street", "camvid"))
    parser.add_argument("--models", nargs="+", help="train these rows alone")
    parser.add_argument("--steps", type=int, help="instead of the profile's; nothing is saved")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()

    protocol = street() if arguments.data == "street" else camvid()
    if arguments.steps:
        protocol = protocol._replace(steps=arguments.steps)
    rows = models(len(classes_of(protocol)))
    if unknown := set(arguments.models or ()) - set(rows):
        parser.error(f"--models: no model {sorted(unknown)[0]!r}; there are {', '.join(rows)}")
    name = {"street": "06_models", "camvid": "06_camvid"}[arguments.data]
    trial = arguments.steps is not None or arguments.seeds < 3
    path = evidence.RESULTS / f"{name}.json"
    arms = {arm["name"]: arm for arm in evidence.load(name)["arms"]} if path.exists() and not trial else {}
    arms.setdefault(BASE, base_row(protocol))
    for model_name in arguments.models or rows:
        arms[model_name] = row(model_name, rows[model_name], protocol, arguments.seeds)
        if not trial:
            command = f"python -m course_lib.experiments.model_table {arguments.data}"
            evidence.save(name, command=command, arms=[arms[key] for key in (BASE, *rows) if key in arms])
    for arm in arms.values():
        values = [run["metrics"]["miou"] for run in arm["runs"]]
        print(f"{arm['name']:22} mIoU {statistics.fmean(values):.3f} over {len(values)} seeds")


if __name__ == "__main__":
    main()
