"""What a session's folder tells of its takes: the manifest, each take's quality, the notes in the journal.

Read again only when a file has grown or a take has come: so a console that was started anew knows as much as
the one before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class SessionFiles:
    """The files of one session.

    Attributes:
        folder: of the session; None before it is known.
        takes: lines of the manifest, oldest first.
        quality: of each take by its name, as in quality.json.
        notes: lines of the journal that hold a note, oldest first.
        outcomes: of takes by FACS number and run; the journal knows of a complete one that was done again.
        texts: of the session's script, as the journal says it began.
    """

    folder: Path | None = None
    takes: list[dict[str, Any]] = field(default_factory=list)
    quality: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[dict[str, Any]] = field(default_factory=list)
    outcomes: dict[tuple[int, int], str] = field(default_factory=dict)
    texts: dict[str, Any] = field(default_factory=dict)
    _read: dict[str, int] = field(default_factory=dict)

    def look(self, path: Path | None) -> None:
        """Read what has come since the last look.

        Args:
            path: folder of the session; None before it is known.
        """
        if path != self.folder:
            self.folder, self.takes, self.notes = path, [], []
            self.quality, self.outcomes, self.texts, self._read = {}, {}, {}, {}
        if path is None:
            return
        self.takes += self._news(path / "manifest.jsonl")
        for line in self._news(path / "journal.jsonl"):
            self._hear(line)
        for take in self.takes:
            name = str(take.get("take", ""))
            if name and name not in self.quality:
                found = _read_json(path / name / "quality.json")
                if found is not None:
                    self.quality[name] = found

    def _hear(self, line: dict[str, Any]) -> None:
        if line.get("event") == "opened":
            self.texts = (line.get("script") or {}).get("texts") or {}
        elif line.get("event") == "take":
            self.outcomes[line.get("au", 0), line.get("take", 0)] = str(line.get("outcome", ""))
        elif line.get("command") == "note" and line.get("accepted"):
            self.notes.append(line)

    def _news(self, path: Path) -> list[dict[str, Any]]:
        """The whole lines that a file has more than at the last look."""
        begin = self._read.get(path.name, 0)
        try:
            with path.open("rb") as file:
                file.seek(begin)
                text = file.read()
        except OSError:
            return []
        whole = text[: text.rfind(b"\n") + 1]  # the last line may still be on its way
        self._read[path.name] = begin + len(whole)
        lines = (_parsed(line) for line in whole.splitlines())
        return [line for line in lines if line is not None]


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        return _parsed(path.read_bytes())
    except OSError:
        return None
