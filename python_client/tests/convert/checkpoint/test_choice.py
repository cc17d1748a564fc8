"""Of several state dicts the trained weights are taken, and what else there is, is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_networks import Net, equal, loaded, prefixed, refused, weights

TRAINED, AVERAGED = weights(1), weights(2)

BOTH: dict[str, tuple[Any, str]] = {
    "ema": ({"ema": AVERAGED, "model": TRAINED}, "ema"),
    "nested ema": ({"ema": {"module": AVERAGED}, "state_dict": TRAINED}, "ema.module"),
    "model_ema": ({"model_ema": AVERAGED, "model": TRAINED}, "model_ema"),
    "state_dict_ema": ({"state_dict": TRAINED, "state_dict_ema": AVERAGED}, "state_dict_ema"),
    "ema_state_dict": ({"ema_state_dict": AVERAGED, "weights": TRAINED}, "ema_state_dict"),
    "params_ema": ({"params": TRAINED, "params_ema": AVERAGED}, "params_ema"),
    "teacher": ({"teacher": AVERAGED, "student": TRAINED}, "teacher"),
    "one mapping": (
        {**prefixed("online_model.", TRAINED), **prefixed("ema_model.", AVERAGED)},
        "ema_model",
    ),
}


@pytest.mark.parametrize("form", BOTH)
def test_trained_weights_come_before_averages(tmp_path: Path, form: str) -> None:
    content, key = BOTH[form]
    torch.save(content, tmp_path / "net.pt")
    found, said = loaded(tmp_path / "net.pt")
    assert equal(found, TRAINED)
    assert f"it also holds {key}, which model.checkpoint_key chooses instead" in said[0]
    assert equal(loaded(tmp_path / "net.pt", key=key)[0], AVERAGED)


def test_a_key_above_the_state_dict_leads_to_it(tmp_path: Path) -> None:
    torch.save({"ema": {"module": AVERAGED}, "model": TRAINED}, tmp_path / "net.pt")
    found, said = loaded(tmp_path / "net.pt", key="ema")
    assert equal(found, AVERAGED)
    assert said == []


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    torch.save({"ema": AVERAGED, "model": TRAINED}, tmp_path / "net.pt")
    error = refused(tmp_path / "net.pt", key="emma")
    assert "has no weights under 'emma'; did you mean 'ema'?; it has ema, model" in error.message
    torch.save(TRAINED, tmp_path / "net.pt")
    assert "it is a single state dict" in refused(tmp_path / "net.pt", key="ema").message


def test_only_what_fits_is_chosen(tmp_path: Path) -> None:
    torch.save({"model": weights(network=Net(width=8)), "ema": AVERAGED}, tmp_path / "net.pt")
    found, said = loaded(tmp_path / "net.pt")
    assert equal(found, AVERAGED)
    assert "the weights are those under 'ema'" in said[0]
    error = refused(tmp_path / "net.pt", key="model")
    assert "the weights under 'model'" in error.message


@pytest.mark.parametrize(
    "wrap",
    [
        lambda a, b: {"netG_A": a, "netG_B": b},
        lambda a, b: {"state_dict": {**prefixed("model.", a), **prefixed("net.", b)}},
    ],
    ids=["two names", "two prefixes"],
)
def test_two_that_no_name_tells_apart(tmp_path: Path, wrap: Callable[..., Any]) -> None:
    torch.save(wrap(TRAINED, AVERAGED), tmp_path / "net.pt")
    error = refused(tmp_path / "net.pt")
    assert "holds several state dicts that fit" in error.message
    assert "checkpoint_key" in error.hint


def test_known_names_come_before_others(tmp_path: Path) -> None:
    torch.save({"best": AVERAGED, "model": TRAINED}, tmp_path / "net.pt")
    found, said = loaded(tmp_path / "net.pt")
    assert equal(found, TRAINED)
    assert "it also holds best" in said[0]
