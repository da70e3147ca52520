"""The command `evface`: looks into recordings and converts them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from evface.errors import EvfaceError
from evface.events import Events
from evface.events.files import Recording, open_recording, open_writer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Faces in event cameras."
)

Topic = Annotated[str, typer.Option(help="Topic of a bag; needed when several have events.")]


@app.callback()
def _commands() -> None:
    """Faces in event cameras."""


@app.command()
def info(
    file: Annotated[
        Path, typer.Argument(help=".aedat4, .raw, .h5, .hdf5, .mcap, .db3, the folder of a bag, or a video.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    topic: Topic = "",
) -> None:
    """Say what is in a recording: events, times in us, triggers, frames."""
    facts = asdict(open_recording(file, topic=topic).summary())
    if as_json:
        print(json.dumps(facts))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in facts.items():
        table.add_row(name, "-" if value is None else str(value))
    Console().print(table)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="Any recording that `info` reads.")],
    target: Annotated[
        Path, typer.Argument(help=".raw (EVT3) or .h5, .hdf5 (layout of DSEC); replaced if it is there.")
    ],
    topic: Topic = "",
) -> None:
    """Convert the events and triggers of a recording; the target appears only when it is whole."""
    recording = open_recording(source, topic=topic)
    _convert(recording, target)


def _convert(recording: Recording, target: Path) -> None:
    triggers = recording.triggers
    written = done = 0
    rest = Events.empty(recording.width, recording.height, recording.clock)
    console = Console(stderr=True)
    with (
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
        open_writer(target, recording.width, recording.height) as writer,
    ):
        task = progress.add_task(f"{recording.path.name} to {target.name}", total=None)
        for part in recording.chunks():
            if not len(part):
                continue
            upto = int(triggers.t.searchsorted(part.t[-1], side="right"))
            writer.write(part, triggers[done:upto])
            done = upto
            written += len(part)
            progress.update(task, advance=len(part))
        writer.write(rest, triggers[done:])
    print(f"{target}: {written} events, {len(triggers)} triggers")


def main() -> None:
    """Entry point of ``evface``: an error that a person can mend is one line, exit code 2."""
    try:
        app()
    except (EvfaceError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
