"""Files that a power cut leaves whole: written beside and renamed, or appended, and synced either way."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, content: str, mode: int = 0o666) -> None:
    """Write a file so that it is there whole or as it was before.

    Args:
        path: of the file; its folder must exist.
        content: text, UTF-8.
        mode: permissions of the new file, less the umask.

    Raises:
        OSError: the disk is full or gone, or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.partial")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Append a line and bring it to the disk.

    Raises:
        OSError: the disk is full or gone, or the file cannot be written.
    """
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
