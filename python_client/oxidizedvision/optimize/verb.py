"""`optimize`: simplify, fold, and a smaller precision; each step stays only if it helps."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from oxidizedvision.config import Config, OptimizeConfig, load_config
from oxidizedvision.config.optimization import Quantize
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import check_writable
from oxidizedvision.core.manifest import SUFFIX, Manifest, find_manifest
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.onnx_file import count_operators, parse_onnx, read_onnx
from oxidizedvision.optimize.publication import Made, put
from oxidizedvision.optimize.report import OptimizeResult, OptimizeStep
from oxidizedvision.optimize.simplify import SIMPLIFIERS, Simplification, skipped_passes
from oxidizedvision.optimize.smaller import (
    QuantizeOptions,
    engine_of,
    made_of,
    quantized_form,
)
from oxidizedvision.runners.target import resolve

if TYPE_CHECKING:
    from onnx import ModelProto

    from oxidizedvision.quantize.report import QuantizationReport

_SUFFIXES = {"fp32": ".optimized.onnx", "fp16": ".fp16.onnx", "int8": ".int8.onnx"}


def optimize(  # noqa: PLR0913 - keyword-only
    model: str | Path | Config,
    *,
    output: str | Path | None = None,
    simplify: bool | None = None,
    simplifier: str | None = None,
    constant_folding: bool | None = None,
    quantize: str | None = None,
    quantization: QuantizeOptions | None = None,
    dry_run: bool = False,
    notify: Notify = silent,
) -> OptimizeResult:
    """Simplify an ONNX model and, where asked for, give it a smaller precision.

    The simplified model is checked on its goldens and random inputs with ONNX Runtime, and must
    give the same answers. A smaller precision is checked by the budget's metric on the engine that
    will run it, and must be neither slower nor larger than FP32 there. Names, opset and metadata
    stay.

    Args:
        model: The .onnx file that `convert` wrote, its manifest, or a config, whose `optimize`,
            `calibration` and `budget` then fill in what is None.
        output: The file for what comes out, in place of `<model>.optimized.onnx`, `.fp16.onnx` or
            `.int8.onnx` beside the model.
        simplify: Remove and fuse nodes.
        simplifier: `onnxslim`, or `onnxsim` where that is installed.
        constant_folding: Compute once what does not depend on the inputs.
        quantize: `int8`, `int8-dynamic` or `fp16`.
        quantization: What that is for.
        dry_run: Try everything and write nothing.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: `corrupt`, `not_found`, `file_system`; for `quantize` also `config`
            without calibration data, `backend_unavailable`, `unsupported` for a model that is
            quantised already. What does not help is not an error: see `steps` and `exit_code`.
    """
    start = time.monotonic()
    path, config = _model_of(model)
    wanted = _wanted(config, simplify, simplifier, constant_folding, quantize)
    form, options = wanted.quantize, quantization or QuantizeOptions()
    engine = engine_of(options, config) if form is not None else ""
    target = _target(path, output, wanted.precision)
    if not dry_run and path.is_file():
        check_writable(target)
    manifest = find_manifest(path)
    simple = _simplified(path, wanted, manifest, notify)
    made: list[Made] = []
    if simple.content is not None and (output is None or form is None):
        made.append(simple.made(target if form is None else _beside(path, "fp32")))
    report = None
    if form is not None:
        smaller, report = quantized_form(path, simple.base, form, config, options, engine, notify)
        if smaller is not None:
            made.append(made_of(report, target, smaller, start, manifest))
    refused = report is not None and not report.kept
    if not dry_run and (made or not refused):
        put(manifest, path, made, refused=refused)
    result = _result(path, simple, made[-1] if made else None, report, start)
    return dataclasses.replace(result, dry_run=dry_run)


def _result(
    path: Path,
    simple: _Simplified,
    last: Made | None,
    report: QuantizationReport | None,
    start: float,
) -> OptimizeResult:
    return OptimizeResult(
        model=path,
        output=last.target if last else path,
        nodes_before=len(simple.before.graph.node),
        nodes_after=len(simple.after.graph.node),
        operators_before=count_operators(simple.before),
        operators_after=count_operators(simple.after),
        bytes_before=path.stat().st_size,
        bytes_after=len(last.content) if last else path.stat().st_size,
        max_error=simple.error,
        kept=simple.content is not None,
        reason=simple.reason,
        seconds=round(time.monotonic() - start, 3),
        precision=report.precision if report is not None and report.kept else "fp32",
        steps=tuple(_steps(path, simple, report)),
        quantization=report,
    )


@dataclass(frozen=True)
class _Wanted:
    """What is asked for, by the arguments or by the config."""

    simplifier: str
    skipped: list[str]
    quantize: str | None

    @property
    def precision(self) -> str:
        return "fp32" if self.quantize is None else self.quantize.partition("-")[0]


def _wanted(
    config: Config | None,
    simplify: bool | None,
    simplifier: str | None,
    constant_folding: bool | None,
    quantize: str | None,
) -> _Wanted:
    block = config.optimize if config else OptimizeConfig()
    return _Wanted(
        simplifier=_known_simplifier(simplifier or block.simplifier),
        skipped=skipped_passes(
            block.simplify if simplify is None else simplify,
            block.constant_folding if constant_folding is None else constant_folding,
        ),
        quantize=_known_precision(quantize or block.quantize),
    )


@dataclass(frozen=True)
class _Simplified:
    """The model before, and simplified. content: None where the model before stays."""

    before: ModelProto
    after: ModelProto
    base: bytes
    content: bytes | None
    reason: str
    error: float
    wanted: _Wanted
    seconds: float

    def made(self, target: Path) -> Made:
        """The file that the manifest gets."""
        assert self.content is not None  # noqa: S101 - the caller asked
        return Made(
            "optimize",
            self.wanted.simplifier,
            target,
            self.content,
            {
                "simplifier": self.wanted.simplifier,
                "simplify": "graph_fusion" not in self.wanted.skipped,
                "constant_folding": "constant_folding" not in self.wanted.skipped,
            },
            {
                "max_error": self.error,
                "nodes_before": len(self.before.graph.node),
                "nodes_after": len(self.after.graph.node),
            },
            self.seconds,
        )


def _simplified(path: Path, wanted: _Wanted, manifest: Path | None, notify: Notify) -> _Simplified:
    start = time.monotonic()
    before = read_onnx(path)
    simplification = Simplification(path, wanted.simplifier, before, manifest, notify)
    content, reason, error = simplification.improved(wanted.skipped)
    return _Simplified(
        before=before,
        after=before if content is None else parse_onnx(content, path),
        base=path.read_bytes() if content is None else content,
        content=content,
        reason=reason,
        error=error,
        wanted=wanted,
        seconds=round(time.monotonic() - start, 3),
    )


def _steps(
    path: Path, simple: _Simplified, report: QuantizationReport | None
) -> Iterator[OptimizeStep]:
    kept = simple.content is not None
    size, base = path.stat().st_size, len(simple.base)
    yield OptimizeStep("simplify", kept, simple.reason, size, base)
    if report is not None:
        yield OptimizeStep(report.precision, report.kept, report.reason, base, report.bytes_after)


def _known_precision(quantize: str | None) -> str | None:
    known = get_args(Quantize)
    if quantize is None or quantize in known:
        return quantize
    raise OxidizedVisionError(
        Kind.USAGE, f"quantize cannot be {quantize!r}", f"Use {', '.join(known)}."
    )


def _known_simplifier(simplifier: str) -> str:
    if simplifier in SIMPLIFIERS:
        return simplifier
    raise OxidizedVisionError(
        Kind.USAGE, f"There is no simplifier {simplifier!r}", f"Use {' or '.join(SIMPLIFIERS)}."
    )


def _model_of(model: str | Path | Config) -> tuple[Path, Config | None]:
    """The file that is optimised, the one that `convert` wrote, and the config where given."""
    if isinstance(model, Config):
        config: Config | None = model
    else:
        path = Path(model)
        config = load_config(path) if path.suffix in {".yml", ".yaml"} else None
        if config is None and not path.name.endswith(SUFFIX):
            return path, None
    where = resolve(config if config is not None else Path(str(model)))
    assert where.manifest is not None  # noqa: S101 - there is none without
    return where.folder / _converted(where.manifest), config


def _converted(manifest: Manifest) -> str:
    return next(stage.output.file for stage in manifest.stages if stage.name == "onnx")


def _target(path: Path, output: str | Path | None, precision: str) -> Path:
    """Where the result goes; refuses what is no ONNX file and what would overwrite it."""
    target = Path(output) if output else _beside(path, precision)
    if target.suffix != ".onnx":
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{target} does not end in .onnx, but what comes out is an ONNX file",
            f"Choose an output such as {target.with_suffix('.onnx').name}.",
        )
    if target.resolve() == path.resolve():
        raise OxidizedVisionError(
            Kind.USAGE, f"{path} would overwrite itself", "Choose another output."
        )
    return target


def _beside(path: Path, precision: str) -> Path:
    return path.with_name(path.stem + _SUFFIXES[precision])
