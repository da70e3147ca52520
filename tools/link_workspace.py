"""Puts the built packages on the import path of this environment, so that nothing needs to be sourced.

colcon leaves that to its setup scripts when it links sources instead of copying them.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

NAME = "workspace.pth"


def link(folders: list[Path], packages: Path) -> Path:
    """Write the .pth file.

    Args:
        folders: each holds a package and its metadata; must exist.
        packages: site-packages of the environment.

    Returns:
        The file written.

    Raises:
        FileNotFoundError: a folder is not there.
    """
    lines = [str(folder.resolve(strict=True)) for folder in folders]
    path = packages / NAME
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    link([Path(folder) for folder in sys.argv[1:]], Path(sysconfig.get_path("purelib")))
