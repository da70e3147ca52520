"""Random pseudonyms, and the one file that says whose they are: outside the recordings, its owner's alone."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from evface.errors import FormatError, PrivacyError
from evface.privacy.audit import AUDIT
from evface.privacy.durable import append_line, replace_file
from evface.privacy.tombstones import TOMBSTONES, read_tombstones

LETTERS = "23456789BCDFGHJKLMNPQRSTVWXZ"
"""Of a pseudonym: nothing that is taken for something else, and no vowels, so that it says nothing."""

LENGTH = 4

PRIVATE = 0o600
"""Permissions of the linking file."""

MARKS = (AUDIT, TOMBSTONES, "dataset_description.json", "MANIFEST.sha256", "manifest.jsonl")
"""Files at the root of recordings, a dataset or a session."""


@dataclass(frozen=True, slots=True)
class Link:
    """Who is behind a pseudonym.

    Attributes:
        pseudonym: "K7QW".
        name: of the person.
        issued_ns: ns, host clock.
    """

    pseudonym: str
    name: str
    issued_ns: int


class LinkingFile:
    """The file that links pseudonyms to names: a JSON object a line.

    Args:
        path: of the file; it need not exist yet.

    Raises:
        PrivacyError: it would lie inside recordings or a dataset, or others may read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        inside = next((folder for folder in self.path.parents if _holds_recordings(folder)), None)
        if inside is not None:
            raise PrivacyError(
                f"{self.path}: the linking file must not lie with recordings or data ({inside})"
            )
        self._check_mode()

    def _check_mode(self) -> None:
        if not self.path.exists():
            return
        found = self.path.stat()
        mode = stat.S_IMODE(found.st_mode)
        if mode & ~PRIVATE:
            raise PrivacyError(f"{self.path}: others may read names (mode {mode:04o}): chmod 600 {self.path}")
        if found.st_uid != os.geteuid():
            raise PrivacyError(f"{self.path}: belongs to another user")

    def links(self) -> list[Link]:
        """Everybody in the file.

        Raises:
            FormatError: a line is broken.
            PrivacyError: the file cannot be read.
        """
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise PrivacyError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        found = []
        for number, line in enumerate(lines, 1):
            try:
                found.append(Link(**json.loads(line)))
            except (ValueError, TypeError) as error:
                # Without the line itself: it may hold a name.
                raise FormatError(f"{self.path}:{number}: not a line of a linking file") from error
        return found

    def issue(self, name: str, *roots: Path) -> str:
        """A new pseudonym for a person; on the disk when this returns.

        Args:
            name: of the person, as the consent form has it.
            roots: folders of recordings and datasets, whose pseudonyms are not used again.

        Raises:
            PrivacyError: the person has a pseudonym already, or the file cannot be written.
            FormatError: the file is broken.
        """
        name = " ".join(name.split())
        if not name:
            raise PrivacyError("a pseudonym needs a name to stand for")
        with self._locked():
            links = self.links()
            for link in links:
                if link.name.casefold() == name.casefold():
                    raise PrivacyError(f"this person is sub-{link.pseudonym} already")
            used = {link.pseudonym for link in links}.union(*map(_used, roots))
            pseudonym = _random(used)
            append_line(
                self.path, json.dumps(asdict(Link(pseudonym, name, time.time_ns())), ensure_ascii=False)
            )
        return pseudonym

    def forget(self, pseudonym: str) -> bool:
        """Take a person out of the file.

        Returns:
            Whether the pseudonym was in it.

        Raises:
            PrivacyError: the file cannot be written.
            FormatError: the file is broken.
        """
        if not self.path.exists():
            return False
        with self._locked():
            links = self.links()
            left = [link for link in links if link.pseudonym != pseudonym]
            if len(left) < len(links):
                lines = [json.dumps(asdict(link), ensure_ascii=False) + "\n" for link in left]
                replace_file(self.path, "".join(lines), PRIVATE)
        return len(left) < len(links)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time; the file exists, private, when the block begins."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, PRIVATE)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE))
                self._check_mode()
                yield
            finally:
                os.close(lock)
        except OSError as error:
            raise PrivacyError(f"{self.path}: cannot be written: {error.strerror or error}") from error


def _holds_recordings(folder: Path) -> bool:
    """Whether a folder is one of recordings, of a session or a dataset."""
    try:
        return any((folder / mark).exists() for mark in MARKS) or any(folder.glob("sub-*/ses-*"))
    except OSError:
        return False


def _used(root: Path) -> set[str]:
    return {path.name.removeprefix("sub-") for path in root.glob("sub-*")} | set(read_tombstones(root))


def _random(used: set[str]) -> str:
    while True:
        pseudonym = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
        if pseudonym not in used:
            return pseudonym
