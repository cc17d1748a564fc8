"""Element types: plain numbers are converted and told, everything else is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_networks import Net, equal, loaded, refused, weights
from safetensors.torch import save_file
from torch import nn


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("form", ["safetensors", "pt"])
def test_other_floats_become_the_networks(tmp_path: Path, dtype: torch.dtype, form: str) -> None:
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in weights().items()}
    path = tmp_path / f"net.{form}"
    save_file(state, path) if form == "safetensors" else torch.save(state, path)
    found, said = loaded(path)
    assert equal(found, {k: v.to(Net().state_dict()[k].dtype) for k, v in state.items()})
    word = str(dtype).removeprefix("torch.")
    assert len(said) == 1
    assert said[0].endswith(f"8 tensors are {word} and become float32")


def test_a_half_network_keeps_half(tmp_path: Path) -> None:
    state = weights(network=Net().half())
    torch.save(state, tmp_path / "net.pt")
    found, said = loaded(tmp_path / "net.pt", Net().half())
    assert equal(found, state)
    assert said == []


def test_a_number_in_place_of_a_tensor_of_one(tmp_path: Path) -> None:
    network = nn.Module()
    network.register_parameter("scale", nn.Parameter(torch.tensor(1.0)))
    torch.save({"scale": torch.tensor([2.5])}, tmp_path / "net.pt")
    assert loaded(tmp_path / "net.pt", network)[0]["scale"].item() == 2.5


ODD: dict[str, tuple[Any, str]] = {
    "quantised": (
        lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
        "head.weight is quantised (qint8)",
    ),
    "sparse": (lambda t: t.to_sparse(), "head.weight is sparse (sparse_coo)"),
    "meta": (lambda t: t.to("meta"), "head.weight is without values (on the device meta)"),
    "complex128": (lambda t: t.to(torch.complex128), "head.weight is of type complex128"),
    "complex64": (lambda t: t.to(torch.complex64), "complex numbers in head.weight"),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_plain_number_is_named(tmp_path: Path, odd: str) -> None:
    change, expected = ODD[odd]
    state = weights()
    state["head.weight"] = change(state["head.weight"])
    torch.save(state, tmp_path / "net.pt")
    assert expected in refused(tmp_path / "net.pt").message


def test_a_whole_state_dict_of_quantised_tensors(tmp_path: Path) -> None:
    state = {
        k: torch.quantize_per_tensor(v.float(), 0.1, 0, torch.qint8) for k, v in weights().items()
    }
    torch.save(state, tmp_path / "net.pt")
    message = refused(tmp_path / "net.pt").message
    assert message.count("quantised") == 4
    assert message.endswith("and 5 more")


def test_a_complex_network_takes_complex_weights(tmp_path: Path) -> None:
    network = nn.Linear(2, 2, dtype=torch.complex64)
    state = {k: torch.full(v.shape, 1 + 2j) for k, v in network.state_dict().items()}
    torch.save(state, tmp_path / "net.pt")
    assert equal(loaded(tmp_path / "net.pt", network)[0], state)
