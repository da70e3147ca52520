"""Reports between evface and rig_interfaces/msg/QualityReport."""

from __future__ import annotations

from evface.quality import Check, Level, Report
from rig.stamps import host_now, to_time
from rig_interfaces.msg import QualityCheck, QualityReport


def to_message(report: Report, redo_suggested: bool = False) -> QualityReport:
    """A report as a message, stamped now."""
    message = QualityReport(
        take=report.take,
        level=int(report.level),
        redo_suggested=redo_suggested,
        checks=[
            QualityCheck(
                name=check.name,
                sensor=check.sensor,
                level=int(check.level),
                value=check.value,
                expected=check.expected,
                reason=check.reason,
            )
            for check in report.checks
        ],
    )
    message.header.stamp = to_time(host_now())
    return message


def from_message(message: QualityReport) -> Report:
    """A message as a report."""
    return Report(
        tuple(
            Check(check.name, Level(check.level), check.value, check.expected, check.reason, check.sensor)
            for check in message.checks
        ),
        message.take,
    )


def reds(message: QualityReport) -> list[str]:
    """A line for each red check of a report: why a session should not start, or a take be done again."""
    return from_message(message).reds
