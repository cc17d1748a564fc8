"""A module that is called several times is compared call by call, or said to be left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto

from oxidizedvision.cli.layers import report_views
from oxidizedvision.config import load_config
from oxidizedvision.convert import convert, load_module
from oxidizedvision.layers import LayerReport, Side, compare, pytorch_side
from oxidizedvision.onnx_file import read_onnx

CODE = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.act(self.norm(self.conv(x))) - x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.block = Block()
        self.act = nn.Hardtanh(-0.5, 0.5)
        self.head = nn.Conv2d(4, 3, 1)

    def forward(self, x):
        y = self.block(self.block(self.act(self.stem(x))))
        return self.head(y) + self.head(self.act(-y))


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout()
        self.act = nn.Hardtanh(-0.5, 0.5, inplace=True)
        self.last = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Hardtanh(-0.1, 0.1, True), nn.Dropout())

    def forward(self, x):
        y = self.drop(self.norm(self.conv(x)))
        y += x
        return self.last(self.drop(self.act(y)))


class Scaled(nn.Module):
    def forward(self, x, times):
        return torch.sigmoid(x * 2) if times > 1 else torch.sigmoid(x)


class Parts(nn.Module):
    def forward(self, x):
        return x[:, :1] * 2, x[:, 1:] * 3


class Uneven(Net):
    def __init__(self):
        super().__init__()
        self.scaled = Scaled()
        self.parts = Parts()

    def forward(self, x):
        y = self.scaled(self.scaled(self.stem(x), 1), 2)
        one, other = self.parts(y)
        first, last = self.parts(other)
        return self.head(torch.cat([one, first, last], 1))
"""

CALLS = {
    *("act#1", "act#2", "block.conv#1", "block.conv#2", "head#1", "head#2"),
    *(f"block.act#{number}" for number in (1, 2, 3, 4)),
}
INPUTS = {"input": np.random.default_rng(5).standard_normal((1, 3, 8, 8)).astype(np.float32)}


def converted(folder: Path, name: str, exporter: str) -> tuple[Path, ModelProto]:
    """The config and the ONNX graph of a network."""
    (folder / "model.py").write_text(CODE)
    opset = 18 if exporter == "dynamo" else 14
    config = folder / "config.yml"
    config.write_text(
        f"model: {{path: model.py, class_name: {name}, input_shape: [1, 3, 8, 8]}}\n"
        f"export: {{output_dir: {folder / 'out'}, exporter: {exporter}, opset_version: {opset}}}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OXIDIZEDVISION_HOME", str(folder / "home"))
        return config, read_onnx(convert(config).onnx)


def side_of(config: Path, model: ModelProto) -> Side:
    return pytorch_side(load_module(load_config(config)), model, INPUTS)


@pytest.fixture(scope="module", params=["torchscript", "dynamo"])
def net(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, ModelProto]:
    config, model = converted(tmp_path_factory.mktemp("calls"), "Net", request.param)
    return side_of(config, model), model


def compared(side: Side, model: ModelProto, *, full: bool = True) -> LayerReport:
    return compare(side, Side(model, name="net"), INPUTS, full=full)


def test_every_call_is_compared(net: tuple[Side, ModelProto]) -> None:
    side, model = net
    report = compared(side, model)
    assert report.passed, report.first
    assert not any(layer.renamed for layer in report.layers)
    modules = [layer.module for layer in report.layers]
    assert len(modules) == len(set(modules))
    assert set(modules) >= CALLS
    assert {"stem"} <= set(modules)
    assert all(layer.local is not None for layer in report.layers)
    assert not any("is called" in note for note in report.notes)
    assert compared(side, model, full=False).passed


@pytest.mark.parametrize("full", [True, False], ids=["full", "bisect"])
@pytest.mark.parametrize("call", [1, 3])
def test_a_fault_in_one_call_is_named_by_its_number(
    net: tuple[Side, ModelProto], call: int, full: bool
) -> None:
    side, clean = net
    model = ModelProto.FromString(clean.SerializeToString())
    relus = [node for node in model.graph.node if node.op_type == "Relu"]
    relus[call - 1].op_type = "Abs"
    report = compared(side, model, full=full)
    assert not report.passed
    assert [layer.module for layer in report.ranked] == [f"block.act#{call}"]


def test_what_is_written_over_keeps_the_value_that_it_had(tmp_path: Path) -> None:
    config, model = converted(tmp_path, "InPlace", "torchscript")
    side = side_of(config, model)
    report = compared(side, model)
    assert report.passed, report.first
    assert not any(layer.renamed for layer in report.layers)
    assert {"conv", "act", "last.0", "last.1"} <= {layer.module for layer in report.layers}


def test_what_cannot_be_told_apart_is_said(tmp_path: Path) -> None:
    config, model = converted(tmp_path, "Uneven", "torchscript")
    side = side_of(config, model)
    report = compared(side, model)
    assert report.passed, report.first
    assert {"stem", "head"} <= {layer.module for layer in report.layers}
    assert "scaled" not in {layer.module for layer in report.layers}
    told = [note for note in report.notes if "is called" in note]
    assert [note.partition(":")[0] for note in told] == [
        "scaled is called 2 times and not compared with PyTorch's",
        "parts is called 2 times and not compared with PyTorch's",
    ]
    assert "which of its 3 nodes belong to which call is not certain" in told[0]
    assert "makes several tensors" in told[1]
    assert any(f"note: {told[0]}" == view for view in report_views(report))
