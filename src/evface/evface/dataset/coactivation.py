"""Which other Action Units moved in a take beside the one that was asked for, as far as anybody knows.

Of a virtual subject the truth knows. Of a person the cues alone can tell: where they asked for several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evface.dataset.cues import CueRecord

COACTIVATIONS = "coactivations"
"""Field of quality.json: FACS number and strength, 1 is strong; null where only cues tell."""

LEAST = 0.15
"""Strength below which nobody sees a movement (a posed one is about 1)."""


def coactivations(
    au: int, truth: Mapping[str, Any] | None, cues: Sequence[CueRecord] = ()
) -> dict[int, float | None]:
    """What moved along in a take.

    Args:
        au: FACS number asked for.
        truth: of the take, as in truth.json; None where nobody knows.
        cues: of the take.

    Returns:
        FACS numbers in order, each with its strength, 1 is strong; None where only a cue tells. What is
        weaker than `LEAST` is left out.
    """
    found: dict[int, float | None] = {cue.au: None for cue in cues if cue.au != au}
    for number, strength in (truth or {}).get("others", {}).items():
        if strength >= LEAST and int(number) != au:
            found[int(number)] = float(strength)
    return dict(sorted(found.items()))


def flag_of(found: Mapping[int, float | None]) -> str:
    """The flag of a take with co-activations: "co-activation: AU 6 (0.20), AU 45 (0.95)"."""
    return f"co-activation: {listed(found)}"


def listed(found: Mapping[int, float | None]) -> str:
    """Co-activations in words: "AU 6 (0.20), AU 45 (0.95)"."""
    return ", ".join(
        f"AU {number}" if strength is None else f"AU {number} ({strength:.2f})"
        for number, strength in found.items()
    )


def coactivations_of(quality: Mapping[str, Any]) -> list[int]:
    """FACS numbers of what moved along, from a take's quality.json; [] where nothing did, or nobody knows."""
    return [int(number) for number in quality.get(COACTIVATIONS) or {}]
