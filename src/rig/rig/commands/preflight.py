"""`rig preflight`: whether a session can begin, check by check."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from evface.quality import Check, Level, Report
from evface.validation import validated
from rig.errors import GraphError
from rig.graph import RecordOptions, preflight_graph
from rig.quality import from_message
from rig.starting.local import Running
from rig.transport import LATCHED_QOS
from rig.visiting import Visitor
from rig_interfaces.msg import QualityReport

MARKS = {
    Level.GREEN: "[green]green[/]",
    Level.AMBER: "[yellow]amber[/]",
    Level.RED: "[red]red[/]",
    Level.UNKNOWN: "unknown",
}

PENDING = (
    "none yet",
    "not looked at yet",
    "not measured",
    "none seen",
    "too little to tell",
    "not looked at",
)
"""What a check says that waits for its first look."""


def preflight(
    rig: str = typer.Option("live", help="live, virtual, file, or the path of a rig's YAML file."),
    cameras: str = typer.Option(
        "", help="Cameras to use, such as davis346,webcam; the rig's own when left out."
    ),
    out: Path = typer.Option(Path("recordings"), help="Folder of the recordings, whose disk is measured."),
    attach: bool = typer.Option(
        False, "--attach", help="Ask the rig that runs already instead of starting its cameras."
    ),
    patience: float = typer.Option(60.0, help="s to wait for everything to be looked at once."),
) -> None:
    """Look at every camera, the face, the light and the disk before a session; exit code 1 when one is red.

    Amber is doubtful, red is wrong; "unknown" could not be told, and keeps nobody from recording.
    """
    options = validated(RecordOptions, {"rig": rig, "cameras": cameras, "out": str(out)}, "rig preflight")
    console = Console(highlight=False, soft_wrap=True)
    if attach:
        report = settled(patience)
    else:
        graph = preflight_graph(options)
        console.print(graph.title, markup=False)
        with Running(graph, lambda line: console.print(line, markup=False)) as running:
            report = settled(patience, running)
    if report is None:
        raise GraphError(f"no quality monitor answered on /quality within {patience:.0f} s")
    console.print(table("preflight", report.checks))
    raise typer.Exit(1 if report.level == Level.RED else 0)


def settled(patience: float, running: Running | None = None) -> Report | None:
    """The first report in which everything that can be looked at was, or the last one when patience ends.

    Args:
        patience: s.
        running: the graph that is looked at; waiting ends when one of its cameras does.

    Returns:
        None where nobody reported.
    """
    reports: list[Report] = []

    def enough() -> bool:
        if running is not None and running.ended() is not None:
            return True
        return bool(reports) and not any(check.value in PENDING for check in reports[-1].checks)

    with Visitor("preflight") as visitor:
        visitor.hear(
            "/quality", QualityReport, LATCHED_QOS, lambda message: reports.append(from_message(message))
        )
        visitor.spin(patience, enough)
    return reports[-1] if reports else None


def table(title: str, checks: tuple[Check, ...]) -> Table:
    """Checks as a person reads them."""
    found = Table(title=title, title_justify="left", pad_edge=False)
    for heading in ("", "sensor", "check", "found", "expected", "what to do"):
        found.add_column(heading, overflow="fold")
    for check in checks:
        found.add_row(MARKS[check.level], check.sensor, check.name, check.value, check.expected, check.reason)
    return found
