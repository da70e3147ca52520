"""Points the CMake files of the ROS 2 wheels at this environment.

They were configured where the wheels were built, and name that machine's Python.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile
from pathlib import Path

BAKED_INCLUDE = re.compile(r"/opt/python/cp3\d+-cp3\d+/include/python3\.\d+")
BAKED_PACKAGES = re.compile(r"/opt/python/cp3\d+-cp3\d+/lib/python3\.\d+/site-packages")


def mended(text: str, include: str, packages: str) -> str:
    """The text of a CMake file with the baked-in paths replaced.

    Args:
        text: a CMake file.
        include: folder of this interpreter's Python.h.
        packages: site-packages of the environment.
    """
    # A function, because a backslash in a replacement string would be an escape.
    text = BAKED_INCLUDE.sub(lambda _: include, text)
    return BAKED_PACKAGES.sub(lambda _: packages, text)


def mend(prefix: Path, include: str, packages: str) -> int:
    """Mend every CMake file of the wheels below ``prefix/share``, but no link: those lead into our own build.

    Returns:
        How many files were changed.
    """
    changed = 0
    for path in sorted((prefix / "share").rglob("*.cmake")):
        if path.is_symlink():
            continue
        before = path.read_text(encoding="utf-8")
        after = mended(before, include, packages)
        if after != before:
            _replace(path, after)
            changed += 1
    return changed


def _replace(path: Path, text: str) -> None:
    # Never written in place: the installer's cache may hold the same file under another name.
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, path.stat().st_mode)
    os.replace(file.name, path)


def main() -> None:
    """Mend the environment given as the only argument."""
    mend(Path(sys.argv[1]), sysconfig.get_path("include"), sysconfig.get_path("purelib"))


if __name__ == "__main__":
    main()
