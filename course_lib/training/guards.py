"""What keeps a run whole: Ctrl-C between steps only, a copy of the last good weights, random numbers that disturb nobody."""

import contextlib
import signal
import threading

import torch
from torch import nn


@contextlib.contextmanager
def uninterrupted():
    """Ctrl-C waits until the block is over, so an update is made wholly or not at all."""
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread only
        yield
        return
    pressed = []
    handler = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler or signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt


class LastGood:
    """A copy of the model's parameters and buffers as they were when the loss was last finite."""

    def __init__(self, model: nn.Module):
        self.model = model
        self.copies = {key: value.detach().clone() for key, value in model.state_dict().items()}

    def keep(self) -> None:
        """Remember the present state."""
        for key, value in self.model.state_dict().items():
            self.copies[key].copy_(value)

    def restore(self) -> None:
        """Put the remembered state back."""
        self._put_back(self.model.state_dict().items())

    def restore_buffers(self) -> None:
        """Put only the buffers back: batch statistics that saw a step which was not finished."""
        self._put_back(self.model.named_buffers())

    def _put_back(self, tensors) -> None:
        with torch.no_grad():
            for key, value in tensors:
                if key in self.copies:
                    value.copy_(self.copies[key])


def all_finite(model: nn.Module) -> bool:
    """Whether no parameter holds an infinity or a NaN."""
    return all(bool(p.isfinite().all()) for p in model.parameters())


def own_random_numbers(device: torch.device):
    """Context in which `seed_generators` may be called; outside, torch's generators go on as if nothing had happened."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed torch's generators of the processor and of the device (torch.manual_seed walks through every kind of device)."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
