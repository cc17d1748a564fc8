"""What lies beyond the types that carry it to an engine is refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tiny_network import Artifact

from oxidizedvision import load
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.seeded import seeded_inputs
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners.base import RunnerConfig
from oxidizedvision.runners.table import load_runner

pytest.importorskip("oxidizedvision_native", reason="`make native` builds it")


def relu(path: Path, *, rank: int) -> Path:
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1] * rank) for name in ("x", "y")
    ]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


@pytest.mark.parametrize("threads", [-1, 1 << 70])
def test_threads_beyond_any_integer(tiny_shared: Artifact, threads: int) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        load_runner("tract", RunnerConfig(tiny_shared.onnx, threads=threads))
    assert caught.value.kind is Kind.INVALID_OPTION


@pytest.mark.parametrize("engine", ["tract", "rten"])
def test_ranks_up_to_what_arrays_have(engine: str, tmp_path: Path) -> None:
    ones = np.ones([1] * 32, np.float32)
    with load(relu(tmp_path / "most.onnx", rank=32), runner=engine) as runner:
        np.testing.assert_array_equal(runner.run(ones), ones)
    with pytest.raises(OxidizedVisionError, match="33 axes") as caught:
        load(relu(tmp_path / "more.onnx", rank=33), runner=engine)
    assert caught.value.kind is Kind.UNSUPPORTED


@pytest.mark.parametrize("dims", [(1, 1 << 60), (1 << 40, 1 << 40), (1, 1 << 45)])
def test_inputs_beyond_any_memory_are_not_tried(dims: tuple[int, ...]) -> None:
    with pytest.raises(OxidizedVisionError, match="no random input 'x'") as caught:
        seeded_inputs((TensorSpec("x", "f32", dims),), {})
    assert caught.value.kind is Kind.INPUT
