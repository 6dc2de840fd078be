"""Profiles: the same lesson on a laptop, on a free GPU and at paper size. They change sizes and steps, never the story.

`laptop` is meant for two processor cores and a minute; `gpu` for a free Colab GPU and ten minutes; `full` is the size of the
papers, by script. The profile follows the machine (`gpu` with CUDA, else `laptop`) unless COURSE_PROFILE names one.
"""

import os
from dataclasses import dataclass

import torch

NAMES = ("laptop", "gpu", "full")
_NOT_GIVEN = object()


@dataclass(frozen=True)
class Profile:
    """name: "laptop", "gpu" or "full"; device: the best one this machine has (cuda, mps, cpu)."""

    name: str
    device: torch.device

    def pick(self, *, laptop, gpu, full=_NOT_GIVEN):
        """The value meant for this profile; without a value of its own, `full` takes that of `gpu`."""
        return {"laptop": laptop, "gpu": gpu, "full": gpu if full is _NOT_GIVEN else full}[self.name]


def current() -> Profile:
    """The profile in force, read anew at each call. Raises ValueError if COURSE_PROFILE names none."""
    device = best_device()
    name = os.environ.get("COURSE_PROFILE") or ("gpu" if device.type == "cuda" else "laptop")
    if name not in NAMES:
        raise ValueError(f"profiles: COURSE_PROFILE must be one of {', '.join(NAMES)}, not {name!r}")
    return Profile(name, device)


def best_device() -> torch.device:
    """cuda if there is one, else mps, else cpu."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
