"""A file in a camera's place: what it holds comes at the pace at which it was recorded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from queue import Empty, SimpleQueue

from evface.cameras.options import Davis346Options, Evk4Options, WebcamOptions
from evface.cameras.source import CameraDescription, Cue, Reading
from evface.cameras.tracks import Due, Track, open_track
from evface.errors import DeviceError

SECOND = 1_000_000_000
"""ns."""


class FileCamera:
    """Plays a recording or a video: ``sensor_time`` is the file's own, ``host_time`` that of the playback.

    Args:
        camera: davis346, evk4 or webcam.
        options: of the camera; ``path``, ``start``, ``speed`` and ``loop`` matter here.
    """

    def __init__(self, camera: str, options: Davis346Options | Evk4Options | WebcamOptions) -> None:
        self._camera = camera
        self._options = options
        self._track: Track | None = None
        self._items: Iterator[Due] | None = None
        self._pending: Due | None = None
        self._begun: int | None = None
        self._takes: SimpleQueue[int] = SimpleQueue()
        self._origin = self._last = 0
        self._last_take: tuple[int, int, int] | None = None

    def open(self) -> CameraDescription:
        """See `CameraSource.open`."""
        self._track = open_track(self._camera, self._options)
        found = self._track.describe()
        self._rewind()
        if self._options.start == "open":
            self._begun = time.time_ns()
        return found

    def _rewind(self) -> None:
        """Go to the beginning and have the first reading ready: that may take a while."""
        assert self._track is not None
        self._items = self._track.play()
        self._pending = next(self._items, None)
        self._origin = 0 if self._pending is None else self._pending.time
        self._begun = None

    def _host_time(self, due: Due) -> int:
        assert self._begun is not None
        return self._begun + round((due.time - self._origin) / self._options.speed)

    def read(self, timeout: float) -> list[Reading] | None:
        """See `CameraSource.read`."""
        if self._track is None:
            raise DeviceError(f"{self._camera}: the file is not open")
        end = time.monotonic() + timeout
        while True:
            self._obey(0.0)
            if readings := self._take():
                return readings
            if self._begun is not None and self._pending is None and not self._renew():
                return None
            left = end - time.monotonic()
            if left <= 0:
                return []
            wait = left
            if self._begun is not None and self._pending is not None:
                wait = (self._host_time(self._pending) - time.time_ns()) / SECOND
            self._obey(min(left, max(0.0, wait)))

    def _renew(self) -> bool:
        """At the end of the file: begin again or wait for a take; False when nothing more is to come."""
        if self._options.start == "take":
            self._rewind()
            return True
        if not self._options.loop or self._last == self._origin:
            return False
        self._rewind()
        self._begun = time.time_ns()
        return True

    def _take(self) -> list[Reading]:
        """What is due by now."""
        readings: list[Reading] = []
        now = time.time_ns()
        while self._begun is not None and self._pending is not None and self._items is not None:
            host_time = self._host_time(self._pending)
            if host_time > now:
                break
            self._last = self._pending.time
            readings.append(replace(self._pending.reading, host_time=host_time))
            self._pending = next(self._items, None)
        return readings

    def _obey(self, timeout: float) -> None:
        """Wait for a take to begin, and play from the beginning as if that had been at its cue."""
        try:
            begun = self._takes.get(timeout=timeout) if timeout > 0 else self._takes.get_nowait()
        except Empty:
            return
        if self._begun is not None:
            self._rewind()
        self._begun = begun

    def cue(self, cue: Cue) -> None:
        """See `CameraSource.cue`: with ``start`` "take" each countdown plays the file from the beginning."""
        take = (cue.trial, cue.take, cue.start)
        if self._options.start == "take" and cue.phase == "countdown" and take != self._last_take:
            self._last_take = take
            self._takes.put(cue.start)

    def close(self) -> None:
        """See `CameraSource.close`."""
        self._track = self._items = self._pending = None
