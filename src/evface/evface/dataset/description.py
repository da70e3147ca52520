"""The files that describe a dataset as a whole: card, participants, splits, checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import evface
from evface.dataset.annotations import ANNOTATIONS
from evface.dataset.card import card
from evface.dataset.croissant import CROISSANT, croissant
from evface.dataset.cues import NOT_AVAILABLE
from evface.dataset.publication import DESCRIPTION, Publication, read_publication
from evface.dataset.splits import folds_of
from evface.dataset.tree import ConvertedTake, iter_takes, read_json, training_takes
from evface.errors import DatasetError
from evface.privacy.consent import SCOPES
from evface.privacy.durable import replace_file
from evface.privacy.tombstones import TOMBSTONES

NAME = "Facial Action Units before event cameras"

CONSENT_COLUMNS = {
    "consent_scopes": "what the participant agreed to in every session: " + ", ".join(SCOPES),
    "consent_version": "of the consent form",
}
"""Of a participant, where a session has a consent.json."""

MANIFEST = "MANIFEST.sha256"
"""At the root of a dataset: the checksums of its files."""

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
    for (subject, session), facts in sessions.items():
        folder = root / f"sub-{subject}" / f"ses-{session}"
        if folder.exists():
            _write_json(folder / "session.json", facts)
    takes = _write_tables(root, sessions, name, about)
    publication = read_publication(root)
    _write_json(
        root / DESCRIPTION,
        {
            "Name": name,
            "BIDSVersion": "1.10.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "evface", "Version": evface.__version__}],
            **publication.fields(),
        },
    )
    _write_checksums(root, name, takes, publication, {})


def describe_again(root: Path) -> None:
    """Write the descriptions of a dataset anew, after takes were taken out of it.

    The takes that stay keep the checksums they had: a file that was damaged meanwhile is not made good.

    Args:
        root: of a dataset that was described before.

    Raises:
        FormatError: a take's file, dataset_description.json or a session.json is broken.
    """
    sessions = {
        (path.parts[-3].removeprefix("sub-"), path.parts[-2].removeprefix("ses-")): read_json(path)
        for path in sorted(root.glob("sub-*/ses-*/session.json"))
    }
    name = str(read_json(root / DESCRIPTION).get("Name", NAME))
    takes = _write_tables(root, sessions, name)
    _write_checksums(root, name, takes, read_publication(root), _takes_checksums(root))


def _write_tables(
    root: Path, sessions: dict[tuple[str, str], dict[str, Any]], name: str, about: Sequence[str] = ()
) -> list[ConvertedTake]:
    """Participants, splits and card, from the takes that are there, which are handed back."""
    takes = list(iter_takes(root))
    _write_participants(root, takes, sessions)
    _write_splits(root, takes)
    (root / "README.md").write_text(card(name, takes, about), encoding="utf-8")
    return takes


def _write_participants(
    root: Path, takes: list[ConvertedTake], sessions: dict[tuple[str, str], dict[str, Any]]
) -> None:
    people = {subject: facts["person"] for (subject, _), facts in sessions.items() if "person" in facts}
    traits = [name for name in TRAITS if any(name in person for person in people.values())]
    agreed = [name for name in CONSENT_COLUMNS if any("consent" in facts for facts in sessions.values())]
    lines = ["\t".join(["participant_id", "sessions", "takes", "clips", "simulated", *agreed, *traits])]
    used = training_takes(takes)
    for subject in sorted({take.id.subject for take in takes}):
        own = [take for take in takes if take.id.subject == subject]
        clips = sum(take.id.subject == subject for take in used)
        kinds = {take.simulated for take in own}
        simulated = "partly" if len(kinds) > 1 else "yes" if True in kinds else "no"
        counts = len({take.id.session for take in own}), len(own), clips
        person = people.get(subject, {})
        consent = _consent(subject, sessions)
        facts = (person | consent).get
        cells = [
            f"sub-{subject}", *counts, simulated, *(facts(name, NOT_AVAILABLE) for name in (*agreed, *traits))
        ]  # fmt: skip
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
            **{name: {"Description": CONSENT_COLUMNS[name]} for name in agreed},
            **{name: {"Description": TRAITS[name]} for name in traits},
        },
    )


def _consent(subject: str, sessions: dict[tuple[str, str], dict[str, Any]]) -> dict[str, str]:
    """What a subject agreed to: in all sessions where there are several."""
    given = [
        facts["consent"] for (who, _), facts in sessions.items() if who == subject and "consent" in facts
    ]
    if not given:
        return {}
    scopes = [scope for scope in SCOPES if all(scope in consent["scopes"] for consent in given)]
    versions = sorted({consent["version"] for consent in given})
    return {"consent_scopes": ",".join(scopes), "consent_version": ",".join(versions)}


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


def _write_checksums(
    root: Path, name: str, takes: list[ConvertedTake], publication: Publication, known: dict[str, str]
) -> None:
    """croissant.json, and MANIFEST.sha256 in the manner of sha256sum: ``sha256sum -c`` checks it.

    Args:
        root: of the dataset.
        name: of the dataset.
        takes: in it.
        publication: what people said of it.
        known: checksums that are not taken again, by path within the dataset.
    """
    checksums = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        hidden = any(part.startswith(".") for part in relative.parts)
        if path.is_file() and _told(path) and not hidden:
            checksums[relative.as_posix()] = known.get(relative.as_posix()) or _checksum(path)
    _write_json(root / CROISSANT, croissant(root, name, takes, checksums, publication))
    checksums[CROISSANT] = _checksum(root / CROISSANT)
    replace_file(root / MANIFEST, "".join(f"{checksums[path]}  {path}\n" for path in sorted(checksums)))


def _told(path: Path) -> bool:
    """Whether the checksums tell of a file: not of themselves, nor of what people go on writing."""
    return path.name not in (MANIFEST, TOMBSTONES, CROISSANT) and not path.name.endswith(f"_{ANNOTATIONS}")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _takes_checksums(root: Path) -> dict[str, str]:
    """What the manifest says of the subjects' files, by path; nothing where there is none."""
    path = root / MANIFEST
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pairs = (line.split("  ", 1) for line in lines if "  " in line)
    return {name: checksum for checksum, name in pairs if name.startswith("sub-")}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
