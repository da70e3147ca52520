"""A session's folder: who may write it, session.json, and a manifest line per finished take."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from rig.errors import RecordingError
from rig.recording.truths import TRUTHS


class Manifest:
    """Holds a session's folder for one recorder; lines are appended and synced, never rewritten.

    Args:
        folder: of the session, made if it is not there.

    Raises:
        RecordingError: the folder cannot be written, another recorder holds it, or it has takes already.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "manifest.jsonl"
        self._lock: IO[bytes] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / ".lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecordingError(f"another recorder is writing to {folder}") from error
        except OSError as error:
            raise RecordingError(f"cannot record to {folder}: {error.strerror or error}") from error
        if self.path.exists() or any(folder.glob("sub-*")):
            self.close()
            raise RecordingError(
                f"{folder} holds a recorded session already: choose another session or folder"
            )

    def write_session(self, facts: dict[str, Any]) -> None:
        """Write session.json anew, whole or not at all."""
        temporary = self.folder / ".session.json"
        try:
            temporary.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
            os.replace(temporary, self.folder / "session.json")
        except OSError as error:
            raise RecordingError(f"cannot write session.json in {self.folder}: {error.strerror}") from error

    def append(self, line: dict[str, Any]) -> None:
        """Add the line of a finished take and bring it to the disk.

        Raises:
            RecordingError: the disk is full or gone.
        """
        _append(self.path, line)

    def append_truth(self, name: str, truth: dict[str, Any]) -> None:
        """Add what a virtual subject did in a take, before the take's own line.

        Args:
            name: of the take.
            truth: see `evface.simulation.subject.truth.truth_of`.

        Raises:
            RecordingError: the disk is full or gone.
        """
        _append(self.folder / TRUTHS, {"name": name, **truth})

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _append(path: Path, line: dict[str, Any]) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RecordingError(f"cannot write {path}: {error.strerror or error}") from error
