"""Clocks of sensors: lines under delays, events counted as they come, offsets and how sure they are."""

from __future__ import annotations

import json
import math
import random
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from recorded_session import TakeRecording

from evface.cameras import EncodedEvents, open_source
from evface.cameras.clock_faults import ClockFaults
from evface.clocks import MinimumDelay, SensorOffset, sync_take
from evface.clocks.activity import Activity, FrameActivity, Intervals
from evface.clocks.correlation import find_peak
from evface.clocks.counting import EventCounter
from evface.clocks.frames import FrameIntervals, even
from evface.clocks.history import OffsetHistory
from evface.clocks.offsets import correlated, drift_of, triggered
from evface.clocks.pairs import of_webcam
from evface.clocks.triggers import match_edges
from evface.dataset.naming import TakeId
from evface.errors import DatasetError, FormatError
from evface.events import Events, encode_evt3, make_decoder
from evface.events.codecs.mono import encode_mono

MS = 1_000_000
SECOND = 1000 * MS
HOST = 1_700_000_000 * SECOND
FOUND = SensorOffset(
    "webcam", "davis346", offset=0.1, uncertainty=0.005, method="frame difference correlation"
)


# --- the line under the delays ------------------------------------------------------------------------


def pairs(
    seconds: float, drift: float, jitter_ms: float, seed: int, offset: int = HOST
) -> list[tuple[int, int]]:
    """Host and sensor times of packets every 5 ms that take 1 ms and more."""
    chance = random.Random(seed)
    faults = ClockFaults(offset=offset + MS, drift=drift, jitter=round(jitter_ms * MS))
    return [
        (faults.stamp(time, chance), faults.shown(time) // 1000 * 1000)
        for time in range(0, round(seconds * SECOND), 5 * MS)
    ]


@settings(max_examples=25)
@given(st.floats(-200.0, 200.0), st.floats(0.0, 20.0), st.integers(0, 2**31), st.floats(3.0, 20.0))
def test_the_line_lies_under_all_pairs_and_its_drift_is_the_clock_s(
    drift: float, jitter: float, seed: int, seconds: float
) -> None:
    clock = MinimumDelay()
    found = pairs(seconds, drift, jitter, seed)
    for host, sensor in found:
        clock.add(host, sensor)
    fit = clock.fit()
    assert all(fit.to_host(sensor) <= host + 1000 for host, sensor in found)
    assert fit.drift_ppm is not None
    assert fit.drift_uncertainty_ppm is not None
    # Of any one example no more can be said: a 95 % interval misses.
    assert abs(fit.drift_ppm - drift) < 4 * fit.drift_uncertainty_ppm + 0.5


def test_of_a_hundred_drifts_at_least_95_lie_within_what_is_said() -> None:
    inside = 0
    for seed in range(100):
        chance = random.Random(seed)
        drift, jitter = chance.uniform(-200, 200), chance.uniform(0, 5)
        clock = MinimumDelay()
        for host, sensor in pairs(6.0, drift, jitter, seed):
            clock.add(host, sensor)
        fit = clock.fit()
        assert fit.drift_ppm is not None
        assert fit.drift_uncertainty_ppm is not None
        inside += abs(fit.drift_ppm - drift) <= fit.drift_uncertainty_ppm
    assert inside >= 95


def test_a_short_stretch_tells_no_drift_and_none_no_offset() -> None:
    clock = MinimumDelay()
    with pytest.raises(DatasetError, match="no packet"):
        clock.fit()
    for host, sensor in pairs(1.0, 150.0, 1.0, 0):
        clock.add(host, sensor)
    assert clock.fit().drift_ppm is None
    assert clock.fit().report()["uncertainty_ms"] is None


def test_a_window_forgets_a_host_s_clock_that_was_set() -> None:
    clock = MinimumDelay(window=5 * SECOND)
    for host, sensor in pairs(10.0, 20.0, 0.5, 0):
        clock.add(host, sensor)
    for host, sensor in pairs(30.0, 20.0, 0.5, 0, offset=HOST + SECOND)[2000:]:
        clock.add(host, sensor)
    host, sensor = pairs(30.0, 20.0, 0.0, 0, offset=HOST + SECOND)[-1]
    assert abs(clock.to_host(sensor) - host) < MS // 10


def test_a_sensor_that_starts_anew_has_a_new_clock() -> None:
    clock = MinimumDelay()
    for host, sensor in pairs(10.0, 20.0, 0.5, 0):
        clock.add(host, sensor)
    for host, sensor in pairs(4.0, 20.0, 0.0, 0, offset=HOST + 60 * SECOND):
        clock.add(host, sensor)
    assert abs(clock.to_host(sensor) - host) < MS // 10


# --- events by the millisecond ------------------------------------------------------------------------


def some_events(rng: np.random.Generator, count: int, width: int = 200, height: int = 100) -> Events:
    """Events of which many lie side by side, as vectors hold them."""
    t = np.sort(rng.integers(16_000_000, 16_900_000, count // 8)).repeat(8)
    x = (rng.integers(0, width - 8, count // 8)[:, None] + np.arange(8)).ravel()
    y = rng.integers(0, height, count // 8).repeat(8)
    return Events(x.astype(np.uint16), y.astype(np.uint16), np.ones(len(t), np.uint8), t, width, height)


@settings(max_examples=20)
@given(
    st.integers(0, 2**31),
    st.integers(0, 150),
    st.integers(0, 60),
    st.integers(1, 80),
    st.sampled_from(["evt3", "mono"]),
)
def test_counts_are_those_of_the_decoded_events(
    seed: int, left: int, top: int, side: int, encoding: str
) -> None:
    rng = np.random.default_rng(seed)
    events, box = some_events(rng, 4000), (left, top, min(200, left + side), min(100, top + side))
    counter, decoder = (EventCounter(encoding, 200, 100, box), make_decoder(encoding, 200, 100))
    expected = np.zeros(2000, np.int64)
    for begin in range(0, len(events), 500):
        part = events[begin : begin + 500]
        base = int(part.t[0]) * 1000
        if encoding == "evt3":
            data = encode_evt3(part)
        else:
            data, base = encode_mono(part)
        found = decoder.decode(data, base)
        inside = (found.x >= box[0]) & (found.x < box[2]) & (found.y >= box[1]) & (found.y < box[3])
        expected += np.bincount(found.t[inside] // 1000 - 15_500, minlength=2000)
        counter.add(data, base)
    assert counter.time == decoder.time == events.t[-1]
    fit = replace(fit_of_truth(), offset_ns=0)
    activity = counter.activity(fit)
    assert activity is not None
    first = activity.begin // MS - 15_500
    counts = np.diff(activity.cumulative)
    assert counts.tolist() == expected[first : first + len(counts)].tolist()


def fit_of_truth() -> object:
    clock = MinimumDelay()
    for now in range(0, 3 * SECOND, 100 * MS):
        clock.add(now, now)
    return clock.fit()


def test_counts_keep_the_newest_seconds_and_triggers() -> None:
    counter = EventCounter("evt3", 200, 100, seconds=0.5)
    events = some_events(np.random.default_rng(0), 8000)
    trigger = np.array([0xA101, 0xA100], "<u2").tobytes()
    for begin in range(0, len(events), 400):
        part = events[begin : begin + 400]
        counter.add(encode_evt3(part) + trigger, int(part.t[0]) * 1000)
    activity = counter.activity(fit_of_truth())
    assert activity is not None
    assert 490 * MS < activity.end - activity.begin <= 500 * MS
    edges = counter.triggers()
    assert edges.id.tolist() == [1] * 40
    assert edges.edge.tolist() == [1, 0] * 20
    assert edges.t[-1] == events.t[-1]
    with pytest.raises(FormatError):
        counter.add(b"odd")


# --- offsets by correlation ---------------------------------------------------------------------------


def movement(seconds: float, seed: int, bursts: float = 1.0) -> NDArray[np.float64]:
    """How fast something moves, for each ms: bursts of a few tenths of a second, about so many a second."""
    rng = np.random.default_rng([seed, 7])
    t = np.arange(round(seconds * 1000)) / 1000
    speed = np.zeros_like(t)
    for at in rng.uniform(0, seconds, max(1, round(bursts * seconds))):
        speed += rng.uniform(0.3, 1.0) * np.exp(-(((t - at) / rng.uniform(0.03, 0.12)) ** 2))
    return speed


def seen(speed: NDArray[np.float64], seed: int, rate: float, noise: float, late_ms: int = 0) -> Activity:
    """A sensor that sees it, each movement with a strength of its own, and noise."""
    rng = np.random.default_rng([seed, 8])
    taste = 1.0 + 0.3 * np.interp(
        np.arange(len(speed)), np.arange(0, len(speed), 300), rng.standard_normal(-(-len(speed) // 300))
    )
    counts = rng.poisson(np.maximum(rate * np.maximum(taste, 0.1) * speed + noise, 0.0))
    edges = HOST + (np.arange(len(speed) + 1) + late_ms) * MS
    return Activity.of_counts(edges, counts.astype(np.float64))


def test_offsets_lie_within_what_is_said_of_them() -> None:
    inside, known = 0, 0
    for seed in range(40):
        speed = movement(10.0, seed)
        late = int(np.random.default_rng(seed).integers(-400, 400))
        found = correlated(
            "left", "right", "event rate correlation",
            seen(speed, seed, 200.0, 80.0, late).intervals(), seen(speed, seed + 1000, 60.0, 10.0),
        )  # fmt: skip
        if found.known:
            known += 1
            inside += abs(found.offset * 1000 + late) <= found.uncertainty * 1000
            assert found.uncertainty < 0.05
    assert known >= 36
    assert inside >= 0.95 * known


def test_the_peak_alone_is_seldom_further_off_than_it_says() -> None:
    inside = 0
    for seed in range(40):
        speed = movement(12.0, seed + 100)
        peak = find_peak(seen(speed, seed, 200.0, 80.0, 37).intervals(), seen(speed, seed + 1000, 60.0, 10.0))
        assert peak is not None
        inside += abs(peak.offset / MS + 37) <= peak.uncertainty / MS
    assert inside >= 35


def test_nothing_is_said_where_nothing_moves_or_each_sees_something_else() -> None:
    for seed in range(20):
        still = np.zeros(12_000)
        alone = correlated(
            "left", "right", "event rate correlation",
            seen(still, seed, 0.0, 80.0).intervals(), seen(still, seed + 1000, 0.0, 10.0),
        )  # fmt: skip
        assert not alone.known
        assert alone.reason
        assert math.isnan(alone.uncertainty)
    short = seen(movement(3.0, 1), 1, 100.0, 1.0)
    assert find_peak(short.intervals(), short) is None


def test_what_repeats_is_ambiguous() -> None:
    speed = np.tile(movement(0.25, 3, bursts=4.0), 60)
    found = correlated(
        "evk4", "davis346", "event rate correlation",
        seen(speed, 1, 200.0, 1.0).intervals(), seen(speed, 1001, 60.0, 1.0),
    )  # fmt: skip
    assert not found.known
    assert "two peaks" in found.reason


def test_frames_are_found_beside_events() -> None:
    inside = 0
    for seed in range(20):
        speed = movement(12.0, seed + 300)
        total = np.concatenate(([0.0], np.cumsum(speed)))
        times = np.arange(100, 11_900, 1000 / 30)
        amount = np.diff(np.interp(times, np.arange(len(total)), total))
        stamps = HOST + np.rint((times + 120) * MS).astype(np.int64)
        found = correlated(
            "left", "right", "frame and event correlation",
            Intervals(stamps[:-1], stamps[1:], amount), seen(speed, seed, 60.0, 10.0),
        )  # fmt: skip
        assert found.known
        inside += abs(found.offset + 0.120) <= found.uncertainty
        assert abs(found.offset + 0.120) < 0.005
    assert inside >= 19


def test_frames_change_by_what_moves_and_not_by_a_lamp() -> None:
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.integers(40, 200, (30, 60), np.uint8), (640, 360), interpolation=cv2.INTER_CUBIC)
    still, moving = FrameActivity(), FrameActivity()
    amounts: dict[str, list[float]] = {"still": [], "moving": []}
    for index in range(20):
        rows = 1.0 + 0.05 * np.sin(index + np.arange(360) / 40)[:, None]
        for name, activity, picture in (
            ("still", still, scene),
            ("moving", moving, np.roll(scene, 2 * index, axis=1)),
        ):
            lit = np.clip(picture * rows, 0, 255).astype(np.uint8)
            found = activity.add(HOST + index * 33 * MS, cv2.imencode(".jpg", lit)[1].tobytes())
            if found is not None:
                amounts[name].append(found.contrast)
    assert np.median(amounts["moving"]) > 20 * float(np.median(amounts["still"]))
    with pytest.raises(FormatError, match="JPEG"):
        still.add(HOST + 10 * SECOND, b"no picture")


def test_frames_are_found_beside_frames_to_a_few_milliseconds() -> None:
    """The webcam is 60 ms late; what moves is smaller than a step of contrast most of the time."""
    coarse = np.random.default_rng(0).integers(90, 140, (30, 60), np.uint8)
    scene = cv2.resize(coarse, (640, 360), interpolation=cv2.INTER_CUBIC)
    errors = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        path = np.cumsum(movement(12.0, seed + 500)) / 60

        def seen_at(at: float, rng: np.random.Generator = rng, path: NDArray[np.float64] = path) -> NDArray:
            x = float(np.interp(at, np.arange(len(path)), path))
            moved = cv2.warpAffine(scene, np.array([[1.0, 0.0, -x], [0.0, 1.0, 0.0]]), (640, 360))
            return np.clip(moved + rng.normal(0, 2, moved.shape), 0, 255).astype(np.uint8)

        webcam, davis = FrameIntervals(), FrameIntervals()
        for at in np.arange(100, 11_900, 1000 / 30):
            webcam.add(HOST + round((at + 60) * MS), cv2.imencode(".jpg", seen_at(at))[1].tobytes())
        for at in np.arange(50, 11_950, 1000 / 40):
            davis.add(HOST + round(at * MS), seen_at(at))
        found = of_webcam(webcam, "davis346", davis, None)
        assert found.method == "frame difference correlation"
        assert abs(found.offset + 0.060) <= found.uncertainty
        errors.append(abs(found.offset + 0.060))
    assert max(errors) < 0.005


def test_stamps_of_an_even_pace_lose_their_jitter() -> None:
    rng = np.random.default_rng(1)
    true = HOST + (np.arange(400)[rng.random(400) > 0.03] * SECOND * (1 + 150e-6) / 30).astype(np.int64)
    jittered = true + rng.exponential(3 * MS, len(true)).astype(np.int64)
    assert np.abs(even(jittered) - true).max() < 0.6 * MS
    late = true + rng.exponential(5 * MS, len(true)).astype(np.int64)
    assert (late - true).max() > 0.75 * SECOND / 30  # nearly as late as the next one
    off = np.abs(even(np.maximum.accumulate(late)) - true)
    assert np.percentile(off, 99) < MS
    minutes = HOST + np.arange(36_000) * SECOND // 60
    assert np.abs(even(minutes + rng.exponential(2 * MS, 36_000).astype(np.int64)) - minutes).max() < 0.6 * MS
    bursts = HOST + np.repeat(np.arange(60) * SECOND, 20) + np.tile(np.arange(20), 60)
    assert (even(bursts) == bursts).all()
    uneven = HOST + np.cumsum(rng.uniform(10, 90, 200) * MS).astype(np.int64)
    assert (even(uneven) == uneven).all()


# --- triggers, drift, history -------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(-400, 400), st.integers(0, 2**31))
def test_edges_that_both_saw_tell_the_offset_to_microseconds(late_ms: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges = HOST + np.cumsum(rng.uniform(0.2, 1.5, 12) * SECOND).astype(np.int64)
    match = match_edges(edges + late_ms * MS, edges[2:] + rng.integers(-500, 500, 10))
    assert match is not None
    assert abs(match.offset + late_ms * MS) <= match.uncertainty < 5_000


def test_a_regular_train_of_edges_needs_to_know_where() -> None:
    edges = HOST + np.arange(20) * SECOND // 10
    assert match_edges(edges + 30 * MS, edges) is None
    near = SensorOffset("evk4", "davis346", offset=-0.033, uncertainty=0.006, method="event rate correlation")
    found = triggered("evk4", "davis346", edges + 30 * MS, edges, near)
    assert found is not None
    assert found.method == "trigger"
    assert abs(found.offset + 0.030) < 1e-5


def test_offsets_over_time_tell_the_drift() -> None:
    inside = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        drift, error = rng.uniform(-200, 200), rng.uniform(0.5e-3, 3e-3, 20)
        times = np.arange(20) * 30.0
        offsets = [
            SensorOffset(
                "webcam", "davis346", offset=0.1 - drift * 1e-6 * t + rng.normal(0, e / 1.96), statistical=e
            )
            for t, e in zip(times, error, strict=True)
        ]
        found, uncertainty = drift_of(times.tolist(), offsets)
        inside += abs(found - drift) <= uncertainty
        assert uncertainty < 20
    assert inside >= 90
    assert math.isnan(drift_of([0.0, 1.0], offsets[:2])[0])


def test_what_was_known_stays_known_less_and_less_surely() -> None:
    history = OffsetHistory(20.0)
    good = SensorOffset(
        "webcam", "davis346", offset=0.1, uncertainty=0.005, method="frame difference correlation"
    )
    history.add(HOST, good)
    history.add(HOST + 100 * SECOND, SensorOffset("webcam", "davis346", reason="nothing moves"))
    (now,) = history.newest(HOST + 100 * SECOND)
    assert now.offset == 0.1
    assert now.uncertainty == pytest.approx(math.hypot(0.005, 200e-6 * 100), rel=1e-3)
    assert now.reason == "as of 100 s ago"
    (later,) = history.newest(HOST + 1000 * SECOND)
    assert not later.known
    assert later.reason == "nothing moves"


# --- faults, bags -------------------------------------------------------------------------------------


def test_a_virtual_camera_is_wrong_as_asked_and_says_so() -> None:
    source = open_source(
        "davis346", source="virtual", scene="photograph", clock_offset=150.0, clock_drift=-200.0
    )
    source.open()
    clock, begun, last = MinimumDelay(), 0, 0
    while last - begun < 2.5 * SECOND:
        for reading in source.read(0.2) or []:
            if isinstance(reading, EncodedEvents):
                decoder = make_decoder("evt3", reading.width, reading.height)
                decoder.decode(reading.data, reading.sensor_time)
                assert decoder.time is not None
                clock.add(reading.host_time, decoder.time * 1000)
                begun, last = begun or reading.host_time, reading.host_time
        # It is there when its time is over: what was read says a later time than now.
        assert last - time.time_ns() < 150 * MS
    assert clock.fit().drift_ppm == pytest.approx(-200.0, abs=20.0)
    source.close()
    assert source.facts()["true_clock_offset_ms"] == 150.0
    assert source.facts()["true_clock_drift_ppm"] == -200.0
    assert ClockFaults().facts() == {}


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bag of three cameras that see one movement; the EVK4 is 80 ms late, the webcam 45 ms early.

    The DAVIS346 has no frames.
    """
    folder = tmp_path_factory.mktemp("clocks")
    name = TakeId("S01", "01", 12, 1)
    recording = TakeRecording(folder, name, HOST)
    speed = movement(10.0, 11)
    path = np.cumsum(speed) / 6
    rng = np.random.default_rng(0)
    for topic, size, late, drift, zero in (
        ("/davis346/events", (346, 260), 0, 120.0, 5_000_000),
        ("/evk4/events", (1280, 720), 80, -60.0, 90_000_000),
    ):
        faults = ClockFaults(late * MS, drift)
        for seq, begin in enumerate(range(0, 10_000, 10)):
            counts = rng.poisson(100 * speed[begin : begin + 10] + 5)
            ms = np.repeat(np.arange(begin, begin + 10), counts)
            t = np.array([zero + faults.shown(at * MS) // 1000 for at in ms], np.int64)
            n = len(t)
            events = Events(
                rng.integers(3 * size[0] // 10, 7 * size[0] // 10, n).astype(np.uint16),
                rng.integers(3 * size[1] // 10, 7 * size[1] // 10, n).astype(np.uint16),
                np.ones(n, np.uint8), t, *size,
            )  # fmt: skip
            end = zero + faults.shown((begin + 10) * MS) // 1000
            arrival = HOST + faults.stamp((begin + 10) * MS, random.Random(seq)) + int(rng.exponential(MS))
            data = np.frombuffer(encode_evt3(events, time=None if n else end), np.uint8)
            base = int(t[0]) if n else end
            recording.add(
                topic, "event_camera_msgs/msg/EventPacket", arrival, height=size[1], width=size[0], seq=seq,
                time_base=base * 1000, encoding="evt3", is_bigendian=False, events=data,
            )  # fmt: skip
    scene = cv2.resize(rng.integers(40, 200, (30, 100), np.uint8), (1600, 360), interpolation=cv2.INTER_CUBIC)
    for frame in range(290):
        at = (frame + 1) * 1000 / 30
        x = 40.0 + float(np.interp(at, np.arange(len(path)), path))
        matrix = np.array([[1.0, 0.0, -x], [0.0, 1.0, 0.0]])
        picture = scene[:, :640].copy()
        picture[60:300, 220:420] = cv2.warpAffine(scene, matrix, (640, 360))[60:300, 220:420]
        recording.add(
            "/webcam/image_raw/compressed", "sensor_msgs/msg/CompressedImage", HOST + round((at - 45) * MS),
            format="jpeg", data=np.frombuffer(cv2.imencode(".jpg", picture)[1].tobytes(), np.uint8),
        )  # fmt: skip
    recording.finish(0, "complete")
    return folder / name.name


def test_a_finished_take_tells_its_clocks(take: Path) -> None:
    evk4, webcam = sync_take(take)
    assert (evk4.sensor, evk4.reference, evk4.method) == ("evk4", "davis346", "event rate correlation")
    assert abs(evk4.offset + 0.080) <= evk4.uncertainty < 0.0167
    assert abs(evk4.drift_ppm + 180.0) <= max(evk4.drift_uncertainty, 1.0)
    assert (webcam.sensor, webcam.method) == ("webcam", "frame and event correlation")
    assert abs(webcam.offset - 0.045) <= webcam.uncertainty < 0.0167
    written = json.loads((take / "sync.json").read_text())
    assert [entry["sensor"] for entry in written["offsets"]] == ["evk4", "webcam"]
    assert written["offsets"][1]["drift_ppm"] is None
    assert written["clocks"]["davis346"]["drift_ppm"] == pytest.approx(120.0, abs=5.0)
