"""The journal of a session: a line for everything that happened in it, from which it can be taken up again.

``journal.jsonl`` lies in the session's folder. A line is written before anything else happens and reaches
the disk moments later, in a thread: a process that is killed loses nothing, a computer that loses its power
the last moments. A broken last line is cut off when the session is taken up again.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from evface.errors import ConfigError, FormatError
from evface.protocol.script import Script
from evface.protocol.transition import Position, Transition
from evface.validation import validated

JOURNAL = "journal.jsonl"
"""In a session's folder."""

_POSITION = TypeAdapter(Position)
_TAKE = re.compile(r"_task-au(\d+)_run-(\d+)$")


@dataclass(frozen=True, slots=True)
class JournalEnd:
    """What a journal tells to those who take its session up again.

    Attributes:
        script: of the session, texts included.
        position: where it was left.
        opened: how often it was begun or taken up.
    """

    script: Script
    position: Position
    opened: int

    @property
    def over(self) -> bool:
        """The session was finished or stopped."""
        return self.position.stage == "over"

    @property
    def where(self) -> str:
        """Where it was left, for people: "main, AU 12"."""
        aus = self.script.aus_of(self.position.stage)
        at_hand = f", AU {aus[self.position.trial]}" if 0 <= self.position.trial < len(aus) else ""
        return f"{self.position.stage}{at_hand}"


class Journal:
    """Appends lines to a session's journal; for one process at a time.

    Args:
        folder: of the session, made if it is not there.

    Raises:
        ConfigError: another process keeps this journal, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self.path.open("ab")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._cut_off_broken_end()
        except BlockingIOError as error:
            raise ConfigError(f"{self.path}: another conductor leads this session") from error
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written: {error.strerror or error}") from error
        self._news = threading.Event()
        self._closing = False
        self._trouble = ""
        self._syncing = threading.Thread(target=self._sync, name="journal", daemon=True)
        self._syncing.start()

    @property
    def trouble(self) -> str:
        """Why lines do not reach the disk; "" while they do."""
        return self._trouble

    def opened(self, time_ns: int, script: Script, **facts: Any) -> None:
        """The session is begun or taken up, with this script."""
        self.write("opened", time_ns, script=script.model_dump(mode="json"), **facts)

    def transition(self, time_ns: int, transition: Transition) -> None:
        """The session went on; a line for each take that ended comes before its own."""
        for take in transition.ended:
            self.write("take", time_ns, **asdict(take))
        self.write(
            "transition",
            time_ns,
            phase=transition.phase,
            block=transition.block,
            start_ns=transition.start,
            scheduled_ns=transition.scheduled,
            duration_ns=transition.duration,
            au=transition.au,
            trial=transition.trial,
            take=transition.take,
            recording=transition.recording,
            position=asdict(transition.position),
        )

    def write(self, event: str, time_ns: int, **facts: Any) -> None:
        """Add a line.

        Args:
            event: opened, transition, take, command, shown, clock, closed.
            time_ns: host clock, ns.
            facts: whatever JSON can hold.
        """
        line = json.dumps({"event": event, "time_ns": time_ns, **facts}, ensure_ascii=False)
        try:
            self._file.write(line.encode() + b"\n")
            self._file.flush()
        except OSError as error:
            self._trouble = f"{self.path}: cannot be written: {error.strerror or error}"
        self._news.set()

    def close(self) -> None:
        """Bring everything to the disk and let go of the file."""
        self._closing = True
        self._news.set()
        self._syncing.join()
        try:
            self._file.close()
        except OSError as error:  # what could not be written before cannot be now
            self._trouble = f"{self.path}: cannot be written: {error.strerror or error}"

    def _sync(self) -> None:
        while not self._closing:
            self._news.wait()
            self._news.clear()
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                self._trouble = f"{self.path}: not safe on disk: {error.strerror or error}"

    def _cut_off_broken_end(self) -> None:
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            self._file.truncate(content.rfind(b"\n") + 1)


def session_folder(out: Path, subject: str, session: str) -> Path:
    """Where a session is recorded, under the folder of the recordings."""
    return out / f"sub-{subject}" / f"ses-{session}"


def lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of a session's journal, oldest first; a broken last one is left out.

    Raises:
        FormatError: there is none, or a line before the last is broken.
    """
    path = folder / JOURNAL
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror or error}") from error
    whole, _, _ = content.rpartition(b"\n")
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            found = json.loads(line)
        except ValueError as error:
            raise FormatError(f"{path}: line {number} is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise FormatError(f"{path}: line {number}: expected an object, found {type(found).__name__}")
        yield found


def last_words(folder: Path) -> JournalEnd | None:
    """What is needed to take a session up again; None where it was never begun.

    Raises:
        FormatError: the journal is broken before its last line.
        ConfigError: the script in it is not one.
    """
    if not (folder / JOURNAL).exists():
        return None
    script: dict[str, Any] | None = None
    position: Any = None
    opened = 0
    for line in lines(folder):
        if line.get("event") == "opened":
            script, opened = line.get("script"), opened + 1
        elif line.get("event") == "transition":
            position = line.get("position")
    if script is None:
        return None
    try:
        where = Position() if position is None else _POSITION.validate_python(position)
    except ValidationError as error:
        raise FormatError(f"{folder / JOURNAL}: not a position: {position!r}") from error
    return JournalEnd(validated(Script, script, str(folder / JOURNAL)), where, opened)


def taken_on_disk(folder: Path) -> dict[int, int]:
    """The highest number of a take of each Action Unit in a session's folder, unfinished ones included."""
    highest: Counter[int] = Counter()
    for path in (*folder.glob("sub-*"), *folder.glob(".partial/sub-*")):
        found = _TAKE.search(path.name)
        if found:
            au, run = int(found[1]), int(found[2])
            highest[au] = max(highest[au], run)
    return dict(highest)


def redone_takes(folder: Path) -> set[tuple[int, int]]:
    """FACS number and number of each take in whose stead somebody wanted another, complete ones included.

    Raises:
        FormatError: the journal is broken before its last line.
    """
    if not (folder / JOURNAL).exists():
        return set()
    found = set()
    for line in lines(folder):
        au, take = line.get("au"), line.get("take")
        if line.get("outcome") == "redone" and isinstance(au, int) and isinstance(take, int):
            found.add((au, take))
    return found


def unfinished(out: Path, subject: str) -> tuple[str, JournalEnd] | None:
    """The newest session of a subject if it was left before its end: its label and where it was left."""
    folders = sorted((out / f"sub-{subject}").glob("ses-*"))
    if not folders:
        return None
    end = last_words(folders[-1])
    return None if end is None or end.over else (folders[-1].name.removeprefix("ses-"), end)
