"""EVT3: the decoder against a slow and obvious one, the way to words and back, losses, rollovers."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evface.errors import FormatError, GeometryError
from evface.events import Events, Triggers, encode_evt3, make_decoder
from evface.events.codecs.evt3_scan import Evt3Scanner

Row = tuple[int, int, int, int]
EPOCH = 1 << 24


@dataclass
class SlowDecoder:
    """The table of the format, word by word."""

    width: int
    height: int
    high: int | None = None
    running: bool = False
    time: int = -1
    row: int | None = None
    base: int | None = None
    polarity: int = 0
    dropped: int = 0
    triggers: list[tuple[int, int, int]] = field(default_factory=list)

    def decode(self, words: list[int]) -> list[Row]:
        events: list[Row] = []
        fresh = False
        for word in words:
            code, value = word >> 12, word & 0xFFF
            if code == 0x8:
                self._time_high(value)
                fresh = True
            elif code == 0x6:
                self.running = self.running or fresh
                if self.running:
                    assert self.high is not None
                    self.time = max(self.time, self.high << 12 | value)
            elif code == 0x0:
                self.row = value & 0x7FF
            elif code == 0x2:
                self._event(events, value & 0x7FF, value >> 11)
            elif code == 0x3 and self.running:
                self.base, self.polarity = value & 0x7FF, value >> 11
            elif code in (0x4, 0x5):
                size = 12 if code == 0x4 else 8
                for bit in range(size):
                    if value >> bit & 1:
                        self._event(events, None if self.base is None else self.base + bit, self.polarity)
                if self.base is not None:
                    self.base += size
            elif code == 0xA and self.running:
                self.triggers.append((self.time, value >> 8 & 0xF, value & 1))
        return events

    def _time_high(self, value: int) -> None:
        if self.high is None:
            self.high = value
        elif (self.high & 0xFFF) - value > 10:
            self.high = (self.high >> 12) + 1 << 12 | value
        elif value > self.high & 0xFFF:
            self.high = self.high >> 12 << 12 | value
        if self.running:
            self.time = max(self.time, self.high << 12)

    def _event(self, events: list[Row], x: int | None, p: int) -> None:
        known = self.running and self.row is not None and x is not None
        if known and x < self.width and self.row < self.height:
            events.append((x, self.row, p, self.time))
        else:
            self.dropped += 1


def rows(events: Events) -> list[Row]:
    return list(zip(events.x.tolist(), events.y.tolist(), events.p.tolist(), events.t.tolist(), strict=True))


def make(found: list[Row], width: int = 640, height: int = 480) -> Events:
    x, y, p, t = (np.array([row[i] for row in found], np.int64) for i in range(4))
    return Events(
        x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), t.astype(np.int64), width, height
    )


def to_bytes(words: list[int]) -> bytes:
    return np.array(words, "<u2").tobytes()


# Words as they come: every code, coordinates beyond the sensor, times that jump either way.
words_strategy = st.lists(st.integers(0, 0xFFFF), max_size=120)
# Mostly events, as in a scene.
lively = st.lists(
    st.one_of(
        st.integers(0, 700),
        st.integers(0x2000, 0x22FF),
        st.integers(0x2800, 0x2AFF),
        st.integers(0x3000, 0x32FF),
        st.integers(0x4000, 0x4FFF),
        st.integers(0x5000, 0x50FF),
        st.integers(0x6000, 0x6FFF),
        st.integers(0x8000, 0x8014),
        st.sampled_from([0xA101, 0xA100, 0x7ABC, 0xE123, 0xF001, 0x9999]),
    ),
    max_size=200,
)
splits = st.lists(st.integers(0, 200), max_size=6)


@settings(max_examples=300)
@given(st.one_of(words_strategy, lively), splits)
def test_decodes_any_words_like_the_slow_decoder_however_they_are_cut(
    words: list[int], cuts: list[int]
) -> None:
    words = [0x8001, 0x6002, *words]
    slow = SlowDecoder(640, 480)
    expected = slow.decode(words)
    decoder = make_decoder("evt3", 640, 480)
    edges = [0, *sorted(min(cut, len(words)) for cut in cuts), len(words)]
    found: list[Row] = []
    triggers: list[Triggers] = []
    for start, stop in pairwise(edges):
        found += rows(decoder.decode(to_bytes(words[start:stop])))
        triggers.append(decoder.drain_triggers())
    assert found == expected
    assert decoder.dropped == slow.dropped
    assert decoder.time == slow.time
    assert [
        edge for part in triggers for edge in zip(part.t, part.id, part.edge, strict=True)
    ] == slow.triggers


def test_decoding_starts_at_the_first_time_high_followed_by_time_low() -> None:
    decoder = make_decoder("evt3", 640, 480)
    events = decoder.decode(to_bytes([0x6005, 0x0003, 0x2004, 0x8001, 0x2005, 0x6002, 0x2006]))
    assert rows(events) == [(6, 3, 0, 0x1002)]
    assert decoder.dropped == 2


def test_nothing_is_known_before_the_first_time() -> None:
    decoder = make_decoder("evt3", 640, 480)
    assert len(decoder.decode(to_bytes([0x0001, 0x2001]))) == 0
    assert decoder.time is None


random_events = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 40), st.integers(0, 639)), st.integers(0, 3), st.integers(0, 1),
        st.one_of(st.just(0), st.just(0), st.integers(0, 5), st.integers(0, 40_000_000)),
    ),
    max_size=80,
)  # fmt: skip


def cumulated(found: list[Row], start: int) -> list[Row]:
    """Differences of times to times."""
    times = start + np.cumsum([row[3] for row in found])
    return [(x, y, p, int(t)) for (x, y, p, _), t in zip(found, times, strict=True)]


@settings(max_examples=200)
@given(random_events, st.integers(1, 1 << 50))
def test_what_was_encoded_comes_back_in_order(steps: list[Row], start: int) -> None:
    events = make(cumulated(steps, start))
    data = encode_evt3(events)
    decoder = make_decoder("evt3", 640, 480)
    base = int(events.t[0]) * 1000 if len(events) else 0
    assert rows(decoder.decode(data, base)) == rows(events)
    assert decoder.dropped == 0


def test_a_run_in_a_row_takes_a_vector_word_for_twelve_events() -> None:
    events = make([(x, 7, 1, 5) for x in range(36)])
    words = np.frombuffer(encode_evt3(events), "<u2")
    assert words.tolist() == [0x8000, 0x6005, 0x0007, 0x3800, 0x4FFF, 0x4FFF, 0x4FFF]


def test_a_packet_begins_with_time_and_row() -> None:
    words = np.frombuffer(encode_evt3(make([(1, 2, 0, 0x5003)])), "<u2")
    assert words.tolist() == [0x8005, 0x6003, 0x0002, 0x2001]


def test_an_empty_packet_carries_the_time() -> None:
    decoder = make_decoder("evt3", 640, 480)
    assert len(decoder.decode(encode_evt3(Events.empty(640, 480), time=123_456_789), 123_456_789_000)) == 0
    assert decoder.time == 123_456_789
    assert encode_evt3(Events.empty(640, 480)) == b""


def test_time_goes_on_behind_the_last_event() -> None:
    decoder = make_decoder("evt3", 640, 480)
    decoder.decode(encode_evt3(make([(1, 2, 0, 10)]), time=9000))
    assert decoder.time == 9000


def test_triggers_lie_between_the_events() -> None:
    events = make([(1, 1, 0, 10), (2, 1, 0, 20), (3, 1, 1, 30)])
    triggers = Triggers(np.array([5, 20, 50]), np.array([1, 0, 15], np.uint8), np.array([1, 0, 1], np.uint8))
    decoder = make_decoder("evt3", 640, 480)
    assert rows(decoder.decode(encode_evt3(events, triggers=triggers))) == rows(events)
    found = decoder.drain_triggers()
    assert (found.t.tolist(), found.id.tolist(), found.edge.tolist()) == ([5, 20, 50], [1, 0, 15], [1, 0, 1])
    assert len(decoder.drain_triggers()) == 0


def test_more_triggers_than_there_was_room_for() -> None:
    t = np.arange(1, 1001, dtype=np.int64)
    data = encode_evt3(
        Events.empty(640, 480), triggers=Triggers(t, np.zeros(1000, np.uint8), np.ones(1000, np.uint8))
    )
    decoder = make_decoder("evt3", 640, 480)
    decoder.decode(data)
    assert np.array_equal(decoder.drain_triggers().t, t)


@pytest.mark.parametrize(
    "t", [[10, 9], [-1, 0], [0, 90_000_000_000]], ids=["steps back", "negative", "a day of silence"]
)
def test_times_that_cannot_be_encoded_are_refused(t: list[int]) -> None:
    with pytest.raises(FormatError, match="evt3"):
        encode_evt3(make([(0, 0, 0, time) for time in t]))


def test_a_sensor_beyond_eleven_bits_is_refused() -> None:
    with pytest.raises(GeometryError, match="2048"):
        encode_evt3(Events.empty(4000, 480), time=1)


def test_time_rolls_over_without_a_time_base() -> None:
    decoder = make_decoder("evt3", 640, 480)
    times = [EPOCH - 5, EPOCH + 5, 2 * EPOCH + 7, 3 * EPOCH - 1]
    found: list[int] = []
    for time, bridge in zip(times, [*times[1:], 3 * EPOCH], strict=True):
        found += decoder.decode(encode_evt3(make([(1, 1, 1, time)]))).t.tolist()
        decoder.decode(encode_evt3(Events.empty(640, 480), time=(time + bridge) // 2))
    assert found == times


def test_a_small_step_back_is_noise() -> None:
    decoder = make_decoder("evt3", 640, 480)
    events = decoder.decode(
        to_bytes([0x8100, 0x6000, 0x0001, 0x2001, 0x80FF, 0x6005, 0x2002, 0x8101, 0x6000, 0x2003])
    )
    assert events.t.tolist() == [0x100000, 0x100005, 0x101000]


@given(st.integers(0, 4), st.integers(0, EPOCH - 1))
def test_the_time_base_gives_the_epoch(epoch: int, time: int) -> None:
    decoder = make_decoder("evt3", 640, 480)
    full = epoch * EPOCH + time + 1
    assert decoder.decode(encode_evt3(make([(1, 1, 1, full)])), full * 1000).t.tolist() == [full]


def test_a_time_base_behind_the_rollover_of_the_first_word() -> None:
    # The first word is still of the old epoch, the first event, whose time the base is, of the new one.
    decoder = make_decoder("evt3", 640, 480)
    events = decoder.decode(to_bytes([0x8FFF, 0x6FF0, 0x8000, 0x6003, 0x0001, 0x2001]), (EPOCH + 3) * 1000)
    assert events.t.tolist() == [EPOCH + 3]


def test_a_clock_that_begins_anew_is_followed() -> None:
    decoder = make_decoder("evt3", 640, 480)
    decoder.decode(encode_evt3(make([(1, 1, 1, 50_000_000)])), 50_000_000_000)
    assert decoder.decode(encode_evt3(make([(1, 1, 1, 1000)])), 1_000_000).t.tolist() == [1000]


def test_after_a_loss_events_wait_for_time_and_row() -> None:
    decoder = make_decoder("evt3", 640, 480)
    decoder.decode(to_bytes([0x8001, 0x6001, 0x0001, 0x3001, 0x5001]))
    decoder.lost()
    events = decoder.decode(to_bytes([0x2001, 0x5001, 0x8002, 0x6001, 0x2002, 0x5001, 0x0004, 0x2003]))
    assert rows(events) == [(3, 4, 0, 0x2001)]
    assert decoder.dropped == 4


def test_reset_forgets_everything() -> None:
    decoder = make_decoder("evt3", 640, 480)
    decoder.decode(to_bytes([0x8FFF, 0x6001, 0x0001, 0xA101, 0x2FFF]))
    decoder.reset()
    assert (decoder.time, decoder.dropped, len(decoder.drain_triggers())) == (None, 0, 0)
    assert decoder.decode(to_bytes([0x8001, 0x6000, 0x0001, 0x2001])).t.tolist() == [0x1000]


def test_a_packet_may_be_any_buffer_and_its_events_live_until_the_next() -> None:
    decoder = make_decoder("evt3", 640, 480)
    data = encode_evt3(make([(1, 1, 1, 5)]))
    first = decoder.decode(memoryview(data))
    kept = first.copy()
    decoder.decode(np.frombuffer(encode_evt3(make([(9, 9, 0, 6)])), np.uint8))
    assert first.x.tolist() == [9]
    assert kept.x.tolist() == [1]


def test_half_a_word_is_an_error() -> None:
    with pytest.raises(FormatError, match="evt3 packet of 3 bytes"):
        make_decoder("evt3", 640, 480).decode(b"\x01\x02\x03")


def test_a_packet_larger_than_one_piece() -> None:
    count = 1_200_000
    events = Events(
        np.tile(np.array([3, 500], np.uint16), count // 2),
        np.zeros(count, np.uint16),
        np.ones(count, np.uint8),
        np.arange(count, dtype=np.int64) // 2,
        640,
        480,
    )
    found = make_decoder("evt3", 640, 480).decode(encode_evt3(events))
    assert np.array_equal(found.x, events.x)
    assert np.array_equal(found.t, events.t)


def test_the_scanner_follows_time_without_decoding() -> None:
    scanner = Evt3Scanner()
    assert scanner.follow(np.array([0x2001], np.uint16)) == 0
    assert scanner.follow(np.array([0x8001, 0x6002, 0x0001, 0x2001, 0x6004], np.uint16)) == 0x1002
    assert scanner.follow(np.array([0x2001, 0x8002], np.uint16)) == 0x1004
    assert scanner.follow(np.array([0x0001], np.uint16)) == 0x2000
