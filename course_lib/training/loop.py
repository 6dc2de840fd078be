"""The training loop: one function for every model of the course, on one device or, launched so, on many.

What it does is what lesson 00 writes out by hand: batch, loss, gradients, step. Around it stand the things a run needs when
it is long: a schedule, mixed precision, a bar with the time left, validation, a checkpoint to resume from, and an end that
loses nothing when you interrupt it or when the loss explodes.
"""

import math
import numbers
import sys
import time

import torch
from torch import nn
from tqdm import tqdm

from course_lib.training.batches import Stream, mixed_seed, training_batches
from course_lib.training.checkpoint import Checkpoint, save_weights
from course_lib.training.evaluation import evaluate, normalized
from course_lib.training.guards import LastGood, all_finite, own_random_numbers, seed_generators, uninterrupted
from course_lib.training.objective import History, one_cycle, semantic_loss
from course_lib.training.processes import Place, join

CHECKPOINT_SECONDS = 120  # a run with a checkpoint writes it at least this often
AUTOCAST = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def fit(
    model: nn.Module,
    train,
    loss_fn=semantic_loss,
    *,
    steps: int,
    batch_size: int = 16,
    lr: float = 4e-3,
    weight_decay: float = 1e-4,
    val=None,
    eval_every: int | None = None,
    checkpoint=None,
    seed: int = 0,
    num_workers: int = 0,
    device=None,
    precision: str | None = None,
    progress: bool = True,
) -> History:
    """Train `model` for `steps` steps of AdamW on the one-cycle schedule; it keeps the last weights, in evaluation mode.

    train: data set of (image, target); its samples come in endless shuffled epochs, so a small set is repeated.
    loss_fn(model, batch) -> scalar tensor, or dict of scalars, which are summed. batch: (images, targets) as `collate` makes
    them, on the device, the images already normalized by the model's `mean` and `std` if it has them.
    val: data set for `evaluate`, every `eval_every` steps and at the end. checkpoint: a .safetensors path; if the file exists
    the run continues from it, and it is written at each validation, every two minutes, when the run breaks off and at the
    end. NAME.best.safetensors holds the weights with the best validation mIoU.
    seed: order, augmentation and dropout follow from it; the same processor and thread count give the same numbers twice.
    precision: "fp32", "bf16" or "fp16"; by default fp32, on CUDA bf16 where the device has it, else fp16 with loss scaling.
    Under `accelerate launch` or `torchrun` the processes share each batch and average their gradients; batch normalization
    sees each process's part. All processes must see the checkpoint's folder.

    Interrupting (Ctrl-C, the stop button) returns the History so far; the weights are kept and the checkpoint is written.
    Raises FloatingPointError when the loss is no longer finite, with the last good weights back in the model; ValueError or
    TypeError for arguments that cannot be meant, before the model is touched.
    """
    place = join(device)
    _check(train, val, place, steps=steps, batch_size=batch_size, lr=lr, eval_every=eval_every)
    precision = _precision(precision, place.device)
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("fit: model has no parameter that requires a gradient")

    model.to(place.device)
    if place.device.type == "cuda":
        model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay)
    scaler = torch.amp.GradScaler(place.device.type, enabled=precision == "fp16")
    history, store = History(), None
    if checkpoint is not None:
        settings = dict(steps=steps, batch_size=batch_size, lr=lr, weight_decay=weight_decay, seed=seed)
        store = Checkpoint(
            checkpoint, settings | {"samples": len(train), "trainable": sum(p.numel() for p in parameters)}
        )
        if store.resume(model, optimizer, scaler, history) and place.main:
            what = "continues after step" if history.steps < steps else "is complete, step"
            print(f"fit: {store.path.name} {what} {history.steps} of {steps}")
    if place.largest(history.steps) != -place.largest(-history.steps):
        raise ValueError(f"fit: the processes see different files at {checkpoint}; use a folder that they share")
    place.share_state(model)
    good = LastGood(model)
    began, written = time.perf_counter() - history.seconds, time.perf_counter()

    bar = tqdm(
        total=steps,
        initial=history.steps,
        desc="fit",
        unit="step",
        file=sys.stdout,
        mininterval=0.3,
        disable=not (progress and place.main),
    )
    with own_random_numbers(place.device), bar:
        stream = Stream(len(train), batch_size, history.steps, steps, seed, (place.rank, place.count))
        model.train()
        try:
            for batch in training_batches(train, stream, num_workers, pin_memory=place.device.type == "cuda"):
                rate = one_cycle(history.steps, steps, lr)
                seed_generators(mixed_seed(seed, 2, history.steps, place.rank), place.device)
                optimizer.zero_grad()
                loss, parts = _backward(model, loss_fn, batch, scaler, precision, place)
                place.average_gradients(parameters)
                if not math.isfinite(loss):
                    raise _explosion(f"the loss is {loss}", history.steps + 1, rate)
                with uninterrupted():
                    good.keep()
                    for group in optimizer.param_groups:
                        group["lr"] = rate
                    scaler.step(optimizer)
                    scaler.update()
                    history.loss.append(loss)
                    for name, value in parts.items():
                        history.losses.setdefault(name, []).append(value)
                    history.seconds = time.perf_counter() - began

                last = history.steps == steps
                validate = val is not None and (last or (eval_every and history.steps % eval_every == 0))
                if last or validate:
                    if not all_finite(model):
                        raise _explosion("a weight is no longer finite", history.steps, rate)
                    place.share_state(model)
                if validate:
                    metrics = evaluate(model, val, batch_size=batch_size, device=place.device)
                    best = metrics["miou"] > history.best_miou()
                    history.metrics.append({"step": history.steps, **metrics})
                    if store and place.main and best:
                        save_weights(model, store.best, info={"step": history.steps, "miou": metrics["miou"]})
                overdue = time.perf_counter() - written > CHECKPOINT_SECONDS and all_finite(model)
                if store and place.main and (last or validate or overdue):
                    store.save(model, optimizer, scaler, history)
                    written = time.perf_counter()
                bar.set_postfix_str(_summary(history), refresh=False)
                bar.update()
        except FloatingPointError:
            good.restore()
            raise
        except BaseException as error:
            good.restore_buffers()
            if store and place.main and history.steps and all_finite(model):
                store.save(model, optimizer, scaler, history)
            if not isinstance(error, KeyboardInterrupt):
                raise
            bar.close()
            print(f"fit: interrupted after step {history.steps} of {steps}; the model keeps what it learnt")
        finally:
            model.eval()
            history.seconds = time.perf_counter() - began
    place.wait()
    return history


def _backward(model, loss_fn, batch, scaler, precision: str, place: Place) -> tuple[float, dict[str, float]]:
    """Gradients of one batch. Returns the loss and its parts, averaged over the processes."""
    images, targets = batch
    batch = normalized(model, images, place.device, "fit"), _to(targets, place.device)
    with torch.autocast(place.device.type, AUTOCAST[precision], enabled=precision != "fp32"):
        result = loss_fn(model, batch)
    parts = result if isinstance(result, dict) else {"loss": result}
    for name, value in parts.items():
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            found = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise TypeError(f"fit: loss_fn must return a scalar tensor or a dict of them; {name} is {found}")
    loss = sum(value.float().reshape(()) for value in parts.values())
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        raise ValueError("fit: loss_fn must return a loss that depends on the model's parameters")
    scaler.scale(loss).backward()
    values = torch.stack([loss, *(value.float().reshape(()) for value in parts.values())]).detach()
    loss, *numbers_ = (place.sum(values) / place.count).tolist()
    return loss, dict(zip(parts, numbers_, strict=True)) if isinstance(result, dict) else {}


def _to(value, device: torch.device):
    """Tensors in dicts, lists and tuples moved to the device."""
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {key: _to(item, device) for key, item in value.items()}
    return [_to(item, device) for item in value] if isinstance(value, (list, tuple)) else value


def _precision(wanted: str | None, device: torch.device) -> str:
    """The precision to work in; ValueError if the device does not have it."""
    offered = ["fp32"]
    if device.type == "cuda":
        offered = (
            ["bf16", "fp16", "fp32"] if torch.cuda.is_bf16_supported(including_emulation=False) else ["fp16", "fp32"]
        )
    elif device.type == "cpu":
        offered = ["fp32", "bf16"]
    if wanted not in (None, *offered):
        raise ValueError(f"fit: precision must be {' or '.join(offered)} on this {device.type} device, not {wanted!r}")
    return wanted or offered[0]


def _check(train, val, place: Place, *, lr, eval_every, **counts) -> None:
    """One sentence for arguments that cannot be meant."""
    for name, value in {**counts, "eval_every": 1 if eval_every is None else eval_every}.items():
        if not isinstance(value, numbers.Integral) or value < 1:
            raise ValueError(f"fit: {name} must be a whole number of at least 1, not {value!r}")
    if not (lr > 0 and math.isfinite(lr)):
        raise ValueError(f"fit: lr must be positive, not {lr}")
    if counts["batch_size"] % place.count:
        raise ValueError(
            f"fit: batch_size must be a multiple of the {place.count} processes, not {counts['batch_size']}"
        )
    for name, dataset in (("train", train), ("val", val)):
        if dataset is None and name == "val":
            continue
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise TypeError(f"fit: {name} must be a data set with len() and [i], not {type(dataset).__name__}")
        if len(dataset) == 0:
            raise ValueError(f"fit: {name} is empty; it must have at least one sample")


def _explosion(what: str, step: int, rate: float) -> FloatingPointError:
    return FloatingPointError(
        f"fit: {what} at step {step} (lr {rate:.3g}); the model has its last good weights again; lower lr or look at the data"
    )


def _summary(history: History) -> str:
    text = f"loss {history.recent():.3f}"
    return text + (f", mIoU {history.metrics[-1]['miou']:.3f}" if history.metrics else "")
