"""The wheel carries what was built for browsers, and says what it left out."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fake_wasm import write_module, write_page

pytest.importorskip("hatchling", reason="the extra `dev` brings hatchling")
HOOK = Path(__file__).parents[1] / "hatch_build.py"


class _App:
    def __init__(self) -> None:
        self.said = ""

    def display_info(self, text: str) -> None:
        self.said = text


def _hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def carried(root: Path, version: str = "standard") -> tuple[dict[str, str], str]:
    """What the hook adds, by its place in the wheel, and what it says."""
    app, data = _App(), {"force_include": {"kept": "kept"}}
    made: Any = _hook().BrowserParts(str(root / "python_client"), {}, None, None, "", "wheel", app)
    made.initialize(version, data)
    assert data["force_include"].pop("kept") == "kept"
    return {to: source for source, to in data["force_include"].items()}, app.said


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    frontend = tmp_path / "rust_runtime" / "examples" / "wasm_frontend"
    (frontend / "page").mkdir(parents=True)
    (frontend / "runtime").mkdir()
    (frontend / "runtime" / "node_worker.mjs").write_text("// answers")
    write_page(frontend / "page").rename(frontend / "page" / "dist")
    return frontend / "runtime"


def test_modules_for_shipping_travel_with_the_page(runtime: Path, tmp_path: Path) -> None:
    write_module(runtime)
    write_module(runtime, "tract", profile="everyday")
    write_module(runtime.parent / "page" / "dist")
    files, said = carried(tmp_path)
    assert set(files) == {
        f"oxidizedvision/wasm/{name}"
        for name in (
            *("modules/rten/oxidizedvision.js", "modules/rten/oxidizedvision_bg.wasm"),
            "modules/rten/crates.txt",
            *("modules/rten/build.json", "node_worker.mjs"),
            *("page/index.html", "page/sw.js", "page/assets/index-0000.js"),
        )
    }
    assert all(Path(source).is_file() for source in files.values())
    assert "modules rten; the page" in said
    assert "built for tests: tract" in said


def test_without_them_it_says_how_to_get_them(runtime: Path, tmp_path: Path) -> None:
    write_module(runtime, profile="everyday")
    files, said = carried(tmp_path)
    assert files == {}
    assert "no modules; no page" in said
    assert "make wasm" in said


def test_an_editable_install_uses_the_checkout(runtime: Path, tmp_path: Path) -> None:
    write_module(runtime)
    assert carried(tmp_path, "editable") == ({}, "")
