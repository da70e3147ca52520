"""Arrays of events, their encodings, files, slices and representations."""

from evface.events.container import Clock, Events, Triggers

__all__ = ["Clock", "Events", "Triggers"]
