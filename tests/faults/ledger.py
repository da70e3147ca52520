"""What was finished must stay: every take that ever had a line in a manifest, checked at the end."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any, Self

from rosbags.rosbag2 import Reader

LOOK = 0.1
"""s between two looks at the manifests."""


class Ledger:
    """Notes each finished take below a folder while it is being recorded; a context manager.

    Args:
        root: folder in which the takes lie, wherever in it they are moved to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.takes: dict[str, dict[str, Any]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ledger", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            self.look()

    def look(self) -> None:
        """Note what is finished by now."""
        for path in self.root.rglob("manifest.jsonl"):
            try:
                lines = path.read_text().split("\n")[:-1]
            except OSError:
                continue
            for text in lines:
                line = json.loads(text)
                self.takes.setdefault(line["take"], line)

    def harmed(self) -> list[str]:
        """Takes that were finished and are no longer what they were, with one word why."""
        self.look()
        return [f"{name}: {why}" for name, line in self.takes.items() if (why := self._wrong(name, line))]

    def _wrong(self, name: str, line: dict[str, Any]) -> str:
        bags = [path for path in self.root.rglob(name) if (path / f"{name}.mcap").exists()]
        if not bags:
            return "gone"
        with (bags[0] / f"{name}.mcap").open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != line["sha256"]:
                return "changed"
        with Reader(bags[0]) as reader:
            found = sum(1 for _ in reader.messages())
        return "" if found == line["messages"] else f"{found} of {line['messages']} messages"
