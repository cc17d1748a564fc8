"""Check a config against the files that it names, without importing any of them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.config.classes import require_name
from oxidizedvision.config.loader import load_config, resolve_checkpoint, resolve_model_path
from oxidizedvision.config.models import Config
from oxidizedvision.core.errors import Kind, OxidizedVisionError


@dataclass(frozen=True)
class CheckResult:
    """A config that stands: the files that it leads to.

    model: the Python file, None for a module that is not one (a compiled extension).
    """

    config: Path | None
    model: Path | None
    class_name: str
    checkpoint: Path | None
    input_shape: tuple[int, ...]


def check_config(config: str | Path | Config) -> CheckResult:
    """Check keys and values, that the model's file defines the class, and the checkpoint's file.

    Raises:
        OxidizedVisionError: `config`, `not_found` or `model`, with what is wrong.
    """
    loaded = load_config(config)
    reference = loaded.model.module_reference
    if reference is not None:
        module, name = reference
        model = module_file(module, loaded)
    else:
        name = loaded.model.class_name or ""
        model = resolve_model_path(loaded)
    if model is not None:
        require_name(model, name)
    return CheckResult(
        config=loaded.path,
        model=model,
        class_name=name,
        checkpoint=resolve_checkpoint(loaded),
        input_shape=tuple(loaded.model.input_shape),
    )


def module_folders(config: Config) -> list[Path]:
    """Where `package.module:attribute` is looked for before the installed packages."""
    beside = [config.path.absolute().parent] if config.path is not None else []
    return list(dict.fromkeys([*beside, Path.cwd()]))


def module_file(module: str, config: Config) -> Path | None:
    """The Python file of a module; found without importing it or the packages that it lies in.

    Raises:
        OxidizedVisionError: `model` when there is no such module.
    """
    search: list[str] | None = [*map(str, module_folders(config)), *sys.path]
    spec: importlib.machinery.ModuleSpec | None = None
    for depth, _ in enumerate(parts := module.split(".")):
        dotted = ".".join(parts[: depth + 1])
        spec = importlib.machinery.PathFinder.find_spec(dotted, search)
        if spec is None and depth == 0:
            spec = importlib.util.find_spec(dotted)
        if spec is None:
            raise OxidizedVisionError(
                Kind.MODEL,
                f"model.path: there is no module {dotted}",
                "It is looked for beside the config, in the current folder and among the "
                "installed packages.",
            )
        search = list(spec.submodule_search_locations or [])
    origin = Path(spec.origin) if spec is not None and spec.origin else None
    return origin if origin is not None and origin.suffix == ".py" else None
