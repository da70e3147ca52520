"""How the sensors' clocks go beside each other: measured from packets, events and frames."""

from evface.clocks.envelope import ClockFit, MinimumDelay
from evface.clocks.offsets import SensorOffset
from evface.clocks.pairs import EventClock, offsets_of
from evface.clocks.take import sync_take, take_clocks

__all__ = [
    "ClockFit",
    "EventClock",
    "MinimumDelay",
    "SensorOffset",
    "offsets_of",
    "sync_take",
    "take_clocks",
]
