"""Curves of a training as an event file that TensorBoard reads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class EventFile:
    """Scalars by epoch.

    Args:
        folder: of the event file; None: nothing is written.
        epochs: how many were written before; what an interrupted call wrote behind them is left out.
    """

    def __init__(self, folder: Path | None, epochs: int = 0) -> None:
        self._writer: SummaryWriter | None = None
        if folder is not None:
            # Imported when something is trained: it takes a second.
            from torch.utils.tensorboard import SummaryWriter

            _wait_behind(folder)
            self._writer = SummaryWriter(str(folder), purge_step=epochs + 1 if epochs else None)

    def write(self, epoch: int, measures: Mapping[str, float]) -> None:
        """The measures of an epoch, each a curve of its own."""
        if self._writer is None:
            return
        for name, value in measures.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def __enter__(self) -> EventFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()


def _wait_behind(folder: Path) -> None:
    """Wait until a new event file sorts behind those that are there: their names have whole seconds."""
    newest = max((int(path.name.split(".")[3]) for path in folder.glob("events.out.tfevents.*")), default=0)
    while newest == int(time.time()):
        time.sleep(0.02)
