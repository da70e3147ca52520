"""A virtual person before a camera."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.errors import ConfigError
from evface.simulation.face.figure import DISTANCE, GREY, LENSES, Figure, Person
from evface.simulation.face.identity import Identity
from evface.simulation.face.light import Light
from evface.simulation.face.room import Room
from evface.simulation.scene import to_grey
from evface.simulation.subject.behaviour import Behaviour
from evface.simulation.subject.face_state import FaceState

FLICKER_STEP = 2_000_000
"""ns between two looks at light that flickers at 100 Hz: five a period."""

APERTURE = 10.3
"""mm that a lid moves to close an eye, at most."""


class FaceScene:
    """A person who does what the session asks, in a room, before one of the rig's cameras.

    What is seen follows from seed, cues and time: cameras in processes of their own see the same person at
    the same moment.

    Args:
        seed: of the person, the light and the room.
        camera: "davis346", "evk4" or "webcam".
        style: "posed", or "micro" for expressions of half a second.
        threads: that draw a picture together; the pictures do not depend on their number.

    Attributes:
        identity: who it is.
        light: that they sit in.
        seat: of the head, mm from the middle of the DAVIS346's view (to the left, up, towards the camera).
        lux: see `Scene`.

    Raises:
        ConfigError: there is no such camera.
    """

    def __init__(
        self,
        seed: int = 0,
        camera: str = "davis346",
        style: Literal["posed", "micro"] = "posed",
        threads: int = 1,
    ) -> None:
        if camera not in LENSES:
            raise ConfigError(f"no lens for a camera {camera!r}; there are: {', '.join(LENSES)}")
        self.identity = Identity.of(seed)
        self._behaviour = Behaviour(seed, style)
        self._threads = threads
        self.light = Light.of(seed)
        self.lux = self.light.lux
        self._lens = LENSES[camera]
        self._room = Room(seed, self.light)
        rng = np.random.default_rng([seed, 0x5EA7])
        across, up, near = rng.normal(0.0, 1.0, 3).clip(-2, 2) * (9.0, 6.0, 22.0)
        self.seat = (float(across), float(up), float(near))
        self._figures: dict[tuple[int, int, int], tuple[Figure, NDArray[np.float32]]] = {}
        self._seen: dict[tuple[int, int, int], NDArray[np.float32]] = {}

    @property
    def behaviour(self) -> Behaviour:
        """What the person does, with the truth of every take; another one may be put in its place."""
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._seen = {}

    def cue(self, cue: Cue) -> None:
        """See `Scene`."""
        self._behaviour.cue(cue)
        self._seen = {}

    def render(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        """See `Scene`."""
        return self.look(self._behaviour.state(time_ns), time_ns, width, height, GREY)[..., 0]

    def picture(self, time_ns: int, width: int, height: int) -> NDArray[np.uint8]:
        """See `Scene`."""
        light = self.look(self._behaviour.state(time_ns), time_ns, width, height, np.eye(3))
        return to_grey(light)

    def look(
        self, state: FaceState, time_ns: int, width: int, height: int, weights: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Linear light ``[H, W, C]`` of a state of the face.

        Args:
            state: of the face.
            time_ns: host clock, of light and room.
            width: px.
            height: px.
            weights: of blue, green and red in each channel, ``[C, 3]``.
        """
        figure, wall = self._figure(width, height, weights)
        gain = self.light.gain(time_ns)
        wall = self._room.with_passer(wall, time_ns, self._focal(height))
        return figure.draw(state, self.seat, gain, wall)

    def _focal(self, height: int) -> float:
        return self._lens.focal * height / self._lens.rows

    def _figure(
        self, width: int, height: int, weights: NDArray[np.float64]
    ) -> tuple[Figure, NDArray[np.float32]]:
        key = (width, height, len(weights))
        if key not in self._figures:
            focal = self._focal(height)
            texel = float(np.clip(0.85 * DISTANCE / focal, 0.28, 3.0))
            wall = self._room.wall(width, height, focal) @ weights.T.astype(np.float32)
            # As fine as three pixels of the picture.
            person = Person(self.identity, float(np.clip(1.65 * DISTANCE / focal, 1.5, 2.0)))
            figure = Figure(person, self.light, self._lens, texel, weights, self._threads)
            self._figures[key] = figure, np.ascontiguousarray(wall, np.float32)
        return self._figures[key]

    def motion(self, begin_ns: int, end_ns: int, width: int, height: int) -> float:
        """See `Scene`; light that flickers counts as motion."""
        before, after = (self._looked_at(time, width, height) for time in (begin_ns, end_ns))
        moved = float(np.sqrt(((after - before) ** 2).sum(0).max()))
        if self.light.flicker:
            moved = max(moved, 0.5 * (end_ns - begin_ns) / FLICKER_STEP)
        return moved

    def _looked_at(self, time_ns: int, width: int, height: int) -> NDArray[np.float32]:
        """Where everything is that moves, px, float32 ``[2, N]``; what was asked for last is remembered."""
        key = (time_ns, width, height)
        seen = self._seen
        if key in seen:
            return seen[key]
        figure, _ = self._figures.get((width, height, 3)) or self._figure(width, height, GREY)
        state = self._behaviour.state(time_ns)
        x, y = figure.place(state, self.seat, width, height)
        eyes = figure.person.eye_states(state)
        scale = self._focal(height) / DISTANCE
        lids = [(scale * eye.gaze_x, scale * (eye.gaze_y + height_of)) for eye in eyes
                for height_of in (APERTURE * eye.closed, eye.upper, eye.lower)]  # fmt: skip
        rest = np.array([*lids, figure.body_shift(state, height)], np.float32).T
        places = np.concatenate([np.stack([x, y]), rest], axis=1)
        # A step asks for its end, and then for the same moment as the next one's begin.
        if len(seen) > 3:
            seen.pop(next(iter(seen)))
        seen[key] = places
        return places
