"""Event frames beside the webcam's pictures: which belongs to which, and how much of it is kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_dataset import SmallPlan, make_dataset

from evface.dataset.clips import ClipDataset
from evface.dataset.frame_pairs import FARTHEST, FramePairs
from evface.dataset.tree import list_takes
from evface.dataset.video import read_times
from evface.errors import DatasetError
from evface.training.stretches import Stretch, batches, collate, stretches

MILLISECOND = 1_000_000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("pairs") / "dataset", SmallPlan(evk4=True))


def numbers_of(pictures: np.ndarray) -> np.ndarray:
    """Which of the webcam's pictures these are: the n-th has the grey 50 + 4n."""
    return np.round((np.median(pictures, axis=(1, 2)) - 50) / 4).astype(int)


@pytest.mark.parametrize("sensor", ["davis", "evk4"])
def test_a_slice_has_the_picture_nearest_to_its_end(dataset: Path, sensor: str) -> None:
    pairs = FramePairs(dataset, sensor=sensor, size=16)
    for take in list_takes(dataset):
        found, times = pairs[take.id], np.array(read_times(take.times("rgb")))
        nearest = np.abs(found.ends[:, None] - times).argmin(1)
        assert numbers_of(found.pictures).tolist() == nearest.tolist()
        assert np.diff(found.ends).tolist() == [33 * MILLISECOND] * (len(found.ends) - 1)
        start, end = take.window or (0, 0)
        assert start <= found.ends[0] - 33 * MILLISECOND
        assert found.ends[-1] <= end


def test_the_event_frames_are_those_that_a_recogniser_sees(dataset: Path) -> None:
    pairs, clips = FramePairs(dataset, size=16), ClipDataset(dataset, size=16, floats=False)
    every = FramePairs(dataset, size=16, every=4)
    for index, take in enumerate(clips.takes):
        frames = np.minimum(clips[index][0].numpy(), 255)
        np.testing.assert_array_equal(pairs[take].counts, frames[pairs[take].slices])
        assert pairs.counts[take] == len(pairs[take].slices) == len(frames)
        assert every[take].slices.tolist() == list(range(0, len(frames), 4))
        np.testing.assert_array_equal(every[take].counts, frames[::4])


def test_offsets_between_the_stamps_are_applied(dataset: Path, tmp_path: Path) -> None:
    shifted = tmp_path / "shifted"
    shutil.copytree(dataset, shifted)
    for take in list_takes(shifted):
        path = take.file("sync.json")
        sync = json.loads(path.read_text())
        sync["offsets"] = [
            {"sensor": "webcam", "reference": "davis346", "offset": 0.1},
            {"sensor": "evk4", "reference": "davis346", "offset": None},
        ]
        path.write_text(json.dumps(sync))
    before, after = (FramePairs(root, size=16) for root in (dataset, shifted))
    first = before.takes[0]
    shown = [
        dict(zip(pairs[first].slices.tolist(), numbers_of(pairs[first].pictures).tolist(), strict=True))
        for pairs in (before, after)
    ]
    # Pictures are 50 ms apart; the first and last slices want one from beyond the recording.
    assert {shown[0][number] - shown[1][number] for number in list(shown[1])[3:20]} == {2}


def test_a_slice_without_a_picture_near_it_is_left_out(dataset: Path, tmp_path: Path) -> None:
    thin = tmp_path / "thin"
    shutil.copytree(dataset, thin)
    for take in list_takes(thin):
        table = take.times("rgb")
        rows = table.read_text().splitlines()
        late = [f"{row.split(',')[0]},{int(row.split(',')[1]) + 10**10}" for row in rows[10:]]
        table.write_text("\n".join(rows[:10] + late) + "\n")
    pairs, take = FramePairs(thin, size=16), list_takes(thin)[0]
    last = read_times(take.times("rgb"))[8]
    assert 0 < pairs.counts[take.id] < FramePairs(dataset, size=16).counts[take.id]
    assert (pairs[take.id].ends <= last + FARTHEST).all()


def test_a_dataset_without_the_webcam_is_refused(dataset: Path, tmp_path: Path) -> None:
    blind = tmp_path / "blind"
    shutil.copytree(dataset, blind)
    for video in blind.rglob("*recording-rgb_video.mkv"):
        video.unlink()
    with pytest.raises(DatasetError, match="frames of rgb"):
        FramePairs(blind)


def test_little_memory_gives_the_same_pairs_in_groups_of_clips(dataset: Path) -> None:
    plenty = FramePairs(dataset, size=16)
    one_clip = max(plenty.counts.values()) * plenty.bytes_of_pair
    scarce = FramePairs(dataset, size=16, memory=one_clip)
    learnt = stretches(scarce, scarce.takes, 1)
    found = list(batches(scarce, learnt, 4, torch.Generator().manual_seed(1)))
    assert sorted(stretch for batch in found for stretch in batch) == sorted(learnt)
    assert [len({stretch.take for stretch in batch}) for batch in found] == [1] * len(found)
    for batch in found:
        for one, other in zip(collate(scarce, batch, 1), collate(plenty, batch, 1), strict=True):
            assert torch.equal(one, other)
        assert sum(kept.bytes for kept in scarce._kept.values()) <= one_clip


def test_stretches_cover_every_pair_and_batches_leave_nobody_without(dataset: Path) -> None:
    pairs = FramePairs(dataset, size=16)
    take = pairs.takes[0]
    count = pairs.counts[take]
    length = count // 2 - 1
    found = stretches(pairs, [take], length)
    assert found == [Stretch(take, 0), Stretch(take, length), Stretch(take, count - length)]
    cuts = list(batches(pairs, stretches(pairs, [take], 1)[:9], 4, torch.Generator(), least=2))
    assert sorted(len(cut) for cut in cuts) == [4, 5]
    with pytest.raises(DatasetError, match="no clip with 1000 pairs in a row"):
        stretches(pairs, pairs.takes, 1000)
