"""The clips that show subjects an Action Unit: a lab's own, or those of a virtual person.

A lab's own lie in one folder, ``au12.webm`` or ``au12.mp4`` and so on, named by the script; what is missing
there a virtual person shows. Those are drawn when they are first needed and kept in the user's cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from evface.errors import ConfigError

KINDS = (".webm", ".mp4")
"""Files that browsers play, the first found counts."""


def clip_path(folder: Path, au: int) -> Path | None:
    """The clip of an Action Unit in a folder, None where it has none."""
    paths = (folder / f"au{au:02d}{kind}" for kind in KINDS)
    return next((path for path in paths if path.is_file()), None)


def clip_cache() -> Path:
    """Where drawn clips are kept: the user's cache folder (XDG_CACHE_HOME), by the version of the drawing."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "evface" / "clips-1"


def draw_clips(
    folder: Path, aus: Sequence[int], length: float, said: Callable[[int, Path], None] | None = None
) -> None:
    """Draw the clips of Action Units that a folder lacks.

    Args:
        folder: made if it is not there.
        aus: FACS numbers.
        length: of each clip, s.
        said: told the number and the path of each when it is there.

    Raises:
        ConfigError: the folder cannot be written, or an Action Unit is not of the protocol.
    """
    # The renderer is compiled when it is imported: only whoever draws pays for it.
    from evface.simulation.demonstration import render_clip

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror or error}") from error
    for au in aus:
        if clip_path(folder, au) is None:
            path = folder / f"au{au:02d}{KINDS[0]}"
            render_clip(au, path, length)
            if said is not None:
                said(au, path)
