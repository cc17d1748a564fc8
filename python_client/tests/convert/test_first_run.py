"""What `forward` imports is there before a trace is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from projects import HEAD, project
from torch import nn

from oxidizedvision.convert import convert
from oxidizedvision.convert.export.first_run import run_once

LATE = """
import torch

_library = torch.library.Library("oxv_late", "DEF")
_library.define("version() -> int")
_library.impl("version", lambda: 3, "CompositeExplicitAutograd")
VERSION = torch.ops.oxv_late.version()
"""
"""As large packages do, it asks an operator of its own when it is imported."""

CODE = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        from oxv_late_package import VERSION

        return self.conv(x) * VERSION
"""
)


def test_a_package_that_forward_imports_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "oxv_late_package.py").write_text(LATE)
    monkeypatch.syspath_prepend(site)
    result = convert(project(tmp_path / "net", CODE))
    assert result.torchscript is not None
    assert result.exporter == "torchscript"
    assert result.parity["max_error"] < 1e-5


class Counting(nn.Module):
    """Keeps what it saw, and counts in a buffer."""

    count: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer("count", torch.zeros(1))
        self.seen: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x)
        self.count += 1
        x += 1
        return x * self.weight


def test_the_network_and_its_example_stay_as_they_were() -> None:
    network, example = Counting(), torch.zeros(2, 3)
    run_once(network, (example,))
    assert network.seen == []
    assert network.count.item() == 0
    assert example.sum().item() == 0


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_what_it_raises_is_left_to_the_exporter(error: BaseException) -> None:
    class Raising(nn.Module):
        runs = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            del x
            Raising.runs += 1
            raise error

    run_once(Raising(), (torch.zeros(1),))
    assert Raising.runs == 1
