"""The bill of materials of a package: crates with their licences, and the model, as CycloneDX."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oxidizedvision.core.files import file_errors, sha256_of
from oxidizedvision.package.subject import Subject

BILL = "sbom.cdx.json"
"""What a package calls it."""

_SPEC_VERSION = "1.6"


TREE = (
    *("tree", "--locked", "--edges", "normal,build", "--prefix", "none"),
    *("--format", "{p}|{l}"),
)
"""Arguments of Cargo that list what `crate_components` reads; `--target` limits them to one."""


def crate_components(tree: str) -> list[dict[str, Any]]:
    """The crates that a crate is built from, by what `cargo tree` says, sorted by name.

    Ours, which travel as sources, are among them; what only tests need is not.

    Args:
        tree: Its output with the arguments `TREE`; the first line is the crate itself.
    """
    rows = (line.removesuffix(" (*)") for line in tree.splitlines()[1:] if line.strip())
    components = [_component(*row.split("|", 1)) for row in dict.fromkeys(rows)]
    return sorted(components, key=lambda row: (row["name"], row["version"]))


def locked_components(lock: Path) -> list[dict[str, Any]]:
    """All crates of a Cargo.lock, which knows no licences, and some that only tests need."""
    with file_errors(lock):
        packages = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    rows = [
        _component(f"{package['name']} v{package['version']}" + _origin(package), "")
        for package in packages
    ]
    return sorted(rows, key=lambda row: (row["name"], row["version"]))


def bill_text(crates: Sequence[Mapping[str, Any]], subject: Subject, name: str) -> str:
    """The bill of a package: its crates, the tools that made the model, and the model itself.

    It names no time and no number of its own, so that the same package has the same bill.
    """
    manifest = subject.manifest
    model = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": manifest.name,
        "hashes": [{"alg": "SHA-256", "content": sha256_of(subject.model)}],
    }
    tools = [
        {
            "type": "application" if tool == "python" else "library",
            "bom-ref": f"tool:{tool}@{version}",
            "name": tool,
            "version": version,
            "scope": "excluded",
            **({} if tool == "python" else {"purl": f"pkg:pypi/{tool}@{version}"}),
            "properties": [{"name": "oxidizedvision:role", "value": "made the model"}],
        }
        for tool, version in sorted(manifest.tools.items())
    ]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": _SPEC_VERSION,
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "package", "name": name}},
        "components": [model, *crates, *tools],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def crates_in(bill: Path) -> list[dict[str, Any]]:
    """The components of a bill."""
    with file_errors(bill):
        found: list[dict[str, Any]] = json.loads(bill.read_bytes())["components"]
    return found


def _origin(package: Mapping[str, Any]) -> str:
    return "" if "source" in package else " (here)"


def _component(package: str, licence: str) -> dict[str, Any]:
    """A component of what Cargo calls `NAME vVERSION`, with `(…)` where it is not crates.io's."""
    name, version, *where = package.split(" ", 2)
    purl = f"pkg:cargo/{name}@{version.removeprefix('v')}"
    row: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version.removeprefix("v"),
    }
    if licence:
        # Old crates write MIT/Apache-2.0 for a choice.
        row["licenses"] = [{"expression": licence.replace("/", " OR ")}]
    if not where or where == ["(proc-macro)"]:
        row["purl"] = purl
    return row
