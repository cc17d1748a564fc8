"""`benchmark --engine-profile` reads its flags, shows its tables, and ends as it should."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Calls, Ended
from made_engine_profile import profile_of, three_engines

from oxidizedvision.benchmark.engine_profile import EngineProfileOptions, UntoldEngine
from oxidizedvision.benchmark.report import BenchmarkFailure
from oxidizedvision.core.errors import ExitCode, Kind
from oxidizedvision.runners.target import Unavailable

Invoke = Callable[..., Ended]
StandIn = Callable[..., Calls]
VERB = "benchmark.engine_profile.engine_profile"
ASK = ("benchmark", "c.yml", "--engine-profile")


def test_every_flag_is_handed_on(invoke: Invoke, stand_in: StandIn) -> None:
    calls = stand_in(VERB, three_engines())
    flags = (
        "--runner ort --runner tract --iters 5 --batch-size 2 --threads 2 --timeout 7.5 "
        "--shape a=2,3"
    )
    assert invoke(*ASK, *flags.split(), "--skip-unavailable").code == ExitCode.DONE
    assert calls.arguments.pop("notify")
    assert calls.arguments == {
        "target": Path("c.yml"),
        "runners": ["ort", "tract"],
        "options": EngineProfileOptions(
            threads=2, batch_size=2, timeout_s=7.5, shapes={"a": (2, 3)}
        ),
        "runs": 5,
        "skip_unavailable": True,
    }


def test_what_is_not_given_is_left_to_the_verb(invoke: Invoke, stand_in: StandIn) -> None:
    calls = stand_in(VERB, three_engines())
    assert invoke(*ASK).code == ExitCode.DONE
    assert calls.arguments["options"] == EngineProfileOptions(threads=1)
    assert "runs" not in calls.arguments


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--warmup 1", "--warmup has no meaning"),
        ("--device cpu", "--device has no meaning"),
        ("--processes 2", "--processes has no meaning"),
        ("--reference ort", "--reference has no meaning"),
        ("--baseline b.json", "--baseline has no meaning"),
        ("--program p", "--program has no meaning"),
        ("--threads 1,2", "takes one count of --threads"),
        ("--batch-size 1,2", "takes one count of --batch-size"),
        ("--by operator --depth 1", "--depth is about modules"),
        ("--by layer", "--by"),
        ("--depth 0", "--depth"),
        ("--top 0", "--top"),
    ],
)
def test_flags_that_have_no_meaning_together(
    invoke: Invoke, stand_in: StandIn, flags: str, message: str
) -> None:
    calls = stand_in(VERB, three_engines())
    ended = invoke(*ASK, *flags.split())
    assert ended.code == ExitCode.BAD_INPUT
    assert message in ended.err
    assert calls.arguments == {}


@pytest.mark.parametrize("flags", ["--by module", "--top 3", "--depth 1"])
def test_flags_that_have_a_meaning_with_it_only(invoke: Invoke, flags: str) -> None:
    ended = invoke("benchmark", "c.yml", *flags.split())
    assert ended.code == ExitCode.BAD_INPUT
    assert f"{flags.split(maxsplit=1)[0]} has a meaning with --engine-profile only" in ended.err


def cells(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.splitlines()]


def test_both_tables_side_by_side(invoke: Invoke, stand_in: StandIn) -> None:
    stand_in(VERB, three_engines())
    lines = cells(invoke(*ASK).out)
    assert "operator ort ms tract ms" in lines
    assert "Conv 3.000 7.000" in lines
    assert "Reorder (added by the engine) 0.500 –" in lines
    assert "module pytorch ms ort ms tract ms" in lines
    assert "total of the nodes 2.000 3.900 9.000" in lines
    assert "a run without profiling 1.900 3.500 8.800" in lines
    assert any("ort Relu" in line for line in lines)
    assert any(line.startswith("Machine: Some CPU") for line in lines)


def test_one_table_of_so_many_rows_at_a_depth(invoke: Invoke, stand_in: StandIn) -> None:
    stand_in(VERB, three_engines())
    lines = cells(invoke(*ASK, "--by", "module", "--top", "1", "--depth", "1").out)
    assert "block 1.800 3.000 8.500" in lines
    assert "the rest (4 rows) 0.200 0.900 0.500" in lines
    assert not any(line.startswith("operator") for line in lines)
    lines = cells(invoke(*ASK, "--by", "operator", "--top", "1").out)
    assert "the rest (5 rows) 0.900 2.000" in lines
    assert not any(line.startswith("module") for line in lines)


def test_engines_that_told_nothing_and_the_exit_codes(invoke: Invoke, stand_in: StandIn) -> None:
    untold = (UntoldEngine("rten", "0.1", 12.5),)
    gone = (Unavailable("openvino", "not_built", "Build it."),)
    failures = (BenchmarkFailure("tract", Kind.UNSUPPORTED, "no such node", "Use ort."),)
    stand_in(VERB, profile_of(untold=untold))
    ended = invoke(*ASK)
    assert ended.code == ExitCode.BAD_INPUT
    assert "rten cannot tell where its time goes; a run takes 12.50 ms." in ended.out
    assert "hint: `--runner tract`" in ended.out
    stand_in(VERB, dataclasses.replace(three_engines(), unavailable=gone))
    ended = invoke(*ASK)
    assert ended.code == ExitCode.MISSING_PART
    assert "openvino did not run (not built): Build it." in ended.out
    stand_in(VERB, dataclasses.replace(three_engines(), failures=failures))
    ended = invoke(*ASK)
    assert ended.code == ExitCode.BAD_INPUT
    assert "tract failed: no such node\nhint: Use ort." in ended.out


def test_json_has_nodes_and_all_rows(invoke: Invoke, stand_in: StandIn) -> None:
    stand_in(VERB, three_engines())
    document = invoke(*ASK, "--json", "--top", "1", "--depth", "1").document
    assert document["schema_version"] == 1
    nodes = document["engines"][1]["nodes"]
    assert nodes[0]["origins"] == ["first", "r"]
    assert {"name": "Relu", "source": "file", "ms": {"tract": 1.5}} in document["operators"]
    assert document["modules"][0]["name"] == "block"
    assert len(document["modules"]) == 5


def test_files_are_written_and_named(invoke: Invoke, stand_in: StandIn, tmp_path: Path) -> None:
    stand_in(VERB, three_engines())
    flags = ("--html", "new/a.html", "--csv", "b.csv", "--by", "module", "--depth", "1")
    ended = invoke(*ASK, *flags)
    assert ended.code == ExitCode.DONE
    assert "html: new/a.html" in ended.out
    page = (tmp_path / "new/a.html").read_text("utf-8")
    assert "By module" in page
    assert "By operator" not in page
    with (tmp_path / "b.csv").open(encoding="utf-8", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file) if row["by"] == "module"]
    assert set(names) == {"block", ".", ""}
    assert invoke(*ASK, "--csv", ".").code == ExitCode.BAD_INPUT
