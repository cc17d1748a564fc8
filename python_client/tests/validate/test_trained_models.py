"""A trained network passes in every engine; the faults that hurt pictures are found and placed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tiny_network import Artifact

from oxidizedvision.core.manifest import FileRecord, Stage, load_manifest
from oxidizedvision.metrics import psnr_db, sqnr_db
from oxidizedvision.runners import load
from oxidizedvision.validate import ValidationReport, ValidationResult, validate

DENOISER = Path(__file__).resolve().parents[3] / "examples" / "denoiser"
Denoiser = Callable[[], Artifact]


@pytest.fixture(scope="session")
def denoiser_shared(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The example with its trained weights, converted, and a photograph. Do not change it."""
    from PIL import Image
    from skimage import data

    from oxidizedvision.convert import convert

    folder = tmp_path_factory.mktemp("trained") / "denoiser"
    shutil.copytree(DENOISER, folder, ignore=shutil.ignore_patterns("out"))
    config = folder / "config.yml"
    text = config.read_text().replace("output_dir: out", f"output_dir: {folder / 'out'}")
    text = text.replace("model_name:", "exporter: torchscript\n  model_name:", 1)
    text = text.replace("num_tests: 3", "num_tests: 1\n  inputs: [photograph.png, noise.npz]")
    config.write_text(text)
    Image.fromarray(data.chelsea()[20:84, 60:156]).save(folder / "photograph.png")
    noise = np.random.default_rng(0).random((2, 3, 40, 56)).astype(np.float32)
    np.savez(folder / "noise.npz", input=noise)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OXIDIZEDVISION_HOME", str(folder / "home"))
        convert(config)
    return Artifact(folder, "denoiser")


@pytest.fixture
def denoiser(denoiser_shared: Artifact, tmp_path: Path) -> Artifact:
    """A copy to do with as the test likes."""
    return denoiser_shared.copy_to(tmp_path / "denoiser")


def _changed(model: Path, target: Path, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    """A copy of a file whose convolutions' weights are changed."""
    graph = onnx.load(model)
    for initial in graph.graph.initializer:
        if len(initial.dims) == 4:
            array = change(numpy_helper.to_array(initial)).astype(np.float32)
            initial.CopyFrom(numpy_helper.from_array(array, initial.name))
    onnx.save(graph, target)
    return target


def _row(report: ValidationReport, runner: str) -> ValidationResult:
    (row,) = [row for row in report.results if row.runner == runner]
    return row


def _as_stage(denoiser: Artifact, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    """Make a changed copy the model's newest file, of a smaller precision."""
    small = _changed(denoiser.onnx, denoiser.onnx.with_name(f"denoiser.{name}.onnx"), change)
    manifest = load_manifest(denoiser.manifest)
    manifest.stages.append(
        Stage(name=name, tool="test", output=FileRecord.of(small), seconds=0.0)  # type: ignore[arg-type]
    )
    manifest.save(denoiser.manifest)
    return small


def test_the_trained_denoiser_passes_everywhere(denoiser: Artifact) -> None:
    report = validate(denoiser.config, skip_unavailable=True)
    assert report.passed, report
    manifest = load_manifest(denoiser.manifest)
    assert manifest.validation is not None
    assert {"input/photograph.png", "input/noise.npz"} <= set(manifest.validation["cases"])
    engines = [row for row in report.results if row.runner not in ("pytorch", "torchscript", "tch")]
    assert engines
    for row in engines:
        assert row.sqnr_db is not None
        assert row.psnr_db is not None
        assert min(row.sqnr_db, row.psnr_db) > 90
        assert row.worst_value is not None
        assert (row.top1, row.iou) == (None, None)


def test_figures_are_those_of_the_arrays_themselves(denoiser: Artifact) -> None:
    """Weights of half precision, compared by hand on the one case that is told to be the worst."""
    _as_stage(denoiser, "fp16", lambda weights: weights.astype(np.float16))
    report = validate(denoiser.config, runners=["onnxruntime", "torchscript"], num_tests=0)
    row = _row(report, "onnxruntime")
    assert (row.precision, row.limits) == ("fp16", {"cos_sim": 0.999})
    assert (_row(report, "torchscript").precision, row.passed) == ("fp32", True)
    noise = np.load(denoiser.folder / "noise.npz")["input"]
    with load(denoiser.config, runner="pytorch") as network:
        wanted = network.run(noise)
    with load(denoiser.folder / "out" / "denoiser.fp16.onnx", runner="onnxruntime") as engine:
        got = engine.run(noise)
    assert row.sqnr_db is not None
    assert row.psnr_db is not None
    assert row.sqnr_db <= sqnr_db(wanted, got) + 1e-6
    assert row.psnr_db <= psnr_db(wanted, got) + 1e-6
    assert row.max_error >= np.abs(wanted - got).max() - 1e-9
    assert 1e-6 < row.max_error < 1e-2


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ("{sqnr_db: 30}", "SQNR"),
        ("{psnr_db: 40, cos_sim: -1}", "PSNR"),
        ("{max_error: 0.001}", "maximum error"),
        ("{mae: 0.001}", "MAE"),
        ("{engines: {onnxruntime: {mae: 0.001}}}", "MAE"),
        ("{outputs: {output: {mae: 0.001}}}", "MAE"),
    ],
)
def test_each_limit_of_a_small_file_can_fail(denoiser: Artifact, limits: str, says: str) -> None:
    """Weights of 3 bits: far from PyTorch, and within the cosine that INT8 may lose."""

    def coarse(weights: np.ndarray) -> np.ndarray:
        step = np.abs(weights).max() / 4
        return np.round(weights / step) * step

    _as_stage(denoiser, "int8", coarse)
    plain = denoiser.config.read_text()
    text = plain.replace("validation:\n", f"validation:\n  tolerances: {{int8: {limits}}}\n")
    assert text != plain
    denoiser.config.write_text(text)
    report = validate(denoiser.config, runners=["onnxruntime", "torchscript"], num_tests=0)
    row = _row(report, "onnxruntime")
    assert _row(report, "torchscript").passed
    assert not row.passed
    assert says in row.reason
    assert "the largest difference is at [" in row.reason
    assert row.reason.startswith(row.worst_case)
