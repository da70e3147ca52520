"""The clips that show subjects an Action Unit: a lab's own, or those of a virtual person.

A lab's own lie in one folder, ``au12.webm`` or ``au12.mp4`` and so on, which the script names. Others are
drawn when a session first needs them, and kept in the user's cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from evface.errors import ConfigError
from evface.protocol.script import Script

KINDS = (".webm", ".mp4")
"""Files that browsers play, the first found counts."""


DRAWING = "clips-1"
"""Folder of the cache; another one for another way of drawing them."""


SHORTEST = 1.0
"""s; what is shorter shows nobody anything."""


def clip_path(folder: Path, au: int) -> Path | None:
    """The clip of an Action Unit in a folder, None where it has none."""
    paths = (folder / f"au{au:02d}{kind}" for kind in KINDS)
    return next((path for path in paths if path.is_file()), None)


def clip_folder(script: Script) -> Path:
    """Where the clips of a script lie: its own folder, or that of the drawn ones in the user's cache."""
    if script.clips:
        return Path(script.clips)
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "evface" / DRAWING / f"{script.demonstration.clip:g}s"


def missing_clips(script: Script) -> list[int]:
    """FACS numbers of a script whose clips are not there; too short ones are not wanted."""
    if script.demonstration.clip < SHORTEST:
        return []
    shown = dict.fromkeys((*script.aus, *script.rehearsal))
    return [au for au in shown if clip_path(clip_folder(script), au) is None]


def draw_clips(script: Script, said: Callable[[int], None] | None = None) -> None:
    """Draw the clips that a script needs and that are not there.

    Args:
        script: of the session.
        said: told the FACS number of each when it is there.

    Raises:
        ConfigError: the script has a folder of its own that lacks one, or the folder cannot be written.
    """
    lacking, folder = missing_clips(script), clip_folder(script)
    if lacking and script.clips:
        raise ConfigError(f"{folder}: no clip of AU {lacking[0]}: expected au{lacking[0]:02d}.webm or .mp4")
    if not lacking:
        return
    # The renderer is compiled when it is imported: only whoever draws pays for it.
    from evface.simulation.demonstration import render_clip

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror or error}") from error
    for au in lacking:
        render_clip(au, folder / f"au{au:02d}{KINDS[0]}", script.demonstration.clip)
        if said is not None:
            said(au)
