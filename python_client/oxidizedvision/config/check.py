"""Check a config against the files that it names, without importing any of them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.config.classes import require_name
from oxidizedvision.config.loader import load_config, resolve_checkpoint, resolve_model_path
from oxidizedvision.config.models import Config
from oxidizedvision.config.nearest import meant
from oxidizedvision.core.errors import Kind, OxidizedVisionError

_DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Packages that are installed under another name than they are imported by."""


@dataclass(frozen=True)
class CheckResult:
    """A config that stands: the files that it leads to.

    model: the Python file, None for a module that is not one (a compiled extension). inputs: the
    shape of each.
    """

    config: Path | None
    model: Path | None
    class_name: str
    checkpoint: Path | None
    inputs: dict[str, tuple[int, ...]]


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
        inputs=loaded.model.shapes,
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
    search: list[str] = [*map(str, module_folders(config)), *sys.path]
    spec: importlib.machinery.ModuleSpec | None = None
    for depth, _ in enumerate(parts := module.split(".")):
        dotted = ".".join(parts[: depth + 1])
        spec = importlib.machinery.PathFinder.find_spec(dotted, search)
        if spec is None and depth == 0:
            spec = _spec_elsewhere(dotted)
        if spec is None:
            raise _no_module(dotted, search if depth else [])
        search = list(spec.submodule_search_locations or [])
    origin = Path(spec.origin) if spec is not None and spec.origin else None
    return origin if origin is not None and origin.suffix == ".py" else None


def missing_module_hint(module: str, beside: Path | None) -> str:
    """What to do when Python finds no module of this name."""
    root = module.partition(".")[0]
    command = f"pip install {_DISTRIBUTIONS.get(root, root)}"
    place = beside.name if beside is not None else "the config"
    return (
        f"Put {root} beside {place}, or install the package that brings it, usually with "
        f"`{command}`."
    )


def _spec_elsewhere(name: str) -> importlib.machinery.ModuleSpec | None:
    """What finders beside the folders know: built-in modules, editable installs."""
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _no_module(dotted: str, siblings: Sequence[str]) -> OxidizedVisionError:
    package, _, name = dotted.rpartition(".")
    if not package:
        return OxidizedVisionError(
            Kind.MODEL,
            f"model.path: there is no module {dotted}",
            f"It is looked for beside the config, in the current folder and among the installed "
            f"packages. {missing_module_hint(dotted, None)}",
        )
    near = meant(name, [module.name for module in pkgutil.iter_modules(siblings)])
    return OxidizedVisionError(
        Kind.MODEL,
        f"model.path: there is no module {dotted}{near}",
        f"Correct model.path; {package} is there.",
    )
