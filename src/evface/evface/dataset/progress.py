"""How long work says how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress(Protocol):
    """Called whenever a step of long work is done."""

    def __call__(self, done: int, total: int, text: str) -> None:
        """``done`` of ``total`` steps are behind us; ``text`` says what was done last, in a few words."""
        ...


def silent(done: int, total: int, text: str) -> None:
    """The progress of whoever does not look."""


@contextmanager
def progress_bar(title: str, console: Console | None = None) -> Iterator[Progress]:
    """A bar in the terminal while the block runs.

    Args:
        title: what is being done, "converting".
        console: where to draw; None: stderr.
    """
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with RichProgress(*columns, console=console or Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, text="")

        def show(done: int, total: int, text: str) -> None:
            bar.update(task, completed=done, total=total, text=text)

        yield show
