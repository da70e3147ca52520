"""The bytes that the rig reads where they lie, against rclpy's own serialization."""

from __future__ import annotations

import array

import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from event_camera_msgs.msg import EventPacket
from evface.errors import FormatError
from evface.events import parse_event_packet, stamp_of


def packet(payload: bytes = b"\x01\x02", frame_id: str = "davis346", encoding: str = "evt3") -> EventPacket:
    message = EventPacket(height=260, width=346, seq=2**40 + 7, time_base=2**50 + 3, encoding=encoding)
    message.header.stamp = Time(sec=1_700_000_000, nanosec=123_456_789)
    message.header.frame_id = frame_id
    message.events = array.array("B", payload)
    return message


@given(
    payload=st.binary(max_size=300),
    frame_id=st.text("abc/é", max_size=9),
    encoding=st.sampled_from(["evt3", "mono", "libcaer_cmp"]),
)
def test_packet_header_reads_what_rclpy_wrote(payload: bytes, frame_id: str, encoding: str) -> None:
    header = parse_event_packet(bytes(serialize_message(packet(payload, frame_id, encoding))))
    assert (header.stamp, header.encoding) == (1_700_000_000_123_456_789, encoding)
    assert (header.width, header.height, header.seq, header.time_base) == (346, 260, 2**40 + 7, 2**50 + 3)
    assert bytes(header.events) == payload


def test_stamp_is_read_from_any_stamped_message() -> None:
    image = Image()
    image.header.stamp = Time(sec=-1, nanosec=5)
    assert stamp_of(bytes(serialize_message(image))) == -999_999_995


@given(st.data())
def test_a_broken_packet_is_a_format_error(data: st.DataObject) -> None:
    whole = bytes(serialize_message(packet(b"\x05" * 20)))
    cut = data.draw(st.integers(0, len(whole) - 20))
    with pytest.raises(FormatError):
        parse_event_packet(whole[:cut])


def test_big_endian_is_refused() -> None:
    whole = bytearray(serialize_message(packet()))
    whole[1] = 0
    with pytest.raises(FormatError, match="little-endian"):
        parse_event_packet(bytes(whole))
