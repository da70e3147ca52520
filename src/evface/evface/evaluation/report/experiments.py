"""What the paper trains (§4, §5), as presets of config/training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from evface.dataset.card import RECORDINGS
from evface.dataset.tree import ConvertedTake

Input = Literal["events", "rgb"]


@dataclass(frozen=True, slots=True)
class Experiment:
    """One of the paper's models on one kind of pictures.

    Attributes:
        name: of its run, less the word before it: "snn-events" is paper-snn-events or quick-snn-events.
        model: as the paper calls it.
        family: of the model: "snn", "cnn3d", "cvae".
        input: what it looks at.
        sensor: whose.
    """

    name: str
    model: str
    family: str
    input: Input
    sensor: Literal["davis", "evk4", "rgb"]

    @property
    def title(self) -> str:
        """For tables and figures: "SNN, events"."""
        return f"{self.model}, {self.input if self.family != 'cvae' else CAMERAS[self.sensor]}"

    def run(self, quick: bool) -> str:
        """Name of its run's folder."""
        return f"{'quick' if quick else 'paper'}-{self.name}"

    def preset(self, quick: bool) -> str:
        """Name of its preset: the cVAE has one for both sensors."""
        return f"{'quick' if quick else 'paper'}-cvae" if self.family == "cvae" else self.run(quick)

    def usable(self, takes: Sequence[ConvertedTake]) -> list[ConvertedTake]:
        """The takes that have what it looks at, the webcam's frames too where it draws them."""
        files = [f"recording-{self.sensor}_dvs.h5" if self.input == "events" else RECORDINGS["webcam"]]
        if self.family == "cvae":
            files.append(RECORDINGS["webcam"])
        return [take for take in takes if all(take.file(file).exists() for file in files)]


CAMERAS: Final = {"davis": "DAVIS346", "evk4": "EVK4", "rgb": "webcam"}
"""Names of the cameras, by what the dataset's files are called after."""

RECOGNITION: Final = (
    Experiment("snn-events", "SNN", "snn", "events", "davis"),
    Experiment("snn-rgb", "SNN", "snn", "rgb", "rgb"),
    Experiment("cnn3d-events", "3DCNN", "cnn3d", "events", "davis"),
    Experiment("cnn3d-rgb", "3DCNN", "cnn3d", "rgb", "rgb"),
)
"""Table 5."""

RECONSTRUCTION: Final = (
    Experiment("cvae-davis", "cVAE", "cvae", "events", "davis"),
    Experiment("cvae-evk4", "cVAE", "cvae", "events", "evk4"),
)
"""Table 6."""
