"""Import the user's class or function, and build the network with it."""

from __future__ import annotations

import copy
import importlib
import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from oxidizedvision.config import Config, resolve_model_path
from oxidizedvision.config.check import module_file, module_folders
from oxidizedvision.config.nearest import meant
from oxidizedvision.convert.imports import import_file, importable, package_root
from oxidizedvision.convert.user_code import describe, user_code
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.lazy import require

if TYPE_CHECKING:
    import torch

__all__ = ["build_network", "describe", "source_file", "source_folders", "user_code"]

_SHOWN = 8
_LONGEST = 240


def source_file(config: Config) -> Path | None:
    """The Python file that the network's class is written in; None where it has no file."""
    reference = config.model.module_reference
    if reference is None:
        return resolve_model_path(config)
    return module_file(reference[0], config)


def source_folders(config: Config) -> list[Path]:
    """Where the network's code finds modules, before the installed packages.

    The folder of model.path, the one that holds the package that it is in, the config's and the
    current one; for `package.module:attribute` the last two.
    """
    if config.model.module_reference is not None:
        return module_folders(config)
    path = resolve_model_path(config).absolute()
    root = package_root(path)
    above = [root.parent] if root is not None else []
    return list(dict.fromkeys([path.parent, *above, *module_folders(config)]))


def build_network(config: Config) -> torch.nn.Module:
    """The network with its initial weights, which are the same at every call.

    Raises:
        OxidizedVisionError: `model` when the class cannot be imported, is missing or raises.
    """
    require("torch", "building the network")
    import torch

    path, reference = source_file(config), config.model.module_reference
    name = config.model.class_name or (reference[1] if reference else "")
    program = str(path) if path is not None else config.model.path
    with importable(source_folders(config), program), _seeded():
        module = _imported(config, path)
        found = _attribute(module, name, path)
        torch.manual_seed(0)
        network = _built(found, name, config.model.init_args, path)
    if not isinstance(network, torch.nn.Module):
        raise OxidizedVisionError(
            Kind.MODEL,
            f"{_place(path, module)}: {name} gives a {type(network).__name__}, "
            "not a torch.nn.Module",
            "Name a subclass of torch.nn.Module, or a function that returns one.",
        )
    return network


@contextmanager
def _seeded() -> Iterator[None]:
    """Draw the same random numbers every time, and leave the caller's as they were."""
    import torch

    python, array = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            random.seed(0)
            np.random.seed(0)
            torch.manual_seed(0)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(array)


def _imported(config: Config, path: Path | None) -> ModuleType:
    reference = config.model.module_reference
    if reference is None:
        return import_file(resolve_model_path(config))
    with user_code(f"Importing {reference[0]}", path):
        return importlib.import_module(reference[0])


def _built(found: Any, name: str, arguments: Mapping[str, Any], path: Path | None) -> object:
    """Call a class or a function with the config's arguments; copy a network that is one already.

    A copy, because an installed module hands out the same network to everybody.
    """
    import torch

    if isinstance(found, torch.nn.Module):
        if arguments:
            raise OxidizedVisionError(
                Kind.MODEL,
                f"{name} is a network that is already built, and takes no model.init_args",
                "Leave init_args out, or name its class or a function that builds it.",
            )
        with user_code(f"Copying {name}", path):
            return copy.deepcopy(found)
    _refuse_arguments(found, name, arguments)
    with user_code(f"{name}(…)", path):
        return found(**arguments)


def _refuse_arguments(factory: Callable[..., Any], name: str, arguments: Mapping[str, Any]) -> None:
    """Compare the config's arguments with what a class or a function takes."""
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # not written in Python
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        parameters = list(signature.parameters.values())
        known = [p.name for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}]
        faults = [
            f"it takes no {key!r}{meant(key, known)}" for key in arguments if key not in known
        ]
        needed = {p.name for p in parameters if p.default is p.empty}
        faults += [f"it needs {key!r}" for key in known if key in needed - arguments.keys()]
        text = str(signature.replace(return_annotation=signature.empty))[:_LONGEST]
        raise OxidizedVisionError(
            Kind.MODEL,
            f"{_line_of(factory)}{name}{text} does not fit model.init_args: "
            f"{'; '.join(faults) or error}",
            "Correct model.init_args: they are the keyword arguments of the class or function.",
        ) from error


def _line_of(factory: Callable[..., Any]) -> str:
    """Where a class's constructor or a function is written, as the start of a message."""
    written = getattr(factory, "__init__", None) if isinstance(factory, type) else factory
    code = getattr(inspect.unwrap(written) if written else None, "__code__", None)
    return f"{Path(code.co_filename).name}, line {code.co_firstlineno}: " if code else ""


def _attribute(module: ModuleType, name: str, path: Path | None) -> Any:
    """What a module has under a name, if that can be a network or build one."""
    with user_code(f"Looking for {name}", path):
        found = getattr(module, name, None)
    if callable(found):
        return found
    classes = _network_classes(module)
    functions = [key for key, value in vars(module).items() if inspect.isfunction(value)]
    names = classes or [key for key in functions if not key.startswith("_")]
    more = " …" if len(names) > _SHOWN else ""
    known = f"; it has {', '.join(names[:_SHOWN])}{more}" if names else ""
    raise OxidizedVisionError(
        Kind.MODEL,
        f"{_place(path, module)} has no class {name}"
        f"{meant(name, [*classes, *functions])}{known or '; it has no torch.nn.Module class'}",
        "Correct model.class_name, or the name behind the colon of model.path.",
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
