"""The parts of the dataset: event files, cues, videos, boxes, splits."""

from __future__ import annotations

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_session import face

from evface.clocks import MinimumDelay
from evface.dataset.boxes import Box, FaceDetector, default_box, median_box
from evface.dataset.clips import clip_counts
from evface.dataset.cues import CueRecord, read_cues, write_cues
from evface.dataset.event_file import EventFile, EventFileWriter
from evface.dataset.naming import TakeId
from evface.dataset.recordings import Picture
from evface.dataset.splits import folds_of
from evface.dataset.trimming import clip_by_cues
from evface.dataset.video import VideoWriter, read_video
from evface.errors import DatasetError, FormatError
from evface.events import Events, slice_events

SECOND = 1_000_000_000


def some_events(count: int, first: int = 5_000_123, span: int = 400_000, seed: int = 0) -> Events:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, span, count)) + first
    return Events(
        rng.integers(0, 346, count).astype(np.uint16),
        rng.integers(0, 260, count).astype(np.uint16),
        rng.integers(0, 2, count).astype(np.uint8),
        t.astype(np.int64),
        346,
        260,
    )


def written(path: Path, events: Events, packets: int = 7, offset: int = 0) -> Path:
    with EventFileWriter(path, events.width, events.height) as writer:
        for part in np.array_split(np.arange(len(events)), packets):
            writer.append(events[part])
        writer.finish(offset, int(events.t[-1]))
    return path


def test_an_event_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    events = some_events(10_000)
    with EventFile(written(tmp_path / "a.h5", events)) as file:
        back = Events.concatenate(list(file.blocks()))
    for name in "xypt":
        assert np.array_equal(getattr(back, name), getattr(events, name))


def test_the_index_of_milliseconds_holds_what_dsec_promises(tmp_path: Path) -> None:
    path = written(tmp_path / "a.h5", some_events(2_000), offset=17 * SECOND)
    with h5py.File(path) as file:
        t, index = file["events/t"][:].astype(np.int64), file["ms_to_idx"][:].astype(np.int64)
        assert index[-1] == len(t)
        assert t[0] == 0
        expected = np.searchsorted(t, np.arange(len(index) - 1) * 1000, "left")
        assert np.array_equal(index[:-1], expected)
        assert file["t_offset"][()] == file.attrs["sensor_time_us"] + 17_000_000


@given(start=st.integers(-50_000, 450_000), length=st.integers(0, 300_000))
def test_a_window_holds_exactly_its_events(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int
) -> None:
    events = some_events(500)
    path = tmp_path_factory.getbasetemp() / "window.h5"
    if not path.exists():
        written(path, events)
    begin = int(events.t[0]) + start
    with EventFile(path) as file:
        found = sum(len(block) for block in file.blocks(begin, begin + length))
    assert found == np.count_nonzero((events.t >= begin) & (events.t < begin + length))


def test_a_clock_that_jumps_back_is_refused(tmp_path: Path) -> None:
    with EventFileWriter(tmp_path / "a.h5", 346, 260) as writer:
        writer.append(some_events(10, first=10_000_000))
        with pytest.raises(FormatError, match="steps back"):
            writer.append(some_events(10, first=1_000_000))


@pytest.mark.parametrize("content", [b"", b"garbage" * 100])
def test_garbage_is_not_an_event_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.h5"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"broken\.h5"):
        EventFile(path)


def test_clip_counts_are_those_of_the_slicer_on_the_sensors_grid(tmp_path: Path) -> None:
    events, offset = some_events(20_000), 123 * SECOND + 456
    path = written(tmp_path / "a.h5", events, offset=offset)
    box = (50.5, 20.25, 200.0, 200.0)
    start, end = (int(events.t[0]) + 40_000) * 1000 + offset, (int(events.t[0]) + 260_000) * 1000 + offset
    frames = clip_counts(path, box, (start, end))
    grid = [
        k
        for k in range(10**4)
        if 33_000 * k >= events.t[0] + 40_000 and 33_000 * (k + 1) <= events.t[0] + 260_000
    ]
    expected = slice_events(
        events, box=box, size=(64, 64), start=grid[0] * 33_000, stop=(grid[-1] + 1) * 33_000
    )
    assert len(frames) == len(grid) == len(expected)
    assert np.array_equal(frames, np.stack([piece.counts for piece in expected]))
    assert frames.sum() > 0


def test_the_offset_is_that_of_the_quickest_packet() -> None:
    clock = MinimumDelay()
    with pytest.raises(DatasetError, match="no packet"):
        clock.to_host(0)
    for sensor, delay in ((0, 5_000_000), (SECOND, 1_000_000), (2 * SECOND, 9_000_000)):
        clock.add(100 * SECOND + sensor + delay, sensor)
    assert clock.to_host(3 * SECOND) == 103 * SECOND + 1_000_000


def test_cues_survive_their_table(tmp_path: Path) -> None:
    origin = 1_700_000_000 * SECOND
    cues = [
        CueRecord("countdown", 12, origin, SECOND, origin + 1000),
        CueRecord("perform", 12, origin + SECOND, 2 * SECOND, None),
        CueRecord("rest", 12, origin + 3 * SECOND, SECOND, origin + 3 * SECOND),
    ]
    write_cues(tmp_path / "events.tsv", cues, origin, origin + 4 * SECOND)
    assert read_cues(tmp_path / "events.tsv", origin) == cues


def test_a_clip_goes_from_perform_to_rest_and_not_beyond_the_take() -> None:
    cues = [
        CueRecord(phase, 12, at * SECOND, 0)
        for phase, at in (("countdown", 8), ("perform", 11), ("rest", 14))
    ]
    window = clip_by_cues(cues, (8 * SECOND, 20 * SECOND))
    assert (window.start, window.end) == (10_500_000_000, 14_500_000_000)
    assert clip_by_cues(cues, (11 * SECOND, 14 * SECOND)).start == 11 * SECOND
    with pytest.raises(DatasetError, match="perform"):
        clip_by_cues(cues[:1], (0, 1))


def test_davis_frames_are_kept_without_loss(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (260, 346), dtype=np.uint8) for _ in range(4)]
    with VideoWriter(tmp_path / "a.mkv", tmp_path / "a.csv", 7 * SECOND) as writer:
        for index, image in enumerate(images):
            writer.add(Picture(7 * SECOND + index * 25_000_000 + 321, image))
    back = list(read_video(tmp_path / "a.mkv"))
    assert all(np.array_equal(image, found) for image, (_, found) in zip(images, back, strict=True))
    assert [time for time, _ in back] == pytest.approx([0, 0.025, 0.05, 0.075])
    assert (tmp_path / "a.csv").read_text().splitlines()[2] == "1,7025000321"


def test_webcam_pictures_stay_the_cameras_own_jpegs(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    jpegs = [cv2.imencode(".jpg", np.roll(face(), shift, 1))[1].tobytes() for shift in (0, 5, 10)]
    with VideoWriter(tmp_path / "a.mkv", tmp_path / "a.csv", 0) as writer:
        for index, jpeg in enumerate(jpegs):
            writer.add(Picture(index * 33_000_000, jpeg))
    with av.open(str(tmp_path / "a.mkv")) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert packets == jpegs


@pytest.mark.parametrize("content", [b"", b"not a video"])
def test_garbage_is_not_a_video(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mkv").write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.mkv"):
        list(read_video(tmp_path / "a.mkv"))


def test_a_face_is_found_in_a_photograph_and_in_no_wall() -> None:
    detector = FaceDetector()
    box = detector.detect(face())
    assert box is not None
    assert box.width == box.height
    assert box.probability > 0.9
    gray = detector.detect(cv2.cvtColor(face(), cv2.COLOR_BGR2GRAY))
    assert gray is not None
    assert abs(gray.x - box.x) < 20
    assert detector.detect(np.full((260, 346), 127, np.uint8)) is None


def test_the_median_box_ignores_an_outlier() -> None:
    boxes = [Box(10, 20, 100, 100, 0.99), Box(11, 21, 100, 100, 0.98), Box(200, 5, 40, 40, 0.95)]
    box = median_box(boxes)
    assert abs(box.x - 11) < 1
    assert box.width == 100
    assert default_box(346, 260).as_tuple() == (43.0, 0.0, 260.0, 260.0)


TAKES = [
    TakeId(subject, "01", au, run) for subject in ("S01", "S02", "S03") for au in (12, 45) for run in (1, 2)
]


def test_leaving_a_subject_out_leaves_all_of_it_out() -> None:
    folds = folds_of(TAKES)
    assert [fold.name for fold in folds] == ["sub-S01", "sub-S02", "sub-S03"]
    for fold in folds:
        assert not {take.subject for take in fold.train} & {take.subject for take in fold.test}
        assert sorted(fold.train + fold.test) == sorted(TAKES)


def test_one_subject_is_not_left_out() -> None:
    alone = [take for take in TAKES if take.subject == "S01"]
    with pytest.raises(DatasetError, match="only S01"):
        folds_of(alone)
    assert [fold.name for fold in folds_of(alone, "within")] == ["repetition-01", "repetition-02"]
    with pytest.raises(DatasetError, match="AU 12 once"):
        folds_of(alone[:1], "within")


def test_a_takes_name_says_what_it_is() -> None:
    take = TakeId("S01", "01", 2, 1)
    assert TakeId.parse(take.name) == take
    assert take.name == "sub-S01_ses-01_task-au02_run-01"
    with pytest.raises(DatasetError, match="expected"):
        TakeId.parse("take 1")
