"""`rig report`: the paper's tables and figures from a dataset."""

from __future__ import annotations

import math
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import typer
from rich.console import Console

from evface.dataset.progress import Progress, progress_bar
from rig.commands.learning import parse_seeds
from rig.resources import config_or_path

SEEDS = "0,1,2,3,4"
"""At least five, so that luck shows; a quick run has the first alone."""

LINE_EVERY = 30.0
"""s between lines of progress where nobody looks."""


def report(
    dataset: Path = typer.Argument(..., help="Root of a converted or simulated dataset."),
    out: Path = typer.Option(Path("report"), help="Folder of report.html, tables/, figures/ and runs/."),
    quick: bool = typer.Option(False, "--quick", help="Small networks, few epochs, one seed: a CPU will do."),
    train: bool = typer.Option(
        True, "--train/--no-train", help="Train what is missing, or only report what is there."
    ),
    runs: Path | None = typer.Option(None, help="Folder of the runs, one per preset; OUT/runs by default."),
    seeds: str = typer.Option("", help=f"Comma-separated; {SEEDS} by default, 0 with --quick."),
    compare: str = typer.Option("", help="Presets to train and compare with the paper's, comma-separated."),
    docs: Path | None = typer.Option(None, help="Write a page for GitHub here too, with small pictures."),
) -> None:
    """Tables 1-6 and Figures 2 and 5 of the paper from your data, as one page, CSV, LaTeX, PNG and PDF.

    rig report dataset --out report --quick

    Trains what is missing, one subject left out at a time. Call again after an interruption: finished folds
    are kept. A sensor that was not there is named in the report. Other runs in the folder of runs are
    compared with the paper's. What failed is said in a line, and the exit code is 2.
    """
    from evface.evaluation.report.results import gather
    from evface.evaluation.report.training import MissingRuns
    from evface.evaluation.report.writing import write_report

    console = Console(highlight=False, soft_wrap=True)
    folder = runs or out / "runs"
    numbers = seeds or ("0" if quick else SEEDS)

    progress = progress_of(console)
    missing = MissingRuns(
        dataset, folder, lambda name: config_or_path("training", name), progress, parse_seeds(numbers)
    )
    if train:
        missing.train(quick, [name for name in compare.split(",") if name])
    with progress("counting events") as told:
        results = gather(dataset, folder, quick, missing.lacking, told)
    with progress("tables and figures") as told:
        page = write_report(results, out, shlex.join(["rig", *sys.argv[1:]]), docs, told)
    for name in missing.failed:
        console.print(f"{name}: {missing.lacking[name]}", markup=False)
    console.print(f"the report is in {page}", markup=False)
    raise typer.Exit(2 if missing.failed else 0)


def progress_of(
    console: Console, seconds: float = LINE_EVERY
) -> Callable[[str], AbstractContextManager[Progress]]:
    """How work with a title says how far it is: a bar, or lines where the console is no terminal.

    Args:
        console: where.
        seconds: between one line and the next; the last is always told.
    """

    @contextmanager
    def lines(title: str) -> Iterator[Progress]:
        told = -math.inf

        def tell(done: int, total: int, text: str) -> None:
            nonlocal told
            if time.monotonic() - told >= seconds or done == total:
                console.print(f"{title}: {done} of {total}, {text}", markup=False)
                told = time.monotonic()

        yield tell

    if not console.is_terminal:
        return lines
    return lambda title: progress_bar(title, console)
