"""What the paper prints in its tables (Mastropasqua, Bugueno-Cordova et al. 2025), by the table's number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MEBI: Final = 2**20
"""What the paper's "M" of parameters comes out as: 4.11M is 4,312,470 parameters."""


@dataclass(frozen=True, slots=True)
class Modality:
    """A row of Table 2: clips, subjects, and the size of the pictures."""

    clips: int
    subjects: int
    resolution: str


CLIPS: Final = {
    "rgb": Modality(147, 7, "1920 × 1080"),
    "davis events": Modality(147, 7, "346 × 260"),
    "davis frames": Modality(147, 7, "346 × 260"),
    "evk4 events": Modality(63, 3, "1280 × 720"),
}
"""Table 2."""

CLIP_SECONDS: Final = 2.5
"""Mean duration of a clip (§3.4)."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A row of Table 5: parameters, and per cent of clips right, at first and among the first three."""

    parameters: str
    top1: float
    top3: float


ACCURACY: Final = {
    ("snn", "events"): Accuracy("4.11M", 51.23, 63.57),
    ("snn", "rgb"): Accuracy("4.11M", 23.12, 25.57),
    ("cnn3d", "events"): Accuracy("13.06M", 44.89, 56.46),
    ("cnn3d", "rgb"): Accuracy("13.06M", 17.06, 21.76),
}
"""Table 5, by model and modality."""

RECONSTRUCTION: Final = {
    "davis": (0.0034, 0.0566, 0.0399, 25.31, 0.7717, 0.9613),
    "evk4": (0.0024, 0.0471, 0.0340, 26.89, 0.8513, 0.9744),
}
"""Table 6, by sensor: mean MSE, RMSE, MAE, PSNR (dB), SSIM, NCC."""

RECONSTRUCTION_PARAMETERS: Final = "289M"
"""Table 6."""

RECOGNITION_MACHINE: Final = {
    "CPU": "Xeon E5-2680 v3",
    "max. frequency": "3.30 GHz",
    "threads": "24",
    "cache": "30 MB",
    "GPU": "RTX 3080",
    "boost clock": "1.71 GHz",
    "bandwidth": "760 GB/s",
    "VRAM": "12 GB",
}
"""Table 3."""

RECONSTRUCTION_MACHINE: Final = {
    "hardware": "NVIDIA DGX-1",
    "accelerator": "V100",
    "architecture": "Volta",
    "boost clock": "1.53 GHz",
    "memory clock": "1.75 Gbit/s",
    "bandwidth": "900 GB/s",
    "VRAM": "32 GB",
    "GPU": "GV100",
}
"""Table 4."""
