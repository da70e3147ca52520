"""What a simulated dataset says of itself: its card's words, its sessions."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import evface
import evface.simulation
from evface.simulation.cohorts.plan import COHORTS, PlannedTake, SimulationPlan
from evface.simulation.cohorts.take import SensorClock, open_take
from evface.simulation.subject.truth import SIMULATOR

NAME = "Simulated facial Action Units before virtual event cameras"

MODELS = {"davis346": "DAVIS346", "evk4": "EVK4", "webcam": "webcam"}


def about(plan: SimulationPlan) -> list[str]:
    """Paragraphs of the card, in Markdown."""
    size = plan.size("evk4")
    counts = ", ".join(f"{count} of the {MODELS[name]}" for name, count in plan.counts().items())
    known = COHORTS.get(plan.cohort)
    meaning = f" ({known.meaning})" if known and known.subjects == plan.subjects else ""
    lines = [
        f"Made by {SIMULATOR} {evface.__version__}: cohort `{plan.cohort}`{meaning}, seed {plan.seed}, "
        f"style {plan.style}. Takes: {counts}. The same plan and version give the same bytes "
        "on the same kind of machine.",
        "",
        "Results on these takes are results on a simulation. They say nothing about people, and never stand "
        "beside results on recordings as a reproduction of them.",
        "",
        "`*_truth.json` has what the subject really did: onset, apex, offset and end (ns on the host's clock "
        "and s from the take's start), intensity, both halves of the face, what came along, whether it "
        "failed; and the true offsets of the sensors' clocks, which sync.json only estimates.",
        "",
        "Each subject performs the Action Units in an order of their own, and everything else that differs "
        "(person, light, background, place, cameras, clocks) follows from the subject alone.",
    ]
    if "evk4" in plan.sensors:
        lines += [
            "",
            f"The EVK4 is simulated at {size[0]}x{size[1]} (scale {plan.scale:g} of 1280x720). Its face box "
            "comes from renderings of what it sees (`rendered`).",
        ]
    return lines


@cache
def simulator() -> dict[str, str]:
    """Who makes the takes: name, version, and a checksum of the sources, which work on them changes."""
    folder = Path(evface.simulation.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return {"name": SIMULATOR, "version": evface.__version__, "sources_sha256": digest.hexdigest()}


def session_facts(plan: SimulationPlan) -> dict[tuple[str, str], dict[str, Any]]:
    """What session.json says, by subject and session."""
    first: dict[tuple[str, str], PlannedTake] = {}
    for take in plan.takes:
        first.setdefault((take.id.subject, take.id.session), take)
    return {key: _facts(take, plan) for key, take in first.items()}


def _facts(take: PlannedTake, plan: SimulationPlan) -> dict[str, Any]:
    scene = open_take(take, plan, take.sensors[0])
    cameras = {
        name: {
            "source": "virtual",
            "model": MODELS[name],
            "width": plan.size(name)[0],
            "height": plan.size(name)[1],
            **({} if name == "webcam" else {"clock_offset_ns": SensorClock.of(take, name).power_on}),
        }
        for name in take.sensors
    }
    return {
        "subject": take.id.subject,
        "session": take.id.session,
        "simulated": True,
        "simulator": simulator() | {"seed": plan.seed},
        "started_ns": take.session,
        "subject_seed": take.subject_seed,
        "person": asdict(scene.identity),
        "light": asdict(scene.light),
        "cameras": cameras,
        "script": {"order": [other.id.au for other in plan.takes if other.id.subject == take.id.subject]}
        | {name: value / 1e9 for name, value in asdict(plan.timing).items()},
    }
