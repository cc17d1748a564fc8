"""`validate` with a data set, and the files that it writes beside its answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from ended import Calls, Ended
from made_validation import data_of, full_report, report_of, result_of
from tiny_network import Artifact

from oxidizedvision.core.errors import ExitCode, Kind
from oxidizedvision.validate import DataSet

Invoke = Callable[..., Ended]
StandIn = Callable[..., Calls]


def suites_of(path: Path) -> set[str]:
    """The names of the suites of a JUnit file."""
    root = ET.parse(path).getroot()  # noqa: S314 - our own file
    return {str(suite.get("name")) for suite in root}


def test_the_flags_of_a_data_set_are_handed_on(invoke: Invoke, stand_in: StandIn) -> None:
    calls = stand_in("validate.validate", report_of(result_of("rten")))
    invoke("validate", "c.yml", "--data", "d")
    assert calls.arguments["data"] == DataSet(Path("d"))
    invoke("validate", "c.yml", "--data", "d", "--labels", "l.csv", "--max-drop", "0.01")
    assert calls.arguments["data"] == DataSet(Path("d"), labels=Path("l.csv"), max_drop=0.01)
    invoke("validate", "c.yml", "--data", "d", "--masks", "m")
    assert calls.arguments["data"] == DataSet(Path("d"), masks=Path("m"))


@pytest.mark.parametrize("flags", [["--labels", "l"], ["--masks", "m"], ["--max-drop", "0"]])
def test_they_need_a_data_set(invoke: Invoke, stand_in: StandIn, flags: list[str]) -> None:
    stand_in("validate.validate", report_of(result_of("rten")))
    ended = invoke("validate", "c.yml", *flags, "--json")
    assert ended.code == ExitCode.BAD_INPUT
    assert ended.document["error"]["kind"] == Kind.USAGE
    assert flags[0] in ended.document["error"]["message"]
    assert invoke("validate", "c.yml", "--data", "d", "--max-drop", "2").code == 2


def test_accuracy_and_reasons_are_shown(invoke: Invoke, stand_in: StandIn) -> None:
    stand_in("validate.validate", full_report())
    ended = invoke("validate", "c.yml")
    assert ended.code == ExitCode.CHECK_FAILED
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert "rten net.int8.onnx int8 FAIL 200 0.9000 0.9900 0.9500 +0.0250" in lines
    assert "tract, b: random-0: 3 of 9 values are <NaN> & more" in lines
    assert "not counted: cat/broken.png: not a picture" in lines
    assert lines[-1].endswith("int8 cosine at least 0.99)")
    assert max(map(len, ended.out.splitlines()[:4])) <= 160
    document = invoke("validate", "c.yml", "--json").document
    assert document["data"]["results"][1]["top1"] == 0.9
    assert document["results"][1]["worst_value"]["index"] == [0, 2, 5]


def test_a_fall_alone_ends_with_3(invoke: Invoke, stand_in: StandIn) -> None:
    fallen = report_of(result_of("rten"), passed=False, data=data_of())
    stand_in("validate.validate", fallen)
    assert invoke("validate", "c.yml").code == ExitCode.CHECK_FAILED
    assert invoke("validate", "c.yml").out.splitlines()[-1].startswith("FAILED: ")


def test_files_are_written_and_named(invoke: Invoke, stand_in: StandIn, tmp_path: Path) -> None:
    stand_in("validate.validate", full_report())
    flags = ["--html", "new/v.html", "--junit", "v.xml"]
    ended = invoke("validate", "c.yml", *flags)
    assert ended.code == ExitCode.CHECK_FAILED
    assert "new/v.html" in ended.out
    assert "</html>" in (tmp_path / "new" / "v.html").read_text()
    assert suites_of(tmp_path / "v.xml") == {"pytorch", "rten", "tract", "tch", "files"}
    assert invoke("validate", "c.yml", *flags, "--json").document["passed"] is False


@pytest.mark.parametrize("flag", ["--html", "--junit"])
def test_a_file_that_cannot_be_written_is_refused_first(
    invoke: Invoke, stand_in: StandIn, tmp_path: Path, flag: str
) -> None:
    calls = stand_in("validate.validate", full_report())
    ended = invoke("validate", "c.yml", flag, tmp_path)
    assert ended.code == ExitCode.BAD_INPUT
    assert f"{flag} {tmp_path} is a folder" in ended.err
    assert not calls.arguments
    (tmp_path / "file").write_text("")
    assert invoke("validate", "c.yml", flag, "file/v.xml").code == ExitCode.FILE_SYSTEM


def test_a_converted_model_from_end_to_end(
    command: Callable[..., Ended], tiny: Artifact, tmp_path: Path
) -> None:
    flags = ("--html", tmp_path / "v.html", "--junit", tmp_path / "v.xml", "--json")
    ended = command("validate", tiny.manifest, "--runner", "onnxruntime", *flags)
    assert ended.code == ExitCode.DONE, ended.err
    (row,) = ended.document["results"]
    assert row["limits"] == {"mae": 1e-5, "cos_sim": 0.999}
    assert row["sqnr_db"] is None or row["sqnr_db"] > 100
    assert (row["top1"], row["iou"]) == (None, None)  # a picture, as its postprocess says
    assert suites_of(tmp_path / "v.xml") == {"onnxruntime", "files"}
    assert "Passed." in (tmp_path / "v.html").read_text()
