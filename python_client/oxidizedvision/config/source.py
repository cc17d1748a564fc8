"""A YAML file as plain values, with the line of every key."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors

KeyPath = tuple[str | int, ...]

MAX_BYTES = 1 << 20
MAX_VALUES = 20_000
"""Far above any real config, and low enough that aliases of aliases cannot fill the memory."""

_INIT_HINT = "`oxidizedvision config init MODEL.py --class NAME` writes one for a model."


@dataclass
class Source:
    """What a file says, and where it says it."""

    path: Path
    data: dict[Any, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    values: int = 0

    def line(self, key: KeyPath) -> int:
        """The line of a key, or of the nearest enclosing key that has one; 1 at the root."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def plain(self, value: Any, at: KeyPath) -> Any:
        """The value without YAML's own types; notes the line of everything below."""
        self.values += 1
        if self.values > MAX_VALUES:
            raise _problem(self.path, f"more than {MAX_VALUES} values", "")
        if isinstance(value, CommentedMap):
            for key in value:
                self._note(value, key, (*at, key))
            return {key: self.plain(item, (*at, key)) for key, item in value.items()}
        if isinstance(value, CommentedSeq):
            for index in range(len(value)):
                self._note(value, index, (*at, index))
            return [self.plain(item, (*at, index)) for index, item in enumerate(value)]
        return _plain_scalar(value)

    def _note(self, node: CommentedMap | CommentedSeq, key: Any, at: KeyPath) -> None:
        position = (node.lc.data or {}).get(key)
        if position is not None:
            self.lines[at] = position[0] + 1


def read_source(path: Path) -> Source:
    """Read a YAML file whose root is a mapping.

    Raises:
        OxidizedVisionError: `not_found`, `file_system`, or `config` with the line.
    """
    root = _parse(path, _read(path))
    if root is None:
        raise _problem(path, "the file is empty", _INIT_HINT)
    if not isinstance(root, CommentedMap):
        kind = "a list" if isinstance(root, CommentedSeq) else "a single value"
        raise _problem(path, f"expected keys such as `model:`, got {kind}", _INIT_HINT)
    source = Source(path)
    try:
        source.data = source.plain(root, ())
    except RecursionError as error:
        raise _problem(path, "nested too deeply, or an alias contains itself", "") from error
    return source


def _read(path: Path) -> str:
    if path.is_dir():
        raise OxidizedVisionError(
            Kind.CONFIG, f"{path} is a folder", "Name the config file in it, such as config.yml."
        )
    with file_errors(path), path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _problem(path, f"larger than {MAX_BYTES} bytes, so it is no config", _INIT_HINT)
    if path.suffix == ".py":
        hint = f"`oxidizedvision config init {path}` writes one for a model."
        raise _problem(path, "a Python file and no config", hint)
    if b"\0" in content and not content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise _problem(path, "a binary file and no config", _INIT_HINT)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        reason = f"line {line}: not UTF-8 text (byte {content[error.start]:#04x})"
        raise _problem(path, reason, "Save the file as UTF-8.") from error


def _parse(path: Path, text: str) -> Any:
    try:
        return YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        key = (error.problem or "").partition('"')[2].partition('"')[0]
        line = error.problem_mark.line + 1
        raise _problem(
            path, f"line {line}: duplicate key {key!r}", "Keep one of the two."
        ) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(part for part in (error.context, error.problem) if part)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _problem(path, f"{where}not YAML: {reason}", "") from error
    except (YAMLError, ValueError) as error:
        raise _problem(path, f"not YAML: {str(error).splitlines()[0]}", "") from error
    except RecursionError as error:
        raise _problem(path, "nested too deeply", "") from error


def _problem(path: Path, reason: str, hint: str) -> OxidizedVisionError:
    default = "`oxidizedvision config init` writes a file to compare with."
    separator = ", " if reason.startswith("line ") else ": "
    return OxidizedVisionError(Kind.CONFIG, f"{path}{separator}{reason}", hint or default)


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
