"""A converted model layer by layer: clean, at fault, and asked wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest
from spoilt_network import spoil
from tiny_network import Artifact

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.layers import reduce_target, validate_layers

RUNNERS = ["onnxruntime"]


def test_pytorch_and_every_engine_agree(tiny: Artifact) -> None:
    found = validate_layers(tiny.config)
    assert found.passed
    assert found.exit_code is ExitCode.DONE
    first, *others = found.reports
    assert "PyTorch" in first.reference
    assert len(others) >= 1
    assert {report.mode for report in found.reports} == {"bisect"}


def test_the_layer_at_fault_is_named_by_module_and_node(tiny: Artifact) -> None:
    node = spoil(tiny)
    found = validate_layers(tiny.manifest, runners=RUNNERS, full=True)
    assert found.exit_code is ExitCode.CHECK_FAILED
    (report,) = found.reports
    assert report.first is not None
    assert (report.first.node, report.first.module) == (node, "second")
    assert report.ranked[0] is report.first


def test_the_smallest_part_is_written(tiny: Artifact, tmp_path: Path) -> None:
    node = spoil(tiny)
    reduction = reduce_target(tiny.manifest, tmp_path / "bundle")
    assert reduction.failing
    assert reduction.nodes == (node,)
    assert (tmp_path / "bundle" / "model.onnx").is_file()


@pytest.mark.parametrize("runner", ["pytorch", "tch"])
def test_runners_without_inner_tensors_are_refused(tiny: Artifact, runner: str) -> None:
    with pytest.raises(OxidizedVisionError, match="inner tensors") as caught:
        validate_layers(tiny.manifest, runners=[runner])
    assert caught.value.kind is Kind.USAGE


def test_a_model_with_goldens_has_its_shapes(tiny: Artifact) -> None:
    with pytest.raises(OxidizedVisionError, match="goldens") as caught:
        validate_layers(tiny.manifest, shapes={"input": [1, 3, 8, 8]})
    assert caught.value.kind is Kind.USAGE
