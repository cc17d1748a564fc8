"""Counts equal those worked out by hand, and PyTorch and ONNX agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_network import Artifact

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.profile import profile

PARAMETERS = 2 * 3 * 4 * 9 + 4 + 3
MACS = 2 * 3 * 4 * 9 * 8 * 12


def test_a_network_is_counted(tiny_shared: Artifact) -> None:
    report = profile(tiny_shared.config)
    assert (report.parameters, report.buffers, report.macs) == (PARAMETERS, 0, MACS)
    assert report.bytes == 4 * PARAMETERS
    assert report.bytes_by_dtype == {"f32": 4 * PARAMETERS}
    first = report.layers[0]
    assert (first.path, first.type, first.parameters) == ("first", "Conv2d", 3 * 4 * 9 + 4)
    assert (first.macs, first.output_shape) == (MACS // 2, (1, 4, 8, 12))
    assert first.activation_bytes == 4 * 4 * 8 * 12


def test_an_onnx_file_of_fixed_shape_counts_the_same(pair_shared: Artifact) -> None:
    report = profile(pair_shared.onnx)
    convolutions = [row for row in report.layers if row.type == "Conv"]
    assert report.macs == MACS == sum(row.macs or 0 for row in convolutions)
    assert sum(row.parameters for row in convolutions) == PARAMETERS
    assert report.input_shape == (1, 3, 8, 12)


def test_lengths_that_are_not_known_give_no_number(tiny_shared: Artifact) -> None:
    report = profile(tiny_shared.onnx)
    assert report.macs is None
    assert report.input_shape == ("batch", 3, "height", "width")
    assert report.bytes >= 4 * PARAMETERS


def test_corrupt_file(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(OxidizedVisionError) as caught:
        profile(tmp_path / "model.onnx")
    assert caught.value.kind is Kind.CORRUPT
