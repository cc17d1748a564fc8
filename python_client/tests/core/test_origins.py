"""A prepared file is judged as the file that it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_manifest import record, write_manifest

from oxidizedvision.core.manifest import Manifest, Stage, Tolerance, load_manifest

LOOSE = Tolerance(mae=0.1, cosine_similarity=0.98)


def manifest_with(folder: Path, name: str, *, source: str | None = None) -> Manifest:
    """A smaller precision, and `small.ort`, prepared from it or from the file named."""
    manifest = load_manifest(write_manifest(folder))
    small = record(folder, f"net.{name}.onnx", name.encode())
    made = Stage(name=name, tool="t", output=small, seconds=0.0, tolerance=LOOSE)  # type: ignore[arg-type]
    files = {stage.output.file: stage.output.sha256 for stage in [*manifest.stages, made]}
    prepared = Stage(
        name="prepare",
        tool="t",
        input_sha256=files.get(source or small.file, "0" * 64),
        output=record(folder, "net.ort", b"prepared"),
        seconds=0.0,
    )
    manifest.stages += [made, prepared]
    return manifest


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_prepared_file_has_precision_and_tolerance_of_its_source(
    tmp_path: Path, precision: str
) -> None:
    manifest = manifest_with(tmp_path, precision)
    assert manifest.precision_of("net.ort") == precision
    assert manifest.tolerance_of("net.ort") == LOOSE
    assert manifest.precision_of("net.onnx") == "fp32"
    assert manifest.tolerance_of("net.onnx") == manifest.tolerance


@pytest.mark.parametrize("source", ["net.onnx", "a file that is gone"])
def test_of_another_source_it_is_fp32(tmp_path: Path, source: str) -> None:
    manifest = manifest_with(tmp_path, "int8", source=source)
    assert manifest.precision_of("net.ort") == "fp32"
    assert manifest.tolerance_of("net.ort") == manifest.tolerance
