"""How good a recording is: checks before the start, while it runs, and of every take.

A check is a pure function of something measured and of the `Thresholds`; it answers green, amber, red or
unknown, with what was found, what was expected and what to do about it.
"""

from evface.quality.finding import Check, Level, Report
from evface.quality.take import QUALITY, TakeFacts, assess_take, read_quality, redo_suggested
from evface.quality.thresholds import Thresholds, load_thresholds

__all__ = [
    "QUALITY",
    "Check",
    "Level",
    "Report",
    "TakeFacts",
    "Thresholds",
    "assess_take",
    "load_thresholds",
    "read_quality",
    "redo_suggested",
]
