"""A model run on the user's own files."""

from oxidizedvision.predict.report import (
    PredictFailure,
    PredictReport,
    PredictResult,
    SkippedInput,
    Step,
)
from oxidizedvision.predict.settings import EngineSettings
from oxidizedvision.predict.verb import predict

__all__ = [
    "EngineSettings",
    "PredictFailure",
    "PredictReport",
    "PredictResult",
    "SkippedInput",
    "Step",
    "predict",
]
