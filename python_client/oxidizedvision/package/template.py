"""The files of a generated crate that are written, not copied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import tomlkit
import tomlkit.items

from oxidizedvision.core.manifest import Manifest
from oxidizedvision.package.sources import lock_text
from oxidizedvision.runners.prepared import is_prepared, unprepared_stem

if TYPE_CHECKING:
    from oxidizedvision.package.chosen import ChosenEngine
    from oxidizedvision.package.program import Engine

MAIN = """\
//! {title}, run by {engine}.
use std::process::ExitCode;

use {crate}::{runner};
use runner_core::{imports};
use vision_program::Program;

fn main() -> ExitCode {{
    vision_program::run(&Program {{
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        model: include_bytes!("../{model}"),
        load: {load},
    }})
}}
"""

LOAD = "|config| Ok(Box::new({runner}::from_config(config)?))"

LOAD_WITH_THREADS = """\
|config| {{
            // Found best where the package was made; --threads says otherwise.
            let granted = std::thread::available_parallelism().map_or({threads}, usize::from);
            let threads = config.threads.or(Some(granted.min({threads})));
            let config = RunnerConfig {{ threads, ..config.clone() }};
            Ok(Box::new({runner}::from_config(&config)?))
        }}"""

GOLDENS = "model.golden.safetensors"
"""What a package calls the recorded inputs and PyTorch's outputs."""

GOLDEN = """\
//! Compares the program's own answers with those that PyTorch gave.
use std::path::Path;

#[test]
fn the_program_gives_what_pytorch_gave() {{
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checked = vision_program::golden::check(
        Path::new(env!("CARGO_BIN_EXE_{name}")),
        &folder.join("{model}"),
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
{choice}
`{carried}` is the model, `model.golden.safetensors` its recorded inputs and PyTorch's outputs,
`model.oxv.json` the manifest: where the model comes from and by which steps. `runtime/` holds the
sources of the crates that the program is made of.
"""


CHOICE = """
{words}.

That was measured on {date} on {cpu}, of which {granted} processors were granted; all figures are
in `model.oxv.json` under `choices`. The program uses {threads}, or as many as there are processors
where those are fewer; `--threads` says otherwise.
"""


def carried_name(model: Path) -> str:
    """What a crate calls its model, whose ending it keeps."""
    if is_prepared(model):
        return f"model{model.name.removeprefix(unprepared_stem(model))}"
    return "model.onnx"


class CrateTemplate:
    """A crate's name and engine, and the text of its files."""

    def __init__(self, name: str, chosen: ChosenEngine, engine: Engine) -> None:
        self.name = name
        self.chosen = chosen
        self.engine = engine

    def files(
        self, workspace: tomlkit.TOMLDocument, manifest: Manifest, model: Path
    ) -> dict[str, str]:
        """Relative path and text of every file; `workspace` is the cut-down Cargo.toml."""
        return {
            "Cargo.toml": self._cargo_toml(workspace),
            "Cargo.lock": lock_text(),
            "src/main.rs": self._main(carried_name(model)),
            "tests/golden.rs": GOLDEN.format(name=self.name, model=carried_name(model)),
            "README.md": self._readme(manifest, model),
            ".gitignore": "/target\n/bin\n",
        }

    def _main(self, model: str) -> str:
        threads = self.chosen.threads
        load = LOAD if threads is None else LOAD_WITH_THREADS
        return MAIN.format(
            title=f"The model `{self.name}` as a program",
            engine=self.chosen.engine,
            crate=self.engine.crate,
            runner=self.engine.runner,
            model=model,
            imports="Runner" if threads is None else "{Runner, RunnerConfig}",
            load=load.format(runner=self.engine.runner, threads=threads),
        )

    def _choice(self) -> str:
        choice = self.chosen.choice
        if choice is None:
            return ""
        threads = choice.threads
        return CHOICE.format(
            words=choice.words,
            date=choice.date,
            cpu=choice.machine["cpu"],
            granted=choice.machine["threads_granted"],
            threads="1 thread" if threads == 1 else f"{threads} threads",
        )

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
            carried=carried_name(model),
            engine=self.chosen.engine,
            specs="\n".join(rows),
            choice=self._choice(),
        )


def _inherited() -> tomlkit.items.InlineTable:
    table = tomlkit.inline_table()
    table["workspace"] = True
    return table
