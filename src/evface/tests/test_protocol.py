"""The script of a session and its state machine."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from evface.errors import ConfigError
from evface.protocol import AU_NUMBERS, COMMANDS, SessionMachine, Transition, load_script
from evface.protocol.machine import OVER, RECORDED
from evface.protocol.script import SECOND, Script

PROTOCOLS = Path(__file__).parents[3] / "config" / "protocol"

SHORT = Script(
    name="short",
    introduction=1.0,
    demonstration={"clip": 0.5, "repeats": 2},
    countdown=1.0,
    perform=2.0,
    rest=1.0,
    aus=(12, 45, 51),
)


def run_to_end(machine: SessionMachine, now: int) -> list[Transition]:
    """Let the clock run from deadline to deadline until none is left."""
    made = []
    while (deadline := machine.next_deadline()) is not None:
        now = max(now, deadline)
        made += machine.advance(now)
    return made


@pytest.mark.parametrize("name", ["default", "fast"])
def test_shipped_scripts_hold_the_21_action_units_with_a_text_each(name: str) -> None:
    script = load_script(PROTOCOLS / f"{name}.yaml")
    assert script.aus == AU_NUMBERS
    assert set(script.texts.instructions) == set(AU_NUMBERS)


def test_default_script_takes_about_seven_minutes_with_20_s_per_action_unit() -> None:
    script = load_script(PROTOCOLS / "default.yaml")
    assert script.demonstration.repeats == 3
    assert script.duration("countdown") == 3 * SECOND
    assert (script.total - script.duration("introduction")) / 21 == 20 * SECOND
    assert script.total < 7.5 * 60 * SECOND


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preform": 2.0}, ["preform", "unknown name"]),
        ({"perform": "long"}, ["perform", "'long'"]),
        ({"countdown": -1.0}, ["countdown", "-1.0"]),
        ({"aus": [12, 13]}, ["aus", "AU 13"]),
        ({"aus": [12, 12]}, ["aus", "once"]),
        ({"aus": []}, ["aus"]),
        ({"texts": {"rest": "{nme}"}}, ["texts.rest", "{name}"]),
        ({"texts": {"instructions": {3: "x"}}}, ["instructions", "AU 3"]),
        ({"texts": "missing.yaml"}, ["texts", "missing.yaml"]),
        ({"demonstration": {"clip": 1.0, "repeat": 2}}, ["demonstration.repeat", "unknown name"]),
    ],
)
def test_a_wrong_script_is_refused_with_file_and_field(
    tmp_path: Path, change: dict, words: list[str]
) -> None:
    import yaml

    fields = SHORT.model_dump(mode="json", exclude={"texts"}) | change
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(fields))
    with pytest.raises(ConfigError) as caught:
        load_script(path)
    for word in ["mine.yaml", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize("content", ["- a\n- b\n", "a: [", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        load_script(path)


def test_with_aus_keeps_the_rest_of_the_script() -> None:
    chosen = SHORT.with_aus([51, 2])
    assert chosen.aus == (51, 2)
    assert chosen.perform == SHORT.perform
    with pytest.raises(ConfigError, match="AU 99"):
        SHORT.with_aus([99])


def test_a_session_walks_its_script_and_ends() -> None:
    machine = SessionMachine(SHORT, "S01", "01")
    assert machine.transition(5).phase == "waiting"
    assert machine.next_deadline() is None
    first = machine.command("start", 10 * SECOND).transitions
    made = [*first, *run_to_end(machine, 10 * SECOND)]
    trial = ["demonstration", "countdown", "perform", "rest"]
    assert [t.phase for t in made] == ["introduction", *trial * 3, "finished"]
    assert [t.au for t in made] == [0, *[12] * 4, *[45] * 4, *[51] * 4, 0]
    assert [t.recording for t in made[1:5]] == [False, True, True, True]
    assert made[-1].start == 10 * SECOND + SHORT.total


def test_looking_at_the_clock_some_milliseconds_late_adds_no_drift() -> None:
    machine = SessionMachine(SHORT, "S01", "01")
    machine.command("start", 0)
    made = []
    while (deadline := machine.next_deadline()) is not None:
        made += machine.advance(deadline + 7_000_000)
    for before, after in pairwise(made):
        assert after.start == after.scheduled == before.start + before.duration
    assert made[-1].start == SHORT.total


def test_a_stall_shortens_no_phase() -> None:
    machine = SessionMachine(SHORT, "S01", "01")
    machine.command("start", 0)
    (demonstration,) = machine.advance(30 * SECOND)
    assert (demonstration.phase, demonstration.start, demonstration.scheduled) == (
        "demonstration", 30 * SECOND, 1 * SECOND,
    )  # fmt: skip
    assert machine.advance(30 * SECOND) == []
    assert machine.next_deadline() == 31 * SECOND


def walk_to(machine: SessionMachine, phase: str, trial: int = 0) -> int:
    """Start and go on until a phase of a trial; the time when it began."""
    now = 0
    machine.command("start", now)
    while (machine.phase, machine.transition(now).trial) != (phase, trial):
        now = machine.next_deadline() or now
        machine.advance(now)
    return now


def test_redo_adds_a_take_of_the_same_trial() -> None:
    machine = SessionMachine(SHORT, "S01", "01")
    now = walk_to(machine, "perform")
    (again,) = machine.command("redo", now + 1).transitions
    assert (again.phase, again.au, again.take, again.recording) == ("countdown", 12, 2, True)
    assert machine.takes == {12: 2}


def test_redo_while_the_next_one_is_shown_repeats_the_trial_before() -> None:
    machine = SessionMachine(SHORT, "S01", "01")
    now = walk_to(machine, "demonstration", trial=1)
    (again,) = machine.command("redo", now + 1).transitions
    assert (again.phase, again.au, again.take) == ("countdown", 12, 2)
    made = run_to_end(machine, now + 1)
    assert [t.au for t in made if t.phase == "countdown"] == [45, 51]


def test_pause_breaks_the_take_off_and_resume_begins_the_next() -> None:
    machine = SessionMachine(SHORT, "S01", "01")
    now = walk_to(machine, "perform")
    (paused,) = machine.command("pause", now).transitions
    assert (paused.phase, paused.recording, paused.au, paused.take) == ("paused", False, 12, 1)
    assert machine.next_deadline() is None
    (resumed,) = machine.command("resume", now + 60 * SECOND).transitions
    assert (resumed.phase, resumed.au, resumed.take) == ("countdown", 12, 2)


def test_pause_outside_a_take_repeats_what_was_shown() -> None:
    machine = SessionMachine(SHORT, "S01", "01")
    now = walk_to(machine, "demonstration")
    machine.command("pause", now)
    (resumed,) = machine.command("resume", now + 1).transitions
    assert (resumed.phase, resumed.au, resumed.take) == ("demonstration", 12, 1)


@pytest.mark.parametrize(
    ("phase", "command"),
    [("waiting", "pause"), ("waiting", "skip"), ("demonstration", "start"), ("demonstration", "resume"),
     ("demonstration", "redo"), ("demonstration", "dance")],
)  # fmt: skip
def test_a_command_that_makes_no_sense_is_refused_with_a_reason(phase: str, command: str) -> None:
    machine = SessionMachine(SHORT, "S01", "01")
    if phase != "waiting":
        walk_to(machine, phase)
    answer = machine.command(command, 1)
    assert not answer.accepted
    assert answer.reason
    assert answer.transitions == ()


def test_phases_without_length_are_left_out() -> None:
    script = SHORT.model_copy(update={"introduction": 0.0, "rest": 0.0}).model_copy(
        update={"demonstration": SHORT.demonstration.model_copy(update={"clip": 0.0})}
    )
    machine = SessionMachine(script, "S01", "01")
    made = [*machine.command("start", 0).transitions, *run_to_end(machine, 0)]
    assert [t.phase for t in made] == ["countdown", "perform"] * 3 + ["finished"]


class AnySession(RuleBasedStateMachine):
    """Whatever the operator does: takes without gaps, right labels, an end."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = SessionMachine(SHORT, "S01", "01")
        self.now = 0
        self.made: list[Transition] = [self.machine.transition(0)]

    @rule(name=st.sampled_from(COMMANDS), wait=st.integers(0, 3 * SECOND))
    def command(self, name: str, wait: int) -> None:
        self.now += wait
        before = self.machine.phase
        answer = self.machine.command(name, self.now)
        assert answer.accepted == bool(answer.transitions) == (not answer.reason)
        if not answer.accepted:
            assert self.machine.phase == before
        self.made += answer.transitions

    @rule(wait=st.integers(0, 3 * SECOND))
    def tick(self, wait: int) -> None:
        self.now += wait
        self.made += self.machine.advance(self.now)

    @precondition(lambda self: self.machine.next_deadline() is not None)
    @rule()
    def wait_for_the_deadline(self) -> None:
        self.now = max(self.now, self.machine.next_deadline() or 0)
        made = self.machine.advance(self.now)
        assert len(made) == 1
        self.made += made

    @invariant()
    def takes_are_numbered_without_gaps(self) -> None:
        for au in SHORT.aus:
            takes = [t.take for t in self.made if t.phase == "countdown" and t.au == au]
            assert takes == list(range(1, len(takes) + 1))
            assert self.machine.takes.get(au, 0) == len(takes)

    @invariant()
    def a_take_keeps_its_label(self) -> None:
        take = None
        for state in self.made:
            assert state.recording == (state.phase in RECORDED)
            if state.recording:
                key = (state.trial, state.au, state.take)
                assert SHORT.aus[state.trial] == state.au
                if state.phase == "countdown":
                    take = key
                assert key == take
            else:
                take = None

    @invariant()
    def time_goes_on(self) -> None:
        starts = [state.start for state in self.made]
        assert starts == sorted(starts)

    def teardown(self) -> None:
        self.machine.command("start", self.now)
        self.machine.command("resume", self.now)
        run_to_end(self.machine, self.now)
        assert self.machine.phase in OVER


TestAnySession = AnySession.TestCase
TestAnySession.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
