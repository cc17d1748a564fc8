"""Every runner's outputs against PyTorch's."""

from oxidizedvision.runners.target import Unavailable
from oxidizedvision.validate.data import DataReport, DataResult, DataSet, UnreadPicture
from oxidizedvision.validate.junit import to_junit, write_junit
from oxidizedvision.validate.report import IntegrityResult, ValidationReport, ValidationResult
from oxidizedvision.validate.verb import validate

__all__ = [
    "DataReport",
    "DataResult",
    "DataSet",
    "IntegrityResult",
    "Unavailable",
    "UnreadPicture",
    "ValidationReport",
    "ValidationResult",
    "to_junit",
    "validate",
    "write_junit",
]
