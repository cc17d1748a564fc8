"""An ONNX file that no manifest lists, layer by layer: alone, beside its FP32 file, too large."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from made_graphs import half, network, one_filter, written

from oxidizedvision import onnx_file
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.layers import reduce_target, validate_layers
from oxidizedvision.runners import availability

RUNNERS = ["onnxruntime"]


def with_names(path: Path) -> Path:
    """The file with names in place of the batch, the height and the width."""
    model = onnx.load(path)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
        dims[axis].dim_param = name
    onnx.save(model, path)
    return path


def weights_apart(path: Path) -> Path:
    """The model with its weights in another file."""
    large = path.with_name("large.onnx")
    onnx.save_model(
        onnx.load(path), large, save_as_external_data=True, location="weights", size_threshold=0
    )
    return large


def test_every_engine_that_is_here_is_compared_with_onnx_runtime(tmp_path: Path) -> None:
    model = written(network(), tmp_path / "model.onnx")
    found = validate_layers(model)
    assert found.passed
    here = [name for name in ("onnxruntime", "tract", "rten", "ort") if availability(name).ready]
    assert {report.candidate for report in found.reports} >= {f"model.onnx in {n}" for n in here}
    assert all("picture [1, 3, 16, 16]" in report.notes[0] for report in found.reports)


def test_a_smaller_precision_meets_the_file_it_came_from(tmp_path: Path) -> None:
    written(network(), tmp_path / "model.onnx")
    good = written(half(network()), tmp_path / "model.fp16.onnx")
    (report,) = validate_layers(good, runners=RUNNERS).reports
    assert report.reference.startswith("model.onnx in ")
    assert report.passed
    bad = written(one_filter(network()), tmp_path / "model.optimized.onnx")
    found = validate_layers(bad, runners=RUNNERS, full=True)
    assert found.exit_code is ExitCode.CHECK_FAILED
    (report,) = found.reports
    assert report.first is not None
    assert report.first.module == "second.conv"
    reduction = reduce_target(bad, tmp_path / "bundle")
    assert reduction.nodes == ("/c2",)
    (tmp_path / "model.onnx").unlink()
    assert validate_layers(bad, runners=RUNNERS).passed  # with nothing but itself beside it


def test_axes_with_names_want_lengths(tmp_path: Path) -> None:
    model = with_names(written(network(), tmp_path / "model.onnx"))
    with pytest.raises(OxidizedVisionError) as caught:
        validate_layers(model, runners=RUNNERS)
    assert caught.value.kind is Kind.SHAPE_MISMATCH
    assert "--shape picture=1,3,height,width" in caught.value.hint
    assert validate_layers(model, runners=RUNNERS, shapes={"picture": [2, 3, 16, 16]}).passed


@pytest.mark.parametrize("most", [onnx_file.LARGEST, 1000])
def test_weights_in_other_files_are_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """With the limit at 1000 bytes the network is one of those that no file can hold."""
    large = weights_apart(written(network(), tmp_path / "model.onnx"))
    monkeypatch.setattr(onnx_file, "LARGEST", most)
    with pytest.raises(OxidizedVisionError) as caught:
        validate_layers(large, runners=RUNNERS)
    assert caught.value.kind is Kind.UNSUPPORTED
    if most > 1000:
        assert "save_as_external_data=False" in caught.value.hint
        return
    assert "extract_model('model.onnx', 'part.onnx', ['input'], ['inner'])" in caught.value.hint
    part = tmp_path / "part.onnx"
    onnx.utils.extract_model(str(large), str(part), ["picture"], ["c1"])
    monkeypatch.undo()
    assert validate_layers(part, runners=RUNNERS).passed
