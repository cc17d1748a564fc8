"""Small networks and what a test says of their weights."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from oxidizedvision.convert.checkpoint import load_checkpoint
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning

State = dict[str, torch.Tensor]


class Net(nn.Module):
    def __init__(self, width: int = 4, num_classes: int = 5) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.first(x)).mean((2, 3)))


class Holder(nn.Module):
    """A network whose names all begin with the one of its only part."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Net()


def weights(seed: int = 0, network: nn.Module | None = None) -> State:
    """Other values than any network begins with."""
    generator = torch.Generator().manual_seed(seed + 1)
    return {
        key: torch.rand(value.shape, generator=generator).to(value.dtype)
        for key, value in (network or Net()).state_dict().items()
    }


def prefixed(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{key}": value for key, value in state.items()}


def loaded(path: Path, network: nn.Module | None = None, **options: Any) -> tuple[State, list[str]]:
    """What the network holds after loading, and what was said."""
    network = network or Net()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_checkpoint(network, path, **options)
    said = [str(item.message) for item in caught if item.category is OxidizedVisionWarning]
    return network.state_dict(), said


def equal(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(
        torch.equal(found[key], expected[key]) for key in expected
    )


def refused(path: Path, network: nn.Module | None = None, **options: Any) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        load_checkpoint(network or Net(), path, **options)
    assert caught.value.kind is Kind.CHECKPOINT
    assert caught.value.hint
    return caught.value
