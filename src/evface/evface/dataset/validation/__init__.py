"""Whether a published dataset is what it says: names, files, checksums, contents, who is in which split."""

from evface.dataset.validation.finding import Finding
from evface.dataset.validation.run import ValidationReport, validate

__all__ = ["Finding", "ValidationReport", "validate"]
