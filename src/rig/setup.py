"""ament_python package of the rig.

The folders launch/ and config/ here are links to the repository's top ones: there people edit them, and
through the links setuptools sees them inside the package.
"""

from pathlib import Path

from setuptools import find_packages, setup

NODES = (
    "davis346",
    "evk4",
    "webcam",
    "conductor",
    "recorder",
    "slicer",
    "sync_monitor",
    "face_tracker",
    "au_recognizer",
    "reconstructor",
    "player",
    "console",
    "quality_monitor",
)


def shared(folder: str) -> list[tuple[str, list[str]]]:
    """Files below ``folder``, each subfolder to its place under share/rig."""
    found: dict[str, list[str]] = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.setdefault(f"share/rig/{path.parent}", []).append(str(path))
    return list(found.items())


setup(
    name="rig",
    version="0.1.0",
    description="ROS 2 nodes and the command of a recording rig with event cameras",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["rig", "rig.*"]),
    package_data={"rig": ["py.typed", "**/*.html", "**/*.js", "**/*.css", "**/*.svg"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/rig"]),
        ("share/rig", ["package.xml"]),
        ("bin", ["scripts/rig"]),
        *shared("launch"),
        *shared("config"),
    ],
    install_requires=["setuptools", "evface"],
    entry_points={"console_scripts": [f"{node} = rig.nodes.{node}:main" for node in NODES]},
    zip_safe=False,
)
