"""The size of a sensor when the file does not tell: from its name, else from the coordinates."""

from __future__ import annotations

_NAMES = (
    ("imx636", (1280, 720)),
    ("gen42", (1280, 720)),
    ("gen4.2", (1280, 720)),
    ("gen41", (1280, 720)),
    ("gen4.1", (1280, 720)),
    ("gen31", (640, 480)),
    ("gen3.1", (640, 480)),
    ("genx320", (320, 320)),
    ("evk4", (1280, 720)),
)

_SIZES = ((304, 240), (320, 240), (320, 320), (346, 260), (640, 480), (1280, 720))


def size_by_name(text: str) -> tuple[int, int] | None:
    """Width and height, px, of a sensor or camera named in a text, None if there is none."""
    text = text.lower()
    return next((size for name, size in _NAMES if name in text), None)


def size_by_extent(right: int, bottom: int) -> tuple[int, int]:
    """Width and height, px, of the smallest known sensor with this column and row, else just as large."""
    fits = (size for size in _SIZES if right < size[0] and bottom < size[1])
    return next(fits, (right + 1, bottom + 1))
