"""What `validate` and `benchmark` work on: a converted model, with its config where given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oxidizedvision.config import Config, load_config
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import (
    SUFFIX,
    Manifest,
    Precision,
    find_manifest,
    load_manifest,
)
from oxidizedvision.runners.base import Availability, RunnerConfig
from oxidizedvision.runners.prepared import is_prepared, unprepared_stem
from oxidizedvision.runners.program import HINT as PROGRAM_HINT
from oxidizedvision.runners.table import ENGINES, NAMES, availability, engine_named, readers

REFERENCES = ("pytorch", "torchscript", "onnxruntime")
"""Runners that are compared and timed whatever the config names."""

NO_TORCHSCRIPT_HINT = "The network has no TorchScript file: `oxidizedvision convert` says why."

UNAVAILABLE_KINDS = frozenset(
    {Kind.BACKEND_UNAVAILABLE, Kind.DEVICE_UNAVAILABLE, Kind.DEPENDENCY_MISSING}
)
"""Errors that say that a runner is not here, not that it is wrong."""


@dataclass(frozen=True)
class Unavailable:
    """A runner that was asked for and is not ready."""

    name: str
    status: str
    hint: str


@dataclass(frozen=True)
class Target:
    """A converted model.

    model: the ONNX file in question, or one that was prepared for an engine. config: None where
    the target is a file and not a config. program: the packaged executable, where given. shapes: of
    example inputs, by name, in place of the manifest's.
    """

    name: str
    config: Config | None
    manifest_path: Path | None
    manifest: Manifest | None
    model: Path
    program: Path | None = None
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def input_shapes(self) -> dict[str, list[int]]:
        """Shapes of example inputs by name, as far as they are known."""
        known = self.manifest.input_shapes if self.manifest else {}
        return {**known, **{name: list(shape) for name, shape in self.shapes.items()}}

    @property
    def folder(self) -> Path:
        """Where the model's files are."""
        return self.model.parent

    @property
    def precision(self) -> Precision:
        """The precision of the model's file; FP32 where no manifest tells another."""
        return self.manifest.precision_of(self.model.name) if self.manifest else "fp32"

    @property
    def has_torchscript(self) -> bool:
        """Whether `convert` wrote a TorchScript file: not every network has one."""
        stages = self.manifest.stages if self.manifest else []
        return any(stage.name == "torchscript" for stage in stages)

    def runner_config(
        self, runner: str, *, device: str | None = None, threads: int | None = None
    ) -> RunnerConfig:
        """How to load the model into a runner, by the config's entry for it where it has one.

        Raises:
            OxidizedVisionError: `not_found` when the target has no file that the runner reads.
        """
        return configured(
            self.file_for(runner), runner, self.config, device=device, threads=threads
        )

    def file_for(self, runner: str) -> Path:
        """The file that a runner reads.

        Raises:
            OxidizedVisionError: `usage` when the target has none.
        """
        if runner == "program" and self.program is not None:
            return self.program
        if runner == "pytorch" and self.config is not None:
            return self.config.path or Path(self.config.model.path)
        formats = engine_named(runner).formats
        if is_prepared(self.model):
            return self._prepared_for(runner)
        if "onnx" in formats:
            return self.model
        if "pt" in formats and self.manifest is not None:
            return self.folder / self.manifest.head("torchscript").file
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{runner} cannot run {self.model.name}: it needs its {_NEEDS.get(runner, 'manifest')}",
            "Give the config.yml in place of the model's file.",
        )

    def _prepared_for(self, runner: str) -> Path:
        if runner in readers(self.model):
            return self.model
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{runner} cannot run {self.model.name}: it was prepared for another engine",
            f"Use {' or '.join(readers(self.model))}, or give the .onnx file.",
        )

    def names(self, asked: Sequence[str] | None) -> list[str]:
        """Which runners to use, in the table's order.

        Those that are asked for; else the config's and the references; else, where the config
        names none, every one that is ready. `program` is used when an executable is given, and
        what stands for a browser when it is named.

        Raises:
            OxidizedVisionError: `usage` for an unknown name, `backend_unavailable` when nothing
                was asked for and no engine is ready.
        """
        if asked is not None:
            wanted = {engine_named(name).name for name in asked}
        elif self.config is not None and self.config.runners:
            wanted = {entry.name for entry in self.config.runners} | set(REFERENCES)
        else:
            free = (engine for engine in ENGINES if not engine.when_named)
            wanted = {engine.name for engine in free if engine.check().ready}
        if asked is None and self.config is None:
            wanted.discard("pytorch")
        if asked is None and is_prepared(self.model):
            wanted = set(readers(self.model))
        if asked is None and not self.has_torchscript:
            named = {entry.name for entry in self.config.runners} if self.config else set()
            without = {name for name in wanted if "pt" in engine_named(name).formats}
            wanted -= without - named
        if self.program is not None:
            wanted.add("program")
        if not wanted:
            raise OxidizedVisionError(
                Kind.BACKEND_UNAVAILABLE,
                f"No engine that could run {self.model.name} is installed here",
                "`oxidizedvision backends` shows each engine and how to install it.",
            )
        return [name for name in NAMES if name in wanted]

    def missing(self, runner: str) -> Unavailable | None:
        """Why a runner cannot be used here; None when it is ready."""
        state = availability(runner)
        if runner == "program" and self.program is None:
            state = Availability("missing", hint=PROGRAM_HINT)
        reads_torchscript = "pt" in engine_named(runner).formats
        if self.manifest is not None and reads_torchscript and not self.has_torchscript:
            state = Availability("missing", hint=NO_TORCHSCRIPT_HINT)
        return None if state.ready else Unavailable(runner, state.status, state.hint)


def configured(
    model: Path,
    runner: str,
    config: Config | None,
    *,
    device: str | None = None,
    threads: int | None = None,
) -> RunnerConfig:
    """How to load a file into a runner, by the config's entry for it where it has one."""
    entries = config.runners if config else []
    entry = next((entry for entry in entries if entry.name == runner), None)
    default = "cuda" if entry and entry.use_cuda else engine_named(runner).default_device
    return RunnerConfig(
        model=model,
        device=device or default,
        threads=threads,
        optimize=entry.optimize if entry else True,
    )


_NEEDS = {"pytorch": "config", "program": "executable"}


def resolve(target: str | Path | Config, program: Path | None = None) -> Target:
    """The converted model behind a config, a manifest, an ONNX file or a prepared one.

    Raises:
        OxidizedVisionError: `not_found` when it, or what `convert` made of it, is not there;
            `usage` for a file of another kind.
    """
    if isinstance(target, Config):
        return _from_config(target, program)
    path = Path(target)
    if path.suffix in {".yml", ".yaml"}:
        return _from_config(load_config(path), program)
    if path.name.endswith(SUFFIX):
        return _from_manifest(path, None, program)
    if path.suffix == ".onnx" or is_prepared(path):
        return _from_file(path, program)
    raise OxidizedVisionError(
        Kind.USAGE,
        f"{path} is neither a config nor a converted model",
        f"Give a config.yml, a manifest (*{SUFFIX}), an .onnx file or a prepared model.",
    )


def unavailable_from(runner: str, error: OxidizedVisionError) -> Unavailable | None:
    """A failure to load that says that the runner is not here; None for every other failure."""
    if error.kind not in UNAVAILABLE_KINDS:
        return None
    return Unavailable(runner, "missing", f"{error.message}. {error.hint}".strip())


def _from_config(config: Config, program: Path | None) -> Target:
    path = Path(config.export.output_dir) / f"{config.export.model_name}{SUFFIX}"
    if not path.is_file():
        source = config.path or "the config"
        raise OxidizedVisionError(
            Kind.NOT_FOUND,
            f"{source} is not converted: there is no {path}",
            f"Run `oxidizedvision convert {config.path or 'config.yml'}` first.",
        )
    return _from_manifest(path, config, program)


def _from_manifest(path: Path, config: Config | None, program: Path | None) -> Target:
    manifest = load_manifest(path)
    model = path.parent / manifest.head("onnx").file
    return Target(manifest.name, config, path, manifest, model, program)


def _from_file(model: Path, program: Path | None) -> Target:
    if not model.is_file():
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no model {model}", "Check the path, or run convert first."
        )
    path = find_manifest(model)
    manifest = load_manifest(path) if path else None
    name = manifest.name if manifest else unprepared_stem(model)
    return Target(name, None, path, manifest, model, program)
