"""Takes on disk: one rosbag2 mcap bag each, and the manifest of a session. No node in here."""

from rig.recording.manifest import Manifest
from rig.recording.preroll import PreRoll
from rig.recording.take import TakeWriter, take_name
from rig.recording.truths import TRUTH, TRUTHS, Truths, announcement

__all__ = ["TRUTH", "TRUTHS", "Manifest", "PreRoll", "TakeWriter", "Truths", "announcement", "take_name"]
