"""`prepare` on the command line: what it hands on, what it says, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import hostile_models
import pytest
from ended import Calls, Ended

from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.prepare import PrepareResult
from oxidizedvision.runners import availability

Invoke = Callable[..., Ended]
StandIn = Callable[..., Calls]
HOSTILE = sorted((Path(__file__).parents[3] / "testdata" / "hostile").glob("*.onnx"))
RESULT = PrepareResult(Path("m.onnx"), "ort", Path("m.ort"), 1000, 900, 4, True, 1.5)


def test_every_flag_is_handed_on(invoke: Invoke, stand_in: StandIn) -> None:
    calls = stand_in("prepare.prepare", RESULT)
    flags = "--runner ort --output o.ort --shape x=1,3,8,8 --option a=b --option c=d"
    ended = invoke("prepare", "m.onnx", *flags.split(), "--json")
    assert ended.code == ExitCode.DONE
    assert ended.document["output"] == "m.ort"
    assert calls.arguments.pop("notify")
    assert calls.arguments == {
        "model": Path("m.onnx"),
        "runner": "ort",
        "output": Path("o.ort"),
        "input_shapes": {"x": (1, 3, 8, 8)},
        "options": {"a": "b", "c": "d"},
    }


def test_what_was_written_is_said(invoke: Invoke, stand_in: StandIn) -> None:
    stand_in("prepare.prepare", RESULT)
    out = invoke("prepare", "m.onnx", "--runner", "ort").out
    for text in ("m.ort", "1000 B, 900 B", "4 goldens", "recorded"):
        assert text in out, text


def test_other_answers_end_with_3(invoke: Invoke, stand_in: StandIn) -> None:
    stand_in("prepare.prepare", OxidizedVisionError(Kind.CHECK_FAILED, "differs", "Report it."))
    assert invoke("prepare", "m.onnx", "--runner", "ort").code == ExitCode.CHECK_FAILED


@pytest.mark.parametrize("flags", [(), ("--runner", "ort", "--shape", "x"), ("--option", "x")])
def test_senseless_flags_are_refused(invoke: Invoke, flags: tuple[str, ...]) -> None:
    assert invoke("prepare", "m.onnx", *flags).code == ExitCode.BAD_INPUT


@pytest.mark.skipif(not availability("rten").ready, reason="rten is not ready")
def test_a_model_that_ends_the_engine_is_the_users(invoke: Invoke, tmp_path: Path) -> None:
    model = hostile_models.save(tmp_path / "m.onnx", hostile_models.resize)
    ended = invoke("prepare", model, "--runner", "tract", "--output", tmp_path / "m.nnef.tar")
    assert ended.code in (ExitCode.DONE, ExitCode.BAD_INPUT)
    assert "Traceback" not in ended.err
    if ended.code:
        assert not (tmp_path / "m.nnef.tar").exists()


@pytest.mark.parametrize("model", HOSTILE, ids=lambda path: path.stem)
def test_hostile_files_are_refused(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    if not availability("ort").ready:
        pytest.skip(availability("ort").hint)
    out = tmp_path / "m.ort"
    ended = invoke("prepare", model, "--runner", "ort", "--output", out)
    assert ended.code in (ExitCode.BAD_INPUT, ExitCode.FILE_SYSTEM)
    assert not out.exists()


@pytest.mark.parametrize("name", ["m.ort", "m.nnef.tar", "m.nnef.tgz"])
def test_a_target_that_is_no_prepared_file_is_refused(
    invoke: Invoke, name: str, tmp_path: Path
) -> None:
    target = tmp_path / name
    short = ("--iters", "1", "--processes", "1")
    assert invoke("benchmark", target, *short).code == ExitCode.BAD_INPUT
    target.write_bytes(b"\0" * 300)
    assert invoke("benchmark", target, *short).code == ExitCode.BAD_INPUT
