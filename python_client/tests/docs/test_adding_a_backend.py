"""docs/adding-a-backend.md lists every place that an engine touches, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "adding-a-backend.md"
ENGINE = re.compile(r"(?<![a-z])rten(?![a-z])")
SOURCES = ("*.rs", "*.toml", "*.py")
FOLDERS = ("rust_runtime/crates", "rust_runtime/examples", "python_client/oxidizedvision")
COMMENT = re.compile(r"^\s*(//|#)")
OWN = "rust_runtime/crates/runner_rten/"
BROWSER = "rust_runtime/examples/wasm_frontend"
EXECUTABLE = "rust_runtime/crates/model_executable"
APART = {
    "rust_runtime/crates/engine_bench": "calls engines bare, to compare with",
    "rust_runtime/crates/inference_server/Cargo.toml": "its tests serve with an engine",
    "rust_runtime/crates/inference_server/tests/": "they serve with an engine",
    "rust_runtime/crates/runner_tensorrt": "its stand-in computes with an engine",
    BROWSER: "a module for browsers is built for one engine",
    EXECUTABLE: "a program without a model is built for one engine",
}


def places_of_rten() -> set[str]:
    """Every file that names the engine in code, and the folder of its own crate."""
    files = [ROOT / "rust_runtime" / "Cargo.toml"]
    for folder in FOLDERS:
        for pattern in SOURCES:
            files += (ROOT / folder).rglob(pattern)
    found = set()
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        if name.startswith(OWN):
            found.add(OWN)
        elif not name.startswith(tuple(APART)) and names_it(file.read_text(encoding="utf-8")):
            found.add(name)
    return found


def names_it(text: str) -> bool:
    """Whether code names the engine; tests inside a source file do not count."""
    code = text.partition("#[cfg(test)]")[0]
    lines = (line for line in code.splitlines() if not COMMENT.match(line))
    return any(ENGINE.search(line) for line in lines)


def places_of_the_guide() -> tuple[set[str], set[str]]:
    """The places of the table, and those that the text adds for packages."""
    text = GUIDE.read_text(encoding="utf-8").replace("runner_swift", "runner_rten")
    numbered = re.findall(r"^\| \d+ \| `([^`]+)` \|", text, flags=re.MULTILINE)
    package = "python_client/oxidizedvision/package"
    return set(numbered), {f"{package}/engines.py", f"{package}/prebuilt.py"}


def test_the_table_lists_every_place() -> None:
    numbered, for_packages = places_of_the_guide()
    assert len(numbered) == 6
    guide = GUIDE.read_text(encoding="utf-8")
    assert all(place in guide for place in {*for_packages, BROWSER, EXECUTABLE})
    tests = "rust_runtime/crates/runners/tests"
    tests_of_options = {f"{tests}/options.rs", f"{tests}/prepared.rs"}
    examples = {place for place in places_of_rten() if place.startswith("rust_runtime/examples/")}
    assert all("/tests/" in place or place.endswith("main.rs") for place in examples)
    assert places_of_rten() - tests_of_options - examples == numbered | for_packages


def test_a_place_that_is_not_listed_is_found(tmp_path: Path) -> None:
    assert names_it('let engine = "rten";')
    assert not names_it("// rten is fast\nfn x() {}")
    assert not names_it('fn x() {}\n#[cfg(test)]\nmod tests { const A: &str = "rten"; }')
    assert not names_it("let written = 1;")
