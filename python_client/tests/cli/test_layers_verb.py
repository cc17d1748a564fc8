"""`validate --layers` and `--reduce` from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Ended
from spoilt_network import spoil
from tiny_network import Artifact

from oxidizedvision.core.errors import ExitCode

Invoke = Callable[..., Ended]


def test_the_command_line_tells_it_and_writes_a_page(
    invoke: Invoke, tiny: Artifact, tmp_path: Path
) -> None:
    spoil(tiny)
    page = tmp_path / "layers.html"
    words = ["validate", str(tiny.manifest), "--layers", "--runner", "onnxruntime"]
    ended = invoke(*words, "--html", str(page))
    assert ended.code == ExitCode.CHECK_FAILED
    assert "first diverging layer: second: " in " ".join(ended.out.split())
    text = page.read_text()
    assert "<svg" in text
    assert "&lt;svg" not in text
    assert "first diverging layer" in text
    document = invoke(*words, "--json").document
    assert document["reports"][0]["first"]["module"] == "second"


@pytest.mark.parametrize(
    "flags",
    [
        ["--full"],
        ["--layers", "--num-tests", "2"],
        ["--layers", "--reduce", "folder"],
        ["--reduce", "folder", "--runner", "ort", "--runner", "tract"],
        ["--shape", "input=1,3,16,16"],
    ],
)
def test_flags_that_do_not_go_together(
    invoke: Invoke, tiny_shared: Artifact, flags: list[str]
) -> None:
    ended = invoke("validate", str(tiny_shared.manifest), *flags)
    assert ended.code == ExitCode.BAD_INPUT


def test_a_file_without_a_manifest(invoke: Invoke, tiny: Artifact, tmp_path: Path) -> None:
    bare = tmp_path / "bare.onnx"
    bare.write_bytes(tiny.onnx.read_bytes())
    alone = invoke("validate", bare)
    assert alone.code == ExitCode.BAD_INPUT
    assert "--layers compares any .onnx file" in " ".join(alone.err.split())
    words = ["validate", bare, "--layers", "--runner", "onnxruntime"]
    open_axes = invoke(*words)
    assert open_axes.code == ExitCode.BAD_INPUT
    told = " ".join(open_axes.err.split()).partition("Give --shape ")[2].split()[0]
    name, _, dims = told.partition("=")
    lengths = ",".join(dim if dim.isdigit() else "16" for dim in dims.split(","))
    ended = invoke(*words, "--shape", f"{name}={lengths}")
    assert ended.code == ExitCode.DONE, ended.err
    assert "compared on random numbers" in " ".join(ended.out.split())
