"""What uses a choice: a real one, `predict`, `package`, and who refuses it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_choice import Stub
from tiny_network import Artifact

from oxidizedvision import load
from oxidizedvision.auto import ChooseOptions, choose
from oxidizedvision.benchmark import verb
from oxidizedvision.core.crates import MARK
from oxidizedvision.core.errors import Kind, OxidizedVisionError
from oxidizedvision.core.manifest import load_manifest
from oxidizedvision.package import build, package
from oxidizedvision.predict import EngineSettings, predict
from oxidizedvision.validate import validate

SHORT = ChooseOptions(
    engines=["tract", "rten"], threads=1, iters=2, warmup_iters=1, processes=1, timeout_s=60
)


@pytest.fixture(autouse=True)
def _no_cargo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OXIDIZEDVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(build, "find_cargo", lambda: None)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def rten_wins(stub: Stub) -> Stub:
    """With two threads, whatever runs."""
    fast = ("rten", 2)
    stub.figures = lambda each: {"p50_ms": 1.0 if (each.runner, each.threads) == fast else 9.0}
    return stub


def test_a_real_choice_is_measured_proved_and_kept(tiny: Artifact) -> None:
    choice = choose(tiny.config, options=SHORT)
    assert choice.runner in {"tract", "rten"}
    assert {row.runner for row in choice.rows} == {"tract", "rten"}
    assert all(row.p50_ms > 0 and row.peak_rss_mib for row in choice.rows)
    manifest = load_manifest(tiny.manifest)
    assert manifest.validation is not None
    assert {row["runner"] for row in manifest.validation["results"]} == {"tract", "rten"}
    assert choose(tiny.config, options=SHORT) == replace(choice, kept=True, notes=())


def test_a_validation_that_covers_it_is_not_repeated(
    tiny: Artifact, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oxidizedvision.auto import proof

    validate(tiny.manifest, runners=SHORT.engines)
    monkeypatch.setattr(proof, "validate", lambda *_, **__: pytest.fail("validated again"))
    assert choose(tiny.manifest, options=SHORT).runner
    with pytest.raises(pytest.fail.Exception):
        choose(tiny.manifest, options=replace(SHORT, engines=["tract", "ort"]))


def test_predict_runs_the_engine_and_the_threads(tiny: Artifact, stub: Stub) -> None:
    fast = ("rten", 1)
    stub.figures = lambda each: {"p50_ms": 1.0 if (each.runner, each.threads) == fast else 9.0}
    array = np.random.default_rng(0).standard_normal((1, 3, 8, 12)).astype(np.float32)
    np.save("x.npy", array)
    report = predict(tiny.onnx, "x.npy", runner="auto", output="y.npy")
    assert (report.runner, report.threads) == ("rten", 1)
    assert report.chosen.startswith("auto chose rten with 1 thread for latency: ")
    with load(tiny.onnx, runner="rten") as engine:
        np.testing.assert_array_equal(np.load("y.npy"), engine.run(array))
    measured = len(stub.calls)
    report = predict(tiny.onnx, "x.npy", runner="auto", output="y.npy")
    assert len(stub.calls) == measured
    assert "(kept, measured on " in report.chosen
    predict(tiny.onnx, "x.npy", runner="auto", output="y.npy", goal="memory")
    assert len(stub.calls) > measured


@pytest.mark.parametrize(
    ("runner", "settings", "goal"),
    [
        ("auto", EngineSettings(precision="fp16"), None),
        ("auto", EngineSettings(options={"num_streams": "2"}), None),
        ("rten", EngineSettings(), "latency"),
        ("auto", EngineSettings(), "beauty"),
    ],
)
def test_predict_refuses_what_means_nothing(
    tiny_shared: Artifact, runner: str, settings: EngineSettings, goal: str | None
) -> None:
    np.save("x.npy", np.zeros((1, 3, 8, 12), np.float32))
    with pytest.raises(OxidizedVisionError) as caught:
        predict(tiny_shared.onnx, "x.npy", runner=runner, settings=settings, goal=goal)
    assert caught.value.kind is Kind.USAGE
    assert caught.value.hint


def test_package_makes_the_crate_with_it(
    tiny: Artifact, rten_wins: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oxidizedvision.auto import grid

    monkeypatch.setattr(grid, "granted_threads", lambda: 2)
    result = package(tiny.onnx, output="crate", engine="auto")
    assert (result.engine, result.threads) == ("rten", 2)
    assert result.reason.startswith("auto chose rten with 2 threads for latency: 9.00 times")
    main = Path("crate/src/main.rs").read_text()
    assert "config.threads.or(Some(granted.min(2)))" in main
    assert "use runner_core::{Backend, RunnerConfig};" in main
    readme = Path("crate/README.md").read_text()
    assert result.reason.partition(" (measured on ")[0] in readme
    assert "It uses 2 threads" in readme
    inside = json.loads((Path("crate") / MARK).read_text())
    (kept,) = inside["choices"].values()
    assert (kept["runner"], kept["threads"], kept["goal"]) == ("rten", 2, "latency")
    manifest = load_manifest(tiny.manifest)
    assert manifest.packages[0].threads == 2
    assert manifest.packages[0].reason == result.reason
    assert list(manifest.choices) == list(inside["choices"])


def test_a_crate_of_a_named_engine_carries_no_choice(tiny: Artifact, rten_wins: Stub) -> None:
    choose(tiny.manifest, options=SHORT)
    result = package(tiny.onnx, output="crate", engine="rten")
    assert result.threads is None
    assert json.loads((Path("crate") / MARK).read_text())["choices"] == {}
    assert "load: |config| RtenBackend.load(config)," in Path("crate/src/main.rs").read_text()
    with pytest.raises(OxidizedVisionError, match="latency means nothing"):
        package(tiny.onnx, output="crate", engine="rten", goal="latency")


def test_nothing_is_measured_for_a_crate_that_cannot_be_written(
    tiny: Artifact, rten_wins: Stub
) -> None:
    Path("mine").mkdir()
    Path("mine/file").touch()
    with pytest.raises(OxidizedVisionError, match="not a package"):
        package(tiny.onnx, output="mine", engine="auto")
    assert not rten_wins.calls


def test_auto_is_refused_where_nothing_is_chosen(tiny_shared: Artifact) -> None:
    calls = (
        lambda: validate(tiny_shared.manifest, runners=["auto"]),
        lambda: verb.benchmark(tiny_shared.manifest, runners=["auto"]),
        lambda: load(tiny_shared.onnx, runner="auto"),
    )
    for call in calls:
        with pytest.raises(OxidizedVisionError, match="auto is no runner") as caught:
            call()
        assert caught.value.kind is Kind.USAGE
        assert "oxidizedvision choose" in caught.value.hint
