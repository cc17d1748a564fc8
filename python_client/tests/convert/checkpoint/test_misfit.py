"""Weights of another network: which tensors, of what shape, what is near, and what may help."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from checkpoint_networks import Net, prefixed, refused, weights
from torch import nn


def saved(folder: Path, state: object) -> Path:
    torch.save(state, folder / "net.pt")
    return folder / "net.pt"


def test_misspelt_names_are_listed_with_near_ones(tmp_path: Path) -> None:
    state = weights()
    state["frist.weight"] = state.pop("first.weight")
    lines = refused(saved(tmp_path, state)).message.splitlines()
    assert lines[0].endswith("net.pt does not fit Net: 1 missing, 1 unexpected")
    assert lines[1] == (
        "  missing first.weight [4, 3, 3, 3]; the file has frist.weight [4, 3, 3, 3]"
    )
    assert lines[2] == (
        "  unexpected frist.weight [4, 3, 3, 3]; the network has first.weight [4, 3, 3, 3]"
    )


def test_near_names_have_the_same_shape_where_they_can(tmp_path: Path) -> None:
    state = weights()
    state["firsts.weight"] = torch.zeros(9)
    state["the_first.weight"] = state.pop("first.weight")
    assert "the file has the_first.weight [4, 3, 3, 3]" in refused(saved(tmp_path, state)).message


def test_nothing_near_is_not_invented(tmp_path: Path) -> None:
    state = weights()
    state["zzz"] = state.pop("first.weight")
    assert "missing first.weight [4, 3, 3, 3]\n" in refused(saved(tmp_path, state)).message


@pytest.mark.parametrize("prefix", ["", "module."])
def test_shapes_are_listed_and_a_prefix_does_not_hide_them(tmp_path: Path, prefix: str) -> None:
    state = weights()
    state["first.weight"] = torch.zeros(4, 1, 3, 3)
    message = refused(saved(tmp_path, prefixed(prefix, state))).message
    assert "first.weight: file [4, 1, 3, 3], network [4, 3, 3, 3]" in message
    assert ": 1 of another shape" in message
    assert ("with the prefix 'module.' taken off" in message) == bool(prefix)


def test_of_many_some_are_told(tmp_path: Path) -> None:
    network = nn.Sequential(*[nn.Linear(2, 2, bias=False) for _ in range(40)])
    state = {key: torch.zeros(3) for key in network.state_dict()}
    message = refused(saved(tmp_path, state), network).message
    assert message.count("file [3], network [2, 2]") == 6
    assert message.endswith("and 34 more")
    state = {f"other{index}": torch.zeros(2) for index in range(50)}
    message = refused(saved(tmp_path, state), network).message
    assert "40 missing, 50 unexpected" in message
    assert "and 34 more" in message
    assert "and 44 more" in message


@pytest.mark.parametrize(
    ("made_with", "hint"),
    [({"num_classes": 10}, "{num_classes: 10}"), ({"width": 8}, "{width: 8}")],
)
def test_the_argument_that_decides_the_shapes(
    tmp_path: Path, made_with: dict[str, int], hint: str
) -> None:
    error = refused(saved(tmp_path, weights(network=Net(**made_with))))
    assert f"model.init_args: {hint}" in error.hint


class Grey(nn.Module):
    def __init__(self, in_chans: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_chans, 8, 3)


class Fixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)


def test_channels_of_the_input_and_no_argument_where_there_is_none(tmp_path: Path) -> None:
    path = saved(tmp_path, weights(network=Grey(1)))
    assert "{in_chans: 1}" in refused(path, Grey()).hint
    hint = refused(path, Fixed()).hint
    assert "init_args: {" not in hint
    assert "model.class_name" in hint


def test_two_causes_give_no_argument(tmp_path: Path) -> None:
    error = refused(saved(tmp_path, weights(network=Net(width=8, num_classes=10))))
    assert "init_args: {" not in error.hint
