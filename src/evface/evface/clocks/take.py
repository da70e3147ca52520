"""The clocks of a finished take: read from its bag, written beside it as sync.json."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from evface.bags import Bag, grey_picture, stamp
from evface.clocks.frames import FrameIntervals
from evface.clocks.offsets import SensorOffset
from evface.clocks.pairs import EVENTS, FRAMES, EventClock, look_at, offsets_of
from evface.errors import FormatError

SYNC = "sync.json"
"""Name of the file in a take's folder."""

LONGEST = 600.0
"""s of a take of which events are counted."""


class TakeClocks:
    """What a take's bag says of its sensors' clocks.

    Attributes:
        clocks: of the event cameras that were recorded, by name.
        offsets: of every other camera's stamps from the reference's.
    """

    def __init__(self, clocks: dict[str, EventClock], frames: dict[str, FrameIntervals]) -> None:
        self.clocks = clocks
        self.offsets = offsets_of(clocks, frames)

    def report(self) -> dict[str, Any]:
        """For sync.json."""
        return {
            "clock": "host, unix ns",
            "clocks": {name: clock.fit.report() for name, clock in self.clocks.items() if clock.heard},
            "offsets": [offset.report() for offset in self.offsets],
        }


def take_clocks(bag: Bag) -> TakeClocks:
    """Measure the clocks of a bag's cameras.

    Args:
        bag: open.

    Raises:
        FormatError: the bag breaks off.
    """
    begin, end = bag.span
    seconds = min(LONGEST, (end - begin) / 1e9 + 2.0)
    clocks: dict[str, EventClock] = {}
    frames: dict[str, FrameIntervals] = {}
    events = {f"/{camera}/events": camera for camera in EVENTS}
    pictures = {f"/{camera}/{topic}": camera for camera, topic in FRAMES.items()}
    boxes = {f"/{camera}/face_box": camera for camera in (*EVENTS, "webcam")}
    for topic, message in bag.messages(*events, *pictures, *boxes):
        if topic in boxes:
            look_at(boxes[topic], message, clocks, frames)
        elif topic in pictures:
            # A picture that cannot be read is counted where losses are counted.
            with suppress(FormatError):
                own = frames.setdefault(pictures[topic], FrameIntervals(pictures[topic]))
                compressed = hasattr(message, "format")
                own.add(stamp(message), bytes(message.data) if compressed else grey_picture(message))
        else:
            camera = events[topic]
            if camera not in clocks:
                clocks[camera] = EventClock(camera, message.encoding, message.width, message.height, seconds)
            data = np.frombuffer(message.events, np.uint8)
            clocks[camera].add(stamp(message), data, message.time_base)
    return TakeClocks(clocks, frames)


def known_offsets(bag: Bag) -> list[dict[str, Any]]:
    """The offsets of a bag's take: those of its sync.json, or measured now where it has none.

    Args:
        bag: open.

    Raises:
        FormatError: sync.json is not what it should be, or the bag breaks off.
    """
    path = bag.path / SYNC
    if not path.exists():
        return [offset.report() for offset in take_clocks(bag).offsets]
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["offsets"])
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path}: not the clocks of a take: {type(error).__name__} {error}") from error


def sync_take(folder: Path) -> list[SensorOffset]:
    """Measure the clocks of a finished take and write them to its sync.json, whole or not at all.

    Args:
        folder: of the take: its bag.

    Returns:
        The offset of every camera's stamps but the reference's, unknown ones with the reason.

    Raises:
        FormatError: the folder is not a readable bag.
    """
    with Bag(folder) as bag:
        found = take_clocks(bag)
    partial = folder / f".{SYNC}.partial"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(found.report(), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / SYNC)
    return found.offsets
