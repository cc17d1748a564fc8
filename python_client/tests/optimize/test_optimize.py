"""Optimised models: fewer nodes, equal answers, the same contract; else the original stays."""

from __future__ import annotations

import importlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_network import Artifact

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.onnx_file import Session, contract_of, opset_of, read_onnx
from oxidizedvision.onnx_notes import MODULE, PASS, SOURCE, notes_of, set_notes
from oxidizedvision.optimize import optimize
from oxidizedvision.optimize.compare import difference
from oxidizedvision.optimize.slimming import slimmed


def wasteful(path: Path) -> Path:
    """y = x + (1 + 2), through three identities."""
    names = ["x", "a", "b", "c"]
    nodes = [helper.make_node("Identity", [before], [after]) for before, after in pairwise(names)]
    nodes += [
        helper.make_node("Add", ["one", "two"], ["three"]),
        helper.make_node("Add", ["c", "three"], ["y"]),
    ]
    constants = [
        numpy_helper.from_array(np.full((1,), value, np.float32), name)
        for name, value in (("one", 1.0), ("two", 2.0))
    ]
    value = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("x", "y")
    ]
    graph = helper.make_graph(nodes, "wasteful", value[:1], value[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    model.metadata_props.add(key="oxv.name", value="wasteful")
    onnx.save(model, path)
    return path


def test_fewer_nodes_and_the_same_contract(tmp_path: Path) -> None:
    result = optimize(wasteful(tmp_path / "model.onnx"))
    assert (result.kept, result.nodes_before, result.nodes_after) == (True, 5, 1)
    assert result.operators_before == {"Identity": 3, "Add": 2}
    assert result.operators_after == {"Add": 1}
    after = read_onnx(result.output)
    assert opset_of(after) == 13
    assert contract_of(after) == {"name": "wasteful"}
    assert [dim.dim_param for dim in after.graph.input[0].type.tensor_type.shape.dim] == ["n", ""]
    array = np.ones((2, 3), np.float32)
    answer = Session(result.output.read_bytes(), "m").run({"x": array})["y"]
    np.testing.assert_array_equal(answer, array + 3)


def test_nodes_keep_their_module_and_name_who_rewrote_them(tmp_path: Path) -> None:
    path = wasteful(tmp_path / "model.onnx")
    model = onnx.load(path)
    for index, node in enumerate(model.graph.node):
        set_notes(node, {MODULE: f"layers.{index}", SOURCE: "model.py, line 3"})
    onnx.save(model, path)
    (node,) = read_onnx(optimize(path).output).graph.node
    last = next(n for n in model.graph.node if n.output[0] == node.output[0])
    rewritten = {} if last.op_type == node.op_type else {PASS: "onnxslim"}
    assert notes_of(node) == {**notes_of(last), **rewritten}
    assert notes_of(node)


def test_passes_are_chosen(tmp_path: Path) -> None:
    model = wasteful(tmp_path / "model.onnx")
    unfolded = optimize(model, constant_folding=False, output=tmp_path / "unfolded.onnx")
    assert unfolded.operators_after == {"Add": 2}
    neither = optimize(model, simplify=False, constant_folding=False)
    assert not neither.kept
    assert neither.output == model


def test_a_result_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(content: bytes, skipped: list[str], simplifier: str) -> bytes:
        found = onnx.load_model_from_string(slimmed(content, skipped, simplifier))
        changed = numpy_helper.to_array(found.graph.initializer[0]) + 0.1
        tensor = numpy_helper.from_array(
            changed.astype(np.float32), found.graph.initializer[0].name
        )
        found.graph.initializer[0].CopyFrom(tensor)
        return found.SerializeToString()

    monkeypatch.setattr(
        importlib.import_module("oxidizedvision.optimize.simplify"), "slimmed", planted
    )
    model = wasteful(tmp_path / "model.onnx")
    result = optimize(model)
    assert not result.kept
    assert "y changed by 0.1" in result.reason
    assert result.output == model
    assert not (tmp_path / "model.optimized.onnx").exists()


def cancelling(added: float, taken: float, divisor: float = 1.0) -> bytes:
    """y = (x + added - taken) / divisor: small numbers that were large ones in between."""
    constants = {"added": added, "taken": taken, "divisor": divisor}
    nodes = [
        helper.make_node("Add", ["x", "added"], ["a"]),
        helper.make_node("Sub", ["a", "taken"], ["b"]),
        helper.make_node("Div", ["b", "divisor"], ["y"]),
    ]
    shape = [1, 64, 64]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    tensors = [numpy_helper.from_array(np.float32(it), name) for name, it in constants.items()]
    graph = helper.make_graph(nodes, "cancelling", value[:1], value[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def test_what_rounding_explains_is_no_change() -> None:
    before = cancelling(1e3, 1e3, divisor=1e3)
    error, problem = difference(before, cancelling(3e3, 3e3, divisor=1e3), "m", None)
    assert error > 1e-8  # more than is allowed for outputs that are as small as these
    assert not problem
    _, problem = difference(before, cancelling(1e3, 1e3 + 0.01, divisor=1e3), "m", None)
    assert "y changed by" in problem


def test_what_is_not_a_number_is_never_the_same() -> None:
    nothing = cancelling(1e38, 1e38, divisor=0.0)
    _, problem = difference(nothing, nothing, "m", None)
    assert "y of the model itself is not finite on random-0" in problem


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("raise KeyError('node')", "KeyError: 'node'"),
        ("import os; os.abort()", "its process ended by signal 6"),
    ],
)
def test_a_simplifier_that_fails_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, says: str
) -> None:
    """Another simplifier is imported in the place of onnxslim."""
    (tmp_path / "onnxslim.py").write_text(f"def slim(*_, **__):\n    {does}\n")
    monkeypatch.syspath_prepend(tmp_path)
    result = optimize(wasteful(tmp_path / "model.onnx"))
    assert not result.kept
    assert f"onnxslim failed: {says}" in result.reason


def test_the_manifest_gets_one_stage(tiny: Artifact) -> None:
    for _ in range(2):
        result = optimize(tiny.onnx)
    stages = load_manifest(tiny.manifest).stages
    names = [stage.name for stage in stages]
    if result.kept:
        assert names == ["torchscript", "onnx", "optimize"]
        assert stages[-1].input_sha256 == stages[1].output.sha256
        assert stages[-1].output.file == result.output.name
    else:
        assert names == ["torchscript", "onnx"]
    assert contract_of(read_onnx(result.output)) == contract_of(read_onnx(tiny.onnx))


def test_a_model_without_waste_is_kept_as_it_is(tmp_path: Path) -> None:
    first = optimize(wasteful(tmp_path / "model.onnx"))
    again = optimize(first.output)
    assert not again.kept
    assert "nothing to remove" in again.reason


@pytest.mark.parametrize("content", [b"", b"\x00\xff nonsense", b"\x08\x07"])
def test_corrupt_models(tmp_path: Path, content: bytes) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(content)
    with pytest.raises(OxidizedVisionError) as caught:
        optimize(model)
    assert caught.value.kind is Kind.CORRUPT
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_models_cut_short(tmp_path: Path) -> None:
    whole = wasteful(tmp_path / "model.onnx").read_bytes()
    kinds = set()
    for length in range(0, len(whole), 7):
        (tmp_path / "cut.onnx").write_bytes(whole[:length])
        try:
            optimize(tmp_path / "cut.onnx")
        except OxidizedVisionError as error:
            kinds.add(error.kind)
    assert kinds == {Kind.CORRUPT}


def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    model = wasteful(tmp_path / "model.onnx")
    for call, kind in (
        (lambda: optimize(model, quantize="int8"), Kind.CONFIG),
        (lambda: optimize(model, quantize="int4"), Kind.USAGE),
        (lambda: optimize(model, simplifier="best"), Kind.USAGE),
        (lambda: optimize(tmp_path / "none.onnx"), Kind.NOT_FOUND),
        (lambda: optimize(model, output=model), Kind.USAGE),
        (lambda: optimize(model, output=tmp_path / "weights.safetensors"), Kind.USAGE),
    ):
        with pytest.raises(OxidizedVisionError) as caught:
            call()
        assert caught.value.kind is kind


def test_where_nothing_can_be_written_nothing_is_tried(tmp_path: Path) -> None:
    model = wasteful(tmp_path / "model.onnx")
    told: list[str] = []
    with pytest.raises(OxidizedVisionError) as caught:
        optimize(model, output=model / "below" / "a.onnx", notify=told.append)
    assert caught.value.kind is Kind.FILE_SYSTEM
    assert not told


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    model = onnx.load(wasteful(tmp_path / "model.onnx"))
    onnx.external_data_helper.convert_model_to_external_data(
        model, location="../secret", size_threshold=0
    )
    (tmp_path / "outside.onnx").write_bytes(model.SerializeToString())
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    (tmp_path / "outside.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(OxidizedVisionError) as caught:
        optimize(tmp_path / "outside.onnx")
    assert caught.value.kind is Kind.UNSUPPORTED
    assert "Save it as one file" in caught.value.hint


@pytest.mark.parametrize("quantize", [None, "int8", "fp16"])
def test_more_weights_than_a_file_can_hold_are_told_as_that(
    tmp_path: Path, quantize: str | None
) -> None:
    """The file of 2.3 GB itself need not be there: its size stands in the model."""
    model = onnx.load(wasteful(tmp_path / "model.onnx"))
    weight = model.graph.initializer[0]
    del weight.dims[:]
    weight.dims.extend([24000, 24000])
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights.bin")
    (tmp_path / "large.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(OxidizedVisionError) as caught:
        optimize(tmp_path / "large.onnx", quantize=quantize)
    assert caught.value.kind is Kind.UNSUPPORTED
    assert "They are 2.3 GB, and an ONNX file holds at most 2" in caught.value.hint


def test_a_model_that_takes_none_of_the_inputs_is_not_trusted(tmp_path: Path) -> None:
    """Its sides must be 7: neither random size fits, so nothing could be compared."""
    path = wasteful(tmp_path / "model.onnx")
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "side"
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "side"
    wide = numpy_helper.from_array(np.zeros((1, 7), np.float32), "wide")
    model.graph.initializer.append(wide)
    model.graph.node[-1].input[0] = "d"
    model.graph.node.insert(3, helper.make_node("Add", ["c", "wide"], ["d"]))
    onnx.save(model, path)
    result = optimize(path)
    assert not result.kept
    assert "nothing could be compared" in result.reason
    assert result.output == path


def test_axes_of_one_name_have_one_length(tmp_path: Path) -> None:
    path = wasteful(tmp_path / "model.onnx")
    model = onnx.load(path)
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[1].dim_param = "n"
    onnx.save(model, path)
    assert optimize(path).kept


@pytest.mark.parametrize("name", ["config.yml", "net.oxv.json"])
def test_a_config_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        optimize(tmp_path / name)
    assert caught.value.kind is Kind.NOT_FOUND


def test_a_config_and_a_manifest_lead_to_the_model(tiny: Artifact) -> None:
    for target in (tiny.config, tiny.manifest):
        assert optimize(target).model.resolve() == tiny.onnx.resolve()


def test_a_dry_run_writes_nothing(tiny: Artifact) -> None:
    before = {path: path.read_bytes() for path in tiny.onnx.parent.iterdir()}
    result = optimize(tiny.onnx, dry_run=True)
    assert result.dry_run
    assert {path: path.read_bytes() for path in tiny.onnx.parent.iterdir()} == before
    assert [step.name for step in result.steps] == ["simplify"]


def test_a_simplifier_that_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(OxidizedVisionError, match="onnxsim") as caught:
        optimize(wasteful(tmp_path / "model.onnx"), simplifier="onnxsim")
    assert caught.value.kind is Kind.DEPENDENCY_MISSING
