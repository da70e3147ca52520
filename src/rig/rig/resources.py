"""Where the package's installed files are: configuration, scripts, message definitions."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from rig.errors import GraphError


def prefix_path() -> str:
    """AMENT_PREFIX_PATH with this environment's prefix: a venv of wheels is one without being sourced."""
    known = [part for part in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if part]
    index = Path(sys.prefix) / "share" / "ament_index"
    return os.pathsep.join(known if sys.prefix in known or not index.exists() else [sys.prefix, *known])


def share(package: str) -> Path:
    """The share folder of an installed ROS package.

    Raises:
        GraphError: the package is not installed in this environment.
    """
    os.environ["AMENT_PREFIX_PATH"] = prefix_path()
    try:
        return Path(get_package_share_directory(package))
    except (PackageNotFoundError, LookupError) as error:
        raise GraphError(
            f"the ROS package {package} is not installed here: run `make setup`, or source its workspace"
        ) from error


def config_file(name: str) -> Path:
    """A file of the installed config folder, such as ``transport/fastdds.xml``.

    Raises:
        GraphError: there is no such file.
    """
    path = share("rig") / "config" / name
    if not path.exists():
        raise GraphError(f"no configuration file {name} in {path.parent}")
    return path


def config_or_path(kind: str, name: str) -> Path:
    """A configuration by name (``fast`` in ``config/<kind>/``) or by the path of a YAML file of the user's.

    Raises:
        GraphError: neither exists; the message lists the names there are.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        if not path.exists():
            raise GraphError(f"no file {path}")
        return path
    folder = share("rig") / "config" / kind
    path = folder / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(entry.stem for entry in folder.glob("*.yaml"))) or "none"
        raise GraphError(
            f"no {kind} configuration called {name!r}; there are: {known} (or give a .yaml file)"
        )
    return path
