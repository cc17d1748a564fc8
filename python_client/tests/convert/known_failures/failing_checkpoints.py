"""The checkpoints of the fixtures, as people save them: made each time, from seeded weights."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import torch
from torch import nn

State = dict[str, torch.Tensor]


def trained_weights() -> State:
    """What every fixture with a checkpoint was trained to."""
    torch.manual_seed(3)
    return {"conv.weight": torch.randn(4, 3, 3, 3), "conv.bias": torch.randn(4)}


def write_checkpoint(fixture: str, folder: Path) -> None:
    """Write the `weights.pth` of a fixture into its folder."""
    torch.save(_WRITERS[fixture](trained_weights(), folder), folder / "weights.pth")


def _with_prefix(state: State, folder: Path) -> object:
    return {f"module.{name}": tensor for name, tensor in state.items()}


def _with_optimizer(state: State, folder: Path) -> object:
    parameters = [nn.Parameter(tensor.clone()) for tensor in state.values()]
    optimizer = torch.optim.Adam(parameters)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return {"epoch": 3, "model": state, "optimizer": optimizer.state_dict()}


def _only_optimizer(state: State, folder: Path) -> object:
    return {"epoch": 3, "learning_rate": 1e-3}


def _whole(state: State, folder: Path) -> object:
    spec = importlib.util.spec_from_file_location("trained_elsewhere", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pickling looks the class up there
    spec.loader.exec_module(module)
    return module.Net()


def _of_another(state: State, folder: Path) -> object:
    return {"first.weight": state["conv.weight"], "second.bias": state["conv.bias"]}


def _half(state: State, folder: Path) -> object:
    return {name: tensor.half() for name, tensor in state.items()}


_WRITERS = {
    "checkpoint_with_prefix": _with_prefix,
    "checkpoint_with_optimizer": _with_optimizer,
    "checkpoint_without_weights": _only_optimizer,
    "pickled_whole_model": _whole,
    "checkpoint_of_another_network": _of_another,
    "half_precision_checkpoint": _half,
}
