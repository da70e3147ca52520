"""`rig demo`: everything once, without any camera."""

from __future__ import annotations

from pathlib import Path

import typer


def demo(
    out: Path = typer.Option(
        Path("out/demo"), help="Folder of the demonstration; an earlier one is replaced."
    ),
    aus: str = typer.Option("2,12,26,51,53,62", help="Action Units to elicit."),
    subjects: int = typer.Option(3, min=2, max=7, help="Virtual subjects; one is held out in training."),
) -> None:
    """Record virtual subjects, convert, train a small network, replay a take of the one it has never seen.

    Takes about three minutes on two cores and leaves recordings, a dataset, a model and report.html.
    """
    from rig.demo.steps import Demo  # torch and matplotlib: no other command waits for them

    Demo(out, aus, subjects).run()
