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
    ImagePostprocess,
    ModelConfig,
    OptimizeConfig,
    Postprocess,
    Preprocess,
    RawPostprocess,
    Resize,
    RunnerEntry,
    ValidationConfig,
)
from oxidizedvision.core.engines import RUNNER_NAMES

__all__ = [
    "RUNNER_NAMES",
    "BenchmarkConfig",
    "Config",
    "ExportConfig",
    "ImagePostprocess",
    "ModelConfig",
    "OptimizeConfig",
    "Postprocess",
    "Preprocess",
    "RawPostprocess",
    "Resize",
    "RunnerEntry",
    "ValidationConfig",
    "load_config",
    "resolve_checkpoint",
    "resolve_model_path",
]
