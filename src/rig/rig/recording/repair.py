"""What a crash left behind becomes bags again: each with a summary, a name and a line in the manifest."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rosbags.serde import SerdeError

from evface.dataset.naming import TakeId
from evface.dataset.progress import Progress, silent
from evface.errors import DatasetError, FormatError
from rig.errors import RecordingError
from rig.recording.bag import write_metadata
from rig.recording.contents import head
from rig.recording.definitions import typestore
from rig.recording.facts import State, TakeFacts
from rig.recording.manifest import Manifest
from rig.recording.scan import BagScan
from rig.recording.statistics import TopicStatistics
from rig.recording.take import PARTIAL, give_name, manifest_line
from rig.recording.topics import STATE
from rig.stamps import host_now

Did = Literal["repaired", "adopted", "empty", "failed"]
"""A torn bag got its end; a whole one its line; it has no message; it could not be done."""


@dataclass(frozen=True)
class Mended:
    """What became of one unfinished take.

    Attributes:
        take: its name.
        did: what was done, or with a dry run what would be.
        detail: for whoever reads it.
    """

    take: str
    did: Did
    detail: str


def sessions_below(path: Path) -> list[Path]:
    """Folders of sessions: the one given, or those below a subject's folder or a folder of recordings.

    Raises:
        RecordingError: there is none.
    """
    if not path.is_dir():
        raise RecordingError(f"no folder {path}")
    path = path.resolve()
    if path.name.startswith("ses-"):
        return [path]
    found = sorted({*path.glob("ses-*"), *path.glob("sub-*/ses-*")})
    if not found:
        raise RecordingError(f"{path}: no session in it, expected sub-*/ses-*")
    return found


def repair_session(manifest: Manifest, *, dry: bool = False, progress: Progress = silent) -> list[Mended]:
    """Finish what no recorder will finish any more; takes that have their line are not touched.

    Bags in ``.partial`` get their summary and their name, and are interrupted takes unless they were whole;
    bags with a name but without a line get the line. Called again it finds nothing to do.

    Args:
        manifest: of the session, held.
        dry: look, and say what would be done.
        progress: told of the bytes of each bag.

    Raises:
        RecordingError: the manifest is broken, or cannot be written.
    """
    finished = manifest.takes()
    folder = manifest.folder
    mended: list[Mended] = []
    for path in sorted(entry for entry in folder.glob(f"{PARTIAL}/*") if entry.is_dir()):
        if path.name in finished or (folder / path.name).exists():
            mended.append(Mended(path.name, "failed", f"{path}: a take of this name is finished already"))
        else:
            mended.append(_mend(path, manifest, dry, progress))
    for path in sorted(entry for entry in folder.glob("sub-*") if entry.is_dir()):
        if path.name not in finished and path.name not in {entry.take for entry in mended}:
            mended.append(_mend(path, manifest, dry, progress))
    gone = sorted(name for name in finished if not (folder / name).is_dir())
    return mended + [Mended(name, "failed", f"in the manifest, but not in {folder}") for name in gone]


def _mend(path: Path, manifest: Manifest, dry: bool, progress: Progress) -> Mended:
    try:
        return _Patient(path, progress).mend(manifest, dry)
    except (FormatError, DatasetError, OSError) as error:
        why = error.strerror or error if isinstance(error, OSError) else error
        return Mended(path.name, "failed", f"{path}: {why}")


class _Patient:
    """One unfinished bag: what it holds and what it lacks."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self.path = path
        self.bag = path / f"{path.name}.mcap"
        self.statistics: dict[str, TopicStatistics] = {}
        self.facts: TakeFacts | None = None
        self.scan = BagScan(self.bag)
        self.size = self.bag.stat().st_size if self.bag.exists() else 0
        self._begin = head() if self.size < len(head()) else b""
        if not self._begin:
            self.scan.read(self._hear, lambda done, size: progress(done, size, path.name))

    def _hear(self, topic: str, kind: str, message: bytes) -> None:
        self.statistics.setdefault(topic, TopicStatistics(kind)).add(message)
        if topic == STATE:
            self._follow(kind, message)

    def _follow(self, kind: str, message: bytes) -> None:
        try:
            state: State = typestore().deserialize_cdr(message, kind)  # type: ignore[assignment]
        except (SerdeError, KeyError, ValueError):
            return  # of another version of the rig; the bag's name says the rest
        if self.facts is not None:
            self.facts.follow(state)
        elif state.recording:
            self.facts = TakeFacts(state, TakeId.parse(self.path.name).run)

    def mend(self, manifest: Manifest, dry: bool) -> Mended:
        if not self.bag.exists() and self.path.parent == manifest.folder:
            raise FormatError(f"no {self.bag.name} in it")
        missing = self._begin + self.scan.indexes
        tail = missing + self.scan.contents.tail(self.scan.end + len(missing), self.bag.name)
        whole = self._ends_with(tail)
        if not dry:
            if not whole:
                self._append(tail)
            if not whole or not (self.path / "metadata.yaml").exists():
                write_metadata(self.bag, self.scan.contents)
            self._bring_home(manifest, whole)
        did: Did = "adopted" if whole else "repaired" if self.statistics else "empty"
        return Mended(self.path.name, did, self._summary(whole))

    def _ends_with(self, tail: bytes) -> bool:
        if self.size != self.scan.end + len(tail):
            return False
        with self.bag.open("rb") as file:
            file.seek(self.scan.end)
            return file.read() == tail

    def _append(self, tail: bytes) -> None:
        with self.bag.open("r+b" if self.bag.exists() else "xb") as file:
            file.truncate(self.scan.end)
            file.seek(self.scan.end)
            file.write(tail)
            file.flush()
            os.fsync(file.fileno())

    def _bring_home(self, manifest: Manifest, whole: bool) -> None:
        with self.bag.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if self.path.parent != manifest.folder:
            give_name(self.path, manifest.folder)
        manifest.append(manifest_line(self.path.name, self._line(whole), self.statistics, digest))

    def _line(self, whole: bool) -> dict[str, Any]:
        facts = self.facts.as_dict() if self.facts is not None else self._facts_of_the_name()
        if not whole:
            facts["outcome"] = "interrupted"
        facts["ended_ns"] = facts["ended_ns"] or self.scan.contents.end
        if self.scan.damaged:
            facts["damaged_chunks"] = self.scan.damaged
        return facts | {"repaired": True, "repaired_ns": host_now()}

    def _facts_of_the_name(self) -> dict[str, Any]:
        take = TakeId.parse(self.path.name)
        facts: dict[str, Any] = {"subject": take.subject, "session": take.session, "au": take.au}
        return facts | {"run": take.run, "cues": [], "outcome": "interrupted", "ended_ns": None}

    def _summary(self, whole: bool) -> str:
        contents = self.scan.contents
        seconds = (contents.end - contents.begin) / 1e9
        text = f"{contents.counts.total()} messages, {seconds:.1f} s"
        if not whole and self.size > self.scan.end:
            text += f", {self.size - self.scan.end} torn bytes left out"
        return text + (f", {self.scan.damaged} chunks damaged" if self.scan.damaged else "")
