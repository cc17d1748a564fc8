"""What a checkpoint's file is, told from its first bytes and not from its name."""

from __future__ import annotations

import json
import stat
import zipfile
from enum import Enum
from pathlib import Path, PurePath

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors

INDEX_SUFFIX = ".safetensors.index.json"

_HEAD = 4096
_TAR_MARK = slice(257, 262)
_LARGEST_INDEX = 1 << 26
_SAVE = "model.checkpoint is a .safetensors file, or what torch.save or torch.jit.save wrote."
_DOWNLOAD = "Download the file again, and compare its size or hash with what the source tells."

_STRANGERS = (
    (b"version https://git-lfs", "a Git LFS pointer and not the weights", "Run `git lfs pull`."),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it first."),
    (b"BZh", "compressed with bzip2", "Unpack it first."),
    (b"\xfd7zXZ", "compressed with xz", "Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Unpack it first."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first."),
    (b"\x89HDF", "an HDF5 file, as Keras writes", _SAVE),
    (b"\x93NUMPY", "a NumPy array", _SAVE),
    (b"GGUF", "a GGUF file", _SAVE),
)
"""First bytes of files that are met in place of weights, what they are, and what to do."""


class FileKind(Enum):
    """Who can read a checkpoint."""

    SAFETENSORS = "safetensors"
    INDEX = "index"
    TORCH = "torch"
    TORCHSCRIPT = "torchscript"
    EXPORTED = "exported"


def file_kind(path: Path) -> FileKind:
    """What a file is. One that nothing else is known of counts as written by `torch.save`.

    Raises:
        OxidizedVisionError: `checkpoint` when it cannot be a checkpoint, saying what it is.
    """
    size = _size(path)
    with file_errors(path), path.open("rb") as file:
        head = file.read(_HEAD)
    _refuse_strangers(path, head)
    if _is_safetensors(head, size):
        return FileKind.SAFETENSORS
    if path.name.endswith(INDEX_SUFFIX):
        return FileKind.INDEX
    if head.startswith(b"PK\x03\x04"):
        return _archive_kind(path)
    if path.suffix == ".safetensors" and not _is_pickle(head):
        raise refused(path, "is not a whole safetensors file: its header is damaged", _DOWNLOAD)
    if head.lstrip().startswith((b"{", b"[")):
        raise refused(path, "is a JSON text and holds no weights", _DOWNLOAD)
    return FileKind.TORCH


def checkpoint_files(path: Path) -> list[Path]:
    """Every file that a checkpoint consists of: itself, and the shards that an index names.

    Raises:
        OxidizedVisionError: `checkpoint` when the index cannot be read.
    """
    if not path.name.endswith(INDEX_SUFFIX):
        return [path]
    return [path, *(path.parent / name for name in sorted(set(shards(path).values())))]


def shards(index: Path) -> dict[str, str]:
    """The file of each tensor, by an index of safetensors shards.

    Raises:
        OxidizedVisionError: `checkpoint` when it is no such index, or names a file that does not
            lie beside it.
    """
    with file_errors(index), index.open("rb") as file:
        content = file.read(_LARGEST_INDEX)
    try:
        named = json.loads(content)["weight_map"]
        pairs = {str(key): str(name) for key, name in named.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise refused(index, "is no index of safetensors shards", _SAVE) from error
    for name in pairs.values():
        if PurePath(name).name != name or not name.endswith(".safetensors"):
            raise refused(index, f"names {name!r}, which is no .safetensors file beside it", _SAVE)
    return pairs


def refused(path: Path, what: str, hint: str) -> OxidizedVisionError:
    """The error for a file that cannot be used as a checkpoint."""
    return OxidizedVisionError(Kind.CHECKPOINT, f"{path} {what}", hint)


def _size(path: Path) -> int:
    with file_errors(path):
        status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        inside = [entry.name for entry in sorted(path.iterdir()) if _looks_like_weights(entry)]
        hint = f"Name a file in it: {', '.join(inside[:4])}." if inside else _SAVE
        raise refused(path, "is a folder and not a checkpoint's file", hint)
    if not stat.S_ISREG(status.st_mode):
        # Opening a pipe waits for its other end, perhaps forever.
        raise refused(path, "is a pipe or a device and not a file", _SAVE)
    if status.st_size == 0:
        raise refused(path, "is empty", _DOWNLOAD)
    return status.st_size


def _looks_like_weights(path: Path) -> bool:
    name = path.name
    return name.endswith((".safetensors", ".pt", ".pth", ".ckpt", ".bin", INDEX_SUFFIX))


def _refuse_strangers(path: Path, head: bytes) -> None:
    for start, what, hint in _STRANGERS:
        if head.startswith(start):
            raise refused(path, f"is {what}", hint)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise refused(path, "is a web page and not the weights: the download failed", _DOWNLOAD)


def _is_safetensors(head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and 2 <= length <= size - 8


def _is_pickle(head: bytes) -> bool:
    return head[:1] == b"\x80" or head[_TAR_MARK] == b"ustar"


def _archive_kind(path: Path) -> FileKind:
    with file_errors(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise refused(
                path, "is damaged: the archive has no end, it may be cut", _DOWNLOAD
            ) from error
    inside = {name.partition("/")[2] for name in names}
    if "archive_format" in inside or "models/model.json" in inside:
        return FileKind.EXPORTED
    if "constants.pkl" in inside:
        return FileKind.TORCHSCRIPT
    if "data.pkl" in inside:
        return FileKind.TORCH
    shown = ", ".join(sorted(names)[:3]) or "nothing"
    raise refused(path, f"is a zip archive that PyTorch did not write; it holds {shown}", _SAVE)
