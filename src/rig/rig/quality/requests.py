"""What the quality monitor asks of its assessor, and the answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evface.quality import Report, TakeFacts, Thresholds
from evface.quality.watch import Look


@dataclass(frozen=True, slots=True)
class AssessTake:
    """Look through a finished take and write its quality.json.

    Attributes:
        manifest: of the session.
        name: of the take.
        facts: what the rig knows of it.
        thresholds: what is green and what red.
    """

    manifest: Path
    name: str
    facts: TakeFacts
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class LookAt:
    """Find the face in a picture.

    Attributes:
        sensor: whose.
        picture: with the fields of a sensor_msgs Image or CompressedImage.
        thresholds: what is too dark and too bright.
    """

    sensor: str
    picture: Any
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class MeasureDisk:
    """Measure how fast a folder can be written."""

    folder: Path


Request = AssessTake | LookAt | MeasureDisk


@dataclass(frozen=True, slots=True)
class Assessed:
    """A take was looked through; ``report`` is None where it could not be, and ``error`` says why."""

    name: str
    report: Report | None
    redo_suggested: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """A picture was looked at; ``look`` is None where it could not be, and ``error`` says why."""

    sensor: str
    look: Look | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class DiskMeasured:
    """bytes/s; NaN where it could not be written."""

    speed: float
    error: str = ""


Answer = Assessed | Looked | DiskMeasured
