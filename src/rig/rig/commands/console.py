"""`rig console`: the two pages for a rig that runs already."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from rig.graph import Graph, NodeSpec
from rig.starting.local import run_graph


def console(
    port: int = typer.Option(8700, help="TCP port of the pages, or the next free one.", min=0, max=65535),
    host: str = typer.Option(
        "127.0.0.1", help="Address to listen on; one that others reach needs the three options below."
    ),
    certificate: Path | None = typer.Option(None, help="TLS certificate, a PEM file."),
    key: Path | None = typer.Option(None, help="Private key of the certificate, a PEM file."),
    password_file: Path | None = typer.Option(None, help="File (mode 0600), its first line the password."),
    clips: Path | None = typer.Option(None, help="Folder of demonstration clips: au12.webm or au12.mp4."),
) -> None:
    """Serve the operator's and the subject's page, for a rig that runs already or is still to come.

    `rig record` starts them by itself. Should their process have died, this brings them back: the session
    goes on meanwhile, and the pages know nothing that could be lost. Ctrl-C ends the pages, not the session.
    """
    given = {"certificate": certificate, "key": key, "password_file": password_file, "clips": clips}
    files = {name: str(path.expanduser().resolve()) for name, path in given.items() if path is not None}
    graph = Graph((NodeSpec("console", {"host": host, "port": port, **files}),), "pages of the rig")
    screen = Console(highlight=False, soft_wrap=True)
    raise typer.Exit(run_graph(graph, lambda line: screen.print(line, markup=False)))
