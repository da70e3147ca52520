"""Virtual faces beside filmed ones: how much contrast they have, and how many events a smile makes.

`python -m benchmarks.face_events --real ../shared/data/faces` (minutes). All of them are films at 25 or
30 Hz, brought to the size of a face before the DAVIS346 (51 px between the pupils) and played to the same
clean pixels.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.simulation import FaceScene, FunctionScene, VideoFrames, ask, film, record, to_light

Pictures = NDArray[np.uint8]

WIDTH, HEIGHT = 346, 260
PUPILS, ROW = 51.0, 110
"""px between the pupils, and the row they are brought to."""

FACE = np.s_[ROW - 40 : ROW + 90, WIDTH // 2 - 55 : WIDTH // 2 + 55]
MOUTH_FROM = ROW + 25

SMILES = {"smile_512.mp4": (12, 30), "smile_640x360.mp4": (15, 21)}
"""Real films, and the frames from onset to apex, seen by eye; before that the face is at rest."""


@dataclass(frozen=True, slots=True)
class Smile:
    """A film of a smile.

    Attributes:
        name: of the film or the person.
        pictures: uint8 ``[N, H, W, 3]`` (BGR).
        rate: Hz.
        onset: s.
        apex: s.
    """

    name: str
    pictures: Pictures
    rate: float
    onset: float
    apex: float


def filmed(folder: Path) -> Iterator[Smile]:
    """The real ones."""
    for name, (onset, apex) in SMILES.items():
        frames = VideoFrames(folder / name)
        pictures = np.stack([picture for _, picture in frames])
        yield Smile(name, pictures, frames.frame_rate, onset / frames.frame_rate, apex / frames.frame_rate)


def virtual(people: int) -> Iterator[Smile]:
    """Of people who succeed, by seed; the webcam's frames lie later than their index says."""
    for seed in range(people):
        scene = FaceScene(seed)
        ask(scene, 12)
        truth = scene.behaviour.performances[0]
        if not truth.failed:
            shots = list(film(scene, truth.apex / 1e9 + 0.1, size=(2 * WIDTH, 2 * HEIGHT)))
            onset, apex = ((moment - shots[0].time) / 1e9 for moment in (truth.onset, truth.apex))
            yield Smile(f"seed {seed}", np.stack([shot.image for shot in shots]), 30.0, onset, apex)


def aligned(pictures: Pictures, network: object) -> Pictures | None:
    """The same size of face in the same place, by one frame: heads still move. None without a face."""
    first = cv2.cvtColor(pictures[len(pictures) // 8], cv2.COLOR_BGR2RGB)
    _, _, landmarks = network.detect(first, landmarks=True)  # type: ignore[attr-defined]
    if landmarks is None:
        return None
    left, right = landmarks[0][:2]
    scale = PUPILS / float(np.hypot(*(right - left)))
    x, y = (left + right) / 2
    matrix = np.array([[scale, 0.0, WIDTH / 2 - scale * x], [0.0, scale, ROW - scale * y]])
    blur = 0.45 / scale if scale < 1 else 0.0
    return np.stack([
        cv2.warpAffine(
            cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture, matrix, (WIDTH, HEIGHT),
            borderMode=cv2.BORDER_REPLICATE,
        )
        for picture in pictures
    ]).astype(np.uint8)  # fmt: skip


def row_of(smile: Smile, network: object) -> str:
    """A row of the table."""
    pictures = aligned(smile.pictures, network)
    if pictures is None:
        return f"| {smile.name} | no face found |"
    light = to_light(np.asarray(cv2.cvtColor(pictures[len(pictures) // 8], cv2.COLOR_BGR2GRAY), np.uint8))
    log = np.log(light[FACE] + 0.004)
    slope = (np.abs(np.diff(log, axis=0)).mean() + np.abs(np.diff(log, axis=1)).mean()) / 2
    scene = FunctionScene.of_pictures(pictures, smile.rate)
    seconds = len(pictures) / smile.rate
    events = record(scene, seconds, size=(WIDTH, HEIGHT), pixels="clean", frame_rate=0.0).events
    rows, columns = FACE
    inside = (events.y >= rows.start) & (events.y < rows.stop)
    inside &= (events.x >= columns.start) & (events.x < columns.stop)
    events = events[inside]
    t, pixels = events.t / 1e6, log.size
    still = ((t >= 0.1) & (t < smile.onset - 0.03)).sum() / pixels / (smile.onset - 0.13)
    smiling = (t >= smile.onset) & (t < smile.apex)
    length = smile.apex - smile.onset
    low = (events.y[smiling] >= MOUTH_FROM).mean()
    numbers = f"{log.std():.2f} | {slope:.3f} | {still:.2f} | {length:.2f} | {smiling.sum() / pixels:.2f}"
    return f"| {smile.name} | {numbers} | {100 * low:.0f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, help="folder of the real films")
    parser.add_argument("--people", type=int, default=20)
    arguments = parser.parse_args()
    from facenet_pytorch import MTCNN

    network = MTCNN(keep_all=False, device="cpu")
    print(
        "| face | contrast (SD of log) | slope, 1/px | at rest, ev/s/px | onset, s | ev/px in it | mouth, % |"
    )
    print("|---|---|---|---|---|---|---|")
    real: Iterable[Smile] = filmed(arguments.real) if arguments.real else ()
    for smile in itertools.chain(real, virtual(arguments.people)):
        print(row_of(smile, network), flush=True)


if __name__ == "__main__":
    main()
