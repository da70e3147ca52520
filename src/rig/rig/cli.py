"""The command `rig`."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from evface.errors import EvfaceError
from rig.commands.calibrate import calibrate
from rig.commands.camera import camera
from rig.commands.clips import clips
from rig.commands.console import console
from rig.commands.dataset import export, validate
from rig.commands.demo import demo
from rig.commands.doctor import doctor
from rig.commands.learning import convert, train
from rig.commands.preflight import preflight
from rig.commands.quality import quality
from rig.commands.recording import record
from rig.commands.repair import repair
from rig.commands.report import report
from rig.commands.review import review
from rig.commands.simulate import simulate
from rig.commands.subject import log, subject, withdraw
from rig.commands.watching import live, replay

app = typer.Typer(
    name="rig",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Record faces with event cameras, and know which Action Unit just moved.\n\n"
    "The usual way: [bold]doctor[/] (is the machine ready?), [bold]calibrate[/] (lenses), [bold]record[/] "
    "(bags), [bold]convert[/] (a dataset), [bold]train[/] (a model), [bold]report[/] (the paper's tables), "
    "[bold]live[/] or [bold]replay[/] (the topic /au). Without subjects: [bold]simulate[/] (a dataset of "
    "virtual ones).",
)
app.command()(doctor)
app.command()(calibrate)
app.command()(camera)
app.command()(clips)
app.command()(preflight)
app.command()(record)
app.command()(quality)
app.command()(repair)
app.command()(console)
app.command()(convert)
app.command()(review)
app.command()(simulate)
app.command()(validate)
app.command()(export)
app.add_typer(train, name="train")
app.command()(report)
app.command()(live)
app.command()(replay)
app.command()(demo)
app.add_typer(subject, name="subject")
app.command()(withdraw)
app.add_typer(log, name="audit")


@app.command("parameters")
def _parameters(
    node: str = typer.Argument("", help="A node's name; all nodes when left out."),
    markdown: bool = typer.Option(False, "--markdown", help="Print docs/parameters.md."),
) -> None:
    """Show what can be set of each node: type, default, range, unit, meaning."""
    # Imported late: the declarations lie in the nodes, and those bring torch along.
    from rig.commands.parameters import show

    show(node, as_markdown=markdown)


def main() -> None:
    """Run the command; a known error is one line on stderr and exit code 2."""
    try:
        app()
    except EvfaceError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"error: {error}", markup=False, style="red"
        )
        sys.exit(2)
