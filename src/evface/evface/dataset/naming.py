"""Names of takes and of their files, in the manner of BIDS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from evface.errors import DatasetError

PLAN = "simulation.json"
"""At the root of a dataset of virtual people: from which plan, and by which version of the simulator."""

_TAKE = re.compile(r"sub-([A-Za-z0-9]+)_ses-([A-Za-z0-9]+)_task-au(\d+)_run-(\d+)")


@dataclass(frozen=True, slots=True, order=True)
class TakeId:
    """Which take: everything that its name says.

    Attributes:
        subject: pseudonym, "S01".
        session: label, "01".
        au: FACS number that was elicited.
        run: take of this AU in this session, from 1.
    """

    subject: str
    session: str
    au: int
    run: int

    @classmethod
    def parse(cls, name: str) -> TakeId:
        """From "sub-S01_ses-01_task-au12_run-01".

        Raises:
            DatasetError: the name is of another kind.
        """
        found = _TAKE.fullmatch(name)
        if found is None:
            raise DatasetError(f"{name!r} is not a take's name, expected sub-S01_ses-01_task-au12_run-01")
        return cls(found[1], found[2], int(found[3]), int(found[4]))

    @property
    def name(self) -> str:
        """As in files and folders."""
        return f"sub-{self.subject}_ses-{self.session}_task-au{self.au:02d}_run-{self.run:02d}"

    def folder(self, root: Path) -> Path:
        """Folder of the take's files in a dataset."""
        return root / f"sub-{self.subject}" / f"ses-{self.session}" / "beh"

    def file(self, root: Path, suffix: str) -> Path:
        """A file of the take in a dataset, such as ``recording-davis_dvs.h5``."""
        return self.folder(root) / f"{self.name}_{suffix}"
