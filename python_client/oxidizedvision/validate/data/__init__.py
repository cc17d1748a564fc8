"""Accuracy on a data set: pictures whose classes or masks are known."""

from oxidizedvision.validate.data.report import DataReport, DataResult, UnreadPicture
from oxidizedvision.validate.data.source import DataSet

__all__ = ["DataReport", "DataResult", "DataSet", "UnreadPicture"]
