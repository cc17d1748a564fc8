"""What each stage of `run` stands on, as values that can be compared with the last run's."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oxidizedvision.core.files import file_errors
from oxidizedvision.core.manifest import tool_versions
from oxidizedvision.runners.libraries import package_folder
from oxidizedvision.runners.native import MODULES

if TYPE_CHECKING:
    from oxidizedvision.config import Config
    from oxidizedvision.pipeline import PipelineOptions


class Fingerprint:
    """Inputs of the stages, one method each.

    Files that a stage reads from an earlier one are not repeated: a stage that ran makes all
    later ones run.
    """

    def __init__(self, config: Config, options: PipelineOptions) -> None:
        self._config = config
        self._options = options
        self._pictures = digest_of(options.pictures)
        self._code = digest_of(Path(__file__).parent.rglob("*.py"))

    def convert(self) -> dict[str, Any]:
        """Config, sources beside the model, checkpoint and versions of the exporters."""
        from oxidizedvision.config import resolve_checkpoint
        from oxidizedvision.convert.checkpoint import checkpoint_files

        checkpoint = resolve_checkpoint(self._config)
        return self._section("model", "export", "validation", "preprocess", "postprocess") | {
            "sources": digest_of(_sources(self._config)),
            "checkpoint": digest_of(checkpoint_files(checkpoint) if checkpoint else []),
            "tools": tool_versions("torch", "torchvision", "timm", "onnx"),
        }

    def optimize(self) -> dict[str, Any]:
        """Config and versions of the optimisers."""
        return self._section("optimize", "calibration", "budget", "runners") | {
            "calibration": digest_of(_calibration_files(self._config)),
            "tools": tool_versions("onnx", "onnxslim", "onnxruntime"),
        }

    def package(self) -> dict[str, Any]:
        """The runtime crates and the engines named."""
        from oxidizedvision.package.sources import rust_root

        root = rust_root()
        crates = [path for path in (root / "crates").rglob("*") if path.suffix in (".rs", ".toml")]
        files = [*crates, root / "Cargo.toml", root / "Cargo.lock"]
        return self._section("runners") | {
            "runtime": digest_of(files),
            "engine": self._options.engine,
            "build": self._options.build,
        }

    def validate(self) -> dict[str, Any]:
        """Config, pictures, and the engines installed."""
        return self._section("runners", "validation") | {
            "pictures": self._pictures,
            "inputs": digest_of(_validation_files(self._config)),
            "engines": _engine_versions(),
        }

    def benchmark(self) -> dict[str, Any]:
        """Config, engines and machine."""
        return self._section("runners", "benchmark") | {
            "engines": _engine_versions(),
            "machine": platform.platform() + platform.processor(),
        }

    def profile(self) -> dict[str, Any]:
        """The engine that times the layers, and the machine."""
        return {
            "code": self._code,
            "tools": tool_versions("onnx", "onnxruntime"),
            "machine": platform.platform() + platform.processor(),
        }

    def pictures(self) -> dict[str, Any]:
        """The pictures themselves."""
        return {"code": self._code, "pictures": self._pictures}

    def _section(self, *names: str) -> dict[str, Any]:
        document = self._config.model_dump(mode="json")
        return {"code": self._code, "config": {name: document.get(name) for name in names}}


def digest_of(files: Iterable[Path]) -> str:
    """One SHA-256 over names and contents of files, in the order of their paths."""
    digest = hashlib.sha256()
    for path in sorted(files):
        with file_errors(path):
            content = path.read_bytes()
        digest.update(f"{path.name} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(config: Config) -> list[Path]:
    """The Python files that the network may come from.

    Of a module in a package the whole package; else the file with its neighbours, where these
    are the user's own.
    """
    from oxidizedvision.config import resolve_model_path
    from oxidizedvision.config.check import module_file, module_folders

    reference = config.model.module_reference
    if reference is None:
        return _neighbours(resolve_model_path(config))
    root = module_file(reference[0].partition(".")[0], config)
    module = module_file(reference[0], config)
    package = root if root is not None and root.name == "__init__.py" else None
    if package is None and module is not None and "." in reference[0]:
        package = module  # of a package without an __init__.py
    if package is not None:
        return sorted(package.parent.rglob("*.py"))
    if module is None:
        return []
    return _neighbours(module) if module.parent in module_folders(config) else [module]


def _validation_files(config: Config) -> list[Path]:
    folder = config.path.parent if config.path else Path()
    paths = (folder / text for text in config.validation.inputs)
    return [path for path in paths if path.is_file()]


def _calibration_files(config: Config) -> list[Path]:
    """Files that a smaller precision is calibrated and judged on, or whose functions are."""
    folder = config.path.parent if config.path else Path()
    budget = config.budget
    named = (config.calibration.data, budget.data, budget.reference, budget.metric)
    paths = [folder / text.partition(".py:")[0] for text in named if text]
    files = [path.with_name(f"{path.name}.py") for path in paths]
    found = [file for path in paths if path.is_dir() for file in path.rglob("*")]
    return [file for file in (*found, *paths, *files) if file.is_file()]


def _neighbours(path: Path) -> list[Path]:
    """The files beside one, and those of every folder beside it that one of them imports."""
    from oxidizedvision.config.classes import imported_names

    beside = sorted(path.parent.glob("*.py"))
    folders = {path.parent / name for file in beside for name in imported_names(file)}
    below = [file for folder in folders if folder.is_dir() for file in folder.rglob("*.py")]
    return sorted({*beside, *below})


def _engine_versions() -> dict[str, str]:
    versions = tool_versions("torch", "onnxruntime", "openvino", "oxidizedvision_native")
    for module in sorted(set(MODULES.values())):
        folder = package_folder(module)
        if folder is not None:
            files = [path for path in folder.iterdir() if path.suffix in (".so", ".pyd")]
            versions[f"{module} files"] = digest_of(files)
    return versions
