"""The bill of materials of a package names its crates, their licences, and the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_network import Artifact

from oxidizedvision import package
from oxidizedvision.core.files import sha256_of
from oxidizedvision.package import build
from oxidizedvision.package.bill import BILL, crate_components

TREE = """\
denoiser v0.1.0 (/somewhere/denoiser)|
clap v4.6.9|MIT OR Apache-2.0
clap_derive v4.6.9 (proc-macro)|MIT/Apache-2.0
runner_core v0.1.0 (/somewhere/runtime/runner_core)|MIT
clap v4.6.9|MIT OR Apache-2.0 (*)
odd v1.0.0|
"""


def test_crates_are_told_once_with_their_licences_and_without_paths() -> None:
    rows = {row["name"]: row for row in crate_components(TREE)}
    assert list(rows) == ["clap", "clap_derive", "odd", "runner_core"]
    assert rows["clap"]["purl"] == "pkg:cargo/clap@4.6.9"
    assert rows["clap_derive"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert "licenses" not in rows["odd"]
    assert "purl" not in rows["runner_core"]
    assert "somewhere" not in json.dumps(rows)


@pytest.mark.parametrize("cargo", [True, False])
def test_a_crate_carries_its_bill(
    tiny: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cargo: bool
) -> None:
    if not cargo:
        monkeypatch.setattr(build, "find_cargo", lambda: None)
    folder = package(tiny.onnx, output=tmp_path / "crate", engine="rten").path
    bill = json.loads((folder / BILL).read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    rows = {row["name"]: row for row in bill["components"]}
    assert {"rten", "clap", "vision_program", "torch"} <= set(rows)
    assert ("licenses" in rows["rten"]) == cargo
    assert rows["tiny"]["hashes"] == [{"alg": "SHA-256", "content": sha256_of(tiny.onnx)}]
    again = package(tiny.onnx, output=tmp_path / "again", engine="rten").path
    assert (again / BILL).read_bytes() == (folder / BILL).read_bytes()
