"""`rig record`: the whole acquisition, from the countdown to the manifest."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from evface.validation import validated
from rig.commands.operator import obey_terminal
from rig.graph import RecordOptions, record_graph
from rig.starting.local import run_graph
from rig.starting.preparing import prepare


def record(
    rig: str = typer.Option("live", help="live, virtual, file, or the path of a rig's YAML file."),
    subject: str = typer.Option("S01", help="Pseudonym of the subject: letters and digits, never a name."),
    session: str = typer.Option("", help="Session label; the next free number when left out."),
    script: str = typer.Option("default", help="Protocol script: default, fast, or a YAML file's path."),
    aus: str = typer.Option(
        "", help="FACS numbers to elicit, such as 12,45,51; the script's own when left out."
    ),
    cameras: str = typer.Option(
        "", help="Cameras to use, such as davis346,webcam; the rig's own when left out."
    ),
    language: str = typer.Option("en", help="Language of what the subject reads: en, es."),
    main_only: bool = typer.Option(
        False, "--main-only", help="The main run alone: no familiarisation, no rehearsal."
    ),
    consent: str = typer.Option(
        "", help="Scopes consented to on paper, such as research,sharing; the session asks when left out."
    ),
    resume: bool = typer.Option(
        False, "--resume", help="Take the subject's unfinished session up again, at the AU where it was."
    ),
    headless: bool = typer.Option(
        False, "--headless", help="Start by itself once every sensor is heard, and end when all is safe."
    ),
    out: Path = typer.Option(Path("recordings"), help="Folder of the recordings."),
    calibration: str = typer.Option("", help="Folder of the cameras' calibration (rig calibrate)."),
) -> None:
    """Record a session: walk the protocol, write one bag per take and a manifest line when it is safe.

    Without cameras, try:  rig record --rig virtual --script fast --aus 12,45,51 --headless

    With people in the chair leave --headless out and type what the session should do, then Enter: start,
    confirm, consent, decline, pause, resume, redo, skip, stop or note. Nothing is recorded before the
    consent. A headless session is the main run alone; virtual people consent by themselves, and the
    metadata say so.

    Ctrl-C ends at once and keeps the running take as interrupted. After that, as after a crash, --resume goes
    on at the Action Unit where it was.

    Each take becomes OUT/sub-S01/ses-01/sub-S01_ses-01_task-au12_run-01, a rosbag2 bag (mcap) that
    ros2 bag, rosbags and Foxglove read.
    """
    options = validated(
        RecordOptions,
        {
            "rig": rig,
            "subject": subject,
            "session": session,
            "script": script,
            "aus": aus,
            "cameras": cameras,
            "language": language,
            "main_only": main_only,
            "consent": consent,
            "resume": resume,
            "headless": headless,
            "out": str(out),
            "calibration": calibration,
        },
        "rig record",
    )
    console = Console(highlight=False, soft_wrap=True)

    def say(line: str) -> None:
        console.print(line, markup=False)

    graph = record_graph(options)
    prepare(options, graph, say)
    if not headless:
        obey_terminal(say)
    code = run_graph(graph, say)
    raise typer.Exit(code)
