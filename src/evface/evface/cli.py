"""The command `evface`: looks into recordings, converts them, and simulates them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, cast

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


@app.command()
def simulate(
    target: Annotated[
        Path, typer.Argument(help=".h5, .hdf5 (layout of DSEC) or .raw (EVT3); replaced if it is there.")
    ],
    au: Annotated[int, typer.Option(help="FACS number of what the person does; 0: nothing.")] = 0,
    scene: Annotated[str, typer.Option(help="face (a person), photograph, or an image or a video.")] = "face",
    camera: Annotated[str, typer.Option(help="davis346 or evk4.")] = "davis346",
    seconds: Annotated[float, typer.Option(help="How long; the person is asked after 1 s.")] = 4.4,
    pixels: Annotated[str, typer.Option(help="davis346, evk4, clean, noisy or ideal.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of person and camera.")] = 0,
) -> None:
    """Make the events of a virtual person, a photograph or a video, and the truth in a .json beside them.

    Whole datasets are made by `rig simulate`.
    """
    from evface.cameras.options import SIZES, Camera
    from evface.simulation import ask, open_scene, performances_of, truth_of, watch

    subject = open_scene(scene, seed, loop=True, camera=camera)
    if au:
        ask(subject, au)
    seen = watch(subject, seconds, camera, pixels=pixels or None, seed=seed, frame_rate=0.0)
    written = 0
    with open_writer(target, *SIZES[cast(Camera, camera)]) as writer:
        for look in seen:
            writer.write(look.events)
            written += len(look.events)
    print(f"{target}: {written} events")
    for performance in performances_of(subject):
        truth = target.with_suffix(".json")
        truth.write_text(json.dumps(truth_of(performance, seed), indent=2) + "\n")
        print(f"{truth}: what the person did")


def main() -> None:
    """Entry point of ``evface``: an error that a person can mend is one line, exit code 2."""
    try:
        app()
    except (EvfaceError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
