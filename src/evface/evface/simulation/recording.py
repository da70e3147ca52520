"""Scenes become recordings, without a rig: events and frames of an event camera, a webcam's film, truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from evface.cameras.options import SIZES
from evface.cameras.source import Cue
from evface.errors import ConfigError
from evface.events.container import Events
from evface.events.files import open_writer
from evface.simulation.scene import Scene
from evface.simulation.sensor.frame_sensor import GlobalShutter, RollingShutter, Shot
from evface.simulation.sensor.pixels import make_sensor
from evface.simulation.sensor.threshold import EventSensor
from evface.simulation.stepping import Steps
from evface.simulation.subject.face_state import Performance
from evface.simulation.subject.truth import performances_of

WEBCAM_SIZE = (1280, 720)
"""px."""

_SECOND = 1_000_000_000


class Look(NamedTuple):
    """What came of one look at a scene.

    Attributes:
        time: ns, the scene's clock.
        events: since the look before.
        frames: whose exposure ended since then.
    """

    time: int
    events: Events
    frames: list[Shot]


@dataclass(frozen=True, slots=True)
class VirtualRecording:
    """What a virtual event camera saw. All times are on the scene's clock, whatever their unit.

    Attributes:
        events: times in us.
        frames: of a DAVIS346, times in ns; none of other cameras.
        truth: performances asked for so far, oldest first, times in ns; none where nobody performs.
    """

    events: Events
    frames: list[Shot] = field(default_factory=list)
    truth: list[Performance] = field(default_factory=list)

    def write(self, path: str | Path) -> None:
        """The events as a file, .raw (EVT3) or .h5 (layout of DSEC); replaced if it is there.

        Raises:
            FormatError: another ending.
        """
        with open_writer(path, self.events.width, self.events.height) as writer:
            writer.write(self.events)


def ask(scene: Scene, au: int, at: float = 1.0, seconds: float = 2.6, trial: int = 0, take: int = 1) -> None:
    """Ask a scene's subject for an Action Unit, as the protocol does: a countdown, the take, rest.

    Args:
        scene: with somebody, or something, that acts on cues.
        au: FACS number.
        at: s on the scene's clock when the take begins; the subject needs 0.2 to 0.5 s to react.
        seconds: of the take; a face needs up to 2.6.
        trial: number; another one gives another performance.
        take: number, likewise.

    Raises:
        ConfigError: a person does not know this Action Unit.
    """
    start, duration = round(at * _SECOND), round(seconds * _SECOND)
    before = min(start, _SECOND)
    for phase, begin, length in (
        ("countdown", start - before, before),
        ("perform", start, duration),
        ("rest", start + duration, 0),
    ):
        scene.cue(Cue(phase, au, begin, length, trial, take))


def looks(
    scene: Scene,
    sensor: EventSensor,
    begin: int,
    end: int,
    *,
    shutter: GlobalShutter | None = None,
    clock: Callable[[int], int] = lambda time: time // 1000,
) -> Iterator[Look]:
    """Look at a scene with an event sensor, as often as its motion asks for.

    Args:
        scene: told its cues up to the end, or up to a moment before each look.
        sensor: not yet used, or used up to a moment before ``begin``.
        begin: ns, the scene's clock.
        end: ns.
        shutter: of frames that come from the same pictures; started.
        clock: the sensor's, us, at a moment of the scene's, ns.

    Yields:
        Each look; the first one only tells the sensor what there is to see.
    """
    for time in Steps().times(scene, begin, end, sensor.width, sensor.height):
        light = scene.render(time, sensor.width, sensor.height)
        events = sensor.step(light, clock(time))
        yield Look(time, events, shutter.see(light, time, scene.lux) if shutter is not None else [])


def watch(
    scene: Scene,
    seconds: float,
    camera: str = "davis346",
    *,
    begin: float = 0.0,
    size: tuple[int, int] | None = None,
    pixels: str | None = None,
    seed: int = 0,
    frame_rate: float = 25.0,
) -> Iterator[Look]:
    """Put a scene before a virtual event camera, and have what it sees as it comes.

    The same scene, cues and arguments give the same events.

    Args:
        scene: a person (`FaceScene`, opened for the same camera), a video, a photograph, a `FunctionScene`.
        seconds: how long.
        camera: "davis346", which takes frames too, or "evk4".
        begin: s on the scene's clock, 0 or above.
        size: width and height of the sensor, px; None: the camera's own.
        pixels: "ideal" or one of `PRESETS`; None: the camera's own.
        seed: of the camera: its pixels' thresholds, its noise.
        frame_rate: of the frames, Hz; 0: none.

    Returns:
        The looks; cues may still be told between them, for moments that have not come yet.

    Raises:
        ConfigError: no such camera or pixels, or no time to record.
        GeometryError: the scene has another size; when it is first looked at.
    """
    if camera not in SIZES:
        raise ConfigError(f"camera: expected {' or '.join(SIZES)}, found {camera!r}")
    start, end = _stretch(begin, seconds)
    width, height = size or SIZES[camera]
    sensor = make_sensor(width, height, pixels or camera, lux=scene.lux, seed=seed)
    shutter = None
    if camera == "davis346" and frame_rate > 0.0:
        shutter = GlobalShutter(width, height, frame_rate, seed=seed)
        shutter.start(start)
    return looks(scene, sensor, start, end, shutter=shutter)


def record(
    scene: Scene,
    seconds: float,
    camera: str = "davis346",
    *,
    begin: float = 0.0,
    size: tuple[int, int] | None = None,
    pixels: str | None = None,
    seed: int = 0,
    frame_rate: float = 25.0,
) -> VirtualRecording:
    """As `watch`, all of it at once; some 16 bytes of memory an event.

    Raises:
        ConfigError: no such camera or pixels, or no time to record.
        GeometryError: the scene has another size.
    """
    seen = list(
        watch(
            scene, seconds, camera,
            begin=begin, size=size, pixels=pixels, seed=seed, frame_rate=frame_rate,
        )
    )  # fmt: skip
    return VirtualRecording(
        events=Events.concatenate([look.events for look in seen]),
        frames=[frame for look in seen for frame in look.frames],
        truth=performances_of(scene),
    )


def film(
    scene: Scene,
    seconds: float,
    *,
    begin: float = 0.0,
    size: tuple[int, int] = WEBCAM_SIZE,
    frame_rate: float = 30.0,
    seed: int = 0,
    pictures: int = 2,
) -> Iterator[Shot]:
    """Put a scene before a virtual webcam.

    Args:
        scene: as of `watch`; a person opened for the camera "webcam".
        seconds: how long.
        begin: s on the scene's clock, 0 or above.
        size: width and height, px.
        frame_rate: Hz.
        seed: of the noise.
        pictures: the most that a frame is made from; in dim light, with its long exposures, two of them put
            what moves some ms away from where it was.

    Yields:
        The frames, BGR, times in ns on the scene's clock.

    Raises:
        ConfigError: no time to film.
    """
    start, end = _stretch(begin, seconds)
    shutter = RollingShutter(*size, frame_rate, seed=seed, pictures=pictures)
    period = round(_SECOND / frame_rate)
    # The first one is exposed from the beginning on at the earliest.
    for time in range(start + period + shutter.readout, end + 1, period):
        yield shutter.shoot(scene, time, scene.lux)


def _stretch(begin: float, seconds: float) -> tuple[int, int]:
    """Beginning and end, ns."""
    if begin < 0.0 or not seconds > 0.0:
        raise ConfigError(f"recording: expected some seconds from 0 on, found {seconds:g} s from {begin:g} s")
    return round(begin * _SECOND), round((begin + seconds) * _SECOND)
