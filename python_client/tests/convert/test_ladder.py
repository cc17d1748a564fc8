"""The whole ladder: what is tried, what is taken, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from projects import CONV, HEAD, project

from oxidizedvision.convert import convert
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.table import load_runner

AUTO = "  exporter: auto\n"

BATCH = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        count = int(x.shape[0])
        return self.conv(x).reshape(count, -1)
"""

BRANCH = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        y = self.conv(x)
        if x.mean() > 0.5:
            y = y * 2
        return y
"""

HALVES = (
    HEAD
    + """
class Net(nn.Module):
    def forward(self, x):
        half = x.shape[2] // 2
        return x[:, :, :half] + x[:, :, half:]
"""
)

SLOW = """
class Net(nn.Module):
    def forward(self, x):
        if torch.jit.is_tracing():
            import time
            time.sleep(600)
        return x * 2
"""

DEADLY = """
class Net(nn.Module):
    def forward(self, x):
        if torch.jit.is_tracing():
            import os
            os.kill(os.getpid(), 11)
        return x * 2
"""


def test_the_first_that_passes_everywhere_is_taken(tmp_path: Path) -> None:
    result = convert(project(tmp_path, CONV, export=AUTO))
    assert (result.exporter, result.opset_version) == ("torchscript", 14)
    (attempt,) = result.attempts
    assert (attempt.status, attempt.chosen) == ("passed", True)
    assert set(attempt.engines.values()) == {"works"}
    assert load_manifest(result.manifest).attempts == list(result.attempts)


def test_a_fixed_batch_is_named_and_another_exporter_is_taken(tmp_path: Path) -> None:
    export = AUTO + "  dynamic_axes: {input: {0: {name: batch, min: 1, max: 5}}}\n"
    result = convert(project(tmp_path, HEAD + BATCH, export=export))
    traced, exported, scripted = result.attempts
    assert (traced.status, traced.cause) == ("differs", "baked_axis")
    assert "Reshape" in traced.message
    assert "the network itself" in traced.message
    assert traced.source == "model.py, line 11"
    assert (exported.status, exported.cause) == ("failed", "baked_axis")
    assert (scripted.exporter, scripted.chosen) == ("script", True)
    assert load_manifest(result.manifest).axes["batch"].proved == [1, 2, 3, 5]


def test_a_branch_that_some_input_takes_ends_in_the_script(tmp_path: Path) -> None:
    result = convert(project(tmp_path, HEAD + BRANCH, export=AUTO))
    traced, exported, scripted = result.attempts
    assert (traced.cause, traced.source) == ("data_dependent_branch", "model.py, line 12")
    assert (exported.cause, exported.source) == ("data_dependent_branch", "model.py, line 12")
    assert scripted.chosen
    script = next(s for s in load_manifest(result.manifest).stages if s.name == "torchscript")
    assert script.tool == "torch.jit.script"


def test_one_exporter_asked_for_is_that_or_an_error(tmp_path: Path) -> None:
    with pytest.raises(OxidizedVisionError, match="decides by a value") as caught:
        convert(project(tmp_path, HEAD + BRANCH), exporter="dynamo")
    assert caught.value.kind is Kind.EXPORT
    assert "model.py, line 12" in caught.value.message
    with pytest.raises(OxidizedVisionError, match="did you mean 'dynamo'"):
        convert(project(tmp_path, CONV), exporter="dynmo")


def test_a_length_that_pytorch_refuses_breaks_the_promise(tmp_path: Path) -> None:
    axis = "{name: height, min: 2, max: 9}"
    config = project(
        tmp_path, HALVES, shape=(1, 3, 8, 8), export=f"  dynamic_axes: {{input: {{2: {axis}}}}}\n"
    )
    with pytest.raises(OxidizedVisionError, match="which PyTorch itself refuses") as caught:
        convert(config)
    assert "multiple_of" in caught.value.hint


def test_a_range_that_nobody_declared_is_measured(tmp_path: Path) -> None:
    export = "  dynamic_axes: {input: {0: batch, 2: height}}\n"
    result = convert(project(tmp_path, HALVES, shape=(1, 3, 8, 8), export=export))
    assert {name: str(axis) for name, axis in result.axes.items()} == {
        "height": "at least 2 and a multiple of 2"
    }
    axes = load_manifest(result.manifest).axes
    assert (axes["height"].min, axes["height"].multiple_of) == (2, 2)
    assert all(length % 2 == 0 for length in axes["height"].proved)
    with load_runner("ort", RunnerConfig(result.onnx)) as runner:
        assert set(runner.info.axes) == {"height"}
        with pytest.raises(OxidizedVisionError, match="height must be at least 2 and a multiple"):
            runner.run(np.zeros((1, 3, 7, 8), np.float32))


@pytest.mark.parametrize(
    ("code", "export", "expected"),
    [
        (SLOW, "  timeout_s: 12\n", "did not end within 12 s"),
        (DEADLY, "", "ended by signal 11"),
    ],
)
def test_an_exporter_that_hangs_or_dies_is_a_failed_attempt(
    tmp_path: Path, code: str, export: str, expected: str
) -> None:
    with pytest.raises(OxidizedVisionError, match=expected):
        convert(project(tmp_path, HEAD + code, export=export))


def test_the_torch_export_file_is_an_option(tmp_path: Path) -> None:
    import torch

    export = "  pt2: true\n  exporter: dynamo\n  dynamic_axes: {input: {0: batch}}\n"
    result = convert(project(tmp_path, CONV, export=export))
    assert result.pt2 is not None
    program = torch.export.load(result.pt2)
    assert program.module()(torch.zeros(3, 3, 16, 16)).shape == (3, 3, 16, 16)
    assert load_manifest(result.manifest).stages[1].name == "pt2"


def test_without_torchscript_the_reason_is_told(tmp_path: Path) -> None:
    code = HEAD + (
        "class Net(nn.Module):\n"
        "    def forward(self, x):\n"
        "        if torch.jit.is_tracing() and not torch.onnx.is_in_onnx_export():\n"
        "            raise RuntimeError('not today')\n"
        "        return getattr(self, 'scale' if hasattr(self, 'scale') else 'twice')(x)\n"
        "    def __getattr__(self, name):\n"
        "        return (lambda x: x * 2) if name == 'twice' else super().__getattr__(name)\n"
    )
    with pytest.warns(UserWarning, match="There is no TorchScript file"):
        result = convert(project(tmp_path, code))
    assert result.torchscript is None
    assert not list((tmp_path / "out").glob("*.pt"))
