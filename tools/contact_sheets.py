"""Contact sheets of virtual people: who they are, every Action Unit at its apex, and its events.

    python tools/contact_sheets.py [--out docs/images] [--seeds 7 10 ...] [--sheets faces events people]
    python tools/contact_sheets.py --detect [--people 24]

The second form draws nothing: it searches the face with MTCNN at rest and at each apex, in the frame of the
DAVIS346 and of the webcam, and prints what is found with a probability below `SURE`. The same arguments give
the same pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.cameras.source import Cue
from evface.protocol import ACTION_UNITS, AU_NUMBERS
from evface.simulation.face import FaceScene
from evface.simulation.scene import to_grey
from evface.simulation.sensor.pixels import make_sensor
from evface.simulation.stepping import Steps
from evface.simulation.subject.face_state import Performance

Picture = NDArray[np.uint8]

SEEDS = (2, 4, 6, 8, 14, 21, 23)
"""The subjects of the sheets: both sexes, light and dark, young and grey, with beards, glasses, long hair."""
PEOPLE = range(1, 25)
SIZES = {"davis346": (346, 260), "webcam": (1280, 720)}
BEGIN = 1_800_000_000_000_000_000
"""ns, when a subject's session begins."""
TRIAL, TAKE = 20_000_000_000, 4_000_000_000
"""ns between two cues, and for each."""
SLICE = 33_000_000
"""ns of events in one picture."""
SURE = 0.95
"""Probability of MTCNN above which a picture shows a face."""
PROFILES = (51, 52)
SHEETS = ("faces", "events", "people")

TILE = (144, 180)
"""Width and height of one picture in a sheet, px."""
FACE_MM = (232.0, 290.0)
"""Width and height of what it shows, mm."""
HAIR = 4.0
"""mm that the middle of what is shown lies above the middle of the camera's aim."""
PX_PER_MM = {"davis346": 0.81, "webcam": 1.1412}
QUIET, LOUD, INK = 110, 2, (32, 32, 32)
"""Grey of a pixel without events, of the events that give black or white, and of the letters."""


def performed(scene: FaceScene, au: int) -> Performance:
    """Ask a subject for an Action Unit, again while it fails: the truth of the take that did not."""
    trial = AU_NUMBERS.index(au)
    for take in range(1, 9):
        start = BEGIN + (8 * trial + take) * TRIAL
        scene.cue(Cue("perform", au, start, TAKE, trial, take))
        truth = scene.behaviour.performances[-1]
        if not truth.failed:
            break
    return truth


def apex(scene: FaceScene, au: int, camera: str) -> Picture:
    """What a camera sees in the middle of an Action Unit's apex; of the DAVIS346 in grey."""
    truth = performed(scene, au)
    return look(scene, (truth.apex + truth.offset) // 2, camera)


def look(scene: FaceScene, time_ns: int, camera: str) -> Picture:
    """What a camera sees at a moment."""
    if camera == "webcam":
        return scene.picture(time_ns, *SIZES[camera])
    return to_grey(scene.render(time_ns, *SIZES[camera]))


def events(scene: FaceScene, au: int, seed: int) -> Picture:
    """Events of a DAVIS346 in the middle of an Action Unit's onset, on events light and off events dark."""
    truth = performed(scene, au)
    width, height = SIZES["davis346"]
    middle = (truth.onset + truth.apex) // 2
    begin, end = middle - SLICE // 2, middle + SLICE // 2
    sensor = make_sensor(width, height, "davis346", lux=scene.lux, seed=seed)
    balance = np.zeros((height, width), np.int32)
    # A while before, the pixels' filters settle and their hot ones get into their rhythm.
    for time in Steps().times(scene, begin - 3 * SLICE, end, width, height):
        seen = sensor.step(scene.render(time, width, height), time // 1000)
        late = seen.t >= begin // 1000
        np.add.at(balance, (seen.y[late], seen.x[late]), 2 * seen.p[late].astype(np.int32) - 1)
    grey = QUIET + balance * (QUIET // LOUD)
    return np.asarray(cv2.cvtColor(np.clip(grey, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR), np.uint8)


def tile(scene: FaceScene, picture: Picture, camera: str) -> Picture:
    """The piece of a picture around where a subject sits, at a sheet's size."""
    height, width = picture.shape[:2]
    across, up, _ = scene.seat
    scale = PX_PER_MM[camera]
    half_width, half_height = (round(0.5 * mm * scale) for mm in FACE_MM)
    # The head is higher than its middle between the eyes, and must not leave the picture.
    column = round(width / 2 + across * scale)
    row = min(max(half_height, round(height / 2 - (up + HAIR) * scale)), height - half_height)
    piece = picture[row - half_height : row + half_height, column - half_width : column + half_width]
    smaller = piece.shape[0] > TILE[1]
    return np.asarray(
        cv2.resize(piece, TILE, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC), np.uint8
    )


def heading(au: int) -> Picture:
    """The name of an Action Unit, as wide as a tile."""
    strip = np.full((40, TILE[0], 3), 255, np.uint8)
    unit = next(unit for unit in ACTION_UNITS if unit.number == au)
    for line, (text, size) in enumerate(((f"AU {au}", 0.52), (unit.name, 0.40))):
        place = (4, 16 + 18 * line)
        cv2.putText(strip, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)
    return strip


def row_of_faces(seed: int) -> Picture:
    """A subject's Action Units, side by side."""
    scene = FaceScene(seed, "webcam")
    return np.hstack([tile(scene, apex(scene, au, "webcam"), "webcam") for au in AU_NUMBERS])


def row_of_events(seed: int) -> Picture:
    """The events of a subject's Action Units, side by side."""
    scene = FaceScene(seed, "davis346")
    return np.hstack([tile(scene, events(scene, au, seed), "davis346") for au in AU_NUMBERS])


def at_rest(seed: int) -> Picture:
    """A subject who does nothing."""
    scene = FaceScene(seed, "webcam")
    return tile(scene, look(scene, BEGIN, "webcam"), "webcam")


def in_parallel(draw: Callable[[int], Picture], seeds: Sequence[int], workers: int) -> Iterator[Picture]:
    """A picture of each seed, in their order."""
    if workers == 1:
        yield from map(draw, seeds)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(draw, seeds)


def save(path: Path, sheet: Picture, quality: int) -> None:
    """Write a sheet as a JPEG.

    Raises:
        OSError: it cannot be written.
    """
    written, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert written
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.tobytes())
    print(f"{path}: {sheet.shape[1]}x{sheet.shape[0]}, {path.stat().st_size / 1e6:.2f} MB")


def missed(seed: int, cameras: Sequence[str] = ("davis346", "webcam")) -> list[tuple[str, int, int, float]]:
    """Camera, seed, Action Unit (0: at rest) and probability where MTCNN is not sure of a subject's face."""
    from evface.dataset.boxes import FaceDetector

    detector, found = FaceDetector(), []
    for camera in cameras:
        scene = FaceScene(seed, camera)
        for au in (0, *AU_NUMBERS):
            picture = apex(scene, au, camera) if au else look(scene, BEGIN, camera)
            box = detector.detect(picture)
            probability = box.probability if box is not None else 0.0
            if probability <= SURE:
                found.append((camera, seed, au, probability))
    return found


def print_detections(seeds: Sequence[int], workers: int) -> int:
    """Print where MTCNN is not sure; how many of these are no profiles."""
    pictures = len(seeds) * (1 + len(AU_NUMBERS))
    with ProcessPoolExecutor(workers) as pool:
        found = [miss for misses in pool.map(missed, seeds) for miss in misses]
    for camera in SIZES:
        of_camera = [miss for miss in found if miss[0] == camera]
        profiles = sum(miss[2] in PROFILES for miss in of_camera)
        print(f"{camera}: {pictures} pictures, {len(of_camera)} not above {SURE}, {profiles} profiles")
        for _, seed, au, probability in of_camera:
            print(f"  seed {seed:3d}  {f'AU {au}' if au else 'at rest':8s} {probability:.3f}")
    return sum(miss[2] not in PROFILES for miss in found)


def draw_sheets(names: Sequence[str], seeds: Sequence[int], out: Path, workers: int) -> None:
    """Draw sheets and save them."""
    head = np.hstack([heading(au) for au in AU_NUMBERS])
    if "faces" in names:
        save(out / "faces.jpg", np.vstack([head, *in_parallel(row_of_faces, seeds, workers)]), 84)
    if "events" in names:
        save(out / "faces_events.jpg", np.vstack([head, *in_parallel(row_of_events, seeds, workers)]), 76)
    if "people" in names:
        faces = list(in_parallel(at_rest, PEOPLE, workers))
        save(
            out / "people.jpg",
            np.vstack([np.hstack(faces[at : at + 8]) for at in range(0, len(faces), 8)]),
            90,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--sheets", nargs="+", choices=SHEETS, default=SHEETS)
    parser.add_argument("--detect", action="store_true", help="search the faces with MTCNN instead")
    parser.add_argument("--people", type=int, default=24, help="how many are searched (seeds 1 to so many)")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    asked = parser.parse_args(arguments)
    if asked.detect:
        return min(1, print_detections(range(1, asked.people + 1), asked.workers))
    draw_sheets(asked.sheets, asked.seeds, asked.out, asked.workers)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
