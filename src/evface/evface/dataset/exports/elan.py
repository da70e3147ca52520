"""A take as an annotation document of ELAN: cues, Action Unit, clip and movement beside its videos.

Format: EAF 3.0, https://www.mpi.nl/tools/elan/EAFv3.0.xsd. Times are ms from the take's start, as in the
videos.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from evface.dataset.coactivation import coactivations, listed
from evface.dataset.tree import ConvertedTake, read_json
from evface.dataset.truth import INSTANTS, TRUTH
from evface.errors import FormatError
from evface.protocol.action_units import action_unit

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
"""Of the documents."""

TYPE = "span"
"""The linguistic type of all tiers: spans of time with a text."""

_XSI = "http://www.w3.org/2001/XMLSchema-instance"

VIDEOS = ("rgb", "davis")
"""Recordings that a document shows, the first one largest."""

CONSTRAINTS = {
    "Time_Subdivision": "divides the parent's time without gaps",
    "Symbolic_Subdivision": "divides the parent in order, without times",
    "Symbolic_Association": "one for one parent",
    "Included_In": "within the parent's time, with gaps",
}
"""How tiers may depend on others; every document declares ELAN's four, and none of ours needs one."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A span of a tier.

    Attributes:
        tier: "cue", "AU", "clip", "movement", "co-activation".
        start: ns, host clock.
        end: ns, host clock.
        text: what happens then.
    """

    tier: str
    start: int
    end: int
    text: str


TIERS = ("cue", "AU", "clip", "movement", "co-activation")
"""From top to bottom. The last two come from the truth of virtual subjects; of people they are empty."""


def annotations_of(take: ConvertedTake) -> list[Annotation]:
    """What is known of a take, tier by tier, in order of time.

    Raises:
        FormatError: events.tsv or truth.json is broken.
    """
    return [
        *_cues(take),
        *([Annotation("clip", *take.window, "clip")] if take.window else ()),
        *(_movement(read_json(take.file(TRUTH)), take) if take.file(TRUTH).exists() else ()),
    ]


def _cues(take: ConvertedTake) -> Iterator[Annotation]:
    cues = take.cues()
    ends = [cue.start for cue in cues[1:]] + [cue.start + cue.planned for cue in cues[-1:]]
    for cue, end in zip(cues, ends, strict=True):
        yield Annotation("cue", cue.start, end, cue.phase)
        if cue.phase == "perform":
            unit = action_unit(cue.au)
            yield Annotation("AU", cue.start, end, f"{unit.label} {unit.name}")


def _movement(truth: dict[str, Any], take: ConvertedTake) -> Iterator[Annotation]:
    """Onset, apex and offset as the phases that begin there."""
    try:
        at = {name: int(truth[name]) for name in INSTANTS}
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{take.file(TRUTH)}: an instant is missing or no number: {error}") from error
    for name, following in pairwise(INSTANTS):
        yield Annotation("movement", at[name], at[following], name)
    if along := coactivations(take.id.au, truth):
        yield Annotation("co-activation", at["onset"], at["end"], listed(along))


def write_elan(take: ConvertedTake, path: Path) -> None:
    """Write a take's annotation document; its videos stay where they are and are linked.

    Args:
        take: of the dataset.
        path: of the .eaf.

    Raises:
        FormatError: events.tsv or truth.json is broken.
    """
    begun = datetime.fromtimestamp(take.start // 1_000_000_000, UTC).isoformat()
    root = Xml.Element("ANNOTATION_DOCUMENT", AUTHOR="evface", DATE=begun, FORMAT="3.0", VERSION="3.0")
    root.set(f"{{{_XSI}}}noNamespaceSchemaLocation", SCHEMA)
    header = Xml.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    for recording in VIDEOS:
        video = take.file(f"recording-{recording}_video.mkv").resolve()
        if video.exists():
            near = os.path.relpath(video, path.parent.resolve()).replace(os.sep, "/")
            Xml.SubElement(
                header,
                "MEDIA_DESCRIPTOR",
                MEDIA_URL=video.as_uri(),
                MIME_TYPE="video/x-matroska",
                RELATIVE_MEDIA_URL=near if near.startswith(".") else f"./{near}",
            )
    _write_tiers(root, annotations_of(take), take.start)
    kind = {"LINGUISTIC_TYPE_ID": TYPE, "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    Xml.SubElement(root, "LINGUISTIC_TYPE", kind)
    for name, text in CONSTRAINTS.items():
        Xml.SubElement(root, "CONSTRAINT", STEREOTYPE=name, DESCRIPTION=text)
    Xml.indent(root)
    Xml.register_namespace("xsi", _XSI)
    Xml.ElementTree(root).write(path, encoding="UTF-8", xml_declaration=True)


def _write_tiers(root: Xml.Element, found: list[Annotation], origin: int) -> None:
    order = Xml.SubElement(root, "TIME_ORDER")
    slots = 0
    for tier in TIERS:
        element = Xml.SubElement(root, "TIER", TIER_ID=tier, LINGUISTIC_TYPE_REF=TYPE)
        for annotation in found:
            start, end = (round((time - origin) / 1e6) for time in (annotation.start, annotation.end))
            # ELAN has no annotation without a length.
            if annotation.tier != tier or end <= max(start, 0):
                continue
            for time in (max(start, 0), end):
                slots += 1
                Xml.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=f"ts{slots}", TIME_VALUE=str(time))
            holder = Xml.SubElement(element, "ANNOTATION")
            span = Xml.SubElement(
                holder,
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{slots // 2}",
                TIME_SLOT_REF1=f"ts{slots - 1}",
                TIME_SLOT_REF2=f"ts{slots}",
            )
            Xml.SubElement(span, "ANNOTATION_VALUE").text = annotation.text
