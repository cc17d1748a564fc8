"""A bundle of `validate --reduce` runs as it stands in Python and Rust, and tells when all is well.

The model is the trained denoiser with weights in INT8, one of whose scales is wrong.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from oxidizedvision import convert
from oxidizedvision.layers import Reduction, reduce
from oxidizedvision.quantize.graphs import store_int8
from tests.e2e.conftest import cargo

pytestmark = pytest.mark.e2e

ENGINE = "rten"
FACTOR = np.float32(1.5)


def with_factor(model: Path, node: str, factor: np.float32, target: Path) -> Path:
    """The model with the scale of a node of dequantisation multiplied."""
    proto = onnx.load(model)
    (scale,) = (n.input[1] for n in proto.graph.node if n.name == node)
    tensor = next(item for item in proto.graph.initializer if item.name == scale)
    values = numpy_helper.to_array(tensor) * factor
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), scale))
    onnx.save(proto, target)
    return target


@pytest.fixture(scope="module")
def bundle(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Reduction:
    """What is left of the denoiser."""
    folder = tmp_path_factory.mktemp("reduced")
    clean = convert(example, output_dir=folder / "out").onnx
    small = onnx.load(clean)
    store_int8(small)
    onnx.save(small, folder / "small.onnx")
    wrong = [node.name for node in small.graph.node if node.op_type == "DequantizeLinear"][1]
    bad = with_factor(folder / "small.onnx", wrong, FACTOR, folder / "bad.onnx")
    pictures = np.random.default_rng(0).random((1, 3, 48, 40), np.float32)
    found = reduce(clean, bad, {"input": pictures}, folder / "bundle", engine=ENGINE)
    assert wrong in found.nodes
    assert len(found.nodes) <= 3
    return found


def in_python(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "reproduce.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def in_rust(folder: Path) -> subprocess.CompletedProcess[str]:
    return cargo("run", "--release", "--offline", "--quiet", folder=folder / "rust")


@pytest.mark.parametrize("run", [in_python, in_rust])
def test_it_fails_until_the_model_is_mended(
    bundle: Reduction, run: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    assert bundle.folder is not None
    model = bundle.folder / "model.onnx"
    failing = run(bundle.folder)
    assert failing.returncode == 3, failing.stderr
    assert "FAIL " in failing.stdout
    content = model.read_bytes()
    try:
        (wrong,) = (n for n in bundle.nodes if is_dequantised(model, n))
        with_factor(model, wrong, 1 / FACTOR, model)
        mended = run(bundle.folder)
    finally:
        model.write_bytes(content)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "pass " in mended.stdout


def is_dequantised(model: Path, node: str) -> bool:
    nodes = {each.name: each.op_type for each in onnx.load(model).graph.node}
    return nodes[node] == "DequantizeLinear"
