"""The kind `library`: a typed Rust crate around one model, for Rust, C and Python."""

from __future__ import annotations

from collections.abc import Sequence

import tomlkit
import tomlkit.items

from oxidizedvision.core.manifest import Manifest, Spec
from oxidizedvision.package.chosen import ChosenEngine
from oxidizedvision.package.crate import CrateKind
from oxidizedvision.package.kind import Job
from oxidizedvision.package.library_example import example_text
from oxidizedvision.package.library_results import Result, result_of
from oxidizedvision.package.rust_text import code, identifiers, string
from oxidizedvision.package.template import CrateTemplate, filled, inherited, specs_table

_RANKED = 6
"""ndarray has names for arrays of up to so many axes."""


class LibraryKind(CrateKind):
    """Tensors and pictures in, by functions of Rust, C or Python."""

    name = "library"
    suffix = "library"
    runtime = ("runner_core", "vision_library")
    runs = False

    def template(self, job: Job, chosen: ChosenEngine) -> CrateTemplate:
        return LibraryTemplate(self.name, self.runtime, job.name, chosen, job.subject)


class LibraryTemplate(CrateTemplate):
    """The texts of a library: those of every crate, and what its model's names make of them."""

    outside = ("numpy", "pyo3")

    def files(self, workspace: tomlkit.TOMLDocument) -> dict[str, str]:
        manifest = self.subject.manifest
        files = super().files(workspace)
        values, result = self.values(), result_of(manifest)
        files["examples/run.rs"] = example_text(values["lib"], manifest, result)
        files[f"include/{values['lib']}.h"] = files.pop("include/library.h")
        files[f"{values['lib']}.pyi"] = files.pop("library.pyi.in")
        return files

    def values(self) -> dict[str, str]:
        manifest = self.subject.manifest
        result = result_of(manifest)
        lib = self.name.replace("-", "_")
        threads = self.chosen.threads
        return {
            **super().values(),
            **_typed(manifest),
            **_of_result(result, lib),
            "lib": lib,
            "guard": f"{lib.upper()}_H",
            "inputs": str(len(manifest.inputs)),
            "outputs": str(len(manifest.outputs)),
            "rustdoc_specs": _commented(specs_table(manifest), "//!"),
            "default_threads": "None" if threads is None else _best_threads(threads),
        }

    def dependencies(self) -> dict[str, tomlkit.items.Item]:
        outside = {name: inherited(optional=True) for name in self.outside}
        return {**super().dependencies(), **outside}

    def sections(self, document: tomlkit.TOMLDocument) -> None:
        features = tomlkit.table()
        features["capi"] = []
        features["python"] = ["dep:numpy", "dep:pyo3"]
        document["features"] = features


def _best_threads(threads: int) -> str:
    return (
        f"std::num::NonZeroUsize::new({threads})\n"
        "        .map(|best| best.min(std::thread::available_parallelism().unwrap_or(best)))"
    )


def _commented(text: str, mark: str) -> str:
    return "\n".join(f"{mark} {line}".rstrip() for line in text.splitlines())


def _of_result(result: Result | None, lib: str) -> dict[str, str]:
    """What a model that takes pictures has besides; empty for another one."""
    parts = {
        "picture_methods": "picture_methods.rs",
        "capi_file": "capi_file.rs",
        "header_file": "capi_file.h",
        "header_file_type": "capi_file_type.h",
        "python_file": "python_file.rs",
        "python_results": "python_results.rs",
        "python_stub": "python_file.pyi.in",
    }
    imports = {
        "from_prediction": "FromPrediction, ",
        "capi_file_type": "File, ",
        "python_imports": "Prediction, ",
        "python_file_of": ", file_of",
    }
    if result is None:
        return dict.fromkeys((*parts, *imports), "")
    values = {"result": result.rust, "result_words": result.words, "lib": lib}
    values["python_type"] = result.python
    return {**imports, **{name: filled(f"parts/{part}", values) for name, part in parts.items()}}


def _typed(manifest: Manifest) -> dict[str, str]:
    """Fields and conversions of the structs `Inputs` and `Outputs`."""
    typed: dict[str, str] = {}
    for role, specs in (("input", manifest.inputs), ("output", manifest.outputs)):
        fields = identifiers([spec.name for spec in specs], role)
        named = list(zip(fields, specs, strict=True))
        typed |= {
            f"{role}_fields": _lines(
                [f"/// {described(spec)}\npub {name}: {array_type(spec)}," for name, spec in named],
                4,
            ),
            f"give_{role}s": _lines(
                [f"give({string(spec.name)}, {role}s.{name})," for name, spec in named], 12
            ),
            f"take_{role}s": _lines(
                [f"{name}: take(&mut tensors, {string(spec.name)})?," for name, spec in named], 12
            ),
        }
    return typed


def described(spec: Spec) -> str:
    """Name, type and axes of a tensor as a line of a comment."""
    return f"{code(spec.name)}: {spec.dtype}, {code(spec.spec().dims_text())}."


def array_type(spec: Spec) -> str:
    """The Rust type of a tensor."""
    rank = len(spec.dims)
    array = f"Array{rank}" if rank <= _RANKED else "ArrayD"
    return f"ndarray::{array}<{spec.dtype}>"


def _lines(items: Sequence[str], indent: int) -> str:
    text = "\n".join(items)
    return "\n".join(" " * indent + line for line in text.splitlines())
