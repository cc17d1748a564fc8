"""A file runs code only where it is trusted, in another process, and only tensors come back."""

from __future__ import annotations

import argparse
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoint_networks import Net, equal, loaded, refused, weights
from projects import project

from oxidizedvision.config import load_config
from oxidizedvision.convert import load_module
from oxidizedvision.convert.checkpoint import load_checkpoint, process
from oxidizedvision.core.errors import Kind, OxidizedVisionError

ABORTED = signal.strsignal(signal.SIGABRT)

pytestmark = pytest.mark.usefixtures("own_process")


class Calls:
    """An object that is restored by calling a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("form", ["archive", "old format", "bare pickle"])
def test_the_flag_is_what_lets_code_run(tmp_path: Path, form: str) -> None:
    mark, path = tmp_path / "mark", tmp_path / "net.pt"
    content = {"state_dict": weights(), "extra": Calls(os.system, f"touch {mark}")}
    if form == "bare pickle":
        content = {"extra": content["extra"]}
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "archive")
    error = refused(path)
    assert "would call posix.system" in error.message
    assert "nothing in it was run" in error.message
    assert "--trust-checkpoint" in error.hint
    assert not mark.exists()
    if form != "bare pickle":  # PyTorch reads no such file, trusted or not
        assert equal(loaded(path, trust=True)[0], weights())
    else:
        pickle.loads(path.read_bytes())
    assert mark.exists(), "the file is harmless, so the test proves nothing"


def test_the_key_of_the_config_is_the_same_gate(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    state = weights(network=load_module(load_config(project(tmp_path))))
    content = {"model": state, "extra": Calls(os.system, f"touch {mark}")}
    torch.save(content, tmp_path / "net.pt")
    config = project(tmp_path, model="  checkpoint: net.pt\n")
    with pytest.raises(OxidizedVisionError, match=r"posix\.system"):
        load_module(load_config(config))
    assert not mark.exists()
    config = project(tmp_path, model="  checkpoint: net.pt\n  trust_checkpoint: true\n")
    assert equal(load_module(load_config(config)).state_dict(), state)
    assert mark.exists()


def test_what_lies_beside_the_weights_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    beside = {"args": argparse.Namespace(lr=1), "best": np.float64(0.5), "at": Path("x")}
    torch.save({"model": weights(), **beside}, path)
    message = refused(path).message
    assert "argparse.Namespace" in message
    assert "numpy" in message
    assert "pathlib" in message
    assert equal(loaded(path, trust=True)[0], weights())


NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4, num_classes=5):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, num_classes)
"""


@pytest.mark.parametrize("module", ["saved_net", "__main__"])
def test_a_whole_network(
    tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch, own_process: None
) -> None:
    """As `torch.save(network)` writes it, from a module beside the model or from a script."""
    (tmp_path / "saved_net.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    import saved_net  # type: ignore[import-not-found]

    network = saved_net.Net()
    network.load_state_dict(weights())
    own = saved_net.Net()
    if module == "__main__":
        monkeypatch.setattr(sys.modules["__main__"], "Net", saved_net.Net, raising=False)
        monkeypatch.setattr(saved_net.Net, "__module__", "__main__")
    torch.save({"model": network, "epoch": 1}, tmp_path / "net.pt")
    monkeypatch.setattr(saved_net.Net, "__module__", "saved_net")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])
    error = refused(tmp_path / "net.pt", own)
    assert "is a whole network and not its state dict, and is refused" in error.message
    assert f"reading it would call {module}.Net" in error.message
    found, _ = loaded(tmp_path / "net.pt", own, trust=True, folders=[tmp_path])
    assert equal(found, weights())
    del sys.modules["saved_net"]


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "gone.py").write_text("class Thing:\n    pass\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import gone  # type: ignore[import-not-found]

        torch.save({"model": weights(), "thing": gone.Thing()}, tmp_path / "net.pt")
    finally:
        sys.path.remove(str(tmp_path))
    del sys.modules["gone"]
    (tmp_path / "gone.py").unlink()
    error = refused(tmp_path / "net.pt", trust=True)
    assert "needs the module gone, which cannot be found" in error.message


def ends(path: Path, code: str) -> Path:
    torch.save({"model": weights(), "thing": Calls(exec, code)}, path)
    return path


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os; os.kill(os.getpid(), 9)", "may not have enough memory"),
        ("raise SystemExit(4)", "SystemExit: 4"),
        ("raise MemoryError", "not enough memory"),
    ],
)
def test_a_reader_that_dies(tmp_path: Path, code: str, expected: str) -> None:
    assert expected in refused(ends(tmp_path / "net.pt", code), trust=True).message


def test_how_a_reader_died_is_told() -> None:
    assert process._death(-signal.SIGABRT, "") == f"its reader was ended by {ABORTED}"
    assert process._death(3, "first\nlast\n") == "its reader ended with 3: last"


def test_a_reader_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LIMIT_S", 3)
    error = refused(ends(tmp_path / "net.pt", "while True: pass"), trust=True)
    assert "was not read within 3 s" in error.message


def test_a_reader_that_talks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = "import os; print('hello'); os.write(1, b'raw'); os.write(2, b'raw')"
    assert equal(loaded(ends(tmp_path / "net.pt", code), trust=True)[0], weights())
    assert capfd.readouterr() == ("", "")


def test_no_room_for_the_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the folder for the tensors vanishes while the file is read."""
    code = (
        "import json, safetensors.torch\n"
        "def full(*_): raise OSError(28, 'No space left on device')\n"
        "safetensors.torch.save_file = full"
    )
    with pytest.raises(OxidizedVisionError) as caught:
        load_checkpoint(Net(), ends(tmp_path / "net.pt", code), trust=True)
    assert caught.value.kind is Kind.FILE_SYSTEM
    assert "No space left on device" in caught.value.message
    assert "TMPDIR" in caught.value.hint
