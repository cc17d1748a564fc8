"""TorchScript and torch.export archives: their tensors, without running the programs in them.

Loading a TorchScript file with PyTorch runs what the file says (`__setstate__`), and that can write
files. Here the pickle is read with classes that do nothing, and tensors are made from raw bytes.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_STRIDED = 7
"""The dense layout, in the schema of torch.export."""

_SCHEMA_TYPES = (
    *("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"),
    *("complex32", "complex64", "complex128", "bool", "bfloat16"),
)
"""Element types by their number in the schema of torch.export, which counts from 1."""


class ArchiveError(ValueError):
    """An archive that does not hold what its format promises."""


class _Object:
    """What stands for an object of any class of the archive: it keeps its state and runs nothing.

    The pickle may name any method of it, so it has none but these.
    """

    __slots__ = ("state",)
    state: Any

    def __new__(cls, *_: object) -> _Object:
        made = super().__new__(cls)
        made.state = None
        return made

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Archive:
    """Records of one zip archive, all below its single folder."""

    def __init__(self, archive: zipfile.ZipFile, marker: str) -> None:
        self._archive = archive
        name = next(name for name in archive.namelist() if name.partition("/")[2] == marker)
        self._folder = name.partition("/")[0]
        if "byteorder" in self.names() and self.read("byteorder") != b"little":
            raise ArchiveError("it was written on a machine of another byte order")

    def names(self) -> list[str]:
        return [name.partition("/")[2] for name in self._archive.namelist()]

    def read(self, name: str) -> bytes:
        """The content of a record.

        Raises:
            ArchiveError: when there is none, or it would unpack to more than the file holds.
        """
        info = self._archive.NameToInfo.get(f"{self._folder}/{name}")
        if info is None:
            raise ArchiveError(f"it lacks {name}")
        if info.file_size > 1 << 20 and info.compress_type != zipfile.ZIP_STORED:
            raise ArchiveError(f"{name} is compressed, which PyTorch does not do")
        return self._archive.read(info)


class _Unpickler(pickle.Unpickler):
    """Reads `data.pkl`; every name in it becomes inert but for those that make tensors."""

    def __init__(self, archive: _Archive) -> None:
        super().__init__(io.BytesIO(archive.read("data.pkl")))
        self._archive = archive

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name.endswith("Storage"):
            return _storage_type(name)
        return _Object

    def persistent_load(self, pid: Any) -> tuple[bytes, str]:
        _, dtype, key, *_ = pid
        return self._archive.read(f"data/{key}"), str(dtype)


def _storage_type(name: str) -> str:
    import torch

    kind = getattr(torch, name, None)
    dtype = getattr(kind, "dtype", None)
    return str(dtype).removeprefix("torch.")


def _rebuild(
    storage: tuple[bytes, str], offset: int, size: Sequence[int], stride: Sequence[int], *_: object
) -> torch.Tensor:
    content, dtype = storage
    return _tensor(content, dtype, offset, size, stride)


def _tensor(
    content: bytes, dtype: str, offset: int, size: Sequence[int], stride: Sequence[int]
) -> torch.Tensor:
    import torch

    kind = getattr(torch, dtype, None)
    if not isinstance(kind, torch.dtype):
        raise ArchiveError(f"it holds a tensor of {dtype}, which this PyTorch does not have")
    if not content:
        return torch.empty(tuple(size), dtype=kind)
    flat = torch.frombuffer(bytearray(content), dtype=kind)
    return flat.as_strided(tuple(size), tuple(stride), offset)


def torchscript_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Parameters and buffers of a TorchScript archive, by the names of its modules.

    Tensors that are plain attributes cannot be told from buffers, and come too.

    Raises:
        ArchiveError: when it holds none, or is not what it should be.
    """
    with zipfile.ZipFile(path) as file:
        found = _Unpickler(_Archive(file, "constants.pkl")).load()
    tensors: dict[str, torch.Tensor] = {}
    _collect(found, "", tensors, 0)
    if not tensors:
        raise ArchiveError("the TorchScript program in it has no weights by name: it is frozen")
    return tensors


def _collect(found: object, prefix: str, tensors: dict[str, torch.Tensor], depth: int) -> None:
    import torch

    state = found.state if isinstance(found, _Object) else None
    if not isinstance(state, Mapping) or depth > 100:
        return
    for name, value in state.items():
        if isinstance(value, torch.Tensor):
            tensors[f"{prefix}{name}"] = value
        else:
            _collect(value, f"{prefix}{name}.", tensors, depth + 1)


def exported_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Parameters and buffers of a `.pt2` archive of torch.export, those of its first program.

    Raises:
        ArchiveError: when a tensor in it is a pickle, or it is not what it should be.
    """
    with zipfile.ZipFile(path) as file:
        archive = _Archive(file, "archive_format")
        listed = [name for name in archive.names() if name.endswith("_weights_config.json")]
        if not listed:
            raise ArchiveError("the program in it has no list of weights")
        entries = json.loads(archive.read(listed[0]))["config"]
        return {str(key): _exported(archive, entry) for key, entry in entries.items()}


def _exported(archive: _Archive, entry: Mapping[str, Any]) -> torch.Tensor:
    meta = entry["tensor_meta"]
    if entry["use_pickle"] or meta["layout"] != _STRIDED:
        raise ArchiveError(f"the tensor {entry['path_name']} in it is not stored as plain numbers")
    number = int(meta["dtype"])
    dtype = _SCHEMA_TYPES[number - 1] if 0 < number <= len(_SCHEMA_TYPES) else f"type {number}"
    content = archive.read(f"data/weights/{entry['path_name']}")
    sizes, strides = ([int(item["as_int"]) for item in meta[key]] for key in ("sizes", "strides"))
    return _tensor(content, dtype, int(meta["storage_offset"]["as_int"]), sizes, strides)
