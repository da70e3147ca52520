"""mono, libcaer and libcaer_cmp against slow decoders that follow the table of the format."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evface.errors import FormatError, GeometryError
from evface.events import ENCODINGS, Events, encode_mono, make_decoder

Row = tuple[int, int, int, int]
WIDTH, HEIGHT = 346, 260
BASE = 1_744_227_144_732_712_500


def rows(events: Events) -> list[Row]:
    return list(zip(events.x.tolist(), events.y.tolist(), events.p.tolist(), events.t.tolist(), strict=True))


def kept(found: list[Row]) -> list[Row]:
    return [row for row in found if row[0] < WIDTH and row[1] < HEIGHT]


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 300), st.integers(0, 1), st.integers(0, 1 << 20)))
)
def test_mono(found: list[Row]) -> None:
    elapsed = np.cumsum([row[3] for row in found]).tolist()
    data = b"".join(
        struct.pack("<Q", p << 63 | y << 48 | x << 32 | dt)
        for (x, y, p, _), dt in zip(found, elapsed, strict=True)
    )
    decoder = make_decoder("mono", WIDTH, HEIGHT)
    expected = [(x, y, p, (BASE + dt) // 1000) for (x, y, p, _), dt in zip(found, elapsed, strict=True)]
    assert rows(decoder.decode(data, BASE)) == kept(expected)
    assert decoder.dropped == len(expected) - len(kept(expected))
    assert decoder.time == (expected[-1][3] if expected else BASE // 1000)


@given(st.lists(st.tuples(st.integers(0, 345), st.integers(0, 259), st.integers(0, 1), st.integers(0, 1000))))
def test_mono_there_and_back(found: list[Row]) -> None:
    times = 1 + np.cumsum([row[3] for row in found])
    x, y, p = (np.array([row[i] for row in found], np.uint16) for i in range(3))
    events = Events(x, y, p.astype(np.uint8), times.astype(np.int64), WIDTH, HEIGHT)
    data, base = encode_mono(events)
    assert rows(make_decoder("mono", WIDTH, HEIGHT).decode(data, base)) == rows(events)


def test_mono_refuses_what_does_not_fit() -> None:
    one = np.zeros(2, np.uint16), np.zeros(2, np.uint16), np.zeros(2, np.uint8)
    with pytest.raises(FormatError, match="one packet"):
        encode_mono(Events(*one, np.array([0, 5_000_000]), WIDTH, HEIGHT))
    with pytest.raises(FormatError, match="15 bits"):
        encode_mono(Events(one[0], one[1] + np.uint16(40_000), one[2], np.array([0, 1]), WIDTH, HEIGHT))


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 300), st.integers(0, 1), st.integers(0, 1 << 20)))
)
def test_libcaer(found: list[Row]) -> None:
    # The device's counter has 31 bits and runs over now and then.
    counter = ((1 << 31) - 1000 + np.cumsum([row[3] for row in found])).astype(np.int64).tolist()
    data = b"".join(
        struct.pack("<Ii", x << 17 | y << 2 | p << 1 | 1, us & 0x7FFFFFFF)
        for (x, y, p, _), us in zip(found, counter, strict=True)
    )
    base = 5000 if not counter or counter[0] < 1 << 31 else 5000 + 1000 * (1 << 31)
    decoder = make_decoder("libcaer", WIDTH, HEIGHT)
    expected = [(x, y, p, 5 + us) for (x, y, p, _), us in zip(found, counter, strict=True)]
    assert rows(decoder.decode(data, base)) == kept(expected)


words = st.lists(
    st.one_of(
        st.integers(0, 0x000F), st.integers(0x1000, 0x1FFF), st.integers(0x2000, 0x217F),
        st.integers(0x3000, 0x3107), st.integers(0x3800, 0x3907), st.integers(0x4000, 0x4107),
        st.integers(0x4800, 0x4907), st.integers(0x5000, 0x50FF), st.integers(0x6000, 0xFFFF),
    ),
    max_size=100,
)  # fmt: skip


@given(words)
def test_libcaer_cmp(found: list[int]) -> None:
    expected: list[Row] = []
    high = low = x = y = p = 0
    time = BASE // 1000
    column_known = base_known = False
    for word in found:
        code, value = word >> 12, word & 0xFFF
        if code == 0:
            high = value
        elif code == 1:
            low = value
            time = max(time, (BASE + 1000 * (high << 12 | low)) // 1000)
        elif code == 2:
            x, column_known = value & 0x7FF, True
        elif code == 3:
            expected.append((x if column_known else 9999, value & 0x7FF, value >> 11, time))
        elif code == 4:
            y, p, base_known = value & 0x7FF, value >> 11, True
        elif code == 5:
            column = x if column_known and base_known else 9999
            expected += [(column, y + bit, p, time) for bit in range(8) if value >> bit & 1]
            y += 8
    decoder = make_decoder("libcaer_cmp", WIDTH, HEIGHT)
    assert rows(decoder.decode(np.array(found, "<u2").tobytes(), BASE)) == kept(expected)
    assert decoder.dropped == len(expected) - len(kept(expected))


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(data=st.binary(max_size=400), base=st.integers(0, (1 << 62) - 1))
def test_any_bytes_are_decoded_or_refused(encoding: str, data: bytes, base: int) -> None:
    decoder = make_decoder(encoding, WIDTH, HEIGHT)
    try:
        events = decoder.decode(data, base)
    except FormatError:
        assert len(data) % (2 if encoding in ("evt3", "libcaer_cmp") else 8)
        return
    assert (events.x < WIDTH).all()
    assert (events.y < HEIGHT).all()
    assert (events.p <= 1).all()
    assert (np.diff(events.t) >= 0).all()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("base", [-1, 1 << 62, 1 << 64])
def test_an_impossible_time_base_is_refused(encoding: str, base: int) -> None:
    with pytest.raises(FormatError, match="time base"):
        make_decoder(encoding, WIDTH, HEIGHT).decode(b"", base)


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(FormatError, match="'evt9', expected one of evt3"):
        make_decoder("evt9", WIDTH, HEIGHT)


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (1 << 17, 5)])
def test_an_impossible_sensor_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(GeometryError):
        make_decoder("evt3", *size)
