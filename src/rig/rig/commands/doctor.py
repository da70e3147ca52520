"""`rig doctor`: what of this machine is ready to record, to recognise and to learn."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer
from rich.console import Console
from rich.table import Table

from evface.errors import EvfaceError
from evface.privacy import volume_of
from rig.resources import share
from rig.transport import environment

EVENT_PACKET_HASH = "RIHS01_d6fa176260b1f37e5a40845305315e150a0f18191241eb64f407442aa29844aa"
"""Type hash of the event-camera community's EventPacket."""

WRITE_SPEED_NEEDED = 150e6
"""bytes/s: three cameras at full rate, twice over."""

SHARED_MEMORY_NEEDED = 1 << 30
"""bytes of /dev/shm: a segment of 64 MB for each of the rig's processes, with room for readers."""

State = Literal["ready", "absent", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        what: the thing looked at.
        state: ready; absent (the rig does without, or virtually); wrong (to be mended).
        detail: what was found, and what to do about it.
    """

    what: str
    state: State
    detail: str


def check_python() -> Finding:
    """Interpreter and environment."""
    version = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 11) <= sys.version_info[:2] <= (3, 12)
    return Finding(
        "Python",
        "ready" if ok else "wrong",
        f"{version} in {sys.prefix}" + ("" if ok else "; needs 3.11 or 3.12"),
    )


def check_ros() -> Finding:
    """rclpy and where it comes from."""
    import rclpy

    distro = os.environ.get("ROS_DISTRO")
    origin = (
        f"ROS 2 {distro}, sourced" if distro else f"rclpy {importlib.metadata.version('rclpy')} from wheels"
    )
    return Finding("ROS 2", "ready", f"{origin} ({Path(rclpy.__file__).parent})")


def check_messages() -> Finding:
    """The message packages, and whether EventPacket is the field's on the wire."""
    from rosbags.typesys.store import Typestore  # noqa: F401  the import tells whether bags can be written

    from rig.recording.definitions import typestore

    found = typestore().hash_rihs01("event_camera_msgs/msg/EventPacket")
    if found != EVENT_PACKET_HASH:
        return Finding(
            "message types", "wrong", f"EventPacket has type hash {found}, the field's is {EVENT_PACKET_HASH}"
        )
    return Finding("message types", "ready", f"event_camera_msgs, rig_interfaces ({share('rig_interfaces')})")


def check_transport() -> Finding:
    """The Fast DDS profile and room for its shared memory."""
    chosen = environment()
    profile = next(Path(value) for name, value in chosen.items() if name.endswith("DEFAULT_PROFILES_FILE"))
    if not profile.exists():
        return Finding("transport", "wrong", f"no profile at {profile}")
    size = shutil.disk_usage("/dev/shm").total
    detail = (
        f"{chosen['RMW_IMPLEMENTATION']}, {profile.name}, discovery {chosen['ROS_AUTOMATIC_DISCOVERY_RANGE']}"
    )
    if size < SHARED_MEMORY_NEEDED:
        return Finding(
            "transport", "wrong", f"{detail}; /dev/shm has {size >> 20} MB, give it 1 GB (docker: --ipc=host)"
        )
    return Finding("transport", "ready", f"{detail}, /dev/shm {size >> 20} MB")


def check_davis346() -> Finding:
    """DAVIS346 on USB, through dv-processing."""
    import dv_processing as dv

    found = [camera for camera in dv.io.camera.discover() if "DAVIS" in str(camera)]
    if not found:
        return Finding(
            "DAVIS346", "absent", f"none on USB (dv-processing {dv.__version__}); --rig virtual does without"
        )
    return Finding("DAVIS346", "ready", ", ".join(map(str, found)))


def check_evk4() -> Finding:
    """EVK4 on USB, through neuromorphic-drivers."""
    import neuromorphic_drivers

    library = f"neuromorphic-drivers {importlib.metadata.version('neuromorphic-drivers')}"
    try:
        found = [device for device in neuromorphic_drivers.list_devices() if "EVK4" in str(device)]
    except RuntimeError as error:  # libusb without any USB bus
        return Finding(
            "EVK4", "absent", f"USB cannot be searched ({error}; {library}); --rig virtual does without"
        )
    if not found:
        return Finding("EVK4", "absent", f"none on USB ({library}); --rig virtual does without")
    return Finding("EVK4", "ready", ", ".join(map(str, found)))


def check_webcam() -> Finding:
    """Video devices of V4L2."""
    devices = sorted(Path("/dev").glob("video*"))
    if not devices:
        return Finding("webcam", "absent", "no /dev/video*; --rig virtual does without")
    closed = [path.name for path in devices if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        return Finding(
            "webcam", "wrong", f"no permission for {', '.join(closed)}: add yourself to the group video"
        )
    return Finding("webcam", "ready", ", ".join(path.name for path in devices))


def check_gpu() -> Finding:
    """What torch would run on."""
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", "ready", f"{torch.cuda.get_device_name(0)}, torch {torch.__version__}")
    return Finding("GPU", "absent", f"torch {torch.__version__} on {torch.get_num_threads()} CPU threads")


def check_disk(folder: Path) -> Finding:
    """Room and measured write speed where recordings go."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    block = os.urandom(1 << 20) * 16
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        start = time.perf_counter()
        for _ in range(16):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        speed = 16 * len(block) / (time.perf_counter() - start)
    detail = f"{free / 1e9:.0f} GB free, {speed / 1e6:.0f} MB/s written and synced in {folder.resolve()}"
    if speed < WRITE_SPEED_NEEDED:
        return Finding(
            "disk", "wrong", f"{detail}; three cameras at full rate want {WRITE_SPEED_NEEDED / 1e6:.0f} MB/s"
        )
    return Finding("disk", "ready", detail)


def check_volume(folder: Path) -> Finding:
    """Whether recordings of faces go to an encrypted volume."""
    volume = volume_of(folder)
    return Finding(
        "encryption", "ready" if volume.state == "encrypted" else "absent", volume.warning or volume.detail
    )


def check_launch() -> Finding:
    """Whether `ros2 launch` is there, or the rig starts its nodes itself."""
    ros2 = shutil.which("ros2")
    if ros2 is None:
        return Finding("ros2 launch", "absent", "not installed; `rig record` starts the same nodes")
    version = subprocess.run([ros2, "launch", "--help"], capture_output=True, check=False)
    state: State = "ready" if version.returncode == 0 else "wrong"
    return Finding("ros2 launch", state, ros2)


def findings(folder: Path) -> Iterator[Finding]:
    """Everything, in the order of the report; a check that fails is a finding, not an end."""
    checks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("Python", check_python),
        ("ROS 2", check_ros),
        ("ros2 launch", check_launch),
        ("message types", check_messages),
        ("transport", check_transport),
        ("DAVIS346", check_davis346),
        ("EVK4", check_evk4),
        ("webcam", check_webcam),
        ("GPU", check_gpu),
        ("disk", lambda: check_disk(folder)),
        ("encryption", lambda: check_volume(folder)),
    )
    for what, check in checks:
        try:
            yield check()
        except (ImportError, OSError, RuntimeError, EvfaceError) as error:
            yield Finding(what, "wrong", " ".join(str(error).split()) or type(error).__name__)


MARKS: dict[State, str] = {
    "ready": "[green]ready[/]",
    "absent": "[yellow]absent[/]",
    "wrong": "[red]wrong[/]",
}


def doctor(
    out: Path = typer.Option(Path("recordings"), help="Folder of the recordings, whose disk is measured."),
) -> None:
    """Tell what of this machine is ready: ROS, message types, transport, cameras, GPU, disk.

    "absent" is no fault: a camera that is not there can be virtual. "wrong" wants mending; then the exit
    code is 1.
    """
    table = Table(title="rig doctor", title_justify="left", show_lines=False, pad_edge=False)
    for heading in ("what", "state", "detail"):
        table.add_column(heading, overflow="fold")
    wrong = 0
    for finding in findings(out):
        table.add_row(finding.what, MARKS[finding.state], finding.detail)
        wrong += finding.state == "wrong"
    Console().print(table)
    raise typer.Exit(1 if wrong else 0)
