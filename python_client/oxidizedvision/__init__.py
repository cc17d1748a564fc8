"""From a trained PyTorch vision model to a proved, measured Rust program.

Every verb of the command line is a function here. They are imported when first used, so
importing this package loads neither torch nor onnx.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oxidizedvision.auto import Choice, ChooseOptions, choose
    from oxidizedvision.benchmark import (
        BenchmarkOptions,
        BenchmarkReport,
        BenchmarkResult,
        benchmark,
    )
    from oxidizedvision.benchmark.engine_profile import (
        EngineProfile,
        EngineProfileOptions,
        engine_profile,
    )
    from oxidizedvision.benchmark.tables import write_csv
    from oxidizedvision.config import BudgetConfig, CalibrationConfig, Config, load_config
    from oxidizedvision.convert import ConvertResult, convert
    from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
    from oxidizedvision.core.tensors import ModelInfo, TensorSpec
    from oxidizedvision.diff import Difference, DiffOptions, DiffReport, diff
    from oxidizedvision.layers import LayerReports, Reduction, reduce_target, validate_layers
    from oxidizedvision.optimize import OptimizeResult, QuantizeOptions, optimize
    from oxidizedvision.package import PackageResult, package
    from oxidizedvision.pipeline import PipelineOptions, PipelineResult, run
    from oxidizedvision.predict import EngineSettings, PredictReport, PredictResult, predict
    from oxidizedvision.prepare import PrepareResult, prepare
    from oxidizedvision.profile import ProfileReport, profile
    from oxidizedvision.quantize.report import QuantizationReport
    from oxidizedvision.registry import (
        Entry,
        GarbageReport,
        ListedEntry,
        ListFilter,
        ModelDetails,
        Removal,
        Tag,
        collect_garbage,
        describe,
        find,
        list_models,
        register,
        remove,
        tag,
        tags,
        untag,
    )
    from oxidizedvision.report.benchmark import write_html
    from oxidizedvision.runners import Runner, RunnerConfig, backends, load
    from oxidizedvision.serve import ServedModel, ServeOptions, ServeReport, serve
    from oxidizedvision.trial import Trial, TrialReport, try_backends
    from oxidizedvision.validate import (
        DataSet,
        ValidationReport,
        ValidationResult,
        validate,
        write_junit,
    )
    from oxidizedvision.verify import Link, VerifyReport, verify

__version__ = "0.1.0"

_HOMES = {
    "auto": ("Choice", "ChooseOptions", "choose"),
    "benchmark": ("BenchmarkOptions", "BenchmarkReport", "BenchmarkResult", "benchmark"),
    "benchmark.engine_profile": ("EngineProfile", "EngineProfileOptions", "engine_profile"),
    "benchmark.tables": ("write_csv",),
    "config": ("BudgetConfig", "CalibrationConfig", "Config", "load_config"),
    "convert": ("ConvertResult", "convert"),
    "core.errors": ("ExitCode", "Kind", "OxidizedVisionError"),
    "core.tensors": ("ModelInfo", "TensorSpec"),
    "diff": ("DiffOptions", "DiffReport", "Difference", "diff"),
    "layers": ("LayerReports", "Reduction", "reduce_target", "validate_layers"),
    "optimize": ("OptimizeResult", "QuantizeOptions", "optimize"),
    "quantize.report": ("QuantizationReport",),
    "package": ("PackageResult", "package"),
    "pipeline": ("PipelineOptions", "PipelineResult", "run"),
    "predict": ("EngineSettings", "PredictReport", "PredictResult", "predict"),
    "prepare": ("PrepareResult", "prepare"),
    "profile": ("ProfileReport", "profile"),
    "registry": (
        "Entry",
        "GarbageReport",
        "ListFilter",
        "ListedEntry",
        "ModelDetails",
        "Removal",
        "Tag",
        "collect_garbage",
        "describe",
        "find",
        "list_models",
        "register",
        "remove",
        "tag",
        "tags",
        "untag",
    ),
    "report.benchmark": ("write_html",),
    "runners": ("Runner", "RunnerConfig", "backends", "load"),
    "serve": ("ServeOptions", "ServeReport", "ServedModel", "serve"),
    "trial": ("Trial", "TrialReport", "try_backends"),
    "validate": (
        "DataSet",
        "ValidationReport",
        "ValidationResult",
        "validate",
        "write_junit",
    ),
    "verify": ("Link", "VerifyReport", "verify"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BenchmarkOptions",
    "BenchmarkReport",
    "BenchmarkResult",
    "BudgetConfig",
    "CalibrationConfig",
    "Choice",
    "ChooseOptions",
    "Config",
    "ConvertResult",
    "DataSet",
    "DiffOptions",
    "DiffReport",
    "Difference",
    "EngineProfile",
    "EngineProfileOptions",
    "EngineSettings",
    "Entry",
    "ExitCode",
    "GarbageReport",
    "Kind",
    "LayerReports",
    "Link",
    "ListFilter",
    "ListedEntry",
    "ModelDetails",
    "ModelInfo",
    "OptimizeResult",
    "OxidizedVisionError",
    "PackageResult",
    "PipelineOptions",
    "PipelineResult",
    "PredictReport",
    "PredictResult",
    "PrepareResult",
    "ProfileReport",
    "QuantizationReport",
    "QuantizeOptions",
    "Reduction",
    "Removal",
    "Runner",
    "RunnerConfig",
    "ServeOptions",
    "ServeReport",
    "ServedModel",
    "Tag",
    "TensorSpec",
    "Trial",
    "TrialReport",
    "ValidationReport",
    "ValidationResult",
    "VerifyReport",
    "__version__",
    "backends",
    "benchmark",
    "choose",
    "collect_garbage",
    "convert",
    "describe",
    "diff",
    "engine_profile",
    "find",
    "list_models",
    "load",
    "load_config",
    "optimize",
    "package",
    "predict",
    "prepare",
    "profile",
    "reduce_target",
    "register",
    "remove",
    "run",
    "serve",
    "tag",
    "tags",
    "try_backends",
    "untag",
    "validate",
    "validate_layers",
    "verify",
    "write_csv",
    "write_html",
    "write_junit",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Keeps `oxidizedvision.convert` the function after the module `convert` was imported.

    Python binds an imported submodule to its package under the submodule's name, which is also
    the function's name.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
