"""Writing RAW files: the new header with geometry, then EVT3 words."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from evface.errors import FormatError
from evface.events.codecs.evt3_encode import encode_evt3
from evface.events.container import Events, Triggers

PARTIAL = ".partial"
"""Added to the name of a file that is not whole yet."""
_BRIDGE = 8_000_000  # us of silence after which the time is written although nothing happens


class RawWriter:
    """Writes a RAW file that appears under its name only when it is whole.

    EVT3 holds 24 bits of time: the header's ``time_base``, us of the first event, tells this project's reader
    the rest; for others a recording begins within the first 16.777 s.

    Args:
        path: of the file to be; replaced if it is there.
        width: of the sensor, px.
        height: of the sensor, px.

    Use it as a context: leaving it regularly finishes the file, leaving it by an exception removes it.
    """

    def __init__(self, path: str | Path, width: int, height: int) -> None:
        self.path = Path(path)
        self.width, self.height = width, height
        self._partial = self.path.with_name(self.path.name + PARTIAL)
        try:
            self._file = self._partial.open("wb")
        except OSError as error:
            raise FormatError(f"{self.path}: cannot be written: {error.strerror or error}") from error
        self._last: int | None = None

    def write(self, events: Events, triggers: Triggers | None = None) -> None:
        """Append events, and triggers of the same stretch of time.

        Raises:
            FormatError: times step back.
            GeometryError: a coordinate that EVT3 cannot hold.
        """
        data = encode_evt3(events, triggers=triggers)
        starts = [int(a.t[0]) for a in (events, triggers) if a is not None and len(a)]
        if not starts:
            return
        begin = min(starts)
        if self._last is None:
            self._begin(begin)
            self._last = begin
        if begin < self._last:
            raise FormatError(f"{self.path}: times step back from {self._last} to {begin} us")
        while begin - self._last > _BRIDGE:
            # Rollovers of the time are counted by readers: none may pass without a word.
            self._last += _BRIDGE
            self._file.write(encode_evt3(Events.empty(self.width, self.height), time=self._last))
        self._file.write(data)
        self._last = max(int(a.t[-1]) for a in (events, triggers) if a is not None and len(a))

    def _begin(self, time_base: int) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        self._file.write(
            f"% date {now}\n% evt 3.0\n% format EVT3;height={self.height};width={self.width}\n"
            f"% geometry {self.width}x{self.height}\n% time_base {time_base}\n% end\n".encode()
        )

    def close(self) -> None:
        """Finish the file and give it its name."""
        if self._last is None:
            self._begin(0)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._partial, self.path)

    def abort(self) -> None:
        """Remove what was written."""
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> RawWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close() if kind is None else self.abort()
