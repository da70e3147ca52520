"""The folder of a run of training: a fold and a seed each in its own, files that are whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from evface.dataset.splits import Fold
from evface.errors import DatasetError, FormatError

CHECKPOINT: Final = "model.safetensors"
METRICS: Final = "metrics.json"
"""Written last: a fold that has it is finished. Beside the folds' folders, it joins them."""


def fold_folder(out: Path, fold: Fold, seed: int) -> Path:
    """Where a run puts what comes of a fold and a seed."""
    return out / f"{fold.name}_seed-{seed}"


def identity_of(config: BaseModel, fold: Fold, seed: int) -> dict[str, Any]:
    """What a fold's metrics.json begins with, and what tells it from another run's."""
    return {
        "fold": fold.name,
        "seed": seed,
        "config": json.loads(config.model_dump_json()),
        "train": [take.name for take in fold.train],
        "test": [take.name for take in fold.test],
    }


def finished(folder: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """What metrics.json of a fold's folder says; None where the fold is not finished.

    Raises:
        DatasetError: it is of another run.
        FormatError: it is broken.
    """
    path = folder / METRICS
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise FormatError(f"{path}: expected an object, found {type(found).__name__}")
    if {key: found.get(key) for key in identity} != identity:
        raise DatasetError(f"{path} is of another run (other configuration or clips): choose another folder")
    return found


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an object so that its file appears whole or not at all."""
    write_whole(path, json.dumps(content, indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
