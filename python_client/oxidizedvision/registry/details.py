"""`info`: everything that is known of one model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.core.lazy import require
from oxidizedvision.core.manifest import SUFFIX, Manifest, find_manifest, load_manifest
from oxidizedvision.core.publish import finish
from oxidizedvision.core.tensors import DTYPE_OF_NUMPY, TensorSpec, axis
from oxidizedvision.registry.entries import (
    ID_LENGTH,
    Entry,
    EntryStatus,
    is_gone,
    model_sha256,
)
from oxidizedvision.registry.finding import find
from oxidizedvision.registry.lineage import LineageItem, lineage_of
from oxidizedvision.registry.objects import kept
from oxidizedvision.registry.store import read
from oxidizedvision.runners.prepared import is_prepared

_LISTED = (".onnx", ".pt", ".pt2")


@dataclass(frozen=True)
class ModelDetails:
    """What is known of a model; of an ONNX file without a manifest only what it says itself.

    id, version, tags: of its entry; None and nothing where it is not registered here.
    status: whether the manifest is still the model's. Where it is not, everything here is from
    the manifest as it was registered, and `lineage` says which files changed.
    """

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
    sha256: str | None = None
    version: int | None = None
    tags: tuple[str, ...] = ()
    status: EntryStatus = "present"


def describe(target: str | Path) -> ModelDetails:
    """Describe a registered model, or a file: a manifest, or a model's file that one lists.

    Args:
        target: The file; or a tag, a name, `NAME@VERSION` or the first digits of a SHA-256.

    Raises:
        OxidizedVisionError: `not_found`, or `corrupt` for a file that cannot be read.
    """
    path = Path(target)
    if path.name.endswith(SUFFIX):
        finish(path)
    if not path.is_file():
        _refuse_missing_file(path)
        return _of_entry(find(str(target)))
    if path.name.endswith(SUFFIX):
        return _of_manifest(path.absolute(), load_manifest(path))
    manifest = find_manifest(path) if _may_be_listed(path) else None
    if manifest is not None:
        return _of_manifest(manifest.absolute(), load_manifest(manifest))
    if path.suffix == ".onnx":
        return _of_onnx(path)
    raise OxidizedVisionError(
        Kind.USAGE,
        f"{path} is neither a manifest ({SUFFIX}) nor an .onnx file, and no manifest lists it",
        "Give one of these, or the name of a registered model.",
    )


def _may_be_listed(path: Path) -> bool:
    return path.suffix in _LISTED or is_prepared(path)


def _refuse_missing_file(path: Path) -> None:
    if path.suffix == ".json" or _may_be_listed(path) or len(path.parts) > 1:
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no file {path}", "Check the path and the current folder."
        )


def _of_entry(entry: Entry) -> ModelDetails:
    status: EntryStatus = "missing"
    if not is_gone(entry.manifest):
        manifest = load_manifest(entry.manifest)
        if model_sha256(manifest).startswith(entry.sha256):
            return _of_manifest(entry.manifest, manifest)
        status = "replaced"
    snapshot = kept(entry.snapshot)
    if snapshot is None:
        what = "was replaced" if status == "replaced" else "is gone"
        raise OxidizedVisionError(
            Kind.NOT_FOUND,
            f"Model {entry.id} ({entry.name}) {what}: {entry.manifest} is not of it",
            "`oxidizedvision list` shows which models are still there.",
        )
    return _details(entry.manifest, snapshot, entry, status)


def _of_manifest(path: Path, manifest: Manifest) -> ModelDetails:
    sha256 = model_sha256(manifest)
    document = read()
    keys = [key for key in (sha256, sha256[:ID_LENGTH]) if key in document.entries]
    entry = document.entry(keys[0]) if keys else None
    if entry is not None and entry.manifest != path:
        entry = None
    return _details(path, manifest, entry, "present")


def _details(
    path: Path, manifest: Manifest, entry: Entry | None, status: EntryStatus
) -> ModelDetails:
    head = manifest.head("onnx")
    exported = [stage for stage in manifest.stages if stage.name == "onnx"]
    return ModelDetails(
        name=manifest.name,
        id=entry.id if entry else None,
        manifest=path,
        model=path.parent / head.file,
        bytes=head.bytes,
        inputs=tuple(spec.spec() for spec in manifest.inputs),
        outputs=tuple(spec.spec() for spec in manifest.outputs),
        opset=exported[0].parameters.get("opset_version") if exported else None,
        lineage=tuple(lineage_of(path.parent, manifest)),
        tools=manifest.tools,
        preprocess=manifest.preprocess,
        postprocess=manifest.postprocess,
        validation=manifest.validation,
        benchmark=manifest.benchmark,
        sha256=model_sha256(manifest),
        version=entry.version if entry else None,
        tags=entry.tags if entry else (),
        status=status,
    )


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
    lengths = (
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in tensor.shape.dim
    )
    dims = tuple(axis(value.name, index, length) for index, length in enumerate(lengths))
    return TensorSpec(value.name, DTYPE_OF_NUMPY.get(name, name), dims)


def _corrupt(path: Path, reason: str) -> OxidizedVisionError:
    return OxidizedVisionError(
        Kind.CORRUPT,
        f"{path} cannot be read as ONNX: {reason}",
        "Export it again, or copy it again from where it came.",
    )
