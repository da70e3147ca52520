"""Sources of packets and frames: options, virtual ones, files, devices that are not there."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_origin

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from recorded_session import Plan, record

from evface.cameras import (
    OPTIONS,
    CameraSource,
    Cue,
    EncodedEvents,
    Frame,
    ImuSample,
    Reading,
    live_webcam,
    open_source,
    options_of,
    pacing,
    step_pace,
)
from evface.cameras.live_evk4 import Evt3Stream
from evface.cameras.pacing import MAX_LAG, SECOND, ArrivalClock, Pace
from evface.cameras.packing import cut, pack
from evface.cameras.tracks import jpeg_size
from evface.errors import ConfigError, DeviceError, FormatError
from evface.events import Events, encode_evt3, make_decoder
from evface.events.files import open_recording, open_writer

RIGS = Path(__file__).parents[3] / "config" / "rigs"


def some_events(n: int = 2000, length_us: int = 300_000, width: int = 346, height: int = 260) -> Events:
    rng = np.random.default_rng(n)
    return Events(
        rng.integers(0, width, n).astype(np.uint16), rng.integers(0, height, n).astype(np.uint16),
        rng.integers(0, 2, n).astype(np.uint8),
        np.sort(rng.integers(1000, 1000 + length_us, n)).astype(np.int64),
        width, height,
    )  # fmt: skip


def play(source: CameraSource, seconds: float = 20.0) -> list[Reading]:
    """All readings until the source ends, or for some time."""
    end = time.monotonic() + seconds
    readings: list[Reading] = []
    while time.monotonic() < end:
        found = source.read(0.05)
        if found is None:
            break
        readings += found
    source.close()
    return readings


def packets_of(readings: list[Reading]) -> list[EncodedEvents]:
    return [reading for reading in readings if isinstance(reading, EncodedEvents)]


def frames_of(readings: list[Reading]) -> list[Frame]:
    return [reading for reading in readings if isinstance(reading, Frame)]


def decode(packets: list[EncodedEvents], alone: bool) -> Events:
    """Decode packets, each with a decoder of its own or all with one."""
    first = packets[0]
    decoder = make_decoder(first.encoding, first.width, first.height)
    parts = []
    for packet in packets:
        if alone:
            decoder = make_decoder(packet.encoding, packet.width, packet.height)
        parts.append(decoder.decode(packet.data, packet.sensor_time).copy())
        assert packet.count in (-1, len(parts[-1]))
    return Events.concatenate(parts)


def same(a: Events, b: Events) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in "xypt")


# --- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("camera", OPTIONS)
def test_every_option_can_be_a_parameter_of_a_node(camera: str) -> None:
    for name, field in options_of(camera).model_fields.items():
        kind = field.annotation
        assert kind in (bool, int, float, str, list[float], list[str]) or get_origin(kind) is not None, name
        assert all(isinstance(value, str) for value in get_args(kind) if not isinstance(value, type))
        assert field.description, name


@pytest.mark.parametrize(
    ("camera", "options", "words"),
    [
        ("gopro", {}, ["gopro", "davis346"]),
        ("webcam", {"sorce": "live"}, ["webcam", "sorce", "unknown name"]),
        ("davis346", {"source": "telepathy"}, ["source", "telepathy"]),
        ("davis346", {"step_rate": 5.0}, ["step_rate", "5.0"]),
        ("evk4", {"bias_fo": 99}, ["bias_fo", "99"]),
        ("davis346", {"biases": ["Foo=1/2"]}, ["biases", "Foo=1/2", "DiffBn"]),
        ("davis346", {"biases": ["DiffBn=9/39"]}, ["DiffBn=9/39", "0 to 7"]),
    ],
)
def test_a_wrong_option_is_refused_with_its_name(
    camera: str, options: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(camera, **options)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("rig", ["live", "virtual", "file"])
def test_shipped_rigs_hold_valid_options(rig: str) -> None:
    for camera, options in yaml.safe_load((RIGS / f"{rig}.yaml").read_text()).items():
        open_source(camera, **options)
        assert options["source"] == rig


# --- pace ---------------------------------------------------------------------------------------------


class FakeTime:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000_000

    def time_ns(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(pacing, "time", fake)
    return fake


def test_deadlines_do_not_drift(clock: FakeTime) -> None:
    pace = Pace(100.0)
    first = pace.start()
    deadlines = []
    for _ in range(50):
        deadlines.append(pace.wait(1.0))
        clock.now += 3_000_000
    assert deadlines == [first + k * 10_000_000 for k in range(50)]
    assert pace.late == 0


def test_a_wait_ends_at_its_timeout(clock: FakeTime) -> None:
    pace = Pace(1.0)
    first = pace.start()
    assert pace.wait(0.1) == first
    assert pace.wait(0.1) is None
    assert clock.now == first + SECOND // 10


def test_a_small_lag_is_made_up_for(clock: FakeTime) -> None:
    pace = Pace(100.0)
    first = pace.start()
    pace.wait(1.0)
    clock.now += MAX_LAG - 10_000_000
    assert [pace.wait(1.0) for _ in range(4)] == [first + k * 10_000_000 for k in (1, 2, 3, 4)]
    assert pace.late == 0


def test_steps_of_a_long_lag_are_left_out_and_counted(clock: FakeTime) -> None:
    pace = Pace(100.0)
    first = pace.start()
    pace.wait(1.0)
    clock.now += SECOND
    assert pace.wait(1.0) == first + SECOND
    assert pace.late == 99
    assert pace.wait(1.0) == first + SECOND + 10_000_000


def test_steps_that_are_waited_for_together_come_one_after_the_other(clock: FakeTime) -> None:
    pace = Pace(1000.0, together=5)
    first = pace.start()
    assert pace.wait(1.0) == first
    assert pace.wait(1.0) == first + 1_000_000
    assert clock.now == first + 5_000_000
    assert [pace.wait(0.0) for _ in range(5)] == [*(first + k * 1_000_000 for k in (2, 3, 4, 5)), None]


def test_a_host_clock_set_back_does_not_stop_a_source(clock: FakeTime) -> None:
    pace = Pace(100.0)
    pace.start()
    pace.wait(1.0)
    clock.now -= 3600 * SECOND
    assert pace.wait(1.0) == clock.now


def test_the_shortest_delay_gives_a_sensor_times_host_time() -> None:
    arrivals = ArrivalClock(window=10 * SECOND)
    assert arrivals.host_time(5) == 0
    for sensor, delay in ((0, 900), (1 * SECOND, 300), (2 * SECOND, 700)):
        arrivals.arrived(sensor, sensor + 1000 * SECOND + delay)
    assert arrivals.host_time(3 * SECOND) == 1003 * SECOND + 300
    for k in range(3, 30):
        arrivals.arrived(k * SECOND, k * SECOND + 1000 * SECOND + 5000)
    assert arrivals.host_time(30 * SECOND) == 1030 * SECOND + 5000


# --- packets ------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 200), max_size=60), st.integers(1, 50), st.integers(1, 7))
def test_cutting_loses_nothing_and_keeps_to_the_grid(gaps: list[int], duration: int, parts: int) -> None:
    n = len(gaps)
    t = np.cumsum(gaps).astype(np.int64) + 3
    events = Events(np.arange(n, dtype=np.uint16), np.zeros(n, np.uint16), np.ones(n, np.uint8), t, 346, 260)
    pieces = list(cut((events[k * n // parts : (k + 1) * n // parts] for k in range(parts)), duration))
    ends = [end for end, _ in pieces]
    assert ends == list(range(ends[0], ends[-1] + 1, duration)) if ends else n == 0
    for end, piece in pieces:
        assert end % duration == 0
        assert all(end - duration <= time < end for time in piece.t)
    assert same(Events.concatenate([events[:0], *(piece for _, piece in pieces)]), events)


def test_an_empty_packet_lets_time_go_on() -> None:
    packet = pack(Events.empty(346, 260), 20_000_000, 7)
    decoder = make_decoder("evt3", 346, 260)
    assert len(decoder.decode(packet.data, packet.sensor_time)) == 0
    assert decoder.time == 20_000_000
    assert (packet.count, packet.sensor_time, packet.host_time) == (0, 20_000_000_000, 7)


def test_pieces_of_an_evt3_stream_get_time_bases_that_decode_to_the_same() -> None:
    events = some_events(30_000, length_us=40_000_000, width=1280, height=720)
    words = encode_evt3(events)
    edges = [0, 1000, 1002, 30_000, *range(40_000, len(words), 9998), len(words)]
    stream = Evt3Stream()
    packets = [stream.packet(words[a:b], 0) for a, b in pairwise(edges)]
    assert same(decode(packets, alone=False), events)


# --- virtual ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def davis_readings() -> list[Reading]:
    source = open_source(
        "davis346",
        source="virtual",
        scene="photograph",
        pixels="ideal",
        step_rate=200.0,
        frame_rate=40.0,
        seed=1,
    )
    found = source.open()
    assert (found.model, found.width, found.height, found.kind) == ("DAVIS346", 346, 260, "virtual")
    source.cue(Cue("perform", 12, time.time_ns(), SECOND, 0, 1))
    return play(source, 1.0)


def test_packets_of_a_virtual_camera_stand_alone_and_follow_each_other(davis_readings: list[Reading]) -> None:
    packets = packets_of(davis_readings)
    assert len(packets) > 50
    events = decode(packets, alone=True)
    assert same(events, decode(packets, alone=False))
    assert len(events) > 10_000
    assert np.all(np.diff(events.t) >= 0)
    for packet in packets:
        decoder = make_decoder("evt3", 346, 260)
        found = decoder.decode(packet.data, packet.sensor_time)
        assert not len(found) or packet.sensor_time == int(found.t[0]) * 1000


def test_frames_and_events_of_a_virtual_camera_share_a_clock(davis_readings: list[Reading]) -> None:
    frames = frames_of(davis_readings)
    assert 20 <= len(frames) <= 41
    image = frames[0].image
    assert isinstance(image, np.ndarray)
    assert image.shape == (260, 346)
    assert image.dtype == np.uint8
    assert frames[0].encoding == "mono8"
    delays = [reading.host_time - reading.sensor_time for reading in frames]
    assert max(delays) - min(delays) <= 1000
    packets = [packet for packet in packets_of(davis_readings) if packet.count]
    # An event cannot arrive before it happened.
    assert all(packet.host_time - packet.sensor_time >= min(delays) for packet in packets)


def test_a_black_scene_gives_empty_packets(tmp_path: Path) -> None:
    path = tmp_path / "black.png"
    cv2.imwrite(str(path), np.zeros((60, 80, 3), np.uint8))
    source = open_source("davis346", source="virtual", scene=str(path), pixels="ideal", step_rate=200.0)
    source.open()
    packets = packets_of(play(source, 0.2))
    assert len(packets) > 5
    assert all(packet.count == 0 for packet in packets)
    decoder = make_decoder("evt3", 346, 260)
    times = []
    for packet in packets:
        decoder.decode(packet.data, packet.sensor_time)
        times.append(decoder.time)
    assert times == sorted(set(times))


def test_cameras_of_a_seed_see_the_same_person_do_the_same_and_tell_it() -> None:
    cue = Cue("perform", 12, time.time_ns(), 4 * SECOND, 0, 1)
    told = []
    for camera in ("davis346", "webcam"):
        source = open_source(camera, source="virtual", seed=3)
        source.open()
        assert source.truths() == []
        source.cue(cue)
        source.cue(cue)
        told.append(source.truths())
        source.close()
    assert told[0] == told[1]
    (truth,) = told[0]
    assert (truth["au"], truth["trial"], truth["take"]) == (12, 0, 1)
    assert cue.start < truth["onset"] < truth["apex"] <= truth["offset"] < truth["end"]
    assert truth["simulator"]["seed"] == 3


def test_a_photograph_has_no_truth() -> None:
    source = open_source("webcam", source="virtual", scene="photograph")
    source.open()
    source.cue(Cue("perform", 12, time.time_ns(), SECOND, 0, 1))
    assert source.truths() == []


def test_light_that_is_given_counts_for_every_camera() -> None:
    for camera in ("davis346", "evk4", "webcam"):
        source = open_source(camera, source="virtual", scene="photograph", lux=200.0)
        assert "at 200 lux" in source.open().detail


def test_a_threshold_that_no_pixel_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="threshold_on"):
        open_source("davis346", source="virtual", threshold_on=0.001)


def test_a_virtual_evk4_says_at_which_rate_it_is_made() -> None:
    source = open_source("evk4", source="virtual", scene="photograph", step_rate=20.0)
    found = source.open()
    assert (found.model, found.width, found.height) == ("EVK4", 1280, 720)
    assert "evk4 pixels" in found.detail
    assert "20 pictures/s, a reduced rate" in found.detail
    packets = packets_of(play(source, 0.5))
    assert decode(packets, alone=True).width == 1280


@pytest.mark.parametrize("camera", OPTIONS)
def test_a_virtual_camera_that_is_read_long_after_it_was_opened_is_not_late(camera: str) -> None:
    source = open_source(camera, source="virtual", scene="photograph")
    source.open()
    time.sleep(0.2)
    readings = source.read(0.1)
    assert readings
    assert readings[0].sensor_time < 1_100_000_000
    assert source.late == 0


def test_a_sensors_clock_goes_on_when_the_hosts_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source("davis346", source="virtual", scene="photograph", pixels="ideal", frame_rate=40.0)
    source.open()
    before = [reading for _ in range(20) for reading in source.read(0.1)]
    hour = 3600 * SECOND
    shifted = SimpleNamespace(time_ns=lambda: time.time_ns() - hour, sleep=time.sleep)
    monkeypatch.setattr(step_pace, "time", shifted)
    after = [reading for _ in range(20) for reading in source.read(0.1)]
    assert before[-1].sensor_time < after[0].sensor_time < before[-1].sensor_time + SECOND
    assert after[-1].host_time < before[0].host_time - hour + 10 * SECOND
    assert frames_of(after)
    source.close()


def test_packets_arrive_when_their_time_is_over_however_long_they_took(davis_readings: list[Reading]) -> None:
    packets = [packet for packet in packets_of(davis_readings) if packet.count]
    offset = min(frame.host_time - frame.sensor_time for frame in frames_of(davis_readings))
    for packet in packets:
        last = decode([packet], alone=True).t[-1] * 1000
        assert 0 <= packet.host_time - offset - last < 20_000_000


def test_packets_stay_short_where_steps_are_long() -> None:
    source = open_source(
        "evk4", source="virtual", scene="photograph", pixels="ideal", step_rate=20.0, packet_ms=5.0
    )
    source.open()
    source.cue(Cue("perform", 51, time.time_ns(), SECOND, 0, 1))
    packets = packets_of(play(source, 1.0))
    events = decode(packets, alone=True)
    assert same(events, decode(packets, alone=False))
    assert np.all(np.diff(events.t) >= 0)
    assert sum(packet.count for packet in packets) == len(events) > 10_000
    for packet in packets:
        found = decode([packet], alone=True)
        assert not len(found) or found.t[-1] - found.t[0] < 10_000


def test_a_virtual_webcam_gives_jpegs_at_its_rate() -> None:
    source = open_source(
        "webcam", source="virtual", scene="photograph", width=320, height=240, frame_rate=50.0
    )
    source.open()
    frames = frames_of(play(source, 0.5))
    assert 15 <= len(frames) <= 26
    image = cv2.imdecode(np.frombuffer(frames[0].image, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (240, 320, 3)
    assert np.diff([frame.host_time for frame in frames]).min() >= 20_000_000 - 1


@pytest.mark.parametrize("camera", OPTIONS)
@pytest.mark.parametrize("kind", ["virtual", "live"])
def test_reading_a_source_that_is_not_open_is_an_error(camera: str, kind: str) -> None:
    source = open_source(camera, source=kind)
    with pytest.raises(DeviceError, match="not open"):
        source.read(0.0)
    source.close()
    source.close()


# --- files --------------------------------------------------------------------------------------------


@pytest.fixture(params=["raw", "h5"])
def event_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"events.{request.param}"
    with open_writer(path, 346, 260) as writer:
        writer.write(some_events())
    return path


def test_a_file_of_events_plays_at_its_pace_and_ends(event_file: Path) -> None:
    source = open_source("davis346", source="file", path=str(event_file), speed=2.0)
    found = source.open()
    assert (found.kind, found.width, found.height) == ("file", 346, 260)
    begin = time.monotonic()
    packets = packets_of(play(source))
    assert 0.1 < time.monotonic() - begin < 5.0
    assert same(decode(packets, alone=False), open_recording(event_file).read())
    host = [packet.host_time for packet in packets]
    assert host == sorted(host)
    span = (packets[-1].sensor_time - packets[0].sensor_time) / 2
    assert host[-1] - host[0] == pytest.approx(span, abs=0.02 * SECOND)


def test_a_file_can_wait_for_takes_and_start_over_at_each(event_file: Path) -> None:
    source = open_source("davis346", source="file", path=str(event_file), speed=20.0, start="take")
    source.open()
    assert source.read(0.01) == []
    lengths = []
    for take in (1, 2):
        begun = time.time_ns()
        for _ in range(2):  # a latched state may come twice
            source.cue(Cue("countdown", 12, begun, SECOND, 0, take))
        readings: list[Reading] = []
        while (
            sum(len(decode([p], alone=False)) if p.count < 0 else p.count for p in packets_of(readings))
            < 1500
        ):
            found = source.read(0.1)
            assert found is not None
            readings += found
        assert readings[0].host_time == begun
        while found := source.read(0.05):
            readings += found
        lengths.append(len(decode(packets_of(readings), alone=False)))
    assert lengths == [2000, 2000]
    source.close()


def test_a_file_can_loop(event_file: Path) -> None:
    source = open_source("davis346", source="file", path=str(event_file), speed=20.0, loop=True)
    source.open()
    seen = 0
    deadline = time.monotonic() + 10
    first = -1
    while seen < 2 and time.monotonic() < deadline:
        for packet in packets_of(source.read(0.1) or []):
            first = packet.sensor_time if first < 0 else first
            seen += packet.sensor_time == first
    source.close()
    assert seen == 2


def test_an_aedat4_file_gives_events_frames_and_imu(recording: Callable[[str], Path]) -> None:
    source = open_source("davis346", source="file", path=str(recording("events/davis346.aedat4")), speed=5.0)
    found = source.open()
    assert (found.model, found.serial) == ("DAVIS346", "00000104")
    readings = play(source)
    events = decode(packets_of(readings), alone=True)
    assert (len(events), int(events.p.sum())) == (117_667, 72_363)
    assert len(frames_of(readings)) == 3
    assert sum(isinstance(reading, ImuSample) for reading in readings) == 130
    assert {reading.sensor_time // (3600 * SECOND) for reading in readings} == {1_633_953_690 // 3600}


def test_packets_of_a_bag_are_passed_on_untouched(recording: Callable[[str], Path]) -> None:
    path = recording("events/vga_evt3_bag")
    source = open_source("evk4", source="file", path=str(path), speed=20.0)
    source.open()
    packets = packets_of(play(source))
    expected = list(open_recording(path).packets())
    assert [bytes(packet.data) for packet in packets] == [bytes(packet.data) for packet in expected]
    assert [packet.sensor_time for packet in packets] == [packet.sensor_time for packet in expected]


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = record(tmp_path_factory.mktemp("takes"), Plan(subjects=("S01",), aus=(12,), evk4=True))
    return next(path.parent for path in root.rglob("*.mcap"))


def test_a_take_of_ones_own_plays_in_the_cameras_places(take: Path) -> None:
    readings = {}
    for camera in ("davis346", "evk4", "webcam"):
        source = open_source(camera, source="file", path=str(take), speed=20.0)
        found = source.open()
        readings[camera] = play(source)
        assert (found.width, found.height) == {
            "davis346": (346, 260), "evk4": (1280, 720), "webcam": (640, 480)
        }[camera]  # fmt: skip
        host = [reading.host_time for reading in readings[camera]]
        assert host == sorted(host)
    assert len(decode(packets_of(readings["davis346"]), alone=False)) == 33_000
    assert len(frames_of(readings["davis346"])) == 24
    assert len(frames_of(readings["webcam"])) == 18
    assert not frames_of(readings["evk4"])


def moving_video(path: Path) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (160, 120))
    for k in range(10):
        image = np.full((120, 160, 3), 60, np.uint8)
        cv2.circle(image, (40 + 5 * k, 60), 15, (220, 220, 220), -1)
        writer.write(image)
    writer.release()
    return path


def test_a_video_in_a_webcams_place_gives_its_frames_as_jpegs(tmp_path: Path) -> None:
    source = open_source("webcam", source="file", path=str(moving_video(tmp_path / "v.avi")))
    found = source.open()
    assert (found.width, found.height, found.kind) == (160, 120, "file")
    frames = frames_of(play(source))
    assert len(frames) == 10
    assert np.diff([frame.host_time for frame in frames]) == pytest.approx(
        np.full(9, 50_000_000), abs=2_000_000
    )


def test_a_video_in_an_event_cameras_place_is_seen_by_an_event_sensor(tmp_path: Path) -> None:
    source = open_source(
        "davis346", source="file", path=str(moving_video(tmp_path / "v.avi")), step_rate=100.0, speed=4.0
    )
    source.open()
    readings = play(source)
    events = decode(packets_of(readings), alone=True)
    assert len(events) > 5_000
    assert events.t[0] > 0
    assert 400_000 < events.t[-1] <= 500_000
    assert len(frames_of(readings)) == 13


def test_a_file_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.raw"
    broken.write_bytes(b"nothing of the kind")
    for camera, path in (("davis346", broken), ("webcam", broken), ("evk4", tmp_path / "missing.raw")):
        with pytest.raises(FormatError, match=path.name):
            open_source(camera, source="file", path=str(path)).open()
    with pytest.raises(FormatError, match="path is empty"):
        open_source("davis346", source="file").open()


def test_the_size_of_a_jpeg_is_read_from_its_header(tmp_path: Path) -> None:
    for progressive in (0, 1):
        _, data = cv2.imencode(
            ".jpg", np.zeros((33, 57, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
        )
        assert jpeg_size(data.tobytes(), tmp_path) == (57, 33)
    for broken in (b"", b"\xff\xd8", data.tobytes()[:20], b"GIF89a" * 9):
        with pytest.raises(FormatError, match="no JPEG"):
            jpeg_size(broken, tmp_path)


# --- devices that are not there -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("camera", "options", "words"),
    [
        ("davis346", {"serial": "NOBODY"}, ["DAVIS", "NOBODY", "lsusb", "udev"]),
        ("evk4", {"serial": "NOBODY", "driver": "neuromorphic"}, ["EVK4", "NOBODY", "lsusb", "udev"]),
        ("webcam", {"serial": "NOBODY"}, ["V4L2", "NOBODY", "video"]),
        ("webcam", {"device": "/dev/video987"}, ["/dev/video987"]),
    ],
)
def test_a_missing_device_is_one_clear_error(camera: str, options: dict[str, Any], words: list[str]) -> None:
    source = open_source(camera, source="live", **options)
    with pytest.raises(DeviceError) as caught:
        source.open()
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    source.close()


def test_a_missing_vendor_library_is_said_and_how_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "metavision_hal", None)
    with pytest.raises(DeviceError, match="OpenEB, or set driver to neuromorphic"):
        open_source("evk4", driver="metavision").open()


def test_a_machine_without_any_webcam_says_where_it_looked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(live_webcam, "NODES", tmp_path)
    with pytest.raises(DeviceError, match="found none"):
        open_source("webcam").open()


def test_a_buffers_stamp_becomes_host_time_whatever_it_counts_from() -> None:
    now, since_boot = time.time_ns(), time.monotonic_ns()
    for stamp in (since_boot - 30_000_000, now - 30_000_000):
        assert live_webcam.host_time_of_buffer(stamp) == pytest.approx(now - 30_000_000, abs=SECOND)
    assert live_webcam.host_time_of_buffer(12345) == pytest.approx(now, abs=SECOND)
