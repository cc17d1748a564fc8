"""Every engine by name: whether it is there, what it reads, how it loads."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.engines import NATIVE_ENGINES, WASM_ENGINES, NativeEngine, WasmEngine
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.goals import AUTO
from oxidizedvision.core.lazy import INSTALL, require
from oxidizedvision.core.tensors import DTYPES
from oxidizedvision.runners import (
    libraries,
    native,
    onnxruntime,
    program,
    pytorch,
    torch_runner,
    torchscript,
    wasm,
)
from oxidizedvision.runners.apart import IsolatedRunner
from oxidizedvision.runners.base import Availability, Runner, RunnerConfig

if TYPE_CHECKING:
    from oxidizedvision.config import Config

Names = Callable[[], tuple[str, ...]]


def _cpu() -> tuple[str, ...]:
    return ("cpu",)


def _every_dtype() -> tuple[str, ...]:
    return tuple(DTYPES)


def _as_stored() -> tuple[str, ...]:
    return ("fp32",)


@dataclass(frozen=True)
class Engine:
    """One row of the table.

    formats: endings of the files it reads, without the dot. module: what must be imported before
    it can load, None where nothing must. devices, dtypes: what it can use, take and give here.
    precisions: what it can be asked to compute in; `fp32` stands for that of the model's file.
    default_device: where it runs when nobody says. apart: whether it can have a process of its
    own; the others run Python or start a process anyhow. when_named: whether it takes part only
    where it is named, since it stands for another place than this machine.
    """

    name: str
    formats: tuple[str, ...]
    module: str | None
    check: Callable[[], Availability]
    devices: Names
    load: Callable[[RunnerConfig, Config | None], Runner]
    dtypes: Names = _every_dtype
    precisions: Names = _as_stored
    default_device: str = "cpu"
    apart: bool = False
    when_named: bool = False


@dataclass(frozen=True)
class BackendRow:
    """An engine as `oxidizedvision backends` shows it; `status` as in `Availability`."""

    name: str
    status: str
    version: str
    formats: tuple[str, ...]
    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    hint: str


def _python_engine(
    name: str,
    file_format: str,
    module: str,
    devices: Names,
    load: Callable[[RunnerConfig, Config | None], Runner],
    *,
    apart: bool = False,
) -> Engine:
    check = partial(_installed, module)
    return Engine(name, (file_format,), module, check, devices, load, apart=apart)


def _native_engine(engine: NativeEngine) -> Engine:
    name = engine.name
    return Engine(
        name=name,
        formats=tuple(dict.fromkeys((engine.file_format, *engine.prepared))),
        module=engine.module,
        check=lambda: native.check(name),
        devices=lambda: native.devices(name),
        load=lambda runner_config, _: native.load(name, runner_config),
        dtypes=lambda: native.dtypes(name),
        precisions=lambda: native.precisions(name),
        default_device=engine.default_device,
        apart=engine.computes_here,
    )


def _wasm_engine(engine: WasmEngine) -> Engine:
    name = engine.name
    return Engine(
        name=name,
        formats=("onnx",),
        module=None,
        check=lambda: wasm.check(name),
        devices=_cpu,
        load=lambda runner_config, _: wasm.load(name, runner_config),
        dtypes=lambda: wasm.dtypes(name),
        when_named=True,
    )


def _installed(module: str) -> Availability:
    """Whether a Python package is there, without importing it: that takes seconds for torch."""
    try:
        found = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        found = False
    if not found:
        return Availability("missing", hint=f"Install it: {INSTALL[module]}")
    return Availability("ready", version=_version(module))


def _version(module: str) -> str:
    """The version of the package that brings a module: ONNX Runtime's for CUDA has another name."""
    try:
        return metadata.version(module)
    except metadata.PackageNotFoundError:
        packages = metadata.packages_distributions().get(module, ())
        return metadata.version(packages[0]) if packages else "unknown"


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
        apart=True,
    ),
    *(_native_engine(engine) for engine in NATIVE_ENGINES),
    *(_wasm_engine(engine) for engine in WASM_ENGINES),
    Engine(
        name="program",
        formats=("",),
        module=None,
        check=lambda: Availability("ready", version=metadata.version("oxidizedvision")),
        devices=_cpu,
        load=lambda runner_config, _: program.load(runner_config),
        dtypes=lambda: ("f32",),
        when_named=True,
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
    if name == AUTO:
        raise OxidizedVisionError(
            Kind.USAGE,
            "auto is no runner but the choice of one, and there is nothing to choose here",
            f"Name one of: {', '.join(NAMES)}. `oxidizedvision choose` measures which is best; "
            "`predict` and `serve` with `--runner auto` and `package --engine auto` use it.",
        )
    raise OxidizedVisionError(
        Kind.USAGE,
        f"There is no runner {name!r}{nearest(name, NAMES)}",
        f"Runners: {', '.join(NAMES)}. `oxidizedvision backends` shows which are ready.",
    )


def readers(model: Path) -> list[str]:
    """The engines that read a file, by its ending."""
    name = model.name.lower()
    return [
        engine.name
        for engine in ENGINES
        if any(ending and name.endswith(f".{ending}") for ending in engine.formats)
    ]


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
    devices: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    if state.ready:
        try:
            devices, dtypes = engine.devices(), engine.dtypes()
        except OxidizedVisionError as error:  # installed, and cannot be imported
            state = Availability("missing", hint=f"{error.message}. {error.hint}")
    return BackendRow(
        name=engine.name,
        status=state.status,
        version=state.version,
        formats=tuple(name or "executable" for name in engine.formats),
        devices=devices,
        dtypes=dtypes,
        hint=state.hint,
    )


def import_engine(name: str) -> None:
    """Import what an engine is made of, so that loading a model is timed without it.

    Raises:
        OxidizedVisionError: `dependency_missing` when it cannot be imported.
    """
    engine = engine_named(name)
    libraries.prepare(name)
    if engine.module is not None:
        require(engine.module, f"the runner {name}")


def load_runner(
    name: str, runner_config: RunnerConfig, *, config: Config | None = None, apart: bool = False
) -> Runner:
    """Load a model into the engine of this name, and into no other.

    Args:
        name: One of `NAMES`.
        runner_config: The model and how to run it; for `program` the model is the executable.
        config: The config whose network `pytorch` runs; other engines do not look at it.
        apart: Give the engine a process of its own: a model that ends it is an error and Ctrl-C
            is heard while it runs. For `onnxruntime` and the Rust engines; `pytorch` and
            `torchscript` run here all the same; `program`, `tensorrt` and the engines in Node start
            a process anyhow.

    Raises:
        OxidizedVisionError: `usage` for an unknown name, `backend_unavailable` for an engine that
            is not ready, and whatever keeps the model from loading.
    """
    engine = engine_named(name)
    refuse_missing(engine)
    _refuse_format(engine, runner_config)
    if apart and engine.apart:
        return IsolatedRunner(name, runner_config)
    return engine.load(runner_config, config)


def refuse_missing(engine: Engine) -> None:
    """Refuse an engine that is not ready.

    Raises:
        OxidizedVisionError: `backend_unavailable`, with the way out.
    """
    state = engine.check()
    if not state.ready:
        word = "not built into this version" if state.status == "not_built" else "missing"
        raise OxidizedVisionError(
            Kind.BACKEND_UNAVAILABLE, f"The runner {engine.name} is {word}", state.hint
        )


def load(
    model: str | Path | bytes,
    *,
    runner: str,
    device: str | None = None,
    threads: int | None = None,
    precision: str = "fp32",
    optimize: bool = True,
    options: Mapping[str, str] | None = None,
    apart: bool = False,
) -> Runner:
    """Load a model into an engine: `load("model.onnx", runner="tract").run(array)`.

    Args:
        model: A file that the engine reads, its content, the config for `pytorch`, or the
            executable for `program`.
        runner: The engine's name; there is no default and no fall-back.
        device: `cpu`, `cuda` or `cuda:N`; None means the engine's own: `cuda` for `tensorrt`, else
            `cpu`.
        threads: Threads of one run; None means as many processors as this process may use.
        precision: `fp32` (that of the model's file), or `fp16`, `int8` where the engine can
            choose.
        optimize: The engine's own graph optimisation.
        options: Options of the engine, by name.
        apart: Give the engine a process of its own, as `load_runner` does. Use it for models of
            strangers; each array is then copied to the process and back.

    Raises:
        OxidizedVisionError: as `load_runner`.
    """
    source = model if isinstance(model, bytes) else Path(model)
    runner_config = RunnerConfig(
        source,
        device=device or engine_named(runner).default_device,
        threads=threads,
        precision=precision,
        optimize=optimize,
        options=options or {},
    )
    if runner == "pytorch" and isinstance(source, Path):
        from oxidizedvision.config import load_config

        return load_runner(runner, runner_config, config=load_config(source))
    return load_runner(runner, runner_config, apart=apart)


def _refuse_format(engine: Engine, config: RunnerConfig) -> None:
    """Refuse a file that, by its ending, is for other engines."""
    if not isinstance(config.model, Path):
        return
    known = {ending for other in ENGINES for ending in other.formats if ending}
    ending = next((it for it in known if config.model.name.endswith(f".{it}")), "")
    readers = [other.name for other in ENGINES if ending in other.formats]
    if ending and engine.name not in readers:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"{engine.name} does not read {config.model.name}",
            f".{ending} files are for: {', '.join(readers)}.",
        )
