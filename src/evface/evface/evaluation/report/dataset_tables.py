"""Tables 1 and 2: what was asked of the subjects, and what was recorded of them.

The paper's Table 1 lists number and description of the 21 Action Units. Its Table 2 lists, for the webcam,
the DAVIS346's events, its frames and the EVK4's events, how many clips of how many subjects there are and
their resolution. Here the counts of this dataset stand beside.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from evface.dataset.card import RECORDINGS
from evface.dataset.coactivation import COACTIVATIONS
from evface.dataset.cues import NOT_AVAILABLE
from evface.dataset.tree import ConvertedTake, read_json
from evface.errors import FormatError
from evface.evaluation.report import paper
from evface.evaluation.report.results import Results
from evface.evaluation.report.table import Column, Table
from evface.protocol.action_units import ACTION_UNITS

_MODALITIES: Final = {
    "rgb": ("RGB (webcam)", "webcam", "rgb frames"),
    "davis events": ("Events (DAVIS346)", "DAVIS346 events", "davis events"),
    "davis frames": ("Frames (DAVIS346)", "DAVIS346 frames", "davis frames"),
    "evk4 events": ("Events (EVK4)", "EVK4 events", "evk4 events"),
}
"""By the paper's row: how it is called, its file in the dataset, its entry in quality.json."""


def table_1(results: Results) -> Table:
    """The Action Units, and how often each was performed."""
    rows = []
    for au in ACTION_UNITS:
        own = [take for take in results.takes if take.id.au == au.number]
        along = sum(bool(take.quality.get(COACTIVATIONS)) for take in own)
        seconds = [_seconds(take) for take in own]
        duration = f"{np.mean(seconds):.2f}" if seconds else None
        rows.append((au.label, au.name, au.group, str(len(own)), "7", duration, str(along)))
    return Table(
        "table1",
        "Table 1",
        "The Action Units and the clips of each.",
        (
            Column("AU number", "text"),
            Column("Description", "text"),
            Column("group", "text"),
            Column("clips"),
            Column("clips", "paper"),
            Column("mean duration, s"),
            Column("something moved along"),
        ),
        tuple(rows),
        (
            "Left and right are the subject's own. Something moved along: clips flagged for co-activation; "
            "their label is what was asked for.",
        ),
        results.simulated,
    )


def table_2(results: Results) -> Table:
    """The recordings: clips, subjects, modality, resolution."""
    rows, total = [], 0
    for key, (name, recording, entry) in _MODALITIES.items():
        printed = paper.CLIPS[key]
        own = [take for take in results.takes if take.file(RECORDINGS[recording]).exists()]
        total += len(own)
        subjects = {take.id.subject for take in own}
        rows.append(
            (
                name, str(len(own)), str(printed.clips), str(len(subjects)), str(printed.subjects),
                _resolution(own, entry), printed.resolution,
            )
        )  # fmt: skip
    return Table(
        "table2",
        "Table 2",
        "The recordings of the dataset.",
        (
            Column("Modality", "text"),
            Column("#Vids."),
            Column("#Vids.", "paper"),
            Column("#Subj."),
            Column("#Subj.", "paper"),
            Column("Resolution"),
            Column("Resolution", "paper"),
        ),
        tuple(rows),
        tuple(_facts(results, total)),
        results.simulated,
    )


def _facts(results: Results, total: int) -> list[str]:
    mean = float(np.mean([_seconds(take) for take in results.takes]))
    facts = [
        f"{total} clips in all (paper: its text says 510, its table adds up to 504), "
        f"{mean:.2f} s long on average (paper: {paper.CLIP_SECONDS} s).",
    ]
    flagged = sum(bool(take.quality.get("flags")) for take in results.takes)
    facts.append(
        f"{flagged} of {len(results.takes)} takes carry a flag in quality.json; they count like others."
    )
    if about := _people(results):
        facts.append(f"{about} (paper: six men and one woman, 18 to 27 years, 150 to 1400 lux).")
    absent = [_MODALITIES[key][0] for key in _MODALITIES if not _seen(results.takes, _MODALITIES[key][1])]
    if absent:
        facts.append(f"Not recorded: {', '.join(absent)}.")
    return facts


def _people(results: Results) -> str:
    """What participants.tsv and the sessions tell of the subjects; "" where they tell nothing."""
    path = results.dataset / "participants.tsv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            people = list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise FormatError(f"{path}: not readable: {error}") from error
    sexes = Counter(person.get("sex", NOT_AVAILABLE) for person in people)
    ages = [int(age) for person in people if (age := person.get("age", "")).isdigit()]
    sessions = [read_json(session) for session in sorted(results.dataset.glob("sub-*/ses-*/session.json"))]
    lux = [float(light["lux"]) for session in sessions if "lux" in (light := session.get("light") or {})]
    told = [f"{sexes['m']} men and {sexes['f']} women" if sexes["m"] + sexes["f"] else ""]
    told.append(f"{min(ages)} to {max(ages)} years" if ages else "")
    told.append(f"{min(lux):.0f} to {max(lux):.0f} lux" if lux else "")
    return ", ".join(part for part in told if part)


def _seen(takes: Sequence[ConvertedTake], recording: str) -> bool:
    return any(take.file(RECORDINGS[recording]).exists() for take in takes)


def _resolution(takes: Sequence[ConvertedTake], entry: str) -> str | None:
    """Every size that occurs."""
    sizes = set()
    for take in takes:
        facts = take.quality.get("sensors", {}).get(entry, {})
        if "width" in facts and "height" in facts:
            sizes.add((int(facts["width"]), int(facts["height"])))
    return ", ".join(f"{width} × {height}" for width, height in sorted(sizes)) or None


def _seconds(take: ConvertedTake) -> float:
    assert take.window is not None
    return (take.window[1] - take.window[0]) / 1e9
