"""`validate` passes what is right, fails every planted fault, and knows who is not here."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from fake_program import write_program
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file
from tiny_network import Artifact

from oxidizedvision.config import load_config
from oxidizedvision.core.engines import NATIVE_ENGINES
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError, OxidizedVisionWarning
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import FileRecord, Manifest, load_manifest
from oxidizedvision.core.results import to_plain
from oxidizedvision.runners import availability
from oxidizedvision.validate import ValidationReport, validate
from oxidizedvision.validate.cases import CaseOptions, make_cases
from oxidizedvision.validate.goldens import load_goldens

SCRIPT = ("torchscript", "tch")
ALWAYS = ["pytorch", "torchscript", "onnxruntime"]


def _ready() -> list[str]:
    native = (engine.name for engine in NATIVE_ENGINES)
    return [*ALWAYS, *(name for name in native if availability(name).ready)]


def _rows(report: ValidationReport) -> dict[str, bool]:
    return {row.runner: row.passed for row in report.results}


def _change_one_weight(model: Path) -> None:
    graph = onnx.load(model)
    weight = next(w for w in graph.graph.initializer if len(w.dims) == 4)
    array = numpy_helper.to_array(weight).copy()
    array.flat[0] += 0.01
    weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    onnx.save(graph, model)


def _rehash(artifact: Artifact) -> None:
    """Make the manifest agree with the files as they are now."""
    manifest = load_manifest(artifact.manifest)
    folder = artifact.manifest.parent
    manifest.stages = [
        stage.model_copy(update={"output": FileRecord.of(folder / stage.output.file)})
        for stage in manifest.stages
    ]
    manifest.goldens = FileRecord.of(artifact.goldens)
    manifest.save(artifact.manifest)


def test_every_ready_runner_passes_on_an_honest_model(tiny: Artifact) -> None:
    report = validate(tiny.config, num_tests=2)
    assert report.passed, report
    assert report.exit_code is ExitCode.DONE
    assert list(_rows(report)) == _ready()
    assert report.reference == "pytorch"
    for row in report.results:
        assert row.output == "output"
        assert row.engine_version
        assert row.mae <= row.rmse <= row.max_error <= 1e-4
        assert row.cosine_similarity == pytest.approx(1)
    assert all(row.passed for row in report.integrity)
    assert {row.file for row in report.integrity} == {
        "tiny.pt",
        "tiny.onnx",
        "tiny.golden.safetensors",
    }


def test_the_result_is_in_the_manifest_and_changes_no_file(tiny: Artifact) -> None:
    files = [tiny.onnx, tiny.torchscript, tiny.goldens]
    before = [sha256_of(path) for path in files]
    report = validate(tiny.config, runners=["onnxruntime"], num_tests=3)
    recorded = load_manifest(tiny.manifest).validation
    assert recorded is not None
    assert recorded["passed"] is True
    assert recorded["results"] == to_plain(report)["results"]
    assert [name for name in recorded["cases"] if name.startswith("random")] == [
        "random-0",
        "random-1",
        "random-2",
    ]
    assert "size-2x3x24x24" in recorded["cases"]
    assert any(name.startswith("golden/") for name in recorded["cases"])
    assert [sha256_of(path) for path in files] == before
    assert validate(tiny.config, runners=["onnxruntime"], num_tests=3) == report


def test_one_changed_weight_fails_the_onnx_runners_and_the_integrity(tiny: Artifact) -> None:
    _change_one_weight(tiny.onnx)
    report = validate(tiny.config)
    assert report.exit_code is ExitCode.CHECK_FAILED
    assert _rows(report) == {name: name in ("pytorch", *SCRIPT) for name in _ready()}
    assert {row.file: row.passed for row in report.integrity}["tiny.onnx"] is False
    assert all("MAE" in row.reason for row in report.results if not row.passed)
    recorded = load_manifest(tiny.manifest).validation
    assert recorded is not None
    assert recorded["passed"] is False


def test_a_changed_weight_fails_against_the_goldens_too(tiny: Artifact) -> None:
    _change_one_weight(tiny.onnx)
    _rehash(tiny)
    report = validate(tiny.onnx)
    assert (report.reference, report.passed) == ("goldens", False)
    assert all(row.passed for row in report.integrity)
    assert _rows(report) == {name: name in SCRIPT for name in _ready() if name != "pytorch"}


def test_a_changed_file_fails_even_where_the_numbers_agree(tiny: Artifact) -> None:
    graph = onnx.load(tiny.onnx)
    graph.doc_string = "changed"
    onnx.save(graph, tiny.onnx)
    report = validate(tiny.onnx, runners=["onnxruntime"])
    assert _rows(report) == {"onnxruntime": True}
    assert report.passed is False
    assert report.exit_code is ExitCode.CHECK_FAILED


@pytest.mark.parametrize("which", ["onnx", "manifest"])
def test_a_converted_file_is_checked_against_its_goldens(tiny: Artifact, which: str) -> None:
    report = validate(getattr(tiny, which))
    assert report.passed
    assert list(_rows(report)) == [name for name in _ready() if name != "pytorch"]


def test_a_changed_golden_is_found(tiny: Artifact) -> None:
    tensors = load_file(tiny.goldens)
    name = next(name for name in tensors if "/output/" in name)
    tensors[name].flat[0] += 1
    save_file(tensors, tiny.goldens)
    _rehash(tiny)
    report = validate(tiny.config)
    assert _rows(report) == {name: name != "pytorch" for name in _ready()}
    assert not validate(tiny.onnx, runners=["onnxruntime"]).passed


def test_a_network_that_changed_since_it_was_converted_is_found(tiny: Artifact) -> None:
    source = tiny.folder / "model.py"
    source.write_text(source.read_text().replace("manual_seed(0)", "manual_seed(1)"))
    assert _rows(validate(tiny.config)) == dict.fromkeys(_ready(), False)


def test_a_config_of_another_shape_says_to_convert_again(tiny: Artifact) -> None:
    text = tiny.config.read_text().replace("[1, 3, 8, 12]", "[1, 4, 8, 12]")
    tiny.config.write_text(text)
    with pytest.raises(OxidizedVisionError, match="does not take golden/") as caught:
        validate(tiny.config)
    assert "convert" in caught.value.hint


@pytest.mark.parametrize("fault", ["missing", "noise"])
def test_broken_goldens_fail_and_the_rest_is_still_compared(tiny: Artifact, fault: str) -> None:
    if fault == "missing":
        tiny.goldens.unlink()
    else:
        tiny.goldens.write_bytes(b"noise" * 100)
    report = validate(tiny.config, runners=["onnxruntime"])
    assert _rows(report) == {"onnxruntime": True}
    assert report.passed is False
    with pytest.raises(OxidizedVisionError):
        validate(tiny.onnx)


def test_a_model_that_does_not_load_is_a_failed_row(tiny: Artifact) -> None:
    tiny.torchscript.write_bytes(b"noise")
    report = validate(tiny.config, runners=["torchscript", "onnxruntime"])
    assert _rows(report) == {"torchscript": False, "onnxruntime": True}
    row = report.results[0]
    assert "corrupt" in row.reason
    assert math.isnan(row.mae)
    assert to_plain(row)["mae"] is None


def test_several_outputs_have_a_row_each(pair: Artifact) -> None:
    report = validate(pair.config, runners=["torchscript", "onnxruntime"])
    assert report.passed
    assert [(row.runner, row.output) for row in report.results] == [
        ("torchscript", "output_0"),
        ("torchscript", "output_1"),
        ("onnxruntime", "output_0"),
        ("onnxruntime", "output_1"),
    ]


def test_runners_that_are_not_here_are_told_and_decide_the_exit_code(tiny: Artifact) -> None:
    report = validate(tiny.config, runners=["onnxruntime", "tensorrt", "program"])
    assert report.passed
    assert {row.name: row.status for row in report.unavailable} == {
        "tensorrt": "missing",
        "program": "missing",
    }
    assert all(row.hint for row in report.unavailable)
    assert report.exit_code is ExitCode.MISSING_PART
    skipped = validate(tiny.config, runners=["onnxruntime", "tensorrt"], skip_unavailable=True)
    assert skipped.exit_code is ExitCode.DONE
    nothing = validate(tiny.config, runners=["tensorrt"], skip_unavailable=True)
    assert (nothing.passed, nothing.exit_code) == (False, ExitCode.CHECK_FAILED)


def test_a_device_that_is_not_here_is_unavailable_and_no_failure(tiny: Artifact) -> None:
    with tiny.config.open("a") as file:
        file.write("runners: [{name: onnxruntime, use_cuda: true}]\n")
    report = validate(tiny.config)
    assert list(_rows(report)) == ["pytorch", "torchscript"]
    assert [row.name for row in report.unavailable] == ["onnxruntime"]


def test_the_configs_runners_come_with_the_references(tiny: Artifact) -> None:
    with tiny.config.open("a") as file:
        file.write("runners: [{name: tensorrt}]\n")
    report = validate(tiny.config)
    assert list(_rows(report)) == ALWAYS
    assert [row.name for row in report.unavailable] == ["tensorrt"]


def test_the_program_that_is_given_is_the_one_that_is_checked(double: Artifact) -> None:
    program = write_program(double.folder / "double", factor=2)
    report = validate(double.config, program=program)
    assert _rows(report) == dict.fromkeys([*_ready(), "program"], True)
    write_program(program, factor=2.01)
    report = validate(double.config, runners=["onnxruntime"], program=program)
    assert _rows(report) == {"onnxruntime": True, "program": False}
    program.unlink()
    report = validate(double.config, runners=["onnxruntime"], program=program)
    assert _rows(report) == {"onnxruntime": True}
    assert [row.name for row in report.unavailable] == ["program"]
    assert report.exit_code is ExitCode.MISSING_PART


def test_pictures_go_through_the_configs_preprocess(tiny: Artifact, tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    Image.fromarray(pixels).save(picture)
    report = validate(tiny.config, runners=["onnxruntime"], pictures=[picture])
    assert report.passed
    recorded = load_manifest(tiny.manifest).validation
    assert recorded is not None
    assert "picture/noise.png" in recorded["cases"]


def test_a_picture_that_the_model_cannot_take_is_refused(tiny: Artifact, tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "small.png"
    Image.new("RGB", (4, 6)).save(picture)
    text = tiny.config.read_text().replace("{0: batch, 2: height, 3: width}", "{0: batch}")
    tiny.config.write_text(text)
    with pytest.raises(OxidizedVisionError, match=r"\[1, 3, 6, 4\]") as caught:
        validate(tiny.config, pictures=[picture])
    assert caught.value.kind is Kind.INPUT
    picture.write_text("no picture")
    with pytest.raises(OxidizedVisionError) as caught:
        validate(tiny.config, pictures=[picture])
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_cases_are_new_to_the_model_and_follow_the_seed(tiny: Artifact) -> None:
    config = load_config(tiny.config)
    first, again, other = (make_cases(config, CaseOptions(2, seed, ()))[:2] for seed in (0, 0, 1))
    inputs = [case.inputs["input"] for case in (*first, *other, *load_goldens(tiny.goldens))]
    assert len({array.tobytes() for array in inputs}) == len(inputs)
    for left, right in zip(first, again, strict=True):
        np.testing.assert_array_equal(left.inputs["input"], right.inputs["input"])
    assert inputs[0].min() >= 0
    assert inputs[0].max() <= 1


def test_pictures_need_a_preprocess_block(pair: Artifact, tmp_path: Path) -> None:
    with pytest.raises(OxidizedVisionError, match="no preprocess"):
        validate(pair.config, pictures=[tmp_path / "x.png"])


def test_random_cases_and_pictures_need_the_live_network(tiny: Artifact) -> None:
    for more in ({"num_tests": 2}, {"pictures": ["x.png"]}):
        with pytest.raises(OxidizedVisionError) as caught:
            validate(tiny.onnx, **more)
        assert caught.value.kind is Kind.USAGE
    with pytest.raises(OxidizedVisionError, match="pytorch cannot run"):
        validate(tiny.onnx, runners=["pytorch"])


def test_without_a_reference_there_is_no_check(tiny: Artifact) -> None:
    tiny.manifest.unlink()
    for target, says in [
        (tiny.config, "is not converted"),
        (tiny.onnx, "nothing to compare"),
        (tiny.folder / "none.onnx", "no model"),
        (tiny.folder / "none.yml", "no file|none.yml"),
        (tiny.torchscript, "neither a config nor"),
    ]:
        with pytest.raises(OxidizedVisionError, match=says) as caught:
            validate(target)
        assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_a_folder_that_cannot_be_written_to_only_warns(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Manifest, path: Path) -> None:
        raise OxidizedVisionError(Kind.FILE_SYSTEM, f"{path}: Permission denied")

    monkeypatch.setattr(Manifest, "save", refuse)
    with pytest.warns(OxidizedVisionWarning, match="not in the manifest"):
        assert validate(tiny.config, runners=["onnxruntime"]).passed
