"""The user's file is imported as Python would, and this process stays as it was."""

from __future__ import annotations

import os
import random
import sys
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from projects import HEAD, project
from torch import nn

from oxidizedvision.config import load_config
from oxidizedvision.convert.imports import PREFIX
from oxidizedvision.convert.source import build_network
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning

ADDS = HEAD + "class Net(nn.Module):\n    def forward(self, x):\n        return x + VALUE\n"


def adds(statement: str) -> str:
    return statement + "\n" + ADDS


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def built(config: Path, *, path: str = "model.py") -> nn.Module:
    config.write_text(config.read_text().replace("path: model.py", f"path: {path}"))
    return build_network(load_config(config))


def value_of(network: nn.Module) -> float:
    return float(network(torch.zeros(1)))


def in_folder(module: ModuleType, folder: Path) -> bool:
    """Whether a module that others may import by its name lies in a folder."""
    file = getattr(module, "__file__", None)
    places = [file] if file else [*getattr(module, "__path__", []), ""]
    return not module.__name__.startswith(PREFIX) and str(folder) in str(places[0])


LAYOUTS: dict[str, tuple[str, dict[str, str]]] = {
    "sibling": ("model.py", {"model.py": adds("from layers import VALUE"), "layers.py": "VALUE=1"}),
    "relative sibling, no package": (
        "model.py",
        {"model.py": adds("from .layers import VALUE"), "layers.py": "VALUE=1"},
    ),
    "relative sibling of a sibling": (
        "model.py",
        {
            "model.py": adds("from .layers import VALUE"),
            "layers.py": "from .deep.more import VALUE",
            "deep/more.py": "from ..base import VALUE",
            "base.py": "VALUE=1",
        },
    ),
    "two dots, no package": (
        "nets/small/model.py",
        {"nets/small/model.py": adds("from ..base import VALUE"), "nets/base.py": "VALUE=1"},
    ),
    "package": (
        "nets/model.py",
        {
            "nets/__init__.py": "",
            "nets/model.py": adds("from .layers import VALUE"),
            "nets/layers.py": "from nets.base import VALUE",
            "nets/base.py": "VALUE=1",
        },
    ),
    "package that imports the model": (
        "nets/model.py",
        {
            "nets/__init__.py": "from .model import Net\nfrom nets.model import Net as Same\n"
            "assert Net is Same",
            "nets/model.py": adds("from . import layers; VALUE = layers.VALUE"),
            "nets/layers.py": "VALUE=1",
        },
    ),
    "package in a package": (
        "nets/small/model.py",
        {
            "nets/__init__.py": "",
            "nets/small/__init__.py": "",
            "nets/small/model.py": adds("from ..base import VALUE"),
            "nets/base.py": "VALUE=1",
        },
    ),
    "package by its own name": (
        "nets/model.py",
        {
            "nets/__init__.py": "if __name__ == '__main__':\n    raise SystemExit",
            "nets/model.py": adds("from nets.layers import VALUE"),
            "nets/layers.py": "VALUE=1",
        },
    ),
    "from the project's folder": (
        "models/net.py",
        {"models/net.py": adds("from utils.values import VALUE"), "utils/values.py": "VALUE=1"},
    ),
    "a package called as one that is loaded": (
        "json/model.py",
        {
            "json/__init__.py": "",
            "json/model.py": adds("from .layers import VALUE"),
            "json/layers.py": "VALUE=1",
        },
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path: Path, layout: str) -> None:
    path, files = LAYOUTS[layout]
    config = project(tmp_path)
    (tmp_path / "model.py").unlink()
    write(tmp_path, files)
    before = set(sys.modules)
    network = built(config, path=path)
    assert value_of(network) == 1
    left = {name for name in set(sys.modules) - before if in_folder(sys.modules[name], tmp_path)}
    assert left == set()
    write(tmp_path, {name: text.replace("VALUE=1", "VALUE=2222") for name, text in files.items()})
    assert value_of(build_network(load_config(config))) == 2222, "what changed is read again"


def test_modules_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = project(tmp_path / "configs", adds("from shared.values import VALUE"))
    write(tmp_path, {"shared/values.py": "VALUE=1"})
    monkeypatch.chdir(tmp_path)
    assert value_of(build_network(load_config(config))) == 1


def test_two_projects_with_the_same_names(tmp_path: Path) -> None:
    networks = []
    for number in (1, 2):
        folder = tmp_path / str(number) / "nets"
        code = adds("from .layers import VALUE")
        config = project(folder, code)
        write(folder, {"layers.py": f"VALUE={number}"})
        networks.append(build_network(load_config(config)))
    assert [value_of(network) for network in networks] == [1, 2]


def test_a_relative_import_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        build_network(load_config(project(tmp_path, adds("from .absent import VALUE"))))
    assert caught.value.kind is Kind.MODEL
    assert "at model.py, line 1" in caught.value.message


def test_an_init_file_that_raises_is_named(tmp_path: Path) -> None:
    config = project(tmp_path / "nets", adds("from .layers import VALUE"))
    write(tmp_path / "nets", {"__init__.py": "\nraise KeyError('x')", "layers.py": "VALUE=1"})
    with pytest.raises(OxidizedVisionError) as caught:
        build_network(load_config(config))
    assert "Importing nets/__init__.py raised KeyError: 'x' at __init__.py, line 2" in (
        caught.value.message
    )


def test_what_a_file_does_to_the_process_is_undone(tmp_path: Path) -> None:
    code = adds(
        "import os, random, sys, numpy, torch\n"
        "sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'more'))\n"
        "from extra import VALUE\n"
        "assert len(sys.argv) == 1\n"
        "sys.argv.append('x')\n"
        "os.chdir('/')\n"
        "random.seed(5); numpy.random.seed(5); torch.manual_seed(5)\n"
        "if __name__ == '__main__':\n    raise SystemExit\n"
    )
    write(tmp_path, {"more/extra.py": "VALUE=1"})
    config = load_config(project(tmp_path, code))
    before = list(sys.path), list(sys.argv), Path.cwd()
    drawn = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert value_of(build_network(config)) == 1
    assert (sys.path, sys.argv, Path.cwd()) == before
    assert "extra" not in sys.modules
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert after == drawn


def test_a_thread_that_is_left_running_is_told(tmp_path: Path) -> None:
    code = adds(
        "import builtins, threading\n"
        "VALUE = 1\n"
        "threading.Thread(target=builtins.waits.wait, name='logger').start()\n"
    )
    import builtins

    builtins.waits = threading.Event()  # type: ignore[attr-defined]
    try:
        with pytest.warns(OxidizedVisionWarning, match=r"left a thread running \(logger\)"):
            build_network(load_config(project(tmp_path, code)))
    finally:
        builtins.waits.set()  # type: ignore[attr-defined]
        del builtins.waits  # type: ignore[attr-defined]


def test_the_current_folder_may_be_gone(tmp_path: Path) -> None:
    config = project(tmp_path / "p", adds("import shutil, os; VALUE = 1; os.chdir('/')"))
    assert value_of(build_network(load_config(config))) == 1
    assert Path(os.curdir).resolve().is_dir()
