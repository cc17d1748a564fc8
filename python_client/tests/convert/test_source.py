"""Where the network's code comes from: modules beside the config, and what stays imported."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch
from projects import CONV, HEAD, project
from safetensors.numpy import load_file

from oxidizedvision.config import load_config
from oxidizedvision.config.check import check_config
from oxidizedvision.convert import convert, load_module
from oxidizedvision.convert.source import build_network
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
        ("return x.to(torch.bfloat16)", "returns bfloat16"),
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


FACTORY = CONV + "\ndef make(width=4, *, deep: bool = False):\n    return Net(width)\n"
READY = CONV + "\nready = Net(6)\n"


def arguments(text: str) -> str:
    return f"  init_args: {text}\n"


def refused(config: Path) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        build_network(load_config(config))
    assert caught.value.kind is Kind.MODEL
    assert caught.value.hint
    return caught.value


def test_a_function_that_builds_the_network(tmp_path: Path) -> None:
    config = project(tmp_path, FACTORY, class_name="make", model=arguments("{width: 7}"))
    assert build_network(load_config(config)).first.out_channels == 7
    assert check_config(config).class_name == "make"


def test_a_network_that_is_built_already(tmp_path: Path) -> None:
    config = load_config(project(tmp_path, READY, class_name="ready"))
    first, second = build_network(config), build_network(config)
    assert first.first.out_channels == 6
    assert torch.equal(first.first.weight, second.first.weight)
    config = project(tmp_path, READY, class_name="ready", model=arguments("{width: 7}"))
    assert "already built" in refused(config).message


def test_a_built_network_of_a_package_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "ready_made.py").write_text(READY)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    config = load_config(referring(tmp_path / "project", "ready_made:ready"))
    with torch.no_grad():
        build_network(config).first.weight.zero_()
    assert build_network(config).first.weight.abs().sum() > 0
    del sys.modules["ready_made"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{widht: 8}", "it takes no 'widht'; did you mean 'width'?"),
        ("{depth: 8}", "it takes no 'depth'; did you mean 'deep'?"),
        ("{width: 8, other: 1, another: 2}", "it takes no 'other'; it takes no 'another'"),
    ],
)
def test_arguments_that_do_not_fit(tmp_path: Path, given: str, expected: str) -> None:
    config = project(tmp_path, FACTORY, class_name="make", model=arguments(given))
    message = refused(config).message
    assert "model.py, line 14: make(width=4, *, deep: bool = False) does not fit" in message
    assert expected in message


def test_arguments_that_are_missing(tmp_path: Path) -> None:
    code = HEAD + "class Net(nn.Module):\n    def __init__(self, width, depth=3):\n        pass\n"
    message = refused(project(tmp_path, code, model=arguments("{depth: 8}"))).message
    assert message == (
        "model.py, line 5: Net(width, depth=3) does not fit model.init_args: it needs 'width'"
    )


def test_a_type_error_inside_is_no_misfit(tmp_path: Path) -> None:
    code = HEAD + "class Net(nn.Module):\n    def __init__(self, width=3):\n        width + 'a'\n"
    message = refused(project(tmp_path, code)).message
    assert "Net(…) raised TypeError" in message
    assert message.endswith("at model.py, line 6")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return (Net(),)", "gives a tuple, not a torch.nn.Module"),
        ("return None", "gives a NoneType"),
        ("raise BaseException('odd')", "BaseException: odd at model.py"),
        ("import asyncio; raise asyncio.CancelledError", "CancelledError at model.py"),
        ("class E(Exception):\n        __str__ = None\n    raise E", "raised E at model.py"),
    ],
)
def test_functions_that_give_no_network(tmp_path: Path, body: str, expected: str) -> None:
    code = CONV + f"\ndef make():\n    {body}\n"
    assert expected in refused(project(tmp_path, code, class_name="make")).message


def test_the_line_is_the_users_own_wherever_it_is(tmp_path: Path) -> None:
    """In a sub-folder, and not in the library that raises."""
    code = "from parts.deep import broken\n" + CONV + "\ndef make():\n    return broken()\n"
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "deep.py").write_text(
        "import torch\ndef broken():\n    return torch.nn.Conv2d(3, 3, 3, groups=2)\n"
    )
    config = project(tmp_path, code, class_name="make")
    assert refused(config).message.endswith("at parts/deep.py, line 3")


def test_a_name_that_is_misspelt(tmp_path: Path) -> None:
    error = refused(project(tmp_path, FACTORY, class_name="mak"))
    assert "has no class mak; did you mean 'make'?; it has Net" in error.message
    assert (
        "did you mean 'resnet18'"
        in refused(referring(tmp_path / "r", "torchvision.models:resent18")).message
    )


def test_torchvision(tmp_path: Path) -> None:
    config = referring(tmp_path, "torchvision.models:resnet18\n  init_args: {weights: null}")
    assert check_config(config).class_name == "resnet18"
    assert type(build_network(load_config(config))).__name__ == "ResNet"
    config = referring(tmp_path, "torchvision.models:resnet18\n  init_args: {num_clases: 7}")
    assert "unexpected keyword argument 'num_clases'" in refused(config).message


def test_timm(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    name = "timm:create_model\n  init_args: {model_name: resnet18, pretrained: false}"
    config = referring(tmp_path, name)
    assert check_config(config).class_name == "create_model"
    assert type(build_network(load_config(config))).__name__ == "ResNet"
    error = refused(referring(tmp_path, name.replace("resnet18", "resent18")))
    assert "Unknown model" in error.message


@pytest.mark.parametrize(
    ("reference", "expected", "hint"),
    [
        ("no_such_pack:Net", "there is no module no_such_pack", "pip install no_such_pack"),
        ("cv2000.nets:Net", "there is no module cv2000", "pip install cv2000"),
        ("torchvision.modles:resnet18", "did you mean 'models'?", "torchvision is there"),
    ],
)
def test_modules_that_are_not_there(
    tmp_path: Path, reference: str, expected: str, hint: str
) -> None:
    error = refused(referring(tmp_path, reference))
    assert expected in error.message
    assert hint in error.hint
    with pytest.raises(OxidizedVisionError, match=re.escape(expected)):
        check_config(referring(tmp_path, reference))


def test_a_package_that_the_file_imports(tmp_path: Path) -> None:
    error = refused(project(tmp_path, "import cv2.absent_part\n" + CONV))
    assert "ModuleNotFoundError" in error.message
    assert "`pip install opencv-python-headless`" in error.hint


DOWNLOADS = """
import urllib.request
def make(pretrained=True):
    if pretrained:
        try:
            urllib.request.urlopen("http://127.0.0.1:9/weights.pth", timeout=2)
        except OSError as error:
            {then}
    return Net()
"""


@pytest.mark.parametrize("then", ["raise", "raise RuntimeError('no weights') from error"])
def test_weights_that_cannot_be_downloaded(tmp_path: Path, then: str) -> None:
    code = CONV + DOWNLOADS.format(then=then)
    error = refused(project(tmp_path, code, class_name="make"))
    assert "make(…) tried to reach the network" in error.message
    assert "pretrained: false" in error.hint
    assert "model.checkpoint" in error.hint
    config = project(tmp_path, code, class_name="make", model=arguments("{pretrained: false}"))
    assert isinstance(build_network(load_config(config)), torch.nn.Module)


def test_a_file_that_is_a_program(tmp_path: Path) -> None:
    parses = "import argparse\nargparse.ArgumentParser().parse_args()\n"
    assert isinstance(build_network(load_config(project(tmp_path, parses + CONV))), torch.nn.Module)
    wants = parses.replace("().", "();p.add_argument('x');p.").replace("argparse.A", "p=argparse.A")
    error = refused(project(tmp_path, wants + CONV))
    assert "SystemExit: 2 at model.py, line 2" in error.message
    assert "__main__" in error.hint
