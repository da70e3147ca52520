"""Arrays of events, their encodings, files, slices and representations."""

from evface.events.binning import Box
from evface.events.codecs import ENCODINGS, Decoder, encode_evt3, encode_mono, make_decoder
from evface.events.container import Clock, Events, Triggers
from evface.events.slicing import DEFAULT_DURATION, CountSlicer, Slice, Slicer, iter_slices, slice_events

__all__ = [
    "DEFAULT_DURATION",
    "ENCODINGS",
    "Box",
    "Clock",
    "CountSlicer",
    "Decoder",
    "Events",
    "Slice",
    "Slicer",
    "Triggers",
    "encode_evt3",
    "encode_mono",
    "iter_slices",
    "make_decoder",
    "slice_events",
]
