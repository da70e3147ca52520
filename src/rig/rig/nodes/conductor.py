"""Walks the protocol: publishes /session/state and a marker per cue, obeys ~/command.

The protocol itself is evface's pure state machine; this node gives it the clock and the wire.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel, Field
from rclpy.node import Node
from rclpy.timer import Timer

from evface.protocol import SessionMachine, Transition, action_unit, load_script
from rig.parameters import declare
from rig.spinning import Process, run
from rig.stamps import SECOND, host_now, to_duration, to_time
from rig.transport import LATCHED_QOS, SMALL_QOS
from rig_interfaces.msg import Marker, RecorderStatus, SessionState
from rig_interfaces.srv import SessionCommand

TICK = 0.005
"""s between two looks at the clock: a cue is at most this late."""


class ConductorParameters(BaseModel):
    """Parameters of the conductor."""

    script: str = Field(default="", description="protocol script, a YAML file")
    subject: str = Field(default="S01", description="pseudonym of the subject", pattern=r"^[A-Za-z0-9]+$")
    session: str = Field(default="01", description="label of the session", pattern=r"^[A-Za-z0-9]+$")
    output: str = Field(default="", description="folder of the recordings")
    aus: list[int] = Field(default=[], description="FACS numbers to elicit; empty: those of the script")
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
        script = load_script(Path(self.parameters.script))
        if self.parameters.aus:
            script = script.with_aus(self.parameters.aus)
        self._machine = SessionMachine(
            script, subject=self.parameters.subject, session=self.parameters.session
        )
        self._recorder: RecorderStatus | None = None
        self._born = host_now()
        self._takes = 0
        self._ready = False
        self._state = self.create_publisher(SessionState, "/session/state", LATCHED_QOS)
        self._marker = self.create_publisher(Marker, "/session/marker", SMALL_QOS)
        self.create_subscription(RecorderStatus, "/recorder/status", self._on_recorder, LATCHED_QOS)
        self.create_service(SessionCommand, "~/command", self._on_command)
        self._timer: Timer = self.create_timer(TICK, self._tick)

    def start(self) -> None:
        """Latch the first state."""
        self._publish(self._machine.transition(host_now()))

    def _on_recorder(self, status: RecorderStatus) -> None:
        self._recorder = status

    def _on_command(
        self, request: SessionCommand.Request, response: SessionCommand.Response
    ) -> SessionCommand.Response:
        answer = self._machine.command(request.command, host_now())
        response.accepted, response.reason = answer.accepted, answer.reason
        for transition in answer.transitions:
            self._publish(transition)
        return response

    def _tick(self) -> None:
        for transition in self._machine.advance(host_now()):
            self._publish(transition)
        self._look_around()

    def _look_around(self) -> None:
        """Start when headless and everybody is there; leave when all is over, or nothing can be recorded."""
        phase = self._machine.phase
        recorder = self._recorder
        if recorder is not None and recorder.state == "failed":
            self._give_up(f"the recorder failed: {recorder.error}")
        elif phase == "waiting":
            self._wait(recorder)
        elif phase in ("finished", "aborted") and self._all_safe(recorder):
            print(f"session over: {self._takes} takes are safe", flush=True)
            self.finish(0 if phase == "finished" else 1)

    def _wait(self, recorder: RecorderStatus | None) -> None:
        ready = recorder is not None and recorder.state == "ready"
        if ready and not self._ready:
            self._ready = True
            print("every sensor is heard", flush=True)
        if not self.parameters.headless:
            return
        if ready:
            for transition in self._machine.command("start", host_now()).transitions:
                self._publish(transition)
        elif host_now() - self._born > self.parameters.patience * SECOND:
            self._give_up(_what_is_missing(recorder))

    def _all_safe(self, recorder: RecorderStatus | None) -> bool:
        return recorder is not None and recorder.safe_to_leave and recorder.takes_finished >= self._takes

    def _give_up(self, why: str) -> None:
        if not self.ending.done():
            print(f"error: {why}", file=sys.stderr, flush=True)
            self.finish(2)

    def _publish(self, transition: Transition) -> None:
        state = SessionState(
            session=self.parameters.session,
            subject=self.parameters.subject,
            phase=transition.phase,
            duration=to_duration(transition.duration),
            au=transition.au,
            trial=transition.trial,
            trials=transition.trials,
            take=transition.take,
            recording=transition.recording,
            text=transition.text,
            output=self.parameters.output,
        )
        state.header.stamp = to_time(transition.start)
        self._state.publish(state)
        marker = Marker(
            scheduled=to_time(transition.scheduled),
            name=transition.phase,
            au=transition.au,
            trial=transition.trial,
            take=transition.take,
        )
        marker.header.stamp = to_time(host_now())
        self._marker.publish(marker)
        if transition.phase == "countdown":
            self._takes += 1
        print(_line(transition), flush=True)


def _line(transition: Transition) -> str:
    if transition.au == 0:
        return transition.phase
    au = action_unit(transition.au)
    take = f" (take {transition.take})" if transition.take > 1 else ""
    return f"{transition.trial + 1}/{transition.trials}  {au.label} {au.name}{take}: {transition.phase}"


def _what_is_missing(recorder: RecorderStatus | None) -> str:
    if recorder is None:
        return "no recorder answered on /recorder/status"
    return (
        f"the recorder is {recorder.state}; nothing came on {', '.join(recorder.waiting_for) or 'any topic'}"
    )


def main() -> None:
    """Entry point of ``ros2 run rig conductor``."""
    sys.exit(run(Conductor))
