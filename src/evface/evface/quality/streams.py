"""Which streams a rig has: what each camera says on which topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evface.dataset.recordings import DAVIS_FRAMES, EVENT_TOPICS, WEBCAM_FRAMES


@dataclass(frozen=True, slots=True)
class Stream:
    """One topic of a camera.

    Attributes:
        sensor: davis346, evk4 or webcam.
        kind: what is on it.
        topic: its name.
    """

    sensor: str
    kind: Literal["events", "frames"]
    topic: str


STREAMS = (
    Stream("davis346", "events", EVENT_TOPICS["davis"]),
    Stream("davis346", "frames", DAVIS_FRAMES),
    Stream("evk4", "events", EVENT_TOPICS["evk4"]),
    Stream("webcam", "frames", WEBCAM_FRAMES),
)
"""All of them."""


def streams_of(cameras: list[str]) -> tuple[Stream, ...]:
    """The streams that a rig with these cameras must have."""
    return tuple(stream for stream in STREAMS if stream.sensor in cameras)
