"""The error family of rig; a kin of evface's, so that one handler serves both."""

from evface.errors import EvfaceError


class RigError(EvfaceError):
    """Base of every error that rig raises on purpose."""


class GraphError(RigError):
    """The node graph cannot be described or started as asked."""


class RecordingError(RigError):
    """A take cannot be opened, written or finished."""


class ConsoleError(RigError):
    """The console cannot serve its pages as asked."""
