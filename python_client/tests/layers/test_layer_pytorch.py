"""PyTorch as the reference: its modules and the nodes of the ONNX file are brought together."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tiny_network import Artifact

from oxidizedvision.config import load_config
from oxidizedvision.convert import convert, load_module
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.layers import RunnerEngine, Side, compare, pytorch_side
from oxidizedvision.onnx_file import read_onnx

DENOISER = Path(__file__).resolve().parents[3] / "examples" / "denoiser"


def noise(shape: tuple[int, ...], name: str) -> dict[str, np.ndarray]:
    return {name: np.random.default_rng(5).standard_normal(shape).astype(np.float32)}


@pytest.mark.parametrize("full", [True, False], ids=["full", "bisect"])
def test_a_converted_network_agrees_and_a_fault_is_in_its_module(
    tiny_shared: Artifact, full: bool
) -> None:
    model = read_onnx(tiny_shared.onnx)
    inputs = noise((1, 3, 8, 12), model.graph.input[0].name)
    side = pytorch_side(load_module(load_config(tiny_shared.config)), model, inputs)
    assert side.values is not None
    assert len(side.values) >= 3
    clean = compare(side, Side(model, name="tiny"), inputs, full=full)
    assert clean.passed
    assert clean.reference == "PyTorch"
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor).copy()
        if array.shape == (3, 4, 3, 3):  # the weights of `second`
            array[1] *= 1.1
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    bad = compare(side, Side(model, name="tiny"), inputs, full=full)
    assert bad.ranked
    assert bad.ranked[0].module == "second"


def test_a_file_without_notes_is_refused(tiny_shared: Artifact) -> None:
    model = read_onnx(tiny_shared.onnx)
    for node in model.graph.node:
        del node.metadata_props[:]
    inputs = noise((1, 3, 8, 12), model.graph.input[0].name)
    network = load_module(load_config(tiny_shared.config))
    with pytest.raises(OxidizedVisionError, match=r"which nn\.Module") as caught:
        pytorch_side(network, model, inputs)
    assert caught.value.kind is Kind.UNSUPPORTED


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The config of the trained denoiser, converted."""
    folder = tmp_path_factory.mktemp("denoiser") / "example"
    shutil.copytree(DENOISER, folder, ignore=shutil.ignore_patterns("out"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OXIDIZEDVISION_HOME", str(folder / "home"))
        patch.chdir(folder)
        convert(folder / "config.yml")
    return folder


@pytest.mark.parametrize("engine", ["onnxruntime", "rten"])
def test_a_trained_network_agrees_with_its_file(denoiser: Path, engine: str) -> None:
    (path,) = denoiser.rglob("denoiser.onnx")
    model = read_onnx(path)
    inputs = noise((1, 3, 32, 40), model.graph.input[0].name)
    side = pytorch_side(load_module(load_config(denoiser / "config.yml")), model, inputs)
    report = compare(side, Side(model, RunnerEngine(engine), "denoiser"), inputs, full=True)
    assert report.passed, report.first
    assert any(layer.module.startswith("noise.") for layer in report.layers)


def test_a_fault_in_a_trained_network_is_found_in_another_engine(denoiser: Path) -> None:
    (path,) = denoiser.rglob("denoiser.onnx")
    clean, bad = read_onnx(path), onnx.load(path)
    inputs = noise((1, 3, 32, 40), clean.graph.input[0].name)
    node = [node for node in bad.graph.node if node.op_type == "Conv"][2]
    tensor = next(t for t in bad.graph.initializer if t.name == node.input[1])
    array = numpy_helper.to_array(tensor).copy()
    array[0, 0] *= 1.5
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for full in (True, False):
        sides = Side(clean, name="clean"), Side(bad, RunnerEngine("rten"), "bad")
        report = compare(*sides, inputs, full=full)
        assert [layer.node for layer in report.ranked] == [node.name]
