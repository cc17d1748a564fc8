"""The same project gives the same files, wherever it lies."""

from __future__ import annotations

import contextlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from projects import CONV, DYNAMIC, project

from oxidizedvision.convert import ConvertResult, convert
from oxidizedvision.convert.export.script_archive import save_script
from oxidizedvision.core.crates import crate_files
from oxidizedvision.package import package

TIMES = ("created", "seconds")


def converted(folder: Path, exporter: str) -> ConvertResult:
    config = project(folder, CONV, export=f"  exporter: {exporter}\n{DYNAMIC}")
    text = config.read_text()
    config.write_text(text.replace(str(folder / "out"), "out"))
    with contextlib.chdir(folder):
        result = convert(config.name)
    return replace(
        result,
        **{
            name: folder / getattr(result, name)
            for name in ("onnx", "goldens", "torchscript", "manifest")
        },
    )


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def in_turn(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "here", tmp_path / "there/and/deeper"


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_every_file_is_the_same_but_for_times(exporter: str, tmp_path: Path) -> None:
    one, other = (converted(folder, exporter) for folder in in_turn(tmp_path))
    assert one.onnx.read_bytes() == other.onnx.read_bytes()
    assert one.goldens.read_bytes() == other.goldens.read_bytes()
    assert one.torchscript is not None
    assert other.torchscript is not None
    assert one.torchscript.read_bytes() == other.torchscript.read_bytes()
    first, second = (json.loads(result.manifest.read_text()) for result in (one, other))
    assert without_times(first) == without_times(second)
    assert str(tmp_path) not in json.dumps(first)


def test_the_torchscript_names_no_path_and_answers_as_the_network(tmp_path: Path) -> None:
    torchscript = converted(tmp_path, "torchscript").torchscript
    assert torchscript is not None
    with zipfile.ZipFile(torchscript) as parts:
        names = parts.namelist()
        everything = b"".join(parts.read(name) for name in names)
    assert names
    assert not any(name.endswith(".debug_pkl") for name in names)
    for path in (tmp_path, Path(torch.__file__).parent):
        assert str(path).encode() not in everything
    assert [path.name for path in torchscript.parent.glob(".oxv*")] == []


def test_operators_of_a_newer_format_stay_what_they_are(tmp_path: Path) -> None:
    class Newer(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.gelu(x) // 2

    example = torch.randn(2, 3)
    network = torch.jit.trace(Newer(), example)  # type: ignore[no-untyped-call]
    network.save(tmp_path / "whole.pt")
    save_script(network, tmp_path / "bare.pt", {"said": "something"})
    said = {"said": ""}
    loaded = torch.jit.load(tmp_path / "bare.pt", _extra_files=said)  # type: ignore[no-untyped-call]
    assert said == {"said": b"something"}
    assert torch.equal(loaded(example), network(example))
    read = [torch._C.PyTorchFileReader(str(tmp_path / f"{name}.pt")) for name in ("whole", "bare")]
    assert read[0].has_record(".data/version")
    whole, bare = (reader.get_record(".data/version") for reader in read)
    assert whole == bare


def test_the_crate_is_the_same(tmp_path: Path) -> None:
    one, other = (
        package(converted(folder, "torchscript").onnx, engine="rten", name="net").path
        for folder in in_turn(tmp_path)
    )
    files = [path.relative_to(one) for path in crate_files(one)]
    assert files == [path.relative_to(other) for path in crate_files(other)]
    differing = {
        path.as_posix()
        for path in files
        if (one / path).read_bytes() != (other / path).read_bytes()
    }
    # These hold times, and the sum of what holds them.
    assert differing <= {"model.oxv.json", "package.oxv.json"}
    first, second = (json.loads((crate / "model.oxv.json").read_text()) for crate in (one, other))
    assert without_times(first) == without_times(second)
