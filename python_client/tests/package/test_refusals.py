"""What cannot be proved is not packaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_network import Artifact

from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.package import package


@pytest.mark.parametrize("file", ["onnx", "goldens"])
def test_a_file_that_changed_since_is_refused(tiny: Artifact, tmp_path: Path, file: str) -> None:
    path: Path = getattr(tiny, file)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(OxidizedVisionError) as caught:
        package(tiny.onnx, output=tmp_path / "crate", engine="rten")
    assert caught.value.kind is Kind.CHECK_FAILED
    assert path.name in caught.value.message
    assert not (tmp_path / "crate").exists()
