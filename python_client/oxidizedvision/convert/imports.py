"""Import the user's file as Python would, and leave this process as it was."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from oxidizedvision.convert.user_code import user_code
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning

PREFIX = "oxidizedvision_user_"
"""What the names of modules begin with that are the user's files."""

_INIT = "__init__.py"
_DEEPEST = 8


@contextmanager
def importable(folders: Sequence[Path], program: str) -> Iterator[None]:
    """Let code in `folders` be imported, and undo after what importing it changed.

    The modules found there are forgotten under their plain names: two networks may each have a
    `layers.py` beside them. `sys.path`, `sys.argv` and the current folder are put back.
    """
    path, argv, current = list(sys.path), sys.argv, Path.cwd()
    modules, threads = set(sys.modules), set(threading.enumerate())
    first, *others = [str(folder.resolve()) for folder in folders]
    places = [first, *(place for place in others if place not in path)]
    sys.path[:0] = places
    sys.argv = [program]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        added = [entry for entry in sys.path if entry not in path]
        _forget(set(sys.modules) - modules, {*places, *map(_absolute, added)})
        sys.path[:], sys.argv = path, argv
        with suppress(OSError):  # a folder that the user's code removed
            os.chdir(current)
    _tell_of_threads(program, set(threading.enumerate()) - threads)


def import_file(path: Path) -> ModuleType:
    """Run a Python file as a module; it may import what lies beside it, relatively too.

    Raises:
        OxidizedVisionError: `model` when it is no Python file, or raises.
    """
    package = _package_of(path)
    name = f"{package}.{path.stem}" if package else PREFIX + path.stem
    if package and name in sys.modules:  # its package imported it already
        return sys.modules[name]
    return _run(name, path)


def package_root(path: Path) -> Path | None:
    """The outermost folder of the package that a file lies in; None where it is in none."""
    root = None
    for folder in path.resolve().parents:
        if not (folder / _INIT).is_file():
            break
        root = folder
    return root


def _run(name: str, path: Path, *, package: bool = False) -> ModuleType:
    places = [str(path.parent)] if package else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=places)
    if spec is None or spec.loader is None:
        raise OxidizedVisionError(
            Kind.MODEL, f"{path} is not a Python file", "model.path names a file that ends in .py."
        )
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look a class's module up by name.
    sys.modules[name] = module
    with user_code(f"Importing {path.parent.name + '/' if package else ''}{path.name}", path):
        spec.loader.exec_module(module)
    return module


def _package_of(path: Path) -> str:
    """The package to import a file in, made and imported; empty where it imports nothing from it.

    A folder with an `__init__.py` is the package that it is; another one gets a name of its own.
    """
    depth = _relative_depth(path)
    if depth == 0:
        return ""
    folder = path.resolve().parent
    root = package_root(path)
    if root is None:
        top = [folder, *folder.parents][min(depth, len(folder.parents)) - 1]
        return _make_packages(_own_name(top), top, folder)
    taken = root.name in sys.modules and str(root) not in _locations(sys.modules[root.name])
    return _make_packages(_own_name(root) if taken else root.name, root, folder)


def _make_packages(name: str, top: Path, folder: Path) -> str:
    """Import the packages from the folder `top`, called `name`, down to `folder`."""
    below = folder.relative_to(top).parts
    for count in range(len(below) + 1):
        place = top.joinpath(*below[:count])
        full = ".".join([name, *below[:count]])
        if full.startswith(PREFIX):
            _forget_below(full)
        if (place / _INIT).is_file():
            if full not in sys.modules or full.startswith(PREFIX):
                _run(full, place / _INIT, package=True)
        else:
            module = ModuleType(full)
            module.__path__ = [str(place)]
            sys.modules[full] = module
    return ".".join([name, *below])


def _forget_below(name: str) -> None:
    for other in [key for key in sys.modules if key.startswith(f"{name}.")]:
        del sys.modules[other]


def _own_name(folder: Path) -> str:
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    return f"{PREFIX}{digest}_{folder.name.replace('.', '_')}"


def _relative_depth(path: Path) -> int:
    """The most dots before a name that a file imports; 0 where it cannot be parsed."""
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return 0
    levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return min(max(levels, default=0), _DEEPEST)


def _absolute(entry: str) -> str:
    return str(Path(entry).resolve())


def _forget(names: set[str], places: set[str]) -> None:
    """Forget modules whose outermost package was found directly in one of `places`."""
    own = (PREFIX, "oxidizedvision")
    found = {
        name: {str(Path(location).parent) for location in _locations(module)}
        for name in {name.partition(".")[0] for name in names}
        if (module := sys.modules.get(name)) is not None and not name.startswith(own)
    }
    for name in names:
        if not places.isdisjoint(found.get(name.partition(".")[0], ())):
            sys.modules.pop(name, None)


def _locations(module: ModuleType) -> list[str]:
    """The folders of a package, or a module's file."""
    try:
        folders = list(getattr(module, "__path__", None) or ())
    except Exception:  # noqa: BLE001 - lazy modules may raise anything
        return []
    file = getattr(module, "__file__", None)
    return [_absolute(str(place)) for place in folders or ([file] if file else [])]


def _tell_of_threads(program: str, threads: set[threading.Thread]) -> None:
    # The threads of a pool end with the program.
    left = sorted(
        thread.name
        for thread in threads
        if thread.is_alive() and not thread.daemon and not thread.name.startswith("ThreadPool")
    )
    if left:
        warnings.warn(
            f"{program} left a thread running ({left[0]}): this process cannot end before it does",
            OxidizedVisionWarning,
            stacklevel=2,
        )
