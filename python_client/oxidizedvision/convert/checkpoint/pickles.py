"""What a pickle would import, told from its opcodes without running it."""

from __future__ import annotations

import contextlib
import io
import pickletools
import zipfile
import zlib
from pathlib import Path

_PICKLES = 5
"""How many pickles a file of torch.save's old format holds one after the other."""


def wanted_by(source: Path) -> list[str]:
    """The names that a file wants and PyTorch does not allow, sorted; empty where none is found."""
    try:
        content = _pickle_of(source)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError):  # damaged
        return []
    return sorted(name for name in _globals_of(content) - _allowed() if "." in name)


def _pickle_of(source: Path) -> bytes:
    if not zipfile.is_zipfile(source):
        return source.read_bytes()
    with zipfile.ZipFile(source) as archive:
        name = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
        return archive.read(name) if name else b""


def _allowed() -> set[str]:
    """What `weights_only` lets a file name."""
    from torch import _weights_only_unpickler as unpickler

    listed = getattr(unpickler, "_get_allowed_globals", dict)  # PyTorch has no public list
    return {*listed(), "builtins.set", "__builtin__.set"}


def _globals_of(content: bytes) -> set[str]:
    found: set[str] = set()
    stream = io.BytesIO(content)
    with contextlib.suppress(ValueError, OverflowError):  # the end, or what follows the pickles
        for _ in range(_PICKLES):
            _read_one(stream, found)
    return found


def _read_one(stream: io.BytesIO, found: set[str]) -> None:
    """Add the names in the next pickle. Text is followed through the memo, where names repeat."""
    memo: dict[int, str] = {}
    texts: list[str] = []
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in {"GLOBAL", "INST"}:
            found.add(str(argument).replace(" ", "."))
        elif opcode.name == "STACK_GLOBAL" and len(texts) >= 2:
            found.add(".".join(texts[-2:]))
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = texts[-1] if texts else ""
        elif opcode.name in {"PUT", "BINPUT", "LONG_BINPUT"} and texts:
            memo[int(str(argument))] = texts[-1]
        elif opcode.name in {"GET", "BINGET", "LONG_BINGET"}:
            texts.append(memo.get(int(str(argument)), ""))
        elif isinstance(argument, str):
            texts.append(argument)
