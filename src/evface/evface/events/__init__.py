"""Arrays of events, their encodings, files, slices and representations."""

from evface.events.binning import Box
from evface.events.codecs import ENCODINGS, Decoder, encode_evt3, encode_mono, make_decoder
from evface.events.container import Clock, Events, Triggers
from evface.events.files import (
    EventPacketView,
    Hdf5Writer,
    Inertia,
    Packet,
    Picture,
    RawWriter,
    Recording,
    Summary,
    open_recording,
    open_writer,
    parse_event_packet,
    stamp_of,
)
from evface.events.representations import event_counts, time_surface, voxel_grid
from evface.events.slicing import (
    DEFAULT_DURATION,
    AdaptiveSlicer,
    CountSlicer,
    Slice,
    Slicer,
    iter_slices,
    slice_events,
)

__all__ = [
    "DEFAULT_DURATION",
    "ENCODINGS",
    "AdaptiveSlicer",
    "Box",
    "Clock",
    "CountSlicer",
    "Decoder",
    "EventPacketView",
    "Events",
    "Hdf5Writer",
    "Inertia",
    "Packet",
    "Picture",
    "RawWriter",
    "Recording",
    "Slice",
    "Slicer",
    "Summary",
    "Triggers",
    "encode_evt3",
    "encode_mono",
    "event_counts",
    "iter_slices",
    "make_decoder",
    "open_recording",
    "open_writer",
    "parse_event_packet",
    "slice_events",
    "stamp_of",
    "time_surface",
    "voxel_grid",
]
