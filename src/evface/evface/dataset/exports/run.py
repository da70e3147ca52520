"""Every clip's take into another format; what is there is kept, nothing half-written looks finished."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from evface.dataset.exports.elan import write_elan
from evface.dataset.exports.evreal import write_evreal
from evface.dataset.progress import Progress, silent
from evface.dataset.tree import ConvertedTake, list_takes, training_takes
from evface.errors import ConfigError, DatasetError

FORMATS = {"evreal": "", "elan": ".eaf"}
"""By name: the ending of what is written of a take."""

SENSORS = ("davis", "evk4")
"""Whose events can be exported."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What became of the takes.

    Attributes:
        written: exported now.
        there: exported already.
    """

    written: int
    there: int


def export(
    root: Path, to: str, out: Path, *, sensor: str = "davis", progress: Progress = silent
) -> ExportReport:
    """Write the takes that count for training in another format; the dataset is only read.

    A take that is in ``out`` already is skipped, so that an interrupted export goes on where it was.

    Args:
        root: of the dataset.
        to: "evreal" or "elan".
        out: folder of what is written; made if it is not there.
        sensor: "davis" or "evk4": whose events EVREAL gets; takes without them are left out.
        progress: told after every take.

    Raises:
        ConfigError: no such format or sensor.
        DatasetError: no dataset, no take to export, ``out`` lies in the dataset or cannot be written.
        FormatError: a take's file is broken.
    """
    if to not in FORMATS:
        raise ConfigError(f"to: expected {' or '.join(FORMATS)}, found {to!r}")
    if sensor not in SENSORS:
        raise ConfigError(f"sensor: expected {' or '.join(SENSORS)}, found {sensor!r}")
    if out.resolve().is_relative_to(root.resolve()):
        raise DatasetError(f"{out}: cannot lie inside the dataset {root}")
    takes = [
        take for take in training_takes(list_takes(root)) if to != "evreal" or take.events(sensor).exists()
    ]
    if not takes:
        events = f" with events of {sensor}" if to == "evreal" else ""
        raise DatasetError(f"{root}: has no take that counts for training{events}")
    written = 0
    try:
        out.mkdir(parents=True, exist_ok=True)
        for done, take in enumerate(takes, 1):
            path = out / (take.id.name + FORMATS[to])
            if not path.exists():
                _write(take, to, path, sensor)
                written += 1
            progress(done, len(takes), take.id.name)
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written: {error.strerror or error}") from error
    return ExportReport(written, len(takes) - written)


def _write(take: ConvertedTake, to: str, path: Path, sensor: str) -> None:
    """A take, which appears under its name when it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    _remove(partial)
    try:
        if to == "evreal":
            write_evreal(take, partial, sensor)
        else:
            write_elan(take, partial)
        partial.replace(path)
    finally:
        _remove(partial)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
