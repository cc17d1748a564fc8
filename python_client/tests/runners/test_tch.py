"""LibTorch through Rust: PyTorch's answers from a .pt alone, in a process with or without torch."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners import Runner, RunnerConfig, availability, load, load_runner

if not availability("tch").ready:
    pytest.skip(availability("tch").hint, allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

TESTDATA = Path(__file__).parents[3] / "testdata"
MODELS = TESTDATA / "models"

Arrays = dict[str, NDArray[Any]]


def case(model: str, name: str = "random-0") -> tuple[Arrays, Arrays]:
    golden = load_file(MODELS / f"{model}.safetensors")

    def side(which: str) -> Arrays:
        prefix = f"{name}/{which}/"
        return {k.removeprefix(prefix): v for k, v in golden.items() if k.startswith(prefix)}

    return side("input"), side("output")


def without_description(folder: Path) -> Path:
    """The residual network as other tools save it: nothing says what its inputs are."""
    bare = folder / "residual.pt"
    with zipfile.ZipFile(MODELS / "residual.pt") as whole, zipfile.ZipFile(bare, "w") as kept:
        for entry in whole.infolist():
            if not entry.filename.endswith("oxv.json"):
                kept.writestr(entry, whole.read(entry))
    return bare


def refused(config: RunnerConfig, engine: str = "tch") -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        load_runner(engine, config)
    return caught.value


@pytest.mark.parametrize("model", ["residual", "dynamic", "pair", "dtype_f16", "dtype_bool"])
def test_the_answers_are_pytorchs_and_torchscripts(model: str) -> None:
    inputs, expected = case(model)
    with load(MODELS / f"{model}.pt", runner="tch", threads=1) as rust:
        got = rust.run_named(inputs)
        specs = rust.info
    python = load(MODELS / f"{model}.pt", runner="torchscript", threads=1)
    assert specs.inputs == python.info.inputs
    also = python.run_named(inputs)
    assert list(also) == list(got) == [spec.name for spec in specs.outputs]
    for name, array in got.items():
        assert array.dtype == expected[name].dtype
        np.testing.assert_allclose(array, expected[name], rtol=1e-3 if "f16" in model else 1e-5)
        np.testing.assert_allclose(array, also[name], rtol=1e-3 if "f16" in model else 1e-6)


def test_a_file_alone_says_what_it_is() -> None:
    content = (MODELS / "dynamic.pt").read_bytes()
    dims = ("batch", 3, "height", "width")
    for engine in ("tch", "torchscript"):
        info = load(content, runner=engine).info
        assert info.inputs == (TensorSpec("x", "f32", dims),)
        assert info.outputs == (TensorSpec("y", "f32", dims),)
    assert load(content, runner="tch", threads=1).info.threads == 1


@pytest.mark.parametrize("engine", ["tch", "torchscript"])
def test_a_file_that_says_nothing_is_refused_with_the_way_out(engine: str, tmp_path: Path) -> None:
    bare = without_description(tmp_path)
    error = refused(RunnerConfig(bare), engine)
    assert error.kind is Kind.INVALID_OPTION
    assert "convert" in f"{error} {error.hint}"
    assert "input_shapes" in f"{error} {error.hint}"


def test_a_shape_stands_in_for_the_description(tmp_path: Path) -> None:
    bare = without_description(tmp_path)
    runner = load_runner("tch", RunnerConfig(bare, input_shapes={"picture": (1, 3, 8, 8)}))
    assert runner.info.outputs == (TensorSpec("output", "f32", (1, 3, 8, 8)),)
    inputs, outputs = case("residual")
    np.testing.assert_allclose(runner.run(inputs["x"]), outputs["y"], rtol=1e-5)
    error = refused(RunnerConfig(bare, input_shapes={"picture": (1, 5, 8, 8)}))
    assert error.kind is Kind.SHAPE_MISMATCH
    assert "5 channels" in error.message


@pytest.mark.parametrize("name", ["empty", "random", "truncated", "state_dict"])
def test_what_is_no_module_is_corrupt(name: str) -> None:
    assert refused(RunnerConfig(TESTDATA / "hostile" / f"{name}.pt")).kind is Kind.CORRUPT


def test_a_device_that_is_not_there_is_refused_with_the_count() -> None:
    error = refused(RunnerConfig(MODELS / "residual.pt", device="cuda:99"))
    assert error.kind is Kind.DEVICE_UNAVAILABLE
    assert "LibTorch sees" in error.message


RUN = f"""
import numpy as np
from oxidizedvision import load
tch = load({str(MODELS / "residual.pt")!r}, runner="tch")
answer = tch.run(np.ones((1, 3, 8, 8), np.float32))
assert answer.shape == (1, 3, 8, 8)
"""
TORCH = f"""
import torch
with torch.no_grad():
    module = torch.jit.load({str(MODELS / "residual.pt")!r})
    tensor = module(torch.ones(1, 3, 8, 8))
"""
AGREE = "\nassert np.abs(answer - tensor.numpy()).max() < 1e-6\n"


@pytest.mark.parametrize(
    "program",
    [
        RUN + "\nimport sys; assert 'torch' not in sys.modules",
        TORCH + RUN + AGREE,
        RUN + TORCH + AGREE + RUN + AGREE,
        "import onnxruntime, openvino\n" + RUN + TORCH + AGREE,
    ],
    ids=["alone", "after-torch", "before-torch", "beside-the-others"],
)
def test_it_shares_a_process_with_torch_in_any_order(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class _Keeps(torch.nn.Module):
    """Gives the input of the run before."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(1, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = self.last
        self.last = x
        return before


class _OneRow(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[0] == 1, "one row only"
        return x.add_(1)


class _Named(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"y": x}


class _Two(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x, x + 1]


def scripted(module: torch.nn.Module, outputs: int = 1) -> bytes:
    """A module from four columns to four, with its description."""

    def spec(name: str) -> dict[str, object]:
        return {"name": name, "dtype": "f32", "dims": ["rows", 4]}

    description = {
        "schema_version": 1,
        "inputs": [spec("x")],
        "outputs": [spec(f"y{index}") for index in range(outputs)],
        "input_shapes": {"x": [1, 4]},
    }
    file = io.BytesIO()
    extra = {"oxv.json": json.dumps(description)}
    torch.jit.save(torch.jit.script(module), file, _extra_files=extra)  # type: ignore[no-untyped-call]
    return file.getvalue()


def failing(runner: Runner, array: NDArray[Any]) -> str:
    with pytest.raises(OxidizedVisionError) as caught:
        runner.run(array)
    assert caught.value.kind is Kind.ENGINE_FAILED
    return caught.value.message


def test_a_module_may_keep_its_input_and_write_into_it() -> None:
    keeps = load(scripted(_Keeps()), runner="tch")
    for value in range(4):
        got = keeps.run(np.full((1, 4), value, np.float32))
        assert got.tolist() == [[max(0, value - 1)] * 4]
    mine = np.zeros((1, 4), np.float32)
    assert load(scripted(_OneRow()), runner="tch").run(mine).tolist() == [[1.0] * 4]
    assert not mine.any()


def test_a_run_that_fails_says_why_frees_its_input_and_hurts_no_other() -> None:
    runner = load(scripted(_OneRow()), runner="tch")
    rows = np.zeros((50_000, 4), np.float32)
    for _ in range(50):
        assert "one row only" in failing(runner, rows)
    before = resident_mib()
    for _ in range(200):
        failing(runner, rows)
    assert resident_mib() - before < 20
    assert runner.run(np.zeros((1, 4), np.float32)).tolist() == [[1.0] * 4]


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) / 256


def test_outputs_that_are_no_tensors_are_told() -> None:
    array = np.zeros((1, 4), np.float32)
    assert "a dict" in failing(load(scripted(_Named()), runner="tch"), array)
    assert "2 outputs" in failing(load(scripted(_Two()), runner="tch"), array)
    two = load(scripted(_Two(), outputs=2), runner="tch")
    assert two.run_named({"x": array})["y1"].tolist() == [[1.0] * 4]


def test_a_run_leaves_torchs_threads_alone() -> None:
    before = torch.get_num_threads()
    runner = load(MODELS / "residual.pt", runner="tch", threads=before + 1)
    runner.run(np.ones((1, 3, 8, 8), np.float32))
    assert torch.get_num_threads() == before
