"""The files that `convert` writes, and that it writes all of them or none."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from projects import CONV, DYNAMIC, HEAD, project
from safetensors import safe_open
from safetensors.numpy import load_file

from oxidizedvision.config import load_config
from oxidizedvision.convert import convert, load_module
from oxidizedvision.core.errors import Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import FileRecord, PackageRecord, load_manifest, update_manifest
from oxidizedvision.onnx_file import Session, contract_of, opset_of, read_onnx
from oxidizedvision.registry import list_models
from oxidizedvision.runners.table import availability, load

GRID_SAMPLE = (
    HEAD
    + """
class Net(nn.Module):
    def forward(self, x):
        grid = x[:, :2].permute(0, 2, 3, 1)
        return nn.functional.grid_sample(x, grid, align_corners=False)
"""
)


def test_every_file_agrees_with_pytorch_and_with_the_manifest(tmp_path: Path) -> None:
    config = project(tmp_path, export=DYNAMIC)
    result = convert(config)
    manifest = load_manifest(result.manifest)
    for stage in manifest.stages:
        assert stage.output.sha256 == sha256_of(result.manifest.parent / stage.output.file)
    goldens = load_file(result.goldens)
    assert {key.split("/")[0] for key in goldens} == {"random-0", "random-1"}
    module = load_module(load_config(config))
    session = Session(result.onnx.read_bytes(), "net")
    for case in ("random-0", "random-1"):
        array, wanted = goldens[f"{case}/input/input"], goldens[f"{case}/output/output"]
        with torch.no_grad():
            np.testing.assert_allclose(module(torch.from_numpy(array)).numpy(), wanted, atol=1e-6)
        np.testing.assert_allclose(session.run({"input": array})["output"], wanted, atol=1e-5)
    assert result.parity["max_error"] < 1e-5
    assert [entry.name for entry in list_models()] == ["net"]


def test_the_row_of_fp32_is_the_tolerance_that_travels(tmp_path: Path) -> None:
    config = project(tmp_path)
    with config.open("a") as file:
        file.write("validation: {tolerances: {fp32: {mae: 0.25, cos_sim: 0.5}}}\n")
    result = convert(config)
    told = {"mae": 0.25, "cosine_similarity": 0.5}
    assert load_manifest(result.manifest).tolerance.model_dump() == told
    with safe_open(result.goldens, "numpy") as goldens:
        assert json.loads(goldens.metadata()["tolerance"]) == told


def test_a_crate_stays_known_while_its_model_comes_out_the_same(tmp_path: Path) -> None:
    config = project(tmp_path)
    result = convert(config)
    record = PackageRecord(
        path="crate",
        name="net",
        engine="tract",
        created="2026-01-01T00:00:00+00:00",
        model_sha256=sha256_of(result.onnx),
        sha256="0" * 64,
        bytes=1,
    )
    of_another = record.model_copy(update={"path": "other", "model_sha256": "1" * 64})
    change = {"packages": [record, of_another]}
    update_manifest(result.manifest, lambda manifest: manifest.model_copy(update=change))
    convert(config)
    assert load_manifest(result.manifest).packages == [record]
    (tmp_path / "model.py").write_text(CONV.replace("3, 3", "3, 4"), encoding="utf-8")
    convert(config)
    assert load_manifest(result.manifest).packages == []


def test_onnx_carries_its_contract_and_symbols(tmp_path: Path) -> None:
    more = DYNAMIC + "preprocess: {color: rgb}\npostprocess: {kind: image}\n"
    result = convert(project(tmp_path, export=more))
    contract = contract_of(read_onnx(result.onnx))
    dims = ["batch", 3, "height", "width"]
    assert contract["schema_version"] == "1"
    assert contract["name"] == "net"
    assert json.loads(contract["inputs"]) == [{"name": "input", "dtype": "f32", "dims": dims}]
    assert json.loads(contract["outputs"]) == [{"name": "output", "dtype": "f32", "dims": dims}]
    assert json.loads(contract["tiling"]) == {"overlap": 2, "multiple": 1} == result.tiling
    assert json.loads(contract["preprocess"])["layout"] == "nchw"
    assert json.loads(contract["postprocess"])["kind"] == "image"
    golden = load_file(result.goldens)["random-0/input/input"]
    assert golden.min() >= 0.0
    assert golden.max() == pytest.approx(1.0)


def test_declared_ranges_go_with_the_files(tmp_path: Path) -> None:
    ranged = DYNAMIC.replace("2: height", "2: {name: height, min: 5, max: 64, multiple_of: 8}")
    assert ranged != DYNAMIC
    result = convert(project(tmp_path, export=ranged))
    told = json.loads(contract_of(read_onnx(result.onnx))["axes"])
    assert told == {"height": {"min": 8, "max": 64, "multiple_of": 8}}
    runners = [(result.onnx, "onnxruntime"), (result.onnx, "rten"), (result.torchscript, "tch")]
    for path, runner in runners:
        if path is None or not availability(runner).ready:
            continue
        with load(path, runner=runner) as loaded:
            with pytest.raises(OxidizedVisionError, match="height must be 8 to 64 and a multiple"):
                loaded.run(np.zeros((1, 3, 12, 16), np.float32))
            assert loaded.run(np.zeros((1, 3, 16, 17), np.float32)).shape[2:] == (16, 17)


def test_axes_of_outputs_are_measured(tmp_path: Path) -> None:
    code = (
        HEAD
        + """
class Net(nn.Module):
    def forward(self, x):
        return x.mean((2, 3)), nn.functional.max_pool2d(x, 2)
"""
    )
    result = convert(project(tmp_path, code, export=DYNAMIC))
    outputs = load_manifest(result.manifest).outputs
    assert [spec.name for spec in outputs] == ["output_0", "output_1"]
    assert outputs[0].dims == ["batch", 3]
    assert outputs[1].dims == ["batch", 3, "output_1_2", "output_1_3"]
    assert result.tiling is None


def test_opset_demanded_is_met(tmp_path: Path) -> None:
    result = convert(project(tmp_path), opset_version=11)
    assert result.opset_version == opset_of(read_onnx(result.onnx)) == 11


def test_opset_demanded_that_cannot_be_met_is_refused(tmp_path: Path) -> None:
    config = project(tmp_path, GRID_SAMPLE, export="  opset_version: 14\n")
    with pytest.raises(OxidizedVisionError, match="at opset 14") as caught:
        convert(config)
    assert caught.value.kind is Kind.EXPORT
    with pytest.raises(OxidizedVisionError, match="Opset 25"):
        convert(config, opset_version=25)


def test_default_opset_is_raised_and_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    result = convert(project(tmp_path, GRID_SAMPLE), notify=said.append)
    assert result.opset_version == 16
    assert any("opset 16 instead of 14" in line for line in said)
    assert capfd.readouterr().out == ""


def test_a_size_fixed_by_tracing_is_found(tmp_path: Path) -> None:
    code = (
        HEAD + "class Net(nn.Module):\n    def forward(self, x):\n        return x * len(x[0, 0])\n"
    )
    with pytest.raises(OxidizedVisionError, match="differs from PyTorch") as caught:
        convert(project(tmp_path, code, export=DYNAMIC))
    assert caught.value.kind is Kind.EXPORT


def test_a_branch_that_no_input_takes_is_told_with_its_line(tmp_path: Path) -> None:
    body = "        return x if x.mean() > -9 else -x * 3\n"
    code = HEAD + f"class Net(nn.Module):\n    def forward(self, x):\n{body}"
    line = 1 + code[: code.index("return x if")].count("\n")
    with pytest.warns(OxidizedVisionWarning, match=rf"forward decides .* model\.py, line {line}:"):
        convert(project(tmp_path, code))


def test_axis_that_cannot_change_is_named(tmp_path: Path) -> None:
    code = (
        HEAD
        + "class Net(nn.Module):\n    def forward(self, x):\n        return x + torch.ones(16)\n"
    )
    with pytest.raises(OxidizedVisionError, match="axis 'width' cannot change"):
        convert(project(tmp_path, code, export="  dynamic_axes: {input: {3: width}}\n"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, OxidizedVisionError(Kind.EXPORT, "no")])
def test_a_run_that_ends_early_leaves_the_older_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    config = project(tmp_path)
    convert(config)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def interrupted(*_: object) -> None:
        raise error

    job = importlib.import_module("oxidizedvision.convert.job")
    monkeypatch.setattr(job, "best_of", interrupted)
    (tmp_path / "model.py").write_text(CONV.replace("width=4", "width=5"))
    with pytest.raises((KeyboardInterrupt, OxidizedVisionError)):
        convert(config)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OxidizedVisionError) as caught:
        convert(project(tmp_path), output_dir=tmp_path / "taken")
    assert caught.value.kind is Kind.FILE_SYSTEM


def test_a_new_result_drops_what_was_optimised_from_the_old_one(tmp_path: Path) -> None:
    config = project(tmp_path)
    path = convert(config).manifest
    stale = tmp_path / "out" / "net.optimized.onnx"
    stale.write_bytes(b"made from the model before")
    manifest = load_manifest(path)
    stage = manifest.stages[-1].model_copy(
        update={"name": "optimize", "output": FileRecord.of(stale)}
    )
    manifest.model_copy(update={"stages": [*manifest.stages, stage]}).save(path)
    convert(config)
    assert not stale.exists()
    assert [stage.name for stage in load_manifest(path).stages] == ["torchscript", "onnx"]
