"""A camera's process whose source sends what was made beforehand, through the rig's own camera node.

`python -m benchmarks.recorder.camera evk4 --log FILE`, ended by SIGINT; a fingerprint per message is logged.
"""

from __future__ import annotations

import argparse
import array
import heapq
import pickle
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.recorder.fingerprints import Fingerprint, of_reading
from benchmarks.recorder.streams import Stream, streams_of
from evface.cameras import CameraDescription, Cue, Reading, reading
from rig import camera_node
from rig.stamps import host_now

BURSTS = ((8.0, 10.0), (28.0, 30.0), (48.0, 50.0))
"""s after the beginning of the perform phase."""


class RehearsedCamera:
    """A source that sends its streams at their rates, late rather than not at all.

    Args:
        camera: davis346, evk4 or webcam.
        log: file for the fingerprints, written when the source is closed.
    """

    def __init__(self, camera: str, log: Path) -> None:
        self._camera = camera
        self._log = log
        self._streams = streams_of(camera)
        self._sent: dict[str, array.array[int]] = defaultdict(lambda: array.array("q"))
        self._latest = 0
        self._perform = 0

    def open(self) -> CameraDescription:
        """Begin now."""
        self._due = self._schedule(time.monotonic_ns())
        self._next = next(self._due)
        width, height = {"evk4": (1280, 720), "davis346": (346, 260)}.get(self._camera, (1920, 1080))
        return CameraDescription(self._camera, "soak", width, height, "file", "made beforehand")

    def _schedule(self, begin: int) -> Iterator[tuple[int, int, Stream]]:
        """When what is due: monotonic ns, index in its stream, stream."""
        queue = [(begin, 0, place) for place in range(len(self._streams))]
        while True:
            due, index, place = heapq.heappop(queue)
            stream = self._streams[place]
            yield due, index, stream
            heapq.heappush(queue, (due + stream.period, index + 1, place))

    def read(self, timeout: float) -> list[Reading] | None:
        """Wait for what is due next."""
        due, index, stream = self._next
        wait = due - time.monotonic_ns()
        if wait > timeout * 1e9:
            time.sleep(timeout)
            return []
        if wait > 0:
            time.sleep(wait / 1e9)
        self._latest = max(self._latest, time.monotonic_ns() - due)
        self._next = next(self._due)
        now = host_now()
        make = stream.burst if stream.burst is not None and self._in_burst(now) else stream.make
        made = make(index, now)
        self._sent[stream.topic].extend(of_reading(made, index))
        return [made]

    def _in_burst(self, now: int) -> bool:
        seconds = (now - self._perform) / 1e9
        return bool(self._perform) and any(begin <= seconds < end for begin, end in BURSTS)

    def cue(self, cue: Cue) -> None:
        """Remember when the perform phase began."""
        self._perform = cue.start if cue.phase == "perform" else 0

    def close(self) -> None:
        """Write the log."""
        self._log.write_bytes(pickle.dumps((dict(self._sent), self._latest / 1e6)))


def read_log(log: Path) -> tuple[dict[str, list[Fingerprint]], float]:
    """What a camera sent on each topic, and by how many ms it was behind its schedule at most."""
    sent, latest = pickle.loads(log.read_bytes())
    width = len(Fingerprint._fields)
    return {
        topic: [Fingerprint(*values[at : at + width]) for at in range(0, len(values), width)]
        for topic, values in sent.items()
    }, latest


def main() -> None:
    """Be the camera."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("camera", choices=("davis346", "evk4", "webcam"))
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()

    def open_source(camera: str, **_: Any) -> RehearsedCamera:
        return RehearsedCamera(camera, options.log)

    reading.open_source = open_source
    camera_node.run_camera(options.camera)


if __name__ == "__main__":
    main()
