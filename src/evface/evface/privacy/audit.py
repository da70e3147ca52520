"""The audit log: who was recorded, exported and withdrawn when, in lines that a later change would break.

``audit.jsonl`` lies in the folder of the recordings. Each line names its own SHA-256 and that of the line
before, so a line that is changed, put in, taken out or moved breaks the chain from there on. Lines cut off at
the end leave a chain that is whole but shorter, and whoever may write the file can write a new chain: only a
``head`` that was noted elsewhere tells of that.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evface.errors import FormatError, PrivacyError
from evface.privacy.durable import sync_folder

AUDIT = "audit.jsonl"
"""In the folder of the recordings."""

BEGIN = "0" * 64
"""What the first line names as the one before it."""

TAIL = 1 << 16
"""bytes that are read to find the last line."""

LONGEST = 1 << 14
"""bytes of a line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log.

    Attributes:
        number: from 0.
        time_ns: ns, host clock, when it was written.
        event: what happened, such as "consent".
        facts: more about it: subject, session, take, scopes.
        hash: SHA-256 of the line and, through it, of all lines before.
    """

    number: int
    time_ns: int
    event: str
    facts: dict[str, Any]
    hash: str


def audit(out: Path, event: str, **facts: Any) -> Entry:
    """Append a line to the log of a folder of recordings; on the disk when this returns.

    Any number of processes may do so at once. A line that a power cut tore stays where it is; the next one
    names its bytes, so that nobody can pass off a change as a power cut.

    Args:
        out: folder of the recordings; made if it is not there.
        event: what happened, such as "consent".
        facts: more about it; pseudonyms, never names.

    Returns:
        What was written.

    Raises:
        PrivacyError: the log cannot be written, the facts are no JSON, or they are too long for a line.
    """
    path = out / AUDIT
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            entry, line = _next(path, _tail(handle), event, facts)
            _write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)
        if entry.number == 0:
            sync_folder(out)
    except OSError as error:
        raise PrivacyError(f"{path}: cannot be written: {error.strerror or error}") from error
    return entry


def _tail(handle: int) -> bytes:
    size = os.lseek(handle, 0, os.SEEK_END)
    return os.pread(handle, TAIL, max(0, size - TAIL))


def _write(handle: int, line: bytes) -> None:
    while line:
        line = line[os.write(handle, line) :]


def _next(path: Path, tail: bytes, event: str, facts: dict[str, Any]) -> tuple[Entry, bytes]:
    """The line that follows a log's last bytes."""
    whole, _, torn = tail.rpartition(b"\n")
    unended = torn
    if torn and _is_object(torn):
        # Only its end of line is missing.
        whole, torn = tail, b""
    number, previous = 0, BEGIN
    for line in reversed(whole.split(b"\n")):
        try:
            last = json.loads(line)
            number, previous = int(last["n"]) + 1, str(last["hash"])
            break
        except (ValueError, KeyError, TypeError):
            continue  # torn earlier
    else:
        if whole:
            raise PrivacyError(f"{path}: holds no line of an audit log; move it away and look into it")
    body: dict[str, Any] = {"n": number, "time_ns": time.time_ns(), "event": event, **facts}
    if torn:
        body["torn"] = hashlib.sha256(torn).hexdigest()
    body["previous"] = previous
    try:
        body["hash"] = _digest(body)
        line = json.dumps(body, ensure_ascii=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise PrivacyError(f"{path}: cannot log {event!r}: {error}") from error
    if len(line) > LONGEST:
        raise PrivacyError(f"{path}: cannot log {event!r}: {len(line)} bytes, at most {LONGEST}")
    return _entry(body), (b"\n" if unended else b"") + line


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _digest(body: dict[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _entry(body: dict[str, Any]) -> Entry:
    facts = {key: value for key, value in body.items() if key not in _OWN}
    return Entry(body["n"], body["time_ns"], body["event"], facts, body["hash"])


_OWN = {"n", "time_ns", "event", "hash", "previous", "torn"}


def read_audit(out: Path, head: str = "") -> list[Entry]:
    """The log of a folder of recordings, checked line by line.

    Args:
        out: folder of the recordings.
        head: a hash that was noted earlier: the log must hold it. "": nothing was noted.

    Raises:
        FormatError: there is no log, or it was changed: the first line that does not follow is named.
    """
    path = out / AUDIT
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise FormatError(f"{path}: no audit log: {error.strerror or error}") from error
    entries: list[Entry] = []
    torn: tuple[int, str] | None = None
    for number, line in enumerate(lines, 1):
        if number == len(lines) and not line:
            break
        if not _is_object(line):
            _refuse_torn(path, torn)
            torn = number, hashlib.sha256(line).hexdigest()
            continue
        body = json.loads(line)
        _check(path, number, body, entries, torn)
        torn = None
        entries.append(_entry(body))
    if torn is not None and torn[0] != len(lines):
        _refuse_torn(path, torn)
    if head and all(entry.hash != head for entry in entries):
        raise FormatError(f"{path}: no line has the hash {head}: lines were cut off, or the log was replaced")
    return entries


def _refuse_torn(path: Path, torn: tuple[int, str] | None) -> None:
    if torn is not None:
        raise FormatError(f"{path}:{torn[0]}: not a line of the log, and the next one does not know of it")


def _check(
    path: Path, number: int, body: dict[str, Any], before: list[Entry], torn: tuple[int, str] | None
) -> None:
    """Whether a line follows the ones before it."""
    if body.get("torn") != (torn[1] if torn else None):
        _refuse_torn(path, torn)
        raise FormatError(f"{path}:{number}: speaks of a torn line before it, and there is none")
    expected = len(before), before[-1].hash if before else BEGIN
    if (body.get("n"), body.get("previous")) != expected:
        raise FormatError(
            f"{path}:{number}: does not follow the line before: a line is missing, new or moved"
        )
    content = {key: value for key, value in body.items() if key != "hash"}
    if body.get("hash") != _digest(content) or not isinstance(body.get("event"), str):
        raise FormatError(f"{path}:{number}: was changed after it was written")
