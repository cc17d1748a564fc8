"""The registry's file: its versions, and how an older one becomes the present one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from typing_extensions import TypedDict

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.results import to_plain
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.registry.entries import ID_LENGTH, Entry

SCHEMA_VERSION = 2
Plain = dict[str, Any]


class DamagedError(Exception):
    """A registry file that is there and cannot be understood."""


class StoredSpec(TypedDict):
    """An input or output, as it stands in the file."""

    name: str
    dtype: str
    dims: list[int | str]


class Stored(TypedDict):
    """An entry as it stands in the file: an `Entry` without what follows from its key and the tags.

    Only those that are asked for become an `Entry`; writing one of a thousand must be quick.
    """

    name: str
    manifest: str
    model: str
    created: str
    updated: str
    bytes: int
    inputs: list[StoredSpec]
    outputs: list[StoredSpec]
    version: int
    formats: NotRequired[list[str]]
    engines: NotRequired[list[str]]
    files: NotRequired[list[str]]
    snapshot: NotRequired[str | None]


@dataclass
class Document:
    """What a registry file says.

    entries: by the SHA-256 of the model. tags: the SHA-256 that each names.
    versions: the last version given to a model of each name; none is given twice.
    written_as: the schema version of the file it was read from.
    """

    entries: dict[str, Stored] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    written_as: int = field(default=SCHEMA_VERSION, compare=False)

    def copy(self) -> Document:
        """A document that can be changed while this one stays."""
        return Document(dict(self.entries), dict(self.tags), dict(self.versions), self.written_as)

    def tags_of(self, sha256: str) -> tuple[str, ...]:
        """The tags of one entry, in order."""
        return tuple(sorted(tag for tag, named in self.tags.items() if named == sha256))

    def entry(self, sha256: str) -> Entry:
        """One entry with its tags."""
        return _entry(sha256, self.entries[sha256], self.tags_of(sha256))

    def all(self) -> list[Entry]:
        """Every entry with its tags."""
        tags: dict[str, list[str]] = {}
        for tag in sorted(self.tags):
            tags.setdefault(self.tags[tag], []).append(tag)
        return [
            _entry(sha256, stored, tuple(tags.get(sha256, ())))
            for sha256, stored in self.entries.items()
        ]

    def put(self, entry: Entry) -> None:
        """Add an entry, or replace the one of the same SHA-256; tags stay as they are."""
        plain = to_plain(entry)
        for name in _DERIVED:
            del plain[name]
        self.entries[entry.sha256] = plain

    def names(self) -> set[str]:
        """The name of every model."""
        return {stored["name"] for stored in self.entries.values()}


_DERIVED = ("id", "sha256", "tags")
_ENTRIES: TypeAdapter[dict[str, Stored]] = TypeAdapter(dict[str, Stored])
_NAMES: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
_COUNTS: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, int])


def _entry(sha256: str, stored: Stored, tags: tuple[str, ...]) -> Entry:
    return Entry(
        id=sha256[:ID_LENGTH],
        name=stored["name"],
        manifest=Path(stored["manifest"]),
        model=Path(stored["model"]),
        created=stored["created"],
        updated=stored["updated"],
        bytes=stored["bytes"],
        inputs=tuple(map(_spec, stored["inputs"])),
        outputs=tuple(map(_spec, stored["outputs"])),
        sha256=sha256,
        version=stored["version"],
        tags=tags,
        formats=tuple(stored.get("formats", ())),
        engines=tuple(stored.get("engines", ())),
        files=tuple(stored.get("files", ())),
        snapshot=stored.get("snapshot"),
    )


def _spec(stored: StoredSpec) -> TensorSpec:
    return TensorSpec(stored["name"], stored["dtype"], tuple(stored["dims"]))


def parsed(content: bytes, path: Path) -> Document:
    """The document of a file's content, of whatever version up to the present one.

    Raises:
        DamagedError: with the reason.
        OxidizedVisionError: `unsupported` for the file of a newer version.
    """
    try:
        plain = from_json(content)
    except ValueError as error:
        raise DamagedError(str(error)) from error
    version = plain.get("schema_version") if isinstance(plain, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DamagedError("it has no schema_version")
    if version > SCHEMA_VERSION:
        raise OxidizedVisionError(
            Kind.UNSUPPORTED,
            f"{path} has schema_version {version}; this version reads {SCHEMA_VERSION}",
            "Install the newer OxidizedVision, or set OXIDIZEDVISION_HOME to another folder.",
        )
    try:
        for older in range(version, SCHEMA_VERSION):
            plain = MIGRATIONS[older](plain)
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"version {version} cannot be read: {error!r}") from error
    document = _validated(plain)
    document.written_as = version
    return document


def dumped(document: Document) -> bytes:
    """The content of a file of the present version."""
    plain = {
        "schema_version": SCHEMA_VERSION,
        "entries": document.entries,
        "tags": document.tags,
        "versions": document.versions,
    }
    return to_json(plain, indent=1) + b"\n"


def _validated(plain: Plain) -> Document:
    try:
        document = Document(
            _ENTRIES.validate_python(plain.get("entries")),
            _NAMES.validate_python(plain.get("tags")),
            _COUNTS.validate_python(plain.get("versions")),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DamagedError(f"{where}: {first['msg']}") from error
    lost = sorted(tag for tag, sha256 in document.tags.items() if sha256 not in document.entries)
    if lost:
        raise DamagedError(f"tag {lost[0]!r} names no entry")
    return document


def _from_1(plain: Plain) -> Plain:
    """Version 1 knew 12 digits of each SHA-256, and neither versions nor tags."""
    order = sorted(plain["entries"].items(), key=lambda item: (item[1]["created"], item[0]))
    versions: dict[str, int] = {}
    entries = {}
    for sha256, entry in order:
        name = entry["name"]
        versions[name] = versions.get(name, 0) + 1
        kept = {key: value for key, value in entry.items() if key != "id"}
        entries[sha256] = {**kept, "version": versions[name], "formats": ["onnx", "torchscript"]}
    return {"schema_version": 2, "entries": entries, "tags": {}, "versions": versions}


MIGRATIONS: Mapping[int, Callable[[Plain], Plain]] = {1: _from_1}
"""From each older version, the step to the next."""
