"""Every runner's outputs against PyTorch's."""

from oxidizedvision.runners.target import Unavailable
from oxidizedvision.validate.report import IntegrityResult, ValidationReport, ValidationResult
from oxidizedvision.validate.verb import validate

__all__ = ["IntegrityResult", "Unavailable", "ValidationReport", "ValidationResult", "validate"]
