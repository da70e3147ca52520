"""Whatever people do, whatever the clock does, whenever it crashes: no take lost, no label wrong."""

from __future__ import annotations

import json
import resource
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from evface.errors import ConfigError, FormatError
from evface.protocol import COMMANDS, Journal, SessionMachine, Transition, last_words, taken_on_disk
from evface.protocol.journal import JOURNAL, lines, unfinished
from evface.protocol.phases import OVER, TAKE_PHASES
from evface.protocol.script import SECOND, Script

SCRIPT = Script(
    name="whole",
    introduction="confirmed",
    familiarisation=True,
    settle="confirmed",
    rehearsal=(45,),
    demonstration={"clip": 0.5, "repeats": 2},
    countdown=1.0,
    perform=2.0,
    rest=1.0,
    closing="confirmed",
    aus=(12, 45, 51),
)
ARGUMENTS = ("", "research", "sharing", "12", "AU 51", "block", "2", "eyes closed")


class AnySession(RuleBasedStateMachine):
    """A session, its journal and the takes that a recorder would write of it."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory(prefix="journal-")
        self.folder = Path(self.temporary.name)
        self.now = 0
        self.steady = 0
        self.made: list[Transition] = []
        self.recorded: list[dict[str, Any]] = []
        self.open: dict[str, Any] | None = None
        self.began = 0
        self.commanded = False

    @initialize(asks=st.booleans(), whole=st.booleans())
    def begin(self, asks: bool, whole: bool) -> None:
        script = SCRIPT if whole else SCRIPT.main_run_only()
        self.machine = SessionMachine(script, "S01", "01", scopes=() if asks else ("research",))
        self.consented = not asks
        self.journal = Journal(self.folder)
        self.journal.opened(0, script)
        self.hear([self.machine.transition(0)])

    # --- what a recorder and a journal make of it ----------------------------------------------------

    def hear(self, made: list[Transition]) -> None:
        for state in made:
            self.journal.transition(self.now, state)
            self.made.append(state)
            self.follow(state)

    def follow(self, state: Transition) -> None:
        key = {"au": state.au, "take": state.take}
        if self.open is not None and not (state.recording and state.phase != "countdown"):
            self.open["ended"] = [
                take.outcome for take in state.ended if {"au": take.au, "take": take.take} == self.open["key"]
            ]
            self.open = None
        if state.recording and state.phase == "countdown":
            self.open = {"key": key, "performed": [], "ended": None}
            self.recorded.append(self.open)
        if state.recording:
            assert self.open is not None, "a recording begins with its countdown"
            assert self.open["key"] == key, "a take keeps its label"
        if state.recording and state.phase == "perform":
            self.recorded[-1]["performed"].append(state.au)

    # --- what happens --------------------------------------------------------------------------------

    def pass_time(self, wait: int) -> None:
        self.now += wait
        self.steady += wait

    @rule(
        name=st.sampled_from(COMMANDS),
        argument=st.sampled_from(ARGUMENTS),
        by=st.sampled_from(["operator", "operator", "subject", "nobody"]),
        wait=st.integers(0, 3 * SECOND),
    )
    def command(self, name: str, argument: str, by: str, wait: int) -> None:
        self.pass_time(wait)
        self.told(name, argument, by)

    @rule(choice=st.integers(0, 9), argument=st.sampled_from(["", "12", "AU 51"]))
    def sensible_command(self, choice: int, argument: str) -> None:
        said = self.machine.commands
        name = said[choice % len(said)]
        self.told(
            name, {"consent": "research,sharing", "note": "x", "redo": argument}.get(name, ""), "operator"
        )

    def told(self, name: str, argument: str, by: str) -> None:
        before = self.machine.transition(self.now)
        listed = name in self.machine.commands
        answer = self.machine.command(name, self.now, argument, by)
        assert answer.accepted == (not answer.reason)
        assert listed or not answer.accepted
        assert bool(answer.transitions) == (answer.accepted and name != "note")
        if not answer.transitions:
            assert self.machine.transition(self.now) == before
        self.commanded = bool(answer.transitions) or self.commanded
        self.consented = self.consented or (name == "consent" and answer.accepted)
        self.hear(list(answer.transitions))

    @rule(wait=st.integers(0, 3 * SECOND))
    def tick(self, wait: int) -> None:
        self.pass_time(wait)
        self.hear(self.machine.advance(self.now))

    @precondition(lambda self: self.machine.next_deadline() is not None)
    @rule(late=st.integers(0, 200_000_000))
    def wait_for_the_deadline(self, late: int) -> None:
        deadline = self.machine.next_deadline()
        assert deadline is not None
        self.pass_time(max(0, deadline - self.now) + late)
        made = self.machine.advance(self.now)
        assert len(made) == 1
        self.hear(made)

    @rule(step=st.integers(-3600 * SECOND, 3600 * SECOND))
    def set_the_clock(self, step: int) -> None:
        before = self.machine.next_deadline()
        self.now += step
        self.machine.shift(step)
        after = self.machine.next_deadline()
        assert (before is None and after is None) or after == before + step
        assert self.machine.advance(self.now) == [] or before <= self.now - step

    @rule(torn=st.booleans(), power_cut=st.booleans())
    def crash_and_resume(self, torn: bool, power_cut: bool) -> None:
        """Killed, the journal read again; torn: in the middle of a line; power_cut: the last one gone."""
        self.journal.close()
        path = self.folder / JOURNAL
        content = path.read_bytes()
        if power_cut and content.count(b"\n") > 2:
            content = content[: content[:-1].rfind(b"\n") + 1]
        path.write_bytes(content + (b'{"event": "transi' if torn else b""))
        if self.open is not None:
            self.open["ended"] = ["interrupted"]
            self.open = None
        here = self.machine.transition(self.now)
        end = last_words(self.folder)
        assert end is not None
        self.journal = Journal(self.folder)
        if end.over:
            with pytest.raises(ConfigError, match="over"):
                SessionMachine(end.script, "S01", "01", at=end.position)
            return
        if self.machine.phase in OVER:
            return  # the power went before its end was on the disk; the session is over all the same
        on_disk: dict[int, int] = {}
        for take in self.recorded:
            on_disk[take["key"]["au"]] = max(on_disk.get(take["key"]["au"], 0), take["key"]["take"])
        known = self.machine.scopes if self.consented else ()
        self.machine = SessionMachine(end.script, "S01", "01", scopes=known, at=end.position, takes=on_disk)
        assert self.machine.phase == "waiting"
        self.journal.opened(self.now, end.script)
        self.hear([self.machine.transition(self.now)])
        (first,) = self.machine.command("start", self.now).transitions
        if not power_cut and here.phase != "waiting" and here.block:
            at_hand = (first.block, first.trial, first.au) == (here.block, here.trial, here.au)
            assert at_hand, "it goes on at the AU where it was"
        self.hear([first])

    # --- what must hold ------------------------------------------------------------------------------

    @invariant()
    def nothing_is_recorded_without_consent(self) -> None:
        assert self.consented or not self.recorded

    @invariant()
    def every_take_has_a_number_of_its_own_and_they_grow(self) -> None:
        for au in SCRIPT.aus:
            numbers = [take["key"]["take"] for take in self.recorded if take["key"]["au"] == au]
            assert all(later > earlier for earlier, later in pairwise(numbers))

    @invariant()
    def what_is_performed_in_a_take_is_its_label(self) -> None:
        for take in self.recorded:
            assert take["performed"] in ([], [take["key"]["au"]])

    @invariant()
    def every_take_ends_once_and_complete_means_performed(self) -> None:
        for take in self.recorded:
            if take is self.open:
                continue
            assert len(take["ended"]) == 1
            assert take["ended"] != ["complete"] or take["performed"]

    @invariant()
    def only_the_main_run_is_recorded(self) -> None:
        for state in self.made[-3:]:
            assert state.recording == (state.block == "main" and state.phase in TAKE_PHASES)
            assert (state.au == 0) or state.au in SCRIPT.aus

    def teardown(self) -> None:
        """Whatever happened, willing people bring it to its end."""
        try:
            for _ in range(200):
                if self.machine.phase in OVER:
                    break
                while (deadline := self.machine.next_deadline()) is not None:
                    self.now = max(self.now, deadline)
                    self.hear(self.machine.advance(self.now))
                name = next(
                    (n for n in ("start", "confirm", "consent", "resume") if n in self.machine.commands), ""
                )
                if name:
                    self.told(name, "research", "operator")
            assert self.machine.phase in OVER
        finally:
            self.journal.close()
            self.temporary.cleanup()


TestAnySession = AnySession.TestCase
TestAnySession.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_a_session_without_skips_or_stops_leaves_a_complete_take_of_everything(tmp_path: Path) -> None:
    machine = SessionMachine(SCRIPT.main_run_only(), "S01", "01", scopes=("research",))
    journal = Journal(tmp_path)
    journal.opened(0, machine.script, seed=0)
    now = 0
    for transition in machine.command("start", now).transitions:
        journal.transition(now, transition)
    while (deadline := machine.next_deadline()) is not None:
        now = deadline
        for transition in machine.advance(now):
            journal.transition(now, transition)
    journal.close()
    takes = [(line["au"], line["outcome"]) for line in lines(tmp_path) if line["event"] == "take"]
    assert takes == [(12, "complete"), (45, "complete"), (51, "complete")]
    end = last_words(tmp_path)
    assert end is not None
    assert end.over
    assert end.script == machine.script


def test_a_journal_is_kept_by_one_process(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(ConfigError, match="another conductor"):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


def test_a_journal_broken_before_its_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text('{"event": "opened"}\nnonsense\n{"event": "closed"}\n')
    with pytest.raises(FormatError, match=r"journal\.jsonl: line 2"):
        last_words(tmp_path)


def test_an_unfinished_session_is_found_with_where_it_was_left(tmp_path: Path) -> None:
    assert unfinished(tmp_path, "S01") is None
    folder = tmp_path / "sub-S01" / "ses-02"
    machine = SessionMachine(SCRIPT, "S01", "02", scopes=("research",))
    journal = Journal(folder)
    journal.opened(0, machine.script)
    for words in [("start",), ("confirm",), ("confirm",)]:
        for transition in machine.command(*words, 0).transitions:
            journal.transition(0, transition)
    journal.close()
    found = unfinished(tmp_path, "S01")
    assert found is not None
    label, end = found
    assert (label, end.where, end.opened) == ("02", "familiarisation, AU 45", 1)


def test_take_numbers_on_disk_are_used_up_also_of_unfinished_takes(tmp_path: Path) -> None:
    for name in ("sub-S01_ses-01_task-au12_run-02", ".partial/sub-S01_ses-01_task-au12_run-03"):
        (tmp_path / name).mkdir(parents=True)
    assert taken_on_disk(tmp_path) == {12: 3}
    machine = SessionMachine(
        SCRIPT.main_run_only(), "S01", "01", scopes=("research",), takes=taken_on_disk(tmp_path)
    )
    machine.command("start", 0)
    (countdown,) = machine.advance(SECOND)
    assert (countdown.au, countdown.take) == (12, 4)
    assert json.dumps(countdown.takes) == "[4, 0, 0]"


def test_a_disk_that_takes_no_more_is_trouble_that_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        journal.write("command", 0, command="note", argument="longer than the disk")
        assert "File too large" in journal.trouble
        journal.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
