"""Quality on the wire: reports as messages, and the process that looks at takes and faces."""

from rig.quality.messages import from_message, reds, to_message

__all__ = ["from_message", "reds", "to_message"]
