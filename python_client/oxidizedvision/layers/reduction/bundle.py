"""The folder that a failing part is written to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oxidizedvision.core.engines import ONNX_ENGINES
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors, make_folder, write_bytes, write_text
from oxidizedvision.layers.engines import Engine, RunnerEngine
from oxidizedvision.layers.reduction import texts
from oxidizedvision.layers.reduction.trial import DIFFERS, Failure, Part
from oxidizedvision.onnx_notes import MODULE, note_of

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

CASE = "case.json"
RUNNERS: Mapping[str, tuple[str, str]] = {
    name: (f"runner_{name}", f"{name.capitalize()}Runner") for name in ONNX_ENGINES
}
"""The crate and the type of each engine that a Rust reproduction can be written for."""


@dataclass(frozen=True)
class Finding:
    """What goes into a bundle beside the part: how it fails, where, and against what."""

    part: Part
    failure: Failure
    engine: Engine
    model: str
    reference: str


def check_place(folder: Path) -> None:
    """Refuse a folder that holds anything but an older bundle.

    Raises:
        OxidizedVisionError: `usage`.
    """
    if folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not (folder / CASE).is_file()
    ):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{folder} exists and is not a bundle that was written by reduce",
            "Choose another folder; nothing was overwritten.",
        )


def write_bundle(finding: Finding, folder: Path) -> tuple[str, ...]:
    """Write the part, its case and the two reproductions; gives the names of the files.

    Raises:
        OxidizedVisionError: `file_system`, or `usage` for a folder with other content.
    """
    check_place(folder)
    make_folder(folder)
    part = finding.part
    write_bytes(folder / "model.onnx", part.model.SerializeToString())
    write_bytes(folder / "case.safetensors", _tensors(part))
    write_text(folder / "reproduce.py", _python(finding))
    why = _write_rust(finding, folder / "rust")
    write_text(folder / "README.md", _readme(finding, why))
    write_text(folder / CASE, json.dumps(_case(finding), indent=2) + "\n")
    return tuple(sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()))


def _tensors(part: Part) -> bytes:
    from safetensors.numpy import save

    named: dict[str, Array] = {f"input/{name}": array for name, array in part.inputs.items()}
    named |= {f"output/{name}": array for name, array in part.expected.items()}
    content: bytes = save({name: np.ascontiguousarray(a) for name, a in named.items()})
    return content


def _case(finding: Finding) -> dict[str, object]:
    engine = finding.engine
    return {
        "schema_version": 1,
        "engine": engine.name,
        "optimize": engine.optimize if isinstance(engine, RunnerEngine) else None,
        "kind": finding.failure.kind,
        "message": finding.failure.message,
        "nodes": [node.name or node.output[0] for node in finding.part.model.graph.node],
        "outputs": dict(finding.part.allowed),
    }


def _python(finding: Finding) -> str:
    engine = finding.engine
    optimize = not isinstance(engine, RunnerEngine) or engine.optimize
    if engine.name == "onnxruntime":
        level = "ORT_ENABLE_ALL" if optimize else "ORT_DISABLE_ALL"
        run, needs = texts.RUN_ONNXRUNTIME.format(level=level), "onnxruntime"
    else:
        run = texts.RUN_CLIENT.format(engine=engine.name, optimize=optimize)
        needs = f"oxidizedvision with the runner {engine.name}"
    return texts.PYTHON.format(engine=engine.name, needs=needs, run=run)


def _write_rust(finding: Finding, folder: Path) -> str:
    """Write the crate; why there is none, or an empty text."""
    engine = finding.engine
    name = "ort" if engine.name == "onnxruntime" else engine.name
    if name not in RUNNERS or not isinstance(engine, RunnerEngine):
        shutil.rmtree(folder, ignore_errors=True)
        return f"no crate runs {engine.name}"
    crate, runner = RUNNERS[name]
    allowed = ", ".join(f"({_rust_text(n)}, {v!r})" for n, v in finding.part.allowed.items())
    main = texts.RUST.format(
        engine=name,
        crate_name=crate,
        runner=runner,
        optimize=str(engine.optimize).lower(),
        allowed=allowed,
    )
    try:
        _write_crate(folder, crate, main)
    except OxidizedVisionError as error:
        if error.kind is not Kind.DEPENDENCY_MISSING:
            raise
        return error.message[0].lower() + error.message[1:]
    return ""


def _write_crate(folder: Path, crate: str, main: str) -> None:
    import tomlkit

    from oxidizedvision.package.sources import (
        copy_runtime,
        lock_text,
        rust_root,
        workspace_document,
    )

    rust_root()
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder / "src")
    with file_errors(folder):
        crates = copy_runtime(folder / "runtime", "runner_core", crate)
    package = """[package]
name = "reproduce"
version = "0.1.0"
edition.workspace = true
rust-version.workspace = true
publish = false
"""
    used = ("runner_core", crate, "safetensors")
    dependencies = "".join(f"{name}.workspace = true\n" for name in used)
    workspace = tomlkit.dumps(workspace_document(crates, ("safetensors",)))
    write_text(folder / "Cargo.toml", f"{package}\n[dependencies]\n{dependencies}\n{workspace}")
    write_text(folder / "Cargo.lock", lock_text())
    write_text(folder / "src" / "main.rs", main)


def _rust_text(name: str) -> str:
    """A name as a literal of Rust."""
    escaped = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\' else f"\\u{{{ord(c):x}}}"
        for c in name
    )
    return f'"{escaped}"'


def _readme(finding: Finding, why: str) -> str:
    nodes = finding.part.model.graph.node
    rows = [
        f"| {_cell(node.name or node.output[0])} | {_cell(node.op_type)} | "
        f"{_cell(note_of(node, MODULE) or '–')} |"
        for node in nodes
    ]
    kind = finding.failure.kind
    return texts.README.format(
        nodes="1 node" if len(nodes) == 1 else f"{len(nodes)} nodes",
        model=finding.model,
        fails="gives another answer" if kind == DIFFERS else f"fails ({kind})",
        engine=finding.engine.name,
        message=finding.failure.message.rstrip("."),
        rows="\n".join(rows),
        reference=finding.reference,
        rust=texts.NO_RUST.format(why=why) if why else texts.RUST_ROW,
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
