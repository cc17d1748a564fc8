"""A crate carries a model that was prepared for its engine, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_network import Artifact

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.package import package
from oxidizedvision.prepare import prepare
from oxidizedvision.runners import availability

NOT_READY = [name for name in ("tract", "ort") if not availability(name).ready]
pytestmark = pytest.mark.skipif(bool(NOT_READY), reason="`make native` builds them")


@pytest.mark.parametrize("ending", ["nnef.tar", "nnef.tgz"])
def test_the_crate_holds_the_prepared_model(tiny: Artifact, tmp_path: Path, ending: str) -> None:
    out = tiny.onnx.with_name(f"tiny.{ending}")
    prepare(tiny.onnx, runner="tract", output=out)
    result = package(out, output=tmp_path / "crate")
    assert result.engine == "tract"
    carried = result.path / f"model.{ending}"
    assert sha256_of(carried) == sha256_of(out)
    assert not (result.path / "model.onnx").exists()
    for file in ("src/main.rs", "tests/golden.rs", "README.md"):
        text = (result.path / file).read_text()
        assert f"model.{ending}" in text, file
        assert "model.onnx" not in text, file
    # The crate's own test compares the program's model with the last stage of its manifest.
    last = load_manifest(result.path / "model.oxv.json").stages[-1]
    assert (last.name, last.output.sha256) == ("prepare", sha256_of(out))
    (record,) = load_manifest(tiny.manifest).packages
    assert record.model_sha256 == sha256_of(out)


@pytest.mark.parametrize(("runner", "engine"), [("ort", "tract"), ("tract", "rten")])
def test_what_a_crate_cannot_carry_is_refused(
    tiny: Artifact, tmp_path: Path, runner: str, engine: str | None
) -> None:
    out = prepare(tiny.onnx, runner=runner).output
    with pytest.raises(OxidizedVisionError, match=f"prepared for {runner}") as caught:
        package(out, output=tmp_path / "crate", engine=engine)
    assert caught.value.kind is Kind.USAGE
    assert ".onnx file" in caught.value.hint
    assert not (tmp_path / "crate").exists()
