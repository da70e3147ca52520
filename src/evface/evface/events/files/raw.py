"""RAW files: an ASCII header and a stream of EVT3 words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evface.errors import FormatError
from evface.events.codecs.evt3 import Evt3Decoder
from evface.events.codecs.evt3_scan import Evt3Scanner, extent, unknown_share
from evface.events.container import Events, Triggers
from evface.events.files.geometry import size_by_extent, size_by_name
from evface.events.files.recording import Packet, Recording, join_triggers

_BLOCK = 1 << 20  # bytes read at a time
_LONGEST_HEADER = 1 << 16
_MOST_UNKNOWN = 0.01  # share of reserved words above which a file is no EVT3


@dataclass(frozen=True, slots=True)
class RawHeader:
    """The header of a RAW file.

    Attributes:
        fields: key to value as written, keys in lower case.
        size: bytes of the header, where the words begin.
    """

    fields: dict[str, str] = field(default_factory=dict)
    size: int = 0

    @property
    def geometry(self) -> tuple[int, int] | None:
        """Width and height, px, as stated or by the sensor's name, None if neither is there."""
        text = ";".join(f"{key}={value}" for key, value in self.fields.items()).lower()
        width, height = re.search(r"width=(\d+)", text), re.search(r"height=(\d+)", text)
        if width and height:
            return int(width[1]), int(height[1])
        stated = re.fullmatch(r"(\d+)x(\d+)", self.fields.get("geometry", "").strip())
        return (int(stated[1]), int(stated[2])) if stated else size_by_name(text)

    @property
    def encoding(self) -> str:
        """As stated: "EVT3", "EVT2", ...; "" if not."""
        if "format" in self.fields:
            return self.fields["format"].split(";")[0].strip().upper()
        version = re.fullmatch(r"(\d+)(?:\.(\d))?", self.fields.get("evt", "").strip())
        return (
            "" if not version else f"EVT{version[1]}" + (version[2] if version[2] not in (None, "0") else "")
        )


def read_header(path: Path) -> RawHeader:
    """Read the header of a RAW file.

    Raises:
        FormatError: it does not begin with a header, or the header does not end.
    """
    fields: dict[str, str] = {}
    size = 0
    with path.open("rb") as file:
        while size < _LONGEST_HEADER:
            start = file.read(2)
            if start != b"% ":
                # Older files have no "% end": the words begin where no header line does.
                break
            line = file.readline(_LONGEST_HEADER)
            size += 2 + len(line)
            if not line.endswith(b"\n"):
                raise FormatError(f"{path}: header line at byte {size - len(line) - 2} does not end")
            key, _, value = line.decode("latin-1").strip().partition(" ")
            if key == "end":
                break
            fields[key.lower()] = value
        else:
            raise FormatError(f"{path}: header longer than {_LONGEST_HEADER} bytes")
    if not fields:
        raise FormatError(f"{path}: expected a RAW header ('% key value') at byte 0, found none")
    return RawHeader(fields, size)


class RawRecording(Recording):
    """A RAW file in EVT3.

    Args:
        path: of the file.

    Raises:
        FormatError: no header, another encoding, no events in it, or garbage.
    """

    format = "raw"
    encoding = "evt3"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.header = read_header(path)
        if self.header.encoding != "EVT3":
            raise FormatError(
                f"{path}: expected EVT3, found {self.header.encoding or 'no encoding'} in the header"
            )
        self._check()
        self.width, self.height = self.header.geometry or self._infer()
        if not (0 < self.width <= 2048 and 0 < self.height <= 2048):
            raise FormatError(f"{path}: header gives {self.width}x{self.height} px, expected 1 to 2048 each")

    @property
    def _time_base(self) -> int:
        """us of the first event where our own writer noted it, else 0: EVT3 words hold 24 bits of time."""
        base = self.header.fields.get("time_base", "0")
        return int(base) if base.isdigit() and len(base) < 19 else 0

    def _check(self) -> None:
        """Look at the first words, so that another format under this name is found out at once."""
        words = next(self._blocks(), np.empty(0, np.uint16))
        share = unknown_share(words)
        if share > _MOST_UNKNOWN:
            raise FormatError(
                f"{self.path}: {share:.0%} of the words behind byte {self.header.size} "
                "have a code that EVT3 does not know"
            )

    def _infer(self) -> tuple[int, int]:
        right = bottom = 0
        for words in self._blocks():
            columns, rows = extent(words)
            right, bottom = max(right, columns), max(bottom, rows)
        return size_by_extent(right, bottom)

    def _blocks(self) -> Iterator[NDArray[np.uint16]]:
        """The words, about a million bytes at a time."""
        at = self.header.size
        with self.path.open("rb") as file:
            file.seek(at)
            while data := file.read(_BLOCK):
                if len(data) % 2:
                    raise FormatError(
                        f"{self.path}: breaks off in the middle of a word at byte {at + len(data) - 1}"
                    )
                yield np.frombuffer(data, "<u2")
                at += len(data)

    def chunks(self) -> Iterator[Events]:
        """The events, a million bytes of the file at a time; see `Recording.chunks`."""
        decoder = Evt3Decoder(self.width, self.height)
        triggers: list[Triggers] = []
        size = 0
        for words in self._blocks():
            events = decoder.decode(words, 0 if size else self._time_base * 1000)
            triggers.append(decoder.drain_triggers())
            size += words.nbytes
            yield events
        if size and decoder.time is None:
            raise FormatError(
                f"{self.path}: no time words (TIME_HIGH, TIME_LOW) behind byte {self.header.size}"
            )
        self._triggers, self._dropped = join_triggers(triggers), decoder.dropped

    def packets(self) -> Iterator[Packet]:
        """The words untouched, cut where the upper time bits change: every 4.096 ms in a lively scene.

        A packet may go on in the row of the one before: one decoder has to get all of them, in order.
        """
        time = self._time_base
        scanner = Evt3Scanner(time)
        pending: list[NDArray[np.uint16]] = []
        for words in self._blocks():
            begin = 0
            for cut, cut_time in scanner.cuts(words):
                pending.append(words[begin:cut])
                if any(map(len, pending)):
                    yield self._packet(pending, time or cut_time)
                pending, begin, time = [], cut, cut_time
            pending.append(words[begin:])
        if any(map(len, pending)):
            yield self._packet(pending, time)

    def _packet(self, parts: list[NDArray[np.uint16]], time: int) -> Packet:
        data = b"".join(part.tobytes() for part in parts)
        return Packet(data, self.encoding, time * 1000, 0)
