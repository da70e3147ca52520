"""Lets the rig's tests use the devices that stand in for real ones in evface's."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "evface" / "tests"))
