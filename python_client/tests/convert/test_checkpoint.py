"""Checkpoints: read without running anything, and matched with the network key by key."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from projects import HEAD, project
from safetensors.torch import save_file

from oxidizedvision.config import load_config
from oxidizedvision.convert import load_module
from oxidizedvision.core.errors import Kind, OxidizedVisionError


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = load_module(load_config(project(folder))).state_dict()
    return {key: torch.rand_like(value) for key, value in state.items()}


def config_with(folder: Path, checkpoint: str) -> Path:
    return project(folder, model=f"  checkpoint: {checkpoint}\n")


def refused(folder: Path, checkpoint: str) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        load_module(load_config(config_with(folder, checkpoint)))
    assert caught.value.kind is Kind.CHECKPOINT
    return caught.value


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("plain.pt", lambda state: state),
        ("nested.pth", lambda state: {"state_dict": state, "epoch": 3}),
        ("parallel.pt", lambda state: {f"module.{key}": value for key, value in state.items()}),
    ],
)
def test_state_dicts_of_torch_save(tmp_path: Path, name: str, wrap: Any) -> None:
    state = weights(tmp_path)
    torch.save(wrap(state), tmp_path / name)
    loaded = load_module(load_config(config_with(tmp_path, name))).state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


def test_safetensors(tmp_path: Path) -> None:
    state = weights(tmp_path)
    save_file(state, tmp_path / "net.safetensors")
    loaded = load_module(load_config(config_with(tmp_path, "net.safetensors"))).state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


class Hostile:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


@pytest.mark.parametrize("form", ["archive", "bare"])
def test_pickle_that_would_run_code_does_not(tmp_path: Path, form: str) -> None:
    canary, file = tmp_path / "canary", tmp_path / "hostile.pt"
    if form == "archive":
        torch.save({"weight": Hostile(canary)}, file)
    else:
        file.write_bytes(pickle.dumps({"weight": Hostile(canary)}))
    error = refused(tmp_path, file.name)
    assert "system" in error.message
    assert not canary.exists()
    pickle_would = torch.load if form == "archive" else None
    if pickle_would is not None:
        pickle_would(file, weights_only=False)
        assert canary.exists(), "the file is not hostile, so the test proves nothing"


def test_keys_that_do_not_match_are_listed_with_near_ones(tmp_path: Path) -> None:
    state = weights(tmp_path)
    state["frist.weight"] = state.pop("first.weight")
    save_file(state, tmp_path / "net.safetensors")
    message = refused(tmp_path, "net.safetensors").message
    assert "1 missing: first.weight (near: frist.weight)" in message
    assert "1 unexpected: frist.weight" in message


def test_shapes_that_do_not_match(tmp_path: Path) -> None:
    state = weights(tmp_path)
    state["first.bias"] = torch.zeros(9)
    save_file(state, tmp_path / "net.safetensors")
    assert "first.bias" in refused(tmp_path, "net.safetensors").message


def test_of_many_shapes_that_do_not_match_some_are_told(tmp_path: Path) -> None:
    lines = "\n".join(f"    self.l{i} = nn.Linear(2, 2, bias=False)" for i in range(40))
    code = HEAD + "class Net(nn.Module):\n  def __init__(self):\n    super().__init__()\n" + lines
    config = project(tmp_path, code, model="  checkpoint: net.safetensors\n")
    save_file({f"l{i}.weight": torch.zeros(3) for i in range(40)}, tmp_path / "net.safetensors")
    with pytest.raises(OxidizedVisionError) as caught:
        load_module(load_config(config))
    assert caught.value.message.count("size mismatch") == 6
    assert caught.value.message.endswith(" and 34 more")


def test_a_file_that_torch_save_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(bytes(range(256)) * 8)
    message = refused(tmp_path, "net.pt").message
    assert "torch.save did not write it" in message
    assert "weights_only" not in message, "PyTorch advises to give up its safeguard"


@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
@pytest.mark.parametrize("content", [b"", b"nonsense" * 40, b"PK\x03\x04cut"])
def test_files_that_hold_no_weights(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert name in refused(tmp_path, name).message


def test_a_list_is_no_state_dict(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "list.pt")
    assert "holds a list" in refused(tmp_path, "list.pt").message
