"""`rig quality`: the takes of a session and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from evface.clocks import sync_take
from evface.dataset.boxes import FaceDetector
from evface.dataset.recordings import Take, session_takes
from evface.errors import DatasetError
from evface.quality import QUALITY, Level, assess_take, load_thresholds, read_quality
from rig.commands.preflight import MARKS
from rig.resources import config_file


def quality(
    session: Path = typer.Argument(..., help="Folder of a session, OUT/sub-S01/ses-01."),
    again: bool = typer.Option(False, "--again", help="Look through every take anew, whatever was found."),
) -> None:
    """List the takes of a session with what is wrong; takes that nobody looked through are looked through.

    Exit code 1 when a take should be done again.
    """
    console = Console(highlight=False, soft_wrap=True)
    manifest = session / "manifest.jsonl"
    if not manifest.exists():
        raise DatasetError(f"{session}: no session in it, expected {manifest.name}")
    table = Table(title=str(session), title_justify="left", pad_edge=False)
    for heading in ("take", "outcome", "", "what is wrong"):
        table.add_column(heading, overflow="fold")
    redo = 0
    for take in session_takes(manifest, lambda name, why: console.print(f"{name}: {why}", markup=False)):
        found = _found(take, again)
        wrong = [_line(check) for check in found["checks"] if check["level"] in ("red", "amber")]
        level = MARKS[Level[found["level"].upper()]]
        if found["redo_suggested"]:
            level += ", redo"
            redo += 1
        table.add_row(take.id.name, take.outcome, level, "\n".join(wrong))
    console.print(table)
    raise typer.Exit(1 if redo else 0)


def _found(take: Take, again: bool) -> dict[str, Any]:
    found = None if again else read_quality(take.bag)
    if found is None:
        thresholds = load_thresholds(config_file("quality.yaml"))
        assess_take(take, thresholds, offsets=sync_take(take.bag), detect=FaceDetector().detect)
        found = read_quality(take.bag)
    if found is None:
        raise DatasetError(f"{take.bag / QUALITY}: is gone")
    return found


def _line(check: dict[str, str]) -> str:
    text = f"{check['level']}: {check['sensor']} {check['name']}: {check['value']}"
    return f"{text} ({check['reason']})" if check["reason"] else text
