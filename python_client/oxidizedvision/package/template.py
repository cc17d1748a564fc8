"""The files of a generated crate that are written, not copied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import tomlkit
import tomlkit.items

from oxidizedvision.core.manifest import Manifest
from oxidizedvision.package.sources import lock_text

if TYPE_CHECKING:
    from oxidizedvision.package import Engine

MAIN = """\
//! {title}, run by {engine}.
use std::process::ExitCode;

use {crate}::{runner};
use runner_core::Runner;
use vision_program::Program;

fn main() -> ExitCode {{
    vision_program::run(&Program {{
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        model: include_bytes!("../model.onnx"),
        load: |config| Ok(Box::new({runner}::from_config(config)?)),
    }})
}}
"""

GOLDEN = """\
//! Compares the program's own answers with those that PyTorch gave.
use std::path::Path;

#[test]
fn the_program_gives_what_pytorch_gave() {{
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked = vision_program::golden::check(
        Path::new(env!("CARGO_BIN_EXE_{name}")),
        &folder.join("model.onnx"),
        &folder.join("model.golden.safetensors"),
        &folder.join("model.oxv.json"),
    );
    match checked {{
        Ok(report) => println!("{{report}}"),
        Err(error) => panic!("{{error}}"),
    }}
}}
"""

README = """\
# {name}

A program around one model, made by OxidizedVision {version}. It runs `{model}` with {engine};
only a Rust toolchain is needed to build it, and nothing at all to run it.

```
cargo build --release
cargo test --release          # compares the program with the answers that PyTorch gave
target/release/{name} --help
target/release/{name} photo.png result.png
target/release/{name} --input x.npy --output y.npy
```

`cargo build --profile dist` takes longer and gives a smaller program.

| | name | type | axes |
| --- | --- | --- | --- |
{specs}

`model.onnx` is the model, `model.golden.safetensors` its recorded inputs and PyTorch's outputs,
`model.oxv.json` the manifest: where the model comes from and by which steps. `runtime/` holds the
sources of the crates that the program is made of.
"""


class CrateTemplate:
    """A crate's name and engine, and the text of its files."""

    def __init__(self, name: str, engine_name: str, engine: Engine) -> None:
        self.name = name
        self.engine_name = engine_name
        self.engine = engine

    def files(
        self, workspace: tomlkit.TOMLDocument, manifest: Manifest, model: Path
    ) -> dict[str, str]:
        """Relative path and text of every file; `workspace` is the cut-down Cargo.toml."""
        return {
            "Cargo.toml": self._cargo_toml(workspace),
            "Cargo.lock": lock_text(),
            "src/main.rs": MAIN.format(
                title=f"The model `{self.name}` as a program",
                engine=self.engine_name,
                crate=self.engine.crate,
                runner=self.engine.runner,
            ),
            "tests/golden.rs": GOLDEN.format(name=self.name),
            "README.md": self._readme(manifest, model),
            ".gitignore": "/target\n/bin\n",
        }

    def _cargo_toml(self, workspace: tomlkit.TOMLDocument) -> str:
        package = tomlkit.table()
        package["name"] = self.name
        package["version"] = "0.1.0"
        package["edition"] = _inherited()
        package["rust-version"] = _inherited()
        package["publish"] = False
        dependencies = tomlkit.table()
        for crate in sorted((self.engine.crate, "runner_core", "vision_program")):
            dependencies[crate] = _inherited()
        document = tomlkit.document()
        document["package"] = package
        document["dependencies"] = dependencies
        document["lints"] = tomlkit.table()
        document["lints"]["workspace"] = True
        profile = f'[profile.release.package.{self.name}]\nstrip = "symbols"\n'
        return "\n".join([tomlkit.dumps(document), tomlkit.dumps(workspace), profile])

    def _readme(self, manifest: Manifest, model: Path) -> str:
        rows = [
            f"| {role} | {json.dumps(spec.name)} | {spec.dtype} | {spec.spec().dims_text()} |"
            for role, specs in (("input", manifest.inputs), ("output", manifest.outputs))
            for spec in specs
        ]
        return README.format(
            name=self.name,
            version=manifest.tools.get("oxidizedvision", ""),
            model=model.name.replace("`", ""),
            engine=self.engine_name,
            specs="\n".join(rows),
        )


def _inherited() -> tomlkit.items.InlineTable:
    table = tomlkit.inline_table()
    table["workspace"] = True
    return table
