"""A model tried in every engine that reads it."""

from oxidizedvision.trial.report import Trial, TrialReport
from oxidizedvision.trial.verb import try_backends

__all__ = ["Trial", "TrialReport", "try_backends"]
