"""`rig validate` and `rig export`: a published dataset looked through, and in other formats."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from evface.dataset.progress import progress_bar


def validate(
    dataset: Path = typer.Argument(..., help="Root of a dataset, from convert or simulate."),
    checksums: bool = typer.Option(
        True, help="Compare every file's checksum with MANIFEST.sha256; reads everything once more."
    ),
) -> None:
    """Check a dataset completely: names, files, checksums, contents, participants, splits, consent, truth.

    rig validate dataset

    A line for each finding, with the file and what is wrong with it. Exit code 0: nothing is wrong;
    1: something is; 2: a file, or the dataset, cannot be read at all. The dataset is only read.
    """
    from evface.dataset.validation import validate as validate_dataset

    console = Console(highlight=False, soft_wrap=True)
    with progress_bar("validating") as progress:
        report = validate_dataset(
            dataset,
            progress=progress,
            tell=lambda finding: console.print(str(finding), markup=False),
            checksums=checksums,
        )
    console.print(f"{dataset}: {report}", markup=False)
    raise typer.Exit(report.exit_code)


def export(
    dataset: Path = typer.Argument(..., help="Root of a dataset, from convert or simulate."),
    to: str = typer.Option(..., help="evreal: a folder of numpy arrays a take; elan: an .eaf a take."),
    out: Path = typer.Option(..., help="Folder of what is written; an unfinished one is continued."),
    sensor: str = typer.Option("davis", help="davis or evk4: whose events EVREAL gets."),
) -> None:
    """Write the takes that count for training in the format of EVREAL or ELAN; the dataset is only read.

    rig export dataset --to evreal --out EVREAL/data/faces

    rig export dataset --to elan --out annotations
    """
    from evface.dataset.exports import export as export_dataset

    console = Console(highlight=False, soft_wrap=True)
    with progress_bar("exporting", console) as progress:
        report = export_dataset(dataset, to, out, sensor=sensor, progress=progress)
    console.print(f"{out}: {report.written} takes written, {report.there} were there", markup=False)
