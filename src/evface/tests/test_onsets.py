"""Movements found in events: onset, apex and offset of activity that was made for it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evface.dataset.activity import CELLS, STEP, FaceActivity, face_activity
from evface.dataset.boxes import Box
from evface.dataset.cues import CueRecord
from evface.dataset.event_file import EventFileWriter
from evface.dataset.face_parts import EYES, Part, part_of
from evface.dataset.movements import lobes
from evface.dataset.onsets import Movement, find_blinks, find_movement
from evface.events import Events

START = 1_700_000_000_000_000_000
SECOND, MS = 1_000_000_000, 1_000_000
STEPS = 440
SMILE = (1300.0, 250.0, 2000.0, 400.0)
"""Begin and length of the ways out and back, ms."""


def cues(au: int, origin: int = START) -> list[CueRecord]:
    names = (("countdown", 0), ("perform", SECOND), ("rest", 3_600_000_000))
    return [CueRecord(phase, au, origin + at, 0) for phase, at in names]


def activity(
    *movements: tuple[Part, tuple[float, float, float, float], float], noise: float = 0.02, seed: int = 0
) -> FaceActivity:
    """What pixels with a threshold make of noise, of the whole face's sway and of movements.

    Args:
        movements: part, times as in `SMILE`, thresholds that its cells' light changes by.
        noise: events of a cell, step and polarity.
        seed: of all chance.
    """
    rng = np.random.default_rng(seed)
    wave = np.cos(2 * np.pi * (np.arange(STEPS) * STEP / 3.5e9 + rng.random()))
    light = wave[:, None, None] * rng.normal(size=(CELLS, CELLS)) * 2.0
    for part, (out, out_length, back, back_length), events in movements:
        there, again = (
            np.cumsum(lobes(np.array([at]), np.array([length]), STEPS)[0])
            for at, length in ((out, out_length), (back, back_length))
        )
        pattern = np.zeros((CELLS, CELLS))
        pattern[part.cells] = events * rng.normal(size=pattern[part.cells].shape)
        light += (there - again)[:, None, None] * pattern
    counts = rng.poisson(noise, (STEPS, 2, CELLS, CELLS))
    told = light[0] + rng.uniform(-1.0, 1.0, (CELLS, CELLS))
    for step, now in enumerate(light):
        events = np.trunc(now - told)
        told += events
        counts[step] += np.stack((np.maximum(-events, 0), np.maximum(events, 0))).astype(np.int64)
    return FaceActivity(START, counts.astype(np.uint16))


def errors(found: Movement | None, times: tuple[float, float, float, float]) -> list[float]:
    assert found is not None
    out, out_length, back, back_length = times
    instants = (found.onset, found.apex, found.offset, found.end)
    return [
        (instant - START) / 1e6 - true
        for instant, true in zip(instants, (out, out + out_length, back, back + back_length), strict=True)
    ]


@pytest.mark.parametrize("au", [2, 9, 12, 41])
def test_a_movement_is_found_where_it_was(au: int) -> None:
    found = find_movement(activity((part_of(au), SMILE, 6.0)), au, cues(au))
    # These pixels differ from a face's edges in how much of the way they leave unseen.
    assert np.abs(errors(found, SMILE)).max() < 75.0
    assert found is not None
    assert found.good
    assert found.flags == ()


@given(seed=st.integers(0, 1000), au=st.sampled_from([2, 5, 9, 17, 61, 45]))
@settings(max_examples=4, deadline=None)
def test_noise_is_no_movement(seed: int, au: int) -> None:
    found = find_movement(activity(seed=seed), au, cues(au))
    assert found is None or (not found.good and "no movement seen" in found.flags)


@given(days=st.integers(-1000, 1000), ns=st.integers(0, SECOND))
@settings(max_examples=2, deadline=None)
def test_what_is_found_moves_with_the_clock(days: int, ns: int) -> None:
    shift = days * 86_400 * SECOND + ns
    seen = activity((part_of(12), SMILE, 6.0))
    found = find_movement(seen, 12, cues(12))
    later = find_movement(replace(seen, start=seen.start + shift), 12, cues(12, START + shift))
    assert found is not None
    assert later is not None
    for name in ("onset", "apex", "offset", "end"):
        assert abs(getattr(later, name) - getattr(found, name) - shift) <= 1


def test_what_is_found_moves_with_the_movement() -> None:
    late = (SMILE[0] + 200, SMILE[1], SMILE[2] + 200, SMILE[3])
    found, later = (
        find_movement(activity((part_of(12), times, 6.0)), 12, cues(12)) for times in (SMILE, late)
    )
    assert found is not None
    assert later is not None
    assert abs(later.onset - found.onset - 200 * MS) <= 15 * MS
    assert abs(later.offset - found.offset - 200 * MS) <= 15 * MS


@given(
    seed=st.integers(0, 1000),
    au=st.sampled_from([2, 12, 51, 61]),
    begin=st.floats(1100.0, 3500.0),
    gap=st.floats(300.0, 2000.0),
)
@settings(max_examples=4, deadline=None)
def test_instants_are_in_order_and_in_the_take(seed: int, au: int, begin: float, gap: float) -> None:
    seen = activity((part_of(au), (begin, 120.0, begin + gap, 200.0), 3.0), seed=seed)
    found = find_movement(seen, au, cues(au))
    assert found is not None
    times = [seen.start, found.onset, found.apex, found.offset, found.end, seen.end]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert 0.0 <= found.score <= 1.0


def test_a_blink_is_not_the_movement() -> None:
    blink = (Part(EYES, (0, 0), (0, 0)), (2600.0, 85.0, 2705.0, 210.0), 20.0)
    seen = activity((part_of(5), SMILE, 6.0), blink)
    assert [round((begin - START) / 1e8) for begin, _ in find_blinks(seen)] == [26]
    found = find_movement(seen, 5, cues(5))
    assert np.abs(errors(found, SMILE)).max() < 75.0
    assert found is not None
    assert found.flags == ("blink nearby",)


def test_a_blink_that_was_asked_for_is() -> None:
    times = (1500.0, 80.0, 1610.0, 210.0)
    assert (
        np.abs(errors(find_movement(activity((part_of(45), times, 20.0)), 45, cues(45)), times)).max() < 75.0
    )


def test_a_head_that_turns_is_found_in_how_much_happens() -> None:
    times = (1400.0, 600.0, 2500.0, 500.0)
    rng = np.random.default_rng(1)
    speed = sum(
        lobes(np.array([at]), np.array([length]), STEPS)[0] * 500
        for at, length in ((times[0], times[1]), (times[2], times[3]))
    )
    rates = np.broadcast_to(0.05 + np.asarray(speed)[:, None, None, None] / CELLS, (STEPS, 2, CELLS, CELLS))
    found = find_movement(FaceActivity(START, rng.poisson(rates).astype(np.uint16)), 51, cues(51))
    assert np.abs(errors(found, times)).max() < 75.0


def test_two_movements_alike_are_told() -> None:
    smiles = [(part_of(12), (at, 200.0, at + 500, 250.0), 6.0) for at in (1300.0, 2400.0)]
    found = find_movement(activity(*smiles), 12, cues(12))
    assert found is not None
    assert found.flags == ("several movements",)


def test_without_a_cue_to_perform_nothing_is_found() -> None:
    assert find_movement(activity((part_of(12), SMILE, 6.0)), 12, cues(12)[:1]) is None


def test_a_take_that_ends_at_its_cue_has_no_movement() -> None:
    seen = activity()
    assert find_movement(replace(seen, counts=seen.counts[:105]), 12, cues(12)) is None


def test_events_are_counted_where_and_when_they_were(tmp_path) -> None:
    path, side = tmp_path / "events.h5", float(CELLS)
    x, y = np.array([10, 11, 60, 12], np.uint16), np.array([20, 20, 20, 30], np.uint16)
    p, t = np.array([0, 1, 1, 1], np.uint8), np.array([5_000_000, 5_000_001, 5_000_002, 5_015_000], np.int64)
    with EventFileWriter(path, 100, 100) as writer:
        writer.append(Events(x, y, p, t, 100, 100))
        writer.finish(START, 5_040_000)
    seen = face_activity(path, Box(10.0, 20.0, side, side))
    assert seen.start == START + 5_000_000_000
    assert [tuple(map(int, place)) for place in np.argwhere(seen.counts)] == [
        (0, 0, 0, 0),
        (0, 1, 0, 1),
        (1, 1, 10, 2),
    ]
