"""A figure of a report: its files, and what is said below it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure that has been drawn.

    Attributes:
        label: "Figure 2"; "" for one that the paper does not have.
        caption: a sentence or two.
        file: for pages; a PNG, beside which the same lies as .pdf, or a JPEG of photographs in great number.
        simulated: whether it shows simulated subjects.
    """

    label: str
    caption: str
    file: Path
    simulated: bool

    @property
    def title(self) -> str:
        """Label and caption, marked where it is simulated."""
        label = f"{self.label}. " if self.label else ""
        return f"{label}{self.caption}{' Simulated subjects.' if self.simulated else ''}"


def formats(png: Path) -> tuple[Path, Path]:
    """The files that a figure is drawn into."""
    return png, png.with_suffix(".pdf")
