"""A session being recorded: its folder, the takes that are being written, and where they stand."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import evface
from evface.bags import stamp
from evface.errors import EvfaceError
from evface.privacy import audit, require_consent
from evface.protocol.journal import session_folder
from rig.errors import RecordingError
from rig.recording.disk import free_bytes
from rig.recording.facts import TakeFacts
from rig.recording.manifest import Manifest
from rig.recording.repair import Mended, repair_session
from rig.recording.scribe import Budget, Entry, Scribe
from rig.recording.take import TakeWriter, next_run, take_name
from rig.recording.topics import STATE
from rig.recording.truths import Truths
from rig.stamps import SteadyClock, host_now

CALIBRATION = "calib"
"""Folder of a session with the calibration its cameras were used with."""


class OpenTake:
    """A take that messages are written to.

    Args:
        scribe: writes it.
        facts: what the session said of it.
        clock: the host's, as it stood at its beginning.
    """

    def __init__(self, scribe: Scribe, facts: TakeFacts, clock: SteadyClock) -> None:
        self.scribe = scribe
        self.facts = facts
        self.clock = clock

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.scribe.take.name

    def put(self, topic: str, received: int, message: bytes) -> bool:
        """Take a message in that arrived at ``received``, ns on the monotonic clock; False: no room."""
        return self.scribe.put(topic, self.clock.at(received), message)


class RecordingSession:
    """Opens and closes the takes of one session.

    Args:
        state: of the session, the first one; says where.
        resume: go on with a session that has takes already; what a crash left of one is repaired first.
        topics: ROS topic name to ROS type name.
        budget: room for messages that wait for the disk.
        reserve: bytes to leave free on the disk.
        truths: what virtual subjects say.

    Attributes:
        finished: takes with a line in the manifest.
        last_take: name of the take finished last.
        cameras: facts of each camera for session.json.
        mended: what a crash had left.
        warnings: what went wrong beside the takes, for whoever shows it.

    Raises:
        RecordingError: the folder cannot be written, is another recorder's, or has takes already.
    """

    def __init__(
        self,
        state: Any,
        *,
        resume: bool,
        topics: Mapping[str, str],
        budget: Budget,
        reserve: int,
        truths: Truths,
        required: Iterable[str],
    ) -> None:
        folder = session_folder(Path(state.output), state.subject, state.session)
        self._topics, self._budget, self._reserve, self._truths = topics, budget, reserve, truths
        self._manifest = Manifest(folder, resume=resume)
        self.mended: list[Mended] = repair_session(self._manifest)
        self.finished = len(self._manifest.takes())
        self.last_take = ""
        self.cameras: dict[str, dict[str, str]] = {}
        self.warnings: list[str] = []
        self._finishing: list[Scribe] = []
        self._writing = threading.Lock()
        self._facts = {"started_ns": stamp(state)} | self._manifest.session()
        self._facts |= {
            "subject": state.subject,
            "session": state.session,
            "trials": int(state.trials),
            "script": state.script,
            "language": state.language,
            "aus": [int(au) for au in state.aus],
            "software": f"rig {evface.__version__}",
            "required_topics": list(required),
        }
        if self.finished or self.mended:
            self._facts["resumed_ns"] = [*self._facts.get("resumed_ns", []), stamp(state)]
        self._write_facts()

    def is_of(self, state: Any) -> bool:
        """Whether a state is this session's: one domain may carry several, and a take of another subject."""
        return session_folder(Path(state.output), state.subject, state.session) == self.folder

    @property
    def folder(self) -> Path:
        """Of the session."""
        return self._manifest.folder

    @property
    def free(self) -> int:
        """Bytes free on the disk.

        Raises:
            RecordingError: the folder is gone.
        """
        try:
            return free_bytes(self.folder)
        except OSError as error:
            raise RecordingError(f"cannot look at {self.folder}: {error.strerror or error}") from error

    def check_room(self) -> None:
        """See that there is room for more.

        Raises:
            RecordingError: less is free than is to be left, or the folder is gone.
        """
        free = self.free
        if free < self._reserve:
            raise RecordingError(
                f"the disk of {self.folder} is nearly full: {free >> 20} MiB free, "
                f"{self._reserve >> 20} MiB are to be left"
            )

    def open_take(self, state: Any, opening: bytes, preroll: Iterable[Entry]) -> OpenTake:
        """Open the take that a state asks for.

        Args:
            state: with ``recording`` set.
            opening: the same, serialized; the first message of the bag.
            preroll: messages of the take that have come already; arrival on the monotonic clock.

        Raises:
            RecordingError: the disk is full or gone.
            PrivacyError: the subject has not consented.
        """
        require_consent(self.folder)
        self.check_room()
        run = next_run(self.folder, state.subject, state.session, state.au, state.take)
        name = take_name(state.subject, state.session, state.au, run)
        take = TakeWriter(self.folder, name, self._topics)
        facts, clock = TakeFacts(state, run), SteadyClock()
        # First in the bag, and in the file at once: it says whose take this is, whatever happens next.
        take.write(STATE, facts.begun, opening)
        take.flush()
        opened = OpenTake(Scribe(take, self._budget), facts, clock)
        for topic, received, message in preroll:
            opened.put(topic, received, message)
        return opened

    def close_take(self, take: OpenTake) -> None:
        """Let a take be finished in its own thread."""
        facts = take.facts.as_dict()
        facts["ended_ns"] = facts["ended_ns"] or host_now()
        facts["clock_step_ms"] = round(take.clock.step / 1e6, 1)
        self._finishing.append(take.scribe)
        take.scribe.finish(facts, self._bring_home)

    def _bring_home(self, line: dict[str, Any]) -> None:
        truth = self._truths.of(line["au"], line["trial"], line["run"])
        with self._writing:
            if truth is not None:
                self._manifest.append_truth(line["take"], truth)
            self._manifest.append(line)
            self.finished += 1
            self.last_take = line["take"]
            try:
                self._write_facts()
                self._put_beside(line)
            except EvfaceError as error:  # the take is safe all the same
                self.warnings.append(str(error))

    def _put_beside(self, line: Mapping[str, Any]) -> None:
        """What belongs to a take that is safe: its entry in the audit log, the cameras' calibration."""
        out = self.folder.parents[1]
        facts = {name: line[name] for name in ("subject", "session", "take", "sha256")}
        audit(out, "take finished", **facts)
        used = [Path(camera["calibration"]) for camera in self.cameras.values() if camera.get("calibration")]
        if used and not (self.folder / CALIBRATION).exists():
            # Imported late: it brings OpenCV and SciPy along, which a recorder does not need.
            from evface.calibration import copy_calibration

            copy_calibration(used[0] if used[0].is_dir() else used[0].parent, self.folder / CALIBRATION)

    def _write_facts(self) -> None:
        self._manifest.write_session(self._facts | {"cameras": self.cameras})

    @property
    def finishing(self) -> bool:
        """Whether takes are on their way to the disk."""
        return bool(self._finishing)

    def collect(self) -> str:
        """Forget takes that are finished.

        Returns:
            Why one of them could not be; "" when all is well.
        """
        done = [scribe for scribe in self._finishing if scribe.done]
        self._finishing = [scribe for scribe in self._finishing if scribe not in done]
        return next((scribe.error for scribe in done if scribe.error), "")

    def close(self) -> str:
        """Wait for what is being finished and let go of the folder.

        Returns:
            As `collect`.
        """
        for scribe in self._finishing:
            scribe.join()
        error = self.collect()
        self._manifest.close()
        return error
