"""`choose` on the command line: its flags, what it prints, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ended import Calls, Ended
from tiny_network import Artifact

from oxidizedvision.auto import Choice, ChoiceRow, ChooseOptions, Dropped, Question
from oxidizedvision.core.errors import ExitCode, Kind

Invoke = Callable[..., Ended]
StandIn = Callable[..., Calls]


def row_of(name: str, **known: Any) -> ChoiceRow:
    figures: dict[str, Any] = {
        "runner": "tract",
        "engine_version": "1.2",
        "device": "cpu",
        "threads": 1,
        "batch_size": 1,
        "precision": "fp32",
        "stage": "full",
        "figure": 10.0,
        "unit": "ms",
        "p50_ms": 10.0,
        "p50_interval_ms": (9.9, 10.1),
        "throughput_per_s": 100.0,
        "first_result_ms": 20.0,
        "peak_rss_mib": None,
        "shipped_bytes": 2048,
        "settled": True,
        "disturbed": None,
    }
    return ChoiceRow(name, **{**figures, **known})


def a_choice() -> Choice:
    return Choice(
        schema_version=1,
        model="net",
        goal="latency",
        runner="tract",
        engine_version="1.2",
        threads=1,
        batch_size=1,
        precision="fp32",
        device="cpu",
        reason="1.20 times the speed of the next",
        rows=(
            row_of("tract with 1 thread"),
            row_of("rten with 2 threads", advantage=1.2, interval=(1.1, 1.3)),
        ),
        dropped=(Dropped("ort", "ort", "missing: install it"),),
        question=Question("latency", "latency", "", ("tract",), (1,), (1,), {}, None),
        files={},
        versions={},
        machine={},
        options={},
        at="2026-01-02T03:04:05+00:00",
        notes=("measured again: the processor changed",),
    )


def test_every_flag_is_handed_on(invoke: Invoke, stand_in: StandIn) -> None:
    calls = stand_in("auto.choose", a_choice())
    flags = (
        "--goal memory --engine tract --engine rten --device cpu --threads 1 --threads 2 "
        "--batch-size 4 --iters 5 --warmup 2 --processes 3 --remeasure"
    )
    assert invoke("choose", "net.oxv.json", *flags.split()).code == ExitCode.DONE
    assert calls.arguments.pop("notify")
    assert calls.arguments == {
        "target": Path("net.oxv.json"),
        "goal": "memory",
        "remeasure": True,
        "options": ChooseOptions(["tract", "rten"], "cpu", [1, 2], [4], 5, 2, 3),
    }


def test_figures_who_was_left_out_and_the_choice_are_shown(
    invoke: Invoke, stand_in: StandIn
) -> None:
    stand_in("auto.choose", a_choice())
    out = invoke("choose", "net.oxv.json").out
    won = "auto chose tract with 1 thread for latency: 1.20 times the speed of the next"
    for text in (
        "1.20 × (1.10 to 1.30)",
        "2.0 KiB",
        "ort left out: missing: install it",
        "note: measured again: the processor changed",
        f"{won} (measured on 2026-01-02)",
    ):
        assert text in out
    document = invoke("choose", "net.oxv.json", "--json").document
    assert document["schema_version"] == 1
    assert (document["runner"], document["rows"][1]["advantage"]) == ("tract", 1.2)


@pytest.mark.parametrize("flags", ["--goal beauty", "--engine auto", "--engine onnxruntime"])
def test_what_cannot_be_chosen_is_a_usage_error(
    invoke: Invoke, tiny_shared: Artifact, flags: str
) -> None:
    ended = invoke("choose", str(tiny_shared.manifest), *flags.split(), "--json")
    assert ended.code == ExitCode.BAD_INPUT
    assert ended.document["error"]["kind"] == Kind.USAGE
