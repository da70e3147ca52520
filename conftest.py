"""Surroundings of all tests: a private ROS 2 domain, the rig's transport, the recordings on this machine."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent

# Before any test imports rclpy. Two runs on one machine, or a rig that records meanwhile, never meet:
# domains 1 to 100 keep clear of the default one and of the ports the kernel hands out.
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)
try:
    from rig.transport import environment
except ModuleNotFoundError:
    pass  # the library is tested without ROS too
else:
    os.environ.update(environment())

# What a script starts in the background is deaf to Ctrl-C, and so would be the processes that tests send one.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The first call of a compiled kernel takes seconds, so examples have no deadline.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(scope="session")
def recording() -> Callable[[str], Path]:
    """Finds a real recording by its path below the shared data folder; skips the test when it is absent."""
    folder = Path(os.environ.get("EVFACE_SHARED_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"no recording {name} in {folder}")
        return path

    return find
