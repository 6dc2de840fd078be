"""Which samples make up which step, on which process, with which random augmentation.

Everything is a function of the seed and of the position in one endless stream: epoch after epoch, each in a new order. So a
resumed run continues exactly where it stopped, several processes share the batches of one, and neither the number of
workers nor what was drawn before changes a sample.
"""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from course_lib.datasets import collate


def mixed_seed(*numbers: int) -> int:
    """One 63-bit seed out of several numbers, the same on every machine."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


class Stream(Sampler):
    """Batches of (position, index) for the steps start..steps-1; `share` of the batch is (process, number of processes)."""

    def __init__(
        self, samples: int, batch_size: int, start: int, steps: int, seed: int, share: tuple[int, int] = (0, 1)
    ):
        self.samples, self.batch_size, self.start, self.steps, self.seed = samples, batch_size, start, steps, seed
        self.process, self.processes = share

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self):
        part = self.batch_size // self.processes
        order, epoch = None, None
        for step in range(self.start, self.steps):
            first = step * self.batch_size + self.process * part
            batch = []
            for position in range(first, first + part):
                if position // self.samples != epoch:
                    epoch = position // self.samples
                    generator = torch.Generator().manual_seed(mixed_seed(self.seed, 0, epoch))
                    order = torch.randperm(self.samples, generator=generator).tolist()
                batch.append((position, order[position % self.samples]))
            yield batch


class Seeded(Dataset):
    """`dataset[(position, index)]` is sample `index`, drawn with torch's generator seeded by the position.

    torchvision's random transforms draw from that generator. Afterwards it is where it was before.
    """

    def __init__(self, dataset, seed: int):
        self.dataset, self.seed = dataset, seed

    def __getitem__(self, key: tuple[int, int]):
        position, index = key
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(mixed_seed(self.seed, 1, position))
        try:
            return self.dataset[index]
        finally:
            torch.set_rng_state(before)


def training_batches(dataset, stream: Stream, num_workers: int, pin_memory: bool) -> DataLoader:
    """Loader of the stream's batches, collated."""
    return DataLoader(
        Seeded(dataset, stream.seed),
        batch_sampler=stream,
        collate_fn=collate,
        num_workers=num_workers,
        pin_memory=pin_memory,
        generator=torch.Generator(),  # or the loader would draw a number from everybody's
    )


def batches(dataset, steps: int, *, batch_size: int = 16, seed: int = 0):
    """Yield the batches (images, targets) that `fit` trains on with these settings, in its order, not normalized."""
    yield from training_batches(
        dataset, Stream(len(dataset), batch_size, 0, steps, seed), num_workers=0, pin_memory=False
    )
