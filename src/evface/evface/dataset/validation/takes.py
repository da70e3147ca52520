"""One take of a dataset: its JSON files against each other, and every other file against them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from evface.dataset.annotations import ANNOTATIONS, read_annotations
from evface.dataset.naming import TakeId
from evface.dataset.tree import read_json
from evface.dataset.truth import INSTANTS, TRUTH
from evface.dataset.validation.event_files import check_event_file
from evface.dataset.validation.finding import Finding, findings
from evface.dataset.validation.schema import Quality, Sync, Truth
from evface.dataset.validation.tables import check_boxes, check_cues
from evface.dataset.validation.videos import check_times, check_video
from evface.errors import EvfaceError
from evface.validation import validated

TABLES = ("events.tsv", "boxes.csv", "sync.json", "quality.json")
"""Files that every take has."""

STREAMS = {
    "davis events": ("recording-davis_dvs.h5",),
    "evk4 events": ("recording-evk4_dvs.h5",),
    "davis frames": ("recording-davis_video.mkv", "recording-davis_timestamps.csv"),
    "rgb frames": ("recording-rgb_video.mkv", "recording-rgb_timestamps.csv"),
}
"""What quality.json calls a stream, and its files."""

SUFFIXES = {*TABLES, TRUTH, ANNOTATIONS, *(file for files in STREAMS.values() for file in files)}
"""Of all files that a take may have."""

FAR = 60.0
"""s: a clip or a truth that lies further from the take's start belongs elsewhere."""

MICROSECOND = 1e-6
"""s: to which truths round their seconds."""

Fields = TypeVar("Fields", bound=BaseModel)


def check_take(root: Path, take: TakeId, with_truth: bool, released: bool) -> Iterator[Finding]:
    """What is wrong with a take.

    Args:
        root: of the dataset.
        take: which.
        with_truth: the dataset was simulated: every take has its truth.
        released: whether its videos may be in the dataset.
    """
    paths = {suffix: take.file(root, suffix) for suffix in SUFFIXES}
    read: dict[str, BaseModel] = {}
    for suffix, model in (("quality.json", Quality), ("sync.json", Sync)):
        yield from findings(root, paths[suffix], _read(paths[suffix], model, read))
    quality, sync = read.get("quality.json"), read.get("sync.json")
    if not isinstance(quality, Quality) or not isinstance(sync, Sync):
        return
    yield from findings(root, paths["quality.json"], _check_quality(quality, take))
    yield from findings(root, paths["sync.json"], _check_sync(sync, quality))
    complete = quality.outcome == "complete"
    yield from findings(root, paths["events.tsv"], check_cues(paths["events.tsv"], take.au, complete))
    yield from findings(root, paths["boxes.csv"], check_boxes(paths["boxes.csv"], quality.sensors))
    if paths[ANNOTATIONS].exists():
        yield from findings(root, paths[ANNOTATIONS], _check_annotations(root, take))
    for name, files in STREAMS.items():
        yield from _check_stream(root, name, [paths[file] for file in files], quality, sync, released)
    if with_truth or paths[TRUTH].exists():
        yield from findings(root, paths[TRUTH], _check_truth(paths[TRUTH], take, sync))


def _read(path: Path, model: type[Fields], into: dict[str, BaseModel]) -> Iterator[str]:
    """Read a JSON file by its fields; one line says which are wrong."""
    content = read_json(path)
    try:
        into[path.name.rpartition("_")[2]] = validated(model, content, str(path))
    except EvfaceError as error:
        yield str(error).removeprefix(f"{path}: ")


def _check_annotations(root: Path, take: TakeId) -> Iterator[str]:
    for said in read_annotations(root, take):
        if not said.onset <= said.apex <= said.offset <= said.end:
            yield f"what {said.by} said at {said.at} is not in order"


def _check_quality(quality: Quality, take: TakeId) -> Iterator[str]:
    if quality.take != take.name:
        yield f"take is {quality.take!r}, expected {take.name!r}"
    if (quality.au, quality.run) != (take.au, take.run):
        yield f"is of AU {quality.au}, run {quality.run}: not what the file's name says"
    if strange := sorted(set(quality.sensors) - set(STREAMS)):
        yield f"sensors has {', '.join(strange)}, expected some of {', '.join(STREAMS)}"
    if quality.simulated != any(stream.source == "virtual" for stream in quality.sensors.values()):
        yield f"simulated is {quality.simulated}, its sensors' sources say otherwise"
    if quality.outcome != "complete" and quality.outcome not in quality.flags:
        yield f"was {quality.outcome}, and no flag says so"
    for name, stream in quality.sensors.items():
        sensor = name.split()[0]
        if stream.packets_lost and f"{sensor}: {stream.packets_lost} packets lost" not in quality.flags:
            yield f"{sensor} lost {stream.packets_lost} packets, and no flag says so"
        if (stream.events_out if name.endswith("events") else stream.frames) is None:
            yield f"sensors.{name} does not say how many there are"


def _check_sync(sync: Sync, quality: Quality) -> Iterator[str]:
    if set(sync.sensors) != set(quality.sensors):
        yield f"has clocks of {sorted(sync.sensors)}, quality.json has {sorted(quality.sensors)}"
    if sync.clip is None:
        if quality.outcome == "complete":
            yield "has no clip, and the take is complete"
    elif abs(away := (sync.clip.start_ns - sync.take_start_ns) / 1e9) > FAR:
        yield f"its clip starts {away:.1f} s from the take's start"


def _check_stream(
    root: Path, name: str, paths: list[Path], quality: Quality, sync: Sync, released: bool
) -> Iterator[Finding]:
    """The files of a stream: all of them where quality.json has it, none where not."""
    sensor, kind = name.split()
    stream = quality.sensors.get(name)
    if stream is None or (kind == "frames" and not released):
        why = f"quality.json has no {name}" if stream is None else "the subject did not release videos"
        for path in paths:
            if path.exists():
                yield Finding(path.relative_to(root).as_posix(), f"is there, but {why}")
        return
    if kind == "events":
        yield from findings(root, paths[0], check_event_file(paths[0], stream, sync.sensors.get(name, {})))
        return
    video, table = paths
    yield from findings(root, table, check_times(table, stream))
    yield from findings(root, video, check_video(video, table, stream, sensor, sync.take_start_ns))


def _check_truth(path: Path, take: TakeId, sync: Sync) -> Iterator[str]:
    read: dict[str, BaseModel] = {}
    yield from _read(path, Truth, read)
    truth = read.get(TRUTH)
    if not isinstance(truth, Truth):
        return
    if truth.au != take.au:
        yield f"is of AU {truth.au}, expected {take.au}"
    for name in INSTANTS:
        seconds = (getattr(truth, name) - sync.take_start_ns) / 1e9
        if not abs(seconds - truth.seconds.get(name, float("nan"))) <= MICROSECOND:
            yield f"{name} is {seconds:.6f} s from the take's start, seconds says {truth.seconds.get(name)}"
        if not 0 <= seconds <= FAR:
            yield f"{name} lies {seconds:.1f} s from the take's start"
