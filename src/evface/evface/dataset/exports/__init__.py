"""A dataset in the formats of other software: EVREAL's arrays, ELAN's annotations."""

from evface.dataset.exports.run import FORMATS, ExportReport, export

__all__ = ["FORMATS", "ExportReport", "export"]
