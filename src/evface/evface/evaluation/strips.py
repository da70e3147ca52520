"""Strips of pictures of a take: camera frames and event frames from its clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.dataset.boxes import Box
from evface.dataset.event_file import EventFile
from evface.dataset.tree import ConvertedTake
from evface.dataset.video import read_video
from evface.errors import DatasetError, GeometryError
from evface.evaluation.figures import event_frame_picture
from evface.events import Slicer

Picture = NDArray[np.uint8]
"""rgb, uint8 ``[H, W, 3]``."""


def strip(pictures: Sequence[Picture], height: int = 160, gap: int = 4) -> Picture:
    """Pictures side by side on white, all of one height.

    Raises:
        GeometryError: no pictures.
    """
    if not pictures:
        raise GeometryError("no picture for a strip")
    scaled = []
    for picture in pictures:
        nearest = picture.shape[0] < height
        size = (max(1, round(picture.shape[1] * height / picture.shape[0])), height)
        interpolation = cv2.INTER_NEAREST if nearest else cv2.INTER_AREA
        scaled.append(np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8))
        scaled.append(np.full((height, gap, 3), 255, np.uint8))
    return np.concatenate(scaled[:-1], axis=1)


def camera_strip(
    take: ConvertedTake, camera: Literal["davis", "rgb"], count: int = 6, height: int = 160
) -> Picture:
    """Frames of a camera, most of them where most happens in the clip, with the face box.

    Raises:
        DatasetError: the take has no frames of this camera.
        FormatError: its video is broken.
    """
    path = take.file(f"recording-{camera}_video.mkv")
    if not path.exists():
        raise DatasetError(f"{take.id.name}: no frames of {camera}")
    wanted = [(instant - take.start) / 1e9 for instant in _instants(take, count)]
    best: list[tuple[float, Picture] | None] = [None] * count
    for time, image in read_video(path):
        for index, instant in enumerate(wanted):
            distance = abs(time - instant)
            found = best[index]
            if found is None or distance < found[0]:
                best[index] = (distance, image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1]))
    pictures = [_framed(entry[1], take.boxes.get(camera)) for entry in best if entry is not None]
    return strip(pictures, height)


def event_strip(
    take: ConvertedTake, sensor: Literal["davis", "evk4"] = "davis", count: int = 6, height: int = 160
) -> Picture:
    """Event frames of 33 ms, most of them where most happens in the clip, with the face box.

    Raises:
        DatasetError: the take has no events of this sensor.
        FormatError: its event file is broken.
    """
    if not take.events(sensor).exists():
        raise DatasetError(f"{take.id.name}: no events of {sensor}")
    with EventFile(take.events(sensor)) as file:
        frames = [slice_at(file, file.to_sensor(instant)) for instant in _instants(take, count)]
    lit = np.concatenate([frame[frame > 0] for frame in frames])
    full = max(1.0, float(np.percentile(lit, 99))) if len(lit) else 1.0
    box = take.boxes.get(sensor)
    return strip([_framed(event_frame_picture(frame, full), box) for frame in frames], height)


def slice_at(file: EventFile, instant: int) -> NDArray[np.uint16]:
    """The event frame of the whole sensor in which an instant lies.

    Args:
        file: open event file.
        instant: us, sensor clock.

    Returns:
        uint16 ``[2, H, W]``, counts of off and on events of the slice of 33 ms.
    """
    slicer = Slicer(file.width, file.height)
    first = instant // slicer.duration * slicer.duration
    for block in file.blocks(first, first + slicer.duration):
        slicer.push(block)
    last = slicer.flush()
    return last[0].counts if last else np.zeros((2, file.height, file.width), np.uint16)


def png(picture: Picture) -> bytes:
    """A picture as the bytes of a PNG."""
    return bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())


def _instants(take: ConvertedTake, count: int) -> list[int]:
    """ns, host clock: as many DAVIS events lie between one and the next; evenly spaced without events."""
    if take.window is None:
        raise DatasetError(f"{take.id.name}: no clip in it")
    start, end = take.window
    shares = np.linspace(0.0, 1.0, 2 * count + 1)[1::2]
    if take.events("davis").exists():
        with EventFile(take.events("davis")) as file:
            times = [block.t for block in file.blocks(file.to_sensor(start), file.to_sensor(end))]
            if sum(map(len, times)) >= count:
                return [file.to_host(int(time)) for time in np.quantile(np.concatenate(times), shares)]
    return [int(start + share * (end - start)) for share in shares]


def _framed(image: NDArray[np.uint8], box: Box | None) -> Picture:
    """A gray or rgb picture as rgb, with the face box drawn."""
    picture = np.ascontiguousarray(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2))
    if box is not None and box.probability > 0:
        corners = [(round(box.x), round(box.y)), (round(box.x + box.width), round(box.y + box.height))]
        cv2.rectangle(picture, corners[0], corners[1], (90, 220, 120), max(1, picture.shape[0] // 200))
    return picture
