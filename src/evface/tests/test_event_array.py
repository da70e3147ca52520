"""dv-ros2's EventArray, read from its bytes, against messages that rosbags serializes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from evface.errors import FormatError
from evface.events import Events, open_recording
from evface.events.codecs.event_array import TYPE, decode_event_array

EVENT = "uint16 x\nuint16 y\nbuiltin_interfaces/Time ts\nbool polarity\n"
ARRAY = "std_msgs/Header header\nuint32 height\nuint32 width\nEvent[] events\n"


@pytest.fixture(scope="module")
def store() -> Any:
    found = get_typestore(Stores.ROS2_JAZZY)
    found.register(get_types_from_msg(EVENT, "dv_ros2_msgs/msg/Event"))
    found.register(get_types_from_msg(ARRAY, TYPE))
    return found


def message(store: Any, events: Events, frame_id: str = "") -> bytes:
    types = store.types
    time, header = types["builtin_interfaces/msg/Time"], types["std_msgs/msg/Header"]
    listed = [
        types["dv_ros2_msgs/msg/Event"](
            x=int(x), y=int(y), ts=time(sec=int(t) // 1_000_000, nanosec=int(t) % 1_000_000 * 1000),
            polarity=bool(p),
        )
        for x, y, t, p in zip(events.x, events.y, events.t, events.p, strict=True)
    ]  # fmt: skip
    array = types[TYPE](
        header=header(stamp=time(sec=0, nanosec=0), frame_id=frame_id), height=events.height,
        width=events.width, events=listed,
    )  # fmt: skip
    return bytes(store.serialize_cdr(array, TYPE))


@pytest.mark.parametrize("frame_id", ["", "camera", "davis346"])
@pytest.mark.parametrize("count", [0, 1, 2, 3000])
def test_an_array_gives_its_events(
    count: int, frame_id: str, store: Any, recording: Callable[[str], Path]
) -> None:
    events = open_recording(recording("events/davis346.aedat4")).read()[:count]
    found = decode_event_array(message(store, events, frame_id))
    assert (found.width, found.height, found.clock) == (346, 260, "unix")
    for name in "xypt":
        assert np.array_equal(getattr(found, name), getattr(events, name)), name


def test_an_array_that_breaks_off_is_refused(store: Any, recording: Callable[[str], Path]) -> None:
    events = open_recording(recording("events/davis346.aedat4")).read()[:20]
    whole = message(store, events)
    assert len(decode_event_array(whole)) == 20
    # Behind the last event's polarity a serializer may leave out what only fills up.
    for size in (0, 3, 11, 20, len(whole) // 2, len(whole) - 16):
        with pytest.raises(FormatError, match="EventArray"):
            decode_event_array(whole[:size])
    with pytest.raises(FormatError, match="little-endian"):
        decode_event_array(b"\0\0" + whole[2:])
