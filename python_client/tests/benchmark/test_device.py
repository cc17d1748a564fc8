"""The device: what is asked for wins over the config's entries, and these over what is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_network import Artifact

from oxidizedvision.auto import ChooseOptions, stages
from oxidizedvision.auto.goals import goal_named
from oxidizedvision.benchmark import BenchmarkOptions, benchmark, verb
from oxidizedvision.benchmark.candidate import Candidate
from oxidizedvision.benchmark.plan import settings
from oxidizedvision.benchmark.sessions import request_of
from oxidizedvision.config import load_config
from oxidizedvision.core.results import silent
from oxidizedvision.runners.target import resolve

SHORT = BenchmarkOptions(iters=1, warmup_iters=1, processes=1, threads=1, levers=False)


def with_cuda(tiny: Artifact, more: str = "") -> Path:
    """The config, in which ONNX Runtime is to run on CUDA and rten is not."""
    entries = "[{name: onnxruntime, use_cuda: true}, {name: rten}]"
    with tiny.config.open("a") as file:
        file.write(f"runners: {entries}\n{more}")
    return tiny.config


def devices(config: Path, asked: str | None) -> list[str]:
    """Where ONNX Runtime and rten run."""
    chosen = settings(BenchmarkOptions(device=asked), load_config(config))
    where = resolve(config)
    candidates = [Candidate(name, 1, 1) for name in ("onnxruntime", "rten")]
    return [request_of(where, each, device=chosen.device).device for each in candidates]


@pytest.mark.parametrize(
    ("written", "asked", "wanted"),
    [
        ("", None, ["cuda", "cpu"]),
        ("cpu", None, ["cuda", "cpu"]),  # the default, which `config init` writes out
        ("cuda:1", None, ["cuda:1", "cuda:1"]),
        ("", "cpu", ["cpu", "cpu"]),
        ("cuda:1", "cpu", ["cpu", "cpu"]),
        ("cpu", "cuda:1", ["cuda:1", "cuda:1"]),
    ],
)
def test_who_wins(tiny: Artifact, written: str, asked: str | None, wanted: list[str]) -> None:
    config = with_cuda(tiny, f"benchmark: {{device: {written}}}\n" if written else "")
    assert devices(config, asked) == wanted


def test_the_cpu_that_is_asked_for_is_measured(tiny: Artifact) -> None:
    options = BenchmarkOptions(**{**vars(SHORT), "device": "cpu"})
    report = benchmark(with_cuda(tiny), runners=["onnxruntime"], options=options)
    assert [row.device for row in report.results] == ["cpu"]
    assert report.unavailable == ()


@pytest.mark.parametrize("asked", [None, "cpu", "cuda:1"])
def test_auto_measures_on_the_device_that_is_asked_for(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch, asked: str | None
) -> None:
    seen = []

    def measured(_: object, __: object, chosen: verb.Settings, **___: object) -> None:
        seen.append(chosen.device)
        raise KeyboardInterrupt

    monkeypatch.setattr(verb, "measured", measured)
    where, goal = resolve(with_cuda(tiny)), goal_named("latency")
    with pytest.raises(KeyboardInterrupt):
        stages.measure(where, goal, [Candidate("rten", 1, 1)], ChooseOptions(device=asked), silent)
    assert seen == [asked]
