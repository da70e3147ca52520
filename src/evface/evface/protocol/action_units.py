"""The 21 Action Units of the protocol (paper, Table 1), in the order of the classes.

Left and right are the subject's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evface.errors import ConfigError

Group = Literal["brow", "eye", "mouth", "head", "gaze"]


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One Action Unit of FACS.

    Attributes:
        number: FACS number, the label everywhere in the dataset and on /au.
        name: English name as in the paper's Table 1.
        group: the part of the face, for grouped results.
    """

    number: int
    name: str
    group: Group

    @property
    def label(self) -> str:
        """Short name for tables and files, "AU 12"."""
        return f"AU {self.number}"


ACTION_UNITS: tuple[ActionUnit, ...] = (
    ActionUnit(2, "Outer Brow Raiser", "brow"),
    ActionUnit(4, "Brow Lowerer", "brow"),
    ActionUnit(5, "Upper Lid Raiser", "eye"),
    ActionUnit(6, "Cheek Raiser", "eye"),
    ActionUnit(9, "Nose Wrinkler", "mouth"),
    ActionUnit(12, "Lip Corner Puller", "mouth"),
    ActionUnit(15, "Lip Corner Depressor", "mouth"),
    ActionUnit(17, "Chin Raiser", "mouth"),
    ActionUnit(23, "Lip Tightener", "mouth"),
    ActionUnit(26, "Jaw Drop", "mouth"),
    ActionUnit(41, "Lid Droop", "eye"),
    ActionUnit(43, "Eyes Closed", "eye"),
    ActionUnit(45, "Blink", "eye"),
    ActionUnit(51, "Head Turn Left", "head"),
    ActionUnit(52, "Head Turn Right", "head"),
    ActionUnit(53, "Head Up", "head"),
    ActionUnit(54, "Head Down", "head"),
    ActionUnit(61, "Eyes Turn Left", "gaze"),
    ActionUnit(62, "Eyes Turn Right", "gaze"),
    ActionUnit(63, "Eyes Up", "gaze"),
    ActionUnit(64, "Eyes Down", "gaze"),
)

AU_NUMBERS: tuple[int, ...] = tuple(au.number for au in ACTION_UNITS)
"""FACS numbers in class order: ``AU_NUMBERS[class_index]``."""

CLASS_OF_AU: dict[int, int] = {number: index for index, number in enumerate(AU_NUMBERS)}
"""Class index of a FACS number."""


def action_unit(number: int) -> ActionUnit:
    """The Action Unit with this FACS number.

    Raises:
        ConfigError: it is not one of the 21.
    """
    if number not in CLASS_OF_AU:
        known = ", ".join(map(str, AU_NUMBERS))
        raise ConfigError(f"AU {number} is not one of the 21 of the protocol: {known}")
    return ACTION_UNITS[CLASS_OF_AU[number]]
