"""The people of the demonstration: what the webcam saw of each at rest and at the height of each take."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from evface.dataset.boxes import Box
from evface.dataset.tree import ConvertedTake
from evface.dataset.video import read_video
from evface.evaluation.strips import Picture, strip
from rig.demo.performance import truth_of_take

CELL = 132
"""px, height of a face on the sheet."""

MARGIN = 0.35
"""Of the face box, shown around it on each side."""

_GROUND = (255, 255, 255)
_TEXT = (34, 39, 46)


def contact_sheet(takes: Sequence[ConvertedTake]) -> Picture:
    """A row per subject, a column per Action Unit: the webcam's frame nearest to the apex; at rest first.

    Args:
        takes: of a dataset, of which those with a truth and a webcam are shown.

    Returns:
        rgb, uint8 ``[H, W, 3]``.

    Raises:
        FormatError: a file of a take is broken.
    """
    rows = []
    for subject in sorted({take.id.subject for take in takes}):
        own = sorted((take for take in takes if take.id.subject == subject), key=lambda take: take.id.au)
        cells: list[Picture] = []
        for take in own:
            shown = _at_rest_and_apex(take)
            if shown is None:
                continue
            rest, apex, failed = shown
            if not cells:
                cells.append(_labelled(rest, f"{subject}, at rest"))
            cells.append(_labelled(apex, f"AU {take.id.au}" + (", not done" if failed else "")))
        if cells:
            rows.append(strip(cells, height=cells[0].shape[0]))
    if not rows:
        return np.full((1, 1, 3), 255, np.uint8)
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 6), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return np.concatenate(padded)


def _at_rest_and_apex(take: ConvertedTake) -> tuple[Picture, Picture, bool] | None:
    """The face shortly before the onset and at the apex, and whether the performance failed."""
    truth, path = truth_of_take(take), take.file("recording-rgb_video.mkv")
    if truth is None or not path.exists():
        return None
    at = truth["seconds"]
    wanted = (at["onset"] - 0.1, (at["apex"] + at["offset"]) / 2)
    best: list[tuple[float, NDArray[np.uint8]]] = []
    for time, image in read_video(path):
        distances = [abs(time - instant) for instant in wanted]
        if not best:
            best = [(distance, image) for distance in distances]
        best = [(new, image) if new < old[0] else old for new, old in zip(distances, best, strict=True)]
        if time > wanted[1] + 0.2:
            break
    if not best:
        return None
    rest, apex = (_face(image, take.boxes.get("rgb")) for _, image in best)
    return rest, apex, bool(truth["failed"])


def _face(image: NDArray[np.uint8], box: Box | None) -> Picture:
    """The face and some room around it, of one size for every subject."""
    rows, columns = image.shape[:2]
    if box is None:
        box = Box(columns / 4, 0.0, columns / 2, float(rows), 0.0)
    side = max(box.width, box.height) * (1 + 2 * MARGIN)
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    part = cv2.getRectSubPix(image, (round(side), round(side)), middle)
    shown = cv2.resize(part, (CELL, CELL), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(shown[..., ::-1], np.uint8)


def _labelled(picture: Picture, text: str) -> Picture:
    label = np.full((18, picture.shape[1], 3), _GROUND, np.uint8)
    cv2.putText(label, text, (1, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _TEXT, 1, cv2.LINE_AA)
    return np.concatenate([label, picture])
