"""Recordings of event cameras: opened whatever their format, read in pieces, written in two of them."""

from __future__ import annotations

from pathlib import Path

from evface.errors import FormatError
from evface.events.files.aedat4 import Aedat4Recording
from evface.events.files.bag import STORAGE, BagRecording
from evface.events.files.eventpacket import EventPacketView, parse_event_packet, stamp_of
from evface.events.files.hdf5 import Hdf5Recording, Hdf5Writer
from evface.events.files.raw import RawRecording
from evface.events.files.raw_writer import RawWriter
from evface.events.files.recording import Inertia, Packet, Picture, Recording, Summary
from evface.events.files.video import ENDINGS, VideoRecording

__all__ = [
    "EventPacketView",
    "Hdf5Writer",
    "Inertia",
    "Packet",
    "Picture",
    "RawWriter",
    "Recording",
    "Summary",
    "open_recording",
    "open_writer",
    "parse_event_packet",
    "stamp_of",
]

_READERS: dict[str, type[Recording]] = {
    ".aedat4": Aedat4Recording,
    ".raw": RawRecording,
    ".h5": Hdf5Recording,
    ".hdf5": Hdf5Recording,
    **dict.fromkeys(ENDINGS, VideoRecording),
}
_WRITERS = {".raw": RawWriter, ".h5": Hdf5Writer, ".hdf5": Hdf5Writer}


def open_recording(path: str | Path, *, topic: str = "") -> Recording:
    """Open a recording by the ending of its name.

    Args:
        path: .aedat4, .raw (EVT3), .h5 or .hdf5, .mcap or .db3, the folder of a bag, or a video.
        topic: of a bag; "" when it has only one with events.

    Raises:
        FormatError: not there, an ending that is not known, or not what the ending says.
    """
    path = Path(path)
    try:
        if path.is_dir() or path.suffix.lower() in STORAGE:
            if path.is_dir() and not (path / "metadata.yaml").is_file():
                raise FormatError(f"{path}: a folder without metadata.yaml is no bag")
            return BagRecording(path, topic)
        if path.suffix.lower() not in _READERS:
            endings = ", ".join([*_READERS, *STORAGE])
            raise FormatError(
                f"{path}: ending {path.suffix!r} is not known, expected {endings} or the folder of a bag"
            )
        return _READERS[path.suffix.lower()](path)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror or error}") from error


def open_writer(path: str | Path, width: int, height: int) -> RawWriter | Hdf5Writer:
    """A writer by the ending of the name: .raw or .h5 (.hdf5).

    Raises:
        FormatError: another ending.
    """
    path = Path(path)
    if path.suffix.lower() not in _WRITERS:
        raise FormatError(f"{path}: ending {path.suffix!r} cannot be written, expected {', '.join(_WRITERS)}")
    return _WRITERS[path.suffix.lower()](path, width, height)
