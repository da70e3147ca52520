"""`rig repair`: what a crash left behind becomes takes again."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from evface.dataset.progress import progress_bar
from rig.errors import RecordingError
from rig.recording import Manifest
from rig.recording.repair import repair_session, sessions_below


def repair(
    recordings: Path = typer.Argument(..., help="A session's folder, or a folder with sub-*/ses-*."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be done, and do nothing."),
) -> None:
    """Make readable bags of takes that a crash or a power cut broke off, and enter them in the manifest.

    rig repair recordings --dry-run

    A broken take is kept up to its last whole chunk, at most a quarter of a second before the crash, as
    interrupted. Finished takes are never touched. Call it as often as you like: the second time
    there is nothing to do. With exit code 2 something could not be repaired; the line says what and why.
    """
    console = Console(highlight=False, soft_wrap=True)
    failed = False
    for folder in sessions_below(recordings):
        try:
            manifest = Manifest(folder, resume=True)
        except RecordingError as error:
            console.print(f"failed: {error}", markup=False)
            failed = True
            continue
        with progress_bar("reading", console) as progress:
            mended = repair_session(manifest, dry=dry_run, progress=progress)
        finished = len(manifest.takes())
        manifest.close()
        for entry in mended:
            console.print(f"{entry.did}: {entry.take}: {entry.detail}", markup=False)
            failed |= entry.did == "failed"
        would = ", nothing was changed" if dry_run and mended else ""
        console.print(f"{folder}: {len(mended)} to repair, {finished} takes finished{would}", markup=False)
    raise typer.Exit(2 if failed else 0)
