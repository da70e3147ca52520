"""The whole way: recorded bags, dataset, training, checkpoint, scores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from lively_network import lively_checkpoint
from recorded_session import COUNTDOWN, DELAY, PERFORM, REST, SENSOR_START, START, Plan, TakeRecording, record
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from evface.calibration import CalibratedCamera, Calibration, Lens, Pose
from evface.dataset.clips import ClipDataset, clip_counts
from evface.dataset.convert import convert
from evface.dataset.event_file import EventFile
from evface.dataset.naming import TakeId
from evface.dataset.recordings import TakeBag, find_takes
from evface.dataset.tree import list_takes, read_take, training_takes
from evface.errors import DatasetError, FormatError
from evface.evaluation import StreamingRecognizer, score_take
from evface.evaluation.figures import PhaseSpan, event_frame_picture, scores_over_time
from evface.evaluation.strips import camera_strip, event_strip
from evface.events import Events, open_recording
from evface.protocol import Journal
from evface.training.au import train_au
from evface.training.config import TrainingConfig, load_config

REPOSITORY = Path(__file__).resolve().parents[3]
BOX = (80.0, 40.0, 160.0, 160.0)
FIRST = TakeId("S01", "01", 12, 1)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("recordings"), Plan(evk4=True))


@pytest.fixture(scope="module")
def dataset(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    assert convert(recordings, root).exit_code == 0
    return root


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lively_checkpoint(tmp_path_factory.mktemp("checkpoint") / "model.safetensors")


def bag_of(recordings: Path, take: TakeId = FIRST) -> Path:
    return recordings / f"sub-{take.subject}" / f"ses-{take.session}" / take.name


def test_every_event_of_the_bag_is_in_the_dataset(recordings: Path, dataset: Path) -> None:
    with TakeBag(bag_of(recordings)) as bag:
        recorded = sum(len(block.events) for block in bag.events("davis"))
    take = read_take(dataset, FIRST)
    assert take.quality["sensors"]["davis events"]["events_out"] == recorded == 33_000
    assert take.quality["flags"] == ["evk4: no frames to find the face in"]


def test_a_take_has_the_files_of_its_sensors_and_no_others(dataset: Path) -> None:
    def names(subject: str) -> set[str]:
        take = TakeId(subject, "01", 12, 1)
        return {
            path.name.removeprefix(f"{take.name}_") for path in take.folder(dataset).glob(f"{take.name}_*")
        }

    common = {
        "recording-davis_dvs.h5", "recording-evk4_dvs.h5", "recording-davis_video.mkv",
        "recording-davis_timestamps.csv", "events.tsv", "boxes.csv", "sync.json", "quality.json",
    }  # fmt: skip
    assert names("S01") == common | {"recording-rgb_video.mkv", "recording-rgb_timestamps.csv"}
    assert names("S02") == common
    assert not list(dataset.rglob("*.partial"))


def test_the_sensors_clock_is_found_from_the_packets(dataset: Path) -> None:
    take = read_take(dataset, FIRST)
    davis = take.sync["sensors"]["davis events"]
    true_offset = take.start - SENSOR_START * 1000
    assert 0 <= davis["offset_ns"] - true_offset - DELAY < 10_000_000
    assert davis["uncertainty_ms"] is None


def test_the_clip_runs_from_perform_to_rest(dataset: Path) -> None:
    take = read_take(dataset, FIRST)
    assert [cue.phase for cue in take.cues()] == ["countdown", "perform", "rest"]
    assert take.window is not None
    start, end = ((instant - take.start) / 1000 for instant in take.window)
    assert start == 0
    assert COUNTDOWN + PERFORM < end <= COUNTDOWN + PERFORM + REST + 100_000


def test_the_face_box_holds_the_face(dataset: Path) -> None:
    boxes = read_take(dataset, FIRST).boxes
    assert boxes["davis"].probability > 0.9
    assert boxes["rgb"].probability > 0.9
    assert boxes["davis"].x < 155 < boxes["davis"].x + boxes["davis"].width
    assert boxes["evk4"].as_tuple() == (280.0, 0.0, 720.0, 720.0)


def test_a_calibrated_session_cuts_the_evk4_by_the_webcams_face(tmp_path: Path) -> None:
    recordings = record(tmp_path / "recordings", Plan(subjects=("S01",), aus=(12,), evk4=True))
    rig = Calibration(
        "webcam",
        {
            "webcam": CalibratedCamera(Lens(640, 480, (600.0, 600.0), (319.5, 239.5)), Pose.none()),
            "evk4": CalibratedCamera(
                Lens(1280, 720, (1500.0, 1500.0), (639.5, 359.5)),
                Pose(np.zeros(3), np.array([40.0, -50.0, 0.0])),
            ),
        },
    )
    rig.write(bag_of(recordings).parent / "calib")
    convert(recordings, tmp_path / "dataset")
    take = read_take(tmp_path / "dataset", FIRST)
    seen, cut = take.boxes["rgb"], take.boxes["evk4"]
    # 2.5 times as large; 800 mm away 40 mm are 75 px.
    assert cut.width == pytest.approx(2.5 * seen.width, rel=0.01)
    middle = 2.5 * (seen.x + seen.width / 2 - 320.0) + 640.0 + 75.0
    assert cut.x + cut.width / 2 == pytest.approx(middle, abs=1.0)
    assert any("face box from rgb by calibration" in flag for flag in take.quality["flags"])
    assert (FIRST.folder(tmp_path / "dataset").parent / "calib" / "extrinsics.yaml").is_file()


def test_the_manifest_has_the_checksum_of_every_file(dataset: Path) -> None:
    lines = (dataset / "MANIFEST.sha256").read_text().splitlines()
    files = [p for p in dataset.rglob("*") if p.is_file() and p.name != "MANIFEST.sha256"]
    assert sorted(line.split("  ")[1] for line in lines) == sorted(
        p.relative_to(dataset).as_posix() for p in files
    )
    splits = json.loads((dataset / "splits" / "loso.json").read_text())
    assert [fold["name"] for fold in splits["folds"]] == ["sub-S01", "sub-S02"]


def test_converting_again_does_nothing_and_a_missing_take_is_made_up_for(
    recordings: Path, dataset: Path
) -> None:
    assert len(convert(recordings, dataset).skipped) == 4
    FIRST.file(dataset, "quality.json").unlink()
    assert convert(recordings, dataset).converted == [FIRST.name]


def test_a_broken_bag_is_one_line_and_the_rest_goes_on(recordings: Path, tmp_path: Path) -> None:
    shutil.copytree(recordings / "sub-S01", tmp_path / "recordings" / "sub-S01")
    broken = bag_of(tmp_path / "recordings") / f"{FIRST.name}.mcap"
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    lines: list[str] = []
    report = convert(tmp_path / "recordings", tmp_path / "dataset", complain=lines.append)
    assert report.exit_code == 2
    assert list(report.failed) == [FIRST.name]
    assert len(report.converted) == 1
    assert len(lines) == 1
    assert FIRST.name in lines[0]
    assert "\n" not in lines[0]
    assert [take.id.au for take in list_takes(tmp_path / "dataset")] == [45]


@pytest.mark.parametrize("content", [b"", b"\x89MCAP0\r\n" + b"\x00" * 64, b"garbage" * 1000])
def test_garbage_is_not_a_bag(recordings: Path, tmp_path: Path, content: bytes) -> None:
    bag = tmp_path / FIRST.name
    shutil.copytree(bag_of(recordings), bag)
    (bag / f"{FIRST.name}.mcap").write_bytes(content)
    with pytest.raises(FormatError, match=FIRST.name), TakeBag(bag) as reader:
        list(reader.events("davis"))


def test_a_folder_without_sessions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    with pytest.raises(DatasetError, match="no session"):
        convert(tmp_path / "recordings", tmp_path / "dataset")
    with pytest.raises(DatasetError, match="inside the recordings"):
        convert(tmp_path, tmp_path / "dataset")
    with pytest.raises(DatasetError, match="not a dataset"):
        list_takes(tmp_path)


def test_only_the_last_complete_take_of_a_trial_is_learnt_from(tmp_path: Path) -> None:
    root = record(
        tmp_path / "recordings", Plan(subjects=("S01",), aus=(12,), runs=2, webcam=False, face=False)
    )
    convert(root, tmp_path / "dataset")
    takes = list_takes(tmp_path / "dataset")
    assert [take.id.run for take in takes] == [1, 2]
    assert [take.id.run for take in training_takes(takes)] == [2]
    assert [take.outcome for take in find_takes(root)] == ["redone", "complete"]
    assert takes[0].quality["flags"][0] == "redone"
    assert "davis: no face seen" in takes[1].quality["flags"]
    assert takes[1].boxes["davis"].as_tuple() == (43.0, 0.0, 260.0, 260.0)


def test_a_whole_take_that_somebody_wanted_again_is_not_learnt_from(tmp_path: Path) -> None:
    root = record(tmp_path / "recordings", Plan(subjects=("S01",), aus=(12,), webcam=False, face=False))
    convert(root, tmp_path / "dataset", boxes=False)
    assert len(training_takes(list_takes(tmp_path / "dataset"))) == 1
    journal = Journal(root / "sub-S01" / "ses-01")
    journal.write("take", 0, au=12, trial=0, take=1, outcome="redone")
    journal.close()
    assert [take.outcome for take in find_takes(root)] == ["redone"]
    convert(root, tmp_path / "dataset", boxes=False)
    assert training_takes(list_takes(tmp_path / "dataset")) == []


def test_lost_packets_are_counted_and_flagged(tmp_path: Path) -> None:
    plan = Plan(subjects=("S01",), aus=(12,), webcam=False, face=False)
    convert(record(tmp_path / "recordings", plan, lose=40), tmp_path / "dataset")
    quality = list_takes(tmp_path / "dataset")[0].quality
    assert quality["sensors"]["davis events"]["packets_lost"] == 1
    assert "davis: 1 packets lost" in quality["flags"]


def test_every_event_of_a_real_davis_reaches_the_dataset(
    recording: Callable[[str], Path], tmp_path: Path
) -> None:
    real = open_recording(recording("events/davis346.aedat4"))
    events = Events.concatenate([chunk.copy() for chunk in real.chunks()])
    folder = tmp_path / "recordings" / "sub-S01" / "ses-01"
    folder.mkdir(parents=True)
    take = TakeRecording(folder, FIRST, START)
    take.add_phases(0)
    rng = np.random.default_rng(0)
    take.add_events("/davis346/events", events, rng, sensor_start=int(events.t[0]))
    take.finish(0, "complete")
    report = convert(tmp_path / "recordings", tmp_path / "dataset", boxes=False)
    assert (report.events_in, report.events_out) == (117_667, 117_667)
    facts = read_take(tmp_path / "dataset", FIRST).quality["sensors"]["davis events"]
    assert facts["on"] == 72_363
    with EventFile(read_take(tmp_path / "dataset", FIRST).events("davis")) as file:
        back = Events.concatenate(list(file.blocks()))
    for name in "xypt":
        assert np.array_equal(getattr(back, name), getattr(events, name))


def test_clips_come_as_tensors_with_class_and_subject(dataset: Path) -> None:
    clips = ClipDataset(dataset)
    assert [(clips[i][1], clips[i][2]) for i in range(4)] == [
        (5, "S01"),
        (12, "S01"),
        (5, "S02"),
        (12, "S02"),
    ]
    take = read_take(dataset, FIRST)
    assert take.window is not None
    frames = clip_counts(take.events("davis"), take.boxes["davis"].as_tuple(), take.window)
    assert clips[0][0].dtype == torch.float32
    assert np.array_equal(clips[0][0].numpy(), frames)
    with pytest.raises(DatasetError, match="no clip"):
        ClipDataset(dataset, aus=(2, 4))


def test_bag_and_event_file_give_equal_scores(recordings: Path, dataset: Path, checkpoint: Path) -> None:
    from_bag = score_take(bag_of(recordings), checkpoint, BOX)
    from_file = score_take(read_take(dataset, FIRST).events("davis"), checkpoint, BOX)
    assert from_bag.scores.shape == (36, 21)
    assert 0 < from_bag.scores.mean() < 1
    for one, other in zip(from_bag, from_file, strict=True):
        assert np.array_equal(one, other)
    assert (from_bag.window_starts_us % 33_000 == 0).all()


def test_means_are_those_of_the_scores_so_far(recordings: Path, checkpoint: Path) -> None:
    _, scores, means = score_take(bag_of(recordings), checkpoint, BOX)
    expected = np.cumsum(scores.astype(np.float64), 0) / np.arange(1, len(scores) + 1)[:, None]
    assert np.allclose(means, expected, atol=1e-6)


def test_a_recogniser_forgets_its_warm_up(checkpoint: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.poisson(0.4, (8, 2, 64, 64)).astype(np.uint16)
    cold, warm = StreamingRecognizer(checkpoint), StreamingRecognizer(checkpoint)
    warm.warm_up()
    for frame in frames:
        assert np.array_equal(cold.step(frame)[0], warm.step(frame)[0])
    assert cold.name == warm.name
    assert cold.name.startswith("snn-")


def test_scores_do_not_depend_on_the_threads_of_the_process(recordings: Path, checkpoint: Path) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = score_take(bag_of(recordings), checkpoint, BOX).scores
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert np.array_equal(two, score_take(bag_of(recordings), checkpoint, BOX).scores)
    finally:
        torch.set_num_threads(before)


def test_a_bag_without_the_sensor_is_refused(tmp_path: Path, recordings: Path, dataset: Path) -> None:
    path = lively_checkpoint(tmp_path / "model.safetensors")
    bag = record(tmp_path / "r", Plan(subjects=("S01",), aus=(12,), webcam=False, face=False))
    recognizer = StreamingRecognizer(path)
    recognizer.config = recognizer.config.model_copy(update={"sensor": "evk4"})
    with pytest.raises(DatasetError, match="evk4"):
        score_take(bag_of(bag), recognizer, BOX)


def test_training_leaves_a_checkpoint_per_fold_and_is_repeatable(dataset: Path, tmp_path: Path) -> None:
    small = load_config(REPOSITORY / "config" / "training" / "small.yaml").model_copy(update={"epochs": 2})
    told: list[tuple[int, int]] = []
    summary = train_au(
        dataset, tmp_path / "a", small, progress=lambda done, total, text: told.append((done, total))
    )
    again = train_au(dataset, tmp_path / "b", small)
    assert told[-1] == (4, 4)
    assert [fold["fold"] for fold in summary["folds"]] == ["sub-S01", "sub-S02"]
    assert [fold["model"] for fold in summary["folds"]] == [fold["model"] for fold in again["folds"]]
    for fold in summary["folds"]:
        assert fold["held_out"]["clips"] == 2
        scores = score_take(
            read_take(dataset, FIRST).events("davis"), tmp_path / "a" / fold["checkpoint"], BOX
        )
        assert scores.scores.shape[1] == 21


def test_the_network_learns_what_it_is_shown(dataset: Path, tmp_path: Path) -> None:
    fields = {
        "model": {"preset": "small", "classes": 2},
        "aus": (12, 45),
        "epochs": 25,
        "learning_rate": 5e-3,
    }
    summary = train_au(dataset, tmp_path, TrainingConfig(name="two", batch_size=2, **fields), "all")
    assert summary["folds"][0]["training"]["accuracy"] == 1.0
    assert summary["folds"][0]["held_out"] is None
    assert "held_out" not in summary


def test_pictures_of_a_take(dataset: Path, recordings: Path, checkpoint: Path, tmp_path: Path) -> None:
    take = read_take(dataset, FIRST)
    for picture in (camera_strip(take, "davis"), camera_strip(take, "rgb"), event_strip(take)):
        assert picture.dtype == np.uint8
        assert picture.shape[0] == 160
        assert picture.shape[2] == 3
    scores = score_take(bag_of(recordings), checkpoint, BOX)
    times = (scores.window_starts_us - scores.window_starts_us[0]) / 1e6
    cues = [PhaseSpan("perform", COUNTDOWN / 1e6, (COUNTDOWN + PERFORM) / 1e6, 12)]
    scores_over_time(times, scores.scores, cues, tmp_path / "scores.png")
    assert cv2.imread(str(tmp_path / "scores.png")).shape[1] > 800


def test_on_and_off_events_have_their_own_colours() -> None:
    counts = np.zeros((2, 2, 2), np.uint16)
    counts[0, 0, 0] = counts[1, 1, 1] = 3
    picture = event_frame_picture(counts).astype(int)
    assert picture[0, 0, 2] > picture[0, 0, 0]
    assert picture[1, 1, 0] > picture[1, 1, 2]
    assert tuple(picture[0, 1]) == tuple(picture[1, 0])


def test_a_bag_without_any_camera_is_left_out_in_one_line(recordings: Path, tmp_path: Path) -> None:
    copy = tmp_path / "recordings"
    shutil.copytree(recordings, copy)
    bag = bag_of(copy)
    shutil.rmtree(bag)
    types = get_typestore(Stores.ROS2_JAZZY)
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        chatter = writer.add_connection("/chatter", "std_msgs/msg/String", typestore=types)
        hello = types.types["std_msgs/msg/String"](data="hello")
        writer.write(chatter, 0, types.serialize_cdr(hello, "std_msgs/msg/String"))
    said: list[str] = []
    report = convert(copy, tmp_path / "dataset", complain=said.append, boxes=False)
    assert list(report.failed) == [FIRST.name]
    assert said[0].endswith("no camera of ours in it, but /chatter")
