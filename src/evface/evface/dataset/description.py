"""The files that describe a dataset as a whole: card, participants, splits, checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import evface
from evface.dataset.card import card
from evface.dataset.cues import NOT_AVAILABLE
from evface.dataset.splits import folds_of
from evface.dataset.tree import ConvertedTake, iter_takes, training_takes
from evface.errors import DatasetError

NAME = "Facial Action Units before event cameras"

TRAITS = {"sex": "f or m", "age": "years", "glasses": "frame, or none", "beard": "shape, or none"}
"""Of a participant, where session.json has them under ``person``."""


def describe(
    root: Path,
    sessions: dict[tuple[str, str], dict[str, Any]],
    name: str = NAME,
    about: Sequence[str] = (),
) -> None:
    """Write what describes the dataset as a whole, from the takes that are there.

    Args:
        root: of the dataset.
        sessions: what the recorder said, by subject and session.
        name: of the dataset.
        about: lines of Markdown for the card: how it came about.
    """
    takes = list(iter_takes(root))
    for (subject, session), facts in sessions.items():
        folder = root / f"sub-{subject}" / f"ses-{session}"
        if folder.exists():
            _write_json(folder / "session.json", facts)
    _write_participants(root, takes, sessions)
    _write_splits(root, takes)
    (root / "README.md").write_text(card(name, takes, about), encoding="utf-8")
    _write_json(
        root / "dataset_description.json",
        {
            "Name": name,
            "BIDSVersion": "1.10.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "evface", "Version": evface.__version__}],
        },
    )
    _write_manifest(root)


def _write_participants(
    root: Path, takes: list[ConvertedTake], sessions: dict[tuple[str, str], dict[str, Any]]
) -> None:
    people = {subject: facts["person"] for (subject, _), facts in sessions.items() if "person" in facts}
    traits = [name for name in TRAITS if any(name in person for person in people.values())]
    lines = ["\t".join(["participant_id", "sessions", "takes", "clips", "simulated", *traits])]
    used = training_takes(takes)
    for subject in sorted({take.id.subject for take in takes}):
        own = [take for take in takes if take.id.subject == subject]
        clips = sum(take.id.subject == subject for take in used)
        kinds = {take.simulated for take in own}
        simulated = "partly" if len(kinds) > 1 else "yes" if True in kinds else "no"
        counts = len({take.id.session for take in own}), len(own), clips
        person = people.get(subject, {})
        cells = [f"sub-{subject}", *counts, simulated, *(person.get(name, NOT_AVAILABLE) for name in traits)]
        lines.append("\t".join(map(str, cells)))
    (root / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_json(
        root / "participants.json",
        {
            "participant_id": {"Description": "random pseudonym"},
            "sessions": {"Description": "sessions recorded"},
            "takes": {"Description": "takes converted, redone ones included"},
            "clips": {"Description": "takes that count for training"},
            "simulated": {
                "Description": "whether virtual cameras took part",
                "Levels": {
                    "yes": "in every take: nobody was there",
                    "partly": "in some takes, see quality.json",
                    "no": "in no take",
                },
            },
            **{name: {"Description": TRAITS[name]} for name in traits},
        },
    )


def _write_splits(root: Path, takes: list[ConvertedTake]) -> None:
    ids = [take.id for take in training_takes(takes)]
    content: dict[str, Any] = {
        "kind": "leave one subject out",
        "takes": [take.name for take in ids],
        "folds": [],
    }
    try:
        content["folds"] = [
            {"name": fold.name, "train": [t.name for t in fold.train], "test": [t.name for t in fold.test]}
            for fold in folds_of(ids, "loso")
        ]
    except DatasetError as error:
        content["note"] = str(error)
    (root / "splits").mkdir(exist_ok=True)
    _write_json(root / "splits" / "loso.json", content)


def _write_manifest(root: Path) -> None:
    """Checksums in the manner of sha256sum, so that ``sha256sum -c MANIFEST.sha256`` checks them."""
    lines = []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if (
            path.is_file()
            and path.name != "MANIFEST.sha256"
            and not any(p.startswith(".") for p in relative.parts)
        ):
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {relative.as_posix()}")
    (root / "MANIFEST.sha256").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
