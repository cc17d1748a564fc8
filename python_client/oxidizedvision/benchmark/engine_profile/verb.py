"""`benchmark --engine-profile`: one process for each engine, and where its time goes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oxidizedvision.benchmark.candidate import Candidate, engine_name
from oxidizedvision.benchmark.engine_profile.attribution import FileNodes, attributed, read_nodes
from oxidizedvision.benchmark.engine_profile.report import (
    SCHEMA_VERSION,
    EngineProfile,
    EngineProfileOptions,
    ProfiledEngine,
    ProfiledNode,
    UntoldEngine,
)
from oxidizedvision.benchmark.machine import fingerprint
from oxidizedvision.benchmark.plan import batch_of, split_names
from oxidizedvision.benchmark.report import BenchmarkFailure
from oxidizedvision.benchmark.request import ProfileRequest
from oxidizedvision.benchmark.sessions import request_of
from oxidizedvision.config import BenchmarkConfig, Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.results import Notify, silent
from oxidizedvision.runners.base import node_times_from_dicts
from oxidizedvision.runners.oneshot import ask_apart
from oxidizedvision.runners.table import engine_named
from oxidizedvision.runners.target import Target, resolve, unavailable_from

_WORKER = "oxidizedvision.benchmark.engine_profile.worker"

Answer = dict[str, Any]


def engine_profile(
    target: str | Path | Config,
    *,
    runners: Sequence[str] | None = None,
    options: EngineProfileOptions | None = None,
    runs: int = 20,
    skip_unavailable: bool = False,
    notify: Notify = silent,
) -> EngineProfile:
    """Time the nodes of a converted model in every engine that can tell, on the CPU.

    Engines run one after the other, each in a process of its own. Nothing is written.

    Args:
        target: A config or its path, a manifest, or an .onnx file.
        runners: Names, as in `benchmark`; None as there.
        options: Threads, batch and the time that an engine may take.
        runs: How many runs each time is the mean of.
        skip_unavailable: Whether runners that are not here are fine; see `exit_code`.
        notify: Told what is being done.

    Raises:
        OxidizedVisionError: when there is no model, `dependency_missing` without the package onnx,
            or `usage` for options without a meaning and for a file that is not ONNX. An engine that
            fails is in `failures`.
    """
    where = resolve(target)
    _refuse_prepared(where)
    options = _checked(options or EngineProfileOptions(), where.config, runs)
    where = dataclasses.replace(where, shapes=options.shapes or {})
    names = split_names(where, runners)
    file = read_nodes(where.model)
    missing = {name: where.missing(engine_name(name)) for name in names}
    report = EngineProfile(
        schema_version=SCHEMA_VERSION,
        model=where.name,
        model_sha256=sha256_of(where.model),
        machine=fingerprint(),
        runs=runs,
        batch_size=options.batch_size or 1,
        engines=(),
        unavailable=tuple(
            dataclasses.replace(gone, name=name) for name, gone in missing.items() if gone
        ),
        skip_unavailable=skip_unavailable,
    )
    for name in names:
        if not missing[name]:
            notify(f"profiling {name}")
            report = _with(report, name, _asked(where, name, options, runs), file)
    return report


def _refuse_prepared(where: Target) -> None:
    if where.model.suffix.lower() != ".onnx":
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{where.model.name} has no operators of ONNX that time could be told by",
            "Give the config.yml, the manifest or the .onnx file.",
        )


def _checked(
    options: EngineProfileOptions, config: Config | None, runs: int
) -> EngineProfileOptions:
    """The options with the config's batch where none is given.

    Raises:
        OxidizedVisionError: `usage` for a number without a meaning.
    """
    base = config.benchmark if config else BenchmarkConfig()
    asked = options.batch_size
    if asked is None:
        asked = batch_of(options.shapes or {})
    batch_size = base.batch_size if asked is None else asked
    for name, value in (("runs", runs), ("threads", options.threads), ("batch_size", batch_size)):
        if value < 1:
            raise OxidizedVisionError(Kind.USAGE, f"{name} cannot be {value}", "Use 1 or more.")
    if not (math.isfinite(options.timeout_s) and options.timeout_s > 0):
        raise OxidizedVisionError(
            Kind.USAGE, f"timeout_s cannot be {options.timeout_s:g}", "Give seconds above 0."
        )
    return dataclasses.replace(options, batch_size=batch_size)


def _asked(
    where: Target, name: str, options: EngineProfileOptions, runs: int
) -> Answer | OxidizedVisionError:
    """What the process of an engine answers, or why it does not."""
    candidate = Candidate(name, options.threads, options.batch_size or 1)
    try:
        asked = request_of(where, candidate, device=None)
        device = engine_named(candidate.engine).default_device
        fields = {f.name: getattr(asked, f.name) for f in dataclasses.fields(asked)}
        request = ProfileRequest(**{**fields, "device": device}, runs=runs)
        return ask_apart(request, options.timeout_s, worker=_WORKER)
    except OxidizedVisionError as error:
        return error


def _with(
    report: EngineProfile, name: str, answer: Answer | OxidizedVisionError, file: FileNodes
) -> EngineProfile:
    """The report with what an engine answered."""
    if isinstance(answer, OxidizedVisionError):
        if gone := unavailable_from(name, answer):
            return dataclasses.replace(report, unavailable=(*report.unavailable, gone))
        failure = BenchmarkFailure(name, answer.kind, answer.message, answer.hint)
        return dataclasses.replace(report, failures=(*report.failures, failure))
    if answer["nodes"] is None:
        untold = UntoldEngine(name, answer["engine_version"], answer["run_ms"])
        return dataclasses.replace(report, untold=(*report.untold, untold))
    engine = profiled(name, answer, file, report.runs)
    return dataclasses.replace(report, engines=(*report.engines, engine))


def profiled(name: str, answer: Answer, file: FileNodes, runs: int) -> ProfiledEngine:
    """What an engine told, led back to the file; modules of `pytorch` name themselves."""
    nodes, fused = attributed(node_times_from_dicts(answer["nodes"]) or (), file, runs)
    if name == "pytorch":
        nodes = tuple(map(_module, nodes))
    return ProfiledEngine(
        name=name,
        engine_version=answer["engine_version"],
        device=answer["device"],
        threads=answer["threads"],
        run_ms=answer["run_ms"],
        nodes_ms=math.fsum(node.ms for node in nodes),
        nodes=nodes,
        fused=fused,
    )


def _module(node: ProfiledNode) -> ProfiledNode:
    return dataclasses.replace(node, source="file", operator=None, module=node.name)
