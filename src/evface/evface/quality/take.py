"""The quality of a finished take, and its file quality.json."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evface.bags import Bag
from evface.dataset.recordings import Take
from evface.errors import DatasetError, EvfaceError
from evface.quality import clock_checks, light_checks, picture_checks, stream_checks
from evface.quality.clock_checks import Offset
from evface.quality.finding import Check, Level, Report, advice, graded
from evface.quality.measuring import Arrivals, Detect, EventsOfTake, FramesOfTake, Measured, measure
from evface.quality.streams import STREAMS, Stream, streams_of
from evface.quality.thresholds import Thresholds

QUALITY = "quality.json"
"""In the folder of a recorded take."""

HOT_PIXELS_LISTED = 500
"""The hottest are named; how many there are is said in any case."""

LOST = "the machine was too busy, or a cable is loose"


@dataclass(frozen=True, slots=True)
class TakeFacts:
    """What the running rig knows of a take and its bag does not.

    Attributes:
        cameras: that should be in it; (): those that are.
        nominal: frames/s asked of each camera; without, the median of the take.
        driver_lost: packets and frames that each driver said it lost.
        lux: light on the scene; NaN: nobody measured.
        gaps: of each camera that was unplugged, from when to when, ns, host clock; to 0: it is still away.
    """

    cameras: tuple[str, ...] = ()
    nominal: Mapping[str, float] = field(default_factory=dict)
    driver_lost: Mapping[str, int] = field(default_factory=dict)
    lux: float = float("nan")
    gaps: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)


def assess_take(
    take: Take,
    thresholds: Thresholds,
    facts: TakeFacts = TakeFacts(),
    *,
    offsets: Sequence[Offset] = (),
    detect: Detect | None = None,
) -> Report:
    """Measure a finished take and write its quality.json, whole or not at all.

    Args:
        take: of a session; its bag is only read.
        thresholds: what is green and what red.
        facts: what the running rig knows of it.
        offsets: between the sensors' clocks, as found in this take.
        detect: of faces; None: nobody looks.

    Raises:
        FormatError: the bag cannot be read at all.
        DatasetError: quality.json cannot be written.
    """
    with Bag(take.bag) as bag:
        streams = (
            streams_of(list(facts.cameras))
            if facts.cameras
            else tuple(stream for stream in STREAMS if stream.topic in bag.topics)
        )
        begin = take.cues[0].start if take.cues else bag.span[0]
        end = take.ended or bag.span[1]
        measured = measure(bag, streams, take.cues, end, detect, thresholds)
    usual = usual_rest(take)
    checks: list[Check] = []
    for stream, found in measured.items():
        checks += _arrival_checks(stream, found.arrivals, (begin, end), take, thresholds)
        if isinstance(found, EventsOfTake):
            checks += _event_checks(stream, found, usual.get(stream.sensor, float("nan")), take, thresholds)
        else:
            checks += _frame_checks(stream, found, facts.nominal.get(stream.sensor, 0.0), take, thresholds)
    checks += [
        stream_checks.losses("lost by the driver", sensor, count, LOST)
        for sensor, count in sorted(facts.driver_lost.items())
    ]
    for sensor, gaps in sorted(facts.gaps.items()):
        count = sum(1 for away, back in gaps if away <= end and (back == 0 or back >= begin))
        checks.append(
            stream_checks.losses("unplugged", sensor, count, "the camera was away: look at its cable")
        )
    checks.append(light_checks.illuminance(facts.lux, thresholds))
    checks += clock_checks.both(offsets, thresholds)
    report = Report(tuple(checks), take.id.name)
    _write(take, report, thresholds, measured)
    return report


def redo_suggested(take: Take, report: Report) -> bool:
    """Whether a take is flagged: something in it is red, and nobody has discarded it already."""
    return report.level == Level.RED and take.outcome == "complete"


def read_quality(folder: Path) -> dict[str, Any] | None:
    """What the quality.json in a recorded take's folder says; None where there is none.

    Raises:
        DatasetError: it is broken.
    """
    path = folder / QUALITY
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise DatasetError(f"{path}: expected an object, found {type(found).__name__}")
    return found


def usual_rest(take: Take) -> dict[str, float]:
    """events/s at rest of each sensor, the median of the other takes of the session assessed so far."""
    rates: dict[str, list[float]] = {}
    for path in take.bag.parent.glob(f"sub-*/{QUALITY}"):
        if path.parent == take.bag:
            continue
        try:
            quality = read_quality(path.parent) or {}
        except EvfaceError:
            continue
        for sensor, found in quality.get("sensors", {}).items():
            rate = found.get("events", {}).get("rate_at_rest")
            if rate:
                rates.setdefault(sensor, []).append(float(rate))
    return {sensor: float(np.median(found)) for sensor, found in rates.items()}


def _arrival_checks(
    stream: Stream, arrivals: Arrivals, span: tuple[int, int], take: Take, t: Thresholds
) -> list[Check]:
    topic = take.line.get("topics", {}).get(stream.topic, {})
    sensor, dropped = stream.sensor, int(topic.get("dropped", 0))
    faulty = "the camera or its cable is faulty"
    return [
        _silence(stream, arrivals.longest_silence(*span), t),
        stream_checks.stamps(stream.kind, sensor, arrivals.age, t),
        stream_checks.losses(f"{stream.kind} queue drops", sensor, dropped, LOST),
        stream_checks.losses(f"{stream.kind} unreadable", sensor, arrivals.unreadable, faulty),
    ]


def _silence(stream: Stream, longest: float, t: Thresholds) -> Check:
    level = graded(longest, t.silence, t.silence)
    value = "nothing came" if longest == float("inf") else f"longest silence {longest:.2f} s"
    reason = advice(level, "the stream broke off: look at the cable and the node's log")
    return Check(stream.kind, level, value, f"at most {t.silence:g} s", reason, stream.sensor)


def _event_checks(
    stream: Stream, found: EventsOfTake, usual: float, take: Take, t: Thresholds
) -> list[Check]:
    sensor = stream.sensor
    recorded = int(take.line.get("topics", {}).get(stream.topic, {}).get("lost", 0))
    mean = found.events / found.rates.seconds if found.rates.seconds else 0.0
    hot = found.pixels.hot(t.hot_pixel) if found.pixels else []
    return [
        stream_checks.losses("packet gaps", sensor, max(found.missing, recorded), LOST),
        stream_checks.losses("events not decoded", sensor, found.dropped, "packets are missing or damaged"),
        stream_checks.event_rate(sensor, found.rates.highest, mean, t),
        stream_checks.rate_at_rest(sensor, found.rest.rate, usual, found.performing.rate, t),
        light_checks.flicker(sensor, found.flicker, t),
        Check("hot pixels", Level.GREEN, str(len(hot)), "listed, kept", "", sensor),
    ]  # fmt: skip


def _frame_checks(
    stream: Stream, found: FramesOfTake, nominal: float, take: Take, t: Thresholds
) -> list[Check]:
    sensor = stream.sensor
    stamps = np.array(found.arrivals.stamps, np.int64)
    intervals = np.diff(stamps) * 1e-9
    interval = 1 / nominal if nominal else float(np.median(intervals)) if len(intervals) else float("nan")
    missing = stream_checks.missing_frames(stamps, interval) if len(intervals) else 0
    counted = int(take.line.get("topics", {}).get(stream.topic, {}).get("missing_frames", 0))
    checks = [stream_checks.losses("frame gaps", sensor, max(missing, counted), LOST)]
    if len(intervals):
        p99 = float(np.percentile(intervals, 99))
        checks.append(stream_checks.frame_rate(sensor, 1 / float(np.mean(intervals)), 1 / interval, t))
        checks.append(stream_checks.frame_interval(sensor, p99, interval, t))
    if found.looked:
        checks += picture_checks.face(sensor, found.box, found.width, found.height, t)
        checks += picture_checks.exposure(sensor, found.exposures, t)
    else:
        checks += picture_checks.not_looked_at(sensor, "nobody looked")
    return checks


def _write(take: Take, report: Report, thresholds: Thresholds, measured: Measured) -> None:
    sensors: dict[str, dict[str, Any]] = {}
    for stream, found in measured.items():
        numbers = (
            _event_numbers(found, thresholds)
            if isinstance(found, EventsOfTake)
            else {"frames": found.frames, "looked_at": len(found.exposures)}
        )
        sensors.setdefault(stream.sensor, {})[stream.kind] = numbers
    content = {
        "take": take.id.name,
        "level": report.level.name.lower(),
        "redo_suggested": redo_suggested(take, report),
        "flags": report.reds,
        "checks": [check.as_dict() for check in report.checks],
        "sensors": sensors,
        "thresholds": thresholds.model_dump(),
        "bag_sha256": take.sha256,
    }
    path = take.bag / QUALITY
    temporary = take.bag / f".{QUALITY}"
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written: {error.strerror or error}") from error


def _event_numbers(found: EventsOfTake, t: Thresholds) -> dict[str, Any]:
    hot = found.pixels.hot(t.hot_pixel) if found.pixels else []
    flicker = found.flicker
    return {
        "packets": found.packets,
        "packets_missing": found.missing,
        "events": found.events,
        "events_not_decoded": found.dropped,
        "highest_rate": _finite(found.rates.highest),
        "rate_at_rest": _finite(found.rest.rate),
        "rate_performing": _finite(found.performing.rate),
        "flicker_hz": flicker.frequency if flicker else None,
        "flicker_depth": round(flicker.depth, 4) if flicker else None,
        "hot_pixels": len(hot),
        "hottest_pixels": hot[:HOT_PIXELS_LISTED],
    }


def _finite(value: float) -> float | None:
    """JSON has no NaN."""
    return round(value, 1) if np.isfinite(value) else None
