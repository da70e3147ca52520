"""The files that describe a dataset as a whole: names, checksums, participants, splits, consent."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evface.dataset.croissant import CROISSANT
from evface.dataset.description import MANIFEST
from evface.dataset.naming import PLAN, TakeId
from evface.dataset.tree import ConvertedTake, read_json
from evface.dataset.validation.takes import SUFFIXES
from evface.errors import DatasetError, FormatError
from evface.privacy.tombstones import TOMBSTONES, read_tombstones

REQUIRED = (
    "dataset_description.json",
    "README.md",
    "participants.tsv",
    "participants.json",
    CROISSANT,
    "splits/loso.json",
    MANIFEST,
)
"""Of every dataset."""

_ROOT = re.compile(
    r"dataset_description\.json|README\.md|LICENSE|participants\.(tsv|json)|splits/loso\.json|croissant\.json|"
    + "|".join(map(re.escape, (MANIFEST, PLAN, TOMBSTONES)))
)
_SESSION = re.compile(r"sub-([A-Za-z0-9]+)/ses-([A-Za-z0-9]+)/(session\.json|calib/[^/]+)")
_TAKE = re.compile(r"sub-([A-Za-z0-9]+)/ses-([A-Za-z0-9]+)/beh/([^/]+_run-\d+)_([^/]+)")


def files_of_dataset(root: Path) -> list[Path]:
    """Every file of a dataset, in order; what is hidden belongs to work that is going on."""
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )


def check_name(name: str, takes: set[TakeId]) -> str | None:
    """What is wrong with a file's place and name; None where nothing is.

    Args:
        name: path within the dataset.
        takes: those that are whole.
    """
    if _ROOT.fullmatch(name) or _SESSION.fullmatch(name):
        return None
    found = _TAKE.fullmatch(name)
    if found is None:
        return "is no file of a dataset"
    subject, session, text, suffix = found.groups()
    try:
        take = TakeId.parse(text)
    except DatasetError as error:
        return str(error)
    if text != take.name:
        return f"expected the name {take.name}_{suffix}"
    if (take.subject, take.session) != (subject, session):
        return f"lies with sub-{subject}, ses-{session}"
    if suffix not in SUFFIXES:
        return f"a take has no file {suffix}"
    return None if take in takes else "belongs to a take without quality.json: it was not finished"


def read_manifest(path: Path) -> dict[str, str]:
    """Checksums by path within the dataset.

    Raises:
        FormatError: it cannot be read, or a line is broken.
    """
    found = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not readable: {error}") from error
    for number, line in enumerate(lines, 1):
        checksum, _, name = line.partition("  ")
        if not re.fullmatch(r"[0-9a-f]{64}", checksum) or not name:
            raise FormatError(f"{path}: line {number} is no checksum and path: {line[:80]!r}")
        found[name] = checksum
    return found


def check_sum(path: Path, expected: str | None) -> Iterator[str]:
    """Whether a file's checksum is the manifest's."""
    if expected is None:
        yield f"is not in {MANIFEST}"
        return
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected:
            yield f"its checksum is not the one in {MANIFEST}"


def check_description(path: Path, takes: Sequence[ConvertedTake]) -> Iterator[str]:
    """What is wrong with dataset_description.json, and whether all takes were made for one purpose.

    Raises:
        FormatError: it cannot be read.
    """
    content = read_json(path)
    purposes = sorted({str(take.quality.get("purpose", "research")) for take in takes})
    if len(purposes) > 1:
        yield f"its takes were made for {' and for '.join(purposes)}"
    for name in ("Name", "BIDSVersion", "DatasetType", "GeneratedBy"):
        if not content.get(name):
            yield f"{name} is missing"


def check_participants(
    path: Path, takes: Sequence[ConvertedTake], used: Sequence[ConvertedTake]
) -> Iterator[str]:
    """What is wrong with participants.tsv: one row per subject, with what is there of them.

    Args:
        path: of the table.
        takes: of the dataset.
        used: those that count for training.

    Raises:
        FormatError: it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = {row["participant_id"]: row for row in csv.DictReader(file, delimiter="\t")}
    except (OSError, KeyError, ValueError) as error:
        raise FormatError(f"not a table of participants: {error}") from error
    subjects = {f"sub-{take.id.subject}" for take in takes}
    if rows.keys() != subjects:
        yield f"has {', '.join(sorted(rows))}; there are {', '.join(sorted(subjects))}"
    for name in sorted(subjects & rows.keys()):
        own = [take for take in takes if f"sub-{take.id.subject}" == name]
        kinds = {take.simulated for take in own}
        expected = {
            "sessions": str(len({take.id.session for take in own})),
            "takes": str(len(own)),
            "clips": str(sum(f"sub-{take.id.subject}" == name for take in used)),
            "simulated": "partly" if len(kinds) > 1 else "yes" if True in kinds else "no",
        }
        for column, value in expected.items():
            if rows[name].get(column) != value:
                yield f"{name}: {column} is {rows[name].get(column)}, expected {value}"
    described = read_json(path.with_suffix(".json"))
    columns = list(next(iter(rows.values()), {}))
    if missing := [column for column in columns if column not in described]:
        yield f"participants.json does not describe {', '.join(missing)}"


def check_splits(path: Path, used: Sequence[ConvertedTake]) -> Iterator[str]:
    """What is wrong with splits/loso.json: every clip is tested once, and nobody is on both sides.

    Args:
        path: of the file.
        used: takes that count for training.

    Raises:
        FormatError: it cannot be read.
    """
    content = read_json(path)
    names = {take.id.name for take in used}
    try:
        listed = [str(name) for name in content["takes"]]
        folds = [(str(fold["name"]), list(fold["train"]), list(fold["test"])) for fold in content["folds"]]
        sides = [
            (name, {TakeId.parse(take) for take in train}, {TakeId.parse(take) for take in test})
            for name, train, test in folds
        ]
    except (KeyError, TypeError) as error:
        raise FormatError(f"not a list of folds: {error!r}") from error
    if set(listed) != names or len(listed) != len(names):
        yield f"lists {len(listed)} clips, {len(names)} count for training: not the same"
    subjects = {take.id.subject for take in used}
    if len(subjects) > 1 and len(folds) != len(subjects):
        yield f"has {len(folds)} folds for {len(subjects)} subjects"
    for name, train, test in sides:
        if both := sorted({take.subject for take in train} & {take.subject for take in test}):
            yield f"fold {name}: {', '.join(both)} is on both sides"
        if {take.name for take in train | test} != names:
            yield f"fold {name}: train and test together are not the clips that count for training"
    tested = [take.name for _, _, test in sides for take in test]
    if folds and sorted(tested) != sorted(names):
        yield "its folds do not test every clip once"


def released(session: dict[str, Any], takes: Sequence[ConvertedTake]) -> bool:
    """Whether the videos of a session may be in the dataset: always, unless it is to be shared."""
    shared = any(take.quality.get("purpose") == "sharing" for take in takes)
    return not shared or "rgb_release" in _scopes(session)


def check_session(path: Path, session: dict[str, Any], takes: Sequence[ConvertedTake]) -> Iterator[str]:
    """What is wrong with a session.json, and whether its subject agreed to what is in the dataset.

    Args:
        path: of the file.
        session: what it says.
        takes: of the session.

    Raises:
        FormatError: it cannot be read.
    """
    read_json(path)
    for key, folder in (("subject", path.parts[-3]), ("session", path.parts[-2])):
        if session.get(key, folder.partition("-")[2]) != folder.partition("-")[2]:
            yield f"{key} is {session[key]!r}, and it lies in {folder}"
    purposes = {str(take.quality.get("purpose", "research")) for take in takes}
    if "consent" not in session:
        if "sharing" in purposes:
            yield "has no consent, and the dataset is for sharing"
        return
    yield from (f"has no consent to {purpose}" for purpose in sorted(purposes - _scopes(session)))


def check_withdrawn(root: Path, subjects: set[str]) -> Iterator[str]:
    """Whether somebody is there who withdrew.

    Raises:
        FormatError: the file of withdrawals is broken.
    """
    for subject in sorted(subjects & read_tombstones(root).keys()):
        yield f"sub-{subject} withdrew and is still in the dataset"


def _scopes(session: dict[str, Any]) -> set[str]:
    consent = session.get("consent")
    scopes = consent.get("scopes") if isinstance(consent, dict) else None
    return {str(scope) for scope in scopes} if isinstance(scopes, list) else set()


def read_session(path: Path) -> dict[str, Any]:
    """What a session.json says; {} where it is missing or broken, which is a finding of its own."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
