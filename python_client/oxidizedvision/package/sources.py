"""The runtime crates that travel inside a generated crate."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import tomlkit
from tomlkit.items import Table

from oxidizedvision.core.errors import Kind, OxidizedVisionError


def rust_root() -> Path:
    """The folder with the workspace's Cargo.toml: inside the installed package, or the checkout."""
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "_rust", package.parents[1] / "rust_runtime"):
        if (candidate / "Cargo.toml").is_file():
            return candidate
    raise OxidizedVisionError(
        Kind.DEPENDENCY_MISSING,
        "The sources of the runtime crates are not part of this installation",
        "Install the wheel (`make wheel`), or work in a checkout of the repository.",
    )


def copy_runtime(target: Path, *roots: str) -> tuple[str, ...]:
    """Copy sources and manifests of crates and all that they need; tests stay behind."""
    crates = closure(*roots)
    for crate in crates:
        source = rust_root() / "crates" / crate
        for part in ("src", "assets"):
            if (source / part).is_dir():
                shutil.copytree(source / part, target / crate / part)
        if (source / "build.rs").is_file():
            shutil.copyfile(source / "build.rs", target / crate / "build.rs")
        document = tomlkit.parse((source / "Cargo.toml").read_text(encoding="utf-8"))
        for section in ("dev-dependencies", "test", "bench", "example"):
            document.pop(section, None)
        (target / crate / "Cargo.toml").write_text(tomlkit.dumps(document), encoding="utf-8")
    return crates


def closure(*roots: str) -> tuple[str, ...]:
    """Crates of the workspace with those of it that they name, in the order of their names."""
    root, found, waiting = rust_root(), set[str](), list(roots)
    while waiting:
        crate = waiting.pop()
        if crate not in found:
            found.add(crate)
            named = _dependencies_of(root, (crate,))
            waiting += [name for name in named if (root / "crates" / name).is_dir()]
    return tuple(sorted(found))


def workspace_document(crates: Sequence[str], outside: Sequence[str] = ()) -> tomlkit.TOMLDocument:
    """The workspace's Cargo.toml cut down to `crates`, which stand in `runtime/`.

    outside: crates of others that the package itself names.
    """
    root = rust_root()
    document = tomlkit.parse((root / "Cargo.toml").read_text(encoding="utf-8"))
    workspace = _table(document, "workspace")
    workspace["members"] = ["runtime/*"]
    workspace.pop("default-members", None)
    used = {*crates, *outside, *_dependencies_of(root, crates)}
    dependencies = _table(workspace, "dependencies")
    for name in list(dependencies):
        if name not in used:
            dependencies.remove(name)
        elif name in crates:
            _table(dependencies, name)["path"] = f"runtime/{name}"
    return document


def lock_text() -> str:
    """The workspace's Cargo.lock: the versions that were built and tested together."""
    return (rust_root() / "Cargo.lock").read_text(encoding="utf-8")


def lint_settings() -> str:
    """The workspace's clippy.toml, with which the runtime crates have no warnings."""
    return (rust_root() / "clippy.toml").read_text(encoding="utf-8")


def _dependencies_of(root: Path, crates: Sequence[str]) -> set[str]:
    names: set[str] = set()
    for crate in crates:
        text = (root / "crates" / crate / "Cargo.toml").read_text(encoding="utf-8")
        document = tomlkit.parse(text).unwrap()
        for part in (document, *document.get("target", {}).values()):
            names.update(part.get("dependencies", {}), part.get("build-dependencies", {}))
    return names


def _table(parent: tomlkit.TOMLDocument | Table, key: str) -> Table:
    value = parent[key]
    if not isinstance(value, dict):
        raise TypeError(f"{key} of the workspace's Cargo.toml is no table")
    return cast(Table, value)
