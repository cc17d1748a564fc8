"""The files of a generated crate that are written, not copied."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tomlkit
import tomlkit.items

from oxidizedvision.core.manifest import Manifest
from oxidizedvision.package.engines import ENGINES
from oxidizedvision.package.rust_text import code
from oxidizedvision.package.sources import lint_settings, lock_text
from oxidizedvision.runners.prepared import is_prepared, unprepared_stem

if TYPE_CHECKING:
    from oxidizedvision.package.chosen import ChosenEngine
    from oxidizedvision.package.subject import Subject

GOLDENS = "model.golden.safetensors"
"""What a package calls the recorded inputs and PyTorch's outputs."""

TEMPLATES = Path(__file__).parent / "templates"
_PLACE = re.compile(r"@\{(\w+)\}")

_LOAD_WITH_THREADS = """\
|config| {{
            // Found best where the package was made; --threads says otherwise.
            let granted = std::thread::available_parallelism().map_or({threads}, usize::from);
            let threads = config.threads.or(Some(granted.min({threads})));
            {backend}.load(&RunnerConfig {{ threads, ..config.clone() }})
        }}"""

_CHOICE = """
{words}.

That was measured on {date} on {cpu}, of which {granted} processors were granted; all figures are
in `model.oxv.json` under `choices`. It uses {threads}, or as many as there are processors where
those are fewer; `--threads` says otherwise.
"""


def carried_name(model: Path) -> str:
    """What a crate calls its model, whose ending it keeps."""
    if is_prepared(model):
        return f"model{model.name.removeprefix(unprepared_stem(model))}"
    return f"model{model.suffix}"


def filled(template: str, values: Mapping[str, str]) -> str:
    """The text of a template with its `@{places}` filled; the values are not looked at again."""
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: values[place[1]], text)


class CrateTemplate:
    """The texts of a crate of a kind around one model.

    crates: those of ours that it is made of. outside: those of others that it names itself.
    """

    outside: tuple[str, ...] = ()

    def __init__(
        self,
        kind: str,
        runtime: Sequence[str],
        name: str,
        chosen: ChosenEngine,
        subject: Subject,
    ) -> None:
        self.kind = kind
        self.name = name
        self.chosen = chosen
        self.subject = subject
        self.engine = ENGINES[chosen.engine]
        self.crates = tuple(sorted((*runtime, self.engine.crate)))

    def files(self, workspace: tomlkit.TOMLDocument) -> dict[str, str]:
        """Relative path and text of every file; `workspace` is the cut-down Cargo.toml."""
        values = self.values()
        folder = TEMPLATES / self.kind
        sources = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
        return {
            "Cargo.toml": self._cargo_toml(workspace),
            "Cargo.lock": lock_text(),
            "clippy.toml": lint_settings(),
            ".gitignore": "/target\n/bin\n",
            **{
                source.as_posix(): filled(f"{self.kind}/{source.as_posix()}", values)
                for source in sorted(sources)
            },
        }

    def values(self) -> dict[str, str]:
        """What stands in the places of the templates."""
        manifest, model = self.subject.manifest, carried_name(self.subject.model)
        threads = self.chosen.threads
        backend = self.engine.backend
        load = f"|config| {backend}.load(config)"
        if threads is not None:
            load = _LOAD_WITH_THREADS.format(backend=backend, threads=threads)
        in_file = self.engine.file_format == "onnx"
        return {
            "name": self.name,
            "version": manifest.tools.get("oxidizedvision", ""),
            "engine": self.chosen.engine,
            "crate": self.engine.crate,
            "backend": backend,
            "imports": "Backend" if threads is None else "{Backend, RunnerConfig}",
            "load": load,
            "threads": "None" if threads is None else f"NonZeroUsize::new({threads})",
            "device": self.engine.device,
            "model": model,
            "contract": "None" if in_file else 'Some(include_bytes!("../model.oxv.json"))',
            "model_name": code(self.subject.model.name)[1:-1],
            "at_run_time": "nothing at all" if self.engine.alone else "what is told below",
            "specs": specs_table(manifest),
            "choice": self._choice(),
            "needs": filled(f"needs/{self.engine.needs}", {}) if self.engine.needs else "",
        }

    def dependencies(self) -> dict[str, tomlkit.items.Item]:
        """The crate's own dependencies."""
        return {crate: inherited() for crate in self.crates}

    def sections(self, document: tomlkit.TOMLDocument) -> None:
        """Adds what a kind wants in its Cargo.toml besides."""

    def _choice(self) -> str:
        choice = self.chosen.choice
        if choice is None:
            return ""
        threads = choice.threads
        return _CHOICE.format(
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
        package["edition"] = inherited()
        package["rust-version"] = inherited()
        package["publish"] = False
        dependencies = tomlkit.table()
        for crate, item in sorted(self.dependencies().items()):
            dependencies[crate] = item
        document = tomlkit.document()
        document["package"] = package
        document["dependencies"] = dependencies
        self.sections(document)
        document["lints"] = tomlkit.table()
        document["lints"]["workspace"] = True
        profile = f'[profile.release.package.{self.name}]\nstrip = "symbols"\n'
        return "\n".join([tomlkit.dumps(document), tomlkit.dumps(workspace), profile])


def specs_table(manifest: Manifest) -> str:
    """Inputs and outputs as a table of Markdown."""
    rows = [
        f"| {role} | {_cell(spec.name)} | {spec.dtype} | {_cell(spec.spec().dims_text())} |"
        for role, specs in (("input", manifest.inputs), ("output", manifest.outputs))
        for spec in specs
    ]
    return "\n".join(["| | name | type | axes |", "| --- | --- | --- | --- |", *rows])


def _cell(text: str) -> str:
    return code(text).replace("|", "\\|")


def inherited(*, optional: bool = False) -> tomlkit.items.InlineTable:
    """`{ workspace = true }`."""
    table = tomlkit.inline_table()
    table["workspace"] = True
    if optional:
        table["optional"] = True
    return table
