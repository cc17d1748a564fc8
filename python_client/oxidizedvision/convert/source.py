"""Import the user's class and build the network from it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from oxidizedvision.config import Config, resolve_model_path
from oxidizedvision.config.check import module_file, module_folders
from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require

if TYPE_CHECKING:
    import torch

_MODULE_PREFIX = "oxidizedvision_user_"


def source_file(config: Config) -> Path | None:
    """The Python file that the network's class is written in; None where it has no file."""
    reference = config.model.module_reference
    if reference is None:
        return resolve_model_path(config)
    return module_file(reference[0], config)


def build_network(config: Config) -> torch.nn.Module:
    """The network with its initial weights, which are the same at every call.

    Raises:
        OxidizedVisionError: `model` when the class cannot be imported, is missing or raises.
    """
    require("torch", "building the network")
    import torch

    reference = config.model.module_reference
    path = source_file(config)
    folders = [path.parent] if reference is None and path else module_folders(config)
    with _importable(folders):
        if path is not None and reference is None:
            module = _import_file(path)
            name = config.model.class_name or ""
        else:
            module_name, attribute = reference or ("", "")
            with user_code(f"Importing {module_name}", path):
                module = importlib.import_module(module_name)
            name = config.model.class_name or attribute
        factory = _attribute(module, name, path)
        with torch.random.fork_rng(devices=[]), user_code(f"{name}(…)", path):
            torch.manual_seed(0)
            network = factory(**config.model.init_args)
    if not isinstance(network, torch.nn.Module):
        raise OxidizedVisionError(
            Kind.MODEL,
            f"{_place(path, module)}: {name} gives a {type(network).__name__}, "
            "not a torch.nn.Module",
            "Name a subclass of torch.nn.Module, or a function that returns one.",
        )
    return network


@contextmanager
def user_code(doing: str, path: Path | None, kind: Kind = Kind.MODEL) -> Iterator[None]:
    """Turn whatever the user's code raises into a typed error with the line it came from."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if isinstance(error, OxidizedVisionError):
            raise
        raise OxidizedVisionError(
            kind,
            f"{doing} raised {describe(error, path)}",
            "Correct the network's code, or the arguments in model.init_args.",
        ) from error


def describe(error: BaseException, path: Path | None) -> str:
    """An exception as one line, with the last line of the user's code on its way."""
    text = " ".join(str(error).split())
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{said} at {Path(error.filename).name}, line {error.lineno}"
    if path is None:
        return said
    folder = path.resolve().parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_absolute() and folder in file.resolve().parents:
            return f"{said} at {file.name}, line {frame.lineno}"
    return said


def _import_file(path: Path) -> ModuleType:
    name = _MODULE_PREFIX + path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise OxidizedVisionError(
            Kind.MODEL, f"{path} is not a Python file", "model.path names a file that ends in .py."
        )
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look a class's module up by name.
    sys.modules[name] = module
    with user_code(f"Importing {path.name}", path):
        spec.loader.exec_module(module)
    return module


def _attribute(module: ModuleType, name: str, path: Path | None) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if callable(found):
        factory: Callable[..., Any] = found
        return factory
    classes = _network_classes(module)
    known = f"; it has {', '.join(classes)}" if classes else "; it has no torch.nn.Module class"
    raise OxidizedVisionError(
        Kind.MODEL,
        f"{_place(path, module)} has no class {name}{nearest(name, classes)}{known}",
        "Correct model.class_name.",
    )


def _network_classes(module: ModuleType) -> list[str]:
    import torch

    classes = {
        name: value.__module__
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, torch.nn.Module)
    }
    own = [name for name, home in classes.items() if home == module.__name__]
    return own or list(classes)


def _place(path: Path | None, module: ModuleType) -> str:
    return str(path) if path else module.__name__


@contextmanager
def _importable(folders: list[Path]) -> Iterator[None]:
    """Let files in `folders` import each other, and forget them under their plain names after.

    Two networks may each have a `layers.py` beside them.
    """
    places = [str(folder.resolve()) for folder in folders]
    installed = {Path(entry).resolve() for entry in sys.path if entry} - set(map(Path, places))
    before = set(sys.modules)
    sys.path[:0] = places
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for place in places:
            if place in sys.path:
                sys.path.remove(place)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if not name.startswith(_MODULE_PREFIX) and file and _is_of(file, places, installed):
                del sys.modules[name]


def _is_of(file: str, places: list[str], installed: set[Path]) -> bool:
    """Whether a module was found by one of `places`, and not by a folder of packages inside it.

    An environment often lies beside the model; a package in it must not be imported twice.
    """
    for parent in Path(file).resolve().parents:
        if parent in installed:
            return False
        if str(parent) in places:
            return True
    return False
