"""How a camera is, in the words of REP 107: a level, and a sentence that a person understands."""

from __future__ import annotations

from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

SILENCE = 2.0
"""s without anything from a live camera after which it is called silent."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a camera.

    Attributes:
        configured: its source is open.
        active: it is read.
        live: it is a device: a file or a virtual camera may be silent for long.
        away: why the device is gone; "" while it is there.
        ended: why nothing more will come; "" while something may.
        silent: s since something came last, or since it was first read.
        lost: packets that were lost since the last look.
    """

    configured: bool = True
    active: bool = True
    live: bool = True
    away: str = ""
    ended: str = ""
    silent: float = 0.0
    lost: int = 0


def diagnose(health: Health) -> tuple[bytes, str]:
    """Level and message of a camera's diagnostic status."""
    if not health.configured:
        return DiagnosticStatus.STALE, "not configured"
    if health.away:
        return DiagnosticStatus.ERROR, f"looking for the camera: {health.away}"
    if health.ended:
        return DiagnosticStatus.WARN, health.ended
    if not health.active:
        return DiagnosticStatus.OK, "not active"
    if health.live and health.silent > SILENCE:
        return DiagnosticStatus.ERROR, f"silent for {health.silent:.0f} s"
    if health.lost > 0:
        return DiagnosticStatus.WARN, f"{health.lost} packets lost in the last second"
    return DiagnosticStatus.OK, "streaming"
