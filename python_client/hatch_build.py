"""Puts what was built for browsers into the wheel: modules for shipping, page, scripts for Node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE_FILES = ("oxidizedvision.js", "oxidizedvision_bg.wasm", "build.json", "crates.txt")
TARGET = "oxidizedvision/wasm"


class BrowserParts(BuildHookInterface[Any]):
    """Adds files; a wheel without them says how to get them when they are asked for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        frontend = Path(self.root).parent / "rust_runtime" / "examples" / "wasm_frontend"
        modules, left = _modules(frontend / "runtime" / "modules")
        files: dict[Path, str] = {}
        for module in modules:
            files |= {module / name: f"modules/{module.name}/{name}" for name in MODULE_FILES}
        if modules:
            scripts = (frontend / "runtime").glob("*.mjs")
            files |= {path: path.name for path in scripts}
            files |= _page(frontend / "page" / "dist")
        page = "page/index.html" in files.values()
        build_data["force_include"] |= {str(path): f"{TARGET}/{to}" for path, to in files.items()}
        self.app.display_info(_said([module.name for module in modules], left, page=page))


def _modules(folder: Path) -> tuple[list[Path], list[str]]:
    """The modules that were built for shipping, and why others are left out."""
    found, left = [], []
    for build in sorted(folder.glob("*/build.json")):
        if json.loads(build.read_bytes()).get("profile") == "shipping":
            found.append(build.parent)
        else:
            left.append(build.parent.name)
    return found, left


def _page(dist: Path) -> dict[Path, str]:
    """The built page without the modules, which it shares with Node."""
    inside = {path: path.relative_to(dist) for path in dist.rglob("*") if path.is_file()}
    return {
        path: f"page/{relative.as_posix()}"
        for path, relative in inside.items()
        if relative.parts[0] not in ("modules", "model")
    }


def _said(modules: list[str], left: list[str], *, page: bool) -> str:
    parts = [f"modules {', '.join(modules)}" if modules else "no modules"]
    parts.append("the page" if page else "no page")
    if left:
        parts.append(f"left out, since built for tests: {', '.join(left)}")
    hint = "" if modules and page and not left else "; `make wasm` builds them for shipping"
    return f"for browsers: {'; '.join(parts)}{hint}"
