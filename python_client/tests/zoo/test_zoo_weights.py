"""Seeded weights all matter: none stays as the constructor left it, and signals get through."""

from __future__ import annotations

import pytest
import torch
from torch import nn

pytest.importorskip("torchvision", reason="it brings the networks")

from benchmarks.zoo.weights import enliven

SHAPE = (1, 3, 16, 16)


class Plain(nn.Module):
    """A head that starts at zero, behind a branch that starts at almost nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.scale = nn.Parameter(torch.full((4, 1, 1), 1e-6))
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 2)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        features = self.norm(self.conv(picture)) * self.scale
        return self.head(self.drop(features).mean((2, 3)))


def test_no_parameter_is_constant_and_no_statistic_is_as_it_was() -> None:
    network = enliven(Plain(), SHAPE, 1)
    assert not network.training
    for name, parameter in network.named_parameters():
        assert parameter.std() > 0, name
    assert network.scale.mean() > 0.1
    assert not torch.equal(network.norm.running_mean, torch.zeros(4))
    assert network(torch.randn(SHAPE)).abs().max() > 1e-2


def test_the_seed_decides_every_number() -> None:
    torch.manual_seed(0)
    first = Plain()
    second, third = Plain(), Plain()
    for other in (second, third):
        other.load_state_dict(first.state_dict())
    states = [enliven(n, SHAPE, s).state_dict() for n, s in ((first, 1), (second, 1), (third, 2))]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["norm.running_mean"], states[2]["norm.running_mean"])
