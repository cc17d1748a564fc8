"""From a registered model, a manifest, a report.json or a benchmark's JSON to one side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.manifest import ONNX_STAGES, SUFFIX
from oxidizedvision.core.results import to_plain
from oxidizedvision.diff.report import SideSummary
from oxidizedvision.diff.schema import (
    BenchmarkPart,
    ReportPart,
    ResultPart,
    SpecPart,
    ValidationPart,
)
from oxidizedvision.diff.sides import Check, Row, Side

LARGEST_FILE = 64 * 2**20
"""Bytes that a report may have; ours have some hundred thousand at most."""

_FILES = {
    "torchscript": "TorchScript",
    "onnx": "ONNX",
    "optimize": "ONNX, optimised",
    "fp16": "ONNX, FP16",
    "int8": "ONNX, INT8",
}
"""What report.json calls the files of the stages."""
_MODELS = (".onnx", ".pt", ".pt2")
_HINT = (
    "Give a registered model, a manifest, the report.json of `run` or what `benchmark --json` "
    "printed."
)
_Part = TypeVar("_Part", bound=BaseModel)


def read_target(target: str | Path) -> Side:
    """The side of a file or of a registered model.

    Raises:
        OxidizedVisionError: `not_found`; `corrupt` for a file that is none of ours or damaged;
            `unsupported` for one of a newer version; `file_system`.
    """
    path = Path(target)
    is_document = path.exists() and not path.is_dir() and path.suffix not in _MODELS
    if is_document and not path.name.endswith(SUFFIX):
        return side_of(_document(path), str(target))
    from oxidizedvision.registry import describe

    return _side_of_details(describe(target), str(target))


def side_of(document: Any, source: str) -> Side:
    """The side of a report.json or of a benchmark's document.

    Raises:
        OxidizedVisionError: as `read_target`.
    """
    if not isinstance(document, dict):
        raise _not_ours(source, "it is no JSON object")
    if isinstance(document.get("error"), dict):
        said = document["error"].get("message")
        raise _not_ours(source, f"it holds the error of a command that failed: {said}")
    if "benchmark" in document and "validation" in document:
        from oxidizedvision.report import SCHEMA_VERSION

        _refuse_newer(source, document, SCHEMA_VERSION)
        return _side_of_report(_parsed(ReportPart, document, source), source)
    if "results" in document and "machine" in document:
        from oxidizedvision.benchmark.report import SCHEMA_VERSION as BENCHMARK_VERSION

        _refuse_newer(source, document, BENCHMARK_VERSION)
        return _side_of_benchmark(_parsed(BenchmarkPart, document, source), source)
    raise _not_ours(source, "it is neither a report.json nor the JSON of a benchmark")


def _document(path: Path) -> Any:
    with file_errors(path), path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise _not_ours(str(path), f"it is larger than {LARGEST_FILE // 2**20} MiB")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _not_ours(str(path), f"it is no JSON: {error}") from error


def _parsed(kind: type[_Part], document: Any, source: str) -> _Part:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise _not_ours(source, f"{where}: {first['msg']}") from error
    except (OverflowError, RecursionError) as error:
        raise _not_ours(source, f"a number in it has no meaning: {error}") from error


def _not_ours(source: str, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(Kind.CORRUPT, f"{source} cannot be compared: {reason}", _HINT)


def _refuse_newer(source: str, document: dict[str, Any], known: int) -> None:
    version = document.get("schema_version")
    if isinstance(version, int) and version > known:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"{source} has schema_version {version}, this version reads up to {known}",
            "Install the newer OxidizedVision, or write the file again with this one.",
        )


def _side_of_report(report: ReportPart, source: str) -> Side:
    model = report.model
    measured = _side_of_benchmark(report.benchmark, source)
    summary = SideSummary(source, "report", model.name, report.benchmark.model_sha256)
    return Side(
        summary=summary,
        inputs=_specs(model.inputs),
        outputs=_specs(model.outputs),
        files={file.name: file.bytes for file in report.files},
        **_measured(measured),
        **_validated(report.validation),
    )


def _side_of_benchmark(part: BenchmarkPart, source: str) -> Side:
    machine = part.machine.model_dump(exclude_none=True) if part.results else {}
    return Side(
        summary=SideSummary(source, "benchmark", part.model or "", part.model_sha256),
        machine=machine,
        floor=part.noise.floor if part.noise else None,
        rows=tuple(map(_row, part.results)),
        errors=part.errors,
        failures={failure.runner: failure.message for failure in part.failures},
    )


def _side_of_details(details: Any, source: str) -> Side:
    """The side of a `registry.ModelDetails`."""
    label = f"{details.name}@{details.version}" if details.version else details.name
    summary = SideSummary(source, "manifest", label, details.sha256)
    specs = [
        _specs(SpecPart.model_validate(to_plain(spec)) for spec in group)
        for group in (details.inputs, details.outputs)
    ]
    benchmark, notes = None, []
    if details.benchmark is not None:
        benchmark = _parsed(BenchmarkPart, details.benchmark, source)
        measured_sha256 = benchmark.model_sha256
        if None not in (measured_sha256, details.sha256) and not _is_head(details, measured_sha256):
            notes.append(f"The benchmark in {source} is of an earlier file of the model.")
    validation = _parsed(ValidationPart, details.validation or {}, source)
    measured = _side_of_benchmark(benchmark, source) if benchmark else Side(summary)
    return Side(
        summary=summary,
        inputs=specs[0],
        outputs=specs[1],
        files=dict(_recorded_files(details.lineage)),
        notes=tuple(notes),
        **_measured(measured),
        **_validated(validation),
    )


def _is_head(details: Any, sha256: str | None) -> bool:
    heads = [item.sha256 for item in details.lineage if item.role in ONNX_STAGES]
    return bool(heads) and heads[-1] == sha256


def _recorded_files(lineage: Iterable[Any]) -> Iterator[tuple[str, int]]:
    engine = ""
    for item in lineage:
        if item.role == "crate":
            engine = str(item.tool).removeprefix("package, ")
        if item.bytes is None:
            continue
        if item.role == "program":
            yield f"program ({engine})", item.bytes
        elif item.role in _FILES:
            yield _FILES[item.role], item.bytes


def _measured(side: Side) -> dict[str, Any]:
    names = ("machine", "floor", "rows", "errors", "failures")
    return {name: getattr(side, name) for name in names}


def _validated(part: ValidationPart) -> dict[str, Any]:
    known = {"MAE": part.tolerance_mae, "cosine similarity": part.tolerance_cos_sim}
    return {
        "checks": tuple(Check(**check.model_dump()) for check in part.results),
        "tolerance": {name: value for name, value in known.items() if value is not None},
    }


def _specs(parts: Iterable[SpecPart]) -> tuple[str, ...]:
    return tuple(
        f"{part.name} {part.dtype} [{', '.join(str(dim) for dim in part.dims)}]" for part in parts
    )


def _row(part: ResultPart) -> Row:
    first_result = part.first_result_ms
    if first_result is None and part.load_ms is not None and part.first_ms is not None:
        first_result = part.load_ms + part.first_ms
    return Row(
        name=part.name or part.runner,
        runner=part.runner,
        threads=part.threads,
        batch_size=part.batch_size,
        engine_version=part.engine_version,
        device=part.device,
        p50_ms=part.p50_ms,
        load_ms=part.load_ms,
        first_result_ms=first_result,
        peak_rss_mib=part.peak_rss_mib,
        model_bytes=part.model_bytes,
        windows_ms=tuple(tuple(windows) for windows in part.windows_ms if windows),
        loads_ms=tuple(part.loads_ms),
        first_results_ms=tuple(part.first_results_ms),
    )
