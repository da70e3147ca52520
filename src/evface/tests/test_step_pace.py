"""When a virtual event camera looks: as often as the motion asks for and the machine manages."""

from __future__ import annotations

import pytest

from evface.cameras import step_pace
from evface.cameras.pacing import SECOND
from evface.cameras.step_pace import STOPPED, StepPace
from evface.simulation.stepping import MILLISECOND


class FakeTime:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000_000

    def time_ns(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


class Moving:
    """Moves evenly, px/s."""

    lux = 500.0

    def __init__(self, speed: float) -> None:
        self.speed = speed

    def motion(self, begin_ns: int, end_ns: int, width: int, height: int) -> float:
        return self.speed * (end_ns - begin_ns) / SECOND


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(step_pace, "time", fake)
    return fake


def run(pace: StepPace, scene: Moving, clock: FakeTime, seconds: float, cost: int = 0) -> list[int]:
    """The moments of the steps of some seconds, each of which costs the machine some ns."""
    end = clock.now + round(seconds * SECOND)
    moments = []
    while clock.now < end:
        if not pace.wait(0.1):
            continue
        while (moment := pace.step(scene, 346, 260)) is not None:
            moments.append(moment)
            assert moment <= clock.now
            clock.now += cost
    return moments


def test_steps_are_as_long_as_half_a_pixel_of_motion(clock: FakeTime) -> None:
    for speed, rate in ((0.0, 100.0), (150.0, 330.0), (2000.0, 1000.0)):
        pace = StepPace(1000.0, together=5 * MILLISECOND)
        begin = pace.start()
        moments = run(pace, Moving(speed), clock, 2.0)
        assert moments[0] == begin
        assert len(moments) == pytest.approx(2.0 * rate, rel=0.15)
        assert pace.steps == len(moments)
        assert (pace.late, pace.news(), pace.lowest) == (0, "", 1000.0)


def test_a_camera_that_cannot_keep_up_takes_longer_steps_says_so_and_stays_in_time(clock: FakeTime) -> None:
    pace = StepPace(1000.0, together=5 * MILLISECOND)
    pace.start()
    moments = run(pace, Moving(2000.0), clock, 5.0, cost=4 * MILLISECOND)
    assert clock.now - moments[-1] < STOPPED
    assert len(moments) == pytest.approx(5.0 * 250, rel=0.1)
    assert pace.rate == pytest.approx(250, rel=0.2)
    assert pace.late > 0.8 * len(moments)
    assert "not 1000" in pace.news()
    assert pace.news() == ""


def test_a_camera_recovers_when_the_machine_does(clock: FakeTime) -> None:
    pace = StepPace(500.0)
    pace.start()
    run(pace, Moving(2000.0), clock, 1.0, cost=5 * MILLISECOND)
    assert pace.rate < 300
    late = pace.late
    run(pace, Moving(2000.0), clock, 2.0, cost=MILLISECOND // 2)
    assert pace.rate == 500.0
    run(pace, Moving(2000.0), clock, 1.0, cost=MILLISECOND // 2)
    assert pace.late < late + 100


def test_a_short_burst_is_made_up_for_without_a_longer_step(clock: FakeTime) -> None:
    pace = StepPace(500.0)
    pace.start()
    run(pace, Moving(0.0), clock, 0.5)
    clock.now += 40 * MILLISECOND
    run(pace, Moving(2000.0), clock, 0.5, cost=MILLISECOND)
    assert pace.late == 0


def test_after_a_long_stop_one_step_leads_to_the_present(clock: FakeTime) -> None:
    pace = StepPace(500.0)
    pace.start()
    run(pace, Moving(0.0), clock, 0.1)
    clock.now += 3 * SECOND
    moments = run(pace, Moving(0.0), clock, 0.1)
    assert clock.now - moments[-1] < 50 * MILLISECOND
    assert len(moments) < 30
    assert pace.late == pytest.approx(300, abs=5)


def test_a_wait_ends_at_its_timeout_and_a_clock_set_back_stops_nothing(clock: FakeTime) -> None:
    pace = StepPace(50.0, together=100 * MILLISECOND)
    begin = pace.start()
    assert pace.wait(0.0)
    assert pace.step(Moving(0.0), 346, 260) == begin
    assert pace.step(Moving(0.0), 346, 260) is None
    assert not pace.wait(0.01)
    clock.now -= 3600 * SECOND
    assert pace.wait(0.0)
    assert pace.step(Moving(0.0), 346, 260) == clock.now
