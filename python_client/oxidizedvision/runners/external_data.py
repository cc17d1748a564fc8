"""Tensors of an ONNX file that are stored in other files: where those may be.

The same rules as in `runner_core`, for the engine that does not stand behind the Rust contract.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors
from oxidizedvision.onnx_file import decode_onnx
from oxidizedvision.runners.native import HINTS

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_SIGN = b"location"
"""Stands in every file that has such tensors, so most files need not be parsed."""

_BLOCK = 1 << 20
_MOST_DIGITS = 20
_OUTSIDE = "is outside the model's folder"
_LINKED = "is a hard link, so it may be outside the model's folder"


def check_external_data(model: Path | bytes, name: str) -> None:
    """Refuse a model whose external data is not in plain files of its own folder.

    Args:
        model: The file or its content.
        name: What messages call it.

    Raises:
        OxidizedVisionError: `corrupt` for a file outside the model's folder (by `..`, an absolute
            path or a link) and for one that ends before its tensors do, `unreadable` for one that
            is not there or is no plain file, `unsupported` where the model came as bytes.
    """
    if not _has_sign(model):
        return
    check = _Check(model.parent if isinstance(model, Path) else None, name)
    with file_errors(Path(name)):
        content = model.read_bytes() if isinstance(model, Path) else model
    for tensor in _external(decode_onnx(content, Path(name))):
        check.tensor(tensor)


@dataclass(frozen=True)
class _Check:
    """Looks at the tensors of one model; it has no folder where it came as bytes."""

    folder: Path | None
    name: str

    def tensor(self, tensor: TensorProto) -> None:
        entries = self._entries(tensor)
        location = entries["location"]
        if self.folder is None:
            reason = f"weights are in a second file, {location!r}: load it by its path"
            raise self._refused(Kind.UNSUPPORTED, reason)
        offset, length = (self._number(tensor, entries, key) for key in ("offset", "length"))
        end, size = offset + length, self._size_of(self.folder, location)
        if end > size:
            reason = f"ends at byte {end} of external data {location!r}, which has {size}"
            raise self._refused(Kind.CORRUPT, f"tensor {tensor.name!r} {reason}")

    def _entries(self, tensor: TensorProto) -> dict[str, str]:
        keys = [entry.key for entry in tensor.external_data]
        if "location" not in keys:
            reason = f"tensor {tensor.name!r} is in another file that has no name"
            raise self._refused(Kind.CORRUPT, reason)
        for key in keys:
            if keys.count(key) > 1:
                raise self._refused(Kind.CORRUPT, f"tensor {tensor.name!r} has two {key}s")
        return {entry.key: entry.value for entry in tensor.external_data}

    def _number(self, tensor: TensorProto, entries: dict[str, str], key: str) -> int:
        text = entries.get(key, "0")
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
            raise self._refused(Kind.CORRUPT, f"tensor {tensor.name!r} has the {key} {text!r}")
        return int(text)

    def _size_of(self, folder: Path, location: str) -> int:
        """The bytes of a file in the model's own folder."""
        path = PurePath(location)
        if not location or path.anchor or ".." in path.parts:
            raise self._data(Kind.CORRUPT, location, _OUTSIDE)
        try:
            folder = folder.resolve(strict=True)
            file = (folder / path).resolve(strict=True)
            status = file.stat()
        except (OSError, RuntimeError, ValueError) as error:
            raise self._data(Kind.UNREADABLE, location, "cannot be found") from error
        if not file.is_relative_to(folder):
            raise self._data(Kind.CORRUPT, location, _OUTSIDE)
        if not stat.S_ISREG(status.st_mode):
            raise self._data(Kind.UNREADABLE, location, "is no plain file")
        if status.st_nlink > 1:
            raise self._data(Kind.CORRUPT, location, _LINKED)
        return status.st_size

    def _data(self, kind: Kind, location: str, reason: str) -> OxidizedVisionError:
        return self._refused(kind, f"external data {location!r} {reason}")

    def _refused(self, kind: Kind, reason: str) -> OxidizedVisionError:
        return OxidizedVisionError(kind, f"{self.name}: {reason}", HINTS[kind])


def _has_sign(model: Path | bytes) -> bool:
    if isinstance(model, bytes):
        return _SIGN in model
    with file_errors(model), model.open("rb") as file:
        before = b""
        while block := file.read(_BLOCK):
            if _SIGN in before + block:
                return True
            before = block[-len(_SIGN) :]
    return False


def _external(model: ModelProto) -> Iterator[TensorProto]:
    nodes = (node for function in model.functions for node in function.node)
    for tensor in [*_in_graph(model.graph), *_in_nodes(nodes)]:
        if tensor.external_data or tensor.data_location == tensor.EXTERNAL:
            yield tensor


def _in_graph(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _in_nodes(graph.node)


def _in_nodes(nodes: Iterable[NodeProto]) -> Iterator[TensorProto]:
    for attribute in (attribute for node in nodes for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for graph in (attribute.g, *attribute.graphs):
            yield from _in_graph(graph)
