"""Damaged recordings: read as far as they make sense, or exactly one FormatError that names the file."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_recordings import made_aedat4, made_bag, made_file, some_events

from evface.errors import FormatError
from evface.events import open_recording
from evface.events.files.eventpacket import parse_event_packet

Find = Callable[[str], Path]

REAL = [
    "events/davis346.aedat4",
    "events/person_dvxplorer.aedat4",
    "events/hd_evt3.raw",
    "events/davis346_libcaer_cmp_bag/test_events_2_0.mcap",
    "events/vga_evt3_bag/test_events_1.db3",
]
MADE = ["a.raw", "a.h5", "a.mcap", "a.db3", "a.aedat4"]


def read_all(path: Path) -> int | None:
    """Everything a recording gives; None where it says that it is damaged."""
    try:
        recording = open_recording(path)
        events = sum(len(part) for part in recording.chunks())
        len(recording.triggers)
        for _ in recording.frames():
            pass
        for _ in recording.imu():
            pass
        if recording.encoding:
            for _ in recording.packets():
                pass
    except FormatError as error:
        assert path.name in str(error)  # noqa: PT017 - either outcome is right, a wrong message is not
        return None
    return events


def make(folder: Path, name: str) -> Path:
    path, events = folder / name, some_events()
    if path.suffix in (".raw", ".h5"):
        return made_file(path, events)
    if path.suffix == ".aedat4":
        pytest.importorskip("dv_processing")
        return made_aedat4(path, events)
    made_bag(folder / "bag", events, mcap=path.suffix == ".mcap")
    return (folder / "bag" / f"bag{path.suffix}").rename(path)


def flipped(data: bytes, rng: random.Random, flips: int) -> bytes:
    changed = bytearray(data)
    for _ in range(flips):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("name", REAL)
def test_real_recordings_cut_short(recording: Find, tmp_path: Path, name: str) -> None:
    source = recording(name)
    data, whole, rng = source.read_bytes(), read_all(source), random.Random(1)
    assert whole
    path = tmp_path / source.name
    for _ in range(12):
        path.write_bytes(data[: rng.randrange(len(data))])
        found = read_all(path)
        # Words of a RAW file end anywhere; every other format knows where it should.
        assert found is None or (path.suffix == ".raw" and found < whole)


@pytest.mark.parametrize("name", REAL)
def test_real_recordings_with_flipped_bits(recording: Find, tmp_path: Path, name: str) -> None:
    source = recording(name)
    data, rng = source.read_bytes(), random.Random(2)
    for number in range(12):
        path = tmp_path / f"{number}{source.suffix}"
        path.write_bytes(flipped(data, rng, rng.choice((1, 3, 100))))
        read_all(path)
        path.unlink()


@pytest.mark.parametrize("name", MADE)
def test_made_recordings_cut_short_and_flipped(tmp_path: Path, name: str) -> None:
    source = make(tmp_path, name)
    data, rng = source.read_bytes(), random.Random(3)
    assert read_all(source) == 3000
    for number in range(60):
        path = tmp_path / f"{number}{source.suffix}"
        cut = data[: rng.randrange(len(data))] if number % 2 else data
        # The first bytes and the last are where the structure lies.
        changed = bytearray(flipped(cut, rng, number % 3) if cut else cut)
        for _ in range(number % 4):
            if changed:
                at = rng.choice(
                    (
                        rng.randrange(min(400, len(changed))),
                        len(changed) - 1 - rng.randrange(min(400, len(changed))),
                    )
                )
                changed[at] = rng.randrange(256)
        path.write_bytes(bytes(changed))
        read_all(path)
        path.unlink()


@pytest.mark.parametrize("suffix", [".raw", ".h5", ".mcap", ".db3", ".aedat4"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_garbage(tmp_path: Path, suffix: str, data: bytes) -> None:
    start = {".raw": b"% evt 3.0\n", ".aedat4": b"#!AER-DAT4.0\r\n", ".mcap": b"\x89MCAP0\r\n"}.get(
        suffix, b""
    )
    path = tmp_path / f"a{suffix}"
    path.write_bytes(start + data)
    read_all(path)


def test_random_words_are_not_evt3(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(b"% evt 3.0\n" + random.Random(4).randbytes(100_000))
    with pytest.raises(FormatError, match="a code that EVT3 does not know"):
        open_recording(path)


def test_words_without_time_are_not_evt3(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(b"% evt 3.0\n" + b"\x01\x20" * 1000)
    with pytest.raises(FormatError, match="no time words"):
        open_recording(path).read()


def test_half_a_word_names_its_byte(tmp_path: Path) -> None:
    path = made_file(tmp_path / "a.raw", some_events())
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(FormatError, match=f"in the middle of a word at byte {len(data) - 2}"):
        open_recording(path).read()


def test_a_cut_aedat4_names_its_bytes(recording: Find, tmp_path: Path) -> None:
    data = recording("events/davis346.aedat4").read_bytes()
    path = tmp_path / "a.aedat4"
    path.write_bytes(data[:600_000])
    with pytest.raises(
        FormatError, match=r"a\.aedat4: truncated: packets end at byte 1190063, the file at 600000"
    ):
        open_recording(path)


def test_an_aedat4_whose_recorder_was_killed_names_the_packet(recording: Find, tmp_path: Path) -> None:
    data = recording("events/davis346.aedat4").read_bytes()
    place = data.index((1_190_063).to_bytes(8, "little"))
    path = tmp_path / "a.aedat4"
    path.write_bytes(data[:place] + b"\xff" * 8 + data[place + 8 : 300_000])
    with pytest.raises(FormatError, match="damaged or truncated packet at byte 256934"):
        open_recording(path)


def test_a_text_of_free_length_is_not_read(tmp_path: Path) -> None:
    # HDF5 crashes where such a text is damaged.
    path = made_file(tmp_path / "a.h5", some_events())
    with h5py.File(path, "r+") as file:
        file.attrs["clock"] = "unix"
    assert open_recording(path).clock == "sensor"


def test_damage_in_the_events_of_an_hdf5_file_says_where(tmp_path: Path) -> None:
    path = made_file(tmp_path / "a.h5", some_events())
    with h5py.File(path) as file:
        chunk = file["events/x"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"a\.h5: damaged or no HDF5 file, events from 0 on"):
        open_recording(path).read()


@given(st.binary(max_size=120))
def test_any_message_is_parsed_or_refused(data: bytes) -> None:
    try:
        view = parse_event_packet(b"\0\1\0\0" + data)
    except FormatError:
        return
    assert len(view.events) <= len(data)
