"""Where a model came from, and whether the files of its chain are still what was recorded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from oxidizedvision.config.models import MODULE_REFERENCE
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors, sha256_of
from oxidizedvision.core.lazy import require
from oxidizedvision.core.manifest import SUFFIX, FileRecord, Manifest, find_manifest, load_manifest
from oxidizedvision.core.tensors import DTYPE_OF_NUMPY, TensorSpec
from oxidizedvision.registry.store import Entry, entry_id, find, list_models

FileStatus = Literal["present", "missing", "changed", "unchecked"]


@dataclass(frozen=True)
class LineageItem:
    """One file of the chain from source to model.

    status: `present` as recorded, `missing`, `changed` since, or `unchecked` where no SHA-256
    was recorded or it is a module by name. tool and seconds: what made it, where a stage did.
    """

    role: str
    path: Path
    status: FileStatus
    sha256: str | None
    bytes: int | None = None
    tool: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class ModelDetails:
    """What is known of a model; of an ONNX file without a manifest only what it says itself."""

    name: str
    id: str | None
    manifest: Path | None
    model: Path
    bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int | None
    lineage: tuple[LineageItem, ...]
    tools: dict[str, str]
    preprocess: dict[str, Any] | None = None
    postprocess: dict[str, Any] | None = None
    validation: dict[str, Any] | None = None
    benchmark: dict[str, Any] | None = None


def describe(target: str | Path) -> ModelDetails:
    """Describe a registered model (by name or id), a manifest or an ONNX file.

    Raises:
        OxidizedVisionError: `not_found`, or `corrupt` for a file that cannot be read.
    """
    path = Path(target)
    if not path.is_file():
        _refuse_missing_file(path)
        return _of_entry(find(str(target)))
    if path.name.endswith(SUFFIX):
        return _of_manifest(path)
    if path.suffix == ".onnx":
        manifest = find_manifest(path)
        return _of_manifest(manifest) if manifest else _of_onnx(path)
    raise OxidizedVisionError(
        Kind.USAGE,
        f"{path} is neither a manifest ({SUFFIX}) nor an .onnx file",
        "Give one of these, or the name of a registered model.",
    )


def _of_entry(entry: Entry) -> ModelDetails:
    details = _of_manifest(entry.manifest)
    if details.id != entry.id:
        raise OxidizedVisionError(
            Kind.NOT_FOUND,
            f"Model {entry.id} ({entry.name}) was replaced: {entry.manifest} is of another now",
            "`oxidizedvision list` shows which models are still there.",
        )
    return details


def _refuse_missing_file(path: Path) -> None:
    if path.suffix in (".onnx", ".json") or len(path.parts) > 1:
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no file {path}", "Check the path and the current folder."
        )


def _of_manifest(path: Path) -> ModelDetails:
    path = path.absolute()
    manifest = load_manifest(path)
    head = manifest.head("onnx")
    own = entry_id(manifest)
    registered = any(entry.id == own and entry.manifest == path for entry in list_models())
    opset = next(
        (
            stage.parameters.get("opset_version")
            for stage in manifest.stages
            if stage.name == "onnx"
        ),
        None,
    )
    return ModelDetails(
        name=manifest.name,
        id=own if registered else None,
        manifest=path,
        model=path.parent / head.file,
        bytes=head.bytes,
        inputs=tuple(spec.spec() for spec in manifest.inputs),
        outputs=tuple(spec.spec() for spec in manifest.outputs),
        opset=opset,
        lineage=tuple(_lineage(path.parent, manifest)),
        tools=manifest.tools,
        preprocess=manifest.preprocess,
        postprocess=manifest.postprocess,
        validation=manifest.validation,
        benchmark=manifest.benchmark,
    )


def _lineage(folder: Path, manifest: Manifest) -> list[LineageItem]:
    source = manifest.source
    items = [_origin("source", source.path, source.sha256, folder)]
    if source.checkpoint is not None:
        items.append(_origin("checkpoint", source.checkpoint, source.checkpoint_sha256, folder))
    items.extend(
        _recorded(stage.name, folder, stage.output, stage.tool, stage.seconds)
        for stage in manifest.stages
    )
    items.append(_recorded("goldens", folder, manifest.goldens))
    return items


def _recorded(
    role: str,
    folder: Path,
    record: FileRecord,
    tool: str | None = None,
    seconds: float | None = None,
) -> LineageItem:
    path = folder / record.file
    status = _status(path, record.sha256)
    return LineageItem(role, path, status, record.sha256, record.bytes, tool, seconds)


def _origin(role: str, written: str, sha256: str | None, folder: Path) -> LineageItem:
    """A file whose path is relative to the manifest's folder, or an installed module."""
    if MODULE_REFERENCE.fullmatch(written):
        return LineageItem(role, Path(written), "unchecked", sha256)
    path = Path(os.path.normpath(folder / written))
    return LineageItem(role, path, _status(path, sha256), sha256)


def _status(path: Path, sha256: str | None) -> FileStatus:
    if not path.is_file():
        return "missing"
    if sha256 is None:
        return "unchecked"
    return "present" if sha256_of(path) == sha256 else "changed"


def _of_onnx(path: Path) -> ModelDetails:
    onnx = require("onnx", f"Reading {path.name}")
    protobuf = require("google.protobuf.message", f"Reading {path.name}")
    try:
        with file_errors(path):
            model = onnx.load(path, load_external_data=False)
    except (protobuf.DecodeError, ValueError) as error:
        raise _corrupt(path, str(error)) from error
    if not model.graph.node and not model.graph.output:
        raise _corrupt(path, "it has no graph")
    constants = {tensor.name for tensor in model.graph.initializer}
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    return ModelDetails(
        name=path.stem,
        id=None,
        manifest=None,
        model=path.absolute(),
        bytes=path.stat().st_size,
        inputs=tuple(_spec(onnx, v) for v in model.graph.input if v.name not in constants),
        outputs=tuple(_spec(onnx, value) for value in model.graph.output),
        opset=opsets.get("", opsets.get("ai.onnx")),
        lineage=(),
        tools={model.producer_name: model.producer_version} if model.producer_name else {},
    )


def _spec(onnx: Any, value: Any) -> TensorSpec:
    tensor = value.type.tensor_type
    name = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    dims = tuple(
        axis.dim_value if axis.HasField("dim_value") else axis.dim_param or f"axis_{index}"
        for index, axis in enumerate(tensor.shape.dim)
    )
    return TensorSpec(value.name, DTYPE_OF_NUMPY.get(name, name), dims)


def _corrupt(path: Path, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.CORRUPT,
        f"{path} cannot be read as ONNX: {reason}",
        "Export it again, or copy it again from where it came.",
    )
