"""croissant.json: the dataset in the words of MLCommons' Croissant 1.0, for search engines and loaders.

JSON-LD after https://docs.mlcommons.org/croissant/docs/croissant-spec.html: every file with its size and
checksum, the takes and the participants as tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evface.dataset.card import origin
from evface.dataset.coactivation import coactivations_of
from evface.dataset.publication import Publication
from evface.dataset.recordings import CAMERAS
from evface.dataset.tree import ConvertedTake, training_takes

CROISSANT = "croissant.json"
"""At the root of a dataset."""

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
"""The version of the specification."""

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The specification's, its appendix 1."""

ENCODINGS = {
    ".h5": "application/x-hdf5",
    ".mkv": "video/x-matroska",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".md": "text/markdown",
    ".yaml": "application/yaml",
}
"""MIME types by ending."""

KEYWORDS = (
    "facial action units",
    "micro-expressions",
    "event camera",
    "neuromorphic vision",
    "DAVIS346",
    "EVK4",
)
"""Of every dataset."""

TAKE_FIELDS = {
    "take": ("sc:Text", "name of the take, with which its files begin"),
    "subject": ("sc:Text", "pseudonym"),
    "session": ("sc:Text", "label of the session"),
    "au": ("sc:Integer", "FACS number of the Action Unit that was asked for"),
    "run": ("sc:Integer", "take of this Action Unit in this session"),
    "outcome": ("sc:Text", "complete, redone, interrupted or aborted"),
    "clip": ("sc:Boolean", "whether it counts for training"),
    "simulated": ("sc:Boolean", "whether a virtual camera took part"),
    "coactivated": ("sc:Text", "FACS numbers of what moved along, as far as it is known"),
    **{
        f"{sensor}_events": ("sc:Text", f"event file of the {CAMERAS[sensor]}")
        for sensor in ("davis", "evk4")
    },
}
"""Of the record set ``takes``: type and meaning."""

NEEDED = ("name", "description", "conformsTo", "distribution", "recordSet")
"""Properties without which the file is none of ours."""

BEFORE_PUBLICATION = {
    "license": "License", "url": "DatasetURL", "creator": "Authors", "datePublished": "DatePublished",
}  # fmt: skip
"""Properties that Croissant requires and only people know; their names in dataset_description.json."""


def croissant(
    root: Path,
    name: str,
    takes: Sequence[ConvertedTake],
    checksums: Mapping[str, str],
    publication: Publication,
) -> dict[str, Any]:
    """The content of croissant.json.

    Args:
        root: of the dataset.
        name: of the dataset.
        takes: in it.
        checksums: SHA-256 of every file that it distributes, by path within it.
        publication: what people said of it.
    """
    subjects = {take.id.subject for take in takes}
    used = {take.id for take in training_takes(takes)}
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": " ".join(
            [
                "Facial Action Units before event cameras: event streams, videos, face boxes and cues of "
                f"{len(takes)} takes by {len(subjects)} subjects, {len(used)} clips for training.",
                *(line.strip("*- ").replace("**", "") for line in origin(takes)[:1]),
                "README.md describes the files.",
            ]
        ),
        "conformsTo": CONFORMS_TO,
        **_published(publication),
        "keywords": list(KEYWORDS),
        "isLiveDataset": False,
        "distribution": [_file(root, path, checksums[path]) for path in sorted(checksums)],
        "recordSet": [_takes(takes, used), _participants(root)],
    }


def _published(publication: Publication) -> dict[str, Any]:
    known: dict[str, Any] = {}
    if text := publication.license:
        known["license"] = text if "://" in text else f"https://spdx.org/licenses/{text}"
    if publication.address:
        known["url"] = publication.address
    if publication.authors:
        known["creator"] = [{"@type": "sc:Person", "name": author} for author in publication.authors]
    if publication.published:
        known["datePublished"] = publication.published.isoformat()
    if publication.citation:
        known["citeAs"] = publication.citation
    return known


def _file(root: Path, path: str, checksum: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{(root / path).stat().st_size} B",
        "encodingFormat": ENCODINGS.get(Path(path).suffix, "application/octet-stream"),
        "sha256": checksum,
    }


def _takes(takes: Sequence[ConvertedTake], used: set[Any]) -> dict[str, Any]:
    """Every take, as a table that stands in the file itself."""
    fields = [
        {"@type": "cr:Field", "@id": f"takes/{name}", "name": name, "description": meaning, "dataType": kind}
        for name, (kind, meaning) in TAKE_FIELDS.items()
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": "takes",
        "name": "takes",
        "description": "one record per take",
        "key": {"@id": "takes/take"},
        "field": fields,
        "data": [
            {f"takes/{name}": value for name, value in _take(take, take.id in used).items()} for take in takes
        ],
    }


def _take(take: ConvertedTake, used: bool) -> dict[str, Any]:
    events = {
        f"{sensor}_events": path.relative_to(take.root).as_posix()
        if (path := take.events(sensor)).exists()
        else ""
        for sensor in ("davis", "evk4")
    }
    return {
        "take": take.id.name,
        "subject": take.id.subject,
        "session": take.id.session,
        "au": take.id.au,
        "run": take.id.run,
        "outcome": str(take.quality.get("outcome", "")),
        "clip": used,
        "simulated": take.simulated,
        "coactivated": ",".join(map(str, coactivations_of(take.quality))),
        **events,
    }


def _participants(root: Path) -> dict[str, Any]:
    """The columns of participants.tsv."""
    table = "participants.tsv"
    columns = (root / table).read_text(encoding="utf-8").partition("\n")[0].split("\t")
    return {
        "@type": "cr:RecordSet",
        "@id": "participants",
        "name": "participants",
        "description": "one record per subject; participants.json describes the columns",
        "key": {"@id": "participants/participant_id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"participants/{column}",
                "name": column,
                "dataType": "sc:Text",
                "source": {"fileObject": {"@id": table}, "extract": {"column": column}},
            }
            for column in columns
        ],
    }


def check_croissant(
    content: Mapping[str, Any], checksums: Mapping[str, str], takes: set[str], published: bool
) -> Iterator[str]:
    """What is wrong with a croissant.json: structure, and whether it is in step with the dataset.

    Args:
        content: of the file.
        checksums: of the dataset's files, by path, as MANIFEST.sha256 has them; its own is left out.
        takes: names of the dataset's takes.
        published: the dataset is to be shared: what only people know must be there too.

    Yields:
        A line for each thing that is wrong.
    """
    if content.get("@type") not in ("sc:Dataset", "Dataset") or not isinstance(content.get("@context"), dict):
        yield "is no schema.org Dataset with a @context"
        return
    if missing := [name for name in NEEDED if not content.get(name)]:
        yield f"has no {', '.join(missing)}"
        return
    if content["conformsTo"] != CONFORMS_TO:
        yield f"conformsTo is {content['conformsTo']!r}, expected {CONFORMS_TO!r}"
    if published:
        for name, key in BEFORE_PUBLICATION.items():
            if not content.get(name):
                yield f"has no {name}, which Croissant requires: write {key} into dataset_description.json"
    yield from _check_distribution(content["distribution"], checksums)
    parts = content["recordSet"] if isinstance(content["recordSet"], list) else []
    sets = {part.get("@id"): part for part in parts if isinstance(part, dict)}
    records = sets.get("takes", {}).get("data", [])
    told = {record.get("takes/take") for record in records if isinstance(record, dict)}
    if told != takes:
        yield f"its record set takes has {len(told)} takes, the dataset has {len(takes)}: not the same"


def _check_distribution(distribution: Any, checksums: Mapping[str, str]) -> Iterator[str]:
    files = (
        [part for part in distribution if isinstance(part, dict)] if isinstance(distribution, list) else []
    )
    found: dict[str, str] = {}
    for part in files:
        name = str(part.get("@id", ""))
        lacking = [key for key in ("contentUrl", "encodingFormat", "sha256") if not part.get(key)]
        if part.get("@type") != "cr:FileObject" or lacking:
            what = ", ".join(lacking) or "such type"
            yield f"distribution: {name or 'a part'} is no cr:FileObject, or has no {what}"
        if name in found:
            yield f"distribution: {name} is there twice"
        found[name] = str(part.get("sha256"))
        if not re.fullmatch(r"[0-9a-f]{64}", found[name]):
            yield f"distribution: {name}: sha256 is no checksum"
    if missing := sorted(checksums.keys() - found.keys()):
        yield f"distribution lacks {', '.join(missing[:3])}{' and more' if len(missing) > 3 else ''}"
    for name, checksum in sorted(found.items()):
        if name not in checksums:
            yield f"distribution has {name}, the dataset has not"
        elif checksum != checksums[name]:
            yield f"distribution: the checksum of {name} is not the one in MANIFEST.sha256"
