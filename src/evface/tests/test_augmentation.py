"""Variants of clips: a mirrored turn is the other turn, what moves moves as a whole, chance repeats."""

from __future__ import annotations

import pytest
import torch

from evface.training.augmentation import Augmentation
from evface.training.augmenting import Augmenter
from evface.training.clips import Clip, collate_intensity

AUS = (12, 51, 52, 61, 62)


def clip(label: int, slices: int = 20) -> Clip:
    frames = torch.zeros(slices, 2, 16, 16)
    frames[5:10, :, 4:8, 2:6] = 3.0  # a square to the left
    return Clip(frames.to(torch.uint16), label, "S01", "c", torch.linspace(0.0, 1.0, slices))


def vary(original: Clip, seed: int = 0, **fields: float) -> Clip:
    return Augmenter(Augmentation(**fields), AUS)(original, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("au", "mirrored"), [(12, 12), (51, 52), (52, 51), (61, 62), (62, 61)])
def test_a_mirrored_turn_is_to_the_other_side(au: int, mirrored: int) -> None:
    original = clip(AUS.index(au))
    varied = vary(original, flip=1.0)
    assert AUS[varied.label] == mirrored
    assert torch.equal(varied.frames, original.frames.float().flip(-1))


def test_a_turn_is_not_mirrored_where_the_other_side_is_no_class() -> None:
    varied = Augmenter(Augmentation(flip=1.0), (12, 51))(clip(1), torch.Generator())
    assert varied.label == 1
    assert torch.equal(varied.frames, clip(1).frames.float())


def test_about_half_are_mirrored_when_half_are_asked_for() -> None:
    flipped = sum(vary(clip(1), seed, flip=0.5).label == 2 for seed in range(60))
    assert 15 < flipped < 45


def test_a_shift_moves_all_slices_alike_and_keeps_the_counts() -> None:
    original = clip(0)
    varied = vary(original, 3, shift=0.1)
    planes = varied.frames[5:10]
    assert torch.equal(planes, planes[:1, :1].expand_as(planes))
    assert not torch.allclose(varied.frames, original.frames.float())
    assert varied.frames.sum() == pytest.approx(original.frames.float().sum(), rel=1e-4)


def test_a_scaled_square_is_larger_or_smaller() -> None:
    sums = [float(vary(clip(0), seed, scale=0.3).frames.sum()) for seed in range(8)]
    assert min(sums) < 480 < max(sums)
    assert all(480 / 1.3**2 * 0.9 < found < 480 * 1.3**2 * 1.1 for found in sums)


def test_intensity_is_cut_with_the_frames() -> None:
    for seed in range(5):
        varied = vary(clip(0), seed, time_crop=0.3)
        assert varied.intensity is not None
        assert 8 <= len(varied.frames) == len(varied.intensity) <= 20
        wanted, known = collate_intensity([varied, clip(1)], len(AUS))
        assert known.sum(0).tolist() == [len(varied.frames), 20]
        assert wanted[:, 0, 1:].abs().sum() == 0
        assert torch.equal(wanted[: len(varied.frames), 0, 0], varied.intensity)


def test_dropout_takes_events_away_in_each_of_its_ways() -> None:
    dense = Clip(torch.ones(20, 2, 16, 16), 0, "S01", "c")
    kinds = set()
    for seed in range(40):
        kept = vary(dense, seed, event_dropout=0.8).frames
        assert set(kept.unique().tolist()) <= {0.0, 1.0}
        gone = kept == 0
        if not gone.any():
            kinds.add("nothing")
        elif (gone.flatten(1).all(1) | ~gone.flatten(1).any(1)).all():
            kinds.add("time")
        elif torch.equal(gone, gone[:1, :1].expand_as(gone)):
            kinds.add("area")
        else:
            kinds.add("cells")
    assert kinds == {"nothing", "time", "area", "cells"}


def test_the_same_seed_gives_the_same_variant_and_nothing_asked_for_changes_nothing() -> None:
    fields = {"flip": 0.5, "shift": 0.1, "scale": 0.1, "time_crop": 0.1, "event_dropout": 0.3}
    first, second = vary(clip(1), 7, **fields), vary(clip(1), 7, **fields)
    assert torch.equal(first.frames, second.frames)
    assert first.label == second.label
    original = clip(1)
    assert vary(original) is original
