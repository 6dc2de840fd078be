"""One process or several: which device is mine, and the few things that processes do together.

Started by `accelerate launch` or `torchrun`, accelerate finds the other processes and gives each its device; started plainly,
there is one process and nothing below communicates. Gradients are averaged in one transfer after the backward pass, so a loss
function may call any part of the model (a wrapped model only counts calls of its forward).
"""

import atexit
import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from accelerate.state import PartialState

from course_lib import profiles

WORLD_SIZES = (
    "WORLD_SIZE",
    "PMI_SIZE",
    "OMPI_COMM_WORLD_SIZE",
)  # set by torchrun and accelerate, and by two kinds of MPI


@dataclass(frozen=True)
class Place:
    """This process: number `rank` of `count`, working on `device`. `main` is the one that writes files and shows the bar."""

    rank: int
    count: int
    device: torch.device

    @property
    def main(self) -> bool:
        return self.rank == 0

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over the processes, on each of them; in place."""
        if self.count > 1:
            dist.all_reduce(tensor)
        return tensor

    def largest(self, value: int) -> int:
        """The largest of the processes' values."""
        if self.count == 1:
            return value
        tensor = torch.tensor(value, device=self.device)
        dist.all_reduce(tensor, dist.ReduceOp.MAX)
        return int(tensor)

    def share_state(self, model: torch.nn.Module) -> None:
        """Give every process the parameters and buffers of the main one."""
        if self.count > 1:
            for tensor in model.state_dict().values():
                plain = tensor.detach().contiguous()
                dist.broadcast(plain, 0)
                tensor.detach().copy_(plain)

    def average_gradients(self, parameters: list[torch.nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes; a parameter none of them used keeps None."""
        if self.count == 1:
            return
        used = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        pieces = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
        everything = self.sum(torch.cat([*pieces, used])) / self.count
        *pieces, used = everything.split([p.numel() for p in parameters] + [len(parameters)])
        for parameter, piece, share in zip(parameters, pieces, used.tolist(), strict=True):
            if share:
                parameter.grad = torch.empty_like(parameter).copy_(piece.view_as(parameter))  # its memory format

    def wait(self) -> None:
        """Return when all processes are here."""
        if self.count > 1:
            PartialState().wait_for_everyone()


def join(device: torch.device | str | None = None) -> Place:
    """Where this process works: `device` or the best one; with several processes on GPUs, the one accelerate assigns."""
    device = torch.device(device or profiles.best_device())
    if all(int(os.environ.get(name, 1)) == 1 for name in WORLD_SIZES):
        return Place(0, 1, device)
    state = PartialState(cpu=device.type != "cuda")
    atexit.unregister(leave)  # at most once
    atexit.register(leave)
    return Place(state.process_index, state.num_processes, state.device)


def leave() -> None:
    """Close the connections before the interpreter ends: a process that ends with them open can abort after its work is done."""
    if dist.is_initialized():
        dist.destroy_process_group()
