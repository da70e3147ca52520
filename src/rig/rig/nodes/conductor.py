"""Walks the protocol: publishes /session/state and a marker per cue, obeys ~/command, keeps the journal.

The protocol itself is evface's pure state machine; this node gives it the clock and the wire.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field
from rclpy.node import Node
from rclpy.timer import Timer

from evface.errors import ConfigError, EvfaceError
from evface.privacy import Consent, audit, read_consent, write_consent
from evface.protocol import (
    Journal,
    JournalEnd,
    Script,
    SessionMachine,
    Transition,
    about_take,
    action_unit,
    last_words,
    load_script,
    scopes_of,
    session_folder,
    taken_on_disk,
)
from evface.validation import validated
from rig.parameters import declare
from rig.quality import reds
from rig.spinning import Process, run
from rig.stamps import SECOND, host_now, to_duration, to_ns, to_time
from rig.transport import LATCHED_QOS, SMALL_QOS
from rig_interfaces.msg import Marker, QualityReport, RecorderStatus, SessionState
from rig_interfaces.srv import SessionCommand

TICK = 0.005
"""s between two looks at the clock: a cue is at most this late."""

CLOCK_STEP = 50_000_000
"""ns by which the host's clock must run away from the steady one to have been set."""

STALE = 5.0
"""s after which a report on the quality tells nothing of the present moment."""

LINGER = 1 * SECOND
"""ns for which an attended session stays when all is safe, so that the pages get the last word."""


class ConductorParameters(BaseModel):
    """Parameters of the conductor."""

    script: str = Field(default="", description="protocol script, a YAML file")
    language: str = Field(default="en", description="of the script's texts", pattern=r"^[a-z]{2}$")
    subject: str = Field(default="S01", description="pseudonym of the subject", pattern=r"^[A-Za-z0-9]+$")
    session: str = Field(default="01", description="label of the session", pattern=r"^[A-Za-z0-9]+$")
    output: str = Field(default="", description="folder of the recordings")
    aus: list[int] = Field(default=[], description="FACS numbers to elicit; empty: those of the script")
    main_only: bool = Field(
        default=False, description="leave out what leads to the main run: familiarisation, rehearsal, waits"
    )
    consent: str = Field(
        default="",
        description="scopes that the subject has consented to, with commas between; empty: the session asks",
    )
    virtual: bool = Field(
        default=False, description="no person is recorded: the cameras are virtual, or play files"
    )
    resume: bool = Field(default=False, description="take the session up again where its journal ends")
    headless: bool = Field(
        default=False, description="start when the recorder is ready, end when all is safe"
    )
    patience: float = Field(
        default=60.0,
        description="wait for the recorder and its sensors before giving up (headless)",
        ge=1.0,
        le=3600.0,
        json_schema_extra={"unit": "s"},
    )


class Conductor(Node, Process):
    """The node; see the module."""

    def __init__(self) -> None:
        super().__init__("conductor")
        self.parameters = declare(self, ConductorParameters)
        if not self.parameters.output:
            raise ConfigError("conductor: output: expected the folder of the recordings")
        self._folder = session_folder(
            Path(self.parameters.output), self.parameters.subject, self.parameters.session
        )
        end = self._left()
        self._script = end.script if end is not None else self._new_script()
        consent = read_consent(self._folder)
        if consent is None and self.parameters.consent:
            consent = self._consent(self.parameters.consent, "paper")
        self._machine = SessionMachine(
            self._script,
            self.parameters.subject,
            self.parameters.session,
            scopes=consent.scopes if consent is not None else (),
            # What was consented to stands in consent.json alone: it may have been withdrawn.
            at=replace(end.position, scopes=()) if end is not None else None,
            takes=taken_on_disk(self._folder),
        )
        self._journal = Journal(self._folder)
        self._open(consent)
        self._complained = False
        self._recorder: RecorderStatus | None = None
        self._quality: tuple[float, QualityReport] | None = None
        self._clock_offset = host_now() - time.monotonic_ns()
        self._born = host_now()
        self._safe_since: int | None = None
        self._takes = 0
        self._takes_before = 0
        self._ready = False
        self._state = self.create_publisher(SessionState, "/session/state", LATCHED_QOS)
        self._marker = self.create_publisher(Marker, "/session/marker", SMALL_QOS)
        self.create_subscription(RecorderStatus, "/recorder/status", self._on_recorder, LATCHED_QOS)
        self.create_subscription(QualityReport, "/quality", self._on_quality, LATCHED_QOS)
        self.create_subscription(Marker, "/session/shown", self._on_shown, SMALL_QOS)
        self.create_service(SessionCommand, "~/command", self._on_command)
        self._timer: Timer = self.create_timer(TICK, self._tick)

    def start(self) -> None:
        """Latch the first state."""
        self._publish(self._machine.transition(host_now()))

    def release(self) -> None:
        """Close the journal: what was left unfinished can be taken up again."""
        self._journal.write("closed", host_now(), phase=self._machine.phase)
        self._journal.close()

    # --- how it begins -----------------------------------------------------------------------------

    def _left(self) -> JournalEnd | None:
        """Where the session was left, if it is to be resumed."""
        end = last_words(self._folder)
        if self.parameters.resume:
            if end is None:
                raise ConfigError(f"{self._folder}: no session was begun there that could be resumed")
            return end
        if end is not None:
            left = "is over" if end.over else f"was left in {end.where}: resume it"
            raise ConfigError(f"{self._folder}: this session {left}, or choose another one")
        return None

    def _new_script(self) -> Script:
        given = self.parameters
        script = load_script(Path(given.script), given.language)
        script = script.with_aus(given.aus) if given.aus else script
        script = script.main_run_only() if given.main_only else script
        return script.ordered_for(given.subject, given.session)

    def _open(self, consent: Consent | None) -> None:
        if consent is not None:
            write_consent(self._folder, consent)
        self._journal.opened(
            host_now(),
            self._script,
            subject=self.parameters.subject,
            session=self.parameters.session,
            scopes=self._machine.scopes,
            virtual=self.parameters.virtual,
            headless=self.parameters.headless,
            resumed=self.parameters.resume,
        )
        self._audit("session resumed" if self.parameters.resume else "session started")

    def _consent(self, scopes: str, how: Literal["page", "paper"]) -> Consent:
        texts = self._script.texts
        given = {
            "version": texts.consent_version,
            "scopes": scopes_of(scopes),
            "given_ns": host_now(),
            "how": "virtual" if self.parameters.virtual else how,
            "language": texts.language,
        }
        return validated(Consent, given, "consent")

    def _audit(self, event: str, **facts: object) -> None:
        given = self.parameters
        audit(Path(given.output), event, subject=given.subject, session=given.session, **facts)

    # --- what comes in -----------------------------------------------------------------------------

    def _on_recorder(self, status: RecorderStatus) -> None:
        # Another session's recorder in this ROS domain tells nothing about ours.
        if not status.folder or Path(status.folder) == self._folder:
            self._recorder = status

    def _on_quality(self, report: QualityReport) -> None:
        self._quality = time.monotonic(), report

    def _on_shown(self, marker: Marker) -> None:
        self._journal.write(
            "shown",
            to_ns(marker.header.stamp),
            name=marker.name,
            by=marker.header.frame_id,
            scheduled_ns=to_ns(marker.scheduled),
            au=marker.au,
            trial=marker.trial,
            take=marker.take,
        )

    def _on_command(
        self, request: SessionCommand.Request, response: SessionCommand.Response
    ) -> SessionCommand.Response:
        response.reason = self._obey(request.command, request.argument, request.by or "operator")
        response.accepted = not response.reason
        return response

    def _obey(self, name: str, argument: str, by: str) -> str:
        """Do what a person says; why not, or ""."""
        now = host_now()
        reason = self._machine.refusal(name, argument, by) or self._not_ready(name, argument)
        if name == "consent" and not reason:
            reason = self._keep_consent(argument, by)
        facts: dict[str, object] = {"command": name, "argument": argument, "by": by}
        if name == "note" and not reason:
            au, take, text = about_take(argument) or (*self._machine.last_take, argument.strip())
            facts |= {"argument": text, "about": {"au": au, "take": take}}
        self._journal.write(
            "command", now, **facts, accepted=not reason, reason=reason, phase=self._machine.phase
        )
        if not reason:
            if name == "start":
                self._takes_before = self._recorder.takes_finished if self._recorder is not None else 0
            for transition in self._machine.command(name, now, argument, by).transitions:
                self._publish(transition)
        return reason

    def _not_ready(self, name: str, argument: str) -> str:
        if name != "start" or argument == "anyway":
            return ""
        if not self._is_ready():
            return _what_is_missing(self._recorder)
        found = self._reds()
        return f"red: {'; '.join(found)} (start anyway begins all the same)" if found else ""

    def _reds(self) -> list[str]:
        """What is red now; nothing where no quality monitor tells."""
        if self._quality is None or time.monotonic() - self._quality[0] > STALE:
            return []
        return reds(self._quality[1])

    def _keep_consent(self, scopes: str, by: str) -> str:
        """Bring a consent to the disk before anything is recorded; why that cannot be done, or ""."""
        try:
            write_consent(self._folder, self._consent(scopes, "page" if by == "subject" else "paper"))
            self._audit("consent", scopes=list(scopes_of(scopes)))
        except EvfaceError as error:
            return str(error)
        return ""

    # --- the clock ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._follow_clock()
        for transition in self._machine.advance(host_now()):
            self._publish(transition)
        self._look_around()

    def _follow_clock(self) -> None:
        """Keep the lengths of phases when somebody sets the host's clock."""
        before, host, after = time.monotonic_ns(), host_now(), time.monotonic_ns()
        if after - before > CLOCK_STEP // 10:
            return  # interrupted between the two: the next look tells
        step, self._clock_offset = host - after - self._clock_offset, host - after
        if abs(step) > CLOCK_STEP:
            self._machine.shift(step)
            self._journal.write("clock", host, step_ns=step)
            print(f"warning: the host's clock was set by {step / SECOND:+.3f} s", flush=True)

    def _look_around(self) -> None:
        """Start when headless and everybody is there; leave when all is over, or nothing can be recorded."""
        phase = self._machine.phase
        recorder = self._recorder
        if self._journal.trouble and not self._complained:
            self._complained = True
            print(f"error: {self._journal.trouble}", file=sys.stderr, flush=True)
        if recorder is not None and recorder.state == "failed":
            self._give_up(f"the recorder failed: {recorder.error}")
        elif phase == "waiting":
            self._wait(recorder)
        elif phase in ("finished", "aborted") and self._all_safe(recorder):
            self._leave(phase)

    def _wait(self, recorder: RecorderStatus | None) -> None:
        ready = self._is_ready()
        if ready and not self._ready:
            self._ready = True
            print("every sensor is heard", flush=True)
        if not self.parameters.headless:
            return
        if ready:
            # Nobody is there to mend what is red: each take's own quality will tell of it.
            self._obey("start", "anyway", "operator")
        elif host_now() - self._born > self.parameters.patience * SECOND:
            self._give_up(_what_is_missing(recorder))

    def _is_ready(self) -> bool:
        """Whether the recorder is ready, and for this session: one that does not hear us records nothing."""
        recorder = self._recorder
        return recorder is not None and recorder.state == "ready" and Path(recorder.folder) == self._folder

    def _all_safe(self, recorder: RecorderStatus | None) -> bool:
        return (
            recorder is not None
            and recorder.safe_to_leave
            and recorder.takes_finished - self._takes_before >= self._takes
        )

    def _leave(self, phase: str) -> None:
        now = time.monotonic_ns()
        if self._safe_since is None:
            self._safe_since = now
            takes = sum(self._machine.takes.values())
            print(f"session over: {takes} takes are safe", flush=True)
            self._audit(f"session {phase}", takes=takes)
        if self.parameters.headless or now - self._safe_since > LINGER:
            self.finish(0 if phase == "finished" else 1)

    def _give_up(self, why: str) -> None:
        if not self.ending.done():
            print(f"error: {why}", file=sys.stderr, flush=True)
            self.finish(2)

    # --- what goes out -----------------------------------------------------------------------------

    def _publish(self, transition: Transition) -> None:
        self._journal.transition(host_now(), transition)
        self._state.publish(self._state_message(transition))
        marker = Marker(
            scheduled=to_time(transition.scheduled),
            name=transition.phase,
            au=transition.au,
            trial=transition.trial,
            take=transition.take,
        )
        marker.header.stamp = to_time(host_now())
        self._marker.publish(marker)
        if transition.phase == "countdown" and transition.recording:
            self._takes += 1
        print(_line(transition), flush=True)

    def _state_message(self, transition: Transition) -> SessionState:
        state = SessionState(
            session=transition.session,
            subject=transition.subject,
            script=transition.script,
            language=transition.language,
            block=transition.block,
            phase=transition.phase,
            duration=to_duration(transition.duration),
            au=transition.au,
            trial=transition.trial,
            trials=transition.trials,
            take=transition.take,
            recording=transition.recording,
            aus=list(transition.aus),
            takes=list(transition.takes),
            commands=list(transition.commands),
            text=transition.text,
            output=self.parameters.output,
        )
        state.header.stamp = to_time(transition.start)
        return state


def _line(transition: Transition) -> str:
    """What the terminal says of a transition."""
    block = "" if transition.block in ("", "main") else f"{transition.block} "
    if transition.au == 0:
        told = [name for name in transition.commands if name in ("confirm", "consent", "decline")]
        waits = f" (say {' or '.join(told)})" if told and not transition.duration else ""
        return f"{transition.phase}{waits}"
    au = action_unit(transition.au)
    take = f" (take {transition.take})" if transition.take > 1 else ""
    where = f"{block}{transition.trial + 1}/{transition.trials}"
    return f"{where}  {au.label} {au.name}{take}: {transition.phase}"


def _what_is_missing(recorder: RecorderStatus | None) -> str:
    if recorder is None:
        return "no recorder answered on /recorder/status"
    if recorder.state == "ready":
        return "the recorder is ready and has not heard of this session on /session/state"
    return (
        f"the recorder is {recorder.state}; nothing came on {', '.join(recorder.waiting_for) or 'any topic'}"
    )


def main() -> None:
    """Entry point of ``ros2 run rig conductor``."""
    sys.exit(run(Conductor))
