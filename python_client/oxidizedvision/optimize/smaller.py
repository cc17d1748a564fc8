"""A smaller precision of a model: who it is for, what it is judged on, what the manifest keeps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.calibration import SampleSource
from oxidizedvision.config import BudgetConfig, CalibrationConfig, Config
from oxidizedvision.core.engines import NATIVE_ENGINES, ONNX_ENGINES
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import Notify
from oxidizedvision.optimize.compare import golden_inputs, golden_tolerance
from oxidizedvision.optimize.publication import Made
from oxidizedvision.quantize.request import QuantizeRequest
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.table import (
    ENGINES,
    availability,
    engine_named,
    load_runner,
    refuse_missing,
)
from oxidizedvision.runners.target import Target, resolve

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import TensorSpec
    from oxidizedvision.quantize.report import QuantizationReport

_IN_INT8 = ("ort", "openvino")
"""Who an INT8 model is for where nothing tells, if they are here: they compute in it."""


@dataclass(frozen=True)
class QuantizeOptions:
    """What a smaller precision is for; None takes the config's value.

    Args:
        engine: The runner that will run the model. None: the first Rust engine of the config's
            runners, else ort or openvino, else any that is ready.
        threads: Of the engine; None means as many processors as this process may use.
        calibration: What INT8 is calibrated on, and how.
        budget: How far which metric may fall.
        folder: What relative paths start from; None: the config's folder.
        force: Keep what is slower or larger than FP32.
    """

    engine: str | None = None
    threads: int | None = None
    calibration: CalibrationConfig | None = None
    budget: BudgetConfig | None = None
    folder: Path | None = None
    force: bool = False


def quantized_form(
    path: Path,
    base: bytes,
    quantize: str,
    config: Config | None,
    options: QuantizeOptions,
    engine: str,
    notify: Notify,
) -> tuple[bytes | None, QuantizationReport]:
    from oxidizedvision.quantize.verb import quantized

    where = resolve(path)
    request = QuantizeRequest(
        where=where,
        base=base,
        precision=quantize,
        engine=engine,
        source=_source(where, base, engine, config, options),
        calibration=options.calibration or (config.calibration if config else CalibrationConfig()),
        budget=options.budget or (config.budget if config else BudgetConfig()),
        goldens=_goldens(where),
        threads=options.threads,
        force=options.force,
    )
    return quantized(request, notify)


def engine_of(options: QuantizeOptions, config: Config | None) -> str:
    """Who the smaller model is for; refuses who cannot run it before anything is done."""
    if options.engine is None:
        return _engine_for(config)
    row = engine_named(options.engine)
    if "onnx" not in row.formats:
        readers = ", ".join(engine.name for engine in ENGINES if "onnx" in engine.formats)
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{row.name} cannot run what comes out of quantize: it does not read ONNX files",
            f"Choose one of {readers} with --engine.",
        )
    refuse_missing(row)
    return row.name


def _engine_for(config: Config | None) -> str:
    native = {engine.name for engine in NATIVE_ENGINES}
    named = [entry.name for entry in config.runners if entry.name in native] if config else []
    for name in (*named, *_IN_INT8, *ONNX_ENGINES):
        if availability(name).ready:
            return name
    raise OxidizedVisionError(
        Kind.BACKEND_UNAVAILABLE,
        "No engine is here that a smaller model could be tried on",
        "`oxidizedvision backends` shows each engine and how to install it.",
    )


def _source(
    where: Target, base: bytes, engine: str, config: Config | None, options: QuantizeOptions
) -> SampleSource:
    manifest = where.manifest
    folder = options.folder
    if folder is None:
        folder = config.path.parent if config and config.path else Path()
    if manifest is None:
        inputs, outputs = _specs(base, engine)
        return SampleSource(inputs, outputs, folder=folder)
    return SampleSource(
        inputs=tuple(spec.spec() for spec in manifest.inputs),
        outputs=tuple(spec.spec() for spec in manifest.outputs),
        contract=manifest.preprocess,
        folder=folder,
        shapes=manifest.input_shapes,
    )


def _specs(base: bytes, engine: str) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    with load_runner(engine, RunnerConfig(base), apart=True) as runner:
        return runner.info.inputs, runner.info.outputs


def _goldens(where: Target) -> list[dict[str, object]]:
    if where.manifest_path is None:
        return []
    return [dict(inputs) for _, inputs in golden_inputs(where.manifest_path)]


def made_of(
    report: QuantizationReport, target: Path, content: bytes, start: float, manifest: Path | None
) -> Made:
    checks = {
        "metric": report.metric,
        "fp32": report.fp32_metric,
        "drop": report.drop,
        "max_drop": report.max_drop,
        "latency_ratio": report.timing.ratio if report.timing else None,
    }
    return Made(
        "fp16" if report.precision == "fp16" else "int8",
        "onnxruntime",
        target,
        content,
        report.parameters,
        checks,
        round(time.monotonic() - start, 3),
        golden_tolerance(manifest, content, report.engine) if manifest else None,
    )
