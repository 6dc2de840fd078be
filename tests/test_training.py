"""course_lib.training: fit, its batches and guards, evaluate and predict; one process and two."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tiny import Blobs, same_state, tiny_net
from torch import nn
from torchvision.transforms import v2

from course_lib.metrics import BoundaryF1, ConfusionMatrix
from course_lib.training import History, evaluate, fit, loop, one_cycle, predict, predict_logits, semantic_loss
from course_lib.training.batches import Stream, batches
from course_lib.training.guards import uninterrupted


def quiet_fit(net, train, *args, **kwargs):
    return fit(net, train, *args, **({"batch_size": 4, "progress": False} | kwargs))


def noisy(image, target):
    """A random augmentation: flips, and noise from torch's generator."""
    image, target = v2.RandomHorizontalFlip()(image, target)
    return image.add(torch.rand(image.shape), alpha=0.1).clamp(0, 1), target


# --- fit ---------------------------------------------------------------------------------------------------------------


def test_fit_learns():
    net, val = tiny_net(), Blobs(6, seed=1)
    history = quiet_fit(net, Blobs(), steps=60, lr=0.03, val=val, eval_every=25)
    assert history.steps == len(history.loss) == 60
    assert history.recent() < 0.3 * history.loss[0]
    assert [m["step"] for m in history.metrics] == [25, 50, 60]
    assert history.metrics[-1] == {"step": 60} | evaluate(net, val)
    assert history.metrics[-1]["miou"] > 0.7
    assert history.seconds > 0
    assert history.losses == {}
    assert not net.training
    assert str(history).startswith("History(60 steps in ")


def test_fit_is_adamw_on_the_one_cycle_schedule():
    """The same steps written out by hand."""
    train, net = Blobs(), tiny_net(norm=False)
    by_hand = tiny_net(norm=False)
    seen = []

    def loss_fn(model, batch):
        seen.append(batch)
        return semantic_loss(model, batch)

    history = quiet_fit(net, train, loss_fn, steps=9, lr=0.02, weight_decay=0.1)
    optimizer = torch.optim.AdamW(by_hand.parameters(), lr=0.02, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=9, pct_start=0.25, cycle_momentum=False)
    losses = []
    for images, targets in seen:
        loss = F.cross_entropy(by_hand(images), targets["semantic"], ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    assert history.loss == pytest.approx(losses, abs=1e-6)
    same_state(net, by_hand, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 17, 300])
def test_one_cycle(steps):
    rates = [one_cycle(step, steps, 0.1) for step in range(steps)]
    assert all(0 < rate <= 0.1 + 1e-12 for rate in rates)
    if steps > 4:
        weight = torch.nn.Parameter(torch.zeros(1))
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            torch.optim.SGD([weight]), 0.1, total_steps=steps, pct_start=0.25, cycle_momentum=False
        )
        for rate in rates:
            assert rate == pytest.approx(schedule.get_last_lr()[0], abs=1e-12)
            schedule.optimizer.step()
            schedule.step() if schedule.last_epoch < steps - 1 else None


def test_same_seed_same_numbers_and_nobody_else_is_disturbed():
    train = Blobs(transform=noisy)
    nets = [tiny_net(dropout=0.5) for _ in range(3)]
    torch.manual_seed(123)
    expected = torch.rand(3)
    torch.manual_seed(123)
    first = quiet_fit(nets[0], train, steps=6, val=Blobs(3), eval_every=2)
    assert torch.equal(torch.rand(3), expected)  # fit left the generator alone
    second = quiet_fit(nets[1], train, steps=6)
    other = quiet_fit(nets[2], train, steps=6, seed=1)
    same_state(nets[0], nets[1])
    assert first.loss == second.loss
    assert first.loss != other.loss


def test_workers_change_nothing():
    nets = [tiny_net(dropout=0.5), tiny_net(dropout=0.5)]
    losses = [
        quiet_fit(net, Blobs(transform=noisy), steps=5, num_workers=n).loss for net, n in zip(nets, (0, 2), strict=True)
    ]
    assert losses[0] == losses[1]
    same_state(*nets)


def test_stream_covers_epochs_in_new_orders_and_is_shared():
    whole = list(Stream(5, batch_size=4, start=0, steps=5, seed=3))
    flat = [pair for batch in whole for pair in batch]
    assert [position for position, _ in flat] == list(range(20))
    epochs = [[index for _, index in flat[i : i + 5]] for i in range(0, 20, 5)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert len(set(map(tuple, epochs))) > 1
    assert list(Stream(5, 4, 2, 5, 3)) == whole[2:]  # a resumed run sees the rest of the same stream
    parts = [list(Stream(5, 4, 0, 5, 3, share=(rank, 2))) for rank in (0, 1)]
    assert [a + b for a, b in zip(*parts, strict=True)] == whole


def test_batches_are_those_of_fit_and_disturb_nobody():
    train, seen = Blobs(transform=noisy), []

    def loss_fn(model, batch):
        seen.append(batch[0] * 0.25 + 0.5)
        return semantic_loss(model, batch)

    quiet_fit(tiny_net(), train, loss_fn, steps=3, seed=5)
    before = torch.get_rng_state()
    same = [images for images, _ in batches(train, 3, batch_size=4, seed=5)]
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(same, seen)


def test_a_batch_may_be_larger_than_the_set():
    history = quiet_fit(
        tiny_net(), Blobs(3), lambda m, b: semantic_loss(m, b) * (len(b[0]) == 8), steps=2, batch_size=8
    )
    assert min(history.loss) > 0


def test_losses_with_parts_are_summed_and_recorded():
    def loss_fn(model, batch):
        loss = semantic_loss(model, batch)
        return {"pixels": loss, "size": 0.5 * sum(p.square().sum() for p in model.parameters())}

    history = quiet_fit(tiny_net(), Blobs(), loss_fn, steps=4)
    assert set(history.losses) == {"pixels", "size"}
    sums = [a + b for a, b in zip(*history.losses.values(), strict=True)]
    assert history.loss == pytest.approx(sums, rel=1e-6)


def test_loss_fn_gets_normalized_images():
    train, net, seen = Blobs(4), tiny_net(), []

    def loss_fn(model, batch):
        seen.append(batch)
        return semantic_loss(model, batch)

    quiet_fit(net, train, loss_fn, steps=1)
    expected = (train.images - 0.5) / 0.25
    assert torch.equal(seen[0][0].sort(0).values, expected.sort(0).values)
    assert type(seen[0][0]) is torch.Tensor
    del net.mean
    quiet_fit(net, train, loss_fn, steps=1)  # a model without statistics gets images in [0, 1]
    assert torch.equal(seen[1][0].sort(0).values, train.images.sort(0).values)


def test_frozen_parameters_stay():
    net = tiny_net()
    net[0].requires_grad_(False)
    before = net[0].weight.clone()
    quiet_fit(net, Blobs(), steps=3)
    assert torch.equal(net[0].weight, before)


def test_bf16_on_the_processor():
    net, kinds = tiny_net(), []

    def loss_fn(model, batch):
        kinds.append(model(batch[0]).dtype)
        return semantic_loss(model, batch)

    history = quiet_fit(net, Blobs(), loss_fn, steps=40, lr=0.03, precision="bf16")
    assert set(kinds) == {torch.bfloat16}
    assert net[0].weight.dtype == torch.float32
    assert history.recent() < 0.7 * history.loss[0]


def test_precision_follows_the_device(monkeypatch):
    cuda = torch.device("cuda")
    for native, chosen in ((True, "bf16"), (False, "fp16")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        assert loop._precision(None, cuda) == chosen
    with pytest.raises(ValueError, match="precision must be fp16 or fp32 on this cuda device, not 'bf16'"):
        loop._precision("bf16", cuda)
    assert loop._precision(None, torch.device("mps")) == loop._precision(None, torch.device("cpu")) == "fp32"


def test_the_bar_shows_loss_and_time_left_on_stdout_only(capsys):
    fit(tiny_net(), Blobs(), steps=3, batch_size=2)
    out, err = capsys.readouterr()
    assert err == ""
    assert "3/3" in out
    assert "loss" in out
    assert "<00:00" in out
    quiet_fit(tiny_net(), Blobs(), steps=3)
    assert capsys.readouterr() == ("", "")


# --- interrupted and exploding runs --------------------------------------------------------------------------------------


def test_interrupt_keeps_what_was_learnt(capsys):
    net, calls = tiny_net(), []

    def loss_fn(model, batch):
        calls.append(1)
        loss = semantic_loss(model, batch)  # the batch statistics have already seen this batch
        if len(calls) == 5:
            raise KeyboardInterrupt
        return loss

    history = quiet_fit(net, Blobs(), loss_fn, steps=9)
    assert history.steps == 4
    assert "interrupted after step 4 of 9" in capsys.readouterr().out
    assert net[1].num_batches_tracked == 4
    assert not net.training


def test_ctrl_c_waits_for_the_end_of_an_update():
    done = []

    def update():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("update")

    with pytest.raises(KeyboardInterrupt):
        update()
    assert done == ["update"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)  # the usual handler is back


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_with_the_last_good_weights(value):
    net, states = tiny_net(), []

    def loss_fn(model, batch):
        states.append({k: v.clone() for k, v in model.state_dict().items()})
        return semantic_loss(model, batch) * (value if len(states) == 4 else 1)

    with pytest.raises(FloatingPointError, match=rf"^fit: the loss is {value} at step 4 \(lr 0\.0\d+\)"):
        quiet_fit(net, Blobs(), loss_fn, steps=9, lr=0.02)
    expected = states[2] | {k: states[3][k] for k in states[3] if "running" in k or "tracked" in k}  # after forward 3
    for key, tensor in net.state_dict().items():
        assert torch.equal(tensor, expected[key]), key


def test_an_absurd_learning_rate_leaves_finite_weights():
    net = tiny_net(norm=False)
    with pytest.raises(FloatingPointError, match="at step"):
        quiet_fit(net, Blobs(), steps=9, lr=1e38)
    assert all(p.isfinite().all() for p in net.parameters())


def test_weights_that_explode_in_the_last_step_are_noticed():
    net = tiny_net(norm=False)
    net[0].weight.register_hook(lambda grad: grad * math.nan)
    with pytest.raises(FloatingPointError, match="a weight is no longer finite at step 1"):
        quiet_fit(net, Blobs(), steps=1)
    same_state(net, tiny_net(norm=False))


# --- mistakes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "fit: steps must be a whole number of at least 1, not 0"),
        ({"steps": 2.5}, "fit: steps must be a whole number of at least 1, not 2.5"),
        ({"batch_size": 0}, "fit: batch_size must be a whole number of at least 1, not 0"),
        ({"eval_every": 0}, "fit: eval_every must be a whole number of at least 1, not 0"),
        ({"lr": 0.0}, "fit: lr must be positive, not 0.0"),
        ({"lr": math.nan}, "fit: lr must be positive, not nan"),
        ({"val": []}, "fit: val is empty"),
        ({"precision": "half"}, "fit: precision must be fp32 or bf16 on this cpu device, not 'half'"),
        ({"checkpoint": "run.pt"}, "fit: checkpoint must end in .safetensors, not 'run.pt'"),
        ({"train": []}, "fit: train is empty"),
        ({"train": iter([])}, "fit: train must be a data set"),
        ({"loss_fn": lambda m, b: m(b[0])}, r"fit: loss_fn must return a scalar .* loss is shape \(4, 3, 8, 8\)"),
        ({"loss_fn": lambda m, b: {"a": 3}}, "fit: loss_fn must return a scalar .* a is int"),
        ({"loss_fn": lambda m, b: torch.tensor(1.0)}, "fit: loss_fn must return a loss that depends on"),
    ],
)
def test_mistakes_get_one_sentence(arguments, message):
    net = tiny_net()
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        quiet_fit(net, **({"train": Blobs(), "steps": 2, "device": "cpu"} | arguments))
    same_state(net, tiny_net())


def test_a_frozen_model_cannot_be_trained():
    with pytest.raises(ValueError, match="model has no parameter that requires a gradient"):
        quiet_fit(tiny_net().requires_grad_(False), Blobs(), steps=1)


class Changed(Blobs):
    """Blobs with a change made to each sample."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def __getitem__(self, index):
        return self.change(*super().__getitem__(index))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x, t: (x, {"semantic": t["semantic"].clone().fill_(3)}),
            "semantic_loss: target label 3 is not 0..2 or void 255",
        ),
        (lambda x, t: (x, {"semantic": t["semantic"].clone().fill_(-1)}), "semantic_loss: target label -1 is not 0..2"),
        (
            lambda x, t: (x, {"semantic": t["semantic"].float()}),
            r'targets\["semantic"\] must be int64, not torch.float32',
        ),
        (lambda x, t: (x, {"semantic": t["semantic"][:4]}), r"logits must be \(N, C, H, W\) for targets \(4, 4, 8\)"),
        (lambda x, t: (x, {"labels": torch.zeros(1)}), 'targets must have "semantic", these have labels'),
        (lambda x, t: ((x * 255).to(torch.uint8), t), "fit: image must be a float tensor in .0, 1., not torch.uint8"),
        (lambda x, t: (x * 255, t), r"fit: image must lie in \[0, 1\], its values go from .* to 25"),
        (lambda x, t: (x * math.nan, t), r"fit: image must lie in \[0, 1\], its values go from nan to nan"),
    ],
)
def test_mistaken_samples_get_one_sentence(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        quiet_fit(tiny_net(), Changed(change), steps=1)


# --- semantic_loss, evaluate, predict --------------------------------------------------------------------------------------


def test_semantic_loss_is_the_mean_over_labeled_pixels():
    net, (images, target) = tiny_net(), (Blobs(4).images, Blobs(4, void=0.3).semantic)
    loss = semantic_loss(net, (images, {"semantic": target}))
    torch.testing.assert_close(loss, F.cross_entropy(net(images), target, ignore_index=255))
    nothing = semantic_loss(net, (images, {"semantic": torch.full_like(target, 255)}))
    nothing.backward()
    assert nothing == 0
    assert all((p.grad == 0).all() for p in net.parameters())


def test_evaluate_counts_every_labeled_pixel_once():
    net, data = tiny_net().train(), Blobs(7, void=0.3)
    net[1].eval()  # a frozen normalization stays frozen
    torch.manual_seed(5)
    state = torch.get_rng_state()
    results = [evaluate(net, data, batch_size=size) for size in (1, 3, 16)]
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training
    assert not net[1].training
    assert results[0] == results[1] == results[2]
    net.eval()
    prediction = net((data.images - 0.5) / 0.25).argmax(1)
    matrix = ConfusionMatrix(3).update(prediction, data.semantic)
    labeled = data.semantic[data.semantic != 255]
    assert results[0] == {
        "accuracy": matrix.accuracy(),
        "miou": matrix.miou(),
        "iou": matrix.iou().tolist(),
        "base_rate": pytest.approx(max((labeled == c).double().mean() for c in range(3))),
        "pixels": len(labeled),
    }


def test_evaluate_adds_boundary_f1_and_an_interval_when_asked():
    net, data = tiny_net(), Blobs(7, void=0.1)
    plain, full = evaluate(net, data), evaluate(net, data, boundary=1, interval=True, batch_size=3)
    assert full.keys() - plain.keys() == {"boundary_f1", "miou_interval"}
    assert {key: full[key] for key in plain} == plain
    assert full["boundary_f1"] == BoundaryF1(3, 1).update(predict(net, data.images), data.semantic).mean()
    assert evaluate(net, data, boundary=2)["boundary_f1"] > full["boundary_f1"]
    low, high = full["miou_interval"]
    assert low < plain["miou"] < high
    assert high - low < 0.3


def test_evaluate_mistakes():
    with pytest.raises(ValueError, match="evaluate: dataset is empty"):
        evaluate(tiny_net(), [])
    with pytest.raises(ValueError, match=r"target label 2 is not 0..1"):
        evaluate(tiny_net(classes=2), Blobs())
    with pytest.raises(ValueError, match=r"evaluate: the model must return logits .* not \(10, 3, 4, 4\)"):
        evaluate(nn.Conv2d(3, 3, 1, stride=2), Blobs())
    with pytest.raises(ValueError, match='evaluate: targets must have "semantic", these have labels'):
        evaluate(tiny_net(), Changed(lambda x, t: (x, {"labels": torch.zeros(1)})))
    with pytest.raises(ValueError, match="evaluate: interval needs at least two samples"):
        evaluate(tiny_net(), Blobs(1), interval=True)
    with pytest.raises(ValueError, match="BoundaryF1: tolerance must be 0 or more"):
        evaluate(tiny_net(), Blobs(2), boundary=-1)


def test_predict_one_image_and_a_batch():
    net, images = tiny_net().train(), Blobs(4).images
    labels = predict(net, images)
    assert labels.dtype == torch.int64
    assert labels.shape == (4, 8, 8)
    assert net.training
    assert torch.equal(predict(net, images[1]), labels[1])
    logits = predict_logits(net, images)
    assert not logits.requires_grad
    assert torch.equal(logits.argmax(1), labels)
    net.eval()
    torch.testing.assert_close(logits, net((images - 0.5) / 0.25))
    assert torch.equal(predict(net, Blobs(4)[2][0]), labels[2])  # a tv_tensor
    assert type(predict(net, Blobs(4)[2][0])) is torch.Tensor


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "predict: image must be a float tensor in .0, 1., not torch.uint8"),
        ("picture.png", "predict: image must be a float tensor in .0, 1., not str"),
        (torch.zeros(8, 8), r"predict: image must be \(C, H, W\) or \(N, C, H, W\), not \(8, 8\)"),
        (torch.full((3, 8, 8), 200.0), r"predict: image must lie in \[0, 1\], its values go from 200 to 200"),
        (-2 * torch.ones(3, 8, 8), "the model normalizes by itself"),
    ],
)
def test_predict_mistakes(image, message):
    with pytest.raises((ValueError, TypeError), match=message):
        predict(tiny_net(), image)


def test_history_of_nothing():
    assert str(History()) == "History(0 steps in 0.0 s)"
    assert History().best_miou() == -1


# --- two processes -----------------------------------------------------------------------------------------------------------

TWO = """
import json, sys
import torch
from tiny import Blobs, tiny_net
from course_lib.training import checkpoint, evaluate, fit

writes = []
checkpoint.write = lambda path, *rest, original=checkpoint.write, **more: (writes.append(path.name), original(path, *rest, **more))
folder = sys.argv[1]
net = tiny_net(seed=int(__import__("os").environ["RANK"]), norm=False)  # differs between the processes until fit shares it
history = fit(net, Blobs(10, void=0), steps=6, batch_size=4, lr=0.02, val=Blobs(7, seed=1), eval_every=3,
              checkpoint=folder + "/run.safetensors", device="cpu")
try:
    fit(net, Blobs(), steps=1, batch_size=3, device="cpu")
except ValueError as error:
    complaint = str(error)
print("RESULT" + json.dumps({
    "loss": history.loss, "metrics": history.metrics, "writes": writes, "complaint": complaint,
    "weights": torch.cat([p.flatten() for p in net.parameters()]).tolist(),
    "single": evaluate(net, Blobs(1), device="cpu", boundary=1)["pixels"],
    "full": evaluate(net, Blobs(7, seed=1), device="cpu", boundary=1, interval=True),
}))
"""


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """What each of two gloo processes on this machine reports of one run, and the folder they wrote to."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here = str(Path(__file__).parent)
    base = os.environ | {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    base |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, str(folder)],
            env=base | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    outputs = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    return [json.loads(out.split("RESULT")[1]) for out, _ in outputs], [out for out, _ in outputs], folder


def test_two_processes_equal_one_with_the_joint_batch(two_processes):
    (first, second), _, _ = two_processes
    net = tiny_net(seed=0, norm=False)
    history = quiet_fit(net, Blobs(10, void=0), steps=6, lr=0.02, val=Blobs(7, seed=1), eval_every=3)
    assert first["weights"] == second["weights"]
    assert first["loss"] == second["loss"] == pytest.approx(history.loss, abs=1e-5)
    assert first["weights"] == pytest.approx(torch.cat([p.flatten() for p in net.parameters()]).tolist(), abs=1e-5)


def test_two_processes_evaluate_every_sample_once(two_processes):
    (first, second), _, _ = two_processes
    net = tiny_net(seed=0, norm=False)
    metrics = quiet_fit(net, Blobs(10, void=0), steps=6, lr=0.02, val=Blobs(7, seed=1), eval_every=3).metrics
    assert first["metrics"] == second["metrics"]
    assert len(first["metrics"]) == 2
    for ours, theirs in zip(first["metrics"], metrics, strict=True):
        assert ours["pixels"] == theirs["pixels"] == (Blobs(7, seed=1).semantic != 255).sum()  # 7 does not divide by 2
        assert ours["base_rate"] == theirs["base_rate"]
        assert ours["iou"] == pytest.approx(theirs["iou"], abs=0.02)  # one pixel may fall on the other side of a tie
    assert (
        first["single"] == second["single"] == (Blobs(1).semantic != 255).sum()
    )  # one of the two had no sample at all


def test_two_processes_agree_on_boundaries_and_intervals(two_processes):
    (first, second), _, _ = two_processes
    net = tiny_net(seed=0, norm=False)
    quiet_fit(net, Blobs(10, void=0), steps=6, lr=0.02, val=Blobs(7, seed=1), eval_every=3)
    alone = evaluate(net, Blobs(7, seed=1), boundary=1, interval=True)
    assert first["full"] == second["full"]
    assert first["full"]["boundary_f1"] == pytest.approx(alone["boundary_f1"], abs=0.02)
    assert first["full"]["miou_interval"] == pytest.approx(
        alone["miou_interval"], abs=0.02
    )  # drawn in the order of the set


def test_only_the_main_process_writes_and_draws(two_processes):
    (first, second), outputs, folder = two_processes
    assert "run.safetensors" in first["writes"]
    assert second["writes"] == []
    assert "6/6" in outputs[0]
    assert "6/6" not in outputs[1]
    assert sorted(path.name for path in folder.iterdir()) == [
        "run.best.safetensors",
        "run.prev.safetensors",
        "run.safetensors",
    ]
    assert "batch_size must be a multiple of the 2 processes, not 3" in first["complaint"]
