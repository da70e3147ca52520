"""A session's takes from the first state to the manifest, with a real disk and no node."""

from __future__ import annotations

import array
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evface.errors import PrivacyError
from evface.privacy import Consent, read_audit, write_consent
from rig.errors import RecordingError
from rig.recording import TakeWriter, Truths
from rig.recording.bag import BagWriter
from rig.recording.facts import TakeFacts
from rig.recording.scribe import Budget, Scribe
from rig.recording.session import RecordingSession
from rig.recording.statistics import frame_gaps
from rig.recording.take import PARTIAL, take_name
from rig.recording.topics import MARKER, STATE
from rig.stamps import SteadyClock

TOPICS = {STATE: "rig_interfaces/msg/SessionState", MARKER: "rig_interfaces/msg/Marker"}
CONSENT = Consent(version="1", scopes=("research",), given_ns=0, how="virtual")
MESSAGE = b"\x00\x01\x00\x00" + bytes(1000)


def state(out: Path, phase: str, take: int = 1, seconds: int = 100) -> Any:
    """What the session says; the recorder asks no more of it than these fields."""
    return SimpleNamespace(
        header=SimpleNamespace(stamp=SimpleNamespace(sec=seconds, nanosec=0)),
        duration=SimpleNamespace(sec=5, nanosec=0),
        recording=phase in ("countdown", "perform", "rest"),
        phase=phase, au=12, trial=0, take=take, trials=1, aus=[12], subject="S01", session="01",
        script="fast", language="en", block="main", output=str(out),
    )  # fmt: skip


def begin(out: Path, resume: bool = False, reserve: int = 1, consent: bool = True) -> RecordingSession:
    if consent:
        write_consent(out / "sub-S01" / "ses-01", CONSENT)
    return RecordingSession(
        state(out, "waiting"), resume=resume, topics=TOPICS, budget=Budget(1 << 20), reserve=reserve,
        truths=Truths(), required=[],
    )  # fmt: skip


def record(session: RecordingSession, out: Path, take: int = 1) -> None:
    opened = session.open_take(state(out, "countdown", take), MESSAGE, [])
    opened.put(MARKER, time.monotonic_ns(), MESSAGE)
    opened.facts.follow(state(out, "rest", take, seconds=105))
    opened.facts.follow(state(out, "settle", take, seconds=106))
    session.close_take(opened)


def lines(out: Path) -> list[dict[str, Any]]:
    path = out / "sub-S01" / "ses-01" / "manifest.jsonl"
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_a_take_is_in_the_manifest_when_its_session_is_closed(tmp_path: Path) -> None:
    session = begin(tmp_path)
    record(session, tmp_path)
    assert session.close() == ""
    (line,) = lines(tmp_path)
    assert (line["outcome"], line["messages"], line["block"]) == ("complete", 2, "main")
    assert line["ended_ns"] == 106 * 10**9
    assert [entry.event for entry in read_audit(tmp_path)] == ["take finished"]
    facts = json.loads((session.folder / "session.json").read_text())
    assert (facts["script"], facts["language"], facts["aus"]) == ("fast", "en", [12])


def test_a_session_is_resumed_and_what_was_torn_is_kept(tmp_path: Path) -> None:
    session = begin(tmp_path)
    record(session, tmp_path)
    session.close()
    folder = session.folder
    torn = TakeWriter(folder, take_name("S01", "01", 12, 2), TOPICS)
    torn.write(MARKER, 1, MESSAGE)
    torn.flush()
    torn.abandon()
    with pytest.raises(RecordingError, match="resume it"):
        begin(tmp_path)
    session = begin(tmp_path, resume=True)
    assert [entry.did for entry in session.mended] == ["repaired"]
    assert session.finished == 2
    record(session, tmp_path, take=3)
    session.close()
    assert [line["outcome"] for line in lines(tmp_path)] == ["complete", "interrupted", "complete"]


def test_a_take_whose_name_is_there_gets_the_next_number(tmp_path: Path) -> None:
    session = begin(tmp_path)
    record(session, tmp_path)
    record(session, tmp_path)
    session.close()
    assert sorted((line["run"], line.get("announced_take")) for line in lines(tmp_path)) == [
        (1, None),
        (2, 1),
    ]


def test_no_take_begins_on_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    session = begin(tmp_path, reserve=1 << 60)
    with pytest.raises(RecordingError, match=r"nearly full: \d+ MiB free"):
        session.open_take(state(tmp_path, "countdown"), MESSAGE, [])
    assert not list(session.folder.glob(f"{PARTIAL}/*"))
    session.close()


def test_nobody_is_recorded_without_consent(tmp_path: Path) -> None:
    session = begin(tmp_path, consent=False)
    with pytest.raises(PrivacyError, match="no consent"):
        session.open_take(state(tmp_path, "countdown"), MESSAGE, [])
    session.close()


def test_a_take_that_was_left_early_is_interrupted_and_one_that_was_performed_is_complete() -> None:
    early = TakeFacts(state(Path(), "countdown"), 1)
    early.follow(state(Path(), "perform", seconds=105))
    early.follow(state(Path(), "demonstration", seconds=107))
    whole = TakeFacts(state(Path(), "countdown"), 1)
    whole.follow(state(Path(), "perform", seconds=105))
    whole.follow(state(Path(), "demonstration", seconds=110))
    again = TakeFacts(state(Path(), "countdown"), 1)
    again.follow(state(Path(), "countdown", take=2, seconds=103))
    assert [facts.outcome for facts in (early, whole, again)] == ["interrupted", "complete", "redone"]


class Stall:
    """Holds up the disk until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.over = threading.Event()
        write: Callable[..., None] = BagWriter.write

        def wait_and_write(bag: BagWriter, *message: Any) -> None:
            self.over.wait(20.0)
            write(bag, *message)

        monkeypatch.setattr(BagWriter, "write", wait_and_write)


def test_a_disk_that_stalls_is_felt_by_the_queue_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = Budget(10 * len(MESSAGE))
    scribe = Scribe(TakeWriter(tmp_path, "take", TOPICS), budget)
    stall = Stall(monkeypatch)
    begun = time.monotonic()
    taken = [scribe.put(MARKER, index, MESSAGE) for index in range(30)]
    assert time.monotonic() - begun < 5.0
    assert 10 <= sum(taken) <= 11  # one may be on its way to the disk
    assert budget.used <= budget.limit
    stall.over.set()
    home: list[dict[str, Any]] = []
    scribe.finish({}, home.append)
    scribe.join()
    assert (home[0]["messages"], home[0]["dropped"]) == (sum(taken), 30 - sum(taken))
    assert budget.used == 0


def test_a_disk_that_refuses_ends_the_take_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    budget = Budget(1 << 20)
    scribe = Scribe(TakeWriter(tmp_path, "take", TOPICS), budget)
    monkeypatch.setattr(BagWriter, "write", refuse)
    scribe.put(MARKER, 0, MESSAGE)
    scribe.finish({}, lambda line: pytest.fail("it was not finished"))
    scribe.join()
    assert "No space left on device" in scribe.error
    assert not scribe.put(MARKER, 1, MESSAGE)
    assert budget.used == 0


def test_the_recorders_clock_goes_on_evenly_when_the_hosts_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteadyClock()
    real = time.time_ns
    before = clock.at(time.monotonic_ns())
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3600 * 10**9)
    assert 0 <= clock.at(time.monotonic_ns()) - before < 10**9
    assert clock.step == pytest.approx(-3600 * 10**9, abs=10**9)


def test_pictures_that_are_missing_are_counted_by_their_intervals() -> None:
    stamps = array.array("q", [k * 25_000_000 for k in range(40) if k not in (10, 20, 21)])
    assert frame_gaps(stamps) == {"missing_frames": 3, "interval_p50_ms": 25.0, "interval_p99_ms": 66.25}
    assert frame_gaps(array.array("q", [1, 2])) == {}
