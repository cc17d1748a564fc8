"""No place in the package makes an error without saying what to do next."""

from __future__ import annotations

import ast
from pathlib import Path

import oxidizedvision


def constructed() -> list[tuple[str, ast.Call]]:
    """Every place in the package that makes an error."""
    return [
        (f"{path.name}:{node.lineno}", node)
        for path in sorted(Path(oxidizedvision.__file__).parent.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "OxidizedVisionError"
    ]


def lacks_hint(call: ast.Call) -> bool:
    """Whether an error may be without a next step; an interruption wants none."""
    if ast.unparse(call.args[0]) == "Kind.INTERRUPTED" or ast.unparse(call.args[1]) == "''":
        return False
    if len(call.args) < 3:
        return True
    hint = call.args[2]
    choices = [hint.body, hint.orelse] if isinstance(hint, ast.IfExp) else [hint]
    return "''" in map(ast.unparse, choices)


def test_no_error_is_made_without_a_hint() -> None:
    places = constructed()
    assert len(places) > 50
    assert [place for place, call in places if lacks_hint(call)] == []
