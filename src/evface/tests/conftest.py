"""Lets the tests import what stands beside them: a recorded session and a network that spikes."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
