"""Watching a run of many folds and seeds: what is told of it, and a live table of it in the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from evface.dataset.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class Epoch:
    """How far the training of a fold and a seed is.

    Attributes:
        fold: its name.
        seed: its number.
        epoch: epochs behind it, 0 before the first.
        epochs: in all.
        measures: means of the last epoch: loss, accuracy or whatever else is measured, and seconds.
    """

    fold: str
    seed: int
    epoch: int
    epochs: int
    measures: Mapping[str, float] = field(default_factory=dict)

    def found(self) -> list[str]:
        """Its measures in words; that there is nothing left to train where it has none."""
        if not self.measures:
            return ["was done"]
        return [f"{name} {shown(name, value)}" for name, value in self.measures.items() if name != "seconds"]


Watch = Callable[[Epoch], None]
"""Told of every fold and seed before the first begins, then after every epoch of each."""


def as_progress(progress: Progress) -> Watch:
    """A watch that tells a progress of all epochs of all folds and seeds together."""
    runs: dict[tuple[str, int], Epoch] = {}

    def tell(epoch: Epoch) -> None:
        runs[epoch.fold, epoch.seed] = epoch
        if epoch.epoch:
            done, total = (sum(getattr(run, name) for run in runs.values()) for name in ("epoch", "epochs"))
            progress(done, total, " ".join([epoch.fold, f"seed {epoch.seed}", *epoch.found()]))

    return tell


class Board:
    """The last news of every fold and seed, and how long the rest will take.

    Args:
        clock: s.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._runs: dict[tuple[str, int], Epoch] = {}
        self._began: float | None = None
        self._behind = 0

    def tell(self, epoch: Epoch) -> None:
        """Take note of news."""
        # What an earlier call trained comes without measures, and took none of our time.
        if "seconds" in epoch.measures:
            self._behind += 1
            if self._began is None:
                self._began = self._clock() - epoch.measures["seconds"]
        self._runs[epoch.fold, epoch.seed] = epoch

    def left(self) -> float | None:
        """Seconds until all is done, at the pace so far; None before anything is."""
        if self._began is None:
            return None
        ahead = sum(run.epochs - run.epoch for run in self._runs.values())
        return (self._clock() - self._began) / self._behind * ahead

    def title(self) -> str:
        """In a line."""
        done = sum(run.epoch == run.epochs for run in self._runs.values())
        return f"{done} of {len(self._runs)} trained" + _in_words(self.left())

    def table(self) -> Table:
        """A row for each fold and seed, those underway first."""
        rows = sorted(self._runs.values(), key=lambda run: (run.epoch == run.epochs, run.epoch == 0))
        names = list(dict.fromkeys(name for run in rows for name in run.measures if name != "seconds"))
        table = Table(title=escape(self.title()), title_justify="left")
        table.add_column("fold")
        for heading in ("seed", "epoch", *names, "s an epoch", "left"):
            table.add_column(heading, justify="right")
        for run in rows:
            seconds = run.measures.get("seconds")
            table.add_row(
                escape(run.fold),
                str(run.seed),
                f"{run.epoch}/{run.epochs}",
                *(shown(name, run.measures.get(name)) for name in names),
                "-" if seconds is None else f"{seconds:.1f}",
                "-" if seconds is None else _duration(seconds * (run.epochs - run.epoch)),
            )
        return table


@contextmanager
def training_table(console: Console) -> Iterator[tuple[Progress, Watch]]:
    """A table that follows the training while the block runs; a line for each epoch where nobody looks.

    Args:
        console: where; lines if it is no terminal.

    Yields:
        Who is told of the clips that are read, and who of the epochs.
    """
    board = Board()
    if not console.is_terminal:

        def line(epoch: Epoch) -> None:
            board.tell(epoch)
            if epoch.epoch:
                at = f"epoch {epoch.epoch}/{epoch.epochs}"
                parts = [epoch.fold, f"seed {epoch.seed}", at, *epoch.found()]
                console.print(" ".join(parts) + _in_words(board.left()), markup=False)

        yield silent, line
        return
    with Live(console=console, auto_refresh=False) as live:

        def read(done: int, total: int, text: str) -> None:
            live.update(f"reading clips: {done} of {total}", refresh=True)

        def draw(epoch: Epoch) -> None:
            board.tell(epoch)
            live.update(board.table(), refresh=True)

        yield read, draw


def shown(name: str, value: float | None) -> str:
    """A measure as it is read best."""
    if value is None:
        return "-"
    return f"{value:.0%}" if name == "accuracy" else f"{value:.4g}"


def _in_words(seconds: float | None) -> str:
    return "" if seconds is None or seconds < 1 else f", {_duration(seconds)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
