"""The error family of evface: whatever a person can cause or mend is one of these.

A message names the file or field, what was found and what was expected, so that it can be shown
as it stands: the commands print it on one line and exit with code 2.
"""


class EvfaceError(Exception):
    """Base of every error that evface raises on purpose."""


class FormatError(EvfaceError):
    """A file or packet does not hold what its format promises (truncated, garbage, wrong kind)."""


class GeometryError(EvfaceError):
    """A sensor size, box or coordinate does not fit the data at hand."""


class DeviceError(EvfaceError):
    """A camera, or the library that drives it, is not there or stopped answering."""


class ConfigError(EvfaceError):
    """A configuration file or parameter has an unknown name, a wrong type or a value out of range."""


class DatasetError(EvfaceError):
    """A dataset or a set of recordings is incomplete or contradicts itself."""


class PrivacyError(EvfaceError):
    """What was asked would break a promise to a subject: no consent, a withdrawal, an open linking file."""
