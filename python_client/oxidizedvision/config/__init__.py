"""What `config.yml` may say: the models, the loader and the writer of a first one."""

from oxidizedvision.config.loader import (
    load_config,
    resolve_checkpoint,
    resolve_model_path,
)
from oxidizedvision.config.models import (
    BenchmarkConfig,
    Config,
    ExportConfig,
    ModelConfig,
    RunnerEntry,
)
from oxidizedvision.config.optimization import BudgetConfig, CalibrationConfig, OptimizeConfig
from oxidizedvision.config.pictures import (
    ClassificationPostprocess,
    DetectionPostprocess,
    ImagePostprocess,
    Postprocess,
    Preprocess,
    RawPostprocess,
    Resize,
    SegmentationPostprocess,
)
from oxidizedvision.config.validation import ValidationConfig
from oxidizedvision.core.engines import RUNNER_NAMES

__all__ = [
    "RUNNER_NAMES",
    "BenchmarkConfig",
    "BudgetConfig",
    "CalibrationConfig",
    "ClassificationPostprocess",
    "Config",
    "DetectionPostprocess",
    "ExportConfig",
    "ImagePostprocess",
    "ModelConfig",
    "OptimizeConfig",
    "Postprocess",
    "Preprocess",
    "RawPostprocess",
    "Resize",
    "RunnerEntry",
    "SegmentationPostprocess",
    "ValidationConfig",
    "load_config",
    "resolve_checkpoint",
    "resolve_model_path",
]
