"""What must hold whenever a process was killed, and what is wrong where it does not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.soak.life import TAG, Attempt, Life
from oxidizedvision.core.claims import PREFIX, Claim
from oxidizedvision.core.crates import MARK, crate_sha256
from oxidizedvision.core.errors import OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import SUFFIX, Manifest, load_manifest
from oxidizedvision.core.publish import JOURNAL_SUFFIX
from oxidizedvision.registry import Entry, list_models, registry_path
from oxidizedvision.registry.objects import kept

LOCK_SECONDS = 2.0


@dataclass(frozen=True)
class Memory:
    """What the registry held before a verb ran."""

    entries: Mapping[str, Entry]
    tagged: str | None

    @classmethod
    def now(cls) -> Memory:
        """As it is now."""
        entries = {entry.sha256: entry for entry in list_models()}
        return cls(entries, next((e.sha256 for e in entries.values() if TAG in e.tags), None))


def problems(life: Life, before: Memory, attempt: Attempt) -> list[str]:
    """Everything that a killed process left otherwise than it should be."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return [
                *_registry(before, attempt),
                *_locks(life),
                *_manifests(life),
                *_crate(life),
            ]
        except (OxidizedVisionError, Warning, OSError) as error:
            return [f"{type(error).__name__}: {error}"]


def leftovers(life: Life) -> list[Path]:
    """Everything unfinished in any folder."""
    return [
        path
        for path in life.root.rglob(".*")
        if path.name.startswith((PREFIX, ".convert-")) or path.name.endswith(JOURNAL_SUFFIX)
    ]


def _registry(before: Memory, attempt: Attempt) -> Iterator[str]:
    """Every entry that was committed is there, with the manifest that was kept for it."""
    now = Memory.now()
    for sha256, entry in before.entries.items():
        if sha256 not in now.entries and sha256 not in attempt.may_go:
            yield f"{entry.label} is lost"
    for entry in now.entries.values():
        if kept(entry.snapshot) is None:
            yield f"the manifest that was kept for {entry.label} is lost"
    if attempt.verb != "tag" and now.tagged != before.tagged:
        yield f"tag {TAG} moved by itself"


def _locks(life: Life) -> Iterator[str]:
    """Nobody holds a lock."""
    try:
        FileLock(
            registry_path().with_suffix(".lock"), timeout=LOCK_SECONDS
        ).acquire().lock.release()
    except Timeout:
        yield "the registry's lock is stuck"
    for folder in (life.out, life.root / "small"):
        if not folder.is_dir():
            continue
        claim = Claim.of(folder)
        if claim.answer != "ours":
            yield f"the lock of {folder.name}/ is stuck"
        claim.close()


def _manifests(life: Life) -> Iterator[str]:
    """Every file that a manifest lists is what it lists."""
    for path in sorted(life.root.glob(f"*/*{SUFFIX}")):
        yield from _files(path.parent, load_manifest(path))


def _files(folder: Path, manifest: Manifest) -> Iterator[str]:
    for record in (*(stage.output for stage in manifest.stages), manifest.goldens):
        path = folder / record.file
        if not path.is_file():
            yield f"{path.name} is listed and missing"
        elif sha256_of(path) != record.sha256:
            yield f"{path.name} is not what its manifest lists"
    for package in manifest.packages:
        if crate_sha256(folder / package.path) != package.sha256:
            yield f"the crate {package.name} is not what the manifest lists"


def _crate(life: Life) -> Iterator[str]:
    """A crate that stands in its place is whole, listed or not."""
    if not life.crate.exists():
        return
    manifest = load_manifest(life.crate / MARK)
    wanted = {
        "model.onnx": manifest.head("onnx").sha256,
        "model.golden.safetensors": manifest.goldens.sha256,
    }
    for name, sha256 in wanted.items():
        if sha256_of(life.crate / name) != sha256:
            yield f"{name} of the crate is not what its manifest lists"
    for name in ("Cargo.toml", "Cargo.lock", "src/main.rs", "tests/golden.rs", "README.md"):
        if not (life.crate / name).is_file() or not (life.crate / name).stat().st_size:
            yield f"{name} of the crate is missing"
