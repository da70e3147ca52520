"""What is said and made before a recording starts, whoever starts it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evface.privacy import volume_of
from evface.protocol import draw_clips, missing_clips, unfinished
from rig.graph import Graph, RecordOptions, people_are_recorded, session_script

Say = Callable[[str], None]


def prepare(options: RecordOptions, graph: Graph, say: Say) -> None:
    """Tell of a session left unfinished and of a plain disk; draw the clips that a page will show.

    Args:
        options: what was asked for.
        graph: made of them.
        say: told each line for a person.
    """
    _tell_of_unfinished(options, say)
    warning = volume_of(Path(options.out)).warning
    if warning and people_are_recorded(graph):
        say(f"warning: {warning}")
    if not options.headless:
        _draw_clips(options, say)


def _draw_clips(options: RecordOptions, say: Say) -> None:
    script = session_script(options)
    if missing_clips(script):
        say("drawing demonstration clips, once")
    draw_clips(script, lambda au: say(f"  AU {au}"))


def _tell_of_unfinished(options: RecordOptions, say: Say) -> None:
    left = unfinished(Path(options.out).expanduser(), options.subject)
    if left is not None and not options.resume:
        label, end = left
        where = f"session {label} of {options.subject} was left in {end.where}"
        say(f"{where}: --resume, or resume:=true, goes on there")
