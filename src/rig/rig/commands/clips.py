"""`rig clips`: the clips that show subjects each Action Unit, drawn before they are needed."""

from __future__ import annotations

import typer
from rich.console import Console

from evface.protocol import clip_folder, draw_clips, load_script, missing_clips
from rig.resources import config_or_path


def clips(
    script: str = typer.Option("default", help="Protocol script: default, fast, or a YAML file's path."),
) -> None:
    """Draw a script's demonstration clips and say where they lie.

    A virtual person shows each Action Unit, mirrored, so that the subject can do as the face on the screen.
    A lab that has its own clips names their folder in the script: clips: /path, with au02.webm or au02.mp4
    and so on. `rig record` draws what is missing by itself.
    """
    console = Console(highlight=False, soft_wrap=True)
    wanted = load_script(config_or_path("protocol", script))
    count = len(missing_clips(wanted))
    draw_clips(wanted, lambda au: console.print(f"AU {au}"))
    console.print(f"{clip_folder(wanted)}: {count} clips drawn, all there", markup=False)
