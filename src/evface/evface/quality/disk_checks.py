"""The disk: room for two sessions, and fast enough."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from evface.quality.finding import Check, Level
from evface.quality.thresholds import Thresholds

BLOCK = 16 << 20
"""bytes that are written and synced at a time to measure a disk."""


def free_space(folder: Path) -> int:
    """bytes free where a folder is, or will be.

    Raises:
        OSError: the file system cannot be asked.
    """
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def measured_speed(folder: Path, size: int = 64 << 20, patience: float = 2.0) -> float:
    """bytes/s that a folder takes until they are on the disk; the file is gone afterwards.

    Args:
        folder: where; made if it is not there.
        size: bytes to write, not all alike.
        patience: s after which a slow disk has written enough.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    block = os.urandom(BLOCK)
    written = 0
    with tempfile.TemporaryFile(dir=folder) as file:
        start = time.perf_counter()
        while written < size and time.perf_counter() - start < patience:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
            written += BLOCK
        return written / (time.perf_counter() - start)


def disk_space(free: int, need: float, t: Thresholds) -> Check:
    """Whether the sessions to come have room.

    Args:
        free: bytes.
        need: bytes/s that a take writes; NaN: not known yet.
        t: how long a session is and how many must fit.
    """
    value = f"{free / 1e9:.1f} GB free"
    if need != need:
        return Check("disk space", Level.UNKNOWN, value, f"room for {t.sessions:g} sessions")
    session = need * t.session_length
    expected = f"{t.sessions * session / 1e9:.1f} GB: {t.sessions:g} sessions of {session / 1e9:.1f} GB"
    if free > t.sessions * session:
        return Check("disk space", Level.GREEN, value, expected)
    return Check("disk space", Level.RED, value, expected, "make room, or record to another disk")


def write_speed(speed: float, need: float, t: Thresholds) -> Check:
    """Whether the disk is fast enough.

    Args:
        speed: bytes/s measured; NaN: not measured.
        need: bytes/s that a take writes; NaN: not known yet.
        t: how many times faster it must be.
    """
    value = "not measured" if speed != speed else f"{speed / 1e6:.0f} MB/s"
    if speed != speed or need != need:
        return Check("write speed", Level.UNKNOWN, value, f"{t.write_speed:g} x the need")
    expected = f"above {t.write_speed * need / 1e6:.0f} MB/s"
    if speed > t.write_speed * need:
        return Check("write speed", Level.GREEN, value, expected)
    return Check("write speed", Level.RED, value, expected, "record to a faster disk")


def volume(state: str, detail: str) -> Check:
    """Whether faces are kept on an encrypted volume; never red.

    Args:
        state: encrypted, plain or unknown.
        detail: a sentence about it.
    """
    level = {"encrypted": Level.GREEN, "plain": Level.AMBER}.get(state, Level.UNKNOWN)
    return Check("volume", level, state, "encrypted", detail if level == Level.AMBER else "")
