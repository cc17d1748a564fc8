"""The candidates: engines that are ready, times numbers of threads, times batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oxidizedvision.auto.forms import Entrant
from oxidizedvision.auto.report import ChooseOptions, Dropped
from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners.request import cuda_index, granted_threads
from oxidizedvision.runners.table import availability, engine_named, load_runner
from oxidizedvision.runners.target import Target

_SWEEP = (1, 4, 8)
_RUST = tuple(engine.name for engine in NATIVE_ENGINES)


@dataclass(frozen=True)
class Engines:
    """Who takes part: names in the table's order, their versions, and who does not."""

    ready: tuple[str, ...]
    versions: dict[str, str]
    dropped: tuple[Dropped, ...]


def find_engines(where: Target, options: ChooseOptions, *, onnx_only: bool) -> Engines:
    """The Rust engines that are ready for a model on a device.

    Args:
        where: The model.
        options: Which engines, on which device.
        onnx_only: Whether the file that was given is the one that must run.

    Raises:
        OxidizedVisionError: `usage` for a name that is none of them.
    """
    dropped = []
    versions = {}
    for name in _wanted(options):
        reason = _absent(where, name, options.device, onnx_only)
        if reason:
            dropped.append(Dropped(name, name, reason))
        else:
            versions[name] = availability(name).version
    return Engines(tuple(versions), versions, tuple(dropped))


def _wanted(options: ChooseOptions) -> list[str]:
    cuda = cuda_index(options.device or "cpu") is not None
    if options.engines is None:
        return [name for name in _RUST if name != "tensorrt" or cuda]
    for name in options.engines:
        if engine_named(name).name not in _RUST:
            raise OxidizedVisionError(
                Kind.USAGE,
                f"auto chooses among the Rust engines, and {name} is none",
                f"They are: {', '.join(_RUST)}.",
            )
    return [name for name in _RUST if name in options.engines]


def _absent(where: Target, name: str, device: str | None, onnx_only: bool) -> str:
    """Why an engine cannot take part; empty where it can."""
    engine = engine_named(name)
    if onnx_only and "onnx" not in engine.formats:
        return f"it does not read {where.model.name}"
    if missing := where.missing(name):
        return f"{missing.status.replace('_', ' ')}: {missing.hint}"
    wanted = device or where.runner_config(name).device
    family = wanted.partition(":")[0]
    try:
        devices = engine.devices()
    except OxidizedVisionError as error:  # installed, and cannot be imported
        return error.message
    if not any(found.partition(":")[0] == family for found in devices):
        return f"it does not run on {wanted} here"
    return ""


def thread_counts(options: ChooseOptions) -> tuple[int, ...]:
    """Powers of two up to the processors granted, and their number; all of them for CUDA."""
    if options.threads is not None:
        return _several("threads", options.threads)
    granted = granted_threads()
    if cuda_index(options.device or "cpu") is not None:
        return (granted,)
    powers = [1 << exponent for exponent in range(granted.bit_length())]
    return tuple(dict.fromkeys([*powers, granted]))


def batch_sizes(
    where: Target, goal: str, options: ChooseOptions, engines: Sequence[str]
) -> tuple[int, ...]:
    """The batches to try: those asked for, else 1 or a sweep where the model takes them."""
    if options.batch_size is not None:
        return _several("batch_size", options.batch_size)
    leading = [spec.dims[0] for spec in _specs(where, engines) if spec.dims]
    fixed = [dim for dim in leading if isinstance(dim, int)]
    if fixed:
        return (fixed[0],)
    wanted: tuple[int, ...] = _SWEEP if goal == "throughput" else (1,)
    axes = where.manifest.axes if where.manifest else {}
    for record in (axes[name] for name in map(str, leading) if name in axes):
        within = [
            batch
            for batch in wanted
            if record.min <= batch <= (record.max or batch) and batch % record.multiple_of == 0
        ]
        wanted = tuple(within) or (record.example,)
    return wanted


def _specs(where: Target, engines: Sequence[str]) -> tuple[TensorSpec, ...]:
    if where.manifest is not None:
        return tuple(spec.spec() for spec in where.manifest.inputs)
    for name in engines:
        try:
            with load_runner(name, where.runner_config(name), apart=True) as runner:
                return runner.input_specs
        except OxidizedVisionError:  # measuring will say why
            continue
    return ()


def candidates(
    entrants: Sequence[Entrant], threads: Sequence[int], batches: Sequence[int]
) -> list[Candidate]:
    """The whole grid."""
    return [
        Candidate(
            entrant.engine,
            count,
            batch,
            model=str(entrant.form.file) if entrant.variant else None,
            variant=entrant.variant,
        )
        for entrant in entrants
        for count in threads
        for batch in batches
    ]


def _several(name: str, given: int | Sequence[int]) -> tuple[int, ...]:
    values = (given,) if isinstance(given, int) else tuple(dict.fromkeys(given))
    for value in values or (0,):
        if value < 1:
            raise OxidizedVisionError(Kind.USAGE, f"{name} cannot be {value}", "Use 1 or more.")
    return values
