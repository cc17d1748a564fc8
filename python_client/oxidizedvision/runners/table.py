"""Every engine by name: whether it is there, what it reads, how it loads."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import INSTALL
from oxidizedvision.runners import native, onnxruntime, program, pytorch, torch_runner, torchscript
from oxidizedvision.runners.base import Availability, Runner, RunnerConfig

if TYPE_CHECKING:
    from oxidizedvision.config import Config

Devices = Callable[[], tuple[str, ...]]


@dataclass(frozen=True)
class Engine:
    """One row of the table.

    formats: endings of the files it reads, without the dot. module: what must be imported before
    it can load, None where nothing must.
    """

    name: str
    formats: tuple[str, ...]
    module: str | None
    check: Callable[[], Availability]
    devices: Devices
    load: Callable[[RunnerConfig, Config | None], Runner]


@dataclass(frozen=True)
class BackendRow:
    """An engine as `oxidizedvision backends` shows it; `status` as in `Availability`."""

    name: str
    status: str
    version: str
    formats: tuple[str, ...]
    devices: tuple[str, ...]
    hint: str


def _python_engine(
    name: str,
    file_format: str,
    module: str,
    devices: Devices,
    load: Callable[[RunnerConfig, Config | None], Runner],
) -> Engine:
    return Engine(name, (file_format,), module, lambda: _installed(module), devices, load)


def _native_engine(name: str, file_format: str) -> Engine:
    return Engine(
        name=name,
        formats=(file_format,),
        module=native.MODULES[name],
        check=lambda: native.check(name),
        devices=lambda: native.devices(name),
        load=lambda runner_config, _: native.load(name, runner_config),
    )


def _installed(module: str) -> Availability:
    """Whether a Python package is there, without importing it: that takes seconds for torch."""
    try:
        found = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        found = False
    if not found:
        return Availability("missing", hint=f"Install it: {INSTALL[module]}")
    return Availability("ready", version=metadata.version(module))


def _cpu() -> tuple[str, ...]:
    return ("cpu",)


ENGINES: tuple[Engine, ...] = (
    _python_engine("pytorch", "yml", "torch", torch_runner.torch_devices, pytorch.load),
    _python_engine(
        "torchscript",
        "pt",
        "torch",
        torch_runner.torch_devices,
        lambda runner_config, _: torchscript.load(runner_config),
    ),
    _python_engine(
        "onnxruntime",
        "onnx",
        "onnxruntime",
        onnxruntime.devices,
        lambda runner_config, _: onnxruntime.load(runner_config),
    ),
    _native_engine("tract", "onnx"),
    _native_engine("rten", "onnx"),
    _native_engine("ort", "onnx"),
    _native_engine("openvino", "onnx"),
    _native_engine("tch", "pt"),
    _native_engine("tensorrt", "onnx"),
    Engine(
        name="program",
        formats=("",),
        module=None,
        check=lambda: Availability("ready", version=metadata.version("oxidizedvision")),
        devices=_cpu,
        load=lambda runner_config, _: program.load(runner_config),
    ),
)
NAMES = tuple(engine.name for engine in ENGINES)


def engine_named(name: str) -> Engine:
    """The row of an engine.

    Raises:
        OxidizedVisionError: `usage` for a name that the table does not have.
    """
    for engine in ENGINES:
        if engine.name == name:
            return engine
    raise OxidizedVisionError(
        Kind.USAGE,
        f"There is no runner {name!r}{nearest(name, NAMES)}",
        f"Runners: {', '.join(NAMES)}. `oxidizedvision backends` shows which are ready.",
    )


def availability(name: str) -> Availability:
    """Whether an engine can be used here, and what makes it so where it cannot.

    Raises:
        OxidizedVisionError: `usage` for an unknown name.
    """
    return engine_named(name).check()


def backends() -> list[BackendRow]:
    """Every known engine, ready or not; devices are those that are there now."""
    return [_row(engine) for engine in ENGINES]


def _row(engine: Engine) -> BackendRow:
    state = engine.check()
    devices = engine.devices() if state.ready else ()
    formats = tuple(name or "executable" for name in engine.formats)
    return BackendRow(engine.name, state.status, state.version, formats, devices, state.hint)


def load_runner(name: str, runner_config: RunnerConfig, *, config: Config | None = None) -> Runner:
    """Load a model into the engine of this name, and into no other.

    Args:
        name: One of `NAMES`.
        runner_config: The model and how to run it; for `program` the model is the executable.
        config: The config whose network `pytorch` runs; other engines do not look at it.

    Raises:
        OxidizedVisionError: `usage` for an unknown name, `backend_unavailable` for an engine that
            is not ready, and whatever keeps the model from loading.
    """
    engine = engine_named(name)
    state = engine.check()
    if not state.ready:
        word = "not built into this version" if state.status == "not_built" else "missing"
        raise OxidizedVisionError(
            Kind.BACKEND_UNAVAILABLE, f"The runner {name} is {word}", state.hint
        )
    _refuse_format(engine, runner_config)
    return engine.load(runner_config, config)


def load(
    model: str | Path | bytes,
    *,
    runner: str,
    device: str = "cpu",
    threads: int | None = None,
    optimize: bool = True,
    options: Mapping[str, str] | None = None,
) -> Runner:
    """Load a model into an engine: `load("model.onnx", runner="tract").run(array)`.

    Args:
        model: A file that the engine reads, its content, the config for `pytorch`, or the
            executable for `program`.
        runner: The engine's name; there is no default and no fall-back.
        device: `cpu`, `cuda` or `cuda:N`.
        threads: Threads of one run; None means as many processors as this process may use.
        optimize: The engine's own graph optimisation.
        options: Options of the engine, by name.

    Raises:
        OxidizedVisionError: as `load_runner`.
    """
    source = model if isinstance(model, bytes) else Path(model)
    runner_config = RunnerConfig(
        source, device=device, threads=threads, optimize=optimize, options=options or {}
    )
    if runner == "pytorch" and isinstance(source, Path):
        from oxidizedvision.config import load_config

        return load_runner(runner, runner_config, config=load_config(source))
    return load_runner(runner, runner_config)


def _refuse_format(engine: Engine, config: RunnerConfig) -> None:
    """Refuse a file that, by its ending, is for other engines."""
    if not isinstance(config.model, Path):
        return
    ending = config.model.suffix.removeprefix(".")
    readers = [other.name for other in ENGINES if ending and ending in other.formats]
    if readers and engine.name not in readers:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"{engine.name} does not read {config.model.name}",
            f".{ending} files are for: {', '.join(readers)}.",
        )
