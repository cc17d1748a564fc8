"""TorchScript and torch.export archives: the weights come, and nothing in them runs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from checkpoint_networks import Net, equal, loaded, refused, weights
from torch import nn


def trained(seed: int = 0) -> Net:
    network = Net()
    network.load_state_dict(weights(seed))
    return network.eval()


@pytest.mark.parametrize("how", ["trace", "script"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript(tmp_path: Path, how: str) -> None:
    network = trained()
    program = (
        torch.jit.trace(network, torch.zeros(1, 3, 8, 8))
        if how == "trace"
        else torch.jit.script(network)
    )
    program.save(tmp_path / "net.pt")
    found, said = loaded(tmp_path / "net.pt")
    assert equal(found, weights())
    assert said == []


def test_exported_program(tmp_path: Path) -> None:
    program = torch.export.export(trained(), (torch.zeros(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "net.pt2")
    found, said = loaded(tmp_path / "net.pt2")
    assert equal(found, weights())
    assert said == []


class Writer(nn.Module):
    """A program that writes a file when it is loaded."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self.gain = torch.ones(2)
        self.mark = mark

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gain

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, str, bool]:
        return self.gain, self.mark, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, str, bool]) -> None:
        self.gain = state[0]
        self.mark = state[1]
        self.training = state[2]
        torch.save(state[0], state[1])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_program_that_acts_when_it_is_loaded_does_not(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    torch.jit.script(Writer(str(mark))).save(tmp_path / "net.pt")
    assert not mark.exists()
    assert "no weights by name" in refused(tmp_path / "net.pt").message
    assert not mark.exists()
    torch.jit.load(tmp_path / "net.pt")
    assert mark.exists(), "the file is harmless, so the test proves nothing"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_frozen_program_has_no_weights(tmp_path: Path) -> None:
    torch.jit.freeze(torch.jit.script(trained())).save(tmp_path / "net.pt")
    assert "it is frozen" in refused(tmp_path / "net.pt").message


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("record", ["data.pkl", "data/0"])
def test_an_archive_with_a_damaged_record(tmp_path: Path, record: str) -> None:
    torch.jit.script(trained()).save(tmp_path / "whole.pt")
    with (
        zipfile.ZipFile(tmp_path / "whole.pt") as whole,
        zipfile.ZipFile(tmp_path / "net.pt", "w") as damaged,
    ):
        for name in whole.namelist():
            cut = name.endswith(f"/{record}")
            damaged.writestr(name, whole.read(name)[:3] if cut else whole.read(name))
    assert "cannot be read" in refused(tmp_path / "net.pt").message
