"""Simulated cohorts on disk: the tree of recorded datasets, the same bytes again, whole takes or none."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evface.dataset.clips import ClipDataset
from evface.dataset.event_file import EventFile
from evface.dataset.tree import list_takes, read_json
from evface.dataset.video import read_video
from evface.errors import ConfigError, DatasetError
from evface.events import Events
from evface.simulation.cohorts import SimulationPlan, Timing, planned, simulate
from evface.simulation.cohorts.take import DAVIS_RATE, WEBCAM_RATE, EventView

SHORT = Timing(countdown=200_000_000, perform=1_600_000_000, rest=200_000_000)


def plan_of(**asked: Any) -> SimulationPlan:
    fields: dict[str, Any] = {"subjects": 2, "aus": [12, 51], "sensors": ["davis346"], "scale": 0.1}
    return planned(**(fields | {"timing": SHORT} | asked))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two subjects before every camera, made by one process."""
    root = tmp_path_factory.mktemp("simulated") / "whole"
    report = simulate(plan_of(sensors=["davis346", "webcam", "evk4"]), root, boxes=False)
    assert (report.made, report.there) == (4, 0)
    return root


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAVIS346 alone, made by one process."""
    root = tmp_path_factory.mktemp("simulated") / "small"
    simulate(plan_of(), root, boxes=False)
    return root


def manifest(root: Path) -> str:
    return (root / "MANIFEST.sha256").read_text()


def test_a_take_has_the_files_of_a_recorded_one_and_the_truth(dataset: Path) -> None:
    take = list_takes(dataset)[0]
    found = {path.name.removeprefix(f"{take.id.name}_") for path in take.id.folder(dataset).glob("*au12*")}
    assert found == {
        "recording-davis_dvs.h5", "recording-evk4_dvs.h5", "recording-davis_video.mkv",
        "recording-rgb_video.mkv", "recording-davis_timestamps.csv", "recording-rgb_timestamps.csv",
        "events.tsv", "boxes.csv", "sync.json", "quality.json", "truth.json",
    }  # fmt: skip


def test_clips_are_read_as_those_of_recordings(dataset: Path) -> None:
    for sensor in ("davis", "evk4"):
        clips = ClipDataset(dataset, sensor=sensor, aus=[12, 51])
        assert len(clips) == 4
        counts, _, subject = clips[0]
        assert subject == "S01"
        assert counts.shape[1:] == (2, 64, 64)
        assert counts.sum() > 100


def test_frames_have_the_cameras_rates_and_the_take_s_length(dataset: Path) -> None:
    take = list_takes(dataset)[0]
    for camera, rate in (("davis", DAVIS_RATE), ("rgb", WEBCAM_RATE)):
        frames = list(read_video(take.file(f"recording-{camera}_video.mkv")))
        assert abs(len(frames) - rate * SHORT.total / 1e9) <= 1.5
        assert all(0 <= time <= SHORT.total / 1e9 for time, _ in frames)


def test_the_truth_lies_inside_the_take_and_says_which_simulator(dataset: Path) -> None:
    for take in list_takes(dataset):
        truth = read_json(take.file("truth.json"))
        assert truth["au"] == take.id.au
        seconds = truth["seconds"]
        perform, rest = take.cues()[1:]
        assert perform.start < truth["onset"] < truth["apex"] <= truth["offset"] < truth["end"]
        assert truth["end"] <= rest.start + SHORT.rest
        assert seconds["onset"] == pytest.approx((truth["onset"] - take.start) / 1e9, abs=1e-6)
        assert truth["simulator"].keys() == {"name", "version", "seed"}


def test_a_performance_makes_events(dataset: Path) -> None:
    """A turned head makes more events from onset to apex than a face at rest in the same time."""
    take = next(take for take in list_takes(dataset) if take.id.au == 51)
    truth = read_json(take.file("truth.json"))
    with EventFile(take.events("davis")) as file:

        def rate(begin: int, end: int) -> float:
            blocks = file.blocks(file.to_sensor(begin), file.to_sensor(end))
            return sum(len(block) for block in blocks) / (end - begin)

        assert rate(truth["onset"], truth["apex"]) > 3 * rate(take.start, truth["onset"])


def test_the_clock_s_estimate_is_the_true_offset_and_the_shortest_delay(dataset: Path) -> None:
    take = list_takes(dataset)[0]
    truth = read_json(take.file("truth.json"))
    for sensor in ("davis", "evk4"):
        found = take.sync["sensors"][f"{sensor} events"]["offset_ns"]
        assert 0 < found - truth["clocks"][sensor]["offset_ns"] < 1_500_000


def test_everything_says_simulated(dataset: Path) -> None:
    assert all(take.simulated for take in list_takes(dataset))
    card = (dataset / "README.md").read_text()
    assert "**Simulated**" in card
    assert "scale 0.1 of 1280x720" in card
    session = read_json(dataset / "sub-S01" / "ses-01" / "session.json")
    assert session["simulated"] is True
    header, *rows = (dataset / "participants.tsv").read_text().splitlines()
    assert header.endswith("simulated\tsex\tage\tglasses\tbeard")
    assert [row.split("\t")[4] for row in rows] == ["yes", "yes"]
    assert read_json(dataset / "simulation.json")["plan"]["scale"] == 0.1


def test_the_sensors_that_were_not_asked_for_are_not_there(small: Path) -> None:
    assert not list(small.rglob("*evk4*"))
    assert not list(small.rglob("*rgb*"))
    assert len(ClipDataset(small)) == 4


def test_processes_and_interruptions_do_not_change_a_byte(small: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        raise KeyboardInterrupt

    again = tmp_path / "again"
    with pytest.raises(KeyboardInterrupt):
        simulate(plan_of(), again, jobs=2, progress=stop, boxes=False)
    assert not list(again.rglob("*.partial"))
    assert not (again / "MANIFEST.sha256").exists()
    whole = len(list(again.rglob("*_quality.json")))
    assert 1 <= whole < 4
    report = simulate(plan_of(), again, jobs=2, boxes=False)
    assert (report.made, report.there) == (4 - whole, whole)
    assert manifest(again) == manifest(small)


def test_a_take_without_its_last_file_is_made_again(small: Path) -> None:
    before = manifest(small)
    take = list_takes(small)[1]
    take.file("quality.json").unlink()
    take.events("davis").write_bytes(b"half of it")
    report = simulate(plan_of(), small, boxes=False)
    assert (report.made, report.there) == (1, 3)
    assert manifest(small) == before


def test_another_seed_is_another_dataset(small: Path, tmp_path: Path) -> None:
    simulate(plan_of(subjects=1, aus=[12], seed=1), tmp_path / "other", boxes=False)
    name = "sub-S01/ses-01/beh/sub-S01_ses-01_task-au12_run-01_recording-davis_dvs.h5"
    with EventFile(tmp_path / "other" / name) as other, EventFile(small / name) as file:
        assert other.count != file.count


@pytest.mark.parametrize(
    ("change", "message"),
    [({"seed": 7}, "made with seed 0, not 7"), ({"aus": [12]}, r"made with aus \[12, 51\], not \[12\]")],
)
def test_another_plan_does_not_touch_what_is_there(small: Path, change: dict, message: str) -> None:
    before = manifest(small)
    with pytest.raises(DatasetError, match=message):
        simulate(plan_of(**change), small, boxes=False)
    assert manifest(small) == before


def test_another_version_does_not_continue(small: Path, tmp_path: Path) -> None:
    content = read_json(small / "simulation.json")
    content["simulator"]["version"] = "0.0.1"
    (tmp_path / "simulation.json").write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=r"made by version 0\.0\.1 of the simulator"):
        simulate(plan_of(), tmp_path, boxes=False)


def test_another_state_of_the_sources_does_not_continue(small: Path, tmp_path: Path) -> None:
    content = read_json(small / "simulation.json")
    content["simulator"]["sources_sha256"] = "0" * 64
    (tmp_path / "simulation.json").write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="made by another state of the simulator's version"):
        simulate(plan_of(), tmp_path, boxes=False)


def test_two_at_once_do_not_meet(tmp_path: Path) -> None:
    def again(done: int, total: int, text: str) -> None:
        with pytest.raises(DatasetError, match="another process is simulating into it"):
            simulate(plan_of(aus=[12]), tmp_path, boxes=False)

    assert simulate(plan_of(aus=[12]), tmp_path, boxes=False, progress=again).made == 2
    assert not (tmp_path / ".lock").exists()


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DatasetError, match=r"not empty, and without simulation\.json"):
        simulate(plan_of(), tmp_path, boxes=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_missing_detector_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evface.simulation.cohorts.run.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="without facenet-pytorch"):
        simulate(plan_of(), tmp_path / "out", jobs=2)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(free=10**6)
    monkeypatch.setattr("shutil.disk_usage", lambda path: full)
    with pytest.raises(DatasetError, match=r"4 takes need about 0\.0 GB, 0\.0 GB are free"):
        simulate(plan_of(), tmp_path, boxes=False)


def test_noise_differs_from_take_to_take() -> None:
    """Before a wall, two takes of one camera: the same hot pixels, at other times."""
    plan = plan_of(subjects=1)
    wall = SimpleNamespace(
        lux=300.0,
        render=lambda time, width, height: np.full((height, width), 0.5, np.float32),
        motion=lambda *of: 0.0,
    )
    takes = []
    for take in plan.takes:
        blocks = EventView(wall, take, plan, "davis346").packets()
        takes.append(Events.concatenate([block.events.copy() for block in blocks]))
    hottest, other = (np.bincount(events.y.astype(int) * 346 + events.x) for events in takes)
    assert np.argmax(hottest) in np.argsort(other)[-40:]
    since = [set((events.t - events.t[0]).tolist()) for events in takes]
    assert len(since[0] & since[1]) < 0.2 * len(since[0])
