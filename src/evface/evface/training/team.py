"""Training in several processes, as torchrun starts them: each learns from its share of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

import torch
from torch import Tensor, distributed

Item = TypeVar("Item")

PATIENCE: Final = timedelta(hours=6)
"""That processes wait for each other: the first one judges alone while the others wait."""


@dataclass(frozen=True, slots=True)
class Team:
    """The processes that learn one network together.

    Attributes:
        device: of this process.
        rank: of this process, from 0; the first one writes files and says how far it is.
        size: how many there are.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def share(self, batch: Sequence[Item]) -> Sequence[Item]:
        """What of a batch this process learns from."""
        return batch[self.rank :: self.size]

    def wait(self) -> None:
        """Until all are here: what the first one wrote before can be read afterwards."""
        if self.size > 1:
            distributed.barrier()

    def sum(self, numbers: Tensor) -> Tensor:
        """The sum over all processes, in each of them."""
        if self.size > 1:
            distributed.all_reduce(numbers)
        return numbers


def alone() -> Team:
    """One process: on the GPU where there is one."""
    return Team(torch.device("cuda" if torch.cuda.is_available() else "cpu"))


@contextmanager
def team() -> Iterator[Team]:
    """This process among those that torchrun started; alone where nobody did.

    On GPUs each process has its own, and they speak NCCL; on CPUs gloo.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield alone()
        return
    gpus = torch.cuda.is_available()
    if gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    device = torch.device("cuda", torch.cuda.current_device()) if gpus else torch.device("cpu")
    distributed.init_process_group("nccl" if gpus else "gloo", timeout=PATIENCE)
    try:
        yield Team(device, distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
