"""The winner of every goal, on figures that were made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_choice import ENGINES, Stub, row, validated
from written_manifest import record, write_manifest

from oxidizedvision.auto import GOALS, Choice, ChooseOptions, choose
from oxidizedvision.auto.forms import Entrant, Form
from oxidizedvision.auto.sizes import Shipped, smallest
from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError
from oxidizedvision.core.files import sha256_of
from oxidizedvision.core.manifest import PackageRecord, update_manifest

TWO = ChooseOptions(engines=ENGINES, threads=(1, 2))


def chosen(choice: Choice) -> tuple[str, int, int]:
    return choice.runner, choice.threads, choice.batch_size


def latency(**by_candidate: float) -> Any:
    """Figures by `engine_threads`; those that are not given are slow."""

    def figures(candidate: Candidate) -> dict[str, Any]:
        p50_ms = by_candidate.get(f"{candidate.runner}_{candidate.threads}", 100.0)
        return {"p50_ms": p50_ms}

    return figures


def test_the_fastest_wins_and_says_by_how_much(net: Path, stub: Stub) -> None:
    stub.figures = latency(tract_1=11.2, tract_2=11.9, rten_1=10.0, rten_2=12.0)
    choice = choose(net, options=TWO)
    assert chosen(choice) == ("rten", 1, 1)
    assert choice.reason == "1.12 times the speed of the next, tract with 1 thread (1.12 to 1.12)"
    assert choice.rows[0].name == "rten with 1 thread"
    assert choice.rows[0].advantage is None
    assert choice.rows[1].advantage == pytest.approx(1.12)
    assert [each.stage for each in choice.rows] == ["full"] * 4
    assert choice.line.startswith("auto chose rten with 1 thread for latency: 1.12 times")


def test_who_is_clearly_worse_is_not_measured_again(net: Path, stub: Stub) -> None:
    stub.figures = latency(tract_1=10.5, rten_1=10.0, rten_2=13.5)
    choice = choose(net, options=TWO)
    short, full = stub.calls
    assert len(short) == 4
    assert [(each.runner, each.threads) for each in full] == [("rten", 1), ("tract", 1)]
    assert [(each.name, each.reason) for each in choice.dropped] == [
        (name, f"clearly worse in the short stage: rten with 1 thread is {times} times as good")
        for name, times in (("rten with 2 threads", "1.35"), ("tract with 2 threads", "10.00"))
    ]
    assert [each.stage for each in choice.rows] == ["full", "full", "short", "short"]


def test_a_wide_interval_drops_nobody(net: Path, stub: Stub) -> None:
    def figures(candidate: Candidate) -> dict[str, Any]:
        slow = candidate.runner == "tract"
        # Slow in one window, as fast in the other: nothing is clear.
        return {
            "p50_ms": 20.0 if slow else 10.0,
            "windows_ms": ((30.0, 10.0) if slow else (10.0, 10.0),),
        }

    stub.figures = figures
    choose(net, options=replace(TWO, threads=1))
    assert len(stub.calls[1]) == 2


def test_one_that_leads_alone_needs_no_second_stage(net: Path, stub: Stub) -> None:
    stub.figures = latency(rten_2=10.0)
    choice = choose(net, options=TWO)
    assert chosen(choice) == ("rten", 2, 1)
    assert len(stub.calls) == 1
    assert choice.reason.startswith("10.00 times the speed of the next, ")


def test_of_those_as_good_the_fewest_threads(net: Path, stub: Stub) -> None:
    stub.figures = latency(rten_1=10.05, rten_2=10.0)
    choice = choose(net, options=TWO)
    assert chosen(choice) == ("rten", 1, 1)
    assert choice.reason.startswith("no significant difference to the next, rten with 2 threads")
    assert choice.reason.endswith("fewer threads")


def test_no_threads_are_saved_at_the_price_of_speed(net: Path, stub: Stub) -> None:
    stub.figures = latency(rten_1=10.3, rten_2=10.0)
    assert chosen(choose(net, options=TWO)) == ("rten", 2, 1)


def test_at_most_a_few_go_into_the_second_stage(net: Path, stub: Stub) -> None:
    stub.figures = lambda candidate: {"p50_ms": 10.0 + candidate.threads / 2}
    options = ChooseOptions(engines=["rten"], threads=(1, 2, 3, 4, 5))
    choice = choose(net, options=options)
    assert [each.threads for each in stub.calls[1]] == [1, 2, 3, 4]
    assert "not among the best 4" in choice.dropped[0].reason
    stub.figures = lambda candidate: {"p50_ms": 10.0 + candidate.threads / 1000}
    choose(net, options=replace(options, threads=tuple(range(1, 9))), remeasure=True)
    assert len(stub.calls[3]) == 6


def test_throughput_looks_at_batches_by_input(net: Path, stub: Stub) -> None:
    speed = {1: 4.0, 4: 10.0, 8: 22.0}
    stub.figures = lambda candidate: {"p50_ms": speed[candidate.batch_size]}
    choice = choose(net, goal="throughput", options=ChooseOptions(engines=["rten"], threads=1))
    assert [each.batch_size for each in stub.calls[0]] == [1, 4, 8]
    assert chosen(choice) == ("rten", 1, 4)
    assert choice.rows[0].figure == pytest.approx(400)
    assert choice.reason.startswith("1.10 times the throughput of the next, rten with 1 thread, ba")


@pytest.mark.parametrize(
    ("dims", "goal", "batches"),
    [
        ([2, 3, 8, 8], "throughput", [2]),
        ([2, 3, 8, 8], "latency", [2]),
        (["batch", 3, 8, 8], "latency", [1]),
    ],
)
def test_batches_go_as_far_as_the_axis_is_free(
    net: Path, stub: Stub, dims: list[int | str], goal: str, batches: list[int]
) -> None:
    spec = {"dims": dims}
    update_manifest(
        net, lambda m: m.model_copy(update={"inputs": [m.inputs[0].model_copy(update=spec)]})
    )
    choose(net, goal=goal, options=replace(TWO, threads=1))
    assert sorted({each.batch_size for each in stub.calls[0]}) == batches


def test_memory_and_cold_start_have_figures_of_their_own(net: Path, stub: Stub) -> None:
    def figures(candidate: Candidate) -> dict[str, Any]:
        fast = candidate.runner == "rten"
        return {
            "p50_ms": 10.0 if fast else 11.0,
            "peak_rss_mib": 60.0 if fast else 50.0,
            "first_results_ms": (30.0, 31.0, 32.0) if fast else (24.0, 25.0, 26.0),
        }

    stub.figures = figures
    options = replace(TWO, threads=1)
    memory = choose(net, goal="memory", options=options)
    assert (memory.runner, memory.reason) == (
        "tract",
        "the next, rten with 1 thread takes 1.20 times the memory",
    )
    cold = choose(net, goal="cold-start", options=options)
    assert cold.runner == "tract"
    assert cold.reason.startswith("the first result of the next, rten with 1 thread takes 1.24")
    assert choose(net, options=options).runner == "rten"


def test_size_is_told_apart_by_latency_where_only_the_file_is_known(net: Path, stub: Stub) -> None:
    stub.figures = latency(rten_1=10.0, tract_1=12.0)
    choice = choose(net, goal="size", options=replace(TWO, threads=1))
    assert choice.runner == "rten"
    assert "without the program with the engine in it, whose size is not known" in choice.reason
    assert choice.reason.endswith(
        "1.20 times the speed of the next, tract with 1 thread (1.20 to 1.20)"
    )


def test_size_counts_programs_once_each_engine_has_one(net: Path, stub: Stub) -> None:
    stub.figures = latency(rten_1=10.0, tract_1=12.0)
    program = record(net.parent, "program", b"x" * 900)

    def built(engine: str, size: int) -> PackageRecord:
        return PackageRecord(
            path=engine,
            name="net",
            engine=engine,
            created="2026-01-01",
            model_sha256=sha256_of(net.with_name("net.onnx")),
            sha256="",
            bytes=1,
            program=program.model_copy(update={"bytes": size}),
        )

    packages = [built("rten", 900), built("tract", 500)]
    update_manifest(net, lambda m: m.model_copy(update={"packages": packages[:1]}))
    options = replace(TWO, threads=1)
    assert choose(net, goal="size", options=options).runner == "rten"
    update_manifest(net, lambda m: m.model_copy(update={"packages": packages}))
    choice = choose(net, goal="size", options=options, remeasure=True)
    assert choice.runner == "tract"
    assert choice.reason.startswith("500 B to ship; ")
    assert [each.name for each in choice.dropped] == ["rten"]
    assert choice.dropped[0].reason == "more to ship: 900 B, the least 500 B"


def test_the_smallest_are_kept_together() -> None:
    form = Form("fp32", Path("net.onnx"))
    entrants = [Entrant("a", form), Entrant("b", form, "int8"), Entrant("c", form)]
    sizes = {("a", ""): Shipped(1000), ("b", "int8"): Shipped(1005), ("c", ""): Shipped(1100)}
    left, larger = smallest(sizes, entrants)
    assert left == tuple(entrants[:2])
    assert [each.name for each in larger] == ["c"]


def test_who_fails_validation_takes_no_part(net: Path, stub: Stub) -> None:
    validated(net, row("tract"), row("rten", passed=False))
    stub.figures = latency(rten_1=1.0, tract_1=10.0)
    choice = choose(net, options=replace(TWO, threads=1))
    assert choice.runner == "tract"
    assert [(each.name, each.reason) for each in choice.dropped] == [
        ("rten", "validation failed: output output: golden/0: mean error 0.5 is above 1e-05")
    ]
    assert {each.runner for each in stub.calls[0]} == {"tract"}


@pytest.mark.parametrize("goal", GOALS)
def test_none_that_passes_is_an_error_with_every_reason(net: Path, stub: Stub, goal: str) -> None:
    validated(net, *(row(name, passed=False) for name in ENGINES))
    with pytest.raises(OxidizedVisionError) as caught:
        choose(net, goal=goal, options=TWO)
    assert caught.value.kind is Kind.CHECK_FAILED
    assert caught.value.exit_code is ExitCode.CHECK_FAILED
    for name in ENGINES:
        assert f"{name}: validation failed" in caught.value.message
    assert not stub.calls


def test_who_cannot_be_measured_is_left_out(net: Path, stub: Stub) -> None:
    times = {"tract": {"p50_ms": 10.0}}
    stub.figures = lambda candidate: times[candidate.runner]
    choice = choose(net, options=replace(TWO, threads=1))
    assert choice.runner == "tract"
    assert choice.dropped[0].reason == "it could not be measured: 'rten'"
    times.clear()
    with pytest.raises(OxidizedVisionError, match="tract with 1 thread: it could not be measured"):
        choose(net, options=replace(TWO, threads=1), remeasure=True)


def test_an_engine_that_uses_fewer_threads_is_one_candidate(net: Path, stub: Stub) -> None:
    stub.figures = lambda _: {"p50_ms": 10.0, "threads": 1}
    choice = choose(net, options=replace(TWO, engines=["tract"]))
    assert len(choice.rows) == 1
    assert choice.dropped[0].reason == "it uses 1 of the 2 threads"
    assert choice.reason == "no other candidate is left"


def test_a_changed_file_is_refused(net: Path, stub: Stub) -> None:
    net.with_name("net.onnx").write_bytes(b"another")
    with pytest.raises(OxidizedVisionError, match=r"net\.onnx is not the file") as caught:
        choose(net, options=TWO)
    assert caught.value.kind is Kind.CHECK_FAILED


@pytest.mark.parametrize("name", ["onnxruntime", "program", "nothing"])
def test_only_rust_engines_are_chosen_among(net: Path, name: str) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        choose(net, options=ChooseOptions(engines=[name]))
    assert caught.value.kind is Kind.USAGE


def test_an_engine_that_is_not_here_cannot_be_chosen(net: Path) -> None:
    options = ChooseOptions(engines=["tensorrt"], device="cuda")
    with pytest.raises(OxidizedVisionError, match="tensorrt: missing") as caught:
        choose(net, options=options)
    assert caught.value.exit_code is ExitCode.MISSING_PART


@pytest.mark.parametrize("change", [{"threads": 0}, {"batch_size": ()}, {"device": "gpu"}])
def test_options_without_a_meaning_are_refused(net: Path, change: dict[str, Any]) -> None:
    with pytest.raises(OxidizedVisionError) as caught:
        choose(net, options=replace(TWO, **change))
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_an_unknown_goal_is_answered_with_the_nearest(net: Path) -> None:
    with pytest.raises(OxidizedVisionError, match=r"'latncy'.*latency"):
        choose(net, goal="latncy")


def test_an_onnx_that_is_given_is_the_file_that_runs(tmp_path: Path, stub: Stub) -> None:
    path = write_manifest(tmp_path)
    validated(path, *(row(name) for name in ENGINES))
    choice = choose(path.with_name("net.onnx"), options=replace(TWO, engines=[*ENGINES, "tch"]))
    assert [(each.name, each.reason) for each in choice.dropped[:1]] == [
        ("tch", "it does not read net.onnx")
    ]
