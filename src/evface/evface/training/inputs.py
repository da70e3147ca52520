"""Which clips a configuration learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evface.dataset.clips import ClipDataset, Clips
from evface.dataset.event_clips import EventClips
from evface.dataset.event_views import Representation, Slicing
from evface.dataset.fused_clips import FusedClips
from evface.dataset.rgb_clips import RgbClips
from evface.training.config import TrainingConfig


def clips_for(dataset: Path, config: TrainingConfig) -> Clips:
    """The clips of a dataset as the network of a configuration sees them, as compact as they are kept.

    Whatever the input, a clip is the same span of the same take; takes without the recording are left out.

    Args:
        dataset: root of the dataset tree.
        config: what the network sees.

    Raises:
        DatasetError: no dataset, or no clip of what was asked for.
        FormatError: a take's file is broken.
    """
    size, aus, slice_us = config.model.size, config.aus, config.slice_us
    kept: dict[str, Any] = {"aus": aus, "keep": False, "floats": False}
    if config.input == "rgb":
        return RgbClips(dataset, None, slice_us, size, config.model.in_channels, **kept)
    if config.input == "fusion":
        colours = config.model.in_channels - config.representation.planes
        return FusedClips(dataset, None, config.sensor, slice_us, size, colours, **kept)
    if config.slicing == Slicing() and config.representation == Representation():
        return ClipDataset(dataset, None, config.sensor, slice_us, size, **kept)
    return EventClips(
        dataset, None, config.sensor, slice_us, config.slicing, config.representation, size, **kept
    )
