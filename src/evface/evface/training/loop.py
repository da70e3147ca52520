"""Networks learning: the one loop for whatever is learnt (§5), interruptible after any epoch."""

from __future__ import annotations

import hashlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from evface.errors import DatasetError, FormatError
from evface.training.team import Team, alone

EpochReport = Callable[[int, dict[str, float]], None]
"""Called after each epoch with its number from 1 and its measures: loss, those of the task, seconds."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step learns from.

    Attributes:
        inputs: of the objective, on the device it runs on.
        items: examples in it, of this process.
        total: of all processes together.
    """

    inputs: tuple[Any, ...]
    items: int
    total: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long and how fast a network learns, with Adam.

    Attributes:
        epochs: passes over the examples.
        learning_rate: at first.
        annealing: whether it goes down to 0 along a cosine.
    """

    epochs: int
    learning_rate: float
    annealing: Literal["none", "cosine"] = "cosine"


class Task(Protocol):
    """What is learnt, from what.

    Attributes:
        key: tells this task from others whose interrupted training could lie in the same folder.
        recipe: how long and how fast.
    """

    key: str
    recipe: Recipe

    def network(self) -> nn.Module:
        """The network, its weights drawn from torch's own generator."""
        ...

    def objective(self, network: nn.Module) -> nn.Module:
        """What is made smaller: a module that holds the network and maps a batch's inputs to two things.

        The first is the loss, the second other measures by name; all are means over the batch's items.
        """
        ...

    def batches(self, order: torch.Generator, team: Team) -> Iterator[Batch]:
        """An epoch's batches, of each the share of this process; the same number in all of them."""
        ...


@contextmanager
def deterministic() -> Iterator[None]:
    """Only operations that give the same result twice, where there is a choice."""
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


class Trainer:
    """Trains a network and keeps ``last.pt`` up to date.

    Args:
        task: what is learnt.
        seed: of the weights, the order of the examples and whatever a network draws while it learns.
        folder: where ``last.pt`` lives; training goes on from it when it is there.
        team: the processes that learn together; None: this one alone.

    Attributes:
        model: the network.
        history: measures of each epoch.

    Raises:
        DatasetError: ``last.pt`` belongs to another run.
        FormatError: ``last.pt`` cannot be read.
    """

    def __init__(self, task: Task, seed: int, folder: Path, team: Team | None = None) -> None:
        self.task, self.seed, self.folder, self.team = task, seed, folder, team or alone()
        recipe = task.recipe
        torch.manual_seed(seed)
        self.order = torch.Generator().manual_seed(seed)
        self.model = task.network().to(self.team.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=recipe.learning_rate)
        self.schedule: torch.optim.lr_scheduler.LRScheduler
        if recipe.annealing == "cosine":
            self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=recipe.epochs)
        else:
            self.schedule = torch.optim.lr_scheduler.ConstantLR(self.optimizer, 1.0)
        self.history: list[dict[str, float]] = []
        self._key = hashlib.sha256(f"{task.key} {recipe} {seed}".encode()).hexdigest()
        if self._last.exists():
            self._resume()
        self.team.wait()
        objective = task.objective(self.model).to(self.team.device)
        self._objective = DistributedDataParallel(objective) if self.team.size > 1 else objective

    @property
    def _last(self) -> Path:
        return self.folder / "last.pt"

    def run(self, report: EpochReport) -> nn.Module:
        """Train until the last epoch; an interruption loses at most the epoch it falls into."""
        with deterministic():
            while len(self.history) < self.task.recipe.epochs:
                self.history.append(self._epoch())
                if self.team.first:
                    self._save()
                report(len(self.history), self.history[-1])
        self.team.wait()
        return self.model.eval()

    def _epoch(self) -> dict[str, float]:
        start = time.perf_counter()
        # What is drawn follows from seed, epoch and process, so that nothing need be kept for a resumption.
        drawing = torch.Generator().manual_seed(self.seed)
        numbers = torch.randint(2**62, (len(self.history) + 1, self.team.size), generator=drawing)
        torch.manual_seed(int(numbers[-1, self.team.rank]))
        self._objective.train()
        sums: defaultdict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=self.team.device))
        count = 0
        for batch in self.task.batches(self.order, self.team):
            for name, value in self._step(batch).items():
                sums[name] += value * batch.items
            count += batch.total
        self.schedule.step()
        totals = self.team.sum(torch.stack(list(sums.values())))
        means = (totals / count).tolist()
        return {**dict(zip(sums, means, strict=True)), "seconds": time.perf_counter() - start}

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        loss, measures = self._objective(*batch.inputs)
        self.optimizer.zero_grad()
        # Gradients are averaged over processes, each of which may have a share of another size.
        share = batch.items * self.team.size / batch.total
        (loss if share == 1.0 else loss * share).backward()
        self.optimizer.step()
        return {"loss": loss.detach(), **measures}

    def _save(self) -> None:
        state: dict[str, Any] = {
            "key": self._key,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": self.history,
            "order": self.order.get_state(),
        }
        temporary = self._last.with_suffix(".partial")
        torch.save(state, temporary)
        os.replace(temporary, self._last)

    def _resume(self) -> None:
        try:
            state = torch.load(self._last, map_location="cpu", weights_only=True)
            if state["key"] != self._key:
                raise DatasetError(
                    f"{self._last} is of another run (other configuration, clips or seed): "
                    "choose another folder, or remove it"
                )
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            self.history = list(state["history"])
            self.order.set_state(state["order"])
        except DatasetError:
            raise
        except Exception as error:  # pickle, zip and key errors: whatever a broken file gives
            raise FormatError(
                f"{self._last}: cannot be resumed from: {' '.join(str(error).split())}"
            ) from error
