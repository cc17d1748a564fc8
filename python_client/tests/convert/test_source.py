"""Where the network's code comes from: modules beside the config, and what stays imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from projects import CONV, HEAD, project
from safetensors.numpy import load_file

from oxidizedvision.config import load_config
from oxidizedvision.config.check import check_config
from oxidizedvision.convert import convert, load_module
from oxidizedvision.core.errors import Kind, OxidizedVisionError

ONES = HEAD + "class Net(nn.Module):\n    def forward(self, x):\n        return x + {}\n"


def referring(folder: Path, reference: str) -> Path:
    """A config beside its packages whose model.path is `package.module:attribute`."""
    config = project(folder, CONV)
    (folder / "model.py").unlink()
    text = config.read_text().replace("path: model.py", f"path: {reference}")
    config.write_text(text.replace("  class_name: Net\n", ""))
    return config


@pytest.mark.parametrize("reference", ["nets.first:Net", "alone:Net"])
def test_module_beside_the_config_is_what_check_says_it_is(tmp_path: Path, reference: str) -> None:
    config = referring(tmp_path, reference)
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "__init__.py").write_text("")
    (tmp_path / "nets" / "first.py").write_text(CONV)
    (tmp_path / "alone.py").write_text(CONV)
    assert check_config(config).class_name == "Net"
    assert load_module(load_config(config))(torch.zeros(1, 3, 4, 4)).shape == (1, 3, 4, 4)
    assert not {"nets", "nets.first", "alone"} & set(sys.modules)


def test_module_that_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        load_module(load_config(referring(tmp_path, "nets.first:Net")))
    assert caught.value.kind is Kind.MODEL
    assert "there is no module nets" in caught.value.message


def test_packages_of_an_environment_beside_the_model_are_imported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / ".venv" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "only_once_please.py").write_text("VALUE = object()\n")
    monkeypatch.syspath_prepend(str(packages))
    code = "import only_once_please\n" + ONES.format("0")
    config = load_config(project(tmp_path, code))
    load_module(config)
    first = sys.modules["only_once_please"].VALUE
    load_module(config)
    assert sys.modules["only_once_please"].VALUE is first


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("return ()", "returns no tensor"),
        ("return x.to(torch.bfloat16)", "returns bfloat16, which the engines do not pass"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_outputs_that_are_none(tmp_path: Path, statement: str, expected: str) -> None:
    code = HEAD + f"class Net(nn.Module):\n    def forward(self, x):\n        {statement}\n"
    with pytest.raises(OxidizedVisionError) as caught:
        convert(project(tmp_path, code))
    assert caught.value.kind is Kind.MODEL
    assert expected in caught.value.message


def test_a_scalar_output_is_recorded_as_one(tmp_path: Path) -> None:
    code = HEAD + "class Net(nn.Module):\n    def forward(self, x):\n        return x.mean()\n"
    result = convert(project(tmp_path, code))
    goldens = load_file(result.goldens)
    assert goldens["random-0/output/output"].shape == ()
