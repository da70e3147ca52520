"""Networks learning: the one loop for whatever is learnt (§5), interruptible after any epoch."""

from __future__ import annotations

import hashlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from evface.errors import DatasetError, FormatError
from evface.models.plif import Plif, implementation
from evface.training.team import Team, alone
from evface.training.tensorboard import EventFile

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
        mixed: whether convolutions and matrices may be bfloat16 on a GPU; all that is added up, neurons
            among it, stays float32.
    """

    epochs: int
    learning_rate: float
    annealing: Literal["none", "cosine"] = "cosine"
    mixed: bool = False


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
    settings: Any = torch.utils.deterministic
    filled = settings.fill_uninitialized_memory
    # cuBLAS asks for it, before its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Or whatever is allocated would be filled with NaN, which costs as much as a layer.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory = filled


class Trainer:
    """Trains a network and keeps ``last.pt`` up to date; ``tensorboard/`` has its curves.

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
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=recipe.learning_rate, fused=True)
        self.schedule: torch.optim.lr_scheduler.LRScheduler
        if recipe.annealing == "cosine":
            self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=recipe.epochs)
        else:
            self.schedule = torch.optim.lr_scheduler.ConstantLR(self.optimizer, 1.0)
        self.history: list[dict[str, float]] = []
        self._key = hashlib.sha256(f"{task.key} {recipe} {seed}".encode()).hexdigest()
        # Or one process might look for what the first is still writing.
        self.team.wait()
        if self._last.exists():
            self._resume()
        objective = task.objective(self.model).to(self.team.device)
        self._objective = DistributedDataParallel(objective) if self.team.size > 1 else objective

    @property
    def _last(self) -> Path:
        return self.folder / "last.pt"

    @property
    def engine(self) -> dict[str, Any]:
        """On what and how the network learns, for the record: a slow path does not go unsaid.

        Returns:
            ``device`` and ``precision``; on a CPU ``threads``; what computes the ``neurons`` where there are
            any, see `evface.models.plif.implementation`; ``processes`` where they are several.
        """
        device, mixed = self.team.device, self._mixed
        gpu = device.type == "cuda"
        found: dict[str, Any] = {
            "device": torch.cuda.get_device_name(device) if gpu else device.type,
            "precision": "bfloat16 and float32" if mixed else "float32",
        }
        if not gpu:
            found["threads"] = torch.get_num_threads()
        if any(isinstance(module, Plif) for module in self.model.modules()):
            found["neurons"] = implementation(device, torch.bfloat16 if mixed else torch.float32)
        if self.team.size > 1:
            found["processes"] = self.team.size
        return found

    @property
    def _mixed(self) -> bool:
        return self.task.recipe.mixed and self.team.device.type == "cuda"

    def run(self, report: EpochReport) -> nn.Module:
        """Train until the last epoch; an interruption loses at most the epoch it falls into."""
        with deterministic():
            for _ in self.steps(report):
                pass
        self.team.wait()
        return self.model.eval()

    def steps(self, report: EpochReport) -> Iterator[None]:
        """What `run` does, one step at a time, for whoever trains several networks in turn."""
        with self._events() as events:
            while len(self.history) < self.task.recipe.epochs:
                rate = float(self.schedule.get_last_lr()[0])
                measures = yield from self._epoch()
                self.history.append(measures)
                if self.team.first:
                    # In this order: what is written for an epoch that is not saved is left out later.
                    events.write(len(self.history), {**measures, "learning rate": rate})
                    self._save()
                report(len(self.history), measures)

    def _events(self) -> EventFile:
        return EventFile(self.folder / "tensorboard" if self.team.first else None, len(self.history))

    def _epoch(self) -> Generator[None, None, dict[str, float]]:
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
            yield
        self.schedule.step()
        totals = self.team.sum(torch.stack(list(sums.values())))
        means = (totals / count).tolist()
        return {**dict(zip(sums, means, strict=True)), "seconds": time.perf_counter() - start}

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        with torch.autocast(self.team.device.type, torch.bfloat16, enabled=self._mixed):
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
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
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
