"""Files of weights and of whole training runs, as safetensors: tensors and text, no pickle, nothing that can run code.

A file is written beside its place, flushed to the disk and then renamed, so its name never stands for half a file. It
carries a checksum, and a run keeps its last file but one, so one damaged file costs the steps between two files at most.
"""

import json
import os
import zlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

import course_lib
from course_lib.models.common import check_state, load_state


def save_weights(
    model: nn.Module, path, *, dtype: torch.dtype | None = None, command: str = "", info: dict | None = None
) -> None:
    """Write the model's parameters and buffers to `path` (.safetensors), atomically.

    dtype: how parameters are stored, as torch.float16 for half the bytes; buffers, such as batch statistics, keep their type.
    command: the command that made the weights; it and `info` (values with a str) are what `weights_info` reads.
    Raises ValueError if a parameter is too large for `dtype`, OSError with one sentence if the file cannot be written.
    """
    tensors = model.state_dict()
    if dtype is not None:
        for key, parameter in model.named_parameters():
            tensors[key] = parameter.to(dtype)
            if parameter.isfinite().all() and not tensors[key].isfinite().all():
                raise ValueError(f"save_weights: {key} has values beyond the range of {dtype}")
    text = {name: str(value) for name, value in (info or {}).items()}
    write(Path(path), tensors, {"kind": "weights", "command": command, **text})


def load_weights(model: nn.Module, path) -> nn.Module:
    """Load a file of `save_weights`, or the weights in a checkpoint of `fit`, and return the model; its dtypes stay.

    Raises FileNotFoundError, or ValueError for a damaged file or one of another model, naming the keys that differ.
    """
    tensors, text = read(Path(path))
    if text.get("kind") == "training":
        tensors = part(tensors, "model.")
    load_state(model, tensors, f"load_weights: {Path(path).name}")
    return model


def weights_info(path) -> dict[str, str]:
    """What is written in a file beside its tensors: the command that made it, the version of course_lib, and so on."""
    return read(Path(path))[1]


class Checkpoint:
    """The file of one training run: model, optimizer, scaler and history after so many steps of the run with these settings.

    path: NAME.safetensors. Beside it lie NAME.prev.safetensors, the file before it, and NAME.best.safetensors, the weights
    with the best validation result.
    """

    def __init__(self, path, settings: dict):
        self.path, self.settings = Path(path), settings
        if self.path.suffix != ".safetensors":
            raise ValueError(f"fit: checkpoint must end in .safetensors, not {self.path.name!r}")
        self.previous = self.path.with_suffix(".prev.safetensors")
        self.best = self.path.with_suffix(".best.safetensors")
        self.damaged = False

    def save(self, model, optimizer, scaler, history) -> None:
        """Write the run as it stands; the last file becomes the previous one, unless it was found damaged."""
        tensors = {f"model.{key}": value for key, value in model.state_dict().items()}
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
        tensors["history.loss"] = torch.tensor(history.loss, dtype=torch.float64)
        for name, values in history.losses.items():
            tensors[f"history.losses.{name}"] = torch.tensor(values, dtype=torch.float64)
        text = {
            "kind": "training",
            "settings": json.dumps(self.settings),
            "scaler": json.dumps(scaler.state_dict()),
            "metrics": json.dumps(history.metrics),
            "seconds": json.dumps(history.seconds),
        }
        write(self.path, tensors, text, previous=None if self.damaged else self.previous)
        self.damaged = False

    def resume(self, model, optimizer, scaler, history) -> bool:
        """Load the last readable file into all four; False if there is none to resume from.

        Raises ValueError, and changes nothing, if the file is of another model or of other settings, or if all are damaged.
        """
        found = [path for path in (self.path, self.previous) if path.exists()]
        for path in found:
            try:
                tensors, text = read(path)
            except ValueError as error:
                self.damaged |= path == self.path
                print(f"fit: {error}" + ("; using the previous one" if path != found[-1] else ""))
                continue
            self._check(path, text, model, part(tensors, "model."))
            load_state(model, part(tensors, "model."))
            slots: dict[int, dict] = {}
            for key, value in part(tensors, "optimizer.").items():
                index, name = key.split(".", 1)
                slots.setdefault(int(index), {})[name] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
            if scaler.is_enabled() and json.loads(text["scaler"]):
                scaler.load_state_dict(json.loads(text["scaler"]))
            history.loss = tensors["history.loss"].tolist()
            history.losses = {name: values.tolist() for name, values in part(tensors, "history.losses.").items()}
            history.metrics, history.seconds = json.loads(text["metrics"]), json.loads(text["seconds"])
            return True
        if found:
            raise ValueError(f"fit: no checkpoint of {self.path} can be read; delete the file to start anew")
        return False

    def _check(self, path: Path, text: dict, model: nn.Module, state: dict) -> None:
        if text.get("kind") != "training":
            raise ValueError(f"fit: checkpoint {path.name} holds no training run; choose another file name")
        check_state(model, state, f"fit: checkpoint {path.name}")
        stored = json.loads(text["settings"])
        differing = [f"{k}={stored.get(k)}, not {v}" for k, v in self.settings.items() if stored.get(k) != v]
        if differing:
            raise ValueError(
                f"fit: checkpoint {path.name} is of a run with {'; '.join(differing)}; delete it or choose another file name"
            )


def part(tensors: dict, prefix: str) -> dict:
    """The tensors whose keys begin with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def write(path: Path, tensors: dict, text: dict[str, str], previous: Path | None = None) -> None:
    """Write tensors and text to `path` atomically; a file already there becomes `previous`, if that is given."""
    tensors = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}
    text = {**text, "course_lib": course_lib.__version__, "crc32": checksum(tensors)}
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, unfinished, text)
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            os.replace(path, previous)
        os.replace(unfinished, path)
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, (OSError, SafetensorError)):
            raise OSError(f"checkpoint: {path} cannot be written ({error}); the weights in memory are kept") from error
        raise


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and text of a file, with its checksum verified. FileNotFoundError, or ValueError if it is damaged."""
    if not path.exists():
        raise FileNotFoundError(f"checkpoint: {path} does not exist")
    try:
        with safe_open(path, "pt") as file:
            text = file.metadata() or {}
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118  not a dict
    except (OSError, SafetensorError) as error:
        raise ValueError(f"checkpoint {path.name} is damaged ({error})") from error
    if "crc32" in text and text["crc32"] != checksum(tensors):
        raise ValueError(f"checkpoint {path.name} is damaged (its checksum is wrong)")
    return tensors, text


def checksum(tensors: dict[str, torch.Tensor]) -> str:
    """CRC-32 of the bytes of all tensors, in the order of their keys."""
    crc = 0
    for key in sorted(tensors):
        crc = zlib.crc32(tensors[key].reshape(-1).view(torch.uint8).numpy(), crc)
    return f"{crc:08x}"
