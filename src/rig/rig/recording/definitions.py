"""Message definitions for bags, so that a bag explains itself to rosbags, mcap and Foxglove."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from rig.resources import share

_OUR_PACKAGES = ("event_camera_msgs", "rig_interfaces")


@cache
def typestore() -> Typestore:
    """The standard ROS 2 types and those of the rig, read from the installed .msg files.

    Raises:
        GraphError: one of the message packages is not installed.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    for package in _OUR_PACKAGES:
        for path in sorted(Path(share(package) / "msg").glob("*.msg")):
            types |= get_types_from_msg(path.read_text(), f"{package}/msg/{path.stem}")
    store.register(types)
    return store


@cache
def definition(kind: str) -> tuple[str, str]:
    """The .msg text of a type with all that it is made of, and its type hash (RIHS01).

    Args:
        kind: ROS name, "std_msgs/msg/Header".

    Raises:
        GraphError: one of the message packages is not installed.
    """
    store = typestore()
    text, _ = store.generate_msgdef(kind, ros_version=2)
    return text, store.hash_rihs01(kind)
