"""What a virtual subject really did, in the words that are written beside recordings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import evface
from evface.simulation.scene import Scene
from evface.simulation.subject.face_state import Performance

SIMULATOR = "evface.simulation"
"""Name of the simulator in a truth."""


def performances_of(scene: Scene) -> list[Performance]:
    """The performances of a scene's subject so far, oldest first; none where nobody performs."""
    behaviour = getattr(scene, "behaviour", None)
    return list(behaviour.performances) if behaviour is not None else []


def truth_of(performance: Performance, seed: int) -> dict[str, Any]:
    """The truth of one take as it is written to JSON: the fields of `Performance`, and who made it.

    Args:
        performance: of the take; times stay in ns of the host's clock.
        seed: of the subject.
    """
    fields = asdict(performance)
    fields["others"] = {str(au): strength for au, strength in performance.others.items()}
    return fields | {"simulator": {"name": SIMULATOR, "version": evface.__version__, "seed": seed}}
