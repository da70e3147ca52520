"""A session's folder: who may write it, session.json, and a manifest line per finished take."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path
from typing import IO, Any

from rig.errors import RecordingError
from rig.recording.disk import make_folder, sync
from rig.recording.take import PARTIAL
from rig.recording.truths import TRUTHS

MANIFEST = "manifest.jsonl"


class Manifest:
    """Holds a session's folder for one recorder; lines are appended and synced, never rewritten.

    Args:
        folder: of the session, made if it is not there.
        resume: go on with a session that has takes already.

    Raises:
        RecordingError: the folder cannot be written, another recorder holds it, or it has takes already and
            is not to be resumed.
    """

    def __init__(self, folder: Path, *, resume: bool = False) -> None:
        self.folder = folder
        self.path = folder / MANIFEST
        self._lock: IO[bytes] | None = None
        self._appending = threading.Lock()
        try:
            make_folder(folder)
            self._lock = (folder / ".lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise RecordingError(f"another recorder is writing to {folder}") from error
        except OSError as error:
            self.close()
            raise RecordingError(f"cannot record to {folder}: {error.strerror or error}") from error
        if not resume and _holds_takes(folder):
            self.close()
            raise RecordingError(
                f"{folder} holds a recorded session already: choose another session or folder, or resume it"
            )

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the finished takes; a last one that a crash cut off is left out.

        Raises:
            RecordingError: the manifest cannot be read, or a line is not that of a take.
        """
        return _read_lines(self.path)

    def takes(self) -> set[str]:
        """Names of the finished takes.

        Raises:
            RecordingError: as `lines`.
        """
        return {line["take"] for line in self.lines()}

    def session(self) -> dict[str, Any]:
        """What session.json says, {} where there is none or it is broken."""
        try:
            found = json.loads((self.folder / "session.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write_session(self, facts: dict[str, Any]) -> None:
        """Write session.json anew, whole or not at all.

        Raises:
            RecordingError: the disk is full or gone.
        """
        temporary = self.folder / ".session.json"
        try:
            temporary.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
            sync(temporary)
            os.replace(temporary, self.folder / "session.json")
            sync(self.folder)
        except OSError as error:
            raise RecordingError(f"cannot write session.json in {self.folder}: {error.strerror}") from error

    def append(self, line: dict[str, Any]) -> None:
        """Add the line of a finished take and bring it to the disk; may be called from several threads.

        Raises:
            RecordingError: the disk is full or gone.
        """
        with self._appending:
            _append(self.path, line)

    def append_truth(self, name: str, truth: dict[str, Any]) -> None:
        """Add what a virtual subject did in a take, before the take's own line.

        Args:
            name: of the take.
            truth: see `evface.simulation.subject.truth.truth_of`.

        Raises:
            RecordingError: the disk is full or gone.
        """
        with self._appending:
            _append(self.folder / TRUTHS, {"name": name, **truth})

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _holds_takes(folder: Path) -> bool:
    return (folder / MANIFEST).exists() or any(folder.glob("sub-*")) or any(folder.glob(f"{PARTIAL}/*"))


def _read_lines(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror or error}") from error
    lines: list[dict[str, Any]] = []
    for number, line in enumerate(text.split(b"\n")[:-1], 1):
        try:
            lines.append(_with_take(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise RecordingError(f"{path}:{number}: not the line of a take: {line[:60]!r}") from error
    return lines


def _with_take(line: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(line["take"], str):
        raise TypeError
    return line


def _append(path: Path, line: dict[str, Any]) -> None:
    new = not path.exists()
    try:
        with path.open("ab") as file:
            _cut_torn_line(path, file)
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync(path.parent)
    except OSError as error:
        raise RecordingError(f"cannot write {path}: {error.strerror or error}") from error


def _cut_torn_line(path: Path, file: IO[bytes]) -> None:
    """Take away what a crash left of a line, so that the next one stands alone."""
    whole = path.read_bytes().rfind(b"\n") + 1
    if whole != file.tell():
        file.truncate(whole)
