"""All faults: their modules enter them into the list in the order of the table."""

from tests.faults import sensors, processes, disks, operators, data  # noqa: F401, I001
from tests.faults.registry import FAULTS

__all__ = ["FAULTS"]
