"""Whether a folder lies on an encrypted volume, as far as the kernel tells."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MOUNTS = Path("/proc/self/mountinfo")
BLOCK_DEVICES = Path("/sys/dev/block")

ENCRYPTED_KINDS = {
    "ecryptfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs", "fuse.securefs", "fuse.cppcryptfs",
}  # fmt: skip
"""File systems that write nothing in the clear."""

DISTANT_KINDS = {"nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "fuse.sshfs", "ceph", "overlay"}
"""File systems whose disk this kernel does not see."""

GET_FLAGS = 0x80086601
"""FS_IOC_GETFLAGS, from linux/fs.h."""

ENCRYPTED_FLAG = 0x00000800
"""FS_ENCRYPT_FL: of files and folders under fscrypt."""


@dataclass(frozen=True, slots=True)
class Volume:
    """What a folder lies on.

    Attributes:
        state: encrypted; plain: no encryption is seen; unknown: this machine cannot tell.
        detail: a sentence with what was found.
    """

    state: Literal["encrypted", "plain", "unknown"]
    detail: str

    @property
    def warning(self) -> str:
        """What an operator reads before faces are recorded here; "" where all is well."""
        if self.state == "encrypted":
            return ""
        if self.state == "plain":
            return f"the recordings are not on an encrypted volume ({self.detail}): a lost disk shows faces"
        return f"it is unknown whether the recordings are on an encrypted volume ({self.detail})"


@dataclass(frozen=True, slots=True)
class _Mount:
    device: str
    point: Path
    kind: str
    source: str


def volume_of(folder: Path, mounts: Path = MOUNTS, devices: Path = BLOCK_DEVICES) -> Volume:
    """Look up what a folder lies on: dm-crypt below it (LUKS, also under LVM or RAID), fscrypt, eCryptfs,
    gocryptfs and its kin, ZFS. A drive that encrypts by itself looks plain.

    Args:
        folder: need not exist yet; then the nearest folder above it counts.
        mounts: the kernel's table of mounts.
        devices: the kernel's folder of block devices, by major:minor.
    """
    folder = folder.expanduser().resolve()
    while not folder.exists():
        folder = folder.parent
    mount = _mount_of(folder, mounts)
    if mount is None:
        return Volume("unknown", f"no mount of {folder} in {mounts}")
    where = f"{mount.kind} at {mount.point}"
    if mount.kind in ENCRYPTED_KINDS:
        return Volume("encrypted", where)
    if _is_fscrypt(folder):
        return Volume("encrypted", f"fscrypt on {where}")
    if mount.kind == "zfs":
        return _zfs(mount.source, where)
    if mount.kind in ("tmpfs", "ramfs"):
        return Volume("unknown", f"{where}, in memory; its swap may lie on a disk")
    if mount.kind in DISTANT_KINDS:
        return Volume("unknown", f"{where}, whose disk is not seen from here")
    device = _device(mount, devices)
    if device is None:
        return Volume("unknown", f"{where} on {mount.source}, which is no block device")
    return _below(device, f"{where} on {mount.source}", mounts, devices)


def _mount_of(folder: Path, mounts: Path) -> _Mount | None:
    """The mount a folder lies in: the deepest point above it, of those the one mounted last."""
    found: _Mount | None = None
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        point = Path(fields[4].encode().decode("unicode_escape"))
        deeper = found is None or len(point.parts) >= len(found.point.parts)
        if deeper and folder.is_relative_to(point):
            found = _Mount(fields[2], point, rest[0], rest[1])
    return found


def _is_fscrypt(folder: Path) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        flags = int.from_bytes(fcntl.ioctl(handle, GET_FLAGS, bytes(8))[:4], "little")
    except OSError:
        return False
    finally:
        os.close(handle)
    return bool(flags & ENCRYPTED_FLAG)


def _zfs(dataset: str, where: str) -> Volume:
    zfs = shutil.which("zfs")
    if zfs is None:
        return Volume("unknown", f"{where}, and the command zfs is not there")
    asked = subprocess.run(
        [zfs, "get", "-H", "-o", "value", "encryption", dataset], capture_output=True, text=True, check=False
    )
    answer = asked.stdout.strip()
    if asked.returncode != 0 or not answer:
        return Volume("unknown", f"{where}: {asked.stderr.strip()}")
    return Volume("plain" if answer == "off" else "encrypted", f"{where}, encryption {answer}")


def _device(mount: _Mount, devices: Path) -> Path | None:
    """The mount's block device in /sys."""
    numbers = [mount.device]
    if mount.source.startswith("/dev/"):
        # Btrfs mounts have a number of their own.
        try:
            number = os.stat(mount.source).st_rdev
            numbers.append(f"{os.major(number)}:{os.minor(number)}")
        except OSError:
            pass
    return next((devices / number for number in numbers if (devices / number).exists()), None)


def _below(device: Path, where: str, mounts: Path, devices: Path) -> Volume:
    """Walk from a block device down to the disks: each way must pass an encryption."""
    device = device.resolve()
    mapped = _read(device / "dm" / "uuid")
    if mapped.startswith("CRYPT-") and not mapped.startswith("CRYPT-VERITY"):
        return Volume("encrypted", f"{where}, {mapped.split('-')[1]}")
    backing = _read(device / "loop" / "backing_file")
    if backing:
        return volume_of(Path(backing).parent, mounts, devices)
    slaves = sorted((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    found = [_below(slave, where, mounts, devices) for slave in slaves]
    if found:
        return next((volume for volume in found if volume.state != "encrypted"), found[0])
    if (device / "partition").exists() and (device.parent / "dm").exists():
        return _below(device.parent, where, mounts, devices)
    return Volume("plain", f"{where}; a drive that encrypts by itself does not show")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
