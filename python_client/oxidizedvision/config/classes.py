"""What a Python file defines, read without importing it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from oxidizedvision.config.nearest import nearest
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import file_errors


@dataclass(frozen=True)
class Definitions:
    """The names that a file binds at its top level.

    networks: classes that derive from `torch.nn.Module`, in the order of the file.
    names: every name bound. open_ended: whether a star import may bind more.
    """

    networks: tuple[str, ...]
    names: frozenset[str]
    open_ended: bool


def read_definitions(path: Path) -> Definitions:
    """Parse a Python file.

    Raises:
        OxidizedVisionError: `not_found`, or `model` when it is not valid Python.
    """
    if path.is_dir():
        raise OxidizedVisionError(
            Kind.MODEL, f"{path} is a folder", "Name the Python file that defines the network."
        )
    with file_errors(path):
        content = path.read_bytes()
    try:
        tree = ast.parse(content, filename=str(path))
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f"{path}, line {line}" if line else str(path)
        reason = getattr(error, "msg", str(error))
        raise OxidizedVisionError(
            Kind.MODEL, f"{where}: not valid Python: {reason}", "Correct the file."
        ) from error
    return _definitions(tree)


def require_name(path: Path, name: str) -> None:
    """Make sure that a file defines a class (or anything else) of this name.

    Raises:
        OxidizedVisionError: `model` with the nearest name that it does define.
    """
    found = read_definitions(path)
    if name in found.names or found.open_ended:
        return
    candidates = found.networks or tuple(sorted(found.names))
    raise OxidizedVisionError(
        Kind.MODEL,
        f"{path} defines no class {name}{nearest(name, candidates)}",
        "Set model.class_name to the name of the nn.Module class.",
    )


def imported_names(path: Path) -> set[str]:
    """First parts of all names that a file imports anywhere; none where it is not Python."""
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return set()
    dotted: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            dotted += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            dotted += [node.module] if node.module else [alias.name for alias in node.names]
    return {name.partition(".")[0] for name in dotted}


def _definitions(tree: ast.Module) -> Definitions:
    imported: dict[str, str] = {}
    names: set[str] = set()
    networks: list[str] = []
    open_ended = False
    for node in _top_level(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound = _imports(node)
            open_ended = open_ended or "*" in bound
            imported.update(bound)
            names.update(bound)
        elif isinstance(node, ast.ClassDef):
            names.add(node.name)
            if any(_is_network(base, imported, networks) for base in node.bases):
                networks.append(node.name)
        else:
            names.update(_bound_names(node))
    return Definitions(tuple(networks), frozenset(names - {"*"}), open_ended)


def _top_level(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements of the module, those under `if`, `try` and `with` included."""
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, ast.If | ast.Try | ast.With):
            handlers = getattr(node, "handlers", [])
            parts = [node.body, getattr(node, "orelse", []), getattr(node, "finalbody", [])]
            for part in [*parts, *(handler.body for handler in handlers)]:
                found.extend(_top_level(part))
    return found


def _imports(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """Each name that an import binds, and the dotted name that it stands for."""
    if isinstance(node, ast.ImportFrom):
        return {
            alias.asname or alias.name: f"{node.module or ''}.{alias.name}" for alias in node.names
        }
    return {
        alias.asname or alias.name.partition(".")[0]: (
            alias.name if alias.asname else alias.name.partition(".")[0]
        )
        for alias in node.names
    }


def _is_network(base: ast.expr, imported: dict[str, str], networks: list[str]) -> bool:
    text = ast.unparse(base).partition("[")[0]
    if text in networks:
        return True
    first, dot, rest = text.partition(".")
    return f"{imported.get(first, first)}{dot}{rest}".startswith("torch.nn.")


def _bound_names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return {
        part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)
    }
