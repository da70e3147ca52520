"""Exports: what EVREAL and ELAN read is what the dataset holds."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from small_dataset import SmallPlan, make_dataset

from evface.dataset.event_file import EventFile
from evface.dataset.exports import export
from evface.dataset.tree import list_takes
from evface.dataset.video import read_times, read_video
from evface.errors import ConfigError, DatasetError, FormatError
from evface.events import Events

TAKE = "sub-S01_ses-01_task-au12_run-01"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("exports") / "dataset", SmallPlan(evk4=True))


def test_evreal_finds_the_take_s_events_and_frames(dataset: Path, tmp_path: Path) -> None:
    report = export(dataset, "evreal", tmp_path)
    assert (report.written, report.there) == (4, 0)
    take = list_takes(dataset)[0]
    found = {path.stem: np.load(path, mmap_mode="r") for path in (tmp_path / TAKE).glob("*.npy")}
    with EventFile(take.events("davis")) as file:
        events = Events.concatenate(list(file.blocks()))
        host = events.t * 1000 + file.clock_offset
    frames = np.array(read_times(take.file("recording-davis_timestamps.csv")))
    zero = min(host[0], frames[0])
    assert np.allclose(found["events_ts"], (host - zero) / 1e9, atol=1e-9)
    assert np.array_equal(found["events_xy"], np.stack([events.x, events.y], 1))
    assert np.array_equal(found["events_p"], events.p)
    assert found["images"].shape == (24, 260, 346, 1)
    for image, (_, shown) in zip(
        found["images"], read_video(take.file("recording-davis_video.mkv")), strict=True
    ):
        assert np.array_equal(image[:, :, 0], shown)
    assert np.allclose(found["images_ts"][:, 0], (frames - zero) / 1e9, atol=1e-9)
    metadata = json.loads((tmp_path / TAKE / "metadata.json").read_text())
    assert metadata == {"sensor_resolution": [260, 346]}


def test_each_frame_of_evreal_s_comes_after_the_events_before_it(dataset: Path, tmp_path: Path) -> None:
    export(dataset, "evreal", tmp_path)
    found = {path.stem: np.load(path) for path in (tmp_path / TAKE).glob("*.npy")}
    last, times = found["image_event_indices"], found["images_ts"]
    assert last.shape == times.shape == (24, 1)
    for index, time in zip(last[1:, 0], times[1:, 0], strict=True):
        assert found["events_ts"][index] <= time < found["events_ts"][index + 1]


def test_events_without_frames_are_a_sequence_too(dataset: Path, tmp_path: Path) -> None:
    export(dataset, "evreal", tmp_path, sensor="evk4")
    names = {path.name for path in (tmp_path / TAKE).iterdir()}
    assert names == {"events_ts.npy", "events_xy.npy", "events_p.npy", "metadata.json"}
    assert np.load(tmp_path / TAKE / "events_ts.npy")[0] == 0.0


def test_elan_has_a_tier_for_each_thing_known(dataset: Path, tmp_path: Path) -> None:
    export(dataset, "elan", tmp_path)
    document = Xml.parse(tmp_path / f"{TAKE}.eaf").getroot()
    at = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", "")) for slot in document.iter("TIME_SLOT")}
    tiers = {
        tier.get("TIER_ID"): [
            (
                at[span.get("TIME_SLOT_REF1")],
                at[span.get("TIME_SLOT_REF2")],
                span.findtext("ANNOTATION_VALUE"),
            )
            for span in tier.iter("ALIGNABLE_ANNOTATION")
        ]
        for tier in document.iter("TIER")
    }
    assert tiers == {
        "cue": [(0, 200, "countdown"), (200, 900, "perform"), (900, 1200, "rest")],
        "AU": [(200, 900, "AU 12 Lip Corner Puller")],
        "clip": [(0, 1200, "clip")],
        "movement": [(300, 500, "onset"), (500, 700, "apex"), (700, 900, "offset")],
        "co-activation": [(300, 900, "AU 6 (0.20)")],
    }


def test_elan_shows_the_videos(dataset: Path, tmp_path: Path) -> None:
    export(dataset, "elan", tmp_path)
    document = Xml.parse(tmp_path / f"{TAKE}.eaf").getroot()
    media = list(document.iter("MEDIA_DESCRIPTOR"))
    assert ["rgb" in str(part.get("MEDIA_URL")) for part in media] == [True, False]
    for part in media:
        near = part.get("RELATIVE_MEDIA_URL", "")
        assert near.startswith(".")
        assert (tmp_path / near).resolve().as_uri() == part.get("MEDIA_URL")
        assert (tmp_path / near).exists()
    assert document.get("DATE") == "2023-11-14T22:13:20+00:00"


def test_pympi_reads_it(dataset: Path, tmp_path: Path) -> None:
    """The Python library of ELAN's users, where it is installed."""
    elan = pytest.importorskip("pympi").Elan
    export(dataset, "elan", tmp_path)
    document = elan.Eaf(str(tmp_path / f"{TAKE}.eaf"))
    assert document.get_annotation_data_for_tier("movement")[0] == (300, 500, "onset")
    assert len(document.get_linked_files()) == 2


def test_an_export_goes_on_and_leaves_nothing_half_written(dataset: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(dataset, "evreal", tmp_path, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == [TAKE]
    report = export(dataset, "evreal", tmp_path)
    assert (report.written, report.there) == (3, 1)


def test_a_broken_take_leaves_nothing(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "dataset", SmallPlan(("S01",), (12,)))
    table = next(root.rglob("*davis_timestamps.csv"))
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(FormatError, match="expected 23 grey frames"):
        export(root, "evreal", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_is_said(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="to: expected evreal or elan, found 'avi'"):
        export(dataset, "avi", tmp_path)
    with pytest.raises(ConfigError, match="sensor: expected davis or evk4, found 'rgb'"):
        export(dataset, "evreal", tmp_path, sensor="rgb")
    with pytest.raises(DatasetError, match="cannot lie inside the dataset"):
        export(dataset, "elan", dataset / "elan")
    without = make_dataset(tmp_path / "davis", SmallPlan(("S01",), (12,)))
    with pytest.raises(DatasetError, match="has no take that counts for training with events of evk4"):
        export(without, "evreal", tmp_path / "out", sensor="evk4")
