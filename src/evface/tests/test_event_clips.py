"""Clips as other pictures of events: the same events, cut and pictured otherwise; and how strong they are."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from small_dataset import SmallPlan, make_dataset

from evface.dataset.clips import ClipDataset
from evface.dataset.event_clips import EventClips
from evface.dataset.event_views import Representation, Slicing
from evface.dataset.fused_clips import FusedClips
from evface.dataset.intensity import curve, known_intensity
from evface.dataset.tree import list_takes
from evface.errors import ConfigError
from evface.events import AdaptiveSlicer, Events
from evface.events.binning import Binner, in_cells


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("views") / "dataset", SmallPlan())


def some_events(count: int = 3_000, span: int = 200_000, seed: int = 0) -> Events:
    random = np.random.default_rng(seed)
    return Events(
        random.integers(0, 40, count).astype(np.uint16), random.integers(0, 30, count).astype(np.uint16),
        random.integers(0, 2, count).astype(np.uint8), np.sort(random.integers(0, span, count)), 40, 30,
    )  # fmt: skip


def test_events_lie_in_the_cells_in_which_they_are_counted() -> None:
    events, box = some_events(), (-3.5, 4.25, 30.0, 30.0)
    binner = Binner(40, 30, box, (16, 16))
    binner.add(events.x, events.y, events.p)
    cells = in_cells(events, box, 16)
    counts = np.zeros((2, 16, 16), np.uint16)
    np.add.at(counts, (cells.p, cells.y, cells.x), 1)
    assert np.array_equal(counts, binner.take())


def test_an_adaptive_slice_ends_with_enough_events_or_enough_time() -> None:
    busy = some_events(4_000, 100_000)
    slicer = AdaptiveSlicer(40, 30, 400, tick=5_000, longest=50_000)
    slices = slicer.push(busy, 400_000)
    lengths = [piece.end - piece.start for piece in slices]
    assert [piece.index for piece in slices] == list(range(len(slices)))
    assert all(first.end == second.start for first, second in pairwise(slices))
    assert all(piece.counts.sum() >= 400 for piece in slices if piece.end <= 95_000)
    assert max(lengths[:5]) <= 15_000
    assert set(lengths[-5:]) == {50_000}
    assert sum(int(piece.counts.sum()) for piece in slices) == len(busy)


def test_it_does_not_matter_in_which_packets_an_adaptive_slicer_gets_events() -> None:
    events = some_events()
    whole = AdaptiveSlicer(40, 30, 250).push(events, 200_000)
    slicer = AdaptiveSlicer(40, 30, 250)
    pieces = [piece for at in range(0, 3_000, 70) for piece in slicer.push(events[at : at + 70])]
    pieces += slicer.push(events[:0], 200_000)
    assert len(pieces) == len(whole) > 5
    assert all(np.array_equal(a.counts, b.counts) for a, b in zip(pieces, whole, strict=True))


def test_an_adaptive_slicer_wants_whole_ticks() -> None:
    with pytest.raises(ConfigError, match="multiple"):
        AdaptiveSlicer(40, 30, 10, tick=3_000, longest=10_000)


def test_equal_times_and_counts_are_what_the_plain_clips_are(dataset: Path) -> None:
    plain, other = ClipDataset(dataset, size=16), EventClips(dataset, size=16)
    assert plain.takes == other.takes
    for index in range(len(plain)):
        assert torch.equal(plain[index][0], other[index][0])
        one, two = plain.intensity(index), other.intensity(index)
        assert one is not None
        assert two is not None
        assert torch.equal(one, two)


def test_slices_of_equal_number_hold_it(dataset: Path) -> None:
    frames, _, _ = EventClips(dataset, slicing=Slicing(by="count", events=150), size=16)[0]
    sums = frames.sum((1, 2, 3)).tolist()
    assert len(sums) > 5
    assert set(sums[:-1]) == {150.0}
    assert sum(sums) == pytest.approx(ClipDataset(dataset, size=16)[0][0].sum(), rel=0.1)


def test_a_voxel_grid_keeps_the_sum_of_polarities(dataset: Path) -> None:
    counts = ClipDataset(dataset, size=16)[0][0]
    clips = EventClips(dataset, representation=Representation(kind="voxel_grid", bins=3), size=16)
    grid = clips[0][0]
    assert grid.shape == (len(counts), 3, 16, 16)
    assert torch.allclose(grid.sum(1), counts[:, 1] - counts[:, 0], atol=0.02)


def test_a_time_surface_remembers_the_slices_before(dataset: Path) -> None:
    counts = ClipDataset(dataset, size=16)[0][0]
    surface = EventClips(dataset, representation=Representation(kind="time_surface"), size=16)[0][0]
    assert surface.shape == counts.shape
    assert 0.0 <= float(surface.min()) < float(surface.max()) <= 1.0
    # Where a slice has an event its pixel is brighter than 33 ms of fading leave it; where none came, darker.
    least = float(np.exp(-33 / 50)) - 1e-3
    assert bool((surface[counts > 0] >= least).all())
    later = surface[1:][counts[1:] == 0]
    assert 0.0 < float(later.max()) <= least + 2e-3


def test_fused_clips_are_both_cameras_at_the_same_moments(dataset: Path) -> None:
    fused = FusedClips(dataset, size=16)[0][0]
    counts = ClipDataset(dataset, size=16)[0][0]
    assert fused.shape == (len(counts), 5, 16, 16)
    assert torch.equal(fused[:, :2], counts)
    colours = fused[:, 2:].mean((1, 2, 3))
    assert 0.1 < float(colours[0]) < float(colours[-1]) < 0.7  # the made pictures grow brighter


def test_intensity_follows_the_truth(dataset: Path) -> None:
    take = list_takes(dataset)[0]
    truth = json.loads(take.file("truth.json").read_text())
    at = [truth["onset"], truth["apex"], truth["offset"], truth["end"]]
    times = np.array([at[0] - 1, (at[0] + at[1]) // 2, at[1], at[2], (at[2] + at[3]) // 2, at[3] + 1])
    found = known_intensity(take, times)
    assert found == pytest.approx([0.0, 0.45, 0.9, 0.9, 0.45, 0.0], abs=0.01)


def test_without_a_truth_or_a_sure_movement_nothing_is_known(dataset: Path, tmp_path: Path) -> None:
    take = list_takes(dataset)[0]
    elsewhere = replace(take, root=tmp_path, quality=take.quality | {"movement": None})
    assert known_intensity(elsewhere, np.zeros(3, np.int64)) is None
    moved = {f"{name}_ns": at for name, at in (("onset", 0), ("apex", 10), ("offset", 20), ("end", 30))}
    sure = replace(elsewhere, quality=take.quality | {"movement": {**moved, "score": 0.9, "flags": []}})
    assert known_intensity(sure, np.array([0, 5, 15, 30])) == pytest.approx([0.0, 0.5, 1.0, 0.0])
    assert curve((0, 0, 0, 0), 1.0, np.array([-1, 1])).tolist() == [0.0, 0.0]
