"""What the machine is that a network was trained on, for the tables of hardware."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final

from evface.dataset.tree import read_json
from evface.errors import FormatError

MACHINE: Final = "machine.json"
"""In the folder of a run: the machine that `rig report` trained it on."""

_CPU: Final = Path("/sys/devices/system/cpu/cpu0")
_ARCHITECTURES: Final = {
    (7, 0): "Volta",
    (7, 5): "Turing",
    (8, 0): "Ampere",
    (8, 6): "Ampere",
    (8, 7): "Ampere",
    (8, 9): "Ada Lovelace",
    (9, 0): "Hopper",
    (10, 0): "Blackwell",
    (12, 0): "Blackwell",
}
"""Of NVIDIA's accelerators, by compute capability."""


def this_machine() -> dict[str, str]:
    """CPU, memory and accelerator of this machine, by the names of Tables 3 and 4; nothing that names it.

    What the system does not tell is left out.
    """
    told = _cpu_info()
    found = {
        "CPU": told.get("model name", ""),
        "max. frequency": _frequency(told),
        "threads": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "cache": _read(_CPU / "cache/index3/size") or told.get("cache size", "").replace(" KB", "K"),
        "memory": _memory(),
        **_gpu(),
    }
    found["cache"] = _megabytes(found["cache"])
    return {name: value for name, value in found.items() if value}


def remember_machine(run: Path) -> None:
    """Write this machine into a run's folder, which is made if it is not there."""
    run.mkdir(parents=True, exist_ok=True)
    (run / MACHINE).write_text(json.dumps(this_machine(), indent=2) + "\n", encoding="utf-8")


def machine_of(run: Path) -> dict[str, str] | None:
    """The machine that a run was trained on; None where nobody wrote it down.

    Raises:
        FormatError: its machine.json is broken.
    """
    path = run / MACHINE
    if not path.exists():
        return None
    found = read_json(path)
    if not all(isinstance(value, str) for value in found.values()):
        raise FormatError(f"{path}: expected an object of texts")
    return {str(name): str(value) for name, value in found.items()}


def _cpu_info() -> dict[str, str]:
    """The first processor of /proc/cpuinfo, field by field."""
    lines = _read(Path("/proc/cpuinfo")).split("\n\n")[0].splitlines()
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _frequency(told: dict[str, str]) -> str:
    kilohertz = _read(_CPU / "cpufreq/cpuinfo_max_freq")
    if kilohertz.isdigit():
        return f"{int(kilohertz) / 1e6:.2f} GHz"
    # Virtual machines hide the highest frequency and tell the present one.
    present = told.get("cpu MHz", "")
    return f"{float(present) / 1e3:.2f} GHz (at present)" if present else ""


def _memory() -> str:
    found = re.search(r"MemTotal:\s+(\d+) kB", _read(Path("/proc/meminfo")))
    return f"{int(found[1]) / 2**20:.0f} GB" if found else ""


def _megabytes(cache: str) -> str:
    return f"{int(cache[:-1]) / 1024:.0f} MB" if cache.endswith("K") and cache[:-1].isdigit() else cache


def _gpu() -> dict[str, str]:
    """The first accelerator that torch sees; {} without one. Never run on a GPU yet."""
    import torch

    if not torch.cuda.is_available():
        return {}
    card: Any = torch.cuda.get_device_properties(0)
    clock, memory_clock = getattr(card, "clock_rate", 0), getattr(card, "memory_clock_rate", 0)
    width = getattr(card, "memory_bus_width", 0)
    return {
        "GPU": str(card.name),
        "architecture": _ARCHITECTURES.get((card.major, card.minor), f"sm_{card.major}{card.minor}"),
        "boost clock": f"{clock / 1e6:.2f} GHz" if clock else "",
        "memory clock": f"{memory_clock / 1e6:.2f} GHz" if memory_clock else "",
        # Two transfers a cycle: kHz, bits.
        "bandwidth": f"{2 * memory_clock * width / 8 / 1e6:.0f} GB/s" if memory_clock and width else "",
        "VRAM": f"{card.total_memory / 2**30:.0f} GB",
    }


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
