"""Shared memory of Fast DDS whose process was killed: a new process that meets it may wait for ever."""

from __future__ import annotations

import fcntl
import re
import time
from contextlib import suppress
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")

LOCK = re.compile(r"(fastdds_(?:port\d{1,5}|[0-9a-z]{16}))_[es]l")
"""Of a segment or a port: held by its process as long as that lives."""

YOUNG = 10.0
"""s after which a file that nobody holds is nobody's: a process that begins makes it first, then holds it."""


def clear_leftovers(folder: Path = SHARED_MEMORY) -> int:
    """Remove segments and ports whose processes are gone, as Fast DDS's own ``fastdds shm clean`` does.

    Args:
        folder: where shared memory lies.

    Returns:
        How many were removed.
    """
    removed = 0
    for lock in folder.glob("fastdds_*_[es]l") if folder.is_dir() else ():
        found = LOCK.fullmatch(lock.name)
        # Somebody else's files, or one that goes meanwhile, are left as they are.
        with suppress(OSError):
            if found is None or time.time() - lock.stat().st_mtime < YOUNG or _is_held(lock):
                continue
            for name in (found[1], f"sem.{found[1]}_mutex", lock.name):
                (folder / name).unlink(missing_ok=True)
            removed += 1
    return removed


def _is_held(lock: Path) -> bool:
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
