"""Which clips a configuration learns from."""

from __future__ import annotations

from pathlib import Path

from evface.dataset.clips import ClipDataset, Clips
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
    size, aus = config.model.size, config.aus
    if config.input == "rgb":
        return RgbClips(
            dataset, None, config.slice_us, size, config.model.in_channels, aus, keep=False, floats=False
        )
    return ClipDataset(dataset, None, config.sensor, config.slice_us, size, aus, keep=False, floats=False)
