"""Files that are met in place of a checkpoint are told by what they are."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoint_networks import Net, refused, weights
from projects import project
from safetensors.torch import save_file

from oxidizedvision.config import load_config, resolve_checkpoint
from oxidizedvision.convert.checkpoint import load, load_checkpoint
from oxidizedvision.core.errors import Kind, OxidizedVisionError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"

STRANGERS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "git-lfs": (POINTER, "is a Git LFS pointer"),
    "html": (b"\n<!DOCTYPE html><html>not found</html>", "is a web page"),
    "xml": (b"<?xml version='1.0'?><Error/>", "is a web page"),
    "json": (b'{"error": "no such file"}', "is a JSON text"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(40), "is compressed with gzip"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "is an HDF5 file"),
    "numpy": (b"\x93NUMPY\x01\x00" + bytes(40), "is a NumPy array"),
    "gguf": (b"GGUF\x03" + bytes(40), "is a GGUF file"),
    "cut archive": (b"PK\x03\x04cut", "the archive has no end"),
    "nonsense": (bytes(range(1, 250)) * 9, "torch.save did not write it, or it is damaged"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_it_is_named(tmp_path: Path, stranger: str) -> None:
    content, expected = STRANGERS[stranger]
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    error = refused(path)
    assert expected in error.message
    assert str(path) in error.message
    assert "weights_only" not in error.message, "PyTorch advises to give up its safeguard"


def test_a_zip_archive_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as archive:
        archive.writestr("weights/net.safetensors", "x")
    message = refused(tmp_path / "net.pth").message
    assert "is a zip archive that PyTorch did not write" in message
    assert "weights/net.safetensors" in message
    np.savez(tmp_path / "net.npz", a=np.ones(2))
    assert "did not write; it holds a.npy" in refused(tmp_path / "net.npz").message


def test_a_folder_names_the_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert "is a folder" in refused(tmp_path / "folder").message
    (tmp_path / "folder" / "model.safetensors").write_bytes(b"x")
    assert "Name a file in it: model.safetensors." in refused(tmp_path / "folder").hint


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.pt")
    assert "is a pipe or a device" in refused(tmp_path / "net.pt").message
    assert "is a pipe or a device" in refused(Path("/dev/null")).message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        load_checkpoint(Net(), tmp_path / "net.pt")
    assert caught.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize("form", ["safetensors", "pt", "old format"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_file_that_is_cut(tmp_path: Path, form: str, part: float) -> None:
    path = tmp_path / f"net.{form.rsplit(maxsplit=1)[-1]}"
    if form == "safetensors":
        save_file(weights(), path)
    else:
        torch.save(weights(), path, _use_new_zipfile_serialization=form == "pt")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert str(path) in refused(path).message


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([torch.zeros(2)], "it holds a list and no state dict"),
        (torch.zeros(2), "it holds a Tensor and no state dict"),
        ({}, "it holds no state dict"),
        ({"epoch": 3, "model": {}}, "it holds no state dict"),
        ({"optimizer": {"exp_avg": torch.ones(2)}}, "it holds no state dict"),
        ({0: torch.ones(2)}, "it holds no state dict"),
    ],
)
def test_what_holds_no_state_dict(tmp_path: Path, held: Any, expected: str) -> None:
    torch.save(held, tmp_path / "net.pt")
    assert expected in refused(tmp_path / "net.pt").message


def test_an_empty_safetensors_file(tmp_path: Path) -> None:
    save_file({}, tmp_path / "net.safetensors")
    assert "holds no tensors" in refused(tmp_path / "net.safetensors").message


def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.safetensors"
    save_file(weights(), path)
    choose = load.choose

    def meanwhile(*arguments: Any) -> Any:
        save_file({**weights(1), "more": torch.ones(2)}, path)
        return choose(*arguments)

    monkeypatch.setattr(load, "choose", meanwhile)
    assert "changed while it was read" in refused(path).message


def test_a_config_that_names_a_folder_or_a_pipe(tmp_path: Path) -> None:
    """Said before anything is built, and before anybody waits for a pipe's other end."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, expected in (("folder", "is a folder"), ("pipe", "is a pipe or a device")):
        config = load_config(project(tmp_path, model=f"  checkpoint: {name}\n"))
        with pytest.raises(OxidizedVisionError, match=f"model.checkpoint: .*{expected}"):
            resolve_checkpoint(config)
