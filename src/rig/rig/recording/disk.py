"""The disk: room on it, and names and bytes that are really there."""

from __future__ import annotations

import os
import threading
from pathlib import Path

SYNC_EVERY = 0.5
"""s between two times that what was written is brought to the disk."""


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written to the file system of an existing folder.

    Raises:
        OSError: the folder is gone.
    """
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def sync(path: Path) -> None:
    """Bring a file's bytes, or a folder's names, to the disk.

    Raises:
        OSError: it is not there, or the disk is gone.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder with those above it, and bring the names of the new ones to the disk.

    Raises:
        OSError: it cannot be made.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync(path.parent)


class SteadySync:
    """Brings what is written to a file to the disk, again and again, while others go on writing to it.

    Whoever writes would stand still for as long as the disk takes, and what waits for him would be lost if
    the process was killed; what he has written is the kernel's, and stays.

    Args:
        descriptor: of the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ending = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.wait(SYNC_EVERY):
            try:
                os.fdatasync(self._descriptor)
            except OSError as error:
                self._error = error
                return

    def check(self) -> None:
        """See that all went well.

        Raises:
            OSError: the disk refused what it had seemed to take.
        """
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """Stop; the file may be closed afterwards."""
        self._ending.set()
        self._thread.join()
