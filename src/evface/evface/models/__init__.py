"""Networks: each reads like its figure, the paper's numbers are presets."""

from evface.models.snn import PAPER_PARAMETERS, PRESETS, PlifSnn, SnnConfig

__all__ = ["PAPER_PARAMETERS", "PRESETS", "PlifSnn", "SnnConfig"]
