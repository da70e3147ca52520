"""One take: a bag that appears under its name only when it is whole and on the disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rig.errors import RecordingError
from rig.recording.bag import BagWriter
from rig.recording.disk import make_folder, sync
from rig.recording.statistics import TopicStatistics

PARTIAL = ".partial"
"""Folder of a session in which bags live until they are whole."""


def take_name(subject: str, session: str, au: int, run: int) -> str:
    """Name of a take in the manner of BIDS; ``run`` counts the takes of one AU from 1."""
    return f"sub-{subject}_ses-{session}_task-au{au:02d}_run-{run:02d}"


def next_run(folder: Path, subject: str, session: str, au: int, wanted: int) -> int:
    """The first number from ``wanted`` on that no take of this AU has in a session's folder, whole or not."""
    run = wanted
    while any(
        (place / take_name(subject, session, au, run)).exists() for place in (folder, folder / PARTIAL)
    ):
        run += 1
    return run


class TakeWriter:
    """Writes one take into ``folder/.partial/name`` and moves it to ``folder/name`` once it is on disk.

    Args:
        folder: of the session; must exist.
        name: of the take, see `take_name`.
        topics: ROS topic name to ROS type name.

    Raises:
        RecordingError: a take of this name exists, or the folder cannot be written.
    """

    def __init__(self, folder: Path, name: str, topics: Mapping[str, str]) -> None:
        self.folder = folder
        self.name = name
        self.statistics = {topic: TopicStatistics(kind) for topic, kind in topics.items()}
        self._path = folder / PARTIAL / name
        if (folder / name).exists() or self._path.exists():
            raise RecordingError(f"take {name} exists already in {folder}: takes are never overwritten")
        try:
            make_folder(self._path.parent)
            self._bag = BagWriter(self._path)
        except OSError as error:
            raise RecordingError(f"cannot open take {name} in {folder}: {error.strerror or error}") from error

    @property
    def size(self) -> int:
        """Serialized bytes taken in so far."""
        return sum(topic.size for topic in self.statistics.values())

    @property
    def messages(self) -> int:
        """Messages taken in so far."""
        return sum(topic.messages for topic in self.statistics.values())

    @property
    def lost(self) -> int:
        """Messages known to be missing so far, by their sequence numbers."""
        return sum(topic.lost for topic in self.statistics.values())

    @property
    def pending(self) -> int:
        """Bytes taken in that the file does not have yet."""
        return self._bag.pending

    def write(self, topic: str, received: int, message: bytes) -> None:
        """Append a serialized message as it came; one that cannot be read is evidence, and kept.

        Args:
            topic: one of the take's topics.
            received: ns, host clock, at arrival; becomes the bag's log time.
            message: CDR bytes.

        Raises:
            RecordingError: the disk is full or gone.
        """
        statistics = self.statistics[topic]
        statistics.add(message)
        try:
            self._bag.write(topic, statistics.type, received, message)
        except OSError as error:
            raise self._cannot("write to", error) from error

    def drop(self, topic: str) -> None:
        """Count a message that there was no room for.

        An event packet is missed again when the next one's sequence number comes: then it is counted as lost.
        """
        self.statistics[topic].dropped += 1

    def keep_up(self) -> None:
        """Bring to the disk what has waited long enough; to be called several times a second.

        Raises:
            RecordingError: the disk is full or gone.
        """
        try:
            self._bag.keep_up()
        except OSError as error:
            raise self._cannot("write to", error) from error

    def flush(self) -> None:
        """Hand everything to the operating system, which outlives this process.

        Raises:
            RecordingError: the disk is full or gone.
        """
        try:
            self._bag.flush()
        except OSError as error:
            raise self._cannot("write to", error) from error

    def finish(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Close the bag, bring it to the disk and give it its name.

        Args:
            facts: what the session knows of the take (au, trial, run, cue times), joined to the line.

        Returns:
            The take's line for the manifest, with counts, losses and the bag's SHA-256.

        Raises:
            RecordingError: the disk is full or gone; the partial bag stays where it is.
        """
        try:
            digest = self._bag.close()
            give_name(self._path, self.folder)
        except OSError as error:
            raise self._cannot("finish", error) from error
        return manifest_line(self.name, facts, self.statistics, digest)

    def abandon(self) -> None:
        """Leave the partial bag as it is, for `rig repair`."""
        self._bag.abandon()

    def _cannot(self, what: str, error: OSError) -> RecordingError:
        return RecordingError(f"cannot {what} take {self._path}: {error.strerror or error}")


def give_name(partial: Path, folder: Path) -> None:
    """Move a bag that is on the disk to a session's folder.

    Raises:
        OSError: there is one of this name, or the disk is gone.
    """
    os.rename(partial, folder / partial.name)
    sync(folder)


def manifest_line(
    name: str, facts: Mapping[str, Any], statistics: Mapping[str, TopicStatistics], digest: str
) -> dict[str, Any]:
    """What the manifest says of a take; ``digest`` is the SHA-256 of its mcap file."""
    topics = statistics.values()
    return {
        "take": name,
        **facts,
        "messages": sum(topic.messages for topic in topics),
        "bytes": sum(topic.size for topic in topics),
        "lost": sum(topic.lost for topic in topics),
        "dropped": sum(topic.dropped for topic in topics),
        "unreadable": sum(topic.unreadable for topic in topics),
        "topics": {topic: found.as_dict() for topic, found in statistics.items()},
        "sha256": digest,
    }
