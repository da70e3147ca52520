"""What goes wrong in a lab, done on purpose to real processes: `make faults`, and the quickest as tests."""

from tests.faults import data, disks, operators, processes, sensors  # noqa: F401  they enter their faults
from tests.faults.registry import FAULTS

__all__ = ["FAULTS"]
