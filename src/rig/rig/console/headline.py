"""The one line that says where the session stands, and whether it is safe to leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evface.protocol import ACTION_UNITS
from rig.console.listening import Heard
from rig.console.wording import seconds
from rig.stamps import to_ns
from rig_interfaces.msg import RecorderStatus, SessionState

STALE = 3.5
"""s of silence after which what the recorder or a camera said last is no longer believed."""

Tone = Literal["unknown", "idle", "ready", "talk", "record", "pause", "done", "bad"]
"""How a page draws the line; its words say the same."""

AU_NAMES = {au.number: au.name for au in ACTION_UNITS}

_SAID = {
    "introduction": "Introduction",
    "consent": "Waiting for the subject's consent",
    "description": "Explaining",
    "settle": "Subject settles",
    "demonstration": "Showing",
    "countdown": "Recording",
    "perform": "Recording",
    "rest": "Recording",
    "paused": "Paused",
    "finished": "Session finished",
    "aborted": "Session stopped",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """The large line.

    Attributes:
        tone: how it is drawn.
        title: what is going on.
        detail: more of it, or what to do.
    """

    tone: Tone
    title: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Safety:
    """Whether whatever was recorded so far is on the disk.

    Attributes:
        safe: None when nobody knows.
        why: in words.
    """

    safe: bool | None
    why: str


def headline(heard: Heard, now: float) -> Headline:
    """What is going on; trouble comes first.

    Args:
        heard: what the rig said.
        now: s, monotonic.
    """
    if heard.recorder is not None and heard.recorder[1].state == "failed":
        return Headline("bad", "The recorder has failed", heard.recorder[1].error)
    if heard.state is None:
        return Headline("unknown", "No session is running", "The conductor has not been heard.")
    state = heard.state[1]
    silent = silence(heard, now)
    if silent and state.phase not in ("finished", "aborted"):
        return Headline("bad", "The recorder is silent", silent)
    recorder = heard.recorder[1] if heard.recorder else None
    if state.phase == "waiting":
        return _waiting(heard, recorder)
    return _under_way(state)


def silence(heard: Heard, now: float) -> str:
    """A sentence about a recorder that does not speak; "" while it does."""
    if heard.recorder is None:
        return "The recorder has not been heard."
    gone = now - heard.recorder[0]
    return f"The recorder has been silent for {seconds(gone)}." if gone > STALE else ""


def _waiting(heard: Heard, recorder: RecorderStatus | None) -> Headline:
    if recorder is not None and recorder.waiting_for:
        return Headline(
            "idle", "Waiting for the sensors", "Nothing came yet on " + ", ".join(recorder.waiting_for)
        )
    report = heard.quality[1] if heard.quality else None
    if report is not None and report.level == 2:
        reds = [check for check in report.checks if check.level == 2]
        return Headline(
            "idle",
            "Not ready",
            f"{len(reds)} {'checks are' if len(reds) > 1 else 'check is'} red; the reasons are below.",
        )
    return Headline("ready", "Ready", "Every sensor is heard. Start when the subject is.")


def _under_way(state: SessionState) -> Headline:
    title = _SAID.get(state.phase, state.phase)
    if state.au and state.phase != "paused":
        title = f"{title} AU {state.au} {AU_NAMES.get(state.au, '')}"
    detail = []
    if state.au:
        detail += [f"trial {state.trial + 1} of {state.trials}", f"take {max(1, state.take)}"]
    if state.block and state.block != "main":
        detail.append(state.block)
    if state.recording:
        detail.append({"countdown": "countdown", "perform": "performing", "rest": "resting"}[state.phase])
    return Headline(_tone(state), title, " · ".join(detail))


def _tone(state: SessionState) -> Tone:
    if state.recording:
        return "record"
    tones: dict[str, Tone] = {"paused": "pause", "finished": "done", "aborted": "done"}
    return tones.get(state.phase, "talk")


def safety(heard: Heard, now: float) -> Safety:
    """Whether the operator may leave, or pull the plug, and lose nothing.

    Args:
        heard: what the rig said.
        now: s, monotonic.
    """
    silent = silence(heard, now)
    if heard.recorder is None or silent:
        return Safety(None, "The recorder does not say." if heard.recorder else silent)
    recorder = heard.recorder[1]
    if recorder.error:
        return Safety(False, recorder.error)
    if heard.state is not None:
        state = heard.state[1]
        if state.recording:
            return Safety(False, "A take is being recorded.")
        # What the recorder said before it heard of the end of a take says nothing about that take.
        if to_ns(recorder.header.stamp) < to_ns(state.header.stamp):
            return Safety(None, "The recorder has not spoken since.")
    if not recorder.safe_to_leave:
        return Safety(False, "A take is being brought to the disk.")
    count = recorder.takes_finished
    return Safety(
        True,
        f"{count} {'take is' if count == 1 else 'takes are'} on the disk."
        if count
        else "Nothing is unsaved.",
    )
