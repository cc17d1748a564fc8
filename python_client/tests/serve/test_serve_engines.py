"""Every ready engine serves, and gives what PyTorch gives."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import MODELS, Reply, Served, cases, serving

from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.runners import availability
from oxidizedvision.runners.native import MODULES

ENGINES = [engine.name for engine in NATIVE_ENGINES if engine.computes_here]


def infer(server: Served, model: str, array: Any) -> Reply:
    tensor = {"name": "x", "shape": list(array.shape), "datatype": "FP32", "data": array.tolist()}
    return server.send({"inputs": [tensor]}, f"/v2/models/{model}/infer")


def answers_are_pytorchs(server: Served, model: str) -> None:
    for inputs, outputs in cases(model):
        reply = infer(server, model, inputs["x"])
        assert reply.status == 200, reply.body
        [output] = reply.json["outputs"]
        got = np.array(output["data"], np.float32).reshape(output["shape"])
        np.testing.assert_allclose(got, outputs["y"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_answers_are_pytorchs(native_server: None, tmp_path: Path, engine: str) -> None:
    state = availability(engine)
    if not state.ready:
        pytest.skip(f"{engine}: {state.hint}")
    pytest.importorskip(MODULES[engine])
    ending = next(each.file_format for each in NATIVE_ENGINES if each.name == engine)
    model = MODELS / f"dynamic.{ending}"
    with serving(model, "--runner", engine, log=tmp_path / "log") as server:
        [served] = server.document["models"]
        assert served["runner"] == engine
        answers_are_pytorchs(server, "dynamic")
        assert server.end() == 0


@pytest.mark.skipif(shutil.which("cargo") is None, reason="the stand-in is Rust")
def test_tensorrt_serves_too(native_server: None, tensorrt_stand_in: Path, tmp_path: Path) -> None:
    environment = {
        "TRTEXEC": str(tensorrt_stand_in / "trtexec"),
        "PATH": f"{tensorrt_stand_in}{os.pathsep}{os.environ['PATH']}",
        "OXIDIZEDVISION_HOME": str(tmp_path / "home"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        arguments = (MODELS / "residual.onnx", "--runner", "tensorrt")
        with serving(*arguments, log=tmp_path / "log") as server:
            answers_are_pytorchs(server, "residual")
