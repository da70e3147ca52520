"""`rig review`: a person looks at the movements found in a dataset, and corrects them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer
from rich.console import Console


def review(
    dataset: Path = typer.Argument(..., help="Root of a dataset, from convert or simulate."),
    port: int = typer.Option(8720, help="TCP port of the page, or the next free one.", min=0, max=65535),
) -> None:
    """Look at onset, apex and offset of each take on a page of this machine, and correct them.

    rig review dataset

    Corrections go to *_annotations.json beside the take, with who and when. Datasets read them first, and no
    conversion overwrites them. Ctrl-C ends the page.
    """
    from rig.review.server import serve

    screen = Console(highlight=False, soft_wrap=True)
    asyncio.run(serve(dataset, port, lambda address: screen.print(f"review page: {address}", markup=False)))
