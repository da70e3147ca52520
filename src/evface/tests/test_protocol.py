"""The script of a session and its state machine; whatever people do is in test_protocol_sequences."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from evface.errors import ConfigError
from evface.privacy import SCOPES
from evface.protocol import AU_NUMBERS, SUBJECT_COMMANDS, SessionMachine, Transition, load_script
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


FULL = SHORT.model_copy(
    update={
        "introduction": "confirmed",
        "familiarisation": True,
        "settle": "confirmed",
        "rehearsal": (45,),
        "closing": "confirmed",
    }
)


def machine_of(script: Script) -> SessionMachine:
    """A session whose subject has consented."""
    return SessionMachine(script, "S01", "01", scopes=("research",))


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
    for language in ("en", "es"):
        texts = load_script(PROTOCOLS / f"{name}.yaml", language).texts
        assert texts.language == language
        assert set(texts.instructions) == set(texts.descriptions) == set(AU_NUMBERS)
        assert set(texts.scopes) == set(SCOPES)
        assert set(texts.labels) == set(SUBJECT_COMMANDS)
        assert all(texts.of(phase, 0) for phase in ("introduction", "consent", "settle", "ready", "closing"))


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'fr'.*there are: en, es"):
        load_script(PROTOCOLS / "default.yaml", "fr")


def test_default_script_takes_about_seven_minutes_with_20_s_per_action_unit() -> None:
    script = load_script(PROTOCOLS / "default.yaml")
    assert script.demonstration.repeats == 3
    assert script.duration("countdown") == 3 * SECOND
    assert script.main_run_only().total == 21 * 20 * SECOND == 7 * 60 * SECOND


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preform": 2.0}, ["preform", "unknown name"]),
        ({"perform": "long"}, ["perform", "'long'"]),
        ({"countdown": -1.0}, ["countdown", "-1.0"]),
        ({"aus": [12, 13]}, ["aus", "AU 13"]),
        ({"aus": [12, 12]}, ["aus", "once"]),
        ({"aus": []}, ["aus"]),
        ({"settle": "whenever"}, ["settle", "'whenever'"]),
        ({"rehearsal": [3]}, ["rehearsal", "AU 3"]),
        ({"clips": "nowhere"}, ["clips", "nowhere"]),
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


def test_what_is_rehearsed_is_among_what_is_elicited() -> None:
    assert FULL.with_aus([12, 45]).rehearsal == (45,)
    assert FULL.with_aus([2, 4]).rehearsal == (2,)
    assert SHORT.with_aus([2, 4]).rehearsal == ()


def test_a_shuffled_order_is_each_subjects_own_and_comes_out_again() -> None:
    script = load_script(PROTOCOLS / "default.yaml").model_copy(update={"order": "shuffled"})
    orders = {subject: script.ordered_for(subject, "01").aus for subject in ("S01", "S02", "S03")}
    assert len(set(orders.values())) == 3
    assert all(sorted(order) == list(AU_NUMBERS) for order in orders.values())
    assert script.ordered_for("S02", "01").aus == orders["S02"]
    assert script.model_copy(update={"seed": 1}).ordered_for("S02", "01").aus != orders["S02"]
    assert SHORT.ordered_for("S02", "01") == SHORT


def test_a_session_walks_its_script_and_ends() -> None:
    machine = machine_of(SHORT)
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
    machine = machine_of(SHORT)
    machine.command("start", 0)
    made = []
    while (deadline := machine.next_deadline()) is not None:
        made += machine.advance(deadline + 7_000_000)
    for before, after in pairwise(made):
        assert after.start == after.scheduled == before.start + before.duration
    assert made[-1].start == SHORT.total


def test_a_stall_shortens_no_phase() -> None:
    machine = machine_of(SHORT)
    machine.command("start", 0)
    (demonstration,) = machine.advance(30 * SECOND)
    assert (demonstration.phase, demonstration.start, demonstration.scheduled) == (
        "demonstration", 30 * SECOND, 1 * SECOND,
    )  # fmt: skip
    assert machine.advance(30 * SECOND) == []
    assert machine.next_deadline() == 31 * SECOND


def test_a_full_session_walks_through_everything_that_the_paper_asks_for() -> None:
    machine = SessionMachine(FULL, "S01", "01")
    made = [*machine.command("start", 0).transitions]

    def tell(*words: str) -> None:
        made.extend(machine.command(words[0], 0, *words[1:]).transitions)
        made.extend(run_to_end(machine, 0))

    for words in [("confirm",), ("consent", "research"), *[("confirm",)] * 6]:
        tell(*words)
    trial = ["demonstration", "countdown", "perform", "rest"]
    assert [(t.block, t.phase) for t in made] == [
        ("", "introduction"),
        ("", "consent"),
        *[("familiarisation", "description")] * 3,
        ("", "settle"),
        *[("rehearsal", phase) for phase in trial],
        ("main", "settle"),
        *[("main", phase) for phase in trial] * 3,
        ("", "settle"),
        ("", "finished"),
    ]
    assert {t.block for t in made if t.recording} == {"main"}
    assert {t.take for t in made if t.block == "rehearsal"} == {0}
    assert [(t.trials, t.au) for t in made if t.block == "rehearsal"] == [(1, 45)] * 4
    assert made[-1].takes == (1, 1, 1)
    assert made[-1].aus == FULL.aus


def at_the_consent() -> SessionMachine:
    machine = SessionMachine(SHORT.model_copy(update={"introduction": 0.0}), "S01", "01")
    machine.command("start", 0)
    assert machine.phase == "consent"
    return machine


def test_the_consent_cannot_be_skipped_and_needs_its_scopes() -> None:
    machine = at_the_consent()
    assert machine.commands == ("consent", "decline", "stop", "note")
    for words in [("skip",), ("confirm",), ("consent",), ("consent", "sharing"), ("consent", "research,all")]:
        assert not machine.command(words[0], 1, *words[1:]).accepted
    (first,) = machine.command("consent", 1, "research, sharing", by="subject").transitions
    assert first.phase == "demonstration"
    assert first.position.scopes == machine.scopes == ("research", "sharing")


def test_who_declines_is_not_recorded() -> None:
    (end,) = at_the_consent().command("decline", 1, by="subject").transitions
    assert (end.phase, end.recording, end.commands) == ("aborted", False, ("note",))


def test_a_redo_may_name_an_action_unit_and_the_session_goes_on_where_it_was() -> None:
    machine = machine_of(SHORT)
    now = walk_to(machine, "demonstration", trial=2)
    (again,) = machine.command("redo", now, "AU 12").transitions
    assert (again.au, again.take) == (12, 2)
    assert [(take.au, take.take, take.outcome) for take in again.ended] == [(12, 1, "redone")]
    assert not machine.command("redo", now, "45").accepted, "a take is being recorded"
    assert [t.au for t in run_to_end(machine, now) if t.phase == "countdown"] == [51]


def test_the_last_trial_can_be_done_again_before_the_session_is_closed() -> None:
    machine = machine_of(SHORT.model_copy(update={"closing": "confirmed"}))
    machine.command("start", 0)
    run_to_end(machine, 0)
    assert (machine.phase, machine.commands) == ("settle", ("confirm", "redo", "stop", "note"))
    machine.command("redo", 60 * SECOND, "eyes were closed")
    run_to_end(machine, 60 * SECOND)
    assert machine.takes == {12: 1, 45: 1, 51: 2}
    machine.command("confirm", 90 * SECOND)
    assert machine.phase == "finished"


def test_the_rehearsal_can_be_done_again_or_left_as_a_whole() -> None:
    machine = machine_of(FULL)
    machine.command("start", 0)
    for words in [("confirm",), ("skip", "block"), ("confirm",), ("skip", "block")]:
        assert machine.command(words[0], 0, *words[1:]).accepted
    assert machine.transition(0).text == FULL.texts.ready
    (again,) = machine.command("redo", 0).transitions
    assert (again.block, again.phase, again.au) == ("rehearsal", "demonstration", 45)


@pytest.mark.parametrize("command", ["start", "skip", "note"])
def test_some_things_are_for_the_operator_to_say(command: str) -> None:
    machine = machine_of(SHORT)
    if command != "start":
        walk_to(machine, "demonstration")
    assert "operator" in machine.command(command, 0, "x", by="subject").reason
    assert machine.command(command, 0, "x").accepted


def test_a_note_changes_nothing() -> None:
    machine = machine_of(SHORT)
    now = walk_to(machine, "perform")
    before = machine.transition(now)
    answer = machine.command("note", now, "blinked")
    assert (answer.accepted, answer.transitions, machine.transition(now)) == (True, (), before)
    assert machine.last_take == (12, 1)


def test_phases_keep_their_length_when_the_clock_is_set() -> None:
    machine = machine_of(SHORT)
    now = walk_to(machine, "perform")
    machine.shift(-3600 * SECOND)
    assert machine.advance(now - 3600 * SECOND + 1) == []
    assert machine.next_deadline() == now - 3598 * SECOND


def test_a_take_that_was_skipped_is_not_complete() -> None:
    machine = machine_of(SHORT)
    now = walk_to(machine, "perform")
    (following,) = machine.command("skip", now + SECOND).transitions
    assert [take.outcome for take in following.ended] == ["interrupted"]


def walk_to(machine: SessionMachine, phase: str, trial: int = 0) -> int:
    """Start and go on until a phase of a trial; the time when it began."""
    now = 0
    machine.command("start", now)
    while (machine.phase, machine.transition(now).trial) != (phase, trial):
        now = machine.next_deadline() or now
        machine.advance(now)
    return now


def test_redo_adds_a_take_of_the_same_trial() -> None:
    machine = machine_of(SHORT)
    now = walk_to(machine, "perform")
    (again,) = machine.command("redo", now + 1).transitions
    assert (again.phase, again.au, again.take, again.recording) == ("countdown", 12, 2, True)
    assert machine.takes == {12: 2}


def test_redo_while_the_next_one_is_shown_repeats_the_trial_before() -> None:
    machine = machine_of(SHORT)
    now = walk_to(machine, "demonstration", trial=1)
    (again,) = machine.command("redo", now + 1).transitions
    assert (again.phase, again.au, again.take) == ("countdown", 12, 2)
    made = run_to_end(machine, now + 1)
    assert [t.au for t in made if t.phase == "countdown"] == [45, 51]


def test_pause_breaks_the_take_off_and_resume_begins_the_next() -> None:
    machine = machine_of(SHORT)
    now = walk_to(machine, "perform")
    (paused,) = machine.command("pause", now).transitions
    assert (paused.phase, paused.recording, paused.au, paused.take) == ("paused", False, 12, 1)
    assert machine.next_deadline() is None
    (resumed,) = machine.command("resume", now + 60 * SECOND).transitions
    assert (resumed.phase, resumed.au, resumed.take) == ("countdown", 12, 2)


def test_pause_outside_a_take_repeats_what_was_shown() -> None:
    machine = machine_of(SHORT)
    now = walk_to(machine, "demonstration")
    machine.command("pause", now)
    (resumed,) = machine.command("resume", now + 1).transitions
    assert (resumed.phase, resumed.au, resumed.take) == ("demonstration", 12, 1)


@pytest.mark.parametrize(
    ("phase", "command"),
    [("waiting", "pause"), ("waiting", "skip"), ("demonstration", "start"), ("demonstration", "resume"),
     ("demonstration", "redo"), ("demonstration", "confirm"), ("demonstration", "consent"),
     ("demonstration", "dance")],
)  # fmt: skip
def test_a_command_that_makes_no_sense_is_refused_with_a_reason(phase: str, command: str) -> None:
    machine = machine_of(SHORT)
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
    machine = machine_of(script)
    made = [*machine.command("start", 0).transitions, *run_to_end(machine, 0)]
    assert [t.phase for t in made] == ["countdown", "perform"] * 3 + ["finished"]
