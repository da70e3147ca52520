"""A process that does not outlive the one that started it, however that one ended."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""


def follow(parent: int) -> None:
    """Get a SIGINT, as from Ctrl-C, when the process that started this one is gone.

    Without it a recording whose starter was killed would go on with nobody to end it.

    Args:
        parent: process id of the starter.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != parent:
        # It was gone before the kernel was asked.
        os.kill(os.getpid(), signal.SIGINT)
