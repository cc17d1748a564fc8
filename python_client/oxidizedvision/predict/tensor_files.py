"""Tensors in files: `.npy` holds one array, `.npz` and `.safetensors` hold arrays by name."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import atomic_path, file_errors, write_bytes
from oxidizedvision.core.tensors import TensorSpec

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

SINGLE = ".npy"
ENDINGS = (SINGLE, ".npz", ".safetensors")


def read_tensors(path: Path, inputs: tuple[TensorSpec, ...]) -> dict[str, Array]:
    """The arrays of a file by name, in this machine's byte order; a `.npy` is the only input.

    Nothing in the file is executed: arrays of Python objects are refused.

    Raises:
        OxidizedVisionError: `not_found`, `file_system`, `input` when it is no file of its
            ending's kind, or `not_single` for a `.npy` and a model of several inputs.
    """
    ending = path.suffix.lower()
    if ending == SINGLE and len(inputs) != 1:
        names = ", ".join(spec.name for spec in inputs)
        raise OxidizedVisionError(
            Kind.NOT_SINGLE,
            f"{path} holds one array, the model has {len(inputs)} inputs: {names}",
            "Give an .npz or .safetensors file with an array for each name.",
        )
    read = {SINGLE: _read_npy, ".npz": _read_npz, ".safetensors": _read_safetensors}[ending]
    with file_errors(path):
        try:
            arrays = read(path, inputs[0].name if inputs else "")
        except (ValueError, EOFError, KeyError, TypeError, MemoryError) as error:
            raise _no_tensors(path, error) from error
    return {name: _native_order(array) for name, array in arrays.items()}


def write_tensors(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays by the file's ending, whole or not at all.

    Raises:
        OxidizedVisionError: `not_single` for several arrays and a `.npy`, `file_system` when it
            cannot be written.
    """
    ending = path.suffix.lower()
    if ending == SINGLE:
        check_one(path, len(arrays))
        (array,) = arrays.values()
        with atomic_path(path) as temporary, file_errors(path), temporary.open("wb") as file:
            _write_npy(file, array)
    elif ending == ".npz":
        with atomic_path(path) as temporary, file_errors(path):
            _write_npz(temporary, arrays)
    else:
        from safetensors.numpy import save

        write_bytes(path, save({name: np.ascontiguousarray(a) for name, a in arrays.items()}))


def check_one(path: Path, count: int) -> None:
    """Refuse a `.npy` for other than one array.

    Raises:
        OxidizedVisionError: `not_single`.
    """
    if count != 1:
        raise OxidizedVisionError(
            Kind.NOT_SINGLE,
            f"{path} can hold one array, the model gives {count}",
            "Name an .npz or .safetensors file.",
        )


def _read_npy(path: Path, name: str) -> dict[str, Array]:
    with path.open("rb") as file:
        return {name: np.lib.format.read_array(file, allow_pickle=False)}


def _read_npz(path: Path, _: str) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {}
            for entry in archive.namelist():
                with archive.open(entry) as file:
                    array = np.lib.format.read_array(file, allow_pickle=False)
                    arrays[entry.removesuffix(SINGLE)] = array
            return arrays
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise ValueError(str(error)) from error


def _read_safetensors(path: Path, _: str) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, Array] = load(path.read_bytes())
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return arrays


def _write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    # Not `np.savez`: it cannot hold an array of the name of one of its own arguments.
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}{SINGLE}", "w", force_zip64=True) as file:
                _write_npy(file, array)


def _write_npy(file: Any, array: Array) -> None:
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)


def _native_order(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _no_tensors(path: Path, error: BaseException) -> OxidizedVisionError:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return OxidizedVisionError(
        Kind.INPUT,
        f"{path} is no {path.suffix.lower()} file of plain numbers: {reason}",
        "Write it again with numpy.save, numpy.savez or safetensors.numpy.save_file.",
    )
