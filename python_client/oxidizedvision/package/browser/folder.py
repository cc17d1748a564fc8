"""The files of a page."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

from oxidizedvision.core import wasm
from oxidizedvision.core.crates import MARK
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.manifest import tool_versions
from oxidizedvision.package.bill import BILL, bill_text, crate_components
from oxidizedvision.package.browser.readme import readme_text
from oxidizedvision.package.chosen import ChosenEngine
from oxidizedvision.package.kind import Job
from oxidizedvision.package.seal import SEAL, Sealed, seal_folder

MODULES, INSIDE = "modules", "model"
MODEL = f"{INSIDE}/model.onnx"
GOLDENS = f"{INSIDE}/model.golden.safetensors"
_SCHEMA_VERSION = 1
_INDEX = "index.html"


def write_folder(folder: Path, job: Job, chosen: ChosenEngine) -> None:
    """Copy the page, its modules and the model; the seal comes later.

    Raises:
        OxidizedVisionError: `dependency_missing` where page or module are not built.
    """
    _copy_page(folder)
    modules = _modules_of(chosen.engine)
    for name in modules:
        _copy_module(folder, name)
    subject = job.subject
    (folder / INSIDE).mkdir()
    shutil.copyfile(subject.model, folder / MODEL)
    shutil.copyfile(subject.folder / subject.manifest.goldens.file, folder / GOLDENS)
    _write_json(folder / INSIDE / "manifest.json", _for_the_page(job, modules))
    subject.carried_manifest(chosen.evidence).save(folder / MARK)
    bill = bill_text(_components(modules), subject, job.name)
    (folder / BILL).write_text(bill, encoding="utf-8")
    text = readme_text(job, chosen.engine, threads=len(modules) > 1)
    (folder / "README.md").write_text(text, encoding="utf-8")


def seal(folder: Path, name: str, chosen: ChosenEngine) -> None:
    """Write what is in the folder; a page that is made again from the same files is the same."""
    version = wasm.build_of(chosen.engine).version
    seal_folder(folder, Sealed("wasm", name, chosen.engine, MODEL, GOLDENS, MARK, version))


def _for_the_page(job: Job, modules: list[str]) -> dict[str, Any]:
    """What the page reads; how pictures go in stands in the model's own metadata."""
    return {
        "schema_version": _SCHEMA_VERSION,
        "title": job.name,
        "name": job.subject.manifest.name,
        "model": Path(MODEL).name,
        "goldens": Path(GOLDENS).name,
        "engine": modules[0],
        "modules": modules,
        "only": True,
    }


def _components(modules: list[str]) -> list[dict[str, Any]]:
    """What the page and its modules are made of.

    Raises:
        OxidizedVisionError: `dependency_missing` for a module that does not say it.
    """
    rows: dict[str, dict[str, Any]] = {}
    for name in modules:
        path = wasm.find_parts().module(name) / wasm.CRATES
        try:
            tree = path.read_text(encoding="utf-8")
        except OSError as error:
            raise OxidizedVisionError(
                Kind.DEPENDENCY_MISSING,
                f"The module {name} does not say what it is made of: {error}",
                wasm.BUILD_HINT,
            ) from error
        rows |= {row["bom-ref"]: row for row in crate_components(tree)}
    crates = sorted(rows.values(), key=lambda row: (row["name"], row["version"]))
    return [*crates, *map(_script_component, ("@oxidizedvision/page", "@oxidizedvision/runtime"))]


def _script_component(name: str) -> dict[str, Any]:
    """A package of ours for browsers; those of others are for tests and the build."""
    return {
        "type": "library",
        "bom-ref": f"npm:{name}",
        "name": name,
        "version": tool_versions()["oxidizedvision"],
        "licenses": [{"expression": "MIT"}],
    }


def _copy_page(folder: Path) -> None:
    page = wasm.find_parts().page
    if not (page / _INDEX).is_file():
        raise OxidizedVisionError(
            Kind.DEPENDENCY_MISSING,
            f"The page is not built: there is no {page / _INDEX}",
            wasm.BUILD_HINT,
        )
    ours = {MODULES, INSIDE, SEAL, MARK, BILL}
    for path in sorted(page.iterdir()):
        if path.name in ours:
            continue
        if path.is_dir():
            shutil.copytree(path, folder / path.name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(path, folder / path.name)


def _modules_of(engine: str) -> list[str]:
    """The engine's module, and the one with threads where it is built."""
    threaded = f"{engine}-threads"
    return [engine, *([threaded] if wasm.has_module(threaded) else [])]


def _copy_module(folder: Path, name: str) -> None:
    source = wasm.check_whole(name)
    if not wasm.build_of(name).is_for_shipping:
        warnings.warn(
            f"The module {name} was built for tests: it is larger and slower than one for "
            "shipping, which `make wasm` builds",
            OxidizedVisionWarning,
            stacklevel=5,
        )
    target = folder / MODULES / name
    target.mkdir(parents=True)
    for file in wasm.MODULE_FILES:
        shutil.copyfile(source / file, target / file)


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
