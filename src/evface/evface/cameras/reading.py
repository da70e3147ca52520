"""The life of a source that is read: a thread of its own, changes while it runs, a device that comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from evface.cameras.opening import open_source
from evface.cameras.source import CameraDescription, CameraSource, Cue, EncodedEvents, LiveSource, Reading
from evface.errors import DeviceError, EvfaceError

READ_TIMEOUT = 0.1
"""s that one read of the source may wait: how quickly a stop or a change is noticed."""

RETRY = 1.0
"""s between two looks for a device that is away."""

ANSWER = 5.0
"""s that a device may take to obey a change."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which a device was away.

    Attributes:
        begin: ns, host clock, when its loss was noticed.
        end: ns, host clock, when it was open again; 0 while it is away.
        reason: what its library said.
    """

    begin: int
    end: int
    reason: str


class Reader:
    """Reads a source in a thread of its own and hands on what comes.

    A live device that was unplugged is looked for, the same one by its serial number, until it is back: that
    is a gap. The first packet behind it counts as one packet lost, so that whoever counts packets sees it.

    Args:
        camera: davis346, evk4 or webcam.
        options: fields of the camera's options.
        deliver: called in the thread with each reading.
        ended: called in the thread when the source has ended: with None, or with why it failed.

    Attributes:
        gaps: times in which the device was away, oldest first.
        source: the one that is open, or was.
    """

    def __init__(
        self,
        camera: str,
        options: Mapping[str, Any],
        deliver: Callable[[Reading], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        self.camera = camera
        self.gaps: list[Gap] = []
        self._options = dict(options)
        self.source: CameraSource = open_source(camera, **self._options)
        self._deliver, self._ended = deliver, ended
        self._away = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._requests: SimpleQueue[tuple[dict[str, Any], Future[dict[str, Any]]]] = SimpleQueue()
        self._lost = 0
        self._returned = False

    def open(self) -> CameraDescription:
        """Open the source.

        Raises:
            DeviceError: no such device, its library is missing, or it is busy.
            FormatError: the file is not what it should be.
        """
        found = self.source.open()
        if isinstance(self.source, LiveSource) and found.serial:
            # Whoever plugs in another camera meanwhile does not get that one.
            self._options["serial"] = found.serial
        return found

    def start(self) -> None:
        """Begin to read."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name=f"read {self.camera}")
        self._thread.start()

    def stop(self) -> None:
        """Stop reading; the source stays open."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        """Stop reading and close the source."""
        self.stop()
        self.source.close()

    @property
    def away(self) -> bool:
        """Whether the device is unplugged and looked for."""
        return self._away.is_set()

    @property
    def lost(self) -> int | None:
        """Packets that the device's library had to drop; None where it cannot tell."""
        count = getattr(self.source, "lost", None)
        return None if count is None else self._lost + int(count)

    def cue(self, cue: Cue) -> None:
        """Tell the source what the session asks now."""
        self.source.cue(cue)

    def adjust(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Give the device new values.

        Args:
            changes: by option name, valid.

        Returns:
            What the device has then, by option name.

        Raises:
            DeviceError: it refuses, is away, does not answer, or is no live device.
        """
        if not isinstance(self.source, LiveSource):
            raise DeviceError(f"{self.camera}: {', '.join(changes)} can be changed of a live device only")
        if self._thread is None:
            return self._adjust(dict(changes))
        if self.away:
            raise DeviceError(f"{self.camera}: the camera is unplugged: nothing can be changed")
        answer: Future[dict[str, Any]] = Future()
        self._requests.put((dict(changes), answer))
        try:
            return answer.result(ANSWER)
        except NotInTime:
            answer.cancel()
            raise DeviceError(f"{self.camera}: the camera did not answer within {ANSWER:g} s") from None

    def _adjust(self, changes: dict[str, Any]) -> dict[str, Any]:
        assert isinstance(self.source, LiveSource)
        self.source.adjust(changes)
        self._options |= changes
        return self.source.settings()

    def _obey(self) -> None:
        """Make the changes that were asked for."""
        while True:
            try:
                changes, answer = self._requests.get_nowait()
            except Empty:
                return
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(self._adjust(changes))
            except EvfaceError as error:
                answer.set_exception(error)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._obey()
                try:
                    readings = self.source.read(READ_TIMEOUT)
                except DeviceError as error:
                    if not isinstance(self.source, LiveSource) or not self._options.get("reconnect", True):
                        raise
                    self._wait_for_it(error)
                    continue
                if readings is None:
                    self._ended(None)
                    return
                for reading in readings:
                    self._deliver(self._marked(reading))
        except Exception as error:
            self._ended(error)

    def _marked(self, reading: Reading) -> Reading:
        """The first packet behind a gap tells of it."""
        if self._returned and isinstance(reading, EncodedEvents):
            self._returned = False
            return replace(reading, lost=reading.lost + 1)
        return reading

    def _wait_for_it(self, reason: DeviceError) -> None:
        """Look for the device until it is back, or until it is no longer wanted."""
        self.gaps.append(Gap(time.time_ns(), 0, str(reason)))
        self._away.set()
        self._lost = self.lost or 0
        self.source.close()
        while not self._stop.wait(RETRY):
            source = open_source(self.camera, **self._options)
            try:
                source.open()
            except DeviceError as error:
                source.close()
                self._refuse(error)
                continue
            self.source = source
            self.gaps[-1] = replace(self.gaps[-1], end=time.time_ns())
            self._returned = True
            self._away.clear()
            return

    def _refuse(self, reason: DeviceError) -> None:
        """Answer the changes that came just before the device went."""
        while True:
            try:
                _, answer = self._requests.get_nowait()
            except Empty:
                return
            if answer.set_running_or_notify_cancel():
                answer.set_exception(reason)
