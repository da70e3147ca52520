"""A video against the table of its frames' times."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av

from evface.dataset.validation.schema import Stream
from evface.dataset.video import read_times, read_video
from evface.errors import FormatError

CODECS = {"davis": "ffv1", "rgb": "mjpeg"}
"""Of the cameras' videos."""


def check_times(table: Path, stream: Stream) -> Iterator[str]:
    """What is wrong with a table of frames' times.

    Raises:
        FormatError: it cannot be read.
    """
    times = read_times(table)
    if len(times) != stream.frames:
        yield f"has {len(times)} frames, quality.json says {stream.frames}"
    if back := sum(after <= before for before, after in pairwise(times)):
        yield f"its times do not rise at {back} frames"


def check_video(video: Path, table: Path, stream: Stream, camera: str, origin: int) -> Iterator[str]:
    """What is wrong with a video: its kind and size, and each frame's time against the table.

    Args:
        video: the .mkv.
        table: its ``*_timestamps.csv``.
        stream: what quality.json says of it.
        camera: "davis" or "rgb".
        origin: ns, host clock, of the video's zero.

    Raises:
        FormatError: it cannot be read, or its first frame cannot be decoded.
    """
    try:
        with av.open(str(video)) as container:
            coded = container.streams.video[0]
            context = coded.codec_context
            if context.name != CODECS[camera]:
                yield f"is coded as {context.name}, expected {CODECS[camera]}"
            if (context.width, context.height) != (stream.width, stream.height):
                size = f"{stream.width}x{stream.height}"
                yield f"is of {context.width}x{context.height} px, quality.json says {size}"
            shown = [packet.pts for packet in container.demux(coded) if packet.size]
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise FormatError(f"not a readable video: {error}") from error
    next(read_video(video), None)
    times = read_times(table) if table.is_file() else []
    if len(shown) != len(times):
        yield f"holds {len(shown)} frames, {table.name} has {len(times)}"
    elif wrong := sum(found != due for found, due in zip(shown, _milliseconds(times, origin), strict=True)):
        yield f"{wrong} frames are shown at other times than {table.name} says"


def _milliseconds(times: list[int], origin: int) -> Iterator[int]:
    """When a video shows frames of these times: whole ms, no two at once."""
    last = -1
    for time in times:
        last = max(last + 1, (time - origin) // 1_000_000)
        yield last
