"""What arrived on a topic during a take, and what did not."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evface.errors import FormatError
from evface.events import parse_event_packet, stamp_of

EVENT_PACKET = "event_camera_msgs/msg/EventPacket"
PICTURES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")

LATE_FRAME = 1.5
"""Times the median interval after which a picture is taken to be missing."""


@dataclass
class TopicStatistics:
    """Counts of one topic.

    Attributes:
        type: ROS name of the message type.
        messages: written.
        size: bytes of serialized messages.
        first: ns, stamp of the first message.
        last: ns, stamp of the last one.
        lost: messages known to be missing by their sequence numbers (event packets only).
        dropped: messages that came and for which the recorder's queue had no room.
        longest_gap: ns between the stamps of two neighbours.
        unreadable: messages without a legible stamp; they are written all the same.
    """

    type: str
    messages: int = 0
    size: int = 0
    first: int = 0
    last: int = 0
    lost: int = 0
    dropped: int = 0
    longest_gap: int = 0
    unreadable: int = 0
    _next_seq: int = -1
    _stamps: array[int] = field(default_factory=lambda: array("q"), repr=False)

    def add(self, message: bytes) -> None:
        """Count a serialized message in."""
        self.messages += 1
        self.size += len(message)
        try:
            self._read(message)
        except FormatError:
            self.unreadable += 1

    def _read(self, message: bytes) -> None:
        stamp = stamp_of(message)
        seq = parse_event_packet(message).seq if self.type == EVENT_PACKET else None
        if self.first:
            self.longest_gap = max(self.longest_gap, stamp - self.last)
        else:
            self.first = stamp
        self.last = stamp
        if seq is not None:
            self._count_lost(seq)
        if self.type in PICTURES:
            self._stamps.append(stamp)

    def _count_lost(self, seq: int) -> None:
        if self._next_seq >= 0 and seq > self._next_seq:
            self.lost += seq - self._next_seq
        self._next_seq = seq + 1

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "type": self.type,
            "messages": self.messages,
            "bytes": self.size,
            "first_stamp_ns": self.first,
            "last_stamp_ns": self.last,
            "lost": self.lost,
            "dropped": self.dropped,
            "longest_gap_ms": round(self.longest_gap / 1e6, 3),
        } | frame_gaps(self._stamps)


def frame_gaps(stamps: array[int]) -> dict[str, Any]:
    """Intervals of pictures, and how many are missing, judged by the median interval.

    Args:
        stamps: ns, host clock, in the order of arrival.

    Returns:
        ``missing_frames``, ``interval_p50_ms``, ``interval_p99_ms``; {} for fewer than three pictures.
    """
    if len(stamps) < 3:
        return {}
    intervals = np.diff(np.array(stamps, np.int64)).astype(np.float64)
    median = float(np.median(intervals))
    late = intervals[intervals > LATE_FRAME * median]
    return {
        "missing_frames": int(np.sum(np.round(late / median) - 1)) if median > 0 else 0,
        "interval_p50_ms": round(median / 1e6, 3),
        "interval_p99_ms": round(float(np.percentile(intervals, 99)) / 1e6, 3),
    }
