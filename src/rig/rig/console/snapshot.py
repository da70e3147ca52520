"""Everything a page shows, whole, as JSON: what the page drew before plays no part."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from rig.console import wording
from rig.console.headline import AU_NAMES, STALE, headline, safety, silence
from rig.console.listening import Heard
from rig.console.session_files import SessionFiles
from rig.stamps import to_ns
from rig_interfaces.msg import FaceBox, QualityCheck, QualityReport, SessionState

TITLES = {
    "davis346-events": "DAVIS346 events",
    "davis346-frames": "DAVIS346 frames",
    "evk4-events": "EVK4 events",
    "webcam-frames": "Webcam",
}

REASONS = 2
"""So many of what speaks against a take are read out; the rest is counted."""

Found = dict[str, Any]


def session(state: SessionState) -> Found:
    """Where the session stands; times in ms since 1970, which a page can hold exactly enough."""
    return {
        "subject": state.subject,
        "session": state.session,
        "script": state.script,
        "language": state.language or "en",
        "block": state.block,
        "phase": state.phase,
        "phase_id": str(to_ns(state.header.stamp)),
        "began": to_ns(state.header.stamp) / 1e6,
        "duration": to_ns(state.duration) / 1e6,
        "au": state.au,
        "name": AU_NAMES.get(state.au, ""),
        "trial": state.trial,
        "trials": state.trials,
        "take": state.take,
        "recording": state.recording,
        "text": state.text,
        "commands": list(state.commands),
    }


def subject_view(heard: Heard, files: SessionFiles, clips: dict[int, str]) -> Found:
    """The subject's page: the session, the clip to show, no word of the instrument.

    Args:
        heard: what the rig said.
        files: what the session's folder holds: the words of the consent and of the buttons.
        clips: names of demonstration clips by FACS number.
    """
    state = heard.state[1] if heard.state else None
    return {
        "session": session(state) if state else None,
        "clip": clips.get(state.au, "") if state else "",
        "scopes": files.texts.get("scopes") or {},
        "labels": files.texts.get("labels") or {},
    }


def session_folder(heard: Heard) -> Path | None:
    """Where the session is recorded; None before anybody said so."""
    state = heard.state[1] if heard.state else None
    if state is None or not state.output:
        return None
    return Path(state.output) / f"sub-{state.subject}" / f"ses-{state.session}"


def operator_view(heard: Heard, files: SessionFiles, names: list[str], pages: Found, now: float) -> Found:
    """The operator's page.

    Args:
        heard: what the rig said.
        files: what the session's folder holds.
        names: of the streams that can be looked at.
        pages: what is known of the subject's page.
        now: s, monotonic.
    """
    return {
        "session": session(heard.state[1]) if heard.state else None,
        "headline": asdict(headline(heard, now)),
        "safety": asdict(safety(heard, now)),
        "sensors": [_sensor(heard, name, now) for name in names],
        "recorder": _recorder(heard, now),
        "checks": _checks(heard, now),
        "advice": _advice(heard, files),
        "trials": _trials(heard, files),
        "noted": _noted(heard, files),
        "notes": [_note(line) for line in files.notes][-50:],
        "pages": pages,
    }


# --- sensors ---------------------------------------------------------------------------------------


def _sensor(heard: Heard, name: str, now: float) -> Found:
    camera, _, kind = name.partition("-")
    said = heard.diagnostics.get(camera)
    values = {entry.key: entry.value for entry in said[1].values} if said else {}
    level, trouble = _health(said, now)
    return {
        "name": name,
        "title": TITLES[name],
        "model": " ".join(part for part in (values.get("model", ""), values.get("serial", "")) if part),
        "size": values.get("size", ""),
        "level": level,
        "trouble": trouble,
        "rate": _rate(values, kind),
        "flow": wording.amount(_number(values, "bytes/s"), "B/s") if "bytes/s" in values else "",
        "lost": values.get("lost", ""),
        "late": values.get("late", ""),
        "lux": _with_unit(values, "illuminance", "lux"),
        "temperature": _with_unit(values, "temperature", "°C"),
        "offset": _offset(heard, camera, now),
        "box": _box(heard.boxes.get(camera), now),
    }


def _health(said: tuple[float, DiagnosticStatus] | None, now: float) -> tuple[str, str]:
    """Level and trouble of a camera, from what it says of itself."""
    if said is None:
        return "unknown", "not heard"
    gone = now - said[0]
    if gone > STALE:
        return "red", f"silent for {wording.seconds(gone)}"
    # DiagnosticStatus.level is a byte: OK, WARN, ERROR, STALE.
    level = said[1].level[0] if isinstance(said[1].level, bytes) else said[1].level
    return ("green", "amber", "red", "unknown")[min(level, 3)], "" if level == 0 else said[1].message


def _rate(values: dict[str, str], kind: str) -> str:
    if kind == "frames":
        found = _number(values, "frames/s")
        return wording.UNKNOWN if math.isnan(found) else f"{found:.1f} fps"
    found = _number(values, "events/s")
    if found > 0:  # not NaN either
        return wording.amount(found, "ev/s")
    # A camera whose bytes are passed on undecoded counts packets alone.
    packets = _number(values, "packets/s")
    return wording.UNKNOWN if math.isnan(packets) else f"{packets:.0f} packets/s"


def _number(values: dict[str, str], key: str) -> float:
    try:
        return float(values[key])
    except (KeyError, ValueError):
        return math.nan


def _with_unit(values: dict[str, str], key: str, unit: str) -> str:
    found = _number(values, key)
    return "" if math.isnan(found) else f"{found:.0f} {unit}"


def _offset(heard: Heard, camera: str, now: float) -> Found:
    unknown = {"text": wording.UNKNOWN, "level": "unknown", "how": "", "drift": ""}
    if heard.sync is None:
        return unknown | {"how": "no clock monitor was heard"}
    if now - heard.sync[0] > STALE:
        return unknown | {"how": "the clock monitor is silent"}
    offsets = heard.sync[1].offsets
    found = next((o for o in offsets if o.sensor == camera and o.reference != "host"), None)
    if found is None:
        if any(o.reference == camera for o in offsets):
            return {"text": "reference", "level": "green", "how": "", "drift": ""}
        return unknown | {"how": "no offset yet"}
    doubted = math.isnan(found.offset) or math.isnan(found.uncertainty)
    return {
        "text": wording.offset(found.offset, found.uncertainty),
        "level": "unknown"
        if doubted
        else wording.judged(found.uncertainty, wording.OFFSET_GREEN, wording.OFFSET_RED),
        "how": found.reason if doubted and found.reason else f"{found.method}, to {found.reference}",
        "drift": wording.drift(found.drift_ppm, found.drift_uncertainty),
    }


def _box(said: tuple[float, FaceBox] | None, now: float) -> list[float] | None:
    """Left, top, width, height as shares of the sensor; None for no face lately."""
    if said is None or now - said[0] > STALE:
        return None
    box = said[1]
    if not (box.sensor_width and box.sensor_height and box.probability > 0):
        return None
    w, h = box.sensor_width, box.sensor_height
    return [round(v, 4) for v in (box.x / w, box.y / h, box.width / w, box.height / h)]


# --- recorder, checks, takes -----------------------------------------------------------------------


def _recorder(heard: Heard, now: float) -> Found:
    silent = silence(heard, now)
    if heard.recorder is None:
        return {"state": wording.UNKNOWN, "silent": silent}
    status = heard.recorder[1]
    free = status.free / status.rate if status.rate > 0 else math.nan
    return {
        "state": wording.UNKNOWN if silent else status.state,
        "silent": silent,
        "folder": status.folder,
        "take": status.take,
        "finished": status.takes_finished,
        "written": wording.amount(status.bytes, "B"),
        "rate": wording.amount(status.rate, "B/s"),
        "queued": wording.amount(status.queued, "B"),
        "lost": status.lost,
        "free": wording.amount(status.free, "B") if status.free else wording.UNKNOWN,
        "free_for": "" if math.isnan(free) else wording.seconds(free),
        "error": status.error,
    }


def _checks(heard: Heard, now: float) -> Found:
    if heard.quality is None:
        return {"level": "unknown", "why": "No quality monitor was heard.", "list": []}
    gone = now - heard.quality[0]
    if gone > STALE:
        return {
            "level": "unknown",
            "why": f"The quality monitor has been silent for {wording.seconds(gone)}.",
            "list": [],
        }
    report = heard.quality[1]
    return {
        "level": wording.level_of(report.level),
        "why": "",
        "list": [_check(check) for check in report.checks],
    }


def _check(check: QualityCheck) -> Found:
    return {
        "name": check.name,
        "sensor": check.sensor,
        "level": wording.level_of(check.level),
        "value": check.value,
        "expected": check.expected,
        "reason": check.reason,
    }


def _trials(heard: Heard, files: SessionFiles) -> list[Found]:
    """The Action Units in their order, each with its takes as they are on the disk."""
    state = heard.state[1] if heard.state else None
    aus = list(state.aus) if state else []
    aus += [au for au in dict.fromkeys(take.get("au") for take in files.takes) if au and au not in aus]
    takes = [_take(heard, files, line) for line in files.takes]
    here = state.au if state else 0
    return [
        {
            "au": au,
            "name": AU_NAMES.get(au, ""),
            "here": au == here,
            "takes": sorted((take for take in takes if take["au"] == au), key=lambda take: take["run"]),
        }
        for au in aus
    ]


def _take(heard: Heard, files: SessionFiles, line: Found) -> Found:
    name = str(line.get("take", ""))
    report = heard.takes.get(name)
    quality = _of_report(report) if report is not None else _of_file(files.quality.get(name))
    au, run = line.get("au", 0), line.get("run", 0)
    return {
        "name": name,
        "au": au,
        "run": run,
        "block": line.get("block", ""),
        "outcome": files.outcomes.get((au, run)) or line.get("outcome", wording.UNKNOWN),
        "lost": line.get("lost", 0),
        "bytes": wording.amount(line.get("bytes", 0), "B"),
        "notes": [
            str(note.get("argument", ""))
            for note in files.notes
            if note.get("about") == {"au": au, "take": run}
        ],
        **quality,
    }


def _advice(heard: Heard, files: SessionFiles) -> str:
    """What speaks for doing the last take again; "" where nothing does."""
    report = next(reversed(heard.takes.values()), None)
    if report is None or not report.redo_suggested or heard.state is None:
        return ""
    if heard.state[1].phase in ("finished", "aborted"):
        return ""
    line = next((take for take in files.takes if take.get("take") == report.take), {})
    take = f"AU {line['au']}, take {line['run']}" if line else report.take
    reasons = "; ".join(_reasons([_check(check) for check in report.checks]))
    return f"{take} is flagged: {reasons}. A redo is suggested."


def _noted(heard: Heard, files: SessionFiles) -> Found | None:
    """The take that a note is on if nobody says otherwise: the running one, else the last."""
    state = heard.state[1] if heard.state else None
    if state is not None and state.recording:
        return {"au": state.au, "take": state.take}
    if not files.takes:
        return None
    return {"au": files.takes[-1].get("au", 0), "take": files.takes[-1].get("run", 0)}


def _of_report(report: QualityReport) -> Found:
    return {
        "level": wording.level_of(report.level),
        "redo": report.redo_suggested,
        "reasons": _reasons([_check(check) for check in report.checks]),
    }


def _of_file(found: Found | None) -> Found:
    if found is None:
        return {"level": "unknown", "redo": False, "reasons": []}
    checks = [
        {**check, "level": wording.level_of(check.get("level", 3))}
        for check in found.get("checks", [])
        if isinstance(check, dict)
    ]
    return {
        "level": wording.level_of(found.get("level", 3)),
        "redo": bool(found.get("redo_suggested")),
        "reasons": _reasons(checks),
    }


def _reasons(checks: list[Found]) -> list[str]:
    """What speaks against a take, worst first; quality.json has all of it."""
    bad = [check for level in ("red", "amber") for check in checks if check["level"] == level]
    more = len(bad) - REASONS
    return [
        " ".join(
            part
            for part in (check.get("sensor", ""), check.get("name", "") + ":", check.get("value", ""))
            if part
        )
        for check in bad[:REASONS]
    ] + ([f"{more} more"] if more > 0 else [])


def _note(line: Found) -> Found:
    return {"text": str(line.get("argument", "")), **(line.get("about") or {})}
