"""Clips as the webcam's frames: the right frame at each slice, cut to the face, and what broken files say."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_dataset import SmallPlan, make_dataset

from evface.dataset.boxes import Box
from evface.dataset.clips import ClipDataset
from evface.dataset.rgb_clips import RgbClips, face_frames, slice_ends
from evface.dataset.tree import ConvertedTake, list_takes
from evface.dataset.video import read_times
from evface.errors import DatasetError, FormatError
from evface.training import TrainingConfig
from evface.training.inputs import clips_for

MILLISECOND = 1_000_000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("rgb") / "dataset", SmallPlan(evk4=True))


def first_take(dataset: Path) -> ConvertedTake:
    return list_takes(dataset)[0]


def test_each_slice_shows_the_newest_frame_at_its_end(dataset: Path) -> None:
    take = first_take(dataset)
    times = read_times(take.times("rgb"))
    ends = [times[0] - 1, times[0], times[3] - 1, times[3], times[3] + 49 * MILLISECOND, times[-1] + 10**9]
    frames = face_frames(take, ends, 8)
    assert frames.shape == (6, 3, 8, 8)
    # The n-th frame has the grey 50 + 4n; the first is shown before it came.
    expected = [50, 50, 50 + 8, 50 + 12, 50 + 12, 50 + 4 * (len(times) - 1)]
    assert frames.mean((1, 2, 3)) == pytest.approx(expected, abs=1)


def test_slices_are_those_that_lie_inside_the_window() -> None:
    assert slice_ends((33_000_000, 99_000_000), 33_000).tolist() == [66_000_000, 99_000_000]
    assert slice_ends((33_000_001, 98_999_999), 33_000).tolist() == []


def test_a_face_beyond_the_picture_stays_where_it_is(dataset: Path) -> None:
    take = first_take(dataset)
    beyond = replace(take, boxes={"rgb": Box(-100.0, 10.0, 200.0, 200.0)})
    picture = face_frames(beyond, [read_times(take.times("rgb"))[0]], 16, channels=1)[0, 0]
    assert not picture[:, :7].any()
    assert np.abs(picture[:, 9:].astype(int) - 50).max() <= 1


def test_a_dataset_gives_colours_from_0_to_1_or_bytes(dataset: Path) -> None:
    frames, label, subject = RgbClips(dataset, aus=(45, 12), size=16)[0]
    assert (frames.dtype, frames.shape[1:], label, subject) == (torch.float32, (3, 16, 16), 1, "S01")
    stored, _, _ = RgbClips(dataset, aus=(45, 12), size=16, floats=False)[0]
    assert stored.dtype == torch.uint8
    assert torch.equal(stored / 255.0, frames)
    assert 0.1 < float(frames.min()) < float(frames.max()) < 0.7


def test_every_input_has_the_same_takes_and_about_as_many_slices(dataset: Path) -> None:
    aus = (12, 45)
    seen = {}
    for name, fields in {
        "events": {"input": "events"},
        "evk4": {"input": "events", "sensor": "evk4"},
        "rgb": {"input": "rgb"},
        "grey": {"input": "rgb"},
    }.items():
        planes = {"rgb": 3, "grey": 1}.get(name, 2)
        config = TrainingConfig(model={"classes": 2, "in_channels": planes}, aus=aus, **fields)
        seen[name] = clips_for(dataset, config)
        assert seen[name][0][0].shape[1:] == (planes, 64, 64)
    assert len({clips.takes for clips in seen.values()}) == 1
    assert abs(len(seen["events"][0][0]) - len(seen["rgb"][0][0])) <= 1


def test_takes_without_a_webcam_are_left_out(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "some")
    for take in list_takes(tmp_path / "some")[1:]:
        take.video("rgb").unlink()
    assert len(RgbClips(tmp_path / "some")) == 1
    assert len(ClipDataset(tmp_path / "some")) == 4
    first_take(tmp_path / "some").video("rgb").unlink()
    with pytest.raises(DatasetError, match="frames of rgb"):
        RgbClips(tmp_path / "some")


def test_a_table_of_other_frames_is_named(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "some")
    take = first_take(tmp_path / "some")
    lines = take.times("rgb").read_text().splitlines()
    take.times("rgb").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(FormatError, match=f"has {len(lines) - 1} frames, its table of times"):
        face_frames(take, [0])
