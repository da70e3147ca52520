"""Recordings of every format: real ones by their published counts, made ones by what went in."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_recordings import HEIGHT, WIDTH, made_aedat4, made_bag, made_file, some_events, some_triggers

from evface.errors import FormatError
from evface.events import Events, Recording, Triggers, make_decoder, open_recording, open_writer
from evface.events.files.raw import read_header

Find = Callable[[str], Path]

COUNTS = {
    "events/davis346.aedat4": (346, 260, 117_667, 72_363, 129_999, 3),
    "events/person_dvxplorer.aedat4": (320, 240, 111_954, 55_023, 589_917, 0),
    "events/hd_evt3.raw": (1280, 720, 219_596, 115_532, 8_811, 0),
    "events/davis346_libcaer_cmp_bag": (346, 260, 571_266, 211_043, 999_996, 0),
    "events/davis346_libcaer_cmp_bag/test_events_2_0.mcap": (346, 260, 571_266, 211_043, 999_996, 0),
    "events/vga_evt3_bag": (640, 480, 343_474, 125_183, 2_078_178, 0),
    "events/vga_evt3_bag/test_events_1.db3": (640, 480, 343_474, 125_183, 2_078_178, 0),
}


def same(left: Events, right: Events) -> None:
    assert (left.width, left.height) == (right.width, right.height)
    for name in "xypt":
        assert np.array_equal(getattr(left, name), getattr(right, name)), name


@pytest.mark.parametrize("name", COUNTS)
def test_real_recordings_hold_what_was_counted(recording: Find, name: str) -> None:
    found = open_recording(recording(name)).summary()
    width, height, events, on, span, frames = COUNTS[name]
    assert (found.width, found.height, found.events, found.on, found.off) == (
        width,
        height,
        events,
        on,
        events - on,
    )
    assert found.first is not None
    assert found.last is not None
    assert found.last - found.first == span
    assert (found.frames, found.dropped) == (frames, 0)


def test_the_triggers_of_the_vga_bag(recording: Find) -> None:
    triggers = open_recording(recording("events/vga_evt3_bag")).triggers
    assert len(triggers) == 4157
    assert (np.diff(triggers.t) >= 0).all()


@pytest.mark.parametrize("name", ["events/davis346.aedat4", "events/person_dvxplorer.aedat4"])
def test_aedat4_like_the_vendors_library(recording: Find, name: str) -> None:
    dv = pytest.importorskip("dv_processing")
    path = recording(name)
    theirs, ours = dv.io.MonoCameraRecording(str(path)), open_recording(path)
    parts = []
    while (batch := theirs.getNextEventBatch()) is not None:
        parts.append(batch.numpy())
    expected, found = np.concatenate(parts), ours.read()
    for name, field in (("x", "x"), ("y", "y"), ("p", "polarity"), ("t", "timestamp")):
        assert np.array_equal(getattr(found, name), expected[field])
    for picture in ours.frames():
        frame = theirs.getNextFrame()
        assert np.array_equal(picture.image, frame.image)
        assert picture.exposure == frame.exposure.total_seconds() * 1e6
    samples = list(ours.imu())
    while (batch := theirs.getNextImuBatch()) is not None:
        for sample in batch:
            mine = samples.pop(0)
            assert mine.time == sample.timestamp
            np.testing.assert_allclose(mine.acceleration, sample.getAccelerations(), rtol=1e-3)
            np.testing.assert_allclose(mine.angular_velocity, sample.getAngularVelocities(), rtol=1e-5)
    assert not samples


@pytest.mark.parametrize("ending", [".raw", ".h5", ".hdf5"])
def test_what_was_written_is_read(tmp_path: Path, ending: str) -> None:
    events = some_events(start=1_700_000_000_000_000)
    triggers = some_triggers(events)
    found = open_recording(made_file(tmp_path / f"a{ending}", events, triggers))
    same(found.read(), events)
    assert found.triggers.t.tolist() == triggers.t.tolist()
    assert found.triggers.edge.tolist() == triggers.edge.tolist()
    assert [path.name for path in tmp_path.iterdir()] == [f"a{ending}"]


@pytest.mark.parametrize("ending", [".raw", ".h5"])
def test_writing_in_pieces_is_writing_at_once(tmp_path: Path, ending: str) -> None:
    events = some_events()
    with open_writer(tmp_path / f"a{ending}", WIDTH, HEIGHT) as writer:
        for start in range(0, len(events), 700):
            writer.write(events[start : start + 700])
    same(open_recording(tmp_path / f"a{ending}").read(), events)


@pytest.mark.parametrize("ending", [".raw", ".h5"])
def test_half_a_recording_never_appears(tmp_path: Path, ending: str) -> None:
    events = some_events()

    def write_twice() -> None:
        with open_writer(tmp_path / f"a{ending}", WIDTH, HEIGHT) as writer:
            writer.write(events)
            assert not (tmp_path / f"a{ending}").exists()
            writer.write(events)

    with pytest.raises(FormatError, match="step back"):
        write_twice()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".raw", ".h5"])
def test_an_empty_recording(tmp_path: Path, ending: str) -> None:
    found = open_recording(made_file(tmp_path / f"a{ending}", Events.empty(WIDTH, HEIGHT)))
    assert (found.width, found.height, len(found.read()), len(found.triggers)) == (WIDTH, HEIGHT, 0, 0)


def test_raw_bridges_a_long_silence(tmp_path: Path) -> None:
    first, second = some_events(start=100), some_events(start=90_000_000)
    with open_writer(tmp_path / "a.raw", WIDTH, HEIGHT) as writer:
        writer.write(first)
        writer.write(second)
    same(open_recording(tmp_path / "a.raw").read(), Events.concatenate([first, second]))


def test_raw_header(tmp_path: Path) -> None:
    header = read_header(made_file(tmp_path / "a.raw", some_events()))
    assert header.encoding == "EVT3"
    assert header.geometry == (WIDTH, HEIGHT)
    assert header.fields["geometry"] == "346x260"


@pytest.mark.parametrize(
    ("lines", "size"),
    [
        (b"% evt 3.0\n", (346, 260)),
        (b"% evt 3.0\n% plugin_name hal_plugin_gen41_evk3\n", (1280, 720)),
        (b"% format EVT3\n% sensor_name IMX636\n% end\n", (1280, 720)),
        (b"% format EVT3;height=480;width=640\n% end\n", (640, 480)),
        (b"% evt 3.0\n% geometry 640x480\n% end\n", (640, 480)),
    ],
)
def test_the_size_of_the_sensor(tmp_path: Path, lines: bytes, size: tuple[int, int]) -> None:
    path = made_file(tmp_path / "a.raw", some_events())
    words = path.read_bytes()[read_header(path).size :]
    path.write_bytes(lines + words)
    found = open_recording(path)
    assert (found.width, found.height) == size
    assert len(found.read()) == 3000


@pytest.mark.parametrize(
    "name", ["events/hd_evt3.raw", "events/vga_evt3_bag", "events/davis346_libcaer_cmp_bag"]
)
def test_packets_decode_to_the_events(recording: Find, name: str) -> None:
    found = open_recording(recording(name))
    decodes_alike(found)


def decodes_alike(found: Recording) -> None:
    decoder = make_decoder(found.encoding, found.width, found.height)
    parts, times = [], []
    for packet in found.packets():
        part = decoder.decode(packet.data, packet.sensor_time).copy()
        if len(part):
            assert packet.sensor_time // 1000 <= part.t[0]
        parts.append(part)
        times.append(packet.sensor_time)
    same(Events.concatenate(parts), found.read())
    assert times == sorted(times)
    assert len(parts) > 1


@pytest.mark.parametrize("start", [0, 5_000_000, 1_700_000_000_000_000])
def test_raw_in_packets_of_a_few_milliseconds(tmp_path: Path, start: int) -> None:
    found = open_recording(made_file(tmp_path / "a.raw", some_events(start=start)))
    decodes_alike(found)
    assert 10 < len(list(found.packets())) < 20


def test_formats_without_packets_say_so(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="stores events, not packets"):
        open_recording(made_file(tmp_path / "a.h5", some_events())).packets()


@pytest.mark.parametrize("mcap", [True, False])
@pytest.mark.parametrize("encoding", ["evt3", "mono"])
def test_bags(tmp_path: Path, mcap: bool, encoding: str) -> None:
    events = some_events()
    path = made_bag(tmp_path / "bag", events, mcap=mcap, encoding=encoding)
    found = open_recording(path)
    assert (found.format, found.encoding) == ("bag", encoding)
    same(found.read(), events)
    (file,) = path.glob("bag.*")
    same(open_recording(file).read(), events)


def test_a_bag_without_time_bases(tmp_path: Path) -> None:
    events = some_events()
    found = open_recording(made_bag(tmp_path / "bag", events, time_base=False))
    same(found.read(), events)
    assert next(packet.sensor_time for packet in found.packets()) == events.t[0] * 1000
    decodes_alike(found)


def test_a_bag_with_lost_packets(tmp_path: Path) -> None:
    events = some_events()
    found = open_recording(made_bag(tmp_path / "bag", events, lost=(3, 4))).read()
    assert np.array_equal(found.t, np.concatenate([events.t[:900], events.t[1500:]]))


def test_a_bag_with_several_topics(tmp_path: Path) -> None:
    path = made_bag(tmp_path / "bag", some_events(), topics=("/davis346/events", "/evk4/events"))
    with pytest.raises(FormatError, match="choose one of /davis346/events, /evk4/events"):
        open_recording(path)
    assert len(open_recording(path, topic="/evk4/events").read()) == 3000
    with pytest.raises(FormatError, match="no events on topic '/other'"):
        open_recording(path, topic="/other")


def test_aedat4(tmp_path: Path) -> None:
    pytest.importorskip("dv_processing")
    events = some_events()
    found = open_recording(made_aedat4(tmp_path / "a.aedat4", events))
    same(found.read(), events)
    assert found.clock == "unix"
    assert found.frame_count == 2
    assert [int(picture.image[0, 0]) for picture in found.frames()] == [0, 10]
    samples = list(found.imu())
    assert [sample.time - events.t[0] for sample in samples] == [0, 1000, 2000]
    assert samples[0].acceleration == pytest.approx((0, 9.80665, 4.903325))
    assert samples[0].angular_velocity == pytest.approx((math.pi / 2, 0, -math.pi / 2))
    assert found.triggers.t.tolist() == [events.t[0], events.t[0] + 500]
    assert found.triggers.edge.tolist() == [1, 0]


def test_the_layout_of_dsec(tmp_path: Path) -> None:
    events = some_events()
    with h5py.File(made_file(tmp_path / "a.h5", events)) as file:
        t, index = file["events/t"][:], file["ms_to_idx"][:]
        assert file["t_offset"][()] == events.t[0]
        assert np.array_equal(t + events.t[0], events.t)
        assert {name: file[f"events/{name}"].dtype.str for name in "xyp"} == {
            "x": "<u2",
            "y": "<u2",
            "p": "|u1",
        }
        assert file["events/x"].compression == "gzip"
        assert file["events/x"].shuffle
        edges = np.arange(len(index)) * 1000
        assert np.array_equal(index, np.searchsorted(t, edges))
        assert index[-1] == len(t)
        assert edges[-1] > t[-1] >= edges[-2]


def test_foreign_dsec_files_have_no_size(tmp_path: Path) -> None:
    path = made_file(tmp_path / "a.h5", some_events())
    with h5py.File(path, "r+") as file:
        del file.attrs["width"], file.attrs["height"]
    found = open_recording(path)
    assert (found.width, found.height) == (346, 260)


def test_pieces_are_bounded_and_files_are_not_held_open(tmp_path: Path) -> None:
    events = Events.concatenate([some_events(1_500_000)])
    path = made_file(tmp_path / "a.h5", events)
    assert max(len(part) for part in open_recording(path)) <= 1 << 20
    pieces = iter(open_recording(path))
    next(pieces)
    same(open_recording(path).read(), events)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b"", "ending '.txt' is not known"),
        ("a.raw", b"", "expected a RAW header"),
        ("a.raw", b"% evt 2.0\n", "expected EVT3, found EVT2"),
        ("a.raw", b"% format EVT21;height=720;width=1280\n% end\n", "expected EVT3, found EVT21"),
        ("a.raw", b"% evt 3.0\n% geometry 0x0\n% end\n", "0x0"),
        ("a.raw", b"% evt 3.0" + b"x" * 100_000, "does not end"),
        ("a.h5", b"", "no HDF5 file"),
        ("a.aedat4", b"#!AER-DAT3.1\r\n1234", "expected #!AER-DAT4.0"),
        ("a.aedat4", b"", "expected #!AER-DAT4.0"),
        ("a.mcap", b"", "damaged bag"),
        ("a.db3", b"", "damaged bag"),
    ],
)
def test_files_that_are_not_what_they_say(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=says) as error:
        open_recording(tmp_path / name)
    assert name in str(error.value)


def test_what_is_not_there(tmp_path: Path) -> None:
    for name in ("a.raw", "a.h5", "a.aedat4", "a.mcap", "a.db3"):
        with pytest.raises(FormatError, match=name):
            open_recording(tmp_path / name)
    with pytest.raises(FormatError, match=r"without metadata\.yaml"):
        open_recording(tmp_path)
    with pytest.raises(FormatError, match="cannot be written"):
        open_writer(tmp_path / "no" / "a.raw", WIDTH, HEIGHT)
    with pytest.raises(FormatError, match=r"'\.txt' cannot be written"):
        open_writer(tmp_path / "a.txt", WIDTH, HEIGHT)


def test_triggers_of_a_recording_without_any(tmp_path: Path) -> None:
    assert (
        open_recording(made_file(tmp_path / "a.raw", some_events())).triggers.t.tolist()
        == Triggers().t.tolist()
    )
