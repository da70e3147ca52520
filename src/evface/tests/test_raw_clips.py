"""Clips as tonic has them, and clips of both kinds that read no more of a file than they need."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_dataset import SmallPlan, make_dataset
from torch.utils.data import DataLoader

from evface.dataset.clips import ClipDataset
from evface.dataset.event_file import EventFile, EventFileWriter
from evface.dataset.raw_clips import EVENT, RawClips
from evface.dataset.tree import list_takes
from evface.errors import DatasetError
from evface.events import Events

AUS = (45, 12)
PEERS = Path(__file__).parents[3] / ".venv-bench"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("raw") / "dataset", SmallPlan(evk4=True))


def test_a_clip_holds_the_events_of_its_span(dataset: Path) -> None:
    clips = RawClips(dataset, subjects=["S02"], aus=AUS)
    events, target = clips[0]
    take = next(take for take in list_takes(dataset) if take.id == clips.takes[0])
    assert take.window is not None
    with EventFile(take.events("davis")) as file:
        whole = Events.concatenate(list(file.blocks()))
        start, end = (file.to_sensor(instant) for instant in take.window)
    inside = whole[(whole.t >= start) & (whole.t < end)]
    assert len(events) == len(inside) > 1000
    for name in "xyp":
        assert np.array_equal(events[name], getattr(inside, name))
    assert np.array_equal(events["t"], inside.t - start)
    assert (take.id.au, target, clips.classes[target]) == (12, 1, "AU 12 Lip Corner Puller")


def test_it_keeps_tonic_s_contract(dataset: Path) -> None:
    clips = RawClips(dataset, aus=AUS)
    assert (len(clips), clips.sensor_size, clips.ordering) == (4, (346, 260, 2), ("x", "y", "t", "p"))
    assert RawClips(dataset, sensor="evk4", aus=AUS).sensor_size == (1280, 720, 2)
    events, _ = clips[0]
    assert events.dtype == EVENT == clips.dtype
    assert events["t"][0] >= 0
    assert np.all(np.diff(events["t"]) >= 0)
    assert clips.targets == (1, 0, 1, 0)


def test_transforms_are_applied(dataset: Path) -> None:
    def first(events: Any) -> Any:
        return events[:7]

    clips = RawClips(
        dataset,
        aus=AUS,
        transform=first,
        target_transform=str,
        transforms=lambda events, au: (len(events), au),
    )
    assert clips[0] == (7, "1")


def test_sizes_that_differ_are_refused(tmp_path: Path) -> None:
    make_dataset(tmp_path, SmallPlan(("S01",), (12,)))
    path = next(tmp_path.rglob("*_quality.json"))
    other = path.with_name(path.name.replace("au12", "au45"))
    for source in path.parent.glob("*au12*"):
        copy = source.with_name(source.name.replace("au12", "au45"))
        copy.write_bytes(source.read_bytes())
    other.write_text(
        path.read_text().replace('"width": 346', '"width": 640').replace('"trial": 0', '"trial": 1')
    )
    with pytest.raises(DatasetError, match="events of davis are of 346x260 and 640x260 px"):
        RawClips(tmp_path)


def test_tonic_s_transforms_take_it(dataset: Path) -> None:
    """The real tonic, where the peers of the benchmarks are installed."""
    if PEERS.is_dir() and str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))
    tonic = pytest.importorskip("tonic")
    import tonic.transforms as transforms

    size = RawClips(dataset).sensor_size
    cut = transforms.Compose(
        [
            transforms.Denoise(filter_time=10_000),
            transforms.ToFrame(sensor_size=size, time_window=33_000),
        ]
    )
    frames, _ = RawClips(dataset, transform=cut)[0]
    assert frames.shape[1:] == (2, 260, 346)
    events, _ = RawClips(dataset)[0]
    counted = transforms.ToFrame(sensor_size=size, event_count=len(events))(events)
    assert counted.sum() == len(events)
    assert counted[0, 1].sum() == np.count_nonzero(events["p"])
    sliced = tonic.SlicedDataset(RawClips(dataset), tonic.slicers.SliceByTime(200_000), metadata_path=None)
    assert len(sliced) > 4


def test_clips_that_are_not_kept_are_the_same_and_workers_read_them(dataset: Path) -> None:
    kept, streamed = ClipDataset(dataset, aus=AUS), ClipDataset(dataset, aus=AUS, keep=False)
    assert torch.equal(kept[1][0], streamed[1][0])
    assert kept._kept
    assert not streamed._kept
    loaded = list(DataLoader(streamed, batch_size=None, num_workers=1))
    assert [subject for _, _, subject in loaded] == ["S01", "S01", "S02", "S02"]
    assert torch.equal(loaded[1][0], kept[1][0])


def test_of_a_long_file_only_the_clip_is_read(tmp_path: Path) -> None:
    """2 million events, 26 MB; a clip of a hundredth of them needs a small part of that."""
    make_dataset(tmp_path, SmallPlan(("S01",), (12,)))
    take = list_takes(tmp_path)[0]
    path = take.events("davis")
    with EventFile(path) as old:
        zero, offset = old.zero, old.clock_offset
    count, length = 2_000_000, 240_000_000
    x = np.arange(count, dtype=np.uint16) % 346
    t = zero + np.linspace(0, length, count).astype(np.int64)
    with EventFileWriter(path, 346, 260) as writer:
        writer.append(Events(x, x % 260, (x % 2).astype(np.uint8), t, 346, 260))
        writer.finish(offset, int(t[-1]))
    for clips in (RawClips(tmp_path), ClipDataset(tmp_path, keep=False)):
        clips[0]  # what is compiled and imported stays
        tracemalloc.start()
        clips[0]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 13 * count / 4
