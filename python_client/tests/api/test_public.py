"""Every verb is a function of the package, and stays one after its module was imported."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import oxidizedvision

VERBS = ("convert", "validate", "benchmark", "optimize", "profile", "package", "run", "load")


def test_every_public_name_is_there() -> None:
    for name in oxidizedvision.__all__:
        assert not isinstance(getattr(oxidizedvision, name), ModuleType), name
    assert dir(oxidizedvision) == sorted(oxidizedvision.__all__)


def test_every_function_is_documented_and_typed() -> None:
    for name in oxidizedvision.__all__:
        value = getattr(oxidizedvision, name)
        if inspect.isfunction(value):
            assert inspect.getdoc(value), name
            signature = inspect.signature(value)
            assert signature.return_annotation is not inspect.Signature.empty, name
            for parameter in signature.parameters.values():
                assert parameter.annotation is not inspect.Parameter.empty, (name, parameter)


@pytest.mark.parametrize("name", VERBS)
def test_verb_is_a_function_after_its_module_was_imported(name: str) -> None:
    function = getattr(oxidizedvision, name)
    importlib.import_module(function.__module__)
    if name not in ("run", "load"):
        importlib.import_module(f"oxidizedvision.{name}")
    assert getattr(oxidizedvision, name) is function
    assert callable(function)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        _ = oxidizedvision.unknown
    assert not hasattr(oxidizedvision, "__path_of_nothing__")


def test_type_checkers_see_what_is_loaded() -> None:
    tree = ast.parse(Path(str(oxidizedvision.__file__)).read_text())
    (checking,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name
        for node in checking.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == set(oxidizedvision.__all__) - {"__version__"}


def test_version_is_that_of_the_distribution() -> None:
    from importlib import metadata

    assert metadata.version("oxidizedvision") == oxidizedvision.__version__
