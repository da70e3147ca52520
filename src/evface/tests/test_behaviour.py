"""What a virtual person does: performances on cues, life without any, the same in every process."""

from __future__ import annotations

import json
import random
import threading
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.errors import ConfigError
from evface.protocol import AU_NUMBERS, load_script
from evface.simulation.motion import minimum_jerk
from evface.simulation.subject.behaviour import Behaviour
from evface.simulation.subject.chance import about_normal, uniform
from evface.simulation.subject.face_state import ACTION_INDEX, ACTIONS, FaceState, Performance
from evface.simulation.subject.performing import INVISIBLE, perform
from evface.simulation.subject.personality import COMPANIONS, Personality
from evface.simulation.subject.pulses import CHANNELS, LID_LEFT, YAW, Pulse, PulseTable, add_pulses, covered
from evface.simulation.subject.spontaneous import blink
from evface.simulation.subject.timing import MUSCLE, POSED, Ranges, Style, extent, saccade

NOW = 1_800_000_000_000_000_000
SECOND, MILLISECOND = 1_000_000_000, 1_000_000
SCRIPTS = Path(__file__).resolve().parents[3] / "config/protocol"
MUSCLES = [au for au in AU_NUMBERS if au in ACTIONS and au != 43]
GAZE = (61, 62, 63, 64)
SEEDS = range(60)


def cue(au: int, phase: str = "perform", start: int = NOW, duration: int = 4 * SECOND, take: int = 1) -> Cue:
    return Cue(phase, au, start, duration, trial=AU_NUMBERS.index(au), take=take)


def session(aus: tuple[int, ...] = AU_NUMBERS, start: int = NOW) -> list[Cue]:
    """The cues of a session of the paper's script."""
    cues = []
    for au in aus:
        for phase, length in (("demonstration", 9), ("countdown", 3), ("perform", 4), ("rest", 4)):
            cues.append(cue(au, phase, start, length * SECOND))
            start += length * SECOND
    return cues


def behaviour(seed: int, *cues: Cue) -> Behaviour:
    made = Behaviour(seed)
    for each in cues:
        made.cue(each)
    return made


def numbers(state: FaceState) -> NDArray[np.float64]:
    """All of a state, float64 ``[41]``: left, right, gaze, head, position, breath."""
    return np.concatenate(
        (state.left, state.right, state.gaze, state.head, state.position, [state.breath])
    ).astype(np.float64)


def course(made: Behaviour, begin: int, end: int, step: int = MILLISECOND) -> NDArray[np.float64]:
    """States from one time to another, ``[T, 41]``."""
    return np.array([numbers(made.state(moment)) for moment in range(begin, end, step)])


@cache
def takes(duration: int = 4 * SECOND) -> tuple[Performance, ...]:
    """The truth of every Action Unit by many subjects."""
    subjects = [Behaviour(seed) for seed in SEEDS]
    return tuple(made.performance(cue(au, duration=duration)) for made in subjects for au in AU_NUMBERS)


def successes(au: int) -> list[Performance]:
    return [take for take in takes() if take.au == au and not take.failed]


def shown(au: int, state: FaceState) -> float:
    """How far an Action Unit is shown, in its own unit."""
    if au in (51, 52):
        return state.head[0] * (1 if au == 51 else -1)
    if au in (53, 54):
        return state.head[1] * (1 if au == 53 else -1)
    if au in (61, 62):
        return state.gaze[0] * (1 if au == 61 else -1)
    if au in (63, 64):
        return state.gaze[1] * (1 if au == 63 else -1)
    index = ACTION_INDEX[43 if au in (41, 43, 45) else au]
    return float(state.left[index] + state.right[index]) / 2.0


# --- the same for everybody ---------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.randoms(use_true_random=False))
def test_state_follows_from_seed_cues_and_time_in_any_order(seed: int, chance: random.Random) -> None:
    cues = session(AU_NUMBERS[:3])
    moments = [NOW + k * 170 * MILLISECOND for k in range(300)]
    first = behaviour(seed, *cues)
    expected = {moment: numbers(first.state(moment)) for moment in moments}
    mixed = [*cues, *cues[::2]]
    chance.shuffle(mixed)
    chance.shuffle(moments)
    second = behaviour(seed, *mixed)
    assert all(np.array_equal(expected[moment], numbers(second.state(moment))) for moment in moments)
    assert sorted(first.performances, key=lambda take: take.onset) == sorted(
        second.performances, key=lambda take: take.onset
    )


def test_subjects_differ() -> None:
    states = [numbers(behaviour(seed).state(NOW)) for seed in range(5)]
    assert len({tuple(state) for state in states}) == 5
    assert len({Behaviour(seed).performance(cue(12)).intensity for seed in range(5)}) == 5


def test_a_cue_that_comes_again_is_acted_on_once() -> None:
    assert len(behaviour(1, cue(12), cue(12)).performances) == 1


def test_another_take_is_another_draw() -> None:
    first, second = behaviour(1, cue(12), cue(12, start=NOW + 9 * SECOND, take=2)).performances
    assert (first.take, second.take) == (1, 2)
    assert first.intensity != second.intensity
    assert first.onset - NOW != second.onset - NOW - 9 * SECOND


@pytest.mark.parametrize("au", AU_NUMBERS)
def test_who_comes_late_sees_the_same_performance(au: int) -> None:
    cues = session((4, au) if au != 4 else (2, au))
    performing = cues[-2]
    early, late = behaviour(7, *cues[:-1]), behaviour(7, performing)
    begin, end = performing.start, performing.start + performing.duration
    assert np.array_equal(
        course(early, begin, end, 20 * MILLISECOND), course(late, begin, end, 20 * MILLISECOND)
    )
    assert early.performances[-1] == late.performances[0] == Behaviour(7).performance(performing)


def test_a_cue_may_come_while_another_thread_looks() -> None:
    made, cues = Behaviour(3), session()

    def talk() -> None:
        for each in cues:
            made.cue(each)

    talker = threading.Thread(target=talk)
    talker.start()
    for k in range(3000):
        assert np.isfinite(made.state(NOW + k * MILLISECOND).breath)
    talker.join()
    assert made.performances == behaviour(3, *cues).performances


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="seed"):
        Behaviour(-1)
    with pytest.raises(ConfigError, match="style"):
        Behaviour(1, "wild")
    with pytest.raises(ConfigError, match="AU 99"):
        Behaviour(1).cue(Cue("perform", 99, NOW, 0))


def test_a_state_is_told_fast_enough_for_a_sensor() -> None:
    made = behaviour(1, *session())
    made.state(NOW)
    begin = time.process_time()
    for k in range(2000):
        made.state(NOW + k * 137 * MILLISECOND)
    assert (time.process_time() - begin) / 2000 < 60e-6


# --- performances -------------------------------------------------------------------------------------


def test_the_reaction_time_is_human() -> None:
    # A head follows its eyes.
    reactions = [(take.onset - NOW) / SECOND for take in takes() if take.au not in (51, 52, 53, 54)]
    assert min(reactions) >= 0.18
    assert max(reactions) <= 0.48
    assert 0.22 < np.mean(reactions) < 0.36
    assert np.std(reactions) > 0.02


@pytest.mark.parametrize("au", AU_NUMBERS)
def test_the_parts_of_a_performance_last_as_long_as_they_do_with_people(au: int) -> None:
    ranges = POSED.get(au, MUSCLE)
    # A half may be late by 45 ms; whoever blinks twice takes longer for the way back.
    slack = 46.0
    for take in successes(au):
        onset, apex, offset = (np.diff([take.onset, take.apex, take.offset, take.end]) / MILLISECOND).tolist()
        assert take.onset < take.apex <= take.offset < take.end
        # Eyes have a law of their own, below.
        assert au in GAZE or ranges.onset[0] - 1 <= onset <= ranges.onset[1] + slack
        assert ranges.apex[0] - slack <= apex <= ranges.apex[1] + slack
        assert ranges.offset[0] - 1 <= offset <= ranges.offset[1] + (600 if au == 45 else slack)


def test_posed_muscles_keep_to_the_literatures_times() -> None:
    assert Ranges((150.0, 400.0), (200.0, 800.0), (250.0, 700.0)) == MUSCLE
    onsets = [(take.apex - take.onset) / MILLISECOND for take in takes() if take.au in MUSCLES]
    assert np.ptp(onsets) > 180


def test_eyes_jump_along_the_main_sequence() -> None:
    assert saccade(20.0) == 65 * MILLISECOND
    for au in GAZE:
        for take in successes(au):
            expected = saccade(extent(au, take.intensity))
            assert take.apex - take.onset == expected


@pytest.mark.parametrize("au", AU_NUMBERS)
def test_the_truth_is_what_the_face_does(au: int) -> None:
    for seed in (1, 2, 3, 4):
        made = behaviour(seed, cue(au))
        truth, still = made.performances[0], Behaviour(seed)
        if truth.failed or 45 in truth.others:
            continue
        height = extent(au, truth.intensity) if au >= 51 or au == 41 else truth.intensity

        def moved(moment: int, made: Behaviour = made, still: Behaviour = still) -> float:
            return shown(au, made.state(moment)) - shown(au, still.state(moment))

        def free(moment: int, still: Behaviour = still) -> bool:
            return shown(45, still.state(moment)) < 0.1

        # The eyes of a turning head are ahead of it, but the head itself is still.
        assert moved(truth.onset) == pytest.approx(0.0, abs=0.02 * height)
        assert moved((truth.onset + truth.apex) // 2) > 0.2 * height or not free(truth.apex)
        for moment in (truth.apex, (truth.apex + truth.offset) // 2, truth.offset):
            if free(moment):
                assert moved(moment) == pytest.approx(height, rel=0.08)
        assert moved(truth.end) == pytest.approx(0.0, abs=0.02 * height)


@pytest.mark.parametrize("au", AU_NUMBERS)
def test_strength_is_between_weak_and_strong(au: int) -> None:
    strengths = [take.intensity for take in successes(au)]
    assert min(strengths) >= 0.29
    assert max(strengths) <= 1.21
    if au not in (43, 45):
        assert np.std(strengths) > 0.1
        assert 0.7 < np.mean(strengths) < 1.0


def test_heads_and_eyes_go_as_far_as_people_turn_them() -> None:
    for au, low, high in ((51, 20, 60), (54, 15, 30), (61, 15, 35), (63, 15, 25), (64, 20, 35)):
        degrees = [extent(au, take.intensity) for take in successes(au) if take.intensity >= 0.4]
        assert low <= min(degrees)
        assert max(degrees) <= high + 1e-9


def test_left_and_right_differ_as_they_do_with_people() -> None:
    ratios, lags = [], []
    for seed in range(150):
        personality = Personality.of(seed)
        for au in MUSCLES:
            take = perform(cue(au), personality, seed)
            if take.truth.failed:
                continue
            ratios.append(take.truth.left / take.truth.right)
            left, right = take.pulses[:2]
            lags.append((right.begin - left.begin) / SECOND)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.02)
    assert np.std(ratios) == pytest.approx(0.12, abs=0.012)
    assert np.mean(lags) == pytest.approx(0.0, abs=0.002)
    assert np.std(lags) == pytest.approx(0.015, abs=0.002)


def test_some_performances_fail_and_some_people_cannot_do_some_of_them() -> None:
    failed = [take for take in takes() if take.failed]
    assert 0.02 < len(failed) / len(takes()) < 0.12
    assert all(take.intensity < INVISIBLE for take in failed)
    assert any(take.intensity == 0.0 for take in failed)
    rates = {}
    for seed in range(30):
        personality = Personality.of(seed)
        made = [perform(cue(2, take=k), personality, seed).truth.failed for k in range(20)]
        rates[seed] = np.mean(made)
    assert sum(rate > 0.3 for rate in rates.values()) in range(3, 18)
    assert np.median(list(rates.values())) < 0.1


def test_companions_come_as_habits_of_the_subject() -> None:
    for au, companions in COMPANIONS.items():
        seen = [take.others for take in successes(au)]
        for other, common in companions.items():
            share = np.mean([other in others for others in seen])
            assert abs(share - (1.0 if common == 1.0 else 0.12 + 0.73 * common)) < 0.25
    rates = []
    for seed in range(20):
        personality = Personality.of(seed)
        made = [perform(cue(12, take=k), personality, seed).truth for k in range(30)]
        rates.append(np.mean([6 in take.others for take in made if not take.failed]))
    assert min(rates) < 0.3
    assert max(rates) > 0.7


def test_the_jaw_never_drops_with_closed_lips() -> None:
    for take in successes(26):
        assert 0.4 * take.intensity < take.others[25]


def test_the_lid_follows_the_gaze_and_a_head_its_eyes() -> None:
    for seed in range(12):
        personality = Personality.of(seed)
        down, left = (perform(cue(au), personality, seed).truth for au in (64, 51))
        if not down.failed:
            state = behaviour(seed, cue(64)).state(down.apex)
            assert state.left[ACTION_INDEX[43]] > 0.15
            assert down.others[43] > 0.15
        if not left.failed:
            made = behaviour(seed, cue(51))
            assert made.state(left.onset).gaze[0] > made.state(left.onset).head[0] + 3
            assert abs(made.state((left.apex + left.offset) // 2).gaze[0]) < 21


@pytest.mark.parametrize("name", ["default", "fast"])
def test_performances_fit_the_scripts(name: str) -> None:
    duration = load_script(SCRIPTS / f"{name}.yaml").duration("perform")
    assert all(take.end <= NOW + duration for take in takes(duration))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(AU_NUMBERS), st.integers(0, 10**6), st.integers(0, 5 * SECOND), st.integers(1, 9))
def test_order_is_kept_however_little_time_there_is(au: int, seed: int, duration: int, take: int) -> None:
    styles: tuple[Style, ...] = ("posed", "micro")
    for style in styles:
        made = Behaviour(seed, style)
        asked = cue(au, duration=duration, take=take)
        truth = made.performance(asked)
        assert NOW + 0.18 * SECOND <= truth.onset < truth.apex <= truth.offset < truth.end < NOW + 5 * SECOND
        pulses = perform(asked, made.personality, seed, style).pulses
        assert all(p.begin < p.top <= p.fall < p.end <= truth.end for p in pulses)
        assert all(p.begin >= truth.onset - 0.09 * SECOND for p in pulses)
        json.dumps([truth.intensity, truth.left, truth.right, truth.others])


def test_a_micro_expression_is_weaker_and_over_at_once() -> None:
    for subject in [Behaviour(seed, "micro") for seed in range(20)]:
        for au in AU_NUMBERS:
            truth = subject.performance(cue(au))
            assert 0.165 <= (truth.end - truth.onset) / SECOND <= 0.55
            if au not in (43, 45):
                assert truth.intensity <= 0.7


def test_eyes_that_close_stay_closed_for_more_than_half_a_second_and_a_blink_does_not() -> None:
    for seed in range(15):
        for au in (43, 45):
            made = behaviour(seed, cue(au))
            truth = made.performances[0]
            if truth.failed or truth.intensity < 0.9:
                continue
            lids = course(made, truth.onset, truth.end)[:, ACTION_INDEX[43]]
            shut = np.flatnonzero(lids > 0.9)
            longest = max(map(len, np.split(shut, np.flatnonzero(np.diff(shut) > 1) + 1)))
            assert longest > 500 if au == 43 else longest < 500


# --- life ---------------------------------------------------------------------------------------------


def test_people_blink_11_to_19_times_a_minute() -> None:
    rates = []
    for seed in range(12):
        made = Behaviour(seed)
        lids = np.array([shown(45, made.state(NOW + k * 20 * MILLISECOND)) for k in range(15_000)])
        rates.append(int(np.sum((lids[1:] > 0.5) & (lids[:-1] <= 0.5))) / 5.0)
        assert rates[-1] == pytest.approx(made.personality.blinks, abs=4.5)
    assert 12.0 < np.mean(rates) < 18.0
    assert np.ptp(rates) > 2.0


def test_blinks_do_not_come_like_clockwork() -> None:
    begins = [blink(99, 4 * SECOND, block, which)[0] for block in range(500) for which in range(2)]
    gaps = np.diff([begin for begin in begins if begin]) / SECOND
    assert gaps.min() >= 0.4
    assert gaps.std() > 1.5


def test_a_stray_blink_is_in_the_truth() -> None:
    found = 0
    for seed in SEEDS:
        made, still = behaviour(seed, cue(12)), Behaviour(seed)
        truth = made.performances[0]
        lids = course(made, truth.onset, truth.end, 10 * MILLISECOND)[:, ACTION_INDEX[43]]
        assert (lids.max() > 0.5) <= (45 in truth.others)
        # The lid may come to a blink only with the end of the take, or be opening as it begins.
        found += 45 in truth.others
        before = course(made, NOW, truth.onset, 10 * MILLISECOND)
        assert np.array_equal(before, course(still, NOW, truth.onset, 10 * MILLISECOND))
    assert 0 < found < 0.4 * len(SEEDS)


def test_nothing_jumps() -> None:
    """Neither places nor speeds: a step of the second difference would be far beyond what people can do."""
    cues = session((45, 51, 64), NOW)
    for seed in (1, 2):
        states = course(behaviour(seed, *cues), NOW + 7 * SECOND, NOW + 60 * SECOND)
        speed = np.abs(np.diff(states, axis=0)).max(axis=0)
        bend = np.abs(np.diff(states, 2, axis=0)).max(axis=0)
        strengths, gaze, head, place = slice(0, 32), slice(32, 34), slice(34, 37), slice(37, 41)
        assert speed[strengths].max() < 0.06
        assert bend[strengths].max() < 0.005
        assert speed[gaze].max() < 1.0
        assert bend[gaze].max() < 0.08
        assert speed[head].max() < 0.4
        assert bend[head].max() < 0.003
        assert speed[place].max() < 0.05
        assert bend[place].max() < 0.0005


def test_a_cue_that_comes_in_time_changes_nothing_at_that_moment() -> None:
    for au in AU_NUMBERS:
        before, after = Behaviour(5), behaviour(5, cue(au))
        for moment in range(NOW, NOW + 120 * MILLISECOND, 10 * MILLISECOND):
            assert np.array_equal(numbers(before.state(moment)), numbers(after.state(moment)))


def test_at_rest_a_person_is_almost_still() -> None:
    for seed in range(8):
        states = course(Behaviour(seed), NOW, NOW + 60 * SECOND, 40 * MILLISECOND)
        strengths = np.delete(states[:, :32], [ACTION_INDEX[43], 16 + ACTION_INDEX[43]], axis=1)
        assert 0.0 <= strengths.min() <= strengths.max() < 0.06
        spread = np.abs(states - states.mean(axis=0)).max(axis=0)
        assert np.all(spread[34:37] < 1.2)
        assert np.all(spread[34:36] > 0.2)
        assert np.all(spread[37:40] < 3.2)
        assert 1.5 < np.ptp(states[:, 40]) < 5.5
        jitter = states[:, 32:34]
        assert 0.1 < jitter.std() < 0.5
        assert np.abs(jitter).max() < 1.2


def test_from_the_countdown_on_the_subject_looks_into_the_camera() -> None:
    for seed in range(6):
        cues = session((12,))
        made = behaviour(seed, *cues)
        screen = course(made, NOW + SECOND, NOW + 9 * SECOND, 50 * MILLISECOND)
        camera = course(made, cues[1].start + SECOND, cues[1].start + 3 * SECOND, 50 * MILLISECOND)
        assert np.abs(screen[:, 32] + screen[:, 34]).mean() > 3.0
        assert np.abs(camera[:, 32]).max() < 1.5


def test_life_knows_nothing_of_the_action_unit() -> None:
    for seed in range(6):
        ends = []
        for au in AU_NUMBERS:
            made, still = behaviour(seed, cue(au)), Behaviour(seed)
            # A blink that gave way could have lasted longer than the performance.
            begin = made.performances[0].end + SECOND // 2
            assert np.array_equal(
                course(made, begin, begin + SECOND, 50 * MILLISECOND),
                course(still, begin, begin + SECOND, 50 * MILLISECOND),
            )
            ends.append(begin)
        assert len(set(ends)) > 10


# --- parts --------------------------------------------------------------------------------------------


@given(st.integers(-10, 2 * SECOND), st.integers(1, SECOND))
def test_a_way_is_covered_as_a_minimum_of_jerk(since: int, duration: int) -> None:
    assert covered(since, duration) == pytest.approx(minimum_jerk(since / duration), abs=1e-12)


def test_pulses_add_up_and_lids_never_close_more_than_wholly() -> None:
    times = (NOW, NOW + 100, NOW + 200, NOW + 300)
    table = PulseTable.of([Pulse(YAW, 20.0, *times), Pulse(YAW, 5.0, *times)])
    lids = PulseTable.of([Pulse(LID_LEFT, 0.8, *times), Pulse(LID_LEFT, 0.5, *times)])
    both = table + lids
    for moment, share in ((-1, 0.0), (50, 0.5), (100, 1.0), (150, 1.0), (250, 0.5), (300, 0.0)):
        state = np.zeros(CHANNELS)
        add_pulses(state, NOW + moment, both.channels, both.extents, both.times)
        assert state[YAW] == pytest.approx(25.0 * share)
        assert state[LID_LEFT] == pytest.approx(1.0 - (1.0 - 0.8 * share) * (1.0 - 0.5 * share))


def test_chance_follows_from_its_place_and_looks_like_chance() -> None:
    values = np.array([[uniform(5, 1, place, number) for number in range(4)] for place in range(4000)])
    assert np.array_equal(values[7], [uniform(5, 1, 7, number) for number in range(4)])
    assert 0.0 <= values.min() < 0.01 < 0.99 < values.max() < 1.0
    assert np.allclose(values.mean(axis=0), 0.5, atol=0.02)
    assert np.abs(np.corrcoef(values.T) - np.eye(4)).max() < 0.06
    assert abs(np.corrcoef(values[1:, 0], values[:-1, 0])[0, 1]) < 0.06
    others = [uniform(6, 1, place, 0) for place in range(4000)]
    assert abs(np.corrcoef(values[:, 0], others)[0, 1]) < 0.06
    normal = np.array([about_normal(5, 2, place, 1) for place in range(4000)])
    assert abs(normal.mean()) < 0.06
    assert normal.std() == pytest.approx(1.0, abs=0.05)
    assert np.abs(normal).max() <= 3.0
