"""`profile` on the command line: what it shows, in which order, and the files it writes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Ended
from tiny_network import Artifact

from oxidizedvision.core.errors import ExitCode

Invoke = Callable[..., Ended]

MACS = 2 * 3 * 4 * 9 * 8 * 12


def layer_names(ended: Ended) -> list[str]:
    lines = ended.out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("─"))
    names = []
    for line in lines[start + 1 :]:
        if line.startswith(("inputs", "…", "fused", "not run")):
            break
        names.append(line.split()[0])
    return names


def test_the_model_s_own_order_and_every_total(invoke: Invoke, tiny: Artifact) -> None:
    ended = invoke("profile", tiny.config, "--no-time")
    assert ended.code == ExitCode.DONE
    assert layer_names(ended) == ["first", "second"]
    for text in (f"{MACS:,}", "10.4 k", "50.0%", "peak", "f32 892 B", "1×4×8×12"):
        assert text in ended.out, text
    assert "note: time was not measured" in ended.out


def test_the_largest_first_and_only_so_many(invoke: Invoke, tiny: Artifact) -> None:
    flags = ("profile", tiny.config, "--no-time", "--sort")
    assert layer_names(invoke(*flags, "memory")) == ["first", "second"]
    assert layer_names(invoke(*flags, "parameters")) == ["first", "second"]
    short = invoke("profile", tiny.config, "--no-time", "--top", 1)
    assert layer_names(short) == ["first"]
    assert "and 1 more layer: 10.4 k MACs" in short.out


def test_times_are_shown_and_in_the_document(invoke: Invoke, tiny: Artifact) -> None:
    ended = invoke("profile", tiny.onnx, "--shape", "input=1,3,8,12", "--sort", "time")
    assert ended.code == ExitCode.DONE
    assert "ms in layers" in ended.out
    assert "1 thread" in ended.out
    document = invoke("profile", tiny.onnx, "--shape", "input=1,3,8,12", "--json").document
    assert document["macs"] == MACS
    assert document["time"]["threads"] == 1
    assert document["peak_bytes"] > 0
    timed = [layer for layer in document["layers"] if layer["timed"] == "measured"]
    assert timed
    assert all(layer["time_ms"] > 0 for layer in timed)


def test_without_lengths_nothing_is_made_up(invoke: Invoke, tiny: Artifact) -> None:
    ended = invoke("profile", tiny.onnx)
    assert ended.code == ExitCode.DONE
    assert "time was not measured: input is [batch, 3, height, width]" in ended.out
    document = invoke("profile", tiny.onnx, "--json").document
    assert (document["macs"], document["peak_bytes"], document["time"]) == (None, None, None)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--shape", "input=a,b"], "--shape 'input=a,b' is no shape"),
        (["--shape", "1,3,8,12"], "is no shape"),
        (["--shape", "other=1,3,8,12"], "no input 'other'"),
        (["--shape", "input=1,3,8"], "has 3 axes"),
        (["--sort", "time", "--no-time"], "--sort time"),
        (["--sort", "weight"], "'weight'"),
        (["--top", "0"], "--top"),
    ],
)
def test_flags_that_do_not_fit(
    invoke: Invoke, tiny: Artifact, flags: list[str], message: str
) -> None:
    ended = invoke("profile", tiny.config, *flags)
    assert ended.code == ExitCode.BAD_INPUT
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_a_page_and_a_picture(invoke: Invoke, tiny: Artifact, tmp_path: Path) -> None:
    page, picture = tmp_path / "there" / "page.html", tmp_path / "chart.svg"
    assert invoke("profile", tiny.config, "--report", page).code == ExitCode.DONE
    text = page.read_text()
    assert "<svg" in text
    assert f"{MACS:,}" in text
    for outside in ("http://", "https://", "<script", "<link"):
        assert outside not in text
    assert invoke("profile", tiny.config, "--no-time", "--report", picture).code == ExitCode.DONE
    root = ET.parse(picture).getroot()  # noqa: S314 - our own file
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_a_place_where_no_page_can_be(invoke: Invoke, tiny: Artifact, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = invoke("profile", tiny.config, "--no-time", "--report", tmp_path / "file" / "p.html")
    assert ended.code == ExitCode.FILE_SYSTEM
