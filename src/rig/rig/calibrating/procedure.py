"""The guided procedure: somebody moves the board, lines say what was seen and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from evface.bags import Bag
from evface.calibration.board import Board
from evface.calibration.session import CalibrationSession
from evface.errors import ConfigError, DatasetError
from rig.calibrating.streams import Streams, topic_of, wire_of
from rig.graph import Graph
from rig.starting.local import Running
from rig.visiting import Visitor

Say = Callable[[str], None]

LISTEN = 0.25
"""s of messages that are taken in between two looks for the board."""


class Procedure:
    """What live cameras and bags share.

    Args:
        folder: of the calibration.
        board: that is shown.
        cameras: to calibrate; the first one's coordinates become the rig's.
        davis_by: "frames" or "events".
        wanted: views of each camera.
        most: views after which it ends whatever is missing.
        say: called with each line for a person.
    """

    def __init__(
        self, folder: Path, board: Board, cameras: list[str], davis_by: str, wanted: int, most: int, say: Say
    ) -> None:
        self._folder, self._board, self._wanted, self._most, self._say = folder, board, wanted, most, say
        self._topics = {camera: topic_of(camera, davis_by) for camera in cameras}
        self._streams = Streams(cameras, board)
        self._session: CalibrationSession | None = None

    def live(self, graph: Graph) -> None:
        """Start the cameras and take views until they are enough.

        Raises:
            ConfigError: a camera's process ended.
            FormatError: what a camera sends cannot be read.
        """
        with Visitor("calibrate") as visitor, Running(graph, self._say) as running:
            for camera, topic in self._topics.items():
                visitor.hear(topic, *wire_of(topic), partial(self._streams.add, camera))
            while not self._enough():
                if (ended := running.ended()) is not None:
                    raise ConfigError(f"{ended[0]} ended with exit code {ended[1]}: its lines above say why")
                visitor.spin(LISTEN)
                self._look()

    def bag(self, path: Path) -> None:
        """Take views from a bag.

        Raises:
            FormatError: it is broken.
            DatasetError: a camera is not in it.
        """
        cameras = {topic: camera for camera, topic in self._topics.items()}
        with Bag(path) as bag:
            if missing := [topic for topic in cameras if topic not in bag.topics]:
                raise DatasetError(f"{path}: nothing on {', '.join(missing)}")
            for topic, message in bag.messages(*cameras):
                self._streams.add(cameras[topic], message)
                while self._look():
                    if self._enough():
                        return

    def _look(self) -> bool:
        """Look at the next stretch; whether there was one."""
        if self._session is None:
            if self._streams.waiting_for:
                return False
            self._session = CalibrationSession(self._folder, self._board, self._streams.sizes, self._wanted)
            if self._session.views:
                self._say(f"going on with {len(self._session.views)} views in {self._folder}")
        stretch = self._streams.look()
        if stretch is None:
            return False
        line = self._session.offer(stretch)
        if line:
            self._say(line)
        return True

    def _enough(self) -> bool:
        session = self._session
        return session is not None and (not session.lacks() or len(session.views) >= self._most)
