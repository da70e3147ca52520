"""Allocator settings for training on a CPU."""

from __future__ import annotations

import ctypes
import platform
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_memory() -> bool:
    """Have glibc keep what is freed for the next batch; for the whole process, from here on.

    A step allocates and frees the same gigabytes each time. By default glibc maps and unmaps them, and
    touching fresh pages then costs more than the arithmetic.

    Returns:
        Whether this system has such settings (glibc only).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    largest = 2**31 - 1  # mallopt takes an int: 2 GiB
    settings = ((_M_MMAP_THRESHOLD, 2**30), (_M_TRIM_THRESHOLD, largest), (_M_TOP_PAD, 2**26))
    return all(bool(mallopt(name, value)) for name, value in settings)
