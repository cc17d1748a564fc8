"""What is packaged: the file behind a target, and whether it is what was proved."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import SUFFIX, Manifest, find_manifest, load_manifest
from oxidizedvision.runners.prepared import is_prepared

_ORIGIN = {"source", "checkpoint"}


@dataclass(frozen=True)
class Subject:
    """A model's file, and the manifest that lists it."""

    model: Path
    manifest_path: Path
    manifest: Manifest

    @classmethod
    def of(cls, target: Path) -> Subject:
        """The newest ONNX file of a config or a manifest, or the file that is given.

        Raises:
            OxidizedVisionError: `not_found` where it, or a manifest that lists it, is not there;
                `usage` for a file of another kind.
        """
        model = _model_of(target)
        path = find_manifest(model)
        if path is None:
            raise OxidizedVisionError(
                Kind.NOT_FOUND,
                f"No manifest beside {model} lists it, so there are no goldens to prove a program "
                "by",
                "Convert the model with `oxidizedvision convert config.yml`, then package the "
                "result.",
            )
        return cls(model, path, load_manifest(path))

    @property
    def folder(self) -> Path:
        """Where the manifest and its files are."""
        return self.manifest_path.parent

    def chosen(self, file: str) -> Subject:
        """As the manifest is after a choice, which may be of another file; empty for this one."""
        model = self.folder / (file or self.model.name)
        return Subject(model, self.manifest_path, load_manifest(self.manifest_path))

    def check_unchanged(self) -> None:
        """Refuse a model, or goldens to prove it by, that are not what was recorded.

        Raises:
            OxidizedVisionError: `check_failed`.
        """
        stages, goldens = self.manifest.stages, self.manifest.goldens
        record = next(stage.output for stage in stages if stage.output.file == self.model.name)
        recorded = ((self.model, record.sha256), (self.folder / goldens.file, goldens.sha256))
        for path, sha256 in recorded:
            if sha256_of(path) != sha256:
                raise OxidizedVisionError(
                    Kind.CHECK_FAILED,
                    f"{path} is not the file that the manifest recorded: its SHA-256 differs",
                    "Run `oxidizedvision convert` again, or package it all the same with --force; "
                    "its own tests will then tell.",
                )

    def carried_manifest(self, choices: Mapping[str, dict[str, Any]]) -> Manifest:
        """The manifest inside a package: up to the stage that made the packaged file."""
        manifest = self.manifest
        names = [stage.output.file for stage in manifest.stages]
        return manifest.model_copy(
            update={
                "stages": manifest.stages[: names.index(self.model.name) + 1],
                "tolerance": manifest.tolerance_of(self.model.name),
                "packages": [],
                "benchmark": None,
                "choices": dict(choices),
            }
        )

    def warn(self) -> None:
        """Warn the caller's caller of a validation that failed, and of an origin that changed."""
        self._warn_of_failed_validation()
        self._warn_of_changed_origin()

    def _warn_of_failed_validation(self) -> None:
        validation = self.manifest.validation
        if validation is not None and not validation.get("passed"):
            warnings.warn(
                f"The last validation of {self.manifest.name} FAILED; `oxidizedvision validate` "
                "shows where",
                OxidizedVisionWarning,
                stacklevel=4,
            )

    def _warn_of_changed_origin(self) -> None:
        from oxidizedvision.registry.lineage import lineage_of

        for item in lineage_of(self.folder, self.manifest):
            if item.role not in _ORIGIN:
                break  # what follows is far larger, and looked at elsewhere
            if item.status == "changed":
                warnings.warn(
                    f"{item.path} has changed since {self.manifest.name} was converted; the "
                    "package has the model as it was converted",
                    OxidizedVisionWarning,
                    stacklevel=4,
                )

    def check_loads(self, engine: str, able: Sequence[str] = ()) -> None:
        """Load the model in the engine before anything is written, where the engine is at hand.

        able: the engines that could be asked for instead.

        Raises:
            OxidizedVisionError: the engine's own, whose hint names those of `able` that load it.
        """
        from oxidizedvision.runners import availability

        if not availability(engine).ready:
            return
        try:
            self._load(engine)
        except OxidizedVisionError as error:
            others = [other for other in able if other != engine and self._is_loaded_by(other)]
            hint = f"Package it for one that loads it: {', '.join(others)}."
            if not others:
                hint = f"No other engine that is ready here loads it. {error.hint}"
            raise OxidizedVisionError(error.kind, error.message, hint) from error

    def _load(self, engine: str) -> None:
        from oxidizedvision.runners import RunnerConfig, load_runner
        from oxidizedvision.runners.table import engine_named, readers

        model = self.model
        if engine not in readers(model) and not is_prepared(model):
            is_script = model.suffix == ".pt"
            model = self.folder / self.manifest.head("onnx" if is_script else "torchscript").file
        device = engine_named(engine).default_device
        load_runner(engine, RunnerConfig(model, device=device), apart=True).close()

    def _is_loaded_by(self, engine: str) -> bool:
        from oxidizedvision.runners import availability

        if not availability(engine).ready:
            return False
        try:
            self._load(engine)
        except OxidizedVisionError:
            return False
        return True


def _model_of(target: Path) -> Path:
    if not target.exists():
        raise OxidizedVisionError(
            Kind.NOT_FOUND, f"There is no file {target}", "Check the path and the current folder."
        )
    if target.suffix in (".yml", ".yaml"):
        from oxidizedvision.config import load_config

        export = load_config(target).export
        target = Path(export.output_dir) / f"{export.model_name}{SUFFIX}"
        if not target.is_file():
            raise OxidizedVisionError(
                Kind.NOT_FOUND,
                f"There is no {target}: the config was not converted yet",
                "Run `oxidizedvision convert` on it first.",
            )
    if target.name.endswith(SUFFIX):
        return target.parent / load_manifest(target).head("onnx").file
    if target.suffix not in (".onnx", ".pt") and not is_prepared(target):
        raise OxidizedVisionError(
            Kind.USAGE,
            f"{target} is not an .onnx or .pt file, a config or a manifest",
            "Give the config.yml, or the file that `oxidizedvision convert` or `optimize` wrote.",
        )
    return target
