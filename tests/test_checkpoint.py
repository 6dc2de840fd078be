"""course_lib.training.checkpoint: resuming, damaged files, atomic writing, small files of weights."""

import json
import math

import pytest
import torch
from safetensors import safe_open
from tiny import Blobs, same_state, tiny_net
from torchvision.transforms import v2

from course_lib.training import checkpoint as files
from course_lib.training import fit, load_weights, loop, save_weights, semantic_loss, weights_info

STEPS = 10


class Broken:
    """semantic_loss, but the call number `at` raises `error`, after the model has seen the batch."""

    def __init__(self, at=None, error=KeyboardInterrupt):
        self.at, self.error, self.calls = at, error, 0

    def __call__(self, model, batch):
        self.calls += 1
        loss = semantic_loss(model, batch)
        if self.calls == self.at:
            raise self.error
        return {"pixels": loss}


def noisy(image, target):
    image, target = v2.RandomHorizontalFlip()(image, target)
    return image.add(torch.rand(image.shape), alpha=0.1).clamp(0, 1), target


def run(net, path=None, loss_fn=None, **kwargs):
    """A run with everything random in it: order, augmentation, dropout; and with a validation in the middle."""
    arguments = dict(steps=STEPS, batch_size=4, lr=0.02, val=Blobs(3, seed=1), eval_every=4, progress=False)
    return fit(net, Blobs(transform=noisy), loss_fn or Broken(), **(arguments | {"checkpoint": path} | kwargs))


@pytest.fixture(scope="module")
def whole():
    """The same run without interruption: net and history."""
    net = tiny_net(dropout=0.3)
    return net, run(net)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "run.safetensors"


def interrupted(path, at):
    net = tiny_net(dropout=0.3)
    history = run(net, path, Broken(at))
    assert history.steps == at - 1
    return net


@pytest.mark.parametrize("at", [1, 2, 5, 7, 10])
def test_a_resumed_run_equals_an_uninterrupted_one(whole, path, at, capsys):
    interrupted(path, at)
    assert path.exists() == (at > 1)
    net = tiny_net(seed=9, dropout=0.3) if at > 1 else tiny_net(dropout=0.3)  # what it held before does not matter
    history = run(net, path)
    same_state(net, whole[0])
    assert history.loss == whole[1].loss
    assert history.losses == whole[1].losses
    assert history.metrics == whole[1].metrics
    assert (f"continues after step {at - 1} of {STEPS}" in capsys.readouterr().out) == (at > 1)


def test_resumed_twice(whole, path):
    interrupted(path, 4)
    run(tiny_net(dropout=0.3), path, Broken(3))
    net = tiny_net(dropout=0.3)
    assert run(net, path).loss == whole[1].loss
    same_state(net, whole[0])


def test_any_error_keeps_what_was_learnt(whole, path):
    with pytest.raises(RuntimeError, match="disk on fire"):
        run(tiny_net(dropout=0.3), path, Broken(8, RuntimeError("disk on fire")))
    net = tiny_net(dropout=0.3)
    run(net, path)
    same_state(net, whole[0])


def test_a_finished_run_is_not_repeated(whole, path):
    run(tiny_net(dropout=0.3), path)
    net, untouched = tiny_net(dropout=0.3), Broken(1, AssertionError("trained again"))
    assert run(net, path, untouched).loss == whole[1].loss
    same_state(net, whole[0])


def test_a_run_that_explodes_leaves_the_file_alone(path):
    with pytest.raises(FloatingPointError):
        run(
            tiny_net(dropout=0.3),
            path,
            lambda m, b: semantic_loss(m, b) * (math.nan if m[1].num_batches_tracked > 6 else 1),
        )
    _, text = files.read(path)
    assert [m["step"] for m in json.loads(text["metrics"])] == [4]  # written at the validation, not after


def test_the_best_weights_are_kept(path, monkeypatch):
    results = iter([0.3, 0.8, 0.5])
    monkeypatch.setattr(loop, "evaluate", lambda *args, **kwargs: {"miou": next(results)})
    states = []

    def loss_fn(model, batch):
        states.append({key: value.clone() for key, value in model.state_dict().items()})
        return semantic_loss(model, batch)

    net = tiny_net(norm=False)
    run(net, path, loss_fn)
    best = load_weights(tiny_net(seed=3, norm=False), path.with_suffix(".best.safetensors"))
    assert weights_info(path.with_suffix(".best.safetensors"))["step"] == "8"
    torch.testing.assert_close(best.state_dict(), states[8], rtol=0, atol=0)
    same_state(load_weights(tiny_net(seed=3, norm=False), path), net)  # the run's own file holds the last ones


def test_a_long_run_is_written_between_validations(path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    saved = []
    monkeypatch.setattr(
        files.Checkpoint, "save", lambda self, model, optimizer, scaler, history: saved.append(history.steps)
    )
    run(tiny_net(), path, val=None)
    assert saved == list(range(1, STEPS + 1))


# --- damage ------------------------------------------------------------------------------------------------------------


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-100] ^= 64
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, empty])
def test_a_damaged_file_costs_only_the_steps_since_the_previous_one(whole, path, damage, capsys):
    interrupted(path, 7)  # written at steps 4 and 6
    damage(path)
    damaged = path.read_bytes()
    net = tiny_net(seed=9, dropout=0.3)
    history = run(net, path, Broken(2))  # steps 5 to 5, then interrupted again
    out = capsys.readouterr().out
    assert f"fit: checkpoint {path.name} is damaged" in out
    assert "using the previous one" in out
    assert f"{path.name} continues after step 4 of {STEPS}" in out
    assert history.steps == 5
    assert (
        path.with_suffix(".prev.safetensors").read_bytes() != damaged
    )  # the good previous file was not replaced by it
    run(net, path)
    same_state(net, whole[0])


def test_a_missing_file_with_a_previous_one_is_resumed(whole, path):
    interrupted(path, 7)
    path.unlink()
    net = tiny_net(dropout=0.3)
    run(net, path)
    same_state(net, whole[0])


def test_nothing_readable_is_an_error_and_deletes_nothing(path):
    interrupted(path, 7)
    previous = path.with_suffix(".prev.safetensors")
    cut(path)
    cut(previous)
    before = path.read_bytes(), previous.read_bytes()
    net = tiny_net(dropout=0.3)
    with pytest.raises(
        ValueError, match=r"^fit: no checkpoint of .*run.safetensors can be read; delete the file to start anew"
    ):
        run(net, path)
    assert (path.read_bytes(), previous.read_bytes()) == before
    same_state(net, tiny_net(dropout=0.3))


def test_a_checkpoint_of_another_model_is_refused(path):
    interrupted(path, 3)
    before = path.read_bytes()
    net = tiny_net()
    net[0] = torch.nn.Conv2d(3, 8, 5, padding=2)
    net[4] = torch.nn.Conv2d(8, 3, 1, bias=False)
    net.append(torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match="weights are of another model") as error:
        run(net, path)
    text = str(error.value)
    assert "2 missing (5.weight, 5.bias)" in text
    assert "1 extra (4.bias)" in text
    assert "1 misshapen (0.weight (8, 3, 3, 3) for (8, 3, 5, 5))" in text
    assert text.startswith("fit: checkpoint run.safetensors: ")
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match=r"run.safetensors: these weights are of another model: 2 missing"):
        load_weights(net, path)


def test_a_checkpoint_of_a_run_with_other_frozen_parameters_is_refused(path):
    interrupted(path, 3)
    net = tiny_net(dropout=0.3)
    net[0].requires_grad_(False)
    with pytest.raises(ValueError, match="is of a run with trainable=267, not 43"):
        run(net, path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"lr": 0.5}, "lr=0.02, not 0.5"), ({"steps": 20}, "steps=10, not 20"), ({"seed": 1}, "seed=0, not 1")],
)
def test_a_checkpoint_of_other_settings_is_refused(path, changed, message):
    interrupted(path, 3)
    with pytest.raises(
        ValueError, match=f"^fit: checkpoint run.safetensors is of a run with {message}; delete it or choose"
    ):
        run(tiny_net(dropout=0.3), path, **changed)


def test_a_file_of_weights_is_no_checkpoint(path):
    save_weights(tiny_net(), path)
    with pytest.raises(ValueError, match=r"run.safetensors holds no training run"):
        run(tiny_net(), path)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file(path, monkeypatch, error):
    save_weights(tiny_net(), path)
    before = path.read_bytes()

    def half(tensors, name, text):
        name.write_bytes(b"half a file")
        raise error

    monkeypatch.setattr(files, "save_file", half)
    with pytest.raises((OSError, KeyboardInterrupt)) as caught:
        save_weights(tiny_net(seed=1), path)
    if isinstance(error, OSError):
        assert "run.safetensors cannot be written" in str(caught.value)
        assert "No space left on device" in str(caught.value)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


# --- small files of weights ------------------------------------------------------------------------------------------------


def test_weights_go_and_come_back(path):
    net = tiny_net()
    net[1].running_var.fill_(1e-9)
    save_weights(net, path, command="python -m make.weights", info={"miou": 0.5})
    same_state(load_weights(tiny_net(seed=1), path), net)
    info = weights_info(path)
    assert info["command"] == "python -m make.weights"
    assert info["miou"] == "0.5"
    with safe_open(path, "pt") as file:  # plain safetensors, the model's own keys
        assert set(file.keys()) == set(net.state_dict())


def test_half_precision_files_are_half_as_large_and_load_as_float32(path):
    net = torch.nn.Sequential(torch.nn.Conv2d(64, 64, 3), torch.nn.BatchNorm2d(64))
    net[1].running_var.fill_(1e6)  # beyond float16: buffers keep their type
    save_weights(net, path)
    full = path.stat().st_size
    save_weights(net, path, dtype=torch.float16)
    assert path.stat().st_size < 0.52 * full
    loaded = load_weights(torch.nn.Sequential(torch.nn.Conv2d(64, 64, 3), torch.nn.BatchNorm2d(64)), path)
    assert loaded[0].weight.dtype == torch.float32
    assert torch.equal(loaded[0].weight, net[0].weight.half().float())
    assert torch.equal(loaded[1].running_var, net[1].running_var)
    assert net[0].weight.dtype == torch.float32
    with torch.no_grad():
        net[0].bias[3] = 70000
    with pytest.raises(ValueError, match=r"save_weights: 0.bias has values beyond the range of torch.float16"):
        save_weights(net, path, dtype=torch.float16)


def test_channels_last_and_tied_weights_can_be_saved(path):
    net = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3), torch.nn.Conv2d(4, 4, 3)).to(memory_format=torch.channels_last)
    net[1].weight = net[0].weight
    save_weights(net, path)
    same_state(load_weights(torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3), torch.nn.Conv2d(4, 4, 3)), path), net)


def test_loading_mistakes(path, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.safetensors does not exist"):
        load_weights(tiny_net(), tmp_path / "none.safetensors")
    save_weights(tiny_net(), path)
    cut(path)
    with pytest.raises(ValueError, match=r"checkpoint run.safetensors is damaged"):
        load_weights(tiny_net(), path)
