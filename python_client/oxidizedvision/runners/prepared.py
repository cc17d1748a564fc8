"""Models prepared ahead of time: what one engine loads sooner, or in less memory.

A prepared file ends with a declaration: its JSON, the JSON's length in 8 bytes and a mark. It has
the metadata of the ONNX file, so a prepared file says how it takes pictures. A file of the ending
`onnx` is an ordinary ONNX file and has none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oxidizedvision.core.engines import NATIVE_ENGINES, NativeEngine
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import atomic_path, file_errors
from oxidizedvision.core.processes import how_it_ended
from oxidizedvision.runners import native
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.oneshot import ProcessEndedError, Request, ask_apart
from oxidizedvision.runners.request import check_types, checked_file

_MARK = b"OXVPREP1"
_LENGTH = 8
_WORKER = "oxidizedvision.runners.prepare_worker"


@dataclass(frozen=True)
class PreparedModel:
    """A prepared model that has been written; `size` is in bytes."""

    path: Path
    size: int


def prepare(
    runner: str,
    model: str | Path,
    out: str | Path,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    threads: int | None = None,
    optimize: bool = True,
    options: Mapping[str, str] | None = None,
) -> PreparedModel:
    """Write a model in the form that an engine loads soonest, or in the least memory.

    The engine loads what it wrote and must find the same model: names, types, axes, and the
    answers to one input. Where something fails, what was at `out` is as it was.

    Args:
        runner: An engine that has such a form; docs/engines.md lists them.
        model: The .onnx file.
        out: The file to write, whose ending is one of those that the engine prepares: `.ort`, say.
        input_shapes: Lengths for the axes of inputs, by input name; they are fixed then.
        threads: Threads of the engine while it prepares.
        optimize: The engine's own graph optimisation; `ort` keeps what it did.
        options: Options of the engine, by name.

    Raises:
        OxidizedVisionError: `unsupported` where the engine has no such form, or none for this
            model; `usage` for another ending, `file_system` when `out` cannot be written, and
            whatever keeps the model from loading.
    """
    engine, path, target = _engine(runner), Path(model), Path(out)
    if not _has_ending(target, engine.prepared):
        endings = " or ".join(f".{ending}" for ending in engine.prepared)
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{runner} does not prepare {target.name}",
            f"Give a file that ends with {endings}.",
        )
    shapes = {name: tuple(shape) for name, shape in (input_shapes or {}).items()}
    config = RunnerConfig(
        checked_file(path),
        input_shapes=shapes,
        threads=threads,
        optimize=optimize,
        options=options or {},
    )
    check_types(config)
    with atomic_path(target) as temporary:
        size = native.prepare_model(runner, config, temporary)
    return PreparedModel(target, size)


@dataclass(frozen=True)
class PrepareRequest(Request):
    """What the process that prepares a model is asked for."""

    out: str = ""
    options: dict[str, str] = field(default_factory=dict)


def prepare_apart(
    runner: str,
    model: Path,
    out: Path,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    optimize: bool = True,
    options: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> PreparedModel:
    """As `prepare`, in a process of its own: a model that ends it is an error.

    Args:
        runner: As in `prepare`.
        model: As in `prepare`.
        out: As in `prepare`.
        input_shapes: As in `prepare`.
        optimize: As in `prepare`.
        options: As in `prepare`.
        timeout_s: How long it may take; None for as long as it likes.

    Raises:
        OxidizedVisionError: as `prepare`; `unsupported` when the model ends the process,
            `engine_failed` when it takes too long.
    """
    request = PrepareRequest(
        runner=runner,
        model=os.fspath(model),
        shapes={name: list(shape) for name, shape in (input_shapes or {}).items()},
        device="cpu",
        threads=0,
        optimize=optimize,
        out=os.fspath(out),
        options=dict(options or {}),
    )
    try:
        answer = ask_apart(request, timeout_s, worker=_WORKER)
    except ProcessEndedError as error:
        if error.code >= 0:
            raise
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"{runner} ended its process {how_it_ended(error.code)} while preparing {model.name}",
            f"Use the .onnx file; `oxidizedvision backends --model {model}` tells which engines "
            "run it.",
        ) from error
    return PreparedModel(out, int(answer["size"]))


def prepared_path(runner: str, model: Path) -> Path:
    """Where the prepared form of a model goes when nobody says: beside it.

    Raises:
        OxidizedVisionError: as `prepare` for an engine that has no such form.
    """
    ending = _engine(runner).prepared[0]
    # An ordinary .onnx file would replace the model.
    own = f"{runner}.{ending}" if ending == "onnx" else ending
    return model.with_name(f"{unprepared_stem(model)}.{own}")


def unprepared_stem(model: Path) -> str:
    """The name of a model's file without its ending, which may have two parts."""
    endings = sorted((e for engine in NATIVE_ENGINES for e in engine.prepared), key=len)
    for ending in reversed(endings):
        if _has_ending(model, (ending,)):
            return model.name[: -len(ending) - 1]
    return model.stem


def declared_metadata(path: Path) -> dict[str, str]:
    """The metadata of the ONNX file that a prepared one was made from; empty where none is told.

    Raises:
        OxidizedVisionError: `not_found` or `file_system` when it cannot be read.
    """
    with file_errors(path), path.open("rb") as file:
        end = file.seek(0, os.SEEK_END) - _LENGTH - len(_MARK)
        file.seek(max(end, 0))
        length, mark = file.read(_LENGTH), file.read()
        start = end - int.from_bytes(length, "little")
        if mark != _MARK or start < 0:
            return {}
        file.seek(start)
        text = file.read(end - start)
    try:
        declared: Any = json.loads(text)["metadata"]
        return {str(key): str(value) for key, value in declared.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def is_prepared(path: Path) -> bool:
    """Whether a file is, by its ending, a prepared model of one engine alone."""
    alone = [ending for engine in NATIVE_ENGINES for ending in engine.prepared if ending != "onnx"]
    return _has_ending(path, alone)


def _has_ending(path: Path, endings: Sequence[str]) -> bool:
    return any(path.name.lower().endswith(f".{ending}") for ending in endings)


def _engine(runner: str) -> NativeEngine:
    from oxidizedvision.runners.table import engine_named

    name = engine_named(runner).name
    able = [engine for engine in NATIVE_ENGINES if engine.prepared]
    for engine in able:
        if engine.name == name:
            return engine
    raise OxidizedVisionError(
        Kind.UNSUPPORTED,
        f"{runner} has no prepared form of models",
        f"These have: {', '.join(engine.name for engine in able)}.",
    )
