"""The TorchScript file that `convert` writes says itself what its inputs and outputs are."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from projects import DYNAMIC, project

from oxidizedvision.convert import convert
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.core.tensors import TensorSpec
from oxidizedvision.runners import RunnerConfig, load, load_runner

DIMS = ("batch", 3, "height", "width")


def replaced(path: Path, content: str) -> None:
    """Write the file anew with another description."""
    with zipfile.ZipFile(path) as whole:
        entries = {entry: whole.read(entry) for entry in whole.infolist()}
    with zipfile.ZipFile(path, "w") as changed:
        for entry, data in entries.items():
            ours = entry.filename.endswith("/extra/oxv.json")
            changed.writestr(entry.filename, content if ours else data)


def test_the_file_agrees_with_the_manifest(tmp_path: Path) -> None:
    result = convert(project(tmp_path, export=DYNAMIC))
    with zipfile.ZipFile(result.torchscript) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("/extra/oxv.json")]
        description = json.loads(archive.read(name))
    manifest = json.loads(load_manifest(result.manifest).model_dump_json())
    assert description["schema_version"] == 1
    for key in ("inputs", "outputs", "input_shapes"):
        assert description[key] == manifest[key]


def test_the_file_runs_without_its_manifest(tmp_path: Path) -> None:
    result = convert(project(tmp_path, export=DYNAMIC))
    result.manifest.unlink()
    for model in (result.torchscript, result.torchscript.read_bytes()):
        runner = load(model, runner="torchscript")
        assert runner.info.inputs == (TensorSpec("input", "f32", DIMS),)
        assert runner.info.outputs == (TensorSpec("output", "f32", DIMS),)
        assert runner.run(np.ones((2, 3, 9, 7), np.float32)).shape == (2, 3, 9, 7)


def test_a_trace_computes_in_single_precision_wherever_it_runs(tmp_path: Path) -> None:
    import torch

    result = convert(project(tmp_path))
    module = torch.jit.load(result.torchscript)  # type: ignore[no-untyped-call]
    graph = module.inlined_graph
    convolutions = list(graph.findAllNodes("aten::_convolution"))
    assert len(convolutions) == 2
    # Its last argument tells whether cuDNN may use TF32, whatever is set where it runs.
    assert [list(node.inputs())[-1].toIValue() for node in convolutions] == [False, False]


@pytest.mark.parametrize("content", ["{", '{"schema_version": 1, "inputs": []}'])
def test_a_broken_description_is_corrupt(tmp_path: Path, content: str) -> None:
    result = convert(project(tmp_path))
    replaced(result.torchscript, content)
    with pytest.raises(OxidizedVisionError, match=r"oxv\.json") as caught:
        load_runner("torchscript", RunnerConfig(result.torchscript))
    assert caught.value.kind is Kind.CORRUPT


def test_a_description_of_a_later_version_is_refused(tmp_path: Path) -> None:
    result = convert(project(tmp_path))
    later = {"schema_version": 9, "inputs": [], "outputs": [], "input_shapes": {}}
    replaced(result.torchscript, json.dumps(later))
    with pytest.raises(OxidizedVisionError, match="schema_version 9"):
        load_runner("torchscript", RunnerConfig(result.torchscript))
