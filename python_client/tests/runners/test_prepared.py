"""Prepared models give PyTorch's answers, say what the .onnx file says, and appear whole or not."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file
from tiny_network import Artifact

from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.predict.contract import contract_of_model
from oxidizedvision.runners import availability, backends, load, prepare
from oxidizedvision.runners.prepared import declared_metadata, is_prepared

native = pytest.importorskip("oxidizedvision_native", reason="`make native` builds it")

TESTDATA = Path(__file__).parents[3] / "testdata"
MODELS = TESTDATA / "models"
FORMATS = [
    (engine.name, ending)
    for engine in NATIVE_ENGINES
    for ending in engine.prepared
    if availability(engine.name).ready
]


@pytest.fixture(params=FORMATS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def made(request: pytest.FixtureRequest) -> tuple[str, str]:
    engine, ending = request.param
    return str(engine), str(ending)


def refused(runner: str, model: Path, out: Path) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        prepare(runner, model, out)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("model", ["residual", "dynamic", "pair", "external"])
def test_the_answers_and_the_info_are_those_of_the_onnx_file(
    made: tuple[str, str], model: str, tmp_path: Path
) -> None:
    engine, ending = made
    done = prepare(engine, MODELS / f"{model}.onnx", tmp_path / f"{model}.{ending}")
    assert (done.path, done.size) == (tmp_path / f"{model}.{ending}", done.path.stat().st_size)
    golden = load_file(MODELS / f"{model}.safetensors")
    with (
        load(done.path, runner=engine) as runner,
        load(MODELS / f"{model}.onnx", runner=engine) as it,
    ):
        assert runner.info == dataclasses.replace(it.info, model=done.path.name)
        case = sorted(key.split("/")[0] for key in golden)[0]
        inputs = {spec.name: golden[f"{case}/input/{spec.name}"] for spec in runner.info.inputs}
        for name, output in runner.run_named(inputs).items():
            expected = golden[f"{case}/output/{name}"]
            np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)


def test_the_picture_contract_is_kept(
    made: tuple[str, str], tiny_shared: Artifact, tmp_path: Path
) -> None:
    engine, ending = made
    out = prepare(engine, tiny_shared.onnx, tmp_path / f"tiny.{ending}").path
    pairs = {item.key: item.value for item in onnx.load(tiny_shared.onnx).metadata_props}
    assert any(key.startswith("oxv.") for key in pairs)
    assert is_prepared(out) == (ending != "onnx")
    if is_prepared(out):
        assert declared_metadata(out) == pairs
    with load(out, runner=engine) as runner, load(tiny_shared.onnx, runner=engine) as it:
        expected = contract_of_model(tiny_shared.onnx, it, None)
        assert contract_of_model(out, runner, None) == expected
        assert expected.postprocess is not None


def test_the_table_says_what_the_module_says() -> None:
    rows = {row["name"]: row for row in native.backends()}
    formats = {row.name: row.formats for row in backends()}
    for engine in NATIVE_ENGINES:
        row = rows[engine.name]
        if row["status"] == "not_built":
            continue
        assert (row["prepared_format"],) == (engine.prepared[:1] or (None,)), engine.name
        assert formats[engine.name] == tuple(row["formats"]), engine.name


def test_what_fails_leaves_what_was_there(made: tuple[str, str], tmp_path: Path) -> None:
    engine, ending = made
    out = tmp_path / f"m.{ending}"
    out.write_text("older")
    error = refused(engine, TESTDATA / "hostile" / "truncated.onnx", out)
    assert error.kind is Kind.CORRUPT
    assert out.read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_file_for_another_engine_is_refused(tmp_path: Path) -> None:
    for engine, ending in FORMATS:
        if ending == "onnx":
            continue
        out = prepare(engine, MODELS / "residual.onnx", tmp_path / f"m.{ending}").path
        for other in {name for name, _ in FORMATS} - {engine}:
            with pytest.raises(OxidizedVisionError, match=f"{other} does not read") as caught:
                load(out, runner=other)
            assert caught.value.kind is Kind.UNSUPPORTED
            assert engine in caught.value.hint


@pytest.mark.parametrize("cut", [0, 9, 500])
def test_a_cut_file_is_corrupt(made: tuple[str, str], cut: int, tmp_path: Path) -> None:
    engine, ending = made
    out = prepare(engine, MODELS / "residual.onnx", tmp_path / f"m.{ending}").path
    out.write_bytes(out.read_bytes()[:cut])
    with pytest.raises(OxidizedVisionError) as caught:
        load(out, runner=engine)
    assert caught.value.kind is Kind.CORRUPT
    assert declared_metadata(out) == {}


def test_what_cannot_be_asked_for_is_told(tmp_path: Path) -> None:
    model = MODELS / "residual.onnx"
    assert refused("rten", model, tmp_path / "m.ort").kind is Kind.USAGE
    assert refused("swift", model, tmp_path / "m.ort").kind is Kind.USAGE
    assert refused("openvino", model, tmp_path / "m.ort").kind is Kind.UNSUPPORTED
    assert refused("rten", tmp_path / "none.onnx", tmp_path / "m.onnx").kind is Kind.NOT_FOUND
    error = refused("rten", model, Path(os.devnull) / "m.onnx")
    assert error.exit_code is ExitCode.FILE_SYSTEM
    assert list(tmp_path.iterdir()) == []


def test_shapes_may_be_fixed(tmp_path: Path) -> None:
    if not availability("tract").ready:
        pytest.skip(availability("tract").hint)
    out = tmp_path / "m.nnef.tar"
    prepare("tract", MODELS / "dynamic.onnx", out, input_shapes={"x": (1, 3, 8, 8)})
    with load(out, runner="tract") as runner:
        assert runner.info.inputs[0].dims == (1, 3, 8, 8)
