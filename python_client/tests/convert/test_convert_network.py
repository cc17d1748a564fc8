"""The user's class: what is wrong with it is said in the user's terms, without a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from projects import CONV, HEAD, project

from oxidizedvision.config import load_config
from oxidizedvision.convert import convert, load_module
from oxidizedvision.core.errors import Kind, OxidizedVisionError

FORWARD = HEAD + "class Net(nn.Module):\n    def forward(self, x):\n        {}\n"


def refused(config: Path) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        convert(config)
    assert not list(config.parent.glob("out/*"))
    return caught.value


def test_missing_class_lists_what_there_is(tmp_path: Path) -> None:
    error = refused(project(tmp_path, class_name="Nett"))
    assert error.kind is Kind.MODEL
    assert "did you mean 'Net'?; it has Net" in error.message


def test_class_that_raises_names_its_line(tmp_path: Path) -> None:
    code = HEAD + "class Net(nn.Module):\n    def __init__(self):\n        raise KeyError('size')\n"
    error = refused(project(tmp_path, code))
    assert error.kind is Kind.MODEL
    assert "KeyError: 'size' at model.py, line 6" in error.message


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(:\n", "SyntaxError"),
        ("import no_such_module_here\n", "no_such_module_here' at model.py, line 1"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3 at model.py, line 2"),
        ("Net = 3\n", "has no class Net"),
        ("def Net():\n    return 3\n", "gives a int"),
    ],
)
def test_file_that_cannot_be_used(tmp_path: Path, code: str, expected: str) -> None:
    error = refused(project(tmp_path, code))
    assert error.kind is Kind.MODEL
    assert expected in error.message


def test_shape_refused_by_the_network(tmp_path: Path) -> None:
    error = refused(project(tmp_path, shape=(1, 4, 16, 16)))
    assert error.kind is Kind.MODEL
    assert "[1, 4, 16, 16]" in error.message
    assert "at model.py, line 12" in error.message
    assert "model.input_shape" in error.hint


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("return x / 0 - x / 0", "NaN or infinite"),
        ("return nn.functional.dropout(x)", "differs between two runs"),
        ("return {'out': x, 'count': 3}", "returns a int as count"),
        ("return None", "returns no tensor"),
        ("return x.to(torch.complex64)", "returns complex64"),
    ],
)
def test_outputs_that_cannot_be_golden(tmp_path: Path, statement: str, expected: str) -> None:
    error = refused(project(tmp_path, FORWARD.format(statement)))
    assert error.kind is Kind.MODEL
    assert expected in error.message


def test_weights_without_a_checkpoint_are_the_same_each_time(tmp_path: Path) -> None:
    config = load_config(project(tmp_path))
    torch.manual_seed(5)
    first = load_module(config).state_dict()
    drawn = torch.rand(1)
    second = load_module(config).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn), "the caller's random state was touched"


def test_neighbours_are_imported_and_do_not_leak(tmp_path: Path) -> None:
    configs = []
    for name, bias in (("one", 1.0), ("two", 2.0)):
        code = HEAD + "from layers import VALUE\n" + FORWARD[len(HEAD) :].format("return x + VALUE")
        configs.append(project(tmp_path / name, code))
        (tmp_path / name / "layers.py").write_text(f"VALUE = {bias}\n")
    outputs = [load_module(load_config(path))(torch.zeros(1)).item() for path in configs]
    assert outputs == [1.0, 2.0]


def test_module_reference_and_arguments(tmp_path: Path) -> None:
    config = project(tmp_path, CONV)
    text = config.read_text().replace("path: model.py", "path: torch.nn:Conv2d")
    config.write_text(
        text.replace("  class_name: Net\n", "").replace(
            "export:",
            "  init_args: {in_channels: 3, out_channels: 2, kernel_size: 1}\nexport:",
        )
    )
    assert load_module(load_config(config))(torch.zeros(1, 3, 4, 4)).shape == (1, 2, 4, 4)
    config.write_text(config.read_text().replace("torch.nn:Conv2d", "no_such.place:Net"))
    assert refused(config).kind is Kind.MODEL
