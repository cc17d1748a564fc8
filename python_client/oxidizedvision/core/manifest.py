"""The manifest `<name>.oxv.json`: the chain from checkpoint to program."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oxidizedvision.core.claims import folder_lock
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors, sha256_of, write_text
from oxidizedvision.core.publish import finish
from oxidizedvision.core.tensors import TensorSpec

SCHEMA_VERSION = 1
SUFFIX = ".oxv.json"
Precision = Literal["fp32", "fp16", "int8"]
FP32_STAGES = ("onnx", "optimize")
ONNX_STAGES = (*FP32_STAGES, "fp16", "int8")
"""Stages that make the model's ONNX files."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileRecord(_Part):
    """A file beside the manifest, by name, content and size."""

    file: str
    sha256: str
    bytes: int

    @classmethod
    def of(cls, path: Path) -> FileRecord:
        """The record of a file as it is now."""
        return cls(file=path.name, sha256=sha256_of(path), bytes=path.stat().st_size)


class Source(_Part):
    """Where the network comes from."""

    path: str
    class_name: str | None
    init_args: dict[str, Any] = Field(default_factory=dict)
    sha256: str | None = None
    checkpoint: str | None = None
    checkpoint_key: str | None = None
    checkpoint_sha256: str | None = None
    config_sha256: str | None = None


class Spec(_Part):
    """One input or output, as in `TensorSpec`."""

    name: str
    dtype: str
    dims: list[int | str]

    @classmethod
    def of(cls, spec: TensorSpec) -> Spec:
        """From the type that the runners use."""
        return cls(name=spec.name, dtype=spec.dtype, dims=list(spec.dims))

    def spec(self) -> TensorSpec:
        """As the type that the runners use."""
        return TensorSpec(self.name, self.dtype, tuple(self.dims))


class Tiling(_Part):
    """How a picture may be cut: measured from the network, see `convert.tiling`.

    overlap: pixels of context that an output pixel depends on, to each side.
    multiple: tiles must start and end at multiples of this many pixels.
    """

    overlap: int
    multiple: int


class Tolerance(_Part):
    """What counts as equal to PyTorch."""

    mae: float
    cosine_similarity: float


class AxisRecord(_Part):
    """A named axis: the range that was declared, and the lengths at which it was proved.

    example: the length that the network was exported with. max: None where none was declared.
    """

    example: int
    min: int = 1
    max: int | None = None
    multiple_of: int = 1
    proved: list[int] = Field(default_factory=list)


class AttemptRecord(_Part):
    """An exporter at an opset, and what became of it.

    status: `passed`, `partly` (agrees with PyTorch, and some engine does not run it), `doubtful`
    (agrees, and a branch was fixed that no input found out), `differs` or `failed`. cause,
    message, hint, source, node: why, what to do, the user's line and the ONNX node, where known.
    max_error: of ONNX Runtime over `trials` inputs. engines: `works`, or the reason, by engine.
    """

    exporter: str
    opset_version: int
    status: Literal["passed", "partly", "doubtful", "differs", "failed"]
    chosen: bool
    cause: str = ""
    message: str = ""
    hint: str = ""
    source: str = ""
    node: str = ""
    max_error: float | None = None
    trials: int = 0
    engines: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0.0


class Stage(_Part):
    """One step that made a file: what went in, what came out, by which tool.

    tolerance: what counts as equal to PyTorch for this file, where that is not the model's: how
    far a smaller precision was from the goldens when it was made, and a quarter more.
    """

    name: Literal["torchscript", "pt2", "onnx", "optimize", "fp16", "int8", "prepare"]
    tool: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    input_sha256: str | None = None
    output: FileRecord
    seconds: float
    checks: dict[str, Any] = Field(default_factory=dict)
    tolerance: Tolerance | None = None


class PackageRecord(_Part):
    """What `package` made from one of the files.

    path: its folder, relative to the manifest's. model_sha256: of the file it was made from.
    sha256, bytes: of its files together, see `core.crates`. program: what was built in it, by its
    path in the folder. threads: those of the program where it is not told otherwise, where `auto`
    chose them. reason: why this engine. kind: as `package` has it; `executable` is one file.
    """

    path: str
    name: str
    engine: str
    created: str
    model_sha256: str
    sha256: str
    bytes: int
    program: FileRecord | None = None
    threads: int | None = None
    reason: str = ""
    kind: str = "program"


class Manifest(_Part):
    """The whole manifest; `schema_version` comes first in the file.

    choices: what `auto` chose, with the evidence, by the question's name; see `auto.report.Choice`.
    """

    schema_version: int = SCHEMA_VERSION
    name: str
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    source: Source
    tools: dict[str, str]
    inputs: list[Spec]
    outputs: list[Spec]
    input_shapes: dict[str, list[int]]
    preprocess: dict[str, Any] | None = None
    postprocess: dict[str, Any] | None = None
    tiling: Tiling | None = None
    axes: dict[str, AxisRecord] = Field(default_factory=dict)
    attempts: list[AttemptRecord] = Field(default_factory=list)
    goldens: FileRecord
    tolerance: Tolerance
    stages: list[Stage]
    packages: list[PackageRecord] = Field(default_factory=list)
    validation: dict[str, Any] | None = None
    benchmark: dict[str, Any] | None = None
    choices: dict[str, dict[str, Any]] = Field(default_factory=dict)

    def head(self, artifact_format: Literal["onnx", "torchscript"]) -> FileRecord:
        """The newest file of a format: of ONNX the smallest precision, then the optimised one."""
        names = ("torchscript",) if artifact_format == "torchscript" else ONNX_STAGES
        for stage in reversed(self.stages):
            if stage.name in names:
                return stage.output
        raise OxidizedVisionError(
            Kind.NOT_FOUND,
            f"The manifest of {self.name} has no {artifact_format} file",
            "Run `oxidizedvision convert` again.",
        )

    def precision_of(self, file: str) -> Precision:
        """The precision of one of the model's files; a prepared one has that of its source."""
        stage = self._origin_of(file)
        return stage.name if stage and stage.name in {"fp16", "int8"} else "fp32"

    def tolerance_of(self, file: str) -> Tolerance:
        """What counts as equal to PyTorch for one of the model's files, or for its source."""
        stage = self._origin_of(file)
        return stage.tolerance if stage and stage.tolerance else self.tolerance

    def _origin_of(self, file: str) -> Stage | None:
        """The stage that made a file; for a prepared one that which made the file it stands for."""
        made = {stage.output.sha256: stage for stage in self.stages if stage.name != "prepare"}
        stage = next((stage for stage in self.stages if stage.output.file == file), None)
        if stage is None or stage.name != "prepare":
            return stage
        return made.get(stage.input_sha256 or "")

    def save(self, path: Path) -> None:
        """Write the manifest whole, or leave the old one."""
        write_text(path, self.model_dump_json(indent=2) + "\n")


def load_manifest(path: Path) -> Manifest:
    """Read a manifest, once what a killed process was publishing with it is in place.

    Raises:
        OxidizedVisionError: `not_found`, or `corrupt` when it is no manifest of this version.
    """
    finish(path)
    with file_errors(path):
        content = path.read_bytes()
    _check_version(path, content)
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{path} is not a manifest of version {SCHEMA_VERSION}: {where}: {first['msg']}",
            "Run `oxidizedvision convert` again; it writes a new one.",
        ) from error


def update_manifest(path: Path, change: Callable[[Manifest], Manifest]) -> Manifest:
    """Write what `change` makes of a manifest, while no other process writes it; give it back."""
    with folder_lock(path.parent):
        manifest = change(load_manifest(path))
        manifest.save(path)
    return manifest


def _check_version(path: Path, content: bytes) -> None:
    """Refuse another version's manifest as such, not for the keys that are new in it."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return  # what is wrong with it is told when it is validated
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise OxidizedVisionError(
            Kind.CORRUPT,
            f"{path} has schema_version {version}, this version reads {SCHEMA_VERSION}",
            "Run `oxidizedvision convert` again, or install the version that wrote it.",
        )


def find_manifest(model: Path) -> Path | None:
    """The manifest that lists a model's file, in the model's folder; None where none does."""
    own = model.with_name(_stem(model) + SUFFIX)
    finish(own)
    others = sorted(model.parent.glob(f"*{SUFFIX}"))
    if own.is_file() and _lists(load_manifest(own), model):
        return own
    for candidate in others:
        try:
            listed = _lists(load_manifest(candidate), model)
        except OxidizedVisionError:  # another model's, which is no concern of this one
            continue
        if listed:
            return candidate
    return None


def _stem(model: Path) -> str:
    """The file's name without what `optimize` puts behind the model's."""
    stem = model.stem
    for suffix in (".optimized", ".fp16", ".int8"):
        stem = stem.removesuffix(suffix)
    return stem


def _lists(manifest: Manifest, model: Path) -> bool:
    return any(stage.output.file == model.name for stage in manifest.stages)


def tool_versions(*packages: str) -> dict[str, str]:
    """Versions of Python, of this package and of the packages named, where installed."""
    versions = {"python": platform.python_version()}
    for package in ("oxidizedvision", *packages):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
